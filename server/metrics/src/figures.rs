//! Every figure of a machine over production dates, beyond the lines of a report, each with what answers "why this number?":
//! formula, the quantities in it, coverage, bounds, grade, flags, statements, records and gaps.
//!
//! Constraints
//! 1. Nothing is computed here: values come from [`crate::kpi`], [`crate::energy`], [`crate::production`]; this module gathers what
//!    they need from a history and prints what they return. Page, API, command line and file evaluation all print this.
//! 2. The windows are the report's: shifts and the time outside them, those below 80 % coverage left out of sums and listed.
//! 3. A definition with several numbers (percentiles, tariff periods, a factor vintage) is several figures that share the
//!    definition and differ in [`Figure::part`].
//! 4. What a machine has no signal for is not listed; what it has signals for and has no value is, with the reason.
//! 5. What a figure stands on beside the machine's windows — an alarm signal, a gauge, a batch record — adds its flags, records and
//!    statements to those of the whole page, and grades its own figures only.
//!
//! [`gather`] walks the windows; `time`, `making` and `power` turn what it found into figures; `stops`, `alarms`, `batches`, `control`
//! and `material` say what the shop floor knows, with the [`lists`] behind the sums; [`site`] is the whole plant, [`saved`] energy
//! before against after under a plan, [`meters`] its meters and bills, [`questionnaire`] what its data evidences of the 评测指标.

mod alarms;
mod batches;
mod control;
mod gather;
pub mod lists;
mod making;
mod material;
pub mod meters;
mod power;
pub mod questionnaire;
mod reach;
pub mod saved;
pub mod site;
mod stops;
mod time;

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde::Serialize;

use crate::catalogue;
use crate::evidence::Evidence;
use crate::exact::{Rational, product_digits};
use crate::facts::{Facts, Share};
use crate::grade::Grade;
use crate::history::History;
use crate::interval::Interval;
use crate::kpi::losses::{Kind, Step};
use crate::model::SignalRef;
use crate::oee::{Undefined, Value};
use crate::quality::Reason;
use crate::quality::capability::{Index, Indexed};
use crate::report::{GapLine, LineageRange, Period, unit};

pub use self::gather::{Gathered, gather};
use self::lists::Lists;
pub use self::reach::reach;
pub use crate::kpi::losses::StopRule;

/// A quantity in a formula, exact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Term {
    /// Symbol as the formula has it.
    pub symbol: &'static str,
    /// Decimal digits, none left out.
    pub value: String,
    /// Unit: `ms`, `us`, `pcs`, `kWh`, … ; empty for plain numbers.
    pub unit: Cow<'static, str>,
}

/// One value of one definition, with what stands beside it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Figure {
    /// `name@version`, see [`crate::catalogue`].
    pub definition: &'static str,
    /// Which of several numbers of the definition: `p10`, a tariff period, a factor's id; empty when there is one.
    pub part: String,
    /// Unit of the value.
    pub unit: Cow<'static, str>,
    /// Formula in symbols.
    pub formula: &'static str,
    /// The quantities, with their numbers.
    pub terms: Vec<Term>,
    /// Numerator, digits.
    pub numerator: Option<String>,
    /// Denominator, digits.
    pub denominator: Option<String>,
    /// Six decimals, half away from zero; `None` with a reason in `undefined`.
    pub value: Option<String>,
    /// Least it can be; `None` when nothing is known of it.
    pub lower: Option<String>,
    /// Most it can be; `None` when nothing limits it.
    pub upper: Option<String>,
    /// Observed milliseconds, of milliseconds.
    pub coverage: [i64; 2],
    /// A–D.
    pub grade: Option<&'static str>,
    /// Code of [`Undefined`] or of [`crate::quality::Reason`].
    pub undefined: Option<&'static str>,
    /// Factors, rules and limits with their version, as `name = value`.
    pub parameters: Vec<(&'static str, String)>,
}

/// A step of the loss waterfall, printed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WaterfallStep {
    /// Stable id.
    pub id: &'static str,
    /// Chinese name.
    pub zh: &'static str,
    /// English name.
    pub en: &'static str,
    /// `unplanned`, `availability`, `performance`, `quality`, `unobserved`, `effective`.
    pub kind: &'static str,
    /// Seconds of planned time, three decimals; negative only for a gain of speed.
    pub seconds: String,
}

/// A changeover, printed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ChangeoverLine {
    /// Product before.
    pub from: String,
    /// Product after.
    pub to: String,
    /// Last good item of the old product, UTC milliseconds.
    pub from_ms: i64,
    /// First good item of the new one, UTC milliseconds.
    pub to_ms: i64,
    /// Without planned stops, milliseconds.
    pub changeover_ms: i64,
    /// Until the machine ran again, milliseconds.
    pub stopped_ms: Option<i64>,
}

/// All figures of a machine, or of the site, over a period.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Figures {
    /// Machine id, or `*` for the site.
    pub machine: String,
    /// First and last production date.
    pub dates: [String; 2],
    /// First instant, UTC milliseconds.
    pub from_ms: i64,
    /// First instant after, UTC milliseconds.
    pub to_ms: i64,
    /// The figures, in the order of the catalogue.
    pub figures: Vec<Figure>,
    /// From calendar time to the planned time of good items.
    pub waterfall: Vec<WaterfallStep>,
    /// The changeovers behind the summary.
    pub changeovers: Vec<ChangeoverLine>,
    /// What stands behind the sums of the shop floor.
    pub lists: Lists,
    /// Flags of everything summed up here.
    pub flags: Vec<&'static str>,
    /// Shifts left out for want of coverage.
    pub excluded: Vec<String>,
    /// Records behind the figures.
    pub lineage: Vec<LineageRange>,
    /// Leaves of the statements in force.
    pub statements: Vec<u64>,
    /// Gaps of the machine's tags, at most [`GAPS_MAX`].
    pub gaps: Vec<GapLine>,
    /// Gaps not listed.
    pub gaps_left_out: usize,
}

/// Milliseconds as seconds.
fn seconds(ms: Rational) -> Option<Rational> {
    ms.over(Rational::integer(1000))
}

/// Gaps listed with a machine's figures.
pub const GAPS_MAX: usize = 200;

/// Evaluates every figure of a machine; `None` when nothing is declared of it or the dates are none.
pub fn machine(
    history: &History,
    machine: &str,
    period: &Period,
    until_ms: Option<i64>,
    rule: StopRule,
) -> Option<Figures> {
    let gathered = gather(history, machine, period, until_ms, rule)?;
    let mut out = Printer::of(&gathered.facts);
    time::figures(&mut out, &time::Sums::of(&gathered));
    let (changeovers, waterfall) = making::figures(&mut out, history, &gathered);
    power::figures(&mut out, history, &gathered);
    let mut found = Found::default();
    stops::figures(&mut out, &gathered, &mut found);
    alarms::figures(&mut out, history, &gathered, &mut found);
    batches::figures(&mut out, history, &gathered, &mut found);
    control::figures(&mut out, history, &gathered, &mut found);
    material::figures(&mut out, history, &gathered, &mut found);
    let figures = out.finish();
    let facts = found.joined(&gathered.facts);
    let all = [gathered];
    let around = print(history, machine, period, &facts, &all, figures, &waterfall);
    Some(Figures { changeovers, lists: found.lists, ..around })
}

/// What figures beyond the windows' facts found, and what they stand on.
#[derive(Default)]
struct Found {
    lists: Lists,
    statements: BTreeSet<u64>,
    evidence: Evidence,
}

impl Found {
    /// The facts of the windows with what else the page stands on.
    fn joined(&self, facts: &Facts) -> Facts {
        let mut out = facts.clone();
        out.statements.extend(self.statements.iter().copied());
        out.flags.extend(self.evidence.flags.iter().copied());
        for (gateway, leaves) in &self.evidence.leaves {
            leaves.iter().for_each(|leaf| out.saw(gateway, *leaf));
        }
        out
    }
}

/// What stands around the figures of some machines.
fn print(
    history: &History,
    machine: &str,
    period: &Period,
    facts: &Facts,
    of: &[Gathered],
    figures: Vec<Figure>,
    waterfall: &[Step],
) -> Figures {
    let span = of.iter().map(|g| g.span).reduce(|a, b| Interval::new(a.from_ms.min(b.from_ms), a.to_ms.max(b.to_ms)));
    let span = span.unwrap_or(Interval::new(0, 0));
    let (gaps, gaps_left_out) = gaps(history, of, span);
    Figures {
        machine: machine.to_owned(),
        dates: [period.from.clone(), period.to.clone()],
        from_ms: span.from_ms,
        to_ms: span.to_ms,
        figures,
        waterfall: waterfall.iter().map(WaterfallStep::from).collect(),
        changeovers: Vec::new(),
        lists: Lists::default(),
        flags: facts.flags.iter().map(|f| f.code()).collect(),
        excluded: of.iter().flat_map(|g| g.excluded.iter().cloned()).collect(),
        lineage: lineage(facts),
        statements: facts.statements.iter().copied().collect(),
        gaps,
        gaps_left_out,
    }
}

fn lineage(facts: &Facts) -> Vec<LineageRange> {
    let line = |(gateway, r): (&String, &crate::facts::LeafRange)| LineageRange {
        gateway: gateway.clone(),
        first: r.first,
        last: r.last,
    };
    facts.lineage.iter().map(line).collect()
}

fn gaps(history: &History, of: &[Gathered], span: Interval) -> (Vec<GapLine>, usize) {
    let machines = of.iter().map(|g| g.definition.machine.as_str());
    let signals: Vec<&SignalRef> = machines.flat_map(|m| history.statements().signals_of(m)).collect();
    let all = gaps_of(history, &signals, span);
    let left_out = all.len().saturating_sub(GAPS_MAX);
    (all.into_iter().take(GAPS_MAX).collect(), left_out)
}

/// The gaps of some signals inside a stretch.
fn gaps_of(history: &History, signals: &[&SignalRef], span: Interval) -> Vec<GapLine> {
    let concerns = |gateway: &str, tag: Option<&str>| {
        signals.iter().any(|s| s.gateway == gateway && tag.is_none_or(|t| t == s.tag))
    };
    history
        .gaps(span)
        .into_iter()
        .filter(|g| concerns(&g.gateway, g.tag.as_deref()))
        .map(|g| GapLine {
            gateway: g.gateway,
            tag: g.tag,
            from_ms: g.interval.from_ms.max(span.from_ms),
            to_ms: g.interval.to_ms.min(span.to_ms),
            cause: g.cause,
            leaf: g.leaf,
        })
        .collect()
}

impl From<&Step> for WaterfallStep {
    fn from(s: &Step) -> Self {
        let kind = match s.kind {
            Kind::Unplanned => "unplanned",
            Kind::Availability => "availability",
            Kind::Performance => "performance",
            Kind::Quality => "quality",
            Kind::Unobserved => "unobserved",
            Kind::Effective => "effective",
        };
        // Planned time is in millionths of a microsecond.
        let seconds = product_digits(&[(s.amount, 1_000_000_000_000)], 3).unwrap_or_default();
        Self { id: s.id, zh: s.zh, en: s.en, kind, seconds }
    }
}

/// What a value may be, in the shape it was computed in.
enum Shape {
    /// With bounds from unobserved time.
    Bounded(Value),
    /// A quotient without bounds of its own: it has some only where the asker knows it exactly, see [`Ask::exact_if`].
    Plain(Result<Rational, Undefined>),
    /// Digits of a root: no quotient of integers.
    Digits(Result<String, Undefined>),
    /// A capability index.
    Index(Indexed),
    /// No value, for a reason of [`crate::quality`].
    None(Reason),
}

impl From<Value> for Shape {
    fn from(v: Value) -> Self {
        Self::Bounded(v)
    }
}

impl From<Indexed> for Shape {
    fn from(v: Indexed) -> Self {
        Self::Index(v)
    }
}

impl From<Result<Rational, Undefined>> for Shape {
    fn from(v: Result<Rational, Undefined>) -> Self {
        Self::Plain(v)
    }
}

/// Prints figures of one set of facts.
struct Printer<'a> {
    facts: &'a Facts,
    rows: Vec<Figure>,
}

/// A figure as it is asked for: definition, what it rests on, its quantities.
struct Ask {
    id: &'static str,
    part: String,
    cover: Share,
    terms: Vec<Term>,
    parameters: Vec<(&'static str, String)>,
    is_exact: bool,
    /// Unit of the value where the definition leaves it open.
    unit: Option<Cow<'static, str>>,
    /// The grade of what it rests on, where that is not the facts of the windows.
    grade: Option<Grade>,
    /// The best grade it can have.
    at_best: Grade,
}

/// One number of a definition.
fn ask(id: &'static str, cover: Share, terms: Vec<Term>) -> Ask {
    Ask {
        id,
        part: String::new(),
        cover,
        terms,
        parameters: Vec::new(),
        is_exact: false,
        unit: None,
        grade: None,
        at_best: Grade::A,
    }
}

impl Ask {
    fn part(mut self, part: impl Into<String>) -> Self {
        self.part = part.into();
        self
    }

    /// Full coverage is not enough: a held sample or an edge between two readings leaves a value uncertain all the same.
    fn exact_if(mut self, is_exact: bool) -> Self {
        self.is_exact = is_exact;
        self
    }

    /// Graded by what it rests on, not by the facts of the windows.
    const fn graded(mut self, grade: Grade) -> Self {
        self.grade = Some(grade);
        self
    }

    /// What people stated is never better than they are.
    const fn at_best(mut self, grade: Grade) -> Self {
        self.at_best = grade;
        self
    }

    fn in_unit(mut self, unit: impl Into<Cow<'static, str>>) -> Self {
        self.unit = Some(unit.into());
        self
    }

    fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.parameters.push((name, value.into()));
        self
    }
}

impl<'a> Printer<'a> {
    const fn of(facts: &'a Facts) -> Self {
        Self { facts, rows: Vec::new() }
    }

    fn put(&mut self, ask: Ask, value: impl Into<Shape>) {
        // Every id used here is in the catalogue; a test holds that.
        let Some(entry) = catalogue::explain(ask.id) else { return };
        let grade = ask.grade.unwrap_or_else(|| self.facts.grade(ask.cover)).max(ask.at_best);
        let mut terms = ask.terms;
        for term in terms.iter_mut().filter(|t| t.unit == "pcs") {
            term.unit = Cow::Borrowed(unit("pcs", self.facts));
        }
        let mut out = Figure {
            definition: entry.id,
            part: ask.part,
            unit: ask.unit.unwrap_or_else(|| Cow::Borrowed(unit(entry.unit, self.facts))),
            formula: entry.formula,
            terms,
            numerator: None,
            denominator: None,
            value: None,
            lower: None,
            upper: None,
            coverage: [ask.cover.observed_ms, ask.cover.of_ms],
            grade: Some(grade.letter()),
            undefined: None,
            parameters: ask.parameters,
        };
        match value.into() {
            Shape::Bounded(Ok(r)) => {
                out.quotient(r.num, r.den);
                out.lower = product_digits(&[r.lower], 6);
                out.upper = r.upper.and_then(|u| product_digits(&[u], 6));
            }
            Shape::Plain(Ok(r)) => {
                out.quotient(r.num(), r.den());
                if ask.is_exact {
                    (out.lower, out.upper) = (out.value.clone(), out.value.clone());
                }
            }
            Shape::Digits(Ok(digits)) => {
                if ask.is_exact {
                    (out.lower, out.upper) = (Some(digits.clone()), Some(digits.clone()));
                }
                out.value = Some(digits);
            }
            Shape::Index(Ok(Index::Exact(r))) => out.quotient(r.num(), r.den()),
            Shape::Index(Ok(root)) => match root.digits(6) {
                Some(digits) => out.value = Some(digits),
                None => (out.undefined, out.grade) = (Some(Reason::OutOfRange.code()), None),
            },
            Shape::Index(Err(why)) | Shape::None(why) => (out.undefined, out.grade) = (Some(why.code()), None),
            Shape::Bounded(Err(why)) | Shape::Plain(Err(why)) | Shape::Digits(Err(why)) => {
                out.undefined = Some(why.code());
                out.grade = None;
            }
        }
        self.rows.push(out);
    }

    /// The figures in the order of the catalogue, parts in the order they came.
    fn finish(mut self) -> Vec<Figure> {
        let order: Vec<&str> = catalogue::entries().map(|e| e.id).collect();
        let place = |f: &Figure| order.iter().position(|id| *id == f.definition);
        self.rows.sort_by_key(place);
        self.rows
    }
}

impl Figure {
    fn quotient(&mut self, num: i128, den: i128) {
        self.value = product_digits(&[(num, den)], 6);
        self.numerator = Some(num.to_string());
        self.denominator = Some(den.to_string());
    }
}

fn ms(symbol: &'static str, value: i64) -> Term {
    Term { symbol, value: value.to_string(), unit: Cow::Borrowed("ms") }
}

fn number(symbol: &'static str, value: impl ToString) -> Term {
    Term { symbol, value: value.to_string(), unit: Cow::Borrowed("") }
}

/// An amount in millionths of `unit`, as a decimal without trailing zeros.
fn millionths(symbol: &'static str, value: i128, unit: &'static str) -> Term {
    Term { symbol, value: trimmed(value, 1_000_000, 6), unit: Cow::Borrowed(unit) }
}

fn trimmed(num: i128, den: i128, decimals: usize) -> String {
    let digits = product_digits(&[(num, den)], decimals).unwrap_or_default();
    if digits.contains('.') { digits.trim_end_matches('0').trim_end_matches('.').to_owned() } else { digits }
}
