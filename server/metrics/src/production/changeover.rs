//! 换线时间: from the last good item of one product to the first good item of the next (reference §5 row 19, TV-06).
//!
//! Constraints
//! 1. The time is last good A → first good B, planned stops inside taken off; trial and scrap in between belong to it.
//! 2. The part in which the machine stood is shown beside it: until the machine restarts for B, planned stops taken off.
//! 3. Without an order signal a change of programme or recipe marks the change. A change without a good item on either side,
//!    or back to the same product, is not measured.

use crate::counter::{Bounded, RegisterRule, Weight, fold};
use crate::exact::Rational;
use crate::facts::Counted;
use crate::interval::{Interval, overlap_ms, subtract, total_ms};
use crate::production::cycle::quantile;

/// One changeover.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changeover {
    /// Product before, as its signal showed it.
    pub from: String,
    /// Product after.
    pub to: String,
    /// Last good item of the old product, first good item of the new one, UTC milliseconds.
    pub span: Interval,
    /// 换线时间: the span without planned stops, milliseconds.
    pub changeover_ms: i64,
    /// The part before the machine restarted, without planned stops, milliseconds; `None` without a state.
    pub stopped_ms: Option<i64>,
}

/// Measures one changeover. `stops` is the sorted set of planned stops; `restart_ms` the first running for the new product.
pub fn measure(span: Interval, stops: &[Interval], restart_ms: Option<i64>) -> (i64, Option<i64>) {
    let net = |i: Interval| i.length_ms() - overlap_ms(&[i], stops);
    let stopped =
        restart_ms.map(|at| net(Interval::new(span.from_ms, at.clamp(span.from_ms, span.to_ms.max(span.from_ms)))));
    (net(span), stopped)
}

/// Finds changeovers. `products` are (from when, product) in order, `good` the instants of good items in order, `running` the
/// sorted set of stretches of RUN (`None` without a state), `stops` the sorted set of planned stops.
pub fn find(
    products: &[(i64, String)],
    good: &[i64],
    running: Option<&[Interval]>,
    stops: &[Interval],
) -> Vec<Changeover> {
    let mut out = Vec::new();
    // The last product under which a good item was made, and when.
    let mut last: Option<(&str, i64)> = None;
    let ends = products.iter().skip(1).map(|p| p.0).chain(std::iter::once(i64::MAX));
    for ((from_ms, product), to_ms) in products.iter().zip(ends) {
        let begin = good.partition_point(|g| g < from_ms);
        let end = good.partition_point(|g| *g < to_ms);
        let made = good.get(begin..end).unwrap_or_default();
        let (Some(first), Some(final_)) = (made.first(), made.last()) else { continue };
        if let Some((old, at)) = last
            && old != product
        {
            let span = Interval::new(at, *first);
            let restart = running.and_then(|r| restart(span, *from_ms, r));
            let (changeover_ms, stopped_ms) = measure(span, stops, restart);
            out.push(Changeover { from: old.to_owned(), to: product.clone(), span, changeover_ms, stopped_ms });
        }
        last = Some((product, *final_));
    }
    out
}

/// The first instant of running for the new product inside the span: running that still goes on when the product changes
/// counts from the change.
fn restart(span: Interval, changed_ms: i64, running: &[Interval]) -> Option<i64> {
    let after = Interval::new(changed_ms.max(span.from_ms), span.to_ms);
    let stood = subtract(after, running);
    let begins =
        if stood.first().is_some_and(|s| s.from_ms == after.from_ms) { stood.first()?.to_ms } else { after.from_ms };
    (total_ms(&stood) < after.length_ms() || begins == span.to_ms).then_some(begins)
}

/// Start-up scrap: what the reject counter counted between the last good item of the old product and the first good one of
/// the new, with its planned time. Part of PQ and SQ, flagged, and a loss of its own in the waterfall.
pub fn startup_scrap(
    rejects: &[(i64, i64)],
    changeovers: &[Changeover],
    rule: &RegisterRule,
    weight: Weight,
) -> Counted {
    let mut out = Counted::default();
    for c in changeovers {
        let begin = rejects.partition_point(|(ms, _)| *ms <= c.span.from_ms).saturating_sub(1);
        let near = rejects.get(begin..).unwrap_or_default().iter().copied();
        let passed = fold(near, c.span, rule, |_, _| weight);
        let millionths = Bounded::exact(1_000_000);
        out.items.add(passed.amount.times(millionths));
        out.standard.add(passed.standard_us.times(millionths));
    }
    out
}

/// Count, mean and 90th percentile of changeover times, milliseconds. `None` without any.
pub fn summary(times_ms: &[i64]) -> Option<(usize, Rational, Rational)> {
    let mut sorted = times_ms.to_vec();
    sorted.sort_unstable();
    let sum: i128 = sorted.iter().map(|t| i128::from(*t)).sum();
    Some((sorted.len(), Rational::new(sum, sorted.len() as i128)?, quantile(&sorted, 9, 10)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_found_between_good_items() {
        let product = |ms: i64, name: &str| (ms, name.to_owned());
        let products =
            [product(0, "A"), product(1_000, "trial"), product(1_500, "B"), product(5_000, "B"), product(6_000, "A")];
        let good = [100, 900, 2_000, 4_900, 5_100, 7_000];
        let running = [Interval::new(0, 950), Interval::new(1_600, 6_100), Interval::new(6_800, 8_000)];
        let stops = [Interval::new(1_000, 1_200)];
        let all = find(&products, &good, Some(&running), &stops);
        assert_eq!(all.len(), 2, "the trial made nothing good, and B to B is no change");
        assert_eq!((all[0].span, all[0].changeover_ms, all[0].stopped_ms), (Interval::new(900, 2_000), 900, Some(500)));
        assert_eq!((all[1].from.as_str(), all[1].to.as_str()), ("B", "A"));
        assert_eq!((all[1].changeover_ms, all[1].stopped_ms), (1_900, Some(900)), "running on after the change");
        let (n, mean, p90) = summary(&[all[0].changeover_ms, all[1].changeover_ms]).unwrap();
        assert_eq!((n, mean.digits(0), p90.digits(0)), (2, "1400".to_owned(), "1800".to_owned()));
        assert_eq!(find(&products, &good, None, &stops)[0].stopped_ms, None);
        assert_eq!(summary(&[]), None);
        // Two rejects of trial and start-up, one while B ran.
        let rejects = [(0, 7), (800, 7), (1_400, 8), (1_900, 9), (2_500, 10), (8_000, 10)];
        let scrap = startup_scrap(&rejects, &all[..1], &RegisterRule::default(), Weight::exact(1, 30));
        assert_eq!((scrap.items.value, scrap.standard.value), (2_000_000, 60_000_000));
        assert!(scrap.items.lower <= 2_000_000 && scrap.items.upper >= 2_000_000);
    }
}
