//! report.json as the documents read it.
//!
//! Constraints first:
//! - The report is the norm and this only reads: no number is computed again but a share of facts the report prints, and a
//!   member it does not know is ignored, because the format grows by adding.
//! - `measurement_plan` is there when the plan promises or locks something; without it no target is known, and the
//!   documents say so.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::DocumentError;

/// Text in both languages.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Names {
    #[serde(default)]
    pub(crate) zh: String,
    #[serde(default)]
    pub(crate) en: String,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Period {
    pub(crate) name: String,
    pub(crate) from: String,
    pub(crate) to: String,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Request {
    pub(crate) size: u64,
    #[serde(default)]
    pub(crate) periods: Vec<Period>,
    #[serde(default)]
    pub(crate) plan: Option<String>,
    #[serde(default)]
    pub(crate) until_ms: Option<i64>,
    #[serde(default)]
    pub(crate) filings: Vec<metrics::report::FilingAsked>,
}

/// A line of a section: numerator and denominator as digits.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Line {
    pub(crate) definition: String,
    pub(crate) unit: String,
    pub(crate) numerator: Option<String>,
    pub(crate) denominator: Option<String>,
    pub(crate) value: Option<String>,
    pub(crate) lower: Option<String>,
    pub(crate) upper: Option<String>,
    pub(crate) coverage: [i64; 2],
    pub(crate) grade: Option<String>,
    pub(crate) undefined: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Section {
    pub(crate) period: String,
    pub(crate) machine: String,
    #[serde(default)]
    pub(crate) date: Option<String>,
    #[serde(default)]
    pub(crate) shift: Option<String>,
    #[serde(default)]
    pub(crate) states_ms: BTreeMap<String, i64>,
    #[serde(default)]
    pub(crate) buckets_ms: BTreeMap<String, i64>,
    pub(crate) lines: Vec<Line>,
    #[serde(default)]
    pub(crate) flags: Vec<String>,
    #[serde(default)]
    pub(crate) readings: u64,
    #[serde(default)]
    pub(crate) shifts: u32,
    #[serde(default)]
    pub(crate) excluded: Vec<String>,
    #[serde(default)]
    pub(crate) standing: Option<String>,
}

impl Section {
    pub(crate) fn line(&self, definition: &str) -> Option<&Line> {
        self.lines.iter().find(|l| l.definition == definition)
    }

    pub(crate) fn bucket(&self, symbol: &str) -> i64 {
        self.buckets_ms.get(symbol).copied().unwrap_or(0)
    }
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Side {
    pub(crate) numerator: String,
    pub(crate) denominator: String,
    pub(crate) value: Option<String>,
    pub(crate) days: u64,
    #[serde(default)]
    pub(crate) grade: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Comparison {
    pub(crate) definition: String,
    pub(crate) machine: String,
    pub(crate) before: Side,
    pub(crate) after: Side,
    pub(crate) difference: Option<String>,
    pub(crate) relative: Option<String>,
    pub(crate) lower: Option<String>,
    pub(crate) upper: Option<String>,
    pub(crate) verdict: String,
    #[serde(default)]
    pub(crate) cautions: Vec<String>,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Target {
    pub(crate) value: String,
    pub(crate) unit: String,
    pub(crate) direction: String,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct TargetChange {
    pub(crate) unit: String,
    #[serde(default)]
    pub(crate) value: Option<String>,
    #[serde(default)]
    pub(crate) lower: Option<String>,
    #[serde(default)]
    pub(crate) upper: Option<String>,
}

/// What is locked of a metric.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Lock {
    pub(crate) leaf: u64,
    pub(crate) received_ms: i64,
    #[serde(default)]
    pub(crate) author: String,
    #[serde(default)]
    pub(crate) role: String,
    #[serde(default)]
    pub(crate) reason: String,
    #[serde(default)]
    pub(crate) size: u64,
    #[serde(default)]
    pub(crate) numerator: Option<String>,
    #[serde(default)]
    pub(crate) denominator: Option<String>,
    #[serde(default)]
    pub(crate) value: Option<String>,
    #[serde(default)]
    pub(crate) parameters_digest: String,
    /// The result as locked, where parameters as declared now give another.
    #[serde(default)]
    pub(crate) as_locked: Option<Comparison>,
    /// The verdict as declared now, where it or the result is another.
    #[serde(default)]
    pub(crate) verdict_declared: Option<String>,
    #[serde(default)]
    pub(crate) changes: Vec<Later>,
    #[serde(default)]
    pub(crate) later_records: Vec<u64>,
}

/// A statement made after a lock.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Later {
    pub(crate) leaf: u64,
    pub(crate) kind: String,
    pub(crate) author: String,
    #[serde(default)]
    pub(crate) reason: String,
}

/// What documents say of the time before.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Documented {
    #[serde(default)]
    pub(crate) value: Option<String>,
    #[serde(default)]
    pub(crate) documents: Vec<u64>,
}

/// What machines that were not retrofitted say beside those that were.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Beside {
    pub(crate) comparison: Side,
    pub(crate) retrofitted: Side,
    pub(crate) machines: Vec<BesideMachine>,
    pub(crate) common_days: u64,
    pub(crate) difference: Option<String>,
    pub(crate) relative: Option<String>,
    pub(crate) lower: Option<String>,
    pub(crate) upper: Option<String>,
    pub(crate) verdict: String,
    #[serde(default)]
    pub(crate) change: Option<TargetChange>,
    #[serde(default)]
    pub(crate) reaches: Option<String>,
    #[serde(default)]
    pub(crate) reasons: Vec<String>,
    #[serde(default)]
    pub(crate) cautions: Vec<String>,
    /// `locked` or `declared`.
    #[serde(default)]
    pub(crate) follows: String,
    /// The same under the parameters as declared now, where that is something else than as locked.
    #[serde(default)]
    pub(crate) declared: Option<Box<Beside>>,
}

/// One comparison machine by itself.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct BesideMachine {
    pub(crate) machine: String,
    pub(crate) numerator: String,
    pub(crate) denominator: String,
    pub(crate) value: Option<String>,
}

/// The machines that stand in place of a base period.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Chosen {
    pub(crate) machines: Vec<ChosenMachine>,
    pub(crate) method: Method,
    #[serde(default)]
    pub(crate) lock: Option<ChoiceLock>,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct ChosenMachine {
    pub(crate) machine: String,
    #[serde(default)]
    pub(crate) retrofit: Option<String>,
}

/// The lock of that choice.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct ChoiceLock {
    pub(crate) leaf: u64,
    pub(crate) received_ms: i64,
    pub(crate) author: String,
    pub(crate) role: String,
    pub(crate) size: u64,
    pub(crate) parameters_digest: String,
    #[serde(default)]
    pub(crate) changes: Vec<Later>,
}

/// Something about a plan or a lock, with the leaf that says so.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Finding {
    pub(crate) code: String,
    pub(crate) leaf: u64,
}

/// A metric that the plan promises something of.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Promised {
    pub(crate) definition: String,
    #[serde(default = "all")]
    pub(crate) machine: String,
    #[serde(default)]
    pub(crate) target: Option<Target>,
    #[serde(default)]
    pub(crate) change: Option<TargetChange>,
    #[serde(default)]
    pub(crate) verdict: Option<String>,
    #[serde(default)]
    pub(crate) reasons: Vec<String>,
    /// Grade of each side; of a baseline that was locked too early it is lower than the comparison's.
    #[serde(default)]
    pub(crate) grades: Option<[Option<String>; 2]>,
    #[serde(default)]
    pub(crate) lock: Option<Lock>,
    #[serde(default)]
    pub(crate) documented: Option<Documented>,
    #[serde(default)]
    pub(crate) beside: Option<Beside>,
}

impl Promised {
    /// The comparison its verdict follows: as locked where that differs, else as declared now.
    pub(crate) fn followed<'p>(&'p self, declared: Option<&'p Comparison>) -> Option<&'p Comparison> {
        self.lock.as_ref().and_then(|l| l.as_locked.as_ref()).or(declared)
    }
}

fn all() -> String {
    metrics::report::ALL_MACHINES.to_owned()
}

#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct MeasurementPlan {
    #[serde(default)]
    pub(crate) names: Names,
    #[serde(default)]
    pub(crate) leaf: u64,
    #[serde(default)]
    pub(crate) versions: Vec<u64>,
    #[serde(default)]
    pub(crate) design: String,
    #[serde(default)]
    pub(crate) option: Option<String>,
    #[serde(default)]
    pub(crate) boundary: Option<Names>,
    #[serde(default)]
    pub(crate) metrics: Vec<Promised>,
    #[serde(default)]
    pub(crate) comparison: Option<Chosen>,
    #[serde(default)]
    pub(crate) findings: Vec<Finding>,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Method {
    pub(crate) interval: String,
    pub(crate) seed: i64,
    pub(crate) replicates: i64,
    pub(crate) block_days: i64,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Gap {
    pub(crate) gateway: String,
    #[serde(default)]
    pub(crate) tag: Option<String>,
    pub(crate) from_ms: i64,
    pub(crate) to_ms: i64,
    pub(crate) cause: String,
    pub(crate) leaf: u64,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Statement {
    pub(crate) leaf: u64,
    pub(crate) kind: String,
    pub(crate) effective_from: i64,
    pub(crate) received_ms: i64,
    pub(crate) author: String,
    pub(crate) role: String,
    #[serde(default)]
    pub(crate) reason: String,
    #[serde(default)]
    pub(crate) invalid: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Machine {
    pub(crate) machine: String,
    #[serde(default)]
    pub(crate) names: Names,
    pub(crate) role: String,
    #[serde(default)]
    pub(crate) critical: bool,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Definition {
    pub(crate) id: String,
    #[serde(default)]
    pub(crate) names: Names,
    pub(crate) unit: String,
    pub(crate) formula: String,
    pub(crate) source: String,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Report {
    format: String,
    version: u32,
    pub(crate) site: String,
    #[serde(default)]
    pub(crate) names: Names,
    pub(crate) zone: String,
    pub(crate) simulated: bool,
    pub(crate) request: Request,
    #[serde(default)]
    pub(crate) zone_database: String,
    pub(crate) rounding: String,
    #[serde(default)]
    pub(crate) notice: Names,
    pub(crate) machines: Vec<Machine>,
    pub(crate) definitions: Vec<Definition>,
    pub(crate) shifts: Vec<Section>,
    pub(crate) periods: Vec<Section>,
    #[serde(default)]
    pub(crate) method: Option<Method>,
    #[serde(default)]
    pub(crate) comparisons: Vec<Comparison>,
    #[serde(default)]
    pub(crate) measurement_plan: Option<MeasurementPlan>,
    /// What became of what was promised to authorities, as it was computed.
    #[serde(default)]
    pub(crate) practice: Option<metrics::report::PracticeResult>,
    #[serde(default)]
    pub(crate) gaps: Vec<Gap>,
    #[serde(default)]
    pub(crate) statements: Vec<Statement>,
    #[serde(default)]
    pub(crate) quarantined: Vec<u64>,
}

/// A shift that is in no sum: too little of it was observed.
pub(crate) struct LeftOut<'r> {
    pub(crate) period: &'r str,
    pub(crate) machine: &'r str,
    pub(crate) date: &'r str,
    pub(crate) shift: &'r str,
}

impl Report {
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, DocumentError> {
        let report: Self = serde_json::from_slice(bytes).map_err(|e| DocumentError::Report(e.to_string()))?;
        if report.format != "gongzheng-report" || report.version != 1 {
            return Err(DocumentError::Report("not a gongzheng-report of version 1".to_owned()));
        }
        Ok(report)
    }

    /// The section of a machine over a period.
    pub(crate) fn period(&self, machine: &str, period: &str) -> Option<&Section> {
        self.periods.iter().find(|s| s.machine == machine && s.period == period)
    }

    /// The shifts left out of sums, by period and machine.
    pub(crate) fn left_out<'r>(&'r self) -> Vec<LeftOut<'r>> {
        let of_machines = self.periods.iter().filter(|s| s.machine != metrics::report::ALL_MACHINES);
        let one = |period: &'r Section| {
            let named = move |shift: &'r String| {
                let mut parts = shift.splitn(3, ' ');
                let mut next = || parts.next().unwrap_or_default();
                LeftOut { period: &period.period, machine: next(), date: next(), shift: next() }
            };
            period.excluded.iter().map(named)
        };
        of_machines.flat_map(one).collect()
    }

    /// The comparison of a definition for a machine.
    pub(crate) fn comparison(&self, definition: &str, machine: &str) -> Option<&Comparison> {
        self.comparisons.iter().find(|c| c.definition == definition && c.machine == machine)
    }

    /// What the plan promises of a metric.
    pub(crate) fn promised(&self, definition: &str, machine: &str) -> Option<&Promised> {
        let plan = self.measurement_plan.as_ref()?;
        plan.metrics.iter().find(|m| m.definition == definition && m.machine == machine)
    }

    /// Whether anything is promised at all.
    pub(crate) fn has_targets(&self) -> bool {
        self.measurement_plan.as_ref().is_some_and(|p| p.metrics.iter().any(|m| m.target.is_some()))
    }

    /// The machines that stand in place of a base period, when the plan has any.
    pub(crate) fn chosen(&self) -> Option<&Chosen> {
        self.measurement_plan.as_ref()?.comparison.as_ref()
    }

    /// Whether a machine is one that others are compared with.
    pub(crate) fn is_reference(&self, machine: &str) -> bool {
        self.chosen().is_some_and(|c| c.machines.iter().any(|m| m.machine == machine))
    }

    /// The two periods under comparison, when there are two.
    pub(crate) fn is_compared(&self) -> bool {
        !self.comparisons.is_empty()
    }
}
