//! A measurement plan on its way: a draft from the ledger and the readings so far, how far its baseline has come, what is locked.
//!
//! A draft is text as somebody typed it; only [`PlanDraft::body`] makes a statement of it, and `metrics` says whether that is one.

mod draft;

use std::collections::BTreeSet;

use metrics::History;
use metrics::calendar::local_date;
use metrics::model::{Body, MachineRole, Plan, parse_body};
use metrics::plan::{Baseline, Sufficiency, candidates, comparison_locked};
use metrics::report::{ALL_MACHINES, Words};
use metrics::statements::Stated;
use serde::Serialize;
use utoipa::ToSchema;

pub use self::draft::{ComparisonDraft, MetricDraft, PlanDraft};
use super::{ONE_AT_A_TIME, QueryError, SiteHead, off_thread, visible};
use crate::planning::baseline_history;
use crate::roles::{Access, Permission};
use crate::sitelog::SiteLogs;
use crate::store::Store;

/// What somebody asks for.
#[derive(Clone, Debug)]
pub enum PlanWanted {
    /// A declared plan, the newest when none is named; a draft when none is declared.
    Stated(Option<String>),
    /// A draft of the reader's own.
    Draft(Box<PlanDraft>),
}

/// A production machine outside the boundary, or what is chosen there though it is none, looked at as a comparison machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct CandidateView {
    /// Machine id.
    pub machine: String,
    /// What speaks against it; nothing: it is proposed.
    pub unfit: Vec<Words>,
    /// Its class, and that of a machine of the boundary, is stated in the ledger.
    pub is_class_stated: bool,
}

/// A machine that a plan can name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct PlanMachine {
    /// Identifier.
    pub id: String,
    /// Names as declared.
    pub names: Words,
    /// `production`, `auxiliary`, `meter`.
    pub role: String,
    /// Key machine.
    pub critical: bool,
    /// Roles its tags play.
    pub signals: Vec<String>,
}

/// A finding about a baseline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct AdviceView {
    /// Code.
    pub code: String,
    /// Without it the baseline does not suffice.
    pub blocks: bool,
    /// What, and what to do.
    pub words: Words,
}

/// A lock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct LockView {
    /// Leaf.
    pub leaf: i64,
    /// When it was logged, Unix ms.
    pub at_ms: i64,
    /// The baseline's value; empty for comparison machines.
    pub value: String,
    /// Whether the baseline sufficed; absent for comparison machines, where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sufficient: Option<bool>,
    /// SHA-256 of its parameters, hex.
    pub parameters_digest: String,
}

/// A production day that is not valid.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct MissingDay {
    /// Production date.
    pub date: String,
    /// Cause.
    pub cause: String,
}

/// The longest gap of a baseline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct LongestGap {
    /// First instant, Unix ms.
    pub from_ms: i64,
    /// First instant after.
    pub to_ms: i64,
    /// Cause.
    pub cause: String,
}

/// How far a metric has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct MetricState {
    /// Definition.
    pub definition: String,
    /// Machine id, or `*`.
    pub machine: String,
    /// The baseline is over and its readings have come.
    pub is_over: bool,
    /// Nothing blocks.
    pub is_sufficient: bool,
    /// Valid production days, and those asked for.
    pub days: [i64; 2],
    /// More valid production days needed at least.
    pub needs_days: i64,
    /// Valid shifts, and scheduled ones so far.
    pub shifts: [i64; 2],
    /// Working days by weekday, Monday first: baseline so far, reporting period by the calendar.
    pub weekdays: [Vec<i64>; 2],
    /// Days that are not valid, each with its cause.
    pub missing: Vec<MissingDay>,
    /// The longest gap.
    pub gap: Option<LongestGap>,
    /// Readings that came late, of readings.
    pub late: [u64; 2],
    /// What was found.
    pub advice: Vec<AdviceView>,
    /// The lock.
    pub lock: Option<LockView>,
}

/// A plan, stated or drafted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct PlanView {
    /// The site.
    pub site: SiteHead,
    /// Every plan of the site, newest first.
    pub plans: Vec<String>,
    /// The plan.
    pub draft: PlanDraft,
    /// Leaf of its statement; none for a draft.
    pub leaf: Option<i64>,
    /// Why the draft is no plan.
    pub problem: Option<String>,
    /// Machines of the ledger.
    pub machines: Vec<PlanMachine>,
    /// Its metrics; none for a plan with comparison machines, where there is no baseline to suffice.
    pub metrics: Vec<MetricState>,
    /// Machines that could stand in place of a base period.
    pub candidates: Vec<CandidateView>,
    /// The lock of the choice of comparison machines.
    pub comparison_lock: Option<LockView>,
    /// The reader may state and lock.
    pub may_declare: bool,
    /// First reading of the site, Unix ms.
    pub first_ms: Option<i64>,
    /// Leaves of the log it was computed from.
    pub prefix: i64,
}

/// A plan, or a draft, with how far its baseline has come.
pub async fn plan(
    store: &Store,
    logs: &SiteLogs,
    access: &Access,
    site: &str,
    wanted: PlanWanted,
    now_ms: i64,
) -> Result<PlanView, QueryError> {
    let row = visible(store, access, Permission::SeeFigures, site).await?;
    let may_declare = access.allows(Permission::Declare, &row);
    let head = SiteHead::from(row);
    let id = site.parse().map_err(|_| QueryError::NotFound)?;
    let logs = logs.clone();
    let _one = ONE_AT_A_TIME.lock().await;
    let found = off_thread(move || {
        let mut chosen = Chosen::default();
        let (history, until_ms) = baseline_history(&logs, &id, now_ms, |light| {
            chosen = Chosen::of(light, wanted, now_ms);
            chosen.stated.as_ref().map(|s| s.body.clone())
        })?;
        Ok(chosen.view(&history, head, may_declare, until_ms))
    });
    found.await?.ok_or(QueryError::NotFound)
}

/// What is looked at.
#[derive(Default)]
struct Chosen {
    draft: PlanDraft,
    /// The plan that the draft is, stated or not.
    stated: Option<Stated<Plan>>,
    leaf: Option<u64>,
    problem: Option<String>,
    is_unknown: bool,
}

impl Chosen {
    fn of(light: &History, wanted: PlanWanted, now_ms: i64) -> Self {
        let statements = light.statements();
        let draft = match wanted {
            PlanWanted::Stated(name) => {
                let name = name.filter(|n| !n.is_empty());
                let newest = || statements.plans().filter_map(|p| statements.plan(p)).max_by_key(|p| p.leaf);
                let stated = name.as_ref().map_or_else(newest, |n| statements.plan(n)).cloned();
                if let Some(stated) = stated {
                    let (draft, leaf) = (PlanDraft::of(&stated.body), Some(stated.leaf));
                    return Self { draft, leaf, stated: Some(stated), ..Self::default() };
                }
                if name.is_some() {
                    return Self { is_unknown: true, ..Self::default() };
                }
                suggested(light, now_ms)
            }
            PlanWanted::Draft(draft) => *draft,
        };
        let parsed = parse_body("plan", &draft.body());
        let (stated, problem) = match parsed {
            Ok(Body::Plan(body)) => (Some(Stated { leaf: 0, received_ms: now_ms, effective_from: now_ms, body }), None),
            Ok(_) => (None, None),
            Err(error) => (None, Some(error.to_string())),
        };
        Self { draft, stated, problem, ..Self::default() }
    }

    fn view(self, history: &History, site: SiteHead, may_declare: bool, until_ms: i64) -> Option<PlanView> {
        if self.is_unknown {
            return None;
        }
        let statements = history.statements();
        let mut plans: Vec<_> = statements.plans().filter_map(|p| statements.plan(p)).collect();
        plans.sort_by_key(|p| std::cmp::Reverse(p.leaf));
        let outside = self.stated.as_ref().map(|s| s.body.clone()).or_else(|| self.draft.bare());
        let chosen = || self.draft.comparison.iter().map(|c| c.machine.as_str());
        let candidates = outside.as_ref().map(|plan| candidates(statements, plan, chosen())).unwrap_or_default();
        let candidates = candidates.into_iter().map(|c| CandidateView {
            machine: c.machine,
            unfit: c.unfit.into_iter().map(|u| u.words).collect(),
            is_class_stated: c.is_class_stated,
        });
        let comparison_lock = outside.as_ref().filter(|plan| plan.comparison.is_some()).and_then(|plan| {
            let (lock, _) = comparison_locked(statements, &plan.plan)?;
            Some(LockView {
                leaf: count(lock.leaf),
                at_ms: lock.received_ms,
                value: String::new(),
                sufficient: None,
                parameters_digest: lock.body.parameters_digest.clone(),
            })
        });
        let states = self.stated.filter(|stated| stated.body.comparison.is_none()).map(|stated| {
            let locks = statements.locks(&stated.body.plan);
            let metrics = stated.body.metrics.clone();
            let baseline = Baseline::evaluate(history, stated, until_ms);
            let state = |metric: &metrics::model::PlanMetric| {
                let lock =
                    locks.iter().find(|l| l.body.definition == metric.definition && l.body.machine == metric.machine);
                let lock = lock.map(|l| LockView {
                    leaf: count(l.leaf),
                    at_ms: l.received_ms,
                    value: l.body.value.clone(),
                    sufficient: Some(l.body.sufficient),
                    parameters_digest: l.body.parameters_digest.clone(),
                });
                metric_state(baseline.sufficiency(metric), lock)
            };
            metrics.iter().map(state).collect()
        });
        let machines = statements.machines().filter_map(|id| {
            let body = &statements.machine_definitions(id).last()?.body;
            Some(PlanMachine {
                id: id.to_owned(),
                names: Words::from(&body.names),
                role: match body.role {
                    MachineRole::Production => "production",
                    MachineRole::Auxiliary => "auxiliary",
                    MachineRole::Meter => "meter",
                }
                .to_owned(),
                critical: body.critical,
                signals: body.signals.all().map(|(role, _)| role.to_owned()).collect(),
            })
        });
        Some(PlanView {
            plans: plans.iter().map(|p| p.body.plan.clone()).collect(),
            draft: self.draft,
            leaf: self.leaf.map(count),
            problem: self.problem,
            machines: machines.collect(),
            metrics: states.unwrap_or_default(),
            candidates: candidates.collect(),
            comparison_lock,
            may_declare,
            first_ms: first_ms(history),
            prefix: count(history.size()),
            site,
        })
    }
}

/// When the site's first reading was taken.
fn first_ms(history: &History) -> Option<i64> {
    let gateways: BTreeSet<String> = history.statements().tags_used().into_iter().map(|(gateway, _)| gateway).collect();
    gateways.iter().filter_map(|g| Some(history.gateway_extent(g)?.0.from_ms)).min()
}

/// A plan from the ledger: every production machine, OEE and energy per good piece, eight whole weeks before from the first
/// readings on, eight after.
fn suggested(light: &History, now_ms: i64) -> PlanDraft {
    let statements = light.statements();
    let of_role = |role: MachineRole| {
        let is = move |m: &&str| statements.machine_definitions(m).last().is_some_and(|d| d.body.role == role);
        statements.machines().filter(is).map(str::to_owned).collect::<Vec<_>>()
    };
    let machines = of_role(MachineRole::Production);
    let zone = statements.site().map_or("UTC", |s| s.zone.as_str());
    let first = local_date(zone, first_ms(light).unwrap_or(now_ms));
    let weeks = |from: jiff::civil::Date| {
        let to = from.saturating_add(jiff::Span::new().days(7 * WEEKS - 1));
        ([from.to_string(), to.to_string()], to.saturating_add(jiff::Span::new().days(1)))
    };
    // The first Monday from then on: weeks are whole.
    let monday = first
        .map(|d| d.saturating_add(jiff::Span::new().days((7 - i64::from(d.weekday().to_monday_zero_offset())) % 7)));
    let (baseline, next) = monday.map_or_else(Default::default, |monday| {
        let (baseline, next) = weeks(monday);
        (baseline, Some(next))
    });
    let has_energy = |m: &String| statements.machine_definitions(m).iter().any(|d| d.body.signals.energy.is_some());
    let metric = |definition: &str| MetricDraft {
        definition: definition.to_owned(),
        machine: ALL_MACHINES.to_owned(),
        ..MetricDraft::default()
    };
    let mut metrics = vec![metric("oee.iso22400@1")];
    if machines.iter().any(has_energy) {
        metrics.push(metric("energy.per_good@1"));
    }
    PlanDraft {
        plan: "plan-1".to_owned(),
        option: "B".to_owned(),
        baseline,
        reporting: next.map(|n| weeks(n).0).unwrap_or_default(),
        machines,
        incoming: of_role(MachineRole::Meter).first().cloned().unwrap_or_default(),
        metrics,
        ..PlanDraft::default()
    }
}

/// Weeks of a suggested period: sixty days of a six-day week, which energy asks for.
const WEEKS: i64 = 10;

fn metric_state(s: Sufficiency, lock: Option<LockView>) -> MetricState {
    let advice = |a: metrics::plan::Advice| AdviceView { code: a.code.to_owned(), blocks: a.blocks, words: a.words };
    MetricState {
        definition: s.definition,
        machine: s.machine,
        is_over: s.is_over,
        is_sufficient: s.is_sufficient,
        days: [s.valid_days, s.min_days],
        needs_days: s.needs_days,
        shifts: [s.valid_shifts, s.scheduled_shifts],
        weekdays: s.weekdays.map(|days| days.to_vec()),
        missing: s.missing.into_iter().map(|h| MissingDay { date: h.date, cause: h.cause.to_owned() }).collect(),
        gap: s.longest_gap.map(|(from_ms, to_ms, cause)| LongestGap { from_ms, to_ms, cause: cause.to_owned() }),
        late: s.late,
        advice: s.advice.into_iter().map(advice).collect(),
        lock,
    }
}

fn count(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}
