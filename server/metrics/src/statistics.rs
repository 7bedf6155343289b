//! The statistics behind before/after statements (reference §3), as pure functions on slices of floats.
//!
//! Constraints
//! 1. Inputs in, values out: no clock, no hidden randomness. A random draw comes from [`resample::SplitMix64`] and a seed
//!    that the report publishes.
//! 2. The same bits on every machine: additions, multiplications, divisions and square roots in a fixed order, no fused
//!    multiply-add, transcendental functions from pure-Rust `libm`.
//! 3. Nothing is ever "not a number": what has no value is [`Undefined`] with a reason, and a value is printed by
//!    [`Number`], the same digits everywhere.
//!
//! [`ols`] least squares by Householder reflections · [`student`] Student and normal quantiles · [`series`] autocorrelation and
//! block lengths · [`quantile`] type 7 · [`resample`] circular block bootstrap · [`newcombe`] two proportions.

pub mod newcombe;
mod number;
pub mod ols;
pub mod quantile;
pub mod resample;
pub mod series;
pub mod student;

pub use number::Number;

/// Why a statistic has no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Undefined {
    /// Every measured value is the same: there is no variation that a share could be taken of.
    NoVariation,
    /// The model meets every point to the last digit: residuals are rounding, ratios to them mean nothing.
    PerfectFit,
    /// Fewer than two points follow each other.
    NoNeighbours,
    /// The denominator is zero.
    ZeroDenominator,
    /// The change is exactly zero, so nothing can be relative to it.
    NoChange,
    /// Nothing was produced.
    NoProduction,
    /// Outputs in different units are not added.
    MixedUnits,
    /// The arithmetic left the range of floating point.
    Overflow,
}

impl Undefined {
    /// The code printed in reports.
    pub const fn code(self) -> &'static str {
        match self {
            Self::NoVariation => "NO_VARIATION",
            Self::PerfectFit => "PERFECT_FIT",
            Self::NoNeighbours => "NO_NEIGHBOURS",
            Self::ZeroDenominator => "ZERO_DENOMINATOR",
            Self::NoChange => "NO_CHANGE",
            Self::NoProduction => "NO_PRODUCTION",
            Self::MixedUnits => "MIXED_UNITS",
            Self::Overflow => "OVERFLOW",
        }
    }

    /// The reason in Chinese and English.
    pub const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::NoVariation => ("数值完全相同，无变化可言", "all values are equal: there is no variation"),
            Self::PerfectFit => {
                ("模型与数据完全吻合，残差仅为舍入误差", "the model meets every point: residuals are rounding only")
            }
            Self::NoNeighbours => ("没有相邻的数据点", "no two points follow each other"),
            Self::ZeroDenominator => ("分母为零", "the denominator is zero"),
            Self::NoChange => ("变化量为零", "the change is exactly zero"),
            Self::NoProduction => ("无产出", "nothing was produced"),
            Self::MixedUnits => ("产量单位不同，不相加", "outputs are in different units and are not added"),
            Self::Overflow => ("数值超出可表示范围", "a value is beyond the range of floating point"),
        }
    }
}

/// Sum in the order given, with Neumaier's compensation (Z. angew. Math. Mech. 54, 1974): the error does not grow with the
/// number of terms.
pub fn sum(values: impl IntoIterator<Item = f64>) -> f64 {
    let (mut total, mut lost) = (0.0_f64, 0.0_f64);
    for v in values {
        let next = total + v;
        lost += if total.abs() >= v.abs() { (total - next) + v } else { (v - next) + total };
        total = next;
    }
    total + lost
}

/// Arithmetic mean; `None` of nothing.
pub fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| sum(values.iter().copied()) / values.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_keeps_what_plain_addition_loses() {
        assert_eq!(sum([1.0, 1e100, 1.0, -1e100]), 2.0);
        assert_eq!(sum([]), 0.0);
        assert_eq!(mean(&[]), None);
        assert_eq!(mean(&[1.0, 2.0]), Some(1.5));
    }
}
