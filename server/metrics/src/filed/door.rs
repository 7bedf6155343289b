//! What is refused before it is logged. A log that holds it all the same (another program's) is read as it is: see `filed/course.rs`.

use jiff::civil::Date;

use super::course::{no_application, no_plan};
use super::{
    AcceptanceHeld, ChangeItem, Filed, FiledPlan, InForce, PlanChange, PlanFinished, PlanOpinion, Problem, Procedure,
    Status, Why,
};
use crate::credibility::course::FACTORY_ROLE;
use crate::deviation::AUTHORITIES;

impl Procedure<'_> {
    /// Whether a plan may be stated now.
    ///
    /// # Errors
    /// The account is not the firm's, it is dated after today, or would state a plan anew that is in the log already.
    pub fn check_plan(&self, stated: &Filed<FiledPlan>) -> Result<(), Problem> {
        check_firm(&stated.role, "备案方案", "its filed plan")?;
        self.check_day(stated, &stated.body.filed)?;
        match self.filing.plans.first().filter(|first| first.body != stated.body) {
            Some(first) => {
                let (id, leaf) = (&stated.body.filing, first.leaf);
                let zh = format!("备案方案 {id} 已在日志第 {leaf} 条；再次填报不改变方案，变更须提出变更申请");
                let en = format!(
                    "filed plan `{id}` is in leaf {leaf}; stating it anew does not change it: apply for a change"
                );
                Err(Problem::new(Why::StatedAgain, zh, en))
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
                Why::Absent,
                format!("现行方案中没有 {id}"),
                format!("the plan in force has no `{id}` to leave out"),
            )),
            None => Ok(()),
        }
    }

    /// Whether it may be stated now when the works were finished.
    ///
    /// # Errors
    /// The account is not the firm's, there is no plan, or the date lies before the filing or after today.
    pub fn check_finished(&self, stated: &Filed<PlanFinished>) -> Result<(), Problem> {
        check_firm(&stated.role, "完成日期", "when its works were finished")?;
        self.check_day(stated, &stated.body.date)?;
        let Some(filed) = self.filing.plans.first() else { return Err(no_plan(&stated.body.filing)) };
        if stated.body.date < filed.body.filed {
            let (zh, en) = ("完成日期早于备案日期", "the works would have been finished before the filing");
            return Err(Problem::new(Why::BeforeFiling, zh, en));
        }
        Ok(())
    }

    /// Whether it may be stated now on which day an acceptance was held.
    ///
    /// # Errors
    /// The account is no authority's, there is no plan, or the date lies before the filing or after today.
    pub fn check_acceptance(&self, stated: &Filed<AcceptanceHeld>) -> Result<(), Problem> {
        if !AUTHORITIES.iter().any(|by| by.role() == stated.role) {
            let role = &stated.role;
            return Err(Problem::new(
                Why::NotWhoIsAsked,
                format!("验收日期由属地主管部门、促进中心或市级主管部门的账号填报；填报账号的角色是 {role}"),
                format!(
                    "the district, the promotion centre or the city states when an acceptance was held; this account has the role `{role}`"
                ),
            ));
        }
        self.check_day(stated, &stated.body.held)?;
        let Some(filed) = self.filing.plans.first() else { return Err(no_plan(&stated.body.filing)) };
        if stated.body.held < filed.body.filed {
            let (zh, en) = ("验收日期早于备案日期", "the acceptance would have been held before the filing");
            return Err(Problem::new(Why::BeforeFiling, zh, en));
        }
        Ok(())
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

/// What only the firm's own account states.
fn check_firm(role: &str, zh: &str, en: &str) -> Result<(), Problem> {
    if role == FACTORY_ROLE {
        return Ok(());
    }
    Err(Problem::new(
        Why::NotTheFirm,
        format!("{zh}须由企业账号填报；填报账号的角色是 {role}"),
        format!("the firm's own account states {en}; this account has the role `{role}`"),
    ))
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
