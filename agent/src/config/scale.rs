//! The factor from a raw value to its engineering unit, exactly.
//!
//! Constraints: a factor is a fraction of two integers, as written by a person (`0.01`, `"1/3"`, `1e-3`, `60`), never a floating
//! number: 0.1 has no binary form, and the energy of half a year is a sum of such factors. It is applied by readers of the
//! configuration record, never by the gateway.

/// Both parts stay below 2⁵³, so that every JSON reader sees them exactly.
const LIMIT: i128 = 1 << 53;

/// A factor as a reduced fraction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Scale {
    /// Above the line; never zero.
    pub numerator: i64,
    /// Below the line; at least 1.
    pub denominator: i64,
}

impl Default for Scale {
    fn default() -> Self {
        Self { numerator: 1, denominator: 1 }
    }
}

impl Scale {
    /// Reads a factor as people write it. `None` for zero, for anything that is not a number, and for parts of 2⁵³ and more.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim().replace('_', "");
        match text.split_once('/') {
            Some((above, below)) => {
                let (above, below) = (Decimal::parse(above.trim())?, Decimal::parse(below.trim())?);
                Self::reduced(
                    above.digits.checked_mul(pow10(below.places)?)?,
                    below.digits.checked_mul(pow10(above.places)?)?,
                )
            }
            None => {
                let decimal = Decimal::parse(&text)?;
                Self::reduced(decimal.digits, pow10(decimal.places)?)
            }
        }
    }

    /// Both factors one after the other; `None` when the product has a part of 2⁵³ or more.
    pub fn times(self, other: Self) -> Option<Self> {
        Self::reduced(
            i128::from(self.numerator) * i128::from(other.numerator),
            i128::from(self.denominator) * i128::from(other.denominator),
        )
    }

    fn reduced(numerator: i128, denominator: i128) -> Option<Self> {
        if numerator == 0 || denominator == 0 {
            return None;
        }
        let divisor = greatest_common(numerator.unsigned_abs(), denominator.unsigned_abs());
        let divisor = i128::try_from(divisor).ok()? * denominator.signum();
        let (numerator, denominator) = (numerator / divisor, denominator / divisor);
        if numerator.abs() >= LIMIT || denominator >= LIMIT {
            return None;
        }
        Some(Self { numerator: i64::try_from(numerator).ok()?, denominator: i64::try_from(denominator).ok()? })
    }

    /// The raw distance of an engineering distance, for deadbands.
    pub fn to_raw(&self, engineering: f64) -> f64 {
        engineering * self.denominator as f64 / self.numerator as f64
    }

    /// 10^-decimals: the factor of an integer that counts in steps of its last decimal.
    pub fn of_decimals(decimals: u8) -> Self {
        Self { numerator: 1, denominator: 10_i64.pow(u32::from(decimals.min(15))) }
    }

    /// The engineering value of a raw number, for showing to people only; evidence keeps the raw value and the fraction.
    pub fn apply_for_display(&self, raw: f64) -> f64 {
        raw * self.numerator as f64 / self.denominator as f64
    }
}

impl std::fmt::Display for Scale {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.denominator {
            1 => write!(f, "{}", self.numerator),
            below => write!(f, "{}/{below}", self.numerator),
        }
    }
}

/// `digits × 10^-places`.
struct Decimal {
    digits: i128,
    places: u32,
}

impl Decimal {
    fn parse(text: &str) -> Option<Self> {
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
            None => (text, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let (sign, whole) = match whole.strip_prefix('-') {
            Some(rest) => (-1, rest),
            None => (1, whole.strip_prefix('+').unwrap_or(whole)),
        };
        let all = format!("{whole}{fraction}");
        if all.is_empty() || all.len() > 18 || !all.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let digits: i128 = all.parse().ok()?;
        let places = i32::try_from(fraction.len()).ok()?.checked_sub(exponent)?;
        if !(-18..=18).contains(&places) {
            return None;
        }
        let up = u32::try_from(-places).unwrap_or(0);
        Some(Self { digits: sign * digits * pow10(up)?, places: u32::try_from(places).unwrap_or(0) })
    }
}

fn pow10(places: u32) -> Option<i128> {
    10i128.checked_pow(places)
}

fn greatest_common(a: u128, b: u128) -> u128 {
    if b == 0 { a } else { greatest_common(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn factors_multiply_exactly_or_not_at_all() {
        let scale = |text| Scale::parse(text).unwrap();
        assert_eq!(scale("0.01").times(scale("40")), Scale::parse("0.4"));
        assert_eq!(scale("-0.25").times(scale("4")), Scale::parse("-1"));
        assert_eq!(scale("9007199254740991").times(scale("2")), None);
    }

    #[test]
    fn factors_are_exact() {
        let cases = [
            ("1", 1, 1),
            ("0.01", 1, 100),
            ("0.010", 1, 100),
            (".5", 1, 2),
            ("-0.25", -1, 4),
            ("1e-3", 1, 1_000),
            ("2.5E2", 250, 1),
            ("1/3", 1, 3),
            ("0.5/60", 1, 120),
            ("1/-4", -1, 4),
            ("1_000", 1_000, 1),
        ];
        for (text, numerator, denominator) in cases {
            assert_eq!(Scale::parse(text), Some(Scale { numerator, denominator }), "{text}");
        }
        for text in
            ["0", "", "abc", "1/0", "1e99", "1.2.3", "nan", "inf", "12345678901234567890", "--1", "1e-2147483648"]
        {
            assert_eq!(Scale::parse(text), None, "{text}");
        }
    }
}
