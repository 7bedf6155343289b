//! Declarations (填报): *what do you want to state?* — one row typed here, or a table from a spreadsheet; looked at before it is logged.
//!
//! Constraints first:
//! - What was checked comes first on the page, the forms after it: errors by line and column with what to do, or a preview with one
//!   button that records it.
//! - The page keeps nothing: a checked file travels in the form that confirms it, and is read again then.
//! - Everything a person states is marked as stated (✎, amber), here as on every other page.

use askama::Template;

use crate::evaluate::said::Said;
use crate::import::kinds::{self, Column, Field, Kind};
use crate::import::weigh::{Beside, Item};
use crate::import::{FILE_MAX, Import, ROWS_MAX, Wrong};
use crate::query::DeclareView;

use super::format;
use super::text::{Lang, Texts};
use super::view::{Frame, Nav, url_part};
use super::words;

/// Wrong cells that are listed; more are counted.
const WRONG_SHOWN: usize = 200;
/// Rows of a preview that are listed; more are counted.
const ROWS_SHOWN: usize = 500;

/// What was handed in and what came of it.
pub struct Checked {
    /// What it would declare.
    pub import: Import,
    /// Name of the file; empty for a typed row.
    pub file: String,
    /// SHA-256 of the file, hex; empty for a typed row.
    pub sha256: String,
    /// The file itself for the form that confirms, base64url; empty for a typed row.
    pub data: String,
}

/// What a page says beside its forms.
#[derive(Default)]
pub struct Told {
    /// What came of what was handed in.
    pub checked: Option<Checked>,
    /// Cells of the row typed, by column.
    pub typed: Vec<(String, String)>,
    /// The reason typed.
    pub reason: String,
    /// What is wrong, a finished sentence.
    pub problem: String,
    /// What was done, a finished sentence.
    pub done: String,
}

struct KindLink {
    href: String,
    name: &'static str,
    is_current: bool,
}

struct ColumnLine {
    id: &'static str,
    name: &'static str,
    required: bool,
    what: String,
    example: &'static str,
    input: Input,
    value: String,
}

/// How a cell is typed.
enum Input {
    Text(&'static str),
    Select(Vec<(String, String, bool)>),
}

struct WrongLine {
    line: String,
    column: String,
    what: String,
    todo: String,
}

struct ItemLine {
    lines: String,
    kind: String,
    said: Vec<Vec<(&'static str, String)>>,
    beside: String,
    css: &'static str,
    changes: Vec<String>,
    effective: String,
    notices: Vec<String>,
}

struct Result {
    file: String,
    sha256: String,
    data: String,
    shown: String,
    headline: String,
    wrong: Vec<WrongLine>,
    wrong_more: String,
    items: Vec<ItemLine>,
    items_more: String,
    notes: Vec<String>,
    confirm: String,
}

/// The page.
#[derive(Template)]
#[template(path = "declare.html")]
pub struct DeclarePage {
    frame: Frame,
    t: &'static Texts,
    subject: String,
    back: String,
    action: String,
    form_token: String,
    kinds: Vec<KindLink>,
    kind: &'static str,
    name: &'static str,
    words: &'static str,
    columns: Vec<ColumnLine>,
    template: [String; 2],
    limits: String,
    result: Option<Result>,
    typed: Vec<(String, String)>,
    reason: String,
    problem: String,
    done: String,
}

/// One of the two languages.
fn pick(t: &Texts, names: [&'static str; 2]) -> &'static str {
    if t.lang() == Lang::Zh { names[0] } else { names[1] }
}

fn said(t: &Texts, said: &Said) -> String {
    said.in_language(t.lang() == Lang::Zh).to_owned()
}

impl DeclarePage {
    /// Builds the page.
    #[must_use]
    pub fn new(frame: Frame, data: &DeclareView, kind: &'static Kind, told: Told) -> Self {
        let t = frame.t();
        let back = format!("/sites/{}", url_part(&data.site.id));
        let action = format!("{back}/declare");
        let form_token = frame.reader.as_ref().map(|r| r.form_token.clone()).unwrap_or_default();
        Self {
            subject: words::name(&data.site.names, t.lang(), &data.site.id),
            kinds: kinds::ALL
                .into_iter()
                .map(|k| KindLink {
                    href: format!("{action}?kind={}", k.id),
                    name: pick(t, k.names),
                    is_current: k.id == kind.id,
                })
                .collect(),
            kind: kind.id,
            name: pick(t, kind.names),
            words: pick(t, kind.words),
            columns: kind.columns.iter().map(|c| column(t, c, data, &told.typed)).collect(),
            template: ["xlsx", "csv"].map(|ending| format!("{action}/{}.{ending}", kind.id)),
            limits: t.f(
                "declare-limits",
                &[("mib", &(FILE_MAX >> 20).to_string()), ("rows", &format::integer(ROWS_MAX as i64))],
            ),
            result: told.checked.map(|checked| result(t, kind, checked)),
            typed: told.typed,
            reason: told.reason,
            problem: told.problem,
            done: told.done,
            back,
            action,
            form_token,
            frame,
            t,
        }
    }
}

fn column(t: &Texts, c: &'static Column, data: &DeclareView, typed: &[(String, String)]) -> ColumnLine {
    let value = typed.iter().find(|(id, _)| id == c.id).map(|(_, v)| v.clone()).unwrap_or_default();
    let option = |id: &str, name: String| (id.to_owned(), name, id == value);
    let machines = || {
        data.machines.iter().map(|m| {
            let name = words::name(&m.names, t.lang(), &m.id);
            option(&m.id, if name == m.id { name } else { format!("{name} ({})", m.id) })
        })
    };
    let input = match c.field {
        Field::Choice(list) => Input::Select(list.iter().map(|o| option(o.id, pick(t, o.names).to_owned())).collect()),
        Field::YesNo => Input::Select(vec![option("yes", t.s("declare-yes")), option("no", t.s("declare-no"))]),
        Field::Machine => Input::Select(machines().collect()),
        Field::MachineOrAll => {
            Input::Select([option("*", t.s("declare-all-machines"))].into_iter().chain(machines()).collect())
        }
        Field::Date { .. } | Field::Effective => Input::Text("date"),
        Field::Moment { .. } => Input::Text("datetime-local"),
        Field::Clock => Input::Text("time"),
        _ => Input::Text("text"),
    };
    ColumnLine {
        id: c.id,
        name: pick(t, c.names),
        required: c.required,
        what: what(t, c.field),
        example: c.example,
        input,
        value,
    }
}

/// What stands in a column, in both languages.
pub(crate) fn described(column: &Column) -> Said {
    Said::new(what(Lang::Zh.texts(), column.field), what(Lang::En.texts(), column.field))
}

/// What stands in a cell, in words.
fn what(t: &Texts, field: Field) -> String {
    let key = match field {
        Field::Choice(list) => {
            let all: Vec<&str> = list.iter().map(|c| pick(t, c.names)).collect();
            return all.join(if t.lang() == Lang::Zh { "、" } else { ", " });
        }
        Field::Count(least, most) if least == 0 || least == 1 => {
            return t.f("declare-is-count", &[("least", &least.to_string()), ("most", &most.to_string())]);
        }
        Field::Decimal { places, .. } => return t.f1("declare-is-decimal", "places", places.to_string()),
        Field::Machine => "declare-is-machine",
        Field::MachineOrAll => "declare-is-machine-or-all",
        Field::Machines => "declare-is-machines",
        Field::Id => "declare-is-id",
        Field::Plan => "declare-is-plan",
        Field::Text(_) => "declare-is-text",
        Field::YesNo => "declare-is-yes-no",
        Field::Date { .. } => "declare-is-date",
        Field::Moment { .. } => "declare-is-moment",
        Field::Effective => "declare-is-effective",
        Field::Clock => "declare-is-clock",
        Field::Weekdays => "declare-is-weekdays",
        Field::Spans => "declare-is-spans",
        Field::Count(..) => "declare-is-integer",
        Field::Days => "declare-is-days",
        Field::Digest => "declare-is-digest",
    };
    t.s(key)
}

fn result(t: &Texts, kind: &Kind, checked: Checked) -> Result {
    let Checked { import, file, sha256, data } = checked;
    let is_row = file.is_empty();
    let count = |keep: fn(&Item) -> bool| import.items.iter().filter(|i| keep(i)).count();
    let new = count(|i| i.beside == Beside::New);
    let same = count(|i| !i.is_to_declare());
    let supersedes = import.items.len() - new - same;
    let rest = |n: usize, most: usize, key: &str| {
        if n > most { t.f1(key, "n", format::integer((n - most) as i64)) } else { String::new() }
    };
    let headline = if import.wrong.is_empty() {
        let n = |n: usize| format::integer(n as i64);
        t.f("declare-would", &[("new", &n(new)), ("supersedes", &n(supersedes)), ("same", &n(same))])
    } else {
        t.f1("declare-wrong", "n", format::integer(import.wrong.len() as i64))
    };
    let to_declare = new + supersedes;
    Result {
        confirm: if import.wrong.is_empty() && to_declare > 0 {
            t.f1("declare-confirm", "n", format::integer(to_declare as i64))
        } else {
            String::new()
        },
        wrong: import.wrong.iter().take(WRONG_SHOWN).map(|w| wrong(t, w, is_row)).collect(),
        wrong_more: rest(import.wrong.len(), WRONG_SHOWN, "declare-wrong-more"),
        items: import.items.iter().take(ROWS_SHOWN).map(|i| item(t, kind, i)).collect(),
        items_more: rest(import.items.len(), ROWS_SHOWN, "declare-rows-more"),
        notes: import.notes.iter().map(|n| said(t, n)).collect(),
        shown: import.decisions().hex(),
        headline,
        file,
        sha256,
        data,
    }
}

fn wrong(t: &Texts, w: &Wrong, is_row: bool) -> WrongLine {
    let is_place = !is_row && w.line > 0 && w.line < u32::MAX;
    WrongLine {
        line: if is_place { w.line.to_string() } else { String::new() },
        column: w.column.clone(),
        what: said(t, &w.what),
        todo: said(t, &w.todo),
    }
}

fn item(t: &Texts, kind: &Kind, item: &Item) -> ItemLine {
    let leaf = |leaf: u64| format::integer(leaf);
    let (beside, css, changes) = match &item.beside {
        Beside::New => (t.s("declare-new"), "key stated", Vec::new()),
        Beside::Same { leaf: at } => (t.f1("declare-same", "leaf", leaf(*at)), "key unknown", Vec::new()),
        Beside::Supersedes { leaf: at, changes } => {
            let change = |(field, before, after): &(String, String, String)| format!("{field}: {before} → {after}");
            (t.f1("declare-supersedes", "leaf", leaf(*at)), "key computed", changes.iter().map(change).collect())
        }
    };
    let draft = &item.draft;
    ItemLine {
        lines: runs(&draft.lines),
        // A ledger's row makes two kinds of statement.
        kind: if kind.id == draft.kind { String::new() } else { words::word(t, "declared", draft.kind) },
        said: draft
            .said
            .iter()
            .map(|line| line.iter().map(|(names, value)| (pick(t, *names), value.clone())).collect())
            .collect(),
        beside,
        css,
        changes,
        // A date that was written stands among the cells.
        effective: match (draft.about, draft.effective) {
            (None, None) => t.s("declare-from-now"),
            _ => String::new(),
        },
        notices: item.notices.iter().map(|(_, n)| said(t, n)).collect(),
    }
}

/// `2`, `2–9`, `2, 5–7`.
fn runs(lines: &[u32]) -> String {
    let mut out: Vec<(u32, u32)> = Vec::new();
    for line in lines {
        match out.last_mut() {
            Some((_, to)) if to.checked_add(1) == Some(*line) => *to = *line,
            _ => out.push((*line, *line)),
        }
    }
    let run = |(from, to): &(u32, u32)| if from == to { from.to_string() } else { format!("{from}–{to}") };
    out.iter().map(run).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
pub(super) fn samples(lang: Lang) -> Vec<(&'static str, String)> {
    use super::samples;
    let title = lang.texts().s("declare-title");
    let (data, against) = samples::declare::declare();
    let render = |name, kind: &'static str, told: Told| {
        let kind = kinds::find(kind).expect("a kind");
        let site = Some(&data.site);
        let frame = samples::frame(lang, title.clone(), "/sites/jh-07/declare", Nav::Site, site, data.site.simulated);
        (name, DeclarePage::new(frame, &data, kind, told).render().expect("renders"))
    };
    let checked = |kind: &'static str, csv: &str| {
        let import = against.import(kinds::find(kind).expect("a kind"), csv.as_bytes());
        Told {
            checked: Some(Checked {
                import,
                file: "三月<检验>.csv".to_owned(),
                sha256: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08".to_owned(),
                data: "QUJD".to_owned(),
            }),
            ..Told::default()
        }
    };
    vec![
        render("declare", "ledger", Told::default()),
        render(
            "declare-wrong",
            "quality_count",
            checked(
                "quality_count",
                "设备,生产日期,班次,不良件数\n一号冲床,2026-03-11,day,\"1,200\"\nlath,2027-03-11,day,-3\npress,3/14/2026,早班,#REF!\n",
            ),
        ),
        render(
            "declare-preview",
            "cycle_time",
            checked(
                "cycle_time",
                "设备,产品,每件秒数,生效日期\npress,,12,2026-03-01\npress,7,11.5,\npress,8,9,2026-02-01\n# press,9,9,\n",
            ),
        ),
        render(
            "declare-row",
            "planned_stop",
            Told {
                typed: vec![("machine".to_owned(), "press".to_owned()), ("reason".to_owned(), "\"<保养>\"".to_owned())],
                reason: "<why>".to_owned(),
                problem: "<no>".to_owned(),
                done: "ok".to_owned(),
                ..Told::default()
            },
        ),
    ]
}
