//! The OPC UA source against a real server in this process: nodes that do not exist, standing values, a restart, a wrong password, a
//! certificate nobody pinned.

use std::net::TcpListener as StdListener;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use opcua_server::address_space::Variable;
use opcua_server::diagnostics::NamespaceMetadata;
use opcua_server::node_manager::memory::{SimpleNodeManager, simple_node_manager};
use opcua_server::{ANONYMOUS_USER_TOKEN_ID, ServerBuilder, ServerEndpoint, ServerHandle, ServerUserToken};
use opcua_types::{DataValue, NodeId, Variant};
use protocol::{GapCause, Value};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::session::offers;
use crate::clock::{Settings, SystemClock};
use crate::config::Config;
use crate::config::device::Link;
use crate::event::{DeviceState, Reading, SourceEvent};
use crate::live::Board;
use crate::locale::Lang;
use crate::source::{World, start};

mod browse;

const URI: &str = "urn:test:machine";
const MACHINERY: &str = "http://opcfoundation.org/UA/Machinery/";

struct Server {
    port: u16,
    handle: ServerHandle,
    manager: Arc<SimpleNodeManager>,
    namespace: u16,
    task: JoinHandle<Result<(), String>>,
    _pki: tempfile::TempDir,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Open,
    Password,
    Secured,
}

impl Server {
    /// On `port`, or any free one for 0.
    async fn start(port: u16, kind: Kind) -> Self {
        let listener = StdListener::bind(("127.0.0.1", port)).expect("port");
        listener.set_nonblocking(true).expect("non-blocking");
        let port = listener.local_addr().expect("address").port();
        let pki = tempfile::tempdir().expect("dir");
        let metadata = |uri: &str| NamespaceMetadata { namespace_uri: uri.to_owned(), ..NamespaceMetadata::default() };
        let anonymous = [ANONYMOUS_USER_TOKEN_ID.to_owned()];
        let mut builder = ServerBuilder::new()
            .application_name("test machine")
            .application_uri("urn:test:server")
            .product_uri("urn:test")
            .host("127.0.0.1")
            .port(port)
            .pki_dir(pki.path())
            .discovery_urls(vec!["/".to_owned()])
            .with_node_manager(simple_node_manager(metadata(URI), "test"))
            .with_node_manager(simple_node_manager(metadata(MACHINERY), "machinery"));
        builder = match kind {
            Kind::Open => builder.add_endpoint("none", ServerEndpoint::new_none("/", &anonymous)),
            Kind::Password => builder
                .add_user_token("op", ServerUserToken::user_pass("monitor", "right"))
                .add_endpoint("none", ServerEndpoint::new_none("/", &["op".to_owned()])),
            Kind::Secured => builder
                .create_sample_keypair(true)
                .certificate_path("own/cert.der")
                .private_key_path("private/private.pem")
                .trust_client_certs(true)
                .add_endpoint("none", ServerEndpoint::new_none("/", &anonymous))
                .add_endpoint("secured", ServerEndpoint::new_basic256sha256_sign_encrypt("/", &anonymous)),
        };
        let (server, handle) = builder.build().expect("server");
        let manager = handle.node_managers().get_of_type::<SimpleNodeManager>().expect("manager");
        let namespace = handle.get_namespace_index(URI).expect("namespace");
        {
            let mut space = manager.address_space().write();
            let folder = NodeId::new(namespace, "machine");
            space.add_folder(&folder, "machine", "machine", &NodeId::objects_folder_id());
            let variable = |name: &str, value: Variant| {
                let id = NodeId::new(namespace, name.to_owned());
                Variable::new(&id, name, name, value)
            };
            let variables = vec![
                variable("state", Variant::Int32(3)),
                variable("parts", Variant::UInt32(41)),
                variable("program", Variant::String("O1001".into())),
                variable("power", Variant::Double(1.25)),
            ];
            space.add_variables(variables, &folder);
        }
        let listener = TcpListener::from_std(listener).expect("listener");
        let task = tokio::spawn(server.run_with(listener));
        Self { port, handle, manager, namespace, task, _pki: pki }
    }

    fn set(&self, name: &str, value: impl Into<Variant>) {
        let id = NodeId::new(self.namespace, name.to_owned());
        self.manager.set_value(self.handle.subscriptions(), &id, None, DataValue::new_now(value)).expect("set");
    }

    /// As if its power were cut: the port is free again.
    async fn kill(self) -> u16 {
        self.handle.token().cancel();
        let mut task = self.task;
        if tokio::time::timeout(Duration::from_millis(500), &mut task).await.is_err() {
            task.abort();
            let _ = task.await;
        }
        self.port
    }
}

struct Run {
    events: mpsc::Receiver<SourceEvent>,
    board: Board,
    stop: CancellationToken,
    readings: Vec<Vec<Reading>>,
    gaps: Vec<(usize, i64, i64, GapCause)>,
    notes: Vec<String>,
}

const TAGS: &str = "
[[device.tag]]
name = \"state\"
node = \"nsu=urn:test:machine;s=state\"
type = \"i32\"
subscribe = true
[[device.tag]]
name = \"parts\"
node = \"nsu=urn:test:machine;s=parts\"
type = \"u32\"
[[device.tag]]
name = \"program\"
node = \"nsu=urn:test:machine;s=program\"
type = \"text\"
[[device.tag]]
name = \"power\"
node = \"nsu=urn:test:machine;s=power\"
type = \"f64\"
";

fn config(port: u16, state_dir: &Path, extra: &str, tags: &str) -> Config {
    let dir = state_dir.display();
    let text = format!(
        "[gateway]\nstate_dir = \"{dir}\"\n[[device]]\nname = \"cnc\"\nprotocol = \"opcua\"\nendpoint = \"opc.tcp://127.0.0.1:{port}/\"\ninterval_ms = 200\ntimeout_ms = 1000\npublishing_ms = 100\n{extra}\n{tags}"
    );
    Config::parse(&text, Path::new("agent.toml")).unwrap_or_else(|p| panic!("{p}")).0
}

impl Run {
    fn start(config: &Config) -> Self {
        let (sender, events) = mpsc::channel(4_096);
        let board = Board::new(&config.devices);
        let clock = Arc::new(SystemClock::new(Settings::default()).expect("clock"));
        let world = World {
            clock,
            events: sender,
            board: board.clone(),
            known: Default::default(),
            lending: Default::default(),
        };
        let stop = CancellationToken::new();
        let mut tasks = start(config, &world, &stop);
        tokio::spawn(async move { while tasks.join_next().await.is_some() {} });
        let tags = config.devices.iter().map(|d| d.tags.len()).sum();
        Self { events, board, stop, readings: vec![Vec::new(); tags], gaps: Vec::new(), notes: Vec::new() }
    }

    async fn until(&mut self, what: &str, mut done: impl FnMut(&Self) -> bool) {
        let deadline = tokio::time::Instant::now() + Duration::from_secs(40);
        while !done(self) {
            let event = tokio::time::timeout_at(deadline, self.events.recv()).await;
            match event.unwrap_or_else(|_| panic!("waited in vain for: {what}\n{}", self.trouble(Lang::En))) {
                Some(SourceEvent::Readings(list)) => {
                    for r in list {
                        self.readings[r.tag.0 as usize].push(r);
                    }
                }
                Some(SourceEvent::Gap { tag, from_boot_ms, to_boot_ms, cause }) => {
                    self.gaps.push((tag.0 as usize, from_boot_ms, to_boot_ms, cause));
                }
                Some(SourceEvent::Note { text, .. }) => self.notes.push(text),
                None => panic!("the source ended"),
            }
        }
    }

    fn trouble(&self, lang: Lang) -> String {
        let state = self.board.snapshot();
        state.devices[0].trouble.as_ref().map(|w| w.get(lang).to_owned()).unwrap_or_default()
    }
}

#[tokio::test]
async fn standing_values_are_read_every_interval_and_a_change_between_polls_is_seen() {
    let server = Server::start(0, Kind::Open).await;
    let state = tempfile::tempdir().expect("dir");
    let mut run = Run::start(&config(server.port, state.path(), "", TAGS));
    run.until("ten readings of a value that stands still", |r| r.readings[1].len() >= 10).await;
    assert!(run.readings[1].iter().all(|r| r.value == Value::U64(41) && r.source_time_ms.is_some()));
    assert!(run.readings[2].iter().all(|r| r.value == Value::Text("O1001".into())));
    assert!(run.readings[3].iter().all(|r| r.value == Value::F64(1.25)));
    // There and back within one interval: only the subscription can see it.
    server.set("state", 7i32);
    tokio::time::sleep(Duration::from_millis(110)).await;
    server.set("state", 3i32);
    run.until("the short change", |r| r.readings[0].iter().any(|r| r.value == Value::I64(7))).await;
    assert_eq!(run.gaps, []);
    run.stop.cancel();
    server.kill().await;
}

#[tokio::test]
async fn a_node_that_does_not_exist_is_named_in_both_languages_and_the_rest_is_read() {
    let server = Server::start(0, Kind::Open).await;
    let state = tempfile::tempdir().expect("dir");
    let tags = format!(
        "{TAGS}[[device.tag]]\nname = \"ghost\"\nnode = \"nsu=urn:test:machine;s=ghost\"\ntype = \"i32\"\n[[device.tag]]\nname = \"lost\"\nnode = \"nsu=urn:nowhere;s=x\"\ntype = \"i32\"\n"
    );
    let mut run = Run::start(&config(server.port, state.path(), "", &tags));
    run.until("the rest", |r| r.readings[1].len() >= 5 && r.notes.len() >= 2).await;
    assert!(run.readings[4].is_empty() && run.readings[5].is_empty());
    assert!(run.gaps.iter().all(|g| g.0 >= 4 && g.3 == GapCause::DeviceRefused), "{:?}", run.gaps);
    let ghost = run.notes.iter().find(|n| n.contains("cnc/ghost")).expect("told");
    assert!(
        ghost.contains("the server has no node nsu=urn:test:machine;s=ghost (BadNodeIdUnknown); it is skipped"),
        "{ghost}"
    );
    let words = super::client::no_such_node(
        "cnc/ghost",
        &super::node::Node::parse("ns=2;s=ghost").expect("node"),
        "BadNodeIdUnknown",
    );
    assert!(
        words.zh.contains("服务器上没有节点 ns=2;s=ghost（BadNodeIdUnknown），已跳过，其余照常采集。检查 `node`"),
        "{}",
        words.zh
    );
    assert_eq!(run.board.snapshot().devices[0].state, DeviceState::Up);
    run.stop.cancel();
    server.kill().await;
}

#[tokio::test]
async fn after_a_restart_of_the_server_data_flows_again_and_the_outage_is_a_gap() {
    let server = Server::start(0, Kind::Open).await;
    let state = tempfile::tempdir().expect("dir");
    let mut run = Run::start(&config(server.port, state.path(), "", TAGS));
    run.until("readings before", |r| r.readings.iter().all(|t| t.len() >= 3)).await;
    run.readings.iter_mut().for_each(Vec::clear);
    let port = server.kill().await;
    run.until("the outage", |r| r.gaps.iter().any(|g| g.3 == GapCause::DeviceSilent)).await;
    let server = Server::start(port, Kind::Open).await;
    server.set("parts", 99u32);
    run.until("data after the restart", |r| r.readings[1].iter().any(|r| r.value == Value::U64(99))).await;
    server.set("state", 8i32);
    run.until("notifications or polls after the restart", |r| r.readings[0].iter().any(|r| r.value == Value::I64(8)))
        .await;
    // Every tag's outage is told without a hole: pieces touch, and the last ends at the first reading after it.
    for tag in 0..4 {
        let pieces: Vec<_> = run.gaps.iter().filter(|g| g.0 == tag).collect();
        assert!(!pieces.is_empty(), "tag {tag}");
        assert!(pieces.windows(2).all(|w| w[0].2 == w[1].1), "{pieces:?}");
        let end = pieces[pieces.len() - 1].2;
        assert!(run.readings[tag].iter().any(|r| r.boot_ms == end), "tag {tag} ends at {end}");
    }
    run.stop.cancel();
    server.kill().await;
}

#[tokio::test]
async fn a_wrong_password_is_tried_once_and_said_in_both_languages() {
    let server = Server::start(0, Kind::Password).await;
    let state = tempfile::tempdir().expect("dir");
    let file = state.path().join("password");
    std::fs::write(&file, "wrong\n").expect("password file");
    let extra = format!("user = \"monitor\"\npassword_file = \"{}\"", file.display());
    let mut run = Run::start(&config(server.port, state.path(), &extra, TAGS));
    run.until("stopped", |r| r.board.snapshot().devices[0].state == DeviceState::Stopped).await;
    // Many ticks later it still was one attempt.
    run.until("gap pieces of five seconds", |r| r.gaps.iter().any(|g| g.2 - g.1 >= 5_000)).await;
    assert_eq!(run.board.snapshot().devices[0].failed_total, 1);
    let (zh, en) = (run.trouble(Lang::Zh), run.trouble(Lang::En));
    assert!(zh.contains("拒绝登录") && zh.contains("为免锁定账号，不再自动重试"), "{zh}");
    assert!(
        en.contains("refused the login") && en.contains("It is not tried again, so that the account is not locked"),
        "{en}"
    );
    run.stop.cancel();

    std::fs::write(&file, "right\n").expect("password file");
    let mut run = Run::start(&config(server.port, state.path(), &extra, TAGS));
    run.until("readings with the right password", |r| r.readings[1].len() >= 2).await;
    run.stop.cancel();
    server.kill().await;
}

#[tokio::test]
async fn a_secured_server_is_trusted_by_its_pinned_certificate_and_by_nothing_else() {
    let server = Server::start(0, Kind::Secured).await;
    let state = tempfile::tempdir().expect("dir");
    let secured = "security_policy = \"Basic256Sha256\"\ntimeout_ms = 10000";
    let config_of = |extra: &str| {
        let text = format!(
            "[gateway]\nstate_dir = \"{}\"\n[[device]]\nname = \"cnc\"\nprotocol = \"opcua\"\nendpoint = \"opc.tcp://127.0.0.1:{}/\"\ninterval_ms = 200\n{extra}\n{TAGS}",
            state.path().display(),
            server.port
        );
        Config::parse(&text, Path::new("agent.toml")).unwrap_or_else(|p| panic!("{p}")).0
    };
    let unpinned = config_of(secured);
    let Link::OpcUa(link) = &unpinned.devices[0].link else { panic!("opcua") };
    let offered = offers(link, &state.path().join("pki-doctor"), Duration::from_secs(10)).await.expect("offers");
    let pin = offered.iter().find(|o| o.policy == "Basic256Sha256").expect("secured").fingerprint.clone();
    assert_eq!(pin.len(), 64);

    let mut run = Run::start(&unpinned);
    run.until("first contact refused", |r| r.board.snapshot().devices[0].trouble.is_some()).await;
    let (zh, en) = (run.trouble(Lang::Zh), run.trouble(Lang::En));
    assert!(zh.contains("尚未信任") && zh.contains(&pin), "{zh}");
    assert!(en.contains("is not trusted yet") && en.contains(&pin), "{en}");
    assert!(run.readings.iter().all(Vec::is_empty));
    run.stop.cancel();

    let other = format!("{secured}\nserver_certificate_sha256 = \"{}\"", "00".repeat(32));
    let mut run = Run::start(&config_of(&other));
    run.until("another certificate refused", |r| r.board.snapshot().devices[0].trouble.is_some()).await;
    let (zh, en) = (run.trouble(Lang::Zh), run.trouble(Lang::En));
    assert!(zh.contains("证书与固定的不符") && en.contains("is not the pinned one"), "{zh}\n{en}");
    run.stop.cancel();

    let mut run = Run::start(&config_of(&format!("{secured}\nserver_certificate_sha256 = \"{pin}\"")));
    run.until("readings over the secured channel", |r| r.readings[1].len() >= 2).await;
    assert!(run.readings[1].iter().all(|r| r.value == Value::U64(41)));
    run.stop.cancel();
    server.kill().await;
}
