//! Seeded randomness, specified so that every platform draws the same numbers.
//!
//! Constraints: no floating point, no global state, no platform generator. [`SplitMix64`] is the published generator
//! (Steele, Lea, Flood 2014); [`hash3`] is its finaliser over a tuple, for noise that must be random-access in time;
//! the exponential variate is computed with integers so that a run on ARM equals a run on x86.

/// The SplitMix64 generator: 64 bits of state, one output per step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SplitMix64(u64);

/// The finaliser of SplitMix64: a bijection that spreads every input bit over the output.
pub fn mix(value: u64) -> u64 {
    let z = (value ^ (value >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// A number that depends only on the three arguments: noise for one stream at one slot.
pub fn hash3(seed: u64, stream: u64, index: u64) -> u64 {
    mix(mix(seed ^ mix(stream.wrapping_mul(0x9E37_79B9_7F4A_7C15)))
        .wrapping_add(index.wrapping_mul(0xD1B5_4A32_D192_ED03)))
}

impl SplitMix64 {
    /// A generator whose whole future is `seed`.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        mix(self.0)
    }

    /// Uniform in `0..bound`; 0 when `bound` is 0. The bias (below 2⁻³²) does not matter for a simulation.
    pub fn below(&mut self, bound: u64) -> u64 {
        scale(self.next_u64(), bound)
    }

    /// Uniform in `low..=high`, in the caller's unit.
    pub fn between(&mut self, low: i64, high: i64) -> i64 {
        if high <= low {
            return low;
        }
        low + self.below((high - low + 1) as u64) as i64
    }

    /// Exponential waiting time with the given mean, in the unit of the mean; at most about 44 means.
    pub fn exponential(&mut self, mean: i64) -> i64 {
        let u = self.next_u64() | 1;
        let zeros = u.leading_zeros();
        let normal = u << zeros;
        let fraction = ((normal << 1) >> 48) as u128;
        // log2(1 + f) ≈ f + 0.3431·f·(1 − f), error below 0.01; everything in units of 2⁻¹⁶.
        let log_mantissa = fraction + 22_486 * fraction * (65_536 - fraction) / (65_536 * 65_536);
        let minus_log2 = ((u128::from(zeros) + 1) << 16) - log_mantissa;
        let minus_ln = minus_log2 * 45_426 / 65_536;
        (mean.max(0) as u128 * minus_ln / 65_536) as i64
    }

    /// True with a probability of `ppm` parts per million.
    pub fn chance_ppm(&mut self, ppm: u64) -> bool {
        self.below(1_000_000) < ppm
    }
}

/// Map 64 random bits to `0..bound` by multiplication.
pub fn scale(random: u64, bound: u64) -> u64 {
    ((u128::from(random) * u128::from(bound)) >> 64) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_the_published_sequence() {
        // First outputs of SplitMix64 for seed 1234567, as printed in Vigna's and Rosetta Code's references.
        let mut rng = SplitMix64::new(1_234_567);
        assert_eq!(rng.next_u64(), 6_457_827_717_110_365_317);
        assert_eq!(rng.next_u64(), 3_203_168_211_198_807_973);
    }

    #[test]
    fn exponential_has_its_mean() {
        let mut rng = SplitMix64::new(7);
        let n = 200_000;
        let sum: i64 = (0..n).map(|_| rng.exponential(60_000)).sum();
        let mean = sum / n;
        assert!((58_800..=61_200).contains(&mean), "mean {mean}");
    }
}
