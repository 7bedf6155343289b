//! The reference's worked vectors of before/after (§3.7 and §3.9 included) as data files, asserted to the printed digits.
//!
//! Every expected entry must be computed here and every entry computed here must be expected, so that neither side can fall silent.

use std::collections::BTreeMap;

use metrics::baseline::{Cadence, Driver, Point};
use metrics::buckets::Buckets;
use metrics::change::{self, Block, Method, Observation, Shift, Validity};
use metrics::counter::Bounded;
use metrics::decimal::ratio6;
use metrics::facts::{Counted, Facts, Production, Share};
use metrics::oee;
use metrics::savings::{Evaluation, Outcome, Plan, SignConvention, evaluate};
use metrics::statistics::newcombe::Proportion;
use metrics::statistics::student::Confidence;
use metrics::statistics::{Number, mean, resample};
use serde_json::Value;

/// What was computed for an expected entry.
enum Got {
    Float(f64),
    Word(String),
    Floats(Vec<f64>),
}

impl From<Number> for Got {
    fn from(n: Number) -> Self {
        Self::Float(n.get().expect("a vector has no undefined value"))
    }
}

impl From<f64> for Got {
    fn from(v: f64) -> Self {
        Self::Float(v)
    }
}

impl From<&str> for Got {
    fn from(s: &str) -> Self {
        Self::Word(s.to_owned())
    }
}

impl From<String> for Got {
    fn from(s: String) -> Self {
        Self::Word(s)
    }
}

fn vector(name: &str) -> Value {
    let path = format!("{}/tests/vectors/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// Does the value round to the digits printed?
fn rounds_to(value: f64, digits: &str) -> bool {
    let decimals = digits.split_once('.').map_or(0, |(_, d)| d.len());
    let printed: f64 = digits.parse().unwrap();
    // Half a unit of the last digit, and the error of the two floats themselves.
    (value - printed).abs() <= 0.5 * 10_f64.powi(-(decimals as i32)) + 4.0 * f64::EPSILON * printed.abs()
}

fn assert_vector(v: &Value, got: BTreeMap<&str, Got>) {
    let expected = v["expected"].as_object().unwrap();
    let id = v["id"].as_str().unwrap();
    let mut wrong = Vec::new();
    for (name, want) in expected {
        match (got.get(name.as_str()), want) {
            (Some(Got::Float(g)), Value::String(w)) if rounds_to(*g, w) => {}
            (Some(Got::Word(g)), Value::String(w)) if g == w => {}
            (Some(Got::Floats(g)), Value::Array(w))
                if g.len() == w.len() && g.iter().zip(w).all(|(g, w)| rounds_to(*g, w.as_str().unwrap())) => {}
            (Some(Got::Float(g)), w) => wrong.push(format!("{name}: {g:.15} is not {w}")),
            (Some(Got::Word(g)), w) => wrong.push(format!("{name}: {g} is not {w}")),
            (Some(Got::Floats(g)), w) => wrong.push(format!("{name}: {g:?} is not {w}")),
            (None, _) => wrong.push(format!("{name} is expected and not computed")),
        }
    }
    wrong.extend(
        got.keys().filter(|k| !expected.contains_key(**k)).map(|k| format!("{k} is computed and not expected")),
    );
    assert!(wrong.is_empty(), "{id}:\n  {}", wrong.join("\n  "));
}

fn floats(v: &Value) -> Vec<f64> {
    v.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect()
}

/// Months since 1970-01 of `YYYY-MM`.
fn month(text: &Value) -> i64 {
    let (y, m) = text.as_str().unwrap().split_once('-').unwrap();
    (y.parse::<i64>().unwrap() - 1970) * 12 + m.parse::<i64>().unwrap() - 1
}

fn points(first: i64, side: &Value) -> Vec<Point> {
    let both = floats(&side["output"]).into_iter().zip(floats(&side["energy_kwh"]));
    (first..).zip(both).map(|(period, (p, energy))| Point { period, energy, drivers: vec![p], is_off: false }).collect()
}

fn savings_of(v: &Value) -> Box<Evaluation> {
    let inputs = &v["inputs"];
    let driver: Driver = serde_json::from_value(inputs["driver"].clone()).unwrap();
    let plan = Plan {
        cadence: serde_json::from_value::<Cadence>(inputs["cadence"].clone()).unwrap(),
        drivers: vec![driver],
        confidence: Confidence::P90,
        convention: SignConvention::SavingPositive,
        adjustments: Vec::new(),
    };
    let before = points(month(&inputs["first_month"]), &inputs["baseline"]);
    let after = points(month(&inputs["reporting"]["first_month"]), &inputs["reporting"]);
    let savings = evaluate(&plan, &before, &after);
    assert_eq!(savings.with, savings.without, "there are no adjustments");
    match savings.with {
        Outcome::Evaluated(e) => e,
        Outcome::Declined(d) => panic!("declined: {}", d.refusal),
    }
}

#[test]
fn tv_12a_regression_savings() {
    let v = vector("tv-12a");
    let e = savings_of(&v);
    let level = |c: Confidence| e.uncertainties.iter().find(|u| u.confidence == c).unwrap();
    let (u68, u90, u95) = (level(Confidence::P68), level(Confidence::P90), level(Confidence::P95));
    let coefficient = |j: usize| &e.model.coefficients[j];
    let percent = |n: Number| Got::from(n.map(|x| 100.0 * x));
    let outside = |is: bool| {
        let values = e.ranges.excursions.iter().filter(|x| is || x.is_extrapolated);
        Got::Floats(values.map(|x| x.value.get().unwrap()).collect())
    };
    let kgce: f64 = v["inputs"]["kgce_per_kwh"].as_str().unwrap().parse().unwrap();
    let got = BTreeMap::from([
        ("b1", coefficient(1).value.into()),
        ("b0", coefficient(0).value.into()),
        ("r2", e.model.r2.into()),
        ("sse", e.model.sse.into()),
        ("rmse", e.model.rmse.into()),
        ("cv_rmse", e.model.cv_rmse.into()),
        ("t.b1", coefficient(1).t.into()),
        ("t.b0", coefficient(0).t.into()),
        ("rho", e.model.rho.into()),
        ("effective_points", e.model.effective_points.into()),
        ("adjusted_baseline", e.adjusted_baseline.into()),
        ("actual", e.actual.into()),
        ("avoided", e.avoided.into()),
        ("fraction", e.fraction.into()),
        ("90.t", u90.t.into()),
        ("90.fsu_ashrae", u90.fsu_ashrae.into()),
        ("90.fsu_caltrack", u90.fsu_caltrack.into()),
        ("90.half_width", u90.half_width.into()),
        ("90.lower", u90.lower.into()),
        ("90.upper", u90.upper.into()),
        ("90.relative", u90.relative.into()),
        ("68.fsu_ashrae", u68.fsu_ashrae.into()),
        ("68.half_width", u68.half_width.into()),
        ("95.half_width", u95.half_width.into()),
        ("mean_energy_change_percent", percent(e.mean_energy_change)),
        ("unit_before", e.unit_consumption.before.into()),
        ("unit_after", e.unit_consumption.after.into()),
        ("unit_change_percent", percent(e.unit_consumption.change)),
        ("unit_expected", e.unit_consumption.expected.into()),
        ("volume_effect_percent", percent(e.unit_consumption.volume_effect)),
        ("saving_effect_percent", percent(e.unit_consumption.saving_effect)),
        ("tce_avoided", e.avoided.map(|kwh| kwh * kgce / 1000.0).into()),
        ("outside_range", outside(true)),
        ("extrapolated", outside(false)),
        ("verdict", serde_json::to_value(e.verdict).unwrap().as_str().unwrap().into()),
        ("direction", serde_json::to_value(e.direction).unwrap().as_str().unwrap().into()),
    ]);
    assert_vector(&v, got);
}

#[test]
fn tv_12b_autocorrelated_baseline() {
    let v = vector("tv-12b");
    let e = savings_of(&v);
    let level = |c: Confidence| e.uncertainties.iter().find(|u| u.confidence == c).unwrap();
    let (u68, u90) = (level(Confidence::P68), level(Confidence::P90));
    let check = |id: &str| {
        let found = e.checks.iter().find(|c| c.id == id).unwrap();
        Got::from(match found.is_met {
            Some(true) => "met",
            Some(false) => "missed",
            None => "undefined",
        })
    };
    let got = BTreeMap::from([
        ("b1", e.model.coefficients[1].value.into()),
        ("b0", e.model.coefficients[0].value.into()),
        ("r2", e.model.r2.into()),
        ("rmse", e.model.rmse.into()),
        ("cv_rmse", e.model.cv_rmse.into()),
        ("rho", e.model.rho.into()),
        ("effective_points", e.model.effective_points.into()),
        ("durbin_watson", e.model.durbin_watson.into()),
        ("t.b1", e.model.coefficients[1].t.into()),
        ("adjusted_baseline", e.adjusted_baseline.into()),
        ("avoided", e.avoided.into()),
        ("fraction", e.fraction.into()),
        ("68.fsu_ashrae", u68.fsu_ashrae.into()),
        ("90.fsu_ashrae", u90.fsu_ashrae.into()),
        ("90.fsu_caltrack", u90.fsu_caltrack.into()),
        ("90.half_width_independent", u90.half_width_independent.into()),
        (
            "90.relative_independent",
            Number::ratio(u90.half_width_independent.get().unwrap(), e.avoided.get().unwrap()).into(),
        ),
        ("90.half_width", u90.half_width.into()),
        ("90.relative", u90.relative.into()),
        ("check.FSU_68", check("FSU_68")),
        ("check.DURBIN_WATSON", check("DURBIN_WATSON")),
        ("verdict", serde_json::to_value(e.verdict).unwrap().as_str().unwrap().into()),
        ("direction", serde_json::to_value(e.direction).unwrap().as_str().unwrap().into()),
    ]);
    assert_vector(&v, got);
}

#[test]
fn tv_13_coverage_and_bounds() {
    const MINUTE: i64 = 60_000;
    let v = vector("tv-13");
    let i = &v["inputs"];
    let ms = |name: &str| i[name].as_i64().unwrap() * MINUTE;
    let item: f64 = i["item_min"].as_str().unwrap().parse().unwrap();
    // Planned time of an item in microseconds: 0.8 min is a whole number of them.
    let item_us = (item * 60e6) as i128;
    let counted = |items: i128| Counted {
        items: Bounded::exact(items * 1_000_000),
        standard: Bounded::exact(items * item_us * 1_000_000),
    };
    let count = |name: &str| i128::from(i[name].as_i64().unwrap());
    let (made, good) = (count("produced"), count("good"));
    let pbt = ms("apt_min") + ms("observed_stops_min") + ms("unknown_min");
    let observed = pbt - ms("unknown_min");
    let mut facts = Facts { has_state: true, ..Facts::default() };
    facts.buckets = Buckets {
        apt_ms: ms("apt_min"),
        adet_ms: ms("observed_stops_min"),
        unk_ms: ms("unknown_min"),
        pdot_ms: ms("planned_stops_min"),
        ..Buckets::default()
    };
    let production = Production {
        rejects_known: true,
        produced: counted(made),
        good: counted(good),
        rejected: counted(made - good),
        ..Production::default()
    };
    facts.production = Some(production);
    facts.state_cover = Share { observed_ms: observed, of_ms: pbt };
    facts.counter_cover = Share { observed_ms: pbt, of_ms: pbt };
    let ends = |f: &Facts, value: fn(&Facts) -> oee::Value| {
        let r = value(f).unwrap();
        let upper = r.upper.unwrap();
        (ratio6(r.lower.0, r.lower.1).unwrap(), ratio6(upper.0, upper.1).unwrap(), ratio6(r.num, r.den).unwrap())
    };
    let availability = ends(&facts, oee::availability);
    let performance = ends(&facts, oee::performance);
    let whole = ends(&facts, oee::oee);
    let share = |part: i64, of: i64| ratio6(i128::from(part), i128::from(of)).unwrap();
    let validity = Validity::of(&Observation {
        observed_ms: observed,
        of_ms: pbt,
        is_continuous: true,
        clock_error_ms: 0,
        has_calendar: true,
    });
    let grade = facts.grade(facts.oee_cover()).letter();
    let mut blind = facts.clone();
    if let Some(p) = &mut blind.production {
        // What may have been made in the gap, at the planned rate.
        p.good.standard.upper += i128::from(ms("unknown_min")) * 1000 * 1_000_000;
    }
    let lost = ends(&blind, oee::oee);
    let got = BTreeMap::from([
        ("coverage_of_shift", share(ms("pot_min") - ms("unknown_min"), ms("pot_min")).into()),
        ("coverage_of_pbt", share(observed, pbt).into()),
        ("availability.lower", availability.0.into()),
        ("availability.upper", availability.1.into()),
        ("performance.lower", performance.0.into()),
        ("performance.upper", performance.1.into()),
        ("oee", whole.2.into()),
        ("oee.lower", whole.0.into()),
        ("oee.upper", whole.1.into()),
        ("grade", grade.into()),
        ("validity", serde_json::to_value(validity).unwrap().as_str().unwrap().into()),
        ("lost_counter.oee.lower", lost.0.into()),
        ("lost_counter.oee.upper", lost.1.into()),
    ]);
    assert_vector(&v, got);
}

#[test]
fn tv_17_pass_rate() {
    let v = vector("tv-17");
    let side = |name: &str| serde_json::from_value::<Proportion>(v["inputs"][name].clone()).unwrap();
    let confidence = serde_json::from_value::<Confidence>(v["inputs"]["confidence"].clone()).unwrap();
    let change = change::proportion(side("before"), side("after"), confidence).unwrap();
    let got = BTreeMap::from([
        ("difference", change.difference.into()),
        ("wald.lower", change.wald.0.into()),
        ("wald.upper", change.wald.1.into()),
        ("wilson_before.lower", change.wilson.0.0.into()),
        ("wilson_before.upper", change.wilson.0.1.into()),
        ("wilson_after.lower", change.wilson.1.0.into()),
        ("wilson_after.upper", change.wilson.1.1.into()),
        ("newcombe.lower", change.interval.0.into()),
        ("newcombe.upper", change.interval.1.into()),
        ("verdict", serde_json::to_value(change.verdict).unwrap().as_str().unwrap().into()),
    ]);
    assert_vector(&v, got);
}

#[test]
fn tv_18_block_bootstrap() {
    let v = vector("tv-18");
    let i = &v["inputs"];
    // Minutes with halves, doubled: exact integers. From a Monday on, one shift a day.
    let shifts = |name: &str| -> Vec<Shift> {
        let days = i[name].as_array().unwrap().iter().map(floats);
        (20_000..)
            .zip(days)
            .map(|(day, pair)| Shift {
                day,
                numerator: (pair[0] * 2.0) as i128,
                denominator: (pair[1] * 2.0) as i128,
                validity: Validity::Valid,
            })
            .collect()
    };
    let (before, after) = (shifts("before"), shifts("after"));
    let seed = i["seed"].as_u64().unwrap();
    let replicates = usize::try_from(i["replicates"].as_u64().unwrap()).unwrap();
    let with_block = |days: usize| {
        let method = Method { seed, replicates, block: Block::Exactly(days), confidence: Confidence::P95 };
        let change = change::evaluate(&before, &after, &method);
        assert_eq!((change.block_days, change.replicates), (days, replicates));
        change
    };
    let pairs = |s: &[Shift]| s.iter().map(|s| (s.numerator, s.denominator)).collect::<Vec<_>>();
    let first =
        |days: usize| Got::Floats(resample::differences(&pairs(&before), &pairs(&after), days, 3, seed).unwrap());
    let (three, seven) = (with_block(3), with_block(7));
    let ratios: Vec<f64> = before.iter().filter_map(|s| resample::quotient((s.numerator, s.denominator))).collect();
    let interval = |c: &change::Change| c.interval.unwrap();
    let got = BTreeMap::from([
        ("before", three.before.value.into()),
        ("after", three.after.value.into()),
        ("difference", three.difference.into()),
        ("relative_percent", three.relative.map(|r| 100.0 * r).into()),
        ("mean_of_daily_ratios_before", mean(&ratios).unwrap().into()),
        ("3.first", first(3)),
        ("3.lower", interval(&three).0.into()),
        ("3.upper", interval(&three).1.into()),
        ("7.first", first(7)),
        ("7.lower", interval(&seven).0.into()),
        ("7.upper", interval(&seven).1.into()),
        ("verdict", serde_json::to_value(seven.verdict).unwrap().as_str().unwrap().into()),
    ]);
    assert_vector(&v, got);
}
