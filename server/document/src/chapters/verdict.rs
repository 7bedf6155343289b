//! One page: target, measured, verdict. Statistics stand in the annex.

use look::format::NONE;

use super::Context;
use crate::DocumentError;
use crate::figures;
use crate::flow::{BODY, CELL, Cell, Column, FINE, Flow, INK, LABEL, NOTE, RED, Row, TEAL};
use crate::paper::{Align, BOTTOM, Style};
use crate::read::{Comparison, Promised};

/// Definitions a reader asks for first, of all production machines together.
const FIRST: [&str; 7] = [
    "oee.iso22400@1",
    "availability.iso22400@1",
    "performance.iso22400@1",
    "good.per_production_day@1",
    "quality.iso22400@1",
    "energy.per_production_day@1",
    "energy.per_good@1",
];

pub(super) fn set(flow: &mut Flow, c: &Context<'_>) -> Result<(), DocumentError> {
    let words = c.words;
    if let Some(chosen) = c.report.chosen() {
        super::beside::findings(flow, c, chosen);
        return Ok(());
    }
    if !c.report.is_compared() && !c.report.has_targets() {
        measured(flow, c);
        return Ok(());
    }
    let rows = rows(c);
    let head = [
        words.s("指标 · 范围", "Indicator · scope"),
        words.s("绩效目标", "Target"),
        words.s("基期", "Before"),
        words.s("报告期实测", "After (measured)"),
        words.s("变化 [95 % 区间]", "Change [95 % interval]"),
        words.s("结论", "Verdict"),
        words.s("等级", "Grades"),
    ];
    let column = |share, align| Column { share, align };
    let columns = [
        column(1.7, Align::Left),
        column(1.1, Align::Left),
        column(0.8, Align::Right),
        column(0.95, Align::Right),
        column(1.4, Align::Right),
        column(1.2, Align::Left),
        column(0.7, Align::Centre),
    ];
    if !c.report.has_targets() {
        let note = words.s(
            "方案未填报绩效目标：本表列出基期与报告期的实测值、变化及其 95 % 区间，不给出达标与否的结论。",
            "The plan states no target: this table gives what was measured before and after, the change and its 95 % interval, and no verdict on any target.",
        );
        flow.words(BODY, note);
        flow.gap(2.0);
    }
    flow.table(&columns, &head, &rows);
    let notes = [
        words.s(
            "达标：95 % 区间整体不劣于目标；未达标：区间整体劣于目标；证据不足：区间跨越目标，或有效班次、天数、覆盖率不足。结论只就数据而言，验收意见由专家出具。",
            "Target met: the whole 95 % interval is at least as good as the target. Not met: the whole interval is worse. Insufficient evidence: the interval contains the target, or shifts, days or coverage do not suffice. A verdict is about data; the opinion on acceptance is the experts'.",
        ),
        words.s(
            "变化为报告期减基期；比率以个百分点计。统计方法、种子与重复次数见附录 A，逐台设备见「逐台设备」一章，等级含义见「数据可信等级」一章。",
            "A change is after minus before; of shares in percentage points (pp). Method, seed and replicates are in Annex A, each machine in its own chapter, the grades in theirs.",
        ),
    ];
    for note in notes {
        flow.words(NOTE, note);
    }
    // The shares of the sum on one axis, where they fit below the table.
    let total = metrics::report::ALL_MACHINES;
    let shares: Vec<&Comparison> = c
        .report
        .comparisons
        .iter()
        // What is locked is not drawn as it is declared now: the table says both.
        .filter(|k| {
            let lock = c.report.promised(&k.definition, total).and_then(|p| p.lock.as_ref());
            lock.is_none_or(|lock| lock.as_locked.is_none())
        })
        .filter(|k| k.machine == total && figures::is_share(&figures::unit_of(c.report, &k.definition, total)))
        .collect();
    if !shares.is_empty() && flow.y() + 40.0 + 30.0 * shares.len() as f32 <= BOTTOM {
        flow.gap(6.0);
        super::policy::plot(flow, c, &shares, |k| super::machines::short(&words.definition(c.report, &k.definition)))?;
    }
    Ok(())
}

fn rows(c: &Context<'_>) -> Vec<Row> {
    let report = c.report;
    let mut out = Vec::new();
    let promised: Vec<&Promised> =
        report.measurement_plan.iter().flat_map(|p| &p.metrics).filter(|m| m.target.is_some()).collect();
    for metric in &promised {
        let declared = report.comparison(&metric.definition, &metric.machine);
        out.push(row(c, &metric.definition, &metric.machine, metric.followed(declared), Some(*metric)));
        out.extend(as_declared(c, metric, declared));
    }
    for definition in FIRST {
        let total = metrics::report::ALL_MACHINES;
        // Meters are never added to the sum; where only one machine has the metric it speaks for itself.
        let mut of = report.comparisons.iter().filter(|k| k.definition == definition);
        let found = report.comparison(definition, total).or_else(|| of.next().filter(|_| of.next().is_none()));
        let Some(comparison) = found else { continue };
        if !promised.iter().any(|m| m.definition == definition && m.machine == comparison.machine) {
            out.push(row(c, definition, &comparison.machine, Some(comparison), None));
        }
    }
    out
}

fn row(
    c: &Context<'_>,
    definition: &str,
    machine: &str,
    found: Option<&Comparison>,
    promised: Option<&Promised>,
) -> Row {
    let words = c.words;
    let name = words.definition(c.report, definition);
    let unit = found.map(|k| figures::unit_words(words, c.report, k)).unwrap_or_default();
    let first = if unit.is_empty() { name } else { format!("{name} ({unit})") };
    let first = Cell::styled(first, CELL.bold().ink(INK)).and(words.machine(c.report, machine));
    let target = promised.and_then(|p| p.target.as_ref());
    let goal = match target {
        Some(target) => Cell::styled(figures::target(words, target), CELL),
        None => Cell::styled(words.s("未设目标", "no target"), CELL.ink(LABEL)),
    };
    let share = figures::is_share(&figures::unit_of(c.report, definition, machine));
    let (before, after, change, grades) = match found {
        Some(k) => {
            let scale = k.before.value.as_deref();
            let change = Cell::styled(figures::change(k.difference.as_deref(), share, scale), CELL.bold())
                .and(figures::interval(k.lower.as_deref(), k.upper.as_deref(), share, scale));
            let change = if share { change } else { change.and(figures::relative(k.relative.as_deref())) };
            let grade = |g: &Option<String>| g.clone().unwrap_or_else(|| NONE.to_owned());
            (
                Cell::styled(figures::side(&k.before, share), CELL.ink(TEAL)),
                Cell::styled(figures::side(&k.after, share), CELL.ink(TEAL).bold()),
                change,
                format!("{} / {}", grade(&k.before.grade), grade(&k.after.grade)),
            )
        }
        None => {
            // Nothing to compare with is no reason to leave out what was measured.
            let line = c.report.period(machine, "reporting").and_then(|section| section.line(definition));
            let after = line.map_or_else(|| NONE.to_owned(), |line| figures::value(words, line).0);
            (Cell::new(NONE), Cell::new(after), Cell::new(NONE), NONE.to_owned())
        }
    };
    let grades = match promised.and_then(|p| p.grades.as_ref()) {
        Some(both) => both.each_ref().map(|g| g.as_deref().unwrap_or(NONE)).join(" / "),
        None => grades,
    };
    let change = match promised.and_then(|p| p.change.as_ref()) {
        Some(found) => {
            let (value, ends) = figures::target_change(words, found);
            Cell::styled(value, CELL.bold()).and(ends)
        }
        None => change,
    };
    let verdict = match promised.filter(|_| target.is_some()) {
        Some(p) => {
            let code = p.verdict.as_deref().unwrap_or("INSUFFICIENT");
            let reasons: Vec<String> = p.reasons.iter().map(|r| words.caution(r)).collect();
            let locked = p.lock.as_ref().map(|l| {
                let face = c.face();
                match words.lang {
                    look::text::Lang::Zh => format!("基期锁定：日志第 {} 条，{}", l.leaf, face.day(l.received_ms)),
                    look::text::Lang::En => format!("base period locked: leaf {}, {}", l.leaf, face.day(l.received_ms)),
                }
            });
            Cell::styled(words.verdict(code), verdict_style(code))
                .and(reasons.join(words.s("；", "; ")))
                .and(locked.unwrap_or_default())
        }
        None => match found {
            Some(k) => {
                let cautions: Vec<String> = k.cautions.iter().map(|r| words.caution(r)).collect();
                Cell::styled(words.change(&k.verdict, definition), change_style(&k.verdict))
                    .and(cautions.join(words.s("；", "; ")))
            }
            None => Cell::styled(words.verdict("INSUFFICIENT"), CELL.ink(LABEL)),
        },
    };
    let row = Row::new([first, goal, before, after, change, verdict, Cell::styled(grades, CELL)]);
    if target.is_some() { row.on(0xF5F8F7) } else { row }
}

/// What a locked metric gives under the parameters as declared now, where that is another result or verdict.
fn as_declared(c: &Context<'_>, metric: &Promised, declared: Option<&Comparison>) -> Option<Row> {
    let words = c.words;
    let lock = metric.lock.as_ref()?;
    if lock.as_locked.is_none() && lock.verdict_declared.is_none() {
        return None;
    }
    let k = declared?;
    let share = figures::is_share(&figures::unit_of(c.report, &k.definition, &k.machine));
    let scale = k.before.value.as_deref();
    let grade = |g: &Option<String>| g.clone().unwrap_or_else(|| NONE.to_owned());
    let code = lock.verdict_declared.as_deref().or(metric.verdict.as_deref()).unwrap_or("INSUFFICIENT");
    Some(Row::new([
        Cell::styled(words.s("· 按现时填报的参数", "· with parameters as declared now"), FINE),
        Cell::new(""),
        Cell::new(figures::side(&k.before, share)),
        Cell::new(figures::side(&k.after, share)),
        Cell::new(figures::change(k.difference.as_deref(), share, scale))
            .and(figures::interval(k.lower.as_deref(), k.upper.as_deref(), share, scale))
            .and(figures::relative(k.relative.as_deref())),
        Cell::new(words.verdict(code)).and(words.s("结论以锁定口径为准", "the verdict above follows the lock")),
        Cell::new(format!("{} / {}", grade(&k.before.grade), grade(&k.after.grade))),
    ]))
}

fn verdict_style(code: &str) -> Style {
    match code {
        "MET" => CELL.bold().ink(TEAL),
        "NOT_MET" => CELL.bold().ink(RED),
        _ => CELL.bold().ink(LABEL),
    }
}

pub(super) fn change_style(code: &str) -> Style {
    match code {
        "UP" | "DOWN" => CELL.bold().ink(INK),
        _ => CELL.ink(LABEL),
    }
}

/// Without a plan: what was measured, nothing compared.
fn measured(flow: &mut Flow, c: &Context<'_>) {
    let words = c.words;
    let planned = words.s(
        "本方案没有可对比的基期，不作前后对比，也不给出达标与否的结论。下表为全部生产设备合计的实测值。",
        "The plan has no base period to compare with: nothing is compared and no verdict is given. The table is what was measured of all production machines together.",
    );
    let dated = words.s(
        "本报告按日期出具，未指定测量方案，不作前后对比，也不给出达标与否的结论。下表为全部生产设备合计的实测值。",
        "This report is issued for dates without a plan: nothing is compared and no verdict is given. The table is what was measured of all production machines together.",
    );
    flow.words(BODY, if c.report.request.plan.is_some() { planned } else { dated });
    let columns = [
        Column { share: 2.0, align: Align::Left },
        Column { share: 1.2, align: Align::Left },
        Column { share: 1.0, align: Align::Right },
        Column { share: 1.2, align: Align::Right },
        Column { share: 0.8, align: Align::Right },
        Column { share: 0.5, align: Align::Centre },
    ];
    let head = [
        words.s("指标", "Indicator"),
        words.s("期间", "Period"),
        words.s("实测", "Measured"),
        words.s("[下限, 上限]", "[bounds]"),
        words.s("覆盖率", "Coverage"),
        words.s("等级", "Grade"),
    ];
    let mut rows = Vec::new();
    let total = metrics::report::ALL_MACHINES;
    for section in c.report.periods.iter().filter(|s| s.machine == total) {
        for line in &section.lines {
            let (value, bounds) = figures::value(words, line);
            rows.push(Row::new([
                Cell::styled(words.definition(c.report, &line.definition), CELL.bold().ink(INK)),
                Cell::new(c.short_period(&section.period)),
                Cell::styled(value, CELL.bold().ink(TEAL)),
                Cell::new(bounds),
                Cell::new(figures::coverage(line.coverage)),
                Cell::new(line.grade.clone().unwrap_or_else(|| NONE.to_owned())),
            ]));
        }
    }
    flow.table(&columns, &head, &rows);
}
