//! Changes of state at the same moment of the day, day after day.
//!
//! Constraints
//! 1. A moment is as long as the state's polling period (at least a second). Shifts and breaks happen by the clock: a quarter of an hour around
//!    the edges of the declared calendar is not looked at.
//! 2. What is unlikely follows from how often the state changes at all, exactly; a machine that switches every few seconds
//!    meets itself every day, and nothing is found.

use std::collections::BTreeMap;

use crate::credibility::chance::same_place;
use crate::credibility::finding::{Finding, Need};
use crate::credibility::list::{Detector, Run, parameter};
use crate::credibility::scene::Scene;
use crate::credibility::{both, no_signal, too_few};
use crate::interval::Interval;
use crate::report::Words;
use crate::state::MachineState;

const DAY_MS: i64 = 86_400_000;
/// Days with changes, at least.
const DAYS: usize = 5;
/// Around the edges of the calendar, milliseconds.
const EDGE_MS: i64 = 900_000;
/// Bound of the chance: one in so many, over all moments and kinds of change.
const ONE_IN: u128 = 1_000_000;

/// The same moment every day.
pub(super) static SAME_MOMENT: Detector = Detector {
    id: "credibility.same_moment@1",
    names: ["状态每天在同一时刻切换", "State changes at the same moment every day"],
    compares: ["状态切换的时刻", "moments of changes of state"],
    rule: "one kind of change in one moment of the day on ≥ 5 days; slots·C(n,d)·(changes/(n·slots))^d ≤ 10⁻⁶",
    parameters: &[
        parameter("days_min", DAYS as i64, "1"),
        parameter("calendar_edge", EDGE_MS, "ms"),
        parameter("chance_one_in", ONE_IN as i64, "1"),
    ],
    minimum: [
        "须有独立于功率的状态信号；不少于 5 天有状态切换。",
        "A state signal that is not derived from power, and changes of state on at least 5 days.",
    ],
    on_site: [
        "了解该时刻是否有定时启停、自动程序或固定作息；若有，请在班次日历中填报。",
        "Ask whether a timer, an automatic programme or a fixed routine acts at that moment; if so, state it in the calendar.",
    ],
    need: Need::Routine,
    run: Run::Machine(same_moment),
};

fn same_moment(scene: &Scene<'_>) -> Result<Vec<Finding>, Words> {
    if !scene.has_own_state() {
        return Err(both("没有独立于功率的状态信号", "no state signal that is independent of power"));
    }
    let Some(trace) = ["state", "run"].into_iter().find_map(|role| scene.trace(role)) else {
        return Err(no_signal("状态", "the state"));
    };
    let slot_ms = trace.cadence.poll_ms.clamp(1000, DAY_MS);
    let slots = (DAY_MS / slot_ms).cast_unsigned();
    // Kind of change → moment of the day → one instant per day.
    let mut kinds: BTreeMap<(MachineState, MachineState), BTreeMap<i64, BTreeMap<i64, i64>>> = BTreeMap::new();
    let mut days: BTreeMap<i64, u64> = BTreeMap::new();
    let observed: Vec<_> = scene.observed().collect();
    for (before, after) in observed.iter().zip(observed.iter().skip(1)) {
        let at = after.from_ms;
        if before.to_ms != at || before.state == after.state || is_near_edge(&scene.edges, at) {
            continue;
        }
        let day = at.div_euclid(DAY_MS);
        *days.entry(day).or_default() += 1;
        let moments = kinds.entry((before.state, after.state)).or_default();
        moments.entry(at.rem_euclid(DAY_MS) / slot_ms).or_default().entry(day).or_insert(at);
    }
    if days.len() < DAYS {
        return Err(too_few("有状态切换的天数", "days with changes of state", days.len(), DAYS));
    }
    let all_days = days.len() as u64;
    let mut out = Vec::new();
    for ((from, to), moments) in &kinds {
        let hits: u64 = moments.values().map(|d| d.len() as u64).sum();
        for instants in moments.values().filter(|d| d.len() >= DAYS) {
            let chance = same_place(slots, all_days, instants.len() as u64, hits);
            if !chance.is_at_most_one_in(ONE_IN * kinds.len() as u128) {
                continue;
            }
            let n = instants.len();
            let says = both(
                format!("{all_days} 天中有 {n} 天，状态在同一时刻由{}变为{}", from.zh(), to.zh()),
                format!(
                    "on {n} of {all_days} days the state changed from {} to {} at the same moment of the day",
                    from.name(),
                    to.name()
                ),
            );
            let windows: Vec<Interval> =
                instants.values().map(|at| Interval::new(*at, at.saturating_add(slot_ms))).collect();
            let edge = windows.first().copied().unwrap_or(scene.window);
            out.push(
                Finding::of(&SAME_MOMENT, scene, &windows, says)
                    .shows(trace, edge)
                    .with("天数", "days", n, "1")
                    .with("时刻的长度", "length of a moment", slot_ms, "ms")
                    .with("偶然出现的概率上限", "bound of the chance of this by accident", chance.digits(), "1"),
            );
        }
    }
    out.sort_by_key(Finding::from_ms);
    Ok(out)
}

fn is_near_edge(edges: &[i64], at: i64) -> bool {
    let i = edges.partition_point(|e| *e < at.saturating_sub(EDGE_MS));
    edges.get(i).is_some_and(|e| *e <= at.saturating_add(EDGE_MS))
}
