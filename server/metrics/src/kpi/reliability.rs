//! Failures: mean time between them, mean time to restoration, and what may be said when there were none (reference §1.3,
//! §5 row 11).
//!
//! Constraints
//! 1. A failure is an episode of FAULT; episodes less than [`MERGE_MS`] apart are one (alarm chatter). Maintenance that follows a
//!    fault at once belongs to it: restoration ends when the repair does.
//! 2. Operating time is RUN and SETUP with an order; delays and time without an order are not operating time, and a failure
//!    that begins without an order is listed apart and not counted.
//! 3. An episode that touches the edge of what was observed has no known length: it counts as a failure when its beginning
//!    was seen, and its restoration time only when its end was.
//! 4. No failure is not an infinite MTBF: the value is undefined, with the operating time and a one-sided bound beside it.

use std::ops::RangeInclusive;

use crate::exact::Rational;
use crate::interval::{Interval, overlap_ms};
use crate::oee::Undefined;
use crate::state::{MachineState, StateInterval};

/// Episodes closer than this are one, milliseconds.
pub const MERGE_MS: i64 = 60_000;
/// −ln 0.05 in thousandths: with 95 % confidence and an exponential life, no failure in T says MTBF ≥ T / 2.996.
pub const ZERO_FAILURE_THOUSANDTHS: i128 = 2_996;
/// Below so many failures a mean time says little; shown with a caution.
pub const FAILURES_MIN: u32 = 5;

/// Sums over a window. Adds up over windows and machines.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reliability {
    /// Operating time (setup and production), milliseconds.
    pub operating_ms: i64,
    /// Failures that began with an order loaded (FE).
    pub failures: u32,
    /// Failures whose restoration was seen.
    pub restored: u32,
    /// Their time down, milliseconds (Σ TTR).
    pub restoration_ms: i64,
    /// Failures that began without an order: listed, not counted.
    pub failures_without_order: u32,
    /// Fault episodes whose beginning was not observed.
    pub unseen_beginnings: u32,
}

impl Reliability {
    /// Adds another window or machine.
    pub const fn add(&mut self, o: &Self) {
        self.operating_ms += o.operating_ms;
        self.failures += o.failures;
        self.restored += o.restored;
        self.restoration_ms += o.restoration_ms;
        self.failures_without_order += o.failures_without_order;
        self.unseen_beginnings += o.unseen_beginnings;
    }

    /// MTBF = Σ TBF / FE, milliseconds.
    ///
    /// # Errors
    /// No failure: see [`Self::mtbf_at_least`]. No operating time.
    pub fn mtbf(&self) -> Result<Rational, Undefined> {
        if self.operating_ms <= 0 {
            return Err(Undefined::NoProduction);
        }
        Rational::new(i128::from(self.operating_ms), i128::from(self.failures)).ok_or(Undefined::NoFailure)
    }

    /// With no failure: MTBF is at least this with 95 % confidence, milliseconds.
    pub fn mtbf_at_least(&self) -> Option<Rational> {
        let bound = Rational::new(i128::from(self.operating_ms) * 1000, ZERO_FAILURE_THOUSANDTHS);
        bound.filter(|_| self.failures == 0 && self.operating_ms > 0)
    }

    /// MTTR = Σ TTR / failures restored, milliseconds.
    ///
    /// # Errors
    /// No restoration was seen.
    pub fn mttr(&self) -> Result<Rational, Undefined> {
        Rational::new(i128::from(self.restoration_ms), i128::from(self.restored)).ok_or(Undefined::NoFailure)
    }

    /// Inherent availability: MTBF / (MTBF + MTTR).
    ///
    /// # Errors
    /// As for its parts.
    pub fn inherent_availability(&self) -> Result<Rational, Undefined> {
        let (between, restore) = (self.mtbf()?, self.mttr()?);
        between.plus(restore).and_then(|all| between.over(all)).ok_or(Undefined::NoFailure)
    }

    /// Failures per 100 operating hours.
    ///
    /// # Errors
    /// No operating time.
    pub fn failures_per_100_h(&self) -> Result<Rational, Undefined> {
        let num = i128::from(self.failures) * 360_000_000;
        Rational::new(num, i128::from(self.operating_ms)).ok_or(Undefined::NoProduction)
    }
}

/// Failures of a timeline. `states` tile it in order; `no_order` is the sorted set of stretches without an order.
pub fn of(states: &[StateInterval], no_order: &[Interval]) -> Reliability {
    let mut out = Reliability::default();
    for s in states.iter().filter(|s| matches!(s.state, MachineState::Run | MachineState::Setup)) {
        out.operating_ms += s.length_ms() - overlap_ms(&[Interval::new(s.from_ms, s.to_ms)], no_order);
    }
    for episode in episodes(states) {
        out.episode(states, no_order, *episode.start(), *episode.end());
    }
    out
}

/// The fault episodes of a timeline, first to last interval of each: faults less than [`MERGE_MS`] apart are one, and maintenance
/// right after a fault is part of it.
pub fn episodes(states: &[StateInterval]) -> Vec<RangeInclusive<usize>> {
    let mut out = Vec::new();
    let mut at = 0;
    while let Some(begin) = states.iter().skip(at).position(|s| s.state == MachineState::Fault).map(|i| at + i) {
        // The last interval of the episode: faults with less than the merging time between them, and their repair.
        let mut last = begin;
        for (i, s) in states.iter().enumerate().skip(begin + 1) {
            let since = states.get(last).map_or(0, |l| s.from_ms - l.to_ms);
            let repaired = s.state == MachineState::Maint && since == 0;
            if repaired || (s.state == MachineState::Fault && since < MERGE_MS) {
                last = i;
            } else if since >= MERGE_MS {
                break;
            }
        }
        out.push(begin..=last);
        at = last + 1;
    }
    out
}

impl Reliability {
    fn episode(&mut self, states: &[StateInterval], no_order: &[Interval], begin: usize, last: usize) {
        let seen = |s: Option<&StateInterval>| s.is_some_and(|s| s.state != MachineState::Unknown);
        let Some((first, end)) = states.get(begin).zip(states.get(last)) else { return };
        if !seen(begin.checked_sub(1).and_then(|i| states.get(i))) {
            self.unseen_beginnings += 1;
            return;
        }
        if no_order.iter().any(|n| n.contains(first.from_ms)) {
            self.failures_without_order += 1;
            return;
        }
        self.failures += 1;
        if seen(states.get(last + 1)) {
            self.restored += 1;
            self.restoration_ms += end.to_ms - first.from_ms;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use MachineState::{Fault, Idle, Maint, Run, Setup, Unknown};

    const MIN: i64 = 60_000;

    fn timeline(parts: &[(MachineState, i64)]) -> Vec<StateInterval> {
        let mut at = 0;
        let mut next = |(state, ms): &(MachineState, i64)| {
            at += ms;
            StateInterval { from_ms: at - ms, to_ms: at, state: *state, held: false }
        };
        parts.iter().map(&mut next).collect()
    }

    #[test]
    fn the_repair_belongs_to_the_failure_and_planned_care_does_not() {
        let states = timeline(&[
            (Run, 60 * MIN),
            (Fault, 5 * MIN),
            (Maint, 55 * MIN),
            (Fault, MIN), // tried again while the fitter is there
            (Maint, 4 * MIN),
            (Run, 60 * MIN),
            (Maint, 30 * MIN), // care, after running
            (Run, 60 * MIN),
            (Fault, 2 * MIN),
            (Idle, MIN),
            (Maint, 10 * MIN), // nobody was at it yet when the fault was over
            (Run, MIN),
        ]);
        let r = of(&states, &[]);
        assert_eq!((r.failures, r.restored, r.restoration_ms), (2, 2, 65 * MIN + 2 * MIN));
    }

    #[test]
    fn chatter_is_one_failure_and_edges_are_not_guessed() {
        let states = timeline(&[
            (Fault, 5 * MIN), // began before anybody looked
            (Run, 60 * MIN),
            (Fault, 2 * MIN),
            (Run, 59_999), // shorter than a minute: the same failure
            (Fault, 3 * MIN),
            (Setup, 10 * MIN),
            (Fault, MIN),
            (Idle, MIN), // a minute: another failure
            (Fault, MIN),
            (Run, 30 * MIN),
            (Fault, 4 * MIN),
            (Unknown, MIN),
        ]);
        let r = of(&states, &[]);
        assert_eq!((r.failures, r.restored, r.unseen_beginnings), (4, 3, 1));
        assert_eq!(r.restoration_ms, 5 * MIN + 59_999 + 2 * MIN);
        assert_eq!(r.operating_ms, 100 * MIN + 59_999);
        let orderless = of(&states, &[Interval::new(60 * MIN, 70 * MIN)]);
        assert_eq!((orderless.failures, orderless.failures_without_order), (3, 1));
        assert_eq!(orderless.operating_ms, r.operating_ms - 5 * MIN - 59_999);
    }

    #[test]
    fn no_failure_gives_a_bound_and_no_mean() {
        let r = of(&timeline(&[(Run, 2_996 * 1_000)]), &[]);
        assert_eq!(r.mtbf(), Err(Undefined::NoFailure));
        assert_eq!(r.mtbf_at_least().unwrap().digits(0), "1000000");
        assert_eq!(r.mttr(), Err(Undefined::NoFailure));
        assert_eq!(Reliability::default().mtbf(), Err(Undefined::NoProduction));
        let failed = Reliability { failures: 1, ..r };
        assert_eq!(failed.mtbf_at_least(), None);
    }
}
