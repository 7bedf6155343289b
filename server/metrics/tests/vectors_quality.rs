//! Worked vectors of our own for control charts, run rules, capability and alarm episodes, computed by hand and kept as data files.
//!
//! Every expected digit must be printed, and nothing may be computed that is not expected.

use std::collections::BTreeMap;
use std::path::PathBuf;

use metrics::alarms::episodes::{End, Episode, MERGE_MS, of_samples};
use metrics::exact::Rational;
use metrics::quality::capability::{self, Indexed};
use metrics::quality::constants::delivered;
use metrics::quality::control::{ControlLimits, Lines, limits};
use metrics::quality::measured::Measurement;
use metrics::quality::points::{self, Point};
use metrics::quality::rules::{RuleSet, violations};
use metrics::quality::specification::{Sampling, Side, SpecificationLimits};
use metrics::timeline::Cadence;
use serde_json::{Value, json};

const HOUR: i64 = 3_600_000;

fn vector(name: &str) -> Value {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/vectors_quality/{name}.json"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn decimal(v: &Value) -> Rational {
    Rational::parse(v.as_str().expect("decimals are strings")).expect("a plain decimal")
}

fn texts(v: &Value) -> Vec<Value> {
    v.as_array().cloned().unwrap_or_default()
}

/// The vector's measurements: a pattern around every centre, one centre an hour, one minute between values.
fn measurements(v: &Value) -> Vec<Measurement> {
    let mut centres = texts(&v["centres"]);
    for _ in 0..v["times"].as_u64().unwrap_or(0) {
        centres.extend(texts(&v["alternating"]));
    }
    let mut out = Vec::new();
    for (hour, centre) in centres.iter().enumerate() {
        for (minute, add) in texts(&v["pattern"]).iter().enumerate() {
            let value = decimal(centre).plus(decimal(add)).unwrap();
            let at_ms = hour as i64 * HOUR + minute as i64 * 60_000;
            out.push(Measurement { at_ms, value, leaf: 0, missed_until_ms: None });
        }
    }
    out
}

fn printed(indexed: Indexed) -> String {
    indexed.map_or_else(|why| why.code().to_owned(), |i| i.digits(6).unwrap())
}

#[test]
fn charts_and_capability_print_to_the_digit() {
    for name in ["xbar-r", "individuals"] {
        let v = vector(name);
        let sampling: Sampling = serde_json::from_value(v["sampling"].clone()).unwrap();
        let measured = measurements(&v);
        let made = points::of(&measured, sampling).unwrap();
        assert!(made.incomplete.is_empty());
        let table = delivered().unwrap();
        let constants = match sampling {
            Sampling::Individuals => table.individuals(),
            Sampling::Subgroups { size, .. } => table.subgroups_of(size).unwrap(),
        };
        let control = limits(&made.points, constants).unwrap();
        let specified = SpecificationLimits { lsl: Some(decimal(&v["lsl"])), usl: Some(decimal(&v["usl"])) };
        let c = capability::of_points(&made.points, measured.iter().map(|m| m.value), &specified, constants);
        let got = json!({
            "centre": control.location.centre.digits(6), "upper": control.location.upper.digits(6), "lower": control.location.lower.digits(6),
            "range": control.range.centre.digits(6), "range_upper": control.range.upper.digits(6), "range_lower": control.range.lower.digits(6),
            "within": c.within.unwrap().digits(6),
            "cp": printed(c.cp), "cpk": printed(c.cpk), "pp": printed(c.pp), "ppk": printed(c.ppk),
        });
        assert_eq!(got, v["expected"], "{name}");
    }
}

#[test]
fn run_rules_find_what_a_person_finds() {
    let line = |centre, upper, lower| Lines {
        centre: Rational::integer(centre),
        upper: Rational::integer(upper),
        lower: Rational::integer(lower),
    };
    let limits = ControlLimits { location: line(0, 3, -3), range: line(1, 3, 0), points: 25, ranges: 25 };
    let mut seen: BTreeMap<&str, u32> = BTreeMap::new();
    for case in vector("rules")["cases"].as_array().unwrap() {
        let mut made: Vec<Point> = Vec::new();
        let mut follows = false;
        for tenth in case["tenths"].as_array().unwrap() {
            let Some(tenth) = tenth.as_i64() else {
                follows = false;
                continue;
            };
            let centre = Rational::new(tenth.into(), 10).unwrap();
            let index = made.len();
            made.push(Point { from_ms: index as i64, values: index..index + 1, centre, range: None, follows });
            follows = true;
        }
        let set = RuleSet::from_id(case["rules"].as_str().unwrap()).unwrap();
        let side = |s: Option<Side>| s.map(|s| if s == Side::Above { "above" } else { "below" });
        let found = violations(set, &made, &limits).unwrap();
        found.iter().for_each(|v| *seen.entry(v.rule).or_default() += 1);
        let got: Vec<Value> =
            found.iter().map(|v| json!([v.rule, v.points.start(), v.points.end(), side(v.side)])).collect();
        assert_eq!(Value::from(got), case["expected"], "{}", case["tenths"]);
    }
    // Nelson 1 is Western Electric 1, computed by the same pattern.
    let rules = RuleSet::ALL.into_iter().flat_map(RuleSet::rules).filter(|r| r.id != "nelson-1");
    assert!(rules.clone().all(|r| seen.contains_key(r.id)), "every rule is found at least once: {seen:?}");
}

#[test]
fn episodes_are_what_a_person_reads() {
    let v = vector("alarms");
    let until_ms = v["until_s"].as_i64().unwrap() * 1000;
    for case in v["cases"].as_array().unwrap() {
        let readings = case["readings"].as_array().unwrap();
        let samples = readings.iter().map(|r| (r[0].as_i64().unwrap() * 1000, r[1].as_str()));
        let found = of_samples(samples, &[], Cadence::new(10_000), until_ms, MERGE_MS);
        let shown = |e: &Episode| {
            let (word, by) = match e.end {
                End::Cleared { by_ms, .. } => ("cleared", Some(by_ms / 1000)),
                End::Raised { .. } => ("raised", None),
                End::Unseen { .. } => ("unseen", None),
            };
            let d = e.duration();
            json!([
                e.code,
                e.raised_after_ms.map(|ms| ms / 1000),
                e.raised_ms / 1000,
                word,
                e.end.seen_ms() / 1000,
                by,
                e.raises,
                e.quiet_ms / 1000,
                e.unseen_ms / 1000,
                d.least_ms / 1000,
                d.most_ms.map(|ms| ms / 1000)
            ])
        };
        assert_eq!(Value::from(found.iter().map(shown).collect::<Vec<_>>()), case["expected"], "{}", case["readings"]);
    }
}
