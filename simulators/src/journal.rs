//! What was served, and what was done to the devices: two append-only files of JSON lines.
//!
//! Constraint: a line is handed to the kernel *before* the value leaves on the wire, so that a value can never be in a
//! server without being in the journal, even when the simulator is killed. The reverse can happen (a reply that found
//! its connection closed) and is what gaps are for.
//!
//! `served.jsonl`, one line per value:
//! `{"wall_ms", "device_ms", "device", "tag", "kind", "raw", "request", "via", "valid", "fault"}` — `valid` is false when
//! the reply that carried the value was faulty or too late on purpose and must not be believed; `fault` names it.
//! A write attempt is `{"wall_ms", "device", "violation", "function", "request"}`.
//! `faults.jsonl`: `{"id", "device", "kind", "phase": "start"|"end", "wall_ms", "device_ms", "duration_ms", …}`.

use crate::clock::wall_ms;
use crate::instrument::Raw;
use crate::tags::Tag;
use serde_json::{Value, json};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// The two files.
#[derive(Debug)]
pub struct Journal {
    served: Mutex<File>,
    faults: Mutex<File>,
    request: AtomicU64,
}

/// How and when a set of values was served.
#[derive(Debug, Clone, Copy)]
pub struct Delivery<'a> {
    /// Number of the request, unique in this journal.
    pub request: u64,
    /// `modbus-tcp`, `modbus-rtu`, `rtu-over-tcp` or `opcua`.
    pub via: &'a str,
    /// Device time of the values, UTC ms.
    pub device_ms: i64,
    /// Whether a client that keeps to the protocol may believe the reply.
    pub valid: bool,
    /// The fault in force, if any.
    pub fault: Option<&'a str>,
}

impl Journal {
    /// Open (append) `served.jsonl` and `faults.jsonl` in `dir`.
    pub fn open(dir: &Path) -> io::Result<Self> {
        let open = |name: &str| OpenOptions::new().create(true).append(true).open(dir.join(name));
        Ok(Self {
            served: Mutex::new(open("served.jsonl")?),
            faults: Mutex::new(open("faults.jsonl")?),
            request: AtomicU64::new(1),
        })
    }

    /// A fresh request number.
    pub fn next_request(&self) -> u64 {
        self.request.fetch_add(1, Ordering::Relaxed)
    }

    /// Record the values of one reply.
    pub fn served<'v>(&self, delivery: Delivery<'_>, values: impl Iterator<Item = (&'static Tag, &'v Raw)>) {
        let wall = wall_ms();
        let mut lines = String::new();
        for (tag, raw) in values {
            let line = json!({
                "wall_ms": wall,
                "device_ms": delivery.device_ms,
                "device": tag.device(),
                "tag": tag.id,
                "kind": tag.kind.name(),
                "raw": raw.json(),
                "request": delivery.request,
                "via": delivery.via,
                "valid": delivery.valid,
                "fault": delivery.fault,
            });
            lines.push_str(&line.to_string());
            lines.push('\n');
        }
        append(&self.served, &lines);
    }

    /// Record an attempt to write to a machine.
    pub fn violation(&self, device: &str, function: u8, request: u64) {
        let line = json!({ "wall_ms": wall_ms(), "device": device, "violation": "VIOLATION", "function": function, "request": request });
        append(&self.served, &format!("{line}\n"));
        tracing::error!(device, function, "VIOLATION: a client tried to write to a machine");
    }

    /// Record a fault's start or end, with whatever describes it.
    pub fn fault(&self, mut line: Value) {
        line["wall_ms"] = wall_ms().into();
        append(&self.faults, &format!("{line}\n"));
    }
}

fn append(file: &Mutex<File>, text: &str) {
    let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
    if let Err(error) = file.write_all(text.as_bytes()) {
        // Without its journal a run proves nothing: stop loudly rather than serve unrecorded values.
        tracing::error!(%error, "cannot write the journal; stopping. Free disk space and start again");
        std::process::exit(74);
    }
}
