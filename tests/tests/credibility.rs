//! Every detector of matters to verify, over honest simulated plants and over the same plants with their readings altered before
//! they enter the log.
//!
//! An honest plant has ordinary trouble: the outages and power cut of its history, devices that fall silent about once a day, readings lost
//! one by one, a counter that starts again, a meter that is exchanged and declared, meters that are each a little wrong. What the detectors say of
//! it, per machine and week, is the stored rate; the test fails when the two cannot be the same.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use metrics::compare::SplitMix64;
use metrics::credibility::{Examination, LIST, examine, honest};
use metrics::{History, Interval};
use protocol::content::{Column, Values};
use protocol::{Content, Declaration, Header, Leaf, Quality, Record, SecretKey};
use serde_json::{Value as Json, json};
use simulators::calendar::{DAY, HOUR, MINUTE, Shift};
use simulators::declarations::{Options, declarations};
use simulators::history::{Identity, Plan, Producer};
use simulators::tags::devices;
use simulators::world::Config;

/// 2026-03-02 08:00 in Shanghai: a Monday, the start of a day shift.
const EPOCH: i64 = 1_772_409_600_000;
const WEEKS: i64 = 2;
const WEEK: i64 = 7 * DAY;
const PLANTS: u64 = 20;

fn key() -> SecretKey {
    SecretKey::from_seed(&[5; 32])
}

fn week(n: i64) -> Interval {
    Interval::new(EPOCH + n * WEEK, EPOCH + (n + 1) * WEEK)
}

/// The batches of a plant as its gateway would have sealed them, and the tags by index.
#[derive(Clone)]
struct Plant {
    config: Config,
    records: Vec<(Header, Content)>,
    tags: Vec<&'static str>,
    declared: Vec<Json>,
}

impl Plant {
    fn new(seed: u64) -> Self {
        let config =
            Config { seed, epoch_ms: EPOCH, hall: true, retrofit_ms: None, rest_weekday: Some(6), record: false };
        let plan = Plan {
            config,
            begin_ms: config.epoch_ms,
            until_ms: EPOCH + WEEKS * WEEK,
            interval_ms: MINUTE,
            readings_max: 12_000,
        };
        let identity = Identity { site: "demo".parse().unwrap(), gateway: "gw-history".parse().unwrap(), key: key() };
        let mut producer = Producer::new(plan, identity);
        let mut records = Vec::new();
        while let Some(record) = producer.next_record().unwrap() {
            let header = record.header().clone();
            let content = Content::decode(header.kind, record.content_bytes()).unwrap();
            records.push((header, content));
        }
        let tags = devices(true).flat_map(|d| d.tags.iter().map(|t| t.id)).collect();
        Self { config, records, tags, declared: Vec::new() }
    }

    /// The value of a tag at every instant it was read; texts as zero.
    fn table(&self, tag: &str) -> BTreeMap<i64, f64> {
        let mut out = BTreeMap::new();
        for (header, content) in &self.records {
            let Content::Batch(batch) = content else { continue };
            let offset = header.clock.wall_ms - header.clock.boot_ms;
            for column in batch.columns.iter().filter(|c| self.tags[c.tag as usize] == tag) {
                for (i, boot_ms) in column.times.iter().enumerate() {
                    out.insert(boot_ms + offset, get(&column.values, i));
                }
            }
        }
        out
    }

    /// Alters readings: the new value, or nothing.
    fn edit(&mut self, mut change: impl FnMut(&str, i64, f64) -> Option<f64>) {
        for (header, content) in &mut self.records {
            let Content::Batch(batch) = content else { continue };
            let offset = header.clock.wall_ms - header.clock.boot_ms;
            for column in &mut batch.columns {
                let tag = self.tags[column.tag as usize];
                *column = altered(column, |boot_ms, value| change(tag, boot_ms + offset, value));
            }
            batch.columns.retain(|c| !c.times.is_empty());
        }
    }

    fn declare(&mut self, kind: &str, effective_from: i64, body: Json) {
        self.declared.push(json!({"kind": kind, "effective_from": effective_from, "reason": "", "body": body}));
    }

    /// The log of this plant, taken in.
    fn history(&self) -> History {
        let mut history = History::new();
        let mut at = 0;
        let mut push = |leaf: &Leaf, content: &[u8]| {
            history.push(at, leaf, Some(content)).unwrap();
            at += 1;
        };
        let options =
            Options { config: self.config, gateway: "gw-history", history: None, effective_from: EPOCH - DAY };
        let site = json!({"kind": "site", "effective_from": EPOCH - DAY, "reason": "", "body": {
            "names": {"zh": "模拟车间", "en": "Simulated workshop"},
            "zone": "Asia/Shanghai", "simulated": true, "district": "", "sub_sector": "", "city": ""
        }});
        for d in std::iter::once(site).chain(declarations(&options)).chain(self.declared.iter().cloned()) {
            let text = |key: &str| d[key].as_str().unwrap().to_owned();
            let declaration = Declaration {
                kind: text("kind"),
                effective_from: d["effective_from"].as_i64().unwrap(),
                author: "u1".into(),
                role: "factory".into(),
                reason: text("reason"),
                body: d["body"].clone(),
            };
            let bytes = declaration.encode().unwrap();
            push(&Leaf::declaration(EPOCH - DAY, &declaration.kind, &bytes), &bytes);
        }
        for (header, content) in &self.records {
            let record = Record::sign(header.clone(), content.encode().unwrap(), &key()).unwrap();
            push(&Leaf::record(EPOCH + WEEKS * WEEK, &record), record.content_bytes());
        }
        assert!(history.statements().bad().is_empty(), "{:?}", history.statements().bad());
        history
    }
}

fn get(values: &Values, i: usize) -> f64 {
    match values {
        Values::Bool(v) => f64::from(u8::from(v[i])),
        Values::I64(v) => v[i] as f64,
        Values::U64(v) => v[i] as f64,
        Values::F32(v) => f64::from(f32::from_bits(v[i])),
        Values::F64(v) => f64::from_bits(v[i]),
        Values::Text(_) => 0.0,
    }
}

fn altered(column: &Column, mut change: impl FnMut(i64, f64) -> Option<f64>) -> Column {
    let kept: Vec<(i64, usize, f64)> = column
        .times
        .iter()
        .enumerate()
        .filter_map(|(i, t)| Some((*t, i, change(*t, get(&column.values, i))?)))
        .collect();
    let values = match &column.values {
        Values::Bool(_) => Values::Bool(kept.iter().map(|k| k.2 > 0.5).collect()),
        Values::I64(_) => Values::I64(kept.iter().map(|k| k.2 as i64).collect()),
        Values::U64(_) => Values::U64(kept.iter().map(|k| k.2.max(0.0) as u64).collect()),
        Values::F32(_) => Values::F32(kept.iter().map(|k| (k.2 as f32).to_bits()).collect()),
        Values::F64(_) => Values::F64(kept.iter().map(|k| k.2.to_bits()).collect()),
        Values::Text(v) => Values::Text(kept.iter().map(|k| v[k.1].clone()).collect()),
    };
    let times: Vec<i64> = kept.iter().map(|k| k.0).collect();
    let qualities = vec![(Quality::Good, times.len() as u32)];
    Column { tag: column.tag, times, values, qualities, sources: None }
}

fn device_of(tag: &str) -> &str {
    tag.split('/').next().unwrap()
}

/// A plant with ordinary trouble.
fn honest_plant(seed: u64) -> Plant {
    let mut plant = Plant::new(seed);
    let mut random = SplitMix64::new(seed ^ 0x0007_2B1E);
    let mut below = |n: i64| (random.next_u64() % n.cast_unsigned()).cast_signed();
    // Each device falls silent about once a day, for up to forty minutes.
    let mut silent: BTreeMap<&str, Vec<Interval>> = BTreeMap::new();
    let mut error: BTreeMap<&str, (f64, f64)> = BTreeMap::new();
    for d in devices(true) {
        for day in 0..WEEKS * 7 {
            let from = EPOCH + day * DAY + below(DAY);
            silent.entry(d.id).or_default().push(Interval::new(from, from + 4 * MINUTE + below(36 * MINUTE)));
        }
        // Class 1 meters with their transformers: power and energy up to one per cent wrong.
        error.insert(d.id, (below(201) as f64, below(201) as f64));
    }
    let reset_ms = EPOCH + DAY + below(10 * DAY);
    let exchanged_ms = EPOCH + DAY + below(10 * DAY);
    let at = |table: BTreeMap<i64, f64>, ms: i64| table.range(..=ms).next_back().map_or(0.0, |(_, v)| *v);
    let counted = [at(plant.table("press/good"), reset_ms), at(plant.table("press/reject"), reset_ms)];
    let wrong = |v: f64, hundredths: f64| v * (1.0 + (hundredths - 100.0) / 10_000.0);
    let energy_error = error["blister"].1;
    let old_final = wrong(at(plant.table("blister/energy"), exchanged_ms), energy_error).floor();
    plant.edit(|tag, ms, value| {
        let id = device_of(tag);
        let lost = below(500) == 0 || silent[id].iter().any(|s| s.contains(ms));
        let (power, energy) = error[id];
        let value = match tag {
            "press/good" if ms > reset_ms => value - counted[0],
            "press/reject" if ms > reset_ms => value - counted[1],
            "blister/energy" if ms > exchanged_ms => wrong(value, energy).floor() - old_final + 137.0,
            _ if tag.ends_with("/power") => wrong(value, power),
            _ if tag.ends_with("/energy") && id == "cnc" || id == "vessel" && tag.ends_with("/energy") => value,
            _ if tag.ends_with("/energy") => wrong(value, energy).floor(),
            _ => value,
        };
        (!lost).then_some(value)
    });
    plant.declare(
        "meter_replaced",
        exchanged_ms,
        json!({"machine": "blister", "at_ms": exchanged_ms, "old_final_raw": old_final as i64, "new_initial_raw": 137}),
    );
    plant
}

/// Findings as detector and machine.
fn found(e: &Examination) -> Vec<(&str, &str)> {
    let mut out: Vec<_> = e.findings.iter().map(|f| (f.detector, f.machine.as_str())).collect();
    out.sort_unstable();
    out.dedup();
    out
}

#[test]
fn the_stored_rates_are_what_honest_plants_show() {
    let mut rates: BTreeMap<&str, (u64, u64)> = LIST.into_iter().map(|d| (d.id, (0, 0))).collect();
    for seed in 1..=PLANTS {
        let history = honest_plant(seed).history();
        for n in 0..WEEKS {
            let examination = examine(&history, week(n));
            assert_eq!(examination.left_out, 0);
            for checked in &examination.checked {
                let rate = rates.get_mut(checked.detector).unwrap();
                rate.0 += 1;
                rate.1 += u64::from(checked.findings > 0);
            }
            for f in &examination.findings {
                println!("seed {seed} week {n}: {} {} {:?} {}", f.detector, f.machine, f.windows, f.says.en);
            }
        }
    }
    println!("detector · machine-weeks examined · with a finding");
    for (id, (examined, with)) in &rates {
        println!("{{\"detector\": \"{id}\", \"examined\": {examined}, \"found\": {with}}},");
    }
    let stored = honest::measured().expect("the stored measurement reads");
    assert_eq!((stored.plants, stored.weeks, stored.interval_s), (PLANTS, WEEKS.cast_unsigned(), 60));
    for (id, (examined, with)) in rates {
        let rate = honest::rate(id).unwrap_or_else(|| panic!("no stored rate of {id}"));
        assert!(examined > 0, "{id} examined nothing");
        let (low, high) = rate.interval().unwrap();
        let share = with as f64 / examined as f64;
        let close = rate.examined.abs_diff(examined) * 10 <= examined;
        assert!(
            close && low <= share && share <= high,
            "{id}: {} of {} stored, {with} of {examined} measured",
            rate.found,
            rate.examined
        );
    }
}

/// The plant whose readings are altered, and what its second week says unaltered.
fn plant() -> &'static (Plant, Examination) {
    static PLANT: OnceLock<(Plant, Examination)> = OnceLock::new();
    PLANT.get_or_init(|| {
        let plant = honest_plant(1);
        let examination = examine(&plant.history(), week(1));
        (plant, examination)
    })
}

/// The second week of that plant with these readings altered; the first is as it was.
fn altered_week(change: impl FnMut(&str, i64, f64) -> Option<f64>) -> Examination {
    let mut plant = plant().0.clone();
    plant.edit(change);
    examine(&plant.history(), week(1))
}

fn second(ms: i64) -> bool {
    ms >= EPOCH + WEEK
}

/// The shift with this number in the second week.
fn shift(n: i64) -> Interval {
    let shift = Shift { number: Shift::at(EPOCH + WEEK).number + n };
    Interval::new(shift.start(), shift.end())
}

fn assert_found(what: &str, e: &Examination, wanted: &[(&str, &str)]) {
    let all = found(e);
    println!("{what}: {all:?}");
    let of = |detector: &str| format!("credibility.{detector}@1");
    for (detector, machine) in wanted {
        let id = of(detector);
        assert!(all.contains(&(id.as_str(), machine)), "{what}: {id} of {machine} is not in {all:?}");
        assert!(!found(&plant().1).contains(&(id.as_str(), machine)), "{what}: {id} of {machine} was there before");
    }
}

#[test]
fn altered_readings_of_one_signal_are_found() {
    let morning = Interval::new(shift(2).from_ms + HOUR, shift(2).from_ms + 5 * HOUR);
    let mut held = None;
    let e = altered_week(|tag, ms, v| {
        let is_held = tag == "press/power" && morning.contains(ms);
        Some(if is_held { *held.get_or_insert(v) } else { v })
    });
    assert_found("a clamp that is frozen", &e, &[("frozen_value", "press")]);

    let power = plant().0.table("press/power");
    let e = altered_week(|tag, ms, v| {
        let replayed = tag == "press/power" && shift(4).contains(ms);
        Some(if replayed { power.get(&(ms - DAY)).copied().unwrap_or(v) } else { v })
    });
    assert_found("a day that is played again", &e, &[("repeated_stretch", "press")]);

    let good = plant().0.table("blister/good");
    let start = *good.range(EPOCH + WEEK..).next().unwrap().1;
    let e = altered_week(|tag, ms, v| {
        Some(if tag == "blister/good" && second(ms) { start + (v - start) * 2.0 } else { v })
    });
    assert_found("a counter that counts double", &e, &[("rate_above_maximum", "blister")]);

    let e = altered_week(|tag, ms, v| {
        let rounded = tag == "blister/good" && second(ms);
        Some(if rounded { (v / 50.0).floor() * 50.0 } else { v })
    });
    assert_found("a counter in steps of fifty", &e, &[("round_numbers", "blister")]);

    let e = altered_week(|tag, ms, v| Some(if tag == "lathe/energy" && second(ms) { (v * 0.5).floor() } else { v }));
    assert_found("a register at half its ratio", &e, &[("energy_against_power", "lathe")]);
}

#[test]
fn altered_states_are_found() {
    // The rest day of the second week: everything is off.
    let sunday = shift(12);
    let e = altered_week(|tag, ms, v| Some(if tag == "press/state" && sunday.contains(ms) { 4.0 } else { v }));
    assert_found("a run bit that is forced on", &e, &[("run_without_power", "press"), ("frozen_value", "press")]);

    let hidden = Interval::new(shift(3).from_ms + HOUR, shift(3).from_ms + 4 * HOUR);
    let e = altered_week(|tag, ms, v| Some(if tag == "press/state" && hidden.contains(ms) { 2.0 } else { v }));
    assert_found("running that is shown as idle", &e, &[("power_without_run", "press")]);

    let e = altered_week(|tag, ms, v| Some(if tag == "press/state" && shift(3).contains(ms) { 0.0 } else { v }));
    assert_found("a shift that is shown as off", &e, &[("count_while_off", "press"), ("power_without_run", "press")]);

    let e = altered_week(|tag, ms, v| {
        let moment = (ms - EPOCH).rem_euclid(DAY) - 7 * HOUR - 21 * MINUTE;
        Some(if tag == "press/state" && second(ms) && (0..20 * MINUTE).contains(&moment) { 21.0 } else { v })
    });
    assert_found("maintenance at the same moment every day", &e, &[("same_moment", "press")]);
}

#[test]
fn readings_that_are_left_out_are_found() {
    let state = plant().0.table("press/state");
    // Ten minutes into every breakdown the line to the press is cut for forty.
    let mut cut: Vec<Interval> = Vec::new();
    let mut since = None;
    for (ms, code) in &state {
        if *code == 8.0 {
            let from = *since.get_or_insert(*ms);
            if ms - from >= 11 * MINUTE && cut.last().is_none_or(|c| c.to_ms < *ms) {
                cut.push(Interval::new(*ms, ms + 40 * MINUTE));
            }
        } else {
            since = None;
        }
    }
    println!("{} breakdowns are cut off", cut.iter().filter(|c| second(c.from_ms)).count());
    let e = altered_week(|tag, ms, v| {
        let is_cut = device_of(tag) == "press" && second(ms) && cut.iter().any(|c| c.contains(ms));
        (!is_cut).then_some(v)
    });
    assert_found("gaps in bad hours", &e, &[("gaps_after_bad", "press")]);

    let e = altered_week(|tag, ms, v| {
        let bad = tag == "press/reject" && second(ms) && (ms - EPOCH).rem_euclid(DAY) < 50 * MINUTE;
        (!bad).then_some(v)
    });
    assert_found("rejects that are not read", &e, &[("reject_silent", "press")]);
}

#[test]
fn meters_that_are_not_where_they_are_said_to_be_are_found() {
    let elsewhere = honest_plant(901).table("press/power");
    let e = altered_week(|tag, ms, v| {
        Some(if tag == "press/power" && second(ms) { elsewhere.get(&ms).copied().unwrap_or(v) } else { v })
    });
    assert_found("a sub-meter of another plant", &e, &[("meter_steps", "press"), ("state_power_steps", "press")]);

    let e = altered_week(|tag, ms, v| Some(if tag == "main/energy" && second(ms) { (v * 0.5).floor() } else { v }));
    assert_found(
        "a main meter at half its ratio",
        &e,
        &[("sub_meters_exceed", "main"), ("energy_against_power", "main")],
    );

    let energy = plant().0.table("press/energy");
    let friday = Interval::new(shift(8).from_ms, shift(8).from_ms + DAY + 2 * MINUTE);
    let before = *energy.range(..friday.from_ms).next_back().unwrap().1;
    let passed = energy.range(..friday.to_ms).next_back().unwrap().1 - before;
    let e = altered_week(|tag, ms, v| {
        Some(match tag {
            "press/energy" if friday.contains(ms) => before,
            "press/energy" if ms >= friday.to_ms => v - passed,
            _ => v,
        })
    });
    assert_found("a day past the meter", &e, &[("sub_meters_share", "main"), ("frozen_value", "press")]);
}
