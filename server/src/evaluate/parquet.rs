//! Readings as Parquet: the server's own daily files, or the long columns of a text file.
//!
//! Constraints
//! 1. The server's columns (`gateway tag time type int float text quality leaf`) hold raw values of the tag's own type and are taken
//!    as they are; another type than the plan's is a bad row.
//! 2. The long columns are `time`, `tag`, `value` and, if wanted, `quality` and `gateway`. A time is a timestamp column or text as
//!    in a text file; a timestamp without UTC is local and needs the plan's zone. A value is text, a bit, an integer or a float; a
//!    float stands for the shortest decimal that reads back as itself, which is what a text file would say.
//! 3. Schema and sizes are checked before a row is read. The library that decodes may panic on damaged bytes; that is caught here and
//!    refuses the file.

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};

use jiff::tz::TimeZone;
use parquet::basic::{ConvertedType, LogicalType, TimeUnit, Type as Physical};
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;
use parquet::schema::types::ColumnDescriptor;
use protocol::reading::TEXT_MAX;
use protocol::{Value, ValueType};

use super::instant;
use super::rows::{Cell, Collector, Limits, Readings, place, quality};
use super::said::{Refusal, Said, Wrong, quoted};
use super::tags::TagTable;

/// Most bytes of all values of a file, unpacked.
const UNPACKED_MAX: i64 = 8 << 30;

/// Reads a whole file.
///
/// # Errors
/// The file as a whole cannot be understood: no Parquet, other columns, a limit. Bad rows are in the result.
pub fn read(
    name: &str,
    file: File,
    table: &TagTable,
    zone: Option<&TimeZone>,
    limits: Limits,
) -> Result<Readings, Refusal> {
    catch_unwind(AssertUnwindSafe(|| read_file(name, file, table, zone, limits)))
        .unwrap_or_else(|_| Err(damaged(name, "the decoder gave up")))
}

fn read_file(
    name: &str,
    file: File,
    table: &TagTable,
    zone: Option<&TimeZone>,
    limits: Limits,
) -> Result<Readings, Refusal> {
    let broken = |e: ParquetError| damaged(name, &e.to_string());
    let reader = SerializedFileReader::new(file).map_err(broken)?;
    let metadata = reader.metadata();
    let columns: Vec<Column> =
        metadata.file_metadata().schema_descr().columns().iter().map(|c| Column::of(c)).collect();
    let layout = Layout::of(name, &columns)?;
    let stated = metadata.file_metadata().num_rows();
    let counted = metadata.row_groups().iter().try_fold(0_i64, |sum, g| sum.checked_add(g.num_rows()));
    if counted != Some(stated) || stated < 0 {
        return Err(damaged(name, "its row groups do not add up"));
    }
    let unpacked = metadata.row_groups().iter().try_fold(0_i64, |sum, g| sum.checked_add(g.total_byte_size()));
    if unpacked.is_none_or(|bytes| bytes > UNPACKED_MAX) || stated.cast_unsigned() > limits.rows {
        let most = limits.rows;
        return Err(Refusal::new(
            name,
            Said::new(
                format!("读数超过 {most} 条，或解压后超过 8 GiB"),
                format!("more than {most} readings, or more than 8 GiB unpacked"),
            ),
            Said::new(
                "按月或按设备分成几个文件，分别计算",
                "divide it by month or by machine and evaluate the parts one by one",
            ),
        ));
    }
    let mut collector = Collector::new(table, limits, name);
    for (row, fields) in (1..).zip(reader.get_row_iter(None).map_err(broken)?) {
        let fields = fields.map_err(broken)?;
        collector.row()?;
        let cells: Vec<&Field> = fields.get_column_iter().map(|(_, field)| field).collect();
        layout.take(row, &Cells { columns: &columns, cells: &cells }, zone, &mut collector)?;
    }
    Ok(collector.finish())
}

fn damaged(name: &str, why: &str) -> Refusal {
    Refusal::new(
        name,
        Said::new(format!("不是可读的 Parquet 文件：{why}"), format!("not a readable Parquet file: {why}")),
        Said::new(
            "检查文件是否完整；压缩方式须为无、SNAPPY 或 ZSTD",
            "check that it is whole; compression must be none, SNAPPY or ZSTD",
        ),
    )
}

/// What a column holds, as far as we take it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Holds {
    Text,
    Bit,
    Whole,
    Float,
    /// How many make a second, and whether they are UTC.
    Time(i64, bool),
    Other,
}

struct Column {
    name: String,
    holds: Holds,
}

impl Column {
    fn of(c: &ColumnDescriptor) -> Self {
        let nested = c.path().parts().len() != 1 || c.max_rep_level() > 0;
        let (converted, logical) = (c.converted_type(), c.logical_type_ref());
        let holds = match (c.physical_type(), converted) {
            _ if nested => Holds::Other,
            (Physical::BYTE_ARRAY, ConvertedType::UTF8) => Holds::Text,
            (Physical::BOOLEAN, _) => Holds::Bit,
            (Physical::FLOAT | Physical::DOUBLE, _) => Holds::Float,
            (Physical::INT64, _) if let Some(LogicalType::Timestamp(stamp)) = logical => {
                let utc = &stamp.is_adjusted_to_u_t_c;
                match (&stamp.unit, converted) {
                    (TimeUnit::MILLIS, ConvertedType::TIMESTAMP_MILLIS | ConvertedType::NONE) => {
                        Holds::Time(1_000, *utc)
                    }
                    (TimeUnit::MICROS, ConvertedType::TIMESTAMP_MICROS | ConvertedType::NONE) => {
                        Holds::Time(1_000_000, *utc)
                    }
                    (TimeUnit::NANOS, ConvertedType::NONE) => Holds::Time(1_000_000_000, *utc),
                    _ => Holds::Other,
                }
            }
            (Physical::INT64, ConvertedType::TIMESTAMP_MILLIS) => Holds::Time(1_000, true),
            (Physical::INT64, ConvertedType::TIMESTAMP_MICROS) => Holds::Time(1_000_000, true),
            (Physical::INT32 | Physical::INT64, ConvertedType::NONE) if logical.is_none() => Holds::Whole,
            (Physical::INT32, ConvertedType::INT_8 | ConvertedType::INT_16 | ConvertedType::INT_32) => Holds::Whole,
            (Physical::INT32, ConvertedType::UINT_8 | ConvertedType::UINT_16 | ConvertedType::UINT_32) => Holds::Whole,
            (Physical::INT64, ConvertedType::INT_64 | ConvertedType::UINT_64) => Holds::Whole,
            _ => Holds::Other,
        };
        Self { name: c.name().to_owned(), holds }
    }
}

/// Which columns mean what, by index.
enum Layout {
    Server {
        gateway: usize,
        tag: usize,
        time: usize,
        kind: usize,
        int: usize,
        float: usize,
        text: usize,
        quality: usize,
    },
    Long {
        time: usize,
        tag: usize,
        value: usize,
        quality: Option<usize>,
        gateway: Option<usize>,
    },
}

impl Layout {
    fn of(name: &str, columns: &[Column]) -> Result<Self, Refusal> {
        let at = |wanted: &str| columns.iter().position(|c| c.name == wanted);
        let holds = |i: usize| columns.get(i).map_or(Holds::Other, |c| c.holds);
        let known = ["time", "tag", "value", "quality", "gateway", "type", "int", "float", "text", "leaf"];
        let bad = |zh: String, en: String| {
            Refusal::new(
                name,
                Said::new(format!("列不可用：{zh}"), format!("its columns cannot be used: {en}")),
                Said::new(
                    "time、tag、value（可加 quality、gateway），或本服务器按日导出的列",
                    "time, tag, value (quality and gateway if wanted), or the columns of the server's daily files",
                ),
            )
        };
        for (i, c) in columns.iter().enumerate() {
            let column = quoted(&c.name);
            if !known.contains(&c.name.as_str()) {
                return Err(bad(format!("不认识「{column}」列"), format!("column `{column}` is not known")));
            }
            if c.holds == Holds::Other || columns.iter().take(i).any(|o| o.name == c.name) {
                return Err(bad(
                    format!("「{column}」列重复，或类型不支持"),
                    format!("column `{column}` is there twice, or its type is not supported"),
                ));
            }
        }
        let typed = |name: &str, wanted: Holds| at(name).filter(|i| holds(*i) == wanted);
        let time = at("time").filter(|i| matches!(holds(*i), Holds::Time(..) | Holds::Text));
        let tag = typed("tag", Holds::Text);
        let (quality, gateway) = (typed("quality", Holds::Text), typed("gateway", Holds::Text));
        if at("quality").is_some() != quality.is_some() || at("gateway").is_some() != gateway.is_some() {
            return Err(bad("quality、gateway 须为文本".to_owned(), "quality and gateway must be text".to_owned()));
        }
        let server = (typed("type", Holds::Text), typed("int", Holds::Whole), typed("float", Holds::Float));
        let server_rest = (typed("text", Holds::Text), typed("leaf", Holds::Whole), quality, gateway);
        let value = at("value").filter(|i| !matches!(holds(*i), Holds::Time(..)));
        match (time, tag, value, server, server_rest) {
            (
                Some(time),
                Some(tag),
                None,
                (Some(kind), Some(int), Some(float)),
                (Some(text), Some(_), Some(quality), Some(gateway)),
            ) if columns.len() == 9 => Ok(Self::Server { gateway, tag, time, kind, int, float, text, quality }),
            (Some(time), Some(tag), Some(value), (None, None, None), (None, None, ..)) => {
                Ok(Self::Long { time, tag, value, quality, gateway })
            }
            _ => Err(bad("缺少列，或两种格式混用".to_owned(), "columns are missing, or two layouts mixed".to_owned())),
        }
    }

    fn take(&self, row: u64, cells: &Cells<'_>, zone: Option<&TimeZone>, c: &mut Collector<'_>) -> Result<(), Refusal> {
        let (time, tag, q, gateway) = match self {
            Self::Server { time, tag, quality, gateway, .. } => (*time, *tag, Some(*quality), Some(*gateway)),
            Self::Long { time, tag, quality, gateway, .. } => (*time, *tag, *quality, *gateway),
        };
        let Some(tag) = place(c, row, "tag", cells.text(tag), gateway.map(|i| cells.text(i))) else { return Ok(()) };
        let time_ms = match cells.time(time, zone) {
            Ok(ms) => ms,
            Err(wrong) => {
                c.bad(row, "time", wrong);
                return Ok(());
            }
        };
        let quality = match quality(q.map_or("", |i| cells.text(i))) {
            Ok(quality) => quality,
            Err(wrong) => {
                c.bad(row, "quality", wrong);
                return Ok(());
            }
        };
        match self {
            Self::Long { value, .. } => {
                let cell = Cell { tag, time_ms, quality, column: "value" };
                c.take_text(row, cell, &cells.decimal(*value))
            }
            Self::Server { kind, int, float, text, .. } => {
                let wanted = c.value_type(tag);
                match raw(cells.text(*kind), wanted, cells.get(*int), cells.get(*float), cells.get(*text)) {
                    Ok(value) => c.take(row, Cell { tag, time_ms, quality, column: "value" }, value),
                    Err(wrong) => {
                        c.bad(row, "type", wrong);
                        Ok(())
                    }
                }
            }
        }
    }
}

/// A raw value as the server's files hold it.
fn raw(kind: &str, wanted: Option<ValueType>, int: &Field, float: &Field, text: &Field) -> Result<Value, Wrong> {
    let value = match (kind, int, float, text) {
        ("bool", Field::Long(v @ (0 | 1)), Field::Null, Field::Null) => Some(Value::Bool(*v == 1)),
        ("i64", Field::Long(v), Field::Null, Field::Null) => Some(Value::I64(*v)),
        // A u64 above 2⁶³ wraps there, and no metric computes with one.
        ("u64", Field::Long(v @ 0..), Field::Null, Field::Null) => Some(Value::U64(v.cast_unsigned())),
        ("f32", Field::Null, Field::Double(v), Field::Null) if v.is_finite() && f64::from(*v as f32) == *v => {
            Some(Value::F32(*v as f32))
        }
        ("f64", Field::Null, Field::Double(v), Field::Null) if v.is_finite() => Some(Value::F64(*v)),
        ("text", Field::Null, Field::Null, Field::Str(v)) if v.len() <= TEXT_MAX => {
            Some(Value::Text(v.as_str().into()))
        }
        _ => None,
    };
    let value = value.ok_or_else(|| {
        Wrong::new(
            Said::new(
                format!("类型「{}」与数值不符，或数值不可用", quoted(kind)),
                format!("type `{}` and the value do not fit, or the value cannot be used", quoted(kind)),
            ),
            Said::new(
                "bool、i64、u64（不超过 2^63 − 1）填 int；f32、f64（有限值）填 float；text 填 text",
                "int for bool, i64 and u64 up to 2^63 − 1; float for finite f32 and f64; text for text",
            ),
        )
    })?;
    if wanted.is_some_and(|wanted| wanted != value.value_type()) {
        let shown = quoted(kind);
        return Err(Wrong::new(
            Said::new(format!("类型为 {shown}，与方案不同"), format!("its type is {shown}, another than the plan's")),
            Said::new("与方案 [[tag]] 的 type 相同", "the `type` of the [[tag]] in the plan"),
        ));
    }
    Ok(value)
}

/// The fields of a row.
struct Cells<'c> {
    columns: &'c [Column],
    cells: &'c [&'c Field],
}

impl Cells<'_> {
    fn get(&self, i: usize) -> &Field {
        self.cells.get(i).copied().unwrap_or(&Field::Null)
    }

    fn text(&self, i: usize) -> &str {
        match self.get(i) {
            Field::Str(text) => text,
            _ => "",
        }
    }

    /// What a text file would say.
    fn decimal(&self, i: usize) -> String {
        match self.get(i) {
            Field::Str(text) => text.clone(),
            Field::Bool(v) => u8::from(*v).to_string(),
            Field::Byte(v) => v.to_string(),
            Field::Short(v) => v.to_string(),
            Field::Int(v) => v.to_string(),
            Field::Long(v) => v.to_string(),
            Field::UByte(v) => v.to_string(),
            Field::UShort(v) => v.to_string(),
            Field::UInt(v) => v.to_string(),
            Field::ULong(v) => v.to_string(),
            // Exponents keep the largest and smallest short.
            Field::Float(v) => format!("{v:e}"),
            Field::Double(v) => format!("{v:e}"),
            _ => String::new(),
        }
    }

    fn time(&self, i: usize, zone: Option<&TimeZone>) -> Result<i64, Wrong> {
        let Some(Holds::Time(per_second, utc)) = self.columns.get(i).map(|c| c.holds) else {
            return instant::parse(self.text(i), zone);
        };
        let (Field::Long(at) | Field::TimestampMillis(at) | Field::TimestampMicros(at)) = self.get(i) else {
            return instant::parse("", zone);
        };
        // As text it meets the same rules as everywhere: the year, whole milliseconds, the zone.
        let nanos = i128::from(*at) * i128::from(1_000_000_000 / per_second);
        let text = jiff::Timestamp::from_nanosecond(nanos).map(|t| t.to_string()).unwrap_or_default();
        instant::parse(if utc { &text } else { text.trim_end_matches('Z') }, zone)
    }
}

#[cfg(test)]
mod tests;
