//! 电子佐证包 of a city: an issued report, the filed plan and what else is there, sorted into the city's folders, each item with a page of its
//! own, an index with page numbers and check codes, and a list of what lacks.
//!
//! Constraints first:
//! - **Pure**: the same input gives the same bytes, file by file and in the archive.
//! - Folders, items and what they rest on are the overlay's; nothing here knows a city.
//! - A figure is the report's, with its bounds; levels, points and whether papers suffice are left to those who decide them.
//! - Evidence is filed once, in the folder that asks for it first; other items point to it.
//! - The firm's papers are the firm's: they are named, and nothing is filled in for it.
//!
//! `paper` sets words on pages · `items` the pages of a folder · `questions` the 评测指标 · `figures` what the report holds · `tables` workbooks ·
//! `places` where everything is · `index` 目录 and 缺件清单.

mod figures;
mod index;
mod items;
mod paper;
mod places;
mod questions;
mod tables;

use std::collections::BTreeSet;
use std::io::{self, Read, Seek, Write};

use look::text::Lang;
use metrics::figures::questionnaire::Questionnaire;
use metrics::report::Words as Both;
use practice::package::{Overlay, Package, fill};
use protocol::sha256;

pub use self::paper::{Chapter, Entry, Listing, Paper, Part, To};

use self::paper::{Set, set};
use self::places::Places;
use crate::chapters::Context;
use crate::{DocumentError, Source, outline, with_context};

/// The index.
pub const INDEX: &str = "00 目录.pdf";
/// What lacks.
pub const MISSING: &str = "00 缺件清单.pdf";
/// The digests of all files, as `sha256sum` writes them.
pub const SUMS: &str = "00 SHA256SUMS.txt";

/// A target of the filed plan, in words.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FiledTarget {
    /// What is promised of.
    pub name: String,
    /// How much.
    pub promised: String,
    /// Base period.
    pub base: String,
    /// 计算口径, as filed.
    pub method: String,
}

/// The bundle of the report, which lies on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundle {
    /// Its file name.
    pub name: String,
    /// SHA-256, hex.
    pub sha256: String,
    /// Bytes.
    pub bytes: u64,
}

/// What a package is made of.
#[derive(Debug, Clone, Copy)]
pub struct Input<'i> {
    /// The report, and the checkpoint over the leaves it rests on.
    pub source: Source<'i>,
    /// The language of the papers; folders are always the city's.
    pub lang: Lang,
    /// The city's folders.
    pub overlay: &'i Overlay,
    /// What data says of the 评测指标; none where no machine is declared.
    pub questionnaire: Option<&'i Questionnaire>,
    /// Papers about the filed plan and the subsidy; the ids of their chapters are kinds of evidence.
    pub papers: &'i [Paper],
    /// Targets of the filed plan.
    pub targets: &'i [FiledTarget],
    /// The documents of the report, by their names in the bundle.
    pub documents: &'i [(String, Vec<u8>)],
    /// The bundle.
    pub bundle: Option<&'i Bundle>,
}

/// A file of a package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Path in the archive.
    pub path: String,
    /// SHA-256, hex.
    pub sha256: String,
    /// Length, bytes.
    pub length: u64,
    /// Its bytes; none: the bundle, which whoever writes the archive has.
    pub bytes: Option<Vec<u8>>,
}

impl File {
    fn new(path: &str, bytes: Vec<u8>) -> Self {
        let sha256 = sha256(&bytes).to_string();
        Self { path: path.to_owned(), sha256, length: bytes.len() as u64, bytes: Some(bytes) }
    }
}

/// Where an item or a question has its page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// The item's id in the overlay, or the question: `miit.2024@1 Q2`.
    pub id: String,
    /// Its name.
    pub names: Both,
    /// It is a question of the 评测指标.
    pub is_question: bool,
    /// File in the package.
    pub file: String,
    /// Page, from 1.
    pub page: usize,
    /// The check code in the footer of that page.
    pub code: String,
}

/// A package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Built {
    /// Files in the order of the archive.
    pub files: Vec<File>,
    /// Folders and items with what is there and what lacks.
    pub package: Package,
    /// A page for every item and every question, in order.
    pub proofs: Vec<Proof>,
}

impl Built {
    /// Writes the archive; the same input gives the same bytes. The bundle goes into it as it is read.
    ///
    /// # Errors
    /// An archive that is too large, or what reading and writing met.
    pub fn write<W: Write + Seek, R: Read>(
        &self,
        out: W,
        bundle: impl Fn() -> io::Result<R>,
    ) -> Result<W, DocumentError> {
        let bundle = &bundle;
        let files = self.files.iter().map(|file| {
            let write = move |out: &mut dyn Write| match &file.bytes {
                Some(bytes) => out.write_all(bytes),
                None => io::copy(&mut bundle()?, out).map(drop),
            };
            (file.path.as_str(), write)
        });
        protocol::bundle::write_to(out, files).map_err(|e| DocumentError::Archive(e.to_string()))
    }
}

/// Builds a package.
///
/// # Errors
/// A report or checkpoint that cannot be read; see [`DocumentError`].
pub fn build(input: &Input<'_>) -> Result<Built, DocumentError> {
    with_context(&input.source, input.lang, |c| Packing::new(c, input).build())
}

/// A package under construction.
struct Packing<'f> {
    c: &'f Context<'f>,
    input: &'f Input<'f>,
    /// Files inside folders, in the order they were made.
    files: Vec<File>,
    places: Places,
    proofs: Vec<Proof>,
}

impl<'f> Packing<'f> {
    fn new(c: &'f Context<'f>, input: &'f Input<'f>) -> Self {
        Self { c, input, files: Vec::new(), places: Places::default(), proofs: Vec::new() }
    }

    fn build(mut self) -> Result<Built, DocumentError> {
        let (c, input) = (self.c, self.input);
        for paper in input.papers {
            self.given(paper)?;
        }
        self.report();
        self.workbooks()?;
        let questions = self.questions()?;
        let package = fill(input.overlay, self.places.kinds(), &BTreeSet::new());
        for folder in &package.folders {
            let paper = items::paper(c, folder, &self.places, input.questionnaire);
            let path = format!("{}/{}", folder.path.zh, paper.file);
            let set = set(c, &paper)?;
            for item in &folder.items {
                let names = Both { zh: item.names.zh.clone(), en: item.names.en.clone() };
                self.prove(&item.item, names, false, (&path, &set));
            }
            self.paper(&path, set);
        }
        self.proofs.extend(questions);
        let missing = set(c, &index::missing(c, &package))?;
        self.paper(MISSING, missing);
        // Paths as a reader sorts them: the lists first, then folder by folder.
        self.files.sort_by(|a, b| a.path.cmp(&b.path));
        let title = c.words.s(&input.overlay.names.zh, &input.overlay.names.en);
        let index = set(c, &index::index(c, title, &package, &self.proofs, &self.files))?;
        let index = File::new(INDEX, index.bytes);
        let line = |file: &File| format!("{}  {}\n", file.sha256, file.path);
        let sums: String = std::iter::once(&index).chain(&self.files).map(line).collect();
        let mut files = vec![index, File::new(SUMS, sums.into_bytes())];
        files.extend(self.files);
        Ok(Built { files, package, proofs: self.proofs })
    }

    /// The path of a file that is evidence of a kind, if the city asks for it.
    fn path(&self, kind: &str, file: &str) -> Option<String> {
        Some(format!("{}/{file}", self.input.overlay.folder_of(kind)?.zh))
    }

    fn file(&mut self, path: &str, bytes: Vec<u8>) {
        let file = File::new(path, bytes);
        self.places.file(path, &file.sha256);
        self.files.push(file);
    }

    fn paper(&mut self, path: &str, set: Set) {
        self.places.paper(path, &set);
        self.files.push(File::new(path, set.bytes));
    }

    fn prove(&mut self, id: &str, names: Both, is_question: bool, (path, set): (&str, &Set)) {
        if let Some(page) = set.page_of(id) {
            let code = set.code(page).to_owned();
            self.proofs.push(Proof { id: id.to_owned(), names, is_question, file: path.to_owned(), page, code });
        }
    }

    /// A paper whose chapters are evidence.
    fn given(&mut self, paper: &Paper) -> Result<(), DocumentError> {
        let Some(path) = paper.chapters.iter().find_map(|chapter| self.path(&chapter.id, &paper.file)) else {
            return Ok(());
        };
        let set = set(self.c, paper)?;
        for (kind, page) in &set.pages {
            self.places.add(kind, &path, Some(*page));
        }
        self.paper(&path, set);
        Ok(())
    }

    /// The report's own files, and its chapters where data is shown.
    fn report(&mut self) {
        let (c, input) = (self.c, self.input);
        let tag = c.words.lang.tag();
        let document = |ending: &str| {
            let name = format!("report.{tag}.{ending}");
            input.documents.iter().find(|(n, _)| *n == name).map(|(_, bytes)| bytes.clone())
        };
        for (kind, file, ending) in
            [("report", "数字化改造成效数据佐证报告.pdf", "pdf"), ("workbook", "佐证报告工作簿.xlsx", "xlsx")]
        {
            let (Some(bytes), Some(path)) = (document(ending), self.path(kind, file)) else { continue };
            self.places.add(kind, &path, None);
            let chapters = if ending == "pdf" { outline::chapters(&bytes) } else { Vec::new() };
            self.file(&path, bytes);
            for (kind, title) in [
                ("collection", c.words.s("覆盖率与数据缺失", "Coverage and gaps")),
                ("production", c.words.s("逐台设备", "Machine by machine")),
                ("energy", c.words.s("能源资源利用率", "Energy")),
            ] {
                let page = chapters.iter().find(|(t, _)| t.contains(title)).map(|(_, page)| *page);
                if page.is_some() && !figures::of(c, kind).is_empty() {
                    self.places.add(kind, &path, page);
                }
            }
        }
        if let (Some(bundle), Some(path)) = (input.bundle, input.bundle.and_then(|b| self.path("bundle", &b.name))) {
            self.places.add("bundle", &path, None);
            self.places.file(&path, &bundle.sha256);
            self.files.push(File { path, sha256: bundle.sha256.clone(), length: bundle.bytes, bytes: None });
        }
    }

    fn workbooks(&mut self) -> Result<(), DocumentError> {
        let c = self.c;
        if let Some(path) = self.path("targets", "绩效自评表.xlsx") {
            if c.report.has_targets() {
                self.places.add("targets", &path, None);
            }
            let bytes = tables::assessment(c, self.input.targets)?;
            self.file(&path, bytes);
        }
        if let Some(path) = self.path("ledger", "设备台账.xlsx")
            && !c.report.machines.is_empty()
        {
            self.places.add("ledger", &path, None);
            let bytes = tables::ledger(c)?;
            self.file(&path, bytes);
        }
        Ok(())
    }

    /// The pages of the 评测指标; their proofs come after those of the items.
    fn questions(&mut self) -> Result<Vec<Proof>, DocumentError> {
        let (c, data) = (self.c, self.input.questionnaire);
        let file = "评测指标逐题佐证.pdf";
        let kinds = ["questions", "level_before", "level_after"];
        let Some(path) = kinds.iter().find_map(|kind| self.path(kind, file)) else { return Ok(Vec::new()) };
        let set = set(c, &questions::paper(c, file, data))?;
        if data.is_some() {
            self.places.add("questions", &path, Some(1));
        }
        for kind in self.levels() {
            self.places.add(kind, &path, set.page_of(questions::LEVELS));
        }
        let before = self.proofs.len();
        for (id, names) in questions::all() {
            self.prove(&id, names, true, (&path, &set));
        }
        let proofs = self.proofs.split_off(before);
        self.paper(&path, set);
        Ok(proofs)
    }

    /// Which levels bodies stated: before the reporting period, or since it began. Without two periods nothing is before and nothing after.
    fn levels(&self) -> Vec<&'static str> {
        let c = self.c;
        let Some([_, reporting]) = c.periods().first_chunk::<2>() else { return Vec::new() };
        let stated = c.report.statements.iter().filter(|s| s.kind == "level_assessed" && s.invalid.is_none());
        let dates: Vec<&str> = stated.filter_map(|s| c.declared.get(&s.leaf)?.get("date")?.as_str()).collect();
        let mut kinds = Vec::new();
        if dates.iter().any(|d| *d < reporting.from.as_str()) {
            kinds.push("level_before");
        }
        if dates.iter().any(|d| *d >= reporting.from.as_str()) {
            kinds.push("level_after");
        }
        kinds
    }
}
