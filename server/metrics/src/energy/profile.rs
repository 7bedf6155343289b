//! Interval energies of a register: what demand, tariffs and interval power are made of (reference §2.4).
//!
//! Constraints
//! 1. An interval lies between two readings. Its energy is what the register passed, rollovers and declared exchanges included; a
//!    restart or an impossible step is an interval without energy, listed as broken, never filled in.
//! 2. Power of an interval is ΔE / Δt. Beyond three times the nominal interval it is a mean over too long a time: marked coarse.
//! 3. At the edges of the window the running total is rounded down, so that neighbouring windows add up to the whole exactly.

use crate::counter::{RegisterRule, Weight, fold};
use crate::exact::Rational;
use crate::interval::Interval;

/// Whether an interval says something about power.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quality {
    /// At most three nominal intervals long.
    Good,
    /// Longer: a mean over too long a time.
    Coarse,
}

/// Energy between two readings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slice {
    /// From one reading to the next, inside the window.
    pub interval: Interval,
    /// What passed, in stored units.
    pub amount: i128,
    /// Whether its power means anything.
    pub quality: Quality,
}

impl Slice {
    /// Mean power in kW, `kwh_per_unit` being what a stored unit stands for.
    pub fn kw(&self, kwh_per_unit: Rational) -> Option<Rational> {
        let kwh = kwh_per_unit.times(Rational::integer(self.amount))?;
        kwh.over(Rational::new(i128::from(self.interval.length_ms()), 3_600_000)?)
    }
}

/// The intervals of a window.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Profile {
    /// In order, disjoint.
    pub slices: Vec<Slice>,
    /// Intervals in which the register restarted or jumped impossibly.
    pub broken: Vec<Interval>,
}

/// The intervals of a register in a window. `samples` are in order of time and reach from the last at or before the window to the
/// first at or after its end.
pub fn profile(
    samples: impl Iterator<Item = (i64, i64)>,
    window: Interval,
    rule: &RegisterRule,
    nominal_ms: i64,
) -> Profile {
    let mut out = Profile::default();
    let mut last: Option<(i64, i64)> = None;
    for sample in samples {
        let Some(before) = last.replace(sample) else { continue };
        let between = Interval::new(before.0, sample.0);
        let interval = between.intersect(&window);
        if interval.is_empty() {
            continue;
        }
        let passed = fold([before, sample].into_iter(), interval, rule, |_, _| Weight::ONE);
        if passed.resets > 0 || passed.excesses > 0 {
            out.broken.push(interval);
            continue;
        }
        let is_coarse = between.length_ms() > nominal_ms.saturating_mul(3);
        let quality = if is_coarse { Quality::Coarse } else { Quality::Good };
        out.slices.push(Slice { interval, amount: passed.amount.value, quality });
    }
    out
}

impl Profile {
    /// Everything that passed in intervals that are whole, in stored units.
    pub fn total(&self) -> i128 {
        self.slices.iter().fold(0, |sum, s| sum.saturating_add(s.amount))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIN: i64 = 60_000;

    fn rule() -> RegisterRule {
        RegisterRule { modulus: Some(1_000), rate_max_per_hour: Some(3_000), gap_ms_max: 3 * MIN, replaced: vec![] }
    }

    #[test]
    fn intervals_carry_energy_power_and_quality() {
        let samples = [(0, 980), (15, 5), (30, 30), (90, 90), (105, 900), (120, 905)].map(|(m, v)| (m * MIN, v));
        let p = profile(samples.into_iter(), Interval::new(0, 120 * MIN), &rule(), 15 * MIN);
        let amounts: Vec<(i128, Quality)> = p.slices.iter().map(|s| (s.amount, s.quality)).collect();
        use Quality::{Coarse, Good};
        assert_eq!(amounts, [(25, Good), (25, Good), (60, Coarse), (5, Good)], "a wrap, and a jump left out");
        assert_eq!(p.broken, [Interval::new(90 * MIN, 105 * MIN)]);
        assert_eq!(p.total(), 115);
        let tenth = Rational::new(1, 10).unwrap();
        assert_eq!(p.slices[0].kw(tenth).unwrap().digits(1), "10.0", "2.5 kWh in a quarter of an hour");
    }

    #[test]
    fn neighbouring_windows_add_up() {
        let samples = [(0, 0), (7, 10), (20, 33), (30, 34)].map(|(m, v)| (m * MIN, v));
        let of = |from: i64, to: i64| profile(samples.into_iter(), Interval::new(from, to), &rule(), 15 * MIN).total();
        for cut in (1..30 * MIN).step_by(77_777) {
            assert_eq!(of(0, cut) + of(cut, 30 * MIN), 34, "cut at {cut}");
        }
    }
}
