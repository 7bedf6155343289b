//! Change of OEE, utilisation or a quality rate between two periods (reference §3.9), with the rules about shifts and the words.
//!
//! Constraints
//! 1. The unit is the production day: shifts of one day are summed, days without planned time stay in the series as 0/0 so that
//!    blocks keep their weekly phase. Ratio of sums, never a mean of ratios (TV-18).
//! 2. Shifts below 80 % coverage are left out and listed; below 75 % valid shifts a side claims nothing; below 90 % it is *qualified*.
//! 3. An interval needs 20 days on each side; a claim needs 30 valid shifts and four complete weeks, on the same weekdays.
//! 4. The seed, the replicates and the block length are printed, so anyone repeats the interval; the arithmetic is
//!    [`crate::statistics::resample`], exact until the last quotient.
//! 5. The interval is never dropped and the raw sign always printed.

mod block;
mod proportion;
#[cfg(test)]
mod tests;
mod validity;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use block::Block;
pub use proportion::{ProportionChange, proportion};
pub use validity::{Observation, Validity};

use crate::statistics::student::Confidence;
use crate::statistics::{Number, Undefined, quantile, resample};

/// Fewest days of a side for an interval.
pub const DAYS_MIN: usize = 20;
/// Fewest valid shifts of a side for a claim.
pub const SHIFTS_MIN: usize = 30;
/// Fewest days from first to last of a side for a claim: four weeks.
pub const SPAN_MIN: usize = 28;
/// Fewest replicates.
pub const REPLICATES_MIN: usize = 2_000;
/// Longest series, days; a plan of more is cut into plans.
pub const DAYS_MAX: usize = 4_000;

/// One scheduled shift of a machine, or of a summed group of machines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shift {
    /// Production date, days since 1970-01-01.
    pub day: i64,
    /// Numerator, exact: for OEE the planned time of good items.
    pub numerator: i128,
    /// Denominator, exact: for OEE the planned busy time. 0 on a day without planned time.
    pub denominator: i128,
    /// How well it was observed.
    pub validity: Validity,
}

/// How the interval is made; part of the plan agreed beforehand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Method {
    /// Seed of the generator, published.
    pub seed: u64,
    /// Replicates; at least 2 000 are drawn.
    pub replicates: usize,
    /// Block length.
    pub block: Block,
    /// Two-sided confidence.
    pub confidence: Confidence,
}

impl Method {
    /// The method of the reference: 2 000 replicates, weekly blocks where a weekly pattern shows, 95 %.
    pub const fn with_seed(seed: u64) -> Self {
        Self { seed, replicates: REPLICATES_MIN, block: Block::Rule, confidence: Confidence::P95 }
    }
}

/// One side of a change.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Side {
    /// Σ numerators, digits.
    pub numerator: String,
    /// Σ denominators, digits.
    pub denominator: String,
    /// Their quotient.
    pub value: Number,
    /// Days of the series, first to last.
    pub days: usize,
    /// Shifts with planned time.
    pub scheduled: usize,
    /// Of which valid.
    pub valid: usize,
    /// Days of shifts left out.
    pub excluded: Vec<i64>,
    /// `full`, `qualified` or `none`.
    pub standing: Standing,
}

/// What a period's shifts allow (reference §3.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// At least 90 % valid.
    Full,
    /// 75–90 %.
    Qualified,
    /// Less: no claim.
    None,
}

/// Why a claim is withheld or weakened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Caution {
    /// Fewer than 20 days on a side: no interval.
    TooFewDays,
    /// Fewer than 30 valid shifts or four weeks on a side: withheld.
    FewValidShifts,
    /// Fewer than 75 % valid shifts on a side: withheld.
    CoverageTooLow,
    /// Fewer than 90 % valid shifts on a side.
    CoverageQualified,
    /// The sides work on different weekdays.
    WeekdayMix,
    /// So many days have no planned time that a resample can be without any: no interval.
    TooManyIdleDays,
    /// A side has no planned time, is longer than 4 000 days, or holds an impossible number: nothing is computed.
    NoRatio,
}

/// What may be said (reference §3.9).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Verdict {
    /// The interval lies above zero.
    Up,
    /// The interval lies below zero.
    Down,
    /// The interval contains zero.
    NotSignificant,
    /// No interval, or not enough for a claim.
    Insufficient,
}

impl Verdict {
    fn of(interval: Option<(f64, f64)>) -> Self {
        match interval {
            None => Self::Insufficient,
            Some((low, _)) if low > 0.0 => Self::Up,
            Some((_, high)) if high < 0.0 => Self::Down,
            Some(_) => Self::NotSignificant,
        }
    }

    /// The words, Chinese and English.
    pub fn words(self, confidence: Confidence) -> (String, String) {
        let percent = confidence.percent();
        match self {
            Self::Up => (format!("提升（{percent}% 置信）"), format!("up ({percent} % confidence)")),
            Self::Down => (format!("下降（{percent}% 置信）"), format!("down ({percent} % confidence)")),
            Self::NotSignificant => ("统计上无显著变化".to_owned(), "no statistically significant change".to_owned()),
            Self::Insufficient => ("样本不足，不作结论".to_owned(), "too few days for a statement".to_owned()),
        }
    }
}

/// The change of a ratio of sums.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Change {
    /// Method and version.
    pub method: &'static str,
    /// Before.
    pub before: Side,
    /// After.
    pub after: Side,
    /// after − before.
    pub difference: Number,
    /// after / before − 1.
    pub relative: Number,
    /// Lower and upper end for the difference.
    pub interval: Option<(Number, Number)>,
    /// Confidence of the interval.
    pub confidence: Confidence,
    /// Seed used, digits: more of them than every JSON reader keeps.
    pub seed: String,
    /// Replicates drawn.
    pub replicates: usize,
    /// Block length used, days.
    pub block_days: usize,
    /// What may be said, code.
    pub verdict: Verdict,
    /// What may be said, Chinese.
    pub verdict_zh: String,
    /// What may be said, English.
    pub verdict_en: String,
    /// Why a claim is withheld or weakened, in order.
    pub cautions: Vec<Caution>,
}

/// Evaluates the change from the shifts before to the shifts after.
pub fn evaluate(before: &[Shift], after: &[Shift], method: &Method) -> Change {
    let (before_days, after_days) = (Series::of(before), Series::of(after));
    let mut cautions = before_days.cautions();
    cautions.extend(after_days.cautions());
    if before_days.weekdays != after_days.weekdays {
        cautions.push(Caution::WeekdayMix);
    }
    let ratios = resample::quotient(before_days.total()).zip(resample::quotient(after_days.total()));
    let is_whole = before_days.is_sound && after_days.is_sound && ratios.is_some();
    let replicates = method.replicates.max(REPLICATES_MIN);
    let block_days = method.block.days(&before_days.units, &after_days.units);
    let mut interval = None;
    if !is_whole {
        cautions.push(Caution::NoRatio);
    } else if before_days.units.len().min(after_days.units.len()) >= DAYS_MIN {
        let drawn = resample::differences(&before_days.units, &after_days.units, block_days, replicates, method.seed);
        let (low, high) = method.confidence.tails();
        match drawn.ok().and_then(|d| quantile::of(d, &[low, high])).as_deref() {
            Some([low, high]) => interval = Some((*low, *high)),
            _ => cautions.push(Caution::TooManyIdleDays),
        }
    }
    cautions.sort();
    cautions.dedup();
    let withheld = cautions.iter().any(|c| matches!(c, Caution::FewValidShifts | Caution::CoverageTooLow));
    let verdict = if withheld { Verdict::Insufficient } else { Verdict::of(interval) };
    let (verdict_zh, verdict_en) = verdict.words(method.confidence);
    let difference =
        ratios.filter(|_| is_whole).map_or(Number::undefined(Undefined::ZeroDenominator), |(b, a)| (a - b).into());
    let relative = ratios
        .filter(|_| is_whole)
        .map_or(Number::undefined(Undefined::ZeroDenominator), |(b, a)| Number::ratio(a - b, b));
    Change {
        method: "circular-block-bootstrap@1",
        before: before_days.side(),
        after: after_days.side(),
        difference,
        relative,
        interval: interval.map(|(low, high)| (low.into(), high.into())),
        confidence: method.confidence,
        seed: method.seed.to_string(),
        replicates,
        block_days,
        verdict,
        verdict_zh,
        verdict_en,
        cautions,
    }
}

/// A side as one pair per day.
struct Series {
    units: Vec<resample::Pair>,
    weekdays: Vec<i64>,
    scheduled: usize,
    valid: usize,
    excluded: Vec<i64>,
    is_sound: bool,
}

impl Series {
    fn of(shifts: &[Shift]) -> Self {
        let mut days: BTreeMap<i64, resample::Pair> = BTreeMap::new();
        let (mut scheduled, mut valid, mut excluded) = (0, 0, Vec::new());
        let mut is_sound = true;
        for shift in shifts {
            is_sound &= shift.denominator >= 0;
            let day = days.entry(shift.day).or_default();
            if shift.denominator > 0 {
                scheduled += 1;
                valid += usize::from(shift.validity == Validity::Valid);
                if shift.validity == Validity::Excluded {
                    excluded.push(shift.day);
                    continue;
                }
            }
            // A sum beyond 2^127 is no count of anything.
            match (day.0.checked_add(shift.numerator), day.1.checked_add(shift.denominator)) {
                (Some(num), Some(den)) => *day = (num, den),
                _ => is_sound = false,
            }
        }
        let first = days.keys().next().copied().unwrap_or(0);
        let last = days.keys().next_back().copied().unwrap_or(-1);
        let length = usize::try_from(last.saturating_sub(first).saturating_add(1)).unwrap_or(usize::MAX);
        is_sound &= length <= DAYS_MAX;
        let units: Vec<resample::Pair> =
            (first..=last).take(DAYS_MAX).map(|d| days.get(&d).copied().unwrap_or((0, 0))).collect();
        let mut weekdays: Vec<i64> =
            days.iter().filter(|(_, u)| u.1 > 0).map(|(d, _)| d.saturating_add(3).rem_euclid(7)).collect();
        weekdays.sort_unstable();
        weekdays.dedup();
        excluded.sort_unstable();
        Self { units, weekdays, scheduled, valid, excluded, is_sound }
    }

    fn total(&self) -> resample::Pair {
        resample::total(&self.units)
    }

    /// By cross-multiplication (reference §0.6).
    fn standing(&self) -> Standing {
        if self.scheduled > 0 && self.valid * 100 >= self.scheduled * 90 {
            Standing::Full
        } else if self.scheduled > 0 && self.valid * 100 >= self.scheduled * 75 {
            Standing::Qualified
        } else {
            Standing::None
        }
    }

    fn cautions(&self) -> Vec<Caution> {
        let mut out = Vec::new();
        if self.units.len() < DAYS_MIN {
            out.push(Caution::TooFewDays);
        }
        if self.valid < SHIFTS_MIN || self.units.len() < SPAN_MIN {
            out.push(Caution::FewValidShifts);
        }
        match self.standing() {
            Standing::Full => {}
            Standing::Qualified => out.push(Caution::CoverageQualified),
            Standing::None => out.push(Caution::CoverageTooLow),
        }
        out
    }

    fn side(&self) -> Side {
        let (num, den) = self.total();
        Side {
            numerator: num.to_string(),
            denominator: den.to_string(),
            value: resample::quotient((num, den)).map_or(Number::undefined(Undefined::ZeroDenominator), Into::into),
            days: self.units.len(),
            scheduled: self.scheduled,
            valid: self.valid,
            excluded: self.excluded.clone(),
            standing: self.standing(),
        }
    }
}
