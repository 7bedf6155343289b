//! One shift of a machine, made the same way every time: a plan of states, counts that follow it, figures that follow both.

use crate::query::{CountStep, Duration, Figure, Interval, PlannedStop, ShiftKey, ShiftView};

use super::{DAY, DAY_SHIFT_MS, H, MIN, names, ratio};

pub(super) fn shift_key(index: i64, live_day: bool) -> ShiftKey {
    let day = if live_day { 0 } else { -DAY };
    if index == 0 {
        ShiftKey {
            date: if live_day { "2026-11-21" } else { "2026-11-20" }.into(),
            name: "day".into(),
            names: names("早班", "Day shift"),
            from_ms: DAY_SHIFT_MS + day,
            until_ms: DAY_SHIFT_MS + day + 8 * H,
        }
    } else {
        ShiftKey {
            date: if live_day { "2026-11-21" } else { "2026-11-20" }.into(),
            name: "late".into(),
            names: names("中班", "Late shift"),
            from_ms: DAY_SHIFT_MS + day + 8 * H,
            until_ms: DAY_SHIFT_MS + day + 16 * H,
        }
    }
}

/// A shift of a press with a changeover, a breakdown, micro-stops, a lunch break and one gap, cut at `end_ms`.
pub(super) fn shift(key: ShiftKey, end_ms: i64, seed: i64) -> ShiftView {
    let from = key.from_ms;
    let plan: [(i64, &str, &str, &str); 15] = [
        (0, "idle", "ADET", ""),
        (7 + seed, "run", "APT", ""),
        (71, "idle", "ADET", ""),
        (72, "run", "APT", ""),
        (118 + seed * 3, "setup", "AUST", ""),
        (149, "run", "APT", ""),
        (201, "fault", "ADET", ""),
        (229 + seed, "run", "APT", ""),
        (240, "idle", "PDOT", ""),
        (270, "run", "APT", ""),
        (322, "unknown", "UNK", "device_silent"),
        (333, "run", "APT", ""),
        (391, "wait", "ADET", ""),
        (404, "run", "APT", ""),
        (480, "", "", ""),
    ];
    let mut intervals = Vec::new();
    for pair in plan.windows(2) {
        let (a, b) = (from + pair[0].0 * MIN, (from + pair[1].0 * MIN).min(end_ms));
        if a < b {
            intervals.push(Interval {
                from_ms: a,
                until_ms: b,
                state: pair[0].1.into(),
                bucket: pair[0].2.into(),
                cause: pair[0].3.into(),
            });
        }
    }
    let mut counts = Vec::new();
    let mut good = 0;
    for i in intervals.iter().filter(|i| i.state == "run") {
        let mut at = i.from_ms + 3 * MIN;
        while at <= i.until_ms {
            good += 40;
            counts.push(CountStep { at_ms: at, good, reject: good / 60 });
            at += 3 * MIN;
        }
    }
    let sum = |get: fn(&Interval) -> &String| {
        let mut sums = std::collections::BTreeMap::<String, i64>::new();
        for i in &intervals {
            *sums.entry(get(i).clone()).or_default() += i.until_ms - i.from_ms;
        }
        sums.into_iter().map(|(name, ms)| Duration { name, ms }).collect::<Vec<_>>()
    };
    let buckets = sum(|i| &i.bucket);
    let of = |name: &str| buckets.iter().find(|b| b.name == name).map_or(0, |b| b.ms);
    let pbt = of("APT") + of("AUST") + of("ADET") + of("ADOT") + of("UNK");
    let (std_ms, good_ms) = ((good + good / 60) * 4_200, good * 4_200);
    ShiftView {
        closed: end_ms >= key.until_ms,
        evaluated_to_ms: end_ms.min(key.until_ms),
        prefix: 12_480,
        planned_stops: vec![PlannedStop {
            from_ms: from + 240 * MIN,
            until_ms: from + 270 * MIN,
            reason: "break".into(),
        }],
        states: sum(|i| &i.state),
        figures: figures(pbt, of("APT"), of("UNK"), std_ms, good_ms, good),
        intervals,
        counts,
        buckets,
        shift: key,
    }
}

fn figures(pbt: i64, apt: i64, unk: i64, std_ms: i64, good_ms: i64, good: i64) -> Vec<Figure> {
    let cover = ratio(pbt - unk, pbt);
    let figure = |metric: &str, unit: &str, value, low, high| Figure {
        metric: metric.into(),
        unit: unit.into(),
        value,
        low,
        high,
        undefined: None,
        coverage: cover,
        grade: if unk == 0 { "A" } else { "B" }.into(),
        flags: vec![],
    };
    let exact = |metric: &str, unit: &str, value| figure(metric, unit, value, value, value);
    let energy = 38_400 + good * 9;
    vec![
        Figure {
            flags: vec!["NO_ORDER_INFO".into()],
            ..figure("oee.iso22400@1", "ratio", ratio(good_ms, pbt), ratio(good_ms, pbt), ratio(good_ms + unk, pbt))
        },
        figure("availability.iso22400@1", "ratio", ratio(apt, pbt), ratio(apt, pbt), ratio(apt + unk, pbt)),
        exact("performance.iso22400@1", "ratio", ratio(std_ms, apt)),
        exact("quality.iso22400@1", "ratio", ratio(good_ms, std_ms)),
        exact("count.good@1", "piece", ratio(good, 1)),
        Figure {
            flags: vec!["MANUAL_QUALITY".into()],
            grade: "C".into(),
            ..exact("count.rejected@1", "piece", ratio(good / 60, 1))
        },
        exact("energy.active@1", "Wh", ratio(energy, 1)),
        exact("energy.per_good@1", "Wh/piece", ratio(energy, good.max(1))),
        exact("util.calendar@1", "ratio", ratio(apt, 8 * H)),
    ]
}
