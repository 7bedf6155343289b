//! What the data of a site evidences of the 评测指标 2024: points of single questions, what is missing, and the levels that bodies
//! stated. The page never states a level of its own.

use askama::Template;
use metrics::figures::questionnaire::{AskedLine, ChangeLine, LevelLine, QuestionLine};

use crate::query::QuestionnaireView;

use super::format;
#[cfg(test)]
use super::text::Lang;
use super::text::Texts;
use super::view::{Frame, Nav, url_part};
use super::words::{self, said};

struct Question {
    number: u8,
    name: String,
    is_counted: bool,
    points: String,
    none: String,
    grade: String,
    grade_css: String,
    options: Vec<String>,
    shown: Vec<Shown>,
    changes: Vec<String>,
    lacks: Vec<String>,
    notes: Vec<String>,
}

struct Shown {
    definition: String,
    name: String,
    value: String,
    quotient: String,
    formula: &'static str,
}

struct Level {
    says: String,
    since: String,
    document: String,
    leaf: String,
    assessor: String,
}

struct Line {
    item: String,
    place: String,
    verdict: String,
    css: &'static str,
    grade: String,
    grade_css: String,
    found: Vec<(String, String)>,
    lacking: Vec<String>,
}

struct Table {
    title: String,
    words: String,
    summary: String,
    lines: Vec<Line>,
}

/// The page.
#[derive(Template)]
#[template(path = "questionnaire.html")]
pub struct QuestionnairePage {
    frame: Frame,
    t: &'static Texts,
    subject: String,
    back: String,
    action: String,
    from: String,
    to: String,
    headline: String,
    grade: String,
    grade_css: String,
    document: String,
    questions: Vec<Question>,
    levels: Vec<Level>,
    tables: Vec<Table>,
    prefix: String,
    figures: String,
}

impl QuestionnairePage {
    /// Builds the page.
    #[must_use]
    pub fn new(frame: Frame, data: &QuestionnaireView) -> Self {
        let t = frame.t();
        let back = format!("/sites/{}", url_part(&data.site.id));
        let (grade, grade_css) = graded(t, data.grade.as_deref());
        let table = |key: &str, words: String, lines: &[AskedLine]| Table {
            title: t.s(&format!("questionnaire-{key}")),
            words,
            summary: summary(t, lines),
            lines: lines.iter().map(|l| line(t, l)).collect(),
        };
        let tables = [
            table("scenes", t.s("questionnaire-scenes-words"), &data.scenes),
            table("checklist", t.s("questionnaire-checklist-words"), &data.checklist),
            table("lighthouse", data.lighthouse_source.clone(), &data.lighthouse),
        ];
        Self {
            subject: words::name(&data.site.names, t.lang(), &data.site.id),
            figures: format!("{back}/figures?from={}&to={}", data.from, data.to),
            action: format!("{back}/questionnaire"),
            back,
            from: data.from.clone(),
            to: data.to.clone(),
            headline: said(t, &data.headline),
            grade,
            grade_css,
            document: said(t, &data.document),
            questions: data.questions.iter().map(|q| question(t, q)).collect(),
            levels: data.levels.iter().map(|l| level(t, l)).collect(),
            tables: tables.into_iter().filter(|a| !a.lines.is_empty()).collect(),
            prefix: t.f1("meters-prefix", "prefix", format::integer(data.prefix)),
            frame,
            t,
        }
    }
}

fn graded(t: &Texts, letter: Option<&str>) -> (String, String) {
    let Some(grade) = letter.and_then(words::grade) else { return (String::new(), String::new()) };
    (t.f1("grade", "letter", grade.letter().to_string()), format!("grade {}", grade.css()))
}

fn named(t: &Texts, definition: &str) -> String {
    metrics::catalogue::explain(definition).map_or_else(|| definition.to_owned(), |e| said(t, e.names))
}

fn question(t: &Texts, q: &QuestionLine) -> Question {
    let (grade, grade_css) = graded(t, q.grade);
    Question {
        number: q.question,
        name: said(t, &q.names),
        is_counted: q.is_counted,
        points: q.points.as_deref().map_or_else(String::new, |points| {
            t.f("questionnaire-points", &[("points", &points.to_owned()), ("of", &q.of)])
        }),
        none: if q.is_counted { t.f1("questionnaire-none", "of", q.of.clone()) } else { t.s("questionnaire-beside") },
        grade,
        grade_css,
        options: q.options.iter().map(|o| format!("{}. {}", o.option, said(t, &o.names))).collect(),
        shown: q
            .shown
            .iter()
            .map(|s| {
                let name = named(t, s.definition);
                let of = if s.of.is_empty() { String::new() } else { format!(" {}", s.of) };
                Shown {
                    definition: words::anchor(s.definition),
                    name: format!("{name}{of}"),
                    value: value(s.definition, &s.value),
                    quotient: format!("{} / {}", s.numerator, s.denominator),
                    formula: s.formula,
                }
            })
            .collect(),
        changes: q.changes.iter().map(|c| change(t, c)).collect(),
        lacks: q.lacks.iter().map(|l| said(t, l)).collect(),
        notes: q.notes.iter().map(|n| said(t, n)).collect(),
    }
}

/// A value in the unit of its definition: shares in percent, others as they are.
fn value(definition: &str, digits: &str) -> String {
    let is_share = metrics::catalogue::explain(definition).is_some_and(|e| e.unit == "1");
    let micros = digits.replace('.', "").parse::<i128>().ok().filter(|_| is_share);
    micros.and_then(|m| format::percent(m, 1_000_000, 1)).unwrap_or_else(|| digits.to_owned())
}

fn change(t: &Texts, c: &ChangeLine) -> String {
    let mut out = t.f(
        "questionnaire-change",
        &[
            ("basis", &said(t, &c.basis)),
            ("before", &c.before),
            ("after", &c.after),
            ("change", &c.change),
            ("direction", &said(t, &c.direction)),
        ],
    );
    if let Some([low, high]) = &c.interval {
        out.push_str(&format!(" [{low}, {high}]"));
    }
    out
}

fn level(t: &Texts, l: &LevelLine) -> Level {
    Level {
        says: said(t, &l.says),
        since: l.since.as_ref().map_or_else(|| format::NONE.to_owned(), |w| said(t, w)),
        document: l.document.clone(),
        leaf: t.f1("param-leaf", "n", format::integer(l.leaf)),
        assessor: l.assessor.clone(),
    }
}

fn summary(t: &Texts, lines: &[AskedLine]) -> String {
    let count = |verdict: &str| format::integer(lines.iter().filter(|l| l.verdict == verdict).count() as i64);
    t.f(
        "questionnaire-summary",
        &[
            ("all", &format::integer(lines.len() as i64)),
            ("evidenced", &count("evidenced")),
            ("partly", &count("partly")),
            ("beyond", &count("beyond")),
        ],
    )
}

fn line(t: &Texts, l: &AskedLine) -> Line {
    let (grade, grade_css) = graded(t, l.grade);
    Line {
        item: said(t, &l.item),
        place: said(t, &l.place),
        verdict: said(t, &l.words),
        css: match l.verdict {
            "evidenced" => "key measured",
            "partly" => "key computed",
            "beyond" => "key stated",
            _ => "key unknown",
        },
        grade,
        grade_css,
        found: l.found.iter().map(|id| (words::anchor(id), named(t, id))).collect(),
        lacking: l.lacking.iter().map(|w| said(t, w)).collect(),
    }
}

#[cfg(test)]
pub(super) fn samples(lang: Lang) -> Vec<(&'static str, String)> {
    use super::samples;
    let data = samples::asked::questionnaire();
    let title = lang.texts().s("questionnaire-title");
    let frame =
        samples::frame(lang, title, "/sites/jh-07/questionnaire", Nav::Site, Some(&data.site), data.site.simulated);
    vec![("questionnaire", QuestionnairePage::new(frame, &data).render().expect("renders"))]
}
