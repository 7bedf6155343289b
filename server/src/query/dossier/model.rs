//! What pages and API show of papers and lists.

use serde::Serialize;
use utoipa::ToSchema;

use crate::query::{BillView, LooseView, SiteHead, Words};

/// A paper that was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct PaperView {
    /// Its id.
    pub paper: String,
    /// Its name.
    pub name: String,
    /// Who asks: `district`, `centre`, `city`.
    pub by: String,
    /// By when.
    pub due: String,
    /// What it rests on, or what should be in it.
    pub note: String,
    /// `owed`, `handed`, `returned`, `received`.
    pub standing: String,
    /// Where it stands, in words.
    pub stands: Words,
    /// It is owed and its date is over.
    pub overdue: bool,
    /// How often it was handed in.
    pub handed: usize,
    /// Name of the file handed in last, or where it was handed in.
    pub file: String,
    /// Leaf of what was asked last.
    pub leaf: i64,
    /// Leaf of what was said last.
    pub last: i64,
    /// The reader may receive or return it now.
    pub may_judge: bool,
}

/// What a list says of a firm.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct ListedView {
    /// 统一社会信用代码.
    pub code: String,
    /// The firm's name as listed.
    pub name: String,
    /// Name of the list.
    pub list: String,
    /// Number of the project.
    pub number: String,
    /// 县（市）区.
    pub district: String,
    /// 细分行业.
    pub sub_sector: String,
    /// 服务商.
    pub provider: String,
    /// Planned investment in yuan.
    pub investment_yuan: Option<String>,
    /// Date of the filing.
    pub filed: Option<String>,
    /// Leaf of the entry.
    pub leaf: i64,
}

/// The papers of a site.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PapersView {
    /// The site.
    pub site: SiteHead,
    /// What a list says of the firm.
    pub listed: Option<ListedView>,
    /// Papers, those owed first, by date.
    pub papers: Vec<PaperView>,
    /// Statements that count for nothing, and why.
    pub loose: Vec<LooseView>,
    /// The reader may hand papers in for the firm.
    pub may_hand: bool,
    /// Bodies for which the reader may ask: `district`, `centre`, `city`.
    pub may_ask: Vec<String>,
    /// Today at the site.
    pub today: String,
    /// An id that no paper has.
    pub next_id: String,
}

/// A filed plan of a firm, as the page of all firms shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct FirmFiling {
    /// Id of the filing.
    pub filing: String,
    /// Its names.
    pub names: Words,
    /// Date of the filing.
    pub filed: String,
    /// First and last date of the plan in force.
    pub term: [String; 2],
    /// Open applications: id and where each stands.
    pub open: Vec<FirmApplication>,
    /// Instalments whose dates are filed and not over.
    pub payments: Vec<FirmPayment>,
}

/// An open application.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct FirmApplication {
    /// Its id.
    pub change: String,
    /// Where it stands.
    pub stands: Words,
    /// It was returned and waits for the firm.
    pub returned: bool,
}

/// An instalment that is expected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct FirmPayment {
    /// Id of the instalment in the rule.
    pub stage: String,
    /// Its name.
    pub names: Words,
    /// The date filed.
    pub date: String,
}

/// A firm on the page of all firms.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct FirmRow {
    /// Its site.
    pub site: SiteHead,
    /// What a list says of it.
    pub listed: Option<ListedView>,
    /// Filed plans.
    pub filings: Vec<FirmFiling>,
    /// Papers that are not received yet, by date.
    pub papers: Vec<PaperView>,
    /// The newest electricity bill whose difference to the incoming meter is known.
    pub reconciled: Option<BillView>,
    /// The projector has not read this site yet: what is shown may lack what was stated last.
    pub behind: bool,
}

/// How many firms there are of a sort.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct FirmCount {
    /// `all`, `owing`, `overdue`, `returned`, `waiting`, `unfiled`.
    pub show: String,
    /// Firms.
    pub firms: i64,
}

/// A page of firms.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PortfolioView {
    /// Firms.
    pub rows: Vec<FirmRow>,
    /// How many there are of each sort among those the reader may see.
    pub counts: Vec<FirmCount>,
    /// Firms that match the question.
    pub matching: i64,
    /// Firms left out before these.
    pub offset: i64,
    /// Most firms of a page.
    pub limit: i64,
    /// The reader may import a list.
    pub may_import: bool,
    /// Today, by which dates are over.
    pub today: String,
}
