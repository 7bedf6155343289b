//! From the readings of a characteristic's signal to measurements, and where some may have been missed.
//!
//! Constraints
//! 1. A measurement is one reading with its leaf; its value is exact. A reading in another unit than the specification's, or a
//!    text, is none and is counted.
//! 2. Without a trigger every reading is a measurement, and one was missed wherever the next reading is late (1.5 polling periods)
//!    or a gap is recorded.
//! 3. With a counter as trigger the counter proves it: a step of one is one item, and the measurement is the first value read at or
//!    after the change and before the next. A greater step, a step back or an item whose value was not read is a miss — silence
//!    without a step is none. A text trigger (serial number) proves nothing about silence, so rule 2 holds for it.
//! 4. Readings up to a day outside the window are read too, so that the first point knows the one before.

use crate::column::{Meaning, Series};
use crate::evidence::Evidence;
use crate::exact::Rational;
use crate::history::{History, REACH_MS};
use crate::interval::{Interval, union};
use crate::model::SignalRef;
use crate::quality::specification::Specification;
use crate::timeline::Cadence;

/// One measured value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Measurement {
    /// When it was read, UTC milliseconds.
    pub at_ms: i64,
    /// In the unit of the specification.
    pub value: Rational,
    /// Leaf of the record it came in.
    pub leaf: u64,
    /// Something may have been missed since the measurement before, at the latest at this instant, UTC milliseconds.
    pub missed_until_ms: Option<i64>,
}

/// Measurements in order of time, with what they rest on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Measured {
    /// From a day before the window to a day after it.
    pub all: Vec<Measurement>,
    /// Evidence of the window itself.
    pub evidence: Evidence,
}

/// Takes the measurements of a specification around a window.
pub fn measure(history: &History, specification: &Specification, window: Interval) -> Measured {
    let wide = Interval::new(window.from_ms.saturating_sub(REACH_MS), window.to_ms.saturating_add(REACH_MS));
    let of = |signal: &SignalRef| history.series(&signal.gateway, &signal.tag, wide);
    let series = of(&specification.signal);
    let trigger = specification.trigger.as_ref().map(of);
    let mut out = Measured::default();
    let values = Values::of(&series, &specification.unit);
    match &trigger {
        None => polled(&series, &values, &mut out.all),
        Some(trigger) => triggered(trigger, &values, &mut out.all),
    }
    out.evidence.note(history, &specification.signal, &series, window);
    if let (Some(signal), Some(trigger)) = (&specification.trigger, &trigger) {
        out.evidence.note(history, signal, trigger, window);
    }
    out.evidence.other_unit = values.left_out(window);
    out.evidence.watch(trigger.as_ref().unwrap_or(&series), window);
    out
}

/// The readings of the value's series that are measurements, by index.
struct Values<'a> {
    series: &'a Series,
    /// Meaning and leaf of each reading; `None` when it is left out.
    each: Vec<Option<(&'a Meaning, u64)>>,
}

impl<'a> Values<'a> {
    fn of(series: &'a Series, unit: &str) -> Self {
        let mut each = vec![None; series.times.len()];
        for span in &series.spans {
            let meaning = series.meanings.get(span.meaning as usize).filter(|m| !m.text && m.unit == unit);
            let slots = each.get_mut(span.start..span.end).unwrap_or_default();
            slots.iter_mut().for_each(|slot| *slot = meaning.map(|m| (m, span.leaf)));
        }
        Self { series, each }
    }

    fn at(&self, index: usize) -> Option<(i64, Rational, u64)> {
        let (meaning, leaf) = (*self.each.get(index)?)?;
        let (ms, stored) = (*self.series.times.get(index)?, *self.series.values.get(index)?);
        let value = Rational::new(i128::from(stored).checked_mul(i128::from(meaning.num))?, meaning.den)?;
        Some((ms, value, leaf))
    }

    fn left_out(&self, window: Interval) -> u64 {
        let inside = self.series.times.iter().zip(&self.each).filter(|(ms, _)| window.contains(**ms));
        inside.filter(|(_, each)| each.is_none()).count() as u64
    }
}

/// The polling period of each stretch of readings: of the span an index lies in.
struct Polls<'a> {
    series: &'a Series,
    span: usize,
}

impl Polls<'_> {
    /// Indexes must not fall.
    fn at(&mut self, index: usize) -> Option<&Meaning> {
        while self.series.spans.get(self.span).is_some_and(|s| s.end <= index) {
            self.span += 1;
        }
        self.series.meanings.get(self.series.spans.get(self.span)?.meaning as usize)
    }
}

/// Walks a sorted list of gaps beside readings in order of time.
struct Gaps {
    union: Vec<Interval>,
    at: usize,
}

impl Gaps {
    fn of(series: &Series) -> Self {
        Self { union: union(series.gaps.clone()), at: 0 }
    }

    /// Whether a recorded gap lies between two instants; these must not fall.
    fn between(&mut self, from_ms: i64, to_ms: i64) -> bool {
        while self.union.get(self.at).is_some_and(|g| g.to_ms <= from_ms) {
            self.at += 1;
        }
        self.union.get(self.at).is_some_and(|g| g.from_ms < to_ms)
    }
}

/// Every reading is a measurement.
fn polled(series: &Series, values: &Values<'_>, out: &mut Vec<Measurement>) {
    let (mut polls, mut gaps) = (Polls { series, span: 0 }, Gaps::of(series));
    let mut last_ms: Option<i64> = None;
    let mut missed: Option<i64> = None;
    for (index, ms) in series.times.iter().copied().enumerate() {
        let cadence = Cadence::new(polls.at(index).map_or(0, |m| m.interval_ms));
        let is_late = last_ms.is_none_or(|last| ms - last > cadence.fresh_ms || gaps.between(last, ms));
        if is_late {
            missed = Some(ms.saturating_sub(cadence.poll_ms));
        }
        last_ms = Some(ms);
        match values.at(index) {
            Some((at_ms, value, leaf)) => {
                out.push(Measurement { at_ms, value, leaf, missed_until_ms: missed.take() });
            }
            None => missed = Some(ms),
        }
    }
}

/// A change of the trigger makes a measurement.
fn triggered(trigger: &Series, values: &Values<'_>, out: &mut Vec<Measurement>) {
    let (mut polls, mut gaps) = (Polls { series: trigger, span: 0 }, Gaps::of(trigger));
    let mut before: Option<(i64, i64, Meaning)> = None;
    let mut missed: Option<i64> = None;
    let mut changes: Vec<(i64, Option<i64>)> = Vec::new();
    for (index, (ms, raw)) in trigger.samples(0..trigger.times.len()).enumerate() {
        let Some(meaning) = polls.at(index) else { continue };
        let is_same_meaning = before.as_ref().is_some_and(|(_, _, m)| m.compares_with(meaning));
        if let Some((last_ms, last, _)) = before.as_ref().filter(|_| is_same_meaning) {
            let cadence = Cadence::new(meaning.interval_ms);
            let is_silent = ms - last_ms > cadence.fresh_ms || gaps.between(*last_ms, ms);
            let step = if meaning.text { i64::from(raw != *last) } else { raw.saturating_sub(*last) };
            let unit = if meaning.text { 1 } else { meaning.unit_per_raw };
            if meaning.text && is_silent {
                missed = Some(ms.saturating_sub(cadence.poll_ms));
            }
            if step != 0 && step != unit {
                missed = Some(ms.saturating_sub(1));
            }
            // A counter set back to zero has measured nothing yet.
            if step > 0 || (step < 0 && raw > 0) {
                changes.push((ms, missed.take()));
            }
        } else {
            missed = Some(ms);
        }
        if !is_same_meaning {
            before = Some((ms, raw, meaning.clone()));
        } else if let Some(b) = before.as_mut() {
            (b.0, b.1) = (ms, raw);
        }
    }
    let ends = changes.iter().skip(1).map(|c| c.0).chain(std::iter::once(i64::MAX));
    let (mut at, mut unread): (usize, Option<i64>) = (0, None);
    for ((from_ms, doubt), to_ms) in changes.iter().zip(ends) {
        let until = (*doubt).max(unread.take());
        while values.series.times.get(at).is_some_and(|t| t < from_ms) {
            at += 1;
        }
        let read = values.at(at).filter(|(ms, _, _)| *ms < to_ms);
        match read {
            Some((at_ms, value, leaf)) => out.push(Measurement { at_ms, value, leaf, missed_until_ms: until }),
            None => unread = until.max(Some(*from_ms)),
        }
    }
}
