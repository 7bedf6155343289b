//! The OPC UA servers serve their whole table to a foreign client, push every change once, and restart for real.

use opcua_client::{ClientBuilder, DataChangeCallback, IdentityToken, Session};
use opcua_types::{
    AttributeId, EndpointDescription, MessageSecurityMode, MonitoredItemCreateRequest, MonitoringMode,
    MonitoringParameters, NodeId, ReadValueId, StatusCode, TimestampsToReturn, UserTokenPolicy, Variant, WriteValue,
};
use serde_json::{Value, json};
use simulators::control;
use simulators::tags::{Kind, Protocol, devices};
use simulators::workshop::{Options, Workshop};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

async fn start(dir: &Path) -> Workshop {
    start_with(dir, false).await
}

async fn start_with(dir: &Path, opcua_secure: bool) -> Workshop {
    Workshop::start(Options {
        dir: dir.to_path_buf(),
        seed: 77,
        hall: true,
        start_at: Some(1_780_365_600_000),
        speed: 1,
        epoch_ms: None,
        retrofit_ms: None,
        rest_weekday: Some(6),
        opcua_secure,
    })
    .await
    .unwrap()
}

async fn connect(dir: &Path, url: &str) -> Arc<Session> {
    connect_by(dir, url, "None", MessageSecurityMode::None).await
}

async fn connect_by(dir: &Path, url: &str, policy: &str, mode: MessageSecurityMode) -> Arc<Session> {
    let mut client = ClientBuilder::new()
        .application_name("simulator test")
        .application_uri("urn:simulator:test")
        .pki_dir(dir.join("client-pki"))
        .create_sample_keypair(mode != MessageSecurityMode::None)
        .trust_server_certs(true)
        .verify_server_certs(false)
        .session_retry_limit(0)
        .client()
        .unwrap();
    let endpoint: EndpointDescription = (url, policy, mode, UserTokenPolicy::anonymous()).into();
    let (session, events) = client.connect_to_matching_endpoint(endpoint, IdentityToken::Anonymous).await.unwrap();
    let _running = events.spawn();
    tokio::time::timeout(Duration::from_secs(20), session.wait_for_connection()).await.unwrap();
    session
}

fn node(tag: &str) -> NodeId {
    NodeId::new(2, tag)
}

fn json_of(variant: &Variant) -> Value {
    match variant {
        Variant::Int32(v) => json!(v),
        Variant::UInt32(v) => json!(v),
        Variant::Double(v) => json!(v),
        Variant::String(v) => json!(v.as_ref()),
        other => panic!("unexpected type {other:?}"),
    }
}

fn journal(dir: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(dir.join("served.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_node_is_read_and_journalled_and_none_can_be_written() {
    let dir = tempfile::tempdir().unwrap();
    let workshop = start(dir.path()).await;
    for device in devices(true).filter(|device| device.protocol == Protocol::OpcUa) {
        let url = workshop.endpoints["devices"][device.id]["url"].as_str().unwrap();
        let session = connect(dir.path(), url).await;
        let wanted: Vec<ReadValueId> =
            device.tags.iter().map(|tag| ReadValueId::new(node(tag.id), AttributeId::Value)).collect();
        let values = session.read(&wanted, TimestampsToReturn::Both, 0.0).await.unwrap();
        let lines = journal(dir.path());
        for (tag, value) in device.tags.iter().zip(&values) {
            let variant = value.value.as_ref().unwrap();
            let kind = match variant {
                Variant::Int32(_) => Kind::I32,
                Variant::UInt32(_) => Kind::U32,
                Variant::Double(_) => Kind::F64,
                _ => Kind::Text,
            };
            assert_eq!(kind, tag.kind, "{}", tag.id);
            assert!(value.source_timestamp.is_some());
            let line = lines.iter().rev().find(|line| line["tag"] == tag.id && line["via"] == "opcua").unwrap();
            assert_eq!(line["raw"], json_of(variant), "{}", tag.id);
        }
        let unknown = session
            .read(&[ReadValueId::new(node("cnc/nothing"), AttributeId::Value)], TimestampsToReturn::Both, 0.0)
            .await
            .unwrap();
        assert_eq!(unknown[0].status, Some(StatusCode::BadNodeIdUnknown));
        let write = WriteValue {
            node_id: node(device.tags[0].id),
            attribute_id: AttributeId::Value as u32,
            value: Variant::from(1_i32).into(),
            ..Default::default()
        };
        let refused = session.write(&[write]).await.unwrap();
        assert!(refused[0].is_bad(), "a write was taken");
        let _ = session.disconnect().await;
    }
    let violations = journal(dir.path()).iter().filter(|line| line["violation"] == "VIOLATION").count();
    assert_eq!(violations, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subscription_sees_exactly_the_journalled_pushes_and_a_restart_ends_it() {
    let dir = tempfile::tempdir().unwrap();
    let workshop = start(dir.path()).await;
    let url = workshop.endpoints["devices"]["cnc"]["url"].as_str().unwrap().to_owned();
    let session = connect(dir.path(), &url).await;
    let seen: Arc<Mutex<Vec<Value>>> = Arc::default();
    let sink = Arc::clone(&seen);
    let callback = DataChangeCallback::new(move |value, _item| {
        sink.lock().unwrap().push(json_of(value.value.as_ref().unwrap()));
    });
    let subscription =
        session.create_subscription(Duration::from_millis(200), 100, 20, 0, 0, true, callback).await.unwrap();
    let item = MonitoredItemCreateRequest {
        item_to_monitor: ReadValueId::new(node("cnc/power"), AttributeId::Value),
        monitoring_mode: MonitoringMode::Reporting,
        requested_parameters: MonitoringParameters {
            client_handle: 1,
            sampling_interval: 200.0,
            queue_size: 100,
            discard_oldest: true,
            ..Default::default()
        },
    };
    session.create_monitored_items(subscription, TimestampsToReturn::Both, vec![item]).await.unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let pushed: Vec<Value> = journal(dir.path())
            .into_iter()
            .filter(|line| line["tag"] == "cnc/power" && line["via"] == "opcua-push")
            .map(|line| line["raw"].clone())
            .collect();
        let got = seen.lock().unwrap().clone();
        if got.len() >= 4 {
            assert_eq!(got[..], pushed[..got.len()], "what was pushed and what arrived");
            break;
        }
        assert!(Instant::now() < deadline, "only {} notifications", got.len());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }

    let order = json!({ "device": "cnc", "kind": "restart", "duration_ms": 600 });
    assert_eq!(control::ask(workshop.control(), &order).await.unwrap()["ok"], true);
    let port = workshop.port("cnc").unwrap();
    let deadline = Instant::now() + Duration::from_secs(10);
    while tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
        assert!(Instant::now() < deadline, "the server never went away");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let deadline = Instant::now() + Duration::from_secs(20);
    while tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err() {
        assert!(Instant::now() < deadline, "the server never came back");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let again = connect(dir.path(), &url).await;
    let wanted = [ReadValueId::new(node("cnc/state"), AttributeId::Value)];
    let value = again.read(&wanted, TimestampsToReturn::Both, 0.0).await.unwrap();
    assert!(matches!(value[0].value, Some(Variant::Int32(_))), "{value:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn faults_in_front_of_a_server_do_what_they_say_and_end() {
    let dir = tempfile::tempdir().unwrap();
    let workshop = start(dir.path()).await;
    let url = workshop.endpoints["devices"]["vessel"]["url"].as_str().unwrap().to_owned();
    let order = async |kind: &str, ms: u64, delay_ms: u64| {
        let line = json!({ "device": "vessel", "kind": kind, "duration_ms": ms, "delay_ms": delay_ms });
        let answer = control::ask(workshop.control(), &line).await.unwrap();
        assert_eq!(answer["ok"], true, "{answer}");
    };
    let wanted = [ReadValueId::new(node("vessel/temperature"), AttributeId::Value)];
    // The value and how long it took, or nothing within the wait.
    let read = async |session: &Session, wait_ms: u64| {
        let asked = Instant::now();
        let call = session.read(&wanted, TimestampsToReturn::Both, 0.0);
        let values = tokio::time::timeout(Duration::from_millis(wait_ms), call).await.ok()?.ok()?;
        Some((values[0].clone(), asked.elapsed()))
    };

    let session = connect(dir.path(), &url).await;
    assert!(read(&session, 20_000).await.is_some());
    order("slow", 60_000, 300).await;
    let (value, took) = read(&session, 20_000).await.expect("slow is not silent");
    assert!(took >= Duration::from_millis(300) && value.value.is_some(), "{took:?}");
    order("frozen", 60_000, 0).await;
    let before = read(&session, 20_000).await.unwrap().0.value;
    // The temperature moves with every power slot of two seconds.
    tokio::time::sleep(Duration::from_millis(2_100)).await;
    assert_eq!(read(&session, 20_000).await.unwrap().0.value, before);
    order("exception", 60_000, 0).await;
    let (bad, _) = read(&session, 20_000).await.unwrap();
    assert_eq!((bad.status, bad.value), (Some(StatusCode::BadDeviceFailure), None));
    order("late", 60_000, 1_500).await;
    assert!(read(&session, 1_000).await.is_none(), "later than a client waits");
    order("slow", 0, 0).await;

    // Swallowed for a while, then the connection is cut: at the end of the fault, not at the client's next word.
    let session = connect(dir.path(), &url).await;
    order("timeout", 3_000, 0).await;
    let asked = Instant::now();
    assert!(read(&session, 500).await.is_none(), "a swallowed request is never answered");
    let mut raw = tokio::net::TcpStream::connect(("127.0.0.1", workshop.port("vessel").unwrap())).await.unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut raw, b"HELF").await.unwrap();
    let mut byte = [0];
    let ended = tokio::time::timeout(Duration::from_secs(10), tokio::io::AsyncReadExt::read(&mut raw, &mut byte)).await;
    assert_eq!(ended.expect("the connection outlives the fault").unwrap_or(0), 0);
    assert!(asked.elapsed() >= Duration::from_millis(2_000), "cut before the fault was over");

    let session = connect(dir.path(), &url).await;
    assert!(read(&session, 20_000).await.is_some(), "a new connection works again");
    order("drop", 500, 0).await;
    assert!(read(&session, 2_000).await.is_none(), "cut");
    let mut refused = tokio::net::TcpStream::connect(("127.0.0.1", workshop.port("vessel").unwrap())).await.unwrap();
    let ended = tokio::time::timeout(Duration::from_secs(10), tokio::io::AsyncReadExt::read(&mut refused, &mut byte));
    assert_eq!(ended.await.expect("closed at once").unwrap_or(0), 0);
    let faults = || std::fs::read_to_string(dir.path().join("faults.jsonl")).unwrap();
    let deadline = Instant::now() + Duration::from_secs(10);
    while !faults().lines().any(|line| line.contains("\"drop\"") && line.contains("\"end\"")) {
        assert!(Instant::now() < deadline, "the drop never ended");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let session = connect(dir.path(), &url).await;
    assert!(read(&session, 20_000).await.is_some());
    let lines = journal(dir.path());
    for name in ["slow", "frozen", "late"] {
        assert!(
            lines.iter().any(|line| line["fault"] == name && line["device"] == "vessel"),
            "nothing served under {name}"
        );
    }
    assert!(!lines.iter().any(|line| line["fault"] == "exception"), "a bad status carries no value");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_secured_endpoint_serves_a_client_that_signs_and_encrypts() {
    let dir = tempfile::tempdir().unwrap();
    let workshop = start_with(dir.path(), true).await;
    let url = workshop.endpoints["devices"]["cnc"]["url"].as_str().unwrap();
    let certificate = std::fs::read(dir.path().join("cnc-pki/own/cert.der")).unwrap();
    assert!(certificate.len() > 500, "the server has a certificate to pin");
    let session = connect_by(dir.path(), url, "Basic256Sha256", MessageSecurityMode::SignAndEncrypt).await;
    let wanted = [ReadValueId::new(node("cnc/state"), AttributeId::Value)];
    let value = session.read(&wanted, TimestampsToReturn::Both, 0.0).await.unwrap();
    assert!(matches!(value[0].value, Some(Variant::Int32(_))), "{value:?}");
    assert!(journal(dir.path()).iter().any(|line| line["tag"] == "cnc/state" && line["via"] == "opcua"));
    let _ = session.disconnect().await;
}
