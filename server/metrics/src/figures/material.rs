//! Figures of material: per good item and against the standard, measured or backflushed.

use crate::facts::{Production, Share};
use crate::figures::lists::{MaterialLine, Printed};
use crate::figures::{Found, Gathered, Printer, Term, ask, millionths, number};
use crate::history::History;
use crate::interval::Interval;
use crate::oee::Undefined;
use crate::production::material::{Consumption, Source, consumption};
use crate::shift::{self, Inputs, Schedule};

pub(super) fn figures(out: &mut Printer<'_>, history: &History, g: &Gathered, found: &mut Found) {
    let machine = g.definition.machine.as_str();
    for material in history.statements().materials(machine) {
        let all = consumption(history, machine, material, g.span);
        let is_one = all.len() == 1;
        for c in all {
            let leaf = c.material.leaf;
            let part = if is_one { material.to_owned() } else { format!("{material} #{leaf}") };
            let line = of_material(out, &c, made(history, machine, c.window), &part);
            found.statements.insert(leaf);
            found.evidence.add(c.evidence.clone());
            found.lists.materials.push(line);
        }
    }
}

/// What was made in a stretch, whatever its shifts: the material went into all of it.
fn made(history: &History, machine: &str, window: Interval) -> Option<Production> {
    let inputs = Inputs::load(history, machine, window);
    shift::evaluate(history, &inputs, machine, window, &Schedule::default()).facts.production
}

fn of_material(out: &mut Printer<'_>, c: &Consumption, made: Option<Production>, part: &str) -> MaterialLine {
    let body = &c.material.body;
    let (source, signal) = match &body.source {
        Source::Register { signal } => ("register", Some(signal)),
        Source::Tank { signal, .. } => ("tank", Some(signal)),
        Source::Backflush => ("backflush", None),
    };
    let signal = signal.map(|s| format!("{}/{}", s.gateway, s.tag));
    let measure = made.and_then(|p| p.measure.symbol()).unwrap_or_default();
    // Amounts of different units are no number of good items.
    let good = made.filter(|p| p.measure.symbol().is_some()).map(|p| p.good.items);
    let none = || if made.is_some() { Undefined::MixedUnits } else { Undefined::NoCounter };
    let per_good = good.as_ref().map_or_else(|| Err(none()), |good| c.per_good(good));
    let against = good.as_ref().map_or_else(|| Err(none()), |good| c.against_standard(good));
    let unit = format!("{}/{measure}", body.unit);
    let in_unit = |symbol, value| Term { symbol, value, unit: body.unit.clone().into() };
    let terms = || {
        let mut terms = Vec::new();
        terms.extend(c.amount.ok().map(|a| in_unit("material", a.value.digits(6))));
        terms.extend(good.map(|good| millionths("GQ", good.value, measure)));
        terms.extend(body.standard.clone().map(|value| in_unit("standard", value)));
        if source == "tank" {
            terms.push(number("refills", c.refills));
        }
        terms
    };
    let cover = Share { observed_ms: c.evidence.observed_ms, of_ms: c.evidence.of_ms };
    let ask = |id| {
        let ask = ask(id, cover, terms()).part(part).graded(c.grade()).with("source", source);
        match &signal {
            Some(signal) => ask.with("signal", signal.clone()),
            None => ask,
        }
    };
    out.put(ask("material.per_good@1").in_unit(unit.clone()), per_good);
    if body.standard.is_some() {
        out.put(ask("material.standard@1"), against);
    }
    MaterialLine {
        material: body.material.clone(),
        part: part.to_owned(),
        names: (&body.names).into(),
        unit: body.unit.clone(),
        leaf: c.material.leaf,
        from_ms: c.window.from_ms,
        to_ms: c.window.to_ms,
        source,
        signal,
        standard: body.standard.clone(),
        amount: Printed::of(c.drawn(), body.unit.clone()),
        refills: c.refills,
        per_good: Printed::of(per_good, unit),
        against_standard: Printed::of(against, "1"),
        grade: c.grade().letter(),
    }
}
