//! 加工节拍: the distribution of cycle times, the best demonstrated cycle, and drift (reference §1.5, §5 row 18).
//!
//! Constraints
//! 1. CT_i = t_i − t_(i−1) while the machine ran all the time in between; anything above three times the median is a stop.
//! 2. A polled counter resolves half a polling period at best. When the period exceeds a fifth of the cycle, single cycles
//!    are not seen: only the mean Δt/Δcount is given.
//! 3. Quantiles are type 7 (Hyndman and Fan), exactly; the spread is the sample's.

use crate::exact::{Rational, root_digits};
use crate::interval::Interval;

/// A cycle longer than this many medians is a stop.
pub const STOP_MEDIANS: i64 = 3;
/// Good cycles needed before the 10th percentile is a validated best demonstrated cycle.
pub const DEMONSTRATED_MIN: usize = 200;

/// What a polled counter says about single cycles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Observed {
    /// Every cycle, milliseconds, in order of time.
    Each(Vec<i64>),
    /// Too coarse for single cycles: time run and cycles counted in it.
    MeanOnly {
        /// Milliseconds of running between readings.
        run_ms: i64,
        /// Cycles counted in that time.
        cycles: i64,
    },
}

/// Whether one stretch of a sorted set holds all of `[from, to)`.
fn ran(running: &[Interval], from: i64, to: i64) -> bool {
    let at = running.partition_point(|r| r.to_ms <= from);
    running.get(at).is_some_and(|r| r.from_ms <= from && to <= r.to_ms)
}

/// Cycle times from known instants of completion; `running` is the sorted set of stretches of RUN.
pub fn from_instants(instants: &[i64], running: &[Interval]) -> Vec<i64> {
    let pairs = instants.iter().zip(instants.iter().skip(1));
    pairs.filter(|(a, b)| a < b && ran(running, **a, **b)).map(|(a, b)| b - a).collect()
}

/// Cycle times from the readings of a counter, in order of time.
pub fn from_counter(samples: &[(i64, i64)], running: &[Interval], poll_ms: i64) -> Observed {
    let (mut run_ms, mut cycles) = (0_i64, 0_i64);
    let mut instants: Vec<i64> = Vec::new();
    let mut times: Vec<i64> = Vec::new();
    for (a, b) in samples.iter().zip(samples.iter().skip(1)) {
        let (elapsed, counted) = (b.0 - a.0, b.1.saturating_sub(a.1));
        if elapsed <= 0 || counted < 0 || !ran(running, a.0, b.0) {
            // The chain of cycles is broken here: a stop, a reset or a reading out of order.
            times.append(&mut from_instants(&instants, running));
            instants.clear();
            continue;
        }
        run_ms += elapsed;
        cycles += counted;
        match counted {
            0 => {}
            1 => instants.push(b.0),
            _ => {
                times.append(&mut from_instants(&instants, running));
                instants.clear();
                instants.push(b.0);
            }
        }
    }
    times.append(&mut from_instants(&instants, running));
    // poll > CT / 5
    let is_coarse = i128::from(poll_ms) * 5 * i128::from(cycles) > i128::from(run_ms);
    if is_coarse || cycles == 0 { Observed::MeanOnly { run_ms, cycles } } else { Observed::Each(times) }
}

/// A distribution of cycle times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Distribution {
    /// Cycles kept, milliseconds, sorted.
    pub sorted: Vec<i64>,
    /// Left out as stops: longer than three medians.
    pub left_out: usize,
}

/// Keeps what are cycles; `None` when there are none.
pub fn distribution(times: &[i64]) -> Option<Distribution> {
    let mut sorted: Vec<i64> = times.iter().copied().filter(|t| *t > 0).collect();
    sorted.sort_unstable();
    let median = quantile(&sorted, 1, 2)?;
    let limit = median.times(Rational::integer(i128::from(STOP_MEDIANS)))?;
    let kept = sorted.partition_point(|t| Rational::integer(i128::from(*t)) <= limit);
    let left_out = sorted.len() - kept;
    sorted.truncate(kept);
    Some(Distribution { sorted, left_out })
}

/// Quantile type 7 of sorted values at `num / den` of the way, exactly; `None` without values.
pub fn quantile(sorted: &[i64], num: usize, den: usize) -> Option<Rational> {
    let steps = sorted.len().checked_sub(1)?.checked_mul(num)?;
    let (index, rest) = (steps.checked_div(den)?, steps.checked_rem(den)?);
    let low = i128::from(*sorted.get(index)?);
    let high = sorted.get(index + 1).map_or(low, |v| i128::from(*v));
    let part = Rational::new((high - low).checked_mul(rest as i128)?, den as i128)?;
    Rational::integer(low).plus(part)
}

impl Distribution {
    /// Milliseconds: 10th percentile, median, 90th percentile.
    pub fn quantiles(&self) -> Option<[Rational; 3]> {
        let at = |num| quantile(&self.sorted, num, 10);
        Some([at(1)?, at(5)?, at(9)?])
    }

    /// Mean, milliseconds.
    pub fn mean(&self) -> Option<Rational> {
        let sum: i128 = self.sorted.iter().map(|t| i128::from(*t)).sum();
        Rational::new(sum, self.sorted.len() as i128)
    }

    /// Coefficient of variation s / x̄ (sample), digits half up; `None` below two cycles.
    pub fn variation_digits(&self, decimals: usize) -> Option<String> {
        let n = self.sorted.len() as i128;
        let sum: i128 = self.sorted.iter().map(|t| i128::from(*t)).sum();
        let squares =
            self.sorted.iter().try_fold(0_i128, |s, t| s.checked_add(i128::from(*t).checked_mul((*t).into())?))?;
        // s²/x̄² = n·(n·Σx² − (Σx)²) / ((n − 1)·(Σx)²)
        let above = n.checked_mul(squares)?.checked_sub(sum.checked_mul(sum)?)?.checked_mul(n)?;
        let below = (n - 1).checked_mul(sum.checked_mul(sum)?)?;
        root_digits(above, below, decimals)
    }

    /// The best demonstrated cycle: the 10th percentile in whole microseconds per item, rounded to the nearest, with
    /// `items_per_cycle` cavities. `None` below [`DEMONSTRATED_MIN`] cycles.
    pub fn demonstrated_item_us(&self, items_per_cycle: i64) -> Option<i64> {
        if self.sorted.len() < DEMONSTRATED_MIN || items_per_cycle <= 0 {
            return None;
        }
        let [p10, ..] = self.quantiles()?;
        let den = p10.den().checked_mul(i128::from(items_per_cycle))?;
        i64::try_from(crate::decimal::div_half_up(p10.num().checked_mul(1000)?, den)?).ok()
    }
}

/// How the median moved from the first to the last part of a series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drift {
    /// Median of the first quarter, milliseconds.
    pub first: Rational,
    /// Median of the last quarter, milliseconds.
    pub last: Rational,
    /// last / first − 1.
    pub relative: Rational,
}

/// Drift of a series in order of time; stops are left out as in [`distribution`]. `None` below four times fifty cycles, where
/// a median of a quarter says little.
pub fn drift(times: &[i64]) -> Option<Drift> {
    let limit = distribution(times)?.sorted.last().copied()?;
    let kept: Vec<i64> = times.iter().copied().filter(|t| *t > 0 && *t <= limit).collect();
    if kept.len() < 200 {
        return None;
    }
    let quarter = kept.len() / 4;
    let median = |part: &[i64]| {
        let mut part = part.to_vec();
        part.sort_unstable();
        quantile(&part, 1, 2)
    };
    let (first, last) = (median(kept.get(..quarter)?)?, median(kept.get(kept.len() - quarter..)?)?);
    Some(Drift { first, last, relative: last.over(first)?.minus(Rational::integer(1))? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stops_are_not_slow_cycles() {
        let mut times = vec![1_000; 60];
        times.extend([1_500, 3_000, 3_001, 60_000]);
        let d = distribution(&times).unwrap();
        assert_eq!((d.sorted.len(), d.left_out), (62, 2));
        assert_eq!(distribution(&[]), None);
        assert_eq!(distribution(&[0, -5]), None);
    }

    #[test]
    fn quantiles_and_spread_are_exact() {
        let d = Distribution { sorted: vec![2, 4, 4, 4, 5, 5, 7, 9], left_out: 0 };
        let [p10, p50, p90] = d.quantiles().unwrap();
        assert_eq!([p10.digits(2), p50.digits(2), p90.digits(2)], ["3.40", "4.50", "7.60"]);
        assert_eq!(d.mean().unwrap().digits(1), "5.0");
        assert_eq!(d.variation_digits(9).unwrap(), "0.427617987", "√(32/7) / 5");
        assert_eq!(Distribution { sorted: vec![3], left_out: 0 }.variation_digits(3), None);
    }

    #[test]
    fn a_counter_polled_too_slowly_gives_a_mean_only() {
        let running = [Interval::new(0, 100_000)];
        let counter = |poll: i64, cycle: i64| -> Vec<(i64, i64)> {
            (0..=100_000 / poll).map(|i| (i * poll, i * poll / cycle)).collect()
        };
        let Observed::Each(times) = from_counter(&counter(1_000, 5_000), &running, 1_000) else { panic!("resolved") };
        assert_eq!(times, vec![5_000; 19]);
        assert_eq!(
            from_counter(&counter(1_100, 5_000), &running, 1_100),
            Observed::MeanOnly { run_ms: 99_000, cycles: 19 },
            "a polling period above a fifth of the cycle"
        );
        // A stop in the middle breaks the chain; the cycle across it is not one.
        let stopped = [Interval::new(0, 42_000), Interval::new(50_000, 100_000)];
        let Observed::Each(times) = from_counter(&counter(1_000, 5_000), &stopped, 1_000) else { panic!("resolved") };
        assert_eq!(times, vec![5_000; 7 + 9], "5 to 40 s, and 55 to 100 s");
    }

    #[test]
    fn the_demonstrated_cycle_needs_evidence_and_knows_cavities() {
        let slow: Vec<i64> = (0..200).map(|i| 10_000 + i * 10).collect();
        let d = distribution(&slow).unwrap();
        assert_eq!(d.demonstrated_item_us(1), Some(10_199_000));
        assert_eq!(d.demonstrated_item_us(4), Some(2_549_750));
        assert_eq!(distribution(&slow[1..]).unwrap().demonstrated_item_us(1), None);
        let drift = drift(&slow).unwrap();
        assert_eq!(drift.relative.digits(6), "0.146413", "(11745 − 10245) / 10245");
    }
}
