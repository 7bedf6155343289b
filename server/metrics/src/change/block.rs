//! Block length of the bootstrap (reference §3.9).

use serde::{Deserialize, Serialize};

use crate::statistics::resample::{Pair, cube_root_ceil, quotient, total};
use crate::statistics::series::{is_weekly, politis_white};

/// How long a block is. Agreed in the plan: choosing it after seeing the interval would be choosing the interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Block {
    /// max(⌈n^(1/3)⌉ of the longer side, 7 if a weekly pattern is visible on a side).
    Rule,
    /// So many days, and never below ⌈n^(1/3)⌉.
    AtLeast(usize),
    /// Exactly so many days: to repeat somebody else's interval.
    Exactly(usize),
    /// Politis–White on both sides, the longer of the two, rounded up; the rule where it has no answer.
    Automatic,
}

impl Block {
    /// Days of a block for these series; at least 1, at most the longer series.
    pub fn days(self, before: &[Pair], after: &[Pair]) -> usize {
        let longest = before.len().max(after.len());
        let least = cube_root_ceil(longest);
        let wanted = match self {
            Self::Rule => rule(before, after, least),
            Self::AtLeast(days) => days.max(least),
            Self::Exactly(days) => days,
            Self::Automatic => {
                let of = |units: &[Pair]| politis_white(&influence(units)).map(libm::ceil);
                match (of(before), of(after)) {
                    (Some(b), Some(a)) => b.max(a) as usize,
                    _ => rule(before, after, least),
                }
            }
        };
        wanted.min(longest).max(1)
    }
}

fn rule(before: &[Pair], after: &[Pair], least: usize) -> usize {
    // In what the days do to the ratio, or in the planned time itself: a free Sunday moves no ratio and is a rhythm all the same.
    let planned = |units: &[Pair]| units.iter().map(|(_, den)| *den as f64).collect::<Vec<f64>>();
    let weekly = |units: &[Pair]| is_weekly(&influence(units)) || is_weekly(&planned(units));
    if weekly(before) || weekly(after) { least.max(7) } else { least }
}

/// What each day moves the ratio: `num − R·den`. The ratio of a single day would weigh a short day like a long one.
fn influence(units: &[Pair]) -> Vec<f64> {
    let ratio = quotient(total(units)).unwrap_or_default();
    units.iter().map(|(num, den)| *num as f64 - ratio * *den as f64).collect()
}
