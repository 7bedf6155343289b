//! A before/after difference and the error of the instruments it was measured with.
//!
//! Constraints
//! 1. On the same instrument most of the error is systematic and the same on both sides: then the difference errs only by its own
//!    share, `ε · |difference|`. That supposes that the instrument was neither exchanged nor adjusted, and that its load and power
//!    factor are alike on both sides.
//! 2. In the worst case both sides err independently and in opposite directions; that is also all that can be said of two
//!    instruments.
//! 3. Both treatments are shown where both exist. The first lies inside the second.

use crate::exact::Rational;
use crate::metrology::{Bounds, Composition};

/// One side of a comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Side<'a> {
    /// What was measured.
    pub value: Rational,
    /// Its bounds from unknown time.
    pub unknown_time: Bounds,
    /// The error of the instruments.
    pub composition: &'a Composition,
}

/// after − before, with what it can be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// after − before.
    pub value: Rational,
    /// Bounds from unknown time only.
    pub unknown_time: Bounds,
    /// With one systematic error common to both sides; `None` when the instruments are not the same.
    pub correlated: Option<Bounds>,
    /// With independent errors.
    pub worst: Bounds,
}

/// Chinese and English words for the two treatments, with what they suppose.
pub const TREATMENTS: [(&str, &str); 2] = [
    (
        "同一计量器具、系统误差前后相同（前提：未更换、未调整，负荷与功率因数相近）",
        "same instrument, one systematic error on both sides (supposes: not exchanged, not adjusted, load and power factor alike)",
    ),
    ("最不利情形：前后误差相互独立且方向相反", "worst case: independent errors of opposite sign"),
];

/// The difference of two sides; `is_same` tells whether they were measured by the same instruments. `None` on overflow, and when
/// nothing limits the side before from above: then nothing limits the difference from below.
pub fn difference(before: &Side, after: &Side, is_same: bool) -> Option<Difference> {
    let between = |low: Bounds, high: Bounds| {
        // The least is the least after less the most before.
        let lower = high.lower.minus(low.upper?)?;
        let upper = match high.upper {
            Some(most_after) => Some(most_after.minus(low.lower)?),
            None => None,
        };
        Some(Bounds { lower, upper })
    };
    let unknown_time = between(before.unknown_time, after.unknown_time)?;
    let is_common = is_same && before.composition.total == after.composition.total;
    let correlated = if is_common { Some(after.composition.widen(unknown_time)?) } else { None };
    let worst = between(before.composition.widen(before.unknown_time)?, after.composition.widen(after.unknown_time)?)?;
    Some(Difference { value: after.value.minus(before.value)?, unknown_time, correlated, worst })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrology::Loading;

    fn composition(per_mille: i128) -> Composition {
        let total = Rational::new(per_mille, 1000).unwrap();
        Composition { table: "t@1".to_owned(), loading: Loading::Rated, parts: vec![], total }
    }

    #[test]
    fn a_common_error_leaves_a_small_change_visible_and_the_worst_case_does_not() {
        let c = composition(10);
        let side = |kwh: i128| Side {
            value: Rational::integer(kwh),
            unknown_time: Bounds::exact(Rational::integer(kwh)),
            composition: &c,
        };
        let (before, after) = (side(99_000), side(98_010));
        let d = difference(&before, &after, true).unwrap();
        assert_eq!(d.value, Rational::integer(-990));
        let common = d.correlated.unwrap();
        assert_eq!((common.lower, common.upper.unwrap().digits(1)), (Rational::integer(-1000), "-980.1".to_owned()));
        assert_eq!(d.worst.lower.digits(1), "-2970.1", "98 010 · 0.99 − 99 000 / 0.99");
        assert_eq!(d.worst.upper.unwrap().digits(0), "990", "98 010 / 0.99 − 99 000 · 0.99");
        assert!(d.worst.contain(&common) && common.contain(&d.unknown_time));
        assert_eq!(difference(&before, &after, false).unwrap().correlated, None);
    }

    #[test]
    fn what_has_no_upper_bound_has_none_in_the_difference() {
        let c = composition(10);
        let open = Side {
            value: Rational::integer(5),
            unknown_time: Bounds { lower: Rational::integer(5), upper: None },
            composition: &c,
        };
        let closed = Side { unknown_time: Bounds::exact(Rational::integer(5)), ..open.clone() };
        assert_eq!(difference(&closed, &open, true).unwrap().worst.upper, None);
        assert_eq!(difference(&open, &closed, true), None, "no least difference without a most before");
    }
}
