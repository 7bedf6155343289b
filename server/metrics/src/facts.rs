//! Facts of a machine over a window: sums, and only sums.
//!
//! Constraints
//! 1. Everything here adds up: shifts into days, machines into a plant (reference §1.6). Ratios appear nowhere.
//! 2. Amounts are exact integers: counts in millionths of an item, planned time in millionths of a microsecond, energy in
//!    millionths of a kilowatt-hour. For integer counters and decimal scales no rounding ever happens.
//! 3. What is not measured (no counter, no meter) is absent, not zero; what is bounded carries its bounds along.

use std::collections::{BTreeMap, BTreeSet};

use crate::buckets::Buckets;
use crate::counter::Bounded;
use crate::grade::{Flag, Grade, worst};

/// Counts of items and their planned time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counted {
    /// Items, in millionths.
    pub items: Bounded,
    /// Planned time of the items, in millionths of a microsecond.
    pub standard: Bounded,
}

impl Counted {
    /// Adds another amount.
    pub const fn add(&mut self, other: &Self) {
        self.items.add(other.items);
        self.standard.add(other.standard);
    }

    /// `self − other`, never below zero in the bounds.
    #[must_use]
    pub fn minus(&self, other: &Self) -> Self {
        let minus = |a: Bounded, b: Bounded| Bounded {
            value: a.value.saturating_sub(b.value),
            lower: a.lower.saturating_sub(b.upper).max(0),
            upper: a.upper.saturating_sub(b.lower).max(0),
        };
        Self { items: minus(self.items, other.items), standard: minus(self.standard, other.standard) }
    }
}

/// What was made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Production {
    /// Good and bad together (PQ).
    pub produced: Counted,
    /// Good the first time (GQ).
    pub good: Counted,
    /// Rejected (SQ).
    pub rejected: Counted,
    /// Rejects are counted; otherwise everything counts as good and quality is undefined.
    pub rejects_known: bool,
    /// Items of which no planned time is known, in millionths.
    pub without_cycle_time: i128,
    /// The upper bound of items is not known: an open stretch without cycle time.
    pub uncapped: bool,
}

impl Production {
    const fn add(&mut self, o: &Self) {
        self.produced.add(&o.produced);
        self.good.add(&o.good);
        self.rejected.add(&o.rejected);
        self.rejects_known = self.rejects_known && o.rejects_known;
        self.without_cycle_time = self.without_cycle_time.saturating_add(o.without_cycle_time);
        self.uncapped = self.uncapped || o.uncapped;
    }
}

/// What was used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Energy {
    /// Millionths of a kilowatt-hour.
    pub micro_kwh: Bounded,
    /// The upper bound is not known: time before the first or after the last reading without a credible limit.
    pub uncapped: bool,
}

/// Observed time out of time that should have been.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Share {
    /// Observed, milliseconds.
    pub observed_ms: i64,
    /// Of, milliseconds.
    pub of_ms: i64,
}

impl Share {
    /// The lesser of two coverages, by cross-multiplication.
    pub fn lesser(self, other: Self) -> Self {
        let (a, b) = (
            i128::from(self.observed_ms) * i128::from(other.of_ms),
            i128::from(other.observed_ms) * i128::from(self.of_ms),
        );
        if a <= b { self } else { other }
    }

    const fn add(&mut self, o: Self) {
        self.observed_ms += o.observed_ms;
        self.of_ms += o.of_ms;
    }
}

/// First and last leaf of one gateway's records behind a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeafRange {
    /// First leaf.
    pub first: u64,
    /// Last leaf.
    pub last: u64,
}

/// Everything known about a machine (or a set of machines) over a window (or a set of windows).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// Time per state, by [`crate::state::MachineState::code`]; all zero without a state rule.
    pub states_ms: [i64; 8],
    /// Time per bucket.
    pub buckets: Buckets,
    /// There is a state.
    pub has_state: bool,
    /// Counts, if the machine counts.
    pub production: Option<Production>,
    /// Energy, if it is metered and its register is continuous.
    pub energy: Option<Energy>,
    /// Good items, in millionths, of the windows whose energy is known: the denominator of energy per item.
    pub good_with_energy: Bounded,
    /// A meter exists but its register broke without a declared exchange, or nothing was read: energy is unknown.
    pub energy_broken: bool,
    /// Coverage of the state, of planned busy time.
    pub state_cover: Share,
    /// Coverage of the counters, of planned busy time.
    pub counter_cover: Share,
    /// Coverage of the energy register, of the whole window.
    pub energy_cover: Share,
    /// Performance above 105 % somewhere: lowers the grade by one.
    pub performance_doubtful: bool,
    /// What a reader must know.
    pub flags: BTreeSet<Flag>,
    /// Records the facts rest on, by gateway.
    pub lineage: BTreeMap<String, LeafRange>,
    /// Leaves of the statements in force.
    pub statements: BTreeSet<u64>,
    /// Readings looked at.
    pub readings: u64,
    /// Shifts summed up here.
    pub shifts: u32,
}

impl Facts {
    /// Adds the facts of another window or machine. A missing production or energy on one side keeps the other's.
    pub fn add(&mut self, o: &Self) {
        for (a, b) in self.states_ms.iter_mut().zip(o.states_ms) {
            *a += b;
        }
        self.buckets.add(&o.buckets);
        self.has_state |= o.has_state;
        match (&mut self.production, &o.production) {
            (Some(a), Some(b)) => a.add(b),
            (a @ None, b) => *a = *b,
            (Some(_), None) => {}
        }
        match (&mut self.energy, &o.energy) {
            (Some(a), Some(b)) => {
                a.micro_kwh.add(b.micro_kwh);
                a.uncapped |= b.uncapped;
            }
            (a @ None, b) => *a = *b,
            (Some(_), None) => {}
        }
        self.good_with_energy.add(o.good_with_energy);
        self.energy_broken |= o.energy_broken;
        self.state_cover.add(o.state_cover);
        self.counter_cover.add(o.counter_cover);
        self.energy_cover.add(o.energy_cover);
        self.performance_doubtful |= o.performance_doubtful;
        self.flags.extend(o.flags.iter().copied());
        for (gateway, range) in &o.lineage {
            self.saw(gateway, range.first);
            self.saw(gateway, range.last);
        }
        self.statements.extend(o.statements.iter().copied());
        self.readings += o.readings;
        self.shifts += o.shifts;
    }

    /// Notes a record.
    pub fn saw(&mut self, gateway: &str, leaf: u64) {
        match self.lineage.get_mut(gateway) {
            Some(range) => {
                range.first = range.first.min(leaf);
                range.last = range.last.max(leaf);
            }
            None => {
                self.lineage.insert(gateway.to_owned(), LeafRange { first: leaf, last: leaf });
            }
        }
    }

    /// Adds a window to a longer period. Where the register broke, that window's energy is left out and lowers the
    /// coverage instead of making the whole period's energy unknown.
    pub fn add_window(&mut self, o: &Self) {
        if o.energy_broken {
            let mut rest = o.clone();
            rest.energy = None;
            rest.energy_broken = false;
            rest.energy_cover.observed_ms = 0;
            rest.good_with_energy = Bounded::default();
            self.add(&rest);
        } else {
            self.add(o);
        }
    }

    /// The grade of a value resting on these coverages.
    pub fn grade(&self, cover: Share) -> Grade {
        let grade = worst(Grade::of_coverage(cover.observed_ms, cover.of_ms), &self.flags);
        match grade {
            Grade::A if self.performance_doubtful => Grade::B,
            Grade::B if self.performance_doubtful => Grade::C,
            Grade::C if self.performance_doubtful => Grade::D,
            other => other,
        }
    }

    /// Coverage of what OEE rests on: the state, and the counters if there are any.
    pub fn oee_cover(&self) -> Share {
        if self.production.is_some() { self.state_cover.lesser(self.counter_cover) } else { self.state_cover }
    }

    /// Coverage below 80 % of planned busy time: such a shift is listed but left out of sums (reference §3.7).
    pub fn is_unusable(&self) -> bool {
        let cover = self.oee_cover();
        self.has_state && cover.of_ms > 0 && i128::from(cover.observed_ms) * 100 < i128::from(cover.of_ms) * 80
    }

    /// Coverage of at least 95 % of planned busy time, and no break in a counter (reference §3.7).
    pub fn is_valid(&self) -> bool {
        let cover = self.oee_cover();
        i128::from(cover.observed_ms) * 100 >= i128::from(cover.of_ms) * 95
            && !self.flags.contains(&Flag::CounterReset)
            && !self.flags.contains(&Flag::RateExceeded)
    }
}
