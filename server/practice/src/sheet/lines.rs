//! Expenses: which count, which do not, which the authority decides about, and why.

use jiff::civil::Date;
use metrics::model::Names;
use serde::Serialize;

use crate::claim::{Claim, Line};
use crate::rule::{Category, Counts, LineCondition, LineFact, Rule};
use crate::words::{Clause, Fen, words, yuan};

/// What became of an expense. The order is that of precedence: of several the last decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Within the scope.
    Counted,
    /// 由主管部门确定.
    Authority,
    /// Not counted until something is said about it.
    Missing,
    /// Outside the scope.
    NotCounted,
}

/// An expense with what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LineResult {
    /// Its id.
    pub line: String,
    /// Name of its category, or what the claim called it.
    pub category: Names,
    /// Its amount.
    pub amount: Fen,
    /// What counts for the subsidy.
    pub eligible: Fen,
    /// What counts as the firm's investment.
    pub investment: Fen,
    /// What became of it.
    pub verdict: Verdict,
    /// Why.
    pub reason: Names,
    /// Where the text says so.
    pub clause: Option<Clause>,
}

/// A judgement with its reason.
struct Judged {
    verdict: Verdict,
    reason: Names,
    clause: Option<Clause>,
}

impl Judged {
    fn new(verdict: Verdict, zh: &str, en: &str, clause: Option<&Clause>) -> Self {
        Self { verdict, reason: words(zh, en), clause: clause.cloned() }
    }
}

pub(super) fn judge(rule: &Rule, claim: &Claim, until: Option<Date>) -> Vec<LineResult> {
    claim.lines.iter().map(|line| one(rule, claim, line, until)).collect()
}

fn one(rule: &Rule, claim: &Claim, line: &Line, until: Option<Date>) -> LineResult {
    let category = rule.category.iter().find(|c| c.id() == line.category);
    let mut circumstances: Vec<Judged> = Vec::from_iter(dated(rule, claim, line, until));
    circumstances.extend(rule.line_condition.iter().filter_map(|c| conditional(c, line)));
    // What is wrong with the expense itself is asked apart: it bears on the investment, too.
    let is_sound = circumstances.is_empty();
    let by_kind = kind(category);
    let mut worst = by_kind;
    for judged in circumstances {
        if judged.verdict > worst.verdict {
            worst = judged;
        }
    }
    let soft = line.amount_fen - line.hardware_fen;
    let part = |counts: Counts, of_hardware: Counts| {
        let hard = if counts.and(of_hardware) == Counts::Yes { line.hardware_fen } else { 0 };
        if is_sound && counts == Counts::Yes { soft + hard } else { 0 }
    };
    let mut result = LineResult {
        line: line.line.clone(),
        category: category.map_or_else(|| words(&line.category, &line.category), |c| c.names.clone()),
        amount: line.amount_fen,
        eligible: part(category.map_or(Counts::Open, |c| c.counts), rule.hardware.counts),
        investment: part(category.map_or(Counts::Open, |c| c.investment), rule.hardware.investment),
        verdict: worst.verdict,
        reason: worst.reason,
        clause: worst.clause,
    };
    if result.verdict == Verdict::Counted && result.eligible < line.amount_fen {
        let hard = yuan(line.hardware_fen);
        result.reason = words(
            format!("{}；其中硬件部分 {hard} 元不计", result.reason.zh),
            format!("{}; the hardware part, {hard} yuan, does not count", result.reason.en),
        );
        result.clause = Some(rule.hardware.clause.clone());
    }
    result
}

fn kind(category: Option<&Category>) -> Judged {
    let Some(category) = category else {
        let zh = "支出类别不在该办法的类别中，由主管部门确定";
        return Judged::new(Verdict::Authority, zh, "the rule has no such category; the authority decides", None);
    };
    let (verdict, zh, en) = match category.counts {
        Counts::Yes => (Verdict::Counted, "在支持范围内", "within the scope"),
        Counts::No => (Verdict::NotCounted, "不在支持范围内", "outside the scope"),
        Counts::Open => {
            (Verdict::Authority, "办法未明确，由主管部门确定", "the text does not decide; the authority does")
        }
    };
    Judged::new(verdict, zh, en, Some(&category.clause))
}

/// What the date of the invoice says against it.
fn dated(rule: &Rule, claim: &Claim, line: &Line, until: Option<Date>) -> Option<Judged> {
    let not = |zh: &str, en: &str, clause| Some(Judged::new(Verdict::NotCounted, zh, en, clause));
    let Some(invoiced) = line.invoiced else {
        return Some(Judged::new(Verdict::Missing, "缺少发票日期，暂不计", "without a date of invoice it waits", None));
    };
    if invoiced > claim.at {
        return not("发票日期晚于测算日期", "invoiced after the date of the sheet", None);
    }
    if let Some(since) = rule.since.as_ref().filter(|since| invoiced < since.from) {
        return not("发生在可予奖补的日期之前", "before what the rule supports begins", Some(&since.clause));
    }
    if until.is_some_and(|until| invoiced.0 > until) {
        return not("发生在有效期之后", "after the rule's validity", Some(&rule.validity.clause));
    }
    None
}

/// What a condition says against it.
fn conditional(condition: &LineCondition, line: &Line) -> Option<Judged> {
    let (verdict, zh, en) = match (line.fact(condition.fact), condition.otherwise) {
        (Some(fact), _) if fact == condition.must_be => return None,
        (Some(_), Counts::Yes) => return None,
        (Some(_), Counts::No) => (Verdict::NotCounted, "不计", "does not count"),
        (Some(_), Counts::Open) => (Verdict::Authority, "由主管部门确定", "the authority decides"),
        (None, _) => (Verdict::Missing, "未填写，暂不计", "is not stated; it waits"),
    };
    let stated = verdict != Verdict::Missing;
    let (fact_zh, fact_en) = match (condition.fact, stated) {
        (LineFact::InPlan, true) => ("不在备案方案或经同意的变更内", "not in the filed plan or an approved change"),
        (LineFact::InPlan, false) => ("是否在备案方案内", "whether it is in the filed plan"),
        (LineFact::InContract, true) => ("不在改造合同内", "not in a contract of the retrofit"),
        (LineFact::InContract, false) => ("是否在改造合同内", "whether it is in a contract"),
        (LineFact::Subsidised, true) => ("已获其他资金支持", "already subsidised from elsewhere"),
        (LineFact::Subsidised, false) => ("是否已获其他资金支持", "whether it is subsidised from elsewhere"),
    };
    Some(Judged::new(verdict, &format!("{fact_zh}，{zh}"), &format!("{fact_en}: {en}"), Some(&condition.clause)))
}
