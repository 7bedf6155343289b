//! Deviations on their way into the log: the figures of a notice and of a re-measurement are computed here, over a published checkpoint, and
//! never stated by anybody.

use jiff::civil::Date;
use metrics::calendar::local_date;
use metrics::deviation::{
    self, DeviationNotice, DeviationRemeasured, Measured, Unmeasured, WINDOW_DAYS, compared_by, measure,
};
use metrics::filed::FiledTarget;
use metrics::model::{DateRange, parse_body};
use metrics::statements::Statements;
use practice::deviation::{Course, check_stated};
use practice::plan::{InForce, in_force_of};
use protocol::{Declaration, SiteId};

use super::{ONE_AT_A_TIME, PlanningError, off_thread, publish};
use crate::reporting::{self, Issuer, ReportingError};
use crate::sitelog::SiteLogs;

/// Kind of a notice; only the server states it, because its figure is computed.
pub(crate) const NOTICE: &str = "deviation_notice";
/// Kind of a re-measurement; only the server states it.
pub(crate) const REMEASURED: &str = "deviation_remeasured";
/// Kind of a closing.
pub(crate) const CLOSED: &str = "deviation_closed";
/// Kinds of the statements about a deviation.
pub(super) const ALL: [&str; 5] = [NOTICE, "deviation_explanation", "deviation_measures", REMEASURED, CLOSED];

/// What somebody has measured.
pub(crate) enum Asked {
    /// For a notice of a target that is missed, with what is asked of the firm.
    Notice {
        /// Which target.
        target: String,
        /// What is asked.
        asks: String,
    },
    /// Again, after the measures of a deviation.
    Again,
}

/// The last whole production dates of a site up to yesterday: as many as a comparison needs, none before `from`.
pub(crate) fn window(zone: &str, from: Option<Date>, now_ms: i64) -> Option<DateRange> {
    let to = local_date(zone, now_ms)?.yesterday().ok()?;
    let first = to.checked_sub(jiff::Span::new().days(WINDOW_DAYS - 1)).ok()?;
    let first = from.map_or(first, |from| from.max(first));
    (first <= to).then(|| DateRange { from: first.to_string(), to: to.to_string() })
}

/// Machines of a plan: those it names.
pub(crate) fn machines(plan: &InForce) -> Vec<String> {
    plan.plan.machines.iter().map(|machine| machine.machine.clone()).collect()
}

fn of_plan(plan: &InForce, target: &str) -> Option<FiledTarget> {
    plan.plan.targets.iter().find(|t| t.target == target).cloned()
}

/// Measures targets, each over its window, with one look at the log. Blocks.
pub(crate) fn measured(
    logs: &SiteLogs,
    site: &SiteId,
    wanted: &[(FiledTarget, DateRange)],
    machines: &[String],
    now_ms: i64,
) -> Result<Vec<Result<Measured, Unmeasured>>, ReportingError> {
    let (history, until_ms) = reporting::history_chosen(logs, site, now_ms, |light| {
        let is_declared = |machine: &&String| !light.statements().machine_definitions(machine).is_empty();
        let machines: Vec<String> = machines.iter().filter(is_declared).cloned().collect();
        let mut windows = Vec::new();
        for (target, window) in
            wanted.iter().filter(|(target, _)| compared_by(target).is_some() && !machines.is_empty())
        {
            windows.extend(deviation::windows(light, &machines, &target.base, window)?);
        }
        Ok((light.statements().tags_used(), windows))
    })?;
    let one =
        |(target, window): &(FiledTarget, DateRange)| measure(&history, target, machines, window.clone(), until_ms);
    Ok(wanted.iter().map(one).collect())
}

/// Has a target measured, and states the notice or the re-measurement that rests on it: computed, judged, logged, and under a checkpoint.
pub(crate) async fn state_measured(
    logs: &SiteLogs,
    site: &SiteId,
    zone: &str,
    (filing, id): (&str, &str),
    asked: Asked,
    issuer: Issuer,
    now_ms: i64,
) -> Result<u64, PlanningError> {
    let one = ONE_AT_A_TIME.lock().await;
    let (of, at, filing, id) = (logs.clone(), site.clone(), filing.to_owned(), id.to_owned());
    let (role, row_zone) = (issuer.role.clone(), zone.to_owned());
    let (kind, reason, body) = off_thread(move || {
        of.publish_now(&at)?;
        let statements = reporting::statements(&of, &at)?;
        let zone = reporting::zone(&statements, &row_zone).to_owned();
        let nothing = || refused("没有可复测的整日数据", "there is no whole day to measure yet");
        let today = local_date(&zone, now_ms).ok_or_else(nothing)?;
        let plan = in_force_of(&statements, &zone, &filing, today).ok_or_else(|| no_plan(&filing))?;
        let (target, from, plan) = match &asked {
            Asked::Notice { target, .. } => (of_plan(&plan, target).ok_or_else(|| no_target(target))?, None, plan),
            Asked::Again => {
                let course = Course::of(statements.deviations(&filing), &zone);
                let of = course.deviation(&id).ok_or_else(|| PlanningError::Refused {
                    zh: format!("没有偏离提示 {id}"),
                    en: format!("there is no notice of a deviation `{id}`"),
                })?;
                // What is out of turn is refused with its reason below, whatever the figure. A target that an approved change has taken out, or
                // counts otherwise now, is measured as it was when notice was given: a deviation can always be closed.
                let (id, first) = (&of.notice.body.target, &of.notice.body.measured);
                let is_counted_alike = |t: &FiledTarget| {
                    (t.definition.as_deref(), &t.base, t.promised.unit)
                        == (Some(first.definition.as_str()), &first.base, first.unit)
                };
                let from = of.measured_from(&zone);
                match of_plan(&plan, id).filter(is_counted_alike) {
                    Some(target) => (target, from, plan),
                    None => {
                        let day = local_date(&zone, of.notice.received_ms).unwrap_or(today);
                        let then = in_force_of(&statements, &zone, &filing, day).ok_or_else(|| no_plan(&filing))?;
                        (of_plan(&then, id).ok_or_else(|| no_target(id))?, from, then)
                    }
                }
            }
        };
        let window = window(&zone, from, now_ms).ok_or_else(|| {
            refused(
                "整改措施填报后还没有完整的一日，明日再复测",
                "there is no whole day since the measures were stated: measure again tomorrow",
            )
        })?;
        let wanted = [(target, window)];
        let found = measured(&of, &at, &wanted, &machines(&plan), now_ms)?.pop();
        let found = found.and_then(Result::ok).ok_or_else(|| {
            refused(
                "该目标未注明可由数据计算的口径，或其设备尚未填报，无法测算",
                "this target names no definition that is computed, or none of its machines is declared",
            )
        })?;
        let (kind, reason, body) = match asked {
            Asked::Notice { target, asks } => {
                let notice = DeviationNotice { filing, deviation: id, target, asks, measured: found };
                (NOTICE, "notice of a deviation", serde_json::to_value(&notice))
            }
            Asked::Again => {
                let again = DeviationRemeasured { filing, deviation: id, measured: found };
                (REMEASURED, "measured again", serde_json::to_value(&again))
            }
        };
        let body = body.map_err(|e| ReportingError::Stopped(e.to_string()))?;
        judge(&statements, &zone, kind, &body, &role, now_ms)?;
        Ok((kind, reason, body))
    })
    .await?;
    let declaration = Declaration {
        kind: kind.to_owned(),
        effective_from: now_ms,
        author: issuer.author,
        role: issuer.role,
        reason: reason.to_owned(),
        body,
    };
    let leaf = logs.append_declaration(site, &declaration).await?;
    publish(logs, site, Some(one)).await?;
    Ok(leaf)
}

fn judge(
    statements: &Statements,
    zone: &str,
    kind: &str,
    body: &serde_json::Value,
    role: &str,
    now_ms: i64,
) -> Result<(), PlanningError> {
    let body = parse_body(kind, body).map_err(|error| {
        let said = error.to_string();
        let (en, zh) = said.rsplit_once(" / ").unwrap_or((&said, &said));
        refused(zh, en)
    })?;
    check_stated(statements, zone, &body, role, now_ms)
        .map_err(|problem| PlanningError::Refused { zh: problem.said.zh, en: problem.said.en })
}

fn refused(zh: &str, en: &str) -> PlanningError {
    PlanningError::Refused { zh: zh.to_owned(), en: en.to_owned() }
}

fn no_plan(filing: &str) -> PlanningError {
    PlanningError::Refused {
        zh: format!("没有备案方案 {filing}"), en: format!("there is no filed plan `{filing}`")
    }
}

fn no_target(target: &str) -> PlanningError {
    PlanningError::Refused {
        zh: format!("现行方案中没有目标 {target}"),
        en: format!("the plan in force has no target `{target}`"),
    }
}
