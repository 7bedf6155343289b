//! Half-open intervals of UTC milliseconds, and the few set operations everything else is made of.
//!
//! Constraints: `[from, to)`, integers only; lists are sorted and disjoint wherever a function says "set"; an empty
//! or inverted interval measures zero and is never an error.

/// A half-open stretch of time, UTC milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Interval {
    /// First instant inside.
    pub from_ms: i64,
    /// First instant after.
    pub to_ms: i64,
}

impl Interval {
    /// `[from_ms, to_ms)`.
    pub const fn new(from_ms: i64, to_ms: i64) -> Self {
        Self { from_ms, to_ms }
    }

    /// Length in milliseconds; zero when empty or inverted.
    pub fn length_ms(&self) -> i64 {
        self.to_ms.saturating_sub(self.from_ms).max(0)
    }

    /// Whether nothing lies inside.
    pub fn is_empty(&self) -> bool {
        self.to_ms <= self.from_ms
    }

    /// Whether the instant lies inside.
    pub fn contains(&self, ms: i64) -> bool {
        self.from_ms <= ms && ms < self.to_ms
    }

    /// The common part (possibly empty).
    pub fn intersect(&self, other: &Self) -> Self {
        Self::new(self.from_ms.max(other.from_ms), self.to_ms.min(other.to_ms))
    }
}

/// Sorts and merges overlapping or touching intervals into a set; drops empty ones.
pub fn union(mut intervals: Vec<Interval>) -> Vec<Interval> {
    intervals.retain(|i| !i.is_empty());
    intervals.sort_unstable();
    let mut out: Vec<Interval> = Vec::with_capacity(intervals.len());
    for next in intervals {
        match out.last_mut() {
            Some(last) if next.from_ms <= last.to_ms => last.to_ms = last.to_ms.max(next.to_ms),
            _ => out.push(next),
        }
    }
    out
}

/// What is inside `whole` and in none of the set `holes`.
pub fn subtract(whole: Interval, holes: &[Interval]) -> Vec<Interval> {
    let mut out = Vec::new();
    let mut at = whole.from_ms;
    for hole in holes {
        let hole = hole.intersect(&whole);
        if hole.is_empty() {
            continue;
        }
        if hole.from_ms > at {
            out.push(Interval::new(at, hole.from_ms));
        }
        at = at.max(hole.to_ms);
    }
    if at < whole.to_ms {
        out.push(Interval::new(at, whole.to_ms));
    }
    out
}

/// Total length of the parts common to two sets, in milliseconds.
pub fn overlap_ms(a: &[Interval], b: &[Interval]) -> i64 {
    let (mut i, mut j, mut total) = (0, 0, 0_i64);
    while let (Some(x), Some(y)) = (a.get(i), b.get(j)) {
        total += x.intersect(y).length_ms();
        if x.to_ms <= y.to_ms {
            i += 1;
        } else {
            j += 1;
        }
    }
    total
}

/// Total length of a set, in milliseconds.
pub fn total_ms(set: &[Interval]) -> i64 {
    set.iter().map(Interval::length_ms).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn set_operations_agree_with_membership() {
        let a = union(vec![
            Interval::new(5, 9),
            Interval::new(0, 3),
            Interval::new(3, 4),
            Interval::new(8, 12),
            Interval::new(7, 7),
        ]);
        assert_eq!(a, vec![Interval::new(0, 4), Interval::new(5, 12)]);
        let b = vec![Interval::new(2, 6), Interval::new(10, 20)];
        let rest = subtract(Interval::new(0, 30), &b);
        for t in 0..30 {
            assert_eq!(rest.iter().any(|i| i.contains(t)), !b.iter().any(|i| i.contains(t)), "at {t}");
        }
        let common = (0..30).filter(|t| a.iter().any(|i| i.contains(*t)) && b.iter().any(|i| i.contains(*t))).count();
        assert_eq!(overlap_ms(&a, &b), common as i64);
    }
}
