//! A stick's files brought in the browser: who may, what is refused before a byte is kept, and the receipts that go back.

use protocol::carry::{Cargo, End, Head, Piece, Reader, Writer};
use protocol::{Declaration, LeafBody, ServerMessage};

use super::*;
use crate::admin::carry::tests::{Bench, SITE};
use crate::ingest::accept::CARRIED;

const PAGE: &str = "/sites/stick-works/carry";

async fn browser<'i>(inside: &'i Inside, name: &str, role: &str, lang: &'static str) -> Browser<'i> {
    let password = user(inside, name, role, &format!("site:{SITE}")).await;
    let mut browser = Browser { inside, cookie: String::new(), lang };
    assert_eq!(browser.sign_in(name, &password).await.0, StatusCode::SEE_OTHER);
    browser
}

fn part(name: &str, file: &str, bytes: &[u8]) -> Vec<u8> {
    let file = if file.is_empty() { String::new() } else { format!("; filename=\"{file}\"") };
    let head = format!("--gz\r\nContent-Disposition: form-data; name=\"{name}\"{file}\r\n\r\n");
    [head.as_bytes(), bytes, b"\r\n"].concat()
}

impl Browser<'_> {
    async fn bring(&self, parts: &[Vec<u8>], end: &str) -> (StatusCode, String) {
        let request = Request::builder()
            .method(Method::POST)
            .uri(PAGE)
            .header(header::HOST, "gz.test")
            .header(header::ACCEPT_LANGUAGE, self.lang)
            .header(header::COOKIE, &self.cookie)
            .header(header::CONTENT_TYPE, "multipart/form-data; boundary=gz")
            .body(Body::from([parts.concat(), end.into()].concat()))
            .expect("request");
        let response = crate::run::app(self.inside.state.clone()).oneshot(request).await.expect("answer");
        let status = response.status();
        let bytes = to_bytes(response.into_body(), 1024 * 1024).await.expect("body");
        (status, String::from_utf8_lossy(&bytes).into_owned())
    }
}

/// Who the log says brought records, in which role, and which.
fn stated(bench: &Bench) -> Vec<(String, u64, u64)> {
    let (logs, site) = (&bench.inside.context.logs, &bench.gateway.site);
    let leaves = logs.leaves(site, 0..logs.size(site).expect("size")).expect("leaves");
    let carried = leaves.iter().filter_map(|leaf| match &leaf.body {
        LeafBody::Declaration { kind, digest, .. } if kind == CARRIED => {
            let content = logs.content(site, digest).expect("read").expect("there");
            let Declaration { role, body, .. } = Declaration::decode(&content).expect("declaration");
            Some((role, body["first"].as_u64().expect("first"), body["last"].as_u64().expect("last")))
        }
        _ => None,
    });
    carried.collect()
}

/// One upload at a time in a program, and these tests are one program.
static TURN: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

#[tokio::test(flavor = "multi_thread")]
async fn who_manages_the_gateways_brings_files_and_takes_receipts_back() {
    let _turn = TURN.lock().await;
    let bench = Bench::new(6).await;
    let provider = browser(&bench.inside, "he", "provider", "zh-CN").await;
    let gateways = provider.page("/sites/stick-works/gateways").await;
    assert!(gateways.contains("href=\"/sites/stick-works/carry\""), "{gateways}");
    let token = part("token", "", field(&provider.page(PAGE).await, "token").as_bytes());
    // A browser sends files in any order; their names say which comes first.
    let later =
        part("file", "gongzheng.stick-works.gw-1.0000000000000004.records", &bench.file_of(&bench.records[4..]));
    let first =
        part("file", "gongzheng.stick-works.gw-1.0000000000000000.records", &bench.file_of(&bench.records[..4]));
    let (status, page) = provider.bring(&[token.clone(), later.clone(), first], "--gz--\r\n").await;
    assert_eq!(status, StatusCode::OK, "{page}");
    super::super::super::tests::check_tags(PAGE, &page);
    assert!(page.contains("新接收 4 条，此前已有 0 条") && page.contains("新接收 2 条"), "{page}");
    assert_eq!(stated(&bench), [("provider".to_owned(), 0, 3), ("provider".to_owned(), 4, 5)]);
    let (_, page) = provider.bring(&[token, later], "--gz--\r\n").await;
    assert!(page.contains("新接收 0 条，此前已有 2 条"), "{page}");
    assert_eq!(stated(&bench).len(), 2);

    let request = Request::builder().uri(format!("{PAGE}/gw-1")).header(header::HOST, "gz.test");
    let request = request.header(header::COOKIE, &provider.cookie).body(Body::empty()).expect("request");
    let response = crate::run::app(bench.inside.state.clone()).oneshot(request).await.expect("answer");
    let name = response.headers()[header::CONTENT_DISPOSITION].to_str().expect("text").to_owned();
    assert_eq!(name, "attachment; filename=\"gongzheng.stick-works.gw-1.receipts\"");
    let bytes = to_bytes(response.into_body(), 1024 * 1024).await.expect("body");
    let mut reader = Reader::open(&bytes[..]).expect("read").expect("ours").expect("whole");
    let Piece::Message(message) = reader.next_piece().expect("read") else { panic!("no receipt") };
    assert_eq!(reader.next_piece().expect("read"), Piece::End(End::Whole));
    let key = bench.inside.context.logs.key().secret().public();
    let Ok(ServerMessage::Receipt(receipt)) = ServerMessage::verify(&message, &key) else { panic!("no receipt") };
    assert_eq!(receipt.through, Some((bench.gateway.chain, 5, bench.records[5].digest())));
    assert_eq!(receipt.logged, Some(5), "the gateway may let go of it");
    bench.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_taken_is_told_and_nothing_is_kept_for_who_may_not() {
    let _turn = TURN.lock().await;
    let bench = Bench::new(2).await;
    let file = part("file", "a.records", &bench.file_of(&bench.records));
    let firm = browser(&bench.inside, "chen", "firm", "en").await;
    let size = || bench.inside.context.logs.size(&bench.gateway.site).expect("size");
    let before = size();
    for path in [PAGE.to_owned(), format!("{PAGE}/gw-1")] {
        assert_eq!(firm.send(Method::GET, &path, None).await.0, StatusCode::NOT_FOUND, "{path}");
    }
    assert_eq!(firm.bring(&[part("token", "", b"any"), file.clone()], "--gz--\r\n").await.0, StatusCode::NOT_FOUND);
    for (lang, words) in [
        ("zh-CN", ["没有选择文件", "上传中断，什么也没有接收", "是另一站点的记录", "不是网关导出的记录文件"]),
        (
            "en",
            [
                "No file was chosen",
                "The upload broke off and nothing was taken",
                "holds records of another site than stick-works",
                "is no file of records that a gateway exported",
            ],
        ),
    ] {
        let provider = browser(&bench.inside, &format!("he-{lang}"), "provider", lang).await;
        assert_eq!(provider.send(Method::GET, &format!("{PAGE}/gw-9"), None).await.0, StatusCode::NOT_FOUND);
        let token = part("token", "", field(&provider.page(PAGE).await, "token").as_bytes());
        let wrong = part("token", "", b"of another page");
        assert_eq!(provider.bring(&[wrong, file.clone()], "--gz--\r\n").await.0, StatusCode::FORBIDDEN);
        assert_eq!(provider.bring(&[file.clone(), token.clone()], "--gz--\r\n").await.0, StatusCode::FORBIDDEN);
        let cargo = Cargo::Records { chain: bench.gateway.chain, first: 0, last: 0 };
        let head = Head { site: "elsewhere".parse().expect("id"), gateway: bench.gateway.id.clone(), cargo };
        let strange = Writer::new(Vec::new(), &head).and_then(Writer::finish).expect("memory");
        for (parts, end, is, status) in [
            (vec![token.clone()], "--gz--\r\n", words[0], StatusCode::BAD_REQUEST),
            (vec![token.clone(), file.clone()], "", words[1], StatusCode::BAD_REQUEST),
            (vec![token.clone(), part("file", "b.records", &strange)], "--gz--\r\n", words[2], StatusCode::OK),
            (vec![token.clone(), part("file", "c.records", b"<?php")], "--gz--\r\n", words[3], StatusCode::OK),
        ] {
            let (got, page) = provider.bring(&parts, end).await;
            assert!(got == status && page.contains(is), "{got} {is}: {page}");
        }
    }
    assert_eq!(size(), before, "nothing was logged");
    bench.close().await;
}
