//! Capability: how the specified width compares with what the process spreads over.
//!
//! Constraints
//! 1. Cp and Cpk use σ within subgroups, R̄/d2 (individuals: MR̄/d2): exact quotients. Pp and Ppk use s of all values of the points,
//!    Cm and Cmk s of one short run of a machine: squares are exact, roots exist as digits.
//! 2. ISO 22400-2 prints (USL − LSL)/6s and min(USL − x̄, x̄ − LSL)/3s for Cm/Cmk with the short-term and Cp/Cpk with the long-term s. Its
//!    Cp and Cpk are therefore our Pp and Ppk; the name printed beside a number always says which σ.
//! 3. Below [`SUBGROUPS_MIN`] subgroups and [`VALUES_MIN`] values (a machine run: [`RUN_MIN`]) there is no index. With one limit there is no
//!    Cp, and Cpk is of that limit. A negative index (the mean is outside) stays negative.
//! 4. An index says nothing of a process out of control; whether it was in control is said beside it.

use crate::exact::{Rational, root_digits};
use crate::quality::Reason;
use crate::quality::constants::Constants;
use crate::quality::control::mean_range;
use crate::quality::points::Point;
use crate::quality::specification::SpecificationLimits;

/// Complete subgroups needed.
pub const SUBGROUPS_MIN: usize = 25;
/// Values needed.
pub const VALUES_MIN: usize = 100;
/// Values needed of a machine run (Cm, Cmk).
pub const RUN_MIN: usize = 50;

/// A capability index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Index {
    /// A quotient.
    Exact(Rational),
    /// A square root with a sign.
    Root {
        /// Its square.
        square: Rational,
        /// Whether the index is below zero.
        is_negative: bool,
    },
}

impl Index {
    /// The digits with so many decimals, half away from zero.
    pub fn digits(&self, decimals: usize) -> Option<String> {
        match self {
            Self::Exact(value) => Some(value.digits(decimals)),
            Self::Root { square, is_negative } => {
                let digits = root_digits(square.num(), square.den(), decimals)?;
                let sign = if *is_negative && digits.bytes().any(|b| (b'1'..=b'9').contains(&b)) { "-" } else { "" };
                Some(format!("{sign}{digits}"))
            }
        }
    }
}

/// An index, or why there is none.
pub type Indexed = Result<Index, Reason>;

/// Count, mean and variance of values, exactly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spread {
    /// How many.
    pub values: usize,
    /// Their mean.
    pub mean: Rational,
    /// s², the sample's (n − 1).
    pub variance: Rational,
}

impl Spread {
    /// Of two values or more; `None` below that or beyond exact arithmetic.
    pub fn of(values: impl Iterator<Item = Rational>) -> Option<Self> {
        let mut values = values.peekable();
        // Sums of distances from the first value stay small.
        let origin = *values.peek()?;
        let (mut n, mut sum, mut squares) = (0_usize, Rational::ZERO, Rational::ZERO);
        for value in values {
            let d = value.minus(origin)?;
            (n, sum, squares) = (n + 1, sum.plus(d)?, squares.plus(d.times(d)?)?);
        }
        let count = Rational::integer(n as i128);
        let mean = sum.over(count)?;
        let variance = squares.minus(sum.times(mean)?)?.over(Rational::integer(n as i128 - 1))?;
        Some(Self { values: n, mean: origin.plus(mean)?, variance })
    }
}

/// Capability of a process over a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capability {
    /// Points with a range.
    pub subgroups: usize,
    /// Count, mean and s² of the points' values.
    pub spread: Option<Spread>,
    /// σ within subgroups: R̄/d2.
    pub within: Option<Rational>,
    /// (USL − LSL) / 6σ within.
    pub cp: Indexed,
    /// min(USL − x̄, x̄ − LSL) / 3σ within.
    pub cpk: Indexed,
    /// (USL − LSL) / 6s.
    pub pp: Indexed,
    /// min(USL − x̄, x̄ − LSL) / 3s.
    pub ppk: Indexed,
}

/// Capability of points and the values they were made from.
pub fn of_points(
    points: &[Point],
    values: impl Iterator<Item = Rational>,
    limits: &SpecificationLimits,
    constants: &Constants,
) -> Capability {
    let spread = Spread::of(values);
    let (mean_range, subgroups) = mean_range(points).map_or((None, 0), |(mean, n)| (Some(mean), n));
    let within = mean_range.and_then(|r| r.over(constants.d2));
    let enough = |spread: &Option<Spread>| match spread {
        Some(s) if s.values >= VALUES_MIN => Ok(*s),
        None if points.len() >= VALUES_MIN => Err(Reason::OutOfRange),
        _ => Err(Reason::TooFewValues),
    };
    let of_within = |index: &dyn Fn(&Spread, Rational) -> Option<Indexed>| -> Indexed {
        if subgroups < SUBGROUPS_MIN {
            return Err(Reason::TooFewSubgroups);
        }
        let spread = enough(&spread)?;
        let sigma = within.ok_or(Reason::OutOfRange)?;
        if sigma.is_zero() { Err(Reason::NoSpread) } else { index(&spread, sigma).unwrap_or(Err(Reason::OutOfRange)) }
    };
    Capability {
        subgroups,
        spread,
        within,
        cp: of_within(&|_, sigma| width(limits, sigma)),
        cpk: of_within(&|s, sigma| nearest(limits, s.mean, sigma)),
        pp: enough(&spread).and_then(|s| by_root(&s, limits, width)),
        ppk: enough(&spread).and_then(|s| by_root(&s, limits, |l, sigma| nearest(l, s.mean, sigma))),
    }
}

/// Cm and Cmk of one short run of a machine.
pub fn of_run(values: impl Iterator<Item = Rational>, limits: &SpecificationLimits) -> (Indexed, Indexed) {
    let values: Vec<Rational> = values.collect();
    if values.len() < RUN_MIN {
        return (Err(Reason::TooFewValues), Err(Reason::TooFewValues));
    }
    match Spread::of(values.into_iter()) {
        Some(s) => (by_root(&s, limits, width), by_root(&s, limits, |l, sigma| nearest(l, s.mean, sigma))),
        None => (Err(Reason::OutOfRange), Err(Reason::OutOfRange)),
    }
}

/// (USL − LSL) / 6σ; the outer `None` is out of range.
fn width(limits: &SpecificationLimits, sigma: Rational) -> Option<Indexed> {
    let (Some(lsl), Some(usl)) = (limits.lsl, limits.usl) else { return Some(Err(Reason::OneSided)) };
    let index = usl.minus(lsl)?.over(sigma.times(Rational::integer(6))?)?;
    Some(Ok(Index::Exact(index)))
}

/// min(USL − x̄, x̄ − LSL) / 3σ over the limits there are.
fn nearest(limits: &SpecificationLimits, mean: Rational, sigma: Rational) -> Option<Indexed> {
    let mut distance: Option<Rational> = None;
    for side in [limits.usl.map(|usl| usl.minus(mean)), limits.lsl.map(|lsl| mean.minus(lsl))].into_iter().flatten() {
        let side = side?;
        distance = Some(distance.map_or(side, |d| d.min(side)));
    }
    let index = distance?.over(sigma.times(Rational::integer(3))?)?;
    Some(Ok(Index::Exact(index)))
}

/// The index with s in place of σ: the index per unit of σ, squared and divided by s².
fn by_root(
    spread: &Spread,
    limits: &SpecificationLimits,
    index: impl Fn(&SpecificationLimits, Rational) -> Option<Indexed>,
) -> Indexed {
    if spread.variance.is_zero() {
        return Err(Reason::NoSpread);
    }
    let Index::Exact(per_unit) = index(limits, Rational::integer(1)).ok_or(Reason::OutOfRange)?? else {
        return Err(Reason::OutOfRange);
    };
    let square = per_unit.times(per_unit).and_then(|s| s.over(spread.variance)).ok_or(Reason::OutOfRange)?;
    Ok(Index::Root { square, is_negative: per_unit < Rational::ZERO })
}
