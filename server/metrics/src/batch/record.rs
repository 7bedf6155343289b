//! `batch`: one batch as it was made (批生产记录), stated by a person or copied from another system.
//!
//! Constraints
//! 1. Instants are UTC milliseconds; process phases lie inside the batch, in order of their beginning; cleaning (清场) may follow it.
//! 2. Good and rejected output have one unit. An amount that nobody stated is absent, not zero.
//! 3. Keyed by machine and batch id: the later leaf is the correction; a batch stated by mistake is stated again as withdrawn.

use serde::{Deserialize, Serialize};

use super::unit::{Amount, Unit};
use super::{TIME_MAX_MS, check_amount, check_name, refuse};
use crate::interval::Interval;
use crate::model::{ModelError, check_id};

const KIND: &str = "batch";
/// Cleaning that belongs to a batch ends at most so long after it, milliseconds: thirty days.
const CLEANING_MAX_MS: i64 = 86_400_000 * 30;

/// The body of a `batch` declaration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BatchRecord {
    /// Machine id.
    pub machine: String,
    /// Batch number (批号).
    pub batch: String,
    /// Product.
    pub product: String,
    /// Begin, UTC milliseconds.
    pub from_ms: i64,
    /// End, UTC milliseconds.
    pub to_ms: i64,
    /// Unit of good and rejected output.
    pub unit: Unit,
    /// Good output, millionths of the unit.
    pub good_micro: i64,
    /// Rejected output, millionths of the unit; absent when nobody weighed or counted it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rejected_micro: Option<i64>,
    /// What was charged (投料量).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub charged: Option<Amount>,
    /// Phases as they were, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub phases: Vec<BatchPhase>,
    /// Where the statement comes from.
    #[serde(default)]
    pub source: BatchSource,
    /// Stated by mistake: this batch was not made.
    #[serde(default)]
    pub withdrawn: bool,
}

/// Where the statement of a batch comes from. None of these is evidence by itself; it says where to look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BatchSource {
    /// Written down by a person.
    #[default]
    Hand,
    /// Copied from a batch production record (批生产记录).
    BatchRecord,
    /// Copied from another system (MES, ERP, LIMS).
    System,
}

/// A phase of a batch as it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BatchPhase {
    /// Name; the recipe's for its standard time.
    pub phase: String,
    /// What kind of phase.
    #[serde(default)]
    pub kind: PhaseKind,
    /// Begin, UTC milliseconds.
    pub from_ms: i64,
    /// End, UTC milliseconds.
    pub to_ms: i64,
}

/// What a phase is for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PhaseKind {
    /// Making the product.
    #[default]
    Process,
    /// 清场: cleaning and clearance; may follow the batch.
    Cleaning,
}

impl BatchPhase {
    /// When it was.
    pub const fn span(&self) -> Interval {
        Interval::new(self.from_ms, self.to_ms)
    }
}

impl BatchRecord {
    /// Checks every bound.
    ///
    /// # Errors
    /// [`ModelError`] names the field and what is allowed there.
    pub(crate) fn checked(self) -> Result<Self, ModelError> {
        check_id(KIND, "machine", &self.machine)?;
        check_name(KIND, "batch", &self.batch)?;
        check_name(KIND, "product", &self.product)?;
        if self.product == "*" {
            return Err(refuse(KIND, "product", "a batch is of one product"));
        }
        let length = self.to_ms.checked_sub(self.from_ms).unwrap_or(0);
        if !(1..=TIME_MAX_MS).contains(&length) {
            return Err(refuse(KIND, "to_ms", "must be after `from_ms`, by at most 366 days"));
        }
        check_amount(KIND, "good_micro", self.good_micro, 0)?;
        if let Some(micro) = self.rejected_micro {
            check_amount(KIND, "rejected_micro", micro, 0)?;
        }
        if let Some(charged) = self.charged {
            check_amount(KIND, "charged.micro", charged.micro, 1)?;
        }
        self.check_phases()?;
        Ok(self)
    }

    fn check_phases(&self) -> Result<(), ModelError> {
        if self.phases.len() > 256 {
            return Err(refuse(KIND, "phases", "at most 256 phases"));
        }
        let latest_cleaning = self.to_ms.saturating_add(CLEANING_MAX_MS);
        for (i, p) in self.phases.iter().enumerate() {
            check_name(KIND, &format!("phases[{i}].phase"), &p.phase)?;
            let latest = if p.kind == PhaseKind::Cleaning { latest_cleaning } else { self.to_ms };
            if p.to_ms <= p.from_ms || p.from_ms < self.from_ms || p.to_ms > latest {
                return Err(refuse(
                    KIND,
                    format!("phases[{i}].to_ms"),
                    "a phase ends after it begins and lies inside its batch; cleaning may follow it by 30 days",
                ));
            }
        }
        if self.phases.is_sorted_by_key(|p| p.from_ms) {
            Ok(())
        } else {
            Err(refuse(KIND, "phases", "must be in order of their beginning"))
        }
    }

    /// When it was made.
    pub const fn span(&self) -> Interval {
        Interval::new(self.from_ms, self.to_ms)
    }

    /// The span of the batch and its cleaning: all the time this statement can change.
    pub fn reach(&self) -> Interval {
        let last = self.phases.iter().map(|p| p.to_ms).fold(self.to_ms, i64::max);
        Interval::new(self.from_ms, last)
    }

    /// Cleaning, wherever it lies.
    pub fn cleaning(&self) -> impl Iterator<Item = Interval> + '_ {
        self.phases.iter().filter(|p| p.kind == PhaseKind::Cleaning).map(BatchPhase::span)
    }

    /// The base unit of the output.
    pub fn output_unit(&self) -> Unit {
        self.unit.base().0
    }

    /// Good output, millionths of the base unit.
    pub fn good(&self) -> i128 {
        Amount { micro: self.good_micro, unit: self.unit }.in_base().1
    }

    /// Rejected output, millionths of the base unit.
    pub fn rejected(&self) -> Option<i128> {
        Some(Amount { micro: self.rejected_micro?, unit: self.unit }.in_base().1)
    }
}
