//! The factory's answers to its matters to verify, as a browser sends them.

use super::*;
use crate::projection::tests::fixture::{HOUR, MONDAY};
use crate::state::Clock;
use crate::testing::{inside_at, standing_still};

const LIST: &str = "/sites/demo/findings?week=2026-03-03";

/// What the first form of a page, or of a card, sends.
fn form(page: &str, what: &str, more: &str) -> String {
    let fields = ["token", "week", "finding", "detector", "machine", "from_ms"];
    let fields = fields.map(|name| format!("{name}={}", url_part(field(page, name))));
    format!("{}&what={what}{more}", fields.join("&"))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_explanation_through_the_form_stands_beside_its_matter() {
    let inside = inside_at(Clock::new(|| MONDAY + 8 * 24 * HOUR)).await;
    inside.factory(&standing_still()).await;
    inside.projected().await;
    let firm = user(&inside, "chen", "firm", "site:demo").await;
    let assessor = user(&inside, "zhao", "assessor", "site:demo").await;
    let sign_in = async |name: &str, password: &str, lang| {
        let mut browser = Browser { inside: &inside, cookie: String::new(), lang };
        assert_eq!(browser.sign_in(name, password).await.0, StatusCode::SEE_OTHER);
        browser
    };
    let reader = sign_in("zhao", &assessor, "en").await;
    let page = reader.page(LIST).await;
    assert!(page.contains("2 matters have not been shown to the factory yet"), "{page}");
    assert!(!page.contains("class=\"matter\"") && !page.contains("603.640"), "how many, never which");

    let factory = sign_in("chen", &firm, "zh-CN").await;
    let page = factory.page(LIST).await;
    assert_eq!(page.matches("<article class=\"matter\"").count(), 2);
    assert!(page.contains("数值长时间不变") && page.contains("现场看什么") && page.contains("误报率"), "{page}");
    let until = "2 matters are with the factory until 2026-03-24 00:00:00";
    assert!(reader.page(LIST).await.contains(until));
    let site = factory.page("/sites/demo").await;
    assert!(site.contains("href=\"/sites/demo/findings\""), "the way there");

    let size = inside.context.logs.size(&Inside::site()).unwrap();
    let explained = form(&page, "explain", "&text=%E6%8D%A2%E8%A1%A8%3Cb%3E&document=abc");
    let stolen = explained.replacen(field(&page, "token"), "0", 1);
    let mistyped = explained.replacen("from_ms=1", "from_ms=2", 1);
    let empty = form(&page, "explain", "&text=+%0D%0A&document=");
    let long = form(&page, "explain", &format!("&text={}", "%E5%AD%97".repeat(2_700)));
    for (body, status, words) in [
        (&stolen, StatusCode::FORBIDDEN, ""),
        (&mistyped, StatusCode::BAD_REQUEST, "没有这样的待核实事项"),
        (&explained, StatusCode::BAD_REQUEST, "文件摘要应为 64 位"),
        (&empty, StatusCode::BAD_REQUEST, "请填写说明。"),
        (&long, StatusCode::BAD_REQUEST, "说明过长"),
        (&"what=explain".to_owned(), StatusCode::FORBIDDEN, ""),
    ] {
        let (got, _, answer) = factory.send(Method::POST, "/sites/demo/findings", Some(body)).await;
        assert_eq!(got, status, "{words}: {answer}");
        assert!(answer.contains(words), "{words}: {answer}");
        if words.starts_with("文件") {
            assert!(
                answer.contains("换表&#60;b&#62;</textarea>") && answer.contains("value=\"abc\""),
                "what was typed is lost: {answer}"
            );
            assert!(answer.contains("<details class=\"explain\" open>"), "{answer}");
        }
    }
    let (status, _, _) = reader.send(Method::POST, "/sites/demo/findings", Some(&explained)).await;
    assert_eq!(status, StatusCode::FORBIDDEN, "the token of somebody else");
    let own = explained.replacen(field(&page, "token"), field(&reader.page(LIST).await, "token"), 1);
    let (status, _, _) = reader.send(Method::POST, "/sites/demo/findings", Some(&own)).await;
    assert_eq!(status, StatusCode::NOT_FOUND, "who may not declare answers for nobody");
    assert_eq!(inside.context.logs.size(&Inside::site()).unwrap(), size, "nothing refused was logged");

    let digest = "ab".repeat(32);
    let body = form(&page, "explain", &format!("&text=%E6%8D%A2%E8%A1%A8%0D%0A%3Cb%3E&document=+{digest}"));
    let (status, headers, answer) = factory.send(Method::POST, "/sites/demo/findings", Some(&body)).await;
    assert_eq!(status, StatusCode::SEE_OTHER, "{answer}");
    let to = location(&headers).to_owned();
    assert!(to.starts_with("/sites/demo/findings?week=2026-03-02&done=explain#m-"), "{to}");
    let page = factory.page(to.split('#').next().unwrap_or_default()).await;
    assert!(page.contains("说明已记入日志") && page.contains("换表\n&#60;b&#62;") && page.contains(&digest), "{page}");
    assert!(page.contains(&format!("id=\"{}\"", to.split('#').nth(1).unwrap_or_default())), "{to}");
    let page = reader.page(LIST).await;
    assert_eq!(page.matches("<article class=\"matter\"").count(), 1, "explained, and so open; the other is not");
    assert!(page.contains("换表\n&#60;b&#62;") && page.contains("One matter is with the factory until"), "{page}");
    assert!(!page.contains("<textarea"), "who may not declare has no form");

    let page = factory.page(LIST).await;
    let second = page.rsplit("<article").next().expect("the second card");
    let body = form(second, "acknowledge", "");
    let (status, _, answer) = factory.send(Method::POST, "/sites/demo/findings", Some(&body)).await;
    assert_eq!(status, StatusCode::SEE_OTHER, "{answer}");
    assert_eq!(reader.page(LIST).await.matches("<article class=\"matter\"").count(), 2);
    inside.evidence.close().await;
}
