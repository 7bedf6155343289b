//! What a batch gives to a window: its output and the standard time of it.
//!
//! Constraints
//! 1. The part of an amount inside a window is u(end) − u(begin) with u(t) = ⌊amount × elapsed(t) / duration⌋: it depends on the
//!    edges alone, so windows that tile a period add up to the amount, to the unit.
//! 2. No intermediate exceeds the amount times the length of a batch; whatever is stated, nothing overflows.
//! 3. Output without a recipe of its unit has no planned time, and the facts say how much that is.

use super::recipe::Recipe;
use super::record::BatchRecord;
use super::unit::Measure;
use crate::counter::Bounded;
use crate::facts::Counted;
use crate::interval::Interval;

/// What a batch gives to a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Credit {
    /// Good output with its standard time.
    pub good: Counted,
    /// Rejected output with its standard time.
    pub rejected: Counted,
    /// Rejected output was stated.
    pub rejects_known: bool,
    /// Output without standard time, millionths.
    pub without_recipe: i128,
    /// What the amounts are amounts of.
    pub measure: Measure,
}

/// The part of an amount, spread evenly over a span, that lies inside a window. Amounts are not negative.
pub fn share(amount: i128, span: Interval, window: Interval) -> i128 {
    let length = i128::from(span.length_ms());
    if length <= 0 {
        return 0;
    }
    let until = |ms: i64| {
        let elapsed = i128::from(ms.clamp(span.from_ms, span.to_ms)) - i128::from(span.from_ms);
        // ⌊amount × elapsed / length⌋ without the large product.
        (amount / length) * elapsed + (amount % length) * elapsed / length
    };
    until(window.to_ms) - until(window.from_ms)
}

/// What a batch gives to a window under its recipe.
pub fn credit(record: &BatchRecord, recipe: Option<&Recipe>, window: Interval) -> Credit {
    let recipe = recipe.filter(|r| r.unit() == record.output_unit());
    let mut without_recipe = 0;
    let mut part = |micro: i128| {
        let items = share(micro, record.span(), window);
        let standard = match recipe.and_then(|r| r.standard_of(micro)) {
            Some(all) => share(all, record.span(), window),
            None => {
                without_recipe += items;
                0
            }
        };
        Counted { items: Bounded::exact(items), standard: Bounded::exact(standard) }
    };
    let (good, rejected) = (part(record.good()), part(record.rejected().unwrap_or(0)));
    Credit {
        good,
        rejected,
        rejects_known: record.rejected_micro.is_some(),
        without_recipe,
        measure: Measure::Only(record.output_unit()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_add_up_at_every_cut_and_nothing_overflows() {
        let span = Interval::new(5, 12);
        for amount in [0, 1, 6, 100, i128::from(i64::MAX) * i128::from(i64::MAX)] {
            assert_eq!(share(amount, span, Interval::new(i64::MIN, i64::MAX)), amount);
            for cut in 0..20 {
                let parts = share(amount, span, Interval::new(0, cut)) + share(amount, span, Interval::new(cut, 20));
                assert_eq!(parts, amount, "cut at {cut}");
            }
        }
        assert_eq!(share(100, span, Interval::new(0, 8)), 42, "3/7 of 100, rounded down");
        assert_eq!(share(100, Interval::new(3, 3), Interval::new(0, 8)), 0);
    }
}
