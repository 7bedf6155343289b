//! A hundred workshops against their own ground truth: what the metrics say of signed records, and what really happened.
//!
//! Where a shift was seen whole, pieces, energy and OEE are equal to the last digit: a piece is a piece, the dial of a meter shows
//! hundredths of a kilowatt-hour, planned busy time is the shift without its breaks. Of which product the pieces between two readings
//! were is not seen when the product changes between them: then OEE has bounds although nothing is missing. Where something is missing — every workshop has its
//! power cut, every third one loses contents of records besides — the truth lies inside the bounds, and nothing is ever outside them.
//!
//! Readings come once a minute (every tenth workshop: every ten seconds), on the minute, while the workshop changes at any millisecond.
//! How exactly states are told is the business of `tests/tests/workshop.rs`.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};

use metrics::facts::Facts;
use metrics::oee::{self, Ratio};
use metrics::report::evaluate_window;
use metrics::shift::Schedule;
use metrics::{History, Interval};
use protocol::{Declaration, Leaf, SecretKey};
use serde_json::{Value, json};
use simulators::calendar::{DAY, MINUTE, PLANNED, SECOND, SHIFT, Shift};
use simulators::declarations::{Options, declarations};
use simulators::history::{Identity, Plan, Producer};
use simulators::instrument::Instrument;
use simulators::rng::hash3;
use simulators::tags::devices;
use simulators::world::discrete::Discrete;
use simulators::world::{Config, ShiftTally, World};

const SEEDS: u64 = 100;
const SHIFTS: i64 = 3;
/// 2026-03-02 08:00 in Shanghai: the start of a day shift.
const EPOCH: i64 = 1_772_409_600_000;
/// Millionths of a kWh in a hundredth of one.
const PER_CENTI_KWH: i128 = 10_000;
/// µJ in a millionth of a kWh.
const UJ_PER_MICRO_KWH: i128 = 3_600_000;
/// Amounts of items are in millionths.
const ITEM: i128 = 1_000_000;

/// How many values were compared, and how many of them exactly.
#[derive(Debug, Default)]
struct Compared {
    counts: [AtomicU64; 2],
    energy: [AtomicU64; 2],
    oee: [AtomicU64; 2],
}

fn note(what: &[AtomicU64; 2], is_exact: bool) {
    what[0].fetch_add(1, Ordering::Relaxed);
    what[1].fetch_add(u64::from(is_exact), Ordering::Relaxed);
}

/// The log of a workshop, less the contents of some batches.
fn history(config: Config, interval_ms: i64) -> (History, Producer) {
    let mut history = History::new();
    let mut push = |leaf: &Leaf, content: Option<&[u8]>| history.push(history.size(), leaf, content).unwrap();
    let options = Options { config, gateway: "gw-history", history: None, effective_from: EPOCH - DAY };
    let site = json!({
        "names": {"zh": "模拟车间", "en": "Simulated workshop"},
        "zone": "Asia/Shanghai", "simulated": true, "district": "", "sub_sector": "", "city": ""
    });
    let site = json!({"kind": "site", "effective_from": EPOCH - DAY, "reason": "", "body": site});
    for d in std::iter::once(site).chain(declarations(&options)) {
        let text = |key: &str| d[key].as_str().unwrap().to_owned();
        let declaration = Declaration {
            kind: text("kind"),
            effective_from: d["effective_from"].as_i64().unwrap(),
            author: "u1".into(),
            role: "factory".into(),
            reason: text("reason"),
            body: Value::clone(&d["body"]),
        };
        let bytes = declaration.encode().unwrap();
        push(&Leaf::declaration(EPOCH - DAY, &declaration.kind, &bytes), Some(&bytes));
    }
    let until_ms = EPOCH + SHIFTS * SHIFT + 10 * MINUTE;
    let plan = Plan { config, begin_ms: config.epoch_ms, until_ms, interval_ms, readings_max: 1_500 };
    let identity = Identity {
        site: "demo".parse().unwrap(),
        gateway: "gw-history".parse().unwrap(),
        key: SecretKey::from_seed(&[5; 32]),
    };
    let mut producer = Producer::new(plan, identity);
    while let Some(record) = producer.next_record().unwrap() {
        let sequence = record.header().sequence;
        let is_lost = config.seed % 3 == 2 && sequence > 1 && hash3(config.seed, 0x6A9, sequence).is_multiple_of(8);
        push(&Leaf::record(EPOCH + 4 * DAY, &record), Some(record.content_bytes()).filter(|_| !is_lost));
    }
    assert!(history.statements().bad().is_empty(), "{:?}", history.statements().bad());
    (history, producer)
}

/// What the dial of every meter shows at the edges of the shifts, hundredths of a kWh.
fn dials(config: Config) -> Vec<Vec<(&'static str, i128)>> {
    let mut world = World::new(config);
    let instruments: Vec<Instrument> = devices(config.hall).map(|d| Instrument::new(d, config.seed)).collect();
    let mut at = |shift: i64| {
        world.advance_to(EPOCH + shift * SHIFT);
        instruments.iter().map(|i| (i.device().id, i.energy_centi_kwh(&world))).collect()
    };
    (0..=SHIFTS).map(&mut at).collect()
}

fn holds(r: &Ratio, num: i128, den: i128) -> bool {
    r.lower.0 * den <= num * r.lower.1 && r.upper.is_none_or(|u| num * u.1 <= u.0 * den)
}

fn is_certain(r: &Ratio) -> bool {
    let same = |q: (i128, i128)| q.0 * r.den == r.num * q.1;
    same(r.lower) && r.upper.is_some_and(same)
}

fn schedule(shift: Shift) -> Schedule {
    let breaks = shift.breaks().map(|(from, to)| Interval::new(from, to)).to_vec();
    Schedule { scheduled: true, breaks, calendar: None }
}

/// Pieces, and the planned time of good ones. The machining centre counts all its parts and has no reject counter.
fn counts(place: &str, facts: &Facts, closed: &ShiftTally, known: &Discrete, compared: &Compared) {
    let pri_ms: Vec<i64> = known.profile().products.iter().map(|p| p.pri_ms).collect();
    let (good, reject) = (&closed.tally.good, &closed.tally.reject);
    let is_good_counted = closed.machine != "cnc";
    let all: i128 = good.iter().chain(reject).map(|n| i128::from(*n)).sum();
    let goods: i128 = if is_good_counted { good.iter().map(|n| i128::from(*n)).sum() } else { all };
    let p = facts.production.as_ref().unwrap_or_else(|| panic!("{place}: no counts"));
    let rejects = (p.rejected.items, all - goods, "rejected");
    for (found, really, what) in [(p.produced.items, all, "produced"), (p.good.items, goods, "good"), rejects] {
        assert!(found.lower <= really * ITEM && really * ITEM <= found.upper, "{place}: {what} {really}, {found:?}");
        let is_certain = found.lower == found.upper;
        assert!(!is_certain || found.value == really * ITEM, "{place}: {what} {really}, {found:?}");
        note(&compared.counts, is_certain);
    }
    // OEE = Σ PRI·GQ / PBT. Nothing runs in a break here, so planned busy time is the shift without its breaks.
    let time = |list: &[u64]| -> i128 {
        pri_ms.iter().zip(list).map(|(ms, n)| i128::from(*ms) * 1_000 * i128::from(*n)).sum()
    };
    let standard_us = if is_good_counted { time(good) } else { time(good) + time(reject) };
    let planned_us = i128::from(PLANNED) * 1_000;
    let found = oee::oee(facts).unwrap_or_else(|why| panic!("{place}: no OEE: {why:?}"));
    assert!(holds(&found, standard_us, planned_us), "{place}: OEE {standard_us} / {planned_us}, {found:?}");
    let is_complete = facts.oee_cover().observed_ms == facts.oee_cover().of_ms;
    let certain = is_certain(&found);
    let (from, until) = (closed.shift.start(), closed.shift.end());
    let loaded = known.intervals().iter().filter(|i| i.from < until && from < i.until).map(|i| i.product);
    let is_one_product = loaded.collect::<BTreeSet<usize>>().len() == 1;
    assert!(certain || !is_complete || !is_one_product, "{place}: seen whole, and in doubt: {found:?}");
    assert!(
        !certain || (found.num, found.den) == (standard_us, planned_us),
        "{place}: {standard_us} / {planned_us}, {found:?}"
    );
    note(&compared.oee, certain);
}

fn energy(place: &str, facts: &Facts, tally_uj: i128, dial: i128, compared: &Compared) {
    let e = facts.energy.unwrap_or_else(|| panic!("{place}: no energy"));
    assert!(!facts.energy_broken, "{place}: nothing was done to the meter");
    let (found, shown, really) = (e.micro_kwh, dial * PER_CENTI_KWH, tally_uj / UJ_PER_MICRO_KWH);
    assert!((shown - really).abs() <= PER_CENTI_KWH, "{place}: the dial shows {shown}, really {really}");
    assert!(found.lower <= shown && (e.uncapped || shown <= found.upper), "{place}: {shown}, {found:?}");
    let is_certain = found.lower == found.upper && !e.uncapped;
    assert!(!is_certain || found.value == shown, "{place}: {shown}, {found:?}");
    note(&compared.energy, is_certain);
}

fn workshop(seed: u64, compared: &Compared) {
    let hall = seed.is_multiple_of(2);
    let config = Config { seed, epoch_ms: EPOCH, hall, retrofit_ms: None, rest_weekday: None, record: true };
    let (history, producer) = history(config, if seed % 10 == 9 { 10 * SECOND } else { MINUTE });
    let dials = dials(config);
    let closed: Vec<&ShiftTally> = producer.world().closed_shifts().iter().collect();
    assert_eq!(closed.iter().filter(|c| c.machine == "main").count() as i64, SHIFTS);
    for closed in closed {
        let machine = closed.machine;
        let place = format!("seed {seed}, {machine}, shift {} {}", closed.shift.number, closed.shift.name());
        let window = Interval::new(closed.shift.start(), closed.shift.end());
        let facts = evaluate_window(&history, machine, window, &schedule(closed.shift)).facts;
        let at = |ms: i64| dials[((ms - EPOCH) / SHIFT) as usize].iter().find(|d| d.0 == machine).unwrap().1;
        energy(&place, &facts, closed.tally.energy_uj, at(window.to_ms) - at(window.from_ms), compared);
        // The lathe is known by its power alone.
        if let Some(known) = producer.world().machine(machine).filter(|_| machine != "lathe") {
            counts(&place, &facts, closed, known, compared);
        }
    }
}

#[test]
fn a_hundred_workshops_agree_with_their_ground_truth() {
    let (compared, next) = (Compared::default(), AtomicU64::new(0));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(seed) = Some(next.fetch_add(1, Ordering::Relaxed)).filter(|seed| *seed < SEEDS) {
                    workshop(seed, &compared);
                }
            });
        }
    });
    println!("{compared:?}");
    let share = |what: &[AtomicU64; 2]| {
        let [all, exact] = [0, 1].map(|i| what[i].load(Ordering::Relaxed));
        assert!(exact < all, "nothing was missing: the bounds were not tried");
        exact * 100 / all
    };
    let shares = [&compared.counts, &compared.energy, &compared.oee].map(share);
    assert!(
        shares[0] >= 75 && shares[1] >= 75 && shares[2] >= 10,
        "too little was exact to prove anything: {shares:?} %"
    );
}
