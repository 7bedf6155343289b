//! What a reader has to know before believing a number. The validity of the rule comes first.

use metrics::model::Names;
use serde::Serialize;

use super::caps::{excluding, others, received_words};
use super::{Amount, Sheet, StageResult, Verdict};
use crate::claim::Claim;
use crate::rule::{Base, Limit, Part, Rule};
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
    /// When the rule or its pilot begins is an event nobody stated.
    StartNotStated,
    /// The pilot (试点实施期) had not begun on the sheet's date.
    PilotNotBegun,
    /// The pilot was over on the sheet's date.
    PilotOver,
    /// An input is missing.
    Missing,
    /// An expense of a kind the rule does not have.
    UnknownCategory,
    /// Expenses of which the authority decides whether they are within the scope.
    Open,
    /// Expenses of which the authority decides whether they are investment.
    InvestmentOpen,
    /// Not one of the sub-sectors the text favours.
    Sector,
    /// Outside the dates of the call.
    Batch,
    /// An award to a firm that is not supported.
    AwardExcluded,
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
    expenses(&mut list, rule, sheet);
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
    if let Some(validity) = &rule.validity {
        let clause = Some(&validity.clause);
        if let Some(from) = sheet.from.filter(|from| at < *from) {
            let zh = format!("测算日期 {at} 在有效期开始（{from}）之前");
            let en = format!("{at} is before the rule's validity begins ({from})");
            list.add(WarningKind::NotYetValid, zh, en, clause);
        }
        if let Some(to) = sheet.to.filter(|to| at > *to) {
            let zh = format!("该办法已于 {to} 到期，测算日期为 {at}；以下按原文测算，能否继续适用由主管部门确定");
            let en = format!(
                "the rule ended on {to}; this sheet of {at} is by its text, and the authority decides whether it still holds"
            );
            list.add(WarningKind::Expired, zh, en, validity.afterwards.as_ref().or(clause));
        }
    }
    if let Some(pilot) = &rule.pilot {
        let clause = Some(&pilot.clause);
        if let Some(from) = sheet.pilot_from.filter(|from| at < *from) {
            let zh = format!("测算日期 {at} 在试点实施期开始（{from}）之前");
            list.add(WarningKind::PilotNotBegun, zh, format!("{at} is before the pilot begins ({from})"), clause);
        }
        if let Some(to) = sheet.pilot_to.filter(|to| at > *to) {
            let zh = format!("试点实施期已于 {to} 结束，测算日期为 {at}；文件未写明此后是否适用，由主管部门确定");
            let en = format!(
                "the pilot ended on {to}, the sheet is of {at}; the text does not say what holds afterwards: the authority decides"
            );
            list.add(WarningKind::PilotOver, zh, en, clause);
        }
    }
    if rule.begins_with_event() && sheet.from.is_none() && sheet.pilot_from.is_none() {
        let zh = "文件以事件而非日期规定开始时间，尚未填写该日期";
        let en = "the text begins with an event, not a date; its date is not stated";
        let clause = rule.validity.as_ref().map(|v| &v.clause).or(rule.pilot.as_ref().map(|p| &p.clause));
        list.add(WarningKind::StartNotStated, zh, en, clause);
    }
}

fn inputs(list: &mut List, rule: &Rule, claim: &Claim) {
    let needs_level = rule.least_level.is_some() || rule.cap.iter().any(|c| matches!(c.limit, Limit::Level { .. }));
    if needs_level && claim.level.is_none() {
        let en = "the level stated by the assessing body is missing; this program finds no level";
        list.add(WarningKind::Missing, "缺少评测机构评定的等级；本程序不评定等级", en, None);
    }
    let of_all = rule.cap.iter().find(|c| matches!(c.limit, Limit::AllSupport { .. }));
    if let Some(cap) = of_all.filter(|_| claim.received.is_empty()) {
        let Names { zh, en } = received_words();
        list.add(WarningKind::Missing, format!("未填写：{zh}"), format!("not stated: {en}"), Some(&cap.clause));
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

fn expenses(list: &mut List, rule: &Rule, sheet: &Sheet) {
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
    // What the limit is without and with them is said once, with the limit.
    if sheet.open > 0 {
        let open = yuan(sheet.open);
        let zh = format!("{open} 元支出是否在支持范围内，由主管部门确定");
        list.add(
            WarningKind::Open,
            zh,
            format!("the authority decides whether {open} yuan are within the scope"),
            None,
        );
    }
    if sheet.investment_open > 0 {
        let open = yuan(sheet.investment_open);
        let zh = format!("{open} 元支出是否计入投入，由主管部门确定");
        let cap = rule.cap.iter().find(|c| c.limit.base() == Some(Base::Investment));
        let en = format!("the authority decides whether {open} yuan are investment");
        list.add(WarningKind::InvestmentOpen, zh, en, cap.map(|c| &c.clause));
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
    if let Some(exclusion) = excluding(rule, claim).find(|e| !e.subsidy_only) {
        for award in &sheet.awards {
            let zh = format!("{}（{}）：该单位属不予支持的情形，由主管部门确定", award.names.zh, award.by);
            let en = format!("{} ({}): the firm is not supported; the authority decides", award.names.en, award.by);
            list.add(WarningKind::AwardExcluded, zh, en, Some(&exclusion.clause));
        }
    }
    for cap in &rule.cap {
        let Limit::AllSupport { percent, .. } = cap.limit else { continue };
        let most = |base| share_floor(base, u32::from(percent) * 100);
        let confirmed = claim.confirmed.get(cap.id()).map(|c| c.amount_fen);
        let (settled, others) = (most(confirmed.unwrap_or(sheet.investment)), others(claim, &sheet.awards));
        if others > settled {
            let mut zh = format!("奖励及此前所获支持 {} 元已超过 {} 元", yuan(others), yuan(settled));
            let (others, settled_yuan) = (yuan(others), yuan(settled));
            let mut en =
                format!("awards and earlier support, {others} yuan, are already more than {settled_yuan} yuan");
            if confirmed.is_none() && sheet.investment_open > 0 {
                let with_open = yuan(most(sheet.investment + sheet.investment_open));
                zh.push_str(&format!("；待定支出全部计入投入时为 {with_open} 元"));
                en.push_str(&format!("; {with_open} yuan with everything open"));
            }
            list.add(WarningKind::SupportExceeded, zh, en, Some(&cap.clause));
        }
    }
    let paid = sheet.stages.iter().map(StageResult::paid_fen).sum();
    if let Amount::Fen(ceiling) = sheet.ceiling
        && paid > ceiling
    {
        let (paid, ceiling) = (yuan(paid), sheet.ceiling_words());
        let zh = format!("已拨付 {paid} 元，超过上限（{}）", ceiling.zh);
        list.add(
            WarningKind::Overpaid,
            zh,
            format!("{paid} yuan were paid, more than the limit ({})", ceiling.en),
            None,
        );
    }
    // What is left has no limit of its own: more than that is more than the whole.
    let shares = sheet.stages.iter().zip(&rule.stage).filter(|(_, of)| of.part != Part::Rest);
    for (stage, _) in shares {
        let paid = stage.paid_fen();
        if let Some(most) = stage.amount.fen().filter(|most| paid > *most) {
            let zh = format!("{}：已拨付 {} 元，超过该阶段上限 {} 元", stage.names.zh, yuan(paid), yuan(most));
            let en = format!("{}: {} yuan paid, at most {} yuan", stage.names.en, yuan(paid), yuan(most));
            list.add(WarningKind::Overpaid, zh, en, Some(&stage.clause));
        }
    }
}
