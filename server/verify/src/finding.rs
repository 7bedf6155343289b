//! One thing that verification found, good or bad, in both languages.

use std::collections::BTreeMap;

use serde::Serialize;

/// Most findings of one code that are told: a manifest can list millions of files, and a reader needs the first.
pub(crate) const FINDINGS_MAX: usize = 1_000;

/// How a finding bears on the verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// A step passed.
    Ok,
    /// Worth knowing; refuses nothing.
    Note,
    /// The bundle is refused.
    Refused,
}

/// The answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Everything holds under the trust file.
    Verified,
    /// Everything agrees with itself, but no trust file says whose it is.
    ConsistentNotAnchored,
    /// Signed and whole under the trust file, but not one reading is in the bundle: the report is what the server stated in its log,
    /// and no number of it was computed again.
    NotRecomputed,
    /// Altered, incomplete or signed by someone else.
    Refused,
}

impl Verdict {
    /// Exit code of the command.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Verified => 0,
            Self::Refused => 1,
            Self::ConsistentNotAnchored => 2,
            // 3 is a program that could not do its work.
            Self::NotRecomputed => 4,
        }
    }
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How it bears on the verdict.
    pub severity: Severity,
    /// A fixed word for programs: `archive`, `manifest`, `tree`, `anchor`, `kept`, `gateway`, `signature`, `chain`, `content`,
    /// `declaration`, `report`, `filed_plan`, `onsite`, `deviation`, `issued`, `document`, `lost`, `quarantine`, `epoch`.
    pub code: &'static str,
    /// Where: a file of the archive, a leaf, a report line; empty when it is the whole bundle.
    pub place: String,
    /// In Chinese.
    pub zh: String,
    /// In English.
    pub en: String,
}

impl Finding {
    pub(crate) fn new(
        severity: Severity,
        code: &'static str,
        place: impl Into<String>,
        zh: impl Into<String>,
        en: impl Into<String>,
    ) -> Self {
        Self { severity, code, place: place.into(), zh: zh.into(), en: en.into() }
    }

    pub(crate) fn ok(code: &'static str, zh: impl Into<String>, en: impl Into<String>) -> Self {
        Self::new(Severity::Ok, code, "", zh, en)
    }

    pub(crate) fn note(
        code: &'static str,
        place: impl Into<String>,
        zh: impl Into<String>,
        en: impl Into<String>,
    ) -> Self {
        Self::new(Severity::Note, code, place, zh, en)
    }

    pub(crate) fn refused(
        code: &'static str,
        place: impl Into<String>,
        zh: impl Into<String>,
        en: impl Into<String>,
    ) -> Self {
        Self::new(Severity::Refused, code, place, zh, en)
    }
}

/// The first [`FINDINGS_MAX`] of every code, refusals apart, in their order, with how many there were beyond.
pub(crate) fn first_of_each(findings: Vec<Finding>) -> Vec<Finding> {
    let mut counts: BTreeMap<(&str, bool), usize> = BTreeMap::new();
    let mut kept = Vec::new();
    for finding in findings {
        let count = counts.entry((finding.code, finding.severity == Severity::Refused)).or_default();
        *count += 1;
        if *count <= FINDINGS_MAX {
            kept.push(finding);
        }
    }
    for ((code, is_refused), count) in counts {
        let Some(more) = count.checked_sub(FINDINGS_MAX).filter(|more| *more > 0) else { continue };
        let severity = if is_refused { Severity::Refused } else { Severity::Note };
        let zh = format!("另有同类 {more} 项，未列出");
        kept.push(Finding::new(severity, code, "", zh, format!("and {more} more of the kind, which are not listed")));
    }
    kept
}
