//! A file against a log: the same readings and statements give the same numbers, whatever the file's form.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

use metrics::compare::SplitMix64;
use metrics::report::{Comparison, Section};
use protocol::{Content, Kind, LeafBody, Value};

use super::*;
use crate::projection::tests::fixture::{GATEWAY, Log, SITE, World};

/// The fixture's statements as a plan file, and more of it.
pub(super) fn plan_text(more: &str) -> String {
    format!(
        r#"version = 1
[readings]
gateway = "{GATEWAY}"
[site]
names = {{ zh = "示范厂", en = "Demo works" }}
zone = "Asia/Shanghai"
[[calendar]]
shifts = [{{ shift = "day", start = 08:00, end = 20:00, weekdays = [1, 2, 3, 4, 5, 6, 7], breaks = [{{ start = 12:00, end = 12:50 }}] }}]
[[machine]]
machine = "press"
names = {{ zh = "冲床", en = "Press" }}
critical = true
signals = {{ state = {{ tag = "press/state" }}, good = {{ tag = "press/good" }}, reject = {{ tag = "press/reject" }}, energy = {{ tag = "press/energy" }} }}
state_rule = {{ codes = {{ 1 = "off", 2 = "idle", 4 = "run", 5 = "setup", 6 = "fault" }} }}
[[machine]]
machine = "main"
names = {{ zh = "总表", en = "Incoming meter" }}
role = "meter"
signals = {{ energy = {{ tag = "main/energy" }} }}
[[cycle_time]]
machine = "press"
item_us = 6_000_000
[[tag]]
id = "press/state"
type = "u64"
interval_ms = 60_000
[[tag]]
id = "press/good"
type = "u64"
unit = "pcs"
interval_ms = 60_000
counter = {{ modulus = 0x1_0000_0000, max_per_hour = 1_000_000 }}
[[tag]]
id = "press/reject"
type = "u64"
unit = "pcs"
interval_ms = 60_000
counter = {{ modulus = 0x1_0000_0000, max_per_hour = 1_000_000 }}
[[tag]]
id = "press/energy"
type = "u64"
unit = "kWh"
scale = {{ num = 1, den = 1000 }}
interval_ms = 60_000
counter = {{ modulus = 0x1_0000_0000, max_per_hour = 1_000_000 }}
[[tag]]
id = "main/energy"
type = "u64"
unit = "kWh"
scale = {{ num = 1, den = 100 }}
interval_ms = 60_000
counter = {{ modulus = 0x1_0000_0000, max_per_hour = 1_000_000 }}
{more}
"#
    )
}

const TWO_WEEKS: &str = r#"
[[plan]]
plan = "p"
baseline = { from = 2026-03-02, to = 2026-03-22 }
reporting = { from = 2026-03-23, to = 2026-04-12 }
machines = ["press", "main"]
seed = 7
[evaluate]
site = "demo"
plan = "p"
"#;

pub(super) const TWO_DAYS: &str = r#"
[evaluate]
site = "demo"
period = [{ name = "two days", from = 2026-03-02, to = 2026-03-03 }]
"#;

/// A reading of the log: when, of what, raw, and one unit of the value in thousandths of the raw one.
pub(super) struct Row {
    pub(super) at_ms: i64,
    pub(super) tag: &'static str,
    pub(super) raw: u64,
    den: u64,
}

impl Row {
    pub(super) fn time(&self) -> String {
        jiff::Timestamp::from_millisecond(self.at_ms).unwrap().to_string()
    }

    pub(super) fn value(&self) -> String {
        match self.den {
            1 => self.raw.to_string(),
            den => format!("{}.{:0width$}", self.raw / den, self.raw % den, width = den.ilog10() as usize),
        }
    }
}

/// Every reading that a log holds.
pub(super) fn rows_of(log: &Log) -> Vec<Row> {
    let tags =
        [("press/state", 1), ("press/good", 1), ("press/reject", 1), ("press/energy", 1000), ("main/energy", 100)];
    let mut out = Vec::new();
    for leaf in &log.leaves {
        let LeafBody::Record { header, .. } = &leaf.body else { continue };
        let bytes = &log.contents[&header.content_digest];
        let Ok(Content::Batch(batch)) = Content::decode(Kind::Batch, bytes) else { continue };
        if header.kind == Kind::Batch {
            out.extend(batch.readings().map(|r| {
                let (tag, den) = tags[r.tag as usize];
                let Value::U64(raw) = r.value else { panic!("the fixture reads u64") };
                Row { at_ms: log.utc(r.boot_ms), tag, raw, den }
            }));
        }
    }
    out
}

pub(super) fn long(rows: &[Row]) -> String {
    let mut text = "time,tag,value\n".to_owned();
    rows.iter().for_each(|r| writeln!(text, "{},{},{}", r.time(), r.tag, r.value()).unwrap());
    text
}

pub(super) fn plan(more: &str) -> PlanFile {
    PlanFile::parse(&plan_text(more), "plan.toml").unwrap_or_else(|e| panic!("{e}"))
}

pub(super) fn evaluated(plan: &PlanFile, csv: &str) -> Evaluation {
    let readings = csv::read("r.csv", csv.as_bytes(), &plan.table, &plan.dialect, Limits::default());
    let readings = readings.unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(readings.bad, rows::BadRows::default());
    evaluate(plan, &readings).unwrap_or_else(|e| panic!("{e}"))
}

/// A section without what may differ: grades, flags, lineage, leaves of statements.
fn numbers(s: &Section) -> impl PartialEq + std::fmt::Debug {
    let lines: Vec<_> = s
        .lines
        .iter()
        .map(|l| {
            let amounts =
                (l.numerator.clone(), l.denominator.clone(), l.value.clone(), l.lower.clone(), l.upper.clone());
            (l.definition, l.unit, amounts, l.coverage, l.undefined)
        })
        .collect();
    let place = (s.period.clone(), s.machine.clone(), s.date.clone(), s.shift.clone(), s.from_ms, s.to_ms);
    let sums = (s.states_ms.clone(), s.buckets_ms.clone(), s.readings, s.shifts, s.excluded.clone(), s.standing);
    (place, lines, sums)
}

fn compared(c: &Comparison) -> impl PartialEq + std::fmt::Debug {
    let side =
        |s: &metrics::report::Side| (s.numerator.clone(), s.denominator.clone(), s.value.clone(), s.days, s.standing);
    let change = (c.difference.clone(), c.relative.clone(), c.lower.clone(), c.upper.clone());
    (c.definition, c.machine.clone(), side(&c.before), side(&c.after), change, c.verdict, c.cautions.clone())
}

fn same_numbers(file: &Report, log: &Report) {
    assert_eq!(file.shifts.len(), log.shifts.len());
    for (a, b) in file.shifts.iter().zip(&log.shifts).chain(file.periods.iter().zip(&log.periods)) {
        assert_eq!(numbers(a), numbers(b));
        assert!(a.lines.iter().all(|l| l.value.is_none() || l.grade == Some("D")), "a file is never better than D");
        assert!(a.lines.is_empty() || a.flags.contains(&"UNSIGNED_DATA"));
        assert!(!b.flags.contains(&"UNSIGNED_DATA"));
    }
    let pairs = file.comparisons.iter().zip(&log.comparisons);
    pairs.for_each(|(a, b)| assert_eq!(compared(a), compared(b)));
    assert_eq!(file.comparisons.len(), log.comparisons.len());
    assert_ne!(file.notice, log.notice, "a file's result says that it is no evidence");
    assert!(file.notice.zh.contains("未经网关签名") && file.notice.en.contains("no gateway signed"));
}

#[test]
fn a_file_and_a_signed_log_of_the_same_readings_give_the_same_numbers() {
    for (seed, days, share) in [(1, 42, 1), (2, 42, 37), (3, 42, 9)] {
        let mut log = Log::new(false);
        log.declare(
            "plan",
            serde_json::json!({"plan": "p", "machines": ["press", "main"], "seed": 7,
                "baseline": {"from": "2026-03-02", "to": "2026-03-22"}, "reporting": {"from": "2026-03-23", "to": "2026-04-12"}}),
        );
        // Readings are missing one by one, and all of two hours a week; no gap is signed, a file has none.
        let kept = |tag: u32, m: usize| {
            let mut random = SplitMix64::new((m as u64) << 8 | u64::from(tag));
            (share == 1 || !random.next_u64().is_multiple_of(share))
                && !(share > 1 && (6400..6520).contains(&(m % 10_080)))
        };
        log.run(&World::new(seed, days, Some(21)), false, kept);
        let want = metrics::evaluate(&log.history(), &ReportRequest::for_plan(log.size(), "p")).unwrap();
        let file = evaluated(&plan(TWO_WEEKS), &long(&rows_of(&log)));
        assert_eq!(file.report.site, SITE);
        same_numbers(&file.report, &want);
        assert!(want.comparisons.len() > 5 && want.periods.len() == 6, "something was compared");
        let covered = |r: &Report| r.periods[1].line("oee.iso22400@1").unwrap().coverage;
        assert_eq!(covered(&want)[0] == covered(&want)[1], share == 1, "seed {seed}: coverage is what was kept");
    }
}

#[test]
fn order_duplicates_and_layout_change_no_byte() {
    let mut log = Log::new(false);
    log.run(&World::new(5, 2, None), false, |tag, m| !(m + tag as usize).is_multiple_of(11));
    let plan = plan(TWO_DAYS);
    let mut rows = rows_of(&log);
    let want = evaluated(&plan, &long(&rows)).report.to_json().unwrap();

    // Wide: a line per instant, a column per tag, empty where there is no reading.
    let names = ["press/good", "main/energy", "press/state", "press/energy", "press/reject"];
    let mut lines: BTreeMap<i64, [String; 5]> = BTreeMap::new();
    for r in &rows {
        let at = names.iter().position(|n| *n == r.tag).unwrap();
        lines.entry(r.at_ms).or_default()[at] = r.value();
    }
    let mut wide = format!("time;{}\r\n", names.join(";"));
    for (at_ms, cells) in &lines {
        let time = Row { at_ms: *at_ms, tag: "", raw: 0, den: 1 }.time();
        write!(wide, "{time};{}\r\n", cells.join(";")).unwrap();
    }
    assert_eq!(evaluated(&plan, &format!("\u{feff}{wide}")).report.to_json().unwrap(), want, "wide");

    // Any order, some rows twice.
    let mut random = SplitMix64::new(9);
    for i in (1..rows.len()).rev() {
        rows.swap(i, (random.next_u64() % (i as u64 + 1)) as usize);
    }
    let mut shuffled = long(&rows);
    shuffled.push_str(long(&rows[..100]).strip_prefix("time,tag,value\n").unwrap());
    let read = csv::read("r.csv", shuffled.as_bytes(), &plan.table, &plan.dialect, Limits::default()).unwrap();
    assert_eq!((read.ignored.duplicates, read.bad.count), (100, 0));
    assert_eq!(evaluate(&plan, &read).unwrap().report.to_json().unwrap(), want, "shuffled");

    // One value contradicted: both rows are bad, and nobody chooses.
    let one = &rows[0];
    writeln!(shuffled, "{},{},{}", one.time(), one.tag, if one.raw == 7 { "8" } else { "7" }).unwrap();
    let read = csv::read("r.csv", shuffled.as_bytes(), &plan.table, &plan.dialect, Limits::default()).unwrap();
    let lines: Vec<u64> = read.bad.rows.iter().map(|r| r.row).collect();
    assert_eq!(lines, [2, rows.len() as u64 + 2, rows.len() as u64 + 102]);
    assert!(read.bad.rows[0].what.en.contains(&format!("in row {}", rows.len() + 102)), "{:?}", read.bad.rows[0]);
    assert!(read.bad.rows[0].what.zh.contains("同一时刻"));
}

#[test]
fn a_reading_of_bad_quality_is_a_gap_and_not_a_value() {
    let mut log = Log::new(false);
    log.run(&World::new(6, 2, None), false, |_, _| true);
    let plan = plan(TWO_DAYS);
    let rows = rows_of(&log);
    let marked = |rows: &[Row], bad: &dyn Fn(&Row) -> bool| {
        let mut text = "quality,time,value,tag\n".to_owned();
        for r in rows {
            // With what the device read beside it, or without.
            let value = if bad(r) && r.at_ms % 120_000 == 0 { String::new() } else { r.value() };
            let quality = if bad(r) { "bad" } else { "good" };
            writeln!(text, "{quality},{},{value},{}", r.time(), r.tag).unwrap();
        }
        text
    };
    let whole = evaluated(&plan, &marked(&rows, &|_| false));
    let noon = rows[0].at_ms + 10 * 3_600_000;
    let holed =
        evaluated(&plan, &marked(&rows, &|r| r.tag == "press/state" && (noon..noon + 600_000).contains(&r.at_ms)));
    let covered = |e: &Evaluation| e.report.periods.iter().find(|s| s.machine == "press").unwrap().lines[1].coverage;
    assert_eq!(covered(&whole)[0], covered(&whole)[1]);
    assert_eq!(covered(&whole)[0] - covered(&holed)[0], 600_000, "ten readings that were bad are ten minutes unknown");
}

#[test]
fn what_is_left_out_is_counted_and_named() {
    let mut log = Log::new(false);
    log.run(&World::new(5, 2, None), false, |tag, m| tag != 2 && m < 600);
    let more = format!("{TWO_DAYS}\n[[tag]]\nid = \"press/spare\"\ntype = \"bool\"\ninterval_ms = 1000\n");
    let plan = plan(&more.replace("[evaluate]", "[evaluate]\nmachines = [\"press\"]"));
    let mut text = long(&rows_of(&log));
    text.push_str("\n2031-01-01T00:00:00Z,press/spare,1\n");
    let e = evaluated(&plan, &text);
    assert_eq!(e.unused, ["press/spare"]);
    assert_eq!(e.silent, ["press/reject"]);
    assert_eq!(e.out_of_reach, 1);
    assert_eq!(e.report.request.machines, ["press"]);
}

/// The example that the guide shows.
#[test]
fn the_example_is_whole_and_says_what_its_rows_say() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../configs/examples");
    let (plan, _) = read_plan(&folder.join("plan.toml")).unwrap_or_else(|e| panic!("{e}"));
    let path = folder.join("readings.csv");
    let (readings, input) =
        read_readings(&path, &plan.table, &plan.dialect, Limits::default()).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(readings.bad.count, 0, "{:?}", readings.bad.rows);
    assert_eq!(input.sha256, protocol::sha256(&std::fs::read(&path).unwrap()));
    let e = evaluate(&plan, &readings).unwrap();
    // Counted by hand: the register at eight against the register at sixteen hundred.
    let text = std::fs::read_to_string(&path).unwrap();
    let register = |at: &str, tag: &str| -> i64 {
        let row = text.lines().find(|l| l.starts_with(&format!("{at},{tag},"))).unwrap_or_else(|| panic!("{at} {tag}"));
        row.split(',').nth(2).unwrap().replace('.', "").parse().unwrap()
    };
    for (period, date) in [("baseline", "2026-03-02"), ("reporting", "2026-03-09")] {
        let made = |tag| register(&format!("{date} 16:00:00"), tag) - register(&format!("{date} 08:00:00"), tag);
        let shift = e
            .report
            .shifts
            .iter()
            .find(|s| s.period == period && s.machine == "press" && s.shift.as_deref() == Some("day"))
            .unwrap();
        let value = |id: &str| shift.line(id).and_then(|l| l.value.clone()).unwrap();
        assert_eq!(value("count.good@1"), format!("{}.000000", made("press/good")));
        assert_eq!(value("count.rejected@1"), format!("{}.000000", made("press/reject")));
        let kwh = made("press/energy");
        assert_eq!(value("energy.active@1"), format!("{}.{:02}0000", kwh / 100, kwh % 100));
    }
    let oee: Vec<_> = e.report.comparisons.iter().filter(|c| c.definition == "oee.iso22400@1").collect();
    assert!(!oee.is_empty() && oee.iter().all(|c| c.verdict == "INSUFFICIENT"), "two days say nothing");
}

#[test]
fn files_are_refused_by_name_size_and_place() {
    let folder = tempfile::tempdir().unwrap();
    let plan = plan(TWO_DAYS);
    let read = |name: &str, limits: Limits| {
        read_readings(&folder.path().join(name), &plan.table, &plan.dialect, limits).map(|_| ()).unwrap_err()
    };
    let refusal = read("nosuch.csv", Limits::default());
    assert!(refusal.what.en.contains("cannot be read") && refusal.what.zh.contains("无法读取"), "{refusal}");
    std::fs::write(folder.path().join("r.xlsx"), b"PK").unwrap();
    let refusal = read("r.xlsx", Limits::default());
    assert!(refusal.todo.en.contains(".parquet") && refusal.what.zh.contains("看不出格式"), "{refusal}");
    std::fs::write(folder.path().join("r.csv"), "time,tag,value\n".repeat(10)).unwrap();
    let refusal = read("r.csv", Limits { file_bytes: 100, ..Limits::default() });
    assert!(refusal.what.en.contains("more than 100 bytes") && refusal.what.zh.contains("超过 100 字节"), "{refusal}");
    std::fs::write(folder.path().join("plan.toml"), b"\xB7\xBD\xB0\xB8").unwrap();
    let refusal = read_plan(&folder.path().join("plan.toml")).map(|_| ()).unwrap_err();
    assert!(refusal.what.en.contains("not UTF-8") && refusal.todo.zh.contains("UTF-8"), "{refusal}");
}
