//! Control charts of key characteristics, and material.
//!
//! Whether a process kept its limits stands beside every capability: an index says nothing of a process that did not.

use askama::Template;

use crate::query::FigureLine;
use crate::web::chart::Width;
use crate::web::chart::control::{Control, Point, svg};
use crate::web::format::{self, Clockface, NONE};
use crate::web::text::Texts;
use crate::web::words;
use metrics::figures::lists::{ChartLine, Lists, MaterialLine};

use super::floor::{more, on_page, span};
use super::{figure, graded, shown};

struct Chart {
    name: String,
    health: &'static str,
    verdict: String,
    wide: String,
    narrow: String,
    facts: Vec<(String, String)>,
    indices: Vec<(String, String)>,
    broken: Vec<(String, String, String)>,
    broken_more: String,
    beyond: Vec<(String, String, String)>,
    beyond_title: String,
    beyond_more: String,
    points_more: String,
}

struct Material {
    name: String,
    source: String,
    class: &'static str,
    signal: String,
    amount: String,
    refills: String,
    per_good: String,
    against: String,
    standard: String,
}

/// The sections.
#[derive(Template)]
#[template(path = "part/control.html")]
pub(super) struct Controls {
    t: &'static Texts,
    charts: Vec<Chart>,
    materials: Vec<Material>,
}

impl Controls {
    pub(super) fn new(t: &'static Texts, lists: &Lists, figures: &[FigureLine], face: &Clockface) -> Self {
        let charts = lists.charts.iter().enumerate();
        Self {
            charts: charts.map(|(i, c)| chart(t, &format!("control-{i}"), c, figures, face)).collect(),
            materials: lists.materials.iter().map(|m| material(t, m)).collect(),
            t,
        }
    }
}

/// Digits without trailing zeros.
fn short(digits: &str) -> &str {
    if digits.contains('.') { digits.trim_end_matches('0').trim_end_matches('.') } else { digits }
}

fn chart(t: &Texts, id: &str, c: &ChartLine, figures: &[FigureLine], face: &Clockface) -> Chart {
    let (health, verdict) = match (c.in_control, c.undefined) {
        (Some(true), _) => ("good", t.s("floor-in-control")),
        (Some(false), _) => {
            let n = format::integer(c.broken.len() + c.broken_left_out);
            ("warn", t.f1("floor-out-of-control", "n", n))
        }
        (None, Some(code)) => ("none", t.f1("floor-no-limits", "reason", super::reason(t, code))),
        (None, None) => ("none", t.s("floor-no-points")),
    };
    let name = words::name(&c.names, t.lang(), &c.characteristic);
    let picture = picture(t, c, &name, &verdict, face);
    let draw = |width| if c.points.is_empty() { String::new() } else { svg(id, &picture, width) };
    let spec = |limit: &Option<String>| limit.clone().unwrap_or_else(|| NONE.to_owned());
    let mut facts = vec![
        (t.s("floor-specification"), format!("{} – {} {}", spec(&c.lsl), spec(&c.usl), c.unit)),
        (t.s("floor-rules"), c.rules.clone()),
    ];
    facts.extend(c.target.clone().map(|target| (t.s("floor-target"), format::with_unit(&target, &c.unit))));
    facts.extend(c.base.map(|[from, to]| {
        let points = c.limits.as_ref().map_or(0, |l| l.points);
        let days = span(face, from, to);
        (t.s("floor-base"), format!("{days} · {}", t.f1("floor-points", "n", format::integer(points))))
    }));
    facts.push((t.s("floor-measurements"), format::integer(c.measurements)));
    let missing = [
        ("floor-missed", c.missed),
        ("floor-incomplete", c.incomplete),
        ("floor-other-unit", usize::try_from(c.other_unit).unwrap_or(usize::MAX)),
    ];
    facts.extend(missing.into_iter().filter(|(_, n)| *n > 0).map(|(key, n)| (t.s(key), format::integer(n))));
    let beside = ["spc.cp@1", "spc.cpk@1", "spc.pp@1", "spc.ppk@1"].into_iter();
    let found = beside.filter_map(|id| figures.iter().find(|f| f.definition == id && f.part == c.part));
    let indices = found.map(|f| {
        let mut shown = figure(t, f, &on_page(&f.definition, &f.part));
        shown.coverage.clear();
        (f.definition.split(['.', '@']).nth(1).unwrap_or_default().to_owned(), shown.html())
    });
    let value = |digits: &str| format::with_unit(short(digits), &c.unit);
    Chart {
        health,
        verdict,
        wide: draw(Width::Wide),
        narrow: draw(Width::Narrow),
        facts,
        indices: indices.map(|(name, html)| (capital(&name), html)).collect(),
        broken: c
            .broken
            .iter()
            .map(|b| {
                let side = b.side.map(|s| words::word(t, "floor-side", s)).unwrap_or_default();
                let single = b.from_ms == b.to_ms;
                let time = if single { face.day_minute(b.from_ms) } else { span(face, b.from_ms, b.to_ms) };
                (words::name(&b.words, t.lang(), b.rule), side, time)
            })
            .collect(),
        broken_more: more(t, c.broken_left_out),
        beyond_title: t.f1("floor-beyond", "n", format::integer(c.out_of_specification.len())),
        beyond: c
            .out_of_specification
            .iter()
            .map(|v| (face.day_minute(v.at_ms), value(&v.value), words::word(t, "floor-side", v.side)))
            .collect(),
        beyond_more: more(t, c.out_of_specification_left_out),
        points_more: more(t, c.points_left_out),
        name,
    }
}

/// `cpk` as it is written.
fn capital(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

fn picture(t: &Texts, c: &ChartLine, name: &str, verdict: &str, face: &Clockface) -> Control {
    let read = |digits: &str| digits.parse::<f64>().ok();
    let three = |l: &[String; 3]| Some([read(&l[0])?, read(&l[1])?, read(&l[2])?]);
    let (upper, lower) = if c.subgroup.is_some() { ("X̄", "R") } else { ("X", "MR") };
    let kind = if c.subgroup.is_some() { t.s("floor-xbar-r") } else { t.s("floor-individuals") };
    let marked = c.points.iter().filter(|p| p.is_marked || p.is_range_marked).count();
    let mut words = vec![
        verdict.to_owned(),
        t.f1("floor-points", "n", format::integer(c.points.len())),
        t.f1("floor-marked", "n", format::integer(marked)),
    ];
    if let Some(l) = &c.limits {
        let [low, centre, high] = &l.location;
        words.push(format!("LCL {}, CL {}, UCL {} {}", short(low), short(centre), short(high), c.unit));
    }
    let unit = |name: &str| if c.unit.is_empty() { name.to_owned() } else { format!("{name} ({})", c.unit) };
    Control {
        title: format!("{name} · {kind}"),
        words: words.join(" · "),
        panels: [
            match c.subgroup {
                Some(n) => format!("{} · n = {n}", unit(upper)),
                None => unit(upper),
            },
            unit(lower),
        ],
        points: c
            .points
            .iter()
            .filter_map(|p| {
                Some(Point {
                    time: face.day_minute(p.at_ms),
                    centre: read(&p.centre)?,
                    range: p.range.as_deref().and_then(read),
                    follows: p.follows,
                    is_marked: p.is_marked,
                    is_range_marked: p.is_range_marked,
                })
            })
            .collect(),
        location: c.limits.as_ref().and_then(|l| three(&l.location)),
        range: c.limits.as_ref().and_then(|l| three(&l.range)),
        specification: [&c.lsl, &c.usl].map(|l| l.as_deref().and_then(read)),
    }
}

fn material(t: &Texts, m: &MaterialLine) -> Material {
    let name = words::name(&m.names, t.lang(), &m.material);
    // The part of the figures: the material, and its leaf where it was declared twice.
    let part = m.part.as_str();
    Material {
        name,
        source: words::word(t, "floor-source", m.source),
        class: if m.source == "backflush" { "stated" } else { "measured" },
        signal: m.signal.clone().unwrap_or_default(),
        amount: shown(t, &m.amount, &on_page("material.per_good@1", part)).html(),
        refills: if m.refills > 0 { t.f1("floor-refills", "n", format::integer(m.refills)) } else { String::new() },
        per_good: graded(t, shown(t, &m.per_good, &on_page("material.per_good@1", part)), m.grade).html(),
        against: match m.standard {
            Some(_) => shown(t, &m.against_standard, &on_page("material.standard@1", part)).html(),
            None => NONE.to_owned(),
        },
        standard: m
            .standard
            .as_ref()
            .map(|s| format::with_unit(s, &m.per_good.unit.replace("pcs", &t.s("unit-piece"))))
            .unwrap_or_default(),
    }
}
