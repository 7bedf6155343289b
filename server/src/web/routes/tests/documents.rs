//! The documents of a report are offered on its page to whoever may have the bundle, and to nobody else.

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
