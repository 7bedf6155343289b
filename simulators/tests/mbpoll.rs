//! Our Modbus simulators read by somebody else's master: mbpoll, on TCP and on the serial line. What it prints has to be what the
//! simulators wrote down before it left.

#[path = "../../agent/tests/stacks/support.rs"]
#[allow(dead_code)]
mod support;

use serde_json::Value;
use simulators::tags::{Kind, Protocol, devices};
use simulators::workshop::{Options, Workshop};
use std::path::Path;
use std::process::Command;

// A Tuesday 10:00 +08:00: every machine is at work.
const START: i64 = 1_780_365_600_000;

#[tokio::test(flavor = "multi_thread")]
async fn mbpoll_reads_what_the_simulators_serve() {
    let Some(mbpoll) = support::program("mbpoll", "mbpoll", "our Modbus simulators read by mbpoll") else { return };
    let dir = tempfile::tempdir().unwrap();
    let options = Options {
        dir: dir.path().to_path_buf(),
        seed: 77,
        hall: true,
        start_at: Some(START),
        speed: 1,
        epoch_ms: None,
        retrofit_ms: None,
        rest_weekday: Some(6),
        opcua_secure: false,
    };
    let workshop = Workshop::start(options).await.unwrap();
    let mut seen = 0;
    for device in devices(true) {
        let (via, place) = match device.protocol {
            Protocol::ModbusTcp => {
                let port = workshop.port(device.id).unwrap().to_string();
                ("modbus-tcp", vec!["-m".into(), "tcp".into(), "-p".into(), port, "127.0.0.1".into()])
            }
            Protocol::ModbusRtu => {
                let serial = serial_path(dir.path(), device.id);
                let line = ["-m", "rtu", "-b", "19200", "-P", "none"].map(String::from);
                ("modbus-rtu", [&line[..], &[serial]].concat())
            }
            Protocol::OpcUa => continue,
        };
        for tag in device.tags {
            // mbpoll's types: 16 bits unsigned, 32-bit float, 32-bit integer (signed), each with the high word first.
            let (kind, words_first) = match tag.kind {
                Kind::U16 => ("4", None),
                Kind::F32 => ("4:float", Some("-B")),
                Kind::U32 => ("4:int", Some("-B")),
                Kind::I32 | Kind::F64 | Kind::Text => panic!("not a Modbus type"),
            };
            let mut command = Command::new(&mbpoll);
            command.args(["-0", "-1", "-q", "-c", "1", "-t", kind, "-a", &device.unit.to_string()]);
            command.args(["-r", &tag.address.to_string()]).args(words_first).args(&place);
            let output = command.output().unwrap();
            let text = String::from_utf8_lossy(&output.stdout);
            assert!(output.status.success(), "{command:?}: {text} {}", String::from_utf8_lossy(&output.stderr));
            let at = format!("[{}]:", tag.address);
            let line = text.lines().find_map(|line| line.trim().strip_prefix(&at)).unwrap_or_else(|| panic!("{text}"));
            let printed: f64 = line.trim().split(' ').next().unwrap().parse().unwrap_or_else(|e| panic!("{line}: {e}"));
            let served = last_served(dir.path(), device.id, tag.id, via);
            let expected = if tag.kind == Kind::U32 { f64::from(served as u32 as i32) } else { served };
            // mbpoll prints six significant digits of a float.
            let slack = if tag.kind == Kind::F32 { expected.abs() * 1e-5 } else { 0.0 };
            assert!((printed - expected).abs() <= slack, "{}/{}: {printed} and not {expected}", device.id, tag.id);
            seen += 1;
        }
        // Beyond the table it is told so.
        let mut command = Command::new(&mbpoll);
        command.args(["-0", "-1", "-q", "-c", "1", "-t", "4", "-a", &device.unit.to_string()]);
        let output = command.args(["-r", &device.register_end().to_string()]).args(&place).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains("Illegal data address"), "{}: {said}", device.id);
    }
    assert!(seen >= 20, "{seen} values compared");
}

fn serial_path(dir: &Path, device: &str) -> String {
    let text = std::fs::read_to_string(dir.join("endpoints.json")).unwrap();
    let endpoints: Value = serde_json::from_str(&text).unwrap();
    let text = endpoints.to_string();
    endpoints["devices"][device]["path"].as_str().unwrap_or_else(|| panic!("{text}")).to_owned()
}

fn last_served(dir: &Path, device: &str, tag: &str, via: &str) -> f64 {
    let text = std::fs::read_to_string(dir.join("served.jsonl")).unwrap();
    let mut lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let last = lines.rfind(|l| l["device"] == device && l["tag"] == tag && l["via"] == via);
    last.unwrap_or_else(|| panic!("{device}/{tag} was not served via {via}"))["raw"].as_f64().unwrap()
}
