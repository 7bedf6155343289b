//! Unit consumption (产品单耗) with the part that output alone explains beside it (reference §3.4, the product trap).
//!
//! Constraints
//! 1. Ratios of sums: Σ energy / Σ output, never a mean of ratios.
//! 2. A machine with a base load uses less per piece when it makes more. `volume_effect` is what the baseline model expects from the
//!    drivers alone (with degree days in the model, weather too); `saving_effect` is the rest. (1 + volume)(1 + saving) = 1 + change.
//! 3. Outputs in different units are not added: then there is no unit consumption.

use serde::Serialize;

use crate::baseline::{Driver, DriverKind, Point, Projection};
use crate::statistics::{Number, Undefined, mean, sum};

/// Unit consumption before and after.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct UnitConsumption {
    /// `kWh/t`; empty when undefined.
    pub unit: String,
    /// Σ energy / Σ output of the baseline.
    pub before: Number,
    /// The same of the reporting period.
    pub after: Number,
    /// after / before − 1. Never shown without the two effects.
    pub change: Number,
    /// What the baseline model expects per unit at the reporting period's output, with no saving at all.
    pub expected: Number,
    /// expected / before − 1: what volume (and weather) explains.
    pub volume_effect: Number,
    /// after / expected − 1: what remains.
    pub saving_effect: Number,
    /// Relative change of the mean output of a period.
    pub output_change: Number,
}

/// Relative change of the mean energy of a period.
pub(super) fn mean_energy_change(before: &[Point], after: &[Point]) -> Number {
    let of = |points: &[Point]| mean(&points.iter().map(|p| p.energy).collect::<Vec<_>>()).unwrap_or_default();
    Number::ratio(of(after), of(before)).map(|r| r - 1.0)
}

pub(super) fn compare(
    drivers: &[Driver],
    before: &[Point],
    after: &[Point],
    projection: &Projection,
) -> UnitConsumption {
    let products: Vec<usize> =
        drivers.iter().enumerate().filter(|(_, d)| d.kind == DriverKind::Production).map(|(j, _)| j).collect();
    let units: Vec<&str> = products.iter().filter_map(|j| drivers.get(*j)).map(|d| d.unit.as_str()).collect();
    let unit = units.first().copied().unwrap_or_default();
    let why = if units.is_empty() {
        Some(Undefined::NoProduction)
    } else if units.iter().any(|u| *u != unit) {
        Some(Undefined::MixedUnits)
    } else {
        None
    };
    let output =
        |points: &[Point]| sum(points.iter().map(|p| sum(products.iter().filter_map(|j| p.drivers.get(*j).copied()))));
    let (made_before, made_after) = (output(before), output(after));
    let per_unit = |energy: f64, output: f64| match why {
        Some(why) => Number::undefined(why),
        None if output == 0.0 => Number::undefined(Undefined::NoProduction),
        None => Number::new(energy / output),
    };
    let energy_before = sum(before.iter().map(|p| p.energy));
    let was = per_unit(energy_before, made_before);
    let is = per_unit(projection.actual, made_after);
    let expected = per_unit(projection.adjusted, made_after);
    let mean_output = |made: f64, points: &[Point]| per_unit(made, points.len() as f64);
    UnitConsumption {
        unit: if why.is_none() { format!("kWh/{unit}") } else { String::new() },
        before: was,
        after: is,
        change: relative(was, is),
        expected,
        volume_effect: relative(was, expected),
        saving_effect: relative(expected, is),
        output_change: relative(mean_output(made_before, before), mean_output(made_after, after)),
    }
}

/// `to / from − 1`.
fn relative(from: Number, to: Number) -> Number {
    match (from.get(), to.get()) {
        (Ok(from), Ok(to)) => Number::ratio(to, from).map(|r| r - 1.0),
        (Err(why), _) | (_, Err(why)) => Number::undefined(why),
    }
}
