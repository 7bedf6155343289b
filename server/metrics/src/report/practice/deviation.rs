//! Targets that were not reached any more, and what was done about it (双监控): every step in order of the log, where it stands, for how long.
//!
//! A section is what the statements of the prefix say, whatever the dates of the report. Figures of a notice and of a re-measurement stand as the
//! server stated them; whoever has the records computes them again ([`crate::deviation::again`]).

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::Dates;
use crate::calendar::local_date;
use crate::deviation::{self, Course, Measure, Measured, Next, Problem, Step, Why};
use crate::filed::Day;
use crate::statements::Statements;

/// The deviations of a filing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviationsResult {
    /// Id of the filing.
    pub filing: String,
    /// The date until which the days of open ones are counted: the last of the report.
    pub at: Day,
    /// In order of their notices.
    pub deviations: Vec<DeviationLine>,
    /// Statements about none, which count for nothing.
    pub disregarded: Vec<StepUncounted>,
}

/// A deviation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviationLine {
    /// Its id.
    pub deviation: String,
    /// Which target of the filed plan.
    pub target: String,
    /// What comes next: where it stands.
    pub next: Next,
    /// Day of the notice.
    pub noticed: Option<Day>,
    /// Day of the closing.
    pub closed: Option<Day>,
    /// Days from the notice to the closing or, open, to the date of the report; null when the notice came after that.
    pub days: Option<i32>,
    /// Every step that counts, in order of the log.
    pub steps: Vec<StepLine>,
    /// Measures in force whose date is over while it is open.
    pub overdue: Vec<Measure>,
    /// What counts for nothing.
    pub disregarded: Vec<StepUncounted>,
}

/// A step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepLine {
    /// Which.
    pub step: StepKind,
    /// Its leaf.
    pub leaf: u64,
    /// When it was logged, UTC milliseconds.
    pub received_ms: i64,
    /// Role of the account that stated it.
    pub role: String,
    /// What was said: asked of the firm, explained, or why it was closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Measures with their dates.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub measures: Vec<Measure>,
    /// What was measured, as the server stated it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measured: Option<Measured>,
    /// Measures, or a re-measurement, whose place later ones took.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub superseded: bool,
}

/// Which step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepKind {
    /// 提示.
    Notice,
    /// 企业说明.
    Explanation,
    /// 整改措施与期限.
    Measures,
    /// 复测.
    Remeasured,
    /// 销号.
    Closed,
}

/// A step that counts for nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepUncounted {
    /// Its leaf.
    pub leaf: u64,
    /// Why.
    pub code: Why,
}

/// The deviations of every filing that has any, by its id.
pub(super) fn deviations(statements: &Statements, dates: &Dates) -> Vec<DeviationsResult> {
    let of = |(filing, steps): (&str, &[Step])| {
        let course = Course::of(steps, &dates.zone);
        DeviationsResult {
            filing: filing.to_owned(),
            at: Day(dates.at),
            deviations: course.deviations.iter().map(|of| line(of, steps, dates)).collect(),
            disregarded: course.loose.iter().filter_map(uncounted).collect(),
        }
    };
    statements.deviating().map(of).collect()
}

fn line(of: &deviation::Deviation<'_>, steps: &[Step], dates: &Dates) -> DeviationLine {
    let leaves = counted(of);
    let day = |received_ms: i64| local_date(&dates.zone, received_ms);
    let (noticed, closed) = (day(of.notice.received_ms), of.closed.and_then(|closed| day(closed.received_ms)));
    let until = if of.closed.is_some() { closed } else { Some(dates.at) };
    let days = noticed.zip(until).and_then(|(from, to)| Some(from.until(to).ok()?.get_days()));
    DeviationLine {
        deviation: of.id().to_owned(),
        target: of.notice.body.target.clone(),
        next: of.next(),
        noticed: noticed.map(Day),
        closed: closed.map(Day),
        days: days.filter(|days| *days >= 0),
        steps: steps.iter().filter(|step| leaves.contains(&step.leaf())).map(|counted| step(of, counted)).collect(),
        overdue: of.overdue(dates.at).cloned().collect(),
        disregarded: of.problems.iter().filter_map(uncounted).collect(),
    }
}

/// Leaves of the steps that count.
fn counted(of: &deviation::Deviation<'_>) -> BTreeSet<u64> {
    let explained = of.explanations.iter().map(|said| said.leaf);
    let measures = of.measures.iter().map(|said| said.leaf);
    let measured = of.remeasured.iter().map(|said| said.leaf);
    let closed = of.closed.iter().map(|said| said.leaf);
    explained.chain(measures).chain(measured).chain(closed).chain([of.notice.leaf]).collect()
}

fn step(of: &deviation::Deviation<'_>, step: &Step) -> StepLine {
    let is_in_force = |leaf: Option<u64>| leaf == Some(step.leaf());
    let (kind, text, measures, measured, superseded) = match step {
        Step::Notice(said) => {
            (StepKind::Notice, Some(&said.body.asks), Vec::new(), Some(said.body.measured.clone()), false)
        }
        Step::Explanation(said) => (StepKind::Explanation, Some(&said.body.explanation), Vec::new(), None, false),
        Step::Measures(said) => {
            let is_last = is_in_force(of.measures.last().map(|last| last.leaf));
            (StepKind::Measures, None, said.body.measures.clone(), None, !is_last)
        }
        Step::Remeasured(said) => {
            let is_last = is_in_force(of.after_measures().map(|last| last.leaf));
            (StepKind::Remeasured, None, Vec::new(), Some(said.body.measured.clone()), !is_last)
        }
        Step::Closed(said) => (StepKind::Closed, Some(&said.body.reason), Vec::new(), None, false),
    };
    StepLine {
        step: kind,
        leaf: step.leaf(),
        received_ms: step.received_ms(),
        role: step.role().to_owned(),
        text: text.cloned(),
        measures,
        measured,
        superseded,
    }
}

fn uncounted(problem: &Problem) -> Option<StepUncounted> {
    Some(StepUncounted { leaf: problem.leaf?, code: problem.why? })
}
