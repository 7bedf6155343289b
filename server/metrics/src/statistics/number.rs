//! How a statistic is printed: one rule, the same digits on every machine.
//!
//! Constraints: plain decimal notation, twelve significant digits for magnitudes above one and twelve decimals below, half away
//! from zero on the exact binary value, trailing zeros dropped, no negative zero; nothing at or beyond 10^22. Undefined prints as an object with the reason,
//! never as 0 and never as not-a-number.

use serde::ser::{Serialize, SerializeMap as _, Serializer};

use super::Undefined;
use crate::decimal::float_scaled;

/// Decimals of a magnitude below one, and significant digits above.
const DIGITS: usize = 12;
/// Powers of ten are exact as floats up to here.
const LIMIT: f64 = 1e22;

/// A statistic, or why it has none.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Number(Result<f64, Undefined>);

impl Number {
    /// A value; not-a-number and infinities become [`Undefined::Overflow`].
    pub const fn new(value: f64) -> Self {
        Self(if value.is_finite() { Ok(value) } else { Err(Undefined::Overflow) })
    }

    /// No value.
    pub const fn undefined(why: Undefined) -> Self {
        Self(Err(why))
    }

    /// `a / b`, undefined when `b` is zero.
    pub fn ratio(a: f64, b: f64) -> Self {
        if b == 0.0 { Self(Err(Undefined::ZeroDenominator)) } else { Self::new(a / b) }
    }

    /// The value.
    ///
    /// # Errors
    /// Why there is none.
    pub const fn get(self) -> Result<f64, Undefined> {
        self.0
    }

    /// The value, if there is one.
    pub fn ok(self) -> Option<f64> {
        self.0.ok()
    }

    /// The value through a function.
    #[must_use]
    pub fn map(self, f: impl FnOnce(f64) -> f64) -> Self {
        match self.0 {
            Ok(v) => Self::new(f(v)),
            Err(why) => Self(Err(why)),
        }
    }

    /// The digits; `None` when undefined or of magnitude 10^22 and more.
    pub fn digits(self) -> Option<String> {
        let value = self.0.ok().filter(|v| v.abs() < LIMIT)?;
        let mut decimals = DIGITS;
        let mut bound = 1.0;
        // Exact powers of ten: every machine takes away the same decimals.
        while decimals > 0 && value.abs() >= bound {
            bound *= 10.0;
            decimals -= 1;
        }
        let scaled = float_scaled(value, 10_i128.pow(decimals as u32), 1)?;
        let magnitude = format!("{:0width$}", scaled.unsigned_abs(), width = decimals + 1);
        let (whole, fraction) = magnitude.split_at(magnitude.len() - decimals);
        let fraction = fraction.trim_end_matches('0');
        let sign = if scaled < 0 { "-" } else { "" };
        let point = if fraction.is_empty() { "" } else { "." };
        Some(format!("{sign}{whole}{point}{fraction}"))
    }
}

impl From<f64> for Number {
    fn from(value: f64) -> Self {
        Self::new(value)
    }
}

impl From<Result<f64, Undefined>> for Number {
    fn from(value: Result<f64, Undefined>) -> Self {
        match value {
            Ok(v) => Self::new(v),
            Err(why) => Self(Err(why)),
        }
    }
}

impl Serialize for Number {
    /// A string of digits, or `{"undefined": "REASON"}`.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if let Some(digits) = self.digits() {
            return serializer.serialize_str(&digits);
        }
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry("undefined", self.0.err().unwrap_or(Undefined::Overflow).code())?;
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_the_same_everywhere() {
        let text = |v: f64| Number::new(v).digits().unwrap();
        assert_eq!(text(0.0), "0");
        assert_eq!(text(-1e-17), "0", "no negative zero");
        assert_eq!(text(0.006_408_827_71), "0.00640882771");
        assert_eq!(text(44_270.921_571_512_34), "44270.9215715");
        assert_eq!(text(1.0), "1");
        assert_eq!(text(9.999_999_999_999_9), "10");
        assert_eq!(text(-59_719.227_399), "-59719.227399");
        assert_eq!(text(123_456_789_012.5), "123456789013", "half away from zero, no decimals left");
        assert_eq!(text(1e21), "1000000000000000000000");
        assert_eq!((Number::new(1e22).digits(), Number::new(-1e300).digits()), (None, None));
        assert_eq!(Number::new(f64::NAN), Number::undefined(Undefined::Overflow));
        let json = |n: Number| serde_json::to_string(&n).unwrap();
        assert_eq!(json(Number::ratio(1.0, 3.0)), "\"0.333333333333\"");
        assert_eq!(json(Number::ratio(1.0, 0.0)), "{\"undefined\":\"ZERO_DENOMINATOR\"}");
        assert_eq!(json(Number::new(1e30)), "{\"undefined\":\"OVERFLOW\"}");
    }
}
