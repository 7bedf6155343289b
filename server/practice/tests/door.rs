//! What is refused before it is logged, from the statements of a whole site.

mod fixture;

use fixture::*;
use metrics::model::parse_body;
use metrics::statements::Statements;
use practice::plan::check_stated;
use protocol::Declaration;
use serde_json::{Value as Json, json};

fn declaration(kind: &str, role: &str, body: Json) -> Declaration {
    Declaration {
        kind: kind.into(),
        effective_from: 0,
        author: "p-1".into(),
        role: role.into(),
        reason: String::new(),
        body,
    }
}

/// A site in Kunming whose log has these statements.
fn site(stated: &[(&str, Json)]) -> Statements {
    let mut out = Statements::default();
    let about = json!({"names": {"zh": "一厂", "en": "Works 1"}, "zone": ZONE, "province": "云南"});
    out.push(0, 0, declaration("site", "administrator", about));
    for (leaf, (kind, body)) in (1..).zip(stated) {
        let role = body["by"].as_str().unwrap_or("firm");
        out.push(leaf, morning("2025-01-01"), declaration(kind, role, body.clone()));
    }
    assert!(out.bad().is_empty(), "{:?}", out.bad());
    out
}

/// What is said at the door, in Chinese; nothing when it is taken.
fn said(statements: &Statements, kind: &str, role: &str, body: &Json, day: &str) -> String {
    let body = parse_body(kind, body).unwrap();
    check_stated(statements, ZONE, &body, role, morning(day)).err().map_or(String::new(), |p| p.said.zh)
}

#[test]
fn the_rule_of_the_logged_plan_decides() {
    let mut elsewhere = plan_body();
    elsewhere.as_object_mut().unwrap().remove("rule");
    let city = opinion_body("c-1", "city", "agree", "2025-01-02");
    let change = ("plan_change", change_body("c-1", "2025-01-01", lathe()));
    let kunming = site(&[("filed_plan", plan_body()), change.clone()]);
    let other = site(&[("filed_plan", elsewhere), change]);
    assert!(said(&kunming, "plan_opinion", "city", &city, "2025-01-02").contains("应先由属地主管部门"));
    assert_eq!(said(&other, "plan_opinion", "city", &city, "2025-01-02"), "", "without a rule there is no route");
    let district = opinion_body("c-1", "district", "agree", "2025-01-02");
    assert_eq!(said(&kunming, "plan_opinion", "district", &district, "2025-01-02"), "");
    assert!(said(&kunming, "plan_opinion", "firm", &district, "2025-01-02").contains("本次为企业账号"));
}

#[test]
fn a_mistyped_rule_is_refused_with_those_that_are_known() {
    let mut body = plan_body();
    body["rule"] = json!("kunming-fund-2024-01");
    let zh = said(&site(&[]), "filed_plan", "firm", &body, "2025-01-01");
    assert!(zh.contains("没有规则文件 kunming-fund-2024-01；可用的有 kunming-fund-2024-1、"), "{zh}");
    assert!(zh.ends_with("；不在其中的请不填 rule"), "{zh}");
    let plan = parse_body("filed_plan", &body).unwrap();
    let en = check_stated(&site(&[]), ZONE, &plan, "firm", morning("2025-01-01")).unwrap_err().said.en;
    assert!(en.starts_with("there is no rule file `kunming-fund-2024-01`; known are kunming-fund-2024-1, "), "{en}");
    assert_eq!(said(&site(&[]), "filed_plan", "firm", &plan_body(), "2025-01-01"), "");
    // A log that has such a plan all the same takes what belongs to it.
    let change = change_body("c-1", "2025-01-01", lathe());
    assert_eq!(said(&site(&[("filed_plan", body)]), "plan_change", "firm", &change, "2025-01-01"), "");
}

#[test]
fn what_belongs_to_no_filing_is_named_and_other_statements_pass() {
    let empty = site(&[]);
    let change = change_body("c-1", "2025-01-01", lathe());
    assert_eq!(said(&empty, "plan_change", "firm", &change, "2025-01-01"), "没有备案方案 km-2024-017");
    let opinion = opinion_body("c-1", "district", "agree", "2025-01-01");
    assert_eq!(said(&empty, "plan_opinion", "district", &opinion, "2025-01-01"), "没有变更申请 c-1");
    let cycle = json!({"machine": "press", "product": "a", "item_us": 1_000_000, "items_per_cycle": 1});
    assert_eq!(said(&empty, "cycle_time", "firm", &cycle, "2025-01-01"), "");
}

#[test]
fn the_day_is_that_of_the_site() {
    let empty = site(&[]);
    let mut body = plan_body();
    body["filed"] = json!("2025-01-02");
    // 1 January, 23:59 in Kunming is 2 January nowhere to its west; a minute later it is.
    let midnight = morning("2025-01-02");
    let plan = parse_body("filed_plan", &body).unwrap();
    let error = check_stated(&empty, ZONE, &plan, "firm", midnight - 60_000).unwrap_err();
    assert_eq!(error.said.zh, "日期 2025-01-02 晚于填报当日 2025-01-01");
    assert_eq!(check_stated(&empty, ZONE, &plan, "firm", midnight), Ok(()));
}

#[test]
fn categories_and_instalments_are_those_of_the_rule() {
    let empty = site(&[]);
    let mut body = plan_body();
    body["payments"] = json!([{"stage": "first", "date": "2025-05-31"}]);
    let zh = said(&empty, "filed_plan", "firm", &body, "2025-01-01");
    assert_eq!(zh, "所选办法没有资金分期 first；可用的有 advance、acceptance、overall");
    let plan = parse_body("filed_plan", &body).unwrap();
    let en = check_stated(&empty, ZONE, &plan, "firm", morning("2025-01-01")).unwrap_err().said.en;
    assert_eq!(en, "the rule has no instalment `first`; known are advance, acceptance, overall");
    body = plan_body();
    body["lines"][0]["category"] = json!("robot");
    let zh = said(&empty, "filed_plan", "firm", &body, "2025-01-01");
    assert!(zh.starts_with("所选办法没有支出类别 robot；可用的有 software、cloud、"), "{zh}");
    // Under no rule at hand nothing is known, and nothing refused.
    body.as_object_mut().unwrap().remove("rule");
    assert_eq!(said(&empty, "filed_plan", "firm", &body, "2025-01-01"), "");
    let line = json!([{"line": {"line": "x", "category": "robot", "what": "x", "amount_fen": 1}}]);
    let change = change_body("c-1", "2025-01-01", line);
    let kunming = site(&[("filed_plan", plan_body())]);
    assert!(said(&kunming, "plan_change", "firm", &change, "2025-01-01").starts_with("所选办法没有支出类别 robot"));
}
