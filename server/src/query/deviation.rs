//! 双监控: every target of a filed plan as promised and as measured now, deviations with their steps, and the run of days with evidence.
//!
//! Figures are computed as reports compute them; which step is next is `metrics::deviation`'s to say, what a day was `gongzheng-practice`'s.
//! Nothing here says that a project has stopped.

mod days;

use jiff::civil::Date;
use metrics::calendar::local_date;
use metrics::credibility::course::FACTORY_ROLE;
use metrics::deviation::{Measure, Measured, Unmeasured};
use metrics::filed::{Acceptance, AcceptanceHeld, Filed};
use metrics::report::Words;
use metrics::statements::Statements;
use practice::deviation::{AUTHORITIES, Course, Deviation, Next};
use practice::plan::{InForce, Procedure, in_force_of};
use protocol::SiteId;
use serde::Serialize;
use utoipa::ToSchema;

pub use self::days::{DayCount, DaysView, RunView};
use super::dossier::loose;
use super::filing::{ids, leaf, target, words};
use super::{FiledTargetView, LooseView, ONE_AT_A_TIME, QueryError, RuleEntry, SiteHead, off_thread, visible};
use crate::planning::deviation::{machines, measured, window};
use crate::reporting;
use crate::roles::{Access, Permission};
use crate::sitelog::SiteLogs;
use crate::store::Store;

/// A target, promised and measured.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct TargetNow {
    /// As filed.
    pub filed: FiledTargetView,
    /// As measured.
    pub measured: Option<Measured>,
    /// Why it is not: it names no definition that is compared, or none of its machines is declared.
    pub unmeasured: Option<Unmeasured>,
    /// Its open deviation.
    pub open: Option<String>,
}

/// A step that counts.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct DeviationStep {
    /// `notice`, `explanation`, `measures`, `remeasured`, `closed`.
    pub kind: &'static str,
    /// Leaf.
    pub leaf: i64,
    /// When it was logged, Unix ms.
    pub received_ms: i64,
    /// Role of who stated it.
    pub role: String,
    /// What was said.
    pub text: String,
    /// Measures.
    pub measures: Vec<Measure>,
    /// What was measured.
    pub measured: Option<Measured>,
}

/// A deviation.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct DeviationView {
    /// Id.
    pub id: String,
    /// Target id.
    pub target: String,
    /// Its name.
    pub names: Words,
    /// Where it stands.
    pub stands: Words,
    /// What comes next, as in a report: `EXPLANATION`, `MEASURES`, `REMEASUREMENT`, `CLOSING`, `CLOSED`.
    #[schema(value_type = String)]
    pub next: Next,
    /// Steps in order of the log.
    pub steps: Vec<DeviationStep>,
    /// Measures in force whose date is over.
    pub overdue: Vec<Measure>,
    /// What counts for nothing.
    pub problems: Vec<LooseView>,
}

/// An acceptance that was held, by an authority's word: a day, never what came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct AcceptanceView {
    /// `city`, `national`.
    #[schema(value_type = String)]
    pub acceptance: Acceptance,
    /// On which day.
    pub held: String,
    /// Who held it, by name.
    pub body: String,
    /// Its leaf.
    pub leaf: i64,
    /// When it was logged, Unix ms.
    pub received_ms: i64,
    /// Role of who stated it.
    pub role: String,
}

/// The days of a filing.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct RunOfFiling {
    /// Site.
    pub site: SiteHead,
    /// The filing: id and name.
    pub filing: Option<RuleEntry>,
    /// The run of days; absent where no machine of the plan is declared.
    pub run: Option<RunView>,
}

/// Everything the page shows.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct DeviationsView {
    /// Site.
    pub site: SiteHead,
    /// Filings of the site.
    pub filings: Vec<String>,
    /// The one that is shown: id and name.
    pub filing: Option<RuleEntry>,
    /// The rule it was filed under.
    pub rule: Option<String>,
    /// Its targets.
    pub targets: Vec<TargetNow>,
    /// Its deviations.
    pub deviations: Vec<DeviationView>,
    /// Statements about none.
    pub loose: Vec<LooseView>,
    /// The run of days.
    pub run: Option<RunView>,
    /// Acceptances that were held.
    pub accepted: Vec<AcceptanceView>,
    /// The reader acts for the firm.
    pub is_firm: bool,
    /// The reader speaks for an authority.
    pub is_authority: bool,
    /// Today, in the site's zone.
    pub today: String,
}

/// What everything about a filing is looked at with.
struct Looked {
    site: SiteHead,
    id: SiteId,
    statements: Statements,
    zone: String,
    today: Date,
    filings: Vec<String>,
    /// The filing asked for, or the first, as in force today.
    plan: Option<InForce>,
    is_firm: bool,
    is_authority: bool,
}

impl Looked {
    async fn at(
        store: &Store,
        logs: &SiteLogs,
        access: &Access,
        site: &str,
        wanted: Option<&str>,
        now_ms: i64,
    ) -> Result<Self, QueryError> {
        let row = visible(store, access, Permission::SeeFigures, site).await?;
        let is_firm = access.acts_as(FACTORY_ROLE, Permission::Declare, &row);
        let is_authority = AUTHORITIES.iter().any(|by| access.acts_as(by.role(), Permission::GiveOpinion, &row));
        let head = SiteHead::from(row);
        let id: SiteId = site.parse().map_err(|_| QueryError::NotFound)?;
        let (logs, of) = (logs.clone(), id.clone());
        let statements = off_thread(move || reporting::statements(&logs, &of)).await?;
        let zone = reporting::zone(&statements, &head.time_zone).to_owned();
        let today = local_date(&zone, now_ms).ok_or(QueryError::NotFound)?;
        let filings = ids(&statements);
        let wanted = wanted.filter(|id| !id.is_empty()).or(filings.first().map(String::as_str));
        if wanted.is_some_and(|wanted| statements.filing(wanted).is_none()) {
            return Err(QueryError::NotFound);
        }
        let plan = wanted.and_then(|wanted| in_force_of(&statements, &zone, wanted, today));
        Ok(Self { site: head, id, statements, zone, today, filings, plan, is_firm, is_authority })
    }

    /// On which day an acceptance was held, as stated last.
    fn acceptance(&self, plan: &InForce, which: Acceptance) -> Option<(Date, &Filed<AcceptanceHeld>)> {
        let filing = self.statements.filing(&plan.plan.filing)?;
        Procedure { filing, route: None, zone: &self.zone }.acceptance(which, self.today)
    }

    fn course(&self, plan: &InForce) -> Course<'_> {
        Course::of(self.statements.deviations(&plan.plan.filing), &self.zone)
    }
}

fn accepted(of: &Filed<AcceptanceHeld>) -> AcceptanceView {
    AcceptanceView {
        acceptance: of.body.acceptance,
        held: of.body.held.clone(),
        body: of.body.body.clone(),
        leaf: leaf(of.leaf),
        received_ms: of.received_ms,
        role: of.role.clone(),
    }
}

fn named(plan: &InForce) -> RuleEntry {
    RuleEntry { id: plan.plan.filing.clone(), names: words(&plan.plan.names) }
}

/// Targets, deviations and days of a filing.
pub async fn deviations(
    store: &Store,
    logs: &SiteLogs,
    access: &Access,
    site: &str,
    wanted: Option<&str>,
    now_ms: i64,
) -> Result<DeviationsView, QueryError> {
    let looked = Looked::at(store, logs, access, site, wanted, now_ms).await?;
    let mut out = DeviationsView {
        site: looked.site.clone(),
        filing: None,
        rule: None,
        targets: Vec::new(),
        deviations: Vec::new(),
        loose: Vec::new(),
        run: None,
        accepted: Vec::new(),
        is_firm: looked.is_firm,
        is_authority: looked.is_authority,
        today: looked.today.to_string(),
        filings: looked.filings.clone(),
    };
    let Some(plan) = &looked.plan else { return Ok(out) };
    let course = looked.course(plan);
    out.filing = Some(named(plan));
    out.rule = plan.plan.rule.clone();
    out.deviations = course.deviations.iter().map(|d| deviation_view(d, plan, looked.today)).collect();
    out.loose = course.loose.iter().map(loose).collect();
    out.run = days::run(store, &looked, plan).await?;
    let held = |which| looked.acceptance(plan, which).map(|(_, of)| accepted(of));
    out.accepted = [Acceptance::City, Acceptance::National].into_iter().filter_map(held).collect();
    let asked: Vec<_> = match window(&looked.zone, None, now_ms) {
        Some(window) => plan.plan.targets.iter().map(|target| (target.clone(), window.clone())).collect(),
        None => Vec::new(),
    };
    let found = {
        let (logs, id, names, wanted) = (logs.clone(), looked.id.clone(), machines(plan), asked.clone());
        let _one = ONE_AT_A_TIME.lock().await;
        off_thread(move || measured(&logs, &id, &wanted, &names, now_ms)).await?
    };
    let shown = asked.iter().zip(found).map(|((filed, _), measured)| TargetNow {
        filed: target(filed),
        unmeasured: measured.as_ref().err().copied(),
        measured: measured.ok(),
        open: course.open_of(&filed.target).map(|d| d.id().to_owned()),
    });
    out.targets = shown.collect();
    Ok(out)
}

/// One deviation with its steps.
pub async fn deviation(
    store: &Store,
    logs: &SiteLogs,
    access: &Access,
    (site, wanted, id): (&str, Option<&str>, &str),
    now_ms: i64,
) -> Result<DeviationView, QueryError> {
    let looked = Looked::at(store, logs, access, site, wanted, now_ms).await?;
    let plan = looked.plan.as_ref().ok_or(QueryError::NotFound)?;
    let course = looked.course(plan);
    let found = course.deviation(id).ok_or(QueryError::NotFound)?;
    Ok(deviation_view(found, plan, looked.today))
}

/// The run of days of a filing.
pub async fn days(
    store: &Store,
    logs: &SiteLogs,
    access: &Access,
    site: &str,
    wanted: Option<&str>,
    now_ms: i64,
) -> Result<RunOfFiling, QueryError> {
    let looked = Looked::at(store, logs, access, site, wanted, now_ms).await?;
    let run = match &looked.plan {
        Some(plan) => days::run(store, &looked, plan).await?,
        None => None,
    };
    Ok(RunOfFiling { filing: looked.plan.as_ref().map(named), site: looked.site, run })
}

fn deviation_view(of: &Deviation<'_>, plan: &InForce, today: Date) -> DeviationView {
    let wanted = &of.notice.body.target;
    let named = plan.plan.targets.iter().find(|target| target.target == *wanted);
    fn step<T>(kind: &'static str, of: &Filed<T>, text: &str) -> DeviationStep {
        DeviationStep {
            kind,
            leaf: leaf(of.leaf),
            received_ms: of.received_ms,
            role: of.role.clone(),
            text: text.to_owned(),
            measures: Vec::new(),
            measured: None,
        }
    }
    let measured = |of: &Measured| Some(of.clone());
    let notice = &of.notice;
    let mut steps =
        vec![DeviationStep { measured: measured(&notice.body.measured), ..step("notice", notice, &notice.body.asks) }];
    steps.extend(of.explanations.iter().map(|said| step("explanation", said, &said.body.explanation)));
    steps.extend(
        of.measures
            .iter()
            .map(|said| DeviationStep { measures: said.body.measures.clone(), ..step("measures", said, "") }),
    );
    steps.extend(
        of.remeasured
            .iter()
            .map(|said| DeviationStep { measured: measured(&said.body.measured), ..step("remeasured", said, "") }),
    );
    steps.extend(of.closed.iter().map(|said| step("closed", said, &said.body.reason)));
    steps.sort_by_key(|step| step.leaf);
    DeviationView {
        id: of.id().to_owned(),
        target: wanted.clone(),
        names: named.map_or_else(|| Words { zh: wanted.clone(), en: wanted.clone() }, |target| words(&target.names)),
        stands: words(&of.words()),
        next: of.next(),
        steps,
        overdue: of.overdue(today).cloned().collect(),
        problems: of.problems.iter().map(loose).collect(),
    }
}
