//! What a rule calls a major change (重大变化), as far as its words decide it.

use jiff::civil::Date;
use metrics::filed::{ChangeItem, FiledPlan, PlanChange};

use super::{InForce, date, dates};
use crate::rule::{ChangeRules, MajorKind};
use crate::words::Clause;

/// A major change that an application makes, or may make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MajorChange<'r> {
    /// Which.
    pub kind: MajorKind,
    /// The text's words do not decide whether it is one: the authority does.
    pub is_open: bool,
    /// Where the text says so.
    pub clause: &'r Clause,
}

/// Which of the rule's major changes an application makes. Certain is another firm. Whether machines, gateways or investments are the *main*
/// contents, whether a term longer by the rule's months is one by itself (第十三条（三） goes on: 并超过试点实施期间的), whether several
/// shorter delays together count from the plan as filed, and whether something else is important, the words do not decide.
pub fn major<'r>(rules: &'r ChangeRules, current: &InForce, change: &PlanChange) -> Vec<MajorChange<'r>> {
    let limit = |from: &FiledPlan| {
        let months = rules.delay.as_ref().map(|d| i64::from(d.months))?;
        dates::after_months(date(&from.term.to)?, months)
    };
    let is_late = |limit: Option<Date>, to: &str| limit.zip(date(to)).is_some_and(|(limit, to)| to >= limit);
    let kind = |item: &ChangeItem| match item {
        ChangeItem::Firm(_) => Some((MajorKind::Firm, false)),
        ChangeItem::Term(term)
            if is_late(limit(&current.plan), &term.to) || is_late(limit(&current.filed), &term.to) =>
        {
            Some((MajorKind::Delay, true))
        }
        ChangeItem::Term(_) | ChangeItem::Target(_) | ChangeItem::WithoutTarget(_) => None,
        ChangeItem::Machine(_)
        | ChangeItem::WithoutMachine(_)
        | ChangeItem::Gateway(_)
        | ChangeItem::WithoutGateway(_)
        | ChangeItem::Line(_)
        | ChangeItem::WithoutLine(_) => Some((MajorKind::Contents, true)),
        ChangeItem::Other(_) => Some((MajorKind::Other, true)),
    };
    let made: Vec<(MajorKind, bool)> = change.items.iter().filter_map(kind).collect();
    let of = |major: &'r crate::rule::Major| {
        let found = made.iter().filter(|(kind, _)| *kind == major.kind).map(|(_, is_open)| *is_open).min()?;
        Some(MajorChange { kind: major.kind, is_open: found, clause: &major.clause })
    };
    rules.major.iter().filter_map(of).collect()
}
