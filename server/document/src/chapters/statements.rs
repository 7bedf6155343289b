//! Everything people stated: what numbers rest on (parameters), and what they entered.
//!
//! Constraints first: nothing is summarised away. Each statement of the log up to the report's prefix has its row, with who said
//! it, when it was logged and from when it holds; one that was logged more than a day after it takes effect says by how much.

use super::Context;
use crate::fields::Fields;
use crate::flow::{AMBER, BODY, Cell, Column, FINE, Flow, RED, Row};
use crate::paper::Align;
use crate::read::Statement;
use serde_json::Value as Json;

const DAY_MS: i64 = 86_400_000;
/// Longest body printed in a cell, characters; the bundle has the whole.
const BODY_MAX: usize = 320;

/// What is entered again and again; all other kinds are parameters or records of the system.
const ENTERED: [&str; 32] = [
    "quality_count",
    "planned_stop",
    "batch",
    "bill",
    "stop_reason",
    "alarm_handled",
    "explanation",
    "finding_acknowledged",
    "adjustment",
    "level_assessed",
    "revenue",
    "meter_replaced",
    "filed_plan",
    "plan_change",
    "plan_opinion",
    "plan_finished",
    "acceptance_held",
    "paper_asked",
    "paper_handed",
    "paper_judged",
    "firm_listed",
    "onsite_check",
    "onsite_press",
    "onsite_face",
    "onsite_plate",
    "onsite_result",
    "onsite_confirmed",
    "deviation_notice",
    "deviation_explanation",
    "deviation_measures",
    "deviation_remeasured",
    "deviation_closed",
];

/// Whether a kind is something a person entered, not a parameter.
pub(crate) fn is_entered(kind: &str) -> bool {
    ENTERED.contains(&kind)
}

pub(super) fn parameters(flow: &mut Flow, c: &Context<'_>) {
    let words = c.words;
    flow.words(
        BODY,
        words.s(
            "计算所依据的参数及其每一次变更（日历、设备与信号、计划节拍、方案、计量器具等）。参数只能以新的填报更改，旧填报保留在站点日志中。",
            "The parameters the numbers rest on, and every change of them (calendar, machines and signals, cycle times, plan, instruments …). A parameter changes only by a new statement; the old one stays in the log.",
        ),
    );
    let all: Vec<&Statement> = c.report.statements.iter().filter(|s| !is_entered(&s.kind)).collect();
    table(flow, c, &all);
}

pub(super) fn entries(flow: &mut Flow, c: &Context<'_>) {
    let words = c.words;
    flow.words(
        BODY,
        words.s(
            "人工填报的数值以琥珀色点线框标出；涉及人工填报或事后填报的数值等级降低。填报人以代号记录，姓名对照表由企业保管。",
            "What people entered is amber in a dotted outline; numbers that rest on it, or on what was stated afterwards, have a lower grade. People appear under pseudonyms; the firm keeps the list of names.",
        ),
    );
    let all: Vec<&Statement> = c.report.statements.iter().filter(|s| is_entered(&s.kind)).collect();
    table(flow, c, &all);
}

fn table(flow: &mut Flow, c: &Context<'_>, all: &[&Statement]) {
    let words = c.words;
    if all.is_empty() {
        return flow.words(BODY, words.s("无。", "None."));
    }
    let columns = [
        Column { share: 0.42, align: Align::Right },
        Column { share: 1.25, align: Align::Left },
        Column { share: 0.85, align: Align::Left },
        Column { share: 0.85, align: Align::Left },
        Column { share: 3.1, align: Align::Left },
    ];
    let head = [
        words.s("序号", "Leaf"),
        words.s("填报时间 · 生效", "Logged · in force"),
        words.s("内容", "What"),
        words.s("填报人 · 角色", "Author · role"),
        words.s("取值 · 情况说明", "Values · reason"),
    ];
    let face = c.face();
    let rows: Vec<Row> = all
        .iter()
        .map(|s| {
            let late = s.received_ms - s.effective_from;
            let late = if late > DAY_MS && !c.report.simulated {
                match words.lang {
                    look::text::Lang::Zh => format!("追溯 {} 天", late / DAY_MS),
                    look::text::Lang::En => format!("{} days late", late / DAY_MS),
                }
            } else {
                String::new()
            };
            let values = c.declared.get(&s.leaf).map(|b| compact(c, b)).unwrap_or_default();
            let what = words.kind(&s.kind);
            let what = if is_entered(&s.kind) { Cell::stated(what) } else { Cell::new(what) };
            let mut said = if values.is_empty() {
                Cell::new(words.reason(&s.reason))
            } else {
                Cell::new(values).and(words.reason(&s.reason))
            };
            if let Some(why) = &s.invalid {
                let why = words.invalid(why);
                said = said.and_styled(
                    format!("{} {why}", words.s("✕ 无效，未计入：", "✕ invalid, moved nothing:")),
                    FINE.ink(RED),
                );
            }
            Row::new([
                Cell::new(s.leaf.to_string()),
                Cell::new(face.full(s.received_ms))
                    .and(format!(
                        "{} {} {}",
                        words.s("自", "from"),
                        face.day(s.effective_from),
                        face.minute(s.effective_from)
                    ))
                    .and_styled(late, FINE.ink(AMBER)),
                what,
                Cell::new(s.author.clone()).and(words.role(&s.role)),
                said,
            ])
        })
        .collect();
    flow.table(&columns, &head, &rows);
}

/// A body in words, cut with an ellipsis where it is long.
fn compact(c: &Context<'_>, of: &Json) -> String {
    let all = Fields::short(c).body(of);
    if all.chars().count() <= BODY_MAX {
        return all;
    }
    let cut: String = all.chars().take(BODY_MAX).collect();
    format!("{cut}…")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_a_parameter_or_entered() {
        let parameters = [
            "site",
            "calendar",
            "machine",
            "cycle_time",
            "plan",
            "baseline_lock",
            "comparison_lock",
            "evidence_document",
            "line",
            "recipe",
            "specification",
            "alarm_code",
            "material",
            "meter",
            "ledger",
            "finding_shown",
        ];
        for kind in metrics::model::KINDS {
            assert!(parameters.contains(&kind) != is_entered(kind), "{kind}: say which it is");
        }
        assert_eq!(parameters.len() + ENTERED.len(), metrics::model::KINDS.len());
    }
}
