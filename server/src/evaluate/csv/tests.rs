//! What people and programs write into CSV files, above all what is wrong with it.

use std::io::BufReader;

use super::*;
use crate::evaluate::tests::{TWO_DAYS, plan};

fn read_bytes(bytes: &[u8], limits: Limits) -> Result<Readings, Refusal> {
    let plan = plan(TWO_DAYS);
    // A small buffer, so that every line is read in pieces.
    read("r.csv", BufReader::with_capacity(7, bytes), &plan.table, &plan.dialect, limits)
}

fn read_text(text: &str) -> Readings {
    read_bytes(text.as_bytes(), Limits::default()).unwrap_or_else(|e| panic!("{e}"))
}

fn refused(bytes: &[u8]) -> Refusal {
    read_bytes(bytes, Limits::default()).map(|_| ()).unwrap_err()
}

const GOOD: &str = "2026-03-02T08:00:00Z,press/good,1\n";

#[test]
fn quotes_line_ends_marks_and_separators_are_read_as_rfc_4180_says() {
    let plain = read_text(&format!("time,tag,value\n{GOOD}"));
    assert_eq!((plain.rows, plain.used(), plain.bad.count), (1, 1, 0));
    for text in [
        format!("\u{feff}time,tag,value\r\n{}", GOOD.replace('\n', "\r\n")),
        format!("time,tag,value\n{}", GOOD.trim_end()),
        format!("time;tag;value\n{}", GOOD.replace(',', ";")),
        format!("time\ttag\tvalue\n{}", GOOD.replace(',', "\t")),
        "\"time\",\"tag\",\"value\"\n\"2026-03-02T08:00:00Z\",\"press/good\",\"1\"\n".to_owned(),
        "value,quality,gateway,tag,time\n1,,gw-1,press/good,2026-03-02T08:00:00Z\n".to_owned(),
        "time,press/good\n2026-03-02T08:00:00Z,1".to_owned(),
    ] {
        assert_eq!(read_text(&text).tags[1].samples[0].time_ms, plain.tags[1].samples[0].time_ms, "{text:?}");
    }
    let blank = read_text(&format!("time,tag,value\n\n{GOOD}\n"));
    assert_eq!((blank.rows, blank.ignored.blank_lines), (1, 2));
    assert_eq!(read_text("time,tag,value\n").used(), 0, "a file without readings is one");
}

#[test]
fn a_text_may_hold_separators_quotes_and_line_ends() {
    let text = plan(&format!("{TWO_DAYS}[[tag]]\nid = \"press/note\"\ntype = \"text\"\ninterval_ms = 1000\n"));
    let csv = "time,tag,value\n2026-03-02T08:00:00Z,press/note,\"a,\"\"b\"\"\nc\"\n2026-03-02T08:00:01Z,press/note,\n2026-03-02T08:00:02Z,nosuch,1\n";
    let read = read("r.csv", csv.as_bytes(), &text.table, &text.dialect, Limits::default()).unwrap();
    let held: Vec<_> = read.raw_of(5, &text.table).into_iter().map(|(_, v)| v.to_string()).collect();
    assert_eq!(held, ["a,\"b\"\nc", ""]);
    assert_eq!(read.bad.rows[0].row, 5, "lines are lines of the file, also after a text of two");
}

#[test]
fn every_bad_row_is_listed_with_line_column_and_what_is_allowed() {
    let cases: [(&str, &str, &str, &str); 19] = [
        ("2026-03-02T08:00:00Z,press/god,1", "tag", "方案中没有数据点「press/god」", "the plan has no tag `press/god`"),
        ("2026-03-02T08:00:00Z,Press Good,1", "tag", "方案中没有数据点", "the plan has no tag"),
        ("2026-03-02T08:00:00Z,press/good,run", "value", "不是数字", "is not a number"),
        ("2026-03-02T08:00:00Z,press/good,1.5", "value", "不能准确还原", "not exactly a raw value"),
        ("2026-03-02T08:00:00Z,press/good,-1", "value", "超出数据点的范围", "beyond what the tag can hold"),
        ("2026-03-02T08:00:00Z,press/good,9223372036854775808", "value", "超出数据点的范围", "beyond what"),
        ("2026-03-02T08:00:00Z,press/good,NaN", "value", "不是数字", "is not a number"),
        ("2026-03-02T08:00:00Z,press/good,", "value", "不是数字", "is not a number"),
        (
            "2026-03-02T08:00:00Z,press/energy,0.0001",
            "value",
            "不能准确还原",
            "not exactly a raw value at scale 1/1000",
        ),
        ("2026-03-02 08:00:00,press/good,1", "time", "没有时区", "does not say its time zone"),
        ("2026-03-02T25:00:00Z,press/good,1", "time", "时刻不存在", "no such date or time of day"),
        ("2026/3/2 8:00,press/good,1", "time", "不是时间", "is not a time"),
        ("2026-03-02T08:00:00Z,press/good", "", "该行有 2 列", "the row has 2 columns"),
        ("2026-03-02T08:00:00Z,press/good,1,234", "", "该行有 4 列", "the row has 4 columns"),
        ("2026-03-02T08:00:00Z,press/good,1\0", "", "空字节", "a zero byte"),
        ("2026-03-02T08:00:00Z,press/good,\"1\"2", "", "双引号位置不对", "a double quote where none may stand"),
        ("2026-03-02T08:00:00Z,press/go\"od,1", "", "双引号位置不对", "a double quote where none may stand"),
        ("2026-03-02T08:00:00Z,\rpress/good,1", "", "行中有回车符", "a carriage return inside the line"),
        ("\u{1b}[2J,press/good,1", "time", "不是时间", "is not a time"),
    ];
    let mut text = "time,tag,value\n".to_owned();
    cases.iter().for_each(|(row, ..)| text.push_str(&format!("{GOOD}{row}\n")));
    let read = read_text(&text);
    assert_eq!((read.rows, read.bad.count), (2 * cases.len() as u64, cases.len() as u64));
    assert_eq!(read.ignored.duplicates, cases.len() as u64 - 1, "the good rows are one reading");
    for (i, ((row, column, zh, en), bad)) in cases.iter().zip(&read.bad.rows).enumerate() {
        assert_eq!((bad.row, bad.column.as_str()), (3 + 2 * i as u64, *column), "{row:?}");
        assert!(bad.what.zh.contains(zh) && bad.what.en.contains(en), "{row:?}: {bad:?}");
        assert!(!bad.allowed.zh.is_empty() && !bad.allowed.en.is_empty() && !bad.what.en.contains('\u{1b}'), "{bad:?}");
    }
    assert!(read.bad.rows[0].allowed.en.contains("did you mean `press/good`?"));
    assert!(read.bad.rows[0].allowed.zh.contains("是否想写 press/good"));
    // Quality, and a clock change in the zone of the plan.
    let berlin = plan(TWO_DAYS);
    let dialect = Dialect { zone: zone("Europe/Berlin"), separator: Some(b';') };
    let text = "time;tag;value;quality\n2026-03-29 02:30:00;press/good;1;good\n2026-10-25 02:30:00;press/good;1;\n2026-03-29 03:00:00;press/good;1;fine\n";
    let read = super::read("r.csv", text.as_bytes(), &berlin.table, &dialect, Limits::default()).unwrap();
    let said: Vec<&str> = read.bad.rows.iter().map(|r| r.what.en.as_str()).collect();
    assert!(
        said[0].contains("put forward") && said[1].contains("put back") && said[2].contains("`fine` is not a quality"),
        "{said:?}"
    );
    assert!(read.bad.rows[2].what.zh.contains("不是数据质量") && read.bad.rows[1].what.zh.contains("有两个"));
}

#[test]
fn in_a_wide_file_the_column_is_the_tag() {
    let read = read_text("time,press/good,press/energy\n2026-03-02T08:00:00Z,1,\n2026-03-02T08:01:00Z,x,1.2345\n");
    assert_eq!((read.used(), read.ignored.empty_cells, read.bad.count), (1, 1, 2));
    let columns: Vec<(u64, &str)> = read.bad.rows.iter().map(|r| (r.row, r.column.as_str())).collect();
    assert_eq!(columns, [(3, "press/energy"), (3, "press/good")]);
}

#[test]
fn a_file_that_cannot_be_understood_as_a_whole_is_refused_with_its_line() {
    let gbk = b"time,tag,value\n2026-03-02T08:00:00Z,\xB3\xE5\xB4\xB2/good,1\n";
    let header = b"\xCA\xB1\xBC\xE4,tag,value\n";
    let utf16: Vec<u8> = [0xFF, 0xFE].into_iter().chain("time,".encode_utf16().flat_map(u16::to_le_bytes)).collect();
    let open = format!("time,tag,value\n{GOOD}2026-03-02T08:00:00Z,\"press/good,1\n{GOOD}{GOOD}");
    let endless = format!("time,tag,value\n2026-03-02T08:00:00Z,\"{}\n", "x\n".repeat(70_000));
    let cases: [(&[u8], &str, &str, &str); 14] = [
        (gbk, "r.csv, line 2", "文件像是 GBK 编码", "seems to be GBK"),
        (header, "r.csv, line 1", "文件像是 GBK 编码", "seems to be GBK"),
        (b"time,tag,value\n\xFF\xFF,x,1\n", "r.csv, line 2", "不是 UTF-8 文本", "is not UTF-8 text"),
        (&utf16, "r.csv", "UTF-16", "UTF-16"),
        (open.as_bytes(), "r.csv, line 3", "双引号没有结束", "a double quote opens here and never closes"),
        (endless.as_bytes(), "r.csv, line 2", "双引号没有结束", "never closes"),
        (b"", "r.csv, line 1", "没有逗号、分号或制表符", "no comma, semicolon or tab"),
        (b"\n", "r.csv, line 1", "没有逗号", "no comma"),
        (b"a,b\n", "r.csv, line 1", "缺少 time、tag 或 value 列", "columns time, tag or value are missing"),
        (b"time,tag,value,note\n", "r.csv, line 1", "不认识「note」列", "column `note` is not known"),
        (b"time,tag,value,time\n", "r.csv, line 1", "「time」列重复", "column `time` is there twice"),
        (b"time,tag; value\n", "r.csv", "不止一种分隔符", "more than one kind of separator"),
        (
            b"time,press/good,press/nosuch\n",
            "r.csv, line 1",
            "方案中没有数据点「press/nosuch」",
            "the plan has no tag `press/nosuch`",
        ),
        (b"time,tag,\"value\n", "r.csv, line 1", "双引号没有结束", "never closes"),
    ];
    for (bytes, place, zh, en) in cases {
        let refusal = refused(bytes);
        assert_eq!(refusal.place, place, "{refusal}");
        assert!(refusal.what.zh.contains(zh) && refusal.what.en.contains(en), "{refusal}");
        assert!(!refusal.todo.zh.is_empty() && !refusal.todo.en.is_empty(), "{refusal}");
    }
    assert!(refused(&[b'x'; 70_000]).what.en.contains("too long"));
}

/// A line of a gigabyte is skipped without being held, and what follows it is read.
#[test]
fn a_line_without_end_is_a_bad_row_and_takes_no_memory() {
    let input = || {
        let head = "time,tag,value\n2026-03-02T08:00:00Z,press/good,".as_bytes();
        let tail = "\n".as_bytes().chain(GOOD.as_bytes());
        BufReader::with_capacity(1 << 16, head.chain(std::io::repeat(b'9').take(1 << 30)).chain(tail))
    };
    let plan = plan(TWO_DAYS);
    let read = read("r.csv", input(), &plan.table, &plan.dialect, Limits::default()).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!((read.rows, read.bad.count, read.used()), (2, 1, 1));
    assert_eq!(read.bad.rows[0].row, 2);
    assert!(read.bad.rows[0].what.en.contains("more than 65536 bytes"), "{:?}", read.bad.rows[0]);
    assert!(read.bad.rows[0].what.zh.contains("超过 65536 字节"));
    let (mut lines, mut record) = (Lines::new("r.csv", input(), b',', 1 << 16), Record::default());
    while lines.next(&mut record).unwrap() {}
    assert!(lines.bytes.capacity() <= 1 << 18 && record.text.capacity() <= 1 << 18, "the line was held");
}

#[test]
fn what_a_file_may_cost_is_bounded() {
    let text = format!("time,tag,value\n{}", GOOD.repeat(4));
    let refusal = read_bytes(text.as_bytes(), Limits { rows: 3, ..Limits::default() }).map(|_| ()).unwrap_err();
    assert!(refusal.what.en.contains("more than 3 readings") && refusal.what.zh.contains("超过 3 条"), "{refusal}");
    let wide = "time,press/good,press/reject\n2026-03-02T08:00:00Z,1,1\n2026-03-02T08:01:00Z,1,1\n";
    let refusal = read_bytes(wide.as_bytes(), Limits { rows: 3, ..Limits::default() }).map(|_| ()).unwrap_err();
    assert!(refusal.todo.en.contains("divide it"), "{refusal}");
    let bad = format!("time,tag,value\n{}", "x,press/good,1\n".repeat(9));
    let read = read_bytes(bad.as_bytes(), Limits { bad_rows_kept: 4, ..Limits::default() }).unwrap();
    assert_eq!((read.bad.count, read.bad.rows.len()), (9, 4));
}
