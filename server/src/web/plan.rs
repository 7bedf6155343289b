//! The measurement plan, step by step: what is measured, when, what is promised, whether the baseline suffices, and its lock.
//!
//! Constraints first:
//! - One form, no JavaScript: "look" computes and keeps what was typed, "state" logs it. What was refused comes back as typed.
//! - What is missing stands beside each metric with what to do about it, before anybody locks; a lock that does not suffice asks
//!   for a reason in its own form.
//! - Nothing here is an acceptance result, and the page says so.

use std::collections::BTreeMap;

use askama::Template;
use metrics::report::{ALL_MACHINES, COMPARED_DEFINITIONS};

use crate::query::{MetricDraft, MetricState, PlanView};

use super::format::{self, Clockface};
use super::promise::amount;
#[cfg(test)]
use super::text::Lang;
use super::text::Texts;
use super::view::{Frame, Nav, url_part};
use super::words::{self, said, word};

struct MachineLine {
    id: String,
    name: String,
    role: String,
    signals: String,
    chosen: bool,
    is_meter: bool,
}

/// A row of the table of metrics: everything that can be compared, chosen or not, and what the plan names of one machine.
struct MetricLine {
    /// Definition, and the machine if it is one.
    key: String,
    name: String,
    is_ratio: bool,
    chosen: bool,
    typed: MetricDraft,
}

/// A machine that could stand in place of a base period.
struct CandidateLine {
    id: String,
    name: String,
    chosen: bool,
    retrofit: String,
    /// What speaks against it.
    unfit: Vec<String>,
    /// What speaks neither way.
    advice: String,
}

/// The choice of comparison machines of a plan, and its lock.
struct ChoiceLine {
    machines: String,
    unfit: Vec<String>,
    lock: String,
    lock_digest: String,
    may_lock: bool,
    problem: String,
    reason: String,
}

/// How far a metric's baseline has come.
struct StateLine {
    anchor: String,
    definition: String,
    machine: String,
    name: String,
    verdict: String,
    css: &'static str,
    days: String,
    shifts: String,
    weekdays: String,
    gap: String,
    late: String,
    missing: Vec<String>,
    missing_more: String,
    advice: Vec<(bool, String)>,
    lock: String,
    lock_digest: String,
    may_lock: bool,
    must_reason: bool,
    problem: String,
    reason: String,
}

/// What went wrong, or right, before this page.
#[derive(Default)]
pub struct Said {
    /// A finished sentence: logged.
    pub done: String,
    /// A finished sentence: refused.
    pub problem: String,
    /// The metric whose lock was refused.
    pub metric: String,
    /// The reason typed for it.
    pub reason: String,
    /// Dates of their own retrofit typed of machines, chosen or not: what is not chosen is no part of a draft.
    pub retrofits: BTreeMap<String, String>,
}

/// The page.
#[derive(Template)]
#[template(path = "plan.html")]
pub struct PlanPage {
    frame: Frame,
    t: &'static Texts,
    subject: String,
    back: String,
    action: String,
    form_token: String,
    may_declare: bool,
    plans: Vec<String>,
    standing: String,
    done: String,
    problem: String,
    plan: String,
    zh: String,
    en: String,
    boundary_zh: String,
    boundary_en: String,
    options: Vec<(&'static str, String, bool)>,
    baseline: [String; 2],
    reporting: [String; 2],
    first: String,
    machines: Vec<MachineLine>,
    candidates: Vec<CandidateLine>,
    /// Dates typed of machines that are in no line now.
    carried: Vec<(String, String)>,
    choice: Option<ChoiceLine>,
    metrics: Vec<MetricLine>,
    interval: [String; 3],
    states: Vec<StateLine>,
    is_stated: bool,
    prefix: String,
}

impl PlanPage {
    /// Builds the page.
    #[must_use]
    pub fn new(frame: Frame, data: &PlanView, face: &Clockface, from: Said) -> Self {
        let t = frame.t();
        let back = format!("/sites/{}", url_part(&data.site.id));
        let draft = &data.draft;
        let option = |code: &'static str| (code, word(t, "ipmvp", code), draft.option == code);
        // A form that the page does not show would lose its problem.
        let lockable = |m: &MetricState| data.may_declare && data.leaf.is_some() && m.lock.is_none() && m.is_over;
        let named = |m: &&MetricState| format!("{}/{}", m.definition, m.machine) == from.metric;
        let is_about_a_lock = data.metrics.iter().find(named).is_some_and(lockable);
        let candidates = candidates(t, data, &from.retrofits);
        let choice = choice(t, data, face, (&from, &candidates));
        let is_about_a_lock = is_about_a_lock || choice.as_ref().is_some_and(|c| !c.problem.is_empty());
        let problem = if is_about_a_lock { String::new() } else { from.problem.clone() };
        Self {
            subject: words::name(&data.site.names, t.lang(), &data.site.id),
            action: format!("{back}/plan"),
            back,
            form_token: frame.reader.as_ref().map(|r| r.form_token.clone()).unwrap_or_default(),
            may_declare: data.may_declare,
            plans: data.plans.clone(),
            standing: match data.leaf {
                Some(leaf) => t.f("plan-stated", &[("plan", &draft.plan), ("leaf", &format::integer(leaf))]),
                None => t.s("plan-draft"),
            },
            done: from.done.clone(),
            problem: if problem.is_empty() { data.problem.clone().unwrap_or_default() } else { problem },
            plan: draft.plan.clone(),
            zh: draft.names.zh.clone(),
            en: draft.names.en.clone(),
            boundary_zh: draft.boundary.zh.clone(),
            boundary_en: draft.boundary.en.clone(),
            options: vec![
                ("", t.s("plan-option-none"), draft.option.is_empty()),
                option("A"),
                option("B"),
                option("C"),
            ],
            baseline: draft.baseline.clone(),
            reporting: draft.reporting.clone(),
            first: match data.first_ms {
                Some(ms) => t.f1("plan-first", "date", face.day(ms)),
                None => t.s("plan-first-none"),
            },
            machines: machines(t, data),
            carried: carried(&from.retrofits, &candidates),
            candidates,
            choice,
            metrics: metrics(t, data),
            interval: draft.interval.clone(),
            states: data.metrics.iter().map(|m| state(t, data, face, m, &from)).collect(),
            is_stated: data.leaf.is_some(),
            prefix: t.f1("meters-prefix", "prefix", format::integer(data.prefix)),
            frame,
            t,
        }
    }
}

fn machines(t: &Texts, data: &PlanView) -> Vec<MachineLine> {
    let line = |m: &crate::query::PlanMachine| MachineLine {
        id: m.id.clone(),
        name: words::name(&m.names, t.lang(), &m.id),
        role: word(t, "plan-role", &m.role),
        signals: m.signals.join(" · "),
        chosen: data.draft.machines.contains(&m.id) || data.draft.incoming.split(' ').any(|meter| meter == m.id),
        is_meter: m.role == "meter",
    };
    data.machines.iter().map(line).collect()
}

/// Machines outside the boundary, and what was typed of others: nothing typed is lost.
fn candidates(t: &Texts, data: &PlanView, retrofits: &BTreeMap<String, String>) -> Vec<CandidateLine> {
    let draft = &data.draft;
    let typed = |id: &str| draft.comparison.iter().find(|c| c.machine == id);
    let is_inside = |id: &str| draft.machines.iter().any(|m| m == id) || draft.incoming.split(' ').any(|m| m == id);
    let line = |id: &str, found: Option<&crate::query::CandidateView>| {
        let mut unfit: Vec<String> = found.iter().flat_map(|c| &c.unfit).map(|w| said(t, w)).collect();
        unfit.extend(is_inside(id).then(|| t.s("plan-comparison-inside")));
        CandidateLine {
            id: id.to_owned(),
            name: name_of(t, data, id),
            chosen: typed(id).is_some(),
            retrofit: typed(id).map(|c| &c.retrofit).or(retrofits.get(id)).cloned().unwrap_or_default(),
            advice: match found {
                Some(c) if unfit.is_empty() && c.is_class_stated => t.s("plan-comparison-fits"),
                Some(_) if unfit.is_empty() => t.s("plan-comparison-class"),
                _ => String::new(),
            },
            unfit,
        }
    };
    // Those that are chosen first, in the plan's own order.
    let known = |id: &str| data.candidates.iter().find(|c| c.machine == id);
    let chosen = draft.comparison.iter().map(|c| line(&c.machine, known(&c.machine)));
    let others = data.candidates.iter().filter(|c| typed(&c.machine).is_none());
    chosen.chain(others.map(|c| line(&c.machine, Some(c)))).collect()
}

/// Dates that the form takes along unseen.
fn carried(retrofits: &BTreeMap<String, String>, shown: &[CandidateLine]) -> Vec<(String, String)> {
    let is_unseen = |id: &str| !shown.iter().any(|line| line.id == id);
    retrofits.iter().filter(|(id, _)| is_unseen(id)).map(|(id, date)| (id.clone(), date.clone())).collect()
}

/// What a refused lock of the choice is filed under.
pub(super) const CHOICE: &str = "comparison";

fn choice(
    t: &Texts,
    data: &PlanView,
    face: &Clockface,
    (from, candidates): (&Said, &[CandidateLine]),
) -> Option<ChoiceLine> {
    if data.draft.comparison.is_empty() {
        return None;
    }
    let chosen = || candidates.iter().filter(|c| c.chosen);
    let names: Vec<&str> = chosen().map(|c| c.name.as_str()).collect();
    let may_lock = data.may_declare && data.leaf.is_some() && data.comparison_lock.is_none();
    let own = may_lock && from.metric == CHOICE;
    Some(ChoiceLine {
        machines: names.join(&t.s("list-comma")),
        unfit: chosen().flat_map(|c| &c.unfit).cloned().collect(),
        lock: data.comparison_lock.as_ref().map_or_else(String::new, |l| {
            t.f("plan-comparison-locked", &[("leaf", &format::integer(l.leaf)), ("time", &face.full(l.at_ms))])
        }),
        lock_digest: data.comparison_lock.as_ref().map(|l| l.parameters_digest.clone()).unwrap_or_default(),
        may_lock,
        problem: if own { from.problem.clone() } else { String::new() },
        reason: if own { from.reason.clone() } else { String::new() },
    })
}

fn name_of(t: &Texts, data: &PlanView, machine: &str) -> String {
    let named = data.machines.iter().find(|n| n.id == machine);
    named.map_or_else(|| machine.to_owned(), |n| words::name(&n.names, t.lang(), &n.id))
}

fn metrics(t: &Texts, data: &PlanView) -> Vec<MetricLine> {
    let line = |key: String, definition: &str, machine: &str, typed: Option<&MetricDraft>| MetricLine {
        key,
        name: format!("{}{}", compared(t, definition), of_machine(t, data, machine)),
        is_ratio: definition.contains(".iso22400@"),
        chosen: typed.is_some(),
        typed: typed.cloned().unwrap_or_default(),
    };
    let (all, single): (Vec<_>, Vec<_>) = data.draft.metrics.iter().partition(|m| m.machine == ALL_MACHINES);
    let of_all =
        |d: &&'static str| line((*d).to_owned(), d, ALL_MACHINES, all.iter().find(|m| m.definition == **d).copied());
    let of_one =
        |m: &&MetricDraft| line(format!("{}/{}", m.definition, m.machine), &m.definition, &m.machine, Some(*m));
    COMPARED_DEFINITIONS.iter().map(of_all).chain(single.iter().map(of_one)).collect()
}

/// The name of a single machine behind a metric's name.
fn of_machine(t: &Texts, data: &PlanView, machine: &str) -> String {
    if machine == ALL_MACHINES {
        return String::new();
    }
    format!(" · {}", name_of(t, data, machine))
}

/// The name of a comparison: of its definition, or of the amount per production day.
pub(super) fn compared(t: &Texts, definition: &str) -> String {
    match definition {
        "energy.per_production_day@1" => t.s("plan-energy-per-day"),
        "good.per_production_day@1" => t.s("plan-good-per-day"),
        _ => words::metric(t, definition),
    }
}

fn state(t: &Texts, data: &PlanView, face: &Clockface, m: &MetricState, from: &Said) -> StateLine {
    let days = |list: &[i64]| list.iter().map(ToString::to_string).collect::<Vec<_>>().join("-");
    let machine = of_machine(t, data, &m.machine);
    let key = format!("{}/{}", m.definition, m.machine);
    let own = from.metric == key;
    let (verdict, css) = match (&m.lock, m.is_sufficient, m.is_over) {
        (Some(_), ..) => (t.s("plan-locked"), "key computed"),
        (None, true, _) => (t.s("plan-sufficient"), "key computed"),
        (None, false, true) => (t.s("plan-insufficient"), "key unknown"),
        (None, false, false) if m.needs_days == 0 => (t.s("plan-wait"), "key unknown"),
        (None, false, false) => (t.f1("plan-needs", "n", m.needs_days), "key unknown"),
    };
    let share = |late: u64, of: u64| format::percent(late.into(), of.into(), 1);
    StateLine {
        anchor: format!("m-{}", key.replace(|c: char| !c.is_ascii_alphanumeric(), "-")),
        definition: m.definition.clone(),
        machine: m.machine.clone(),
        name: format!("{}{machine}", compared(t, &m.definition)),
        verdict,
        css,
        days: t.f("plan-of", &[("n", &m.days[0]), ("of", &m.days[1])]),
        shifts: t.f("plan-of", &[("n", &m.shifts[0]), ("of", &m.shifts[1])]),
        weekdays: format!("{} / {}", days(&m.weekdays[0]), days(&m.weekdays[1])),
        gap: m.gap.as_ref().map_or_else(
            || t.s("plan-no-gap"),
            |gap| {
                format!(
                    "{} · {} · {}",
                    format::duration(gap.to_ms - gap.from_ms),
                    cause(t, &gap.cause),
                    face.day_minute(gap.from_ms)
                )
            },
        ),
        late: share(m.late[0], m.late[1]).unwrap_or_else(|| format::NONE.to_owned()),
        missing: m.missing.iter().take(MISSING_SHOWN).map(|d| format!("{} · {}", d.date, cause(t, &d.cause))).collect(),
        missing_more: match m.missing.len().saturating_sub(MISSING_SHOWN) {
            0 => String::new(),
            n => t.f1("plan-missing-more", "n", n),
        },
        advice: m.advice.iter().map(|a| (a.blocks, said(t, &a.words))).collect(),
        lock: m.lock.as_ref().map_or_else(String::new, |l| {
            let key = if l.sufficient == Some(false) { "plan-lock-line-insufficient" } else { "plan-lock-line" };
            t.f(
                key,
                &[
                    ("leaf", &format::integer(l.leaf)),
                    ("time", &face.full(l.at_ms)),
                    ("value", &amount(&m.definition, &l.value)),
                ],
            )
        }),
        lock_digest: m.lock.as_ref().map(|l| l.parameters_digest.clone()).unwrap_or_default(),
        may_lock: data.may_declare && data.leaf.is_some() && m.lock.is_none() && m.is_over,
        must_reason: !m.is_sufficient,
        problem: if own { from.problem.clone() } else { String::new() },
        reason: if own { from.reason.clone() } else { String::new() },
    }
}

/// The cause of a gap, or what a day lacks without one.
fn cause(t: &Texts, code: &str) -> String {
    match code {
        "not_recorded" => t.s("plan-not-recorded"),
        "coverage" => t.s("plan-coverage"),
        code => word(t, "cause", code),
    }
}

/// Missing days a metric lists; the others are counted.
const MISSING_SHOWN: usize = 12;

#[cfg(test)]
pub(super) fn samples(lang: Lang) -> Vec<(&'static str, String)> {
    use super::samples;
    let title = lang.texts().s("plan-title");
    let render = |name, data: PlanView, from: Said| {
        let site = Some(&data.site);
        let frame = samples::frame(lang, title.clone(), "/sites/jh-07/plan", Nav::Site, site, data.site.simulated);
        (name, PlanPage::new(frame, &data, &samples::face(lang), from).render().expect("renders"))
    };
    let data = samples::plan::plan();
    let refused = Said {
        problem: "<no>".into(),
        metric: "energy.per_good@1/*".into(),
        reason: "a \"reason\"".into(),
        ..Said::default()
    };
    let empty = PlanView {
        plans: vec![],
        leaf: None,
        metrics: vec![],
        machines: vec![],
        first_ms: None,
        may_declare: false,
        ..data.clone()
    };
    let wrong = PlanView { leaf: None, problem: Some("`metrics[0]`: …".into()), ..data.clone() };
    let beside = samples::plan::beside();
    let locked = PlanView {
        comparison_lock: Some(crate::query::LockView {
            leaf: 41_204,
            at_ms: 1_772_380_800_000,
            value: String::new(),
            sufficient: None,
            parameters_digest: "9f".repeat(32),
        }),
        ..beside.clone()
    };
    let unlocked =
        Said { problem: "<no>".into(), metric: CHOICE.into(), reason: "a \"reason\"".into(), ..Said::default() };
    vec![
        render("plan-beside", beside, unlocked),
        render("plan-beside-locked", locked, Said::default()),
        render("plan", data, refused),
        render("plan-empty", empty, Said::default()),
        render("plan-refused", wrong, Said { done: "ok".into(), ..Said::default() }),
    ]
}
