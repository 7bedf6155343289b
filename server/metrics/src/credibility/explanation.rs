//! The factory's explanation of a finding.
//!
//! Constraints
//! 1. An explanation is a declaration like any other: logged, by a pseudonym, never edited. It names the finding by its key and
//!    says which finding that is, so a mistyped key is refused instead of explaining nothing.
//! 2. It stands beside the finding and never removes it. A later one stands beside the earlier.
//!
//! When others may see a finding is the business of [`course`](crate::credibility::course).

use serde::{Deserialize, Serialize};

use crate::credibility::course::FindingRef;
use crate::credibility::finding::Finding;
use crate::credibility::list::detector;
use crate::statements::Statements;

/// Longest explanation, bytes of UTF-8.
pub const TEXT_MAX: usize = 8_000;

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
    let named = FindingRef {
        finding: body.finding.clone(),
        detector: body.detector.clone(),
        machine: body.machine.clone(),
        from_ms: body.from_ms,
    };
    named.check()?;
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
pub fn of(statements: &Statements, finding: &Finding) -> Vec<Explained> {
    let mut out: Vec<Explained> = statements
        .explanations(&finding.key)
        .iter()
        .map(|stated| {
            let envelope = statements.declared(stated.leaf).map(|s| &s.body);
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

/// Whether this program has the detector an explanation names.
pub fn is_known(body: &Explanation) -> bool {
    detector(&body.detector).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credibility::finding::key;

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
}
