//! Before against after: the change of a ratio of sums, with an interval anyone can repeat (reference §3.9, TV-18).
//!
//! Constraints
//! 1. The unit is the production day; days without planned time stay in the series as 0/0, so that blocks keep their
//!    weekly phase. Machines are summed per day first, never resampled apart.
//! 2. Circular block bootstrap with SplitMix64 and a published seed: per replicate the *before* sample is drawn fully,
//!    then the *after* sample, from one generator. Quantiles are type 7.
//! 3. Sums are exact integers; floats appear only in the quotients of sums and in the quantile, in a fixed order, without
//!    fused operations: the same on every machine.
//! 4. Fewer than twenty days on a side: insufficient, no interval.

/// Fewest days per side for an interval.
pub const DAYS_MIN: usize = 20;

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
}

/// One production day: numerator and denominator.
pub type Day = (i128, i128);

/// The change of a ratio of sums.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// Σ numerators and Σ denominators before.
    pub before: Day,
    /// Σ numerators and Σ denominators after.
    pub after: Day,
    /// Days in the series, before and after.
    pub days: (usize, usize),
    /// 95 % interval of after − before; `None` when there are too few days.
    pub interval: Option<(f64, f64)>,
    /// Block length used, days.
    pub block: usize,
}

/// What may be said about a change (reference §3.9).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The interval lies above zero.
    Up,
    /// The interval lies below zero.
    Down,
    /// The interval contains zero.
    NotSignificant,
    /// No interval.
    Insufficient,
}

impl Verdict {
    /// The code printed in reports.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Up => "UP",
            Self::Down => "DOWN",
            Self::NotSignificant => "NOT_SIGNIFICANT",
            Self::Insufficient => "INSUFFICIENT",
        }
    }

    /// The words of the reference, Chinese and English.
    pub const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Up => ("提升（95% 置信）", "up (95 % confidence)"),
            Self::Down => ("下降（95% 置信）", "down (95 % confidence)"),
            Self::NotSignificant => ("统计上无显著变化", "no statistically significant change"),
            Self::Insufficient => ("样本不足，不作结论", "too few days for a statement"),
        }
    }
}

impl Change {
    /// What may be said.
    pub fn verdict(&self) -> Verdict {
        match self.interval {
            None => Verdict::Insufficient,
            Some((low, _)) if low > 0.0 => Verdict::Up,
            Some((_, high)) if high < 0.0 => Verdict::Down,
            Some(_) => Verdict::NotSignificant,
        }
    }
}

/// Compares two series of days. `block` is at least `ceil(n^(1/3))` of the longer series; 7 keeps the weekly phase.
pub fn compare(before: &[Day], after: &[Day], block: usize, replicates: usize, seed: u64) -> Change {
    let longest = before.len().max(after.len());
    let block = block.max(cube_root_ceil(longest)).min(longest.max(1));
    compare_with_block(before, after, block, replicates, seed)
}

/// The same with exactly this block length.
pub fn compare_with_block(before: &[Day], after: &[Day], block: usize, replicates: usize, seed: u64) -> Change {
    let mut change =
        Change { before: sum(before), after: sum(after), days: (before.len(), after.len()), interval: None, block };
    let enough = before.len().min(after.len()) >= DAYS_MIN && replicates > 0 && block > 0;
    if enough && change.before.1 > 0 && change.after.1 > 0 {
        let mut differences = replicate_differences(before, after, block, replicates, seed);
        differences.sort_by(f64::total_cmp);
        change.interval = quantile7(&differences, 0.025).zip(quantile7(&differences, 0.975));
    }
    change
}

/// after − before of every replicate, in the order drawn. A replicate whose sample has no denominator counts as ratio 0.
pub fn replicate_differences(before: &[Day], after: &[Day], block: usize, replicates: usize, seed: u64) -> Vec<f64> {
    let mut random = SplitMix64::new(seed);
    (0..replicates)
        .map(|_| {
            let b = resample(before, block, &mut random);
            let a = resample(after, block, &mut random);
            quotient(a) - quotient(b)
        })
        .collect()
}

/// Sum of a circular block sample of the series' own length.
fn resample(days: &[Day], block: usize, random: &mut SplitMix64) -> Day {
    let n = days.len();
    let mut left = n;
    let mut total = (0_i128, 0_i128);
    while left > 0 {
        let start = ((u128::from(random.next_u64() >> 11) * n as u128) >> 53) as usize;
        for k in 0..block.min(left) {
            if let Some(day) = days.get((start + k) % n) {
                total = (total.0.saturating_add(day.0), total.1.saturating_add(day.1));
            }
        }
        left -= block.min(left);
    }
    total
}

fn sum(days: &[Day]) -> Day {
    days.iter().fold((0, 0), |t, d| (t.0.saturating_add(d.0), t.1.saturating_add(d.1)))
}

/// A quotient of sums as a float; 0 when there is no denominator.
pub fn quotient((num, den): Day) -> f64 {
    if den == 0 { 0.0 } else { num as f64 / den as f64 }
}

/// Quantile type 7 (Hyndman and Fan) of sorted values.
pub fn quantile7(sorted: &[f64], p: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let h = last as f64 * p;
    let below = libm::floor(h);
    let low = *sorted.get(below as usize)?;
    let high = *sorted.get((below as usize + 1).min(last))?;
    Some(low + (h - below) * (high - low))
}

fn cube_root_ceil(n: usize) -> usize {
    (1..).find(|k| k * k * k >= n).unwrap_or(1)
}

#[cfg(test)]
mod tests;
