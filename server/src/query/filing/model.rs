//! What the page and the API show of a filing.

use serde::Serialize;
use utoipa::ToSchema;

use crate::query::{SiteHead, Words};

/// Where a policy text says so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct ClauseView {
    /// Article, as the text numbers it.
    pub article: String,
    /// The text to the character.
    pub quote: String,
    /// What it says in English.
    pub en: String,
}

/// An entry of a rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct RuleEntry {
    /// Its id.
    pub id: String,
    /// Its name.
    pub names: Words,
}

/// A rule file this server knows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct FilingRule {
    /// Its id.
    pub id: String,
    /// Title of the document.
    pub names: Words,
    /// 文号.
    pub number: Option<String>,
    /// 征求意见稿.
    pub draft: bool,
    /// Categories of expense.
    pub categories: Vec<RuleEntry>,
    /// Instalments.
    pub stages: Vec<RuleEntry>,
}

/// A machine of the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct FilingMachine {
    /// Identifier.
    pub id: String,
    /// Names as declared.
    pub names: Words,
    /// Roles its tags play.
    pub points: Vec<String>,
}

/// A machine, a point or a gateway: promised, connected, producing data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct PromiseView {
    /// Machine id; absent on the row of a gateway.
    pub machine: Option<String>,
    /// The point; absent on the row of a whole machine.
    pub point: Option<String>,
    /// Gateway id.
    pub gateway: Option<String>,
    /// In the plan in force.
    pub promised: bool,
    /// First date with data.
    pub connected: Option<String>,
    /// Last date with data.
    pub last: Option<String>,
    /// Has data within the last seven days.
    pub producing: bool,
    /// How it differs from the plan in force, with the application that would cover it.
    pub difference: Option<Words>,
    /// The other filing that promises it.
    pub elsewhere: Option<String>,
}

/// The term with the rule's limit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct TermView {
    /// First and last date of the plan in force.
    pub dates: [String; 2],
    /// `within`, `late`, `near`, `reached`.
    pub state: String,
    /// In words.
    pub words: Words,
    /// Where the text says so.
    pub clause: Option<ClauseView>,
}

/// When the works were finished, as stated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct FinishedView {
    /// The date.
    pub date: String,
    /// Its leaf.
    pub leaf: i64,
    /// Its author's pseudonym.
    pub author: String,
    /// The role in which he acted.
    pub role: String,
    /// When the server logged it, Unix ms.
    pub received_ms: i64,
}

/// An opinion that counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct OpinionView {
    /// `district`, `centre`, `city`, `finance`.
    pub by: String,
    /// The body, by name.
    pub body: String,
    /// `agree`, `disagree`, `return`.
    pub opinion: String,
    /// Date on the paper.
    pub date: String,
    /// Its author's pseudonym.
    pub author: String,
    /// The role in which he acted.
    pub role: String,
    /// When the server logged it, Unix ms.
    pub received_ms: i64,
    /// Why.
    pub reason: String,
    /// Its leaf.
    pub leaf: i64,
}

/// A statement that counts for nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct LooseView {
    /// Its leaf.
    pub leaf: Option<i64>,
    /// Why.
    pub words: Words,
}

/// A change the rule may call a major one (重大变化).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct MajorView {
    /// Whether it is one is left to the authority.
    pub is_open: bool,
    /// Where the text says so.
    pub clause: ClauseView,
}

/// An application to change the plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct ApplicationView {
    /// Its id.
    pub change: String,
    /// Leaf of its last submission.
    pub leaf: i64,
    /// Its author's pseudonym.
    pub author: String,
    /// The role in which he acted.
    pub role: String,
    /// When the server logged it, Unix ms.
    pub received_ms: i64,
    /// Date on the paper.
    pub date: String,
    /// How often it was submitted.
    pub submitted: usize,
    /// What would change.
    pub items: Vec<Words>,
    /// Why.
    pub reason: String,
    /// `approved`, `refused`, `returned`, `waiting`, `no_route`.
    pub status: String,
    /// Where it stands.
    pub stands: Words,
    /// Whose opinion is asked next: `district`, `centre`, `city`, `finance`.
    pub next: Option<String>,
    /// Whose opinion the reader may state now: the next, or that of who decides together with him.
    pub may_opine: Vec<String>,
    /// Opinions on what was submitted last.
    pub opinions: Vec<OpinionView>,
    /// Opinions on what was submitted before it was returned; of no effect any more.
    pub superseded: Vec<OpinionView>,
    /// What counts for nothing.
    pub problems: Vec<LooseView>,
    /// Major changes it makes.
    pub major: Vec<MajorView>,
}

/// A line of the investment in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct InvestmentView {
    /// Id of the line.
    pub line: String,
    /// Id of its category.
    pub category_id: String,
    /// Category, by name where the rule names it.
    pub category: Words,
    /// What is bought.
    pub what: String,
    /// Yuan with two places.
    pub yuan: String,
    /// Yuan as filed, where that is another amount; empty: not in the plan as filed.
    pub filed_yuan: Option<String>,
}

/// A target in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct FiledTargetView {
    /// Its id.
    pub target: String,
    /// What is promised of.
    pub names: Words,
    /// `increase`, `decrease`.
    pub direction: String,
    /// How much.
    pub value: String,
    /// `percentage_points`, `percent`.
    pub unit: String,
    /// Base period.
    pub base: [String; 2],
    /// 计算口径, as filed.
    pub method: String,
}

/// An instalment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct PaymentView {
    /// Its id.
    pub stage: String,
    /// Its name.
    pub names: Words,
    /// How much of the whole it is by the rule; absent where no rule at hand has the instalment.
    pub part: Option<Words>,
    /// Where it stands and when it is expected.
    pub words: Words,
    /// When, in the text's words; absent where no rule at hand has the instalment.
    pub clause: Option<ClauseView>,
}

/// A filing as of today.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct FilingState {
    /// Its id.
    pub id: String,
    /// Names of the project.
    pub names: Words,
    /// 文号 or number, as printed.
    pub number: Option<String>,
    /// Date of the filing.
    pub filed: String,
    /// Its leaf.
    pub leaf: i64,
    /// Its author's pseudonym.
    pub author: String,
    /// The role in which he acted.
    pub role: String,
    /// When the server logged it, Unix ms.
    pub received_ms: i64,
    /// The rule it was filed under.
    pub rule: Option<FilingRule>,
    /// The firm, where an approved change names another.
    pub firm: Option<String>,
    /// Approved changes in words.
    pub others: Vec<String>,
    /// Leaves that state the plan anew and change nothing.
    pub stated_again: Vec<i64>,
    /// When the works were finished, as the firm stated last.
    pub finished: Option<FinishedView>,
    /// The term.
    pub term: Option<TermView>,
    /// Machines promised, connected, producing data.
    pub counted_machines: [usize; 3],
    /// The same of points.
    pub counted_points: [usize; 3],
    /// The same of gateways.
    pub counted_gateways: [usize; 3],
    /// Every machine, point and gateway.
    pub rows: Vec<PromiseView>,
    /// Applications in order of submission.
    pub applications: Vec<ApplicationView>,
    /// Statements that belong to no application.
    pub loose: Vec<LooseView>,
    /// Investment.
    pub lines: Vec<InvestmentView>,
    /// Yuan in force and as filed.
    pub investment_yuan: [String; 2],
    /// Targets.
    pub targets: Vec<FiledTargetView>,
    /// Instalments of the rule, and those that the plan has beside it.
    pub payments: Vec<PaymentView>,
}

/// A site's filing with what can be stated about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct FilingView {
    /// The site.
    pub site: SiteHead,
    /// Every filing of the site, in order of the log.
    pub filings: Vec<String>,
    /// The one that was asked for, or the first; none: nothing was filed.
    pub filing: Option<FilingState>,
    /// Machines of the ledger.
    pub machines: Vec<FilingMachine>,
    /// Gateways enrolled here.
    pub gateways: Vec<String>,
    /// Rule files.
    pub rules: Vec<FilingRule>,
    /// The reader may file a plan: he acts for the firm.
    pub may_file: bool,
    /// The reader may apply for a change of this one.
    pub may_apply: bool,
    /// Leaves that are read and leaves of the log, where readings of the log are not all taken in yet.
    pub behind: Option<[i64; 2]>,
    /// Today at the site.
    pub today: String,
}
