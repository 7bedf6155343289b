//! TV-18 to the printed digits.

use super::*;
use crate::statistics::resample::{differences, quotient};

const BEFORE: &str = "[[251,430],[243.5,430],[262,430],[238,430],[229.5,415],[0,0],[247,430],[255.5,430],[268,430],[240.5,430],[233,430],[221,415],[0,0],[244,430],[259,430],[263.5,430],[250,430],[236.5,430],[227,415],[0,0],[248,430]]";
const AFTER: &str = "[[289,430],[296.5,430],[281,430],[301,430],[276.5,415],[0,0],[292,430],[287.5,430],[305,430],[298,430],[279.5,430],[270,415],[0,0],[294,430],[300.5,430],[285,430],[291.5,430],[303,430],[272,415],[0,0],[297,430]]";

/// Minutes with halves become half-minutes: integers.
fn days(json: &str) -> Vec<Day> {
    let pairs: Vec<(f64, f64)> = serde_json::from_str(json).unwrap();
    pairs.into_iter().map(|(n, d)| ((n * 2.0) as i128, (d * 2.0) as i128)).collect()
}

fn ratio(sums: Day) -> f64 {
    quotient(sums).unwrap()
}

fn near(a: f64, b: f64) -> bool {
    (a - b).abs() < 6e-10
}

#[test]
fn tv_18_block_bootstrap() {
    let (before, after) = (days(BEFORE), days(AFTER));
    let change = compare_with_block(&before, &after, 3, 2000, 20_260_314);
    assert!(near(ratio(change.before), 0.574_009_097) && near(ratio(change.after), 0.678_232_619));
    let difference = ratio(change.after) - ratio(change.before);
    assert!(near(difference, 0.104_223_522));
    let first = differences(&before, &after, 3, 3, 20_260_314).unwrap();
    assert!(
        near(first[0], 0.108_308_094) && near(first[1], 0.085_508_291) && near(first[2], 0.104_213_576),
        "{first:?}"
    );
    let (low, high) = change.interval.unwrap();
    assert!(near(low, 0.089_871_984) && near(high, 0.119_132_282), "{low} {high}");
    let weekly = compare_with_block(&before, &after, 7, 2000, 20_260_314);
    let first = differences(&before, &after, 7, 3, 20_260_314).unwrap();
    assert!(
        near(first[0], 0.108_641_975) && near(first[1], 0.098_700_455) && near(first[2], 0.108_771_930),
        "{first:?}"
    );
    let (low, high) = weekly.interval.unwrap();
    assert!(near(low, 0.097_984_081) && near(high, 0.109_553_281), "{low} {high}");
    assert_eq!(weekly.verdict(), Verdict::Up);
    assert_eq!(compare(&before, &after, 1, 2000, 1).block, 3, "never shorter than the cube root of the days");
}

#[test]
fn nineteen_days_are_not_enough() {
    let (before, after) = (days(BEFORE), days(AFTER));
    let change = compare(&before[..19], &after, 7, 2000, 1);
    assert_eq!((change.interval, change.verdict()), (None, Verdict::Insufficient));
    // The same series on both sides changes nothing.
    assert_eq!(compare(&before, &before, 7, 2000, 1).verdict(), Verdict::NotSignificant);
}

#[test]
fn a_series_that_can_be_drawn_without_planned_time_has_no_interval() {
    // 14 days without planned time in a row: two blocks of seven may fall there, and a third one too.
    let mut holiday = days(BEFORE);
    holiday.truncate(7);
    holiday.extend([(0, 0); 14]);
    let change = compare(&holiday, &days(AFTER), 7, 2000, 1);
    assert_eq!((change.interval, change.verdict()), (None, Verdict::Insufficient));
    assert!(change.before.1 > 0);
}

/// Of what should fall, a rise is no improvement and a fall no decline.
#[test]
fn a_change_is_worded_by_what_changed() {
    for (definition, up, down) in [
        ("oee.iso22400@1", ("提升", "up"), ("下降", "down")),
        ("quality.iso22400@1", ("提升", "up"), ("下降", "down")),
        ("energy.per_good@1", ("增加", "more"), ("降低", "less")),
        ("energy.per_production_day@1", ("增加", "more"), ("降低", "less")),
        ("good.per_production_day@1", ("增加", "more"), ("减少", "less")),
    ] {
        for (verdict, word) in [(Verdict::Up, up), (Verdict::Down, down)] {
            let (zh, en) = verdict.words(definition);
            assert!(zh.starts_with(word.0) && en.starts_with(word.1), "{definition}: {zh} {en}");
        }
    }
}
