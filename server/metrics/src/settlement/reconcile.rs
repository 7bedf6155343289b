//! The incoming meter against the bill, period by period.
//!
//! Constraints
//! 1. difference = measured − billed; relative to the bill. The bill counts without the loss that was added to it, because the
//!    register here counts none.
//! 2. The difference may be as large as the parts that explain it, added up (worst case): time nobody saw, the hours within which the
//!    bill's readings were taken — as energy by the register itself around both midnights —, the error of both meters, one unit of
//!    the bill's last digit. Nothing else is tolerated, and no percentage is agreed beforehand.
//! 3. Where both are one instrument (the same serial number), its error is in both numbers alike and allows nothing.
//! 4. A verdict must not hang on what is unknown: `within` stands if the known parts suffice, `outside` only if every part is known.
//!    Otherwise the month is not comparable, and says why.

use std::collections::BTreeSet;

use crate::exact::Rational;
use crate::facts::Share;
use crate::grade::Grade;
use crate::history::History;
use crate::interval::Interval;
use crate::metrology::composition::of_classes;
use crate::metrology::measured::{Rules, bounds, in_force, measure, totals, zone_of};
use crate::metrology::{Bounds, Device, Found, Measured, Quantity};
use crate::settlement::{Bill, Direction};
use crate::shift::Inputs;
use crate::statements::{Stated, Statements};

/// What the comparison says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// The difference is explained by what is known to be uncertain.
    Within,
    /// It is not: a matter to verify.
    Outside,
    /// The two cannot be compared.
    NotComparable,
}

impl Verdict {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Within, Self::Outside, Self::NotComparable];

    /// Stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Within => "within",
            Self::Outside => "outside",
            Self::NotComparable => "not_comparable",
        }
    }

    /// Chinese and English.
    pub const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Within => ("在允许差值内", "within the allowed difference"),
            Self::Outside => ("超出允许差值，待核实", "outside the allowed difference: to be verified"),
            Self::NotComparable => ("不可比", "not comparable"),
        }
    }
}

/// Why a period is not comparable, or what its reader must know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// Bills of several accounts name no incoming meter.
    AccountUnclear,
    /// The bill's unit is no unit of electricity.
    BillUnit,
    /// The class of a meter is unknown, and the difference cannot be explained without it.
    ClassUnknown,
    /// Less than 80 % of the period was read.
    CoverageLow,
    /// Less than 95 % of the period was read.
    CoverageQualified,
    /// Part of the period was not read and nothing limits what passed then.
    Open,
    /// Another bill of the account covers some of the same days.
    Overlap,
    /// The incoming meter has no register, or it was not read.
    NotRead,
    /// The register broke in the period: only its whole days are measured.
    RegisterBroken,
}

impl Reason {
    /// Every reason.
    pub const ALL: [Self; 9] = [
        Self::AccountUnclear,
        Self::BillUnit,
        Self::ClassUnknown,
        Self::CoverageLow,
        Self::CoverageQualified,
        Self::Open,
        Self::Overlap,
        Self::NotRead,
        Self::RegisterBroken,
    ];

    /// Chinese and English.
    pub const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::AccountUnclear => {
                ("多个户号的账单未指明对应的总表", "bills of several accounts name no incoming meter")
            }
            Self::BillUnit => ("账单单位不是电量单位", "the bill is in no unit of electricity"),
            Self::ClassUnknown => {
                ("计量器具准确度等级不明，允许差值不完整", "a class is unknown: the allowed difference is not complete")
            }
            Self::CoverageLow => ("表底覆盖率低于 80%", "less than 80 % of the period was read"),
            Self::CoverageQualified => ("表底覆盖率低于 95%", "less than 95 % of the period was read"),
            Self::Open => {
                ("部分时段未读到表底，电量上限不明", "part of the period was not read and nothing limits what passed")
            }
            Self::Overlap => ("同一户号的账单日期重叠", "bills of the account overlap in their dates"),
            Self::NotRead => ("总表未接入或未读到表底", "the incoming meter has no register, or it was not read"),
            Self::RegisterBroken => (
                "表底中断且未填报换表，仅计完整日",
                "the register broke without a declared exchange: only whole days are measured",
            ),
        }
    }
}

/// What explains a difference, part by part, kWh.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowed {
    /// Time nobody saw.
    pub unknown_time: Rational,
    /// The hours within which the bill's readings were taken.
    pub reading_time: Rational,
    /// The error of the meter here; `None` when its class is unknown.
    pub own_meter: Option<Rational>,
    /// The error of the supply company's meter; `None` when its class is unknown.
    pub their_meter: Option<Rational>,
    /// One unit of the bill's last digit.
    pub rounding: Rational,
}

impl Allowed {
    /// The sum of the known parts; `None` on overflow.
    pub fn total(&self) -> Option<Rational> {
        let meters = [self.own_meter, self.their_meter].into_iter().flatten();
        Rational::sum([self.unknown_time, self.reading_time, self.rounding].into_iter().chain(meters))
    }

    /// Whether every part is known.
    pub const fn is_complete(&self) -> bool {
        self.own_meter.is_some() && self.their_meter.is_some()
    }
}

/// One bill against the register.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reconciled {
    /// The bill.
    pub bill: Stated<Bill>,
    /// Its period.
    pub period: Interval,
    /// What the bill says was metered, kWh.
    pub billed: Option<Rational>,
    /// What the register says, with bounds and findings.
    pub measured: Option<Measured>,
    /// measured − billed, kWh.
    pub difference: Option<Rational>,
    /// difference / billed; `None` for a bill of nothing.
    pub relative: Option<Rational>,
    /// How far the measurement may exceed the bill.
    pub over: Option<Allowed>,
    /// How far the measurement may fall short of it; `None` when nothing limits it.
    pub short: Option<Allowed>,
    /// Coverage of the register.
    pub cover: Share,
    /// The worse of both grades.
    pub grade: Grade,
    /// What is concluded.
    pub verdict: Verdict,
    /// Why, and what to know.
    pub reasons: BTreeSet<Reason>,
}

impl Reconciled {
    /// What was found about the instrument here.
    pub fn findings(&self) -> &[Found] {
        self.measured.as_ref().map_or(&[], |m| m.findings.as_slice())
    }
}

/// The bills of electricity bought.
pub fn bought(statements: &Statements) -> impl Iterator<Item = &Stated<Bill>> {
    statements.bills().filter(|b| b.body.carrier == "electricity" && b.body.direction == Direction::Import)
}

/// Whether bills of several accounts name no meter: then none of them can be told to be one meter's.
pub fn is_unclear(statements: &Statements) -> bool {
    let mut accounts = bought(statements).filter(|b| b.body.machine.is_none()).map(|b| &b.body.account);
    accounts.next().is_some_and(|first| accounts.any(|other| other != first))
}

/// The bills of electricity bought that concern an incoming meter and overlap a stretch of time, in order, each over its own days
/// against the register.
pub fn reconcile(history: &History, machine: &str, rules: &Rules, within: Interval) -> Vec<Reconciled> {
    let all: Vec<&Stated<Bill>> = bought(history.statements()).collect();
    let is_unclear = is_unclear(history.statements());
    let mut mine: Vec<&Stated<Bill>> =
        all.iter().copied().filter(|b| b.body.machine.as_deref().is_none_or(|m| m == machine)).collect();
    mine.sort_by(|a, b| (&a.body.from, &a.body.to, a.leaf).cmp(&(&b.body.from, &b.body.to, b.leaf)));
    let one = |bill: &&Stated<Bill>| {
        let mut reasons = BTreeSet::new();
        if bill.body.machine.is_none() && is_unclear {
            reasons.insert(Reason::AccountUnclear);
        }
        if all.iter().any(|o| o.leaf != bill.leaf && o.body.overlaps(&bill.body)) {
            reasons.insert(Reason::Overlap);
        }
        against_register(history, machine, bill, rules, reasons, within)
    };
    mine.iter().filter_map(one).collect()
}

/// kWh per unit of a bill of electricity.
fn kwh_per(unit: &str) -> Option<Rational> {
    match unit {
        "kWh" | "千瓦时" | "度" => Some(Rational::integer(1)),
        "MWh" => Some(Rational::integer(1_000)),
        "万kWh" | "万千瓦时" => Some(Rational::integer(10_000)),
        _ => None,
    }
}

fn against_register(
    history: &History,
    machine: &str,
    bill: &Stated<Bill>,
    rules: &Rules,
    reasons: BTreeSet<Reason>,
    within: Interval,
) -> Option<Reconciled> {
    // The zone of the site on the bill's first day, whatever it was called in UTC.
    let period = bill.body.period(zone_of(history, bill.body.period("UTC")?))?;
    if period.intersect(&within).is_empty() {
        return None;
    }
    let mut out = Reconciled {
        bill: bill.clone(),
        period,
        billed: None,
        measured: None,
        difference: None,
        relative: None,
        over: None,
        short: None,
        cover: Share { observed_ms: 0, of_ms: period.length_ms() },
        grade: bill.body.grade(),
        verdict: Verdict::NotComparable,
        reasons,
    };
    let unit = kwh_per(&bill.body.unit);
    out.billed = bill.body.metered().zip(unit).and_then(|(amount, unit)| amount.times(unit));
    if out.billed.is_none() {
        out.reasons.insert(Reason::BillUnit);
    }
    let reading_ms = bill.body.reading_ms();
    let reach = Interval::new(period.from_ms.saturating_sub(reading_ms), period.to_ms.saturating_add(reading_ms));
    let inputs = Inputs::load(history, machine, reach);
    match measure(history, &inputs, machine, period, rules) {
        Ok(measured) => out.compare(history, &inputs, machine, measured, rules),
        Err(_) => {
            out.reasons.insert(Reason::NotRead);
        }
    }
    Some(out)
}

impl Reconciled {
    fn compare(&mut self, history: &History, inputs: &Inputs, machine: &str, measured: Measured, rules: &Rules) {
        (self.cover, self.grade) = (measured.cover, self.grade.max(measured.grade));
        if measured.is_broken {
            self.reasons.insert(Reason::RegisterBroken);
        }
        if measured.unknown_time.upper.is_none() {
            self.reasons.insert(Reason::Open);
        }
        if !measured.cover.reaches(80) {
            self.reasons.insert(Reason::CoverageLow);
        } else if !measured.cover.reaches(95) {
            self.reasons.insert(Reason::CoverageQualified);
        }
        if let Some(billed) = self.billed {
            let reading = reading_range(history, inputs, machine, &measured, self.bill.body.reading_ms());
            let error = own_error(history, machine, &self.bill.body, &measured);
            let theirs = their_error(&self.bill.body, error == Some(Rational::ZERO), rules);
            self.difference = measured.kwh.minus(billed);
            self.relative = self.difference.and_then(|d| d.over(billed));
            let rounding = self.bill.body.resolution().zip(kwh_per(&self.bill.body.unit));
            let rounding = rounding.and_then(|(r, unit)| r.times(unit));
            if let Some((reading, rounding)) = reading.zip(rounding) {
                self.over = over(&measured, reading, billed, error, theirs, rounding);
                self.short = short(&measured, reading, billed, error, theirs, rounding);
                self.verdict = self.judge();
            }
        }
        self.measured = Some(measured);
    }

    fn judge(&mut self) -> Verdict {
        use Reason::{AccountUnclear, CoverageLow, Overlap, RegisterBroken};
        let is_barred = [AccountUnclear, CoverageLow, Overlap, RegisterBroken].iter().any(|r| self.reasons.contains(r));
        let (Some(difference), Some(over)) = (self.difference, self.over) else { return Verdict::NotComparable };
        if is_barred {
            return Verdict::NotComparable;
        }
        // How far the difference goes, and the side it goes to.
        let (size, side) = if difference >= Rational::ZERO {
            (difference, Some(over))
        } else {
            match Rational::ZERO.minus(difference) {
                Some(size) => (size, self.short),
                None => return Verdict::NotComparable,
            }
        };
        match side {
            None => {
                self.reasons.insert(Reason::Open);
                Verdict::NotComparable
            }
            Some(allowed) if allowed.total().is_some_and(|t| size <= t) => Verdict::Within,
            Some(allowed) if allowed.is_complete() && allowed.total().is_some() => Verdict::Outside,
            Some(_) => {
                self.reasons.insert(Reason::ClassUnknown);
                Verdict::NotComparable
            }
        }
    }
}

/// What the register can have passed between the bill's two readings, each taken within `reading_ms` of its midnight: from the least
/// between the latest beginning and the earliest end to the most between the earliest and the latest.
fn reading_range(
    history: &History,
    inputs: &Inputs,
    machine: &str,
    measured: &Measured,
    reading_ms: i64,
) -> Option<Bounds> {
    let w = measured.window;
    let (inner, outer) = (
        Interval::new(w.from_ms.saturating_add(reading_ms), w.to_ms.saturating_sub(reading_ms)),
        Interval::new(w.from_ms.saturating_sub(reading_ms), w.to_ms.saturating_add(reading_ms)),
    );
    let of = |window: Interval| totals(history, inputs, machine, window).0.energy.map(|e| bounds(&e));
    let lower = if inner.is_empty() { Rational::ZERO } else { of(inner)??.lower };
    let upper = of(outer)??.upper;
    // Energy that ran backwards around midnight must not turn the range inside out.
    let upper = upper.zip(measured.unknown_time.upper).map(|(a, b)| a.max(b));
    Some(Bounds { lower: lower.min(measured.unknown_time.lower), upper })
}

/// The relative error of the meter here against the bill's: zero where both are one instrument, `None` where a class is unknown.
fn own_error(history: &History, machine: &str, bill: &Bill, measured: &Measured) -> Option<Rational> {
    let pieces = in_force(history, machine, Quantity::Energy, measured.window);
    let is_theirs = |serial: &str| !serial.is_empty() && bill.meter_serial.as_deref() == Some(serial);
    if pieces.iter().all(|(_, stated)| stated.is_some_and(|s| is_theirs(&s.body.serial))) {
        return Some(Rational::ZERO);
    }
    measured.with_instrument?;
    measured.compositions.iter().map(|(_, c)| c.total).max()
}

fn their_error(bill: &Bill, is_same: bool, rules: &Rules) -> Option<Rational> {
    if is_same {
        return Some(Rational::ZERO);
    }
    let classes = bill.classes.as_ref()?;
    let transformers = [(Device::Ct, classes.ct.as_deref()), (Device::Pt, classes.pt.as_deref())];
    let marks = std::iter::once((Device::Meter, Some(classes.meter.as_str())))
        .chain(transformers.into_iter().filter(|(_, mark)| mark.is_some()));
    of_classes(marks, rules.table, rules.loading, rules.tangent).ok().map(|c| c.total)
}

/// How far the measurement may exceed the bill: down to the least that can truly have passed here, and up to the most that can
/// truly have passed there.
fn over(
    measured: &Measured,
    reading: Bounds,
    billed: Rational,
    own: Option<Rational>,
    theirs: Option<Rational>,
    rounding: Rational,
) -> Option<Allowed> {
    Some(Allowed {
        unknown_time: measured.kwh.minus(measured.unknown_time.lower)?,
        reading_time: measured.unknown_time.lower.minus(reading.lower)?,
        own_meter: own.and_then(|e| magnitude(reading.lower)?.times(e)),
        their_meter: theirs.and_then(|e| upwards(magnitude(billed)?, e)),
        rounding,
    })
}

/// How far it may fall short, the other way round.
fn short(
    measured: &Measured,
    reading: Bounds,
    billed: Rational,
    own: Option<Rational>,
    theirs: Option<Rational>,
    rounding: Rational,
) -> Option<Allowed> {
    let (upper, latest) = (measured.unknown_time.upper?, reading.upper?);
    Some(Allowed {
        unknown_time: upper.minus(measured.kwh)?,
        reading_time: latest.minus(upper)?,
        own_meter: own.and_then(|e| upwards(magnitude(latest)?, e)),
        their_meter: theirs.and_then(|e| magnitude(billed)?.times(e)),
        rounding,
    })
}

/// `amount / (1 − error) − amount`: how much more than shown can truly have passed.
fn upwards(amount: Rational, error: Rational) -> Option<Rational> {
    amount.over(Rational::integer(1).minus(error)?)?.minus(amount)
}

fn magnitude(value: Rational) -> Option<Rational> {
    if value < Rational::ZERO { Rational::ZERO.minus(value) } else { Some(value) }
}

/// Sums over periods in which both sides are known, kWh: measured, billed, difference. `None` without any, or on overflow.
pub fn summed(periods: &[Reconciled]) -> Option<(Rational, Rational, Rational)> {
    let both = periods.iter().filter_map(|p| Some((p.measured.as_ref()?.kwh, p.billed?))).collect::<Vec<_>>();
    let measured = Rational::sum(both.iter().map(|(m, _)| *m)).filter(|_| !both.is_empty())?;
    let billed = Rational::sum(both.iter().map(|(_, b)| *b))?;
    Some((measured, billed, measured.minus(billed)?))
}
