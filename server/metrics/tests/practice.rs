//! A filed plan in the report: what was promised, connected and producing data over its dates, and every difference no approved change
//! covers.

mod fixture;

use fixture::{GATEWAY, HOUR, Log, MONDAY, World};
use metrics::compare::SplitMix64;
use metrics::filed::{OpinionBy, Why};
use metrics::report::{FilingAsked, RouteAsked, RuleAsked, Words};
use metrics::{ReportRequest, evaluate};
use serde_json::{Value as Json, json};

const DAY: i64 = 24 * HOUR;

fn asked(opinions: Option<Vec<OpinionBy>>) -> FilingAsked {
    let change = opinions.map(|opinions| RouteAsked { article: "第十一条".into(), opinions, together: 1 });
    let names = Words { zh: "某市办法".into(), en: "A city's rules".into() };
    let rule =
        RuleAsked { id: "city-1".into(), names, number: Some("某工信〔2024〕1号".into()), draft: false, change };
    FilingAsked { filing: "f1".into(), rule: Some(rule) }
}

fn route() -> Option<Vec<OpinionBy>> {
    Some(vec![OpinionBy::District, OpinionBy::Centre, OpinionBy::City])
}

/// A factory with a second meter; on the saw nobody set anything up.
fn factory() -> Log {
    let mut log = Log::new(false);
    log.declare("filed_plan", json!({
        "filing": "f1", "names": {"zh": "一号线改造", "en": "Line 1 retrofit"}, "rule": "city-1", "number": "备〔2026〕3号",
        "filed": "2026-01-05", "term": {"from": "2026-01-10", "to": "2026-03-05"},
        "machines": [{"machine": "press", "points": ["state", "press/energy", "temperature"]}, {"machine": "saw"}],
        "gateways": [GATEWAY, "gw-9"],
        "lines": [{"line": "mes", "category": "software", "what": "MES", "amount_fen": 30_000_050}],
        "targets": [{"target": "oee", "names": {"zh": "设备综合利用率", "en": "OEE"}, "definition": "oee.iso22400@1",
            "promised": {"value": "5", "unit": "percentage_points", "direction": "increase"},
            "base": {"from": "2025-06-01", "to": "2025-08-31"}, "method": "按 GB/T 34110 OEE 口径"}],
    }));
    log
}

fn apply(log: &mut Log, change: &str, items: Json) {
    log.declare(
        "plan_change",
        json!({
            "filing": "f1", "change": change, "date": "2026-02-01", "items": items, "reason": "产线调整",
        }),
    );
}

fn opinion(log: &mut Log, role: &'static str, by: &str, change: &str, opinion: &str) {
    let mut body =
        json!({"filing": "f1", "change": change, "by": by, "body": "某部门", "opinion": opinion, "date": "2026-02-03"});
    if opinion != "agree" {
        body["reason"] = json!("缺少合同");
    }
    log.declare_as(role, "plan_opinion", body);
}

fn filing(log: &Log, asked: FilingAsked, until_ms: Option<i64>) -> Json {
    let dates = ReportRequest::for_dates(log.size(), "2026-03-03", "2026-03-08", until_ms);
    let request = ReportRequest { filings: vec![asked], ..dates };
    let report = evaluate(&log.history(), &request).unwrap().to_json().unwrap();
    let report: Json = serde_json::from_slice(&report).unwrap();
    report["practice"]["filings"][0].clone()
}

fn row(list: &Json, id: &str) -> Json {
    let is_one = |r: &&Json| ["machine", "gateway"].iter().any(|key| r[key] == id);
    list.as_array().unwrap().iter().find(is_one).cloned().unwrap_or_default()
}

#[test]
fn every_row_of_a_worked_case() {
    let mut log = factory();
    // The incoming meter is applied for; the district agreed, the centre is asked next. A refused and a returned one beside it.
    apply(&mut log, "c-1", json!([{"machine": {"machine": "main"}}]));
    opinion(&mut log, "district", "district", "c-1", "agree");
    apply(
        &mut log,
        "c-2",
        json!([{"line": {"line": "edge", "category": "hardware", "what": "网关", "amount_fen": 100}}]),
    );
    for by in ["district", "centre", "city"] {
        opinion(&mut log, by, by, "c-2", "agree");
    }
    // The firm speaks for the centre, and the city out of turn: neither counts.
    opinion(&mut log, "firm", "centre", "c-1", "agree");
    opinion(&mut log, "city", "city", "c-1", "agree");
    opinion(&mut log, "city", "city", "c-8", "agree");
    let world = World::new(5, 8, None);
    // The state is read to the end, the energy of the press until the morning of 4 March.
    log.run(&world, true, |tag, minute| tag != 3 || minute < 60 * 56);
    let f = filing(&log, asked(route()), None);
    assert_eq!(
        (&f["at"], &f["quiet_days"], &f["rule"], &f["basis"]),
        (&json!("2026-03-08"), &json!(7), &json!("city-1"), &json!("ROUTE"))
    );
    let plan = &f["plan"];
    assert_eq!(plan["machines_counted"], json!([2, 1, 1]));
    assert_eq!(plan["points_counted"], json!([3, 2, 2]));
    assert_eq!(plan["gateways_counted"], json!([2, 1, 1]));
    let press = row(&plan["machines"], "press");
    assert_eq!(
        press,
        json!({"machine": "press", "point": null, "gateway": null, "promised": true, "connected": "2026-03-03",
        "last": "2026-03-08", "producing": true, "difference": null})
    );
    // There and applied for, but not approved; promised, the term over on 5 March, and not there.
    let difference = |kind: &str, covered: Json| json!({"kind": kind, "covered_by": covered});
    assert_eq!(row(&plan["machines"], "main")["difference"], difference("EXTRA", json!("c-1")));
    assert_eq!(row(&plan["machines"], "saw")["difference"], difference("MISSING", json!(null)));
    assert_eq!(row(&plan["gateways"], "gw-9")["difference"], difference("MISSING", json!(null)));
    assert_eq!(row(&plan["gateways"], GATEWAY)["last"], "2026-03-08");
    // Points: what is promised and produces data is left out; what was never there or is extra is named, by tag where the plan does.
    let points: Vec<(String, String, Json)> = plan["points"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| {
            (
                p["machine"].as_str().unwrap().into(),
                p["point"].as_str().unwrap().into(),
                p["difference"]["kind"].clone(),
            )
        })
        .collect();
    let named = |m: &str, p: &str, kind: &str| (m.to_owned(), p.to_owned(), json!(kind));
    assert_eq!(
        points,
        [
            named("main", "energy", "EXTRA"),
            named("press", "good", "EXTRA"),
            named("press", "reject", "EXTRA"),
            named("press", "temperature", "MISSING")
        ]
    );
    assert_eq!(
        plan["changes"],
        json!([{"change": "c-2", "date": "2026-02-03", "received": "2026-03-01", "leaf": plan["changes"][0]["leaf"]}])
    );
    assert_eq!(plan["investment"], json!({"fen": "30000150", "filed_fen": "30000050", "lines": 2}));
    assert_eq!(plan["targets"][0]["method"], "按 GB/T 34110 OEE 口径");
    let first = &f["applications"][0];
    assert_eq!((&first["change"], &first["status"]), (&json!("c-1"), &json!({"code": "WAITING", "by": "centre"})));
    assert_eq!((&first["opinions"][0]["by"], &first["opinions"][0]["role"]), (&json!("district"), &json!("district")));
    let codes = |list: &Json| {
        list.as_array().unwrap().iter().map(|d| d["code"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(codes(&first["disregarded"]), ["NOT_WHO_IS_ASKED", "OUT_OF_ORDER"]);
    assert_eq!(codes(&f["disregarded"]), ["NO_APPLICATION"]);
    assert_eq!(f["applications"][1]["status"], json!({"code": "APPROVED", "by": null}));
}

#[test]
fn what_is_there_is_asked_of_the_dates_of_the_report_and_ends_where_they_end() {
    let mut log = factory();
    // The energy of the press is read before the dates and after them; the good count in the first hour of 3 March alone.
    let good = 24 * 60..25 * 60;
    log.run(&World::new(5, 12, None), true, |tag, minute| match tag {
        1 => good.contains(&minute),
        3 => !(24 * 60..7 * 24 * 60).contains(&minute),
        _ => true,
    });
    let point = |f: &Json, id: &str| {
        f["plan"]["points"].as_array().unwrap().iter().find(|p| p["point"] == id).cloned().unwrap_or_default()
    };
    let f = filing(&log, asked(route()), None);
    assert_eq!(
        (&point(&f, "press/energy")["connected"], &point(&f, "press/energy")["difference"]["kind"]),
        (&json!(null), &json!("MISSING"))
    );
    assert_eq!(
        (&point(&f, "good")["connected"], &point(&f, "good")["last"]),
        (&json!("2026-03-03"), &json!("2026-03-03"))
    );
    assert_eq!(row(&f["plan"]["machines"], "press")["last"], "2026-03-08", "not what came after the dates");
    // Cut on 5 March at noon, the last day of the term: nothing is missing yet.
    let f = filing(&log, asked(route()), Some(MONDAY + 3 * DAY + 12 * HOUR));
    assert_eq!((&f["at"], &row(&f["plan"]["machines"], "press")["last"]), (&json!("2026-03-05"), &json!("2026-03-05")));
    assert_eq!(row(&f["plan"]["machines"], "saw")["difference"], json!(null));
}

#[test]
fn without_a_route_nothing_is_approved_and_the_report_says_by_what_it_judged() {
    let mut log = factory();
    apply(&mut log, "c-1", json!([{"machine": {"machine": "main"}}]));
    for by in ["district", "centre", "city"] {
        opinion(&mut log, by, by, "c-1", "agree");
    }
    log.run(&World::new(5, 8, None), true, |_, _| true);
    let main = |f: &Json| row(&f["plan"]["machines"], "main")["difference"].clone();
    let judged = |asked: FilingAsked| {
        let f = filing(&log, asked, None);
        (
            f["basis"].as_str().unwrap().to_owned(),
            f["applications"][0]["status"]["code"].as_str().unwrap().to_owned(),
            main(&f),
        )
    };
    let extra = json!({"kind": "EXTRA", "covered_by": "c-1"});
    assert_eq!(judged(asked(route())), ("ROUTE".into(), "APPROVED".into(), json!(null)));
    assert_eq!(judged(asked(None)), ("NO_ROUTE".into(), "NO_ROUTE".into(), extra.clone()));
    assert_eq!(
        judged(FilingAsked { filing: "f1".into(), rule: None }),
        ("RULE_UNKNOWN".into(), "NO_ROUTE".into(), extra.clone())
    );
    // The route of another rule than the plan names is none.
    let mut other = asked(route());
    other.rule.as_mut().unwrap().id = "city-2".into();
    assert_eq!(judged(other), ("RULE_UNKNOWN".into(), "NO_ROUTE".into(), extra));
}

#[test]
fn bodies_that_decide_together_are_not_worded_one_after_the_other() {
    let log = factory();
    let said = |opinions: &[OpinionBy], together: u8| {
        let mut one = asked(Some(opinions.to_vec()));
        one.rule.as_mut().unwrap().change.as_mut().unwrap().together = together;
        let dates = ReportRequest::for_dates(log.size(), "2026-03-03", "2026-03-08", None);
        let request = ReportRequest { filings: vec![one.clone()], ..dates };
        let practice = evaluate(&log.history(), &request).unwrap().practice.unwrap();
        let words = practice.filings[0].basis_words(&[one]);
        let behind = |text: &str, sign: &str| text.rsplit_once(sign).unwrap().1.to_owned();
        (behind(&words.zh, "："), behind(&words.en, ": "))
    };
    let all = OpinionBy::ALL;
    assert_eq!(
        said(&all, 2),
        (
            "属地主管部门→促进中心→市级主管部门与财政部门共同决定（不分先后）".into(),
            "district → promotion centre → city and finance bureau together, in any order".into()
        )
    );
    assert_eq!(said(&all[2..], 9).1, "city and finance bureau together, in any order");
    assert_eq!(said(&all[..2], 1), ("属地主管部门→促进中心".into(), "district → promotion centre".into()));
}

#[test]
fn statements_about_a_plan_nobody_filed_are_named_and_a_plan_stated_again_is_told() {
    let mut log = Log::new(false);
    opinion(&mut log, "district", "district", "c-1", "agree");
    apply(&mut log, "c-1", json!([{"gateway": "gw-2"}]));
    log.run(&World::new(5, 8, None), true, |_, _| true);
    let f = filing(&log, asked(route()), None);
    assert_eq!((&f["plan"], &f["basis"]), (&json!(null), &json!("NO_RULE")));
    let codes = f["disregarded"].as_array().unwrap().iter().map(|d| d["code"].clone()).collect::<Vec<_>>();
    assert_eq!(codes, ["NO_APPLICATION", "NO_PLAN"]);
    let mut log = factory();
    let again = log.size();
    log.declare(
        "filed_plan",
        json!({
            "filing": "f1", "names": {"zh": "另一方案", "en": "Another"}, "filed": "2026-01-05",
            "term": {"from": "2026-01-10", "to": "2026-12-31"}, "gateways": [], "machines": [{"machine": "main"}],
        }),
    );
    log.run(&World::new(5, 8, None), true, |_, _| true);
    let f = filing(&log, asked(route()), None);
    assert_eq!(f["disregarded"], json!([{"leaf": again, "code": "STATED_AGAIN"}]));
    assert_eq!(f["plan"]["names"]["zh"], "一号线改造");
}

#[test]
fn a_request_without_filings_prints_nothing_of_them_and_unknown_ones_fall_away() {
    let mut log = factory();
    log.run(&World::new(5, 8, None), true, |_, _| true);
    let dates = ReportRequest::for_dates(log.size(), "2026-03-03", "2026-03-08", None);
    let printed = |request: &ReportRequest| {
        String::from_utf8(evaluate(&log.history(), request).unwrap().to_json().unwrap()).unwrap()
    };
    let plain = printed(&dates);
    assert!(!plain.contains("\"practice\"") && !plain.contains("\"filings\""));
    let nobody = FilingAsked { filing: "f2".into(), rule: None };
    assert_eq!(printed(&ReportRequest { filings: vec![nobody.clone()], ..dates.clone() }), plain);
    // Twice and out of order is once and in order.
    let filings = vec![nobody, asked(route()), asked(None)];
    let once = ReportRequest { filings: vec![asked(route())], ..dates.clone() };
    assert_eq!(printed(&ReportRequest { filings, ..dates }), printed(&once));
}

/// Whatever is stated in whatever order: it is said, nothing panics, and what the log has in another order of other leaves' statements
/// of other filings moves nothing.
#[test]
fn any_course_is_reported_alike_whatever_is_stated_of_others() {
    let world = World::new(5, 7, None);
    for seed in 0..40 {
        let mut random = SplitMix64::new(seed);
        let mut any = |n: u64| (random.next_u64() % n) as usize;
        let (mut alone, mut among) = (factory(), factory());
        for step in 0..12 {
            let change = ["c-1", "c-2"][any(2)];
            let by = ["district", "centre", "city"][any(3)];
            let role = if any(4) == 0 { "firm" } else { by };
            let said = ["agree", "agree", "disagree", "return"][any(4)];
            let items = [
                json!([{"machine": {"machine": "main"}}]),
                json!([{"without_machine": "saw"}]),
                json!([{"firm": "新公司"}]),
                json!([{"term": {"from": "2026-01-10", "to": "2026-12-31"}}]),
            ][any(4)]
            .clone();
            let is_change = step == 0 || any(4) == 0;
            for log in [&mut alone, &mut among] {
                if is_change { apply(log, change, items.clone()) } else { opinion(log, role, by, change, said) }
            }
            among.declare(
                "plan_change",
                json!({"filing": "other", "change": change, "date": "2026-02-01", "items": items, "reason": "x"}),
            );
        }
        for log in [&mut alone, &mut among] {
            log.run(&world, false, |_, minute| minute % 30 == 0);
        }
        let said = |log: &Log| {
            let f = filing(log, asked(route()), None);
            let stands: Vec<Json> = f["applications"]
                .as_array()
                .unwrap()
                .iter()
                .map(|a| {
                    json!([
                        a["change"],
                        a["status"],
                        a["submitted"],
                        a["opinions"].as_array().unwrap().len(),
                        a["disregarded"].as_array().unwrap().len()
                    ])
                })
                .collect();
            (stands, f["plan"]["machines"].clone(), f["plan"]["term"].clone(), f["plan"]["firm"].clone())
        };
        assert_eq!(said(&alone), said(&among), "seed {seed}");
    }
}

#[test]
fn every_reason_has_words_in_both_languages() {
    for why in Why::ALL {
        let (zh, en) = why.words();
        assert!(!zh.is_ascii() && en.is_ascii() && !en.is_empty(), "{why:?}");
    }
}
