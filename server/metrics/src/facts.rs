//! Facts of a machine over a window: sums, and only sums.
//!
//! Constraints
//! 1. Everything here adds up: shifts into days, machines into a plant (reference §1.6). Ratios appear nowhere.
//! 2. Amounts are exact integers: counts in millionths of an item, planned time in millionths of a microsecond, energy in
//!    millionths of a kilowatt-hour. For integer counters and decimal scales no rounding ever happens.
//! 3. What is not measured (no counter, no meter) is absent, not zero; what is bounded carries its bounds along.

use std::collections::{BTreeMap, BTreeSet};

use crate::batch::unit::Measure;
use crate::buckets::Buckets;
use crate::counter::Bounded;
use crate::grade::{Flag, Grade, worst};
use crate::oee::standard_of_ms;

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
    /// What the amounts are amounts of; pieces where nothing says otherwise.
    pub measure: Measure,
}

impl Production {
    pub(crate) fn add(&mut self, o: &Self) {
        self.produced.add(&o.produced);
        self.good.add(&o.good);
        self.rejected.add(&o.rejected);
        self.rejects_known = self.rejects_known && o.rejects_known;
        self.without_cycle_time = self.without_cycle_time.saturating_add(o.without_cycle_time);
        self.uncapped = self.uncapped || o.uncapped;
        self.measure = self.measure.and(o.measure);
    }
}

/// What was used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Energy {
    /// Millionths of a kilowatt-hour.
    pub micro_kwh: Bounded,
    /// The upper bound is not known: time before the first or after the last reading without a credible limit.
    pub uncapped: bool,
    /// Readings of the register.
    pub samples: u64,
}

impl Energy {
    /// Adds another amount.
    pub const fn add(&mut self, o: &Self) {
        self.micro_kwh.add(o.micro_kwh);
        self.uncapped = self.uncapped || o.uncapped;
        self.samples = self.samples.saturating_add(o.samples);
    }
}

/// Energy and good items of the windows in which both are known: what energy per item is made of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PerGood {
    /// Energy, millionths of a kilowatt-hour.
    pub micro_kwh: Bounded,
    /// Good items, in millionths.
    pub good: Bounded,
    /// The upper bound of the energy is not known.
    pub energy_uncapped: bool,
    /// The upper bound of the items is not known.
    pub good_uncapped: bool,
}

impl PerGood {
    const fn add(&mut self, o: &Self) {
        self.micro_kwh.add(o.micro_kwh);
        self.good.add(o.good);
        self.energy_uncapped = self.energy_uncapped || o.energy_uncapped;
        self.good_uncapped = self.good_uncapped || o.good_uncapped;
    }
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

    /// Whether it is at least so many percent, by cross-multiplication.
    pub fn reaches(self, percent: u8) -> bool {
        i128::from(self.observed_ms) * 100 >= i128::from(self.of_ms) * i128::from(percent)
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
    /// What energy per good item is made of.
    pub per_good: PerGood,
    /// A meter exists but its register broke without a declared exchange, or nothing was read: energy is unknown.
    pub energy_broken: bool,
    /// Coverage of the state, of planned busy time.
    pub state_cover: Share,
    /// Coverage of the counters, of planned busy time.
    pub counter_cover: Share,
    /// Coverage of the energy register, of the whole window.
    pub energy_cover: Share,
    /// Actual production time of the shifts whose performance is above 105 %, milliseconds.
    pub doubtful_apt_ms: i64,
    /// What a reader must know.
    pub flags: BTreeSet<Flag>,
    /// Records the facts rest on, by gateway.
    pub lineage: BTreeMap<String, LeafRange>,
    /// Leaves of the statements in force.
    pub statements: BTreeSet<u64>,
    /// Readings looked at.
    pub readings: u64,
    /// Of those, how many carry an estimated clock error above two seconds.
    pub readings_unsure: u64,
    /// The machine was to work in one of these windows.
    pub is_worked: bool,
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
            (Some(a), Some(b)) => a.add(b),
            (a @ None, b) => *a = *b,
            (Some(_), None) => {}
        }
        self.per_good.add(&o.per_good);
        self.energy_broken |= o.energy_broken;
        self.state_cover.add(o.state_cover);
        self.counter_cover.add(o.counter_cover);
        self.energy_cover.add(o.energy_cover);
        self.doubtful_apt_ms += o.doubtful_apt_ms;
        self.flags.extend(o.flags.iter().copied());
        for (gateway, range) in &o.lineage {
            self.saw(gateway, range.first);
            self.saw(gateway, range.last);
        }
        self.statements.extend(o.statements.iter().copied());
        self.readings += o.readings;
        self.readings_unsure += o.readings_unsure;
        self.is_worked |= o.is_worked;
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
            self.add(&rest);
        } else {
            self.add(o);
        }
    }

    /// Notes performance above 100 %, and remembers production time with performance above 105 %: the planned cycle time is
    /// under review then (reference §1.5). Never caps anything.
    pub fn note_performance(&mut self) {
        let Some(p) = &self.production else { return };
        let (made, ran) = (p.produced.standard.value, standard_of_ms(self.buckets.apt_ms));
        if self.has_state && self.buckets.apt_ms > 0 && made > ran {
            self.flags.insert(Flag::PerfGt100);
            let is_far_above = made.saturating_mul(100) > ran.saturating_mul(105);
            self.doubtful_apt_ms = if is_far_above { self.buckets.apt_ms } else { 0 };
        }
    }

    /// The grade of a value resting on these coverages.
    pub fn grade(&self, cover: Share) -> Grade {
        let grade = worst(Grade::of_coverage(cover.observed_ms, cover.of_ms), &self.flags);
        // Performance above 105 % for more than 5 % of production time (reference §1.5).
        let is_doubtful = i128::from(self.doubtful_apt_ms) * 100 > i128::from(self.buckets.apt_ms) * 5;
        match grade {
            Grade::A if is_doubtful => Grade::B,
            Grade::B if is_doubtful => Grade::C,
            Grade::C if is_doubtful => Grade::D,
            other => other,
        }
    }

    /// Coverage of what OEE rests on: the state, and the counters if there are any.
    pub fn oee_cover(&self) -> Share {
        if self.production.is_some() { self.state_cover.lesser(self.counter_cover) } else { self.state_cover }
    }

    /// Coverage of what energy per item rests on: the register and the counters. Where no busy time was seen at all, nothing
    /// says when the items were made, and nothing of their time is covered.
    pub fn per_good_cover(&self) -> Share {
        if self.has_state && self.counter_cover.of_ms == 0 {
            return Share { observed_ms: 0, of_ms: self.energy_cover.of_ms };
        }
        self.energy_cover.lesser(self.counter_cover)
    }

    /// Coverage below 80 % of planned busy time: such a shift is listed and takes no part in the sums of time and planned
    /// time (reference §3.7); see [`Self::without_time`].
    pub fn is_unusable(&self) -> bool {
        let cover = self.oee_cover();
        self.has_state && cover.of_ms > 0 && !cover.reaches(80)
    }

    /// What still stands of a shift whose time is hardly observed: its energy, whose register has a coverage of its own, and
    /// its counts, where the counters were read. Leaving those out would show a saving that never was.
    #[must_use]
    pub fn without_time(&self) -> Self {
        let is_counted = self.counter_cover.of_ms > 0 && self.counter_cover.reaches(80);
        let counts_only = |c: Counted| Counted { items: c.items, standard: Bounded::default() };
        let production = self.production.filter(|_| is_counted).map(|p| Production {
            produced: counts_only(p.produced),
            good: counts_only(p.good),
            rejected: counts_only(p.rejected),
            ..p
        });
        Self {
            states_ms: [0; 8],
            buckets: Buckets::default(),
            has_state: self.has_state,
            production,
            per_good: if is_counted { self.per_good } else { PerGood::default() },
            state_cover: Share::default(),
            counter_cover: if is_counted { self.counter_cover } else { Share::default() },
            doubtful_apt_ms: 0,
            ..self.clone()
        }
    }

    /// Whether a scheduled shift counts as valid (reference §3.7): coverage of at least 95 % of planned busy time, no break in
    /// a counter, a clock good to two seconds for 95 % of the readings (beyond thirty nothing is placed at all).
    pub fn is_valid(&self) -> bool {
        self.is_valid_at(95)
    }

    /// The same with another least coverage, percent.
    pub(crate) fn is_valid_at(&self, percent: u8) -> bool {
        self.oee_cover().reaches(percent)
            && !self.flags.contains(&Flag::CounterReset)
            && !self.flags.contains(&Flag::RateExceeded)
            && self.readings_unsure.saturating_mul(20) <= self.readings
    }
}
