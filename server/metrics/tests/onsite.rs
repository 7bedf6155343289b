//! What the log shows of an on-site check: two machines behind clamps, read every five seconds, wired as declared or not.

mod fixture;

use fixture::{GATEWAY, HOUR, Log, MONDAY};
use metrics::History;
use metrics::onsite::{Agreement, Followed, Found, Hint, NotYet, evaluate, window};
use protocol::content::{Configuration, CounterConfig, DeviceConfig, Ratio, TagConfig};
use protocol::{Batch, Content, Gap, GapCause, GapStart, Quality, Reading, Value, ValueType};
use serde_json::{Value as Json, json};

const POLL: i64 = 5_000;
/// Nine o'clock.
const START: i64 = MONDAY + 9 * HOUR;
/// When the saw stops, after [`START`].
const STOPS: i64 = 300_000;

/// A workshop: how it is wired, and what is stated of its meter.
#[derive(Clone, Copy)]
struct Shop {
    /// The clamps sit on each other's cables.
    swapped: bool,
    /// Scale of the saw's energy register as configured, hundredths: the transformers are 200/5, so 40 is right.
    scale: i64,
    /// Primary current of its transformers, as stated.
    stated: i64,
    /// From this moment after [`START`] the gateway reads nothing for a minute.
    silent_from: Option<i64>,
}

const RIGHT: Shop = Shop { swapped: false, scale: 40, stated: 200, silent_from: None };

/// Energy of the saw, primary, after [`START`], Wh: 360 kW, half of it once it has stopped (its fan and heaters).
fn used_wh(t: i64) -> i64 {
    (t.min(STOPS) * 2 + (t - STOPS).max(0)) / 20
}

/// Hundredths of a kWh on the secondary side, where the register counts.
fn register(t: i64) -> u64 {
    100_000 + (used_wh(t) / 10 / 40) as u64
}

struct Floor {
    log: Log,
    shop: Shop,
    read_to: i64,
}

impl Floor {
    fn new(shop: Shop) -> Self {
        let mut log = Log::new(false);
        let signal = |tag: &str| json!({"gateway": GATEWAY, "tag": tag});
        for (id, wired) in
            [("saw", if shop.swapped { "mill" } else { "saw" }), ("mill", if shop.swapped { "saw" } else { "mill" })]
        {
            log.declare("machine", json!({"machine": id, "names": {"zh": id, "en": id},
                "signals": {"power": signal(&format!("{wired}/power")), "energy": signal("saw/energy")},
                "state_rule": {"power": {"off_below_w": 50, "run_from_w": 1000, "hysteresis_w": 50, "dwell_ms": 10_000}}}));
        }
        log.declare(
            "meter",
            json!({"machine": "saw", "serial": "DN-0071", "register": "secondary", "per_count": "0.01",
            "ct": {"primary": shop.stated, "secondary": 5}}),
        );
        log.declare("ledger", json!({"machine": "saw", "serial": "GB4028-1187"}));
        let tag = |id: &str, unit: &str, scale: Ratio, counter: bool| TagConfig {
            id: id.parse().unwrap(),
            value_type: ValueType::U64,
            unit: unit.into(),
            scale,
            role: String::new(),
            interval_ms: POLL,
            address: "input 0 u32 big".into(),
            counter: counter.then_some(CounterConfig { modulus: Some(100_000_000), max_per_hour: 1_000_000 }),
        };
        let configuration = Configuration {
            format: 1,
            devices: ["saw", "mill"]
                .map(|id| DeviceConfig {
                    id: id.parse().unwrap(),
                    protocol: "modbus_rtu".into(),
                    address: "1".into(),
                    profile: None,
                })
                .into(),
            tags: vec![
                tag("saw/power", "W", Ratio { num: 1, den: 1 }, false),
                tag("mill/power", "W", Ratio { num: 1, den: 1 }, false),
                tag("saw/energy", "kWh", Ratio { num: shop.scale, den: 100 }, true),
            ],
        };
        log.record(START - 1_000, &Content::Configuration(configuration), None);
        Self { log, shop, read_to: 0 }
    }

    /// Reads up to a moment after [`START`], a record every ten seconds.
    fn run(&mut self, until: i64) -> &mut Self {
        while self.read_to < until {
            let span = (self.read_to..self.read_to + 2 * POLL).step_by(POLL as usize);
            let silent = self.shop.silent_from.map(|from| from..from + 60_000);
            let is_read = |t: &i64| silent.as_ref().is_none_or(|s| !s.contains(t));
            let read = |t: i64| {
                let power = if t < STOPS { 7_000 } else { 300 };
                [power, 8_000, register(t)].into_iter().zip(0_u32..).map(move |(value, tag)| (t, tag, value))
            };
            let reading = |(t, tag, value): (i64, u32, u64)| Reading {
                tag,
                boot_ms: self.log.boot_ms(START + t),
                value: Value::U64(value),
                quality: Quality::Good,
                source_ms: None,
            };
            let readings: Vec<Reading> = span.filter(is_read).flat_map(read).map(reading).collect();
            let end = self.read_to + 2 * POLL;
            let gap = silent.filter(|s| s.end == end).map(|s| Gap {
                tag: None,
                from: GapStart { boot: None, boot_ms: self.log.boot_ms(START + s.start) },
                to_boot_ms: self.log.boot_ms(START + s.end),
                cause: GapCause::DeviceSilent,
            });
            let batch = Batch::from_readings(readings, gap.into_iter().collect(), vec![]);
            let span = batch.span().map(|(a, b)| (self.log.utc(a), self.log.utc(b)));
            self.log.record(START + end, &Content::Batch(batch), span);
            self.read_to = end;
        }
        self
    }

    /// States something at a moment after [`START`]; its leaf.
    fn state(&mut self, at: i64, kind: &str, body: Json) -> u64 {
        self.log.wait_until(START + at);
        self.log.declare_as("assessor", kind, body);
        self.log.size() - 1
    }

    fn press(&mut self, at: i64, machine: &str, action: &str) -> u64 {
        self.state(at, "onsite_press", json!({"check": "oc-1", "machine": machine, "action": action}))
    }

    fn face(&mut self, at: i64, value: &str, unit: &str, same: bool) -> u64 {
        let photo = json!({"digest": "0".repeat(64), "taken_ms": START + at});
        let body = json!({"check": "oc-1", "machine": "saw", "value": value, "unit": unit, "same_register": same, "photo": photo});
        self.state(at, "onsite_face", body)
    }

    fn found(&self, of: u64) -> Result<Found, NotYet> {
        evaluate(&self.log.history(), "oc-1", of)
    }

    fn lines(&self, of: u64) -> Vec<(Agreement, String)> {
        let history = self.log.history();
        let act = &history.statements().onsite("oc-1").iter().find(|e| e.leaf == of).unwrap().act;
        let name = |id: &str| (id, id).into();
        let said = self.found(of).unwrap().lines(act, &name).into_iter();
        said.map(|(agreement, words)| (agreement, format!("{} | {}", words.zh, words.en))).collect()
    }
}

fn decimal(kwh: &str) -> f64 {
    kwh.parse().unwrap()
}

#[test]
fn a_machine_that_was_stopped_shows_it_within_seconds() {
    let mut floor = Floor::new(RIGHT);
    let press = floor.run(STOPS).press(STOPS + 2_000, "saw", "stop");
    // Nothing is said before the readings are there, and nothing is failed.
    for until in [STOPS, STOPS + 20_000] {
        assert!(matches!(floor.run(until).found(press), Err(NotYet::Readings { .. })), "{until}");
    }
    let Found::State(seen) = floor.run(STOPS + 40_000).found(press).unwrap() else { panic!("no state") };
    assert_eq!(seen.outcome, Followed::Changed);
    let change = seen.change.unwrap();
    assert_eq!(
        (change.machine.as_str(), change.at_ms, change.lag_ms),
        ("saw", START + STOPS, -2_000),
        "dated back over the dwell"
    );
    assert!(seen.others.is_empty(), "the mill runs on");
    let lines = floor.lines(press);
    assert!(lines[0].1.contains("与现场停机相符") && lines[0].1.contains("2.0 s before the press"), "{lines:?}");
    // The same from the leaves it names alone.
    let history = floor.log.history();
    let needed = history.needed(&[window(history.statements(), "oc-1", press).unwrap()]);
    let mut part = History::new();
    for (i, leaf) in floor.log.leaves.iter().enumerate() {
        let content = leaf.content_digest().filter(|_| needed.contains(&(i as u64)));
        let content = content.and_then(|d| floor.log.contents.get(&d));
        part.push(i as u64, leaf, content.map(Vec::as_slice)).unwrap();
    }
    assert_eq!(evaluate(&part, "oc-1", press), floor.found(press));
}

#[test]
fn swapped_clamps_are_caught_by_stopping_one_machine() {
    let mut floor = Floor::new(Shop { swapped: true, ..RIGHT });
    let press = floor.run(STOPS).press(STOPS + 2_000, "saw", "stop");
    let Found::State(seen) = floor.run(STOPS + 40_000).found(press).unwrap() else { panic!("no state") };
    assert_eq!((seen.outcome, &seen.change), (Followed::NotChanged, &None));
    assert_eq!(seen.others.iter().map(|c| (c.machine.as_str(), c.lag_ms)).collect::<Vec<_>>(), [("mill", -2_000)]);
    let lines = floor.lines(press);
    assert!(lines.iter().all(|(agreement, _)| *agreement == Agreement::Differs), "{lines:?}");
    assert!(lines[0].1.contains("状态未随现场停机而变") && lines[0].1.contains("did not change"), "{lines:?}");
    assert!(
        lines[1].1.contains("疑似两台设备的互感器、传感器或数据点互换") && lines[1].1.contains("possibly swapped"),
        "{lines:?}"
    );
}

#[test]
fn what_happened_long_before_or_the_other_way_is_no_answer() {
    let mut floor = Floor::new(RIGHT);
    // Seen 22 s after it was pressed: the polling period is allowed for, the dwell is no excuse.
    let early = floor.run(STOPS - 30_000).press(STOPS - 22_000, "saw", "stop");
    let late = floor.run(STOPS + 20_000).press(STOPS + 26_000, "saw", "stop");
    let started = floor.press(STOPS + 27_000, "saw", "start");
    floor.run(STOPS + 70_000);
    for press in [early, late, started] {
        let Found::State(seen) = floor.found(press).unwrap() else { panic!("no state") };
        assert_eq!(seen.outcome, Followed::NotChanged);
    }
}

#[test]
fn what_was_not_observed_is_no_failure() {
    let mut floor = Floor::new(Shop { silent_from: Some(STOPS - 10_000), ..RIGHT });
    let press = floor.run(STOPS).press(STOPS + 2_000, "saw", "stop");
    let Found::State(seen) = floor.run(STOPS + 90_000).found(press).unwrap() else { panic!("no state") };
    assert_eq!(seen.outcome, Followed::NotObserved);
    let lines = floor.lines(press);
    assert_eq!(lines[0].0, Agreement::Open);
    assert!(lines[0].1.contains("不作判断") && lines[0].1.contains("nothing can be said"), "{lines:?}");
}

#[test]
fn a_face_agrees_with_the_register_behind_it() {
    let mut floor = Floor::new(RIGHT);
    // The face shows the secondary side: 1000.00 kWh and what was counted.
    let value = format!("{:.2}", register(100_000) as f64 / 100.0);
    let face = floor.run(100_000).face(100_000, &value, "kWh", true);
    assert!(matches!(floor.found(face), Err(NotYet::Readings { .. })));
    let Found::Meter(seen) = floor.run(120_000).found(face).unwrap() else { panic!("no meter") };
    let compared = seen.register.unwrap();
    assert!(compared.agrees && compared.hint.is_none(), "{compared:?}");
    assert_eq!((seen.times.as_deref(), compared.face.as_str()), (Some("40"), "40010.000"));
    assert_eq!(seen.readings.iter().map(|r| r.at_ms - START).collect::<Vec<_>>(), [90_000, 110_000]);
    assert!(floor.lines(face)[0].1.contains("在位数与时钟允许的"), "{:?}", floor.lines(face));
}

#[test]
fn a_wrong_scale_is_caught_by_the_face_and_named_as_a_suspicion() {
    // The gateway multiplies by 30 what has to be multiplied by 40, which is stated.
    let mut floor = Floor::new(Shop { scale: 30, ..RIGHT });
    let face = floor.run(120_000).face(100_000, "1000.25", "kWh", true);
    let Found::Meter(seen) = floor.found(face).unwrap() else { panic!("no meter") };
    let compared = seen.register.unwrap();
    assert!(!compared.agrees);
    assert_eq!(compared.percent.as_deref(), Some("33.33"));
    assert_eq!(compared.hint, Some(Hint::Ratio { counted: "150/5".into(), fits: "200/5".into() }));
    let lines = floor.lines(face);
    assert!(lines[0].1.contains("倍率存疑：日志似按互感器 150/5计，表面与互感器 200/5相符，须查铭牌核实"), "{lines:?}");
    assert!(lines[0].1.contains("Possibly the ratio") && lines[0].1.contains("超出"), "{lines:?}");
}

#[test]
fn a_ratio_stated_and_configured_wrongly_is_caught_by_another_meter_and_by_the_plate() {
    // 150/5 in the statement and in the scale, 200/5 on the plate: the meter's own face would agree.
    let mut floor = Floor::new(Shop { scale: 30, stated: 150, ..RIGHT });
    let own = floor.run(80_000).face(60_000, "1000.15", "kWh", true);
    let Found::Meter(seen) = floor.found(own).unwrap() else { panic!("no meter") };
    assert!(seen.register.unwrap().agrees, "which is why one looks at the plate");
    // The supply company's meter, with a zero of its own.
    let face = |floor: &mut Floor, at: i64| {
        let value = format!("{:.1}", 77_000.0 + used_wh(at) as f64 / 1000.0);
        floor.face(at, &value, "kWh", false)
    };
    let first = face(&mut floor, 90_000);
    let early = face(floor.run(200_000), 200_000);
    let wait = floor.run(320_000).found(early);
    assert_eq!(floor.found(first), Err(NotYet::SecondFace { from_ms: START + 390_000 }));
    assert_eq!(wait, Err(NotYet::SecondFace { from_ms: START + 390_000 }), "too early to say anything");
    let second = face(floor.run(1_290_000), 1_290_000);
    let Found::Meter(seen) = floor.run(1_320_000).found(second).unwrap() else { panic!("no meter") };
    let compared = seen.increment.unwrap();
    assert_eq!((seen.since, seen.readings.len(), seen.register), (Some(first), 4, None));
    assert!(!compared.agrees && (decimal(compared.percent.as_deref().unwrap()) - 33.3).abs() < 2.0, "{compared:?}");
    assert_eq!(compared.hint, Some(Hint::Ratio { counted: "150/5".into(), fits: "200/5".into() }));
    // The plate says it outright.
    let plate = floor.state(
        1_330_000,
        "onsite_plate",
        json!({"check": "oc-1", "machine": "saw", "serial": "gb4028 1187",
        "meter_serial": "DN-0072", "ct": {"primary": 200, "secondary": 5}, "seal": "broken", "seal_number": "K-9"}),
    );
    let Found::Plate(seen) = floor.found(plate).unwrap() else { panic!("no plate") };
    assert_eq!((seen.serial, seen.meter_serial), (Agreement::Agrees, Agreement::Differs));
    assert_eq!((seen.ct, seen.scale), (Agreement::Differs, Agreement::Differs));
    assert_eq!((seen.configured.as_deref(), seen.expected.as_deref()), (Some("0.3"), Some("0.4")));
    let lines = floor.lines(plate);
    assert!(lines.iter().any(|(_, said)| said.contains("互感器变比与填报不符（填报为 150/5）")), "{lines:?}");
    assert!(lines.iter().any(|(_, said)| said.contains("按铭牌应为 0.4 kWh")), "{lines:?}");
    assert!(lines.iter().any(|(a, said)| *a == Agreement::Differs && said.contains("封印破损（K-9）")), "{lines:?}");
}

#[test]
fn a_face_whose_moment_was_not_read_has_nothing_to_be_compared_with() {
    // The last reading before the photo is more than an hour old, and what came later says so.
    let mut floor = Floor::new(RIGHT);
    let face = floor.run(60_000).face(60_000 + 2 * HOUR, "1000.15", "kWh", true);
    assert!(matches!(floor.found(face), Err(NotYet::Readings { .. })));
    floor.read_to = 4 * HOUR;
    assert_eq!(floor.run(4 * HOUR + 20_000).found(face), Err(NotYet::Unseen));
}

#[test]
fn a_right_ratio_agrees_with_its_plate_and_with_another_meter() {
    let mut floor = Floor::new(RIGHT);
    let value = |at: i64| format!("{:.4}", 77.0 + used_wh(at) as f64 / 1_000_000.0);
    floor.run(90_000).face(90_000, &value(90_000), "MWh", false);
    let second = floor.run(1_290_000).face(1_290_000, &value(1_290_000), "MWh", false);
    let Found::Meter(seen) = floor.run(1_320_000).found(second).unwrap() else { panic!("no meter") };
    assert!(seen.increment.unwrap().agrees);
    let body = json!({"check": "oc-1", "machine": "saw", "ct": {"primary": 200, "secondary": 5}, "seal": "intact"});
    let plate = floor.state(1_330_000, "onsite_plate", body);
    let Found::Plate(seen) = floor.found(plate).unwrap() else { panic!("no plate") };
    assert_eq!(
        (seen.ct, seen.scale, seen.serial),
        (Agreement::Agrees, Agreement::Agrees, Agreement::Open),
        "not read is open"
    );
}

#[test]
fn a_phone_whose_clock_is_wrong_is_told_so() {
    let mut floor = Floor::new(RIGHT);
    // What the face showed two minutes later.
    let value = format!("{:.2}", register(220_000) as f64 / 100.0);
    let face = floor.run(100_000).face(100_000, &value, "kWh", true);
    let Found::Meter(seen) = floor.run(800_000).found(face).unwrap() else { panic!("no meter") };
    let Some(Hint::Clock { off_ms }) = seen.register.unwrap().hint else { panic!("no hint") };
    assert!((off_ms - 120_000).abs() <= 4_000 + POLL, "{off_ms}");
    assert!(floor.lines(face)[0].1.contains("或为手机时钟不准"), "{:?}", floor.lines(face));
}
