//! Every address there is, asked by somebody who may not: what lies outside a person's scope does not exist for them.
//!
//! Addresses come from the OpenAPI document and from the source of the pages' router, so that a new one is tested without
//! anybody thinking of it; each must first answer the administrator, or its refusals would prove nothing.

use super::*;
use crate::projection::tests::fixture::MONDAY;

/// Addresses anybody may ask for; none of them knows a site.
const PUBLIC: [&str; 6] = ["/api/v1/openapi.json", "/login", "/logout", "/setup", "/lang", "/assets/{file}"];
/// What nobody outside the scope may read anywhere.
const SECRETS: [&str; 4] = ["示范厂", "Demo works", "西山区", "冲床"];
/// Where the other site lies.
const ELSEWHERE: [(&str, &str); 4] =
    [("site", "alpha"), ("city", "绵阳市"), ("district", "游仙区"), ("sub_sector", "医药")];

/// Every (method, path template) of the server.
fn addresses() -> Vec<(Method, String)> {
    let document: Json = serde_json::from_str(&openapi_json()).expect("document");
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        for method in item.as_object().expect("methods").keys() {
            found.push((method.to_uppercase().parse().expect("method"), path.clone()));
        }
    }
    let api = found.len();
    for line in include_str!("../../web/routes.rs").lines() {
        let Some(rest) = line.trim().strip_prefix(".route(\"") else { continue };
        let (path, handlers) = rest.split_once('"').expect("a path");
        for (word, method) in [("get(", Method::GET), ("post(", Method::POST)] {
            if handlers.contains(word) {
                found.push((method, path.to_owned()));
            }
        }
    }
    assert!(api >= 15 && found.len() >= api + 15, "{api} of the API, {} in all", found.len());
    found
}

/// A file that an address of files has.
fn file(path: &str) -> &'static str {
    match path {
        _ if path.contains("/declare/") => "bill.csv",
        _ if path.starts_with("/portfolio/") => "template.csv",
        _ => "app.css",
    }
}

/// A real address of the factory.
pub(super) fn address(path: &str, leaf: i64) -> String {
    let filled = path
        .replace("{site}", "demo")
        .replace("{machine}", "press")
        .replace("{date}", "2026-03-02")
        .replace("{shift}", "day")
        .replace("{leaf}", &leaf.to_string())
        .replace("{file}", file(path))
        .replace("{name}", "report.zh-CN.pdf")
        .replace("{digest}", &protocol::sha256(&photo()).hex())
        .replace("{gateway}", "gw-1")
        .replace("{deviation}", "d-1");
    let metric = "metric=oee.iso22400%401";
    match path.rsplit('/').next() {
        Some("why") if path.starts_with("/api") => format!("{filled}?{metric}"),
        Some("why") => format!("{filled}?date=2026-03-02&shift=day&{metric}"),
        Some("history") => format!("{filled}?{metric}&from=2026-03-01&to=2026-03-05"),
        Some("figures" | "meters" | "questionnaire") if path.starts_with("/api") => {
            format!("{filled}?from=2026-03-02&to=2026-03-02")
        }
        Some("ocmf" | "ocmf.xml") => format!("{filled}?from=2026-03-02&to=2026-03-02"),
        Some("lang") => format!("{filled}?to=en"),
        Some("file") => format!("{filled}?path=00%20%E7%9B%AE%E5%BD%95.pdf"),
        _ => filled,
    }
}

/// The photo that the factory's folder holds.
fn photo() -> Vec<u8> {
    crate::photo::tests::jpeg("2026:03:02 09:00:00")
}

/// The right kind of body, good enough to change something if anybody let it.
fn body(path: &str) -> (&'static str, String) {
    const FORM: &str = "application/x-www-form-urlencoded";
    if path.ends_with("/declarations") {
        let body = json!({"machine": "press", "item_us": 1_000_000});
        return ("application/json", json!({"kind": "cycle_time", "reason": "t", "body": body}).to_string());
    }
    if path.ends_with("/locks") {
        return ("application/json", json!({"definition": "oee.iso22400@1"}).to_string());
    }
    if path.ends_with("/declare") || path.ends_with("/carry") {
        let part = |(name, value): (&str, &str)| {
            format!("--gz\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
        };
        let row =
            [("kind", "cycle_time"), ("c.machine", "press"), ("c.seconds", "1"), ("what", "confirm"), ("reason", "t")];
        let parts: String = row.map(part).concat();
        return ("multipart/form-data; boundary=gz", format!("{parts}--gz--\r\n"));
    }
    match (path.starts_with("/api"), path.ends_with("/reports")) {
        (true, _) => ("application/json", json!({"from": "2026-03-02", "to": "2026-03-02"}).to_string()),
        (false, true) => (FORM, "plan=p1&token=".to_owned()),
        _ => (FORM, "gateway=gw-9&token=&name=x&password=y&code=z&next=%2F".to_owned()),
    }
}

async fn ask(
    inside: &Inside,
    method: &Method,
    path: &str,
    leaf: i64,
    token: Option<&str>,
) -> (StatusCode, String, String) {
    let (kind, body) = body(path);
    let mut request =
        Request::builder().method(method.clone()).uri(address(path, leaf)).header(header::CONTENT_TYPE, kind);
    if let Some(token) = token {
        request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
    }
    let body = if method == Method::POST { Body::from(body) } else { Body::empty() };
    let request = request.body(body).expect("request");
    let response = crate::run::app(inside.state.clone()).oneshot(request).await.expect("answer");
    let (status, headers) = (response.status(), response.headers().clone());
    let location = headers.get(header::LOCATION).and_then(|to| to.to_str().ok()).unwrap_or_default().to_owned();
    let bytes = to_bytes(response.into_body(), 64 * 1024 * 1024).await.expect("body");
    (status, location, String::from_utf8_lossy(&bytes).into_owned())
}

/// A server with the factory, a report, and another site that has nothing.
pub(super) async fn two_sites() -> (Inside, i64) {
    let inside = inside().await;
    inside.factory(&World::new(2, 1, None)).await;
    // What is exported for checkers of others names a meter by its number.
    let meter = json!({"machine": "press", "serial": "2019-0042", "class": "1", "register": "primary"});
    let statements = json!([{"kind": "meter", "effective_from": MONDAY, "reason": "t", "body": meter}]);
    inside.admin(admin::Request::Declare { site: Inside::site(), text: statements.to_string() }).await;
    inside
        .admin(admin::Request::SiteAdd {
            site: "alpha".parse().unwrap(),
            name_zh: "甲厂".into(),
            name_en: Some("Alpha works".into()),
            city: "绵阳市".into(),
            district: "游仙区".into(),
            sub_sector: "医药".into(),
            zone: "Asia/Shanghai".into(),
            simulated: false,
        })
        .await;
    let wanted = reporting::Wanted { plan: None, from: Some("2026-03-02".into()), to: Some("2026-03-02".into()) };
    inside.admin(admin::Request::Report { site: Inside::site(), wanted }).await;
    noticed(&inside).await;
    inside.context.logs.keep_photo(&Inside::site(), &photo()).expect("photo");
    inside.context.logs.publish_now(&Inside::site()).expect("checkpoint");
    inside.projected().await;
    let leaf = inside.context.store.reports("demo", 1).await.unwrap()[0].leaf;
    (inside, leaf)
}

#[tokio::test(flavor = "multi_thread")]
async fn no_address_gives_anything_outside_of_a_scope() {
    let (inside, leaf) = two_sites().await;
    let all = addresses();
    let administrator = token(&inside, "root", "administrator", "everything").await;
    for (method, path) in all.iter().filter(|(method, _)| *method == Method::GET) {
        let (status, location, text) = ask(&inside, method, path, leaf, Some(&administrator)).await;
        let elsewhere = path == "/" || PUBLIC.contains(&path.as_str());
        assert!(
            status == StatusCode::OK || elsewhere && (status.is_redirection() || path.contains("{file}")),
            "{method} {path} answers the administrator: {status} {location} {text}"
        );
    }
    let size = inside.context.logs.size(&Inside::site()).unwrap();
    let gateways = inside.context.store.gateways("demo").await.unwrap();

    let mut tokens: Vec<(String, Option<String>)> =
        vec![("nobody".into(), None), ("a wrong token".into(), Some("gzt_x".into()))];
    for (place, (kind, value)) in ELSEWHERE.iter().enumerate() {
        let scope = format!("{kind}:{value}");
        let token = token(&inside, &format!("u{place}"), "administrator", &scope).await;
        tokens.push((scope, Some(token)));
    }
    // The right site, in a period that is over.
    let add = admin::Request::UserAdd {
        name: "past".into(),
        password: None,
        role: "administrator".into(),
        scope: "site:demo".into(),
        from: Some("2026-02-01".into()),
        until: Some("2026-03-01".into()),
    };
    inside.admin(add).await;
    let past = admin::Request::Token { user: "past".into(), label: "t".into(), days: 1 };
    tokens.push(("a period that is over".into(), Some(inside.admin(past).await.data)));

    for (who, token) in &tokens {
        for (method, path) in &all {
            if path == "/logout" && token.is_some() {
                // It would end what the rest is asked with.
                continue;
            }
            let (status, location, text) = ask(&inside, method, path, leaf, token.as_deref()).await;
            let what = format!("{who}: {method} {path}: {status} {location}");
            for secret in SECRETS {
                assert!(!text.contains(secret), "{what} tells {secret}");
            }
            if PUBLIC.contains(&path.as_str()) {
                continue;
            }
            let known = token.as_deref().is_some_and(|token| token != "gzt_x");
            let wanted = match (known, path.starts_with("/api")) {
                _ if !known && status == StatusCode::UNAUTHORIZED => true,
                (false, true) => false,
                (false, false) => {
                    status == StatusCode::SEE_OTHER && (location.starts_with("/login") || location == "/setup")
                }
                (true, _) if path.contains("{site}") => status == StatusCode::NOT_FOUND,
                // Lists and oneself: answered, without anything of the other site.
                (true, _) => status == StatusCode::OK || status.is_redirection(),
            };
            assert!(wanted, "{what} {text}");
            assert!(!location.contains("demo") || location.starts_with("/login?next="), "{what}");
        }
    }
    assert_eq!(inside.context.logs.size(&Inside::site()).unwrap(), size, "and nothing was stated");
    assert_eq!(inside.context.store.gateways("demo").await.unwrap(), gateways);
    inside.evidence.close().await;
}
