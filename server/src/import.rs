//! Importing declarations: a table somebody kept in a spreadsheet becomes ordinary declarations, row by row, or a list of what is wrong.
//!
//! The tour: bytes become a [`Table`] ([`read`]: CSV in `text`, XLSX in `xlsx`), whose cells still are what stood in the file; a
//! [`Kind`](kinds::Kind) says which columns there are (`kinds`); [`parse`](parse::parse) matches the header, reads each cell (`cell`) and
//! makes bodies (`bodies`, `shifts`); [`weigh`](weigh::weigh) tells of each what the log says already; `template` is an empty table
//! with an example. The page and the operator's command record what is left through the door of all declarations.
//!
//! Constraints
//! 1. All or nothing: while one row is wrong nothing is recorded. Every wrong cell is named at once, by the line and the column of
//!    *their* file, with what to do, in both languages.
//! 2. Nothing is guessed and nothing dropped silently: a column that is not known is refused, a cell that reads two ways is refused. Lines
//!    and columns that begin with `#` are left out because somebody said so, and counted.
//! 3. Pure but for the libraries below: a function of bytes, statements so far, and `now`. Bounded before anything is unpacked; never a panic.
//! 4. Importing the same rows again declares nothing twice. What differs supersedes, and says which leaf.
//! 5. Every imported statement ends its reason with the file's name, its SHA-256 and the line ([`provenance`]; formats §6).

use std::collections::BTreeSet;

use metrics::statements::Statements;
use protocol::Digest;

use crate::evaluate::said::Said;

mod bodies;
mod cell;
pub mod kinds;
pub mod parse;
mod shifts;
pub mod template;
mod text;
pub mod weigh;
mod xlsx;

/// Between reading a table and recording it nothing else is imported: the same file sent twice at once is recorded once.
pub(crate) static ONE_AT_A_TIME: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// Largest file, bytes: some ten thousand rows, far more than [`ROWS_MAX`] need.
pub const FILE_MAX: usize = 2 * 1024 * 1024;
/// Most rows with something in them, the header and lines left out included.
pub const ROWS_MAX: usize = 2_000;
/// Most columns.
const COLUMNS_MAX: usize = 64;
/// Longest cell, bytes.
const CELL_MAX: usize = 4_096;

/// A cell as the file has it.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Cell {
    /// Nothing, or white space.
    #[default]
    Empty,
    /// Text without white space around it; every cell of a CSV file.
    Text(String),
    /// A number of a workbook, in its shortest decimal form.
    Number(String),
    /// A number that the workbook shows as a date, with its time of day.
    Moment(jiff::civil::DateTime),
    /// A number that the workbook shows as a time of day.
    Time(jiff::civil::Time),
    /// `TRUE` or `FALSE`.
    Bool(bool),
    /// A formula's error (`#REF!`), or a value no table of ours has.
    Broken(String),
}

/// A line of a table.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Line {
    /// Its number in the file, from 1, the header's included.
    pub number: u32,
    /// Its cells from the first column on.
    pub cells: Vec<Cell>,
}

impl Line {
    fn cell(&self, column: usize) -> &Cell {
        self.cells.get(column).unwrap_or(&Cell::Empty)
    }

    fn is_empty(&self) -> bool {
        self.cells.iter().all(|cell| *cell == Cell::Empty)
    }
}

/// A range of joined cells: first and last line (numbers in the file), first and last column (from 0).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Merged {
    /// Lines.
    pub lines: (u32, u32),
    /// Columns.
    pub columns: (u32, u32),
}

impl Merged {
    /// As a spreadsheet writes it: `A2:B3`.
    fn range(&self) -> String {
        let column = |mut number: u32| {
            let mut name = String::new();
            loop {
                name.insert(0, char::from(b'A' + (number % 26) as u8));
                number = match number / 26 {
                    0 => return name,
                    rest => rest - 1,
                };
            }
        };
        let place = |line: u32, at: u32| format!("{}{line}", column(at));
        format!("{}:{}", place(self.lines.0, self.columns.0), place(self.lines.1, self.columns.1))
    }
}

/// A table as the file has it; empty lines are left out, so numbers may have holes.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Table {
    /// Lines with something in them.
    pub lines: Vec<Line>,
    /// Joined cells.
    pub merged: Vec<Merged>,
    /// What a reader must know about how the file was read.
    pub notes: Vec<Said>,
}

/// A cell as somebody typed it.
#[must_use]
pub fn cell_of(text: &str) -> Cell {
    text::cell(text)
}

/// Why a file is refused as a whole: what is wrong, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// What is wrong.
    pub what: Said,
    /// What to do.
    pub todo: Said,
}

impl Unreadable {
    fn new(
        zh: impl Into<String>,
        en: impl Into<String>,
        todo_zh: impl Into<String>,
        todo_en: impl Into<String>,
    ) -> Self {
        Self { what: Said::new(zh, en), todo: Said::new(todo_zh, todo_en) }
    }
}

/// A cell, a line or a file that cannot be declared.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Wrong {
    /// Line of the file; 0 for the file as a whole.
    pub line: u32,
    /// Column in the file's own words; empty for the line as a whole.
    pub column: String,
    /// What is wrong.
    pub what: Said,
    /// What to do.
    pub todo: Said,
}

/// Reads a file, told apart by its content, not by its name.
///
/// # Errors
/// The file as a whole cannot be read.
pub fn read(bytes: &[u8]) -> Result<Table, Unreadable> {
    if bytes.len() > FILE_MAX {
        return Err(Unreadable::new(
            format!("文件超过 {} MiB", FILE_MAX >> 20),
            format!("the file has more than {} MiB", FILE_MAX >> 20),
            "分成几个文件，分别导入；工作簿中的图片请删去",
            "divide it and import the parts one by one; delete pictures from a workbook",
        ));
    }
    let starts = |magic: &[u8]| bytes.starts_with(magic);
    if starts(b"PK\x03\x04") {
        return xlsx::read(bytes);
    }
    // Only what a spreadsheet program or a person is likely to hand over by mistake; everything else fails as text.
    let other = if starts(&[0xD0, 0xCF, 0x11, 0xE0]) {
        Some(("旧版 Excel（.xls）或加密的工作簿", "an old Excel (.xls) or an encrypted workbook"))
    } else if starts(b"%PDF") {
        Some(("PDF", "a PDF"))
    } else if starts(b"\x89PNG") || starts(&[0xFF, 0xD8, 0xFF]) {
        Some(("图片", "a picture"))
    } else {
        None
    };
    if let Some((zh, en)) = other {
        return Err(Unreadable::new(
            format!("文件是{zh}，不是表格"),
            format!("the file is {en}, not a table"),
            "在 Excel 或 WPS 中另存为 .xlsx 或 CSV（不加密）后再导入",
            "save it from Excel or WPS as .xlsx or CSV, not encrypted, and import that",
        ));
    }
    text::read(bytes)
}

/// Everything that a table is read against.
pub struct Against<'s> {
    /// What was stated so far.
    pub statements: &'s Statements,
    /// Time zone of the site, for local times.
    pub zone: jiff::tz::TimeZone,
    /// Now, UTC milliseconds.
    pub now_ms: i64,
}

/// What a file would declare.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Import {
    /// What is wrong; nothing may be recorded while this is not empty.
    pub wrong: Vec<Wrong>,
    /// The declarations, in order of their first line.
    pub items: Vec<weigh::Item>,
    /// What a reader must know: lines and columns left out, how the file was read.
    pub notes: Vec<Said>,
    /// Names of the machines spoken of, for the page.
    pub machines: BTreeSet<String>,
}

impl Import {
    /// SHA-256 over what confirming it would do: every statement with what it does beside the log, and which notices come with it.
    /// How long ago something was passes by the minute and is left out.
    #[must_use]
    pub fn decisions(&self) -> Digest {
        let each = self.items.iter().map(|item| {
            let (draft, beside) = (&item.draft, &item.beside);
            let notices: Vec<&weigh::Notice> = item.notices.iter().map(|(notice, _)| notice).collect();
            format!("{} {:?} {} {beside:?} {notices:?}\n", draft.kind, draft.effective, draft.body)
        });
        protocol::sha256(each.collect::<String>().as_bytes())
    }
}

/// From bytes to what they would declare.
#[must_use]
pub fn prepare(kind: &kinds::Kind, bytes: &[u8], against: &Against<'_>) -> Import {
    match read(bytes) {
        Ok(table) => prepare_table(kind, &table, against),
        Err(Unreadable { what, todo }) => {
            let wrong = vec![Wrong { line: 0, column: String::new(), what, todo }];
            Import { wrong, ..Import::default() }
        }
    }
}

/// From a table to what it would declare.
#[must_use]
pub fn prepare_table(kind: &kinds::Kind, table: &Table, against: &Against<'_>) -> Import {
    let parsed = parse::parse(kind, table, against);
    let machines = parsed.drafts.iter().filter_map(|d| d.body["machine"].as_str().map(str::to_owned)).collect();
    let items = if parsed.wrong.is_empty() { weigh::weigh(&parsed.drafts, against) } else { Vec::new() };
    Import { wrong: parsed.wrong, items, notes: parsed.notes, machines }
}

/// Where an imported statement comes from, as it stands at the end of its reason: ` [import "<file>" sha256=<hex> line=<n>[,<n>…]]`.
/// Quotes, backslashes and control characters of the name are replaced by `_`, so that a program can read it back.
#[must_use]
pub fn provenance(file: &str, digest: &Digest, lines: &[u32]) -> String {
    let clean = |c: char| if c.is_control() || ['"', '\\', '[', ']'].contains(&c) { '_' } else { c };
    let name: String = file.chars().take(NAME_MAX).map(clean).collect();
    // A calendar may stand on many lines; the file has them all.
    let mut listed: Vec<String> = lines.iter().take(LINES_MAX).map(ToString::to_string).collect();
    if lines.len() > LINES_MAX {
        listed.push("…".to_owned());
    }
    format!(" [import \"{name}\" sha256={digest} line={}]", listed.join(","))
}

/// Longest file name that is kept, characters.
const NAME_MAX: usize = 120;
/// Lines that are named; more are in the file.
const LINES_MAX: usize = 20;

#[cfg(test)]
mod tests;
