//! Machines beside machines, where no base period was measured (对照机器): never before and after.
//!
//! Constraints
//! 1. Both sides are of the same dates, those on which both have a denominator, and the interval takes the same dates of both: what a day
//!    did to both stays in their difference.
//! 2. What the interval holds is how certain the difference of *these* machines over *these* dates is. That they were alike before the
//!    retrofit nobody measured; so a difference reaches a target's value or does not, and the target's own verdict stays insufficient.
//! 3. The comparison side stands for what was not measured: grade C at best; D when the choice was not both stated and locked before the
//!    dates of either side began, or is not what was locked, or a machine is unfit.
//! 4. Where parameters as declared now give anything else than as locked, both stand here.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::compare::{self, Day};
use crate::decimal::{fixed6, float_scaled, ratio6};
use crate::history::History;
use crate::model::{ComparisonMachine, Plan, PlanMetric, TargetUnit};
use crate::plan::{self, ComparisonLock};
use crate::report::build::{MachinePeriod, evaluate_side, sum_machines};
use crate::report::compared::{COMPARED, Caution, Compared, comparison, is_late, short};
use crate::report::planned::{LockChange, PlanFinding, TargetChange, change_line, reach};
use crate::report::{Method, ReportRequest, Side};
use crate::statements::{Stated, Statements};

/// Fewest dates on which both sides have a denominator: four complete weeks.
const COMMON_DAYS_MIN: u64 = 28;

/// The comparison machines of a plan, and the lock of their choice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ComparisonResult {
    /// Comparison machines as stated.
    pub machines: Vec<ComparisonMachine>,
    /// How the intervals were made.
    pub method: Method,
    /// The lock of the choice.
    pub lock: Option<ComparisonLocked>,
}

/// The lock of a choice of comparison machines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ComparisonLocked {
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
    /// Leaves it was made over.
    pub size: u64,
    /// SHA-256 of its parameters, hex.
    pub parameters_digest: String,
    /// Its own prefix of the log says the same.
    pub confirmed: bool,
    /// Later statements that may move the result, whether or not they did.
    pub changes: Vec<LockChange>,
}

/// A metric of the retrofitted machines beside that of the comparison machines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Beside {
    /// The sum over the comparison machines, over the dates in common.
    pub comparison: Side,
    /// The retrofitted side.
    pub retrofitted: Side,
    /// Each comparison machine by itself.
    pub machines: Vec<BesideMachine>,
    /// Dates on which both sides have a denominator.
    pub common_days: u64,
    /// retrofitted − comparison.
    pub difference: Option<String>,
    /// retrofitted / comparison − 1.
    pub relative: Option<String>,
    /// Lower end of the 95 % interval of the difference.
    pub lower: Option<String>,
    /// Upper end.
    pub upper: Option<String>,
    /// `HIGHER`, `LOWER`, `NOT_SIGNIFICANT`, `INSUFFICIENT`.
    pub verdict: &'static str,
    /// The difference in the target's unit.
    pub change: Option<TargetChange>,
    /// Whether the whole interval reaches the target's value: `REACHED`, `NOT_REACHED`, `UNDECIDED`; null without target.
    pub reaches: Option<&'static str>,
    /// Why it is undecided: codes.
    pub reasons: Vec<&'static str>,
    /// What a reader must know: codes.
    pub cautions: Vec<&'static str>,
    /// `locked` or `declared`: under which parameters this is.
    pub follows: &'static str,
    /// The same as declared now, where that is something else.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub declared: Option<Box<Beside>>,
}

/// One comparison machine's own value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BesideMachine {
    /// Machine id.
    pub machine: String,
    /// Σ numerators.
    pub numerator: String,
    /// Σ denominators.
    pub denominator: String,
    /// Their quotient.
    pub value: Option<String>,
}

/// The comparison of a plan, ready for its metrics.
pub(super) struct Besides {
    now: Sides,
    /// Under the parameters as locked, where they may give something else.
    locked: Option<Sides>,
    lock: Option<ComparisonLocked>,
    /// When the plan that names the choice was stated, UTC milliseconds.
    agreed_ms: i64,
    /// The plan was changed after its lock.
    is_left: bool,
    is_unfit: bool,
}

/// Both sides of a comparison: machines by id, the boundary's sum and the comparison's.
struct Sides {
    after: Vec<MachinePeriod>,
    reference: MachinePeriod,
}

/// Evaluates what a plan's comparison rests on; none for a plan without. Adds what was found, of locks too that the plan no longer has a
/// comparison for.
pub(super) fn besides(
    history: &History,
    request: &ReportRequest,
    after: &[MachinePeriod],
    stated: &Stated<Plan>,
    findings: &mut Vec<PlanFinding>,
) -> Option<Besides> {
    let statements = history.statements();
    let held = held(statements, stated, findings);
    stated.body.comparison.as_ref()?;
    let unfit = plan::unfit(statements, &stated.body);
    findings.extend(unfit.iter().map(|u| PlanFinding { code: u.code, leaf: stated.leaf }));
    let mut out = Besides {
        now: Sides::of(&stated.body, after),
        locked: None,
        lock: None,
        agreed_ms: stated.received_ms,
        is_left: false,
        is_unfit: !unfit.is_empty(),
    };
    if let Some((lock, on)) = held {
        out.is_left = plan::is_left(&on.body, &stated.body);
        if !out.is_left {
            out.agreed_ms = on.received_ms;
        }
        if lock.confirmed && !out.is_left && !lock.changes.is_empty() {
            out.locked = Some(as_locked(history, request, &stated.body, lock.size));
        }
        out.lock = Some(lock);
    }
    Some(out)
}

/// The lock that holds a plan's choice, and the statement of the plan it stands on. Adds what was found, whatever the plan says now.
fn held<'s>(
    statements: &'s Statements,
    stated: &Stated<Plan>,
    findings: &mut Vec<PlanFinding>,
) -> Option<(ComparisonLocked, &'s Stated<Plan>)> {
    let mut held: Option<(&Stated<ComparisonLock>, &Stated<Plan>)> = None;
    for lock in statements.comparison_locks(&stated.body.plan) {
        let mut found = |code| findings.push(PlanFinding { code, leaf: lock.leaf });
        match ComparisonLock::stands_on(lock, statements) {
            Some(_) if held.is_some() => found("LOCK_REPEATED"),
            Some(on) => held = Some((lock, on)),
            None => found("LOCK_INVALID"),
        }
    }
    let (lock, on) = held?;
    let confirmed = lock.body.is_confirmed(statements, on);
    if !confirmed {
        findings.push(PlanFinding { code: "LOCK_MISSTATED", leaf: lock.leaf });
    }
    let changes: Vec<LockChange> =
        plan::changes_beside(statements, lock, &on.body).into_iter().map(change_line).collect();
    let edits = changes.iter().filter(|c| c.kind == "plan");
    findings.extend(edits.map(|c| PlanFinding { code: "PLAN_CHANGED_AFTER_LOCK", leaf: c.leaf }));
    if stated.body.comparison.is_none() {
        findings.push(PlanFinding { code: "COMPARISON_DROPPED", leaf: stated.leaf });
    }
    let declared = statements.declared(lock.leaf).map(|d| &d.body);
    let text = |of: fn(&protocol::Declaration) -> &String| declared.map(of).cloned().unwrap_or_default();
    let lock = ComparisonLocked {
        leaf: lock.leaf,
        received_ms: lock.received_ms,
        author: text(|d| &d.author),
        role: text(|d| &d.role),
        reason: text(|d| &d.reason),
        size: lock.body.size,
        parameters_digest: lock.body.parameters_digest.clone(),
        confirmed,
        changes,
    };
    Some((lock, on))
}

/// Both sides evaluated under what a lock's prefix had in force; what merely happened later counts.
fn as_locked(history: &History, request: &ReportRequest, plan: &Plan, size: u64) -> Sides {
    let locked = history.with_statements(plan::as_locked(history.statements(), size, plan::Side::Reporting), None);
    let found = request.periods.iter().find(|p| p.name == "reporting");
    let mut after = found.map_or_else(Vec::new, |p| evaluate_side(&locked, &request.machines, p, request.until_ms));
    // The sum is over the boundary alone.
    after.pop();
    after.push(sum_machines(after.iter().filter(|m| !plan.compared_with().any(|id| id == m.machine))));
    Sides::of(plan, &after)
}

impl Sides {
    fn of(plan: &Plan, after: &[MachinePeriod]) -> Self {
        let is_reference = |m: &&MachinePeriod| plan.compared_with().any(|id| id == m.machine);
        Self { reference: sum_machines(after.iter().filter(is_reference)), after: after.to_vec() }
    }

    fn one(&self, machine: &str) -> Option<&MachinePeriod> {
        self.after.iter().find(|m| m.machine == machine)
    }
}

impl Besides {
    /// What the report says of the choice.
    pub(super) fn result(&self, plan: &Plan) -> Option<ComparisonResult> {
        let method = Method {
            interval: "paired-circular-block-bootstrap@1",
            seed: plan.seed,
            replicates: plan.replicates,
            block_days: plan.block_days,
        };
        let machines = plan.comparison.as_ref()?.machines.clone();
        Some(ComparisonResult { machines, method, lock: self.lock.clone() })
    }

    /// A metric on both sides; none when neither has anything to divide by.
    pub(super) fn metric(&self, history: &History, plan: &Plan, metric: &PlanMetric) -> Option<Beside> {
        let now = self.beside(history, plan, metric, &self.now)?;
        let confirmed = self.lock.as_ref().is_some_and(|l| l.confirmed) && !self.is_left;
        let follows = if confirmed { "locked" } else { "declared" };
        let locked = self.locked.as_ref().and_then(|sides| self.beside(history, plan, metric, sides));
        Some(match locked {
            Some(locked) if locked != now => Beside { follows, declared: Some(Box::new(now)), ..locked },
            _ => Beside { follows, ..now },
        })
    }

    fn beside(&self, history: &History, plan: &Plan, metric: &PlanMetric, sides: &Sides) -> Option<Beside> {
        let compared = COMPARED.iter().find(|c| c.definition == metric.definition)?;
        let (reference, own) = (&sides.reference, sides.one(&metric.machine)?);
        let Aligned { reference: a, own: b, common, is_any } = aligned(compared, reference, own);
        if !is_any {
            return None;
        }
        let how = (usize::try_from(plan.replicates).unwrap_or(2000), plan.seed.cast_unsigned());
        let change = compare::beside(&a, &b, usize::try_from(plan.block_days).unwrap_or(7), how.0, how.1);
        let is_after = |ms| is_late(history, ms, [own, reference]);
        let is_late = is_after(self.agreed_ms);
        let late_lock = match &self.lock {
            Some(lock) => is_after(lock.received_ms).then_some("LOCKED_AFTER_START"),
            None => Some("COMPARISON_NOT_LOCKED"),
        };
        let found = comparison(compared, reference, own, &change, is_late);
        let common_days = common.len() as u64;
        let each: Vec<(String, Day)> =
            plan.compared_with().map(|id| (id.to_owned(), sum(compared, sides.one(id), &common))).collect();

        let mut reasons: Vec<&'static str> = Vec::new();
        if self.is_unfit {
            reasons.push("COMPARISON_UNFIT");
        }
        if self.is_left {
            reasons.push("COMPARISON_LEFT");
        }
        if self.lock.as_ref().is_some_and(|l| !l.confirmed) {
            reasons.push("LOCK_MISSTATED");
        }
        if common_days == 0 || each.iter().any(|(_, sum)| sum.1 == 0) {
            reasons.push("COMPARISON_NO_OVERLAP");
        } else if common_days < COMMON_DAYS_MIN {
            reasons.push("COMPARISON_FEW_COMMON_DAYS");
        }
        let withheld = [Caution::FewValidShifts.code(), Caution::CoverageTooLow.code()];
        reasons.extend(found.cautions.iter().copied().filter(|code| withheld.contains(code)));
        reasons.extend(short(metric, [reference, own]).filter(|_| reasons.is_empty()));
        let is_withheld = !reasons.is_empty();

        let mut cautions: Vec<&'static str> =
            found.cautions.iter().copied().filter(|code| !withheld.contains(code)).collect();
        cautions.extend(late_lock);
        cautions.extend(spread(&each, change.after));
        if plan.compared_with().any(|id| !plan::is_class_stated(history.statements(), plan, id)) {
            cautions.push("COMPARISON_CLASS_NOT_STATED");
        }
        let target = metric.target.as_ref();
        let relative = || {
            let ends = compare::beside_relative(&a, &b, change.block, how.0, how.1);
            change.interval.and(ends)
        };
        let told = target.map(|t| {
            let (value, ends) = match t.unit {
                TargetUnit::PercentagePoints => (found.difference.clone(), change.interval),
                TargetUnit::Percent => (found.relative.clone(), relative()),
            };
            let one = |end| float_scaled(end, 1_000_000, 1);
            let ends = ends.and_then(|(low, high)| one(low).zip(one(high)));
            let change = TargetChange {
                unit: t.unit,
                value,
                lower: ends.map(|e| fixed6(e.0)),
                upper: ends.map(|e| fixed6(e.1)),
            };
            (change, reach(t, ends))
        });
        let reaches = told.as_ref().map(|(_, reached)| match reached {
            _ if is_withheld => "UNDECIDED",
            Ok(true) => "REACHED",
            Ok(false) => "NOT_REACHED",
            Err(code) => {
                reasons.push(code);
                "UNDECIDED"
            }
        });
        let is_misstated = self.lock.as_ref().is_some_and(|l| !l.confirmed);
        let is_weak = is_late || late_lock.is_some() || self.is_unfit || self.is_left || is_misstated;
        // The later letter is the weaker.
        let lowered = |grade: &'static str| if is_weak { "D" } else { grade.max("C") };
        let days = |part: &MachinePeriod| part.days.len() as u64;
        Some(Beside {
            comparison: Side { grade: found.before.grade.map(lowered), days: days(reference), ..found.before },
            retrofitted: Side { days: days(own), ..found.after },
            machines: each.into_iter().map(own_value).collect(),
            common_days,
            difference: found.difference,
            relative: found.relative,
            lower: found.lower,
            upper: found.upper,
            verdict: match found.verdict {
                _ if is_withheld => "INSUFFICIENT",
                "UP" => "HIGHER",
                "DOWN" => "LOWER",
                other => other,
            },
            change: told.map(|(change, _)| change),
            reaches,
            reasons,
            cautions,
            follows: "declared",
            declared: None,
        })
    }
}

fn own_value((machine, sum): (String, Day)) -> BesideMachine {
    let (numerator, denominator) = (sum.0.to_string(), sum.1.to_string());
    BesideMachine { machine, numerator, denominator, value: ratio6(sum.0, sum.1) }
}

/// Both sides over the same dates.
struct Aligned<'d> {
    /// One pair per date that either side has, in order; 0/0 on both where one has no denominator.
    reference: Vec<Day>,
    own: Vec<Day>,
    /// Dates on which both have a denominator.
    common: BTreeSet<&'d String>,
    /// Whether there is any denominator at all.
    is_any: bool,
}

fn aligned<'d>(compared: &Compared, reference: &'d MachinePeriod, own: &'d MachinePeriod) -> Aligned<'d> {
    let of = |part: &MachinePeriod, date: &String| part.days.get(date).and_then(compared.day).unwrap_or((0, 0));
    let mut out = Aligned { reference: Vec::new(), own: Vec::new(), common: BTreeSet::new(), is_any: false };
    let dates: BTreeSet<&String> = reference.days.keys().chain(own.days.keys()).collect();
    for date in dates {
        let (a, b) = (of(reference, date), of(own, date));
        let is_common = a.1 > 0 && b.1 > 0;
        out.is_any |= a.1 > 0 || b.1 > 0;
        out.common.extend(is_common.then_some(date));
        let (a, b) = if is_common { (a, b) } else { ((0, 0), (0, 0)) };
        out.reference.push(a);
        out.own.push(b);
    }
    out
}

/// Sums of a machine by itself over the dates in common.
fn sum(compared: &Compared, part: Option<&MachinePeriod>, common: &BTreeSet<&String>) -> Day {
    let days = part.into_iter().flat_map(|p| &p.days).filter(|(date, _)| common.contains(date));
    let days = days.filter_map(|(_, facts)| (compared.day)(facts));
    days.fold((0, 0), |t: Day, d| (t.0.saturating_add(d.0), t.1.saturating_add(d.1)))
}

/// What the comparison machines say of how alike machines are: nothing when there is one, and a warning when the retrofitted side lies among them.
fn spread(each: &[(String, Day)], own: Day) -> Option<&'static str> {
    // a/b ≤ c/d by cross-multiplication; denominators are positive.
    let at_most = |a: Day, b: Day| a.0.checked_mul(b.1).zip(b.0.checked_mul(a.1)).is_some_and(|(x, y)| x <= y);
    if each.len() == 1 {
        return Some("COMPARISON_ONE_MACHINE");
    }
    let valued = || each.iter().map(|(_, sum)| *sum).filter(|sum| sum.1 > 0);
    let within = own.1 > 0 && valued().any(|m| at_most(m, own)) && valued().any(|m| at_most(own, m));
    within.then_some("COMPARISON_WITHIN_SPREAD")
}
