//! From measurements to the points of a chart: subgroups with mean and range, or single values with moving ranges.
//!
//! Constraints
//! 1. A subgroup belongs to the window that holds its beginning; beginnings are multiples of the interval since 1970. So windows
//!    cut anywhere add up to the whole.
//! 2. The first `size` measurements of an interval are its subgroup; with fewer, or when one of those may have been missed, there
//!    is no point but an entry among the incomplete.
//! 3. A point *follows* the one before when nothing was missed between them. Only then is there a moving range, and only then may
//!    a run of a rule go on. An interval without measurements is no point and breaks nothing by itself: the factory slept.

use std::ops::Range;

use crate::exact::Rational;
use crate::quality::measured::Measurement;
use crate::quality::specification::Sampling;

/// A point of a chart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Point {
    /// Beginning of the subgroup's interval, or the measurement's instant, UTC milliseconds.
    pub from_ms: i64,
    /// Its measurements, as indexes of the list it was made from.
    pub values: Range<usize>,
    /// Mean of the subgroup, or the value.
    pub centre: Rational,
    /// Range of the subgroup, or moving range; `None` for a single value that follows nothing.
    pub range: Option<Rational>,
    /// Nothing was missed since the point before.
    pub follows: bool,
}

/// An interval with measurements that make no point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Incomplete {
    /// Beginning of the interval, UTC milliseconds.
    pub from_ms: i64,
    /// Measurements found in it.
    pub found: usize,
    /// One of those that belong to the subgroup may have been missed.
    pub is_interrupted: bool,
}

/// The points of a chart in order of time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Points {
    /// Complete points.
    pub points: Vec<Point>,
    /// Intervals that make none.
    pub incomplete: Vec<Incomplete>,
}

/// Makes the points of measurements in order of time. `None` when a mean leaves the range of exact arithmetic.
pub fn of(measurements: &[Measurement], sampling: Sampling) -> Option<Points> {
    match sampling {
        Sampling::Individuals => individuals(measurements),
        Sampling::Subgroups { size, interval_ms } => subgroups(measurements, size, interval_ms.max(1)),
    }
}

fn individuals(measurements: &[Measurement]) -> Option<Points> {
    let mut out = Points::default();
    let mut before: Option<Rational> = None;
    for (i, m) in measurements.iter().enumerate() {
        let follows = m.missed_until_ms.is_none() && before.is_some();
        let range = match before.filter(|_| follows) {
            Some(before) => Some(span([before, m.value].into_iter())?),
            None => None,
        };
        out.points.push(Point { from_ms: m.at_ms, values: i..i + 1, centre: m.value, range, follows });
        before = Some(m.value);
    }
    Some(out)
}

fn subgroups(measurements: &[Measurement], size: usize, interval_ms: i64) -> Option<Points> {
    let mut out = Points::default();
    // One past the last measurement of the newest point.
    let mut used: Option<usize> = None;
    let mut begin = 0;
    while let Some(first) = measurements.get(begin) {
        let from_ms = first.at_ms.div_euclid(interval_ms).saturating_mul(interval_ms);
        let rest = measurements.get(begin..).unwrap_or_default();
        let found = rest.partition_point(|m| m.at_ms.saturating_sub(from_ms) < interval_ms).max(1);
        let group = rest.get(..found.min(size)).unwrap_or_default();
        // Before the first measurement only what was missed inside the interval matters.
        let is_interrupted = first.missed_until_ms.is_some_and(|ms| ms >= from_ms)
            || group.iter().skip(1).any(|m| m.missed_until_ms.is_some());
        if group.len() < size || is_interrupted {
            out.incomplete.push(Incomplete { from_ms, found, is_interrupted });
        } else {
            let sum = Rational::sum(group.iter().map(|m| m.value))?;
            let since = used.and_then(|used| measurements.get(used..=begin));
            out.points.push(Point {
                from_ms,
                values: begin..begin + size,
                centre: sum.over(Rational::integer(size as i128))?,
                range: Some(span(group.iter().map(|m| m.value))?),
                follows: since.is_some_and(|all| all.iter().all(|m| m.missed_until_ms.is_none())),
            });
            used = Some(begin + size);
        }
        begin += found;
    }
    Some(out)
}

/// Greatest less least.
fn span(values: impl Iterator<Item = Rational> + Clone) -> Option<Rational> {
    values.clone().max()?.minus(values.min()?)
}
