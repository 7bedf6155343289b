//! Failures from the first fault to the first human action and to running again (reference §5 rows 11 and 25).
//!
//! Constraints
//! 1. A failure is an episode of FAULT; faults less than a minute apart are one, as for MTBF.
//! 2. The first human action is the earliest of: a person's `stop_reason` or `alarm_handled` that names its instant, and the machine's own
//!    change into maintenance. Which one it was is kept: the machine's word is evidence, a person's is a statement (grade C).
//! 3. A failure whose beginning nobody saw has no response time; one nobody acted on is open with its age, never zero.

use crate::alarms::Handled;
use crate::exact::Rational;
use crate::grade::Grade;
use crate::interval::Interval;
use crate::kpi::reliability::episodes;
use crate::oee::Undefined;
use crate::production::cycle::quantile;
use crate::production::stops::StopReason;
use crate::state::{MachineState, StateInterval};
use crate::statements::Stated;

/// Who says that somebody acted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Actor {
    /// The machine: it was switched to maintenance.
    Machine,
    /// A person, in the statement of this leaf.
    Person(u64),
}

/// A failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Repair {
    /// First fault to end of the last, UTC milliseconds.
    pub fault: Interval,
    /// Fault intervals in it.
    pub faults: u32,
    /// The state before was observed, so that the beginning is known.
    pub is_beginning_seen: bool,
    /// The state after was observed.
    pub is_end_seen: bool,
    /// The first human action at or after the beginning, UTC milliseconds, and who says so.
    pub first_action: Option<(i64, Actor)>,
}

impl Repair {
    /// 响应时间: first human action − beginning, milliseconds.
    pub fn response_ms(&self) -> Option<i64> {
        let (ms, _) = self.first_action.filter(|_| self.is_beginning_seen)?;
        Some(ms.saturating_sub(self.fault.from_ms))
    }

    /// Nobody is known to have acted on it: how long ago it began, milliseconds.
    pub fn open_ms(&self, until_ms: i64) -> Option<i64> {
        self.first_action.is_none().then(|| until_ms.saturating_sub(self.fault.from_ms))
    }

    /// The best grade of its response time.
    pub fn response_ceiling(&self) -> Option<Grade> {
        self.first_action.map(|(_, actor)| if actor == Actor::Machine { Grade::A } else { Grade::C })
    }
}

/// The failures of a timeline with the first action on each. `states` tile it in order; a failure ends with running again, so that
/// maintenance that follows the fault belongs to it.
pub fn repairs(states: &[StateInterval], stated: &[Stated<StopReason>], alarms: &[Handled]) -> Vec<Repair> {
    let found = episodes(states);
    let mut out = Vec::new();
    for (n, episode) in found.iter().enumerate() {
        let (first, last) = (*episode.start(), *episode.end());
        let Some((begin, end)) = states.get(first).zip(states.get(last)) else { continue };
        let is_seen = |s: Option<&StateInterval>| s.is_some_and(|s| s.state != MachineState::Unknown);
        // Up to running again, and at most to the next failure.
        let next = found.get(n + 1).map_or(states.len(), |e| *e.start());
        let after = states.get(last + 1..next).unwrap_or_default();
        let idle = |s: &&StateInterval| !matches!(s.state, MachineState::Run | MachineState::Unknown);
        let over_ms = after.iter().take_while(idle).last().map_or(end.to_ms, |s| s.to_ms);
        let reach = Interval::new(begin.from_ms, over_ms);
        let maintained = states.get(first..next).unwrap_or_default().iter();
        let by_machine = maintained
            .filter(|s| s.state == MachineState::Maint && reach.contains(s.from_ms))
            .map(|s| (s.from_ms, Actor::Machine));
        let in_reach = |s: &&Stated<StopReason>| reach.contains(s.body.at_ms);
        let by_person =
            newest(stated.iter().filter(in_reach)).and_then(|s| Some((s.body.first_action_ms?, Actor::Person(s.leaf))));
        let raised = alarms.iter().filter(|h| !h.is_test && reach.contains(h.episode.raised_ms));
        let noted = raised.filter_map(|h| Some((h.acknowledged_ms?, Actor::Person(*h.statements.first()?))));
        let all = by_machine.chain(by_person).chain(noted);
        out.push(Repair {
            fault: Interval::new(begin.from_ms, end.to_ms),
            faults: states
                .get(first..=last)
                .unwrap_or_default()
                .iter()
                .filter(|s| s.state == MachineState::Fault)
                .count() as u32,
            is_beginning_seen: is_seen(first.checked_sub(1).and_then(|i| states.get(i))),
            is_end_seen: is_seen(states.get(last + 1)),
            first_action: all.filter(|(ms, _)| *ms >= begin.from_ms).min(),
        });
    }
    out
}

fn newest<'a>(all: impl Iterator<Item = &'a Stated<StopReason>>) -> Option<&'a Stated<StopReason>> {
    all.max_by_key(|s| s.leaf)
}

/// How fast people came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// Failures with a response time.
    pub answered: u32,
    /// Failures nobody is known to have acted on.
    pub unanswered: u32,
    /// Failures whose beginning was not seen.
    pub unseen_beginnings: u32,
    /// Mean, milliseconds.
    pub mean: Result<Rational, Undefined>,
    /// 90th percentile, milliseconds.
    pub p90: Result<Rational, Undefined>,
    /// The best grade they can have: that of the weakest answer among them.
    pub ceiling: Grade,
}

/// Response times of failures.
pub fn response(repairs: &[Repair]) -> Response {
    let answered = || repairs.iter().filter(|r| r.response_ms().is_some());
    let mut times: Vec<i64> = answered().filter_map(Repair::response_ms).collect();
    times.sort_unstable();
    // That nothing failed is another thing than that nobody is known to have come.
    let why = if repairs.is_empty() { Undefined::NoFailure } else { Undefined::NothingDue };
    let sum: i128 = times.iter().map(|t| i128::from(*t)).sum();
    let count = |keep: fn(&Repair) -> bool| repairs.iter().filter(|r| keep(r)).count() as u32;
    Response {
        answered: times.len() as u32,
        unanswered: count(|r| r.is_beginning_seen && r.first_action.is_none()),
        unseen_beginnings: count(|r| !r.is_beginning_seen),
        mean: Rational::new(sum, times.len() as i128).ok_or(why),
        p90: quantile(&times, 9, 10).ok_or(why),
        ceiling: answered().filter_map(Repair::response_ceiling).max().unwrap_or(Grade::A),
    }
}
