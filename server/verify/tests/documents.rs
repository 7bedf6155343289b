//! The documents of a report are those the log names: another one, one more, one less, and bundles from before there were any.

#[path = "../../metrics/tests/fixture/mod.rs"]
mod fixture;

use fixture::{Log, World};
use metrics::{ReportRequest, evaluate};
use protocol::bundle::{self, Files};
use verify::{Outcome, Severity, Trust, Verdict, verify};

const PDF: &str = "report.zh-CN.pdf";

fn issued() -> (Log, Vec<u8>) {
    let mut log = Log::new(false);
    log.run(&World::new(17, 2, None), true, |_, _| true);
    let request = ReportRequest::for_dates(log.size(), "2026-03-02", "2026-03-03", None);
    let report = evaluate(&log.history(), &request).unwrap().to_json().unwrap();
    let documents = [(PDF.to_owned(), b"%PDF one".to_vec()), ("report.en.xlsx".to_owned(), b"PK two".to_vec())];
    let bundle = log.bundle_with(&report, &documents);
    (log, bundle)
}

fn changed(log: &Log, bundle: &[u8], change: impl FnOnce(&mut Files)) -> Outcome {
    let mut files = bundle::read(bundle).unwrap();
    files.remove("manifest.json");
    change(&mut files);
    let origin = format!("test.example/{}", fixture::SITE);
    let repacked = bundle::write(fixture::SITE, &origin, log.size() + 1, &files).unwrap();
    verify(&repacked, Some(&Trust::parse(log.trust_json().as_bytes()).unwrap()))
}

fn said(outcome: &Outcome, severity: Severity, place: &str) -> bool {
    outcome.findings.iter().any(|f| f.code == "document" && f.severity == severity && f.place == place)
}

fn told(outcome: &Outcome, zh: &str, en: &str) {
    assert!(outcome.findings.iter().any(|f| f.zh.contains(zh) && f.en.contains(en)), "{:?}", outcome.findings);
}

#[test]
fn documents_as_issued_are_accepted() {
    let (log, bundle) = issued();
    let outcome = changed(&log, &bundle, |_| {});
    assert_eq!(outcome.verdict, Verdict::Verified, "{:?}", outcome.findings);
    assert!(said(&outcome, Severity::Ok, ""), "{:?}", outcome.findings);
}

#[test]
fn a_changed_document_is_refused_and_named() {
    let (log, bundle) = issued();
    let outcome = changed(&log, &bundle, |files| files.get_mut(PDF).unwrap()[7] ^= 1);
    assert_eq!(outcome.verdict, Verdict::Refused);
    assert!(said(&outcome, Severity::Refused, PDF), "{:?}", outcome.findings);
    told(&outcome, "该文件不是服务器出具的那一份", "this is not the document the server issued");
}

#[test]
fn a_document_that_the_log_does_not_name_is_refused() {
    let (log, bundle) = issued();
    let outcome = changed(&log, &bundle, |files| {
        files.insert("report.en.pdf".into(), b"%PDF better".to_vec());
    });
    assert_eq!(outcome.verdict, Verdict::Refused);
    assert!(said(&outcome, Severity::Refused, "report.en.pdf"), "{:?}", outcome.findings);
    told(
        &outcome,
        "它不是服务器随本报告出具的",
        "the log does not name this document among those issued with the report",
    );
}

#[test]
fn a_missing_document_is_named_and_refuses_nothing() {
    let (log, bundle) = issued();
    let outcome = changed(&log, &bundle, |files| {
        files.remove(PDF);
    });
    assert_eq!(outcome.verdict, Verdict::Verified);
    assert!(said(&outcome, Severity::Note, PDF), "{:?}", outcome.findings);
}

#[test]
fn a_bundle_from_before_there_were_documents_stays_valid() {
    let (log, bundle) = issued();
    let files = bundle::read(&bundle).unwrap();
    let old = log.bundle(&files["report.json"]);
    let outcome = verify(&old, Some(&Trust::parse(log.trust_json().as_bytes()).unwrap()));
    assert_eq!(outcome.verdict, Verdict::Verified, "{:?}", outcome.findings);
    assert!(outcome.findings.iter().all(|f| f.code != "document"));
}
