//! A content read for its numbers: what a verifier does a quarter of a million times a month.
//!
//! Constraints
//! 1. It accepts what [`Content::decode`] accepts and gives the same readings, but for source times, which nothing computes with.
//!    It reads the common form of a batch — fields in our order, numbers, all of them good — and leaves everything else, and
//!    everything wrong, to [`Batch::decode_plain`].
//! 2. A column that is not kept is checked all the same, and nothing is allocated for it. Those that are lie one behind the other
//!    in a few vectors: a column of its own takes longer to allocate and free than to read.

use prost::Message as _;

use super::batch::{decode_event, decode_gap};
use super::{Batch, Column, Content, PLAIN_MAX, READINGS_MAX, Values, decompress};
use crate::{
    Error, Event, Gap, Kind, Quality, Result, ValueType,
    record::check_times,
    wire::{EventWire, GapWire},
};

/// Columns there is room for before they come.
const COLUMNS_AHEAD: usize = 1024;

/// What metrics take of a content.
#[derive(Debug, Clone, PartialEq)]
pub enum Excerpt {
    /// Of a batch the columns that were asked for.
    Batch(FlatBatch),
    /// Anything else is taken as it is; never a batch.
    Whole(Content),
}

impl Excerpt {
    /// Reads content bytes as sent, of a batch only the columns that `keep` says of their tag index.
    ///
    /// # Errors
    /// As [`Content::decode`].
    pub fn read(kind: Kind, content: &[u8], keep: &impl Fn(u32) -> bool) -> Result<Self> {
        if kind != Kind::Batch {
            return Content::decode(kind, content).map(Self::Whole);
        }
        let plain = decompress(content)?;
        let read = |_| Batch::decode_plain(&plain).map(|batch| FlatBatch::of(&batch, keep));
        common(&plain, keep).or_else(read).map(Self::Batch)
    }
}

/// The readings of a batch by column, without source times, with its gaps and events.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FlatBatch {
    columns: Vec<Place>,
    /// Axes one behind the other.
    times: Vec<i64>,
    /// Of numbers; see [`FlatValues`].
    bits: Vec<u64>,
    texts: Vec<Box<str>>,
    qualities: Vec<(Quality, u32)>,
    readings: usize,
    /// Where there are none, and why.
    pub gaps: Vec<Gap>,
    /// What happened.
    pub events: Vec<Event>,
}

/// Where the parts of a column lie.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Place {
    tag: u32,
    value_type: ValueType,
    times: (u32, u32),
    values: u32,
    qualities: (u32, u32),
}

/// One column of a [`FlatBatch`].
#[derive(Debug, Clone, Copy)]
pub struct FlatColumn<'b> {
    /// Index into the tag table.
    pub tag: u32,
    /// Boot clock, ms, one per value.
    pub times: &'b [i64],
    /// The type of its values.
    pub value_type: ValueType,
    /// The values.
    pub values: FlatValues<'b>,
    /// Qualities as (quality, how many in a row); empty when all are Good.
    pub qualities: &'b [(Quality, u32)],
}

/// The values of a column, as many as it has times.
#[derive(Debug, Clone, Copy)]
pub enum FlatValues<'b> {
    /// Of every type but text: a bit as 0 or 1, an integer in two's complement, a float as its bit pattern.
    Bits(&'b [u64]),
    /// Texts.
    Texts(&'b [Box<str>]),
}

fn stretch<T>(of: &[T], from: u32, to: u32) -> &[T] {
    of.get(from as usize..to as usize).unwrap_or(&[])
}

impl FlatBatch {
    /// The columns that `keep` says of a batch.
    pub fn of(batch: &Batch, keep: &impl Fn(u32) -> bool) -> Self {
        let mut flat = Self { readings: batch.len(), ..Self::default() };
        flat.gaps.clone_from(&batch.gaps);
        flat.events.clone_from(&batch.events);
        for column in batch.columns.iter().filter(|column| keep(column.tag)) {
            flat.push(column);
        }
        flat
    }

    fn push(&mut self, column: &Column) {
        let from = self.times.len() as u32;
        self.times.extend_from_slice(&column.times);
        let runs = self.qualities.len() as u32;
        if column.qualities.iter().any(|(quality, _)| *quality != Quality::Good) {
            self.qualities.extend_from_slice(&column.qualities);
        }
        let value_type = column.values.value_type();
        let values = if value_type == ValueType::Text { self.texts.len() } else { self.bits.len() } as u32;
        match &column.values {
            Values::Bool(v) => self.bits.extend(v.iter().map(|bit| u64::from(*bit))),
            Values::I64(v) => self.bits.extend(v.iter().map(|value| value.cast_unsigned())),
            Values::U64(v) | Values::F64(v) => self.bits.extend_from_slice(v),
            Values::F32(v) => self.bits.extend(v.iter().map(|bits| u64::from(*bits))),
            Values::Text(v) => self.texts.extend_from_slice(v),
        }
        self.columns.push(Place {
            tag: column.tag,
            value_type,
            times: (from, self.times.len() as u32),
            values,
            qualities: (runs, self.qualities.len() as u32),
        });
    }

    /// How many readings the batch has in all its columns, kept or not.
    pub fn readings(&self) -> usize {
        self.readings
    }

    /// The columns kept, in the order of the batch.
    pub fn columns(&self) -> impl Iterator<Item = FlatColumn<'_>> {
        self.columns.iter().map(|place| {
            let Place { tag, value_type, times: (from, to), values, qualities } = *place;
            let end = values + (to - from);
            FlatColumn {
                tag,
                times: stretch(&self.times, from, to),
                value_type,
                values: match value_type {
                    ValueType::Text => FlatValues::Texts(stretch(&self.texts, values, end)),
                    _ => FlatValues::Bits(stretch(&self.bits, values, end)),
                },
                qualities: stretch(&self.qualities, qualities.0, qualities.1),
            }
        })
    }
}

/// What does not have the common form.
struct Other;

impl From<Error> for Other {
    fn from(_: Error) -> Self {
        Self
    }
}

impl From<prost::DecodeError> for Other {
    fn from(_: prost::DecodeError) -> Self {
        Self
    }
}

type Common<T> = std::result::Result<T, Other>;

/// A varint of at most ten bytes.
#[inline]
fn varint(bytes: &mut &[u8]) -> Common<u64> {
    // Nearly every number here is below 128.
    if let [byte @ ..0x80, rest @ ..] = *bytes {
        *bytes = rest;
        return Ok((*byte).into());
    }
    longer(bytes)
}

fn longer(bytes: &mut &[u8]) -> Common<u64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first().ok_or(Other)?;
        *bytes = rest;
        if shift == 63 && *byte > 1 {
            return Err(Other);
        }
        value |= u64::from(byte & 0x7f) << shift;
        if *byte < 0x80 {
            return Ok(value);
        }
    }
    Err(Other)
}

fn zigzag(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ -(value & 1).cast_signed()
}

/// The next field with a length: its number and bytes.
#[inline]
fn field<'b>(bytes: &mut &'b [u8]) -> Common<(u64, &'b [u8])> {
    let key = varint(bytes)?;
    if key & 7 != 2 {
        return Err(Other);
    }
    let length = usize::try_from(varint(bytes)?).map_err(|_| Other)?;
    let (inside, rest) = bytes.split_at_checked(length).ok_or(Other)?;
    *bytes = rest;
    Ok((key >> 3, inside))
}

fn common(mut plain: &[u8], keep: &impl Fn(u32) -> bool) -> Common<FlatBatch> {
    if plain.len() > PLAIN_MAX {
        return Err(Other);
    }
    // Nearly every column is one number, in eleven bytes and more.
    let columns = (plain.len() / 11).min(COLUMNS_AHEAD);
    let (mut axes, mut last) = (Vec::new(), 0);
    let mut flat =
        FlatBatch { columns: Vec::with_capacity(columns), bits: Vec::with_capacity(columns), ..FlatBatch::default() };
    while !plain.is_empty() {
        let (number, bytes) = field(&mut plain)?;
        if number < last {
            return Err(Other);
        }
        last = number;
        match number {
            1 => axes.push(flat.axis(bytes)?),
            2 => flat.column(bytes, &axes, keep)?,
            3 => flat.gaps.push(decode_gap(GapWire::decode(bytes)?)?),
            4 => flat.events.push(decode_event(EventWire::decode(bytes)?)?),
            _ => return Err(Other),
        }
    }
    Ok(flat)
}

impl FlatBatch {
    /// Takes in an axis; where it lies.
    fn axis(&mut self, mut bytes: &[u8]) -> Common<(u32, u32)> {
        let (number, mut deltas) = field(&mut bytes)?;
        if number != 1 || !bytes.is_empty() {
            return Err(Other);
        }
        let (from, mut last) = (self.times.len(), 0_i64);
        while !deltas.is_empty() {
            last = last.wrapping_add(zigzag(varint(&mut deltas)?));
            self.times.push(last);
        }
        check_times("batch axis", self.times.get(from..).unwrap_or(&[]).iter().copied())?;
        Ok((from as u32, self.times.len() as u32))
    }

    /// Takes in a column, if it is kept.
    fn column(&mut self, mut bytes: &[u8], axes: &[(u32, u32)], keep: &impl Fn(u32) -> bool) -> Common<()> {
        let mut numbers = [0_u32; 3];
        let mut last = 0;
        // Tag, type, axis: each at most once, in this order, absent when zero.
        while let Some(key) = bytes.first().copied().filter(|key| matches!(key, 0x08 | 0x10 | 0x18)) {
            let number = usize::from(key >> 3);
            if number <= last {
                return Err(Other);
            }
            last = number;
            bytes = bytes.get(1..).unwrap_or_default();
            let value = u32::try_from(varint(&mut bytes)?).map_err(|_| Other)?;
            *numbers.get_mut(number - 1).ok_or(Other)? = value;
        }
        let [tag, value_type, axis] = numbers;
        let times = *axes.get(axis as usize).ok_or(Other)?;
        let count = (times.1 - times.0) as usize;
        self.readings += count;
        if count == 0 || self.readings > READINGS_MAX {
            return Err(Other);
        }
        // Values and nothing behind them: no qualities, no source times.
        let (number, inside) = field(&mut bytes)?;
        if !bytes.is_empty() {
            return Err(Other);
        }
        let (value_type, values) = (ValueType::from_code(value_type)?, self.bits.len());
        let kept = keep(tag);
        match (value_type, number) {
            (ValueType::Bool, 4) => self.integers(inside, count, kept, |bit| matches!(bit, 0 | 1))?,
            (ValueType::I64 | ValueType::U64, 4) => self.integers(inside, count, kept, |_| true)?,
            (ValueType::F32, 5) => self.floats::<4>(inside, count, kept)?,
            (ValueType::F64, 5) => self.floats::<8>(inside, count, kept)?,
            _ => return Err(Other),
        }
        if kept {
            self.columns.push(Place { tag, value_type, times, values: values as u32, qualities: (0, 0) });
        }
        Ok(())
    }

    /// Exactly `count` values that are allowed, each after its difference to the one before.
    fn integers(
        &mut self,
        mut deltas: &[u8],
        count: usize,
        kept: bool,
        is_allowed: impl Fn(i64) -> bool,
    ) -> Common<()> {
        let (mut last, mut found) = (0_i64, 0);
        while !deltas.is_empty() {
            last = last.wrapping_add(zigzag(varint(&mut deltas)?));
            found += 1;
            if !is_allowed(last) {
                return Err(Other);
            }
            if kept {
                self.bits.push(last.cast_unsigned());
            }
        }
        if found == count { Ok(()) } else { Err(Other) }
    }

    /// Exactly `count` values of `N` bytes, their byte planes one behind the other.
    fn floats<const N: usize>(&mut self, planes: &[u8], count: usize, kept: bool) -> Common<()> {
        if planes.len() != count * N {
            return Err(Other);
        }
        if kept {
            let byte = |i: usize, k: usize| planes.get(k * count + i).copied().unwrap_or_default();
            let value = |i: usize| (0..N).fold(0_u64, |bits, k| bits << 8 | u64::from(byte(i, k)));
            self.bits.extend((0..count).map(value));
        }
        Ok(())
    }
}
