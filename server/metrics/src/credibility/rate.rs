//! Counters against what is physically possible: faster than the machine can, or counting while it is off.
//!
//! Constraints: only forward differences between readings next to each other are looked at; wraps and resets are no business
//! of these checks. The limit is what people declared (or, where nobody did, the gateway's configuration), with an allowance.

use crate::column::Meaning;
use crate::credibility::finding::{Finding, Need};
use crate::credibility::list::{Detector, Run, parameter};
use crate::credibility::scene::{Scene, Trace};
use crate::credibility::{both, no_signal, too_few};
use crate::exact::Rational;
use crate::interval::Interval;
use crate::report::Words;
use crate::state::MachineState;

/// Counts are compared over at least this long, milliseconds.
const SPAN_MS: i64 = 300_000;
/// The planned rate is exceeded when it is exceeded by half.
const ALLOWED_PERCENT: i128 = 150;
/// Comparable spans, at least.
const SPANS: usize = 12;
/// Cycles counted during one OFF stretch, at least.
const OFF_CYCLES: i64 = 3;
/// Observed OFF with counter readings, at least, milliseconds.
const OFF_MS: i64 = 1_800_000;

/// A counter faster than the machine.
pub(super) static ABOVE: Detector = Detector {
    id: "credibility.rate_above_maximum@1",
    names: ["计数速率超过物理上限", "Counting faster than possible"],
    compares: ["计件速率与计划节拍或申明的最大速率", "counting rate and planned cycle or declared maximum"],
    rule: "(count − 1) / t > min(150 % of the fastest planned rate, max_per_hour) over t ≥ 5 min",
    parameters: &[
        parameter("span_min", SPAN_MS, "ms"),
        parameter("planned_rate_max", ALLOWED_PERCENT as i64, "%"),
        parameter("spans_min", SPANS as i64, "1"),
    ],
    minimum: [
        "须有计数信号，且有计划节拍或最大速率；可比较时段不少于 12 个。",
        "A counter, a planned cycle time or a declared maximum, and at least 12 comparable spans.",
    ],
    on_site: [
        "现场数一段实际产出；核对计数信号一次动作代表几件、节拍填报是否过时。",
        "Count output on site for a while; check how many items one pulse stands for and whether the declared cycle is still right.",
    ],
    need: Need::Soon,
    run: Run::Machine(above),
};

/// A counter that moves while the machine is off.
pub(super) static WHILE_OFF: Detector = Detector {
    id: "credibility.count_while_off@1",
    names: ["关机状态下计数增加", "Counting while off"],
    compares: ["计件与设备状态", "counters and state"],
    rule: "Σ counts inside one observed OFF stretch ≥ 3",
    parameters: &[parameter("counts_min", OFF_CYCLES, "1"), parameter("off_min", OFF_MS, "ms")],
    minimum: [
        "须有计数信号和状态信号；观测到的关机时间不少于 30 分钟。",
        "A counter and a state signal, and at least 30 minutes observed as OFF.",
    ],
    on_site: [
        "核对关机信号的含义，以及计数器是否可在设备停机时由人工或其他程序改写。",
        "Check what the OFF signal means and whether the counter can be changed by hand or another programme while the machine stands.",
    ],
    need: Need::Soon,
    run: Run::Machine(while_off),
};

/// The greatest rate that is believed, in stored units per hour.
fn limit(scene: &Scene<'_>, trace: &Trace) -> Option<Rational> {
    let statements = scene.history.statements();
    let cycles = statements.cycle_times_at(scene.machine(), scene.window.from_ms);
    let fastest = cycles.map(|c| i128::from(c.body.item_us) * i128::from(c.body.items_per_cycle)).min();
    let Meaning { num, den, unit_per_raw, .. } = trace.meaning;
    // Cycles per hour → stored units: cycle = stored × num / den.
    let planned = fastest.and_then(|us| {
        let cycles = Rational::new(3_600_000_000 * ALLOWED_PERCENT, us.max(1).checked_mul(100)?)?;
        cycles.times(Rational::new(den, i128::from(num).abs().max(1))?)
    });
    let declared = trace.signal.max_per_hour.map(|m| m.saturating_mul(unit_per_raw)).or(trace.meaning.max_per_hour);
    let declared = declared.map(|m| Rational::integer(m.into()));
    [planned, declared].into_iter().flatten().min()
}

fn above(scene: &Scene<'_>) -> Result<Vec<Finding>, Words> {
    let mut out = Vec::new();
    let (mut counters, mut limited, mut compared) = (0, 0, 0);
    for trace in scene.counters() {
        counters += 1;
        let Some(limit) = limit(scene, trace) else { continue };
        limited += 1;
        let (spans, fast) = fast_spans(trace, limit);
        compared += spans;
        out.extend(fast.into_iter().map(|(window, counted)| tell_fast(scene, trace, window, counted, limit)));
    }
    match (counters, limited, compared) {
        (0, ..) => Err(no_signal("计数", "a counter")),
        (_, 0, _) => Err(both("没有填报计划节拍或最大速率", "neither a planned cycle time nor a maximum is declared")),
        (.., n) if n < SPANS => Err(too_few("可比较时段", "comparable spans", n, SPANS)),
        _ => Ok(out),
    }
}

/// Spans compared, and those that were too fast, touching ones joined, with what was counted.
fn fast_spans(trace: &Trace, limit: Rational) -> (usize, Vec<(Interval, i64)>) {
    let span_ms = SPAN_MS.max(trace.cadence.poll_ms.saturating_mul(3));
    let (mut spans, mut fast): (usize, Vec<(Interval, i64)>) = (0, Vec::new());
    let mut open: Option<(i64, i64, i64)> = None;
    for [a, b] in trace.steps() {
        let rise = b.1.checked_sub(a.1).filter(|d| *d >= 0);
        let Some(rise) = rise else {
            open = None;
            continue;
        };
        let (from, _, counted) = open.filter(|o| o.1 == a.0).unwrap_or((a.0, a.0, 0));
        let counted = counted.saturating_add(rise);
        open = Some((from, b.0, counted));
        let length = b.0.saturating_sub(from);
        if length < span_ms {
            continue;
        }
        open = None;
        spans += 1;
        let allowed = Rational::new(i128::from(counted - 1) * 3_600_000, length.into());
        if counted > 1 && allowed.is_some_and(|rate| rate > limit) {
            match fast.last_mut() {
                Some((window, sum)) if window.to_ms == from => {
                    (window.to_ms, *sum) = (b.0, sum.saturating_add(counted))
                }
                _ => fast.push((Interval::new(from, b.0), counted)),
            }
        }
    }
    (spans, fast)
}

fn tell_fast(scene: &Scene<'_>, trace: &Trace, window: Interval, counted: i64, limit: Rational) -> Finding {
    let minutes = window.length_ms() / 60_000;
    let rate = Rational::new(i128::from(counted) * 3_600_000, window.length_ms().max(1).into());
    let rate = rate.map_or_else(String::new, |r| r.digits(1));
    let says = both(
        format!("{minutes} 分钟内计数增加 {counted}，折合每小时 {rate}，上限为每小时 {}", limit.digits(1)),
        format!(
            "in {minutes} minutes the counter rose by {counted}, {rate} per hour; the limit is {} per hour",
            limit.digits(1)
        ),
    );
    Finding::of(&ABOVE, scene, &[window], says)
        .shows(trace, window)
        .with("计数", "counted", counted, "1")
        .with("时长", "length", window.length_ms(), "ms")
        .with("速率", "rate", rate, "1/h")
        .with("上限", "limit", limit.digits(3), "1/h")
}

fn while_off(scene: &Scene<'_>) -> Result<Vec<Finding>, Words> {
    if scene.counters().next().is_none() {
        return Err(no_signal("计数", "a counter"));
    }
    if !scene.has_own_state() {
        return Err(both("没有独立于功率的状态信号", "no state signal that is independent of power"));
    }
    let off: Vec<Interval> =
        scene.observed().filter(|s| s.state == MachineState::Off).map(|s| Interval::new(s.from_ms, s.to_ms)).collect();
    let seen: i64 = off.iter().map(Interval::length_ms).sum();
    if seen < OFF_MS {
        let minutes = |ms: i64| usize::try_from(ms / 60_000).unwrap_or(0);
        return Err(too_few("观测到的关机分钟数", "minutes observed as OFF", minutes(seen), minutes(OFF_MS)));
    }
    let mut out = Vec::new();
    for trace in scene.counters() {
        let mut steps = trace.steps().peekable();
        for stretch in &off {
            while steps.next_if(|[a, _]| a.0 < stretch.from_ms).is_some() {}
            let mut counted = 0_i64;
            while let Some([a, b]) = steps.next_if(|[_, b]| b.0 < stretch.to_ms) {
                counted = counted.saturating_add(b.1.saturating_sub(a.1).max(0));
            }
            let cycles = trace.level(counted) / trace.meaning.den.max(1);
            if cycles >= OFF_CYCLES.into() {
                let says = both(
                    format!("状态为关机期间计数增加 {cycles}"),
                    format!("the counter rose by {cycles} while the state was OFF"),
                );
                out.push(
                    Finding::of(&WHILE_OFF, scene, &[*stretch], says)
                        .shows(trace, *stretch)
                        .with("计数", "counted", cycles, "1"),
                );
            }
        }
    }
    out.sort_by_key(Finding::from_ms);
    Ok(out)
}
