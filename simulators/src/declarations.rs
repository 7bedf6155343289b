//! What people of this simulated firm would state: calendar, machines, meters, cycle times, rejects, plan.
//!
//! The site itself is not among them: it exists, as simulated, before anyone can state anything about it.
//!
//! Everything comes from the constants the world itself runs on. A machine whose history came through another gateway is
//! declared twice: with that gateway from the beginning, with the live one from `switch_ms` on. Rejects of the machining
//! centre, which has no reject counter, are stated per shift from the ground truth, as a quality inspector would.

use crate::calendar::{BREAKS, DAY, DAY_SHIFT_START, MINUTE, SHIFT, ZONE_OFFSET_MS, iso_date};
use crate::tags::{Device, Role, devices};
use crate::world::{Config, World};
use serde_json::{Value, json};

/// Which gateways, periods and sides to declare.
#[derive(Debug, Clone)]
pub struct Options<'a> {
    /// The world.
    pub config: Config,
    /// The gateway that reads live.
    pub gateway: &'a str,
    /// The gateway that brought the history, until `switch_ms`.
    pub history: Option<(&'a str, i64)>,
    /// From when the statements hold, UTC ms.
    pub effective_from: i64,
}

/// The first instant of the site's weeks and of the comparison's periods.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Begin of the world, UTC ms.
    pub epoch_ms: i64,
    /// The retrofit, UTC ms: a Monday, local midnight.
    pub retrofit_ms: i64,
    /// Production dates of the baseline, both included.
    pub baseline: (i64, i64),
    /// Production dates of the reporting period, both included.
    pub reporting: (i64, i64),
}

/// Lay `weeks` whole weeks before the week of `until_ms`, the retrofit after `retrofit_week` of them.
pub fn span(until_ms: i64, weeks: i64, retrofit_week: i64) -> Span {
    let week = 7 * DAY;
    let end = crate::calendar::week_start(until_ms);
    let start = end - weeks * week;
    let retrofit_ms = start + retrofit_week * week;
    let day = |utc_ms: i64| (utc_ms + ZONE_OFFSET_MS).div_euclid(DAY);
    Span {
        epoch_ms: crate::calendar::Shift::at(start).start(),
        retrofit_ms,
        baseline: (day(start), day(retrofit_ms) - 1),
        reporting: (day(retrofit_ms), day(end) - 1),
    }
}

/// Every declaration, in the order they should be appended: `{"kind","effective_from","reason","body"}`.
pub fn declarations(options: &Options<'_>) -> Vec<Value> {
    let mut out = Vec::new();
    let mut put = |kind: &str, effective_from: i64, reason: &str, body: Value| {
        out.push(json!({ "kind": kind, "effective_from": effective_from, "reason": reason, "body": body }));
    };
    let from = options.effective_from;
    put("calendar", from, "两班制 / two shifts", calendar(options.config.rest_weekday));
    let first = options.history.map_or(options.gateway, |(gateway, _)| gateway);
    for device in devices(options.config.hall) {
        put("machine", from, "设备与信号 / machine and signals", machine(device, first));
    }
    for (id, class) in METERS.iter().filter(|(id, _)| devices(options.config.hall).any(|device| device.id == *id)) {
        put("meter", from, "计量器具台账 / ledger of instruments", meter(id, class, from));
    }
    let world = World::new(Config { record: false, ..options.config });
    for known in world.machines() {
        let id = known.profile().id;
        if id == "lathe" {
            // No counter reaches us: nothing to multiply a cycle time with.
            continue;
        }
        for product in known.profile().products {
            let shown = if id == "cnc" { product.name.to_owned() } else { product.code.to_string() };
            let body = json!({ "machine": id, "product": shown, "item_us": product.pri_ms * 1_000 });
            put("cycle_time", from, "工艺节拍 / planned cycle", body);
        }
    }
    if let Some((_, switch_ms)) = options.history {
        for device in devices(options.config.hall) {
            put("machine", switch_ms, "改由新网关采集 / read by the new gateway", machine(device, options.gateway));
        }
    }
    out
}

/// Machines whose meters have a name plate in the ledger, with their accuracy class. The clamp on the lathe has none: nobody
/// verified it.
const METERS: [(&str, &str); 6] =
    [("main", "0.5S"), ("press", "1"), ("cnc", "1"), ("compressor", "1"), ("vessel", "1"), ("blister", "1")];

fn meter(id: &str, class: &str, from: i64) -> Value {
    let date = |ms: i64| iso_date((ms + ZONE_OFFSET_MS).div_euclid(DAY));
    let serial = format!("DT-{id}");
    let mut body = json!({
        "machine": id, "serial": serial, "class": class, "register": "primary",
        "certificates": [{
            "kind": "verification", "number": format!("JD-{id}"), "issued": date(from - 90 * DAY),
            "valid_until": date(from + 3 * 365 * DAY),
        }],
    });
    if id == "main" {
        body["ct"] = json!({ "class": "0.2S", "primary": 600, "secondary": 5 });
    }
    body
}

/// Rejects of the machining centre per shift that ended before `until_ms`, from the ground truth.
pub fn quality_counts(world: &World) -> Vec<Value> {
    world
        .closed_shifts()
        .iter()
        .filter(|closed| closed.machine == "cnc" && closed.shift.is_worked(world.config().rest_weekday))
        .map(|closed| {
            let body = json!({
                "machine": "cnc",
                "date": iso_date(closed.shift.production_day()),
                "shift": closed.shift.name(),
                "reject": closed.tally.reject_total(),
            });
            json!({
                "kind": "quality_count", "effective_from": closed.shift.end(),
                "reason": "检验记录 / inspection record", "body": body,
            })
        })
        .collect()
}

/// The comparison of the two sides of the retrofit.
pub fn plan(hall: bool, span: &Span, effective_from: i64) -> Value {
    let range = |(from, to): (i64, i64)| json!({ "from": iso_date(from), "to": iso_date(to) });
    let machines: Vec<&str> =
        devices(hall).filter(|device| !matches!(device.id, "main")).map(|device| device.id).collect();
    json!({
        "kind": "plan",
        "effective_from": effective_from,
        "reason": "改造前约定 / agreed before the retrofit",
        "body": {
            "plan": "retrofit",
            "names": { "zh": "产线数字化改造成效对比", "en": "Effect of the line's digital retrofit" },
            "baseline": range(span.baseline),
            "reporting": range(span.reporting),
            "machines": machines,
            "incoming": "main",
            "seed": 20_260,
            "option": "B",
            "boundary": { "zh": "产线全部生产设备", "en": "all production machines of the line" },
            "metrics": [
                { "definition": "oee.iso22400@1", "target": { "value": "2", "unit": "percentage_points", "direction": "increase" } },
                { "definition": "energy.per_good@1", "target": { "value": "2", "unit": "percent", "direction": "decrease" } },
            ],
        },
    })
}

fn calendar(rest_weekday: Option<u8>) -> Value {
    let weekdays: Vec<u8> = (1..=7).filter(|day| rest_weekday != Some(day - 1)).collect();
    let shift = |id: &str, zh: &str, en: &str, start: i64| {
        let breaks: Vec<Value> = BREAKS
            .iter()
            .map(|(offset, length)| json!({ "start": clock(start + offset), "end": clock(start + offset + length) }))
            .collect();
        json!({
            "shift": id, "names": { "zh": zh, "en": en }, "start": clock(start), "end": clock(start + SHIFT),
            "weekdays": weekdays, "breaks": breaks,
        })
    };
    json!({
        "calendar": "main",
        "shifts": [
            shift("day", "白班", "Day", DAY_SHIFT_START),
            shift("night", "夜班", "Night", DAY_SHIFT_START + SHIFT),
        ],
    })
}

/// Local time of day as `HH:MM`.
fn clock(offset: i64) -> String {
    let minutes = offset.rem_euclid(DAY) / MINUTE;
    format!("{:02}:{:02}", minutes / 60, minutes % 60)
}

fn machine(device: &Device, gateway: &str) -> Value {
    let mut signals = serde_json::Map::new();
    for (name, role) in [
        ("state", Role::State),
        ("state", Role::Phase),
        ("power", Role::Power),
        ("energy", Role::Energy),
        ("good", Role::Good),
        ("reject", Role::Reject),
        ("total", Role::Parts),
        ("product", Role::Product),
        ("order", Role::Batch),
    ] {
        if let Some(tag) = device.tag(role) {
            signals.insert(name.to_owned(), json!({ "gateway": gateway, "tag": tag.id }));
        }
    }
    let role = match device.id {
        "compressor" => "auxiliary",
        "main" => "meter",
        _ => "production",
    };
    let mut body = json!({
        "machine": device.id,
        "names": { "zh": device.zh, "en": device.en },
        "critical": role == "production",
        "role": role,
        "calendar": "main",
        "signals": signals,
    });
    if let Some(rule) = state_rule(device.id) {
        body["state_rule"] = rule;
    }
    body
}

fn state_rule(id: &str) -> Option<Value> {
    Some(match id {
        "press" | "blister" => json!({ "codes": {
            "0": "off", "2": "idle", "4": "run", "8": "fault", "12": "wait", "20": "setup", "21": "maint",
        } }),
        "cnc" => json!({ "codes": { "0": "off", "1": "fault", "2": "idle", "3": "run" } }),
        "compressor" => json!({ "codes": { "0": "off", "1": "idle", "2": "run" } }),
        "vessel" => json!({ "codes": {
            "0": "idle", "1": "run", "2": "run", "3": "run", "4": "run", "5": "run", "6": "setup", "7": "wait",
            "8": "fault",
        } }),
        "lathe" => json!({ "power": {
            "off_below_w": 100, "run_from_w": 2_000, "hysteresis_w": 200, "dwell_ms": 2_000,
        } }),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_whole_weeks_around_the_retrofit() {
        // Sunday 2026-11-22, 10:00 local.
        let found = span(1_795_312_800_000, 26, 13);
        assert_eq!(iso_date(found.baseline.0), "2026-05-18");
        assert_eq!(iso_date(found.baseline.1), "2026-08-16");
        assert_eq!(iso_date(found.reporting.0), "2026-08-17");
        assert_eq!(iso_date(found.reporting.1), "2026-11-15");
        assert_eq!(found.baseline.1 - found.baseline.0 + 1, 91);
        assert_eq!((found.retrofit_ms + ZONE_OFFSET_MS) % DAY, 0);
        assert!(found.epoch_ms <= found.retrofit_ms - 91 * DAY);
    }

    #[test]
    fn the_calendar_is_the_worlds() {
        let value = calendar(Some(6));
        assert_eq!(value["shifts"][0]["start"], "08:00");
        assert_eq!(value["shifts"][1]["end"], "08:00");
        assert_eq!(value["shifts"][1]["breaks"][0], json!({ "start": "00:00", "end": "00:30" }));
        assert_eq!(value["shifts"][0]["weekdays"], json!([1, 2, 3, 4, 5, 6]));
    }
}
