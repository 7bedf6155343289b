//! Where every kind of stop lands, and that nothing is counted twice.

use super::*;
use MachineState::{Fault, Idle, Maint, Off, Run, Setup, Unknown, Wait};

const S: i64 = 1_000;

fn timeline(parts: &[(MachineState, i64, bool)]) -> Vec<StateInterval> {
    let mut at = 0;
    parts
        .iter()
        .map(|(state, seconds, held)| {
            at += seconds * S;
            StateInterval { from_ms: at - seconds * S, to_ms: at, state: *state, held: *held }
        })
        .collect()
}

fn losses(parts: &[(MachineState, i64, bool)], context: &Context) -> Losses {
    let states = timeline(parts);
    let marked = mark(&states, context, StopRule::default());
    let all = sum(&marked, context, StopRule::default(), Interval::new(0, i64::MAX));
    let b = &all.buckets;
    assert_eq!(all.breakdown_ms + all.minor_ms + all.waiting_ms + all.other_ms, b.adet_ms);
    assert_eq!(b.total_ms(), states.iter().map(StateInterval::length_ms).sum::<i64>());
    all
}

#[test]
fn every_stop_keeps_its_cause_unless_it_is_minor() {
    let shift = Context { scheduled: true, ..Context::default() };
    let parts = [
        (Idle, 30, false), // before the first item: a stop, not an interruption of running
        (Run, 600, false),
        (Fault, 40, false),
        (Idle, 60, false), // 100 s together: minor
        (Run, 600, false),
        (Idle, 119, false), // minor
        (Run, 1, false),
        (Idle, 120, false), // not shorter than the limit
        (Run, 600, false),
        (Setup, 50, false), // setup is never minor
        (Run, 600, false),
        (Fault, 400, false),
        (Maint, 100, false),
        (Wait, 300, false),
        (Off, 100, false),
    ];
    let all = losses(&parts, &shift);
    assert_eq!((all.minor_ms, all.breakdown_ms, all.waiting_ms), (219 * S, 500 * S, 300 * S));
    assert_eq!((all.other_ms, all.buckets.aust_ms), (250 * S, 50 * S));
    assert_eq!(all.operating_ms(), (2401 + 219) * S);
    assert_eq!((all.doubtful_minor_ms, all.doubtful_stop_ms), (0, 0));
    assert_eq!(all.powered_ms, (2401 + 40 + 60 + 119 + 120 + 30 + 50 + 400 + 300) * S, "neither OFF nor MAINT");
}

#[test]
fn a_stop_in_a_break_without_order_or_beside_the_unknown_is_not_minor() {
    let stop = |at: i64| Interval::new(at * S, (at + 10) * S);
    let parts = [(Run, 100, false), (Idle, 60, false), (Run, 100, false)];
    let in_break = Context { scheduled: true, stops: vec![stop(155)], no_order: vec![], ..Context::default() };
    let all = losses(&parts, &in_break);
    assert_eq!(
        (all.minor_ms, all.other_ms, all.buckets.pdot_ms, all.buckets.run_in_stop_ms),
        (0, 55 * S, 5 * S, 5 * S)
    );
    let orderless = Context { scheduled: true, stops: vec![], no_order: vec![stop(110)], ..Context::default() };
    let all = losses(&parts, &orderless);
    assert_eq!((all.minor_ms, all.other_ms, all.buckets.adot_ms), (0, 50 * S, 10 * S));
    let shift = Context { scheduled: true, ..Context::default() };
    let all = losses(&[(Run, 9, false), (Wait, 30, false), (Unknown, 20, false), (Run, 9, false)], &shift);
    assert_eq!((all.minor_ms, all.waiting_ms, all.doubtful_stop_ms), (0, 30 * S, 30 * S));
    assert_eq!(all.maybe_powered_ms, 20 * S);
    // The running in between is only assumed: both stops may be one long one.
    let parts = [(Run, 9, false), (Idle, 100, false), (Run, 30, true), (Idle, 100, false), (Run, 9, false)];
    let all = losses(&parts, &shift);
    assert_eq!((all.minor_ms, all.doubtful_minor_ms), (200 * S, 200 * S));
    let free = losses(&parts, &Context::default());
    assert_eq!((free.minor_ms, free.buckets.apt_ms, free.buckets.outside_ms), (0, 48 * S, 200 * S));
}

#[test]
fn the_waterfall_tiles_the_window_even_when_the_plan_was_beaten() {
    let shift = Context { scheduled: true, ..Context::default() };
    let all = losses(&[(Run, 1_000, false), (Fault, 500, false), (Setup, 100, false), (Unknown, 7, false)], &shift);
    let counted = |standard_s: i128| crate::facts::Counted {
        items: crate::counter::Bounded::exact(1),
        standard: crate::counter::Bounded::exact(standard_s * 1_000_000_000_000),
    };
    let p =
        Production { produced: counted(1_100), good: counted(1_000), rejected: counted(100), ..Production::default() };
    let d = Defects { startup: counted(30), ..Defects::default() };
    let steps = waterfall(&all, Some((&p, &d)));
    let step = |id: &str| steps.iter().find(|s| s.id == id).unwrap().amount / 1_000_000_000_000;
    assert_eq!((step("speed"), step("startup"), step("defects"), step("effective")), (-100, 30, 70, 1_000));
    assert_eq!(steps.iter().map(|s| s.amount).sum::<i128>(), standard_of_ms(1_607 * S));
    let plain = waterfall(&all, None);
    assert_eq!(plain.iter().map(|s| s.amount).sum::<i128>(), standard_of_ms(1_607 * S));
    assert!(plain.iter().chain(&steps).all(|s| !s.zh.is_empty() && !s.en.is_empty()));
}

#[test]
fn the_limit_of_a_minor_stop_has_limits() {
    let rule = |minor_below_ms| StopRule { minor_below_ms, ..StopRule::default() };
    assert!(StopRule::default().is_allowed() && rule(599_999).is_allowed());
    assert!(!rule(1_000).is_allowed() && !rule(600_000).is_allowed());
}
