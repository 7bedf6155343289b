//! 昆明市“小灯塔” 制造设备数字化, content by content and item by item (reference §4.5, §5).
//!
//! Constraints
//! 1. Contents are quoted to the character; an item is a phrase that stands in its quotation, otherwise the file is refused.
//! 2. An item rests on rows of the evidence checklist or says why no equipment data evidences it.
//! 3. The table tells what data there is. Whether an item is fulfilled is the experts' to say.

use serde::Deserialize;

use crate::checklist::file::{FileError, named, read, versioned};
use crate::checklist::items::{Items, Row, row};
use crate::checklist::needs::{Available, Verdict, whole};
use crate::energy::factors::Sourced;
use crate::grade::Grade;
use crate::model::Names;

/// Criteria of a programme.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lighthouse {
    /// `name@version`.
    pub id: String,
    /// Names.
    pub names: Names,
    /// The document.
    pub source: String,
    /// How well sourced.
    pub sourced: Sourced,
    /// 分值占比 from the whole downwards.
    pub shares: Vec<PartShare>,
    /// Id of the evidence checklist its items point to.
    pub items_from: String,
    /// 评价内容 in order.
    pub contents: Vec<Content>,
}

/// What share of the whole above it a part has.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PartShare {
    /// Names.
    pub names: Names,
    /// Percent.
    pub percent: u8,
}

/// One 评价内容.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Content {
    /// To the character.
    pub quote: String,
    /// Its items.
    pub items: Vec<Phrase>,
}

/// An item of a content.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Phrase {
    /// As it stands in the quotation.
    pub phrase: String,
    /// In English.
    pub en: String,
    /// Rows of the evidence checklist.
    #[serde(default)]
    pub rows: Vec<u16>,
    /// Why no equipment data evidences it.
    #[serde(default)]
    pub why_not: Option<Names>,
}

/// An item with what was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line<'l> {
    /// The quotation it stands in.
    pub quote: &'l str,
    /// The item.
    pub item: &'l Phrase,
    /// The verdict over its rows.
    pub verdict: Verdict,
    /// Worst grade of what was found.
    pub grade: Option<Grade>,
    /// Its rows with reasons.
    pub rows: Vec<Row<'l>>,
}

impl Lighthouse {
    /// Reads criteria.
    ///
    /// # Errors
    /// Another shape, an item that does not stand in its quotation, a row the checklist does not have.
    pub fn parse(json: &str, items: &Items) -> Result<Self, FileError> {
        let criteria: Self = read(json, "programme criteria")?;
        criteria.check(items).map_err(|reason| FileError::new(&criteria.id, reason))?;
        Ok(criteria)
    }

    fn check(&self, items: &Items) -> Result<(), String> {
        versioned(&self.id)?;
        named(&self.names, "names")?;
        if self.items_from != items.id {
            return Err(format!("its items are of {}, not {}", self.items_from, items.id));
        }
        if self.contents.is_empty() || self.shares.iter().any(|s| !(1..=100).contains(&s.percent)) {
            return Err("contents, and shares from 1 to 100 percent".to_owned());
        }
        for content in &self.contents {
            for item in &content.items {
                if item.phrase.is_empty() || !content.quote.contains(&item.phrase) {
                    return Err(format!("`{}` does not stand in the quotation", item.phrase));
                }
                if item.rows.is_empty() != item.why_not.is_some() || item.en.trim().is_empty() {
                    return Err(format!("`{}`: English words, and rows or `why_not`", item.phrase));
                }
                if let Some(why) = &item.why_not {
                    named(why, "why_not")?;
                }
                if let Some(missing) = item.rows.iter().find(|r| items.row(**r).is_none()) {
                    return Err(format!("`{}`: the checklist has no row {missing}", item.phrase));
                }
            }
        }
        Ok(())
    }

    /// Every item with what was found for it.
    pub fn table<'l>(&'l self, items: &'l Items, available: &Available) -> Vec<Line<'l>> {
        let mut lines = Vec::new();
        for content in &self.contents {
            for item in &content.items {
                let rows: Vec<Row<'l>> =
                    item.rows.iter().filter_map(|n| items.row(*n)).map(|i| row(i, available)).collect();
                let verdict = whole(rows.iter().map(|r| r.judged.verdict));
                let grade = rows.iter().filter_map(|r| r.judged.grade).max();
                lines.push(Line { quote: &content.quote, item, verdict, grade, rows });
            }
        }
        lines
    }
}

/// The criteria delivered with the program.
pub const DELIVERED: &str = include_str!("../../data/assessment/kunming-lighthouse-1.json");

#[cfg(test)]
mod tests;
