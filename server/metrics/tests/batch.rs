//! Batch and continuous processes: the worked example, what must hold for every record, and nonsense.

#[path = "batch/continuous.rs"]
mod continuous;
#[path = "batch/example.rs"]
mod example;
mod fixture;
#[path = "batch/hostile.rs"]
mod nonsense;
#[path = "batch/properties.rs"]
mod properties;

use example::{at, batch_body, declare_reactor, example, vector, world};
use fixture::{HOUR, Log, MINUTE, MONDAY};
use metrics::Interval;
use metrics::batch::results::{self, Basis};
use metrics::batch::sums;
use metrics::exact::product_digits;
use metrics::grade::Flag;
use metrics::oee;
use metrics::report::evaluate_window;
use metrics::shift::{Evaluated, Schedule};
use serde_json::{Value, json};

const DAY_SHIFT: Interval = Interval::new(MONDAY + 8 * HOUR, MONDAY + 20 * HOUR);

fn schedule() -> Schedule {
    let noon = MONDAY + 12 * HOUR;
    Schedule { scheduled: true, breaks: vec![Interval::new(noon, noon + 50 * MINUTE)], calendar: None }
}

fn day_shift(log: &Log, machine: &str) -> Evaluated {
    evaluate_window(&log.history(), machine, DAY_SHIFT, &schedule())
}

type Computed = Vec<(String, Result<(i128, i128), String>)>;

fn computed(v: &Value) -> Computed {
    let log = example(v, |_| true);
    let mut out: Computed = Vec::new();
    let ratio = |v: oee::Value| v.map(|r| (r.num, r.den)).map_err(|why| why.code().to_owned());
    let minutes = |ms: i128| Ok((ms, i128::from(MINUTE)));
    let reactor = day_shift(&log, "reactor").facts;
    let p = reactor.production.unwrap();
    let mut note = |key: &str, got: Result<(i128, i128), String>| out.push((key.to_owned(), got));
    note("PBT_min", minutes(reactor.buckets.pbt_ms().into()));
    note("APT_min", minutes(reactor.buckets.apt_ms.into()));
    note("A", ratio(oee::availability(&reactor)));
    note("E", ratio(oee::performance(&reactor)));
    note("Q", ratio(oee::quality(&reactor)));
    note("OEE", ratio(oee::oee(&reactor)));
    note("good_kg", Ok((p.good.items.value, 1_000_000)));
    note("rejected_kg", Ok((p.rejected.items.value, 1_000_000)));
    note("unit", Err(p.measure.symbol().unwrap().to_owned()));
    note("grade", Err(reactor.grade(reactor.oee_cover()).letter().to_owned()));
    let batches = results::evaluate(&log.history(), "reactor", DAY_SHIFT, &schedule().breaks);
    let s = &batches.sums;
    note("batches", Ok((s.batches.into(), 1)));
    for b in &batches.batches {
        note(&format!("{}.yield", b.batch), ratio(b.yield_ratio()));
        if b.batch == "A-1" {
            note("A-1.kWh", ratio(b.energy));
            note("A-1.kWh_per_kg", ratio(b.energy_per_unit()));
        }
    }
    let per_minute = |v: oee::Value| ratio(v).map(|(n, d)| (n, d * i128::from(MINUTE)));
    note("yield", ratio(sums::yield_ratio(s)));
    note("cycle", ratio(sums::cycle(s)));
    note("phase", ratio(sums::phase(s)));
    note("gaps", Ok((s.gaps.into(), 1)));
    note("cleaning_min", per_minute(sums::cleaning(s)));
    note("changeover_min", per_minute(sums::changeover(s)));
    note("setup_min", minutes(s.parts.setup_ms.value));
    note("waiting_min", minutes(s.parts.waiting_ms.into()));
    note("kWh_per_batch", ratio(sums::energy_per_batch(s)));
    note("kWh_per_kg", ratio(sums::energy_per_unit(s)));
    let mut plant = reactor;
    plant.add(&day_shift(&log, "press").facts);
    note("plant.OEE", ratio(oee::oee(&plant)));
    note("plant.good", ratio(oee::items(&plant, |p| p.good.items)));
    out
}

#[test]
fn the_worked_example_prints_to_the_digit() {
    let v = vector();
    let mut expected: std::collections::BTreeMap<&str, &str> =
        v["expected"].as_object().unwrap().iter().map(|(k, e)| (k.as_str(), e.as_str().unwrap())).collect();
    let mut wrong = Vec::new();
    for (key, got) in computed(&v["inputs"]) {
        let digits = expected.remove(key.as_str()).unwrap_or_else(|| panic!("{key} is computed and not expected"));
        let printed = |digits: &str| {
            let decimals = digits.split_once('.').map_or(0, |(_, d)| d.len());
            got.clone().map_or_else(|word| word, |(n, d)| product_digits(&[(n, d)], decimals).unwrap())
        };
        if printed(digits) != digits {
            wrong.push(format!("{key}: expected {digits}, got {}", printed(digits)));
        }
        for reject in v["rejected"][&key].as_array().into_iter().flatten().filter_map(Value::as_str) {
            assert_ne!(printed(reject), reject, "{key}: what a wrong method gives");
        }
    }
    assert!(wrong.is_empty() && expected.is_empty(), "{wrong:#?} not computed: {expected:?}");
}

#[test]
fn a_report_shows_kilograms_flags_and_the_leaves_behind_them() {
    let log = example(&vector()["inputs"], |_| true);
    let request = metrics::ReportRequest::for_dates(log.size(), "2026-03-02", "2026-03-02", None);
    let report = metrics::evaluate(&log.history(), &request).unwrap();
    let section = report.shifts.iter().find(|s| s.machine == "reactor" && s.shift.as_deref() == Some("day")).unwrap();
    let good = section.line("count.good@1").unwrap();
    assert_eq!((good.unit, good.value.as_deref(), good.grade), ("kg", Some("2090.000000"), Some("C")));
    assert_eq!(section.line("energy.per_good@1").unwrap().unit, "kWh/kg");
    for flag in ["BATCH_APPORTIONED", "BATCH_STATED"] {
        assert!(section.flags.contains(&flag), "{:?}", section.flags);
    }
    assert!(!section.flags.contains(&"BATCH_OVERLAP") && !section.flags.contains(&"LATE_DECLARATION"));
    let stated = log.history().statements().batches("reactor").map(|b| b.leaf).collect::<Vec<_>>();
    assert!(stated.len() == 4 && stated.iter().all(|leaf| section.statements.contains(leaf)));
    let press = report.shifts.iter().find(|s| s.machine == "press" && s.shift.as_deref() == Some("day")).unwrap();
    assert_eq!(press.line("count.good@1").unwrap().unit, "pcs");
    // The plant: planned time adds up, kilograms and pieces do not.
    let plant = report.periods.iter().find(|s| s.machine == "*").unwrap();
    assert_eq!(plant.line("count.good@1").unwrap().undefined, Some("MIXED_UNITS"));
    assert!(plant.line("oee.iso22400@1").unwrap().value.is_some());
}

/// What is not stated opens the bounds and lowers the coverage; what is known then lies inside them.
#[test]
fn truth_is_within_the_bounds_when_a_batch_is_not_stated() {
    let v = vector()["inputs"].clone();
    let whole = day_shift(&example(&v, |_| true), "reactor").facts;
    let truth = oee::oee(&whole).unwrap();
    assert_eq!(whole.counter_cover.observed_ms, whole.counter_cover.of_ms);
    let times = |a: i128, b: i128| a * b;
    for missing in 0..4 {
        let thin = day_shift(&example(&v, |i| i != missing), "reactor").facts;
        let r = oee::oee(&thin).unwrap();
        let upper = r.upper.unwrap();
        assert!(times(r.lower.0, truth.den) <= times(truth.num, r.lower.1), "{missing}");
        // What is open is open at the standard rate, as for counters (reference §3.7); B-1 was faster than its recipe.
        let is_within = times(truth.num, upper.1) <= times(upper.0, truth.den);
        assert_eq!(is_within, missing != 2, "{missing}: {r:?}");
        assert!(r.num * truth.den < truth.num * r.den, "{missing}: less is credited");
        assert!(thin.counter_cover.observed_ms < thin.counter_cover.of_ms, "{missing}: {:?}", thin.counter_cover);
    }
}

#[test]
fn corrections_supersede_and_a_withdrawn_batch_is_gone() {
    let v = vector()["inputs"].clone();
    let right = day_shift(&example(&v, |_| true), "reactor").facts.production;
    let mut log = example(&v, |i| i != 1);
    let good = batch_body(&v["batches"][1]);
    let mut bad = good.clone();
    (bad["good_micro"], bad["to_ms"]) = (json!(1), json!(at(&json!("19:30"))));
    bad["phases"] = json!([]);
    log.declare("batch", bad);
    let wrong = day_shift(&log, "reactor").facts;
    assert!(wrong.flags.contains(&Flag::BatchOverlap) && wrong.production != right);
    // Later effective or earlier, the later leaf is the correction.
    log.declare_from("batch", MONDAY - 48 * HOUR, good);
    let facts = day_shift(&log, "reactor").facts;
    assert_eq!(facts.production, right);
    let all = results::evaluate(&log.history(), "reactor", DAY_SHIFT, &[]);
    let corrected = all.batches.iter().find(|b| b.batch == "A-2").unwrap();
    let Basis::Stated { leaf, superseded } = &corrected.basis else { panic!("it is stated") };
    assert!(superseded.len() == 1 && superseded[0] < *leaf && facts.statements.contains(leaf));
    // It was stated days after it ended.
    assert!(facts.flags.contains(&Flag::BatchStated));
    let mut gone = batch_body(&v["batches"][1]);
    gone["withdrawn"] = json!(true);
    log.declare("batch", gone);
    let without = day_shift(&example(&v, |i| i != 1), "reactor").facts.production;
    assert_eq!(day_shift(&log, "reactor").facts.production, without);
    assert!(results::evaluate(&log.history(), "reactor", DAY_SHIFT, &[]).batches.iter().all(|b| b.batch != "A-2"));
}

#[test]
fn a_batch_stated_days_later_is_late_and_no_recipe_means_no_planned_time() {
    let mut log = Log::new(false);
    declare_reactor(&mut log);
    log.run(&world(&vector()["inputs"]), false, |_, _| true);
    assert_eq!(day_shift(&log, "reactor").facts.production, None, "neither recipe nor batch");
    assert_eq!(oee::oee(&day_shift(&log, "reactor").facts), Err(oee::Undefined::NoCounter));
    log.wait_until(MONDAY + 72 * HOUR);
    log.declare("batch", batch_body(&vector()["inputs"]["batches"][2]));
    let facts = day_shift(&log, "reactor").facts;
    assert!(facts.flags.contains(&Flag::LateDeclaration) && facts.flags.contains(&Flag::NoCycleTime));
    assert_eq!(oee::oee(&facts), Err(oee::Undefined::NoCycleTime));
    assert_eq!(oee::items(&facts, |p| p.good.items).unwrap().num, 510_000_000);
    let all = results::evaluate(&log.history(), "reactor", DAY_SHIFT, &[]);
    assert_eq!(all.batches[0].yield_ratio(), Err(oee::Undefined::NoRecipe));
    assert_eq!(sums::cycle(&all.sums), Err(oee::Undefined::NoRecipe));
    assert_eq!(sums::changeover(&all.sums), Err(oee::Undefined::NothingDue));
    let none = results::evaluate(&log.history(), "press", DAY_SHIFT, &[]);
    assert_eq!(sums::yield_ratio(&none.sums), Err(oee::Undefined::NoBatch));
}
