//! A meter's face against the register that the gateway reads.
//!
//! Constraints
//! 1. The face's moment is its photo's. Clocks may lie [`CLOCKS_MS`] apart: the register is taken from the last reading that much before to the
//!    first that much after, and the band holds everything in between, one digit of the face and one count of the register.
//! 2. Two faces of one meter at least [`APART_MS`] apart give increments, which compare whatever the zeros are. A single face compares with the
//!    register only where it shows the very same one.
//! 3. A face on the secondary side, as stated of the meter, is multiplied by the stated ratios; the register is what the gateway's scale
//!    makes of it. So a ratio that is stated *and* configured wrongly agrees here: the plate tells (`onsite/plate.rs`).
//! 4. A deviation near the quotient of two usual transformer ratios, or one that another time of the photo would explain, is said as a
//!    suspicion with its numbers.

use super::{APART_MS, Act, CLOCKS_MS, Compared, Entry, Hint, MeterSeen, NotYet, OnsiteFace, RegisterRead};
use crate::column::Series;
use crate::exact::Rational;
use crate::history::History;
use crate::interval::Interval;
use crate::metrology::ratio::configured;
use crate::metrology::{Meter, Quantity, RegisterSide};
use crate::statements::Statements;

/// How far from a photo a reading of the register is looked for, milliseconds.
const REACH_MS: i64 = 3_600_000;
/// A quotient this near to that of two ratios is named, in thousandths.
const NEAR: i128 = 10;
/// Most that a phone's clock is supposed to be off when that would explain a deviation, milliseconds.
const OFF_MAX_MS: i64 = 600_000;
/// Digits of a kilowatt-hour that are printed.
const DECIMALS: usize = 3;

/// Rated primary currents of transformers in common use, amperes, to a secondary of 5 A or 1 A (IEC 61869-2 §5.201: 10, 12.5, 15, 20, 25, 30,
/// 40, 50, 60, 75 and their decimal multiples).
pub const USUAL_CT: [i64; 28] = [
    10, 15, 20, 25, 30, 40, 50, 60, 75, 100, 125, 150, 200, 250, 300, 400, 500, 600, 750, 800, 1000, 1250, 1500, 2000,
    2500, 3000, 4000, 5000,
];

/// Time whose readings a face depends on, with that of the face its increment begins with.
pub(super) fn reach(statements: &Statements, entry: &Entry, face: &OnsiteFace) -> Interval {
    let at = face.photo.taken_ms;
    let since = earlier(statements, entry, face).map_or(at, |(_, first)| first.photo.taken_ms);
    Interval::new(since.saturating_sub(REACH_MS), at.saturating_add(REACH_MS))
}

/// The first face of the same meter in the same check, if that is long enough ago.
fn earlier<'s>(statements: &'s Statements, entry: &Entry, face: &OnsiteFace) -> Option<(u64, &'s OnsiteFace)> {
    let mut all = statements.onsite(&face.check).iter().take_while(|e| e.leaf < entry.leaf);
    let (leaf, first) = all.find_map(|e| match &e.act {
        Act::Face(of) if (&of.machine, of.same_register) == (&face.machine, face.same_register) => {
            Some((e.leaf, of.as_ref()))
        }
        _ => None,
    })?;
    (face.photo.taken_ms.saturating_sub(first.photo.taken_ms) >= APART_MS).then_some((leaf, first))
}

/// The register around a moment, kilowatt-hours.
struct Around {
    /// The last reading at or before the moment.
    at: Rational,
    /// Least and most it can have been.
    bounds: [Rational; 2],
    reads: [RegisterRead; 2],
}

/// A register where the machine's definition says it is.
struct Register {
    series: Series,
    gateway_newest_ms: Option<i64>,
}

impl Register {
    /// Kilowatt-hours of a reading, and of one count.
    fn kwh(&self, place: usize) -> Result<Option<(i64, Rational, Rational)>, NotYet> {
        let series = &self.series;
        let found = series.times.get(place).zip(series.values.get(place)).zip(
            series
                .spans
                .iter()
                .find(|s| (s.start..s.end).contains(&place))
                .and_then(|s| series.meanings.get(s.meaning as usize)),
        );
        let Some(((at_ms, stored), meaning)) = found else { return Ok(None) };
        let per_raw = configured(meaning, Quantity::Energy).filter(|_| !meaning.text);
        let per_raw = per_raw.ok_or_else(|| NotYet::Unit(meaning.unit.clone()))?;
        let count = per_raw.over(Rational::integer(i128::from(meaning.unit_per_raw.max(1))));
        Ok(count.and_then(|count| Some((*at_ms, Rational::integer(i128::from(*stored)).times(count)?, count))))
    }

    fn around(&self, at_ms: i64) -> Result<Around, NotYet> {
        let times = &self.series.times;
        let until_ms = at_ms.saturating_add(CLOCKS_MS);
        let early = times.partition_point(|t| *t <= at_ms - CLOCKS_MS).checked_sub(1);
        let late = times.partition_point(|t| *t < until_ms);
        let is_over = self.gateway_newest_ms.is_some_and(|newest| newest > at_ms.saturating_add(REACH_MS));
        let waiting = match is_over {
            true => NotYet::Unseen,
            false => NotYet::Readings { newest_ms: self.gateway_newest_ms, until_ms },
        };
        let near = |place: Option<usize>| -> Result<Option<(i64, Rational, Rational)>, NotYet> {
            let Some(place) = place else { return Ok(None) };
            Ok(self.kwh(place)?.filter(|(ms, ..)| ms.abs_diff(at_ms) <= REACH_MS.unsigned_abs()))
        };
        let (Some(early), Some(late)) = (near(early)?, near(Some(late))?) else { return Err(waiting) };
        let at = near(times.partition_point(|t| *t <= at_ms).checked_sub(1))?.unwrap_or(early);
        let bounds = early.1.minus(early.2).zip(late.1.plus(late.2));
        let (low, high) = bounds.ok_or(NotYet::Nothing)?;
        let read = |(at_ms, kwh, _): (i64, Rational, Rational)| RegisterRead { at_ms, kwh: kwh.digits(DECIMALS) };
        Ok(Around { at: at.1, bounds: [low, high], reads: [read(early), read(late)] })
    }

    /// How much later than a moment the register showed a value.
    fn off_ms(&self, kwh: Rational, at_ms: i64) -> Option<i64> {
        let near = Interval::new(at_ms - OFF_MAX_MS, at_ms + OFF_MAX_MS + 1);
        let first = self.series.times.partition_point(|t| *t < near.from_ms);
        let mut before = None;
        for place in first..self.series.times.len() {
            let (ms, value, _) = self.kwh(place).ok()??;
            if !near.contains(ms) {
                break;
            }
            // It passed the value here: a register that stands at it already explains nothing.
            if value >= kwh {
                return before.filter(|v| *v < kwh).map(|_| ms - at_ms);
            }
            before = Some(value);
        }
        None
    }
}

/// A face in kilowatt-hours of the primary side, and what one digit of it is.
fn primary(face: &OnsiteFace, times: Rational) -> Option<(Rational, Rational)> {
    let decimals = face.value.split_once('.').map_or(0, |(_, fraction)| fraction.len());
    let unit = Rational::integer(if face.unit == "MWh" { 1000 } else { 1 }).times(times)?;
    let digit = Rational::new(1, 10_i128.checked_pow(u32::try_from(decimals).ok()?)?)?;
    Some((Rational::parse(&face.value)?.times(unit)?, digit.times(unit)?))
}

pub(super) fn compare(history: &History, entry: &Entry, face: &OnsiteFace) -> Result<MeterSeen, NotYet> {
    let statements = history.statements();
    let at = face.photo.taken_ms;
    let signal = statements.machine_at(&face.machine, at).and_then(|m| m.body.signals.energy.as_ref());
    let signal = signal.ok_or(NotYet::Nothing)?;
    let register = Register {
        series: history.series(&signal.gateway, &signal.tag, reach(statements, entry, face)),
        gateway_newest_ms: history.gateway_extent(&signal.gateway).map(|(extent, ..)| extent.to_ms),
    };
    let meter = statements.instrument_at(&face.machine, Quantity::Energy, at).map(|s| &s.body);
    let is_secondary = |m: &&Meter| face.same_register && m.register == RegisterSide::Secondary;
    let times = meter.filter(is_secondary).and_then(Meter::ratio);
    let factor = times.unwrap_or(Rational::integer(1));
    let here = register.around(at)?;
    let (value, digit) = primary(face, factor).ok_or(NotYet::Nothing)?;
    let judge = Judge { register: &register, counted: meter, is_multiplied: times.is_some(), photo_ms: at };
    let mut seen = MeterSeen {
        readings: here.reads.to_vec(),
        times: times.map(plain),
        register: None,
        increment: None,
        since: None,
    };
    if face.same_register {
        seen.register = judge.compared((value, digit), here.at, here.bounds, true);
    }
    match earlier(statements, entry, face) {
        Some((leaf, first)) => {
            let there = register.around(first.photo.taken_ms)?;
            let (was, digit_was) = primary(first, factor).ok_or(NotYet::Nothing)?;
            let ([low, high], [low_was, high_was]) = (here.bounds, there.bounds);
            let increment = (|| {
                let bounds = [low.minus(high_was)?, high.minus(low_was)?];
                let face = (value.minus(was)?, digit.plus(digit_was)?);
                judge.compared(face, here.at.minus(there.at)?, bounds, false)
            })();
            seen.readings.splice(0..0, there.reads);
            (seen.increment, seen.since) = (increment, Some(leaf));
        }
        None if !face.same_register => {
            let all = statements.onsite(&face.check).iter().filter(|e| e.leaf <= entry.leaf);
            let first = all.filter_map(|e| match &e.act {
                Act::Face(of) if of.machine == face.machine && !of.same_register => Some(of.photo.taken_ms),
                _ => None,
            });
            return Err(NotYet::SecondFace { from_ms: first.min().unwrap_or(at).saturating_add(APART_MS) });
        }
        None => {}
    }
    Ok(seen)
}

/// What a comparison is made with.
struct Judge<'j> {
    register: &'j Register,
    counted: Option<&'j Meter>,
    /// The face was multiplied by the stated ratio.
    is_multiplied: bool,
    photo_ms: i64,
}

impl Judge<'_> {
    /// `None` where a number is too large to be one.
    fn compared(
        &self,
        (face, digit): (Rational, Rational),
        register: Rational,
        [low, high]: [Rational; 2],
        is_register: bool,
    ) -> Option<Compared> {
        let deviation = face.minus(register)?;
        let band = [low.minus(digit)?.minus(register)?, high.plus(digit)?.minus(register)?];
        let [least, most] = band;
        let agrees = least <= deviation && deviation <= most;
        let percent = deviation.over(register).and_then(|share| share.times(Rational::integer(100)));
        let ratio = || self.ratio(face, digit, register, [low, high]);
        let clock = || self.register.off_ms(face, self.photo_ms).map(|off_ms| Hint::Clock { off_ms });
        let hint = match (agrees, is_register) {
            (true, _) => None,
            (false, true) => ratio().or_else(clock),
            (false, false) => ratio(),
        };
        Some(Compared {
            face: face.digits(DECIMALS),
            register: register.digits(DECIMALS),
            deviation: deviation.digits(DECIMALS),
            percent: percent.map(|p| p.digits(2)),
            band: band.map(|b| b.digits(DECIMALS)),
            agrees,
            hint,
        })
    }

    /// Two usual ratios whose quotient is that of face and register.
    fn ratio(&self, face: Rational, digit: Rational, register: Rational, bounds: [Rational; 2]) -> Option<Hint> {
        let zero = Rational::ZERO;
        let [low, high] = bounds;
        if register <= zero || low <= zero || face <= digit {
            return None;
        }
        // What is unknown must leave one quotient standing out: no more than a tenth either way.
        let (least, most) = (face.minus(digit)?.over(high)?, face.plus(digit)?.over(low)?);
        let quotient = face.over(register)?;
        if most.over(least)? > Rational::new(12, 10)? {
            return None;
        }
        let ct = self.counted.and_then(|m| m.ct.as_ref());
        let secondary = ct.map_or(5, |ct| ct.secondary);
        let named =
            |primary: i64| Some((format!("{primary}/{secondary}"), Rational::new(primary.into(), secondary.into())?));
        let none = ("1".to_owned(), Rational::integer(1));
        let stated = ct.map_or(Some(none.clone()), |ct| named(ct.primary))?;
        let usual = || USUAL_CT.iter().filter_map(|p| named(*p)).filter(|(_, ratio)| *ratio != Rational::integer(1));
        // A face that was multiplied by the stated ratio fits that one, whatever the log counts with; another fits any usual one where
        // the log counts with the stated one; and with none stated, the log may count with one that should not be there.
        let all = || usual().chain([none.clone()]);
        let mut pairs: Vec<_> = match self.is_multiplied {
            true => all().map(|counted| (counted, stated.clone())).collect(),
            false => all().map(|fits| (stated.clone(), fits)).collect(),
        };
        if ct.is_none() {
            pairs.extend(usual().map(|counted| (counted, none.clone())));
        }
        let distance = |of: Rational| {
            let away = quotient.over(of)?.minus(Rational::integer(1))?;
            Some(if away < zero { zero.minus(away)? } else { away })
        };
        let near = Rational::new(NEAR, 1000)?;
        let fitting = pairs.into_iter().filter_map(|(counted, fits)| {
            let of = fits.1.over(counted.1)?;
            let away = distance(of)?;
            let is_possible = away <= near || (least <= of && of <= most);
            (of != Rational::integer(1) && is_possible).then_some((away, counted.0, fits.0))
        });
        let (_, counted, fits) = fitting.min_by(|a, b| a.0.cmp(&b.0))?;
        Some(Hint::Ratio { counted, fits })
    }
}

/// A ratio without digits it does not have.
fn plain(ratio: Rational) -> String {
    let digits = ratio.digits(DECIMALS);
    digits.trim_end_matches('0').trim_end_matches('.').to_owned()
}
