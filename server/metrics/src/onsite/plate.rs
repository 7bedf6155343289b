//! Plates against what is stated and configured.
//!
//! Constraints
//! 1. Serial numbers agree when they are the same letters and digits, whatever their case and whatever parts them.
//! 2. The ratio on the plate is compared twice: with the stated one, and with the scale that the gateway applies (`crate::metrology::ratio`).
//! 3. What was not read, or is not stated, is open.

use super::{Agreement, Entry, OnsitePlate, PlateRatio, PlateSeen};
use crate::exact::Rational;
use crate::history::History;
use crate::interval::Interval;
use crate::metrology::ratio::{RatioCheck, check, configured};
use crate::metrology::{Meter, Quantity, Transformer};

/// How far back the gateway's configuration of the register is looked for, milliseconds.
const REACH_MS: i64 = 3_600_000;
/// Decimals of kilowatt-hours per count.
const DECIMALS: usize = 6;

/// Time whose readings a plate depends on: they say how the register is read.
pub(super) fn reach(received_ms: i64) -> Interval {
    Interval::new(received_ms.saturating_sub(REACH_MS), received_ms)
}

pub(super) fn compare(history: &History, entry: &Entry, plate: &OnsitePlate) -> PlateSeen {
    let statements = history.statements();
    let at = entry.received_ms;
    let ledger = statements.ledger_entry_at(&plate.machine, at).and_then(|s| s.body.serial.clone()).unwrap_or_default();
    let meter = statements.instrument_at(&plate.machine, Quantity::Energy, at).map(|s| &s.body);
    let stated_serial = meter.map(|m| m.serial.clone()).unwrap_or_default();
    let stated = meter.and_then(|m| m.ct.as_ref());
    let ratio = |ct: PlateRatio| Rational::new(ct.primary.into(), ct.secondary.into());
    let ct = match (plate.ct.and_then(ratio), stated.and_then(Transformer::ratio)) {
        (Some(plate), Some(stated)) if plate == stated => Agreement::Agrees,
        (Some(_), Some(_)) => Agreement::Differs,
        // A plate where the statement has no transformer at all.
        (Some(_), None) if meter.is_some() => Agreement::Differs,
        _ => Agreement::Open,
    };
    let (scale, configured, expected) = scale(history, plate, meter, at);
    PlateSeen {
        serial: serials(&plate.serial, &ledger),
        ledger_serial: ledger,
        meter_serial: serials(&plate.meter_serial, &stated_serial),
        stated_serial,
        ct,
        stated_ct: stated.map(|ct| PlateRatio { primary: ct.primary, secondary: ct.secondary }),
        scale,
        configured: configured.map(digits),
        expected: expected.map(digits),
    }
}

fn digits(value: Rational) -> String {
    let digits = value.digits(DECIMALS);
    digits.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn serials(read: &str, stated: &str) -> Agreement {
    let plain =
        |text: &str| -> String { text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_uppercase).collect() };
    let (read, stated) = (plain(read), plain(stated));
    match (read.is_empty() || stated.is_empty(), read == stated) {
        (true, _) => Agreement::Open,
        (false, true) => Agreement::Agrees,
        (false, false) => Agreement::Differs,
    }
}

/// Whether the configured scale is what the plate's ratio makes it; and both.
fn scale(
    history: &History,
    plate: &OnsitePlate,
    meter: Option<&Meter>,
    at_ms: i64,
) -> (Agreement, Option<Rational>, Option<Rational>) {
    let none = (Agreement::Open, None, None);
    let signal = history.statements().machine_at(&plate.machine, at_ms).and_then(|m| m.body.signals.energy.as_ref());
    let Some(signal) = signal else { return none };
    let series = history.series(&signal.gateway, &signal.tag, reach(at_ms));
    let meaning = series.spans.last().and_then(|s| series.meanings.get(s.meaning as usize));
    let Some(now) = meaning.and_then(|m| configured(m, Quantity::Energy)) else { return none };
    let (Some(meter), Some(ct)) = (meter, plate.ct) else { return (Agreement::Open, Some(now), None) };
    let class = meter.ct.as_ref().and_then(|ct| ct.class.clone());
    let as_on_plate =
        Meter { ct: Some(Transformer { class, primary: ct.primary, secondary: ct.secondary }), ..meter.clone() };
    match check(&as_on_plate, now) {
        Some(RatioCheck::Agrees) => (Agreement::Agrees, Some(now), None),
        Some(RatioCheck::Contradicts { expected, .. }) => (Agreement::Differs, Some(now), Some(expected)),
        Some(RatioCheck::Unchecked { .. }) | None => (Agreement::Open, Some(now), None),
    }
}
