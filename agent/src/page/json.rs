//! `/status.json`: the same facts as the page, for programs and for `gongzheng-agent status`. Pure.
//!
//! Constraints: times are ages in milliseconds on the boot clock, because the wall clock may be wrong (`read_boot_ms`, the instant itself,
//! tells two readings apart); keys are stable.

use protocol::Value;
use serde_json::{Value as Json, json};

use super::Moment;
use super::view::{engineering, gap_words};
use crate::clock::{self, SyncState};
use crate::event::DeviceState;
use crate::locale::{Lang, Words};

/// The state as JSON.
pub fn status(moment: &Moment<'_>) -> Json {
    let now = moment.clock.boot_ms;
    let age = |boot_ms: i64| now.saturating_sub(boot_ms).max(0);
    let mut index = 0;
    let devices: Vec<Json> = moment
        .config
        .devices
        .iter()
        .zip(&moment.board.devices)
        .map(|(device, health)| {
            let tags: Vec<Json> = device
                .tags
                .iter()
                .map(|tag| {
                    let state = moment.board.tags.get(index);
                    index += 1;
                    let (latest, outage) = (state.and_then(|s| s.latest.as_ref()), state.and_then(|s| s.outage));
                    json!({
                        "id": tag.id,
                        "raw": latest.map(|l| value(&l.value)),
                        "quality": latest.map(|l| quality(l.quality)),
                        "shown": latest.map(|l| engineering(tag, &l.value)),
                        "age_ms": latest.map(|l| age(l.boot_ms)),
                        "read_boot_ms": latest.map(|l| l.boot_ms),
                        "gap": outage.map(|cause| cause.name()),
                        "why": outage.map(|cause| json!({"zh": gap_words(cause, Lang::Zh), "en": gap_words(cause, Lang::En)})),
                        "unit": tag.unit,
                        "scale": tag.scale.to_string(),
                    })
                })
                .collect();
            json!({
                "name": device.name,
                "state": state_name(health.state),
                "age_ms": age(health.boot_ms),
                "answered_total": health.answered_total,
                "failed_total": health.failed_total,
                "missed_total": health.missed_total,
                "round_trip_ms": health.round_trip_ms,
                "trouble": health.trouble.as_ref().map(|t| json!({"zh": t.zh, "en": t.en})),
                "tags": tags,
            })
        })
        .collect();
    let status = &moment.status;
    let receipt = status.uplink.last_receipt.map(|r| json!({"age_ms": age(r.boot_ms), "server_ms": r.server_ms}));
    let (sync, error_ms) = match moment.clock.sync {
        SyncState::Unknown => ("unknown", None),
        SyncState::Unsynchronised => ("unsynchronised", None),
        SyncState::Synchronised { error_ms } => ("synchronised", Some(error_ms)),
    };
    let (state, remedy) = clock::words::state(&moment.clock);
    let in_both = |words: &Words| json!({"zh": words.zh, "en": words.en});
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "site": moment.enrolment.map(|e| e.site.as_str()),
        "gateway": moment.enrolment.map(|e| e.gateway.as_str()),
        "simulated": moment.enrolment.is_some_and(|e| e.simulated),
        "uptime_ms": age(status.started_boot_ms),
        "readings_total": status.readings_total,
        "records_total": status.records_total,
        "next_sequence": status.next_sequence,
        "chain": status.chain,
        "buffer": {
            "undelivered_records": status.buffer.undelivered_records,
            "bytes_on_disk": status.buffer.bytes_on_disk,
            "bytes_left": status.buffer.bytes_left,
            "hours_left": status.hours_left,
            "blocked": status.buffer_blocked,
        },
        "uplink": {
            "connected": status.uplink.connected,
            "in_flight": status.uplink.in_flight,
            "problem": status.uplink.problem.as_ref().map(in_both),
            "last_receipt": receipt,
        },
        "clock": { "wall_ms": moment.clock.wall_ms, "sync": sync, "error_ms": error_ms, "state": in_both(&state),
            "remedy": remedy.as_ref().map(in_both) },
        "notices": status.notices.iter().map(|n| json!({"age_ms": age(n.boot_ms), "zh": n.words.zh, "en": n.words.en})).collect::<Vec<_>>(),
        "devices": devices,
    })
}

fn value(value: &Value) -> Json {
    match value {
        Value::Bool(v) => json!(v),
        Value::I64(v) => json!(v),
        Value::U64(v) => json!(v),
        // Widened to 64 bits it would show digits that nobody measured: 230.1999969482422 for 230.2.
        Value::F32(v) => v.to_string().parse::<f64>().map_or(Json::Null, |v| json!(v)),
        Value::F64(v) => json!(v),
        Value::Text(v) => json!(v),
    }
}

fn quality(quality: protocol::Quality) -> &'static str {
    match quality {
        protocol::Quality::Good => "good",
        protocol::Quality::Uncertain => "uncertain",
        protocol::Quality::Bad => "bad",
    }
}

/// The fixed word of a device state.
pub fn state_name(state: DeviceState) -> &'static str {
    match state {
        DeviceState::Starting => "starting",
        DeviceState::Up => "up",
        DeviceState::Down => "down",
        DeviceState::Stopped => "stopped",
    }
}
