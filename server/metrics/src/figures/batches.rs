//! Figures of batches and of the time between them, and the attainment of a process that runs on.

use crate::batch::gap::Gap;
use crate::batch::record::PhaseKind;
use crate::batch::results::{Basis, BatchResult, Batches, evaluate};
use crate::batch::sums::{self, Sums};
use crate::batch::unit::{Amount, Measure};
use crate::counter::Bounded;
use crate::exact::Rational;
use crate::facts::{Facts, Share};
use crate::figures::gather::signals_in_force;
use crate::figures::lists::{BatchLine, BetweenLine, PhaseLine, Printed, newest};
use crate::figures::{Ask, Found, Gathered, Printer, Term, ask, millionths, ms, number, trimmed};
use crate::history::History;
use crate::interval::{subtract, union};
use crate::oee::{self, Ratio, Undefined, Value};

/// Millionths of a microsecond in a second.
const PER_S: i128 = 1_000_000_000_000;

pub(super) fn figures(out: &mut Printer<'_>, history: &History, g: &Gathered, found: &mut Found) {
    let (machine, statements) = (g.definition.machine.as_str(), history.statements());
    let signals = signals_in_force(history, machine, g.span);
    let has_recipe = statements.recipes_at(machine, g.span.to_ms.saturating_sub(1)).next().is_some();
    let has_counter = signals.iter().any(|(_, s)| s.good.is_some() || s.total.is_some());
    let has_signal = signals.iter().any(|(_, s)| s.batch.is_some());
    if has_recipe && has_counter && g.facts.has_state {
        let made = g.facts.production.map_or(0, |p| p.produced.standard.value);
        let terms = vec![millionths("STD_PQ", made, "us"), ms("APT", g.facts.buckets.apt_ms)];
        out.put(ask("continuous.rate@1", g.facts.oee_cover(), terms), oee::performance(&g.facts));
    }
    if !has_signal && statements.batch_numbers(machine).next().is_none() {
        return;
    }
    // Breaks, planned stops, and time outside every shift.
    let unplanned = union(g.stops.iter().copied().chain(subtract(g.span, &g.shifts)).collect());
    let all = evaluate(history, machine, g.span, &unplanned);
    let mut facts = Facts::default();
    all.batches.iter().for_each(|b| facts.add_window(&b.facts));
    if !has_counter && has_recipe {
        credited(out, g);
    }
    if has_signal {
        let seen = all.batches.iter().filter(|b| matches!(b.basis, Basis::Signal(_))).count();
        let value = Ok::<_, Undefined>(Rational::integer(seen as i128));
        out.put(rests(&facts, ask("batch.recognised@1", Share::default(), vec![number("batches", seen)])), value);
    }
    time(out, &facts, &all.sums);
    output(out, &facts, &all.sums);
    stand(found, &facts);
    lists(found, all);
}

/// Grades a figure by the batches it is made of.
fn rests(facts: &Facts, ask: Ask) -> Ask {
    let grade = facts.grade(ask.cover);
    ask.graded(grade)
}

/// What stands behind the batches stands behind the page.
fn stand(found: &mut Found, facts: &Facts) {
    found.statements.extend(facts.statements.iter().copied());
    found.evidence.flags.extend(facts.flags.iter().copied());
    for (gateway, range) in &facts.lineage {
        found.evidence.leaves.entry(gateway.clone()).or_default().extend([range.first, range.last]);
    }
}

/// What batches give to the windows of a machine without a counter.
fn credited(out: &mut Printer<'_>, g: &Gathered) {
    let Some(p) = g.facts.production else { return };
    let cover = g.facts.oee_cover();
    if g.facts.has_state {
        let good = millionths("STD_GQ", p.good.standard.value, "us");
        out.put(ask("batch.oee@1", cover, vec![good, ms("PBT", g.facts.buckets.pbt_ms())]), oee::oee(&g.facts));
    }
    let standard = bounded(p.produced.standard, PER_S).map(|r| if p.uncapped { Ratio { upper: None, ..r } } else { r });
    let terms = vec![millionths("STD_PQ", p.produced.standard.value, "us")];
    out.put(ask("batch.standard_time@1", g.facts.counter_cover, terms), standard);
}

fn bounded(b: Bounded, den: i128) -> Value {
    Ok(Ratio { num: b.value, den, lower: (b.lower, den), upper: Some((b.upper, den)) })
}

/// Milliseconds per something as seconds.
fn in_seconds(value: Value) -> Value {
    let per = |(num, den): (i128, i128)| (num, den.saturating_mul(1000));
    value.map(|r| {
        let (num, den) = per((r.num, r.den));
        Ratio { num, den, lower: per(r.lower), upper: r.upper.map(per) }
    })
}

fn time(out: &mut Printer<'_>, facts: &Facts, s: &Sums) {
    let plain = |id, terms| rests(facts, ask(id, Share::default(), terms));
    let terms = vec![ms("t_std", s.with_recipe.of), ms("t_batch", s.with_recipe.actual), number("batches", s.batches)];
    out.put(plain("batch.cycle@1", terms), sums::cycle(s));
    if s.phases.actual > 0 {
        let terms = vec![ms("t_std", s.phases.of), ms("t_phase", s.phases.actual)];
        out.put(plain("batch.phase@1", terms), sums::phase(s));
    }
    let parts = &s.parts;
    let cover = parts.cover();
    let between = |id, terms: Vec<Term>| rests(facts, ask(id, cover, terms));
    let cleaned = vec![number("cleaning_ms", parts.cleaning_ms.value), number("gaps", s.gaps)];
    out.put(between("batch.cleaning@1", cleaned), in_seconds(sums::cleaning(s)));
    let changed = vec![number("changeover_ms", s.changeovers.of), number("n", s.changeovers.actual)];
    out.put(between("batch.changeover@1", changed), in_seconds(sums::changeover(s)));
    if s.gaps == 0 {
        return;
    }
    let exact = |ms: i64| Bounded::exact(ms.into());
    let split = [
        ("planned", exact(parts.planned_ms)),
        ("cleaning", parts.cleaning_ms),
        ("setup", parts.setup_ms),
        ("running", exact(parts.running_ms)),
        ("waiting", exact(parts.waiting_ms)),
        ("unobserved", exact(parts.unobserved_ms)),
    ];
    for (part, amount) in split {
        out.put(between("batch.gap@1", vec![number("gaps", s.gaps)]).part(part), bounded(amount, 1000));
    }
}

fn output(out: &mut Printer<'_>, facts: &Facts, s: &Sums) {
    let mut terms = Vec::new();
    if let Some(y) = &s.yielded {
        let unit = y.measure.symbol().unwrap_or_default();
        terms.push(millionths("good", y.good.value, unit));
        let theory = y.theoretical.map(|t| trimmed(t.num(), t.den().saturating_mul(1_000_000), 6));
        terms.extend(theory.map(|value| Term { symbol: "theoretical", value, unit: unit.into() }));
    }
    terms.push(number("without_yield", s.without_yield));
    out.put(rests(facts, ask("batch.yield@1", Share::default(), terms)), sums::yield_ratio(s));
    let Some(m) = &s.metered else { return };
    let energy = || millionths("E", m.micro_kwh.value, "kWh");
    let terms = vec![energy(), number("batches", s.batches), number("without_energy", s.without_energy)];
    out.put(rests(facts, ask("batch.energy@1", facts.energy_cover, terms)), sums::energy_per_batch(s));
    let unit = m.measure.symbol().unwrap_or_default();
    let terms = vec![energy(), millionths("good", m.good.value, unit)];
    let ask = ask("batch.energy_per_unit@1", facts.energy_cover, terms).in_unit(per_unit(m.measure));
    out.put(rests(facts, ask), sums::energy_per_unit(s));
}

fn per_unit(measure: Measure) -> String {
    measure.symbol().map_or_else(|| "kWh".to_owned(), |unit| format!("kWh/{unit}"))
}

fn lists(found: &mut Found, all: Batches) {
    (found.lists.batches, found.lists.batches_left_out) = newest(all.batches.iter().map(batch).collect());
    (found.lists.between, found.lists.between_left_out) = newest(all.gaps.iter().map(between).collect());
}

fn batch(b: &BatchResult) -> BatchLine {
    let amount = |a: Amount| {
        let (unit, micro) = a.in_base();
        Printed::of(bounded(Bounded::exact(micro), 1_000_000), unit.symbol())
    };
    let good = b.output.map(|o| Printed::of(bounded(o.good.items, 1_000_000), o.measure.symbol().unwrap_or_default()));
    let measure = b.output.map_or(Measure::Mixed, |o| o.measure);
    let (basis, leaf, superseded, is_interrupted) = match &b.basis {
        Basis::Stated { leaf, superseded } => ("stated", Some(*leaf), superseded.clone(), false),
        Basis::Signal(seen) => ("signal", None, Vec::new(), !seen.is_watched),
    };
    BatchLine {
        batch: b.batch.clone(),
        product: b.product.clone(),
        from_ms: b.span.from_ms,
        to_ms: b.span.to_ms,
        standard_ms: b.standard_ms,
        basis,
        leaf,
        superseded,
        is_interrupted,
        recipe: b.recipe,
        charged: b.charged.map(amount),
        good,
        yielded: Printed::of(b.yield_ratio(), "1"),
        energy: Printed::of(b.energy, "kWh"),
        energy_per_unit: Printed::of(b.energy_per_unit(), per_unit(measure)),
        grade: b.facts.grade(b.facts.energy_cover).letter(),
        phases: b
            .phases
            .iter()
            .map(|p| PhaseLine {
                phase: p.phase.clone(),
                kind: if p.kind == PhaseKind::Cleaning { "cleaning" } else { "process" },
                actual_ms: p.actual_ms,
                standard_ms: p.standard_ms,
            })
            .collect(),
    }
}

fn between(gap: &Gap) -> BetweenLine {
    let three = |b: Bounded| [b.value, b.lower, b.upper].map(|ms| i64::try_from(ms).unwrap_or(i64::MAX));
    let parts = &gap.parts;
    BetweenLine {
        before: gap.before.clone(),
        after: gap.after.clone(),
        from_ms: gap.span.from_ms,
        to_ms: gap.span.to_ms,
        changes_product: gap.changes_product,
        planned_ms: parts.planned_ms,
        cleaning_ms: three(parts.cleaning_ms),
        setup_ms: three(parts.setup_ms),
        running_ms: parts.running_ms,
        waiting_ms: parts.waiting_ms,
        unobserved_ms: parts.unobserved_ms,
    }
}
