//! How a filed plan is changed, as far as the rule's text says it.

use metrics::filed::{OpinionBy, Route};
use serde::{Deserialize, Serialize};

use crate::words::Clause;

/// How a filed plan is changed.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChangeRules {
    /// Whose opinions are needed, in order; the last ones decide.
    pub route: Vec<OpinionBy>,
    /// How many of the last decide together: the text names no order among them.
    #[serde(default = "one")]
    pub together: u8,
    /// Where it says so.
    pub clause: Clause,
    /// How late a project may be.
    pub delay: Option<Delay>,
    /// What counts as a major change (重大变化).
    #[serde(default)]
    pub major: Vec<Major>,
}

const fn one() -> u8 {
    1
}

impl ChangeRules {
    /// Whose opinions are needed, and where it says so.
    pub fn asked(&self) -> Route<'_> {
        Route { opinions: &self.route, together: self.together, article: &self.clause.article }
    }
}

/// How late a project may be.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Delay {
    /// Months after the end of the term.
    pub months: u8,
    /// Where it says so.
    pub clause: Clause,
}

/// A major change.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Major {
    /// What is changed.
    pub kind: MajorKind,
    /// Where it says so.
    pub clause: Clause,
}

/// What a major change changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MajorKind {
    /// The firm.
    Firm,
    /// What is built.
    Contents,
    /// The term, by the months of the rule or more.
    Delay,
    /// Something else.
    Other,
}
