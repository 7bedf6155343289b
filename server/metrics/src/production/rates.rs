//! Throughput, capacity, plan attainment, material per good item, and where stopped time goes (reference §5).
//!
//! Constraints
//! 1. Quotients of sums; a zero denominator is undefined with a reason. Attainment above 1 stays above 1.
//! 2. Material is measured (a scale, a flow or feeder register, a tank level); a backflush from a bill of materials is not a
//!    measurement and is graded D by whoever enters it.

use std::collections::BTreeMap;

use crate::exact::Rational;
use crate::facts::Facts;
use crate::oee::{Ratio, Undefined, Value};
use crate::production::cycle::quantile;

/// 产能利用率: Σ PRI·PQ / PBT, microseconds over microseconds.
pub fn capacity_utilisation(f: &Facts) -> Value {
    let p = f.production.as_ref().ok_or(Undefined::NoCounter)?;
    if p.without_cycle_time != 0 {
        return Err(Undefined::NoCycleTime);
    }
    let pbt = i128::from(f.buckets.pbt_ms()) * 1000;
    if pbt <= 0 {
        return Err(Undefined::NoPlannedTime);
    }
    let made = p.produced.standard;
    let us = |v: i128| crate::decimal::div_half_up(v, 1_000_000).unwrap_or(0);
    let [least, doubt] = [f.buckets.sure_pbt_ms(), f.buckets.unplanned_doubt_ms()].map(|ms| i128::from(ms) * 1000);
    Ok(Ratio {
        num: us(made.value),
        den: pbt,
        lower: (us(made.lower), least + doubt),
        upper: (least > 0 && !p.uncapped).then_some((us(made.upper), least)),
    })
}

fn over(num: Rational, den: Rational, why: Undefined) -> Result<Rational, Undefined> {
    if den <= Rational::ZERO { Err(why) } else { num.over(den).ok_or(why) }
}

/// Theoretical capacity of a stretch of planned busy time: PBT / PRI, items.
///
/// # Errors
/// No cycle time.
pub fn theoretical_capacity(pbt_ms: i64, item_us: i64) -> Result<Rational, Undefined> {
    over(Rational::integer(i128::from(pbt_ms) * 1000), Rational::integer(item_us.into()), Undefined::NoCycleTime)
}

/// Takt 实际生产节拍: planned busy time per item demanded, milliseconds.
///
/// # Errors
/// No demand.
pub fn takt(pbt_ms: i64, demand: i64) -> Result<Rational, Undefined> {
    over(Rational::integer(pbt_ms.into()), Rational::integer(demand.into()), Undefined::NoOrder)
}

/// Demonstrated maximum: the 95th percentile of good items per hour.
///
/// # Errors
/// No hour.
pub fn demonstrated_per_hour(hourly_good: &[i64]) -> Result<Rational, Undefined> {
    let mut sorted = hourly_good.to_vec();
    sorted.sort_unstable();
    quantile(&sorted, 19, 20).ok_or(Undefined::NoProduction)
}

/// 计划达成率: good items / planned items; not capped.
///
/// # Errors
/// Nothing was planned.
pub fn attainment(good: i64, planned: i64) -> Result<Rational, Undefined> {
    over(Rational::integer(good.into()), Rational::integer(planned.into()), Undefined::NoOrder)
}

/// 故障率: fault time / planned busy time.
///
/// # Errors
/// No planned time.
pub fn fault_share(fault_ms: i64, pbt_ms: i64) -> Result<Rational, Undefined> {
    over(Rational::integer(fault_ms.into()), Rational::integer(pbt_ms.into()), Undefined::NoPlannedTime)
}

/// What was drawn from a tank whose level is read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Drawn {
    /// Drawn between refills, in the unit of the level. What was drawn during a refill is not known and not in it.
    pub amount: i128,
    /// Refills seen.
    pub refills: u32,
}

/// Consumption from tank levels in order of time. A rise of at least `refill_min` from one reading to the next is a refill;
/// smaller rises are noise of the level and cancel within a stretch.
pub fn drawn_from_levels(levels: &[i64], refill_min: i64) -> Drawn {
    let mut out = Drawn::default();
    let mut begin = levels.first().copied();
    for (a, b) in levels.iter().zip(levels.iter().skip(1)) {
        if b.saturating_sub(*a) >= refill_min.max(1) {
            out.refills += 1;
            out.amount += i128::from(begin.unwrap_or(*a)) - i128::from(*a);
            begin = Some(*b);
        }
    }
    if let (Some(begin), Some(last)) = (begin, levels.last()) {
        out.amount += i128::from(begin) - i128::from(*last);
    }
    out
}

/// One cause of stopped time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// Reason, empty when nobody gave one.
    pub reason: String,
    /// Time, milliseconds.
    pub ms: i64,
    /// Episodes.
    pub times: u32,
}

/// Stopped time by reason, longest first; of equals by name. Episodes without a reason stay together under an empty one.
pub fn pareto(episodes: &[(&str, i64)]) -> Vec<Cause> {
    let mut sums: BTreeMap<&str, (i64, u32)> = BTreeMap::new();
    for (reason, ms) in episodes {
        let sum = sums.entry(reason).or_default();
        *sum = (sum.0 + ms, sum.1 + 1);
    }
    let mut out: Vec<Cause> =
        sums.into_iter().map(|(reason, (ms, times))| Cause { reason: reason.to_owned(), ms, times }).collect();
    out.sort_by_key(|c| std::cmp::Reverse(c.ms));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotients_are_exact_and_undefined_without_a_denominator() {
        assert_eq!(theoretical_capacity(430 * 60_000, 48_000_000).unwrap().digits(1), "537.5");
        assert_eq!(theoretical_capacity(1, 0), Err(Undefined::NoCycleTime));
        assert_eq!(takt(430 * 60_000, 400).unwrap().digits(0), "64500");
        assert_eq!(attainment(412, 400).unwrap().digits(2), "1.03");
        assert_eq!(attainment(1, 0), Err(Undefined::NoOrder));
        let hours: Vec<i64> = (0..=100).collect();
        assert_eq!(demonstrated_per_hour(&hours).unwrap().digits(0), "95");
        assert_eq!(demonstrated_per_hour(&[]), Err(Undefined::NoProduction));
    }

    #[test]
    fn a_refill_is_not_negative_consumption() {
        let levels = [100, 90, 91, 70, 180, 150, 152, 120];
        assert_eq!(drawn_from_levels(&levels, 50), Drawn { amount: 30 + 60, refills: 1 });
        assert_eq!(drawn_from_levels(&[], 50), Drawn::default());
    }

    #[test]
    fn causes_come_longest_first_and_nothing_is_dropped() {
        let all = pareto(&[("tool", 5), ("", 7), ("jam", 9), ("tool", 5)]);
        let short: Vec<(&str, i64, u32)> = all.iter().map(|c| (c.reason.as_str(), c.ms, c.times)).collect();
        assert_eq!(short, [("tool", 10, 2), ("jam", 9, 1), ("", 7, 1)]);
    }
}
