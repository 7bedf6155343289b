//! One machine's energy over a window with everything its instruments add: bounds from unknown time, bounds from instrument error
//! on top, and findings.
//!
//! Constraints
//! 1. The value is the register's and the same as `energy.active@1` says. Nothing here changes it.
//! 2. A window is cut where another `meter` statement takes effect; each piece is widened by its own instruments and the bounds are
//!    added (worst case: errors of different instruments may all have one sign).
//! 3. A piece without a stated or known class makes the instrument bounds of the whole unknown, with a finding that says where.
//! 4. Where the register broke, the days that are whole still count; the rest is unknown without an upper bound.

use std::collections::BTreeSet;

use crate::calendar::local_date;
use crate::counter::Replacement;
use crate::energy::exchange::{self, Backward};
use crate::exact::Rational;
use crate::facts::{Facts, Share};
use crate::grade::{Flag, Grade};
use crate::history::{History, REACH_MS};
use crate::interval::Interval;
use crate::metrology::ratio::{RatioCheck, check as check_ratio, configured};
use crate::metrology::{
    Bounds, ClassTable, Composition, Counts, Detail, Finding, Found, Loading, Meter, Quantity, certificate, compose,
};
use crate::oee::Undefined;
use crate::shift::{Inputs, Schedule, evaluate, register_rule};
use crate::statements::Stated;

/// How limits are taken.
#[derive(Debug, Clone, Copy)]
pub struct Rules<'a> {
    /// Limits by class.
    pub table: &'a ClassTable,
    /// At which load.
    pub loading: Loading,
    /// kvarh over kWh of the period, where reactive energy is metered.
    pub tangent: Option<Rational>,
}

/// Energy with the error of its instruments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Measured {
    /// The window.
    pub window: Interval,
    /// What the register says, kWh.
    pub kwh: Rational,
    /// What that can be because of unknown time.
    pub unknown_time: Bounds,
    /// What it can be because of unknown time and instrument error together; `None` when a class is unknown.
    pub with_instrument: Option<Bounds>,
    /// The error of the instruments, piece by piece.
    pub compositions: Vec<(Interval, Composition)>,
    /// Coverage of the register.
    pub cover: Share,
    /// Grade of the value.
    pub grade: Grade,
    /// What a reader must know.
    pub flags: BTreeSet<Flag>,
    /// Leaves of the statements in force.
    pub statements: BTreeSet<u64>,
    /// The register broke inside the window: the value is that of its whole days.
    pub is_broken: bool,
    /// Matters to verify.
    pub findings: Vec<Found>,
}

/// The energy of a machine over a window as facts, and whether its register broke: then the days that are whole are added up and
/// nothing limits the rest.
pub fn totals(history: &History, inputs: &Inputs, machine: &str, window: Interval) -> (Facts, bool) {
    let whole = evaluate(history, inputs, machine, window, &Schedule::default()).facts;
    if !whole.energy_broken {
        return (whole, false);
    }
    let zone = zone_of(history, window);
    let mut sum = Facts::default();
    for day in days(zone, window) {
        let mut facts = evaluate(history, inputs, machine, day, &Schedule::default()).facts;
        // An unknown rest has no upper bound, and no lower one worth having.
        if facts.energy_broken {
            facts.energy = None;
        }
        sum.add_window(&facts);
    }
    if let Some(energy) = &mut sum.energy {
        energy.uncapped = true;
    }
    (sum, true)
}

/// The local days of a window, cut at its edges.
fn days(zone: &str, window: Interval) -> Vec<Interval> {
    let mut out = Vec::new();
    let mut at = window.from_ms;
    while at < window.to_ms && out.len() < 4000 {
        let day = local_date(zone, at).and_then(|d| crate::calendar::local_days(zone, d, d));
        let end = day.map_or(window.to_ms, |d| d.to_ms).min(window.to_ms).max(at.saturating_add(1));
        out.push(Interval::new(at, end));
        at = end;
    }
    out
}

/// The zone of the site at the beginning of a window.
pub(crate) fn zone_of(history: &History, window: Interval) -> &str {
    history.statements().site_at(window.from_ms).map_or("Asia/Shanghai", |s| s.body.zone.as_str())
}

/// The energy of a machine over a window, with the error of its instruments and what is found about them.
///
/// # Errors
/// The machine has no energy register, or nothing of it was read.
pub fn measure(
    history: &History,
    inputs: &Inputs,
    machine: &str,
    window: Interval,
    rules: &Rules,
) -> Result<Measured, Undefined> {
    let (facts, is_broken) = totals(history, inputs, machine, window);
    let energy = match facts.energy {
        Some(energy) => energy,
        None if is_broken => return Err(Undefined::MeterDiscontinuity),
        None => return Err(Undefined::NoMeter),
    };
    let large = Undefined::MeterDiscontinuity;
    let unknown_time = bounds(&energy).ok_or(large)?;
    let mut out = Measured {
        window,
        kwh: kwh(energy.micro_kwh.value).ok_or(large)?,
        unknown_time,
        with_instrument: None,
        compositions: Vec::new(),
        cover: facts.energy_cover,
        grade: facts.grade(facts.energy_cover),
        flags: facts.flags,
        statements: facts.statements,
        is_broken,
        findings: Vec::new(),
    };
    out.instruments(history, inputs, machine, rules);
    Ok(out)
}

impl Measured {
    /// Widens the bounds piece by piece, and looks for findings.
    fn instruments(&mut self, history: &History, inputs: &Inputs, machine: &str, rules: &Rules) {
        let pieces = in_force(history, machine, Quantity::Energy, self.window);
        let is_one = pieces.len() == 1;
        let mut sum = Some(Bounds::exact(Rational::ZERO));
        for (span, stated) in pieces {
            let Some(stated) = stated else {
                self.findings.push(Found {
                    finding: Finding::MeterUndeclared,
                    machine: machine.to_owned(),
                    span,
                    leaf: None,
                    detail: Detail::None,
                });
                sum = None;
                continue;
            };
            self.statements.insert(stated.leaf);
            self.findings.extend(certificate::check(stated, span, zone_of(history, span)));
            self.findings.extend(check_register(history, stated, span));
            match compose(&stated.body, rules.table, rules.loading, rules.tangent) {
                Ok(composition) => {
                    // One piece is the whole: no second evaluation, and no uncertainty at a cut.
                    let part = if is_one { Some(self.unknown_time) } else { piece(history, inputs, machine, span) };
                    let wide = part.and_then(|bounds| composition.widen(bounds));
                    sum = sum.zip(wide).and_then(|(sum, wide)| sum.plus(wide));
                    self.compositions.push((span, composition));
                }
                Err(unknown) => {
                    let detail = Detail::Class { device: unknown.device, class: unknown.class };
                    self.findings.push(Found {
                        finding: Finding::ClassUnknown,
                        machine: machine.to_owned(),
                        span,
                        leaf: Some(stated.leaf),
                        detail,
                    });
                    sum = None;
                }
            }
        }
        self.with_instrument = sum;
    }
}

fn piece(history: &History, inputs: &Inputs, machine: &str, span: Interval) -> Option<Bounds> {
    bounds(&totals(history, inputs, machine, span).0.energy?)
}

/// Millionths of a kWh as kWh.
pub(crate) fn kwh(micro: i128) -> Option<Rational> {
    Rational::new(micro, 1_000_000)
}

pub(crate) fn bounds(energy: &crate::facts::Energy) -> Option<Bounds> {
    let upper = if energy.uncapped { None } else { Some(kwh(energy.micro_kwh.upper)?) };
    Some(Bounds { lower: kwh(energy.micro_kwh.lower)?, upper })
}

/// The pieces of a window with the `meter` statement in force in each.
pub fn in_force<'a>(
    history: &'a History,
    machine: &str,
    quantity: Quantity,
    window: Interval,
) -> Vec<(Interval, Option<&'a Stated<Meter>>)> {
    let statements = history.statements();
    let all = statements.instruments(machine, quantity);
    let mut cuts: Vec<i64> = all.iter().map(|s| s.effective_from).collect();
    cuts.retain(|ms| window.from_ms < *ms && *ms < window.to_ms);
    cuts.push(window.to_ms);
    cuts.sort_unstable();
    cuts.dedup();
    let mut out = Vec::with_capacity(cuts.len());
    let mut from = window.from_ms;
    for to in cuts {
        out.push((Interval::new(from, to), statements.instrument_at(machine, quantity, from)));
        from = to;
    }
    out
}

/// What the readings of the register contradict: its scale against the ratios, and running backwards.
fn check_register(history: &History, stated: &Stated<Meter>, span: Interval) -> Vec<Found> {
    let machine = &stated.body.machine;
    let statements = history.statements();
    let mut out = Vec::new();
    let Some(signal) = statements.machine_at(machine, span.from_ms).and_then(|d| d.body.signals.energy.as_ref()) else {
        return out;
    };
    let wide = Interval::new(span.from_ms.saturating_sub(REACH_MS), span.to_ms.saturating_add(REACH_MS));
    let series = history.series(&signal.gateway, &signal.tag, wide);
    let Some((range, meaning)) = series.alike(span, REACH_MS) else { return out };
    let mut find = |finding: Finding, detail: Detail| {
        out.push(Found { finding, machine: machine.clone(), span, leaf: Some(stated.leaf), detail });
    };
    let scale = configured(meaning, Quantity::Energy);
    match scale.and_then(|scale| check_ratio(&stated.body, scale)) {
        Some(RatioCheck::Contradicts { expected, configured }) => {
            find(Finding::RatioContradiction, Detail::Scale { expected: Some(expected), configured });
        }
        Some(RatioCheck::Unchecked { configured }) => {
            find(Finding::RatioUnchecked, Detail::Scale { expected: None, configured });
        }
        Some(RatioCheck::Agrees) | None => {}
    }
    let is_import = stated.body.counts == Counts::Import;
    if let Some(configured) = scale.filter(|s| is_import && *s < Rational::ZERO) {
        find(Finding::ReversedImport, Detail::Scale { expected: None, configured });
    }
    let mut rule = register_rule(signal, meaning, None);
    rule.replaced = statements
        .meters_replaced(machine)
        .map(|r| Replacement {
            at_ms: r.body.at_ms,
            old_final: r.body.old_final_raw.saturating_mul(meaning.unit_per_raw),
            new_initial: r.body.new_initial_raw.saturating_mul(meaning.unit_per_raw),
        })
        .collect();
    let Backward { amount, steps, .. } = exchange::backward(series.samples(range), span, &rule);
    let per_stored = scale.and_then(|s| s.over(Rational::integer(meaning.unit_per_raw.into())));
    if steps > 0 && is_import {
        let kwh = per_stored.and_then(|s| s.times(Rational::integer(amount))).unwrap_or(Rational::ZERO);
        find(Finding::ReversedImport, Detail::Backward { kwh, steps });
    }
    out
}
