//! Natural numbers of any length: just what printing exact digits needs.
//!
//! Constraints: no sign, no division by zero from outside (a zero divisor gives zero), schoolbook methods. Values here have a
//! few hundred bits; nothing on a hot path uses them.

use std::cmp::Ordering;

/// Limbs of 32 bits, least first, without leading zero limbs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Big(Vec<u32>);

impl From<u128> for Big {
    fn from(mut value: u128) -> Self {
        let mut limbs = Vec::new();
        while value > 0 {
            limbs.push(value as u32);
            value >>= 32;
        }
        Self(limbs)
    }
}

impl PartialOrd for Big {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Big {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.len().cmp(&other.0.len()).then_with(|| self.0.iter().rev().cmp(other.0.iter().rev()))
    }
}

impl Big {
    /// 10^exponent.
    pub(super) fn power_of_ten(exponent: usize) -> Self {
        (0..exponent).fold(Self::from(1), |power, _| power.times(&Self::from(10)))
    }

    fn trimmed(mut limbs: Vec<u32>) -> Self {
        while limbs.last() == Some(&0) {
            limbs.pop();
        }
        Self(limbs)
    }

    /// Sum.
    pub(crate) fn plus(&self, other: &Self) -> Self {
        let (longer, shorter) = if self.0.len() >= other.0.len() { (self, other) } else { (other, self) };
        let mut carry = 0_u64;
        let mut limbs: Vec<u32> = Vec::with_capacity(longer.0.len() + 1);
        for (i, limb) in longer.0.iter().enumerate() {
            let sum = u64::from(*limb) + u64::from(shorter.0.get(i).copied().unwrap_or(0)) + carry;
            limbs.push(sum as u32);
            carry = sum >> 32;
        }
        limbs.push(carry as u32);
        Self::trimmed(limbs)
    }

    /// Difference; `other` is not larger.
    fn minus(&self, other: &Self) -> Self {
        let mut borrow = 0_i64;
        let mut limbs = Vec::with_capacity(self.0.len());
        for (i, limb) in self.0.iter().enumerate() {
            let mut difference = i64::from(*limb) - i64::from(other.0.get(i).copied().unwrap_or(0)) - borrow;
            borrow = i64::from(difference < 0);
            difference += borrow << 32;
            limbs.push(difference as u32);
        }
        Self::trimmed(limbs)
    }

    /// Product.
    pub(crate) fn times(&self, other: &Self) -> Self {
        let mut limbs = vec![0_u32; self.0.len() + other.0.len()];
        for (i, a) in self.0.iter().enumerate() {
            let mut carry = 0_u64;
            for (slot, b) in limbs.iter_mut().skip(i).zip(other.0.iter().chain(std::iter::once(&0))) {
                let sum = u64::from(*slot) + u64::from(*a) * u64::from(*b) + carry;
                *slot = sum as u32;
                carry = sum >> 32;
            }
        }
        Self::trimmed(limbs)
    }

    fn bits(&self) -> usize {
        self.0.last().map_or(0, |top| self.0.len() * 32 - top.leading_zeros() as usize)
    }

    fn bit(&self, index: usize) -> bool {
        self.0.get(index / 32).is_some_and(|limb| limb >> (index % 32) & 1 == 1)
    }

    fn power_of_two(exponent: usize) -> Self {
        let mut limbs = vec![0; exponent / 32];
        limbs.push(1 << (exponent % 32));
        Self(limbs)
    }

    /// Quotient rounded down, by shift and subtract; zero for a zero divisor.
    pub(super) fn over(&self, divisor: &Self) -> Self {
        let mut limbs = vec![0_u32; self.0.len()];
        let mut rest = Self(Vec::new());
        if divisor.0.is_empty() {
            return rest;
        }
        for index in (0..self.bits()).rev() {
            rest = rest.plus(&rest);
            if self.bit(index) {
                rest = rest.plus(&Self::from(1));
            }
            if rest >= *divisor {
                rest = rest.minus(divisor);
                if let Some(limb) = limbs.get_mut(index / 32) {
                    *limb |= 1 << (index % 32);
                }
            }
        }
        Self::trimmed(limbs)
    }

    /// Square root rounded down, bit by bit.
    pub(super) fn root(&self) -> Self {
        let mut root = Self(Vec::new());
        for index in (0..self.bits().div_ceil(2)).rev() {
            let candidate = root.plus(&Self::power_of_two(index));
            if candidate.times(&candidate) <= *self {
                root = candidate;
            }
        }
        root
    }

    /// Decimal digits without leading zeros; `0` for zero.
    pub(crate) fn to_decimal(&self) -> String {
        let mut limbs = self.0.clone();
        let mut groups = Vec::new();
        while !limbs.is_empty() {
            let mut rest = 0_u64;
            for limb in limbs.iter_mut().rev() {
                let value = rest << 32 | u64::from(*limb);
                *limb = (value / 1_000_000_000) as u32;
                rest = value % 1_000_000_000;
            }
            while limbs.last() == Some(&0) {
                limbs.pop();
            }
            groups.push(rest);
        }
        let mut out = groups.pop().unwrap_or(0).to_string();
        for group in groups.iter().rev() {
            out.push_str(&format!("{group:09}"));
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn agrees_with_machine_integers(a: u64, b: u64, c in 1_u64..) {
            let (x, y, z) = (u128::from(a), u128::from(b), u128::from(c));
            prop_assert_eq!(Big::from(x).times(&Big::from(y)), Big::from(x * y));
            prop_assert_eq!(Big::from(x).plus(&Big::from(y)), Big::from(x + y));
            prop_assert_eq!(Big::from(x * y).over(&Big::from(z)), Big::from(x * y / z));
            prop_assert_eq!(Big::from(x.max(y)).minus(&Big::from(x.min(y))), Big::from(x.abs_diff(y)));
            prop_assert_eq!(Big::from(x * y).root(), Big::from((x * y).isqrt()));
            prop_assert_eq!(Big::from(x * y).to_decimal(), (x * y).to_string());
            prop_assert_eq!(Big::from(x).cmp(&Big::from(y)), x.cmp(&y));
        }

        #[test]
        fn division_undoes_multiplication_beyond_machine_integers(a: u128, b in 1_u128.., c: u64) {
            let (x, y) = (Big::from(a), Big::from(b));
            let rest = Big::from(u128::from(c) % b);
            prop_assert_eq!(x.times(&y).plus(&rest).over(&y), x);
        }
    }
}
