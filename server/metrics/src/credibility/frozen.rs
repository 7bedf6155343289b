//! A value that stands still while the machine works.
//!
//! Constraints
//! 1. Whether a signal should vary is taken from itself: how often it changes between neighbouring readings while the machine
//!    is active. A stretch without change counts when by that measure it should have changed many times.
//! 2. What makes a machine active is another signal where there is one (state RUN, power drawn, counters); power that stands at a
//!    working level is active by itself.
//! 3. Only readings next to each other are walked: a reading taken away breaks a run, it never makes one.

use std::ops::Range;

use crate::credibility::finding::{Finding, Need};
use crate::credibility::list::{Detector, Run, parameter};
use crate::credibility::scene::{Scene, Trace, percentile};
use crate::credibility::{both, no_signal, too_few};
use crate::interval::Interval;
use crate::report::Words;
use crate::state::MachineState;

/// A stretch stands still for at least this long, milliseconds.
const STRETCH_MS: i64 = 1_800_000;
/// It should have changed at least so many times.
const EXPECTED: u64 = 40;
/// Active steps of the signal, at least.
const STEPS: u64 = 200;
/// Power is drawn above one in so many of its 95th percentile.
const DRAWN_ONE_IN: i128 = 10;

/// A signal stands still.
pub(super) static FROZEN: Detector = Detector {
    id: "credibility.frozen_value@1",
    names: ["数值长时间不变", "A value stands still"],
    compares: ["功率、电能示数、计数与同机其他信号", "power, energy and counters with the machine's other signals"],
    rule: "same value ≥ 30 min of neighbouring readings; active steps in it × share of active steps that change ≥ 40",
    parameters: &[
        parameter("stretch_min", STRETCH_MS, "ms"),
        parameter("expected_changes_min", EXPECTED as i64, "1"),
        parameter("active_steps_min", STEPS as i64, "1"),
        parameter("drawn_one_in", DRAWN_ONE_IN as i64, "1"),
    ],
    minimum: [
        "设备工作期间该信号的相邻读数不少于 200 对。",
        "At least 200 pairs of neighbouring readings of the signal while the machine is active.",
    ],
    on_site: [
        "查看仪表或控制器当时是否通信中断而保留末值、互感器是否脱落、信号是否被固定。",
        "See whether the instrument or controller held its last value through a lost connection, whether a clamp came off, or whether the signal was held fixed.",
    ],
    need: Need::Soon,
    run: Run::Machine(frozen),
};

fn frozen(scene: &Scene<'_>) -> Result<Vec<Finding>, Words> {
    let roles = ["power", "energy", "good", "total"];
    let traces: Vec<&Trace> = roles.into_iter().filter_map(|role| scene.trace(role)).collect();
    if traces.is_empty() {
        return Err(no_signal("功率、电能或计数", "power, energy or a counter"));
    }
    let drawn = scene.trace("power").map(|t| (t, working_level(t)));
    let mut most = 0;
    let mut out = Vec::new();
    for trace in traces {
        let mut still = Still::default();
        still.walk(trace, |from, to, value| is_active(scene, trace, drawn, from, to, value));
        most = most.max(still.active);
        if still.active >= STEPS {
            let expects = |steps: u64| steps.saturating_mul(still.changed) / still.active;
            let long = |(r, steps): &&(Range<usize>, u64)| {
                trace.stretch(r).length_ms() >= STRETCH_MS && expects(*steps) >= EXPECTED
            };
            out.extend(still.runs.iter().filter(long).map(|(r, n)| tell(scene, trace, r, *n, expects(*n))));
        }
    }
    if most < STEPS {
        let have = usize::try_from(most).unwrap_or(0);
        return Err(too_few("工作期间的相邻读数", "pairs of neighbouring readings while active", have, STEPS as usize));
    }
    out.sort_by_key(Finding::from_ms);
    Ok(out)
}

/// Above this the machine draws power, in levels of its trace.
fn working_level(trace: &Trace) -> i128 {
    let mut levels: Vec<i128> = trace.values().iter().map(|v| trace.level(*v)).collect();
    levels.sort_unstable();
    (percentile(&levels, 95).unwrap_or(0) / DRAWN_ONE_IN).max(1)
}

/// Whether the machine works over a step of a signal.
fn is_active(scene: &Scene<'_>, trace: &Trace, drawn: Option<(&Trace, i128)>, from: i64, to: i64, value: i64) -> bool {
    let runs = [from, to].into_iter().all(|ms| scene.state_at(ms) == Some(MachineState::Run));
    match (trace.role, drawn) {
        ("power", Some((_, level))) => trace.level(value) >= level,
        ("energy", Some((power, level))) => {
            [from, to].into_iter().all(|ms| power.at(ms).is_some_and(|v| power.level(v) >= level))
        }
        _ => runs,
    }
}

/// Steps of a signal: how many were active, how many of those changed, and the runs without change.
#[derive(Debug, Default)]
struct Still {
    active: u64,
    changed: u64,
    runs: Vec<(Range<usize>, u64)>,
}

impl Still {
    fn walk(&mut self, trace: &Trace, mut is_active: impl FnMut(i64, i64, i64) -> bool) {
        let mut last: Option<(usize, i64, i64)> = None;
        let mut open: Option<(usize, u64)> = None;
        for (i, (ms, value)) in trace.points().enumerate() {
            if let Some((before, before_ms, was)) = last {
                let is_next = ms.saturating_sub(before_ms) <= trace.cadence.fresh_ms;
                let active = is_next && is_active(before_ms, ms, was);
                self.active += u64::from(active);
                self.changed += u64::from(active && value != was);
                if is_next && value == was {
                    let run = open.get_or_insert((before, 0));
                    run.1 += u64::from(active);
                } else {
                    self.close(&mut open, before);
                }
            }
            last = Some((i, ms, value));
        }
        if let Some((i, ..)) = last {
            self.close(&mut open, i);
        }
    }

    fn close(&mut self, open: &mut Option<(usize, u64)>, last: usize) {
        if let Some((start, steps)) = open.take()
            && steps > 0
        {
            self.runs.push((start..last + 1, steps));
        }
    }
}

fn tell(scene: &Scene<'_>, trace: &Trace, run: &Range<usize>, steps: u64, expected: u64) -> Finding {
    let window: Interval = trace.stretch(run);
    let minutes = window.length_ms() / 60_000;
    let level = trace.values().get(run.start).map_or_else(String::new, |v| trace.digits(trace.level(*v), 3));
    let unit = &trace.meaning.unit;
    let says = both(
        format!("设备工作期间该信号连续 {minutes} 分钟保持 {level} {unit}；按其平时变化，其间应变化约 {expected} 次"),
        format!(
            "while the machine worked the signal stayed at {level} {unit} for {minutes} minutes; by its ordinary behaviour it would have changed about {expected} times"
        ),
    );
    Finding::of(&FROZEN, scene, &[window], says)
        .shows(trace, window)
        .with("相同读数", "equal readings", run.len(), "1")
        .with("其中设备工作的步数", "steps while active", steps, "1")
        .with("应有变化次数", "changes expected", expected, "1")
        .with("时长", "length", window.length_ms(), "ms")
}
