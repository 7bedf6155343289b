//! What was not observed, and why.

use std::collections::BTreeMap;

use look::format::{Clockface, NONE, duration};

use super::Context;
use crate::figures;
use crate::flow::{BODY, CELL, Cell, Column, Flow, INK, NOTE, Row};
use crate::paper::Align;
use crate::read::{Gap, Section};

/// Gaps printed one by one; the workbook has all.
const GAPS_MAX: usize = 120;
/// Left-out shifts printed one by one.
const EXCLUDED_MAX: usize = 200;

pub(super) fn set(flow: &mut Flow, c: &Context<'_>) {
    let words = c.words;
    flow.words(
        BODY,
        words.s(
            "未观测到的时间不作推算：计入分母并给出上下限。覆盖率低于 80 % 的班次列出并不计入合计（其用电量仍计入）。",
            "Time that was not observed is never guessed: it counts in the denominator and bounds are given. Shifts covered below 80 % are listed and left out of sums, but for their energy.",
        ),
    );
    periods(flow, c);
    excluded(flow, c);
    causes(flow, c);
    if !c.report.quarantined.is_empty() {
        flow.part(words.s("疑似克隆网关的记录", "Records of a cloned gateway"));
        let leaves: Vec<String> = c.report.quarantined.iter().map(u64::to_string).collect();
        flow.words(BODY, &format!("{} {}", words.s("站点日志条目：", "Leaves:"), leaves.join(", ")));
    }
}

fn periods(flow: &mut Flow, c: &Context<'_>) {
    let words = c.words;
    flow.part(words.s("各设备各期间的覆盖率", "Coverage of each machine and period"));
    let columns = [
        Column { share: 1.5, align: Align::Left },
        Column { share: 0.8, align: Align::Left },
        Column { share: 0.7, align: Align::Right },
        Column { share: 0.7, align: Align::Right },
        Column { share: 0.9, align: Align::Right },
        Column { share: 1.9, align: Align::Left },
    ];
    let head = [
        words.s("设备", "Machine"),
        words.s("期间", "Period"),
        words.s("覆盖率", "Coverage"),
        words.s("计入班次", "Shifts"),
        words.s("读数", "Readings"),
        words.s("期间状况", "Standing of the period"),
    ];
    let mut last = String::new();
    let mut rows = Vec::new();
    let mut sections: Vec<&Section> = c.report.periods.iter().collect();
    let order: Vec<&String> = c.report.machines.iter().map(|m| &m.machine).collect();
    sections.sort_by_key(|s| order.iter().position(|m| **m == s.machine).unwrap_or(order.len()));
    for section in sections {
        let line = section.line("oee.iso22400@1").or_else(|| section.lines.first());
        let name = words.machine(c.report, &section.machine);
        let shown = if last == name { String::new() } else { name.clone() };
        last = name;
        let standing = section.standing.as_deref().map_or_else(|| NONE.to_owned(), |s| words.standing(s));
        rows.push(Row::new([
            Cell::styled(shown, CELL.bold().ink(INK)),
            Cell::new(c.short_period(&section.period)),
            Cell::new(line.map_or_else(|| NONE.to_owned(), |l| figures::coverage(l.coverage))),
            Cell::new(figures::count(section.shifts)),
            Cell::new(figures::count(section.readings)),
            Cell::new(standing),
        ]));
    }
    flow.table(&columns, &head, &rows);
}

fn excluded(flow: &mut Flow, c: &Context<'_>) {
    let words = c.words;
    flow.part(words.s("未计入合计的班次（覆盖率低于 80 %）", "Shifts left out of sums (covered below 80 %)"));
    let all = c.report.left_out();
    if all.is_empty() {
        return flow.words(BODY, words.s("无。", "None."));
    }
    let columns = [Column { share: 1.0, align: Align::Left }, Column { share: 2.0, align: Align::Left }];
    let rows: Vec<Row> = all
        .iter()
        .take(EXCLUDED_MAX)
        .map(|out| {
            let machine = words.machine(c.report, out.machine);
            Row::new([Cell::new(c.period(out.period)), Cell::new(format!("{machine} · {} {}", out.date, out.shift))])
        })
        .collect();
    flow.table(
        &columns,
        &[words.s("期间", "Period"), words.s("设备 · 生产日期 班次", "Machine · production date, shift")],
        &rows,
    );
    more(flow, c, all.len(), EXCLUDED_MAX);
}

fn more(flow: &mut Flow, c: &Context<'_>, all: usize, shown: usize) {
    if all > shown {
        let words = match c.words.lang {
            look::text::Lang::Zh => format!("共 {all} 项，此处列出 {shown} 项；其余见表格文件。"),
            look::text::Lang::En => format!("{shown} of {all} are listed here; the workbook has all."),
        };
        flow.words(NOTE, &words);
    }
}

/// Gaps of several tags of one device at the same time are one event.
fn events(gaps: &[Gap]) -> Vec<(&Gap, Vec<&str>)> {
    let mut by: BTreeMap<(i64, i64, &str, &str, u64), (&Gap, Vec<&str>)> = BTreeMap::new();
    for gap in gaps {
        let key = (gap.from_ms, gap.to_ms, gap.gateway.as_str(), gap.cause.as_str(), gap.leaf);
        by.entry(key).or_insert_with(|| (gap, Vec::new())).1.extend(gap.tag.as_deref());
    }
    by.into_values().collect()
}

fn causes(flow: &mut Flow, c: &Context<'_>) {
    let words = c.words;
    flow.part(words.s("数据缺失及其原因", "Gaps and their causes"));
    if c.report.gaps.is_empty() {
        return flow.words(BODY, words.s("期间内没有记录到数据缺失。", "No gap was recorded in the periods."));
    }
    let events = events(&c.report.gaps);
    let mut causes: BTreeMap<&str, (usize, i64)> = BTreeMap::new();
    for (gap, _) in &events {
        let sum = causes.entry(gap.cause.as_str()).or_default();
        sum.0 += 1;
        sum.1 += gap.to_ms - gap.from_ms;
    }
    let columns = [
        Column { share: 2.0, align: Align::Left },
        Column { share: 1.0, align: Align::Right },
        Column { share: 1.2, align: Align::Right },
    ];
    let rows: Vec<Row> = causes
        .iter()
        .map(|(cause, (count, ms))| {
            Row::new([
                Cell::styled(words.word("cause", cause), CELL.bold().ink(INK)),
                Cell::new(figures::count(*count)),
                Cell::new(duration(*ms)),
            ])
        })
        .collect();
    let head = [words.s("原因", "Cause"), words.s("次数", "Number"), words.s("合计时长", "Time together")];
    flow.table(&columns, &head, &rows);
    let columns = [
        Column { share: 1.7, align: Align::Left },
        Column { share: 0.8, align: Align::Right },
        Column { share: 1.0, align: Align::Left },
        Column { share: 2.4, align: Align::Left },
        Column { share: 0.55, align: Align::Right },
    ];
    let head = [
        words.s("起止（站点时间）", "From – to (local)"),
        words.s("时长", "Length"),
        words.s("原因", "Cause"),
        words.s("网关 · 测点", "Gateway · tags"),
        words.s("日志条", "Leaf"),
    ];
    let face = c.face();
    // The longest matter most; among those that are printed the order is of time.
    let mut longest: Vec<usize> = (0..events.len()).collect();
    longest.sort_by_key(|i| events.get(*i).map(|(gap, _)| (gap.from_ms - gap.to_ms, gap.from_ms)));
    longest.truncate(GAPS_MAX);
    longest.sort_unstable();
    let rows: Vec<Row> = longest
        .iter()
        .filter_map(|i| events.get(*i))
        .map(|(gap, tags)| {
            let tags = if tags.is_empty() { words.s("全部测点", "every tag").to_owned() } else { tags.join(", ") };
            Row::new([
                Cell::new(span(&face, gap)),
                Cell::new(duration(gap.to_ms - gap.from_ms)),
                Cell::new(words.word("cause", &gap.cause)),
                Cell::new(format!("{} · {tags}", gap.gateway)),
                Cell::new(gap.leaf.to_string()),
            ])
        })
        .collect();
    flow.table(&columns, &head, &rows);
    more(flow, c, events.len(), GAPS_MAX);
}

/// `2026-06-11 12:30 – 13:22`; the second date only where it is another.
fn span(face: &Clockface, gap: &Gap) -> String {
    let (from, to) = (face.day(gap.from_ms), face.day(gap.to_ms));
    let end = if from == to { face.minute(gap.to_ms) } else { face.day_minute(gap.to_ms) };
    format!("{from} {} – {end}", face.minute(gap.from_ms))
}
