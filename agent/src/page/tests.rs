//! The page with hostile devices and hostile readers.

use std::path::Path;
use std::sync::Arc;

use protocol::{GapCause, Quality, Value};

use super::*;
use crate::clock::{Settings, SystemClock};
use crate::event::DeviceState;
use crate::live::Latest;
use crate::locale::Words;

fn sources() -> Sources {
    let text = include_str!("../../../configs/agent.example.toml");
    let (config, _) = Config::parse(text, Path::new("agent.toml")).expect("example");
    let board = Board::new(&config.devices);
    let clock = Arc::new(SystemClock::new(Settings::default()).expect("clock"));
    let status = Status::new(0);
    Sources {
        config,
        enrolment: None,
        board,
        status,
        clock,
        lang: Lang::En,
        restart: None,
        lending: Default::default(),
    }
}

fn get(target: &str, sources: &Sources) -> String {
    String::from_utf8(answer(format!("GET {target} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes(), sources)).expect("text")
}

#[test]
fn hostile_text_from_a_device_is_escaped() {
    let sources = sources();
    {
        let mut board = sources.board.lock();
        board.tags[9].latest = Some(Latest {
            value: Value::Text("<script>alert(1)</script>\"'&".into()),
            quality: Quality::Good,
            boot_ms: sources.clock.boot_ms(),
        });
        board.devices[0].trouble = Some(Words::new("<b>坏</b>", "<b>bad</b>"));
    }
    for target in ["/", "/?lang=zh"] {
        let page = get(target, &sources);
        assert!(!page.contains("<script") && !page.contains("<b>bad") && !page.contains("<b>坏"), "{page}");
        assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;&amp;"));
    }
}

#[test]
fn values_stand_with_unit_and_age_and_gaps_say_why_in_both_languages() {
    let sources = sources();
    {
        let now = sources.clock.boot_ms();
        let mut board = sources.board.lock();
        board.devices[0].state = DeviceState::Up;
        board.tags[4].latest =
            Some(Latest { value: Value::U64(1_234_567), quality: Quality::Good, boot_ms: now - 12_000 });
        board.tags[5].outage = Some(GapCause::DeviceSilent);
    }
    let (zh, en) = (get("/?lang=zh", &sources), get("/?lang=en", &sources));
    assert!(
        zh.contains("12345.67") && zh.contains("12 秒前") && zh.contains("设备无应答") && zh.contains("● 正常"),
        "{zh}"
    );
    assert!(en.contains("12345.67") && en.contains("12 s ago") && en.contains("device silent") && en.contains("● up"));
    assert!(zh.contains("<html lang=\"zh-CN\">") && en.contains("<html lang=\"en\">"));
}

#[test]
fn the_readers_language_is_taken_when_none_is_asked_for() {
    let sources = sources();
    let head = b"GET / HTTP/1.1\r\nAccept-Language: zh-CN,zh;q=0.9\r\n\r\n";
    assert!(String::from_utf8(answer(head, &sources)).expect("text").contains("<html lang=\"zh-CN\">"));
}

#[test]
fn only_reading_is_possible() {
    let sources = sources();
    let status = |head: &[u8]| {
        String::from_utf8(answer(head, &sources)).expect("text").lines().next().unwrap_or_default().to_owned()
    };
    assert_eq!(status(b"POST / HTTP/1.1\r\n\r\n"), "HTTP/1.1 405 Method Not Allowed");
    assert_eq!(status(b"GET /../etc/passwd HTTP/1.1\r\n\r\n"), "HTTP/1.1 404 Not Found");
    assert_eq!(status(b"GET http://x/ HTTP/1.1\r\n\r\n"), "HTTP/1.1 400 Bad Request");
    assert_eq!(status(b"\xff\xfe\r\n\r\n"), "HTTP/1.1 400 Bad Request");
    assert_eq!(status(b"GET / HTTP/1.1\r\nX: "), "HTTP/1.1 431 Request Header Fields Too Large");
    let head = answer(b"HEAD / HTTP/1.1\r\n\r\n", &sources);
    assert!(head.ends_with(b"\r\n\r\n"));
}

#[test]
fn a_raw_value_shows_its_digits_or_its_size() {
    assert_eq!(view::raw(&Value::F32(230.5)), "230.5");
    assert_eq!(view::raw(&Value::F32(0.0)), "0");
    assert_eq!(view::raw(&Value::F32(1.0e-40)), "1e-40");
    assert_eq!(view::raw(&Value::F64(-3.0e20)), "-3e20");
    assert_eq!(view::raw(&Value::U64(u64::MAX)), u64::MAX.to_string());
}

#[test]
fn utc_is_right_at_the_edges() {
    assert_eq!(view::utc(0), "1970-01-01 00:00:00");
    assert_eq!(view::utc(-1), "1969-12-31 23:59:59");
    assert_eq!(view::utc(951_827_696_000), "2000-02-29 12:34:56");
    assert_eq!(view::utc(4_102_444_799_000), "2099-12-31 23:59:59");
}

#[tokio::test]
async fn the_page_is_served_over_http_with_its_safety_headers() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("port");
    let address = listener.local_addr().expect("address");
    let stop = CancellationToken::new();
    let server = tokio::spawn(serve(listener, Arc::new(sources()), stop.clone()));
    let mut stream = TcpStream::connect(address).await.expect("connect");
    stream.write_all(b"GET /status.json HTTP/1.1\r\nHost: localhost\r\n\r\n").await.expect("send");
    let mut text = String::new();
    stream.read_to_string(&mut text).await.expect("answer");
    assert!(text.starts_with("HTTP/1.1 200 OK\r\n") && text.contains("Content-Security-Policy: default-src 'none'"));
    let body = text.split_once("\r\n\r\n").expect("body").1;
    let json: serde_json::Value = serde_json::from_str(body).expect("json");
    assert_eq!(json["devices"][0]["name"], "press");
    assert_eq!(json["devices"][0]["tags"][4]["scale"], "1/100");
    stop.cancel();
    server.await.expect("ends");
}

#[test]
fn the_setup_is_for_whoever_sits_at_this_box() {
    let may = |lines: &str, here: bool| {
        let head = format!("GET /setup HTTP/1.1\r\n{lines}\r\n\r\n");
        may_set_up(&parse(head.as_bytes()).expect("a request"), here)
    };
    assert!(may("Host: 127.0.0.1:8470", true) && may("Host: [::1]:8470\r\nSec-Fetch-Site: none", true));
    assert!(may("Host: localhost:8470\r\nSec-Fetch-Site: same-origin\r\nOrigin: http://localhost:8470", true));
    assert!(!may("Host: 127.0.0.1:8470", false), "another machine");
    assert!(!may("Host: evil.example:8470", true), "a name that resolves to this box");
    assert!(!may("Host: 127.0.0.1:8470\r\nSec-Fetch-Site: cross-site", true), "a foreign page's link or form");
    assert!(
        !may("Host: 127.0.0.1:8470\r\nOrigin: https://evil.example", true)
            && !may("Host: 127.0.0.1\r\nOrigin: null", true)
    );
    assert!(!may("X: y", true), "no host at all");
}

#[tokio::test]
async fn without_leave_the_setup_is_refused_with_what_to_do() {
    for (restart, host, expected) in [
        (None, "127.0.0.1", "403 Forbidden"),
        (Some(setup::Restart::new(CancellationToken::new())), "gateway.lan", "403 Forbidden"),
        (Some(setup::Restart::new(CancellationToken::new())), "127.0.0.1", "200 OK"),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("port");
        let address = listener.local_addr().expect("address");
        let stop = CancellationToken::new();
        let server = tokio::spawn(serve(listener, Arc::new(Sources { restart, ..sources() }), stop.clone()));
        let mut stream = TcpStream::connect(address).await.expect("connect");
        let request = format!("GET /setup?lang=en HTTP/1.1\r\nHost: {host}:8470\r\n\r\n");
        stream.write_all(request.as_bytes()).await.expect("send");
        let mut text = String::new();
        stream.read_to_string(&mut text).await.expect("answer");
        assert!(text.starts_with(&format!("HTTP/1.1 {expected}\r\n")), "{text}");
        // Otherwise a browser hides the origin of the setup's own form, and the form is refused.
        assert!(text.contains("\r\nReferrer-Policy: same-origin\r\n"), "{text}");
        assert!(text.contains("ssh -L 8470") == (expected == "403 Forbidden"), "{text}");
        stop.cancel();
        server.await.expect("ends");
    }
}
