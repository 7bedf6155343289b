//! Batch and continuous processes: recipes and batches as people state them, and what follows from them.
//!
//! Constraints
//! 1. Standard time of an output is amount × standard time ÷ standard output of the [`recipe`], whether the process makes batches
//!    or runs on (a nominal rate of 500 kg/h is 500 kg in one hour). So a plant of presses and reactors adds up by planned time
//!    (reference §1.6), and `OEE = Σ PRI·GQ / PBT` holds for all of it.
//! 2. A batch that crosses the edge of a window is credited by elapsed time, as the difference of two cumulative amounts that are
//!    rounded down: the parts of a window add up to the whole, to the millionth ([`credit`]). This is a convention and no
//!    measurement; the facts say so (`BATCH_APPORTIONED`).
//! 3. Amounts of different units are never added: a sum of kilograms and litres is undefined, planned time is not ([`unit`]).
//! 4. What a person stated is flagged and graded as such; a correction supersedes by batch id, the later leaf wins, and what was
//!    superseded stays visible.
//! 5. Yields, cycle and energy of many batches are quotients of sums, never means of quotients ([`sums`]).
//!
//! A machine with a part counter or totaliser takes its production from it, and a recipe gives the planned time; one without
//! takes it from its [`record`]s. [`results`] looks at each batch: phases, yield, energy; [`gap`] at the time between two: 清场,
//! 换批, waiting. [`signal`] finds batches that a machine names itself.

pub mod credit;
pub mod gap;
pub mod recipe;
pub mod record;
pub mod results;
pub mod signal;
pub mod sums;
pub mod unit;

use crate::model::ModelError;

/// Most micro-units an amount may have: a thousand million units.
pub(crate) const AMOUNT_MAX: i64 = 1_000_000_000_000_000;
/// Longest standard time, batch or phase, milliseconds: a year.
pub(crate) const TIME_MAX_MS: i64 = 86_400_000 * 366;

fn refuse(kind: &'static str, field: impl Into<String>, reason: impl Into<String>) -> ModelError {
    ModelError::Field { kind, field: field.into(), reason: reason.into() }
}

/// A name people give: 1 to 64 bytes without control characters.
fn check_name(kind: &'static str, field: &str, name: &str) -> Result<(), ModelError> {
    if (1..=64).contains(&name.len()) && !name.chars().any(char::is_control) {
        Ok(())
    } else {
        Err(refuse(kind, field, "needs 1 to 64 bytes without control characters"))
    }
}

/// An amount of something: at least `least` micro-units, at most [`AMOUNT_MAX`].
fn check_amount(kind: &'static str, field: &str, micro: i64, least: i64) -> Result<(), ModelError> {
    if (least..=AMOUNT_MAX).contains(&micro) {
        Ok(())
    } else {
        Err(refuse(kind, field, format!("must be {least} to 10^15 millionths")))
    }
}
