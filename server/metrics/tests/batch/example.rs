//! The worked example of batches as a log: a reactor and the press beside it, a day of minutes, recipes and batches.

#![allow(dead_code, reason = "each test file uses its own part")]

use metrics::exact::Rational;
use serde_json::{Value, json};

use crate::fixture::{GATEWAY, Log, MINUTE, MONDAY, Minute, World};

pub(crate) fn vector() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/batch-01.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// Minutes after midnight of `HH:MM`.
pub(crate) fn minute(text: &Value) -> i64 {
    let (h, m) = text.as_str().unwrap().split_once(':').unwrap();
    h.parse::<i64>().unwrap() * 60 + m.parse::<i64>().unwrap()
}

pub(crate) fn at(text: &Value) -> i64 {
    MONDAY + minute(text) * MINUTE
}

/// Kilograms as millionths.
pub(crate) fn micro(text: &Value) -> Option<i64> {
    let kg = Rational::parse(text.as_str()?).unwrap();
    Some(i64::try_from(kg.num() * 1_000_000 / kg.den()).unwrap())
}

pub(crate) fn world(v: &Value) -> World {
    let states = v["states"].as_array().unwrap();
    let minutes = (0..1440).map(|m| {
        let state = states.iter().rev().find(|s| minute(&s[0]) <= m).unwrap();
        let code = v["codes"][state[1].as_str().unwrap()].as_u64().unwrap();
        let runs = code == 4;
        let of = |key: &str| if runs { v[key].as_u64().unwrap() } else { 0 };
        Minute { code, good: of("good_per_running_minute"), reject: 0, wh: of("wh_per_running_minute") }
    });
    World { minutes: minutes.collect() }
}

pub(crate) fn declare_reactor(log: &mut Log) {
    let signal = |tag: &str| json!({"gateway": GATEWAY, "tag": tag});
    log.declare(
        "machine",
        json!({
            "machine": "reactor", "names": {"zh": "反应釜", "en": "Reactor"},
            "signals": {"state": signal("press/state"), "energy": signal("press/energy")},
            "state_rule": {"codes": {"1": "off", "2": "idle", "3": "wait", "4": "run", "5": "setup", "7": "maint"}},
        }),
    );
    log.declare(
        "machine",
        json!({
            "machine": "press", "names": {"zh": "冲床", "en": "Press"},
            "signals": {"state": signal("press/state"), "good": signal("press/good"), "reject": signal("press/reject")},
            "state_rule": {"codes": {"1": "off", "2": "idle", "3": "wait", "4": "run", "5": "setup", "7": "maint"}},
        }),
    );
}

pub(crate) fn recipe_body(r: &Value) -> Value {
    let phases: Vec<Value> = r["phases"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| json!({"phase": p[0], "standard_ms": p[1].as_i64().unwrap() * MINUTE}))
        .collect();
    json!({
        "machine": "reactor", "product": r["product"], "standard_ms": r["minutes"].as_i64().unwrap() * MINUTE,
        "output": {"micro": r["kg"].as_i64().unwrap() * 1_000_000, "unit": "kg"}, "yield_basis": r["yield_basis"], "phases": phases,
    })
}

pub(crate) fn batch_body(b: &Value) -> Value {
    let phases: Vec<Value> = b["phases"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| json!({"phase": p[0], "kind": p[1], "from_ms": at(&p[2]), "to_ms": at(&p[3])}))
        .collect();
    let mut body = json!({
        "machine": "reactor", "batch": b["batch"], "product": b["product"], "from_ms": at(&b["from"]), "to_ms": at(&b["to"]),
        "unit": "kg", "good_micro": micro(&b["good"]), "rejected_micro": micro(&b["rejected"]), "phases": phases,
    });
    if let Some(charged) = micro(&b["charged"]) {
        body["charged"] = json!({"micro": charged, "unit": "kg"});
    }
    body
}

/// The log of the worked example, with those batches that `keep` keeps.
pub(crate) fn example(v: &Value, keep: impl Fn(usize) -> bool) -> Log {
    let mut log = Log::new(false);
    declare_reactor(&mut log);
    for r in v["recipes"].as_array().unwrap() {
        log.declare("recipe", recipe_body(r));
    }
    for (_, b) in v["batches"].as_array().unwrap().iter().enumerate().filter(|(i, _)| keep(*i)) {
        log.declare("batch", batch_body(b));
    }
    log.run(&world(v), false, |_, _| true);
    log
}
