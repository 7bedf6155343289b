//! Energy saved against an adjusted baseline (reference §3): IPMVP option B for a machine or line, option C for a factory's
//! incoming meter. 节能量 = 校准能耗 − 统计报告期能耗.
//!
//! Constraints
//! 1. A pure function of plan and points. The plan, with its confidence and its adjustments, is agreed before the outcome is known;
//!    nothing here looks for the treatment that saves most.
//! 2. What may not be stated is declined with a typed reason: too little data, extrapolation of more than a fifth of the energy, an
//!    adjustment that excludes too much. A declined outcome still shows the model.
//! 3. Every result comes with and without non-routine adjustments (§3.6), with its interval, and never as unit consumption alone:
//!    the volume effect stands beside it (§3.4, the product trap).
//! 4. Partial periods are never annualised: what was measured is what is stated (CalTRACK 4.1.2).
//! 5. Inside, positive is less energy used. GB/T 28750-2012 prints the opposite sign, so the plan names the sign and the words
//!    节能/费能 stand beside the number (§3.5).
//!
//! `adjust` applies logged events, `rules` holds sufficiency and acceptance limits, `unit` the unit consumption, `words` what may be said.

mod adjust;
pub mod declared;
pub mod definitions;
mod rules;
#[cfg(test)]
mod tests;
mod unit;
mod words;

use serde::{Deserialize, Serialize};

pub use adjust::{Adjustment, Applied, Correction, EventKind, Treatment};
pub use rules::{BASELINE_MONTHS_MIN, Caution, Check, DAYS_MIN, DAYS_PREFERRED, Weight};
pub use unit::UnitConsumption;
pub use words::{Direction, SignConvention, Verdict};

use crate::baseline::{
    Cadence, Driver, Model, Point, Projection, RangeFindings, Refusal, Side, Statistics, Uncertainty, in_order,
    uncertainty,
};
use crate::statistics::Number;
use crate::statistics::student::Confidence;

/// What is compared and how, agreed beforehand.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// Days or months.
    pub cadence: Cadence,
    /// What drives the energy: products, and degree days when heating or cooling is inside the boundary.
    pub drivers: Vec<Driver>,
    /// Confidence of the stated interval, parts of ten thousand; 9 000 unless given.
    #[serde(default = "headline")]
    pub confidence: Confidence,
    /// The sign in which the saving is printed.
    #[serde(default)]
    pub convention: SignConvention,
    /// Logged non-routine events (§3.6).
    #[serde(default)]
    pub adjustments: Vec<Adjustment>,
}

const fn headline() -> Confidence {
    Confidence::P90
}

/// Savings with and without non-routine adjustments.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Savings {
    /// Method and version.
    pub method: &'static str,
    /// With the plan's adjustments: the statement. The same as `without` when there are none.
    pub with: Outcome,
    /// As if nothing had been logged.
    pub without: Outcome,
}

/// A result, or why there is none.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Evaluated; whether it may be claimed is its verdict.
    Evaluated(Box<Evaluation>),
    /// Not evaluated.
    Declined(Box<Declined>),
}

impl Outcome {
    /// The result, if there is one.
    pub fn evaluation(&self) -> Option<&Evaluation> {
        match self {
            Self::Evaluated(e) => Some(e),
            Self::Declined(_) => None,
        }
    }

    /// The reason, if there is none.
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Evaluated(_) => None,
            Self::Declined(d) => Some(&d.refusal),
        }
    }
}

/// Why there is no result, and the model as far as it came.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Declined {
    /// The reason.
    pub refusal: Refusal,
    /// The model, if one was fitted.
    pub model: Option<Statistics>,
    /// Where the reporting period lay, if that was asked.
    pub ranges: Option<RangeFindings>,
}

/// Everything about one result.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Evaluation {
    /// The model.
    pub model: Statistics,
    /// Reporting points, m.
    pub points: usize,
    /// Σ adjusted baseline (校准能耗), kWh.
    pub adjusted_baseline: Number,
    /// Σ measured reporting energy, kWh.
    pub actual: Number,
    /// Avoided energy, kWh; positive is less used.
    pub avoided: Number,
    /// F = avoided / adjusted baseline.
    pub fraction: Number,
    /// The avoided energy in the sign the plan asks for.
    pub stated: Number,
    /// Which sign that is.
    pub convention: SignConvention,
    /// 节能 or 费能: the raw sign in words.
    pub direction: Direction,
    /// At 68 %, the plan's confidence, 90 % and 95 %, in ascending order.
    pub uncertainties: Vec<Uncertainty>,
    /// The confidence of the verdict.
    pub confidence: Confidence,
    /// What may be said, code.
    pub verdict: Verdict,
    /// What may be said, Chinese.
    pub verdict_zh: String,
    /// What may be said, English.
    pub verdict_en: String,
    /// Unit consumption with the volume effect beside it.
    pub unit_consumption: UnitConsumption,
    /// Relative change of mean energy per period: the naive figure, for contrast.
    pub mean_energy_change: Number,
    /// Where reporting drivers lie.
    pub ranges: RangeFindings,
    /// Acceptance limits (§3.4) with what was found.
    pub checks: Vec<Check>,
    /// What a reader must know.
    pub cautions: Vec<Caution>,
    /// Periods whose zero reading was taken as missing.
    pub zero_readings: Vec<(Side, i64)>,
    /// The adjustments applied.
    pub applied: Vec<Applied>,
}

impl Evaluation {
    /// The interval of the verdict.
    pub fn headline(&self) -> Option<&Uncertainty> {
        self.uncertainties.iter().find(|u| u.confidence == self.confidence)
    }
}

/// Evaluates savings: baseline points before, reporting points after.
pub fn evaluate(plan: &Plan, before: &[Point], after: &[Point]) -> Savings {
    let without = outcome(plan, &[], before, after);
    let with =
        if plan.adjustments.is_empty() { without.clone() } else { outcome(plan, &plan.adjustments, before, after) };
    Savings { method: definitions::METHOD, with, without }
}

fn outcome(plan: &Plan, adjustments: &[Adjustment], before: &[Point], after: &[Point]) -> Outcome {
    let declined = |refusal, model: Option<&Model>, ranges| {
        let model = model.map(|m| m.statistics().clone());
        Outcome::Declined(Box::new(Declined { refusal, model, ranges }))
    };
    let prepared = match prepare(plan, adjustments, before, after) {
        Ok(prepared) => prepared,
        Err(refusal) => return declined(refusal, None, None),
    };
    let model = match Model::fit(&prepared.drivers, &prepared.before) {
        Ok(model) => model,
        Err(refusal) => return declined(refusal, None, None),
    };
    if let Some(refusal) = rules::too_short(plan.cadence, &prepared.before, &prepared.after) {
        return declined(refusal, Some(&model), None);
    }
    let ranges = model.range_findings(&prepared.after);
    if ranges.is_too_far {
        return declined(Refusal::Extrapolated, Some(&model), Some(ranges));
    }
    match model.project(&prepared.after) {
        Ok(projection) => Outcome::Evaluated(Box::new(assess(plan, prepared, &model, &projection, ranges))),
        Err(refusal) => declined(refusal, Some(&model), Some(ranges)),
    }
}

/// Points that take part, after zero readings and adjustments.
struct Prepared {
    drivers: Vec<Driver>,
    before: Vec<Point>,
    after: Vec<Point>,
    zero_readings: Vec<(Side, i64)>,
    applied: Vec<Applied>,
}

fn prepare(plan: &Plan, adjustments: &[Adjustment], before: &[Point], after: &[Point]) -> Result<Prepared, Refusal> {
    let mut before = in_order(Side::Baseline, &plan.drivers, before)?;
    let mut after = in_order(Side::Reporting, &plan.drivers, after)?;
    let mut zero_readings = Vec::new();
    for (side, points) in [(Side::Baseline, &mut before), (Side::Reporting, &mut after)] {
        // CalTRACK 2.2.1.4: electricity reads zero only when nothing was read, unless the machine is known to have been off.
        points.retain(|p| {
            let missing = p.energy == 0.0 && !p.is_off;
            if missing {
                zero_readings.push((side, p.period));
            }
            !missing
        });
    }
    let adjusted = adjust::apply(&plan.drivers, adjustments, before, after)?;
    let adjust::Adjusted { drivers, before, after, applied } = adjusted;
    Ok(Prepared { drivers, before, after, zero_readings, applied })
}

fn assess(
    plan: &Plan,
    prepared: Prepared,
    model: &Model,
    projection: &Projection,
    ranges: RangeFindings,
) -> Evaluation {
    let mut levels = vec![Confidence::P68, Confidence::P90, Confidence::P95, plan.confidence];
    levels.sort();
    levels.dedup();
    let uncertainties: Vec<Uncertainty> =
        levels.into_iter().map(|level| uncertainty(model, projection, plan.cadence, level)).collect();
    let checks = rules::checks(plan.cadence, model, &uncertainties, &prepared.after);
    let cautions = rules::cautions(plan.cadence, &prepared, model.statistics(), &ranges);
    let headline = uncertainties.iter().find(|u| u.confidence == plan.confidence);
    let interval = headline.and_then(|u| Some((u.lower.ok()?, u.upper.ok()?)));
    let verdict = Verdict::of(interval, &checks);
    let (verdict_zh, verdict_en) = verdict.words(plan.confidence);
    let avoided = Number::new(projection.avoided);
    Evaluation {
        model: model.statistics().clone(),
        points: projection.points,
        adjusted_baseline: Number::new(projection.adjusted),
        actual: Number::new(projection.actual),
        avoided,
        fraction: Number::ratio(projection.avoided, projection.adjusted),
        stated: avoided.map(|v| plan.convention.signed(v)),
        convention: plan.convention,
        direction: Direction::of(projection.avoided),
        uncertainties,
        confidence: plan.confidence,
        verdict,
        verdict_zh,
        verdict_en,
        unit_consumption: unit::compare(&plan.drivers, &prepared.before, &prepared.after, projection),
        mean_energy_change: unit::mean_energy_change(&prepared.before, &prepared.after),
        ranges,
        checks,
        cautions,
        zero_readings: prepared.zero_readings,
        applied: prepared.applied,
    }
}
