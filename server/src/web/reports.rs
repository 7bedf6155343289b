//! Reports of a site, for the assessor: *is the claim true?* What was issued, with digest and bundle; issuing a new one;
//! how to check it without us.

use std::collections::BTreeMap;

use askama::Template;

use crate::query::{ReportView, SiteView};

use super::format::{self, Clockface};
use super::promise::Promises;
use super::text::Texts;
use super::view::{Frame, Nav, url_part};

/// One line of a report's verdict table, finished markup and words.
pub struct Line {
    /// Metric and machine.
    pub name: String,
    /// Base period.
    pub before: String,
    /// Its bounds, empty where they meet.
    pub before_bounds: String,
    /// Reporting period.
    pub after: String,
    /// Its bounds, empty where they meet.
    pub after_bounds: String,
    /// CSS class of the verdict: `up`, `down`, `flat`, `none`.
    pub verdict_css: &'static str,
    /// Verdict in words.
    pub verdict: String,
}

/// What the page knows of a report beside the read model's row: read from its report.json.
#[derive(Default)]
pub struct Details {
    /// Leaf of the report these details belong to.
    pub leaf: i64,
    /// Base period in words.
    pub base: String,
    /// Reporting period in words.
    pub period: String,
    /// Verdict lines.
    pub lines: Vec<Line>,
    /// What the plan promised.
    pub promises: Promises,
}

/// What the bundle of an issued report holds.
#[derive(Debug, Default)]
pub struct Offered {
    /// Names of the documents in it.
    pub documents: Vec<&'static str>,
    /// Its length, bytes.
    pub bytes: Option<u64>,
    /// Length of the one without readings, if there is one, bytes.
    pub bytes_without_readings: Option<u64>,
}

struct Card<'a> {
    title: String,
    issued: String,
    author: &'a str,
    prefix: String,
    digest: &'a str,
    details: Option<&'a Details>,
    /// Address and label with the size: whole, and without readings.
    bundles: Vec<(String, String)>,
    json_href: String,
    /// The package of a city made of it; empty where its bundle is gone.
    package_href: String,
    /// Address and label.
    documents: Vec<(String, &'static str)>,
}

/// A language is named in itself, whatever the language of the page.
const DOCUMENTS: [(&str, &str); 4] = [
    ("report.zh-CN.pdf", "PDF 中文"),
    ("report.zh-CN.xlsx", "XLSX 中文"),
    ("report.en.pdf", "PDF English"),
    ("report.en.xlsx", "XLSX English"),
];

/// The page.
#[derive(Template)]
#[template(path = "reports.html")]
pub struct ReportsPage<'a> {
    frame: Frame,
    t: &'static Texts,
    problem: String,
    notice: String,
    can_issue: bool,
    action: String,
    form_token: String,
    plans: &'a [String],
    cards: Vec<Card<'a>>,
    empty: String,
    trust_href: String,
}

impl<'a> ReportsPage<'a> {
    /// Builds the page. `details` go with the documents that the bundles hold, by leaf; `problem` and `notice` are finished
    /// sentences or empty.
    #[must_use]
    pub fn new(
        frame: Frame,
        data: &'a SiteView,
        (details, offered): (&'a [Details], &BTreeMap<i64, Offered>),
        face: &Clockface,
        problem: String,
        notice: String,
    ) -> Self {
        let t = frame.t();
        let base = format!("/sites/{}/reports", url_part(&data.site.id));
        let can_issue = data.may.iter().any(|p| p == "issue_report");
        let see_raw = data.may.iter().any(|p| p == "see_raw");
        let card = |r: &'a ReportView| Card {
            title: t.f1("report-title", "plan", r.plan.clone()),
            issued: face.full(r.issued_ms),
            author: &r.author,
            prefix: format::integer(r.prefix),
            digest: &r.digest,
            details: details.iter().find(|d| d.leaf == r.leaf),
            bundles: bundles(t, &format!("{base}/{}/bundle.zip", r.leaf), offered.get(&r.leaf).filter(|_| see_raw)),
            json_href: format!("{base}/{}/report.json", r.leaf),
            package_href: if r.bundle {
                format!("/sites/{}/package?report={}", url_part(&data.site.id), r.leaf)
            } else {
                String::new()
            },
            documents: DOCUMENTS
                .into_iter()
                .filter(|(name, _)| see_raw && offered.get(&r.leaf).is_some_and(|held| held.documents.contains(name)))
                .map(|(name, label)| (format!("{base}/{}/documents/{name}", r.leaf), label))
                .collect(),
        };
        Self {
            problem,
            notice,
            can_issue,
            form_token: frame.reader.as_ref().map(|r| r.form_token.clone()).unwrap_or_default(),
            plans: &data.plans,
            cards: data.reports.iter().map(card).collect(),
            empty: t.s(match (can_issue, data.plans.is_empty()) {
                (true, true) => "reports-empty-plan",
                (true, false) => "reports-empty-issue",
                (false, _) => "reports-empty-ask",
            }),
            trust_href: format!("/sites/{}/trust.json", url_part(&data.site.id)),
            action: base,
            frame,
            t,
        }
    }
}

/// The bundles that can be had, with their sizes: portals refuse what is too long only after the upload.
fn bundles(t: &Texts, href: &str, offered: Option<&Offered>) -> Vec<(String, String)> {
    let Some(offered) = offered else { return Vec::new() };
    let whole = offered.bytes.map(|n| (href.to_owned(), t.f1("reports-bundle", "size", megabytes(n))));
    let light = offered.bytes_without_readings;
    let light = light.map(|n| (format!("{href}?readings=false"), t.f1("reports-bundle-light", "size", megabytes(n))));
    whole.into_iter().chain(light).collect()
}

/// A length as upload limits are written, rounded up: 10⁶ bytes and two digits after the point, so that a small one is not nothing.
fn megabytes(bytes: u64) -> String {
    let hundredths = bytes.div_ceil(10_000);
    format!("{}.{:02} MB", hundredths / 100, hundredths % 100)
}

#[cfg(test)]
pub(super) fn samples(lang: super::text::Lang) -> Vec<(&'static str, String)> {
    use super::samples;
    let t = lang.texts();
    let html = |data: &SiteView, details: &[Details], problem: &str, notice: &str| {
        let frame = samples::frame(
            lang,
            t.s("reports-title"),
            "/sites/jh-07/reports",
            Nav::Reports,
            Some(&data.site),
            data.site.simulated,
        );
        let offer = || Offered {
            documents: document::NAMES.to_vec(),
            bytes: Some(48_217_003),
            bytes_without_readings: Some(1_904_118),
        };
        let offered = details.iter().map(|d| (d.leaf, offer())).collect();
        ReportsPage::new(frame, data, (details, &offered), &samples::face(lang), problem.into(), notice.into())
            .render()
            .expect("renders")
    };
    let mut barred = samples::site_new();
    barred.may.retain(|p| p == "see_figures");
    vec![
        ("reports", html(&samples::site(), &samples::report_details(lang), "", &t.s("reports-notice"))),
        ("reports-empty", html(&samples::site_new(), &[], &t.s("reports-problem"), "")),
        ("reports-barred", html(&barred, &[], "", "")),
    ]
}
