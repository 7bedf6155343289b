//! A lathe with a gauge that measures every fifth minute, an alarm text, a flow meter and a tank.

use metrics::compare::SplitMix64;
use protocol::content::{CounterConfig, Ratio, TagConfig};
use protocol::{Batch, Configuration, Content, Quality, Reading, Value, ValueType};
use serde_json::json;

use crate::fixture::{GATEWAY, HOUR, Log, MINUTE, MONDAY};

pub(crate) const DAY: i64 = 24 * HOUR;
const BOOT_OFFSET: i64 = MONDAY - 5_000_000;

pub(crate) struct Shop {
    pub(crate) log: Log,
}

/// What the gauge shows in a minute, thousandths of a millimetre: a new value every fifth minute, 0.08 more from the third noon on.
pub(crate) fn value(minute: i64) -> i64 {
    let item = minute.div_euclid(5);
    let mut random = SplitMix64::new(item.cast_unsigned() + 77);
    let noise = (0..4).map(|_| (random.next_u64() % 21) as i64 - 10).sum::<i64>();
    20_000 + noise + if item >= (2 * 24 + 12) * 12 { 80 } else { 0 }
}

/// State code of a minute of any day.
fn state(minute: i64) -> u64 {
    match minute.rem_euclid(1440) {
        540..550 | 600..602 | 780..785 => 6,
        785..810 => 7,
        570..571 | 660..680 => 2,
        _ => 4,
    }
}

fn alarm(minute: i64) -> &'static str {
    match minute.rem_euclid(1440) {
        540..550 | 780.. => "E7",
        600..602 => "E9",
        _ => "",
    }
}

fn tags() -> Vec<TagConfig> {
    let tag = |id: &str, value_type, unit: &str, den| TagConfig {
        id: id.parse().unwrap(),
        value_type,
        unit: unit.into(),
        scale: Ratio { num: 1, den },
        role: String::new(),
        interval_ms: MINUTE,
        address: "x".into(),
        counter: None,
    };
    let flow = TagConfig {
        counter: Some(CounterConfig { modulus: None, max_per_hour: 10_000 }),
        ..tag("lathe/flow", ValueType::U64, "kg", 100)
    };
    vec![
        tag("lathe/bore", ValueType::I64, "mm", 1000),
        tag("lathe/items", ValueType::U64, "pcs", 1),
        tag("lathe/state", ValueType::U64, "", 1),
        tag("lathe/alarm", ValueType::Text, "", 1),
        flow,
        tag("lathe/level", ValueType::F64, "kg", 1),
    ]
}

pub(crate) fn signal(tag: &str) -> serde_json::Value {
    json!({"gateway": GATEWAY, "tag": tag})
}

/// A specification of the bore: 20 ± 0.1 mm, subgroups of four an hour by the item counter, or every reading.
pub(crate) fn body(is_triggered: bool) -> serde_json::Value {
    let mut body = json!({
        "machine": "lathe", "characteristic": "bore", "names": {"zh": "孔径", "en": "Bore"}, "signal": signal("lathe/bore"),
        "unit": "mm", "lsl": "19.9", "usl": "20.1", "target": "20", "rules": "western-electric@1",
        "sampling": {"subgroups": {"size": 4, "interval_ms": HOUR}},
        "base": {"from_ms": MONDAY, "to_ms": MONDAY + 2 * DAY},
    });
    if is_triggered {
        body["trigger"] = signal("lathe/items");
    }
    body
}

impl Shop {
    pub(crate) fn new() -> Self {
        let mut log = Log::new(false);
        log.declare(
            "machine",
            json!({
                "machine": "lathe", "names": {"zh": "车床", "en": "Lathe"},
                "signals": {"state": signal("lathe/state"), "alarm": signal("lathe/alarm")},
                "state_rule": {"codes": {"2": "idle", "4": "run", "6": "fault", "7": "maint"}},
            }),
        );
        let configuration = Configuration { format: 1, devices: vec![], tags: tags() };
        log.record(MONDAY - HOUR, &Content::Configuration(configuration), None);
        Self { log }
    }

    pub(crate) fn specify(&mut self, body: serde_json::Value) {
        self.log.declare("specification", body);
    }

    /// Appends these days; `keep(tag, minute)` says which readings exist.
    pub(crate) fn fill(&mut self, days: std::ops::Range<i64>, keep: impl Fn(usize, i64) -> bool) {
        for hour in days.start * 24..days.end * 24 {
            let mut readings = Vec::new();
            for minute in hour * 60..(hour + 1) * 60 {
                let level = 500.0 - 0.1 * minute.rem_euclid(720) as f64;
                let values = [
                    Value::I64(value(minute)),
                    Value::U64(minute.div_euclid(5).cast_unsigned()),
                    Value::U64(state(minute)),
                    Value::Text(alarm(minute).into()),
                    Value::U64(2 * minute.cast_unsigned()),
                    Value::F64(level),
                ];
                for (tag, value) in values.into_iter().enumerate().filter(|(tag, _)| keep(*tag, minute)) {
                    let boot_ms = MONDAY + minute * MINUTE - BOOT_OFFSET;
                    readings.push(Reading { tag: tag as u32, boot_ms, value, quality: Quality::Good, source_ms: None });
                }
            }
            let batch = Batch::from_readings(readings, vec![], vec![]);
            let span = batch.span().map(|(a, b)| (a + BOOT_OFFSET, b + BOOT_OFFSET));
            self.log.record(MONDAY + (hour + 1) * HOUR, &Content::Batch(batch), span);
        }
    }
}
