//! What may be claimed, what is declined, and what non-routine events do.

use super::*;
use crate::baseline::DriverKind;

const JANUARY_2024: i64 = 54 * 12;
const OUTPUT: [f64; 12] = [820.0, 760.0, 905.0, 940.0, 1010.0, 980.0, 870.0, 890.0, 1045.0, 1100.0, 1020.0, 840.0];
/// Residuals that change sign: no autocorrelation to speak of.
const NOISE: [f64; 12] = [300.0, -450.0, 200.0, 500.0, -600.0, 100.0, -50.0, 400.0, -300.0, 150.0, -500.0, 250.0];

fn plan() -> Plan {
    Plan {
        cadence: Cadence::Month,
        drivers: vec![Driver { id: "output".to_owned(), unit: "t".to_owned(), kind: DriverKind::Production }],
        confidence: Confidence::P90,
        convention: SignConvention::default(),
        adjustments: Vec::new(),
    }
}

/// Twelve months of `share` × (44 000 + 90·output) plus noise.
fn year(first: i64, share: f64) -> Vec<Point> {
    (first..)
        .zip(OUTPUT.iter().zip(NOISE))
        .map(|(period, (p, e))| Point {
            period,
            energy: share * (44_000.0 + 90.0 * p) + e,
            drivers: vec![*p],
            is_off: false,
        })
        .collect()
}

fn event(id: &str, from: i64, to: i64, treatment: Treatment) -> Adjustment {
    Adjustment {
        id: id.to_owned(),
        from: JANUARY_2024 + from,
        to: JANUARY_2024 + to,
        kind: EventKind::PowerCut,
        machines: Vec::new(),
        evidence: "sha256:00".to_owned(),
        proposer: "energy-manager".to_owned(),
        approver: "auditor".to_owned(),
        reason: "feeder failed".to_owned(),
        treatment,
    }
}

fn run(plan: &Plan, share: f64) -> Savings {
    evaluate(plan, &year(JANUARY_2024, 1.0), &year(JANUARY_2024 + 12, share))
}

fn code(outcome: &Outcome) -> &'static str {
    outcome.refusal().map_or("evaluated", Refusal::code)
}

#[test]
fn the_verdict_follows_the_interval_and_the_words_name_the_confidence() {
    let of = |share: f64| run(&plan(), share).with.evaluation().unwrap().clone();
    let saved = of(0.9);
    assert_eq!((saved.verdict, saved.direction), (Verdict::Saved, Direction::Saved));
    assert_eq!(saved.verdict_zh, "节能（90% 置信）");
    assert_eq!(saved.verdict_en, "energy saved (90 % confidence)");
    let same = of(1.0);
    assert_eq!((same.verdict, same.verdict_zh.as_str()), (Verdict::NotSignificant, "统计上无显著变化"));
    let worse = of(1.1);
    assert_eq!((worse.verdict, worse.direction.words().0), (Verdict::Wasted, "费能"));
    assert!(worse.avoided.get().unwrap() < 0.0 && worse.fraction.get().unwrap() < 0.0);
    assert!(saved.headline().unwrap().lower.get().unwrap() > 0.0);
    assert!(saved.cautions.is_empty(), "{:?}", saved.cautions);
}

#[test]
fn the_sign_is_a_convention_and_the_word_is_not() {
    let mut gb = plan();
    gb.convention = SignConvention::SavingNegative;
    let (ours, theirs) = (run(&plan(), 0.9), run(&gb, 0.9));
    let (ours, theirs) = (ours.with.evaluation().unwrap(), theirs.with.evaluation().unwrap());
    assert_eq!(theirs.stated.get().unwrap(), -ours.stated.get().unwrap());
    assert_eq!((theirs.avoided, theirs.direction), (ours.avoided, ours.direction));
    assert_eq!(SignConvention::SavingNegative.signed(0.0).to_bits(), 0, "no negative zero");
}

#[test]
fn too_little_data_and_too_much_extrapolation_are_declined_with_the_model_shown() {
    let before = year(JANUARY_2024, 1.0);
    let after = year(JANUARY_2024 + 12, 0.9);
    assert_eq!(code(&evaluate(&plan(), &before[..11], &after).with), "BASELINE_TOO_SHORT");
    assert_eq!(code(&evaluate(&plan(), &before, &[]).with), "REPORTING_TOO_SHORT");
    let short = evaluate(&plan(), &before, &after[..3]);
    assert_eq!(code(&short.with), "evaluated");
    let cautions = &short.with.evaluation().unwrap().cautions;
    assert_eq!(cautions, &[Caution::ReportingUnderYear]);
    let mut daily = plan();
    daily.cadence = Cadence::Day;
    assert_eq!(code(&evaluate(&daily, &before, &after).with), "BASELINE_TOO_SHORT", "60 days, not 12");
    let mut far = after.clone();
    for p in far.iter_mut().take(3) {
        p.drivers[0] = 1300.0;
    }
    let declined = evaluate(&plan(), &before, &far).with;
    let Outcome::Declined(d) = &declined else { panic!("{declined:?}") };
    assert_eq!(d.refusal, Refusal::Extrapolated);
    assert!(d.model.is_some() && d.ranges.as_ref().is_some_and(|r| r.excursions.len() == 3));
    let one = evaluate(&plan(), &before, &[&far[..1], &after[1..]].concat()).with;
    let cautions = &one.evaluation().unwrap().cautions;
    assert_eq!(cautions, &[Caution::OutsideRange, Caution::Extrapolated], "a twelfth is shown, not declined");
}

#[test]
fn a_driver_that_says_nothing_or_pulls_the_wrong_way_makes_no_claim() {
    let turned = |points: Vec<Point>| -> Vec<Point> {
        points.into_iter().map(|p| Point { drivers: vec![2000.0 - p.drivers[0]], ..p }).collect()
    };
    let outcome = evaluate(&plan(), &turned(year(JANUARY_2024, 1.0)), &turned(year(JANUARY_2024 + 12, 0.9))).with;
    let e = outcome.evaluation().unwrap();
    let missed: Vec<&str> = e.checks.iter().filter(|c| c.is_met == Some(false)).map(|c| c.id.as_str()).collect();
    assert_eq!((missed.as_slice(), e.verdict), (["SIGN:output"].as_slice(), Verdict::NotAccepted));
    assert!(e.avoided.get().is_ok(), "the number is shown all the same");
    // A wide scatter: the coefficient is not told from zero, and the variation exceeds a fifth of the mean.
    let wild: Vec<Point> = year(JANUARY_2024, 1.0)
        .into_iter()
        .enumerate()
        .map(|(k, p)| Point { energy: if k % 2 == 0 { 60_000.0 } else { 180_000.0 }, ..p })
        .collect();
    let outcome = evaluate(&plan(), &wild, &year(JANUARY_2024 + 12, 0.2)).with;
    let e = outcome.evaluation().unwrap();
    let met = |id: &str| e.checks.iter().find(|c| c.id == id).unwrap().is_met;
    assert_eq!((met("CV_RMSE"), met("T:output"), e.verdict), (Some(false), Some(false), Verdict::NotAccepted));
}

#[test]
fn data_that_meets_the_line_exactly_is_not_believed() {
    let exact: Vec<Point> =
        year(JANUARY_2024, 1.0).into_iter().map(|p| Point { energy: 44_000.0 + 90.0 * p.drivers[0], ..p }).collect();
    let outcome = evaluate(&plan(), &exact, &year(JANUARY_2024 + 12, 0.9)).with;
    let e = outcome.evaluation().unwrap();
    assert_eq!((e.verdict, e.cautions.as_slice()), (Verdict::NotAccepted, [Caution::PerfectFit].as_slice()));
}

#[test]
fn zero_readings_are_missing_unless_the_machine_was_off() {
    let mut before = year(JANUARY_2024 - 1, 1.0);
    before.push(Point { period: JANUARY_2024 + 11, energy: 0.0, drivers: vec![800.0], is_off: false });
    let after = year(JANUARY_2024 + 12, 0.9);
    let e = evaluate(&plan(), &before, &after).with;
    let e = e.evaluation().unwrap();
    assert_eq!(e.zero_readings, [(Side::Baseline, JANUARY_2024 + 11)]);
    assert_eq!((e.model.points, e.cautions.as_slice()), (12, [Caution::ZeroReadings].as_slice()));
    before[12].is_off = true;
    let off = evaluate(&plan(), &before, &after).with;
    assert!(off.evaluation().unwrap().zero_readings.is_empty() && off.evaluation().unwrap().model.points == 13);
}

#[test]
fn every_result_comes_with_and_without_its_events() {
    let mut plan = plan();
    // October of the reporting period (21) was a power cut with a tenth of the energy.
    plan.adjustments = vec![event("nra-1", 21, 21, Treatment::Exclude)];
    let mut after = year(JANUARY_2024 + 12, 0.95);
    after[9].energy /= 10.0;
    let savings = evaluate(&plan, &year(JANUARY_2024, 1.0), &after);
    let (with, without) = (savings.with.evaluation().unwrap(), savings.without.evaluation().unwrap());
    assert_eq!((with.points, without.points), (11, 12));
    assert!(without.avoided.get().unwrap() > 2.0 * with.avoided.get().unwrap(), "the cut is no saving");
    assert_eq!(with.applied[0].periods, (vec![], vec![JANUARY_2024 + 21]));
    assert_eq!((with.applied[0].treatment, without.applied.len()), ("exclude", 0));
    plan.adjustments.push(event("nra-2", 20, 20, Treatment::Exclude));
    let savings = evaluate(&plan, &year(JANUARY_2024, 1.0), &after);
    assert_eq!((code(&savings.with), code(&savings.without)), ("TOO_MUCH_EXCLUDED", "evaluated"));
}

#[test]
fn sub_metered_energy_is_taken_off_and_an_indicator_is_estimated_from_the_baseline() {
    let before = year(JANUARY_2024, 1.0);
    let mut after = year(JANUARY_2024 + 12, 0.95);
    for p in &mut after[6..] {
        p.energy += 5_000.0;
    }
    let mut plan = plan();
    let correction = |k: i64, energy: f64| Correction { period: JANUARY_2024 + k, energy };
    plan.adjustments =
        vec![event("oven", 18, 23, Treatment::Correct((18..24).map(|k| correction(k, 5_000.0)).collect()))];
    let savings = evaluate(&plan, &before, &after);
    let (with, without) = (savings.with.evaluation().unwrap(), savings.without.evaluation().unwrap());
    let gained = with.avoided.get().unwrap() - without.avoided.get().unwrap();
    assert!((gained - 30_000.0).abs() < 1e-6 && with.applied[0].energy.get() == Ok(30_000.0));
    plan.adjustments[0].treatment = Treatment::Correct(vec![correction(30, 1.0)]);
    assert_eq!(code(&evaluate(&plan, &before, &after).with), "BAD_ADJUSTMENT", "outside its span");
    plan.adjustments[0].treatment = Treatment::Correct(vec![correction(18, 1e9)]);
    assert_eq!(code(&evaluate(&plan, &before, &after).with), "BAD_ADJUSTMENT", "more than was measured");

    // Three baseline months with 8 000 kWh of something else; it is gone afterwards.
    let mut disturbed = before.clone();
    for p in &mut disturbed[3..6] {
        p.energy += 8_000.0;
    }
    plan.adjustments = vec![event("mould-trial", 3, 5, Treatment::Indicator)];
    let after = year(JANUARY_2024 + 12, 0.95);
    let savings = evaluate(&plan, &disturbed, &after);
    let e = savings.with.evaluation().unwrap();
    let effect = e.model.coefficients[2].value.get().unwrap();
    assert!((effect - 8_000.0).abs() < 600.0, "{effect}");
    assert_eq!(e.model.coefficients[2].name, "event:mould-trial");
    let clean = evaluate(&Plan { adjustments: vec![], ..plan.clone() }, &before, &after);
    let (clean, found) = (clean.with.evaluation().unwrap().avoided.get().unwrap(), e.avoided.get().unwrap());
    assert!((clean - found).abs() < 2_500.0, "{clean} {found}");
    plan.adjustments = vec![event("later", 13, 15, Treatment::Indicator)];
    assert_eq!(code(&evaluate(&plan, &disturbed, &after).with), "INDICATOR_WITHOUT_BASELINE");
}

#[test]
fn an_event_needs_evidence_and_a_second_person() {
    let mut plan = plan();
    plan.adjustments = vec![event("e", 21, 21, Treatment::Exclude)];
    plan.adjustments[0].approver = plan.adjustments[0].proposer.clone();
    assert_eq!(code(&run(&plan, 0.9).with), "NOT_APPROVED");
    plan.adjustments[0].approver = " ".to_owned();
    assert_eq!(code(&run(&plan, 0.9).with), "NOT_APPROVED");
    plan.adjustments = vec![event("e", 21, 20, Treatment::Exclude)];
    assert_eq!(code(&run(&plan, 0.9).with), "BAD_ADJUSTMENT");
    plan.adjustments = vec![event("e", 21, 21, Treatment::Rebaseline)];
    let savings = run(&plan, 0.9);
    assert_eq!((code(&savings.with), code(&savings.without)), ("REBASELINE", "evaluated"));
}

#[test]
fn output_in_different_units_has_no_unit_consumption() {
    let mut plan = plan();
    plan.drivers.push(Driver { id: "pieces".to_owned(), unit: "pcs".to_owned(), kind: DriverKind::Production });
    let wide = |points: Vec<Point>| -> Vec<Point> {
        let more = |k: usize| ((k * 5) % 7) as f64;
        points
            .into_iter()
            .enumerate()
            .map(|(k, p)| Point { energy: p.energy + 900.0 * more(k), drivers: vec![p.drivers[0], more(k)], ..p })
            .collect()
    };
    let savings = evaluate(&plan, &wide(year(JANUARY_2024, 1.0)), &wide(year(JANUARY_2024 + 12, 0.9)));
    let e = savings.with.evaluation().unwrap();
    assert_eq!(e.unit_consumption.change.get(), Err(crate::statistics::Undefined::MixedUnits));
    assert_eq!(e.model.parameters, 3);
    plan.drivers[1].unit = "t".to_owned();
    let savings = evaluate(&plan, &wide(year(JANUARY_2024, 1.0)), &wide(year(JANUARY_2024 + 12, 0.9)));
    let u = &savings.with.evaluation().unwrap().unit_consumption;
    let product = (1.0 + u.volume_effect.get().unwrap()) * (1.0 + u.saving_effect.get().unwrap());
    assert!((product - 1.0 - u.change.get().unwrap()).abs() < 1e-12 && u.unit == "kWh/t");
}

#[test]
fn weekdays_and_seasons_are_compared() {
    let mut plan = plan();
    plan.cadence = Cadence::Day;
    let day = |d: i64, share: f64| Point {
        period: d,
        energy: share * (100.0 + ((d * 37) % 50) as f64) + ((d * 7) % 5) as f64,
        drivers: vec![((d * 37) % 50) as f64],
        is_off: false,
    };
    // 2026-01-05 is a Monday, day 20 458.
    let side = |first: i64, days: i64, per_week: i64, share: f64| -> Vec<Point> {
        (first..first + days).filter(|d| (d + 3).rem_euclid(7) < per_week).map(|d| day(d, share)).collect()
    };
    let before = side(20_458, 91, 6, 1.0);
    let after = side(20_458 + 182, 91, 5, 0.9);
    let outcome = evaluate(&plan, &before, &after).with;
    let e = outcome.evaluation().unwrap();
    let wanted = [
        Caution::BaselineUnderYear,
        Caution::BelowNinetyDays,
        Caution::ReportingUnderYear,
        Caution::SeasonNotCovered,
        Caution::WeekdayMix,
    ];
    assert_eq!((e.cautions.as_slice(), e.verdict), (wanted.as_slice(), Verdict::Saved));
    // Free Sundays are no gaps; eight of 78 working days are.
    let mut holes = before.clone();
    holes.drain(20..27);
    let gaps = |points: &[Point]| {
        let outcome = evaluate(&plan, points, &after).with;
        outcome.evaluation().unwrap().cautions.contains(&Caution::BaselineGaps)
    };
    assert!(!gaps(&holes));
    holes.remove(30);
    assert!(gaps(&holes));
    assert_eq!(definitions::get("savings.avoided@1").unwrap().unit, "kWh");
    for (i, d) in definitions::ALL.iter().enumerate() {
        assert!(definitions::ALL.iter().skip(i + 1).all(|o| o.id != d.id), "{}", d.id);
    }
}

#[test]
fn the_same_input_prints_the_same_bytes() {
    let mut plan = plan();
    plan.adjustments = vec![event("nra-1", 21, 21, Treatment::Exclude)];
    let text = serde_json::to_string(&run(&plan, 0.93)).unwrap();
    assert_eq!(text, serde_json::to_string(&run(&plan, 0.93)).unwrap());
    assert!(!text.contains("NaN") && !text.contains("inf"));
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert!(json["with"]["evaluated"]["avoided"].is_string(), "numbers are strings of digits");
    let read: Plan = serde_json::from_str(&serde_json::to_string(&plan).unwrap()).unwrap();
    assert_eq!(read, plan);
}
