//! "Why this number?": the formula with the numbers put in, the inputs, gaps, parameters and records behind a line.
//!
//! Constraints: built from a report alone, so that a page, a PDF and a verifier explain the same thing; every sentence is
//! there in both languages; nothing is recomputed here.

use serde::Serialize;

use crate::calendar::OUTSIDE_SHIFTS;
use crate::catalogue;
use crate::grade::Flag;
use crate::report::{GapLine, Line, LineageRange, Report, Section, StatementLine, Words};

/// One input of a formula.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Input {
    /// Symbol in the formula.
    pub symbol: &'static str,
    /// What it is.
    pub names: Words,
    /// Its amount.
    pub amount: String,
    /// Unit of the amount.
    pub unit: &'static str,
}

/// The explanation of one line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Why {
    /// Names of the metric.
    pub names: Words,
    /// Formula in symbols.
    pub formula: &'static str,
    /// Formula with the numbers put in.
    pub with_numbers: String,
    /// Standard and clause.
    pub source: &'static str,
    /// Edge rules.
    pub edge: Words,
    /// Inputs.
    pub inputs: Vec<Input>,
    /// Flags in words.
    pub flags: Vec<(&'static str, Words)>,
    /// Why undefined, in words.
    pub undefined: Option<Words>,
    /// Gaps that touch the window.
    pub gaps: Vec<GapLine>,
    /// Statements in force.
    pub parameters: Vec<StatementLine>,
    /// Records read.
    pub lineage: Vec<LineageRange>,
}

/// Explains a line of a section of a report.
pub fn explain(report: &Report, section: &Section, line: &Line) -> Option<Why> {
    let d = catalogue::get(line.definition)?;
    let flag = |code: &&'static str| {
        let (zh, en) = FLAGS.iter().find(|f| f.code() == *code)?.words();
        Some((*code, both(zh, en)))
    };
    let touches = |g: &&GapLine| g.from_ms < section.to_ms && g.to_ms > section.from_ms;
    let gateways: Vec<&str> = section.lineage.iter().map(|l| l.gateway.as_str()).collect();
    Some(Why {
        names: both(d.zh, d.en),
        formula: d.formula,
        with_numbers: with_numbers(d.formula, line),
        source: d.source,
        edge: both(d.edge_zh, d.edge_en),
        inputs: inputs(section),
        flags: section.flags.iter().filter_map(flag).collect(),
        undefined: line.undefined.and_then(undefined_words),
        gaps: report.gaps.iter().filter(touches).filter(|g| gateways.contains(&g.gateway.as_str())).cloned().collect(),
        parameters: report.statements.iter().filter(|s| section.statements.contains(&s.leaf)).cloned().collect(),
        lineage: section.lineage.clone(),
    })
}

/// `OEE = Σ PRI·GQ / PBT = 18624000000 / 25800000000 = 0.721860`.
fn with_numbers(formula: &str, line: &Line) -> String {
    match (&line.numerator, &line.denominator, &line.value) {
        (Some(n), Some(d), Some(v)) => format!("{formula} = {n} / {d} = {v}"),
        _ => format!("{formula} = —"),
    }
}

fn inputs(section: &Section) -> Vec<Input> {
    let mut out = Vec::new();
    let named: [(&'static str, &str, &str); 9] = [
        ("POT", "计划操作时间", "planned operation time"),
        ("PDOT", "计划停机时间", "planned downtime"),
        ("PBT", "计划工作时间", "planned busy time"),
        ("APT", "实际生产时间", "actual production time"),
        ("AUST", "实际换线准备时间", "actual setup time"),
        ("ADET", "实际延误时间", "actual delay time"),
        ("ADOT", "实际无订单停机时间", "actual down time without order"),
        ("UNK", "未观测时间", "unobserved time"),
        ("OUTSIDE", "班次外时间", "time outside shifts"),
    ];
    for (symbol, zh, en) in named {
        if let Some(ms) = section.buckets_ms.get(symbol) {
            out.push(Input { symbol, names: both(zh, en), amount: seconds(*ms), unit: "s" });
        }
    }
    let amounts =
        [("PQ", "count.produced@1"), ("GQ", "count.good@1"), ("SQ", "count.rejected@1"), ("E", "energy.active@1")];
    for (symbol, definition) in amounts {
        let value = section.line(definition).and_then(|l| l.value.clone());
        if let (Some(value), Some(d)) = (value, catalogue::get(definition)) {
            out.push(Input { symbol, names: both(d.zh, d.en), amount: value, unit: d.unit });
        }
    }
    out
}

fn seconds(ms: i64) -> String {
    format!("{}.{:03}", ms / 1000, ms % 1000)
}

fn both(zh: &str, en: &str) -> Words {
    Words { zh: zh.to_owned(), en: en.to_owned() }
}

/// The reason behind an `undefined` code, in words.
pub fn undefined_words(code: &str) -> Option<Words> {
    use crate::oee::Undefined as U;
    let all = [
        U::NoPlannedTime,
        U::NoProduction,
        U::NoState,
        U::NoCounter,
        U::NoCycleTime,
        U::NoRejectSignal,
        U::NoMeter,
        U::MeterDiscontinuity,
        U::Insufficient,
    ];
    all.iter().find(|u| u.code() == code).map(|u| both(u.words().0, u.words().1))
}

/// The meaning of a flag code, in words.
pub fn flag_words(code: &str) -> Option<Words> {
    FLAGS.iter().find(|f| f.code() == code).map(|f| both(f.words().0, f.words().1))
}

/// Whether a section is time outside shifts.
pub fn is_outside(section: &Section) -> bool {
    section.shift.as_deref() == Some(OUTSIDE_SHIFTS)
}

const FLAGS: [Flag; 21] = [
    Flag::BeforeEnrolment,
    Flag::ClockUncertain,
    Flag::ContentMissing,
    Flag::CounterReset,
    Flag::CounterRollover,
    Flag::LateDeclaration,
    Flag::LostRecords,
    Flag::ManualQuality,
    Flag::MeterReplaced,
    Flag::NoCycleTime,
    Flag::NoOrder,
    Flag::NoOrderInfo,
    Flag::NoRejectSignal,
    Flag::OvertimeUnplanned,
    Flag::PerfGt100,
    Flag::PowerDerivedState,
    Flag::RateExceeded,
    Flag::RetroPlannedStop,
    Flag::RunInPlannedStop,
    Flag::ShiftsExcluded,
    Flag::UnknownStateCode,
];
