//! Plans, locks and filings on their way into the log: what would move a lock, or would count for nothing in the course of a filed plan, is
//! refused; a lock's numbers are computed here, never stated.
//!
//! Constraints
//! 1. One of them after the other: two locks of one metric cannot both find it unlocked, nor two opinions both find their turn.
//! 2. A lock rests on a published checkpoint; what is stated here is under one when this answers, so that pages show it at once.
//! 3. What is refused changes nothing.

use metrics::model::parse_body;
use metrics::plan::{Baseline, DoorError, LockError, check_stated, lock_comparison};
use metrics::report::{Period, ReportError};
use metrics::{History, ReportRequest};
use practice::plan::check_stated as check_filed;
use protocol::{Declaration, SiteId};
use serde::{Deserialize, Serialize};
use tokio::sync::{Mutex, MutexGuard};
use utoipa::ToSchema;

use crate::reporting::{self, Issuer, ReportingError};
use crate::sitelog::{LogError, SiteLogs};

pub(crate) mod deviation;

/// Kind of the declaration that says what is measured and promised.
pub(crate) const PLAN: &str = "plan";
/// Kind of the declaration that fixes a baseline.
pub(crate) const BASELINE_LOCK: &str = "baseline_lock";
/// Kind of the declaration that fixes which machines stand in place of a base period.
pub(crate) const COMPARISON_LOCK: &str = "comparison_lock";

/// Kinds of the declarations about a filed plan.
const FILED: [&str; 3] = ["filed_plan", "plan_change", OPINION];
/// Kind of the declaration in which somebody asked about a filed plan says what he thinks of a change.
pub(crate) const OPINION: &str = "plan_opinion";

/// Whether a statement has its place in the course of a filing.
fn is_filed(kind: &str) -> bool {
    FILED.contains(&kind) || deviation::ALL.contains(&kind)
}

static ONE_AT_A_TIME: Mutex<()> = Mutex::const_new(());

/// Which metric of a plan to lock; a plan with comparison machines is locked whole.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LockWanted {
    /// Definition of the comparison; empty for a plan with comparison machines.
    #[serde(default)]
    pub definition: String,
    /// Machine id; `*`, all production machines of the plan, by default.
    #[serde(default = "all_machines")]
    pub machine: String,
    /// Why, in the author's words; needed when the baseline does not suffice.
    #[serde(default)]
    pub reason: String,
    /// Lock it although it does not suffice; the grade falls. Not for a plan with comparison machines.
    #[serde(default)]
    pub insufficient: bool,
}

fn all_machines() -> String {
    metrics::report::ALL_MACHINES.to_owned()
}

/// A metric, or a choice of comparison machines, that is locked.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Locked {
    /// Leaf of the lock.
    pub leaf: u64,
    /// Leaves it was computed over.
    pub size: u64,
    /// The baseline's value; empty for comparison machines, of which nothing was measured when they are chosen.
    pub value: String,
    /// SHA-256 of the parameters it rests on, hex.
    pub parameters_digest: String,
    /// Whether the baseline sufficed; absent for comparison machines, where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sufficient: Option<bool>,
}

/// Why a plan, a lock or a statement of a filing is not taken.
#[derive(Debug, thiserror::Error)]
pub enum PlanningError {
    /// It would count for nothing in the course of its filing.
    #[error("{en} / {zh}")]
    Filed {
        /// Why, and what comes first; of several statements, which.
        zh: String,
        /// The same in English.
        en: String,
    },
    /// It would move a lock.
    #[error(transparent)]
    Door(#[from] DoorError),
    /// The baseline cannot be locked.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// A lock that does not suffice without a reason.
    #[error("say why the baseline is locked although it does not suffice / 请注明数据不足仍锁定的理由")]
    Reason,
    /// The log failed.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The evaluation failed.
    #[error(transparent)]
    Evaluation(#[from] ReportingError),
}

/// Checks statements against what the log has locked, and against the course of their filing. Keep the guard until they are appended, and
/// give it to [`publish`].
pub(crate) async fn check(
    logs: &SiteLogs,
    site: &SiteId,
    declarations: &[Declaration],
    now_ms: i64,
) -> Result<Option<MutexGuard<'static, ()>>, PlanningError> {
    let is_ours = |kind: &str| [PLAN, BASELINE_LOCK, COMPARISON_LOCK].contains(&kind) || is_filed(kind);
    if !declarations.iter().any(|d| is_ours(&d.kind)) {
        return Ok(None);
    }
    let guard = ONE_AT_A_TIME.lock().await;
    let (logs, site, all) = (logs.clone(), site.clone(), declarations.to_vec());
    off_thread(move || {
        let mut statements = reporting::statements(&logs, &site)?;
        let next = logs.size(&site)?;
        let several = all.len() > 1;
        for (place, declaration) in all.into_iter().enumerate().filter(|(_, d)| is_ours(&d.kind)) {
            check_stated(&statements, &declaration.kind, &declaration.body)?;
            if !is_filed(&declaration.kind) {
                continue;
            }
            let body = parse_body(&declaration.kind, &declaration.body);
            let checked = body.map_or(Ok(()), |b| {
                check_filed(&statements, &b, &declaration.role, now_ms)?;
                practice::deviation::check_stated(&statements, &b, &declaration.role, now_ms)
            });
            checked.map_err(|problem| match several {
                true => PlanningError::Filed {
                    zh: format!("第 {} 项：{}", place + 1, problem.said.zh),
                    en: format!("statement {}: {}", place + 1, problem.said.en),
                },
                false => PlanningError::Filed { zh: problem.said.zh, en: problem.said.en },
            })?;
            // What follows with it rests on it.
            statements.push(next + place as u64, now_ms, declaration);
        }
        Ok(())
    })
    .await?;
    Ok(Some(guard))
}

/// Puts what was appended after [`check`] under a checkpoint, if it was about a plan or a filing.
pub(crate) async fn publish(
    logs: &SiteLogs,
    site: &SiteId,
    checked: Option<MutexGuard<'static, ()>>,
) -> Result<(), PlanningError> {
    if checked.is_none() {
        return Ok(());
    }
    let (logs, site) = (logs.clone(), site.clone());
    off_thread(move || Ok(logs.publish_now(&site).map(drop)?)).await
}

/// A lock before it is stated: its kind, its body, and the reason when its author gives none.
struct Computed {
    kind: &'static str,
    reason: &'static str,
    body: serde_json::Value,
    locked: Locked,
}

impl Computed {
    fn of(history: &History, plan: &str, wanted: &LockWanted, until_ms: i64) -> Result<Self, PlanningError> {
        let stated = history.statements().plan(plan).cloned().ok_or_else(|| LockError::NoPlan(plan.to_owned()))?;
        let written = |e: serde_json::Error| ReportingError::Stopped(e.to_string());
        if stated.body.comparison.is_some() {
            if !wanted.definition.is_empty() {
                return Err(LockError::Whole(plan.to_owned()).into());
            }
            if wanted.insufficient {
                return Err(LockError::NothingMeasured(plan.to_owned()).into());
            }
            let lock = lock_comparison(history.statements(), history.size(), plan)?;
            return Ok(Self {
                kind: COMPARISON_LOCK,
                reason: "comparison locked",
                body: serde_json::to_value(&lock).map_err(written)?,
                locked: Locked {
                    leaf: 0,
                    size: lock.size,
                    value: String::new(),
                    parameters_digest: lock.parameters_digest,
                    sufficient: None,
                },
            });
        }
        if wanted.insufficient && wanted.reason.trim().is_empty() {
            return Err(PlanningError::Reason);
        }
        let baseline = Baseline::evaluate(history, stated, until_ms);
        let lock = baseline.lock(&wanted.definition, &wanted.machine, wanted.insufficient)?;
        Ok(Self {
            kind: BASELINE_LOCK,
            reason: "baseline locked",
            body: serde_json::to_value(&lock).map_err(written)?,
            locked: Locked {
                leaf: 0,
                size: lock.size,
                value: lock.value,
                parameters_digest: lock.parameters_digest,
                sufficient: Some(lock.sufficient),
            },
        })
    }
}

/// Locks the baseline of a metric, or a plan's choice of comparison machines: computed over everything logged so far, stated, and under a
/// checkpoint.
pub(crate) async fn lock(
    logs: &SiteLogs,
    site: &SiteId,
    plan: &str,
    wanted: LockWanted,
    issuer: Issuer,
    now_ms: i64,
) -> Result<Locked, PlanningError> {
    let one = ONE_AT_A_TIME.lock().await;
    let reason = wanted.reason.trim().to_owned();
    let computed = {
        let (logs, site, plan) = (logs.clone(), site.clone(), plan.to_owned());
        off_thread(move || {
            logs.publish_now(&site)?;
            let (history, until_ms) = baseline_history(&logs, &site, now_ms, |light| {
                light.statements().plan(&plan).map(|stated| stated.body.clone())
            })?;
            Computed::of(&history, &plan, &wanted, until_ms)
        })
        .await?
    };
    let declaration = Declaration {
        kind: computed.kind.to_owned(),
        effective_from: now_ms,
        author: issuer.author,
        role: issuer.role,
        reason: if reason.is_empty() { computed.reason.to_owned() } else { reason },
        body: computed.body,
    };
    let leaf = logs.append_declaration(site, &declaration).await?;
    publish(logs, site, Some(one)).await?;
    Ok(Locked { leaf, ..computed.locked })
}

/// The history that a plan's baseline depends on, and where it ends. `choose` names the plan, from a history without readings.
pub(crate) fn baseline_history(
    logs: &SiteLogs,
    site: &SiteId,
    now_ms: i64,
    choose: impl FnOnce(&History) -> Option<metrics::model::Plan>,
) -> Result<(History, i64), ReportingError> {
    reporting::history_chosen(logs, site, now_ms, |light| {
        let plan = choose(light);
        let baseline = plan.as_ref().and_then(|p| Some((p, p.baseline.as_ref()?)));
        let windows = baseline.map(|(plan, range)| {
            let period = Period { name: "baseline".to_owned(), from: range.from.clone(), to: range.to.clone() };
            let machines = plan.machines.iter().chain(&plan.incoming).cloned().collect();
            let size = light.size();
            ReportRequest { size, machines, periods: vec![period], plan: None, until_ms: None }.windows(light)
        });
        let windows = match windows {
            // Machines that are not declared yet have no readings yet.
            None | Some(Err(ReportError::NoMachines)) => Vec::new(),
            Some(other) => other?,
        };
        Ok((light.statements().tags_used(), windows))
    })
}

async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, PlanningError> + Send + 'static,
) -> Result<T, PlanningError> {
    tokio::task::spawn_blocking(work).await.map_err(|e| ReportingError::Stopped(e.to_string()))?
}
