//! The rules about shifts; the numbers are in `tests/vectors_before_after.rs`.

use super::*;

fn shift(day: i64, numerator: i128) -> Shift {
    Shift { day, numerator, denominator: 1000, validity: Validity::Valid }
}

/// Weeks of six days with one shift each from a Monday on; the level wobbles by a few per mille.
fn weeks(first: i64, weeks: i64, level: i128) -> Vec<Shift> {
    (first..first + 7 * weeks)
        .map(|day| {
            let idle = (day + 3).rem_euclid(7) == 6;
            let wobble = i128::from((day * 37).rem_euclid(41));
            let numerator = if idle { 0 } else { level + wobble };
            Shift { denominator: if idle { 0 } else { 1000 }, ..shift(day, numerator) }
        })
        .collect()
}

const MONDAY: i64 = 20_458;

fn method() -> Method {
    Method::with_seed(20_260_314)
}

#[test]
fn up_down_and_no_change_with_the_words_of_the_reference() {
    let before = weeks(MONDAY, 6, 600);
    let up = evaluate(&before, &weeks(MONDAY + 70, 6, 700), &method());
    assert_eq!((up.verdict, up.verdict_zh.as_str()), (Verdict::Up, "提升（95% 置信）"));
    assert!(up.cautions.is_empty(), "{:?}", up.cautions);
    assert_eq!((up.block_days, up.before.days, up.before.scheduled), (7, 42, 36), "a weekly pattern shows");
    let down = evaluate(&before, &weeks(MONDAY + 70, 6, 500), &method());
    assert_eq!((down.verdict, down.verdict_zh.as_str()), (Verdict::Down, "下降（95% 置信）"));
    let same = evaluate(&before, &before, &method());
    assert_eq!((same.verdict, same.difference.get()), (Verdict::NotSignificant, Ok(0.0)));
    assert_eq!(same.verdict_zh, "统计上无显著变化");
}

#[test]
fn shifts_of_a_day_are_one_unit_and_their_order_changes_nothing() {
    let (before, after) = (weeks(MONDAY, 6, 600), weeks(MONDAY + 70, 6, 640));
    let split = |shifts: &[Shift]| -> Vec<Shift> {
        let halves = shifts.iter().flat_map(|s| {
            let part = Shift { numerator: s.numerator / 3, denominator: s.denominator / 4, ..s.clone() };
            let rest = Shift {
                numerator: s.numerator - part.numerator,
                denominator: s.denominator - part.denominator,
                ..s.clone()
            };
            [rest, part]
        });
        let mut out: Vec<Shift> = halves.collect();
        out.reverse();
        out
    };
    let whole = evaluate(&before, &after, &method());
    let parts = evaluate(&split(&before), &split(&after), &method());
    assert_eq!((whole.interval, whole.difference), (parts.interval, parts.difference));
    assert_eq!(
        serde_json::to_string(&whole).unwrap(),
        serde_json::to_string(&evaluate(&before, &after, &method())).unwrap()
    );
    let other = evaluate(&before, &after, &Method::with_seed(1));
    assert!(other.interval != whole.interval && other.difference == whole.difference);
}

#[test]
fn too_little_is_no_claim() {
    let (before, after) = (weeks(MONDAY, 6, 600), weeks(MONDAY + 70, 6, 700));
    let short = evaluate(&before[..19], &after, &method());
    assert_eq!((short.interval, short.verdict), (None, Verdict::Insufficient));
    assert_eq!(short.cautions, [Caution::TooFewDays, Caution::FewValidShifts]);
    let three_weeks = evaluate(&before[..21], &after, &method());
    assert!(three_weeks.interval.is_some() && three_weeks.verdict == Verdict::Insufficient);
    let empty = evaluate(&[], &[], &method());
    assert_eq!((empty.interval, empty.difference.get()), (None, Err(Undefined::ZeroDenominator)));
    assert!(empty.cautions.contains(&Caution::NoRatio));
}

#[test]
fn badly_observed_shifts_are_left_out_and_listed() {
    let before = weeks(MONDAY, 8, 600);
    let mut after = weeks(MONDAY + 70, 8, 700);
    for s in after.iter_mut().take(5) {
        s.validity = Validity::Excluded;
        s.numerator = 0;
    }
    let change = evaluate(&before, &after, &method());
    assert_eq!(change.after.excluded.len(), 5);
    assert_eq!((change.after.standing, change.after.valid), (Standing::Qualified, 43));
    assert_eq!((change.cautions.as_slice(), change.verdict), ([Caution::CoverageQualified].as_slice(), Verdict::Up));
    assert!(change.after.value.get().unwrap() > 0.7, "they are not zeros");
    for s in after.iter_mut().take(15) {
        s.validity = Validity::Usable;
    }
    let change = evaluate(&before, &after, &method());
    assert_eq!((change.after.standing, change.verdict), (Standing::None, Verdict::Insufficient));
    let fewer: Vec<Shift> = before.iter().filter(|s| (s.day + 3).rem_euclid(7) < 5).cloned().collect();
    assert_eq!(evaluate(&fewer, &before, &method()).cautions, [Caution::WeekdayMix]);
}

#[test]
fn a_series_that_can_be_drawn_empty_and_nonsense_have_no_interval() {
    let mut idle = weeks(MONDAY, 6, 600);
    for s in idle.iter_mut().skip(7) {
        (s.numerator, s.denominator) = (0, 0);
    }
    let change = evaluate(&idle, &weeks(MONDAY, 6, 600), &method());
    assert!(change.interval.is_none() && change.cautions.contains(&Caution::TooManyIdleDays));
    assert!(change.difference.get().is_ok());
    for odd in [
        shift(i64::MAX, 1),
        shift(i64::MIN, 1),
        Shift { denominator: -5, ..shift(MONDAY, 1) },
        Shift { numerator: i128::MAX, ..shift(MONDAY, 1) },
    ] {
        let mut shifts = weeks(MONDAY, 6, 600);
        shifts.push(odd);
        let change = evaluate(&shifts, &shifts, &method());
        assert!(change.interval.is_none() && change.cautions.contains(&Caution::NoRatio));
        assert!(change.difference.get().is_err());
    }
}

#[test]
fn the_block_follows_the_plan() {
    let pairs = |n: i128| -> Vec<resample::Pair> { (0..n).map(|k| (k * 37 % 41, 41)).collect() };
    let (short, long) = (pairs(30), pairs(64));
    assert_eq!(Block::Rule.days(&short, &long), 4, "no week in it: the cube root of 64");
    assert_eq!(Block::AtLeast(2).days(&short, &long), 4);
    assert_eq!(Block::AtLeast(7).days(&short, &long), 7);
    assert_eq!(Block::Exactly(2).days(&short, &long), 2);
    assert_eq!(Block::Exactly(0).days(&short, &long), 1);
    assert_eq!(Block::Exactly(999).days(&short, &long), 64);
    assert!(Block::Automatic.days(&short, &long) >= 1);
    assert_eq!(Block::Automatic.days(&short[..5], &long[..5]), 2, "too short for an estimate: the rule");
}

#[test]
fn a_shift_is_valid_by_cross_multiplication() {
    let good =
        Observation { observed_ms: 95, of_ms: 100, is_continuous: true, clock_error_ms: 1_999, has_calendar: true };
    assert_eq!(Validity::of(&good), Validity::Valid);
    assert_eq!(Validity::of(&Observation { observed_ms: 94, ..good }), Validity::Usable);
    assert_eq!(Validity::of(&Observation { observed_ms: 80, ..good }), Validity::Usable);
    assert_eq!(Validity::of(&Observation { observed_ms: 79, ..good }), Validity::Excluded);
    assert_eq!(Validity::of(&Observation { is_continuous: false, ..good }), Validity::Usable);
    assert_eq!(Validity::of(&Observation { clock_error_ms: 2_000, ..good }), Validity::Usable);
    assert_eq!(Validity::of(&Observation { clock_error_ms: 30_001, ..good }), Validity::Excluded);
    assert_eq!(Validity::of(&Observation { has_calendar: false, ..good }), Validity::Excluded);
}
