//! Change of a proportion: Newcombe's hybrid score interval (Statistics in Medicine 17, 1998, method 10) from two Wilson
//! intervals (reference §3.9, TV-17).
//!
//! Constraints: counts are integers, `successes ≤ trials`, `trials > 0`; parts are taken as independent, which the caller
//! must be able to say (else bootstrap the days). The interval contains the difference and stays within −1…1.

use super::student::{Confidence, normal_quantile};

/// Successes out of trials.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Proportion {
    /// For example good parts.
    pub successes: u64,
    /// For example parts inspected.
    pub trials: u64,
}

impl Proportion {
    /// `None` without trials or with more successes than trials.
    pub fn new(successes: u64, trials: u64) -> Option<Self> {
        Some(Self { successes, trials }).filter(Self::is_valid)
    }

    /// At least one trial, and no more successes than trials.
    pub fn is_valid(&self) -> bool {
        self.trials > 0 && self.successes <= self.trials
    }

    /// The share.
    pub fn share(self) -> f64 {
        self.successes as f64 / self.trials as f64
    }

    /// Wilson's score interval of the share.
    pub fn wilson(self, confidence: Confidence) -> (f64, f64) {
        let (p, n) = (self.share(), self.trials as f64);
        let z = normal_quantile(confidence);
        let z2 = z * z;
        let centre = p + z2 / (2.0 * n);
        let half = z * libm::sqrt(p * (1.0 - p) / n + z2 / (4.0 * n * n));
        let scale = 1.0 + z2 / n;
        // At 0 and 1 the end is the share itself; elsewhere rounding must not leave the share outside.
        let low = if self.successes == 0 { 0.0 } else { ((centre - half) / scale).clamp(0.0, p) };
        let high = if self.successes == self.trials { 1.0 } else { ((centre + half) / scale).clamp(p, 1.0) };
        (low, high)
    }
}

/// `after − before` with its intervals.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Difference {
    /// The difference of the shares.
    pub difference: f64,
    /// Newcombe's interval: what is reported.
    pub newcombe: (f64, f64),
    /// Wald's interval, for comparison with older reports only: too narrow for few rejects.
    pub wald: (f64, f64),
}

/// Compares two proportions; `None` when one of them is not a proportion.
pub fn compare(before: Proportion, after: Proportion, confidence: Confidence) -> Option<Difference> {
    if !before.is_valid() || !after.is_valid() {
        return None;
    }
    let (b, a) = (before.share(), after.share());
    let difference = a - b;
    let ((b_low, b_high), (a_low, a_high)) = (before.wilson(confidence), after.wilson(confidence));
    let below = libm::sqrt((a - a_low) * (a - a_low) + (b_high - b) * (b_high - b));
    let above = libm::sqrt((a_high - a) * (a_high - a) + (b - b_low) * (b - b_low));
    let newcombe = ((difference - below).max(-1.0), (difference + above).min(1.0));
    let variance = a * (1.0 - a) / after.trials as f64 + b * (1.0 - b) / before.trials as f64;
    let half = normal_quantile(confidence) * libm::sqrt(variance);
    Some(Difference { difference, newcombe, wald: (difference - half, difference + half) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extremes_stay_within_minus_one_and_one() {
        let none = Proportion::new(0, 5).unwrap();
        let all = Proportion::new(5, 5).unwrap();
        let up = compare(none, all, Confidence::P95).unwrap();
        assert_eq!((up.difference, up.newcombe.1), (1.0, 1.0));
        assert!(up.newcombe.0 > 0.0 && up.newcombe.0 < 1.0);
        let down = compare(all, none, Confidence::P95).unwrap();
        assert_eq!(down.newcombe, (-1.0, -up.newcombe.0), "exchanging the sides mirrors the interval");
        assert_eq!(Proportion::new(6, 5), None);
        assert_eq!(Proportion::new(0, 0), None);
        assert_eq!(compare(Proportion { successes: 2, trials: 1 }, all, Confidence::P95), None);
    }
}
