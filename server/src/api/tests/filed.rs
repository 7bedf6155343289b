//! A filed plan through the API: who may say what, in which order, and what is said to who skips somebody.

use super::*;

const STATE: &str = "/api/v1/sites/demo/declarations";

fn statement(kind: &str, body: Json) -> Json {
    json!({"kind": kind, "reason": "stated", "body": body})
}

fn plan(lines: i64) -> Json {
    let body = json!({
        "filing": "km-017", "names": {"zh": "一号线", "en": "Line 1"}, "rule": "kunming-fund-2024-1", "filed": "2025-09-01",
        "term": {"from": "2025-09-10", "to": "2026-06-30"},
        "lines": [{"line": "mes", "category": "software", "what": "MES", "amount_fen": lines}]
    });
    statement("filed_plan", body)
}

fn change(date: &str) -> Json {
    let body =
        json!({"filing": "km-017", "change": "c-1", "date": date, "reason": "产线调整", "items": [{"firm": "新公司"}]});
    statement("plan_change", body)
}

fn opinion(by: &str, date: &str) -> Json {
    let body = json!({"filing": "km-017", "change": "c-1", "by": by, "body": "某局", "opinion": "agree", "date": date});
    statement("plan_opinion", body)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_passes_its_district_and_nobody_speaks_for_another() {
    let inside = inside().await;
    inside.factory(&World::new(1, 1, None)).await;
    let mut tokens = std::collections::BTreeMap::new();
    for role in ["firm", "provider", "district", "centre", "city", "finance", "supervisor"] {
        tokens.insert(role, token(&inside, role, role, "site:demo").await);
    }
    let say = async |who: &str, body: Json| {
        let (status, answer) = call(&inside, post(STATE, &tokens[who], &body)).await;
        let words = |lang: &str| answer["error"][lang].as_str().unwrap_or_default().to_owned();
        (status, words("zh"), words("en"))
    };
    let taken = |(status, zh, _): &(StatusCode, String, String)| assert_eq!(*status, StatusCode::CREATED, "{zh}");
    let refused = |(status, zh, en): (StatusCode, String, String), of: [&str; 2]| {
        assert_eq!(status, StatusCode::CONFLICT, "{zh}");
        assert!(zh.contains(of[0]) && en.contains(of[1]), "{zh} / {en}");
    };
    let size = || inside.context.logs.size(&Inside::site()).unwrap();

    refused(say("firm", change("2025-09-02")).await, ["没有备案方案 km-017", "there is no filed plan `km-017`"]);
    refused(
        say("provider", plan(100)).await,
        ["备案方案须由企业账号填报", "the firm's own account states its filed plan"],
    );
    taken(&say("firm", plan(100)).await);
    taken(&say("firm", plan(100)).await);
    refused(say("firm", plan(200)).await, ["须提出变更申请", "apply for a change"]);
    let before = size();
    refused(
        say("provider", change("2025-09-02")).await,
        ["变更申请须由企业账号提出", "the firm's own account applies"],
    );
    refused(say("firm", change("2999-01-01")).await, ["晚于填报当日", "after the day on which it is stated"]);
    assert_eq!(size(), before, "what is refused is not logged");
    taken(&say("firm", change("2025-09-02")).await);

    // The district is asked first, and speaks for itself.
    let skipped = ["应先由属地主管部门出具意见", "the opinion of the district comes first"];
    refused(say("centre", opinion("centre", "2025-09-03")).await, skipped);
    refused(say("city", opinion("city", "2025-09-03")).await, skipped);
    let own = ["须由其自己的账号（角色 district）填报，本次为企业账号", "this account is the firm's"];
    refused(say("firm", opinion("district", "2025-09-03")).await, own);
    let others = ["本次为角色为 centre 的账号", "this account is one of the role `centre`"];
    refused(say("centre", opinion("district", "2025-09-03")).await, others);
    refused(
        say("provider", opinion("district", "2025-09-03")).await,
        ["本次为角色为 provider", "of the role `provider`"],
    );
    assert_eq!(say("supervisor", opinion("district", "2025-09-03")).await.0, StatusCode::FORBIDDEN);
    assert_eq!(size(), before + 1);
    for who in ["district", "centre", "city", "finance"] {
        taken(&say(who, opinion(who, "2025-09-03")).await);
    }
    refused(say("city", opinion("city", "2025-09-04")).await, ["已有结论", "is decided"]);
    assert_eq!(size(), before + 5);

    // An opinion is all they state.
    let cycle = statement("cycle_time", json!({"machine": "press", "item_us": 1_000_000}));
    for who in ["district", "centre", "city", "finance"] {
        assert_eq!(say(who, cycle.clone()).await.0, StatusCode::FORBIDDEN, "{who}");
    }
    let statements = reporting_statements(&inside);
    let roles: Vec<String> = statements.filing("km-017").unwrap().opinions.iter().map(|o| o.role.clone()).collect();
    assert_eq!(roles, ["district", "centre", "city", "finance"]);
    inside.evidence.close().await;
}

fn reporting_statements(inside: &Inside) -> metrics::statements::Statements {
    reporting::statements(&inside.context.logs, &Inside::site()).unwrap()
}

/// Who holds two offices speaks in the one an opinion names.
#[tokio::test(flavor = "multi_thread")]
async fn who_holds_two_offices_speaks_in_the_one_that_is_named() {
    let inside = inside().await;
    inside.factory(&World::new(1, 1, None)).await;
    let firm = token(&inside, "chen", "firm", "site:demo").await;
    let both = token(&inside, "li", "centre", "site:demo").await;
    let grant = admin::Request::UserGrant {
        name: "li".into(),
        role: "district".into(),
        scope: "site:demo".into(),
        from: None,
        until: None,
    };
    inside.admin(grant).await;
    for body in [plan(100), change("2025-09-02")] {
        assert_eq!(call(&inside, post(STATE, &firm, &body)).await.0, StatusCode::CREATED);
    }
    for by in ["district", "centre"] {
        let (status, answer) = call(&inside, post(STATE, &both, &opinion(by, "2025-09-03"))).await;
        assert_eq!(status, StatusCode::CREATED, "{answer}");
    }
    let statements = reporting_statements(&inside);
    let roles: Vec<String> = statements.filing("km-017").unwrap().opinions.iter().map(|o| o.role.clone()).collect();
    assert_eq!(roles, ["district", "centre"]);
    inside.evidence.close().await;
}
