//! A stretch of an analogue signal that is there twice, reading for reading.
//!
//! Constraints
//! 1. Integers only: stored values are compared for equality. A rolling hash finds candidates; each is verified by comparing
//!    the readings themselves, so a collision of hashes finds nothing.
//! 2. A stretch counts only if it could hardly come twice by itself: it changes at half of its steps and has many values.
//! 3. Readings lie next to each other throughout, so a reading taken away never makes a repetition. Linear in readings but
//!    for one sort; of a stretch that comes many times each later one is told against the first.

use std::collections::BTreeSet;

use crate::credibility::finding::{Finding, Need};
use crate::credibility::list::{Detector, Run, parameter};
use crate::credibility::scene::{Scene, Trace};
use crate::credibility::{both, no_signal, too_few};
use crate::interval::Interval;
use crate::report::Words;

/// Readings that are compared at once.
const LENGTH: usize = 60;
/// Of their steps at least so many change.
const CHANGES: usize = 30;
/// They have at least so many different values.
const VALUES: usize = 16;
/// Base of the rolling hash: an odd number with bits in every byte; arithmetic is modulo 2^64.
const BASE: u64 = 0x9E37_79B9_7F4A_7C15;

/// The same stretch twice.
pub(super) static REPEATED: Detector = Detector {
    id: "credibility.repeated_stretch@1",
    names: ["波形逐点重复", "A stretch repeated reading for reading"],
    compares: ["同一信号不同时段的读数", "readings of one signal at different times"],
    rule: "≥ 60 neighbouring readings of power, or steps of the energy register, equal to an earlier stretch; ≥ 30 changes and ≥ 16 values in it",
    parameters: &[
        parameter("readings", LENGTH as i64, "1"),
        parameter("changes_min", CHANGES as i64, "1"),
        parameter("values_min", VALUES as i64, "1"),
    ],
    minimum: [
        "须有变化足够丰富的功率或电能读数：至少两段各 60 条、其中不少于 30 次变化和 16 个不同数值。",
        "Power or energy that varies enough: at least two stretches of 60 readings with 30 changes and 16 values.",
    ],
    on_site: [
        "查看采集程序、仪表或中间软件是否回放缓存数据；调取仪表内部记录比对两个时段。",
        "See whether the collecting programme, the instrument or software between them plays back stored data; compare both times with the instrument's own memory.",
    ],
    need: Need::First,
    run: Run::Machine(repeated),
};

fn repeated(scene: &Scene<'_>) -> Result<Vec<Finding>, Words> {
    let mut rich = 0;
    let mut any = false;
    let mut out = Vec::new();
    for (role, is_register) in [("power", false), ("energy", true)] {
        let Some(trace) = scene.trace(role) else { continue };
        any = true;
        let symbols = Symbols::of(trace, is_register);
        let candidates = symbols.candidates();
        rich = rich.max(candidates.len());
        out.extend(symbols.pairs(candidates).into_iter().map(|pair| tell(scene, trace, &symbols, pair)));
    }
    if !any {
        return Err(no_signal("功率或电能", "power or energy"));
    }
    if rich < 2 {
        return Err(too_few("变化足够丰富的读数段", "stretches that vary enough", rich, 2));
    }
    out.sort_by_key(Finding::from_ms);
    Ok(out)
}

/// What is compared: a value per reading, and which reading begins a new run.
struct Symbols {
    values: Vec<i64>,
    /// Time of each value, and whether it follows the one before it without a hole.
    times: Vec<(i64, bool)>,
}

/// An earlier and a later stretch that are equal: first indexes and length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Pair {
    first: usize,
    again: usize,
    length: usize,
}

impl Symbols {
    fn of(trace: &Trace, is_register: bool) -> Self {
        let (mut values, mut times) = (Vec::new(), Vec::new());
        let mut last: Option<(i64, i64)> = None;
        for (ms, value) in trace.points() {
            let joined = last.filter(|l| ms.saturating_sub(l.0) <= trace.cadence.fresh_ms);
            if !is_register {
                values.push(value);
                times.push((ms, joined.is_some()));
            } else if let Some((at, was)) = joined {
                let follows = times.last().is_some_and(|t: &(i64, bool)| t.0 == at);
                values.push(value.wrapping_sub(was));
                times.push((ms, follows));
            }
            last = Some((ms, value));
        }
        Self { values, times }
    }

    /// Hash and first index of every stretch that is long, unbroken and rich enough.
    fn candidates(&self) -> Vec<(u64, usize)> {
        let top = (1..LENGTH).fold(1_u64, |power, _| power.wrapping_mul(BASE));
        let (mut hash, mut unbroken, mut changes) = (0_u64, 0_usize, 0_usize);
        let mut out = Vec::new();
        let differs = |i: usize| i > 0 && self.values.get(i) != self.values.get(i - 1);
        for (i, (value, (_, joined))) in self.values.iter().zip(&self.times).enumerate() {
            if !joined {
                (hash, unbroken, changes) = (0, 0, 0);
            }
            if unbroken == LENGTH {
                let leaving = i - LENGTH;
                let old = self.values.get(leaving).copied().unwrap_or(0).cast_unsigned();
                hash = hash.wrapping_sub(mixed(old).wrapping_mul(top));
                changes -= usize::from(differs(leaving + 1));
                unbroken -= 1;
            }
            hash = hash.wrapping_mul(BASE).wrapping_add(mixed(value.cast_unsigned()));
            changes += usize::from(unbroken > 0 && differs(i));
            unbroken += 1;
            let start = (i + 1).saturating_sub(LENGTH);
            if unbroken == LENGTH && changes >= CHANGES && self.is_varied(start) {
                out.push((hash, start));
            }
        }
        out.sort_unstable();
        out
    }

    fn is_varied(&self, start: usize) -> bool {
        let mut seen = BTreeSet::new();
        let stretch = self.values.get(start..start + LENGTH).unwrap_or(&[]);
        stretch.iter().any(|v| seen.insert(*v) && seen.len() >= VALUES)
    }

    fn equal(&self, a: usize, b: usize) -> bool {
        let at = |i: usize| self.values.get(i..i + LENGTH);
        at(a).is_some() && at(a) == at(b)
    }

    /// Equal stretches that do not overlap, joined where they continue each other.
    fn pairs(&self, candidates: Vec<(u64, usize)>) -> Vec<Pair> {
        let mut equal: Vec<(usize, usize)> = Vec::new();
        let mut first: Option<(u64, usize)> = None;
        for (hash, start) in candidates {
            match first {
                Some((of, at)) if of == hash && self.equal(at, start) => {
                    if start - at >= LENGTH {
                        equal.push((start - at, at));
                    }
                }
                _ => first = Some((hash, start)),
            }
        }
        // By distance, then by place: what continues lies side by side.
        equal.sort_unstable();
        let mut out: Vec<Pair> = Vec::new();
        for (apart, at) in equal {
            match out.last_mut() {
                Some(p) if p.again - p.first == apart && at + LENGTH <= p.first + apart && at <= p.first + p.length => {
                    p.length = at + LENGTH - p.first;
                }
                _ => out.push(Pair { first: at, again: at + apart, length: LENGTH }),
            }
        }
        out.sort_by_key(|p| (p.again, p.first));
        out
    }

    fn stretch(&self, start: usize, length: usize) -> Interval {
        let at = |i: usize| self.times.get(i).map_or(0, |t| t.0);
        Interval::new(at(start), at(start + length - 1))
    }
}

/// Spreads a value over all bits, so that small values do not cancel in the sum.
fn mixed(value: u64) -> u64 {
    let z = (value ^ (value >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z ^ (z >> 27)
}

fn tell(scene: &Scene<'_>, trace: &Trace, symbols: &Symbols, pair: Pair) -> Finding {
    let windows = [symbols.stretch(pair.first, pair.length), symbols.stretch(pair.again, pair.length)];
    let again = symbols.times.get(pair.again).map_or(0, |t| t.0);
    let apart = again.saturating_sub(windows.first().map_or(0, |w| w.from_ms));
    let count = pair.length;
    let says = both(
        format!("连续 {count} 条读数与 {} 分钟之前的一段逐点相同", apart / 60_000),
        format!("{count} readings in a row equal those {} minutes earlier, one by one", apart / 60_000),
    );
    let mut finding = Finding::of(&REPEATED, scene, &windows, says);
    for window in windows {
        finding = finding.shows(trace, window);
    }
    finding.signals.dedup();
    finding.with("相同读数", "equal readings", count, "1").with("相隔", "apart", apart, "ms")
}
