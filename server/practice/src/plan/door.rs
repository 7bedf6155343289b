//! What is refused before it is logged. A log that holds it all the same (another program's) is read as it is: see `plan/course.rs`.

use jiff::civil::Date;
use metrics::filed::{ChangeItem, Filed, FiledPlan, Filing, PlanChange, PlanOpinion};
use metrics::model::Body;
use metrics::statements::Statements;

use super::course::{no_application, no_plan};
use super::{InForce, Problem, Procedure, Status};
use crate::rule::{DELIVERED, Rule};

/// Whether a statement may be added to what is in the log: by an account acting in a role, at an instant of the server's clock.
/// Everything that is about no filing may.
///
/// # Errors
/// Why it would count for nothing, and what comes first.
pub fn check_stated(statements: &Statements, body: &Body, role: &str, received_ms: i64) -> Result<(), Problem> {
    let id = match body {
        Body::FiledPlan(plan) => &plan.filing,
        Body::PlanChange(change) => &change.filing,
        Body::PlanOpinion(opinion) => &opinion.filing,
        _ => return Ok(()),
    };
    let none = Filing::default();
    let filing = statements.filing(id).unwrap_or(&none);
    let rule = match (filing.plans.first(), body) {
        // The plan that is in the log says which rule it was filed under; one that is not delivered names no route here.
        (Some(plan), _) => plan.body.rule.as_deref().and_then(|id| delivered(id).ok()),
        (None, Body::FiledPlan(plan)) => plan.rule.as_deref().map(delivered).transpose()?,
        (None, _) => None,
    };
    let zone = statements.site().map_or("UTC", |site| &site.zone);
    let procedure = Procedure { filing, rules: rule.as_ref().and_then(|r| r.change.as_ref()), zone };
    fn now<T: Clone>(body: &T, role: &str, received_ms: i64) -> Filed<T> {
        Filed { leaf: u64::MAX, received_ms, role: role.to_owned(), body: body.clone() }
    }
    match body {
        Body::FiledPlan(plan) => procedure.check_plan(&now(plan.as_ref(), role, received_ms)),
        Body::PlanChange(change) => procedure.check_change(&now(change.as_ref(), role, received_ms)),
        Body::PlanOpinion(opinion) => procedure.check_opinion(&now(opinion.as_ref(), role, received_ms)),
        _ => Ok(()),
    }
}

/// A rule by its id. A mistyped one would leave the plan without a route, and nobody would notice.
pub(super) fn delivered(id: &str) -> Result<Rule, Problem> {
    let rules: Vec<Rule> = DELIVERED.iter().filter_map(|(_, text)| Rule::parse(text).ok()).collect();
    let known: Vec<String> = rules.iter().map(|rule| rule.id().to_owned()).collect();
    rules.into_iter().find(|rule| rule.id() == id).ok_or_else(|| {
        let shown: String = id.chars().take(40).collect();
        Problem::new(
            format!("没有规则文件 {shown}；可用的有 {}；不在其中的请不填 rule", known.join("、")),
            format!("there is no rule file `{shown}`; known are {}; leave `rule` out for another", known.join(", ")),
        )
    })
}

impl Procedure<'_> {
    /// Whether a plan may be stated now.
    ///
    /// # Errors
    /// It is dated after today, or would state a plan anew that is in the log already.
    pub fn check_plan(&self, stated: &Filed<FiledPlan>) -> Result<(), Problem> {
        self.check_day(stated, &stated.body.filed)?;
        match self.filing.plans.first().filter(|first| first.body != stated.body) {
            Some(first) => {
                let (id, leaf) = (&stated.body.filing, first.leaf);
                let zh = format!("备案方案 {id} 已在日志第 {leaf} 条；再次填报不改变方案，变更须提出变更申请");
                let en = format!(
                    "filed plan `{id}` is in leaf {leaf}; stating it anew does not change it: apply for a change"
                );
                Err(Problem::new(zh, en))
            }
            None => Ok(()),
        }
    }

    /// Whether an application may be submitted now.
    ///
    /// # Errors
    /// The account is not the firm's, there is no plan, the application is decided, its date cannot be, or it takes away what the plan
    /// does not have.
    pub fn check_change(&self, stated: &Filed<PlanChange>) -> Result<(), Problem> {
        let change = &stated.body;
        let Some(current) = self.in_force(Date::MAX) else { return Err(no_plan(&change.filing)) };
        self.check_submitted(self.course(Date::MAX).application(&change.change), stated)?;
        match change.items.iter().find_map(|item| absent(&current, item)) {
            Some(id) => Err(Problem::new(
                format!("现行方案中没有 {id}"),
                format!("the plan in force has no `{id}` to leave out"),
            )),
            None => Ok(()),
        }
    }

    /// Whether an opinion may be stated now.
    ///
    /// # Errors
    /// The account does not speak for who is asked, somebody else is asked first, there is no application, or its date cannot be.
    pub fn check_opinion(&self, stated: &Filed<PlanOpinion>) -> Result<(), Problem> {
        let course = self.course(Date::MAX);
        let id = &stated.body.change;
        let of = course.application(id).ok_or_else(|| no_application(id))?;
        match self.judge(of, stated) {
            // Where the rule names no route, what an authority says is kept: what follows from it is the authority's to say.
            Err(_) if of.status == Status::NoRoute => self.check_speaker(stated),
            judged => judged.map(drop),
        }
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
