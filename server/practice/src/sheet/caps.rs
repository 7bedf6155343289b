//! Limits, applied in the file's order.

use metrics::model::Names;

use super::{Amount, AwardResult, Step, WithOpen};
use crate::claim::{Claim, StatedAward};
use crate::rule::{Award, Base, Cap, Exclusion, Limit, Rule};
use crate::words::{Clause, Fen, percent, share_floor, words, yuan};

/// What limits are taken of.
pub(super) struct Sums {
    pub(super) eligible: Fen,
    pub(super) investment: Fen,
    /// Expenses that wait for something said about them.
    pub(super) waits: bool,
    /// Expenses that the authority decides about, and that are not in these sums.
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

/// The exclusions whose answer takes the firm out.
pub(super) fn excluding<'r>(rule: &'r Rule, claim: &'r Claim) -> impl Iterator<Item = &'r Exclusion> {
    rule.exclusion.iter().filter(|e| claim.facts.get(e.id()).is_some_and(|fact| fact.answer == e.when))
}

/// Awards as granted. To a firm that the text takes out of all support none is due: whether one stands is for the authority.
pub(super) fn awards(rule: &Rule, claim: &Claim) -> Vec<AwardResult> {
    let excluded = excluding(rule, claim).find(|e| !e.subsidy_only);
    let granted = rule.award.iter().filter_map(|award| Some((award, claim.awards.get(award.id())?)));
    let amount = |award: &Award, stated: &StatedAward| match (excluded, stated.amount_fen.or(award.fixed_fen)) {
        (Some(e), _) => {
            let article = &e.clause.article;
            let zh = format!("属不予支持的情形（{article}），奖励是否成立");
            Amount::authority(words(zh, format!("whether it stands, for a firm that is not supported ({article})")))
        }
        (None, Some(fen)) => Amount::Fen(fen),
        (None, None) => Amount::authority(words("奖励金额", "the amount of the award")),
    };
    granted
        .map(|(award, stated)| AwardResult {
            award: award.id().to_owned(),
            names: award.names.clone(),
            amount: amount(award, stated),
            by: stated.by.clone(),
            clause: award.clause.clone(),
        })
        .collect()
}

/// The computation by what is settled and, where something is open, beside it with everything open counted.
pub(super) fn apply(
    rule: &Rule,
    claim: &Claim,
    settled: &Sums,
    with_open: Option<&Sums>,
    awards: &[AwardResult],
) -> (Vec<Step>, Amount, Option<Amount>) {
    let (mut steps, ceiling) = computed(rule, claim, settled, awards);
    let opened = with_open.map(|sums| {
        let (opened, ceiling) = computed(rule, claim, sums, awards);
        for (step, with) in steps.iter_mut().zip(opened) {
            step.with_open = Some(WithOpen { limit: with.limit, amount: with.amount });
        }
        ceiling
    });
    (steps, ceiling, opened)
}

fn computed(rule: &Rule, claim: &Claim, sums: &Sums, awards: &[AwardResult]) -> (Vec<Step>, Amount) {
    let mut amount = sums.scope();
    let step = |step: &str, names: Names, formula: Names, amount: &Amount, clause: Option<&Clause>| Step {
        step: step.to_owned(),
        names,
        formula,
        limit: None,
        amount: amount.clone(),
        with_open: None,
        clause: clause.cloned(),
        remark: None,
    };
    let scope = words("支持范围内支出", "expenses within the scope");
    let mut steps = vec![step("scope", scope, Amount::Fen(sums.eligible).words(), &amount, None)];
    for exclusion in &rule.exclusion {
        let (zh, en) = (&exclusion.names.zh, &exclusion.names.en);
        let id = format!("exclusion.{}", exclusion.id());
        match claim.facts.get(exclusion.id()) {
            Some(fact) if fact.answer == exclusion.when => {
                // What is not supported is nothing, whatever somebody still has to state.
                amount = Amount::Fen(0);
                let answer = if fact.answer { ("是", "yes") } else { ("否", "no") };
                let zh = format!("{zh}：{}（{}）", answer.0, fact.by);
                let formula = words(zh, format!("{en}: {} ({})", answer.1, fact.by));
                let names = words("不予支持的情形", "not supported");
                steps.push(Step { limit: Some(0), ..step(&id, names, formula, &amount, Some(&exclusion.clause)) });
            }
            Some(_) => {}
            None => {
                if amount != Amount::Fen(0) {
                    amount = Amount::missing(words(format!("“{zh}”一项的填报"), format!("an answer to: {en}")));
                }
                let formula = words(format!("{zh}：未填写"), format!("{en}: not answered"));
                let names = words("是否属不予支持的情形", "whether it is supported at all");
                steps.push(step(&id, names, formula, &amount, Some(&exclusion.clause)));
            }
        }
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
        amount = amount.or(fallen);
        let names = words("等级要求", "level asked for");
        steps.push(step("least_level", names, formula, &amount, Some(&least.clause)));
    }
    for cap in &rule.cap {
        let found = find(cap, claim, sums, awards);
        amount = match found.limit {
            Some(limit) => amount.at_most(limit),
            None => amount.or(found.none),
        };
        steps.push(Step {
            limit: found.limit,
            remark: cap.open.clone(),
            ..step(cap.id(), cap.names.clone(), found.formula, &amount, Some(&cap.clause))
        });
    }
    (steps, amount)
}

fn level_words() -> Names {
    words("评测机构评定的等级", "the level, as assessed")
}

pub(super) fn received_words() -> Names {
    words("此前所获专项资金支持（没有的填 0）", "support received before (0 where there was none)")
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
            if claim.received.is_empty() {
                return Found::none(Amount::missing(received_words()));
            }
            let others = others(claim, awards);
            let limit = (whole - others).max(0);
            let by: Vec<&str> = awards.iter().map(|a| &*a.by).chain(claim.received.iter().map(|r| &*r.by)).collect();
            let zh = format!(
                "{} 元 × {share}% = {} 元，减奖励及此前所获支持 {} 元（{}），余 {} 元",
                said.zh,
                yuan(whole),
                yuan(others),
                by.join("；"),
                yuan(limit)
            );
            let en = format!(
                "{} yuan × {share} % = {} yuan, less awards and earlier support {} yuan ({}): {} yuan",
                said.en,
                yuan(whole),
                yuan(others),
                by.join("; "),
                yuan(limit)
            );
            Found::at(limit, words(zh, en))
        }
        Limit::AuthorityAmount {} => {
            let Some((most, by)) = claim.announced.get(cap.id()).and_then(|a| Some((a.most_fen?, &a.by))) else {
                return Found::none(Amount::authority(cap.names.clone()));
            };
            let zh = format!("最高 {} 元（{by}）", yuan(most));
            Found::at(most, words(zh, format!("at most {} yuan ({by})", yuan(most))))
        }
        Limit::Authority {} => {
            let announced = claim.announced.get(cap.id()).and_then(|a| Some((a, a.share_hundredths?)));
            let Some((announced, hundredths)) = announced else {
                return Found::none(Amount::authority(cap.names.clone()));
            };
            let share = share_floor(sums.eligible, hundredths);
            let limit = announced.most_fen.map_or(share, |most| share.min(most));
            let rate = percent(hundredths);
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
