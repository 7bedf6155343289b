//! Papers asked of the firm (材料): who owes which by when, what was handed in, received, or returned.
//!
//! Constraints first:
//! - Everything on the page is a statement (✎) with its leaf; *received* speaks of a paper's arrival, never of what is in it.
//! - Who may take the next step sees the form for it; the door of the log decides, and what it refuses comes back as typed.

use askama::Template;

use crate::query::{ListedView, PaperView, PapersView};

use super::filing::Told;
use super::format;
use super::text::Texts;
use super::view::{Frame, Nav, url_part};
use super::words::{self, said};

struct Line {
    id: String,
    anchor: String,
    title: String,
    css: &'static str,
    stands: String,
    asked: String,
    note: String,
    handed: String,
    may_hand: bool,
    may_judge: bool,
    by: String,
}

/// What a list says of the firm, as pairs of name and text.
pub(super) fn listed(t: &Texts, of: &ListedView) -> Vec<(String, String)> {
    let yuan = of.investment_yuan.as_ref().map(|yuan| t.f1("papers-yuan", "yuan", yuan.as_str())).unwrap_or_default();
    [
        ("papers-code", of.code.clone()),
        ("papers-firm", of.name.clone()),
        ("papers-list", of.list.clone()),
        ("papers-number", of.number.clone()),
        ("papers-district", of.district.clone()),
        ("papers-sub-sector", of.sub_sector.clone()),
        ("papers-provider", of.provider.clone()),
        ("papers-investment", yuan),
        ("papers-filed", of.filed.clone().unwrap_or_default()),
    ]
    .into_iter()
    .filter(|(_, text)| !text.is_empty())
    .map(|(key, text)| (t.s(key), text))
    .collect()
}

/// The page.
#[derive(Template)]
#[template(path = "papers.html")]
pub struct PapersPage {
    frame: Frame,
    t: &'static Texts,
    subject: String,
    back: String,
    action: String,
    form_token: String,
    told: Told,
    headline: String,
    listed: Vec<(String, String)>,
    listed_leaf: String,
    papers: Vec<Line>,
    loose: Vec<String>,
    may_ask: Vec<(String, String)>,
    today: String,
    next_id: String,
}

impl PapersPage {
    /// Builds the page.
    #[must_use]
    pub fn new(frame: Frame, data: &PapersView, told: Told) -> Self {
        let t = frame.t();
        let back = format!("/sites/{}", url_part(&data.site.id));
        let owed = data.papers.iter().filter(|p| ["owed", "returned"].contains(&p.standing.as_str())).count();
        let overdue = data.papers.iter().filter(|p| p.overdue).count();
        let headline = match (data.papers.len(), owed, overdue) {
            (0, ..) => t.s("papers-head-none"),
            (_, 0, _) => t.s("papers-head-fine"),
            (_, n, 0) => t.f1("papers-head-owed", "n", n as i64),
            (_, n, late) => t.f("papers-head-overdue", &[("n", &n.to_string()), ("late", &late.to_string())]),
        };
        let loose = |p: &crate::query::LooseView| {
            let leaf = p.leaf.map(format::integer).unwrap_or_default();
            t.f("papers-void", &[("leaf", &leaf), ("why", &said(t, &p.words))])
        };
        Self {
            subject: words::name(&data.site.names, t.lang(), &data.site.id),
            action: format!("{back}/papers"),
            form_token: frame.reader.as_ref().map(|r| r.form_token.clone()).unwrap_or_default(),
            headline,
            listed: data.listed.as_ref().map(|of| listed(t, of)).unwrap_or_default(),
            listed_leaf: data
                .listed
                .as_ref()
                .map(|of| t.f1("papers-leaf", "leaf", format::integer(of.leaf)))
                .unwrap_or_default(),
            papers: data.papers.iter().map(|p| line(t, p, data.may_hand)).collect(),
            loose: data.loose.iter().map(loose).collect(),
            may_ask: data.may_ask.iter().map(|by| (by.clone(), body(t, by))).collect(),
            today: data.today.clone(),
            next_id: data.next_id.clone(),
            told,
            back,
            frame,
            t,
        }
    }

    /// The form by which a paper is handed in.
    fn hand(&self, paper: &str) -> String {
        format!("hand/{paper}")
    }

    /// The form by which it is received or returned.
    fn judge(&self, paper: &str) -> String {
        format!("judge/{paper}")
    }

    /// What was typed into a field of a form that came back; a default otherwise.
    fn kept<'a>(&'a self, form: impl AsRef<str>, field: &str, otherwise: &'a str) -> &'a str {
        if self.told.form != form.as_ref() {
            return otherwise;
        }
        self.told.typed.iter().find(|(name, _)| name == field).map_or("", |(_, value)| value)
    }
}

/// The name of a body that asks.
pub(super) fn body(t: &Texts, by: &str) -> String {
    t.s(&format!("filing-by-{by}"))
}

/// How a paper's standing is marked.
pub(super) fn standing_css(paper: &PaperView) -> &'static str {
    match paper.standing.as_str() {
        "received" => "health good",
        "handed" => "health none",
        _ if paper.overdue || paper.standing == "returned" => "health bad",
        _ => "health warn",
    }
}

fn line(t: &Texts, of: &PaperView, may_hand: bool) -> Line {
    let handed = if of.handed == 0 {
        String::new()
    } else {
        let n = of.handed.to_string();
        t.f("papers-handed-times", &[("n", &n), ("file", &of.file)])
    };
    Line {
        id: of.paper.clone(),
        anchor: format!("paper-{}", of.paper),
        title: of.name.clone(),
        css: standing_css(of),
        stands: said(t, &of.stands),
        asked: t.f("papers-asked", &[("by", &body(t, &of.by)), ("leaf", &format::integer(of.leaf))]),
        note: of.note.clone(),
        handed,
        may_hand: may_hand && of.standing != "received",
        may_judge: of.may_judge,
        by: of.by.clone(),
    }
}

#[cfg(test)]
pub(super) fn samples(lang: super::text::Lang) -> Vec<(&'static str, String)> {
    use super::samples;
    let render = |name, data: PapersView, told: Told| {
        let title = lang.texts().s("papers-title");
        let path = "/sites/jh-07/papers";
        let frame = samples::frame(lang, title, path, Nav::Site, Some(&data.site), data.site.simulated);
        (name, PapersPage::new(frame, &data, told).render().expect("renders"))
    };
    let typed = |fields: &[(&str, &str)]| fields.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    let refused = |form: &str, fields: &[(&str, &str)]| Told {
        problem: "<no>".into(),
        form: form.into(),
        typed: typed(fields),
        ..Told::default()
    };
    let data = samples::dossier::papers;
    let bare = PapersView { listed: None, papers: vec![], loose: vec![], may_hand: false, may_ask: vec![], ..data() };
    let owed = |n: usize, overdue: bool| {
        let mut view = data();
        view.papers.truncate(n);
        view.papers.iter_mut().for_each(|p| p.overdue = overdue);
        view
    };
    let mut fine = data();
    fine.papers.retain(|p| p.standing == "received");
    vec![
        ("papers", data(), Told { done: "done".into(), ..Told::default() }),
        ("papers-judged", data(), refused("judge/p-2", &[("judged", "return"), ("reason", "缺 \"页\"")])),
        ("papers-handed", data(), refused("hand/p-1", &[("file", "<合同>.pdf"), ("date", "2026-11-31")])),
        ("papers-asked", data(), refused("ask", &[("paper", "P 1"), ("by", "city"), ("name", "<x>")])),
        ("papers-owed", owed(1, false), Told::default()),
        ("papers-fine", fine, Told::default()),
        ("papers-none", bare, Told::default()),
    ]
    .into_iter()
    .map(|(name, data, told)| render(name, data, told))
    .collect()
}
