//! A gateway with a valid key may sign nonsense, and a person may state it. Nothing panics, and what can be said still is.

mod fixture;

use fixture::{GATEWAY, HOUR, Log, MINUTE, MONDAY, World};
use metrics::compare::SplitMix64;
use metrics::energy::factors::delivered;
use metrics::energy::integration::of_machine;
use metrics::exact::Rational;
use metrics::metrology::measured::Rules;
use metrics::metrology::{ClassTable, Loading, classes};
use metrics::settlement::{YearRule, of_year, reconcile};
use metrics::{ReportRequest, evaluate};
use protocol::content::{CounterConfig, Ratio, TagConfig};
use protocol::{Batch, BootId, Configuration, Content, Gap, GapCause, GapStart, Quality, Reading, Value, ValueType};
use serde_json::json;

/// States nonsense about instruments and bills.
fn state_nonsense(log: &mut Log) {
    let far = (1_i64 << 53) - 1;
    for (from, low) in [(-far, 1), (1, far)] {
        log.declare_from("meter", from, json!({"machine": "press", "register": "secondary", "class": "0.5S", "per_count": "0.000000001",
            "ct": {"class": "0.2S", "primary": 10_000_000, "secondary": low.min(10_000)}, "pt": {"class": "0.2", "primary": 10_000_000, "secondary": 1},
            "certificates": [{"kind": "calibration", "number": "n", "issued": "0001-01-01", "valid_until": "9999-12-31"}]}));
    }
    log.declare(
        "meter",
        json!({"machine": "press", "register": "secondary", "ct": {"primary": far, "secondary": -far}}),
    );
    for (from, to) in [
        ("2026-03-02", "2026-03-02"),
        ("2026-03-01", "2027-03-31"),
        ("0001-01-01", "0001-01-01"),
        ("9998-12-31", "9999-12-30"),
    ] {
        for unit in ["kWh", "万kWh", "furlong"] {
            log.declare("bill", json!({"carrier": "electricity", "account": unit, "from": from, "to": to, "amount": "1000000000000000", "unit": unit,
                "issuer": "x", "source": "paper", "loss": "0.000000001", "cost": "-1000000000000000", "classes": {"meter": "2", "ct": "5"}}));
        }
    }
}

/// Judges instruments, bills and power of machines about which nonsense is stated; returns how many bills met a measurement.
fn stated_nonsense_is_judged(history: &metrics::History) -> usize {
    let mut met = 0;
    let table = ClassTable::parse(classes::DELIVERED).unwrap();
    for tangent in [None, Rational::parse("100000000000000000000")] {
        let rules = Rules { table: &table, loading: Loading::Low, tangent };
        for machine in ["press", "main", "x", "y", "ghost"] {
            for period in reconcile(history, machine, &rules) {
                assert!(period.cover.observed_ms <= period.cover.of_ms);
                met += usize::from(period.measured.is_some());
            }
        }
    }
    let day = metrics::Interval::new(MONDAY, MONDAY + 24 * HOUR);
    for most_w in [None, Some(i64::MIN), Some(i64::MAX)] {
        if let Ok(energy) = of_machine(history, "x", day, most_w) {
            assert!(energy.cover.observed_ms <= energy.cover.of_ms && energy.bounds.lower <= energy.kwh);
        }
    }
    let set = delivered("kgce.equivalent@1").unwrap();
    for year in [i16::MIN, 1, 2026, 9999, i16::MAX] {
        for rule in [YearRule::Within, YearRule::EndsIn] {
            let _ = of_year(history.statements().bills(), year, rule, &set);
        }
    }
    met
}

const EXTREMES: [i64; 9] = [i64::MIN, i64::MIN + 1, -1, 0, 1, 1 << 31, 1 << 53, i64::MAX - 1, i64::MAX];

fn any(random: &mut SplitMix64) -> i64 {
    match random.next_u64() % 3 {
        0 => EXTREMES[(random.next_u64() % 9) as usize],
        1 => random.next_u64().cast_signed(),
        _ => 5_000_000 + (random.next_u64() % (24 * 3_600_000)) as i64,
    }
}

#[test]
fn signed_nonsense_never_panics() {
    for seed in 0..60 {
        println!("seed {seed}");
        let mut random = SplitMix64::new(seed);
        let mut log = Log::new(false);
        log.run(&World::new(seed, 1, None), true, |_, m| m < 300);
        let types = [ValueType::U64, ValueType::I64, ValueType::F64, ValueType::Text, ValueType::Bool];
        let tags = ["press/state", "press/good", "press/reject", "press/energy", "main/energy"];
        let tags = tags.iter().map(|id| TagConfig {
            id: id.parse().unwrap(),
            value_type: types[(random.next_u64() % 5) as usize],
            unit: ["kWh", "MWh", "", "kW"][(random.next_u64() % 4) as usize].into(),
            scale: Ratio {
                num: [1, -1, (1 << 53) - 1][(random.next_u64() % 3) as usize],
                den: 1 + (random.next_u64() % 1000) as i64,
            },
            role: String::new(),
            interval_ms: [1, MINUTE, (1 << 53) - 1][(random.next_u64() % 3) as usize],
            address: String::new(),
            counter: random
                .next_u64()
                .is_multiple_of(2)
                .then_some(CounterConfig { modulus: Some((1 << 53) - 1), max_per_hour: (1 << 53) - 1 }),
        });
        log.record(
            MONDAY,
            &Content::Configuration(Configuration { format: 1, devices: vec![], tags: tags.collect() }),
            None,
        );
        for _ in 0..6 {
            let value = |random: &mut SplitMix64| match random.next_u64() % 5 {
                0 => Value::U64(any(random).cast_unsigned()),
                1 => Value::I64(any(random)),
                2 => Value::F64(f64::from_bits(random.next_u64())),
                3 => Value::Text("x".repeat((random.next_u64() % 4) as usize).into()),
                _ => Value::Bool(random.next_u64().is_multiple_of(2)),
            };
            let readings: Vec<Reading> = (0..40)
                .map(|_| Reading {
                    tag: (random.next_u64() % 7) as u32,
                    boot_ms: any(&mut random),
                    value: value(&mut random),
                    quality: [Quality::Good, Quality::Good, Quality::Bad, Quality::Uncertain]
                        [(random.next_u64() % 4) as usize],
                    source_ms: None,
                })
                .collect();
            let (a, b) = (any(&mut random), any(&mut random));
            let boot = random.next_u64().is_multiple_of(3).then_some(BootId([1; 16]));
            let gap = Gap {
                tag: None,
                from: GapStart { boot, boot_ms: a.min(b) },
                to_boot_ms: a.max(b),
                cause: GapCause::BusBusy,
            };
            let content = Content::Batch(Batch::from_readings(readings, vec![gap], vec![]));
            log.record(MONDAY + 9 * HOUR, &content, Some((MONDAY, MONDAY + 20 * HOUR)));
        }
        let far = (1_i64 << 53) - 1;
        log.declare("planned_stop", json!({"machine": "press", "from_ms": -far, "to_ms": far, "reason": ""}));
        log.declare_from(
            "meter_replaced",
            -far,
            json!({"machine": "press", "at_ms": MONDAY + 10 * HOUR, "old_final_raw": far, "new_initial_raw": -far}),
        );
        log.declare_from(
            "quality_count",
            far,
            json!({"machine": "press", "date": "2026-03-02", "shift": "day", "reject": 1_000_000_000}),
        );
        log.declare("cycle_time", json!({"machine": "press", "item_us": 1, "items_per_cycle": 100_000}));
        log.declare("plan", json!({"plan": "p", "baseline": {"from": "0001-01-01", "to": "0001-01-02"}, "reporting": {"from": "9999-12-30", "to": "9999-12-31"}, "machines": ["press", "ghost"]}));
        let signal = json!({"gateway": GATEWAY, "tag": "press/energy", "modulus": far, "max_per_hour": 1});
        log.declare("machine", json!({"machine": "x", "names": {"zh": "", "en": ""}, "signals": {"power": signal, "product": signal, "order": signal, "total": signal},
            "state_rule": {"power": {"off_below_w": 1, "run_from_w": far, "hysteresis_w": 0, "dwell_ms": 3_600_000}}}));
        state_nonsense(&mut log);
        let history = log.history();
        stated_nonsense_is_judged(&history);
        for request in [
            ReportRequest::for_dates(log.size(), "2026-03-01", "2026-03-03", None),
            ReportRequest::for_plan(log.size(), "p"),
        ] {
            let report = evaluate(&history, &request).unwrap();
            report.to_json().unwrap();
            for section in &report.shifts {
                assert!(
                    section.states_ms.is_empty()
                        || section.states_ms.values().sum::<i64>() == section.to_ms - section.from_ms
                        || section.shift.as_deref() == Some("-")
                );
            }
        }
        history.needed(&[metrics::Interval::new(i64::MIN, i64::MAX)]);
        history.newest_ms();
    }
}

#[test]
fn nonsense_about_good_readings_is_judged() {
    let mut log = Log::new(false);
    // Five hours of a day: the rest is open, and of a state read as energy nothing limits it.
    log.run(&World::new(1, 1, None), true, |_, m| m < 300);
    let energy = json!({"gateway": GATEWAY, "tag": "press/state"});
    log.declare(
        "machine",
        json!({"machine": "y", "names": {"zh": "", "en": ""}, "signals": {"energy": energy, "power": energy}}),
    );
    log.declare("meter", json!({"machine": "y", "register": "primary", "class": "2"}));
    state_nonsense(&mut log);
    assert!(stated_nonsense_is_judged(&log.history()) > 10);
}
