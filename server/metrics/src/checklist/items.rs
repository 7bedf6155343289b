//! The 38 items of the evidence checklist as data (reference §5): each with where it comes from, the definitions that evidence
//! it, what is shown beside it, and what is needed.
//!
//! Constraints: rows are numbered without holes; every definition exists in the catalogue; the table lists every row, the ones
//! without evidence too, with the reason.

use serde::Deserialize;

use crate::checklist::file::{FileError, known, named, read, unique, versioned};
use crate::checklist::needs::{Available, Judged, judge};
use crate::model::Names;

/// A checklist.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Items {
    /// `name@version`.
    pub id: String,
    /// Names.
    pub names: Names,
    /// Where the rows come from.
    pub source: String,
    /// Rows in order.
    pub rows: Vec<Item>,
}

/// A row.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Item {
    /// Number, from 1.
    pub row: u16,
    /// Names.
    pub names: Names,
    /// Which forms ask for it.
    pub origins: Vec<String>,
    /// Definitions that evidence it, all of them.
    pub definitions: Vec<String>,
    /// Definitions shown beside it.
    #[serde(default)]
    pub beside: Vec<String>,
    /// What is needed to have them.
    pub needs: Names,
}

/// A row with what was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row<'i> {
    /// The item.
    pub item: &'i Item,
    /// What was found.
    pub judged: Judged,
    /// Which of the definitions beside it have a value.
    pub beside: Vec<&'i str>,
}

impl Items {
    /// Reads a checklist.
    ///
    /// # Errors
    /// Another shape, a hole in the numbers, a definition the catalogue does not know.
    pub fn parse(json: &str) -> Result<Self, FileError> {
        let items: Self = read(json, "evidence checklist")?;
        items.check().map_err(|reason| FileError::new(&items.id, reason))?;
        Ok(items)
    }

    fn check(&self) -> Result<(), String> {
        versioned(&self.id)?;
        named(&self.names, "names")?;
        if self.rows.is_empty() || !self.rows.iter().map(|r| r.row).eq((1..=u16::MAX).take(self.rows.len())) {
            return Err("rows are numbered 1, 2, 3 …".to_owned());
        }
        for row in &self.rows {
            let at = |reason: String| format!("row {}: {reason}", row.row);
            named(&row.names, "names").map_err(at)?;
            named(&row.needs, "needs").map_err(at)?;
            if row.origins.is_empty() || row.definitions.is_empty() {
                return Err(at("an origin and a definition".to_owned()));
            }
            unique(row.definitions.iter().chain(&row.beside).map(String::as_str), "definition").map_err(at)?;
            known(&row.definitions).and_then(|()| known(&row.beside)).map_err(at)?;
        }
        Ok(())
    }

    /// The row with this number.
    pub fn row(&self, number: u16) -> Option<&Item> {
        self.rows.get(usize::from(number).checked_sub(1)?)
    }

    /// Every row with what was found for it.
    pub fn table(&self, available: &Available) -> Vec<Row<'_>> {
        self.rows.iter().map(|item| row(item, available)).collect()
    }
}

/// One row with what was found for it.
pub fn row<'i>(item: &'i Item, available: &Available) -> Row<'i> {
    let has = |id: &&str| available.get(*id).is_some_and(|v| v.is_ok_and(|held| held.with > 0));
    let beside = item.beside.iter().map(String::as_str).filter(has).collect();
    Row { item, judged: judge(&item.definitions, available), beside }
}

/// The checklist delivered with the program.
pub const DELIVERED: &str = include_str!("../../data/assessment/evidence-items-1.json");
