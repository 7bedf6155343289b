//! What one piece of time of one machine shows, laid out for the detectors: its signals, its states, its calendar's edges.
//!
//! Constraints
//! 1. Within a piece every signal means one thing: readings under another meaning are not in its [`Trace`].
//! 2. Two readings are *next to each other* only if they lie at most one and a half polling periods apart. Detectors that look
//!    for sameness walk such runs only, so that a reading taken away breaks a run and never makes one.
//! 3. Of states only what was observed counts: neither unknown time nor a sample carried past its period.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use crate::calendar::local_date;
use crate::column::{Meaning, Series};
use crate::credibility::finding::{Named, Sample};
use crate::exact::Rational;
use crate::history::History;
use crate::interval::Interval;
use crate::model::{Machine, SignalRef, StateRule};
use crate::report::{Calendars, evaluate_window};
use crate::shift::Schedule;
use crate::state::{MachineState, StateInterval};
use crate::timeline::Cadence;

/// One signal over a piece.
#[derive(Debug)]
pub(super) struct Trace {
    pub(super) role: &'static str,
    pub(super) signal: SignalRef,
    pub(super) meaning: Meaning,
    pub(super) cadence: Cadence,
    series: Series,
    range: Range<usize>,
}

impl Trace {
    fn load(history: &History, role: &'static str, signal: &SignalRef, window: Interval) -> Option<Self> {
        let series = history.series(&signal.gateway, &signal.tag, window);
        let (range, meaning) = series.alike(window, 0)?;
        let meaning = meaning.clone();
        let cadence = Cadence::new(meaning.interval_ms);
        Some(Self { role, signal: signal.clone(), cadence, meaning, series, range })
    }

    /// Times, UTC milliseconds, strictly increasing.
    pub(super) fn times(&self) -> &[i64] {
        self.series.times.get(self.range.clone()).unwrap_or(&[])
    }

    /// Stored values.
    pub(super) fn values(&self) -> &[i64] {
        self.series.values.get(self.range.clone()).unwrap_or(&[])
    }

    /// Time and stored value.
    pub(super) fn points(&self) -> impl Iterator<Item = (i64, i64)> + '_ {
        self.times().iter().copied().zip(self.values().iter().copied())
    }

    /// Readings next to each other: time and stored value of both.
    pub(super) fn steps(&self) -> impl Iterator<Item = [(i64, i64); 2]> + '_ {
        self.steps_within(self.cadence.fresh_ms)
    }

    /// Successive readings at most so many milliseconds apart.
    pub(super) fn steps_within(&self, apart_ms: i64) -> impl Iterator<Item = [(i64, i64); 2]> + '_ {
        self.points()
            .zip(self.points().skip(1))
            .filter(move |(a, b)| b.0.saturating_sub(a.0) <= apart_ms)
            .map(|(a, b)| [a, b])
    }

    /// Longest runs of readings next to each other that all satisfy a condition: indexes `[start, end)`.
    pub(super) fn runs(&self, mut holds: impl FnMut(i64, i64) -> bool) -> Vec<Range<usize>> {
        let mut out = Vec::new();
        let mut open: Option<(usize, i64)> = None;
        let mut start = 0;
        for (i, (ms, value)) in self.points().enumerate() {
            let good = holds(ms, value);
            if let Some((last, last_ms)) = open
                && (!good || ms.saturating_sub(last_ms) > self.cadence.fresh_ms)
            {
                out.push(start..last + 1);
                open = None;
            }
            if good {
                if open.is_none() {
                    start = i;
                }
                open = Some((i, ms));
            }
        }
        if let Some((last, _)) = open {
            out.push(start..last + 1);
        }
        out
    }

    /// The stretch from the first to the last of some readings.
    pub(super) fn stretch(&self, range: &Range<usize>) -> Interval {
        let at = |i: usize| self.times().get(i).copied().unwrap_or(0);
        Interval::new(at(range.start), at(range.end.saturating_sub(1)))
    }

    /// Indexes of the readings inside a stretch.
    pub(super) fn indexes(&self, window: Interval) -> Range<usize> {
        let times = self.times();
        let start = times.partition_point(|t| *t < window.from_ms);
        start..times.partition_point(|t| *t <= window.to_ms).max(start)
    }

    /// The stored value times its scale's numerator: comparable within a trace, the right way round for a reversed meter.
    pub(super) fn level(&self, stored: i64) -> i128 {
        i128::from(stored) * i128::from(self.meaning.num)
    }

    /// A level in the signal's own unit.
    pub(super) fn digits(&self, level: i128, decimals: usize) -> String {
        Rational::new(level, self.meaning.den).map_or_else(|| "0".to_owned(), |r| r.digits(decimals))
    }

    /// Watts per unit of the readings; `None` when they are no power.
    pub(super) fn watts(&self) -> Option<i128> {
        match self.meaning.unit.as_str() {
            "W" => Some(1),
            "kW" => Some(1000),
            _ => None,
        }
    }

    /// Power in milliwatts; zero where no number of this size is a power.
    pub(super) fn milliwatts(&self, stored: i64) -> i128 {
        let per = self.watts().unwrap_or(1) * 1000;
        self.level(stored).checked_mul(per).map_or(0, |v| v / self.meaning.den.max(1))
    }

    /// The last reading at or before an instant, not older than two polling periods.
    pub(super) fn at(&self, ms: i64) -> Option<i64> {
        let i = self.times().partition_point(|t| *t <= ms).checked_sub(1)?;
        let (at, value) = (*self.times().get(i)?, *self.values().get(i)?);
        (ms.saturating_sub(at) <= self.cadence.poll_ms.saturating_mul(2)).then_some(value)
    }

    pub(super) fn named(&self) -> Named {
        Named { role: self.role, gateway: self.signal.gateway.clone(), tag: self.signal.tag.clone() }
    }

    /// A reading with its place in the log.
    pub(super) fn sample(&self, index: usize) -> Option<Sample> {
        let (at_ms, raw) = (*self.times().get(index)?, *self.values().get(index)?);
        let i = self.range.start + index;
        let leaf = self.series.spans_of(&(i..i + 1)).first()?.leaf;
        let text = self.series.texts.get(usize::try_from(raw).unwrap_or(usize::MAX)).filter(|_| self.meaning.text);
        Some(Sample { role: self.role, at_ms, raw: text.map_or_else(|| raw.to_string(), |t| t.to_string()), leaf })
    }
}

/// One machine over one piece.
#[derive(Debug)]
pub(super) struct Scene<'a> {
    pub(super) history: &'a History,
    pub(super) definition: &'a Machine,
    pub(super) window: Interval,
    traces: BTreeMap<&'static str, Trace>,
    states: Vec<StateInterval>,
    /// Starts and ends of shifts and breaks.
    pub(super) edges: Vec<i64>,
}

impl<'a> Scene<'a> {
    /// Lays out a machine as defined at the beginning of the piece; `None` when it is not defined there.
    pub(super) fn load(history: &'a History, machine: &str, window: Interval) -> Option<Self> {
        let definition = &history.statements().machine_at(machine, window.from_ms)?.body;
        let load =
            |(role, signal): (&'static str, &SignalRef)| Some((role, Trace::load(history, role, signal, window)?));
        let traces = definition.signals.all().filter_map(load).collect();
        let states = evaluate_window(history, machine, window, &Schedule::default()).states;
        let edges = edges(history, machine, window);
        Some(Self { history, definition, window, traces, states, edges })
    }

    pub(super) fn machine(&self) -> &'a str {
        &self.definition.machine
    }

    pub(super) fn trace(&self, role: &str) -> Option<&Trace> {
        self.traces.get(role)
    }

    /// The counters that are there.
    pub(super) fn counters(&self) -> impl Iterator<Item = &Trace> {
        ["good", "reject", "total"].into_iter().filter_map(|role| self.traces.get(role))
    }

    /// Whether the state was observed by another signal than power.
    pub(super) fn has_own_state(&self) -> bool {
        let by_signal = matches!(
            self.definition.state_rule,
            Some(StateRule::Codes(_) | StateRule::Table(_) | StateRule::RunBit { .. })
        );
        by_signal && self.states.iter().any(|s| s.state != MachineState::Unknown)
    }

    /// Observed states in order; neither unknown nor carried.
    pub(super) fn observed(&self) -> impl Iterator<Item = &StateInterval> {
        self.states.iter().filter(|s| s.state != MachineState::Unknown && !s.held)
    }

    /// The observed state at an instant.
    pub(super) fn state_at(&self, ms: i64) -> Option<MachineState> {
        let i = self.states.partition_point(|s| s.to_ms <= ms);
        let found = self.states.get(i).filter(|s| s.from_ms <= ms && !s.held)?;
        (found.state != MachineState::Unknown).then_some(found.state)
    }

    /// Observed time in states that satisfy a condition inside a stretch, milliseconds.
    pub(super) fn time_in(&self, within: Interval, holds: impl Fn(MachineState) -> bool) -> i64 {
        let start = self.states.partition_point(|s| s.to_ms <= within.from_ms);
        let touching = self.states.iter().skip(start).take_while(|s| s.from_ms < within.to_ms);
        touching
            .filter(|s| holds(s.state))
            .map(|s| Interval::new(s.from_ms, s.to_ms).intersect(&within).length_ms())
            .sum()
    }
}

/// Starts and ends of shifts and breaks of a machine's calendar, sorted.
fn edges(history: &History, machine: &str, window: Interval) -> Vec<i64> {
    let mut out = BTreeSet::new();
    let mut calendars = Calendars::default();
    let day = |ms: i64| local_date("UTC", ms);
    let margin = 2 * 86_400_000;
    let range = (day(window.from_ms.saturating_sub(margin)), day(window.to_ms.saturating_add(margin)));
    let (Some(from), Some(to)) = range else { return Vec::new() };
    for date in crate::calendar::dates(from, to) {
        let Some((calendar, _)) = calendars.of(history, machine, date) else { continue };
        for shift in calendar.shifts_on(date) {
            out.extend([shift.interval.from_ms, shift.interval.to_ms]);
            out.extend(shift.breaks.iter().flat_map(|b| [b.from_ms, b.to_ms]));
        }
    }
    out.into_iter().collect()
}

/// Cuts a stretch where any machine's definition, or what one of its tags reads, changes.
pub(super) fn pieces(history: &History, window: Interval) -> Vec<Interval> {
    let statements = history.statements();
    let mut cuts = BTreeSet::new();
    let mut tags = BTreeSet::new();
    for machine in statements.machines() {
        for definition in statements.machine_definitions(machine) {
            cuts.insert(definition.effective_from);
            tags.extend(definition.body.signals.all().map(|(_, s)| (s.gateway.as_str(), s.tag.as_str())));
        }
    }
    for (gateway, tag) in tags {
        let series = history.series(gateway, tag, window);
        cuts.extend(series.meaning_changes(window, 0).filter(|(_, compares)| !compares).map(|(at, _)| at));
    }
    let mut out = Vec::new();
    let mut from = window.from_ms;
    for cut in cuts.into_iter().filter(|c| window.from_ms < *c && *c < window.to_ms) {
        out.push(Interval::new(from, cut));
        from = cut;
    }
    out.push(Interval::new(from, window.to_ms));
    out.retain(|p| !p.is_empty());
    out
}

/// The value below which so many percent of a sorted list lie (nearest rank, rounded down).
pub(super) fn percentile<T: Copy>(sorted: &[T], percent: usize) -> Option<T> {
    sorted.get(sorted.len().checked_sub(1)? * percent / 100).copied()
}
