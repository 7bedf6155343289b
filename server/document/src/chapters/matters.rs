//! Signals that do not fit together, as far as the log says who was shown them, with what the factory says of each.
//!
//! Constraints first:
//! - report.json holds no matters; what stands here is read from the declarations of the log up to its prefix.
//! - The factory sees a matter first: one that others may not see yet is counted and not described (`docs/formats.md` §6).

use std::collections::BTreeMap;

use metrics::credibility::course::{Course, DAYS_DEFAULT, FACTORY_ROLE, Step, release};
use metrics::credibility::detector;
use serde_json::Value as Json;

use super::Context;
use crate::flow::{BODY, CELL, Cell, Column, FINE, Flow, INK, Row};
use crate::paper::Align;
use crate::read::Statement;

/// A matter and what happened to it.
#[derive(Default)]
struct Matter<'c> {
    detector: &'c str,
    machine: &'c str,
    from_ms: i64,
    course: Course,
    /// Each explanation, whoever gave it.
    said: Vec<(&'c Statement, &'c str)>,
}

pub(super) fn set(flow: &mut Flow, c: &Context<'_>) {
    let words = c.words;
    flow.words(
        BODY,
        words.s(
            "待核实事项由程序对信号交叉核对得出，不改动任何数值，先向企业展示；展示、知悉和说明都记入站点日志。本报告的规范文本（report.json）不含待核实事项；下表列出截至本报告所依据的日志、已可公开的事项及企业说明。",
            "Matters to verify come from checks of signals against each other and move no number; the factory sees them first, and who was shown, acknowledged and explained them is in the site's log. The normative report.json does not hold them; listed here are those that, by the log up to this report, others may see, with what the factory explained.",
        ),
    );
    let all = matters(c);
    let (open, closed): (Vec<&Matter<'_>>, Vec<&Matter<'_>>) =
        all.values().partition(|m| release(&m.course, DAYS_DEFAULT).is_open(as_of(c)));
    if open.is_empty() {
        flow.words(
            BODY,
            words.s(
                "截至本报告所依据的日志，没有可公开的待核实事项。",
                "Up to the leaves of this report there is none.",
            ),
        );
    } else {
        let columns = [
            Column { share: 1.2, align: Align::Left },
            Column { share: 1.5, align: Align::Left },
            Column { share: 1.35, align: Align::Left },
            Column { share: 2.6, align: Align::Left },
        ];
        let head = [
            words.s("设备 · 起始", "Machine · from"),
            words.s("核对规则", "Check"),
            words.s("经过", "Course"),
            words.s("企业说明", "The factory's explanation"),
        ];
        let rows: Vec<Row> = open.into_iter().map(|m| row(c, m)).collect();
        flow.table(&columns, &head, &rows);
    }
    if !closed.is_empty() {
        let n = crate::figures::count(closed.len());
        let said = match words.lang {
            look::text::Lang::Zh => format!("另有 {n} 项仍在企业知悉期内（展示之日起 {DAYS_DEFAULT} 天），未列出。"),
            look::text::Lang::En => {
                format!(
                    "{n} more are before the factory, for {DAYS_DEFAULT} days from when it was shown them, and not listed."
                )
            }
        };
        flow.words(BODY, &said);
    }
}

/// The newest instant this report knows of.
fn as_of(c: &Context<'_>) -> i64 {
    let newest = c.report.statements.iter().map(|s| s.received_ms).max();
    newest.max(c.report.request.until_ms).unwrap_or_default()
}

/// By key, from the declarations in order of the log.
fn matters<'c>(c: &'c Context<'_>) -> BTreeMap<&'c str, Matter<'c>> {
    let mut all: BTreeMap<&str, Matter<'_>> = BTreeMap::new();
    let valid = c.report.statements.iter().filter(|s| s.invalid.is_none());
    for (statement, body) in valid.filter_map(|s| Some((s, c.declared.get(&s.leaf)?))) {
        let named = match statement.kind.as_str() {
            "finding_shown" => body.get("findings").and_then(Json::as_array).map_or(&[][..], Vec::as_slice),
            "finding_acknowledged" | "explanation" => std::slice::from_ref(body),
            _ => continue,
        };
        let text = |of: &'c Json, key: &str| of.get(key).and_then(Json::as_str).unwrap_or_default();
        for of in named {
            let matter = all.entry(text(of, "finding")).or_default();
            (matter.detector, matter.machine) = (text(of, "detector"), text(of, "machine"));
            matter.from_ms = of.get("from_ms").and_then(Json::as_i64).unwrap_or_default();
            let course = &mut matter.course;
            let step = match statement.kind.as_str() {
                "finding_shown" => &mut course.shown,
                "finding_acknowledged" => &mut course.acknowledged,
                _ => {
                    matter.said.push((statement, text(of, "text")));
                    &mut course.explained
                }
            };
            if statement.role == FACTORY_ROLE && step.is_none() {
                let Statement { leaf, received_ms, author, role, .. } = statement.clone();
                *step = Some(Step { leaf, received_ms, author, role });
            }
        }
    }
    all
}

fn row(c: &Context<'_>, matter: &Matter<'_>) -> Row {
    let (words, face) = (c.words, c.face());
    let names = detector(matter.detector).map(|d| words.s(d.names[0], d.names[1]));
    let mut course = Cell::new("");
    let Course { shown, acknowledged, explained } = &matter.course;
    for (name, step) in [
        (words.s("展示", "shown"), shown),
        (words.s("知悉", "acknowledged"), acknowledged),
        (words.s("说明", "explained"), explained),
    ] {
        if let Some(step) = step {
            course = course.and_styled(format!("{name} {}", face.day(step.received_ms)), CELL);
        }
    }
    let mut said = Cell::new(if matter.said.is_empty() { words.s("企业没有说明", "none") } else { "" });
    for (statement, text) in &matter.said {
        let who = format!("{}{} · {}", c.leaf(statement.leaf), statement.author, words.role(&statement.role));
        said = said.and_stated(*text).and_styled(who, FINE);
    }
    Row::new([
        Cell::styled(words.machine(c.report, matter.machine), CELL.bold().ink(INK))
            .and(face.day_minute(matter.from_ms)),
        Cell::new(names.unwrap_or(matter.detector)).and(matter.detector),
        course,
        said,
    ])
}
