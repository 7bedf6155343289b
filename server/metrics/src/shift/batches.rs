//! What the batches of a machine give to a piece of a window: production of a machine that has no counter.
//!
//! Constraints
//! 1. Each batch is credited by elapsed time under the recipe in force at its beginning (see [`crate::batch::credit`]).
//! 2. Planned time in which the machine ran, or nobody saw it, outside every batch and its cleaning is not covered: something may
//!    have been made there that nobody has stated yet. It opens the upper bounds at the standard rate and lowers the coverage;
//!    time on a held sample of another state opens the bounds only.
//! 3. A machine with a recipe in force and no batch made nothing, as far as is stated. Without both it has no production at all.

use crate::batch::credit::credit;
use crate::batch::record::BatchRecord;
use crate::batch::unit::Measure;
use crate::counter::Bounded;
use crate::facts::{Counted, Facts, Production};
use crate::grade::Flag;
use crate::history::History;
use crate::interval::{Interval, overlap_ms, subtract, union};
use crate::oee::standard_of_ms;
use crate::shift::Piece;
use crate::state::{MachineState, StateInterval};
use crate::statements::{LATE_AFTER_MS, Stated};

/// Notes a statement about a batch: its leaf, that it is a statement, and whether it came more than a day after the batch.
pub(crate) fn note_batch(facts: &mut Facts, stated: &Stated<BatchRecord>, history: &History) {
    facts.statements.insert(stated.leaf);
    facts.flags.insert(Flag::BatchStated);
    if stated.received_ms > stated.body.to_ms.saturating_add(LATE_AFTER_MS) && !history.is_simulated() {
        facts.flags.insert(Flag::LateDeclaration);
    }
}

impl Piece<'_> {
    pub(super) fn batches(&self, facts: &mut Facts, states: Option<&[StateInterval]>) -> Option<Production> {
        let statements = self.history.statements();
        let machine = &self.definition.body.machine;
        let mut near: Vec<&Stated<BatchRecord>> =
            statements.batches(machine).filter(|b| !b.body.reach().intersect(&self.window).is_empty()).collect();
        near.sort_by_key(|b| (b.body.span(), b.leaf));
        let recipes: Vec<_> = statements.recipes_at(machine, self.window.from_ms).collect();
        let made = |b: &&&Stated<BatchRecord>| !b.body.span().intersect(&self.window).is_empty();
        let measures = recipes
            .iter()
            .map(|r| r.body.measure())
            .chain(near.iter().filter(made).map(|b| Measure::Only(b.body.output_unit())));
        let mut p =
            Production { rejects_known: true, measure: measures.reduce(Measure::and)?, ..Production::default() };
        let mut busy_until = i64::MIN;
        for b in near.iter().filter(made) {
            note_batch(facts, b, self.history);
            let span = b.body.span();
            if span.from_ms < busy_until {
                facts.flags.insert(Flag::BatchOverlap);
            }
            busy_until = busy_until.max(span.to_ms);
            if span.intersect(&self.window) != span {
                facts.flags.insert(Flag::BatchApportioned);
            }
            let recipe = statements.recipe_at(machine, &b.body.product, b.body.from_ms);
            if let Some(recipe) = recipe {
                self.note(facts, recipe);
            }
            let c = credit(&b.body, recipe.map(|r| &r.body), self.window);
            p.good.add(&c.good);
            p.rejected.add(&c.rejected);
            p.without_cycle_time = p.without_cycle_time.saturating_add(c.without_recipe);
            p.rejects_known &= c.rejects_known;
        }
        if !p.rejects_known {
            facts.flags.insert(Flag::NoRejectSignal);
        }
        p.produced = p.good;
        p.produced.add(&p.rejected);
        self.open(facts, states, &near, &mut p);
        Some(p)
    }

    /// Opens the bounds, and lowers the coverage, by the time in which an unstated batch may have been made.
    fn open(
        &self,
        facts: &mut Facts,
        states: Option<&[StateInterval]>,
        near: &[&Stated<BatchRecord>],
        p: &mut Production,
    ) {
        let covered = union(near.iter().flat_map(|b| b.body.cleaning().chain([b.body.span()])).collect());
        let planned = subtract(self.window, self.stops);
        let whole = [StateInterval {
            from_ms: self.window.from_ms,
            to_ms: self.window.to_ms,
            state: MachineState::Unknown,
            held: false,
        }];
        let states = states.unwrap_or(&whole);
        let outside = |wanted: &dyn Fn(&StateInterval) -> bool| {
            let spans = states.iter().filter(|s| wanted(s)).map(|s| Interval::new(s.from_ms, s.to_ms));
            let free = spans.flat_map(|s| subtract(s, &covered)).collect();
            overlap_ms(&union(free), &planned)
        };
        let may_run = |s: &StateInterval| matches!(s.state, MachineState::Run | MachineState::Unknown);
        facts.counter_cover.observed_ms += outside(&may_run);
        let open_ms = outside(&|s| may_run(s) || s.held);
        if open_ms == 0 {
            return;
        }
        let recipes = self.history.statements().recipes_at(&self.definition.body.machine, self.window.from_ms);
        let Some(micro) = recipes.filter_map(|r| r.body.output_in(open_ms)).max() else {
            p.uncapped = true;
            return;
        };
        let raise = |b: &mut Bounded, by: i128| b.upper = b.upper.saturating_add(by);
        let all = |c: &mut Counted| {
            raise(&mut c.items, micro);
            raise(&mut c.standard, standard_of_ms(open_ms));
        };
        all(&mut p.good);
        all(&mut p.produced);
        all(&mut p.rejected);
    }
}
