//! The term with the rule's limit, and the payments that remain.

use std::collections::BTreeMap;

use jiff::civil::Date;
use metrics::model::Names;

use super::{InForce, date};
use crate::rule::{ChangeRules, Day, Rule};
use crate::words::{Clause, words};

/// Where a project stands against its term.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TermState {
    /// Within the term, or finished within it.
    Within,
    /// Past the end, the limit not yet near; or finished late, before the limit.
    Late,
    /// The limit is near.
    Near,
    /// The limit is reached, or the project was finished on it or later.
    Reached,
}

/// The term (实施期限) of the plan in force. It is the project's own; when the pilot ends (试点实施期), the text of the rule has to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term {
    /// Its last date.
    pub end: Day,
    /// The first date on which it is late by the rule's months.
    pub limit: Option<Day>,
    /// Where the project stands.
    pub state: TermState,
    /// In words.
    pub words: Names,
    /// Where the text says so.
    pub clause: Option<Clause>,
}

/// So many months later; a day the month does not have becomes its last.
pub(super) fn after_months(day: Date, months: i64) -> Option<Date> {
    day.checked_add(jiff::Span::new().months(months)).ok()
}

/// Where a project stands against the term of the plan in force. `finished` is when its works ended, as stated; `warn_days` is how long
/// before the limit the warning begins.
pub fn term(
    current: &InForce,
    rules: Option<&ChangeRules>,
    finished: Option<Date>,
    at: Date,
    warn_days: u16,
) -> Option<Term> {
    let end = date(&current.plan.term.to)?;
    let delay = rules.and_then(|r| r.delay.as_ref());
    let limit = delay.and_then(|d| after_months(end, i64::from(d.months)));
    let finished = finished.filter(|f| *f <= at);
    let reached = finished.unwrap_or(at);
    let days = |from: Date, to: Date| from.until(to).map_or(0, |s| s.get_days());
    let months = delay.map_or(0, |d| d.months);
    let state = match limit {
        _ if reached <= end => TermState::Within,
        Some(limit) if reached >= limit => TermState::Reached,
        Some(limit) if finished.is_none() && days(at, limit) <= i32::from(warn_days) => TermState::Near,
        _ => TermState::Late,
    };
    // That nobody stated when the works ended does not say that they went on.
    let past = match finished {
        Some(on) => {
            let over = days(end, on);
            words(
                format!("已于 {on} 完成，超过实施期限（{end}）{over} 天"),
                format!("finished on {on}, {over} days past the term ({end})"),
            )
        }
        None => words(
            format!("实施期限已于 {end} 届满；未填报完成日期"),
            format!("the term ended on {end}; when the works were finished is not stated"),
        ),
    };
    let said = match (state, limit, finished) {
        (TermState::Within, _, Some(on)) => {
            words(format!("已于 {on} 完成，在实施期限内"), format!("finished on {on}, within the term"))
        }
        (TermState::Within, _, None) => words(format!("实施期限至 {end}"), format!("the term ends on {end}")),
        (TermState::Reached, Some(limit), _) => words(
            format!("{}；至 {limit} 已满办法所称的 {months} 个月，由主管部门认定", past.zh),
            format!("{}; the rule's {months} months were full on {limit}: the authority decides", past.en),
        ),
        (TermState::Near, Some(limit), _) => {
            let left = days(at, limit);
            words(
                format!(
                    "{}；再过 {left} 天（{limit}）即满办法所称的 {months} 个月，如需延期应及时提出变更申请",
                    past.zh
                ),
                format!(
                    "{}; in {left} days ({limit}) the rule's {months} months are full: apply for a change in time",
                    past.en
                ),
            )
        }
        _ => past,
    };
    // Whether delays that were approved one after the other are added up, the texts do not say.
    let filed = date(&current.filed.term.to).filter(|filed| *filed < end);
    let filed_limit = filed.zip(delay).and_then(|(filed, d)| after_months(filed, i64::from(d.months)));
    let said = match filed.zip(filed_limit).filter(|(_, limit)| reached >= *limit) {
        Some((filed, limit)) => words(
            format!("{}；自原备案期限（{filed}）起算已于 {limit} 满 {months} 个月，是否累计由主管部门确定", said.zh),
            format!(
                "{}; from the term as filed ({filed}) the rule's {months} months were full on {limit}: the authority decides whether delays add up",
                said.en
            ),
        ),
        None => said,
    };
    let clause = delay.map(|d| d.clause.clone());
    Some(Term { end: Day(end), limit: limit.map(Day), state, words: said, clause })
}

/// Where an instalment stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PaymentState {
    /// Paid, as stated.
    Paid,
    /// Its condition was met, as stated, and nobody stated a payment. The texts say 可 and 不高于: that something is owed is not said.
    Met,
    /// Nobody stated that its condition was met.
    Waiting,
}

/// An instalment with its dates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payment {
    /// Instalment of the rule.
    pub stage: String,
    /// Its name.
    pub names: Names,
    /// When the plan expects it.
    pub expected: Option<Day>,
    /// When its condition was met, as stated.
    pub met: Option<Day>,
    /// When it was paid, as stated.
    pub paid: Option<Day>,
    /// Where it stands.
    pub state: PaymentState,
    /// When it will be, in words: a date somebody stated, or that the authority decides.
    pub words: Names,
    /// When, in the text's words; of one that the plan has and no rule at hand does there are none.
    pub clause: Option<Clause>,
}

/// The instalments of a rule, then those that the plan has beside it, with the dates that are known on a date: `met` and `paid` by
/// instalment, as stated.
pub fn payments(
    rule: Option<&Rule>,
    current: &InForce,
    met: &BTreeMap<String, Day>,
    paid: &BTreeMap<String, Day>,
    at: Date,
) -> Vec<Payment> {
    let by_now = |dates: &BTreeMap<String, Day>, stage: &str| dates.get(stage).copied().filter(|d| d.0 <= at);
    let one = |id: &str, names: Names, clause: Option<Clause>| {
        let filed = current.plan.payments.iter().find(|p| p.stage == id);
        let expected = filed.and_then(|p| date(&p.date)).map(Day);
        let (met, paid) = (by_now(met, id), by_now(paid, id));
        let expected_words = match expected {
            Some(on) if on.0 < at => {
                words(format!("备案预计 {on}，已过"), format!("expected by the plan on {on}, which is past"))
            }
            Some(on) => words(format!("备案预计 {on}"), format!("expected by the plan on {on}")),
            None => words("日期由主管部门确定", "the authority decides the date"),
        };
        let (state, words) = match (paid, met) {
            (Some(on), _) => (PaymentState::Paid, words(format!("已于 {on} 拨付"), format!("paid on {on}"))),
            (None, Some(on)) => {
                let Names { zh, en } = expected_words;
                let zh = format!("拨付条件已于 {on} 满足，未见拨付记录；{zh}");
                let en = format!("its condition was met on {on}, no payment is stated; {en}");
                (PaymentState::Met, words(zh, en))
            }
            (None, None) => (PaymentState::Waiting, expected_words),
        };
        Payment { stage: id.to_owned(), names, expected, met, paid, state, words, clause }
    };
    let stages = || rule.into_iter().flat_map(|rule| &rule.stage);
    let mut out: Vec<Payment> = stages().map(|s| one(s.id(), s.names.clone(), Some(s.clause.clone()))).collect();
    let beside = current.plan.payments.iter().filter(|p| stages().all(|s| s.id() != p.stage));
    out.extend(beside.map(|p| one(&p.stage, words(&p.stage, &p.stage), None)));
    out
}
