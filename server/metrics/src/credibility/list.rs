//! The detectors: what each compares, with which parameters, on how much data.
//!
//! Constraints: an id with its version never changes meaning, and parameters are part of the version; both languages always.

use crate::credibility::finding::{Finding, Need};
use crate::credibility::scene::Scene;
use crate::credibility::{digits, energy, frozen, gaps, meters, moments, power, rate, repeated};
use crate::report::Words;

/// A number a detector decides by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Parameter {
    /// What it is.
    pub name: &'static str,
    /// Its value.
    pub value: i64,
    /// Unit; `1` for counts and ratios.
    pub unit: &'static str,
}

pub(super) const fn parameter(name: &'static str, value: i64, unit: &'static str) -> Parameter {
    Parameter { name, value, unit }
}

/// One cross-check.
#[derive(Debug)]
pub struct Detector {
    /// `name@version`, also its id in the catalogue.
    pub id: &'static str,
    /// Chinese and English name.
    pub names: [&'static str; 2],
    /// What is compared with what.
    pub compares: [&'static str; 2],
    /// When it speaks.
    pub rule: &'static str,
    /// What it decides by.
    pub parameters: &'static [Parameter],
    /// The data it needs; without it the check is listed as not possible.
    pub minimum: [&'static str; 2],
    /// What to check on site.
    pub on_site: [&'static str; 2],
    /// How much its findings need to be verified.
    pub need: Need,
    pub(super) run: Run,
}

/// The function of a detector: one machine at a time, or all of a site together.
#[derive(Debug, Clone, Copy)]
pub(super) enum Run {
    Machine(fn(&Scene<'_>) -> Result<Vec<Finding>, Words>),
    Site(fn(&[Scene<'_>]) -> Vec<(String, Result<Vec<Finding>, Words>)>),
}

/// Every detector, in the order they are run and printed.
pub static LIST: [&Detector; 15] = [
    &power::WITHOUT_POWER,
    &power::WITHOUT_RUN,
    &power::FOLLOWS,
    &rate::ABOVE,
    &rate::WHILE_OFF,
    &energy::AGAINST_POWER,
    &meters::EXCEED,
    &meters::SHARE,
    &meters::STEPS_SHOWN,
    &frozen::FROZEN,
    &repeated::REPEATED,
    &digits::ROUND,
    &gaps::AFTER_BAD,
    &gaps::REJECT_ONLY,
    &moments::SAME_MOMENT,
];

/// The detector with this id.
pub fn detector(id: &str) -> Option<&'static Detector> {
    LIST.into_iter().find(|d| d.id == id)
}
