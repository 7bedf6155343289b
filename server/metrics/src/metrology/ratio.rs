//! Whether the scale in the gateway's configuration agrees with the declared transformer ratios.
//!
//! Constraints
//! 1. The configured scale is applied, once, and is the only thing that is; this only compares.
//! 2. With `per_count` stated the comparison is exact: per_count, times CT×PT where the register is on the secondary side.
//! 3. Without it a register's resolution is taken to be a power of ten, as on nearly every meter. Then a scale that is one although
//!    ratios had to be in it, or that has ratios in it although they are inside the register already, is a contradiction. Where
//!    CT×PT is a power of ten itself, or the scale fits neither way, nothing can be said: unchecked.

use crate::column::Meaning;
use crate::exact::Rational;
use crate::metrology::{Meter, Quantity, RegisterSide};

/// What the comparison shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RatioCheck {
    /// The scale is what the ratios make it.
    Agrees,
    /// It is not.
    Contradicts {
        /// kWh or kW per count by the declaration.
        expected: Rational,
        /// kWh or kW per count by the configuration.
        configured: Rational,
    },
    /// It cannot be told.
    Unchecked {
        /// kWh or kW per count by the configuration.
        configured: Rational,
    },
}

/// kWh or kW per count of the raw register, as configured; `None` for a unit of another kind.
pub fn configured(meaning: &Meaning, quantity: Quantity) -> Option<Rational> {
    let unit = match (quantity, meaning.unit.as_str()) {
        (Quantity::Energy, "Wh") | (Quantity::Power, "W") => Rational::new(1, 1000)?,
        (Quantity::Energy, "kWh") | (Quantity::Power, "kW") => Rational::integer(1),
        (Quantity::Energy, "MWh") | (Quantity::Power, "MW") => Rational::integer(1000),
        _ => return None,
    };
    let per_raw = Rational::integer(i128::from(meaning.num).checked_mul(i128::from(meaning.unit_per_raw))?);
    per_raw.over(Rational::integer(meaning.den))?.times(unit)
}

/// Compares a configured scale with a declaration. `None` on overflow or without a ratio.
pub fn check(meter: &Meter, configured: Rational) -> Option<RatioCheck> {
    let ratio = meter.ratio()?;
    let is_secondary = meter.register == RegisterSide::Secondary;
    if let Some(per_count) = meter.per_count.as_deref().and_then(Rational::parse) {
        let expected = if is_secondary { per_count.times(ratio)? } else { per_count };
        let agrees = expected == configured;
        return Some(if agrees { RatioCheck::Agrees } else { RatioCheck::Contradicts { expected, configured } });
    }
    let without = configured.over(ratio)?;
    let (as_secondary, as_primary) = (is_power_of_ten(without), is_power_of_ten(configured));
    let other = if is_secondary { configured.times(ratio)? } else { without };
    Some(match (is_secondary, as_secondary, as_primary) {
        (true, true, false) | (false, false, true) => RatioCheck::Agrees,
        // Without a transformer there is nothing to mistake.
        (false, true, true) if ratio == Rational::integer(1) => RatioCheck::Agrees,
        (true, false, true) | (false, true, false) => RatioCheck::Contradicts { expected: other, configured },
        _ => RatioCheck::Unchecked { configured },
    })
}

fn is_power_of_ten(value: Rational) -> bool {
    let only_tens = |mut n: i128| {
        while n > 1 && n % 10 == 0 {
            n /= 10;
        }
        n == 1
    };
    (value.den() == 1 && only_tens(value.num())) || (value.num() == 1 && only_tens(value.den()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrology::Transformer;

    fn meter(register: RegisterSide, ct: (i64, i64), per_count: Option<&str>) -> Meter {
        Meter {
            machine: "main".to_owned(),
            quantity: Quantity::Energy,
            counts: crate::metrology::Counts::Import,
            serial: String::new(),
            class: None,
            ct: (ct.0 != ct.1).then_some(Transformer { class: None, primary: ct.0, secondary: ct.1 }),
            pt: None,
            register,
            per_count: per_count.map(str::to_owned),
            certificates: vec![],
        }
    }

    fn judge(register: RegisterSide, ct: (i64, i64), per_count: Option<&str>, scale: &str) -> RatioCheck {
        check(&meter(register, ct, per_count), Rational::parse(scale).unwrap()).unwrap()
    }

    #[test]
    fn a_stated_count_is_compared_exactly() {
        use RegisterSide::{Primary, Secondary};
        assert_eq!(judge(Secondary, (200, 5), Some("0.01"), "0.4"), RatioCheck::Agrees, "TV-08");
        let forgotten = judge(Secondary, (200, 5), Some("0.01"), "0.01");
        assert!(matches!(forgotten, RatioCheck::Contradicts { expected, .. } if expected.digits(2) == "0.40"));
        let twice = judge(Primary, (200, 5), Some("0.4"), "16");
        assert!(matches!(twice, RatioCheck::Contradicts { expected, .. } if expected.digits(1) == "0.4"));
        assert!(matches!(judge(Secondary, (200, 5), Some("0.01"), "-0.4"), RatioCheck::Contradicts { .. }));
    }

    #[test]
    fn without_it_powers_of_ten_tell_what_can_be_told() {
        use RegisterSide::{Primary, Secondary};
        assert_eq!(judge(Secondary, (200, 5), None, "0.4"), RatioCheck::Agrees);
        let forgotten = judge(Secondary, (200, 5), None, "0.01");
        assert!(matches!(forgotten, RatioCheck::Contradicts { expected, .. } if expected.digits(1) == "0.4"));
        assert_eq!(judge(Primary, (200, 5), None, "0.01"), RatioCheck::Agrees);
        let twice = judge(Primary, (200, 5), None, "0.4");
        assert!(matches!(twice, RatioCheck::Contradicts { expected, .. } if expected.digits(2) == "0.01"));
        assert_eq!(judge(Primary, (1, 1), None, "1"), RatioCheck::Agrees, "directly connected");
        for scale in ["0.01", "1"] {
            let unknowable = judge(Secondary, (500, 5), None, scale);
            assert!(matches!(unknowable, RatioCheck::Unchecked { .. }), "100 is a power of ten");
        }
        assert!(matches!(judge(Secondary, (200, 5), None, "0.0125"), RatioCheck::Unchecked { .. }), "a pulse constant");
        assert!(matches!(judge(Primary, (1, 1), None, "0.00125"), RatioCheck::Unchecked { .. }));
    }

    #[test]
    fn the_configured_scale_is_per_raw_count_in_kilowatt_hours() {
        let mut meaning = Meaning {
            num: 4,
            den: 10,
            unit: "kWh".to_owned(),
            interval_ms: 1,
            modulus: None,
            max_per_hour: None,
            unit_per_raw: 1,
            text: false,
        };
        let of = |m: &Meaning| configured(m, Quantity::Energy);
        assert_eq!(of(&meaning), Rational::new(2, 5));
        meaning.unit = "MWh".to_owned();
        assert_eq!(of(&meaning), Some(Rational::integer(400)));
        (meaning.unit, meaning.den, meaning.unit_per_raw) = ("kWh".to_owned(), 10_000_000, 1_000_000);
        assert_eq!(of(&meaning), Rational::new(2, 5), "a float register is stored in millionths");
        meaning.unit = "kvarh".to_owned();
        assert_eq!(of(&meaning), None);
    }
}
