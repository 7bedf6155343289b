//! Machines beside machines, where the plan has no base period: what the retrofitted machines did over the dates on which others, not
//! retrofitted, were read too.
//!
//! Constraints first: no word of it is of before and after; a difference reaches a target's value or does not, and the target itself
//! stays without evidence; each comparison machine stands there by itself, so that a reader sees how alike machines are.

use look::format::NONE;

use super::Context;
use crate::figures;
use crate::flow::{BODY, CELL, Cell, Column, FINE, Flow, INK, LABEL, NOTE, RED, Row, TEAL};
use crate::paper::Align;
use crate::read::{Beside, Chosen, Promised};

/// The page of findings.
pub(super) fn findings(flow: &mut Flow, c: &Context<'_>, chosen: &Chosen) {
    let words = c.words;
    flow.words(BODY.ink(RED), &words.texts().s("promise-machines-compared"));
    flow.gap(2.0);
    let column = |share, align| Column { share, align };
    let columns = [
        column(1.55, Align::Left),
        column(1.05, Align::Left),
        column(0.95, Align::Right),
        column(0.95, Align::Right),
        column(1.35, Align::Right),
        column(1.6, Align::Left),
        column(0.7, Align::Centre),
    ];
    let head = [
        words.s("指标 · 范围", "Indicator · scope"),
        words.s("绩效目标", "Target"),
        words.s("对照机器（未改造）", "Comparison machines (not retrofitted)"),
        words.s("改造机器", "Retrofitted machines"),
        words.s("机器之差 [95 % 区间]", "Difference [95 % interval]"),
        words.s("差值与目标值", "Difference and target"),
        words.s("等级 对照/改造", "Grades"),
    ];
    let metrics = || c.report.measurement_plan.iter().flat_map(|p| &p.metrics);
    let mut rows = Vec::new();
    for metric in metrics() {
        rows.push(row(c, metric, metric.beside.as_ref(), None));
        let declared = metric.beside.as_ref().and_then(|b| b.declared.as_deref());
        let title = words.s("· 按现时填报的参数", "· with parameters as declared now");
        rows.extend(declared.map(|now| row(c, metric, Some(now), Some(title))));
    }
    flow.table(&columns, &head, &rows);
    for metric in metrics() {
        let Some(beside) = &metric.beside else { continue };
        let name = words.definition(c.report, &metric.definition);
        flow.words(FINE, &format!("{name}{}{}", words.s("：", ": "), each(c, metric, beside)));
    }
    let method = match words.lang {
        look::text::Lang::Zh => format!(
            "两组机器只取双方都有数据的相同日期；区间按相同日期成对抽样（{}，块长 {} 天，重复 {} 次，随机种子 {}），只反映这些机器在这些日期的波动。",
            chosen.method.interval, chosen.method.block_days, chosen.method.replicates, chosen.method.seed
        ),
        look::text::Lang::En => format!(
            "Both sides are of the same dates, those on which both have figures; the interval draws the same dates of both ({}, blocks of {} days, {} replicates, seed {}) and holds no more than how these machines varied over these dates.",
            chosen.method.interval, chosen.method.block_days, chosen.method.replicates, chosen.method.seed
        ),
    };
    let notes = [
        words.s(
            "差值达到目标值：95 % 区间整体不劣于目标值；未达到：整体劣于目标值。这不是达标结论：绩效目标针对改造前后的变化，而基期没有实测，对目标本身一律为「证据不足」，由专家结合企业材料判断。",
            "The difference reaches the target's value: the whole 95 % interval is at least as good; it does not: the whole interval is worse. That is no target met: a target is of the change from before to after, of which nothing was measured before; on the target itself evidence is always insufficient, and experts judge with the factory's own documents.",
        ),
        &method,
        words.s(
            "对照一侧代替没有实测的基期，等级至多为 C；对照机器在报告期开始后才选定或锁定、从未锁定、不合条件或与锁定不符的，为 D。",
            "The comparison side stands for a base period nobody measured: grade C at best; D where the machines were chosen or locked after the dates began, were never locked, do not fit, or are not those that were locked.",
        ),
    ];
    for note in notes {
        flow.words(NOTE, note);
    }
}

/// A difference in words.
pub(crate) fn said(c: &Context<'_>, beside: &Beside) -> String {
    c.words.word("beside", beside.reaches.as_deref().unwrap_or(&beside.verdict))
}

/// Why it is undecided, and what a reader must know.
pub(crate) fn because(c: &Context<'_>, beside: &Beside) -> Vec<String> {
    beside.reasons.iter().chain(&beside.cautions).map(|code| c.words.caution(code)).collect()
}

fn row(c: &Context<'_>, metric: &Promised, found: Option<&Beside>, title: Option<&str>) -> Row {
    let words = c.words;
    let unit = figures::unit_of(c.report, &metric.definition, &metric.machine);
    let share = figures::is_share(&unit);
    let printed = if share { "%".to_owned() } else { words.unit(&unit) };
    let first = match title {
        Some(title) => Cell::styled(title, FINE),
        None => {
            let name = words.definition(c.report, &metric.definition);
            let name = if printed.is_empty() { name } else { format!("{name} ({printed})") };
            Cell::styled(name, CELL.bold().ink(INK)).and(words.machine(c.report, &metric.machine))
        }
    };
    let goal = match &metric.target {
        _ if title.is_some() => Cell::new(""),
        Some(target) => Cell::styled(figures::target(words, target), CELL),
        None => Cell::styled(words.s("未设目标", "no target"), CELL.ink(LABEL)),
    };
    let Some(beside) = found else {
        let undecided = Cell::styled(words.word("beside", "INSUFFICIENT"), CELL.bold().ink(LABEL));
        let why = undecided.and(words.caution("NO_DATA"));
        return Row::new([first, goal, Cell::new(NONE), Cell::new(NONE), Cell::new(NONE), why, Cell::new(NONE)]);
    };
    let scale = beside.comparison.value.as_deref();
    let difference = match &beside.change {
        Some(change) => {
            let (value, ends) = figures::target_change(words, change);
            Cell::styled(value, CELL.bold()).and(ends)
        }
        None => Cell::styled(figures::change(beside.difference.as_deref(), share, scale), CELL.bold())
            .and(figures::interval(beside.lower.as_deref(), beside.upper.as_deref(), share, scale)),
    };
    let days = match words.lang {
        look::text::Lang::Zh => format!("共同生产日 {} 天", beside.common_days),
        look::text::Lang::En => format!("{} days in common", beside.common_days),
    };
    let mut told = Cell::styled(said(c, beside), CELL.bold().ink(LABEL));
    for line in because(c, beside) {
        told = told.and(line);
    }
    if metric.target.is_some() && title.is_none() {
        told = told.and_styled(
            words.s("对目标本身：证据不足（没有基期）", "on the target itself: insufficient evidence (no base period)"),
            FINE,
        );
    }
    let grade = |g: &Option<String>| g.clone().unwrap_or_else(|| NONE.to_owned());
    let grades = format!("{} / {}", grade(&beside.comparison.grade), grade(&beside.retrofitted.grade));
    let row = Row::new([
        first,
        goal,
        Cell::styled(figures::side(&beside.comparison, share), CELL.ink(TEAL)),
        Cell::styled(figures::side(&beside.retrofitted, share), CELL.ink(TEAL).bold()),
        difference.and_styled(days, FINE),
        told,
        Cell::new(grades),
    ]);
    if metric.target.is_some() && title.is_none() { row.on(0xF5F8F7) } else { row }
}

/// Each comparison machine by itself.
fn each(c: &Context<'_>, metric: &Promised, beside: &Beside) -> String {
    let words = c.words;
    let unit = figures::unit_of(c.report, &metric.definition, &metric.machine);
    let share = figures::is_share(&unit);
    let printed = if share { "%".to_owned() } else { words.unit(&unit) };
    let one = |m: &crate::read::BesideMachine| {
        let side = crate::read::Side {
            numerator: m.numerator.clone(),
            denominator: m.denominator.clone(),
            value: m.value.clone(),
            days: 0,
            grade: None,
        };
        format!("{} {} {printed}", words.machine(c.report, &m.machine), figures::side(&side, share))
    };
    let all: Vec<String> = beside.machines.iter().map(one).collect();
    format!("{}{}", words.s("对照机器各为 ", "comparison machines by themselves: "), all.join(words.s("、", ", ")))
}

/// The chapter on the plan: which machines, and the lock of the choice.
pub(super) fn choice(flow: &mut Flow, c: &Context<'_>, chosen: &Chosen) {
    let words = c.words;
    let (sign, comma) = (words.s("：", ": "), words.s("；", "; "));
    let one = |m: &crate::read::ChosenMachine| {
        let name = words.machine(c.report, &m.machine);
        match (&m.retrofit, words.lang) {
            (Some(date), look::text::Lang::Zh) => format!("{name}（自身改造自 {date} 起）"),
            (Some(date), look::text::Lang::En) => format!("{name} (its own retrofit from {date} on)"),
            (None, look::text::Lang::Zh) => format!("{name}（未安排改造）"),
            (None, look::text::Lang::En) => format!("{name} (no retrofit planned)"),
        }
    };
    let machines: Vec<String> = chosen.machines.iter().map(one).collect();
    let name = words.s("对照机器", "Comparison machines");
    flow.words(BODY, &format!("{name}{sign}{}", machines.join(comma)));
    let name = words.s("对照锁定", "Lock of the choice");
    let Some(lock) = &chosen.lock else {
        return flow.words(BODY, &format!("{name}{sign}{}", words.s("未锁定", "not locked")));
    };
    let digest: String = lock.parameters_digest.chars().take(super::plan::SHORT).collect();
    let over = match words.lang {
        look::text::Lang::Zh => format!("依据日志前 {} 条；参数摘要 {digest}…", figures::count(lock.size)),
        look::text::Lang::En => format!("over {} leaves; parameters {digest}…", figures::count(lock.size)),
    };
    let at = format!("{}{}", c.leaf(lock.leaf), c.face().full(lock.received_ms));
    let who = format!("{} · {}", lock.author, words.role(&lock.role));
    flow.words(BODY, &format!("{name}{sign}{at} · {who} · {over}"));
    for change in &lock.changes {
        let reason = if change.reason.is_empty() { NONE } else { words.reason(&change.reason) };
        let what = words.kind(&change.kind);
        let after = words.s("锁定之后填报", "Stated after the lock");
        flow.words(BODY, &format!("{after}{sign}{}{what} · {} · {reason}", c.leaf(change.leaf), change.author));
    }
    flow.words(
        NOTE,
        words.s(
            "对照锁定固定了对照机器、设备清单、报告期、指标、目标、抽样参数和双方当时有效的参数；此后差值以锁定口径为准，参数变更后的结果与之并列。",
            "The lock fixes the comparison machines, the list of machines, the dates, indicators, targets, sampling and every parameter then in force on both sides; from then on the difference follows the lock, and what later parameters give stands beside it.",
        ),
    );
}
