//! Many batches together: sums, and the quotients made of sums.
//!
//! Constraints
//! 1. Sums add: over windows that tile a period, over machines, over products. Quotients are made at the end and never averaged.
//! 2. A quotient is over those batches of which both sides are known; how many are left out is counted beside it.
//! 3. Amounts of different units do not add: such a quotient is undefined with a reason.

use super::gap::Gap;
use super::results::BatchResult;
use super::unit::Measure;
use crate::counter::Bounded;
use crate::exact::Rational;
use crate::oee::{Ratio, Undefined, Value};

/// Sums over batches and the gaps between them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sums {
    /// Batches.
    pub batches: u32,
    /// Their time, milliseconds.
    pub duration_ms: i64,
    /// Batches with a recipe: their time and their standard time, milliseconds.
    pub with_recipe: Pair<i64>,
    /// Phases with a standard time that were stated: their time and their standard time, milliseconds.
    pub phases: Pair<i64>,
    /// Good output and theoretical output of the batches that have a yield.
    pub yielded: Option<Yielded>,
    /// Batches that have no yield.
    pub without_yield: u32,
    /// Energy and good output of the batches whose energy is known.
    pub metered: Option<Metered>,
    /// Batches whose energy is not known.
    pub without_energy: u32,
    /// Gaps.
    pub gaps: u32,
    /// Parts of all gaps.
    pub parts: super::gap::Parts,
    /// Gaps before another product: how many, and their time without planned stops, milliseconds.
    pub changeovers: Pair<i128>,
}

/// Two sums that belong together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pair<T> {
    /// What was: actual time, or how many.
    pub actual: T,
    /// What it is held against or adds up to.
    pub of: T,
}

/// What yield is made of, millionths of one base unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Yielded {
    /// Good output.
    pub good: Bounded,
    /// Theoretical output; `None` when the sum is no number any more.
    pub theoretical: Option<Rational>,
    /// Unit of both.
    pub measure: Measure,
}

/// What energy per unit is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metered {
    /// Millionths of a kilowatt-hour.
    pub micro_kwh: Bounded,
    /// The upper bound is not known.
    pub uncapped: bool,
    /// Good output, millionths of one base unit.
    pub good: Bounded,
    /// Its unit.
    pub measure: Measure,
}

impl Yielded {
    fn add(&mut self, o: &Self) {
        self.good.add(o.good);
        self.theoretical = self.theoretical.zip(o.theoretical).and_then(|(a, b)| a.plus(b));
        self.measure = self.measure.and(o.measure);
    }
}

impl Metered {
    fn add(&mut self, o: &Self) {
        self.micro_kwh.add(o.micro_kwh);
        self.uncapped |= o.uncapped;
        self.good.add(o.good);
        self.measure = self.measure.and(o.measure);
    }
}

impl Sums {
    /// Takes in a batch.
    pub fn take(&mut self, b: &BatchResult) {
        let ms = b.span.length_ms();
        self.batches += 1;
        self.duration_ms = self.duration_ms.saturating_add(ms);
        if let Some(standard) = b.standard_ms {
            self.with_recipe.actual = self.with_recipe.actual.saturating_add(ms);
            self.with_recipe.of = self.with_recipe.of.saturating_add(standard);
        }
        for (actual, standard) in b.phases.iter().filter_map(|p| p.actual_ms.zip(p.standard_ms)) {
            self.phases.actual = self.phases.actual.saturating_add(actual);
            self.phases.of = self.phases.of.saturating_add(standard);
        }
        match &b.yielded {
            Ok(y) => add(&mut self.yielded, y, Yielded::add),
            Err(_) => self.without_yield += 1,
        }
        match (&b.metered, &b.energy) {
            (Some(m), Ok(_)) => add(&mut self.metered, m, Metered::add),
            _ => self.without_energy += 1,
        }
    }

    /// Takes in a gap.
    pub fn take_gap(&mut self, g: &Gap) {
        self.gaps += 1;
        self.parts.add(&g.parts);
        if g.changes_product {
            self.changeovers.actual += 1;
            self.changeovers.of += g.parts.net_ms();
        }
    }

    /// Adds other batches.
    pub fn add(&mut self, o: &Self) {
        self.batches += o.batches;
        self.duration_ms = self.duration_ms.saturating_add(o.duration_ms);
        for (a, b) in [(&mut self.with_recipe, o.with_recipe), (&mut self.phases, o.phases)] {
            a.actual = a.actual.saturating_add(b.actual);
            a.of = a.of.saturating_add(b.of);
        }
        if let Some(y) = &o.yielded {
            add(&mut self.yielded, y, Yielded::add);
        }
        if let Some(m) = &o.metered {
            add(&mut self.metered, m, Metered::add);
        }
        self.without_yield += o.without_yield;
        self.without_energy += o.without_energy;
        self.gaps += o.gaps;
        self.parts.add(&o.parts);
        self.changeovers.actual += o.changeovers.actual;
        self.changeovers.of += o.changeovers.of;
    }
}

fn add<T: Copy>(sum: &mut Option<T>, other: &T, plus: impl Fn(&mut T, &T)) {
    match sum {
        Some(sum) => plus(sum, other),
        none => *none = Some(*other),
    }
}

/// Batch cycle attainment: Σ standard batch time / Σ batch time. Above 1 is faster than the recipe; never capped.
///
/// # Errors
/// No batch, or none with a recipe.
pub fn cycle(s: &Sums) -> Value {
    attained(s, s.with_recipe)
}

/// Phase attainment: Σ standard time / Σ time of the phases that have both.
///
/// # Errors
/// No batch, or no phase with a standard time.
pub fn phase(s: &Sums) -> Value {
    attained(s, s.phases)
}

fn attained(s: &Sums, pair: Pair<i64>) -> Value {
    match (s.batches, pair.actual) {
        (0, _) => Err(Undefined::NoBatch),
        (_, 0) => Err(Undefined::NoRecipe),
        (_, actual) => Ok(Ratio::exact(pair.of.into(), actual.into())),
    }
}

/// 收率: Σ good output / Σ theoretical output. May exceed 1: then the theory or the scale is wrong, and it is shown.
///
/// # Errors
/// No batch, no basis, or amounts of different units.
pub fn yield_ratio(s: &Sums) -> Value {
    if s.batches == 0 {
        return Err(Undefined::NoBatch);
    }
    yield_of(s.yielded.as_ref().ok_or(Undefined::NoYieldBasis)?)
}

pub(super) fn yield_of(y: &Yielded) -> Value {
    if y.measure == Measure::Mixed {
        return Err(Undefined::MixedUnits);
    }
    let theoretical = y.theoretical.filter(|t| *t > Rational::ZERO).ok_or(Undefined::NoYieldBasis)?;
    let over = |good: i128| good.checked_mul(theoretical.den()).ok_or(Undefined::NoYieldBasis);
    let den = theoretical.num();
    Ok(Ratio {
        num: over(y.good.value)?,
        den,
        lower: (over(y.good.lower)?, den),
        upper: Some((over(y.good.upper)?, den)),
    })
}

/// Energy per batch, kWh: Σ energy / batches whose energy is known.
///
/// # Errors
/// No batch, or none with a meter.
pub fn energy_per_batch(s: &Sums) -> Value {
    let known = s.batches.saturating_sub(s.without_energy);
    let m =
        s.metered.filter(|_| known > 0).ok_or(if s.batches == 0 { Undefined::NoBatch } else { Undefined::NoMeter })?;
    let den = i128::from(known) * 1_000_000;
    Ok(Ratio {
        num: m.micro_kwh.value,
        den,
        lower: (m.micro_kwh.lower, den),
        upper: (!m.uncapped).then_some((m.micro_kwh.upper, den)),
    })
}

/// Energy per unit of good output, kWh per base unit.
///
/// # Errors
/// No batch, no meter, different units, or nothing good.
pub fn energy_per_unit(s: &Sums) -> Value {
    if s.batches == 0 {
        return Err(Undefined::NoBatch);
    }
    per_unit(s.metered.as_ref().ok_or(Undefined::NoMeter)?)
}

pub(super) fn per_unit(m: &Metered) -> Value {
    if m.measure == Measure::Mixed {
        return Err(Undefined::MixedUnits);
    }
    if m.good.value <= 0 {
        return Err(Undefined::NoProduction);
    }
    Ok(Ratio {
        num: m.micro_kwh.value,
        den: m.good.value,
        lower: (m.micro_kwh.lower, m.good.upper.max(1)),
        upper: (!m.uncapped && m.good.lower > 0).then_some((m.micro_kwh.upper, m.good.lower)),
    })
}

/// 换批时间: Σ gaps before another product, planned stops taken off, milliseconds per changeover. How long it took is exact; what
/// it was spent on is in [`super::gap::Parts`].
///
/// # Errors
/// No change of product.
pub fn changeover(s: &Sums) -> Value {
    match s.changeovers.actual {
        0 => Err(Undefined::NothingDue),
        n => Ok(Ratio::exact(s.changeovers.of, n)),
    }
}

/// 清场时间: Σ cleaning between batches, milliseconds per gap.
///
/// # Errors
/// No two batches followed each other.
pub fn cleaning(s: &Sums) -> Value {
    if s.gaps == 0 {
        return Err(Undefined::NothingDue);
    }
    let (ms, den) = (s.parts.cleaning_ms, i128::from(s.gaps));
    Ok(Ratio { num: ms.value, den, lower: (ms.lower, den), upper: Some((ms.upper, den)) })
}
