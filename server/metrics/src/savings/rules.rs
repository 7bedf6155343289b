//! Sufficiency of the data (reference §3.7) and acceptance limits of the model (§3.4).
//!
//! Constraints
//! 1. A limit is `Model` (the baseline is not accepted), `Claim` (a significant change may not be claimed) or `Guidance` (shown).
//! 2. Twelve monthly points are asked of the baseline. The reporting period may be shorter, down to one month: §3.4 has a limit for
//!    reporting periods below twelve months, and TV-12a reports six. It is a caution, and nothing is annualised. Sixty valid
//!    production days are asked of each side.
//! 3. Limits are compared with the float as computed; no limit is nearer to a value than its rounding error in any vector.

use std::collections::BTreeSet;

use serde::Serialize;

use super::Prepared;
use crate::baseline::{Cadence, DriverKind, Model, Point, RangeFindings, Refusal, Side, Statistics, Uncertainty};
use crate::statistics::student::Confidence;
use crate::statistics::{Number, Undefined};

/// Fewest monthly points of a baseline.
pub const BASELINE_MONTHS_MIN: usize = 12;
/// Fewest valid production days of a side.
pub const DAYS_MIN: usize = 60;
/// Valid production days of a side that are preferred.
pub const DAYS_PREFERRED: usize = 90;

/// What a missed limit means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Weight {
    /// The baseline is not accepted.
    Model,
    /// A significant change may not be claimed.
    Claim,
    /// Shown only.
    Guidance,
}

/// One limit with what was found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Check {
    /// Code, with the driver after a colon where there is one.
    pub id: String,
    /// What was found.
    pub value: Number,
    /// The limit as printed: `<= 0.2`.
    pub limit: &'static str,
    /// Met, missed, or not applicable.
    pub is_met: Option<bool>,
    /// What a miss means.
    pub weight: Weight,
    /// Where the limit comes from.
    pub source: &'static str,
}

/// Something a reader of savings must know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Caution {
    /// The baseline spans less than a year.
    BaselineUnderYear,
    /// More than a tenth of the baseline's periods are missing; weekdays that never have a point are not asked for.
    BaselineGaps,
    /// Fewer than 90 valid production days on a side.
    BelowNinetyDays,
    /// The reporting period spans less than a year; it is not annualised.
    ReportingUnderYear,
    /// The reporting period has calendar months that the baseline lacks, and no degree days are in the model.
    SeasonNotCovered,
    /// The two sides work on different weekdays.
    WeekdayMix,
    /// A driver lies outside the baseline's range.
    OutsideRange,
    /// A driver lies more than a tenth outside it.
    Extrapolated,
    /// Zero readings were taken as missing.
    ZeroReadings,
    /// No two points follow each other: autocorrelation is unknown and not corrected.
    NoNeighbours,
    /// The model meets every point: such data is computed, not measured.
    PerfectFit,
}

impl Caution {
    /// Chinese and English.
    pub const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::BaselineUnderYear => ("基期不足一年", "the baseline spans less than a year"),
            Self::BaselineGaps => ("基期缺失超过 10%", "more than 10 % of the baseline is missing"),
            Self::BelowNinetyDays => ("有效生产日不足 90 天", "fewer than 90 valid production days on a side"),
            Self::ReportingUnderYear => {
                ("统计报告期不足一年，不折算全年", "the reporting period spans less than a year and is not annualised")
            }
            Self::SeasonNotCovered => (
                "报告期月份未被基期覆盖，且模型不含度日数",
                "the baseline lacks calendar months of the reporting period and the model has no degree days",
            ),
            Self::WeekdayMix => ("两期的工作日构成不同", "the two sides work on different weekdays"),
            Self::OutsideRange => ("驱动变量超出基期范围", "a driver lies outside the baseline's range"),
            Self::Extrapolated => {
                ("驱动变量超出基期范围 10% 以上", "a driver lies more than 10 % outside the baseline's range")
            }
            Self::ZeroReadings => ("零读数按缺失处理", "zero readings were taken as missing"),
            Self::NoNeighbours => {
                ("无相邻数据点，自相关未知、未修正", "no two points follow each other: autocorrelation is unknown")
            }
            Self::PerfectFit => {
                ("数据与模型完全吻合，疑为推算数据", "the model meets every point: the data looks computed")
            }
        }
    }
}

/// The pilot's minimum of points.
pub(super) fn too_short(cadence: Cadence, before: &[Point], after: &[Point]) -> Option<Refusal> {
    let (baseline, reporting) = match cadence {
        Cadence::Month => (BASELINE_MONTHS_MIN, 1),
        Cadence::Day => (DAYS_MIN, DAYS_MIN),
    };
    let sides = [(Side::Baseline, before.len(), baseline), (Side::Reporting, after.len(), reporting)];
    sides.into_iter().find(|(_, points, wanted)| points < wanted).map(|(side, points, wanted)| Refusal::TooShort {
        side,
        points,
        wanted,
    })
}

/// Periods from first to last, both included.
fn span(points: &[Point]) -> i64 {
    match (points.first(), points.last()) {
        (Some(a), Some(b)) => b.period.saturating_sub(a.period).saturating_add(1),
        _ => 0,
    }
}

/// Periods of a year: 365 days or 12 months.
const fn year(cadence: Cadence) -> i64 {
    match cadence {
        Cadence::Day => 365,
        Cadence::Month => 12,
    }
}

/// The limits of §3.4.
pub(super) fn checks(cadence: Cadence, model: &Model, levels: &[Uncertainty], after: &[Point]) -> Vec<Check> {
    const G14: &str = "ASHRAE Guideline 14-2014";
    let s = model.statistics();
    let of = |id: String, value: Number, limit, is_met: Option<bool>, weight, source| Check {
        id,
        value,
        limit,
        is_met,
        weight,
        source,
    };
    let reporting = span(after);
    let (cv_limit, cv_text) = if reporting < year(cadence) {
        (0.20, "<= 0.20")
    } else if reporting <= 5 * year(cadence) + i64::from(cadence == Cadence::Day) {
        (0.25, "<= 0.25")
    } else {
        (0.30, "<= 0.30")
    };
    let cv = s.cv_rmse;
    let mut out = vec![
        of("CV_RMSE".to_owned(), cv, cv_text, cv.ok().map(|v| v <= cv_limit), Weight::Model, G14),
        of("BIAS".to_owned(), s.nmbe, "< 0.00005", s.nmbe.ok().map(|v| v.abs() < 0.000_05), Weight::Model, G14),
    ];
    for (driver, coefficient) in model.drivers().iter().zip(s.coefficients.iter().skip(1)) {
        if driver.kind == DriverKind::Indicator {
            continue;
        }
        let (value, t) = (coefficient.value, coefficient.t);
        let sign = value.ok().map(|v| v > 0.0);
        out.push(of(format!("SIGN:{}", driver.id), value, "> 0", sign, Weight::Model, "Gongzheng"));
        let strong = t.ok().map(|v| v.abs() >= 2.0);
        out.push(of(format!("T:{}", driver.id), t, ">= 2", strong, Weight::Model, G14));
    }
    let perfect = s.rho.get() == Err(Undefined::PerfectFit);
    out.push(of("RESIDUALS".to_owned(), s.rmse, "> 0", Some(!perfect), Weight::Model, "Gongzheng"));
    let fsu = levels.iter().find(|u| u.confidence == Confidence::P68).map(|u| u.fsu_ashrae);
    if let Some(fsu) = fsu {
        out.push(of("FSU_68".to_owned(), fsu, "<= 0.50", fsu.ok().map(|v| v <= 0.50), Weight::Claim, G14));
    }
    out.push(of("R2".to_owned(), s.r2, ">= 0.75", s.r2.ok().map(|v| v >= 0.75), Weight::Guidance, G14));
    let dw = s.durbin_watson;
    out.push(of("DURBIN_WATSON".to_owned(), dw, ">= 1", dw.ok().map(|v| v >= 1.0), Weight::Guidance, "Gongzheng"));
    out
}

pub(super) fn cautions(
    cadence: Cadence,
    prepared: &Prepared,
    model: &Statistics,
    ranges: &RangeFindings,
) -> Vec<Caution> {
    let (before, after) = (prepared.before.as_slice(), prepared.after.as_slice());
    let mut out = BTreeSet::new();
    let mut when = |is: bool, caution| {
        if is {
            out.insert(caution);
        }
    };
    let wanted = wanted(cadence, before);
    let missing = wanted.saturating_sub(i64::try_from(before.len()).unwrap_or(i64::MAX));
    when(span(before) < year(cadence), Caution::BaselineUnderYear);
    when(missing.saturating_mul(10) > wanted, Caution::BaselineGaps);
    when(span(after) < year(cadence), Caution::ReportingUnderYear);
    let weather = prepared.drivers.iter().any(|d| matches!(d.kind, DriverKind::Heating | DriverKind::Cooling));
    when(!weather && !months(cadence, after).is_subset(&months(cadence, before)), Caution::SeasonNotCovered);
    if cadence == Cadence::Day {
        when(before.len().min(after.len()) < DAYS_PREFERRED, Caution::BelowNinetyDays);
        when(weekdays(before) != weekdays(after), Caution::WeekdayMix);
    }
    when(!ranges.excursions.is_empty(), Caution::OutsideRange);
    when(ranges.excursions.iter().any(|e| e.is_extrapolated), Caution::Extrapolated);
    when(!prepared.zero_readings.is_empty(), Caution::ZeroReadings);
    when(model.rho.get() == Err(Undefined::NoNeighbours), Caution::NoNeighbours);
    when(model.rho.get() == Err(Undefined::PerfectFit), Caution::PerfectFit);
    out.into_iter().collect()
}

/// Periods that should have a point: all months, and the days of the weekdays that are worked at all.
fn wanted(cadence: Cadence, points: &[Point]) -> i64 {
    let (span, worked) = (span(points), weekdays(points));
    let first = points.first().map_or(0, |p| p.period);
    match cadence {
        Cadence::Month => span,
        // Whole weeks have each weekday once; the days of the last, incomplete week are looked at.
        Cadence::Day => {
            let weeks = span / 7;
            let rest = (weeks * 7..span).filter(|d| worked.contains(&weekday(first.saturating_add(*d)))).count();
            weeks * worked.len() as i64 + rest as i64
        }
    }
}

/// Monday 0; 1970-01-01 was a Thursday.
const fn weekday(day: i64) -> i64 {
    day.saturating_add(3).rem_euclid(7)
}

/// Weekdays with points.
fn weekdays(points: &[Point]) -> BTreeSet<i64> {
    points.iter().map(|p| weekday(p.period)).collect()
}

/// Calendar months with points, January 1.
fn months(cadence: Cadence, points: &[Point]) -> BTreeSet<i64> {
    let month = |p: &Point| match cadence {
        Cadence::Month => p.period.rem_euclid(12) + 1,
        Cadence::Day => month_of_day(p.period),
    };
    points.iter().map(month).collect()
}

/// Calendar month of a day since 1970-01-01; 0 for days no calendar has.
fn month_of_day(day: i64) -> i64 {
    let date = jiff::Span::new().try_days(day).and_then(|span| jiff::civil::date(1970, 1, 1).checked_add(span));
    date.map_or(0, |d| i64::from(d.month()))
}
