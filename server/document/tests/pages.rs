//! The second reader of the pages: Python, written from `docs/formats.md` §8.2 alone, with nothing but its own library.
//!
//! Where there is no Python the test says so and checks nothing; under CI that is a failure.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use document::{Source, documents};

const REPORT: &[u8] = include_bytes!("data/report.json");
const CHECKPOINT: &str =
    "127.0.0.1/demo-works\n3680\nlEzXkcV6LpUeMLuLp/U7IfHL8Qi5DWPmXYjSIaetu2c=\n\n— 127.0.0.1 AAAA\n";

#[test]
fn the_second_reader_computes_the_printed_code_of_every_page() {
    let python = std::env::var_os("GZ_PYTHON").unwrap_or_else(|| "python3".into());
    if !Command::new(&python).arg("--version").output().is_ok_and(|out| out.status.success()) {
        assert!(std::env::var_os("CI").is_none(), "no Python; under CI nothing is skipped");
        println!("SKIPPED the second reader of the pages: {python:?} does not run");
        return;
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/second_reader/pages.py");
    let folder = tempfile::tempdir().unwrap();
    let run = |pdf: &[u8], report: &[u8], lang: &str| {
        let (pdf_path, report_path) = (folder.path().join("report.pdf"), folder.path().join("report.json"));
        std::fs::write(&pdf_path, pdf).unwrap();
        std::fs::write(&report_path, report).unwrap();
        let out = Command::new(&python).arg(&script).args([&pdf_path, &report_path]).arg(lang).output().unwrap();
        (out.status.success(), String::from_utf8(out.stdout).unwrap() + &String::from_utf8_lossy(&out.stderr))
    };
    let declared = BTreeMap::new();
    let made = documents(&Source { report: REPORT, checkpoint: CHECKPOINT, declared: &declared }).unwrap();
    let mut other_report = REPORT.to_vec();
    other_report.push(b' ');
    for (lang, other) in [("zh-CN", "en"), ("en", "zh-CN")] {
        let pdf = &made.iter().find(|d| d.name == format!("report.{lang}.pdf")).unwrap().bytes;
        let (agrees, said) = run(pdf, REPORT, lang);
        assert!(agrees && said.lines().count() > 10, "{said}");
        assert!(!run(pdf, &other_report, lang).0, "the code does not depend on the report");
        assert!(!run(pdf, REPORT, other).0, "the code does not depend on the language");
    }
    // A page of another report in the frame of this one: the words differ, so does the code.
    let mut changed: serde_json::Value = serde_json::from_slice(REPORT).unwrap();
    changed["names"]["en"] = "Another works".into();
    let bytes = serde_json::to_vec(&changed).unwrap();
    let made = documents(&Source { report: &bytes, checkpoint: CHECKPOINT, declared: &declared }).unwrap();
    let pdf = &made.iter().find(|d| d.name == "report.en.pdf").unwrap().bytes;
    assert!(run(pdf, &bytes, "en").0 && !run(pdf, REPORT, "en").0);
}
