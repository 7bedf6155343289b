//! Each batch of a machine and each gap between two: duration, phases, standard time, 收率, energy.
//!
//! Constraints
//! 1. A batch belongs to the window in which it ends, a gap to the window in which the next batch begins: windows that tile a
//!    period share them out, none twice.
//! 2. Energy is the register's difference over the batch with its bounds, as for any window; states, flags and lineage likewise.
//! 3. A statement about a batch number stands above what a signal showed of it: a person corrects a machine, visibly.
//! 4. Yield and energy of one batch are quotients of integers; those of many are made from [`super::sums`].

use std::collections::BTreeSet;

use super::gap::{Gap, split};
use super::record::{BatchRecord, PhaseKind};
use super::signal::{Seen, recognise};
use super::sums::{Metered, Sums, Yielded, per_unit, yield_of};
use super::unit::{Amount, Measure};
use crate::counter::Bounded;
use crate::facts::{Counted, Facts};
use crate::grade::Flag;
use crate::history::{History, REACH_MS};
use crate::interval::{Interval, total_ms, union};
use crate::oee::{self, Undefined, Value};
use crate::shift::{self, Inputs, Schedule};
use crate::statements::Stated;
use crate::timeline::Cadence;

/// How far back the beginning of a batch that only a signal names is looked for, milliseconds: thirty-one days.
pub const LOOK_BACK_MS: i64 = 86_400_000 * 31;

/// What says that a batch was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Basis {
    /// A statement: its leaf, and those it supersedes.
    Stated {
        /// Leaf in force.
        leaf: u64,
        /// Leaves superseded, in order.
        superseded: Vec<u64>,
    },
    /// A signal.
    Signal(Seen),
}

/// One batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchResult {
    /// Batch number.
    pub batch: String,
    /// Product; `*` when nothing says.
    pub product: String,
    /// Begin and end.
    pub span: Interval,
    /// What says so.
    pub basis: Basis,
    /// Leaf of the recipe in force at its beginning.
    pub recipe: Option<u64>,
    /// Standard batch time of that recipe, milliseconds.
    pub standard_ms: Option<i64>,
    /// What was charged.
    pub charged: Option<Amount>,
    /// Output, good and all, in base units with its standard time; `None` when nothing tells.
    pub output: Option<Output>,
    /// What 收率 is made of, or why there is none.
    pub yielded: Result<Yielded, Undefined>,
    /// Phases: as stated, then those of the recipe that were not.
    pub phases: Vec<PhaseResult>,
    /// Energy, kWh.
    pub energy: Value,
    /// What energy per unit is made of.
    pub metered: Option<Metered>,
    /// Time, flags and lineage of the batch.
    pub facts: Facts,
}

/// Output of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Output {
    /// Good output.
    pub good: Counted,
    /// Good and rejected together.
    pub produced: Counted,
    /// Rejects are known.
    pub rejects_known: bool,
    /// Its unit.
    pub measure: Measure,
}

/// One phase of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PhaseResult {
    /// Name.
    pub phase: String,
    /// What for.
    pub kind: PhaseKind,
    /// Time it took, repetitions together, milliseconds; `None` when the recipe has it and nobody stated it.
    pub actual_ms: Option<i64>,
    /// Standard time, milliseconds; `None` when the recipe has none.
    pub standard_ms: Option<i64>,
}

impl BatchResult {
    /// 收率 of the batch: good output / theoretical output.
    ///
    /// # Errors
    /// Why there is none.
    pub fn yield_ratio(&self) -> Value {
        yield_of(self.yielded.as_ref().map_err(|why| *why)?)
    }

    /// Energy per unit of good output, kWh per base unit.
    ///
    /// # Errors
    /// Why there is none.
    pub fn energy_per_unit(&self) -> Value {
        self.energy?;
        per_unit(self.metered.as_ref().ok_or(Undefined::NoProduction)?)
    }
}

/// The batches of a machine over a window.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Batches {
    /// Batches that ended in the window, in order of beginning.
    pub batches: Vec<BatchResult>,
    /// Gaps whose next batch began in the window, in order.
    pub gaps: Vec<Gap>,
    /// Sums of both.
    pub sums: Sums,
}

/// A batch to look at.
struct Found<'a> {
    batch: String,
    product: String,
    span: Interval,
    stated: Option<&'a Stated<BatchRecord>>,
    seen: Option<Seen>,
}

/// Evaluates the batches of a machine. `unplanned` is the time that was not planned for production: breaks, and time outside
/// every shift; what was declared as a planned stop before it began is found by itself.
pub fn evaluate(history: &History, machine: &str, window: Interval, unplanned: &[Interval]) -> Batches {
    let found = find(history, machine, window);
    let ends = |f: &&Found<'_>| window.from_ms < f.span.to_ms && f.span.to_ms <= window.to_ms;
    let pairs: Vec<(&Found<'_>, &Found<'_>)> =
        follow(&found).into_iter().filter(|(_, b)| window.contains(b.span.from_ms)).collect();
    let spans = found
        .iter()
        .filter(ends)
        .map(|f| f.span)
        .chain(pairs.iter().map(|(a, b)| Interval::new(a.span.to_ms, b.span.from_ms)));
    let reach = spans.fold(window, |all, s| Interval::new(all.from_ms.min(s.from_ms), all.to_ms.max(s.to_ms)));
    let inputs = Inputs::load(history, machine, reach);
    let mut out = Batches::default();
    for f in found.iter().filter(ends) {
        let result = measure(history, &inputs, machine, f);
        out.sums.take(&result);
        out.batches.push(result);
    }
    for (before, after) in pairs {
        let span = Interval::new(before.span.to_ms, after.span.from_ms);
        let schedule = Schedule { scheduled: true, breaks: unplanned.to_vec(), calendar: None };
        let seen = shift::evaluate(history, &inputs, machine, span, &schedule);
        let cleaning = found.iter().filter_map(|f| f.stated).flat_map(|s| s.body.cleaning()).collect();
        let changes_product = before.product != after.product;
        let gap = Gap {
            before: before.batch.clone(),
            after: after.batch.clone(),
            span,
            changes_product,
            parts: split(span, changes_product, cleaning, seen.stops, &seen.states),
        };
        out.sums.take_gap(&gap);
        out.gaps.push(gap);
    }
    out
}

/// Batches that follow each other with time between them. One inside another has no gap before it.
fn follow<'f, 'a>(found: &'f [Found<'a>]) -> Vec<(&'f Found<'a>, &'f Found<'a>)> {
    let mut out = Vec::new();
    let mut last: Option<&Found<'a>> = None;
    for f in found {
        if let Some(before) = last.filter(|b| b.span.to_ms < f.span.from_ms) {
            out.push((before, f));
        }
        if last.is_none_or(|l| l.span.to_ms <= f.span.to_ms) {
            last = Some(f);
        }
    }
    out
}

/// Every batch stated of a machine, and those its signal showed around the window, in order of beginning.
fn find<'a>(history: &'a History, machine: &str, window: Interval) -> Vec<Found<'a>> {
    let statements = history.statements();
    let mut out: Vec<Found<'a>> = statements
        .batches(machine)
        .map(|s| Found {
            batch: s.body.batch.clone(),
            product: s.body.product.clone(),
            span: s.body.span(),
            stated: Some(s),
            seen: None,
        })
        .collect();
    let stated: BTreeSet<String> = statements.batch_numbers(machine).map(str::to_owned).collect();
    out.extend(seen(history, machine, window).into_iter().filter(|f| !stated.contains(&f.batch)));
    out.sort_by(|a, b| (a.span, &a.batch).cmp(&(b.span, &b.batch)));
    out
}

/// The batches that the machine's signal showed, as it is defined at the window's beginning.
fn seen<'a>(history: &History, machine: &str, window: Interval) -> Vec<Found<'a>> {
    let Some(definition) = history.statements().machine_at(machine, window.from_ms) else { return Vec::new() };
    let signals = &definition.body.signals;
    let Some(number) = &signals.batch else { return Vec::new() };
    let wide = Interval::new(window.from_ms.saturating_sub(LOOK_BACK_MS), window.to_ms.saturating_add(REACH_MS));
    let series = history.series(&number.gateway, &number.tag, wide);
    let product = signals.product.as_ref().map(|p| history.series(&p.gateway, &p.tag, wide));
    let Some((range, meaning)) = series.alike(wide, 0) else { return Vec::new() };
    let word = |series: &crate::column::Series, raw: i64, is_text: bool| {
        let text = series.texts.get(usize::try_from(raw).unwrap_or(usize::MAX)).filter(|_| is_text);
        text.map_or_else(|| raw.to_string(), |t| t.to_string())
    };
    let readings: Vec<(i64, Option<String>)> = series
        .samples(range)
        .map(|(ms, raw)| {
            let batch = word(&series, raw, meaning.text);
            (ms, Some(batch).filter(|b| !b.is_empty() && (meaning.text || raw != 0)))
        })
        .collect();
    let stale_ms = Cadence::new(meaning.interval_ms).stale_ms;
    let stretches = recognise(readings.iter().map(|(ms, b)| (*ms, b.as_deref())), stale_ms);
    let product_at = |ms: i64| {
        let series = product.as_ref()?;
        let at = series.times.partition_point(|t| *t <= ms).checked_sub(1)?;
        let (_, meaning) = series.alike(Interval::new(ms, ms.saturating_add(1)), REACH_MS)?;
        Some(word(series, *series.values.get(at)?, meaning.text))
    };
    stretches
        .into_iter()
        .filter(|s| s.is_ended)
        .map(|s| Found {
            batch: s.batch.clone(),
            product: product_at(s.last_seen_ms).unwrap_or_else(|| "*".to_owned()),
            span: s.span,
            stated: None,
            seen: Some(s),
        })
        .collect()
}

fn measure(history: &History, inputs: &Inputs, machine: &str, f: &Found<'_>) -> BatchResult {
    let statements = history.statements();
    let recipe = statements.recipe_at(machine, &f.product, f.span.from_ms);
    let mut facts = shift::evaluate(history, inputs, machine, f.span, &Schedule::default()).facts;
    let record = f.stated.map(|s| &s.body);
    if let Some(s) = f.stated {
        shift::note_batch(&mut facts, s, history);
    }
    facts.statements.extend(recipe.map(|r| r.leaf));
    let output = match record {
        Some(record) => {
            let c = super::credit::credit(record, recipe.map(|r| &r.body), record.span());
            let mut produced = c.good;
            produced.add(&c.rejected);
            if c.without_recipe > 0 {
                facts.flags.insert(Flag::NoCycleTime);
            }
            Some(Output { good: c.good, produced, rejects_known: c.rejects_known, measure: c.measure })
        }
        None => facts.production.map(|p| Output {
            good: p.good,
            produced: p.produced,
            rejects_known: p.rejects_known,
            measure: p.measure,
        }),
    };
    let charged = record.and_then(|r| r.charged);
    let energy = oee::energy_kwh(&facts);
    let metered = facts.energy.zip(output).filter(|_| energy.is_ok()).map(|(e, o)| Metered {
        micro_kwh: e.micro_kwh,
        uncapped: e.uncapped,
        good: o.good.items,
        measure: o.measure,
    });
    BatchResult {
        batch: f.batch.clone(),
        product: f.product.clone(),
        span: f.span,
        basis: match (f.stated, &f.seen) {
            (None, Some(seen)) => Basis::Signal(seen.clone()),
            (stated, _) => Basis::Stated {
                leaf: stated.map_or(0, |s| s.leaf),
                superseded: statements
                    .batch_statements(machine, &f.batch)
                    .iter()
                    .map(|s| s.leaf)
                    .filter(|leaf| stated.is_none_or(|s| s.leaf != *leaf))
                    .collect(),
            },
        },
        recipe: recipe.map(|r| r.leaf),
        standard_ms: recipe.map(|r| r.body.standard_ms),
        charged,
        output,
        yielded: match recipe {
            None => Err(Undefined::NoRecipe),
            Some(r) => yielded(&r.body, charged, output.as_ref()),
        },
        phases: record.map_or_else(Vec::new, |record| phases(record, recipe.map(|r| &r.body))),
        energy,
        metered,
        facts,
    }
}

fn yielded(
    recipe: &super::recipe::Recipe,
    charged: Option<Amount>,
    output: Option<&Output>,
) -> Result<Yielded, Undefined> {
    let output = output.ok_or(Undefined::NoCounter)?;
    if output.measure != recipe.measure() {
        return Err(Undefined::MixedUnits);
    }
    let theoretical = recipe.theoretical(charged)?;
    let good: Bounded = output.good.items;
    Ok(Yielded { good, theoretical: Some(theoretical), measure: output.measure })
}

/// Phases by name, in order of their first beginning; then those of the recipe that nobody stated.
fn phases(record: &BatchRecord, recipe: Option<&super::recipe::Recipe>) -> Vec<PhaseResult> {
    let mut out: Vec<PhaseResult> = Vec::new();
    for p in &record.phases {
        if out.iter().any(|done| done.phase == p.phase && done.kind == p.kind) {
            continue;
        }
        let same = record.phases.iter().filter(|o| o.phase == p.phase && o.kind == p.kind);
        out.push(PhaseResult {
            phase: p.phase.clone(),
            kind: p.kind,
            actual_ms: Some(total_ms(&union(same.map(super::record::BatchPhase::span).collect()))),
            standard_ms: recipe.and_then(|r| r.phase_ms(&p.phase)),
        });
    }
    for p in recipe.into_iter().flat_map(|r| &r.phases) {
        if !out.iter().any(|done| done.phase == p.phase) {
            out.push(PhaseResult {
                phase: p.phase.clone(),
                kind: PhaseKind::Process,
                actual_ms: None,
                standard_ms: Some(p.standard_ms),
            });
        }
    }
    out
}
