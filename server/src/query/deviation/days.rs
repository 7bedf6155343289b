//! 连续运行天数: the days of a filing with what was recorded of each, and why there is none on the others.
//!
//! Of a day on which nothing was delivered it is known that nothing will be only once its gateway has delivered something later: records
//! come in order, by network as by stick. Of a gateway that was exchanged nothing is waited for once the one after it has delivered
//! something later; should a stick of its still come, the day is found again. Until then, and while shifts wait for their evaluation, it is
//! not received yet.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use metrics::calendar::{Calendar, dates, local_date, local_days, parse_date};
use metrics::filed::Acceptance;
use metrics::statements::Statements;
use practice::deviation::continuity::{DayKind, Recorded, Run};
use practice::plan::InForce;
use serde::Serialize;
use utoipa::ToSchema;

use super::Looked;
use crate::planning::deviation::machines;
use crate::query::site::{DAY_MS, role};
use crate::query::{QueryError, Words};
use crate::store::{GatewayStatus, Store};

/// Longest run that is looked at, days.
const RUN_DAYS_MAX: i32 = 1_100;
/// The definition whose rows say what was to be observed and whether a machine ran: actual production time over planned busy time.
const AVAILABILITY: &str = "availability.iso22400@1";
/// Cause of a gap: the gateway lost power.
const POWER: &str = "unclean_boot";
/// No cause of a gap: nothing was delivered.
const NO_DATA: &str = "no_data";

/// Days one after the other that were alike.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct DaysView {
    /// First and last date.
    pub dates: [String; 2],
    /// How many.
    pub days: usize,
    /// `producing`, `stood`, `rest`, `power_cut`, `lost`, `not_received`.
    #[schema(value_type = String)]
    pub kind: DayKind,
    /// Main cause of what was not observed, on days of lost collection.
    pub cause: String,
}

/// How many days there were of a kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct DayCount {
    /// `producing`, `stood`, `rest`, `power_cut`, `lost`, `not_received`.
    #[schema(value_type = String)]
    pub kind: DayKind,
    /// Days.
    pub days: usize,
}

/// The run of days.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct RunView {
    /// In words.
    pub says: Words,
    /// What has arrived is evaluated. Otherwise days not received yet may be too many, and the run too long.
    pub is_settled: bool,
    /// Days with evidence since the last one of lost collection.
    pub days: usize,
    /// First and last date looked at; none when there is none.
    pub dates: Option<[String; 2]>,
    /// What it begins with: `acceptance`, the city's; `after_term`; `term`, which runs.
    pub begins: String,
    /// The national acceptance it ends with, once one is stated.
    pub ends: Option<String>,
    /// Days by kind.
    pub counts: Vec<DayCount>,
    /// Stretches, newest first.
    pub stretches: Vec<DaysView>,
}

/// What decides whether something may still arrive.
struct Arrivals<'s> {
    statements: &'s Statements,
    /// Up to when each gateway's records reach, Unix ms.
    reached: BTreeMap<String, i64>,
    /// Every shift that a record changed is evaluated.
    is_evaluated: bool,
}

impl<'s> Arrivals<'s> {
    async fn of(store: &Store, looked: &'s Looked) -> Result<Self, QueryError> {
        let site = &looked.site.id;
        // A clock that is ahead delivers nothing of the future.
        let reached = |g: GatewayStatus| {
            let observed = g.observed_ms?;
            Some((g.gateway, if looked.site.simulated { observed } else { observed.min(g.received_ms) }))
        };
        // Asked in this order: what is taken in meanwhile never makes it look evaluated.
        let taken = store.seen_size(site).await?;
        let is_evaluated = store.projected_size(site).await? >= taken;
        let reached = store.gateway_statuses(site).await?.into_iter().filter_map(reached).collect();
        Ok(Self { statements: &looked.statements, reached, is_evaluated })
    }

    /// Up to when everything of a machine has arrived that ever will, by its definition at an instant.
    fn complete_to(&self, machine: &str, at_ms: i64) -> i64 {
        if !self.is_evaluated {
            return i64::MIN;
        }
        let named = |at_ms: i64| -> Vec<&str> {
            let stated = self.statements.machine_at(machine, at_ms);
            let signals = stated.into_iter().flat_map(|stated| stated.body.signals.all());
            signals.map(|(_, signal)| signal.gateway.as_str()).collect()
        };
        let reached = |gateway: &&str| self.reached.get(*gateway).copied().unwrap_or(i64::MIN);
        let current = named(i64::MAX);
        let by_successors = current.iter().map(reached).min().unwrap_or(i64::MIN);
        let complete = |gateway: &str| match current.contains(&gateway) {
            true => reached(&gateway),
            false => reached(&gateway).max(by_successors),
        };
        named(at_ms).into_iter().map(complete).min().unwrap_or(i64::MAX)
    }
}

/// The days from the city's acceptance to the national one, up to yesterday. As long as nobody stated the first: since the term ended, or since
/// it began while it runs.
pub(super) async fn run(store: &Store, looked: &Looked, plan: &InForce) -> Result<Option<RunView>, QueryError> {
    let (site, zone, today) = (looked.site.id.as_str(), looked.zone.as_str(), looked.today);
    let statements = &looked.statements;
    let term = &plan.plan.term;
    let Some((begins, ends)) = parse_date(&term.from).zip(parse_date(&term.to)) else { return Ok(None) };
    let held = |which| looked.acceptance(plan, which).map(|(held, _)| held);
    let (city, national) = (held(Acceptance::City), held(Acceptance::National));
    let (first, begins) = match city {
        Some(held) => (Some(held), "acceptance"),
        None if ends < today => (ends.tomorrow().ok(), "after_term"),
        None => (Some(begins), "term"),
    };
    let (Ok(yesterday), Some(first)) = (today.yesterday(), first) else { return Ok(None) };
    // A national acceptance before the first day ends nothing.
    let national = national.filter(|held| *held >= first);
    let last = national.map_or(yesterday, |held| held.min(yesterday));
    let earliest = last.checked_sub(jiff::Span::new().days(RUN_DAYS_MAX)).unwrap_or(first);
    // Before the first machine was declared nothing was to be observed.
    let declared =
        machines(plan).iter().filter_map(|m| Some(statements.machine_definitions(m).first()?.effective_from)).min();
    let Some(declared) = declared.and_then(|ms| local_date(zone, ms)) else { return Ok(None) };
    let first = first.max(earliest).max(declared);
    let all = dates(first, last);
    let mut recorded: BTreeMap<Date, Recorded> = all.iter().map(|date| (*date, Recorded::default())).collect();
    let rows = store.machines(site).await?;
    let all_produce: Vec<String> =
        rows.iter().filter(|row| role(row) == "production").map(|row| row.id.clone()).collect();
    // The plan's own machines; where it names none that produces, those of the site. One whose state nobody declared how to tell says nothing
    // of a day.
    let promised = machines(plan);
    let tells = |machine: &&String| statements.machine_definitions(machine).iter().any(|d| d.body.state_rule.is_some());
    let own: Vec<String> = all_produce.iter().filter(|machine| promised.contains(machine)).cloned().collect();
    let produces: Vec<String> = if own.is_empty() { all_produce } else { own }.iter().filter(tells).cloned().collect();
    if produces.is_empty() {
        return Ok(None);
    }
    let arrivals = Arrivals::of(store, looked).await?;
    let mut evaluated: BTreeSet<(Date, &str)> = BTreeSet::new();
    let mut observable: BTreeSet<(Date, &str)> = BTreeSet::new();
    let values = match local_days(zone, first, last) {
        Some(span) => store.values(site, None, Some(AVAILABILITY), span.from_ms - DAY_MS, span.to_ms + DAY_MS).await?,
        None => Vec::new(),
    };
    for value in values.iter().filter(|value| produces.contains(&value.machine)) {
        let Some(date) = parse_date(&value.date) else { continue };
        let Some(day) = recorded.get_mut(&date) else { continue };
        day.expected_ms += value.expected_ms;
        day.covered_ms += value.covered_ms;
        day.ran |= value.value.is_some_and(|(ran, _)| ran > 0);
        evaluated.insert((date, &value.machine));
        if value.expected_ms > 0 {
            observable.insert((date, &value.machine));
        }
    }
    // A shift that was planned and has no row: nothing of it is known, not even that it was silent.
    let mut planned = Planned { statements, zone, calendars: BTreeMap::new() };
    for (date, day) in &mut recorded {
        let over = local_days(zone, *date, *date).map_or(i64::MAX, |day| day.to_ms);
        for machine in produces.iter().filter(|machine| !evaluated.contains(&(*date, machine.as_str()))) {
            let planned_ms = planned.ms(machine, *date);
            if planned_ms > 0 {
                day.expected_ms += planned_ms;
                observable.insert((*date, machine));
                if arrivals.complete_to(machine, noon(zone, *date)) < over {
                    day.awaited_ms += planned_ms;
                }
            }
        }
        day.machines = produces.iter().filter(|machine| observable.contains(&(*date, machine.as_str()))).count();
    }
    missing(store, site, &produces, zone, &arrivals, &mut recorded).await?;
    let days: Vec<(Date, DayKind)> = recorded.iter().map(|(date, day)| (*date, DayKind::of(day))).collect();
    let counted = Run::of(&days);
    let count = |kind: DayKind| DayCount { kind, days: counted.counts.get(&kind).copied().unwrap_or(0) };
    let mut says = Words::from(&counted.words());
    if !arrivals.is_evaluated {
        says.zh.push_str("。数据整理中：尚未收到的天数可能偏多，连续天数可能偏长");
        says.en.push_str(". Data are being worked through: days not received yet may be too many and the run too long");
    }
    Ok(Some(RunView {
        says,
        is_settled: arrivals.is_evaluated,
        days: counted.days,
        dates: all.first().zip(all.last()).map(|(first, last)| [first.to_string(), last.to_string()]),
        begins: begins.to_owned(),
        ends: national.map(|held| held.to_string()),
        counts: DayKind::ALL.map(count).into(),
        stretches: stretches(&recorded),
    }))
}

fn noon(zone: &str, date: Date) -> i64 {
    local_days(zone, date, date).map_or(0, |day| day.from_ms + DAY_MS / 2)
}

/// Shifts as calendars plan them.
struct Planned<'s> {
    statements: &'s Statements,
    zone: &'s str,
    /// Calendars that were read, by their leaf.
    calendars: BTreeMap<u64, Option<Calendar>>,
}

impl Planned<'_> {
    /// How long a machine was to work on a date, breaks left out, ms.
    fn ms(&mut self, machine: &str, date: Date) -> i64 {
        let noon = noon(self.zone, date);
        let Some(machine) = self.statements.machine_at(machine, noon) else { return 0 };
        let Some(stated) = self.statements.calendar_at(&machine.body.calendar, noon, false) else { return 0 };
        let read = || Calendar::new(&stated.body, self.zone).ok();
        let calendar = self.calendars.entry(stated.leaf).or_insert_with(read).as_ref();
        let shifts = calendar.map(|calendar| calendar.shifts_on(date)).unwrap_or_default();
        let breaks =
            |shift: &metrics::calendar::Shift| shift.breaks.iter().map(metrics::Interval::length_ms).sum::<i64>();
        shifts.iter().map(|shift| shift.interval.length_ms() - breaks(shift)).sum()
    }
}

/// What was not observed of the days that do not count, by cause and by machine, and what of it may still arrive.
async fn missing(
    store: &Store,
    site: &str,
    produces: &[String],
    zone: &str,
    arrivals: &Arrivals<'_>,
    recorded: &mut BTreeMap<Date, Recorded>,
) -> Result<(), QueryError> {
    let lost = recorded.iter().filter(|(_, day)| DayKind::of(day) == DayKind::Lost).map(|(date, _)| date.to_string());
    let rows = store.unobserved(site, produces, &lost.collect::<Vec<_>>()).await?;
    let mut by_machine: BTreeMap<(Date, String), BTreeMap<String, i64>> = BTreeMap::new();
    for row in rows {
        let Some(date) = parse_date(&row.date) else { continue };
        let Some(day) = recorded.get_mut(&date) else { continue };
        if row.cause == NO_DATA {
            let complete_to = arrivals.complete_to(&row.machine, noon(zone, date));
            day.awaited_ms += (row.until_ms - row.from_ms.max(complete_to)).max(0);
        }
        *by_machine.entry((date, row.machine)).or_default().entry(row.cause).or_default() += row.until_ms - row.from_ms;
    }
    for ((date, _), lost) in by_machine {
        let Some(day) = recorded.get_mut(&date) else { continue };
        day.without_power += usize::from(is_power(&lost));
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

#[cfg(test)]
mod tests {
    use protocol::Declaration;
    use serde_json::json;

    use super::*;

    #[test]
    fn what_an_exchanged_gateway_did_not_deliver_is_settled_by_the_one_after_it() {
        let mut statements = Statements::default();
        for (leaf, gateway, from) in [(1, "gw-1", 0), (2, "gw-2", 100)] {
            let body = json!({"machine": "press", "names": {"zh": "", "en": ""},
                "signals": {"state": {"gateway": gateway, "tag": "press/state"}}});
            let declaration = Declaration {
                kind: "machine".into(),
                effective_from: from,
                author: "f".into(),
                role: "firm".into(),
                reason: String::new(),
                body,
            };
            statements.push(leaf, from, declaration);
        }
        let complete_to = |reached: &[(&str, i64)], at_ms: i64| {
            let reached = reached.iter().map(|(gateway, ms)| ((*gateway).to_owned(), *ms)).collect();
            Arrivals { statements: &statements, reached, is_evaluated: true }.complete_to("press", at_ms)
        };
        // It burnt out at 50: what it never delivered may come until the other one has delivered something later.
        assert_eq!(complete_to(&[("gw-1", 50)], 70), 50);
        assert_eq!(complete_to(&[("gw-1", 50), ("gw-2", 120)], 70), 120);
        assert_eq!(complete_to(&[("gw-2", 120)], 70), 120, "the first never delivered anything");
        // Of the one that reads now everything is waited for, whatever the other delivers.
        assert_eq!(complete_to(&[("gw-1", 500), ("gw-2", 120)], 130), 120);
        assert_eq!(complete_to(&[("gw-1", 500)], 130), i64::MIN);
    }
}
