//! Points of a questionnaire, exactly: whole thousandths, because a part of a question may be worth 1.875.

use serde::{Deserialize, Deserializer};

use crate::exact::Rational;

/// Points, in thousandths; never negative.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Points(i64);

/// Most points anything may have.
const POINTS_MAX: i64 = 1_000;

impl Points {
    /// None.
    pub const ZERO: Self = Self(0);

    /// From whole thousandths; `None` below zero or above a thousand points.
    pub fn from_thousandths(thousandths: i64) -> Option<Self> {
        (0..=POINTS_MAX * 1_000).contains(&thousandths).then_some(Self(thousandths))
    }

    /// Reads a plain decimal with at most three decimals, e.g. `1.875`.
    pub fn parse(text: &str) -> Option<Self> {
        let scaled = Rational::parse(text)?.times(Rational::integer(1_000))?;
        let whole = (scaled.den() == 1).then_some(scaled.num())?;
        Self::from_thousandths(i64::try_from(whole).ok()?)
    }

    /// Thousandths of a point.
    pub const fn thousandths(self) -> i64 {
        self.0
    }

    /// As a quotient.
    pub fn rational(self) -> Rational {
        Rational::new(self.0.into(), 1_000).unwrap_or(Rational::ZERO)
    }

    /// With as many decimals as it needs: `29.5`, `6`, `1.875`.
    pub fn digits(self) -> String {
        let text = self.rational().digits(3);
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    }

    /// Sum.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl std::iter::Sum for Points {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::ZERO, Self::plus)
    }
}

impl<'de> Deserialize<'de> for Points {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bad = || {
            serde::de::Error::custom(format!(
                "`{text}` is not points: a decimal from 0 to {POINTS_MAX}, at most three decimals"
            ))
        };
        Self::parse(&text).ok_or_else(bad)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_are_exact_and_print_as_short_as_they_are() {
        for text in ["0", "1.875", "29.5", "7", "100", "1000", "0.7"] {
            assert_eq!(Points::parse(text).unwrap().digits(), text);
        }
        for bad in ["-1", "1.8755", "1000.001", "1e2", "", "NaN", "0.0001", "99999999999999999999999999999"] {
            assert_eq!(Points::parse(bad), None, "{bad}");
        }
        let thirteen: Points = std::iter::repeat_n(Points::parse("0.7").unwrap(), 13).sum();
        assert_eq!(thirteen.plus(Points::parse("0.9").unwrap()), Points::parse("10").unwrap());
    }
}
