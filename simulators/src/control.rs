//! The control socket: JSON lines over TCP on loopback, one answer per line.
//!
//! `{"device":"press","kind":"timeout","duration_ms":3000}` puts a fault in force (see [`crate::faults`]);
//! `{"command":"hold","device":"press","runs":false,"duration_ms":60000}` stops a machine or keeps it running;
//! `{"command":"swap_clamps","devices":["press","lathe"]}` mixes two meters up, and puts them right again;
//! `{"command":"status"}` tells the clock and the states; `{"command":"truth"}` writes `truth.json` now. A line longer
//! than 4 KiB ends the connection.

use crate::floor::{Floor, Order};
use crate::told;
use crate::told::Told;
use crate::truth;
use serde_json::{Value, json};
use std::io;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

const LINE_MAX: u64 = 4_096;

#[derive(serde::Deserialize)]
struct Hold<'a> {
    device: &'a str,
    runs: bool,
    duration_ms: u64,
}

#[derive(serde::Deserialize)]
struct Swap<'a> {
    #[serde(borrow)]
    devices: [&'a str; 2],
}

/// Serve the control socket on `port` (0: any). Returns the port.
pub async fn serve(floor: Arc<Floor>, dir: PathBuf, port: u16) -> io::Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    let port = listener.local_addr()?.port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (floor, dir) = (Arc::clone(&floor), dir.clone());
            tokio::spawn(async move {
                if let Err(error) = connection(&floor, &dir, stream).await {
                    tracing::debug!(%error, "control connection ended");
                }
            });
        }
    });
    Ok(port)
}

async fn connection(floor: &Arc<Floor>, dir: &Path, stream: TcpStream) -> io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut read = BufReader::new(read);
    loop {
        let mut line = String::new();
        let count = (&mut read).take(LINE_MAX).read_line(&mut line).await?;
        if count == 0 {
            return Ok(());
        }
        let answer = match command(floor, dir, line.trim()) {
            Ok(mut value) => {
                value["ok"] = true.into();
                value
            }
            Err(told) => json!({ "ok": false, "error": told.en, "error_zh": told.zh }),
        };
        write.write_all(format!("{answer}\n").as_bytes()).await?;
        if !line.ends_with('\n') {
            return Ok(());
        }
    }
}

fn command(floor: &Arc<Floor>, dir: &Path, line: &str) -> Result<Value, Told> {
    if let Ok(order) = serde_json::from_str::<Order<'_>>(line) {
        return floor.inject(order);
    }
    let value: Value =
        serde_json::from_str(line).map_err(|error| told!("不是命令：{error}", "not a command: {error}"))?;
    match value.get("command").and_then(Value::as_str) {
        Some("status") => Ok(floor.with_world(|world| {
            let states: serde_json::Map<_, _> = world
                .machines()
                .iter()
                .map(|machine| (machine.profile().id.to_owned(), json!([machine.state(), machine.cause()])))
                .collect();
            json!({ "device_ms": world.now(), "states": states, "power_mw": world.power_mw("main") })
        })),
        Some("hold") => {
            let order: Hold<'_> = serde_json::from_str(line)
                .map_err(|error| told!("命令 hold 写得不对：{error}", "the command hold is wrong: {error}"))?;
            floor.hold(order.device, order.runs, order.duration_ms)
        }
        Some("swap_clamps") => {
            let order: Swap<'_> = serde_json::from_str(line).map_err(|error| {
                told!("命令 swap_clamps 写得不对：{error}", "the command swap_clamps is wrong: {error}")
            })?;
            floor.swap_clamps(order.devices)
        }
        Some("truth") => {
            let path = dir.join("truth.json");
            let from = floor.clock().start_ms();
            let value = floor.with_world(|world| truth::describe(world, from));
            let shown = path.display();
            truth::write_atomic(&path, &value)
                .map_err(|error| told!("写不了 {shown}：{error}", "cannot write {shown}: {error}"))?;
            Ok(json!({ "path": path }))
        }
        _ => match serde_json::from_str::<Order<'_>>(line) {
            Ok(_) => Ok(Value::Null),
            Err(error) => Err(told!("没有这个命令：{error}", "unknown command: {error}")),
        },
    }
}

/// Send one line to a control socket and return the answer.
pub async fn ask(address: &str, line: &Value) -> io::Result<Value> {
    let stream = TcpStream::connect(address).await?;
    let (read, mut write) = stream.into_split();
    write.write_all(format!("{line}\n").as_bytes()).await?;
    let mut answer = String::new();
    BufReader::new(read).take(1 << 20).read_line(&mut answer).await?;
    serde_json::from_str(&answer).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}
