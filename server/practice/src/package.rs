//! 电子佐证包 by a city: the attachment folders its papers ask for, and what is in them already.
//!
//! Constraints
//! 1. Folders and items come from an overlay file, each with the place of the text that asks for it, or with words that say why it is there.
//! 2. An item is ours only as far as evidence exists; all else is 企业填报, and says so. Nothing is filled in for the firm.
//! 3. An item is complete when all of its evidence is there and the firm added its part; it says from whom. What lacks is named.
//! 4. `required` is what a text asks for in words; all else is offered.
//! 5. A list of missing items is a list, no verdict: whether papers suffice is for those who ask for them.
//!
//! The format is described in `docs/reference/data-files.md`; overlays are in `configs/policy/packages/`.

use std::collections::{BTreeMap, BTreeSet};

use metrics::model::Names;
use serde::{Deserialize, Serialize};
use toml::Spanned;

use crate::file::{FileError, Source};
use crate::words::{Clause, words};

/// Kinds of evidence this program can hold, with their names.
pub const EVIDENCE: [(&str, &str, &str); 15] = [
    ("bundle", "电子佐证包数据（可离线核验）", "the bundle that anyone can verify offline"),
    ("report", "数字化改造成效数据佐证报告", "report of evidence"),
    ("workbook", "佐证报告工作簿", "workbook of the report"),
    ("filed_plan", "备案方案", "filed plan"),
    ("plan_changes", "变更申请与意见", "applications and opinions"),
    ("promised", "承诺与实际对照表", "promised, connected, producing"),
    ("targets", "绩效目标对照", "targets against results"),
    ("subsidy_sheet", "补助测算表", "subsidy sheet"),
    ("level_before", "改造前评测等级记录", "level before the retrofit, as stated by the assessing body"),
    ("level_after", "改造后评测等级记录", "level after the retrofit, as stated by the assessing body"),
    ("questions", "评测指标逐题佐证", "what data says of the 评测指标, question by question"),
    ("ledger", "设备台账", "equipment ledger"),
    ("collection", "设备联网与数据采集", "connection and collection"),
    ("production", "产量、节拍、换线与利用率", "counts, cycle times, changeovers, utilisation"),
    ("energy", "能耗", "energy"),
];

/// An overlay file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Overlay {
    id: Spanned<String>,
    /// What the package is for.
    pub names: Names,
    /// Its rule file, by id.
    pub rule: Option<String>,
    /// Folders, in order.
    pub folder: Vec<Folder>,
    /// Items, in order.
    pub item: Vec<Item>,
}

/// A folder of attachments.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Folder {
    id: Spanned<String>,
    /// Its name; the Chinese one is the folder's.
    pub names: Names,
    /// Where the text asks for it.
    pub clause: Option<Clause>,
}

/// What a folder holds: a paper, or a page that answers one content asked for.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Item {
    id: Spanned<String>,
    /// Its folder.
    folder: Spanned<String>,
    /// Its name.
    pub names: Names,
    /// The text asks for it in words; otherwise it is offered.
    pub required: bool,
    /// What of ours it rests on; without any it is the firm's.
    #[serde(default)]
    evidence: Vec<Spanned<String>>,
    /// What the firm adds, beside the evidence or instead of it.
    pub firm: Option<Names>,
    /// Where the text asks for it.
    pub clause: Option<Clause>,
}

impl Overlay {
    /// Its id.
    pub fn id(&self) -> &str {
        self.id.get_ref()
    }

    /// Reads an overlay file.
    ///
    /// # Errors
    /// The first thing that is wrong, with its line, in Chinese and English.
    pub fn parse(text: &str) -> Result<Self, FileError> {
        let source = Source(text);
        let overlay: Self = source.read()?;
        overlay.check(source)?;
        Ok(overlay)
    }

    fn check(&self, source: Source<'_>) -> Result<(), FileError> {
        source.unique([&self.id])?;
        source.unique(self.folder.iter().map(|f| &f.id))?;
        source.unique(self.item.iter().map(|i| &i.id))?;
        let at = self.id.span().start;
        source.texts(at, [self.names.zh.as_str(), &self.names.en].into_iter().chain(self.rule.as_deref()))?;
        let said = |names: &Names, clause: Option<&Clause>, at: usize| {
            let clause = clause.map(|c| [c.article.as_str(), &c.quote, &c.en]);
            source.texts(at, [names.zh.as_str(), &names.en].into_iter().chain(clause.into_iter().flatten()))
        };
        for folder in &self.folder {
            let at = folder.id.span().start;
            said(&folder.names, folder.clause.as_ref(), at)?;
            if !is_file_name(&folder.names.zh) || !is_file_name(&folder.names.en) {
                let zh = "文件夹名称须为 1 至 60 个字符，不含 / \\ : * ? \" < > | 和首尾空格、句点";
                let en = "a folder's name has 1 to 60 characters, none of / \\ : * ? \" < > |, no space or full stop at its ends";
                return Err(source.refuse(at, words(zh, en)));
            }
        }
        for item in &self.item {
            let at = item.id.span().start;
            said(&item.names, item.clause.as_ref(), at)?;
            item.firm.as_ref().map_or(Ok(()), |firm| said(firm, None, at))?;
            let folder = item.folder.get_ref();
            if !self.folder.iter().any(|f| f.id.get_ref() == folder) {
                let shown: String = folder.chars().take(40).collect();
                let said = words(format!("没有文件夹 {shown}"), format!("there is no folder `{shown}`"));
                return Err(source.refuse(item.folder.span().start, said));
            }
            for (i, evidence) in item.evidence.iter().enumerate() {
                let name = evidence.get_ref();
                let known = EVIDENCE.iter().any(|(id, _, _)| id == name);
                let twice = item.evidence.iter().take(i).any(|e| e.get_ref() == name);
                if !known || twice {
                    let all = EVIDENCE.map(|(id, _, _)| id).join(", ");
                    let zh = format!("佐证种类未知或重复；可用的有 {all}");
                    let said = words(zh, format!("unknown evidence, or named twice; known are {all}"));
                    return Err(source.refuse(evidence.span().start, said));
                }
            }
            if item.evidence.is_empty() && item.firm.is_none() {
                let en = "an item rests on evidence, or says what the firm adds (`firm`)";
                return Err(source.refuse(at, words("须写 evidence，或写明企业填报的内容 firm", en)));
            }
            if item.required && item.clause.is_none() {
                let en = "what is required names the place that asks for it (`clause`)";
                return Err(source.refuse(at, words("必备材料须写明出处 clause", en)));
            }
        }
        match self.folder.iter().find(|f| !self.item.iter().any(|i| i.folder.get_ref() == f.id.get_ref())) {
            Some(empty) => {
                Err(source.refuse(empty.id.span().start, words("文件夹中没有材料", "the folder has no item")))
            }
            None => Ok(()),
        }
    }

    /// Where evidence of a kind is filed: the path of the folder whose item is the first to rest on it.
    pub fn folder_of(&self, evidence: &str) -> Option<Names> {
        let rests = |item: &&Item| item.evidence.iter().any(|e| e.get_ref() == evidence);
        let folder = self.item.iter().find(rests)?.folder.get_ref();
        let at = self.folder.iter().position(|f| f.id.get_ref() == folder)?;
        self.folder.get(at).map(|folder| path(at, folder))
    }

    /// Every place of the text that the file quotes.
    pub fn clauses(&self) -> impl Iterator<Item = &Clause> {
        let folders = self.folder.iter().filter_map(|f| f.clause.as_ref());
        folders.chain(self.item.iter().filter_map(|i| i.clause.as_ref()))
    }
}

/// Whether every common system takes it as the name of a folder.
fn is_file_name(name: &str) -> bool {
    let bad = |c: char| c.is_control() || matches!(c, '/' | '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|');
    !name.chars().any(bad) && name.trim_matches([' ', '.']) == name && (1..=60).contains(&name.chars().count())
}

/// Where evidence is: a document of the package and its page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Place {
    /// File name inside the package.
    pub file: String,
    /// Page, or sheet of a workbook.
    pub page: Option<String>,
}

/// How an item is filled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Filled {
    /// Complete, by our evidence alone.
    Ours,
    /// Complete, by the firm alone (企业填报).
    Firm,
    /// Complete, by our evidence and the firm's part.
    Both,
    /// Something is there, and something lacks.
    Partly,
    /// Nothing is there.
    Missing,
}

impl Filled {
    /// Chinese and English.
    pub const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Ours => ("系统佐证", "from evidence"),
            Self::Firm => ("企业填报", "from the firm"),
            Self::Both => ("系统佐证与企业填报", "from evidence and the firm"),
            Self::Partly => ("部分齐备", "in part"),
            Self::Missing => ("待补", "missing"),
        }
    }
}

/// What an item lacks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Lack {
    /// What.
    pub names: Names,
    /// From whom it comes.
    pub from: Names,
}

/// An item of the package.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ItemResult {
    /// Which.
    pub item: String,
    /// Its name.
    pub names: Names,
    /// The text asks for it in words.
    pub required: bool,
    /// How it is filled.
    pub filled: Filled,
    /// Where our evidence for it is.
    pub places: Vec<Place>,
    /// What the firm adds.
    pub firm: Option<Names>,
    /// What lacks: ours first, then the firm's.
    pub lacks: Vec<Lack>,
    /// Where the text asks for it.
    pub clause: Option<Clause>,
    /// The kinds of evidence it rests on.
    pub evidence: Vec<String>,
}

/// A folder of the package.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FolderResult {
    /// `01 申报材料`: its number in the package, and its name.
    pub path: Names,
    /// Its items.
    pub items: Vec<ItemResult>,
    /// Where the text asks for it.
    pub clause: Option<Clause>,
}

/// A package with what is in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Package {
    /// Folders in order.
    pub folders: Vec<FolderResult>,
}

impl Package {
    /// Items that lack something, required ones first, each group in the package's order (缺件清单).
    pub fn missing(&self) -> Vec<&ItemResult> {
        let mut out: Vec<&ItemResult> =
            self.folders.iter().flat_map(|f| &f.items).filter(|i| !i.lacks.is_empty()).collect();
        out.sort_by_key(|i| !i.required);
        out
    }
}

/// Fills an overlay: `evidence` says where each kind of evidence is, `supplied` which items the firm has added its part to.
pub fn fill(overlay: &Overlay, evidence: &BTreeMap<String, Vec<Place>>, supplied: &BTreeSet<String>) -> Package {
    let one = |item: &Item| {
        let there = |e: &str| evidence.get(e).is_some_and(|places| !places.is_empty());
        let (found, lacking): (Vec<&str>, Vec<&str>) =
            item.evidence.iter().map(|e| e.get_ref().as_str()).partition(|e| there(e));
        let is_supplied = supplied.contains(item.id.get_ref());
        let mut lacks: Vec<Lack> = lacking.iter().map(|e| Lack { names: named(e), from: from(e) }).collect();
        if let Some(firm) = item.firm.as_ref().filter(|_| !is_supplied) {
            let names = words(format!("企业填报：{}", firm.zh), format!("from the firm: {}", firm.en));
            lacks.push(Lack { names, from: words("企业", "the firm") });
        }
        let filled = match (lacks.is_empty(), !found.is_empty(), is_supplied) {
            (true, true, true) => Filled::Both,
            (true, true, false) => Filled::Ours,
            (true, false, _) => Filled::Firm,
            (false, false, false) => Filled::Missing,
            (false, _, _) => Filled::Partly,
        };
        let places = found.iter().filter_map(|e| evidence.get(*e)).flatten().cloned().collect();
        ItemResult {
            item: item.id.get_ref().clone(),
            names: item.names.clone(),
            required: item.required,
            filled,
            places,
            firm: item.firm.clone(),
            lacks,
            clause: item.clause.clone(),
            evidence: item.evidence.iter().map(|e| e.get_ref().clone()).collect(),
        }
    };
    let folders = overlay.folder.iter().enumerate().map(|(at, folder)| {
        let of = |item: &&Item| item.folder.get_ref() == folder.id.get_ref();
        FolderResult {
            path: path(at, folder),
            items: overlay.item.iter().filter(of).map(one).collect(),
            clause: folder.clause.clone(),
        }
    });
    Package { folders: folders.collect() }
}

fn path(at: usize, folder: &Folder) -> Names {
    let number = at + 1;
    words(format!("{number:02} {}", folder.names.zh), format!("{number:02} {}", folder.names.en))
}

/// From whom evidence of a kind comes, when it lacks.
fn from(evidence: &str) -> Names {
    match evidence {
        "level_before" | "level_after" => words("评测机构（记入日志）", "the assessing body, stated in the log"),
        "filed_plan" | "plan_changes" | "promised" => {
            words("企业（在系统中填报备案方案）", "the firm, which files its plan in the system")
        }
        "targets" => words("企业（在测量方案中填写绩效目标）", "the firm, by targets of its measurement plan"),
        "subsidy_sheet" => words(
            "企业（尚未测算；在补助测算页计算后加入）",
            "the firm: not computed yet; from the page of the subsidy sheet",
        ),
        "bundle" | "report" | "workbook" => words("出具佐证报告的一方", "whoever issues the report"),
        _ => words(
            "企业与服务商（尚未采集，或未声明设备）",
            "the firm and its provider: not collected yet, or no machine is declared",
        ),
    }
}

/// What evidence of a kind is called.
pub fn named(evidence: &str) -> Names {
    let found = EVIDENCE.iter().find(|(id, _, _)| *id == evidence);
    found.map_or_else(|| words(evidence, evidence), |(_, zh, en)| words(*zh, *en))
}

/// The overlays delivered with the program: name below `configs/policy/packages/` and text.
pub const DELIVERED: [(&str, &str); 1] = [("kunming", include_str!("../../../configs/policy/packages/kunming.toml"))];
