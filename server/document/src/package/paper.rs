//! Papers of a package: chapters of words, facts and tables, set on pages of the report's look.
//!
//! Constraints first: every paper says on its first page whose it is, on which report and log it rests, and what it is not; every page
//! carries its check code, made as those of the report (`docs/formats.md` §8.2).

use crate::DocumentError;
use crate::chapters::{Context, framed};
use crate::flow::{AMBER, BODY, CELL, Cell, Column, FINE, Flow, INK, NOTE, RED, RULE, Row, TEAL};
use crate::lines::broken;
use crate::paper::{Align, LEFT, MEASURE, Mark, Page, Style, Target, rect, text};
use crate::{font, pdf};

/// A paper of a package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paper {
    /// File name inside its folder: `备案方案.pdf`.
    pub file: String,
    /// What it is called.
    pub title: String,
    /// Chapters.
    pub chapters: Vec<Chapter>,
    /// Chapters follow each other; otherwise each has pages of its own.
    pub flows: bool,
}

/// A chapter of a paper.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Chapter {
    /// What it is found by: an item, a question, or a kind of evidence. It stands on the chapter's first page.
    pub id: String,
    /// Its heading.
    pub title: String,
    /// What it says.
    pub parts: Vec<Part>,
}

/// A piece of a chapter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// A heading inside the chapter.
    Heading(String),
    /// A paragraph.
    Words(String),
    /// A paragraph that quotes a text, with where it stands.
    Quote(String, String),
    /// A small paragraph.
    Note(String),
    /// A paragraph that must not be overlooked.
    Warning(String),
    /// Names and values.
    Facts(Vec<(String, String)>),
    /// A table.
    Table(Listing),
    /// A box left empty for others to write in.
    Space(String),
}

/// A table of words.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listing {
    /// Heads of the columns with their shares of the width.
    pub head: Vec<(String, u16)>,
    /// Rows.
    pub rows: Vec<Entry>,
}

/// A row of a table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Entry {
    /// Its cells; what follows a line break in one is small.
    pub cells: Vec<String>,
    /// The chapter of the same paper, or the file and page, that it leads to.
    pub to: Option<To>,
}

/// Where a row leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum To {
    /// A chapter of the same paper.
    Chapter(String),
    /// A page, from 1, of another file: its path from this one.
    File(String, usize),
}

impl Entry {
    /// A row that leads nowhere.
    pub fn new(cells: impl IntoIterator<Item = String>) -> Self {
        Self { cells: cells.into_iter().collect(), to: None }
    }
}

/// A paper on pages.
pub(super) struct Set {
    pub(super) bytes: Vec<u8>,
    /// First page of each chapter with an id, from 1.
    pub(super) pages: Vec<(String, usize)>,
    /// Check code of each page.
    pub(super) codes: Vec<String>,
}

impl Set {
    pub(super) fn page_of(&self, id: &str) -> Option<usize> {
        self.pages.iter().find(|(chapter, _)| chapter == id).map(|(_, page)| *page)
    }

    /// Check code of a page, from 1.
    pub(super) fn code(&self, page: usize) -> &str {
        page.checked_sub(1).and_then(|i| self.codes.get(i)).map_or("", String::as_str)
    }
}

/// Sets a paper. Where chapters begin is known after the first round; links need a second.
pub(super) fn set(c: &Context<'_>, paper: &Paper) -> Result<Set, DocumentError> {
    let first = flowed(c, paper, &[]);
    let (mut flow, starts) = flowed(c, paper, &first.1);
    let title = format!("{} · {}", paper.title, c.factory());
    let codes = framed(c, &title, &mut flow.pages);
    let digest = protocol::sha256(flow.pages.iter().map(Page::words).collect::<String>().as_bytes());
    let about = pdf::About { title: &paper.title, language: c.words.lang.tag(), id: &digest.0 };
    let bookmarks: Vec<pdf::Bookmark> = flow
        .headings
        .iter()
        .filter(|h| h.level == 1)
        .map(|h| pdf::Bookmark { title: h.title.clone(), page: h.page })
        .collect();
    let bytes = pdf::written(&flow.pages, &bookmarks, &about)?;
    Ok(Set { bytes, pages: starts, codes })
}

fn flowed(c: &Context<'_>, paper: &Paper, starts: &[(String, usize)]) -> (Flow, Vec<(String, usize)>) {
    let mut flow = Flow::default();
    let mut found = Vec::new();
    flow.page();
    head(&mut flow, c, &paper.title);
    for (i, chapter) in paper.chapters.iter().enumerate() {
        if paper.flows {
            // A heading keeps its quotation and the first rows with it.
            flow.need(200.0);
        }
        if !chapter.title.is_empty() {
            flow.chapter(&chapter.title, i > 0 && !paper.flows);
        }
        if !chapter.id.is_empty() {
            found.push((chapter.id.clone(), flow.pages.len()));
            flow.words(FINE, &format!("{} {}", c.words.s("编号", "Id"), chapter.id));
        }
        for part in &chapter.parts {
            put(&mut flow, c, part, starts);
        }
    }
    (flow, found)
}

/// Title, and what the paper rests on.
fn head(flow: &mut Flow, c: &Context<'_>, title: &str) {
    let words = c.words;
    let style = Style { size: 17.0, face: font::Face::Bold, colour: INK };
    for line in broken(&font::shown(title), style.face, style.size, MEASURE) {
        flow.need(26.0);
        flow.gap(22.0);
        let y = flow.y() - 6.0;
        flow.put([text(LEFT, y, Align::Left, style, &line)]);
    }
    flow.gap(2.0);
    if c.report.simulated {
        flow.words(
            BODY.bold().ink(RED),
            words.s(
                "模拟数据 SIMULATED：数据由模拟器产生，没有真实设备",
                "模拟数据 SIMULATED: made by simulators, no machine stands behind it",
            ),
        );
    }
    let rests = match words.lang {
        look::text::Lang::Zh => format!(
            "{}（{}）· 报告编号 {} · 站点日志 {} · 依据前 {} 条 · 根摘要 {} · report.json 的 SHA-256 {}",
            c.factory(),
            c.report.site,
            c.number(),
            c.origin,
            c.size,
            c.root,
            c.digest
        ),
        look::text::Lang::En => format!(
            "{} ({}) · report {} · site log {} · first {} leaves · root {} · SHA-256 of report.json {}",
            c.factory(),
            c.report.site,
            c.number(),
            c.origin,
            c.size,
            c.root,
            c.digest
        ),
    };
    flow.words(FINE, &rests);
    let not = words.s(
        "本材料只列数据、填报及其来源，不作验收结论，不给出等级或评分",
        "This paper lists data, statements and where they come from; it states no acceptance result, no level and no score",
    );
    flow.words(NOTE, &format!("{not}{}{}{}", words.s("；", "; "), c.notice(), words.s("。", ".")));
    flow.gap(4.0);
}

fn put(flow: &mut Flow, c: &Context<'_>, part: &Part, starts: &[(String, usize)]) {
    match part {
        Part::Heading(title) => flow.part(title),
        Part::Words(words) => flow.words(BODY, words),
        Part::Quote(article, quote) => {
            flow.words(BODY.bold().ink(INK), article);
            flow.indented(12.0, BODY.ink(TEAL), quote);
        }
        Part::Note(words) => flow.words(NOTE, words),
        Part::Warning(words) => flow.words(BODY.ink(RED), &format!("△ {words}")),
        Part::Facts(facts) => {
            let sign = c.words.s("：", ": ");
            for (name, value) in facts {
                flow.words(BODY, &format!("{name}{sign}{value}"));
            }
            flow.gap(3.0);
        }
        Part::Table(listing) => table(flow, listing, starts),
        Part::Space(words) => {
            let height = 74.0;
            flow.need(height + 8.0);
            let top = flow.y() + 3.0;
            flow.put([
                Mark::Stroke(rect(LEFT, top, MEASURE, height), RULE, 0.8, Some((3.0, 2.0))),
                text(LEFT + 8.0, top + 15.0, Align::Left, CELL.ink(AMBER), words),
            ]);
            flow.gap(height + 10.0);
        }
    }
}

fn table(flow: &mut Flow, listing: &Listing, starts: &[(String, usize)]) {
    let columns: Vec<Column> =
        listing.head.iter().map(|(_, share)| Column { share: f32::from(*share), align: Align::Left }).collect();
    let head: Vec<&str> = listing.head.iter().map(|(name, _)| name.as_str()).collect();
    let cell = |words: &String| {
        let mut lines = words.split('\n');
        let cell = Cell::new(lines.next().unwrap_or_default());
        lines.fold(cell, |cell, line| cell.and(line))
    };
    let target = |to: &To| match to {
        To::Chapter(id) => {
            let page = starts.iter().find(|(chapter, _)| chapter == id).map(|(_, page)| page.saturating_sub(1));
            page.map(Target::Page)
        }
        To::File(path, page) => Some(Target::File { path: path.clone(), page: page.saturating_sub(1) }),
    };
    let rows: Vec<Row> = listing
        .rows
        .iter()
        .map(|entry| Row::new(entry.cells.iter().map(cell)).leading(entry.to.as_ref().and_then(target)))
        .collect();
    flow.table(&columns, &head, &rows);
}
