//! What the baseline refuses, and what it says when statistics degenerate.

use super::*;
use crate::statistics::student::Confidence;

fn driver(id: &str, kind: DriverKind) -> Driver {
    Driver { id: id.to_owned(), unit: "t".to_owned(), kind }
}

fn point(period: i64, energy: f64, drivers: &[f64]) -> Point {
    Point { period, energy, drivers: drivers.to_vec(), is_off: false }
}

fn output() -> Vec<Driver> {
    vec![driver("output", DriverKind::Production)]
}

#[test]
fn what_cannot_be_fitted_says_where_and_why() {
    let fit = |points: &[Point]| Model::fit(&output(), points).map(|_| ()).map_err(|r| r.code());
    assert_eq!(fit(&[point(1, 5.0, &[1.0]), point(2, 6.0, &[2.0])]), Err("TOO_FEW_POINTS"));
    assert_eq!(fit(&[]), Err("TOO_FEW_POINTS"));
    let same: Vec<Point> = (0..5).map(|k| point(k, 5.0 + k as f64, &[7.1])).collect();
    let refused = Model::fit(&output(), &same).unwrap_err();
    assert_eq!(refused, Refusal::DependentDriver { driver: "output".to_owned() });
    assert!(refused.words().0.contains("output") && refused.to_string().contains("leave it out"));
    assert_eq!(fit(&[point(1, 5.0, &[1.0]), point(1, 6.0, &[2.0])]), Err("DOUBLED_PERIOD"));
    assert_eq!(fit(&[point(1, 5.0, &[])]), Err("DRIVER_COUNT"));
    for bad in [f64::NAN, f64::INFINITY, -1.0] {
        assert_eq!(fit(&[point(1, bad, &[1.0])]), Err("BAD_VALUE"));
        assert_eq!(fit(&[point(1, 1.0, &[bad])]), Err("BAD_VALUE"));
    }
    let many: Vec<Point> = (0..=POINTS_MAX as i64).map(|k| point(k, 1.0, &[1.0])).collect();
    assert_eq!(fit(&many), Err("TOO_LARGE"));
    let huge: Vec<Point> = (0..5).map(|k| point(k, 1e200, &[k as f64])).collect();
    assert_eq!(fit(&huge), Err("TOO_LARGE"));
}

#[test]
fn the_order_of_delivery_changes_nothing() {
    let points: Vec<Point> = (0..12)
        .map(|k| point(k, 100.0 + 3.0 * ((k * 7) % 12) as f64 + f64::from((k % 3) as i32), &[((k * 7) % 12) as f64]))
        .collect();
    let mut shuffled = points.clone();
    shuffled.rotate_left(5);
    shuffled.swap(0, 9);
    let (a, b) = (Model::fit(&output(), &points).unwrap(), Model::fit(&output(), &shuffled).unwrap());
    assert_eq!(a.statistics(), b.statistics());
    assert_eq!(a.project(&points), b.project(&shuffled));
}

#[test]
fn a_perfect_fit_and_a_flat_load_have_reasons_instead_of_numbers() {
    let line: Vec<Point> = (0..8).map(|k| point(k, 10.0 + 0.1 * k as f64, &[k as f64])).collect();
    let model = Model::fit(&output(), &line).unwrap();
    let s = model.statistics();
    assert_eq!((s.rho.get(), s.coefficients[1].t.get()), (Err(Undefined::PerfectFit), Err(Undefined::PerfectFit)));
    assert_eq!((s.rmse.get(), s.r2.get()), (Ok(0.0), Ok(1.0)));
    let u = uncertainty(&model, &model.project(&line).unwrap(), Cadence::Month, Confidence::P90);
    assert_eq!(u.half_width.get(), Ok(0.0));
    // A load that never changes is met by the intercept: R² is a share of nothing.
    let flat: Vec<Point> = (0..8).map(|k| point(k, 0.1, &[(k * k) as f64])).collect();
    let s = Model::fit(&output(), &flat).unwrap().statistics().clone();
    assert_eq!((s.r2.get(), s.r2_adjusted.get()), (Err(Undefined::NoVariation), Err(Undefined::NoVariation)));
    let zero: Vec<Point> = (0..8).map(|k| point(k, 0.0, &[(k * k) as f64])).collect();
    let s = Model::fit(&output(), &zero).unwrap().statistics().clone();
    assert_eq!(s.cv_rmse.get(), Err(Undefined::ZeroDenominator));
    let json = serde_json::to_string(&s).unwrap();
    assert!(json.contains("{\"undefined\":\"ZERO_DENOMINATOR\"}") && !json.contains("NaN") && !json.contains("null"));
}

#[test]
fn degree_days_and_several_products_are_columns() {
    // E = 40 + 2·a + 3·b + 0.5·HDD, with residuals orthogonal enough to leave the coefficients near.
    let drivers =
        [driver("a", DriverKind::Production), driver("b", DriverKind::Production), driver("hdd", DriverKind::Heating)];
    let points: Vec<Point> = (0..40_i64)
        .map(|k| {
            let (a, b, h) = (((k * 7) % 11) as f64, ((k * 5) % 13) as f64, ((k * 3) % 17) as f64);
            let noise = if k % 2 == 0 { 0.01 } else { -0.01 };
            point(k, 40.0 + 2.0 * a + 3.0 * b + 0.5 * h + noise, &[a, b, h])
        })
        .collect();
    let model = Model::fit(&drivers, &points).unwrap();
    let found: Vec<f64> = model.statistics().coefficients.iter().map(|c| c.value.get().unwrap()).collect();
    for (got, want) in found.iter().zip([40.0, 2.0, 3.0, 0.5]) {
        assert!((got - want).abs() < 0.01, "{found:?}");
    }
    assert!((model.predict(&point(0, 0.0, &[1.0, 1.0, 2.0])) - 46.0).abs() < 0.02);
    assert_eq!(model.statistics().parameters, 4);
    assert_eq!(model.project(&[]), Err(Refusal::NoReportingPoints));
}

#[test]
fn the_range_has_its_edges_inside_and_a_tenth_of_room() {
    let base: Vec<Point> = (0..5).map(|k| point(k, 10.0 + (k * k) as f64, &[760.0 + 85.0 * k as f64])).collect();
    let model = Model::fit(&output(), &base).unwrap();
    let asked = [
        (760.0, None),
        (1100.0, None),
        (1210.0, Some(false)),
        (1210.1, Some(true)),
        (684.0, Some(false)),
        (683.9, Some(true)),
    ];
    for (value, wanted) in asked {
        let found = model.range_findings(&[point(9, 5.0, &[value])]);
        assert_eq!(found.excursions.first().map(|e| e.is_extrapolated), wanted, "{value}");
        assert_eq!(found.is_too_far, wanted == Some(true), "one point is all the energy");
    }
    // 20 % of the energy exactly is allowed.
    let mix = |far: f64| model.range_findings(&[point(1, far, &[5000.0]), point(2, 80.0, &[800.0])]);
    assert!(!mix(20.0).is_too_far && mix(20.1).is_too_far);
    assert_eq!(mix(20.0).extrapolated_share.get(), Ok(0.2));
}
