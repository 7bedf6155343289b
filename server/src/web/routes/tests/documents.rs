//! The documents of a report are offered on its page to whoever may have the bundle, and to nobody else.

use serde_json::json;

use super::*;
use crate::admin::Request as Wish;
use crate::reporting::Wanted;

#[tokio::test(flavor = "multi_thread")]
async fn the_documents_of_a_report_are_offered_with_the_rights_of_its_bundle() {
    let inside = inside().await;
    inside.factory(&World::new(2, 2, None)).await;
    inside.projected().await;
    let wanted = Wanted { plan: None, from: Some("2026-03-02".into()), to: Some("2026-03-02".into()) };
    inside.admin(Wish::Report { site: Inside::site(), wanted }).await;
    inside.projected().await;
    let firm = user(&inside, "li.na", "firm", "site:demo").await;
    let city = user(&inside, "zhao.min", "city", "everything").await;
    let mut browser = Browser { inside: &inside, cookie: String::new(), lang: "zh-CN" };
    browser.sign_in("li.na", &firm).await;
    let page = browser.page("/sites/demo/reports").await;
    let site = browser.page("/sites/demo").await;
    assert!(site.contains("最新的佐证报告没有可在此显示的改造前后") && !site.contains("出具佐证报告后"), "{site}");
    for name in document::NAMES {
        let start = page.find(&format!("/documents/{name}\"")).unwrap_or_else(|| panic!("no link to {name}: {page}"));
        let from = page[..start].rfind('"').expect("an attribute") + 1;
        let path = format!("{}/documents/{name}", &page[from..start]);
        let (status, headers, body) = browser.send(Method::GET, &path, None).await;
        assert_eq!(status, StatusCode::OK, "{path}");
        let said = headers[header::CONTENT_DISPOSITION].to_str().expect("ascii");
        assert!(said.contains(&format!("filename=\"{name}\"")) && said.contains("filename*=UTF-8''"), "{said}");
        assert!(body.starts_with(if name.ends_with("pdf") { "%PDF-1.7" } else { "PK" }), "{name}");
        let (status, ..) = browser.send(Method::GET, &path.replace(name, "manifest.json"), None).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "only documents");
        let mut other = Browser { inside: &inside, cookie: String::new(), lang: "en" };
        other.sign_in("zhao.min", &city).await;
        let (status, ..) = other.send(Method::GET, &path, None).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "raw readings are not the city's, nor what goes with them");
        assert!(!other.page("/sites/demo/reports").await.contains("/documents/"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bundle_without_readings_lies_beside_the_whole_one_and_says_that_nothing_was_recomputed() {
    let inside = inside().await;
    inside.factory(&World::new(2, 2, None)).await;
    inside.projected().await;
    let wanted = Wanted { plan: None, from: Some("2026-03-02".into()), to: Some("2026-03-02".into()) };
    let issued = inside.admin(Wish::Report { site: Inside::site(), wanted }).await.data;
    inside.projected().await;
    let firm = user(&inside, "li.na", "firm", "site:demo").await;
    let mut browser = Browser { inside: &inside, cookie: String::new(), lang: "zh-CN" };
    browser.sign_in("li.na", &firm).await;
    let page = browser.page("/sites/demo/reports").await;
    let start = page.find("/bundle.zip?readings=false\"").unwrap_or_else(|| panic!("no link: {page}"));
    let from = page[..start].rfind('"').expect("an attribute") + 1;
    let (status, headers, _) =
        browser.send(Method::GET, &format!("{}/bundle.zip?readings=false", &page[from..start]), None).await;
    let name = crate::reporting::without_readings(std::path::Path::new(&issued).file_name().unwrap().to_str().unwrap());
    let said = headers[header::CONTENT_DISPOSITION].to_str().expect("ascii");
    assert!(status == StatusCode::OK && said.contains(&name), "{status} {said}");
    let whole = std::fs::read(&issued).unwrap();
    let light = std::fs::read(std::path::Path::new(&issued).with_file_name(name)).unwrap();
    assert!(light.len() < whole.len(), "{} and {}", light.len(), whole.len());

    let trust = verify::Trust::parse(inside.admin(Wish::Trust { site: None }).await.data.as_bytes()).unwrap();
    assert_eq!(verify::verify(&whole, Some(&trust)).verdict, verify::Verdict::Verified);
    let said = verify::verify(&light, Some(&trust));
    assert_eq!(said.verdict, verify::Verdict::NotRecomputed, "{:?}", said.findings);
    assert!(said.figures.is_none() && said.withheld.iter().any(|w| w.needed_readings > 0));
    assert_eq!(verify::verify(&light, None).verdict, verify::Verdict::ConsistentNotAnchored);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_approved_is_named_in_report_workbook_and_verification() {
    let inside = inside().await;
    inside.factory(&World::new(2, 2, None)).await;
    let state = async |role: &str, kind: &str, body: serde_json::Value| {
        let declaration = protocol::Declaration {
            kind: kind.to_owned(),
            effective_from: 0,
            author: "u1".to_owned(),
            role: role.to_owned(),
            reason: "stated".to_owned(),
            body,
        };
        inside.context.logs.append_declaration(&Inside::site(), &declaration).await.unwrap();
    };
    let plan = |filing: &str, rule: &str| {
        json!({
            "filing": filing, "names": {"zh": "一号线", "en": "Line 1"}, "rule": rule, "filed": "2025-09-01",
            "term": {"from": "2025-09-10", "to": "2026-03-01"}, "machines": [{"machine": "press"}, {"machine": "saw"}],
        })
    };
    state("firm", "filed_plan", plan("km-017", "kunming-fund-2024-1")).await;
    state("firm", "filed_plan", plan("xx-001", "another-city")).await;
    let items = json!([{"machine": {"machine": "main"}}]);
    let change =
        json!({"filing": "km-017", "change": "c-1", "date": "2025-10-01", "items": items, "reason": "产线调整"});
    state("firm", "plan_change", change).await;
    inside.projected().await;
    let wanted = Wanted { plan: None, from: Some("2026-03-02".into()), to: Some("2026-03-02".into()) };
    let issued = inside.admin(Wish::Report { site: Inside::site(), wanted }).await.data;
    let bundle = std::fs::read(&issued).unwrap();
    let files = protocol::bundle::read(&bundle).unwrap();
    let report: serde_json::Value = serde_json::from_slice(&files["report.json"]).unwrap();
    let filings = &report["practice"]["filings"];
    // The route is the rule file's; a rule that is not delivered has none here.
    let route = &report["request"]["filings"][0]["rule"]["change"]["opinions"];
    assert_eq!((route, &filings[0]["basis"]), (&json!(["district", "centre", "city", "finance"]), &json!("ROUTE")));
    assert_eq!(
        (&report["request"]["filings"][1]["rule"], &filings[1]["basis"]),
        (&json!(null), &json!("RULE_UNKNOWN"))
    );
    let machines = filings[0]["plan"]["machines"].as_array().unwrap();
    let difference = |machine: &str| machines.iter().find(|m| m["machine"] == machine).unwrap()["difference"].clone();
    assert_eq!(difference("main"), json!({"kind": "EXTRA", "covered_by": "c-1"}));
    assert_eq!(difference("saw"), json!({"kind": "MISSING", "covered_by": null}));
    assert_eq!(difference("press"), json!(null));
    // What the page says of the same site is what the report says.
    let firm = user(&inside, "li.na", "firm", "site:demo").await;
    let mut browser = Browser { inside: &inside, cookie: String::new(), lang: "zh-CN" };
    browser.sign_in("li.na", &firm).await;
    let page = browser.page("/sites/demo/filing?filing=km-017").await;
    assert!(page.contains("不在现行方案内，已有数据；变更申请 c-1 尚未同意：待属地主管部门意见"), "{page}");

    let mut book: calamine::Xlsx<_> =
        calamine::Reader::new(std::io::Cursor::new(files["report.zh-CN.xlsx"].clone())).unwrap();
    let sheet = calamine::Reader::worksheet_range(&mut book, "备案方案").unwrap();
    let row = sheet.rows().find(|row| row[0] == "km-017" && row[3] == "main").expect("the machine nobody approved");
    assert!(row[9].to_string().contains("变更申请 c-1 尚未同意：待属地主管部门意见"), "{row:?}");
    let trust = verify::Trust::parse(inside.admin(Wish::Trust { site: None }).await.data.as_bytes()).unwrap();
    let outcome = verify::verify(&bundle, Some(&trust));
    assert_eq!(outcome.verdict, verify::Verdict::Verified, "{:?}", outcome.findings);
    assert!(outcome.findings.iter().any(|f| f.zh.contains("设备 main：不在现行方案内")), "{:?}", outcome.findings);
}
