//! "Why this number": the formula with the numbers put in, inputs, gaps, parameters and versions, the records it came
//! from, and how to check it without us.

use std::collections::BTreeSet;

use askama::Template;
use jiff::civil::Date;

use crate::query::{Term, Why};

use super::format::{self, Clockface, NONE, THIN};
use super::machine::{GapRow, gap_row};
use super::text::Texts;
use super::view::{Class, Figure, Frame, Nav};
use super::words;

struct Equation {
    symbols: String,
    den_symbols: String,
    numbers: String,
    den_numbers: String,
    result: String,
}

struct Input {
    symbol: String,
    name: String,
    value: String,
    source: String,
}

struct Param {
    name: String,
    value: String,
    css: &'static str,
    leaf: String,
    late: bool,
}

struct BatchRun {
    gateway: String,
    chain: String,
    sequence: String,
    leaves: String,
    count: String,
}

struct Other {
    name: String,
    figure: String,
}

/// The page.
#[derive(Template)]
#[template(path = "why.html")]
pub struct WhyPage {
    frame: Frame,
    t: &'static Texts,
    subject: String,
    back: String,
    name: String,
    figure: String,
    words: String,
    equation: Equation,
    definition: String,
    inputs: Vec<Input>,
    gaps: Vec<GapRow>,
    parameters: Vec<Param>,
    grade_reasons: Vec<String>,
    batches: Vec<BatchRun>,
    batches_words: String,
    lineage: Vec<(String, String)>,
    others: Vec<Other>,
}

impl WhyPage {
    /// Builds the page.
    #[must_use]
    pub fn new(frame: Frame, data: &Why, face: &Clockface) -> Self {
        let t = frame.t();
        let machine = words::name(&data.machine_names, t.lang(), &data.machine);
        let shift = words::shift_name(t, &data.shift);
        let day = data.shift.date.parse::<Date>().map_or_else(|_| data.shift.date.clone(), |d| face.date_words(d));
        let figure = words::figure(t, &data.figure, "");
        let result = figure.value.clone();
        let records: u64 = data.sources.iter().map(|s| s.last_sequence.saturating_sub(s.first_sequence) + 1).sum();
        let why =
            |metric: &str| words::why_href(&data.site.id, &data.machine, &data.shift.date, &data.shift.name, metric);
        Self {
            subject: format!(
                "{machine} · {day} {shift} {}–{}",
                face.minute(data.shift.from_ms),
                face.minute(data.shift.until_ms)
            ),
            back: format!(
                "/sites/{}/machines/{}?date={}&shift={}",
                super::view::url_part(&data.site.id),
                super::view::url_part(&data.machine),
                super::view::url_part(&data.shift.date),
                super::view::url_part(&data.shift.name)
            ),
            name: words::metric(t, &data.figure.metric),
            words: explanation(t, &data.figure.metric),
            equation: equation(t, data, &result),
            definition: t.f1("why-definition", "id", data.figure.metric.clone()),
            inputs: data.terms.iter().map(|term| input(t, term)).collect(),
            // Every tag of a silent device reports the same gap; a reader needs it once.
            gaps: data
                .gaps
                .iter()
                .map(|g| (g.from_ms, g.until_ms, g.cause.as_str()))
                .collect::<BTreeSet<_>>()
                .into_iter()
                .map(|(from_ms, until_ms, cause)| gap_row(t, face, from_ms, until_ms, cause))
                .collect(),
            parameters: data
                .parameters
                .iter()
                .map(|p| Param {
                    name: words::word(t, "param", &p.name),
                    value: p.value.trim_start_matches(": ").to_owned(),
                    css: if p.leaf.is_some() { Class::Stated.css() } else { "constant" },
                    leaf: p.leaf.map_or_else(|| t.s("param-constant"), |n| t.f1("param-leaf", "n", format::integer(n))),
                    late: p.late,
                })
                .collect(),
            grade_reasons: reasons(t, data),
            batches: data
                .sources
                .iter()
                .map(|s| BatchRun {
                    gateway: s.gateway.clone(),
                    chain: format::short_digest(&s.chain),
                    sequence: format!("{}–{}", group(s.first_sequence), group(s.last_sequence)),
                    leaves: format!("{}–{}", group(s.first_leaf), group(s.last_leaf)),
                    count: group(s.last_sequence.saturating_sub(s.first_sequence) + 1),
                })
                .collect(),
            batches_words: t
                .f("why-batches-words", &[("n", &group(records)), ("prefix", &format::integer(data.prefix))]),
            lineage: ["register", "batch", "receipt", "leaf", "value"]
                .into_iter()
                .map(|step| (t.s(&format!("lineage-{step}")), t.s(&format!("lineage-{step}-words"))))
                .collect(),
            others: data
                .others
                .iter()
                .map(|f| Other {
                    name: words::metric(t, &f.metric),
                    figure: words::figure(t, f, &why(&f.metric)).short(),
                })
                .collect(),
            figure: figure.html(),
            frame,
            t,
        }
    }
}

fn group(n: u64) -> String {
    format::integer(n)
}

fn explanation(t: &Texts, metric: &str) -> String {
    let text = words::word(t, "explain", metric);
    if text == metric { String::new() } else { text }
}

/// Splits `PRI·GQ / PBT` and puts the numbers in. What is not a known symbol stays as it stands.
fn equation(t: &Texts, data: &Why, result: &str) -> Equation {
    let (num, den) = match data.formula.split_once(" / ") {
        Some((num, den)) => (num.trim(), den.trim()),
        None => (data.formula.trim(), ""),
    };
    Equation {
        symbols: num.to_owned(),
        den_symbols: den.to_owned(),
        numbers: substitute(t, num, &data.terms),
        den_numbers: substitute(t, den, &data.terms),
        result: result.to_owned(),
    }
}

fn substitute(t: &Texts, expression: &str, terms: &[Term]) -> String {
    let mut out = String::new();
    let mut symbol = String::new();
    for c in expression.chars().chain([' ']) {
        if c.is_alphanumeric() || c == '_' {
            symbol.push(c);
            continue;
        }
        if !symbol.is_empty() {
            match terms.iter().find(|term| term.symbol == symbol) {
                Some(term) => out.push_str(&term_value(t, term)),
                None => out.push_str(&symbol),
            }
            symbol.clear();
        }
        out.push_str(match c {
            '·' | '*' => " × ",
            ' ' => "",
            '+' => " + ",
            '-' | '−' => " − ",
            _ => "",
        });
        if matches!(c, '(' | ')' | '/') {
            out.push(c);
        }
    }
    out
}

/// A quantity with its unit, exact: every digit the evaluation used.
fn term_value(t: &Texts, term: &Term) -> String {
    let number = term.value.parse::<i64>().map_or_else(|_| term.value.clone(), format::integer);
    match term.unit.as_str() {
        "" | "ratio" => number,
        // Both in seconds, so that the fraction can be checked by hand.
        "us" => seconds(&term.value, 1_000_000).unwrap_or_else(|| format!("{number}{THIN}us")),
        "ms" => seconds(&term.value, 1_000).unwrap_or_else(|| format!("{number}{THIN}ms")),
        "piece" => format!("{number}{THIN}{}", t.s("unit-piece")),
        unit => format!("{number}{THIN}{unit}"),
    }
}

/// Whole and fractional seconds without trailing zeros; every digit is kept.
fn seconds(value: &str, per_second: i64) -> Option<String> {
    let value = value.parse::<i64>().ok()?;
    let places = per_second.ilog10() as usize;
    let sign = if value < 0 { "−" } else { "" };
    let whole = format::integer(i64::try_from(value.unsigned_abs()).ok()? / per_second);
    let text = format!("{sign}{whole}.{:0places$}", (value % per_second).abs());
    Some(format!("{}{THIN}s", text.trim_end_matches('0').trim_end_matches('.')))
}

fn input(t: &Texts, term: &Term) -> Input {
    let class = match term.symbol.as_str() {
        "PRI" | "POT" | "PDOT" => Class::Stated,
        "GQ" | "PQ" | "SQ" | "RQ" | "E" | "EC" => Class::Measured,
        "UNK" => Class::Unknown,
        _ => Class::Computed,
    };
    let human = match (term.unit.as_str(), term.value.parse::<i64>()) {
        ("ms", Ok(ms)) if ms >= 60_000 => format!(" = {}", format::duration(ms)),
        _ => String::new(),
    };
    Input {
        symbol: term.symbol.clone(),
        name: words::word(t, "term", &term.symbol),
        value: Figure::plain(class, format!("{}{human}", term_value(t, term)), "").html(),
        source: t.s(class.key()),
    }
}

fn reasons(t: &Texts, data: &Why) -> Vec<String> {
    let mut out = Vec::new();
    if let Some(grade) = words::grade(&data.figure.grade) {
        out.push(t.s(&format!("grade-{}-words", grade.letter().to_ascii_lowercase())));
    }
    out.extend(data.figure.flags.iter().map(|f| words::flag(t, f)));
    if out.is_empty() {
        out.push(NONE.into());
    }
    out
}

#[cfg(test)]
pub(super) fn samples(lang: super::text::Lang) -> Vec<(&'static str, String)> {
    use super::samples;
    let html = |data: &Why| {
        let name = words::metric(lang.texts(), &data.figure.metric);
        let frame = samples::frame(
            lang,
            name,
            "/sites/jh-07/machines/press/why?metric=oee",
            Nav::Site,
            Some(&data.site),
            data.site.simulated,
        );
        WhyPage::new(frame, data, &samples::face(lang)).render().expect("renders")
    };
    vec![("why", html(&samples::why())), ("why-undefined", html(&samples::why_undefined()))]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::text::Lang;

    #[test]
    fn numbers_are_put_into_the_formula() {
        let term = |symbol: &str, value: &str, unit: &str| Term {
            symbol: symbol.into(),
            value: value.into(),
            unit: unit.into(),
        };
        let terms = [term("PRI", "4200000", "us"), term("GQ", "5214", "piece")];
        let text = substitute(Lang::En.texts(), "PRI·GQ", &terms).replace(THIN, " ");
        assert_eq!(text, "4.2 s × 5214 pcs");
        assert_eq!(substitute(Lang::En.texts(), "Σ(PRI·X)", &terms).replace(THIN, " "), "Σ(4.2 s × X)");
        let places = |value: &str, per| seconds(value, per).map(|s| s.replace(THIN, " "));
        assert_eq!(places("-500", 1_000).as_deref(), Some("−0.5 s"));
        assert_eq!(places("27000000", 1_000).as_deref(), Some("27 000 s"));
    }
}
