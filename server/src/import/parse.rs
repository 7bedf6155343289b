//! From a table to drafts of declarations: header, cells, rows that belong together. Every wrong cell is found in one go.
//!
//! Constraints
//! 1. Rows are read only under a header that is understood whole (`header`).
//! 2. A body that passes here has passed `metrics::model::parse_body`: what the log refuses is refused with its line.

use std::collections::{BTreeMap, BTreeSet};

use metrics::model::{ModelError, parse_body};
use serde_json::Value as Json;

use super::cell::{self, Bad, Value, bad};
use super::kinds::Kind;
use super::weigh::identity;
use super::{Against, Cell, Line, Table, Wrong};
use crate::evaluate::said::{Said, quoted};

mod header;

use header::{Header, find_header, listed};
pub(super) use header::{heading, named};

/// Most wrong cells that are told; who has more has another problem than these.
const WRONG_MAX: usize = 1_000;

/// A declaration as rows make it, before it is compared with the log.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft {
    /// The declaration's kind.
    pub kind: &'static str,
    /// Its body.
    pub body: Json,
    /// From when it holds, UTC milliseconds; `None` from when it is stated.
    pub effective: Option<i64>,
    /// The time it speaks of, UTC milliseconds; `None` for what holds from a date on.
    pub about: Option<(i64, i64)>,
    /// Lines it was made from.
    pub lines: Vec<u32>,
    /// What was read, line by line: column names and the cell.
    pub said: Vec<Vec<([&'static str; 2], String)>>,
}

impl Draft {
    /// A draft of some rows.
    pub(super) fn new(kind: &'static str, body: Json, rows: &[Row]) -> Self {
        let effective = rows.first().and_then(|r| r.ms("effective_from"));
        let lines = rows.iter().map(|r| r.line).collect();
        let said = rows.iter().map(|r| r.said.clone()).collect();
        Self { kind, body, effective, about: None, lines, said }
    }

    /// The same about a time: it holds from the beginning of that.
    pub(super) fn about(mut self, from_ms: i64, to_ms: i64) -> Self {
        self.about = Some((from_ms, to_ms));
        self.effective = Some(from_ms);
        self
    }
}

/// A row that reads.
#[derive(Debug, Clone)]
pub struct Row {
    /// Its line.
    pub(super) line: u32,
    values: BTreeMap<&'static str, Value>,
    said: Vec<([&'static str; 2], String)>,
}

impl Row {
    pub(super) fn has(&self, column: &str) -> bool {
        self.values.contains_key(column)
    }

    pub(super) fn text(&self, column: &str) -> Option<&str> {
        match self.values.get(column)? {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn int(&self, column: &str) -> Option<i64> {
        match self.values.get(column)? {
            Value::Int(n) => Some(*n),
            _ => None,
        }
    }

    pub(super) fn date(&self, column: &str) -> Option<jiff::civil::Date> {
        match self.values.get(column)? {
            Value::Date(date) => Some(*date),
            _ => None,
        }
    }

    pub(super) fn ms(&self, column: &str) -> Option<i64> {
        match self.values.get(column)? {
            Value::Ms(ms) => Some(*ms),
            _ => None,
        }
    }

    pub(super) fn yes(&self, column: &str) -> Option<bool> {
        match self.values.get(column)? {
            Value::Yes(yes) => Some(*yes),
            _ => None,
        }
    }

    pub(super) fn list(&self, column: &str) -> &[String] {
        match self.values.get(column) {
            Some(Value::List(list)) => list,
            _ => &[],
        }
    }

    pub(super) fn pairs(&self, column: &str) -> &[(String, String)] {
        match self.values.get(column) {
            Some(Value::Pairs(pairs)) => pairs,
            _ => &[],
        }
    }

    /// Whether two rows say the same in some columns.
    pub(super) fn agrees(&self, other: &Self, columns: &[&str]) -> Option<String> {
        let differs = columns.iter().find(|c| self.values.get(**c) != other.values.get(**c));
        differs.map(|c| (*c).to_owned())
    }
}

/// Why rows make no declaration.
#[derive(Debug)]
pub struct Fault {
    pub(super) line: u32,
    pub(super) column: String,
    pub(super) bad: Box<Bad>,
}

impl Fault {
    pub(super) fn at(row: &Row, column: &str, bad: Bad) -> Self {
        Self { line: row.line, column: column.to_owned(), bad: Box::new(bad) }
    }
}

/// What a table says.
#[derive(Debug, Default)]
pub struct Parsed {
    /// What is wrong.
    pub wrong: Vec<Wrong>,
    /// The drafts of what is not.
    pub drafts: Vec<Draft>,
    /// What was left out, and how the file was read.
    pub notes: Vec<Said>,
}

impl Parsed {
    fn wrong(&mut self, line: u32, column: impl Into<String>, bad: Bad) {
        self.wrong.push(Wrong { line, column: column.into(), what: bad.what, todo: bad.todo });
    }
}

/// Reads a table of a kind.
#[must_use]
pub fn parse(kind: &Kind, table: &Table, against: &Against<'_>) -> Parsed {
    let mut out = Parsed { notes: table.notes.clone(), ..Parsed::default() };
    let is_left_out = |line: &&Line| {
        let first = line.cells.iter().find(|c| **c != Cell::Empty);
        // A header whose first column is left out is a header all the same.
        matches!(first, Some(Cell::Text(text)) if text.starts_with(['#', '＃'])) && named(kind, line) < 2
    };
    let (left_out, lines): (Vec<&Line>, Vec<&Line>) = table.lines.iter().partition(is_left_out);
    if !left_out.is_empty() {
        out.notes.push(Said::new(
            format!("以 # 开头的 {} 行未导入", left_out.len()),
            format!("lines that begin with # were left out: {}", left_out.len()),
        ));
    }
    if let Some(header) = find_header(kind, &lines, &mut out) {
        let rows = read_rows(table, &lines, &header, against, &mut out);
        let faulty: BTreeSet<u32> = out.wrong.iter().map(|w| w.line).collect();
        make(kind, &rows, &faulty, &header, against, &mut out);
    }
    // In a line, in the order of its columns.
    out.wrong.sort_by_key(|w| w.line);
    if out.wrong.len() > WRONG_MAX {
        let more = out.wrong.len() - WRONG_MAX;
        out.wrong.truncate(WRONG_MAX);
        out.wrong(
            u32::MAX,
            "",
            bad(
                format!("另有 {more} 处有误"),
                format!("{more} more places are wrong"),
                "先改正以上各处，再导入一次",
                "mend those above and import again",
            ),
        );
    }
    out
}

fn read_rows(table: &Table, lines: &[&Line], header: &Header, against: &Against<'_>, out: &mut Parsed) -> Vec<Row> {
    for merged in &table.merged {
        let used = (merged.columns.0..=merged.columns.1.min(header.columns.len() as u32))
            .any(|c| matches!(header.columns.get(c as usize), Some(Some(_))));
        let below =
            lines.iter().any(|l| l.number > header.line && (merged.lines.0..=merged.lines.1).contains(&l.number));
        if used && below {
            // The first column of ours among those that are joined.
            let name = header.columns.iter().take(merged.columns.1 as usize + 1).skip(merged.columns.0 as usize);
            let name = name.flatten().next();
            let range = merged.range();
            out.wrong(
                merged.lines.0,
                name.map(|(_, words)| quoted(words)).unwrap_or_default(),
                bad(
                    format!("合并单元格 {range}：只有左上角有值"),
                    format!("merged cells {range}: only the first of them has a value"),
                    "取消合并，每一行都填写",
                    "unmerge them and fill in every line",
                ),
            );
        }
    }
    let mut rows = Vec::new();
    let headings = lines.iter().find(|l| l.number == header.line);
    for line in lines.iter().filter(|l| l.number > header.line) {
        let mut row = Row { line: line.number, values: BTreeMap::new(), said: Vec::new() };
        let outside = line.cells.iter().enumerate().find(|(at, cell)| {
            let is_unnamed = headings.is_none_or(|h| *h.cell(*at) == Cell::Empty);
            is_unnamed && **cell != Cell::Empty
        });
        if let Some((at, cell)) = outside {
            let text = quoted(&cell::shown(cell));
            out.wrong(
                line.number,
                "",
                bad(
                    format!("第 {} 列「{text}」在表头之外", at + 1),
                    format!("column {} (`{text}`) has no heading", at + 1),
                    "给该列写上列名，或清空；含逗号的文本加双引号",
                    "give the column a name or empty it; a text with a comma in it goes into double quotes",
                ),
            );
        }
        let is_blank = header.columns.iter().enumerate().all(|(at, h)| h.is_none() || *line.cell(at) == Cell::Empty);
        if is_blank {
            continue;
        }
        for (at, (column, words)) in header.columns.iter().enumerate().filter_map(|(at, h)| Some((at, h.as_ref()?))) {
            let cell = line.cell(at);
            if *cell == Cell::Empty {
                if column.required {
                    let todo = if column.example.is_empty() { "…" } else { column.example };
                    let bad =
                        bad("此格必填", "this cell must not be empty", format!("如 {todo}"), format!("such as {todo}"));
                    out.wrong(line.number, quoted(words), bad);
                }
                continue;
            }
            match cell::value(column.field, cell, against) {
                Ok(value) => {
                    row.values.insert(column.id, value);
                    row.said.push((column.names, quoted_long(&cell::shown(cell))));
                }
                Err(bad) => out.wrong(line.number, quoted(words), bad),
            }
        }
        rows.push(row);
    }
    if rows.is_empty() && out.wrong.is_empty() {
        out.wrong(
            header.line,
            "",
            bad(
                "表头之下没有内容",
                "there is nothing below the header",
                "每行填写一项；以 # 开头的行不导入",
                "fill in a row for each statement; lines that begin with # are not imported",
            ),
        );
    }
    rows
}

/// A cell as the preview shows it.
fn quoted_long(text: &str) -> String {
    let mut out: String = text.chars().take(120).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().nth(120).is_some() {
        out.push('…');
    }
    out
}

/// What a row says in a column by which rows are put together; what is left out says its default.
fn key(row: &Row, column: &str) -> String {
    let value = match (column, row.values.get(column)) {
        ("calendar", None) => Some(Value::Text(super::shifts::MAIN.to_owned())),
        ("quantity", None) => Some(Value::Text("energy".to_owned())),
        (_, value) => value.cloned(),
    };
    value.map_or_else(String::new, |v| format!("{v:?}"))
}

fn make(kind: &Kind, rows: &[Row], faulty: &BTreeSet<u32>, header: &Header, against: &Against<'_>, out: &mut Parsed) {
    let mut groups: Vec<Vec<Row>> = Vec::new();
    let mut places: BTreeMap<Vec<String>, usize> = BTreeMap::new();
    for row in rows {
        // What does not read belongs to nobody, and everything is refused anyway.
        let place = (kind.together && !faulty.contains(&row.line))
            .then(|| *places.entry(kind.key.iter().map(|c| key(row, c)).collect()).or_insert(groups.len()));
        match place.and_then(|place| groups.get_mut(place)) {
            Some(group) => group.push(row.clone()),
            None => groups.push(vec![row.clone()]),
        }
    }
    let mut made: Vec<Draft> = Vec::new();
    for group in groups.iter().filter(|g| g.iter().all(|r| !faulty.contains(&r.line))) {
        let drafts = (kind.draft)(group, against)
            .and_then(|drafts| drafts.into_iter().map(|d| check(d, group)).collect::<Result<Vec<_>, _>>());
        match drafts {
            Ok(drafts) => made.extend(drafts),
            Err(Fault { line, column, bad }) => {
                // In the file's own words, where the file has the column.
                let words =
                    header.columns.iter().flatten().find(|(c, _)| c.id == column).map(|(_, words)| quoted(words));
                let known = kind.column(&column).map(|c| c.names[0].to_owned());
                out.wrong(line, words.or(known).unwrap_or_default(), *bad);
            }
        }
    }
    unrepeated(kind, made, out);
}

/// Keeps what is said once. Two rows may say the same in other words: a machine by its name, a shift by its id.
fn unrepeated(kind: &Kind, made: Vec<Draft>, out: &mut Parsed) {
    let mut lines: BTreeMap<(String, Option<i64>), u32> = BTreeMap::new();
    for draft in made {
        let own = draft.lines.first().copied().unwrap_or_default();
        let first = *lines.entry(identity(&draft)).or_insert(own);
        // One row may make two statements; it is told once.
        let is_told = out.wrong.iter().any(|w| w.line == own);
        if first == own {
            out.drafts.push(draft);
        } else if !is_told {
            let names = |n: usize, between: &str| listed(kind.key.iter().filter_map(|id| kind.column(id)), n, between);
            out.wrong(
                own,
                "",
                bad(
                    format!("与第 {first} 行重复（{} 相同）", names(0, "、")),
                    format!("says the same as line {first} ({} are the same)", names(1, ", ")),
                    "同一项只写一行",
                    "one row for each statement",
                ),
            );
        }
    }
}

/// What the log itself would refuse.
fn check(draft: Draft, rows: &[Row]) -> Result<Draft, Fault> {
    let refused = |field: String, reason: String| Fault {
        line: rows.first().map_or(0, |r| r.line),
        column: field,
        bad: Box::new(bad(
            format!("不能这样填报：{reason}"),
            format!("cannot be declared: {reason}"),
            "按说明改正该行",
            "mend the row as it says",
        )),
    };
    match parse_body(draft.kind, &draft.body) {
        Ok(_) => Ok(draft),
        Err(ModelError::Field { field, reason, .. }) => {
            let column = field.split(['.', '[']).next().unwrap_or_default().to_owned();
            Err(refused(column, format!("{field}: {reason}")))
        }
        Err(ModelError::Shape { reason, .. }) => Err(refused(String::new(), reason)),
    }
}
