//! ISO 22400-2 ratios that reports do not print but pages, plans and assessors ask for (reference §1.3).
//!
//! Constraints: numerator and denominator are exact integers; a zero denominator is undefined with a reason. Ratios of
//! time carry bounds; ratios of orders and people are quotients of declared numbers and have none.

use crate::counter::Bounded;
use crate::exact::Rational;
use crate::facts::{Counted, Facts, Production};
use crate::oee::{Ratio, Undefined, Value};

/// Defective items by what became of them: parts of [`Production::rejected`]. Adds up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Defects {
    /// Reworked (RQ): not good at the first pass; a later pass is another operation.
    pub reworked: Counted,
    /// Made between the start of a changeover and the release of the first good item.
    pub startup: Counted,
}

impl Defects {
    /// Takes note of reworked items stated by a person, at the planned time of the mean rejected item. More than were rejected
    /// cannot have been reworked: the rest is ignored, and `false` says so.
    pub fn state_reworked(&mut self, p: &Production, items: i64) -> bool {
        let asked = i128::from(items.max(0)) * 1_000_000;
        let room = (p.rejected.items.value - self.reworked.items.value).max(0);
        let taken = asked.min(room);
        let standard = match p.rejected.items.value {
            0 => 0,
            all => p.rejected.standard.value.checked_mul(taken).map_or(0, |s| s / all),
        };
        self.reworked.add(&Counted { items: Bounded::exact(taken), standard: Bounded::exact(standard) });
        taken == asked
    }

    /// Adds another window or machine.
    pub const fn add(&mut self, o: &Self) {
        self.reworked.add(&o.reworked);
        self.startup.add(&o.startup);
    }
}

/// A share of time, `part / (part + rest)`, of which so much of either is certain; `may` more of them may have been that part or
/// that rest, each where it counts most.
struct TimeShare {
    part: i64,
    rest: i64,
    sure_part: i64,
    sure_rest: i64,
    may: (i64, i64),
}

impl TimeShare {
    fn value(&self) -> Value {
        let quotient = |n: i64, other: i64| (i128::from(n), i128::from(n + other));
        if self.part + self.rest <= 0 {
            return Err(Undefined::NoProduction);
        }
        let (num, den) = quotient(self.part, self.rest);
        let (less, more) = (self.sure_rest + self.may.1, self.sure_part + self.may.0);
        Ok(Ratio {
            num,
            den,
            lower: if self.sure_part > 0 { quotient(self.sure_part, less) } else { (0, 1) },
            upper: Some(if self.sure_rest > 0 { quotient(more, self.sure_rest) } else { (1, 1) }),
        })
    }
}

fn observed(f: &Facts) -> Result<(), Undefined> {
    if !f.has_state {
        Err(Undefined::NoState)
    } else if f.buckets.pbt_ms() <= 0 {
        Err(Undefined::NoPlannedTime)
    } else {
        Ok(())
    }
}

/// UE, utilization efficiency: APT / AUBT, AUBT = APT + AUST + ADET. Milliseconds over milliseconds.
pub fn utilization_efficiency(f: &Facts) -> Value {
    observed(f)?;
    let b = &f.buckets;
    TimeShare {
        part: b.apt_ms,
        rest: b.aust_ms + b.adet_ms,
        sure_part: b.sure_run_ms(),
        sure_rest: b.sure_setup_ms() + b.sure_delay_ms(),
        may: (b.doubt_ms() + b.unplanned_doubt_ms(), b.doubt_ms() + b.order_doubt_ms()),
    }
    .value()
}

/// TE, technical efficiency: APT / (APT + ADET); setup is not counted. Milliseconds over milliseconds.
pub fn technical_efficiency(f: &Facts) -> Value {
    observed(f)?;
    let b = &f.buckets;
    TimeShare {
        part: b.apt_ms,
        rest: b.adet_ms,
        sure_part: b.sure_run_ms(),
        sure_rest: b.sure_delay_ms(),
        may: (b.doubt_ms() + b.unplanned_doubt_ms(), b.doubt_ms() + b.order_doubt_ms()),
    }
    .value()
}

/// SR, setup ratio: AUST / AUPT, AUPT = APT + AUST. Milliseconds over milliseconds; lower is better.
pub fn setup_ratio(f: &Facts) -> Value {
    observed(f)?;
    let b = &f.buckets;
    TimeShare {
        part: b.aust_ms,
        rest: b.apt_ms,
        sure_part: b.sure_setup_ms(),
        sure_rest: b.sure_run_ms(),
        may: (b.doubt_ms(), b.doubt_ms() + b.unplanned_doubt_ms()),
    }
    .value()
}

fn of_produced(p: &Production, part: i128, part_lower: i128, part_upper: i128) -> Value {
    if !p.rejects_known {
        return Err(Undefined::NoRejectSignal);
    }
    let all = p.produced.items;
    if all.value <= 0 {
        return Err(Undefined::NoProduction);
    }
    // The part is in the whole: it never exceeds it.
    let upper = if all.lower > 0 && part_upper <= all.lower && !p.uncapped { (part_upper, all.lower) } else { (1, 1) };
    // A difference of two counters, each interpolated at an edge, may come out where it cannot be.
    let part = part.min(part_upper).max(part_lower);
    let is_exact = all.lower == all.upper && part_lower == part_upper && !p.uncapped;
    if is_exact {
        return Ok(Ratio::exact(part, all.value));
    }
    let lower = if p.uncapped { (0, 1) } else { (part_lower.max(0), all.upper.max(1)) };
    Ok(Ratio { num: part, den: all.value, lower, upper: Some(upper) })
}

/// SCR, scrap ratio: SQ / PQ in items, SQ = rejected − reworked.
pub fn scrap_ratio(p: &Production, d: &Defects) -> Value {
    let scrap = p.rejected.minus(&d.reworked).items;
    of_produced(p, scrap.value, scrap.lower, scrap.upper)
}

/// RWR, rework ratio: RQ / PQ in items.
pub fn rework_ratio(p: &Production, d: &Defects) -> Value {
    let rework = d.reworked.items;
    of_produced(p, rework.value, rework.lower, rework.upper)
}

/// 产品合格率: GQ / PQ in items — never used inside OEE, where planned time weighs the products (TV-03).
pub fn piece_quality(p: &Production) -> Value {
    let good = p.good.items;
    of_produced(p, good.value, good.lower, good.upper)
}

/// What is known of an order, from the system that runs it. Milliseconds and items.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Order {
    /// AOET: order end − order start.
    pub execution_ms: i64,
    /// Σ AUBT over the order's work units.
    pub busy_ms: i64,
    /// Σ APT over the order's work units.
    pub production_ms: i64,
    /// PQ, items.
    pub produced: i64,
}

fn plain(num: i128, den: i128, why: Undefined) -> Result<Rational, Undefined> {
    if den <= 0 { Err(why) } else { Rational::new(num, den).ok_or(why) }
}

impl Order {
    /// AR, allocation ratio: Σ AUBT / AOET. Above 1 with overlapping operations.
    ///
    /// # Errors
    /// No execution time.
    pub fn allocation_ratio(&self) -> Result<Rational, Undefined> {
        plain(i128::from(self.busy_ms), i128::from(self.execution_ms), Undefined::NoOrder)
    }

    /// PPR, production process ratio: Σ APT / AOET.
    ///
    /// # Errors
    /// No execution time.
    pub fn process_ratio(&self) -> Result<Rational, Undefined> {
        plain(i128::from(self.production_ms), i128::from(self.execution_ms), Undefined::NoOrder)
    }

    /// TR, throughput rate: PQ / AOET, items per hour.
    ///
    /// # Errors
    /// No execution time.
    pub fn throughput_per_hour(&self) -> Result<Rational, Undefined> {
        plain(i128::from(self.produced) * 3_600_000, i128::from(self.execution_ms), Undefined::NoOrder)
    }
}

/// WE, worker efficiency: APWT / APAT, both in the same unit of time.
///
/// # Errors
/// No attendance.
pub fn worker_efficiency(work: i64, attendance: i64) -> Result<Rational, Undefined> {
    plain(i128::from(work), i128::from(attendance), Undefined::NoPlannedTime)
}

/// FPY, first pass yield: GP / IP, serialised items good at the first inspection without rework.
///
/// # Errors
/// Nothing was inspected.
pub fn first_pass_yield(good: i64, inspected: i64) -> Result<Rational, Undefined> {
    plain(i128::from(good), i128::from(inspected), Undefined::NoProduction)
}

/// FOR, fall-off ratio: SQ of an operation / PQ of the first operation of the route.
///
/// # Errors
/// The first operation made nothing.
pub fn fall_off_ratio(scrap: i64, first_produced: i64) -> Result<Rational, Undefined> {
    plain(i128::from(scrap), i128::from(first_produced), Undefined::NoProduction)
}

/// APS, actual to planned scrap: SQ / PSQ.
///
/// # Errors
/// No scrap was planned.
pub fn actual_to_planned_scrap(scrap: i64, planned: i64) -> Result<Rational, Undefined> {
    plain(i128::from(scrap), i128::from(planned), Undefined::NoOrder)
}

/// ELR, equipment load ratio: PQ / EPC, produced over the rated capacity of the same time, items.
///
/// # Errors
/// No rated capacity.
pub fn equipment_load_ratio(produced: i64, capacity: i64) -> Result<Rational, Undefined> {
    plain(i128::from(produced), i128::from(capacity), Undefined::NoPlannedTime)
}

/// CMR, corrective maintenance ratio: CMT / (CMT + PMT), milliseconds.
///
/// # Errors
/// No maintenance at all.
pub fn corrective_maintenance_ratio(corrective_ms: i64, planned_ms: i64) -> Result<Rational, Undefined> {
    let all = i128::from(corrective_ms) + i128::from(planned_ms);
    plain(i128::from(corrective_ms), all, Undefined::NoPlannedTime)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decimal::ratio6;

    #[test]
    fn bounds_are_the_value_without_doubt_and_open_with_it() {
        let mut f = Facts { has_state: true, ..Facts::default() };
        f.buckets.apt_ms = 350;
        f.buckets.aust_ms = 25;
        f.buckets.adet_ms = 40;
        for (value, printed) in [
            (utilization_efficiency(&f), "0.843373"),
            (technical_efficiency(&f), "0.897436"),
            (setup_ratio(&f), "0.066667"),
        ] {
            let r = value.unwrap();
            assert_eq!(ratio6(r.num, r.den).unwrap(), printed);
            assert_eq!((r.lower, r.upper), ((r.num, r.den), Some((r.num, r.den))));
        }
        f.buckets.unk_ms = 10;
        let r = utilization_efficiency(&f).unwrap();
        assert_eq!((r.lower, r.upper), ((350, 425), Some((360, 425))));
        f.buckets = crate::buckets::Buckets { unk_ms: 10, ..Default::default() };
        assert_eq!(utilization_efficiency(&f), Err(Undefined::NoProduction), "seen nothing: neither 0 nor 1");
    }

    #[test]
    fn reworked_items_are_part_of_the_rejected_and_never_more() {
        let counted = |n: i128| Counted { items: Bounded::exact(n * 1_000_000), standard: Bounded::exact(n * 7) };
        let p = Production {
            produced: counted(100),
            good: counted(90),
            rejected: counted(10),
            rejects_known: true,
            ..Production::default()
        };
        let mut d = Defects::default();
        assert!(d.state_reworked(&p, 4));
        assert_eq!((d.reworked.items.value, d.reworked.standard.value), (4_000_000, 28));
        let print = |v: Value| v.map(|r| ratio6(r.num, r.den).unwrap()).unwrap();
        assert_eq!((print(rework_ratio(&p, &d)), print(scrap_ratio(&p, &d))), ("0.040000".into(), "0.060000".into()));
        assert!(!d.state_reworked(&p, 7), "only six are left");
        assert_eq!(d.reworked.items.value, 10_000_000);
        assert_eq!(print(scrap_ratio(&p, &d)), "0.000000");
    }

    #[test]
    fn orders_may_exceed_one_and_are_undefined_without_time() {
        let order = Order { execution_ms: 7_200_000, busy_ms: 9_000_000, production_ms: 3_600_000, produced: 150 };
        assert_eq!(order.allocation_ratio().unwrap().digits(2), "1.25");
        assert_eq!(order.process_ratio().unwrap().digits(2), "0.50");
        assert_eq!(order.throughput_per_hour().unwrap().digits(0), "75");
        assert_eq!(Order::default().allocation_ratio(), Err(Undefined::NoOrder));
        assert_eq!(fall_off_ratio(3, 0), Err(Undefined::NoProduction));
    }
}
