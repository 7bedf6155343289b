//! The factory's explanation of a finding, and when others may see a finding.
//!
//! Constraints
//! 1. An explanation is a declaration like any other: logged, by a pseudonym, never edited. It names the finding by its key and
//!    says which finding that is, so a mistyped key is refused instead of explaining nothing.
//! 2. It stands beside the finding and never removes it. A later one stands beside the earlier.
//! 3. The factory sees a finding first. Others see it when the factory has acknowledged or explained it, or when so many days
//!    have passed since it was shown to the factory; never because of what it says.

use serde::{Deserialize, Serialize};

use crate::credibility::finding::{Finding, key};
use crate::credibility::list::detector;
use crate::history::History;
use crate::report::Words;

/// Longest explanation, bytes of UTF-8.
pub const TEXT_MAX: usize = 8_000;
/// Days after which a finding is shown whatever the factory did, unless a programme says otherwise.
pub const DAYS_DEFAULT: u32 = 14;
/// Most days a programme may say.
pub const DAYS_MAX: u32 = 90;
const DAY_MS: i64 = 86_400_000;

/// `explanation`: what the factory says of a matter to verify.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Explanation {
    /// Key of the finding, 64 lower-case hexadecimal digits.
    pub finding: String,
    /// Its detector, `name@version`.
    pub detector: String,
    /// Its machine.
    pub machine: String,
    /// Its first instant, UTC milliseconds.
    pub from_ms: i64,
    /// The explanation.
    pub text: String,
    /// SHA-256 of a document kept elsewhere, 64 lower-case hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document: Option<String>,
}

/// Checks an explanation: the field that is wrong and what is allowed there.
///
/// # Errors
/// Field and reason.
pub fn check(body: &Explanation) -> Result<(), (&'static str, String)> {
    let version = body.detector.rsplit_once('@').map(|(_, v)| v);
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '_' | '@');
    if body.detector.len() > 64
        || !body.detector.chars().all(plain)
        || version.is_none_or(|v| v.parse::<u16>().is_err())
    {
        return Err(("detector", "must be a detector like credibility.frozen_value@1".to_owned()));
    }
    if body.finding != key(&body.detector, &body.machine, body.from_ms) {
        return Err(("finding", "is not the key of this detector, machine and first instant".to_owned()));
    }
    if body.text.trim().is_empty() || body.text.len() > TEXT_MAX {
        return Err(("text", format!("must have 1 to {TEXT_MAX} bytes")));
    }
    if body.text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\t')) {
        return Err(("text", "must have no control characters but line breaks and tabs".to_owned()));
    }
    let is_digest = |d: &str| d.len() == 64 && d.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    if body.document.as_deref().is_some_and(|d| !is_digest(d)) {
        return Err(("document", "must be a SHA-256 digest of 64 lower-case hexadecimal digits".to_owned()));
    }
    Ok(())
}

/// An explanation as it stands beside a finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explained {
    /// Leaf of the declaration.
    pub leaf: u64,
    /// When the server logged it, UTC milliseconds.
    pub received_ms: i64,
    /// Pseudonym of who said it.
    pub author: String,
    /// In which role.
    pub role: String,
    /// What was said.
    pub text: String,
    /// Digest of a document.
    pub document: Option<String>,
}

/// All explanations of a finding, in order of the log. An explanation whose detector this program no longer knows still stands.
pub fn of(history: &History, finding: &Finding) -> Vec<Explained> {
    let statements = history.statements();
    let ledger = statements.ledger();
    let mut out: Vec<Explained> = statements
        .explanations(&finding.key)
        .iter()
        .map(|stated| {
            let place = ledger.binary_search_by_key(&stated.leaf, |s| s.leaf).ok();
            let envelope = place.and_then(|i| ledger.get(i)).map(|s| &s.body);
            Explained {
                leaf: stated.leaf,
                received_ms: stated.received_ms,
                author: envelope.map_or_else(String::new, |e| e.author.clone()),
                role: envelope.map_or_else(String::new, |e| e.role.clone()),
                text: stated.body.text.clone(),
                document: stated.body.document.clone(),
            }
        })
        .collect();
    out.sort_by_key(|e| e.leaf);
    out
}

/// What happened to a finding so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Course {
    /// When the factory could first see it, UTC milliseconds.
    pub shown_ms: Option<i64>,
    /// When the factory said that it has seen it.
    pub acknowledged_ms: Option<i64>,
    /// When its first explanation was logged.
    pub explained_ms: Option<i64>,
}

/// From when others may see a finding, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Release {
    /// UTC milliseconds; `None` while the factory has not been shown it.
    pub from_ms: Option<i64>,
    /// Why then.
    pub reason: Words,
}

/// The order rule. `days` is the programme's parameter, at most [`DAYS_MAX`]. What happened before the factory was shown the
/// finding counts from then: nobody acknowledges what he has not seen.
pub fn release(course: Course, days: u32) -> Release {
    let words = |zh: String, en: String| Words { zh, en };
    let Some(shown_ms) = course.shown_ms else {
        return Release {
            from_ms: None,
            reason: words("尚未向企业展示".to_owned(), "not yet shown to the factory".to_owned()),
        };
    };
    let days = days.min(DAYS_MAX);
    let answered = |at: Option<i64>| at.map(|ms| ms.max(shown_ms));
    let term = shown_ms.saturating_add(i64::from(days) * DAY_MS);
    // The earliest decides; of two at one instant, what the factory did comes before the term.
    let reasons = [
        (answered(course.explained_ms), words("企业已附说明".to_owned(), "the factory has explained it".to_owned())),
        (
            answered(course.acknowledged_ms),
            words("企业已知悉".to_owned(), "the factory has acknowledged it".to_owned()),
        ),
        (
            Some(term),
            words(
                format!("向企业展示已满 {days} 天"),
                format!("{days} days have passed since the factory was shown it"),
            ),
        ),
    ];
    let first = reasons.into_iter().filter_map(|(at, reason)| Some((at?, reason))).min_by_key(|(at, _)| *at);
    first.map_or_else(
        || Release { from_ms: None, reason: words(String::new(), String::new()) },
        |(at, reason)| Release { from_ms: Some(at), reason },
    )
}

/// Whether this program has the detector an explanation names.
pub fn is_known(body: &Explanation) -> bool {
    detector(&body.detector).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body() -> Explanation {
        Explanation {
            finding: key("credibility.frozen_value@1", "press", 5),
            detector: "credibility.frozen_value@1".into(),
            machine: "press".into(),
            from_ms: 5,
            text: "电表通信模块更换，末值保持。".into(),
            document: Some("ab".repeat(32)),
        }
    }

    #[test]
    fn an_explanation_names_its_finding_and_nothing_else() {
        assert_eq!(check(&body()), Ok(()));
        assert!(is_known(&body()));
        let field = |change: fn(&mut Explanation)| {
            let mut b = body();
            change(&mut b);
            check(&b).unwrap_err().0
        };
        assert_eq!(field(|b| b.machine = "lathe".into()), "finding");
        assert_eq!(field(|b| b.from_ms = 6), "finding");
        assert_eq!(field(|b| b.finding.make_ascii_uppercase()), "finding");
        assert_eq!(field(|b| b.detector = "Frozen@1".into()), "detector");
        assert_eq!(field(|b| b.detector = "frozen".into()), "detector");
        assert_eq!(field(|b| b.text = " \n".into()), "text");
        assert_eq!(field(|b| b.text = "x".repeat(TEXT_MAX + 1)), "text");
        assert_eq!(field(|b| b.text = "a\u{1b}[2J".into()), "text");
        assert_eq!(field(|b| b.document = Some("AB".repeat(32))), "document");
    }

    #[test]
    fn the_factory_sees_it_first() {
        let day = |d: i64| d * DAY_MS;
        let of = |shown, acknowledged, explained| {
            let course = Course { shown_ms: shown, acknowledged_ms: acknowledged, explained_ms: explained };
            release(course, DAYS_DEFAULT).from_ms
        };
        assert_eq!(of(None, Some(1), Some(1)), None, "never before the factory was shown it");
        assert_eq!(of(Some(day(1)), None, None), Some(day(15)));
        assert_eq!(of(Some(day(1)), Some(day(3)), Some(day(2))), Some(day(2)));
        assert_eq!(of(Some(day(1)), Some(day(40)), None), Some(day(15)), "silence does not hide it");
        assert_eq!(of(Some(day(1)), Some(0), None), Some(day(1)));
        let long = release(Course { shown_ms: Some(0), ..Course::default() }, u32::MAX);
        assert_eq!(long.from_ms, Some(day(i64::from(DAYS_MAX))));
        assert!(long.reason.zh.contains("90 天") && long.reason.en.contains("90 days"));
    }
}
