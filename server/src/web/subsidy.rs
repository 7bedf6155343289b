//! 补助测算: what a rule's text gives for the filed plan, line by line with its article. A calculation for the reader; nothing of it is logged.
//!
//! Constraints first:
//! - The result is an upper limit by the text; the authority decides the amount. What is open is shown with and without.
//! - Levels, answers, confirmed amounts and payments are what somebody says, with who says it. Nothing of them is assumed.
//! - One form, no JavaScript: what was typed stays, with the refusal or the sheet above it.

use askama::Template;
use metrics::model::Names;
use practice::rule::{Base, Counts, Day, Limit, Rule};
use practice::sheet::{Sheet, Verdict};
use practice::words::{Clause, yuan};

use crate::query::{FilingView, InvestmentView};

mod paper;

pub(crate) use self::paper::paper;

use super::text::{Lang, Texts};
use super::view::{Frame, Nav, url_part};
use super::words;

/// Empty rows of the form after the lines of the plan and what was typed.
const MORE_ROWS: usize = 4;

struct Cited {
    says: String,
    clause: String,
}

struct LineRow {
    name: String,
    amount: String,
    counted: String,
    open: String,
    css: &'static str,
    verdict: String,
    reason: String,
    clause: String,
}

struct StepRow {
    name: String,
    formula: String,
    amount: String,
    with_open: String,
    clause: String,
    remark: String,
}

struct StageRow {
    name: String,
    amount: String,
    paid: String,
    met: String,
    clause: String,
}

/// A sheet, ready to print.
struct Printed {
    warnings: Vec<Cited>,
    ceiling: String,
    lines: Vec<LineRow>,
    steps: Vec<StepRow>,
    awards: Vec<StageRow>,
    stages: Vec<StageRow>,
    notes: Vec<Cited>,
}

/// A row of the form for an expense.
struct Expense {
    row: usize,
    what: String,
    category: String,
    amount: String,
    /// Its category is no hardware itself, or something was typed there all the same.
    asks_hardware: bool,
    /// What is asked of it: field, answer as long as nothing was handed in, words.
    facts: [(&'static str, &'static str, &'static str); 3],
}

/// Something somebody else states: a question, a limit, an award, an instalment.
struct Entry {
    id: String,
    name: String,
    clause: String,
}

type Choice = (String, String);

/// What was handed in before this page, and what came of it.
#[derive(Default)]
pub struct Told {
    /// A finished sentence: refused.
    pub problem: String,
    /// The fields as typed; none: nothing was handed in.
    pub typed: Vec<(String, String)>,
    /// The sheet.
    pub sheet: Option<Sheet>,
    /// The sheet is wanted in a package.
    pub packed: bool,
    /// The reader may have a package.
    pub may_package: bool,
}

/// The page.
#[derive(Template)]
#[template(path = "subsidy.html")]
pub struct SubsidyPage {
    frame: Frame,
    t: &'static Texts,
    subject: String,
    back: String,
    action: String,
    filing: String,
    form_token: String,
    problem: String,
    typed: Vec<(String, String)>,
    rules: Vec<(String, String, bool)>,
    rule: String,
    title: String,
    is_draft: bool,
    today: String,
    sheet: Option<Printed>,
    expenses: Vec<Expense>,
    categories: Vec<Choice>,
    sectors: Vec<String>,
    batches: Vec<Choice>,
    questions: Vec<Entry>,
    confirmed: Vec<Entry>,
    announced: Vec<Entry>,
    awards: Vec<Entry>,
    stages: Vec<Entry>,
    asks_received: bool,
    asks_from: bool,
    may_package: bool,
}

fn said(t: &Texts, names: &Names) -> String {
    words::said(t, (names.zh.as_str(), names.en.as_str()))
}

fn cited(t: &Texts, clause: Option<&Clause>) -> String {
    clause.map_or_else(String::new, |clause| match t.lang() {
        Lang::Zh => format!("{}：{}", clause.article, clause.quote),
        Lang::En => format!("{}: {} ({})", clause.article, clause.en, clause.quote),
    })
}

impl SubsidyPage {
    /// Builds the page for a rule.
    #[must_use]
    pub fn new(frame: Frame, data: &FilingView, rules: &[Rule], rule: &Rule, told: Told) -> Self {
        let t = frame.t();
        let filing = data.filing.as_ref().map(|filing| filing.id.clone()).unwrap_or_default();
        let back = format!("/sites/{}/filing?filing={}", url_part(&data.site.id), url_part(&filing));
        let entry = |id: &str, names: &Names, clause: &Clause| Entry {
            id: id.to_owned(),
            name: said(t, names),
            clause: cited(t, Some(clause)),
        };
        // What is confirmed is the whole that the limit is a share of, and the label says which.
        let confirmed = |c: &practice::rule::Cap| {
            let key = match c.limit.base()? {
                Base::Eligible => "subsidy-confirmed-retrofit",
                Base::Investment => "subsidy-confirmed-investment",
            };
            Some(Entry { name: t.f1(key, "name", said(t, &c.names)), ..entry(c.id(), &c.names, &c.clause) })
        };
        let announced = rule.cap.iter().filter(|c| c.limit.is_announced());
        let lines = data.filing.as_ref().map_or(&[][..], |filing| &filing.lines);
        Self {
            subject: words::name(&data.site.names, t.lang(), &data.site.id),
            action: format!("/sites/{}/subsidy", url_part(&data.site.id)),
            back,
            filing,
            form_token: frame.reader.as_ref().map(|r| r.form_token.clone()).unwrap_or_default(),
            rules: rules.iter().map(|r| (r.id().to_owned(), said(t, &r.names), r.id() == rule.id())).collect(),
            rule: rule.id().to_owned(),
            title: match &rule.number {
                Some(number) => format!("{} · {number}", said(t, &rule.names)),
                None => said(t, &rule.names),
            },
            is_draft: rule.draft,
            today: data.today.clone(),
            sheet: told.sheet.as_ref().map(|sheet| print(t, sheet, &told.typed)),
            expenses: expenses(rule, lines, &told.typed),
            categories: rule.category.iter().map(|c| (c.id().to_owned(), category(t, c))).collect(),
            sectors: rule.sectors.as_ref().map(|s| s.list.clone()).unwrap_or_default(),
            batches: rule.batch.iter().map(|b| (b.id().to_owned(), said(t, &b.names))).collect(),
            questions: rule.exclusion.iter().map(|e| entry(e.id(), &e.names, &e.clause)).collect(),
            confirmed: rule.cap.iter().filter_map(confirmed).collect(),
            announced: announced.map(|c| entry(c.id(), &c.names, &c.clause)).collect(),
            awards: rule.award.iter().map(|a| entry(a.id(), &a.names, &a.clause)).collect(),
            stages: rule.stage.iter().map(|s| entry(s.id(), &s.names, &s.clause)).collect(),
            asks_received: rule.cap.iter().any(|c| matches!(c.limit, Limit::AllSupport { .. })),
            asks_from: rule.begins_with_event(),
            may_package: told.may_package,
            problem: told.problem,
            typed: told.typed,
            frame,
            t,
        }
    }

    /// What was typed; a default as long as nothing was handed in.
    fn kept<'a>(&'a self, field: &str, otherwise: &'a str) -> &'a str {
        if self.typed.is_empty() { otherwise } else { typed(&self.typed, field) }
    }

    /// The same for a row or an entry.
    fn of<'a>(&'a self, field: &str, of: &dyn std::fmt::Display, otherwise: &'a str) -> &'a str {
        self.kept(&format!("{field}.{of}"), otherwise)
    }
}

fn category(t: &Texts, of: &practice::rule::Category) -> String {
    let name = said(t, &of.names);
    match of.counts {
        Counts::Yes => name,
        Counts::No => t.f1("subsidy-category-no", "name", name),
        Counts::Open => t.f1("subsidy-category-open", "name", name),
    }
}

/// What was typed into a field.
fn typed<'t>(form: &'t [(String, String)], field: &str) -> &'t str {
    form.iter().find(|(name, _)| name == field).map_or("", |(_, value)| value)
}

fn expenses(rule: &Rule, lines: &[InvestmentView], form: &[(String, String)]) -> Vec<Expense> {
    let row = |row: usize| {
        let of_plan = row.checked_sub(1).and_then(|i| lines.get(i));
        let category = of_plan.map(|l| l.category_id.clone()).unwrap_or_default();
        let now = if form.is_empty() { &category } else { typed(form, &format!("category.{row}")) };
        let is_hardware = rule.category.iter().any(|c| c.id() == now && c.hardware);
        Expense {
            row,
            what: of_plan.map(|l| l.what.clone()).unwrap_or_default(),
            amount: of_plan.map(|l| l.yuan.clone()).unwrap_or_default(),
            asks_hardware: !is_hardware || !typed(form, &format!("hardware.{row}")).is_empty(),
            facts: [
                ("in_plan", if of_plan.is_some() { "yes" } else { "" }, "subsidy-in-plan"),
                ("in_contract", "", "subsidy-in-contract"),
                ("subsidised", "", "subsidy-subsidised"),
            ],
            category,
        }
    };
    let is_typed = |(name, value): &(String, String)| {
        let (field, row) = name.rsplit_once('.')?;
        let row = row.parse().ok().filter(|_| !value.is_empty())?;
        (field == "what" || field == "amount").then_some(row)
    };
    let last = form.iter().filter_map(is_typed).max().unwrap_or(0).min(practice::claim::LINES_MAX);
    (1..=lines.len().max(last) + MORE_ROWS).map(row).collect()
}

/// Where a claim was refused, as the form names it.
pub(super) fn place(t: &Texts, rule: &Rule, place: &str) -> String {
    let mut parts = place.splitn(3, '.');
    let [group, id, field] = [(); 3].map(|()| parts.next().unwrap_or_default());
    let named = |names: Option<&Names>| names.map_or_else(|| id.to_owned(), |names| said(t, names));
    let cap = || named(rule.cap.iter().find(|c| c.id() == id).map(|c| &c.names));
    let stage = || named(rule.stage.iter().find(|s| s.id() == id).map(|s| &s.names));
    // Of what has no entries, the second part is the field.
    let (of, field) = match group {
        "lines" if id.is_empty() => (t.s("subsidy-lines"), ""),
        "lines" => (t.f1("subsidy-row", "row", id.trim_start_matches("r-")), field),
        "facts" => (named(rule.exclusion.iter().find(|e| e.id() == id).map(|e| &e.names)), field),
        "confirmed" => (cap(), field),
        "announced" => (t.f1("subsidy-announced", "name", cap()), field),
        "awards" => (named(rule.award.iter().find(|a| a.id() == id).map(|a| &a.names)), field),
        "paid" => (t.f1("subsidy-paid", "name", stage()), field),
        "met" => (t.f1("subsidy-met", "name", stage()), field),
        "level" => (t.s("subsidy-level"), id),
        "sector" => (t.s("subsidy-sector"), id),
        "batch" => (t.s("subsidy-batch"), id),
        "finished" => (t.s("subsidy-finished"), id),
        "received" => (t.s("subsidy-received"), id),
        "rule_from" => (t.s("subsidy-from"), id),
        other => (other.to_owned(), ""),
    };
    let field = match field {
        "by" => "subsidy-by",
        "amount_fen" | "most_fen" => "filing-amount",
        "hardware_fen" => "subsidy-hardware",
        "share_hundredths" => "subsidy-share",
        "category" => "filing-category",
        _ => return of,
    };
    format!("{of} · {}", t.s(field))
}

fn print(t: &Texts, sheet: &Sheet, form: &[(String, String)]) -> Printed {
    let by = |what: String, by: &str| t.f("subsidy-said", &[("what", &what), ("by", &by)]);
    let line = |l: &practice::sheet::LineResult| LineRow {
        name: {
            let row = l.line.trim_start_matches("r-");
            Some(typed(form, &format!("what.{row}")).to_owned())
                .filter(|what| !what.trim().is_empty())
                .unwrap_or_else(|| t.f("subsidy-row-of", &[("row", &row), ("category", &said(t, &l.category))]))
        },
        amount: yuan(l.amount),
        counted: yuan(l.eligible),
        open: if l.eligible_open == 0 { String::new() } else { yuan(l.eligible_open) },
        css: if l.verdict == Verdict::Counted { "key computed" } else { "key unknown" },
        verdict: t.s(match l.verdict {
            Verdict::Counted => "subsidy-counted",
            Verdict::Authority => "subsidy-authority",
            Verdict::Missing => "subsidy-missing",
            Verdict::NotCounted => "subsidy-not-counted",
        }),
        reason: said(t, &l.reason),
        clause: cited(t, l.clause.as_ref()),
    };
    let step = |s: &practice::sheet::Step| StepRow {
        name: said(t, &s.names),
        formula: said(t, &s.formula),
        amount: said(t, &s.amount.words()),
        with_open: s.with_open.as_ref().map(|open| said(t, &open.amount.words())).unwrap_or_default(),
        clause: cited(t, s.clause.as_ref()),
        remark: s.remark.as_ref().map(|remark| said(t, remark)).unwrap_or_default(),
    };
    Printed {
        warnings: sheet
            .warnings
            .iter()
            .map(|w| Cited { says: said(t, &w.words), clause: cited(t, w.clause.as_ref()) })
            .collect(),
        ceiling: said(t, &sheet.ceiling_words()),
        lines: sheet.lines.iter().map(line).collect(),
        steps: sheet.steps.iter().map(step).collect(),
        awards: sheet
            .awards
            .iter()
            .map(|a| StageRow {
                name: said(t, &a.names),
                amount: by(said(t, &a.amount.words()), &a.by),
                paid: String::new(),
                met: String::new(),
                clause: cited(t, Some(&a.clause)),
            })
            .collect(),
        stages: sheet
            .stages
            .iter()
            .map(|s| StageRow {
                name: said(t, &s.names),
                amount: said(t, &s.amount.words()),
                paid: s
                    .paid
                    .as_ref()
                    .map(|p| by(t.f1("subsidy-yuan", "yuan", yuan(p.amount_fen)), &p.by))
                    .unwrap_or_default(),
                met: s.met.as_ref().map(|m| by(m.date.to_string(), &m.by)).unwrap_or_default(),
                clause: cited(t, Some(&s.clause)),
            })
            .collect(),
        notes: sheet
            .notes
            .iter()
            .map(|(names, clause)| Cited { says: said(t, names), clause: cited(t, clause.as_ref()) })
            .collect(),
    }
}

/// A date as a form has it.
pub(super) fn day(text: &str) -> Option<Day> {
    metrics::calendar::parse_date(text).map(Day)
}

#[cfg(test)]
pub(super) fn samples(lang: Lang) -> Vec<(&'static str, String)> {
    use super::samples;
    let rules = practice::rule::delivered();
    let render = |name, at: usize, told: Told| {
        let title = lang.texts().s("subsidy-title");
        let mut data = samples::filing::filing();
        for line in data.filing.iter_mut().flat_map(|f| &mut f.lines) {
            line.category_id = "software".into();
        }
        let path = "/sites/jh-07/subsidy";
        let frame = samples::frame(lang, title, path, Nav::Site, Some(&data.site), data.site.simulated);
        (name, SubsidyPage::new(frame, &data, rules, &rules[at], told).render().expect("renders"))
    };
    let claim = |lines: &str, facts: &str| {
        let text = format!(
            "{{\"at\":\"2025-06-30\",\"level\":{{\"level\":3,\"by\":\"某机构\"}},\"lines\":[{lines}],\"facts\":{{{facts}}}}}"
        );
        serde_json::from_str::<practice::claim::Claim>(&text).expect("a claim")
    };
    let lines = "{\"line\":\"r-1\",\"category\":\"software\",\"amount_fen\":12000000,\"invoiced\":\"2024-09-01\",\"in_plan\":true,\"in_contract\":true,\"subsidised\":false},{\"line\":\"r-2\",\"category\":\"sensor\",\"amount_fen\":800000,\"invoiced\":\"2024-09-01\",\"in_plan\":true,\"in_contract\":true,\"subsidised\":false}";
    let fact = |id: &str| format!("\"{id}\":{{\"answer\":{},\"by\":\"名单\"}}", id == "in_pilot");
    let facts = rules[0].exclusion.iter().map(|e| fact(e.id())).collect::<Vec<_>>().join(",");
    let sheet = practice::sheet::evaluate(&rules[0], &claim(lines, &facts)).expect("a sheet");
    let typed = vec![("amount.1".to_owned(), "12万".to_owned()), ("level_by".to_owned(), "某\"机构\" <甲>".to_owned())];
    vec![
        render("subsidy", 0, Told { sheet: Some(sheet), may_package: true, ..Told::default() }),
        render("subsidy-refused", 2, Told { problem: "<no>".into(), typed, ..Told::default() }),
        render("subsidy-draft", 1, Told::default()),
    ]
}
