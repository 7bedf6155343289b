//! 「数字化改造成效数据佐证报告」 as documents to print, sign and file: PDF and XLSX, Chinese and English.
//!
//! Constraints first:
//! - **Pure**: report.json and what its log says of itself in, bytes out; no clock, no disk, no randomness. The same input
//!   gives the same bytes.
//! - report.json is the norm; a document only prints it. It states no acceptance result and no digital level, and says on
//!   every page what it is not: 本报告不构成公证、计量检定或鉴定.
//! - Every page carries a **check code** over its own words and the report's digest (`docs/formats.md` §8.2), so that a stamped
//!   scan can be compared by hand with the file.
//! - What is simulated says so on every page and sheet. What a person stated is amber and outlined with dots, what nobody
//!   knows is hatched, as on the pages.
//!
//! Why there is our own layouter: `docs/decisions/017-own-typesetting.md`.
//!
//! `read` report.json · `words`, `fields`, `figures` how codes, declarations and values are said · `font`, `lines`, `flow`, `paper` setting text ·
//! `svg` the pictures of `look::chart` · `chapters` what the report says · `pdf`, `xlsx` the two files · `package` the papers of a city's package · `outline` where
//! the chapters of a document begin.

mod chapters;
mod fields;
mod figures;
mod flow;
mod font;
mod lines;
mod outline;
pub mod package;
mod paper;
mod pdf;
mod read;
mod svg;
mod words;
mod xlsx;

use std::collections::BTreeMap;

use look::text::Lang;
use protocol::note::Checkpoint;
use protocol::sha256;

use chapters::Context;
use read::Report;
use words::Words;

/// Why a document could not be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DocumentError {
    /// The report is not one.
    #[error("report.json cannot be read: {0} / 无法读取 report.json")]
    Report(String),
    /// The checkpoint is not one.
    #[error("the checkpoint cannot be read: {0} / 无法读取检查点")]
    Checkpoint(String),
    /// A face of this program is broken.
    #[error("the fonts of this program cannot be used: {0} / 程序内置字体不可用")]
    Font(String),
    /// A picture holds something that cannot be drawn.
    #[error("a chart cannot be drawn: {0} / 图表无法绘制")]
    Picture(String),
    /// The archive could not be written.
    #[error("the archive cannot be written: {0} / 压缩包无法生成")]
    Archive(String),
    /// The workbook could not be written.
    #[error("the workbook cannot be written: {0} / 表格文件无法生成")]
    Workbook(String),
}

/// What documents are made of.
#[derive(Debug, Clone, Copy)]
pub struct Source<'s> {
    /// The report, canonical JSON.
    pub report: &'s [u8],
    /// The signed checkpoint over the leaves the report is about.
    pub checkpoint: &'s str,
    /// Bodies of the declarations of the log by leaf, as far as they are at hand: printed beside the statement they belong to.
    pub declared: &'s BTreeMap<u64, serde_json::Value>,
}

/// A document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Its path in a bundle: `report.zh-CN.pdf`.
    pub name: &'static str,
    /// The file.
    pub bytes: Vec<u8>,
}

/// The names of all documents, in the order they are made.
pub const NAMES: [&str; 4] = ["report.zh-CN.pdf", "report.zh-CN.xlsx", "report.en.pdf", "report.en.xlsx"];

/// Makes all four documents.
///
/// # Errors
/// A report or checkpoint that cannot be read; see [`DocumentError`].
pub fn documents(source: &Source<'_>) -> Result<Vec<Document>, DocumentError> {
    let mut out = Vec::with_capacity(NAMES.len());
    for (lang, names) in [(Lang::Zh, &NAMES[..2]), (Lang::En, &NAMES[2..])] {
        let edition = edition(source, lang)?;
        for (name, bytes) in names.iter().zip([edition.pdf, edition.xlsx]) {
            out.push(Document { name, bytes });
        }
    }
    Ok(out)
}

/// The documents of one language, and the check code of every page of the PDF.
struct Edition {
    pdf: Vec<u8>,
    xlsx: Vec<u8>,
    #[cfg_attr(not(test), allow(dead_code))]
    pages: Vec<paper::Page>,
    #[cfg_attr(not(test), allow(dead_code))]
    codes: Vec<String>,
}

fn edition(source: &Source<'_>, lang: Lang) -> Result<Edition, DocumentError> {
    with_context(source, lang, |context| {
        let made = chapters::set(context)?;
        let digest = sha256(source.report);
        let about = pdf::About { title: &context.title(), language: lang.tag(), id: &digest.0 };
        let bookmarks: Vec<pdf::Bookmark> = made
            .headings
            .iter()
            .filter(|h| h.level == 1)
            .map(|h| pdf::Bookmark { title: h.title.clone(), page: h.page })
            .collect();
        let pdf = pdf::written(&made.pages, &bookmarks, &about)?;
        let xlsx = xlsx::written(context, &made.codes)?;
        Ok(Edition { pdf, xlsx, pages: made.pages, codes: made.codes })
    })
}

/// Reads a source and hands on what every chapter knows.
fn with_context<T>(
    source: &Source<'_>,
    lang: Lang,
    work: impl FnOnce(&Context<'_>) -> Result<T, DocumentError>,
) -> Result<T, DocumentError> {
    let report = Report::read(source.report)?;
    let checkpoint =
        Checkpoint::read_unverified(source.checkpoint).map_err(|e| DocumentError::Checkpoint(e.to_string()))?;
    work(&Context {
        report: &report,
        words: Words { lang },
        origin: &checkpoint.origin,
        size: checkpoint.size,
        root: checkpoint.root.to_string(),
        digest: sha256(source.report).to_string(),
        witnesses: witnesses(source.checkpoint, &checkpoint.origin),
        declared: source.declared,
    })
}

/// Names of the keys that signed a checkpoint beside the log's own: its witnesses. The log signs under its origin or the
/// server's part of it.
fn witnesses(note: &str, origin: &str) -> Vec<String> {
    let names = note.lines().filter_map(|l| l.strip_prefix("— ")).filter_map(|l| l.split(' ').next());
    let server = origin.split('/').next().unwrap_or_default();
    names
        .filter(|name| {
            *name != server && !origin.strip_prefix(*name).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        })
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests;
