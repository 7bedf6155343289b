//! Verdicts of an issued report for pages: read out of report.json, never computed again.
//!
//! A report gives the interval of the *difference*. The picture therefore draws the base period as a dot and the
//! reporting period as a dot with a bar that reaches from base + lower to base + upper end: a bar that does not reach
//! back over the hollow dot is a rise or a fall.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use serde::Deserialize;

use super::chart::interval::{Estimate, Row};
use super::format::{self, NONE, THIN};
use super::reports::{Details, Line};
use super::text::{Lang, Texts};
use super::words;

/// The few fields of a report that pages show.
#[derive(Deserialize)]
pub struct Report {
    request: Request,
    #[serde(default)]
    machines: Vec<Machine>,
    #[serde(default)]
    definitions: Vec<Definition>,
    #[serde(default)]
    comparisons: Vec<Comparison>,
}

#[derive(Deserialize)]
struct Request {
    #[serde(default)]
    periods: Vec<Period>,
    #[serde(default)]
    plan: Option<String>,
}

#[derive(Deserialize)]
struct Period {
    name: String,
    from: String,
    to: String,
}

#[derive(Deserialize)]
struct Names {
    zh: String,
    en: String,
}

#[derive(Deserialize)]
struct Machine {
    machine: String,
    names: Names,
}

#[derive(Deserialize)]
struct Definition {
    id: String,
    names: Names,
    unit: String,
}

#[derive(Deserialize)]
struct Side {
    value: Option<String>,
}

#[derive(Deserialize)]
struct Comparison {
    definition: String,
    machine: String,
    before: Side,
    after: Side,
    difference: Option<String>,
    lower: Option<String>,
    upper: Option<String>,
    verdict: String,
}

/// What pages show of a report.
#[derive(Default)]
pub struct Verdicts {
    /// For the list of reports.
    pub details: Details,
    /// OEE before and after per machine, total last.
    pub compare: Vec<Row>,
    /// Plan and periods in words; empty without a plan.
    pub words: String,
}

/// The definition whose comparison is drawn.
const OEE: &str = "oee.iso22400@1";
/// The machine id that stands for all.
const ALL: &str = "*";
/// Most comparisons shown on a page; the report has them all.
const LINES_MAX: usize = 60;
/// Name of the report inside a bundle.
const REPORT_FILE: &str = "report.json";
/// Largest report a page opens, bytes.
const REPORT_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Reports remembered at once.
const SHELF_MAX: usize = 64;

/// Reads report.json. A report of a later format without the known fields gives nothing, never a guess.
#[must_use]
pub fn parse(json: &[u8]) -> Option<Report> {
    serde_json::from_slice(json).ok()
}

/// Takes report.json out of a bundle on disk, without reading the readings beside it. Blocks on the disk.
#[must_use]
pub fn report_json(bundle: &Path) -> Option<Vec<u8>> {
    let mut archive = zip::ZipArchive::new(File::open(bundle).ok()?).ok()?;
    let mut file = archive.by_name(REPORT_FILE).ok()?;
    if file.size() > REPORT_BYTES_MAX {
        return None;
    }
    let mut json = Vec::with_capacity(usize::try_from(file.size()).ok()?);
    file.by_ref().take(REPORT_BYTES_MAX).read_to_end(&mut json).ok()?;
    Some(json)
}

/// The report in a bundle, remembered by its digest: a report never changes, and a page must not parse megabytes again.
#[must_use]
pub fn remembered(digest: &str, bundle: &Path) -> Option<Arc<Report>> {
    static SHELF: Mutex<BTreeMap<String, Arc<Report>>> = Mutex::new(BTreeMap::new());
    let shelf = || SHELF.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(report) = shelf().get(digest) {
        return Some(Arc::clone(report));
    }
    let report = Arc::new(parse(&report_json(bundle)?)?);
    let mut shelf = shelf();
    if shelf.len() >= SHELF_MAX {
        shelf.clear();
    }
    shelf.insert(digest.to_owned(), Arc::clone(&report));
    Some(report)
}

/// What pages show of a report, in the reader's language.
#[must_use]
pub fn present(t: &Texts, leaf: i64, report: &Report) -> Verdicts {
    let period = |name: &str| {
        let found = report.request.periods.iter().find(|p| p.name == name);
        found.map_or_else(|| NONE.to_owned(), |p| format!("{} – {}", p.from, p.to))
    };
    let name_of = |n: &Names| if t.lang() == Lang::Zh { n.zh.clone() } else { n.en.clone() };
    let machine = |id: &str| {
        if id == ALL {
            return t.s("compare-total");
        }
        report.machines.iter().find(|m| m.machine == id).map_or_else(|| id.to_owned(), |m| name_of(&m.names))
    };
    let ratio = |definition: &str| {
        let found = report.definitions.iter().find(|d| definition.starts_with(d.id.as_str()));
        found.is_none_or(|d| d.unit == "1") && !definition.contains("per production day")
    };
    let mut compare: Vec<Row> =
        report.comparisons.iter().filter(|c| c.definition == OEE).map(|c| row(t, &machine(&c.machine), c)).collect();
    compare.sort_by_key(|r| r.total);
    let (base, after) = (period("baseline"), period("reporting"));
    let lines = report.comparisons.iter().take(LINES_MAX).map(|c| {
        let names = report.definitions.iter().find(|d| c.definition.starts_with(d.id.as_str()));
        let metric = names.map_or_else(|| words::metric(t, &c.definition), |d| name_of(&d.names));
        let per_day = if c.definition.contains("per production day") { t.s("line-per-day") } else { String::new() };
        let unit = names.map_or("", |d| if d.unit == "1" { "" } else { d.unit.as_str() });
        let share = ratio(&c.definition);
        Line {
            name: format!("{metric}{per_day} · {}", machine(&c.machine)),
            before: side(&c.before, share, unit),
            after: side(&c.after, share, unit),
            verdict_css: css(&c.verdict),
            verdict: sentence(t, c, share, unit),
        }
    });
    let lines = lines.collect();
    let plan = report.request.plan.clone();
    let words = plan
        .map_or_else(String::new, |plan| t.f("compare-words", &[("plan", &plan), ("base", &base), ("period", &after)]));
    Verdicts { details: Details { leaf, base, period: after, lines }, compare, words }
}

fn row(t: &Texts, name: &str, c: &Comparison) -> Row {
    let hundredths = |text: &Option<String>| text.as_deref().and_then(|v| decimal(v, 4));
    let before = hundredths(&c.before.value);
    let bar = before.zip(hundredths(&c.lower)).zip(hundredths(&c.upper)).map(|((b, l), u)| (b + l, b + u));
    let after = hundredths(&c.after.value);
    Row {
        name: name.to_owned(),
        before: before.map(|value| Estimate { value, low: value, high: value }),
        after: after.map(|value| {
            let (low, high) = bar.unwrap_or((value, value));
            Estimate { value, low, high }
        }),
        verdict: sentence(t, c, true, ""),
        total: c.machine == ALL,
    }
}

fn css(verdict: &str) -> &'static str {
    match verdict {
        "UP" => "up",
        "DOWN" => "down",
        "NOT_SIGNIFICANT" => "flat",
        _ => "none",
    }
}

/// The verdict in words with the difference and its interval.
fn sentence(t: &Texts, c: &Comparison, share: bool, unit: &str) -> String {
    let key = match c.verdict.as_str() {
        "UP" => "verdict-up",
        "DOWN" => "verdict-down",
        "NOT_SIGNIFICANT" => "verdict-flat",
        _ => return t.s("verdict-insufficient"),
    };
    let number = |text: &Option<String>| {
        text.as_deref().and_then(|v| shown(v, share)).map_or_else(|| NONE.into(), |v| format::signed(&v))
    };
    let diff = if share { number(&c.difference) } else { format!("{}{THIN}{unit}", number(&c.difference)) };
    let interval = format!("[{}, {}]", number(&c.lower), number(&c.upper));
    let points = if share { t.s("verdict-points") } else { String::new() };
    t.f(key, &[("diff", &diff), ("points", &points), ("interval", &interval)])
}

fn side(side: &Side, share: bool, unit: &str) -> String {
    let Some(text) = side.value.as_deref().and_then(|v| shown(v, share)) else { return NONE.into() };
    if share { format!("{text}{THIN}%") } else { format!("{text}{THIN}{unit}") }
}

/// A six-decimal string as a page shows it: percent with one decimal, amounts with up to three.
fn shown(value: &str, share: bool) -> Option<String> {
    let millionths = i128::from(decimal(value, 6)?);
    if share {
        return format::percent_bare(millionths, 1_000_000, 1);
    }
    let places = match millionths.unsigned_abs() {
        0..1_000_000 => 3,
        1_000_000..100_000_000 => 2,
        _ => 0,
    };
    format::quotient(millionths, 1_000_000, places)
}

/// `-0.640000` times `10^places`, rounded half away from zero.
fn decimal(text: &str, places: u32) -> Option<i64> {
    let (negative, digits) = text.strip_prefix('-').map_or((false, text), |d| (true, d));
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.is_empty() || part.len() > 12 || ![whole, part].iter().all(|d| d.chars().all(|c| c.is_ascii_digit())) {
        return None;
    }
    let scale = 10_i128.pow(u32::try_from(part.len()).ok()?);
    let value = whole.parse::<i128>().ok()?.checked_mul(scale)?.checked_add(if part.is_empty() {
        0
    } else {
        part.parse().ok()?
    })?;
    let value = if negative { -value } else { value };
    format::quotient_i64(value.checked_mul(10_i128.pow(places))?, scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    const JSON: &[u8] = br#"{"request":{"size":9,"periods":[{"name":"baseline","from":"2026-01-05","to":"2026-04-05"},
        {"name":"reporting","from":"2026-04-06","to":"2026-07-05"}],"plan":"p-1"},
        "machines":[{"machine":"press","names":{"zh":"\u51b2\u538b\u673a","en":"Press"}}],
        "definitions":[{"id":"oee.iso22400@1","names":{"zh":"OEE","en":"OEE"},"unit":"1"},
                       {"id":"energy.active@1","names":{"zh":"E","en":"Energy"},"unit":"kWh"}],
        "comparisons":[
          {"definition":"oee.iso22400@1","machine":"*","before":{"value":"0.641000"},"after":{"value":"0.702000"},
           "difference":"0.061000","lower":"0.046000","upper":"0.076000","verdict":"UP"},
          {"definition":"oee.iso22400@1","machine":"press","before":{"value":null},"after":{"value":"0.5"},
           "difference":null,"lower":null,"upper":null,"verdict":"INSUFFICIENT"},
          {"definition":"energy.active@1 per production day","machine":"press","before":{"value":"412.500000"},
           "after":{"value":"400.100000"},"difference":"-12.400000","lower":"-20.000000","upper":"1.000000",
           "verdict":"NOT_SIGNIFICANT"}]}"#;

    #[test]
    fn a_report_becomes_rows_with_the_total_last_and_the_bar_of_the_difference() {
        let verdicts = present(Lang::En.texts(), 7, &parse(JSON).expect("readable"));
        assert_eq!(verdicts.compare.iter().map(|r| r.total).collect::<Vec<_>>(), [false, true]);
        let total = verdicts.compare[1].after.expect("value");
        assert_eq!((total.low, total.value, total.high), (6_870, 7_020, 7_170));
        assert_eq!(verdicts.compare[1].verdict, "Up +6.1 points [+4.6, +7.6]");
        let press = &verdicts.compare[0];
        assert!(press.before.is_none() && press.verdict == "Too little data to say");
        let energy = &verdicts.details.lines[2];
        assert_eq!(energy.before.replace(THIN, " "), "413 kWh");
        assert!(energy.verdict.contains("−12.40") && !energy.verdict.contains("points"), "{}", energy.verdict);
        assert_eq!(verdicts.details.base, "2026-01-05 – 2026-04-05");
    }

    #[test]
    fn what_is_not_a_report_gives_nothing() {
        for bytes in [&b""[..], b"{}", b"[1]", b"{\"request\":3}"] {
            assert!(parse(bytes).is_none());
        }
        for text in ["", "-", ".5", "1e3", "0x1", "1.2.3"] {
            assert_eq!(decimal(text, 4), None, "{text}");
        }
        assert_eq!(decimal("-0.64005", 4), Some(-6_401));
    }
}
