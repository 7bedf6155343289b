//! Every entry of the register table is served by its real protocol, and every fault does what it says.

use serde_json::{Value, json};
use simulators::control;
use simulators::modbus::rtu::crc16;
use simulators::tags::{Device, Kind, Protocol, devices};
use simulators::workshop::{Options, Workshop};
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_modbus::client::{Context, tcp};
use tokio_modbus::prelude::{Reader, Slave, Writer};

// A Tuesday 10:00 +08:00: every machine is at work.
const START: i64 = 1_780_365_600_000;

async fn start(dir: &Path) -> Workshop {
    let options = Options {
        dir: dir.to_path_buf(),
        seed: 77,
        hall: true,
        start_at: Some(START),
        speed: 1,
        epoch_ms: None,
        retrofit_ms: None,
        rest_weekday: Some(6),
        opcua_secure: false,
    };
    Workshop::start(options).await.unwrap()
}

async fn connect(workshop: &Workshop, device: &Device) -> Context {
    let address = SocketAddr::from(([127, 0, 0, 1], workshop.port(device.id).unwrap()));
    tcp::connect_slave(address, Slave(device.unit)).await.unwrap()
}

fn journal(dir: &Path, name: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(dir.join(name)).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The raw value of a tag from the words of a whole-table read.
fn decode(device: &Device, words: &[u16], name: &str) -> f64 {
    let tag = device.tags.iter().find(|tag| tag.id == name).unwrap();
    let at = usize::from(tag.address);
    let two = || (u32::from(words[at]) << 16) | u32::from(words[at + 1]);
    match tag.kind {
        Kind::U16 => f64::from(words[at]),
        Kind::U32 => f64::from(two()),
        Kind::F32 => f64::from(f32::from_bits(two())),
        Kind::I32 | Kind::F64 | Kind::Text => panic!("not a Modbus type"),
    }
}

fn assert_served(dir: &Path, device: &Device, words: &[u16], via: &str) {
    let lines = journal(dir, "served.jsonl");
    for tag in device.tags {
        let line = lines
            .iter()
            .rev()
            .find(|line| line["tag"] == tag.id && line["via"] == via)
            .unwrap_or_else(|| panic!("{} not journalled via {via}", tag.id));
        assert_eq!(line["raw"].as_f64().unwrap(), decode(device, words, tag.id), "{}", tag.id);
        assert_eq!(line["kind"], tag.kind.name());
        assert_eq!(line["valid"], true);
        assert!(line["device_ms"].as_i64().unwrap() >= START);
    }
}

#[tokio::test]
async fn modbus_tcp_serves_the_whole_table_and_journals_it() {
    let dir = tempfile::tempdir().unwrap();
    let workshop = start(dir.path()).await;
    for device in devices(true).filter(|device| device.protocol == Protocol::ModbusTcp) {
        let mut client = connect(&workshop, device).await;
        let words = client.read_holding_registers(0, device.register_end()).await.unwrap().unwrap();
        assert_served(dir.path(), device, &words, "modbus-tcp");
        let input = client.read_input_registers(0, 2).await.unwrap().unwrap();
        assert_eq!(input[0], words[0], "{}: input and holding tables are the same", device.id);
        let beyond = client.read_holding_registers(device.register_end(), 1).await.unwrap();
        assert!(beyond.is_err(), "{} answers beyond its table", device.id);
        for tag in device.tags {
            let part = client.read_holding_registers(tag.address, tag.kind.words()).await.unwrap().unwrap();
            assert_eq!(part.len(), usize::from(tag.kind.words()), "{}", tag.id);
        }
    }
    let endpoints: Value =
        serde_json::from_str(&std::fs::read_to_string(dir.path().join("endpoints.json")).unwrap()).unwrap();
    assert_eq!(endpoints["devices"]["press"]["unit"], 1);
}

#[tokio::test]
async fn a_write_is_refused_and_journalled_as_a_violation() {
    let dir = tempfile::tempdir().unwrap();
    let workshop = start(dir.path()).await;
    let press = simulators::tags::device("press").unwrap();
    let mut client = connect(&workshop, press).await;
    let answer = client.write_single_register(0, 4).await.unwrap();
    assert_eq!(answer, Err(tokio_modbus::ExceptionCode::IllegalFunction));
    let lines = journal(dir.path(), "served.jsonl");
    assert!(
        lines.iter().any(|line| line["violation"] == "VIOLATION" && line["function"] == 6 && line["device"] == "press")
    );
}

fn rtu_frame(unit: u8, function: u8, start: u16, count: u16) -> Vec<u8> {
    let mut frame = vec![unit, function];
    frame.extend(start.to_be_bytes());
    frame.extend(count.to_be_bytes());
    frame.extend(crc16(&frame).to_le_bytes());
    frame
}

fn rtu_words(frame: &[u8], unit: u8, function: u8) -> Vec<u16> {
    let (body, crc) = frame.split_at(frame.len() - 2);
    assert_eq!(crc, crc16(body).to_le_bytes());
    assert_eq!((body[0], body[1], usize::from(body[2])), (unit, function, body.len() - 3));
    body[3..].chunks(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect()
}

#[tokio::test]
async fn modbus_rtu_serves_the_clamp_meter_on_a_terminal_and_over_tcp() {
    let dir = tempfile::tempdir().unwrap();
    let workshop = start(dir.path()).await;
    let lathe = simulators::tags::device("lathe").unwrap();
    let length = 5 + 2 * usize::from(lathe.register_end());

    let path = workshop.endpoints["devices"]["lathe"]["path"].as_str().unwrap().to_owned();
    let request = rtu_frame(3, 3, 0, lathe.register_end());
    // Opened the way a gateway opens it: as a serial port with a speed and parity.
    let settings = tokio_serial::new(path, 19_200).parity(tokio_serial::Parity::Even);
    let mut line = tokio_serial::SerialPortBuilderExt::open_native_async(settings).unwrap();
    // Another unit's frame and a broken one first: both must be ignored.
    line.write_all(&rtu_frame(9, 3, 0, 1)).await.unwrap();
    let mut broken = rtu_frame(3, 3, 0, 1);
    broken[6] ^= 0x40;
    line.write_all(&broken).await.unwrap();
    tokio::time::sleep(Duration::from_millis(60)).await;
    line.write_all(&request).await.unwrap();
    let mut answer = vec![0; length];
    line.read_exact(&mut answer).await.unwrap();
    assert_served(dir.path(), lathe, &rtu_words(&answer, 3, 3), "modbus-rtu");

    let port = workshop.endpoints["devices"]["lathe"]["rtu_over_tcp_port"].as_u64().unwrap() as u16;
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let request = rtu_frame(3, 4, 0, lathe.register_end());
    stream.write_all(&request[..3]).await.unwrap();
    stream.write_all(&request[3..]).await.unwrap();
    let mut answer = vec![0; length];
    stream.read_exact(&mut answer).await.unwrap();
    assert_served(dir.path(), lathe, &rtu_words(&answer, 3, 4), "rtu-over-tcp");
}

/// A raw Modbus TCP request for the press's first `count` registers.
async fn raw(stream: &mut TcpStream, count: u8) -> Option<Vec<u8>> {
    stream.write_all(&[0x12, 0x34, 0, 0, 0, 6, 1, 3, 0, 0, 0, count]).await.ok()?;
    let mut answer = vec![0; 300];
    let read = tokio::time::timeout(Duration::from_millis(250), stream.read(&mut answer)).await;
    match read {
        Ok(Ok(0)) | Ok(Err(_)) => Some(Vec::new()),
        Ok(Ok(count)) => Some(answer[..count].to_vec()),
        Err(_) => None,
    }
}

async fn order(workshop: &Workshop, line: Value) -> Value {
    let answer = control::ask(workshop.control(), &line).await.unwrap();
    assert_eq!(answer["ok"], true, "{answer}");
    answer
}

async fn wait_until_over(dir: &Path, id: &Value) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !journal(dir, "faults.jsonl").iter().any(|line| line["id"] == *id && line["phase"] == "end") {
        assert!(Instant::now() < deadline, "fault {id} never ended");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn faults_do_what_they_say_and_end() {
    let dir = tempfile::tempdir().unwrap();
    let workshop = start(dir.path()).await;
    let port = workshop.port("press").unwrap();
    let open = || async move { TcpStream::connect(("127.0.0.1", port)).await.unwrap() };
    let fault = |kind: &str, ms: u64| json!({ "device": "press", "kind": kind, "duration_ms": ms, "delay_ms": 400 });

    let mut stream = open().await;
    let good = raw(&mut stream, 4).await.unwrap();
    assert_eq!((good.len(), &good[..9]), (17, &[0x12, 0x34, 0, 0, 0, 11, 1, 3, 8][..]));

    let answer = order(&workshop, fault("timeout", 400)).await;
    assert_eq!(raw(&mut stream, 4).await, None, "a swallowed request is never answered");
    wait_until_over(dir.path(), &answer["id"]).await;
    assert_eq!(raw(&mut stream, 4).await.unwrap().len(), 17, "the connection survived");

    let answer = order(&workshop, fault("late", 200)).await;
    assert_eq!(raw(&mut stream, 4).await, None, "too late for this client");
    wait_until_over(dir.path(), &answer["id"]).await;
    let mut late = vec![0; 17];
    stream.read_exact(&mut late).await.unwrap();
    assert_eq!(&late[..2], &[0x12, 0x34], "the late reply does arrive");

    order(&workshop, fault("wrong-transaction", 60_000)).await;
    assert_eq!(&raw(&mut stream, 4).await.unwrap()[..2], &[0x12, 0x35]);
    order(&workshop, json!({ "device": "press", "kind": "exception", "duration_ms": 60_000, "code": 6 })).await;
    assert_eq!(raw(&mut stream, 4).await.unwrap()[7..], [0x83, 6]);
    order(&workshop, fault("wrong-count", 60_000)).await;
    assert_eq!(raw(&mut stream, 4).await.unwrap()[4..9], [0, 7, 1, 3, 4]);
    order(&workshop, json!({ "device": "press", "kind": "slow", "duration_ms": 60_000, "delay_ms": 120 })).await;
    let before = Instant::now();
    assert_eq!(raw(&mut stream, 4).await.unwrap().len(), 17);
    assert!(before.elapsed() >= Duration::from_millis(120));

    let answer = order(&workshop, fault("drop", 300)).await;
    assert_eq!(raw(&mut stream, 4).await, Some(Vec::new()), "cut");
    let mut again = open().await;
    assert_eq!(raw(&mut again, 4).await, Some(Vec::new()), "closed at once");
    wait_until_over(dir.path(), &answer["id"]).await;
    let mut stream = open().await;
    assert_eq!(raw(&mut stream, 4).await.unwrap().len(), 17);

    let answer = order(&workshop, fault("restart", 400)).await;
    assert_eq!(raw(&mut stream, 4).await, Some(Vec::new()), "cut");
    let deadline = Instant::now() + Duration::from_secs(5);
    while TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
        assert!(Instant::now() < deadline, "the listener never closed");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    wait_until_over(dir.path(), &answer["id"]).await;
    let deadline = Instant::now() + Duration::from_secs(5);
    let mut stream = loop {
        if let Ok(stream) = TcpStream::connect(("127.0.0.1", port)).await {
            break stream;
        }
        assert!(Instant::now() < deadline, "the device never came back");
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    assert_eq!(raw(&mut stream, 4).await.unwrap().len(), 17, "same port after the restart");

    let lines = journal(dir.path(), "served.jsonl");
    for (name, valid) in [("late", false), ("wrong-transaction", false), ("wrong-count", false), ("slow", true)] {
        let line = lines.iter().find(|line| line["fault"] == name).unwrap_or_else(|| panic!("no {name}"));
        assert_eq!(line["valid"], valid, "{name}");
    }
    assert!(!lines.iter().any(|line| line["fault"] == "timeout"), "swallowed requests serve nothing");
    let refused =
        control::ask(workshop.control(), &json!({ "device": "prss", "kind": "drop", "duration_ms": 1 })).await;
    assert!(refused.unwrap()["error"].as_str().unwrap().contains("press"));
}

#[tokio::test]
async fn a_fault_that_a_device_cannot_have_is_refused_in_both_languages() {
    let dir = tempfile::tempdir().unwrap();
    let workshop = start(dir.path()).await;
    for (device, kind, speaks) in [
        ("press", "bad-checksum", "Modbus TCP"),
        ("cnc", "bad-checksum", "OPC UA"),
        ("cnc", "wrong-transaction", "OPC UA"),
        ("vessel", "wrong-count", "OPC UA"),
    ] {
        let line = json!({ "device": device, "kind": kind, "duration_ms": 60_000 });
        let answer = control::ask(workshop.control(), &line).await.unwrap();
        assert_eq!(answer["ok"], false, "{line}");
        let (zh, en) = (answer["error_zh"].as_str().unwrap(), answer["error"].as_str().unwrap());
        let wanted = format!("{device} speaks {speaks} and cannot have the fault {kind}; it can have: timeout, late");
        assert!(en.starts_with(&wanted), "{en}");
        assert!(zh.starts_with(&format!("{device} 走 {speaks}，不会出现 {kind} 故障；可用的有：timeout")), "{zh}");
    }
    assert!(journal(dir.path(), "faults.jsonl").is_empty(), "what was refused is not journalled as done");
    order(&workshop, json!({ "device": "lathe", "kind": "bad-checksum", "duration_ms": 1 })).await;
}

#[tokio::test]
async fn faults_on_a_serial_line_do_what_they_say() {
    let dir = tempfile::tempdir().unwrap();
    let workshop = start(dir.path()).await;
    let lathe = simulators::tags::device("lathe").unwrap();
    let length = 5 + 2 * usize::from(lathe.register_end());
    let path = workshop.endpoints["devices"]["lathe"]["path"].as_str().unwrap().to_owned();
    let settings = tokio_serial::new(path, 19_200).parity(tokio_serial::Parity::Even);
    let mut line = tokio_serial::SerialPortBuilderExt::open_native_async(settings).unwrap();
    let request = rtu_frame(3, 3, 0, lathe.register_end());
    let fault = |kind: &str| json!({ "device": "lathe", "kind": kind, "duration_ms": 60_000, "delay_ms": 400 });
    // How many bytes come within `wait_ms`, and after how long they are complete.
    async fn ask(
        line: &mut tokio_serial::SerialStream,
        request: &[u8],
        length: usize,
        wait_ms: u64,
    ) -> Option<(Vec<u8>, Duration)> {
        let asked = Instant::now();
        line.write_all(request).await.unwrap();
        let mut answer = vec![0; length];
        let read = tokio::time::timeout(Duration::from_millis(wait_ms), line.read_exact(&mut answer)).await;
        read.ok().map(|read| {
            read.unwrap();
            (answer, asked.elapsed())
        })
    }

    assert_eq!(ask(&mut line, &request, length, 5_000).await.unwrap().0.len(), length);
    for silent in ["timeout", "drop", "restart"] {
        order(&workshop, fault(silent)).await;
        assert!(
            ask(&mut line, &request, length, 250).await.is_none(),
            "{silent}: a serial line has nothing but silence"
        );
    }
    order(&workshop, fault("late")).await;
    assert!(ask(&mut line, &request, length, 200).await.is_none(), "too late for this client");
    let mut late = vec![0; length];
    tokio::time::timeout(Duration::from_secs(5), line.read_exact(&mut late)).await.unwrap().unwrap();
    assert_eq!(rtu_words(&late, 3, 3).len(), usize::from(lathe.register_end()), "the late answer does arrive");
    order(&workshop, fault("slow")).await;
    let (slow, took) = ask(&mut line, &request, length, 5_000).await.unwrap();
    assert!(took >= Duration::from_millis(400), "{took:?}");
    assert_eq!(rtu_words(&slow, 3, 3).len(), usize::from(lathe.register_end()));
    order(&workshop, fault("wrong-transaction")).await;
    assert_eq!(ask(&mut line, &request, length, 5_000).await.unwrap().0[0], 4, "another unit answers");
    order(&workshop, fault("bad-checksum")).await;
    let (bad, _) = ask(&mut line, &request, length, 5_000).await.unwrap();
    assert_ne!(bad[length - 2..], crc16(&bad[..length - 2]).to_le_bytes());
    order(&workshop, fault("exception")).await;
    assert_eq!(ask(&mut line, &request, 5, 5_000).await.unwrap().0[..3], [3, 0x83, 4]);
    order(&workshop, fault("wrong-count")).await;
    let fewer = length - 2 * usize::from(lathe.register_end().div_ceil(2));
    assert_eq!(ask(&mut line, &request, fewer, 5_000).await.unwrap().0.len(), fewer);
    order(&workshop, fault("frozen")).await;
    let (first, _) = ask(&mut line, &request, length, 5_000).await.unwrap();
    // Longer than a power slot: an honest meter would have moved.
    tokio::time::sleep(Duration::from_millis(2_100)).await;
    assert_eq!(ask(&mut line, &request, length, 5_000).await.unwrap().0, first);
    order(&workshop, json!({ "device": "lathe", "kind": "slow", "duration_ms": 0, "delay_ms": 0 })).await;
    assert_ne!(ask(&mut line, &request, length, 5_000).await.unwrap().0, first, "thawed");

    let lines = journal(dir.path(), "served.jsonl");
    for (name, valid) in [
        ("late", false),
        ("slow", true),
        ("wrong-transaction", false),
        ("bad-checksum", false),
        ("wrong-count", false),
        ("frozen", true),
    ] {
        let line = lines.iter().find(|line| line["fault"] == name).unwrap_or_else(|| panic!("no {name}"));
        assert_eq!((line["valid"].as_bool(), line["via"].as_str()), (Some(valid), Some("modbus-rtu")), "{name}");
    }
}

#[tokio::test]
async fn frozen_reset_and_replaced_registers() {
    let dir = tempfile::tempdir().unwrap();
    let workshop = start(dir.path()).await;
    let main = simulators::tags::device("main").unwrap();
    let mut client = connect(&workshop, main).await;
    let end = main.register_end();

    let frozen = order(&workshop, json!({ "device": "main", "kind": "frozen", "duration_ms": 2_500 })).await;
    let first = client.read_holding_registers(0, end).await.unwrap().unwrap();
    // Longer than a power slot: an honest meter would have moved.
    tokio::time::sleep(Duration::from_millis(2_100)).await;
    assert_eq!(client.read_holding_registers(0, end).await.unwrap().unwrap(), first);
    wait_until_over(dir.path(), &frozen["id"]).await;
    let thawed = client.read_holding_registers(0, end).await.unwrap().unwrap();
    assert_ne!(decode(main, &thawed, "main/power"), decode(main, &first, "main/power"));

    let replaced = order(&workshop, json!({ "device": "main", "kind": "meter-replacement" })).await;
    let after = client.read_holding_registers(0, end).await.unwrap().unwrap();
    assert_ne!(decode(main, &after, "main/serial"), decode(main, &thawed, "main/serial"));
    assert_eq!(replaced["after"]["main/serial"].as_f64().unwrap(), decode(main, &after, "main/serial"));
    assert!(decode(main, &after, "main/energy") < 6_000.0);
    assert!(replaced["before"]["main/energy"].as_f64().unwrap() > 1_000_000.0);

    let press = simulators::tags::device("press").unwrap();
    let mut client = connect(&workshop, press).await;
    order(&workshop, json!({ "device": "press", "kind": "counter-reset" })).await;
    let words = client.read_holding_registers(0, press.register_end()).await.unwrap().unwrap();
    assert!(decode(press, &words, "press/good") < 3.0);
    assert!(decode(press, &words, "press/energy") > 1_000_000.0, "a counter reset leaves the meter alone");
}

#[tokio::test]
async fn the_truth_file_describes_the_shift() {
    let dir = tempfile::tempdir().unwrap();
    let workshop = start(dir.path()).await;
    order(&workshop, json!({ "command": "truth" })).await;
    let truth: Value = serde_json::from_str(&std::fs::read_to_string(dir.path().join("truth.json")).unwrap()).unwrap();
    let shift = truth["shifts"].as_array().unwrap().iter().rev().find(|shift| shift["machine"] == "press").unwrap();
    assert_eq!((shift["open"].as_bool(), shift["shift"].as_str()), (Some(true), Some("day")));
    assert_eq!(shift["oee"][1], simulators::calendar::PLANNED);
    let in_states: i64 = shift["state_ms"].as_object().unwrap().values().map(|ms| ms.as_i64().unwrap()).sum();
    assert_eq!(in_states, truth["until_ms"].as_i64().unwrap() - shift["from_ms"].as_i64().unwrap());
    assert!(truth["until_ms"].as_i64().unwrap() - truth["from_ms"].as_i64().unwrap() < 60_000);
}
