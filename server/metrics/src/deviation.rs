//! A target that is not reached any more, and what is done about it (双监控): 提示 → 企业说明 → 整改措施与期限 → 复测 → 销号.
//!
//! Constraints
//! 1. None of it moves a number of a report. Statements stand in order of the log; their dates are the days on which the server logged them.
//! 2. A figure in such a statement ([`Measured`]) is computed by the server from the log, over a stated window and a stated number of
//!    leaves, and never typed.
//! 3. A target deviates only where the whole interval of its change stays short of the promise, by the comparison that reports use
//!    ([`measure`]). Where that comparison is withheld the target is open: never kept, never missed.
//!
//! `deviation/course.rs`: which step counts; `deviation/why.rs`: why one does not; `deviation/check.rs`: bounds.

mod check;
mod course;
mod why;

use serde::{Deserialize, Serialize};

pub use self::course::{AUTHORITIES, Course, Deviation, Next};
pub use self::why::{Problem, Why};

pub(crate) use self::check::{check_closed, check_explanation, check_measures, check_notice, check_remeasured};

use crate::filed::{Filed, FiledTarget};
use crate::history::History;
use crate::interval::Interval;
use crate::model::{Body, DateRange, Plan, PlanMetric, TargetUnit};
use crate::report::{ALL_MACHINES, COMPARED_DEFINITIONS, Period, ReportError, ReportRequest, compared_change};

/// Production dates that a target is measured over: six whole weeks, in which one shift on five days a week makes the 30 shifts that a
/// comparison needs at least (reference §3.7).
pub const WINDOW_DAYS: i32 = 42;

/// `deviation_notice` (提示): an authority's word that a target is not reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeviationNotice {
    /// Id of the filing.
    pub filing: String,
    /// Id of this deviation.
    pub deviation: String,
    /// Which target of the plan in force.
    pub target: String,
    /// What is asked of the firm.
    pub asks: String,
    /// What the notice rests on.
    pub measured: Measured,
}

/// `deviation_explanation` (企业说明).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeviationExplanation {
    /// Id of the filing.
    pub filing: String,
    /// Id of the deviation.
    pub deviation: String,
    /// Why, in the firm's words.
    pub explanation: String,
}

/// `deviation_measures` (整改措施与期限). Stated again, they take the place of those before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeviationMeasures {
    /// Id of the filing.
    pub filing: String,
    /// Id of the deviation.
    pub deviation: String,
    /// What will be done.
    pub measures: Vec<Measure>,
}

/// A measure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Measure {
    /// What.
    pub what: String,
    /// Who does it.
    pub who: String,
    /// By when, `YYYY-MM-DD`.
    pub due: String,
}

/// `deviation_remeasured` (复测): the target over dates after the measures were stated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeviationRemeasured {
    /// Id of the filing.
    pub filing: String,
    /// Id of the deviation.
    pub deviation: String,
    /// What came out.
    pub measured: Measured,
}

/// `deviation_closed` (销号): an authority's word that it is settled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeviationClosed {
    /// Id of the filing.
    pub filing: String,
    /// Id of the deviation.
    pub deviation: String,
    /// Why.
    pub reason: String,
}

/// Everything stated of the deviations of one filing, in order of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// 提示.
    Notice(Filed<DeviationNotice>),
    /// 企业说明.
    Explanation(Filed<DeviationExplanation>),
    /// 整改措施与期限.
    Measures(Filed<DeviationMeasures>),
    /// 复测.
    Remeasured(Filed<DeviationRemeasured>),
    /// 销号.
    Closed(Filed<DeviationClosed>),
}

impl Step {
    /// A statement as a step, if it is one.
    pub fn of(body: &Body, leaf: u64, received_ms: i64, role: &str) -> Option<Self> {
        fn filed<T: Clone>(body: &T, leaf: u64, received_ms: i64, role: &str) -> Filed<T> {
            Filed { leaf, received_ms, role: role.to_owned(), body: body.clone() }
        }
        Some(match body {
            Body::DeviationNotice(b) => Self::Notice(filed(b.as_ref(), leaf, received_ms, role)),
            Body::DeviationExplanation(b) => Self::Explanation(filed(b, leaf, received_ms, role)),
            Body::DeviationMeasures(b) => Self::Measures(filed(b, leaf, received_ms, role)),
            Body::DeviationRemeasured(b) => Self::Remeasured(filed(b.as_ref(), leaf, received_ms, role)),
            Body::DeviationClosed(b) => Self::Closed(filed(b, leaf, received_ms, role)),
            _ => return None,
        })
    }

    /// Its leaf.
    pub fn leaf(&self) -> u64 {
        match self {
            Self::Notice(of) => of.leaf,
            Self::Explanation(of) => of.leaf,
            Self::Measures(of) => of.leaf,
            Self::Remeasured(of) => of.leaf,
            Self::Closed(of) => of.leaf,
        }
    }

    /// When the server logged it, UTC milliseconds.
    pub fn received_ms(&self) -> i64 {
        match self {
            Self::Notice(of) => of.received_ms,
            Self::Explanation(of) => of.received_ms,
            Self::Measures(of) => of.received_ms,
            Self::Remeasured(of) => of.received_ms,
            Self::Closed(of) => of.received_ms,
        }
    }

    /// The role in which its author acted.
    pub fn role(&self) -> &str {
        match self {
            Self::Notice(of) => &of.role,
            Self::Explanation(of) => &of.role,
            Self::Measures(of) => &of.role,
            Self::Remeasured(of) => &of.role,
            Self::Closed(of) => &of.role,
        }
    }

    fn named(&self) -> (&str, &str) {
        match self {
            Self::Notice(of) => (&of.body.filing, &of.body.deviation),
            Self::Explanation(of) => (&of.body.filing, &of.body.deviation),
            Self::Measures(of) => (&of.body.filing, &of.body.deviation),
            Self::Remeasured(of) => (&of.body.filing, &of.body.deviation),
            Self::Closed(of) => (&of.body.filing, &of.body.deviation),
        }
    }

    /// Id of the filing.
    pub fn filing(&self) -> &str {
        self.named().0
    }

    /// Id of the deviation.
    pub fn deviation(&self) -> &str {
        self.named().1
    }
}

/// What the log says of a target over a window. Ratios have six decimals; 5 % is 0.050000.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Measured {
    /// Leaves of the log it was computed over.
    pub size: u64,
    /// Definition it is counted by.
    pub definition: String,
    /// Machines it is the sum of.
    pub machines: Vec<String>,
    /// Production dates it was measured over.
    pub window: DateRange,
    /// Base period.
    pub base: DateRange,
    /// Value in the base period.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// Value now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub now: Option<String>,
    /// Unit of the change: the target's.
    pub unit: TargetUnit,
    /// The change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<String>,
    /// Ends of its 95 % interval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<[String; 2]>,
    /// What follows from it.
    pub standing: Standing,
    /// Why it is open: codes of report computation.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<String>,
}

/// Where a target stands by what was measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// The whole interval reaches the promise.
    Reached,
    /// The whole interval stays short of it.
    Short,
    /// Neither can be said.
    Open,
}

/// Why a target is not measured at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Unmeasured {
    /// It names no definition of the catalogue, or one that is not compared.
    Definition,
    /// None of its machines is declared.
    Machines,
}

/// Measures a target over a window: the base period and the window side by side, as a report compares baseline and reporting period, under
/// the parameters declared now. `machines`: those of the plan.
///
/// # Errors
/// Why there is nothing to compute.
pub fn measure(
    history: &History,
    target: &FiledTarget,
    machines: &[String],
    window: DateRange,
    until_ms: i64,
) -> Result<Measured, Unmeasured> {
    let definition = compared_by(target).ok_or(Unmeasured::Definition)?;
    let is_declared = |machine: &&String| !history.statements().machine_definitions(machine).is_empty();
    let machines: Vec<String> = machines.iter().filter(is_declared).cloned().collect();
    if machines.is_empty() {
        return Err(Unmeasured::Machines);
    }
    let metric = PlanMetric {
        definition: definition.to_owned(),
        machine: ALL_MACHINES.to_owned(),
        option: None,
        target: Some(target.promised.clone()),
        coverage_percent: None,
        min_days: None,
    };
    let plan = Plan::of_target(machines.clone(), target.base.clone(), window.clone(), metric);
    let found = compared_change(history, &plan, until_ms).ok_or(Unmeasured::Definition)?;
    let [before, now] = found.values;
    let (change, interval) = match found.change {
        Some(c) => (c.value, c.lower.zip(c.upper).map(|(lower, upper)| [lower, upper])),
        None => (None, None),
    };
    Ok(Measured {
        size: history.size(),
        definition: definition.to_owned(),
        machines,
        window,
        base: target.base.clone(),
        before,
        now,
        unit: target.promised.unit,
        change,
        interval,
        standing: match found.verdict {
            "MET" => Standing::Reached,
            "NOT_MET" => Standing::Short,
            _ => Standing::Open,
        },
        reasons: found.reasons.into_iter().map(str::to_owned).collect(),
    })
}

/// The stretches of UTC that [`measure`] looks at.
///
/// # Errors
/// None of the machines is declared, or a period that is not two dates in order.
pub fn windows(
    history: &History,
    machines: &[String],
    base: &DateRange,
    window: &DateRange,
) -> Result<Vec<Interval>, ReportError> {
    let period =
        |name: &str, of: &DateRange| Period { name: name.to_owned(), from: of.from.clone(), to: of.to.clone() };
    let request = ReportRequest {
        size: history.size(),
        machines: machines.to_vec(),
        periods: vec![period("baseline", base), period("reporting", window)],
        ..ReportRequest::default()
    };
    request.windows(history)
}

/// A stated figure computed again from the prefix of the log it names, for every promise of that target stated before a leaf that it can be
/// measured against: none where the log has no such target. `stated_ms`: when it was stated.
pub fn again(history: &History, of: &Measured, promised: &[FiledTarget], stated_ms: i64) -> Vec<Measured> {
    let until_ms = history.until_ms(stated_ms);
    let is_it = |t: &&FiledTarget| compared_by(t) == Some(&of.definition) && t.base == of.base;
    let measured = |t: &FiledTarget| measure(history, t, &of.machines, of.window.clone(), until_ms).ok();
    promised.iter().filter(is_it).filter_map(measured).collect()
}

/// The definition a target is compared by, if it names one.
pub fn compared_by(target: &FiledTarget) -> Option<&str> {
    target.definition.as_deref().filter(|definition| COMPARED_DEFINITIONS.contains(definition))
}
