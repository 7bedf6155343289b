//! The reference's worked vectors of OEE, from time buckets and counts. Minutes as milliseconds, exact.

use super::*;
use crate::counter::Bounded;
use crate::decimal::ratio6;
use crate::facts::{Counted, Production, Share};
use crate::grade::{Flag, Grade};

const MIN: i64 = 60_000;

/// Items and planned time per item in microseconds.
fn counted(items: i128, item_us: i128) -> Counted {
    Counted { items: Bounded::exact(items * 1_000_000), standard: Bounded::exact(items * item_us * 1_000_000) }
}

fn production(products: &[(i128, i128, i128)]) -> Production {
    let mut p = Production { rejects_known: true, ..Production::default() };
    for (item_us, produced, good) in products {
        p.produced.add(&counted(*produced, *item_us));
        p.good.add(&counted(*good, *item_us));
        p.rejected.add(&counted(produced - good, *item_us));
    }
    p
}

fn tv_01() -> Facts {
    let mut f = Facts { has_state: true, ..Facts::default() };
    f.buckets.apt_ms = 350 * MIN;
    f.buckets.aust_ms = 25 * MIN;
    f.buckets.adet_ms = 40 * MIN;
    f.buckets.adot_ms = 15 * MIN;
    f.buckets.pdot_ms = 50 * MIN;
    f.production = Some(production(&[(48_000_000, 400, 388)]));
    f
}

fn value(v: Value) -> String {
    let r = v.unwrap();
    ratio6(r.num, r.den).unwrap()
}

fn bounds(v: Value) -> (String, String) {
    let r = v.unwrap();
    (ratio6(r.lower.0, r.lower.1).unwrap(), r.upper.and_then(|u| ratio6(u.0, u.1)).unwrap())
}

#[test]
fn tv_01_oee_with_planned_stops() {
    let mut f = tv_01();
    assert_eq!((f.buckets.pot_ms(), f.buckets.pbt_ms()), (480 * MIN, 430 * MIN));
    assert_eq!(value(availability(&f)), "0.813953");
    assert_eq!(value(performance(&f)), "0.914286");
    assert_eq!(value(quality(&f)), "0.970000");
    assert_eq!(value(oee(&f)), "0.721860");
    assert_eq!(value(net_equipment_effectiveness(&f)), "0.773422");
    assert_eq!(value(allocation_efficiency(&f)), "0.965116");
    f.buckets.outside_ms = 960 * MIN;
    assert_eq!(value(teep(&f)), "0.215556");
}

#[test]
fn tv_02_moving_minor_stops_between_buckets_leaves_oee_alone() {
    let iso = tv_01();
    let mut tpm = tv_01();
    tpm.buckets.apt_ms = 360 * MIN; // operating time: the ten minutes of minor stops become performance loss
    tpm.buckets.adet_ms = 30 * MIN;
    assert_eq!(value(availability(&tpm)), "0.837209");
    assert_eq!(value(performance(&tpm)), "0.888889");
    assert_eq!(value(oee(&tpm)), value(oee(&iso)));
    let mut excluded = tpm.clone(); // no-order idle taken out of loading time
    excluded.buckets.adot_ms = 0;
    assert_eq!(value(oee(&excluded)), "0.747952");
    assert_eq!(value(availability(&excluded)), "0.867470");
}

#[test]
fn tv_03_products_are_weighted_by_planned_time() {
    let mut f = Facts { has_state: true, ..Facts::default() };
    f.buckets.apt_ms = 20_000_000;
    f.buckets.adet_ms = 4_000_000;
    f.production = Some(production(&[(30_000_000, 300, 295), (45_000_000, 200, 190)]));
    assert_eq!(value(availability(&f)), "0.833333");
    assert_eq!(value(performance(&f)), "0.900000");
    assert_eq!(value(quality(&f)), "0.966667");
    assert_eq!(value(oee(&f)), "0.725000");
}

#[test]
fn tv_04_machines_add_up_and_are_never_averaged() {
    let machine = |pbt: i64, apt: i64, produced_ms: i128, good_ms: i128| {
        let mut f = Facts { has_state: true, ..Facts::default() };
        f.buckets.apt_ms = apt;
        f.buckets.adet_ms = pbt - apt;
        let mut p = Production { rejects_known: true, ..Production::default() };
        p.produced.standard = Bounded::exact(produced_ms * PER_MS);
        p.good.standard = Bounded::exact(good_ms * PER_MS);
        p.rejected.standard = Bounded::exact((produced_ms - good_ms) * PER_MS);
        f.production = Some(p);
        f
    };
    let mut sum = machine(480 * MIN, 240 * MIN, 216 * 60_000, 12_312_000);
    sum.add(&machine(120 * MIN, 114 * MIN, 6_498_000, 6_433_020));
    assert_eq!(value(oee(&sum)), "0.520695");
    assert_eq!(value(availability(&sum)), "0.590000");
    assert_eq!(value(performance(&sum)), "0.916102");
    assert_eq!(value(quality(&sum)), "0.963358");
}

#[test]
fn tv_05_performance_above_one_is_kept_raw() {
    let mut f = Facts { has_state: true, ..Facts::default() };
    f.buckets.apt_ms = 21_600_000;
    f.buckets.adet_ms = 3_600_000;
    f.production = Some(production(&[(12_000_000, 2000, 1990)]));
    assert_eq!(value(availability(&f)), "0.857143");
    assert_eq!(value(performance(&f)), "1.111111");
    assert_eq!(value(quality(&f)), "0.995000");
    assert_eq!(value(oee(&f)), "0.947619");
}

#[test]
fn tv_13_unknown_time_bounds_the_ratios() {
    let mut f = Facts { has_state: true, ..Facts::default() };
    f.buckets.apt_ms = 330 * MIN;
    f.buckets.adet_ms = 76 * MIN;
    f.buckets.unk_ms = 24 * MIN;
    f.buckets.pdot_ms = 50 * MIN;
    f.production = Some(production(&[(48_000_000, 400, 388)]));
    f.state_cover = Share { observed_ms: 406 * MIN, of_ms: 430 * MIN };
    f.counter_cover = Share { observed_ms: 430 * MIN, of_ms: 430 * MIN };
    assert_eq!(ratio6(i128::from(f.state_cover.observed_ms), i128::from(f.state_cover.of_ms)).unwrap(), "0.944186");
    assert_eq!(bounds(availability(&f)), ("0.767442".to_owned(), "0.823256".to_owned()));
    assert_eq!(bounds(performance(&f)), ("0.903955".to_owned(), "0.969697".to_owned()));
    assert_eq!(bounds(oee(&f)), ("0.721860".to_owned(), "0.721860".to_owned()), "the counter survived the gap");
    assert_eq!(f.grade(f.oee_cover()), Grade::C, "0.944 of PBT is usable, not valid");
    assert!(!f.is_valid() && !f.is_unusable());
    f.state_cover.observed_ms = 430 * MIN;
    (f.readings, f.readings_unsure) = (100, 5);
    assert!(f.is_valid(), "95 % of the readings carry a clock good to two seconds");
    f.readings_unsure = 6;
    assert!(!f.is_valid());
    if let Some(p) = &mut f.production {
        p.good.standard.upper += standard_of_ms(24 * MIN);
    }
    assert_eq!(bounds(oee(&f)), ("0.721860".to_owned(), "0.777674".to_owned()), "the counter was lost as well");
}

#[test]
fn tv_20_running_in_a_break_adds_planned_time() {
    let mut f = tv_01();
    f.buckets.apt_ms += 12 * MIN;
    f.buckets.run_in_stop_ms = 12 * MIN;
    f.buckets.pdot_ms -= 12 * MIN;
    f.production = Some(production(&[(48_000_000, 414, 402)]));
    assert_eq!(f.buckets.pbt_ms(), 442 * MIN);
    assert_eq!(value(availability(&f)), "0.819005");
    assert_eq!(value(performance(&f)), "0.914917");
    assert_eq!(value(quality(&f)), "0.971014");
    assert_eq!(value(oee(&f)), "0.727602");
}

#[test]
fn nothing_is_undefined_without_a_reason_and_never_zero() {
    let mut f = tv_01();
    f.production = None;
    assert_eq!(oee(&f), Err(Undefined::NoCounter));
    assert_eq!(energy_kwh(&f), Err(Undefined::NoMeter));
    let mut unknown_product = tv_01();
    unknown_product.production.as_mut().unwrap().without_cycle_time = 1;
    assert_eq!(oee(&unknown_product), Err(Undefined::NoCycleTime));
    let idle = Facts { has_state: true, production: Some(Production::default()), ..Facts::default() };
    assert_eq!(oee(&idle), Err(Undefined::NoPlannedTime));
    assert_eq!(performance(&idle), Err(Undefined::NoProduction));
    let mut blind = tv_01();
    blind.production.as_mut().unwrap().rejects_known = false;
    blind.flags.insert(Flag::NoRejectSignal);
    assert_eq!(quality(&blind), Err(Undefined::NoRejectSignal));
    assert_eq!(oee(&Facts::default()), Err(Undefined::NoState));
}

#[test]
fn every_reason_is_found_by_its_code() {
    assert!(Undefined::ALL.is_sorted() && Undefined::ALL.len() == Undefined::NotMeasured as usize + 1);
    assert!(Undefined::ALL.into_iter().all(|reason| Undefined::from_code(reason.code()) == Some(reason)));
}

#[test]
fn where_nothing_limits_an_amount_a_share_ends_at_one_and_other_quotients_nowhere() {
    let mut f = tv_01();
    f.production.as_mut().unwrap().uncapped = true;
    assert_eq!(bounds(quality(&f)), ("0.000000".into(), "1.000000".into()));
    for value in [performance(&f), oee(&f), teep(&f), items(&f, |p| p.good.items)] {
        assert_eq!(value.unwrap().upper, None);
    }
    // Nothing is certain to have been made: the quotients of the bounds have no denominator.
    let mut f = tv_01();
    let p = f.production.as_mut().unwrap();
    for counted in [&mut p.good, &mut p.rejected] {
        counted.standard = Bounded { value: counted.standard.value, lower: 0, upper: 0 };
    }
    assert_eq!(bounds(quality(&f)), ("0.000000".into(), "1.000000".into()));
}
