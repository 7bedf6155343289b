//! What a plan promised, what of its baseline is locked, and what may be said of each metric.
//!
//! Constraints
//! 1. A metric is met or not met only when the whole interval says so; everything else is insufficient evidence. It is a statement
//!    about data and never an acceptance result.
//! 2. The verdict of a locked metric follows the baseline as locked. Where parameters as declared now give anything else, both
//!    stand here with the statements that made the difference.
//! 3. A lock that does not say what its own prefix of the log gives is named, and no verdict rests on it.

use serde::Serialize;

use crate::decimal::fixed6;
use crate::history::History;
use crate::model::{Direction, IpmvpOption, Plan, PlanMetric, Target, TargetUnit};
use crate::plan::{self, BaselineLock};
use crate::report::beside::{Beside, Besides, ComparisonResult, besides};
use crate::report::build::{MachinePeriod, evaluate_side};
use crate::report::compared::{Compare, compare_metric, grade_of};
use crate::report::{Comparison, Period, ReportRequest, Words};
use crate::statements::Stated;

/// What a plan promised and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlanResult {
    /// Plan id.
    pub plan: String,
    /// Display names.
    pub names: Words,
    /// Leaf of the statement that holds now.
    pub leaf: u64,
    /// When that was logged, UTC milliseconds.
    pub received_ms: i64,
    /// Leaves of every statement of this plan, in order of the log.
    pub versions: Vec<u64>,
    /// `before_after`; `after_only`: no period before was measured, and nothing is compared; `machines_compared`: nor was it, and machines are
    /// compared with others over the same dates.
    pub design: &'static str,
    /// IPMVP option.
    pub option: Option<IpmvpOption>,
    /// The measurement boundary in words.
    pub boundary: Option<Words>,
    /// By metric: those of the plan in its order, then locked ones it no longer names.
    pub metrics: Vec<MetricResult>,
    /// The machines that stand in place of a base period.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comparison: Option<ComparisonResult>,
    /// What a reader must know of the plan and its locks.
    pub findings: Vec<PlanFinding>,
}

/// Something about a plan or a lock, with the leaf that says so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlanFinding {
    /// `COMPARISON_CLASS`, `COMPARISON_DROPPED`, `COMPARISON_PRODUCT`, `COMPARISON_RETROFITTED`, `COMPARISON_ROLE`, `COMPARISON_UNKNOWN`, `DOCUMENTS_OVERLAP`, `LOCK_INVALID`, `LOCK_MISSTATED`, `LOCK_REPEATED`, `LOCKED_INSUFFICIENT`, `MACHINE_NOT_DECLARED`, `PLAN_CHANGED_AFTER_LOCK`.
    pub code: &'static str,
    /// Leaf.
    pub leaf: u64,
}

/// A metric of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MetricResult {
    /// Definition of the comparison.
    pub definition: String,
    /// Machine id, or `*`.
    pub machine: String,
    /// IPMVP option: the metric's, else the plan's.
    pub option: Option<IpmvpOption>,
    /// What was promised.
    pub target: Option<Target>,
    /// The change in the target's unit, as the verdict has it.
    pub change: Option<TargetChange>,
    /// `MET`, `NOT_MET`, `INSUFFICIENT`; null without a target.
    pub verdict: Option<&'static str>,
    /// Why the evidence is insufficient: codes.
    pub reasons: Vec<&'static str>,
    /// `locked` or `declared`: under which parameters the verdict is.
    pub follows: &'static str,
    /// Grade of each side, before and after; a baseline locked although insufficient, or misstated, is D.
    pub grades: [Option<&'static str>; 2],
    /// The lock of the baseline.
    pub lock: Option<LockResult>,
    /// What documents say of the time before: weaker evidence, no interval.
    pub documented: Option<plan::Documented>,
    /// What comparison machines say: weaker evidence, between machines and not before and after.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub beside: Option<Beside>,
}

/// A change in the unit of a target: a ratio (5 % is 0.050000).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TargetChange {
    /// Unit.
    pub unit: TargetUnit,
    /// The change.
    pub value: Option<String>,
    /// Lower end of its 95 % interval.
    pub lower: Option<String>,
    /// Upper end.
    pub upper: Option<String>,
}

/// The lock of a metric.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LockResult {
    /// Leaf of the lock.
    pub leaf: u64,
    /// When it was logged, UTC milliseconds.
    pub received_ms: i64,
    /// Who locked.
    pub author: String,
    /// In which role.
    pub role: String,
    /// Why, in words.
    pub reason: String,
    /// Leaves it was computed over.
    pub size: u64,
    /// What it says: Σ numerators.
    pub numerator: String,
    /// Σ denominators.
    pub denominator: String,
    /// Quotient.
    pub value: String,
    /// Whether the baseline sufficed when it was locked.
    pub sufficient: bool,
    /// The statements it rests on.
    pub parameters: Vec<plan::Parameter>,
    /// Their digest.
    pub parameters_digest: String,
    /// Quality counts and batches it rests on.
    pub counts: u64,
    /// The digest of their list.
    pub counts_digest: String,
    /// Its numbers and its parameters are what its prefix of the log gives.
    pub confirmed: bool,
    /// Parameters as declared now give another result than as locked.
    pub differs: bool,
    /// The result as locked, when it differs; `comparisons` of the report are as declared now.
    pub as_locked: Option<Comparison>,
    /// The verdict under parameters and plan as declared now, when results or verdicts differ.
    pub verdict_declared: Option<&'static str>,
    /// Later statements that may move the result, whether or not they did.
    pub changes: Vec<LockChange>,
    /// Leaves of records logged later that reach into the baseline.
    pub later_records: Vec<u64>,
}

/// A statement made after a lock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LockChange {
    /// Leaf.
    pub leaf: u64,
    /// Kind.
    pub kind: String,
    /// From when it holds, UTC milliseconds.
    pub effective_from: i64,
    /// When it was logged.
    pub received_ms: i64,
    /// Author.
    pub author: String,
    /// Role.
    pub role: String,
    /// Reason in words.
    pub reason: String,
}

/// One locked metric, evaluated.
struct Locked<'s> {
    stated: &'s Stated<BaselineLock>,
    plan: &'s Stated<Plan>,
    compare: Option<Compare>,
    confirmed: bool,
    changes: Vec<LockChange>,
    later_records: Vec<u64>,
}

pub(super) fn planned(
    history: &History,
    request: &ReportRequest,
    parts: &[(Period, Vec<MachinePeriod>)],
) -> Option<PlanResult> {
    let id = request.plan.as_deref()?;
    // A report on some of its machines or on other dates is none on the plan.
    let whole = ReportRequest::for_plan(request.size, id).resolve(history).ok()?;
    if (&whole.machines, &whole.periods) != (&request.machines, &request.periods) {
        return None;
    }
    let statements = history.statements();
    let stated = statements.plan(id)?;
    let body = &stated.body;
    let versions = statements.plan_versions(id);
    let mut findings = Vec::new();
    let mut locks: Vec<Locked<'_>> = Vec::new();
    let mut sides: Vec<(u64, Side)> = Vec::new();
    for lock in statements.locks(id) {
        let same = |l: &Locked<'_>| {
            (&l.stated.body.definition, &l.stated.body.machine) == (&lock.body.definition, &lock.body.machine)
        };
        if locks.iter().any(same) {
            findings.push(PlanFinding { code: "LOCK_REPEATED", leaf: lock.leaf });
            continue;
        }
        let locked_plan = versions.iter().filter(|p| p.leaf < lock.body.size).max_by_key(|p| p.leaf).copied();
        let names_it = |p: &&Stated<Plan>| {
            let metric = p.body.metric(&lock.body.definition, &lock.body.machine);
            p.leaf == lock.body.plan_leaf
                && p.body.baseline.is_some()
                && p.body.machines == lock.body.machines
                && metric.is_some()
        };
        match locked_plan.filter(names_it).filter(|_| lock.body.size <= lock.leaf) {
            Some(plan) => locks.push(evaluate_lock(history, request, parts, (lock, plan), &mut sides)),
            None => findings.push(PlanFinding { code: "LOCK_INVALID", leaf: lock.leaf }),
        }
    }
    let of = |name: &str| parts.iter().find(|(p, _)| p.name == name).map_or(&[][..], |(_, m)| m.as_slice());
    // A lock of comparison machines is told though the plan has none any more.
    let beside = besides(history, request, of("reporting"), stated, &mut findings);
    if body.metrics.is_empty() && body.baseline.is_some() && locks.is_empty() && findings.is_empty() {
        return None;
    }
    for lock in &locks {
        if !lock.confirmed {
            findings.push(PlanFinding { code: "LOCK_MISSTATED", leaf: lock.stated.leaf });
        }
        if !lock.stated.body.sufficient {
            findings.push(PlanFinding { code: "LOCKED_INSUFFICIENT", leaf: lock.stated.leaf });
        }
        let edits = lock.changes.iter().filter(|c| c.kind == "plan");
        findings.extend(edits.map(|c| PlanFinding { code: "PLAN_CHANGED_AFTER_LOCK", leaf: c.leaf }));
    }
    if body.machines.iter().chain(&body.incoming).any(|m| statements.machine_definitions(m).is_empty()) {
        findings.push(PlanFinding { code: "MACHINE_NOT_DECLARED", leaf: stated.leaf });
    }
    let measured = parts.iter().find(|(p, _)| p.name == "baseline").is_some_and(|(_, m)| m.iter().any(|m| m.valid > 0));
    let mut wanted: Vec<(PlanMetric, Option<usize>)> = body.metrics.iter().map(|m| (m.clone(), None)).collect();
    for (i, lock) in locks.iter().enumerate() {
        match wanted.iter_mut().find(|(m, _)| lock.stated.body.locks(m)) {
            Some(found) => found.1 = Some(i),
            None => {
                let gone = lock.plan.body.metric(&lock.stated.body.definition, &lock.stated.body.machine);
                wanted.extend(gone.map(|m| (m.clone(), Some(i))));
            }
        }
    }
    let metrics = wanted.iter().map(|(metric, at)| {
        let now = compare_metric(
            history,
            (body, stated.received_ms),
            (&metric.definition, &metric.machine),
            of("baseline"),
            of("reporting"),
        );
        let lock = at.and_then(|i| locks.get(i));
        let after = grade_of(&metric.definition, &metric.machine, of("reporting"));
        let mut out = metric_result(statements, body, metric, (now, after), lock, measured);
        // A metric that is only locked under an earlier plan is not of this choice.
        let is_ours = body.metric(&metric.definition, &metric.machine).is_some();
        out.beside = beside.as_ref().filter(|_| is_ours).and_then(|b: &Besides| b.metric(history, body, metric));
        out
    });
    let metrics: Vec<MetricResult> = metrics.collect();
    let overlapping = metrics.iter().filter_map(|m| m.documented.as_ref()).filter(|d| d.overlap);
    findings.extend(
        overlapping.filter_map(|d| Some(PlanFinding { code: "DOCUMENTS_OVERLAP", leaf: *d.documents.last()? })),
    );
    findings.sort_by_key(|f| (f.leaf, f.code));
    findings.dedup();
    Some(PlanResult {
        plan: id.to_owned(),
        names: Words::from(&body.names),
        leaf: stated.leaf,
        received_ms: stated.received_ms,
        versions: versions.iter().map(|p| p.leaf).collect(),
        design: match &body.comparison {
            Some(_) => "machines_compared",
            None if body.baseline.is_some() && measured => "before_after",
            None => "after_only",
        },
        option: body.option,
        boundary: body.boundary.as_ref().map(Words::from),
        metrics,
        comparison: beside.and_then(|b| b.result(body)),
        findings,
    })
}

/// Both sides of a plan as a lock over a prefix has them.
struct Side {
    before: Vec<MachinePeriod>,
    after: Vec<MachinePeriod>,
}

fn evaluate_lock<'s>(
    history: &'s History,
    request: &ReportRequest,
    parts: &[(Period, Vec<MachinePeriod>)],
    (lock, plan): (&'s Stated<BaselineLock>, &'s Stated<Plan>),
    sides: &mut Vec<(u64, Side)>,
) -> Locked<'s> {
    let statements = history.statements();
    let changes: Vec<LockChange> = plan::changes(statements, lock).into_iter().map(change_line).collect();
    let later_records = plan::later_records(history, lock);
    let metric = (lock.body.definition.as_str(), lock.body.machine.as_str());
    let of = |name: &str| parts.iter().find(|(p, _)| p.name == name).map_or(&[][..], |(_, m)| m.as_slice());
    // Reporting dates may change; chosen after they began, they are late whatever is locked.
    let now = statements.plan(&lock.body.plan).filter(|now| now.body.reporting != plan.body.reporting);
    let promised = plan.body.metric(&lock.body.definition, &lock.body.machine);
    let judged = |before: &[MachinePeriod], after: &[MachinePeriod]| {
        let compare = compare_metric(history, (&plan.body, now.unwrap_or(plan).received_ms), metric, before, after);
        let part = before.iter().find(|m| m.machine == lock.body.machine);
        let rests =
            |part: &MachinePeriod| plan::rests(statements, lock.body.size, lock.body.plan_leaf, &part.total.statements);
        let confirmed = part
            .zip(promised)
            .is_some_and(|(part, promised)| lock.body.rests_on(&rests(part)) && lock.body.counts_as(promised, part));
        (confirmed && compare.as_ref().is_some_and(|c| lock.body.says(&c.comparison)), compare)
    };
    let (mut confirmed, mut compare) = judged(of("baseline"), of("reporting"));
    // Nothing is known that moved it, and still it is not what was locked: a reading after the baseline's end may reach into it.
    let is_one = confirmed && changes.is_empty() && later_records.is_empty();
    if !is_one && !sides.iter().any(|(size, _)| *size == lock.body.size) {
        let machines: Vec<String> = plan.body.machines.iter().chain(&plan.body.incoming).cloned().collect();
        let period = |name: &str, r: &crate::model::DateRange| Period {
            name: name.to_owned(),
            from: r.from.clone(),
            to: r.to.clone(),
        };
        let (size, all) = (lock.body.size, statements);
        let before = history.with_statements(plan::as_locked(all, size, plan::Side::Baseline), Some(size));
        let after = history.with_statements(plan::as_locked(all, size, plan::Side::Reporting), None);
        let reporting = request.periods.iter().find(|p| p.name == "reporting").cloned();
        let reporting = reporting.unwrap_or_else(|| period("reporting", &plan.body.reporting));
        let baseline = plan.body.baseline.as_ref().map(|r| period("baseline", r));
        let mut sorted = machines;
        sorted.sort();
        sorted.dedup();
        sides.push((
            size,
            Side {
                before: baseline.map_or_else(Vec::new, |p| evaluate_side(&before, &sorted, &p, request.until_ms)),
                after: evaluate_side(&after, &sorted, &reporting, request.until_ms),
            },
        ));
    }
    if let Some((_, own)) = sides.iter().find(|(size, _)| !is_one && *size == lock.body.size) {
        (confirmed, compare) = judged(&own.before, &own.after);
    }
    Locked { confirmed, stated: lock, plan, compare, changes, later_records }
}

fn metric_result(
    statements: &crate::statements::Statements,
    plan: &Plan,
    metric: &PlanMetric,
    (now, grade_after): (Option<Compare>, Option<&'static str>),
    lock: Option<&Locked<'_>>,
    measured: bool,
) -> MetricResult {
    let locked_metric = lock.and_then(|l| l.plan.body.metric(&metric.definition, &metric.machine));
    let promised = locked_metric.unwrap_or(metric);
    let now_says = judge(metric, now.as_ref());
    let said = lock.map_or_else(|| judge(metric, now.as_ref()), |l| judge(promised, l.compare.as_ref()));
    let (change, mut verdict, mut reasons) = said;
    let is_sound = lock.is_none_or(|l| l.confirmed && l.stated.body.sufficient);
    if lock.is_some_and(|l| !l.confirmed) {
        reasons.push("LOCK_MISSTATED");
        verdict = verdict.map(|_| "INSUFFICIENT");
    }
    if lock.is_none() && plan.baseline.is_none() {
        reasons = vec!["NO_BASELINE"];
    } else if lock.is_none() && !measured {
        reasons = vec!["NO_BASELINE_DATA"];
    }
    let follows = lock.and_then(|l| l.compare.as_ref()).or(now.as_ref());
    let grades = match follows.map(|c| &c.comparison) {
        Some(c) => [if is_sound { c.before.grade } else { c.before.grade.map(|_| "D") }, c.after.grade],
        None => [None, grade_after],
    };
    MetricResult {
        definition: metric.definition.clone(),
        machine: metric.machine.clone(),
        option: promised.option.or(plan.option),
        target: promised.target.clone(),
        change,
        verdict,
        reasons,
        follows: if lock.is_some() { "locked" } else { "declared" },
        grades,
        documented: plan::documented(statements, plan, promised),
        beside: None,
        lock: lock.map(|l| lock_result(statements, l, now.as_ref(), (verdict, now_says.1))),
    }
}

fn lock_result(
    statements: &crate::statements::Statements,
    l: &Locked<'_>,
    now: Option<&Compare>,
    (verdict, now_says): (Option<&'static str>, Option<&'static str>),
) -> LockResult {
    let body = &l.stated.body;
    let declared = statements.declared(l.stated.leaf).map(|d| &d.body);
    let text = |of: fn(&protocol::Declaration) -> &String| declared.map(of).cloned().unwrap_or_default();
    let as_locked = l.compare.as_ref().map(|c| c.comparison.clone());
    // When a plan was stated again is told by its statements; it is no other result.
    let result = |c: &Comparison| {
        let mut c = c.clone();
        c.cautions.retain(|code| *code != "PLAN_AFTER_START");
        c
    };
    let differs = as_locked.as_ref().map(result) != now.map(|c| result(&c.comparison));
    LockResult {
        leaf: l.stated.leaf,
        received_ms: l.stated.received_ms,
        author: text(|d| &d.author),
        role: text(|d| &d.role),
        reason: text(|d| &d.reason),
        size: body.size,
        numerator: body.numerator.clone(),
        denominator: body.denominator.clone(),
        value: body.value.clone(),
        sufficient: body.sufficient,
        parameters: body.parameters.clone(),
        parameters_digest: body.parameters_digest.clone(),
        counts: body.counts,
        counts_digest: body.counts_digest.clone(),
        confirmed: l.confirmed,
        differs,
        as_locked: as_locked.filter(|_| differs),
        verdict_declared: now_says.filter(|_| differs || verdict != now_says),
        changes: l.changes.clone(),
        later_records: l.later_records.clone(),
    }
}

pub(super) fn change_line(s: &Stated<protocol::Declaration>) -> LockChange {
    LockChange {
        leaf: s.leaf,
        kind: s.body.kind.clone(),
        effective_from: s.effective_from,
        received_ms: s.received_ms,
        author: s.body.author.clone(),
        role: s.body.role.clone(),
        reason: s.body.reason.clone(),
    }
}

/// The change of a plan's one metric, as a report has it.
pub(crate) struct ComparedChange {
    /// In the target's unit.
    pub(crate) change: Option<TargetChange>,
    /// `MET`, `NOT_MET`, `INSUFFICIENT`.
    pub(crate) verdict: &'static str,
    /// Why the evidence is insufficient.
    pub(crate) reasons: Vec<&'static str>,
    /// Values before and after.
    pub(crate) values: [Option<String>; 2],
}

/// Compares the baseline of a plan with its reporting period for its first metric, under the parameters declared now.
pub(crate) fn compared_change(history: &History, plan: &Plan, until_ms: i64) -> Option<ComparedChange> {
    let metric = plan.metrics.first()?;
    let side = |name: &str, range: &crate::model::DateRange| {
        let period = Period { name: name.to_owned(), from: range.from.clone(), to: range.to.clone() };
        evaluate_side(history, &plan.machines, &period, Some(until_ms))
    };
    let before = plan.baseline.as_ref().map(|range| side("baseline", range)).unwrap_or_default();
    let after = side("reporting", &plan.reporting);
    // No plan was stated, so none was stated late.
    let found = compare_metric(history, (plan, i64::MIN), (&metric.definition, &metric.machine), &before, &after);
    let (change, verdict, mut reasons) = judge(metric, found.as_ref());
    if !before.iter().any(|part| part.valid > 0) {
        reasons = vec!["NO_BASELINE_DATA"];
    }
    let values = found.map_or([None, None], |c| [c.comparison.before.value, c.comparison.after.value]);
    Some(ComparedChange { change, verdict: verdict.unwrap_or("INSUFFICIENT"), reasons, values })
}

/// The change in the target's unit, and what it bears.
fn judge(
    metric: &PlanMetric,
    found: Option<&Compare>,
) -> (Option<TargetChange>, Option<&'static str>, Vec<&'static str>) {
    let Some(target) = &metric.target else { return (None, None, Vec::new()) };
    let Some(found) = found else { return (None, Some("INSUFFICIENT"), vec!["NO_DATA"]) };
    let c = &found.comparison;
    let (value, ends) = match target.unit {
        TargetUnit::PercentagePoints => (c.difference.clone(), found.interval),
        TargetUnit::Percent => (c.relative.clone(), found.relative),
    };
    let change =
        TargetChange { unit: target.unit, value, lower: ends.map(|e| fixed6(e.0)), upper: ends.map(|e| fixed6(e.1)) };
    let withheld = ["FEW_VALID_SHIFTS", "COVERAGE_TOO_LOW"];
    let mut reasons: Vec<&'static str> = c.cautions.iter().copied().filter(|code| withheld.contains(code)).collect();
    if reasons.is_empty() {
        reasons.extend(found.short);
    }
    let verdict = match reach(target, ends) {
        _ if !reasons.is_empty() => "INSUFFICIENT",
        Ok(true) => "MET",
        Ok(false) => "NOT_MET",
        Err(code) => {
            reasons.push(code);
            "INSUFFICIENT"
        }
    };
    (Some(change), Some(verdict), reasons)
}

/// Whether the whole interval of a change, millionths, reaches a target's value or stays below it; or why neither can be said.
pub(super) fn reach(target: &Target, ends: Option<(i128, i128)>) -> Result<bool, &'static str> {
    let ((lower, upper), least) = ends.zip(target.millionths()).ok_or("NO_INTERVAL")?;
    let (low, high) = match target.direction {
        Direction::Increase => (lower, upper),
        Direction::Decrease => (-upper, -lower),
    };
    if low >= least {
        Ok(true)
    } else if high < least {
        Ok(false)
    } else {
        Err("INTERVAL_CONTAINS_TARGET")
    }
}
