//! What a machine's declared state rule can know of what it truly did, and how far a measurement may lie from that.
//!
//! Constraints: the truth comes from the simulated world alone and uses no code of `metrics` but the names of states. A rule that
//! tells fewer states apart than the world has (the machining centre's codes, the lathe's power) is judged by what it can tell. A
//! state's time is wrong by at most one polling interval for each of *its own* edges; a rule with a dwell may also miss what was
//! too brief for it.

use metrics::{Interval, MachineState};
use simulators::world::discrete::SLOT;
use simulators::world::state::State;
use simulators::world::utilities::CompressorState;
use simulators::world::{COMPRESSOR, Config, VESSEL, World};

/// A stretch of one state, half-open, UTC ms of the device's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stretch {
    /// First instant.
    pub from_ms: i64,
    /// First instant after.
    pub to_ms: i64,
    /// The state in the words of the rule.
    pub state: MachineState,
}

/// Machines with a state rule.
pub const STATEFUL: [&str; 6] = ["press", "cnc", "lathe", "compressor", "vessel", "blister"];

/// What a machine's rule calls a true state.
fn seen_as(machine: &str, state: State) -> MachineState {
    use MachineState as M;
    match (machine, state) {
        // The clamp meter knows three bands of power; broken down looks like switched off.
        ("lathe", State::Off | State::Fault | State::Maint) => M::Off,
        ("lathe", State::Idle | State::Wait | State::Setup) => M::Idle,
        // MachineryItemState: out of service, not executing, executing.
        ("cnc", State::Fault | State::Maint) => M::Fault,
        ("cnc", State::Idle | State::Wait | State::Setup) => M::Idle,
        (_, State::Off) => M::Off,
        (_, State::Idle) => M::Idle,
        (_, State::Wait) => M::Wait,
        (_, State::Run) => M::Run,
        (_, State::Setup) => M::Setup,
        (_, State::Fault) => M::Fault,
        (_, State::Maint) => M::Maint,
    }
}

const fn compressor_as(state: CompressorState) -> MachineState {
    match state {
        CompressorState::Off => MachineState::Off,
        CompressorState::Unload => MachineState::Idle,
        CompressorState::Load => MachineState::Run,
    }
}

/// Collects stretches, merging neighbours the rule cannot tell apart.
fn merged(list: impl Iterator<Item = Stretch>) -> Vec<Stretch> {
    let mut out: Vec<Stretch> = Vec::new();
    for next in list.filter(|s| s.from_ms < s.to_ms) {
        match out.last_mut() {
            Some(last) if last.state == next.state && last.to_ms == next.from_ms => last.to_ms = next.to_ms,
            _ => out.push(next),
        }
    }
    out
}

/// What a machine truly did, as far as `world` recorded it; `None` for the compressor and for what has no state.
pub fn recorded(world: &World, machine: &str) -> Option<Vec<Stretch>> {
    let intervals = match (world.machine(machine), world.vessel()) {
        (Some(found), _) => found.intervals(),
        (None, Some(vessel)) if machine == VESSEL => vessel.intervals(),
        _ => return None,
    };
    let stretch = |i: &simulators::world::state::Interval| Stretch {
        from_ms: i.from,
        to_ms: i.until,
        state: seen_as(machine, i.state),
    };
    Some(merged(intervals.iter().map(stretch)))
}

/// What the compressor truly did between two instants: it decides anew in every power slot and keeps no record.
pub fn compressor(config: Config, from_ms: i64, to_ms: i64) -> Vec<Stretch> {
    let mut world = World::at(Config { record: false, ..config }, from_ms.div_euclid(SLOT) * SLOT);
    let mut list = Vec::new();
    while world.now() < to_ms {
        let (at, state) = (world.now(), compressor_as(world.compressor().state()));
        world.advance_to(at + SLOT);
        list.push(Stretch { from_ms: at, to_ms: at + SLOT, state });
    }
    merged(list.into_iter())
}

/// What a machine truly did between two instants.
pub fn stretches(config: Config, machine: &str, from_ms: i64, to_ms: i64) -> Option<Vec<Stretch>> {
    if machine == COMPRESSOR {
        return Some(compressor(config, from_ms, to_ms));
    }
    recorded(&World::at(Config { record: true, ..config }, to_ms), machine)
}

/// How the state of a machine is read.
#[derive(Debug, Clone, Copy)]
pub struct Reading {
    /// Between two readings.
    pub poll_ms: i64,
    /// What the gateway sees is at most this old besides.
    pub latency_ms: i64,
    /// How long a new state must last to be believed; 0 for codes.
    pub dwell_ms: i64,
}

/// The time a state truly lasted in a window, and how far a measurement may lie from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expected {
    /// True time, ms.
    pub ms: i64,
    /// Honest tolerance, ms.
    pub tolerance_ms: i64,
    /// How often the state began or ended inside the window.
    pub edges: i64,
}

/// What to expect of one state in a window.
pub fn expected(stretches: &[Stretch], window: Interval, state: MachineState, reading: Reading) -> Expected {
    let inside: Vec<Stretch> = stretches
        .iter()
        .map(|s| Stretch { from_ms: s.from_ms.max(window.from_ms), to_ms: s.to_ms.min(window.to_ms), ..*s })
        .filter(|s| s.from_ms < s.to_ms)
        .collect();
    let ms = inside.iter().filter(|s| s.state == state).map(|s| s.to_ms - s.from_ms).sum();
    let edges = inside.windows(2).filter(|pair| pair.iter().any(|s| s.state == state)).count();
    let edges = i64::try_from(edges).unwrap_or(i64::MAX);
    // A dwell needs a second reading that says the same; what ended before that is not seen at all.
    let brief = if reading.dwell_ms == 0 { 0 } else { reading.dwell_ms + reading.poll_ms };
    let missed: i64 = inside.iter().map(|s| s.to_ms - s.from_ms).filter(|length| *length < brief).sum();
    Expected { ms, tolerance_ms: edges * reading.poll_ms + reading.latency_ms + missed, edges }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_states_own_edges_and_what_a_dwell_cannot_see_give_room() {
        use MachineState::{Idle, Off, Run};
        let list = [(0, 10_000, Off), (10_000, 60_000, Run), (60_000, 62_000, Idle), (62_000, 90_000, Run)];
        let list: Vec<Stretch> = list
            .iter()
            .map(|(from_ms, to_ms, state)| Stretch { from_ms: *from_ms, to_ms: *to_ms, state: *state })
            .collect();
        let codes = Reading { poll_ms: 1_000, latency_ms: 100, dwell_ms: 0 };
        let window = Interval::new(5_000, 80_000);
        let of = |state, reading| expected(&list, window, state, reading);
        assert_eq!(of(Off, codes), Expected { ms: 5_000, tolerance_ms: 1_100, edges: 1 });
        assert_eq!(of(Run, codes), Expected { ms: 68_000, tolerance_ms: 3_100, edges: 3 });
        assert_eq!(of(Idle, codes), Expected { ms: 2_000, tolerance_ms: 2_100, edges: 2 });
        assert_eq!(of(MachineState::Fault, codes), Expected { ms: 0, tolerance_ms: 100, edges: 0 });
        let power = Reading { dwell_ms: 2_000, ..codes };
        assert_eq!(
            of(Run, power).tolerance_ms,
            5_100,
            "two seconds of idling are too brief for a dwell of two seconds"
        );
    }
}
