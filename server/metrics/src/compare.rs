//! Before against after: the change of a ratio of sums, with an interval anyone can repeat (reference §3.9, TV-18).
//!
//! Constraints
//! 1. The unit is the production day; days without planned time stay in the series as 0/0, so that blocks keep their
//!    weekly phase. Machines are summed per day first, never resampled apart.
//! 2. Circular block bootstrap with SplitMix64 and a published seed: per replicate the *before* sample is drawn fully,
//!    then the *after* sample, from one generator. Quantiles are type 7.
//! 3. Sums are exact integers; floats appear only in the quotients of sums and in the quantile, in a fixed order, without
//!    fused operations: the same on every machine.
//! 4. Fewer than twenty days on a side: insufficient, no interval. Nor is there one when so few days have a denominator that
//!    a resample can be without any.
//!
//! The arithmetic is in [`crate::statistics::resample`]; [`crate::change`] adds the rules about shifts and wording.

use crate::statistics::quantile;
use crate::statistics::resample::{self, Pair};

pub use crate::statistics::resample::SplitMix64;

/// Fewest days per side for an interval.
pub const DAYS_MIN: usize = 20;

/// One production day: numerator and denominator.
pub type Day = Pair;

/// The change of a ratio of sums.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// Σ numerators and Σ denominators before.
    pub before: Day,
    /// Σ numerators and Σ denominators after.
    pub after: Day,
    /// Days in the series, before and after.
    pub days: (usize, usize),
    /// 95 % interval of after − before; `None` when there are too few days.
    pub interval: Option<(f64, f64)>,
    /// Block length used, days.
    pub block: usize,
}

/// What may be said about a change (reference §3.9).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The interval lies above zero.
    Up,
    /// The interval lies below zero.
    Down,
    /// The interval contains zero.
    NotSignificant,
    /// No interval.
    Insufficient,
}

impl Verdict {
    /// The code printed in reports.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Up => "UP",
            Self::Down => "DOWN",
            Self::NotSignificant => "NOT_SIGNIFICANT",
            Self::Insufficient => "INSUFFICIENT",
        }
    }

    /// The words of the reference for a change of a definition, Chinese and English. Only a ratio is said to be raised (提升): more of
    /// an amount is not yet better, and less energy is no decline.
    pub fn words(self, definition: &str) -> (&'static str, &'static str) {
        let (is_energy, is_count) = (definition.starts_with("energy."), definition.starts_with("good."));
        match self {
            Self::Up if is_energy || is_count => ("增加（95% 置信）", "more (95 % confidence)"),
            Self::Down if is_energy => ("降低（95% 置信）", "less (95 % confidence)"),
            Self::Down if is_count => ("减少（95% 置信）", "less (95 % confidence)"),
            Self::Up => ("提升（95% 置信）", "up (95 % confidence)"),
            Self::Down => ("下降（95% 置信）", "down (95 % confidence)"),
            Self::NotSignificant => ("统计上无显著变化", "no statistically significant change"),
            Self::Insufficient => ("样本不足，不作结论", "too few days for a statement"),
        }
    }
}

impl Change {
    /// What may be said.
    pub fn verdict(&self) -> Verdict {
        match self.interval {
            None => Verdict::Insufficient,
            Some((low, _)) if low > 0.0 => Verdict::Up,
            Some((_, high)) if high < 0.0 => Verdict::Down,
            Some(_) => Verdict::NotSignificant,
        }
    }
}

/// Compares two series of days. `block` is at least `ceil(n^(1/3))` of the longer series; 7 keeps the weekly phase.
pub fn compare(before: &[Day], after: &[Day], block: usize, replicates: usize, seed: u64) -> Change {
    let longest = before.len().max(after.len());
    let block = block.max(resample::cube_root_ceil(longest)).min(longest.max(1));
    compare_with_block(before, after, block, replicates, seed)
}

/// The same with exactly this block length.
pub fn compare_with_block(before: &[Day], after: &[Day], block: usize, replicates: usize, seed: u64) -> Change {
    let sums = (resample::total(before), resample::total(after));
    let mut change = Change { before: sums.0, after: sums.1, days: (before.len(), after.len()), interval: None, block };
    let enough = before.len().min(after.len()) >= DAYS_MIN && replicates > 0 && block > 0;
    if enough && change.before.1 > 0 && change.after.1 > 0 {
        let differences = resample::differences(before, after, block, replicates, seed).unwrap_or_default();
        let ends = quantile::of(differences, &[0.025, 0.975]);
        change.interval = ends.and_then(|ends| Some((*ends.first()?, *ends.get(1)?)));
    }
    change
}

/// 95 % interval of after / before − 1 over the same replicates as the interval of a [`Change`] with this block; none when a
/// replicate has no ratio or its baseline is zero.
pub fn relative(before: &[Day], after: &[Day], block: usize, replicates: usize, seed: u64) -> Option<(f64, f64)> {
    let found = resample::relatives(before, after, block, replicates, seed).ok()?;
    let ends = quantile::of(found, &[0.025, 0.975])?;
    Some((*ends.first()?, *ends.get(1)?))
}

/// Compares two series of the same dates: machines beside machines, not before with after. `before` of the [`Change`] is the reference. The
/// dates are drawn paired; everything else is as in [`compare`].
pub fn beside(reference: &[Day], other: &[Day], block: usize, replicates: usize, seed: u64) -> Change {
    let days = reference.len();
    let block = block.max(resample::cube_root_ceil(days)).min(days.max(1));
    let sums = (resample::total(reference), resample::total(other));
    let mut change = Change { before: sums.0, after: sums.1, days: (days, other.len()), interval: None, block };
    let enough = days >= DAYS_MIN && replicates > 0 && sums.0.1 > 0 && sums.1.1 > 0;
    change.interval = enough.then(|| beside_ends(reference, other, (block, replicates, seed), false)).flatten();
    change
}

/// 95 % interval of other / reference − 1 over the same replicates as the interval of [`beside`] with this block.
pub fn beside_relative(
    reference: &[Day],
    other: &[Day],
    block: usize,
    replicates: usize,
    seed: u64,
) -> Option<(f64, f64)> {
    beside_ends(reference, other, (block, replicates, seed), true)
}

fn beside_ends(reference: &[Day], other: &[Day], how: (usize, usize, u64), is_relative: bool) -> Option<(f64, f64)> {
    let found = resample::paired(reference, other, how, is_relative).ok()?;
    let ends = quantile::of(found, &[0.025, 0.975])?;
    Some((*ends.first()?, *ends.get(1)?))
}

#[cfg(test)]
mod tests;
