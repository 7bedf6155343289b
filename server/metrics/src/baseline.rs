//! The energy baseline: measured energy regressed on what drives it (reference §3.2, ASHRAE Guideline 14-2014 Annex B, CalTRACK 2.0).
//!
//! ```text
//! M1:  E_t = b0 + b1·P_t + e_t
//! M2:  E_t = b0 + Σ b_j·P_jt + b_h·HDD_t + b_c·CDD_t + e_t
//! ```
//!
//! Constraints
//! 1. The arithmetic only: what the data must be to be believed is decided in [`crate::savings`]. But nothing is fitted that
//!    cannot be: every refusal is a [`Refusal`] with a reason.
//! 2. `p` counts every estimated coefficient, the intercept included, and CV(RMSE) divides by `n − p`. CalTRACK 4.3.2.2 leaves the
//!    intercept out; the difference is stated wherever CV(RMSE) is shown.
//! 3. Points are evaluated in the order of their periods, whatever order they came in; two points of one period are refused.
//! 4. Energy has one unit throughout (kWh unless the caller says otherwise); drivers are finite and not negative.
//!
//! `uncertainty` says how far the answer may be off, `range` whether the model was asked about what it has seen.

mod range;
mod refusal;
#[cfg(test)]
mod tests;
mod uncertainty;

use serde::{Deserialize, Serialize};

pub use range::{Excursion, RangeFindings};
pub use refusal::{Refusal, Side};
pub use uncertainty::{CALTRACK_DAILY, CALTRACK_MONTHLY, Uncertainty, uncertainty};

use crate::statistics::ols::{self, OlsError};
use crate::statistics::{Number, Undefined, mean, series, sum};

/// Most points of a side: twelve months of hours are a model of their own, not this one.
pub const POINTS_MAX: usize = 20_000;
/// Most drivers, indicators included.
pub const DRIVERS_MAX: usize = 16;

/// How long a period is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cadence {
    /// Production days; a period is a day since 1970-01-01.
    Day,
    /// Months; a period is a month since 1970-01.
    Month,
}

/// What a driver is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DriverKind {
    /// Output of a product; its coefficient is energy per unit.
    Production,
    /// Heating degree days (HDD).
    Heating,
    /// Cooling degree days (CDD).
    Cooling,
    /// 1 while a logged non-routine event lasts, else 0 (reference §3.6).
    Indicator,
}

/// A column of the model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Driver {
    /// Name as printed.
    pub id: String,
    /// Unit as printed: `t`, `pcs`, `°C·d`.
    pub unit: String,
    /// What it is.
    pub kind: DriverKind,
}

/// One period of measured energy with its drivers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Point {
    /// Day since 1970-01-01 or month since 1970-01; neighbours differ by one.
    pub period: i64,
    /// Measured energy of the period, kWh, by register difference.
    pub energy: f64,
    /// One value per driver, in their order.
    pub drivers: Vec<f64>,
    /// The machine is known to have been off: a zero reading is a measurement and not a gap.
    #[serde(default)]
    pub is_off: bool,
}

/// A coefficient with its error.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Coefficient {
    /// `intercept` or the driver's id.
    pub name: String,
    /// kWh per unit of the driver; kWh per period for the intercept.
    pub value: Number,
    /// Standard error, same unit.
    pub standard_error: Number,
    /// value / standard error.
    pub t: Number,
}

/// What is printed about a model (reference §3.2).
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Statistics {
    /// Baseline points, n.
    pub points: usize,
    /// Estimated coefficients with the intercept, p.
    pub parameters: usize,
    /// n − p.
    pub degrees_of_freedom: u32,
    /// Intercept first, then the drivers in order.
    pub coefficients: Vec<Coefficient>,
    /// Mean energy of a baseline period, kWh.
    pub mean_energy: Number,
    /// Sum of squared residuals, kWh².
    pub sse: Number,
    /// s = √(SSE/(n − p)), kWh.
    pub rmse: Number,
    /// s / mean energy.
    pub cv_rmse: Number,
    /// Σe / ((n − p)·mean): 0 by construction for a model with intercept on its own data, up to rounding.
    pub nmbe: Number,
    /// 1 − SSE/SST.
    pub r2: Number,
    /// 1 − (1 − R²)(n − 1)/(n − p).
    pub r2_adjusted: Number,
    /// Lag-1 autocorrelation of the residuals over neighbours, not clamped to positive.
    pub rho: Number,
    /// Effective points n' = n(1 − ρ)/(1 + ρ), ρ clamped to 0…0.99; n when ρ is undefined.
    pub effective_points: Number,
    /// Durbin–Watson.
    pub durbin_watson: Number,
}

/// A fitted baseline.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    drivers: Vec<Driver>,
    fit: ols::Fit,
    /// Least and greatest baseline value of each driver.
    ranges: Vec<(f64, f64)>,
    mean_energy: f64,
    effective_points: f64,
    statistics: Statistics,
}

/// The model's answer for some points.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Projection {
    /// Points, m.
    pub points: usize,
    /// Σ adjusted baseline Ê, kWh.
    pub adjusted: f64,
    /// Σ measured, kWh.
    pub actual: f64,
    /// Σ(Ê − E), kWh; positive is less energy used (reference §0.7).
    pub avoided: f64,
    /// 1ᵀX_r(XᵀX)⁻¹X_rᵀ1: what the uncertainty of the coefficients adds to the sum.
    pub leverage: f64,
}

impl Model {
    /// Fits the baseline.
    ///
    /// # Errors
    /// Bad or doubled points, too few of them, or a driver that is a combination of others.
    pub fn fit(drivers: &[Driver], points: &[Point]) -> Result<Self, Refusal> {
        let points = in_order(Side::Baseline, drivers, points)?;
        let n = points.len();
        let mut columns = vec![vec![1.0; n]];
        for j in 0..drivers.len() {
            columns.push(points.iter().filter_map(|p| p.drivers.get(j).copied()).collect());
        }
        let energy: Vec<f64> = points.iter().map(|p| p.energy).collect();
        let fit = ols::fit(&columns, &energy).map_err(|e| refusal_of(e, drivers))?;
        let mean_energy = mean(&energy).unwrap_or_default();
        let periods: Vec<i64> = points.iter().map(|p| p.period).collect();
        let auto =
            if fit.sse == 0.0 { Err(Undefined::PerfectFit) } else { series::autocorrelation(&fit.residuals, &periods) };
        let effective_points = series::effective_points(n, auto.map_or(0.0, |a| a.rho));
        let statistics = statistics(drivers, &fit, &energy, mean_energy, auto, effective_points);
        let ranges = columns.iter().skip(1).map(|c| range::of(c)).collect();
        Ok(Self { drivers: drivers.to_vec(), fit, ranges, mean_energy, effective_points, statistics })
    }

    /// What is printed about it.
    pub const fn statistics(&self) -> &Statistics {
        &self.statistics
    }

    /// Its drivers.
    pub fn drivers(&self) -> &[Driver] {
        &self.drivers
    }

    /// Adjusted baseline Ê of one point, kWh.
    pub fn predict(&self, point: &Point) -> f64 {
        sum(self.design_row(point).zip(&self.fit.coefficients).map(|(x, b)| x * b))
    }

    /// Sums over points; splitting the points and adding gives the same energies.
    ///
    /// # Errors
    /// No points, or bad or doubled ones.
    pub fn project(&self, points: &[Point]) -> Result<Projection, Refusal> {
        let points = in_order(Side::Reporting, &self.drivers, points)?;
        if points.is_empty() {
            return Err(Refusal::NoReportingPoints);
        }
        let mut totals = vec![0.0; self.fit.coefficients.len()];
        for (k, total) in totals.iter_mut().enumerate() {
            *total = sum(points.iter().filter_map(|p| self.design_row(p).nth(k)));
        }
        let adjusted = sum(points.iter().map(|p| self.predict(p)));
        let actual = sum(points.iter().map(|p| p.energy));
        Ok(Projection {
            points: points.len(),
            adjusted,
            actual,
            avoided: sum(points.iter().map(|p| self.predict(p) - p.energy)),
            leverage: self.fit.quadratic_form(&totals),
        })
    }

    /// Where the points lie relative to what the model has seen.
    pub fn range_findings(&self, points: &[Point]) -> RangeFindings {
        range::findings(&self.drivers, &self.ranges, points)
    }

    fn design_row(&self, point: &Point) -> impl Iterator<Item = f64> {
        std::iter::once(1.0).chain(point.drivers.iter().copied())
    }
}

/// The points in the order of their periods, checked.
pub(crate) fn in_order(side: Side, drivers: &[Driver], points: &[Point]) -> Result<Vec<Point>, Refusal> {
    if points.len() > POINTS_MAX || drivers.len() > DRIVERS_MAX {
        return Err(Refusal::TooLarge);
    }
    let mut points = points.to_vec();
    points.sort_by_key(|p| p.period);
    for point in &points {
        let period = point.period;
        if point.drivers.len() != drivers.len() {
            return Err(Refusal::DriverCount { side, period });
        }
        let usable = |v: f64| v.is_finite() && v >= 0.0;
        if !usable(point.energy) {
            return Err(Refusal::BadValue { side, period, column: "energy".to_owned() });
        }
        if let Some((driver, _)) = drivers.iter().zip(&point.drivers).find(|(_, v)| !usable(**v)) {
            return Err(Refusal::BadValue { side, period, column: driver.id.clone() });
        }
    }
    let doubled = points.windows(2).find_map(|w| match w {
        [a, b] if a.period == b.period => Some(a.period),
        _ => None,
    });
    match doubled {
        Some(period) => Err(Refusal::DoubledPeriod { side, period }),
        None => Ok(points),
    }
}

fn refusal_of(error: OlsError, drivers: &[Driver]) -> Refusal {
    match error {
        OlsError::TooFewPoints { points, parameters } => Refusal::TooFewPoints { points, parameters },
        OlsError::Dependent { column } => {
            let driver = column.checked_sub(1).and_then(|c| drivers.get(c));
            Refusal::DependentDriver { driver: driver.map_or_else(|| "intercept".to_owned(), |d| d.id.clone()) }
        }
        OlsError::Shape { .. } | OlsError::NotFinite => Refusal::TooLarge,
    }
}

fn statistics(
    drivers: &[Driver],
    fit: &ols::Fit,
    energy: &[f64],
    mean_energy: f64,
    auto: Result<series::Autocorrelation, Undefined>,
    effective_points: f64,
) -> Statistics {
    let (n, p) = (energy.len(), fit.coefficients.len());
    let df = f64::from(fit.df);
    let sst = sum(energy.iter().map(|e| (e - mean_energy) * (e - mean_energy)));
    // Equal values leave rounding behind: a millionth of a millionth of the mean is no variation.
    let varies = libm::sqrt(sst / n as f64) > 1e-12 * mean_energy;
    let r2 = if varies { Number::new(1.0 - fit.sse / sst) } else { Number::undefined(Undefined::NoVariation) };
    let names = std::iter::once("intercept").chain(drivers.iter().map(|d| d.id.as_str()));
    let coefficients = names.zip(fit.coefficients.iter().zip(fit.standard_errors()));
    let is_perfect = fit.sse == 0.0;
    let t = |b: f64, se: f64| if is_perfect { Number::undefined(Undefined::PerfectFit) } else { Number::ratio(b, se) };
    Statistics {
        points: n,
        parameters: p,
        degrees_of_freedom: fit.df,
        coefficients: coefficients
            .map(|(name, (b, se))| Coefficient {
                name: name.to_owned(),
                value: Number::new(*b),
                standard_error: Number::new(se),
                t: t(*b, se),
            })
            .collect(),
        mean_energy: Number::new(mean_energy),
        sse: Number::new(fit.sse),
        rmse: Number::new(fit.s()),
        cv_rmse: Number::ratio(fit.s(), mean_energy),
        nmbe: Number::ratio(sum(fit.residuals.iter().copied()), df * mean_energy),
        r2,
        r2_adjusted: r2.map(|r| 1.0 - (1.0 - r) * (n as f64 - 1.0) / df),
        rho: auto.map(|a| a.rho).into(),
        effective_points: Number::new(effective_points),
        durbin_watson: auto.map(|a| a.durbin_watson).into(),
    }
}
