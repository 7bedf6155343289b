//! Matters to verify: what must hold of every record. Order of delivery changes nothing, a reading taken away makes nothing the same,
//! nonsense finds its limits, an explanation stands beside a finding and removes nothing.

mod fixture;

use std::collections::BTreeMap;

use fixture::{GATEWAY, HOUR, Log, MINUTE, MONDAY};
use metrics::compare::SplitMix64;
use metrics::credibility::course::{Course, course, release};
use metrics::credibility::{Examination, LIST, examine, explanation, key};
use metrics::model::parse_body;
use metrics::{History, Interval};
use proptest::prelude::*;
use protocol::content::{CounterConfig, Ratio, TagConfig};
use protocol::{Batch, Configuration, Content, Quality, Reading, Value, ValueType};
use serde_json::json;

const DAY: i64 = 24 * HOUR;
const BOOT_OFFSET: i64 = MONDAY - 5_000_000;

fn tag(id: &str, unit: &str, counter: Option<i64>) -> TagConfig {
    TagConfig {
        id: id.parse().unwrap(),
        value_type: ValueType::I64,
        unit: unit.into(),
        scale: Ratio { num: 1, den: 1 },
        role: String::new(),
        interval_ms: MINUTE,
        address: "holding 0".into(),
        counter: counter.map(|max_per_hour| CounterConfig { modulus: Some(1 << 32), max_per_hour }),
    }
}

/// A press with state, counters, power and energy behind a main meter.
fn log() -> Log {
    let mut log = Log::new(false);
    let signal = |tag: &str| json!({"gateway": GATEWAY, "tag": tag});
    log.declare(
        "machine",
        json!({
            "machine": "press", "names": {"zh": "冲床", "en": "Press"},
            "signals": {"state": signal("press/state"), "good": signal("press/good"), "reject": signal("press/reject"),
                "energy": signal("press/energy"), "power": signal("press/power")},
            "state_rule": {"codes": {"1": "off", "2": "idle", "4": "run", "5": "setup", "6": "fault"}},
        }),
    );
    log.declare(
        "machine",
        json!({
            "machine": "main", "names": {"zh": "总表", "en": "Incoming meter"}, "role": "meter",
            "signals": {"energy": signal("main/energy"), "power": signal("main/power")},
        }),
    );
    let tags = vec![
        tag("press/state", "", None),
        tag("press/good", "pcs", Some(10_000)),
        tag("press/reject", "pcs", Some(10_000)),
        tag("press/energy", "Wh", Some(1_000_000)),
        tag("main/energy", "Wh", Some(1_000_000)),
        tag("press/power", "W", None),
        tag("main/power", "W", None),
    ];
    log.record(MONDAY, &Content::Configuration(Configuration { format: 1, devices: vec![], tags }), None);
    log
}

/// Two working days minute by minute: time and the seven values.
fn readings(seed: u64) -> Vec<(i64, [i64; 7])> {
    let mut random = SplitMix64::new(seed);
    let mut below = |n: u64| (random.next_u64() % n).cast_signed();
    let (mut good, mut reject, mut energy, mut main) = (1_000, 10, 50_000, 900_000);
    let mut code = 4;
    let mut out = Vec::new();
    for m in 0..2 * 1440 {
        if below(15) == 0 {
            code = [4, 4, 4, 2, 2, 5, 6][below(7) as usize];
        }
        let power = match code {
            4 => 9_000 + below(2_500),
            6 => 300 + below(50),
            _ => 2_000 + below(300),
        };
        let base = 1_500 + below(400);
        out.push((MONDAY + m * MINUTE, [code, good, reject, energy, main, power, power + base]));
        if code == 4 {
            good += 8 + below(2);
            reject += i64::from(below(9) == 0);
        }
        energy += power / 60;
        main += (power + base) / 60;
    }
    out
}

/// Batches of an hour, of those readings that are kept.
fn batches(all: &[(i64, [i64; 7])], keep: impl Fn(usize, usize) -> bool) -> Vec<(Content, (i64, i64))> {
    let mut out = Vec::new();
    for (h, hour) in all.chunks(60).enumerate() {
        let mut list = Vec::new();
        for (i, (ms, values)) in hour.iter().enumerate() {
            for (t, value) in values.iter().enumerate().filter(|(t, _)| keep(*t, h * 60 + i)) {
                let (tag, value) = (t as u32, Value::I64(*value));
                list.push(Reading { tag, boot_ms: ms - BOOT_OFFSET, value, quality: Quality::Good, source_ms: None });
            }
        }
        if !list.is_empty() {
            let span = (hour[0].0, hour[hour.len() - 1].0);
            out.push((Content::Batch(Batch::from_readings(list, vec![], vec![])), span));
        }
    }
    out
}

fn history(batches: &[(Content, (i64, i64))]) -> History {
    let mut log = log();
    for (content, span) in batches {
        log.record(span.1, content, Some(*span));
    }
    let history = log.history();
    assert!(history.statements().bad().is_empty());
    history
}

fn days() -> Interval {
    Interval::new(MONDAY, MONDAY + 2 * DAY)
}

fn without_leaves(mut e: Examination) -> Examination {
    e.findings.iter_mut().flat_map(|f| &mut f.samples).for_each(|s| s.leaf = 0);
    e
}

/// Freezes a stretch and repeats another: something to find.
fn with_matters(seed: u64) -> Vec<(i64, [i64; 7])> {
    let mut all = readings(seed);
    let held = all[300].1[5];
    all[300..420].iter_mut().for_each(|r| r.1[5] = held.max(9_000));
    for i in 0..150 {
        all[2_000 + i].1[5] = all[900 + i].1[5];
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// The order in which batches were delivered changes no finding, only the leaves named beside it.
    #[test]
    fn order_of_delivery_changes_nothing(seed: u64, shuffle: u64) {
        let mut parts = batches(&with_matters(seed), |_, _| true);
        let straight = without_leaves(examine(&history(&parts), days()));
        prop_assert!(!straight.findings.is_empty());
        let mut random = SplitMix64::new(shuffle);
        for i in (1..parts.len()).rev() {
            parts.swap(i, (random.next_u64() % (i as u64 + 1)) as usize);
        }
        prop_assert_eq!(without_leaves(examine(&history(&parts), days())), straight);
    }

    /// What is found to stand still or to come twice in a thinned record stands still or comes twice in the whole one.
    #[test]
    fn a_reading_taken_away_makes_nothing_the_same(seed: u64, losses in 0_u64..40, matters: bool) {
        let all = if matters { with_matters(seed) } else { readings(seed) };
        let mut random = SplitMix64::new(seed ^ 7);
        let kept: Vec<bool> = (0..all.len() * 7).map(|_| random.next_u64() % 1000 >= losses).collect();
        let e = examine(&history(&batches(&all, |t, m| kept[m * 7 + t])), days());
        let column = |role: &str| match role { "power" => 5, "energy" => 3, "good" => 1, other => panic!("{other}") };
        let values = |role: &str, w: [i64; 2]| -> Vec<i64> {
            all.iter().filter(|r| (w[0]..=w[1]).contains(&r.0)).map(|r| r.1[column(role)]).collect()
        };
        for f in &e.findings {
            let role = f.signals[0].role;
            match f.detector {
                "credibility.frozen_value@1" => {
                    let whole = values(role, f.windows[0]);
                    prop_assert!(whole.len() > 30 && whole.iter().all(|v| *v == whole[0]), "{:?}", f);
                }
                "credibility.repeated_stretch@1" => {
                    let [a, b] = [0, 1].map(|i| values(role, f.windows[i]));
                    prop_assert!(a.len() >= 60, "{:?}", f);
                    let steps = |v: &[i64]| v.windows(2).map(|w| w[1] - w[0]).collect::<Vec<_>>();
                    prop_assert!(if role == "energy" { steps(&a) == steps(&b) } else { a == b }, "{:?}", f);
                }
                _ => {}
            }
        }
        if matters && losses == 0 {
            let found = |id: &str| e.findings.iter().any(|f| f.detector == id);
            prop_assert!(found("credibility.repeated_stretch@1"), "{:?}", e);
        }
        if !matters {
            let same = ["credibility.frozen_value@1", "credibility.repeated_stretch@1"];
            prop_assert!(e.findings.iter().all(|f| !same.contains(&f.detector)), "{:?}", e);
        }
    }
}

/// Somebody who takes away exactly the readings that differ gains no finding against the factory.
#[test]
fn readings_taken_away_on_purpose_make_nothing_the_same() {
    let mut all = readings(11);
    all[300..480].iter_mut().for_each(|r| (r.1[0], r.1[5]) = (4, 9_500));
    for i in 0..240 {
        all[2_000 + i].1[5] = all[900 + i].1[5];
    }
    // Every twelfth reading differs, and is not delivered.
    let differs = |m: usize| m.is_multiple_of(12) && ((300..480).contains(&m) || (900..2_240).contains(&m));
    for (m, r) in all.iter_mut().enumerate().filter(|(m, _)| differs(*m)) {
        r.1[5] = 9_000 + m as i64;
    }
    let e = examine(&history(&batches(&all, |t, m| t != 5 || !differs(m))), days());
    let same = ["credibility.frozen_value@1", "credibility.repeated_stretch@1"];
    let found: Vec<_> =
        e.findings.iter().filter(|f| same.contains(&f.detector) && f.signals[0].role == "power").collect();
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn every_check_is_made_or_listed_with_its_reason() {
    let e = examine(&history(&batches(&readings(3), |_, _| true)), days());
    for detector in LIST {
        let made = e.checked.iter().any(|c| c.detector == detector.id);
        let listed: Vec<_> = e.unchecked.iter().filter(|u| u.detector == detector.id).collect();
        assert!(made || !listed.is_empty(), "{}", detector.id);
        assert!(listed.iter().all(|u| !u.reason.zh.is_empty() && !u.reason.en.is_empty()));
    }
    let nothing = examine(&history(&[]), days());
    assert!(nothing.findings.is_empty() && nothing.checked.is_empty());
    assert!(nothing.unchecked.len() >= LIST.len());
    assert_eq!(examine(&History::new(), days()).findings, []);
}

#[test]
fn findings_carry_their_leaves_and_both_languages() {
    let parts = batches(&with_matters(5), |_, _| true);
    let history = history(&parts);
    let e = examine(&history, days());
    assert!(!e.findings.is_empty());
    let first_batch = history.size() - parts.len() as u64;
    for f in &e.findings {
        assert_eq!(f.key, key(f.detector, &f.machine, f.from_ms()));
        assert!(!f.says.zh.is_empty() && !f.says.en.is_empty() && !f.on_site.zh.is_empty());
        assert!(!f.signals.is_empty() && !f.quantities.is_empty() && !f.samples.is_empty(), "{f:?}");
        for s in &f.samples {
            // The value shown is the value logged, in the record of that hour.
            let at = (s.at_ms - MONDAY) / MINUTE;
            assert_eq!(s.leaf, first_batch + at.cast_unsigned() / 60, "{s:?}");
            let all = with_matters(5);
            let column = ["state", "good", "reject", "energy", "", "power"].iter().position(|r| *r == s.role);
            if let Some(column) =
                column.filter(|_| f.machine == "press" && f.signals.iter().all(|n| n.tag.starts_with("press")))
            {
                assert_eq!(s.raw, all[at as usize].1[column].to_string(), "{f:?}");
            }
        }
    }
    let text = serde_json::to_string(&e).unwrap();
    assert_eq!(text, serde_json::to_string(&examine(&history, days())).unwrap(), "the same bytes again");
}

#[test]
fn an_explanation_stands_beside_its_finding() {
    let parts = batches(&with_matters(5), |_, _| true);
    let mut log = log();
    for (content, span) in &parts {
        log.record(span.1, content, Some(*span));
    }
    let before = examine(&log.history(), days());
    let finding = before.findings[0].clone();
    let body = |text: &str| {
        json!({"finding": finding.key, "detector": finding.detector, "machine": finding.machine,
            "from_ms": finding.from_ms(), "text": text})
    };
    log.declare("explanation", body("当日更换仪表通信模块。"));
    log.declare("explanation", body("维修记录编号 12。"));
    let history = log.history();
    assert!(history.statements().bad().is_empty(), "{:?}", history.statements().bad());
    let said = explanation::of(history.statements(), &finding);
    assert_eq!(
        said.iter().map(|s| s.text.as_str()).collect::<Vec<_>>(),
        ["当日更换仪表通信模块。", "维修记录编号 12。"]
    );
    assert!(said.iter().all(|s| s.author == "u1" && s.role == "firm" && s.leaf > 0));
    assert_eq!(examine(&history, days()), before, "it removes nothing and moves nothing");
    let other = before.findings.iter().find(|f| f.key != finding.key).unwrap();
    assert_eq!(explanation::of(history.statements(), other), []);
}

#[test]
fn the_log_says_who_was_shown_a_finding_and_in_what_order() {
    let parts = batches(&with_matters(5), |_, _| true);
    let mut log = log();
    for (content, span) in &parts {
        log.record(span.1, content, Some(*span));
    }
    let found = examine(&log.history(), days()).findings;
    let (finding, other) = (&found[0], found.iter().find(|f| f.key != found[0].key).unwrap());
    assert_eq!(course(log.history().statements(), finding), Course::default());
    let named = json!({"finding": finding.key, "detector": finding.detector, "machine": finding.machine, "from_ms": finding.from_ms()});
    let shown_ms = log.end_ms() + DAY;
    // A provider is not the factory: what he is shown, acknowledges or explains takes no step for it.
    let mut by_provider = named.clone();
    by_provider["text"] = json!("网关更换。");
    log.declare_as("provider", "finding_shown", json!({"findings": [named]}));
    log.declare_as("provider", "finding_acknowledged", named.clone());
    log.declare_as("provider", "explanation", by_provider);
    assert_eq!(course(log.history().statements(), finding), Course::default());
    assert_eq!(explanation::of(log.history().statements(), finding).len(), 1, "it stands beside the finding");
    log.wait_until(shown_ms);
    // Effective from before everything: an author's date moves no term.
    log.declare("finding_shown", json!({"findings": [named, named]}));
    log.wait_until(shown_ms + DAY);
    log.declare("finding_shown", json!({"findings": [named]}));
    let shown = log.size() - 2;
    let waiting = course(log.history().statements(), finding);
    let step = waiting.shown.clone().unwrap();
    assert_eq!(
        (step.leaf, step.received_ms, step.author.as_str(), step.role.as_str()),
        (shown, shown_ms, "u1", "firm")
    );
    assert_eq!(release(&waiting, 14).from_ms, Some(shown_ms + 14 * DAY), "showing it again starts no new term");
    log.declare("finding_acknowledged", named.clone());
    log.wait_until(shown_ms + 2 * DAY);
    let mut explained = named.clone();
    explained["text"] = json!("换表。");
    log.declare("explanation", explained);
    let history = log.history();
    assert!(history.statements().bad().is_empty(), "{:?}", history.statements().bad());
    let done = course(history.statements(), finding);
    assert_eq!(done.acknowledged.as_ref().map(|s| s.leaf), Some(log.size() - 2));
    assert_eq!(done.explained.as_ref().map(|s| s.leaf), Some(log.size() - 1));
    assert_eq!(release(&done, 14).from_ms, Some(shown_ms + DAY), "acknowledged first");
    assert_eq!(course(history.statements(), other), Course::default(), "of no other finding");
    assert_eq!(examine(&history, days()).findings, found, "nothing said removes a finding");

    let mut mistyped = named.clone();
    mistyped["from_ms"] = json!(finding.from_ms() + 1);
    for (kind, body) in [
        ("finding_acknowledged", mistyped.clone()),
        ("finding_shown", json!({"findings": [mistyped]})),
        ("finding_shown", json!({"findings": []})),
        ("finding_shown", json!({"findings": vec![named.clone(); 201]})),
        ("finding_acknowledged", json!({"finding": finding.key})),
    ] {
        parse_body(kind, &body).expect_err(&body.to_string());
    }
}

#[test]
fn a_hostile_explanation_is_refused() {
    let good = || {
        let (detector, machine, from_ms) = ("credibility.frozen_value@1", "press", 5);
        json!({"finding": key(detector, machine, from_ms), "detector": detector, "machine": machine, "from_ms": from_ms, "text": "x"})
    };
    parse_body("explanation", &good()).unwrap();
    let mut refused = BTreeMap::new();
    for (field, value) in [
        ("finding", json!("0".repeat(64))),
        ("finding", json!("")),
        ("detector", json!("x".repeat(100_000))),
        ("detector", json!("credibility.frozen_value@-1")),
        ("machine", json!("../x")),
        ("machine", json!("")),
        ("from_ms", json!(5.5)),
        ("from_ms", json!(u64::MAX)),
        ("text", json!("")),
        ("text", json!("字".repeat(5_000))),
        ("text", json!("\u{0}")),
        ("document", json!("Z".repeat(64))),
        ("more", json!(1)),
    ] {
        let mut body = good();
        body[field] = value.clone();
        let error = parse_body("explanation", &body).expect_err(&format!("{field} {value}"));
        refused.insert(error.to_string(), ());
    }
    assert!(refused.len() >= 8, "the reasons tell fields apart: {refused:?}");
}

#[test]
fn nonsense_finds_its_limits() {
    let extremes = [i64::MIN, -1, 0, 1, 1 << 53, i64::MAX];
    for seed in 0..12 {
        let mut random = SplitMix64::new(seed);
        let mut all = readings(seed);
        for (ms, values) in all.iter_mut().step_by(3) {
            values[(random.next_u64() % 7) as usize] = extremes[(random.next_u64() % 6) as usize];
            if random.next_u64().is_multiple_of(200) {
                *ms = [-(1 << 52), 1 << 52, MONDAY - 400 * DAY][(random.next_u64() % 3) as usize];
            }
        }
        let mut parts = batches(&all, |_, _| true);
        parts.truncate(40);
        let mut log = log();
        for (content, span) in &parts {
            log.record(span.1.clamp(MONDAY, MONDAY + 2 * DAY), content, Some((span.0.min(span.1), span.1.max(span.0))));
        }
        log.declare(
            "cycle_time",
            json!({"machine": "press", "item_us": 86_400_000_000_i64 * 366, "items_per_cycle": 100_000}),
        );
        let far = 1_i64 << 52;
        log.declare_from(
            "meter_replaced",
            -far,
            json!({"machine": "press", "at_ms": MONDAY + HOUR, "old_final_raw": far, "new_initial_raw": -far}),
        );
        let history = log.history();
        for window in [days(), Interval::new(i64::MIN, i64::MAX), Interval::new(5, 1), Interval::new(-far, far)] {
            let e = examine(&history, window);
            for c in &e.checked {
                let listed = e.findings.iter().filter(|f| f.detector == c.detector && f.machine == c.machine).count();
                assert!(listed <= 20 * e.checked.len());
            }
            serde_json::to_string(&e).unwrap();
        }
    }
}
