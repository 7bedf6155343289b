//! The readings of one tag of one gateway, as they came, and the same placed on UTC.
//!
//! Constraints
//! 1. A column appends spans (one per record and type); a span knows its leaf, so every value has its lineage.
//! 2. Twelve bytes per reading: time relative to the span, value as one 64-bit integer. Floats are taken to six
//!    decimals, half away from zero, exactly ([`crate::decimal::float_scaled`]); texts are interned.
//! 3. Readings of another quality than Good are never stored: they are gaps of one polling interval.
//! 4. Placing sorts spans by UTC and makes times strictly increase: an offset that moved back by a few milliseconds
//!    between two records never reorders or drops a reading.

mod extent;
mod past;

use std::collections::BTreeMap;

use protocol::content::{FlatColumn, FlatValues, TagConfig};
use protocol::{BootId, Quality, ValueType};

use crate::decimal::float_scaled;
use crate::grade::Flag;
use crate::interval::Interval;
use crate::time::Clocks;

pub(crate) use self::extent::Extent;
pub(crate) use self::past::Fate;

/// What one unit of a stored value is, and how the tag was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meaning {
    /// Engineering value = stored × `num` / `den`, in `unit`.
    pub num: i64,
    /// See `num`; the factor 10⁶ of floats is inside.
    pub den: i128,
    /// Unit of the engineering value.
    pub unit: String,
    /// Polling interval, milliseconds.
    pub interval_ms: i64,
    /// Where a cumulative register wraps, in stored units.
    pub modulus: Option<i64>,
    /// Largest credible rise per hour, in stored units.
    pub max_per_hour: Option<i64>,
    /// Stored units per raw unit: 1, or 10⁶ for floats.
    pub unit_per_raw: i64,
    /// The values are indexes into [`Series::texts`].
    pub text: bool,
}

impl Meaning {
    /// Whether stored values mean the same, however often they are read and whatever limits are set.
    pub fn compares_with(&self, other: &Self) -> bool {
        (self.num, self.den, &self.unit, self.unit_per_raw, self.text)
            == (other.num, other.den, &other.unit, other.unit_per_raw, other.text)
    }

    /// Whether this is what a tag read as this type means; nothing is made for it.
    fn is_of(&self, tag: &TagConfig, value_type: ValueType) -> bool {
        let Self { num, den, unit, interval_ms, modulus, max_per_hour, unit_per_raw, text } = self;
        let is = (*num, *den, *interval_ms, *modulus, *max_per_hour, *unit_per_raw, *text);
        *unit == tag.unit && is == Self::numbers(tag, value_type)
    }

    /// All but the unit, in the order of the fields.
    fn numbers(tag: &TagConfig, value_type: ValueType) -> (i64, i128, i64, Option<i64>, Option<i64>, i64, bool) {
        let float = matches!(value_type, ValueType::F32 | ValueType::F64);
        let unit: i64 = if float { 1_000_000 } else { 1 };
        (
            tag.scale.num,
            i128::from(tag.scale.den) * i128::from(unit),
            tag.interval_ms.max(1),
            tag.counter.and_then(|c| c.modulus).and_then(|m| m.checked_mul(unit)),
            tag.counter.map(|c| c.max_per_hour.saturating_mul(unit)),
            unit,
            value_type == ValueType::Text,
        )
    }

    fn new(tag: &TagConfig, value_type: ValueType) -> Self {
        let (num, den, interval_ms, modulus, max_per_hour, unit_per_raw, text) = Self::numbers(tag, value_type);
        Self { num, den, unit: tag.unit.clone(), interval_ms, modulus, max_per_hour, unit_per_raw, text }
    }
}

#[derive(Debug, Clone)]
struct Span {
    record: u32,
    base_ms: i64,
    start: usize,
    end: usize,
    meaning: u32,
    /// The greatest of its times.
    last: u32,
}

#[derive(Debug, Clone)]
struct BadSpell {
    record: u32,
    boot_ms: i64,
    length_ms: i64,
}

/// The readings of one tag.
#[derive(Debug, Clone, Default)]
pub struct Column {
    times: Vec<u32>,
    values: Vec<i64>,
    spans: Vec<Span>,
    meanings: Vec<Meaning>,
    /// What the readings of the last batch meant: by which tag table, of which type.
    meant: Option<(u32, ValueType, u32)>,
    texts: Vec<Box<str>>,
    text_index: BTreeMap<Box<str>, i64>,
    bad: Vec<BadSpell>,
    /// Readings of it were forgotten.
    is_cut: bool,
    /// When, of what was forgotten, it was read in the days of interest.
    seen: Extent,
}

/// Which readings of a column are placed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stretch {
    /// Spans that have nothing in here are left out.
    pub(crate) window: Interval,
    /// Nothing is placed after the first span that reaches this instant.
    pub(crate) enough_ms: i64,
    /// Gaps that ended before this instant may be left out.
    pub(crate) gaps_from_ms: i64,
}

impl Stretch {
    /// Everything within a window.
    pub(crate) const fn within(window: Interval) -> Self {
        Self { window, enough_ms: i64::MAX, gaps_from_ms: i64::MIN }
    }
}

/// What a placed column needs to know of the record a span came in.
#[derive(Debug, Clone, Copy)]
pub struct RecordPlace {
    /// Index of the leaf.
    pub leaf: u64,
    /// UTC = boot clock + this; `None` when unknown.
    pub offset_ms: Option<i64>,
    /// Estimated error of the time, milliseconds.
    pub error_ms: i64,
    /// It came late although its gateway had delivered later readings: see [`crate::history::LATE_MS`].
    pub is_late: bool,
}

impl Column {
    /// What readings of a type mean under a tag table; the same `table` is the same table.
    fn meaning(&mut self, (table, tag): (u32, &TagConfig), value_type: ValueType) -> u32 {
        if let Some((of, as_type, meaning)) = self.meant
            && (of, as_type) == (table, value_type)
        {
            return meaning;
        }
        let meaning = self.meanings.iter().rposition(|m| m.is_of(tag, value_type)).unwrap_or_else(|| {
            self.meanings.push(Meaning::new(tag, value_type));
            self.meanings.len() - 1
        }) as u32;
        self.meant = Some((table, value_type, meaning));
        meaning
    }

    /// Appends a column of a record, read as its tag in a table says.
    pub(crate) fn push(&mut self, record: u32, (table, tag): (u32, &TagConfig), column: &FlatColumn<'_>) {
        let meaning = self.meaning((table, tag), column.value_type);
        let good = column.qualities.iter().all(|(q, _)| *q == Quality::Good);
        let mut open: Option<Span> = None;
        let mut runs = column.qualities.iter().copied();
        let mut run = runs.next();
        for (i, boot_ms) in column.times.iter().copied().enumerate() {
            if !good {
                while let Some((_, 0)) = run {
                    run = runs.next();
                }
                if let Some((quality, left)) = &mut run {
                    *left -= 1;
                    if *quality != Quality::Good {
                        self.bad.push(BadSpell { record, boot_ms, length_ms: tag.interval_ms.max(1) });
                        continue;
                    }
                }
            }
            let Some(value) = self.stored(column, i) else {
                self.bad.push(BadSpell { record, boot_ms, length_ms: tag.interval_ms.max(1) });
                continue;
            };
            let base_ms = open.as_ref().map_or(boot_ms, |s| s.base_ms);
            let relative = match u32::try_from(boot_ms.wrapping_sub(base_ms)) {
                Ok(relative) => relative,
                // Back in time or too far ahead: a span of its own.
                Err(_) => {
                    self.spans.extend(open.take());
                    0
                }
            };
            let start = self.times.len();
            let span = open.get_or_insert(Span { record, base_ms: boot_ms, start, end: start, meaning, last: 0 });
            self.times.push(relative);
            self.values.push(value);
            span.end += 1;
            span.last = span.last.max(relative);
        }
        self.spans.extend(open);
    }

    fn stored(&mut self, column: &FlatColumn<'_>, i: usize) -> Option<i64> {
        let float = |v: f64| i64::try_from(float_scaled(v, 1_000_000, 1)?).ok();
        match column.values {
            FlatValues::Bits(bits) => {
                let bits = *bits.get(i)?;
                match column.value_type {
                    ValueType::F32 => float(f64::from(f32::from_bits(bits as u32))),
                    ValueType::F64 => float(f64::from_bits(bits)),
                    ValueType::U64 => i64::try_from(bits).ok(),
                    _ => Some(bits.cast_signed()),
                }
            }
            FlatValues::Texts(texts) => {
                let text = texts.get(i)?;
                if let Some(index) = self.text_index.get(text) {
                    return Some(*index);
                }
                let index = self.texts.len() as i64;
                self.texts.push(text.clone());
                self.text_index.insert(text.clone(), index);
                Some(index)
            }
        }
    }

    /// Readings held.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Places the readings of a stretch on UTC. `place` tells where a record lies.
    pub(crate) fn placed(&self, stretch: Stretch, place: impl Fn(u32) -> RecordPlace) -> Series {
        let window = stretch.window;
        let mut order: Vec<(i64, usize)> = Vec::with_capacity(self.spans.len());
        for (i, span) in self.spans.iter().enumerate() {
            let Some(offset) = place(span.record).offset_ms else { continue };
            let from = span.base_ms.saturating_add(offset);
            let last = self.times.get(span.end.saturating_sub(1)).copied().unwrap_or(0);
            if from < window.to_ms && from.saturating_add(i64::from(last)) >= window.from_ms {
                order.push((from, i));
            }
        }
        order.sort_unstable();
        let length = |(_, i): &(i64, usize)| self.spans.get(*i).map_or(0, |span| span.end - span.start);
        let readings = order.iter().map(length).sum();
        let mut series = Series { meanings: self.meanings.clone(), texts: self.texts.clone(), ..Series::default() };
        series.times.reserve_exact(readings);
        series.values.reserve_exact(readings);
        series.spans.reserve_exact(order.len());
        let mut last_ms = i64::MIN;
        for (from, i) in order {
            if last_ms >= stretch.enough_ms {
                break;
            }
            let Some(span) = self.spans.get(i) else { continue };
            let at = place(span.record);
            let start = series.times.len();
            let range = span.start..span.end;
            let (Some(times), Some(values)) = (self.times.get(range.clone()), self.values.get(range)) else { continue };
            series.times.extend(times.iter().map(|relative| {
                last_ms = from.saturating_add(i64::from(*relative)).max(last_ms.saturating_add(1));
                last_ms
            }));
            series.values.extend_from_slice(values);
            series.spans.push(PlacedSpan {
                start,
                end: series.times.len(),
                leaf: at.leaf,
                error_ms: at.error_ms,
                is_late: at.is_late,
                meaning: span.meaning,
            });
        }
        for spell in &self.bad {
            if let Some(offset) = place(spell.record).offset_ms {
                let from = spell.boot_ms.saturating_add(offset);
                series.gaps.push(Interval::new(from, from.saturating_add(spell.length_ms)));
            }
        }
        series.gaps.sort_unstable();
        series
    }
}

/// A stretch of a placed series that came in one record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlacedSpan {
    /// First reading.
    pub start: usize,
    /// One past the last.
    pub end: usize,
    /// Leaf of the record.
    pub leaf: u64,
    /// Estimated error of the times, milliseconds.
    pub error_ms: i64,
    /// Readings that came late without an outage.
    pub is_late: bool,
    /// Index into [`Series::meanings`].
    pub meaning: u32,
}

/// The readings of one tag in order of UTC.
#[derive(Debug, Clone, Default)]
pub struct Series {
    /// UTC milliseconds, strictly increasing.
    pub times: Vec<i64>,
    /// Stored values.
    pub values: Vec<i64>,
    /// Which record each stretch came in.
    pub spans: Vec<PlacedSpan>,
    /// What stored values mean.
    pub meanings: Vec<Meaning>,
    /// Interned texts.
    pub texts: Vec<Box<str>>,
    /// Recorded gaps, sorted; they may overlap.
    pub gaps: Vec<Interval>,
    /// Stretches whose records are lost or whose contents are missing: gaps that a reader must be told of.
    pub marked: Vec<(Flag, Interval)>,
}

impl Series {
    /// Indexes of the readings from the last at or before `window` to the first at or after its end, looking no
    /// further than `reach_ms` beyond either edge.
    pub fn around(&self, window: Interval, reach_ms: i64) -> std::ops::Range<usize> {
        self.around_span(window, window, reach_ms)
    }

    /// The same for a span that may be longer than the window, within reach of the window.
    fn around_span(&self, window: Interval, span: Interval, reach_ms: i64) -> std::ops::Range<usize> {
        let nearest = Interval::new(window.from_ms.saturating_sub(reach_ms), window.to_ms.saturating_add(reach_ms));
        let first = self.times.partition_point(|t| *t <= span.from_ms).saturating_sub(1);
        let end = (self.times.partition_point(|t| *t < span.to_ms) + 1).min(self.times.len());
        let low = self.times.partition_point(|t| *t < nearest.from_ms);
        let high = self.times.partition_point(|t| *t <= nearest.to_ms);
        first.max(low)..end.min(high).max(first.max(low))
    }

    /// Time and stored value of a range of readings.
    pub fn samples(&self, range: std::ops::Range<usize>) -> impl Iterator<Item = (i64, i64)> + '_ {
        let times = self.times.get(range.clone()).unwrap_or(&[]);
        let values = self.values.get(range).unwrap_or(&[]);
        times.iter().copied().zip(values.iter().copied())
    }

    /// From the first reading of a range to the last.
    pub fn span_of(&self, range: &std::ops::Range<usize>) -> Option<Interval> {
        let times = self.times.get(range.clone())?;
        Some(Interval::new(*times.first()?, *times.last()?))
    }

    /// The spans that overlap a range of readings.
    pub fn spans_of(&self, range: &std::ops::Range<usize>) -> &[PlacedSpan] {
        let from = self.spans.partition_point(|s| s.end <= range.start);
        let to = self.spans.partition_point(|s| s.start < range.end);
        self.spans.get(from..to.max(from)).unwrap_or(&[])
    }

    /// The readings [`around`](Self::around) a window that mean what those inside it mean, and that meaning: of the first
    /// reading inside, else of the last before, else of the first after. A reading under a configuration that reads
    /// another number is none of them: nobody knows what passed when it changed.
    pub fn alike(&self, window: Interval, reach_ms: i64) -> Option<(std::ops::Range<usize>, &Meaning)> {
        self.alike_over(window, window, reach_ms)
    }

    /// The same around a span that may be longer than the window, as far as the readings mean what those of the window mean.
    pub fn alike_over(
        &self,
        window: Interval,
        span: Interval,
        reach_ms: i64,
    ) -> Option<(std::ops::Range<usize>, &Meaning)> {
        let span = Interval::new(span.from_ms.min(window.from_ms), span.to_ms.max(window.to_ms));
        let range = self.around_span(window, span, reach_ms);
        let spans = self.spans_of(&range);
        let inside = self.times.partition_point(|t| *t < window.from_ms).max(range.start);
        let is_inside = inside < range.end && self.times.get(inside).is_some_and(|t| *t < window.to_ms);
        let decisive = if is_inside { inside } else { inside.saturating_sub(1).max(range.start) };
        let at = spans.partition_point(|s| s.end <= decisive);
        let of = spans.get(at).filter(|s| s.start <= decisive)?.meaning;
        let meaning = self.meanings.get(of as usize)?;
        // Spans are as many as records, and nearly all of them mean the same: the numbers tell without a look at the units.
        let is_alike = |s: &&PlacedSpan| {
            s.meaning == of || self.meanings.get(s.meaning as usize).is_some_and(|m| m.compares_with(meaning))
        };
        let before = spans.get(..at)?.iter().rev().take_while(is_alike).count();
        let after = spans.get(at..)?.iter().take_while(is_alike).count();
        let start = spans.get(at - before)?.start.max(range.start);
        let end = spans.get(at + after - 1)?.end.min(range.end);
        Some((start..end, meaning))
    }

    /// The instants inside a window at which another configuration begins to speak, and whether its numbers still compare.
    pub fn meaning_changes(&self, window: Interval, reach_ms: i64) -> impl Iterator<Item = (i64, bool)> + '_ {
        let pairs = self.spans_of(&self.around(window, reach_ms)).windows(2);
        pairs.filter_map(move |pair| {
            let [before, after] = pair else { return None };
            if before.meaning == after.meaning {
                return None;
            }
            let at = *self.times.get(after.start)?;
            let [was, is] = [before, after].map(|s| self.meanings.get(s.meaning as usize));
            (window.from_ms < at && at < window.to_ms).then_some((at, was?.compares_with(is?)))
        })
    }
}

/// A gap as a record states it, before it is placed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StatedGap {
    pub(crate) record: u32,
    pub(crate) from_boot: Option<BootId>,
    pub(crate) from_ms: i64,
    pub(crate) to_ms: i64,
}

impl StatedGap {
    /// On UTC; a beginning in a boot that cannot be placed begins at the end (the silence before speaks for itself).
    pub(crate) fn placed(&self, offset_ms: i64, clocks: &Clocks) -> Interval {
        let to = self.to_ms.saturating_add(offset_ms);
        let from = match &self.from_boot {
            None => self.from_ms.saturating_add(offset_ms),
            Some(boot) => clocks.place_at(boot, self.from_ms).map_or(to, |p| self.from_ms.saturating_add(p.offset_ms)),
        };
        Interval::new(from.min(to), to)
    }
}
