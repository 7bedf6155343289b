//! Energy and carbon from exact amounts and versioned factors (reference §2).
//!
//! Constraints
//! 1. Factors, tariffs and grid factors are data with an id and a version, never numbers in code; every result names the
//!    set it used and its basis (当量值 or 等价值).
//! 2. Amounts are exact: registers in integers of their base unit, everything derived a quotient of integers. Digits are
//!    made once, when printed.
//! 3. Nothing is counted twice: energy-carrying media made on site from energy already metered are listed and not added.
//! 4. Import and export are never netted; a carrier in another unit than its factor is refused, never converted silently.
//!
//! [`factors`], [`comprehensive`]: kgce; [`carbon`]: CO₂; [`tariff`]: 尖峰平谷; [`demand`]: 需量; [`electrical`]: load factor,
//! power factor, energy by state; [`profile`]: interval energies of a register; [`exchange`]: import and export, registers that run
//! backwards; [`integration`]: energy from power where there is no register; [`value`]: energy per output value, change of cost.

pub mod carbon;
pub mod comprehensive;
pub mod demand;
pub mod electrical;
pub mod exchange;
pub mod factors;
pub mod integration;
pub mod profile;
pub mod tariff;
pub mod value;

/// Why a figure of energy or carbon could not be formed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnergyError {
    /// Data is not what its format says.
    #[error("{file}: {reason}")]
    Data {
        /// Which data.
        file: String,
        /// What is wrong and what is allowed.
        reason: String,
    },
    /// A carrier has no factor in the set.
    #[error("`{carrier}` has no factor in {set}: add it to a new version of the set, or state a measured value")]
    NoFactor {
        /// Carrier id.
        carrier: String,
        /// Factor set id.
        set: String,
    },
    /// An amount is in another unit than its factor.
    #[error("`{carrier}` is in {got}, its factor is per {wanted}: convert the amount where it is entered")]
    Unit {
        /// Carrier id.
        carrier: String,
        /// Unit of the factor.
        wanted: String,
        /// Unit of the amount.
        got: String,
    },
    /// A factor of electricity that fits neither basis, or not the one it claims.
    #[error(
        "an electricity factor of {factor} kgce/kWh is not {claimed}: 当量值 lies in (0.10, 0.13), 等价值 in (0.25, 0.45)"
    )]
    Basis {
        /// The factor.
        factor: String,
        /// The basis it claims.
        claimed: &'static str,
    },
    /// Nothing to divide by.
    #[error("{0} is zero: the quotient is undefined")]
    Zero(&'static str),
    /// A number beyond 128 bits.
    #[error("a number is too large to be an amount of energy")]
    TooLarge,
}
