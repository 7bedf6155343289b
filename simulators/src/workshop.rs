//! One running simulated site: every server listening, the journal open, the truth written every few seconds.
//!
//! `endpoints.json` appears only when everything listens, complete or not at all; whoever waits for it may connect.

use crate::calendar::week_start;
use crate::clock::{SimClock, wall_ms};
use crate::control;
use crate::floor::Floor;
use crate::journal::Journal;
use crate::modbus;
use crate::opcua;
use crate::tags::{Protocol, devices};
use crate::truth;
use crate::world::Config;
use serde_json::{Map, Value, json};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// How often `truth.json` is rewritten.
const TRUTH_EVERY: Duration = Duration::from_secs(5);

/// What site to run, and where.
#[derive(Debug, Clone)]
pub struct Options {
    /// Folder for endpoints, journal and truth.
    pub dir: PathBuf,
    /// Seed of the world.
    pub seed: u64,
    /// With the packaging hall.
    pub hall: bool,
    /// Device time at start, UTC ms; the wall clock when `None`.
    pub start_at: Option<i64>,
    /// Device seconds per second.
    pub speed: u32,
    /// Where the world begins, UTC ms; the Monday of the starting week when `None`. Give the history's epoch to
    /// continue its registers.
    pub epoch_ms: Option<i64>,
    /// Retrofitted behaviour from here on, UTC ms.
    pub retrofit_ms: Option<i64>,
    /// Weekly rest day, 0 Monday … 6 Sunday.
    pub rest_weekday: Option<u8>,
    /// Also offer Basic256Sha256 on the OPC UA servers (makes keys at the first start: slow).
    pub opcua_secure: bool,
}

/// A running site.
#[derive(Debug)]
pub struct Workshop {
    /// The floor, for tests that look at the truth directly.
    pub floor: Arc<Floor>,
    /// The content of `endpoints.json`.
    pub endpoints: Value,
    dir: PathBuf,
}

impl Workshop {
    /// Start everything inside the current tokio runtime.
    pub async fn start(options: Options) -> io::Result<Self> {
        let dir = options.dir.clone();
        std::fs::create_dir_all(&dir)?;
        let dir = dir.canonicalize()?;
        let clock = SimClock::start(options.start_at, options.speed);
        let config = Config {
            seed: options.seed,
            epoch_ms: options.epoch_ms.unwrap_or_else(|| week_start(clock.start_ms())),
            hall: options.hall,
            retrofit_ms: options.retrofit_ms,
            rest_weekday: options.rest_weekday,
            record: false,
        };
        let floor = Floor::new(config, clock, Journal::open(&dir)?);
        let mut listed = Map::new();
        for device in devices(options.hall) {
            let endpoint = match device.protocol {
                Protocol::ModbusTcp => {
                    let port = modbus::tcp::serve(Arc::clone(&floor), device, 0).await?;
                    json!({ "protocol": "modbus-tcp", "host": "127.0.0.1", "port": port, "unit": device.unit })
                }
                Protocol::ModbusRtu => {
                    let terminal = modbus::rtu::serve_terminal(Arc::clone(&floor), device)?;
                    let port = modbus::rtu::serve_tcp(Arc::clone(&floor), device, 0).await?;
                    let link = dir.join(format!("{}.tty", device.id));
                    replace_link(&terminal, &link)?;
                    json!({
                        "protocol": "modbus-rtu", "path": link, "terminal": terminal, "baud": 19_200,
                        "unit": device.unit, "rtu_over_tcp_port": port,
                    })
                }
                Protocol::OpcUa => {
                    let port = opcua::serve(Arc::clone(&floor), device, &dir, options.opcua_secure).await?;
                    json!({
                        "protocol": "opcua", "host": "127.0.0.1", "port": port,
                        "url": format!("opc.tcp://127.0.0.1:{port}/"), "secure": options.opcua_secure,
                    })
                }
            };
            listed.insert(device.id.to_owned(), endpoint);
        }
        let control = control::serve(Arc::clone(&floor), dir.clone(), 0).await?;
        let endpoints = json!({
            "format": "gongzheng-sim/1",
            "simulated": true,
            "pid": std::process::id(),
            "seed": options.seed,
            "hall": options.hall,
            "speed": options.speed,
            "started_wall_ms": wall_ms(),
            "started_device_ms": clock.start_ms(),
            "epoch_ms": config.epoch_ms,
            "retrofit_ms": config.retrofit_ms,
            "rest_weekday": config.rest_weekday,
            "control": format!("127.0.0.1:{control}"),
            "devices": listed,
        });
        let workshop = Self { floor, endpoints, dir };
        workshop.write_truth()?;
        truth::write_atomic(&workshop.dir.join("endpoints.json"), &workshop.endpoints)?;
        let (floor, path) = (Arc::clone(&workshop.floor), workshop.dir.join("truth.json"));
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(TRUTH_EVERY).await;
                if let Err(error) = write_truth(&floor, &path) {
                    tracing::warn!(%error, path = %path.display(), "cannot write the ground truth");
                }
            }
        });
        Ok(workshop)
    }

    /// The port of a Modbus TCP or OPC UA device.
    pub fn port(&self, device: &str) -> Option<u16> {
        self.endpoints["devices"][device]["port"].as_u64().and_then(|port| u16::try_from(port).ok())
    }

    /// Address of the control socket.
    pub fn control(&self) -> &str {
        self.endpoints["control"].as_str().unwrap_or_default()
    }

    /// Write `truth.json` now.
    pub fn write_truth(&self) -> io::Result<()> {
        write_truth(&self.floor, &self.dir.join("truth.json"))
    }
}

fn write_truth(floor: &Floor, path: &Path) -> io::Result<()> {
    let from = floor.clock().start_ms();
    truth::write_atomic(path, &floor.with_world(|world| truth::describe(world, from)))
}

fn replace_link(target: &Path, link: &Path) -> io::Result<()> {
    match std::fs::remove_file(link) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    std::os::unix::fs::symlink(target, link)
}
