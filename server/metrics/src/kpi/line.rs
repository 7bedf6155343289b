//! A serial line by its constraint station: `line.oee.constraint@1` (reference §1.6).
//!
//! Constraints
//! 1. A line's OEE is not the sum and not the mean over its stations: availability and performance are the constraint
//!    station's, quality is compounded along the route.
//! 2. Over several windows the stations' facts are summed first; the ratio is formed once, from sums.
//! 3. The constraint is the declared one. Without a declaration it is the station with the most planned time per planned
//!    busy time over the same windows; of equals the first on the route. A report names it and says which of the two it was.
//! 4. The result is a product of quotients of integers; it is divided once, when digits are printed.

use crate::exact::product_digits;
use crate::facts::Facts;
use crate::oee::Undefined;

/// A station of the route.
#[derive(Debug, Clone)]
pub struct Station<'a> {
    /// Machine id.
    pub machine: &'a str,
    /// Its facts, summed over the windows in question.
    pub facts: &'a Facts,
}

/// The OEE of a serial line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineOee {
    /// The constraint station.
    pub constraint: String,
    /// Somebody declared it; otherwise it follows from the load.
    pub is_declared: bool,
    /// `A·E` of the constraint: Σ PRI·PQ / PBT, microseconds over microseconds.
    pub speed: (i128, i128),
    /// `GQ / PQ` of every station in route order, items in millionths.
    pub quality: Vec<(i128, i128)>,
}

impl LineOee {
    /// Every factor, numerator and denominator: their product is the line's OEE.
    pub fn factors(&self) -> Vec<(i128, i128)> {
        std::iter::once(self.speed).chain(self.quality.iter().copied()).collect()
    }

    /// The digits with so many decimals, half away from zero.
    pub fn digits(&self, decimals: usize) -> String {
        product_digits(&self.factors(), decimals).unwrap_or_default()
    }

    /// The digits of the compound quality along the route.
    pub fn quality_digits(&self, decimals: usize) -> String {
        product_digits(&self.quality, decimals).unwrap_or_default()
    }
}

/// Planned time made and planned busy time, both in microseconds.
fn load(f: &Facts) -> Result<(i128, i128), Undefined> {
    if !f.has_state {
        return Err(Undefined::NoState);
    }
    let p = f.production.as_ref().ok_or(Undefined::NoCounter)?;
    if p.without_cycle_time != 0 {
        return Err(Undefined::NoCycleTime);
    }
    let pbt = i128::from(f.buckets.pbt_ms()) * 1000;
    if pbt <= 0 {
        return Err(Undefined::NoPlannedTime);
    }
    Ok((crate::decimal::div_half_up(p.produced.standard.value, 1_000_000).unwrap_or(0), pbt))
}

/// Evaluates a line; `route` in order of the flow, `constraint` as declared.
///
/// # Errors
/// A station without state, counter, rejects, cycle time, planned time or output; a declared constraint that is not on the
/// route counts as no planned time.
pub fn evaluate(route: &[Station<'_>], constraint: Option<&str>) -> Result<LineOee, Undefined> {
    let mut quality = Vec::with_capacity(route.len());
    let mut busiest: Option<(&str, (i128, i128))> = None;
    for station in route {
        let (made, busy) = load(station.facts)?;
        let p = station.facts.production.as_ref().ok_or(Undefined::NoCounter)?;
        if !p.rejects_known {
            return Err(Undefined::NoRejectSignal);
        }
        if p.produced.items.value <= 0 {
            return Err(Undefined::NoProduction);
        }
        quality.push((p.good.items.value, p.produced.items.value));
        // made / busy > most.0 / most.1, without dividing.
        let is_busier =
            |most: (i128, i128)| crate::exact::Rational::new(made, busy) > crate::exact::Rational::new(most.0, most.1);
        let is_named = constraint == Some(station.machine);
        if is_named || (constraint.is_none() && busiest.is_none_or(|(_, most)| is_busier(most))) {
            busiest = Some((station.machine, (made, busy)));
        }
    }
    let (machine, speed) = busiest.ok_or(Undefined::NoPlannedTime)?;
    Ok(LineOee { constraint: machine.to_owned(), is_declared: constraint.is_some(), speed, quality })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counter::Bounded;
    use crate::facts::{Counted, Production};

    fn station(pbt_s: i64, item_s: i128, produced: i128, good: i128) -> Facts {
        let counted = |items: i128| Counted {
            items: Bounded::exact(items * 1_000_000),
            standard: Bounded::exact(items * item_s * 1_000_000_000_000),
        };
        let mut f = Facts { has_state: true, ..Facts::default() };
        f.buckets.apt_ms = pbt_s * 1000;
        f.production = Some(Production {
            produced: counted(produced),
            good: counted(good),
            rejected: counted(produced - good),
            rejects_known: true,
            ..Production::default()
        });
        f
    }

    #[test]
    fn the_slowest_station_sets_the_pace_and_every_station_the_quality() {
        let (cut, press, pack) =
            (station(1_000, 4, 200, 190), station(1_000, 5, 180, 171), station(1_000, 2, 171, 171));
        let route = |names: [&'static str; 3]| {
            [
                Station { machine: names[0], facts: &cut },
                Station { machine: names[1], facts: &press },
                Station { machine: names[2], facts: &pack },
            ]
        };
        let line = evaluate(&route(["cut", "press", "pack"]), None).unwrap();
        assert_eq!((line.constraint.as_str(), line.is_declared), ("press", false));
        assert_eq!(line.quality_digits(6), "0.902500", "0.95 · 0.95 · 1");
        assert_eq!(line.digits(6), "0.812250", "0.9 · 0.9025");
        let declared = evaluate(&route(["cut", "press", "pack"]), Some("cut")).unwrap();
        assert_eq!(declared.digits(6), "0.722000");
        assert_eq!(evaluate(&route(["cut", "press", "pack"]), Some("oven")), Err(Undefined::NoPlannedTime));
    }

    #[test]
    fn a_station_that_made_nothing_leaves_the_line_undefined() {
        let (a, b) = (station(1_000, 4, 200, 190), station(1_000, 4, 0, 0));
        let route = [Station { machine: "a", facts: &a }, Station { machine: "b", facts: &b }];
        assert_eq!(evaluate(&route, None), Err(Undefined::NoProduction));
        assert_eq!(evaluate(&[], None), Err(Undefined::NoPlannedTime));
    }
}
