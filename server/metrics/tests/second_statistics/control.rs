//! Control charts and capability against numpy and scipy.
//!
//! The constants are compared with what the distribution of the range gives when it is integrated: printed tables round d2 and d3 to
//! three decimals first, so their A2, D3 and D4 may be one thousandth off, and indices that use d2 half a thousandth.

use metrics::exact::Rational;
use metrics::quality::capability::{Index, of_points};
use metrics::quality::constants::delivered;
use metrics::quality::control::limits;
use metrics::quality::measured::Measurement;
use metrics::quality::points;
use metrics::quality::specification::{Sampling, SpecificationLimits};
use serde::Deserialize;

#[derive(Deserialize)]
pub(crate) struct Control {
    constants: Vec<Constant>,
    charts: Vec<Chart>,
}

#[derive(Deserialize)]
struct Constant {
    n: usize,
    d2: f64,
    d3: f64,
}

#[derive(Deserialize)]
struct Chart {
    size: usize,
    thousandths: Vec<Vec<i64>>,
    mean: f64,
    mean_range: f64,
    deviation: f64,
}

fn float(r: Rational) -> f64 {
    r.digits(15).parse().unwrap()
}

fn index(i: Index) -> f64 {
    i.digits(15).unwrap().parse().unwrap()
}

#[test]
fn constants_come_from_the_distribution_of_the_range() {
    let Some(answers) = super::answers() else { return };
    let table = delivered().unwrap();
    assert_eq!(answers.control.constants.len(), 9);
    for Constant { n, d2, d3 } in &answers.control.constants {
        let c = table.subgroups_of(*n).unwrap();
        assert!((float(c.d2) - d2).abs() <= 0.000_5, "d2 of {n}: {d2}");
        assert!((float(c.a2) - 3.0 / (d2 * (*n as f64).sqrt())).abs() <= 0.001, "A2 of {n}");
        assert!((float(c.d3) - (1.0 - 3.0 * d3 / d2).max(0.0)).abs() <= 0.001, "D3 of {n}");
        assert!((float(c.d4) - (1.0 + 3.0 * d3 / d2)).abs() <= 0.001, "D4 of {n}");
    }
    let (i, two) = (table.individuals(), &answers.control.constants[0]);
    assert!((float(i.a2) - 3.0 / two.d2).abs() <= 0.002 && i.d2 == table.subgroups_of(2).unwrap().d2, "E2");
}

#[test]
fn charts_and_capability_agree_with_numpy() {
    let Some(answers) = super::answers() else { return };
    let table = delivered().unwrap();
    for chart in &answers.control.charts {
        let sampling = match chart.size {
            1 => Sampling::Individuals,
            size => Sampling::Subgroups { size, interval_ms: 3_600_000 },
        };
        let mut measured = Vec::new();
        for (hour, group) in chart.thousandths.iter().enumerate() {
            for (i, stored) in group.iter().enumerate() {
                let value = Rational::new((*stored).into(), 1000).unwrap();
                let at_ms = hour as i64 * 3_600_000 + i as i64 * 1000;
                measured.push(Measurement { at_ms, value, leaf: 0, missed_until_ms: None });
            }
        }
        let made = points::of(&measured, sampling).unwrap();
        let constants = if chart.size == 1 { table.individuals() } else { table.subgroups_of(chart.size).unwrap() };
        let control = limits(&made.points, constants).unwrap();
        let what = |name: &str| format!("{name}, subgroups of {}", chart.size);
        super::near(&what("mean"), float(control.location.centre), chart.mean, 1e-12);
        super::near(&what("mean range"), float(control.range.centre), chart.mean_range, 1e-12);
        let (low, high) = (19.93, 20.05);
        let specified = SpecificationLimits { lsl: Rational::parse("19.93"), usl: Rational::parse("20.05") };
        let c = of_points(&made.points, measured.iter().map(|m| m.value), &specified, constants);
        super::near(&what("Pp"), index(c.pp.unwrap()), (high - low) / (6.0 * chart.deviation), 1e-9);
        let nearest = (high - chart.mean).min(chart.mean - low);
        super::near(&what("Ppk"), index(c.ppk.unwrap()), nearest / (3.0 * chart.deviation), 1e-9);
        // σ within by the exact d2 of the range's distribution.
        let d2 = answers.control.constants.iter().find(|k| k.n == chart.size.max(2)).unwrap().d2;
        let sigma = chart.mean_range / d2;
        super::near(&what("σ"), float(c.within.unwrap()), sigma, 5e-4);
        super::near(&what("Cp"), index(c.cp.unwrap()), (high - low) / (6.0 * sigma), 5e-4);
        super::near(&what("Cpk"), index(c.cpk.unwrap()), nearest / (3.0 * sigma), 5e-4);
        let root = (chart.size as f64).sqrt();
        super::near(&what("upper limit"), float(control.location.upper), chart.mean + 3.0 * sigma / root, 1e-5);
        super::near(&what("lower limit"), float(control.location.lower), chart.mean - 3.0 * sigma / root, 1e-5);
    }
}
