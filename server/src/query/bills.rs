//! The electricity bills of a site, month by month, against the register of its incoming meter: read from the projector's rows, which have
//! them as the page of meters computes them.

use std::collections::BTreeMap;

use jiff::ToSpan;
use jiff::civil::Date;
use metrics::calendar::parse_date;
use metrics::settlement::reconcile::{Verdict, bought};
use metrics::statements::Statements;
use serde::Serialize;
use utoipa::ToSchema;

use super::Words;
use crate::store::BillRow;

/// Most months that are listed.
const MONTHS_MAX: usize = 24;

/// A bill, with its meter where it was compared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct BillView {
    /// Leaf of the statement.
    pub leaf: i64,
    /// Account.
    pub account: String,
    /// First and last local date.
    pub dates: [String; 2],
    /// Amount and unit as printed.
    pub printed: String,
    /// Incoming meter it was compared with.
    pub machine: Option<String>,
    /// What was metered by the bill, kWh.
    pub billed: Option<String>,
    /// By the register here, kWh.
    pub measured: Option<String>,
    /// The difference as a share of the bill, six decimals.
    pub relative: Option<String>,
    /// `within`, `outside`, `not_comparable`; `waiting`: the time in which its last reading may have been taken is not over; `no_meter`: no
    /// incoming meter is declared.
    pub verdict: String,
    /// The same in words.
    pub says: Words,
}

/// A calendar month by the bills that end in it or, where there is none, that cover some of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct BillMonth {
    /// `YYYY-MM`.
    pub month: String,
    /// Its bills; none: no bill that was stated covers a day of it.
    pub bills: Vec<BillView>,
}

impl BillView {
    /// A bill that was compared.
    pub(super) fn compared(row: &BillRow) -> Self {
        let verdict = Verdict::ALL.into_iter().find(|verdict| verdict.code() == row.verdict);
        Self {
            leaf: row.leaf,
            account: row.account.clone(),
            dates: row.dates.clone(),
            printed: row.printed.clone(),
            machine: Some(row.machine.clone()),
            billed: row.billed.clone(),
            measured: row.measured.clone(),
            relative: row.relative.clone(),
            verdict: row.verdict.clone(),
            says: verdict.unwrap_or(Verdict::NotComparable).words().into(),
        }
    }
}

/// The finished months from a date's to the one before today's, newest first, each with its bills.
pub(super) fn months(
    statements: &Statements,
    rows: &[BillRow],
    has_meter: bool,
    (from, today): (Date, Date),
) -> Vec<BillMonth> {
    let mut by_month: BTreeMap<String, Vec<BillView>> = BTreeMap::new();
    for bill in bought(statements) {
        let leaf = i64::try_from(bill.leaf).unwrap_or(i64::MAX);
        let mut views: Vec<BillView> = rows.iter().filter(|row| row.leaf == leaf).map(BillView::compared).collect();
        if views.is_empty() {
            let body = &bill.body;
            let (verdict, zh, en) = if has_meter {
                ("waiting", "待核对", "to be compared")
            } else {
                ("no_meter", "没有填报进线总表，无表底可对", "no incoming meter is declared to compare it with")
            };
            views.push(BillView {
                leaf,
                account: body.account.clone(),
                dates: [body.from.clone(), body.to.clone()],
                printed: format!("{} {}", body.amount, body.unit),
                machine: None,
                billed: None,
                measured: None,
                relative: None,
                verdict: verdict.to_owned(),
                says: (zh, en).into(),
            });
        }
        by_month.entry(bill.body.to.chars().take(MONTH_CHARS).collect()).or_default().append(&mut views);
    }
    let mut out = Vec::new();
    let mut month = today.first_of_month();
    while out.len() < MONTHS_MAX {
        let Ok(before) = month.checked_sub(1.month()) else { break };
        if before < from.first_of_month() {
            break;
        }
        month = before;
        let name: String = month.to_string().chars().take(MONTH_CHARS).collect();
        let mut bills = by_month.get(&name).cloned().unwrap_or_default();
        if bills.is_empty() {
            // A bill over several months stands in the one it ends in, and in those that have none of their own.
            let is_within =
                |bill: &&BillView| bill.dates[0].as_str() <= &*format!("{name}-31") && *name <= *bill.dates[1];
            bills = by_month.values().flatten().filter(is_within).cloned().collect();
        }
        bills.sort_by(|a, b| (&a.dates, a.leaf, &a.machine).cmp(&(&b.dates, b.leaf, &b.machine)));
        out.push(BillMonth { month: name, bills });
    }
    out
}

/// The day from which months are asked for: the first of a term, or a year back.
pub(super) fn since(term: Option<&str>, today: Date) -> Date {
    term.and_then(parse_date).unwrap_or_else(|| today.checked_sub(1.year()).unwrap_or(today))
}

/// Characters of `YYYY-MM`.
const MONTH_CHARS: usize = 7;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn stated(bills: &[(&str, &str, bool)]) -> Statements {
        let mut statements = Statements::default();
        for (leaf, (from, to, withdrawn)) in bills.iter().enumerate() {
            let body = json!({"carrier": "electricity", "account": "1", "from": from, "to": to, "amount": "100", "unit": "kWh",
                "issuer": "x", "source": "third_party_settlement", "withdrawn": withdrawn});
            let declaration = protocol::Declaration {
                kind: "bill".into(),
                effective_from: 0,
                author: "a".into(),
                role: "firm".into(),
                reason: "t".into(),
                body,
            };
            statements.push(leaf as u64, 0, declaration);
        }
        statements
    }

    #[test]
    fn every_finished_month_is_listed_with_the_bills_that_end_in_it_or_with_none() {
        let day = |text: &str| parse_date(text).unwrap();
        let statements = stated(&[
            ("2025-12-26", "2026-01-25", false),
            ("2026-03-01", "2026-03-31", false),
            ("2026-02-01", "2026-02-28", true),
        ]);
        let row = BillRow {
            machine: "main".into(),
            leaf: 1,
            account: "1".into(),
            dates: ["2026-03-01".into(), "2026-03-31".into()],
            printed: "100 kWh".into(),
            billed: Some("100".into()),
            measured: Some("101".into()),
            relative: Some("0.010000".into()),
            verdict: "within".into(),
        };
        let found = months(&statements, std::slice::from_ref(&row), true, (day("2025-12-15"), day("2026-04-30")));
        let said = |of: &BillMonth| (of.month.clone(), of.bills.iter().map(|b| b.verdict.clone()).collect::<Vec<_>>());
        let expected: Vec<(String, Vec<String>)> = [
            ("2026-03", vec!["within"]),
            ("2026-02", vec![]),
            ("2026-01", vec!["waiting"]),
            ("2025-12", vec!["waiting"]),
        ]
        .map(|(month, verdicts)| (month.to_owned(), verdicts.into_iter().map(str::to_owned).collect()))
        .into();
        assert_eq!(
            found.iter().map(said).collect::<Vec<_>>(),
            expected,
            "April is not over, what was taken back is no bill"
        );
        assert_eq!(found[0].bills[0].says.zh, "在允许差值内");
        let without = months(&statements, &[], false, (day("2026-03-01"), day("2026-04-01")));
        assert_eq!(without[0].bills[0].verdict, "no_meter");
    }
}
