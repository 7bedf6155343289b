//! Maximum demand (需量): mean power over a window, block and sliding (reference §2.4).
//!
//! Constraints
//! 1. Window and step are configuration: 15 minutes, blocks on the quarter hour, and a sliding step of one minute are usual.
//! 2. Energy inside a window is cut from intervals in a straight line, as floors of one running total, so that adjoining
//!    windows add up.
//! 3. A window that is not wholly covered has no demand; an interval longer than three times the nominal one is too coarse
//!    to say anything about power. Both are counted, never filled in.
//! 4. The demand of several meters is the maximum of time-aligned sums, never the sum of maxima (reference §1.6).

use crate::exact::Rational;
use crate::interval::Interval;

/// Windows looked at in one go; a year of one-minute steps is 525 600.
const WINDOWS_MAX: i64 = 2_000_000;

/// Interval energies of one meter.
#[derive(Debug, Clone)]
pub struct Load {
    /// In order, disjoint; energy before each in `before`.
    pieces: Vec<Interval>,
    /// Running total at the beginning of each piece and at the end of the last, millionths of a kWh.
    before: Vec<i128>,
    /// Intervals too coarse, or out of order.
    pub left_out: u32,
}

impl Load {
    /// Takes intervals in order with their energy in millionths of a kWh.
    pub fn new(intervals: impl IntoIterator<Item = (Interval, i128)>, nominal_ms: i64) -> Self {
        let mut out = Self { pieces: Vec::new(), before: vec![0], left_out: 0 };
        let mut sum = 0_i128;
        for (interval, micro_kwh) in intervals {
            let is_coarse = interval.length_ms() > nominal_ms.saturating_mul(3);
            let is_after = out.pieces.last().is_none_or(|last| last.to_ms <= interval.from_ms);
            if interval.is_empty() || is_coarse || !is_after {
                out.left_out += 1;
                continue;
            }
            sum = sum.saturating_add(micro_kwh);
            out.pieces.push(interval);
            out.before.push(sum);
        }
        out
    }

    /// Energy inside a window, millionths of a kWh; `None` unless it is wholly covered.
    pub fn within(&self, window: Interval) -> Option<i128> {
        let first = self.pieces.partition_point(|p| p.to_ms <= window.from_ms);
        let mut at = window.from_ms;
        let mut last = first;
        for (i, piece) in self.pieces.iter().enumerate().skip(first) {
            if at >= window.to_ms {
                break;
            }
            if piece.from_ms > at {
                return None;
            }
            (at, last) = (piece.to_ms, i);
        }
        if at < window.to_ms {
            return None;
        }
        Some(self.until(last, window.to_ms)? - self.until(first, window.from_ms)?)
    }

    /// Running total at an instant inside a piece.
    fn until(&self, index: usize, ms: i64) -> Option<i128> {
        let (piece, before, after) = (self.pieces.get(index)?, self.before.get(index)?, self.before.get(index + 1)?);
        let elapsed = i128::from(ms.clamp(piece.from_ms, piece.to_ms) - piece.from_ms);
        let part = after.checked_sub(*before)?.checked_mul(elapsed)?.div_euclid(i128::from(piece.length_ms()));
        before.checked_add(part)
    }
}

/// How windows lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DemandRule {
    /// Length of a window, milliseconds.
    pub window_ms: i64,
    /// From one window to the next: the window itself for blocks, less for sliding windows.
    pub step_ms: i64,
    /// An instant at which a window begins, UTC milliseconds.
    pub anchor_ms: i64,
}

impl DemandRule {
    /// Blocks of fifteen minutes on the quarter hour; every zone in use is a multiple of a quarter hour from UTC.
    pub const BLOCK: Self = Self { window_ms: 900_000, step_ms: 900_000, anchor_ms: 0 };
    /// Fifteen minutes, moved by one.
    pub const SLIDING: Self = Self { window_ms: 900_000, step_ms: 60_000, anchor_ms: 0 };
}

/// The greatest mean power of a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Demand {
    /// The first window with the greatest energy.
    pub window: Interval,
    /// Its energy, millionths of a kWh.
    pub micro_kwh: i128,
    /// Windows evaluated.
    pub windows: u32,
    /// Windows not wholly covered.
    pub uncovered: u32,
}

impl Demand {
    /// Mean power in kW: energy over the window's length.
    pub fn kw(&self) -> Option<Rational> {
        let milliwatt_hours = self.micro_kwh.checked_mul(3_600_000)?;
        Rational::new(milliwatt_hours, i128::from(self.window.length_ms()).checked_mul(1_000_000)?)
    }
}

/// The maximum demand of one meter, or of several together, over a period; `None` when no window is wholly covered.
pub fn maximum(loads: &[&Load], rule: DemandRule, period: Interval) -> Option<Demand> {
    if rule.window_ms <= 0 || rule.step_ms <= 0 || loads.is_empty() {
        return None;
    }
    let shift = (period.from_ms - rule.anchor_ms).rem_euclid(rule.step_ms);
    let first = if shift == 0 { period.from_ms } else { period.from_ms + rule.step_ms - shift };
    let (mut best, mut windows, mut uncovered): (Option<(Interval, i128)>, u32, u32) = (None, 0, 0);
    let count = ((period.to_ms - rule.window_ms - first).div_euclid(rule.step_ms) + 1).min(WINDOWS_MAX);
    for k in 0..count {
        let window = Interval::new(first + k * rule.step_ms, first + k * rule.step_ms + rule.window_ms);
        let sum = loads.iter().try_fold(0_i128, |sum, load| sum.checked_add(load.within(window)?));
        match sum {
            Some(micro_kwh) => {
                windows += 1;
                if best.is_none_or(|(_, most)| micro_kwh > most) {
                    best = Some((window, micro_kwh));
                }
            }
            None => uncovered += 1,
        }
    }
    best.map(|(window, micro_kwh)| Demand { window, micro_kwh, windows, uncovered })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIN: i64 = 60_000;

    fn load(parts: &[(i64, i64, i128)]) -> Load {
        Load::new(parts.iter().map(|(from, to, kwh)| (Interval::new(from * MIN, to * MIN), kwh * 1_000_000)), 15 * MIN)
    }

    #[test]
    fn sliding_windows_find_what_blocks_cut_in_two() {
        let meter = load(&[(0, 10, 1), (10, 20, 20), (20, 30, 1), (30, 45, 1)]);
        let hour = Interval::new(0, 60 * MIN);
        let block = maximum(&[&meter], DemandRule::BLOCK, hour).unwrap();
        assert_eq!((block.window.from_ms, block.kw().unwrap().digits(1)), (0, "44.0".to_owned()), "1 + 10 kWh");
        assert_eq!((block.windows, block.uncovered), (3, 1));
        let sliding = maximum(&[&meter], DemandRule::SLIDING, hour).unwrap();
        assert_eq!((sliding.window.from_ms, sliding.kw().unwrap().digits(1)), (5 * MIN, "82.0".to_owned()));
        assert_eq!(maximum(&[&meter], DemandRule::BLOCK, Interval::new(50 * MIN, 60 * MIN)), None);
    }

    #[test]
    fn holes_and_coarse_intervals_give_no_demand() {
        let meter = load(&[(0, 15, 5), (16, 30, 9), (30, 80, 90), (70, 75, 1)]);
        assert_eq!(meter.left_out, 1, "fifty minutes are too coarse, so what lies inside them stands");
        let demand = maximum(&[&meter], DemandRule::BLOCK, Interval::new(0, 90 * MIN)).unwrap();
        assert_eq!((demand.micro_kwh, demand.windows, demand.uncovered), (5_000_000, 1, 5));
    }

    #[test]
    fn meters_are_added_before_the_maximum_is_taken() {
        let (a, b) = (load(&[(0, 15, 10), (15, 30, 2)]), load(&[(0, 15, 1), (15, 30, 8)]));
        let hour = Interval::new(0, 30 * MIN);
        let both = maximum(&[&a, &b], DemandRule::BLOCK, hour).unwrap();
        assert_eq!(both.kw().unwrap().digits(0), "44", "not 40 + 32");
    }
}
