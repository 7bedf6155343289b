//! 电子佐证包 by a city's folders: which item has which evidence on which page, what the firm adds, what lacks and from whom.
//!
//! Whoever may see the figures sees the list; the files belong to the bundle, and so does the right to have them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use document::package::{FiledTarget, Paper, Proof};
use look::text::Lang;
use metrics::model::Names;
use practice::package::{ItemResult, Package, fill};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    ClauseView, FilingView, ONE_AT_A_TIME, QueryError, ReportView, RuleEntry, SiteHead, Words, filing, off_thread,
    reports,
};
use crate::packaging::{Packed, Wanted, cities, pack};
use crate::reporting::bundle_path;
use crate::roles::{Access, Permission};
use crate::sitelog::SiteLogs;
use crate::store::Store;

/// Which package.
#[derive(Clone, Debug, Default)]
pub struct PackageWanted {
    /// Leaf of the report; the newest with a bundle by default.
    pub report: Option<i64>,
    /// Name of the city's folders; by default those of the rule that the plan was filed under, or the first.
    pub overlay: Option<String>,
    /// Id of the filing; the first by default.
    pub filing: Option<String>,
}

/// The page of an item or a question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct PackageProof {
    /// Id of the item or question.
    pub id: String,
    /// Its name.
    pub names: Words,
    /// File in the package.
    pub file: String,
    /// Page, from 1.
    pub page: usize,
    /// The check code that this page carries.
    pub code: String,
}

/// Where evidence lies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct PackagePlace {
    /// File in the package.
    pub file: String,
    /// Page, where one is meant.
    pub page: Option<String>,
}

/// What an item lacks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct PackageLack {
    /// What.
    pub names: Words,
    /// From whom it comes.
    pub from: Words,
}

/// An item.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct PackageItem {
    /// Its id.
    pub id: String,
    /// Its name.
    pub names: Words,
    /// The text asks for it in words.
    pub required: bool,
    /// `ours`, `firm`, `both`, `partly`, `missing`.
    pub filled: String,
    /// The same in words.
    pub filled_words: Words,
    /// Where the text asks for it.
    pub clause: Option<ClauseView>,
    /// Its page; none while no report is issued.
    pub proof: Option<PackageProof>,
    /// Where our evidence is.
    pub places: Vec<PackagePlace>,
    /// What the firm adds.
    pub firm: Option<Words>,
    /// What lacks.
    pub lacks: Vec<PackageLack>,
}

/// A folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct PackageFolder {
    /// Its name in the archive, and in English.
    pub path: Words,
    /// Where the text asks for it.
    pub clause: Option<ClauseView>,
    /// Its items.
    pub items: Vec<PackageItem>,
}

/// A file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct PackageFile {
    /// Path in the archive.
    pub path: String,
    /// SHA-256, hex.
    pub sha256: String,
    /// Bytes.
    pub bytes: u64,
}

/// A file of a city's folders that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct PackageRefused {
    /// File name.
    pub file: String,
    /// Where and why.
    pub why: Words,
}

/// A package with what is in it and what lacks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct PackageView {
    /// The site.
    pub site: SiteHead,
    /// Reports that a package can be made of, newest first.
    pub reports: Vec<ReportView>,
    /// The one it is made of; none: no report was issued, and nothing is there yet.
    pub report: Option<i64>,
    /// Cities whose folders are known.
    pub overlays: Vec<RuleEntry>,
    /// The one it is made for.
    pub overlay: String,
    /// Files of folders that cannot be used, with the reason.
    pub refused: Vec<PackageRefused>,
    /// Filings of the site.
    pub filings: Vec<String>,
    /// The one that is in it.
    pub filing: Option<String>,
    /// Folders in order.
    pub folders: Vec<PackageFolder>,
    /// The 评测指标, question by question.
    pub questions: Vec<PackageProof>,
    /// Every file.
    pub files: Vec<PackageFile>,
    /// The reader may have the files.
    pub may_download: bool,
}

/// Where a package is made from.
#[derive(Clone, Copy)]
pub(crate) struct From<'f> {
    pub(crate) store: &'f Store,
    pub(crate) logs: &'f SiteLogs,
    pub(crate) data_dir: &'f Path,
}

/// A package in a language, with its files while a report is there. `papers` prints the filing, and a sheet where one was computed.
pub(crate) async fn package(
    from: From<'_>,
    access: &Access,
    site: &str,
    (wanted, lang): (&PackageWanted, Lang),
    now_ms: i64,
    papers: impl FnOnce(&FilingView) -> (Vec<Paper>, Vec<FiledTarget>),
) -> Result<(PackageView, Option<Arc<Packed>>), QueryError> {
    let filed = filing(from.store, from.logs, access, site, wanted.filing.as_deref(), now_ms).await?;
    let row = super::visible(from.store, access, Permission::SeeFigures, site).await?;
    let may_download = access.allows(Permission::SeeRaw, &row);
    let folder = from.data_dir.to_path_buf();
    let (all, refused) = off_thread(move || Ok(cities(&folder))).await?;
    let asked = wanted.overlay.as_deref().filter(|name| !name.is_empty());
    let rule = filed.filing.as_ref().and_then(|f| f.rule.as_ref()).map(|rule| rule.id.as_str());
    let city = match asked {
        Some(name) => all.iter().find(|city| city.name == name),
        None => all.iter().find(|city| rule.is_some() && city.overlay.rule.as_deref() == rule).or(all.first()),
    };
    let city = city.ok_or(QueryError::NotFound)?;
    let mut reports = reports(from.store, access, site).await?;
    reports.retain(|report| report.bundle);
    let report = match wanted.report {
        Some(leaf) => Some(reports.iter().find(|r| r.leaf == leaf).ok_or(QueryError::NotFound)?.leaf),
        None => reports.first().map(|r| r.leaf),
    };
    let packed = match report {
        None => None,
        Some(leaf) => {
            let row = from.store.report(site, leaf).await?.ok_or(QueryError::NotFound)?;
            let path =
                row.bundle.and_then(|name| bundle_path(from.data_dir, site, &name)).ok_or(QueryError::NotFound)?;
            let (papers, targets) = papers(&filed);
            let wanted = Wanted {
                site: site.parse().map_err(|_| QueryError::NotFound)?,
                bundle: path,
                city: city.clone(),
                lang,
                papers,
                targets,
            };
            let logs = from.logs.clone();
            let _one = ONE_AT_A_TIME.lock().await;
            Some(off_thread(move || pack(&logs, wanted)).await?)
        }
    };
    let empty = || fill(&city.overlay, &BTreeMap::new(), &BTreeSet::new());
    let proofs = packed.as_ref().map_or(&[][..], |p| &p.built.proofs);
    let view = PackageView {
        filings: filed.filings,
        filing: filed.filing.map(|f| f.id),
        site: SiteHead::from(row),
        report,
        reports,
        overlays: all.iter().map(|c| RuleEntry { id: c.name.clone(), names: both(&c.overlay.names) }).collect(),
        overlay: city.name.clone(),
        refused: refused.into_iter().map(|(file, why)| PackageRefused { file, why }).collect(),
        folders: match &packed {
            Some(packed) => list(&packed.built.package, proofs),
            None => list(&empty(), proofs),
        },
        questions: proofs.iter().filter(|p| p.is_question).map(proof).collect(),
        files: packed.as_ref().map_or_else(Vec::new, |p| {
            let file = |f: &document::package::File| PackageFile {
                path: f.path.clone(),
                sha256: f.sha256.clone(),
                bytes: f.length,
            };
            p.built.files.iter().map(file).collect()
        }),
        may_download,
    };
    Ok((view, packed))
}

/// The archive of a package, one at a time.
pub(crate) async fn package_archive(packed: Arc<Packed>, data_dir: &Path) -> Result<File, QueryError> {
    let data_dir = data_dir.to_owned();
    let _one = ONE_AT_A_TIME.lock().await;
    off_thread(move || packed.archive(&data_dir)).await
}

fn both(names: &Names) -> Words {
    Words { zh: names.zh.clone(), en: names.en.clone() }
}

fn clause(of: &practice::words::Clause) -> ClauseView {
    ClauseView { article: of.article.clone(), quote: of.quote.clone(), en: of.en.clone() }
}

fn proof(of: &Proof) -> PackageProof {
    PackageProof {
        id: of.id.clone(),
        names: of.names.clone(),
        file: of.file.clone(),
        page: of.page,
        code: of.code.clone(),
    }
}

fn list(package: &Package, proofs: &[Proof]) -> Vec<PackageFolder> {
    let item = |item: &ItemResult| PackageItem {
        id: item.item.clone(),
        names: both(&item.names),
        required: item.required,
        filled: serde_json::to_value(item.filled).ok().and_then(|v| Some(v.as_str()?.to_owned())).unwrap_or_default(),
        filled_words: item.filled.words().into(),
        clause: item.clause.as_ref().map(clause),
        proof: proofs.iter().find(|p| !p.is_question && p.id == item.item).map(proof),
        places: item
            .places
            .iter()
            .map(|place| PackagePlace { file: place.file.clone(), page: place.page.clone() })
            .collect(),
        firm: item.firm.as_ref().map(both),
        lacks: item.lacks.iter().map(|l| PackageLack { names: both(&l.names), from: both(&l.from) }).collect(),
    };
    let folder = |folder: &practice::package::FolderResult| PackageFolder {
        path: both(&folder.path),
        clause: folder.clause.as_ref().map(clause),
        items: folder.items.iter().map(item).collect(),
    };
    package.folders.iter().map(folder).collect()
}
