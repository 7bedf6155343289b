//! The filed plan in force: what was filed, what was changed with approval, what is applied for, and what is there.
//!
//! Constraints
//! 1. Only what everybody on the rule's route agreed to, in the rule's order, changes the plan. An opinion out of order counts
//!    for nothing and is named; nothing is dropped from the log by it.
//! 2. A resubmission of an application starts its route anew: an opinion is on what was submitted before it, not on what came after.
//! 3. A difference between the plan in force and what is there is named, with the pending application that would cover it, if one does.
//! 4. Nothing here says that a project has stopped or is cancelled: it says which date is near, and what the text says about it.
//! 5. Everything is a function of the filing's statements in order of the log, the rule, what was seen, and a date.
//!
//! `plan/course.rs`: applications and opinions; `plan/compared.rs`: promised, connected, producing; `plan/dates.rs`: the term and the
//! remaining payments.

mod compared;
mod course;
mod dates;

use jiff::civil::Date;
use metrics::filed::{ChangeItem, FiledPlan, Filing, PlanChange};

pub use self::compared::{Compared, Difference, Promise, Seen, SeenGateway, compare};
pub use self::course::{Application, Problem, Status, applications, check_change, check_opinion};
pub use self::dates::{Payment, PaymentState, Term, TermState, payments, term};

use crate::rule::{ChangeRules, Day, MajorKind};
use crate::words::Clause;

/// The plan in force on a date.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InForce {
    /// The plan as filed, with every approved change.
    pub plan: FiledPlan,
    /// Leaf of the filing.
    pub leaf: u64,
    /// The firm, where an approved change names another one.
    pub firm: Option<String>,
    /// Approved changes in words.
    pub others: Vec<String>,
    /// Approved applications in the order in which they were decided: id, date, leaf of the deciding opinion.
    pub changes: Vec<(String, Day, u64)>,
    /// Leaves that state the plan anew. They change nothing: only an approved change does.
    pub stated_again: Vec<u64>,
}

/// A stated date; declarations are checked, so that there is one.
fn date(text: &str) -> Option<Date> {
    metrics::calendar::parse_date(text)
}

/// The plan in force on a date; none before it was filed.
pub fn in_force(filing: &Filing, rules: Option<&ChangeRules>, at: Date) -> Option<InForce> {
    let (first, again) = filing.plans.split_first()?;
    if date(&first.body.filed)? > at {
        return None;
    }
    let mut out = InForce {
        plan: first.body.clone(),
        leaf: first.leaf,
        firm: None,
        others: Vec::new(),
        changes: Vec::new(),
        stated_again: again.iter().filter(|p| p.body != first.body).map(|p| p.leaf).collect(),
    };
    let all = applications(filing, rules, at);
    let mut approved: Vec<(u64, Day, &PlanChange)> = Vec::new();
    for application in &all {
        if let Status::Approved { date, leaf } = application.status {
            approved.push((leaf, date, application.change));
        }
    }
    approved.sort_by_key(|(leaf, _, _)| *leaf);
    for (leaf, day, change) in approved {
        out.apply(change);
        out.changes.push((change.change.clone(), day, leaf));
    }
    Some(out)
}

impl InForce {
    fn apply(&mut self, change: &PlanChange) {
        fn put<T: Clone>(list: &mut Vec<T>, new: &T, same: impl Fn(&T) -> bool) {
            match list.iter_mut().find(|old| same(old)) {
                Some(old) => *old = new.clone(),
                None => list.push(new.clone()),
            }
        }
        let plan = &mut self.plan;
        for item in &change.items {
            match item {
                ChangeItem::Machine(m) => put(&mut plan.machines, m, |old| old.machine == m.machine),
                ChangeItem::WithoutMachine(id) => plan.machines.retain(|m| m.machine != *id),
                ChangeItem::Gateway(id) => put(&mut plan.gateways, id, |old| old == id),
                ChangeItem::WithoutGateway(id) => plan.gateways.retain(|g| g != id),
                ChangeItem::Line(l) => put(&mut plan.lines, l, |old| old.line == l.line),
                ChangeItem::WithoutLine(id) => plan.lines.retain(|l| l.line != *id),
                ChangeItem::Target(t) => put(&mut plan.targets, t, |old| old.target == t.target),
                ChangeItem::WithoutTarget(id) => plan.targets.retain(|t| t.target != *id),
                ChangeItem::Term(term) => plan.term = term.clone(),
                ChangeItem::Firm(name) => self.firm = Some(name.clone()),
                ChangeItem::Other(text) => self.others.push(text.clone()),
            }
        }
    }

    /// What the plan would be with an application.
    fn with(&self, change: &PlanChange) -> Self {
        let mut out = self.clone();
        out.apply(change);
        out
    }

    /// Investment of the plan, fen.
    pub fn investment_fen(&self) -> i64 {
        self.plan.lines.iter().map(|l| l.amount_fen).sum()
    }
}

/// Which of the rule's major changes (重大变化) an application makes, against the plan as filed.
pub fn major<'r>(rules: &'r ChangeRules, filed: &FiledPlan, change: &PlanChange) -> Vec<(MajorKind, &'r Clause)> {
    let is_late = |to: &str| {
        let months = rules.delay.as_ref().map(|d| i64::from(d.months));
        let limit = months.and_then(|m| dates::after_months(date(&filed.term.to)?, m));
        limit.zip(date(to)).is_some_and(|(limit, to)| to >= limit)
    };
    let kind = |item: &ChangeItem| match item {
        ChangeItem::Firm(_) => Some(MajorKind::Firm),
        ChangeItem::Term(term) => is_late(&term.to).then_some(MajorKind::Delay),
        ChangeItem::Other(_) => Some(MajorKind::Other),
        _ => Some(MajorKind::Contents),
    };
    let made: Vec<MajorKind> = change.items.iter().filter_map(kind).collect();
    rules.major.iter().filter(|m| made.contains(&m.kind)).map(|m| (m.kind, &m.clause)).collect()
}
