//! `evidence_document`: what a paper or a file says of a metric before anything was measured — weaker evidence, always grade D.
//!
//! Constraints
//! 1. The file's SHA-256 and pages are stated; the file itself is the firm's to show.
//! 2. A value is a quotient of two amounts, as every metric is; sums of documents are sums of amounts. Documents of one metric that
//!    overlap would count a day twice: then there is no value.
//! 3. No interval can come of it, so no target is met by it.

use serde::{Deserialize, Serialize};

use crate::model::{ModelError, Plan, PlanMetric, check_date, check_id, refuse};
use crate::report::{ALL_MACHINES, COMPARED_DEFINITIONS};
use crate::statements::{Stated, Statements};

/// `evidence_document`: what a document says of a metric over some dates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EvidenceDocument {
    /// Document id; of two statements of one document the later holds.
    pub document: String,
    /// What it is.
    pub kind: DocumentKind,
    /// First date it speaks of.
    pub from: String,
    /// Last date.
    pub to: String,
    /// Definition of a comparison.
    pub definition: String,
    /// Machine id, or `*`.
    #[serde(default = "all_machines")]
    pub machine: String,
    /// What the definition counts (kWh, pieces, hours), decimal with at most six decimals.
    pub amount: String,
    /// Per what (pieces, days, hours), likewise.
    pub per: String,
    /// SHA-256 of the scan or file, hex.
    pub sha256: String,
    /// Pages of it that say so.
    pub pages: String,
    /// It was stated by mistake.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub withdrawn: bool,
}

/// What kind of document it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DocumentKind {
    /// A supplier's bill (账单).
    Bill,
    /// Interval data of the supply company (供电公司负荷数据).
    SupplyInterval,
    /// A production report of the firm (生产报表).
    ProductionReport,
}

fn all_machines() -> String {
    ALL_MACHINES.to_owned()
}

/// A decimal in millionths.
fn millionths(text: &str) -> Option<i128> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    let fits =
        (1..=15).contains(&whole.len()) && part.len() <= 6 && digits(whole) && digits(part) && !text.ends_with('.');
    fits.then(|| format!("{whole}{part:0<6}").parse().ok())?
}

impl EvidenceDocument {
    pub(crate) fn checked(self) -> Result<Self, ModelError> {
        const KIND: &str = "evidence_document";
        check_id(KIND, "document", &self.document)?;
        if self.machine != ALL_MACHINES {
            check_id(KIND, "machine", &self.machine)?;
        }
        check_date(KIND, "from", &self.from)?;
        check_date(KIND, "to", &self.to)?;
        if self.from > self.to {
            return Err(refuse(KIND, "to", "must not be before `from` / 不得早于 from"));
        }
        if !COMPARED_DEFINITIONS.contains(&self.definition.as_str()) {
            let known = COMPARED_DEFINITIONS.join(", ");
            return Err(refuse(KIND, "definition", format!("is not compared; known / 指标未定义，可选：{known}")));
        }
        let wrong = "must be a decimal like 1234.5, at most six decimals / 须为数字，最多六位小数";
        if millionths(&self.amount).is_none() {
            return Err(refuse(KIND, "amount", wrong));
        }
        if millionths(&self.per).is_none_or(|per| per == 0) {
            return Err(refuse(KIND, "per", wrong));
        }
        if self.sha256.len() != 64 || !self.sha256.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)) {
            return Err(refuse(
                KIND,
                "sha256",
                "must be 64 hexadecimal digits of the file's SHA-256 / 须为文件 SHA-256 的 64 位十六进制数",
            ));
        }
        if self.pages.trim().is_empty() || self.pages.len() > 64 {
            return Err(refuse(KIND, "pages", "must name the pages, up to 64 bytes / 须注明页码，不超过 64 字节"));
        }
        Ok(self)
    }
}

/// What documents say of a metric before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Documented {
    /// Σ amounts, millionths.
    pub numerator: String,
    /// Σ per, millionths.
    pub denominator: String,
    /// Their quotient; null when documents overlap.
    pub value: Option<String>,
    /// Always `D`.
    pub grade: &'static str,
    /// Leaves of the documents, by date.
    pub documents: Vec<u64>,
    /// Documents overlap.
    pub overlap: bool,
}

/// What documents that end before the reporting period say of a metric; none without any.
pub(crate) fn documented(statements: &Statements, plan: &Plan, metric: &PlanMetric) -> Option<Documented> {
    let speaks = |d: &&Stated<EvidenceDocument>| {
        let of = (d.body.definition.as_str(), d.body.machine.as_str()) == (&metric.definition, &metric.machine);
        of && d.body.to < plan.reporting.from
    };
    let mut found: Vec<&Stated<EvidenceDocument>> = statements.documents().filter(speaks).collect();
    found.sort_by(|a, b| (&a.body.from, a.leaf).cmp(&(&b.body.from, b.leaf)));
    if found.is_empty() {
        return None;
    }
    let overlap = found.windows(2).any(|w| matches!(w, [a, b] if b.body.from <= a.body.to));
    let sum = |of: fn(&EvidenceDocument) -> &String| -> i128 {
        found.iter().filter_map(|d| millionths(of(&d.body))).fold(0, i128::saturating_add)
    };
    let (numerator, denominator) = (sum(|d| &d.amount), sum(|d| &d.per));
    Some(Documented {
        numerator: numerator.to_string(),
        denominator: denominator.to_string(),
        value: crate::decimal::ratio6(numerator, denominator).filter(|_| !overlap),
        grade: "D",
        documents: found.iter().map(|d| d.leaf).collect(),
        overlap,
    })
}
