//! Matters to verify (待核实事项) of a site in a week: *what should somebody look at, and what does the factory say?*
//!
//! Constraints first:
//! - The page asks and never judges: what the record says, what to look at on site, and the factory's words beside it with the
//!   same weight. Who may not see a matter yet is told how many there are.
//! - Every number of a matter links to its detector in the catalogue; the detector's version, parameters and false-positive rate
//!   stand on the card.
//! - A form that was refused comes back with everything that was typed.

use askama::Template;

use crate::query::{DetectorParameter, DetectorView, FindingView, FindingsView, StepView};

use super::format::{self, Clockface, NONE};
#[cfg(test)]
use super::text::Lang;
use super::text::Texts;
use super::view::{Class, Figure, Frame, Nav, url_part};
use super::words;

/// Stretches of time a card shows before it folds the others.
const STRETCHES_SHOWN: usize = 3;

/// What somebody typed into a form that was refused.
#[derive(Clone, Debug, Default)]
pub struct Typed {
    /// Key of the finding.
    pub key: String,
    /// The explanation.
    pub text: String,
    /// The digest.
    pub document: String,
    /// What is wrong, a finished sentence.
    pub problem: String,
}

struct Reading {
    time: String,
    tag: String,
    raw: String,
    leaf: String,
}

/// A step of a matter's way, taken or to come.
struct Step {
    name: String,
    when: String,
    who: String,
    css: &'static str,
}

struct Said {
    who: String,
    when: String,
    leaf: String,
    text: String,
    document: String,
}

struct Card {
    anchor: String,
    key: String,
    title: String,
    machine: String,
    says: String,
    on_site: String,
    stretches: Vec<String>,
    stretches_more: Vec<String>,
    more_words: String,
    signals: Vec<String>,
    quantities: Vec<(String, String)>,
    readings: Vec<Reading>,
    detector: String,
    detector_href: String,
    compares: String,
    rule: String,
    parameters: Vec<(String, String)>,
    honest: String,
    steps: Vec<Step>,
    said: Vec<Said>,
    // What names the finding in a form.
    machine_id: String,
    from_ms: i64,
    is_answered: bool,
    typed: Typed,
}

struct Group {
    title: String,
    words: String,
    cards: Vec<Card>,
}

struct Unchecked {
    name: String,
    machines: String,
    time: String,
    reason: String,
}

/// The page.
#[derive(Template)]
#[template(path = "findings.html")]
pub struct FindingsPage {
    frame: Frame,
    t: &'static Texts,
    subject: String,
    back: String,
    action: String,
    week: String,
    week_words: String,
    previous: String,
    next: String,
    headline: String,
    problem: String,
    done: String,
    withheld: Vec<String>,
    order: String,
    may_answer: bool,
    form_token: String,
    groups: Vec<Group>,
    left_out: Vec<String>,
    is_empty: bool,
    empty_words: String,
    clear_lead: String,
    clear: Vec<(String, String)>,
    unchecked: Vec<Unchecked>,
    honest: String,
    prefix: String,
}

impl FindingsPage {
    /// Builds the page. `done` is a finished sentence or empty; `typed` belongs to a form that was refused.
    #[must_use]
    pub fn new(frame: Frame, data: &FindingsView, face: &Clockface, done: String, typed: Typed) -> Self {
        let t = frame.t();
        let back = format!("/sites/{}", url_part(&data.site.id));
        let action = format!("{back}/findings");
        let date = |date: &str| date.parse().map_or_else(|_| date.to_owned(), |d| face.date_words(d));
        let n = data.findings.len();
        let hides = data.withheld.with_factory + data.withheld.not_shown > 0;
        Self {
            subject: words::name(&data.site.names, t.lang(), &data.site.id),
            week: data.week.clone(),
            week_words: format!("{} – {}", date(&data.week), date(&data.last)),
            previous: format!("{action}?week={}", data.previous),
            next: data.next.as_ref().map_or_else(String::new, |next| format!("{action}?week={next}")),
            headline: match (n, hides) {
                (0, true) => t.s("findings-head-hidden"),
                (0, false) => t.s("findings-head-none"),
                (_, true) => t.f1("findings-head-open", "n", n),
                (_, false) => t.f1("findings-head", "n", n),
            },
            // A form that belongs to no card of this week would lose its problem.
            problem: if data.findings.iter().any(|f| f.key == typed.key) {
                String::new()
            } else {
                typed.problem.clone()
            },
            done,
            withheld: withheld(t, data, face),
            order: t.f1(if data.may_answer { "findings-order-factory" } else { "findings-order" }, "n", data.days),
            may_answer: data.may_answer,
            form_token: frame.reader.as_ref().map(|r| r.form_token.clone()).unwrap_or_default(),
            groups: groups(t, data, face, &typed),
            left_out: left_out(t, data),
            is_empty: n == 0 && !hides,
            empty_words: match data.checks {
                0 => t.s("findings-empty-unchecked"),
                checks => t.f1("findings-empty-words", "n", format::integer(checks)),
            },
            clear_lead: match (data.checks, hides) {
                (0, _) => t.s("findings-clear-none"),
                (checks, true) => t.f1("findings-clear-hidden", "n", format::integer(checks)),
                (checks, false) => t.f1("findings-clear-words", "n", format::integer(checks)),
            },
            clear: data
                .clear
                .iter()
                .map(|c| {
                    let machines: Vec<String> =
                        c.machines.iter().map(|id| words::machine(t, &data.machines, id)).collect();
                    (words::name(&c.names, t.lang(), &c.detector), machines.join(" · "))
                })
                .collect(),
            unchecked: unchecked(t, data, face),
            honest: format!("{} {}", words::name(&data.honest.simulation, t.lang(), ""), data.honest.id),
            prefix: t.f1("findings-prefix", "prefix", format::integer(data.prefix)),
            action,
            back,
            frame,
            t,
        }
    }
}

/// Checks that were not possible: machines with one reason for one check share a line.
fn unchecked(t: &Texts, data: &FindingsView, face: &Clockface) -> Vec<Unchecked> {
    let mut out: Vec<Unchecked> = Vec::new();
    for u in &data.unchecked {
        let is_whole = u.from_ms <= data.from_ms && data.until_ms <= u.until_ms;
        let line = Unchecked {
            name: words::name(&u.names, t.lang(), &u.detector),
            machines: words::machine(t, &data.machines, &u.machine),
            time: if is_whole { t.s("findings-whole-week") } else { stretch(face, u.from_ms, u.until_ms) },
            reason: words::name(&u.reason, t.lang(), ""),
        };
        let same = |o: &&mut Unchecked| o.name == line.name && o.reason == line.reason && o.time == line.time;
        match out.iter_mut().find(same) {
            Some(other) => {
                other.machines.push_str(" · ");
                other.machines.push_str(&line.machines);
            }
            None => out.push(line),
        }
    }
    out
}

fn stretch(face: &Clockface, from_ms: i64, until_ms: i64) -> String {
    let to = if face.day(from_ms) == face.day(until_ms) { face.minute(until_ms) } else { face.day_minute(until_ms) };
    format!("{} – {to}", face.day_minute(from_ms))
}

fn withheld(t: &Texts, data: &FindingsView, face: &Clockface) -> Vec<String> {
    let mut out = Vec::new();
    if data.withheld.with_factory > 0 {
        let until = data.withheld.until_ms.map_or_else(|| NONE.to_owned(), |ms| face.full(ms));
        out.push(t.f("findings-withheld", &[("n", &data.withheld.with_factory), ("date", &until)]));
    }
    if data.withheld.not_shown > 0 {
        out.push(t.f("findings-not-shown", &[("n", &data.withheld.not_shown), ("days", &data.days)]));
    }
    out
}

fn left_out(t: &Texts, data: &FindingsView) -> Vec<String> {
    let mut out = Vec::new();
    if data.left_out > 0 {
        out.push(t.f1("findings-left-out", "n", data.left_out));
    }
    if data.unexamined_ms > 0 {
        out.push(t.f1("findings-unexamined", "time", format::duration(data.unexamined_ms)));
    }
    out
}

fn groups(t: &Texts, data: &FindingsView, face: &Clockface, typed: &Typed) -> Vec<Group> {
    let needs = ["first", "soon", "routine"].into_iter().map(|need| {
        let of = data.findings.iter().filter(|f| f.need == need);
        Group {
            title: words::word(t, "need", need),
            words: words::word(t, "need-words", need),
            cards: of.map(|f| card(t, data, f, face, typed)).collect(),
        }
    });
    needs.filter(|group| !group.cards.is_empty()).collect()
}

fn card(t: &Texts, data: &FindingsView, f: &FindingView, face: &Clockface, typed: &Typed) -> Card {
    let href = format!("/metrics#{}", words::anchor(&f.detector.id));
    let mut stretches: Vec<String> = f.stretches.iter().map(|s| stretch(face, s.from_ms, s.until_ms)).collect();
    let stretches_more = stretches.split_off(stretches.len().min(STRETCHES_SHOWN));
    let more = i64::try_from(stretches_more.len()).unwrap_or(i64::MAX).saturating_add(f.stretches_left_out);
    let tag = |role: &str| f.signals.iter().find(|s| s.role == role).map_or_else(|| role.to_owned(), |s| s.tag.clone());
    Card {
        anchor: anchor(&f.key),
        key: f.key.clone(),
        title: words::name(&f.detector.names, t.lang(), &f.detector.id),
        machine: words::machine(t, &data.machines, &f.machine),
        says: words::said(t, &f.says),
        on_site: words::said(t, &f.on_site),
        stretches,
        more_words: if more > 0 { t.f1("findings-stretches-more", "n", more) } else { String::new() },
        stretches_more,
        signals: f.signals.iter().map(|s| format!("{} · {}", s.gateway, s.tag)).collect(),
        quantities: f
            .quantities
            .iter()
            .map(|q| {
                (words::said(t, &q.names), Figure::plain(Class::Computed, amount(&q.value, &q.unit), &href).html())
            })
            .collect(),
        readings: f
            .samples
            .iter()
            .map(|s| Reading {
                time: face.full(s.at_ms),
                tag: tag(&s.role),
                raw: s.raw.clone(),
                leaf: format::integer(s.leaf),
            })
            .collect(),
        detector: f.detector.id.clone(),
        detector_href: href,
        compares: words::said(t, &f.detector.compares),
        rule: f.detector.rule.clone(),
        parameters: f.detector.parameters.iter().map(|p| parameter(t, p)).collect(),
        honest: honest(t, &f.detector),
        steps: steps(t, f, face),
        said: f
            .explanations
            .iter()
            .map(|e| Said {
                who: who(t, &e.step),
                when: face.full(e.step.at_ms),
                leaf: t.f1("param-leaf", "n", format::integer(e.step.leaf)),
                text: e.text.clone(),
                document: e.document.clone().unwrap_or_default(),
            })
            .collect(),
        machine_id: f.machine.clone(),
        from_ms: f.from_ms,
        is_answered: f.acknowledged.is_some() || !f.explanations.is_empty(),
        typed: if typed.key == f.key { typed.clone() } else { Typed::default() },
    }
}

/// Where a finding stands on its page.
#[must_use]
pub fn anchor(key: &str) -> String {
    format!("m-{}", key.get(..12).unwrap_or(key))
}

fn who(t: &Texts, step: &StepView) -> String {
    format!("{} · {}", step.author, words::word(t, "role", &step.role))
}

/// Shown, acknowledged, explained, open to others: what happened with its time, and what is to come.
fn steps(t: &Texts, f: &FindingView, face: &Clockface) -> Vec<Step> {
    let taken = |key: &str, step: Option<&StepView>| Step {
        name: t.s(key),
        when: step.map_or_else(|| t.s("course-not-yet"), |s| face.full(s.at_ms)),
        who: step.map(|s| who(t, s)).unwrap_or_default(),
        css: if step.is_some() { "done" } else { "open" },
    };
    let first = f.explanations.iter().map(|e| &e.step).min_by_key(|s| s.leaf);
    let released = Step {
        name: t.s(if f.released { "course-released" } else { "course-release" }),
        when: f.release_ms.map_or_else(|| t.s("course-not-yet"), |ms| face.full(ms)),
        who: words::name(&f.release_reason, t.lang(), ""),
        css: if f.released { "done" } else { "open" },
    };
    let mut steps = vec![taken("course-shown", f.shown.as_ref())];
    // Who explains a matter has seen it: nothing is outstanding then.
    if f.acknowledged.is_some() || first.is_none() {
        steps.push(taken("course-acknowledged", f.acknowledged.as_ref()));
    }
    steps.extend([taken("course-explained", first), released]);
    steps
}

/// A number with its unit; long times in words.
fn amount(value: &str, unit: &str) -> String {
    match (unit, value.parse::<i64>()) {
        ("ms", Ok(ms)) if ms >= 1_000 => format::duration(ms),
        ("1", Ok(n)) => format::integer(n),
        ("1", Err(_)) => value.to_owned(),
        (unit, Ok(n)) => format::with_unit(&format::integer(n), unit),
        (unit, Err(_)) => format::with_unit(value, unit),
    }
}

fn parameter(t: &Texts, p: &DetectorParameter) -> (String, String) {
    let value = match p.unit.as_str() {
        "0.001" => format::quotient(p.value.into(), 1_000, 3).unwrap_or_else(|| NONE.to_owned()),
        unit => amount(&p.value.to_string(), unit),
    };
    (words::word(t, "parameter", &p.name), value)
}

fn honest(t: &Texts, detector: &DetectorView) -> String {
    let percent = |digits: &str| {
        let millionths = digits.replace('.', "").parse::<i128>().ok();
        millionths.and_then(|m| format::percent(m, 1_000_000, 1)).unwrap_or_else(|| NONE.to_owned())
    };
    detector.honest.as_ref().map_or_else(
        || t.s("findings-honest-none"),
        |rate| {
            let (lower, upper) = (percent(&rate.lower), percent(&rate.upper));
            let (found, examined) = (rate.found, rate.examined);
            t.f("findings-honest", &[("found", &found), ("examined", &examined), ("lower", &lower), ("upper", &upper)])
        },
    )
}

#[cfg(test)]
pub(super) fn samples(lang: Lang) -> Vec<(&'static str, String)> {
    use super::samples;
    let page = |name: &'static str, data: FindingsView, done: String, typed: Typed| {
        let title = lang.texts().s("findings-title");
        let path = "/sites/jh-07/findings";
        let frame = samples::frame(lang, title, path, Nav::Site, Some(&data.site), data.site.simulated);
        (name, FindingsPage::new(frame, &data, &samples::face(lang), done, typed).render().expect("renders"))
    };
    let typed = Typed {
        key: samples::findings(true).findings.last().map(|f| f.key.clone()).unwrap_or_default(),
        text: "li\"<wei> 当日检修".into(),
        document: "abc".into(),
        problem: lang.texts().s("findings-document-wrong"),
    };
    vec![
        ("findings", samples::findings(true), String::new(), Typed::default()),
        ("findings-refused", samples::findings(true), String::new(), typed),
        ("findings-others", samples::findings(false), String::new(), Typed::default()),
        ("findings-none", samples::no_findings(), lang.texts().s("findings-done-explain"), Typed::default()),
    ]
    .into_iter()
    .map(|(name, data, done, typed)| page(name, data, done, typed))
    .collect()
}
