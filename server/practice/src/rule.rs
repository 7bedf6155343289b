//! A rule file: what a subsidy rule says, each sentence with its article and its words.
//!
//! Constraints
//! 1. Every limit, category, exclusion and instalment names its article and quotes it. What a text leaves to the authority is
//!    written as open, never as a number.
//! 2. The order of `cap` is the order in which the limits are applied.
//! 3. A digital level is never found out here: the file has limits by level, the claim has the level somebody else stated.
//! 4. A draft has `draft = true`, and everything computed by it says so.
//!
//! The format is described in `docs/reference/data-files.md`; the files are in `configs/policy/`.

mod change;
mod check;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use jiff::civil::Date;
use metrics::model::Names;
use metrics::report::{RouteAsked, RuleAsked};
use serde::{Deserialize, Serialize};
use toml::Spanned;

pub use metrics::filed::Day;

pub use self::change::{ChangeRules, Delay, Major, MajorKind};

use crate::file::{FileError, Source};
use crate::words::{Clause, Fen, words};

/// A rule file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    pub(crate) id: Spanned<String>,
    /// Title of the document.
    pub names: Names,
    /// 文号, as printed; absent when the document has none (a draft).
    pub number: Option<String>,
    /// Bodies that issued it.
    pub issuers: Vec<String>,
    /// 征求意见稿: not in force, and not binding.
    pub draft: bool,
    /// Date of the document.
    pub issued: Option<Day>,
    /// From when to when it is in force (有效期), where the text says so.
    pub validity: Option<Validity>,
    /// From when to when the pilot runs (试点实施期), where the text says so. It is no validity: what holds afterwards the text leaves open.
    pub pilot: Option<Pilot>,
    /// Since when what was done counts, where the text says so.
    pub since: Option<Since>,
    /// Sub-sectors the text favours.
    pub sectors: Option<Sectors>,
    /// Least level the text asks for, where it asks for one beside its limits.
    pub least_level: Option<LeastLevel>,
    /// Part of a software or service contract that is hardware (硬件): how it counts.
    pub hardware: Counting,
    /// Kinds of expense.
    pub category: Vec<Category>,
    /// What is asked of each expense beside its kind.
    #[serde(default)]
    pub line_condition: Vec<LineCondition>,
    /// What takes a firm out.
    #[serde(default)]
    pub exclusion: Vec<Exclusion>,
    /// Limits, in the order in which they are applied.
    pub cap: Vec<Cap>,
    /// Awards (奖励) beside the subsidy.
    #[serde(default)]
    pub award: Vec<Award>,
    /// Instalments, in order.
    pub stage: Vec<Stage>,
    /// Calls (批次) with their own dates.
    #[serde(default)]
    pub batch: Vec<Batch>,
    /// How a filed plan is changed; absent where the text does not say.
    pub change: Option<ChangeRules>,
    /// What else a reader has to know, above all what the text leaves open.
    #[serde(default)]
    pub note: Vec<Note>,
}

/// When a rule is in force.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Validity {
    /// First date; absent when the text gives an event instead.
    pub from: Option<Day>,
    /// Last date.
    pub to: Option<Day>,
    /// Length in years from the first date, where the text says that instead of a last date.
    pub years: Option<u8>,
    /// Where it says so.
    pub clause: Clause,
    /// What it says about the time afterwards.
    pub afterwards: Option<Clause>,
}

/// When a pilot runs.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pilot {
    /// First date; absent when the text gives an event instead.
    pub from: Option<Day>,
    /// Last date.
    pub to: Day,
    /// Where it says so.
    pub clause: Clause,
}

/// Since when what was done counts.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Since {
    /// First date.
    pub from: Day,
    /// Where it says so.
    pub clause: Clause,
}

/// Sub-sectors a text favours.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sectors {
    /// Their Chinese names.
    pub list: Vec<String>,
    /// Where it says so.
    pub clause: Clause,
}

/// A least level.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeastLevel {
    /// 1 to 4.
    pub level: u8,
    /// Where it says so.
    pub clause: Clause,
}

/// Whether something counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Counts {
    /// It counts.
    Yes,
    /// It does not.
    No,
    /// The text does not decide; the authority does (由主管部门确定).
    Open,
}

/// How something counts, and where that is said.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counting {
    /// For the subsidy.
    pub counts: Counts,
    /// For the firm's investment (数字化转型投入).
    pub investment: Counts,
    /// Where it says so.
    pub clause: Clause,
}

/// A kind of expense.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Category {
    pub(crate) id: Spanned<String>,
    /// Its name.
    pub names: Names,
    /// For the subsidy.
    pub counts: Counts,
    /// For the firm's investment (数字化转型投入).
    pub investment: Counts,
    /// It is hardware itself: what the rule says about hardware inside a contract says nothing about it.
    #[serde(default)]
    pub hardware: bool,
    /// Where it says so.
    pub clause: Clause,
}

/// A fact about an expense.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LineFact {
    /// In the filed plan or an approved change of it.
    InPlan,
    /// In a contract of the retrofit.
    InContract,
    /// Already subsidised from elsewhere.
    Subsidised,
}

/// What is asked of each expense.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LineCondition {
    /// Which fact.
    pub fact: LineFact,
    /// What it must be.
    pub must_be: bool,
    /// How the expense counts otherwise.
    pub otherwise: Counts,
    /// Where it says so.
    pub clause: Clause,
}

/// What takes a firm out: a question with the answer that does.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exclusion {
    pub(crate) id: Spanned<String>,
    /// The question, answered yes or no.
    pub names: Names,
    /// The answer that excludes.
    pub when: bool,
    /// It takes out the subsidy alone; awards are not spoken of.
    #[serde(default)]
    pub subsidy_only: bool,
    /// Where it says so.
    pub clause: Clause,
}

/// What a share is taken of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Base {
    /// Expenses within the scope of the subsidy.
    Eligible,
    /// The firm's investment.
    Investment,
}

/// A limit.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cap {
    pub(crate) id: Spanned<String>,
    /// Its name.
    pub names: Names,
    /// What it limits to.
    pub limit: Limit,
    /// Where it says so.
    pub clause: Clause,
    /// What the text leaves open about it.
    pub open: Option<Names>,
}

/// What a limit limits to.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Limit {
    /// The subsidy, to a share.
    Share {
        /// Whole percent.
        percent: u8,
        /// Of what, unless the authority confirmed an amount.
        of: Base,
    },
    /// The subsidy, to an amount by the stated level: `{"2" = fen, …}`, each for its level and up to the next.
    Level {
        /// Fen by level.
        fen: BTreeMap<String, Fen>,
    },
    /// All support together, subsidy, awards and what was received before, to a share.
    AllSupport {
        /// Whole percent.
        percent: u8,
        /// Of what, unless the authority confirmed an amount.
        of: Base,
    },
    /// The share that the authority announces for a batch; nothing is computed until it is stated.
    Authority {},
    /// The amount that the authority sets elsewhere; nothing is computed until it is stated.
    AuthorityAmount {},
}

/// An award.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Award {
    pub(crate) id: Spanned<String>,
    /// Its name.
    pub names: Names,
    /// Its amount, where the text fixes one.
    pub fixed_fen: Option<Fen>,
    /// Its most, where the text says 不超过.
    pub most_fen: Option<Fen>,
    /// Where it says so.
    pub clause: Clause,
}

/// An instalment.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stage {
    pub(crate) id: Spanned<String>,
    /// Its name.
    pub names: Names,
    /// How much.
    pub part: Part,
    /// When, in the text's words.
    pub clause: Clause,
}

/// How much an instalment is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Part {
    /// At most so many percent of the whole.
    AtMost {
        /// Whole percent.
        percent: u8,
    },
    /// What is left.
    Rest,
    /// The authority decides whether and how much.
    Authority,
}

impl Part {
    /// In words.
    pub fn words(self) -> Names {
        match self {
            Self::AtMost { percent } => {
                words(format!("不超过补助总额的 {percent} %"), format!("at most {percent} % of the whole"))
            }
            Self::Rest => words("其余部分", "the rest"),
            Self::Authority => words("是否拨付及金额由主管部门确定", "the authority decides whether and how much"),
        }
    }
}

/// A call with dates of its own.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Batch {
    pub(crate) id: Spanned<String>,
    /// Its name.
    pub names: Names,
    /// Projects begin after this date.
    pub started_after: Option<Day>,
    /// Projects end by this date.
    pub finished_by: Option<Day>,
    /// Where it says so.
    pub clause: Clause,
}

/// Something to know.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Note {
    /// What.
    pub names: Names,
    /// Where it says so, if it says so.
    pub clause: Option<Clause>,
}

macro_rules! ids {
    ($($of:ty),*) => { $(impl $of {
        /// Its id.
        pub fn id(&self) -> &str {
            self.id.get_ref()
        }
    })* };
}
ids!(Rule, Category, Exclusion, Cap, Award, Stage, Batch);

impl Rule {
    /// Reads a rule file.
    ///
    /// # Errors
    /// The first thing that is wrong, with its line, in Chinese and English.
    pub fn parse(text: &str) -> Result<Self, FileError> {
        let source = Source(text);
        let rule: Self = source.read()?;
        rule.check(source)?;
        Ok(rule)
    }

    /// What a report needs to know of it, which has no rule files: see `metrics::report::FilingAsked`.
    pub fn asked(&self) -> RuleAsked {
        let route = |change: &ChangeRules| RouteAsked {
            article: change.clause.article.clone(),
            opinions: change.route.clone(),
            together: change.together,
        };
        RuleAsked {
            id: self.id().to_owned(),
            names: (&self.names).into(),
            number: self.number.clone(),
            draft: self.draft,
            change: self.change.as_ref().map(route),
        }
    }

    /// Everything said in words, each with where in the file it belongs.
    fn said(&self) -> Vec<(usize, Option<&Names>, Option<&Clause>)> {
        let at = |id: &Spanned<String>| id.span().start;
        let top = at(&self.id);
        let mut out = vec![
            (top, Some(&self.names), None),
            (top, None, self.validity.as_ref().map(|v| &v.clause)),
            (top, None, self.validity.as_ref().and_then(|v| v.afterwards.as_ref())),
            (top, None, self.pilot.as_ref().map(|p| &p.clause)),
            (top, None, self.since.as_ref().map(|s| &s.clause)),
            (top, None, self.sectors.as_ref().map(|s| &s.clause)),
            (top, None, self.least_level.as_ref().map(|l| &l.clause)),
            (top, None, Some(&self.hardware.clause)),
        ];
        out.extend(self.category.iter().map(|c| (at(&c.id), Some(&c.names), Some(&c.clause))));
        out.extend(self.line_condition.iter().map(|c| (top, None, Some(&c.clause))));
        out.extend(self.exclusion.iter().map(|c| (at(&c.id), Some(&c.names), Some(&c.clause))));
        out.extend(self.cap.iter().map(|c| (at(&c.id), Some(&c.names), Some(&c.clause))));
        out.extend(self.cap.iter().map(|c| (at(&c.id), c.open.as_ref(), None)));
        out.extend(self.award.iter().map(|c| (at(&c.id), Some(&c.names), Some(&c.clause))));
        out.extend(self.stage.iter().map(|c| (at(&c.id), Some(&c.names), Some(&c.clause))));
        out.extend(self.batch.iter().map(|c| (at(&c.id), Some(&c.names), Some(&c.clause))));
        let change = self.change.iter();
        out.extend(change.clone().map(|c| (top, None, Some(&c.clause))));
        out.extend(change.clone().flat_map(|c| &c.delay).map(|d| (top, None, Some(&d.clause))));
        out.extend(change.flat_map(|c| &c.major).map(|m| (top, None, Some(&m.clause))));
        out.extend(self.note.iter().map(|n| (top, Some(&n.names), n.clause.as_ref())));
        out
    }

    /// Every place of the text that the file quotes.
    pub fn clauses(&self) -> impl Iterator<Item = &Clause> {
        self.said().into_iter().filter_map(|(_, _, clause)| clause)
    }

    /// First and last date in force (有效期); `began` is what the authority says when the text names an event instead of a date.
    pub fn in_force(&self, began: Option<Date>) -> (Option<Date>, Option<Date>) {
        let Some(validity) = &self.validity else { return (None, None) };
        let from = validity.from.map(|d| d.0).or(began);
        // Three years from 15 October end with 14 October.
        let by_years = from.zip(validity.years).and_then(|(from, years)| {
            from.checked_add(jiff::Span::new().years(i64::from(years))).ok()?.yesterday().ok()
        });
        (from, validity.to.map(|d| d.0).or(by_years))
    }

    /// First and last date of the pilot (试点实施期), in the same way.
    pub fn pilot_term(&self, began: Option<Date>) -> (Option<Date>, Option<Date>) {
        self.pilot.as_ref().map_or((None, None), |p| (p.from.map(|d| d.0).or(began), Some(p.to.0)))
    }

    /// Whether the text names an event whose date somebody has to state.
    pub fn begins_with_event(&self) -> bool {
        self.validity.as_ref().is_some_and(|v| v.from.is_none())
            || self.pilot.as_ref().is_some_and(|p| p.from.is_none())
    }
}

impl Limit {
    /// What it is a share of, which an authority can confirm.
    pub fn base(&self) -> Option<Base> {
        match self {
            Self::Share { of, .. } | Self::AllSupport { of, .. } => Some(*of),
            _ => None,
        }
    }

    /// Whether it has to be announced.
    pub fn is_announced(&self) -> bool {
        matches!(self, Self::Authority {} | Self::AuthorityAmount {})
    }
}

/// The rule files delivered with the program: name below `configs/policy/` and text.
pub const DELIVERED: [(&str, &str); 3] = [
    ("kunming", include_str!("../../../configs/policy/kunming.toml")),
    ("mianyang-draft", include_str!("../../../configs/policy/mianyang-draft.toml")),
    ("guangdong", include_str!("../../../configs/policy/guangdong.toml")),
];

static READ: LazyLock<Vec<Rule>> =
    LazyLock::new(|| DELIVERED.iter().filter_map(|(_, text)| Rule::parse(text).ok()).collect());

/// The rules delivered with the program, read once. That each of the files can be read is tested.
pub fn delivered() -> &'static [Rule] {
    &READ
}

/// The delivered rule with this id.
pub fn find(id: &str) -> Option<&'static Rule> {
    READ.iter().find(|rule| rule.id() == id)
}
