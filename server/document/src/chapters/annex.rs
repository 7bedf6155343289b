//! Grades, definitions and statistics, and the codes of the pages.

use std::collections::{BTreeMap, BTreeSet};

use super::Context;
use crate::flow::{BODY, CELL, Cell, Column, Flow, INK, NOTE, Row};
use crate::paper::Align;

pub(super) fn grades(flow: &mut Flow, c: &Context<'_>) {
    let words = c.words;
    let columns = [Column { share: 0.4, align: Align::Centre }, Column { share: 4.0, align: Align::Left }];
    let rows: Vec<Row> = ["a", "b", "c", "d"]
        .iter()
        .map(|g| {
            let meaning = words.texts().s(&format!("grade-{g}-words"));
            Row::new([Cell::styled(g.to_ascii_uppercase(), CELL.bold().ink(INK)), Cell::new(meaning)])
        })
        .collect();
    flow.table(&columns, &[words.s("等级", "Grade"), words.s("含义", "Meaning")], &rows);
    flow.words(
        NOTE,
        words.s(
            "数据可信等级 A–D 说的是数据从何而来、是否完整，与数字化水平等级（一至四级）无关。数值取其各输入中最低的等级，不上调。",
            "Grades A–D say where data come from and how complete they are; they are not digital levels. A value has the worst grade of its inputs and is never graded up.",
        ),
    );
    flow.part(words.s("本报告中出现的标记", "Flags in this report"));
    let mut seen: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for section in &c.report.periods {
        for flag in &section.flags {
            seen.entry(flag).or_default().insert(words.machine(c.report, &section.machine));
        }
    }
    if seen.is_empty() {
        return flow.words(BODY, words.s("无。", "None."));
    }
    let columns = [Column { share: 2.4, align: Align::Left }, Column { share: 2.0, align: Align::Left }];
    let rows: Vec<Row> = seen
        .iter()
        .map(|(flag, machines)| {
            let machines: Vec<&str> = machines.iter().map(String::as_str).collect();
            Row::new([Cell::styled(words.flag(flag), CELL.ink(INK)), Cell::new(machines.join(words.s("、", ", ")))])
        })
        .collect();
    flow.table(&columns, &[words.s("标记", "Flag"), words.s("涉及设备", "Machines")], &rows);
}

pub(super) fn definitions(flow: &mut Flow, c: &Context<'_>) {
    let words = c.words;
    flow.part(words.s("计算口径", "Definitions"));
    let columns = [
        Column { share: 1.7, align: Align::Left },
        Column { share: 1.5, align: Align::Left },
        Column { share: 0.65, align: Align::Left },
        Column { share: 1.7, align: Align::Left },
        Column { share: 1.6, align: Align::Left },
    ];
    let head = [
        words.s("名称", "Name"),
        words.s("口径编号", "Definition"),
        words.s("单位", "Unit"),
        words.s("公式", "Formula"),
        words.s("出处", "Source"),
    ];
    let rows: Vec<Row> = c
        .report
        .definitions
        .iter()
        .map(|d| {
            let source = if d.source == "Gongzheng" {
                words.s("本系统定义", "our own").to_owned()
            } else {
                d.source.clone()
            };
            let unit = if d.unit == "1" { words.s("比率", "ratio").to_owned() } else { words.unit(&d.unit) };
            Row::new([
                Cell::styled(words.name(&d.names, &d.id), CELL.bold().ink(INK)),
                Cell::new(d.id.clone()),
                Cell::new(unit),
                Cell::new(d.formula.clone()),
                Cell::new(source),
            ])
        })
        .collect();
    flow.table(&columns, &head, &rows);
    flow.words(
        NOTE,
        words.s(
            "PBT 计划工作时间 · APT 实际生产时间 · AUST 换线时间 · AUPT = APT + AUST · AUBT 占用时间 · PRI 计划节拍 · PQ 产量 · GQ 合格数 · SQ 不良数。",
            "PBT planned busy time · APT actual production time · AUST setup time · AUPT = APT + AUST · AUBT busy time · PRI planned run time per item · PQ produced · GQ good · SQ scrap.",
        ),
    );
    flow.part(words.s("变化的 95 % 区间", "The 95 % interval of a change"));
    match &c.report.method {
        Some(m) => {
            let said = match words.lang {
                look::text::Lang::Zh => format!(
                    "循环块自助法（{}）：以生产日为单位，块长 {} 天，重复 {} 次，随机种子 {}；取 2.5 % 与 97.5 % 分位数。任何人以相同种子可得到相同区间。每侧少于 20 天不给区间；每侧有效班次少于 30 个或少于 28 天，结论为证据不足。",
                    m.interval, m.block_days, m.replicates, m.seed
                ),
                look::text::Lang::En => format!(
                    "Circular block bootstrap ({}): the unit is the production day, blocks of {} days, {} replicates, seed {}; quantiles 2.5 % and 97.5 %. Anyone gets the same interval with the same seed. Fewer than 20 days on a side: no interval. Fewer than 30 valid shifts or 28 days on a side: insufficient evidence.",
                    m.interval, m.block_days, m.replicates, m.seed
                ),
            };
            flow.words(BODY, &said);
        }
        None => flow.words(BODY, words.s("本报告不作前后对比。", "Nothing is compared in this report.")),
    }
    if let Some(m) = c.report.chosen().map(|chosen| &chosen.method) {
        let said = match words.lang {
            look::text::Lang::Zh => format!(
                "机器之间比较（对照机器）用成对循环块自助法（{}）：每次重复在两组机器中取相同的生产日，块长 {} 天，重复 {} 次，随机种子 {}；取 2.5 % 与 97.5 % 分位数。两组都有分母的共同生产日少于 28 天，或有一台对照机器没有数值，不作判断。",
                m.interval, m.block_days, m.replicates, m.seed
            ),
            look::text::Lang::En => format!(
                "Machines beside machines: paired circular block bootstrap ({}): every replicate takes the same production days of both sides, blocks of {} days, {} replicates, seed {}; quantiles 2.5 % and 97.5 %. Fewer than 28 days on which both sides have a denominator, or a comparison machine without a value: undecided.",
                m.interval, m.block_days, m.replicates, m.seed
            ),
        };
        flow.words(BODY, &said);
    }
    flow.part(words.s("取整、时间与字符", "Rounding, time, characters"));
    let said = match words.lang {
        look::text::Lang::Zh => format!(
            "report.json 中每个商取{}；本文件对精确分数按显示位数四舍五入一次。时间为站点时间（{}，时区数据 {}）。〔U+…〕表示字库未收录的字，按其统一码码位印出。",
            words.rounding(&c.report.rounding),
            c.report.zone,
            c.report.zone_database
        ),
        look::text::Lang::En => format!(
            "Quotients in report.json have {}; here the exact fraction is rounded once to the digits shown. Times are local ({}, zone data {}). 〔U+…〕 is a character that the fonts lack, printed as its code point.",
            words.rounding(&c.report.rounding),
            c.report.zone,
            c.report.zone_database
        ),
    };
    flow.words(BODY, &said);
    flow.part(words.s("声明", "Notice"));
    flow.words(BODY, &words.name(&c.report.notice, ""));
}

/// The codes of every page before this list.
pub(super) fn codes(flow: &mut Flow, c: &Context<'_>) {
    let words = c.words;
    flow.words(
        BODY,
        words.s(
            "下表为本表以前各页的校验码，供与盖章扫描件逐页核对；本表各页的校验码印在其页脚，全部校验码另见表格文件「核验」。校验码由该页文字与 report.json 的摘要算得，算法见 docs/formats.md §8.2。",
            "The codes of all pages before this list, to compare a stamped scan page by page; those of the list's own pages are in their footers, and all of them on the sheet \"Verify\" of the workbook. A code is over the words of its page and the digest of report.json: docs/formats.md §8.2.",
        ),
    );
    let tag = words.lang.tag();
    // The list's own pages cannot be in it: their words would hold their own codes.
    let before = flow.pages.len().saturating_sub(1);
    let codes: Vec<(usize, String)> =
        flow.pages.iter().take(before).enumerate().map(|(i, page)| (i + 1, page.code(&c.digest, tag, i + 1))).collect();
    let pair = [Column { share: 0.5, align: Align::Right }, Column { share: 1.5, align: Align::Left }];
    let columns: Vec<Column> = pair.iter().copied().cycle().take(6).collect();
    let name = [words.s("页", "Page"), words.s("校验码", "Check code")];
    let head: Vec<&str> = name.into_iter().cycle().take(6).collect();
    let rows: Vec<Row> = codes
        .chunks(3)
        .map(|three| {
            let cells = three
                .iter()
                .flat_map(|(page, code)| [Cell::new(page.to_string()), Cell::styled(code.clone(), CELL.bold())]);
            let mut cells: Vec<Cell> = cells.collect();
            cells.resize(6, Cell::default());
            Row::new(cells)
        })
        .collect();
    flow.table(&columns, &head, &rows);
}
