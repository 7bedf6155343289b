//! The pages of a real server inside: a factory whose signed records were accepted, logged and projected.

use axum::body::{Body, to_bytes};
use axum::http::{Method, Request};
use tower::ServiceExt as _;

use super::*;
use crate::admin;
use crate::projection::tests::fixture::World;
use crate::testing::{Inside, inside};

mod carry;
mod declare;
mod deviation;
mod documents;
mod filing;
mod findings;
mod firm;
mod onsite;
mod package;
mod papers;
mod plan;

struct Browser<'i> {
    inside: &'i Inside,
    cookie: String,
    lang: &'static str,
}

impl Browser<'_> {
    async fn send(&self, method: Method, path: &str, form: Option<&str>) -> (StatusCode, HeaderMap, String) {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, "gz.test")
            .header(header::ACCEPT_LANGUAGE, self.lang)
            .header(header::COOKIE, &self.cookie)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Body::from(form.unwrap_or_default().to_owned()))
            .expect("request");
        let response = crate::run::app(self.inside.state.clone()).oneshot(request).await.expect("answer");
        let (status, headers) = (response.status(), response.headers().clone());
        let bytes = to_bytes(response.into_body(), 64 * 1024 * 1024).await.expect("body");
        (status, headers, String::from_utf8_lossy(&bytes).into_owned())
    }

    async fn page(&self, path: &str) -> String {
        let (status, headers, text) = self.send(Method::GET, path, None).await;
        assert_eq!(status, StatusCode::OK, "{path}: {text}");
        assert_eq!(headers[header::CONTENT_SECURITY_POLICY], POLICY, "{path}");
        assert_eq!(headers[header::CACHE_CONTROL], "no-store", "{path}");
        super::super::tests::check_tags(path, &text);
        assert!(!text.contains('⟦'), "{path}: missing words");
        if let Some(folder) = std::env::var_os("GZ_PAGES_OUT") {
            let name: String = path.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).take(60).collect();
            let file = std::path::Path::new(&folder).join(format!("live{name}.{}.html", self.lang));
            std::fs::write(file, text.replace("\"/assets/", "\"assets/")).expect("write");
        }
        text
    }

    async fn sign_in(&mut self, name: &str, password: &str) -> (StatusCode, String) {
        let form = format!("name={}&password={}&next=%2Fsites", url_part(name), url_part(password));
        let (status, headers, text) = self.send(Method::POST, "/login", Some(&form)).await;
        if let Some(cookie) = headers.get(header::SET_COOKIE).and_then(|c| c.to_str().ok()) {
            assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
            cookie.split(';').next().unwrap_or_default().clone_into(&mut self.cookie);
        }
        (status, text)
    }
}

/// The first address in a page that begins like this.
fn link<'p>(page: &'p str, start: &str) -> &'p str {
    let at = page.find(&format!("href=\"{start}")).unwrap_or_else(|| panic!("no link to {start}")) + 6;
    page[at..].split('"').next().unwrap_or_default()
}

fn location(headers: &HeaderMap) -> &str {
    headers.get(header::LOCATION).and_then(|v| v.to_str().ok()).unwrap_or_default()
}

fn field<'p>(page: &'p str, name: &str) -> &'p str {
    page.split(&format!("name=\"{name}\" value=\"")).nth(1).and_then(|r| r.split('"').next()).unwrap_or_default()
}

async fn user(inside: &Inside, name: &str, role: &str, scope: &str) -> String {
    let add = admin::Request::UserAdd {
        name: name.into(),
        password: None,
        role: role.into(),
        scope: scope.into(),
        from: None,
        until: None,
    };
    inside.admin(add).await.data
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_administrator_is_made_with_the_code_from_the_console() {
    let inside = inside().await;
    let mut browser = Browser { inside: &inside, cookie: String::new(), lang: "en" };
    let (status, headers, _) = browser.send(Method::GET, "/", None).await;
    assert_eq!((status, location(&headers)), (StatusCode::SEE_OTHER, "/setup"));
    let page = browser.page("/setup").await;
    assert!(page.contains("admin first-code"), "an empty server says how to go on");
    let code = inside.admin(admin::Request::FirstCode).await.data;
    let form = |code: &str| format!("code={code}&name=li.wei&password=a-long-password&repeat=a-long-password");
    let (status, _, page) = browser.send(Method::POST, "/setup", Some(&form("AAAA-BBBB"))).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    assert!(page.contains("first-run code is not right"), "{page}");
    let (status, headers, _) = browser.send(Method::POST, "/setup", Some(&form(&code))).await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    let cookie = headers[header::SET_COOKIE].to_str().expect("ascii");
    cookie.split(';').next().unwrap_or_default().clone_into(&mut browser.cookie);
    let page = browser.page("/sites").await;
    assert!(
        page.contains("No factory yet") && page.contains("admin site add"),
        "the empty state teaches the next step"
    );
    let (status, headers, _) = browser.send(Method::GET, "/setup", None).await;
    assert_eq!((status, location(&headers)), (StatusCode::SEE_OTHER, "/login"), "only once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_walks_from_all_factories_to_the_reason_of_a_number_in_both_languages() {
    let inside = inside().await;
    inside.factory(&World::new(2, 1, None)).await;
    inside.projected().await;
    let password = user(&inside, "wang.fang", "administrator", "everything").await;
    for lang in ["zh-CN", "en"] {
        let mut browser = Browser { inside: &inside, cookie: String::new(), lang };
        let (status, page) = browser.sign_in("wang.fang", "wrong").await;
        assert_eq!(status, StatusCode::UNAUTHORIZED);
        assert!(page.contains("role=\"alert\""), "{page}");
        assert_eq!(browser.sign_in("wang.fang", &password).await.0, StatusCode::SEE_OTHER);
        let fleet = browser.page("/sites").await;
        let site_path = link(&fleet, "/sites/").to_owned();
        inside
            .until("the site's shifts are projected", async || browser.page(&site_path).await.contains("/machines/"))
            .await;
        let site = browser.page(&site_path).await;
        let machine_path =
            link(&site, &format!("{site_path}/machines/")).split('?').next().unwrap_or_default().to_owned();
        let machine = browser.page(&machine_path).await;
        assert!(machine.contains("class=\"chart ribbon\""), "the ribbon is the most important picture");
        let why_path = link(&machine, &format!("{machine_path}/why")).replace("&amp;", "&").replace("&#38;", "&");
        let why = browser.page(&why_path).await;
        assert!(why.contains("class=\"equation\"") && why.contains("PBT"), "{why}");
        let reports = browser.page(&format!("{site_path}/reports")).await;
        assert!(reports.contains("gongzheng-verify --trust"), "how to check without us");
        let gateways = browser.page(&format!("{site_path}/gateways")).await;
        let (status, _, page) =
            browser.send(Method::POST, &format!("{site_path}/gateways"), Some("token=wrong&gateway=gw-9")).await;
        assert_eq!(status, StatusCode::FORBIDDEN, "a form of another site changes nothing: {page}");
        let form = format!("token={}&gateway=gw-9", field(&gateways, "token"));
        let (status, _, page) = browser.send(Method::POST, &format!("{site_path}/gateways"), Some(&form)).await;
        assert_eq!(status, StatusCode::OK);
        assert!(page.contains("id=\"code\">GZ-"), "{page}");
        let (status, _, page) = browser.send(Method::GET, "/sites/not-here", None).await;
        assert_eq!(status, StatusCode::NOT_FOUND);
        assert!(page.contains("/sites/not-here"), "where: {page}");
        let (status, _, _) = browser.send(Method::GET, &format!("{machine_path}?date=yesterday"), None).await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
        let form = format!("token={}", field(&fleet, "token"));
        assert_eq!(browser.send(Method::POST, "/logout", Some(&form)).await.0, StatusCode::SEE_OTHER);
        let (status, headers, _) = browser.send(Method::GET, "/sites", None).await;
        assert_eq!(
            (status, location(&headers)),
            (StatusCode::SEE_OTHER, "/login?next=%2Fsites&expired=1"),
            "signed out"
        );
    }
}

/// What keeps data from being taken stands on top of every page, with what to do.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_told_on_every_page_until_there_is_room_again() {
    let inside = inside().await;
    let password = user(&inside, "wang.fang", "administrator", "everything").await;
    for (lang, words) in [
        ("zh-CN", ["服务器磁盘已满，自 ", "起不接收记录：网关会自行保留，不会丢失。请清理磁盘或移动数据目录"]),
        (
            "en",
            ["disk is full: since ", "no records are taken. Gateways keep theirs, nothing is lost. Free space or move"],
        ),
    ] {
        let mut browser = Browser { inside: &inside, cookie: String::new(), lang };
        browser.sign_in("wang.fang", &password).await;
        let health = inside.state.ingest.health();
        health.full(inside.state.clock.now_ms(), &std::io::ErrorKind::StorageFull.into());
        let page = browser.page("/sites").await;
        assert!(words.iter().all(|part| page.contains(part)) && page.contains("role=\"alert\""), "{page}");
        health.has_space();
        assert!(!browser.page("/sites").await.contains(words[0]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_of_another_factory_sees_nothing_of_this_one() {
    let inside = inside().await;
    inside.factory(&World::new(1, 1, None)).await;
    let password = user(&inside, "zhao.lei", "firm", "site:elsewhere").await;
    let mut browser = Browser { inside: &inside, cookie: String::new(), lang: "en" };
    browser.sign_in("zhao.lei", &password).await;
    let here = Inside::site();
    assert!(!browser.page("/sites").await.contains(here.as_str()));
    for path in ["", "/reports", "/gateways", "/trust.json", "/machines/press"] {
        let (status, _, page) = browser.send(Method::GET, &format!("/sites/{here}{path}"), None).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{path}: {page}");
    }
}

#[test]
fn only_paths_of_ours_are_followed() {
    for bad in ["//evil.example", "https://evil.example", "/\\evil.example", "sites", "/a\r\nSet-Cookie: x", ""] {
        assert_eq!(ours(bad), "/", "{bad:?}");
    }
    assert_eq!(ours("/sites/a?x=1"), "/sites/a?x=1");
}
