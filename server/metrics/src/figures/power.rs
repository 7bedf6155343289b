//! Figures of energy: idle energy, demand, load factor, standard coal and CO₂ of what a meter measured.

use crate::counter::{Bounded, Step};
use crate::energy::carbon::{DELIVERED, GridFactor, GridTable};
use crate::energy::demand::{DemandRule, Load, maximum};
use crate::energy::electrical::load_factor;
use crate::energy::factors::delivered;
use crate::energy::integration::{self, NotIntegrated};
use crate::exact::Rational;
use crate::facts::Share;
use crate::figures::gather::Reading;
use crate::figures::{Gathered, Printer, Shape, Term, ask, millionths, ms, number};
use crate::history::History;
use crate::interval::Interval;
use crate::model::MachineRole;
use crate::oee::{Ratio, Undefined, Value};
use crate::shift::{energy_rule, micro_kwh};
use crate::state::MachineState;

/// 当量值, the basis of the statistical forms.
pub(super) const COAL: &str = "kgce.equivalent@1";

pub(super) fn figures(out: &mut Printer<'_>, history: &History, g: &Gathered) {
    let registers = g.read(history, |s| s.energy.as_ref());
    if registers.is_empty() {
        return from_power(out, history, g);
    }
    idle(out, g);
    demand(out, g, &load(history, g, &registers));
    // Standard coal and carbon belong to a boundary, not to each of its parts: they would be added up.
    if g.definition.role == MachineRole::Meter {
        coal_and_carbon(out, history, g);
    }
}

/// A machine known by its power alone: integrated, flagged and C at best; nothing is filled in where it was not read.
fn from_power(out: &mut Printer<'_>, history: &History, g: &Gathered) {
    let id = "energy.from_power@1";
    let found = match integration::of_machine(history, &g.definition.machine, g.span, None) {
        Ok(found) => found,
        Err(NotIntegrated::HasRegister | NotIntegrated::NoPower) => return,
        Err(_) => return out.put(ask(id, Share::default(), Vec::new()), Shape::Plain(Err(Undefined::NoReadings))),
    };
    let kwh = |symbol, v: Rational| Term { symbol, value: v.digits(6), unit: "kWh".into() };
    let terms = vec![kwh("E", found.kwh), kwh("E_given", found.given_kwh)];
    let flags: Vec<&str> = found.flags.iter().map(|f| f.code()).collect();
    let asked = ask(id, found.cover, terms).graded(found.grade).with("flags", flags.join(", "));
    let pair = |r: Rational| (r.num(), r.den());
    let upper = found.bounds.upper.map(pair);
    let ratio = Ratio { num: found.kwh.num(), den: found.kwh.den(), lower: pair(found.bounds.lower), upper };
    let value: Value = Ok(ratio);
    out.put(asked, value);
}

fn idle(out: &mut Printer<'_>, g: &Gathered) {
    let (Some(by), Some(energy)) = (g.energy_by_state, g.facts.energy.filter(|_| !g.facts.energy_broken)) else {
        return;
    };
    let of = |all: &[Bounded; 8], s: MachineState| all.get(s.code()).copied().unwrap_or_default();
    let idling = |all: &[Bounded; 8]| of(all, MachineState::Idle).plus(of(all, MachineState::Wait));
    let (idle, held) = (idling(&by), idling(&g.energy_held));
    let all_held = g.energy_held.iter().fold(Bounded::default(), |sum, b| sum.plus(*b));
    // What was used in unobserved time, or on a held sample of another state, may have been used idling; what rests on a held
    // sample of idling may not.
    let least = idle.lower.saturating_sub(held.upper).max(0);
    let most = idle
        .upper
        .saturating_add(of(&by, MachineState::Unknown).upper)
        .saturating_add(all_held.upper.saturating_sub(held.upper));
    let all = energy.micro_kwh;
    let cover = g.facts.energy_cover.lesser(g.facts.state_cover);
    let terms = || vec![millionths("E_idle", idle.value, "kWh"), millionths("E", all.value, "kWh")];
    let amount: Value = Ok(Ratio {
        num: idle.value,
        den: 1_000_000,
        lower: (least, 1_000_000),
        upper: (!energy.uncapped).then_some((most, 1_000_000)),
    });
    out.put(ask("energy.idle@1", cover, terms()), amount);
    let share: Value = if all.value <= 0 {
        Err(Undefined::NoProduction)
    } else {
        let upper = if all.lower > 0 && most < all.lower { (most, all.lower) } else { (1, 1) };
        Ok(Ratio { num: idle.value, den: all.value, lower: (least, all.upper.max(1)), upper: Some(upper) })
    };
    out.put(ask("energy.idle_share@1", cover, terms()), share);
}

/// Interval energies between readings; a step that is no ordinary counting has none, nor has the seam between two registers.
fn load(history: &History, g: &Gathered, registers: &[Reading]) -> Load {
    let mut pieces: Vec<(Interval, i128)> = Vec::new();
    let mut nominal_ms = 0;
    for register in registers {
        let rule = energy_rule(history, &g.definition.machine, &register.signal, &register.meaning);
        nominal_ms = nominal_ms.max(register.meaning.interval_ms);
        let (mut counted, mut before) = (0_i128, 0_i128);
        for (a, b) in register.samples.iter().zip(register.samples.iter().skip(1)) {
            let (Step::Forward(n) | Step::Rollover(n)) = rule.step(a.1, b.1, b.0 - a.0) else { continue };
            counted += i128::from(n);
            // From the running total, so that rounding never piles up.
            let Some(after) = micro_kwh(Bounded::exact(counted), &register.meaning) else { continue };
            pieces.push((Interval::new(a.0, b.0), after.value - before));
            before = after.value;
        }
    }
    Load::new(pieces, nominal_ms)
}

fn demand(out: &mut Printer<'_>, g: &Gathered, load: &Load) {
    let cover = g.facts.energy_cover;
    let mut block_kw = None;
    for (id, rule) in [("power.demand.block@1", DemandRule::BLOCK), ("power.demand.sliding@1", DemandRule::SLIDING)] {
        let found = maximum(&[load], rule, g.span);
        let value: Value = found.as_ref().and_then(|d| d.kw()).map_or(Err(Undefined::Insufficient), |kw| {
            // A window nobody measured may have been the greatest.
            let upper = found.as_ref().is_some_and(|d| d.uncovered == 0).then_some((kw.num(), kw.den()));
            Ok(Ratio { num: kw.num(), den: kw.den(), lower: (kw.num(), kw.den()), upper })
        });
        let terms = found.as_ref().map_or_else(Vec::new, |d| {
            vec![
                millionths("E_window", d.micro_kwh, "kWh"),
                ms("window", d.window.length_ms()),
                number("from_ms", d.window.from_ms),
                number("uncovered", d.uncovered),
            ]
        });
        if rule == DemandRule::BLOCK {
            block_kw = found.and_then(|d| d.kw());
        }
        out.put(ask(id, cover, terms), value);
    }
    let Some(energy) = g.facts.energy.filter(|_| !g.facts.energy_broken) else { return };
    let kwh = Rational::new(energy.micro_kwh.value, 1_000_000);
    let factor = kwh.zip(block_kw).and_then(|(e, p)| load_factor(e, p, g.span.length_ms()));
    let terms = vec![
        millionths("E", energy.micro_kwh.value, "kWh"),
        number("P_max", block_kw.map(|p| p.digits(6)).unwrap_or_default()),
        ms("T", g.span.length_ms()),
    ];
    out.put(ask("power.load_factor@1", cover, terms), factor.ok_or(Undefined::Insufficient));
}

/// Bounds of an amount of energy times a factor.
fn times(energy: &crate::facts::Energy, factor: Rational) -> Value {
    let of = |micro: i128| {
        let part = Rational::new(micro, 1_000_000)?.times(factor)?;
        Some((part.num(), part.den()))
    };
    let (Some((num, den)), Some(lower)) = (of(energy.micro_kwh.value), of(energy.micro_kwh.lower)) else {
        return Err(Undefined::MeterDiscontinuity);
    };
    let upper = if energy.uncapped { None } else { of(energy.micro_kwh.upper) };
    Ok(Ratio { num, den, lower, upper })
}

fn coal_and_carbon(out: &mut Printer<'_>, history: &History, g: &Gathered) {
    let Some(energy) = g.facts.energy.filter(|_| !g.facts.energy_broken) else { return };
    let cover = g.facts.energy_cover;
    let kwh = || vec![millionths("E", energy.micro_kwh.value, "kWh")];
    // 等价值 differs by region and year: a set of it is used where somebody chose it, never by default.
    let coal = delivered(COAL).and_then(|set| Ok((set.get("electricity")?.kgce, set.id.clone())));
    if let Ok((factor, set)) = coal {
        for id in ["energy.comprehensive@1", "energy.consumption.nbs@1"] {
            let asked = ask(id, cover, kwh()).with("factor_set", set.clone());
            out.put(asked.with("kgce_per_kwh", factor.digits(4)), times(&energy, factor));
        }
    }
    let Ok(table) = GridTable::parse(DELIVERED) else { return };
    let province = history.statements().site().map(|s| s.province.as_str()).filter(|p| !p.is_empty());
    // The province's factor first; the national one always beside it.
    let factors: Vec<&GridFactor> =
        province.into_iter().chain(["CN"]).filter_map(|scope| table.latest_average(scope)).collect();
    for factor in factors {
        let asked = ask("co2.electricity@1", cover, kwh()).part(factor.id()).with("document", factor.document.clone());
        out.put(asked.with("kg_per_kwh", factor.kg_per_kwh.digits(4)), times(&energy, factor.kg_per_kwh));
    }
}
