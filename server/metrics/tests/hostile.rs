//! A gateway with a valid key may sign nonsense, and a person may state it. Nothing panics, and what can be said still is.

mod fixture;

use fixture::{GATEWAY, HOUR, Log, MINUTE, MONDAY, World};
use metrics::compare::SplitMix64;
use metrics::energy::factors;
use metrics::energy::integration::of_machine;
use metrics::exact::Rational;
use metrics::metrology::measured::Rules;
use metrics::metrology::{ClassTable, Loading, classes};
use metrics::model::{KINDS, parse_body};
use metrics::production::material::consumption;
use metrics::quality::chart::charts;
use metrics::quality::constants;
use metrics::settlement::{YearRule, of_year, reconcile};
use metrics::{History, Interval, ReportRequest, evaluate};
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
fn stated_nonsense_is_judged(history: &History) -> usize {
    let mut met = 0;
    let table = ClassTable::parse(classes::DELIVERED).unwrap();
    for tangent in [None, Rational::parse("100000000000000000000")] {
        let rules = Rules { table: &table, loading: Loading::Low, tangent };
        for machine in ["press", "main", "x", "y", "ghost"] {
            for period in reconcile(history, machine, &rules, Interval::new(i64::MIN, i64::MAX)) {
                assert!(period.cover.observed_ms <= period.cover.of_ms);
                met += usize::from(period.measured.is_some());
            }
        }
    }
    let day = Interval::new(MONDAY, MONDAY + 24 * HOUR);
    for most_w in [None, Some(i64::MIN), Some(i64::MAX)] {
        if let Ok(energy) = of_machine(history, "x", day, most_w) {
            assert!(energy.cover.observed_ms <= energy.cover.of_ms && energy.bounds.lower <= energy.kwh);
        }
    }
    let set = factors::delivered("kgce.equivalent@1").unwrap();
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
        strange_shop_floor(&mut log, &mut random);
        let history = log.history();
        shop_floor_never_panics(&history, far);
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
        history.needed(&[Interval::new(i64::MIN, i64::MAX)]);
        history.newest_ms();
    }
}

/// Statements about characteristics, alarms, stops and materials at the edges of what is allowed, on signals that carry nonsense.
fn strange_shop_floor(log: &mut Log, random: &mut SplitMix64) {
    let names = json!({"zh": "", "en": ""});
    let signal = |tag: &str| json!({"gateway": GATEWAY, "tag": tag});
    let far = (1_i64 << 53) - 1;
    let sampling = [json!("individuals"), json!({"subgroups": {"size": 10, "interval_ms": 1000}})];
    for (i, rules) in ["western-electric@1", "nelson@1"].into_iter().enumerate() {
        let unit = ["kWh", ""][(random.next_u64() % 2) as usize];
        let sampling = &sampling[(random.next_u64() % 2) as usize];
        let mut body = json!({"machine": "press", "characteristic": format!("c{i}"), "names": names, "signal": signal("press/energy"),
            "unit": unit, "lsl": "-9999999999999999999", "usl": "0.000000000000000001",
            "sampling": sampling, "rules": rules, "base": {"from_ms": MONDAY, "to_ms": MONDAY + 24 * HOUR}});
        if random.next_u64().is_multiple_of(2) {
            body["trigger"] = signal("press/good");
        }
        log.declare("specification", body);
    }
    let mut machine = json!({"machine": "noisy", "names": names, "signals": {"alarm": signal("press/state")}});
    log.declare("machine", machine.clone());
    machine["signals"]["alarm"] = signal("press/reject");
    log.declare_from("machine", MONDAY + 10 * HOUR, machine);
    log.declare("alarm_handled", json!({"machine": "noisy", "code": "1", "raised_ms": -far, "handled_ms": far}));
    log.declare("stop_reason", json!({"machine": "press", "at_ms": far, "reason": "x", "first_action_ms": -far}));
    let sources = [
        json!({"register": {"signal": {"gateway": GATEWAY, "tag": "press/energy", "modulus": far, "max_per_hour": 1}}}),
        json!({"tank": {"signal": signal("press/energy"), "refill_min": "0.000000000000000001"}}),
        json!({"tank": {"signal": signal("press/reject"), "refill_min": "99999999999999999999"}}),
        json!("backflush"),
    ];
    for (i, source) in sources.into_iter().enumerate() {
        log.declare("material", json!({"machine": "press", "material": format!("m{i}"), "names": names, "unit": "kWh", "source": source, "standard": "0.0000000000000001"}));
    }
}

fn shop_floor_never_panics(history: &History, far: i64) {
    let table = constants::delivered().unwrap();
    let statements = history.statements();
    assert!(statements.bad().is_empty(), "{:?}", statements.bad());
    for window in [Interval::new(MONDAY, MONDAY + 24 * HOUR), Interval::new(-far, far)] {
        for (machine, characteristic) in statements.characteristics() {
            for chart in charts(history, &table, machine, characteristic, window) {
                let c = chart.capability;
                for index in [c.cp, c.cpk, c.pp, c.ppk].into_iter().flatten() {
                    assert!(index.digits(6).is_some());
                }
                assert!(chart.evidence.observed_ms <= chart.evidence.of_ms);
            }
        }
        let (episodes, _) = metrics::alarms::of_machine(history, "noisy", window, 60_000);
        let count = episodes.len();
        let (handled, unmatched) = metrics::alarms::handle(statements, "noisy", episodes, window.to_ms);
        assert!(handled.len() == count && unmatched.len() <= 1);
        metrics::alarms::Figures::of(&handled, None, window.from_ms, window.to_ms);
        for material in statements.materials("press") {
            for consumption in consumption(history, "press", material, window) {
                let good = |micro: i128| metrics::counter::Bounded::exact(micro);
                let _ = (
                    consumption.per_good(&good(1)),
                    consumption.against_standard(&good(i128::MAX)),
                    consumption.grade(),
                );
                if let Ok(amount) = consumption.amount {
                    assert!(amount.upper.is_none_or(|upper| amount.lower <= upper));
                }
            }
        }
    }
}

#[test]
fn statements_out_of_bounds_are_refused_by_field() {
    let names = json!({"zh": "", "en": ""});
    let signal = json!({"gateway": GATEWAY, "tag": "press/good"});
    let specification = json!({"machine": "press", "characteristic": "c", "names": names, "signal": signal, "unit": "mm", "lsl": "1", "usl": "2",
        "sampling": "individuals", "rules": "nelson@1"});
    let material = json!({"machine": "press", "material": "m", "names": names, "unit": "kg", "source": {"register": {"signal": signal}}});
    let handled = json!({"machine": "press", "code": "1", "raised_ms": 10, "acknowledged_ms": 10, "handled_ms": 10});
    let reason = json!({"machine": "press", "at_ms": 0, "reason": "x"});
    let code = json!({"machine": "press", "code": "1", "names": names, "class": "safety"});
    let cases = [
        ("specification", &specification, "lsl", json!("3")),
        ("specification", &specification, "lsl", json!("2")),
        ("specification", &specification, "lsl", json!(1)),
        ("specification", &specification, "lsl", json!("1e3")),
        ("specification", &specification, "lsl", json!("0.00000000000000000001")),
        ("specification", &specification, "target", json!("2.01")),
        ("specification", &specification, "rules", json!("nelson@2")),
        ("specification", &specification, "sampling", json!({"subgroups": {"size": 1, "interval_ms": 1000}})),
        ("specification", &specification, "sampling", json!({"subgroups": {"size": 11, "interval_ms": 1000}})),
        ("specification", &specification, "sampling", json!({"subgroups": {"size": 5, "interval_ms": 86_400_001}})),
        ("specification", &specification, "sampling", json!({"subgroups": {"size": 5, "interval_ms": 0}})),
        ("specification", &specification, "base", json!({"from_ms": 5, "to_ms": 5})),
        ("specification", &specification, "base", json!({"from_ms": 0, "to_ms": i64::MAX})),
        ("specification", &specification, "base", json!({"from_ms": i64::MIN, "to_ms": i64::MAX})),
        ("specification", &specification, "signal", json!({"gateway": GATEWAY, "tag": "press/good", "modulus": 5})),
        ("specification", &specification, "trigger", json!({"gateway": GATEWAY, "tag": "good"})),
        ("specification", &specification, "unit", json!("x".repeat(33))),
        ("specification", &specification, "surprise", json!(1)),
        ("material", &material, "source", json!("backflush")),
        ("material", &material, "source", json!({"tank": {"signal": signal, "refill_min": "0"}})),
        ("material", &material, "source", json!({"tank": {"signal": signal}})),
        ("material", &material, "standard", json!("-1")),
        ("material", &material, "unit", json!("")),
        ("alarm_handled", &handled, "handled_ms", json!(9)),
        ("alarm_handled", &handled, "acknowledged_ms", json!(11)),
        ("alarm_handled", &handled, "code", json!("")),
        ("alarm_handled", &handled, "action", json!("x".repeat(2001))),
        ("stop_reason", &reason, "reason", json!(" ")),
        ("stop_reason", &reason, "at_ms", json!(0.5)),
        ("alarm_code", &code, "class", json!("panic")),
        ("alarm_code", &code, "code", json!("x".repeat(65))),
    ];
    for (kind, body, field, value) in cases {
        assert!(parse_body(kind, body).is_ok(), "{kind}");
        assert!(KINDS.contains(&kind));
        let mut wrong = body.clone();
        wrong[field] = value.clone();
        assert!(parse_body(kind, &wrong).is_err(), "{kind}.{field} = {value}");
    }
    let mut none = specification.clone();
    none.as_object_mut().unwrap().retain(|k, _| k != "lsl" && k != "usl");
    assert!(parse_body("specification", &none).is_err(), "no limit at all");
    let silent = json!({"machine": "press", "code": "1", "raised_ms": 10});
    assert!(parse_body("alarm_handled", &silent).is_err(), "says nothing");
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
