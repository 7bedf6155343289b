//! Machines that speak otherwise than by a state code and two integer counters: a clamp meter, a run contact, programme names,
//! orders, floats, a meter that was exchanged, a clock that was set late.

mod fixture;

use fixture::{GATEWAY, HOUR, Log, MINUTE, MONDAY, World};
use metrics::report::{Line, Report, Section};
use metrics::{ReportRequest, evaluate};
use protocol::content::{Ratio, TagConfig};
use protocol::{Batch, Configuration, Content, Declaration, Leaf, Quality, Reading, Value, ValueType};
use serde_json::json;

const BOOT_OFFSET: i64 = MONDAY - 5_000_000;

fn tag(id: &str, value_type: ValueType, unit: &str) -> TagConfig {
    TagConfig {
        id: id.parse().unwrap(),
        value_type,
        unit: unit.into(),
        scale: Ratio::ONE,
        role: String::new(),
        interval_ms: MINUTE,
        address: "x".into(),
        counter: None,
    }
}

/// A log with these tags, and one sample of each per minute of the day as `value(tag, minute)` says.
fn log_of(tags: Vec<TagConfig>, value: impl Fn(usize, i64) -> Option<Value>) -> Log {
    let mut log = Log::new(false);
    let count = tags.len();
    configure(&mut log, tags);
    fill(&mut log, 0..24, count, value);
    log
}

fn configure(log: &mut Log, tags: Vec<TagConfig>) {
    log.record(MONDAY - HOUR, &Content::Configuration(Configuration { format: 1, devices: vec![], tags }), None);
}

/// One sample of each tag per minute of these hours.
fn fill(log: &mut Log, hours: std::ops::Range<i64>, count: usize, value: impl Fn(usize, i64) -> Option<Value>) {
    for hour in hours {
        let mut readings = Vec::new();
        for minute in hour * 60..=(hour * 60 + 59) {
            for tag in 0..count {
                if let Some(value) = value(tag, minute) {
                    let boot_ms = MONDAY + minute * MINUTE - BOOT_OFFSET;
                    readings.push(Reading { tag: tag as u32, boot_ms, value, quality: Quality::Good, source_ms: None });
                }
            }
        }
        let batch = Batch::from_readings(readings, vec![], vec![]);
        let span = batch.span().map(|(a, b)| (a + BOOT_OFFSET, b + BOOT_OFFSET));
        log.record(MONDAY + (hour + 1) * HOUR, &Content::Batch(batch), span);
    }
}

fn signal(tag: &str) -> serde_json::Value {
    json!({"gateway": GATEWAY, "tag": tag})
}

fn machine(log: &mut Log, id: &str, signals: serde_json::Value, rule: serde_json::Value) {
    let body = json!({"machine": id, "names": {"zh": id, "en": id}, "signals": signals, "state_rule": rule});
    log.declare("machine", body);
}

fn report(log: &Log) -> Report {
    let mut request = ReportRequest::for_dates(log.size(), "2026-03-02", "2026-03-02", None);
    request.machines = vec!["lathe".into(), "cnc".into(), "vessel".into()];
    evaluate(&log.history(), &request).unwrap()
}

fn shift<'r>(report: &'r Report, machine: &str) -> &'r Section {
    report.shifts.iter().find(|s| s.machine == machine && s.shift.as_deref() == Some("day")).unwrap()
}

fn line<'s>(section: &'s Section, id: &str) -> &'s Line {
    section.line(id).unwrap_or_else(|| panic!("{id}: {section:?}"))
}

#[test]
fn a_clamp_meter_gives_states_and_grade_b_at_best() {
    // Off until 9:00, idle until 10:00, then running with dips into the hysteresis, and a spike of one sample while idle.
    let watts = |minute: i64| match minute {
        m if m < 9 * 60 => 20.0,
        m if m == 9 * 60 + 30 => 3_000.5,
        m if m < 10 * 60 => 400.0,
        m if m % 7 == 3 => 1_850.25,
        _ => 2_500.75,
    };
    let mut log = log_of(vec![tag("lathe/power", ValueType::F32, "W")], |_, m| Some(Value::F32(watts(m) as f32)));
    let rule = json!({"power": {"off_below_w": 100, "run_from_w": 2000, "hysteresis_w": 200, "dwell_ms": 120_000}});
    machine(&mut log, "lathe", json!({"power": signal("lathe/power")}), rule);
    let report = report(&log);
    let s = shift(&report, "lathe");
    assert_eq!(s.states_ms["off"], HOUR);
    assert_eq!(s.states_ms["idle"], HOUR, "one spike is not running");
    assert_eq!(s.states_ms["run"], 10 * HOUR);
    assert_eq!(line(s, "util.calendar@1").grade, Some("B"));
    assert!(s.flags.contains(&"POWER_DERIVED_STATE") && s.line("oee.iso22400@1").is_none());
    assert_eq!(
        report.periods.iter().find(|p| p.machine == "*").unwrap().lines.len(),
        0,
        "no counter: no part of the sum"
    );
}

#[test]
fn products_are_weighed_by_their_own_cycle_time_and_time_without_order_is_down_time() {
    // Programme A (30 s) until 14:00, then B (45 s); no order from 16:00 to 17:00. Runs all day but 16:00–17:00.
    let at = |m: i64| m / 60;
    let mut log = log_of(
        vec![
            tag("cnc/run", ValueType::Bool, ""),
            tag("cnc/parts", ValueType::U64, "pcs"),
            tag("cnc/program", ValueType::Text, ""),
            tag("cnc/order", ValueType::U64, ""),
        ],
        |tag, m| {
            Some(match tag {
                0 => Value::Bool(at(m) != 16),
                1 => Value::U64(m as u64),
                2 => Value::Text(if at(m) < 14 { "A" } else { "B" }.into()),
                _ => Value::U64(u64::from(at(m) != 16)),
            })
        },
    );
    let signals = json!({"run": signal("cnc/run"), "total": signal("cnc/parts"), "product": signal("cnc/program"), "order": signal("cnc/order")});
    machine(&mut log, "cnc", signals, json!({"run_bit": {"run_value": 1, "otherwise": "idle"}}));
    log.declare("cycle_time", json!({"machine": "cnc", "product": "A", "item_us": 30_000_000}));
    let without = report(&log);
    assert_eq!(line(shift(&without, "cnc"), "oee.iso22400@1").undefined, Some("NO_CYCLE_TIME"), "B has none");
    log.declare("cycle_time", json!({"machine": "cnc", "product": "B", "item_us": 45_000_000}));
    let report = report(&log);
    let s = shift(&report, "cnc");
    assert_eq!((s.buckets_ms["ADOT"], s.buckets_ms["ADET"]), (HOUR, 0));
    // One part a minute. The part seen at 14:00 is the first under programme B.
    let standard = 359 * 30_000_000_i64 + 361 * 45_000_000;
    let oee = line(s, "oee.iso22400@1");
    assert_eq!(oee.numerator.as_deref(), Some(standard.to_string().as_str()));
    assert_eq!(line(s, "quality.iso22400@1").undefined, Some("NO_REJECT_SIGNAL"));
    assert_eq!(oee.grade, Some("C"));
    assert!(!s.flags.contains(&"NO_ORDER_INFO"));
    // That one part may as well have been the last under programme A.
    assert_eq!((oee.lower.as_deref(), oee.value.as_deref()), (Some("0.625000"), Some("0.625347")));
    assert_eq!(oee.upper, oee.value);
}

#[test]
fn parts_made_while_the_product_was_not_seen_may_be_of_any_product() {
    // Programme A (30 s) all day; it is not readable from 10:00 to 10:09, the counter is.
    let mut log = log_of(
        vec![
            tag("cnc/run", ValueType::Bool, ""),
            tag("cnc/parts", ValueType::U64, "pcs"),
            tag("cnc/program", ValueType::Text, ""),
        ],
        |tag, m| match tag {
            0 => Some(Value::Bool(true)),
            1 => Some(Value::U64(m as u64)),
            _ => (!(600..610).contains(&m)).then(|| Value::Text("A".into())),
        },
    );
    let signals = json!({"run": signal("cnc/run"), "total": signal("cnc/parts"), "product": signal("cnc/program")});
    machine(&mut log, "cnc", signals, json!({"run_bit": {"run_value": 1, "otherwise": "idle"}}));
    log.declare("cycle_time", json!({"machine": "cnc", "product": "A", "item_us": 30_000_000}));
    log.declare("cycle_time", json!({"machine": "cnc", "product": "B", "item_us": 45_000_000}));
    let report = report(&log);
    let oee = line(shift(&report, "cnc"), "oee.iso22400@1");
    // 720 parts; those of 10:00 to 10:10 may be of B.
    assert_eq!((oee.lower.as_deref(), oee.value.as_deref()), (Some("0.500000"), Some("0.500000")));
    assert_eq!(oee.upper.as_deref(), Some("0.503472"));
}

#[test]
fn floats_count_exactly_and_an_exchanged_meter_needs_its_declaration() {
    // 0.1 kg a minute; energy 0.25 kWh a minute, the meter exchanged at 12:00:30 (from 180.125 to 3.0).
    let energy = |m: i64| if m <= 720 { 0.25 * m as f64 } else { 3.0 + 0.25 * (m - 720) as f64 - 0.125 };
    let mut log = log_of(
        vec![
            tag("vessel/phase", ValueType::I64, ""),
            tag("vessel/output", ValueType::F64, "kg"),
            tag("vessel/energy", ValueType::F64, "kWh"),
        ],
        |tag, m| {
            Some(match tag {
                0 => Value::I64(2),
                1 => Value::F64(0.1 * m as f64),
                _ => Value::F64(energy(m)),
            })
        },
    );
    let signals =
        json!({"state": signal("vessel/phase"), "good": signal("vessel/output"), "energy": signal("vessel/energy")});
    machine(&mut log, "vessel", signals, json!({"codes": {"2": "run"}}));
    log.declare("cycle_time", json!({"machine": "vessel", "item_us": 500_000_000}));
    let broken = report(&log);
    let s = shift(&broken, "vessel");
    assert_eq!(line(s, "count.good@1").value.as_deref(), Some("72.000000"), "720 minutes of 0.1 kg, to the gram");
    assert_eq!(line(s, "oee.iso22400@1").numerator.as_deref(), Some("36000000000"));
    assert_eq!(line(s, "energy.active@1").undefined, Some("METER_DISCONTINUITY"));
    // Mistyped, and stated again: of one exchange the newest statement counts.
    let exchange = |last: i64| json!({"machine": "vessel", "at_ms": MONDAY + 720 * MINUTE + 30_000, "old_final_raw": last, "new_initial_raw": 3});
    log.declare("meter_replaced", exchange(18));
    let mistyped = report(&log);
    assert_eq!(line(shift(&mistyped, "vessel"), "energy.active@1").undefined, Some("METER_DISCONTINUITY"));
    log.declare("meter_replaced", exchange(180));
    let declared = report(&log);
    let s = shift(&declared, "vessel");
    // What the two registers show: to 180 at the exchange, from 3 on; raw values are whole kilowatt-hours here.
    assert_eq!(line(s, "energy.active@1").value.as_deref(), Some("179.875000"));
    assert!(s.flags.contains(&"METER_REPLACED"));
    // There was no exchange after all.
    let mut withdrawn = exchange(180);
    withdrawn["withdrawn"] = json!(true);
    log.declare("meter_replaced", withdrawn);
    let s = &report(&log);
    assert_eq!(line(shift(s, "vessel"), "energy.active@1").undefined, Some("METER_DISCONTINUITY"));
    assert!(!shift(s, "vessel").flags.contains(&"METER_REPLACED"));
}

#[test]
fn a_meter_exchange_stated_corrected_or_withdrawn_late_is_called_late() {
    let at_ms = MONDAY + 12 * HOUR;
    let exchange = |last: i64, withdrawn: bool| json!({"machine": "press", "at_ms": at_ms, "old_final_raw": last, "new_initial_raw": 0, "withdrawn": withdrawn});
    let log = |said: &[(i64, serde_json::Value)]| {
        let mut log = Log::new(false);
        log.run(&World::new(3, 1, None), false, |_, _| true);
        for (received_ms, body) in said {
            let declaration = Declaration {
                kind: "meter_replaced".into(),
                // Whatever moment it names: the exchange was when it was.
                effective_from: at_ms + 40 * HOUR,
                author: "u".into(),
                role: "factory".into(),
                reason: String::new(),
                body: body.clone(),
            };
            let content = declaration.encode().unwrap();
            log.leaves.push(Leaf::declaration(*received_ms, "meter_replaced", &content));
            log.contents.insert(protocol::sha256(&content), content);
        }
        let request = ReportRequest::for_dates(log.size(), "2026-03-02", "2026-03-02", None);
        let report = evaluate(&log.history(), &request).unwrap();
        let section = shift(&report, "press");
        (section.flags.contains(&"LATE_DECLARATION"), section.statements.contains(&(log.size() - 1)))
    };
    let (soon, late) = (at_ms + 20 * HOUR, at_ms + 30 * HOUR);
    assert_eq!(log(&[(soon, exchange(7, false))]), (false, true));
    assert_eq!(log(&[(late, exchange(7, false))]), (true, true));
    assert_eq!(log(&[(soon, exchange(7, false)), (soon, exchange(8, false))]), (false, true));
    assert_eq!(log(&[(soon, exchange(7, false)), (late, exchange(8, false))]), (true, true), "corrected");
    assert_eq!(log(&[(soon, exchange(7, false)), (late, exchange(7, true))]), (true, true), "withdrawn");
}

#[test]
fn tv_09_a_night_shift_and_its_energy_cross_midnight() {
    let mut log = Log::new(false);
    log.declare("calendar", json!({"shifts": [{"shift": "night", "start": "20:00", "end": "08:00", "weekdays": [6]}]}));
    log.record(
        MONDAY - HOUR,
        &Content::Configuration(Configuration {
            format: 1,
            devices: vec![],
            tags: vec![tag("lathe/state", ValueType::U64, ""), tag("lathe/energy", ValueType::F64, "kWh")],
        }),
        None,
    );
    // 2026-03-14 is the Saturday twelve days after the fixture's Monday; local time is eight hours ahead.
    let utc = |day: i64, hour: i64, minute: i64| MONDAY + (12 + day) * 24 * HOUR + (hour + 8) * HOUR + minute * MINUTE;
    let mut readings = Vec::new();
    let mut read = |tag: u32, at: i64, value: Value| {
        readings.push(Reading { tag, boot_ms: at - BOOT_OFFSET, value, quality: Quality::Good, source_ms: None });
    };
    let (run_from, run_to) = (utc(0, 15, 30), utc(0, 20, 10));
    let mut at = utc(0, 11, 0);
    while at < utc(1, 1, 0) {
        read(0, at, Value::U64(if (run_from..run_to).contains(&at) { 4 } else { 2 }));
        at += MINUTE;
    }
    for (at, kwh) in
        [(utc(0, 11, 58), 1000.0), (utc(0, 12, 3), 1003.0), (utc(0, 23, 57), 1455.0), (utc(1, 0, 2), 1460.0)]
    {
        read(1, at, Value::F64(kwh));
    }
    let batch = Batch::from_readings(readings, vec![], vec![]);
    let span = batch.span().map(|(a, b)| (a + BOOT_OFFSET, b + BOOT_OFFSET));
    log.record(utc(1, 1, 0), &Content::Batch(batch), span);
    machine(
        &mut log,
        "lathe",
        json!({"state": signal("lathe/state"), "energy": signal("lathe/energy")}),
        json!({"codes": {"2": "idle", "4": "run"}}),
    );
    let request = ReportRequest::for_dates(log.size(), "2026-03-14", "2026-03-15", None);
    let report = evaluate(&log.history(), &request).unwrap();
    let night = report.shifts.iter().find(|s| s.machine == "lathe" && s.shift.as_deref() == Some("night")).unwrap();
    assert_eq!(night.date.as_deref(), Some("2026-03-14"));
    assert_eq!(night.states_ms["run"], 16_800_000);
    assert_eq!(line(night, "energy.active@1").value.as_deref(), Some("456.800000"));
    assert!(report.shifts.iter().all(|s| s.machine != "lathe" || s.date.as_deref() == Some("2026-03-14")));
}

/// A meter with this scale.
fn meter(den: i64) -> Vec<TagConfig> {
    vec![
        TagConfig { scale: Ratio { num: 1, den }, ..tag("lathe/energy", ValueType::U64, "kWh") },
        tag("lathe/run", ValueType::Bool, ""),
    ]
}

fn lathe(log: &mut Log) {
    let signals = json!({"run": signal("lathe/run"), "energy": signal("lathe/energy")});
    machine(log, "lathe", signals, json!({"run_bit": {"run_value": 1, "otherwise": "idle"}}));
}

#[test]
fn every_reading_counts_by_the_configuration_it_was_read_under() {
    // 1 kWh a minute, read as whole kWh until 14:00 and as tenths from then on.
    let read = |per_kwh: i64| {
        move |tag: usize, m: i64| Some(if tag == 0 { Value::U64((m * per_kwh) as u64) } else { Value::Bool(true) })
    };
    let mut log = Log::new(false);
    configure(&mut log, meter(1));
    fill(&mut log, 0..14, 2, read(1));
    configure(&mut log, meter(10));
    fill(&mut log, 14..24, 2, read(10));
    lathe(&mut log);
    let changed = report(&log);
    let s = shift(&changed, "lathe");
    // The minute of the change is nobody's: the two numbers do not compare.
    assert_eq!(line(s, "energy.active@1").value.as_deref(), Some("719.000000"));
    assert_eq!(line(s, "energy.active@1").upper, None, "no limit is known for that minute");
    assert!(s.flags.contains(&"CONFIGURATION_CHANGED") && s.states_ms["run"] == 12 * HOUR, "{:?}", s.flags);
    // A change after the shift touches nothing in it.
    let mut log = Log::new(false);
    configure(&mut log, meter(1));
    fill(&mut log, 0..21, 2, read(1));
    configure(&mut log, meter(10));
    fill(&mut log, 21..24, 2, read(10));
    lathe(&mut log);
    let later = report(&log);
    let s = shift(&later, "lathe");
    assert_eq!(line(s, "energy.active@1").value.as_deref(), Some("720.000000"));
    assert!(!s.flags.contains(&"CONFIGURATION_CHANGED"));
}

#[test]
fn the_default_limit_of_a_counter_knows_its_scale() {
    // Two pieces a minute, counted in tenths of a piece; 30 s planned for each.
    let parts = TagConfig { scale: Ratio { num: 1, den: 10 }, ..tag("cnc/parts", ValueType::U64, "pcs") };
    let mut log = log_of(vec![tag("cnc/run", ValueType::Bool, ""), parts], |tag, m| {
        Some(if tag == 0 { Value::Bool(true) } else { Value::U64(m as u64 * 20) })
    });
    let signals = json!({"run": signal("cnc/run"), "good": signal("cnc/parts")});
    machine(&mut log, "cnc", signals, json!({"run_bit": {"run_value": 1, "otherwise": "idle"}}));
    log.declare("cycle_time", json!({"machine": "cnc", "item_us": 30_000_000}));
    let report = report(&log);
    let s = shift(&report, "cnc");
    assert_eq!(line(s, "count.good@1").value.as_deref(), Some("1440.000000"), "{:?}", s.flags);
    assert!(!s.flags.contains(&"RATE_EXCEEDED"));
}

#[test]
fn a_counter_beyond_every_number_is_not_believed() {
    // The largest number a configuration can hold.
    const GREATEST: i64 = (1 << 53) - 1;
    let parts = TagConfig {
        scale: Ratio { num: GREATEST, den: 1 },
        counter: Some(protocol::content::CounterConfig { modulus: None, max_per_hour: GREATEST }),
        ..tag("cnc/parts", ValueType::U64, "pcs")
    };
    let mut log = log_of(vec![tag("cnc/run", ValueType::Bool, ""), parts], |tag, m| {
        Some(if tag == 0 { Value::Bool(true) } else { Value::U64(m as u64 * 100_000_000_000_000) })
    });
    let signals = json!({"run": signal("cnc/run"), "good": signal("cnc/parts"), "energy": signal("cnc/parts")});
    machine(&mut log, "cnc", signals, json!({"run_bit": {"run_value": 1, "otherwise": "idle"}}));
    log.declare("cycle_time", json!({"machine": "cnc", "item_us": 30_000_000}));
    let report = report(&log);
    let s = shift(&report, "cnc");
    assert!(s.flags.contains(&"RATE_EXCEEDED"), "{:?}", s.flags);
    assert_eq!((line(s, "count.good@1").upper.as_deref(), line(s, "count.good@1").grade), (None, Some("D")));
    assert_eq!(line(s, "energy.active@1").undefined, Some("METER_DISCONTINUITY"));
}

#[test]
fn data_held_back_while_later_data_was_delivered_lowers_the_grade_and_an_outage_does_not() {
    let value = |tag: usize, m: i64| Some(if tag == 0 { Value::U64(m as u64) } else { Value::Bool(true) });
    let monday = |log: &mut Log| fill(log, 0..24, 2, value);
    let flags = |log: Log| {
        let report = report(&log);
        let s = shift(&report, "lathe");
        (s.flags.contains(&"LATE_DATA"), line(s, "energy.active@1").grade)
    };
    // Three days without a network: everything comes late, in order.
    let mut outage = Log::new(false);
    configure(&mut outage, meter(1));
    lathe(&mut outage);
    outage.wait_until(MONDAY + 72 * HOUR);
    monday(&mut outage);
    fill(&mut outage, 24..72, 2, value);
    assert_eq!(flags(outage), (false, Some("A")));
    // Monday invented after Wednesday was delivered.
    let mut invented = Log::new(false);
    configure(&mut invented, meter(1));
    lathe(&mut invented);
    fill(&mut invented, 24..72, 2, value);
    monday(&mut invented);
    assert_eq!(flags(invented), (true, Some("C")));
}

/// A machine that speaks a standard needs no codes of its own; what its state alone does not tell stays unknown, and a table nobody
/// delivered is refused with those there are.
#[test]
fn a_delivered_table_says_what_its_codes_say() {
    // PackML: idle, then executing, held from noon on, and two minutes of a word the standard does not have.
    let state = |minute: i64| match minute {
        m if m < 9 * 60 => 4,
        m if m < 12 * 60 => 3,
        m if m < 12 * 60 + 2 => 77,
        _ => 11,
    };
    let log = |rule: serde_json::Value| {
        let mut log = log_of(vec![tag("cnc/state", ValueType::U64, "")], |_, m| Some(Value::U64(state(m))));
        machine(&mut log, "cnc", json!({"state": signal("cnc/state")}), rule);
        log
    };
    let by_table = report(&log(json!({"table": "packml.packtags@1"})));
    let table = metrics::vocabulary::delivered("packml.packtags@1").unwrap();
    let by_codes = report(&log(json!({"codes": table.codes()})));
    let s = shift(&by_table, "cnc");
    assert_eq!(s.states_ms, shift(&by_codes, "cnc").states_ms);
    assert!(s.states_ms["unknown"] >= 2 * MINUTE && s.flags.contains(&"UNKNOWN_STATE_CODE"), "{s:?}");
    assert!(s.states_ms.values().filter(|ms| **ms > 0).count() >= 3, "{:?}", s.states_ms);
    let body = json!({"machine": "cnc", "names": {"zh": "", "en": ""}, "signals": {"state": signal("cnc/state")}, "state_rule": {"table": "packml@9"}});
    let refused = metrics::model::parse_body("machine", &body).unwrap_err().to_string();
    assert!(refused.contains("packml@9") && refused.contains("packml.tmc@1"), "{refused}");
    assert!(!refused.contains("euromap.77"), "by its state alone EUROMAP 77 tells nothing: {refused}");
}
