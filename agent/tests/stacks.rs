//! The agent against Modbus devices made with other people's stacks: libmodbus and pymodbus. Each lays its values out with its own
//! conversions; every type and order has to come out as the value that went in.

#[path = "stacks/support.rs"]
mod support;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use agent::clock::{Settings, SystemClock};
use agent::config::Config;
use agent::event::SourceEvent;
use agent::live::Board;
use agent::source::{World, start};
use protocol::{GapCause, Value};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use support::{Process, free_port, program, stacks_python};

/// Longest wait for something that has to happen.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running source of one device and what it said last of each tag.
struct Reader {
    config: Config,
    events: mpsc::Receiver<SourceEvent>,
    stop: CancellationToken,
    said: BTreeMap<String, Result<Value, GapCause>>,
}

impl Reader {
    /// Reads the tags (name, area, address, the rest) of the device that `head` describes.
    fn start(head: &str, tags: &[Tag]) -> Self {
        let mut text = format!(
            "[gateway]\nstate_dir = \"/nowhere\"\n[[device]]\nname = \"other\"\ninterval_ms = 200\ntimeout_ms = 1000\n{head}\n"
        );
        for (name, area, address, rest, _) in tags {
            text += &format!(
                "[[device.tag]]\nname = \"{name}\"\narea = \"{area}\"\naddress = {address}\n{}\n",
                rest.replace(", ", "\n")
            );
        }
        let (config, _) = Config::parse(&text, Path::new("agent.toml")).unwrap_or_else(|p| panic!("{p}"));
        let (sender, events) = mpsc::channel(1_024);
        let clock = Arc::new(SystemClock::new(Settings::default()).expect("clock"));
        let world = World {
            clock,
            events: sender,
            board: Board::new(&config.devices),
            known: Default::default(),
            lending: Default::default(),
        };
        let stop = CancellationToken::new();
        let mut tasks = start(&config, &world, &stop);
        tokio::spawn(async move { while tasks.join_next().await.is_some() {} });
        Self { config, events, stop, said: BTreeMap::new() }
    }

    async fn until(&mut self, what: &str, mut done: impl FnMut(&BTreeMap<String, Result<Value, GapCause>>) -> bool) {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        while !done(&self.said) {
            let event = tokio::time::timeout_at(deadline, self.events.recv()).await;
            let event = event.unwrap_or_else(|_| panic!("waited in vain for {what}: {:?}", self.said));
            let name = |index: u32| self.config.devices[0].tags[index as usize].id.replace("other/", "");
            match event.expect("the source runs") {
                SourceEvent::Readings(readings) => {
                    self.said.extend(readings.into_iter().map(|r| (name(r.tag.0), Ok(r.value))));
                }
                SourceEvent::Gap { tag, cause, .. } => {
                    self.said.insert(name(tag.0), Err(cause));
                }
                SourceEvent::Note { .. } => {}
            }
        }
    }

    /// Every tag says what it should.
    async fn agrees(&mut self, tags: &[Tag]) {
        self.until("all tags", |said| said.len() == tags.len()).await;
        for (name, .., expected) in tags {
            assert_eq!(&self.said[*name], expected, "{name}");
        }
    }

    /// The server goes away and comes back.
    async fn survives_a_restart(&mut self, server: Process, again: impl FnOnce() -> Process) {
        let is_silent = |said: &Result<Value, GapCause>| *said == Err(GapCause::DeviceSilent);
        drop(server);
        self.until("a gap", |said| said.get("u16").is_some_and(is_silent)).await;
        let _server = again();
        self.until("readings after the restart", |said| said.get("u16").is_some_and(Result::is_ok)).await;
        self.stop.cancel();
    }
}

/// Name, area, address, type and orders, what it must say.
type Tag = (&'static str, &'static str, u16, &'static str, Result<Value, GapCause>);

fn libmodbus_tags() -> Vec<Tag> {
    let refused = Err(GapCause::DeviceRefused);
    vec![
        ("u16", "holding", 0, "type = \"u16\"", Ok(Value::U64(65_535))),
        ("i16", "holding", 1, "type = \"i16\"", Ok(Value::I64(-12_345))),
        ("u32", "holding", 2, "type = \"u32\"", Ok(Value::U64(3_000_000_000))),
        ("i32", "holding", 4, "type = \"i32\"", Ok(Value::I64(-2_000_000_000))),
        ("i64", "holding", 6, "type = \"i64\"", Ok(Value::I64(-9_000_000_000_000_000))),
        ("u64", "holding", 10, "type = \"u64\"", Ok(Value::U64(18_000_000_000_000_000_000))),
        ("abcd", "holding", 14, "type = \"f32\"", Ok(Value::F32(230.5))),
        ("badc", "holding", 16, "type = \"f32\", byte_order = \"little\"", Ok(Value::F32(-0.156_25))),
        ("cdab", "holding", 18, "type = \"f32\", word_order = \"little\"", Ok(Value::F32(49.98))),
        (
            "dcba",
            "holding",
            20,
            "type = \"f32\", byte_order = \"little\", word_order = \"little\"",
            Ok(Value::F32(1.0e-9)),
        ),
        ("set", "holding", 22, "type = \"bit\", bit = 10", Ok(Value::Bool(true))),
        ("clear", "holding", 22, "type = \"bit\", bit = 9", Ok(Value::Bool(false))),
        ("input", "input", 0, "type = \"u16\"", Ok(Value::U64(4_711))),
        ("coil", "coil", 18, "type = \"bit\"", Ok(Value::Bool(true))),
        ("no_coil", "coil", 19, "type = \"bit\"", Ok(Value::Bool(false))),
        ("discrete", "discrete", 19, "type = \"bit\"", Ok(Value::Bool(true))),
        ("no_discrete", "discrete", 18, "type = \"bit\"", Ok(Value::Bool(false))),
        ("beyond", "holding", 64, "type = \"u16\"", refused.clone()),
        ("beyond_coil", "coil", 40, "type = \"bit\"", refused),
    ]
}

fn pymodbus_tags() -> Vec<Tag> {
    let mut tags = Vec::new();
    let little = "word_order = \"little\"";
    for (names, start, order) in [
        (["u16", "i16", "u32", "i32", "u64", "i64", "f32", "f64"], 0, ""),
        (["u16_l", "i16_l", "u32_l", "i32_l", "u64_l", "i64_l", "f32_l", "f64_l"], 20, little),
    ] {
        let values = [
            (0, "type = \"u16\"", Value::U64(65_535)),
            (1, "type = \"i16\"", Value::I64(-12_345)),
            (2, "type = \"u32\"", Value::U64(3_000_000_000)),
            (4, "type = \"i32\"", Value::I64(-2_000_000_000)),
            (6, "type = \"u64\"", Value::U64(18_000_000_000_000_000_000)),
            (10, "type = \"i64\"", Value::I64(-9_000_000_000_000_000)),
            (14, "type = \"f32\"", Value::F32(230.5)),
            (16, "type = \"f64\"", Value::F64(-1.0e-300)),
        ];
        for (name, (offset, kind, value)) in names.into_iter().zip(values) {
            let rest: &'static str = format!("{kind}, {order}").leak();
            tags.push((name, "holding", start + offset, rest, Ok(value)));
        }
    }
    tags.push(("text", "holding", 40, "type = \"text\", registers = 5", Ok(Value::Text("Zähler 7".into()))));
    tags.push(("input", "input", 0, "type = \"u16\"", Ok(Value::U64(4_711))));
    tags.push(("coil", "coil", 18, "type = \"bit\"", Ok(Value::Bool(true))));
    tags.push(("no_coil", "coil", 19, "type = \"bit\"", Ok(Value::Bool(false))));
    tags.push(("discrete", "discrete", 19, "type = \"bit\"", Ok(Value::Bool(true))));
    tags.push(("beyond", "holding", 200, "type = \"u16\"", Err(GapCause::DeviceRefused)));
    tags
}

/// The server of `stacks/libmodbus_server.c`, compiled.
fn libmodbus(folder: &Path) -> Option<PathBuf> {
    let what = "Modbus against libmodbus";
    let cc = program("cc", "gcc", what)?;
    if !Path::new("/usr/include/modbus/modbus.h").exists() {
        support::skip(what, "its headers are not there; install the Debian package libmodbus-dev");
        return None;
    }
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/stacks/libmodbus_server.c");
    let binary = folder.join("libmodbus_server");
    let mut command = Command::new(cc);
    // The library's macros cut values to registers without saying so.
    command
        .args(["-O1", "-Wall", "-Wno-overflow", "-I/usr/include/modbus", "-o"])
        .arg(&binary)
        .arg(source)
        .arg("-lmodbus");
    assert!(command.status().expect("the compiler runs").success(), "{command:?}");
    Some(binary)
}

/// Two serial ports that are one wire: (ours, theirs).
fn wire(folder: &Path) -> Option<(Process, PathBuf, PathBuf)> {
    let socat = program("socat", "socat", "Modbus RTU against other stacks")?;
    let (ours, theirs) = (folder.join("ours"), folder.join("theirs"));
    let end = |path: &Path| format!("pty,raw,echo=0,link={}", path.display());
    let process = Process::start(Command::new(socat).arg(end(&ours)).arg(end(&theirs)));
    let deadline = std::time::Instant::now() + PATIENCE;
    while !(ours.exists() && theirs.exists()) {
        assert!(std::time::Instant::now() < deadline, "socat made no ports");
        std::thread::sleep(Duration::from_millis(10));
    }
    Some((process, ours, theirs))
}

#[tokio::test]
async fn libmodbus_over_tcp() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(binary) = libmodbus(folder.path()) else { return };
    let port = free_port().to_string();
    let server = || Process::ready(Command::new(&binary).args(["tcp", &port]));
    let running = server();
    let tags = libmodbus_tags();
    let head = format!("protocol = \"modbus_tcp\"\naddress = \"127.0.0.1:{port}\"\nunit = 1");
    let mut reader = Reader::start(&head, &tags);
    reader.agrees(&tags).await;
    reader.survives_a_restart(running, server).await;
}

#[tokio::test]
async fn libmodbus_over_a_serial_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(binary) = libmodbus(folder.path()) else { return };
    let Some((_wire, ours, theirs)) = wire(folder.path()) else { return };
    let server = || Process::ready(Command::new(&binary).arg("rtu").arg(&theirs).arg("17"));
    let running = server();
    let tags = libmodbus_tags();
    let head = format!(
        "protocol = \"modbus_rtu\"\nport = \"{}\"\nbaud = 19200\nparity = \"none\"\nunit = 17\nlate_ms = 0",
        ours.display()
    );
    let mut reader = Reader::start(&head, &tags);
    reader.agrees(&tags).await;
    reader.survives_a_restart(running, server).await;
}

/// pymodbus in one of its framings: the device, and how the agent reaches it.
async fn pymodbus(kind: &str, place: &str, head: &str) {
    let Some(python) = stacks_python("Modbus against pymodbus") else { return };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/stacks/pymodbus_server.py");
    let server = || Process::ready(Command::new(&python).arg(&script).args([kind, place]));
    let running = server();
    let tags = pymodbus_tags();
    let mut reader = Reader::start(&format!("{head}\nunit = 17"), &tags);
    reader.agrees(&tags).await;
    reader.survives_a_restart(running, server).await;
}

#[tokio::test]
async fn pymodbus_over_tcp() {
    let port = free_port().to_string();
    pymodbus("tcp", &port, &format!("protocol = \"modbus_tcp\"\naddress = \"127.0.0.1:{port}\"")).await;
}

#[tokio::test]
async fn pymodbus_with_rtu_frames_over_tcp() {
    let port = free_port().to_string();
    let head = format!("protocol = \"modbus_rtu_over_tcp\"\naddress = \"127.0.0.1:{port}\"");
    pymodbus("rtu-over-tcp", &port, &head).await;
}

#[tokio::test]
async fn pymodbus_over_a_serial_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some((_wire, ours, theirs)) = wire(folder.path()) else { return };
    let head = format!(
        "protocol = \"modbus_rtu\"\nport = \"{}\"\nbaud = 19200\nparity = \"none\"\nlate_ms = 0",
        ours.display()
    );
    pymodbus("rtu", &theirs.display().to_string(), &head).await;
}
