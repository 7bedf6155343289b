//! Exact decimals: the only door from integers to the digits a report prints.
//!
//! Constraints
//! 1. A ratio is divided once, at the edge, by integer arithmetic; nothing downstream computes with the quotient.
//! 2. Rounding is half away from zero on the magnitude ("half-up"), six decimals, always all six printed, so that two
//!    machines (and a reader in another language) print the same bytes.
//! 3. A float that arrives from a device is turned into a fixed-point integer from its bits, exactly, before anything
//!    is done with it; not-a-number, infinities and out-of-range magnitudes become `None`.
//!
//! Nothing here panics: overflow is `None`, and the caller reports the value as undefined.

/// How many decimals a printed ratio has.
pub const DECIMALS: usize = 6;
const UNIT: i128 = 1_000_000;

/// Divides with rounding half away from zero. `None` when `den` is zero or the intermediate overflows.
pub fn div_half_up(num: i128, den: i128) -> Option<i128> {
    if den == 0 {
        return None;
    }
    let negative = (num < 0) != (den < 0);
    let (num, den) = (num.unsigned_abs(), den.unsigned_abs());
    let quotient = num / den;
    let remainder = num % den;
    let rounded = if remainder >= den - remainder { quotient.checked_add(1)? } else { quotient };
    let rounded = i128::try_from(rounded).ok()?;
    Some(if negative { -rounded } else { rounded })
}

/// Divides towards minus infinity. `None` when `den` is not positive.
pub fn div_floor(num: i128, den: i128) -> Option<i128> {
    (den > 0).then(|| num.div_euclid(den))
}

/// Prints `num / den` with six decimals, half away from zero; `None` when undefined.
pub fn ratio6(num: i128, den: i128) -> Option<String> {
    Some(fixed6(div_half_up(num.checked_mul(UNIT)?, den)?))
}

/// Prints a fixed-point number given in millionths.
pub fn fixed6(millionths: i128) -> String {
    let sign = if millionths < 0 { "-" } else { "" };
    let magnitude = millionths.unsigned_abs();
    format!("{sign}{}.{:06}", magnitude / UNIT as u128, magnitude % UNIT as u128)
}

/// Prints the exact binary value of a float with six decimals, half away from zero; `None` for not-a-number and for
/// magnitudes beyond what fixed point holds. Used for statistics only.
pub fn float6(value: f64) -> Option<String> {
    Some(fixed6(float_scaled(value, UNIT, 1)?))
}

/// `value × num / den`, rounded half away from zero, computed from the bits of the float and therefore exactly.
///
/// `None` for not-a-number, infinities, `den` ≤ 0, and results beyond 2^126.
pub fn float_scaled(value: f64, num: i128, den: i128) -> Option<i128> {
    if !value.is_finite() || den <= 0 {
        return None;
    }
    let bits = value.to_bits();
    let negative = bits >> 63 == 1;
    let exponent = ((bits >> 52) & 0x7ff) as i32;
    let fraction = (bits & ((1 << 52) - 1)) as i128;
    let (mantissa, shift) = if exponent == 0 { (fraction, -1074) } else { (fraction | (1 << 52), exponent - 1075) };
    if mantissa == 0 {
        return Some(0);
    }
    // A mantissa keeps as few bits as it needs, so that ordinary values leave room for the scale.
    let free = mantissa.trailing_zeros() as i32;
    let (mantissa, shift) = (mantissa >> free, shift + free);
    let scaled = mantissa.checked_mul(num)?;
    let result = if shift >= 0 {
        let factor = 1_i128.checked_shl(u32::try_from(shift).ok()?).filter(|f| *f > 0)?;
        div_half_up(scaled.checked_mul(factor)?, den)?
    } else {
        let shift = u32::try_from(-shift).ok()?;
        match 1_i128.checked_shl(shift).filter(|f| *f > 0).and_then(|f| f.checked_mul(den)) {
            Some(divisor) => div_half_up(scaled, divisor)?,
            // The divisor exceeds 2^126 while the scaled mantissa is far below: the value rounds to zero.
            None => 0,
        }
    };
    Some(if negative { -result } else { result })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_round_away_from_zero() {
        assert_eq!(ratio6(1, 2_000_000).unwrap(), "0.000001");
        assert_eq!(ratio6(-1, 2_000_000).unwrap(), "-0.000001");
        assert_eq!(ratio6(1, 2_000_001).unwrap(), "0.000000");
        assert_eq!(ratio6(18_624, 25_800).unwrap(), "0.721860");
        assert_eq!(ratio6(1, 0), None);
        assert_eq!(div_half_up(i128::MIN, 1), None);
        assert_eq!(div_half_up(i128::MAX, 1), Some(i128::MAX));
    }

    #[test]
    fn floats_convert_from_their_bits() {
        assert_eq!(float_scaled(0.1, 1_000_000, 1), Some(100_000));
        assert_eq!(float_scaled(-1234.5, 10, 1), Some(-12_345));
        assert_eq!(float_scaled(f64::NAN, 1, 1), None);
        assert_eq!(float_scaled(f64::INFINITY, 1, 1), None);
        assert_eq!(float_scaled(f64::MIN_POSITIVE, 1_000_000, 1), Some(0));
        assert_eq!(float_scaled(f64::MAX, 1_000_000, 1), None);
        assert_eq!(float_scaled(5e-324, 1, 1), Some(0));
        assert_eq!(float6(0.104_223_522).unwrap(), "0.104224");
    }
}
