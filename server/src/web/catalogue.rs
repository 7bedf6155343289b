//! Every definition of the product: what assessors and consultants look up before they believe a number.

use askama::Template;

use crate::query::DefinitionView;

use super::text::Texts;
use super::view::{Frame, Nav};

struct Entry {
    id: String,
    anchor: String,
    name: String,
    other: String,
    unit: String,
    formula: String,
    source: String,
    edge: String,
    evaluated_by: String,
}

struct Group {
    title: String,
    entries: Vec<Entry>,
}

/// The page.
#[derive(Template)]
#[template(path = "catalogue.html")]
pub struct CataloguePage {
    frame: Frame,
    t: &'static Texts,
    count: String,
    groups: Vec<Group>,
}

impl CataloguePage {
    /// Builds the page from definitions by subject.
    #[must_use]
    pub fn new(frame: Frame, grouped: Vec<(&'static str, Vec<DefinitionView>)>) -> Self {
        let t = frame.t();
        let count: usize = grouped.iter().map(|(_, all)| all.len()).sum();
        let groups = grouped.into_iter().map(|(group, all)| Group {
            title: t.s(&format!("group-{group}")),
            entries: all.into_iter().map(|d| entry(t, d)).collect(),
        });
        Self { groups: groups.collect(), count: t.f1("catalogue-count", "n", count), frame, t }
    }
}

fn entry(t: &Texts, d: DefinitionView) -> Entry {
    let chinese = t.lang() == super::text::Lang::Zh;
    let pick = |zh: String, en: String| if chinese { (zh, en) } else { (en, zh) };
    let (name, other) = pick(d.names.zh, d.names.en);
    Entry {
        anchor: super::words::anchor(&d.id),
        name,
        other,
        unit: if d.unit == "1" { t.s("catalogue-ratio") } else { d.unit },
        formula: d.formula,
        source: d.source,
        edge: pick(d.edge.zh, d.edge.en).0,
        evaluated_by: d.evaluated_by,
        id: d.id,
    }
}

#[cfg(test)]
pub(super) fn samples(lang: super::text::Lang) -> Vec<(&'static str, String)> {
    use super::{samples, words};
    let frame = samples::frame(lang, lang.texts().s("catalogue-title"), "/metrics", Nav::Fleet, None, false);
    let page = CataloguePage::new(frame, words::grouped(crate::query::definitions()));
    vec![("catalogue", page.render().expect("renders"))]
}
