//! What must hold for every input of the statistics, not only for the worked examples. Seeds of failures are committed under
//! `proptest-regressions/`.

use metrics::baseline::{Cadence, Driver, DriverKind, Model, Point, uncertainty};
use metrics::change::{self, Block, Method, Shift, Validity};
use metrics::statistics::newcombe::{Proportion, compare};
use metrics::statistics::student::{Confidence, t_central, t_quantile};
use metrics::statistics::{Number, ols, quantile, resample, series};
use proptest::prelude::*;

/// A driver column with some spread, and energies.
fn data() -> impl Strategy<Value = (Vec<f64>, Vec<f64>)> {
    (6_usize..60)
        .prop_flat_map(|n| (prop::collection::vec(0.0_f64..2_000.0, n), prop::collection::vec(0.0_f64..1e6, n)))
}

fn spread(values: &[f64]) -> f64 {
    let (low, high) = values.iter().fold((f64::MAX, f64::MIN), |(l, h), v| (l.min(*v), h.max(*v)));
    high - low
}

fn norm(values: &[f64]) -> f64 {
    values.iter().map(|v| v * v).sum::<f64>().sqrt()
}

fn points(first: i64, drivers: &[f64], energies: &[f64]) -> Vec<Point> {
    (first..)
        .zip(drivers.iter().zip(energies))
        .map(|(period, (p, e))| Point { period, energy: *e, drivers: vec![*p], is_off: false })
        .collect()
}

fn output() -> Vec<Driver> {
    vec![Driver { id: "output".to_owned(), unit: "t".to_owned(), kind: DriverKind::Production }]
}

fn units(seed: u64, n: usize) -> Vec<resample::Pair> {
    let mut random = resample::SplitMix64::new(seed);
    (0..n).map(|_| (random.below(430) as i128, 430)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    /// The defining property of least squares: what is left over has nothing in common with any column.
    #[test]
    fn residuals_are_orthogonal_to_the_columns((x, y) in data(), more in prop::collection::vec(0.0_f64..30.0, 60)) {
        prop_assume!(spread(&x) > 1.0);
        let columns = vec![vec![1.0; x.len()], x.clone(), more.into_iter().take(x.len()).collect::<Vec<f64>>()];
        let fit = match ols::fit(&columns, &y) {
            Ok(fit) => fit,
            // A third column that proptest shrank to a constant.
            Err(ols::OlsError::Dependent { column: 2 }) => return Ok(()),
            Err(other) => return Err(TestCaseError::fail(format!("{other}"))),
        };
        for column in &columns {
            let dot: f64 = column.iter().zip(&fit.residuals).map(|(a, e)| a * e).sum();
            prop_assert!(dot.abs() <= 1e-9 * norm(column) * norm(&y), "{dot}");
        }
        // No other coefficients leave less: a step along any column makes it worse.
        let sse: f64 = fit.residuals.iter().map(|e| e * e).sum();
        for (j, column) in columns.iter().enumerate() {
            let step = 1e-3 * (1.0 + fit.coefficients[j].abs());
            let worse: f64 = fit.residuals.iter().zip(column).map(|(e, a)| (e - step * a) * (e - step * a)).sum();
            prop_assert!(worse > sse);
        }
    }

    /// A constant added to the measured values moves the intercept and nothing else.
    #[test]
    fn a_constant_moves_only_the_intercept((x, y) in data(), constant in 1.0_f64..1e6_f64) {
        prop_assume!(spread(&x) > 1.0);
        let columns = [vec![1.0; x.len()], x];
        let shifted: Vec<f64> = y.iter().map(|v| v + constant).collect();
        let (a, b) = (ols::fit(&columns, &y).unwrap(), ols::fit(&columns, &shifted).unwrap());
        let size = norm(&shifted);
        prop_assert!((b.coefficients[0] - a.coefficients[0] - constant).abs() <= 1e-7 * size);
        prop_assert!((b.coefficients[1] - a.coefficients[1]).abs() <= 1e-8 * size);
        prop_assert!((a.s() - b.s()).abs() <= 1e-9 * size);
    }

    /// Another unit of the driver changes its coefficient and nothing that is stated.
    #[test]
    fn the_unit_of_a_driver_is_a_matter_of_taste((x, y) in data(), unit in prop::sample::select(vec![1e-3, 1e3, 1e6])) {
        prop_assume!(spread(&x) > 1.0 && norm(&y) > 1.0);
        let scaled: Vec<f64> = x.iter().map(|v| v * unit).collect();
        let both = [Model::fit(&output(), &points(0, &x, &y)), Model::fit(&output(), &points(0, &scaled, &y))];
        let [Ok(a), Ok(b)] = both else { return Err(TestCaseError::fail("not fitted")) };
        let near = |p: Number, q: Number| match (p.get(), q.get()) {
            (Ok(p), Ok(q)) => (p - q).abs() <= 1e-6 * (1.0 + p.abs()),
            (p, q) => p == q,
        };
        let (a, b) = (a.statistics(), b.statistics());
        prop_assert!(near(a.r2, b.r2) && near(a.cv_rmse, b.cv_rmse) && near(a.rho, b.rho), "{a:?} {b:?}");
        prop_assert!(near(a.coefficients[1].t, b.coefficients[1].t));
    }

    /// Splitting the reporting period and adding gives the whole; the interval of the whole is narrower than the parts' together.
    #[test]
    fn parts_of_the_reporting_period_add_up((x, y) in data(), (p, e) in data(), cut in 0.0_f64..1.0_f64) {
        prop_assume!(spread(&x) > 1.0);
        let Ok(model) = Model::fit(&output(), &points(0, &x, &y)) else { return Err(TestCaseError::fail("not fitted")) };
        let after = points(1_000, &p, &e);
        let at = 1 + (cut * (after.len() - 2) as f64) as usize;
        let whole = model.project(&after).unwrap();
        let (first, second) = (model.project(&after[..at]).unwrap(), model.project(&after[at..]).unwrap());
        let size = whole.adjusted.abs() + whole.actual + first.adjusted.abs();
        prop_assert!((first.avoided + second.avoided - whole.avoided).abs() <= 1e-9 * size);
        prop_assert!((first.adjusted + second.adjusted - whole.adjusted).abs() <= 1e-9 * size);
        prop_assert!((first.actual + second.actual - whole.actual).abs() <= 1e-9 * size);
        let half = |projection| uncertainty(&model, projection, Cadence::Month, Confidence::P90).half_width.get().unwrap();
        prop_assert!(half(&whole) <= (half(&first) + half(&second)) * (1.0 + 1e-12));
        let mut turned = after.clone();
        turned.reverse();
        prop_assert_eq!(model.project(&turned).unwrap(), whole);
    }

    /// More confidence is never a narrower interval; n' never exceeds n.
    #[test]
    fn confidence_widens(parts in 100_u16..9_900, df in 1_u32..400, rho in -1.5_f64..1.5_f64, n in 1_usize..1000) {
        let (less, more) = (Confidence::new(parts).unwrap(), Confidence::new(parts + 99).unwrap());
        let (narrow, wide) = (t_quantile(less, df).unwrap(), t_quantile(more, df).unwrap());
        prop_assert!(narrow < wide);
        prop_assert!((t_central(narrow, df) - less.fraction()).abs() < 1e-12);
        let effective = series::effective_points(n, rho);
        prop_assert!(effective > 0.0 && effective <= n as f64);
    }

    /// Newcombe's interval contains the difference and stays within −1…1; exchanging the sides mirrors it.
    #[test]
    fn newcombe_contains_the_difference(a in 0_u64..=1_000, b in 0_u64..=1_000, n in 1_u64..=1_000, m in 1_u64..=1_000) {
        let before = Proportion::new(a.min(n), n).unwrap();
        let after = Proportion::new(b.min(m), m).unwrap();
        let d = compare(before, after, Confidence::P95).unwrap();
        let (low, high) = d.newcombe;
        prop_assert!(-1.0 <= low && low <= d.difference && d.difference <= high && high <= 1.0, "{d:?}");
        let back = compare(after, before, Confidence::P95).unwrap();
        prop_assert_eq!(back.newcombe, (-high, -low));
        let (low, high) = after.wilson(Confidence::P95);
        prop_assert!(0.0 <= low && low <= after.share() && after.share() <= high && high <= 1.0);
    }

    /// A quantile rises with its probability and stays between the least and the greatest value.
    #[test]
    fn quantiles_rise(values in prop::collection::vec(-1e9_f64..1e9_f64, 1..200), p in 0.0_f64..=1.0_f64, q in 0.0_f64..=1.0_f64) {
        let (p, q) = if p <= q { (p, q) } else { (q, p) };
        let found = quantile::of(values.clone(), &[0.0, p, q, 1.0]).unwrap();
        // Interpolation rounds: one unit in the last place may be lost between equal neighbours.
        prop_assert!(found.windows(2).all(|w| w[0] <= w[1] + 1e-6), "{found:?}");
        prop_assert_eq!(found[0], values.iter().copied().fold(f64::MAX, f64::min));
        prop_assert_eq!(found[3], values.iter().copied().fold(f64::MIN, f64::max));
    }

    /// The same seed draws the same bytes; the samples stay within what the days can give.
    #[test]
    fn a_seed_repeats_the_bootstrap(seed: u64, n in 20_usize..60, m in 20_usize..60, block in 1_usize..10) {
        let (before, after) = (units(seed, n), units(seed ^ 1, m));
        let draw = || resample::differences(&before, &after, block, 200, seed).unwrap();
        let (one, two) = (draw(), draw());
        prop_assert!(one.iter().zip(&two).all(|(a, b)| a.to_bits() == b.to_bits()));
        prop_assert!(one.iter().all(|d| (-1.0..=1.0).contains(d)));
        let shifts = |u: &[resample::Pair]| -> Vec<Shift> {
            (100..).zip(u).map(|(day, (numerator, denominator))| Shift { day, numerator: *numerator, denominator: *denominator, validity: Validity::Valid }).collect()
        };
        let method = Method { seed, replicates: 2_000, block: Block::Exactly(block), confidence: Confidence::P95 };
        let text = || serde_json::to_string(&change::evaluate(&shifts(&before), &shifts(&after), &method)).unwrap();
        prop_assert_eq!(text(), text());
    }

    /// A sample of blocks has the days of the series, each as often as any other in the long run: its mean is the series' mean.
    #[test]
    fn circular_blocks_favour_no_day(seed: u64, n in 5_usize..30, block in 1_usize..8) {
        let series = units(seed, n);
        let mut random = resample::SplitMix64::new(seed ^ 7);
        let rounds = 4_000_i128;
        let drawn: i128 = (0..rounds).map(|_| resample::sample(&series, block, &mut random).0).sum();
        let wanted = resample::total(&series).0 * rounds;
        // Six standard errors of a mean of blocks of values below 430.
        let error = 6.0 * 430.0 * (block as f64 * n as f64 * rounds as f64).sqrt();
        prop_assert!(((drawn - wanted) as f64).abs() < error, "{drawn} {wanted}");
    }

    /// Printed digits read back as the number, to twelve of them.
    #[test]
    fn digits_read_back(mantissa in -1.0_f64..1.0_f64, exponent in -10_i32..21) {
        let value = mantissa * 10_f64.powi(exponent);
        let text = Number::new(value).digits().unwrap();
        let back: f64 = text.parse().unwrap();
        prop_assert!((back - value).abs() <= 6e-13 * 10_f64.powi((value.abs().log10().floor() as i32 + 1).max(0)) , "{value:e} {text}");
        prop_assert!(!text.contains('e') && text != "-0" && !text.ends_with('.'));
    }
}
