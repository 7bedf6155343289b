//! A bundle whose report speaks of filed plans: recomputed by the verifier and by the second reader, which computes the course of
//! applications, the plan in force and what is there again from the log, and refused by both when the report says something else.

#[path = "../../metrics/tests/fixture/mod.rs"]
mod fixture;
mod second;

use fixture::{GATEWAY, HOUR, Log, MONDAY, World};
use metrics::compare::SplitMix64;
use metrics::filed::OpinionBy;
use metrics::report::{FilingAsked, Period, RouteAsked, RuleAsked, Words};
use metrics::{ReportRequest, evaluate};
use second::second;
use serde_json::{Value as Json, json};
use verify::{Outcome, Trust, Verdict, verify};

fn asked(filing: &str, opinions: &[OpinionBy]) -> FilingAsked {
    let change = RouteAsked { article: "第十三条".into(), opinions: opinions.to_vec(), together: 1 };
    let names = Words { zh: "某市办法".into(), en: "A city's rules".into() };
    let rule = RuleAsked {
        id: "city-1".into(),
        names,
        number: Some("某工信〔2024〕1号".into()),
        draft: false,
        change: Some(change),
    };
    FilingAsked { filing: filing.into(), rule: Some(rule) }
}

const ROUTE: [OpinionBy; 3] = [OpinionBy::District, OpinionBy::Centre, OpinionBy::City];

fn plan(filing: &str, more: Json) -> Json {
    let mut plan = json!({
        "filing": filing, "names": {"zh": "一号线改造", "en": "Line 1 retrofit"}, "rule": "city-1", "number": "备〔2026〕3号",
        "filed": "2026-01-05", "term": {"from": "2026-01-10", "to": "2026-03-03"},
        "machines": [{"machine": "press", "points": ["state", "press/energy", "temperature"]}, {"machine": "saw", "points": []}],
        "gateways": [GATEWAY, "gw-9"],
        "lines": [{"line": "mes", "category": "software", "what": "MES", "amount_fen": 30_000_050}],
        "targets": [{"target": "oee", "names": {"zh": "设备综合利用率", "en": "OEE"}, "definition": null,
            "promised": {"value": "5", "unit": "percentage_points", "direction": "increase"},
            "base": {"from": "2025-06-01", "to": "2025-08-31"}, "method": "按 GB/T 34110 OEE 口径"}],
    });
    for (key, value) in more.as_object().unwrap() {
        plan[key] = value.clone();
    }
    plan
}

fn apply(log: &mut Log, filing: &str, change: &str, date: &str, items: Json) {
    let body = json!({"filing": filing, "change": change, "date": date, "items": items, "reason": "产线调整"});
    log.declare("plan_change", body);
}

fn opinion(log: &mut Log, role: &'static str, said: (&str, &str), of: (&str, &str), date: &str) {
    opinion_on(None, log, role, said, of, date);
}

fn opinion_on(
    on: Option<u64>,
    log: &mut Log,
    role: &'static str,
    (by, opinion): (&str, &str),
    (filing, change): (&str, &str),
    date: &str,
) {
    let reason = if opinion == "agree" { "" } else { "缺少合同" };
    let mut body = json!({"filing": filing, "change": change, "by": by, "body": "某部门", "opinion": opinion, "date": date, "reason": reason});
    if let Some(leaf) = on {
        body["submission"] = json!(leaf);
    }
    log.declare_as(role, "plan_opinion", body);
}

fn request(log: &Log, filings: Vec<FilingAsked>) -> ReportRequest {
    ReportRequest { filings, ..ReportRequest::for_dates(log.size(), "2026-03-02", "2026-03-04", None) }
}

fn report(log: &Log, request: &ReportRequest) -> Json {
    serde_json::from_slice(&evaluate(&log.history(), request).unwrap().to_json().unwrap()).unwrap()
}

fn bundle(log: &Log, report: &Json) -> Vec<u8> {
    log.bundle(&protocol::canonical_json(report).unwrap())
}

fn read(log: &Log, bundle: &[u8]) -> Outcome {
    verify(bundle, Some(&Trust::parse(log.trust_json().as_bytes()).unwrap()))
}

fn agreed(log: &Log, report: &Json, what: &str) -> Outcome {
    let bundle = bundle(log, report);
    let outcome = read(log, &bundle);
    assert_eq!(outcome.verdict, Verdict::Verified, "{what}: {:?}", outcome.findings);
    if let Some((code, said)) = second(log, &bundle) {
        let n = report["practice"]["filings"].as_array().map_or(0, Vec::len);
        assert!(code == Some(0) && (n == 0 || said.contains(&format!("filed plans {n}"))), "{what}: {said}");
    }
    outcome
}

/// A factory with a filed plan whose meter is applied for and on its way, and another plan.
fn factory() -> Log {
    let mut log = Log::new(false);
    log.declare("filed_plan", plan("f1", json!({})));
    log.declare(
        "filed_plan",
        plan(
            "f2",
            json!({"rule": null, "machines": [{"machine": "press"}, {"machine": "main"}], "gateways": [GATEWAY]}),
        ),
    );
    apply(&mut log, "f1", "c-1", "2026-02-01", json!([{"machine": {"machine": "main"}}, {"without_machine": "saw"}]));
    opinion(&mut log, "district", ("district", "agree"), ("f1", "c-1"), "2026-02-03");
    log.run(&World::new(5, 3, None), true, |tag, minute| tag != 2 && (tag != 3 || minute < 1500));
    log
}

#[test]
fn both_readers_compute_filed_plans_and_name_what_nobody_approved() {
    let log = factory();
    let filings = || vec![asked("f1", &ROUTE), FilingAsked { filing: "f2".into(), rule: None }];
    let both = report(&log, &request(&log, filings()));
    let outcome = agreed(&log, &both, "two plans");
    // What the other filing promises is no difference of this one, and is named with it.
    let main = both["practice"]["filings"][0]["plan"]["machines"][0].clone();
    assert_eq!(
        (&main["machine"], &main["difference"], &main["elsewhere"]),
        (&json!("main"), &Json::Null, &json!("f2"))
    );
    assert!(!outcome.findings.iter().any(|f| f.zh.contains("设备 main：")), "{:#?}", outcome.findings);
    let mut forged = both.clone();
    forged["practice"]["filings"][0]["plan"]["machines"][0]["elsewhere"] = json!("f3");
    assert_eq!(read(&log, &bundle(&log, &forged)).verdict, Verdict::Refused);
    if let Some((code, said)) = second(&log, &bundle(&log, &forged)) {
        assert!(code == Some(1) && said.contains("refused: filed plan f1"), "{said}");
    }
    let alone = agreed(&log, &report(&log, &request(&log, filings().into_iter().take(1).collect())), "one of two");
    let told = |code: &str, zh: &str, en: &str| {
        let found = alone
            .findings
            .iter()
            .chain(&outcome.findings)
            .any(|f| f.code == code && f.zh.contains(zh) && f.en.contains(en));
        assert!(found, "{zh} / {en}: {:#?}", outcome.findings);
    };
    told("filed_plan", "承诺/接入/在产数据 设备 2/1/1", "promised/connected/producing machines 2/1/1");
    told(
        "filed_plan",
        "某工信〔2024〕1号 第十三条 的意见顺序判定：属地主管部门→促进中心→市级主管部门",
        "district → promotion centre → city",
    );
    told(
        "filed_plan",
        "设备 main：不在现行方案内，报告期内有数据；变更申请 c-1 尚未同意：待促进中心意见",
        "machine main: not in the plan in force, and there is data in the dates of the report; application c-1 is not approved: waiting for the opinion of the promotion centre",
    );
    told(
        "filed_plan",
        "网关 gw-9：现行方案内，实施期限已过，报告期内无数据",
        "gateway gw-9: in the plan in force, the term is over",
    );
    told("filed_plan", "备案方案 f2", "the plan names no rule");
    // A plan that the report leaves out is named.
    let outcome = agreed(&log, &report(&log, &request(&log, vec![])), "none asked for");
    assert!(
        outcome.findings.iter().filter(|f| f.code == "filed_plan" && f.en.contains("does not compare it")).count() == 2
    );
}

#[test]
fn whatever_is_said_otherwise_both_refuse() {
    let log = factory();
    let honest = report(&log, &request(&log, vec![asked("f1", &ROUTE)]));
    let cases: [(&str, &str, Json); 9] = [
        ("a difference removed", "/plan/machines/0/difference", Json::Null),
        ("said to be promised", "/plan/machines/0/promised", json!(true)),
        ("more machines connected", "/plan/machines_counted", json!([2, 2, 2])),
        ("connected earlier", "/plan/machines/1/connected", json!("2026-03-01")),
        ("an opinion of somebody else", "/applications/0/opinions/0/role", json!("centre")),
        ("said to be approved", "/applications/0/status", json!({"code": "APPROVED", "by": null})),
        ("a longer term", "/plan/term/to", json!("2026-12-31")),
        ("more money", "/plan/investment/fen", json!("90000000")),
        ("nothing left out", "/plan/points", json!([])),
    ];
    for (what, at, value) in cases {
        let mut forged = honest.clone();
        *forged["practice"]["filings"][0].pointer_mut(at).unwrap() = value;
        let bundle = bundle(&log, &forged);
        let outcome = read(&log, &bundle);
        let field = at.rsplit('/').next().unwrap();
        let named = outcome.refusals().any(|f| f.code == "report" && f.place.contains("practice › filings › f1"));
        assert!(outcome.verdict == Verdict::Refused && named, "{what} {field}: {:?}", outcome.findings);
        if let Some((code, said)) = second(&log, &bundle) {
            assert!(code == Some(1) && said.contains("refused: filed plan f1"), "{what}: {said}");
        }
    }
    // A route that asks fewer people approves more: whoever recomputes says by which route, and the server issued another report.
    let shorter = report(&log, &request(&log, vec![asked("f1", &[OpinionBy::District])]));
    let outcome = agreed(&log, &shorter, "a short route");
    assert!(
        outcome
            .findings
            .iter()
            .any(|f| f.zh.contains("的意见顺序判定：属地主管部门（顺序为报告所列，请与该办法核对）"))
    );
}

#[test]
fn any_course_over_any_dates_is_the_same_to_both_readers() {
    for seed in 0..8 {
        let mut random = SplitMix64::new(seed + 70);
        let mut any = |n: u64| (random.next_u64() % n) as usize;
        let mut log = Log::new(false);
        if any(8) != 0 {
            log.declare("filed_plan", plan("f1", json!({})));
        }
        for step in 0..14 {
            let change = ["c-1", "c-2", "c-3"][any(3)];
            let date = ["2026-01-02", "2026-02-01", "2026-02-03", "2026-02-10", "2026-04-01"][any(5)];
            if step == 0 || any(3) == 0 {
                let items = [
                    json!([{"machine": {"machine": "main", "points": ["main/energy"]}}]),
                    json!([{"machine": {"machine": "press"}}, {"without_gateway": "gw-9"}, {"other": "租赁"}]),
                    json!([{"without_machine": "saw"}, {"firm": "新公司"}, {"line": {"line": "mes", "category": "software", "what": "MES", "amount_fen": 7}}]),
                    json!([{"term": {"from": "2026-01-10", "to": "2026-12-31"}}, {"without_target": "oee"}, {"gateway": "gw-2"}]),
                ];
                apply(&mut log, "f1", change, date, items[any(4)].clone());
            } else {
                let by = ["district", "centre", "city", "finance"][any(4)];
                let role = ["firm", by, by, by][any(4)];
                let on = if any(5) == 0 { Some(log.size() - 1) } else { None };
                opinion_on(
                    on,
                    &mut log,
                    role,
                    (by, ["agree", "agree", "agree", "disagree", "return"][any(5)]),
                    ("f1", change),
                    date,
                );
            }
        }
        if any(3) == 0 {
            log.declare("filed_plan", plan("f1", json!({"number": null})));
        }
        log.declare(
            "filed_plan",
            plan("f2", json!({"rule": null, "machines": [{"machine": "main", "points": ["energy"]}]})),
        );
        if any(2) == 0 {
            // The meter of the press is the saw's from a day on.
            let signal = |tag: &str| json!({"gateway": GATEWAY, "tag": tag});
            let saw = json!({"machine": "saw", "names": {"zh": "锯床", "en": "Saw"}, "role": "meter", "signals": {"energy": signal("press/energy")}});
            log.declare_from("machine", MONDAY + 30 * HOUR, saw);
            let main = json!({"machine": "main", "names": {"zh": "总表", "en": "Meter"}, "role": "meter", "signals": {"energy": signal("press/energy")}});
            log.declare_from("machine", MONDAY + 30 * HOUR, main);
        }
        let (from, length) = (any(4000), any(2000));
        log.run(&World::new(seed, 5, None), seed % 2 == 0, |tag, m| {
            tag as usize != any_tag(seed) || m < from || m > from + length
        });
        let route: Vec<OpinionBy> = OpinionBy::ALL.into_iter().take(1 + any(4)).collect();
        let mut one = asked("f1", &route);
        if let Some(change) = one.rule.as_mut().and_then(|rule| rule.change.as_mut()) {
            change.together = 1 + any(route.len() as u64) as u8;
        }
        let mut request = request(&log, vec![one]);
        if any(2) == 0 {
            request.filings.push(FilingAsked { filing: "f2".into(), rule: None });
        }
        request.periods.insert(0, Period { name: "before".into(), from: "2026-03-02".into(), to: "2026-03-02".into() });
        if any(2) == 0 {
            request.until_ms = Some(MONDAY + 60 * HOUR);
        }
        agreed(&log, &report(&log, &request), &format!("seed {seed}"));
    }
}

fn any_tag(seed: u64) -> usize {
    (seed % 5) as usize
}
