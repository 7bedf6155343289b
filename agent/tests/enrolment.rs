//! Enrolment against a real TLS server: the right one, one with another key, one that refuses, one whose certificate has expired.
//!
//! Every failure names what the person at the gateway reads, in both languages, and changes nothing in the state directory.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use agent::clock::{ClockReading, SharedClock, SyncState};
use agent::commands::{explain, init};
use agent::enrol::{self, Code, EnrolError};
use agent::identity::Enrolment;
use agent::locale::{Lang, Words};
use data_encoding::{BASE32_NOPAD, HEXLOWER};
use protocol::note::VerifierKey;
use protocol::{PublicKey, SecretKey, Signature, sha256};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// 2026-11-22.
const NOW_MS: i64 = 1_795_305_600_000;

#[derive(Debug)]
struct FixedClock(ClockReading);

impl agent::clock::Clock for FixedClock {
    fn boot_ms(&self) -> i64 {
        self.0.boot_ms
    }

    fn read(&self) -> ClockReading {
        self.0
    }
}

fn clock(wall_ms: i64, sync: SyncState) -> SharedClock {
    Arc::new(FixedClock(ClockReading { boot_id: [1; 16], boot_ms: 1_000, wall_ms, sync }))
}

fn synchronised() -> SharedClock {
    clock(NOW_MS, SyncState::Synchronised { error_ms: 10 })
}

struct Server {
    address: SocketAddr,
    spki: [u8; 32],
}

impl Server {
    /// Answers every request with what `answer` makes of its path and body. The certificate ends with year `until`.
    async fn start(until: i32, answer: fn(&str, &serde_json::Value) -> (u16, String)) -> Self {
        let key = rcgen::KeyPair::generate().expect("a key");
        let mut params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).expect("a name");
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(until, 1, 1);
        let certificate = params.self_signed(&key).expect("signed");
        let spki = sha256(&rcgen::PublicKeyData::subject_public_key_info(&key)).0;
        let private = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], private)
            .expect("fits");
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("binds");
        let address = listener.local_addr().expect("bound");
        tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    let Ok(mut stream) = acceptor.accept(tcp).await else { return };
                    let mut request = Vec::new();
                    let body = loop {
                        let mut chunk = [0; 4_096];
                        let Ok(count @ 1..) = stream.read(&mut chunk).await else { return };
                        request.extend_from_slice(&chunk[..count]);
                        let text = String::from_utf8_lossy(&request);
                        if let Some((_, body)) = text.split_once("\r\n\r\n")
                            && let Ok(body) = serde_json::from_str::<serde_json::Value>(body)
                        {
                            break body;
                        }
                    };
                    let path = String::from_utf8_lossy(&request).split(' ').nth(1).expect("a path").to_owned();
                    let (status, content) = answer(&path, &body);
                    let length = content.len();
                    let head = format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\n\r\n");
                    let _ = stream.write_all(format!("{head}{content}").as_bytes()).await;
                    let _ = stream.shutdown().await;
                });
            }
        });
        Server { address, spki }
    }

    fn code_text(&self) -> String {
        format!("GZ-ABCDEFGH2345-{}", BASE32_NOPAD.encode(&self.spki[..16]))
    }

    fn code(&self) -> Code {
        Code::parse(&self.code_text()).expect("a code")
    }

    fn address(&self) -> String {
        format!("localhost:{}", self.address.port())
    }
}

fn key() -> SecretKey {
    SecretKey::from_seed(&[5; 32])
}

fn enrolled() -> String {
    let log_key = VerifierKey::new("test.log", SecretKey::from_seed(&[7; 32]).public()).expect("a name");
    serde_json::json!({
        "site": "site-1", "gateway": "gw-1", "client_certificate_pem": "pem", "ca_certificate_pem": "pem",
        "log_key": log_key.to_string(), "mqtt_host_port": "localhost:8883", "simulated": false,
    })
    .to_string()
}

/// Proof of possession as the contract says: over domain ‖ what is asked for ‖ key.
fn proved(body: &serde_json::Value, domain: &str, asked: &[u8]) -> bool {
    let text = |name: &str| body[name].as_str().expect("a text").to_owned();
    let public = PublicKey::from_hex(&text("gateway_key")).expect("a key");
    let signature = HEXLOWER.decode(text("signature").as_bytes()).expect("hexadecimal");
    let signature = Signature::from_slice(&signature).expect("64 bytes");
    let message = [asked, &public.to_bytes()].concat();
    public.verify("request", domain, &message, &signature).is_ok()
}

fn good(path: &str, body: &serde_json::Value) -> (u16, String) {
    let holds = match path {
        "/enrol" => proved(body, "gongzheng/v1/enrol\0", b"ABCDEFGH2345"),
        "/renew" => proved(body, "gongzheng/v1/renew\0", b"site-1/gw-1"),
        _ => false,
    };
    if holds { (200, enrolled()) } else { (403, "{}".to_owned()) }
}

fn unknown_code(_: &str, _: &serde_json::Value) -> (u16, String) {
    let error = serde_json::json!({ "error": {
        "code": "unknown_code", "zh": "入网码不存在", "en": "the enrolment code is not known here",
    }});
    (403, error.to_string())
}

async fn try_enrol(server: &Server, clock: SharedClock) -> Result<Enrolment, EnrolError> {
    enrol::enrol(&server.address(), &server.code(), &key(), clock).await
}

#[tokio::test]
async fn right_server_and_code_enrol_and_later_renew() {
    let server = Server::start(2060, good).await;
    let enrolment = try_enrol(&server, synchronised()).await.expect("enrolled");
    assert_eq!((enrolment.site.as_str(), enrolment.gateway.as_str()), ("site-1", "gw-1"));
    assert_eq!(enrolment.server_spki_sha256, HEXLOWER.encode(&server.spki), "the whole digest is pinned from now on");
    let folder = tempfile::tempdir().expect("a temporary folder");
    enrolment.save(folder.path()).expect("saved");
    assert_eq!(Enrolment::load(folder.path()).expect("read"), Some(enrolment.clone()));
    let renewed = enrol::renew(&enrolment, &key(), synchronised()).await.expect("renewed");
    assert_eq!(renewed, enrolment);
}

/// A server that must never be asked.
fn never(_: &str, _: &serde_json::Value) -> (u16, String) {
    panic!("the code was sent to a stranger");
}

fn says(words: &Words, zh: &str, en: &str) {
    assert!(words.zh.contains(zh), "{}", words.zh);
    assert!(words.en.contains(en), "{}", words.en);
}

#[tokio::test]
async fn server_with_another_key_gets_nothing() {
    let (right, stranger) = (Server::start(2060, good).await, Server::start(2060, never).await);
    let error = enrol::enrol(&stranger.address(), &right.code(), &key(), synchronised()).await.expect_err("refused");
    says(&error.0, "的密钥与入网码不符", "has another key than the enrolment code names");
    says(&error.0, "没有发送任何内容", "nothing was sent to it");
}

#[tokio::test]
async fn wrong_code_is_told_in_the_servers_words() {
    let server = Server::start(2060, unknown_code).await;
    let error = try_enrol(&server, synchronised()).await.expect_err("refused");
    says(&error.0, "入网码不存在", "the enrolment code is not known here");
}

#[tokio::test]
async fn expired_certificate_counts_only_while_the_clock_is_synchronised() {
    let server = Server::start(2026, good).await;
    let error = try_enrol(&server, synchronised()).await.expect_err("expired");
    says(
        &error.0,
        "的证书已过期：请在服务器上更新证书，或检查本机时钟",
        "has expired: renew it on the server, or check this gateway's clock",
    );
    try_enrol(&server, clock(NOW_MS, SyncState::Unknown)).await.expect("an unknown clock proves nothing");
    let server = Server::start(2060, good).await;
    try_enrol(&server, clock(1_000, SyncState::Unsynchronised)).await.expect("a box that woke in 1970");
}

#[tokio::test]
async fn certificate_not_valid_yet_names_the_clock() {
    let server = Server::start(2060, good).await;
    let wrong = clock(1_000, SyncState::Synchronised { error_ms: 10 });
    let error = try_enrol(&server, wrong).await.expect_err("a clock synchronised to a wrong source");
    says(&error.0, "的证书尚未生效：请检查本机时钟", "is not valid yet: check this gateway's clock");
}

#[tokio::test]
async fn nobody_there_says_what_to_check() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("binds");
    let address = listener.local_addr().expect("bound").to_string();
    drop(listener);
    let code = Code { secret: "ABCDEFGH2345".to_owned(), server: [0; 16] };
    let error = enrol::enrol(&address, &code, &key(), synchronised()).await.expect_err("unreachable");
    says(&error.0, "检查地址、端口（默认 8443）和防火墙", "check address, port (8443 by default) and firewall");
}

/// What `gongzheng-agent init` prints when it fails, in both languages.
async fn init_fails(folder: &Path, server: &Server, code: String) -> (String, String) {
    let options = init::Options {
        code: Some(code),
        server: Some(server.address()),
        state_dir: Some(folder.join("state")),
        again: true,
    };
    let error = init::run(&folder.join("agent.toml"), None, &options).await.expect_err("refused");
    (explain(&error, Lang::Zh), explain(&error, Lang::En))
}

fn files(folder: &Path) -> Vec<(std::ffi::OsString, Vec<u8>)> {
    let entries = std::fs::read_dir(folder).expect("lists").map(|entry| entry.expect("lists"));
    let mut files: Vec<_> =
        entries.map(|entry| (entry.file_name(), std::fs::read(entry.path()).expect("reads"))).collect();
    files.sort();
    files
}

#[tokio::test]
async fn a_failed_enrolment_stores_nothing_and_takes_nothing_away() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (right, stranger) = (Server::start(2060, good).await, Server::start(2060, never).await);
    let refusing = Server::start(2060, unknown_code).await;
    let state = folder.path().join("state");
    let (zh, en) = init_fails(folder.path(), &stranger, right.code_text()).await;
    assert!(
        zh.contains("这不是签发该入网码的服务器") && en.contains("this is not the server that made the code"),
        "{zh} {en}"
    );
    assert_eq!(Enrolment::load(&state).expect("readable"), None, "not enrolled");
    let names: Vec<_> = files(&state).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["identity.key"], "the key is made at first start, nothing else is kept");

    let enrolment = try_enrol(&right, synchronised()).await.expect("enrolled");
    enrolment.save(&state).expect("saved");
    let before = files(&state);
    for (server, code) in [(&stranger, right.code_text()), (&refusing, refusing.code_text())] {
        init_fails(folder.path(), server, code).await;
        assert!(files(&state) == before, "a failure took the key or the enrolment that was there");
    }
}
