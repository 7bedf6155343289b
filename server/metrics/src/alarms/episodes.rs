//! From the readings of an alarm signal to episodes.
//!
//! Constraints
//! 1. Zero, false and the empty text are no alarm; any other value is the alarm of that code. The signal shows one code at a time: another
//!    code ends the one before, as far as anyone can see.
//! 2. Between two readings further apart than 1.5 polling periods, or with a recorded gap between them, nothing is known: an episode seen
//!    on both sides is one, and that time is `unseen`.
//!    What comes or goes for less than a polling period is seen by nobody; the bounds hold for what lasts longer.
//! 3. Nothing is carried across a change of the signal or of what it reads.

use std::collections::BTreeMap;

use crate::column::Series;
use crate::evidence::Evidence;
use crate::history::{History, REACH_MS};
use crate::interval::{Interval, union};
use crate::model::SignalRef;
use crate::timeline::Cadence;

/// Episodes of one code closer than this are one, milliseconds.
pub const MERGE_MS: i64 = 60_000;

/// How an episode ended, as far as it was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The last reading that showed it, and the first that did not, UTC milliseconds.
    Cleared {
        /// Still shown here.
        after_ms: i64,
        /// No longer shown here.
        by_ms: i64,
    },
    /// Still shown when the window ended.
    Raised {
        /// The last reading that showed it, UTC milliseconds.
        seen_ms: i64,
    },
    /// Lost from sight: nobody saw it end.
    Unseen {
        /// The last reading that showed it, UTC milliseconds.
        seen_ms: i64,
    },
}

impl End {
    /// The last instant at which the alarm was shown.
    pub const fn seen_ms(&self) -> i64 {
        match self {
            Self::Cleared { after_ms, .. } => *after_ms,
            Self::Raised { seen_ms } | Self::Unseen { seen_ms } => *seen_ms,
        }
    }
}

/// An alarm from raised to cleared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Episode {
    /// The code: decimal digits or text.
    pub code: String,
    /// The last reading without it, UTC milliseconds; `None` when its beginning was not seen.
    pub raised_after_ms: Option<i64>,
    /// The first reading that showed it, UTC milliseconds.
    pub raised_ms: i64,
    /// How it ended.
    pub end: End,
    /// How often it was raised; above one it chattered.
    pub raises: u32,
    /// Time between its raises in which it was seen not raised, milliseconds.
    pub quiet_ms: i64,
    /// Time between its readings in which nobody looked, milliseconds.
    pub unseen_ms: i64,
}

/// How long an episode lasted, milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Duration {
    /// From the first reading that showed it to the first that did not, or to the last that did.
    pub seen_ms: i64,
    /// Not less than this.
    pub least_ms: i64,
    /// Not more than this; `None` when the beginning or the end was not seen.
    pub most_ms: Option<i64>,
}

impl Episode {
    /// How long it lasted.
    pub fn duration(&self) -> Duration {
        let shown = self.end.seen_ms().saturating_sub(self.raised_ms);
        let by = if let End::Cleared { by_ms, .. } = self.end { Some(by_ms) } else { None };
        Duration {
            seen_ms: by.unwrap_or(self.end.seen_ms()).saturating_sub(self.raised_ms),
            least_ms: shown.saturating_sub(self.quiet_ms).saturating_sub(self.unseen_ms).max(0),
            most_ms: by.zip(self.raised_after_ms).map(|(by, after)| by.saturating_sub(after)),
        }
    }

    /// Whether a person may mean this episode by an instant.
    pub fn contains(&self, ms: i64) -> bool {
        let begins = self.raised_after_ms.map_or(self.raised_ms, |after| after.saturating_add(1));
        let ends = if let End::Cleared { by_ms, .. } = self.end { by_ms } else { i64::MAX };
        begins <= ms && ms < ends.max(begins.saturating_add(1))
    }
}

/// Episodes of samples in order of time: (instant, code or nothing). `breaks` is the sorted set of recorded gaps; the window ends at
/// `until_ms`, later samples are not looked at.
pub fn of_samples<'a>(
    samples: impl Iterator<Item = (i64, Option<&'a str>)>,
    breaks: &[Interval],
    cadence: Cadence,
    until_ms: i64,
    merge_ms: i64,
) -> Vec<Episode> {
    let mut fold = Fold::new(cadence, merge_ms);
    let mut at = 0;
    for (ms, code) in samples.take_while(|(ms, _)| *ms < until_ms) {
        while breaks.get(at).is_some_and(|b| fold.last_ms.is_some_and(|last| b.to_ms <= last)) {
            at += 1;
        }
        let is_gap = breaks.get(at).is_some_and(|b| b.from_ms < ms);
        fold.take(ms, code, is_gap);
    }
    let last_ms = fold.last_ms.unwrap_or(until_ms);
    let is_gap = breaks.iter().any(|b| b.to_ms > last_ms && b.from_ms < until_ms);
    fold.finish(is_gap || until_ms.saturating_sub(last_ms) > cadence.stale_ms)
}

struct Fold {
    cadence: Cadence,
    merge_ms: i64,
    last_ms: Option<i64>,
    /// Index of the episode shown by the last sample.
    current: Option<usize>,
    /// The newest episode of each code.
    newest: BTreeMap<String, usize>,
    done: Vec<Episode>,
}

impl Fold {
    const fn new(cadence: Cadence, merge_ms: i64) -> Self {
        Self { cadence, merge_ms, last_ms: None, current: None, newest: BTreeMap::new(), done: Vec::new() }
    }

    fn take(&mut self, ms: i64, code: Option<&str>, is_gap: bool) {
        let last_ms = self.last_ms.replace(ms);
        let since = last_ms.map_or(0, |last| ms.saturating_sub(last));
        let is_blind = is_gap || since > self.cadence.fresh_ms;
        if let Some(shown) = self.current.and_then(|i| self.done.get_mut(i)) {
            if code == Some(shown.code.as_str()) {
                shown.end = End::Unseen { seen_ms: ms };
                shown.unseen_ms = shown.unseen_ms.saturating_add(if is_blind { since } else { 0 });
                return;
            }
            shown.end = End::Cleared { after_ms: shown.end.seen_ms(), by_ms: ms };
            self.current = None;
        }
        if let Some(code) = code {
            self.raise(ms, code, last_ms);
        }
    }

    fn raise(&mut self, ms: i64, code: &str, last_ms: Option<i64>) {
        let index = self.newest.get(code).copied();
        let before = index.and_then(|i| self.done.get_mut(i));
        if let Some(Episode { end, raises, quiet_ms, .. }) = before
            && let End::Cleared { after_ms, by_ms } = *end
            && ms.saturating_sub(by_ms) < self.merge_ms
        {
            *raises = raises.saturating_add(1);
            *quiet_ms = quiet_ms.saturating_add(ms.saturating_sub(after_ms));
            *end = End::Unseen { seen_ms: ms };
            self.current = index;
            return;
        }
        self.current = Some(self.done.len());
        self.newest.insert(code.to_owned(), self.done.len());
        self.done.push(Episode {
            code: code.to_owned(),
            raised_after_ms: last_ms,
            raised_ms: ms,
            end: End::Unseen { seen_ms: ms },
            raises: 1,
            quiet_ms: 0,
            unseen_ms: 0,
        });
    }

    fn finish(mut self, is_lost: bool) -> Vec<Episode> {
        if let Some(shown) = self.current.and_then(|i| self.done.get_mut(i)).filter(|_| !is_lost) {
            shown.end = End::Raised { seen_ms: shown.end.seen_ms() };
        }
        self.done
    }
}

/// Episodes of a machine that touch a window, in order of being raised, with what they rest on.
///
/// Readings from a day before the window on are looked at, none after it: what is open at the window's end is open. An episode belongs to
/// the window that holds `raised_ms`; earlier ones are listed because they still went on.
pub fn of_machine(history: &History, machine: &str, window: Interval, merge_ms: i64) -> (Vec<Episode>, Evidence) {
    let mut out = Vec::new();
    let mut evidence = Evidence::default();
    for (period, signal) in signals(history, machine, window) {
        let wide = Interval::new(period.from_ms.saturating_sub(REACH_MS), period.to_ms.saturating_add(REACH_MS));
        let series = history.series(&signal.gateway, &signal.tag, wide);
        evidence.note(history, &signal, &series, period);
        evidence.watch(&series, period);
        // A signal says nothing before it was declared to.
        let reach_ms = if period.from_ms == window.from_ms { REACH_MS } else { 0 };
        let found = of_series(&series, period, reach_ms, merge_ms);
        // Before the window's beginning only what lasted into it.
        let touches = |e: &Episode| match e.end {
            End::Cleared { by_ms, .. } => by_ms > window.from_ms,
            End::Raised { .. } | End::Unseen { .. } => true,
        };
        out.extend(found.into_iter().filter(|e| e.raised_ms < period.to_ms && touches(e)));
    }
    out.sort_by(|a: &Episode, b| (a.raised_ms, &a.code).cmp(&(b.raised_ms, &b.code)));
    (out, evidence)
}

/// The alarm signals of a machine over a window, each with its stretch; definitions that name the same signal are one.
fn signals(history: &History, machine: &str, window: Interval) -> Vec<(Interval, SignalRef)> {
    let statements = history.statements();
    let changes = statements.machine_definitions(machine).iter().map(|d| d.effective_from);
    let mut cuts: Vec<i64> = changes.filter(|at| window.from_ms < *at && *at < window.to_ms).collect();
    cuts.insert(0, window.from_ms);
    cuts.dedup();
    let ends = cuts.iter().copied().skip(1).chain(std::iter::once(window.to_ms));
    let mut out: Vec<(Interval, SignalRef)> = Vec::new();
    for (from_ms, to_ms) in cuts.iter().copied().zip(ends) {
        let definition = statements.machine_at(machine, from_ms);
        let Some(signal) = definition.and_then(|d| d.body.signals.alarm.as_ref()) else { continue };
        match out.last_mut() {
            Some((last, s)) if s == signal && last.to_ms == from_ms => last.to_ms = to_ms,
            _ => out.push((Interval::new(from_ms, to_ms), signal.clone())),
        }
    }
    out
}

/// Episodes of a series, piece by piece of what it reads.
fn of_series(series: &Series, period: Interval, reach_ms: i64, merge_ms: i64) -> Vec<Episode> {
    let from = series.times.partition_point(|t| *t < period.from_ms.saturating_sub(reach_ms));
    let range = from..series.times.partition_point(|t| *t < period.to_ms).max(from);
    let codes = codes(series, range.clone());
    let gaps = union(series.gaps.clone());
    let mut out = Vec::new();
    let spans = series.spans_of(&range);
    let mut rest = spans;
    while let Some(first) = rest.first() {
        let meaning = series.meanings.get(first.meaning as usize);
        let is_alike = |m: u32| {
            let other = series.meanings.get(m as usize);
            meaning.zip(other).is_some_and(|(a, b)| a.compares_with(b))
        };
        let length = rest.iter().take_while(|s| is_alike(s.meaning)).count().max(1);
        let (piece, after) = rest.split_at(length.min(rest.len()));
        rest = after;
        let (Some(meaning), Some(last)) = (meaning, piece.last()) else { continue };
        let samples = series.samples(first.start.max(range.start)..last.end.min(range.end));
        let code = |raw: i64| codes.get(&(meaning.text, raw)).map(String::as_str).filter(|c| !c.is_empty());
        let next_ms = after.first().and_then(|s| series.times.get(s.start)).copied();
        let until_ms = next_ms.map_or(period.to_ms, |ms| ms.min(period.to_ms));
        let cadence = Cadence::new(meaning.interval_ms);
        let mut found = of_samples(samples.map(|(ms, raw)| (ms, code(raw))), &gaps, cadence, until_ms, merge_ms);
        if next_ms.is_some_and(|ms| ms < period.to_ms) {
            // What the signal says from here on is another language: nobody saw these end.
            for e in &mut found {
                if let End::Raised { seen_ms } = e.end {
                    e.end = End::Unseen { seen_ms };
                }
            }
        }
        out.append(&mut found);
    }
    out
}

/// The code of every raw value that occurs; empty for no alarm.
fn codes(series: &Series, range: std::ops::Range<usize>) -> BTreeMap<(bool, i64), String> {
    let mut out = BTreeMap::new();
    for span in series.spans_of(&range) {
        let is_text = series.meanings.get(span.meaning as usize).is_some_and(|m| m.text);
        let mut last = None;
        for raw in series.values.get(span.start..span.end).unwrap_or_default() {
            if last.replace(*raw) == Some(*raw) {
                continue;
            }
            out.entry((is_text, *raw)).or_insert_with(|| match (is_text, *raw) {
                (true, index) => {
                    let text = usize::try_from(index).ok().and_then(|i| series.texts.get(i));
                    text.map_or_else(String::new, |t| t.trim().to_owned())
                }
                (false, 0) => String::new(),
                (false, code) => code.to_string(),
            });
        }
    }
    out
}
