//! Chapters under the policy's own headings: each with its indicators, machine by machine.

use look::chart::Width;
use look::chart::interval::{Estimate, Row as Bar};
use look::format::NONE;

use super::{Context, verdict};
use crate::DocumentError;
use crate::figures::{self, micro};
use crate::flow::{BODY, CELL, Cell, Column, Flow, INK, NOTE, Row, TEAL};
use crate::paper::Align;
use crate::read::{Comparison, Section};

/// A chapter.
pub(super) struct Chapter {
    pub(super) zh: &'static str,
    pub(super) en: &'static str,
    definitions: &'static [&'static str],
    note_zh: &'static str,
    note_en: &'static str,
}

/// The headings of 《评测指标(2024年版)》 and of the cities' notices that equipment data speak to.
pub(super) const CHAPTERS: [Chapter; 5] = [
    Chapter {
        zh: "设备综合利用率",
        en: "Overall equipment effectiveness",
        definitions: &["oee.iso22400@1", "availability.iso22400@1", "util.calendar@1"],
        note_zh: "按设备综合效率 OEE 口径计算：时间开动率 × 性能开动率 × 合格品率。设备利用率以日历时间为分母，两者不可相加或互换。",
        note_en: "Computed as OEE: availability × performance × quality. Utilisation has calendar time as its denominator; the two are never added or exchanged.",
    },
    Chapter {
        zh: "生产效率",
        en: "Production efficiency",
        definitions: &["performance.iso22400@1", "good.per_production_day@1", "count.produced@1"],
        note_zh: "性能开动率以填报的计划节拍为基准，可能超过 100 %，如实列出。人均产值等涉及人员与营业收入的指标见企业材料。",
        note_en: "Performance is against the planned cycle times as stated and may exceed 100 %; it is shown as it is. Output per person needs figures of the firm.",
    },
    Chapter {
        zh: "不良率",
        en: "Defect rate",
        definitions: &["quality.iso22400@1", "count.rejected@1"],
        note_zh: "不良率 = 1 − 合格品率（多品种按计划工时加权）。人工填报的不良数已从合格数中扣除，并降低等级。",
        note_en: "The defect rate is 1 − quality ratio (weighted by planned time over products). Rejects stated by people are taken off the good count and lower the grade.",
    },
    Chapter {
        zh: "能源资源利用率",
        en: "Use of energy and resources",
        definitions: &["energy.per_production_day@1", "energy.active@1"],
        note_zh: "电能为表底差值。能耗总量随产量变化，须与产量一并解读；水、气及折标煤以计量和账单为准，见企业材料。",
        note_en: "Energy is the difference of register readings. It moves with output and is read beside it; water, gas and standard coal rest on meters and bills of the firm.",
    },
    Chapter {
        zh: "单位产品能耗",
        en: "Energy per product",
        definitions: &["energy.per_good@1"],
        note_zh: "单位合格品用电量 = 用电量 ÷ 合格数。不同计量单位的产品不相加。",
        note_en: "Energy per good item is energy ÷ good items. Products counted in different units are not added.",
    },
];

pub(super) fn set(flow: &mut Flow, c: &Context<'_>, chapter: &Chapter) -> Result<(), DocumentError> {
    flow.words(NOTE, c.words.s(chapter.note_zh, chapter.note_en));
    let mut any = false;
    for definition in chapter.definitions {
        any |= indicator(flow, c, definition)?;
    }
    if !any {
        flow.words(
            BODY,
            c.words.s("本期没有可用于该指标的设备数据。", "No equipment data of these periods speak to this heading."),
        );
    }
    Ok(())
}

/// One indicator over all machines; whether there is anything to say.
fn indicator(flow: &mut Flow, c: &Context<'_>, definition: &str) -> Result<bool, DocumentError> {
    let compared: Vec<&Comparison> =
        total_last(c.report.comparisons.iter().filter(|k| k.definition == definition), |k| &k.machine);
    if !compared.is_empty() {
        flow.part(&c.words.definition(c.report, definition));
        comparison_table(flow, c, &compared);
        let share = compared.iter().all(|k| figures::is_share(&figures::unit_of(c.report, definition, &k.machine)));
        if share && definition == "oee.iso22400@1" {
            plot(flow, c, &compared, |k| {
                // The picture has little room for names.
                let all = c.words.s("全部生产设备", "All machines");
                if is_total(&k.machine) { all.to_owned() } else { c.words.machine(c.report, &k.machine) }
            })?;
        }
        return Ok(true);
    }
    let mut sections: Vec<&Section> =
        total_last(c.report.periods.iter().filter(|s| s.line(definition).is_some()), |s| &s.machine);
    // Machine by machine, each with its periods in the order of the request.
    let order: Vec<&String> = c.report.machines.iter().map(|m| &m.machine).collect();
    sections.sort_by_key(|s| order.iter().position(|m| **m == s.machine).unwrap_or(order.len()));
    if sections.is_empty() {
        return Ok(false);
    }
    flow.part(&c.words.definition(c.report, definition));
    value_table(flow, c, definition, &sections);
    Ok(true)
}

/// In the order of the report, but the sum at the end.
fn total_last<'i, I>(all: impl Iterator<Item = &'i I>, machine: impl Fn(&I) -> &String) -> Vec<&'i I> {
    let (total, mut machines): (Vec<&I>, Vec<&I>) = all.partition(|i| machine(i) == metrics::report::ALL_MACHINES);
    machines.extend(total);
    machines
}

fn is_total(machine: &str) -> bool {
    machine == metrics::report::ALL_MACHINES
}

fn comparison_table(flow: &mut Flow, c: &Context<'_>, compared: &[&Comparison]) {
    let words = c.words;
    let columns = [
        Column { share: 1.5, align: Align::Left },
        Column { share: 1.25, align: Align::Right },
        Column { share: 1.25, align: Align::Right },
        Column { share: 1.35, align: Align::Right },
        Column { share: 1.2, align: Align::Left },
        Column { share: 0.65, align: Align::Centre },
    ];
    let head = [
        words.s("设备 · 单位", "Machine · unit"),
        words.s("基期 [上下限]", "Before [bounds]"),
        words.s("报告期 [上下限]", "After [bounds]"),
        words.s("变化 [95 % 区间]", "Change [95 % interval]"),
        words.s("变化说明", "In words"),
        words.s("等级", "Grades"),
    ];
    let rows = compared.iter().map(|k| {
        let share = figures::is_share(&figures::unit_of(c.report, &k.definition, &k.machine));
        let scale = k.before.value.as_deref();
        let name = Cell::styled(words.machine(c.report, &k.machine), CELL.bold().ink(INK))
            .and(figures::unit_words(words, c.report, k));
        let side = |side: &crate::read::Side, period: &str| {
            let line = c.report.period(&k.machine, period).and_then(|s| s.line(&k.definition));
            // Where the sum over the period is undefined there are no bounds; why stands on the machine's page.
            let bounds = line.filter(|l| l.value.is_some()).map(|l| figures::value(words, l).1).unwrap_or_default();
            let days = match words.lang {
                look::text::Lang::Zh => format!("{} 天", side.days),
                look::text::Lang::En => format!("{} d", side.days),
            };
            let cover = line.map(|l| format!("{} {}", words.s("覆盖率", "cov."), figures::coverage(l.coverage)));
            let foot = cover.map_or(days.clone(), |cover| format!("{cover} · {days}"));
            Cell::styled(figures::side(side, share), CELL.ink(TEAL)).and(bounds).and(foot)
        };
        let change = Cell::styled(figures::change(k.difference.as_deref(), share, scale), CELL.bold())
            .and(figures::interval(k.lower.as_deref(), k.upper.as_deref(), share, scale))
            .and(format!("{} {}", words.s("相对", "relative"), figures::relative(k.relative.as_deref())));
        let cautions: Vec<String> = k.cautions.iter().map(|r| words.caution(r)).collect();
        let said = Cell::styled(words.change(&k.verdict, &k.definition), verdict::change_style(&k.verdict))
            .and(cautions.join(words.s("；", "; ")));
        let grade = |g: &Option<String>| g.clone().unwrap_or_else(|| NONE.to_owned());
        let grades = Cell::new(format!("{} / {}", grade(&k.before.grade), grade(&k.after.grade)));
        let row = Row::new([name, side(&k.before, "baseline"), side(&k.after, "reporting"), change, said, grades]);
        if is_total(&k.machine) { row.on(0xF1F4F6) } else { row }
    });
    let rows: Vec<Row> = rows.collect();
    flow.table(&columns, &head, &rows);
}

fn value_table(flow: &mut Flow, c: &Context<'_>, definition: &str, sections: &[&Section]) {
    let words = c.words;
    let columns = [
        Column { share: 1.7, align: Align::Left },
        Column { share: 0.9, align: Align::Left },
        Column { share: 1.1, align: Align::Right },
        Column { share: 1.5, align: Align::Right },
        Column { share: 0.8, align: Align::Right },
        Column { share: 0.5, align: Align::Centre },
    ];
    let head = [
        words.s("设备", "Machine"),
        words.s("期间", "Period"),
        words.s("实测", "Measured"),
        words.s("[下限, 上限]", "[bounds]"),
        words.s("覆盖率", "Coverage"),
        words.s("等级", "Grade"),
    ];
    let mut rows = Vec::new();
    let mut last = "";
    for section in sections {
        let Some(line) = section.line(definition) else { continue };
        let (value, bounds) = figures::value(words, line);
        let name = if last == section.machine { String::new() } else { words.machine(c.report, &section.machine) };
        last = &section.machine;
        let row = Row::new([
            Cell::styled(name, CELL.bold().ink(INK)),
            Cell::new(c.short_period(&section.period)),
            Cell::styled(value, CELL.ink(TEAL)),
            Cell::new(bounds),
            Cell::new(figures::coverage(line.coverage)),
            Cell::new(line.grade.clone().unwrap_or_else(|| NONE.to_owned())),
        ]);
        rows.push(if is_total(&section.machine) { row.on(0xF1F4F6) } else { row });
    }
    flow.table(&columns, &head, &rows);
}

/// Before and after of shares on one axis, in as many pictures as pages need.
pub(super) fn plot(
    flow: &mut Flow,
    c: &Context<'_>,
    compared: &[&Comparison],
    name: impl Fn(&Comparison) -> String,
) -> Result<(), DocumentError> {
    let words = c.words;
    let bars: Vec<Bar> = compared.iter().map(|k| bar(c, k, name(k))).collect();
    let caption = words.s(
        "图  基期（空心）与报告期（实心）；色带为数值上下限，横线为变化的 95 % 区间（加在基期值上）；横轴 %",
        "Figure  Before (hollow) and after (solid); band: bounds of the value; whiskers: 95 % interval of the change, added to the base value; axis in %",
    );
    for part in bars.chunks(Flow::capacity(48.0, 0.5)) {
        let svg = look::chart::interval::svg("interval", caption, part, words.texts(), Width::Wide);
        flow.picture(&svg, caption, 0.5)?;
    }
    Ok(())
}

fn bar(c: &Context<'_>, k: &Comparison, name: String) -> Bar {
    // Hundredths of a percent, as the picture takes them.
    let hundredths = |text: &str| micro(text).and_then(|m| i64::try_from(m / 100).ok());
    let estimate = |side: &crate::read::Side, period: &str| {
        let value = hundredths(side.value.as_deref()?)?;
        let line = c.report.period(&k.machine, period).and_then(|s| s.line(&k.definition));
        let bound = |b: Option<&String>| b.and_then(|t| hundredths(t)).unwrap_or(value);
        Some(Estimate {
            value,
            low: bound(line.and_then(|l| l.lower.as_ref())).min(value),
            high: bound(line.and_then(|l| l.upper.as_ref())).max(value),
        })
    };
    let before = estimate(&k.before, "baseline");
    let ends = k.lower.as_deref().and_then(hundredths).zip(k.upper.as_deref().and_then(hundredths));
    let said = c.words.change(&k.verdict, &k.definition);
    let verdict = match k.difference.as_deref() {
        Some(d) => format!("{said} {} {}", figures::change(Some(d), true, None), c.words.s("个百分点", "pp")),
        None => said.to_owned(),
    };
    Bar {
        name,
        difference: before.zip(ends).map(|(b, (low, high))| (b.value + low, b.value + high)),
        before,
        after: estimate(&k.after, "reporting"),
        verdict,
        total: is_total(&k.machine),
    }
}

/// What the papers ask for and no machine says, in Chinese and English.
pub(crate) const OTHERS: [(&str, &str); 7] = [
    ("安全（安全生产、事故与隐患）", "Safety (accidents and hazards)"),
    ("产品研发周期", "Development time of products"),
    ("单位产品成本", "Cost per product"),
    ("营业收入与销售增长率", "Revenue and growth of sales"),
    ("库存周转、订单准时交付", "Stock turnover, delivery on time"),
    ("创新、市场、人员与其他经济社会效益", "Innovation, market, staff and other benefits"),
    ("数字化水平等级", "Digital level"),
];

/// The same as a chapter.
pub(super) fn others(flow: &mut Flow, c: &Context<'_>) {
    let words = c.words;
    let columns = [Column { share: 1.0, align: Align::Left }, Column { share: 2.4, align: Align::Left }];
    let not = words.s("「非设备数据，见企业材料」", "not equipment data: see the firm's papers");
    let rows: Vec<Row> = OTHERS
        .iter()
        .map(|(zh, en)| Row::new([Cell::styled(words.s(zh, en), CELL.bold().ink(INK)), Cell::new(not)]))
        .collect();
    flow.table(&columns, &[words.s("指标", "Indicator"), words.s("说明", "Note")], &rows);
    flow.words(
        NOTE,
        words.s(
            "报警与处置记录如已采集，见服务器页面与电子佐证包；它们不等于企业的安全绩效。数字化水平等级由评测机构评定，本报告不作表述。",
            "Alarms and what was done about them, where recorded, are on the server's pages and in the bundle; they are not the firm's safety record. A digital level is the assessors' to state and is none of this report.",
        ),
    );
}
