//! What may be said about savings, and in which sign (reference §3.5, §3.9).

use serde::{Deserialize, Serialize};

use super::rules::{Check, Weight};
use crate::statistics::student::Confidence;

/// The sign of a printed saving. Inside the crate positive is less energy used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SignConvention {
    /// 校准能耗 − 统计报告期能耗: positive is saved.
    #[default]
    SavingPositive,
    /// 统计报告期能耗 − 校准能耗, as GB/T 28750-2012 writes it: negative is saved.
    SavingNegative,
}

impl SignConvention {
    /// An avoided energy in this sign.
    pub fn signed(self, avoided: f64) -> f64 {
        match self {
            Self::SavingPositive => avoided,
            // Not −0.
            Self::SavingNegative => 0.0 - avoided,
        }
    }

    /// What the sign means, for the line under the number.
    pub const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::SavingPositive => ("正值为节能，负值为费能", "positive: energy saved; negative: more energy used"),
            Self::SavingNegative => (
                "负值为节能，正值为费能（GB/T 28750-2012）",
                "negative: energy saved; positive: more used (GB/T 28750-2012)",
            ),
        }
    }
}

/// The raw sign in words, printed beside the number whatever the convention.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Direction {
    /// Less energy used.
    Saved,
    /// More energy used.
    Wasted,
    /// Exactly as expected.
    Unchanged,
}

impl Direction {
    /// Of an avoided energy.
    pub fn of(avoided: f64) -> Self {
        if avoided > 0.0 {
            Self::Saved
        } else if avoided < 0.0 {
            Self::Wasted
        } else {
            Self::Unchanged
        }
    }

    /// Chinese and English.
    pub const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Saved => ("节能", "energy saved"),
            Self::Wasted => ("费能", "more energy used"),
            Self::Unchanged => ("持平", "unchanged"),
        }
    }
}

/// What may be said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Verdict {
    /// The interval lies above zero and every binding limit is met.
    Saved,
    /// The interval lies below zero and every binding limit is met.
    Wasted,
    /// The interval contains zero.
    NotSignificant,
    /// The baseline misses a binding acceptance limit: the number is shown, nothing is claimed.
    NotAccepted,
}

impl Verdict {
    /// From the interval of avoided energy and the acceptance checks. The check of the claim itself (FSU) binds only a claim: without
    /// a change there is nothing it could be relative to.
    pub fn of(interval: Option<(f64, f64)>, checks: &[Check]) -> Self {
        let failed = |weight: Weight| checks.iter().any(|c| c.weight == weight && c.is_met == Some(false));
        if failed(Weight::Model) {
            return Self::NotAccepted;
        }
        let claim = match interval {
            Some((low, _)) if low > 0.0 => Self::Saved,
            Some((_, high)) if high < 0.0 => Self::Wasted,
            Some(_) => return Self::NotSignificant,
            None => return Self::NotAccepted,
        };
        if failed(Weight::Claim) { Self::NotAccepted } else { claim }
    }

    /// The words, with the confidence in them.
    pub fn words(self, confidence: Confidence) -> (String, String) {
        let percent = confidence.percent();
        match self {
            Self::Saved => (format!("节能（{percent}% 置信）"), format!("energy saved ({percent} % confidence)")),
            Self::Wasted => (format!("费能（{percent}% 置信）"), format!("more energy used ({percent} % confidence)")),
            Self::NotSignificant => ("统计上无显著变化".to_owned(), "no statistically significant change".to_owned()),
            Self::NotAccepted => {
                ("未达到验收界限，不作结论".to_owned(), "an acceptance limit is missed: no statement".to_owned())
            }
        }
    }
}
