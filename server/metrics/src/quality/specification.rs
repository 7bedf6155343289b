//! `specification`: the limits of one characteristic of a machine's product, and how its values become points.
//!
//! Constraints
//! 1. Limits are decimal strings in the unit of the readings; a float never enters. At least one limit; the target between them.
//! 2. The base period of the control limits is stated here or control limits do not exist. A new base is a new statement, in
//!    force from its `effective_from`: nothing recomputes limits silently.
//! 3. With a trigger, a change of its value says that another item was measured; without one every reading is a measurement.

use serde::{Deserialize, Serialize};

use crate::exact::Rational;
use crate::interval::Interval;
use crate::model::{ModelError, Names, SignalRef};
use crate::quality::constants::SUBGROUP_SIZES;
use crate::quality::rules::RuleSet;

const KIND: &str = "specification";
/// Longest subgroup interval: one day, so that a subgroup's readings lie within the reach of its window.
pub const INTERVAL_MAX_MS: i64 = crate::history::REACH_MS;
/// Longest base period, milliseconds: two years.
const BASE_MAX_MS: i64 = 2 * 366 * 86_400_000;

/// A stretch of time as stated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Period {
    /// First instant, UTC milliseconds.
    pub from_ms: i64,
    /// First instant after, UTC milliseconds.
    pub to_ms: i64,
}

impl Period {
    /// As an interval.
    pub const fn interval(&self) -> Interval {
        Interval::new(self.from_ms, self.to_ms)
    }
}

/// How values become points of a chart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Sampling {
    /// X̄-R: the first `size` measurements of every `interval_ms`, counted from 1970-01-01T00:00Z.
    Subgroups {
        /// Measurements per subgroup, 2 to 10.
        size: usize,
        /// Time from one subgroup to the next, milliseconds.
        interval_ms: i64,
    },
    /// I-MR: every measurement is a point.
    Individuals,
}

/// `specification`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Specification {
    /// Machine id.
    pub machine: String,
    /// Characteristic id, e.g. `bore-diameter`.
    pub characteristic: String,
    /// Display names of the characteristic.
    pub names: Names,
    /// The signal that carries the measured value.
    pub signal: SignalRef,
    /// A signal that changes when another item was measured: a counter or a serial number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trigger: Option<SignalRef>,
    /// Unit of the limits; readings in another unit are left out.
    pub unit: String,
    /// Lower specification limit (规格下限), a decimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lsl: Option<String>,
    /// Upper specification limit (规格上限), a decimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usl: Option<String>,
    /// Target (目标值), a decimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// How values become points.
    pub sampling: Sampling,
    /// Rule set, `name@version`.
    pub rules: String,
    /// Where the control limits come from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<Period>,
}

/// The limits of a drawing as numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SpecificationLimits {
    /// Lower specification limit.
    pub lsl: Option<Rational>,
    /// Upper specification limit.
    pub usl: Option<Rational>,
}

impl SpecificationLimits {
    /// Which limit a value is beyond; a value on the limit is within.
    pub fn beyond(&self, value: Rational) -> Option<Side> {
        if self.usl.is_some_and(|usl| value > usl) {
            Some(Side::Above)
        } else if self.lsl.is_some_and(|lsl| value < lsl) {
            Some(Side::Below)
        } else {
            None
        }
    }
}

/// A side of a limit or centre line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Greater.
    Above,
    /// Less.
    Below,
}

impl Specification {
    /// The specification limits.
    pub fn limits(&self) -> SpecificationLimits {
        let read = |text: &Option<String>| text.as_deref().and_then(Rational::parse);
        SpecificationLimits { lsl: read(&self.lsl), usl: read(&self.usl) }
    }

    /// The rule set; a checked specification always has one.
    pub fn rule_set(&self) -> Option<RuleSet> {
        RuleSet::from_id(&self.rules)
    }

    /// The signals it reads.
    pub fn signals(&self) -> impl Iterator<Item = &SignalRef> {
        std::iter::once(&self.signal).chain(&self.trigger)
    }
}

fn refuse(field: &str, reason: impl Into<String>) -> ModelError {
    ModelError::Field { kind: KIND, field: field.to_owned(), reason: reason.into() }
}

/// Checks every bound of a `specification` body.
///
/// # Errors
/// [`ModelError`] names the field and what is allowed there.
pub fn check(body: Specification) -> Result<Specification, ModelError> {
    crate::model::check_id(KIND, "machine", &body.machine)?;
    crate::model::check_id(KIND, "characteristic", &body.characteristic)?;
    crate::model::check_signal(KIND, "signal", &body.signal)?;
    if let Some(trigger) = &body.trigger {
        crate::model::check_signal(KIND, "trigger", trigger)?;
    }
    if body.signals().any(|s| s.modulus.is_some() || s.max_per_hour.is_some()) {
        return Err(refuse("signal", "a measured value has no `modulus` and no `max_per_hour`"));
    }
    if body.unit.len() > 32 {
        return Err(refuse("unit", "must have at most 32 bytes"));
    }
    let mut numbers = [None; 3];
    let stated = [("lsl", &body.lsl), ("target", &body.target), ("usl", &body.usl)];
    for (number, (field, text)) in numbers.iter_mut().zip(stated) {
        if let Some(text) = text {
            let parsed = Rational::parse(text).filter(|_| text.len() <= 20);
            *number = Some(
                parsed
                    .ok_or_else(|| refuse(field, "must be a plain decimal such as `12.05`, at most 20 characters"))?,
            );
        }
    }
    let [lsl, target, usl] = numbers;
    if lsl.is_none() && usl.is_none() {
        return Err(refuse("lsl", "at least one of `lsl` and `usl` is needed"));
    }
    let ordered = |a: Option<Rational>, b: Option<Rational>| a.zip(b).is_none_or(|(a, b)| a < b);
    let at_most = |a: Option<Rational>, b: Option<Rational>| a.zip(b).is_none_or(|(a, b)| a <= b);
    if !ordered(lsl, usl) || !at_most(lsl, target) || !at_most(target, usl) {
        return Err(refuse("target", "needs lsl ≤ target ≤ usl and lsl < usl"));
    }
    if let Sampling::Subgroups { size, interval_ms } = body.sampling {
        if !SUBGROUP_SIZES.contains(&size) {
            return Err(refuse("sampling.size", "must be 2 to 10"));
        }
        if !(1_000..=INTERVAL_MAX_MS).contains(&interval_ms) {
            return Err(refuse("sampling.interval_ms", "must be from one second to one day"));
        }
    }
    if RuleSet::from_id(&body.rules).is_none() {
        let known: Vec<&str> = RuleSet::ALL.iter().map(|set| set.id()).collect();
        return Err(refuse("rules", format!("must be one of {}", known.join(", "))));
    }
    if let Some(base) = body.base
        && !(1..=BASE_MAX_MS).contains(&base.to_ms.saturating_sub(base.from_ms))
    {
        return Err(refuse("base", "must end after it begins and last at most two years"));
    }
    Ok(body)
}
