//! What statements say *as locked*, and which later ones say something else.

use super::{BaselineLock, ComparisonLock, is_left};
use crate::calendar::{local_days, parse_date};
use crate::history::{By, Disturbance, History};
use crate::model::{Body, CalendarBody, DateRange, Machine, Plan, parse_body};
use crate::report::Calendars;
use crate::statements::{Stated, Statements};

/// Which side of the comparison statements are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// The baseline: nothing that was stated after the lock's prefix.
    Baseline,
    /// The reporting period: what happens then, under the parameters as locked.
    Reporting,
}

/// A statement later than the lock, by what it does to the locked result.
enum Later {
    /// Left out on this side.
    Out,
    /// Counted as it is.
    As,
    /// Counted with the locked part put back.
    With(serde_json::Value),
}

/// The statements of a log as a lock over the first `size` leaves has them.
pub(crate) fn as_locked(all: &Statements, size: u64, side: Side) -> Statements {
    let prefix = prefix(all, size);
    let mut out = prefix.clone();
    for stated in all.ledger().iter().filter(|s| s.leaf >= size) {
        let mut declaration = stated.body.clone();
        match later(&prefix, stated, side) {
            Later::Out => continue,
            Later::As => {}
            Later::With(body) => declaration.body = body,
        }
        out.push(stated.leaf, stated.received_ms, declaration);
    }
    out
}

fn prefix(all: &Statements, size: u64) -> Statements {
    let mut out = Statements::default();
    for stated in all.ledger().iter().take_while(|s| s.leaf < size) {
        out.push(stated.leaf, stated.received_ms, stated.body.clone());
    }
    out
}

/// Kinds that move a line of a report.
fn moves(body: &Body) -> bool {
    matches!(
        body,
        Body::Site(_)
            | Body::Calendar(_)
            | Body::Machine(_)
            | Body::CycleTime(_)
            | Body::Recipe(_)
            | Body::PlannedStop(_)
            | Body::MeterReplaced(_)
            | Body::QualityCount(_)
            | Body::Batch(_)
    )
}

/// What is put back is what the prefix has in force when the statement takes effect: a change announced before the lock stays announced.
fn later(prefix: &Statements, stated: &Stated<protocol::Declaration>, side: Side) -> Later {
    let Ok(body) = parse_body(&stated.body.kind, &stated.body.body) else { return Later::As };
    if !moves(&body) {
        return Later::As;
    }
    if side == Side::Baseline {
        return Later::Out;
    }
    match body {
        Body::Site(_) => Later::Out,
        Body::CycleTime(b) if has_planned_time(prefix, &b.machine, &b.product) => Later::Out,
        Body::Recipe(b) if has_planned_time(prefix, &b.machine, &b.product) => Later::Out,
        Body::Calendar(mut b) => match calendar(prefix, &b.calendar, stated.effective_from) {
            Some(locked) => {
                b.shifts.clone_from(&locked.body.shifts);
                put_back(&b)
            }
            None => Later::As,
        },
        Body::Machine(mut b) => match machine(prefix, &b.machine, stated.effective_from) {
            Some(locked) => {
                b.calendar.clone_from(&locked.body.calendar);
                b.role = locked.body.role;
                // Another device behind the state has its own codes; the same device keeps the rule.
                if state_tags(&b) == state_tags(&locked.body) {
                    b.state_rule.clone_from(&locked.body.state_rule);
                }
                // What says nothing else than the lock's own statement says nothing.
                let of = |m: &Machine| (m.calendar.clone(), m.role, m.signals.clone(), m.state_rule.clone());
                if of(&b) == of(&locked.body) { Later::Out } else { put_back(&b) }
            }
            None => Later::As,
        },
        _ => Later::As,
    }
}

/// A calendar's statement in force at an instant; before the first, the last.
fn calendar<'s>(prefix: &'s Statements, calendar: &str, ms: i64) -> Option<&'s Stated<CalendarBody>> {
    prefix.calendar_at(calendar, ms, true).or_else(|| prefix.calendar_latest(calendar))
}

/// A machine's definition in force at an instant; before the first, the last.
fn machine<'s>(prefix: &'s Statements, machine: &str, ms: i64) -> Option<&'s Stated<Machine>> {
    prefix.machine_at(machine, ms).or_else(|| prefix.machine_definitions(machine).last())
}

/// A statement in its new words.
fn put_back(body: &impl serde::Serialize) -> Later {
    serde_json::to_value(body).map_or(Later::Out, Later::With)
}

/// Gateway and tag of everything that can tell a machine's state.
fn state_tags(machine: &Machine) -> [Option<(&str, &str)>; 3] {
    let s = &machine.signals;
    [&s.state, &s.run, &s.power].map(|signal| signal.as_ref().map(|r| (r.gateway.as_str(), r.tag.as_str())))
}

/// Whether a product of a machine had a planned time when the lock was made.
fn has_planned_time(prefix: &Statements, machine: &str, product: &str) -> bool {
    prefix.cycle_time_at(machine, product, i64::MAX).is_some() || prefix.recipe_at(machine, product, i64::MAX).is_some()
}

/// The statements after a lock that may make the result as declared now another than as locked, by leaf. None: the two are one.
pub(crate) fn changes<'s>(all: &'s Statements, lock: &Stated<BaselineLock>) -> Vec<&'s Stated<protocol::Declaration>> {
    let versions = all.plan_versions(&lock.body.plan);
    let Some(locked) = versions.into_iter().rfind(|p| p.leaf < lock.body.size).map(|p| &p.body) else {
        return Vec::new();
    };
    if locked.baseline.is_none() {
        return Vec::new();
    }
    let moves = |now: &Plan| is_moved(locked, now, &lock.body);
    differing(all, (lock.body.size, lock.leaf), locked, moves)
}

/// The same of a locked choice of comparison machines. There is no base period: what merely happens later counts both ways.
pub(crate) fn changes_beside<'s>(
    all: &'s Statements,
    lock: &Stated<ComparisonLock>,
    locked: &Plan,
) -> Vec<&'s Stated<protocol::Declaration>> {
    differing(all, (lock.body.size, lock.leaf), locked, |now| is_left(locked, now))
}

/// Statements after the first `size` leaves, but the lock itself, that say something else of a locked plan's machines than those leaves do.
fn differing<'s>(
    all: &'s Statements,
    (size, own): (u64, u64),
    locked: &Plan,
    moves: impl Fn(&Plan) -> bool,
) -> Vec<&'s Stated<protocol::Declaration>> {
    let prefix = prefix(all, size);
    let baseline = locked.baseline.as_ref();
    // Without a base period nothing reaches into it.
    let (from_ms, to_ms) = baseline.and_then(around).unwrap_or((i64::MIN, i64::MIN));
    let noon_ms = baseline.map_or(i64::MIN, |range| noon(Some(range)));
    let ours = |machine: &str| {
        locked.machines.iter().chain(&locked.incoming).any(|m| m == machine)
            || locked.compared_with().any(|m| m == machine)
    };
    let zone = prefix.site().map(|s| s.zone.clone());
    let differs = |stated: &&Stated<protocol::Declaration>| {
        let Ok(body) = parse_body(&stated.body.kind, &stated.body.body) else { return false };
        let early = stated.effective_from < to_ms;
        match body {
            Body::Site(b) => Some(&b.zone) != zone.as_ref(),
            Body::Calendar(b) => {
                stated.effective_from <= noon_ms
                    || calendar(&prefix, &b.calendar, stated.effective_from).is_some_and(|l| l.body.shifts != b.shifts)
            }
            Body::Machine(b) if ours(&b.machine) => {
                let other = |l: &Stated<Machine>| {
                    let of = |m: &Machine| (m.calendar.clone(), m.role, m.signals.clone(), m.state_rule.clone());
                    of(&l.body) != of(&b)
                };
                early || machine(&prefix, &b.machine, stated.effective_from).is_some_and(other)
            }
            Body::CycleTime(b) if ours(&b.machine) => {
                let locked = prefix.cycle_time_at(&b.machine, &b.product, stated.effective_from);
                let same = locked.is_some_and(|l| l.body == b);
                early || !same && has_planned_time(&prefix, &b.machine, &b.product)
            }
            Body::Recipe(b) if ours(&b.machine) => {
                let locked = prefix.recipe_at(&b.machine, &b.product, stated.effective_from);
                let same = locked.is_some_and(|l| l.body == *b);
                early || !same && has_planned_time(&prefix, &b.machine, &b.product)
            }
            Body::PlannedStop(b) => ours(&b.machine) && b.from_ms < to_ms && from_ms < b.to_ms,
            Body::MeterReplaced(b) => ours(&b.machine) && (from_ms..to_ms).contains(&b.at_ms),
            Body::QualityCount(b) => {
                let of = |r: &DateRange| (r.from.as_str()..=r.to.as_str()).contains(&b.date.as_str());
                ours(&b.machine) && baseline.is_some_and(of)
            }
            Body::Batch(b) => ours(&b.machine) && b.from_ms < to_ms,
            // A class makes a comparison machine fit or not, and moves no baseline.
            Body::Ledger(b) if locked.comparison.is_some() && ours(&b.machine) => {
                prefix.ledger_entry_at(&b.machine, i64::MAX).and_then(|l| l.body.class) != b.class
            }
            Body::Plan(b) => b.plan == locked.plan && moves(&b),
            _ => false,
        }
    };
    all.ledger().iter().filter(|s| s.leaf >= size && s.leaf != own).filter(differs).collect()
}

/// Whether a plan as stated later moves a locked metric: everything the locked result rests on but the reporting period.
pub(crate) fn is_moved(locked: &Plan, now: &Plan, lock: &BaselineLock) -> bool {
    let metric = |p: &Plan| p.metric(&lock.definition, &lock.machine).cloned();
    let frozen = |p: &Plan| {
        let sampling = (p.seed, p.replicates, p.block_days);
        (p.baseline.clone(), p.incoming.clone(), p.option, p.boundary.clone(), sampling, metric(p))
    };
    let sorted = |p: &Plan| p.machines.iter().cloned().collect::<std::collections::BTreeSet<_>>();
    frozen(locked) != frozen(now) || sorted(locked) != sorted(now)
}

/// Time around production dates that no zone and no shift leaves.
fn around(range: &DateRange) -> Option<(i64, i64)> {
    let (from, to) = (parse_date(&range.from)?, parse_date(&range.to)?);
    // No zone ends a day later than twelve hours after UTC does, and no shift later than a day after its date.
    Some((crate::report::rough_day(from).from_ms, crate::report::rough_day(to).to_ms - 12 * 3_600_000))
}

/// The instant at which the calendar of a period's last date is asked for.
fn noon(range: Option<&DateRange>) -> i64 {
    let last = range.and_then(|r| parse_date(&r.to));
    last.map_or(i64::MAX, |to| crate::report::rough_day(to).from_ms + 36 * 3_600_000)
}

/// The baselines that locks of a plan speak of.
pub(crate) fn locked_baselines(statements: &Statements, plan: &str) -> Vec<DateRange> {
    let mut out: Vec<DateRange> = Vec::new();
    for lock in statements.locks(plan) {
        let stated = statements.plan_versions(plan).into_iter().find(|p| p.leaf == lock.body.plan_leaf);
        if let Some(range) = stated.and_then(|p| p.body.baseline.clone()).filter(|r| !out.contains(r)) {
            out.push(range);
        }
    }
    out
}

/// Leaves of records logged after a lock's prefix that say something of its baseline.
pub(crate) fn later_records(history: &History, lock: &Stated<BaselineLock>) -> Vec<u64> {
    let ends_ms = locked_until_ms(history, lock);
    ends_ms.map_or_else(Vec::new, |ends_ms| history.records_reaching(lock.body.size, ends_ms))
}

/// The end of a locked baseline.
fn locked_until_ms(history: &History, lock: &Stated<BaselineLock>) -> Option<i64> {
    let versions = history.statements().plan_versions(&lock.body.plan);
    let stated = versions.into_iter().find(|p| p.leaf == lock.body.plan_leaf)?;
    Some(ends_ms(history, &stated.body, parse_date(&stated.body.baseline.as_ref()?.to)?))
}

/// The end of a plan's date: of the local day, and of the last shift that begins on it.
pub(crate) fn ends_ms(history: &History, plan: &Plan, last: jiff::civil::Date) -> i64 {
    let mut calendars = Calendars::default();
    let zone = history.statements().site().map_or("UTC", |s| s.zone.as_str());
    let day_ms = local_days(zone, last, last).map_or(i64::MAX, |d| d.to_ms);
    plan.machines.iter().chain(&plan.incoming).fold(day_ms, |ends, machine| {
        let found = calendars.of(history, machine, last);
        let shifts = found.map(|(calendar, _)| calendar.shifts_on(last)).unwrap_or_default();
        shifts.iter().map(|s| s.interval.to_ms).fold(ends, i64::max)
    })
}

/// The prefixes of a plan's locks up to a leaf, each with the end of its baseline: a record of a later leaf that begins before it is not
/// what was locked.
pub(crate) fn watched(history: &History, plan: &str, by_leaf: u64) -> Vec<(u64, i64)> {
    let locks = history.statements().locks(plan).iter().filter(|lock| lock.leaf <= by_leaf);
    locks.filter_map(|lock| Some((lock.body.size, locked_until_ms(history, lock)?))).collect()
}

/// The first leaf by which what a plan locked and what is declared now may be two, and what it is.
pub(crate) fn moved_since(history: &History, plan: &str) -> Option<Disturbance> {
    let first = |lock| {
        let stated = changes(history.statements(), lock).first().map(|s| (s.leaf, By::Statement));
        let record = later_records(history, lock).first().map(|leaf| (*leaf, By::Readings));
        stated.into_iter().chain(record).min_by_key(|(leaf, _)| *leaf)
    };
    let beside = |lock| {
        let locked = ComparisonLock::stands_on(lock, history.statements())?;
        let stated = changes_beside(history.statements(), lock, &locked.body);
        stated.first().map(|s| (s.leaf, By::Statement))
    };
    let moved = history.statements().locks(plan).iter().filter_map(first);
    let moved = moved.chain(history.statements().comparison_locks(plan).iter().filter_map(beside));
    moved.min_by_key(|(leaf, _)| *leaf).map(|(leaf, by)| Disturbance { leaf, by })
}
