//! ISO 22400-2 ratios from facts, with bounds (reference §1.3, §3.7).
//!
//! Constraints
//! 1. Every ratio is a numerator and a denominator, both integers; division happens when digits are printed.
//! 2. A denominator of zero is undefined with a reason, never 0 and never 1.
//! 3. Bounds come from what is unobserved: unknown time may all have been production or none of it; time that rests on
//!    a held sample may have been any other state; an order nobody saw may have been there or not; open counters may have run
//!    at the planned rate. They hold the truth whatever is missing. A bound of time is never narrowed by taking a reading away, nor one
//!    of an amount but where `tests/properties/log.rs` says so: several products, or an edge of a window with too straight a line.
//! 4. A share lies between 0 and 1 where nothing else limits it; other quotients have no upper bound then.
//! 5. Multi-product values use planned time (Σ PRI·q), never an average cycle or piece-weighted quality (TV-03).

use crate::batch::unit::Measure;
use crate::facts::{Facts, PerGood, Production};

/// Why a ratio has no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Undefined {
    /// No planned busy time.
    NoPlannedTime,
    /// Nothing was produced, or the machine never ran.
    NoProduction,
    /// The machine has no state signal.
    NoState,
    /// The machine has no counter.
    NoCounter,
    /// Something was made that has no planned cycle time.
    NoCycleTime,
    /// Rejects are not counted.
    NoRejectSignal,
    /// The machine has no energy meter.
    NoMeter,
    /// The energy register broke without a declared exchange, or was not read.
    MeterDiscontinuity,
    /// Too few shifts for a statement.
    Insufficient,
    /// There was no order, so that nothing about orders can be said.
    NoOrder,
    /// Nothing failed: a mean over failures does not exist.
    NoFailure,
    /// Nothing was due, expected or listed.
    NothingDue,
    /// No batch ended.
    NoBatch,
    /// No recipe is declared for what was made.
    NoRecipe,
    /// The recipe has no theoretical output, or what was charged is not stated.
    NoYieldBasis,
    /// Amounts of different units do not add.
    MixedUnits,
    /// Several products with different planned cycles: one number for all of them would be none.
    SeveralProducts,
    /// Nothing was read of it, or in another unit than the declared one.
    NoReadings,
    /// It is computed from a standard: no measurement.
    NotMeasured,
}

impl Undefined {
    /// Every reason.
    pub const ALL: [Self; 19] = [
        Self::NoPlannedTime,
        Self::NoProduction,
        Self::NoState,
        Self::NoCounter,
        Self::NoCycleTime,
        Self::NoRejectSignal,
        Self::NoMeter,
        Self::MeterDiscontinuity,
        Self::Insufficient,
        Self::NoOrder,
        Self::NoFailure,
        Self::NothingDue,
        Self::NoBatch,
        Self::NoRecipe,
        Self::NoYieldBasis,
        Self::MixedUnits,
        Self::SeveralProducts,
        Self::NoReadings,
        Self::NotMeasured,
    ];

    /// The reason with this code.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.code() == code)
    }

    /// The code printed in reports.
    pub const fn code(self) -> &'static str {
        match self {
            Self::NoPlannedTime => "NO_PLANNED_TIME",
            Self::NoProduction => "NO_PRODUCTION",
            Self::NoState => "NO_STATE",
            Self::NoCounter => "NO_COUNTER",
            Self::NoCycleTime => "NO_CYCLE_TIME",
            Self::NoRejectSignal => "NO_REJECT_SIGNAL",
            Self::NoMeter => "NO_METER",
            Self::MeterDiscontinuity => "METER_DISCONTINUITY",
            Self::Insufficient => "INSUFFICIENT",
            Self::NoOrder => "NO_ORDER",
            Self::NoFailure => "NO_FAILURE",
            Self::NothingDue => "NOTHING_DUE",
            Self::NoBatch => "NO_BATCH",
            Self::NoRecipe => "NO_RECIPE",
            Self::NoYieldBasis => "NO_YIELD_BASIS",
            Self::MixedUnits => "MIXED_UNITS",
            Self::SeveralProducts => "SEVERAL_PRODUCTS",
            Self::NoReadings => "NO_READINGS",
            Self::NotMeasured => "NOT_MEASURED",
        }
    }

    /// The reason in Chinese and English.
    pub const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::NoPlannedTime => ("无计划工作时间", "no planned time"),
            Self::NoProduction => ("无产出或未运行", "nothing produced, or never ran"),
            Self::NoState => ("未采集运行状态", "no state signal"),
            Self::NoCounter => ("未采集产量", "no counter"),
            Self::NoCycleTime => ("未填报计划节拍", "no planned cycle time"),
            Self::NoRejectSignal => ("未采集不良数", "rejects are not counted"),
            Self::NoMeter => ("未装电能表", "no energy meter"),
            Self::MeterDiscontinuity => {
                ("电能表底中断且未填报换表", "energy register broke without a declared exchange")
            }
            Self::Insufficient => ("样本不足", "too few shifts"),
            Self::NoOrder => ("无订单", "no order"),
            Self::NoFailure => ("未发生故障", "nothing failed"),
            Self::NothingDue => ("没有应计对象", "nothing was due or listed"),
            Self::NoBatch => ("无完成批次", "no batch ended"),
            Self::NoRecipe => ("未填报工艺规程", "no recipe is declared"),
            Self::NoYieldBasis => ("未填报理论产量或投料量", "no theoretical output or charge is stated"),
            Self::MixedUnits => ("计量单位不同，不可相加", "amounts of different units do not add"),
            Self::SeveralProducts => ("多种产品，无统一节拍", "several products: no one cycle time"),
            Self::NoReadings => ("没有读数，或读数的计量单位不符", "nothing was read, or in another unit"),
            Self::NotMeasured => ("由定额倒冲得出，不是测量", "computed from a standard, not measured"),
        }
    }
}

/// A quotient of integers, and the quotients that bound it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ratio {
    /// Numerator.
    pub num: i128,
    /// Denominator, above zero.
    pub den: i128,
    /// Least it can be, as a quotient; the value itself when nothing is uncertain.
    pub lower: (i128, i128),
    /// Most it can be; `None` when nothing limits it.
    pub upper: Option<(i128, i128)>,
}

impl Ratio {
    /// A ratio known exactly.
    pub const fn exact(num: i128, den: i128) -> Self {
        Self { num, den, lower: (num, den), upper: Some((num, den)) }
    }
}

/// A ratio, or why there is none.
pub type Value = Result<Ratio, Undefined>;

/// Millionths of a microsecond in a millisecond.
const PER_MS: i128 = 1_000_000_000;

fn production(facts: &Facts) -> Result<&Production, Undefined> {
    let p = facts.production.as_ref().ok_or(Undefined::NoCounter)?;
    if p.without_cycle_time != 0 { Err(Undefined::NoCycleTime) } else { Ok(p) }
}

/// Planned time in whole microseconds, half away from zero: what a report prints as a numerator.
fn us(standard: i128) -> i128 {
    crate::decimal::div_half_up(standard, 1_000_000).unwrap_or(0)
}

/// A: APT / PBT.
pub fn availability(f: &Facts) -> Value {
    let b = &f.buckets;
    let run = b.sure_run_ms();
    time_ratio(f, b.apt_ms, run, run + b.doubt_ms())
}

/// A share of planned busy time, of which so much is certain and so much possible. What may have been production outside
/// planned time would add to both.
fn time_ratio(f: &Facts, part_ms: i64, least_ms: i64, most_ms: i64) -> Value {
    if !f.has_state {
        return Err(Undefined::NoState);
    }
    let b = &f.buckets;
    if b.pbt_ms() <= 0 {
        return Err(Undefined::NoPlannedTime);
    }
    let [part, pbt, least, most] = [part_ms, b.pbt_ms(), least_ms, most_ms].map(i128::from);
    let [sure_pbt, unplanned] = [b.sure_pbt_ms(), b.unplanned_doubt_ms()].map(i128::from);
    Ok(Ratio {
        num: part,
        den: pbt,
        lower: if sure_pbt > 0 { (least, sure_pbt) } else { (0, 1) },
        upper: Some(at_most_one((most + unplanned, sure_pbt + unplanned))),
    })
}

fn at_most_one((num, den): (i128, i128)) -> (i128, i128) {
    if num > den { (den, den) } else { (num, den) }
}

/// E: Σ PRI·PQ / APT. May exceed 1, and is never capped.
pub fn performance(f: &Facts) -> Value {
    if !f.has_state {
        return Err(Undefined::NoState);
    }
    let p = production(f)?;
    let b = &f.buckets;
    let apt = i128::from(b.apt_ms) * 1000;
    if apt <= 0 {
        return Err(Undefined::NoProduction);
    }
    let least_apt = i128::from(b.sure_run_ms()) * 1000;
    let most_apt = least_apt + i128::from(b.doubt_ms() + b.unplanned_doubt_ms()) * 1000;
    let s = p.produced.standard;
    Ok(Ratio {
        num: us(s.value),
        den: apt,
        lower: (us(s.lower), most_apt),
        upper: (least_apt > 0 && !p.uncapped).then_some((us(s.upper), least_apt)),
    })
}

/// Q: Σ PRI·GQ / Σ PRI·PQ.
pub fn quality(f: &Facts) -> Value {
    let p = production(f)?;
    if !p.rejects_known {
        return Err(Undefined::NoRejectSignal);
    }
    let (good, bad) = (p.good.standard, p.rejected.standard);
    if p.produced.standard.value <= 0 {
        return Err(Undefined::NoProduction);
    }
    let of = |good: i128, bad: i128| good.checked_add(bad).filter(|all| *all > 0).map(|all| (us(good), us(all)));
    if p.uncapped {
        let (num, den) = (us(good.value), us(p.produced.standard.value));
        return Ok(Ratio { num, den, lower: (0, 1), upper: Some((1, 1)) });
    }
    Ok(Ratio {
        num: us(good.value),
        den: us(p.produced.standard.value),
        lower: of(good.lower, bad.upper).unwrap_or((0, 1)),
        upper: Some(of(good.upper, bad.lower).map_or((1, 1), at_most_one)),
    })
}

/// OEE: Σ PRI·GQ / PBT.
pub fn oee(f: &Facts) -> Value {
    if !f.has_state {
        return Err(Undefined::NoState);
    }
    let p = production(f)?;
    let b = &f.buckets;
    let pbt = i128::from(b.pbt_ms()) * 1000;
    if pbt <= 0 {
        return Err(Undefined::NoPlannedTime);
    }
    let s = p.good.standard;
    // Unplanned running that rests on held samples may not have been: planned busy time is smaller then.
    let sure_pbt = i128::from(b.sure_pbt_ms()) * 1000;
    Ok(Ratio {
        num: us(s.value),
        den: pbt,
        lower: (us(s.lower), sure_pbt + i128::from(b.unplanned_doubt_ms()) * 1000),
        upper: (sure_pbt > 0 && !p.uncapped).then_some((us(s.upper), sure_pbt)),
    })
}

/// NEE: (AUPT / PBT) · E · Q = OEE · (APT + AUST) / APT.
pub fn net_equipment_effectiveness(f: &Facts) -> Value {
    let base = oee(f)?;
    let b = &f.buckets;
    if b.apt_ms <= 0 {
        return Err(Undefined::NoProduction);
    }
    let factor =
        |(num, den): (i128, i128), setup: i64, apt: i64| (num * i128::from(apt + setup), den * i128::from(apt));
    let (num, den) = factor((base.num, base.den), b.aust_ms, b.apt_ms);
    let (run, setup, doubt) = (b.sure_run_ms(), b.sure_setup_ms(), b.doubt_ms());
    Ok(Ratio {
        num,
        den,
        // Least when everything in doubt was production, most when all of it was setup.
        lower: factor(base.lower, setup, run + doubt + b.unplanned_doubt_ms()),
        upper: base.upper.filter(|_| run > 0).map(|u| factor(u, setup + doubt, run)),
    })
}

/// AE: AUBT / PBT = (APT + AUST + ADET) / PBT.
pub fn allocation_efficiency(f: &Facts) -> Value {
    let b = &f.buckets;
    let planned = b.sure_pbt_ms();
    // An order nobody saw is no order for the lower bound, and one for the upper.
    let least = planned - b.doubt_ms() - b.sure_down_ms() - b.order_doubt_ms();
    time_ratio(f, b.apt_ms + b.aust_ms + b.adet_ms, least, planned - b.sure_down_ms())
}

/// TEEP: Σ PRI·GQ / calendar time.
pub fn teep(f: &Facts) -> Value {
    let p = production(f)?;
    let calendar = i128::from(f.buckets.total_ms()) * 1000;
    if calendar <= 0 {
        return Err(Undefined::NoPlannedTime);
    }
    let s = p.good.standard;
    Ok(Ratio {
        num: us(s.value),
        den: calendar,
        lower: (us(s.lower), calendar),
        upper: (!p.uncapped).then_some((us(s.upper), calendar)),
    })
}

/// 设备利用率: RUN time / window.
pub fn utilisation(f: &Facts) -> Value {
    if !f.has_state {
        return Err(Undefined::NoState);
    }
    let total: i64 = f.states_ms.iter().sum();
    if total <= 0 {
        return Err(Undefined::NoPlannedTime);
    }
    let [unknown, _, _, _, run, ..] = f.states_ms;
    let b = &f.buckets;
    let most = (run + unknown + b.held_other_ms + b.held_rest_ms).min(total);
    let total = i128::from(total);
    Ok(Ratio {
        num: i128::from(run),
        den: total,
        lower: (i128::from((run - b.held_run_ms).max(0)), total),
        upper: Some((i128::from(most), total)),
    })
}

/// PBT / window.
pub fn planned_share(f: &Facts) -> Value {
    let b = &f.buckets;
    if b.total_ms() <= 0 {
        return Err(Undefined::NoPlannedTime);
    }
    let (pbt, total) = (i128::from(b.pbt_ms()), i128::from(b.total_ms()));
    let [least, unplanned] = [b.sure_pbt_ms(), b.unplanned_doubt_ms()].map(i128::from);
    Ok(Ratio { num: pbt, den: total, lower: (least, total), upper: Some((least + unplanned, total)) })
}

/// Energy, kWh: a quotient over 10⁶.
pub fn energy_kwh(f: &Facts) -> Value {
    let e = match (&f.energy, f.energy_broken) {
        (Some(e), false) => e,
        (_, true) => return Err(Undefined::MeterDiscontinuity),
        (None, false) => return Err(Undefined::NoMeter),
    };
    let kwh = e.micro_kwh;
    Ok(Ratio {
        num: kwh.value,
        den: 1_000_000,
        lower: (kwh.lower, 1_000_000),
        upper: (!e.uncapped).then_some((kwh.upper, 1_000_000)),
    })
}

/// Energy per good item, kWh: millionths over millionths.
pub fn energy_per_good(f: &Facts) -> Value {
    energy_kwh(f)?;
    measured(f.production.as_ref().ok_or(Undefined::NoCounter)?)?;
    let PerGood { micro_kwh, good, energy_uncapped, good_uncapped } = f.per_good;
    if good.value <= 0 {
        return Err(Undefined::NoProduction);
    }
    Ok(Ratio {
        num: micro_kwh.value,
        den: good.value,
        lower: if good_uncapped { (0, 1) } else { (micro_kwh.lower, good.upper.max(1)) },
        upper: (!energy_uncapped && good.lower > 0).then_some((micro_kwh.upper, good.lower)),
    })
}

/// Amounts mean something only in one unit.
fn measured(p: &Production) -> Result<&Production, Undefined> {
    if p.measure == Measure::Mixed { Err(Undefined::MixedUnits) } else { Ok(p) }
}

/// Items, in the unit of the production: a quotient over 10⁶.
pub fn items(f: &Facts, pick: impl Fn(&Production) -> crate::counter::Bounded) -> Value {
    let p = measured(f.production.as_ref().ok_or(Undefined::NoCounter)?)?;
    let n = pick(p);
    Ok(Ratio {
        num: n.value,
        den: 1_000_000,
        lower: (n.lower, 1_000_000),
        upper: (!p.uncapped).then_some((n.upper, 1_000_000)),
    })
}

/// Planned time that fits into a stretch, in the unit of [`crate::facts::Counted::standard`].
pub(crate) fn standard_of_ms(ms: i64) -> i128 {
    i128::from(ms) * PER_MS
}

#[cfg(test)]
mod tests;
