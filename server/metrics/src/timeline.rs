//! From the samples of one signal to state intervals that tile a window.
//!
//! Constraints
//! 1. The intervals cover the window exactly: no overlap, no hole; what nobody observed is `Unknown`.
//! 2. A sample speaks until the next one, at most for the stale time max(3 × polling period, 60 s) (reference §3.7),
//!    and not into a recorded gap. There is no last-value-hold beyond that.
//! 3. A sample carried past its polling period is marked `held`: observed by rule, but the bounds allow for something
//!    else having happened. So deleting samples can widen bounds and lower coverage, never the reverse.
//! 4. Hysteresis and dwell of power rules begin anew with every window (a shift): a window is decided by its own
//!    samples alone, and evaluating one shift or a year of shifts gives the same intervals.
//!
//! One pass, no allocation per sample; equal neighbours are merged as they are made.

use crate::interval::Interval;
use crate::model::PowerRule;
use crate::state::{MachineState, StateInterval};

/// The time rules of a signal.
#[derive(Debug, Clone, Copy)]
pub struct Cadence {
    /// Polling period, milliseconds.
    pub poll_ms: i64,
    /// A sample is stale after this, milliseconds.
    pub stale_ms: i64,
    /// A sample speaks for itself this long; a later successor makes the rest `held`, milliseconds.
    pub fresh_ms: i64,
}

impl Cadence {
    /// The reference's rules for a polling period; a period that is not positive counts as one second.
    pub const fn new(poll_ms: i64) -> Self {
        let poll_ms = if poll_ms > 0 { poll_ms } else { 1000 };
        let three = poll_ms.saturating_mul(3);
        Self { poll_ms, stale_ms: if three > 60_000 { three } else { 60_000 }, fresh_ms: poll_ms + poll_ms / 2 }
    }
}

/// Collects touching intervals, merging equal neighbours.
#[derive(Debug, Default)]
struct Tiles {
    done: Vec<StateInterval>,
}

impl Tiles {
    fn push(&mut self, from_ms: i64, to_ms: i64, state: MachineState, held: bool) {
        if to_ms <= from_ms {
            return;
        }
        if let Some(last) = self.done.last_mut()
            && last.to_ms == from_ms
            && last.state == state
            && last.held == held
        {
            last.to_ms = to_ms;
            return;
        }
        self.done.push(StateInterval { from_ms, to_ms, state, held });
    }
}

/// Builds the tiling of `window` from samples already decided, one state each.
///
/// `samples` are in order of time, from the last one at or before the window's start; `breaks` is the sorted set of
/// recorded gaps of the signal.
pub fn tile(
    samples: impl Iterator<Item = (i64, MachineState)>,
    breaks: &[Interval],
    cadence: Cadence,
    window: Interval,
) -> Vec<StateInterval> {
    if window.is_empty() {
        return Vec::new();
    }
    let mut tiles = Tiles::default();
    let mut breaks = breaks.iter().peekable();
    // A run of equal, on-time samples is remembered as one stretch: the common case costs two comparisons per sample.
    let mut run: Option<(i64, i64, MachineState)> = None;
    let mut gap_at = breaks.peek().map_or(i64::MAX, |b| b.from_ms);
    for (ms, state) in samples {
        if let Some((from, last, was)) = run {
            if ms - last <= cadence.fresh_ms && ms <= gap_at {
                if was == state && ms < window.to_ms {
                    run = Some((from, ms, was));
                    continue;
                }
                close(&mut tiles, window, from, ms, was, false);
            } else {
                while breaks.peek().is_some_and(|b| b.to_ms <= last) {
                    breaks.next();
                }
                let silent = breaks.peek().map_or(i64::MAX, |b| b.from_ms.max(last));
                end_of_run(&mut tiles, cadence, window, (from, last, was), ms, silent);
                while breaks.peek().is_some_and(|b| b.to_ms <= ms) {
                    breaks.next();
                }
                gap_at = breaks.peek().map_or(i64::MAX, |b| b.from_ms);
            }
        } else {
            while breaks.peek().is_some_and(|b| b.to_ms <= ms) {
                breaks.next();
            }
            gap_at = breaks.peek().map_or(i64::MAX, |b| b.from_ms);
            close(&mut tiles, window, window.from_ms, ms, MachineState::Unknown, false);
        }
        run = Some((ms, ms, state));
        if ms >= window.to_ms {
            run = None;
            break;
        }
    }
    if let Some(run) = run {
        while breaks.peek().is_some_and(|b| b.to_ms <= run.1) {
            breaks.next();
        }
        let silent = breaks.peek().map_or(i64::MAX, |b| b.from_ms.max(run.1));
        // Nothing followed, wherever the window ends: parts of it are marked as the whole is.
        end_of_run(&mut tiles, cadence, window, run, i64::MAX, silent);
    }
    if let Some(covered_to) = tiles.done.last().map(|t| t.to_ms) {
        tiles.push(covered_to, window.to_ms, MachineState::Unknown, false);
    } else {
        tiles.push(window.from_ms, window.to_ms, MachineState::Unknown, false);
    }
    tiles.done
}

/// The stretch of a run of equal samples up to `next_ms`, where the last of them is late or a gap was recorded.
fn end_of_run(
    tiles: &mut Tiles,
    cadence: Cadence,
    window: Interval,
    (from, last, state): (i64, i64, MachineState),
    next_ms: i64,
    silent_from_ms: i64,
) {
    let speaks = next_ms.min(silent_from_ms);
    let late = next_ms.saturating_sub(last) > cadence.fresh_ms;
    let fresh = if late { speaks.min(last + cadence.poll_ms) } else { speaks };
    let stale = speaks.min(last.saturating_add(cadence.stale_ms));
    close(tiles, window, from, fresh, state, false);
    close(tiles, window, fresh, stale, state, true);
    close(tiles, window, stale, next_ms, MachineState::Unknown, false);
}

fn close(tiles: &mut Tiles, window: Interval, from_ms: i64, to_ms: i64, state: MachineState, held: bool) {
    tiles.push(from_ms.max(window.from_ms), to_ms.min(window.to_ms), state, held);
}

/// Decides states from power with hysteresis and dwell. Power is in milliwatts or any unit, thresholds likewise, as the
/// caller scaled them. Returns one decided sample per input; a change that lasts is dated back to its beginning.
pub fn decide_power(
    samples: &[(i64, i128)],
    rule: &PowerRule,
    per_watt: i128,
    cadence: Cadence,
) -> Vec<(i64, MachineState)> {
    let scaled = |watts: i64| i128::from(watts).saturating_mul(per_watt);
    let (off, run, hysteresis) = (scaled(rule.off_below_w), scaled(rule.run_from_w), scaled(rule.hysteresis_w));
    let plain = |p: i128| match p {
        p if p < off => MachineState::Off,
        p if p >= run => MachineState::Run,
        _ => MachineState::Idle,
    };
    let with_memory = |p: i128, was: MachineState| match was {
        MachineState::Run if p >= run.saturating_sub(hysteresis) => MachineState::Run,
        MachineState::Off if p < off.saturating_add(hysteresis) => MachineState::Off,
        _ => plain(p),
    };
    let mut out: Vec<(i64, MachineState)> = Vec::with_capacity(samples.len());
    let mut current: Option<MachineState> = None;
    // The first undecided sample and the state it proposes.
    let mut pending: Option<(usize, MachineState)> = None;
    let mut last_ms = i64::MIN;
    for (ms, power) in samples {
        let silent = ms.saturating_sub(last_ms) > cadence.stale_ms;
        last_ms = *ms;
        let Some(was) = current.filter(|_| !silent) else {
            let first = plain(*power);
            current = Some(first);
            pending = None;
            out.push((*ms, first));
            continue;
        };
        let seen = with_memory(*power, was);
        out.push((*ms, was));
        if seen == was {
            pending = None;
            continue;
        }
        let here = out.len() - 1;
        let (since, proposed) = pending.filter(|(_, p)| *p == seen).unwrap_or((here, seen));
        pending = Some((since, proposed));
        let began = out.get(since).map_or(*ms, |s| s.0);
        if ms.saturating_sub(began) >= rule.dwell_ms {
            for decided in out.iter_mut().skip(since) {
                decided.1 = proposed;
            }
            current = Some(proposed);
            pending = None;
        }
    }
    out
}

/// Milliseconds per state, indexed by [`MachineState::code`].
pub fn state_ms(intervals: &[StateInterval]) -> [i64; 8] {
    let mut out = [0_i64; 8];
    for i in intervals {
        if let Some(slot) = out.get_mut(i.state.code()) {
            *slot += i.length_ms();
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use MachineState::{Idle, Off, Run, Unknown};

    fn tiles(
        samples: &[(i64, MachineState)],
        breaks: &[Interval],
        window: Interval,
    ) -> Vec<(i64, i64, MachineState, bool)> {
        let out = tile(samples.iter().copied(), breaks, Cadence::new(1000), window);
        assert_eq!(out.first().map(|i| i.from_ms), Some(window.from_ms));
        assert_eq!(out.last().map(|i| i.to_ms), Some(window.to_ms));
        assert!(out.windows(2).all(|w| w[0].to_ms == w[1].from_ms), "{out:?}");
        out.into_iter().map(|i| (i.from_ms, i.to_ms, i.state, i.held)).collect()
    }

    #[test]
    fn samples_tile_the_window_and_go_stale() {
        let w = Interval::new(0, 200_000);
        let s = [(-500, Run), (500, Run), (1_500, Idle), (2_500, Run)];
        assert_eq!(
            tiles(&s, &[], w),
            [
                (0, 1_500, Run, false),
                (1_500, 2_500, Idle, false),
                (2_500, 3_500, Run, false),
                (3_500, 62_500, Run, true),
                (62_500, 200_000, Unknown, false)
            ]
        );
        assert_eq!(tiles(&[], &[], w), [(0, 200_000, Unknown, false)]);
        assert_eq!(tiles(&[(300_000, Run)], &[], w), [(0, 200_000, Unknown, false)]);
    }

    #[test]
    fn a_recorded_gap_ends_what_a_sample_says() {
        let w = Interval::new(0, 10_000);
        let s = [(0, Run), (1_000, Run), (5_000, Run), (6_000, Run)];
        assert_eq!(
            tiles(&s, &[Interval::new(1_000, 5_000)], w),
            [
                (0, 1_000, Run, false),
                (1_000, 5_000, Unknown, false),
                (5_000, 7_000, Run, false),
                (7_000, 10_000, Run, true)
            ]
        );
        // A gap inside one polling period is seen too.
        assert_eq!(
            tiles(&[(0, Run), (1_000, Idle), (2_000, Idle)], &[Interval::new(400, 1_000)], Interval::new(0, 2_000))
                [..2],
            [(0, 400, Run, false), (400, 1_000, Unknown, false)]
        );
    }

    #[test]
    fn power_needs_to_stay_before_the_state_changes() {
        let rule = PowerRule { off_below_w: 100, run_from_w: 1_000, hysteresis_w: 100, dwell_ms: 2_000 };
        let power = [50, 50, 1_200, 50, 1_200, 1_200, 1_200, 950, 950, 500, 500, 500, 150, 60, 60, 60, 150];
        let samples: Vec<(i64, i128)> = power.iter().enumerate().map(|(i, p)| (i as i64 * 1_000, *p)).collect();
        let states: Vec<MachineState> =
            decide_power(&samples, &rule, 1, Cadence::new(1000)).into_iter().map(|s| s.1).collect();
        assert_eq!(states[..4], [Off, Off, Off, Off], "one sample is not a change");
        assert_eq!(states[4..9], [Run; 5], "dated back to the first of the three; 950 W is inside the hysteresis");
        assert_eq!(states[9..13], [Idle; 4]);
        assert_eq!(states[13..], [Off; 4], "150 W does not leave OFF");
    }
}
