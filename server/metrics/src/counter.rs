//! Cumulative registers — part counters and energy registers alike: what passed through them in a stretch of time.
//!
//! Constraints
//! 1. A register is never scaled up across a gap: the difference across it is exact if the register kept counting
//!    (reference §3.7), and the bounds say how much of it may belong to either side of an edge.
//! 2. At an edge between two samples the register is interpolated in a straight line and rounded down (TV-09). The
//!    rounded value depends on the edge alone, so neighbouring windows add up to the whole, to the unit.
//! 3. Rollover, reset and excess follow TV-07: forward if the difference is possible at the greatest credible rate;
//!    else a wrap at the modulus if *that* is possible; else a reset, of which only what was counted since is known.
//!    One unit of tolerance is allowed, because a tick may fall just inside either sample.
//! 4. A reset, an impossible step and the time before the first or after the last sample are `open`: an unknown amount
//!    passed. The caller bounds what passed there, and between a sample and an edge, by what is physically possible; the value
//!    never includes a guess.
//!
//! All amounts are integers in the register's own unit; nothing here allocates per sample.

use crate::interval::Interval;

mod stretch;

pub use self::stretch::{Amount, Stretch, change};

/// How a register behaves.
#[derive(Debug, Clone, Default)]
pub struct RegisterRule {
    /// The register wraps to zero here.
    pub modulus: Option<i64>,
    /// Greatest credible amount per hour.
    pub rate_max_per_hour: Option<i64>,
    /// A longer silence than this at the edges of the data leaves time uncovered, milliseconds.
    pub gap_ms_max: i64,
    /// Declared exchanges of the register, sorted by time.
    pub replaced: Vec<Replacement>,
}

/// A declared exchange of a register (meter replaced, counter zeroed by maintenance).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Replacement {
    /// When, UTC milliseconds.
    pub at_ms: i64,
    /// Last value of the old register.
    pub old_final: i64,
    /// First value of the new register.
    pub new_initial: i64,
}

/// What happened between two consecutive samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Ordinary counting.
    Forward(i64),
    /// Counted through the modulus.
    Rollover(i64),
    /// Started again from zero; the amount is what was counted since, what came before is unknown.
    Reset(i64),
    /// More than possible: the amount is unknown.
    Excess,
}

impl RegisterRule {
    /// Judges one step (TV-07).
    pub fn step(&self, before: i64, after: i64, elapsed_ms: i64) -> Step {
        let possible = |amount: i64| match self.rate_max_per_hour {
            Some(rate) => (i128::from(amount) - 1) * 3_600_000 <= i128::from(rate) * i128::from(elapsed_ms.max(0)),
            None => true,
        };
        let Some(difference) = after.checked_sub(before) else { return Step::Excess };
        if difference >= 0 {
            return if possible(difference) { Step::Forward(difference) } else { Step::Excess };
        }
        if let (Some(modulus), Some(_)) = (self.modulus, self.rate_max_per_hour) {
            let wrapped = difference.saturating_add(modulus);
            if before < modulus && wrapped >= 0 && possible(wrapped) {
                return Step::Rollover(wrapped);
            }
        }
        if after >= 0 && possible(after) { Step::Reset(after) } else { Step::Excess }
    }

    /// Judges a step that may contain declared exchanges of the register.
    fn step_with_replacements(&self, before: (i64, i64), after: (i64, i64)) -> (Step, bool) {
        let inside = self.replaced.iter().filter(|r| before.0 < r.at_ms && r.at_ms <= after.0);
        let (mut at, mut amount, mut any) = (before, 0_i64, false);
        for r in inside {
            any = true;
            match self.step(at.1, r.old_final, r.at_ms - at.0) {
                Step::Forward(d) | Step::Rollover(d) => amount = amount.saturating_add(d),
                Step::Reset(_) | Step::Excess => return (Step::Excess, true),
            }
            at = (r.at_ms, r.new_initial);
        }
        if !any {
            return (self.step(before.1, after.1, after.0 - before.0), false);
        }
        // The last part has its own, shorter time; what the exchange took is not known to the millisecond.
        match self.step(at.1, after.1, after.0 - before.0) {
            Step::Forward(d) | Step::Rollover(d) => (Step::Forward(amount.saturating_add(d)), true),
            Step::Reset(_) | Step::Excess => (Step::Excess, true),
        }
    }
}

/// A value with the least and the most it can be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Bounded {
    /// What the record says.
    pub value: i128,
    /// Not less than this.
    pub lower: i128,
    /// Not more than this.
    pub upper: i128,
}

impl Bounded {
    /// A value known exactly.
    pub const fn exact(value: i128) -> Self {
        Self { value, lower: value, upper: value }
    }

    /// Adds another amount, bound by bound.
    pub const fn add(&mut self, other: Self) {
        self.value = self.value.saturating_add(other.value);
        self.lower = self.lower.saturating_add(other.lower);
        self.upper = self.upper.saturating_add(other.upper);
    }

    /// Both amounts together.
    #[must_use]
    pub const fn plus(mut self, other: Self) -> Self {
        self.add(other);
        self
    }

    /// An amount of units times what a unit stands for; neither is ever negative.
    #[must_use]
    pub const fn times(self, unit: Self) -> Self {
        Self {
            value: self.value.saturating_mul(unit.value),
            lower: self.lower.saturating_mul(unit.lower),
            upper: self.upper.saturating_mul(unit.upper),
        }
    }

    /// The same value, with bounds that also admit another's.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self { value: self.value, lower: self.lower.min(other.lower), upper: self.upper.max(other.upper) }
    }
}

/// What one unit of the register stands for. Its bounds lie apart where the product may have changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Weight {
    /// Items per unit (cavities, spindles); 1 for energy.
    pub items: Bounded,
    /// Planned time of all those items, microseconds; `None` when no cycle time is declared.
    pub standard_us: Option<Bounded>,
}

impl Weight {
    /// A unit that counts as one and has no planned time.
    pub const ONE: Self = Self { items: Bounded::exact(1), standard_us: None };

    /// Items per unit, and the planned time of all of them in microseconds.
    pub const fn exact(items: i64, standard_us: i64) -> Self {
        Self { items: Bounded::exact(items as i128), standard_us: Some(Bounded::exact(standard_us as i128)) }
    }

    /// The same value, but it may have been another's.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        let standard_us = match (self.standard_us, other.standard_us) {
            (Some(mine), Some(theirs)) => Some(mine.or(theirs)),
            (mine, _) => mine,
        };
        Self { items: self.items.or(other.items), standard_us }
    }
}

/// What passed through a register in a window.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Passed {
    /// Amount in items.
    pub amount: Bounded,
    /// Planned time of that amount, microseconds.
    pub standard_us: Bounded,
    /// Items that passed while no planned time was known.
    pub unweighted: i128,
    /// Stretches in which an unknown amount passed, inside the window, in order.
    pub open: Vec<Interval>,
    /// Stretches in which only bounds are known, in order; every open one is among them.
    pub stretches: Vec<Stretch>,
    /// Stretches of the window that count as not covered, in order.
    pub uncovered: Vec<Interval>,
    /// Wraps seen.
    pub rollovers: u32,
    /// Resets seen.
    pub resets: u32,
    /// Impossible steps seen.
    pub excesses: u32,
    /// Declared exchanges used.
    pub replacements: u32,
    /// Samples looked at.
    pub samples: u64,
    /// The sum as it was after the last stretch.
    until_stretch: Amount,
}

/// Folds the samples of a register over a window.
///
/// `samples` are in order of time and reach from the last one at or before the window to the first one at or after its
/// end, as far as they exist. `weight(t0, t1)` is what a unit counted between
/// two samples stands for.
pub fn fold(
    samples: impl Iterator<Item = (i64, i64)>,
    window: Interval,
    rule: &RegisterRule,
    weight: impl FnMut(i64, i64) -> Weight,
) -> Passed {
    fold_steps(samples, window, rule, weight, false)
}

/// The same where every unit stands for the same: `weight` is asked when something was counted. Then the amounts are added up
/// first and weighted once, which is the same sum.
pub fn fold_alike(
    samples: impl Iterator<Item = (i64, i64)>,
    window: Interval,
    rule: &RegisterRule,
    mut weight: impl FnMut() -> Weight,
) -> Passed {
    fold_steps(samples, window, rule, |_, _| weight(), true)
}

fn fold_steps(
    samples: impl Iterator<Item = (i64, i64)>,
    window: Interval,
    rule: &RegisterRule,
    mut weight: impl FnMut(i64, i64) -> Weight,
    is_alike: bool,
) -> Passed {
    let mut out = Passed::default();
    if window.is_empty() {
        return out;
    }
    let mut last: Option<(i64, i64)> = None;
    let is_plain = is_alike && rule.replaced.is_empty();
    // What plain steps inside the window have counted, until it is weighted.
    let mut inside = 0_i128;
    for sample in samples {
        out.samples += 1;
        match last {
            None => out.edge(Interval::new(window.from_ms, sample.0), window, rule),
            // The common case by far: nothing moved.
            Some(before) if before.1 == sample.1 && rule.replaced.is_empty() => {}
            Some(before)
                if is_plain && window.from_ms <= before.0 && before.0 < sample.0 && sample.0 <= window.to_ms =>
            {
                match rule.step(before.1, sample.1, sample.0 - before.0) {
                    Step::Forward(d) => inside += i128::from(d),
                    Step::Rollover(_) | Step::Reset(_) | Step::Excess => {
                        out.weigh(&mut inside, window, &mut weight);
                        out.step(before, sample, window, rule, &mut weight);
                    }
                }
            }
            Some(before) => {
                out.weigh(&mut inside, window, &mut weight);
                out.step(before, sample, window, rule, &mut weight);
            }
        }
        last = Some(sample);
        if sample.0 >= window.to_ms {
            break;
        }
    }
    out.weigh(&mut inside, window, &mut weight);
    match last {
        Some((ms, _)) => out.edge(Interval::new(ms, window.to_ms), window, rule),
        None => {
            out.open(window, Amount::default());
            out.uncovered.push(window);
        }
    }
    out
}

impl Passed {
    /// Time of the window before the first or after the last sample.
    fn edge(&mut self, silence: Interval, window: Interval, rule: &RegisterRule) {
        let silence = silence.intersect(&window);
        if silence.is_empty() {
            return;
        }
        self.open(silence, Amount::default());
        if silence.length_ms() > rule.gap_ms_max {
            self.uncovered.push(silence);
        }
    }

    fn open(&mut self, inside: Interval, amount: Amount) {
        self.open.push(inside);
        self.bounded(inside, amount, true);
    }

    /// Notes a stretch whose amount is in the sum already.
    fn bounded(&mut self, inside: Interval, amount: Amount, is_open: bool) {
        let sum = Amount { items: self.amount, standard_us: self.standard_us };
        let since_last = sum.since(amount).since(self.until_stretch);
        self.until_stretch = sum;
        self.stretches.push(Stretch { inside, amount, since_last, is_open });
    }

    /// Weighs what plain steps inside the window have counted.
    fn weigh(&mut self, inside: &mut i128, window: Interval, weight: &mut impl FnMut(i64, i64) -> Weight) {
        if *inside > 0 {
            let weight = weight(window.from_ms, window.to_ms);
            self.count(Bounded::exact(*inside), weight);
            *inside = 0;
        }
    }

    fn step(
        &mut self,
        before: (i64, i64),
        after: (i64, i64),
        window: Interval,
        rule: &RegisterRule,
        weight: &mut impl FnMut(i64, i64) -> Weight,
    ) {
        let inside = Interval::new(before.0, after.0).intersect(&window);
        let instant = before.0 >= after.0 && window.contains(after.0);
        if inside.is_empty() && !instant {
            return;
        }
        let (step, replaced) = rule.step_with_replacements(before, after);
        self.replacements += u32::from(replaced);
        let amount = match step {
            Step::Forward(d) => d,
            Step::Rollover(d) => {
                self.rollovers += 1;
                d
            }
            Step::Reset(d) => {
                self.resets += 1;
                self.uncovered.push(inside);
                d
            }
            Step::Excess => {
                self.excesses += 1;
                self.open(inside, Amount::default());
                self.uncovered.push(inside);
                return;
            }
        };
        let bounded = apportion(amount, before.0, after.0, window);
        let weight = weight(before.0, after.0);
        let amount = self.count(bounded, weight);
        if matches!(step, Step::Reset(_)) {
            self.open(inside, amount);
        } else if inside != Interval::new(before.0, after.0) {
            self.bounded(inside, amount, false);
        }
    }

    /// Adds an amount; returns it in items and in planned time.
    fn count(&mut self, amount: Bounded, weight: Weight) -> Amount {
        let items = amount.times(weight.items);
        let standard_us = weight.standard_us.map_or(Bounded::default(), |us| amount.times(us));
        self.amount.add(items);
        self.standard_us.add(standard_us);
        if weight.standard_us.is_none() {
            self.unweighted = self.unweighted.saturating_add(items.value);
        }
        Amount { items, standard_us }
    }
}

/// The part of an amount, which passed somewhere between two instants, that lies inside a window.
fn apportion(amount: i64, from_ms: i64, to_ms: i64, window: Interval) -> Bounded {
    let amount = i128::from(amount);
    if to_ms <= from_ms || (window.from_ms <= from_ms && to_ms <= window.to_ms) {
        return Bounded::exact(amount);
    }
    let length = i128::from(to_ms) - i128::from(from_ms);
    let until = |ms: i64| (amount * (i128::from(ms.clamp(from_ms, to_ms)) - i128::from(from_ms))).div_euclid(length);
    Bounded { value: until(window.to_ms) - until(window.from_ms), lower: 0, upper: amount }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tv_07_rollover_and_reset() {
        let rule = RegisterRule {
            modulus: Some(65_536),
            rate_max_per_hour: Some(5 * 3600),
            gap_ms_max: 180_000,
            replaced: vec![],
        };
        let raw = [65_500, 65_530, 14, 120, 3, 3, 40];
        let steps: Vec<Step> = raw.windows(2).map(|w| rule.step(w[0], w[1], 60_000)).collect();
        assert_eq!(
            steps,
            [
                Step::Forward(30),
                Step::Rollover(20),
                Step::Forward(106),
                Step::Reset(3),
                Step::Forward(0),
                Step::Forward(37)
            ]
        );
        let samples = raw.iter().enumerate().map(|(i, v)| (i as i64 * 60_000, *v));
        let passed = fold(samples, Interval::new(0, 360_000), &rule, |_, _| Weight::ONE);
        assert_eq!(passed.amount.value, 196);
        assert_eq!((passed.rollovers, passed.resets, passed.excesses), (1, 1, 0));
        assert_eq!(passed.open, [Interval::new(180_000, 240_000)]);
        // More than 5 per second is not counted at all.
        assert_eq!(rule.step(0, 302, 60_000), Step::Excess);
    }

    #[test]
    fn tv_08_energy_register_with_rollover_and_replacement() {
        // Raw unit 0.01 kWh; ratio 200/5 is applied by the caller: 14.50 kWh secondary is 1 450 raw, × 40 = 580.00 kWh.
        let rule = RegisterRule {
            modulus: Some(100_000_000),
            rate_max_per_hour: Some(100_000),
            gap_ms_max: 180_000,
            replaced: vec![],
        };
        assert_eq!(rule.step(99_999_820, 1_270, 60 * 60_000), Step::Rollover(1_450));
        let replaced = RegisterRule {
            replaced: vec![Replacement { at_ms: 1_800_000, old_final: 4_521_000, new_initial: 30 }],
            ..rule.clone()
        };
        let samples = [(0, 4_520_000), (3_600_000, 1_280)];
        let window = Interval::new(0, 3_600_000);
        let passed = fold(samples.into_iter(), window, &replaced, |_, _| Weight::ONE);
        assert_eq!((passed.amount, passed.replacements), (Bounded::exact(2_250), 1));
        // Without the declaration nothing is claimed beyond what the new register shows, and the time is open.
        let undeclared = fold(samples.into_iter(), window, &rule, |_, _| Weight::ONE);
        assert_eq!(undeclared.open, [window]);
    }

    #[test]
    fn edges_are_interpolated_and_neighbours_add_up() {
        let rule = RegisterRule { gap_ms_max: 60_000, ..RegisterRule::default() };
        let samples = [(0, 0), (10, 7), (30, 20), (40, 20)];
        let whole = fold(samples.into_iter(), Interval::new(0, 40), &rule, |_, _| Weight::exact(2, 3));
        assert_eq!(whole.amount, Bounded::exact(40));
        for cut in 1..40 {
            let left = fold(samples.into_iter(), Interval::new(0, cut), &rule, |_, _| Weight::exact(2, 3));
            let right = fold(samples.into_iter(), Interval::new(cut, 40), &rule, |_, _| Weight::exact(2, 3));
            assert_eq!(left.amount.value + right.amount.value, 40, "cut at {cut}");
            assert_eq!(left.standard_us.value + right.standard_us.value, 60, "cut at {cut}");
            assert!(left.amount.lower <= left.amount.value && left.amount.value <= left.amount.upper);
        }
    }

    #[test]
    fn weighting_once_is_weighting_every_step() {
        let mut state = 9_u64;
        let mut random = |below: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % below
        };
        for case in 0..400 {
            let (mut at, mut value) = (0_i64, 0_i64);
            let samples: Vec<(i64, i64)> = (0..40)
                .map(|_| {
                    at += random(3) as i64 * 500;
                    value = match random(30) {
                        0 => random(70_000) as i64,
                        1 => i64::MAX - random(3) as i64,
                        2 => -5,
                        _ => value.saturating_add(random(4) as i64),
                    };
                    (at, value)
                })
                .collect();
            let replaced = Replacement { at_ms: 9_000, old_final: value, new_initial: 1 };
            let rule = RegisterRule {
                modulus: (case % 2 == 0).then_some(65_536),
                rate_max_per_hour: (case % 3 != 0).then_some(i64::MAX - case % 7),
                gap_ms_max: 900,
                replaced: if case % 5 == 0 { vec![replaced] } else { vec![] },
            };
            let weight = match case % 4 {
                0 => Weight::ONE,
                1 => Weight::exact(100_000, i64::MAX),
                _ => Weight::exact(3, 7).or(Weight::exact(1, 20)),
            };
            let window = Interval::new(random(9_000) as i64, random(22_000) as i64);
            let each = fold(samples.iter().copied(), window, &rule, |_, _| weight);
            assert_eq!(fold_alike(samples.iter().copied(), window, &rule, || weight), each, "case {case}: {samples:?}");
        }
    }

    #[test]
    fn silence_at_the_edges_is_open_and_uncovered_when_long() {
        let rule = RegisterRule { gap_ms_max: 5, ..RegisterRule::default() };
        let passed = fold([(10, 1), (20, 4)].into_iter(), Interval::new(8, 40), &rule, |_, _| Weight::ONE);
        assert_eq!(passed.amount, Bounded::exact(3));
        assert_eq!(passed.open, [Interval::new(8, 10), Interval::new(20, 40)]);
        assert_eq!(passed.uncovered, [Interval::new(20, 40)]);
        let nothing = fold(std::iter::empty(), Interval::new(0, 9), &rule, |_, _| Weight::ONE);
        assert_eq!(nothing.uncovered, [Interval::new(0, 9)]);
    }
}
