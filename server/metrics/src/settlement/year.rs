//! A year's standard coal from bills: 综合能耗 and 综合能源消费量 (评测 Q12) where no meter was connected yet.
//!
//! Constraints
//! 1. Both metrics come from the same bills and stay two metrics (see [`crate::energy::comprehensive`]).
//! 2. A bill belongs to a year wholly or not at all. Supply companies read at other days than the year's last, so the rule is a
//!    choice that is printed: wholly inside the year, or by the year in which the bill ends (账单月).
//! 3. A year is whole when the bills of each account cover every day that they have to: what is missing is counted in days, per
//!    account, and never made up for. Overlapping bills would count energy twice: there is no total then.
//! 4. The grade is the worst of the bills, and D when days are missing.

use std::collections::BTreeMap;

use jiff::civil::Date;

use crate::calendar::parse_date;
use crate::energy::EnergyError;
use crate::energy::comprehensive::{Flow, Origin, Total, comprehensive, statistical_consumption};
use crate::energy::factors::{Basis, FactorSet};
use crate::exact::Rational;
use crate::grade::Grade;
use crate::settlement::{Bill, Direction};
use crate::statements::Stated;

/// Which bills belong to a year.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum YearRule {
    /// Those that lie wholly inside it.
    Within,
    /// Those that end in it.
    EndsIn,
}

impl YearRule {
    /// Chinese and English.
    pub const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Within => ("账单起止日期均在该年度内", "bills that lie wholly inside the year"),
            Self::EndsIn => ("账单截止日期在该年度内（账单月）", "bills that end in the year"),
        }
    }

    fn takes(self, year: i16, from: Date, to: Date) -> bool {
        to.year() == year && (self == Self::EndsIn || from.year() == year)
    }
}

/// How much of the year an account's bills cover.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountDays {
    /// Carrier id.
    pub carrier: String,
    /// Account.
    pub account: String,
    /// Bought or sold.
    pub direction: Direction,
    /// Days the bills cover.
    pub covered: i64,
    /// Days between the first and the last that no bill covers.
    pub missing_between: i64,
}

/// A year from bills.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct YearOfBills {
    /// The year.
    pub year: i16,
    /// Which bills belong to it.
    pub rule: YearRule,
    /// Days of the year.
    pub days: i64,
    /// 综合能耗.
    pub comprehensive: Total,
    /// 综合能源消费量; `None` when the factors are of 等价值, by which it is not defined.
    pub statistical: Option<Total>,
    /// Cost of all bills that state one, yuan, by carrier.
    pub cost: BTreeMap<String, Rational>,
    /// Per account, how much of the year is covered.
    pub accounts: Vec<AccountDays>,
    /// Leaves of the bills used.
    pub bills: Vec<u64>,
    /// Leaves of bills that touch the year and do not belong to it by the rule.
    pub left_out: Vec<u64>,
    /// Worst grade of the bills; D when an account's bills cover less than the year.
    pub grade: Grade,
}

impl YearOfBills {
    /// Whether every account's bills cover as many days as the year has, without a hole.
    pub fn is_whole(&self) -> bool {
        !self.accounts.is_empty() && self.accounts.iter().all(|a| a.covered >= self.days && a.missing_between == 0)
    }
}

/// The standard coal of a calendar year from the bills of a site.
///
/// # Errors
/// Bills that overlap, none at all, a carrier without a factor or in another unit than its factor, an overflow.
pub fn of_year<'a>(
    bills: impl IntoIterator<Item = &'a Stated<Bill>>,
    year: i16,
    rule: YearRule,
    set: &FactorSet,
) -> Result<YearOfBills, EnergyError> {
    let bad = |reason: String| EnergyError::Data { file: "bills".to_owned(), reason };
    let (mut used, mut left_out) = (Vec::new(), Vec::new());
    for bill in bills {
        let dates = parse_date(&bill.body.from).zip(parse_date(&bill.body.to));
        let Some((from, to)) = dates else { continue };
        if rule.takes(year, from, to) {
            used.push((bill, from, to));
        } else if from.year() <= year && year <= to.year() {
            left_out.push(bill.leaf);
        }
    }
    used.sort_by_key(|(b, from, _)| (*from, b.leaf));
    for (i, (a, ..)) in used.iter().enumerate() {
        if let Some((b, ..)) = used.iter().skip(i + 1).find(|(b, ..)| a.body.overlaps(&b.body)) {
            let (first, second) = (&a.body, &b.body);
            return Err(bad(format!(
                "account {}: {} to {} overlaps {} to {}: withdraw one",
                first.account, first.from, first.to, second.from, second.to
            )));
        }
    }
    if used.is_empty() {
        return Err(bad(format!("no bill belongs to {year}")));
    }
    let mut flows = Vec::with_capacity(used.len());
    let mut cost = BTreeMap::new();
    for (bill, ..) in &used {
        flows.push(flow(&bill.body)?);
        if let Some(yuan) = bill.body.cost.as_deref().and_then(Rational::parse) {
            let sum = cost.entry(bill.body.carrier.clone()).or_insert(Rational::ZERO);
            *sum = sum.plus(yuan).ok_or(EnergyError::TooLarge)?;
        }
    }
    let accounts = accounts(&used);
    let days = if Date::new(year, 2, 29).is_ok() { 366 } else { 365 };
    let mut out = YearOfBills {
        year,
        rule,
        days,
        comprehensive: comprehensive(&flows, set)?,
        statistical: (set.basis == Basis::Equivalent).then(|| statistical_consumption(&flows, set)).transpose()?,
        cost,
        accounts,
        bills: used.iter().map(|(b, ..)| b.leaf).collect(),
        left_out,
        grade: used.iter().map(|(b, ..)| b.body.grade()).max().unwrap_or(Grade::D),
    };
    if !out.is_whole() {
        out.grade = Grade::D;
    }
    Ok(out)
}

fn flow(bill: &Bill) -> Result<Flow, EnergyError> {
    let origin = match bill.direction {
        Direction::Import => Origin::Purchased,
        Direction::Export => Origin::Exported,
    };
    let amount = bill.amount().ok_or(EnergyError::TooLarge)?;
    Ok(Flow { carrier: bill.carrier.clone(), unit: bill.unit.clone(), amount, origin, measured_kgce: None })
}

/// Days covered and missing per account; `used` is in order of the first date, without overlaps.
fn accounts(used: &[(&Stated<Bill>, Date, Date)]) -> Vec<AccountDays> {
    let mut out: BTreeMap<(String, String, Direction), (AccountDays, Date)> = BTreeMap::new();
    for (bill, from, to) in used {
        let b = &bill.body;
        let length = days_between(*from, *to) + 1;
        let key = (b.carrier.clone(), b.account.clone(), b.direction);
        match out.get_mut(&key) {
            Some((days, last)) => {
                days.covered += length;
                days.missing_between += (days_between(*last, *from) - 1).max(0);
                *last = *to;
            }
            None => {
                let (carrier, account, direction) = key.clone();
                let days = AccountDays { carrier, account, direction, covered: length, missing_between: 0 };
                out.insert(key, (days, *to));
            }
        }
    }
    out.into_values().map(|(days, _)| days).collect()
}

fn days_between(from: Date, to: Date) -> i64 {
    from.until(to).map_or(0, |span| i64::from(span.get_days()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::energy::factors::delivered;

    fn bill(leaf: u64, from: &str, to: &str, amount: &str) -> Stated<Bill> {
        let body = serde_json::from_value(json!({"carrier": "electricity", "account": "a", "from": from, "to": to,
            "amount": amount, "unit": "kWh", "cost": "10", "issuer": "g", "source": "third_party_settlement", "digest": "00".repeat(32)}))
        .unwrap();
        Stated { leaf, received_ms: 0, effective_from: 0, body }
    }

    fn year(bills: &[Stated<Bill>], rule: YearRule) -> Result<YearOfBills, EnergyError> {
        of_year(bills, 2025, rule, &delivered("kgce.equivalent@1").unwrap())
    }

    #[test]
    fn a_year_read_on_the_25th_is_whole_by_bill_month_only() {
        let bills = [
            bill(1, "2024-12-26", "2025-06-25", "400000"),
            bill(2, "2025-06-26", "2025-12-25", "450000"),
            bill(3, "2025-12-26", "2026-01-25", "70000"),
        ];
        let ends = year(&bills, YearRule::EndsIn).unwrap();
        assert_eq!(ends.comprehensive.kgce.digits(1), "104465.0", "850 000 · 0.1229, as in TV-10");
        assert_eq!(ends.accounts[0].covered, 365);
        assert!(ends.is_whole());
        assert_eq!((ends.bills.clone(), ends.left_out.clone(), ends.grade), (vec![1, 2], vec![3], Grade::C));
        assert_eq!(ends.cost["electricity"].digits(0), "20");
        let within = year(&bills, YearRule::Within).unwrap();
        assert_eq!((within.bills.clone(), within.left_out.clone()), (vec![2], vec![1, 3]));
        assert!(!within.is_whole());
        assert_eq!(within.grade, Grade::D, "half a year is no year");
    }

    #[test]
    fn holes_are_counted_and_overlaps_refused() {
        let hole = [bill(1, "2025-01-01", "2025-06-29", "1"), bill(2, "2025-07-01", "2025-12-31", "1")];
        let sum = year(&hole, YearRule::Within).unwrap();
        assert_eq!((sum.accounts[0].covered, sum.accounts[0].missing_between), (364, 1));
        assert!(!sum.is_whole());
        let twice = [bill(1, "2025-01-01", "2025-06-30", "1"), bill(2, "2025-06-30", "2025-12-31", "1")];
        assert!(
            matches!(year(&twice, YearRule::Within), Err(EnergyError::Data { reason, .. }) if reason.contains("overlaps"))
        );
        assert!(year(&[], YearRule::Within).is_err());
    }

    #[test]
    fn sold_energy_is_a_flow_of_its_own_and_other_units_are_refused() {
        let mut sold = bill(2, "2025-01-01", "2025-12-31", "1000");
        sold.body.direction = Direction::Export;
        let sum = year(&[bill(1, "2025-01-01", "2025-12-31", "3000"), sold], YearRule::Within).unwrap();
        assert_eq!(sum.comprehensive.kgce.digits(1), "245.8");
        assert_eq!(sum.comprehensive.items.len(), 2);
        assert_eq!(sum.accounts.len(), 2);
        let mut mega = bill(1, "2025-01-01", "2025-12-31", "3");
        mega.body.unit = "MWh".to_owned();
        assert!(matches!(year(&[mega], YearRule::Within), Err(EnergyError::Unit { .. })));
    }
}
