//! Figures of production: quality by pieces, cycle times, changeovers, capacity.

use std::collections::BTreeSet;

use crate::counter::{RegisterRule, Weight, fold};
use crate::exact::Rational;
use crate::facts::Production;
use crate::figures::gather::Reading;
use crate::figures::{ChangeoverLine, Gathered, Printer, ask, millionths, ms, number};
use crate::history::History;
use crate::interval::Interval;
use crate::kpi::iso;
use crate::kpi::losses::{Step, waterfall};
use crate::oee::Undefined;
use crate::production::{changeover, cycle, rates};
use crate::shift::register_rule;

const HOUR_MS: i64 = 3_600_000;

/// The counter of a machine, stretch by stretch.
struct Counter {
    readings: Vec<(Reading, RegisterRule)>,
    /// Shortest planned time of any product, microseconds per item.
    fastest_us: Option<i64>,
    /// Planned time per item and items per cycle, where every product and every day has the same.
    one: Result<(i64, i64), Undefined>,
    /// Items per cycle, where every product has the same.
    per_cycle: Result<i64, Undefined>,
}

/// Prints the figures; returns the changeovers and the waterfall from calendar time to good items, start-up scrap included.
pub(super) fn figures(out: &mut Printer<'_>, history: &History, g: &Gathered) -> (Vec<ChangeoverLine>, Vec<Step>) {
    let counted = g.facts.production.filter(|_| g.is_production()).zip(counter(history, g));
    let Some((p, counter)) = counted else { return (Vec::new(), waterfall(&g.losses, None)) };
    cycles(out, g, &counter);
    capacity(out, g, &p, &counter);
    let (changes, defects) = changeovers(out, history, g, &counter);
    quality(out, history, g, &p, &defects);
    (changes, waterfall(&g.losses, Some((&p, &defects))))
}

fn counter(history: &History, g: &Gathered) -> Option<Counter> {
    let (statements, machine) = (history.statements(), &g.definition.machine);
    let changes = statements.cycle_time_changes(machine).filter(|at| g.span.contains(*at));
    let instants = std::iter::once(g.span.from_ms).chain(changes);
    let in_force: BTreeSet<(i64, i64)> = instants
        .flat_map(|at| statements.cycle_times_at(machine, at))
        .map(|c| (c.body.item_us, c.body.items_per_cycle))
        .collect();
    let fastest_us = in_force.first().map(|c| c.0);
    let readings: Vec<(Reading, RegisterRule)> = g
        .read(history, |s| s.good.as_ref().or(s.total.as_ref()))
        .into_iter()
        .map(|r| {
            let rule = register_rule(&r.signal, &r.meaning, fastest_us);
            (r, rule)
        })
        .collect();
    let one = the_one(&in_force, Undefined::NoCycleTime);
    // Without a planned time a unit of the counter is an item.
    let per_cycle = the_one(&in_force.iter().map(|c| c.1).collect(), Undefined::NoCycleTime);
    let per_cycle = if in_force.is_empty() { Ok(1) } else { per_cycle };
    (!readings.is_empty()).then_some(Counter { readings, fastest_us, one, per_cycle })
}

/// The only one of several, if there is one.
fn the_one<T: Copy + Ord>(of: &BTreeSet<T>, none: Undefined) -> Result<T, Undefined> {
    if of.len() > 1 { Err(Undefined::SeveralProducts) } else { of.first().copied().ok_or(none) }
}

/// Cycle times of every stretch in order; too coarse in one of them is too coarse in all.
fn observed(counter: &Counter, running: &[Interval]) -> (cycle::Observed, i64) {
    let (mut times, mut run_ms, mut cycles, mut coarse) = (Vec::new(), 0, 0, None);
    for (r, _) in &counter.readings {
        let poll_ms = r.meaning.interval_ms;
        match cycle::from_counter(&r.samples, running, poll_ms) {
            cycle::Observed::Each(mut each) => times.append(&mut each),
            cycle::Observed::MeanOnly { run_ms: ms, cycles: n } => {
                // A stretch in which nothing was made says nothing about how finely it could be seen.
                if n > 0 {
                    coarse = coarse.max(Some(poll_ms));
                }
                run_ms += ms;
                cycles += n;
            }
        }
    }
    match coarse {
        None => (cycle::Observed::Each(times), 0),
        Some(poll_ms) => {
            run_ms += times.iter().sum::<i64>();
            (cycle::Observed::MeanOnly { run_ms, cycles: cycles + times.len() as i64 }, poll_ms)
        }
    }
}

fn seconds(ms: Rational) -> Result<Rational, Undefined> {
    super::seconds(ms).ok_or(Undefined::NoProduction)
}

fn cycles(out: &mut Printer<'_>, g: &Gathered, counter: &Counter) {
    let cover = g.facts.oee_cover();
    if !g.facts.has_state {
        return;
    }
    let running = g.running();
    let id = "cycle.distribution@1";
    let (found, poll_ms) = observed(counter, &running);
    match found {
        cycle::Observed::MeanOnly { run_ms, cycles } => {
            // Polled too slowly for single cycles: only the mean is known, and said to be one.
            let mean = Rational::new(run_ms.into(), i128::from(cycles) * 1000).ok_or(Undefined::NoProduction);
            let terms = vec![ms("RUN", run_ms), number("n", cycles)];
            out.put(ask(id, cover, terms).part("mean_only").with("poll_ms", poll_ms.to_string()), mean);
        }
        cycle::Observed::Each(times) => {
            let Some(all) = cycle::distribution(&times) else {
                return out.put(ask(id, cover, Vec::new()).part("median"), Err::<Rational, _>(Undefined::NoProduction));
            };
            let counted = || vec![number("n", all.sorted.len()), number("left_out", all.left_out)];
            for (part, value) in ["p10", "median", "p90"].into_iter().zip(all.quantiles().into_iter().flatten()) {
                out.put(ask(id, cover, counted()).part(part), seconds(value));
            }
            if let Some(mean) = all.mean() {
                out.put(ask(id, cover, counted()).part("mean"), seconds(mean));
            }
            let spread = super::Shape::Digits(all.variation_digits(6).ok_or(Undefined::Insufficient));
            out.put(ask(id, cover, counted()).part("cv"), spread);
            // Cycles of several products have no fastest item in common.
            let mut terms = counted();
            let per_cycle = match counter.one {
                Err(Undefined::SeveralProducts) => Err(Undefined::SeveralProducts),
                _ => counter.per_cycle,
            };
            terms.extend(per_cycle.map(|n| number("items_per_cycle", n)));
            let best = per_cycle.and_then(|n| {
                let us = all.demonstrated_item_us(n);
                us.and_then(|us| Rational::new(us.into(), 1_000_000)).ok_or(Undefined::Insufficient)
            });
            out.put(ask("cycle.demonstrated@1", cover, terms), best);
            let drift = cycle::drift(&times);
            let terms = drift.map_or_else(Vec::new, |d| {
                vec![number("first_ms", d.first.digits(3)), number("last_ms", d.last.digits(3))]
            });
            let relative = drift.map(|d| d.relative).ok_or(Undefined::Insufficient);
            out.put(ask("cycle.drift@1", cover, terms), relative);
        }
    }
}

fn capacity(out: &mut Printer<'_>, g: &Gathered, p: &Production, counter: &Counter) {
    let (f, cover) = (&g.facts, g.facts.oee_cover());
    let pbt = f.buckets.pbt_ms();
    let terms = vec![millionths("STD_PQ", p.produced.standard.value, "us"), ms("PBT", pbt)];
    out.put(ask("capacity.utilisation@1", cover, terms), rates::capacity_utilisation(f));
    if counter.fastest_us.is_some() {
        let item_us = counter.one.map(|one| one.0);
        let mut terms = vec![ms("PBT", pbt)];
        terms.extend(item_us.map(|us| number("PRI_us", us)));
        out.put(
            ask("capacity.theoretical@1", f.state_cover, terms).exact_if(g.is_certain()),
            item_us.and_then(|us| rates::theoretical_capacity(pbt, us)),
        );
    }
    // Whole hours inside shifts: what the machine has shown it can do.
    let mut hourly = Vec::new();
    for shift in &g.shifts {
        let mut at = shift.from_ms;
        while at + HOUR_MS <= shift.to_ms {
            let hour = Interval::new(at, at + HOUR_MS);
            let whole = |r: &&(Reading, RegisterRule)| r.0.window.intersect(&hour) == hour;
            if let Some((r, rule)) = counter.readings.iter().find(whole) {
                let weight = Weight::exact(counter.per_cycle.unwrap_or(1), 0);
                let passed = fold(r.near(hour).iter().copied(), hour, rule, |_, _| weight);
                if passed.open.is_empty() && passed.uncovered.is_empty() {
                    let items = passed.amount.value * i128::from(r.meaning.num) / r.meaning.den.max(1);
                    hourly.extend(i64::try_from(items));
                }
            }
            at += HOUR_MS;
        }
    }
    let value = counter.per_cycle.and_then(|_| rates::demonstrated_per_hour(&hourly));
    out.put(ask("capacity.demonstrated@1", f.counter_cover, vec![number("hours", hourly.len())]), value);
}

fn quality(out: &mut Printer<'_>, history: &History, g: &Gathered, p: &Production, d: &iso::Defects) {
    let cover = g.facts.counter_cover;
    let of = |symbol, v| vec![millionths(symbol, v, "pcs"), millionths("PQ", p.produced.items.value, "pcs")];
    out.put(ask("quality.pieces@1", cover, of("GQ", p.good.items.value)), iso::piece_quality(p));
    let scrap = p.rejected.minus(&d.reworked).items.value;
    out.put(ask("scrap.iso22400@1", cover, of("SQ", scrap)), iso::scrap_ratio(p, d));
    if g.shows_products(history) && p.rejects_known {
        let items = Rational::new(d.startup.items.value, 1_000_000).ok_or(Undefined::NoProduction);
        out.put(ask("count.startup_scrap@1", cover, of("SQ_startup", d.startup.items.value)), items);
    }
}

fn changeovers(
    out: &mut Printer<'_>,
    history: &History,
    g: &Gathered,
    counter: &Counter,
) -> (Vec<ChangeoverLine>, iso::Defects) {
    let (found, defects) = found(history, g, counter);
    if !g.shows_products(history) {
        return (Vec::new(), defects);
    }
    let cover = g.facts.oee_cover();
    let times: Vec<i64> = found.iter().map(|c| c.changeover_ms).collect();
    let sum: i64 = times.iter().sum();
    let terms = || vec![ms("CHANGEOVER", sum), number("n", times.len())];
    let summary = changeover::summary(&times).ok_or(Undefined::NothingDue);
    let id = "changeover.summary@1";
    out.put(ask(id, cover, terms()).part("n").in_unit("n"), Ok::<_, Undefined>(Rational::integer(times.len() as i128)));
    out.put(ask(id, cover, terms()).part("mean"), summary.and_then(|s| seconds(s.1)));
    out.put(ask(id, cover, terms()).part("p90"), summary.and_then(|s| seconds(s.2)));
    let stopped: Vec<i64> = found.iter().filter_map(|c| c.stopped_ms).collect();
    let mean = changeover::summary(&stopped).ok_or(Undefined::NothingDue).and_then(|s| seconds(s.1));
    let terms = vec![ms("STOPPED", stopped.iter().sum()), number("n", stopped.len())];
    out.put(ask("changeover.stopped@1", cover, terms).part("mean"), mean);
    let lines = found.into_iter().map(|c| ChangeoverLine {
        from: c.from,
        to: c.to,
        from_ms: c.span.from_ms,
        to_ms: c.span.to_ms,
        changeover_ms: c.changeover_ms,
        stopped_ms: c.stopped_ms,
    });
    (lines.collect(), defects)
}

/// Changeovers by the product signal, and what was rejected while starting up.
fn found(history: &History, g: &Gathered, counter: &Counter) -> (Vec<changeover::Changeover>, iso::Defects) {
    let mut defects = iso::Defects::default();
    let mut products: Vec<(i64, String)> = Vec::new();
    for shown in g.read(history, |s| s.product.as_ref()) {
        for (at, raw) in shown.samples.iter().filter(|s| shown.window.contains(s.0)) {
            let word = shown.word(*raw);
            if products.last().is_none_or(|(_, last)| *last != word) {
                products.push((*at, word));
            }
        }
    }
    let made = |(r, _): &(Reading, RegisterRule)| -> Vec<i64> {
        let pairs = r.samples.iter().zip(r.samples.iter().skip(1));
        pairs.filter(|(a, b)| b.1 > a.1 && r.window.contains(b.0)).map(|(_, b)| b.0).collect()
    };
    let good: Vec<i64> = counter.readings.iter().flat_map(made).collect();
    let running = g.facts.has_state.then(|| g.running());
    let all = changeover::find(&products, &good, running.as_deref(), &g.stops);
    for rejects in g.read(history, |s| s.reject.as_ref()) {
        let rule = register_rule(&rejects.signal, &rejects.meaning, counter.fastest_us);
        for c in all.iter().filter(|c| rejects.window.intersect(&c.span) == c.span) {
            let stated =
                history.statements().cycle_time_at(&g.definition.machine, &c.to, c.span.from_ms).map(|s| &s.body);
            let weight = stated
                .map_or(Weight::ONE, |s| Weight::exact(s.items_per_cycle, s.item_us.saturating_mul(s.items_per_cycle)));
            let near = rejects.near(c.span);
            defects.startup.add(&changeover::startup_scrap(near, std::slice::from_ref(c), &rule, weight));
        }
    }
    (all, defects)
}
