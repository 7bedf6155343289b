//! Everything people stated: what numbers rest on (parameters), and what they entered.
//!
//! Constraints first: nothing is summarised away. Each statement of the log up to the report's prefix has its row, with who said
//! it, when it was logged and from when it holds; one that was logged more than a day after it takes effect says by how much.

use super::Context;
use crate::flow::{AMBER, BODY, Cell, Column, FINE, Flow, RED, Row};
use crate::paper::Align;
use crate::read::Statement;
use crate::words::Words;
use serde_json::Value as Json;

const DAY_MS: i64 = 86_400_000;
/// Longest body printed in a cell, characters; the bundle has the whole.
const BODY_MAX: usize = 320;

/// What is entered again and again; all other kinds are parameters or records of the system.
const ENTERED: [&str; 12] = [
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
        Column { share: 1.15, align: Align::Left },
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
            let values = c.declared.get(&s.leaf).map(|b| compact(words, b)).unwrap_or_default();
            let what = words.kind(&s.kind);
            let what = if is_entered(&s.kind) { Cell::stated(what) } else { Cell::new(what) };
            let mut said =
                if values.is_empty() { Cell::new(s.reason.clone()) } else { Cell::new(values).and(s.reason.clone()) };
            if let Some(why) = &s.invalid {
                said = said.and_styled(
                    format!("{} {why}", words.s("✕ 无效，未计入：", "✕ invalid, moved nothing:")),
                    FINE.ink(RED),
                );
            }
            Row::new([
                Cell::new(s.leaf.to_string()),
                Cell::new(face.full(s.received_ms))
                    .and(format!("{} {}", words.s("自", "from"), face.full(s.effective_from)))
                    .and_styled(late, FINE.ink(AMBER)),
                what,
                Cell::new(s.author.clone()).and(words.word("role", &s.role)),
                said,
            ])
        })
        .collect();
    flow.table(&columns, &head, &rows);
}

/// A body in words: `machine press · item_us 12000000`. Names are those of the language, a signal is `gateway/tag`.
pub(crate) fn body(words: Words, body: &Json) -> String {
    match body {
        Json::Object(members) => members
            .iter()
            .filter(|(_, v)| !v.is_null())
            .map(|(key, value)| format!("{key} {}", plain(words, value)))
            .collect::<Vec<String>>()
            .join(" · "),
        other => plain(words, other),
    }
}

fn plain(words: Words, value: &Json) -> String {
    match value {
        Json::String(text) => text.clone(),
        Json::Array(items) => items.iter().map(|i| plain(words, i)).collect::<Vec<String>>().join(", "),
        Json::Object(members) => {
            let text = |key: &str| members.get(key).and_then(Json::as_str);
            let others = members.keys().filter(|k| !matches!(k.as_str(), "zh" | "en" | "gateway" | "tag")).count();
            match (text("zh"), text("en"), text("gateway"), text("tag")) {
                (Some(zh), Some(en), ..) if others == 0 => words.s(zh, en).to_owned(),
                (_, _, Some(gateway), Some(tag)) if others == 0 => format!("{gateway}/{tag}"),
                _ => {
                    let inner = members.iter().map(|(k, v)| format!("{k} {}", plain(words, v)));
                    format!("({})", inner.collect::<Vec<String>>().join(", "))
                }
            }
        }
        other => other.to_string(),
    }
}

/// The same, cut with an ellipsis where it is long.
fn compact(words: Words, of: &Json) -> String {
    let all = body(words, of);
    if all.chars().count() <= BODY_MAX {
        return all;
    }
    let cut: String = all.chars().take(BODY_MAX).collect();
    format!("{cut}…")
}
