//! Statements whose bodies are not valid: a report has a code for them, and one of earlier days its own words.

#[path = "../../metrics/tests/fixture/mod.rs"]
mod fixture;

use fixture::{Log, World};
use metrics::{ReportRequest, evaluate};
use serde_json::{Value as Json, json};
use verify::{Outcome, Severity, Trust, Verdict, verify};

fn read(log: &Log, report: &Json) -> Outcome {
    let bundle = log.bundle(&protocol::canonical_json(report).unwrap());
    verify(&bundle, Some(&Trust::parse(log.trust_json().as_bytes()).unwrap()))
}

#[test]
fn what_is_wrong_with_a_statement_is_a_code_in_the_report_and_words_in_the_answer() {
    let mut log = Log::new(false);
    log.declare("cycle_time", json!({"machine": "press", "item_us": -5}));
    let bad = log.size() - 1;
    log.run(&World::new(4, 1, None), false, |_, _| true);
    let report = evaluate(&log.history(), &ReportRequest::for_dates(log.size(), "2026-03-02", "2026-03-02", None));
    let report: Json = serde_json::from_slice(&report.unwrap().to_json().unwrap()).unwrap();
    let stated = report["statements"].as_array().unwrap();
    let at = stated.iter().position(|s| s["leaf"] == bad).unwrap();
    assert_eq!(stated.iter().map(|s| &s["invalid"]).filter(|i| !i.is_null()).collect::<Vec<_>>(), [&json!("BODY")]);
    assert_eq!(stated[at]["invalid"], "BODY");

    let outcome = read(&log, &report);
    assert_eq!(outcome.verdict, Verdict::Verified, "{:#?}", outcome.findings);
    let place = format!("leaf {bad}");
    let said = outcome.findings.iter().find(|f| f.severity == Severity::Note && f.place == place).expect("said");
    assert!(said.en.contains("item_us") && said.zh.contains("未计入"), "{said:?}");

    // As it was once worded, by a program nobody has any more.
    let worded = |leaf: usize, words: Json| {
        let mut report = report.clone();
        report["statements"][leaf]["invalid"] = words;
        read(&log, &report)
    };
    let outcome = worded(at, json!("`item_us` must lie above zero"));
    assert_eq!(outcome.verdict, Verdict::Verified, "{:#?}", outcome.findings);
    assert!(outcome.findings.iter().any(|f| f.en.contains("what is wrong with 1 invalid statements")));
    assert!(!read(&log, &report).findings.iter().any(|f| f.en.contains("what is wrong with 1")));
    // That it is invalid is no matter of words.
    for (leaf, words) in
        [(at, Json::Null), (at, json!(true)), (at, json!("BODYx")), (0, json!("`item_us` must lie above zero"))]
    {
        let outcome = worded(leaf, words.clone());
        let is_named = outcome.refusals().any(|f| f.code == "report" && f.place.contains("statements"));
        assert!(outcome.verdict == Verdict::Refused && is_named, "{words}: {:#?}", outcome.findings);
    }
    // And words hide nothing else.
    let mut other = report.clone();
    other["statements"][at]["invalid"] = json!("`item_us` must lie above zero");
    other["statements"][at]["author"] = json!("somebody else");
    assert_eq!(read(&log, &other).verdict, Verdict::Refused);
}
