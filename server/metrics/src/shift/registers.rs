//! What the registers of a machine say about a piece of a window: counts, planned time, energy.

use crate::column::{Meaning, Series};
use crate::counter::{self, Bounded, Passed, RegisterRule, Replacement, Weight};
use crate::decimal::div_half_up;
use crate::facts::{Counted, Energy, Facts, Production};
use crate::grade::Flag;
use crate::history::REACH_MS;
use crate::interval::{overlap_ms, subtract, total_ms, union};
use crate::model::{CycleTime, SignalRef};
use crate::oee::standard_of_ms;
use crate::shift::Piece;
use crate::timeline::Cadence;

impl Piece<'_> {
    pub(super) fn production(&self, facts: &mut Facts) -> Option<Production> {
        let s = &self.definition.body.signals;
        if s.good.is_none() && s.total.is_none() {
            return None;
        }
        let mut p = Production { rejects_known: true, ..Production::default() };
        // The worst counter's uncovered time is gathered here; `finish` turns it into coverage of planned busy time.
        let mut uncovered = 0_i64;
        let mut count = |signal: &Option<SignalRef>, facts: &mut Facts, p: &mut Production| {
            let (counted, open) = self.count(facts, signal.as_ref()?, p);
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

    /// What a counter counted, in items and planned time, and for how long it did not speak. Open stretches raise the
    /// upper bounds by the planned rate.
    fn count(&self, facts: &mut Facts, signal: &SignalRef, p: &mut Production) -> (Counted, i64) {
        let planned = subtract(self.window, self.stops);
        let reading = self.reading(facts, signal);
        let fastest = self.fastest_item_us();
        let (passed, meaning) = match reading {
            Some((series, range, meaning)) => {
                let rule = register_rule(signal, meaning, fastest);
                let mut weights = Weights::new(self);
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
        let of = |amount: Bounded| scale(amount, num, den);
        let (Some(items), Some(standard), Some(unweighted)) =
            (of(passed.amount), of(passed.standard_us), of(Bounded::exact(passed.unweighted)))
        else {
            // No machine makes so much: nothing of this counter is believed.
            facts.flags.insert(Flag::RateExceeded);
            p.uncapped = true;
            return (Counted::default(), total_ms(&planned));
        };
        let mut counted = Counted { items, standard };
        p.without_cycle_time = p.without_cycle_time.saturating_add(unweighted.value);
        let open_ms = overlap_ms(&union(passed.open.clone()), &planned);
        if open_ms > 0 {
            match fastest {
                Some(us) => {
                    counted.standard.upper = counted.standard.upper.saturating_add(standard_of_ms(open_ms));
                    let items = div_half_up(standard_of_ms(open_ms), i128::from(us)).unwrap_or(0);
                    counted.items.upper = counted.items.upper.saturating_add(items);
                }
                None => p.uncapped = true,
            }
        }
        (counted, overlap_ms(&union(passed.uncovered), &planned))
    }

    /// The shortest planned time of any product of the machine, per item.
    fn fastest_item_us(&self) -> Option<i64> {
        let machine = &self.definition.body.machine;
        self.history.statements().cycle_times_at(machine, self.window.from_ms).map(|c| c.body.item_us).min()
    }

    pub(super) fn energy(&self, facts: &mut Facts, signal: &SignalRef) {
        let of_ms = self.window.length_ms();
        facts.energy_cover.of_ms += of_ms;
        let Some((series, range, meaning)) = self.reading(facts, signal) else {
            facts.energy.get_or_insert_default().uncapped = true;
            return;
        };
        let mut rule = register_rule(signal, meaning, None);
        for replaced in self.history.statements().meters_replaced(&self.definition.body.machine) {
            if self.window.contains(replaced.body.at_ms) {
                facts.statements.insert(replaced.leaf);
            }
            rule.replaced.push(Replacement {
                at_ms: replaced.body.at_ms,
                old_final: replaced.body.old_final_raw.saturating_mul(meaning.unit_per_raw),
                new_initial: replaced.body.new_initial_raw.saturating_mul(meaning.unit_per_raw),
            });
        }
        rule.replaced.sort_by_key(|r| r.at_ms);
        let passed = counter::fold_alike(series.samples(range), self.window, &rule, || Weight::ONE);
        register_flags(facts, &passed);
        if passed.resets > 0 || passed.excesses > 0 {
            facts.energy_broken = true;
            return;
        }
        let per_unit: i128 = match meaning.unit.as_str() {
            "Wh" => 1_000,
            "MWh" => 1_000_000_000,
            _ => 1_000_000,
        };
        let (num, den) = (i128::from(meaning.num) * per_unit, meaning.den);
        let Some(mut micro_kwh) = scale(passed.amount, num, den) else {
            facts.flags.insert(Flag::RateExceeded);
            facts.energy_broken = true;
            return;
        };
        let open = union(passed.open);
        let mut uncapped = false;
        if !open.is_empty() {
            match rule.rate_max_per_hour {
                Some(rate) => {
                    let most = i128::from(rate) * i128::from(total_ms(&open)) / 3_600_000 + 1;
                    match scale(Bounded::exact(most), num, den) {
                        Some(most) => micro_kwh.upper = micro_kwh.upper.saturating_add(most.value.saturating_abs()),
                        None => uncapped = true,
                    }
                }
                None => uncapped = true,
            }
        }
        facts.energy_cover.observed_ms += of_ms - total_ms(&union(passed.uncovered));
        facts.energy.get_or_insert_default().add(&Energy { micro_kwh, uncapped, samples: passed.samples });
    }
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

/// Amounts times a ratio, half away from zero; a negative ratio (a reversed meter) swaps the bounds. `None` when the
/// result is no number any machine reaches.
fn scale(b: Bounded, num: i128, den: i128) -> Option<Bounded> {
    let of = |v: i128| v.checked_mul(num).and_then(|n| div_half_up(n, den));
    let (value, a, z) = (of(b.value)?, of(b.lower)?, of(b.upper)?);
    Some(Bounded { value, lower: a.min(z), upper: a.max(z) })
}

/// What a unit of the counter stands for, by the product loaded.
struct Weights<'a> {
    piece: &'a Piece<'a>,
    product: Option<Products<'a>>,
    memo: Option<(Option<i64>, Weight)>,
}

/// What the product signal showed.
struct Products<'a> {
    series: &'a Series,
    range: std::ops::Range<usize>,
    is_text: bool,
    stale_ms: i64,
}

impl<'a> Weights<'a> {
    fn new(piece: &'a Piece<'a>) -> Self {
        let product = piece.definition.body.signals.product.as_ref().and_then(|s| {
            let series = piece.inputs.get(s)?;
            let (range, meaning) = series.alike(piece.window, REACH_MS)?;
            Some(Products {
                series,
                range,
                is_text: meaning.text,
                stale_ms: Cadence::new(meaning.interval_ms).stale_ms,
            })
        });
        Self { piece, product, memo: None }
    }

    /// Counted between two instants: the product last seen at the later one. It may also have been any other seen since
    /// the earlier one, and any product of the machine where the product was not seen for too long.
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
                weight = weight.or(weight_of(&c.body));
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
        let stated = self.piece.history.statements().cycle_time_at(machine, &name, self.piece.window.from_ms);
        let weight = match stated {
            Some(c) => {
                self.piece.note(facts, c);
                weight_of(&c.body)
            }
            None => Weight::ONE,
        };
        self.memo = Some((seen, weight));
        weight
    }
}

fn weight_of(c: &CycleTime) -> Weight {
    match c.item_us.checked_mul(c.items_per_cycle) {
        Some(us) => Weight::exact(c.items_per_cycle, us),
        None => Weight { items: Bounded::exact(c.items_per_cycle.into()), standard_us: None },
    }
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
        let is_near = |a: i64, b: i64| b.saturating_sub(a) <= self.stale_ms;
        let is_certain = before.is_some()
            && seen_ms.is_sorted_by(|a, b| is_near(*a, *b))
            && seen_ms.first().is_some_and(|first| is_near(*first, from_ms))
            && seen_ms.last().is_some_and(|last| is_near(*last, to_ms));
        (seen.last().copied(), seen, is_certain)
    }
}
