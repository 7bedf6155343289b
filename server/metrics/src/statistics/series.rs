//! What a series says about itself: autocorrelation, effective points, block lengths (reference §3.2, §3.9).
//!
//! Constraints
//! 1. Only points that follow each other are neighbours: `periods` numbers them, and a pair counts when the numbers differ by one.
//! 2. Where pairs are missing (a free Sunday) the sum over the pairs there are is scaled by `(n − 1)/pairs`. The reference divides
//!    it by all Σe² unscaled, which understates ρ by a sixth for a six-day week and narrows the interval; without gaps, as in its
//!    vectors, both are the same.
//! 3. A negative autocorrelation never narrows an interval: ρ is clamped to 0…0.99 and n' never exceeds n [PROP of §3.2].

use super::{Undefined, sum};

/// Lag-1 autocorrelation of residuals (not centred, reference §3.2) and the Durbin–Watson statistic, over neighbours only.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Autocorrelation {
    /// ρ = Σ e_t·e_{t−1} / Σ e_t², scaled for missing pairs, within −1…1.
    pub rho: f64,
    /// d = Σ (e_t − e_{t−1})² / Σ e_t², scaled likewise; 2 is none, towards 0 positive.
    pub durbin_watson: f64,
}

/// Computes both; `periods` in ascending order, one per residual.
///
/// # Errors
/// No two neighbours, or residuals that are all zero.
pub fn autocorrelation(residuals: &[f64], periods: &[i64]) -> Result<Autocorrelation, Undefined> {
    let square = sum(residuals.iter().map(|e| e * e));
    if square == 0.0 {
        return Err(Undefined::PerfectFit);
    }
    let points: Vec<(f64, i64)> = residuals.iter().copied().zip(periods.iter().copied()).collect();
    let neighbours: Vec<(f64, f64)> = points
        .windows(2)
        .filter_map(|w| match w {
            [(a, p), (b, q)] if p.checked_add(1) == Some(*q) => Some((*a, *b)),
            _ => None,
        })
        .collect();
    if neighbours.is_empty() {
        return Err(Undefined::NoNeighbours);
    }
    let scale = (residuals.len() as f64 - 1.0) / neighbours.len() as f64;
    Ok(Autocorrelation {
        rho: (sum(neighbours.iter().map(|(a, b)| a * b)) / square * scale).clamp(-1.0, 1.0),
        durbin_watson: sum(neighbours.iter().map(|(a, b)| (b - a) * (b - a))) / square * scale,
    })
}

/// n' = n·(1 − ρ)/(1 + ρ) with ρ clamped to 0…0.99.
pub fn effective_points(n: usize, rho: f64) -> f64 {
    let rho = rho.clamp(0.0, 0.99);
    n as f64 * (1.0 - rho) / (1.0 + rho)
}

/// Autocorrelation of a series around its mean at one lag; `None` for a constant or too short series.
pub fn at_lag(values: &[f64], lag: usize) -> Option<f64> {
    let centred = centre(values)?;
    let square = sum(centred.iter().map(|e| e * e));
    if square == 0.0 || lag >= values.len() {
        return None;
    }
    Some(sum(centred.iter().skip(lag).zip(&centred).map(|(a, b)| a * b)) / square)
}

/// Whether a weekly pattern is visible in daily values: autocorrelation at seven days above 2/√n, two standard errors of white noise.
pub fn is_weekly(values: &[f64]) -> bool {
    values.len() >= 14 && at_lag(values, 7).is_some_and(|r| r > 2.0 / libm::sqrt(values.len() as f64))
}

/// Block length for the circular block bootstrap by Politis and White (Econometric Reviews 23, 2004) as corrected by Patton,
/// Politis and White (28, 2009); not rounded. `None` below twenty values or for a constant series.
pub fn politis_white(values: &[f64]) -> Option<f64> {
    let n = values.len();
    if n < 20 {
        return None;
    }
    let size = n as f64;
    let centred = centre(values)?;
    let in_a_row = 5.max(libm::floor(libm::log10(size)) as usize);
    let most = libm::ceil(libm::sqrt(size)) as usize + in_a_row;
    let band = 2.0 * libm::sqrt(libm::log10(size) / size);
    let (mut covariances, mut small) = (Vec::new(), Vec::new());
    for lag in 0..=most {
        let cross = sum(centred.iter().skip(lag).zip(&centred).map(|(a, b)| a * b));
        // One value shorter than the covariance's own series: as Patton's program has it, and `arch` after it.
        let late = sum(centred.iter().skip(lag + 1).map(|e| e * e));
        let early = sum(centred.iter().take(n.saturating_sub(lag + 1)).map(|e| e * e));
        covariances.push(cross / size);
        small.push(late * early > 0.0 && cross.abs() / libm::sqrt(late * early) < band);
    }
    let variance = *covariances.first().filter(|v| **v > 0.0)?;
    // The first lag after which `in_a_row` correlations are all small.
    let quiet = (0..=most - in_a_row).find(|m| small.iter().skip(*m).take(in_a_row).all(|s| *s));
    let bandwidth = quiet.map_or(most, |m| 2 * m.max(1)).min(most);
    let (mut g, mut long_run) = (0.0, variance);
    for (lag, covariance) in covariances.iter().enumerate().skip(1).take(bandwidth) {
        let share = lag as f64 / bandwidth as f64;
        let window = if share <= 0.5 { 1.0 } else { 2.0 * (1.0 - share) };
        g += 2.0 * window * lag as f64 * covariance;
        long_run += 2.0 * window * covariance;
    }
    let d = 4.0 / 3.0 * long_run * long_run;
    if d == 0.0 {
        return None;
    }
    let length = libm::cbrt(2.0 * g * g / d) * libm::cbrt(size);
    let limit = libm::ceil((3.0 * libm::sqrt(size)).min(size / 3.0));
    Some(length.min(limit))
}

fn centre(values: &[f64]) -> Option<Vec<f64>> {
    let mean = super::mean(values)?;
    Some(values.iter().map(|v| v - mean).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_neighbours_count() {
        let e = [1.0, 1.0, -1.0, -1.0];
        let whole = autocorrelation(&e, &[1, 2, 3, 4]).unwrap();
        assert_eq!((whole.rho, whole.durbin_watson), (0.25, 1.0));
        let torn = autocorrelation(&e, &[1, 2, 9, 10]).unwrap();
        assert_eq!((torn.rho, torn.durbin_watson), (0.75, 0.0), "two pairs of three");
        assert_eq!(autocorrelation(&e, &[1, 3, 5, 7]), Err(Undefined::NoNeighbours));
        assert_eq!(autocorrelation(&[0.0, 0.0], &[1, 2]), Err(Undefined::PerfectFit));
        assert_eq!(autocorrelation(&e, &[i64::MAX, i64::MIN, 3, 4]).unwrap().rho, 0.75);
        assert_eq!(autocorrelation(&[1.0, 1.0, 0.1, 0.1], &[1, 2, 4, 6]).unwrap().rho, 1.0, "one pair cannot say more");
    }

    #[test]
    fn free_sundays_do_not_hide_a_correlation() {
        let mut random = crate::statistics::resample::SplitMix64::new(11);
        let mut e = 0.0;
        let days: Vec<(f64, i64)> = (0..5_000)
            .map(|day| {
                e = 0.5 * e + random.below(2_001) as f64 - 1_000.0;
                (e, day)
            })
            .filter(|(_, day)| day % 7 != 6)
            .collect();
        let (residuals, periods): (Vec<f64>, Vec<i64>) = days.into_iter().unzip();
        let found = autocorrelation(&residuals, &periods).unwrap();
        assert!((found.rho - 0.5).abs() < 0.04 && (found.durbin_watson - 1.0).abs() < 0.08, "{found:?}");
    }

    #[test]
    fn negative_correlation_never_adds_points() {
        assert_eq!(effective_points(12, -0.69), 12.0);
        assert_eq!(effective_points(12, 0.0), 12.0);
        assert!(effective_points(12, 0.5) == 4.0 && effective_points(12, 1.0) > 0.0);
    }

    #[test]
    fn a_weekly_rhythm_is_seen() {
        let weekly: Vec<f64> = (0..42).map(|d| if d % 7 == 6 { 0.0 } else { 10.0 + f64::from(d % 3) }).collect();
        assert!(is_weekly(&weekly));
        let mut random = crate::statistics::resample::SplitMix64::new(3);
        let noise: Vec<f64> = (0..42).map(|_| random.below(1000) as f64).collect();
        assert!(!is_weekly(&noise), "{:?}", at_lag(&noise, 7));
        assert!(!is_weekly(&[1.0; 42]) && politis_white(&[1.0; 42]).is_none() && politis_white(&[1.0; 3]).is_none());
    }
}
