use protocol::Declaration;
use serde_json::{Value as Json, json};

use super::{Day, Filed, Filing, Procedure, Seen, there};
use crate::model::{Body, KINDS, parse_body};
use crate::statements::Statements;

fn plan() -> Json {
    json!({
        "filing": "km-017", "names": {"zh": "一号线", "en": "Line 1"}, "rule": "kunming-fund-2024-1", "number": "备〔2024〕17号",
        "filed": "2024-09-01", "term": {"from": "2024-09-10", "to": "2025-03-31"},
        "machines": [{"machine": "press", "points": ["energy", "press/state"]}], "gateways": ["gw-1"],
        "lines": [{"line": "mes", "category": "software", "what": "MES", "amount_fen": 1}],
        "targets": [{"target": "oee", "names": {"zh": "利用率", "en": "OEE"}, "definition": "oee.iso22400@1",
            "promised": {"value": "5", "unit": "percentage_points", "direction": "increase"},
            "base": {"from": "2024-06-01", "to": "2024-08-31"}, "method": "OEE 口径"}],
        "payments": [{"stage": "acceptance", "date": "2025-05-31"}], "document": "0".repeat(64)
    })
}

fn change() -> Json {
    json!({"filing": "km-017", "change": "c-1", "date": "2024-11-01", "reason": "产线调整", "items": [{"without_machine": "press"}]})
}

fn opinion() -> Json {
    json!({"filing": "km-017", "change": "c-1", "by": "district", "body": "某区工信局", "opinion": "return", "date": "2024-11-05", "reason": "缺合同"})
}

fn refusal(kind: &str, body: &Json) -> String {
    parse_body(kind, body).expect_err(&body.to_string()).to_string()
}

#[test]
fn bodies_keep_what_they_say() {
    for (kind, body) in [("filed_plan", plan()), ("plan_change", change()), ("plan_opinion", opinion())] {
        assert!(KINDS.contains(&kind));
        let again = match parse_body(kind, &body).unwrap() {
            Body::FiledPlan(b) => serde_json::to_value(b),
            Body::PlanChange(b) => serde_json::to_value(b),
            Body::PlanOpinion(b) => serde_json::to_value(b),
            other => panic!("{other:?}"),
        };
        assert_eq!(again.unwrap(), body);
    }
}

#[test]
fn what_breaks_a_bound_is_refused_in_both_languages() {
    let long = "x".repeat(201);
    let cases = [
        ("filed_plan", plan(), "/filing", json!("KM")),
        ("filed_plan", plan(), "/names/en", json!(" ")),
        ("filed_plan", plan(), "/number", json!("a\u{7}")),
        ("filed_plan", plan(), "/rule", json!(long)),
        ("filed_plan", plan(), "/filed", json!("2024-9-1")),
        ("filed_plan", plan(), "/term/to", json!("2024-09-09")),
        ("filed_plan", plan(), "/machines/0/machine", json!("Press")),
        ("filed_plan", plan(), "/machines/0/points/0", json!("press/state")),
        ("filed_plan", plan(), "/machines/0/points/0", json!("能耗")),
        ("filed_plan", plan(), "/machines", json!([{"machine": "press"}, {"machine": "press"}])),
        (
            "filed_plan",
            plan(),
            "/machines",
            json!((0..1001).map(|i| json!({"machine": format!("m{i}")})).collect::<Vec<_>>()),
        ),
        ("filed_plan", plan(), "/gateways", json!(["gw-1", "gw-1"])),
        ("filed_plan", plan(), "/lines/0/amount_fen", json!(0)),
        ("filed_plan", plan(), "/lines/0/amount_fen", json!(-1)),
        ("filed_plan", plan(), "/lines/0/amount_fen", json!(1_000_000_000_001_i64)),
        ("filed_plan", plan(), "/lines/0/what", json!("")),
        ("filed_plan", plan(), "/targets/0/promised/value", json!("0")),
        ("filed_plan", plan(), "/targets/0/definition", json!("oee.unheard@1")),
        ("filed_plan", plan(), "/targets/0/base/from", json!("2024-09-01")),
        ("filed_plan", plan(), "/targets/0/method", json!("")),
        ("filed_plan", plan(), "/payments/0/date", json!("soon")),
        ("filed_plan", plan(), "/document", json!("0".repeat(63))),
        ("plan_change", change(), "/items", json!([])),
        ("plan_change", change(), "/items/0", json!({"without_machine": "Press"})),
        ("plan_change", change(), "/items/0", json!({"firm": ""})),
        ("plan_change", change(), "/items/0", json!({"term": {"from": "2025-01-02", "to": "2025-01-01"}})),
        ("plan_change", change(), "/reason", json!(" ")),
        ("plan_change", change(), "/date", json!("2024-02-30")),
        ("plan_opinion", opinion(), "/reason", json!("")),
        ("plan_opinion", opinion(), "/body", json!("")),
        ("plan_opinion", opinion(), "/change", json!("-c")),
    ];
    for (kind, body, at, value) in cases {
        assert!(parse_body(kind, &body).is_ok(), "{kind}");
        let mut wrong = body.clone();
        *wrong.pointer_mut(at).unwrap() = value;
        let said = refusal(kind, &wrong);
        // As the door splits it: English, which is all ASCII, then Chinese.
        let (en, zh) = said.rsplit_once(" / ").unwrap_or_else(|| panic!("{at}: only one language: {said}"));
        assert!(en.is_ascii() && !zh.is_ascii() && !zh.contains('`'), "{at}: {said}");
    }
}

#[test]
fn ids_and_dates_are_refused_in_both_languages_whatever_is_in_them() {
    for (id, shown) in [("KM", "`KM`"), ("备案/一 / 号", "this"), ("a / b", "`a / b`"), ("-x", "`-x`")] {
        let mut wrong = plan();
        wrong["filing"] = json!(id);
        let said = refusal("filed_plan", &wrong);
        assert!(said.contains(&format!("{shown} is not an id: 1 to 32 of a-z, 0-9 and `-`, not beginning with `-`")));
        assert!(said.ends_with(" / filing：标识须为 1 至 32 个小写字母、数字或“-”，且不以“-”开头"), "{said}");
    }
    for (date, shown) in [("2024-9-1", "`2024-9-1`"), ("二〇二四年九月一日", "this")] {
        let mut wrong = plan();
        wrong["filed"] = json!(date);
        let said = refusal("filed_plan", &wrong);
        assert!(said.contains(&format!("{shown} is not a date like 2026-03-14")), "{said}");
        assert!(said.ends_with(" / filed：日期须写成 2026-03-14 的形式"), "{said}");
    }
}

#[test]
fn unknown_fields_and_words_are_refused() {
    for (kind, body) in [("filed_plan", plan()), ("plan_change", change()), ("plan_opinion", opinion())] {
        let mut wrong = body;
        wrong["surprise"] = json!(1);
        assert!(refusal(kind, &wrong).contains("unknown field"));
    }
    let mut wrong = opinion();
    wrong["by"] = json!("province");
    assert!(refusal("plan_opinion", &wrong).contains("unknown variant"));
}

#[test]
fn a_target_without_unit_is_told_so() {
    let mut wrong = plan();
    wrong["targets"][0]["promised"].as_object_mut().unwrap().remove("unit");
    let said = refusal("filed_plan", &wrong);
    assert!(said.contains("a target needs its unit") && said.contains("目标须注明单位："), "{said}");
}

#[test]
fn a_plan_that_promises_nothing_is_none() {
    let mut wrong = plan();
    wrong["machines"] = json!([]);
    assert!(parse_body("filed_plan", &wrong).is_ok(), "software alone is a plan");
    wrong["lines"] = json!([]);
    let said = refusal("filed_plan", &wrong);
    assert!(said.contains("a plan promises at least one machine or investment line"), "{said}");
    assert!(said.ends_with("备案方案须列出至少一台设备或一笔投资"), "{said}");
}

#[test]
fn who_agrees_need_not_say_why() {
    let mut agreed = opinion();
    agreed["opinion"] = json!("agree");
    agreed.as_object_mut().unwrap().remove("reason");
    assert!(parse_body("plan_opinion", &agreed).is_ok());
}

#[test]
fn a_filing_is_kept_in_the_order_of_the_log() {
    let mut statements = Statements::default();
    let mut broken = change();
    broken["items"] = json!([]);
    let said = [
        ("filed_plan", plan()),
        ("plan_change", change()),
        ("plan_change", broken),
        ("plan_opinion", opinion()),
        ("plan_change", change()),
    ];
    for (leaf, (kind, body)) in (0_u64..).zip(said) {
        // The later the leaf, the earlier it claims to hold: the course is that of the log all the same.
        let declaration = Declaration {
            kind: kind.to_owned(),
            effective_from: 100 - leaf as i64,
            author: "p-1".to_owned(),
            role: ["firm", "district"][usize::from(kind == "plan_opinion")].to_owned(),
            reason: String::new(),
            body,
        };
        statements.push(leaf, 1_000 + leaf as i64, declaration);
    }
    let filing = statements.filing("km-017").unwrap();
    assert_eq!(filing.plans.iter().map(|p| p.leaf).collect::<Vec<_>>(), [0]);
    assert_eq!(filing.changes.iter().map(|c| c.leaf).collect::<Vec<_>>(), [1, 4]);
    let opinions: Vec<_> = filing.opinions.iter().map(|o| (o.leaf, o.role.as_str(), o.received_ms)).collect();
    assert_eq!(opinions, [(3, "district", 1_003)], "who stated it and when it came are kept");
    assert_eq!(statements.filings().map(|(id, _)| id).collect::<Vec<_>>(), ["km-017"]);
    assert_eq!(statements.bad().iter().map(|b| b.leaf).collect::<Vec<_>>(), [2]);
}

fn day(text: &str) -> Day {
    Day(text.parse().unwrap())
}

/// Midnight of a date, UTC.
fn ms(text: &str) -> i64 {
    crate::calendar::local_days("UTC", day(text).0, day(text).0).unwrap().from_ms
}

/// A machine with its signals, by role and tag, from a date on.
fn defined(statements: &mut Statements, leaf: u64, machine: &str, from: &str, signals: &[(&str, &str)]) {
    let signals: serde_json::Map<String, Json> =
        signals.iter().map(|(role, tag)| ((*role).to_owned(), json!({"gateway": "gw-1", "tag": tag}))).collect();
    let body =
        json!({"machine": machine, "names": {"zh": machine, "en": machine}, "role": "meter", "signals": signals});
    let declaration = Declaration {
        kind: "machine".to_owned(),
        effective_from: ms(from),
        author: "p-1".to_owned(),
        role: "firm".to_owned(),
        reason: String::new(),
        body,
    };
    statements.push(leaf, 0, declaration);
    assert!(statements.bad().is_empty(), "{:?}", statements.bad());
}

fn stated<T: serde::de::DeserializeOwned>(body: Json) -> Filed<T> {
    Filed { leaf: 1, received_ms: 0, role: "firm".to_owned(), body: serde_json::from_value(body).unwrap() }
}

/// What is there of a filing whose plan promises points of the press, with an application for others.
fn looked(statements: &Statements, promised: Json, applied: Json, seen: &[(&str, &str, &str)]) -> Vec<Seen> {
    let mut body = plan();
    body["machines"] = json!([{"machine": "press", "points": promised}]);
    let mut applies = change();
    applies["items"] = json!([{"machine": {"machine": "press", "points": applied}}]);
    let mut filing = Filing::default();
    filing.plans.push(stated(body));
    filing.changes.push(stated(applies));
    let current = Procedure { filing: &filing, route: None, zone: "UTC" }.in_force(jiff::civil::Date::MAX).unwrap();
    let seen =
        seen.iter().map(|(tag, from, to)| (("gw-1".to_owned(), (*tag).to_owned()), (ms(from), ms(to)))).collect();
    there(statements, &current, &filing, &seen, "UTC")
}

#[test]
fn a_signal_is_a_machines_as_long_as_its_definition_held() {
    let mut statements = Statements::default();
    defined(&mut statements, 0, "press", "2026-01-10", &[("energy", "m/1")]);
    defined(&mut statements, 1, "lathe", "2026-02-01", &[("energy", "m/1")]);
    defined(&mut statements, 2, "press", "2026-02-01", &[("energy", "m/2")]);
    let seen = looked(&statements, json!(["energy"]), json!([]), &[("m/1", "2026-01-05", "2026-06-30")]);
    let spans = |machine: &str| {
        let of = seen.iter().filter(|s| s.machine == machine);
        of.map(|s| (s.since, s.last)).collect::<Vec<_>>()
    };
    // The meter moved on 1 February: since then it says nothing of the press, and before that nothing of the lathe.
    assert_eq!(spans("press"), [(day("2026-01-10"), day("2026-01-31"))]);
    assert_eq!(spans("lathe"), [(day("2026-02-01"), day("2026-06-30"))]);
}

#[test]
fn a_point_is_there_under_every_name_the_plan_has_for_it() {
    let mut statements = Statements::default();
    defined(&mut statements, 0, "press", "2026-01-01", &[("energy", "press/energy")]);
    let points = |promised: Json, applied: Json| {
        let seen = looked(&statements, promised, applied, &[("press/energy", "2026-01-05", "2026-01-06")]);
        seen.into_iter().filter_map(|s| s.point).collect::<Vec<_>>()
    };
    assert_eq!(points(json!(["energy"]), json!(["press/energy"])), ["energy"], "an application hides no promise");
    assert_eq!(points(json!(["press/energy"]), json!(["energy"])), ["press/energy"]);
    assert_eq!(points(json!(["energy", "press/energy"]), json!([])), ["energy", "press/energy"]);
    assert_eq!(points(json!(["state"]), json!(["press/energy"])), ["press/energy"], "as the application names it");
    assert_eq!(points(json!(["state"]), json!(["state"])), ["energy"]);
}
