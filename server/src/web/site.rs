//! One site, for the factory: *what did we lose today?* Losses first, then machines, then before and after, energy,
//! coverage and the state of the evidence.

use askama::Template;
use jiff::civil::Date;
use metrics::oee::Undefined;

use crate::query::{self, MachineCard, SiteView, TrendPoint};

use super::chart::energy::{Bar, Part};
use super::chart::ribbon::mini;
use super::chart::waterfall::{Kind, Step, tiles};
use super::chart::{State, Width, calendar, energy, interval, waterfall};
use super::format::{self, Clockface, NONE};
use super::promise::Promises;
use super::text::Texts;
use super::verdict::Verdicts;
use super::view::{Class, Figure, Frame, LegendEntry, Nav, RatioValue, url_part};
use super::words;

/// What the page needs beside the read model.
#[derive(Default)]
pub struct Extras {
    /// Energy per production day, Wh, oldest first, and the machine whose meter it is.
    pub energy: Vec<TrendPoint>,
    /// Where the energy is explained; empty for none.
    pub energy_of: String,
    /// What the newest issued report compares: before and after, or machines beside machines.
    pub report: Option<Verdicts>,
}

/// A number under its name.
pub(super) struct Hero {
    pub(super) label: String,
    pub(super) figure: String,
    pub(super) note: String,
}

/// A line of facts.
pub(super) struct Fact {
    pub(super) label: String,
    pub(super) value: String,
    pub(super) css: &'static str,
}

struct MachineRow {
    href: String,
    name: String,
    kind: String,
    state_swatch: String,
    state: String,
    state_since: String,
    mini: String,
    oee: String,
    good: String,
    energy: String,
}

/// The page.
#[derive(Template)]
#[template(path = "site.html")]
pub struct SitePage {
    frame: Frame,
    t: &'static Texts,
    site_id: String,
    may_declare: bool,
    date_words: String,
    headline: String,
    lead: String,
    heroes: Vec<Hero>,
    waterfall_wide: String,
    waterfall_narrow: String,
    machines: Vec<MachineRow>,
    legend: Vec<LegendEntry>,
    compare_wide: String,
    compare_narrow: String,
    compare_lead: String,
    compare_none: String,
    beside: Option<Promises>,
    energy_wide: String,
    energy_narrow: String,
    energy_lead: String,
    coverage_lead: String,
    calendar: String,
    unknown_swatch: String,
    evidence: Vec<Fact>,
    alarms: Vec<Fact>,
    declarations: Vec<Stated>,
}

struct Stated {
    time: String,
    kind: String,
    author: String,
    reason: String,
    late: bool,
}

impl SitePage {
    /// Builds the page.
    #[must_use]
    pub fn new(frame: Frame, data: &SiteView, extras: Extras, face: &Clockface) -> Self {
        let t = frame.t();
        let href = format!("/sites/{}", url_part(&data.site.id));
        let steps = day_losses(t, data);
        let date = data.losses_date.as_deref().and_then(|d| d.parse::<Date>().ok());
        let (headline, lead) = headline(t, data, &steps);
        let drawable = !steps.is_empty() && tiles(&steps);
        let title = t.f1("site-losses-title", "name", frame.title.clone());
        let draw = |w| if drawable { waterfall::svg("losses", &title, &steps, w) } else { String::new() };
        let compare_title = t.s("site-compare");
        let Verdicts { compare: rows, words: compare_lead, details } = extras.report.unwrap_or_default();
        let compare = |w| {
            if rows.is_empty() { String::new() } else { interval::svg("compare", &compare_title, &rows, t, w) }
        };
        let bars = energy_bars(t, &extras.energy, &extras.energy_of);
        let total: i64 =
            extras.energy.iter().filter_map(|p| p.value).filter_map(|v| i64::try_from(v.scaled(0)).ok()).sum();
        let energy_title = t.s("site-energy");
        let bar = |w| if bars.is_empty() { String::new() } else { energy::svg("energy", &energy_title, &bars, t, w) };
        let days = calendar_days(&data.coverage);
        let (observed, planned) = days.iter().fold((0, 0), |(o, p), d| (o + d.observed_ms, p + d.planned_ms));
        Self {
            site_id: data.site.id.clone(),
            may_declare: data.may.iter().any(|p| p == crate::roles::Permission::Declare.name()),
            date_words: date.map_or_else(|| t.s("site-no-day"), |d| face.date_words(d)),
            headline,
            lead,
            heroes: heroes(t, data, &href),
            waterfall_wide: draw(Width::Wide),
            waterfall_narrow: draw(Width::Narrow),
            machines: data
                .machines
                .iter()
                .enumerate()
                .map(|(i, m)| machine_row(t, face, &data.site.id, i, m))
                .collect(),
            legend: words::state_legend(t),
            compare_wide: compare(Width::Wide),
            compare_narrow: compare(Width::Narrow),
            compare_lead,
            compare_none: t.s(if data.reports.is_empty() { "compare-empty" } else { "compare-none" }),
            beside: Some(details.promises).filter(|promises| promises.is_beside),
            energy_wide: bar(Width::Wide),
            energy_narrow: bar(Width::Narrow),
            energy_lead: t
                .f("site-energy-lead", &[("total", &format::energy_wh(total)), ("days", &extras.energy.len())]),
            coverage_lead: match format::percent(observed.into(), planned.into(), 2) {
                Some(share) => t.f("site-coverage-lead", &[("share", &share), ("days", &days.len())]),
                None => t.s("site-coverage-none"),
            },
            calendar: calendar::svg("coverage", &t.s("site-coverage"), &days, t),
            unknown_swatch: State::Unknown.swatch(),
            evidence: evidence(t, face, data),
            alarms: data.alarms.iter().take(8).map(|a| alarm(t, face, a)).collect(),
            declarations: data.declarations.iter().take(8).map(|d| stated(t, face, d)).collect(),
            frame,
            t,
        }
    }
}

fn day_losses(t: &Texts, data: &SiteView) -> Vec<Step> {
    let mut by_state: Vec<(State, i64)> = data.delays.iter().map(|d| (words::state(&d.name), d.ms)).collect();
    by_state.sort_by_key(|(_, ms)| std::cmp::Reverse(*ms));
    words::waterfall(t, &data.losses, &by_state, None, None)
}

fn headline(t: &Texts, data: &SiteView, steps: &[Step]) -> (String, String) {
    if data.machines.is_empty() {
        return (t.s("site-head-empty"), t.s("site-head-empty-lead"));
    }
    let Some(planned) = steps.first().map(|s| s.ms).filter(|ms| *ms > 0) else {
        return (t.s("site-head-no-plan"), t.s("site-head-no-plan-lead"));
    };
    let lost: i64 = steps.iter().filter(|s| matches!(s.kind, Kind::Lost(_) | Kind::Computed)).map(|s| s.ms).sum();
    let unknown: i64 = steps.iter().filter(|s| s.kind == Kind::Unknown).map(|s| s.ms).sum();
    let share = format::percent(lost.into(), planned.into(), 1).unwrap_or_else(|| NONE.into());
    let largest = steps.iter().filter(|s| matches!(s.kind, Kind::Lost(_) | Kind::Computed)).max_by_key(|s| s.ms);
    let head = t.f(
        "site-head-lost",
        &[("lost", &format::duration(lost)), ("planned", &format::duration(planned)), ("share", &share)],
    );
    let mut lead = largest
        .map_or_else(String::new, |s| t.f("site-head-largest", &[("name", &s.name), ("ms", &format::duration(s.ms))]));
    if unknown > 0 {
        lead.push_str(&t.f1("site-head-unknown", "ms", format::duration(unknown)));
    }
    (head, lead)
}

fn heroes(t: &Texts, data: &SiteView, href: &str) -> Vec<Hero> {
    let pair = |r: query::Ratio| (i128::from(r.numerator), i128::from(r.denominator));
    let s = &data.summary;
    let ratio = RatioValue {
        value: s.oee.recent.map(pair),
        coverage: s.coverage.map(|c| (c.numerator, c.denominator)),
        grade: s.oee.recent.and(s.grade.as_deref().and_then(words::grade)),
        ..RatioValue::default()
    };
    let base = |text: Option<String>| text.map_or_else(|| t.s("fleet-base-none"), |v| t.f1("fleet-base", "value", v));
    let energy = |r: Option<query::Ratio>| {
        r.and_then(|e| format::quotient(i128::from(e.numerator) * 3_600, e.denominator.into(), 2))
    };
    let energy_figure = match energy(s.energy.recent) {
        Some(v) => Figure::plain(Class::Computed, format::with_unit(&v, &t.s("unit-kwh-per-hour")), ""),
        None => Figure::undefined(words::because(t, Undefined::NoProduction), ""),
    };
    let online = data.gateways.iter().filter(|g| g.online).count();
    vec![
        Hero {
            label: t.s("hero-oee"),
            figure: Figure::percent(
                t,
                Class::Computed,
                &ratio,
                &words::because(t, Undefined::NoPlannedTime),
                &format!("{href}#machines"),
            )
            .html(),
            note: base(words::percent(s.oee.baseline)),
        },
        Hero { label: t.s("hero-energy"), figure: energy_figure.html(), note: base(energy(s.energy.baseline)) },
        Hero {
            label: t.s("hero-gateways"),
            figure: Figure::plain(Class::Measured, format!("{online}/{}", data.gateways.len()), "").html(),
            note: match s.received_ms {
                Some(at) => t.f1("hero-gateways-note", "age", format::age(t, data.now_ms - at)),
                None => t.s("site-never-words"),
            },
        },
    ]
}

fn machine_row(t: &'static Texts, face: &Clockface, site: &str, index: usize, m: &MachineCard) -> MachineRow {
    let now = m.state.as_ref().map_or(State::Unknown, |i| words::state(&i.state));
    let href = format!("/sites/{}/machines/{}", url_part(site), url_part(&m.id));
    let row = MachineRow {
        name: words::name(&m.names, t.lang(), &m.id),
        kind: t.s(match m.role.as_str() {
            "meter" => "kind-meter",
            "auxiliary" => "kind-auxiliary",
            _ => "kind-production",
        }),
        state_swatch: now.swatch(),
        state: t.s(now.key()),
        state_since: m.state.as_ref().map_or_else(String::new, |i| t.f1("state-since", "time", face.minute(i.from_ms))),
        mini: String::new(),
        oee: String::new(),
        good: String::new(),
        energy: String::new(),
        href,
    };
    let Some(shift) = &m.shift else {
        let none = Figure::undefined(t.s("undefined-not-evaluated"), "").html();
        return MachineRow { oee: none.clone(), good: none.clone(), energy: none, ..row };
    };
    let live = (!shift.closed).then_some(shift.evaluated_to_ms);
    let title = t.f(
        "mini-title",
        &[
            ("name", &row.name),
            ("from", &face.day_minute(shift.shift.from_ms)),
            ("to", &face.minute(shift.shift.until_ms)),
        ],
    );
    let meter = m.role == "meter";
    let figure = |prefix| words::figure_of(t, site, &m.id, shift, prefix);
    let dash = || Figure::undefined(t.s("not-applicable"), "").html();
    MachineRow {
        mini: if meter {
            String::new()
        } else {
            mini(
                &format!("m{index}"),
                shift.shift.from_ms,
                shift.shift.until_ms,
                live,
                &words::spans(t, &shift.intervals),
                &title,
            )
        },
        state: if meter { String::new() } else { row.state },
        state_swatch: if meter { String::new() } else { row.state_swatch },
        state_since: if meter { String::new() } else { row.state_since },
        oee: if m.role == "production" { figure("oee.").html() } else { dash() },
        good: if m.role == "production" { figure("count.good").short() } else { dash() },
        energy: figure("energy.active").short(),
        ..row
    }
}

/// Bars of energy per day, at most 31 of them, newest last.
pub(super) fn energy_bars(t: &Texts, points: &[TrendPoint], href: &str) -> Vec<Bar> {
    points
        .iter()
        .skip(points.len().saturating_sub(31))
        .map(|p| Bar {
            label: p.date.get(5..).unwrap_or(&p.date).to_owned(),
            parts: p
                .value
                .and_then(|v| i64::try_from(v.scaled(0)).ok())
                .map_or_else(Vec::new, |wh| vec![(Part::Measured, wh)]),
            reason: t.s("energy-no-register"),
            href: if href.is_empty() { String::new() } else { format!("{href}?date={}", url_part(&p.date)) },
        })
        .collect()
}

fn calendar_days(days: &[query::CoverageDay]) -> Vec<calendar::Day> {
    days.iter()
        .filter_map(|d| {
            let date = d.date.parse().ok()?;
            Some(calendar::Day { date, observed_ms: d.covered_ms, planned_ms: d.expected_ms, href: String::new() })
        })
        .collect()
}

fn evidence(t: &Texts, face: &Clockface, data: &SiteView) -> Vec<Fact> {
    let fact = |key: &str, value: String, css| Fact { label: t.s(key), value, css };
    let s = &data.summary.evidence;
    let log = &data.log;
    let mut facts = vec![
        fact("log-leaves", format::integer(log.size), "num"),
        fact(
            "log-root",
            if log.root_hex.is_empty() { NONE.into() } else { format::short_digest(&log.root_hex) + "…" },
            "mono",
        ),
        fact("log-checkpoint", log.checkpoint_ms.map_or_else(|| t.s("log-no-checkpoint"), |ms| face.full(ms)), "num"),
    ];
    if log.projected < log.size {
        facts.push(fact("log-behind", format::integer(log.size - log.projected), "num"));
    }
    let (word, css) = if s.chain_ok { ("evidence-whole", "health good") } else { ("evidence-broken", "health bad") };
    facts.push(fact("log-chains", t.s(word), css));
    facts.push(fact(
        "log-lost",
        format::integer(s.lost_records),
        if s.lost_records > 0 { "health bad" } else { "num" },
    ));
    facts.push(fact("log-alarms", format::integer(s.alarms), if s.alarms > 0 { "health bad" } else { "num" }));
    facts
}

fn alarm(t: &Texts, face: &Clockface, a: &query::AlarmView) -> Fact {
    let value = match told(t, a) {
        Some(sentence) if a.gateway.is_empty() => sentence,
        Some(sentence) => format!("{} · {sentence}", a.gateway),
        None => {
            let parts = [words::word(t, "alarm", &a.kind), a.gateway.clone(), a.detail.clone()];
            parts.iter().filter(|part| !part.is_empty()).map(String::as_str).collect::<Vec<_>>().join(" · ")
        }
    };
    Fact { label: face.day_minute(a.at_ms), value, css: "health bad" }
}

/// The sentence for an alarm whose numbers or word belong into it.
fn told(t: &Texts, a: &query::AlarmView) -> Option<String> {
    match a.kind.as_str() {
        "epoch" => {
            let (old, kept) = a.detail.split_once(" → ")?;
            Some(t.f("alarm-epoch-words", &[("old", &old), ("kept", &kept)]))
        }
        "clone" => Some(t.f1("alarm-clone-words", "detail", &a.detail)),
        "new_chain" => {
            let cause = words::word(t, "chain", a.detail.rsplit(' ').next()?);
            Some(t.f1("alarm-new-chain-words", "detail", cause))
        }
        _ => None,
    }
}

fn stated(t: &Texts, face: &Clockface, d: &query::DeclarationView) -> Stated {
    let role = words::word(t, "role", &d.role);
    Stated {
        time: face.day_minute(d.received_ms),
        kind: words::word(t, "declared", &d.kind),
        author: if role.is_empty() { d.author.clone() } else { format!("{} · {role}", d.author) },
        reason: d.reason.clone(),
        // The server itself states these at the moment they happen: they cannot come late.
        late: d.late && !OWN.contains(&d.kind.as_str()),
    }
}

/// Statements the server makes, not a person.
const OWN: [&str; 4] = ["gateway_enrolled", "gateway_revoked", "report_issued", "records_carried"];

#[cfg(test)]
pub(super) fn samples(lang: super::text::Lang) -> Vec<(&'static str, String)> {
    use super::samples;
    let html = |data: &SiteView, extras: Extras| {
        let face = samples::face(lang);
        let name = words::name(&data.site.names, lang, &data.site.id);
        let frame = samples::frame(lang, name, "/sites/jh-07", Nav::Site, Some(&data.site), data.site.simulated);
        SitePage::new(frame, data, extras, &face).render().expect("renders")
    };
    vec![
        ("site", html(&samples::site(), samples::site_extras(lang))),
        ("site-new", html(&samples::site_new(), Extras::default())),
        ("site-beside", html(&samples::site(), Extras { report: Some(samples::beside(lang)), ..Extras::default() })),
        ("site-none", html(&samples::site(), Extras::default())),
    ]
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::super::text::Lang;
    use super::*;

    #[test]
    fn alarms_are_sentences_with_what_to_do() {
        let said = |kind: &str, gateway: &str, detail: &str, lang: Lang| {
            let (kind, gateway, detail) = (kind.to_owned(), gateway.to_owned(), detail.to_owned());
            let view = query::AlarmView { leaf: 1, gateway, kind, at_ms: samples::NOW_MS, detail };
            alarm(lang.texts(), &samples::face(lang), &view).value
        };
        for (kind, gateway, detail, zh, en) in [
            (
                "epoch",
                "",
                "5 → 2",
                "服务器由较早的备份恢复：站点日志原有 5 条，恢复后 2 条。网关会自动补发",
                "The server was restored from an older copy: its log had 5 entries and has 2 now. Gateways send again",
            ),
            (
                "new_chain",
                "gw-1",
                "0707 old_image",
                "gw-1 · 网关开启了新的记录链：存储卡是旧镜像，或网关被复制；若还有一台使用同一密钥，请停用",
                "new record chain: its disk is an old image, or it was cloned; if another box uses the same key, stop it",
            ),
            (
                "clone",
                "gw-1",
                "41",
                "同一序号（41）收到两条不同记录，已隔离留证",
                "Two different records for number 41",
            ),
            ("lost", "gw-1", "4–6", "网关声明记录丢失 · gw-1 · 4–6", "The gateway declared records lost · gw-1 · 4–6"),
        ] {
            let (in_zh, in_en) = (said(kind, gateway, detail, Lang::Zh), said(kind, gateway, detail, Lang::En));
            assert!(in_zh.contains(zh) && in_en.contains(en), "{in_zh}\n{in_en}");
        }
    }
}
