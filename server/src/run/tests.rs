//! The server as a whole, over real sockets: enrol with a code, connect with the certificate, publish, be receipted.

use std::time::Duration;

use protocol::{Declaration, RefusalReason, SecretKey, ServerMessage};
use rumqttc::{AsyncClient, Event, EventLoop, MqttOptions, Packet, QoS, TlsConfiguration, Transport};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use super::*;
use crate::ingest::testing::{NOW_MS, TestGateway};
use crate::store::SiteRow;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_enrols_connects_and_is_receipted() {
    let world = World::start().await;
    let mut gateway = TestGateway::new("site-1", "gw-1");
    let code = world.code("gw-1").await;
    let enrolled = world.enrol(&code, &gateway.key).await.expect("the code is good");
    assert_eq!((enrolled["site"].as_str(), enrolled["gateway"].as_str()), (Some("site-1"), Some("gw-1")));
    assert_eq!(enrolled["simulated"], false);
    assert!(enrolled["mqtt_host_port"].as_str().unwrap().starts_with("localhost:"));
    let (client, mut events) = world.connect(&gateway.key, enrolled["client_certificate_pem"].as_str().unwrap());
    client.subscribe("gz/v1/site-1/gw-1/receipt", QoS::AtLeastOnce).await.unwrap();
    let ServerMessage::Receipt(greeting) = world.message(&mut events).await else { panic!() };
    assert_eq!(greeting.through, None);
    let record = gateway.next();
    client.publish("gz/v1/site-1/gw-1/record", QoS::AtLeastOnce, false, record.encode()).await.unwrap();
    let ServerMessage::Receipt(receipt) = world.message(&mut events).await else { panic!() };
    assert_eq!(receipt.through, Some((gateway.chain, 0, record.digest())));
    // A final refusal travels the same way.
    let mut forger = gateway.clone();
    forger.key = SecretKey::from_seed(&[3; 32]);
    client.publish("gz/v1/site-1/gw-1/record", QoS::AtLeastOnce, false, forger.next().encode()).await.unwrap();
    let ServerMessage::Refusal(refusal) = world.message(&mut events).await else { panic!() };
    assert_eq!((refusal.reason, refusal.retry), (RefusalReason::BadSignature, false));
    assert_eq!(refusal.detail, "the signature of record does not hold under this key");
    let logs = world.running.evidence.logs.clone();
    world.running.stop().await;
    assert_eq!(logs.size(&gateway.site).unwrap(), 3, "site, enrolment, record");
    assert!(logs.checkpoint(&gateway.site).unwrap().is_some(), "a graceful stop leaves a checkpoint");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn enrolment_codes_work_once_and_wrong_ones_are_refused_in_words() {
    let world = World::start().await;
    let key = SecretKey::from_seed(&[8; 32]);
    let code = world.code("gw-1").await;
    let wrong = code.replacen(&code[3..15], "AAAAAAAAAAAA", 1);
    let (word, en) = world.enrol(&wrong, &key).await.unwrap_err();
    assert_eq!(word, "unknown_code");
    assert!(
        en.contains("the enrolment code is not known here: check it")
            && en.contains("入网码不存在：请核对或让管理员重新生成"),
        "{en}"
    );
    assert_eq!(world.enrol("GZ-short", &key).await.unwrap_err().0, "bad_code");
    world.enrol(&code, &key).await.unwrap();
    let other = SecretKey::from_seed(&[9; 32]);
    let (word, words) = world.enrol(&code, &other).await.unwrap_err();
    assert_eq!(word, "used_code");
    assert!(words.contains("a code works once") && words.contains("入网码已被使用：每个入网码只能用一次"), "{words}");
    let second = world.code("gw-2").await;
    assert_eq!(world.enrol(&second, &key).await.unwrap_err().0, "key_in_use");
    world.set_now(system_ms() + 25 * 3_600_000);
    let (word, en) = world.enrol(&second, &other).await.unwrap_err();
    assert_eq!(word, "expired_code");
    assert!(en.contains("older than 24 hours") && en.contains("入网码已过期"), "{en}");
    // A proof made with another key than the one presented.
    let body = world.request(&code, &key, &other);
    assert_eq!(world.post("/enrol", &body).await.unwrap_err().0, "bad_signature");
    // Slowed down beyond a few attempts a minute.
    let mut last = String::new();
    for _ in 0..12 {
        last = world.enrol(&wrong, &key).await.unwrap_err().0;
    }
    assert_eq!(last, "too_many");
    world.running.stop().await;
}

/// A full disk must not cost the installer his code; and an answer that got lost is given again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_code_is_given_back_when_enrolment_fails_and_answers_again_when_the_answer_got_lost() {
    let world = World::start().await;
    let (key, other) = (SecretKey::from_seed(&[8; 32]), SecretKey::from_seed(&[9; 32]));
    let code = world.code("gw-1").await;
    // No disk has as much to spare: nothing can be journalled any more.
    let world = world.restarted(1 << 40).await;
    let (word, words) = world.enrol(&code, &key).await.unwrap_err();
    assert_eq!(word, "unavailable");
    assert!(words.contains("the code is not used up") && words.contains("入网码没有用掉"), "{words}");
    assert!(world.running.evidence.ingest.health().full_since_ms().is_some());
    let world = world.restarted(0).await;
    world.enrol(&code, &key).await.expect("the same code");
    let again = world.enrol(&code, &key).await.expect("the same code and key");
    assert_eq!((again["site"].as_str(), again["gateway"].as_str()), (Some("site-1"), Some("gw-1")));
    assert_eq!(world.enrol(&code, &other).await.unwrap_err().0, "used_code", "nobody else gets anything for it");
    let enrolments = world.running.evidence.logs.size(&"site-1".parse().unwrap()).unwrap();
    assert_eq!(enrolments, 2, "site and one enrolment");
    world.running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_expired_certificate_may_only_renew() {
    let world = World::start().await;
    let gateway = TestGateway::new("site-1", "gw-1");
    // Issued in 2017 by the server's clock, so long expired by the system's, which is what TLS goes by.
    world.set_now(1_500_000_000_000);
    let code = world.code("gw-1").await;
    let enrolled = world.enrol(&code, &gateway.key).await.unwrap();
    let (_client, mut events) = world.connect(&gateway.key, enrolled["client_certificate_pem"].as_str().unwrap());
    let error = refused(&mut events).await;
    assert!(error.contains("CertificateExpired"), "{error}");
    world.set_now(system_ms());
    let stranger = SecretKey::from_seed(&[77; 32]);
    let renewal = |key: &SecretKey| {
        let mut message = b"site-1/gw-1".to_vec();
        message.extend_from_slice(&key.public().to_bytes());
        let signature = data_encoding::HEXLOWER.encode(&key.sign(enrol::RENEW_DOMAIN, &message).0);
        serde_json::json!({ "site": "site-1", "gateway": "gw-1", "gateway_key": key.public().hex(), "signature": signature })
    };
    let (word, en) = world.post("/renew", &renewal(&stranger)).await.unwrap_err();
    assert_eq!(word, "not_enrolled");
    assert!(
        en.contains("an expired certificate may only be renewed by its own key")
            && en.contains("过期证书只能由原密钥续期"),
        "{en}"
    );
    let renewed = world.post("/renew", &renewal(&gateway.key)).await.unwrap();
    let (client, mut events) = world.connect(&gateway.key, renewed["client_certificate_pem"].as_str().unwrap());
    client.subscribe("gz/v1/site-1/gw-1/receipt", QoS::AtLeastOnce).await.unwrap();
    assert!(matches!(world.message(&mut events).await, ServerMessage::Receipt(_)));
    world.running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replaced_gateway_is_not_let_in_and_a_revoked_one_hears_why() {
    let world = World::start().await;
    let old = TestGateway::new("site-1", "gw-1");
    let code = world.code("gw-1").await;
    let first = world.enrol(&code, &old.key).await.unwrap();
    let mut new = old.clone();
    new.key = SecretKey::from_seed(&[20; 32]);
    let code = world.code("gw-1").await;
    let second = world.enrol(&code, &new.key).await.unwrap();
    let (_client, mut events) = world.connect(&old.key, first["client_certificate_pem"].as_str().unwrap());
    let error = refused(&mut events).await;
    assert!(error.contains("NotAuthorized"), "{error}");
    let revocation = Declaration {
        kind: crate::ingest::accept::REVOKED.into(),
        effective_from: NOW_MS,
        author: "p-1".into(),
        role: "administrator".into(),
        reason: "stolen".into(),
        body: serde_json::json!({ "gateway": "gw-1" }),
    };
    world.running.evidence.logs.append_declaration(&new.site, &revocation).await.unwrap();
    let (client, mut events) = world.connect(&new.key, second["client_certificate_pem"].as_str().unwrap());
    client.subscribe("gz/v1/site-1/gw-1/receipt", QoS::AtLeastOnce).await.unwrap();
    world.message(&mut events).await;
    client.publish("gz/v1/site-1/gw-1/record", QoS::AtLeastOnce, false, new.next().encode()).await.unwrap();
    let ServerMessage::Refusal(refusal) = world.message(&mut events).await else { panic!() };
    assert_eq!((refusal.reason, refusal.retry), (RefusalReason::Revoked, false));
    assert_eq!(refusal.detail, "the enrolment of gw-1 was revoked; enrol it again");
    world.running.stop().await;
}

/// The operator sees who is connected and what the door counted; revoking ends the connection at once, and the gateway may
/// come again to hear why.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn revoking_a_gateway_ends_its_connection_and_status_tells_of_the_door() {
    use crate::admin::{Request, perform};
    let world = World::start().await;
    let mut gateway = TestGateway::new("site-1", "gw-1");
    let code = world.code("gw-1").await;
    let enrolled = world.enrol(&code, &gateway.key).await.unwrap();
    let certificate = enrolled["client_certificate_pem"].as_str().unwrap().to_owned();
    let (client, mut events) = world.connect(&gateway.key, &certificate);
    client.subscribe("gz/v1/site-1/gw-1/receipt", QoS::AtLeastOnce).await.unwrap();
    world.message(&mut events).await;
    let status = async || -> serde_json::Value {
        serde_json::from_str(&perform(&world.config, Request::Status).await.expect("status").data).unwrap()
    };
    let before = status().await;
    assert_eq!(before["sites"][0]["gateways"][0]["connected"], true, "{before}");
    assert_eq!(before["endpoint"]["connections_opened"], 1, "{before}");
    let (site, id) = (gateway.site.clone(), gateway.id.clone());
    let revoke = Request::GatewayRevoke { site, gateway: id, reason: "stolen".into() };
    perform(&world.config, revoke).await.expect("revoked");
    refused(&mut events).await;
    drop((client, events));
    let (client, mut events) = world.connect(&gateway.key, &certificate);
    client.subscribe("gz/v1/site-1/gw-1/receipt", QoS::AtLeastOnce).await.unwrap();
    world.message(&mut events).await;
    client.publish("gz/v1/site-1/gw-1/record", QoS::AtLeastOnce, false, gateway.next().encode()).await.unwrap();
    let ServerMessage::Refusal(refusal) = world.message(&mut events).await else { panic!() };
    assert_eq!(refusal.reason, RefusalReason::Revoked);
    let after = status().await;
    assert_eq!(after["intake"]["rejections"][0]["reasons"]["revoked"], 1, "{after}");
    world.running.stop().await;
}

#[tokio::test]
async fn one_data_directory_has_one_server() {
    let world = World::start().await;
    let error =
        start(world.config.clone(), Clock::system()).await.map(|_| ()).expect_err("the lock is taken").to_string();
    assert!(error.contains("another gongzheng-server uses this data directory"), "{error}");
    world.running.stop().await;
}

#[tokio::test]
async fn nobody_else_can_look_into_the_data_directory_even_after_somebody_opened_it() {
    use std::os::unix::fs::PermissionsExt;
    let world = World::start().await;
    let data = world.config.data_dir.clone();
    let mode = |name: &str| std::fs::metadata(data.join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(""), mode("server.db"), mode("server.db-wal")), (0o700, 0o600, 0o600));
    let config = world.config.clone();
    world.running.stop().await;
    for (name, open) in [("", 0o755), ("server.db", 0o644)] {
        std::fs::set_permissions(data.join(name), std::fs::Permissions::from_mode(open)).unwrap();
    }
    let again = start(config, Clock::system()).await.unwrap();
    assert_eq!((mode(""), mode("server.db"), mode("server.db-wal")), (0o700, 0o600, 0o600));
    again.stop().await;
}

/// Just over a record's limit the gateway hears why, signed; over a packet's limit there is nothing to judge: the connection
/// ends and is counted. Neither harms what comes after.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_oversized_record_is_refused_in_words_and_a_larger_packet_ends_its_connection() {
    let world = World::start().await;
    let mut gateway = TestGateway::new("site-1", "gw-1");
    let code = world.code("gw-1").await;
    let enrolled = world.enrol(&code, &gateway.key).await.unwrap();
    let certificate = enrolled["client_certificate_pem"].as_str().unwrap().to_owned();
    let (client, mut events) = world.connect(&gateway.key, &certificate);
    client.subscribe("gz/v1/site-1/gw-1/receipt", QoS::AtLeastOnce).await.unwrap();
    world.message(&mut events).await;
    let topic = "gz/v1/site-1/gw-1/record";
    let record = gateway.next();
    let mut long = record.encode();
    long.resize(protocol::record::RECORD_MAX + 1, 0);
    client.publish(topic, QoS::AtLeastOnce, false, long).await.unwrap();
    let ServerMessage::Refusal(refusal) = world.message(&mut events).await else { panic!() };
    assert_eq!((refusal.reason, refusal.retry, refusal.sequence), (RefusalReason::TooLarge, false, 0));
    assert_eq!(refusal.detail, "record is 263041 bytes long; at most 263040 are allowed");
    assert_eq!(refusal.number, 263_041, "so that the gateway says it in its reader's language");
    let counted = world.running.evidence.ingest.health().rejections(&gateway.site, &gateway.id);
    assert_eq!(counted["too_large"], 1, "what the operator sees");

    client.publish(topic, QoS::AtLeastOnce, false, vec![7; 280_000]).await.unwrap();
    refused(&mut events).await;
    drop((client, events));
    let counters = world.running.endpoint().unwrap().counters().snapshot();
    assert_eq!(counters.packets_too_large, 1);
    let seen = world.running.evidence.ingest.health().seen(&gateway.site, &gateway.id);
    let oversized = seen.oversized.expect("the operator sees whose packet it was");
    assert_eq!((oversized.count, oversized.limit, oversized.bytes > 280_000), (1, 270_336, true));
    let (client, mut events) = world.connect(&gateway.key, &certificate);
    client.subscribe("gz/v1/site-1/gw-1/receipt", QoS::AtLeastOnce).await.unwrap();
    let ServerMessage::Receipt(greeting) = world.message(&mut events).await else { panic!() };
    assert_eq!(greeting.through, None, "nothing was taken");
    client.publish(topic, QoS::AtLeastOnce, false, record.encode()).await.unwrap();
    let ServerMessage::Receipt(receipt) = world.message(&mut events).await else { panic!() };
    assert_eq!(receipt.through, Some((gateway.chain, 0, record.digest())));
    world.running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_site_does_not_stop_the_server_and_its_evidence_is_shown_as_broken() {
    let World { _folder: folder, config, running, .. } = World::start().await;
    running.stop().await;
    let state = config.data_dir.join("sites/site-1/log/state.json");
    let whole = std::fs::read(&state).unwrap();
    std::fs::write(&state, "{ not what it was").unwrap();
    let broken = async |running: &Running, wanted: bool| {
        let deadline = std::time::Instant::now() + TEN;
        loop {
            let record = running.evidence.store.fleet_record("site-1").await.unwrap();
            if record.is_some_and(|record| record.chain_ok != wanted) {
                return;
            }
            assert!(std::time::Instant::now() < deadline, "not shown in time");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let running = start(config.clone(), Clock::system()).await.expect("the server starts");
    let closed = running.evidence.logs.closed();
    assert!(closed[&"site-1".parse().unwrap()].contains("sites/site-1/log/state.json"), "{closed:?}");
    broken(&running, true).await;
    running.stop().await;
    std::fs::write(&state, whole).unwrap();
    let running = start(config.clone(), Clock::system()).await.unwrap();
    assert!(running.evidence.logs.closed().is_empty());
    broken(&running, false).await;
    running.stop().await;
    drop(folder);
}

struct World {
    _folder: tempfile::TempDir,
    config: Config,
    running: Running,
    now_ms: Arc<std::sync::atomic::AtomicI64>,
}

impl World {
    async fn start() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let folder = tempfile::tempdir().unwrap();
        let text = "data_dir = \"data\"\n[web]\nlisten = \"127.0.0.1:0\"\n[mqtt]\nlisten = \"127.0.0.1:0\"\n\
                    [enrol]\nlisten = \"127.0.0.1:0\"\n[storage]\nreserve_mib = 0\n";
        let config = Config::parse(text, "server.toml", folder.path()).unwrap();
        let now_ms = Arc::new(std::sync::atomic::AtomicI64::new(system_ms()));
        let read = Arc::clone(&now_ms);
        let clock = Clock::new(move || read.load(std::sync::atomic::Ordering::Relaxed));
        let running = start(config.clone(), clock).await.unwrap();
        let site = SiteRow {
            id: "site-1".into(),
            name_zh: "一号".into(),
            name_en: "One".into(),
            city: "c".into(),
            district: "d".into(),
            sub_sector: "s".into(),
            time_zone: "Asia/Shanghai".into(),
            simulated: false,
            created_ms: NOW_MS,
        };
        running.evidence.store.add_site(&site).await.unwrap();
        let id = "site-1".parse().unwrap();
        running.evidence.logs.create_site(&id).unwrap();
        let declaration = Declaration {
            kind: "site".into(),
            effective_from: 0,
            author: "server".into(),
            role: "administrator".into(),
            reason: "created".into(),
            body: serde_json::json!({ "names": { "zh": "一号", "en": "One" }, "zone": "Asia/Shanghai" }),
        };
        running.evidence.logs.append_declaration(&id, &declaration).await.unwrap();
        Self { _folder: folder, config, running, now_ms }
    }

    /// Stops the server and starts it again with another reserve of free disk.
    async fn restarted(self, reserve_mib: u64) -> Self {
        let Self { _folder, config, running, now_ms } = self;
        running.stop().await;
        let config = Config { reserve_mib, ..config };
        let read = Arc::clone(&now_ms);
        let clock = Clock::new(move || read.load(std::sync::atomic::Ordering::Relaxed));
        let running = start(config.clone(), clock).await.unwrap();
        Self { _folder, config, running, now_ms }
    }

    fn set_now(&self, now_ms: i64) {
        self.now_ms.store(now_ms, std::sync::atomic::Ordering::Relaxed);
    }

    async fn code(&self, gateway: &str) -> String {
        let now = self.now_ms.load(std::sync::atomic::Ordering::Relaxed);
        let new = enrol::new_code(&self.running.evidence.keys).unwrap();
        let until = now + enrol::CODE_LIFE_MS;
        self.running.evidence.store.add_enrolment_code(&new.hash, "site-1", gateway, now, until).await.unwrap();
        new.code
    }

    fn request(&self, code: &str, key: &SecretKey, signer: &SecretKey) -> serde_json::Value {
        let secret = code.split('-').nth(1).unwrap_or_default();
        let mut message = secret.as_bytes().to_vec();
        message.extend_from_slice(&key.public().to_bytes());
        let signature = data_encoding::HEXLOWER.encode(&signer.sign(enrol::ENROL_DOMAIN, &message).0);
        serde_json::json!({
            "code": code, "gateway_key": key.public().hex(), "signature": signature, "agent_version": "0.1.0"
        })
    }

    async fn enrol(&self, code: &str, key: &SecretKey) -> Result<serde_json::Value, (String, String)> {
        self.post("/enrol", &self.request(code, key, key)).await
    }

    /// POST over TLS; `Err` holds the error's word and its sentences in both languages.
    async fn post(&self, path: &str, body: &serde_json::Value) -> Result<serde_json::Value, (String, String)> {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(self.running.evidence.keys.ca_der().unwrap()).unwrap();
        let tls = rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        let socket = tokio::net::TcpStream::connect(self.running.enrol).await.unwrap();
        let connector = tokio_rustls::TlsConnector::from(Arc::new(tls));
        let mut stream = connector.connect("localhost".try_into().unwrap(), socket).await.unwrap();
        let body = body.to_string();
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
             content-length: {}\r\nconnection: close\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(body.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        let _ = timeout(TEN, stream.read_to_end(&mut answer)).await.expect("an answer in time");
        let answer = String::from_utf8(answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
        let body: serde_json::Value = serde_json::from_str(body).unwrap_or_else(|_| panic!("{answer}"));
        if head.starts_with("HTTP/1.1 200") {
            return Ok(body);
        }
        let text = |name: &str| body["error"][name].as_str().unwrap_or_default().to_owned();
        Err((text("code"), format!("{} / {}", text("en"), text("zh"))))
    }

    fn connect(&self, key: &SecretKey, certificate: &str) -> (AsyncClient, EventLoop) {
        let der = data_encoding::BASE64.encode(&key.to_pkcs8_der());
        let key_pem = format!("-----BEGIN PRIVATE KEY-----\n{der}\n-----END PRIVATE KEY-----\n");
        let mut options = MqttOptions::new("anything", "localhost", self.running.mqtt.unwrap().port());
        options.set_keep_alive(Duration::from_secs(30)).set_max_packet_size(300_000, 300_000);
        options.set_transport(Transport::Tls(TlsConfiguration::Simple {
            ca: self.running.evidence.keys.ca_pem().as_bytes().to_vec(),
            alpn: None,
            client_auth: Some((certificate.as_bytes().to_vec(), key_pem.into_bytes())),
        }));
        AsyncClient::new(options, 16)
    }

    async fn message(&self, events: &mut EventLoop) -> ServerMessage {
        let key = self.running.evidence.keys.log().secret().public();
        let wait = async {
            loop {
                match events.poll().await {
                    Ok(Event::Incoming(Packet::Publish(publish))) => {
                        return ServerMessage::verify(&publish.payload, &key).unwrap();
                    }
                    Ok(_) => {}
                    Err(error) => panic!("{error:?}"),
                }
            }
        };
        timeout(TEN, wait).await.expect("a message in time")
    }
}

/// Polls until the connection fails; the error's text.
async fn refused(events: &mut EventLoop) -> String {
    let wait = async {
        loop {
            if let Err(error) = events.poll().await {
                return format!("{error:?}");
            }
        }
    };
    timeout(TEN, wait).await.expect("a refusal in time")
}

/// Certificates are made for the server's clock and checked against the system's, so here both are the system's.
fn system_ms() -> i64 {
    Clock::system().now_ms()
}

const TEN: Duration = Duration::from_secs(10);
