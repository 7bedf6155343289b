//! Step 6: the documents of the report (PDF, XLSX) are those the server issued: their SHA-256 stand in the log beside the report's.
//!
//! Constraints first: a document is not computed again here, so only its digest speaks; a document that the log does not name is
//! refused, because it looks as if it belonged to the report; one that is named and not here is a note, because whoever hands on a
//! bundle may leave it out. A report issued before there were documents names none, and stays valid.

use std::collections::{BTreeMap, BTreeSet};

use protocol::{Declaration, LeafBody, sha256};
use serde_json::Value as Json;

use crate::{Finding, archive::Archive, recompute};

pub(crate) fn check(archive: &Archive, findings: &mut Vec<Finding>) {
    let Some(report) = archive.files.get(recompute::REPORT) else { return };
    let named = named(archive, &sha256(report).to_string());
    let paths: BTreeSet<&str> = named
        .keys()
        .map(String::as_str)
        .chain(archive.files.keys().map(String::as_str).filter(|p| is_document(p)))
        .collect();
    let mut held = 0;
    for path in paths {
        match (named.get(path), archive.files.get(path)) {
            (Some(digests), Some(bytes)) if digests.contains(&sha256(bytes).to_string()) => held += 1,
            (Some(_), Some(_)) => findings.push(Finding::refused(
                "document",
                path,
                "该文件不是服务器出具的那一份：其摘要与站点日志中的出具记录不符",
                "this is not the document the server issued: its digest is not the one the log names",
            )),
            (None, _) => findings.push(Finding::refused(
                "document",
                path,
                "站点日志中本报告的出具记录没有列出该文件：它不是服务器随本报告出具的",
                "the log does not name this document among those issued with the report",
            )),
            (Some(_), None) => findings.push(Finding::note(
                "document",
                path,
                "该文件随本报告出具，但不在包内",
                "this document was issued with the report and is not in the bundle",
            )),
        }
    }
    if held > 0 {
        findings.push(Finding::ok(
            "document",
            format!("报告文件（PDF、XLSX）共 {held} 份，与站点日志中的出具记录一致"),
            format!("{held} documents (PDF, XLSX) are those the log says were issued"),
        ));
    }
}

/// What may be taken for a document of the report.
fn is_document(path: &str) -> bool {
    path.starts_with("report.") && path != recompute::REPORT && !path.contains('/')
}

/// Digests by path that issues of this report name.
fn named(archive: &Archive, report: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut out: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for leaf in &archive.leaves {
        let content = leaf.content_digest().and_then(|d| archive.files.get(&format!("contents/{d}")));
        let (LeafBody::Declaration { kind, .. }, Some(bytes)) = (&leaf.body, content) else { continue };
        if kind != recompute::REPORT_ISSUED {
            continue;
        }
        let Ok(declaration) = Declaration::decode(bytes) else { continue };
        if declaration.body.get("report").and_then(Json::as_str) != Some(report) {
            continue;
        }
        let documents = declaration.body.get("documents").and_then(Json::as_object);
        for (path, digest) in documents.into_iter().flatten() {
            if let Some(digest) = digest.as_str() {
                out.entry(path.clone()).or_default().insert(digest.to_owned());
            }
        }
    }
    out
}
