//! The `bill` statement: what a supply company charged for, or metered, over whole local days.
//!
//! Constraints: amounts are decimals as printed, in the unit printed; nothing is converted when it is stated. What the bill says of
//! how it was measured (loss added, meter, hour of reading) is optional, and its absence is said where it matters.

use serde::{Deserialize, Serialize};

use crate::calendar::{local_days, parse_date};
use crate::exact::Rational;
use crate::grade::Grade;
use crate::interval::Interval;
use crate::metrology::declared::{check_decimal, check_text};
use crate::model::{ModelError, check_date, check_id, refuse};

/// How an amount of energy came to be known, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SourceClass {
    /// Read from the machine's own register; never the source of a bill.
    Measured,
    /// 第三方结算数据: a bill that the supply company settles by.
    ThirdPartySettlement,
    /// Interval data of the supply company's own metering: the same class, in finer steps.
    SupplyIntervalData,
    /// A paper, a spreadsheet, a note.
    Paper,
}

impl SourceClass {
    /// Chinese and English.
    pub const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Measured => ("实测", "measured"),
            Self::ThirdPartySettlement => ("第三方结算数据（账单）", "third-party settlement (bill)"),
            Self::SupplyIntervalData => {
                ("第三方结算数据（供电企业分时数据）", "third-party settlement (interval data of the supplier)")
            }
            Self::Paper => ("纸质或人工台账", "paper or manual record"),
        }
    }

    /// The better of two: measured, then what the supply company says in either form, then paper.
    pub const fn rank(self) -> u8 {
        match self {
            Self::Measured => 0,
            Self::ThirdPartySettlement | Self::SupplyIntervalData => 1,
            Self::Paper => 2,
        }
    }

    /// The best grade of a value from it; `has_digest` tells whether its scan or file is pinned by a digest.
    pub const fn ceiling(self, has_digest: bool) -> Grade {
        match self {
            Self::Measured => Grade::A,
            Self::ThirdPartySettlement | Self::SupplyIntervalData if has_digest => Grade::C,
            Self::ThirdPartySettlement | Self::SupplyIntervalData | Self::Paper => Grade::D,
        }
    }

    /// Within how many minutes of midnight such readings are taken, unless the bill says otherwise: interval data is frozen on the
    /// quarter hour, a bill's reading may lie anywhere in the neighbouring day.
    const fn reading_minutes(self) -> i64 {
        match self {
            Self::Measured | Self::SupplyIntervalData => 15,
            Self::ThirdPartySettlement | Self::Paper => 1_440,
        }
    }
}

/// Whether energy was taken or given.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Bought.
    #[default]
    Import,
    /// Sold or fed back: a bill of its own, never netted.
    Export,
}

/// Accuracy classes of the supply company's measuring point, as far as known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BillClasses {
    /// Class of the meter.
    pub meter: String,
    /// Class of its current transformer, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ct: Option<String>,
    /// Class of its voltage transformer, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pt: Option<String>,
}

/// `bill`: energy by the supply company.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bill {
    /// Carrier id as factor sets name it, e.g. `electricity`, `natural_gas`.
    pub carrier: String,
    /// Account or meter number of the supply company (户号).
    pub account: String,
    /// Bought or sold.
    #[serde(default)]
    pub direction: Direction,
    /// First local date, `YYYY-MM-DD`.
    pub from: String,
    /// Last local date, included.
    pub to: String,
    /// Amount as printed, a decimal.
    pub amount: String,
    /// Unit as printed, e.g. `kWh`, `m3`.
    pub unit: String,
    /// Of the amount, what was added as loss of transformer and line (变损、线损), a decimal in the same unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loss: Option<String>,
    /// Cost, yuan, a decimal; a credit is below zero.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<String>,
    /// Who issued it.
    pub issuer: String,
    /// What kind of source it is.
    pub source: SourceClass,
    /// SHA-256 of the scan or file, 64 hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// The machine that is the incoming meter of this account; absent while the site has one account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine: Option<String>,
    /// Serial number of the supply company's meter; the same as ours when ours reads that very meter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub meter_serial: Option<String>,
    /// Accuracy classes of its measuring point.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub classes: Option<BillClasses>,
    /// Its readings were taken within so many minutes of local midnight at either end of the period.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_within_min: Option<i64>,
    /// The statement takes back an earlier one of the same key.
    #[serde(default)]
    pub withdrawn: bool,
}

/// What a newer bill must share with an older one to supersede it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct BillKey {
    /// Carrier id.
    pub carrier: String,
    /// Account.
    pub account: String,
    /// Bought or sold.
    pub direction: Direction,
    /// First date.
    pub from: String,
    /// Last date.
    pub to: String,
}

impl Bill {
    /// What a newer statement must share to supersede this.
    pub fn key(&self) -> BillKey {
        BillKey {
            carrier: self.carrier.clone(),
            account: self.account.clone(),
            direction: self.direction,
            from: self.from.clone(),
            to: self.to.clone(),
        }
    }

    /// Its period in a zone, from local midnight to local midnight.
    pub fn period(&self, zone: &str) -> Option<Interval> {
        local_days(zone, parse_date(&self.from)?, parse_date(&self.to)?)
    }

    /// The amount as printed.
    pub fn amount(&self) -> Option<Rational> {
        Rational::parse(&self.amount)
    }

    /// The amount without the loss that was added to it: what the meter counted.
    pub fn metered(&self) -> Option<Rational> {
        let loss = self.loss.as_deref().map_or(Some(Rational::ZERO), Rational::parse)?;
        self.amount()?.minus(loss)
    }

    /// One unit of the last digit printed.
    pub fn resolution(&self) -> Option<Rational> {
        let decimals = self.amount.split_once('.').map_or(0, |(_, fraction)| fraction.len());
        Rational::new(1, 10_i128.checked_pow(u32::try_from(decimals).ok()?)?)
    }

    /// Grade of the amount.
    pub const fn grade(&self) -> Grade {
        self.source.ceiling(self.digest.is_some())
    }

    /// How far from midnight its readings may lie, milliseconds.
    pub fn reading_ms(&self) -> i64 {
        self.read_within_min.unwrap_or(self.source.reading_minutes()).saturating_mul(60_000)
    }

    /// Whether two bills speak of the same energy for part of the time.
    pub fn overlaps(&self, other: &Self) -> bool {
        let is_one =
            (&self.carrier, &self.account, self.direction) == (&other.carrier, &other.account, other.direction);
        is_one && self.from <= other.to && other.from <= self.to
    }
}

const KIND: &str = "bill";
/// Greatest amount and cost.
const MOST: i128 = 1_000_000_000_000_000;
/// Longest period, days.
const DAYS_MAX: i64 = 400;

/// Checks a statement.
///
/// # Errors
/// [`ModelError`] names the field and what is allowed there.
pub(crate) fn check(bill: Bill) -> Result<Bill, ModelError> {
    let is_carrier = !bill.carrier.is_empty()
        && bill.carrier.len() <= 32
        && bill.carrier.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    if !is_carrier {
        return Err(refuse(KIND, "carrier", "must be 1 to 32 of a-z, 0-9 and `_`"));
    }
    check_text(KIND, "account", &bill.account, 1)?;
    check_text(KIND, "issuer", &bill.issuer, 1)?;
    check_text(KIND, "unit", &bill.unit, 1)?;
    check_date(KIND, "from", &bill.from)?;
    check_date(KIND, "to", &bill.to)?;
    let length =
        local_days("UTC", parse_date(&bill.from).unwrap_or_default(), parse_date(&bill.to).unwrap_or_default());
    let days = length.map_or(-1, |i| i.to_ms.saturating_sub(i.from_ms).div_euclid(86_400_000));
    if !(1..=DAYS_MAX).contains(&days) {
        return Err(refuse(KIND, "to", format!("must lie 0 to {} days after `from`", DAYS_MAX - 1)));
    }
    let amount = check_decimal(KIND, "amount", &bill.amount, (0, MOST))?;
    if let Some(loss) = &bill.loss
        && check_decimal(KIND, "loss", loss, (0, MOST))? > amount
    {
        return Err(refuse(KIND, "loss", "must not be more than `amount`"));
    }
    if let Some(cost) = &bill.cost {
        check_decimal(KIND, "cost", cost, (-MOST, MOST))?;
    }
    if bill.source == SourceClass::Measured {
        return Err(refuse(KIND, "source", "must be `third_party_settlement`, `supply_interval_data` or `paper`"));
    }
    let is_hex = |d: &String| d.len() == 64 && d.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    if bill.digest.as_ref().is_some_and(|d| !is_hex(d)) {
        return Err(refuse(KIND, "digest", "must be a SHA-256: 64 of 0-9 and a-f"));
    }
    if let Some(machine) = &bill.machine {
        check_id(KIND, "machine", machine)?;
    }
    if let Some(serial) = &bill.meter_serial {
        check_text(KIND, "meter_serial", serial, 1)?;
    }
    if let Some(classes) = &bill.classes {
        for (field, class) in
            [("meter", Some(&classes.meter)), ("ct", classes.ct.as_ref()), ("pt", classes.pt.as_ref())]
        {
            if let Some(class) = class {
                check_text(KIND, &format!("classes.{field}"), class, 1)?;
            }
        }
    }
    if bill.read_within_min.is_some_and(|m| !(0..=4_320).contains(&m)) {
        return Err(refuse(KIND, "read_within_min", "must be 0 to 4 320 minutes"));
    }
    Ok(bill)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::model::{Body, parse_body};

    fn stated() -> Value {
        json!({"carrier": "electricity", "account": "0530 1", "from": "2026-03-01", "to": "2026-03-31", "amount": "1200.50",
            "unit": "kWh", "loss": "0.5", "cost": "800", "issuer": "供电局", "source": "third_party_settlement", "digest": "0a".repeat(32)})
    }

    fn read(body: &Value) -> Bill {
        match parse_body("bill", body) {
            Ok(Body::Bill(bill)) => *bill,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_bill_says_what_was_metered_and_how_finely() {
        let bill = read(&stated());
        assert_eq!((bill.metered(), bill.resolution()), (Some(Rational::integer(1_200)), Rational::new(1, 100)));
        assert_eq!(bill.period("Asia/Shanghai").unwrap().length_ms(), 31 * 86_400_000);
        assert_eq!(bill.reading_ms(), 86_400_000);
        assert_eq!(serde_json::from_value::<Bill>(serde_json::to_value(&bill).unwrap()).unwrap(), bill);
        let mut interval = stated();
        interval["source"] = json!("supply_interval_data");
        assert_eq!(read(&interval).reading_ms(), 900_000);
    }

    #[test]
    fn settlement_is_better_than_paper_and_needs_its_digest() {
        use SourceClass::{Measured, Paper, SupplyIntervalData, ThirdPartySettlement};
        let all = [Measured, ThirdPartySettlement, SupplyIntervalData, Paper];
        assert_eq!(all.map(SourceClass::rank), [0, 1, 1, 2]);
        assert_eq!(all.map(|s| s.ceiling(true)), [Grade::A, Grade::C, Grade::C, Grade::D]);
        assert_eq!(all.map(|s| s.ceiling(false)), [Grade::A, Grade::D, Grade::D, Grade::D]);
        assert_eq!(read(&stated()).grade(), Grade::C);
    }

    #[test]
    fn bills_of_one_account_overlap_by_a_day() {
        let of = |from: &str, to: &str, account: &str| {
            let mut body = stated();
            (body["from"], body["to"], body["account"]) = (json!(from), json!(to), json!(account));
            read(&body)
        };
        let march = of("2026-03-01", "2026-03-31", "a");
        assert!(march.overlaps(&of("2026-03-31", "2026-04-30", "a")));
        assert!(!march.overlaps(&of("2026-04-01", "2026-04-30", "a")));
        assert!(!march.overlaps(&of("2026-03-01", "2026-03-31", "b")));
    }

    #[test]
    fn what_is_out_of_bounds_is_refused_by_field() {
        for (field, value) in [
            ("carrier", json!("Electricity")),
            ("account", json!("\u{7}")),
            ("to", json!("2026-02-28")),
            ("to", json!("2027-05-01")),
            ("from", json!("2026-3-1")),
            ("amount", json!("-1")),
            ("amount", json!("1e5")),
            ("amount", json!("1000000000000001")),
            ("amount", json!("0.1234567891")),
            ("loss", json!("1200.51")),
            ("cost", json!("many")),
            ("source", json!("measured")),
            ("digest", json!("0A".repeat(32))),
            ("machine", json!("-")),
            ("read_within_min", json!(4_321)),
            ("classes", json!({"meter": ""})),
        ] {
            let mut body = stated();
            body[field] = value.clone();
            match parse_body("bill", &body) {
                Err(ModelError::Field { field: got, .. }) => assert_eq!(got.split('.').next(), Some(field)),
                other => panic!("{field} {value}: {other:?}"),
            }
        }
        let mut far = stated();
        (far["from"], far["to"]) = (json!("9999-12-31"), json!("9999-12-31"));
        assert!(parse_body("bill", &far).is_err(), "beyond the calendar");
    }
}
