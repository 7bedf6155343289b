//! What a reader has to know before believing a number. The validity of the rule comes first.

use metrics::model::Names;
use serde::Serialize;

use super::caps::others;
use super::{Amount, Sheet, Verdict};
use crate::claim::Claim;
use crate::rule::{Limit, Rule};
use crate::words::{Clause, share_floor, words, yuan};

/// What a warning is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum WarningKind {
    /// 征求意见稿.
    Draft,
    /// The rule is not yet in force on the sheet's date.
    NotYetValid,
    /// The rule is no longer in force on the sheet's date.
    Expired,
    /// When the rule begins is an event nobody stated.
    StartNotStated,
    /// An input is missing.
    Missing,
    /// An expense of a kind the rule does not have.
    UnknownCategory,
    /// Expenses the authority decides about.
    Open,
    /// Not one of the sub-sectors the text favours.
    Sector,
    /// Outside the dates of the call.
    Batch,
    /// More support than the rule allows all together.
    SupportExceeded,
    /// More was paid than the limit of an instalment or of the whole.
    Overpaid,
}

/// A warning.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Warning {
    /// About what.
    pub kind: WarningKind,
    /// In words.
    pub words: Names,
    /// Where the text says so.
    pub clause: Option<Clause>,
}

struct List(Vec<Warning>);

impl List {
    fn add(&mut self, kind: WarningKind, zh: impl Into<String>, en: impl Into<String>, clause: Option<&Clause>) {
        self.0.push(Warning { kind, words: words(zh, en), clause: clause.cloned() });
    }
}

pub(super) fn all(rule: &Rule, claim: &Claim, sheet: &Sheet) -> Vec<Warning> {
    let mut list = List(Vec::new());
    validity(&mut list, rule, sheet);
    inputs(&mut list, rule, claim);
    expenses(&mut list, sheet);
    project(&mut list, rule, claim);
    support(&mut list, rule, claim, sheet);
    list.0
}

fn validity(list: &mut List, rule: &Rule, sheet: &Sheet) {
    let at = sheet.at;
    if rule.draft {
        let zh = "征求意见稿，尚未印发，不具有效力；正式文本可能不同";
        list.add(WarningKind::Draft, zh, "a draft for comment, not in force; what is issued may differ", None);
    }
    let clause = Some(&rule.validity.clause);
    match sheet.from {
        Some(from) if at < from => {
            let zh = format!("测算日期 {at} 在有效期开始（{from}）之前");
            list.add(
                WarningKind::NotYetValid,
                zh,
                format!("{at} is before the rule's validity begins ({from})"),
                clause,
            );
        }
        Some(_) => {}
        None => {
            let zh = "文件以事件而非日期规定开始时间，尚未填写该日期";
            let en = "the text begins with an event, not a date; its date is not stated";
            list.add(WarningKind::StartNotStated, zh, en, clause);
        }
    }
    if let Some(to) = sheet.to.filter(|to| at > *to) {
        let zh = format!("该办法已于 {to} 到期，测算日期为 {at}；以下按原文测算，能否继续适用由主管部门确定");
        let en = format!(
            "the rule ended on {to}; this sheet of {at} is by its text, and the authority decides whether it still holds"
        );
        list.add(WarningKind::Expired, zh, en, rule.validity.afterwards.as_ref().or(clause));
    }
}

fn inputs(list: &mut List, rule: &Rule, claim: &Claim) {
    let needs_level = rule.least_level.is_some() || rule.cap.iter().any(|c| matches!(c.limit, Limit::Level { .. }));
    if needs_level && claim.level.is_none() {
        let en = "the level stated by the assessing body is missing; this program finds no level";
        list.add(WarningKind::Missing, "缺少评测机构评定的等级；本程序不评定等级", en, None);
    }
    for exclusion in rule.exclusion.iter().filter(|e| !claim.facts.contains_key(e.id())) {
        let (zh, en) = (&exclusion.names.zh, &exclusion.names.en);
        let said = (format!("未填写：{zh}"), format!("not answered: {en}"));
        list.add(WarningKind::Missing, said.0, said.1, Some(&exclusion.clause));
    }
    if let Some(sectors) = &rule.sectors {
        match &claim.sector {
            None => {
                list.add(WarningKind::Missing, "未填写细分行业", "the sub-sector is not stated", Some(&sectors.clause));
            }
            Some(sector) if !sectors.list.contains(sector) => {
                let zh = format!("细分行业“{sector}”不在重点支持的行业之列，由主管部门确定");
                let en =
                    format!("the sub-sector `{sector}` is not among those the text favours; the authority decides");
                list.add(WarningKind::Sector, zh, en, Some(&sectors.clause));
            }
            Some(_) => {}
        }
    }
}

fn expenses(list: &mut List, sheet: &Sheet) {
    for line in &sheet.lines {
        if line.verdict == Verdict::Authority && line.clause.is_none() {
            let zh = format!("支出 {}：该办法没有类别“{}”", line.line, line.category.zh);
            let en = format!("expense {}: the rule has no category `{}`", line.line, line.category.en);
            list.add(WarningKind::UnknownCategory, zh, en, None);
        }
        if line.verdict == Verdict::Missing {
            let zh = format!("支出 {}：{}", line.line, line.reason.zh);
            list.add(
                WarningKind::Missing,
                zh,
                format!("expense {}: {}", line.line, line.reason.en),
                line.clause.as_ref(),
            );
        }
    }
    if sheet.open > 0 {
        let open = yuan(sheet.open);
        let zh = format!("{open} 元的支出由主管部门确定，未计入任何数额");
        list.add(
            WarningKind::Open,
            zh,
            format!("{open} yuan of expenses are for the authority and in no number"),
            None,
        );
    }
}

fn project(list: &mut List, rule: &Rule, claim: &Claim) {
    let Some(batch) = claim.batch.as_ref().and_then(|id| rule.batch.iter().find(|b| b.id() == id)) else { return };
    if let Some((day, started)) = batch.started_after.zip(claim.started).filter(|(day, started)| started <= day) {
        let zh = format!("项目启动日期 {started} 不在 {day} 之后（{}）", batch.names.zh);
        let en = format!("the project began on {started}, not after {day} ({})", batch.names.en);
        list.add(WarningKind::Batch, zh, en, Some(&batch.clause));
    }
    if let Some((day, finished)) = batch.finished_by.zip(claim.finished).filter(|(day, finished)| finished > day) {
        let zh = format!("项目完成日期 {finished} 晚于 {day}（{}）", batch.names.zh);
        let en = format!("the project ended on {finished}, after {day} ({})", batch.names.en);
        list.add(WarningKind::Batch, zh, en, Some(&batch.clause));
    }
    for (date, zh, en) in [(claim.started, "启动", "begin"), (claim.finished, "完成", "end")] {
        if date.is_none() {
            let said = (format!("未填写项目{zh}日期"), format!("when the project did {en} is not stated"));
            list.add(WarningKind::Missing, said.0, said.1, Some(&batch.clause));
        }
    }
}

fn support(list: &mut List, rule: &Rule, claim: &Claim, sheet: &Sheet) {
    for cap in &rule.cap {
        let Limit::AllSupport { percent, .. } = cap.limit else { continue };
        let base = claim.confirmed.get(cap.id()).map_or(sheet.investment, |c| c.amount_fen);
        let (most, others) = (share_floor(base, u32::from(percent) * 100), others(claim, &sheet.awards));
        if others > most {
            let zh = format!("奖励及此前所获支持 {} 元已超过 {} 元", yuan(others), yuan(most));
            let en =
                format!("awards and earlier support, {} yuan, are already more than {} yuan", yuan(others), yuan(most));
            list.add(WarningKind::SupportExceeded, zh, en, Some(&cap.clause));
        }
    }
    let paid = sheet.stages.iter().map(|s| s.paid).sum();
    if let Amount::Fen(ceiling) = sheet.ceiling
        && paid > ceiling
    {
        let zh = format!("已拨付 {} 元，超过上限 {} 元", yuan(paid), yuan(ceiling));
        list.add(
            WarningKind::Overpaid,
            zh,
            format!("{} yuan were paid, the limit is {} yuan", yuan(paid), yuan(ceiling)),
            None,
        );
    }
    for stage in &sheet.stages {
        if let Some(most) = stage.amount.fen().filter(|most| stage.paid > *most) {
            let zh = format!("{}：已拨付 {} 元，超过该阶段上限 {} 元", stage.names.zh, yuan(stage.paid), yuan(most));
            let en = format!("{}: {} yuan paid, at most {} yuan", stage.names.en, yuan(stage.paid), yuan(most));
            list.add(WarningKind::Overpaid, zh, en, Some(&stage.clause));
        }
    }
}
