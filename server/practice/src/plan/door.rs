//! What is refused before it is logged, by the rule file that the filing names.

use metrics::filed::{ChangeItem, Filed, Filing, Problem, Procedure, Why};
use metrics::model::Body;
use metrics::statements::Statements;

use crate::rule::{self, ChangeRules, Rule};

/// Whether a statement may be added to what is in the log: by an account acting in a role, at an instant of the server's clock,
/// where the site is.
/// Everything that is about no filing may.
///
/// # Errors
/// Why it would count for nothing, and what comes first.
pub fn check_stated(
    statements: &Statements,
    zone: &str,
    body: &Body,
    role: &str,
    received_ms: i64,
) -> Result<(), Problem> {
    let id = match body {
        Body::FiledPlan(plan) => &plan.filing,
        Body::PlanChange(change) => &change.filing,
        Body::PlanOpinion(opinion) => &opinion.filing,
        Body::PlanFinished(finished) => &finished.filing,
        Body::AcceptanceHeld(held) => &held.filing,
        _ => return Ok(()),
    };
    let none = Filing::default();
    let filing = statements.filing(id).unwrap_or(&none);
    let rule = match (filing.plans.first(), body) {
        // The plan that is in the log says which rule it was filed under; one that is not delivered names no route here.
        (Some(plan), _) => plan.body.rule.as_deref().and_then(rule::find),
        (None, Body::FiledPlan(plan)) => plan.rule.as_deref().map(delivered).transpose()?,
        (None, _) => None,
    };
    let changes = rule.and_then(|r| r.change.as_ref());
    let procedure = Procedure { filing, route: changes.map(ChangeRules::asked), zone };
    fn now<T: Clone>(body: &T, role: &str, received_ms: i64) -> Filed<T> {
        Filed { leaf: u64::MAX, received_ms, role: role.to_owned(), body: body.clone() }
    }
    if let Some(rule) = rule {
        check_entries(rule, body)?;
    }
    match body {
        Body::FiledPlan(plan) => procedure.check_plan(&now(plan.as_ref(), role, received_ms)),
        Body::PlanChange(change) => procedure.check_change(&now(change.as_ref(), role, received_ms)),
        Body::PlanOpinion(opinion) => procedure.check_opinion(&now(opinion.as_ref(), role, received_ms)),
        Body::PlanFinished(finished) => procedure.check_finished(&now(finished, role, received_ms)),
        Body::AcceptanceHeld(held) => procedure.check_acceptance(&now(held, role, received_ms)),
        _ => Ok(()),
    }
}

/// A rule by its id. A mistyped one would leave the plan without a route, and nobody would notice.
fn delivered(id: &str) -> Result<&'static Rule, Problem> {
    rule::find(id).ok_or_else(|| {
        let known: Vec<&str> = rule::delivered().iter().map(Rule::id).collect();
        let shown: String = id.chars().take(40).collect();
        Problem::new(
            Why::UnknownRule,
            format!("没有规则文件 {shown}；可用的有 {}；不在其中的请不填 rule", known.join("、")),
            format!("there is no rule file `{shown}`; known are {}; leave `rule` out for another", known.join(", ")),
        )
    })
}

/// Categories and instalments are those of the rule: another would be on no page and in no sheet.
fn check_entries(rule: &Rule, body: &Body) -> Result<(), Problem> {
    let mut categories: Vec<&str> = Vec::new();
    let mut stages: Vec<&str> = Vec::new();
    match body {
        Body::FiledPlan(plan) => {
            categories.extend(plan.lines.iter().map(|line| line.category.as_str()));
            stages.extend(plan.payments.iter().map(|payment| payment.stage.as_str()));
        }
        Body::PlanChange(change) => categories.extend(change.items.iter().filter_map(|item| match item {
            ChangeItem::Line(line) => Some(line.category.as_str()),
            _ => None,
        })),
        _ => {}
    }
    let check = |used: Vec<&str>, known: Vec<&str>, zh: &str, en: &str| match used.iter().find(|id| !known.contains(id))
    {
        None => Ok(()),
        Some(id) => {
            let shown: String = id.chars().take(40).collect();
            Err(Problem::new(
                Why::NotInRule,
                format!("所选办法没有{zh} {shown}；可用的有 {}", known.join("、")),
                format!("the rule has no {en} `{shown}`; known are {}", known.join(", ")),
            ))
        }
    };
    check(categories, rule.category.iter().map(|c| c.id()).collect(), "支出类别", "category")?;
    check(stages, rule.stage.iter().map(|s| s.id()).collect(), "资金分期", "instalment")
}
