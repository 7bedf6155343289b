//! The OPC UA source against other people's servers, asyncua and node-opcua: every policy and every kind of login, a browse through
//! small limits, a restart, and a server that comes back with another certificate. The servers are in `stacks/`; what is not
//! installed is said.

#[path = "support/need.rs"]
mod need;

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use agent::clock::{Settings, SystemClock};
use agent::commands::browse;
use agent::config::Config;
use agent::config::device::{Link, Mode, OpcUaLink, Policy, User};
use agent::event::{DeviceState, Reading, SourceEvent};
use agent::live::Board;
use agent::locale::Lang;
use agent::source::opcua::node::Node;
use agent::source::opcua::session::{Live, offers};
use agent::source::opcua::subscription::{Judged, judge};
use agent::source::{World, start};
use clap::Parser as _;
use protocol::{GapCause, Value};
use sha2::Digest as _;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Whose server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stack {
    Asyncua,
    NodeOpcua,
}

/// What the tests need, made once per test: certificates in a folder of its own.
struct Ground {
    stack: Stack,
    python: PathBuf,
    node: Option<PathBuf>,
    folder: tempfile::TempDir,
}

impl Ground {
    fn ready(stack: Stack) -> Option<Self> {
        let variable = |name: &str| std::env::var_os(name).map(PathBuf::from);
        let (python, node) = (variable("GZ_STACKS_PYTHON"), variable("GZ_NODE_OPCUA"));
        let what = format!("OPC UA against {stack:?}");
        let Some(python) = python else {
            need::skip(
                &what,
                "GZ_STACKS_PYTHON names no Python with asyncua and cryptography; `cargo xtask test` makes one",
            );
            return None;
        };
        if stack == Stack::NodeOpcua && node.is_none() {
            need::skip(&what, "GZ_NODE_OPCUA names no folder with node-opcua-server; `cargo xtask test` makes one");
            return None;
        }
        let folder = tempfile::tempdir().expect("dir");
        let made = Command::new(&python).arg(stacks().join("certificates.py")).arg(folder.path()).status();
        assert!(made.expect("python").success(), "certificates");
        Some(Self { stack, python, node, folder })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Starts the server with the certificate in folder `which`, and waits until it listens.
    fn serve(&self, port: u16, which: &str) -> Server {
        self.serve_with(port, which, &[])
    }

    fn serve_with(&self, port: u16, which: &str, more: &[&str]) -> Server {
        let mut command = match self.stack {
            Stack::Asyncua => {
                let mut command = Command::new(&self.python);
                command.arg(stacks().join("asyncua_server.py"));
                command
            }
            Stack::NodeOpcua => {
                let mut command = Command::new("node");
                command.arg(stacks().join("node_opcua_server.js"));
                command.env("NODE_PATH", self.node.as_ref().expect("checked").join("node_modules"));
                command
            }
        };
        command.arg(port.to_string()).arg(self.path(which)).args(more).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().expect("the server starts");
        let out = child.stdout.take().expect("piped");
        let server = Server(child);
        let mut lines = BufReader::new(out).lines().map_while(Result::ok);
        assert!(lines.any(|line| line == "READY"), "{:?} ended before it listened", self.stack);
        // A pipe nobody reads would stop the server, a closed one might end it.
        std::thread::spawn(move || lines.for_each(drop));
        server
    }

    fn link(&self, port: u16, policy: Policy, mode: Mode, user: User) -> OpcUaLink {
        let pin = (policy != Policy::None).then(|| self.pin("first"));
        OpcUaLink { endpoint: format!("opc.tcp://127.0.0.1:{port}/"), policy, mode, user, pin, publishing_ms: 200 }
    }

    fn pin(&self, which: &str) -> [u8; 32] {
        sha2::Sha256::digest(std::fs::read(self.path(which).join("cert.der")).expect("certificate")).into()
    }

    fn password(&self, password: &str) -> User {
        let file = self.path(password);
        std::fs::write(&file, format!("{password}\n")).expect("password");
        User::Password { name: "monitor".to_owned(), file }
    }

    fn certificate(&self, who: &str) -> User {
        User::Certificate { certificate: self.path(&format!("{who}.der")), key: self.path(&format!("{who}.key.pem")) }
    }
}

/// A running server; dropping it cuts its power.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn stacks() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/stacks")
}

fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).and_then(|l| l.local_addr()).expect("a port").port()
}

/// Cryptography without optimisation takes its time.
const LIMIT: Duration = Duration::from_secs(30);

async fn every_policy_and_login(stack: Stack) {
    let Some(ground) = Ground::ready(stack) else { return };
    let port = free_port();
    let _server = ground.serve(port, "first");
    let pki = ground.path("pki");
    let nodes = ["parts", "program", "power", "switch"];
    let nodes = nodes.map(|name| Node::parse(&format!("nsu=urn:test:machine;s={name}")).expect("id"));
    let policies = [
        (Policy::None, Mode::SignAndEncrypt),
        (Policy::Basic256Sha256, Mode::Sign),
        (Policy::Basic256Sha256, Mode::SignAndEncrypt),
        (Policy::Aes128Sha256RsaOaep, Mode::SignAndEncrypt),
        (Policy::Aes256Sha256RsaPss, Mode::SignAndEncrypt),
    ];
    for (policy, mode) in policies {
        for user in [User::Anonymous, ground.password("right"), ground.certificate("user")] {
            let what = format!("{stack:?} {policy:?} {mode:?} {user:?}");
            let link = ground.link(port, policy, mode, user);
            let live = Live::open(&link, &pki, LIMIT).await.unwrap_or_else(|t| panic!("{what}: {}", t.words));
            let ids: Vec<_> = nodes.iter().map(|n| live.resolve(n).expect("the namespace is known")).collect();
            // Four values through a limit of three per request, where the server has one.
            let answers = live.read(&ids).await.unwrap_or_else(|s| panic!("{what}: {s}"));
            assert_eq!(answers[0].value, Some(41u32.into()), "{what}");
            assert_eq!(answers[2].value, Some(1.25f64.into()), "{what}");
            live.close().await;
        }
        for user in [ground.password("wrong"), ground.certificate("stranger")] {
            let what = format!("{stack:?} {policy:?} {mode:?} {user:?}");
            let link = ground.link(port, policy, mode, user);
            let Err(trouble) = Live::open(&link, &pki, LIMIT).await else { panic!("{what}: let in") };
            assert!(trouble.is_final, "{what}: {}", trouble.words);
            assert_eq!(trouble.cause, GapCause::DeviceRefused, "{what}");
        }
    }
    let link = ground.link(port, Policy::None, Mode::SignAndEncrypt, User::Anonymous);
    let offered = offers(&link, &pki, LIMIT).await.expect("offers");
    for name in ["None", "Basic256Sha256", "Aes128_Sha256_RsaOaep", "Aes256_Sha256_RsaPss"] {
        assert!(offered.iter().any(|o| o.policy == name && o.logins.contains(&"certificate")), "{name}: {offered:?}");
    }
    assert!(offered.iter().filter_map(|o| o.certificate.as_ref()).all(|c| c.names_host("127.0.0.1")));

    let text = config_text(&ground, port, "none", None);
    let config = Config::parse(&text, Path::new("agent.toml")).unwrap_or_else(|p| panic!("{p}")).0;
    let tree = browse::report(&config, &browse_options(&["--find", "parts"]), Lang::En).await.expect("tree");
    assert!(tree.contains("parts = 41  u32  nsu=urn:test:machine;s=parts"), "{tree}");
    let tags =
        browse::report(&config, &browse_options(&["--toml", "--node", "nsu=urn:test:machine;s=machine"]), Lang::Zh)
            .await;
    let tags = tags.expect("tags");
    for name in ["parts", "program", "power", "switch", "state"] {
        assert!(tags.contains(&format!("name = \"{name}\"\nnode = \"nsu=urn:test:machine;s={name}\"\n")), "{tags}");
    }
}

#[tokio::test]
async fn asyncua_every_policy_and_login() {
    every_policy_and_login(Stack::Asyncua).await;
}

#[tokio::test]
async fn node_opcua_every_policy_and_login() {
    every_policy_and_login(Stack::NodeOpcua).await;
}

fn browse_options(options: &[&str]) -> browse::Options {
    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        options: browse::Options,
    }
    let words = ["browse", "press"].into_iter().chain(options.iter().copied());
    Line::parse_from(words.map(str::to_owned)).options
}

fn config_text(ground: &Ground, port: u16, policy: &str, pin: Option<[u8; 32]>) -> String {
    // The gateway's own certificate is made before, so that nothing here waits for a key.
    let own = ground.path("state/pki/press");
    if !own.exists() {
        for file in ["own/cert.der", "private/private.pem"] {
            let to = own.join(file);
            std::fs::create_dir_all(to.parent().expect("folder")).expect("folder");
            std::fs::copy(ground.path("pki").join(file), to).expect("copy");
        }
    }
    let pin = pin.map(|p| format!("server_certificate_sha256 = \"{}\"\n", data_encoding::HEXLOWER.encode(&p)));
    let mut text = format!(
        "[gateway]\nstate_dir = \"{}\"\n[[device]]\nname = \"press\"\nprotocol = \"opcua\"\nendpoint = \"opc.tcp://127.0.0.1:{port}/\"\ninterval_ms = 1000\ntimeout_ms = 30000\npublishing_ms = 200\nsecurity_policy = \"{policy}\"\n{}",
        ground.path("state").display(),
        pin.unwrap_or_default()
    );
    // Three subscribed tags through a limit of two, where the server has one.
    for (name, kind) in [("state", "i32"), ("parts", "u32"), ("program", "text")] {
        text.push_str(&format!(
            "[[device.tag]]\nname = \"{name}\"\nnode = \"nsu=urn:test:machine;s={name}\"\ntype = \"{kind}\"\nsubscribe = true\n"
        ));
    }
    text
}

struct Run {
    events: mpsc::Receiver<SourceEvent>,
    board: Board,
    stop: CancellationToken,
    readings: Vec<Vec<Reading>>,
    gaps: Vec<(usize, i64, i64, GapCause)>,
}

impl Run {
    fn start(text: &str) -> Self {
        let config = Config::parse(text, Path::new("agent.toml")).unwrap_or_else(|p| panic!("{p}")).0;
        assert!(matches!(config.devices[0].link, Link::OpcUa(_)));
        let tags = config.devices[0].tags.len();
        let (sender, events) = mpsc::channel(4_096);
        let board = Board::new(&config.devices);
        let clock = Arc::new(SystemClock::new(Settings::default()).expect("clock"));
        let stop = CancellationToken::new();
        let mut tasks = start(
            &config,
            &World {
                clock,
                events: sender,
                board: board.clone(),
                known: Default::default(),
                lending: Default::default(),
            },
            &stop,
        );
        tokio::spawn(async move { while tasks.join_next().await.is_some() {} });
        Self { events, board, stop, readings: vec![Vec::new(); tags], gaps: Vec::new() }
    }

    async fn until(&mut self, what: &str, mut done: impl FnMut(&Self) -> bool) {
        let deadline = tokio::time::Instant::now() + Duration::from_secs(90);
        while !done(self) {
            let event = tokio::time::timeout_at(deadline, self.events.recv()).await;
            match event.unwrap_or_else(|_| panic!("waited in vain for: {what}\n{}", self.trouble(Lang::En))) {
                Some(SourceEvent::Readings(list)) => {
                    for reading in list {
                        self.readings[reading.tag.0 as usize].push(reading);
                    }
                }
                Some(SourceEvent::Gap { tag, from_boot_ms, to_boot_ms, cause }) => {
                    self.gaps.push((tag.0 as usize, from_boot_ms, to_boot_ms, cause));
                }
                Some(SourceEvent::Note { text, .. }) => {
                    assert!(!text.contains("subscription refused"), "{what}: {text}");
                }
                None => panic!("the source ended"),
            }
        }
    }

    fn trouble(&self, lang: Lang) -> String {
        let state = self.board.snapshot();
        state.devices[0].trouble.as_ref().map(|w| w.get(lang).to_owned()).unwrap_or_default()
    }

    /// Readings of every tag, and more of the subscribed one than polls could bring.
    async fn flows(&mut self, what: &str) {
        self.readings.iter_mut().for_each(Vec::clear);
        self.until(what, |r| r.readings.iter().all(|t| t.len() >= 3) && r.readings[0].len() >= 4 * r.readings[1].len())
            .await;
        assert!(self.readings[1].iter().all(|r| r.value == Value::U64(41)), "{what}");
        assert!(self.readings[2].iter().all(|r| r.value == Value::Text("O1001".into())), "{what}");
    }
}

async fn restart_and_another_certificate(stack: Stack) {
    let Some(ground) = Ground::ready(stack) else { return };
    let port = free_port();
    let server = ground.serve(port, "first");
    let mut run = Run::start(&config_text(&ground, port, "Basic256Sha256", Some(ground.pin("first"))));
    run.flows("readings and notifications before").await;

    drop(server);
    run.until("the outage", |r| r.gaps.iter().any(|g| g.3 == GapCause::DeviceSilent)).await;
    let server = ground.serve(port, "first");
    run.flows("readings and notifications after the restart").await;
    for tag in 0..3 {
        let pieces: Vec<_> = run.gaps.iter().filter(|g| g.0 == tag).collect();
        assert!(!pieces.is_empty() && pieces.windows(2).all(|w| w[0].2 == w[1].1), "{tag}: {pieces:?}");
    }

    drop(server);
    run.gaps.clear();
    run.until("the second outage", |r| !r.gaps.is_empty()).await;
    let _server = ground.serve(port, "second");
    let shown = data_encoding::HEXLOWER.encode(&ground.pin("second"));
    run.until("the new certificate refused", |r| r.trouble(Lang::En).contains("is not the pinned one")).await;
    let (zh, en) = (run.trouble(Lang::Zh), run.trouble(Lang::En));
    assert!(zh.contains("证书与固定的不符") && zh.contains(&shown), "{zh}");
    assert!(en.contains(&shown) && en.contains("someone may be posing as the device"), "{en}");
    run.readings.iter_mut().for_each(Vec::clear);
    run.until("every tag's gap says refused", |r| {
        (0..3).all(|tag| r.gaps.iter().any(|g| g.0 == tag && g.3 == GapCause::DeviceRefused))
    })
    .await;
    assert!(run.readings.iter().all(Vec::is_empty), "nothing is read from a server nobody trusts");
    assert_eq!(run.board.snapshot().devices[0].state, DeviceState::Down);
    run.stop.cancel();

    let mut run = Run::start(&config_text(&ground, port, "Basic256Sha256", Some(ground.pin("second"))));
    run.flows("readings after a person compared and wrote the new fingerprint").await;
    run.stop.cancel();
}

#[tokio::test]
async fn asyncua_restart_and_another_certificate() {
    restart_and_another_certificate(Stack::Asyncua).await;
}

#[tokio::test]
async fn node_opcua_restart_and_another_certificate() {
    restart_and_another_certificate(Stack::NodeOpcua).await;
}

/// A controller that starts serves before it has loaded its program: node and namespace come later, are read then, and subscribed too.
#[tokio::test]
async fn a_node_that_turns_up_later_is_read_and_subscribed() {
    let Some(ground) = Ground::ready(Stack::Asyncua) else { return };
    let port = free_port();
    let _server = ground.serve(port, "first");
    let mut text = config_text(&ground, port, "none", None);
    text.push_str("[[device.tag]]\nname = \"late\"\nnode = \"nsu=urn:test:late;s=late\"\ntype = \"i32\"\nsubscribe = true\ninterval_ms = 10000\n");
    let mut run = Run::start(&text);
    run.until("its absence", |r| r.trouble(Lang::En).contains("the server has no node nsu=urn:test:late;s=late")).await;
    run.until("the rest", |r| r.readings[..3].iter().all(|t| !t.is_empty())).await;
    assert!(run.readings[3].is_empty());
    std::fs::write(ground.path("first/late"), "").expect("file");
    // More than polls could bring.
    run.until("notifications", |r| r.readings[3].len() >= 20).await;
    run.until("the gap before it", |r| !r.gaps.is_empty()).await;
    assert!(run.gaps.iter().all(|g| g.0 == 3 && g.3 == GapCause::DeviceRefused), "{:?}", run.gaps);
    run.stop.cancel();
}

/// Machines made of the OPC Foundation's own node sets for OPC 40001-1 and OPC 30050: the names we look for are the published ones.
#[tokio::test]
async fn machines_of_the_published_node_sets_map_themselves() {
    let Some(ground) = Ground::ready(Stack::NodeOpcua) else { return };
    let port = free_port();
    let _server = ground.serve_with(port, "first", &["machines"]);
    let config = Config::parse(&config_text(&ground, port, "none", None), Path::new("agent.toml"));
    let config = config.unwrap_or_else(|p| panic!("{p}")).0;
    let proposed = browse::report(&config, &browse_options(&["--suggest"]), Lang::En).await.expect("proposed");
    for (machine, tag) in [
        ("Lathe · OPC 40001-1 (Machinery)", "name = \"lathe_state\""),
        ("Lathe · OPC 40001-1 (Machinery)", "name = \"lathe_serial_number\""),
        ("Wrapper · OPC 30050 (PackML)", "name = \"wrapper_speed\""),
        ("Wrapper · OPC 30050 (PackML)", "name = \"wrapper_mode\""),
        ("Wrapper · OPC 30050 (PackML)", "\"Unholding\" = \"run\" } }\n"),
        ("Wrapper · OPC 30050 (PackML)", "name = \"wrapper_machine_state\""),
    ] {
        let entry = |entry: &str| entry.starts_with(&format!("# {machine}\n")) && entry.contains(tag);
        assert!(proposed.split("\n\n").any(entry), "{machine} {tag}: {proposed}");
    }
}

/// The other half of the first contact: the server's people must trust the gateway, and are told which certificate it is.
#[tokio::test]
async fn a_server_that_does_not_know_the_gateway_is_told_its_certificate() {
    let Some(ground) = Ground::ready(Stack::NodeOpcua) else { return };
    let port = free_port();
    let _server = ground.serve_with(port, "first", &["strict"]);
    let pki = ground.path("pki");
    let link = ground.link(port, Policy::Basic256Sha256, Mode::SignAndEncrypt, User::Anonymous);
    let Err(trouble) = Live::open(&link, &pki, LIMIT).await else { panic!("let in") };
    let own = pki.join("own/cert.der");
    let print = data_encoding::HEXLOWER.encode(&sha2::Sha256::digest(std::fs::read(&own).expect("own certificate")));
    for text in [&trouble.words.zh, &trouble.words.en] {
        assert!(text.contains(&print) && text.contains(&own.display().to_string()), "{text}");
    }
    assert!(!trouble.is_final && trouble.cause == GapCause::DeviceRefused, "{trouble:?}");
}

/// What the installer reads at first contact, word by word from the program: the line to paste, and that it was right.
#[tokio::test]
async fn doctor_leads_from_the_first_contact_to_readings() {
    let Some(ground) = Ground::ready(Stack::Asyncua) else { return };
    let port = free_port();
    let _server = ground.serve(port, "first");
    let doctor = |text: &str| {
        let file = ground.path("agent.toml");
        std::fs::write(&file, text).expect("file");
        let out = Command::new(env!("CARGO_BIN_EXE_gongzheng-agent"))
            .args(["--lang", "en", "doctor", "--config"])
            .arg(&file)
            .output()
            .expect("doctor");
        String::from_utf8_lossy(&out.stdout).into_owned()
    };
    let unpinned = config_text(&ground, port, "Aes256_Sha256_RsaPss", None);
    let first = doctor(&unpinned);
    assert!(first.contains("Aes256_Sha256_RsaPss/SignAndEncrypt  opc.tcp://127.0.0.1:"), "{first}");
    let line = first.lines().find(|l| l.trim().starts_with("server_certificate_sha256 = ")).expect("the line to paste");
    assert!(!first.contains("nodes read"), "{first}");

    let second = doctor(
        &unpinned.replace("[[device.tag]]\nname = \"state\"", &format!("{line}\n[[device.tag]]\nname = \"state\"")),
    );
    for told in
        ["a session was opened with the security policy Aes256_Sha256_RsaPss", "the same as here", "3 of 3 nodes read"]
    {
        assert!(second.contains(told), "{told}: {second}");
    }
}

/// The judged value of an answer, as the source takes it: both stacks leave the status of a good value out or say Good.
#[tokio::test]
async fn a_good_value_is_good_on_both_stacks() {
    for stack in [Stack::Asyncua, Stack::NodeOpcua] {
        let Some(ground) = Ground::ready(stack) else { continue };
        let port = free_port();
        let _server = ground.serve(port, "first");
        let link = ground.link(port, Policy::None, Mode::Sign, User::Anonymous);
        let live = Live::open(&link, &ground.path("pki"), LIMIT).await.unwrap_or_else(|t| panic!("{}", t.words));
        let node = Node::parse("nsu=urn:test:machine;s=parts").expect("id");
        let ghost = Node::parse("nsu=urn:test:machine;s=ghost").expect("id");
        let ids = [node, ghost].map(|n| live.resolve(&n).expect("known"));
        let answers = live.read(&ids).await.expect("read");
        let kind = agent::source::modbus::decode::Kind::U32;
        assert!(matches!(judge(&answers[0], kind), Judged::Reading { value: Value::U64(41), .. }), "{stack:?}");
        assert!(matches!(judge(&answers[1], kind), Judged::Unread { misconfigured: true, .. }), "{stack:?}");
        live.close().await;
    }
}
