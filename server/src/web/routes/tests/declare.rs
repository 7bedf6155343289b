//! A table checked, mended, confirmed and sent again, as a browser does it; a row typed; and everything that is refused on the way.

use metrics::statements::Statements;

use super::*;
use crate::projection::tests::fixture::{HOUR, MONDAY, World};
use crate::state::Clock;
use crate::testing::inside_at;

const PAGE: &str = "/sites/demo/declare";

impl Browser<'_> {
    async fn send_parts(
        &self,
        fields: &[(&str, &str)],
        file: Option<(&str, &[u8])>,
    ) -> (StatusCode, HeaderMap, String) {
        self.send_parts_to(PAGE, fields, file).await
    }

    /// The same to any page.
    pub(super) async fn send_parts_to(
        &self,
        page: &str,
        fields: &[(&str, &str)],
        file: Option<(&str, &[u8])>,
    ) -> (StatusCode, HeaderMap, String) {
        let mut body = Vec::new();
        for (name, value) in fields {
            let part = format!("--gz\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
            body.extend(part.into_bytes());
        }
        if let Some((name, bytes)) = file {
            let head = format!("--gz\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\r\n");
            body.extend(head.into_bytes());
            body.extend(bytes);
            body.extend(b"\r\n");
        }
        body.extend(b"--gz--\r\n");
        let request = Request::builder()
            .method(Method::POST)
            .uri(page)
            .header(header::HOST, "gz.test")
            .header(header::ACCEPT_LANGUAGE, self.lang)
            .header(header::COOKIE, &self.cookie)
            .header(header::CONTENT_TYPE, "multipart/form-data; boundary=gz")
            .body(Body::from(body))
            .expect("request");
        let response = crate::run::app(self.inside.state.clone()).oneshot(request).await.expect("answer");
        let (status, headers) = (response.status(), response.headers().clone());
        let bytes = to_bytes(response.into_body(), 64 * 1024 * 1024).await.expect("body");
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if !text.is_empty() {
            super::super::super::tests::check_tags(page, &text);
            assert!(!text.contains('⟦'), "missing words: {text}");
        }
        (status, headers, text)
    }
}

fn statements(inside: &Inside) -> Statements {
    crate::reporting::statements(&inside.context.logs, &Inside::site()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_is_checked_confirmed_and_never_declared_twice() {
    let inside = inside_at(Clock::new(|| MONDAY + 36 * 24 * HOUR)).await;
    inside.factory(&World::new(11, 2, None)).await;
    inside.projected().await;
    let firm = user(&inside, "chen", "firm", "site:demo").await;
    let assessor = user(&inside, "zhao", "assessor", "site:demo").await;
    let mut factory = Browser { inside: &inside, cookie: String::new(), lang: "zh-CN" };
    assert_eq!(factory.sign_in("chen", &firm).await.0, StatusCode::SEE_OTHER);
    let mut reader = Browser { inside: &inside, cookie: String::new(), lang: "en" };
    assert_eq!(reader.sign_in("zhao", &assessor).await.0, StatusCode::SEE_OTHER);
    let size = || inside.context.logs.size(&Inside::site()).unwrap();

    // Who may not declare here has no such page, by any way.
    assert_eq!(reader.send(Method::GET, PAGE, None).await.0, StatusCode::NOT_FOUND);
    assert_eq!(reader.send(Method::GET, &format!("{PAGE}/bill.csv"), None).await.0, StatusCode::NOT_FOUND);
    let token = field(&reader.page("/sites/demo").await, "token").to_owned();
    let (status, ..) =
        reader.send_parts(&[("token", &token), ("kind", "bill"), ("what", "check")], Some(("a.csv", b"a"))).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert!(!reader.page("/sites/demo").await.contains("/declare"));

    assert!(factory.page("/sites/demo").await.contains("href=\"/sites/demo/declare\""));
    let page = factory.page(&format!("{PAGE}?kind=cycle_time")).await;
    assert!(
        page.contains("计划节拍") && page.contains("/declare/cycle_time.csv") && page.contains("每件秒数"),
        "{page}"
    );
    let token = field(&page, "token").to_owned();
    let (_, headers, template) = factory.send(Method::GET, &format!("{PAGE}/cycle_time.csv"), None).await;
    assert!(template.starts_with('\u{feff}') && template.contains("设备 / Machine"), "{template}");
    assert_eq!(headers[header::CONTENT_DISPOSITION], "attachment; filename=\"gongzheng-cycle_time.csv\"");
    let (_, headers, _) = factory.send(Method::GET, &format!("{PAGE}/cycle_time.xlsx"), None).await;
    assert_eq!(headers[header::CONTENT_DISPOSITION], "attachment; filename=\"gongzheng-cycle_time.xlsx\"");
    for none in ["nothing.csv", "cycle_time.pdf", "cycle_time"] {
        assert_eq!(factory.send(Method::GET, &format!("{PAGE}/{none}"), None).await.0, StatusCode::NOT_FOUND, "{none}");
    }

    let before = size();
    let check = [("token", token.as_str()), ("kind", "cycle_time"), ("what", "check")];
    let wrong = "设备,产品,每件秒数\npress,7,\"1,200\"\npres,8,-2\n";
    let (status, _, page) = factory.send_parts(&check, Some(("节拍.csv", wrong.as_bytes()))).await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "{page}");
    for words in ["有 3 处有误", "千位分隔符", "是否为「press」", "超出 0 至", "没有记录任何内容", "节拍.csv"]
    {
        assert!(page.contains(words), "{words}: {page}");
    }
    assert!(!page.contains("value=\"confirm\""), "nothing can be confirmed");
    let fine = "设备,产品,每件秒数\npress,7,12\npress,8,9.5\n";
    let (status, _, page) = factory.send_parts(&check, Some(("C:\\账\\节拍.csv", fine.as_bytes()))).await;
    assert!(status == StatusCode::OK && page.contains("新增 2 项，取代 0 项"), "{page}");
    let digest = protocol::sha256(fine.as_bytes()).hex();
    assert!(page.contains(&digest) && page.contains("填报 2 项</button>"), "{page}");
    assert_eq!(size(), before, "checking logs nothing");

    let data = field(&page, "data").to_owned();
    let name = field(&page, "name").to_owned();
    let shown = field(&page, "shown").to_owned();
    assert_eq!(name, "节拍.csv");
    let confirm = |reason: &str| {
        [
            ("token", token.clone()),
            ("kind", "cycle_time".into()),
            ("what", "confirm".into()),
            ("name", name.clone()),
            ("data", data.clone()),
            ("shown", shown.clone()),
            ("reason", reason.into()),
        ]
    };
    let send = async |reason: &str| {
        let fields = confirm(reason);
        let fields: Vec<(&str, &str)> = fields.iter().map(|(k, v)| (*k, v.as_str())).collect();
        factory.send_parts(&fields, None).await
    };
    let (status, _, page) = send(" ").await;
    assert!(status == StatusCode::BAD_REQUEST && page.contains("请写明理由"), "{page}");
    assert_eq!(send(&"长".repeat(301)).await.0, StatusCode::BAD_REQUEST, "a reason is a sentence");
    assert_eq!(field(&page, "data"), data, "what was handed in is still there");
    assert_eq!(size(), before);
    let (status, headers, page) = send("工艺卡").await;
    assert_eq!(status, StatusCode::SEE_OTHER, "{page}");
    let page = factory.page(location(&headers)).await;
    assert!(page.contains("已填报 2 项"), "{page}");
    let said = statements(&inside);
    let last = said.ledger().last().unwrap();
    assert_eq!(last.body.reason, format!("工艺卡 [import \"节拍.csv\" sha256={digest} line=3]"));
    assert_eq!((last.body.role.as_str(), last.body.body["item_us"].as_i64()), ("firm", Some(9_500_000)));
    let after = size();
    let (_, headers, _) = send("工艺卡").await;
    assert!(factory.page(location(&headers)).await.contains("没有新增记录"));
    assert_eq!(size(), after, "the same rows again declare nothing");
    let corrected = fine.replace("9.5", "9");
    let (_, _, page) = factory.send_parts(&check, Some(("节拍.csv", corrected.as_bytes()))).await;
    assert!(
        page.contains("新增 0 项，取代 1 项，已有相同填报 1 项") && page.contains("item_us: 9500000 → 9000000"),
        "{page}"
    );

    // Somebody else states something in between: nobody confirms what he did not see.
    let as_shown = |page: &str| ["name", "data", "shown"].map(|name| (name, field(page, name).to_owned()));
    let colleague = fine.replace("9.5", "7");
    let (_, _, other) = factory.send_parts(&check, Some(("同事.csv", colleague.as_bytes()))).await;
    let confirm_shown = async |factory: &Browser<'_>, page: &str| {
        let shown = as_shown(page);
        let mut fields: Vec<(&str, &str)> = shown.iter().map(|(k, v)| (*k, v.as_str())).collect();
        fields.extend([("token", token.as_str()), ("kind", "cycle_time"), ("what", "confirm"), ("reason", "更正")]);
        factory.send_parts(&fields, None).await
    };
    assert_eq!(confirm_shown(&factory, &other).await.0, StatusCode::SEE_OTHER);
    assert_eq!(size(), after + 1);
    factory.lang = "en";
    let (status, _, again) = confirm_shown(&factory, &page).await;
    let words = "Something was declared since you looked, and this table would now do something else";
    assert!(status == StatusCode::CONFLICT && again.contains(words), "{again}");
    factory.lang = "zh-CN";
    let (status, _, again) = confirm_shown(&factory, &page).await;
    let words = "检查之后又有新的填报，这张表所起的作用与您看到的不同";
    assert!(status == StatusCode::CONFLICT && again.contains(words), "{again}");
    assert!(again.contains("item_us: 7000000 → 9000000") && again.contains("value=\"confirm\""), "{again}");
    assert_eq!(size(), after + 1, "nothing was recorded");
    assert_eq!(confirm_shown(&factory, &again).await.0, StatusCode::SEE_OTHER);
    assert_eq!(size(), after + 2);
    let after = size();

    // A row typed goes the same way, in the reader's language, and comes back with what was typed.
    factory.lang = "en";
    let row = [
        ("token", token.as_str()),
        ("kind", "stop_reason"),
        ("what", "row"),
        ("c.machine", "press"),
        ("c.at", "2027-01-01T08:30"),
        ("c.reason", "a <mould>"),
    ];
    let (status, _, page) = factory.send_parts(&row, None).await;
    assert!(status == StatusCode::BAD_REQUEST && page.contains("lies in the future"), "{page}");
    assert!(page.contains("Nothing was recorded; the log is as it was."), "{page}");
    assert!(page.contains("value=\"a &#60;mould&#62;\"") || page.contains("value=\"a &lt;mould&gt;\""), "{page}");
    let row: Vec<(&str, &str)> =
        row.iter().map(|(k, v)| (*k, if *k == "c.at" { "2026-03-03T08:30" } else { *v })).collect();
    let (status, _, page) = factory.send_parts(&row, None).await;
    assert!(
        status == StatusCode::OK && page.contains("1 new, 0 superseding") && page.contains("name=\"c.at\""),
        "{page}"
    );
    let mut sure: Vec<(&str, &str)> = row.iter().copied().filter(|(k, _)| *k != "what").collect();
    let shown = field(&page, "shown").to_owned();
    sure.extend([("what", "confirm"), ("name", ""), ("data", ""), ("shown", &shown), ("reason", "shift book")]);
    let (status, headers, page) = factory.send_parts(&sure, None).await;
    assert_eq!(status, StatusCode::SEE_OTHER, "{page}");
    assert!(factory.page(location(&headers)).await.contains("1 declared"));
    let said = statements(&inside);
    assert_eq!(said.ledger().last().unwrap().body.reason, "shift book", "no file, no file's name");

    // What did not arrive whole, is too large, or comes from elsewhere.
    let (status, _, page) = factory.send_parts(&check, None).await;
    assert!(status == StatusCode::BAD_REQUEST && page.contains("No file arrived"), "{page}");
    let huge = vec![b'x'; 4 * 1024 * 1024];
    let (status, _, page) = factory.send_parts(&check, Some(("a.csv", &huge))).await;
    assert!(status == StatusCode::PAYLOAD_TOO_LARGE && page.contains("more than 2 MiB"), "{status} {page}");
    let (status, ..) =
        factory.send_parts(&[("token", "x"), ("kind", "bill"), ("what", "check")], Some(("a.csv", b"a"))).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    let mut tampered = confirm("x").to_vec();
    tampered.iter_mut().filter(|(k, _)| *k == "data").for_each(|(_, v)| v.push('!'));
    let tampered: Vec<(&str, &str)> = tampered.iter().map(|(k, v)| (*k, v.as_str())).collect();
    let (status, _, page) = factory.send_parts(&tampered, None).await;
    assert!(status == StatusCode::BAD_REQUEST && page.contains("No file arrived"), "{page}");
    assert_eq!(size(), after + 1, "nothing refused was logged");
    inside.evidence.close().await;
}
