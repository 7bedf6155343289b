//! What must hold for every set of batches.

use metrics::Interval;
use metrics::batch::results;
use metrics::batch::sums::Sums;
use metrics::batch::unit::Measure;
use metrics::facts::{Facts, Production};
use metrics::oee;
use metrics::report::evaluate_window;
use metrics::shift::Schedule;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::fixture::{HOUR, Log, MONDAY};

const PRODUCTS: [&str; 3] = ["a", "b", "unknown"];

#[derive(Debug, Clone)]
struct Made {
    product: usize,
    from_ms: i64,
    length_ms: i64,
    good: i64,
    rejected: Option<i64>,
    tonnes: bool,
}

impl Made {
    fn body(&self, number: usize) -> Value {
        let mut body = json!({
            "machine": "vat", "batch": format!("n{number}"), "product": PRODUCTS[self.product],
            "from_ms": MONDAY + self.from_ms, "to_ms": MONDAY + self.from_ms + self.length_ms,
            "unit": if self.tonnes { "t" } else { "kg" }, "good_micro": self.good,
        });
        if let Some(rejected) = self.rejected {
            body["rejected_micro"] = json!(rejected);
        }
        body
    }
}

fn made() -> impl Strategy<Value = Made> {
    let rejected = prop::option::of(0..5_000_000_i64);
    (0..3_usize, 0..40 * HOUR, 1..30 * HOUR, 0..2_000_000_000_i64, rejected, any::<bool>()).prop_map(
        |(product, from_ms, length_ms, good, rejected, tonnes)| Made {
            product,
            from_ms,
            length_ms,
            good,
            rejected,
            tonnes,
        },
    )
}

fn log(batches: &[(usize, Made)]) -> Log {
    let mut log = Log::new(false);
    log.declare("machine", json!({"machine": "vat", "names": {"zh": "罐", "en": "Vat"}, "signals": {}}));
    for (product, ms, kg) in [("a", 7_777_777, 1_003), ("b", 3_600_000, 333)] {
        log.declare("recipe", json!({"machine": "vat", "product": product, "standard_ms": ms, "output": {"micro": kg * 1_000_000, "unit": "kg"}}));
    }
    for (number, batch) in batches {
        log.declare("batch", batch.body(*number));
    }
    log
}

fn numbered(batches: &[Made]) -> Vec<(usize, Made)> {
    batches.iter().cloned().enumerate().collect()
}

fn window(log: &Log, from_ms: i64, to_ms: i64) -> Facts {
    let window = Interval::new(MONDAY + from_ms, MONDAY + to_ms);
    evaluate_window(&log.history(), "vat", window, &Schedule { scheduled: true, ..Schedule::default() }).facts
}

/// Values of the sums: bounds of a whole may be narrower than those of its parts.
fn values(p: &Production) -> [i128; 7] {
    let of = |c: &metrics::facts::Counted| [c.items.value, c.standard.value];
    let ([a, b], [c, d], [e, f]) = (of(&p.good), of(&p.rejected), of(&p.produced));
    [a, b, c, d, e, f, p.without_cycle_time]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// Two windows credit what one does, to the millionth, and all of time credits what was stated.
    #[test]
    fn splitting_adds_up_exactly(batches in prop::collection::vec(made(), 1..8), cut in 1..79 * HOUR) {
        let log = log(&numbered(&batches));
        let whole = window(&log, 0, 80 * HOUR);
        let mut parts = window(&log, 0, cut);
        parts.add(&window(&log, cut, 80 * HOUR));
        let (whole, parts) = (whole.production.unwrap(), parts.production.unwrap());
        prop_assert_eq!(values(&whole), values(&parts));
        let kg = |micro: i64, tonnes: bool| i128::from(micro) * if tonnes { 1000 } else { 1 };
        let good: i128 = batches.iter().map(|b| kg(b.good, b.tonnes)).sum();
        let rejected: i128 = batches.iter().map(|b| kg(b.rejected.unwrap_or(0), b.tonnes)).sum();
        prop_assert_eq!((whole.good.items.value, whole.produced.items.value), (good, good + rejected));
        prop_assert_eq!(whole.measure.symbol(), Some("kg"));
        prop_assert_eq!(whole.rejects_known, batches.iter().all(|b| b.rejected.is_some()));
        // Standard time by plain arithmetic, rounded once per amount.
        let standard = |b: &Made, micro: i128| {
            let (ms, kg) = [(7_777_777_i128, 1_003_i128), (3_600_000, 333), (0, 1)][b.product];
            (2 * micro * ms * 1_000_000_000 + kg * 1_000_000) / (2 * kg * 1_000_000)
        };
        let due: i128 = batches.iter().map(|b| standard(b, kg(b.good, b.tonnes))).sum();
        prop_assert_eq!(whole.good.standard.value, due);
    }

    /// Order of statements is nothing; results and gaps are shared out among windows, none twice.
    #[test]
    fn order_is_nothing_and_windows_share_batches(batches in prop::collection::vec(made(), 1..8), seed: u64, cut in 1..79 * HOUR) {
        let mut shuffled = numbered(&batches);
        let mut random = metrics::compare::SplitMix64::new(seed);
        for i in (1..shuffled.len()).rev() {
            shuffled.swap(i, (random.next_u64() % (i as u64 + 1)) as usize);
        }
        let (one, other) = (log(&numbered(&batches)), log(&shuffled));
        prop_assert_eq!(window(&one, 0, cut).production, window(&other, 0, cut).production);
        prop_assert_eq!(window(&one, 0, cut).flags, window(&other, 0, cut).flags);
        let of = |log: &Log, from: i64, to: i64| {
            results::evaluate(&log.history(), "vat", Interval::new(MONDAY + from, MONDAY + to), &[])
        };
        let whole = of(&one, 0, 80 * HOUR);
        prop_assert_eq!(whole.batches.len(), batches.len());
        prop_assert_eq!(whole.sums, of(&other, 0, 80 * HOUR).sums);
        let (left, right) = (of(&one, 0, cut), of(&one, cut, 80 * HOUR));
        prop_assert_eq!(whole.batches.len(), left.batches.len() + right.batches.len());
        prop_assert_eq!(whole.gaps.len(), left.gaps.len() + right.gaps.len());
        let mut sum: Sums = left.sums;
        sum.add(&right.sums);
        prop_assert_eq!(whole.sums, sum);
        for gap in &whole.gaps {
            prop_assert_eq!(gap.parts.net_ms() + i128::from(gap.parts.planned_ms), i128::from(gap.span.length_ms()));
        }
    }

    /// A plant of vats and presses is the sum of both: planned time adds, kilograms and pieces do not.
    #[test]
    fn machines_that_count_and_machines_that_weigh_add_up(batches in prop::collection::vec(made(), 1..5), good in 0_i128..1000, apt in 1_i64..1_000_000) {
        let mut vat = window(&log(&numbered(&batches)), 0, 80 * HOUR);
        vat.has_state = true;
        let standard = metrics::counter::Bounded::exact(good * 6_000_000_000_000);
        let counted = metrics::facts::Counted { items: metrics::counter::Bounded::exact(good * 1_000_000), standard };
        let mut press = Facts { has_state: true, ..Facts::default() };
        press.buckets.apt_ms = apt;
        press.production = Some(Production { good: counted, produced: counted, ..Production::default() });
        let mut plant = press.clone();
        plant.add(&vat);
        let p = plant.production.unwrap();
        prop_assert_eq!(p.measure, Measure::Mixed);
        prop_assert_eq!(p.good.standard.value, vat.production.unwrap().good.standard.value + standard.value);
        prop_assert_eq!(oee::items(&plant, |p| p.good.items), Err(oee::Undefined::MixedUnits));
        if vat.production.unwrap().without_cycle_time == 0 {
            let ms = |f: &Facts| i128::from(f.buckets.pbt_ms());
            prop_assert_eq!(oee::oee(&plant).unwrap().den, (ms(&vat) + ms(&press)) * 1000);
        }
    }
}
