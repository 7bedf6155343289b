//! A line that runs on, with a totaliser in kilograms or tonnes, and batch numbers read from the machine.

use metrics::Interval;
use metrics::batch::results::{self, Basis};
use metrics::batch::sums;
use metrics::grade::Flag;
use metrics::oee;
use metrics::report::evaluate_window;
use metrics::shift::Schedule;
use protocol::content::{CounterConfig, Ratio, TagConfig};
use protocol::{Batch, Configuration, Content, Quality, Reading, Value, ValueType};
use serde_json::json;

use crate::fixture::{GATEWAY, HOUR, Log, MINUTE, MONDAY};

const HOURS: i64 = 10;

/// Ten hours, minute by minute: running but for the fifth hour, 10 kg in each running minute, 2 kWh too. `number` is the batch
/// number shown in a minute.
fn line(unit: &str, den: i64, number: impl Fn(i64) -> &'static str) -> Log {
    let mut log = Log::new(false);
    let tag = |id: &str, value_type, unit: &str, den, counter: bool| TagConfig {
        id: id.parse().unwrap(),
        value_type,
        unit: unit.into(),
        scale: Ratio { num: 1, den },
        role: String::new(),
        interval_ms: MINUTE,
        address: String::new(),
        counter: counter.then_some(CounterConfig { modulus: Some(1 << 32), max_per_hour: 10_000_000 }),
    };
    let tags = vec![
        tag("line/state", ValueType::U64, "", 1, false),
        tag("line/total", ValueType::U64, unit, den, true),
        tag("line/energy", ValueType::U64, "kWh", 1, true),
        tag("line/batch", ValueType::Text, "", 1, false),
    ];
    let signal = |tag: &str| json!({"gateway": GATEWAY, "tag": tag});
    log.declare("machine", json!({
        "machine": "line", "names": {"zh": "生产线", "en": "Line"},
        "signals": {"state": signal("line/state"), "total": signal("line/total"), "energy": signal("line/energy"), "batch": signal("line/batch")},
        "state_rule": {"codes": {"2": "idle", "4": "run"}},
    }));
    // Nominal rate 500 kg/h, of which one kilogram takes 7.2 s.
    log.declare(
        "recipe",
        json!({"machine": "line", "standard_ms": 3_600_000, "output": {"micro": 500_000_000, "unit": "kg"},
        "yield_basis": {"theoretical": {"output_micro": 1_000_000_000}}}),
    );
    log.record(MONDAY, &Content::Configuration(Configuration { format: 1, devices: vec![], tags }), None);
    let (mut kg, mut kwh) = (1_000_u64, 50_u64);
    for hour in 0..=HOURS {
        let mut readings = Vec::new();
        for m in hour * 60..(hour * 60 + 60).min(HOURS * 60 + 1) {
            let at = MONDAY + m * MINUTE;
            let runs = m / 60 != 4;
            let values = [
                Value::U64(if runs { 4 } else { 2 }),
                Value::U64(kg * 1000 * den.cast_unsigned() / if unit == "t" { 1_000_000 } else { 1000 }),
                Value::U64(kwh),
                Value::Text(number(m).into()),
            ];
            let boot_ms = at - log.utc(0);
            for (tag, value) in values.into_iter().enumerate() {
                readings.push(Reading { tag: tag as u32, boot_ms, value, quality: Quality::Good, source_ms: None });
            }
            kg += if runs { 10 } else { 0 };
            kwh += if runs { 2 } else { 0 };
        }
        let batch = Batch::from_readings(readings, vec![], vec![]);
        let span = batch.span().map(|(a, b)| (log.utc(a), log.utc(b)));
        log.record(MONDAY + (hour * 60 + 60) * MINUTE, &Content::Batch(batch), span);
    }
    log
}

const WINDOW: Interval = Interval::new(MONDAY, MONDAY + HOURS * HOUR);

#[test]
fn a_totaliser_and_a_nominal_rate_give_oee_in_any_unit_of_mass() {
    // A tonne register with three decimals, a kilogram register, one whose tag names no unit.
    for (unit, den) in [("t", 1000), ("kg", 1), ("", 1)] {
        let log = line(unit, den, |_| "");
        let schedule = Schedule { scheduled: true, ..Schedule::default() };
        let f = evaluate_window(&log.history(), "line", WINDOW, &schedule).facts;
        let p = f.production.unwrap();
        assert_eq!((p.measure.symbol(), p.good.items.value), (Some("kg"), 5_400_000_000), "{unit}");
        // 5,400 kg of 7.2 s are 648 min in 540 min of running and 600 planned.
        assert_eq!(p.good.standard.value, 648 * 60_000_000_000_000, "{unit}");
        let e = oee::performance(&f).unwrap();
        assert_eq!(e.num * 540, e.den * 648, "{unit}");
        assert!(f.flags.contains(&Flag::PerfGt100) && !f.flags.contains(&Flag::BatchStated));
        assert_eq!(p.without_cycle_time, 0);
        let sum = [0, 7, 123, 359, 600].windows(2).fold(0, |sum, cut| {
            let part = Interval::new(MONDAY + cut[0] * MINUTE + 1, MONDAY + cut[1] * MINUTE + 1);
            let part = evaluate_window(&log.history(), "line", part, &schedule).facts.production.unwrap();
            sum + part.good.standard.value
        });
        let whole = Interval::new(MONDAY + 1, MONDAY + 600 * MINUTE + 1);
        let whole = evaluate_window(&log.history(), "line", whole, &schedule).facts.production.unwrap();
        assert_eq!(sum, whole.good.standard.value);
    }
}

#[test]
fn a_register_of_another_unit_than_the_recipe_has_no_planned_time() {
    let log = line("L", 1, |_| "");
    let f = evaluate_window(&log.history(), "line", WINDOW, &Schedule { scheduled: true, ..Schedule::default() }).facts;
    let p = f.production.unwrap();
    assert_eq!((p.measure.symbol(), p.good.standard.value), (Some("L"), 0));
    assert_eq!(p.without_cycle_time, p.good.items.value);
    assert_eq!(oee::oee(&f), Err(oee::Undefined::NoCycleTime));
}

#[test]
fn a_machine_names_its_batches_and_a_statement_stands_above_it() {
    let number = |m: i64| match m {
        0..30 | 290..310 => "",
        30..290 => "L-1",
        _ => "L-2",
    };
    let mut log = line("kg", 1, number);
    let all = results::evaluate(&log.history(), "line", WINDOW, &[]);
    // L-2 has not ended.
    assert_eq!(all.batches.len(), 1);
    let b = &all.batches[0];
    assert_eq!((b.batch.as_str(), b.span), ("L-1", Interval::new(MONDAY + 30 * MINUTE, MONDAY + 290 * MINUTE)));
    let Basis::Signal(seen) = &b.basis else { panic!("{:?}", b.basis) };
    assert_eq!((seen.begun_after_ms, seen.is_watched), (Some(MONDAY + 29 * MINUTE), true));
    // 210 running minutes: 2,100 kg of a theoretical 1,000, 420 kWh.
    let output = b.output.unwrap();
    assert_eq!(output.good.items.value, 2_100_000_000);
    let (y, e) = (b.yield_ratio().unwrap(), b.energy_per_unit().unwrap());
    assert_eq!((y.num * 10, e.num * 5), (y.den * 21, e.den));
    assert!(!b.facts.flags.contains(&Flag::BatchStated) && !b.facts.lineage.is_empty());
    assert_eq!(sums::energy_per_batch(&all.sums).map(|r| r.num / r.den), Ok(420));
    log.declare(
        "batch",
        json!({"machine": "line", "batch": "L-1", "product": "x", "from_ms": MONDAY + 20 * MINUTE,
        "to_ms": MONDAY + 290 * MINUTE, "unit": "kg", "good_micro": 7}),
    );
    let stated = results::evaluate(&log.history(), "line", WINDOW, &[]);
    assert_eq!(stated.batches.len(), 1);
    assert!(matches!(stated.batches[0].basis, Basis::Stated { .. }));
    assert_eq!(stated.batches[0].output.unwrap().good.items.value, 7);
    // The register goes on giving the production of a window.
    let f = evaluate_window(&log.history(), "line", WINDOW, &Schedule::default()).facts;
    assert_eq!(f.production.unwrap().good.items.value, 5_400_000_000);
}
