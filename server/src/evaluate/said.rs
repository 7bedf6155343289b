//! What a person is told about a file: always in both languages, with the place and what is allowed there.

use serde::Serialize;

/// A sentence in both languages.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Said {
    /// Simplified Chinese.
    pub zh: String,
    /// English.
    pub en: String,
}

impl Said {
    /// The same sentence twice.
    pub fn new(zh: impl Into<String>, en: impl Into<String>) -> Self {
        Self { zh: zh.into(), en: en.into() }
    }

    /// In one language.
    pub fn in_language(&self, chinese: bool) -> &str {
        if chinese { &self.zh } else { &self.en }
    }
}

/// Why a file is refused as a whole: where, what is wrong, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {}\n  hint: {}\n{place}：{}\n  建议：{}", what.en, todo.en, what.zh, todo.zh)]
pub struct Refusal {
    /// File, and line where there is one.
    pub place: String,
    /// What is wrong.
    pub what: Said,
    /// What to do.
    pub todo: Said,
}

impl Refusal {
    /// A refusal at a place.
    pub fn new(place: impl Into<String>, what: Said, todo: Said) -> Self {
        Self { place: place.into(), what, todo }
    }

    /// A refusal at a line of a file.
    pub fn at_line(file: &str, line: u64, what: Said, todo: Said) -> Self {
        Self::new(format!("{file}, line {line}"), what, todo)
    }

    /// The words for a terminal, in one language.
    pub fn in_language(&self, chinese: bool) -> String {
        let (what, todo) = (self.what.in_language(chinese), self.todo.in_language(chinese));
        if chinese {
            format!("{}：{what}\n  建议：{todo}", self.place)
        } else {
            format!("{}: {what}\n  hint: {todo}", self.place)
        }
    }
}

/// A row of readings that cannot be used: where, what is wrong, and what is allowed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct BadRow {
    /// Line of a text file, counted from 1 with the header; row of a Parquet file, counted from 1.
    pub row: u64,
    /// Column.
    pub column: String,
    /// What is wrong.
    pub what: Said,
    /// What is allowed.
    pub allowed: Said,
}

/// What is wrong with a cell, before its place is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wrong {
    pub(super) what: Said,
    pub(super) allowed: Said,
}

impl Wrong {
    pub(super) fn new(what: Said, allowed: Said) -> Self {
        Self { what, allowed }
    }

    pub(super) fn at(self, row: u64, column: &str) -> BadRow {
        BadRow { row, column: column.to_owned(), what: self.what, allowed: self.allowed }
    }
}

/// A cell as it may be quoted in a message: short, on one line, with nothing a terminal would obey.
pub(crate) fn quoted(text: &str) -> String {
    const CHARS_MAX: usize = 40;
    let clean = |c: char| if c.is_control() { '\u{fffd}' } else { c };
    let mut out: String = text.chars().take(CHARS_MAX).map(clean).collect();
    if text.chars().nth(CHARS_MAX).is_some() {
        out.push('…');
    }
    out
}
