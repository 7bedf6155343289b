//! The plan in force: what was filed, with every change that everybody on the route agreed to.

use jiff::civil::Date;

use super::{
    Acceptance, AcceptanceHeld, ChangeItem, Day, Filed, FiledPlan, Filing, InvestmentLine, OpinionBy, PlanChange,
    PlanFinished, Status, date,
};

/// How a rule has filed plans changed: whose opinions are needed, in order; the last ones decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route<'r> {
    /// Whose; none where the text names nobody.
    pub opinions: &'r [OpinionBy],
    /// How many of the last decide together, in any order; one otherwise.
    pub together: u8,
    /// Where the text says so.
    pub article: &'r str,
}

impl<'r> Route<'r> {
    /// Who decides together.
    pub(super) fn deciding(&self) -> &'r [OpinionBy] {
        let before = self.opinions.len().saturating_sub(usize::from(self.together));
        self.opinions.get(before..).unwrap_or_default()
    }
}

/// A filing with what its course is read by.
#[derive(Debug, Clone, Copy)]
pub struct Procedure<'f> {
    /// Everything stated of it.
    pub filing: &'f Filing,
    /// How its rule has plans changed, where the rule says so.
    pub route: Option<Route<'f>>,
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

impl<'f> Procedure<'f> {
    /// On which day the server logged a statement.
    pub(super) fn received<T>(&self, stated: &Filed<T>) -> Option<Day> {
        crate::calendar::local_date(self.zone, stated.received_ms).map(Day)
    }

    /// When the works were finished, as the firm stated last of what is dated by a date; what the door would have refused says nothing.
    pub fn finished(&self, at: Date) -> Option<(Date, &'f Filed<PlanFinished>)> {
        let counts = |stated: &&Filed<PlanFinished>| self.check_finished(stated).is_ok();
        let mut of =
            self.filing.finished.iter().filter(counts).filter_map(|stated| Some((date(&stated.body.date)?, stated)));
        of.rfind(|(finished, _)| *finished <= at)
    }

    /// On which day an acceptance was held, as was stated last of what is dated by a date: by the city, where it stated any, for it is the
    /// city that has it held. None where that is withdrawn.
    pub fn acceptance(&self, which: Acceptance, at: Date) -> Option<(Date, &'f Filed<AcceptanceHeld>)> {
        let counts = |of: &&Filed<AcceptanceHeld>| of.body.acceptance == which && self.check_acceptance(of).is_ok();
        let of = self.filing.accepted.iter().filter(counts).filter_map(|of| Some((date(&of.body.held)?, of)));
        let of: Vec<_> = of.filter(|(held, _)| *held <= at).collect();
        let citys = of.iter().rfind(|(_, of)| of.role == OpinionBy::City.role());
        citys.or(of.last()).copied().filter(|(_, of)| !of.body.withdrawn)
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
    pub(super) fn with(&self, change: &PlanChange) -> Self {
        let mut out = self.clone();
        out.apply(change);
        out
    }

    /// Investment of the plan, fen.
    pub fn investment_fen(&self) -> i128 {
        total_fen(&self.plan.lines)
    }
}

/// What lines of an investment add up to, fen. Changes may add lines without end: the sum of as many as a log can hold has room.
pub fn total_fen(lines: &[InvestmentLine]) -> i128 {
    lines.iter().map(|line| i128::from(line.amount_fen)).sum()
}
