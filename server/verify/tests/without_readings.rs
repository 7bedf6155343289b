//! A bundle without readings is what it says: signed and whole, with nothing computed again — and no better for having lost them.

#[path = "../../metrics/tests/fixture/mod.rs"]
mod fixture;

use std::process::Command;

use fixture::{Log, World};
use metrics::{ReportRequest, evaluate};
use protocol::{Kind, Leaf, LeafBody};
use serde_json::json;
use verify::{Outcome, Trust, Verdict, verify};

/// A log, the report over its first two days, and the log once more without the contents of its batches.
fn made() -> (Log, Vec<u8>, Log) {
    let mut log = Log::new(false);
    log.run(&World::new(4, 2, None), false, |_, _| true);
    let request = ReportRequest::for_dates(log.size(), "2026-03-02", "2026-03-03", None);
    let report = evaluate(&log.history(), &request).unwrap().to_json().unwrap();
    let mut light = log.clone();
    for leaf in &log.leaves {
        if matches!(&leaf.body, LeafBody::Record { header, .. } if header.kind == Kind::Batch) {
            light.contents.remove(&leaf.content_digest().unwrap());
        }
    }
    (log, report, light)
}

fn said(log: &Log, report: &[u8]) -> Outcome {
    let trust = Trust::parse(log.trust_json().as_bytes()).unwrap();
    verify(&log.bundle(report), Some(&trust))
}

fn refused(outcome: &Outcome, code: &str) {
    assert_eq!(outcome.verdict, Verdict::Refused, "{:?}", outcome.findings);
    assert!(outcome.refusals().any(|f| f.code == code), "wanted {code}: {:?}", outcome.refusals().collect::<Vec<_>>());
}

#[test]
fn it_is_signed_and_not_recomputed_and_its_code_is_its_own() {
    let (log, report, light) = made();
    assert_eq!(said(&log, &report).verdict, Verdict::Verified);
    let outcome = said(&light, &report);
    assert_eq!(outcome.verdict, Verdict::NotRecomputed, "{:?}", outcome.findings);
    assert_eq!(outcome.figures, None, "nothing was computed");
    let batches: u64 = outcome.withheld.iter().map(|w| w.needed_records).sum();
    assert!(batches > 10, "{:?}", outcome.withheld);
    assert!(
        outcome
            .findings
            .iter()
            .any(|f| f.code == "report" && f.zh.contains("未能复算") && f.en.contains("not computed"))
    );
    assert_eq!(verify(&light.bundle(&report), None).verdict, Verdict::ConsistentNotAnchored);

    let folder = tempfile::tempdir().unwrap();
    let (bundle, trust) = (folder.path().join("light.zip"), folder.path().join("trust.json"));
    std::fs::write(&bundle, light.bundle(&report)).unwrap();
    std::fs::write(&trust, light.trust_json()).unwrap();
    for (lang, words) in [("zh", "签名与站点日志无误，数值未复算"), ("en", "SIGNED, NOT RECOMPUTED")] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gongzheng-verify"));
        let out = command.arg(&bundle).arg("--trust").arg(&trust).args(["--lang", lang]).output().unwrap();
        assert_eq!(out.status.code(), Some(4));
        assert!(String::from_utf8_lossy(&out.stdout).contains(words), "{}", String::from_utf8_lossy(&out.stdout));
    }
}

#[test]
fn one_reading_left_in_it_makes_it_a_bundle_that_lacks_the_others() {
    let (log, report, mut light) = made();
    let (digest, content) = log.contents.iter().find(|(digest, _)| !light.contents.contains_key(*digest)).unwrap();
    light.contents.insert(*digest, content.clone());
    refused(&said(&light, &report), "report");
}

#[test]
fn what_needs_no_reading_is_checked_all_the_same() {
    let (_, report, light) = made();
    // A report that the server never issued.
    let other =
        String::from_utf8(report.clone()).unwrap().replacen("\"grade\":\"A\"", "\"grade\":\"B\"", 1).into_bytes();
    assert_ne!(other, report);
    let trust = Trust::parse(light.trust_json().as_bytes()).unwrap();
    let mut files = protocol::bundle::read(&light.bundle(&report)).unwrap();
    let manifest = protocol::bundle::read_manifest(files.remove("manifest.json").unwrap().as_slice(), |_| {}).unwrap();
    files.insert("report.json".into(), other);
    let bundle = protocol::bundle::write(&manifest.site, &manifest.origin, manifest.size, &files).unwrap();
    refused(&verify(&bundle, Some(&trust)), "issued");
    // What can be no report of this log, issued or not: no report at all, of another version, about leaves that are not there.
    let altered = |change: fn(&mut serde_json::Value)| {
        let mut json: serde_json::Value = serde_json::from_slice(&report).unwrap();
        change(&mut json);
        protocol::canonical_json(&json).unwrap()
    };
    let none = altered(|json| *json = json!("no report"));
    let beyond = altered(|json| json["request"]["size"] = json!(1_000_000));
    let unknown = altered(|json| json["request"]["plan"] = json!("nobody-declared-it"));
    for report in [none, beyond, unknown] {
        refused(&said(&light, &report), "report");
    }
    // A leaf altered after it was signed.
    let mut forged = light.clone();
    let record = |leaf: &&mut Leaf| matches!(&leaf.body, LeafBody::Record { header, .. } if header.kind == Kind::Batch);
    if let Some(LeafBody::Record { signature, .. }) = forged.leaves.iter_mut().find(record).map(|leaf| &mut leaf.body) {
        signature.0[7] ^= 1;
    }
    refused(&said(&forged, &report), "signature");
}
