//! Batches one by one, and the time between them.

use askama::Template;

use crate::web::format::{self, Clockface, NONE, THIN};
use crate::web::text::Texts;
use crate::web::view::Figure;
use crate::web::words;
use metrics::figures::lists::{BatchLine, BetweenLine, Lists, PhaseLine};

use super::floor::{more, on_page, span};
use super::{graded, shown};

struct Batch {
    batch: String,
    product: String,
    time: String,
    lasted: String,
    standard: String,
    yielded: String,
    energy: String,
    per_unit: String,
    basis: String,
    is_stated: bool,
    corrected: String,
    phases: Vec<(String, String)>,
}

struct Between {
    batches: String,
    time: String,
    lasted: String,
    cleaning: String,
    setup: String,
    rest: String,
}

/// The sections.
#[derive(Template)]
#[template(path = "part/batches.html")]
pub(super) struct BatchSections {
    t: &'static Texts,
    batches: Vec<Batch>,
    batches_more: String,
    between: Vec<Between>,
    between_more: String,
}

impl BatchSections {
    pub(super) fn new(t: &'static Texts, lists: &Lists, face: &Clockface) -> Self {
        Self {
            batches: lists.batches.iter().map(|b| batch(t, b, face)).collect(),
            batches_more: more(t, lists.batches_left_out),
            between: lists.between.iter().map(|b| between(t, b, face)).collect(),
            between_more: more(t, lists.between_left_out),
            t,
        }
    }
}

fn batch(t: &Texts, b: &BatchLine, face: &Clockface) -> Batch {
    let leaf = |n: u64| t.f1("param-leaf", "n", format::integer(n));
    let basis = match b.leaf {
        Some(n) => format!("{} · {}", t.s("floor-source-stated"), leaf(n)),
        None => t.s("floor-basis-signal"),
    };
    let basis = if b.is_interrupted { format!("{basis} · {}", t.s("floor-interrupted")) } else { basis };
    Batch {
        batch: b.batch.clone(),
        product: if b.product == "*" { String::new() } else { b.product.clone() },
        time: span(face, b.from_ms, b.to_ms),
        lasted: format::duration(b.to_ms - b.from_ms),
        standard: b.standard_ms.map(|ms| t.f1("floor-standard-time", "time", format::duration(ms))).unwrap_or_default(),
        yielded: shown(t, &b.yielded, &on_page("batch.yield@1", "")).html(),
        energy: shown(t, &b.energy, &on_page("batch.energy@1", "")).html(),
        per_unit: graded(t, shown(t, &b.energy_per_unit, &on_page("batch.energy_per_unit@1", "")), b.grade).html(),
        is_stated: b.leaf.is_some(),
        basis,
        corrected: match b.superseded.len() {
            0 => String::new(),
            _ => {
                t.f1("floor-corrected", "leaves", b.superseded.iter().map(|n| leaf(*n)).collect::<Vec<_>>().join("、"))
            }
        },
        phases: b.phases.iter().map(|p| phase(t, p)).collect(),
    }
}

fn phase(t: &Texts, p: &PhaseLine) -> (String, String) {
    let name = if p.kind == "cleaning" { format!("{} · {}", p.phase, t.s("part-cleaning")) } else { p.phase.clone() };
    let actual = p.actual_ms.map_or_else(|| t.s("floor-not-stated"), format::duration);
    match p.standard_ms {
        Some(ms) => (name, format!("{actual} / {}", t.f1("floor-standard-time", "time", format::duration(ms)))),
        None => (name, actual),
    }
}

fn between(t: &Texts, b: &BetweenLine, face: &Clockface) -> Between {
    let figure = |[value, least, most]: [i64; 3], definition: &str, part: &str| {
        if [value, least, most] == [0; 3] {
            return NONE.to_owned();
        }
        let class = crate::web::view::Class::Computed;
        let mut out = Figure::plain(class, format::duration(value), on_page(definition, part));
        if least != most {
            out.bounds = format!("[{}, {}]", format::duration(least), format::duration(most));
        }
        out.html()
    };
    let rest = [
        ("planned", b.planned_ms),
        ("running", b.running_ms),
        ("waiting", b.waiting_ms),
        ("unobserved", b.unobserved_ms),
    ];
    let rest = rest.into_iter().filter(|(_, ms)| *ms > 0);
    let rest: Vec<String> = rest
        .map(|(part, ms)| format!("{}{THIN}{}", words::word(t, "floor-between", part), format::duration(ms)))
        .collect();
    Between {
        batches: format!("{} → {}", b.before, b.after),
        time: span(face, b.from_ms, b.to_ms),
        lasted: if b.changes_product {
            format!("{} · {}", format::duration(b.to_ms - b.from_ms), t.s("floor-changes-product"))
        } else {
            format::duration(b.to_ms - b.from_ms)
        },
        cleaning: figure(b.cleaning_ms, "batch.gap@1", "cleaning"),
        setup: figure(b.setup_ms, "batch.gap@1", "setup"),
        rest: if rest.is_empty() { NONE.to_owned() } else { rest.join(" · ") },
    }
}
