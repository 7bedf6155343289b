//! What the registers of a machine say about a piece of a window: counts, planned time, energy.

use crate::batch::recipe::Recipe;
use crate::batch::unit::{Measure, Unit};
use crate::column::{Meaning, Series};
use crate::counter::{self, Amount, Bounded, Passed, RegisterRule, Replacement, Weight};
use crate::decimal::div_half_up;
use crate::facts::{Counted, Energy, Facts, Production};
use crate::grade::Flag;
use crate::history::{History, REACH_MS};
use crate::interval::{Interval, overlap_ms, subtract, total_ms, union};
use crate::model::{CycleTime, SignalRef};
use crate::oee::standard_of_ms;
use crate::shift::Piece;
use crate::state::StateInterval;
use crate::statements::LATE_AFTER_MS;
use crate::timeline::Cadence;

impl Piece<'_> {
    /// `busy` is the time in which the machine may have produced: all but planned stops in which it was seen not to run.
    pub(super) fn production(
        &self,
        facts: &mut Facts,
        states: Option<&[StateInterval]>,
        busy: &[Interval],
    ) -> Option<Production> {
        let s = &self.definition.body.signals;
        if s.good.is_none() && s.total.is_none() {
            return self.batches(facts, states);
        }
        let measure =
            [&s.good, &s.total, &s.reject].into_iter().flatten().map(|r| self.measure(r)).reduce(Measure::and);
        let mut p = Production { rejects_known: true, measure: measure.unwrap_or_default(), ..Production::default() };
        // The worst counter's uncovered time is gathered here; `finish` turns it into coverage of planned busy time.
        let mut uncovered = 0_i64;
        let mut count = |signal: &Option<SignalRef>, facts: &mut Facts, p: &mut Production| {
            let (counted, open) = self.count(facts, signal.as_ref()?, p, busy);
            uncovered = uncovered.max(open);
            Some(counted)
        };
        let good = count(&s.good, facts, &mut p);
        let total = if good.is_some() && s.reject.is_some() { None } else { count(&s.total, facts, &mut p) };
        let reject = count(&s.reject, facts, &mut p);
        facts.counter_cover.observed_ms += uncovered;
        match (good, reject, total) {
            (Some(good), Some(reject), _) => {
                (p.good, p.rejected, p.produced) = (good, reject, good);
                p.produced.add(&reject);
            }
            (Some(good), None, Some(total)) => (p.good, p.produced, p.rejected) = (good, total, total.minus(&good)),
            (None, Some(reject), Some(total)) => {
                (p.good, p.produced, p.rejected) = (total.minus(&reject), total, reject)
            }
            (Some(all), None, None) | (None, None, Some(all)) => {
                (p.good, p.produced) = (all, all);
                p.rejects_known = false;
                facts.flags.insert(Flag::NoRejectSignal);
            }
            (None, _, None) => return None,
        }
        Some(p)
    }

    /// What a counter counted, in items and planned time, and for how much of planned time it did not speak. Open stretches
    /// raise the upper bounds by the planned rate.
    fn count(&self, facts: &mut Facts, signal: &SignalRef, p: &mut Production, busy: &[Interval]) -> (Counted, i64) {
        let planned = subtract(self.window, self.stops);
        let reading = self.reading(facts, signal);
        let register = self.register_unit(signal);
        let (_, factor) = register.unwrap_or(Unit::Pieces).base();
        let pace = self.pace(register);
        let fastest = pace.as_ref().map(|pace| pace.item_us);
        let mut per_us = 1;
        let (passed, meaning) = match reading {
            Some((series, range, meaning)) => {
                let rule = register_rule(signal, meaning, fastest);
                let mut weights = Weights::new(self, register, series.span_of(&range).unwrap_or(self.window));
                per_us = weights.per_us;
                let samples = series.samples(range);
                let passed = if weights.product.is_none() {
                    counter::fold_alike(samples, self.window, &rule, || weights.of(None, facts))
                } else {
                    counter::fold(samples, self.window, &rule, |from, to| weights.between(from, to, facts))
                };
                (passed, Some(meaning))
            }
            None => {
                (counter::fold(std::iter::empty(), self.window, &RegisterRule::default(), |_, _| Weight::ONE), None)
            }
        };
        register_flags(facts, &passed);
        let (num, den) = meaning.map_or((1, 1), |m| (i128::from(m.num) * 1_000_000, m.den));
        let of = |amount: Bounded| scale(amount, num * i128::from(factor), den);
        let of_standard = |amount: Bounded| scale(amount, num / per_us, den);
        let (Some(items), Some(standard), Some(unweighted)) =
            (of(passed.amount), of_standard(passed.standard_us), of(Bounded::exact(passed.unweighted)))
        else {
            // No machine makes so much: nothing of this counter is believed.
            facts.flags.insert(Flag::RateExceeded);
            p.uncapped = true;
            return (Counted::default(), total_ms(&planned));
        };
        let mut counted = Counted { items, standard };
        p.without_cycle_time = p.without_cycle_time.saturating_add(unweighted.value);
        match &pace {
            None => {
                let mut open = passed.stretches.iter().filter(|s| s.is_open);
                p.uncapped |= open.any(|s| overlap_ms(&[s.inside], busy) > 0);
            }
            Some(pace) => {
                let raise = |of: &dyn Fn(&Amount) -> Option<Bounded>, most: &dyn Fn(i64) -> i128| {
                    let parts: Option<Vec<_>> = passed.stretches.iter().map(|s| s.map(of).known()).collect();
                    parts.map(|parts| counter::change(&parts, |time| most(overlap_ms(&[time], busy))))
                };
                let items = raise(&|a| of(a.items), &|ms| pace.most(ms).0.saturating_mul(i128::from(factor)));
                let standard = raise(&|a| of_standard(a.standard_us), &|ms| pace.most(ms).1);
                p.uncapped |= items.is_none() || standard.is_none();
                counted.items.upper = counted.items.upper.saturating_add(items.unwrap_or(0));
                counted.standard.upper = counted.standard.upper.saturating_add(standard.unwrap_or(0));
            }
        }
        (counted, overlap_ms(&union(passed.uncovered), &planned))
    }

    /// The fastest the machine is planned to run, per item or unit of the register; `None` without a planned time.
    fn pace(&self, register: Option<Unit>) -> Option<Pace> {
        let machine = &self.definition.body.machine;
        let statements = self.history.statements();
        let cycles = statements
            .cycle_times_at(machine, self.window.from_ms)
            .map(|c| (c.body.item_us, c.body.items_per_cycle, c.body.item_us.saturating_mul(c.body.items_per_cycle)));
        // A recipe's time per unit is no whole number of microseconds: the fastest is rounded down, the longest up.
        let recipes = statements.recipes_at(machine, self.window.from_ms).filter_map(|r| {
            let us = i64::try_from(unit_standard(&r.body, register)? / 1_000_000).ok()?;
            Some((us.max(1), 1, us.saturating_add(1)))
        });
        let planned: Vec<(i64, i64, i64)> = cycles.chain(recipes).collect();
        Some(Pace {
            item_us: planned.iter().map(|p| p.0).min()?,
            cycle_items: planned.iter().map(|p| p.1).max()?,
            cycle_us: planned.iter().map(|p| p.2).max()?,
        })
    }

    /// The unit a register counts in, as its tag says; `None` when the tag names none.
    fn register_unit(&self, signal: &SignalRef) -> Option<Unit> {
        let (_, meaning) = self.inputs.get(signal)?.alike(self.window, REACH_MS)?;
        Unit::of_tag(&meaning.unit)
    }

    /// What a register measures: its tag's unit, else that of the recipes in force, else pieces.
    fn measure(&self, signal: &SignalRef) -> Measure {
        let recipes = self.history.statements().recipes_at(&self.definition.body.machine, self.window.from_ms);
        match self.register_unit(signal) {
            Some(unit) => Measure::Only(unit.base().0),
            None => recipes.map(|r| r.body.measure()).reduce(Measure::and).unwrap_or_default(),
        }
    }

    pub(super) fn energy(&self, facts: &mut Facts, signal: &SignalRef) {
        let of_ms = self.window.length_ms();
        facts.energy_cover.of_ms += of_ms;
        let Some((series, range, meaning)) = self.reading(facts, signal) else {
            facts.energy.get_or_insert_default().uncapped = true;
            return;
        };
        let machine = &self.definition.body.machine;
        // One that is withdrawn moves the number as well: it was there before.
        for stated in self.history.statements().meter_exchanges(machine) {
            let at_ms = stated.body.at_ms;
            if self.window.contains(at_ms) {
                facts.statements.insert(stated.leaf);
                if stated.received_ms > at_ms.saturating_add(LATE_AFTER_MS) && !self.history.is_simulated() {
                    facts.flags.insert(Flag::LateDeclaration);
                }
            }
        }
        let rule = energy_rule(self.history, machine, signal, meaning);
        let passed = counter::fold_alike(series.samples(range), self.window, &rule, || Weight::ONE);
        register_flags(facts, &passed);
        if passed.resets > 0 || passed.excesses > 0 {
            facts.energy_broken = true;
            return;
        }
        let mut amount = passed.amount;
        let mut uncapped = false;
        match rule.rate_max_per_hour {
            Some(rate) => {
                let parts: Vec<_> = passed.stretches.iter().map(|s| s.map(|a| a.items)).collect();
                // One unit of tolerance, because a tick may fall just inside either end.
                let most = |time: Interval| i128::from(rate) * i128::from(time.length_ms().max(0)) / 3_600_000 + 1;
                amount.upper = amount.upper.saturating_add(counter::change(&parts, most));
            }
            None => uncapped |= passed.stretches.iter().any(|s| s.is_open),
        }
        let Some(micro_kwh) = micro_kwh(amount, meaning) else {
            facts.flags.insert(Flag::RateExceeded);
            facts.energy_broken = true;
            return;
        };
        facts.energy_cover.observed_ms += of_ms - total_ms(&union(passed.uncovered));
        facts.energy.get_or_insert_default().add(&Energy { micro_kwh, uncapped, samples: passed.samples });
    }
}

/// Stored units of an energy register in millionths of a kilowatt-hour; `None` when no machine uses so much.
pub fn micro_kwh(stored: Bounded, meaning: &Meaning) -> Option<Bounded> {
    let per_unit: i128 = match meaning.unit.as_str() {
        "Wh" => 1_000,
        "MWh" => 1_000_000_000,
        _ => 1_000_000,
    };
    scale(stored, i128::from(meaning.num) * per_unit, meaning.den)
}

fn register_flags(facts: &mut Facts, passed: &Passed) {
    let flags = [
        (passed.rollovers, Flag::CounterRollover),
        (passed.resets, Flag::CounterReset),
        (passed.excesses, Flag::RateExceeded),
        (passed.replacements, Flag::MeterReplaced),
    ];
    facts.flags.extend(flags.into_iter().filter(|(n, _)| *n > 0).map(|(_, flag)| flag));
}

/// How a register behaves: as the declaration says, else as the gateway's configuration says, else as the fastest planned
/// item allows.
pub fn register_rule(signal: &SignalRef, meaning: &Meaning, fastest_item_us: Option<i64>) -> RegisterRule {
    let stored = |raw: i64| raw.saturating_mul(meaning.unit_per_raw);
    // Three times the planned rate is more than any machine does and less than any accident.
    let planned = fastest_item_us.map(|us| {
        let (items, num) = (i128::from(10_800_000_000 / us.max(1) + 1), i128::from(meaning.num).abs().max(1));
        i64::try_from(items.saturating_mul(meaning.den).saturating_add(num - 1) / num).unwrap_or(i64::MAX)
    });
    RegisterRule {
        modulus: signal.modulus.map(stored).or(meaning.modulus),
        rate_max_per_hour: signal.max_per_hour.map(stored).or(meaning.max_per_hour).or(planned),
        gap_ms_max: Cadence::new(meaning.interval_ms).stale_ms,
        replaced: Vec::new(),
    }
}

/// [`register_rule`] of a machine's energy register, with its declared exchanges.
pub fn energy_rule(history: &History, machine: &str, signal: &SignalRef, meaning: &Meaning) -> RegisterRule {
    let mut rule = register_rule(signal, meaning, None);
    rule.replaced.extend(history.statements().meters_replaced(machine).map(|replaced| Replacement {
        at_ms: replaced.body.at_ms,
        old_final: replaced.body.old_final_raw.saturating_mul(meaning.unit_per_raw),
        new_initial: replaced.body.new_initial_raw.saturating_mul(meaning.unit_per_raw),
    }));
    rule
}

/// Amounts times a ratio, half away from zero; a negative ratio (a reversed meter) swaps the bounds. `None` when the
/// result is no number any machine reaches.
fn scale(b: Bounded, num: i128, den: i128) -> Option<Bounded> {
    // A sum that was saturated is no number either.
    let of = |v: i128| v.checked_mul(num).filter(|_| v != i128::MAX).and_then(|n| div_half_up(n, den));
    let (value, a, z) = (of(b.value)?, of(b.lower)?, of(b.upper)?);
    Some(Bounded { value, lower: a.min(z), upper: a.max(z) })
}

/// Standard time of one unit of a register, millionths of a microsecond; `None` when the recipe is of another unit.
fn unit_standard(recipe: &Recipe, register: Option<Unit>) -> Option<i128> {
    let (unit, factor) = register.unwrap_or(recipe.unit()).base();
    recipe.standard_of(i128::from(factor) * 1_000_000).filter(|_| unit == recipe.unit())
}

/// The fastest a machine is planned to run.
struct Pace {
    /// Shortest planned time of any product, per item.
    item_us: i64,
    /// Most items of a cycle.
    cycle_items: i64,
    /// Longest planned time of a cycle.
    cycle_us: i64,
}

impl Pace {
    /// The most that can come off in so much time, in millionths of items and of microseconds. A cycle begun before may end
    /// just inside.
    fn most(&self, ms: i64) -> (i128, i128) {
        if ms <= 0 {
            return (0, 0);
        }
        let standard = standard_of_ms(ms);
        let items = div_half_up(standard, i128::from(self.item_us)).unwrap_or(0);
        (items + i128::from(self.cycle_items) * 1_000_000, standard + i128::from(self.cycle_us) * 1_000_000)
    }
}

/// What a unit of the counter stands for, by the product loaded.
struct Weights<'a> {
    piece: &'a Piece<'a>,
    register: Option<Unit>,
    /// Planned time is counted in this part of a microsecond: a recipe's time per unit is no whole number of them.
    per_us: i128,
    product: Option<Products<'a>>,
    memo: Option<(Option<i64>, Weight)>,
}

/// What the product signal showed.
struct Products<'a> {
    series: &'a Series,
    range: std::ops::Range<usize>,
    is_text: bool,
    fresh_ms: i64,
}

impl<'a> Weights<'a> {
    /// One unit of the register under a recipe; without planned time when the recipe is of another unit.
    fn recipe_weight(&self, recipe: &Recipe) -> Weight {
        Weight { items: Bounded::exact(1), standard_us: unit_standard(recipe, self.register).map(Bounded::exact) }
    }

    /// `span` reaches from the counter's first reading to its last: what was loaded then decides, wherever the window ends.
    fn new(piece: &'a Piece<'a>, register: Option<Unit>, span: Interval) -> Self {
        let product = piece.definition.body.signals.product.as_ref().and_then(|s| {
            let series = piece.inputs.get(s)?;
            let (range, meaning) = series.alike_over(piece.window, span, REACH_MS)?;
            Some(Products {
                series,
                range,
                is_text: meaning.text,
                fresh_ms: Cadence::new(meaning.interval_ms).fresh_ms,
            })
        });
        let machine = &piece.definition.body.machine;
        let is_whole = piece.history.statements().recipes_at(machine, piece.window.from_ms).next().is_none();
        let per_us = if is_whole { 1 } else { 1_000_000 };
        Self { piece, register, per_us, product, memo: None }
    }

    /// Counted between two instants: the product last seen at the later one. It may also have been any other seen since
    /// the earlier one, and any product of the machine where a reading of the product is missing.
    fn between(&mut self, from_ms: i64, to_ms: i64, facts: &mut Facts) -> Weight {
        let (seen, others, is_certain) = match &self.product {
            Some(product) => product.between(from_ms, to_ms),
            None => (None, &[][..], true),
        };
        let mut weight = self.of(seen, facts);
        for other in others.iter().filter(|other| Some(**other) != seen) {
            weight = weight.or(self.of(Some(*other), facts));
        }
        if !is_certain {
            let machine = &self.piece.definition.body.machine;
            for c in self.piece.history.statements().cycle_times_at(machine, self.piece.window.from_ms) {
                weight = weight.or(weight_of(&c.body, self.per_us));
            }
            for r in self.piece.history.statements().recipes_at(machine, self.piece.window.from_ms) {
                weight = weight.or(self.recipe_weight(&r.body));
            }
        }
        weight
    }

    /// What a unit of a product stands for.
    fn of(&mut self, seen: Option<i64>, facts: &mut Facts) -> Weight {
        if let Some((was, weight)) = self.memo
            && was == seen
        {
            return weight;
        }
        let name = match (&self.product, seen) {
            (Some(product), Some(value)) => {
                let texts = if product.is_text { product.series.texts.as_slice() } else { &[] };
                let word = texts.get(usize::try_from(value).unwrap_or(usize::MAX));
                word.map_or_else(|| value.to_string(), |t| t.to_string())
            }
            _ => "*".to_owned(),
        };
        let machine = &self.piece.definition.body.machine;
        let statements = self.piece.history.statements();
        let cycle = statements.cycle_time_at(machine, &name, self.piece.window.from_ms);
        // A recipe stands above a planned cycle time, and what is said of the product above what is said of any.
        let recipe = statements
            .recipe_at(machine, &name, self.piece.window.from_ms)
            .filter(|r| r.body.product != "*" || cycle.is_none_or(|c| c.body.product == "*"));
        let weight = match (recipe, cycle) {
            (Some(r), _) => {
                self.piece.note(facts, r);
                self.recipe_weight(&r.body)
            }
            (None, Some(c)) => {
                self.piece.note(facts, c);
                weight_of(&c.body, self.per_us)
            }
            (None, None) => Weight::ONE,
        };
        self.memo = Some((seen, weight));
        weight
    }
}

fn weight_of(c: &CycleTime, per_us: i128) -> Weight {
    let standard = c.item_us.checked_mul(c.items_per_cycle).map(|us| Bounded::exact(i128::from(us) * per_us));
    Weight { items: Bounded::exact(c.items_per_cycle.into()), standard_us: standard }
}

impl<'a> Products<'a> {
    /// The product last seen at `to_ms`, all seen since `from_ms`, and whether no other can have been there unseen.
    fn between(&self, from_ms: i64, to_ms: i64) -> (Option<i64>, &'a [i64], bool) {
        let times = self.series.times.get(self.range.clone()).unwrap_or(&[]);
        let values = self.series.values.get(self.range.clone()).unwrap_or(&[]);
        let end = times.partition_point(|t| *t <= to_ms);
        let before = times.partition_point(|t| *t <= from_ms).checked_sub(1);
        let start = before.unwrap_or(0);
        let (seen_ms, seen) = (times.get(start..end).unwrap_or(&[]), values.get(start..end).unwrap_or(&[]));
        let is_near = |a: i64, b: i64| b.saturating_sub(a) <= self.fresh_ms;
        let is_certain = before.is_some()
            && seen_ms.is_sorted_by(|a, b| is_near(*a, *b))
            && seen_ms.first().is_some_and(|first| is_near(*first, from_ms))
            && seen_ms.last().is_some_and(|last| is_near(*last, to_ms));
        (seen.last().copied(), seen, is_certain)
    }
}
