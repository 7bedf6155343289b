//! 双监控: each target promised and measured, deviations with their steps and the form for whose turn it is, and the run of days with evidence.
//!
//! Constraints first:
//! - The rule by which a target deviates stands on the page, and so does that for the days. Where data does not suffice a target is open.
//! - Figures come from the log; nobody types one. What a step says is a statement (✎) with its leaf and who may answer for it.
//! - The page never says that a project has stopped, and states no result of an acceptance.

use askama::Template;
use metrics::deviation::{Measure, Measured, Standing, Unmeasured, WINDOW_DAYS};
use metrics::filed::Acceptance;
use practice::deviation::Next;
use practice::deviation::continuity::{DayKind, EVIDENCE_PERCENT};

use crate::query::{AcceptanceView, DeviationStep, DeviationView, DeviationsView, RunView, TargetNow};

use super::filing::{Told, problem};
use super::format::{self, Clockface, NONE};
use super::promise::percent;
use super::text::Texts;
use super::view::{Frame, Nav, url_part};
use super::words::{self, said, word};

/// The rule file whose article 21 asks for it.
const KUNMING: &str = "kunming-fund-2024-1";
/// Rows of the form for measures.
const MEASURE_ROWS: usize = 5;

struct Target {
    id: String,
    form: String,
    name: String,
    promised: String,
    change: String,
    window: String,
    css: &'static str,
    stands: String,
    why: Vec<String>,
    /// Anchor and id of its open deviation.
    open: Option<(String, String)>,
    may_notice: bool,
}

struct Step {
    title: String,
    by: String,
    text: String,
    measures: Vec<[String; 3]>,
    figure: String,
}

struct Card {
    id: String,
    anchor: String,
    title: String,
    stands: String,
    css: &'static str,
    steps: Vec<Step>,
    overdue: Vec<String>,
    problems: Vec<String>,
    /// Names of its forms that the reader has, or empty.
    explain: String,
    measures: String,
    close: String,
    may_measure: bool,
}

struct Accepted {
    name: String,
    held: String,
    body: String,
    by: String,
}

pub(super) struct Days {
    pub(super) dates: String,
    pub(super) days: usize,
    pub(super) css: &'static str,
    pub(super) kind: String,
    pub(super) cause: String,
}

pub(super) struct Running {
    pub(super) says: String,
    pub(super) over: String,
    pub(super) counts: Vec<(String, &'static str, usize)>,
    pub(super) stretches: Vec<Days>,
}

/// The page.
#[derive(Template)]
#[template(path = "deviation.html")]
pub struct DeviationPage {
    frame: Frame,
    t: &'static Texts,
    subject: String,
    back: String,
    filing_href: String,
    action: String,
    form_token: String,
    told: Told,
    today: String,
    filing: String,
    headline: String,
    others: Vec<(String, String, bool)>,
    rule: String,
    /// The rule that speaks of 双监控 is the one it was filed under.
    is_watched: bool,
    targets: Vec<Target>,
    next_id: String,
    cards: Vec<Card>,
    loose: Vec<String>,
    run: Option<Running>,
    /// Acceptances that were held, and the form for who may state one.
    accepted: Vec<Accepted>,
    may_accept: bool,
    days_rule: String,
    again_words: String,
    measure_rows: std::ops::RangeInclusive<usize>,
}

impl DeviationPage {
    /// Builds the page.
    #[must_use]
    pub fn new(frame: Frame, data: &DeviationsView, face: &Clockface, told: Told) -> Self {
        let t = frame.t();
        let back = format!("/sites/{}", url_part(&data.site.id));
        let action = format!("{back}/deviation");
        let id = data.filing.as_ref().map(|of| of.id.clone()).unwrap_or_default();
        let other = |f: &String| (f.clone(), format!("{action}?filing={}", url_part(f)), *f == id);
        let taken = |id: &String| data.deviations.iter().any(|d| d.id == *id);
        Self {
            subject: words::name(&data.site.names, t.lang(), &data.site.id),
            form_token: frame.reader.as_ref().map(|r| r.form_token.clone()).unwrap_or_default(),
            today: data.today.clone(),
            headline: data
                .filing
                .as_ref()
                .map_or_else(|| t.s("filing-none"), |of| words::name(&of.names, t.lang(), &of.id)),
            others: if data.filings.len() > 1 { data.filings.iter().map(other).collect() } else { Vec::new() },
            rule: t.f1("deviation-rule", "days", i64::from(WINDOW_DAYS)),
            is_watched: data.rule.as_deref() == Some(KUNMING),
            targets: data.targets.iter().map(|target| promised(t, data, target)).collect(),
            next_id: (1..).map(|n| format!("d-{n}")).find(|id| !taken(id)).unwrap_or_default(),
            cards: data.deviations.iter().map(|d| card(t, face, data, d)).collect(),
            loose: data.loose.iter().map(|p| problem(t, p.leaf, &p.words)).collect(),
            run: data.run.as_ref().map(|run| running(t, run)),
            accepted: data.accepted.iter().map(|of| accepted(t, face, of)).collect(),
            may_accept: data.is_authority && !id.is_empty(),
            days_rule: t.f1("deviation-days-rule", "percent", EVIDENCE_PERCENT),
            again_words: t.f1("deviation-again-words", "days", i64::from(WINDOW_DAYS)),
            measure_rows: 1..=MEASURE_ROWS,
            filing_href: format!("{back}/filing?filing={}", url_part(&id)),
            filing: id,
            told,
            back,
            action,
            frame,
            t,
        }
    }

    /// What was typed into a field of a form that came back.
    fn kept(&self, form: &str, field: &str) -> &str {
        let mut typed = self.told.typed.iter().filter(|_| self.told.form == form);
        typed.find(|(name, _)| name == field).map_or("", |(_, value)| value)
    }

    /// Whether a value was chosen in a form that came back.
    fn has(&self, form: &str, field: &str, value: &str) -> bool {
        self.kept(form, field) == value
    }

    /// The same for a row of a form's table.
    fn row_kept(&self, form: &str, field: &str, row: &usize) -> &str {
        self.kept(form, &format!("{field}.{row}"))
    }
}

fn accepted(t: &Texts, face: &Clockface, of: &AcceptanceView) -> Accepted {
    let logged = t.f("deviation-logged", &[("leaf", &format::integer(of.leaf)), ("time", &face.full(of.received_ms))]);
    Accepted {
        name: t.s(match of.acceptance {
            Acceptance::City => "deviation-acceptance-city",
            Acceptance::National => "deviation-acceptance-national",
        }),
        held: of.held.clone(),
        body: of.body.clone(),
        by: format!("{} · {logged}", word(t, "role", &of.role)),
    }
}

fn promised(t: &Texts, data: &DeviationsView, of: &TargetNow) -> Target {
    let measured = of.measured.as_ref();
    let standing = measured.map(|m| m.standing);
    let why = because(t, of);
    Target {
        id: of.filed.target.clone(),
        form: format!("notice/{}", of.filed.target),
        name: words::name(&of.filed.names, t.lang(), &of.filed.target),
        promised: format!(
            "{} {} {}",
            word(t, "plan", &of.filed.direction),
            of.filed.value,
            word(t, "plan-in", &of.filed.unit)
        ),
        change: measured.map_or_else(|| NONE.to_owned(), |m| change(t, m)),
        window: measured.map(|m| window(t, m)).unwrap_or_default(),
        css: standing.map_or("none", css),
        stands: stands(t, standing),
        why,
        open: of.open.as_ref().map(|id| (format!("#d-{id}"), id.clone())),
        may_notice: data.is_authority && of.open.is_none() && standing == Some(Standing::Short),
    }
}

/// Why a target is open, or not measured at all.
pub(super) fn because(t: &Texts, of: &TargetNow) -> Vec<String> {
    let reasons = of.measured.iter().flat_map(|measured| &measured.reasons);
    let unmeasured = of.unmeasured.map(|why| {
        t.s(match why {
            Unmeasured::Definition => "deviation-no-definition",
            Unmeasured::Machines => "deviation-no-machines",
        })
    });
    reasons.map(|code| word(t, "promise-because", code)).chain(unmeasured).collect()
}

pub(super) fn css(standing: Standing) -> &'static str {
    match standing {
        Standing::Reached => "met",
        Standing::Short => "missed",
        Standing::Open => "none",
    }
}

pub(super) fn stands(t: &Texts, standing: Option<Standing>) -> String {
    t.s(match standing {
        Some(Standing::Reached) => "deviation-reached",
        Some(Standing::Short) => "deviation-short",
        Some(Standing::Open) | None => "deviation-open",
    })
}

/// The change with its interval in the target's unit.
pub(super) fn change(t: &Texts, of: &Measured) -> String {
    let print = |text: &str| percent(text).unwrap_or_else(|| NONE.to_owned());
    let Some(value) = &of.change else { return NONE.to_owned() };
    let unit = word(
        t,
        "plan-in",
        match of.unit {
            metrics::model::TargetUnit::PercentagePoints => "percentage_points",
            metrics::model::TargetUnit::Percent => "percent",
        },
    );
    match &of.interval {
        Some([lower, upper]) => format!("{} [{}, {}] {unit}", print(value), print(lower), print(upper)),
        None => format!("{} {unit}", print(value)),
    }
}

pub(super) fn window(t: &Texts, of: &Measured) -> String {
    let (window, base) =
        (format!("{} – {}", of.window.from, of.window.to), format!("{} – {}", of.base.from, of.base.to));
    t.f("deviation-window", &[("window", &window), ("base", &base)])
}

fn card(t: &Texts, face: &Clockface, data: &DeviationsView, of: &DeviationView) -> Card {
    let is_open = of.next != Next::Nothing;
    let name = words::name(&of.names, t.lang(), &of.target);
    let form = |what: &str, is_there: bool| if is_there { format!("{what}/{}", of.id) } else { String::new() };
    Card {
        id: of.id.clone(),
        anchor: format!("d-{}", of.id),
        title: t.f("deviation-title-of", &[("id", &of.id), ("target", &name)]),
        stands: said(t, &of.stands),
        css: if is_open { "key unknown" } else { "key computed" },
        steps: of.steps.iter().map(|s| step(t, face, s)).collect(),
        overdue: of
            .overdue
            .iter()
            .map(|m| t.f("deviation-overdue", &[("what", &m.what), ("who", &m.who), ("due", &m.due)]))
            .collect(),
        problems: of.problems.iter().map(|p| problem(t, p.leaf, &p.words)).collect(),
        explain: form("explain", data.is_firm && of.next == Next::Explanation),
        measures: form(
            "measures",
            data.is_firm && matches!(of.next, Next::Measures | Next::Remeasurement | Next::Closing),
        ),
        close: form("close", data.is_authority && of.next == Next::Closing),
        may_measure: (data.is_firm || data.is_authority) && matches!(of.next, Next::Remeasurement | Next::Closing),
    }
}

fn step(t: &Texts, face: &Clockface, of: &DeviationStep) -> Step {
    let logged = t.f("deviation-logged", &[("leaf", &format::integer(of.leaf)), ("time", &face.full(of.received_ms))]);
    let measure = |m: &Measure| [m.what.clone(), m.who.clone(), m.due.clone()];
    Step {
        title: word(t, "deviation-step", of.kind),
        by: format!("{} · {logged}", word(t, "role", &of.role)),
        text: of.text.clone(),
        measures: of.measures.iter().map(measure).collect(),
        figure: of.measured.as_ref().map_or_else(String::new, |m| {
            format!("{} · {} · {}", stands(t, Some(m.standing)), change(t, m), window(t, m))
        }),
    }
}

pub(super) fn running(t: &Texts, of: &RunView) -> Running {
    let css = |kind: DayKind| match kind {
        DayKind::Producing | DayKind::Stood => "key measured",
        DayKind::Rest => "key stated",
        DayKind::PowerCut | DayKind::Lost | DayKind::NotReceived => "key unknown",
    };
    let kind = |kind: DayKind| word(t, "deviation-day", kind.code());
    let from = match of.begins.as_str() {
        "acceptance" => "deviation-since-acceptance",
        "after_term" => "deviation-since-term",
        _ => "deviation-within-term",
    };
    let until = of.ends.as_ref().map(|held| t.f1("deviation-until-acceptance", "held", held.as_str()));
    let until = until.unwrap_or_default();
    Running {
        says: said(t, &of.says),
        over: of
            .dates
            .as_ref()
            .map_or_else(String::new, |[first, last]| t.f(from, &[("from", first), ("to", last)]) + &until),
        counts: of.counts.iter().map(|c| (kind(c.kind), css(c.kind), c.days)).collect(),
        stretches: of
            .stretches
            .iter()
            .map(|s| Days {
                dates: if s.days == 1 { s.dates[0].clone() } else { s.dates.join(" – ") },
                days: s.days,
                css: css(s.kind),
                kind: kind(s.kind),
                cause: match (s.kind, s.cause.as_str()) {
                    (DayKind::Lost, "") => word(t, "cause", "no_data"),
                    (DayKind::Lost, cause) => word(t, "cause", cause),
                    _ => String::new(),
                },
            })
            .collect(),
    }
}

#[cfg(test)]
pub(super) fn samples(lang: super::text::Lang) -> Vec<(&'static str, String)> {
    use super::samples;
    let render = |name, data: DeviationsView, told: Told| {
        let title = lang.texts().s("deviation-title");
        let path = "/sites/jh-07/deviation";
        let frame = samples::frame(lang, title, path, Nav::Site, Some(&data.site), data.site.simulated);
        (name, DeviationPage::new(frame, &data, &samples::face(lang), told).render().expect("renders"))
    };
    let typed = |fields: &[(&str, &str)]| fields.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    let refused = Told {
        problem: "<no>".into(),
        form: "close/d-2".into(),
        typed: typed(&[("reason", "整改 <完成>")]),
        ..Told::default()
    };
    let firm = DeviationsView { is_firm: true, is_authority: false, ..samples::deviation::deviations() };
    let mut empty = samples::deviation::deviations();
    (empty.filing, empty.run) = (None, None);
    empty.accepted.clear();
    empty.targets.clear();
    empty.deviations.clear();
    vec![
        render("deviation", samples::deviation::deviations(), refused),
        render("deviation-firm", firm, Told::default()),
        render("deviation-none", empty, Told::default()),
    ]
}
