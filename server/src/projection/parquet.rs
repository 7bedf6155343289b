//! Readings as Parquet: one file per site and UTC day, `readings/<site>/<day>.parquet`, for DuckDB, pandas, Spark.
//!
//! Constraints
//! 1. A convenience copy, never evidence: the log holds the readings, and a rebuild writes the same rows. Every row names
//!    the leaf it came from.
//! 2. Rows are sorted by gateway, tag, time and leaf. Values are raw, as in the log: `int` for bool, i64 and u64 (`type`
//!    says which; a u64 above 2⁶³ wraps), `float` for f32 and f64, `text`.
//! 3. A day is written when it is over, and again when late data changed it; until then its readings are in the log only.
//! 4. Memory is bounded: a day is written in passes of at most [`PASS_READINGS`] readings, whole tags each.
//! 5. A file appears complete or not at all: temporary name, sync, rename, sync of the directory.
//! 6. A file says in its footer from which leaves it was written ([`LEAVES`]). After a start a day is due when its file is
//!    missing, unreadable or from other leaves than the log now has for it: a server killed while it caught up goes on.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use metrics::Interval;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::data_type::{ByteArray, ByteArrayType, DoubleType, Int64Type};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{WriterProperties, WriterVersion};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;
use parquet::schema::types::ColumnPath;
use protocol::{Configuration, Content, Digest, Header, Kind, LeafBody, Value};

use super::{LeafSource, ProjectionError};

/// Which leaves hold readings of which day, and which days' files are out of date.
#[derive(Debug, Default)]
pub(super) struct Days {
    days: BTreeMap<i64, Day>,
    /// Nothing is due before, Unix ms: after a failure.
    wait_until_ms: Option<i64>,
}

#[derive(Debug)]
struct Day {
    first: u64,
    last: u64,
    dirty: bool,
}

impl Days {
    /// Notes readings within `own` under a leaf.
    pub(super) fn touch(&mut self, own: Interval, leaf: u64) {
        let first = own.from_ms.div_euclid(DAY_MS);
        let last = own.to_ms.saturating_sub(1).div_euclid(DAY_MS).min(first.saturating_add(SPAN_DAYS));
        for number in first..=last {
            let day = self.days.entry(number).or_insert(Day { first: leaf, last: leaf, dirty: true });
            day.first = day.first.min(leaf);
            day.last = day.last.max(leaf);
            day.dirty = true;
        }
    }

    /// After a start: only the days whose file is there and was written from exactly these leaves need nothing.
    pub(super) fn compare(&mut self, folder: &Path) {
        for (number, day) in &mut self.days {
            let file = path(folder, &date(*number));
            day.dirty = leaves_of(&file) != Some((day.first, day.last));
        }
    }

    /// The oldest day that is over at `now_ms` and whose file is out of date.
    pub(super) fn due(&self, now_ms: i64) -> Option<DueDay> {
        if self.wait_until_ms.is_some_and(|until| now_ms < until) {
            return None;
        }
        let over = |number: &i64| number.saturating_add(1).saturating_mul(DAY_MS).saturating_add(GRACE_MS) <= now_ms;
        let (number, day) = self.days.iter().find(|(number, day)| day.dirty && over(number))?;
        Some(DueDay { number: *number, first: day.first, last: day.last })
    }

    /// Notes that a day's file could not be written: it stays due, and is tried again in a while.
    pub(super) fn failed(&mut self, now_ms: i64) {
        self.wait_until_ms = Some(now_ms.saturating_add(RETRY_MS));
    }

    /// Notes that a day's file is written.
    pub(super) fn written(&mut self, day: &DueDay) {
        self.wait_until_ms = None;
        if let Some(known) = self.days.get_mut(&day.number) {
            // A record that came in the meantime keeps it dirty.
            known.dirty = (known.first, known.last) != (day.first, day.last);
        }
    }
}

/// A day to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DueDay {
    number: i64,
    first: u64,
    last: u64,
}

impl DueDay {
    /// Its date, `YYYY-MM-DD`, UTC.
    pub(super) fn date(&self) -> String {
        date(self.number)
    }

    fn window(&self) -> Interval {
        let from_ms = self.number.saturating_mul(DAY_MS);
        Interval::new(from_ms, from_ms.saturating_add(DAY_MS))
    }
}

/// The date of a day since 1970, `YYYY-MM-DD`, UTC.
fn date(number: i64) -> String {
    let at = jiff::Timestamp::from_millisecond(number.saturating_mul(DAY_MS)).unwrap_or_default();
    at.to_zoned(jiff::tz::TimeZone::UTC).date().to_string()
}

fn path(folder: &Path, date: &str) -> PathBuf {
    folder.join(format!("{date}.parquet"))
}

/// First and last leaf a day's file was written from, if there is a whole file that says so.
fn leaves_of(file: &Path) -> Option<(u64, u64)> {
    let reader = SerializedFileReader::new(File::open(file).ok()?).ok()?;
    let values = reader.metadata().file_metadata().key_value_metadata()?;
    let leaves = values.iter().find(|pair| pair.key == LEAVES)?.value.as_deref()?;
    let (first, last) = leaves.split_once('-')?;
    Some((first.parse().ok()?, last.parse().ok()?))
}

/// One row.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Row {
    time_ms: i64,
    leaf: i64,
    quality: &'static str,
    value: Value,
}

/// Rows of a pass, by gateway and tag.
type Rows = BTreeMap<(Arc<str>, Arc<str>), Vec<Row>>;

/// Writes the readings of leaves `first..=last` that lie on a UTC day, numbered from 1970, as the projection does: for those who
/// want the files without a server. Returns how many rows the file has.
///
/// # Errors
/// The leaves cannot be read, or the file cannot be written.
pub fn write_utc_day(
    source: &dyn LeafSource,
    folder: &Path,
    number: i64,
    (first, last): (u64, u64),
    place: &dyn Fn(&Header) -> Option<i64>,
) -> Result<u64, ProjectionError> {
    write_day(source, folder, &DueDay { number, first, last }, place)
}

/// Writes a day's file and returns how many rows it has. `place` gives UTC minus boot clock of a record.
pub(super) fn write_day(
    source: &dyn LeafSource,
    folder: &Path,
    day: &DueDay,
    place: &dyn Fn(&Header) -> Option<i64>,
) -> Result<u64, ProjectionError> {
    let mut sizes: BTreeMap<(Arc<str>, Arc<str>), u64> = BTreeMap::new();
    let mut names = Names::default();
    scan(source, day, place, &mut names, &mut |key, _| *sizes.entry(key).or_default() += 1)?;
    if sizes.is_empty() {
        return Ok(0);
    }
    fs::create_dir_all(folder)?;
    let target = path(folder, &day.date());
    let unfinished = folder.join(format!("{}.parquet.tmp", day.date()));
    let written = write_file(&unfinished, source, day, place, &mut names, sizes)
        .and_then(|rows| Ok(fs::rename(&unfinished, &target).map(|()| rows)?));
    match written {
        Ok(rows) => {
            File::open(folder)?.sync_all()?;
            Ok(rows)
        }
        Err(error) => {
            // Half a file would hold on to the space whose want may be the reason.
            let _ = fs::remove_file(&unfinished);
            Err(error)
        }
    }
}

fn write_file(
    file: &Path,
    source: &dyn LeafSource,
    day: &DueDay,
    place: &dyn Fn(&Header) -> Option<i64>,
    names: &mut Names,
    sizes: BTreeMap<(Arc<str>, Arc<str>), u64>,
) -> Result<u64, ProjectionError> {
    let mut writer = SerializedFileWriter::new(File::create(file)?, schema()?, Arc::new(properties(day)?))?;
    let mut rows_written = 0;
    let mut keys = sizes.into_iter().peekable();
    while keys.peek().is_some() {
        let (mut pass, mut readings) = (Rows::new(), 0);
        while let Some((key, size)) = keys.next_if(|(_, size)| readings == 0 || readings + size <= PASS_READINGS) {
            readings += size;
            pass.insert(key, Vec::with_capacity(usize::try_from(size).unwrap_or(0)));
        }
        scan(source, day, place, names, &mut |key, row| {
            if let Some(rows) = pass.get_mut(&key) {
                rows.push(row);
            }
        })?;
        for rows in pass.values_mut() {
            rows.sort_by_key(|row| (row.time_ms, row.leaf));
        }
        let mut group = writer.next_row_group()?;
        write_group(&mut group, &pass)?;
        group.close()?;
        rows_written += readings;
    }
    writer.into_inner()?.sync_all()?;
    Ok(rows_written)
}

/// The folder of a site's files.
pub(super) fn folder(data_dir: &Path, site: &str) -> PathBuf {
    data_dir.join("readings").join(site)
}

/// Names are few and repeated: kept once.
#[derive(Default)]
struct Names {
    known: BTreeMap<String, Arc<str>>,
    configurations: BTreeMap<Digest, Configuration>,
}

impl Names {
    fn of(&mut self, name: &str) -> Arc<str> {
        if let Some(known) = self.known.get(name) {
            return Arc::clone(known);
        }
        let name: Arc<str> = name.into();
        self.known.insert(name.to_string(), Arc::clone(&name));
        name
    }
}

/// Gives every reading of a day to `take`.
fn scan(
    source: &dyn LeafSource,
    day: &DueDay,
    place: &dyn Fn(&Header) -> Option<i64>,
    names: &mut Names,
    take: &mut dyn FnMut((Arc<str>, Arc<str>), Row),
) -> Result<(), ProjectionError> {
    let window = day.window();
    let mut at = day.first;
    while at <= day.last {
        let leaves = source.leaves(at..(day.last + 1).min(at + LEAVES_READ))?;
        if leaves.is_empty() {
            break;
        }
        for (index, leaf) in (at..).zip(&leaves) {
            let LeafBody::Record { header, .. } = &leaf.body else { continue };
            if header.kind != Kind::Batch {
                continue;
            }
            let Some(offset_ms) = place(header) else { continue };
            let span = Interval::new(
                header.first_ms.saturating_add(offset_ms),
                header.last_ms.saturating_add(offset_ms).saturating_add(1),
            );
            if span.intersect(&window).is_empty() {
                continue;
            }
            let Some(bytes) = source.content(&header.content_digest)? else { continue };
            let Ok(Content::Batch(batch)) = Content::decode(Kind::Batch, &bytes) else { continue };
            if !names.configurations.contains_key(&header.configuration)
                && let Some(bytes) = source.content(&header.configuration)?
                && let Ok(Content::Configuration(configuration)) = Content::decode(Kind::Configuration, &bytes)
            {
                names.configurations.insert(header.configuration, configuration);
            }
            let gateway = names.of(header.gateway.as_str());
            for reading in batch.readings() {
                let time_ms = reading.boot_ms.saturating_add(offset_ms);
                if !window.contains(time_ms) {
                    continue;
                }
                let tag = names.configurations.get(&header.configuration);
                let tag = tag.and_then(|configuration| configuration.tags.get(reading.tag as usize));
                let Some(tag) = tag.map(|tag| tag.id.to_string()) else { continue };
                let row = Row {
                    time_ms,
                    leaf: i64::try_from(index).unwrap_or(i64::MAX),
                    quality: quality(reading.quality),
                    value: reading.value,
                };
                take((Arc::clone(&gateway), names.of(&tag)), row);
            }
        }
        at += leaves.len() as u64;
    }
    Ok(())
}

fn quality(quality: protocol::Quality) -> &'static str {
    match quality {
        protocol::Quality::Good => "good",
        protocol::Quality::Uncertain => "uncertain",
        protocol::Quality::Bad => "bad",
    }
}

fn write_group<W: std::io::Write + Send>(
    group: &mut SerializedRowGroupWriter<'_, W>,
    rows: &Rows,
) -> Result<(), ProjectionError> {
    let all = || rows.iter().flat_map(|(key, rows)| rows.iter().map(move |row| (key, row)));
    let bytes = |text: &str| ByteArray::from(text.as_bytes().to_vec());
    let gateways: Vec<ByteArray> = all().map(|(key, _)| bytes(&key.0)).collect();
    write_text(group, &gateways, None)?;
    let tags: Vec<ByteArray> = all().map(|(key, _)| bytes(&key.1)).collect();
    write_text(group, &tags, None)?;
    let times: Vec<i64> = all().map(|(_, row)| row.time_ms).collect();
    write_ints(group, &times, None)?;
    let kinds: Vec<ByteArray> = all().map(|(_, row)| bytes(kind(&row.value))).collect();
    write_text(group, &kinds, None)?;
    let (mut ints, mut int_levels) = (Vec::new(), Vec::with_capacity(times.len()));
    let (mut floats, mut float_levels) = (Vec::new(), Vec::with_capacity(times.len()));
    let (mut texts, mut text_levels) = (Vec::new(), Vec::with_capacity(times.len()));
    for (_, row) in all() {
        let (int, float, text) = match &row.value {
            Value::Bool(v) => (Some(i64::from(*v)), None, None),
            Value::I64(v) => (Some(*v), None, None),
            Value::U64(v) => (Some(v.cast_signed()), None, None),
            Value::F32(v) => (None, Some(f64::from(*v)), None),
            Value::F64(v) => (None, Some(*v), None),
            Value::Text(v) => (None, None, Some(bytes(v))),
        };
        int_levels.push(i16::from(int.is_some()));
        float_levels.push(i16::from(float.is_some()));
        text_levels.push(i16::from(text.is_some()));
        ints.extend(int);
        floats.extend(float);
        texts.extend(text);
    }
    write_ints(group, &ints, Some(&int_levels))?;
    if let Some(mut column) = group.next_column()? {
        column.typed::<DoubleType>().write_batch(&floats, Some(&float_levels), None)?;
        column.close()?;
    }
    write_text(group, &texts, Some(&text_levels))?;
    let qualities: Vec<ByteArray> = all().map(|(_, row)| bytes(row.quality)).collect();
    write_text(group, &qualities, None)?;
    let leaves: Vec<i64> = all().map(|(_, row)| row.leaf).collect();
    write_ints(group, &leaves, None)
}

fn write_ints<W: std::io::Write + Send>(
    group: &mut SerializedRowGroupWriter<'_, W>,
    values: &[i64],
    levels: Option<&[i16]>,
) -> Result<(), ProjectionError> {
    if let Some(mut column) = group.next_column()? {
        column.typed::<Int64Type>().write_batch(values, levels, None)?;
        column.close()?;
    }
    Ok(())
}

fn write_text<W: std::io::Write + Send>(
    group: &mut SerializedRowGroupWriter<'_, W>,
    values: &[ByteArray],
    levels: Option<&[i16]>,
) -> Result<(), ProjectionError> {
    if let Some(mut column) = group.next_column()? {
        column.typed::<ByteArrayType>().write_batch(values, levels, None)?;
        column.close()?;
    }
    Ok(())
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Bool(_) => "bool",
        Value::I64(_) => "i64",
        Value::U64(_) => "u64",
        Value::F32(_) => "f32",
        Value::F64(_) => "f64",
        Value::Text(_) => "text",
    }
}

fn schema() -> Result<Arc<parquet::schema::types::Type>, ProjectionError> {
    Ok(Arc::new(parse_message_type(
        "message readings {
            required binary gateway (UTF8);
            required binary tag (UTF8);
            required int64 time (TIMESTAMP(MILLIS, true));
            required binary type (UTF8);
            optional int64 int;
            optional double float;
            optional binary text (UTF8);
            required binary quality (UTF8);
            required int64 leaf;
        }",
    )?))
}

/// Dictionary for names, deltas for times and integers, byte-stream-split for floats; measured 1.5 bytes per reading.
fn properties(day: &DueDay) -> Result<WriterProperties, ProjectionError> {
    let column = |name: &str| ColumnPath::from(name);
    let mut builder = WriterProperties::builder()
        .set_writer_version(WriterVersion::PARQUET_2_0)
        .set_key_value_metadata(Some(vec![KeyValue::new(LEAVES.to_owned(), format!("{}-{}", day.first, day.last))]))
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(3)?));
    for name in ["time", "int", "leaf"] {
        builder = builder
            .set_column_dictionary_enabled(column(name), false)
            .set_column_encoding(column(name), Encoding::DELTA_BINARY_PACKED);
    }
    builder = builder
        .set_column_dictionary_enabled(column("float"), false)
        .set_column_encoding(column("float"), Encoding::BYTE_STREAM_SPLIT);
    Ok(builder.build())
}

/// Key in a file's footer: first and last leaf of its day when it was written, `12-340`.
const LEAVES: &str = "gongzheng.leaves";
const DAY_MS: i64 = 86_400_000;
/// After a failure (a full disk), the next attempt.
const RETRY_MS: i64 = 60_000;
/// A day's file waits this long for the records still under way.
const GRACE_MS: i64 = 900_000;
/// Readings held at a time while a file is written: about 64 bytes each.
const PASS_READINGS: u64 = 2_000_000;
/// A batch is cut off at this many days: a broken clock span must not make thousands of files.
const SPAN_DAYS: i64 = 7;
/// Leaves read at once.
const LEAVES_READ: u64 = 512;

#[cfg(test)]
mod tests;
