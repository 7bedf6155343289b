//! Rows as they come, sorted into tags: what is used, what was left out and why, and what is wrong, each with its place.
//!
//! Constraints
//! 1. Order of rows changes nothing: a tag's rows are sorted by time.
//! 2. The same tag, time and value twice is one reading, counted. The same tag and time with different values are bad rows, all
//!    of them: nobody can say which is right.
//! 3. Memory is bounded by [`Limits`]: 24 bytes a row; of the bad rows so many are kept, all are counted.

use std::collections::BTreeMap;

use protocol::{Quality, Value};
use serde::Serialize;

use super::said::{BadRow, Refusal, Said, Wrong};
use super::tags::{Place, TagTable};
use super::value;

/// What a file of readings may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the file.
    pub file_bytes: u64,
    /// Readings in it.
    pub rows: u64,
    /// Bytes of a line.
    pub line_bytes: usize,
    /// Bad rows kept to be shown.
    pub bad_rows_kept: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { file_bytes: 2 << 30, rows: 20_000_000, line_bytes: 64 << 10, bad_rows_kept: 10_000 }
    }
}

/// One reading of a tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sample {
    pub(super) time_ms: i64,
    /// The raw value: bits of integers and floats, 0 or 1, or the index of a text.
    pub(super) bits: u64,
    pub(super) row: u32,
    pub(super) quality: Quality,
}

/// The readings of one tag.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct TagRows {
    pub(super) samples: Vec<Sample>,
    pub(super) texts: Vec<Box<str>>,
    text_index: BTreeMap<Box<str>, u64>,
}

/// What was left out without being wrong.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Ignored {
    /// Rows that repeat a reading: same tag, time and value.
    pub duplicates: u64,
    /// Rows or cells of tags that are left out on purpose, by tag; of at most a thousand tags.
    pub tags: BTreeMap<String, u64>,
    /// Rows or cells of further such tags.
    pub other_tags: u64,
    /// Readings of a quality other than good: gaps of one polling interval.
    pub not_good: u64,
    /// Lines without anything.
    pub blank_lines: u64,
    /// Empty cells of a wide file: no reading of that tag at that time.
    pub empty_cells: u64,
}

/// Rows that cannot be used.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct BadRows {
    /// How many.
    pub count: u64,
    /// The first of them, as many as are kept.
    pub rows: Vec<BadRow>,
}

/// A file of readings, taken in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Readings {
    pub(super) tags: Vec<TagRows>,
    /// Rows of data in the file: lines without the header, or rows.
    pub rows: u64,
    /// Left out.
    pub ignored: Ignored,
    /// Wrong.
    pub bad: BadRows,
}

impl Readings {
    /// Readings that are used, of any quality.
    pub fn used(&self) -> u64 {
        self.tags.iter().map(|t| t.samples.len() as u64).sum()
    }

    /// Time and raw value of the good readings of the tag with this index, in order of time; text has none.
    pub fn raw_of(&self, tag: usize, table: &TagTable) -> Vec<(i64, Value)> {
        let Some((rows, tag)) = self.tags.get(tag).zip(table.tags().get(tag)) else { return Vec::new() };
        let value = |bits: u64| match tag.config.value_type {
            protocol::ValueType::Bool => Value::Bool(bits != 0),
            protocol::ValueType::I64 => Value::I64(bits.cast_signed()),
            protocol::ValueType::U64 => Value::U64(bits),
            protocol::ValueType::F32 => Value::F32(f32::from_bits(bits as u32)),
            protocol::ValueType::F64 => Value::F64(f64::from_bits(bits)),
            protocol::ValueType::Text => Value::Text(text_of(rows, bits)),
        };
        rows.samples.iter().filter(|s| s.quality == Quality::Good).map(|s| (s.time_ms, value(s.bits))).collect()
    }
}

/// The text of an index.
pub(super) fn text_of(rows: &TagRows, bits: u64) -> Box<str> {
    usize::try_from(bits).ok().and_then(|i| rows.texts.get(i)).cloned().unwrap_or_default()
}

/// Takes rows in.
pub(super) struct Collector<'t> {
    table: &'t TagTable,
    limits: Limits,
    file: &'t str,
    out: Readings,
    taken: u64,
}

/// Names of left-out tags that are counted one by one.
const IGNORED_NAMES_MAX: usize = 1_000;

impl<'t> Collector<'t> {
    pub(super) fn new(table: &'t TagTable, limits: Limits, file: &'t str) -> Self {
        let tags = vec![TagRows::default(); table.tags().len()];
        let out = Readings { tags, rows: 0, ignored: Ignored::default(), bad: BadRows::default() };
        Self { table, limits, file, out, taken: 0 }
    }

    pub(super) fn ignored(&mut self) -> &mut Ignored {
        &mut self.out.ignored
    }

    /// Counts a row of the file.
    pub(super) fn row(&mut self) -> Result<(), Refusal> {
        self.out.rows += 1;
        self.check_rows(self.out.rows)
    }

    fn check_rows(&self, rows: u64) -> Result<(), Refusal> {
        if rows <= self.limits.rows.min(u64::from(u32::MAX)) {
            return Ok(());
        }
        let most = self.limits.rows;
        Err(Refusal::new(
            self.file,
            Said::new(format!("读数超过 {most} 条"), format!("more than {most} readings")),
            Said::new(
                "按月或按设备分成几个文件，分别计算",
                "divide it by month or by machine and evaluate the parts one by one",
            ),
        ))
    }

    pub(super) fn bad(&mut self, row: u64, column: &str, wrong: Wrong) {
        self.out.bad.count += 1;
        if self.out.bad.rows.len() < self.limits.bad_rows_kept {
            self.out.bad.rows.push(wrong.at(row, column));
        }
    }

    /// A row of a tag that is left out on purpose.
    pub(super) fn leave_out(&mut self, name: &str) {
        let (ignored, name) = (&mut self.out.ignored, super::said::quoted(name));
        if let Some(count) = ignored.tags.get_mut(&name) {
            *count += 1;
        } else if ignored.tags.len() < IGNORED_NAMES_MAX {
            ignored.tags.insert(name, 1);
        } else {
            ignored.other_tags += 1;
        }
    }

    /// Type of the raw values of a tag.
    pub(super) fn value_type(&self, tag: usize) -> Option<protocol::ValueType> {
        self.table.tags().get(tag).map(|t| t.config.value_type)
    }

    /// A cell as text: its value at a time.
    pub(super) fn take_text(&mut self, row: u64, at: Cell<'_>, text: &str) -> Result<(), Refusal> {
        let Some(tag) = self.table.tags().get(at.tag) else { return Ok(()) };
        // What a device calls bad needs no value: it is a gap either way.
        if text.is_empty() && at.quality == Quality::Bad {
            return self.push(row, at, 0);
        }
        match value::parse(text, tag.config.value_type, self.table.scale(tag)) {
            Ok(value) => self.take(row, at, value),
            Err(wrong) => {
                self.bad(row, at.column, wrong);
                Ok(())
            }
        }
    }

    /// A raw value of the tag's own type.
    pub(super) fn take(&mut self, row: u64, at: Cell<'_>, value: Value) -> Result<(), Refusal> {
        let bits = match value {
            Value::Bool(v) => u64::from(v),
            Value::I64(v) => v.cast_unsigned(),
            Value::U64(v) => v,
            Value::F32(v) => u64::from(v.to_bits()),
            Value::F64(v) => v.to_bits(),
            Value::Text(text) => {
                let Some(rows) = self.out.tags.get_mut(at.tag) else { return Ok(()) };
                match rows.text_index.get(&text) {
                    Some(index) => *index,
                    None => {
                        let index = rows.texts.len() as u64;
                        rows.texts.push(text.clone());
                        rows.text_index.insert(text, index);
                        index
                    }
                }
            }
        };
        self.push(row, at, bits)
    }

    fn push(&mut self, row: u64, at: Cell<'_>, bits: u64) -> Result<(), Refusal> {
        self.taken += 1;
        self.check_rows(self.taken)?;
        let row = u32::try_from(row).unwrap_or(u32::MAX);
        if let Some(rows) = self.out.tags.get_mut(at.tag) {
            rows.samples.push(Sample { time_ms: at.time_ms, bits, row, quality: at.quality });
        }
        Ok(())
    }

    /// Sorts, finds what is there twice, and hands the readings over.
    pub(super) fn finish(mut self) -> Readings {
        for tag in 0..self.out.tags.len() {
            let Some(rows) = self.out.tags.get_mut(tag) else { continue };
            let mut samples = std::mem::take(&mut rows.samples);
            samples.sort_unstable_by_key(|s| (s.time_ms, s.row));
            let mut kept: Vec<Sample> = Vec::with_capacity(samples.len());
            for same in samples.chunk_by(|a, b| a.time_ms == b.time_ms) {
                let Some(first) = same.first() else { continue };
                if same.iter().all(|s| (s.bits, s.quality) == (first.bits, first.quality)) {
                    self.out.ignored.duplicates += same.len() as u64 - 1;
                    kept.push(*first);
                } else {
                    self.contradiction(tag, same);
                }
            }
            self.out.ignored.not_good += kept.iter().filter(|s| s.quality != Quality::Good).count() as u64;
            if let Some(rows) = self.out.tags.get_mut(tag) {
                kept.shrink_to_fit();
                rows.samples = kept;
            }
        }
        self.out.bad.rows.sort_unstable();
        self.out
    }

    fn contradiction(&mut self, tag: usize, same: &[Sample]) {
        let name = self.table.tags().get(tag).map(|t| t.config.id.to_string()).unwrap_or_default();
        let Some(first) = same.first() else { return };
        let is_first = |s: &Sample| (s.bits, s.quality) == (first.bits, first.quality);
        let different = same.iter().find(|s| !is_first(s)).unwrap_or(first);
        for s in same {
            let other = if is_first(s) { different.row } else { first.row };
            let what = Said::new(
                format!("{name} 在同一时刻与第 {other} 行的数值或质量不同"),
                format!("{name} has another value or quality at the same time in row {other}"),
            );
            let allowed = Said::new("同一数据点同一时刻只有一个数值", "one value for one tag at one time");
            self.bad(u64::from(s.row), "value", Wrong::new(what, allowed));
        }
    }
}

/// Where and when a value was read, and in which column it stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cell<'c> {
    pub(super) tag: usize,
    pub(super) time_ms: i64,
    pub(super) quality: Quality,
    pub(super) column: &'c str,
}

/// A quality in a file; an empty cell is good.
pub(super) fn quality(text: &str) -> Result<Quality, Wrong> {
    match text {
        "good" | "" => Ok(Quality::Good),
        "uncertain" => Ok(Quality::Uncertain),
        "bad" => Ok(Quality::Bad),
        other => Err(Wrong::new(
            Said::new(
                format!("「{}」不是数据质量", super::said::quoted(other)),
                format!("`{}` is not a quality", super::said::quoted(other)),
            ),
            Said::new("good、uncertain、bad，或留空（视为 good）", "good, uncertain, bad, or empty for good"),
        )),
    }
}

/// Looks a tag up; the row is settled when `None` comes back.
pub(super) fn place(c: &mut Collector<'_>, row: u64, column: &str, name: &str, gateway: Option<&str>) -> Option<usize> {
    match c.table.find(name, gateway) {
        Ok(Place::Tag(tag)) => Some(tag),
        Ok(Place::Ignored) => {
            c.leave_out(name);
            None
        }
        Err(wrong) => {
            c.bad(row, column, wrong);
            None
        }
    }
}
