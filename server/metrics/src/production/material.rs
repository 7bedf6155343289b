//! 物料消耗: what a machine drew of a material, per good item and against a standard (reference §5 row 20).
//!
//! Constraints
//! 1. Measured is a register (flow meter, feeder, scale that adds up) or the level of a tank. A backflush — standard times good items — is
//!    not a measurement: it is named so, graded D, and says nothing against the standard it was made from.
//! 2. A register is counted like any other, with bounds; a declared exchange is not provided for, a reset opens the upper bound.
//! 3. A tank: a rise of at least `refill_min` is a refill. What was drawn while it was filled is not known: it is not in the amount, and
//!    then nothing bounds the amount from above. The same holds where the level was not read.
//! 4. The level at a window's edge is the last reading at or before it, so that windows cut anywhere add up.

use serde::{Deserialize, Serialize};

use crate::column::{Meaning, Series};
use crate::counter::{Bounded, Weight, fold};
use crate::evidence::Evidence;
use crate::exact::Rational;
use crate::grade::{Flag, Grade};
use crate::history::{History, REACH_MS};
use crate::interval::{Interval, union};
use crate::model::{ModelError, Names, SignalRef, check_id, check_signal, refuse};
use crate::oee::{Ratio, Undefined, Value};
use crate::production::rates::drawn_from_levels;
use crate::shift::register_rule;
use crate::statements::Stated;
use crate::timeline::Cadence;

const KIND: &str = "material";

/// How consumption is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Source {
    /// A register that only grows.
    Register {
        /// The register.
        signal: SignalRef,
    },
    /// The level of a tank, in the material's unit.
    Tank {
        /// The level.
        signal: SignalRef,
        /// A rise of at least this is a refill, a decimal in the material's unit.
        refill_min: String,
    },
    /// Standard times good items: no measurement.
    Backflush,
}

/// `material`: a material a machine uses up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Material {
    /// Machine id.
    pub machine: String,
    /// Material id.
    pub material: String,
    /// Display names.
    pub names: Names,
    /// Unit of the readings and of the standard, e.g. `kg`.
    pub unit: String,
    /// How consumption is known.
    pub source: Source,
    /// Standard consumption per good item, a decimal; needed for a backflush.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standard: Option<String>,
}

impl Material {
    /// The signal it reads, if it reads one.
    pub const fn signal(&self) -> Option<&SignalRef> {
        match &self.source {
            Source::Register { signal } | Source::Tank { signal, .. } => Some(signal),
            Source::Backflush => None,
        }
    }

    /// Standard consumption per good item.
    pub fn standard(&self) -> Option<Rational> {
        self.standard.as_deref().and_then(Rational::parse)
    }
}

fn above_zero(field: &str, text: &str) -> Result<Rational, ModelError> {
    let parsed = Rational::parse(text).filter(|v| text.len() <= 20 && *v > Rational::ZERO);
    parsed.ok_or_else(|| refuse(KIND, field, "must be a plain decimal above zero, at most 20 characters"))
}

/// Checks a `material` body.
///
/// # Errors
/// [`ModelError`] names the field and what is allowed there.
pub fn check(body: Material) -> Result<Material, ModelError> {
    check_id(KIND, "machine", &body.machine)?;
    check_id(KIND, "material", &body.material)?;
    if body.unit.is_empty() || body.unit.len() > 32 {
        return Err(refuse(KIND, "unit", "must have 1 to 32 bytes"));
    }
    if let Some(signal) = body.signal() {
        check_signal(KIND, "source.signal", signal)?;
    }
    if let Source::Tank { refill_min, signal } = &body.source {
        above_zero("source.refill_min", refill_min)?;
        if signal.modulus.is_some() || signal.max_per_hour.is_some() {
            return Err(refuse(KIND, "source.signal", "a level has no `modulus` and no `max_per_hour`"));
        }
    }
    match &body.standard {
        Some(text) => above_zero("standard", text).map(|_| body),
        None if body.source == Source::Backflush => Err(refuse(KIND, "standard", "a backflush needs one")),
        None => Ok(body),
    }
}

/// An amount with bounds, in the material's unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Amount {
    /// What the record says.
    pub value: Rational,
    /// Not less than this.
    pub lower: Rational,
    /// Not more than this; `None` when nothing limits it.
    pub upper: Option<Rational>,
}

/// Consumption of a material over a window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consumption {
    /// The definition in force, with its place in the log.
    pub material: Stated<Material>,
    /// The stretch it covers.
    pub window: Interval,
    /// The amount; a backflush has none of its own.
    pub amount: Result<Amount, Undefined>,
    /// Refills seen in a tank.
    pub refills: u32,
    /// What it rests on.
    pub evidence: Evidence,
}

impl Consumption {
    /// Material per good item, of good items in millionths; a backflush gives the standard back.
    ///
    /// # Errors
    /// No amount, or no good item.
    pub fn per_good(&self, good: &Bounded) -> Value {
        if good.value <= 0 {
            return Err(Undefined::NoProduction);
        }
        if self.material.body.source == Source::Backflush {
            let standard = self.material.body.standard().ok_or(Undefined::NothingDue)?;
            return Ok(Ratio::exact(standard.num(), standard.den()));
        }
        let amount = self.amount?;
        let over = |drawn: Rational, items: i128| drawn.over(Rational::new(items, 1_000_000)?);
        let value = over(amount.value, good.value).ok_or(Undefined::NoProduction)?;
        let lower = over(amount.lower, good.upper).unwrap_or(Rational::ZERO);
        let upper = amount.upper.filter(|_| good.lower > 0).and_then(|most| over(most, good.lower));
        Ok(ratio(value, lower, upper))
    }

    /// Consumption per good item / standard − 1.
    ///
    /// # Errors
    /// No amount, no good item; no standard, or only a backflush from it, is nothing to compare with.
    pub fn against_standard(&self, good: &Bounded) -> Value {
        if self.material.body.source == Source::Backflush {
            return Err(Undefined::NothingDue);
        }
        let standard = self.material.body.standard().ok_or(Undefined::NothingDue)?;
        let per_good = self.per_good(good)?;
        let off = |(num, den): (i128, i128)| {
            Rational::new(num, den).and_then(|r| r.over(standard)).and_then(|r| r.minus(Rational::integer(1)))
        };
        let value = off((per_good.num, per_good.den)).ok_or(Undefined::NothingDue)?;
        let lower = off(per_good.lower).unwrap_or(Rational::integer(-1));
        Ok(ratio(value, lower, per_good.upper.and_then(off)))
    }

    /// The amount as a quotient with bounds.
    ///
    /// # Errors
    /// Why there is none.
    pub fn drawn(&self) -> Value {
        let amount = self.amount?;
        Ok(ratio(amount.value, amount.lower, amount.upper))
    }

    /// The grade: D for a backflush, else coverage and flags.
    pub fn grade(&self) -> Grade {
        if self.material.body.source == Source::Backflush { Grade::D } else { self.evidence.grade() }
    }
}

fn ratio(value: Rational, lower: Rational, upper: Option<Rational>) -> Ratio {
    let pair = |r: Rational| (r.num(), r.den());
    Ratio { num: value.num(), den: value.den(), lower: pair(lower), upper: upper.map(pair) }
}

/// Consumption of a material, one entry for each definition in force in the window.
pub fn consumption(history: &History, machine: &str, material: &str, window: Interval) -> Vec<Consumption> {
    let definitions = history.statements().material_definitions(machine, material);
    let ends = definitions.iter().skip(1).map(|d| d.effective_from).chain(std::iter::once(i64::MAX));
    let pieces =
        definitions.iter().zip(ends).map(|(d, to)| (d, Interval::new(d.effective_from, to).intersect(&window)));
    pieces.filter(|(_, piece)| !piece.is_empty()).map(|(d, piece)| one(history, d, piece)).collect()
}

fn one(history: &History, stated: &Stated<Material>, window: Interval) -> Consumption {
    let mut evidence = Evidence::default();
    let (mut refills, mut amount) = (0, Err(Undefined::NotMeasured));
    if stated.is_late_for(window.from_ms) && !history.is_simulated() {
        evidence.flags.insert(Flag::LateDeclaration);
    }
    if let Some(signal) = stated.body.signal() {
        let wide = Interval::new(window.from_ms.saturating_sub(REACH_MS), window.to_ms.saturating_add(REACH_MS));
        let series = history.series(&signal.gateway, &signal.tag, wide);
        evidence.note(history, signal, &series, window);
        evidence.watch(&series, window);
        let alike = series.alike(window, REACH_MS).filter(|(_, m)| !m.text && m.unit == stated.body.unit);
        amount = match (&stated.body.source, alike) {
            (_, None) => Err(Undefined::NoReadings),
            (Source::Tank { refill_min, .. }, Some((range, meaning))) => {
                let least = Rational::parse(refill_min).unwrap_or(Rational::ZERO);
                let (drawn, found) = tank(&series, range, meaning, least, window);
                refills = found;
                drawn
            }
            (_, Some((range, meaning))) => register(signal, &series, range, meaning, window, &mut evidence),
        };
    }
    Consumption { material: stated.clone(), window, amount, refills, evidence }
}

fn scaled(stored: i128, meaning: &Meaning) -> Option<Rational> {
    Rational::new(stored.checked_mul(meaning.num.into())?, meaning.den)
}

fn register(
    signal: &SignalRef,
    series: &Series,
    range: std::ops::Range<usize>,
    meaning: &Meaning,
    window: Interval,
    evidence: &mut Evidence,
) -> Result<Amount, Undefined> {
    let rule = register_rule(signal, meaning, None);
    let passed = fold(series.samples(range.clone()), window, &rule, |_, _| Weight::exact(1, 0));
    if passed.samples < 2 {
        return Err(Undefined::NoReadings);
    }
    let flags = [
        (passed.rollovers, Flag::CounterRollover),
        (passed.resets, Flag::CounterReset),
        (passed.excesses, Flag::RateExceeded),
    ];
    evidence.flags.extend(flags.into_iter().filter(|(n, _)| *n > 0).map(|(_, flag)| flag));
    let Bounded { value, lower, upper } = passed.amount;
    let of = |v: i128| scaled(v, meaning).ok_or(Undefined::NoReadings);
    let open_ms: i64 = passed.open.iter().map(Interval::length_ms).sum();
    // What may have passed while nobody read is limited only by the register's greatest rate.
    let more = rule.rate_max_per_hour.map(|r| i128::from(r) * i128::from(open_ms) / 3_600_000 + 1);
    let upper = match (open_ms, more) {
        (0, _) => Some(of(upper)?),
        (_, Some(more)) => Some(of(upper.saturating_add(more))?),
        (_, None) => None,
    };
    Ok(Amount { value: of(value)?, lower: of(lower)?, upper })
}

fn tank(
    series: &Series,
    range: std::ops::Range<usize>,
    meaning: &Meaning,
    refill_min: Rational,
    window: Interval,
) -> (Result<Amount, Undefined>, u32) {
    // From the last reading at or before the window's beginning to the last at or before its end.
    let inside = series.samples(range).filter(|(ms, _)| *ms <= window.to_ms);
    let (times, levels): (Vec<i64>, Vec<i64>) = inside.unzip();
    // A rise in stored units that means at least so much.
    let per_unit = scaled(1, meaning).and_then(|one| refill_min.over(one)).filter(|p| *p > Rational::ZERO);
    let Some(least) = per_unit.and_then(|p| i64::try_from((p.num() - 1) / p.den() + 1).ok()) else {
        return (Err(Undefined::NoReadings), 0);
    };
    if levels.len() < 2 {
        return (Err(Undefined::NoReadings), 0);
    }
    let drawn = drawn_from_levels(&levels, least);
    let Some(value) = scaled(drawn.amount, meaning) else { return (Err(Undefined::NoReadings), drawn.refills) };
    let cadence = Cadence::new(meaning.interval_ms);
    let gaps = union(series.gaps.clone());
    let late = times.iter().zip(times.iter().skip(1)).any(|(a, b)| b - a > cadence.fresh_ms);
    let begins_late = times.first().is_none_or(|ms| *ms > window.from_ms);
    let ends_early = times.last().is_none_or(|ms| window.to_ms - ms > cadence.fresh_ms);
    let recorded = gaps.iter().any(|g| !g.intersect(&window).is_empty());
    let is_whole = drawn.refills == 0 && !late && !begins_late && !ends_early && !recorded;
    (Ok(Amount { value, lower: value, upper: is_whole.then_some(value) }), drawn.refills)
}
