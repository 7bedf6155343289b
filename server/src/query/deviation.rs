//! 双监控: every target of a filed plan as promised and as measured now, deviations with their steps, and the run of days with evidence.
//!
//! Figures are computed as reports compute them; which step is next, and what a day was, is `gongzheng-practice`'s to say. Nothing here says
//! that a project has stopped.

use std::collections::BTreeMap;

use jiff::civil::Date;
use metrics::calendar::{Calendar, dates, local_date, local_days, parse_date};
use metrics::credibility::course::FACTORY_ROLE;
use metrics::deviation::{Measure, Measured, Unmeasured};
use metrics::filed::Filed;
use metrics::report::Words;
use metrics::statements::Statements;
use practice::deviation::continuity::{DayKind, Recorded, Run};
use practice::deviation::{AUTHORITIES, Course, Deviation, Next};
use practice::plan::{InForce, in_force_of};
use protocol::SiteId;

use super::dossier::loose;
use super::filing::{ids, leaf, target, words};
use super::machine::body;
use super::site::{DAY_MS, role};
use super::{FiledTargetView, LooseView, ONE_AT_A_TIME, QueryError, SiteHead, off_thread, visible};
use crate::planning::deviation::{machines, measured, window};
use crate::reporting;
use crate::roles::{Access, Permission};
use crate::sitelog::SiteLogs;
use crate::store::Store;

/// Longest run that is looked at, days.
const RUN_DAYS_MAX: i32 = 1_100;
/// The definition whose rows say what was to be observed and whether a machine ran: actual production time over planned busy time.
const AVAILABILITY: &str = "availability.iso22400@1";
/// Cause of a gap: the gateway lost power.
const POWER: &str = "unclean_boot";

/// A target, promised and measured.
#[derive(Clone, Debug)]
pub struct TargetNow {
    /// As filed.
    pub filed: FiledTargetView,
    /// As measured; or why not.
    pub measured: Result<Measured, Unmeasured>,
    /// Its open deviation.
    pub open: Option<String>,
}

/// A step that counts.
#[derive(Clone, Debug)]
pub struct StepView {
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
#[derive(Clone, Debug)]
pub struct DeviationView {
    /// Id.
    pub id: String,
    /// Target id.
    pub target: String,
    /// Its name.
    pub names: Words,
    /// Where it stands.
    pub stands: Words,
    /// What comes next.
    pub next: Next,
    /// Steps in order of the log.
    pub steps: Vec<StepView>,
    /// Measures in force whose date is over.
    pub overdue: Vec<Measure>,
    /// What counts for nothing.
    pub problems: Vec<LooseView>,
}

/// Days one after the other that were alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DaysView {
    /// First and last date.
    pub dates: [String; 2],
    /// How many.
    pub days: usize,
    /// What they were.
    pub kind: DayKind,
    /// Main cause of what was not observed, on days of lost collection.
    pub cause: String,
}

/// The run of days.
#[derive(Clone, Debug)]
pub struct RunView {
    /// In words.
    pub says: Words,
    /// First and last date looked at; none when there is none.
    pub dates: Option<[String; 2]>,
    /// Begins behind the term, not within it.
    pub is_after_term: bool,
    /// Days by kind.
    pub counts: Vec<(DayKind, usize)>,
    /// Stretches, newest first.
    pub stretches: Vec<DaysView>,
}

/// Everything the page shows.
#[derive(Clone, Debug)]
pub struct DeviationsView {
    /// Site.
    pub site: SiteHead,
    /// Filings of the site.
    pub filings: Vec<String>,
    /// The one that is shown: id and name.
    pub filing: Option<(String, Words)>,
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
    /// The reader acts for the firm.
    pub is_firm: bool,
    /// The reader speaks for an authority.
    pub is_authority: bool,
    /// Today, in the site's zone.
    pub today: String,
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
    let row = visible(store, access, Permission::SeeFigures, site).await?;
    let is_firm = access.acts_as(FACTORY_ROLE, Permission::Declare, &row);
    let is_authority = AUTHORITIES.iter().any(|by| access.acts_as(by.role(), Permission::GiveOpinion, &row));
    let head = SiteHead::from(row);
    let id: SiteId = site.parse().map_err(|_| QueryError::NotFound)?;
    let of = logs.clone();
    let statements = {
        let (logs, id) = (of.clone(), id.clone());
        off_thread(move || reporting::statements(&logs, &id)).await?
    };
    let zone = reporting::zone(&statements, &head.time_zone).to_owned();
    let today = local_date(&zone, now_ms).ok_or(QueryError::NotFound)?;
    let filings = ids(&statements);
    let wanted = wanted.filter(|id| !id.is_empty()).or(filings.first().map(String::as_str));
    if wanted.is_some_and(|wanted| statements.filing(wanted).is_none()) {
        return Err(QueryError::NotFound);
    }
    let mut out = DeviationsView {
        site: head,
        filing: None,
        rule: None,
        targets: Vec::new(),
        deviations: Vec::new(),
        loose: Vec::new(),
        run: None,
        is_firm,
        is_authority,
        today: today.to_string(),
        filings: filings.clone(),
    };
    let Some(plan) = wanted.and_then(|wanted| in_force_of(&statements, &zone, wanted, today)) else { return Ok(out) };
    let course = Course::of(statements.deviations(&plan.plan.filing), &zone);
    out.filing = Some((plan.plan.filing.clone(), words(&plan.plan.names)));
    out.rule = plan.plan.rule.clone();
    out.deviations = course.deviations.iter().map(|d| deviation(d, &plan, today)).collect();
    out.loose = course.loose.iter().map(loose).collect();
    out.run = run(store, &statements, site, &plan, (&zone, today)).await?;
    let asked: Vec<_> = match window(&zone, None, now_ms) {
        Some(window) => plan.plan.targets.iter().map(|target| (target.clone(), window.clone())).collect(),
        None => Vec::new(),
    };
    let found = {
        let (names, wanted) = (machines(&plan), asked.clone());
        let _one = ONE_AT_A_TIME.lock().await;
        off_thread(move || measured(&of, &id, &wanted, &names, now_ms)).await?
    };
    let shown = asked.iter().zip(found).map(|((filed, _), measured)| TargetNow {
        filed: target(filed),
        measured,
        open: course.open_of(&filed.target).map(|d| d.id().to_owned()),
    });
    out.targets = shown.collect();
    Ok(out)
}

fn deviation(of: &Deviation<'_>, plan: &InForce, today: Date) -> DeviationView {
    let wanted = &of.notice.body.target;
    let named = plan.plan.targets.iter().find(|target| target.target == *wanted);
    fn step<T>(kind: &'static str, of: &Filed<T>, text: &str) -> StepView {
        StepView {
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
        vec![StepView { measured: measured(&notice.body.measured), ..step("notice", notice, &notice.body.asks) }];
    steps.extend(of.explanations.iter().map(|said| step("explanation", said, &said.body.explanation)));
    steps.extend(
        of.measures.iter().map(|said| StepView { measures: said.body.measures.clone(), ..step("measures", said, "") }),
    );
    steps.extend(
        of.remeasured
            .iter()
            .map(|said| StepView { measured: measured(&said.body.measured), ..step("remeasured", said, "") }),
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

/// The days since the term ended, or since it began while it runs, up to yesterday.
async fn run(
    store: &Store,
    statements: &Statements,
    site: &str,
    plan: &InForce,
    (zone, today): (&str, Date),
) -> Result<Option<RunView>, QueryError> {
    let term = &plan.plan.term;
    let Some((begins, ends)) = parse_date(&term.from).zip(parse_date(&term.to)) else { return Ok(None) };
    let is_after_term = ends < today;
    let (Ok(last), Some(first)) = (today.yesterday(), if is_after_term { ends.tomorrow().ok() } else { Some(begins) })
    else {
        return Ok(None);
    };
    let earliest = last.checked_sub(jiff::Span::new().days(RUN_DAYS_MAX)).unwrap_or(first);
    // Before the first machine was declared nothing was to be observed.
    let declared =
        machines(plan).iter().filter_map(|m| Some(statements.machine_definitions(m).first()?.effective_from)).min();
    let Some(declared) = declared.and_then(|ms| local_date(zone, ms)) else { return Ok(None) };
    let first = first.max(earliest).max(declared);
    let all = dates(first, last);
    let mut recorded: BTreeMap<Date, Recorded> = all.iter().map(|date| (*date, Recorded::default())).collect();
    let rows = store.machines(site).await?;
    let produces: Vec<String> = rows.iter().filter(|row| role(row) == "production").map(|row| row.id.clone()).collect();
    if let Some(span) = local_days(zone, first, last) {
        let (from_ms, until_ms) = (span.from_ms - DAY_MS, span.to_ms + DAY_MS);
        let values = store.values(site, None, Some(AVAILABILITY), from_ms, until_ms).await?;
        for value in values.iter().filter(|value| produces.contains(&value.machine)) {
            let Some(day) = parse_date(&value.date).and_then(|date| recorded.get_mut(&date)) else { continue };
            day.expected_ms += value.expected_ms;
            day.covered_ms += value.covered_ms;
            day.ran |= value.value.is_some_and(|(ran, _)| ran > 0);
        }
    }
    for (date, day) in &mut recorded {
        if day.expected_ms == 0 && is_planned(statements, &produces, (zone, *date)) {
            // A shift was planned and nothing of it is known: not even that it was silent.
            day.expected_ms = 1;
        } else if DayKind::of(day) == DayKind::Lost {
            missing(store, site, &produces, (zone, *date), day).await?;
        }
    }
    let days: Vec<(Date, DayKind)> = recorded.iter().map(|(date, day)| (*date, DayKind::of(day))).collect();
    let counted = Run::of(&days);
    Ok(Some(RunView {
        says: words(&counted.words()),
        dates: all.first().zip(all.last()).map(|(first, last)| [first.to_string(), last.to_string()]),
        is_after_term,
        counts: DayKind::ALL.iter().map(|kind| (*kind, counted.counts.get(kind).copied().unwrap_or(0))).collect(),
        stretches: stretches(&recorded),
    }))
}

/// Whether the calendar of a machine has a shift on a date.
fn is_planned(statements: &Statements, machines: &[String], (zone, date): (&str, Date)) -> bool {
    let noon = local_days(zone, date, date).map_or(0, |day| day.from_ms + DAY_MS / 2);
    machines.iter().filter_map(|machine| statements.machine_at(machine, noon)).any(|machine| {
        let stated = statements.calendar_at(&machine.body.calendar, noon, false);
        let calendar = stated.and_then(|stated| Calendar::new(&stated.body, zone).ok());
        calendar.is_some_and(|calendar| !calendar.shifts_on(date).is_empty())
    })
}

/// What was not observed of a day, by cause and by machine.
async fn missing(
    store: &Store,
    site: &str,
    produces: &[String],
    (zone, date): (&str, Date),
    day: &mut Recorded,
) -> Result<(), QueryError> {
    let Some(span) = local_days(zone, date, date) else { return Ok(()) };
    let mut by_machine: BTreeMap<String, BTreeMap<String, i64>> = BTreeMap::new();
    let text = date.to_string();
    let shifts = store.shifts(site, None, span.from_ms, span.to_ms + DAY_MS).await?;
    for row in shifts.iter().filter(|row| row.date == text && produces.contains(&row.machine)) {
        let of = by_machine.entry(row.machine.clone()).or_default();
        for unknown in body(row).intervals.iter().filter(|interval| interval.state == "unknown") {
            *of.entry(unknown.cause.clone()).or_default() += unknown.until_ms - unknown.from_ms;
        }
    }
    day.machines = by_machine.len();
    day.without_power = by_machine.values().filter(|lost| is_power(lost)).count();
    for lost in by_machine.into_values() {
        for (cause, ms) in lost {
            *day.lost_ms.entry(cause).or_default() += ms;
        }
    }
    Ok(())
}

/// Whether the greater part of what is missing of a machine is missing because its gateway had no power.
fn is_power(lost: &BTreeMap<String, i64>) -> bool {
    let all: i64 = lost.values().sum();
    lost.get(POWER).is_some_and(|ms| *ms * 2 > all)
}

/// Days that are alike together, newest first.
fn stretches(recorded: &BTreeMap<Date, Recorded>) -> Vec<DaysView> {
    let mut out: Vec<DaysView> = Vec::new();
    for (date, day) in recorded.iter().rev() {
        let kind = DayKind::of(day);
        let main = day.lost_ms.iter().max_by_key(|(_, ms)| **ms).map(|(cause, _)| cause.clone());
        let cause = main.filter(|_| kind == DayKind::Lost).unwrap_or_default();
        match out.last_mut() {
            Some(last) if last.kind == kind && last.cause == cause => {
                last.days += 1;
                last.dates[0] = date.to_string();
            }
            _ => out.push(DaysView { dates: [date.to_string(), date.to_string()], days: 1, kind, cause }),
        }
    }
    out
}
