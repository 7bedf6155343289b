//! Gaps and results: gaps that begin after something went badly, and gaps of the unfavourable signal alone.
//!
//! Constraints
//! 1. A gap is what the readings show: two neighbours further apart than the stale time. Whether it was declared, planned or a
//!    power cut is told beside it, not decided here: a machine whose fault trips its supply is an ordinary explanation.
//! 2. The hour before each gap is compared with the other worked hours by Fisher's exact test, in whole numbers.

use crate::credibility::chance::fisher;
use crate::credibility::finding::{Finding, Need};
use crate::credibility::list::{Detector, Run, parameter};
use crate::credibility::scene::{Scene, Trace};
use crate::credibility::{both, no_signal, too_few};
use crate::interval::Interval;
use crate::report::Words;
use crate::state::MachineState;

/// The stretch before a gap that is judged, milliseconds.
const BEFORE_MS: i64 = 3_600_000;
/// Of it at least so much was observed, milliseconds.
const OBSERVED_MS: i64 = 1_800_000;
/// Fault for so long makes it bad, milliseconds.
const FAULT_MS: i64 = 600_000;
/// So does running less than this part of the observed time, percent.
const RUN_PERCENT: i64 = 25;
/// So do at least this many rejects at three times the usual share.
const REJECTS: i128 = 5;
const REJECTS_TIMES: i128 = 3;
/// Gaps after an observed hour, other worked hours, at least.
const GAPS: usize = 5;
const HOURS: usize = 24;
/// Most gaps that are counted.
const GAPS_MAX: usize = 500;
/// Most hours that are compared: more than ten years.
const HOURS_MAX: usize = 100_000;
/// Chance at most one in so many.
const ONE_IN: u128 = 10_000;
/// A silence of the reject counter is this long at least, milliseconds.
const SILENCE_MS: i64 = 600_000;
/// Together at least this long, milliseconds.
const SILENCES_MS: i64 = 1_800_000;

/// Gaps begin after bad hours.
pub(super) static AFTER_BAD: Detector = Detector {
    id: "credibility.gaps_after_bad@1",
    names: ["数据缺失多始于结果不佳之后", "Gaps begin after bad results"],
    compares: [
        "数据缺失的起点与此前一小时的故障、不良和运行时间",
        "beginnings of gaps and faults, rejects and running in the hour before",
    ],
    rule: "Fisher's exact test, one-sided: bad hours before gaps against other worked hours, p ≤ 10⁻⁴",
    parameters: &[
        parameter("before", BEFORE_MS, "ms"),
        parameter("observed_min", OBSERVED_MS, "ms"),
        parameter("fault_min", FAULT_MS, "ms"),
        parameter("run_below", RUN_PERCENT, "%"),
        parameter("rejects_min", REJECTS as i64, "1"),
        parameter("rejects_over_usual", REJECTS_TIMES as i64, "1"),
        parameter("gaps_min", GAPS as i64, "1"),
        parameter("hours_min", HOURS as i64, "1"),
        parameter("chance_one_in", ONE_IN as i64, "1"),
    ],
    minimum: [
        "须有独立于功率的状态信号；此前一小时有观测的缺失不少于 5 次，其他工作小时不少于 24 个。",
        "A state signal that is not derived from power; at least 5 gaps after an observed hour and 24 other worked hours.",
    ],
    on_site: [
        "查看网关和设备供电是否同路、故障处理时是否断电或拔线；比对停电和检修记录。",
        "See whether gateway and machine share a supply and whether repairs cut power or unplug a cable; compare with power-cut and repair notes.",
    ],
    need: Need::Soon,
    run: Run::Machine(after_bad),
};

/// Only the reject counter is silent.
pub(super) static REJECT_ONLY: Detector = Detector {
    id: "credibility.reject_silent@1",
    names: ["仅不良计数缺失", "Only the reject counter is silent"],
    compares: ["不良计数与合格计数的读数", "readings of the reject counter and of the good counter"],
    rule: "reject counter silent ≥ 10 min while the good or total counter is read and rises; Σ ≥ 30 min",
    parameters: &[parameter("silence_min", SILENCE_MS, "ms"), parameter("silences_min", SILENCES_MS, "ms")],
    minimum: ["须有不良计数信号，以及合格或总计数信号。", "A reject counter, and a counter of good or of all items."],
    on_site: [
        "核对不良计数的采集点位、线路和程序是否单独中断过。",
        "See whether the reject counter's point, cable or programme was interrupted on its own.",
    ],
    need: Need::Soon,
    run: Run::Machine(reject_only),
};

/// Silences of a signal longer than its stale time: from the last reading before to the first after.
fn silences(trace: &Trace, least_ms: i64) -> Vec<Interval> {
    let longer = trace.cadence.stale_ms.max(least_ms);
    let pairs = trace.times().iter().zip(trace.times().iter().skip(1));
    pairs.filter(|(a, b)| b.saturating_sub(**a) > longer).map(|(a, b)| Interval::new(*a, *b)).collect()
}

/// Judges hours of a machine.
struct Judge<'s> {
    scene: &'s Scene<'s>,
    rejects: Option<(&'s Trace, &'s Trace)>,
    /// Rejects and items over the whole piece.
    usual: (i128, i128),
}

impl<'s> Judge<'s> {
    fn new(scene: &'s Scene<'s>) -> Self {
        let rejects = scene.trace("reject").zip(scene.trace("good").or(scene.trace("total")));
        let all = |t: &Trace| risen(t, scene.window);
        let usual = rejects.map_or((0, 0), |(r, g)| (all(r), all(r).saturating_add(all(g))));
        Self { scene, rejects, usual }
    }

    /// Whether the hour before an instant was bad; `None` when it was not worked or hardly observed.
    fn is_bad(&self, at_ms: i64) -> Option<bool> {
        let hour = Interval::new(at_ms.saturating_sub(BEFORE_MS), at_ms);
        let time = |holds: fn(MachineState) -> bool| self.scene.time_in(hour, holds);
        let observed = time(|s| !matches!(s, MachineState::Unknown | MachineState::Off));
        if hour.from_ms < self.scene.window.from_ms || observed < OBSERVED_MS {
            return None;
        }
        let fault = time(|s| s == MachineState::Fault);
        let run = time(|s| s == MachineState::Run);
        let rejected = self.rejects.is_some_and(|(reject, good)| {
            let bad = risen(reject, hour);
            let all = bad.saturating_add(risen(good, hour));
            let (usual_bad, usual_all) = self.usual;
            bad >= REJECTS
                && bad.saturating_mul(usual_all) >= usual_bad.saturating_mul(all).saturating_mul(REJECTS_TIMES)
        });
        Some(fault >= FAULT_MS || run * 100 < observed * RUN_PERCENT || rejected)
    }
}

/// How far a counter rose inside a stretch, whatever it did in between.
fn risen(trace: &Trace, within: Interval) -> i128 {
    let inside = trace.indexes(within);
    let values = trace.values().get(inside).unwrap_or(&[]);
    values.iter().zip(values.iter().skip(1)).map(|(a, b)| (i128::from(*b) - i128::from(*a)).max(0)).sum()
}

fn after_bad(scene: &Scene<'_>) -> Result<Vec<Finding>, Words> {
    if !scene.has_own_state() {
        return Err(both("没有独立于功率的状态信号", "no state signal that is independent of power"));
    }
    let Some(trace) = ["state", "run"].into_iter().find_map(|role| scene.trace(role)) else {
        return Err(no_signal("状态", "the state"));
    };
    let judge = Judge::new(scene);
    let gaps = silences(trace, 0);
    let judged: Vec<(Interval, bool)> =
        gaps.iter().filter_map(|g| Some((*g, judge.is_bad(g.from_ms)?))).take(GAPS_MAX).collect();
    if judged.len() < GAPS {
        return Err(too_few("此前一小时有观测的缺失", "gaps after an observed hour", judged.len(), GAPS));
    }
    // The other hours: on the hour, and none with a gap that begins in it.
    let first = trace.times().first().map_or(0, |t| t.div_euclid(BEFORE_MS));
    let hours = first + 1..=trace.times().last().map_or(0, |t| t.div_euclid(BEFORE_MS));
    let begins = |hour: Interval| {
        let i = gaps.partition_point(|g| g.from_ms < hour.from_ms);
        gaps.get(i).is_some_and(|g| g.from_ms <= hour.to_ms)
    };
    let others: Vec<bool> = hours
        .take(HOURS_MAX)
        .map(|h| Interval::new((h - 1) * BEFORE_MS, h * BEFORE_MS))
        .filter(|h| !begins(*h))
        .filter_map(|h| judge.is_bad(h.to_ms))
        .collect();
    if others.len() < HOURS {
        return Err(too_few("其他工作小时", "other worked hours", others.len(), HOURS));
    }
    let bad_gaps: Vec<Interval> = judged.iter().filter(|(_, bad)| *bad).map(|(g, _)| *g).collect();
    let bad_hours = others.iter().filter(|bad| **bad).count();
    let [all, bad, cases, hit] =
        [judged.len() + others.len(), bad_gaps.len() + bad_hours, judged.len(), bad_gaps.len()].map(|n| n as u64);
    let Some(chance) = fisher(all, bad, cases, hit).filter(|c| c.is_at_most_one_in(ONE_IN)) else {
        return Ok(Vec::new());
    };
    let says = both(
        format!(
            "{cases} 次数据缺失中有 {hit} 次始于结果不佳的一小时之后；其他 {} 个工作小时中结果不佳的有 {bad_hours} 个",
            others.len()
        ),
        format!(
            "{hit} of {cases} gaps begin after a bad hour; of the {} other worked hours {bad_hours} were bad",
            others.len()
        ),
    );
    let edge = bad_gaps.first().copied().unwrap_or(scene.window);
    Ok(vec![
        Finding::of(&AFTER_BAD, scene, &bad_gaps, says)
            .shows(trace, edge)
            .with("缺失次数", "gaps", cases, "1")
            .with("其中此前一小时结果不佳", "of them after a bad hour", hit, "1")
            .with("其他工作小时", "other worked hours", others.len(), "1")
            .with("其中结果不佳", "of them bad", bad_hours, "1")
            .with("偶然出现的概率", "chance of this by accident", chance.digits(), "1"),
    ])
}

fn reject_only(scene: &Scene<'_>) -> Result<Vec<Finding>, Words> {
    let reject = scene.trace("reject").ok_or_else(|| no_signal("不良计数", "the reject counter"))?;
    let good = scene.trace("good").or(scene.trace("total"));
    let good = good.ok_or_else(|| no_signal("合格计数或总计数", "good or total counts"))?;
    let alone = |gap: &Interval| {
        let inside = Interval::new(gap.from_ms + 1, gap.to_ms - 1);
        let steps = good.times().get(good.indexes(inside)).unwrap_or(&[]);
        let poll = good.cadence.poll_ms.max(1);
        // Read at half of its own pace at least, and it rose.
        (steps.len() as i64).saturating_mul(poll).saturating_mul(2) >= gap.length_ms() && risen(good, *gap) > 0
    };
    let found: Vec<Interval> = silences(reject, SILENCE_MS).into_iter().filter(alone).collect();
    let total: i64 = found.iter().map(Interval::length_ms).sum();
    if total < SILENCES_MS {
        return Ok(Vec::new());
    }
    let (n, minutes) = (found.len(), total / 60_000);
    let says = both(
        format!("不良计数 {n} 次单独缺失，共 {minutes} 分钟，其间另一计数仍有读数且在增加"),
        format!(
            "the reject counter was silent alone {n} times, {minutes} minutes together, while the other counter was read and rose"
        ),
    );
    let edge = found.first().copied().unwrap_or(scene.window);
    Ok(vec![Finding::of(&REJECT_ONLY, scene, &found, says).shows(reject, edge).shows(good, edge).with(
        "缺失时长",
        "silent",
        total,
        "ms",
    )])
}
