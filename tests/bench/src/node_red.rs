//! Node-RED as a gateway: its Modbus nodes read, a JSON node writes, an MQTT node publishes with quality of service 1.
//!
//! Constraints: a flow as its own documentation draws it, one client per device and one reading node per 125 registers (the most one request
//! may ask for); no editor, no log of values, so that nothing but the work is measured.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value as Json, json};
use tests::wait;

use crate::gateway::{Borne, Devices, Load, TAGS_PER_DEVICE, watch};

/// Registers of one request.
const REGISTERS: usize = 125;

/// A process that ends with us.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Node-RED under a load; `None` where it is not installed (`GZ_NODE_RED` names its `node_modules`).
pub(crate) fn under(load: Load) -> Result<Option<Borne>> {
    let Some(modules) = std::env::var_os("GZ_NODE_RED") else {
        eprintln!("    skipped: Node-RED, no npm to install it with");
        return Ok(None);
    };
    let folder = tempfile::tempdir()?;
    let devices = Devices::start(load.devices())?;
    let broker = endpoint()?;
    std::fs::write(folder.path().join("flows.json"), flows(&devices.ports, broker, load.interval_ms).to_string())?;
    let settings = "module.exports = { httpAdminRoot: false, httpNodeRoot: false, disableEditor: true, \
                    logging: { console: { level: 'warn' } }, flowFile: 'flows.json' };";
    std::fs::write(folder.path().join("settings.js"), settings)?;
    let package = json!({"name": "peer", "version": "1.0.0", "dependencies": {"node-red-contrib-modbus": "*"}});
    std::fs::write(folder.path().join("package.json"), package.to_string())?;
    std::os::unix::fs::symlink(&modules, folder.path().join("node_modules"))?;
    let log = std::fs::File::create(folder.path().join("log"))?;
    let child = Command::new("node")
        .arg(Path::new(&modules).join("node-red/red.js"))
        .args(["--port", "0", "--userDir"])
        .arg(folder.path())
        .arg("--settings")
        .arg(folder.path().join("settings.js"))
        .arg("flows.json")
        .stdout(Stdio::from(log.try_clone()?))
        .stderr(Stdio::from(log))
        .spawn()
        .context("starting Node-RED")?;
    let running = Running(child);
    wait::pause(Duration::from_secs(21));
    let mut borne = watch(running.0.id(), load, &devices)?;
    let log = std::fs::read_to_string(folder.path().join("log"))?;
    ensure!(borne.read > 0.0, "Node-RED reads nothing: {log}");
    "published, not kept".clone_into(&mut borne.remark);
    Ok(Some(borne))
}

fn flows(ports: &[u16], broker: u16, interval_ms: usize) -> Json {
    let mut nodes = vec![
        json!({"id": "flow", "type": "tab", "label": "gateway"}),
        json!({"id": "broker", "type": "mqtt-broker", "broker": "127.0.0.1", "port": broker.to_string(), "clientid": "peer",
            "autoConnect": true, "usetls": false, "protocolVersion": "4", "keepalive": "60", "cleansession": true}),
    ];
    for (d, port) in ports.iter().enumerate() {
        nodes.push(
            json!({"id": format!("client{d}"), "type": "modbus-client", "name": format!("plc {d}"), "clienttype": "tcp",
            "bufferCommands": true, "stateLogEnabled": false, "queueLogEnabled": false, "tcpHost": "127.0.0.1",
            "tcpPort": port.to_string(), "tcpType": "DEFAULT", "unit_id": 1, "commandDelay": 1, "clientTimeout": 1000,
            "reconnectOnTimeout": true, "reconnectTimeout": 2000, "parallelUnitIdsAllowed": true}),
        );
        for (r, first) in (0..TAGS_PER_DEVICE).step_by(REGISTERS).enumerate() {
            let (read, json, publish) = (format!("read{d}-{r}"), format!("json{d}-{r}"), format!("out{d}-{r}"));
            nodes.push(json!({"id": read, "type": "modbus-read", "z": "flow", "name": "", "topic": "", "showStatusActivities": false,
                "logIOActivities": false, "showErrors": false, "unitid": "1", "dataType": "HoldingRegister", "adr": first.to_string(),
                "quantity": REGISTERS.to_string(), "rate": interval_ms.to_string(), "rateUnit": "ms", "delayOnStart": false,
                "server": format!("client{d}"), "useIOFile": false, "emptyMsgOnFail": false, "wires": [[json], []]}));
            nodes.push(
                json!({"id": json, "type": "json", "z": "flow", "property": "payload", "action": "str", "pretty": false,
                "wires": [[publish]]}),
            );
            nodes.push(
                json!({"id": publish, "type": "mqtt out", "z": "flow", "topic": format!("gw/d{d}/{first}"), "qos": "1",
                "retain": "false", "broker": "broker", "wires": []}),
            );
        }
    }
    Json::Array(nodes)
}

/// An MQTT 3.1.1 endpoint that acknowledges at once and keeps nothing.
fn endpoint() -> Result<u16> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let port = listener.local_addr()?.port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || acknowledge(stream));
        }
    });
    Ok(port)
}

fn acknowledge(mut stream: TcpStream) -> std::io::Result<()> {
    loop {
        let mut first = [0_u8; 1];
        stream.read_exact(&mut first)?;
        let (mut length, mut shift) = (0_usize, 0);
        loop {
            let mut byte = [0_u8; 1];
            stream.read_exact(&mut byte)?;
            length |= usize::from(byte[0] & 0x7F) << shift;
            shift += 7;
            if byte[0] & 0x80 == 0 || shift > 21 {
                break;
            }
        }
        let mut body = vec![0_u8; length];
        stream.read_exact(&mut body)?;
        match first[0] >> 4 {
            1 => stream.write_all(&[0x20, 2, 0, 0])?,
            3 if first[0] & 0b110 != 0 => {
                let topic = usize::from(u16::from_be_bytes([body[0], body[1]]));
                stream.write_all(&[0x40, 2, body[2 + topic], body[3 + topic]])?;
            }
            8 => stream.write_all(&[0x90, 3, body[0], body[1], 0])?,
            12 => stream.write_all(&[0xD0, 0])?,
            14 => return Ok(()),
            _ => {}
        }
    }
}
