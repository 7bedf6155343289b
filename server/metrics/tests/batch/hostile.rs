//! Statements come from outside: each bound is held, and whatever passes them does no harm.

use metrics::batch::results;
use metrics::compare::SplitMix64;
use metrics::model::{ModelError, parse_body};
use metrics::report::evaluate_window;
use metrics::shift::Schedule;
use metrics::{Interval, ReportRequest, evaluate};
use serde_json::{Value, json};

use crate::fixture::{HOUR, Log, MONDAY};

const FAR: i64 = (1 << 53) - 1;

fn recipe() -> Value {
    json!({"machine": "vat", "product": "a", "standard_ms": 1, "output": {"micro": 1, "unit": "L"},
        "yield_basis": {"charged": {"input": {"micro": 1, "unit": "t"}, "output_micro": 1}}, "phases": [{"phase": "x", "standard_ms": 1}]})
}

fn batch() -> Value {
    json!({"machine": "vat", "batch": "1", "product": "a", "from_ms": 10, "to_ms": 20, "unit": "kg", "good_micro": 0,
        "rejected_micro": 0, "charged": {"micro": 1, "unit": "kg"}, "source": "system", "withdrawn": false,
        "phases": [{"phase": "x", "from_ms": 10, "to_ms": 20}, {"phase": "c", "kind": "cleaning", "from_ms": 15, "to_ms": 500}]})
}

#[test]
fn every_bound_is_held_and_named() {
    assert!(parse_body("recipe", &recipe()).is_ok() && parse_body("batch", &batch()).is_ok());
    let long = "x".repeat(65);
    let phases = |n: usize| Value::from(vec![json!({"phase": "x", "from_ms": 10, "to_ms": 20}); n]);
    let cases: Vec<(&str, &str, Value, &str)> = vec![
        ("recipe", "/machine", json!("A"), "machine"),
        ("recipe", "/product", json!(""), "product"),
        ("recipe", "/product", json!("a\nb"), "product"),
        ("recipe", "/standard_ms", json!(0), "standard_ms"),
        ("recipe", "/standard_ms", json!(86_400_000_i64 * 366 + 1), "standard_ms"),
        ("recipe", "/output/micro", json!(0), "output.micro"),
        ("recipe", "/output/micro", json!(1_000_000_001), "output.micro"),
        ("recipe", "/output/unit", json!("g"), ""),
        ("recipe", "/yield_basis/charged/input/micro", json!(0), "yield_basis.charged.input.micro"),
        ("recipe", "/yield_basis/charged/output_micro", json!(-1), "yield_basis.charged.output_micro"),
        ("recipe", "/yield_basis", json!({"theoretical": {"output_micro": 0}}), "yield_basis.theoretical.output_micro"),
        ("recipe", "/yield_basis", json!({"theoretical": {"output_micro": 1, "more": 1}}), ""),
        ("recipe", "/phases/0/phase", json!(long), "phases[0].phase"),
        ("recipe", "/phases/0/standard_ms", json!(0), "phases[0].standard_ms"),
        ("recipe", "/phases", Value::from(vec![json!({"phase": "x", "standard_ms": 1}); 2]), "phases[1].phase"),
        ("recipe", "/phases", Value::from(vec![json!({"phase": "x", "standard_ms": 1}); 65]), "phases"),
        ("batch", "/machine", json!("-"), "machine"),
        ("batch", "/batch", json!(long), "batch"),
        ("batch", "/product", json!("*"), "product"),
        ("batch", "/to_ms", json!(10), "to_ms"),
        ("batch", "/to_ms", json!(86_400_000_i64 * 366 + 11), "to_ms"),
        ("batch", "/from_ms", json!(i64::MIN), "to_ms"),
        ("batch", "/good_micro", json!(-1), "good_micro"),
        ("batch", "/good_micro", json!(1_000_000_000_000_001_i64), "good_micro"),
        ("batch", "/good_micro", json!(1.5), ""),
        ("batch", "/rejected_micro", json!(-1), "rejected_micro"),
        ("batch", "/charged/micro", json!(0), "charged.micro"),
        ("batch", "/source", json!("god"), ""),
        ("batch", "/phases/0/from_ms", json!(9), "phases[0].to_ms"),
        ("batch", "/phases/0/to_ms", json!(21), "phases[0].to_ms"),
        ("batch", "/phases/0/to_ms", json!(10), "phases[0].to_ms"),
        ("batch", "/phases/1/to_ms", json!(86_400_000_i64 * 30 + 21), "phases[1].to_ms"),
        ("batch", "/phases/0/from_ms", json!(16), "phases"),
        ("batch", "/phases", phases(257), "phases"),
    ];
    for (kind, place, value, field) in cases {
        let mut body = if kind == "recipe" { recipe() } else { batch() };
        *body.pointer_mut(place).unwrap() = value.clone();
        match parse_body(kind, &body) {
            Err(ModelError::Field { field: named, .. }) => assert_eq!(named, field, "{place} {value}"),
            Err(ModelError::Shape { .. }) => assert_eq!(field, "", "{place} {value}"),
            Ok(_) => panic!("{kind} {place} {value} was taken"),
        }
    }
    let mut more = batch();
    more["more"] = json!(1);
    assert!(matches!(parse_body("batch", &more), Err(ModelError::Shape { .. })));
}

#[test]
fn nonsense_that_is_within_bounds_never_panics() {
    for seed in 0..200 {
        println!("seed {seed}");
        let mut random = SplitMix64::new(seed);
        let mut pick = |from: &[i64]| from[(random.next_u64() % from.len() as u64) as usize];
        let mut log = Log::new(false);
        log.declare("machine", json!({"machine": "vat", "names": {"zh": "", "en": ""}, "signals": {}}));
        let units = ["pcs", "kg", "t", "m", "L"];
        let amounts = [0, 1, 999_999_999_999_999, 1_000_000_000_000_000];
        for _ in 0..4 {
            let ms = pick(&[1_000_000, 86_400_000 * 366]);
            let unit = |at: i64| units[at as usize];
            log.declare_from("recipe", pick(&[-FAR, MONDAY, FAR]), json!({
                "machine": "vat", "product": (["a", "*"][pick(&[0, 1]) as usize]), "standard_ms": ms,
                "output": {"micro": pick(&[1, 1_000_000_000_000_000]), "unit": unit(pick(&[0, 1, 2, 3, 4]))},
                "yield_basis": {"charged": {"input": {"micro": pick(&[1, 1_000_000_000_000_000]), "unit": "t"}, "output_micro": 1_000_000_000_000_000_i64}},
            }));
            let from = pick(&[-FAR, MONDAY - 300 * 24 * HOUR, MONDAY, MONDAY + HOUR, FAR - 86_400_000 * 366]);
            log.declare_from("batch", pick(&[-FAR, FAR]), json!({
                "machine": "vat", "batch": (["1", "2", "3"][pick(&[0, 1, 2]) as usize]), "product": "a", "from_ms": from,
                "to_ms": from + pick(&[1, 12 * HOUR, 86_400_000 * 366]), "unit": unit(pick(&[0, 1, 2, 3, 4])),
                "good_micro": pick(&amounts), "rejected_micro": pick(&amounts), "charged": {"micro": pick(&amounts[1..]), "unit": "t"},
            }));
        }
        let history = log.history();
        assert!(history.statements().bad().is_empty(), "{:?}", history.statements().bad());
        let report =
            evaluate(&history, &ReportRequest::for_dates(log.size(), "2026-03-01", "2026-03-03", None)).unwrap();
        report.to_json().unwrap();
        for (from, to) in [(MONDAY, MONDAY + 20 * HOUR), (-FAR, -FAR + HOUR), (FAR - HOUR, FAR)] {
            let window = Interval::new(from, to);
            let all = results::evaluate(&history, "vat", window, &[]);
            let facts =
                evaluate_window(&history, "vat", window, &Schedule { scheduled: true, ..Schedule::default() }).facts;
            for p in facts.production.iter() {
                assert!(p.good.items.value >= 0 && p.good.items.lower <= p.good.items.value);
                assert!(p.good.standard.value <= p.good.standard.upper);
            }
            for b in &all.batches {
                let _ = (b.yield_ratio(), b.energy_per_unit());
            }
        }
    }
}
