//! What the log shows of an on-site check: two machines behind clamps, read every five seconds, wired as declared or not.

mod fixture;
#[path = "fixture/floor.rs"]
mod floor;

use fixture::HOUR;
use floor::{Floor, POLL, RIGHT, START, STOPS, Shop, register, used_wh};
use metrics::onsite::{Agreement, Followed, Found, Hint, NotYet, draw, evaluate, window};
use metrics::{History, ReportRequest, evaluate as evaluate_report};
use serde_json::{Value as Json, json};

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

/// A check with a draw, a press, a face and a plate, each recorded; the last act by its leaf.
fn checked(floor: &mut Floor) -> u64 {
    floor.run(60_000).begin(50_000, 2);
    let press = floor.run(STOPS).press(STOPS + 2_000, "saw", "stop");
    floor.run(STOPS + 40_000).record(press);
    let at = STOPS + 60_000;
    let face = floor.run(at).face(at, &format!("{:.2}", register(at) as f64 / 100.0), "kWh", true);
    floor.run(at + 20_000).record(face);
    let body = json!({"check": "oc-1", "machine": "saw", "serial": "X-1", "ct": {"primary": 200, "secondary": 5}, "seal": "broken"});
    let plate = floor.state(at + 30_000, "onsite_plate", body);
    floor.record(plate);
    plate
}

fn section(floor: &Floor) -> Json {
    let dates = ReportRequest::for_dates(floor.log.size(), "2026-03-02", "2026-03-02", None);
    let request = ReportRequest { onsite: true, ..dates };
    let report = evaluate_report(&floor.log.history(), &request).unwrap().to_json().unwrap();
    let report: Json = serde_json::from_slice(&report).unwrap();
    report["practice"]["onsite"].clone()
}

#[test]
fn a_report_has_a_section_of_every_check() {
    let mut floor = Floor::new(RIGHT);
    let plate = checked(&mut floor);
    floor.confirm("assessor", "checker");
    let firm = floor.confirm("firm", "firm");
    // What counts for nothing is there: the firm checks itself, a second result, a result of a confirmation.
    let own = floor.log.size();
    floor.log.declare_as("firm", "onsite_press", json!({"check": "oc-1", "machine": "mill", "action": "stop"}));
    floor.log.declare_as(
        "assessor",
        "onsite_confirmed",
        json!({"check": "oc-1", "side": "firm", "through": plate, "digest": "0".repeat(64)}),
    );
    let again = floor.record(plate);
    floor.log.declare_as("assessor", "onsite_result", json!({"check": "oc-1", "of": firm}));
    let all = section(&floor);
    let check = &all[0];
    assert_eq!((all.as_array().unwrap().len(), &check["check"]), (1, &json!("oc-1")));
    let draw = &check["draws"][0];
    let drawn = draw["drawn"]["drawn"].as_array().unwrap();
    assert_eq!((draw["wanted"].as_i64(), drawn.len(), draw["body"].as_str()), (Some(2), 2, Some("某促进中心")));
    // The seed by an own reading of the format.
    let root: Vec<u8> = (0..32)
        .map(|i| u8::from_str_radix(&draw["drawn"]["root"].as_str().unwrap()[2 * i..2 * i + 2], 16).unwrap())
        .collect();
    let seed = protocol::sha256(&[b"gongzheng/v1/onsite-draw\0".as_slice(), &root, b"oc-1"].concat()).hex();
    assert_eq!(draw["drawn"]["seed"], seed[..16]);
    // The press and the face agree; of the plate the serial number and the seal do not.
    assert_eq!(check["counted"], json!([3, 3, 1]));
    let acts: Vec<_> = check["acts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|a| {
            (
                a["stated"].as_object().unwrap().keys().next().unwrap().as_str(),
                a["result"]["differs"].as_bool().unwrap(),
            )
        })
        .collect();
    assert_eq!(acts, [("press", false), ("face", false), ("plate", true)]);
    let [press, face, _] = [0, 1, 2].map(|i| &check["acts"][i]);
    assert_eq!(press["result"]["found"]["state"]["change"]["lag_ms"], -2_000);
    assert_eq!(face["result"]["found"]["meter"]["times"], "40");
    assert!(face["result"]["size"].as_u64() > face["leaf"].as_u64());
    assert_eq!(press["drawn"], json!(drawn.contains(&json!("saw"))));
    // Both confirmed, then another result came.
    assert_eq!((&check["confirmed"], &check["unconfirmed"]), (&json!([false, false]), &json!(0)));
    assert_eq!(
        check["confirmations"]
            .as_array()
            .unwrap()
            .iter()
            .map(|c| (c["holds"].clone(), c["current"].clone()))
            .collect::<Vec<_>>(),
        [(json!(true), json!(false)), (json!(true), json!(false))]
    );
    let codes: Vec<_> = check["disregarded"]
        .as_array()
        .unwrap()
        .iter()
        .map(|d| (d["leaf"].as_u64().unwrap(), d["code"].as_str().unwrap()))
        .collect();
    assert_eq!(
        codes,
        [(own, "NOT_A_CHECKER"), (own + 1, "NOT_THE_FIRM"), (again, "RECORDED_ALREADY"), (again + 1, "NO_SUCH_ACT")]
    );
}

#[test]
fn an_act_nobody_recorded_is_there_without_a_result_and_another_draw_beside_the_first() {
    let mut floor = Floor::new(RIGHT);
    floor.run(60_000).begin(50_000, 1);
    floor.begin(55_000, 2);
    floor.press(70_000, "mill", "stop");
    let check = &section(&floor)[0];
    assert_eq!(
        check["draws"]
            .as_array()
            .unwrap()
            .iter()
            .map(|d| d["drawn"]["drawn"].as_array().unwrap().len())
            .collect::<Vec<_>>(),
        [1, 2]
    );
    assert_eq!((&check["acts"][0]["result"], &check["counted"]), (&Json::Null, &json!([1, 0, 0])));
    assert_eq!((&check["confirmed"], &check["unconfirmed"]), (&json!([false, false]), &json!(3)));
}

#[test]
fn what_is_stated_later_changes_no_draw() {
    let mut floor = Floor::new(RIGHT);
    let of = floor.run(60_000).begin(50_000, 3);
    let root = protocol::sha256(b"a root");
    let before = draw(floor.log.history().statements(), "oc-1", of, &root).unwrap();
    // The saw is said to be a boundary's meter from long ago.
    floor.log.declare(
        "machine",
        json!({"machine": "saw", "names": {"zh": "锯", "en": "Saw"}, "role": "meter", "signals": {}}),
    );
    assert_eq!(draw(floor.log.history().statements(), "oc-1", of, &root).unwrap(), before);
}

#[test]
fn a_report_that_is_not_asked_for_checks_keeps_its_bytes() {
    let mut floor = Floor::new(RIGHT);
    let dates = |floor: &Floor| ReportRequest::for_dates(floor.log.size(), "2026-03-02", "2026-03-02", None);
    let printed = |floor: &Floor, request: &ReportRequest| {
        String::from_utf8(evaluate_report(&floor.log.history(), request).unwrap().to_json().unwrap()).unwrap()
    };
    floor.run(60_000);
    let (plain, asked) = (dates(&floor), ReportRequest { onsite: true, deviations: true, ..dates(&floor) });
    assert_eq!(printed(&floor, &plain), printed(&floor, &asked), "nothing of either is in the log");
    checked(&mut floor);
    assert!(!printed(&floor, &dates(&floor)).contains("\"onsite\""));
    // The readings that results rest on come with a bundle that is asked for them.
    let history = floor.log.history();
    let far = |onsite| ReportRequest {
        onsite,
        ..ReportRequest::for_dates(floor.log.size(), "2026-06-01", "2026-06-01", None)
    };
    let [without, with] = [false, true].map(|onsite| far(onsite).windows(&history).unwrap());
    assert_eq!((without.len(), with.len()), (1, 2));
}
