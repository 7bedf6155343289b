//! The statistics against independent implementations, on the very same floats: statsmodels and scipy for least squares, quantiles
//! and intervals; arch for the bootstrap; OpenEEmeter for savings on the sample meters it ships. Where the other side defines
//! something else, the difference is taken apart into its factors, and the factors are asserted.
//!
//! `tests/second_reader/statistics.py` prints cases and answers. It needs Python modules that `cargo xtask test` installs into an
//! environment of its own and names in `GZ_STATISTICS_PYTHON`. Where there are none the test says so and checks nothing; under CI
//! that is a failure.

#[path = "second_statistics/control.rs"]
mod control;

use std::process::Command;
use std::sync::OnceLock;

use metrics::baseline::{Cadence, Driver, DriverKind, Model, Point, uncertainty};
use metrics::change::{self, Block, Method, Shift, Validity};
use metrics::statistics::newcombe::{Proportion, compare};
use metrics::statistics::student::{Confidence, normal_quantile, t_quantile};
use metrics::statistics::{Number, quantile, resample, series, sum};
use serde::Deserialize;

#[derive(Deserialize)]
struct Answers {
    versions: std::collections::BTreeMap<String, String>,
    least_squares: Vec<LeastSquares>,
    quantiles: Quantiles,
    proportions: Vec<Proportions>,
    bootstrap: Bootstrap,
    metered: Vec<Metered>,
    control: control::Control,
}

#[derive(Deserialize)]
struct LeastSquares {
    drivers: Vec<Vec<f64>>,
    energy: Vec<f64>,
    after_drivers: Vec<Vec<f64>>,
    after_energy: Vec<f64>,
    params: Vec<f64>,
    bse: Vec<f64>,
    tvalues: Vec<f64>,
    ssr: f64,
    rsquared: f64,
    rsquared_adj: f64,
    durbin_watson: f64,
    acf1: f64,
    adjusted: f64,
    variance: f64,
}

#[derive(Deserialize)]
struct Quantiles {
    student: Vec<(u16, u32, f64)>,
    normal: Vec<(u16, f64)>,
    samples: Vec<Sample>,
}

#[derive(Deserialize)]
struct Sample {
    values: Vec<f64>,
    ps: Vec<f64>,
    quantiles: Vec<f64>,
}

#[derive(Deserialize)]
struct Proportions {
    before: (u64, u64),
    after: (u64, u64),
    parts: u16,
    newcombe: (f64, f64),
    wilson: (f64, f64),
}

#[derive(Deserialize)]
struct Bootstrap {
    intervals: Vec<Interval>,
    paired: Vec<Paired>,
    lengths: Vec<Length>,
}

#[derive(Deserialize)]
struct Interval {
    before: Vec<(i64, i64)>,
    after: Vec<(i64, i64)>,
    block: usize,
    seed: u64,
    replicates: Vec<f64>,
    interval: (f64, f64),
    independent_interval: (f64, f64),
    independent_deviation: f64,
}

#[derive(Deserialize)]
struct Paired {
    reference: Vec<(i64, i64)>,
    own: Vec<(i64, i64)>,
    block: usize,
    seed: u64,
    replicates: Vec<f64>,
    interval: (f64, f64),
}

#[derive(Deserialize)]
struct Length {
    values: Vec<f64>,
    circular: f64,
}

#[derive(Deserialize)]
struct Metered {
    sample: String,
    columns: Vec<String>,
    days: Vec<i64>,
    drivers: Vec<Vec<f64>>,
    energy: Vec<f64>,
    after_days: Vec<i64>,
    after_drivers: Vec<Vec<f64>>,
    after_energy: Vec<f64>,
    intercept: f64,
    betas: Vec<f64>,
    r_squared_adj: f64,
    counterfactual: f64,
    savings: f64,
    points: usize,
    observed_length: usize,
    observed_mean: f64,
    rmse_adj: f64,
    autocorr_resid: f64,
    n_prime: f64,
    fsu_band: f64,
    ols_band: f64,
    ols_noise: f64,
    ols_model: f64,
}

/// Asks once for all tests of this file.
fn answers() -> Option<&'static Answers> {
    static ANSWERS: OnceLock<Option<Answers>> = OnceLock::new();
    ANSWERS.get_or_init(ask).as_ref()
}

fn ask() -> Option<Answers> {
    let python = std::env::var_os("GZ_STATISTICS_PYTHON").unwrap_or_else(|| "python3".into());
    let has = Command::new(&python).args(["-W", "ignore", "-c", "import statsmodels, scipy, arch, eemeter"]).output();
    if !has.is_ok_and(|out| out.status.success()) {
        let strict = std::env::var("CI").is_ok_and(|v| v == "true" || v == "1");
        assert!(!strict, "no Python with statsmodels, scipy, arch and eemeter; under CI nothing is skipped");
        println!("SKIPPED the second statistics: {python:?} has no statsmodels, scipy, arch and eemeter");
        return None;
    }
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/second_reader/statistics.py");
    let out = Command::new(&python).arg(script).output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let answers: Answers = serde_json::from_slice(&out.stdout).unwrap();
    println!("{:?}", answers.versions);
    Some(answers)
}

fn near(what: &str, ours: f64, theirs: f64, relative: f64) {
    let error = (ours - theirs).abs();
    assert!(error <= relative * theirs.abs().max(1e-300), "{what}: ours {ours:e}, theirs {theirs:e}");
}

fn value(n: Number) -> f64 {
    n.get().unwrap()
}

fn drivers(count: usize) -> Vec<Driver> {
    let driver = |j| Driver { id: format!("x{j}"), unit: "1".to_owned(), kind: DriverKind::Production };
    (0..count).map(driver).collect()
}

fn points(periods: impl Iterator<Item = i64>, columns: &[Vec<f64>], energy: &[f64]) -> Vec<Point> {
    let point = |(k, (period, energy)): (usize, (i64, &f64))| Point {
        period,
        energy: *energy,
        drivers: columns.iter().map(|c| c[k]).collect(),
        is_off: true,
    };
    periods.zip(energy).enumerate().map(point).collect()
}

#[test]
fn least_squares_agree_with_statsmodels() {
    let Some(answers) = answers() else { return };
    assert!(answers.least_squares.len() >= 5);
    for (k, case) in answers.least_squares.iter().enumerate() {
        let what = |name: &str| format!("case {k}, {name}");
        let model = Model::fit(&drivers(case.drivers.len()), &points(0.., &case.drivers, &case.energy)).unwrap();
        let s = model.statistics();
        for (j, c) in s.coefficients.iter().enumerate() {
            // The intercept may be small against what it is the difference of.
            let scale = case.bse[j] * 1e-8;
            assert!((value(c.value) - case.params[j]).abs() <= scale, "{}", what("coefficient"));
            near(&what("standard error"), value(c.standard_error), case.bse[j], 1e-8);
            assert!((value(c.t) - case.tvalues[j]).abs() <= 1e-8 * (1.0 + case.tvalues[j].abs()), "{}", what("t"));
        }
        near(&what("SSE"), value(s.sse), case.ssr, 1e-8);
        near(&what("R²"), value(s.r2), case.rsquared, 1e-9);
        near(&what("adjusted R²"), value(s.r2_adjusted), case.rsquared_adj, 1e-8);
        near(&what("Durbin–Watson"), value(s.durbin_watson), case.durbin_watson, 1e-8);
        // With an intercept residuals have mean zero: statsmodels' centred autocorrelation is the uncentred one.
        assert!((value(s.rho) - case.acf1).abs() < 1e-8, "{}", what("ρ"));
        let after = model.project(&points(1_000.., &case.after_drivers, &case.after_energy)).unwrap();
        near(&what("adjusted baseline"), after.adjusted, case.adjusted, 1e-9);
        let u = uncertainty(&model, &after, Cadence::Day, Confidence::P90);
        near(&what("U"), value(u.half_width_independent), value(u.t) * case.variance.sqrt(), 1e-7);
    }
}

#[test]
fn quantiles_agree_with_scipy_and_numpy() {
    let Some(answers) = answers() else { return };
    let q = &answers.quantiles;
    assert!(q.student.len() > 50 && q.samples.len() > 3);
    for (parts, df, t) in &q.student {
        near(&format!("t {parts} {df}"), t_quantile(Confidence::new(*parts).unwrap(), *df).unwrap(), *t, 1e-10);
    }
    for (parts, z) in &q.normal {
        near(&format!("z {parts}"), normal_quantile(Confidence::new(*parts).unwrap()), *z, 1e-12);
    }
    for sample in &q.samples {
        let ours = quantile::of(sample.values.clone(), &sample.ps).unwrap();
        for (a, b) in ours.iter().zip(&sample.quantiles) {
            assert!((a - b).abs() <= 1e-12, "{a} {b}");
        }
    }
}

#[test]
fn proportions_agree_with_statsmodels() {
    let Some(answers) = answers() else { return };
    assert!(answers.proportions.len() > 8);
    for case in &answers.proportions {
        let of = |(s, n): (u64, u64)| Proportion::new(s, n).unwrap();
        let confidence = Confidence::new(case.parts).unwrap();
        let ours = compare(of(case.before), of(case.after), confidence).unwrap().newcombe;
        let wilson = of(case.after).wilson(confidence);
        let pairs = [(ours, case.newcombe), (wilson, case.wilson)];
        for ((low, high), (l, h)) in pairs {
            assert!((low - l).abs() < 1e-12 && (high - h).abs() < 1e-12, "{:?} {:?}", case.before, case.after);
        }
    }
}

#[test]
fn the_bootstrap_agrees_with_arch() {
    let Some(answers) = answers() else { return };
    let b = &answers.bootstrap;
    assert!(b.intervals.len() >= 3 && b.lengths.len() >= 12);
    for case in &b.intervals {
        let pairs = |days: &[(i64, i64)]| -> Vec<resample::Pair> {
            days.iter().map(|(n, d)| (i128::from(*n), i128::from(*d))).collect()
        };
        let (before, after) = (pairs(&case.before), pairs(&case.after));
        // On the same starts arch draws the same days: equal replicate by replicate.
        let ours = resample::differences(&before, &after, case.block, case.replicates.len(), case.seed).unwrap();
        for (k, (a, b)) in ours.iter().zip(&case.replicates).enumerate() {
            assert!((a - b).abs() < 1e-15, "replicate {k}: {a} {b}");
        }
        let shifts = |units: &[resample::Pair]| -> Vec<Shift> {
            let shift = |(day, (num, den)): (i64, &resample::Pair)| Shift {
                day,
                numerator: *num,
                denominator: *den,
                validity: Validity::Valid,
            };
            (20_458..).zip(units).map(shift).collect()
        };
        let method = Method {
            seed: case.seed,
            replicates: case.replicates.len(),
            block: Block::Exactly(case.block),
            confidence: Confidence::P95,
        };
        let (low, high) = change::evaluate(&shifts(&before), &shifts(&after), &method).interval.unwrap();
        let (low, high) = (value(low), value(high));
        assert!((low - case.interval.0).abs() < 1e-13 && (high - case.interval.1).abs() < 1e-13);
        // On its own generator the ends differ by chance only. The standard error of a 2.5 % quantile of B normal values is
        // √(0.025·0.975/B)/φ(1.96) ≈ 2.67/√B deviations: 0.060 for our 2 000, 0.027 for its 10 000. Five of them.
        let chance = 5.0 * 0.066 * case.independent_deviation;
        let (l, h) = case.independent_interval;
        assert!((low - l).abs() < chance && (high - h).abs() < chance, "[{low}, {high}] against [{l}, {h}]");
    }
    // Two series of the same dates: arch draws one set of positions for both, as we do.
    assert!(b.paired.len() >= 3);
    for case in &b.paired {
        let pairs = |days: &[(i64, i64)]| -> Vec<resample::Pair> {
            days.iter().map(|(n, d)| (i128::from(*n), i128::from(*d))).collect()
        };
        let (reference, own) = (pairs(&case.reference), pairs(&case.own));
        let how = (case.block, case.replicates.len(), case.seed);
        let ours = resample::paired(&reference, &own, how, false).unwrap();
        for (k, (a, b)) in ours.iter().zip(&case.replicates).enumerate() {
            assert!((a - b).abs() < 1e-15, "paired replicate {k}: {a} {b}");
        }
        let change = metrics::compare::beside(&reference, &own, case.block, how.1, case.seed);
        let (low, high) = change.interval.unwrap();
        assert!((low - case.interval.0).abs() < 1e-13 && (high - case.interval.1).abs() < 1e-13);
    }
    for case in &b.lengths {
        near(
            &format!("block of {}", case.values.len()),
            series::politis_white(&case.values).unwrap(),
            case.circular,
            1e-9,
        );
    }
}

/// OpenEEmeter's daily models on the columns they chose. Coefficients, counterfactual and savings are equal. Its error bands are not
/// ours, and this is what they differ by:
///
/// 1. its `n − p` leaves the intercept out (CalTRACK 4.3.2.2), in s and in the degrees of freedom of t;
/// 2. its ρ is pandas' lagged Pearson correlation, and a negative one makes n' exceed n; ours is clamped;
/// 3. its FSU band multiplies by the *baseline's* measured energy where ASHRAE's ΔS/S, and we, take the adjusted baseline of the
///    reporting period;
/// 4. its OLS band widens the noise by n/n' and not the model, and puts the mean and variance of the *energy* where the drivers belong.
#[test]
fn savings_agree_with_eemeter_on_its_sample_meters() {
    let Some(answers) = answers() else { return };
    assert_eq!(answers.metered.len(), 2);
    for case in &answers.metered {
        let what = |name: &str| format!("{}: {name}", case.sample);
        let model =
            Model::fit(&drivers(case.columns.len()), &points(case.days.iter().copied(), &case.drivers, &case.energy))
                .unwrap();
        let s = model.statistics();
        let found: Vec<f64> = s.coefficients.iter().map(|c| value(c.value)).collect();
        near(&what("intercept"), found[0], case.intercept, 1e-9);
        for (ours, theirs) in found.iter().skip(1).zip(&case.betas) {
            near(&what("beta"), *ours, *theirs, 1e-9);
        }
        near(&what("adjusted R²"), value(s.r2_adjusted), case.r_squared_adj, 1e-9);
        let after = points(case.after_days.iter().copied(), &case.after_drivers, &case.after_energy);
        let projection = model.project(&after).unwrap();
        assert_eq!((s.points, projection.points), (case.observed_length, case.points));
        near(&what("counterfactual"), projection.adjusted, case.counterfactual, 1e-9);
        near(&what("savings"), projection.avoided, case.savings, 1e-8);

        let u = uncertainty(&model, &projection, Cadence::Day, Confidence::P90);
        let (n, m, k) = (s.points as f64, projection.points as f64, case.columns.len() as f64);
        // 1. Without the intercept.
        let s_theirs = (value(s.sse) / (n - k)).sqrt();
        near(&what("rmse_adj"), s_theirs, case.rmse_adj, 1e-9);
        let t_theirs = t_quantile(Confidence::P90, (s.points - case.columns.len()) as u32).unwrap();
        let degrees = t_theirs / value(u.t) * s_theirs / value(s.rmse);
        // 2. The correlation. Both are near each other, and n' is what it makes of it.
        let rho = case.autocorr_resid;
        assert!((value(s.rho) - rho).abs() < 0.02, "{}", what("ρ"));
        near(&what("n'"), n * (1.0 - rho) / (1.0 + rho), case.n_prime, 1e-9);
        let spread = |effective: f64| (n / effective * (1.0 + 2.0 / effective) / m).sqrt();
        let correlation = spread(case.n_prime) / spread(value(s.effective_points));
        // 3. The energy the fraction is of.
        near(&what("mean"), value(s.mean_energy), case.observed_mean, 1e-12);
        let energy = sum(case.energy.iter().copied()) / projection.adjusted;
        let ours = value(u.fsu_caltrack) * projection.avoided.abs();
        near(&what("FSU band"), ours * degrees * correlation * energy, case.fsu_band, 1e-9);
        // 4. The noise alone, then how far the whole is off.
        near(&what("OLS noise"), t_theirs * s_theirs * (m * n / case.n_prime).sqrt(), case.ols_noise, 1e-9);
        near(&what("OLS band"), case.ols_noise.hypot(case.ols_model), case.ols_band, 1e-9);
        let half = value(u.half_width);
        println!(
            "{}: FSU band ours {ours:.3}, theirs {:.3} = ours × {degrees:.4} (p) × {correlation:.4} (n') × {energy:.4} (energy); \
             exact U {half:.3}, their OLS band {:.3}",
            case.sample, case.fsu_band, case.ols_band
        );
        assert!((half / case.ols_band - 1.0).abs() < 0.15, "{}", what("U is of another size than the OLS band"));
    }
}
