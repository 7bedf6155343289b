//! 补助测算: what a rule's text gives for a claim, expense by expense, limit by limit, instalment by instalment.
//!
//! Constraints
//! 1. A result is an upper limit by what is settled: the texts say 不超过 and 最高, the authority decides the amount, and what is left
//!    open may raise the limit.
//! 2. Where a text leaves something open, or an input is missing, the result has words and no number. Of two readings of a text
//!    the smaller is computed, and the sheet says so; what the authority confirmed takes its place.
//! 3. Limits are applied in the file's order, from the expenses within the scope downwards; a limit never raises an amount.
//! 4. Shares round down to the fen; what is left of a sum goes to the last instalment, so that instalments add up to the whole.
//! 5. A sheet by a draft, or by a rule not in force on its date, is computed as the text says and carries the warning first.
//!
//! `sheet/lines.rs` judges expenses, `sheet/caps.rs` applies limits, `sheet/stages.rs` divides into instalments,
//! `sheet/warnings.rs` says what a reader has to know before believing a number.

mod caps;
mod lines;
mod stages;
mod warnings;

use jiff::civil::Date;
use metrics::model::Names;
use serde::Serialize;

pub use self::lines::{LineResult, Verdict};
pub use self::stages::StageResult;
pub use self::warnings::{Warning, WarningKind};

use crate::claim::{Claim, ClaimError};
use crate::rule::{Note, Rule};
use crate::words::{Clause, Fen, words, yuan};

/// An amount, or why there is none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Amount {
    /// So many fen.
    Fen(Fen),
    /// 由主管部门确定: the text leaves it to the authority.
    Authority(Names),
    /// An input is missing.
    Missing(Names),
}

impl Amount {
    /// The number, if there is one.
    pub fn fen(&self) -> Option<Fen> {
        match self {
            Self::Fen(fen) => Some(*fen),
            Self::Authority(_) | Self::Missing(_) => None,
        }
    }

    /// As printed: yuan with two places, or the reason.
    pub fn words(&self) -> Names {
        match self {
            Self::Fen(fen) => words(format!("{} 元", yuan(*fen)), format!("{} yuan", yuan(*fen))),
            Self::Authority(why) | Self::Missing(why) => why.clone(),
        }
    }

    fn authority(why: Names) -> Self {
        let zh = format!("由主管部门确定：{}", why.zh);
        Self::Authority(words(zh, format!("the authority decides: {}", why.en)))
    }

    fn missing(why: Names) -> Self {
        Self::Missing(words(format!("尚缺：{}", why.zh), format!("missing: {}", why.en)))
    }

    /// Not more than `limit`; what has no number keeps its reason.
    fn at_most(self, limit: Fen) -> Self {
        match self {
            Self::Fen(fen) => Self::Fen(fen.min(limit)),
            other => other,
        }
    }
}

/// A line of the computation, in the order in which it is done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    /// Which entry of the rule, or `scope`, `exclusion`, `least_level`.
    pub step: String,
    /// What is done.
    pub names: Names,
    /// With the numbers put in.
    pub formula: Names,
    /// What it limits to.
    pub limit: Option<Fen>,
    /// What the subsidy is at most after it.
    pub amount: Amount,
    /// Where the text says so.
    pub clause: Option<Clause>,
    /// What the text leaves open about it.
    pub remark: Option<Names>,
}

/// An award with its amount.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AwardResult {
    /// Which.
    pub award: String,
    /// Its name.
    pub names: Names,
    /// Its amount.
    pub amount: Amount,
    /// Who granted it.
    pub by: String,
    /// Where the text says so.
    pub clause: Clause,
}

/// A subsidy sheet.
#[derive(Debug, Clone, Serialize)]
pub struct Sheet {
    /// The rule file.
    pub rule: String,
    /// Title of the rule.
    pub names: Names,
    /// 文号.
    pub number: Option<String>,
    /// Bodies that issued it.
    pub issuers: Vec<String>,
    /// A draft.
    pub draft: bool,
    /// First date in force.
    #[serde(serialize_with = "dated")]
    pub from: Option<Date>,
    /// Last date in force.
    #[serde(serialize_with = "dated")]
    pub to: Option<Date>,
    /// The date of the sheet.
    #[serde(serialize_with = "date")]
    pub at: Date,
    /// What to know before believing a number.
    pub warnings: Vec<Warning>,
    /// Expenses, in the claim's order.
    pub lines: Vec<LineResult>,
    /// Expenses within the scope, together.
    pub eligible: Fen,
    /// The firm's investment, as far as it surely is one.
    pub investment: Fen,
    /// Expenses that the authority decides about, together; in no number.
    pub open: Fen,
    /// The computation.
    pub steps: Vec<Step>,
    /// The subsidy's upper limit (补助上限) by what is settled; see [`Sheet::open`].
    pub ceiling: Amount,
    /// Awards granted.
    pub awards: Vec<AwardResult>,
    /// Instalments.
    pub stages: Vec<StageResult>,
    /// What else the text says.
    pub notes: Vec<(Names, Option<Clause>)>,
}

fn date<S: serde::Serializer>(date: &Date, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(date)
}

fn dated<S: serde::Serializer>(date: &Option<Date>, serializer: S) -> Result<S::Ok, S::Error> {
    match date {
        Some(date) => serializer.collect_str(date),
        None => serializer.serialize_none(),
    }
}

/// Makes the sheet of a claim under a rule.
///
/// # Errors
/// The claim breaks a bound, or names something the rule does not have.
pub fn evaluate(rule: &Rule, claim: &Claim) -> Result<Sheet, ClaimError> {
    claim.check(rule)?;
    let (from, to) = rule.in_force(claim.rule_from.map(|d| d.0));
    let lines = lines::judge(rule, claim, to);
    let sum = |pick: fn(&LineResult) -> Fen| lines.iter().map(pick).sum::<Fen>();
    let sums = caps::Sums {
        eligible: sum(|l| l.eligible),
        investment: sum(|l| l.investment),
        waits: lines.iter().any(|l| l.verdict == Verdict::Missing),
        open: lines.iter().any(|l| l.verdict == Verdict::Authority),
    };
    let awards = caps::awards(rule, claim);
    let (steps, ceiling) = caps::apply(rule, claim, &sums, &awards);
    let stages = stages::divide(rule, claim, &ceiling);
    let mut sheet = Sheet {
        rule: rule.id().to_owned(),
        names: rule.names.clone(),
        number: rule.number.clone(),
        issuers: rule.issuers.clone(),
        draft: rule.draft,
        from,
        to,
        at: claim.at.0,
        warnings: Vec::new(),
        eligible: sums.eligible,
        investment: sums.investment,
        open: lines.iter().filter(|l| l.verdict == Verdict::Authority).map(|l| l.amount).sum(),
        lines,
        steps,
        ceiling,
        awards,
        stages,
        notes: rule.note.iter().map(|Note { names, clause }| (names.clone(), clause.clone())).collect(),
    };
    sheet.warnings = warnings::all(rule, claim, &sheet);
    Ok(sheet)
}
