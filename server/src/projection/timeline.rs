//! Evaluated shifts as ribbons: intervals with their bucket and cause, planned stops, and the thin line of counts.
//!
//! Constraints: intervals tile the evaluated window; an interval is cut where a planned stop or a stretch without an order
//! begins or ends, so that it lies in one bucket (reference §6.4); the count line follows the same register rule as the
//! counts, and is thinned only where nobody could see the difference.

use metrics::counter::Step;
use metrics::history::{History, PlacedGap};
use metrics::interval::{overlap_ms, union};
use metrics::model::SignalRef;
use metrics::shift::{Evaluated, register_rule};
use metrics::{Interval, MachineState};

use crate::query::{self, COUNT_STEPS_MAX, CountStep};

/// The ribbon of an evaluated shift.
pub(super) fn intervals(evaluated: &Evaluated, gaps: &[PlacedGap]) -> Vec<query::Interval> {
    let mut edges: Vec<i64> =
        evaluated.stops.iter().chain(&evaluated.no_order).flat_map(|i| [i.from_ms, i.to_ms]).collect();
    edges.extend(gaps.iter().flat_map(|gap| [gap.interval.from_ms, gap.interval.to_ms]));
    edges.sort_unstable();
    edges.dedup();
    let no_order = union(evaluated.no_order.clone());
    let mut out: Vec<query::Interval> = Vec::new();
    for state in &evaluated.states {
        let mut from_ms = state.from_ms;
        let inside = edges.iter().copied().filter(|edge| state.from_ms < *edge && *edge < state.to_ms);
        for until_ms in inside.chain([state.to_ms]) {
            let piece = [Interval::new(from_ms, until_ms)];
            let bucket = bucket(state.state, &piece, &evaluated.stops, &no_order);
            let cause = if state.state == MachineState::Unknown { cause(piece[0], gaps) } else { "" };
            push(
                &mut out,
                query::Interval {
                    from_ms,
                    until_ms,
                    state: state.state.name().to_owned(),
                    bucket: bucket.to_owned(),
                    cause: cause.to_owned(),
                },
            );
            from_ms = until_ms;
        }
    }
    out
}

/// Merges equal neighbours.
fn push(out: &mut Vec<query::Interval>, next: query::Interval) {
    match out.last_mut() {
        Some(last)
            if last.until_ms == next.from_ms
                && last.state == next.state
                && last.bucket == next.bucket
                && last.cause == next.cause =>
        {
            last.until_ms = next.until_ms;
        }
        _ => out.push(next),
    }
}

/// The bucket of a piece that lies wholly inside or outside of stops and orderless stretches.
fn bucket(state: MachineState, piece: &[Interval; 1], stops: &[Interval], no_order: &[Interval]) -> &'static str {
    let within = |set: &[Interval]| overlap_ms(piece, set) > 0;
    match state {
        MachineState::Run => "APT",
        _ if within(stops) => "PDOT",
        MachineState::Unknown => "UNK",
        MachineState::Setup => "AUST",
        _ if within(no_order) => "ADOT",
        _ => "ADET",
    }
}

/// The recorded cause that covers a piece, or why there is none: nobody delivered anything.
fn cause(piece: Interval, gaps: &[PlacedGap]) -> &'static str {
    let covering = gaps.iter().filter(|gap| !gap.interval.intersect(&piece).is_empty());
    covering.max_by_key(|gap| gap.interval.intersect(&piece).length_ms()).map_or("no_data", |gap| gap.cause)
}

/// Running totals of good and rejected units since the start of the window, each stretch read as the machine is defined then.
pub(super) fn counts(history: &History, machine: &str, window: Interval) -> Vec<CountStep> {
    let statements = history.statements();
    let begins = statements.machine_definitions(machine).iter().map(|definition| definition.effective_from);
    let inside = begins.filter(|at| window.from_ms < *at && *at < window.to_ms);
    let edges: Vec<i64> = [window.from_ms].into_iter().chain(inside).chain([window.to_ms]).collect();
    let (mut good, mut reject) = (Vec::new(), Vec::new());
    for edge in edges.windows(2) {
        let [from_ms, to_ms] = *edge else { continue };
        let piece = Interval::new(from_ms, to_ms);
        let Some(definition) = statements.machine_at(machine, from_ms) else { continue };
        let fastest_us = statements.cycle_times_at(machine, from_ms).map(|time| time.body.item_us).min();
        let signals = &definition.body.signals;
        for (signal, line) in [(&signals.good, &mut good), (&signals.reject, &mut reject)] {
            let Some(signal) = signal else { continue };
            let before = line.last().map_or(0, |step: &(i64, i64)| step.1);
            let steps = running(history, signal, piece, fastest_us);
            line.extend(steps.into_iter().map(|(ms, count)| (ms, before.saturating_add(count))));
        }
    }
    merge(&good, &reject)
}

/// One counter's running total at each of its changes.
fn running(history: &History, signal: &SignalRef, window: Interval, fastest_us: Option<i64>) -> Vec<(i64, i64)> {
    let reach = Interval::new(window.from_ms.saturating_sub(EDGE_MS), window.to_ms.saturating_add(EDGE_MS));
    let series = history.series(&signal.gateway, &signal.tag, reach);
    let Some((range, meaning)) = series.alike(reach, 0) else { return Vec::new() };
    let rule = register_rule(signal, meaning, fastest_us);
    let mut out = Vec::new();
    let (mut total, mut before): (i64, Option<(i64, i64)>) = (0, None);
    for (ms, value) in series.samples(range) {
        if let Some((was_ms, was)) = before.filter(|(was_ms, _)| ms > window.from_ms && *was_ms < window.to_ms) {
            let amount = match rule.step(was, value, ms - was_ms) {
                Step::Forward(amount) | Step::Rollover(amount) | Step::Reset(amount) => amount,
                Step::Excess => 0,
            };
            // A step over an edge of the window is divided in a straight line and rounded down, as counts are.
            let until = |edge_ms: i64| {
                let part = i128::from(amount) * i128::from((edge_ms - was_ms).clamp(0, ms - was_ms));
                i64::try_from(part / i128::from((ms - was_ms).max(1))).unwrap_or(i64::MAX)
            };
            let inside = until(window.to_ms.min(ms)) - until(window.from_ms.max(was_ms));
            if inside > 0 {
                total = total.saturating_add(inside);
                out.push((ms.min(window.to_ms), scale(total, meaning.num, meaning.den)));
            }
        }
        before = Some((ms, value));
    }
    out
}

fn scale(stored: i64, num: i64, den: i128) -> i64 {
    i64::try_from(i128::from(stored) * i128::from(num) / den.max(1)).unwrap_or(i64::MAX)
}

/// Two step lines on one axis of time, thinned.
fn merge(good: &[(i64, i64)], reject: &[(i64, i64)]) -> Vec<CountStep> {
    let mut times: Vec<i64> = good.iter().chain(reject).map(|step| step.0).collect();
    times.sort_unstable();
    times.dedup();
    let stride = times.len().div_ceil(COUNT_STEPS_MAX).max(1);
    let at = |line: &[(i64, i64)], ms: i64| {
        line.partition_point(|step| step.0 <= ms)
            .checked_sub(1)
            .and_then(|place| line.get(place))
            .map_or(0, |step| step.1)
    };
    let last = times.len().saturating_sub(1);
    let kept = times.iter().enumerate().filter(|(place, _)| place % stride == 0 || *place == last);
    kept.map(|(_, ms)| CountStep { at_ms: *ms, good: at(good, *ms), reject: at(reject, *ms) }).collect()
}

/// How far beyond the window the count line looks for a neighbouring reading.
const EDGE_MS: i64 = 600_000;

#[cfg(test)]
mod tests {
    use metrics::StateInterval;

    use super::*;

    #[test]
    fn an_interval_is_cut_at_stops_orders_and_gaps_and_named_by_its_bucket() {
        let state = |from_ms, to_ms, state| StateInterval { from_ms, to_ms, state, held: false };
        let evaluated = Evaluated {
            states: vec![
                state(0, 100, MachineState::Run),
                state(100, 200, MachineState::Idle),
                state(200, 300, MachineState::Unknown),
            ],
            stops: vec![Interval::new(50, 150)],
            no_order: vec![Interval::new(180, 250)],
            ..Evaluated::default()
        };
        let gap = PlacedGap {
            gateway: "gw-1".into(),
            tag: None,
            interval: Interval::new(210, 300),
            cause: "device_silent",
            leaf: 1,
        };
        let ribbon = intervals(&evaluated, &[gap]);
        let short: Vec<(i64, i64, &str, &str, &str)> = ribbon
            .iter()
            .map(|i| (i.from_ms, i.until_ms, i.state.as_str(), i.bucket.as_str(), i.cause.as_str()))
            .collect();
        assert_eq!(
            short,
            [
                (0, 100, "run", "APT", ""),
                (100, 150, "idle", "PDOT", ""),
                (150, 180, "idle", "ADET", ""),
                (180, 200, "idle", "ADOT", ""),
                (200, 210, "unknown", "UNK", "no_data"),
                (210, 300, "unknown", "UNK", "device_silent"),
            ]
        );
        let total: i64 = ribbon.iter().map(|i| i.until_ms - i.from_ms).sum();
        assert_eq!(total, 300, "tiles the window");
    }

    #[test]
    fn the_count_line_keeps_its_first_and_last_step_when_thinned() {
        let good: Vec<(i64, i64)> = (1..=1000).map(|n| (n * 10, n)).collect();
        let line = merge(&good, &[(15, 1), (9_995, 2)]);
        assert!(line.len() <= COUNT_STEPS_MAX + 1, "{}", line.len());
        assert_eq!(line.first(), Some(&CountStep { at_ms: 10, good: 1, reject: 0 }));
        assert_eq!(line.last(), Some(&CountStep { at_ms: 10_000, good: 1000, reject: 2 }));
    }
}
