//! Papers a body asks of a firm (材料), and the entry of a firm in an authority's list (汇总表): statements only.
//!
//! Constraints
//! 1. None of it moves a number of a report.
//! 2. A paper is asked for by a body with a date; the firm says when it handed it in; the body says that it was received, or returns it
//!    with its reason (退回补正). *Received* speaks of the paper's arrival, never of what is in it.
//! 3. A paper itself is not in the log: its name, and the SHA-256 of its file where the firm states one.
//! 4. An entry is what the list of an authority says of a firm, under its 统一社会信用代码 (GB 32100-2015), whose check character is checked.
//!
//! Who may state what, and in which order, is `gongzheng-practice`'s to say.

use serde::{Deserialize, Serialize};

use crate::filed::{FEN_MAX, Filed, OpinionBy};
use crate::filed::{TEXT_MAX, check_document, check_words};
use crate::model::{ModelError, check_date, check_id, refuse};

/// `paper_asked`: a body asks for a paper. The same paper asked for again has another date.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PaperAsked {
    /// Id of the paper.
    pub paper: String,
    /// Its name.
    pub name: String,
    /// Who asks.
    pub by: OpinionBy,
    /// By when, `YYYY-MM-DD`.
    pub due: String,
    /// What it rests on, or what should be in it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
}

/// `paper_handed`: the firm handed a paper in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PaperHanded {
    /// Id of the paper.
    pub paper: String,
    /// When, `YYYY-MM-DD`.
    pub date: String,
    /// Name of its file, or where it was handed in.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub file: String,
    /// SHA-256 of its file, hex.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document: Option<String>,
}

/// `paper_judged`: who asked for a paper received it, or returns it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PaperJudged {
    /// Id of the paper.
    pub paper: String,
    /// Who says so.
    pub by: OpinionBy,
    /// What became of it.
    pub judged: Judged,
    /// When, `YYYY-MM-DD`.
    pub date: String,
    /// Why; needed when it is returned.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
}

/// What became of a paper that was handed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Judged {
    /// 已接收.
    Received,
    /// 退回补正.
    Return,
}

/// `firm_listed`: what an authority's list says of the firm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FirmListed {
    /// 统一社会信用代码.
    pub code: String,
    /// The firm's name as listed.
    pub name: String,
    /// Name of the list, where it has one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub list: String,
    /// Number of the project or of its filing.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub number: String,
    /// 县（市）区.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub district: String,
    /// 细分行业.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub sub_sector: String,
    /// 服务商.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub provider: String,
    /// Planned investment, fen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub investment_fen: Option<i64>,
    /// Date of the filing (备案日期), `YYYY-MM-DD`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filed: Option<String>,
}

/// Everything stated of one paper, in order of the log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Paper {
    /// Who asked for it.
    pub asked: Vec<Filed<PaperAsked>>,
    /// The firm's statements.
    pub handed: Vec<Filed<PaperHanded>>,
    /// What was said of them.
    pub judged: Vec<Filed<PaperJudged>>,
}

/// Longest name, characters.
const NAME_MAX: usize = 200;

fn optional(kind: &'static str, field: &str, text: &str, most: usize) -> Result<(), ModelError> {
    if text.is_empty() { Ok(()) } else { check_words(kind, field, text, most) }
}

pub(crate) fn check_asked(asked: PaperAsked) -> Result<PaperAsked, ModelError> {
    const KIND: &str = "paper_asked";
    check_id(KIND, "paper", &asked.paper)?;
    check_words(KIND, "name", &asked.name, NAME_MAX)?;
    check_date(KIND, "due", &asked.due)?;
    optional(KIND, "note", &asked.note, TEXT_MAX)?;
    Ok(asked)
}

pub(crate) fn check_handed(handed: PaperHanded) -> Result<PaperHanded, ModelError> {
    const KIND: &str = "paper_handed";
    check_id(KIND, "paper", &handed.paper)?;
    check_date(KIND, "date", &handed.date)?;
    optional(KIND, "file", &handed.file, NAME_MAX)?;
    check_document(KIND, handed.document.as_deref())?;
    Ok(handed)
}

pub(crate) fn check_judged(judged: PaperJudged) -> Result<PaperJudged, ModelError> {
    const KIND: &str = "paper_judged";
    check_id(KIND, "paper", &judged.paper)?;
    check_date(KIND, "date", &judged.date)?;
    if judged.judged == Judged::Return && judged.reason.trim().is_empty() {
        return Err(refuse(KIND, "reason", "who returns a paper says why / 退回补正须说明理由"));
    }
    optional(KIND, "reason", &judged.reason, TEXT_MAX)?;
    Ok(judged)
}

pub(crate) fn check_listed(listed: FirmListed) -> Result<FirmListed, ModelError> {
    const KIND: &str = "firm_listed";
    if !is_credit_code(&listed.code) {
        let reason = "is no unified social credit code: 18 digits and capital letters, the last of which checks the others / 须为 18 位统一社会信用代码，末位校验码须相符";
        return Err(refuse(KIND, "code", reason));
    }
    check_words(KIND, "name", &listed.name, NAME_MAX)?;
    for (field, text) in [
        ("list", &listed.list),
        ("number", &listed.number),
        ("district", &listed.district),
        ("sub_sector", &listed.sub_sector),
        ("provider", &listed.provider),
    ] {
        optional(KIND, field, text, NAME_MAX)?;
    }
    if listed.investment_fen.is_some_and(|fen| !(1..=FEN_MAX).contains(&fen)) {
        let reason = "must be 1 to 10^12 fen / 金额以分填写，须大于 0，最多 100 亿元";
        return Err(refuse(KIND, "investment_fen", reason));
    }
    listed.filed.as_ref().map_or(Ok(()), |date| check_date(KIND, "filed", date))?;
    Ok(listed)
}

/// Characters of a 统一社会信用代码 in the order of their values (GB 32100-2015, table 1): no I, O, S, V, Z.
const CODE: &[u8; 31] = b"0123456789ABCDEFGHJKLMNPQRTUWXY";

/// Whether a text is a 统一社会信用代码: its last character checks the others (GB 32100-2015, annex A).
pub fn is_credit_code(code: &str) -> bool {
    let values: Option<Vec<usize>> = code.bytes().map(|b| CODE.iter().position(|c| *c == b)).collect();
    let Some((check, body)) = values.as_deref().and_then(<[usize]>::split_last).filter(|(_, body)| body.len() == 17)
    else {
        return false;
    };
    // The weight of a place is 3 to its power, modulo 31.
    let (sum, _) = body.iter().fold((0, 1), |(sum, weight), value| (sum + value * weight, weight * 3 % 31));
    (31 - sum % 31) % 31 == *check
}

#[cfg(test)]
mod tests;
