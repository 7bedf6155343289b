//! Whether a machine's state followed when it was stopped or started, and which other machine's did.
//!
//! Constraints
//! 1. States are those of the shifts (`crate::shift`), over a short window around the press, decided by its own samples.
//! 2. A stop is a change from running to another observed state, a start one to running. It counts from [`WITHIN_MS`] before the press (who
//!    presses saw it first) to [`WITHIN_MS`] after, and one polling period more: sooner nobody could see it. What a power rule's dwell
//!    delays is dated back, so the dwell is only waited for.
//! 3. Until readings beyond that were received from the machine's gateway there is no result.
//! 4. Where a part was not observed and no change was seen, it is not observed: not a failure.

use super::{Action, Change, Entry, Followed, NotYet, OnsitePress, StateSeen};
use crate::history::History;
use crate::interval::Interval;
use crate::model::{Machine, MachineRole, SignalRef, StateRule};
use crate::shift::{Inputs, Schedule, evaluate};
use crate::state::{MachineState, StateInterval};
use crate::statements::Stated;

/// A person needs a few seconds between seeing and pressing, clocks are right to two, and a spindle takes some to come to rest: more than
/// this is not the same event, milliseconds.
pub const WITHIN_MS: i64 = 15_000;
/// How far before the press the states are decided from: hysteresis begins with a window, milliseconds.
const BEFORE_MS: i64 = 120_000;
/// Polling period and dwell (an hour at most) that are waited for, milliseconds.
const PATIENCE_MS: i64 = 7_200_000;

/// Time whose readings a press depends on.
pub(super) fn reach(pressed_ms: i64) -> Interval {
    Interval::new(pressed_ms.saturating_sub(BEFORE_MS), pressed_ms.saturating_add(WITHIN_MS + PATIENCE_MS))
}

/// The signal a machine's state is told by.
pub(super) fn signal(machine: &Machine) -> Option<&SignalRef> {
    let signals = &machine.signals;
    match machine.state_rule.as_ref()? {
        StateRule::Codes(_) | StateRule::Table(_) => signals.state.as_ref(),
        StateRule::RunBit { .. } => signals.run.as_ref(),
        StateRule::Power(_) => signals.power.as_ref(),
    }
}

pub(super) fn observe(history: &History, entry: &Entry, press: &OnsitePress) -> Result<StateSeen, NotYet> {
    let at = entry.received_ms;
    let statements = history.statements();
    let definition = statements.machine_at(&press.machine, at).ok_or(NotYet::Nothing)?;
    let own = signal(&definition.body).ok_or(NotYet::Nothing)?;
    let dwell_ms = match &definition.body.state_rule {
        Some(StateRule::Power(rule)) => rule.dwell_ms,
        _ => 0,
    };
    let poll_ms =
        history.interval_ms(&own.gateway, &own.tag).unwrap_or(1_000).min(PATIENCE_MS - dwell_ms.min(PATIENCE_MS));
    let counted = Interval::new(at.saturating_sub(WITHIN_MS), at.saturating_add(WITHIN_MS).saturating_add(poll_ms));
    let until_ms = counted.to_ms.saturating_add(dwell_ms);
    let newest_ms = history.gateway_extent(&own.gateway).map(|(extent, ..)| extent.to_ms);
    if newest_ms.is_none_or(|newest| newest < until_ms) {
        return Err(NotYet::Readings { newest_ms, until_ms });
    }
    let states = states(history, &press.machine, at, until_ms);
    let change = change(&states, press.action, &press.machine, at, counted);
    let unseen = |s: &&StateInterval| {
        s.state == MachineState::Unknown && !Interval::new(s.from_ms, s.to_ms).intersect(&counted).is_empty()
    };
    let outcome = match (&change, states.iter().find(unseen)) {
        (Some(_), _) => Followed::Changed,
        (None, Some(_)) => Followed::NotObserved,
        (None, None) => Followed::NotChanged,
    };
    let is_other = |d: &Stated<Machine>| d.body.machine != press.machine && d.body.role != MachineRole::Meter;
    let others = statements.machines().filter_map(|id| statements.machine_at(id, at)).filter(|d| is_other(d));
    let others = others.filter_map(|d| {
        signal(&d.body)?;
        let states = self::states(history, &d.body.machine, at, until_ms);
        self::change(&states, press.action, &d.body.machine, at, counted)
    });
    Ok(StateSeen { pressed_ms: at, within_ms: WITHIN_MS, outcome, change, others: others.collect() })
}

/// The states of a machine around a press, equal neighbours joined.
fn states(history: &History, machine: &str, at_ms: i64, until_ms: i64) -> Vec<StateInterval> {
    let window = Interval::new(at_ms.saturating_sub(BEFORE_MS), until_ms);
    let inputs = Inputs::load(history, machine, window);
    let mut out: Vec<StateInterval> = Vec::new();
    for next in evaluate(history, &inputs, machine, window, &Schedule::default()).states {
        match out.last_mut() {
            Some(last) if last.state == next.state => last.to_ms = next.to_ms,
            _ => out.push(next),
        }
    }
    out
}

/// The change that an action makes, nearest to the press.
fn change(states: &[StateInterval], action: Action, machine: &str, at_ms: i64, counted: Interval) -> Option<Change> {
    let pairs = states.windows(2).filter_map(|pair| match pair {
        [before, after] => Some((before.state, after.state, after.from_ms)),
        _ => None,
    });
    let is_it = |from: MachineState, to: MachineState| match action {
        Action::Stop => from == MachineState::Run && to != MachineState::Unknown,
        Action::Start => from != MachineState::Unknown && to == MachineState::Run,
    };
    let changes = pairs.filter(|(from, to, ms)| is_it(*from, *to) && counted.contains(*ms));
    let (from, to, ms) = changes.min_by_key(|(.., ms)| ms.abs_diff(at_ms))?;
    Some(Change { machine: machine.to_owned(), at_ms: ms, lag_ms: ms.saturating_sub(at_ms), from, to })
}
