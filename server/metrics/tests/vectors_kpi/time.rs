//! Vectors of §1 and §5: times and counts.

use metrics::buckets::{self, Context};
use metrics::counter::Bounded;
use metrics::facts::{Counted, Facts, Production};
use metrics::kpi::iso::{self, Defects};
use metrics::kpi::losses::Losses;
use metrics::kpi::reliability::Reliability;
use metrics::kpi::variants;
use metrics::production::changeover;
use metrics::state::{MachineState, StateInterval};
use metrics::{Interval, oee};
use serde_json::Value;

use crate::{Computed, Got, decimal, integer, note};

const MIN: i64 = 60_000;
/// Millionths of a microsecond per minute.
const PER_MIN: i128 = 60_000_000_000_000;

fn counted(items: i64, item_us: i64) -> Counted {
    let (items, item_us) = (i128::from(items), i128::from(item_us));
    Counted { items: Bounded::exact(items * 1_000_000), standard: Bounded::exact(items * item_us * 1_000_000) }
}

fn made(products: impl IntoIterator<Item = (i64, i64, i64)>) -> Production {
    let mut p = Production { rejects_known: true, ..Production::default() };
    for (item_us, produced, good) in products {
        p.produced.add(&counted(produced, item_us));
        p.good.add(&counted(good, item_us));
        p.rejected.add(&counted(produced - good, item_us));
    }
    p
}

fn one_product(v: &Value) -> Production {
    made([(integer(&v["item_us"]), integer(&v["produced"]), integer(&v["good"]))])
}

fn shift(v: &Value) -> Facts {
    let ms = |key: &str| integer(&v[key]) * MIN;
    let mut f = Facts { has_state: true, ..Facts::default() };
    let b = &mut f.buckets;
    (b.pdot_ms, b.aust_ms, b.adet_ms, b.adot_ms) = (ms("pdot_min"), ms("aust_min"), ms("adet_min"), ms("adot_min"));
    b.apt_ms = ms("pot_min") - b.pdot_ms - b.aust_ms - b.adet_ms - b.adot_ms;
    b.outside_ms = ms("calendar_min") - ms("pot_min");
    f.production = Some(one_product(v));
    f
}

fn minutes(ms: i64) -> Got {
    Got::Ratio(ms.into(), MIN.into())
}

/// A, E, Q and OEE.
fn four(out: &mut Computed, f: &Facts) {
    note(out, "A", oee::availability(f));
    note(out, "E", oee::performance(f));
    note(out, "Q", oee::quality(f));
    note(out, "OEE", oee::oee(f));
}

pub(crate) fn tv_01(v: &Value) -> Computed {
    let (f, mut out) = (shift(v), Computed::new());
    let (b, p) = (f.buckets, f.production.unwrap());
    note(&mut out, "PBT_min", minutes(b.pbt_ms()));
    note(&mut out, "APT_min", minutes(b.apt_ms));
    note(&mut out, "AUPT_min", minutes(b.apt_ms + b.aust_ms));
    note(&mut out, "AUBT_min", minutes(b.apt_ms + b.aust_ms + b.adet_ms));
    four(&mut out, &f);
    note(&mut out, "NEE", oee::net_equipment_effectiveness(&f));
    note(&mut out, "AE", oee::allocation_efficiency(&f));
    note(&mut out, "UE", iso::utilization_efficiency(&f));
    note(&mut out, "TE", iso::technical_efficiency(&f));
    note(&mut out, "SR", iso::setup_ratio(&f));
    note(&mut out, "SCR", iso::scrap_ratio(&p, &Defects::default()));
    note(&mut out, "TEEP", oee::teep(&f));
    out
}

pub(crate) fn tv_02(v: &Value) -> Computed {
    let (f, mut out) = (shift(v), Computed::new());
    let p = f.production.unwrap();
    let losses = Losses {
        buckets: f.buckets,
        breakdown_ms: integer(&v["breakdown_min"]) * MIN,
        minor_ms: integer(&v["minor_stops_min"]) * MIN,
        ..Losses::default()
    };
    assert_eq!(losses.breakdown_ms + losses.minor_ms, f.buckets.adet_ms);
    note(&mut out, "operating_min", minutes(losses.operating_ms()));
    note(&mut out, "time_availability", variants::jipm_availability(&losses));
    note(&mut out, "performance", variants::jipm_performance(&losses, &p));
    note(&mut out, "OEE", variants::jipm_oee(&losses, &p));
    note(&mut out, "jiadong.time@1", variants::jiadong_time_1(&losses));
    let second = variants::jiadong_time_2(&losses);
    note(&mut out, "jiadong.time@2.loading_min", minutes(second.unwrap().den as i64));
    note(&mut out, "jiadong.time@2", second);
    note(&mut out, "jiadong.time@2.OEE", variants::jiadong_oee_2(&losses, &p));
    out
}

fn products(v: &Value) -> Facts {
    let mut f = Facts { has_state: true, ..Facts::default() };
    f.buckets.apt_ms = integer(&v["apt_s"]) * 1000;
    f.buckets.adet_ms = integer(&v["pbt_s"]) * 1000 - f.buckets.apt_ms;
    let each = |p: &Value| (integer(&p["item_us"]), integer(&p["produced"]), integer(&p["good"]));
    f.production = Some(made(v["products"].as_array().unwrap().iter().map(each)));
    f
}

pub(crate) fn tv_03(v: &Value) -> Computed {
    let (f, mut out) = (products(v), Computed::new());
    let p = f.production.unwrap();
    note(&mut out, "planned_time_produced_s", Got::Ratio(p.produced.standard.value, 1_000_000_000_000));
    note(&mut out, "planned_time_good_s", Got::Ratio(p.good.standard.value, 1_000_000_000_000));
    four(&mut out, &f);
    note(&mut out, "Q_pieces", iso::piece_quality(&p));
    out
}

pub(crate) fn tv_04(v: &Value) -> Computed {
    let mut out = Computed::new();
    let mut sum = Facts::default();
    for (i, m) in v["machines"].as_array().unwrap().iter().enumerate() {
        let standard = |key: &str| {
            let minutes = decimal(&m[key]);
            Bounded::exact(minutes.num() * PER_MIN / minutes.den())
        };
        let mut f = Facts { has_state: true, ..Facts::default() };
        f.buckets.apt_ms = integer(&m["apt_min"]) * MIN;
        f.buckets.adet_ms = integer(&m["pbt_min"]) * MIN - f.buckets.apt_ms;
        let mut p = Production { rejects_known: true, ..Production::default() };
        (p.produced.standard, p.good.standard) =
            (standard("planned_time_produced_min"), standard("planned_time_good_min"));
        p.rejected = p.produced.minus(&p.good);
        f.production = Some(p);
        note(&mut out, format!("OEE.{i}"), oee::oee(&f));
        sum.add(&f);
    }
    four(&mut out, &sum);
    out
}

pub(crate) fn tv_05(v: &Value) -> Computed {
    let (mut f, mut out) = (products(v), Computed::new());
    f.note_performance();
    four(&mut out, &f);
    let flags: Vec<&str> = f.flags.iter().map(|flag| flag.code()).collect();
    note(&mut out, "flags", flags.join(" "));
    let full = metrics::facts::Share { observed_ms: 1, of_ms: 1 };
    assert_eq!(f.grade(full), metrics::grade::Grade::B, "above 1.05 for all of the production time: one grade less");
    out
}

/// `HH:MM:SS` as milliseconds of the day.
fn clock(v: &Value) -> i64 {
    let parts: Vec<i64> = v.as_str().unwrap().split(':').map(|p| p.parse().unwrap()).collect();
    ((parts[0] * 60 + parts[1]) * 60 + parts[2]) * 1000
}

pub(crate) fn tv_06(v: &Value) -> Computed {
    let mut out = Computed::new();
    let mut times = Vec::new();
    for (i, c) in v["changeovers"].as_array().unwrap().iter().enumerate() {
        let span = Interval::new(clock(&c["last_good_a"]), clock(&c["first_good_b"]));
        let stops: Vec<Interval> =
            c["stops"].as_array().unwrap().iter().map(|s| Interval::new(clock(&s[0]), clock(&s[1]))).collect();
        let restart = (!c["restart"].is_null()).then(|| clock(&c["restart"]));
        let (changeover, stopped) = changeover::measure(span, &stops, restart);
        note(&mut out, format!("{i}.changeover_s"), Got::Ratio(changeover.into(), 1000));
        match stopped {
            Some(ms) => note(&mut out, format!("{i}.stopped_s"), Got::Ratio(ms.into(), 1000)),
            None => note(&mut out, format!("{i}.stopped_s"), "null"),
        }
        times.push(changeover);
    }
    let (count, mean, _) = changeover::summary(&times).unwrap();
    note(&mut out, "count", count as i64);
    note(&mut out, "mean_s", Got::Ratio(mean.num(), mean.den() * 1000));
    out
}

pub(crate) fn tv_15(v: &Value) -> Computed {
    const HOUR: i128 = 3_600_000;
    let mut out = Computed::new();
    let ms = |key: &str| {
        let hours = decimal(&v[key]);
        i64::try_from(hours.num() * HOUR / hours.den()).unwrap()
    };
    let failures = integer(&v["failures"]) as u32;
    let r = Reliability {
        operating_ms: ms("operating_h"),
        failures,
        restored: failures,
        restoration_ms: ms("restoration_h"),
        ..Reliability::default()
    };
    let hours = |r: metrics::exact::Rational| Got::Ratio(r.num(), r.den() * HOUR);
    note(&mut out, "MTBF_h", hours(r.mtbf().unwrap()));
    note(&mut out, "MTTR_h", hours(r.mttr().unwrap()));
    note(&mut out, "inherent_availability", r.inherent_availability());
    let none = Reliability { failures: 0, restored: 0, restoration_ms: 0, ..r };
    note(&mut out, "zero_failures.MTBF", none.mtbf().unwrap_err().code());
    note(&mut out, "zero_failures.at_least_h", hours(none.mtbf_at_least().unwrap()));
    out
}

pub(crate) fn tv_20(v: &Value) -> Computed {
    let mut out = Computed::new();
    let interval = |key: &str| Interval::new(integer(&v[key][0]) * MIN, integer(&v[key][1]) * MIN);
    let context = Context {
        scheduled: true,
        stops: vec![interval("stop_min")],
        no_order: vec![interval("no_order_min")],
        ..Context::default()
    };
    let mut at = 0;
    let mut states = Vec::new();
    for part in v["states_min"].as_array().unwrap() {
        let state = MachineState::ALL.into_iter().find(|s| s.name() == part[0].as_str().unwrap()).unwrap();
        let length = integer(&part[1]) * MIN;
        states.push(StateInterval { from_ms: at, to_ms: at + length, state, held: false });
        at += length;
    }
    let buckets = buckets::sort(&states, &context);
    assert_eq!(
        (buckets.aust_ms, buckets.adet_ms, buckets.adot_ms),
        (25 * MIN, 40 * MIN, 15 * MIN),
        "the shift of TV-01"
    );
    let f = Facts { has_state: true, buckets, production: Some(one_product(v)), ..Facts::default() };
    note(&mut out, "PBT_min", minutes(buckets.pbt_ms()));
    note(&mut out, "APT_min", minutes(buckets.apt_ms));
    note(&mut out, "PDOT_min", minutes(buckets.pdot_ms));
    four(&mut out, &f);
    out
}
