//! What happened to a finding since it was found: who was shown it, who acknowledged it, and from when others may see it.
//!
//! Constraints
//! 1. Every step is a declaration in the log: `finding_shown`, `finding_acknowledged`, `explanation`. The course is a function of the
//!    log, so whoever holds it finds the same order. Times are the server's, never the ones an author may choose.
//! 2. The factory sees a finding first. Others see it when the factory has acknowledged or explained it, or when so many days
//!    have passed since it was shown to the factory; never because of what it says.
//! 3. Only who states in the role of the factory ([`FACTORY_ROLE`]) takes a step for it. A provider or an administrator may explain, and
//!    that stands beside the finding and opens nothing.
//! 4. The first of each step counts: showing a finding again starts no new term, and nobody acknowledges what he has not seen.

use serde::{Deserialize, Serialize};

use crate::credibility::finding::{Finding, key};
use crate::report::Words;
use crate::statements::{Stated, Statements};

/// The role that speaks for the factory.
pub const FACTORY_ROLE: &str = "firm";
/// Days after which a finding is shown whatever the factory did, unless a programme says otherwise.
pub const DAYS_DEFAULT: u32 = 14;
/// Most days a programme may say.
pub const DAYS_MAX: u32 = 90;
/// Most findings one `finding_shown` names.
pub const SHOWN_MAX: usize = 200;
const DAY_MS: i64 = 86_400_000;

/// A finding, named so that a mistyped key is noticed. Alone it is the body of `finding_acknowledged`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FindingRef {
    /// Key of the finding, 64 lower-case hexadecimal digits.
    pub finding: String,
    /// Its detector, `name@version`.
    pub detector: String,
    /// Its machine.
    pub machine: String,
    /// Its first instant, UTC milliseconds.
    pub from_ms: i64,
}

impl FindingRef {
    /// Names a finding.
    pub fn to(finding: &Finding) -> Self {
        Self {
            finding: finding.key.clone(),
            detector: finding.detector.to_owned(),
            machine: finding.machine.clone(),
            from_ms: finding.from_ms(),
        }
    }

    /// Whether the key is that of the other three.
    ///
    /// # Errors
    /// The field that is wrong, and what is allowed there.
    pub fn check(&self) -> Result<(), (&'static str, String)> {
        let version = self.detector.rsplit_once('@').map(|(_, v)| v);
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '_' | '@');
        if self.detector.len() > 64
            || !self.detector.chars().all(plain)
            || version.is_none_or(|v| v.parse::<u16>().is_err())
        {
            return Err(("detector", "must be a detector like credibility.frozen_value@1".to_owned()));
        }
        if self.finding != key(&self.detector, &self.machine, self.from_ms) {
            return Err(("finding", "is not the key of this detector, machine and first instant".to_owned()));
        }
        Ok(())
    }
}

/// `finding_shown`: these findings were put before somebody who may speak for the factory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FindingShown {
    /// The findings, at most [`SHOWN_MAX`].
    pub findings: Vec<FindingRef>,
}

impl FindingShown {
    /// Checks the number of findings and each of them.
    ///
    /// # Errors
    /// The field that is wrong, and what is allowed there.
    pub fn check(&self) -> Result<(), (&'static str, String)> {
        if self.findings.is_empty() || self.findings.len() > SHOWN_MAX {
            return Err(("findings", format!("must name 1 to {SHOWN_MAX} findings")));
        }
        self.findings.iter().try_for_each(FindingRef::check)
    }
}

/// Who took a step, and where the log says so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    /// Leaf of the declaration.
    pub leaf: u64,
    /// When the server logged it, UTC milliseconds.
    pub received_ms: i64,
    /// Pseudonym.
    pub author: String,
    /// In which role.
    pub role: String,
}

impl Step {
    fn of(stated: &Stated<protocol::Declaration>) -> Self {
        Self {
            leaf: stated.leaf,
            received_ms: stated.received_ms,
            author: stated.body.author.clone(),
            role: stated.body.role.clone(),
        }
    }
}

/// What happened to a finding so far.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Course {
    /// The factory could first see it.
    pub shown: Option<Step>,
    /// The factory first said that it has seen it.
    pub acknowledged: Option<Step>,
    /// Its first explanation.
    pub explained: Option<Step>,
}

/// The course of a finding, from the log alone.
pub fn course(statements: &Statements, finding: &Finding) -> Course {
    let step = |leaf: Option<u64>| leaf.and_then(|leaf| statements.declared(leaf)).map(Step::of);
    Course {
        shown: step(statements.first_shown(&finding.key)),
        acknowledged: step(statements.first_acknowledged(&finding.key)),
        explained: statements
            .explanations(&finding.key)
            .iter()
            .filter_map(|e| step(Some(e.leaf)))
            .filter(|s| s.role == FACTORY_ROLE)
            .min_by_key(|s| s.leaf),
    }
}

/// From when others may see a finding, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Release {
    /// UTC milliseconds; `None` while the factory has not been shown it.
    pub from_ms: Option<i64>,
    /// Why then.
    pub reason: Words,
}

impl Release {
    /// Whether others may see it at an instant.
    pub fn is_open(&self, now_ms: i64) -> bool {
        self.from_ms.is_some_and(|from_ms| from_ms <= now_ms)
    }
}

/// The order rule. `days` is the programme's parameter, at most [`DAYS_MAX`]. What happened before the factory was shown the
/// finding counts from then.
pub fn release(course: &Course, days: u32) -> Release {
    let words = |zh: String, en: String| Words { zh, en };
    let Some(shown_ms) = course.shown.as_ref().map(|s| s.received_ms) else {
        return Release {
            from_ms: None,
            reason: words("尚未向企业展示".to_owned(), "not yet shown to the factory".to_owned()),
        };
    };
    let days = days.min(DAYS_MAX);
    let answered = |step: &Option<Step>| step.as_ref().map(|s| s.received_ms.max(shown_ms));
    let term = shown_ms.saturating_add(i64::from(days) * DAY_MS);
    // The earliest decides; of two at one instant, what the factory did comes before the term.
    let reasons = [
        (answered(&course.explained), words("企业已附说明".to_owned(), "the factory has explained it".to_owned())),
        (answered(&course.acknowledged), words("企业已知悉".to_owned(), "the factory has acknowledged it".to_owned())),
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

#[cfg(test)]
mod tests {
    use super::*;

    fn named(machine: &str) -> FindingRef {
        let detector = "credibility.frozen_value@1";
        FindingRef {
            finding: key(detector, machine, 5),
            detector: detector.into(),
            machine: machine.into(),
            from_ms: 5,
        }
    }

    #[test]
    fn a_list_of_findings_is_bounded_and_every_key_is_checked() {
        let of = |findings| FindingShown { findings }.check().map_err(|e| e.0);
        assert_eq!(of(vec![named("press"); SHOWN_MAX]), Ok(()));
        assert_eq!(of(vec![named("press"); SHOWN_MAX + 1]), Err("findings"));
        assert_eq!(of(Vec::new()), Err("findings"));
        let mistyped = FindingRef { from_ms: 6, ..named("lathe") };
        assert_eq!(of(vec![named("press"), mistyped]), Err("finding"));
        let detector = FindingRef { detector: "Frozen".into(), ..named("press") };
        assert_eq!(detector.check().map_err(|e| e.0), Err("detector"));
    }

    #[test]
    fn the_factory_sees_it_first() {
        let day = |d: i64| d * DAY_MS;
        let step = |at: Option<i64>| {
            at.map(|received_ms| Step { leaf: 1, received_ms, author: "u1".into(), role: "firm".into() })
        };
        let of = |shown, acknowledged, explained| {
            let course = Course { shown: step(shown), acknowledged: step(acknowledged), explained: step(explained) };
            release(&course, DAYS_DEFAULT).from_ms
        };
        assert_eq!(of(None, Some(1), Some(1)), None, "never before the factory was shown it");
        assert_eq!(of(Some(day(1)), None, None), Some(day(15)));
        assert_eq!(of(Some(day(1)), Some(day(3)), Some(day(2))), Some(day(2)));
        assert_eq!(of(Some(day(1)), Some(day(40)), None), Some(day(15)), "silence does not hide it");
        assert_eq!(of(Some(day(1)), Some(0), None), Some(day(1)));
        let long = release(&Course { shown: step(Some(0)), ..Course::default() }, u32::MAX);
        assert_eq!(long.from_ms, Some(day(i64::from(DAYS_MAX))));
        assert!(long.reason.zh.contains("90 天") && long.reason.en.contains("90 days"));
        assert!(long.is_open(day(90)) && !long.is_open(day(90) - 1));
        assert!(!release(&Course::default(), 0).is_open(i64::MAX), "not shown, not open");
    }
}
