//! Step 6: the documents of the report (PDF, XLSX) are those the server issued: their SHA-256 stand in the log beside the report's.
//!
//! Constraints first: a document is not computed again here, so only its digest speaks; a document that the log does not name is
//! refused, because it looks as if it belonged to the report; one that is named and not here is a note, because whoever hands on a
//! bundle may leave it out. A report issued before there were documents names none, and stays valid.

use std::collections::{BTreeMap, BTreeSet};

use protocol::{Digest, sha256};
use serde_json::Value as Json;

use crate::{Finding, archive::Bundle, contents::Declared, recompute};

pub(crate) fn check(bundle: &Bundle<'_>, declared: &Declared, findings: &mut Vec<Finding>) {
    if let Err((path, e)) = compare(bundle, declared, findings) {
        let (zh, en) = (format!("无法读取（{e}）"), format!("cannot be read ({e})"));
        findings.push(Finding::refused("archive", path, zh, en));
    }
}

/// # Errors
/// A file that cannot be read, with its path: what it says is not known.
fn compare(
    bundle: &Bundle<'_>,
    declared: &Declared,
    findings: &mut Vec<Finding>,
) -> Result<(), (String, protocol::Error)> {
    let archive = &bundle.archive;
    let at = |path: &str| {
        let path = path.to_owned();
        move |e| (path, e)
    };
    let Some(report) = archive.file(recompute::REPORT).map_err(at(recompute::REPORT))? else { return Ok(()) };
    let named = named(declared, &sha256(&report));
    let paths: BTreeSet<&str> =
        named.keys().map(String::as_str).chain(archive.paths().filter(|p| is_document(p))).collect();
    let mut held = 0;
    for path in paths {
        match (named.get(path), archive.digest_of(path).map_err(at(path))?) {
            (Some(digests), Some(digest)) if digests.contains(&digest.to_string()) => held += 1,
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
    Ok(())
}

/// What may be taken for a document of the report.
fn is_document(path: &str) -> bool {
    path.starts_with("report.") && path != recompute::REPORT && !path.contains('/')
}

/// Digests by path that issues of this report name.
fn named(declared: &Declared, report: &Digest) -> BTreeMap<String, BTreeSet<String>> {
    let report = report.to_string();
    let mut out: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (_, _, declaration) in &declared.statements {
        let of_this = declaration.body.get("report").and_then(Json::as_str) == Some(&report);
        if declaration.kind != recompute::REPORT_ISSUED || !of_this {
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
