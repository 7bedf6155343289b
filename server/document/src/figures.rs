//! Values of the report as they are printed: rounded once, with unit, bounds, coverage and grade.
//!
//! Constraints first: the exact quotient is rounded, not the six printed decimals, so that paper and page show the same
//! digits; a share has two decimals where its bounds are closer than half a point, else one; undefined is `—` with the
//! reason in words.

use look::format::{NONE, THIN, integer, quotient, signed};

use crate::read::{Comparison, Line, Report, Side, TargetChange};
use crate::words::Words;

/// A decimal of the report in millionths.
pub(crate) fn micro(text: &str) -> Option<i128> {
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |d| (-1, d));
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    if part.len() > 6 {
        return None;
    }
    let whole: i128 = whole.parse().ok()?;
    let part: i128 = format!("{part:0<6}").parse().ok()?;
    Some(sign * (whole.checked_mul(1_000_000)? + part))
}

/// Whether values of this unit are shares.
pub(crate) fn is_share(unit: &str) -> bool {
    unit == "1"
}

/// Decimals of an amount, so that at least four digits speak.
fn places(micro: i128) -> u32 {
    match micro.unsigned_abs() {
        0..1_000_000 => 4,
        1_000_000..100_000_000 => 3,
        100_000_000..10_000_000_000 => 1,
        _ => 0,
    }
}

/// Decimals of a share, by how far apart its bounds are.
fn share_places(lower: Option<&str>, upper: Option<&str>) -> u32 {
    let width = lower.and_then(micro).zip(upper.and_then(micro)).map(|(l, u)| u - l);
    if width.is_some_and(|w| w <= 5_000) { 2 } else { 1 }
}

/// A quotient with a number of decimals; from the exact fraction, else from the printed value.
fn exact(
    numerator: Option<&str>,
    denominator: Option<&str>,
    value: Option<&str>,
    times: i128,
    decimals: u32,
) -> String {
    let fraction = numerator.and_then(|n| n.parse::<i128>().ok()).zip(denominator.and_then(|d| d.parse::<i128>().ok()));
    fraction
        .and_then(|(n, d)| quotient(n.checked_mul(times)?, d, decimals))
        .or_else(|| quotient(micro(value?)?.checked_mul(times)?, 1_000_000, decimals))
        .unwrap_or_else(|| NONE.to_owned())
}

fn from_micro(micro: i128, share: bool, decimals: u32) -> String {
    quotient(if share { micro * 100 } else { micro }, 1_000_000, decimals).unwrap_or_else(|| NONE.to_owned())
}

/// A value of a line with its unit, and its bounds.
pub(crate) fn value(words: Words, line: &Line) -> (String, String) {
    let Some(printed) = &line.value else {
        return (NONE.to_owned(), line.undefined.as_deref().map(|u| words.undefined(u)).unwrap_or_default());
    };
    let share = is_share(&line.unit);
    let decimals = if share {
        share_places(line.lower.as_deref(), line.upper.as_deref())
    } else if is_count(&line.unit, &line.definition) {
        0
    } else {
        micro(printed).map_or(3, places)
    };
    let times = if share { 100 } else { 1 };
    let number = exact(line.numerator.as_deref(), line.denominator.as_deref(), line.value.as_deref(), times, decimals);
    let unit = if share { "%".to_owned() } else { words.unit(&line.unit) };
    let bound = |text: &Option<String>| text.as_deref().and_then(micro).map(|m| from_micro(m, share, decimals));
    let bounds = match (bound(&line.lower), bound(&line.upper)) {
        (Some(l), Some(u)) if l == u && l == number => String::new(),
        (Some(l), Some(u)) => format!("[{l}, {u}]"),
        (Some(l), None) => format!("[{l}, {}]", words.s("无上界", "no upper bound")),
        _ => String::new(),
    };
    (format!("{number}{THIN}{unit}"), bounds)
}

fn is_count(unit: &str, definition: &str) -> bool {
    unit == "pcs" && definition.starts_with("count.")
}

/// Coverage of a line in percent.
pub(crate) fn coverage([observed, of]: [i64; 2]) -> String {
    look::format::percent(observed.into(), of.into(), 1).unwrap_or_else(|| NONE.to_owned())
}

/// The unit of a compared definition for a machine.
pub(crate) fn unit_of(report: &Report, definition: &str, machine: &str) -> String {
    let of_line = |definition: &str| {
        let mut sections = report.periods.iter().filter(|s| s.machine == machine);
        sections.find_map(|s| s.line(definition)).map(|l| l.unit.clone())
    };
    match definition {
        "energy.per_production_day@1" => "kWh".to_owned(),
        "good.per_production_day@1" => of_line("count.good@1").unwrap_or_else(|| "pcs".to_owned()),
        other => of_line(other)
            .or_else(|| report.definitions.iter().find(|d| d.id == other).map(|d| d.unit.clone()))
            .unwrap_or_default(),
    }
}

/// The unit as a reader sees it, with what it is counted by.
pub(crate) fn unit_words(words: Words, report: &Report, comparison: &Comparison) -> String {
    let unit = unit_of(report, &comparison.definition, &comparison.machine);
    if is_share(&unit) {
        return "%".to_owned();
    }
    let per_day = comparison.definition.contains(".per_production_day");
    format!("{}{}", words.unit(&unit), if per_day { words.s("/日", "/d") } else { "" })
}

/// One side of a comparison.
pub(crate) fn side(side: &Side, share: bool) -> String {
    let printed = side.value.as_deref();
    let decimals = if share { 2 } else { printed.and_then(micro).map_or(3, places) };
    if printed.is_none() {
        return NONE.to_owned();
    }
    exact(Some(&side.numerator), Some(&side.denominator), printed, if share { 100 } else { 1 }, decimals)
}

/// A change with its sign, in points or in the unit of the metric.
pub(crate) fn change(text: Option<&str>, share: bool, scale: Option<&str>) -> String {
    let Some(micro_value) = text.and_then(micro) else { return NONE.to_owned() };
    let decimals = if share { 2 } else { places(scale.and_then(micro).unwrap_or(micro_value)) };
    signed(&from_micro(micro_value, share, decimals))
}

/// `[+1.20, +3.40]`.
pub(crate) fn interval(lower: Option<&str>, upper: Option<&str>, share: bool, scale: Option<&str>) -> String {
    match (lower, upper) {
        (Some(l), Some(u)) => format!("[{}, {}]", change(Some(l), share, scale), change(Some(u), share, scale)),
        _ => String::new(),
    }
}

/// A relative change: `+14.3 %`.
pub(crate) fn relative(text: Option<&str>) -> String {
    let number = text.and_then(micro).and_then(|m| quotient(m * 100, 1_000_000, 1));
    number.map_or_else(|| NONE.to_owned(), |n| format!("{}{THIN}%", signed(&n)))
}

/// What is promised: `提高不少于 5 个百分点`.
pub(crate) fn target(words: Words, target: &crate::read::Target) -> String {
    let unit = match target.unit.as_str() {
        "percentage_points" => words.s("个百分点", "percentage points"),
        "percent" => "%",
        other => other,
    };
    let way = match target.direction.as_str() {
        "increase" => words.s("提高不少于", "increase by at least"),
        "decrease" => words.s("降低不少于", "decrease by at least"),
        other => other,
    };
    format!("{way} {}{THIN}{unit}", target.value)
}

/// The change in the unit of a target, with its interval.
pub(crate) fn target_change(words: Words, change_found: &TargetChange) -> (String, String) {
    let unit = if change_found.unit == "percent" { "%" } else { words.s("个百分点", "pp") };
    let value = change(change_found.value.as_deref(), true, None);
    let ends = interval(change_found.lower.as_deref(), change_found.upper.as_deref(), true, None);
    (format!("{value}{THIN}{unit}"), ends)
}

/// A whole number with its thousands grouped.
pub(crate) fn count(n: impl TryInto<i128>) -> String {
    integer(n)
}

#[cfg(test)]
mod tests {
    use super::*;
    use look::text::Lang;

    fn line(unit: &str, fraction: (&str, &str), value: &str, bounds: (&str, &str)) -> Line {
        Line {
            definition: "x@1".into(),
            unit: unit.into(),
            numerator: Some(fraction.0.into()),
            denominator: Some(fraction.1.into()),
            value: Some(value.into()),
            lower: Some(bounds.0.into()),
            upper: Some(bounds.1.into()),
            coverage: [99, 100],
            grade: Some("A".into()),
            undefined: None,
        }
    }

    #[test]
    fn shares_have_as_many_decimals_as_their_bounds_bear() {
        let words = Words { lang: Lang::Zh };
        let close = line("1", ("7245", "10000"), "0.724500", ("0.724400", "0.725000"));
        assert_eq!(value(words, &close), ("72.45\u{202f}%".into(), "[72.44, 72.50]".into()));
        let far = line("1", ("7245", "10000"), "0.724500", ("0.719000", "0.730000"));
        assert_eq!(value(words, &far), ("72.5\u{202f}%".into(), "[71.9, 73.0]".into()));
    }

    #[test]
    fn undefined_is_never_a_number() {
        let mut none = line("1", ("1", "0"), "0", ("0", "0"));
        (none.value, none.undefined) = (None, Some("NO_PLANNED_TIME".into()));
        let (number, why) = value(Words { lang: Lang::En }, &none);
        assert_eq!(number, "—");
        assert!(!why.is_empty() && !why.contains("NO_PLANNED"), "{why}");
    }

    #[test]
    fn decimals_of_the_report_are_read_exactly() {
        assert_eq!(micro("-0.006835"), Some(-6835));
        assert_eq!(micro("35595.000000"), Some(35_595_000_000));
        assert_eq!(micro("1.2345678"), None);
        assert_eq!(micro("x"), None);
    }
}
