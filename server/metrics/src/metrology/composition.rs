//! The error of a measuring point from the classes of its instruments, and what it does to a pair of bounds.
//!
//! Constraints
//! 1. What an instrument shows is `true · (1 + e)` with `|e|` at most its limit. For a chain the limits are added: with ε = Σ ε_i
//!    and whatever signs, `shown · (1 − ε) ≤ true ≤ shown / (1 − ε)`. Both sides hold exactly, because
//!    `1 − Σ ε_i ≤ Π (1 − ε_i)` and `Π (1 + ε_i) · Π (1 − ε_i) ≤ 1`.
//! 2. Energy through transformers also errs by their phase displacement, by `δ · tan φ`; tan φ is kvarh over kWh of the period, so the
//!    part is a quotient too. π is taken as 355/113, a little too large.
//! 3. An unknown class makes the whole composition unknown. A sum of what happens to be known would look better than it is.

use crate::exact::Rational;
use crate::metrology::{ClassTable, Device, Loading, Meter};

/// The least and the most a value can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Not less than this.
    pub lower: Rational,
    /// Not more than this; `None` when nothing limits it.
    pub upper: Option<Rational>,
}

impl Bounds {
    /// Known exactly.
    pub const fn exact(value: Rational) -> Self {
        Self { lower: value, upper: Some(value) }
    }

    /// Both together; `None` on overflow.
    pub fn plus(self, other: Self) -> Option<Self> {
        let upper = match (self.upper, other.upper) {
            (Some(a), Some(b)) => Some(a.plus(b)?),
            _ => None,
        };
        Some(Self { lower: self.lower.plus(other.lower)?, upper })
    }

    /// Whether everything the other admits is admitted here.
    pub fn contain(&self, other: &Self) -> bool {
        let above = match (self.upper, other.upper) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(mine), Some(theirs)) => theirs <= mine,
        };
        self.lower <= other.lower && above
    }
}

/// What a part of the error comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The ratio or amplitude error of a device.
    Class(Device),
    /// The phase displacement of a transformer.
    Displacement(Device),
}

/// One part of the error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Where it comes from.
    pub source: Source,
    /// The class.
    pub class: String,
    /// Relative limit.
    pub limit: Rational,
}

/// The error of a measuring point.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Composition {
    /// Table of classes.
    pub table: String,
    /// Load at which the limits are taken.
    pub loading: Loading,
    /// The parts.
    pub parts: Vec<Part>,
    /// Their sum, relative, below one.
    pub total: Rational,
}

/// A class without a limit: unknown, not stated, or without the limit that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unknown {
    /// Of which device.
    pub device: Device,
    /// The mark as stated; empty when none was.
    pub class: String,
}

/// π/10 800 rounded up: radians in a minute of arc.
const MINUTE: (i128, i128) = (355, 113 * 10_800);

/// Adds up the limits of the instruments of a measuring point. `tangent` is kvarh over kWh of the period, if known.
///
/// # Errors
/// The first class without a limit.
pub fn compose(
    meter: &Meter,
    table: &ClassTable,
    loading: Loading,
    tangent: Option<Rational>,
) -> Result<Composition, Unknown> {
    let transformers = [(Device::Ct, &meter.ct), (Device::Pt, &meter.pt)];
    let marks = std::iter::once((Device::Meter, meter.class.as_deref()))
        .chain(transformers.into_iter().filter_map(|(d, t)| t.as_ref().map(|t| (d, t.class.as_deref()))));
    of_classes(marks, table, loading, tangent)
}

/// Adds up the limits of named classes.
///
/// # Errors
/// The first class without a limit.
pub fn of_classes<'a>(
    marks: impl IntoIterator<Item = (Device, Option<&'a str>)>,
    table: &ClassTable,
    loading: Loading,
    tangent: Option<Rational>,
) -> Result<Composition, Unknown> {
    let (mut parts, mut total) = (Vec::new(), Rational::ZERO);
    for (device, mark) in marks {
        let unknown = || Unknown { device, class: mark.unwrap_or_default().to_owned() };
        let class = mark.and_then(|m| table.get(device, m)).ok_or_else(unknown)?;
        let mut add = |source: Source, limit: Option<Rational>| {
            let limit = limit.ok_or_else(unknown)?;
            total = total.plus(limit).filter(|t| *t < Rational::integer(1)).ok_or_else(unknown)?;
            parts.push(Part { source, class: class.class.clone(), limit });
            Ok(())
        };
        add(Source::Class(device), class.limit(loading))?;
        if let Some(tangent) = tangent.filter(|_| device != Device::Meter) {
            let radians = class.displacement(loading).and_then(|m| m.times(Rational::new(MINUTE.0, MINUTE.1)?));
            add(Source::Displacement(device), radians.and_then(|r| r.times(magnitude(tangent)?)))?;
        }
    }
    Ok(Composition { table: table.id.clone(), loading, parts, total })
}

fn magnitude(value: Rational) -> Option<Rational> {
    if value < Rational::ZERO { Rational::ZERO.minus(value) } else { Some(value) }
}

impl Composition {
    /// Bounds that also admit the error of the instruments. Never narrower, whatever the sign. `None` on overflow.
    pub fn widen(&self, bounds: Bounds) -> Option<Bounds> {
        let rest = Rational::integer(1).minus(self.total)?;
        let lower = bounds.lower.times(rest)?.min(bounds.lower.over(rest)?);
        let upper = match bounds.upper {
            Some(upper) => Some(upper.times(rest)?.max(upper.over(rest)?)),
            None => None,
        };
        Some(Bounds { lower, upper })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrology::classes::DELIVERED;

    fn marks(meter: &str, ct: Option<&str>) -> Vec<(Device, Option<String>)> {
        let mut out = vec![(Device::Meter, Some(meter.to_owned()))];
        out.extend(ct.map(|c| (Device::Ct, Some(c.to_owned()))));
        out
    }

    fn of(marks: &[(Device, Option<String>)], loading: Loading, tangent: Option<&str>) -> Result<Composition, Unknown> {
        let table = ClassTable::parse(DELIVERED).unwrap();
        let marks = marks.iter().map(|(d, m)| (*d, m.as_deref()));
        of_classes(marks, &table, loading, tangent.and_then(Rational::parse))
    }

    #[test]
    fn limits_add_up_and_widen() {
        let sum = of(&marks("0.5S", Some("0.2S")), Loading::Rated, None).unwrap();
        assert_eq!(sum.total, Rational::new(7, 1000).unwrap());
        let wide = sum.widen(Bounds::exact(Rational::integer(993_000))).unwrap();
        assert_eq!(wide.lower, Rational::integer(986_049), "993 000 · 0.993");
        assert_eq!(wide.upper, Some(Rational::integer(1_000_000)), "993 000 / 0.993");
        let low = of(&marks("0.5S", Some("0.2S")), Loading::Low, None).unwrap();
        assert_eq!(low.total.digits(4), "0.0175");
        let open = sum.widen(Bounds { lower: Rational::ZERO, upper: None }).unwrap();
        assert_eq!(open, Bounds { lower: Rational::ZERO, upper: None });
        let back = sum.widen(Bounds::exact(Rational::integer(-993))).unwrap();
        assert_eq!((back.lower, back.upper.unwrap().digits(3)), (Rational::integer(-1000), "-986.049".to_owned()));
    }

    #[test]
    fn phase_displacement_enters_with_the_tangent() {
        // 10′ = 0.0029089 rad; tan φ 0.5 makes 0.145 %.
        let sum = of(&marks("0.5S", Some("0.2S")), Loading::Rated, Some("0.5")).unwrap();
        assert_eq!(sum.parts.len(), 3);
        assert_eq!(sum.total.digits(7), "0.0084544");
        let leading = of(&marks("0.5S", Some("0.2S")), Loading::Rated, Some("-0.5")).unwrap();
        assert_eq!(sum.total, leading.total);
        assert_eq!(of(&marks("1", Some("3")), Loading::Rated, Some("0.5")).unwrap_err().device, Device::Ct);
        assert!(of(&marks("1", Some("3")), Loading::Rated, None).is_ok());
    }

    #[test]
    fn an_unknown_class_makes_the_sum_unknown() {
        let unknown = of(&marks("0.5S", Some("9P")), Loading::Rated, None).unwrap_err();
        assert_eq!(unknown, Unknown { device: Device::Ct, class: "9P".to_owned() });
        assert_eq!(of(&[(Device::Meter, None)], Loading::Rated, None).unwrap_err().class, "");
        assert!(of(&marks("E", None), Loading::Low, None).is_err(), "the table does not know it at low load");
    }

    #[test]
    fn bounds_contain_what_lies_inside() {
        let b = |l: i128, u: Option<i128>| Bounds { lower: Rational::integer(l), upper: u.map(Rational::integer) };
        assert!(b(0, Some(9)).contain(&b(0, Some(9))) && b(0, None).contain(&b(1, None)));
        assert!(!b(0, Some(9)).contain(&b(0, None)) && !b(1, None).contain(&b(0, Some(1))));
        assert_eq!(b(1, Some(2)).plus(b(3, None)).unwrap(), b(4, None));
    }
}
