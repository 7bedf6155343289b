//! Applications and opinions, along the rule's route.

use std::collections::BTreeMap;

use jiff::civil::Date;
use metrics::filed::{ChangeItem, Filing, Opinion, OpinionBy, PlanChange, PlanOpinion};
use metrics::model::Names;
use metrics::statements::Stated;

use super::{InForce, date, in_force};
use crate::rule::{ChangeRules, Day};
use crate::words::words;

/// Where an application stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// Everybody on the route agreed.
    Approved {
        /// Date of the deciding opinion.
        date: Day,
        /// Its leaf.
        leaf: u64,
    },
    /// Somebody did not agree.
    Refused {
        /// Who.
        by: OpinionBy,
        /// When.
        date: Day,
        /// Why.
        reason: String,
    },
    /// 退回补正: it waits for its resubmission.
    Returned {
        /// By whom.
        by: OpinionBy,
        /// When.
        date: Day,
        /// Why.
        reason: String,
    },
    /// It waits for an opinion.
    Waiting {
        /// Whose.
        next: OpinionBy,
    },
    /// The rule names no route: how a change is approved is the authority's to say.
    NoRoute,
}

/// An application with its course.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Application<'f> {
    /// As submitted last.
    pub change: &'f PlanChange,
    /// Leaf of that.
    pub leaf: u64,
    /// How often it was submitted.
    pub submitted: usize,
    /// Where it stands.
    pub status: Status,
    /// Opinions that count, on what was submitted last.
    pub opinions: Vec<&'f Stated<PlanOpinion>>,
    /// What counts for nothing, and why.
    pub problems: Vec<Problem>,
}

impl Application<'_> {
    /// Neither approved nor refused.
    pub fn is_open(&self) -> bool {
        !matches!(self.status, Status::Approved { .. } | Status::Refused { .. })
    }

    /// Where it stands, and what is missing, in words.
    pub fn words(&self) -> Names {
        match &self.status {
            Status::Approved { date, .. } => words(format!("已同意（{date}）"), format!("approved ({date})")),
            Status::Refused { by, date, reason } => {
                let (zh, en) = by.words();
                words(format!("{zh}不同意（{date}）：{reason}"), format!("not agreed by {en} ({date}): {reason}"))
            }
            Status::Returned { by, date, reason } => {
                let (zh, en) = by.words();
                words(
                    format!("{zh}退回补正（{date}）：{reason}；待企业重新提交"),
                    format!("returned by {en} ({date}): {reason}; the firm submits it again"),
                )
            }
            Status::Waiting { next } => {
                let (zh, en) = next.words();
                words(format!("待{zh}意见"), format!("waiting for the opinion of {en}"))
            }
            Status::NoRoute => words(
                "该办法未规定变更程序，由主管部门确定",
                "the rule names no procedure for changes; the authority decides",
            ),
        }
    }
}

/// A statement that counts for nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{} / {}", said.zh, said.en)]
pub struct Problem {
    /// Its leaf, when it is one already.
    pub leaf: Option<u64>,
    /// Why.
    pub said: Names,
}

fn problem(leaf: Option<u64>, zh: impl Into<String>, en: impl Into<String>) -> Problem {
    Problem { leaf, said: words(zh, en) }
}

enum Event<'f> {
    Change(&'f Stated<PlanChange>),
    Opinion(&'f Stated<PlanOpinion>),
}

/// Every application of a filing as of a date, in order of its first submission.
pub fn applications<'f>(filing: &'f Filing, rules: Option<&ChangeRules>, at: Date) -> Vec<Application<'f>> {
    let mut events: BTreeMap<u64, Event<'f>> = BTreeMap::new();
    let is_by = |text: &str| date(text).is_some_and(|d| d <= at);
    events.extend(filing.changes.iter().filter(|c| is_by(&c.body.date)).map(|c| (c.leaf, Event::Change(c))));
    events.extend(filing.opinions.iter().filter(|o| is_by(&o.body.date)).map(|o| (o.leaf, Event::Opinion(o))));
    let mut all: Vec<Application<'f>> = Vec::new();
    for event in events.into_values() {
        match event {
            Event::Change(stated) => submit(&mut all, rules, stated),
            Event::Opinion(stated) => {
                // An opinion on nothing that was submitted has no course to be named in; `check_opinion` refuses it.
                let Some(of) = all.iter_mut().find(|a| a.change.change == stated.body.change) else { continue };
                match step(of, rules, &stated.body, stated.leaf) {
                    Ok(status) => {
                        of.status = status;
                        of.opinions.push(stated);
                    }
                    Err(problem) => of.problems.push(Problem { leaf: Some(stated.leaf), ..problem }),
                }
            }
        }
    }
    all
}

fn begin(rules: Option<&ChangeRules>) -> Status {
    rules.and_then(|r| r.route.first()).map_or(Status::NoRoute, |next| Status::Waiting { next: *next })
}

fn submit<'f>(all: &mut Vec<Application<'f>>, rules: Option<&ChangeRules>, stated: &'f Stated<PlanChange>) {
    let Some(of) = all.iter_mut().find(|a| a.change.change == stated.body.change) else {
        all.push(Application {
            change: &stated.body,
            leaf: stated.leaf,
            submitted: 1,
            status: begin(rules),
            opinions: Vec::new(),
            problems: Vec::new(),
        });
        return;
    };
    if !of.is_open() {
        return of.problems.push(Problem { leaf: Some(stated.leaf), ..decided(of) });
    }
    of.change = &stated.body;
    of.leaf = stated.leaf;
    of.submitted += 1;
    of.status = begin(rules);
    of.opinions.clear();
}

fn decided(of: &Application<'_>) -> Problem {
    let id = &of.change.change;
    problem(
        None,
        format!("变更申请 {id} 已有结论；请另编申请编号"),
        format!("application `{id}` is decided; apply under another id"),
    )
}

/// What an opinion makes of an application.
fn step(of: &Application<'_>, rules: Option<&ChangeRules>, said: &PlanOpinion, leaf: u64) -> Result<Status, Problem> {
    let on = date(&said.date).map(Day).ok_or_else(|| problem(None, "日期不可用", "the date cannot be used"))?;
    let next = match &of.status {
        Status::Waiting { next } => *next,
        Status::NoRoute => {
            return Err(problem(
                None,
                "该办法未规定变更程序，意见留存在日志中，由主管部门确定",
                "the rule names no procedure for changes: the opinion stays in the log, the authority decides",
            ));
        }
        Status::Returned { .. } => {
            return Err(problem(None, "已退回补正，须先重新提交申请", "it was returned; it is submitted again first"));
        }
        Status::Approved { .. } | Status::Refused { .. } => return Err(decided(of)),
    };
    if said.by != next {
        let ((by_zh, by_en), (next_zh, next_en)) = (said.by.words(), next.words());
        let route = rules.map(|r| &r.clause.article);
        let article = route.map_or(String::new(), |a| format!("（{a}）"));
        return Err(problem(
            None,
            format!("意见顺序不对：应先由{next_zh}出具意见，{by_zh}的意见暂不生效{article}"),
            format!(
                "out of order: the opinion of {next_en} comes first, that of {by_en} counts for nothing yet{article}"
            ),
        ));
    }
    let after = of.opinions.last().map_or(&of.change.date, |o| &o.body.date);
    if said.date < *after {
        return Err(problem(
            None,
            format!("意见日期 {on} 早于申请或上一意见的日期 {after}"),
            format!("the opinion is dated {on}, before the application or the opinion before it ({after})"),
        ));
    }
    let (by, reason) = (said.by, said.reason.clone());
    Ok(match said.opinion {
        Opinion::Disagree => Status::Refused { by, date: on, reason },
        Opinion::Return => Status::Returned { by, date: on, reason },
        Opinion::Agree => {
            let mut route = rules.iter().flat_map(|r| &r.route).skip_while(|o| **o != next).skip(1);
            route.next().map_or(Status::Approved { date: on, leaf }, |next| Status::Waiting { next: *next })
        }
    })
}

/// Whether an opinion may be stated now: for whoever takes one, before it is logged.
///
/// # Errors
/// Why it would count for nothing, and what comes first.
pub fn check_opinion(filing: &Filing, rules: Option<&ChangeRules>, said: &PlanOpinion) -> Result<(), Problem> {
    let all = applications(filing, rules, Date::MAX);
    let Some(of) = all.iter().find(|a| a.change.change == said.change) else {
        let id = &said.change;
        return Err(problem(None, format!("没有变更申请 {id}"), format!("there is no application `{id}`")));
    };
    step(of, rules, said, 0).map(drop)
}

/// Whether an application may be submitted now.
///
/// # Errors
/// There is no plan, the application is decided, or it takes away what the plan does not have.
pub fn check_change(filing: &Filing, rules: Option<&ChangeRules>, change: &PlanChange) -> Result<(), Problem> {
    let Some(current) = in_force(filing, rules, Date::MAX) else {
        let id = &change.filing;
        return Err(problem(None, format!("没有备案方案 {id}"), format!("there is no filed plan `{id}`")));
    };
    let all = applications(filing, rules, Date::MAX);
    if let Some(of) = all.iter().find(|a| a.change.change == change.change && !a.is_open()) {
        return Err(decided(of));
    }
    if change.date < current.plan.filed {
        return Err(problem(None, "申请日期早于备案日期", "the application is dated before the filing"));
    }
    match change.items.iter().find_map(|item| absent(&current, item)) {
        Some(id) => {
            Err(problem(None, format!("现行方案中没有 {id}"), format!("the plan in force has no `{id}` to leave out")))
        }
        None => Ok(()),
    }
}

/// What an item takes away although it is not there.
fn absent<'i>(current: &InForce, item: &'i ChangeItem) -> Option<&'i str> {
    let plan = &current.plan;
    let (id, is_there) = match item {
        ChangeItem::WithoutMachine(id) => (id, plan.machines.iter().any(|m| m.machine == *id)),
        ChangeItem::WithoutGateway(id) => (id, plan.gateways.contains(id)),
        ChangeItem::WithoutLine(id) => (id, plan.lines.iter().any(|l| l.line == *id)),
        ChangeItem::WithoutTarget(id) => (id, plan.targets.iter().any(|t| t.target == *id)),
        _ => return None,
    };
    (!is_there).then_some(id)
}
