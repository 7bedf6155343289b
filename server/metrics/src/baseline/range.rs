//! Whether the model is asked about what it has seen (reference §3.4).
//!
//! Constraints
//! 1. Outside [min, max] of the baseline: `OUTSIDE_RANGE`, information. Outside [0.9·min, 1.1·max]: `EXTRAPOLATED`, with the share of
//!    the measured reporting energy that lies there. Measured, because the modelled energy is what is in doubt there.
//! 2. The edges belong to the range; tests multiply whole numbers (10·x against 9·min and 11·max), so that 1.1 as a float decides nothing.
//! 3. Indicators have no range.

use serde::Serialize;

use super::{Driver, DriverKind, Point};
use crate::statistics::{Number, sum};

/// A driver's value outside the baseline's range.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Excursion {
    /// In which period.
    pub period: i64,
    /// Driver id.
    pub driver: String,
    /// Its value.
    pub value: Number,
    /// Beyond a tenth outside the range, not only outside.
    pub is_extrapolated: bool,
}

/// Reporting points outside the range of the baseline.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RangeFindings {
    /// Each driver with the least and greatest value of the baseline.
    pub seen: Vec<(String, Number, Number)>,
    /// Values outside, by period.
    pub excursions: Vec<Excursion>,
    /// Share of the measured reporting energy in periods with an extrapolated driver.
    pub extrapolated_share: Number,
    /// More than a fifth of it: no savings are stated.
    pub is_too_far: bool,
}

/// Least and greatest of a column.
pub(super) fn of(column: &[f64]) -> (f64, f64) {
    column.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(*v), high.max(*v)))
}

pub(super) fn findings(drivers: &[Driver], ranges: &[(f64, f64)], points: &[Point]) -> RangeFindings {
    let mut points: Vec<&Point> = points.iter().collect();
    points.sort_by_key(|p| p.period);
    let mut excursions = Vec::new();
    let mut far = Vec::new();
    for point in &points {
        let mut is_far = false;
        for ((driver, (low, high)), value) in drivers.iter().zip(ranges).zip(&point.drivers) {
            if driver.kind == DriverKind::Indicator || (low <= value && value <= high) {
                continue;
            }
            let is_extrapolated = 10.0 * value < 9.0 * low || 10.0 * value > 11.0 * high;
            is_far |= is_extrapolated;
            excursions.push(Excursion {
                period: point.period,
                driver: driver.id.clone(),
                value: Number::new(*value),
                is_extrapolated,
            });
        }
        if is_far {
            far.push(point.energy);
        }
    }
    let (there, all) = (sum(far), sum(points.iter().map(|p| p.energy)));
    let seen = drivers.iter().zip(ranges).filter(|(d, _)| d.kind != DriverKind::Indicator);
    RangeFindings {
        seen: seen.map(|(d, (low, high))| (d.id.clone(), Number::new(*low), Number::new(*high))).collect(),
        excursions,
        extrapolated_share: Number::ratio(there, all),
        is_too_far: 5.0 * there > all,
    }
}
