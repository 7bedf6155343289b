//! Parquet in both layouts against the text file with the same rows, and files that are damaged.

use std::sync::Arc;

use parquet::basic::Compression;
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DoubleType, Int64Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;

use super::*;
use crate::evaluate::tests::{Row, TWO_DAYS, evaluated, long, plan, rows_of};
use crate::evaluate::{evaluate, plan::PlanFile};
use crate::projection::tests::fixture::{GATEWAY, Log, World};
use metrics::compare::SplitMix64;

/// A column of a test file; `None` is null.
enum Data {
    Text(Vec<Option<String>>),
    Int(Vec<Option<i64>>),
    Float(Vec<Option<f64>>),
    Bit(Vec<Option<bool>>),
}

fn write(schema: &str, columns: &[Data], compression: Compression) -> File {
    fn split<T: Clone>(column: &[Option<T>]) -> (Vec<T>, Vec<i16>) {
        (column.iter().flatten().cloned().collect(), column.iter().map(|v| i16::from(v.is_some())).collect())
    }
    let schema = Arc::new(parse_message_type(schema).unwrap());
    let properties = Arc::new(WriterProperties::builder().set_compression(compression).build());
    let file = tempfile::tempfile().unwrap();
    let mut writer = SerializedFileWriter::new(file.try_clone().unwrap(), schema, properties).unwrap();
    let mut group = writer.next_row_group().unwrap();
    for data in columns {
        let mut column = group.next_column().unwrap().unwrap();
        match data {
            Data::Text(v) => {
                let (v, levels) = split(v);
                let v: Vec<ByteArray> = v.iter().map(|t| t.as_bytes().to_vec().into()).collect();
                column.typed::<ByteArrayType>().write_batch(&v, Some(&levels), None).unwrap();
            }
            Data::Int(v) => {
                let (v, levels) = split(v);
                column.typed::<Int64Type>().write_batch(&v, Some(&levels), None).unwrap();
            }
            Data::Float(v) => {
                let (v, levels) = split(v);
                column.typed::<DoubleType>().write_batch(&v, Some(&levels), None).unwrap();
            }
            Data::Bit(v) => {
                let (v, levels) = split(v);
                column.typed::<BoolType>().write_batch(&v, Some(&levels), None).unwrap();
            }
        }
        column.close().unwrap();
    }
    group.close().unwrap();
    writer.close().unwrap();
    file
}

fn texts<'r>(rows: &'r [Row], text: impl Fn(&'r Row) -> String) -> Data {
    Data::Text(rows.iter().map(|r| Some(text(r))).collect())
}

const SERVER: &str = "message readings { optional binary gateway (UTF8); optional binary tag (UTF8);
    optional int64 time (TIMESTAMP(MILLIS, true)); optional binary type (UTF8); optional int64 int; optional double float;
    optional binary text (UTF8); optional binary quality (UTF8); optional int64 leaf; }";

fn server_file(rows: &[Row]) -> File {
    let count = rows.len();
    let columns = [
        texts(rows, |_| GATEWAY.to_owned()),
        texts(rows, |r| r.tag.to_owned()),
        Data::Int(rows.iter().map(|r| Some(r.at_ms)).collect()),
        texts(rows, |_| "u64".to_owned()),
        Data::Int(rows.iter().map(|r| Some(r.raw.cast_signed())).collect()),
        Data::Float(vec![None; count]),
        Data::Text(vec![None; count]),
        texts(rows, |_| "good".to_owned()),
        Data::Int(rows.iter().map(|_| Some(1)).collect()),
    ];
    write(SERVER, &columns, Compression::ZSTD(Default::default()))
}

fn read_well(plan: &PlanFile, file: File) -> Readings {
    let read = read("r.parquet", file, &plan.table, plan.dialect.zone.as_ref(), Limits::default());
    read.unwrap_or_else(|e| panic!("{e}"))
}

#[test]
fn parquet_and_csv_of_the_same_rows_give_the_same_bytes() {
    let mut log = Log::new(false);
    log.run(&World::new(8, 2, None), false, |tag, m| !(m + tag as usize).is_multiple_of(13));
    let plan = plan(TWO_DAYS);
    let rows = rows_of(&log);
    let want = evaluated(&plan, &long(&rows)).report.to_json().unwrap();
    let schema = |time: &str, value: &str| {
        format!("message r {{ optional {time}; optional binary tag (UTF8); optional {value}; }}")
    };
    let utc = |unit: i64| Data::Int(rows.iter().map(|r| Some(r.at_ms * unit)).collect());
    let tags = || texts(&rows, |r| r.tag.to_owned());
    let files = [
        ("server", server_file(&rows)),
        (
            "text",
            write(
                &schema("binary time (UTF8)", "binary value (UTF8)"),
                &[texts(&rows, Row::time), tags(), texts(&rows, Row::value)],
                Compression::SNAPPY,
            ),
        ),
        (
            "floats at nanoseconds",
            write(
                &schema("int64 time (TIMESTAMP(NANOS, true))", "double value"),
                &[utc(1_000_000), tags(), Data::Float(rows.iter().map(|r| Some(r.value().parse().unwrap())).collect())],
                Compression::UNCOMPRESSED,
            ),
        ),
        (
            "texts at microseconds",
            write(
                &schema("int64 time (TIMESTAMP(MICROS, true))", "binary value (UTF8)"),
                &[utc(1_000), tags(), texts(&rows, Row::value)],
                Compression::UNCOMPRESSED,
            ),
        ),
    ];
    for (name, file) in files {
        let read = read_well(&plan, file);
        assert_eq!((read.bad.count, read.rows), (0, rows.len() as u64), "{name}");
        assert_eq!(evaluate(&plan, &read).unwrap().report.to_json().unwrap(), want, "{name}");
    }
}

#[test]
fn bad_rows_of_a_parquet_file_are_listed_by_row() {
    let plan = plan(TWO_DAYS);
    let text = |v: &[&str]| Data::Text(v.iter().map(|t| Some((*t).to_owned())).collect());
    let schema = "message r { optional int64 time (TIMESTAMP(MILLIS, false)); optional binary tag (UTF8); optional double value; }";
    let file = write(
        schema,
        &[
            Data::Int(vec![Some(1_772_409_600_000); 2]),
            text(&["press/good", "press/nosuch"]),
            Data::Float(vec![Some(1.0), Some(1.0)]),
        ],
        Compression::UNCOMPRESSED,
    );
    let read = read_well(&plan, file);
    assert!(read.bad.rows[0].what.en.contains("does not say its time zone"), "{:?}", read.bad.rows);
    assert!(read.bad.rows[0].what.zh.contains("没有时区") && read.bad.rows[1].row == 2);

    let times = vec![Some(1_772_409_600_000), Some(1_772_409_601_000), None, Some(1_772_409_602_000), Some(1)];
    let file = write(
        &schema.replace("false", "true"),
        &[
            Data::Int(times),
            text(&["press/good"; 5]),
            Data::Float(vec![Some(f64::NAN), Some(0.1 + 0.2), Some(1.0), None, Some(-1.0)]),
        ],
        Compression::UNCOMPRESSED,
    );
    let read = read_well(&plan, file);
    let said: Vec<(u64, &str)> = read.bad.rows.iter().map(|r| (r.row, r.what.en.as_str())).collect();
    assert_eq!(read.bad.count, 5, "{said:?}");
    assert!(said[0].1.contains("is not a number") && said[1].1.contains("not exactly a raw value"), "{said:?}");
    assert!(said[2].1.contains("is not a time") && said[3].1.contains("is not a number"), "{said:?}");
    assert!(said[4].1.contains("beyond what the tag can hold"), "{said:?}");

    // The server's own layout: another type than the plan's, a value in the wrong column, a u64 that wrapped.
    let none = |n: usize| vec![None; n];
    let file = write(
        SERVER,
        &[
            text(&[GATEWAY; 4]),
            text(&["press/good"; 4]),
            Data::Int((0..4).map(|i| Some(1_772_409_600_000 + i)).collect()),
            text(&["i64", "f64", "u64", "u64"]),
            Data::Int(vec![Some(1), Some(1), Some(-1), Some(5)]),
            Data::Float(vec![None; 4]),
            Data::Text(none(4)),
            text(&["good", "good", "good", "bad"]),
            Data::Int(vec![Some(0); 4]),
        ],
        Compression::UNCOMPRESSED,
    );
    let read = read_well(&plan, file);
    assert_eq!((read.bad.count, read.used(), read.ignored.not_good), (3, 1, 1));
    let said: Vec<&str> = read.bad.rows.iter().map(|r| r.what.en.as_str()).collect();
    assert!(said[0].contains("another than the plan's") && said[1].contains("do not fit"), "{said:?}");
    assert!(read.bad.rows[0].what.zh.contains("与方案不同") && read.bad.rows[1].what.zh.contains("与数值不符"));
}

#[test]
fn other_columns_and_other_files_are_refused_in_both_languages() {
    let plan = plan(TWO_DAYS);
    let refused = |file: File| read("r.parquet", file, &plan.table, None, Limits::default()).map(|_| ()).unwrap_err();
    let one = || Data::Int(vec![Some(1)]);
    for (schema, columns, zh, en) in [
        ("message r { optional int64 value; }", vec![one()], "缺少列", "columns are missing"),
        (
            "message r { optional int64 value; optional boolean note; }",
            vec![one(), Data::Bit(vec![Some(true)])],
            "不认识「note」列",
            "column `note` is not known",
        ),
        ("message r { optional int64 time (TIME(NANOS, true)); }", vec![one()], "类型不支持", "type is not supported"),
        ("message r { optional int64 value (DECIMAL(5, 2)); }", vec![one()], "类型不支持", "type is not supported"),
        ("message r { optional int64 quality; }", vec![one()], "须为文本", "must be text"),
    ] {
        let refusal = refused(write(schema, &columns, Compression::UNCOMPRESSED));
        assert!(refusal.what.zh.contains(zh) && refusal.what.en.contains(en), "{refusal}");
    }
    let file = tempfile::tempfile().unwrap();
    let refusal = refused(file);
    assert!(
        refusal.what.zh.contains("不是可读的 Parquet 文件") && refusal.what.en.contains("not a readable Parquet file"),
        "{refusal}"
    );
    let many = write(
        "message r { optional int64 time (TIMESTAMP(MILLIS, true)); optional binary tag (UTF8); optional int64 value; }",
        &[Data::Int(vec![Some(1); 3]), Data::Text(vec![None; 3]), Data::Int(vec![None; 3])],
        Compression::UNCOMPRESSED,
    );
    let limits = Limits { rows: 2, ..Limits::default() };
    let refusal = read("r.parquet", many, &plan.table, None, limits).map(|_| ()).unwrap_err();
    assert!(refusal.what.en.contains("more than 2 readings") && refusal.what.zh.contains("超过 2 条"), "{refusal}");
}

/// The library may panic on damaged bytes; we never do.
#[test]
fn damaged_bytes_are_refused_or_read_and_never_end_the_program() {
    use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
    let mut log = Log::new(false);
    log.run(&World::new(8, 1, None), false, |_, m| m < 40);
    let plan = plan(TWO_DAYS);
    let mut whole = Vec::new();
    let mut file = server_file(&rows_of(&log));
    file.seek(SeekFrom::Start(0)).unwrap();
    file.read_to_end(&mut whole).unwrap();
    let mut random = SplitMix64::new(11);
    let mut refusals = 0;
    for _ in 0..400 {
        let mut bytes = whole.clone();
        for _ in 0..=random.next_u64() % 3 {
            let at = (random.next_u64() % bytes.len() as u64) as usize;
            bytes[at] ^= 1 << (random.next_u64() % 8);
        }
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&bytes).unwrap();
        refusals += u32::from(read("r.parquet", file, &plan.table, None, Limits::default()).is_err());
    }
    assert!(refusals > 50, "{refusals}");
}
