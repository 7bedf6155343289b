//! From leaves and contents to shift results of the simulated workshop: what the server does after a restart, and what a
//! verifier does with a bundle.

use std::time::{Duration, Instant};

use anyhow::Result;
use metrics::report::evaluate_window;
use metrics::shift::Schedule;
use metrics::{History, Interval};
use protocol::{Batch, Content, Declaration, Digest, Kind, Leaf, Record, ValueType};
use simulators::declarations::{Options, declarations};
use simulators::tags::{self, devices};
use simulators::world::{Config, World};

use crate::codec::{header, key};
use crate::measure::{Table, rate, repeat};
use crate::workshop::{self, EPOCH_MS};

/// Boot clock zero of the benchmark's headers on UTC, ms.
const WALL_MS: i64 = 1_790_000_000_000 - 10_000;

fn value_type(kind: tags::Kind) -> ValueType {
    match kind {
        tags::Kind::U16 | tags::Kind::U32 => ValueType::U64,
        tags::Kind::I32 => ValueType::I64,
        tags::Kind::F32 => ValueType::F32,
        tags::Kind::F64 => ValueType::F64,
        tags::Kind::Text => ValueType::Text,
    }
}

/// What the firm states, its configuration, and `hours` of readings every second: leaves with their contents.
fn log(hours: i64) -> Result<(Vec<(Leaf, Vec<u8>)>, usize)> {
    let config =
        Config { seed: 1, epoch_ms: EPOCH_MS, hall: true, retrofit_ms: None, rest_weekday: None, record: false };
    let mut leaves = Vec::new();
    for stated in declarations(&Options { config, gateway: "gw-1", history: None, effective_from: 0 }) {
        let declaration = Declaration {
            kind: stated["kind"].as_str().unwrap_or_default().to_owned(),
            effective_from: 0,
            author: "bench".into(),
            role: "firm".into(),
            reason: String::new(),
            body: stated["body"].clone(),
        };
        let content = declaration.encode()?;
        leaves.push((Leaf::declaration(0, &declaration.kind, &content), content));
    }
    let table: Vec<_> = devices(true).flat_map(|d| d.tags).collect();
    let configuration = serde_json::json!({
        "format": 1,
        "devices": devices(true).map(|d| serde_json::json!({"id": d.id, "protocol": "modbus_tcp", "address": "bench"})).collect::<Vec<_>>(),
        "tags": table.iter().map(|t| serde_json::json!({
            "id": t.id, "value_type": value_type(t.kind), "unit": t.unit, "scale": {"num": 1, "den": 10_i64.pow(u32::from(t.exponent.unsigned_abs()))},
            "role": "", "interval_ms": 1000, "address": "bench"
        })).collect::<Vec<_>>(),
    });
    let configuration: protocol::Configuration = serde_json::from_value(configuration)?;
    let content = Content::Configuration(configuration).encode()?;
    let record = Record::sign(header(Kind::Configuration, 0, Digest::ZERO, 0, 0)?, content, &key())?;
    let (digest, mut previous) = (record.header().content_digest, record.digest());
    leaves.push((Leaf::record(0, &record), record.content_bytes().to_vec()));
    let mut floor = workshop::Floor::new(vec![World::new(config)]);
    let mut readings = 0;
    for i in 0..hours * 60 {
        let list = floor.readings(i * 60_000, 60_000, 1_000)?;
        readings += list.len();
        let batch = Batch::from_readings(list, Vec::new(), Vec::new());
        let mut header = header(Kind::Batch, u64::try_from(i)? + 1, previous, batch.len(), i * 60_000)?;
        header.last_ms = (i + 1) * 60_000;
        header.clock.boot_ms = header.last_ms;
        header.clock.wall_ms = WALL_MS + header.last_ms;
        header.configuration = digest;
        let record = Record::sign(header, Content::Batch(batch).encode()?, &key())?;
        previous = record.digest();
        leaves.push((Leaf::record(0, &record), record.content_bytes().to_vec()));
    }
    Ok((leaves, readings))
}

pub(crate) fn run(table: &mut Table) -> Result<()> {
    let (leaves, readings) = log(4)?;
    let mut kept = None;
    let (count, time) = repeat(|| {
        let mut history = History::new();
        for ((leaf, content), index) in leaves.iter().zip(0..) {
            history.push(index, leaf, Some(content))?;
        }
        kept = Some(history);
        Ok(())
    })?;
    let read = f64::from(count) * readings as f64;
    table.row(
        "leaves decoded into columns",
        format!("{} readings", rate(read, time)),
        "—",
        "once per bundle or restart",
    );

    let Some(history) = kept else { return Ok(()) };
    let window = Interval::new(WALL_MS, WALL_MS + 4 * 3_600_000);
    let machines: Vec<String> = history.statements().machines().map(str::to_owned).collect();
    let schedule = Schedule { scheduled: true, ..Schedule::default() };
    let (mut looked_at, mut time) = (0, Duration::ZERO);
    while time < Duration::from_secs(1) {
        for machine in &machines {
            let start = Instant::now();
            looked_at += evaluate_window(&history, machine, window, &schedule).facts.readings;
            time += start.elapsed();
        }
    }
    table.row(
        "placed on UTC, states, counts, energy, OEE",
        format!("{} readings", rate(looked_at as f64, time)),
        "≥ 30 M/s per core",
        format!("{} machines over four hours", machines.len()),
    );
    Ok(())
}
