//! The report: a pure function of a history and a request, printed as canonical JSON.
//!
//! Constraints
//! 1. The same log prefix and request give the same bytes on every machine: integers, decimal strings from integer
//!    division, sorted keys, fixed order of sections (period, machine, production date, shift).
//! 2. A line prints numerator and denominator; its value is their quotient to six decimals. Undefined is `null` with a
//!    reason, never 0.
//! 3. Sums are sums of facts. Shifts below 80 % coverage are listed and left out of sums (reference §3.7). The total `*`
//!    is over production machines; meters and auxiliaries are never added to it.
//! 4. Everything a reader needs to repeat a number is in it: request, definitions, statements, gaps, lineage, seed.
//!
//! `report/build.rs` evaluates, `report/compared.rs` compares the periods of a plan, `report/beside.rs` its machines with others;
//! `report/practice.rs` says what became of what was promised to an authority, one file per section.

mod beside;
mod build;
mod compared;
mod planned;
mod practice;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use beside::{Beside, BesideMachine, ComparisonLocked, ComparisonResult};
pub use build::{Calendars, apply_quality, evaluate, evaluate_window, section};
pub(crate) use build::{
    DateFacts, MachinePeriod, assemble, evaluate_date, evaluate_side, placed_window, rough_day, unit, windows_of,
};
pub(crate) use compared::side_sum;
pub use compared::{COMPARED_DEFINITIONS, Caution};
pub(crate) use planned::compared_change;
pub use planned::{LockChange, LockResult, MetricResult, PlanFinding, PlanResult, TargetChange};
pub(crate) use practice::days_of;
pub use practice::{
    ActLine, ApplicationLine, ApprovedLine, Basis, CheckResult, ConfirmationLine, DeviationLine, DeviationsResult,
    DifferenceKind, Disregarded, DrawLine, DrawnLine, FiledPart, FilingAsked, FilingResult, Investment, NotCounted,
    OpinionLine, PracticeResult, PromiseDifference, PromiseLine, RecordedResult, RouteAsked, RuleAsked, StatedAct,
    StatusCode, StatusLine, StepKind, StepLine, StepUncounted, Uncounted,
};

use crate::history::History;
use crate::interval::Interval;

/// The machine id that stands for the sum over all production machines of a request.
pub const ALL_MACHINES: &str = "*";

/// Why a report could not be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReportError {
    /// The history is another prefix than the request names.
    #[error("the request is for the first {wanted} leaves of the log; {got} are here")]
    Size {
        /// Leaves the request names.
        wanted: u64,
        /// Leaves at hand.
        got: u64,
    },
    /// The plan is not in the log.
    #[error("the plan `{0}` is not declared in this log")]
    NoPlan(String),
    /// A date is not a date, or a period too long.
    #[error("the period {0} is not two dates in order, at most 4 000 days apart")]
    BadPeriod(String),
    /// Nothing to report on.
    #[error("no machine is declared in this log, or none of those requested")]
    NoMachines,
    /// The report cannot be written as canonical JSON.
    #[error("the report cannot be written: {0}")]
    Encode(String),
}

/// A named stretch of production dates, both included.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Period {
    /// `baseline`, `reporting`, or any name.
    pub name: String,
    /// First production date.
    pub from: String,
    /// Last production date.
    pub to: String,
}

/// What to report on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReportRequest {
    /// Leaves of the log.
    pub size: u64,
    /// Machines; empty means the plan's, or all.
    #[serde(default)]
    pub machines: Vec<String>,
    /// Periods; with a plan, its own two when empty.
    #[serde(default)]
    pub periods: Vec<Period>,
    /// The plan under which `baseline` and `reporting` are compared.
    #[serde(default)]
    pub plan: Option<String>,
    /// Windows are cut here, UTC milliseconds: what is later has not happened yet.
    #[serde(default)]
    pub until_ms: Option<i64>,
    /// Filed plans to be compared with what is there, each with what its rule says of changes: the rule file is not in the log.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub filings: Vec<FilingAsked>,
    /// Whether on-site checks are to have a section of their own.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub onsite: bool,
    /// The same of deviations.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub deviations: bool,
}

impl ReportRequest {
    /// Everything of a plan.
    pub fn for_plan(size: u64, plan: &str) -> Self {
        Self { size, plan: Some(plan.to_owned()), ..Self::default() }
    }

    /// All machines over some dates.
    pub fn for_dates(size: u64, from: &str, to: &str, until_ms: Option<i64>) -> Self {
        let period = Period { name: "period".to_owned(), from: from.to_owned(), to: to.to_owned() };
        Self { size, periods: vec![period], until_ms, ..Self::default() }
    }

    /// The request with plan and machines filled in from the log.
    ///
    /// # Errors
    /// An unknown plan, no machines, or a period that is not two dates in order.
    pub fn resolve(&self, history: &History) -> Result<Self, ReportError> {
        let mut out = self.clone();
        if let Some(name) = &self.plan {
            let plan = &history.statements().plan(name).ok_or_else(|| ReportError::NoPlan(name.clone()))?.body;
            if out.machines.is_empty() {
                out.machines.extend(plan.machines.iter().chain(&plan.incoming).cloned());
                out.machines.extend(plan.compared_with().map(str::to_owned));
            }
            if out.periods.is_empty() {
                let period = |name: &str, r: &crate::model::DateRange| Period {
                    name: name.to_owned(),
                    from: r.from.clone(),
                    to: r.to.clone(),
                };
                out.periods.extend(plan.baseline.as_ref().map(|baseline| period("baseline", baseline)));
                out.periods.push(period("reporting", &plan.reporting));
            }
        }
        if out.machines.is_empty() {
            out.machines = history.statements().machines().map(str::to_owned).collect();
        }
        out.filings.retain(|asked| history.statements().filing(&asked.filing).is_some());
        out.filings.sort_by(|a, b| a.filing.cmp(&b.filing));
        out.filings.dedup_by(|a, b| a.filing == b.filing);
        out.onsite &= history.statements().onsite_checks().next().is_some();
        out.deviations &= history.statements().deviating().next().is_some();
        out.machines.retain(|m| !history.statements().machine_definitions(m).is_empty());
        out.machines.sort();
        out.machines.dedup();
        if out.machines.is_empty() {
            return Err(ReportError::NoMachines);
        }
        for p in &out.periods {
            let dates = crate::calendar::parse_date(&p.from).zip(crate::calendar::parse_date(&p.to));
            let fits = dates.is_some_and(|(a, b)| a <= b && a.until(b).is_ok_and(|s| s.get_days() < 4000));
            if !fits {
                return Err(ReportError::BadPeriod(p.name.clone()));
            }
        }
        Ok(out)
    }

    /// The stretches of UTC that the request evaluates: whole days around its periods. [`History::needed`] of these
    /// names the contents a bundle must carry.
    ///
    /// # Errors
    /// As [`ReportRequest::resolve`].
    pub fn windows(&self, history: &History) -> Result<Vec<Interval>, ReportError> {
        const DAY_MS: i64 = 86_400_000;
        let resolved = self.resolve(history)?;
        let utc = |date: &str, plus: i64| {
            let date = crate::calendar::parse_date(date)?;
            let midnight = date.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
            Some(midnight.timestamp().as_millisecond() + plus)
        };
        // A zone lies within a day of UTC, and a shift ends within a day of its date.
        let window = |p: &Period| Some(Interval::new(utc(&p.from, -DAY_MS)?, utc(&p.to, 3 * DAY_MS)?));
        // A locked baseline is evaluated whatever the plan says now.
        let locked = resolved.plan.iter().flat_map(|plan| crate::plan::locked_baselines(history.statements(), plan));
        let locked = locked.map(|r| Period { name: String::new(), from: r.from, to: r.to });
        // What the log showed of an on-site check is computed again from the same bundle.
        let acts = if resolved.onsite { crate::onsite::windows(history.statements()) } else { Vec::new() };
        let mut windows: Vec<Interval> = Vec::new();
        for found in resolved.periods.iter().cloned().chain(locked).filter_map(|p| window(&p)).chain(acts) {
            if !windows.contains(&found) {
                windows.push(found);
            }
        }
        Ok(windows)
    }
}

/// One metric of one section.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Line {
    /// Definition and version, see [`crate::catalogue`].
    pub definition: &'static str,
    /// Unit of the value.
    pub unit: &'static str,
    /// Numerator, digits; `null` when undefined.
    pub numerator: Option<String>,
    /// Denominator, digits.
    pub denominator: Option<String>,
    /// Numerator / denominator, six decimals, half away from zero.
    pub value: Option<String>,
    /// Least it can be.
    pub lower: Option<String>,
    /// Most it can be; `null` when nothing limits it.
    pub upper: Option<String>,
    /// Observed milliseconds, of milliseconds.
    pub coverage: [i64; 2],
    /// A–D; `null` when undefined.
    pub grade: Option<&'static str>,
    /// Why there is no value.
    pub undefined: Option<&'static str>,
}

/// First and last leaf of a gateway's records behind a section.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LineageRange {
    /// Gateway id.
    pub gateway: String,
    /// First leaf.
    pub first: u64,
    /// Last leaf.
    pub last: u64,
}

/// The facts and metrics of a machine (or of all) over a shift or a period.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Section {
    /// Name of the period.
    pub period: String,
    /// Machine id, or `*`.
    pub machine: String,
    /// Production date, for a shift.
    pub date: Option<String>,
    /// Shift id, for a shift; `-` for time outside shifts.
    pub shift: Option<String>,
    /// First instant, UTC milliseconds.
    pub from_ms: i64,
    /// First instant after, UTC milliseconds.
    pub to_ms: i64,
    /// Time per state, by name.
    pub states_ms: BTreeMap<&'static str, i64>,
    /// Time per bucket, by ISO 22400 symbol.
    pub buckets_ms: BTreeMap<&'static str, i64>,
    /// Metrics.
    pub lines: Vec<Line>,
    /// Codes of [`crate::grade::Flag`], sorted.
    pub flags: Vec<&'static str>,
    /// Readings looked at.
    pub readings: u64,
    /// Shifts summed up; 1 for a shift.
    pub shifts: u32,
    /// Shifts left out of the sum for want of coverage, as `machine date shift`.
    pub excluded: Vec<String>,
    /// `full`, `qualified` or `none`: how many scheduled shifts were valid (reference §3.7); for periods.
    pub standing: Option<&'static str>,
    /// Records the facts rest on.
    pub lineage: Vec<LineageRange>,
    /// Leaves of the statements in force.
    pub statements: Vec<u64>,
}

impl Section {
    /// The line of a definition.
    pub fn line(&self, definition: &str) -> Option<&Line> {
        self.lines.iter().find(|l| l.definition == definition)
    }
}

/// One side of a comparison.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Side {
    /// Σ numerators.
    pub numerator: String,
    /// Σ denominators.
    pub denominator: String,
    /// Their quotient.
    pub value: Option<String>,
    /// Production dates in the series.
    pub days: u64,
    /// Grade of the period's line.
    pub grade: Option<&'static str>,
    /// Standing of the period.
    pub standing: Option<&'static str>,
}

/// Before against after.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Comparison {
    /// What is compared: a definition, or `… per production day`.
    pub definition: &'static str,
    /// Machine id, or `*`.
    pub machine: String,
    /// The baseline.
    pub before: Side,
    /// The reporting period.
    pub after: Side,
    /// after − before.
    pub difference: Option<String>,
    /// after / before − 1.
    pub relative: Option<String>,
    /// Lower end of the 95 % interval of the difference.
    pub lower: Option<String>,
    /// Upper end.
    pub upper: Option<String>,
    /// Code of [`crate::compare::Verdict`].
    pub verdict: &'static str,
    /// Why a statement is withheld or weak: codes.
    pub cautions: Vec<&'static str>,
}

/// How the intervals of the comparisons were made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Method {
    /// `circular-block-bootstrap@1`.
    pub interval: &'static str,
    /// SplitMix64 seed.
    pub seed: i64,
    /// Replicates.
    pub replicates: i64,
    /// Block length asked for, production days.
    pub block_days: i64,
}

/// A recorded gap.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GapLine {
    /// Gateway.
    pub gateway: String,
    /// Tag, or every tag.
    pub tag: Option<String>,
    /// First instant, UTC milliseconds.
    pub from_ms: i64,
    /// First instant after.
    pub to_ms: i64,
    /// Cause.
    pub cause: &'static str,
    /// Leaf that says so.
    pub leaf: u64,
}

/// A declaration in the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StatementLine {
    /// Leaf.
    pub leaf: u64,
    /// Kind.
    pub kind: String,
    /// From when it holds, UTC milliseconds.
    pub effective_from: i64,
    /// When it was logged, UTC milliseconds.
    pub received_ms: i64,
    /// Author's pseudonym.
    pub author: String,
    /// Role.
    pub role: String,
    /// Reason in words.
    pub reason: String,
    /// [`INVALID_BODY`] when its body is not valid and moved nothing. What is wrong with it says [`crate::model::parse_body`], in words
    /// that may change: they are for whoever shows it, never for the report.
    pub invalid: Option<&'static str>,
}

/// The code of a statement whose body is not valid.
pub const INVALID_BODY: &str = "BODY";

/// Text in both languages of the product.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Words {
    /// Simplified Chinese.
    pub zh: String,
    /// English.
    pub en: String,
}

impl From<(&str, &str)> for Words {
    fn from((zh, en): (&str, &str)) -> Self {
        Self { zh: zh.to_owned(), en: en.to_owned() }
    }
}

impl From<(String, String)> for Words {
    fn from((zh, en): (String, String)) -> Self {
        Self { zh, en }
    }
}

impl From<[&str; 2]> for Words {
    fn from([zh, en]: [&str; 2]) -> Self {
        (zh, en).into()
    }
}

impl<'w> From<&'w Words> for (&'w str, &'w str) {
    fn from(words: &'w Words) -> Self {
        (&words.zh, &words.en)
    }
}

impl From<&crate::model::Names> for Words {
    fn from(names: &crate::model::Names) -> Self {
        Self { zh: names.zh.clone(), en: names.en.clone() }
    }
}

/// A machine of the report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MachineLine {
    /// Id.
    pub machine: String,
    /// Names as last declared.
    pub names: Words,
    /// `production`, `auxiliary`, `meter`.
    pub role: &'static str,
    /// Key machine.
    pub critical: bool,
}

/// A definition used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DefinitionLine {
    /// Id and version.
    pub id: &'static str,
    /// Names.
    pub names: Words,
    /// Unit.
    pub unit: &'static str,
    /// Formula.
    pub formula: &'static str,
    /// Clause.
    pub source: &'static str,
}

/// The report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// `gongzheng-report`.
    pub format: &'static str,
    /// 1.
    pub version: u32,
    /// Site id.
    pub site: String,
    /// Site names.
    pub names: Words,
    /// Zone of the calendar.
    pub zone: String,
    /// 模拟数据 / SIMULATED.
    pub simulated: bool,
    /// What was asked, with plan and machines filled in.
    pub request: ReportRequest,
    /// Version of the bundled time-zone database.
    pub zone_database: &'static str,
    /// The rounding rule of every printed quotient.
    pub rounding: &'static str,
    /// What this report is not.
    pub notice: Words,
    /// Machines.
    pub machines: Vec<MachineLine>,
    /// Definitions used.
    pub definitions: Vec<DefinitionLine>,
    /// Every machine's shifts.
    pub shifts: Vec<Section>,
    /// Every machine's periods, and their sum.
    pub periods: Vec<Section>,
    /// How intervals were made.
    pub method: Option<Method>,
    /// Before against after.
    pub comparisons: Vec<Comparison>,
    /// What the plan promises, what of it is locked, and what may be said; absent when the plan says neither.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub measurement_plan: Option<PlanResult>,
    /// What was promised to authorities and what is there; absent when the request names nothing of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub practice: Option<PracticeResult>,
    /// Recorded gaps of the machines' tags in the periods.
    pub gaps: Vec<GapLine>,
    /// Everything stated by people.
    pub statements: Vec<StatementLine>,
    /// Leaves holding evidence of a cloned gateway.
    pub quarantined: Vec<u64>,
}

impl Report {
    /// Canonical JSON (RFC 8785): the normative form.
    ///
    /// # Errors
    /// A number beyond ±(2⁵³ − 1), which no log this program accepts leads to.
    pub fn to_json(&self) -> Result<Vec<u8>, ReportError> {
        let json = serde_json::to_value(self).map_err(|e| ReportError::Encode(e.to_string()))?;
        protocol::canonical_json(&json).map_err(|e| ReportError::Encode(e.to_string()))
    }

    /// Reads the request out of a report's bytes, to evaluate it again.
    ///
    /// # Errors
    /// Bytes that are not a report of this version.
    pub fn request_of(bytes: &[u8]) -> Result<ReportRequest, ReportError> {
        let encode = |e: &dyn std::fmt::Display| ReportError::Encode(e.to_string());
        let json: serde_json::Value = serde_json::from_slice(bytes).map_err(|e| encode(&e))?;
        let known = json.get("format").and_then(|f| f.as_str()) == Some("gongzheng-report")
            && json.get("version").and_then(serde_json::Value::as_u64) == Some(1);
        if !known {
            return Err(encode(&"not a gongzheng-report of version 1"));
        }
        let request = json.get("request").cloned().unwrap_or_default();
        serde_json::from_value(request).map_err(|e| encode(&e))
    }
}
