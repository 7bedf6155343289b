//! The two questions that compare before with after: Q12 (每百元营业收入综合能源消费量) and Q13 (月均产品合格率).

use crate::assessment::evidence::{Graded, Inputs, Lack, Note, Row, Shown};
use crate::assessment::scheme::Question;
use crate::checklist::monthly_quality;
use crate::energy::EnergyError;
use crate::energy::comprehensive::{
    Direction, Flow, direction, kgce_per_hundred_yuan, relative_change, statistical_consumption,
};
use crate::energy::factors::FactorSet;
use crate::exact::Rational;
use crate::grade::Grade;
use crate::statistics::newcombe::{Proportion, compare};
use crate::statistics::student::Confidence;

/// What a city's assessing body told: nothing by default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Which comparison answers Q12.
    pub energy_by: Basis,
    /// Relative change of Q12 within which 持平 is offered.
    pub energy_tolerance: Rational,
    /// Difference of rates of Q13 within which 持平 is offered.
    pub quality_tolerance: Rational,
}

impl Default for Settings {
    fn default() -> Self {
        Self { energy_by: Basis::Years, energy_tolerance: Rational::ZERO, quality_tolerance: Rational::ZERO }
    }
}

/// What is compared with what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Basis {
    /// 上年 against 前年, as the form's fields ask.
    Years,
    /// After against before the retrofit, as the question's title asks.
    Windows,
}

impl Basis {
    /// In Chinese and English.
    pub const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Years => ("上年与前年", "by calendar years"),
            Self::Windows => ("改造前后", "before and after the retrofit"),
        }
    }
}

/// Which metric an amount of energy is: two metrics, never mixed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EnergyMetric {
    /// 综合能源消费量 of the statistical forms (`energy.consumption.nbs@1`).
    Consumption,
    /// 综合能耗 of GB/T 2589 (`energy.comprehensive@1`).
    Comprehensive,
}

/// Energy of a period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consumption {
    /// Which metric.
    pub metric: EnergyMetric,
    /// kgce.
    pub kgce: Rational,
    /// Least and most it can be, when it has bounds.
    pub bounds: Option<(Rational, Rational)>,
    /// Factor set used, or the form it was taken from.
    pub factors: String,
}

impl Consumption {
    /// 综合能源消费量 of flows.
    ///
    /// # Errors
    /// As [`statistical_consumption`].
    pub fn of(flows: &[Flow], set: &FactorSet) -> Result<Self, EnergyError> {
        let total = statistical_consumption(flows, set)?;
        Ok(Self { metric: EnergyMetric::Consumption, kgce: total.kgce, bounds: None, factors: total.factor_set })
    }
}

/// One side of a comparison of energy.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EnergySide {
    /// What it is called, e.g. `2025`.
    pub label: String,
    /// Energy.
    pub consumption: Option<Graded<Consumption>>,
    /// Revenue in 万元, from finance.
    pub revenue_wan: Option<Graded<Rational>>,
}

/// Before and after.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EnergyPair {
    /// Before.
    pub before: EnergySide,
    /// After.
    pub after: EnergySide,
}

/// Months before and after as (good, produced).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QualityPair {
    /// Months before.
    pub before: Graded<Vec<(u64, u64)>>,
    /// Months after.
    pub after: Graded<Vec<(u64, u64)>>,
}

/// A change, its direction by the raw sign and as offered, and its interval.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    /// What is compared.
    pub basis: Basis,
    /// Before.
    pub before: Rational,
    /// After.
    pub after: Rational,
    /// Q12: after / before − 1. Q13: after − before.
    pub change: Rational,
    /// Interval of the change, six decimals; none when the inputs have no bounds.
    pub interval: Option<[String; 2]>,
    /// By its sign.
    pub raw: Direction,
    /// With the tolerance.
    pub offered: Direction,
}

/// Decimals of an interval's ends.
const INTERVAL_DECIMALS: usize = 6;

/// The change of a pair, the worst grade behind it, and whether its interval holds no change.
struct Compared {
    changed: Changed,
    grade: Grade,
    holds_zero: bool,
}

/// Q12.
pub(super) fn energy(row: &mut Row, question: &Question, inputs: &Inputs, settings: &Settings) {
    let pairs = [(Basis::Years, &inputs.energy_years), (Basis::Windows, &inputs.energy_windows)];
    let (scoring, other): (Vec<_>, Vec<_>) = pairs.into_iter().partition(|(basis, _)| *basis == settings.energy_by);
    for (basis, pair) in scoring {
        let Some(pair) = pair else {
            row.lacks.push(Lack::NoComparison(basis));
            continue;
        };
        match energy_change(basis, pair, settings.energy_tolerance) {
            Ok(c) => answer(row, question, c, [&pair.before.label, &pair.after.label], "energy.per_hundred_yuan@1"),
            // Everything that is missing on either side, so that nobody has to ask twice.
            Err(lack) => {
                let missing: Vec<Lack> = [&pair.before, &pair.after].into_iter().flat_map(missing).collect();
                row.lacks.extend(if missing.is_empty() { vec![lack] } else { missing });
            }
        }
    }
    for (basis, pair) in other {
        let Some(Ok(c)) = pair.as_ref().map(|p| energy_change(basis, p, settings.energy_tolerance)) else { continue };
        if row.changes.first().is_some_and(|scored| scored.raw != c.changed.raw) {
            row.notes.push(Note::OtherComparison(basis, c.changed.raw));
        }
        row.changes.push(c.changed);
    }
}

fn answer(row: &mut Row, question: &Question, c: Compared, labels: [&str; 2], definition: &'static str) {
    for (label, value) in labels.into_iter().zip([c.changed.before, c.changed.after]) {
        row.shown.push(Shown { definition, of: label.to_owned(), value });
    }
    row.choose(question.of_direction(c.changed.offered));
    row.rests_on(c.grade);
    if c.changed.raw != c.changed.offered {
        row.notes.push(Note::WithinTolerance(c.changed.raw));
    }
    if c.holds_zero {
        row.notes.push(Note::IntervalHoldsZero);
    }
    row.changes.push(c.changed);
}

/// A side's kgce per 100 yuan: the value, its bounds, and the grade.
struct Side {
    value: Rational,
    bounds: Option<(Rational, Rational)>,
    grade: Grade,
}

/// What a side has not at all.
fn missing(s: &EnergySide) -> impl Iterator<Item = Lack> {
    let energy = s.consumption.is_none().then(|| Lack::NoConsumption(s.label.clone()));
    energy.into_iter().chain(s.revenue_wan.is_none().then(|| Lack::NoRevenue(s.label.clone())))
}

fn side(s: &EnergySide) -> Result<Side, Lack> {
    let label = || s.label.clone();
    let energy = s.consumption.as_ref().ok_or_else(|| Lack::NoConsumption(label()))?;
    if energy.value.metric != EnergyMetric::Consumption {
        return Err(Lack::OtherMetric(label()));
    }
    let revenue = s.revenue_wan.as_ref().ok_or_else(|| Lack::NoRevenue(label()))?;
    if revenue.value <= Rational::ZERO || energy.value.kgce < Rational::ZERO {
        return Err(Lack::NoQuotient(label()));
    }
    let per = |kgce| kgce_per_hundred_yuan(kgce, revenue.value).map_err(|_| Lack::NoQuotient(label()));
    let bounds = match energy.value.bounds {
        Some((low, high)) => Some((per(low)?, per(high)?)),
        None => None,
    };
    // Revenue comes from people: C at best.
    Ok(Side { value: per(energy.value.kgce)?, bounds, grade: energy.grade.max(revenue.grade).max(Grade::C) })
}

fn energy_change(basis: Basis, pair: &EnergyPair, tolerance: Rational) -> Result<Compared, Lack> {
    let (before, after) = (side(&pair.before)?, side(&pair.after)?);
    let factors = |s: &EnergySide| s.consumption.as_ref().map(|c| c.value.factors.clone()).unwrap_or_default();
    let (mine, theirs) = (factors(&pair.before), factors(&pair.after));
    if mine != theirs {
        return Err(Lack::FactorsDiffer(mine, theirs));
    }
    let relative = |b, a| relative_change(b, a).map_err(|_| Lack::NoQuotient(pair.before.label.clone()));
    let change = relative(before.value, after.value)?;
    // Without bounds on one side that side is a point; without any there is no interval.
    let point = |s: &Side| s.bounds.unwrap_or((s.value, s.value));
    let ends = if before.bounds.is_some() || after.bounds.is_some() {
        let ((b_low, b_high), (a_low, a_high)) = (point(&before), point(&after));
        Some((relative(b_high, a_low)?, relative(b_low, a_high)?))
    } else {
        None
    };
    let interval = ends.map(|(low, high)| [low.digits(INTERVAL_DECIMALS), high.digits(INTERVAL_DECIMALS)]);
    let holds_zero = ends.is_some_and(|(low, high)| low <= Rational::ZERO && high >= Rational::ZERO);
    let changed = Changed {
        basis,
        before: before.value,
        after: after.value,
        change,
        interval,
        raw: direction(change, Rational::ZERO),
        offered: direction(change, tolerance),
    };
    Ok(Compared { changed, grade: before.grade.max(after.grade), holds_zero })
}

/// Q13.
pub(super) fn quality(row: &mut Row, question: &Question, inputs: &Inputs, settings: &Settings) {
    let Some(pair) = &inputs.quality else { return row.lacks.push(Lack::NoMonths) };
    let rate = |side: &Graded<Vec<(u64, u64)>>, label: &str| {
        let counted = side.value.iter().all(|(good, produced)| good <= produced);
        let sums = sums(&side.value).filter(|_| counted).ok_or_else(|| Lack::NoQuotient(label.to_owned()))?;
        let rates = monthly_quality(&side.value).map_err(|_| Lack::NoProduction(label.to_owned()))?;
        Ok::<_, Lack>((rates, sums))
    };
    let sides = rate(&pair.before, "改造前").and_then(|b| Ok((b, rate(&pair.after, "改造后")?)));
    let (((before, before_mean), b), ((after, after_mean), a)) = match sides {
        Ok(sides) => sides,
        Err(lack) => return row.lacks.push(lack),
    };
    let Some((change, mean)) = after.minus(before).zip(after_mean.minus(before_mean)) else {
        return row.lacks.push(Lack::NoQuotient("月均产品合格率".to_owned()));
    };
    let interval = Proportion::new(b.0, b.1).zip(Proportion::new(a.0, a.1));
    let interval = interval.and_then(|(b, a)| compare(b, a, Confidence::P95)).map(|d| d.newcombe);
    let printed = interval.and_then(|(low, high)| Some([crate::decimal::float6(low)?, crate::decimal::float6(high)?]));
    let raw = direction(change, Rational::ZERO);
    let offered = direction(change, settings.quality_tolerance);
    let changed = Changed { basis: Basis::Windows, before, after, change, interval: printed, raw, offered };
    let holds_zero = interval.is_some_and(|(low, high)| low <= 0.0 && high >= 0.0);
    let grade = pair.before.grade.max(pair.after.grade);
    answer(row, question, Compared { changed, grade, holds_zero }, ["改造前", "改造后"], "quality.monthly@1");
    let mean = direction(mean, Rational::ZERO);
    if mean != raw {
        row.notes.push(Note::MeanDisagrees(mean));
    }
}

/// Σ good and Σ produced; `None` beyond 64 bits.
fn sums(months: &[(u64, u64)]) -> Option<(u64, u64)> {
    months.iter().try_fold((0_u64, 0_u64), |(g, p), m| Some((g.checked_add(m.0)?, p.checked_add(m.1)?)))
}
