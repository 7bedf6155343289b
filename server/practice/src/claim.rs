//! What a project brings to a rule: its expenses, and what others decided about it.
//!
//! Constraints
//! 1. Amounts are whole fen, above zero. A claim that breaks a bound is refused whole; nothing is dropped from it.
//! 2. Whatever others know or decide — the level, answers to exclusions, dates, a confirmed investment, a batch's share, awards, payments —
//!    comes with who said it. What nobody said is missing, never assumed.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use metrics::model::Names;
use serde::{Deserialize, Serialize};

use crate::rule::{Counts, Day, Limit, LineFact, Part, Rule};
use crate::words::{FEN_MAX, Fen, words};

/// Most expenses of a claim.
pub const LINES_MAX: usize = 500;
/// Longest text of a claim, characters.
const TEXT_MAX: usize = 200;

/// A project under a rule.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claim {
    /// The date for which the sheet is made.
    pub at: Day,
    /// The digital level as assessed.
    pub level: Option<StatedLevel>,
    /// Sub-sector (细分行业), as the rule names them.
    pub sector: Option<String>,
    /// Which call, where the rule has calls.
    pub batch: Option<String>,
    /// When the project began.
    pub started: Option<Day>,
    /// When it ended.
    pub finished: Option<Day>,
    /// When the rule or its pilot began, as its authority says, where the text names an event.
    pub rule_from: Option<StatedDay>,
    /// The expenses.
    pub lines: Vec<Line>,
    /// Answers to the rule's exclusions.
    #[serde(default)]
    pub facts: BTreeMap<String, Answer>,
    /// Investment that the authority confirmed, by limit.
    #[serde(default)]
    pub confirmed: BTreeMap<String, StatedAmount>,
    /// What the authority announced, by limit.
    #[serde(default)]
    pub announced: BTreeMap<String, Announced>,
    /// Awards that were granted.
    #[serde(default)]
    pub awards: BTreeMap<String, StatedAward>,
    /// Support of the same fund received before, for other things than this subsidy; an entry of nothing where somebody says that there
    /// was none.
    #[serde(default)]
    pub received: Vec<StatedAmount>,
    /// What was paid of this subsidy, by instalment.
    #[serde(default)]
    pub paid: BTreeMap<String, StatedAmount>,
    /// When the condition of an instalment was met.
    #[serde(default)]
    pub met: BTreeMap<String, StatedDay>,
}

/// The answer to an exclusion.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// Yes or no.
    pub answer: bool,
    /// Who or what says so: a published list, a register, the firm itself.
    pub by: String,
}

/// A date somebody stated.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct StatedDay {
    /// Which.
    pub date: Day,
    /// Who or what says so.
    pub by: String,
}

/// A level somebody else stated.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StatedLevel {
    /// 0 below 一级, 1 to 4.
    pub level: u8,
    /// Who said so: body, date.
    pub by: String,
}

/// An amount somebody stated.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct StatedAmount {
    /// How much.
    pub amount_fen: Fen,
    /// Who or what says so.
    pub by: String,
}

/// An award somebody granted.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StatedAward {
    /// How much; needed where the rule fixes no amount.
    pub amount_fen: Option<Fen>,
    /// Who or what says so.
    pub by: String,
}

/// What the authority announced for a limit.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Announced {
    /// Hundredths of a percent, 3000 is 30 %: where the limit is a share.
    pub share_hundredths: Option<u32>,
    /// Most: needed where the limit is an amount.
    pub most_fen: Option<Fen>,
    /// The announcement.
    pub by: String,
}

/// An expense.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// Its id, once in the claim.
    pub line: String,
    /// Category of the rule.
    pub category: String,
    /// How much.
    pub amount_fen: Fen,
    /// Of that, hardware inside a software or service contract; nothing in a category that is hardware itself.
    #[serde(default)]
    pub hardware_fen: Fen,
    /// Date of the invoice.
    pub invoiced: Option<Day>,
    /// In the filed plan or an approved change.
    pub in_plan: Option<bool>,
    /// In a contract of the retrofit.
    pub in_contract: Option<bool>,
    /// Already subsidised from elsewhere.
    pub subsidised: Option<bool>,
}

impl Line {
    /// The answer to a fact.
    pub fn fact(&self, fact: LineFact) -> Option<bool> {
        match fact {
            LineFact::InPlan => self.in_plan,
            LineFact::InContract => self.in_contract,
            LineFact::Subsidised => self.subsidised,
        }
    }
}

/// Why a claim was refused: where, and what is allowed, in both languages.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {} / {}", said.zh, said.en)]
pub struct ClaimError {
    /// Which entry.
    pub place: String,
    /// What is wrong and what is allowed.
    pub said: Names,
}

fn refuse(place: impl Into<String>, zh: &str, en: &str) -> ClaimError {
    ClaimError { place: place.into(), said: words(zh, en) }
}

fn text(place: &str, text: &str) -> Result<(), ClaimError> {
    if text.trim().is_empty() || text.chars().count() > TEXT_MAX || text.chars().any(char::is_control) {
        return Err(refuse(place, "须为 1 至 200 个字符的单行文本", "must have 1 to 200 characters on one line"));
    }
    Ok(())
}

fn amount(place: &str, fen: Fen, least: Fen) -> Result<(), ClaimError> {
    if (least..=FEN_MAX).contains(&fen) {
        return Ok(());
    }
    let (zh, en) = if least > 0 {
        ("金额须大于 0，最多 100 亿元", "an amount is above zero and at most ten billion yuan")
    } else {
        ("金额不得小于 0，最多 100 亿元", "an amount is not below zero and at most ten billion yuan")
    };
    Err(refuse(place, zh, en))
}

impl Claim {
    /// Checks every bound, and that it names only what the rule has.
    ///
    /// # Errors
    /// The first entry that is wrong.
    pub fn check(&self, rule: &Rule) -> Result<(), ClaimError> {
        if self.lines.is_empty() || self.lines.len() > LINES_MAX {
            return Err(refuse("lines", "须有 1 至 500 笔支出", "a claim has 1 to 500 expenses"));
        }
        let mut seen = BTreeSet::new();
        for line in &self.lines {
            self.check_line(rule, line)?;
            if !seen.insert(&line.line) {
                return Err(refuse(format!("lines.{}", line.line), "支出编号重复", "the expense is there twice"));
            }
        }
        if let Some(level) = &self.level {
            text("level.by", &level.by)?;
            if level.level > 4 {
                return Err(refuse(
                    "level.level",
                    "等级须为 0 至 4（0 表示未达一级）",
                    "a level is 0 to 4; 0 is below one",
                ));
            }
        }
        for (place, value) in [("sector", &self.sector), ("batch", &self.batch)] {
            value.as_ref().map_or(Ok(()), |v| text(place, v))?;
        }
        if self.started.zip(self.finished).is_some_and(|(a, b)| a > b) {
            return Err(refuse("finished", "项目完成日期早于启动日期", "the project ends before it begins"));
        }
        self.check_stated(rule)
    }

    fn check_line(&self, rule: &Rule, line: &Line) -> Result<(), ClaimError> {
        text("lines.line", &line.line)?;
        let place = |field: &str| format!("lines.{}.{field}", line.line);
        text(&place("category"), &line.category)?;
        amount(&place("amount_fen"), line.amount_fen, 1)?;
        amount(&place("hardware_fen"), line.hardware_fen, 0)?;
        if line.hardware_fen > line.amount_fen {
            let en = "the hardware part is more than the expense";
            return Err(refuse(place("hardware_fen"), "硬件部分大于该笔支出", en));
        }
        if line.hardware_fen > 0 && rule.category.iter().any(|c| c.id() == line.category && c.hardware) {
            let en = "this category is hardware itself: a part of it that is hardware is not stated";
            return Err(refuse(place("hardware_fen"), "该类别本身即为设备，请勿另填其中硬件", en));
        }
        Ok(())
    }

    fn check_stated(&self, rule: &Rule) -> Result<(), ClaimError> {
        fn known<'k>(
            what: &str,
            keys: impl IntoIterator<Item = &'k String>,
            has: impl Fn(&str) -> bool,
        ) -> Result<(), ClaimError> {
            match keys.into_iter().find(|key| !has(key)) {
                Some(key) => Err(refuse(format!("{what}.{key}"), "该办法没有此项", "the rule has no such entry")),
                None => Ok(()),
            }
        }
        known("facts", self.facts.keys(), |k| rule.exclusion.iter().any(|e| e.id() == k))?;
        known("confirmed", self.confirmed.keys(), |k| {
            rule.cap.iter().any(|c| c.id() == k && c.limit.base().is_some())
        })?;
        known("announced", self.announced.keys(), |k| rule.cap.iter().any(|c| c.id() == k && c.limit.is_announced()))?;
        known("awards", self.awards.keys(), |k| rule.award.iter().any(|a| a.id() == k))?;
        known("paid", self.paid.keys(), |k| rule.stage.iter().any(|s| s.id() == k))?;
        known("met", self.met.keys(), |k| rule.stage.iter().any(|s| s.id() == k))?;
        known("batch", &self.batch, |k| rule.batch.iter().any(|b| b.id() == k))?;
        for (id, stated) in &self.confirmed {
            amount(&format!("confirmed.{id}"), stated.amount_fen, 1)?;
            text(&format!("confirmed.{id}.by"), &stated.by)?;
        }
        for (id, announced) in &self.announced {
            text(&format!("announced.{id}.by"), &announced.by)?;
            announced.most_fen.map_or(Ok(()), |fen| amount(&format!("announced.{id}.most_fen"), fen, 1))?;
            let is_amount = rule.cap.iter().any(|c| c.id() == id && matches!(c.limit, Limit::AuthorityAmount {}));
            match announced.share_hundredths {
                None if is_amount && announced.most_fen.is_none() => {
                    let place = format!("announced.{id}.most_fen");
                    return Err(refuse(place, "该限额是金额，须填写", "this limit is an amount: state it"));
                }
                Some(_) if is_amount => {
                    let place = format!("announced.{id}.share_hundredths");
                    return Err(refuse(place, "该限额是金额，没有比例", "this limit is an amount and has no share"));
                }
                None if is_amount => {}
                Some(1..=10_000) => {}
                _ => {
                    let (zh, en) = ("须填写比例，0.01% 至 100%", "state the share, 0.01 % to 100 %");
                    return Err(refuse(format!("announced.{id}.share_hundredths"), zh, en));
                }
            }
        }
        for (id, award) in &self.awards {
            text(&format!("awards.{id}.by"), &award.by)?;
            let Some(fen) = award.amount_fen else { continue };
            let place = format!("awards.{id}");
            amount(&place, fen, 1)?;
            let of = rule.award.iter().find(|a| a.id() == id);
            if of.and_then(|a| a.fixed_fen).is_some_and(|fixed| fixed != fen) {
                return Err(refuse(place, "与办法规定的金额不同", "is not the amount the rule fixes"));
            }
            if of.and_then(|a| a.most_fen).is_some_and(|most| fen > most) {
                return Err(refuse(place, "超过办法规定的最高金额", "is more than the rule allows"));
            }
        }
        if self.received.len() > LINES_MAX {
            return Err(refuse("received", "最多 500 项", "at most 500 entries"));
        }
        for stated in &self.received {
            amount("received.amount_fen", stated.amount_fen, 0)?;
            text("received.by", &stated.by)?;
        }
        for (id, paid) in &self.paid {
            amount(&format!("paid.{id}"), paid.amount_fen, 1)?;
        }
        let stated = self.paid.iter().map(|(id, paid)| (format!("paid.{id}.by"), &paid.by));
        let stated = stated.chain(self.facts.iter().map(|(id, fact)| (format!("facts.{id}.by"), &fact.by)));
        let stated = stated.chain(self.met.iter().map(|(id, met)| (format!("met.{id}.by"), &met.by)));
        let mut stated = stated.chain(self.rule_from.iter().map(|from| ("rule_from.by".to_owned(), &from.by)));
        stated.try_for_each(|(place, by)| text(&place, by))?;
        if self.rule_from.is_some() && !rule.begins_with_event() {
            let en = "the text itself says when it begins: leave this out";
            return Err(refuse("rule_from", "文件已写明开始日期，请勿填写", en));
        }
        Ok(())
    }

    /// When the rule or its pilot began, as stated.
    pub(crate) fn began(&self) -> Option<Date> {
        self.rule_from.as_ref().map(|from| from.date.0)
    }

    /// Paid in instalments whose amount the authority decides.
    pub(crate) fn paid_by_decision(&self, rule: &Rule) -> Fen {
        let open = rule.stage.iter().filter(|s| s.part == Part::Authority);
        open.filter_map(|s| self.paid.get(s.id())).map(|paid| paid.amount_fen).sum()
    }
}

impl Counts {
    /// Both have to count: what the one leaves open or refuses stays so.
    pub(crate) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::No, _) | (_, Self::No) => Self::No,
            (Self::Open, _) | (_, Self::Open) => Self::Open,
            (Self::Yes, Self::Yes) => Self::Yes,
        }
    }
}
