//! What a figure rests on beside the shifts' [`crate::facts`]: leaves, flags, coverage, and the grade they make.
//!
//! Constraints: the rules are those of shifts — a flag for what a reader must know, coverage by the stale rule of states — so that
//! a grade means one thing whatever it stands beside.

use std::collections::{BTreeMap, BTreeSet};

use crate::column::Series;
use crate::grade::{Flag, Grade, worst};
use crate::history::{History, REACH_MS};
use crate::interval::{Interval, union};
use crate::model::SignalRef;
use crate::state::MachineState;
use crate::time::ERROR_FLAG_MS;
use crate::timeline::{Cadence, state_ms, tile};

/// What a figure rests on. Joins over windows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Evidence {
    /// Leaves of the readings, by gateway.
    pub leaves: BTreeMap<String, BTreeSet<u64>>,
    /// What a reader must know.
    pub flags: BTreeSet<Flag>,
    /// Time in which the deciding signal was observed, milliseconds.
    pub observed_ms: i64,
    /// Time looked at, milliseconds.
    pub of_ms: i64,
    /// Readings left out because their unit is not the specification's, or because they are texts.
    pub other_unit: u64,
}

impl Evidence {
    /// Adds what another window rests on.
    pub fn add(&mut self, other: Self) {
        for (gateway, leaves) in other.leaves {
            self.leaves.entry(gateway).or_default().extend(leaves);
        }
        self.flags.extend(other.flags);
        self.observed_ms = self.observed_ms.saturating_add(other.observed_ms);
        self.of_ms = self.of_ms.saturating_add(other.of_ms);
        self.other_unit = self.other_unit.saturating_add(other.other_unit);
    }

    /// Coverage and flags make the grade.
    pub fn grade(&self) -> Grade {
        worst(Grade::of_coverage(self.observed_ms, self.of_ms), &self.flags)
    }

    /// Counts the window as looked at, and the part of it in which this series was read as observed.
    pub fn watch(&mut self, series: &Series, window: Interval) {
        self.of_ms = self.of_ms.saturating_add(window.length_ms());
        self.observed_ms = self.observed_ms.saturating_add(observed_ms(series, window));
    }

    /// Takes note of the lineage and flags of a series in a window.
    pub fn note(&mut self, history: &History, signal: &SignalRef, series: &Series, window: Interval) {
        let from = series.times.partition_point(|t| *t < window.from_ms);
        let to = series.times.partition_point(|t| *t < window.to_ms);
        for span in series.spans_of(&(from..to)).iter().filter(|_| from < to) {
            self.leaves.entry(signal.gateway.clone()).or_default().insert(span.leaf);
            if span.error_ms > ERROR_FLAG_MS {
                self.flags.insert(Flag::ClockUncertain);
            }
            if span.is_late && !history.is_simulated() {
                self.flags.insert(Flag::LateData);
            }
        }
        let marked = series.marked.iter().filter(|(_, i)| !i.intersect(&window).is_empty());
        self.flags.extend(marked.map(|(flag, _)| *flag));
        if series.meaning_changes(window, REACH_MS).any(|(_, compares)| !compares) {
            self.flags.insert(Flag::ConfigurationChanged);
        }
        // An hour's grace: a gateway may read while it is being enrolled.
        let oldest = series.times.get(from).filter(|_| from < to);
        let since = history.known_since_ms(&signal.gateway).map(|ms| ms.saturating_sub(3_600_000));
        if !history.is_simulated() && oldest.zip(since).is_some_and(|(oldest, since)| *oldest < since) {
            self.flags.insert(Flag::BeforeEnrolment);
        }
    }
}

/// Time in which a signal was read, milliseconds: by the rules of states, so that coverage means one thing.
fn observed_ms(series: &Series, window: Interval) -> i64 {
    let range = series.around(window, REACH_MS);
    let poll_ms = series.spans_of(&range).first().and_then(|s| series.meanings.get(s.meaning as usize));
    let cadence = Cadence::new(poll_ms.map_or(0, |m| m.interval_ms));
    let samples = series.samples(range).map(|(ms, _)| (ms, MachineState::Run));
    let tiles = tile(samples, &union(series.gaps.clone()), cadence, window);
    let [unknown_ms, ..] = state_ms(&tiles);
    window.length_ms() - unknown_ms
}
