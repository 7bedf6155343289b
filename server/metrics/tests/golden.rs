//! What is printed about before and after, byte for byte: canonical JSON of one evaluation of each kind, with a declined and a
//! withheld one among them. Run under emulation it shows that another processor prints the same.
//!
//! After a change that is meant, the bytes found are in the file the failure names; review them and put them in place.

use metrics::baseline::{Driver, DriverKind, Point};
use metrics::change::{self, Method, Shift, Validity};
use metrics::savings::{Adjustment, Correction, EventKind, Plan, SignConvention, Treatment, evaluate};
use metrics::statistics::newcombe::Proportion;
use metrics::statistics::resample::SplitMix64;
use metrics::statistics::student::Confidence;
use serde::Serialize;

fn assert_golden(name: &str, found: &impl Serialize) {
    let json = serde_json::to_value(found).unwrap();
    let mut bytes = protocol::canonical_json(&json).unwrap();
    bytes.push(b'\n');
    let golden = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::fs::read(&golden).ok().as_deref() != Some(bytes.as_slice()) {
        let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::write(&path, &bytes).unwrap();
        panic!("{} differs; what was found is in {}", golden.display(), path.display());
    }
}

fn event(id: &str, from: i64, to: i64, treatment: Treatment) -> Adjustment {
    let text = |s: &str| s.to_owned();
    Adjustment {
        id: text(id),
        from,
        to,
        kind: EventKind::MachineAdded,
        machines: vec![text("oven")],
        evidence: text("sha256:00"),
        proposer: text("energy-manager"),
        approver: text("auditor"),
        reason: text("第二台烘箱"),
        treatment,
    }
}

/// A year of days and a quarter after it: two products and heating, weekly rhythm, noise that follows itself.
fn daily() -> (Plan, Vec<Point>, Vec<Point>) {
    let mut random = SplitMix64::new(20_260_314);
    let mut noise = 0.0;
    let mut day = |period: i64, share: f64| {
        let mut any = |below: usize| random.below(below) as f64;
        let cold = libm::fabs(((period - 20_454) % 365) as f64 - 182.0) / 182.0;
        let drivers = vec![100.0 + any(80), 40.0 + any(30), 12.0 * cold + any(3)];
        noise = 0.5 * noise + any(41) - 20.0;
        let energy = share * (400.0 + 3.5 * drivers[0] + 6.25 * drivers[1] + 14.0 * drivers[2]) + noise;
        Point { period, energy, drivers, is_off: false }
    };
    let works = |period: &i64| (period + 3).rem_euclid(7) != 6;
    let before: Vec<Point> = (20_454..20_819).filter(works).map(|d| day(d, 1.0)).collect();
    let after: Vec<Point> = (20_830..20_930).filter(works).map(|d| day(d, 0.94)).collect();
    let driver = |id: &str, unit: &str, kind| Driver { id: id.to_owned(), unit: unit.to_owned(), kind };
    let plan = Plan {
        cadence: metrics::baseline::Cadence::Day,
        drivers: vec![
            driver("a", "pcs", DriverKind::Production),
            driver("b", "pcs", DriverKind::Production),
            driver("hdd18", "°C·d", DriverKind::Heating),
        ],
        confidence: Confidence::P90,
        convention: SignConvention::SavingNegative,
        adjustments: vec![
            event("nra-1", 20_840, 20_844, Treatment::Exclude),
            event("nra-2", 20_600, 20_640, Treatment::Indicator),
            event("nra-3", 20_850, 20_851, Treatment::Correct(vec![Correction { period: 20_850, energy: 12.5 }])),
        ],
    };
    (plan, before, after)
}

#[test]
fn savings_print_the_same_bytes() {
    let (mut plan, before, after) = daily();
    let savings = evaluate(&plan, &before, &after);
    assert!(savings.with.evaluation().is_some() && savings.without.evaluation().is_some());
    assert_golden("savings.json", &savings);
    plan.adjustments.push(event("nra-4", 20_860, 20_880, Treatment::Exclude));
    assert_golden("savings-declined.json", &evaluate(&plan, &before, &after).with);
}

#[test]
fn changes_print_the_same_bytes() {
    let mut random = SplitMix64::new(7);
    let mut weeks = |first: i64, weeks: i64, level: usize| -> Vec<Shift> {
        let shift = |day: i64| {
            let planned = if (day + 3).rem_euclid(7) == 6 { 0 } else { 430 * 60_000 };
            let good = (planned * (level + random.below(60))) / 1000;
            let validity = if random.below(20) == 0 { Validity::Usable } else { Validity::Valid };
            Shift { day, numerator: good as i128, denominator: planned as i128, validity }
        };
        (first..first + 7 * weeks).map(shift).collect()
    };
    let (before, after) = (weeks(20_458, 8, 560), weeks(20_550, 8, 610));
    assert_golden("change.json", &change::evaluate(&before, &after, &Method::with_seed(20_260_314)));
    assert_golden("change-withheld.json", &change::evaluate(&before[..21], &after, &Method::with_seed(1)));
    let of = |good, made| Proportion::new(good, made).unwrap();
    let quality = change::proportion(of(9_712, 10_000), of(9_760, 10_000), Confidence::P95).unwrap();
    assert_golden("proportion.json", &quality);
}
