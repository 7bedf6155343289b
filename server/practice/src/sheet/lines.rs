//! Expenses: which count, which do not, which the authority decides about, and why.

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
    /// What surely counts for the subsidy.
    pub eligible: Fen,
    /// What counts for the subsidy if the authority says so.
    pub eligible_open: Fen,
    /// What surely counts as the firm's investment.
    pub investment: Fen,
    /// What counts as the firm's investment if the authority says so.
    pub investment_open: Fen,
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

pub(super) fn judge(rule: &Rule, claim: &Claim) -> Vec<LineResult> {
    claim.lines.iter().map(|line| one(rule, claim, line)).collect()
}

fn one(rule: &Rule, claim: &Claim, line: &Line) -> LineResult {
    let category = rule.category.iter().find(|c| c.id() == line.category);
    let mut circumstances: Vec<Judged> = Vec::from_iter(dated(rule, claim, line));
    circumstances.extend(rule.line_condition.iter().filter_map(|c| conditional(c, line)));
    // What is wrong with the expense itself is asked apart: it bears on the investment, too. What waits counts for nothing yet.
    let itself = match circumstances.iter().map(|judged| judged.verdict).max() {
        None | Some(Verdict::Counted) => Counts::Yes,
        Some(Verdict::Authority) => Counts::Open,
        Some(Verdict::Missing | Verdict::NotCounted) => Counts::No,
    };
    let mut worst = kind(category);
    for judged in circumstances {
        if judged.verdict > worst.verdict {
            worst = judged;
        }
    }
    // Surely, and if the authority says so.
    let parts = |counts: Counts, hardware: Counts| {
        let soft = counts.and(itself);
        let parts = [(soft, line.amount_fen - line.hardware_fen), (soft.and(hardware), line.hardware_fen)];
        let sum =
            |wanted: Counts| parts.iter().filter(|(counts, _)| *counts == wanted).map(|(_, fen)| fen).sum::<Fen>();
        (sum(Counts::Yes), sum(Counts::Open))
    };
    let (eligible, eligible_open) = parts(category.map_or(Counts::Open, |c| c.counts), rule.hardware.counts);
    let (investment, investment_open) =
        parts(category.map_or(Counts::Open, |c| c.investment), rule.hardware.investment);
    let mut result = LineResult {
        line: line.line.clone(),
        category: category.map_or_else(|| words(&line.category, &line.category), |c| c.names.clone()),
        amount: line.amount_fen,
        eligible,
        eligible_open,
        investment,
        investment_open,
        verdict: worst.verdict,
        reason: worst.reason,
        clause: worst.clause,
    };
    if result.verdict == Verdict::Counted && eligible < line.amount_fen {
        let hard = yuan(line.hardware_fen);
        let (zh, en) = match rule.hardware.counts {
            Counts::Open => ("由主管部门确定", "is for the authority"),
            _ => ("不计", "does not count"),
        };
        result.reason = words(
            format!("{}；其中硬件部分 {hard} 元{zh}", result.reason.zh),
            format!("{}; the hardware part, {hard} yuan, {en}", result.reason.en),
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

/// What the date of the invoice says against it. Where a text only says when it is in force, or when its pilot runs, what was invoiced
/// outside is for the authority.
fn dated(rule: &Rule, claim: &Claim, line: &Line) -> Option<Judged> {
    let judged = |verdict, zh: &str, en: &str, clause| Some(Judged::new(verdict, zh, en, clause));
    let Some(invoiced) = line.invoiced else {
        return judged(Verdict::Missing, "缺少发票日期，暂不计", "without a date of invoice it waits", None);
    };
    if invoiced > claim.at {
        return judged(Verdict::NotCounted, "发票日期晚于测算日期", "invoiced after the date of the sheet", None);
    }
    if let Some(since) = rule.since.as_ref().filter(|since| invoiced < since.from) {
        let en = "before what the rule supports begins";
        return judged(Verdict::NotCounted, "发生在可予奖补的日期之前", en, Some(&since.clause));
    }
    let validity = rule.validity.as_ref().map(|v| {
        let after = v.afterwards.as_ref().unwrap_or(&v.clause);
        ("有效期", "the rule's validity", rule.in_force(claim.began()), &v.clause, after)
    });
    let pilot = rule.pilot.as_ref();
    let pilot = pilot.map(|p| ("试点实施期", "the pilot", rule.pilot_term(claim.began()), &p.clause, &p.clause));
    for (zh, en, (from, to), clause, afterwards) in validity.into_iter().chain(pilot) {
        if rule.since.is_none() && from.is_some_and(|from| invoiced.0 < from) {
            let (zh, en) = (format!("发生在{zh}之前，由主管部门确定"), format!("before {en}: the authority decides"));
            return judged(Verdict::Authority, &zh, &en, Some(clause));
        }
        if to.is_some_and(|to| invoiced.0 > to) {
            let (zh, en) = (format!("发生在{zh}之后，由主管部门确定"), format!("after {en}: the authority decides"));
            return judged(Verdict::Authority, &zh, &en, Some(afterwards));
        }
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
