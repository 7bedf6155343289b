//! Instruments, bills and energy without a register, on a real log: worked examples as data, what must hold for any, and what is
//! found when something is wrong.

mod fixture;

use std::collections::{BTreeMap, BTreeSet};

use fixture::{GATEWAY, HOUR, Log, MINUTE, MONDAY};
use metrics::energy::exchange::of_machines;
use metrics::energy::integration::{self, NotIntegrated};
use metrics::exact::Rational;
use metrics::figures::meters::{MissingDays, meters, reach};
use metrics::grade::{Flag, Grade};
use metrics::metrology::measured::Rules;
use metrics::metrology::{
    Bounds, ClassTable, Composition, Detail, Finding, Loading, Measured, Meter, Quantity, classes, compose, difference,
    measure,
};
use metrics::oee::Undefined;
use metrics::report::Period;
use metrics::settlement::reconcile::summed;
use metrics::settlement::{Allowed, Reason, Reconciled, Verdict, YearRule, reconcile};
use metrics::shift::Inputs;
use metrics::{History, Interval};
use proptest::prelude::*;
use protocol::content::{CounterConfig, Ratio, TagConfig};
use protocol::{Batch, Content, Quality, Reading, Value, ValueType};
use serde_json::json;

const DAY: i64 = 24 * HOUR;

fn table() -> ClassTable {
    ClassTable::parse(classes::DELIVERED).unwrap()
}

fn vector(name: &str) -> serde_json::Value {
    let path = format!("{}/tests/vectors_metering/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn decimal(v: &serde_json::Value) -> Rational {
    Rational::parse(v.as_str().unwrap()).unwrap()
}

/// Every expected entry is computed and every computed one expected.
fn check(vector: &serde_json::Value, computed: &BTreeMap<String, Result<Rational, String>>) {
    let expected = vector["expected"].as_object().unwrap();
    let printed: BTreeMap<&str, String> = computed
        .iter()
        .map(|(key, got)| {
            let decimals = expected.get(key).and_then(|d| d.as_str()?.split_once('.')).map_or(0, |(_, d)| d.len());
            (key.as_str(), got.as_ref().map_or_else(Clone::clone, |r| r.digits(decimals)))
        })
        .collect();
    let wanted: BTreeMap<&str, String> =
        expected.iter().map(|(k, v)| (k.as_str(), v.as_str().unwrap().to_owned())).collect();
    assert_eq!(printed, wanted);
}

/// Readings of one tag, (UTC, raw), an hour per batch; `tag` counts the fixture's tags.
fn read(log: &mut Log, tag: u32, samples: &[(i64, u64)]) {
    for chunk in samples.chunks(60) {
        let (first, last) = (chunk.first().unwrap().0, chunk.last().unwrap().0);
        let readings: Vec<Reading> = chunk
            .iter()
            .map(|(ms, raw)| Reading {
                tag,
                boot_ms: ms - (MONDAY - 5_000_000),
                value: Value::U64(*raw),
                quality: Quality::Good,
                source_ms: None,
            })
            .collect();
        let content = Content::Batch(Batch::from_readings(readings, vec![], vec![]));
        log.record(last + 1_000, &content, Some((first, last)));
    }
}

/// The incoming meter (tag 4, hundredths of a kWh), read every hour at a steady 10 kW from a day before Monday on.
fn steady(days: i64) -> Log {
    let mut log = Log::new(false);
    let samples: Vec<(i64, u64)> =
        (0..=(days + 1) * 24).map(|h| (MONDAY - DAY + h * HOUR, 5_000_000 + 1_000 * h as u64)).collect();
    read_from(&mut log, &samples);
    log
}

fn read_from(log: &mut Log, samples: &[(i64, u64)]) {
    read(log, 4, samples);
}

fn main_measured(history: &History, window: Interval) -> Measured {
    let table = table();
    let rules = Rules { table: &table, loading: Loading::Rated, tangent: None };
    measure(history, &Inputs::load(history, "main", window), "main", window, &rules).unwrap()
}

fn reconciled(history: &History) -> Vec<Reconciled> {
    let table = table();
    reconcile(
        history,
        "main",
        &Rules { table: &table, loading: Loading::Rated, tangent: None },
        Interval::new(i64::MIN, i64::MAX),
    )
}

#[test]
fn instrument_error_prints_to_the_digit() {
    let v = vector("instrument");
    let i = &v["inputs"];
    let meter: Meter = serde_json::from_value(i["meter"].clone()).unwrap();
    let table = table();
    let of = |tangent: Option<Rational>| compose(&meter, &table, Loading::Rated, tangent).unwrap();
    let plain = of(None);
    let wide = plain.widen(Bounds { lower: decimal(&i["lower"]), upper: Some(decimal(&i["upper"])) }).unwrap();
    let side = |value: Rational| difference::Side { value, unknown_time: Bounds::exact(value), composition: &plain };
    let d = difference(&side(decimal(&i["before"])), &side(decimal(&i["after"])), meter.is_same_instrument(&meter));
    let d = d.unwrap();
    let common = d.correlated.unwrap();
    let computed = [
        ("limit", plain.total),
        ("limit_with_displacement", of(Some(decimal(&i["tangent"]))).total),
        ("lower", wide.lower),
        ("upper", wide.upper.unwrap()),
        ("difference", d.value),
        ("common.lower", common.lower),
        ("common.upper", common.upper.unwrap()),
        ("worst.lower", d.worst.lower),
        ("worst.upper", d.worst.upper.unwrap()),
    ];
    check(&v, &computed.into_iter().map(|(k, r)| (k.to_owned(), Ok(r))).collect());
}

fn note(out: &mut BTreeMap<String, Result<Rational, String>>, name: &str, allowed: Allowed) {
    let parts = [
        ("unknown_time", allowed.unknown_time),
        ("reading_time", allowed.reading_time),
        ("own_meter", allowed.own_meter.unwrap()),
        ("their_meter", allowed.their_meter.unwrap()),
        ("rounding", allowed.rounding),
        ("total", allowed.total().unwrap()),
    ];
    out.extend(parts.into_iter().map(|(part, value)| (format!("{name}.{part}"), Ok(value))));
}

#[test]
fn a_reconciliation_prints_to_the_digit() {
    let v = vector("reconciliation");
    let mut log = steady(16);
    log.declare("meter", v["inputs"]["meter"].clone());
    for bill in v["inputs"]["bills"].as_array().unwrap() {
        log.declare("bill", bill.clone());
    }
    let months = reconciled(&log.history());
    let mut computed = BTreeMap::new();
    for (n, m) in months.iter().enumerate() {
        let mut put = |key: &str, got: Result<Rational, String>| {
            computed.insert(format!("{}.{key}", n + 1), got);
        };
        put("measured", Ok(m.measured.as_ref().unwrap().kwh));
        put("billed", Ok(m.billed.unwrap()));
        put("difference", Ok(m.difference.unwrap()));
        put("relative", Ok(m.relative.unwrap()));
        put("verdict", Err(m.verdict.words().1.to_owned()));
        put("grade", Err(m.grade.letter().to_owned()));
        note(&mut computed, &format!("{}.over", n + 1), m.over.unwrap());
        note(&mut computed, &format!("{}.short", n + 1), m.short.unwrap());
        assert_eq!((m.findings(), &m.reasons.len()), (&[][..], &0), "{m:?}");
    }
    let (measured, billed, difference) = summed(&months).unwrap();
    for (key, value) in [("measured", measured), ("billed", billed), ("difference", difference)] {
        computed.insert(format!("sum.{key}"), Ok(value));
    }
    check(&v, &computed);
}

/// The page's lines are those of the vector, whole bills however few of their days were asked for, and a year says what it lacks.
#[test]
fn meters_and_bills_over_some_dates_answer_why() {
    let v = vector("reconciliation");
    let mut log = steady(16);
    log.declare("meter", v["inputs"]["meter"].clone());
    for bill in v["inputs"]["bills"].as_array().unwrap() {
        log.declare("bill", bill.clone());
    }
    let history = log.history();
    // Three days, of which the first bill has two and the second one.
    let period = Period { name: "period".into(), from: "2026-03-07".into(), to: "2026-03-09".into() };
    let all = meters(&history, &period, None).unwrap();
    assert_eq!(reach(&history, &period), Some(Interval::new(MONDAY, MONDAY + 14 * DAY)));
    assert_eq!(all.bills.iter().map(|b| b.verdict).collect::<Vec<_>>(), ["within", "outside"]);
    let value = |id: &str, n: usize| {
        let mut of = all.figures.iter().filter(|f| f.definition == id);
        of.nth(n).and_then(|f| f.value.clone())
    };
    let expected = |key: &str| v["expected"][key].as_str().map(|d| Rational::parse(d).unwrap().digits(6));
    for n in 0..2 {
        assert_eq!(value("bill.difference@1", n), expected(&format!("{}.difference", n + 1)));
        assert!(value("bill.relative@1", n).is_some() && value("bill.allowed@1", n).is_some());
    }
    // Ten kilowatts for three days, of which a register read every hour leaves nothing open at midnight.
    let energy = all.figures.iter().find(|f| f.definition == "energy.active.instrument@1" && f.part == "main").unwrap();
    assert_eq!((energy.value.as_deref(), energy.coverage), (Some("720.000000"), [3 * DAY, 3 * DAY]));
    // 0.5 % of the meter and 0.2 % of its transformers.
    let error = all.figures.iter().find(|f| f.definition == "meter.error@1").unwrap();
    assert_eq!(error.value.as_deref(), Some("0.007000"));
    assert_eq!((energy.lower.as_deref(), energy.upper.as_deref()), (Some("714.960000"), Some("725.075529")));
    assert_eq!(all.instruments[0].leaf, Some(energy_statement(&history)));
    // Of a year two weeks are billed: standard coal of what is billed, and what is missing by account.
    assert_eq!((all.years.len(), all.years[0].is_whole), (1, false));
    assert_eq!(all.years[0].missing, [MissingDays { account: "0530".into(), days: 365 - 14 }]);
    let coal = all.figures.iter().find(|f| f.definition == "energy.comprehensive.bills@1").unwrap();
    assert_eq!((coal.part.as_str(), coal.grade, coal.upper.as_deref()), ("2026", Some("D"), None));
    // Nobody stated the instrument: it is a matter to verify, and its error is not in the interval.
    let bare = meters(&steady(16).history(), &period, None).unwrap();
    assert_eq!(
        bare.findings.iter().map(|f| (f.machine.as_str(), f.code)).collect::<Vec<_>>(),
        [("main", "METER_UNDECLARED")]
    );
    let energy =
        bare.figures.iter().find(|f| f.definition == "energy.active.instrument@1" && f.part == "main").unwrap();
    assert_eq!((energy.value.as_deref(), energy.upper.as_deref()), (Some("720.000000"), None));
    assert!(bare.bills.is_empty() && bare.years.is_empty());
}

fn energy_statement(history: &History) -> u64 {
    history.statements().instrument_at("main", Quantity::Energy, MONDAY).unwrap().leaf
}

/// The two bills of the vector with some fields changed in both.
fn changed(change: &[(&str, serde_json::Value)], meter: Option<serde_json::Value>) -> Vec<Reconciled> {
    let v = vector("reconciliation");
    let mut log = steady(16);
    if let Some(meter) = meter {
        log.declare("meter", meter);
    }
    for bill in v["inputs"]["bills"].as_array().unwrap() {
        let mut bill = bill.clone();
        for (field, value) in change {
            bill[*field] = value.clone();
        }
        log.declare("bill", bill);
    }
    reconciled(&log.history())
}

fn verdicts(months: &[Reconciled]) -> Vec<(Verdict, Vec<Reason>)> {
    months.iter().map(|m| (m.verdict, m.reasons.iter().copied().collect())).collect()
}

#[test]
fn a_verdict_never_hangs_on_what_is_unknown() {
    use Verdict::{NotComparable, Outside, Within};
    let meter = || Some(vector("reconciliation")["inputs"]["meter"].clone());
    let unknown = changed(&[("classes", json!(null))], meter());
    assert_eq!(verdicts(&unknown), [(Within, vec![]), (NotComparable, vec![Reason::ClassUnknown])]);
    let undeclared = changed(&[], None);
    assert_eq!(verdicts(&undeclared), [(Within, vec![]), (NotComparable, vec![Reason::ClassUnknown])]);
    assert_eq!(undeclared[0].findings()[0].finding, Finding::MeterUndeclared);
    // One and the same instrument: its error is in both numbers.
    let same = changed(&[("meter_serial", json!("0071")), ("classes", json!(null))], meter());
    assert_eq!(verdicts(&same), [(Within, vec![]), (Outside, vec![])]);
    assert_eq!(same[1].short.unwrap().total().unwrap().digits(1), "20.1");
    // A new certificate in the middle of the week leaves it the same instrument.
    let v = vector("reconciliation");
    let mut renewed = steady(16);
    renewed.declare("meter", v["inputs"]["meter"].clone());
    renewed.declare_from("meter", MONDAY + 9 * DAY, v["inputs"]["meter"].clone());
    let mut bill = v["inputs"]["bills"][1].clone();
    bill["meter_serial"] = json!("0071");
    renewed.declare("bill", bill);
    assert_eq!(reconciled(&renewed.history())[0].short.unwrap().total().unwrap().digits(1), "20.1");
    // 45 kWh of transformer loss explain the second week; the first then exceeds its bill.
    let loss = changed(&[("loss", json!("45"))], meter());
    assert_eq!(verdicts(&loss), [(Within, vec![]), (Within, vec![])]);
    assert_eq!(loss[0].difference, Some(Rational::integer(40)));
    let gas = changed(&[("unit", json!("m3"))], meter());
    assert_eq!(verdicts(&gas)[0], (NotComparable, vec![Reason::BillUnit]));
    let paper = changed(&[("source", json!("paper"))], meter());
    assert_eq!((paper[0].grade, paper[0].verdict), (Grade::D, Within));
}

#[test]
fn what_cannot_be_compared_says_why() {
    let overlapping = changed(&[("from", json!("2026-03-02"))], None);
    assert!(overlapping.iter().all(|m| m.verdict == Verdict::NotComparable && m.reasons.contains(&Reason::Overlap)));
    let mut log = steady(16);
    let v = vector("reconciliation");
    for (n, bill) in v["inputs"]["bills"].as_array().unwrap().iter().enumerate() {
        let mut bill = bill.clone();
        bill["account"] = json!(format!("a{n}"));
        log.declare("bill", bill);
    }
    let two = reconciled(&log.history());
    assert!(two.iter().all(|m| m.reasons.contains(&Reason::AccountUnclear)), "{two:?}");
    // Half a week read, and a week after the last reading.
    let mut log = steady(4);
    for bill in v["inputs"]["bills"].as_array().unwrap() {
        log.declare("bill", bill.clone());
    }
    let late = reconciled(&log.history());
    assert!(
        late[0].reasons.contains(&Reason::CoverageLow) && late[0].verdict == Verdict::NotComparable,
        "{:?}",
        late[0]
    );
    assert!(late[1].reasons.contains(&Reason::NotRead) && late[1].difference.is_none());
    assert_eq!(summed(&late[1..]), None);
}

#[test]
fn a_newer_bill_supersedes_and_a_withdrawal_ends_it() {
    let v = vector("reconciliation");
    let mut log = steady(16);
    let mut bill = v["inputs"]["bills"][0].clone();
    log.declare("bill", bill.clone());
    bill["amount"] = json!("1681");
    log.declare("bill", bill.clone());
    let newest = reconciled(&log.history());
    assert_eq!((newest.len(), newest[0].billed), (1, Some(Rational::integer(1_681))));
    bill["withdrawn"] = json!(true);
    log.declare("bill", bill);
    assert_eq!(reconciled(&log.history()).len(), 0);
}

#[test]
fn a_register_that_breaks_leaves_its_whole_days() {
    let mut log = Log::new(false);
    // Wednesday 12:00 an undeclared exchange: the register starts afresh.
    let samples: Vec<(i64, u64)> = (0..=17 * 24)
        .map(|h| (MONDAY - DAY + h * HOUR, if h < 84 { 5_000_000 + 1_000 * h } else { 1_000 * (h - 84) } as u64))
        .collect();
    read_from(&mut log, &samples);
    log.declare("bill", vector("reconciliation")["inputs"]["bills"][0].clone());
    let months = reconciled(&log.history());
    let m = months[0].measured.as_ref().unwrap();
    assert!(m.is_broken && m.unknown_time.upper.is_none());
    assert_eq!(m.kwh, Rational::integer(6 * 240));
    assert_eq!((m.cover.observed_ms, m.cover.of_ms), (6 * DAY, 7 * DAY));
    assert_eq!(months[0].verdict, Verdict::NotComparable);
    assert!(months[0].reasons.contains(&Reason::RegisterBroken));
}

#[test]
fn unknown_time_and_instrument_error_stand_apart_and_pieces_have_their_own() {
    let mut log = steady(16);
    let mut meter = vector("reconciliation")["inputs"]["meter"].clone();
    log.declare("meter", meter.clone());
    let week = Interval::new(MONDAY, MONDAY + 7 * DAY);
    let one = main_measured(&log.history(), week);
    assert_eq!((one.kwh, one.unknown_time), (Rational::integer(1_680), Bounds::exact(Rational::integer(1_680))));
    assert_eq!(one.with_instrument.unwrap().lower.digits(2), "1668.24");
    // From Wednesday on another meter of class B (1 %), directly connected.
    (meter["class"], meter["ct"], meter["register"], meter["serial"]) =
        (json!("B"), json!(null), json!("primary"), json!("0072"));
    meter["per_count"] = json!("0.01");
    log.declare_from("meter", MONDAY + 2 * DAY, meter.clone());
    let two = main_measured(&log.history(), week);
    assert_eq!((two.kwh, two.compositions.len()), (one.kwh, 2));
    assert_eq!(two.with_instrument.unwrap().lower.digits(2), "1664.64", "480 · 0.993 + 1 200 · 0.99");
    assert_eq!(two.findings, []);
    // Of an unknown class from Friday on.
    meter["class"] = json!("silver");
    log.declare_from("meter", MONDAY + 4 * DAY, meter);
    let three = main_measured(&log.history(), week);
    assert_eq!(three.with_instrument, None);
    assert_eq!((three.findings[0].finding, three.findings[0].span.from_ms), (Finding::ClassUnknown, MONDAY + 4 * DAY));
    assert_eq!(three.unknown_time, one.unknown_time);
}

#[test]
fn what_is_wrong_with_an_instrument_is_found() {
    let week = Interval::new(MONDAY, MONDAY + 7 * DAY);
    let found = |log: &Log| main_measured(&log.history(), week).findings;
    let mut log = steady(8);
    assert_eq!(found(&log)[0].finding, Finding::MeterUndeclared);
    let mut meter = vector("reconciliation")["inputs"]["meter"].clone();
    meter["certificates"][0]["valid_until"] = json!("2026-03-05");
    meter["per_count"] = json!("0.01");
    log.declare("meter", meter.clone());
    let both = found(&log);
    assert_eq!(
        both.iter().map(|f| f.finding).collect::<Vec<_>>(),
        [Finding::CertificateExpired, Finding::RatioContradiction]
    );
    assert_eq!(both[0].span, Interval::new(MONDAY + 4 * DAY, MONDAY + 7 * DAY), "Friday to Sunday");
    let Detail::Scale { expected, configured } = &both[1].detail else { panic!("{both:?}") };
    assert_eq!((expected.unwrap().digits(2), configured.digits(2)), ("0.40".to_owned(), "0.01".to_owned()));

    // An hour of running backwards on Thursday.
    let mut log = Log::new(false);
    let samples: Vec<(i64, u64)> = (0..=8 * 24)
        .map(|h| {
            let turned = if h > 100 { 2_000 } else { 0 };
            (MONDAY - DAY + h * HOUR, 5_000_000 + 1_000 * h as u64 - turned)
        })
        .collect();
    read_from(&mut log, &samples);
    meter["per_count"] = json!("0.00025");
    meter["certificates"][0]["valid_until"] = json!("2028-03-05");
    log.declare("meter", meter.clone());
    let turned = found(&log);
    assert_eq!(turned.len(), 1, "{turned:?}");
    assert_eq!(turned[0].finding, Finding::ReversedImport);
    assert_eq!(turned[0].detail, Detail::Backward { kwh: Rational::integer(10), steps: 1 });
    // On an export register that is no matter.
    meter["counts"] = json!("export");
    log.declare("meter", meter);
    assert_eq!(found(&log), []);
}

/// A log whose gateway also reads a clamp (kW, watts), with these readings.
fn clamp(samples: &[(i64, u64)], register: bool) -> Log {
    let mut log = Log::new(false);
    let mut configuration = Log::configuration();
    let tag = |id: &str, unit: &str, counter: Option<CounterConfig>| TagConfig {
        id: id.parse().unwrap(),
        value_type: ValueType::U64,
        unit: unit.into(),
        scale: Ratio { num: 1, den: 1000 },
        role: String::new(),
        interval_ms: MINUTE,
        address: String::new(),
        counter,
    };
    configuration.tags.push(tag("saw/power", "kW", None));
    log.record(MONDAY - HOUR, &Content::Configuration(configuration), None);
    let mut signals = json!({"power": {"gateway": GATEWAY, "tag": "saw/power"}});
    if register {
        signals["energy"] = json!({"gateway": GATEWAY, "tag": "press/energy"});
    }
    log.declare("machine", json!({"machine": "saw", "names": {"zh": "锯", "en": "Saw"}, "signals": signals}));
    read(&mut log, 5, samples);
    log
}

#[test]
fn power_is_integrated_only_without_a_register_and_says_so() {
    let hour = Interval::new(MONDAY, MONDAY + HOUR);
    let samples: Vec<(i64, u64)> =
        (0..=60).filter(|m| !(20..30).contains(m)).map(|m| (MONDAY + m * MINUTE, 2_000)).collect();
    let log = clamp(&samples, false);
    let history = log.history();
    let got = integration::of_machine(&history, "saw", hour, Some(3_000)).unwrap();
    // 49 minutes of 2 kW are seen; 11 minutes may have been 3 kW.
    assert_eq!((got.kwh, got.bounds.lower), (Rational::new(98, 60).unwrap(), Rational::new(98, 60).unwrap()));
    assert_eq!(got.bounds.upper, Rational::new(98 + 33, 60));
    assert_eq!((got.cover.observed_ms, got.grade), (49 * MINUTE, Grade::C));
    assert!(got.flags.contains(&Flag::EnergyFromPower) && !got.lineage.is_empty());
    assert_eq!(integration::of_machine(&history, "saw", hour, None).unwrap().bounds.upper, None);
    // A complete record is C at best.
    let whole: Vec<(i64, u64)> = (0..=60).map(|m| (MONDAY + m * MINUTE, 2_000)).collect();
    let whole = integration::of_machine(&clamp(&whole, false).history(), "saw", hour, None).unwrap();
    assert_eq!((whole.kwh, whole.grade), (Rational::integer(2), Grade::C));
    let with_register = integration::of_machine(&clamp(&samples, true).history(), "saw", hour, None);
    assert_eq!(with_register, Err(NotIntegrated::HasRegister));
    let nothing = integration::of_machine(&history, "saw", Interval::new(MONDAY + 9 * DAY, MONDAY + 10 * DAY), None);
    assert_eq!(nothing, Err(NotIntegrated::NotRead));
}

/// A composition of parts in thousandths.
fn composition(parts: &[i128]) -> Composition {
    let total = Rational::new(parts.iter().sum(), 1_000).unwrap();
    Composition { table: "t@1".to_owned(), loading: Loading::Rated, parts: vec![], total }
}

#[test]
fn an_export_register_is_one_only_when_somebody_says_so() {
    let week = Interval::new(MONDAY, MONDAY + 7 * DAY);
    let mut log = steady(8);
    let samples: Vec<(i64, u64)> = (0..=9 * 24).map(|h| (MONDAY - DAY + h * HOUR, 1_000 * h as u64)).collect();
    read(&mut log, 3, &samples);
    let of = |log: &Log| of_machines(&log.history(), "main", "press", week);
    assert_eq!(of(&log), Err(Undefined::NoMeter));
    let mut meter = json!({"machine": "press", "counts": "import", "register": "primary", "class": "1"});
    log.declare("meter", meter.clone());
    assert_eq!(of(&log), Err(Undefined::NoMeter));
    meter["counts"] = json!("export");
    log.declare("meter", meter);
    let both = of(&log).unwrap();
    let micro = |kwh: i128| kwh * 1_000_000;
    assert_eq!((both.imported.micro_kwh.value, both.exported.micro_kwh.value), (micro(1_680), micro(168)));
    assert_eq!(both.net(), (micro(1_512), Some(micro(1_512)), Some(micro(1_512))));
}

#[test]
fn reasons_verdicts_and_refusals_speak_both_languages() {
    let chinese = |t: &str| t.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c));
    let reasons = Reason::ALL.map(Reason::words);
    assert!(Reason::ALL.iter().collect::<BTreeSet<_>>().len() == Reason::RegisterBroken as usize + 1);
    let verdicts = [Verdict::Within, Verdict::Outside, Verdict::NotComparable].map(Verdict::words);
    let refusals =
        [NotIntegrated::HasRegister, NotIntegrated::NoPower, NotIntegrated::NotRead, NotIntegrated::TooLarge];
    let rules = [YearRule::Within, YearRule::EndsIn].map(YearRule::words);
    let refusals = refusals.map(NotIntegrated::words);
    let mut seen = BTreeSet::new();
    for (zh, en) in reasons.into_iter().chain(verdicts).chain(refusals).chain(rules).chain(difference::TREATMENTS) {
        assert!(chinese(zh) && !chinese(en) && seen.insert(zh) && seen.insert(en), "{en}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    /// Widening never narrows, and the truth behind any chain of instruments within their limits lies inside.
    #[test]
    fn widening_never_narrows_and_holds_the_truth(
        truth in -1_000_000_000_i128..1_000_000_000,
        parts in prop::collection::vec((1_i128..=60, -1_i128..=1), 1..5),
        slack in (0_i128..1_000, 0_i128..1_000),
    ) {
        // What is shown: truth · Π (1 + e), each error at one end of its limit or zero.
        let mut shown = Rational::integer(truth);
        for (limit, sign) in &parts {
            shown = shown.times(Rational::new(1_000 + limit * sign, 1_000).unwrap()).unwrap();
        }
        let c = composition(&parts.iter().map(|(limit, _)| *limit).collect::<Vec<_>>());
        let bounds = Bounds {
            lower: shown.minus(Rational::integer(slack.0)).unwrap(),
            upper: shown.plus(Rational::integer(slack.1)),
        };
        let wide = c.widen(bounds).unwrap();
        prop_assert!(wide.contain(&bounds), "{:?} {:?}", wide, bounds);
        prop_assert!(wide.contain(&Bounds::exact(Rational::integer(truth))), "{:?} {}", wide, truth);
    }

    /// The true difference lies within the worst case, and within the common one when the error was common; the common one lies
    /// within the worst.
    #[test]
    fn a_true_difference_is_held(before in 0_i128..1_000_000, after in 0_i128..1_000_000, limit in 1_i128..100, e in -1_i128..=1, f in -1_i128..=1) {
        let c = composition(&[limit]);
        let shown = |truth: i128, sign: i128| Rational::new(truth * (1_000 + limit * sign), 1_000).unwrap();
        let of = |b: Rational, a: Rational| {
            let side = |value| difference::Side { value, unknown_time: Bounds::exact(value), composition: &c };
            difference(&side(b), &side(a), true).unwrap()
        };
        let truth = Bounds::exact(Rational::integer(after - before));
        let apart = of(shown(before, e), shown(after, f));
        prop_assert!(apart.worst.contain(&truth));
        prop_assert!(apart.worst.contain(&apart.correlated.unwrap()));
        let common = of(shown(before, e), shown(after, e));
        prop_assert!(common.correlated.unwrap().contain(&truth));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    /// Bills that follow each other add up to one bill over all their days.
    #[test]
    fn months_add_up(seed: u64, cuts in prop::collection::btree_set(1_i64..14, 0..4), keep in 1_u64..4) {
        let mut random = metrics::compare::SplitMix64::new(seed);
        let mut raw = 5_000_000;
        let mut samples = Vec::new();
        for h in 0..=17 * 24_i64 {
            raw += random.next_u64() % 3_000;
            if random.next_u64().is_multiple_of(keep) {
                samples.push((MONDAY - DAY + h * HOUR + (random.next_u64() % 1_800_000) as i64, raw));
            }
        }
        let date = |day: i64| format!("2026-03-{:02}", 2 + day);
        let bills = |days: &[i64]| {
            let mut log = Log::new(false);
            read_from(&mut log, &samples);
            for pair in days.windows(2) {
                let amount = (100 * (pair[1] - pair[0])).to_string();
                log.declare("bill", json!({"carrier": "electricity", "account": "a", "from": date(pair[0]), "to": date(pair[1] - 1),
                    "amount": amount, "unit": "kWh", "issuer": "g", "source": "paper"}));
            }
            summed(&reconciled(&log.history())).unwrap()
        };
        let mut days: Vec<i64> = std::iter::once(0).chain(cuts).collect();
        days.push(14);
        prop_assert_eq!(bills(&days), bills(&[0, 14]));
    }
}
