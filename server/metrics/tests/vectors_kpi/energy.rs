//! Vectors of §2 and of registers: amounts, standard coal, carbon, tariffs.

use metrics::Interval;
use metrics::calendar::{Calendar, parse_date};
use metrics::counter::{Passed, RegisterRule, Replacement, Step, Weight, fold};
use metrics::energy::carbon::{DELIVERED, DELIVERED_FUELS, FuelCarbon, GridKind, GridTable, compare, drift, total};
use metrics::energy::comprehensive::{self as kgce, Direction, Flow, Origin};
use metrics::energy::demand::{DemandRule, Load, maximum};
use metrics::energy::electrical::{Reactive, load_factor};
use metrics::energy::factors;
use metrics::energy::tariff::Tariff;
use metrics::exact::Rational;
use metrics::interval::overlap_ms;
use serde_json::{Value, json};

use crate::{Computed, Got, decimal, integer, note};

fn integers(v: &Value) -> Vec<i64> {
    v.as_array().unwrap().iter().map(integer).collect()
}

pub(crate) fn tv_07(v: &Value) -> Computed {
    let mut out = Computed::new();
    let step_ms = integer(&v["step_s"]) * 1000;
    let rule = RegisterRule {
        modulus: Some(integer(&v["modulus"])),
        rate_max_per_hour: Some(integer(&v["rate_max_per_s"]) * 3600),
        gap_ms_max: 3 * step_ms,
        replaced: vec![],
    };
    let say = |pair: &[i64]| match rule.step(pair[0], pair[1], step_ms) {
        Step::Forward(d) => d.to_string(),
        Step::Rollover(d) => format!("{d}(ROLLOVER)"),
        Step::Reset(d) => format!("{d}(RESET)"),
        Step::Excess => "null(RATE_EXCEEDED)".to_owned(),
    };
    let raw = integers(&v["raw"]);
    note(&mut out, "deltas", raw.windows(2).map(say).collect::<Vec<_>>().join(", "));
    let samples = raw.iter().enumerate().map(|(i, v)| (i as i64 * step_ms, *v));
    let window = Interval::new(0, (raw.len() as i64 - 1) * step_ms);
    note(&mut out, "total", Got::Ratio(fold(samples, window, &rule, |_, _| Weight::ONE).amount.value, 1));
    note(&mut out, "far", say(&integers(&v["far"])));
    out
}

pub(crate) fn tv_08(v: &Value) -> Computed {
    const HOUR: i64 = 3_600_000;
    let mut out = Computed::new();
    let rule = RegisterRule {
        modulus: Some(integer(&v["modulus_raw"])),
        rate_max_per_hour: Some(integer(&v["rate_max_raw_per_hour"])),
        gap_ms_max: HOUR,
        replaced: vec![],
    };
    let (num, den) = (i128::from(integer(&v["ratio"][0])), i128::from(integer(&v["ratio"][1])));
    let per_kwh = i128::from(integer(&v["raw_per_kwh"]));
    let run = |rule: &RegisterRule, from: i64, to: i64| -> Passed {
        fold([(0, from), (HOUR, to)].into_iter(), Interval::new(0, HOUR), rule, |_, _| Weight::ONE)
    };
    let mut print = |name: &str, raw: i128| {
        note(&mut out, format!("{name}.secondary_kwh"), Got::Ratio(raw, per_kwh));
        note(&mut out, format!("{name}.primary_kwh"), Got::Ratio(raw * num, den * per_kwh));
    };
    let roll = integers(&v["rollover"]);
    print("rollover", run(&rule, roll[0], roll[1]).amount.value);
    let r = &v["replaced"];
    let event =
        Replacement { at_ms: HOUR / 2, old_final: integer(&r["old_final"]), new_initial: integer(&r["new_initial"]) };
    let (before, after) = (integer(&r["before"]), integer(&r["after"]));
    let declared = run(&RegisterRule { replaced: vec![event], ..rule.clone() }, before, after);
    print("replaced", declared.amount.value);
    note(&mut out, "replaced.events", i64::from(declared.replacements));
    let undeclared = run(&rule, before, after);
    // A reset or an impossible step leaves a shift's energy undefined.
    let is_broken = undeclared.resets + undeclared.excesses > 0;
    note(&mut out, "replaced_without_event", if is_broken { "null" } else { "a number" });
    out
}

fn instant(v: &Value) -> i64 {
    v.as_str().unwrap().parse::<jiff::Timestamp>().unwrap().as_millisecond()
}

fn printed(ms: i64) -> String {
    jiff::Timestamp::from_millisecond(ms).unwrap().to_string()
}

pub(crate) fn tv_09(v: &Value) -> Computed {
    let mut out = Computed::new();
    let body = serde_json::from_value(json!({"shifts": [v["shift"]]})).unwrap();
    let calendar = Calendar::new(&body, v["zone"].as_str().unwrap()).unwrap();
    let run = Interval::new(instant(&v["run"][0]), instant(&v["run"][1]));
    let shift = calendar.shift_at(run.from_ms).unwrap();
    assert_eq!(calendar.shift_at(run.to_ms - 1).unwrap(), shift, "all of it belongs to one shift");
    assert_eq!(calendar.shifts_on(parse_date(&shift.date).unwrap()).len(), 1);
    note(&mut out, "date", shift.date.clone());
    note(&mut out, "shift", shift.shift.clone());
    note(&mut out, "from", printed(shift.interval.from_ms));
    note(&mut out, "to", printed(shift.interval.to_ms));
    note(&mut out, "run_s", Got::Ratio(overlap_ms(&[run], &[shift.interval]).into(), 1000));
    let samples: Vec<(i64, i64)> =
        v["energy_deci_kwh"].as_array().unwrap().iter().map(|s| (instant(&s[0]), integer(&s[1]))).collect();
    let rule = RegisterRule { gap_ms_max: 300_000, ..RegisterRule::default() };
    let energy = |window: Interval| {
        Got::Ratio(fold(samples.iter().copied(), window, &rule, |_, _| Weight::ONE).amount.value, 10)
    };
    let (first, last) = (samples[0].0, samples[3].0);
    note(&mut out, "shift_energy_kwh", energy(shift.interval));
    note(&mut out, "energy_before_shift_kwh", energy(Interval::new(first, shift.interval.from_ms)));
    note(&mut out, "energy_after_shift_kwh", energy(Interval::new(shift.interval.to_ms, last)));
    out
}

pub(crate) fn tv_10(v: &Value) -> Computed {
    let mut out = Computed::new();
    let set = factors::delivered(v["factor_set"].as_str().unwrap()).unwrap();
    let flows: Vec<Flow> = v["flows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|f| Flow {
            carrier: f["carrier"].as_str().unwrap().to_owned(),
            unit: f["unit"].as_str().unwrap().to_owned(),
            amount: decimal(&f["amount"]),
            origin: if f["origin"] == "made_on_site" { Origin::MadeOnSite } else { Origin::Purchased },
            measured_kgce: None,
        })
        .collect();
    let total = kgce::comprehensive(&flows, &set).unwrap();
    for item in &total.items {
        note(&mut out, format!("{}_kgce", item.flow.carrier), item.kgce);
    }
    note(&mut out, "total_kgce", total.kgce);
    note(&mut out, "total_tce", Got::Ratio(total.kgce.num(), total.kgce.den() * 1000));
    note(&mut out, "kgce_per_t", kgce::per_product(total.kgce, decimal(&v["production_t"])));
    let revenue = decimal(&v["revenue_wan"]);
    note(&mut out, "tce_per_wan", kgce::tce_per_wan(total.kgce, revenue));
    let after = kgce::kgce_per_hundred_yuan(total.kgce, revenue).unwrap();
    note(&mut out, "kgce_per_hundred_yuan", after);
    let primary =
        set.with_primary_electricity("tv-10.primary@1", "TV-10", decimal(&v["primary_kgce_per_kwh"])).unwrap();
    note(&mut out, "primary_kgce", kgce::comprehensive(&flows, &primary).unwrap().kgce);
    let b = &v["before"];
    let before = kgce::kgce_per_hundred_yuan(decimal(&b["kgce"]), decimal(&b["revenue_wan"])).unwrap();
    note(&mut out, "before.kgce_per_hundred_yuan", before);
    let change = kgce::relative_change(before, after).unwrap();
    note(&mut out, "change_percent", Got::Ratio(change.num() * 100, change.den()));
    let word = match kgce::direction(change, Rational::ZERO) {
        Direction::Higher => "增加",
        Direction::Same => "持平",
        Direction::Lower => "降低",
    };
    note(&mut out, "direction", word);
    out
}

pub(crate) fn tv_11(v: &Value) -> Computed {
    let mut out = Computed::new();
    let table = GridTable::parse(DELIVERED).unwrap();
    let factor = |scope: &str, kind, year| table.get(scope, kind, year).unwrap();
    let kwh = decimal(&v["kwh"]);
    let tonnes = |f: &metrics::energy::carbon::GridFactor| f.kg(kwh).unwrap().over(Rational::integer(1000)).unwrap();
    for (scope, year) in [("CN", 2021), ("CN", 2022), ("CN", 2023), ("云南", 2022), ("四川", 2022), ("广东", 2022)]
    {
        note(&mut out, format!("{scope}.{year}_t"), tonnes(factor(scope, GridKind::Average, year)));
    }
    note(&mut out, "CN.reporting.2021_t", tonnes(factor("CN", GridKind::Reporting, 2021)));
    let fuels = FuelCarbon::parse(DELIVERED_FUELS).unwrap();
    let fuel =
        |id: &str, amount: &str| fuels.iter().find(|f| f.fuel == id).unwrap().tonnes(decimal(&v[amount])).unwrap();
    let (gas, diesel) = (fuel("natural_gas", "natural_gas_wan_m3"), fuel("diesel", "diesel_t"));
    let heat = decimal(&v["heat_gj"]).times(metrics::energy::carbon::default_heat_tonnes_per_gj()).unwrap();
    note(&mut out, "natural_gas_t", gas);
    note(&mut out, "diesel_t", diesel);
    note(&mut out, "heat_t", heat);
    for scope in ["CN", "云南"] {
        let all = total(&[tonnes(factor(scope, GridKind::Average, 2022)), gas, diesel, heat], &[]);
        note(&mut out, format!("total.{scope}.2022_t"), all);
    }
    let percent = |r: Rational| Got::Ratio(r.num() * 100, r.den());
    let (old, new) = (factor("CN", GridKind::Reporting, 2021), factor("CN", GridKind::Average, 2023));
    note(&mut out, "drift.reporting.2021.to.average.2023_percent", percent(drift(old, new, kwh).unwrap().relative));
    let (old, new) = (factor("CN", GridKind::Average, 2021), factor("CN", GridKind::Average, 2022));
    let same = compare(kwh, kwh, new, (old, new)).unwrap();
    note(&mut out, "drift.average.2021.to.2022_percent", percent(same.drift.relative));
    note(&mut out, "same_energy_change_kg", same.change);
    out
}

pub(crate) fn tv_14(v: &Value) -> Computed {
    const MICRO: i128 = 1_000_000;
    let mut out = Computed::new();
    let tariff = Tariff::parse(&v["tariff"].to_string()).unwrap();
    let date = v["date"].as_str().unwrap();
    let at = |clock: &Value| instant(&json!(format!("{date}T{}:00+08:00", clock.as_str().unwrap())));
    let intervals: Vec<(Interval, i128)> = v["intervals"]
        .as_array()
        .unwrap()
        .iter()
        .map(|i| (Interval::new(at(&i[0]), at(&i[1])), i128::from(integer(&i[2])) * MICRO))
        .collect();
    let sum = tariff.allot(intervals).unwrap();
    for (period, energy) in &sum.energy {
        note(&mut out, format!("{period}_kwh"), Got::Ratio(*energy, MICRO));
    }
    note(&mut out, "total_kwh", Got::Ratio(sum.total(), MICRO));
    note(&mut out, "cost_yuan", sum.cost(MICRO).unwrap());
    note(&mut out, "mean_price", sum.mean_price().unwrap());
    let reactive = Reactive {
        active: i128::from(integer(&v["active_kwh"])),
        lagging: i128::from(integer(&v["reactive_kvarh"])),
        leading: 0,
    };
    note(&mut out, "power_factor", Got::Digits(Box::new(move |decimals| reactive.power_factor_digits(decimals))));
    let window = Interval::new(0, integer(&v["demand"]["minutes"]) * 60_000);
    let load = Load::new([(window, i128::from(integer(&v["demand"]["deci_kwh"])) * 100_000)], window.length_ms());
    let demand = maximum(&[&load], DemandRule::BLOCK, window).unwrap().kw().unwrap();
    note(&mut out, "demand_kw", demand);
    let (kwh, hours) = (integer(&v["load"]["kwh"]), integer(&v["load"]["hours"]));
    let factor = load_factor(Rational::integer(kwh.into()), demand, hours * 3_600_000).unwrap();
    note(&mut out, "load_factor", factor);
    out
}
