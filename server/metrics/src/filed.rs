//! The filed plan (备案方案), applications to change it (变更申请), and opinions on them: what was promised to an authority.
//!
//! Constraints
//! 1. None of it moves a number of a report. It says what was promised; readings say what is there.
//! 2. Of the statements of one filing the first leaf is the plan: stating it anew changes nothing, only an approved change does.
//! 3. Investments are whole fen. A target has its unit (百分点 or relative percent), its base period and how it is counted
//!    (计算口径), or it is none.
//! 4. Everybody's opinion is a statement of its own, with the role of the account that stated it, the date on its paper and when the
//!    server logged it. Nothing here judges whether it was right.
//!
//! 5. Only what everybody on the rule's route agreed to, in its order and from an account that speaks for them, changes the plan.
//!    Whatever else the log has counts for nothing and is named; nothing is dropped from the log by it.
//! 6. A resubmission of an application starts its route anew: an opinion is on what was submitted before it, not on what came after.
//! 7. Dates are those on the papers. None may lie after the day on which the server logged it, and that day stands beside it where it
//!    is later.
//! 8. A difference between the plan in force and what is there is named, whatever was applied for.
//! 9. Everything is a function of the filing's statements in order of the log, a route, what was seen, and a date. Which opinions are
//!    asked, and in which order, is the rule's matter: whoever has its file (`gongzheng-practice`) or a report that names it says so.
//!
//! `filed/check.rs`: bounds; `filed/course.rs`: applications and opinions; `filed/force.rs`: the plan in force; `filed/compared.rs`:
//! promised, connected, producing; `filed/door.rs`: what is refused before it is logged; `filed/why.rs`: why.

mod check;
mod compared;
mod course;
mod day;
mod door;
mod force;
mod why;

use serde::{Deserialize, Serialize};

pub(crate) use self::check::{TEXT_MAX, digest as check_document, range, words as check_words};
pub(crate) use self::check::{check_acceptance, check_change, check_finished, check_opinion, check_plan};
pub use self::compared::{
    Compared, Covered, Difference, PRODUCING_DAYS, Promise, Seen, SeenGateway, TagsSeen, compare, gateways_there, there,
};
pub use self::course::{Application, Course, Problem, Status};
pub use self::day::{Day, NO_DATE};
pub use self::force::{ApprovedChange, InForce, Procedure, Route, total_fen};
pub use self::why::Why;

use crate::model::{DateRange, Names, Target};

/// `filed_plan`: what a firm filed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FiledPlan {
    /// Id of the filing.
    pub filing: String,
    /// Names of the project.
    pub names: Names,
    /// The rule it was filed under, by the id of its rule file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// 文号 or number of the filing, as printed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<String>,
    /// Date of the filing (备案日期), `YYYY-MM-DD`.
    pub filed: String,
    /// First and last date of the works (实施期限).
    pub term: DateRange,
    /// Machines to be connected, with their points.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub machines: Vec<PromisedMachine>,
    /// Gateway ids.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gateways: Vec<String>,
    /// Investment.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<InvestmentLine>,
    /// 绩效目标.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<FiledTarget>,
    /// When instalments are expected.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub payments: Vec<ExpectedPayment>,
    /// SHA-256 of the filed paper, hex.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document: Option<String>,
}

/// A machine that was promised.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PromisedMachine {
    /// Machine id.
    pub machine: String,
    /// What is read of it: roles of its signals (`energy`) or tags (`press/energy`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub points: Vec<String>,
}

/// A line of the investment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InvestmentLine {
    /// Id of the line.
    pub line: String,
    /// Category of the rule file.
    pub category: String,
    /// What is bought.
    pub what: String,
    /// How much, fen.
    pub amount_fen: i64,
}

/// A target that was filed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FiledTarget {
    /// Id of the target.
    pub target: String,
    /// What is promised of.
    pub names: Names,
    /// Definition of the catalogue it is counted by, if one is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub definition: Option<String>,
    /// How much, of what, which way.
    pub promised: Target,
    /// Base period (基期).
    pub base: DateRange,
    /// 计算口径, as filed.
    pub method: String,
}

/// When an instalment is expected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpectedPayment {
    /// Instalment of the rule file.
    pub stage: String,
    /// `YYYY-MM-DD`.
    pub date: String,
}

/// `plan_change`: an application to change a filed plan. The same `change` again is its resubmission.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanChange {
    /// Id of the filing.
    pub filing: String,
    /// Id of the application.
    pub change: String,
    /// Date of the application, `YYYY-MM-DD`.
    pub date: String,
    /// What would change.
    pub items: Vec<ChangeItem>,
    /// Why.
    pub reason: String,
    /// SHA-256 of the paper, hex.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document: Option<String>,
}

/// What would change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ChangeItem {
    /// A machine more, or one with other points.
    Machine(PromisedMachine),
    /// A machine less.
    WithoutMachine(String),
    /// A gateway more.
    Gateway(String),
    /// A gateway less.
    WithoutGateway(String),
    /// A line of the investment, new or with another amount.
    Line(InvestmentLine),
    /// A line less.
    WithoutLine(String),
    /// A target, new or otherwise.
    Target(FiledTarget),
    /// A target less.
    WithoutTarget(String),
    /// Another term.
    Term(DateRange),
    /// Another firm (项目主体), by name.
    Firm(String),
    /// Something else, in words.
    Other(String),
}

/// `plan_opinion`: what somebody asked says of an application.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanOpinion {
    /// Id of the filing.
    pub filing: String,
    /// Id of the application.
    pub change: String,
    /// In which capacity.
    pub by: OpinionBy,
    /// Leaf of the submission it is on: on no other does it count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub submission: Option<u64>,
    /// The body, by name.
    pub body: String,
    /// What it says.
    pub opinion: Opinion,
    /// Date of the opinion, `YYYY-MM-DD`.
    pub date: String,
    /// Why; needed unless it agrees.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// SHA-256 of the paper, hex.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document: Option<String>,
}

/// `plan_finished`: the works of a filed plan are finished. Of several the last leaf counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanFinished {
    /// Id of the filing.
    pub filing: String,
    /// When they were finished, `YYYY-MM-DD`.
    pub date: String,
    /// SHA-256 of the paper that says so, hex.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document: Option<String>,
}

/// `acceptance_held`: an acceptance was held, and on which day. The day is an authority's to state; what came of it is nowhere here. Of several of
/// one kind the last leaf counts, of the city's where it stated any.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AcceptanceHeld {
    /// Id of the filing.
    pub filing: String,
    /// Which.
    pub acceptance: Acceptance,
    /// On which day it was held, `YYYY-MM-DD`.
    pub held: String,
    /// Who held it, by name.
    pub body: String,
    /// SHA-256 of the paper that says so, hex.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document: Option<String>,
    /// What was stated of this acceptance was a mistake: none was held.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub withdrawn: bool,
}

/// An acceptance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Acceptance {
    /// Of the project, by the city.
    City,
    /// Of the city's whole pilot, by the country.
    National,
}

/// Who is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OpinionBy {
    /// 属地主管部门.
    District,
    /// 促进中心.
    Centre,
    /// 市级主管部门.
    City,
    /// 财政部门.
    Finance,
}

impl OpinionBy {
    /// Everybody who can be asked.
    pub const ALL: [Self; 4] = [Self::District, Self::Centre, Self::City, Self::Finance];

    /// The role of the accounts that speak for it.
    pub const fn role(self) -> &'static str {
        match self {
            Self::District => "district",
            Self::Centre => "centre",
            Self::City => "city",
            Self::Finance => "finance",
        }
    }

    /// Chinese and English.
    pub const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::District => ("属地主管部门", "district"),
            Self::Centre => ("促进中心", "promotion centre"),
            Self::City => ("市级主管部门", "city"),
            Self::Finance => ("财政部门", "finance bureau"),
        }
    }
}

/// What is said of an application.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Opinion {
    /// 同意.
    Agree,
    /// 不同意.
    Disagree,
    /// 退回补正.
    Return,
}

impl Opinion {
    /// Chinese and English.
    pub const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Agree => ("同意", "agreed"),
            Self::Disagree => ("不同意", "not agreed"),
            Self::Return => ("退回补正", "returned for correction"),
        }
    }
}

/// Says one thing in both languages.
fn words(zh: impl Into<String>, en: impl Into<String>) -> Names {
    Names { zh: zh.into(), en: en.into() }
}

/// A stated date; declarations are checked, so that there is one.
fn date(text: &str) -> Option<jiff::civil::Date> {
    crate::calendar::parse_date(text)
}

/// Most fen of one amount: ten billion yuan, far above any project, far below what an `i64` holds after a thousand lines.
pub const FEN_MAX: i64 = 1_000_000_000_000;

/// A statement of a filing, with who stated it and when the server logged it. The dates inside are those on the papers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filed<T> {
    /// Its leaf.
    pub leaf: u64,
    /// When the server logged it, UTC milliseconds.
    pub received_ms: i64,
    /// The role in which its author acted.
    pub role: String,
    /// What was stated.
    pub body: T,
}

/// Everything stated of one filing, in order of the log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filing {
    /// Statements of the plan: the first is the plan.
    pub plans: Vec<Filed<FiledPlan>>,
    /// Applications, resubmissions among them.
    pub changes: Vec<Filed<PlanChange>>,
    /// Opinions.
    pub opinions: Vec<Filed<PlanOpinion>>,
    /// When the works were finished, as stated.
    pub finished: Vec<Filed<PlanFinished>>,
    /// On which days acceptances were held, as stated.
    pub accepted: Vec<Filed<AcceptanceHeld>>,
}

#[cfg(test)]
mod tests;
