//! Energy saved under a declared plan, evaluated from the log when somebody asks: the regression statement for the incoming meter and for every
//! machine with a meter of its own, unit consumption only with what volume explains of it.

use metrics::figures::StopRule;
use metrics::figures::saved::{Saved, printed, saved};
use metrics::model::Plan;
use metrics::report::{ReportError, Words};
use metrics::savings::Outcome;
use metrics::{History, ReportRequest};
use serde::Serialize;
use utoipa::ToSchema;

use super::figures::{FigureLine, line};
use super::{NamedMachine, ONE_AT_A_TIME, QueryError, SiteHead, machine as machines, off_thread, visible};
use crate::reporting::{self, ReportingError};
use crate::roles::{Access, Permission};
use crate::sitelog::SiteLogs;
use crate::store::Store;

/// Energy saved within one boundary.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SavedView {
    /// The machine whose meter it is.
    pub machine: String,
    /// IPMVP option: `B` a machine with its own meter, `C` the site's incoming meter.
    pub option: String,
    /// Machines whose production drives it.
    pub driven_by: Vec<String>,
    /// Baseline days that take part.
    pub baseline_days: i64,
    /// Baseline days left out for want of data.
    pub baseline_left_out: i64,
    /// Reporting days that take part.
    pub reporting_days: i64,
    /// Reporting days left out.
    pub reporting_left_out: i64,
    /// What may be said, or why nothing may.
    pub says: Words,
    /// There is a statement.
    pub is_evaluated: bool,
    /// Its numbers.
    pub figures: Vec<FigureLine>,
    /// The numbers as if no event had been logged; empty when none was.
    pub without: Vec<FigureLine>,
    /// Events that were applied: id and reason.
    pub applied: Vec<String>,
    /// What a reader must know.
    pub cautions: Vec<Words>,
}

/// Energy saved under a plan.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SavingsView {
    /// The site.
    pub site: SiteHead,
    /// The plan; none when none is declared.
    pub plan: Option<String>,
    /// Its names.
    pub names: Words,
    /// First and last production date before.
    pub baseline: Vec<String>,
    /// First and last production date after.
    pub reporting: Vec<String>,
    /// Every plan of the site.
    pub plans: Vec<String>,
    /// The machines with their names.
    pub machines: Vec<NamedMachine>,
    /// Leaves of the log it was computed from.
    pub prefix: i64,
    /// One statement for each meter.
    pub saved: Vec<SavedView>,
}

/// Most plans looked at, newest first.
const PLANS_MAX: i64 = 100;

/// Evaluates savings under a plan, the newest when none is named.
pub async fn savings(
    store: &Store,
    logs: &SiteLogs,
    access: &Access,
    site: &str,
    plan: Option<&str>,
    now_ms: i64,
) -> Result<SavingsView, QueryError> {
    let head = SiteHead::from(visible(store, access, Permission::SeeFigures, site).await?);
    let rows = store.declarations(site, Some("plan"), PLANS_MAX).await?;
    let mut plans: Vec<Plan> = rows.iter().filter_map(|row| serde_json::from_str(&row.body).ok()).collect();
    // Newest first: of two statements of a plan the newer holds.
    let mut seen = std::collections::BTreeSet::new();
    plans.retain(|p| seen.insert(p.plan.clone()));
    let wanted = plan.filter(|p| !p.is_empty());
    let chosen = match wanted {
        Some(id) => Some(plans.iter().find(|p| p.plan == id).ok_or(QueryError::NotFound)?),
        None => plans.first(),
    };
    let mut out = SavingsView {
        site: head,
        plan: chosen.map(|p| p.plan.clone()),
        names: chosen.map(|p| Words::from(&p.names)).unwrap_or_default(),
        baseline: chosen
            .and_then(|p| p.baseline.as_ref())
            .map_or_else(Vec::new, |baseline| vec![baseline.from.clone(), baseline.to.clone()]),
        reporting: chosen.map_or_else(Vec::new, |p| vec![p.reporting.from.clone(), p.reporting.to.clone()]),
        plans: plans.iter().map(|p| p.plan.clone()).collect(),
        machines: machines::named(store, site).await?,
        prefix: 0,
        saved: Vec::new(),
    };
    let Some(plan) = out.plan.clone() else { return Ok(out) };
    let id = site.parse().map_err(|_| QueryError::NotFound)?;
    let logs = logs.clone();
    let _one = ONE_AT_A_TIME.lock().await;
    let found = off_thread(move || {
        let request = ReportRequest::for_plan(0, &plan);
        let (history, until_ms) = match reporting::history_of(&logs, &id, request, now_ms, |_, windows| windows) {
            // A plan for machines that are not declared yet saves nothing yet.
            Err(ReportingError::Report(ReportError::NoMachines)) => return Ok((Vec::new(), 0)),
            other => other?,
        };
        Ok((saved(&history, &plan, Some(until_ms), StopRule::default()), History::size(&history)))
    });
    let (found, size) = found.await?;
    out.prefix = i64::try_from(size).unwrap_or(i64::MAX);
    out.saved = found.iter().map(view).collect();
    Ok(out)
}

fn view(s: &Saved) -> SavedView {
    let days = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
    let (says, cautions) = match &s.savings.with {
        Outcome::Evaluated(e) => {
            let says = Words { zh: e.verdict_zh.clone(), en: e.verdict_en.clone() };
            (says, e.cautions.iter().map(|c| c.words().into()).collect())
        }
        Outcome::Declined(d) => {
            let (zh, en) = d.refusal.words();
            (Words { zh, en }, Vec::new())
        }
    };
    let with = s.savings.with.evaluation();
    let applied: Vec<String> =
        with.into_iter().flat_map(|e| &e.applied).map(|a| format!("{}: {}", a.id, a.reason)).collect();
    SavedView {
        machine: s.machine.clone(),
        option: s.option.to_owned(),
        driven_by: s.driven_by.clone(),
        baseline_days: days(s.baseline_days[0]),
        baseline_left_out: days(s.baseline_days[1]),
        reporting_days: days(s.reporting_days[0]),
        reporting_left_out: days(s.reporting_days[1]),
        says,
        is_evaluated: with.is_some(),
        figures: printed(&s.savings.with).iter().map(line).collect(),
        without: if applied.is_empty() { Vec::new() } else { printed(&s.savings.without).iter().map(line).collect() },
        applied,
        cautions,
    }
}
