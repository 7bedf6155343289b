//! Exact quotients of integers: what energy, carbon, cost and line figures are computed in.
//!
//! Constraints
//! 1. A value stays a numerator and a denominator until digits are printed; no step in between rounds.
//! 2. Overflow of 128 bits is `None`, never a wrong number; printing uses integers of any length and cannot overflow.
//! 3. Printed digits are rounded half away from zero, as [`crate::decimal`] does, to as many decimals as asked.
//! 4. Square roots exist only as printed digits, correctly rounded from the exact radicand.

pub(crate) mod big;

use std::cmp::Ordering;

use self::big::Big;

/// A reduced quotient of two integers, the denominator above zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rational {
    num: i128,
    den: i128,
}

/// Greatest common divisor (Euclid).
const fn gcd(mut a: u128, mut b: u128) -> u128 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

impl Rational {
    /// Zero.
    pub const ZERO: Self = Self { num: 0, den: 1 };

    /// `num / den`; `None` when `den` is zero or a sign cannot be turned.
    pub fn new(num: i128, den: i128) -> Option<Self> {
        if den == 0 {
            return None;
        }
        let common = i128::try_from(gcd(num.unsigned_abs(), den.unsigned_abs())).ok()?;
        let (num, den) = (num / common, den / common);
        if den < 0 { Some(Self { num: num.checked_neg()?, den: den.checked_neg()? }) } else { Some(Self { num, den }) }
    }

    /// A whole number.
    pub const fn integer(value: i128) -> Self {
        Self { num: value, den: 1 }
    }

    /// Reads a plain decimal such as `0.1229` or `-12`: an optional sign, digits, at most one point, at most 30 digits.
    pub fn parse(text: &str) -> Option<Self> {
        let (negative, digits) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let all: String = whole.chars().chain(fraction.chars()).collect();
        let plain = !whole.is_empty() && all.len() <= 30 && all.bytes().all(|b| b.is_ascii_digit());
        if !plain || (fraction.is_empty() && digits.contains('.')) {
            return None;
        }
        let num: i128 = all.parse().ok()?;
        let den = 10_i128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
        Self::new(if negative { -num } else { num }, den)
    }

    /// The numerator, reduced.
    pub const fn num(&self) -> i128 {
        self.num
    }

    /// The denominator, reduced, above zero.
    pub const fn den(&self) -> i128 {
        self.den
    }

    /// Whether it is zero.
    pub const fn is_zero(&self) -> bool {
        self.num == 0
    }

    /// Sum.
    pub fn plus(self, other: Self) -> Option<Self> {
        let common = i128::try_from(gcd(self.den.unsigned_abs(), other.den.unsigned_abs())).ok()?;
        let (mine, theirs) = (other.den / common, self.den / common);
        let num = self.num.checked_mul(mine)?.checked_add(other.num.checked_mul(theirs)?)?;
        Self::new(num, self.den.checked_mul(mine)?)
    }

    /// Difference.
    pub fn minus(self, other: Self) -> Option<Self> {
        self.plus(Self { num: other.num.checked_neg()?, den: other.den })
    }

    /// Product.
    pub fn times(self, other: Self) -> Option<Self> {
        // Cross-reduced first, so that only a result that is too large overflows.
        let (a, b) = (Self::new(self.num, other.den)?, Self::new(other.num, self.den)?);
        Self::new(a.num.checked_mul(b.num)?, a.den.checked_mul(b.den)?)
    }

    /// Quotient; `None` when `other` is zero.
    pub fn over(self, other: Self) -> Option<Self> {
        self.times(Self::new(other.den, other.num)?)
    }

    /// Sum of many; `None` on overflow.
    pub fn sum(all: impl IntoIterator<Item = Self>) -> Option<Self> {
        all.into_iter().try_fold(Self::ZERO, Self::plus)
    }

    /// The digits with so many decimals, half away from zero.
    pub fn digits(&self, decimals: usize) -> String {
        product_digits(&[(self.num, self.den)], decimals).unwrap_or_default()
    }
}

impl PartialOrd for Rational {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Rational {
    fn cmp(&self, other: &Self) -> Ordering {
        let side = |num: i128, den: i128| Big::from(num.unsigned_abs()).times(&Big::from(den.unsigned_abs()));
        match (self.num < 0, other.num < 0) {
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
            (false, false) => side(self.num, other.den).cmp(&side(other.num, self.den)),
            (true, true) => side(other.num, self.den).cmp(&side(self.num, other.den)),
        }
    }
}

/// The digits of a product of quotients with so many decimals, half away from zero; exact however many factors there are.
/// `None` when a denominator is zero.
pub fn product_digits(factors: &[(i128, i128)], decimals: usize) -> Option<String> {
    let (mut num, mut den, mut negative) = (Big::from(1), Big::from(1), false);
    for (n, d) in factors {
        if *d == 0 {
            return None;
        }
        negative ^= (*n < 0) != (*d < 0);
        num = num.times(&Big::from(n.unsigned_abs()));
        den = den.times(&Big::from(d.unsigned_abs()));
    }
    // round(x) = ⌊(2·num·10^k + den) / (2·den)⌋
    let twice = num.times(&Big::power_of_ten(decimals)).times(&Big::from(2)).plus(&den);
    Some(point(&twice.over(&den.times(&Big::from(2))), negative, decimals))
}

/// The digits of `√(num / den)` with so many decimals, half up; `None` when the radicand is negative or undefined.
pub fn root_digits(num: i128, den: i128, decimals: usize) -> Option<String> {
    if den == 0 || (num != 0 && (num < 0) != (den < 0)) {
        return None;
    }
    root_digits_of(&Big::from(num.unsigned_abs()), &Big::from(den.unsigned_abs()), decimals)
}

/// The digits of `a / √(a² + b²)`: a weighted power factor. `None` when both are zero.
pub fn cosine_digits(a: i128, b: i128, decimals: usize) -> Option<String> {
    let square = |v: i128| Big::from(v.unsigned_abs()).times(&Big::from(v.unsigned_abs()));
    if a == 0 && b == 0 {
        return None;
    }
    root_digits_of(&square(a), &square(a).plus(&square(b)), decimals)
}

/// With s = ⌊2x⌋ the rounded value is ⌊(s + 1) / 2⌋, and ⌊2x⌋ = ⌊√⌊4·10^2k·num / den⌋⌋.
fn root_digits_of(num: &Big, den: &Big, decimals: usize) -> Option<String> {
    let radicand = num.times(&Big::power_of_ten(2 * decimals)).times(&Big::from(4)).over(den);
    Some(point(&radicand.root().plus(&Big::from(1)).over(&Big::from(2)), false, decimals))
}

/// Puts the decimal point into a whole number of 10^-decimals.
fn point(value: &Big, negative: bool, decimals: usize) -> String {
    let digits = value.to_decimal();
    let padded = format!("{digits:0>width$}", width = decimals + 1);
    let (whole, fraction) = padded.split_at(padded.len() - decimals);
    let sign = if negative && padded.bytes().any(|b| b != b'0') { "-" } else { "" };
    if decimals == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_go_in_and_out_unchanged() {
        for text in ["0.1229", "-12.500", "0", "123456789012345678901234567890", "0.000001"] {
            let decimals = text.split_once('.').map_or(0, |(_, f)| f.len());
            assert_eq!(Rational::parse(text).unwrap().digits(decimals), text);
        }
        for bad in ["", "-", ".5", "5.", "1e3", "+1", "1.2.3", "１", "1234567890123456789012345678901"] {
            assert_eq!(Rational::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn arithmetic_is_exact_and_overflow_is_no_number() {
        let third = Rational::new(1, 3).unwrap();
        let sum = Rational::sum([third, third, third]).unwrap();
        assert_eq!(sum, Rational::integer(1));
        assert_eq!(third.digits(4), "0.3333");
        assert_eq!(Rational::new(-1, -2), Rational::new(1, 2));
        assert_eq!(Rational::new(-1, 2).unwrap().digits(0), "-1", "half away from zero");
        assert_eq!(Rational::new(-1, 2000).unwrap().digits(2), "0.00", "no minus zero");
        assert_eq!(third.over(Rational::ZERO), None);
        assert_eq!(Rational::integer(i128::MAX).plus(Rational::integer(1)), None);
        assert!(Rational::new(i128::MAX, 3).unwrap() > Rational::new(i128::MAX, 4).unwrap());
        assert!(Rational::new(-1, 3).unwrap() < Rational::new(-1, 4).unwrap());
        let large = Rational::new(i128::MAX, 7).unwrap().times(Rational::new(7, i128::MAX).unwrap());
        assert_eq!(large, Some(Rational::integer(1)));
    }

    #[test]
    fn products_and_roots_print_correctly_rounded() {
        let half = (i128::MAX / 2, i128::MAX - 1);
        assert_eq!(product_digits(&[half; 40], 15).unwrap(), "0.000000000000909", "2^-40 and a little");
        assert_eq!(root_digits(2, 1, 30).unwrap(), "1.414213562373095048801688724210");
        assert_eq!(root_digits(1, 4, 0).unwrap(), "1", "0.5 rounds up");
        assert_eq!(root_digits(-1, 4, 2), None);
        assert_eq!(root_digits(0, -4, 2).unwrap(), "0.00");
        assert_eq!(cosine_digits(12_000, 5_000, 9).unwrap(), "0.923076923");
        assert_eq!(cosine_digits(0, 0, 3), None);
    }
}
