//! State against power: running without power, power without running, and whether the two move together.
//!
//! Constraints
//! 1. The machine is its own measure: levels come from its own readings in the piece, split by its observed state. A state that
//!    is derived from power is not compared with power.
//! 2. A run of readings counts only while they lie next to each other and the state was observed throughout.

use crate::credibility::finding::{Finding, Need};
use crate::credibility::list::{Detector, Parameter, Run, parameter};
use crate::credibility::scene::{Scene, Trace, percentile};
use crate::credibility::{both, no_signal, too_few};
use crate::interval::Interval;
use crate::report::Words;
use crate::state::MachineState;

/// Readings in RUN and outside it from which levels are taken.
const RUN_READINGS: usize = 100;
const REST_READINGS: usize = 30;
/// Running stands apart from standing when its lower quartile is so many times the upper quartile of standing.
const APART: i128 = 3;
/// Without that, no more than one in so many of the 95th percentile is no power.
const NOTHING_ONE_IN: i128 = 20;
/// A stretch must last so long, milliseconds.
const STRETCH_MS: i64 = 600_000;
/// Changes of state that are looked at, at least.
const CHANGES: usize = 30;
/// Percent of them in which power follows, at least.
const FOLLOWS_PERCENT: usize = 70;

const LEVELS: [Parameter; 5] = [
    parameter("run_readings_min", RUN_READINGS as i64, "1"),
    parameter("rest_readings_min", REST_READINGS as i64, "1"),
    parameter("run_over_rest_min", APART as i64, "1"),
    parameter("nothing_one_in", NOTHING_ONE_IN as i64, "1"),
    parameter("stretch_min", STRETCH_MS, "ms"),
];

/// RUN while hardly any power is drawn.
pub(super) static WITHOUT_POWER: Detector = Detector {
    id: "credibility.run_without_power@1",
    names: ["有运行状态而无功率", "Running without power"],
    compares: ["设备状态与有功功率", "state and active power"],
    rule: "RUN ≥ 10 min, every P < P25(RUN)/2 where P25(RUN) ≥ 3·P75(not RUN), else < P95/20",
    parameters: &LEVELS,
    minimum: [
        "须有独立于功率的状态信号和功率信号；运行状态下功率读数不少于 100 条。",
        "A state signal that is not derived from power, a power signal, at least 100 power readings in RUN.",
    ],
    on_site: [
        "核对电表或钳形互感器是否接在该设备的供电线路上，运行信号取自何处；查看该时段班组记录。",
        "See whether the meter or clamp is on this machine's supply and where the run signal is taken from; look at the crew's notes of that time.",
    ],
    need: Need::Soon,
    run: Run::Machine(without_power),
};

/// Power as in RUN while the state says otherwise.
pub(super) static WITHOUT_RUN: Detector = Detector {
    id: "credibility.power_without_run@1",
    names: ["有功率而无运行状态", "Power without running"],
    compares: ["有功功率与设备状态", "active power and state"],
    rule: "OFF, IDLE, WAIT, FAULT or MAINT ≥ 10 min, every P ≥ (P25(RUN) + P75(not RUN))/2, where P25(RUN) ≥ 3·P75(not RUN)",
    parameters: &LEVELS,
    minimum: [
        "须有独立于功率的状态信号和功率信号；运行状态读数不少于 100 条、非运行状态读数不少于 30 条，且二者功率分得开。",
        "A state signal that is not derived from power, a power signal, at least 100 readings in RUN and 30 outside it, and powers that stand apart.",
    ],
    on_site: [
        "核对状态信号是否覆盖全部运行方式（手动、试车、空运转），电表是否还接有其他用电设备。",
        "See whether the state signal covers every way of running (manual, trial, idle cycles) and whether the meter also feeds something else.",
    ],
    need: Need::Soon,
    run: Run::Machine(without_run),
};

/// Power does not follow the changes of state.
pub(super) static FOLLOWS: Detector = Detector {
    id: "credibility.state_power_steps@1",
    names: ["功率不随状态变化", "Power does not follow the state"],
    compares: ["状态切换时刻与功率升降", "changes of state and steps of power"],
    rule: "rises at RUN, falls at its end: in < 70 % of ≥ 30 changes, SETUP left out",
    parameters: &[parameter("changes_min", CHANGES as i64, "1"), parameter("follows_min", FOLLOWS_PERCENT as i64, "%")],
    minimum: [
        "须有计件信号（流程设备的某些阶段比待机更省电，不适用）、独立于功率的状态信号和功率信号；前后各稳定两个采集周期的切换不少于 30 次。",
        "A counter of pieces (phases of a process may draw less than standing), a state signal that is not derived from power, a power signal, and at least 30 changes into or out of RUN with two polling periods of quiet on both sides.",
    ],
    on_site: [
        "核对电表编号与设备的对应关系，抽一次启停现场比对功率与状态。",
        "Check which meter serves which machine; watch one start and stop and compare power with state.",
    ],
    need: Need::First,
    run: Run::Machine(follows),
};

/// Both signals, or why they cannot be compared.
fn power<'s>(scene: &'s Scene<'_>) -> Result<&'s Trace, Words> {
    let trace = scene.trace("power").ok_or_else(|| no_signal("有功功率", "active power"))?;
    if !scene.has_own_state() {
        return Err(both("没有独立于功率的状态信号", "no state signal that is independent of power"));
    }
    Ok(trace)
}

/// What the machine draws when it runs and when it does not.
struct Levels {
    run: usize,
    rest: usize,
    run_p25: i128,
    rest_p75: i128,
    p95: i128,
}

impl Levels {
    fn of(scene: &Scene<'_>, trace: &Trace) -> Self {
        let (mut run, mut rest, mut all) = (Vec::new(), Vec::new(), Vec::new());
        for (ms, stored) in trace.points() {
            let level = trace.level(stored);
            all.push(level);
            match scene.state_at(ms) {
                Some(MachineState::Run) => run.push(level),
                Some(_) => rest.push(level),
                None => {}
            }
        }
        for list in [&mut run, &mut rest, &mut all] {
            list.sort_unstable();
        }
        let quarter = |list: &[i128], percent| percentile(list, percent).unwrap_or(0);
        Self {
            run: run.len(),
            rest: rest.len(),
            run_p25: quarter(&run, 25),
            rest_p75: quarter(&rest, 75),
            p95: quarter(&all, 95),
        }
    }

    fn is_apart(&self) -> bool {
        let rest = self.rest_p75.max(0).saturating_mul(APART);
        self.rest >= REST_READINGS && self.run_p25 > 0 && self.run_p25 >= rest
    }

    fn enough(&self) -> Result<(), Words> {
        if self.run < RUN_READINGS {
            return Err(too_few("运行状态下的功率读数", "power readings in RUN", self.run, RUN_READINGS));
        }
        if self.p95 <= 0 {
            return Err(both("功率始终为零或为负", "power is never above zero"));
        }
        Ok(())
    }
}

/// Runs of readings that satisfy a condition, at least as long as a stretch must last.
fn stretches(trace: &Trace, holds: impl FnMut(i64, i64) -> bool) -> Vec<Interval> {
    let all = trace.runs(holds).into_iter().map(|r| trace.stretch(&r));
    all.filter(|s| s.length_ms() >= STRETCH_MS).collect()
}

fn without_power(scene: &Scene<'_>) -> Result<Vec<Finding>, Words> {
    let trace = power(scene)?;
    let levels = Levels::of(scene, trace);
    levels.enough()?;
    let limit = if levels.is_apart() { levels.run_p25 / 2 } else { levels.p95 / NOTHING_ONE_IN };
    let is_running = |ms: i64| scene.state_at(ms) == Some(MachineState::Run);
    let found = stretches(trace, |ms, v| is_running(ms) && trace.level(v) < limit);
    let unit = &trace.meaning.unit;
    Ok(found
        .into_iter()
        .filter(|s| scene.time_in(*s, |state| state != MachineState::Run) == 0)
        .map(|s| {
            let (minutes, limit) = (s.length_ms() / 60_000, trace.digits(limit, 3));
            let says = both(
                format!("连续 {minutes} 分钟状态为运行，有功功率始终低于 {limit} {unit}"),
                format!("for {minutes} minutes the state is RUN while active power stays below {limit} {unit}"),
            );
            state_signal(Finding::of(&WITHOUT_POWER, scene, &[s], says).shows(trace, s), scene)
                .with("运行时功率下四分位数", "lower quartile of power in RUN", trace.digits(levels.run_p25, 3), unit)
                .with("功率第 95 百分位数", "95th percentile of power", trace.digits(levels.p95, 3), unit)
                .with("时长", "length", s.length_ms(), "ms")
        })
        .collect())
}

fn without_run(scene: &Scene<'_>) -> Result<Vec<Finding>, Words> {
    let trace = power(scene)?;
    let levels = Levels::of(scene, trace);
    levels.enough()?;
    if !levels.is_apart() {
        return Err(both(
            "该设备运行与不运行时的功率分不开",
            "power in RUN and outside it does not stand apart on this machine",
        ));
    }
    let standing = |state| {
        use MachineState::{Fault, Idle, Maint, Off, Wait};
        matches!(state, Off | Idle | Wait | Fault | Maint)
    };
    let limit = levels.run_p25.saturating_add(levels.rest_p75) / 2;
    let found = stretches(trace, |ms, v| scene.state_at(ms).is_some_and(standing) && trace.level(v) >= limit);
    let unit = &trace.meaning.unit;
    Ok(found
        .into_iter()
        .filter(|s| scene.time_in(*s, |state| !standing(state)) == 0)
        .map(|s| {
            let (minutes, limit) = (s.length_ms() / 60_000, trace.digits(limit, 3));
            let says = both(
                format!("连续 {minutes} 分钟状态不是运行，有功功率始终不低于 {limit} {unit}"),
                format!(
                    "for {minutes} minutes the state is not RUN while active power stays at or above {limit} {unit}"
                ),
            );
            state_signal(Finding::of(&WITHOUT_RUN, scene, &[s], says).shows(trace, s), scene)
                .with(
                    "不运行时功率上四分位数",
                    "upper quartile of power outside RUN",
                    trace.digits(levels.rest_p75, 3),
                    unit,
                )
                .with("时长", "length", s.length_ms(), "ms")
        })
        .collect())
}

fn state_signal(finding: Finding, scene: &Scene<'_>) -> Finding {
    ["state", "run"].into_iter().filter_map(|role| scene.trace(role)).fold(finding, Finding::names)
}

fn follows(scene: &Scene<'_>) -> Result<Vec<Finding>, Words> {
    let trace = power(scene)?;
    if scene.counters().next().is_none() {
        return Err(both(
            "没有计件信号：流程设备的某些阶段可能比待机更省电",
            "no counter of pieces: phases of a process may draw less than standing",
        ));
    }
    let poll = trace.cadence.poll_ms;
    let state_poll = ["state", "run"].into_iter().filter_map(|r| scene.trace(r)).map(|t| t.cadence.poll_ms).max();
    let quiet = poll.max(state_poll.unwrap_or(poll)).saturating_mul(2);
    let observed: Vec<_> = scene.observed().collect();
    let (mut changes, mut against, mut first) = (0_usize, Vec::new(), None);
    for (before, after) in observed.iter().zip(observed.iter().skip(1)) {
        let touches = before.to_ms == after.from_ms;
        let into = after.state == MachineState::Run;
        let is_trial = [before.state, after.state].contains(&MachineState::Setup);
        if !touches
            || is_trial
            || into == (before.state == MachineState::Run)
            || before.length_ms() < quiet
            || after.length_ms() < quiet
        {
            continue;
        }
        let at = after.from_ms;
        let (Some(low), Some(high)) = (trace.at(at.saturating_sub(poll)), trace.at(at.saturating_add(poll))) else {
            continue;
        };
        changes += 1;
        first.get_or_insert(at);
        let rises = trace.level(high) > trace.level(low);
        let falls = trace.level(high) < trace.level(low);
        if !(if into { rises } else { falls }) {
            against.push(Interval::new(at.saturating_sub(poll), at.saturating_add(poll)));
        }
    }
    if changes < CHANGES {
        return Err(too_few("可比较的状态切换", "comparable changes of state", changes, CHANGES));
    }
    let followed = changes - against.len();
    if followed * 100 >= changes * FOLLOWS_PERCENT {
        return Ok(Vec::new());
    }
    let says = both(
        format!("{changes} 次运行状态切换中，功率相应升降的有 {followed} 次"),
        format!("of {changes} changes into or out of RUN, power rose or fell with {followed}"),
    );
    let edge = against.first().copied().unwrap_or(scene.window);
    let windows = [&[scene.window][..], &against].concat();
    let finding = Finding::of(&FOLLOWS, scene, &windows, says).shows(trace, edge);
    Ok(vec![state_signal(finding, scene).with("状态切换", "changes of state", changes, "1").with(
        "功率相应变化",
        "power followed",
        followed,
        "1",
    )])
}
