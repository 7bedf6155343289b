//! What must hold for charts and alarms whatever was read.

use std::collections::BTreeSet;

use metrics::Interval;
use metrics::alarms::episodes::{End, of_samples};
use metrics::compare::SplitMix64;
use metrics::quality::chart::{Chart, charts};
use metrics::quality::constants::delivered;
use metrics::timeline::Cadence;
use proptest::prelude::*;
use serde_json::json;

use crate::fixture::{HOUR, MINUTE, MONDAY};
use crate::shop::{DAY, Shop, body};

fn shop(keep: impl Fn(usize, i64) -> bool, is_triggered: bool) -> Shop {
    let mut shop = Shop::new();
    shop.fill(0..3, |tag, minute| minute < 2 * 1440 || keep(tag, minute));
    let mut body = body(is_triggered);
    if !is_triggered {
        body["sampling"] = json!("individuals");
        body["rules"] = json!("nelson@1");
    }
    shop.specify(body);
    shop
}

fn chart(shop: &Shop, window: Interval) -> Chart {
    charts(&shop.log.history(), &delivered().unwrap(), "lathe", "bore", window).remove(0)
}

/// Instants of the points of every violation, with its rule.
fn violations(chart: &Chart) -> Vec<(&'static str, Vec<i64>)> {
    chart.broken.iter().map(|b| (b.rule, b.points.iter().map(|p| p.from_ms).collect())).collect()
}

const THIRD: Interval = Interval::new(MONDAY + 2 * DAY, MONDAY + 3 * DAY);

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    /// Two windows list together what the whole lists: points, incomplete intervals, values out of specification, violations by
    /// last point, measurements.
    #[test]
    fn windows_add_up(cut in 1_i64..DAY, seed: u64, is_triggered: bool) {
        let lost = |tag: usize, minute: i64| SplitMix64::new(seed ^ (minute as u64 * 8 + tag as u64)).next_u64() % 100 < 2;
        let shop = shop(|tag, minute| !lost(tag, minute), is_triggered);
        let at = THIRD.from_ms + cut;
        let (whole, left, right) =
            (chart(&shop, THIRD), chart(&shop, Interval::new(THIRD.from_ms, at)), chart(&shop, Interval::new(at, THIRD.to_ms)));
        let instants = |c: &Chart| c.points.iter().map(|p| (p.from_ms, p.centre, p.range, p.follows)).collect::<Vec<_>>();
        prop_assert_eq!([instants(&left), instants(&right)].concat(), instants(&whole));
        prop_assert_eq!([left.incomplete.clone(), right.incomplete.clone()].concat(), whole.incomplete.clone());
        prop_assert_eq!([left.out_of_specification.clone(), right.out_of_specification.clone()].concat(), whole.out_of_specification.clone());
        prop_assert_eq!([left.measurements.clone(), right.measurements.clone()].concat(), whole.measurements.clone());
        // A run that crosses the cut is one in the whole, and each half lists what ended in it.
        let ends = |c: &Chart| c.broken.iter().filter(|b| b.points.len() == 1).map(|b| (b.rule, b.points[0].from_ms)).collect::<Vec<_>>();
        prop_assert_eq!([ends(&left), ends(&right)].concat(), ends(&whole));
    }

    /// Readings that are gone never make a violation, a point or a value that was not there.
    #[test]
    fn deleting_readings_makes_no_violation(seed: u64, percent in 1_u64..40, is_triggered: bool) {
        let lost = |tag: usize, minute: i64| SplitMix64::new(seed ^ (minute as u64 * 8 + tag as u64)).next_u64() % 100 < percent;
        let (whole, thin) = (shop(|_, _| true, is_triggered), shop(|tag, minute| !lost(tag, minute), is_triggered));
        let (whole, thin) = (chart(&whole, THIRD), chart(&thin, THIRD));
        prop_assert_eq!(whole.base.limits, thin.base.limits);
        let there = violations(&whole);
        for (rule, points) in violations(&thin) {
            let is_part = |(r, all): &(&str, Vec<i64>)| *r == rule && points.iter().all(|p| all.contains(p));
            prop_assert!(there.iter().any(is_part), "{} {:?}", rule, points);
        }
        let known: BTreeSet<(i64, String)> = whole.points.iter().map(|p| (p.from_ms, p.centre.digits(9))).collect();
        prop_assert!(is_triggered || thin.points.iter().all(|p| known.contains(&(p.from_ms, p.centre.digits(9)))));
        let shown = |c: &Chart| c.out_of_specification.iter().map(|(m, _)| m.value.digits(3)).collect::<BTreeSet<_>>();
        prop_assert!(shown(&thin).is_subset(&shown(&whole)));
        prop_assert!(thin.evidence.observed_ms <= whole.evidence.observed_ms);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    /// Alarms at any instant that last longer than a polling period of ten seconds, read with losses: what is said of an episode holds for what happened, and none that went on
    /// is called over.
    #[test]
    fn episodes_hold_what_happened(
        steps in prop::collection::vec((10_001_i64..90_000, 0_usize..3), 1..40),
        seed: u64,
        percent in 0_u64..40,
        merge_ms in prop::sample::select(vec![0_i64, 60_000]),
    ) {
        let names = [None, Some("A"), Some("B")];
        // (from, to, code), touching; the last one goes on.
        let mut at = 0;
        let mut truth: Vec<(i64, i64, Option<&str>)> = Vec::new();
        for (ms, code) in &steps {
            match truth.last_mut() {
                Some(last) if last.2 == names[*code] => last.1 = at + ms,
                _ => truth.push((at, at + ms, names[*code])),
            }
            at += ms;
        }
        let until = at;
        if let Some(last) = truth.last_mut() { last.1 = i64::MAX; }
        let code_at = |ms: i64| truth.iter().find(|t| t.0 <= ms && ms < t.1).unwrap().2;
        let kept = |ms: &i64| SplitMix64::new(seed ^ *ms as u64).next_u64() % 100 >= percent;
        let samples: Vec<(i64, Option<&str>)> = (0..until).step_by(10_000).filter(kept).map(|ms| (ms, code_at(ms))).collect();
        let found = of_samples(samples.iter().copied(), &[], Cadence::new(10_000), until, merge_ms);
        for e in &found {
            let code = Some(e.code.as_str());
            let (first, last) = (e.raised_ms, e.end.seen_ms());
            prop_assert!(code_at(first) == code && code_at(last) == code);
            let overlap = |t: &&(i64, i64, Option<&str>)| t.2 == code && t.0 <= last && first < t.1;
            let stretches: Vec<_> = truth.iter().filter(overlap).collect();
            let raised: i64 = stretches.iter().map(|t| t.1.min(last) - t.0.max(first)).sum();
            let d = e.duration();
            prop_assert!(d.least_ms <= raised, "{:?} {} of {}", e, raised, d.least_ms);
            let (begin, end) = (stretches[0].0, stretches[stretches.len() - 1].1);
            prop_assert!(e.raised_after_ms.is_none_or(|after| after < begin || after < first));
            if let Some(most) = d.most_ms {
                prop_assert!(end.saturating_sub(begin) <= most, "{:?}: {} > {}", e, end - begin, most);
            }
            if let End::Cleared { by_ms, .. } = e.end {
                prop_assert!(end <= by_ms, "called over while it went on: {:?}", e);
            }
        }
        // Every reading that showed an alarm is in an episode.
        for (ms, code) in samples.iter().filter_map(|(ms, c)| Some((*ms, (*c)?))) {
            prop_assert!(found.iter().any(|e| e.code == code && e.raised_ms <= ms && ms <= e.end.seen_ms()));
        }
    }
}

#[test]
fn the_order_and_repetition_of_statements_change_nothing() {
    let mut once = Shop::new();
    once.fill(0..1, |_, _| true);
    let at = |minute: i64| MONDAY + minute * MINUTE;
    let first = json!({"machine": "lathe", "code": "E7", "raised_ms": at(540), "acknowledged_ms": at(541)});
    let second = json!({"machine": "lathe", "code": "E9", "raised_ms": at(600), "handled_ms": at(660)});
    let specification = |shop: &mut Shop, from: i64, usl: &str| {
        let mut body = body(true);
        body["usl"] = json!(usl);
        shop.log.declare_from("specification", from, body);
    };
    let (mut forward, mut backward) = (Shop { log: once.log.clone() }, once);
    for body in [&first, &second] {
        forward.log.declare("alarm_handled", body.clone());
    }
    for body in [&second, &first, &second, &first] {
        backward.log.declare("alarm_handled", body.clone());
    }
    specification(&mut forward, MONDAY - HOUR, "20.1");
    specification(&mut forward, MONDAY + 12 * HOUR, "20.2");
    specification(&mut backward, MONDAY + 12 * HOUR, "20.2");
    specification(&mut backward, MONDAY - HOUR, "20.1");
    let window = Interval::new(MONDAY, MONDAY + DAY);
    let shown = |shop: &Shop| {
        let history = shop.log.history();
        let (episodes, _) = metrics::alarms::of_machine(&history, "lathe", window, 60_000);
        let (handled, unmatched) = metrics::alarms::handle(history.statements(), "lathe", episodes, window.to_ms);
        assert!(unmatched.is_empty());
        let handled: Vec<_> = handled.into_iter().map(|h| (h.episode, h.acknowledged_ms, h.handled_ms)).collect();
        let all = charts(&history, &delivered().unwrap(), "lathe", "bore", window);
        let all: Vec<_> =
            all.into_iter().map(|c| (c.window, c.specification.body, c.points, c.out_of_specification)).collect();
        (handled, all)
    };
    let (a, b) = (shown(&forward), shown(&backward));
    assert_eq!(a, b);
    assert_eq!((a.0.len(), a.1.len()), (3, 2));
}
