//! Each machine: every value before and after, its pictures, what a reader must know.

use std::collections::BTreeMap;

use look::chart::waterfall::{self, Kind, Step};
use look::chart::{State, Width};
use look::format::NONE;

use super::{Context, policy};
use crate::DocumentError;
use crate::figures;
use crate::flow::{CELL, Cell, Column, FINE, Flow, INK, NOTE, Row, TEAL, TEXT};
use crate::paper::{Align, BOTTOM, TOP};
use crate::read::{Comparison, Machine, Section};

pub(super) fn set(flow: &mut Flow, c: &Context<'_>) -> Result<(), DocumentError> {
    for (i, machine) in c.report.machines.iter().enumerate() {
        if i > 0 {
            // Set apart first: a machine is on one page where it fits on one, and begins a page where it does not.
            let mut apart = Flow::default();
            page(&mut apart, c, machine)?;
            // Below another machine its name stands a little lower.
            flow.need(if apart.pages.len() == 1 { apart.y() - TOP + 36.0 } else { BOTTOM - TOP });
        }
        page(flow, c, machine)?;
    }
    Ok(())
}

fn page(flow: &mut Flow, c: &Context<'_>, machine: &Machine) -> Result<(), DocumentError> {
    let words = c.words;
    let id = machine.machine.as_str();
    flow.entry(&words.machine(c.report, id));
    let role = words.word("kind", &machine.role);
    let critical = if machine.critical { words.s(" · 关键生产设备", " · key machine") } else { "" };
    let reference = if c.report.is_reference(id) {
        words.s(" · 对照机器（对照日期内未改造）", " · comparison machine (not retrofitted over these dates)")
    } else {
        ""
    };
    flow.words(NOTE, &format!("{} {id} · {role}{critical}{reference}", words.s("设备编号", "id")));
    let sections: Vec<&Section> = c.report.periods.iter().filter(|s| s.machine == id).collect();
    // Two periods side by side are what a page holds.
    for pair in sections.chunks(2) {
        values(flow, c, pair);
    }
    flags(flow, c, &sections);
    let compared: Vec<&Comparison> = c
        .report
        .comparisons
        .iter()
        .filter(|k| k.machine == id && figures::is_share(&figures::unit_of(c.report, &k.definition, id)))
        .collect();
    if !compared.is_empty() {
        policy::plot(flow, c, &compared, |k| short(&words.definition(c.report, &k.definition)))?;
    }
    if let Some(steps) = sections.last().and_then(|s| losses(c, s)) {
        let caption = format!(
            "{}{}",
            words.s("图  时间损失分解：", "Figure  Where planned time went: "),
            sections.last().map(|s| c.period(&s.period)).unwrap_or_default()
        );
        let svg = waterfall::svg("losses", &caption, &steps, Width::Wide);
        flow.picture(&svg, &caption, 0.5)?;
    }
    Ok(())
}

/// The name before its explanation in brackets.
pub(super) fn short(name: &str) -> String {
    name.split(['（', '(']).next().unwrap_or(name).trim().to_owned()
}

fn values(flow: &mut Flow, c: &Context<'_>, sections: &[&Section]) {
    let words = c.words;
    let mut columns = vec![Column { share: 1.7, align: Align::Left }];
    let mut head = vec![words.s("指标", "Indicator").to_owned()];
    for section in sections {
        columns.push(Column { share: 1.1, align: Align::Right });
        columns.push(Column { share: 1.1, align: Align::Left });
        columns.push(Column { share: 0.75, align: Align::Right });
        head.push(c.short_period(&section.period));
        head.push(words.s("[下限, 上限]", "[bounds]").to_owned());
        head.push(words.s("覆盖率 级", "Cov., grade").to_owned());
    }
    let mut definitions: Vec<&str> = Vec::new();
    for line in sections.iter().flat_map(|s| &s.lines) {
        if !definitions.contains(&line.definition.as_str()) {
            definitions.push(&line.definition);
        }
    }
    let rows: Vec<Row> = definitions
        .iter()
        .map(|definition| {
            let mut cells = vec![Cell::styled(words.definition(c.report, definition), CELL.ink(INK).bold())];
            for section in sections {
                let Some(line) = section.line(definition) else {
                    cells.extend([Cell::new(NONE), Cell::new(""), Cell::new("")]);
                    continue;
                };
                let (value, bounds) = figures::value(words, line);
                cells.push(Cell::styled(value, CELL.ink(TEAL)));
                cells.push(Cell::styled(bounds, FINE));
                let grade = line.grade.clone().unwrap_or_else(|| NONE.to_owned());
                cells.push(Cell::styled(format!("{} {grade}", figures::coverage(line.coverage)), FINE.ink(TEXT)));
            }
            Row::new(cells)
        })
        .collect();
    let head: Vec<&str> = head.iter().map(String::as_str).collect();
    flow.table(&columns, &head, &rows);
}

/// The steps from planned to good time, when the facts are there and tile it.
fn losses(c: &Context<'_>, section: &Section) -> Option<Vec<Step>> {
    let words = c.words;
    let planned = section.bucket("PBT");
    let us = |definition: &str| {
        let text = section.line(definition)?.numerator.as_deref()?;
        // Planned time is printed in µs; the picture has milliseconds, rounded once.
        i64::try_from((text.parse::<i128>().ok()? + 500) / 1000).ok()
    };
    let (made, good) = (us("performance.iso22400@1")?, us("oee.iso22400@1")?);
    let step = |name: &str, ms: i64, kind: Kind| Step { name: name.to_owned(), ms, kind };
    let run = section.bucket("APT");
    let steps = vec![
        step(words.s("计划工作时间", "Planned busy time"), planned, Kind::Planned),
        step(words.s("换线/调整", "Changeover"), section.bucket("AUST"), Kind::Lost(State::Setup)),
        step(words.s("停机与等待", "Stops, waiting"), section.bucket("ADET"), Kind::Lost(State::Fault)),
        step(words.s("无订单", "No order"), section.bucket("ADOT"), Kind::Lost(State::Idle)),
        step(words.s("未知", "Unknown"), section.bucket("UNK"), Kind::Unknown),
        step(words.s("速度损失", "Speed loss"), run - made, Kind::Computed),
        step(words.s("不良损失", "Scrap"), made - good, Kind::Computed),
        step(words.s("合格品工时", "Good time"), good, Kind::Good),
    ];
    let steps: Vec<Step> =
        steps.into_iter().filter(|s| s.ms != 0 || matches!(s.kind, Kind::Planned | Kind::Good)).collect();
    (planned > 0 && waterfall::tiles(&steps)).then_some(steps)
}

fn flags(flow: &mut Flow, c: &Context<'_>, sections: &[&Section]) {
    let words = c.words;
    let mut seen: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for section in sections {
        for flag in &section.flags {
            seen.entry(flag).or_default().push(c.short_period(&section.period));
        }
    }
    if seen.is_empty() {
        return;
    }
    flow.words(FINE.bold().ink(INK), words.s("须知", "What a reader must know"));
    for (flag, periods) in seen {
        flow.indented(8.0, NOTE, &format!("· {} ({})", words.flag(flag), periods.join(words.s("、", ", "))));
    }
}
