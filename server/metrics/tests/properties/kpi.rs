//! What must hold for losses, variants, lines, tariffs and demand, whatever the machine did.

use metrics::Interval;
use metrics::buckets::Context;
use metrics::counter::{Bounded, RegisterRule};
use metrics::energy::demand::{DemandRule, Load, maximum};
use metrics::energy::electrical::by_state;
use metrics::energy::tariff::Tariff;
use metrics::facts::{Counted, Facts, Production};
use metrics::interval::union;
use metrics::kpi::iso::{self, Defects};
use metrics::kpi::line::{Station, evaluate};
use metrics::kpi::losses::{Losses, StopRule, mark, of, sum, waterfall};
use metrics::kpi::variants;
use metrics::oee::{self, Value};
use metrics::report::evaluate_window;
use metrics::shift::Schedule;
use metrics::state::{MachineState, StateInterval};
use metrics::timeline::{Cadence, tile};
use proptest::prelude::*;

use crate::fixture::{ITEM_US, Log, MONDAY, World};

const POLL: i64 = 10_000;
const HOUR: i64 = 3_600_000;
const WINDOW: i64 = 4 * HOUR;

/// The losses of an evaluated log against plain counting of the minutes they were made from.
#[test]
fn the_losses_of_a_log_are_what_the_machine_did() {
    let world = World::new(20_261_122, 1, None);
    let mut log = Log::new(false);
    log.run(&world, false, |_, _| true);
    let window = Interval::new(MONDAY + 8 * HOUR, MONDAY + 20 * HOUR);
    let schedule = Schedule { scheduled: true, ..Schedule::default() };
    let evaluated = evaluate_window(&log.history(), "press", window, &schedule);
    let losses = of(&evaluated, true, StopRule::default());
    assert_eq!(losses.buckets, evaluated.facts.buckets);
    let codes: Vec<u64> = world.minutes[8 * 60..20 * 60].iter().map(|m| m.code).collect();
    let (mut minor, mut breakdown, mut other, mut powered) = (0, 0, 0, 0);
    for (i, code) in codes.iter().enumerate() {
        let is_run = |at: Option<usize>| at.and_then(|at| codes.get(at)) == Some(&4);
        // Limit two minutes: a stop is minor when it is one minute between two minutes of running.
        let alone = is_run(i.checked_sub(1)) && is_run(Some(i + 1));
        match code {
            2 | 6 if alone => minor += 1,
            6 => breakdown += 1,
            2 => other += 1,
            _ => {}
        }
        powered += i64::from([2, 4, 5, 6].contains(code));
    }
    assert!(minor > 0 && breakdown > 0 && other > 0, "the world has every kind: {minor} {breakdown} {other}");
    let minutes = |ms: i64| ms / 60_000;
    assert_eq!(
        (minutes(losses.minor_ms), minutes(losses.breakdown_ms), minutes(losses.other_ms)),
        (minor, breakdown, other)
    );
    assert_eq!((minutes(losses.powered_ms), losses.waiting_ms), (powered, 0));
    let p = evaluated.facts.production.unwrap();
    let steps = waterfall(&losses, Some((&p, &Defects::default())));
    assert_eq!(steps.iter().map(|s| s.amount).sum::<i128>(), i128::from(window.length_ms()) * 1_000_000_000);
    let truth = world.truth(window.from_ms, window.to_ms);
    let effective = steps.iter().find(|s| s.id == "effective").unwrap().amount;
    assert_eq!(effective, i128::from(truth.good) * i128::from(ITEM_US) * 1_000_000);
}

/// A machine's states, one sample per polling period from the window's start to its end.
fn machine(stretches: &[(usize, i64)]) -> Vec<(i64, MachineState)> {
    let mut out = Vec::new();
    for (state, polls) in stretches.iter().cycle() {
        // RUN twice as likely as anything else, UNKNOWN never.
        let state = MachineState::ALL[[4, 1, 2, 3, 4, 5, 6, 7][*state]];
        for _ in 0..*polls {
            let ms = out.len() as i64 * POLL;
            out.push((ms, state));
            if ms >= WINDOW {
                return out;
            }
        }
    }
    out
}

fn intervals(parts: &[(i64, i64)]) -> Vec<Interval> {
    union(parts.iter().map(|(from, length)| Interval::new(*from, from + length)).collect())
}

fn tiled(samples: impl Iterator<Item = (i64, MachineState)>, window: Interval) -> Vec<StateInterval> {
    tile(samples, &[], Cadence::new(POLL), window)
}

fn losses(states: &[StateInterval], context: &Context) -> Losses {
    sum(&mark(states, context, StopRule::default()), context, StopRule::default(), Interval::new(0, WINDOW))
}

fn facts(losses: &Losses) -> Facts {
    Facts { has_state: true, buckets: losses.buckets, ..Facts::default() }
}

/// Is the true ratio between the bounds of the thin one?
fn holds(truth: Value, thin: Value) -> Result<(), String> {
    let (Ok(t), Ok(r)) = (&truth, &thin) else { return Ok(()) };
    let low = r.lower.0 * t.den <= t.num * r.lower.1;
    let high = r.upper.is_none_or(|u| t.num * u.1 <= u.0 * t.den);
    let inside = r.lower.0 * r.den <= r.num * r.lower.1 && r.upper.is_none_or(|u| r.num * u.1 <= u.0 * r.den);
    if low && high && inside { Ok(()) } else { Err(format!("truth {truth:?} outside {thin:?}")) }
}

fn made(items: i128) -> Production {
    let c = |n: i128| Counted { items: Bounded::exact(n * 1_000_000), standard: Bounded::exact(n * 9_000_000_000_000) };
    Production {
        produced: c(items),
        good: c(items - items / 10),
        rejected: c(items / 10),
        rejects_known: true,
        ..Production::default()
    }
}

/// `a` at night and in the evening, `b` from 06:00 to the given minute.
fn tariff_json(zone: &str, edge: i64) -> String {
    let edge = format!("{:02}:{:02}", edge / 60, edge % 60);
    serde_json::json!({"id": "t@1", "zone": zone, "versions": [{"from": "2026-01-01", "prices": {"a": "0.3", "b": "1.1"}, "days": [{
        "months": (1..=12).collect::<Vec<_>>(), "weekdays": (1..=7).collect::<Vec<_>>(),
        "periods": [{"from": "00:00", "to": "06:00", "name": "a"}, {"from": "06:00", "to": edge, "name": "b"}, {"from": edge, "to": "24:00", "name": "a"}]}]}]})
    .to_string()
}

fn stretches() -> impl Strategy<Value = Vec<(usize, i64)>> {
    prop::collection::vec((0_usize..8, 1_i64..40), 3..30)
}

fn parts() -> impl Strategy<Value = Vec<(i64, i64)>> {
    prop::collection::vec((0..WINDOW, 1_i64..2_000_000), 0..3)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

    /// The losses tile the window, refine the buckets, and parts add up to the whole at every cut.
    #[test]
    fn losses_tile_and_split(machine_did in stretches(), stops in parts(), orderless in parts(), scheduled: bool, cut in 1..WINDOW, items in 0_i128..3_000) {
        let context = Context { scheduled, stops: intervals(&stops), no_order: intervals(&orderless), ..Context::default() };
        let states = tiled(machine(&machine_did).into_iter().filter(|(ms, _)| ms / POLL % 97 < 80), Interval::new(0, WINDOW));
        let rule = StopRule::default();
        let marked = mark(&states, &context, rule);
        let whole = sum(&marked, &context, rule, Interval::new(0, WINDOW));
        let b = &whole.buckets;
        prop_assert_eq!(b.total_ms(), WINDOW);
        prop_assert_eq!(whole.breakdown_ms + whole.minor_ms + whole.waiting_ms + whole.other_ms, b.adet_ms);
        let mut halves = sum(&marked, &context, rule, Interval::new(0, cut));
        halves.add(&sum(&marked, &context, rule, Interval::new(cut, WINDOW)));
        prop_assert_eq!(halves, whole);
        let p = made(items);
        let d = Defects { startup: Counted { standard: Bounded::exact(p.rejected.standard.value / 3), ..Counted::default() }, ..Defects::default() };
        for steps in [waterfall(&whole, None), waterfall(&whole, Some((&p, &d)))] {
            prop_assert_eq!(steps.iter().map(|s| s.amount).sum::<i128>(), i128::from(WINDOW) * 1_000_000_000);
            prop_assert!(steps.iter().all(|s| s.amount >= 0 || s.id == "speed"));
        }
    }

    /// A line's OEE over several shifts is formed from sums: however the shifts are grouped, the same digits.
    #[test]
    fn a_line_is_a_ratio_of_sums(shifts in prop::collection::vec((1_i64..500, 1_i128..400, 1_i128..400), 2..8), at in 1_usize..7) {
        let facts = |pbt_min: i64, items: i128| {
            let mut f = Facts { has_state: true, production: Some(made(items)), ..Facts::default() };
            f.buckets.apt_ms = pbt_min * 60_000;
            f
        };
        let over = |range: &[(i64, i128, i128)]| {
            let mut both = (Facts::default(), Facts::default());
            for (pbt, a, b) in range {
                both.0.add(&facts(*pbt, *a));
                both.1.add(&facts(*pbt, *b));
            }
            both
        };
        let line = |(a, b): &(Facts, Facts)| {
            evaluate(&[Station { machine: "a", facts: a }, Station { machine: "b", facts: b }], Some("a")).unwrap()
        };
        let whole = over(&shifts);
        let at = at.min(shifts.len() - 1);
        let (mut left, right) = (over(&shifts[..at]), over(&shifts[at..]));
        left.0.add(&right.0);
        left.1.add(&right.1);
        prop_assert_eq!(line(&left), line(&whole));
        // And it is what plain sums give.
        let total = |pick: fn(&(i64, i128, i128)) -> i128| shifts.iter().map(pick).sum::<i128>();
        let (pbt, made_a, made_b) = (total(|s| s.0.into()), total(|s| s.1), total(|s| s.2));
        let good = |pick: fn(&(i64, i128, i128)) -> i128| shifts.iter().map(|s| pick(s) - pick(s) / 10).sum::<i128>();
        let factors = [(made_a * 9, pbt * 60), (good(|s| s.1), made_a), (good(|s| s.2), made_b)];
        prop_assert_eq!(line(&whole).digits(9), metrics::exact::product_digits(&factors, 9).unwrap());
    }

    /// Tariff periods add up to the total to the unit, and each is within a unit per piece of its exact share.
    #[test]
    fn tariff_periods_add_up(starts in prop::collection::vec((0_i64..40_000_000, 1_i64..90_000_000, 0_i128..1_000_000_000), 1..20), edge in 361_i64..1440) {
        // Clocks change in Berlin that night.
        let origin = "2026-03-28T12:00:00Z".parse::<jiff::Timestamp>().unwrap().as_millisecond();
        let pieces: Vec<(Interval, i128)> =
            starts.iter().map(|(at, n, e)| (Interval::new(origin + at, origin + at + n), *e)).collect();
        for zone in ["Asia/Shanghai", "Europe/Berlin"] {
            let tariff = Tariff::parse(&tariff_json(zone, edge)).unwrap();
            let all = tariff.allot(pieces.iter().copied()).unwrap();
            prop_assert_eq!(all.total(), starts.iter().map(|s| s.2).sum::<i128>());
            prop_assert!(all.energy.values().all(|e| *e >= 0));
        }
        // By hand, where the clock never changes: 06:00 to the edge is `b`, local time is UTC + 8 h.
        let tariff = Tariff::parse(&tariff_json("Asia/Shanghai", edge)).unwrap();
        for (interval, energy) in pieces {
            let midnight = (interval.from_ms + 8 * HOUR).div_euclid(24 * HOUR) * 24 * HOUR - 8 * HOUR;
            let windows: Vec<Interval> = (0..3)
                .map(|day| midnight + day * 24 * HOUR)
                .map(|m| Interval::new(m + 6 * HOUR, m + edge * 60_000))
                .collect();
            let inside: i64 = windows.iter().map(|w| w.intersect(&interval).length_ms()).sum();
            let got = tariff.allot([(interval, energy)]).unwrap().energy.get("b").copied().unwrap_or(0);
            let exact = energy * i128::from(inside);
            let length = i128::from(interval.length_ms());
            // Each of at most three pieces is rounded at both of its ends.
            prop_assert!((got * length - exact).abs() <= 3 * length, "{} of {} for {} ms of {}", got, energy, inside, length);
        }
    }

    /// Windows of demand add up, a sliding maximum is never below the block maximum, and energy by state adds up.
    #[test]
    fn demand_and_energy_by_state_add_up(energies in prop::collection::vec(0_i64..5_000_000, 30..120), machine_did in stretches()) {
        let minute = 60_000_i64;
        let load = Load::new(energies.iter().enumerate().map(|(i, e)| {
            (Interval::new(i as i64 * minute, (i as i64 + 1) * minute), i128::from(*e))
        }), minute);
        let end = energies.len() as i64 * minute;
        let total: i128 = energies.iter().map(|e| i128::from(*e)).sum();
        for cut in [1, minute - 1, minute, end / 2, end - 1] {
            let parts = load.within(Interval::new(0, cut)).unwrap() + load.within(Interval::new(cut, end)).unwrap();
            prop_assert_eq!(parts, total);
        }
        let block = maximum(&[&load], DemandRule::BLOCK, Interval::new(0, end)).unwrap();
        let sliding = maximum(&[&load], DemandRule::SLIDING, Interval::new(0, end)).unwrap();
        prop_assert!(sliding.micro_kwh >= block.micro_kwh);
        let mut register = 0;
        let samples: Vec<(i64, i64)> =
            std::iter::once((0, 0)).chain(energies.iter().enumerate().map(|(i, e)| { register += e; ((i as i64 + 1) * minute, register) })).collect();
        let states: Vec<StateInterval> = tiled(machine(&machine_did).into_iter(), Interval::new(0, end));
        let rule = RegisterRule { gap_ms_max: minute, ..RegisterRule::default() };
        let by = by_state(&samples, &states, &rule);
        prop_assert_eq!(by.total().value, total);
        prop_assert!(by.total().lower <= total && total <= by.total().upper);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10_000, ..ProptestConfig::default() })]

    /// Truth lies within the bounds when readings are deleted at random.
    #[test]
    fn truth_is_within_the_bounds_of_every_variant(
        machine_did in stretches(), stops in parts(), orderless in parts(),
        lost in prop::collection::vec((0..WINDOW, 1_i64..400_000), 0..12), every in 2_i64..50, items in 0_i128..3_000,
    ) {
        let context = Context { scheduled: true, stops: intervals(&stops), no_order: intervals(&orderless), ..Context::default() };
        let samples = machine(&machine_did);
        let whole = losses(&tiled(samples.iter().copied(), Interval::new(0, WINDOW)), &context);
        prop_assert_eq!((whole.buckets.unk_ms, whole.doubtful_minor_ms, whole.doubtful_stop_ms), (0, 0, 0));
        let lost = intervals(&lost);
        let kept = samples.iter().copied().filter(|(ms, _)| ms / POLL % every != 1 && !lost.iter().any(|l| l.contains(*ms)));
        let thin = losses(&tiled(kept, Interval::new(0, WINDOW)), &context);
        let p = made(items);
        let all: [(&str, fn(&Losses, &Production) -> Value); 10] = [
            ("UE", |l, _| iso::utilization_efficiency(&facts(l))),
            ("TE", |l, _| iso::technical_efficiency(&facts(l))),
            ("SR", |l, _| iso::setup_ratio(&facts(l))),
            ("A", |l, _| oee::availability(&facts(l))),
            ("TPM A", |l, _| variants::jipm_availability(l)),
            ("TPM E", variants::jipm_performance),
            ("TPM OEE", variants::jipm_oee),
            ("jiadong 2", |l, _| variants::jiadong_time_2(l)),
            ("jiadong 2 OEE", variants::jiadong_oee_2),
            ("power on", |l, _| variants::power_on(l)),
        ];
        for (name, value) in all {
            let (truth, thin) = (value(&whole, &p), value(&thin, &p));
            if let Ok(t) = truth {
                prop_assert_eq!((t.lower.0 * t.den, t.upper.map(|u| u.0 * t.den)), (t.num * t.lower.1, t.upper.map(|u| t.num * u.1)), "{} of a whole record is exact", name);
            }
            if let Err(why) = holds(truth, thin) {
                prop_assert!(false, "{}: {}", name, why);
            }
        }
    }
}
