//! Plans, locks, filings and on-site checks on their way into the log: what would move a lock, or would count for nothing in the course of a filed
//! plan or of a check, is refused; the numbers of a lock, and what the log showed of a check, are computed here, never stated.
//!
//! Constraints
//! 1. One of them after the other: two locks of one metric cannot both find it unlocked, nor two opinions both find their turn.
//! 2. A lock rests on a published checkpoint; what is stated here is under one when this answers, so that pages show it at once.
//! 3. What is refused changes nothing.

use metrics::model::{Body, Names, parse_body};
use metrics::onsite::{self, Act, Entry, Found, NotYet, OnsiteFace, OnsiteResult};
use metrics::plan::{Baseline, DoorError, LockError, check_stated, lock_comparison};
use metrics::report::{Period, ReportError, Words};
use metrics::statements::Statements;
use metrics::{History, ReportRequest};
use practice::dossier;
use practice::plan::check_stated as check_filed;
use protocol::{Declaration, Digest, SiteId};
use serde::{Deserialize, Serialize};
use tokio::sync::{Mutex, MutexGuard};
use utoipa::ToSchema;

use crate::photo;
use crate::reporting::{self, Issuer, ReportingError};
use crate::sitelog::{LogError, SiteLogs};

pub(crate) mod deviation;

/// Kind of the declaration that says what is measured and promised.
pub(crate) const PLAN: &str = "plan";
/// Kind of the declaration that fixes a baseline.
pub(crate) const BASELINE_LOCK: &str = "baseline_lock";
/// Kind of the declaration that fixes which machines stand in place of a base period.
pub(crate) const COMPARISON_LOCK: &str = "comparison_lock";

/// Kinds of the declarations about a filed plan, the papers around it, and lists of firms.
const FILED: [&str; 9] = [
    "filed_plan",
    "plan_change",
    OPINION,
    "plan_finished",
    ACCEPTANCE,
    PAPER_ASKED,
    "paper_handed",
    PAPER_JUDGED,
    FIRM_LISTED,
];
/// Kind of the declaration in which somebody asked about a filed plan says what he thinks of a change.
pub(crate) const OPINION: &str = "plan_opinion";

/// Kind of the declaration by which a body asks for a paper.
pub(crate) const PAPER_ASKED: &str = "paper_asked";
/// Kind of the declaration by which a body receives or returns a paper.
pub(crate) const PAPER_JUDGED: &str = "paper_judged";
/// Kind of the declaration that says what a list says of a firm.
pub(crate) const FIRM_LISTED: &str = "firm_listed";
/// Kind of the declaration that says on which day an acceptance was held.
pub(crate) const ACCEPTANCE: &str = "acceptance_held";
/// What is stated with the permission to give opinions, and nothing else.
pub(crate) const BY_BODIES: [&str; 6] =
    [OPINION, ACCEPTANCE, PAPER_ASKED, PAPER_JUDGED, FIRM_LISTED, deviation::CLOSED];

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
    /// It would count for nothing in the course of its filing or check.
    #[error("{en} / {zh}")]
    Refused {
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

/// Checks statements against what the log has locked, and against the course of their filing or on-site check; what a check's result says is
/// filled in. `zone` is where the server's row has the site. Keep the guard until they are appended, and give it to [`publish`].
pub(crate) async fn check(
    logs: &SiteLogs,
    site: &SiteId,
    zone: &str,
    declarations: &mut [Declaration],
    now_ms: i64,
) -> Result<Option<MutexGuard<'static, ()>>, PlanningError> {
    let is_ours = |kind: &str| {
        [PLAN, BASELINE_LOCK, COMPARISON_LOCK].contains(&kind)
            || FILED.contains(&kind)
            || onsite::KINDS.contains(&kind)
            || deviation::ALL.contains(&kind)
    };
    if !declarations.iter().any(|d| is_ours(&d.kind)) {
        return Ok(None);
    }
    let guard = ONE_AT_A_TIME.lock().await;
    let (logs, site, zone, mut all) = (logs.clone(), site.clone(), zone.to_owned(), declarations.to_vec());
    let completed = off_thread(move || {
        let mut statements = reporting::statements(&logs, &site)?;
        let next = logs.size(&site)?;
        let several = all.len() > 1;
        for (place, declaration) in all.iter_mut().enumerate().filter(|(_, d)| is_ours(&d.kind)) {
            check_stated(&statements, &declaration.kind, &declaration.body)?;
            if [PLAN, BASELINE_LOCK, COMPARISON_LOCK].contains(&declaration.kind.as_str()) {
                continue;
            }
            let door = Door { logs: &logs, site: &site, statements: &statements, zone: &zone, now_ms };
            door.check(declaration).map_err(|refusal| match refusal {
                PlanningError::Refused { zh, en } if several => PlanningError::Refused {
                    zh: format!("第 {} 项：{zh}", place + 1),
                    en: format!("statement {}: {en}", place + 1),
                },
                other => other,
            })?;
            // What follows with it rests on it.
            statements.push(next + place as u64, now_ms, declaration.clone());
        }
        Ok(all)
    })
    .await?;
    declarations.clone_from_slice(&completed);
    Ok(Some(guard))
}

/// Removes a photo that was sent for a face which was refused, unless a statement names it. No face can be stated meanwhile.
///
/// # Errors
/// The log or the disk.
pub(crate) async fn forget_photo(logs: &SiteLogs, site: &SiteId, digest: Digest) -> Result<(), PlanningError> {
    let _one = ONE_AT_A_TIME.lock().await;
    let (logs, site) = (logs.clone(), site.clone());
    off_thread(move || {
        let statements = reporting::statements(&logs, &site)?;
        let named = |entry: &Entry| matches!(&entry.act, Act::Face(face) if face.photo.digest == digest.hex());
        if !statements.onsite_checks().any(|(_, entries)| entries.iter().any(named)) {
            logs.drop_photo(&site, &digest)?;
        }
        Ok(())
    })
    .await
}

/// What a statement of a filing or of an on-site check is checked against.
struct Door<'d> {
    logs: &'d SiteLogs,
    site: &'d SiteId,
    statements: &'d Statements,
    zone: &'d str,
    now_ms: i64,
}

impl Door<'_> {
    fn check(&self, declaration: &mut Declaration) -> Result<(), PlanningError> {
        // What is no body is refused where it is read.
        let Ok(body) = parse_body(&declaration.kind, &declaration.body) else { return Ok(()) };
        let refused_by = |said: Names| PlanningError::Refused { zh: said.zh, en: said.en };
        let (role, zone) = (declaration.role.as_str(), self.zone());
        check_filed(self.statements, zone, &body, role, self.now_ms).map_err(|p| refused_by(p.said))?;
        dossier::check_stated(self.statements, zone, &body, role, self.now_ms).map_err(|p| refused_by(p.said))?;
        practice::deviation::check_stated(self.statements, zone, &body, role, self.now_ms)
            .map_err(|p| refused_by(p.said))?;
        let (face, result) = match &body {
            Body::OnsiteFace(face) => (Some(face.clone()), None),
            Body::OnsiteResult(result) => (None, Some(result.clone())),
            _ => (None, None),
        };
        onsite::check_stated(self.statements, body, declaration, self.now_ms).map_err(refused)?;
        if let Some(face) = face {
            self.photo(&face)?;
        }
        if let Some(result) = result {
            let (size, found) = self.found(&result)?;
            let written = |e: serde_json::Error| ReportingError::Stopped(e.to_string());
            let whole = OnsiteResult { size: Some(size), found: Some(found), ..*result };
            declaration.body = serde_json::to_value(whole).map_err(written)?;
        }
        Ok(())
    }

    fn zone(&self) -> &str {
        reporting::zone(self.statements, self.zone)
    }

    /// The photo that a face names is held here, and says the time that the face names.
    fn photo(&self, face: &OnsiteFace) -> Result<(), PlanningError> {
        let digest = face.photo.digest.parse().ok();
        let held = digest.map(|digest| self.logs.photo(self.site, &digest)).transpose()?.flatten();
        let Some(bytes) = held else {
            return Err(refused(Words {
                zh: "服务器没有这张照片：请先上传照片".to_owned(),
                en: "the server does not hold this photo: send it first".to_owned(),
            }));
        };
        match photo::taken_ms(&bytes, self.zone()) {
            Ok(taken_ms) if taken_ms == face.photo.taken_ms => Ok(()),
            Ok(_) => Err(refused(Words {
                zh: "taken_ms 与照片所记的拍摄时间不符：请勿填写其他时间".to_owned(),
                en: "`taken_ms` is not the time in the photo: state no other".to_owned(),
            })),
            Err(error) => Err(refused(split(&error.to_string()))),
        }
    }

    /// What the log shows of an act, and over how many leaves.
    fn found(&self, result: &OnsiteResult) -> Result<(u64, Found), PlanningError> {
        let (check, of) = (result.check.as_str(), result.of);
        let not_yet = |why: NotYet| refused(why.words(self.zone()));
        if let Some(window) = onsite::window(self.statements, check, of) {
            let size = self.logs.size(self.site)?;
            let history = reporting::history_over(self.logs, self.site, size, &[window])?;
            return Ok((size, onsite::evaluate(&history, check, of).map_err(not_yet)?));
        }
        // A draw is by the tree that ends with the leaf that asked for it.
        let size = of.saturating_add(1);
        let root = self.logs.root_at(self.site, size)?;
        let drawn = onsite::draw(self.statements, check, of, &root);
        Ok((size, Found::Draw(drawn.ok_or_else(|| not_yet(NotYet::Nothing))?)))
    }
}

fn refused(words: Words) -> PlanningError {
    PlanningError::Refused { zh: words.zh, en: words.en }
}

/// A sentence in both languages, as errors print it.
pub(crate) fn split(both: &str) -> Words {
    let (en, zh) = both.rsplit_once(" / ").unwrap_or((both, both));
    Words { zh: zh.to_owned(), en: en.to_owned() }
}

/// Puts what was appended after [`check`] under a checkpoint, if it was about a plan, a filing or a check.
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
            ReportRequest { size, machines, periods: vec![period], ..ReportRequest::default() }.windows(light)
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
