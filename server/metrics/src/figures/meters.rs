//! The site's meters over some dates, and the bills against them: what the instruments add to the interval, what is found about
//! them, and how the incoming meter stands to what the supply company settled (reference §2, §3.7).
//!
//! Constraints
//! 1. Nothing is computed here: [`crate::metrology::measure`] and [`crate::settlement::reconcile`] do, with the delivered table
//!    of class limits at rated load. What they find corrects nothing and lowers no grade.
//! 2. Dates are whole local days. A bill is compared over its own days, whichever were asked for: the history must reach over
//!    [`reach`], not over the dates alone.
//! 3. A year of bills is printed as a whole year or not at all; days no bill covers are counted, never made up for.

use serde::Serialize;

use crate::calendar::{local_days, parse_date};
use crate::energy::factors::{FactorSet, delivered};
use crate::exact::Rational;
use crate::facts::{Facts, Share};
use crate::figures::power::COAL;
use crate::figures::{Figure, Printer, Shape, Term, ask, number};
use crate::grade::Grade;
use crate::history::History;
use crate::interval::Interval;
use crate::metrology::certificate;
use crate::metrology::classes::{ClassTable, DELIVERED};
use crate::metrology::composition::Source;
use crate::metrology::measured::{Rules, in_force};
use crate::metrology::{
    Bounds, Detail, Device, Found, Loading, Measured, Meter, Quantity, RegisterSide, Transformer, measure, totals,
};
use crate::model::MachineRole;
use crate::oee::{Ratio, Undefined};
use crate::report::{GapLine, LineageRange, Period, Words};
use crate::settlement::Bill;
use crate::settlement::reconcile::{Allowed, Reconciled, reconcile};
use crate::settlement::year::{YearOfBills, YearRule, of_year};
use crate::shift::Inputs;
use crate::statements::Stated;

/// What stands beside a finding about an instrument.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct MeterFinding {
    /// Machine.
    pub machine: String,
    /// Stable code.
    pub code: &'static str,
    /// What it means.
    pub says: Words,
    /// What it rests on; empty where the statements say it all.
    pub detail: Words,
    /// First instant it concerns, UTC milliseconds.
    pub from_ms: i64,
    /// First instant after, UTC milliseconds.
    pub to_ms: i64,
    /// The `meter` statement it concerns, by leaf.
    pub leaf: Option<u64>,
}

/// The instrument of a machine over a part of the dates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Instrument {
    /// Machine.
    pub machine: String,
    /// First instant, UTC milliseconds.
    pub from_ms: i64,
    /// First instant after, UTC milliseconds.
    pub to_ms: i64,
    /// Leaf of the `meter` statement; `None` where nothing is stated.
    pub leaf: Option<u64>,
    /// What it says, in the order of a name plate.
    pub plate: Vec<Plate>,
}

/// A line of a name plate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Plate {
    /// `serial`, `class`, `ct`, `pt`, `register`, `certificate`.
    pub name: &'static str,
    /// As stated.
    pub value: Words,
}

/// What explains a difference between meter and bill, kWh.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct AllowedPart {
    /// `unknown_time`, `reading_time`, `own_meter`, `their_meter`, `rounding`.
    pub part: &'static str,
    /// Digits; `None` when a class is unknown.
    pub kwh: Option<String>,
}

/// A bill against the register of its incoming meter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct BillLine {
    /// Incoming meter.
    pub machine: String,
    /// Account.
    pub account: String,
    /// First local date.
    pub from: String,
    /// Last local date.
    pub to: String,
    /// Amount and unit as printed.
    pub printed: String,
    /// Class of the source.
    pub source: Words,
    /// Leaf of the statement.
    pub leaf: u64,
    /// What was metered by the bill, kWh.
    pub billed: Option<String>,
    /// By the register here, kWh.
    pub measured: Option<String>,
    /// Difference to the bill as a share of it, six decimals.
    pub relative: Option<String>,
    /// What explains a difference to the side it lies on.
    pub allowed: Vec<AllowedPart>,
    /// Stable code of the verdict.
    pub verdict: &'static str,
    /// What is concluded.
    pub concludes: Words,
    /// Why, and what to know.
    pub reasons: Vec<Words>,
}

/// Days of a year that an account's bills do not cover.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct MissingDays {
    /// Account.
    pub account: String,
    /// Days.
    pub days: i64,
}

/// A calendar year by its bills.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct YearLine {
    /// The year.
    pub year: i16,
    /// Which bills belong to it.
    pub rule: Words,
    /// Every account's bills cover every day.
    pub is_whole: bool,
    /// Accounts whose bills do not cover every day.
    pub missing: Vec<MissingDays>,
    /// Why there is no total.
    pub refused: Option<String>,
}

/// Everything about meters and bills over some dates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Meters {
    /// First and last local date.
    pub dates: [String; 2],
    /// First instant, UTC milliseconds.
    pub from_ms: i64,
    /// First instant after, UTC milliseconds.
    pub to_ms: i64,
    /// The figures, in the order of the catalogue; `part` names the machine, or the bill's account and dates.
    pub figures: Vec<Figure>,
    /// The instruments.
    pub instruments: Vec<Instrument>,
    /// Matters to verify about them, by machine and time.
    pub findings: Vec<MeterFinding>,
    /// The bills that overlap the dates.
    pub bills: Vec<BillLine>,
    /// The years they end in.
    pub years: Vec<YearLine>,
    /// Leaves of the statements in force.
    pub statements: Vec<u64>,
    /// Records the registers' readings came in.
    pub lineage: Vec<LineageRange>,
    /// Gaps of the registers in the dates.
    pub gaps: Vec<GapLine>,
}

/// The time whose readings are needed: the dates, and the whole of every bill that overlaps them. `None` when the dates are none.
pub fn reach(history: &History, period: &Period) -> Option<Interval> {
    let span = span(history, period)?;
    let of_bills = bills(history, span).map(|(_, days)| days);
    Some(of_bills.fold(span, |a, b| Interval::new(a.from_ms.min(b.from_ms), a.to_ms.max(b.to_ms))))
}

fn zone(history: &History) -> &str {
    history.statements().site().map_or("Asia/Shanghai", |s| s.zone.as_str())
}

fn span(history: &History, period: &Period) -> Option<Interval> {
    local_days(zone(history), parse_date(&period.from)?, parse_date(&period.to)?).filter(|s| !s.is_empty())
}

fn bills(history: &History, span: Interval) -> impl Iterator<Item = (&Stated<Bill>, Interval)> {
    let with_days = history.statements().bills().filter_map(|b| Some((b, b.body.period(zone(history))?)));
    with_days.filter(move |(_, days)| !days.intersect(&span).is_empty())
}

/// Meters and bills over local dates; `None` when the dates are none. What lies after `until_ms` has not happened yet.
pub fn meters(history: &History, period: &Period, until_ms: Option<i64>) -> Option<Meters> {
    let mut span = span(history, period)?;
    span.to_ms = span.to_ms.min(until_ms.unwrap_or(i64::MAX)).max(span.from_ms);
    // A test holds that the delivered table reads.
    let table = ClassTable::parse(DELIVERED).ok()?;
    let rules = Rules { table: &table, loading: Loading::default(), tangent: None };
    let facts = Facts::default();
    let mut printer = Printer::of(&facts);
    let mut out = Meters {
        dates: [period.from.clone(), period.to.clone()],
        from_ms: span.from_ms,
        to_ms: span.to_ms,
        figures: Vec::new(),
        instruments: Vec::new(),
        findings: Vec::new(),
        bills: Vec::new(),
        years: Vec::new(),
        statements: Vec::new(),
        lineage: Vec::new(),
        gaps: Vec::new(),
    };
    let mut records = Facts::default();
    let mut registers = Vec::new();
    let statements = history.statements();
    for machine in statements.machines().filter(|_| !span.is_empty()) {
        let definitions = statements.machine_definitions(machine);
        let has_register = definitions.iter().any(|d| d.body.signals.energy.is_some());
        if !has_register && statements.instruments(machine, Quantity::Energy).is_empty() {
            continue;
        }
        let inputs = Inputs::load(history, machine, span);
        let found = measure(history, &inputs, machine, span, &rules);
        for (gateway, range) in &totals(history, &inputs, machine, span).0.lineage {
            records.saw(gateway, range.first);
            records.saw(gateway, range.last);
        }
        registers.extend(definitions.iter().filter_map(|d| d.body.signals.energy.as_ref()));
        out.instrument(history, machine, span);
        energy(&mut printer, machine, &table, &found);
        match found {
            Ok(measured) => {
                out.statements.extend(measured.statements.iter().copied());
                out.findings.extend(measured.findings.iter().map(finding));
            }
            // Nothing was read, or the register broke: what is stated can be examined all the same.
            Err(_) => {
                for (part, stated) in in_force(history, machine, Quantity::Energy, span) {
                    let found = stated.map_or_else(Vec::new, |s| certificate::check(s, part, zone(history)));
                    out.statements.extend(stated.map(|s| s.leaf));
                    out.findings.extend(found.iter().map(finding));
                }
            }
        }
    }
    let incoming = statements
        .machines()
        .filter(|m| statements.machine_definitions(m).iter().any(|d| d.body.role == MachineRole::Meter));
    for machine in incoming {
        for r in reconcile(history, machine, &rules, span) {
            compared(&mut printer, machine, &r);
            out.statements.push(r.bill.leaf);
            out.bills.push(BillLine::of(machine, &r));
        }
    }
    out.years(&mut printer, history, span);
    out.figures = printer.finish();
    out.lineage = super::lineage(&records);
    out.gaps = super::gaps_of(history, &registers, span);
    out.statements.sort_unstable();
    out.statements.dedup();
    Some(out)
}

/// The bills of an incoming meter that overlap a stretch of time against its register, as [`meters`] has them.
pub fn compared_bills(history: &History, machine: &str, within: Interval) -> Vec<BillLine> {
    // A test holds that the delivered table reads.
    let Ok(table) = ClassTable::parse(DELIVERED) else { return Vec::new() };
    let rules = Rules { table: &table, loading: Loading::default(), tangent: None };
    reconcile(history, machine, &rules, within).iter().map(|r| BillLine::of(machine, r)).collect()
}

fn bounded(value: Rational, bounds: Option<Bounds>) -> Shape {
    let pair = |r: Rational| (r.num(), r.den());
    match bounds {
        None => Shape::Plain(Ok(value)),
        Some(b) => Shape::Bounded(Ok(Ratio {
            num: value.num(),
            den: value.den(),
            lower: pair(b.lower),
            upper: b.upper.map(pair),
        })),
    }
}

fn kwh(symbol: &'static str, value: Rational) -> Term {
    Term { symbol, value: super::trimmed(value.num(), value.den(), 6), unit: "kWh".into() }
}

/// Energy with the error of its instruments, and that error.
fn energy(out: &mut Printer<'_>, machine: &str, table: &ClassTable, found: &Result<Measured, Undefined>) {
    let id = "energy.active.instrument@1";
    let measured = match found {
        Ok(measured) => measured,
        Err(why) => return out.put(ask(id, Share::default(), Vec::new()).part(machine), Shape::Plain(Err(*why))),
    };
    let mut terms = vec![kwh("E", measured.kwh), kwh("E_low", measured.unknown_time.lower)];
    terms.extend(measured.unknown_time.upper.map(|upper| kwh("E_high", upper)));
    let asked =
        ask(id, measured.cover, terms).part(machine).graded(measured.grade).with("class_table", table.id.clone());
    out.put(asked, bounded(measured.kwh, measured.with_instrument));
    for (_, composition) in &measured.compositions {
        let parts = composition.parts.iter().map(|p| {
            let (Source::Class(of) | Source::Displacement(of)) = p.source;
            let device = match of {
                Device::Meter => "meter",
                Device::Ct => "CT",
                Device::Pt => "PT",
            };
            let percent = p.limit.times(Rational::integer(100)).map_or_else(String::new, |v| v.digits(3));
            format!("{device} {} ±{percent} %", p.class)
        });
        let asked = ask("meter.error@1", measured.cover, Vec::new())
            .part(machine)
            .exact_if(true)
            // The classes were typed from a name plate.
            .at_best(Grade::C)
            .with("parts", parts.collect::<Vec<_>>().join(" + "))
            .with("class_table", composition.table.clone());
        out.put(asked, Ok::<_, Undefined>(composition.total));
    }
}

fn compared(out: &mut Printer<'_>, machine: &str, r: &Reconciled) {
    let bill = &r.bill.body;
    let part = format!("{machine} {} – {}", bill.from, bill.to);
    let asked = |id, terms| ask(id, r.cover, terms).part(part.clone()).graded(r.grade);
    let both = || {
        let measured = r.measured.as_ref().map(|m| kwh("MEASURED", m.kwh));
        measured.into_iter().chain(r.billed.map(|b| kwh("BILLED", b))).collect::<Vec<_>>()
    };
    let why = if r.measured.is_none() { Undefined::NoMeter } else { Undefined::MixedUnits };
    out.put(asked("bill.difference@1", both()), r.difference.ok_or(why));
    out.put(asked("bill.relative@1", both()), r.relative.ok_or(why));
    if let Some((allowed, side)) = side(r) {
        let terms = parts(&allowed).into_iter().filter_map(|(symbol, v)| Some(kwh(symbol, v?))).collect();
        // With a class unknown the sum is of the parts that are known: more may be allowed.
        let shape = allowed.total().map_or(Shape::Plain(Err(Undefined::Insufficient)), |total| {
            let upper = allowed.is_complete().then_some(total);
            bounded(total, Some(Bounds { lower: total, upper }))
        });
        out.put(asked("bill.allowed@1", terms).with("side", side), shape);
    }
}

/// The parts that explain the difference to the side it lies on.
fn side(r: &Reconciled) -> Option<(Allowed, &'static str)> {
    if r.difference? >= Rational::ZERO { Some((r.over?, "over")) } else { Some((r.short?, "short")) }
}

const fn parts(a: &Allowed) -> [(&'static str, Option<Rational>); 5] {
    [
        ("unknown_time", Some(a.unknown_time)),
        ("reading_time", Some(a.reading_time)),
        ("own_meter", a.own_meter),
        ("their_meter", a.their_meter),
        ("rounding", Some(a.rounding)),
    ]
}

impl BillLine {
    fn of(machine: &str, r: &Reconciled) -> Self {
        let bill = &r.bill.body;
        let digits = |v: Rational| super::trimmed(v.num(), v.den(), 3);
        let allowed = side(r).map_or_else(Vec::new, |(allowed, _)| {
            parts(&allowed).into_iter().map(|(part, v)| AllowedPart { part, kwh: v.map(digits) }).collect()
        });
        Self {
            machine: machine.to_owned(),
            account: bill.account.clone(),
            from: bill.from.clone(),
            to: bill.to.clone(),
            printed: format!("{} {}", bill.amount, bill.unit),
            source: bill.source.words().into(),
            leaf: r.bill.leaf,
            billed: r.billed.map(digits),
            measured: r.measured.as_ref().map(|m| digits(m.kwh)),
            relative: r.relative.map(|share| share.digits(6)),
            allowed,
            verdict: r.verdict.code(),
            concludes: r.verdict.words().into(),
            reasons: r.reasons.iter().map(|r| r.words().into()).collect(),
        }
    }
}

fn finding(f: &Found) -> MeterFinding {
    MeterFinding {
        machine: f.machine.clone(),
        code: f.finding.code(),
        says: f.finding.words().into(),
        detail: detail(&f.detail),
        from_ms: f.span.from_ms,
        to_ms: f.span.to_ms,
        leaf: f.leaf,
    }
}

fn detail(detail: &Detail) -> Words {
    let digits = |v: &Rational| super::trimmed(v.num(), v.den(), 9);
    let (zh, en) = match detail {
        Detail::None => (String::new(), String::new()),
        Detail::Certificate { of, kind, number, issued, valid_until } => (
            format!("{}{} {number}：{issued} 至 {valid_until}", of.words().0, kind.words().0),
            format!("{}, {} {number}: {issued} to {valid_until}", of.words().1, kind.words().1),
        ),
        Detail::Class { device, class } if class.is_empty() => {
            (format!("{}：未填报等级", device.words().0), format!("{}: no class is stated", device.words().1))
        }
        Detail::Class { device, class } => {
            (format!("{}：等级“{class}”", device.words().0), format!("{}: class “{class}”", device.words().1))
        }
        Detail::Scale { expected: Some(expected), configured } => (
            format!("按填报变比每计数 {} kWh，采集配置为 {} kWh", digits(expected), digits(configured)),
            format!("{} kWh a count by the ratios, {} kWh as configured", digits(expected), digits(configured)),
        ),
        Detail::Scale { expected: None, configured } => (
            format!("采集配置为每计数 {} kWh", digits(configured)),
            format!("{} kWh a count as configured", digits(configured)),
        ),
        Detail::Backward { kwh, steps } => (
            format!("倒走 {} kWh，共 {steps} 次", digits(kwh)),
            format!("{} kWh backwards in {steps} steps", digits(kwh)),
        ),
    };
    Words { zh, en }
}

fn both(text: &str) -> Words {
    (text, text).into()
}

fn plate(meter: &Meter) -> Vec<Plate> {
    let mut out = Vec::new();
    let mut line = |name: &'static str, value: Words| out.push(Plate { name, value });
    let unknown = || ("未填报", "not stated").into();
    let or_unknown = |text: Option<&str>| text.filter(|t| !t.is_empty()).map_or_else(unknown, both);
    line("serial", or_unknown(Some(&meter.serial)));
    line("class", or_unknown(meter.class.as_deref()));
    let of = |t: &Transformer, unit: &str| {
        let class = t.class.as_deref();
        let text = |none: &str| format!("{}/{} {unit} · {}", t.primary, t.secondary, class.unwrap_or(none));
        Words { zh: text("等级未填报"), en: text("class not stated") }
    };
    if let Some(ct) = &meter.ct {
        line("ct", of(ct, "A"));
    }
    if let Some(pt) = &meter.pt {
        line("pt", of(pt, "V"));
    }
    let (zh, en) = match meter.register {
        RegisterSide::Primary => ("一次侧（已含倍率）", "primary (ratios inside)"),
        RegisterSide::Secondary => ("二次侧（倍率在采集配置中）", "secondary (ratios in the configuration)"),
    };
    line("register", (zh, en).into());
    for c in &meter.certificates {
        let (of, kind) = (c.of.words(), c.kind.words());
        let value = Words {
            zh: format!("{}{} {}，有效期至 {}", of.0, kind.0, c.number, c.valid_until),
            en: format!("{}, {} {}, valid until {}", of.1, kind.1, c.number, c.valid_until),
        };
        line("certificate", value);
    }
    out
}

impl Meters {
    fn instrument(&mut self, history: &History, machine: &str, span: Interval) {
        for (part, stated) in in_force(history, machine, Quantity::Energy, span) {
            self.instruments.push(Instrument {
                machine: machine.to_owned(),
                from_ms: part.from_ms,
                to_ms: part.to_ms,
                leaf: stated.map(|s| s.leaf),
                plate: stated.map_or_else(Vec::new, |s| plate(&s.body)),
            });
        }
    }

    /// Standard coal of the years that bills within the dates end in.
    fn years(&mut self, out: &mut Printer<'_>, history: &History, span: Interval) {
        let mut years: Vec<i16> =
            bills(history, span).filter_map(|(b, _)| Some(parse_date(&b.body.to)?.year())).collect();
        years.sort_unstable();
        years.dedup();
        let rule = YearRule::EndsIn;
        for year in years {
            let Ok(set) = delivered(COAL) else { continue };
            let mut line =
                YearLine { year, rule: rule.words().into(), is_whole: false, missing: Vec::new(), refused: None };
            // What was sold is taken off, as both metrics have it.
            match of_year(history.statements().bills(), year, rule, &set) {
                Ok(found) => {
                    coal(out, &found, &set);
                    line.is_whole = found.is_whole();
                    let short = |a: &crate::settlement::year::AccountDays| {
                        let days = (found.days - a.covered).max(a.missing_between);
                        (days > 0).then(|| MissingDays { account: a.account.clone(), days })
                    };
                    line.missing = found.accounts.iter().filter_map(short).collect();
                    self.statements.extend(&found.bills);
                }
                Err(why) => line.refused = Some(why.to_string()),
            }
            self.years.push(line);
        }
    }
}

fn coal(out: &mut Printer<'_>, found: &YearOfBills, set: &FactorSet) {
    let asked = |id| {
        let cover = found.accounts.iter().map(|a| a.covered.min(found.days)).min().unwrap_or(0);
        let day = 86_400_000;
        ask(id, Share { observed_ms: cover * day, of_ms: found.days * day }, vec![number("n", found.bills.len())])
            .part(found.year.to_string())
            .graded(found.grade)
            .exact_if(found.is_whole())
            .with("factor_set", set.id.clone())
    };
    out.put(asked("energy.comprehensive.bills@1"), Ok::<_, Undefined>(found.comprehensive.kgce));
    if let Some(total) = &found.statistical {
        out.put(asked("energy.consumption.bills@1"), Ok::<_, Undefined>(total.kgce));
    }
}
