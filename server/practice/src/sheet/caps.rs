//! Limits, applied in the file's order.

use metrics::model::Names;

use super::{Amount, AwardResult, Step};
use crate::claim::Claim;
use crate::rule::{Base, Cap, Limit, Rule};
use crate::words::{Fen, percent, share_floor, words, yuan};

/// What limits are taken of.
pub(super) struct Sums {
    pub(super) eligible: Fen,
    pub(super) investment: Fen,
    /// Expenses that wait for something said about them.
    pub(super) waits: bool,
    /// Expenses that the authority decides about.
    pub(super) open: bool,
}

impl Sums {
    /// What the expenses are at most, before any limit. That nothing counts yet is no zero while something may.
    fn scope(&self) -> Amount {
        match self.eligible {
            0 if self.waits => Amount::missing(words("支出的日期或条件", "dates or conditions of expenses")),
            0 if self.open => Amount::authority(words("支出是否在支持范围内", "whether expenses are within the scope")),
            fen => Amount::Fen(fen),
        }
    }
}

pub(super) fn awards(rule: &Rule, claim: &Claim) -> Vec<AwardResult> {
    let granted = rule.award.iter().filter_map(|award| Some((award, claim.awards.get(award.id())?)));
    granted
        .map(|(award, stated)| {
            let why = || words("奖励金额", "the amount of the award");
            let fen = stated.amount_fen.or(award.fixed_fen);
            AwardResult {
                award: award.id().to_owned(),
                names: award.names.clone(),
                amount: fen.map_or_else(|| Amount::authority(why()), Amount::Fen),
                by: stated.by.clone(),
                clause: award.clause.clone(),
            }
        })
        .collect()
}

pub(super) fn apply(rule: &Rule, claim: &Claim, sums: &Sums, awards: &[AwardResult]) -> (Vec<Step>, Amount) {
    let mut amount = sums.scope();
    let mut steps = vec![Step {
        step: "scope".to_owned(),
        names: words("支持范围内支出", "expenses within the scope"),
        formula: Amount::Fen(sums.eligible).words(),
        limit: None,
        amount: amount.clone(),
        clause: None,
        remark: None,
    }];
    for exclusion in rule.exclusion.iter().filter(|e| claim.facts.get(e.id()) == Some(&e.when)) {
        // What is not supported is nothing, whatever somebody still has to state.
        amount = Amount::Fen(0);
        let answer = if exclusion.when { ("是", "yes") } else { ("否", "no") };
        steps.push(Step {
            step: format!("exclusion.{}", exclusion.id()),
            names: words("不予支持的情形", "not supported"),
            formula: words(
                format!("{}：{}", exclusion.names.zh, answer.0),
                format!("{}: {}", exclusion.names.en, answer.1),
            ),
            limit: Some(0),
            amount: amount.clone(),
            clause: Some(exclusion.clause.clone()),
            remark: None,
        });
    }
    if amount == Amount::Fen(0) {
        return (steps, amount);
    }
    if let Some(least) = &rule.least_level {
        let (formula, fallen) = match &claim.level {
            None => (words("等级未填", "no level stated"), Some(Amount::missing(level_words()))),
            Some(stated) if stated.level < least.level => {
                let zh = format!("评定等级 {} 级，低于 {} 级（{}）", stated.level, least.level, stated.by);
                let en = format!("stated level {}, below {} ({})", stated.level, least.level, stated.by);
                (
                    words(zh, en),
                    Some(Amount::authority(words("未达到要求的等级", "the level asked for is not reached"))),
                )
            }
            Some(stated) => {
                let zh = format!("评定等级 {} 级，不低于 {} 级（{}）", stated.level, least.level, stated.by);
                (words(zh, format!("stated level {}, at least {} ({})", stated.level, least.level, stated.by)), None)
            }
        };
        amount = fallen.unwrap_or(amount);
        steps.push(Step {
            step: "least_level".to_owned(),
            names: words("等级要求", "level asked for"),
            formula,
            limit: None,
            amount: amount.clone(),
            clause: Some(least.clause.clone()),
            remark: None,
        });
    }
    for cap in &rule.cap {
        let found = find(cap, claim, sums, awards);
        amount = match (found.limit, found.none) {
            (_, Some(none)) if amount.fen().is_some() => none,
            (Some(limit), _) => amount.at_most(limit),
            _ => amount,
        };
        steps.push(Step {
            step: cap.id().to_owned(),
            names: cap.names.clone(),
            formula: found.formula,
            limit: found.limit,
            amount: amount.clone(),
            clause: Some(cap.clause.clone()),
            remark: cap.open.clone(),
        });
    }
    (steps, amount)
}

fn level_words() -> Names {
    words("评测机构评定的等级", "the level, as assessed")
}

/// A limit with its numbers put in, or why it has none.
struct Found {
    limit: Option<Fen>,
    formula: Names,
    none: Option<Amount>,
}

impl Found {
    fn at(limit: Fen, formula: Names) -> Self {
        Self { limit: Some(limit), formula, none: None }
    }

    fn none(amount: Amount) -> Self {
        Self { limit: None, formula: amount.words(), none: Some(amount) }
    }
}

fn find(cap: &Cap, claim: &Claim, sums: &Sums, awards: &[AwardResult]) -> Found {
    match &cap.limit {
        Limit::Share { percent: share, of } => {
            let (base, said) = base(cap, *of, claim, sums);
            let limit = share_floor(base, u32::from(*share) * 100);
            let zh = format!("{} 元 × {share}% = {} 元", said.zh, yuan(limit));
            Found::at(limit, words(zh, format!("{} yuan × {share} % = {} yuan", said.en, yuan(limit))))
        }
        Limit::Level { fen } => {
            let Some(stated) = &claim.level else { return Found::none(Amount::missing(level_words())) };
            let reached = fen.iter().rev().find(|(level, _)| level.parse::<u8>().is_ok_and(|l| l <= stated.level));
            let Some((_, limit)) = reached else {
                let zh = format!("评定等级 {} 级，办法未规定该等级的限额", stated.level);
                let en = format!("stated level {}: the text has no limit for it", stated.level);
                return Found::none(Amount::authority(words(zh, en)));
            };
            let zh = format!("评定等级 {} 级（{}）：最高 {} 元", stated.level, stated.by, yuan(*limit));
            let en = format!("stated level {} ({}): at most {} yuan", stated.level, stated.by, yuan(*limit));
            Found::at(*limit, words(zh, en))
        }
        Limit::AllSupport { percent: share, of } => {
            let (base, said) = base(cap, *of, claim, sums);
            let whole = share_floor(base, u32::from(*share) * 100);
            if let Some(open) = awards.iter().find(|a| a.amount.fen().is_none()) {
                let zh = format!("{}的金额", open.names.zh);
                return Found::none(Amount::authority(words(zh, format!("the amount of: {}", open.names.en))));
            }
            let others = others(claim, awards);
            let limit = (whole - others).max(0);
            let zh = format!(
                "{} 元 × {share}% = {} 元，减奖励及此前所获支持 {} 元，余 {} 元",
                said.zh,
                yuan(whole),
                yuan(others),
                yuan(limit)
            );
            let en = format!(
                "{} yuan × {share} % = {} yuan, less awards and earlier support {} yuan: {} yuan",
                said.en,
                yuan(whole),
                yuan(others),
                yuan(limit)
            );
            Found::at(limit, words(zh, en))
        }
        Limit::Authority {} => {
            let Some(announced) = claim.announced.get(cap.id()) else {
                return Found::none(Amount::authority(cap.names.clone()));
            };
            let share = share_floor(sums.eligible, announced.share_hundredths);
            let limit = announced.most_fen.map_or(share, |most| share.min(most));
            let rate = percent(announced.share_hundredths);
            let most = announced.most_fen.map(yuan);
            let (most_zh, most_en) = most
                .map_or_else(Default::default, |most| (format!("，最高 {most} 元"), format!(", at most {most} yuan")));
            let (eligible, by) = (yuan(sums.eligible), &announced.by);
            let zh = format!("{eligible} 元 × {rate}%（{by}）= {} 元{most_zh}", yuan(share));
            Found::at(limit, words(zh, format!("{eligible} yuan × {rate} % ({by}) = {} yuan{most_en}", yuan(share))))
        }
    }
}

/// Awards and what was received before, together.
pub(super) fn others(claim: &Claim, awards: &[AwardResult]) -> Fen {
    awards.iter().filter_map(|a| a.amount.fen()).chain(claim.received.iter().map(|r| r.amount_fen)).sum()
}

/// The base of a share, and what it is in words.
fn base(cap: &Cap, of: Base, claim: &Claim, sums: &Sums) -> (Fen, Names) {
    if let Some(confirmed) = claim.confirmed.get(cap.id()) {
        let fen = yuan(confirmed.amount_fen);
        let by = &confirmed.by;
        return (
            confirmed.amount_fen,
            words(format!("确认的投入（{by}）{fen}"), format!("confirmed investment ({by}) {fen}")),
        );
    }
    let (fen, zh, en) = match of {
        Base::Eligible => (sums.eligible, "支持范围内支出", "expenses within the scope"),
        Base::Investment => (sums.investment, "数字化转型投入", "investment"),
    };
    (fen, words(format!("{zh} {}", yuan(fen)), format!("{en} {}", yuan(fen))))
}
