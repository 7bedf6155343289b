//! All sites, for the centre: *who needs me today?* Risk first, one line per factory, paged.

use askama::Template;
use metrics::oee::Undefined;

use crate::query::{self, FleetRow};

use super::chart::spark::Spark;
use super::format::{self, THIN};
use super::text::Texts;
use super::view::{Class, Figure, Frame, Nav, Pager, RatioValue, url_part};
use super::words;

/// What the reader asked for.
#[derive(Clone, Debug, Default)]
pub struct Ask {
    /// Search text.
    pub q: String,
    /// `risk`, `name` or `silent`.
    pub order: String,
    /// Page, from 1.
    pub page: usize,
}

/// The page.
#[derive(Template)]
#[template(path = "fleet.html")]
pub struct FleetPage {
    frame: Frame,
    t: &'static Texts,
    headline: String,
    lead: String,
    tally: Vec<Tally>,
    query: String,
    orders: Vec<(&'static str, String, bool)>,
    rows: Vec<Row>,
    pager: Pager,
    empty_title: String,
    empty_words: String,
    empty_command: &'static str,
}

struct Tally {
    css: &'static str,
    count: String,
    words: String,
}

struct Row {
    href: String,
    name: String,
    place: String,
    simulated: bool,
    risk_css: &'static str,
    risk: Vec<String>,
    online_css: &'static str,
    online_words: String,
    last_seen: String,
    coverage: String,
    evidence_css: &'static str,
    evidence: String,
    evidence_detail: String,
    oee: String,
    oee_spark: String,
    oee_base: String,
    energy: String,
    energy_base: String,
}

impl FleetPage {
    /// Builds the page from the read model.
    #[must_use]
    pub fn new(frame: Frame, data: &query::FleetPage, ask: &Ask) -> Self {
        let t = frame.t();
        let offline = (data.sites - data.online - data.silent).max(0);
        let headline = if data.sites == 0 {
            t.s("fleet-head-none")
        } else if offline == 0 && data.alarmed == 0 && data.silent == 0 {
            t.f1("fleet-head-fine", "n", data.sites)
        } else {
            let mut parts = Vec::new();
            for (n, key) in [
                (data.alarmed, "fleet-head-alarmed"),
                (offline, "fleet-head-offline"),
                (data.silent, "fleet-head-silent"),
            ] {
                if n > 0 {
                    parts.push(t.f1(key, "n", n));
                }
            }
            t.f1("fleet-head-need", "list", parts.join(&t.s("list-comma")))
        };
        let tally = [
            ("all", data.sites, "tally-sites"),
            ("good", data.online, "tally-online"),
            ("warn", offline, "tally-offline"),
            ("bad", data.alarmed, "tally-alarmed"),
            ("none", data.silent, "tally-silent"),
        ]
        .into_iter()
        .map(|(css, n, key)| Tally { css, count: format::integer(n), words: t.s(key) })
        .collect();
        let base = format!("/sites?q={}&order={}&", url_part(&ask.q), url_part(&ask.order));
        let per_page = usize::try_from(data.limit).unwrap_or(50).max(1);
        let total = usize::try_from(data.matching).unwrap_or(0);
        let searched = !ask.q.is_empty();
        let orders = ["risk", "name", "silent"]
            .into_iter()
            .map(|o| (o, t.s(&format!("order-{o}")), o == ask.order || (o == "risk" && ask.order.is_empty())))
            .collect();
        Self {
            headline,
            lead: t.s("fleet-lead"),
            tally,
            query: ask.q.clone(),
            orders,
            rows: data.rows.iter().enumerate().map(|(i, r)| row(t, i, r, data.now_ms)).collect(),
            pager: Pager::new(ask.page.max(1), per_page, total, &base),
            empty_title: t.s(if searched { "fleet-empty-search" } else { "fleet-empty-title" }),
            empty_words: t.s(if searched { "fleet-empty-search-words" } else { "fleet-empty-words" }),
            empty_command: if searched { "" } else { "gongzheng-server --config server.toml admin site add" },
            frame,
            t,
        }
    }
}

fn row(t: &'static Texts, index: usize, r: &FleetRow, now_ms: i64) -> Row {
    let href = format!("/sites/{}", url_part(&r.site.id));
    let serious = ["never_delivered", "offline", "chain", "lost", "alarms"];
    let risk_css = if r.attention.is_empty() {
        "good"
    } else if r.attention.iter().any(|a| serious.contains(&a.as_str())) {
        "bad"
    } else {
        "warn"
    };
    let place: Vec<&str> =
        [r.site.district.as_str(), r.site.sub_sector.as_str()].into_iter().filter(|p| !p.is_empty()).collect();
    let never = r.received_ms.is_none();
    let coverage = Figure::percent(
        t,
        Class::Computed,
        &RatioValue { value: r.coverage.map(|c| (c.numerator.into(), c.denominator.into())), ..RatioValue::default() },
        &words::absent(t, never, Undefined::NoPlannedTime),
        &format!("{href}#coverage"),
    );
    let mut oee = Figure::percent(
        t,
        Class::Computed,
        &RatioValue {
            value: r.oee.recent.map(|c| (c.numerator.into(), c.denominator.into())),
            grade: r.grade.as_deref().and_then(words::grade),
            ..RatioValue::default()
        },
        &words::absent(t, never, Undefined::NoPlannedTime),
        &href,
    );
    if r.oee.recent.is_none() {
        oee.grade = None;
    }
    let energy_text = |ratio: Option<query::Ratio>| {
        ratio.and_then(|e| format::quotient(i128::from(e.numerator) * 3_600, e.denominator.into(), 2))
    };
    let energy = match energy_text(r.energy.recent) {
        Some(value) => Figure::plain(Class::Computed, format::with_unit(&value, &t.s("unit-kwh-per-hour")), &href),
        None => Figure::undefined(words::absent(t, never, Undefined::NoProduction), &href),
    };
    let base = |text: Option<String>| match text {
        Some(value) => t.f1("fleet-base", "value", value),
        None => t.s("fleet-base-none"),
    };
    let permille = |ratio: query::Ratio| i64::try_from(ratio.scaled(3)).unwrap_or(0);
    let spark = Spark {
        values: r.trend.iter().map(|p| p.value.map(permille)).collect(),
        baseline: r.oee.baseline.map(permille),
        range: None,
    };
    let spark_title = t.f1("spark-oee", "name", words::name(&r.site.names, t.lang(), &r.site.id));
    let mut detail = Vec::new();
    if r.evidence.alarms > 0 {
        detail.push(t.f1("evidence-alarms", "n", r.evidence.alarms));
    }
    if r.evidence.lost_records > 0 {
        detail.push(t.f1("evidence-lost", "n", r.evidence.lost_records));
    }
    let evidence_key = match (never, r.evidence.chain_ok) {
        (true, _) => "evidence-none",
        (false, true) => "evidence-whole",
        (false, false) => "evidence-broken",
    };
    Row {
        name: words::name(&r.site.names, t.lang(), &r.site.id),
        place: place.join(" · "),
        simulated: r.site.simulated,
        risk_css,
        risk: if r.attention.is_empty() {
            vec![t.s("attention-none")]
        } else {
            r.attention.iter().map(|a| words::word(t, "attention", a)).collect()
        },
        online_css: if r.online {
            "good"
        } else if never {
            "none"
        } else {
            "bad"
        },
        online_words: t.s(if r.online {
            "site-online"
        } else if never {
            "site-never"
        } else {
            "site-offline"
        }),
        last_seen: match r.received_ms {
            Some(at) => {
                t.f("site-last-seen", &[("age", &format::age(t, now_ms - at)), ("n", &format::integer(r.gateways))])
            }
            None => t.s("site-never-words"),
        },
        coverage: coverage.html(),
        evidence_css: match (never, r.evidence.chain_ok) {
            (true, _) => "none",
            (false, true) => "good",
            (false, false) => "bad",
        },
        evidence: t.s(evidence_key),
        evidence_detail: detail.join(" · "),
        oee: oee.html(),
        oee_spark: if r.trend.is_empty() { String::new() } else { spark.svg(&format!("so{index}"), &spark_title) },
        oee_base: base(words::percent(r.oee.baseline)),
        energy: energy.html(),
        energy_base: base(energy_text(r.energy.baseline).map(|v| v.replace(' ', &THIN.to_string()))),
        href,
    }
}

#[cfg(test)]
pub(super) fn samples(lang: super::text::Lang) -> Vec<(&'static str, String)> {
    use super::samples;
    let t = lang.texts();
    let frame = |simulated| samples::frame(lang, t.s("nav-fleet"), "/sites", Nav::Fleet, None, simulated);
    let html = |page: FleetPage| page.render().expect("renders");
    let ask = Ask { q: String::new(), order: String::new(), page: 2 };
    let none = Ask { q: "不存在\"<x>".into(), order: "name".into(), page: 1 };
    let empty =
        query::FleetPage { rows: vec![], sites: 0, online: 0, alarmed: 0, silent: 0, matching: 0, ..samples::fleet() };
    vec![
        ("fleet", html(FleetPage::new(frame(true), &samples::fleet(), &ask))),
        ("fleet-search", html(FleetPage::new(frame(false), &empty, &none))),
        ("fleet-empty", html(FleetPage::new(frame(false), &empty, &Ask::default()))),
    ]
}
