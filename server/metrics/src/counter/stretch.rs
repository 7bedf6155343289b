//! Stretches of which only bounds are known, and the most that can have passed in them.
//!
//! Constraints
//! 1. In any time no more passes than the caller says is possible; what the record states is never taken back for that.
//! 2. The rule holds for stretches one by one and for every run of them together with what was counted in between: a tick
//!    may fall just inside of each, and would be granted to each although one reading fewer grants it once. The bound is the least of all
//!    groupings that are looked at, so that taking a reading away does not lower it — but where rule 1 keeps a bound at what is in
//!    the sum (a straight line into a window that had less time), or rule 3 keeps stretches apart.
//! 3. Where more was counted in a stretch or between two than is said to be possible, they are not looked at together: the machine was
//!    faster than was said, and what one stretch has too much is not what another lacks.

use super::Bounded;
use crate::interval::Interval;

/// Most stretches that are looked at together: bounded work however broken a register is.
const TOGETHER_MAX: usize = 32;

/// A part of a window in which only bounds of what passed are known: silence, a reset, an impossible step, or the way from a
/// sample to an edge of the window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stretch<A = Amount> {
    /// When.
    pub inside: Interval,
    /// What is in the sum for it.
    pub amount: A,
    /// What was counted from the stretch before to this one.
    pub since_last: A,
    /// More than that may have passed.
    pub is_open: bool,
}

/// An amount in items and in planned time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Amount {
    /// Items.
    pub items: Bounded,
    /// Planned time of them, microseconds.
    pub standard_us: Bounded,
}

impl Amount {
    /// `self − other`, both of one running sum.
    #[must_use]
    pub(super) const fn since(self, other: Self) -> Self {
        const fn less(a: Bounded, b: Bounded) -> Bounded {
            Bounded {
                value: a.value.saturating_sub(b.value),
                lower: a.lower.saturating_sub(b.lower),
                upper: a.upper.saturating_sub(b.upper),
            }
        }
        Self { items: less(self.items, other.items), standard_us: less(self.standard_us, other.standard_us) }
    }
}

impl Stretch {
    /// The same stretch with one amount, in the caller's unit.
    pub fn map<T>(&self, of: impl Fn(&Amount) -> T) -> Stretch<T> {
        Stretch {
            inside: self.inside,
            amount: of(&self.amount),
            since_last: of(&self.since_last),
            is_open: self.is_open,
        }
    }
}

impl Stretch<Option<Bounded>> {
    /// The stretch, if its amounts are numbers.
    pub fn known(self) -> Option<Stretch<Bounded>> {
        let Self { inside, amount, since_last, is_open } = self;
        Some(Stretch { inside, amount: amount?, since_last: since_last?, is_open })
    }
}

/// How much the upper bound of a sum changes when no more than `most(time)` can have passed in any time. `stretches` are in
/// order and in the sum already.
pub fn change(stretches: &[Stretch<Bounded>], most: impl Fn(Interval) -> i128) -> i128 {
    let mut stated = 0_i128;
    // least[n]: the most the first n stretches, and what was counted between them, can add up to.
    let mut least = vec![0_i128];
    for (j, last) in stretches.iter().enumerate() {
        stated = stated.saturating_add(last.since_last.upper).saturating_add(last.amount.upper);
        let before = least.get(j).copied().unwrap_or_default();
        let limit = most(last.inside).max(last.amount.value);
        let alone = if last.is_open { limit } else { limit.min(last.amount.upper) };
        let mut best = before.saturating_add(last.since_last.upper).saturating_add(alone);
        let (mut values, mut next) = (last.amount.value, last);
        // A stretch in which more passed than is possible stands alone.
        let is_plain = |s: &Stretch<Bounded>| s.amount.value <= most(s.inside);
        let before_it = if is_plain(last) { j } else { 0 };
        for (i, first) in stretches.iter().enumerate().take(before_it).rev().take(TOGETHER_MAX) {
            let between = Interval::new(first.inside.to_ms, next.inside.from_ms);
            if next.since_last.upper > most(between) || !is_plain(first) {
                break;
            }
            values = values.saturating_add(next.since_last.value).saturating_add(first.amount.value);
            let together = most(Interval::new(first.inside.from_ms, last.inside.to_ms)).max(values);
            let before = least.get(i).copied().unwrap_or_default();
            best = best.min(before.saturating_add(first.since_last.upper).saturating_add(together));
            next = first;
        }
        least.push(best);
    }
    least.last().copied().unwrap_or_default().saturating_sub(stated)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(from: i64, to: i64, value: i128, since_last: i128) -> Stretch<Bounded> {
        Stretch {
            inside: Interval::new(from, to),
            amount: Bounded::exact(value),
            since_last: Bounded::exact(since_last),
            is_open: true,
        }
    }

    /// One item every 6, and one that was begun before.
    fn most(time: Interval) -> i128 {
        if time.is_empty() { 0 } else { i128::from(time.length_ms()) / 6 + 1 }
    }

    #[test]
    fn neighbours_are_granted_one_item_begun_before_not_two() {
        assert_eq!(change(&[open(0, 60, 0, 0)], most), 11);
        assert_eq!(change(&[open(0, 30, 0, 0), open(30, 60, 0, 0)], most), 11);
        // What was counted in between is in the sum already; together they cannot exceed what is possible in the whole time.
        assert_eq!(change(&[open(0, 30, 0, 0), open(60, 90, 0, 5)], most), 16 - 5);
        assert_eq!(change(&[open(0, 30, 0, 0), open(60, 90, 0, 1)], most), 12);
        // What the record states stands, whatever is said to be possible.
        assert_eq!(change(&[open(0, 6, 40, 0)], most), 0);
        assert_eq!(change(&[open(0, 6, 40, 0), open(6, 12, 0, 0)], most), 2, "its neighbour may still hold two");
        // More in between than is possible: each alone.
        assert_eq!(change(&[open(0, 30, 0, 0), open(60, 90, 0, 50)], most), 12);
    }

    #[test]
    fn an_edge_is_limited_by_what_is_possible_and_by_what_passed() {
        let mut edge = open(0, 12, 1, 0);
        (edge.amount, edge.is_open) = (Bounded { value: 1, lower: 0, upper: 9 }, false);
        assert_eq!(change(std::slice::from_ref(&edge), most), 3 - 9);
        edge.amount.upper = 2;
        assert_eq!(change(&[edge], most), 0);
        assert_eq!(change(&[], most), 0);
    }
}
