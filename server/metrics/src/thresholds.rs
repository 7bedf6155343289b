//! `thresholds suggest`: power bands for a machine known only by a clamp, proposed from recorded power, with reasons.
//!
//! Constraints
//! 1. A suggestion, never a decision: nothing uses it until a person declares it, after comparing it with confirmed periods of
//!    RUN and IDLE. States from power are grade B at best (reference §6.3).
//! 2. Integers only and no sampling: the same readings give the same suggestion. Bins widen with power (eight per octave), so
//!    that idle at 300 W and running at 10 kW are both seen.
//! 3. Classes are found by the greatest variance between them (Otsu, two and three classes). They count as modes only if each
//!    holds a fiftieth of the readings and the valley between neighbours is at most half of the lower peak; otherwise nothing
//!    is suggested and the reason is given.

use crate::model::PowerRule;
use crate::state::MachineState;

/// Fewest readings for a suggestion.
pub const READINGS_MIN: usize = 500;
/// Recorded time below which a suggestion carries a caution, milliseconds: one day.
pub const SPAN_MIN_MS: i64 = 86_400_000;
/// A mode holds at least one in so many readings.
const SHARE_MIN: u64 = 50;

/// Text in Chinese and English.
pub type Sentence = (String, String);

/// A bin of the histogram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bin {
    /// Least power inside, watts.
    pub from_w: i64,
    /// Least power of the next bin, watts.
    pub to_w: i64,
    /// Readings.
    pub count: u64,
}

/// A mode of the recorded power.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mode {
    /// What it is taken for.
    pub state: MachineState,
    /// Median, watts.
    pub median_w: i64,
    /// 5th and 95th percentile, watts.
    pub range_w: (i64, i64),
    /// Readings.
    pub count: u64,
}

/// What is suggested, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suggestion {
    /// The rule to declare, if a person agrees.
    pub rule: PowerRule,
    /// Modes from low to high.
    pub modes: Vec<Mode>,
    /// The histogram they were read from.
    pub histogram: Vec<Bin>,
    /// Why these thresholds.
    pub reasons: Vec<Sentence>,
    /// What to check first.
    pub cautions: Vec<Sentence>,
}

/// Why nothing is suggested.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoSuggestion {
    /// The histogram, for a person to look at.
    pub histogram: Vec<Bin>,
    /// Why.
    pub reason: Sentence,
}

/// The bins of a recording.
struct Scale {
    /// Watts per unit of the bins.
    unit: i64,
}

impl Scale {
    /// Units of about a five-hundredth of the greatest ordinary power.
    fn new(sorted: &[i64]) -> Self {
        let high = sorted.get(sorted.len().saturating_sub(1) * 99 / 100).copied().unwrap_or(0);
        Self { unit: (high / 512).max(1) }
    }

    fn index(&self, watts: i64) -> usize {
        let v = (watts.max(0) / self.unit) as u64;
        if v < 8 {
            return v as usize;
        }
        let octave = 63 - v.leading_zeros() as usize;
        8 * (octave - 2) + (v >> (octave - 3) & 7) as usize
    }

    /// Least power of a bin, watts.
    fn least_w(&self, index: usize) -> i64 {
        let units = if index < 8 { index as u64 } else { (8 + index as u64 % 8) << (index / 8 - 1) };
        i64::try_from(units).unwrap_or(i64::MAX).saturating_mul(self.unit)
    }
}

/// Suggests bands from (time, watts) readings in order of time; `poll_ms` is the polling period.
///
/// # Errors
/// Too few readings, or no two modes that stand apart: the histogram comes back with the reason.
pub fn suggest(readings: &[(i64, i64)], poll_ms: i64) -> Result<Suggestion, Box<NoSuggestion>> {
    let mut watts: Vec<i64> = readings.iter().map(|r| r.1).collect();
    watts.sort_unstable();
    let scale = Scale::new(&watts);
    let bins = watts.last().map_or(0, |top| scale.index(*top) + 1);
    let mut counts = vec![0_u64; bins];
    for w in &watts {
        if let Some(count) = counts.get_mut(scale.index(*w)) {
            *count += 1;
        }
    }
    let bin = |(i, count): (usize, &u64)| Bin { from_w: scale.least_w(i), to_w: scale.least_w(i + 1), count: *count };
    let histogram: Vec<Bin> = counts.iter().enumerate().map(bin).collect();
    let refuse = |histogram: &[Bin], zh: String, en: String| {
        Err(Box::new(NoSuggestion { histogram: histogram.to_vec(), reason: (zh, en) }))
    };
    if watts.len() < READINGS_MIN {
        let (have, need) = (watts.len(), READINGS_MIN);
        return refuse(
            &histogram,
            format!("只有 {have} 条读数，至少需要 {need} 条"),
            format!("only {have} readings; at least {need} are needed"),
        );
    }
    let cuts = [3, 2].into_iter().find_map(|classes| split(&counts, classes));
    let Some(cuts) = cuts else {
        return refuse(
            &histogram,
            "功率没有两个分得开的集中区间，无法推断门限".to_owned(),
            "power has no two ranges that stand apart; no threshold can be drawn from it".to_owned(),
        );
    };
    Ok(describe(readings, poll_ms, &watts, &scale, histogram, &cuts))
}

/// Bins at which classes begin (without the first), if the classes are modes.
fn split(counts: &[u64], classes: usize) -> Option<Vec<usize>> {
    let n = counts.len();
    // Readings and weighted readings before each bin.
    let mut sums = vec![(0_u64, 0_u64)];
    for (i, count) in counts.iter().enumerate() {
        let (all, weighted) = sums.last().copied().unwrap_or_default();
        sums.push((all + count, weighted + count * i as u64));
    }
    let all = sums.last()?.0;
    // S²/N of a class, in thousandths: the sum over classes is greatest where the variance between them is.
    let part = |from: usize, to: usize| {
        let (a, b) = (sums.get(from)?, sums.get(to)?);
        let (count, weighted) = (b.0 - a.0, b.1 - a.1);
        let holds = count * SHARE_MIN >= all;
        holds.then(|| u128::from(weighted) * u128::from(weighted) * 1000 / u128::from(count.max(1)))
    };
    let mut best: Option<(u128, Vec<usize>)> = None;
    let mut offer = |score: Option<u128>, cuts: &[usize]| {
        if let Some(score) = score
            && best.as_ref().is_none_or(|(most, _)| score > *most)
        {
            best = Some((score, cuts.to_vec()));
        }
    };
    for a in 1..n {
        if classes == 2 {
            offer(part(0, a).zip(part(a, n)).map(|(x, y)| x + y), &[a]);
            continue;
        }
        for b in a + 1..n {
            offer(part(0, a).zip(part(a, b)).zip(part(b, n)).map(|((x, y), z)| x + y + z), &[a, b]);
        }
    }
    let (_, cuts) = best?;
    // The cut moves to the bottom of its valley; a valley that is no valley ends it.
    let edges: Vec<usize> = std::iter::once(0).chain(cuts.iter().copied()).chain(std::iter::once(n)).collect();
    let peak = |k: usize| {
        let (from, to) = (*edges.get(k)?, *edges.get(k + 1)?);
        let top = counts.get(from..to)?.iter().max()?;
        Some((from + counts.get(from..to)?.iter().position(|c| c == top)?, *top))
    };
    let mut out = Vec::new();
    for k in 0..cuts.len() {
        let ((low, low_top), (high, high_top)) = (peak(k)?, peak(k + 1)?);
        let between = counts.get(low + 1..high)?;
        let least = *between.iter().min()?;
        if least * 2 > low_top.min(high_top) {
            return None;
        }
        // The middle of the emptiest stretch.
        let at_least: Vec<usize> =
            between.iter().enumerate().filter(|(_, c)| **c == least).map(|(i, _)| low + 1 + i).collect();
        out.push(*at_least.get(at_least.len() / 2)?);
    }
    Some(out)
}

fn describe(
    readings: &[(i64, i64)],
    poll_ms: i64,
    sorted: &[i64],
    scale: &Scale,
    histogram: Vec<Bin>,
    cuts: &[usize],
) -> Suggestion {
    let limits: Vec<i64> =
        cuts.iter().map(|c| scale.least_w(*c) + (scale.least_w(c + 1) - scale.least_w(*c)) / 2).collect();
    let mut parts: Vec<&[i64]> = Vec::new();
    let mut rest = sorted;
    for limit in &limits {
        let (below, above) = rest.split_at(rest.partition_point(|w| w < limit));
        parts.push(below);
        rest = above;
    }
    parts.push(rest);
    let at =
        |part: &[i64], percent: usize| part.get(part.len().saturating_sub(1) * percent / 100).copied().unwrap_or(0);
    let top = at(rest, 50);
    let states: &[MachineState] = match (parts.len(), parts.first().map(|p| at(p, 50))) {
        (3, _) => &[MachineState::Off, MachineState::Idle, MachineState::Run],
        // What is left of a machine that is off: below two hundredths of its running power.
        (_, Some(low)) if low.saturating_mul(50) < top => &[MachineState::Off, MachineState::Run],
        _ => &[MachineState::Idle, MachineState::Run],
    };
    let modes: Vec<Mode> = parts
        .iter()
        .zip(states)
        .map(|(part, state)| Mode {
            state: *state,
            median_w: at(part, 50),
            range_w: (at(part, 5), at(part, 95)),
            count: part.len() as u64,
        })
        .collect();
    let (mut reasons, mut cautions) = (Vec::new(), Vec::new());
    for m in &modes {
        let (zh, en, (low, high)) = (m.state.zh(), m.state.name(), m.range_w);
        reasons.push((
            format!("{zh}：{} 条读数集中在 {low}～{high} W，中位数 {} W", m.count, m.median_w),
            format!("{en}: {} readings between {low} and {high} W, median {} W", m.count, m.median_w),
        ));
    }
    let run_from_w = limits.last().copied().unwrap_or(0);
    let off_below_w = match states {
        [MachineState::Off, MachineState::Idle, _] => limits.first().copied().unwrap_or(0),
        [MachineState::Off, _] => {
            let edge = modes.first().map_or(0, |m| m.range_w.1);
            (edge + (run_from_w - edge) / 2).min(run_from_w)
        }
        _ => {
            cautions.push((
                "记录中没有关机时段，关机门限取待机最低功率的一半，请在关机后核对".to_owned(),
                "the machine was never off in this record: the off threshold is half the least idle power; check it with the machine off"
                    .to_owned(),
            ));
            modes.first().map_or(0, |m| m.range_w.0 / 2)
        }
    };
    for limit in &limits {
        reasons.push((
            format!("两个集中区间之间读数最少处约为 {limit} W"),
            format!("readings are fewest between two modes near {limit} W"),
        ));
    }
    // Half the way from the threshold down to the mode below it, so that noise of neither mode crosses both lines.
    let below_run = modes.iter().rev().nth(1).map_or(0, |m| m.range_w.1);
    let hysteresis_w = ((run_from_w - below_run) / 2).clamp(0, (run_from_w - off_below_w).max(0) / 2);
    let dwell_ms = poll_ms.max(1).saturating_mul(2).max(2_000);
    let span = readings.first().zip(readings.last()).map_or(0, |(a, b)| b.0 - a.0);
    if span < SPAN_MIN_MS {
        cautions.push((
            "记录不足一天，可能缺少关机、待机或某些产品".to_owned(),
            "less than a day is recorded: off, idle or some products may be missing".to_owned(),
        ));
    }
    cautions.push((
        "请与确认的运行、待机时段核对后再填报；由功率推断的状态数据等级最高为 B".to_owned(),
        "compare with confirmed periods of running and idle before declaring; states from power are grade B at best"
            .to_owned(),
    ));
    Suggestion {
        rule: PowerRule { off_below_w, run_from_w, hysteresis_w, dwell_ms },
        modes,
        histogram,
        reasons,
        cautions,
    }
}

#[cfg(test)]
mod tests;
