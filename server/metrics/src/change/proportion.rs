//! Change of a quality rate by Newcombe's interval, for parts that may be taken as independent.

use serde::Serialize;

use super::Verdict;
use crate::statistics::Number;
use crate::statistics::newcombe::{Proportion, compare};
use crate::statistics::student::Confidence;

/// The change of a proportion.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ProportionChange {
    /// Method and version.
    pub method: &'static str,
    /// Before.
    pub before: Proportion,
    /// After.
    pub after: Proportion,
    /// Shares before and after.
    pub shares: (Number, Number),
    /// Wilson's intervals before and after.
    pub wilson: ((Number, Number), (Number, Number)),
    /// after − before.
    pub difference: Number,
    /// Newcombe's interval of the difference.
    pub interval: (Number, Number),
    /// Wald's, for comparison only.
    pub wald: (Number, Number),
    /// Confidence of all of them.
    pub confidence: Confidence,
    /// What may be said, code.
    pub verdict: Verdict,
    /// What may be said, Chinese.
    pub verdict_zh: String,
    /// What may be said, English.
    pub verdict_en: String,
}

/// Evaluates the change; `None` when a side has no trials or more successes than trials.
pub fn proportion(before: Proportion, after: Proportion, confidence: Confidence) -> Option<ProportionChange> {
    let d = compare(before, after, confidence)?;
    let both = |(low, high): (f64, f64)| (Number::new(low), Number::new(high));
    let verdict = Verdict::of(Some(d.newcombe));
    let (verdict_zh, verdict_en) = verdict.words(confidence);
    Some(ProportionChange {
        method: "newcombe@1",
        before,
        after,
        shares: (before.share().into(), after.share().into()),
        wilson: (both(before.wilson(confidence)), both(after.wilson(confidence))),
        difference: d.difference.into(),
        interval: both(d.newcombe),
        wald: both(d.wald),
        confidence,
        verdict,
        verdict_zh,
        verdict_en,
    })
}
