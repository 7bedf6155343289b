//! Sub-meters against the incoming meter of the site: never more together, a steady share, and steps that show in both.
//!
//! Constraints
//! 1. Exactly one machine is declared as a meter; with several nobody has said which measures what, and nothing is compared.
//! 2. Days are whole UTC days, so that a finding's key does not depend on the stretch examined. A register that is not whole
//!    over a day is left out: of the sum for "never more" (which holds for every part of the sub-meters), and the day for the share.
//! 3. Steps are compared where one machine steps and the others hardly do; readings are taken at the same instants.

use crate::credibility::energy::passed;
use crate::credibility::finding::{Finding, Need};
use crate::credibility::list::{Detector, Run, parameter};
use crate::credibility::scene::{Scene, Trace, percentile};
use crate::credibility::{both, no_signal, too_few};
use crate::decimal::fixed6;
use crate::exact::Rational;
use crate::interval::Interval;
use crate::model::MachineRole;
use crate::report::Words;

const DAY_MS: i64 = 86_400_000;
/// Sub-meters together may pass so much more than the main meter, percent: classes of the meters.
const ALLOWED_PERCENT: i128 = 3;
/// Comparable days for the share, at least.
const DAYS: usize = 5;
/// A comparable day has at least this part of the median day's energy, percent.
const DAY_PERCENT: i128 = 50;
/// The share may differ from its median by this part of it, percent.
const SHARE_PERCENT: i128 = 15;
/// Isolated steps, at least.
const STEPS: usize = 20;
/// A step is at least this part of the machine's 95th percentile of power, percent.
const STEP_PERCENT: i128 = 25;
/// All other sub-meters together step no more than this part of it, percent.
const OTHERS_PERCENT: i128 = 25;
/// The main meter shows at least this part of it, percent.
const SHOWN_PERCENT: i128 = 50;
/// In at least so many of a hundred steps.
const HITS_PERCENT: usize = 80;

/// More through the parts than through the whole.
pub(super) static EXCEED: Detector = Detector {
    id: "credibility.sub_meters_exceed@1",
    names: ["分表之和大于总表", "Sub-meters above the main meter"],
    compares: ["各分表与进线总表的日电量", "daily energy of sub-meters and of the incoming meter"],
    rule: "Σ sub > 103 % of main + 2 register units each, per whole UTC day",
    parameters: &[parameter("allowed", ALLOWED_PERCENT as i64, "%")],
    minimum: [
        "只申明了一块总表；总表和至少一块分表有示数完整的整日（UTC）。",
        "One declared main meter; a whole UTC day of it and of at least one sub-meter.",
    ],
    on_site: [
        "核对各分表是否都在该总表之后、变比是否正确、是否有分表重复计量。",
        "See that every sub-meter lies behind this main meter, that ratios are right, and that no circuit is measured twice.",
    ],
    need: Need::First,
    run: Run::Site(exceed),
};

/// The share of the parts is another than on other days.
pub(super) static SHARE: Detector = Detector {
    id: "credibility.sub_meters_share@1",
    names: ["分表占比突变", "Share of the sub-meters changes"],
    compares: ["分表合计占总表电量的比例", "share of the sub-meters in the main meter"],
    rule: "|share − median| > 15 % of the median, days with ≥ 50 % of the median energy",
    parameters: &[
        parameter("days_min", DAYS as i64, "1"),
        parameter("day_energy_min", DAY_PERCENT as i64, "%"),
        parameter("share_change_max", SHARE_PERCENT as i64, "%"),
    ],
    minimum: [
        "只申明了一块总表；全部分表示数完整的可比整日（UTC）不少于 5 天。",
        "One declared main meter; at least five comparable UTC days on which every sub-meter is whole.",
    ],
    on_site: [
        "了解该日是否有设备改接、停用、新增或旁路供电。",
        "Ask whether on that day equipment was moved to another supply, taken out of use, added, or fed past its meter.",
    ],
    need: Need::Routine,
    run: Run::Site(share),
};

/// Steps of a sub-meter that the main meter does not show.
pub(super) static STEPS_SHOWN: Detector = Detector {
    id: "credibility.meter_steps@1",
    names: ["分表功率阶跃未在总表出现", "Steps of a sub-meter absent from the main meter"],
    compares: ["分表与总表的功率阶跃", "power steps of a sub-meter and of the main meter"],
    rule: "of ≥ 20 isolated steps ≥ 25 % of P95, main shows ≥ 50 % the same way in < 80 %",
    parameters: &[
        parameter("steps_min", STEPS as i64, "1"),
        parameter("step_min", STEP_PERCENT as i64, "%"),
        parameter("others_max", OTHERS_PERCENT as i64, "%"),
        parameter("shown_min", SHOWN_PERCENT as i64, "%"),
        parameter("hits_min", HITS_PERCENT as i64, "%"),
    ],
    minimum: [
        "只申明了一块总表，总表和分表均有功率信号；单独发生的阶跃不少于 20 次。",
        "One declared main meter, power signals of both, and at least 20 steps that come alone.",
    ],
    on_site: [
        "核对该分表的安装位置和编号，抽一次启停同时观察分表与总表。",
        "Check where this sub-meter is installed and its number; watch both meters through one start and stop.",
    ],
    need: Need::First,
    run: Run::Site(steps_shown),
};

type PerMachine = Vec<(String, Result<Vec<Finding>, Words>)>;

/// The main meter and the machines behind it.
fn site<'s, 'a>(scenes: &'s [Scene<'a>], role: &str) -> Result<(&'s Scene<'a>, Vec<&'s Scene<'a>>), Words> {
    let mut mains = scenes.iter().filter(|s| s.definition.role == MachineRole::Meter);
    let main = match (mains.next(), mains.next()) {
        (Some(main), None) => main,
        (None, _) => return Err(both("没有申明总表", "no main meter is declared")),
        _ => {
            return Err(both(
                "申明了多块总表，未说明计量范围",
                "several main meters are declared, and not what each measures",
            ));
        }
    };
    if main.trace(role).is_none() {
        return Err(no_signal(if role == "power" { "有功功率" } else { "电能示数" }, role));
    }
    let parts: Vec<_> =
        scenes.iter().filter(|s| s.definition.role != MachineRole::Meter && s.trace(role).is_some()).collect();
    if parts.is_empty() {
        return Err(both("没有分表", "there is no sub-meter"));
    }
    Ok((main, parts))
}

fn main_id(scenes: &[Scene<'_>]) -> String {
    scenes.iter().find(|s| s.definition.role == MachineRole::Meter).map_or("*", Scene::machine).to_owned()
}

/// One whole day: the main meter and what is known of the parts, millionths of a kWh.
struct Day {
    window: Interval,
    main: i128,
    parts: i128,
    units: i128,
    known: usize,
}

fn days(main: &Scene<'_>, parts: &[&Scene<'_>]) -> Vec<Day> {
    let first = main.window.from_ms.div_euclid(DAY_MS) + i64::from(main.window.from_ms.rem_euclid(DAY_MS) != 0);
    let last = main.window.to_ms.div_euclid(DAY_MS);
    // Longer than ten years nobody examines at once.
    let whole = (first..last).take(4000).map(|d| Interval::new(d * DAY_MS, (d + 1) * DAY_MS));
    let day = |window: Interval| {
        let (energy, unit) = passed(main, window)?;
        let known: Vec<_> = parts.iter().filter_map(|p| passed(p, window)).collect();
        Some(Day {
            window,
            main: energy,
            parts: known.iter().fold(0, |sum: i128, k| sum.saturating_add(k.0)),
            units: known.iter().fold(unit, |sum, k| sum.saturating_add(k.1)),
            known: known.len(),
        })
    };
    whole.filter_map(day).filter(|d| d.known > 0).collect()
}

fn energies(finding: Finding, day: &Day) -> Finding {
    finding
        .with("总表电量", "main meter", fixed6(day.main), "kWh")
        .with("分表合计", "sub-meters together", fixed6(day.parts), "kWh")
        .with("参与合计的分表", "sub-meters in the sum", day.known, "1")
}

fn exceed(scenes: &[Scene<'_>]) -> PerMachine {
    let result = site(scenes, "energy").and_then(|(main, parts)| {
        let days = days(main, &parts);
        if days.is_empty() {
            return Err(too_few("示数完整的整日", "whole days", 0, 1));
        }
        let over = |d: &&Day| {
            d.parts
                > d.main
                    .saturating_add(d.main.saturating_abs() / 100 * ALLOWED_PERCENT)
                    .saturating_add(d.units.saturating_mul(2))
        };
        let tell = |d: &Day| {
            let says = both(
                "分表日电量之和大于总表日电量",
                "the sub-meters together passed more than the main meter that day",
            );
            let finding = Finding::of(&EXCEED, main, &[d.window], says);
            let finding = main.trace("energy").map(|t| finding.clone().shows(t, d.window)).unwrap_or(finding);
            energies(parts.iter().filter_map(|p| p.trace("energy")).fold(finding, Finding::names), d)
        };
        Ok(days.iter().filter(over).map(tell).collect())
    });
    vec![(main_id(scenes), result)]
}

fn share(scenes: &[Scene<'_>]) -> PerMachine {
    let result = site(scenes, "energy").and_then(|(main, parts)| {
        let all = days(main, &parts);
        let mut sizes: Vec<i128> = all.iter().filter(|d| d.known == parts.len()).map(|d| d.main).collect();
        sizes.sort_unstable();
        let median = percentile(&sizes, 50).unwrap_or(0);
        let comparable = |d: &&Day| {
            d.known == parts.len() && d.main > 0 && d.main.saturating_mul(100) >= median.saturating_mul(DAY_PERCENT)
        };
        let days: Vec<(&Day, Rational)> =
            all.iter().filter(comparable).filter_map(|d| Some((d, Rational::new(d.parts, d.main)?))).collect();
        if days.len() < DAYS {
            return Err(too_few("可比整日", "comparable days", days.len(), DAYS));
        }
        let mut shares: Vec<Rational> = days.iter().map(|d| d.1).collect();
        shares.sort();
        let usual = percentile(&shares, 50).unwrap_or(Rational::ZERO);
        let band = |percent: i128| Rational::new(percent, 100).and_then(|p| usual.times(p)).unwrap_or(usual);
        let (low, high) = (band(100 - SHARE_PERCENT), band(100 + SHARE_PERCENT));
        let tell = |(d, share): &(&Day, Rational)| {
            let says = both(
                format!("当日分表合计占总表 {}，其他日子的中位数为 {}", share.digits(3), usual.digits(3)),
                format!(
                    "the sub-meters are {} of the main meter that day; the median of days is {}",
                    share.digits(3),
                    usual.digits(3)
                ),
            );
            let finding = Finding::of(&SHARE, main, &[d.window], says);
            energies(parts.iter().filter_map(|p| p.trace("energy")).fold(finding, Finding::names), d)
        };
        Ok(days.iter().filter(|(_, s)| *s < low || *s > high).map(tell).collect())
    });
    vec![(main_id(scenes), result)]
}

fn steps_shown(scenes: &[Scene<'_>]) -> PerMachine {
    let (main, parts) = match site(scenes, "power") {
        Ok(found) => found,
        Err(reason) => return vec![(main_id(scenes), Err(reason))],
    };
    let Some(whole) = main.trace("power") else { return Vec::new() };
    parts
        .iter()
        .filter_map(|part| Some((*part, part.trace("power")?)))
        .map(|(scene, trace)| {
            let others: Vec<&Trace> =
                parts.iter().filter(|p| p.machine() != scene.machine()).filter_map(|p| p.trace("power")).collect();
            (scene.machine().to_owned(), compare(scene, trace, &others, whole))
        })
        .collect()
}

fn compare(scene: &Scene<'_>, trace: &Trace, others: &[&Trace], whole: &Trace) -> Result<Vec<Finding>, Words> {
    if trace.watts().is_none() || whole.watts().is_none() {
        return Err(both("功率的计量单位无法识别", "the unit of power is not known"));
    }
    let mut levels: Vec<i128> = trace.values().iter().map(|v| trace.milliwatts(*v)).collect();
    levels.sort_unstable();
    let least = percentile(&levels, 95).unwrap_or(0).saturating_mul(STEP_PERCENT) / 100;
    if least <= 0 {
        return Err(both("功率始终为零或为负", "power is never above zero"));
    }
    let moved = |t: &Trace, from: i64, to: i64| Some(t.milliwatts(t.at(to)?).saturating_sub(t.milliwatts(t.at(from)?)));
    let (mut steps, mut absent) = (0, Vec::new());
    for [a, b] in trace.steps() {
        let step = trace.milliwatts(b.1).saturating_sub(trace.milliwatts(a.1));
        if step.saturating_abs() < least {
            continue;
        }
        let rest =
            others.iter().try_fold(0, |sum: i128, o| Some(sum.saturating_add(moved(o, a.0, b.0)?.saturating_abs())));
        let (Some(rest), Some(shown)) = (rest, moved(whole, a.0, b.0)) else { continue };
        if rest.saturating_mul(100) > step.saturating_abs().saturating_mul(OTHERS_PERCENT) {
            continue;
        }
        steps += 1;
        let is_shown = (shown > 0) == (step > 0)
            && shown.saturating_abs().saturating_mul(100) >= step.saturating_abs().saturating_mul(SHOWN_PERCENT);
        if !is_shown {
            absent.push(Interval::new(a.0, b.0));
        }
    }
    if steps < STEPS {
        return Err(too_few("单独发生的功率阶跃", "steps that come alone", steps, STEPS));
    }
    let hits = steps - absent.len();
    if hits * 100 >= steps * HITS_PERCENT {
        return Ok(Vec::new());
    }
    let says = both(
        format!("该分表 {steps} 次单独的功率阶跃中，总表同向出现的有 {hits} 次"),
        format!("of {steps} steps of this sub-meter that came alone, the main meter shows {hits}"),
    );
    let edge = absent.first().copied().unwrap_or(scene.window);
    let windows = [&[scene.window][..], &absent].concat();
    Ok(vec![
        Finding::of(&STEPS_SHOWN, scene, &windows, says)
            .shows(trace, edge)
            .shows(whole, edge)
            .with("单独的阶跃", "steps that came alone", steps, "1")
            .with("总表同向出现", "shown by the main meter", hits, "1"),
    ])
}
