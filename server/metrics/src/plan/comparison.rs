//! Machines in place of a base period: what makes a machine unfit, and the lock of the choice (`comparison_lock`, 对照锁定).
//!
//! Constraints
//! 1. A machine is fit when it makes things, is of a class of the boundary's machines and makes one of their products where both are
//!    stated, and no plan of the site has it retrofitted before the compared dates end. Where nothing is stated that is said, not held
//!    against it.
//! 2. Nothing of a comparison is measured when it is chosen: the lock fixes the choice, not a number — both lists of machines, dates,
//!    metrics, targets, sampling, and every parameter in force. The whole plan is locked, once.
//! 3. A lock is taken as what it says only if its own prefix of the log says the same.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::lock::{LockError, PARAMETERS_MAX, Parameter, digest_of, list_digest};
use crate::calendar::{local_days, parse_date};
use crate::checklist::ledger::EquipmentClass;
use crate::model::{MachineRole, ModelError, Plan, check_id, refuse};
use crate::report::Words;
use crate::statements::{Stated, Statements};

/// Why a machine cannot stand in place of a base period.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unfit {
    /// Machine id.
    pub machine: String,
    /// `COMPARISON_UNKNOWN`, `COMPARISON_ROLE`, `COMPARISON_CLASS`, `COMPARISON_PRODUCT`, `COMPARISON_RETROFITTED`.
    pub code: &'static str,
    /// What, and what to do.
    pub words: Words,
}

/// A machine outside the boundary, looked at as a comparison machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Candidate {
    /// Machine id.
    pub machine: String,
    /// What speaks against it; empty: it is proposed.
    pub unfit: Vec<Unfit>,
    /// Its class is stated, and that of a machine of the boundary.
    pub is_class_stated: bool,
}

/// What speaks against the comparison machines of a plan, by everything stated now.
pub(crate) fn unfit(statements: &Statements, plan: &Plan) -> Vec<Unfit> {
    plan.compared_with().flat_map(|machine| unfit_of(statements, plan, machine)).collect()
}

/// Every production machine outside the boundary, and what is chosen there though it is none, in order of their ids.
pub fn candidates<'a>(
    statements: &'a Statements,
    plan: &Plan,
    chosen: impl IntoIterator<Item = &'a str>,
) -> Vec<Candidate> {
    let chosen: BTreeSet<&str> = chosen.into_iter().collect();
    let all: BTreeSet<&str> = statements.machines().chain(chosen.iter().copied()).collect();
    let outside = |m: &&str| !plan.machines.iter().chain(&plan.incoming).any(|own| own == m);
    let look = |machine: &str| Candidate {
        machine: machine.to_owned(),
        unfit: unfit_of(statements, plan, machine),
        is_class_stated: is_class_stated(statements, plan, machine),
    };
    let makes_things = |c: &Candidate| !c.unfit.iter().any(|u| u.code == "COMPARISON_ROLE");
    let found = all.into_iter().filter(outside).map(look);
    found.filter(|c| makes_things(c) || chosen.contains(c.machine.as_str())).collect()
}

/// Whether the class of a machine and of one of the boundary's machines is stated.
pub(crate) fn is_class_stated(statements: &Statements, plan: &Plan, machine: &str) -> bool {
    class(statements, machine).is_some() && plan.machines.iter().any(|own| class(statements, own).is_some())
}

fn class(statements: &Statements, machine: &str) -> Option<EquipmentClass> {
    statements.ledger_entry_at(machine, i64::MAX)?.body.class
}

fn unfit_of(statements: &Statements, plan: &Plan, machine: &str) -> Vec<Unfit> {
    let mut out = Vec::new();
    let mut say = |code, zh: String, en: String| {
        out.push(Unfit { machine: machine.to_owned(), code, words: (zh, en).into() });
    };
    let Some(declared) = statements.machine_definitions(machine).last() else {
        say(
            "COMPARISON_UNKNOWN",
            format!("对照机器 {machine} 未在台账填报：请先填报该设备"),
            format!("the comparison machine {machine} is not in the ledger: declare it first"),
        );
        return out;
    };
    if declared.body.role != MachineRole::Production {
        say(
            "COMPARISON_ROLE",
            format!("{machine} 不是生产设备，不能作对照机器"),
            format!("{machine} is no production machine and cannot be compared with"),
        );
    }
    let classes: BTreeSet<EquipmentClass> = plan.machines.iter().filter_map(|m| class(statements, m)).collect();
    if let Some(own) = class(statements, machine).filter(|own| !classes.is_empty() && !classes.contains(own)) {
        let words = |pick: fn((&'static str, &'static str)) -> &'static str| {
            let all: Vec<&str> = classes.iter().map(|c| pick(c.words())).collect();
            (pick(own.words()), all.join("、"))
        };
        let ((own_zh, zh), (own_en, en)) = (words(|w| w.0), words(|w| w.1));
        say(
            "COMPARISON_CLASS",
            format!("{machine} 的台账类别为“{own_zh}”，边界内设备为“{zh}”：请选同类设备"),
            format!("{machine} is {own_en} in the ledger, the boundary's machines are {en}: choose one of their class"),
        );
    }
    let ours: BTreeSet<&str> = plan.machines.iter().flat_map(|m| statements.products_planned(m)).collect();
    let own: BTreeSet<&str> = statements.products_planned(machine).collect();
    if !ours.is_empty() && !own.is_empty() && ours.is_disjoint(&own) {
        say(
            "COMPARISON_PRODUCT",
            format!("{machine} 与边界内设备没有共同的产品（按节拍或配方填报）：请选生产同类产品的设备"),
            format!(
                "{machine} has no product in common with the boundary's machines, by cycle times and recipes: choose one that makes the same"
            ),
        );
    }
    if let Some((other, date)) = retrofitted(statements, plan, machine) {
        let to = &plan.reporting.to;
        say(
            "COMPARISON_RETROFITTED",
            format!(
                "按方案 {other}，{machine} 自 {date} 起改造，早于对照日期结束（{to}）：请提前结束报告期，或不用该机器"
            ),
            format!(
                "by the plan `{other}` {machine} is retrofitted from {date} on, before the compared dates end ({to}): end the reporting period earlier or leave the machine out"
            ),
        );
    }
    out
}

/// A plan that has a machine retrofitted by the end of the compared dates, and from when on: the day after its base period, or the
/// first day of a reporting period without one. What was newest of a plan at some time in the dates counts though it was stated otherwise
/// later; of this very plan too.
fn retrofitted(statements: &Statements, plan: &Plan, machine: &str) -> Option<(String, String)> {
    let begins = |other: &Plan| match &other.baseline {
        Some(before) => parse_date(&before.to).and_then(|d| d.tomorrow().ok()).map(|d| d.to_string()),
        None => Some(other.reporting.from.clone()),
    };
    let zone = statements.site().map_or("UTC", |s| s.zone.as_str());
    let (from, to) = (parse_date(&plan.reporting.from)?, parse_date(&plan.reporting.to)?);
    let dates = local_days(zone, from, to)?;
    let held = statements.plans().flat_map(|id| {
        let versions = statements.plan_versions(id);
        let ends: Vec<Option<i64>> = versions.iter().skip(1).map(|next| Some(next.received_ms)).chain([None]).collect();
        // The newest of another plan holds whenever it was stated; of this plan it is what is looked at.
        let holds = move |(version, end): &(&Stated<Plan>, Option<i64>)| match end {
            Some(end) => version.received_ms < dates.to_ms && *end > dates.from_ms,
            None => id != plan.plan,
        };
        versions.into_iter().zip(ends).filter(holds).map(|(version, _)| version)
    });
    let of_it = held.filter(|other| other.body.machines.iter().any(|m| m == machine));
    let dated = of_it.filter_map(|other| Some((begins(&other.body)?, other.body.plan.clone())));
    let first = dated.min()?;
    (first.0 <= plan.reporting.to).then_some((first.1, first.0))
}

/// `comparison_lock`: the choice of a plan's comparison machines, fixed with everything they are compared by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ComparisonLock {
    /// Plan id.
    pub plan: String,
    /// Leaf of the statement of the plan that is locked.
    pub plan_leaf: u64,
    /// The retrofitted machines.
    pub machines: Vec<String>,
    /// The comparison machines.
    pub comparison: Vec<String>,
    /// Leaves the lock was made over.
    pub size: u64,
    /// The plan, and what was stated of site, calendars and the machines of both sides, by leaf.
    pub parameters: Vec<Parameter>,
    /// SHA-256 of the canonical JSON of `parameters`, hex.
    pub parameters_digest: String,
}

impl ComparisonLock {
    /// Checks shapes and bounds.
    pub(crate) fn checked(self) -> Result<Self, ModelError> {
        const KIND: &str = "comparison_lock";
        check_id(KIND, "plan", &self.plan)?;
        for (field, list) in [("machines", &self.machines), ("comparison", &self.comparison)] {
            if list.is_empty() || list.len() > 10_000 {
                return Err(refuse(KIND, field, "must name 1 to 10 000 machines"));
            }
            list.iter().try_for_each(|machine| check_id(KIND, field, machine))?;
        }
        let ordered = self.parameters.windows(2).all(|w| matches!(w, [a, b] if a.leaf < b.leaf));
        if !ordered || self.parameters.len() > PARAMETERS_MAX {
            let reason = format!("must be in order of their leaves, at most {PARAMETERS_MAX}");
            return Err(refuse(KIND, "parameters", reason));
        }
        if self.plan_leaf >= self.size || self.parameters.iter().any(|p| p.leaf >= self.size) {
            return Err(refuse(KIND, "size", "must be more than every leaf named"));
        }
        Ok(self)
    }

    /// The lock of a plan's choice over the first `size` leaves; none when it rests on more statements than a lock lists, and how many.
    pub(crate) fn of(statements: &Statements, size: u64, plan: &Stated<Plan>) -> Result<Self, usize> {
        let parameters = parameters(statements, size, plan);
        if parameters.len() > PARAMETERS_MAX {
            return Err(parameters.len());
        }
        Ok(Self {
            plan: plan.body.plan.clone(),
            plan_leaf: plan.leaf,
            machines: plan.body.machines.clone(),
            comparison: plan.body.compared_with().map(str::to_owned).collect(),
            size,
            parameters_digest: list_digest(&parameters),
            parameters,
        })
    }

    /// The statement of the plan that a lock stands on, if it stands: the newest of the plan among its prefix, which names both lists.
    pub(crate) fn stands_on<'s>(lock: &Stated<Self>, statements: &'s Statements) -> Option<&'s Stated<Plan>> {
        let versions = statements.plan_versions(&lock.body.plan);
        let newest = versions.into_iter().rfind(|p| p.leaf < lock.body.size)?;
        let names = newest.body.compared_with().eq(lock.body.comparison.iter().map(String::as_str));
        let is_it = newest.leaf == lock.body.plan_leaf && newest.body.machines == lock.body.machines && names;
        (is_it && newest.body.comparison.is_some() && lock.body.size <= lock.leaf).then_some(newest)
    }

    /// Whether the parameters of a lock that stands are those of its own prefix.
    pub(crate) fn is_confirmed(&self, statements: &Statements, plan: &Stated<Plan>) -> bool {
        Self::of(statements, self.size, plan).is_ok_and(|found| found == *self)
    }
}

/// The lock that holds a plan's choice, and the statement of the plan it stands on: the first that stands.
pub fn comparison_locked<'s>(
    statements: &'s Statements,
    plan: &str,
) -> Option<(&'s Stated<ComparisonLock>, &'s Stated<Plan>)> {
    let locks = statements.comparison_locks(plan).iter();
    locks.filter_map(|lock| Some((lock, ComparisonLock::stands_on(lock, statements)?))).next()
}

/// The lock of a plan's choice over the first `size` leaves, for the log.
///
/// # Errors
/// No such plan, no comparison machines, locked before, a machine that is unfit, more statements than a lock lists.
pub fn lock_comparison(statements: &Statements, size: u64, plan: &str) -> Result<ComparisonLock, LockError> {
    let stated = statements.plan(plan).ok_or_else(|| LockError::NoPlan(plan.to_owned()))?;
    if stated.body.comparison.is_none() {
        return Err(LockError::NoBaseline(plan.to_owned()));
    }
    if let Some((lock, _)) = comparison_locked(statements, plan) {
        return Err(LockError::ComparisonLocked { leaf: lock.leaf });
    }
    let unfit = unfit(statements, &stated.body);
    if !unfit.is_empty() {
        let words = joined(&unfit);
        return Err(LockError::Unfit { zh: words.zh, en: words.en });
    }
    let definition = "comparison".to_owned();
    ComparisonLock::of(statements, size, stated).map_err(|statements| LockError::TooMany { definition, statements })
}

/// Everything that speaks against some machines, in one sentence of each language.
pub(super) fn joined(unfit: &[Unfit]) -> Words {
    let all = |of: fn(&Unfit) -> &str, sign: &str| unfit.iter().map(of).collect::<Vec<_>>().join(sign);
    Words { zh: all(|u| &u.words.zh, "；"), en: all(|u| &u.words.en, "; ") }
}

/// Whether a plan as stated later is another than the one whose comparison was locked: everything but its names, in whatever order.
pub(crate) fn is_left(locked: &Plan, now: &Plan) -> bool {
    let sorted = |plan: &Plan| {
        let mut plan = Plan { names: locked.names.clone(), ..plan.clone() };
        plan.machines.sort();
        plan.metrics.sort_by(|a, b| (&a.definition, &a.machine).cmp(&(&b.definition, &b.machine)));
        if let Some(comparison) = &mut plan.comparison {
            comparison.machines.sort_by(|a, b| a.machine.cmp(&b.machine));
        }
        plan
    };
    sorted(now) != sorted(locked)
}

/// What a choice rests on: the plan; every site and calendar; machines, planned times and ledger entries of both sides.
fn parameters(statements: &Statements, size: u64, plan: &Stated<Plan>) -> Vec<Parameter> {
    let body = &plan.body;
    let ours: BTreeSet<&str> =
        body.machines.iter().chain(&body.incoming).map(String::as_str).chain(body.compared_with()).collect();
    let counts = |s: &&Stated<protocol::Declaration>| match s.body.kind.as_str() {
        "site" | "calendar" => true,
        "machine" | "cycle_time" | "recipe" | "ledger" => {
            s.body.body.get("machine").and_then(|m| m.as_str()).is_some_and(|m| ours.contains(m))
        }
        _ => s.leaf == plan.leaf,
    };
    let before = statements.ledger().iter().take_while(|s| s.leaf < size).filter(counts);
    before
        .filter_map(|s| Some(Parameter { leaf: s.leaf, digest: digest_of(statements, s.leaf)?.to_string() }))
        .collect()
}
