//! What must hold for every record, not only for the worked examples. The seeds of failures are printed and committed beside
//! the properties, in `*.proptest-regressions`.

mod fixture;
#[path = "properties/kpi.rs"]
mod kpi;
#[path = "properties/log.rs"]
mod log;
#[path = "properties/plant.rs"]
mod plant;

use fixture::{HOUR, ITEM_US, Log, MONDAY, World};
use metrics::compare::SplitMix64;
use metrics::counter::{RegisterRule, Weight, fold};
use metrics::report::{Line, Section};
use metrics::state::MachineState;
use metrics::timeline::{Cadence, state_ms, tile};
use metrics::{Interval, ReportRequest, evaluate};
use proptest::prelude::*;

const DAY: i64 = 24 * HOUR;

/// Is `part / of` between the printed bounds? They are rounded to the nearest millionth.
fn within(line: &Line, part: i128, of: i128) -> bool {
    let micros = |s: &Option<String>| s.as_deref().map(|t| t.replace('.', "").parse::<i128>().unwrap());
    let truth = part * 1_000_000;
    let low = micros(&line.lower).is_none_or(|l| (l - 1) * of <= truth);
    let high = micros(&line.upper).is_none_or(|h| truth <= (h + 1) * of);
    low && high
}

fn press(world: &World, keep: impl Fn(u32, usize) -> bool, gaps: bool) -> Section {
    let mut log = Log::new(false);
    log.run(world, gaps, keep);
    let report =
        evaluate(&log.history(), &ReportRequest::for_dates(log.size(), "2026-03-02", "2026-03-02", None)).unwrap();
    report.shifts.into_iter().find(|s| s.machine == "press" && s.shift.as_deref() == Some("day")).unwrap()
}

fn line<'s>(section: &'s Section, id: &str) -> &'s Line {
    section.line(id).unwrap()
}

/// Which samples survive: isolated losses, and silent stretches of up to a few hours.
fn survivors(seed: u64, losses_per_mille: u64, stretches: u64) -> Vec<Vec<bool>> {
    let mut random = SplitMix64::new(seed);
    (0..5)
        .map(|_| {
            let mut keep: Vec<bool> = (0..=1440).map(|_| random.next_u64() % 1000 >= losses_per_mille).collect();
            for _ in 0..stretches {
                let from = (random.next_u64() % 1400) as usize;
                let length = (random.next_u64() % 150) as usize;
                keep.iter_mut().skip(from).take(length).for_each(|k| *k = false);
            }
            keep
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// Truth lies within the bounds when readings are deleted at random, and deleting never raises coverage.
    #[test]
    fn truth_is_within_the_bounds_of_a_thinned_record(seed: u64, losses in 0_u64..300, stretches in 0_u64..4, gaps: bool) {
        let world = World::new(seed, 1, None);
        let kept = survivors(seed ^ 1, losses, stretches);
        let thin = press(&world, |tag, m| kept[tag as usize][m], gaps);
        let whole = press(&world, |_, _| true, gaps);
        let truth = world.truth(MONDAY + 8 * HOUR, MONDAY + 20 * HOUR);
        let pbt = i128::from(whole.buckets_ms["PBT"]);
        prop_assert_eq!(i128::from(whole.states_ms["run"]), i128::from(truth.run_ms));
        for id in ["availability.iso22400@1", "oee.iso22400@1", "count.good@1", "energy.active@1"] {
            let (before, after) = (line(&whole, id).coverage, line(&thin, id).coverage);
            let less = i128::from(after[0]) * i128::from(before[1]) <= i128::from(before[0]) * i128::from(after[1]);
            prop_assert!(less, "{}: coverage rose from {:?} to {:?}", id, before, after);
        }
        prop_assert_eq!(thin.states_ms.values().sum::<i64>(), 12 * HOUR);
        prop_assert!(within(line(&thin, "availability.iso22400@1"), i128::from(truth.run_ms), pbt), "{:?}", thin);
        prop_assert!(within(line(&thin, "count.good@1"), i128::from(truth.good), 1), "{:?} {:?}", truth, thin);
        prop_assert!(within(line(&thin, "count.rejected@1"), i128::from(truth.reject), 1));
        if line(&thin, "energy.active@1").undefined.is_none() {
            prop_assert!(within(line(&thin, "energy.active@1"), i128::from(truth.wh), 1000));
        }
        prop_assert!(within(line(&thin, "oee.iso22400@1"), i128::from(truth.good) * i128::from(ITEM_US), pbt * 1000), "{:?}", thin);
        let made = i128::from(truth.good + truth.reject) * i128::from(ITEM_US);
        prop_assert!(within(line(&thin, "quality.iso22400@1"), i128::from(truth.good) * i128::from(ITEM_US), made), "{:?}", thin);
        if truth.run_ms > 0 && line(&thin, "performance.iso22400@1").undefined.is_none() {
            prop_assert!(within(line(&thin, "performance.iso22400@1"), made, i128::from(truth.run_ms) * 1000), "{:?}", thin);
        }
    }

    /// Intervals tile the window, splitting it changes nothing but the marks, and every state is somebody's.
    #[test]
    fn intervals_tile_and_split(
        steps in prop::collection::vec((1_i64..200_000, 0_usize..8), 0..60),
        gaps in prop::collection::vec((0_i64..4_000_000, 1_i64..300_000), 0..6),
        cut in 1_i64..3_999_999,
    ) {
        let mut at = 0;
        let samples: Vec<(i64, MachineState)> =
            steps.iter().map(|(dt, s)| { at += dt; (at, MachineState::ALL[*s]) }).collect();
        let gaps = metrics::interval::union(gaps.iter().map(|(f, n)| Interval::new(*f, f + n)).collect());
        let cadence = Cadence::new(20_000);
        let part = |from: i64, to: i64| {
            let start = samples.partition_point(|s| s.0 <= from).saturating_sub(1);
            tile(samples[start..].iter().copied(), &gaps, cadence, Interval::new(from, to))
        };
        let whole = part(0, 4_000_000);
        prop_assert_eq!(whole.first().map(|i| i.from_ms), Some(0));
        prop_assert_eq!(whole.last().map(|i| i.to_ms), Some(4_000_000));
        prop_assert!(whole.windows(2).all(|w| w[0].to_ms == w[1].from_ms && w[0].from_ms < w[0].to_ms));
        let (left, right) = (part(0, cut), part(cut, 4_000_000));
        let sum: Vec<i64> = state_ms(&left).iter().zip(state_ms(&right)).map(|(a, b)| a + b).collect();
        prop_assert_eq!(sum, state_ms(&whole).to_vec());
    }

    /// A register's parts add up to the whole at every cut, whatever it does.
    #[test]
    fn register_parts_add_up(
        steps in prop::collection::vec((1_i64..100_000, 0_i64..70_000), 1..50),
        cut in 1_i64..2_000_000,
        rate in prop::option::of(1_i64..10_000_000),
    ) {
        let mut at = 0;
        let samples: Vec<(i64, i64)> = steps.iter().map(|(dt, v)| { at += dt; (at, *v) }).collect();
        let rule = RegisterRule { modulus: Some(65_536), rate_max_per_hour: rate, gap_ms_max: 60_000, replaced: vec![] };
        let part = |from: i64, to: i64| {
            let start = samples.partition_point(|s| s.0 <= from).saturating_sub(1);
            fold(samples[start..].iter().copied(), Interval::new(from, to), &rule, |_, _| Weight::exact(3, 7))
        };
        let (whole, left, right) = (part(0, 5_000_000), part(0, cut), part(cut, 5_000_000));
        prop_assert_eq!(left.amount.value + right.amount.value, whole.amount.value);
        prop_assert_eq!(left.standard_us.value + right.standard_us.value, whole.standard_us.value);
        for p in [&whole, &left, &right] {
            prop_assert!(p.amount.lower <= p.amount.value && p.amount.value <= p.amount.upper);
        }
    }
}

#[test]
fn a_day_later_the_answer_is_the_same() {
    let world = World::new(77, 1, None);
    let shifted = |origin: i64, date: &str| {
        let mut log = Log::starting(false, origin);
        log.run(&world, true, |tag, m| !(m + tag as usize * 3).is_multiple_of(37));
        let report = evaluate(&log.history(), &ReportRequest::for_dates(log.size(), date, date, None)).unwrap();
        let find = |s: Section| (s.machine == "press").then_some((s.states_ms, s.buckets_ms, s.lines, s.flags));
        report.shifts.into_iter().find_map(find).unwrap()
    };
    assert_eq!(shifted(MONDAY, "2026-03-02"), shifted(MONDAY + DAY, "2026-03-03"));
    assert_eq!(shifted(MONDAY, "2026-03-02"), shifted(MONDAY + 20 * DAY, "2026-03-22"));
}

#[test]
fn a_period_is_the_sum_of_its_halves() {
    let world = World::new(78, 6, None);
    let mut log = Log::new(false);
    log.run(&world, true, |tag, m| !(m * 11 + tag as usize).is_multiple_of(53));
    let history = log.history();
    let of = |from: &str, to: &str| {
        let report = evaluate(&history, &ReportRequest::for_dates(log.size(), from, to, None)).unwrap();
        report.periods.into_iter().filter(|p| p.machine != "*").collect::<Vec<_>>()
    };
    let (whole, left, right) =
        (of("2026-03-02", "2026-03-07"), of("2026-03-02", "2026-03-04"), of("2026-03-05", "2026-03-07"));
    for ((w, l), r) in whole.iter().zip(&left).zip(&right) {
        for (symbol, ms) in &w.buckets_ms {
            assert_eq!(*ms, l.buckets_ms[symbol] + r.buckets_ms[symbol], "{} {symbol}", w.machine);
        }
        for id in ["oee.iso22400@1", "energy.active@1", "count.produced@1"] {
            let Some(line) = w.line(id) else { continue };
            let n = |s: &Section| s.line(id).and_then(|l| l.numerator.clone()).unwrap().parse::<i128>().unwrap();
            assert_eq!(line.numerator.as_deref().unwrap().parse::<i128>().unwrap(), n(l) + n(r), "{} {id}", w.machine);
        }
    }
}
