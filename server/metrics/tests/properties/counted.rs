//! What the press truly did in a window, by plain counting of its minutes.

use metrics::Interval;
use metrics::counter::Bounded;
use metrics::facts::{Counted, Energy, Facts, PerGood, Production};
use metrics::kpi::losses::Losses;
use metrics::shift::Schedule;

use super::{Minute, PRODUCTS, Plant};
use crate::fixture::MINUTE;

impl Plant {
    /// Planned stops inside a window, breaks included.
    fn stops(&self, schedule: &Schedule) -> Vec<Interval> {
        let (from, length) = self.kind.stops[0];
        schedule.breaks.iter().copied().chain([Interval::new(self.at(from), self.at(from + length))]).collect()
    }

    /// The sums of whole minutes, by plain counting, and the losses they make up.
    pub(crate) fn truth(&self, window: Interval, schedule: &Schedule) -> (Facts, Losses) {
        let stops = self.stops(schedule);
        let minutes: Vec<(bool, Minute)> = (self.minutes.iter().enumerate())
            .map(|(i, m)| (self.at(i as i64), *m))
            .filter(|(at, _)| window.contains(*at))
            .map(|(at, m)| (stops.iter().any(|s| s.contains(at)), m))
            .collect();
        let mut f = Facts { has_state: true, shifts: u32::from(schedule.scheduled), ..Facts::default() };
        let (mut good, mut bad, mut good_us, mut bad_us, mut wh) = (0, 0, 0, 0, 0);
        for (stopped, m) in &minutes {
            f.states_ms[m.state] += MINUTE;
            let has_order = !self.kind.has_orders || m.order != 0;
            let b = &mut f.buckets;
            match (schedule.scheduled, *stopped, m.state) {
                (false, _, 4) => (b.apt_ms, b.overtime_ms) = (b.apt_ms + MINUTE, b.overtime_ms + MINUTE),
                (false, ..) => b.outside_ms += MINUTE,
                (true, true, 4) => (b.apt_ms, b.run_in_stop_ms) = (b.apt_ms + MINUTE, b.run_in_stop_ms + MINUTE),
                (true, true, _) => b.pdot_ms += MINUTE,
                (true, false, 4) => b.apt_ms += MINUTE,
                (true, false, 5) => b.aust_ms += MINUTE,
                (true, false, _) if has_order => b.adet_ms += MINUTE,
                (true, false, _) => b.adot_ms += MINUTE,
            }
            if schedule.scheduled && !stopped && m.state == 4 && !has_order {
                b.run_without_order_ms += MINUTE;
            }
            let (item_us, items) = PRODUCTS[m.product];
            (good, bad, wh) = (good + m.good * items, bad + m.bad * items, wh + m.wh);
            (good_us, bad_us) = (good_us + m.good * items * item_us, bad_us + m.bad * items * item_us);
        }
        let counted = |items: i64, us: i64| Counted {
            items: Bounded::exact(i128::from(items) * 1_000_000),
            standard: Bounded::exact(i128::from(us) * 1_000_000),
        };
        let all = counted(good + bad, good_us + bad_us);
        let knows_good = self.kind.counters < 3;
        f.production = Some(Production {
            produced: all,
            good: if knows_good { counted(good, good_us) } else { all },
            rejected: if knows_good { counted(bad, bad_us) } else { Counted::default() },
            rejects_known: knows_good,
            ..Production::default()
        });
        let micro_kwh = Bounded::exact(i128::from(wh) * 1000);
        f.energy = Some(Energy { micro_kwh, uncapped: false, samples: 2 });
        f.per_good = PerGood { micro_kwh, good: f.production.unwrap().good.items, ..PerGood::default() };
        let losses = self.losses(&f, &minutes, schedule);
        (f, losses)
    }

    /// Stops are minor when they last one minute between two minutes of running, planned, with an order and no setup.
    fn losses(&self, f: &Facts, minutes: &[(bool, Minute)], schedule: &Schedule) -> Losses {
        let mut l = Losses { buckets: f.buckets, ..Losses::default() };
        l.powered_ms = [2, 3, 4, 5, 6].map(|state| f.states_ms[state]).iter().sum();
        let runs = |i: Option<usize>| i.and_then(|i| minutes.get(i)).is_some_and(|m| m.1.state == 4);
        for (i, (stopped, m)) in minutes.iter().enumerate() {
            let has_order = !self.kind.has_orders || m.order != 0;
            if !schedule.scheduled || *stopped || !has_order || m.state == 4 || m.state == 5 {
                continue;
            }
            let alone = m.state != 7 && runs(i.checked_sub(1)) && runs(Some(i + 1));
            let slot = match m.state {
                _ if alone => &mut l.minor_ms,
                6 | 7 => &mut l.breakdown_ms,
                3 => &mut l.waiting_ms,
                _ => &mut l.other_ms,
            };
            *slot += MINUTE;
        }
        l
    }
}
