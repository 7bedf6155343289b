//! The `adjustment` statement: a non-routine event as people state it, in dates and decimals (reference §3.6).
//!
//! Constraints
//! 1. Proposed by one person and approved by another; with evidence and a reason, or it is refused.
//! 2. The same `plan` and `id` again supersedes; the earlier stays in the log. A result without any adjustment is always printed beside the
//!    one with them ([`super::Savings`]).

use serde::{Deserialize, Serialize};

use super::adjust::{Adjustment, Correction, EventKind, Treatment};
use crate::calendar::parse_date;
use crate::exact::Rational;
use crate::model::{ModelError, check_id, refuse};

/// The declaration's kind.
pub const KIND: &str = "adjustment";
/// Most corrected days of one event.
const DAYS_MAX: usize = 1_000;
/// Longest text, bytes of UTF-8.
const TEXT_MAX: usize = 2_000;

/// Sub-metered energy that is taken off one day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DayCorrection {
    /// Production date.
    pub date: String,
    /// Kilowatt-hours, a decimal; negative puts energy back.
    pub kwh: String,
}

/// What is done about the event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Handling {
    /// Its days are left out, drivers and energy alike.
    Exclude,
    /// Sub-metered energy is taken off.
    Correct(Vec<DayCorrection>),
    /// A column that is 1 on its days.
    Indicator,
    /// The baseline is void.
    Rebaseline,
}

/// `adjustment`: a non-routine event of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NonRoutine {
    /// The plan.
    pub plan: String,
    /// Id within the plan.
    pub id: String,
    /// First production date.
    pub from: String,
    /// Last production date, included.
    pub to: String,
    /// What happened.
    pub kind: EventKind,
    /// Machines concerned; empty means every boundary of the plan.
    #[serde(default)]
    pub machines: Vec<String>,
    /// SHA-256 or name of the evidence.
    pub evidence: String,
    /// Who proposed it (pseudonym).
    pub proposer: String,
    /// Who approved it: somebody else.
    pub approver: String,
    /// Why, in words.
    pub reason: String,
    /// What is done.
    pub treatment: Handling,
}

/// Checks the bounds of a body.
///
/// # Errors
/// The field, and what is allowed there.
pub fn check(body: NonRoutine) -> Result<NonRoutine, ModelError> {
    check_id(KIND, "plan", &body.plan)?;
    check_id(KIND, "id", &body.id)?;
    for machine in &body.machines {
        check_id(KIND, "machines", machine)?;
    }
    let texts = [
        ("evidence", &body.evidence),
        ("proposer", &body.proposer),
        ("approver", &body.approver),
        ("reason", &body.reason),
    ];
    for (field, text) in texts {
        if text.trim().is_empty() || text.len() > TEXT_MAX || text.chars().any(|c| c.is_control() && c != '\n') {
            return Err(refuse(
                KIND,
                field,
                format!("must have 1 to {TEXT_MAX} bytes and no control characters but line breaks"),
            ));
        }
    }
    if body.proposer.trim() == body.approver.trim() {
        return Err(refuse(KIND, "approver", "must be somebody else than the proposer"));
    }
    let days = parse_date(&body.from).zip(parse_date(&body.to));
    if days.is_none_or(|(from, to)| from > to) {
        return Err(refuse(KIND, "from", "`from` and `to` must be dates like 2026-03-14, `from` not after `to`"));
    }
    if let Handling::Correct(all) = &body.treatment {
        let inside = |c: &DayCorrection| {
            let date = parse_date(&c.date).zip(days);
            date.is_some_and(|(date, (from, to))| from <= date && date <= to) && Rational::parse(&c.kwh).is_some()
        };
        if all.is_empty() || all.len() > DAYS_MAX || !all.iter().all(inside) {
            let reason = format!(
                "`correct` needs 1 to {DAYS_MAX} entries, each with a date of the event and a decimal of kilowatt-hours"
            );
            return Err(refuse(KIND, "treatment", reason));
        }
    }
    Ok(body)
}

impl NonRoutine {
    /// The event in days since 1970-01-01, as [`super::evaluate`] takes it; `None` for dates that do not read.
    pub fn adjustment(&self) -> Option<Adjustment> {
        let day = |date: &str| {
            let epoch = jiff::civil::date(1970, 1, 1);
            Some(i64::from(epoch.until(parse_date(date)?).ok()?.get_days()))
        };
        let correction = |c: &DayCorrection| {
            // A plain decimal was checked; its nearest double is the same everywhere.
            Some(Correction { period: day(&c.date)?, energy: c.kwh.parse().ok()? })
        };
        let treatment = match &self.treatment {
            Handling::Exclude => Treatment::Exclude,
            Handling::Indicator => Treatment::Indicator,
            Handling::Rebaseline => Treatment::Rebaseline,
            Handling::Correct(all) => Treatment::Correct(all.iter().map(correction).collect::<Option<_>>()?),
        };
        Some(Adjustment {
            id: self.id.clone(),
            from: day(&self.from)?,
            to: day(&self.to)?,
            kind: self.kind,
            machines: self.machines.clone(),
            evidence: self.evidence.clone(),
            proposer: self.proposer.clone(),
            approver: self.approver.clone(),
            reason: self.reason.clone(),
            treatment,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body() -> NonRoutine {
        NonRoutine {
            plan: "p1".into(),
            id: "e1".into(),
            from: "2026-03-02".into(),
            to: "2026-03-04".into(),
            kind: EventKind::PowerCut,
            machines: vec![],
            evidence: "ab".repeat(32),
            proposer: "u1".into(),
            approver: "u2".into(),
            reason: "停电检修".into(),
            treatment: Handling::Correct(vec![DayCorrection { date: "2026-03-03".into(), kwh: "12.5".into() }]),
        }
    }

    #[test]
    fn an_event_is_days_and_names_two_people() {
        let event = check(body()).unwrap().adjustment().unwrap();
        assert_eq!((event.to - event.from, event.from), (2, 20_514));
        assert_eq!(event.treatment, Treatment::Correct(vec![Correction { period: 20_515, energy: 12.5 }]));
        let refused = |change: fn(&mut NonRoutine)| {
            let mut b = body();
            change(&mut b);
            match check(b).unwrap_err() {
                ModelError::Field { field, .. } => field,
                other => panic!("{other}"),
            }
        };
        assert_eq!(refused(|b| b.approver = "u1".into()), "approver");
        assert_eq!(refused(|b| b.to = "2026-03-01".into()), "from");
        assert_eq!(refused(|b| b.evidence.clear()), "evidence");
        assert_eq!(refused(|b| b.to = "2026-03-02".into()), "treatment", "a correction outside of the event");
        assert_eq!(refused(|b| b.treatment = Handling::Correct(vec![])), "treatment");
    }
}
