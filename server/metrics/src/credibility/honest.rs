//! How often each detector speaks on honest simulated plants: measured, stored as data beside the detectors, held by a test.
//!
//! Constraints: a trial is one machine in one week that the detector could examine; a hit is a trial with at least one finding.
//! The figures are those of detectors with exactly these ids; a new version is measured anew. What a simulation does not do,
//! it cannot measure: the description says what it did.

use serde::{Deserialize, Serialize};

use crate::model::Names;
use crate::statistics::newcombe::Proportion;
use crate::statistics::student::Confidence;

/// The measurement of one detector.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// Detector, `name@version`.
    pub detector: String,
    /// Machine-weeks it could examine.
    pub examined: u64,
    /// Machine-weeks with a finding.
    pub found: u64,
}

impl Rate {
    /// Findings per machine-week with Wilson's 95 % interval; `None` when nothing could be examined.
    pub fn interval(&self) -> Option<(f64, f64)> {
        Some(Proportion::new(self.found, self.examined)?.wilson(Confidence::P95))
    }
}

/// The measurement of all detectors.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Measured {
    /// `name@version` of this measurement.
    pub id: String,
    /// What was simulated.
    pub simulation: Names,
    /// Plants.
    pub plants: u64,
    /// Weeks of each.
    pub weeks: u64,
    /// Seconds between two readings.
    pub interval_s: u64,
    /// One line per detector.
    pub rates: Vec<Rate>,
}

/// The measurement delivered with the detectors.
pub const DELIVERED: &str = include_str!("../../data/credibility/honest-plants-1.json");

/// The delivered measurement.
pub fn measured() -> Option<Measured> {
    serde_json::from_str(DELIVERED).ok()
}

/// The measured rate of a detector.
pub fn rate(detector: &str) -> Option<Rate> {
    measured()?.rates.into_iter().find(|r| r.detector == detector)
}
