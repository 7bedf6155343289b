//! OEE and 稼动率 as others define them (reference §1.4): same shift, other denominators, other ids.
//!
//! Constraints
//! 1. The definition is named wherever a value is shown; figures of different definitions are never added or compared.
//! 2. Operating time is loading time without every stop that is not minor ([`crate::kpi::losses`]); minor stops and speed
//!    are losses of performance. OEE of a fixed loading time is therefore the same as by ISO 22400 (TV-02).
//! 3. `jiadong.time@2` also takes waiting and time without an order out of loading time: another denominator under the same
//!    Chinese name, always higher, never the default.

use crate::facts::Production;
use crate::kpi::losses::Losses;
use crate::oee::{Ratio, Undefined, Value};

/// Planned time in whole microseconds.
fn us(standard: i128) -> i128 {
    crate::decimal::div_half_up(standard, 1_000_000).unwrap_or(0)
}

/// `operating / loading`. Loading time is planned busy time, without waiting and time without an order where `is_narrow`.
fn time_rate(l: &Losses, is_narrow: bool) -> Value {
    let b = &l.buckets;
    let loading = b.pbt_ms() - if is_narrow { left_out_ms(l) } else { 0 };
    if loading <= 0 {
        return Err(Undefined::NoPlannedTime);
    }
    let (lost, left_out) = (b.sure_setup_ms() + l.sure_kept_ms(), b.sure_down_ms() + l.sure_waiting_ms());
    // Least: nothing in doubt was operating, all of it loading. Most: all of it was operating, unplanned running too.
    let least = (l.sure_operating_ms(), b.sure_pbt_ms() - if is_narrow { left_out } else { 0 });
    let most = l.most_operating_ms();
    let of = if is_narrow { most + lost } else { most + lost + left_out };
    let quotient = |(num, den): (i64, i64), none| if den > 0 { (i128::from(num), i128::from(den)) } else { none };
    Ok(Ratio {
        num: i128::from(l.operating_ms()),
        den: i128::from(loading),
        lower: quotient(least, (0, 1)),
        upper: Some(quotient((most, of), (1, 1))),
    })
}

/// `oee.tpm_jipm@1` availability: operating time / loading time, loading = calendar − planned stops.
pub fn jipm_availability(l: &Losses) -> Value {
    time_rate(l, false)
}

/// `oee.tpm_jipm@1` performance: ideal cycle · PQ / operating time. Minor stops and reduced speed land here.
pub fn jipm_performance(l: &Losses, p: &Production) -> Value {
    if p.without_cycle_time != 0 {
        return Err(Undefined::NoCycleTime);
    }
    let operating = i128::from(l.operating_ms()) * 1000;
    if operating <= 0 {
        return Err(Undefined::NoProduction);
    }
    let [least, most] = [l.sure_operating_ms(), l.most_operating_ms()].map(|ms| i128::from(ms) * 1000);
    let made = p.produced.standard;
    Ok(Ratio {
        num: us(made.value),
        den: operating,
        lower: (us(made.lower), most),
        upper: (least > 0 && !p.uncapped).then_some((us(made.upper), least)),
    })
}

/// `oee.tpm_jipm@1`: ideal cycle · GQ / loading time. The same number as `oee.iso22400@1` for the same loading time.
pub fn jipm_oee(l: &Losses, p: &Production) -> Value {
    oee_of(l, p, true)
}

/// Good planned time over loading time. `strict` loading time is planned busy time; otherwise waiting and no-order time are
/// left out, and what is uncertain may join or leave it.
fn oee_of(l: &Losses, p: &Production, strict: bool) -> Value {
    if p.without_cycle_time != 0 {
        return Err(Undefined::NoCycleTime);
    }
    let b = &l.buckets;
    let loading = b.pbt_ms() - if strict { 0 } else { left_out_ms(l) };
    if loading <= 0 {
        return Err(Undefined::NoPlannedTime);
    }
    let good = p.good.standard;
    let pbt = b.sure_pbt_ms();
    let (least, most) = if strict {
        (pbt, pbt)
    } else {
        let kept = b.sure_setup_ms() + l.sure_kept_ms();
        (l.sure_operating_ms() + kept, pbt - b.sure_down_ms() - l.sure_waiting_ms())
    };
    let [least, most] = [least, most + b.unplanned_doubt_ms()].map(|ms| i128::from(ms) * 1000);
    Ok(Ratio {
        num: us(good.value),
        den: i128::from(loading) * 1000,
        lower: (us(good.lower), most),
        upper: (least > 0 && !p.uncapped).then_some((us(good.upper), least)),
    })
}

/// `jiadong.time@1` 时间稼动率: 稼动时间 / 负荷时间; waiting for material stays in 负荷时间.
pub fn jiadong_time_1(l: &Losses) -> Value {
    time_rate(l, false)
}

/// Waiting (with or without an order) and idle without an order: what `jiadong.time@2` leaves out, milliseconds.
const fn left_out_ms(l: &Losses) -> i64 {
    // Waiting without an order is part of ADOT already.
    l.buckets.adot_ms + l.waiting_ms
}

/// `jiadong.time@2` 时间稼动率: 负荷时间 also excludes 待料、待人、无动力 and time without an order.
pub fn jiadong_time_2(l: &Losses) -> Value {
    time_rate(l, true)
}

/// The OEE that goes with `jiadong.time@2`: shown only beside its own denominator.
pub fn jiadong_oee_2(l: &Losses, p: &Production) -> Value {
    oee_of(l, p, false)
}

/// `jiadong.perf@1` 性能稼动率: 净稼动率 × 速度稼动率 = ideal cycle · PQ / operating time.
pub fn jiadong_performance(l: &Losses, p: &Production) -> Value {
    jipm_performance(l, p)
}

/// `util.power_on@1` 开机率: powered time / calendar time.
pub fn power_on(l: &Losses) -> Value {
    let all = i128::from(l.buckets.total_ms());
    if all <= 0 {
        return Err(Undefined::NoPlannedTime);
    }
    let on = i128::from(l.powered_ms);
    let (less, more) = (i128::from(l.held_powered_ms), i128::from(l.maybe_powered_ms));
    Ok(Ratio { num: on, den: all, lower: ((on - less).max(0), all), upper: Some(((on + more).min(all), all)) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decimal::ratio6;

    const MIN: i64 = 60_000;

    fn tv_02() -> Losses {
        let mut l = Losses::default();
        l.buckets.apt_ms = 350 * MIN;
        l.buckets.aust_ms = 25 * MIN;
        l.buckets.adet_ms = 40 * MIN;
        l.buckets.adot_ms = 15 * MIN;
        l.breakdown_ms = 30 * MIN;
        l.minor_ms = 10 * MIN;
        l
    }

    #[test]
    fn one_shift_three_figures_each_under_its_own_name() {
        let l = tv_02();
        let printed = |v: Value| v.map(|r| ratio6(r.num, r.den).unwrap()).unwrap();
        assert_eq!(printed(jipm_availability(&l)), "0.837209");
        assert_eq!(printed(jiadong_time_1(&l)), "0.837209");
        assert_eq!(printed(jiadong_time_2(&l)), "0.867470");
        // Twenty minutes of the breakdown were waiting: only the second definition forgives them.
        let waiting = Losses { breakdown_ms: 10 * MIN, waiting_ms: 20 * MIN, ..l };
        assert_eq!(printed(jiadong_time_1(&waiting)), "0.837209");
        assert_eq!(printed(jiadong_time_2(&waiting)), "0.911392");
    }

    #[test]
    fn nothing_loaded_is_undefined() {
        assert_eq!(jiadong_time_1(&Losses::default()), Err(Undefined::NoPlannedTime));
        let mut idle = Losses::default();
        idle.buckets.adot_ms = MIN;
        assert_eq!(jiadong_time_1(&idle).map(|r| r.num), Ok(0));
        assert_eq!(jiadong_time_2(&idle), Err(Undefined::NoPlannedTime));
        assert_eq!(jipm_performance(&idle, &Production::default()), Err(Undefined::NoProduction));
    }
}
