//! The batch read for a few of its columns: what a verifier does a quarter of a million times.
//!
//! Constraints
//! 1. It accepts what [`Batch::decode_plain`] accepts and gives the same columns. It reads the common form — fields in our order,
//!    integers and floats, all of them good — and leaves everything else, and everything wrong, to that.
//! 2. A column that is not kept is checked all the same, and nothing is allocated for it.

use prost::Message as _;

use super::batch::{decode_column, decode_event, decode_gap};
use super::{Batch, Column, PLAIN_MAX, READINGS_MAX, Values};
use crate::{
    Error, Quality, Result, ValueType,
    record::check_times,
    wire::{ColumnWire, EventWire, GapWire},
};

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

/// The columns that `keep` says of their tag index, gaps, events, and how many readings there are in all columns.
pub(super) fn decode(plain: &[u8], keep: &dyn Fn(u32) -> bool) -> Result<(Batch, usize)> {
    if let Ok(read) = common(plain, keep) {
        return Ok(read);
    }
    let mut batch = Batch::decode_plain(plain)?;
    let readings = batch.len();
    batch.columns.retain(|column| keep(column.tag));
    Ok((batch, readings))
}

/// A varint of at most ten bytes.
fn varint(bytes: &mut &[u8]) -> std::result::Result<u64, Other> {
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
fn field<'b>(bytes: &mut &'b [u8]) -> std::result::Result<(u64, &'b [u8]), Other> {
    let key = varint(bytes)?;
    if key & 7 != 2 {
        return Err(Other);
    }
    let length = usize::try_from(varint(bytes)?).map_err(|_| Other)?;
    let (inside, rest) = bytes.split_at_checked(length).ok_or(Other)?;
    *bytes = rest;
    Ok((key >> 3, inside))
}

fn common(mut plain: &[u8], keep: &dyn Fn(u32) -> bool) -> std::result::Result<(Batch, usize), Other> {
    if plain.len() > PLAIN_MAX {
        return Err(Other);
    }
    let (mut axes, mut batch, mut readings, mut last) = (Vec::new(), Batch::default(), 0_usize, 0);
    while !plain.is_empty() {
        let (number, bytes) = field(&mut plain)?;
        if number < last {
            return Err(Other);
        }
        last = number;
        match number {
            1 => axes.push(axis(bytes)?),
            2 => {
                let (column, count) = column(bytes, &axes, READINGS_MAX - readings, keep)?;
                readings += count;
                batch.columns.extend(column);
            }
            3 => batch.gaps.push(decode_gap(GapWire::decode(bytes)?)?),
            4 => batch.events.push(decode_event(EventWire::decode(bytes)?)?),
            _ => return Err(Other),
        }
    }
    Ok((batch, readings))
}

fn axis(mut bytes: &[u8]) -> std::result::Result<Vec<i64>, Other> {
    let (number, mut deltas) = field(&mut bytes)?;
    if number != 1 || !bytes.is_empty() {
        return Err(Other);
    }
    let (mut times, mut last) = (Vec::new(), 0_i64);
    while !deltas.is_empty() {
        last = last.wrapping_add(zigzag(varint(&mut deltas)?));
        times.push(last);
    }
    check_times("batch axis", times.iter().copied())?;
    Ok(times)
}

/// The column, if it is kept, and how many readings it has: at most `room`.
fn column(
    whole: &[u8],
    axes: &[Vec<i64>],
    room: usize,
    keep: &dyn Fn(u32) -> bool,
) -> std::result::Result<(Option<Column>, usize), Other> {
    let mut bytes = whole;
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
    let times = axes.get(axis as usize).ok_or(Other)?;
    let count = times.len();
    if count == 0 || count > room {
        return Err(Other);
    }
    let value_type = ValueType::from_code(value_type)?;
    let kept = keep(tag);
    let is_common = !matches!(value_type, ValueType::Text)
        && bytes.first() == Some(if matches!(value_type, ValueType::F32 | ValueType::F64) { &0x2a } else { &0x22 });
    let mut after = bytes;
    let inside = if is_common { field(&mut after)?.1 } else { &[] };
    if !is_common || !after.is_empty() {
        // Texts, qualities, source times.
        let column = decode_column(ColumnWire::decode(whole)?, times)?;
        return Ok((kept.then_some(column), count));
    }
    let values = match value_type {
        ValueType::F32 | ValueType::F64 => {
            let width = if value_type == ValueType::F32 { 4 } else { 8 };
            if inside.len() != count * width {
                return Err(Other);
            }
            if kept {
                return Ok((Some(decode_column(ColumnWire::decode(whole)?, times)?), count));
            }
            None
        }
        ValueType::U64 => integers(inside, count, kept, i64::cast_unsigned)?.map(Values::U64),
        ValueType::I64 => integers(inside, count, kept, |value| value)?.map(Values::I64),
        // A bit must be 0 or 1: left to the other way, they are few.
        ValueType::Bool | ValueType::Text => {
            let column = decode_column(ColumnWire::decode(whole)?, times)?;
            return Ok((kept.then_some(column), count));
        }
    };
    let column = values.map(|values| Column {
        tag,
        times: times.clone(),
        values,
        qualities: vec![(Quality::Good, count as u32)],
        sources: None,
    });
    Ok((column, count))
}

/// Exactly `count` values, each after its difference to the one before; none when they are not kept.
fn integers<T>(
    mut deltas: &[u8],
    count: usize,
    kept: bool,
    of: impl Fn(i64) -> T,
) -> std::result::Result<Option<Vec<T>>, Other> {
    let mut values = Vec::with_capacity(if kept { count } else { 0 });
    let (mut last, mut found) = (0_i64, 0);
    while !deltas.is_empty() {
        last = last.wrapping_add(zigzag(varint(&mut deltas)?));
        found += 1;
        if kept {
            values.push(of(last));
        }
    }
    if found != count {
        return Err(Other);
    }
    Ok(kept.then_some(values))
}
