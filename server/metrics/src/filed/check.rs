//! Bounds of what is filed. Every refusal says what is allowed, in both languages.

use std::collections::BTreeSet;

use super::{
    AcceptanceHeld, ChangeItem, FEN_MAX, FiledPlan, FiledTarget, InvestmentLine, Opinion, PlanChange, PlanFinished,
    PlanOpinion, PromisedMachine,
};
use crate::model::{DateRange, ModelError, Names, check_date, check_id, refuse};

const PLAN: &str = "filed_plan";
const CHANGE: &str = "plan_change";
const OPINION: &str = "plan_opinion";
const FINISHED: &str = "plan_finished";
const ACCEPTANCE: &str = "acceptance_held";

/// Most machines, gateways, lines or targets of a plan, and items of a change.
const LIST_MAX: usize = 1_000;
/// Most points of a machine.
const POINTS_MAX: usize = 100;
/// Longest name or other short text, characters.
const NAME_MAX: usize = 200;
/// Longest reason or method, characters.
pub(crate) const TEXT_MAX: usize = 2_000;

type Checked = Result<(), ModelError>;

pub(crate) fn check_plan(plan: FiledPlan) -> Result<FiledPlan, ModelError> {
    check_id(PLAN, "filing", &plan.filing)?;
    names(PLAN, "names", &plan.names)?;
    for (field, text) in [("rule", &plan.rule), ("number", &plan.number)] {
        text.as_ref().map_or(Ok(()), |t| words(PLAN, field, t, NAME_MAX))?;
    }
    check_date(PLAN, "filed", &plan.filed)?;
    range(PLAN, "term", &plan.term)?;
    if plan.machines.is_empty() && plan.lines.is_empty() {
        let reason = "a plan promises at least one machine or investment line / 备案方案须列出至少一台设备或一笔投资";
        return Err(refuse(PLAN, "machines", reason));
    }
    plan.machines.iter().try_for_each(|m| machine(PLAN, "machines", m))?;
    once(PLAN, "machines", plan.machines.iter().map(|m| m.machine.as_str()))?;
    plan.gateways.iter().try_for_each(|g| check_id(PLAN, "gateways", g))?;
    once(PLAN, "gateways", plan.gateways.iter().map(String::as_str))?;
    plan.lines.iter().try_for_each(|l| line(PLAN, "lines", l))?;
    once(PLAN, "lines", plan.lines.iter().map(|l| l.line.as_str()))?;
    plan.targets.iter().try_for_each(|t| target(PLAN, "targets", t))?;
    once(PLAN, "targets", plan.targets.iter().map(|t| t.target.as_str()))?;
    for payment in &plan.payments {
        words(PLAN, "payments.stage", &payment.stage, NAME_MAX)?;
        check_date(PLAN, "payments.date", &payment.date)?;
    }
    once(PLAN, "payments", plan.payments.iter().map(|p| p.stage.as_str()))?;
    digest(PLAN, plan.document.as_deref())?;
    Ok(plan)
}

pub(crate) fn check_change(change: PlanChange) -> Result<PlanChange, ModelError> {
    check_id(CHANGE, "filing", &change.filing)?;
    check_id(CHANGE, "change", &change.change)?;
    check_date(CHANGE, "date", &change.date)?;
    words(CHANGE, "reason", &change.reason, TEXT_MAX)?;
    if change.items.is_empty() || change.items.len() > LIST_MAX {
        let reason = "an application has 1 to 1 000 items / 变更申请须写明 1 至 1 000 项变更内容";
        return Err(refuse(CHANGE, "items", reason));
    }
    for (i, item) in change.items.iter().enumerate() {
        let at = format!("items[{i}]");
        match item {
            ChangeItem::Machine(m) => machine(CHANGE, &at, m)?,
            ChangeItem::Gateway(id)
            | ChangeItem::WithoutMachine(id)
            | ChangeItem::WithoutGateway(id)
            | ChangeItem::WithoutLine(id)
            | ChangeItem::WithoutTarget(id) => check_id(CHANGE, &at, id)?,
            ChangeItem::Line(l) => line(CHANGE, &at, l)?,
            ChangeItem::Target(t) => target(CHANGE, &at, t)?,
            ChangeItem::Term(term) => range(CHANGE, &at, term)?,
            ChangeItem::Firm(name) => words(CHANGE, &at, name, NAME_MAX)?,
            ChangeItem::Other(text) => words(CHANGE, &at, text, TEXT_MAX)?,
        }
    }
    digest(CHANGE, change.document.as_deref())?;
    Ok(change)
}

pub(crate) fn check_finished(finished: PlanFinished) -> Result<PlanFinished, ModelError> {
    check_id(FINISHED, "filing", &finished.filing)?;
    check_date(FINISHED, "date", &finished.date)?;
    digest(FINISHED, finished.document.as_deref())?;
    Ok(finished)
}

pub(crate) fn check_acceptance(held: AcceptanceHeld) -> Result<AcceptanceHeld, ModelError> {
    check_id(ACCEPTANCE, "filing", &held.filing)?;
    check_date(ACCEPTANCE, "held", &held.held)?;
    words(ACCEPTANCE, "body", &held.body, NAME_MAX)?;
    digest(ACCEPTANCE, held.document.as_deref())?;
    Ok(held)
}

pub(crate) fn check_opinion(opinion: PlanOpinion) -> Result<PlanOpinion, ModelError> {
    check_id(OPINION, "filing", &opinion.filing)?;
    check_id(OPINION, "change", &opinion.change)?;
    check_date(OPINION, "date", &opinion.date)?;
    words(OPINION, "body", &opinion.body, NAME_MAX)?;
    if opinion.opinion == Opinion::Agree && opinion.reason.is_empty() {
        return digest(OPINION, opinion.document.as_deref()).map(|()| opinion);
    }
    if opinion.reason.trim().is_empty() {
        let reason = "who does not agree, or returns it, says why / 不同意或退回补正须说明理由";
        return Err(refuse(OPINION, "reason", reason));
    }
    words(OPINION, "reason", &opinion.reason, TEXT_MAX)?;
    digest(OPINION, opinion.document.as_deref())?;
    Ok(opinion)
}

pub(crate) fn words(kind: &'static str, field: &str, text: &str, most: usize) -> Checked {
    let is_control = |c: char| c.is_control() && !(most == TEXT_MAX && c == '\n');
    if text.trim().is_empty() || text.chars().count() > most || text.chars().any(is_control) {
        let reason = format!("must have 1 to {most} characters, no control characters / 须为 1 至 {most} 个字符");
        return Err(refuse(kind, field, reason));
    }
    Ok(())
}

fn names(kind: &'static str, field: &str, names: &Names) -> Checked {
    words(kind, &format!("{field}.zh"), &names.zh, NAME_MAX)?;
    words(kind, &format!("{field}.en"), &names.en, NAME_MAX)
}

pub(crate) fn range(kind: &'static str, field: &str, range: &DateRange) -> Checked {
    check_date(kind, &format!("{field}.from"), &range.from)?;
    check_date(kind, &format!("{field}.to"), &range.to)?;
    if range.from > range.to {
        return Err(refuse(kind, field, "must end on or after its first date / 期末不得早于期初"));
    }
    Ok(())
}

fn once<'a>(kind: &'static str, field: &str, ids: impl Iterator<Item = &'a str>) -> Checked {
    let mut seen = BTreeSet::new();
    for id in ids {
        if !seen.insert(id) {
            return Err(refuse(kind, field, format!("`{id}` is there twice / {id} 重复")));
        }
        if seen.len() > LIST_MAX {
            return Err(refuse(kind, field, format!("at most {LIST_MAX} / 最多 {LIST_MAX} 项")));
        }
    }
    Ok(())
}

fn machine(kind: &'static str, field: &str, machine: &PromisedMachine) -> Checked {
    check_id(kind, &format!("{field}.machine"), &machine.machine)?;
    let points = format!("{field}.points");
    let is_point = |p: &String| {
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'-' | b'/');
        !p.is_empty() && p.len() <= 65 && p.bytes().all(allowed)
    };
    if machine.points.len() > POINTS_MAX || !machine.points.iter().all(is_point) {
        let reason = "at most 100 points, each a role of a signal like `energy` or a tag like `press/energy` / 最多 100 个测点，写信号名称（如 energy）或数据点（如 press/energy）";
        return Err(refuse(kind, points, reason));
    }
    once(kind, &points, machine.points.iter().map(String::as_str))
}

fn line(kind: &'static str, field: &str, line: &InvestmentLine) -> Checked {
    check_id(kind, &format!("{field}.line"), &line.line)?;
    words(kind, &format!("{field}.category"), &line.category, NAME_MAX)?;
    words(kind, &format!("{field}.what"), &line.what, NAME_MAX)?;
    if !(1..=FEN_MAX).contains(&line.amount_fen) {
        let reason = "must be 1 to 10^12 fen / 金额以分填写，须大于 0，最多 100 亿元";
        return Err(refuse(kind, format!("{field}.amount_fen"), reason));
    }
    Ok(())
}

fn target(kind: &'static str, field: &str, target: &FiledTarget) -> Checked {
    check_id(kind, &format!("{field}.target"), &target.target)?;
    names(kind, &format!("{field}.names"), &target.names)?;
    range(kind, &format!("{field}.base"), &target.base)?;
    words(kind, &format!("{field}.method"), &target.method, TEXT_MAX)?;
    if target.promised.millionths().is_none() {
        let reason = "must be a positive decimal like 5 or 2.5, up to 99999.999 / 须为正数，最多三位小数";
        return Err(refuse(kind, format!("{field}.promised.value"), reason));
    }
    if let Some(unknown) = target.definition.as_ref().filter(|d| crate::catalogue::explain(d).is_none()) {
        let shown: String = unknown.chars().take(60).collect();
        let reason = format!("the catalogue has no `{shown}` / 计算口径目录中没有 {shown}");
        return Err(refuse(kind, format!("{field}.definition"), reason));
    }
    Ok(())
}

pub(crate) fn digest(kind: &'static str, document: Option<&str>) -> Checked {
    let is_hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    match document {
        Some(d) if d.len() != 64 || !d.bytes().all(is_hex) => {
            let reason = "must be 64 hexadecimal digits of the file's SHA-256 / 须为文件 SHA-256 的 64 位十六进制数";
            Err(refuse(kind, "document", reason))
        }
        _ => Ok(()),
    }
}
