//! `metrics list` and `metrics explain`: the catalogue, as it is.

use std::process::ExitCode;

use anyhow::{Result, bail};
use metrics::catalogue::{Entry, entries, explain as entry};
use serde_json::{Value as Json, json};
use server::spelling;

use super::super::{chinese, say};
use super::table::columns;

/// What the first part of an evaluating function's name is about, in the order of the list. A module that is not here is a group of
/// its own, under its own name.
const GROUPS: [(&[&str], &str, &str); 13] = [
    (&["catalogue", "facts", "oee"], "报告所列", "Printed by reports"),
    (&["kpi"], "时间与效率", "Time and effectiveness"),
    (&["vocabulary", "thresholds"], "设备状态", "Machine states"),
    (&["production"], "生产与换线", "Production and changeover"),
    (&["batch"], "批次与流程", "Batches and continuous processes"),
    (&["energy"], "能耗与碳排放", "Energy and carbon"),
    (&["quality", "alarms"], "质量统计与报警", "Quality statistics and alarms"),
    (&["metrology", "settlement"], "计量器具与账单", "Meters and bills"),
    (&["checklist"], "设备与数据清单", "Ledger, connection and collection"),
    (&["assessment"], "评测指标", "Digital level questionnaire (评测指标)"),
    (&["credibility"], "待核实事项", "Matters to verify"),
    (&["baseline", "savings"], "节能量（改造前后）", "Savings before and after"),
    (&["change", "statistics"], "改造前后比较", "Change before and after"),
];

/// The module whose function evaluates it.
fn module(e: &Entry) -> &'static str {
    e.evaluated_by.split("::").next().unwrap_or(e.evaluated_by)
}

fn name(e: &Entry) -> &'static str {
    let [zh, en] = e.names;
    if chinese() { zh } else { en }
}

fn as_json(e: &Entry) -> Json {
    let words = |[zh, en]: [&str; 2]| json!({"zh": zh, "en": en});
    json!({
        "id": e.id, "names": words(e.names), "unit": e.unit, "formula": e.formula, "source": e.source,
        "edge": words(e.edge), "evaluated_by": e.evaluated_by,
    })
}

pub(super) fn list(as_data: bool) -> Result<ExitCode> {
    let all: Vec<Entry> = entries().collect();
    if as_data {
        super::print_json(&Json::Array(all.iter().map(as_json).collect()))?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut heads: Vec<(String, Vec<&'static str>)> =
        GROUPS.iter().map(|(modules, zh, en)| (say(zh, en), modules.to_vec())).collect();
    for e in &all {
        if !heads.iter().any(|(_, modules)| modules.contains(&module(e))) {
            heads.push((module(e).to_owned(), vec![module(e)]));
        }
    }
    let row = |e: &Entry| [e.id, name(e), e.unit, e.source].map(str::to_owned).to_vec();
    let mut out = String::new();
    for (head, modules) in heads {
        let rows: Vec<Vec<String>> = all.iter().filter(|e| modules.contains(&module(e))).map(row).collect();
        if !rows.is_empty() {
            out.push_str(&format!("{head}\n{}\n", columns(&rows, "  ")));
        }
    }
    out.push_str(&say(
        &format!("共 {} 个口径；用 `gongzheng-server metrics explain <id>` 查看其中一个", all.len()),
        &format!("{} definitions; `gongzheng-server metrics explain <id>` shows one", all.len()),
    ));
    super::print_bytes(out.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

pub(super) fn explain(id: &str, as_data: bool) -> Result<ExitCode> {
    let Some(e) = entry(id) else {
        let near = near(id).join(", ");
        let [zh, en] = if near.is_empty() {
            [
                "；用 `gongzheng-server metrics list` 查看全部".to_owned(),
                "; `gongzheng-server metrics list` shows all".to_owned(),
            ]
        } else {
            [format!("；相近的有：{near}"), format!("; near: {near}")]
        };
        bail!(say(&format!("没有口径 {id}{zh}"), &format!("there is no definition {id}{en}")));
    };
    if as_data {
        super::print_json(&as_json(&e))?;
        return Ok(ExitCode::SUCCESS);
    }
    let ([zh, en], [edge_zh, edge_en]) = (e.names, e.edge);
    let unit = if e.unit == "1" { say("1（比率）", "1 (ratio)") } else { e.unit.to_owned() };
    let source = if e.source == "Gongzheng" { say("工证自定义", "Gongzheng's own") } else { e.source.to_owned() };
    let rows: Vec<Vec<String>> = [
        (say("名称", "name"), format!("{zh} / {en}")),
        (say("单位", "unit"), unit),
        (say("公式", "formula"), e.formula.to_owned()),
        (say("标准与条款", "standard"), source),
        (say("边界规则", "edge rules"), say(edge_zh, edge_en)),
        (say("计算函数", "evaluated by"), format!("metrics::{}", e.evaluated_by)),
    ]
    .into_iter()
    .map(|(head, text)| vec![head, text])
    .collect();
    super::print_bytes(format!("{}\n{}", e.id, columns(&rows, "  ").trim_end()).as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

/// Ids that a mistyped one may have meant: of the same name in another version, containing it, or little different.
fn near(id: &str) -> Vec<&'static str> {
    const SHOWN_MAX: usize = 5;
    let all: Vec<&'static str> = entries().map(|e| e.id).collect();
    let stem = id.split('@').next().unwrap_or(id);
    let contains = |known: &&str| stem.len() > 2 && known.contains(stem);
    let mut out: Vec<&str> = all.iter().copied().filter(contains).collect();
    for near in spelling::nearest(id, all.iter().copied(), 4) {
        if !out.contains(&near) {
            out.push(near);
        }
    }
    out.truncate(SHOWN_MAX);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistyped_definition_finds_the_one_that_was_meant() {
        assert_eq!(near("oee.iso22400@2").first(), Some(&"oee.iso22400@1"));
        assert!(near("availability").contains(&"availability.iso22400@1"));
        assert!(near("aviability.iso22400@1").contains(&"availability.iso22400@1"));
        assert!(near("sunspots").is_empty());
    }
}
