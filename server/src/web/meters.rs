//! Meters and bills of a site over local dates: what is to be verified first, then each bill against the register of its incoming
//! meter, then the name plates, then every figure with its why.

use askama::Template;
use metrics::figures::meters::{BillLine, Instrument, MeterFinding, YearLine};

use crate::query::{FigureLine, MetersView};

use super::figures::{Group, Stated, groups, linked, sources, stated};
use super::format::{self, Clockface, NONE};
use super::machine::{GapRow, gap_row};
use super::text::Texts;
use super::view::{Frame, Nav, url_part};
use super::words::{self, said};

struct Finding {
    machine: String,
    says: String,
    detail: String,
    time: String,
    leaf: String,
}

struct Bill {
    dates: String,
    account: String,
    machine: String,
    printed: String,
    source: String,
    leaf: String,
    measured: String,
    difference: String,
    allowed: String,
    parts: Vec<(String, String)>,
    verdict: String,
    verdict_css: &'static str,
    reasons: Vec<String>,
}

struct NamePlate {
    machine: String,
    time: String,
    rows: Vec<(String, String)>,
    leaf: String,
    /// The readings for checkers of others, of a meter with a number and for who may see readings.
    ocmf: Option<String>,
}

/// The page.
#[derive(Template)]
#[template(path = "meters.html")]
pub struct MetersPage {
    frame: Frame,
    t: &'static Texts,
    subject: String,
    back: String,
    action: String,
    from: String,
    to: String,
    findings: Vec<Finding>,
    bills: Vec<Bill>,
    years: Vec<String>,
    plates: Vec<NamePlate>,
    groups: Vec<Group>,
    statements: Vec<Stated>,
    prefix: String,
    sources: Vec<(String, String)>,
    gaps: Vec<GapRow>,
}

fn leaf(t: &Texts, leaf: Option<u64>) -> String {
    let number = |n: u64| t.f1("param-leaf", "n", format::integer(n));
    leaf.map_or_else(|| NONE.to_owned(), number)
}

impl MetersPage {
    /// Builds the page; who sees raw readings is offered them.
    #[must_use]
    pub fn new(frame: Frame, data: &MetersView, face: &Clockface, sees_raw: bool) -> Self {
        let t = frame.t();
        let back = format!("/sites/{}", url_part(&data.site.id));
        let name = |id: &str| words::machine(t, &data.machines, id);
        let of_machine = format!("{back}/machines");
        let ocmf = |i: &Instrument| {
            let has_number = i.plate.iter().any(|p| p.name == "serial");
            let machine = url_part(&i.machine);
            let dates = format!("from={}&to={}", data.from, data.to);
            (sees_raw && has_number).then(|| format!("{of_machine}/{machine}/ocmf.xml?{dates}"))
        };
        let mut groups = groups(t, &data.figures);
        for row in groups.iter_mut().flat_map(|g| &mut g.rows) {
            // A part is a machine, or a machine and the dates of a bill.
            let (machine, rest) = row.part.split_once(' ').unwrap_or((&row.part, ""));
            row.part = format!("{} {rest}", name(machine)).trim_end().to_owned();
        }
        Self {
            subject: words::name(&data.site.names, t.lang(), &data.site.id),
            action: format!("{back}/meters"),
            back,
            from: data.from.clone(),
            to: data.to.clone(),
            findings: data.findings.iter().map(|f| finding(t, face, name(&f.machine), f)).collect(),
            bills: data.bills.iter().map(|b| bill(t, b, name(&b.machine), &data.figures)).collect(),
            years: data.years.iter().map(|y| year(t, y)).collect(),
            // What nobody stated is among the matters to verify.
            plates: data
                .instruments
                .iter()
                .filter(|i| i.leaf.is_some())
                .map(|i| NamePlate { ocmf: ocmf(i), ..plate(t, face, name(&i.machine), i) })
                .collect(),
            groups,
            statements: stated(t, &data.statements),
            sources: sources(&data.sources),
            gaps: data.gaps.iter().map(|g| gap_row(t, face, g.from_ms, g.until_ms, &g.cause)).collect(),
            prefix: t.f1("meters-prefix", "prefix", format::integer(data.prefix)),
            frame,
            t,
        }
    }
}

fn time(face: &Clockface, from_ms: i64, to_ms: i64) -> String {
    format!("{} – {}", face.day_minute(from_ms), face.day_minute(to_ms))
}

fn finding(t: &Texts, face: &Clockface, machine: String, f: &MeterFinding) -> Finding {
    Finding {
        machine,
        says: said(t, &f.says),
        detail: said(t, &f.detail),
        time: time(face, f.from_ms, f.to_ms),
        leaf: leaf(t, f.leaf),
    }
}

fn bill(t: &Texts, b: &BillLine, machine: String, figures: &[FigureLine]) -> Bill {
    // The same part that names the bill among the figures: the table's numbers lead to their why below.
    let part = format!("{} {} – {}", b.machine, b.from, b.to);
    let short = |id: &str| {
        let line = figures.iter().find(|f| f.definition == id && f.part == part);
        line.map_or_else(|| NONE.to_owned(), |l| linked(t, l).short())
    };
    let kwh = |digits: &str| format::with_unit(digits, "kWh");
    Bill {
        dates: format!("{} – {}", b.from, b.to),
        account: b.account.clone(),
        machine,
        printed: b.printed.clone(),
        source: said(t, &b.source),
        leaf: leaf(t, Some(b.leaf)),
        measured: b.measured.as_deref().map_or_else(|| NONE.to_owned(), kwh),
        difference: short("bill.difference@1"),
        allowed: short("bill.allowed@1"),
        parts: b
            .allowed
            .iter()
            .map(|p| {
                let value = p.kwh.as_deref().map_or_else(|| t.s("bill-class-unknown"), kwh);
                (words::word(t, "term", p.part), value)
            })
            .collect(),
        verdict: said(t, &b.concludes),
        verdict_css: match b.verdict {
            "within" => "key measured",
            "outside" => "tag late",
            _ => "key unknown",
        },
        reasons: b.reasons.iter().map(|r| said(t, r)).collect(),
    }
}

fn year(t: &Texts, y: &YearLine) -> String {
    let year = y.year.to_string();
    if let Some(why) = &y.refused {
        return t.f("year-refused", &[("year", &year), ("why", why)]);
    }
    if y.is_whole {
        return t.f1("year-whole", "year", year);
    }
    let missing: Vec<String> = y
        .missing
        .iter()
        .map(|m| t.f("year-missing", &[("account", &m.account), ("days", &format::integer(m.days))]))
        .collect();
    t.f("year-short", &[("year", &year), ("missing", &missing.join(" · "))])
}

fn plate(t: &Texts, face: &Clockface, machine: String, i: &Instrument) -> NamePlate {
    NamePlate {
        machine,
        time: time(face, i.from_ms, i.to_ms),
        rows: i.plate.iter().map(|p| (words::word(t, "plate", p.name), said(t, &p.value))).collect(),
        leaf: leaf(t, i.leaf),
        ocmf: None,
    }
}

#[cfg(test)]
pub(super) fn samples(lang: super::text::Lang) -> Vec<(&'static str, String)> {
    use super::samples;
    let data = samples::asked::meters();
    let title = lang.texts().s("meters-title");
    let frame = samples::frame(lang, title, "/sites/jh-07/meters", Nav::Site, Some(&data.site), data.site.simulated);
    vec![("meters", MetersPage::new(frame, &data, &samples::face(lang), true).render().expect("renders"))]
}
