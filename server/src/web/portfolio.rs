//! All firms for district and centre: *who lacks which paper by when?* And a list (汇总表) from a spreadsheet, looked at before it is logged.
//!
//! Constraints first:
//! - One row per firm, those that owe something soonest first, paged; every statement leads to the page where it stands.
//! - What is owed, returned or waiting is told in words; nothing here judges a firm or its project.
//! - A checked list travels in the form that confirms it, and is read again then.

use askama::Template;

use crate::import::{FILE_MAX, ROWS_MAX, Wrong};
use crate::query::{FirmRow, PortfolioOrder, PortfolioQuery, PortfolioShow, PortfolioView, RegisterRow, RegisterView};

use super::firm::{difference, verdict_css};
use super::format;
use super::papers::{body, standing_css};
use super::text::{Lang, Texts};
use super::view::{Frame, Nav, Pager, url_part};
use super::words::{self, said};

/// Rows of a preview that are listed; more are counted.
const ROWS_SHOWN: usize = 500;

struct Tally {
    css: &'static str,
    count: String,
    words: String,
}

struct PaperLine {
    id: String,
    name: String,
    css: &'static str,
    stands: String,
    by: String,
}

struct FilingLine {
    href: String,
    name: String,
    dates: String,
    open: Vec<(String, bool)>,
    payments: Vec<String>,
}

struct Row {
    href: String,
    name: String,
    place: String,
    code: String,
    simulated: bool,
    papers_href: String,
    papers: Vec<PaperLine>,
    filings: Vec<FilingLine>,
    firm_href: String,
    /// Dates, difference, mark and words of the newest bill that was compared.
    bill: Option<[String; 4]>,
    behind: bool,
}

/// The page.
#[derive(Template)]
#[template(path = "portfolio.html")]
pub struct PortfolioPage {
    frame: Frame,
    t: &'static Texts,
    headline: String,
    tally: Vec<Tally>,
    query: String,
    shows: Vec<(&'static str, String, bool)>,
    orders: Vec<(&'static str, String, bool)>,
    rows: Vec<Row>,
    pager: Pager,
    today: String,
    may_import: bool,
}

impl PortfolioPage {
    /// Builds the page.
    #[must_use]
    pub fn new(frame: Frame, data: &PortfolioView, ask: &PortfolioQuery) -> Self {
        let t = frame.t();
        let count = |show: PortfolioShow| data.counts.iter().find(|c| c.show == show.name()).map_or(0, |c| c.firms);
        let (firms, owing) = (count(PortfolioShow::All), count(PortfolioShow::Owing));
        let overdue = count(PortfolioShow::Overdue);
        let headline = match (firms, owing, overdue) {
            (0, ..) => t.s("portfolio-head-none"),
            (_, 0, _) => t.s("portfolio-head-fine"),
            (_, n, 0) => t.f1("portfolio-head-owing", "n", n),
            (_, n, late) => t.f("portfolio-head-overdue", &[("n", &n.to_string()), ("late", &late.to_string())]),
        };
        let css = |show: PortfolioShow| match show {
            PortfolioShow::All => "all",
            PortfolioShow::Overdue | PortfolioShow::Returned => "bad",
            PortfolioShow::Owing | PortfolioShow::Waiting => "warn",
            PortfolioShow::Unfiled => "none",
        };
        let tally = PortfolioShow::ALL.map(|show| Tally {
            css: css(show),
            count: format::integer(count(show)),
            words: t.s(&format!("portfolio-show-{}", show.name())),
        });
        let order = |order: PortfolioOrder| match order {
            PortfolioOrder::Due => "due",
            PortfolioOrder::Name => "name",
        };
        let (show, by) = (ask.show.name(), order(ask.order));
        let base = format!("/portfolio?q={}&show={show}&order={by}&", url_part(&ask.search));
        let per_page = usize::try_from(data.limit).unwrap_or(50).max(1);
        let at = usize::try_from(data.offset).unwrap_or(0) / per_page + 1;
        Self {
            headline,
            tally: tally.into(),
            query: ask.search.clone(),
            shows: PortfolioShow::ALL
                .map(|s| (s.name(), t.s(&format!("portfolio-show-{}", s.name())), s == ask.show))
                .into(),
            orders: [PortfolioOrder::Due, PortfolioOrder::Name]
                .map(|o| (order(o), t.s(&format!("portfolio-order-{}", order(o))), o == ask.order))
                .into(),
            rows: data.rows.iter().map(|r| row(t, r)).collect(),
            pager: Pager::new(at, per_page, usize::try_from(data.matching).unwrap_or(0), &base),
            today: data.today.clone(),
            may_import: data.may_import,
            frame,
            t,
        }
    }
}

fn row(t: &'static Texts, of: &FirmRow) -> Row {
    let href = format!("/sites/{}", url_part(&of.site.id));
    let listed = of.listed.as_ref();
    let place = [of.site.district.as_str(), of.site.sub_sector.as_str()];
    let place: Vec<&str> = place.into_iter().filter(|p| !p.is_empty()).collect();
    Row {
        name: words::name(&of.site.names, t.lang(), &of.site.id),
        place: place.join(" · "),
        code: listed.map(|l| l.code.clone()).unwrap_or_default(),
        simulated: of.site.simulated,
        papers: of
            .papers
            .iter()
            .map(|p| PaperLine {
                id: p.paper.clone(),
                name: p.name.clone(),
                css: standing_css(p),
                stands: said(t, &p.stands),
                by: body(t, &p.by),
            })
            .collect(),
        filings: of
            .filings
            .iter()
            .map(|f| FilingLine {
                href: format!("{href}/filing?filing={}", url_part(&f.filing)),
                name: words::name(&f.names, t.lang(), &f.filing),
                dates: t.f("portfolio-dates", &[("filed", &f.filed), ("from", &f.term[0]), ("to", &f.term[1])]),
                open: f
                    .open
                    .iter()
                    .map(|a| {
                        (
                            t.f("portfolio-application", &[("id", &a.change), ("stands", &said(t, &a.stands))]),
                            a.returned,
                        )
                    })
                    .collect(),
                payments: f
                    .payments
                    .iter()
                    .map(|p| {
                        let name = words::name(&p.names, t.lang(), &p.stage);
                        t.f("portfolio-payment", &[("date", &p.date), ("name", &name)])
                    })
                    .collect(),
            })
            .collect(),
        papers_href: format!("{href}/papers"),
        firm_href: format!("{href}/firm"),
        bill: of
            .reconciled
            .as_ref()
            .map(|bill| [bill.dates.join(" – "), difference(bill), verdict_css(bill).to_owned(), said(t, &bill.says)]),
        behind: of.behind,
        href,
    }
}

/// What was handed in, and what came of it.
pub struct Checked {
    /// What it would state.
    pub view: RegisterView,
    /// Name of the file.
    pub file: String,
    /// SHA-256 of the file, hex.
    pub sha256: String,
    /// The file itself for the form that confirms, base64url.
    pub data: String,
}

/// What the page of lists says beside its form.
#[derive(Default)]
pub struct ListTold {
    /// What came of what was handed in.
    pub checked: Option<Checked>,
    /// The reason typed.
    pub reason: String,
    /// What is wrong, a finished sentence.
    pub problem: String,
    /// What was done, a finished sentence.
    pub done: String,
}

struct ListRow {
    line: String,
    code: String,
    name: String,
    said: Vec<(&'static str, String)>,
    site: String,
    href: String,
    css: &'static str,
    beside: String,
}

struct Result {
    file: String,
    sha256: String,
    data: String,
    shown: String,
    headline: String,
    wrong: Vec<[String; 4]>,
    rows: Vec<ListRow>,
    more: String,
    notes: Vec<String>,
    confirm: String,
}

/// The page of lists.
#[derive(Template)]
#[template(path = "register.html")]
pub struct RegisterPage {
    frame: Frame,
    t: &'static Texts,
    form_token: String,
    columns: Vec<(&'static str, bool, &'static str)>,
    limits: String,
    result: Option<Result>,
    reason: String,
    problem: String,
    done: String,
    may_import: bool,
}

impl RegisterPage {
    /// Builds the page.
    #[must_use]
    pub fn new(frame: Frame, told: ListTold, may_import: bool) -> Self {
        let t = frame.t();
        let at = usize::from(t.lang() != Lang::Zh);
        let kind = &crate::import::kinds::REGISTER;
        Self {
            form_token: frame.reader.as_ref().map(|r| r.form_token.clone()).unwrap_or_default(),
            columns: kind.columns.iter().map(|c| (c.names[at], c.required, c.example)).collect(),
            limits: t.f(
                "register-limits",
                &[("rows", &format::integer(ROWS_MAX as i64)), ("mib", &(FILE_MAX >> 20).to_string())],
            ),
            result: told.checked.map(|checked| result(t, checked)),
            reason: told.reason,
            problem: told.problem,
            done: told.done,
            may_import,
            frame,
            t,
        }
    }
}

fn result(t: &'static Texts, checked: Checked) -> Result {
    let Checked { view, file, sha256, data } = checked;
    let zh = t.lang() == Lang::Zh;
    let to_state = view.rows.iter().filter(|r| r.is_to_state()).count();
    let without = view.rows.iter().filter(|r| r.site.is_none()).count();
    let same = view.rows.iter().filter(|r| r.same.is_some()).count();
    let headline = if view.wrong.is_empty() {
        let [n, same, without] = [to_state, same, without].map(|n| n.to_string());
        t.f("register-preview", &[("n", &n), ("same", &same), ("without", &without)])
    } else {
        t.f1("declare-wrong", "n", view.wrong.len() as i64)
    };
    let wrong = |w: &Wrong| {
        let line = if w.line == 0 || w.line == u32::MAX { String::new() } else { format::integer(i64::from(w.line)) };
        [line, w.column.clone(), w.what.in_language(zh).to_owned(), w.todo.in_language(zh).to_owned()]
    };
    Result {
        shown: view.decisions().hex(),
        headline,
        wrong: view.wrong.iter().map(wrong).collect(),
        rows: view.rows.iter().take(ROWS_SHOWN).map(|r| list_row(t, r)).collect(),
        more: match view.rows.len().saturating_sub(ROWS_SHOWN) {
            0 => String::new(),
            n => t.f1("declare-rows-more", "n", n as i64),
        },
        notes: view.notes.iter().map(|n| n.in_language(zh).to_owned()).collect(),
        confirm: match to_state {
            0 => String::new(),
            n if view.wrong.is_empty() => t.f1("register-confirm", "n", n as i64),
            _ => String::new(),
        },
        file,
        sha256,
        data,
    }
}

fn list_row(t: &'static Texts, of: &RegisterRow) -> ListRow {
    let at = usize::from(t.lang() != Lang::Zh);
    let (css, beside) = match (&of.site, of.same, of.replaces) {
        (None, ..) => ("key", t.s("register-no-site")),
        (_, Some(leaf), _) => ("key", t.f1("register-same", "leaf", format::integer(leaf))),
        (_, _, Some(leaf)) => ("key stated", t.f1("register-replaces", "leaf", format::integer(leaf))),
        _ => ("key stated", t.s("register-new")),
    };
    // Code and name stand in columns of their own.
    let rest = of.said.iter().filter(|(_, cell)| !of.firm.contains(cell));
    ListRow {
        line: format::integer(i64::from(of.line)),
        code: of.firm[0].clone(),
        name: of.firm[1].clone(),
        said: rest.map(|(names, cell)| (names[at], cell.clone())).collect(),
        site: of.site.as_ref().map(|s| words::name(&s.names, t.lang(), &s.id)).unwrap_or_default(),
        href: of.site.as_ref().map(|s| format!("/sites/{}", url_part(&s.id))).unwrap_or_default(),
        css,
        beside,
    }
}

#[cfg(test)]
pub(super) fn samples(lang: Lang) -> Vec<(&'static str, String)> {
    use super::samples;
    use crate::evaluate::said::Said;
    let frame = |path: &str| samples::frame(lang, lang.texts().s("portfolio-title"), path, Nav::Portfolio, None, false);
    let firms = |name, data: PortfolioView| {
        let ask = PortfolioQuery { search: "<锦>".into(), show: PortfolioShow::Owing, ..PortfolioQuery::default() };
        (name, PortfolioPage::new(frame("/portfolio"), &data, &ask).render().expect("renders"))
    };
    let data = samples::dossier::portfolio;
    let with = |counts: [i64; 6]| {
        let mut view = data();
        view.counts.iter_mut().zip(counts).for_each(|(count, firms)| count.firms = firms);
        view
    };
    let list = |name, told: ListTold| {
        (name, RegisterPage::new(frame("/portfolio/list"), told, true).render().expect("renders"))
    };
    let row = |line: u32, site: bool, same: Option<i64>, replaces: Option<i64>| RegisterRow {
        line,
        firm: ["91350100M000100Y43".into(), "锦华 <精密>".into()],
        said: vec![(["企业名称", "Firm"], "锦华 <精密>".into()), (["县（市）区", "District"], "西山区".into())],
        body: serde_json::Value::Null,
        site: site.then(|| samples::head("jh-07", "锦华精密 <冲压>", "Jinhua", false)),
        same,
        replaces,
    };
    let rows = vec![
        row(2, true, None, None),
        row(3, true, Some(7), None),
        row(4, true, None, Some(9)),
        row(5, false, None, None),
    ];
    let wrong = vec![Wrong {
        line: 3,
        column: "统一社会信用代码".into(),
        what: Said::new("不是代码 <x>", "no code <x>"),
        todo: Said::new("核对", "check"),
    }];
    let note = Said::new("以 # 开头的 1 行未导入", "lines that begin with # were left out: 1");
    let checked = |view: RegisterView| ListTold {
        checked: Some(Checked { view, file: "表 <1>.xlsx".into(), sha256: "ab".into(), data: "UEs".into() }),
        ..ListTold::default()
    };
    let good = RegisterView { rows: rows.clone(), notes: vec![note], ..RegisterView::default() };
    let many = RegisterView { rows: vec![rows[0].clone(); ROWS_SHOWN + 1], ..RegisterView::default() };
    vec![
        firms("portfolio", with([120, 3, 1, 1, 2, 4])),
        firms("portfolio-owing", with([120, 3, 0, 0, 0, 0])),
        firms("portfolio-fine", with([120, 0, 0, 0, 0, 0])),
        firms("portfolio-none", PortfolioView { rows: vec![], may_import: false, matching: 0, ..with([0; 6]) }),
        list("register", ListTold { done: "done".into(), ..ListTold::default() }),
        list("register-preview", checked(good)),
        list("register-many", checked(many)),
        list(
            "register-wrong",
            ListTold { problem: "<no>".into(), ..checked(RegisterView { wrong, ..RegisterView::default() }) },
        ),
    ]
}
