use axum::body::{Body, to_bytes};
use axum::http::{Method, Request, header};
use serde_json::{Value as Json, json};
use tower::ServiceExt;

use super::*;
use crate::admin;
use crate::projection::tests::fixture::World;
use crate::testing::{Inside, NOW_MS, inside};

mod deviations;
mod filed;
mod findings;
mod onsite;
mod schema;
mod scope;

async fn call(inside: &Inside, request: Request<Body>) -> (StatusCode, Json) {
    let response = router().with_state(inside.state.clone()).oneshot(request).await.expect("answer");
    let status = response.status();
    let bytes = to_bytes(response.into_body(), 64 * 1024 * 1024).await.expect("body");
    (status, serde_json::from_slice(&bytes).unwrap_or(Json::Null))
}

fn get(path: &str, token: &str) -> Request<Body> {
    Request::builder().uri(path).header(header::AUTHORIZATION, format!("Bearer {token}")).body(Body::empty()).unwrap()
}

fn post(path: &str, token: &str, body: &Json) -> Request<Body> {
    Request::builder()
        .method(Method::POST)
        .uri(path)
        .header(header::AUTHORIZATION, format!("Bearer {token}"))
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from(body.to_string()))
        .unwrap()
}

async fn token(inside: &Inside, name: &str, role: &str, scope: &str) -> String {
    let add = admin::Request::UserAdd {
        name: name.into(),
        password: None,
        role: role.into(),
        scope: scope.into(),
        from: None,
        until: None,
    };
    inside.admin(add).await;
    inside.admin(admin::Request::Token { user: name.into(), label: "t".into(), days: 1 }).await.data
}

/// A filed plan of the factory with one target, and a notice that it is missed.
async fn noticed(inside: &Inside) {
    let range = |from: &str, to: &str| json!({"from": from, "to": to});
    let target = json!({"target": "oee", "names": {"zh": "综合利用率", "en": "OEE"}, "definition": "oee.iso22400@1", "method": "ISO 22400",
        "promised": {"value": "30", "unit": "percentage_points", "direction": "increase"}, "base": range("2026-02-01", "2026-02-28")});
    let plan = json!({"filing": "km-017", "names": {"zh": "一号线", "en": "Line 1"}, "filed": "2026-02-01",
        "term": range("2026-02-10", "2026-03-01"), "machines": [{"machine": "press"}], "targets": [target]});
    let measured = json!({"size": 9, "definition": "oee.iso22400@1", "machines": ["press"], "window": range("2026-03-02", "2026-03-02"),
        "base": range("2026-02-01", "2026-02-28"), "unit": "percentage_points", "change": "0.010000",
        "interval": ["-0.010000", "0.030000"], "standing": "short"});
    let notice =
        json!({"filing": "km-017", "deviation": "d-1", "target": "oee", "asks": "请说明原因", "measured": measured});
    let say = async |kind: &str, role: &str, body: Json| {
        let declaration = protocol::Declaration {
            kind: kind.into(),
            effective_from: NOW_MS,
            author: "u".into(),
            role: role.into(),
            reason: "t".into(),
            body,
        };
        inside.context.logs.append_declaration(&Inside::site(), &declaration).await.expect("stated");
    };
    say("filed_plan", "firm", plan).await;
    say("deviation_notice", "centre", notice).await;
}

/// Every route is in the document, every path of the document is a route, and all but the document need a session.
#[tokio::test(flavor = "multi_thread")]
async fn the_document_covers_every_route() {
    let inside = inside().await;
    let document: Json = serde_json::from_str(&openapi_json()).expect("document");
    let paths = document["paths"].as_object().expect("paths");
    let mut documented: Vec<&str> = paths.keys().map(String::as_str).collect();
    let mut routed: Vec<&str> = read::routes().into_iter().map(|(path, _)| path).collect();
    documented.sort_unstable();
    routed.sort_unstable();
    assert_eq!(documented, routed);
    for (path, item) in paths {
        let address = ["site", "machine", "date", "shift"]
            .iter()
            .fold(path.clone(), |path, name| path.replace(&format!("{{{name}}}"), "x"))
            .replace("{leaf}", "1");
        for method in [Method::GET, Method::POST, Method::PUT, Method::DELETE] {
            let known = item.get(method.as_str().to_lowercase()).is_some();
            let request = Request::builder().method(method.clone()).uri(&address).body(Body::empty()).unwrap();
            let (status, _) = call(&inside, request).await;
            let wanted = match (known, path.ends_with("openapi.json")) {
                (false, _) => StatusCode::METHOD_NOT_ALLOWED,
                (true, true) => StatusCode::OK,
                (true, false) => StatusCode::UNAUTHORIZED,
            };
            assert_eq!(status, wanted, "{method} {path}");
        }
    }
    let text = openapi_json();
    for named in document["components"]["schemas"].as_object().expect("schemas").keys() {
        assert!(text.contains(&format!("\"{named}\"")));
    }
    for part in text.split("\"$ref\": \"#/components/schemas/").skip(1) {
        let name = part.split('"').next().expect("name");
        assert!(document["components"]["schemas"].get(name).is_some(), "{name} is referred to and missing");
    }
    inside.evidence.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn scope_is_enforced_on_every_address_and_figures_are_not_raw_readings() {
    let inside = inside().await;
    inside.factory(&World::new(2, 1, None)).await;
    inside.projected().await;
    let city = token(&inside, "city", "city", "city:昆明市").await;
    let other = token(&inside, "other", "city", "city:绵阳市").await;
    let firm = token(&inside, "firm", "firm", "site:demo").await;

    let (status, fleet) = call(&inside, get("/api/v1/sites", &city)).await;
    assert_eq!((status, &fleet["sites"], &fleet["rows"][0]["site"]["id"]), (StatusCode::OK, &json!(1), &json!("demo")));
    assert_eq!(call(&inside, get("/api/v1/sites", &other)).await.1["sites"], json!(0));
    let (status, machine) = call(&inside, get("/api/v1/sites/demo/machines/press?date=2026-03-02", &city)).await;
    assert_eq!(status, StatusCode::OK);
    let shift = &machine["shifts"][0];
    assert_eq!((&shift["shift"]["name"], &shift["shift"]["names"]["en"]), (&json!("day"), &json!("Day")));
    assert_eq!(shift["figures"][0]["metric"], json!("oee.iso22400@1"), "OEE first");
    let why = "/api/v1/sites/demo/machines/press/shifts/2026-03-02/day/why?metric=oee.iso22400%401";
    let (status, why) = call(&inside, get(why, &city)).await;
    assert_eq!((status, &why["formula"]), (StatusCode::OK, &json!("PRI·GQ / PBT")));
    assert!(why["sources"][0]["last_sequence"].as_u64() > why["sources"][0]["first_sequence"].as_u64(), "{why}");
    assert!(why["parameters"].as_array().is_some_and(|list| list.iter().any(|p| p["name"] == "cycle_time")));

    for path in [
        "/api/v1/sites/demo",
        "/api/v1/sites/demo/machines/press",
        "/api/v1/sites/demo/machines/press/shifts/2026-03-02/day",
        "/api/v1/sites/demo/machines/press/shifts/2026-03-02/day/why?metric=oee.iso22400%401",
        "/api/v1/sites/demo/machines/press/history?metric=oee.iso22400%401&from=2026-03-01&to=2026-03-05",
        "/api/v1/sites/demo/gateways",
        "/api/v1/sites/demo/declarations",
        "/api/v1/sites/demo/reports",
        "/api/v1/sites/demo/checkpoint",
    ] {
        assert_eq!(call(&inside, get(path, &other)).await.0, StatusCode::NOT_FOUND, "{path}");
        if path.ends_with("checkpoint") {
            inside.context.logs.publish_now(&Inside::site()).expect("checkpoint");
        }
        assert_eq!(call(&inside, get(path, &city)).await.0, StatusCode::OK, "{path}");
        assert_eq!(call(&inside, get(&path.replace("demo", "no-such-site"), &city)).await.0, StatusCode::NOT_FOUND);
    }

    let wanted = json!({"from": "2026-03-02", "to": "2026-03-02"});
    assert_eq!(call(&inside, post("/api/v1/sites/demo/reports", &other, &wanted)).await.0, StatusCode::NOT_FOUND);
    assert_eq!(call(&inside, post("/api/v1/sites/demo/reports", &city, &wanted)).await.0, StatusCode::FORBIDDEN);
    let (status, issued) = call(&inside, post("/api/v1/sites/demo/reports", &firm, &wanted)).await;
    assert_eq!(status, StatusCode::CREATED, "{issued}");
    inside.projected().await;
    let bundle = format!("/api/v1/sites/demo/reports/{}/bundle", issued["leaf"]);
    assert_eq!(call(&inside, get(&bundle, &city)).await.0, StatusCode::NOT_FOUND, "raw readings are not the city's");
    assert_eq!(call(&inside, get(&bundle, &firm)).await.0, StatusCode::OK);

    let stated = json!({"kind": "quality_count", "reason": "终检", "body": {"machine": "press", "date": "2026-03-02", "shift": "day", "reject": 3}});
    assert_eq!(call(&inside, post("/api/v1/sites/demo/declarations", &city, &stated)).await.0, StatusCode::FORBIDDEN);
    let (status, answer) = call(&inside, post("/api/v1/sites/demo/declarations", &firm, &stated)).await;
    assert_eq!(status, StatusCode::CREATED, "{answer}");
    inside.projected().await;
    let (_, list) = call(&inside, get("/api/v1/sites/demo/declarations?kind=quality_count", &firm)).await;
    assert_eq!((&list[0]["role"], &list[0]["leaf"]), (&json!("firm"), &answer["leaf"]));
    let (_, shift) = call(&inside, get("/api/v1/sites/demo/machines/press/shifts/2026-03-02/day", &firm)).await;
    assert_eq!(
        shift["figures"][0]["flags"].as_array().map(|flags| flags.contains(&json!("MANUAL_QUALITY"))),
        Some(true)
    );
    inside.evidence.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_needs_its_token_and_our_origin_to_change_anything() {
    let inside = inside().await;
    inside.factory(&World::new(2, 1, None)).await;
    let add = admin::Request::UserAdd {
        name: "li".into(),
        password: Some("a good password".into()),
        role: "administrator".into(),
        scope: "everything".into(),
        from: None,
        until: None,
    };
    inside.admin(add).await;
    let session = inside.state.accounts.sign_in("li", "a good password", "::1", NOW_MS).await.expect("signed in");
    let stated = json!({"kind": "cycle_time", "reason": "t", "body": {"machine": "press", "item_us": 5_000_000}});
    let attempt = |origin: Option<&str>, csrf: Option<&str>| {
        let mut request = Request::builder()
            .method(Method::POST)
            .uri("/api/v1/sites/demo/declarations")
            .header(header::HOST, "gz.test")
            .header(header::COOKIE, format!("theme=dark; gz_session={}", session.token))
            .header(header::CONTENT_TYPE, "application/json");
        for (name, value) in [("origin", origin), ("x-csrf-token", csrf)] {
            if let Some(value) = value {
                request = request.header(name, value);
            }
        }
        request.body(Body::from(stated.to_string())).unwrap()
    };
    let csrf = Some(session.csrf.as_str());
    for (request, wanted) in [
        (attempt(Some("https://gz.test"), None), StatusCode::FORBIDDEN),
        (attempt(Some("https://evil.test"), csrf), StatusCode::FORBIDDEN),
        (attempt(Some("https://gz.test"), Some("0")), StatusCode::FORBIDDEN),
        (attempt(Some("https://gz.test"), csrf), StatusCode::CREATED),
    ] {
        assert_eq!(call(&inside, request).await.0, wanted);
    }
    inside.evidence.close().await;
}
