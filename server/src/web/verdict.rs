//! Verdicts of an issued report for pages: read out of report.json, never computed again.
//!
//! Two different doubts stand beside each other and are never mixed: each period's own *bounds* (what the value could be,
//! had the unobserved time been observed), and the *interval of the difference*, which a report gives as numbers relative
//! to the base. The picture draws the bounds as a band behind each dot, and the interval as a bar around the reporting
//! period that reaches from base + lower to base + upper end: a bar that does not reach back over the hollow dot is a
//! rise or a fall.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use serde::Deserialize;

use super::chart::interval::{Estimate, Row};
use super::format::{self, NONE, THIN};
use super::promise;
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
    #[serde(default)]
    periods: Vec<Section>,
    #[serde(default)]
    measurement_plan: Option<promise::Plan>,
}

/// A machine over a whole period, with the bounds of each of its numbers.
#[derive(Deserialize)]
struct Section {
    period: String,
    machine: String,
    #[serde(default)]
    lines: Vec<PeriodLine>,
}

#[derive(Deserialize)]
struct PeriodLine {
    definition: String,
    value: Option<String>,
    lower: Option<String>,
    upper: Option<String>,
}

impl Report {
    /// Least and most a compared value could be in a period. Only where the period's line is the very value that was
    /// compared: an amount per day, or a total without excluded shifts, has other bounds than the line beside it.
    fn bounds(&self, period: &str, c: &Comparison, side: &Side) -> Option<(&str, &str)> {
        let section = self.periods.iter().find(|s| s.period == period && s.machine == c.machine)?;
        let line = section.lines.iter().find(|l| l.definition == c.definition && l.value == side.value)?;
        line.lower.as_deref().zip(line.upper.as_deref())
    }
}

/// Names of the two periods of a plan in a report.
const PERIODS: (&str, &str) = ("baseline", "reporting");

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
    file_of(bundle, REPORT_FILE)
}

/// Takes one file out of a bundle on disk. Blocks on the disk.
#[must_use]
pub fn file_of(bundle: &Path, name: &str) -> Option<Vec<u8>> {
    let mut archive = zip::ZipArchive::new(File::open(bundle).ok()?).ok()?;
    let mut file = archive.by_name(name).ok()?;
    if file.size() > REPORT_BYTES_MAX {
        return None;
    }
    let mut bytes = Vec::with_capacity(usize::try_from(file.size()).ok()?);
    file.by_ref().take(REPORT_BYTES_MAX).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

/// The documents that are in a bundle on disk; a bundle from before there were any has none. Blocks on the disk.
#[must_use]
pub fn documents_of(bundle: &Path) -> Vec<&'static str> {
    let Some(archive) = File::open(bundle).ok().and_then(|f| zip::ZipArchive::new(f).ok()) else { return Vec::new() };
    document::NAMES.into_iter().filter(|name| archive.index_for_name(name).is_some()).collect()
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
            let is_beside = report.measurement_plan.as_ref().is_some_and(promise::Plan::is_beside);
            return t.s(if is_beside { "compare-total-beside" } else { "compare-total" });
        }
        report.machines.iter().find(|m| m.machine == id).map_or_else(|| id.to_owned(), |m| name_of(&m.names))
    };
    let mut compare: Vec<Row> = report
        .comparisons
        .iter()
        .filter(|c| c.definition == OEE)
        .map(|c| row(t, report, &machine(&c.machine), c))
        .collect();
    compare.sort_by_key(|r| r.total);
    let (base, after) = (period(PERIODS.0), period(PERIODS.1));
    let name = |definition: &str, id: &str| {
        let compared = Compared::of(report, definition);
        let known = compared.names.map(name_of);
        let metric = known.unwrap_or_else(|| words::metric(t, compared.definition));
        let per_day = if compared.per_day { t.s("line-per-day") } else { String::new() };
        format!("{metric}{per_day} · {}", machine(id))
    };
    let lines = report.comparisons.iter().take(LINES_MAX).map(|c| {
        let compared = Compared::of(report, &c.definition);
        let print = Print::new(t, compared.unit, [&c.before, &c.after]);
        Line {
            name: name(&c.definition, &c.machine),
            before: print.side(&c.before),
            before_bounds: print.bounds(report.bounds(PERIODS.0, c, &c.before)),
            after: print.side(&c.after),
            after_bounds: print.bounds(report.bounds(PERIODS.1, c, &c.after)),
            verdict_css: css(&c.verdict),
            verdict: sentence(t, c, &print),
        }
    });
    let lines = lines.collect();
    let promises = report.measurement_plan.as_ref().map(|plan| promise::present(t, plan, name)).unwrap_or_default();
    let plan = report.request.plan.clone();
    let words = match plan {
        None => String::new(),
        Some(plan) if promises.is_beside => t.f("compare-words-beside", &[("plan", &plan), ("period", &after)]),
        Some(plan) => t.f("compare-words", &[("plan", &plan), ("base", &base), ("period", &after)]),
    };
    Verdicts { details: Details { leaf, base, period: after, lines, promises }, compare, words }
}

fn row(t: &Texts, report: &Report, name: &str, c: &Comparison) -> Row {
    let hundredths = |text: &str| decimal(text, 4);
    let value = |side: &Side| side.value.as_deref().and_then(hundredths);
    let (before, after) = (value(&c.before), value(&c.after));
    let end = |text: &Option<String>| text.as_deref().and_then(hundredths);
    let bar = before.zip(end(&c.lower)).zip(end(&c.upper)).map(|((b, l), u)| (b + l, b + u));
    let estimate = |period: &str, side: &Side, value: Option<i64>| {
        let bounds = report.bounds(period, c, side).and_then(|(l, u)| hundredths(l).zip(hundredths(u)));
        value.map(|value| {
            let (low, high) = bounds.unwrap_or((value, value));
            Estimate { value, low, high }
        })
    };
    Row {
        name: name.to_owned(),
        before: estimate(PERIODS.0, &c.before, before),
        after: estimate(PERIODS.1, &c.after, after),
        difference: after.and(bar),
        verdict: sentence(t, c, &Print::new(t, RATIO, [&c.before, &c.after])),
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

/// What a comparison compares: a definition of the report, or its amount per production day.
struct Compared<'r> {
    definition: &'r str,
    names: Option<&'r Names>,
    unit: &'r str,
    per_day: bool,
}

/// Comparisons of amounts per production day, and the definition whose amount it is.
const PER_DAY: [(&str, &str); 2] =
    [("energy.per_production_day@1", "energy.active@1"), ("good.per_production_day@1", "count.good@1")];
/// Unit of a ratio in the catalogue. A definition nobody knows has no unit: its digits are shown as they are.
const RATIO: &str = "1";

impl<'r> Compared<'r> {
    fn of(report: &'r Report, definition: &'r str) -> Self {
        let whole = PER_DAY.iter().find(|(per_day, _)| *per_day == definition).map(|(_, whole)| *whole);
        let id = whole.unwrap_or(definition);
        let listed = report.definitions.iter().find(|d| d.id == id);
        let unit = listed.map(|d| d.unit.as_str()).or_else(|| metrics::catalogue::get(id).map(|d| d.unit));
        Self { definition: id, names: listed.map(|d| &d.names), unit: unit.unwrap_or(""), per_day: whole.is_some() }
    }
}

/// How the numbers of one comparison are printed: all with the same unit and the same number of decimals.
struct Print {
    share: bool,
    unit: String,
    points: String,
    places: u32,
}

impl Print {
    fn new(t: &Texts, unit: &str, sides: [&Side; 2]) -> Self {
        let share = unit == RATIO;
        let millionths = |side: &Side| side.value.as_deref().and_then(|v| decimal(v, 6)).map_or(0, i64::unsigned_abs);
        let places = match sides.into_iter().map(millionths).max().unwrap_or(0) {
            _ if share => 1,
            0..100_000 => 5,
            100_000..1_000_000 => 3,
            1_000_000..100_000_000 => 2,
            100_000_000..1_000_000_000 => 1,
            _ => 0,
        };
        // A unit of the catalogue in the reader's language; one without a word of its own is international.
        let piece = t.s("unit-piece");
        let words: Vec<&str> =
            unit.split('/').map(|part| if ["pcs", "piece"].contains(&part) { piece.as_str() } else { part }).collect();
        let points = if share { t.s("verdict-points") } else { String::new() };
        Self { share, unit: if share { "%".to_owned() } else { words.join("/") }, points, places }
    }

    fn digits(&self, value: &str) -> Option<String> {
        let millionths = i128::from(decimal(value, 6)?);
        if self.share {
            return format::percent_bare(millionths, 1_000_000, 1);
        }
        format::quotient(millionths, 1_000_000, self.places)
    }

    fn with_unit(&self, digits: String) -> String {
        if self.unit.is_empty() { digits } else { format!("{digits}{THIN}{}", self.unit) }
    }

    fn side(&self, side: &Side) -> String {
        let digits = side.value.as_deref().and_then(|v| self.digits(v));
        digits.map_or_else(|| NONE.to_owned(), |digits| self.with_unit(digits))
    }

    /// `[71.9, 73.0]` as every figure of a page has it; empty where nothing is known or the bounds meet.
    fn bounds(&self, bounds: Option<(&str, &str)>) -> String {
        let Some((low, high)) = bounds.filter(|(low, high)| low != high) else { return String::new() };
        match (self.digits(low), self.digits(high)) {
            (Some(low), Some(high)) => format!("[{low}, {high}]"),
            _ => String::new(),
        }
    }
}

/// The verdict in words with the difference and its interval.
fn sentence(t: &Texts, c: &Comparison, print: &Print) -> String {
    // More of an amount is not yet better: only a share is said to have risen.
    let key = match c.verdict.as_str() {
        "UP" if print.share => "verdict-up",
        "UP" => "verdict-more",
        "DOWN" if print.share => "verdict-down",
        "DOWN" if c.definition.starts_with("energy.") => "verdict-lower",
        "DOWN" => "verdict-less",
        "NOT_SIGNIFICANT" => "verdict-flat",
        _ => return t.s("verdict-insufficient"),
    };
    let number = |text: &Option<String>| {
        text.as_deref().and_then(|v| print.digits(v)).map_or_else(|| NONE.into(), |v| format::signed(&v))
    };
    let diff = if print.share { number(&c.difference) } else { print.with_unit(number(&c.difference)) };
    let interval = format!("[{}, {}]", number(&c.lower), number(&c.upper));
    t.f(key, &[("diff", &diff), ("points", &print.points), ("interval", &interval)])
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
        "periods":[{"period":"baseline","machine":"*","lines":[
            {"definition":"oee.iso22400@1","value":"0.641000","lower":"0.640000","upper":"0.655000"}]},
          {"period":"reporting","machine":"*","lines":[
            {"definition":"oee.iso22400@1","value":"0.702000","lower":"0.702000","upper":"0.702000"}]},
          {"period":"baseline","machine":"press","lines":[
            {"definition":"energy.active@1","value":"9999","lower":"9000","upper":"9999"}]}],
        "comparisons":[
          {"definition":"oee.iso22400@1","machine":"*","before":{"value":"0.641000"},"after":{"value":"0.702000"},
           "difference":"0.061000","lower":"0.046000","upper":"0.076000","verdict":"UP"},
          {"definition":"oee.iso22400@1","machine":"press","before":{"value":null},"after":{"value":"0.5"},
           "difference":null,"lower":null,"upper":null,"verdict":"INSUFFICIENT"},
          {"definition":"energy.per_production_day@1","machine":"press","before":{"value":"412.500000"},
           "after":{"value":"400.100000"},"difference":"-12.400000","lower":"-20.000000","upper":"1.000000",
           "verdict":"NOT_SIGNIFICANT"}]}"#;

    #[test]
    fn a_report_becomes_rows_with_the_total_last_and_the_bar_of_the_difference() {
        let verdicts = present(Lang::En.texts(), 7, &parse(JSON).expect("readable"));
        assert_eq!(verdicts.compare.iter().map(|r| r.total).collect::<Vec<_>>(), [false, true]);
        let total = &verdicts.compare[1];
        assert_eq!(total.difference, Some((6_870, 7_170)), "the interval of the difference, seen from the base");
        let own = |e: Option<Estimate>| e.map(|e| (e.low, e.value, e.high));
        assert_eq!(own(total.before), Some((6_400, 6_410, 6_550)), "a period's own bounds");
        assert_eq!(own(total.after), Some((7_020, 7_020, 7_020)));
        let line = &verdicts.details.lines[0];
        assert_eq!((line.before_bounds.as_str(), line.after_bounds.as_str()), ("[64.0, 65.5]", ""));
        assert_eq!(verdicts.compare[1].verdict, "Up +6.1 points [+4.6, +7.6]");
        let press = &verdicts.compare[0];
        assert!(press.before.is_none() && press.verdict == "Too little data to say");
        let energy = &verdicts.details.lines[2];
        assert!(energy.before_bounds.is_empty(), "the bounds of a sum are not those of its daily mean");
        assert_eq!(energy.before.replace(THIN, " "), "412.5 kWh");
        assert_eq!(energy.name, "Energy per day · Press");
        assert!(energy.verdict.contains("−12.4") && !energy.verdict.contains("points"), "{}", energy.verdict);
        assert_eq!(verdicts.details.base, "2026-01-05 – 2026-04-05");
    }

    #[test]
    fn an_amount_is_never_printed_as_a_share() {
        let t = Lang::Zh.texts();
        let report = parse(JSON).expect("readable");
        for (definition, unit) in
            PER_DAY.map(|(per_day, _)| per_day).into_iter().chain(["nobody.knows@9"]).zip(["kWh", "件", ""])
        {
            let side = Side { value: Some("198.702000".into()) };
            let compared = Compared::of(&report, definition);
            let printed = Print::new(t, compared.unit, [&side, &side]).side(&side);
            assert_eq!(printed.replace(THIN, " "), format!("198.7 {unit}").trim_end(), "{definition}");
        }
    }

    #[test]
    fn more_of_an_amount_is_not_called_better() {
        let json = String::from_utf8_lossy(JSON).replace("NOT_SIGNIFICANT", "DOWN");
        for (json, word) in [(json.clone(), "降低"), (json.replace("\"DOWN\"", "\"UP\""), "增加")] {
            let verdicts = present(Lang::Zh.texts(), 7, &parse(json.as_bytes()).expect("readable"));
            assert!(verdicts.details.lines[2].verdict.starts_with(word), "{}", verdicts.details.lines[2].verdict);
            assert!(verdicts.compare[1].verdict.starts_with("提升"), "{}", verdicts.compare[1].verdict);
        }
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
