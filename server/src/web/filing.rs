//! The filed plan (备案方案): what was promised, what is connected and producing data, changes with their opinions, instalments.
//!
//! Constraints first:
//! - What the plan says is a statement (✎), what is there is read from readings; a difference is named in words, with the application
//!   that would cover it.
//! - Whoever is asked next sees the form for the opinion; the door of the log decides, and what it refuses comes back as typed.
//! - The page states nothing of its own: no opinion, no amount that is due, no result of an acceptance.

use askama::Template;
use metrics::filed::PRODUCING_DAYS;
use metrics::report::COMPARED_DEFINITIONS;

use crate::query::{ApplicationView, ClauseView, FilingMachine, FilingRule, FilingState, FilingView, PromiseView};

mod paper;

pub(crate) use self::paper::papers;

use super::format::{self, Clockface};
use super::plan::compared;
use super::text::{Lang, Texts};
use super::view::{Frame, Nav, url_part};
use super::words::{self, said, word};

/// Rows of the form for lines of investment; more go in by an application or the API.
const LINE_ROWS: usize = 6;
/// Rows of the form for targets.
const TARGET_ROWS: usize = 4;
/// Rows of the form for instalments.
const PAYMENT_ROWS: usize = 3;

/// What was handed in before this page, and what came of it.
#[derive(Default)]
pub struct Told {
    /// A finished sentence: logged.
    pub done: String,
    /// A finished sentence: refused.
    pub problem: String,
    /// Which form: `file`, `apply`, `finish`, `opine/<change>`.
    pub form: String,
    /// Its fields as typed; a name may come more than once.
    pub typed: Vec<(String, String)>,
}

struct Cite {
    article: String,
    quote: String,
}

struct RuleHead {
    title: String,
    number: String,
    is_draft: bool,
}

pub(super) struct Count {
    pub(super) name: String,
    pub(super) css: &'static str,
    pub(super) of: [usize; 3],
}

struct Row {
    name: String,
    is_point: bool,
    promised: bool,
    connected: String,
    last: String,
    producing: bool,
    difference: String,
    elsewhere: String,
}

/// What differs alike of one machine, or a gateway that does.
pub(super) struct Differing {
    title: String,
    says: String,
    /// How many points there are below, in words; empty for none.
    count: String,
    points: Vec<String>,
}

struct OpinionLine {
    by: String,
    says: String,
    is_agreed: bool,
    reason: String,
    leaf: String,
}

struct Application {
    id: String,
    anchor: String,
    form: String,
    title: String,
    stands: String,
    css: &'static str,
    items: Vec<String>,
    reason: String,
    opinions: Vec<OpinionLine>,
    superseded: Vec<OpinionLine>,
    problems: Vec<String>,
    major: Vec<(String, Cite)>,
    /// What was submitted, by its leaf: an opinion is on that.
    submission: i64,
    /// Whose opinion the reader may state: `district`, `centre`, `city`, `finance`, each with its name.
    asks: Vec<Choice>,
}

struct Line {
    category: String,
    what: String,
    yuan: String,
    filed: String,
}

struct TargetLine {
    name: String,
    promised: String,
    base: String,
    method: String,
}

struct PaymentLine {
    name: String,
    says: String,
    clause: Option<Cite>,
}

/// A choice of a form: value and name.
type Choice = (String, String);

/// The page.
#[derive(Template)]
#[template(path = "filing.html")]
pub struct FilingPage {
    frame: Frame,
    t: &'static Texts,
    subject: String,
    back: String,
    action: String,
    form_token: String,
    told: Told,
    may_file: bool,
    may_apply: bool,
    behind: String,
    today: String,
    others: Vec<(String, String, bool)>,
    filing: String,
    is_filed: bool,
    headline: String,
    rule: Option<RuleHead>,
    number: String,
    filed: String,
    leaf: String,
    term: String,
    finished: String,
    finished_logged: String,
    term_says: String,
    term_css: &'static str,
    term_clause: Option<Cite>,
    changed: Vec<String>,
    again: String,
    counts: Vec<Count>,
    counts_words: String,
    differences: Vec<Differing>,
    rows: Vec<Row>,
    applications: Vec<Application>,
    returned: Vec<String>,
    next_change: String,
    loose: Vec<String>,
    lines: Vec<Line>,
    investment: [String; 2],
    targets: Vec<TargetLine>,
    payments: Vec<PaymentLine>,
    machines: Vec<Choice>,
    gateways: Vec<Choice>,
    promised_machines: Vec<Choice>,
    promised_gateways: Vec<Choice>,
    rules: Vec<(String, String)>,
    categories: Vec<(String, Vec<Choice>)>,
    stages: Vec<(String, Vec<Choice>)>,
    definitions: Vec<Choice>,
    line_rows: std::ops::RangeInclusive<usize>,
    target_rows: std::ops::RangeInclusive<usize>,
    payment_rows: std::ops::RangeInclusive<usize>,
}

impl FilingPage {
    /// Builds the page.
    #[must_use]
    pub fn new(frame: Frame, data: &FilingView, face: &Clockface, told: Told) -> Self {
        let t = frame.t();
        let back = format!("/sites/{}", url_part(&data.site.id));
        let action = format!("{back}/filing");
        let state = data.filing.as_ref();
        let id = state.map(|s| s.id.clone()).unwrap_or_default();
        let other = |f: &String| (f.clone(), format!("{action}?filing={}", url_part(f)), *f == id);
        let is_filed = state.is_some_and(|s| !s.filed.is_empty());
        let names = Named { t, machines: &data.machines };
        let promised = |row: &&PromiseView| row.promised && row.point.is_none();
        let in_plan = || state.into_iter().flat_map(|s| s.rows.iter().filter(promised));
        let (rules, categories, stages) = choices(t, state.and_then(|s| s.rule.as_ref()), &data.rules);
        let applications: Vec<Application> =
            state.map_or_else(Vec::new, |s| s.applications.iter().map(|a| application(t, face, a)).collect());
        Self {
            subject: words::name(&data.site.names, t.lang(), &data.site.id),
            form_token: frame.reader.as_ref().map(|r| r.form_token.clone()).unwrap_or_default(),
            may_file: data.may_file,
            may_apply: data.may_apply,
            behind: data.behind.map_or_else(String::new, |[read, all]| {
                t.f("filing-behind", &[("read", &format::integer(read)), ("all", &format::integer(all))])
            }),
            today: data.today.clone(),
            others: if data.filings.len() > 1 { data.filings.iter().map(other).collect() } else { Vec::new() },
            headline: match state {
                Some(s) if is_filed => words::name(&s.names, t.lang(), &s.id),
                _ => t.s("filing-none"),
            },
            rule: state.and_then(|s| s.rule.as_ref()).map(|r| RuleHead {
                title: words::name(&r.names, t.lang(), &r.id),
                number: r.number.clone().unwrap_or_default(),
                is_draft: r.draft,
            }),
            number: state.and_then(|s| s.number.clone()).unwrap_or_default(),
            filed: state.map(|s| s.filed.clone()).unwrap_or_default(),
            leaf: state.map(|s| logged(t, face, s.leaf, s.received_ms, &s.author, &s.role)).unwrap_or_default(),
            term: state
                .and_then(|s| s.term.as_ref())
                .map_or_else(String::new, |term| format!("{} – {}", term.dates[0], term.dates[1])),
            finished: state.and_then(|s| s.finished.as_ref()).map(|f| f.date.clone()).unwrap_or_default(),
            finished_logged: state
                .and_then(|s| s.finished.as_ref())
                .map(|f| logged(t, face, f.leaf, f.received_ms, &f.author, &f.role))
                .unwrap_or_default(),
            term_says: state.and_then(|s| s.term.as_ref()).map(|term| said(t, &term.words)).unwrap_or_default(),
            term_css: match state.and_then(|s| s.term.as_ref()).map(|term| term.state.as_str()) {
                Some("within") | None => "",
                Some(_) => "problem",
            },
            term_clause: state.and_then(|s| s.term.as_ref()?.clause.as_ref()).map(|c| cite(t, c)),
            changed: state.map(|s| changed(t, s)).unwrap_or_default(),
            again: state.filter(|s| !s.stated_again.is_empty()).map_or_else(String::new, |s| {
                let leaves: Vec<String> = s.stated_again.iter().map(|l| format::integer(*l)).collect();
                t.f1("filing-again", "leaves", leaves.join(&t.s("list-comma")))
            }),
            counts: state.map(|s| counts(t, s)).unwrap_or_default(),
            counts_words: t.f1("filing-counts-words", "days", i64::from(PRODUCING_DAYS)),
            differences: state.map(|s| differences(t, &data.machines, s)).unwrap_or_default(),
            rows: state.map_or_else(Vec::new, |s| s.rows.iter().map(|r| names.row(r)).collect()),
            returned: state
                .into_iter()
                .flat_map(|s| s.applications.iter().filter(|a| a.status == "returned").map(|a| a.change.clone()))
                .collect(),
            next_change: next_change(state),
            loose: state.map_or_else(Vec::new, |s| s.loose.iter().map(|p| problem(t, p.leaf, &p.words)).collect()),
            lines: state.map(|s| lines(t, s)).unwrap_or_default(),
            investment: state.map(|s| s.investment_yuan.clone()).unwrap_or_default(),
            targets: state.map(|s| targets(t, s)).unwrap_or_default(),
            payments: state.map(|s| payments(t, s)).unwrap_or_default(),
            // What is promised already is no addition: added again without its points it would lose them.
            machines: data
                .machines
                .iter()
                .filter(|m| in_plan().all(|r| r.machine.as_ref() != Some(&m.id)))
                .map(|m| (m.id.clone(), names.of(&m.id)))
                .collect(),
            gateways: data
                .gateways
                .iter()
                .filter(|g| in_plan().all(|r| r.gateway.as_ref() != Some(*g)))
                .map(|g| (g.clone(), g.clone()))
                .collect(),
            promised_machines: in_plan().filter_map(|r| r.machine.as_ref()).map(|m| (m.clone(), names.of(m))).collect(),
            promised_gateways: in_plan().filter_map(|r| r.gateway.clone()).map(|g| (g.clone(), g)).collect(),
            rules,
            categories,
            stages,
            definitions: COMPARED_DEFINITIONS.iter().map(|d| ((*d).to_owned(), compared(t, d))).collect(),
            line_rows: 1..=LINE_ROWS,
            target_rows: 1..=TARGET_ROWS,
            payment_rows: 1..=PAYMENT_ROWS,
            filing: id,
            applications,
            is_filed,
            told,
            back,
            action,
            frame,
            t,
        }
    }

    /// What was typed into a field of a form that came back; a default otherwise.
    fn kept<'a>(&'a self, form: &str, field: &str, otherwise: &'a str) -> &'a str {
        if self.told.form != form {
            return otherwise;
        }
        self.told.typed.iter().find(|(name, _)| name == field).map_or("", |(_, value)| value)
    }

    /// The same for a row of a form's table.
    fn row_kept(&self, form: &str, field: &str, row: &usize) -> &str {
        self.kept(form, &format!("{field}.{row}"), "")
    }

    /// Whether a value was ticked or chosen in a form that came back.
    fn has(&self, form: &str, field: &str, value: &str) -> bool {
        self.told.form == form && self.told.typed.iter().any(|(name, given)| name == field && given == value)
    }

    /// The same for a row of a form's table.
    fn row_has(&self, form: &str, field: &str, row: &usize, value: &str) -> bool {
        self.has(form, &format!("{field}.{row}"), value)
    }
}

/// The names of machines.
struct Named<'d> {
    t: &'static Texts,
    machines: &'d [FilingMachine],
}

impl Named<'_> {
    fn of(&self, id: &str) -> String {
        let named = self.machines.iter().find(|m| m.id == id);
        named.map_or_else(|| id.to_owned(), |m| words::name(&m.names, self.t.lang(), id))
    }

    fn about(&self, row: &PromiseView) -> String {
        match (&row.machine, &row.point, &row.gateway) {
            (Some(machine), Some(point), _) => format!("{} · {point}", self.of(machine)),
            (Some(machine), None, _) => self.of(machine),
            (None, _, gateway) => self.t.f1("filing-gateway", "gateway", gateway.as_deref().unwrap_or_default()),
        }
    }

    fn row(&self, row: &PromiseView) -> Row {
        let day = |day: &Option<String>| day.clone().unwrap_or_else(|| format::NONE.to_owned());
        Row {
            name: match &row.point {
                Some(point) => point.clone(),
                None => self.about(row),
            },
            is_point: row.point.is_some(),
            promised: row.promised,
            connected: day(&row.connected),
            last: day(&row.last),
            producing: row.producing,
            difference: row.difference.as_ref().map(|d| said(self.t, d)).unwrap_or_default(),
            elsewhere: row
                .elsewhere
                .as_ref()
                .map(|f| self.t.f1("filing-elsewhere", "filing", f.as_str()))
                .unwrap_or_default(),
        }
    }
}

fn cite(t: &Texts, clause: &ClauseView) -> Cite {
    // The Chinese text alone is binding; in English its meaning stands behind it.
    let quote = match t.lang() {
        Lang::Zh => clause.quote.clone(),
        Lang::En => format!("{} ({})", clause.en, clause.quote),
    };
    Cite { article: clause.article.clone(), quote }
}

pub(super) fn problem(t: &Texts, leaf: Option<i64>, what: &crate::query::Words) -> String {
    match leaf {
        Some(leaf) => t.f("filing-void", &[("leaf", &format::integer(leaf)), ("why", &said(t, what))]),
        None => said(t, what),
    }
}

fn changed(t: &Texts, state: &FilingState) -> Vec<String> {
    let firm = state.firm.iter().map(|firm| t.f1("filing-firm", "firm", firm.as_str()));
    firm.chain(state.others.iter().cloned()).collect()
}

pub(super) fn counts(t: &Texts, state: &FilingState) -> Vec<Count> {
    let count = |key, of: [usize; 3]| Count {
        name: t.s(key),
        css: if of[0] > 0 && of[2] == of[0] { "key computed" } else { "key unknown" },
        of,
    };
    let all = [
        ("filing-machines", state.counted_machines),
        ("filing-points", state.counted_points),
        ("filing-gateways", state.counted_gateways),
    ];
    // Of what was not promised there is nothing to count.
    all.into_iter().filter(|(_, of)| of[0] > 0).map(|(key, of)| count(key, of)).collect()
}

/// Where something stands in the log: its leaf, when it was logged, and by whom in which role.
fn logged(t: &Texts, face: &Clockface, leaf: i64, received_ms: i64, author: &str, role: &str) -> String {
    let (leaf, time, role) = (format::integer(leaf), face.full(received_ms), word(t, "role", role));
    t.f("filing-logged", &[("leaf", &leaf), ("time", &time), ("author", &author), ("role", &role)])
}

/// Differences, those of one machine that are alike on one line.
pub(super) fn differences(t: &'static Texts, machines: &[FilingMachine], state: &FilingState) -> Vec<Differing> {
    let names = Named { t, machines };
    let mut out: Vec<(&PromiseView, Differing)> = Vec::new();
    for row in &state.rows {
        let Some(difference) = &row.difference else { continue };
        let is_alike = |(of, _): &&mut (&PromiseView, Differing)| {
            of.machine.is_some() && of.machine == row.machine && of.difference == row.difference
        };
        match (&row.point, out.iter_mut().find(is_alike)) {
            (Some(point), Some((_, line))) => line.points.push(point.clone()),
            _ => {
                let line = Differing {
                    title: match &row.machine {
                        Some(machine) => names.of(machine),
                        None => names.about(row),
                    },
                    says: said(t, difference),
                    count: String::new(),
                    points: row.point.iter().cloned().collect(),
                };
                out.push((row, line));
            }
        }
    }
    let mut lines: Vec<Differing> = out.into_iter().map(|(_, line)| line).collect();
    for line in lines.iter_mut().filter(|line| !line.points.is_empty()) {
        line.count = t.f1("filing-difference-points", "n", line.points.len() as i64);
    }
    lines
}

fn application(t: &Texts, face: &Clockface, a: &ApplicationView) -> Application {
    let leaf = logged(t, face, a.leaf, a.received_ms, &a.author, &a.role);
    let submitted = match a.submitted {
        1 => t.f("filing-submitted", &[("date", &a.date), ("logged", &leaf)]),
        n => t.f("filing-resubmitted", &[("date", &a.date), ("logged", &leaf), ("n", &n)]),
    };
    let opinion = |o: &crate::query::OpinionView| OpinionLine {
        by: format!("{} · {}", word(t, "filing-by", &o.by), o.body),
        says: format!("{} · {}", word(t, "filing-opinion", &o.opinion), o.date),
        is_agreed: o.opinion == "agree",
        reason: o.reason.clone(),
        leaf: logged(t, face, o.leaf, o.received_ms, &o.author, &o.role),
    };
    Application {
        id: a.change.clone(),
        anchor: format!("c-{}", a.change),
        form: format!("opine/{}", a.change),
        title: t.f("filing-change", &[("change", &a.change), ("submitted", &submitted)]),
        stands: said(t, &a.stands),
        css: match a.status.as_str() {
            "approved" => "key computed",
            _ => "key unknown",
        },
        items: a.items.iter().map(|i| said(t, i)).collect(),
        reason: a.reason.clone(),
        opinions: a.opinions.iter().map(opinion).collect(),
        superseded: a.superseded.iter().map(opinion).collect(),
        problems: a.problems.iter().map(|p| problem(t, p.leaf, &p.words)).collect(),
        major: a
            .major
            .iter()
            .map(|m| (t.s(if m.is_open { "filing-major-open" } else { "filing-major" }), cite(t, &m.clause)))
            .collect(),
        submission: a.leaf,
        asks: a.may_opine.iter().map(|by| (by.clone(), word(t, "filing-by", by))).collect(),
    }
}

/// An id no application has.
fn next_change(state: Option<&FilingState>) -> String {
    let taken = |id: &String| state.is_some_and(|s| s.applications.iter().any(|a| a.change == *id));
    (1..).map(|n| format!("c-{n}")).find(|id| !taken(id)).unwrap_or_default()
}

fn lines(t: &Texts, state: &FilingState) -> Vec<Line> {
    let line = |l: &crate::query::InvestmentView| Line {
        category: words::name(&l.category, t.lang(), ""),
        what: l.what.clone(),
        yuan: l.yuan.clone(),
        filed: match l.filed_yuan.as_deref() {
            Some("") => t.s("filing-line-new"),
            Some(yuan) => t.f1("filing-line-was", "yuan", yuan),
            None => String::new(),
        },
    };
    state.lines.iter().map(line).collect()
}

fn targets(t: &Texts, state: &FilingState) -> Vec<TargetLine> {
    let target = |of: &crate::query::FiledTargetView| TargetLine {
        name: words::name(&of.names, t.lang(), &of.target),
        promised: format!("{} {} {}", word(t, "plan", &of.direction), of.value, word(t, "plan-in", &of.unit)),
        base: format!("{} – {}", of.base[0], of.base[1]),
        method: of.method.clone(),
    };
    state.targets.iter().map(target).collect()
}

fn payments(t: &Texts, state: &FilingState) -> Vec<PaymentLine> {
    let payment = |p: &crate::query::PaymentView| PaymentLine {
        name: words::name(&p.names, t.lang(), &p.stage),
        says: said(t, &p.words),
        clause: p.clause.as_ref().map(|c| cite(t, c)),
    };
    state.payments.iter().map(payment).collect()
}

/// Rules, and the categories and instalments of those that may be meant, each under its rule.
fn choices(
    t: &Texts,
    of: Option<&FilingRule>,
    all: &[FilingRule],
) -> (Vec<Choice>, Vec<(String, Vec<Choice>)>, Vec<(String, Vec<Choice>)>) {
    let title = |r: &FilingRule| {
        let name = words::name(&r.names, t.lang(), &r.id);
        if r.draft { t.f1("filing-draft-name", "name", name) } else { name }
    };
    let meant: Vec<&FilingRule> = of.map_or_else(|| all.iter().collect(), |rule| vec![rule]);
    let list = |list: &[crate::query::RuleEntry]| {
        list.iter().map(|e| (e.id.clone(), words::name(&e.names, t.lang(), &e.id))).collect::<Vec<Choice>>()
    };
    (
        all.iter().map(|r| (r.id.clone(), title(r))).collect(),
        meant.iter().map(|r| (title(r), list(&r.categories))).collect(),
        meant.iter().map(|r| (title(r), list(&r.stages))).collect(),
    )
}

#[cfg(test)]
pub(super) fn samples(lang: Lang) -> Vec<(&'static str, String)> {
    use super::samples;
    let render = |name, data: FilingView, told: Told| {
        let title = lang.texts().s("filing-title");
        let path = "/sites/jh-07/filing";
        let frame = samples::frame(lang, title, path, Nav::Site, Some(&data.site), data.site.simulated);
        (name, FilingPage::new(frame, &data, &samples::face(lang), told).render().expect("renders"))
    };
    let typed = |fields: &[(&str, &str)]| fields.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    let refused = Told {
        problem: "<no>".into(),
        form: "opine/c-2".into(),
        typed: typed(&[("opinion", "return"), ("body", "区\"工信局\""), ("reason", "缺 <报价>")]),
        ..Told::default()
    };
    let filed = Told {
        problem: "<no>".into(),
        form: "file".into(),
        typed: typed(&[("machine", "press-1"), ("amount.1", "12万"), ("zh", "一号线")]),
        ..Told::default()
    };
    let mut empty = samples::filing::filing();
    empty.filing = None;
    empty.filings.clear();
    vec![
        render("filing", samples::filing::filing(), refused),
        render(
            "filing-read",
            FilingView { may_file: false, may_apply: false, ..samples::filing::filing() },
            Told::default(),
        ),
        render("filing-none", empty, filed),
    ]
}
