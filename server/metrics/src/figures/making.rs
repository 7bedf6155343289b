//! Figures of production: quality by pieces, cycle times, changeovers, capacity.

use crate::column::Meaning;
use crate::counter::{RegisterRule, Weight, fold};
use crate::exact::Rational;
use crate::facts::Production;
use crate::figures::{ChangeoverLine, Gathered, Printer, ask, millionths, ms, number};
use crate::history::History;
use crate::interval::Interval;
use crate::kpi::iso;
use crate::kpi::losses::{Step, waterfall};
use crate::oee::Undefined;
use crate::production::{changeover, cycle, rates};
use crate::shift::register_rule;

const HOUR_MS: i64 = 3_600_000;

/// The counter of a machine over the whole span.
struct Counter {
    samples: Vec<(i64, i64)>,
    meaning: Meaning,
    rule: RegisterRule,
    per_cycle: i64,
    item_us: Option<i64>,
}

/// Prints the figures; returns the changeovers and the waterfall from calendar time to good items, start-up scrap included.
pub(super) fn figures(out: &mut Printer<'_>, history: &History, g: &Gathered) -> (Vec<ChangeoverLine>, Vec<Step>) {
    let counted = g.facts.production.filter(|_| g.is_production()).zip(counter(history, g));
    let Some((p, counter)) = counted else { return (Vec::new(), waterfall(&g.losses, None)) };
    cycles(out, g, &counter);
    capacity(out, g, &p, &counter);
    let (changes, defects) = changeovers(out, history, g, &counter);
    quality(out, g, &p, &defects);
    (changes, waterfall(&g.losses, Some((&p, &defects))))
}

fn counter(history: &History, g: &Gathered) -> Option<Counter> {
    let signals = &g.definition.signals;
    let signal = signals.good.as_ref().or(signals.total.as_ref())?;
    let (samples, meaning, _) = g.read(history, Some(signal))?;
    let cycle = history.statements().cycle_times_at(&g.definition.machine, g.span.from_ms);
    let fastest = cycle.min_by_key(|c| c.body.item_us).map(|c| (c.body.item_us, c.body.items_per_cycle));
    let rule = register_rule(signal, &meaning, fastest.map(|f| f.0));
    Some(Counter { samples, meaning, rule, per_cycle: fastest.map_or(1, |f| f.1), item_us: fastest.map(|f| f.0) })
}

fn seconds(ms: Rational) -> Result<Rational, Undefined> {
    ms.over(Rational::integer(1000)).ok_or(Undefined::NoProduction)
}

fn cycles(out: &mut Printer<'_>, g: &Gathered, counter: &Counter) {
    let cover = g.facts.oee_cover();
    if !g.facts.has_state {
        return;
    }
    let running = g.running();
    let id = "cycle.distribution@1";
    match cycle::from_counter(&counter.samples, &running, counter.meaning.interval_ms) {
        cycle::Observed::MeanOnly { run_ms, cycles } => {
            // Polled too slowly for single cycles: only the mean is known, and said to be one.
            let mean = Rational::new(run_ms.into(), i128::from(cycles) * 1000).ok_or(Undefined::NoProduction);
            let terms = vec![ms("RUN", run_ms), number("n", cycles)];
            out.put(
                ask(id, cover, terms).part("mean_only").with("poll_ms", counter.meaning.interval_ms.to_string()),
                mean,
            );
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
            let best = all.demonstrated_item_us(counter.per_cycle);
            let best = best.and_then(|us| Rational::new(us.into(), 1_000_000)).ok_or(Undefined::Insufficient);
            let mut terms = counted();
            terms.push(number("items_per_cycle", counter.per_cycle));
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
    if let Some(item_us) = counter.item_us {
        let terms = vec![ms("PBT", pbt), number("PRI_us", item_us)];
        out.put(
            ask("capacity.theoretical@1", f.state_cover, terms).exact_if(g.is_certain()),
            rates::theoretical_capacity(pbt, item_us),
        );
    }
    // Whole hours inside shifts: what the machine has shown it can do.
    let mut hourly = Vec::new();
    for shift in &g.shifts {
        let mut at = shift.from_ms;
        while at + HOUR_MS <= shift.to_ms {
            let hour = Interval::new(at, at + HOUR_MS);
            let begin = counter.samples.partition_point(|s| s.0 <= at).saturating_sub(1);
            let near = counter.samples.get(begin..).unwrap_or_default().iter().copied();
            let near = near.take_while(|s| s.0 <= hour.to_ms + HOUR_MS);
            let passed = fold(near, hour, &counter.rule, |_, _| Weight::exact(counter.per_cycle, 0));
            if passed.open.is_empty() && passed.uncovered.is_empty() {
                let items = passed.amount.value * i128::from(counter.meaning.num) / counter.meaning.den.max(1);
                hourly.extend(i64::try_from(items));
            }
            at += HOUR_MS;
        }
    }
    let value = rates::demonstrated_per_hour(&hourly);
    out.put(ask("capacity.demonstrated@1", f.counter_cover, vec![number("hours", hourly.len())]), value);
}

fn quality(out: &mut Printer<'_>, g: &Gathered, p: &Production, d: &iso::Defects) {
    let cover = g.facts.counter_cover;
    let of = |symbol, v| vec![millionths(symbol, v, "pcs"), millionths("PQ", p.produced.items.value, "pcs")];
    out.put(ask("quality.pieces@1", cover, of("GQ", p.good.items.value)), iso::piece_quality(p));
    let scrap = p.rejected.minus(&d.reworked).items.value;
    out.put(ask("scrap.iso22400@1", cover, of("SQ", scrap)), iso::scrap_ratio(p, d));
    if g.definition.signals.product.is_some() && p.rejects_known {
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
    if g.definition.signals.product.is_none() {
        return (Vec::new(), defects);
    }
    let cover = g.facts.oee_cover();
    let times: Vec<i64> = found.iter().map(|c| c.changeover_ms).collect();
    let sum: i64 = times.iter().sum();
    let terms = || vec![ms("CHANGEOVER", sum), number("n", times.len())];
    let summary = changeover::summary(&times).ok_or(Undefined::NothingDue);
    let id = "changeover.summary@1";
    out.put(ask(id, cover, terms()).part("n"), Ok::<_, Undefined>(Rational::integer(times.len() as i128)));
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
    let Some((shown, meaning, texts)) = g.read(history, g.definition.signals.product.as_ref()) else {
        return (Vec::new(), defects);
    };
    let word = |raw: i64| match texts.get(usize::try_from(raw).unwrap_or(usize::MAX)).filter(|_| meaning.text) {
        Some(text) => text.to_string(),
        None => raw.to_string(),
    };
    let mut products: Vec<(i64, String)> = Vec::new();
    let mut last: Option<i64> = None;
    for (at, raw) in shown {
        if last != Some(raw) {
            products.push((at, word(raw)));
            last = Some(raw);
        }
    }
    let pairs = counter.samples.iter().zip(counter.samples.iter().skip(1));
    let good: Vec<i64> = pairs.filter(|(a, b)| b.1 > a.1).map(|(_, b)| b.0).filter(|at| g.span.contains(*at)).collect();
    let running = g.facts.has_state.then(|| g.running());
    let all = changeover::find(&products, &good, running.as_deref(), &g.stops);
    if let Some((rejects, meaning, _)) = g.read(history, g.definition.signals.reject.as_ref())
        && let Some(signal) = &g.definition.signals.reject
    {
        let rule = register_rule(signal, &meaning, counter.item_us);
        for c in &all {
            let stated =
                history.statements().cycle_time_at(&g.definition.machine, &c.to, c.span.from_ms).map(|s| &s.body);
            let weight = stated
                .map_or(Weight::ONE, |s| Weight::exact(s.items_per_cycle, s.item_us.saturating_mul(s.items_per_cycle)));
            defects.startup.add(&changeover::startup_scrap(&rejects, std::slice::from_ref(c), &rule, weight));
        }
    }
    (all, defects)
}
