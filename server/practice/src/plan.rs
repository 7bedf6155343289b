//! The filed plan in force: what was filed, what was changed with approval, what is applied for, and what is there.
//!
//! Constraints
//! 1. Only what everybody on the rule's route agreed to, in the rule's order and from an account that speaks for them, changes the plan.
//!    Whatever else the log has counts for nothing and is named; nothing is dropped from the log by it.
//! 2. A resubmission of an application starts its route anew: an opinion is on what was submitted before it, not on what came after.
//! 3. Dates are those on the papers. None may lie after the day on which the server logged it, and that day stands beside it where it is later.
//! 4. A difference between the plan in force and what is there is named, whatever was applied for: with the application that would cover it
//!    and where that stands, if there is one.
//! 5. Nothing here says that a project has stopped or is cancelled: it says which date is near, and what the text says about it.
//! 6. Everything is a function of the filing's statements in order of the log, the rule, what was seen, and a date.
//!
//! `plan/course.rs`: applications and opinions; `plan/door.rs`: what is refused before it is logged; `plan/compared.rs`: promised, connected,
//! producing; `plan/dates.rs`: the term and the remaining payments; `plan/major.rs`: what the text calls a major change.

mod compared;
mod course;
mod dates;
mod door;
mod major;

use jiff::civil::Date;
use metrics::filed::{ChangeItem, Filed, FiledPlan, Filing, PlanChange};
use metrics::statements::Statements;

pub use self::compared::{Compared, Covered, Difference, Promise, Seen, SeenGateway, compare};
pub use self::course::{Application, Course, Problem, Status};
pub use self::dates::{Payment, PaymentState, Term, TermState, payments, term};
pub use self::door::check_stated;
pub use self::major::{MajorChange, major};

use crate::rule::{ChangeRules, Day};

/// A filing with what its course is read by.
#[derive(Debug, Clone, Copy)]
pub struct Procedure<'f> {
    /// Everything stated of it.
    pub filing: &'f Filing,
    /// How its rule has plans changed, where the rule says so.
    pub rules: Option<&'f ChangeRules>,
    /// IANA time zone of the site: on which day the server logged a statement.
    pub zone: &'f str,
}

/// The plan in force on a date.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InForce {
    /// The plan as filed, with every approved change.
    pub plan: FiledPlan,
    /// The plan as filed.
    pub filed: FiledPlan,
    /// Leaf of the filing.
    pub leaf: u64,
    /// The firm, where an approved change names another one.
    pub firm: Option<String>,
    /// Approved changes in words.
    pub others: Vec<String>,
    /// Approved applications in the order in which they were decided.
    pub changes: Vec<ApprovedChange>,
    /// Leaves that state the plan anew. They change nothing: only an approved change does.
    pub stated_again: Vec<u64>,
}

/// An application that changed the plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApprovedChange {
    /// Which.
    pub change: String,
    /// Date of the deciding opinion.
    pub date: Day,
    /// On which day the server logged that opinion.
    pub received: Option<Day>,
    /// Its leaf.
    pub leaf: u64,
}

/// The plan in force of a filing of a log on a date, by the delivered rule it names.
pub fn in_force_of(statements: &Statements, filing: &str, at: Date) -> Option<InForce> {
    let filing = statements.filing(filing)?;
    let named = filing.plans.first()?.body.rule.as_deref();
    let rule = named.and_then(|id| door::delivered(id).ok());
    let zone = statements.site().map_or("UTC", |site| &site.zone);
    Procedure { filing, rules: rule.as_ref().and_then(|rule| rule.change.as_ref()), zone }.in_force(at)
}

/// A stated date; declarations are checked, so that there is one.
fn date(text: &str) -> Option<Date> {
    metrics::calendar::parse_date(text)
}

impl<'f> Procedure<'f> {
    /// On which day the server logged a statement.
    fn received<T>(&self, stated: &Filed<T>) -> Option<Day> {
        metrics::calendar::local_date(self.zone, stated.received_ms).map(Day)
    }

    /// The plan in force on a date, by the dates of the papers; none before it was filed.
    pub fn in_force(&self, at: Date) -> Option<InForce> {
        let (first, again) = self.filing.plans.split_first()?;
        if date(&first.body.filed)? > at {
            return None;
        }
        let mut out = InForce {
            plan: first.body.clone(),
            filed: first.body.clone(),
            leaf: first.leaf,
            firm: None,
            others: Vec::new(),
            changes: Vec::new(),
            stated_again: again.iter().filter(|p| p.body != first.body).map(|p| p.leaf).collect(),
        };
        let course = self.course(at);
        let mut approved: Vec<(ApprovedChange, &PlanChange)> = Vec::new();
        for application in &course.applications {
            if let Status::Approved { date, received, leaf } = application.status {
                let change = application.change.change.clone();
                approved.push((ApprovedChange { change, date, received, leaf }, application.change));
            }
        }
        approved.sort_by_key(|(approved, _)| approved.leaf);
        for (approved, change) in approved {
            out.apply(change);
            out.changes.push(approved);
        }
        Some(out)
    }
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

    /// Investment of the plan, fen. Changes may add lines without end: the sum of as many as a log can hold has room.
    pub fn investment_fen(&self) -> i128 {
        self.plan.lines.iter().map(|l| i128::from(l.amount_fen)).sum()
    }
}
