//! An energy register as OCMF payloads: what a checker of that format reads, to the byte.

mod fixture;

use fixture::{HOUR, Log, MINUTE, MONDAY};
use metrics::metrology::ocmf::{QUARTER_MS, Refusal, payloads};
use metrics::report::Period;
use protocol::{Batch, Content, Gap, GapCause, GapStart, Quality, Reading, Value};
use serde_json::{Value as Json, json};

const DAY: i64 = 24 * HOUR;
const MAIN: u32 = 4;

/// The incoming meter, hundredths of a kWh, read every five minutes but for `silent`, in records of an hour.
fn log(silent: std::ops::Range<i64>) -> Log {
    let mut log = Log::new(false);
    for hour in -1..25_i64 {
        let from = MONDAY + hour * HOUR;
        let times = (0..12).map(|n| from + n * 5 * MINUTE).filter(|ms| !silent.contains(ms));
        let reading = |ms: i64| Reading {
            tag: MAIN,
            boot_ms: log.boot_ms(ms),
            value: Value::U64((5_000_000 + (ms - MONDAY) / MINUTE) as u64),
            quality: Quality::Good,
            source_ms: None,
        };
        let readings: Vec<Reading> = times.map(reading).collect();
        let is_silent = silent.start < from + HOUR && from < silent.end;
        let gap = is_silent.then(|| Gap {
            tag: Some(MAIN),
            cause: GapCause::DeviceSilent,
            from: GapStart { boot: None, boot_ms: log.boot_ms(silent.start.max(from)) },
            to_boot_ms: log.boot_ms(silent.end.min(from + HOUR)),
        });
        let content = Content::Batch(Batch::from_readings(readings, gap.into_iter().collect(), vec![]));
        log.record(from + HOUR, &content, Some((from, from + HOUR)));
    }
    log
}

fn with_meter(mut log: Log, serial: &str) -> metrics::History {
    log.declare("meter", json!({"machine": "main", "serial": serial, "class": "0.5S", "register": "primary"}));
    log.history()
}

fn monday() -> Period {
    Period { name: "period".into(), from: "2026-03-02".into(), to: "2026-03-02".into() }
}

fn parsed(payload: &str) -> Json {
    serde_json::from_str(payload).unwrap()
}

#[test]
fn every_quarter_hour_has_its_page_and_the_reading_its_own_time() {
    // From 10:02 to 10:58 nobody answers: the quarter hours 10:15, 10:30 and 10:45 have no reading.
    let silent = MONDAY + 10 * HOUR + 2 * MINUTE..MONDAY + 10 * HOUR + 58 * MINUTE;
    let history = with_meter(log(silent), "2019|0042");
    let all = payloads(&history, "main", &monday(), "gz.example/log", i64::MAX).unwrap();
    // The beginning and the end are among them.
    assert_eq!(all.len(), 24 * 4 + 1);
    let first = MONDAY / QUARTER_MS;
    let pages: Vec<String> = all.iter().map(|p| parsed(p)["PG"].as_str().unwrap().to_owned()).collect();
    assert_eq!(pages, (first..=first + 96).map(|n| format!("F{n}")).collect::<Vec<_>>());
    // The sign that parts the sections is nowhere, the digits are those of the register.
    assert!(all.iter().all(|p| !p.contains('|')));
    assert_eq!(parsed(&all[0])["MS"], "2019|0042");
    let leaf = parsed(&all[1])["UL"].as_u64().unwrap();
    assert_eq!(
        all[1],
        format!(
            "{{\"FV\":\"1.4\",\"GI\":\"Gongzheng\",\"PG\":\"F{}\",\"MS\":\"2019\\u007c0042\",\"RD\":[{{\
             \"TM\":\"2026-03-02T00:15:00,000+0800 S\",\"RV\":50000.15,\"RI\":\"1-0:1.8.0\",\"RU\":\"kWh\",\
             \"EF\":\"\",\"ST\":\"G\"}}],\"UM\":\"main\",\"UG\":\"{}\",\"UL\":{leaf},\"UO\":\"gz.example/log\"}}",
            first + 1,
            fixture::GATEWAY,
        )
    );
    let reading = |hour: usize, quarter: usize| parsed(&all[hour * 4 + quarter])["RD"][0].clone();
    for quarter in [1, 2, 3] {
        let missing = reading(10, quarter);
        assert_eq!((&missing["EF"], &missing["ST"]), (&json!("E"), &json!("T")));
        assert!(missing.get("RV").is_none() && missing.get("RU").is_none());
        assert!(missing["TM"].as_str().unwrap().ends_with(" U"));
    }
    assert_eq!(reading(11, 0)["TM"], "2026-03-02T11:00:00,000+0800 S");
}

#[test]
fn what_has_not_happened_is_not_exported_and_the_same_log_gives_the_same_bytes() {
    let history = with_meter(log(0..0), "1");
    let noon = MONDAY + 12 * HOUR + 7 * MINUTE;
    let half = payloads(&history, "main", &monday(), "o", noon).unwrap();
    let whole = payloads(&history, "main", &monday(), "o", i64::MAX).unwrap();
    assert_eq!((half.len(), &half[..]), (12 * 4 + 1, &whole[..=48]));
    let ahead = payloads(&history, "main", &monday(), "o", MONDAY - DAY);
    assert_eq!(ahead, Err(Refusal::NoDates));
}

#[test]
fn a_meter_nobody_named_and_a_machine_without_one_are_refused_with_words() {
    let log = log(0..0);
    let ask = |history: &metrics::History, machine: &str| payloads(history, machine, &monday(), "o", i64::MAX);
    assert_eq!(ask(&log.history(), "main"), Err(Refusal::NoSerial("2026-03-02".into())));
    assert_eq!(ask(&with_meter(log, ""), "main"), Err(Refusal::NoSerial("2026-03-02".into())));
    let named = with_meter(self::log(0..0), "1");
    assert_eq!(ask(&named, "nobody"), Err(Refusal::NoRegister));
    let wrong = Period { to: "2026-03-01".into(), ..monday() };
    assert_eq!(payloads(&named, "main", &wrong, "o", i64::MAX), Err(Refusal::NoDates));
    let words = [
        (Refusal::NoDates, "请填写起止日期", "give the first and the last date"),
        (Refusal::NoRegister, "请选择有电能表的设备", "choose one that has"),
        (Refusal::NoSerial("2026-03-02".into()), "未填报电能表出厂编号（2026-03-02", "state the instrument first"),
        (Refusal::Unit("°C".into()), "“°C”不是电能单位", "is in “°C”, no unit of energy"),
    ];
    for (refusal, zh, en) in words {
        let said = refusal.words();
        assert!(said.0.contains(zh) && said.1.contains(en), "{said:?}");
    }
}

#[test]
fn a_reading_of_the_meter_that_was_taken_out_is_not_signed_as_one_of_the_new() {
    // Exchanged at 10:12; the new one is first read at 10:35.
    let exchanged = MONDAY + 10 * HOUR + 12 * MINUTE;
    let mut log = log(exchanged..exchanged + 23 * MINUTE);
    for (serial, from) in [("old", MONDAY - DAY), ("new", exchanged)] {
        let meter = json!({"machine": "main", "serial": serial, "class": "1", "register": "primary"});
        log.declare_from("meter", from, meter);
    }
    let all = payloads(&log.history(), "main", &monday(), "o", i64::MAX).unwrap();
    let at = |quarter: usize| parsed(&all[10 * 4 + quarter]);
    assert_eq!((&at(0)["MS"], &at(0)["RD"][0]["ST"]), (&json!("old"), &json!("G")));
    // 10:10 was read, of the old one.
    assert_eq!((&at(1)["MS"], &at(1)["RD"][0]["RV"]), (&json!("new"), &Json::Null));
    assert_eq!((&at(3)["MS"], &at(3)["RD"][0]["ST"]), (&json!("new"), &json!("G")));
}
