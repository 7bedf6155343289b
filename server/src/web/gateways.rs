//! Gateways of a site and how a new one joins, for the installer. A code is shown once, on the page that made it.
//!
//! What a gateway says of this moment (`state` messages) is shown beside, labelled: it is not evidence, and nothing is
//! computed with it. Its values are raw readings: only who may see those gets them.

use std::collections::BTreeMap;

use askama::Template;

use crate::query::{GatewayView, SiteView};

use super::format::{self, Clockface, NONE};
use super::site::Fact;
use super::text::Texts;
use super::trouble::{self, Note};
use super::view::{Frame, Nav, url_part};
use super::witnessing::{self, WitnessCard, Witnessing};
use super::words;

/// A code that was just made.
pub struct NewCode {
    /// For which gateway.
    pub gateway: String,
    /// The code, to be typed or pasted at the gateway.
    pub code: String,
    /// When it expires, Unix ms.
    pub until_ms: i64,
    /// Enrolment address the agent is given: `host:port`.
    pub server: String,
}

struct CodeCard {
    gateway: String,
    code: String,
    until: String,
    server: String,
}

/// What a gateway said last, and how long ago.
pub struct Live {
    /// Time since the message arrived, ms.
    pub age_ms: i64,
    /// The message.
    pub state: protocol::StateMessage,
}

struct LiveCard {
    words: String,
    rows: Vec<LiveRow>,
}

struct LiveRow {
    tag: String,
    value: String,
    age: String,
}

struct Card {
    id: String,
    css: &'static str,
    status: String,
    live: Option<LiveCard>,
    facts: Vec<Fact>,
    notes: Vec<Note>,
}

/// The page.
#[derive(Template)]
#[template(path = "gateways.html")]
pub struct GatewaysPage {
    frame: Frame,
    t: &'static Texts,
    headline: String,
    problem: String,
    code: Option<CodeCard>,
    gateways: Vec<Card>,
    witness: WitnessCard,
    can_issue: bool,
    action: String,
    carry: String,
    form_token: String,
}

impl GatewaysPage {
    /// Builds the page. `problem` is a finished sentence or empty.
    #[must_use]
    pub fn new(
        frame: Frame,
        data: &SiteView,
        code: Option<&NewCode>,
        live: &BTreeMap<String, Live>,
        witnessed: &Witnessing,
        face: &Clockface,
        problem: String,
    ) -> Self {
        let t = frame.t();
        let online = data.gateways.iter().filter(|g| g.online).count();
        let headline = if data.gateways.is_empty() {
            t.s("gateways-head-none")
        } else {
            t.f("gateways-head", &[("online", &online), ("all", &data.gateways.len())])
        };
        Self {
            headline,
            problem,
            code: code.map(|c| CodeCard {
                gateway: c.gateway.clone(),
                code: c.code.clone(),
                until: face.full(c.until_ms),
                server: c.server.clone(),
            }),
            gateways: data
                .gateways
                .iter()
                .map(|g| Card {
                    live: live.get(&g.id).map(|live| live_card(t, live, data.may.iter().any(|p| p == "see_raw"))),
                    ..card(t, face, g, data.now_ms)
                })
                .collect(),
            witness: witnessing::card(t, frame.lang, face, witnessed),
            can_issue: data.may.iter().any(|p| p == "manage_gateways"),
            action: format!("/sites/{}/gateways", url_part(&data.site.id)),
            carry: format!("/sites/{}/carry", url_part(&data.site.id)),
            form_token: frame.reader.as_ref().map(|r| r.form_token.clone()).unwrap_or_default(),
            frame,
            t,
        }
    }
}

fn live_card(t: &Texts, live: &Live, see_raw: bool) -> LiveCard {
    let state = &live.state;
    let backlog = if state.backlog_records == 0 {
        t.s("live-no-backlog")
    } else {
        let records = format::integer(state.backlog_records);
        t.f("live-backlog", &[("records", &records), ("bytes", &format::bytes(state.backlog_bytes))])
    };
    let row = |value: &protocol::StateValue| LiveRow {
        tag: value.tag.to_string(),
        value: match value.quality {
            protocol::Quality::Good => value.value.clone(),
            protocol::Quality::Uncertain | protocol::Quality::Bad => format!("{} ?", value.value),
        },
        age: format::age(t, i64::try_from(value.age_ms).unwrap_or(i64::MAX).saturating_add(live.age_ms)),
    };
    LiveCard {
        words: format!("{} · {backlog}", format::age(t, live.age_ms)),
        rows: if see_raw { state.values.iter().map(row).collect() } else { Vec::new() },
    }
}

fn card(t: &Texts, face: &Clockface, g: &GatewayView, now_ms: i64) -> Card {
    let fact = |key: &str, value: String, css| Fact { label: t.s(key), value, css };
    let (css, status) = match (g.revoked_ms, g.received_ms, g.online) {
        (Some(at), _, _) => ("bad", t.f1("gateway-revoked", "time", face.full(at))),
        (None, None, _) => ("none", t.s("gateway-never")),
        (None, Some(at), true) => ("good", t.f1("gateway-online", "age", format::age(t, now_ms - at))),
        (None, Some(at), false) => ("bad", t.f1("gateway-offline", "age", format::age(t, now_ms - at))),
    };
    // The fingerprint is grouped by four so that it can be read out over the telephone.
    let key: Vec<String> = g.key_hex.chars().collect::<Vec<_>>().chunks(4).map(|c| c.iter().collect()).collect();
    let sequence = if g.sequence < 0 { NONE.into() } else { format::integer(g.sequence) };
    Card {
        id: g.id.clone(),
        css,
        status,
        notes: trouble::notes(t, face, g),
        live: None,
        facts: [
            fact("gateway-received", g.received_ms.map_or_else(|| NONE.into(), |ms| face.full(ms)), "num"),
            fact("gateway-observed", g.observed_ms.map_or_else(|| NONE.into(), |ms| face.full(ms)), "num"),
            fact("gateway-sequence", sequence, "num"),
            fact("gateway-readings", format::integer(g.readings), "num"),
            fact(
                "gateway-lost",
                format::integer(g.lost_records),
                if g.lost_records > 0 { "health bad" } else { "num" },
            ),
            fact("gateway-chains", format::integer(g.chains), "num"),
            fact(
                "gateway-clock",
                words::word(t, "clock", &g.clock_state),
                match g.clock_state.as_str() {
                    "synchronised" => "health good",
                    "never_set" | "behind" | "ahead" => "health bad",
                    _ => "health warn",
                },
            ),
            fact(
                "gateway-version",
                if g.agent_version.is_empty() { NONE.into() } else { g.agent_version.clone() },
                "mono",
            ),
            fact("gateway-enrolled", face.full(g.enrolled_ms), "num"),
            fact("gateway-key", key.join(" "), "mono digest"),
        ]
        .into_iter()
        .chain(g.carried_ms.map(|at| {
            let (records, time) = (format::integer(g.carried), face.full(at));
            fact("gateway-carried", t.f("gateway-carried-words", &[("records", &records), ("time", &time)]), "num")
        }))
        .collect(),
    }
}

#[cfg(test)]
pub(super) fn samples(lang: super::text::Lang) -> Vec<(&'static str, String)> {
    use super::samples;
    use crate::query::RefusalView;
    let t = lang.texts();
    let witnessing = witnessing::samples();
    let html = |data: &SiteView, code: Option<&NewCode>, witnessed: usize, problem: &str| {
        let frame = samples::frame(
            lang,
            t.s("nav-gateways"),
            "/sites/jh-07/gateways",
            Nav::Gateways,
            Some(&data.site),
            data.site.simulated,
        );
        let value = |tag: &str, value: &str, quality| protocol::StateValue {
            tag: tag.parse().expect("a tag"),
            value: value.into(),
            age_ms: 400,
            quality,
        };
        let state = protocol::StateMessage {
            backlog_records: 1_240,
            backlog_bytes: 3_500_000,
            values: vec![
                value("press/good", "18231", protocol::Quality::Good),
                value("vessel/batch", "<b>", protocol::Quality::Uncertain),
            ],
            ..protocol::StateMessage::default()
        };
        let live = data.gateways.iter().take(1).map(|g| (g.id.clone(), Live { age_ms: 1_000, state: state.clone() }));
        GatewaysPage::new(
            frame,
            data,
            code,
            &live.collect(),
            &witnessing[witnessed],
            &samples::face(lang),
            problem.into(),
        )
        .render()
        .expect("renders")
    };
    let mut troubled = samples::site();
    let gateway = &mut troubled.gateways[1];
    gateway.clock_state = "behind".into();
    gateway.repeats = 4;
    let (reason, at_ms) = ("conflict".into(), samples::NOW_MS - 60_000);
    gateway.refusals.push(RefusalView { reason, count: 2, at_ms, sequence: 12_401, number: 0, open: true });
    let code = NewCode {
        gateway: "gw-2".into(),
        code: "GZ-7K2MQ4XDNB3A-JBSWY3DPEHPK3PXPJBSWY3DPEH".into(),
        until_ms: samples::NOW_MS + 86_400_000,
        server: "192.168.10.5:8443".into(),
    };
    vec![
        ("gateways", html(&samples::site(), Some(&code), 0, "")),
        ("gateways-trouble", html(&troubled, None, 1, "")),
        ("gateways-empty", html(&samples::site_new(), None, 3, &t.s("gateways-problem"))),
        ("gateways-too-few", html(&samples::site(), None, 2, "")),
    ]
}

#[cfg(test)]
mod tests {
    use super::super::samples as all;
    use super::super::text::Lang;
    use super::*;

    fn page(lang: Lang, may: &[&str]) -> String {
        let mut data = all::site();
        data.may = may.iter().map(|word| (*word).to_owned()).collect();
        let value = protocol::StateValue {
            tag: "press/good".parse().expect("a tag"),
            value: "18231".into(),
            age_ms: 5_000,
            quality: protocol::Quality::Good,
        };
        let state = protocol::StateMessage { backlog_records: 3, values: vec![value], ..Default::default() };
        let live = BTreeMap::from([(data.gateways[0].id.clone(), Live { age_ms: 10_000, state })]);
        let frame = all::frame(lang, String::new(), "/", Nav::Gateways, Some(&data.site), false);
        let nobody = Witnessing::default();
        GatewaysPage::new(frame, &data, None, &live, &nobody, &all::face(lang), String::new())
            .render()
            .expect("renders")
    }

    #[test]
    fn what_is_live_is_labelled_and_its_values_are_for_who_may_see_raw_readings() {
        for (lang, label) in [(Lang::Zh, "实时·尚非证据"), (Lang::En, "live, not yet evidence")] {
            let whole = page(lang, &["see_figures", "see_raw"]);
            assert_eq!(whole.matches(label).count(), 1, "{whole}");
            let age = format::age(lang.texts(), 15_000);
            assert!(whole.contains("18231") && whole.contains(&age), "{whole}");
            let figures = page(lang, &["see_figures"]);
            assert!(figures.contains(label) && !figures.contains("18231"), "{figures}");
        }
    }

    #[test]
    fn records_that_came_on_a_stick_are_named_where_they_are_the_reason_of_a_delay() {
        for (lang, words) in [
            (Lang::Zh, "8,192 条，最近 {time}：到达较晚是因为离线携带"),
            (Lang::En, "8,192 records, newest {time}: their delay is the carriage"),
        ] {
            let time = all::face(lang).full(all::NOW_MS - 2 * 86_400_000);
            let words = words.replace("8,192", &format::integer(8_192));
            let html = page(lang, &["see_figures"]);
            assert_eq!(html.matches(&words.replace("{time}", &time)).count(), 1, "{html}");
        }
    }
}
