//! The ground truth: what really happened, in the words and units the metrics use.
//!
//! Instants are UTC ms, durations ms, energy µJ as decimal strings (they outgrow 2⁵³), ratios numerator and
//! denominator. `oee` is Σ PRI·GQ over planned busy time of the shift, as ISO 22400 and our catalogue define it. A
//! shift still running is listed with `"open": true` and holds what happened so far.

use crate::calendar::{PLANNED, Shift, iso_date};
use crate::world::state::{Interval, State};
use crate::world::{COMPRESSOR, MAIN, ShiftTally, VESSEL, World};
use serde_json::{Value, json};
use std::io;
use std::path::Path;

/// Describe everything the world knows from `from_ms` on.
pub fn describe(world: &World, from_ms: i64) -> Value {
    let config = world.config();
    let mut machines = Vec::new();
    for machine in world.machines() {
        let profile = machine.profile();
        machines.push(json!({
            "id": profile.id,
            "products": profile.products.iter().map(|p| json!({
                "code": p.code, "name": p.name, "pri_ms": p.pri_ms,
            })).collect::<Vec<_>>(),
            "intervals": intervals(machine.intervals(), from_ms),
            "energy_uj": machine.tally().energy_uj.to_string(),
            "good": machine.tally().good_total(),
            "reject": machine.tally().reject_total(),
        }));
    }
    if let Some(vessel) = world.vessel() {
        machines.push(json!({
            "id": VESSEL,
            "intervals": intervals(vessel.intervals(), from_ms),
            "energy_uj": vessel.tally().energy_uj.to_string(),
            "output_grams": vessel.output_grams(),
        }));
    }
    for id in [COMPRESSOR, MAIN] {
        machines.push(json!({ "id": id, "energy_uj": world.energy_uj(id).unwrap_or(0).to_string() }));
    }
    let closed = world.closed_shifts().iter().map(|tally| shift(world, tally, false));
    let open = world.open_shift();
    let shifts: Vec<Value> = closed.chain(open.iter().map(|tally| shift(world, tally, true))).collect();
    json!({
        "format": "gongzheng-truth/1",
        "simulated": true,
        "seed": config.seed,
        "epoch_ms": config.epoch_ms,
        "retrofit_ms": config.retrofit_ms,
        "rest_weekday": config.rest_weekday,
        "from_ms": from_ms,
        "until_ms": world.now(),
        "machines": machines,
        "shifts": shifts,
    })
}

/// Write `value` to `path` so that a reader sees the old or the new file, never half of one.
pub fn write_atomic(path: &Path, value: &Value) -> io::Result<()> {
    let mut name = path.as_os_str().to_owned();
    name.push(".tmp");
    std::fs::write(&name, format!("{value}\n"))?;
    std::fs::rename(&name, path)
}

fn intervals(list: &[Interval], from_ms: i64) -> Vec<Value> {
    list.iter()
        .filter(|interval| interval.until > from_ms)
        .map(|i| json!([i.from.max(from_ms), i.until, i.state, i.cause, i.product]))
        .collect()
}

fn shift(world: &World, closed: &ShiftTally, open: bool) -> Value {
    let ShiftTally { shift, machine, tally } = closed;
    let mut out = json!({
        "machine": machine,
        "production_date": iso_date(shift.production_day()),
        "shift": shift.name(),
        "from_ms": shift.start(),
        "until_ms": shift.end(),
        "energy_uj": tally.energy_uj.to_string(),
    });
    if open {
        out["open"] = true.into();
    }
    let worked = Shift::is_worked(*shift, world.config().rest_weekday);
    let planned = if worked { PLANNED } else { 0 };
    if let Some(found) = world.machine(machine) {
        let products = found.profile().products;
        let standard: i64 = products.iter().zip(tally.good).map(|(p, good)| p.pri_ms * good as i64).sum();
        let all: i64 = products
            .iter()
            .zip(tally.good.iter().zip(tally.reject))
            .map(|(p, (good, reject))| p.pri_ms * (good + reject) as i64)
            .sum();
        out["planned_ms"] = planned.into();
        out["run_ms"] = tally.state_ms[State::Run as usize].into();
        out["good"] =
            products.iter().zip(tally.good).map(|(p, n)| (p.code.to_string(), Value::from(n))).collect::<Value>();
        out["reject"] =
            products.iter().zip(tally.reject).map(|(p, n)| (p.code.to_string(), Value::from(n))).collect::<Value>();
        out["good_total"] = tally.good_total().into();
        out["reject_total"] = tally.reject_total().into();
        out["good_standard_ms"] = standard.into();
        out["all_standard_ms"] = all.into();
        out["oee"] = json!([standard, planned]);
    }
    if world.machine(machine).is_some() || *machine == VESSEL {
        out["state_ms"] = [
            ("OFF", State::Off),
            ("IDLE", State::Idle),
            ("WAIT", State::Wait),
            ("RUN", State::Run),
            ("SETUP", State::Setup),
            ("FAULT", State::Fault),
            ("MAINT", State::Maint),
        ]
        .map(|(name, state)| (name.to_owned(), Value::from(tally.state_ms[state as usize])))
        .into_iter()
        .collect::<Value>();
    }
    out
}
