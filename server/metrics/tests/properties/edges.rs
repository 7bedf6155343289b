//! Where the claim that fewer readings never narrow a bound ends: at an edge of a window where a register's straight line puts in more than
//! there was time for. Counted here from the readings, for plants of one product.

use metrics::Interval;
use metrics::counter::{RegisterRule, Weight, change, fold_alike};
use metrics::history::REACH_MS;
use metrics::interval::{overlap_ms, subtract, union};
use metrics::report::evaluate_window;
use metrics::shift::Schedule;
use metrics::state::{MachineState, StateInterval};
use metrics::timeline::Cadence;

use super::{Kept, PRODUCTS, Plant, TAGS};
use crate::fixture::MINUTE;

/// Planned time of a cycle, microseconds.
const CYCLE_US: i64 = PRODUCTS[0].0 * PRODUCTS[0].1;

impl Plant {
    /// Whether an upper bound is where it is only because of a straight line. Asked of every counter and every edge by itself: in a
    /// sum another edge, or a reset, hides it.
    pub(crate) fn is_pinned(&self, kept: &Kept, window: Interval, schedule: &Schedule) -> bool {
        let seen = evaluate_window(&self.history(kept), "press", window, schedule);
        let is_quiet = |s: &&StateInterval| !matches!(s.state, MachineState::Run | MachineState::Unknown) && !s.held;
        let quiet = seen.states.iter().filter(is_quiet).map(|s| Interval::new(s.from_ms, s.to_ms));
        let idle = quiet.flat_map(|q| seen.stops.iter().map(move |stop| stop.intersect(&q))).collect();
        let busy = subtract(window, &union(idle));
        let most = |time: Interval| match overlap_ms(&[time], &busy) {
            0 => 0,
            ms => i128::from(ms * 1000 + CYCLE_US),
        };
        let gap_ms_max = Cadence::new(MINUTE).stale_ms;
        let rule =
            RegisterRule { modulus: Some(1 << 32), rate_max_per_hour: Some(100_000), gap_ms_max, replaced: vec![] };
        self.counters(kept, window).into_iter().any(|samples| {
            let passed = fold_alike(samples.into_iter(), window, &rule, || Weight::exact(PRODUCTS[0].1, CYCLE_US));
            let stated: Vec<_> = passed.stretches.iter().map(|s| s.map(|a| a.standard_us)).collect();
            let mut without_line = stated.clone();
            without_line.iter_mut().for_each(|s| s.amount.value = s.amount.lower);
            change(&stated, most) != change(&without_line, most)
        })
    }

    /// The counters it has.
    pub(super) fn counter_tags(&self) -> &'static [&'static str] {
        [&["good", "reject"][..], &["good", "total"], &["total", "reject"], &["total"]][usize::from(self.kind.counters)]
    }

    /// The readings of every counter within reach of a window.
    fn counters(&self, kept: &Kept, window: Interval) -> Vec<Vec<(i64, i64)>> {
        let values = self.values();
        let near = |ms: i64| window.from_ms - REACH_MS <= ms && ms <= window.to_ms + REACH_MS;
        let of = |tag: &&str| {
            let column = TAGS.iter().position(|x| x == tag).unwrap();
            let there = (0..values.len()).filter(|minute| kept[column][*minute]);
            let readings = there.map(|minute| (self.at(minute as i64), values[minute][column] as i64));
            readings.filter(|(ms, _)| near(*ms)).collect()
        };
        self.counter_tags().iter().map(of).collect()
    }

    /// The breaks of its calendar.
    pub(crate) fn breaks(&self) -> Vec<Interval> {
        let days = 0..self.minutes.len() as i64 / 1440;
        let of = |day: i64| [(720, 750), (1140, 1155)].map(|(from, to)| (day * 1440 + from, day * 1440 + to));
        days.flat_map(of).map(|(from, to)| Interval::new(self.at(from), self.at(to))).collect()
    }
}
