//! Peak and valley tariffs (尖/峰/平/谷/深谷) from data: energy per period, cost, mean price (reference §2.4, TV-14).
//!
//! Constraints
//! 1. Tariffs are provincial, effective-dated and differ by month and weekday: everything comes from a file with an id; no
//!    time of day and no price is in code.
//! 2. A file is refused unless its periods tile every kind of day and every period has a price: no minute has two prices
//!    or none.
//! 3. An interval's energy is allotted pro rata to the time in each period, by floors of one running total: the parts are
//!    integers and add up to the interval's energy exactly, however it is cut.
//! 4. Moving use from peak to valley lowers cost without saving a kilowatt-hour: energy and cost are always shown apart.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{Timestamp, ToSpan};
use serde::Deserialize;

use crate::energy::EnergyError;
use crate::exact::Rational;
use crate::interval::Interval;

/// A tariff, ready to be asked.
#[derive(Debug, Clone)]
pub struct Tariff {
    /// `name@version`.
    pub id: String,
    zone: TimeZone,
    versions: Vec<Version>,
}

#[derive(Debug, Clone)]
struct Version {
    from: Date,
    days: Vec<DayKind>,
    prices: BTreeMap<String, Rational>,
}

#[derive(Debug, Clone)]
struct DayKind {
    months: BTreeSet<i8>,
    weekdays: BTreeSet<i8>,
    /// Start in minutes after local midnight, name; the first starts at 0 and each ends where the next begins.
    periods: Vec<(i32, String)>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTariff {
    id: String,
    zone: String,
    versions: Vec<RawVersion>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawVersion {
    from: String,
    days: Vec<RawDay>,
    prices: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawDay {
    months: BTreeSet<i8>,
    weekdays: BTreeSet<i8>,
    periods: Vec<RawPeriod>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPeriod {
    from: String,
    to: String,
    name: String,
}

const DAY_MINUTES: i32 = 1440;
/// Longest interval allotted.
const STRETCH_MAX_MS: i64 = 3_660 * 86_400_000;
const SIZE_MAX: usize = 256 * 1024;

fn minutes(text: &str) -> Option<i32> {
    let (h, m) = text.split_once(':')?;
    let two = |s: &str| (s.len() == 2 && s.bytes().all(|b| b.is_ascii_digit())).then(|| s.parse::<i32>().ok())?;
    let (h, m) = (two(h)?, two(m)?);
    ((h < 24 && m < 60) || (h == 24 && m == 0)).then_some(h * 60 + m)
}

impl Tariff {
    /// Reads a tariff.
    ///
    /// # Errors
    /// Another shape, an unknown zone, a date or time that is none, months and weekdays covered twice or not at all, periods
    /// that do not tile 00:00–24:00, a period without a price, a price that is no decimal.
    pub fn parse(json: &str) -> Result<Self, EnergyError> {
        let bad = |reason: String| EnergyError::Data { file: "tariff".to_owned(), reason };
        if json.len() > SIZE_MAX {
            return Err(bad(format!("at most {SIZE_MAX} bytes")));
        }
        let raw: RawTariff = serde_json::from_str(json).map_err(|e| bad(e.to_string()))?;
        let zone =
            TimeZoneDatabase::bundled().get(&raw.zone).map_err(|_| bad(format!("unknown zone `{}`", raw.zone)))?;
        let mut versions = Vec::with_capacity(raw.versions.len());
        for version in raw.versions {
            versions.push(Version::check(version).map_err(bad)?);
        }
        versions.sort_by_key(|v| v.from);
        let distinct: BTreeSet<Date> = versions.iter().map(|v| v.from).collect();
        if versions.is_empty() || distinct.len() < versions.len() {
            return Err(bad("`versions` must be there, each from another date".to_owned()));
        }
        Ok(Self { id: raw.id, zone, versions })
    }

    /// The version in force on a date.
    fn on(&self, date: Date) -> Option<&Version> {
        self.versions.iter().rev().find(|v| v.from <= date)
    }

    /// The price of a period in force on a date, yuan per kWh.
    pub fn price(&self, date: Date, period: &str) -> Option<Rational> {
        self.on(date)?.prices.get(period).copied()
    }

    /// The periods that a stretch of time passes through, in order, with the local date of each.
    fn pieces(&self, stretch: Interval) -> Result<Vec<(Interval, Date, &str)>, EnergyError> {
        let bad = |reason: &str| EnergyError::Data { file: self.id.clone(), reason: reason.to_owned() };
        let local = |ms: i64| Some(self.zone.to_datetime(Timestamp::from_millisecond(ms).ok()?).date());
        if stretch.length_ms() > STRETCH_MAX_MS {
            return Err(bad("one interval is longer than ten years: its use cannot be told by the hour"));
        }
        let mut out = Vec::new();
        let mut date = local(stretch.from_ms).ok_or_else(|| bad("an instant is not on the calendar"))?;
        let mut at = stretch.from_ms;
        while at < stretch.to_ms {
            let version = self.on(date).ok_or_else(|| bad("no version is in force on an earlier date"))?;
            let day = version.day(date).ok_or_else(|| bad("a day has no periods"))?;
            let starts = day.periods.iter().map(|(start, name)| (*start, name.as_str()));
            let ends = day.periods.iter().skip(1).map(|(start, _)| *start).chain(std::iter::once(DAY_MINUTES));
            for ((start, name), end) in starts.zip(ends) {
                let period = Interval::new(self.utc_ms(date, start), self.utc_ms(date, end));
                let piece = period.intersect(&Interval::new(at, stretch.to_ms));
                if !piece.is_empty() {
                    out.push((piece, date, name));
                }
            }
            at = at.max(self.utc_ms(date, DAY_MINUTES));
            date = date.tomorrow().map_err(|_| bad("an instant is not on the calendar"))?;
        }
        Ok(out)
    }

    fn utc_ms(&self, date: Date, minutes: i32) -> i64 {
        let date = date.checked_add((minutes / DAY_MINUTES).days()).unwrap_or(date);
        let rest = minutes % DAY_MINUTES;
        let local = date.at((rest / 60) as i8, (rest % 60) as i8, 0, 0);
        self.zone.to_timestamp(local).map_or(0, |t| t.as_millisecond())
    }

    /// Allots the energy of intervals to periods; amounts in any integer unit, the same for all.
    ///
    /// # Errors
    /// An interval before the first version.
    pub fn allot(&self, intervals: impl IntoIterator<Item = (Interval, i128)>) -> Result<Allotted, EnergyError> {
        let mut out = Allotted::default();
        for (interval, amount) in intervals {
            let length = i128::from(interval.length_ms());
            if length == 0 {
                out.undated = out.undated.checked_add(amount).ok_or(EnergyError::TooLarge)?;
                continue;
            }
            // ⌊amount · t / length⌋ of one running total: neighbours share their rounding, the last takes the rest.
            let until = |ms: i64| {
                let part = amount.checked_mul(i128::from(ms) - i128::from(interval.from_ms));
                part.map(|p| p.div_euclid(length)).ok_or(EnergyError::TooLarge)
            };
            for (piece, date, name) in self.pieces(interval)? {
                let part = until(piece.to_ms)? - until(piece.from_ms)?;
                let sum = out.energy.entry(name.to_owned()).or_default();
                *sum = sum.checked_add(part).ok_or(EnergyError::TooLarge)?;
                let price = self.price(date, name).ok_or(EnergyError::Zero("price"))?;
                let cost = price.times(Rational::integer(part)).and_then(|c| out.price_amount.plus(c));
                out.price_amount = cost.ok_or(EnergyError::TooLarge)?;
            }
        }
        Ok(out)
    }
}

impl Version {
    fn check(raw: RawVersion) -> Result<Self, String> {
        let from = crate::calendar::parse_date(&raw.from).ok_or_else(|| format!("`{}` is no date", raw.from))?;
        let mut prices = BTreeMap::new();
        for (name, price) in raw.prices {
            let price = Rational::parse(&price).ok_or_else(|| format!("the price of `{name}` is no decimal"))?;
            prices.insert(name, price);
        }
        let mut days = Vec::with_capacity(raw.days.len());
        for day in raw.days {
            let mut periods: Vec<(i32, String)> = Vec::with_capacity(day.periods.len());
            let mut at = 0;
            for p in day.periods {
                let times = minutes(&p.from).zip(minutes(&p.to)).filter(|(from, to)| *from == at && from < to);
                let (start, end) = times.ok_or("periods must tile 00:00–24:00, HH:MM, in order")?;
                if !prices.contains_key(&p.name) {
                    return Err(format!("`{}` has no price", p.name));
                }
                periods.push((start, p.name));
                at = end;
            }
            if at != DAY_MINUTES {
                return Err("periods must tile 00:00–24:00, HH:MM, in order".to_owned());
            }
            days.push(DayKind { months: day.months, weekdays: day.weekdays, periods });
        }
        for month in 1..=12 {
            for weekday in 1..=7 {
                let fits = days.iter().filter(|d| d.months.contains(&month) && d.weekdays.contains(&weekday)).count();
                if fits != 1 {
                    return Err(format!("month {month}, weekday {weekday} is described {fits} times; once is right"));
                }
            }
        }
        Ok(Self { from, days, prices })
    }

    fn day(&self, date: Date) -> Option<&DayKind> {
        let weekday = date.weekday().to_monday_one_offset();
        self.days.iter().find(|d| d.months.contains(&date.month()) && d.weekdays.contains(&weekday))
    }
}

/// Energy per period and what it cost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allotted {
    /// Energy per period, in the unit given.
    pub energy: BTreeMap<String, i128>,
    /// Energy of intervals without length: it has no period.
    pub undated: i128,
    /// Σ energy · price, in yuan per kWh times the unit given.
    pub price_amount: Rational,
}

impl Default for Allotted {
    fn default() -> Self {
        Self { energy: BTreeMap::new(), undated: 0, price_amount: Rational::ZERO }
    }
}

impl Allotted {
    /// Everything allotted, in the unit given.
    pub fn total(&self) -> i128 {
        self.energy.values().fold(self.undated, |t, v| t.saturating_add(*v))
    }

    /// Cost in yuan, `per_kwh` units being one kWh.
    pub fn cost(&self, per_kwh: i128) -> Option<Rational> {
        self.price_amount.over(Rational::integer(per_kwh))
    }

    /// Σ E·price / Σ E, yuan per kWh; `None` without energy.
    pub fn mean_price(&self) -> Option<Rational> {
        self.price_amount.over(Rational::integer(self.total() - self.undated))
    }

    /// The share of a period.
    pub fn share(&self, period: &str) -> Option<Rational> {
        Rational::new(self.energy.get(period).copied().unwrap_or(0), self.total())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tariff(body: &str) -> Result<Tariff, EnergyError> {
        Tariff::parse(&format!(r#"{{"id":"t@1","zone":"Asia/Shanghai","versions":{body}}}"#))
    }

    const ALL: &str = r#""months":[1,2,3,4,5,6,7,8,9,10,11,12],"weekdays":[1,2,3,4,5,6,7]"#;

    #[test]
    fn a_tariff_with_a_hole_is_refused() {
        let flat = |periods: &str, days: &str| {
            tariff(&format!(
                r#"[{{"from":"2026-01-01","days":[{{{days},"periods":[{periods}]}}],"prices":{{"flat":"0.6"}}}}]"#
            ))
        };
        assert!(flat(r#"{"from":"00:00","to":"24:00","name":"flat"}"#, ALL).is_ok());
        for periods in [
            r#"{"from":"00:00","to":"23:00","name":"flat"}"#,
            r#"{"from":"00:00","to":"12:00","name":"flat"},{"from":"11:00","to":"24:00","name":"flat"}"#,
            r#"{"from":"00:00","to":"24:00","name":"peak"}"#,
            r#"{"from":"0:00","to":"24:00","name":"flat"}"#,
        ] {
            assert!(flat(periods, ALL).is_err(), "{periods}");
        }
        let no_sunday = r#""months":[1,2,3,4,5,6,7,8,9,10,11,12],"weekdays":[1,2,3,4,5,6]"#;
        assert!(flat(r#"{"from":"00:00","to":"24:00","name":"flat"}"#, no_sunday).is_err());
        assert!(tariff("[]").is_err());
    }

    #[test]
    fn the_version_in_force_on_the_day_prices_it() {
        let version = |from: &str, price: &str| {
            format!(
                r#"{{"from":"{from}","days":[{{{ALL},"periods":[{{"from":"00:00","to":"24:00","name":"flat"}}]}}],"prices":{{"flat":"{price}"}}}}"#
            )
        };
        let t = tariff(&format!("[{},{}]", version("2026-02-01", "0.8"), version("2026-01-01", "0.5"))).unwrap();
        let ms = |text: &str| text.parse::<Timestamp>().unwrap().as_millisecond();
        // The last local hour of January and the first of February.
        let span = Interval::new(ms("2026-01-31T15:00:00Z"), ms("2026-01-31T17:00:00Z"));
        let sum = t.allot([(span, 21)]).unwrap();
        assert_eq!((sum.total(), sum.cost(1).unwrap().digits(1)), (21, "13.8".to_owned()), "10 at 0.5, 11 at 0.8");
        assert!(t.allot([(Interval::new(0, 1), 1)]).is_err(), "nothing is in force in 1970");
        assert!(t.allot([(Interval::new(span.from_ms, i64::MAX), 1)]).is_err(), "no end of days");
        assert_eq!(t.allot([(Interval::new(5, 5), 3)]).unwrap().undated, 3);
    }
}
