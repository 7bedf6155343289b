//! Every figure of a machine or a site over some dates: value, bounds, coverage and grade in a table by subject, and under each
//! the formula with its numbers — "why this number?" without leaving the page.

mod batches;
mod control;
mod floor;

use askama::Template;

use crate::query::{FigureLine, FiguresView, LeafRun, Parameter};
use metrics::figures::lists::Printed;

use super::chart::waterfall::{self, Kind, Step};
use super::chart::{State, Width};
use super::format::{self, Clockface, NONE, THIN};
use super::machine::{GapRow, gap_row};
#[cfg(test)]
use super::text::Lang;
use super::text::Texts;
use super::view::{Class, Figure, Frame, Nav};
use super::words;

pub(super) struct Row {
    pub(super) anchor: String,
    pub(super) name: String,
    pub(super) part: String,
    pub(super) figure: String,
    pub(super) formula: String,
    pub(super) terms: Vec<(String, String, String)>,
    pub(super) parameters: Vec<(String, String)>,
    pub(super) definition: String,
    pub(super) definition_anchor: String,
}

pub(super) struct Group {
    pub(super) anchor: String,
    pub(super) title: String,
    pub(super) rows: Vec<Row>,
}

/// A statement in force, as a row of the table.
pub(super) struct Stated {
    pub(super) name: String,
    pub(super) value: String,
    pub(super) leaf: String,
    pub(super) late: bool,
}

/// Records by gateway: the first and the last leaf.
pub(super) fn sources(all: &[LeafRun]) -> Vec<(String, String)> {
    let run = |s: &LeafRun| format!("{}–{}", format::integer(s.first_leaf), format::integer(s.last_leaf));
    all.iter().map(|s| (s.gateway.clone(), run(s))).collect()
}

/// The statements in force.
pub(super) fn stated(t: &Texts, statements: &[Parameter]) -> Vec<Stated> {
    statements
        .iter()
        .map(|p| Stated {
            name: words::word(t, "param", &p.name),
            value: p.value.trim_start_matches(": ").to_owned(),
            leaf: p.leaf.map_or_else(|| t.s("param-constant"), |n| t.f1("param-leaf", "n", format::integer(n))),
            late: p.late,
        })
        .collect()
}

struct Change {
    products: String,
    time: String,
    length: String,
    stopped: String,
}

/// The page.
#[derive(Template)]
#[template(path = "figures.html")]
pub struct FiguresPage {
    frame: Frame,
    t: &'static Texts,
    subject: String,
    back: String,
    findings: String,
    action: String,
    from: String,
    to: String,
    groups: Vec<Group>,
    /// Addresses and titles of what stands on this page.
    jumps: Vec<(String, String)>,
    losses_wide: String,
    losses_narrow: String,
    /// The sections behind the sums of the shop floor.
    floor: Vec<String>,
    changeovers: Vec<Change>,
    notes: Vec<String>,
    statements: Vec<Stated>,
    sources: Vec<(String, String)>,
    prefix: String,
    gaps: Vec<GapRow>,
    gaps_more: String,
}

impl FiguresPage {
    /// Builds the page.
    #[must_use]
    pub fn new(frame: Frame, data: &FiguresView, face: &Clockface) -> Self {
        let t = frame.t();
        let site = format!("/sites/{}", super::view::url_part(&data.site.id));
        let is_site = data.machine == metrics::report::ALL_MACHINES;
        let back =
            if is_site { site.clone() } else { format!("{site}/machines/{}", super::view::url_part(&data.machine)) };
        let steps = steps(t, data);
        let title = t.s("figures-losses");
        let draw =
            |width| if steps.is_empty() { String::new() } else { waterfall::svg("losses", &title, &steps, width) };
        let notes = data.flags.iter().map(|f| words::flag(t, f));
        let groups = groups(t, &data.figures);
        let excluded = data.excluded.iter().map(|shift| t.f1("figures-excluded", "shift", shift.clone()));
        Self {
            subject: if is_site {
                words::name(&data.site.names, t.lang(), &data.site.id)
            } else {
                words::name(&data.machine_names, t.lang(), &data.machine)
            },
            findings: format!("{site}/findings"),
            action: format!("{back}/figures"),
            back,
            from: data.from.clone(),
            to: data.to.clone(),
            jumps: jumps(t, data, &groups),
            groups,
            losses_wide: draw(Width::Wide),
            losses_narrow: draw(Width::Narrow),
            floor: sections(t, data, face),
            changeovers: data
                .changeovers
                .iter()
                .map(|c| Change {
                    products: format!("{} → {}", c.from, c.to),
                    time: format!("{} – {}", face.day_minute(c.from_ms), face.day_minute(c.until_ms)),
                    length: format::duration(c.changeover_ms),
                    stopped: c.stopped_ms.map_or_else(|| NONE.to_owned(), format::duration),
                })
                .collect(),
            notes: notes.chain(excluded).collect(),
            statements: stated(t, &data.statements),
            sources: sources(&data.sources),
            prefix: t.f1("figures-prefix", "prefix", format::integer(data.prefix)),
            gaps: data.gaps.iter().map(|g| gap_row(t, face, g.from_ms, g.until_ms, &g.cause)).collect(),
            gaps_more: match data.gaps_left_out {
                0 => String::new(),
                n => t.f1("figures-gaps-more", "n", format::integer(n)),
            },
            frame,
            t,
        }
    }
}

/// The way to each subject: figures first, then what stands behind them.
fn jumps(t: &Texts, data: &FiguresView, groups: &[Group]) -> Vec<(String, String)> {
    let lists = &data.lists;
    let sections = [
        ("stops", t.s("floor-stops-title"), lists.stops.is_empty()),
        ("failures", t.s("floor-failures-title"), lists.failures.is_empty()),
        ("alarms", t.s("floor-alarms-title"), lists.alarms.is_empty() && lists.alarms_unmatched.is_empty()),
        ("batches", t.s("floor-batches-title"), lists.batches.is_empty()),
        ("between", t.s("floor-between-title"), lists.between.is_empty()),
        ("charts", t.s("floor-charts-title"), lists.charts.is_empty()),
        ("materials", t.s("floor-materials-title"), lists.materials.is_empty()),
    ];
    let figures = groups.iter().map(|g| (format!("#{}", g.anchor), g.title.clone()));
    let behind = sections.into_iter().filter(|(_, _, is_empty)| !is_empty);
    figures.chain(behind.map(|(id, title, _)| (format!("#{id}"), title))).collect()
}

/// Stops, failures, alarms, batches, charts, materials: what there is of them.
fn sections(t: &'static Texts, data: &FiguresView, face: &Clockface) -> Vec<String> {
    let parts = [
        floor::Floor::new(t, &data.lists, face).render(),
        batches::BatchSections::new(t, &data.lists, face).render(),
        control::Controls::new(t, &data.lists, &data.figures, face).render(),
    ];
    parts.into_iter().flatten().collect()
}

/// The steps of the waterfall in whole milliseconds; the whole is what they add up to.
fn steps(t: &Texts, data: &FiguresView) -> Vec<Step> {
    let ms = |seconds: &str| seconds.replace('.', "").parse::<i64>().unwrap_or(0);
    let mut out = Vec::new();
    let parts: Vec<Step> = data
        .waterfall
        .iter()
        .filter(|s| s.kind != "unplanned" && ms(&s.seconds) != 0)
        .map(|s| Step {
            // The picture's column is narrow: the two longest names have a short one.
            name: match s.id.as_str() {
                "effective" => t.s("loss-good"),
                "defects" => t.s("loss-quality"),
                _ => words::name(&s.names, t.lang(), &s.id),
            },
            ms: ms(&s.seconds),
            kind: match (s.kind.as_str(), s.id.as_str()) {
                ("unobserved", _) => Kind::Unknown,
                ("effective", _) => Kind::Good,
                (_, "breakdown") => Kind::Lost(State::Fault),
                (_, "setup") => Kind::Lost(State::Setup),
                (_, "waiting") => Kind::Lost(State::Wait),
                ("availability", _) => Kind::Lost(State::Idle),
                _ => Kind::Computed,
            },
        })
        .collect();
    let whole: i64 = parts.iter().map(|s| s.ms).sum();
    if whole > 0 {
        out.push(Step { name: t.s("loss-planned"), ms: whole, kind: Kind::Planned });
        out.extend(parts);
    }
    out
}

pub(super) fn groups(t: &Texts, lines: &[FigureLine]) -> Vec<Group> {
    let mut out: Vec<(&'static str, Vec<Row>)> = words::GROUPS.iter().map(|g| (*g, Vec::new())).collect();
    for line in lines {
        let group = words::group(&line.definition);
        if let Some((_, rows)) = out.iter_mut().find(|(name, _)| *name == group) {
            rows.push(row(t, line));
        }
    }
    let filled = out.into_iter().filter(|(_, rows)| !rows.is_empty());
    filled
        .map(|(group, rows)| Group { anchor: format!("group-{group}"), title: t.s(&format!("group-{group}")), rows })
        .collect()
}

/// Rows of one of several statements on a page; `place` keeps their anchors apart.
pub(super) fn rows(t: &Texts, place: &str, lines: &[FigureLine]) -> Vec<Row> {
    let apart = |line: &FigureLine| Row {
        anchor: words::anchor(&format!("{place}-{}-{}", line.definition, line.part)),
        figure: figure(t, line, &format!("/metrics#{}", words::anchor(&line.definition))).html(),
        ..row(t, line)
    };
    lines.iter().map(apart).collect()
}

fn row(t: &Texts, line: &FigureLine) -> Row {
    Row {
        figure: linked(t, line).html(),
        anchor: anchor(line),
        name: words::name(&line.names, t.lang(), &line.definition),
        part: if line.part.is_empty() { String::new() } else { words::word(t, "part", &line.part) },
        formula: line.formula.clone(),
        terms: line
            .terms
            .iter()
            .map(|term| {
                (term.symbol.clone(), words::word(t, "term", &term.symbol), term_value(t, &term.value, &term.unit))
            })
            .collect(),
        parameters: line
            .parameters
            .iter()
            .map(|p| {
                let value = if p.name == "source" { words::word(t, "floor-source", &p.value) } else { p.value.clone() };
                (words::word(t, "parameter", &p.name), value)
            })
            .collect(),
        definition_anchor: words::anchor(&line.definition),
        definition: line.definition.clone(),
    }
}

/// A quantity with its unit; long times in words beside the exact number.
fn term_value(t: &Texts, value: &str, unit: &str) -> String {
    let number = value.parse::<i64>().map_or_else(|_| value.to_owned(), format::integer);
    match (unit, value.parse::<i64>()) {
        ("", _) => number,
        ("ms", Ok(ms)) if ms >= 60_000 => format!("{number}{THIN}ms = {}", format::duration(ms)),
        ("pcs", _) => format::with_unit(&number, &t.s("unit-piece")),
        (unit, _) => format::with_unit(&number, unit),
    }
}

/// A printed decimal as a reader sees it: ratios in percent, others with their unit and no more digits than they need.
fn printed(t: &Texts, unit: &str, decimal: &str) -> String {
    let micros: Option<i128> = decimal.replace('.', "").parse().ok();
    let shown = micros.and_then(|m| match unit {
        "1" => format::percent(m, 1_000_000, 1),
        unit => {
            // Three significant decimals below ten, fewer above: a reader compares, the digits are in the API.
            let places = match m.unsigned_abs() {
                0..10_000_000 => 3,
                10_000_000..1_000_000_000 => 2,
                _ => 1,
            };
            let places = if m % 1_000_000 == 0 && matches!(unit, "pcs" | "set" | "n" | "batch") { 0 } else { places };
            format::quotient(m, 1_000_000, places).map(|number| match unit {
                "set" | "word" | "n" | "batch" | "" => number,
                // Longer than two minutes is told in hours and minutes; the digits are in the API.
                "s" if m.unsigned_abs() >= 120_000_000 => i64::try_from(m / 1000).map_or(number, format::duration),
                unit => format::with_unit(&number, &unit.replace("pcs", &t.s("unit-piece"))),
            })
        }
    });
    shown.unwrap_or_else(|| decimal.to_owned())
}

/// A figure as it stands elsewhere on its page: a link to its row.
pub(super) fn linked(t: &Texts, line: &FigureLine) -> Figure {
    figure(t, line, &format!("#{}", anchor(line)))
}

fn anchor(line: &FigureLine) -> String {
    words::anchor(&format!("{}-{}", line.definition, line.part))
}

fn figure(t: &Texts, line: &FigureLine, why: &str) -> Figure {
    let Some(value) = &line.value else {
        return Figure::undefined(reason(t, line.undefined.as_deref().unwrap_or_default()), why);
    };
    let class = if matches!(line.unit.as_str(), "pcs" | "kWh") { Class::Measured } else { Class::Computed };
    let mut out = bounded(t, class, &line.unit, value, [&line.lower, &line.upper], why);
    let [observed, of] = line.coverage;
    if of > 0 {
        out = out.covered(t, observed, of);
    }
    graded(t, out, line.grade.as_deref().unwrap_or_default())
}

/// Why there is no value, in words.
fn reason(t: &Texts, code: &str) -> String {
    if let Some(reason) = metrics::oee::Undefined::from_code(code) {
        return words::because(t, reason);
    }
    metrics::quality::Reason::from_code(code).map_or_else(|| code.to_owned(), |reason| words::said(t, reason.words()))
}

/// A value with the bounds that say something: those that print the same digits do not; the API has all digits.
fn bounded(
    t: &Texts,
    class: Class,
    unit: &str,
    value: &str,
    [lower, upper]: [&Option<String>; 2],
    why: &str,
) -> Figure {
    let mut out = Figure::plain(class, printed(t, unit, value), why);
    let show = |digits: &Option<String>| digits.as_ref().map(|d| printed(t, unit, d));
    match (show(lower), show(upper)) {
        (Some(low), Some(high)) if low != high => out.bounds = format!("[{low}, {high}]"),
        (Some(low), None) if low != out.value => out.bounds = format!("≥{THIN}{low}"),
        _ => {}
    }
    out
}

/// A value of a list.
fn shown(t: &Texts, p: &Printed, why: &str) -> Figure {
    match &p.value {
        Some(value) => bounded(t, Class::Computed, &p.unit, value, [&p.lower, &p.upper], why),
        None => Figure::undefined(reason(t, p.undefined.unwrap_or_default()), why),
    }
}

/// With its grade, where it has a value.
fn graded(t: &Texts, figure: Figure, letter: &str) -> Figure {
    match words::grade(letter).filter(|_| figure.reason.is_empty()) {
        Some(grade) => figure.graded(t, grade),
        None => figure,
    }
}

#[cfg(test)]
pub(super) fn samples(lang: Lang) -> Vec<(&'static str, String)> {
    use super::samples;
    let data = samples::figures();
    let frame = samples::frame(
        lang,
        lang.texts().s("figures-title"),
        "/sites/jh-07/machines/press/figures",
        Nav::Site,
        Some(&data.site),
        data.site.simulated,
    );
    vec![("figures", FiguresPage::new(frame, &data, &samples::face(lang)).render().expect("renders"))]
}
