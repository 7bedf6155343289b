//! What must hold for a whole log, whatever the machine did and whichever readings are missing: truth within the bounds, no bound
//! moved inward and no coverage raised by taking readings away, parts that add up, the order of delivery without effect, a day later
//! the same answer.
//!
//! Where the claims end. An amount that passed is known from a register as long as it shows it: a counter that was set to zero unseen
//! and has passed its old value when it is seen again shows nothing (the plant's counters never do). States told from power depend on
//! the readings before them (hysteresis, dwell): the claims about states are for codes. A period leaves out shifts with less than 80 % coverage
//! (reference §3.7), so its coverage may rise when a shift goes; its standing never does. Where it is not certain which of two products
//! a cycle made, the most that can have been made is a product of two bounds and may exceed what the planned pace allows in that time,
//! which is all that is said of a silence: with several products the bounds of amounts always hold the truth, but are not nested.
//! A reset leaves time uncovered once it is seen; where nothing was read after it and the window ends within the time a reading may be late,
//! nobody sees it.
//! What a register's straight line puts into a window stands even where no time was left to make it in: that edge is bounded by its
//! value then, and without the reading beyond it there is no line, or one that puts less there. Where that is so at any edge of any counter
//! the bounds of amounts hold the truth, but are not nested.
//! Running outside shifts is due only once it is seen. Where its counter was silent and then its state is not read either, the share that
//! counters cover is of less time and may rise; what is uncovered, together with what is no longer known to have been worked, never falls.

use std::collections::BTreeSet;

use metrics::catalogue::{self, Definition, Rests};
use metrics::facts::{Facts, Share};
use metrics::grade::Flag;
use metrics::kpi::iso::{self, Defects};
use metrics::kpi::losses::{Losses, StopRule, of};
use metrics::kpi::variants;
use metrics::oee::{Undefined, Value};
use metrics::production::rates::capacity_utilisation;
use metrics::report::{Section, evaluate_window};
use metrics::shift::{Evaluated, Schedule};
use metrics::statistics::resample::SplitMix64;
use metrics::{History, Interval, ReportRequest, evaluate};
use proptest::prelude::*;

use super::plant::{Entry, Kept, Kind, Plant, taken, thinned};
use crate::fixture::{HOUR, MINUTE, MONDAY};

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, ..ProptestConfig::default() }
}

/// Minutes of a short plant.
const MINUTES: usize = 240;

fn kind(minutes: i64) -> impl Strategy<Value = Kind> {
    let at = || prop::option::of(20..minutes as usize - 20);
    let stop = move || (0..minutes, 1_i64..50);
    (0_u8..4, any::<[bool; 4]>(), at(), at(), stop(), stop()).prop_map(
        |(counters, [has_orders, has_products, rolls, gaps], reset, exchanged_at, first, last)| Kind {
            counters,
            has_orders,
            has_products,
            rolls,
            // A counter that wraps and is reset may seem to have gone on counting.
            reset_at: reset.filter(|_| !rolls),
            exchanged_at,
            stops: [first, last],
            gaps,
        },
    )
}

/// A plant of four hours, a window of whole minutes in it, and whether it lies in a shift.
fn plants() -> impl Strategy<Value = (Plant, Interval, Schedule)> {
    (any::<u64>(), kind(MINUTES as i64), 5_i64..60, 180_i64..235, 0_i64..200, any::<bool>()).prop_map(
        |(seed, kind, from, to, pause, scheduled)| {
            let plant = Plant::new(seed, MINUTES, kind);
            let breaks = if scheduled { vec![Interval::new(plant.at(pause), plant.at(pause + 20))] } else { vec![] };
            let window = Interval::new(plant.at(from), plant.at(to));
            (plant, window, Schedule { scheduled, breaks, calendar: None })
        },
    )
}

/// How much is missing: seeds, losses per mille, silent stretches per tag.
fn losses() -> impl Strategy<Value = (u64, u64, u64)> {
    (any::<u64>(), prop_oneof![Just(0), 0_u64..60, 0_u64..600], 0_u64..4)
}

fn evaluated(history: &History, window: Interval, schedule: &Schedule) -> Evaluated {
    evaluate_window(history, "press", window, schedule)
}

type Named = (&'static str, fn(&Facts, &Losses) -> Value, fn(&Facts) -> Share);

/// Every further definition with bounds.
const FURTHER: [Named; 14] = [
    ("utilization", |f, _| iso::utilization_efficiency(f), |f| f.state_cover),
    ("technical", |f, _| iso::technical_efficiency(f), |f| f.state_cover),
    ("setup", |f, _| iso::setup_ratio(f), |f| f.state_cover),
    ("scrap", |f, _| of_counts(f, |p| iso::scrap_ratio(p, &Defects::default())), |f| f.counter_cover),
    ("rework", |f, _| of_counts(f, |p| iso::rework_ratio(p, &Defects::default())), |f| f.counter_cover),
    ("piece quality", |f, _| of_counts(f, iso::piece_quality), |f| f.counter_cover),
    ("capacity", |f, _| capacity_utilisation(f), |f| f.counter_cover),
    ("TPM availability", |_, l| variants::jipm_availability(l), |f| f.state_cover),
    ("TPM performance", |f, l| of_counts(f, |p| variants::jipm_performance(l, p)), Facts::oee_cover),
    ("TPM OEE", |f, l| of_counts(f, |p| variants::jipm_oee(l, p)), Facts::oee_cover),
    ("jiadong 1", |_, l| variants::jiadong_time_1(l), |f| f.state_cover),
    ("jiadong 2", |_, l| variants::jiadong_time_2(l), |f| f.state_cover),
    ("jiadong 2 OEE", |f, l| of_counts(f, |p| variants::jiadong_oee_2(l, p)), Facts::oee_cover),
    ("power on", |_, l| variants::power_on(l), |f| f.state_cover),
];

fn of_counts(f: &Facts, value: impl Fn(&metrics::facts::Production) -> Value) -> Value {
    f.production.as_ref().map_or(Err(Undefined::NoCounter), value)
}

/// Every value with bounds of a window, by name, with its coverage.
fn values(f: &Facts, l: &Losses) -> Vec<(&'static str, Value, Share)> {
    let printed = catalogue::ALL.iter().map(|d: &Definition| (d.id, (d.value)(f), d.cover(f)));
    printed.chain(FURTHER.iter().map(|(name, value, cover)| (*name, value(f, l), cover(f)))).collect()
}

fn values_of(e: &Evaluated, schedule: &Schedule) -> Vec<(&'static str, Value, Share)> {
    values(&e.facts, &of(e, schedule.scheduled, StopRule::default()))
}

/// Whether a value is made of amounts of items.
fn rests_on_counters(name: &str) -> bool {
    let printed = catalogue::get(name).map(|d| !matches!(d.rests, Rests::State | Rests::Energy));
    printed.unwrap_or(
        ["scrap", "rework", "piece quality", "capacity", "TPM performance", "TPM OEE", "jiadong 2 OEE"].contains(&name),
    )
}

/// Whether coverage `is` claims no more than coverage `was`, of which more was known. `worked_less_ms`: unplanned running that is no
/// longer seen.
fn claims_no_more(was: [i64; 2], is: [i64; 2], worked_less_ms: i64) -> bool {
    let uncovered = |[observed, of]: [i64; 2]| of - observed;
    let is_no_higher = i128::from(is[0]) * i128::from(was[1]) <= i128::from(was[0]) * i128::from(is[1]);
    is_no_higher || (worked_less_ms > 0 && uncovered(is) + worked_less_ms >= uncovered(was))
}

/// `a ≤ b` as quotients of integers with denominators above zero.
fn at_most(a: (i128, i128), b: (i128, i128)) -> bool {
    assert!(a.1 > 0 && b.1 > 0, "a denominator is not above zero: {a:?} {b:?}");
    a.0 * b.1 <= b.0 * a.1
}

proptest! {
    #![proptest_config(config(10_000))]

    /// Truth, counted minute by minute, lies within every bound when readings are deleted at random.
    #[test]
    fn truth_lies_within_the_bounds_of_a_thinned_log((plant, window, schedule) in plants(), (seed, lost, silent) in losses()) {
        let kept = thinned(&plant.all(), seed, lost, silent);
        let thin = values_of(&evaluated(&plant.history(&kept), window, &schedule), &schedule);
        let (facts, losses) = plant.truth(window, &schedule);
        for ((name, truth, _), (_, found, _)) in values(&facts, &losses).into_iter().zip(thin) {
            let (Ok(t), Ok(r)) = (truth, found) else { continue };
            let is_within = at_most(r.lower, (t.num, t.den)) && r.upper.is_none_or(|u| at_most((t.num, t.den), u));
            prop_assert!(is_within, "{}: truth {:?} outside {:?}", name, t, r);
        }
    }
}

proptest! {
    #![proptest_config(config(1_000))]

    /// A complete record says the truth, exactly and without doubt; what a reset took with it is the exception.
    #[test]
    fn a_complete_log_is_exact((plant, window, schedule) in plants()) {
        let whole = evaluated(&plant.history(&plant.all()), window, &schedule);
        let (facts, losses) = plant.truth(window, &schedule);
        prop_assert_eq!(whole.facts.states_ms, facts.states_ms);
        prop_assert_eq!(whole.facts.buckets, facts.buckets);
        prop_assert_eq!(of(&whole, schedule.scheduled, StopRule::default()), Losses { maybe_powered_ms: 0, ..losses });
        let is_reset = |at: usize| window.from_ms < plant.at(at as i64) && plant.at(at as i64) <= window.to_ms;
        if plant.kind.reset_at.is_some_and(is_reset) {
            return Ok(());
        }
        prop_assert_eq!(whole.facts.production, facts.production);
        prop_assert_eq!(whole.facts.energy.map(|e| e.micro_kwh), facts.energy.map(|e| e.micro_kwh));
        let found = values_of(&whole, &schedule);
        for ((name, truth, _), (_, found, cover)) in values(&facts, &losses).into_iter().zip(found) {
            prop_assert_eq!(&truth, &found, "{}", name);
            prop_assert_eq!(cover.observed_ms, cover.of_ms, "{}", name);
            if let Ok(r) = found {
                let same = |q: (i128, i128)| q.0 * r.den == r.num * q.1;
                prop_assert!(same(r.lower) && r.upper.is_some_and(same), "{}: {:?}", name, r);
            }
        }
    }

    /// Of two records of which one lacks more readings, that one has no higher coverage and no bound farther in.
    #[test]
    fn taking_readings_away_never_raises_coverage_nor_moves_a_bound_inward(
        (plant, window, schedule) in plants(), first in losses(), second in losses(),
    ) {
        let some = thinned(&plant.all(), first.0, first.1, first.2);
        let fewer = thinned(&some, second.0, second.1, second.2);
        let (more, few) = (evaluated(&plant.history(&some), window, &schedule), evaluated(&plant.history(&fewer), window, &schedule));
        let worked_less_ms = more.facts.buckets.sure_pbt_ms() - few.facts.buckets.sure_pbt_ms();
        let is_excepted = plant.kind.has_products || plant.is_pinned(&some, window, &schedule);
        let [was_reset, is_reset] = [&more, &few].map(|e| e.facts.flags.contains(&Flag::CounterReset));
        let is_reset_unseen = was_reset && !is_reset;
        for ((name, a, cover), (_, b, less)) in values_of(&more, &schedule).into_iter().zip(values_of(&few, &schedule)) {
            let [was, is] = [cover, less].map(|c| [c.observed_ms, c.of_ms]);
            let worked_less_ms = if rests_on_counters(name) { worked_less_ms } else { 0 };
            let is_known = !(is_reset_unseen && rests_on_counters(name));
            prop_assert!(!is_known || claims_no_more(was, is, worked_less_ms), "{}: coverage rose from {:?} to {:?}", name, cover, less);
            if is_excepted && rests_on_counters(name) {
                continue;
            }
            let (Ok(a), Ok(b)) = (a, b) else { continue };
            prop_assert!(at_most(b.lower, a.lower), "{}: the lower bound rose: {:?}, {:?}", name, a, b);
            let is_wider = b.upper.is_none_or(|u| a.upper.is_some_and(|was| at_most(was, u)));
            prop_assert!(is_wider, "{}: the upper bound fell: {:?}, {:?}", name, a, b);
        }
    }

    /// A window split at any instants and added is the whole. Bounds are another matter: an edge adds doubt.
    #[test]
    fn parts_of_a_window_add_up(
        (plant, window, schedule) in plants(), (seed, lost, silent) in losses(),
        cuts in prop::collection::btree_set(1_i64..170 * MINUTE, 1..4),
    ) {
        let history = plant.history(&thinned(&plant.all(), seed, lost, silent));
        let whole = evaluated(&history, window, &schedule);
        let mut edges: Vec<i64> = cuts.into_iter().map(|cut| window.from_ms + cut).filter(|at| *at < window.to_ms).collect();
        edges.insert(0, window.from_ms);
        edges.push(window.to_ms);
        let mut sum = Facts::default();
        let mut tiles = Vec::new();
        for pair in edges.windows(2) {
            let part = evaluated(&history, Interval::new(pair[0], pair[1]), &schedule);
            tiles.extend(part.states);
            sum.add(&part.facts);
        }
        // The intervals tile the window, in one piece or in several.
        for tiles in [&tiles, &whole.states] {
            prop_assert_eq!(tiles.first().map(|t| t.from_ms), Some(window.from_ms));
            prop_assert_eq!(tiles.last().map(|t| t.to_ms), Some(window.to_ms));
            prop_assert!(tiles.windows(2).all(|w| w[0].to_ms == w[1].from_ms && w[0].from_ms < w[0].to_ms));
        }
        prop_assert_eq!(sum.states_ms, whole.facts.states_ms);
        prop_assert_eq!(sum.buckets, whole.facts.buckets);
        prop_assert_eq!(sum.buckets.total_ms(), window.length_ms());
        let (Some(a), Some(b)) = (sum.production, whole.facts.production) else {
            prop_assert_eq!(sum.production, whole.facts.production);
            return Ok(());
        };
        for (parts, whole) in [(a.produced, b.produced), (a.good, b.good), (a.rejected, b.rejected)] {
            prop_assert_eq!((parts.items.value, parts.standard.value), (whole.items.value, whole.standard.value));
        }
        let micro_kwh = |f: &Facts| f.energy.map_or(0, |e| e.micro_kwh.value);
        prop_assert_eq!(micro_kwh(&sum), micro_kwh(&whole.facts));
    }

    /// In which order two gateways' records and people's statements reach the log, and how often a record comes, changes nothing.
    #[test]
    fn the_order_and_repetition_of_delivery_change_nothing(
        (plant, window, schedule) in plants(), (seed, lost, silent) in losses(), delivery: u64,
    ) {
        let log = plant.log(&thinned(&plant.all(), seed, lost, silent));
        let as_made: Vec<&Entry> = log.iter().flatten().collect();
        let delivered = delivered(&log, delivery);
        prop_assert!(delivered.len() >= as_made.len());
        let judge = |entries: &[&Entry]| {
            let mut facts = evaluated(&taken(entries.iter().copied()), window, &schedule).facts;
            // Leaves have other places: what they are is the same.
            let name = |leaf: &u64| entries[*leaf as usize].content.clone();
            let statements: BTreeSet<Vec<u8>> = std::mem::take(&mut facts.statements).iter().map(name).collect();
            facts.lineage.clear();
            (facts, statements)
        };
        prop_assert_eq!(judge(&delivered), judge(&as_made));
    }
}

/// The same entries with the gateways' records and the statements mixed at random, records coming again here and there. The records
/// of one gateway keep the order of their chain; statements about different things keep none.
fn delivered(log: &[Vec<Entry>], seed: u64) -> Vec<&Entry> {
    let mut random = SplitMix64::new(seed);
    let mut lists: Vec<Vec<&Entry>> = log.iter().map(|list| list.iter().collect()).collect();
    let statements = &mut lists[0];
    for i in (1..statements.len()).rev() {
        statements.swap(i, random.below(i + 1));
    }
    let mut out = Vec::new();
    let mut next = vec![0; lists.len()];
    while lists.iter().zip(&next).any(|(list, next)| *next < list.len()) {
        let which = random.below(lists.len());
        let Some(entry) = lists[which].get(next[which]).copied() else { continue };
        out.push(entry);
        next[which] += 1;
        // Any record of the gateway so far comes again.
        if which > 0 && random.below(3) == 0 {
            out.push(lists[which][random.below(next[which])]);
        }
    }
    out
}

/// Days of a plant with a calendar of two shifts, as a report.
fn reported(plant: &Plant, kept: &Kept, from: i64, to: i64) -> metrics::Report {
    let history = plant.history(kept);
    let date = |day: i64| {
        let zone = jiff::tz::TimeZone::fixed(jiff::tz::offset(8));
        let at = jiff::Timestamp::from_millisecond(plant.at(day * 1440) + HOUR).unwrap();
        at.to_zoned(zone).date().to_string()
    };
    evaluate(&history, &ReportRequest::for_dates(history.size(), &date(from), &date(to), None)).unwrap()
}

fn period(report: &metrics::Report) -> &Section {
    report.periods.iter().find(|p| p.machine == "press").unwrap()
}

const DAYS: i64 = 4;

fn weeks() -> impl Strategy<Value = Plant> {
    (any::<u64>(), kind(DAYS * 1440)).prop_map(|(seed, kind)| Plant::new(seed, DAYS as usize * 1440, kind))
}

proptest! {
    #![proptest_config(config(40))]

    /// A period split at any day and added is the whole, in every sum a report prints.
    #[test]
    fn parts_of_a_period_add_up(plant in weeks(), (seed, lost, silent) in losses(), cut in 0..DAYS - 1) {
        let kept = thinned(&plant.all(), seed, lost / 10, silent * 4);
        let (whole, left, right) =
            (reported(&plant, &kept, 0, DAYS - 1), reported(&plant, &kept, 0, cut), reported(&plant, &kept, cut + 1, DAYS - 1));
        let (w, l, r) = (period(&whole), period(&left), period(&right));
        for (name, ms) in w.buckets_ms.iter().chain(&w.states_ms) {
            let of = |s: &Section| s.buckets_ms.get(name).or(s.states_ms.get(name)).copied().unwrap_or(0);
            prop_assert_eq!(*ms, of(l) + of(r), "{}", name);
        }
        prop_assert_eq!(w.shifts, l.shifts + r.shifts);
        prop_assert_eq!(&w.excluded, &[l.excluded.clone(), r.excluded.clone()].concat());
        let number = |s: &Section, id: &str| s.line(id).and_then(|l| l.numerator.as_ref()).map_or(0, |n| n.parse::<i128>().unwrap());
        for id in ["oee.iso22400@1", "availability.iso22400@1", "quality.iso22400@1", "teep@1", "util.calendar@1", "state.planned@1",
            "count.produced@1", "count.good@1", "count.rejected@1", "energy.active@1"]
        {
            // A part in which nothing was defined has no numerator to add.
            let is_defined = |s: &Section| s.line(id).is_none_or(|l| l.undefined.is_none());
            if is_defined(w) && is_defined(l) && is_defined(r) {
                prop_assert_eq!(number(w, id), number(l, id) + number(r, id), "{}", id);
            }
        }
        // A shift is in the period as it is by itself.
        let of_shifts = |name: &str| -> i64 { whole.shifts.iter().map(|s| s.buckets_ms[name]).sum() };
        if w.excluded.is_empty() {
            for name in ["APT", "AUST", "ADET", "ADOT", "UNK", "PDOT"] {
                prop_assert_eq!(w.buckets_ms[name], of_shifts(name), "{}", name);
            }
        }
    }

    /// With fewer readings no shift of a period becomes valid, none comes back, and the period stands no better.
    #[test]
    fn taking_readings_away_never_improves_the_standing_of_a_period(plant in weeks(), first in losses(), second in losses()) {
        let some = thinned(&plant.all(), first.0, first.1 / 10, first.2);
        let fewer = thinned(&some, second.0, second.1 / 10, second.2 * 4);
        let (all, less) = (reported(&plant, &some, 0, DAYS - 1), reported(&plant, &fewer, 0, DAYS - 1));
        let (a, b) = (period(&all), period(&less));
        prop_assert!(a.excluded.iter().all(|shift| b.excluded.contains(shift)), "{:?} {:?}", a.excluded, b.excluded);
        let rank = |s: &Section| ["none", "qualified", "full"].iter().position(|name| Some(*name) == s.standing);
        prop_assert!(rank(b) <= rank(a), "{:?} {:?}", a.standing, b.standing);
        if a.excluded == b.excluded {
            // Planned busy time that is certain: what the state is asked about.
            let worked_ms = |s: &Section| s.line("availability.iso22400@1").map_or(0, |l| l.coverage[1]);
            let schedule = Schedule { scheduled: true, breaks: plant.breaks(), calendar: None };
            let mut windows = all.shifts.iter().map(|s| Interval::new(s.from_ms, s.to_ms));
            let is_excepted = plant.kind.has_products || windows.any(|window| plant.is_pinned(&some, window, &schedule));
            for (was, is) in a.lines.iter().zip(&b.lines) {
                let worked_less_ms = if rests_on_counters(was.definition) { worked_ms(a) - worked_ms(b) } else { 0 };
                prop_assert!(claims_no_more(was.coverage, is.coverage, worked_less_ms), "{}: coverage rose from {:?} to {:?}", was.definition, was.coverage, is.coverage);
                let micros = |s: &Option<String>| s.as_deref().map(|t| t.replace('.', "").parse::<i128>().unwrap());
                let is_compared = !(is_excepted && rests_on_counters(was.definition));
                if is_compared && was.undefined.is_none() && is.undefined.is_none() {
                    prop_assert!(micros(&is.lower) <= micros(&was.lower), "{:?} {:?}", was, is);
                    let is_wider = micros(&is.upper).is_none_or(|u| micros(&was.upper).is_some_and(|was| was <= u));
                    prop_assert!(is_wider, "{:?} {:?}", was, is);
                }
            }
        }
    }

    /// A record of any later day gives the same answer for that day.
    #[test]
    fn days_later_the_answer_is_the_same(plant in weeks(), (seed, lost, silent) in losses(), days in prop_oneof![Just(1_i64), 1_i64..900]) {
        let kept = thinned(&plant.all(), seed, lost / 10, silent * 4);
        let mut later = plant.clone();
        later.origin_ms += days * 24 * HOUR;
        let print = |plant: &Plant| {
            let report = reported(plant, &kept, 0, DAYS - 1);
            let moved = plant.origin_ms - MONDAY;
            let section = |s: Section| {
                ((s.machine, s.shift, s.from_ms - moved, s.to_ms - moved), (s.states_ms, s.buckets_ms), s.lines, s.flags, (s.readings, s.shifts, s.standing))
            };
            report.shifts.into_iter().chain(report.periods).map(section).collect::<Vec<_>>()
        };
        prop_assert_eq!(print(&plant), print(&later));
    }
}
