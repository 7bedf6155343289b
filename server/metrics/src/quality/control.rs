//! Control limits of X̄-R and individuals charts, from the points of a base period.
//!
//! Constraints
//! 1. X̄-R: x̿ ± A2·R̄, D3·R̄ … D4·R̄. I-MR: x̄ ± E2·MR̄, up to D4·MR̄. With the printed constants, exactly.
//! 2. Limits need [`BASE_MIN`] points; with fewer they are undefined. Once made from a base period they change only with the
//!    statement that names it.
//! 3. The zones of run rules are thirds of the way from centre to limit.

use crate::exact::Rational;
use crate::quality::Reason;
use crate::quality::constants::Constants;
use crate::quality::points::Point;

/// Points needed in a base period.
pub const BASE_MIN: usize = 25;

/// Centre line and limits of a chart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lines {
    /// Centre line.
    pub centre: Rational,
    /// Upper control limit.
    pub upper: Rational,
    /// Lower control limit.
    pub lower: Rational,
}

/// Control limits and what they were made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ControlLimits {
    /// The chart of means or values.
    pub location: Lines,
    /// The chart of ranges or moving ranges.
    pub range: Lines,
    /// Points of the base period.
    pub points: usize,
    /// Of those, points with a range.
    pub ranges: usize,
}

fn mean(values: impl Iterator<Item = Rational>) -> Option<(Rational, usize)> {
    let mut n = 0;
    let sum = Rational::sum(values.inspect(|_| n += 1))?;
    Some((sum.over(Rational::integer(n as i128))?, n))
}

/// Mean range of points, and how many have one; `None` without any.
pub fn mean_range(points: &[Point]) -> Option<(Rational, usize)> {
    mean(points.iter().filter_map(|p| p.range))
}

/// Limits from the points of a base period.
///
/// # Errors
/// Too few points, or too few of them with a range; values beyond exact arithmetic.
pub fn limits(base: &[Point], constants: &Constants) -> Result<ControlLimits, Reason> {
    if base.len() < BASE_MIN || base.iter().filter(|p| p.range.is_some()).count() < BASE_MIN - 1 {
        return Err(Reason::BaseTooSmall);
    }
    lines(base, constants).ok_or(Reason::OutOfRange)
}

fn lines(base: &[Point], constants: &Constants) -> Option<ControlLimits> {
    let (centre, points) = mean(base.iter().map(|p| p.centre))?;
    let (range, ranges) = mean_range(base)?;
    let reach = constants.a2.times(range)?;
    Some(ControlLimits {
        location: Lines { centre, upper: centre.plus(reach)?, lower: centre.minus(reach)? },
        range: Lines { centre: range, upper: constants.d4.times(range)?, lower: constants.d3.times(range)? },
        points,
        ranges,
    })
}
