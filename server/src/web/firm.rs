//! 承诺—实际—持续: one firm on one page. What was promised, what is there, what goes on; what is owed, what is still to be paid, and the
//! electricity bills beside the meter.
//!
//! Constraints first:
//! - Nothing is computed or stated here: each figure stands as on the page that explains it, and leads there.
//! - What is not there is named: a target that is open, a month without a bill, a paper that is owed.
//! - The page judges nobody, states no result of an acceptance and never says that a project has stopped.

use askama::Template;
use practice::deviation::Next;
use practice::deviation::continuity::{DayKind, EVIDENCE_PERCENT};

use crate::query::{BillMonth, BillView, DeviationView, FirmView, PaperView, PaymentView, TargetNow};

use super::deviation::{Running, because, change, css, running, stands, window};
use super::filing::{Count, counts, differences};
use super::format::{self, NONE};
use super::papers::{body, standing_css};
use super::promise::percent;
use super::text::Texts;
use super::view::{Frame, Nav, url_part};
use super::words::{self, said, word};

/// Stretches without evidence that are listed; the others stand on the page of deviations.
const STRETCHES: usize = 8;

struct Target {
    name: String,
    promised: String,
    base: String,
    change: String,
    window: String,
    css: &'static str,
    stands: String,
    why: Vec<String>,
    /// Address and id of its open deviation.
    open: Option<(String, String)>,
}

struct Open {
    href: String,
    title: String,
    stands: String,
    overdue: Vec<String>,
}

struct Owed {
    href: String,
    name: String,
    by: String,
    due: String,
    css: &'static str,
    stands: String,
}

struct Payment {
    name: String,
    part: String,
    says: String,
}

struct Bill {
    href: String,
    dates: String,
    of: String,
    printed: String,
    measured: String,
    difference: String,
    css: &'static str,
    says: String,
}

struct Month {
    name: String,
    bills: Vec<Bill>,
}

/// The page.
#[derive(Template)]
#[template(path = "firm.html")]
pub struct FirmPage {
    frame: Frame,
    t: &'static Texts,
    subject: String,
    back: String,
    filing_href: String,
    deviation_href: String,
    subsidy_href: String,
    headline: String,
    others: Vec<(String, String, bool)>,
    filing: String,
    is_filed: bool,
    rule: String,
    listed: String,
    term: String,
    term_says: String,
    finished: String,
    today: String,
    behind: String,
    targets: Vec<Target>,
    counts: Vec<Count>,
    differences: usize,
    applications: usize,
    run: Option<Running>,
    days_rule: String,
    open: Vec<Open>,
    closed: usize,
    papers: Vec<Owed>,
    payments: Vec<Payment>,
    months: Vec<Month>,
    without_bill: String,
}

impl FirmPage {
    /// Builds the page.
    #[must_use]
    pub fn new(frame: Frame, data: &FirmView) -> Self {
        let t = frame.t();
        let (filing, deviations) = (&data.filing, &data.deviations);
        let back = format!("/sites/{}", url_part(&filing.site.id));
        let action = format!("{back}/firm");
        let state = filing.filing.as_ref().filter(|state| !state.filed.is_empty());
        let id = state.map(|s| s.id.clone()).unwrap_or_default();
        let at = |page: &str| format!("{back}/{page}?filing={}", url_part(&id));
        let other = |f: &String| (f.clone(), format!("{action}?filing={}", url_part(f)), *f == id);
        let deviation_href = at("deviation");
        let is_open = |d: &&DeviationView| d.next != Next::Nothing;
        let is_owed = |p: &&PaperView| p.standing != "received";
        let without: Vec<String> = data.months.iter().filter(|m| m.bills.is_empty()).map(|m| m.month.clone()).collect();
        Self {
            subject: words::name(&filing.site.names, t.lang(), &filing.site.id),
            headline: state.map_or_else(|| t.s("filing-none"), |s| words::name(&s.names, t.lang(), &s.id)),
            others: if filing.filings.len() > 1 { filing.filings.iter().map(other).collect() } else { Vec::new() },
            is_filed: state.is_some(),
            rule: state
                .and_then(|s| s.rule.as_ref())
                .map(|r| words::name(&r.names, t.lang(), &r.id))
                .unwrap_or_default(),
            listed: data.papers.listed.as_ref().map(|l| format!("{} · {}", l.name, l.code)).unwrap_or_default(),
            term: state
                .and_then(|s| s.term.as_ref())
                .map(|term| format!("{} – {}", term.dates[0], term.dates[1]))
                .unwrap_or_default(),
            term_says: state.and_then(|s| s.term.as_ref()).map(|term| said(t, &term.words)).unwrap_or_default(),
            finished: state.and_then(|s| s.finished.as_ref()).map(|f| f.date.clone()).unwrap_or_default(),
            today: filing.today.clone(),
            behind: filing.behind.map_or_else(String::new, |[read, all]| {
                t.f("filing-behind", &[("read", &format::integer(read)), ("all", &format::integer(all))])
            }),
            targets: deviations.targets.iter().map(|of| target(t, of, &deviation_href)).collect(),
            counts: state.map(|s| counts(t, s)).unwrap_or_default(),
            differences: state.map_or(0, |s| differences(t, &filing.machines, s).len()),
            applications: state.map_or(0, |s| s.applications.iter().filter(|a| is_waiting(&a.status)).count()),
            run: deviations.run.as_ref().map(|run| {
                let is_evident = |kind: DayKind| kind.counts() || kind == DayKind::Rest;
                let mut shown = run.clone();
                shown.stretches.retain(|stretch| !is_evident(stretch.kind));
                shown.stretches.truncate(STRETCHES);
                running(t, &shown)
            }),
            days_rule: t.f1("deviation-days-rule", "percent", EVIDENCE_PERCENT),
            open: deviations.deviations.iter().filter(is_open).map(|d| open(t, d, &deviation_href)).collect(),
            closed: deviations.deviations.iter().filter(|d| !is_open(d)).count(),
            papers: data.papers.papers.iter().filter(is_owed).map(|p| owed(t, p, &back)).collect(),
            payments: state.map(|s| s.payments.iter().map(|p| payment(t, p)).collect()).unwrap_or_default(),
            months: data.months.iter().map(|m| month(t, data, m, &back)).collect(),
            without_bill: match without.len() {
                0 => String::new(),
                n => {
                    let months = without.join(&t.s("list-comma"));
                    t.f("firm-without-bill", &[("n", &n.to_string()), ("months", &months)])
                }
            },
            filing_href: at("filing"),
            subsidy_href: at("subsidy"),
            deviation_href,
            filing: id,
            back,
            frame,
            t,
        }
    }
}

/// Whether an application waits for somebody.
fn is_waiting(status: &str) -> bool {
    ["waiting", "returned", "no_route"].contains(&status)
}

fn target(t: &Texts, of: &TargetNow, deviation_href: &str) -> Target {
    let filed = &of.filed;
    let standing = of.measured.as_ref().map(|m| m.standing);
    Target {
        name: words::name(&filed.names, t.lang(), &filed.target),
        promised: format!("{} {} {}", word(t, "plan", &filed.direction), filed.value, word(t, "plan-in", &filed.unit)),
        base: filed.base.join(" – "),
        change: of.measured.as_ref().map_or_else(|| NONE.to_owned(), |m| change(t, m)),
        window: of.measured.as_ref().map(|m| window(t, m)).unwrap_or_default(),
        css: standing.map_or("none", css),
        stands: stands(t, standing),
        why: because(t, of),
        open: of.open.as_ref().map(|id| (format!("{deviation_href}#d-{id}"), id.clone())),
    }
}

fn open(t: &Texts, of: &DeviationView, deviation_href: &str) -> Open {
    let name = words::name(&of.names, t.lang(), &of.target);
    Open {
        href: format!("{deviation_href}#d-{}", of.id),
        title: t.f("deviation-title-of", &[("id", &of.id), ("target", &name)]),
        stands: said(t, &of.stands),
        overdue: of
            .overdue
            .iter()
            .map(|m| t.f("deviation-overdue", &[("what", &m.what), ("who", &m.who), ("due", &m.due)]))
            .collect(),
    }
}

fn owed(t: &Texts, of: &PaperView, back: &str) -> Owed {
    Owed {
        href: format!("{back}/papers#paper-{}", of.paper),
        name: of.name.clone(),
        by: body(t, &of.by),
        due: of.due.clone(),
        css: standing_css(of),
        stands: said(t, &of.stands),
    }
}

fn payment(t: &Texts, of: &PaymentView) -> Payment {
    Payment {
        name: words::name(&of.names, t.lang(), &of.stage),
        part: of.part.as_ref().map_or_else(|| NONE.to_owned(), |part| said(t, part)),
        says: said(t, &of.words),
    }
}

/// The difference of a bill to the meter, percent.
pub(super) fn difference(of: &BillView) -> String {
    of.relative.as_deref().and_then(percent).map_or_else(
        || NONE.to_owned(),
        |percent| {
            // What exceeds the bill says so: a difference has a direction.
            let sign = if percent.starts_with('−') || percent.trim_matches(['0', '.']).is_empty() { "" } else { "+" };
            format::with_unit(&format!("{sign}{percent}"), "%")
        },
    )
}

/// How a comparison is marked.
pub(super) fn verdict_css(of: &BillView) -> &'static str {
    match of.verdict.as_str() {
        "within" => "key measured",
        "outside" => "tag late",
        _ => "key unknown",
    }
}

fn month(t: &Texts, data: &FirmView, of: &BillMonth, back: &str) -> Month {
    let bill = |b: &BillView| {
        let meter = b.machine.as_deref().map(|id| words::machine(t, &data.machines, id));
        Bill {
            href: format!("{back}/meters?from={}&to={}", b.dates[0], b.dates[1]),
            dates: b.dates.join(" – "),
            of: std::iter::once(b.account.clone()).chain(meter).collect::<Vec<_>>().join(" · "),
            printed: b.printed.clone(),
            measured: b.measured.as_deref().map_or_else(|| NONE.to_owned(), |kwh| format::with_unit(kwh, "kWh")),
            difference: difference(b),
            css: verdict_css(b),
            says: said(t, &b.says),
        }
    };
    Month { name: of.month.clone(), bills: of.bills.iter().map(bill).collect() }
}

#[cfg(test)]
pub(super) fn samples(lang: super::text::Lang) -> Vec<(&'static str, String)> {
    use super::samples;
    let render = |name, data: FirmView| {
        let site = data.filing.site.clone();
        let title = lang.texts().s("firm-title");
        let frame = samples::frame(lang, title, "/sites/jh-07/firm", Nav::Site, Some(&site), site.simulated);
        (name, FirmPage::new(frame, &data).render().expect("renders"))
    };
    let bill = |dates: [&str; 2], relative: Option<&str>, verdict: &str, says: (&str, &str)| BillView {
        leaf: 40_000,
        account: "0512 <7>".into(),
        dates: dates.map(str::to_owned),
        printed: "121400 kWh".into(),
        machine: relative.map(|_| "main".into()),
        billed: relative.map(|_| "121400".into()),
        measured: relative.map(|_| "119943.25".into()),
        relative: relative.map(str::to_owned),
        verdict: verdict.into(),
        says: says.into(),
    };
    let october = ["2026-10-01", "2026-10-31"];
    let month = |name: &str, bills: Vec<BillView>| BillMonth { month: name.into(), bills };
    let data = FirmView {
        filing: samples::filing::filing(),
        deviations: samples::deviation::deviations(),
        papers: samples::dossier::papers(),
        months: vec![
            month("2026-10", vec![bill(october, Some("-0.012000"), "outside", ("超出允许差值，待核实", "outside"))]),
            month("2026-09", Vec::new()),
            month(
                "2026-08",
                vec![
                    bill(["2026-08-01", "2026-08-15"], Some("0.003"), "within", ("在允许差值内", "within")),
                    bill(["2026-08-16", "2026-08-31"], None, "waiting", ("待核对", "to be compared")),
                ],
            ),
            month("2026-07", Vec::new()),
        ],
        machines: Vec::new(),
    };
    let mut none = data.clone();
    (none.filing.filing, none.deviations.run) = (None, None);
    none.deviations.targets.clear();
    none.deviations.deviations.clear();
    none.papers.papers.clear();
    (none.papers.listed, none.months) = (None, Vec::new());
    vec![render("firm", data), render("firm-none", none)]
}
