//! The batch: readings by column, gaps, events.

use prost::Message as _;

use super::{PLAIN_MAX, READINGS_MAX};
use crate::{
    BootId, Error, Event, Gap, GapCause, GapStart, Quality, Reading, Result, Value, ValueType,
    reading::TEXT_MAX,
    record::check_times,
    wire::{self, AxisWire, BatchWire, ColumnWire, EventWire, GapWire},
};

/// Values of one column, all of one type.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// Bits.
    Bool(Vec<bool>),
    /// Signed integers.
    I64(Vec<i64>),
    /// Unsigned integers.
    U64(Vec<u64>),
    /// Binary32 as bit patterns.
    F32(Vec<u32>),
    /// Binary64 as bit patterns.
    F64(Vec<u64>),
    /// Text.
    Text(Vec<Box<str>>),
}

impl Values {
    pub(super) fn new(value_type: ValueType) -> Self {
        match value_type {
            ValueType::Bool => Self::Bool(Vec::new()),
            ValueType::I64 => Self::I64(Vec::new()),
            ValueType::U64 => Self::U64(Vec::new()),
            ValueType::F32 => Self::F32(Vec::new()),
            ValueType::F64 => Self::F64(Vec::new()),
            ValueType::Text => Self::Text(Vec::new()),
        }
    }

    /// The type.
    pub fn value_type(&self) -> ValueType {
        match self {
            Self::Bool(_) => ValueType::Bool,
            Self::I64(_) => ValueType::I64,
            Self::U64(_) => ValueType::U64,
            Self::F32(_) => ValueType::F32,
            Self::F64(_) => ValueType::F64,
            Self::Text(_) => ValueType::Text,
        }
    }

    /// The value at `i`; panics beyond the end, as indexing does.
    pub fn get(&self, i: usize) -> Value {
        match self {
            Self::Bool(v) => Value::Bool(v[i]),
            Self::I64(v) => Value::I64(v[i]),
            Self::U64(v) => Value::U64(v[i]),
            Self::F32(v) => Value::F32(f32::from_bits(v[i])),
            Self::F64(v) => Value::F64(f64::from_bits(v[i])),
            Self::Text(v) => Value::Text(v[i].clone()),
        }
    }

    pub(super) fn push(&mut self, value: Value) {
        match (self, value) {
            (Self::Bool(v), Value::Bool(x)) => v.push(x),
            (Self::I64(v), Value::I64(x)) => v.push(x),
            (Self::U64(v), Value::U64(x)) => v.push(x),
            (Self::F32(v), Value::F32(x)) => v.push(x.to_bits()),
            (Self::F64(v), Value::F64(x)) => v.push(x.to_bits()),
            (Self::Text(v), Value::Text(x)) => v.push(x),
            // `Columns::push` picks the column by type.
            _ => unreachable!("a value of another type than its column"),
        }
    }
}

/// The readings of one tag, of one type, in time order of arrival.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// Index into the tag table.
    pub tag: u32,
    /// Boot clock, ms, one per value.
    pub times: Vec<i64>,
    /// The values.
    pub values: Values,
    /// Qualities as (quality, how many in a row); the counts add up to the number of values.
    pub qualities: Vec<(Quality, u32)>,
    /// Source times, UTC ms, one per value — or none at all.
    pub sources: Option<Vec<i64>>,
}

/// Readings, gaps and events between two seals.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Batch {
    /// Readings by tag.
    pub columns: Vec<Column>,
    /// Where there are none, and why.
    pub gaps: Vec<Gap>,
    /// What happened.
    pub events: Vec<Event>,
}

impl Batch {
    /// Sorts readings into columns. Within a tag the order is kept.
    pub fn from_readings(readings: impl IntoIterator<Item = Reading>, gaps: Vec<Gap>, events: Vec<Event>) -> Self {
        let mut columns = super::columns::Columns::default();
        for reading in readings {
            columns.push(reading);
        }
        columns.into_batch(gaps, events)
    }

    /// Every reading, column by column.
    pub fn readings(&self) -> impl Iterator<Item = Reading> + '_ {
        self.columns.iter().flat_map(|column| {
            let qualities =
                column.qualities.iter().flat_map(|(quality, count)| std::iter::repeat_n(*quality, *count as usize));
            column.times.iter().zip(qualities).enumerate().map(move |(i, (boot_ms, quality))| Reading {
                tag: column.tag,
                boot_ms: *boot_ms,
                value: column.values.get(i),
                quality,
                source_ms: column.sources.as_ref().map(|s| s[i]),
            })
        })
    }

    /// Number of readings.
    pub fn len(&self) -> usize {
        self.columns.iter().map(|c| c.times.len()).sum()
    }

    /// Whether there is nothing in it at all.
    pub fn is_empty(&self) -> bool {
        self.columns.is_empty() && self.gaps.is_empty() && self.events.is_empty()
    }

    /// Boot-clock span of readings and gap ends, ms.
    pub fn span(&self) -> Option<(i64, i64)> {
        let times = self.columns.iter().flat_map(|c| c.times.iter().copied());
        let all = times.chain(self.gaps.iter().map(|g| g.to_boot_ms)).chain(self.events.iter().map(|e| e.boot_ms));
        all.fold(None, |span, t| Some(span.map_or((t, t), |(a, b): (i64, i64)| (a.min(t), b.max(t)))))
    }

    /// The protobuf message before compression.
    pub fn encode_plain(&self) -> Result<Vec<u8>> {
        if self.len() > READINGS_MAX {
            return Err(Error::too_large("readings of a batch", self.len(), READINGS_MAX));
        }
        let mut axes: Vec<&Vec<i64>> = Vec::new();
        let mut axis_of = std::collections::BTreeMap::new();
        let mut axis_by_column = Vec::with_capacity(self.columns.len());
        for column in &self.columns {
            axis_by_column.push(*axis_of.entry(&column.times).or_insert_with(|| {
                axes.push(&column.times);
                axes.len() - 1
            }));
        }
        let axes = axes.into_iter().map(|times| AxisWire { deltas: deltas(times.iter().copied()) }).collect();
        let mut bytes = BatchWire { axes, ..BatchWire::default() }.encode_to_vec();
        // The fields of the message in their order, but one column at a time: a gateway with 10,000 tags must not hold them
        // all twice.
        for (column, axis) in self.columns.iter().zip(axis_by_column) {
            BatchWire { columns: vec![encode_column(column, axis as u32)?], ..BatchWire::default() }
                .encode_raw(&mut bytes);
        }
        let (gaps, events) =
            (self.gaps.iter().map(encode_gap).collect(), self.events.iter().map(encode_event).collect());
        BatchWire { gaps, events, ..BatchWire::default() }.encode_raw(&mut bytes);
        Ok(bytes)
    }

    /// Reads the protobuf message.
    pub fn decode_plain(plain: &[u8]) -> Result<Self> {
        let w: BatchWire = wire::decode("batch", PLAIN_MAX, plain)?;
        let axes: Vec<Vec<i64>> = w.axes.into_iter().map(|a| sums(a.deltas)).collect();
        check_times("batch axis", axes.iter().flatten().copied())?;
        let mut columns = Vec::with_capacity(w.columns.len());
        let mut total = 0_usize;
        for column in w.columns {
            let times = axes
                .get(column.axis as usize)
                .ok_or_else(|| Error::malformed("batch column", format!("axis {} does not exist", column.axis)))?;
            total += times.len();
            // Many columns may name one long axis: bound what they expand to before expanding it.
            if total > READINGS_MAX {
                return Err(Error::too_large("readings of a batch", total, READINGS_MAX));
            }
            columns.push(decode_column(column, times)?);
        }
        Ok(Self {
            columns,
            gaps: w.gaps.into_iter().map(decode_gap).collect::<Result<_>>()?,
            events: w.events.into_iter().map(decode_event).collect::<Result<_>>()?,
        })
    }
}

fn deltas(values: impl Iterator<Item = i64>) -> Vec<i64> {
    let mut last = 0_i64;
    values
        .map(|v| {
            let delta = v.wrapping_sub(last);
            last = v;
            delta
        })
        .collect()
}

fn sums(mut deltas: Vec<i64>) -> Vec<i64> {
    let mut last = 0_i64;
    for value in &mut deltas {
        last = last.wrapping_add(*value);
        *value = last;
    }
    deltas
}

/// Byte plane k holds byte k of every value, so that the slow bytes lie together for the compressor.
fn planes<const N: usize>(values: impl ExactSizeIterator<Item = [u8; N]>) -> Vec<u8> {
    let count = values.len();
    let mut out = vec![0; count * N];
    for (i, bytes) in values.enumerate() {
        for (k, byte) in bytes.into_iter().enumerate() {
            out[k * count + i] = byte;
        }
    }
    out
}

fn unplanes<const N: usize>(planes: &[u8], count: usize) -> Result<Vec<[u8; N]>> {
    if planes.len() != count * N {
        return Err(Error::malformed("batch column", format!("{} bytes for {count} values of {N}", planes.len())));
    }
    Ok((0..count).map(|i| std::array::from_fn(|k| planes[k * count + i])).collect())
}

fn encode_column(column: &Column, axis: u32) -> Result<ColumnWire> {
    let mut w =
        ColumnWire { tag: column.tag, value_type: column.values.value_type().code(), axis, ..ColumnWire::default() };
    match &column.values {
        Values::Bool(v) => w.deltas = deltas(v.iter().map(|x| i64::from(*x))),
        Values::I64(v) => w.deltas = deltas(v.iter().copied()),
        Values::U64(v) => w.deltas = deltas(v.iter().map(|x| *x as i64)),
        Values::F32(v) => w.planes = planes(v.iter().map(|x| x.to_be_bytes())),
        Values::F64(v) => w.planes = planes(v.iter().map(|x| x.to_be_bytes())),
        Values::Text(v) => {
            for text in v {
                if text.len() > TEXT_MAX {
                    return Err(Error::too_large("text value", text.len(), TEXT_MAX));
                }
                match (w.texts.last(), w.text_runs.last_mut()) {
                    (Some(last), Some(run)) if **last == **text => *run += 1,
                    _ => {
                        w.texts.push(text.to_string());
                        w.text_runs.push(1);
                    }
                }
            }
        }
    }
    if column.qualities.iter().any(|(q, _)| *q != Quality::Good) {
        w.quality_runs = column.qualities.iter().flat_map(|(q, n)| [q.code(), *n]).collect();
    }
    if let Some(sources) = &column.sources {
        w.source_deltas = deltas(sources.iter().copied());
    }
    Ok(w)
}

pub(super) fn decode_column(w: ColumnWire, times: &[i64]) -> Result<Column> {
    let bad = |why: String| Err(Error::malformed("batch column", why));
    let count = times.len();
    if count == 0 {
        return bad("without readings".into());
    }
    let value_type = ValueType::from_code(w.value_type)?;
    let integers = matches!(value_type, ValueType::Bool | ValueType::I64 | ValueType::U64);
    if w.deltas.len() != if integers { count } else { 0 } {
        return bad(format!("{} differences for {count} times", w.deltas.len()));
    }
    let values = match value_type {
        ValueType::Bool => {
            let bits = sums(w.deltas);
            if bits.iter().any(|b| !matches!(b, 0 | 1)) {
                return bad("a bit that is neither 0 nor 1".into());
            }
            Values::Bool(bits.into_iter().map(|b| b == 1).collect())
        }
        ValueType::I64 => Values::I64(sums(w.deltas)),
        ValueType::U64 => Values::U64(sums(w.deltas).into_iter().map(|v| v as u64).collect()),
        ValueType::F32 => Values::F32(unplanes(&w.planes, count)?.into_iter().map(u32::from_be_bytes).collect()),
        ValueType::F64 => Values::F64(unplanes(&w.planes, count)?.into_iter().map(u64::from_be_bytes).collect()),
        ValueType::Text => {
            if w.texts.len() != w.text_runs.len() || !runs_cover(&w.text_runs, count) {
                return bad("text runs do not cover its times".into());
            }
            if let Some(long) = w.texts.iter().find(|t| t.len() > TEXT_MAX) {
                return Err(Error::too_large("text value", long.len(), TEXT_MAX));
            }
            let texts = w.texts.iter().zip(&w.text_runs);
            Values::Text(texts.flat_map(|(t, n)| std::iter::repeat_n(t.as_str().into(), *n as usize)).collect())
        }
    };
    let qualities = if w.quality_runs.is_empty() {
        vec![(Quality::Good, count as u32)]
    } else {
        let pairs = w.quality_runs.chunks(2);
        let runs: Vec<u32> = pairs.clone().map(|p| p.get(1).copied().unwrap_or(0)).collect();
        if !runs_cover(&runs, count) {
            return bad("quality runs do not cover its times".into());
        }
        pairs.map(|p| Ok((Quality::from_code(p[0])?, p[1]))).collect::<Result<_>>()?
    };
    let sources = match w.source_deltas.len() {
        0 => None,
        n if n == count => Some(sums(w.source_deltas)),
        n => return bad(format!("{n} source times for {count} times")),
    };
    check_times("batch column: source time", sources.iter().flatten().copied())?;
    Ok(Column { tag: w.tag, times: times.to_vec(), values, qualities, sources })
}

fn runs_cover(runs: &[u32], count: usize) -> bool {
    runs.iter().all(|n| *n > 0) && runs.iter().map(|n| u64::from(*n)).sum::<u64>() == count as u64
}

fn encode_gap(gap: &Gap) -> GapWire {
    GapWire {
        tag_plus_one: gap.tag.map_or(0, |t| t + 1),
        from_boot: gap.from.boot.map(|b| b.0.to_vec()).unwrap_or_default(),
        from_ms: gap.from.boot_ms,
        to_ms: gap.to_boot_ms,
        cause: gap.cause.code(),
    }
}

pub(super) fn decode_gap(w: GapWire) -> Result<Gap> {
    check_times("gap", [w.from_ms, w.to_ms])?;
    let boot = if w.from_boot.is_empty() { None } else { Some(BootId::from_slice(&w.from_boot)?) };
    if boot.is_none() && w.from_ms > w.to_ms {
        return Err(Error::malformed("gap", "it ends before it begins"));
    }
    Ok(Gap {
        tag: w.tag_plus_one.checked_sub(1),
        from: GapStart { boot, boot_ms: w.from_ms },
        to_boot_ms: w.to_ms,
        cause: GapCause::from_code(w.cause)?,
    })
}

fn encode_event(event: &Event) -> EventWire {
    EventWire {
        boot_ms: event.boot_ms,
        kind: event.kind.to_string(),
        subject: event.subject.to_string(),
        value: event.value,
        detail: event.detail.to_string(),
    }
}

pub(super) fn decode_event(w: EventWire) -> Result<Event> {
    if w.kind.len() > 64 || w.subject.len() > 128 || w.detail.len() > 1024 {
        return Err(Error::malformed("event", "a text longer than allowed"));
    }
    check_times("event", [w.boot_ms])?;
    Ok(Event {
        boot_ms: w.boot_ms,
        kind: w.kind.into(),
        subject: w.subject.into(),
        value: w.value,
        detail: w.detail.into(),
    })
}
