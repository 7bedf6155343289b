//! Circular block bootstrap of a ratio of sums, with a generator that is specified to the bit (reference §3.9, TV-18).
//!
//! Constraints
//! 1. Per replicate the *before* sample is drawn fully, then the *after* sample, from one generator.
//! 2. A sample: ⌈n/L⌉ starts, `start = ((u64 >> 11)·n) >> 53` with a 128-bit product; from each start L consecutive values, around
//!    the end to the beginning; cut to n. Circular, so that the ends are drawn as often as the middle.
//! 3. Sums are exact integers; the only floating-point operations are the two quotients and their difference.
//! 4. A sample without denominator has no ratio: then there is no interval. It is not counted as zero.
//! 5. Two series of the same dates are drawn *paired*: one set of starts for both, so that what a day did to both — orders, weather, a
//!    power cut — stays in their difference as it was.

use super::Undefined;

/// SplitMix64 (Steele, Lea, Flood 2014).
#[derive(Debug, Clone)]
pub struct SplitMix64(u64);

impl SplitMix64 {
    /// Starts from a seed.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    pub const fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `n` (0 when `n` is 0), by the product of constraint 2.
    pub const fn below(&mut self, n: usize) -> usize {
        ((((self.next_u64() >> 11) as u128) * n as u128) >> 53) as usize
    }
}

/// Numerator and denominator of one unit: a production day or a shift.
pub type Pair = (i128, i128);

/// Σ numerators and Σ denominators.
pub fn total(units: &[Pair]) -> Pair {
    units.iter().fold((0, 0), |t, u| (t.0.saturating_add(u.0), t.1.saturating_add(u.1)))
}

/// A quotient of sums; `None` without denominator.
pub fn quotient((num, den): Pair) -> Option<f64> {
    (den != 0).then(|| num as f64 / den as f64)
}

/// The sums of one circular block sample of the series' own length.
pub fn sample(units: &[Pair], block: usize, random: &mut SplitMix64) -> Pair {
    let mut sums = (0, 0);
    draw(units.len(), block, random, |i| sums = plus(sums, units.get(i)));
    sums
}

/// The indexes of one circular block sample of `n` units, in the order drawn.
fn draw(n: usize, block: usize, random: &mut SplitMix64, mut take: impl FnMut(usize)) {
    let block = block.max(1);
    let mut left = n;
    while left > 0 {
        let start = random.below(n);
        (0..block.min(left)).for_each(|k| take((start + k) % n));
        left -= block.min(left);
    }
}

fn plus(sums: Pair, unit: Option<&Pair>) -> Pair {
    unit.map_or(sums, |u| (sums.0.saturating_add(u.0), sums.1.saturating_add(u.1)))
}

/// other − reference, or other / reference − 1 with `is_relative`, of every replicate, in the order drawn: the two series are of the same
/// dates, and every replicate takes the same dates of both.
///
/// # Errors
/// Series of different lengths, a replicate without denominator, or one whose reference is zero.
pub fn paired(
    reference: &[Pair],
    other: &[Pair],
    (block, replicates, seed): (usize, usize, u64),
    is_relative: bool,
) -> Result<Vec<f64>, Undefined> {
    if reference.len() != other.len() {
        return Err(Undefined::ZeroDenominator);
    }
    let mut random = SplitMix64::new(seed);
    (0..replicates)
        .map(|_| {
            let (mut r, mut o) = ((0, 0), (0, 0));
            draw(reference.len(), block, &mut random, |i| {
                r = plus(r, reference.get(i));
                o = plus(o, other.get(i));
            });
            match quotient(r).zip(quotient(o)) {
                Some((r, o)) if !is_relative => Ok(o - r),
                Some((r, o)) if r != 0.0 => Ok(o / r - 1.0),
                _ => Err(Undefined::ZeroDenominator),
            }
        })
        .collect()
}

/// after − before of every replicate, in the order drawn.
///
/// # Errors
/// A replicate without denominator.
pub fn differences(
    before: &[Pair],
    after: &[Pair],
    block: usize,
    replicates: usize,
    seed: u64,
) -> Result<Vec<f64>, Undefined> {
    replicate(before, after, (block, replicates, seed), |a, b| Some(a - b))
}

/// after / before − 1 of every replicate, in the order drawn.
///
/// # Errors
/// A replicate without denominator, or whose baseline is zero.
pub fn relatives(
    before: &[Pair],
    after: &[Pair],
    block: usize,
    replicates: usize,
    seed: u64,
) -> Result<Vec<f64>, Undefined> {
    replicate(before, after, (block, replicates, seed), |a, b| (b != 0.0).then(|| a / b - 1.0))
}

fn replicate(
    before: &[Pair],
    after: &[Pair],
    (block, replicates, seed): (usize, usize, u64),
    of: fn(f64, f64) -> Option<f64>,
) -> Result<Vec<f64>, Undefined> {
    let mut random = SplitMix64::new(seed);
    (0..replicates)
        .map(|_| {
            let b = quotient(sample(before, block, &mut random));
            let a = quotient(sample(after, block, &mut random));
            a.zip(b).and_then(|(a, b)| of(a, b)).ok_or(Undefined::ZeroDenominator)
        })
        .collect()
}

/// ⌈n^(1/3)⌉, in integers.
pub fn cube_root_ceil(n: usize) -> usize {
    (1..).find(|k: &usize| k.saturating_mul(*k).saturating_mul(*k) >= n).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splitmix64_gives_the_published_numbers() {
        let mut random = SplitMix64::new(0);
        assert_eq!(random.next_u64(), 0xe220_a839_7b1d_cdaf);
        assert_eq!(random.next_u64(), 0x6e78_9e6a_a1b9_65f4);
        assert_eq!(SplitMix64::new(0).below(0), 0);
    }

    #[test]
    fn a_block_as_long_as_the_series_is_a_rotation() {
        let units: Vec<Pair> = (1..=9).map(|k| (k, 10)).collect();
        let mut random = SplitMix64::new(7);
        for _ in 0..20 {
            assert_eq!(sample(&units, 9, &mut random), total(&units));
        }
        assert_eq!(sample(&[], 3, &mut random), (0, 0));
        let reached: std::collections::BTreeSet<Pair> = (0..200).map(|_| sample(&units, 1, &mut random)).collect();
        assert!(reached.len() > 20, "samples differ");
    }

    #[test]
    fn pairs_keep_what_a_day_did_to_both() {
        // Days differ wildly, and equally on both sides: the difference of sums over the same dates is always ten of a hundred.
        let reference: Vec<Pair> = (0..30).map(|k| (20 + k * k % 60, 100)).collect();
        let other: Vec<Pair> = reference.iter().map(|(n, d)| (n + 10, *d)).collect();
        let drawn = paired(&reference, &other, (7, 200, 5), false).unwrap();
        assert!(drawn.iter().all(|d| (d - 0.1).abs() < 1e-12), "{drawn:?}");
        let apart = differences(&reference, &other, 7, 200, 5).unwrap();
        assert!(apart.iter().any(|d| (d - 0.1).abs() > 0.02), "drawn apart they scatter");
        let double: Vec<Pair> = reference.iter().map(|(n, d)| (2 * n, *d)).collect();
        let relative = paired(&reference, &double, (7, 200, 5), true).unwrap();
        assert!(relative.iter().all(|r| (r - 1.0).abs() < 1e-12));
        assert!(paired(&reference, &other[1..], (7, 1, 5), false).is_err(), "other dates");
        assert!(paired(&[(0, 1)], &[(1, 1)], (1, 1, 5), true).is_err(), "nothing to relate to");
    }

    #[test]
    fn a_sample_without_denominator_is_no_zero() {
        let units = [(0, 0), (0, 0), (0, 0), (5, 10)];
        assert_eq!(differences(&units, &units, 1, 200, 1), Err(Undefined::ZeroDenominator));
        assert_eq!(quotient((5, 0)), None);
        let roots: Vec<usize> = [0, 1, 8, 9, 27, 28].into_iter().map(cube_root_ceil).collect();
        assert_eq!(roots, [1, 1, 2, 3, 3, 4]);
    }
}
