//! How far savings may be off (reference §3.3): exact for least squares, and the two approximations reviewers know.
//!
//! ```text
//! exact     U   = t·s·√(κ·(m + 1ᵀX_r(XᵀX)⁻¹X_rᵀ1)),  κ = n/n'
//! ASHRAE    FSU = t·1.26·CV(RMSE)/|F|·√((n/n')·(1 + 2/n')·(1/m))            Guideline 14-2014 Annex B
//! CalTRACK  the same with a·M² + b·M + d for 1.26, M months of reporting    CalTRACK 2.0 §4.3
//! ```
//!
//! Constraints
//! 1. The exact interval is the statement; FSU is shown for reviewers. Student's t is two-sided with n − p degrees of freedom.
//! 2. κ widens model and noise alike. OpenEEmeter widens the noise only and so is a little narrower; a test shows by how much.
//! 3. FSU is relative to the size of the change and undefined when there is none. Its sign is dropped: it is a width.
//! 4. The CalTRACK polynomial was fitted to weather models and stays for comparability only.

use serde::Serialize;

use super::{Cadence, Model, Projection};
use crate::statistics::student::{Confidence, t_quantile};
use crate::statistics::{Number, Undefined};

/// Coefficients a, b, d of CalTRACK's polynomial for daily data.
pub const CALTRACK_DAILY: [f64; 3] = [-0.000_24, 0.035_35, 1.002_86];
/// The same for monthly data (`billing`).
pub const CALTRACK_MONTHLY: [f64; 3] = [-0.000_22, 0.033_06, 0.940_54];
/// The constant of ASHRAE Guideline 14.
const ASHRAE: f64 = 1.26;
/// Days that CalTRACK counts as a month of daily data (OpenEEmeter `derivatives.py`).
const DAYS_PER_MONTH: f64 = 30.0;

/// Uncertainty of avoided energy at one confidence.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Uncertainty {
    /// Two-sided, parts of ten thousand.
    pub confidence: Confidence,
    /// Student's t.
    pub t: Number,
    /// Exact half width U with κ, kWh.
    pub half_width: Number,
    /// avoided − U, kWh.
    pub lower: Number,
    /// avoided + U, kWh.
    pub upper: Number,
    /// U / |avoided|.
    pub relative: Number,
    /// Half width if residuals were taken as independent (κ = 1), kWh: shows what autocorrelation costs.
    pub half_width_independent: Number,
    /// Fractional savings uncertainty after ASHRAE Guideline 14.
    pub fsu_ashrae: Number,
    /// Fractional savings uncertainty after CalTRACK 2.0.
    pub fsu_caltrack: Number,
}

/// Evaluates all three at one confidence.
pub fn uncertainty(model: &Model, projection: &Projection, cadence: Cadence, confidence: Confidence) -> Uncertainty {
    // A fit has at least one degree of freedom.
    let t = t_quantile(confidence, model.fit.df).unwrap_or(f64::NAN);
    let (n, m) = (model.statistics.points as f64, projection.points as f64);
    let independent = t * model.fit.s() * libm::sqrt(m + projection.leverage);
    let half = t * model.fit.s() * libm::sqrt(n / model.effective_points * (m + projection.leverage));
    let relative = |width: f64| {
        if projection.avoided == 0.0 {
            Number::undefined(Undefined::NoChange)
        } else {
            Number::new(width / projection.avoided.abs())
        }
    };
    let (months, [a, b, d]) = match cadence {
        Cadence::Day => (m / DAYS_PER_MONTH, CALTRACK_DAILY),
        Cadence::Month => (m, CALTRACK_MONTHLY),
    };
    let fsu = |factor: f64| {
        let effective = model.effective_points;
        let spread = libm::sqrt(n / effective * (1.0 + 2.0 / effective) * (1.0 / m));
        if model.mean_energy == 0.0 {
            return Number::undefined(Undefined::ZeroDenominator);
        }
        // F = avoided / ΣÊ; written as a product so that ΣÊ = 0 needs no case of its own.
        relative(t * factor * (model.fit.s() / model.mean_energy) * spread * projection.adjusted.abs())
    };
    Uncertainty {
        confidence,
        t: Number::new(t),
        half_width: Number::new(half),
        lower: Number::new(projection.avoided - half),
        upper: Number::new(projection.avoided + half),
        relative: relative(half),
        half_width_independent: Number::new(independent),
        fsu_ashrae: fsu(ASHRAE),
        fsu_caltrack: fsu(a * months * months + b * months + d),
    }
}
