//! Energy saved under a plan: one statement for each meter with its interval, unit consumption only beside what volume explains of it.

use askama::Template;

use crate::query::{SavedView, SavingsView};

use super::figures::{Row, rows};
use super::format;
#[cfg(test)]
use super::text::Lang;
use super::text::Texts;
use super::view::{Frame, Nav, url_part};
use super::words::{self, said};

struct Statement {
    title: String,
    days: String,
    driven: String,
    says: String,
    css: &'static str,
    rows: Vec<Row>,
    without: Vec<Row>,
    applied: Vec<String>,
    cautions: Vec<String>,
}

/// The page.
#[derive(Template)]
#[template(path = "savings.html")]
pub struct SavingsPage {
    frame: Frame,
    t: &'static Texts,
    subject: String,
    back: String,
    action: String,
    plan: String,
    plans: Vec<String>,
    periods: String,
    statements: Vec<Statement>,
    prefix: String,
}

impl SavingsPage {
    /// Builds the page.
    #[must_use]
    pub fn new(frame: Frame, data: &SavingsView) -> Self {
        let t = frame.t();
        let back = format!("/sites/{}", url_part(&data.site.id));
        let dates = |range: &[String]| range.join(" – ");
        let periods = match &data.plan {
            None => t.s("savings-no-plan"),
            Some(_) => {
                t.f("savings-periods", &[("before", &dates(&data.baseline)), ("after", &dates(&data.reporting))])
            }
        };
        Self {
            subject: words::name(&data.site.names, t.lang(), &data.site.id),
            action: format!("{back}/savings"),
            back,
            plan: data.plan.clone().unwrap_or_default(),
            plans: data.plans.clone(),
            periods,
            statements: data.saved.iter().map(|s| statement(t, data, s)).collect(),
            prefix: t.f1("meters-prefix", "prefix", format::integer(data.prefix)),
            frame,
            t,
        }
    }
}

fn statement(t: &Texts, data: &SavingsView, s: &SavedView) -> Statement {
    let name = |id: &str| words::machine(t, &data.machines, id);
    let driven: Vec<String> = s.driven_by.iter().map(|id| name(id)).collect();
    Statement {
        title: t.f("savings-boundary", &[("machine", &name(&s.machine)), ("option", &s.option)]),
        days: t.f(
            "savings-days",
            &[
                ("before", &format::integer(s.baseline_days)),
                ("before_out", &format::integer(s.baseline_left_out)),
                ("after", &format::integer(s.reporting_days)),
                ("after_out", &format::integer(s.reporting_left_out)),
            ],
        ),
        driven: t.f1("savings-driven", "machines", driven.join(" · ")),
        says: said(t, &s.says),
        css: if s.is_evaluated { "key computed" } else { "key unknown" },
        rows: rows(t, &s.machine, &s.figures),
        without: rows(t, &format!("{}-without", s.machine), &s.without),
        applied: s.applied.clone(),
        cautions: s.cautions.iter().map(|c| said(t, c)).collect(),
    }
}

#[cfg(test)]
pub(super) fn samples(lang: Lang) -> Vec<(&'static str, String)> {
    use super::samples;
    let title = lang.texts().s("savings-title");
    let render = |name, data: SavingsView| {
        let frame = samples::frame(
            lang,
            title.clone(),
            "/sites/jh-07/savings",
            Nav::Site,
            Some(&data.site),
            data.site.simulated,
        );
        (name, SavingsPage::new(frame, &data).render().expect("renders"))
    };
    let data = samples::asked::savings();
    let none = SavingsView { plan: None, plans: vec![], saved: vec![], ..data.clone() };
    vec![render("savings", data), render("savings-no-plan", none)]
}
