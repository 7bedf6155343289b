//! 补助测算: what a rule's text gives for a claim, expense by expense, limit by limit, instalment by instalment.
//!
//! Constraints
//! 1. A result is an upper limit: the texts say 不超过 and 最高, the authority decides the amount.
//! 2. Where a text leaves it to the authority whether an expense counts, both are shown: the limit by what is settled, and beside it the
//!    limit with everything open counted. Where it leaves an amount open, or an input or an answer is missing, there are words and no number.
//! 3. Of two readings of a text about what a share is taken of the smaller is computed, and the sheet says so; what the authority
//!    confirmed takes its place.
//! 4. Limits are applied in the file's order, from the expenses within the scope downwards; a limit never raises an amount.
//! 5. Shares round down to the fen; what is left of a sum goes to the last instalment, so that instalments add up to the whole.
//! 6. A sheet by a draft, or by a rule not in force on its date, is computed as the text says and carries the warning first.
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
use crate::rule::{Base, Cap, Exclusion, Note, Rule};
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

    /// A number gives way to a reason why there is none; the first reason stays.
    fn or(self, none: Option<Self>) -> Self {
        match (&self, none) {
            (Self::Fen(_), Some(none)) => none,
            _ => self,
        }
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
    /// What the subsidy is at most after it, by what is settled.
    pub amount: Amount,
    /// The same with everything open counted; absent when nothing is open.
    pub with_open: Option<WithOpen>,
    /// Where the text says so.
    pub clause: Option<Clause>,
    /// What the text leaves open about it.
    pub remark: Option<Names>,
}

/// A step if the authority counts everything that is open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WithOpen {
    /// What it limits to.
    pub limit: Option<Fen>,
    /// What the subsidy is at most after it.
    pub amount: Amount,
}

/// What was answered to an exclusion.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Answered {
    /// Which.
    pub exclusion: String,
    /// The question.
    pub names: Names,
    /// The answer; nobody gave one otherwise.
    pub answer: Option<bool>,
    /// Who or what says so.
    pub by: Option<String>,
    /// Whether the answer takes the firm out.
    pub excludes: bool,
    /// Where the text says so.
    pub clause: Clause,
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
    /// First date in force (有效期); absent when the text does not say.
    #[serde(serialize_with = "dated")]
    pub from: Option<Date>,
    /// Last date in force.
    #[serde(serialize_with = "dated")]
    pub to: Option<Date>,
    /// First date of the pilot (试点实施期), where the text has one.
    #[serde(serialize_with = "dated")]
    pub pilot_from: Option<Date>,
    /// Last date of the pilot.
    #[serde(serialize_with = "dated")]
    pub pilot_to: Option<Date>,
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
    /// Expenses that are within the scope if the authority says so, together.
    pub open: Fen,
    /// Expenses that are investment if the authority says so, together, as far as a limit is taken of that.
    pub investment_open: Fen,
    /// Expenses that wait for a date or an answer, together; in no number.
    pub waiting: Fen,
    /// Answers to the exclusions.
    pub answers: Vec<Answered>,
    /// The computation.
    pub steps: Vec<Step>,
    /// The subsidy's upper limit (补助上限) by what is settled.
    pub ceiling: Amount,
    /// The same with everything open counted; absent when nothing is open. Print both: [`Sheet::ceiling_words`].
    pub ceiling_with_open: Option<Amount>,
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
    let (from, to) = rule.in_force(claim.began());
    let (pilot_from, pilot_to) = rule.pilot_term(claim.began());
    let lines = lines::judge(rule, claim);
    let sum = |pick: fn(&LineResult) -> Fen| lines.iter().map(pick).sum::<Fen>();
    let open = sum(|l| l.eligible_open);
    // What is investment matters as far as a limit is taken of it and nobody confirmed how much it is.
    let is_asked = |cap: &Cap| cap.limit.base() == Some(Base::Investment) && !claim.confirmed.contains_key(cap.id());
    let investment_open = if rule.cap.iter().any(is_asked) { sum(|l| l.investment_open) } else { 0 };
    let waiting = lines.iter().filter(|l| l.verdict == Verdict::Missing).map(|l| l.amount).sum();
    let waits = waiting > 0;
    let settled =
        caps::Sums { eligible: sum(|l| l.eligible), investment: sum(|l| l.investment), waits, open: open > 0 };
    let with_open = (open > 0 || investment_open > 0).then_some(caps::Sums {
        eligible: settled.eligible + open,
        investment: settled.investment + investment_open,
        waits,
        open: false,
    });
    let awards = caps::awards(rule, claim);
    let (steps, ceiling, ceiling_with_open) = caps::apply(rule, claim, &settled, with_open.as_ref(), &awards);
    let stages = stages::divide(rule, claim, &ceiling);
    let answered = |exclusion: &Exclusion| {
        let fact = claim.facts.get(exclusion.id());
        Answered {
            exclusion: exclusion.id().to_owned(),
            names: exclusion.names.clone(),
            answer: fact.map(|fact| fact.answer),
            by: fact.map(|fact| fact.by.clone()),
            excludes: fact.is_some_and(|fact| fact.answer == exclusion.when),
            clause: exclusion.clause.clone(),
        }
    };
    let mut sheet = Sheet {
        rule: rule.id().to_owned(),
        names: rule.names.clone(),
        number: rule.number.clone(),
        issuers: rule.issuers.clone(),
        draft: rule.draft,
        from,
        to,
        pilot_from,
        pilot_to,
        at: claim.at.0,
        warnings: Vec::new(),
        eligible: settled.eligible,
        investment: settled.investment,
        open,
        investment_open,
        waiting,
        answers: rule.exclusion.iter().map(answered).collect(),
        lines,
        steps,
        ceiling,
        ceiling_with_open,
        awards,
        stages,
        notes: rule.note.iter().map(|Note { names, clause }| (names.clone(), clause.clone())).collect(),
    };
    sheet.warnings = warnings::all(rule, claim, &sheet);
    Ok(sheet)
}

impl Sheet {
    /// The upper limit as it is to be printed: never the settled figure alone while something is open or waits.
    pub fn ceiling_words(&self) -> Names {
        let settled = self.ceiling.words();
        // Where nothing is supported, or something else has to be stated first, what is open moves nothing yet.
        let is_early = matches!(self.ceiling, Amount::Missing(_)) || self.answers.iter().any(|a| a.excludes);
        if is_early {
            return settled;
        }
        let Some(with_open) = self.ceiling_with_open.as_ref() else { return self.with_waiting(settled) };
        let scope = words(
            format!("{} 元支出是否在支持范围内", yuan(self.open)),
            format!("whether {} yuan of expenses are within the scope", yuan(self.open)),
        );
        let investment = words(
            format!("{} 元支出是否计入投入", yuan(self.investment_open)),
            format!("whether {} yuan of expenses are investment", yuan(self.investment_open)),
        );
        let what = match (self.open, self.investment_open) {
            (0, _) => investment,
            (_, 0) => scope,
            _ => words(format!("{}、{}", scope.zh, investment.zh), format!("{} and {}", scope.en, investment.en)),
        };
        let both = if *with_open == self.ceiling {
            words(
                format!("{}；{}由主管部门确定，计入与否上限相同", settled.zh, what.zh),
                format!("{}; the authority decides {}, which does not move the limit", settled.en, what.en),
            )
        } else {
            let all = with_open.words();
            words(
                format!("按已确定的支出：{}；{}由主管部门确定，全部计入时：{}", settled.zh, what.zh, all.zh),
                format!(
                    "by what is settled: {}; the authority decides {}, with all of it: {}",
                    settled.en, what.en, all.en
                ),
            )
        };
        self.with_waiting(both)
    }

    fn with_waiting(&self, said: Names) -> Names {
        if self.waiting == 0 {
            return said;
        }
        let fen = yuan(self.waiting);
        words(
            format!("{}；另有 {fen} 元支出缺少资料，暂未计", said.zh),
            format!("{}; {fen} yuan of expenses lack something and are not in it yet", said.en),
        )
    }
}
