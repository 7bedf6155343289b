//! `recipe`: what a batch of a product on a machine should take and give (工艺规程), or the nominal rate of a process that runs on.
//!
//! Constraints
//! 1. Standard time per unit is a quotient of integers, never rounded before an amount is multiplied with it.
//! 2. A recipe is keyed by machine and product (`*` for any) and in force like a planned cycle time. A batch is judged by the
//!    recipe in force at its beginning, all of it.
//! 3. Standard output is what a batch gives when nothing goes wrong: yield that falls short of it shows as performance, what is
//!    rejected as quality. 收率 is beside OEE, never inside it twice.

use serde::{Deserialize, Serialize};

use super::unit::{Amount, Measure, Unit};
use super::{TIME_MAX_MS, check_amount, check_name, refuse};
use crate::decimal::div_half_up;
use crate::exact::Rational;
use crate::model::{ModelError, check_id};
use crate::oee::Undefined;

const KIND: &str = "recipe";
/// Millionths of a microsecond in a millisecond.
const PER_MS: i128 = 1_000_000_000;

/// The body of a `recipe` declaration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// Machine id.
    pub machine: String,
    /// Product, or `*` for any.
    #[serde(default = "any_product")]
    pub product: String,
    /// Standard time for the standard output, milliseconds. For a continuous process 3,600,000 beside the nominal hourly rate.
    pub standard_ms: i64,
    /// Standard output.
    pub output: Amount,
    /// What 收率 is measured against; without it a yield is undefined.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub yield_basis: Option<YieldBasis>,
    /// Phases in order; may be empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub phases: Vec<RecipePhase>,
}

/// What 收率 is measured against.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum YieldBasis {
    /// A theoretical output of every batch (理论产量), millionths of the unit of the output.
    Theoretical {
        /// Theoretical output.
        output_micro: i64,
    },
    /// Theoretical output in proportion to what was charged (投料量).
    Charged {
        /// So much charged …
        input: Amount,
        /// … gives so much in theory, millionths of the unit of the output.
        output_micro: i64,
    },
}

/// A phase of a recipe.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecipePhase {
    /// Name, as batches state it.
    pub phase: String,
    /// Standard time, milliseconds.
    pub standard_ms: i64,
}

fn any_product() -> String {
    "*".to_owned()
}

impl Recipe {
    /// Checks every bound.
    ///
    /// # Errors
    /// [`ModelError`] names the field and what is allowed there.
    pub(crate) fn checked(self) -> Result<Self, ModelError> {
        check_id(KIND, "machine", &self.machine)?;
        check_name(KIND, "product", &self.product)?;
        check_time("standard_ms", self.standard_ms)?;
        check_amount(KIND, "output.micro", self.output.micro, 1)?;
        // Below a microsecond per unit no register of ours can follow.
        if i128::from(self.output.micro) > i128::from(self.standard_ms) * PER_MS {
            return Err(refuse(KIND, "output.micro", "more than one unit per microsecond"));
        }
        match self.yield_basis {
            Some(YieldBasis::Theoretical { output_micro }) => {
                check_amount(KIND, "yield_basis.theoretical.output_micro", output_micro, 1)?;
            }
            Some(YieldBasis::Charged { input, output_micro }) => {
                check_amount(KIND, "yield_basis.charged.input.micro", input.micro, 1)?;
                check_amount(KIND, "yield_basis.charged.output_micro", output_micro, 1)?;
            }
            None => {}
        }
        if self.phases.len() > 64 {
            return Err(refuse(KIND, "phases", "at most 64 phases"));
        }
        for (i, p) in self.phases.iter().enumerate() {
            check_name(KIND, &format!("phases[{i}].phase"), &p.phase)?;
            check_time(&format!("phases[{i}].standard_ms"), p.standard_ms)?;
            if self.phases.iter().take(i).any(|other| other.phase == p.phase) {
                return Err(refuse(KIND, format!("phases[{i}].phase"), "is there twice"));
            }
        }
        Ok(self)
    }

    /// The base unit of the output.
    pub fn unit(&self) -> Unit {
        self.output.unit.base().0
    }

    /// The same as a measure.
    pub fn measure(&self) -> Measure {
        Measure::Only(self.unit())
    }

    /// Standard time of an amount in millionths of the base unit: millionths of a microsecond, half away from zero. `None` beyond
    /// every number a machine reaches.
    pub fn standard_of(&self, micro: i128) -> Option<i128> {
        let standard = i128::from(self.standard_ms) * PER_MS;
        div_half_up(micro.checked_mul(standard)?, self.output.in_base().1)
    }

    /// What the standard output makes of so many milliseconds, millionths of the base unit.
    pub fn output_in(&self, ms: i64) -> Option<i128> {
        div_half_up(i128::from(ms).checked_mul(self.output.in_base().1)?, self.standard_ms.into())
    }

    /// The theoretical output (理论产量) of a batch, millionths of the base unit.
    ///
    /// # Errors
    /// No basis declared, nothing charged stated, or charged in another unit than the recipe's.
    pub fn theoretical(&self, charged: Option<Amount>) -> Result<Rational, Undefined> {
        let factor = i128::from(self.output.unit.base().1);
        match self.yield_basis.ok_or(Undefined::NoYieldBasis)? {
            YieldBasis::Theoretical { output_micro } => Ok(Rational::integer(i128::from(output_micro) * factor)),
            YieldBasis::Charged { input, output_micro } => {
                let (unit, micro) = charged.ok_or(Undefined::NoYieldBasis)?.in_base();
                let (standard_unit, standard) = input.in_base();
                if unit != standard_unit {
                    return Err(Undefined::MixedUnits);
                }
                let per_input = Rational::new(i128::from(output_micro) * factor, standard);
                per_input.and_then(|r| r.times(Rational::integer(micro))).ok_or(Undefined::NoYieldBasis)
            }
        }
    }

    /// The standard time of a phase, milliseconds.
    pub fn phase_ms(&self, phase: &str) -> Option<i64> {
        self.phases.iter().find(|p| p.phase == phase).map(|p| p.standard_ms)
    }
}

fn check_time(field: &str, ms: i64) -> Result<(), ModelError> {
    if (1..=TIME_MAX_MS).contains(&ms) {
        Ok(())
    } else {
        Err(refuse(KIND, field, "must be from 1 millisecond to 366 days"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recipe(json: &str) -> Recipe {
        serde_json::from_str::<Recipe>(json).unwrap().checked().unwrap()
    }

    #[test]
    fn standard_time_is_amount_over_rate_in_any_unit_of_mass() {
        // Four hours for 3 t.
        let batch = recipe(r#"{"machine":"r1","standard_ms":14400000,"output":{"micro":3000000,"unit":"t"}}"#);
        assert_eq!(batch.product, "*");
        // 1,500 kg are two hours; a third of a kilogram rounds once.
        assert_eq!(batch.standard_of(1_500_000_000), Some(7_200_000 * PER_MS));
        assert_eq!(batch.standard_of(333_333), Some(1_599_998_400_000));
        assert_eq!(batch.output_in(7_200_000), Some(1_500_000_000));
        assert_eq!(batch.standard_of(i128::MAX), None);
        // 500 kg/h.
        let flow = recipe(r#"{"machine":"x","standard_ms":3600000,"output":{"micro":500000000,"unit":"kg"}}"#);
        assert_eq!(flow.standard_of(1_000_000), Some(7_200 * PER_MS), "7.2 s per kilogram");
    }

    #[test]
    fn theoretical_output_follows_the_charge_exactly() {
        let by_charge = recipe(
            r#"{"machine":"r1","standard_ms":1,"output":{"micro":1,"unit":"L"},
                "yield_basis":{"charged":{"input":{"micro":3000000,"unit":"kg"},"output_micro":2000000}}}"#,
        );
        let of = |micro, unit| by_charge.theoretical(Some(Amount { micro, unit }));
        assert_eq!(of(1_000_000, Unit::Kilograms), Ok(Rational::new(2_000_000, 3).unwrap()));
        assert_eq!(of(1_000, Unit::Tonnes), of(1_000_000, Unit::Kilograms));
        assert_eq!(of(1_000_000, Unit::Litres), Err(Undefined::MixedUnits));
        assert_eq!(by_charge.theoretical(None), Err(Undefined::NoYieldBasis));
        let none = Recipe { yield_basis: None, ..by_charge };
        assert_eq!(none.theoretical(None), Err(Undefined::NoYieldBasis));
    }
}
