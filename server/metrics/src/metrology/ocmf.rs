//! An energy register as payloads of the Open Charge Metering Format (OCMF 1.4, S.A.F.E. e.V.), fiscal context: for checkers that
//! know that format and not ours. Whoever exports them signs them.
//!
//! Constraints
//! 1. One payload for every quarter hour of UTC, the beginning and the end of the dates included. The page (`PG`) is the quarter
//!    hours since 1970, so a payload left out is a page that is missing, and the same log and dates give the same bytes.
//! 2. Its reading is the last one at or before the quarter hour, less than a quarter of an hour older, and carries its own time.
//!    Where there is none the payload says why (`ST`, `EF`) and has no value: none is made up.
//! 3. The digits are the register's: as many decimals as one count has in kilowatt-hours, six at most.
//! 4. OCMF knows a meter by its serial number. A register without a stated one is refused, not given a name of ours.
//! 5. `UM`, `UG`, `UL`, `UO` (names the format leaves to makers) say machine, gateway, leaf and log, so that every value leads back
//!    to the record the gateway signed. `GS`, the signing device, is not said: the gateway did not sign this.
//! 6. A reading taken before the meter was exchanged, or by another register, is none of the one that is there at the quarter hour.

use std::fmt::Write as _;

use jiff::Timestamp;
use jiff::tz::{TimeZone, TimeZoneDatabase};

use crate::calendar::{local_days, parse_date};
use crate::column::Series;
use crate::exact::Rational;
use crate::history::{History, PlacedGap};
use crate::interval::Interval;
use crate::metrology::measured::zone_of;
use crate::metrology::{Counts, Quantity, ratio};
use crate::model::SignalRef;
use crate::report::Period;
use crate::time::ERROR_FLAG_MS;

/// The step of fiscal metering.
pub const QUARTER_MS: i64 = 900_000;
/// Most decimals of a kilowatt-hour.
const DECIMALS_MAX: usize = 6;

/// Why a register is not exported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The dates are none, or lie ahead.
    NoDates,
    /// The machine has no energy register in the dates.
    NoRegister,
    /// No serial number is stated that holds on this local date.
    NoSerial(String),
    /// The register is in a unit of another kind.
    Unit(String),
}

impl Refusal {
    /// What is wrong and what to do, in Chinese and English.
    pub fn words(&self) -> (String, String) {
        match self {
            Self::NoDates => (
                "日期无效或尚未到来：请填写起止日期".to_owned(),
                "the dates are none or lie ahead: give the first and the last date".to_owned(),
            ),
            Self::NoRegister => (
                "该设备在所选日期没有电能表读数：请选择有电能表的设备".to_owned(),
                "the machine has no energy register in these dates: choose one that has".to_owned(),
            ),
            Self::NoSerial(date) => (
                format!("未填报电能表出厂编号（{date}）：OCMF 以编号识别电能表，请先填报计量器具"),
                format!(
                    "no serial number of the meter is stated for {date}: OCMF knows a meter by it, so state the instrument first"
                ),
            ),
            Self::Unit(unit) => (
                format!("读数单位“{unit}”不是电能单位：请在采集配置中改为 Wh、kWh 或 MWh"),
                format!("the register is in “{unit}”, no unit of energy: configure Wh, kWh or MWh"),
            ),
        }
    }
}

/// The payloads of a machine's energy register over local dates (both included), oldest first; quarter hours after `until_ms`
/// have not happened. `origin` names the log.
///
/// # Errors
/// See [`Refusal`].
pub fn payloads(
    history: &History,
    machine: &str,
    period: &Period,
    origin: &str,
    until_ms: i64,
) -> Result<Vec<String>, Refusal> {
    let zone = history.statements().site().map_or("Asia/Shanghai", |s| s.zone.as_str());
    let dates = parse_date(&period.from).zip(parse_date(&period.to));
    let days = dates.and_then(|(from, to)| local_days(zone, from, to)).filter(|d| !d.is_empty());
    let days = days.filter(|d| d.from_ms <= until_ms).ok_or(Refusal::NoDates)?;
    let reach = Interval::new(days.from_ms - QUARTER_MS, days.to_ms.min(until_ms).saturating_add(1));
    let gaps = history.gaps(reach);
    let mut register: Option<Register> = None;
    let mut out = Vec::new();
    // The end is the first instant after: its quarter hour is the last.
    for page in days.from_ms.div_euclid(QUARTER_MS)..=reach.to_ms.saturating_sub(1).div_euclid(QUARTER_MS) {
        let at_ms = page * QUARTER_MS;
        if at_ms < days.from_ms {
            continue;
        }
        let statements = history.statements();
        let signal_at = |ms: i64| statements.machine_at(machine, ms).and_then(|m| m.body.signals.energy.as_ref());
        let serial_at =
            |ms: i64| statements.instrument_at(machine, Quantity::Energy, ms).map(|s| s.body.serial.as_str());
        let signal = signal_at(at_ms);
        if signal.is_none() && out.is_empty() {
            // Its register is younger than the dates.
            continue;
        }
        if let Some(signal) = signal.filter(|s| register.as_ref().is_none_or(|r| r.signal != **s)) {
            let series = history.series(&signal.gateway, &signal.tag, reach);
            register = Some(Register { signal: signal.clone(), series });
        }
        let Some(register) = &register else { continue };
        let zone = zone_of(history, Interval::new(at_ms, at_ms + 1));
        let unnamed = || Refusal::NoSerial(local(zone, at_ms, "%F"));
        let serial = serial_at(at_ms).filter(|serial| !serial.is_empty()).ok_or_else(unnamed)?;
        let counts = statements.instrument_at(machine, Quantity::Energy, at_ms).map(|s| s.body.counts);
        let direction = match counts {
            Some(Counts::Export) => "1-0:2.8.0",
            Some(Counts::Import) | None => "1-0:1.8.0",
        };
        let is_its_own = |ms: i64| signal_at(ms) == signal && serial_at(ms) == Some(serial);
        let reading = match register.last(at_ms)?.filter(|read| is_its_own(read.at_ms)) {
            Some(read) => Reading { direction, ..read },
            None if signal.is_none() => Reading::missing(at_ms, direction, 'N'),
            None => Reading::missing(at_ms, direction, register.state(&gaps, at_ms)),
        };
        let mut text = format!(
            "{{\"FV\":\"1.4\",\"GI\":\"Gongzheng\",\"PG\":\"F{page}\",\"MS\":{},\"RD\":[{}]",
            quoted(serial),
            reading.json(zone),
        );
        let leaf = reading.leaf.map_or_else(String::new, |leaf| format!(",\"UL\":{leaf}"));
        let gateway = quoted(&register.signal.gateway);
        // Writing to a string does not fail.
        let _ = write!(text, ",\"UM\":{},\"UG\":{gateway}{leaf},\"UO\":{}}}", quoted(machine), quoted(origin));
        out.push(text);
    }
    if out.is_empty() { Err(Refusal::NoRegister) } else { Ok(out) }
}

/// A register where the machine's definition says it is.
struct Register {
    signal: SignalRef,
    series: Series,
}

/// One reading as OCMF prints it.
struct Reading<'a> {
    at_ms: i64,
    /// `S` synchronized, `I` informative, `U` unknown.
    clock: char,
    kwh: Option<String>,
    direction: &'a str,
    /// `G` good, `T` no answer, `F` not read correctly, `N` no register by the machine's definition, `E` another error.
    state: char,
    leaf: Option<u64>,
}

impl Register {
    /// The last reading within the quarter of an hour that ends at `at_ms`, in kilowatt-hours.
    fn last(&self, at_ms: i64) -> Result<Option<Reading<'static>>, Refusal> {
        let series = &self.series;
        let Some(place) = series.times.partition_point(|t| *t <= at_ms).checked_sub(1) else { return Ok(None) };
        let found = (|| {
            let time = *series.times.get(place).filter(|t| **t > at_ms - QUARTER_MS)?;
            let span = series.spans.iter().find(|s| (s.start..s.end).contains(&place))?;
            Some((time, *series.values.get(place)?, span, series.meanings.get(span.meaning as usize)?))
        })();
        let Some((time, stored, span, meaning)) = found else { return Ok(None) };
        let unit = || Refusal::Unit(meaning.unit.clone());
        let per_raw = ratio::configured(meaning, Quantity::Energy).filter(|_| !meaning.text).ok_or_else(unit)?;
        let raw = Rational::new(i128::from(stored), i128::from(meaning.unit_per_raw.max(1)));
        let kwh = raw.and_then(|raw| raw.times(per_raw));
        Ok(Some(Reading {
            at_ms: time,
            clock: if span.error_ms > ERROR_FLAG_MS { 'I' } else { 'S' },
            // What is too large to be printed was not read correctly.
            kwh: kwh.map(|kwh| kwh.digits(decimals(per_raw, meaning.unit_per_raw))),
            direction: "",
            state: if kwh.is_some() { 'G' } else { 'F' },
            leaf: Some(span.leaf),
        }))
    }

    /// Why there is no reading, as OCMF's table 10 has it.
    fn state(&self, gaps: &[PlacedGap], at_ms: i64) -> char {
        let quarter = Interval::new(at_ms - QUARTER_MS, at_ms + 1);
        let mut of = gaps.iter().filter(|g| {
            g.gateway == self.signal.gateway
                && g.tag.as_ref().is_none_or(|tag| *tag == self.signal.tag)
                && !g.interval.intersect(&quarter).is_empty()
        });
        match of.next_back().map(|g| g.cause) {
            Some("device_silent") => 'T',
            Some("device_refused" | "nonsense_value") => 'F',
            _ => 'E',
        }
    }
}

/// Decimals of one count.
fn decimals(per_raw: Rational, unit_per_raw: i64) -> usize {
    let mut step = per_raw.over(Rational::integer(i128::from(unit_per_raw.max(1)))).unwrap_or(per_raw);
    let mut decimals = 0;
    while step.den() != 1 && decimals < DECIMALS_MAX {
        let Some(next) = step.times(Rational::integer(10)) else { break };
        (step, decimals) = (next, decimals + 1);
    }
    decimals
}

impl<'a> Reading<'a> {
    fn missing(at_ms: i64, direction: &'a str, state: char) -> Self {
        Self { at_ms, clock: 'U', kwh: None, direction, state, leaf: None }
    }

    fn json(&self, zone: &str) -> String {
        let value = self
            .kwh
            .as_ref()
            .map_or_else(String::new, |kwh| format!("\"RV\":{kwh},\"RI\":\"{}\",\"RU\":\"kWh\",", self.direction));
        let error = if self.kwh.is_some() { "" } else { "E" };
        let time = local(zone, self.at_ms, "%Y-%m-%dT%H:%M:%S,%3f%z");
        format!("{{\"TM\":\"{time} {}\",{value}\"EF\":\"{error}\",\"ST\":\"{}\"}}", self.clock, self.state)
    }
}

fn local(zone: &str, ms: i64, form: &str) -> String {
    let zone = TimeZoneDatabase::bundled().get(zone).unwrap_or(TimeZone::UTC);
    let at = Timestamp::from_millisecond(ms).unwrap_or(Timestamp::UNIX_EPOCH);
    at.to_zoned(zone).strftime(form).to_string()
}

/// A JSON string without the sign that parts the sections of OCMF.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string().replace('|', "\\u007c")
}
