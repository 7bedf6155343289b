//! The measurement plan, what of its base period is locked, and what was stated after a lock.
//!
//! Constraints first: where parameters as declared now give another result than as locked, both stand here, with the
//! statements that made the difference; what documents say of the time before stands apart from what was measured.

use look::format::NONE;

use super::Context;
use crate::figures;
use crate::flow::{BODY, CELL, Cell, Column, FINE, Flow, INK, LABEL, NOTE, RED, Row, TEAL};
use crate::paper::Align;
use crate::read::{Comparison, Lock, MeasurementPlan, Promised};

/// Digits of a digest that a reader compares by eye.
pub(super) const SHORT: usize = 16;

pub(super) fn set(flow: &mut Flow, c: &Context<'_>) {
    let words = c.words;
    let Some(plan) = &c.report.measurement_plan else {
        return flow.words(
            BODY,
            words.s(
                "本报告没有测量方案的绩效目标，也没有基期锁定。",
                "The report has no plan with targets, and no base period is locked.",
            ),
        );
    };
    facts(flow, c, plan);
    for finding in &plan.findings {
        let words = format!("△ {}{}", c.leaf(finding.leaf), c.words.word("plan-finding", &finding.code));
        flow.words(BODY.ink(RED), &words);
    }
    if let Some(chosen) = &plan.comparison {
        super::beside::choice(flow, c, chosen);
    }
    // Without a base period there is none to lock; a metric locked under an earlier statement of the plan is told.
    if plan.metrics.is_empty() || plan.comparison.is_some() && plan.metrics.iter().all(|m| m.lock.is_none()) {
        return;
    }
    flow.gap(2.0);
    let columns = [
        Column { share: 1.25, align: Align::Left },
        Column { share: 1.9, align: Align::Left },
        Column { share: 1.2, align: Align::Left },
        Column { share: 2.4, align: Align::Left },
    ];
    let head = [
        words.s("指标 · 范围", "Indicator · scope"),
        words.s("基期锁定", "Lock of the base period"),
        words.s("基期 → 报告期", "Before → after"),
        words.s("锁定之后的填报与记录", "Stated and recorded after the lock"),
    ];
    let rows: Vec<Row> = plan.metrics.iter().map(|metric| row(c, metric)).collect();
    flow.table(&columns, &head, &rows);
    flow.words(
        NOTE,
        words.s(
            "锁定把一项指标的基期数值及其全部参数的摘要写入站点日志；此后结论以锁定口径为准。参数只能以新的填报更改：更改后的结果与锁定口径并列，由读者比较。",
            "A lock writes an indicator's base period and the digest of every parameter into the site's log; from then on the verdict follows the lock. A parameter changes only by a new statement, and what it then gives stands beside what was locked.",
        ),
    );
}

fn facts(flow: &mut Flow, c: &Context<'_>, plan: &MeasurementPlan) {
    let words = c.words;
    let sign = words.s("：", ": ");
    let mut say = |name: &str, value: &str| flow.words(BODY, &format!("{name}{sign}{value}"));
    let design = match plan.design.as_str() {
        "after_only" => words.texts().s("promise-after-only"),
        "machines_compared" => words.texts().s("promise-machines-compared"),
        _ => words.s("改造前后对比", "before and after").to_owned(),
    };
    say(words.s("方案", "Plan"), &c.plan().unwrap_or_default());
    say(words.s("设计", "Design"), &design);
    if let Some(option) = &plan.option {
        say(words.s("测量与验证方案（IPMVP / GB/T 28750）", "Option (IPMVP, GB/T 28750)"), option);
    }
    let versions: Vec<String> = plan.versions.iter().map(|leaf| figures::count(*leaf)).collect();
    if !versions.is_empty() {
        let all = versions.join(words.s("、", ", "));
        let now = figures::count(plan.leaf);
        let said = match words.lang {
            look::text::Lang::Zh => format!("日志第 {all} 条；现行为第 {now} 条"),
            look::text::Lang::En => format!("leaves {all}; leaf {now} holds now"),
        };
        say(words.s("填报", "Stated"), &said);
    }
}

fn row(c: &Context<'_>, metric: &Promised) -> Row {
    let words = c.words;
    let name = Cell::styled(words.definition(c.report, &metric.definition), CELL.bold().ink(INK))
        .and(words.machine(c.report, &metric.machine));
    let declared = c.report.comparison(&metric.definition, &metric.machine);
    let both = |title: &str, found: Option<&Comparison>, cell: Cell| {
        let Some(k) = found else { return cell };
        let share = figures::is_share(&figures::unit_of(c.report, &k.definition, &k.machine));
        let unit = figures::unit_words(words, c.report, k);
        let said = format!("{} → {} {unit}", figures::side(&k.before, share), figures::side(&k.after, share));
        cell.and(title).and_styled(said, CELL.ink(TEAL))
    };
    let Some(lock) = &metric.lock else {
        let cell = both("", declared, Cell::new(""));
        return Row::new([name, not_locked(c, metric), cell, Cell::new(NONE)]);
    };
    let values = match &lock.as_locked {
        None => both("", declared, Cell::new("")),
        Some(locked) => {
            let cell = both(words.s("按锁定口径", "as locked"), Some(locked), Cell::new(""));
            let cell = both(words.s("按现时填报", "as declared now"), declared, cell);
            match &lock.verdict_declared {
                Some(code) => cell.and(words.verdict(code)),
                None => cell,
            }
        }
    };
    Row::new([name, locked(c, lock), values, later(c, lock)])
}

fn not_locked(c: &Context<'_>, metric: &Promised) -> Cell {
    let words = c.words;
    let cell = Cell::styled(words.s("未锁定", "not locked"), CELL.ink(LABEL));
    let Some(documented) = &metric.documented else { return cell };
    let leaves: Vec<String> = documented.documents.iter().map(|leaf| figures::count(*leaf)).collect();
    let value = documented.value.clone().unwrap_or_else(|| NONE.to_owned());
    cell.and(words.texts().f("promise-documented", &[("value", &value), ("leaves", &leaves.join(words.s("、", ", ")))]))
}

fn locked(c: &Context<'_>, lock: &Lock) -> Cell {
    let words = c.words;
    let digest: String = lock.parameters_digest.chars().take(SHORT).collect();
    let over = match words.lang {
        look::text::Lang::Zh => format!("依据日志前 {} 条；参数摘要 {digest}…", figures::count(lock.size)),
        look::text::Lang::En => format!("over {} leaves; parameters {digest}…", figures::count(lock.size)),
    };
    Cell::new(format!("{}{}", c.leaf(lock.leaf), c.face().full(lock.received_ms)))
        .and(format!("{} · {}", lock.author, words.role(&lock.role)))
        .and(words.reason(&lock.reason))
        .and_styled(over, FINE)
}

fn later(c: &Context<'_>, lock: &Lock) -> Cell {
    let words = c.words;
    if lock.changes.is_empty() && lock.later_records.is_empty() {
        return Cell::new(words.s("无", "none"));
    }
    let mut cell = Cell::new("");
    for change in &lock.changes {
        let reason = if change.reason.is_empty() { NONE } else { words.reason(&change.reason) };
        let what = words.kind(&change.kind);
        cell = cell.and(format!("{}{what} · {} · {reason}", c.leaf(change.leaf), change.author));
    }
    if !lock.later_records.is_empty() {
        cell = cell.and(words.texts().f1("promise-later-records", "n", lock.later_records.len()));
    }
    cell
}
