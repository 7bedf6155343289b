//! The `revenue` statement: operating revenue (营业收入) of some dates as finance booked it, and of a calendar year (评测 Q12).
//!
//! Constraints
//! 1. No instrument measures it: a person's number, graded C when the document it was copied from is pinned by a digest, else D.
//! 2. Stated once per period; a newer statement supersedes it, a withdrawal ends it. To correct dates, withdraw and state anew.
//! 3. A year has revenue when the statements cover each of its days exactly once. One that crosses the turn of a year is never
//!    divided, a year that is not whole is never scaled up.

use serde::{Deserialize, Serialize};

use crate::calendar::parse_date;
use crate::exact::Rational;
use crate::grade::Grade;
use crate::metrology::declared::{check_decimal, check_text};
use crate::model::{ModelError, check_date, refuse};
use crate::statements::Stated;

const KIND: &str = "revenue";
/// Greatest amount, yuan.
const MOST: i128 = 1_000_000_000_000_000;
/// Longest period, days.
const DAYS_MAX: i64 = 366;

/// `revenue`: operating revenue of a period.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Revenue {
    /// First local date, `YYYY-MM-DD`.
    pub from: String,
    /// Last local date, included.
    pub to: String,
    /// Yuan without value-added tax, a decimal; below zero when more was taken back than sold.
    pub amount: String,
    /// Where it was copied from, e.g. 利润表 or 增值税申报表.
    pub source: String,
    /// SHA-256 of that document, 64 hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// The statement takes back an earlier one of the same dates.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub withdrawn: bool,
}

impl Revenue {
    /// Grade of the amount.
    pub const fn grade(&self) -> Grade {
        if self.digest.is_some() { Grade::C } else { Grade::D }
    }
}

/// Checks a statement.
///
/// # Errors
/// [`ModelError`] names the field and what is allowed there.
pub(crate) fn check(body: Revenue) -> Result<Revenue, ModelError> {
    check_date(KIND, "from", &body.from)?;
    check_date(KIND, "to", &body.to)?;
    if !days(&body).is_some_and(|days| (1..=DAYS_MAX).contains(&days)) {
        return Err(refuse(KIND, "to", format!("must lie 0 to {} days after `from`", DAYS_MAX - 1)));
    }
    check_decimal(KIND, "amount", &body.amount, (-MOST, MOST))?;
    check_text(KIND, "source", &body.source, 1)?;
    let is_hex = |d: &String| d.len() == 64 && d.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    if body.digest.as_ref().is_some_and(|d| !is_hex(d)) {
        return Err(refuse(KIND, "digest", "must be a SHA-256: 64 of 0-9 and a-f"));
    }
    Ok(body)
}

/// Days of the period, both ends included.
fn days(body: &Revenue) -> Option<i64> {
    let (from, to) = parse_date(&body.from).zip(parse_date(&body.to))?;
    Some(i64::from(from.until(to).ok()?.get_days()) + 1)
}

/// Revenue of a calendar year in 万元 and its grade; `None` when its days are not covered exactly once.
pub fn of_year<'s>(stated: impl Iterator<Item = &'s Stated<Revenue>>, year: i16) -> Option<(Rational, Grade)> {
    let (first, last) = (format!("{year:04}-01-01"), format!("{year:04}-12-31"));
    let mut of: Vec<&Revenue> = stated.map(|s| &s.body).filter(|r| r.from <= last && r.to >= first).collect();
    of.sort_by(|a, b| a.from.cmp(&b.from));
    let mut next = parse_date(&first)?;
    let (mut sum, mut grade) = (Rational::ZERO, Grade::C);
    for r in of {
        if parse_date(&r.from)? != next || r.to > last {
            return None;
        }
        sum = sum.plus(Rational::parse(&r.amount)?)?;
        grade = grade.max(r.grade());
        next = parse_date(&r.to)?.tomorrow().ok()?;
    }
    let is_whole = next == parse_date(&last)?.tomorrow().ok()?;
    Some((sum.over(Rational::integer(10_000))?, grade)).filter(|_| is_whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stated(from: &str, to: &str, amount: &str, digest: bool) -> Stated<Revenue> {
        let body = Revenue {
            from: from.into(),
            to: to.into(),
            amount: amount.into(),
            source: "利润表".into(),
            digest: digest.then(|| "ab".repeat(32)),
            withdrawn: false,
        };
        Stated { leaf: 1, received_ms: 0, effective_from: 0, body: check(body).unwrap() }
    }

    #[test]
    fn a_year_is_covered_exactly_once_or_has_no_revenue() {
        let year = |all: &[Stated<Revenue>]| of_year(all.iter(), 2025);
        let whole = stated("2025-01-01", "2025-12-31", "12345678.90", true);
        assert_eq!(year(std::slice::from_ref(&whole)), Some((Rational::parse("1234.56789").unwrap(), Grade::C)));
        let halves = [stated("2025-07-01", "2025-12-31", "2", true), stated("2025-01-01", "2025-06-30", "1", false)];
        assert_eq!(year(&halves), Some((Rational::parse("0.0003").unwrap(), Grade::D)), "the worst of its parts");
        assert_eq!(year(&halves[..1]), None, "half a year is no year");
        assert_eq!(year(&[whole, halves[0].clone()]), None, "counted twice");
        assert_eq!(year(&[stated("2024-12-01", "2025-11-30", "1", true)]), None, "never divided");
        assert_eq!(year(&[]), None);
    }

    #[test]
    fn what_is_out_of_bounds_is_refused_by_field() {
        let refused = |change: fn(&mut Revenue)| {
            let mut body = stated("2025-01-01", "2025-12-31", "1", true).body;
            change(&mut body);
            match check(body).unwrap_err() {
                ModelError::Field { field, .. } => field,
                other => panic!("{other}"),
            }
        };
        assert_eq!(refused(|r| r.from = "2025-1-1".into()), "from");
        assert_eq!(refused(|r| r.to = "2024-12-31".into()), "to");
        assert_eq!(refused(|r| r.to = "2026-01-02".into()), "to", "more than a leap year");
        assert_eq!(refused(|r| r.amount = "1,000".into()), "amount");
        assert_eq!(refused(|r| r.source.clear()), "source");
        assert_eq!(refused(|r| r.digest = Some("AB".repeat(32))), "digest");
    }
}
