//! The filed plan as a paper of a package: the same words as on the page, on three chapters that are evidence each.

use document::package::{Chapter, Entry, FiledTarget, Listing, Paper, Part};

use super::{Differing, Named, application, changed, counts, differences, lines, payments, problem, targets};
use crate::query::{FilingState, FilingView};
use crate::web::format::{self, Clockface};
use crate::web::text::Texts;
use crate::web::words::{self, said};

/// The papers of a filing and its targets; nothing where nothing was filed.
pub(crate) fn papers(t: &'static Texts, data: &FilingView, face: &Clockface) -> (Vec<Paper>, Vec<FiledTarget>) {
    let Some(state) = data.filing.as_ref().filter(|s| !s.filed.is_empty()) else { return (Vec::new(), Vec::new()) };
    let mut chapters = vec![filed(t, data, state)];
    if !state.applications.is_empty() || !state.loose.is_empty() {
        chapters.push(changes(t, face, state));
    }
    if !state.rows.is_empty() {
        chapters.push(promised(t, data, state));
    }
    let paper = Paper { file: "备案方案.pdf".to_owned(), title: t.s("package-filing"), chapters, flows: false };
    let target =
        |x: super::TargetLine| FiledTarget { name: x.name, promised: x.promised, base: x.base, method: x.method };
    (vec![paper], targets(t, state).into_iter().map(target).collect())
}

fn heads(t: &'static Texts, columns: &[(&str, u16)]) -> Vec<(String, u16)> {
    columns.iter().map(|(key, share)| (t.s(key), *share)).collect()
}

fn as_of(t: &'static Texts, data: &FilingView) -> Part {
    Part::Note(t.f1("package-as-of", "date", data.today.as_str()))
}

fn filed(t: &'static Texts, data: &FilingView, state: &FilingState) -> Chapter {
    let mut facts = vec![
        (t.s("package-project"), words::name(&state.names, t.lang(), &state.id)),
        (t.s("filing-number"), state.number.clone().unwrap_or_else(|| format::NONE.to_owned())),
        (t.s("filing-date"), state.filed.clone()),
        (t.s("package-stated"), t.f1("papers-leaf", "leaf", format::integer(state.leaf))),
    ];
    if let Some(term) = &state.term {
        facts.push((t.s("filing-term"), format!("{} – {}", term.dates[0], term.dates[1])));
        facts.push((t.s("package-term-standing"), said(t, &term.words)));
    }
    if let Some(rule) = &state.rule {
        let name = words::name(&rule.names, t.lang(), &rule.id);
        let number = rule.number.iter().map(|n| format!(" · {n}")).collect::<String>();
        facts.push((t.s("filing-rule"), format!("{name}{number}")));
    }
    let mut parts = vec![as_of(t, data), Part::Facts(facts)];
    parts.extend(changed(t, state).into_iter().map(Part::Words));
    let table = |title: &str, head: &[(&str, u16)], rows: Vec<Entry>| {
        let listing = Part::Table(Listing { head: heads(t, head), rows });
        [Part::Heading(t.s(title)), listing]
    };
    if !state.lines.is_empty() {
        let mut rows: Vec<Entry> = lines(t, state)
            .into_iter()
            .map(|l| Entry::new([l.what, l.category, format!("{}\n{}", l.yuan, l.filed)]))
            .collect();
        rows.push(Entry::new([t.s("filing-total"), String::new(), state.investment_yuan[0].clone()]));
        let head = [("filing-line-what", 46), ("filing-category", 30), ("filing-amount", 24)];
        parts.extend(table("filing-investment", &head, rows));
    }
    if !state.targets.is_empty() {
        let rows = targets(t, state).into_iter().map(|x| Entry::new([x.name, x.promised, x.base, x.method])).collect();
        let head = [("filing-target", 28), ("filing-promised", 22), ("filing-base", 24), ("filing-method", 26)];
        parts.extend(table("filing-targets", &head, rows));
    }
    if !state.payments.is_empty() {
        let rows = payments(t, state)
            .into_iter()
            .map(|p| {
                let clause = p.clause.map(|clause| format!("{}\n{}", clause.article, clause.quote));
                Entry::new([p.name, p.says, clause.unwrap_or_default()])
            })
            .collect();
        let head = [("filing-stage", 24), ("filing-stage-date", 34), ("filing-clause", 42)];
        parts.extend(table("filing-payments", &head, rows));
    }
    Chapter { id: "filed_plan".to_owned(), title: t.s("filing-title"), parts }
}

fn changes(t: &'static Texts, face: &Clockface, state: &FilingState) -> Chapter {
    let mut parts = Vec::new();
    for a in state.applications.iter().map(|a| application(t, face, a)) {
        parts.push(Part::Heading(a.title));
        parts.push(Part::Words(a.stands));
        let items = a.items.join(&t.s("list-comma"));
        parts.push(Part::Facts(vec![(t.s("package-items"), items), (t.s("package-reason"), a.reason)]));
        if !a.opinions.is_empty() {
            let rows = a.opinions.into_iter().map(|o| Entry::new([o.by, o.says, format!("{}\n{}", o.reason, o.leaf)]));
            let head = [("package-by", 32), ("package-opinion", 26), ("package-reason", 42)];
            parts.push(Part::Table(Listing { head: heads(t, &head), rows: rows.collect() }));
        }
        parts.extend(a.problems.into_iter().map(Part::Warning));
        for (says, clause) in a.major {
            parts.push(Part::Words(says));
            parts.push(Part::Quote(clause.article, clause.quote));
        }
    }
    parts.extend(state.loose.iter().map(|p| Part::Warning(problem(t, p.leaf, &p.words))));
    Chapter { id: "plan_changes".to_owned(), title: t.s("filing-changes"), parts }
}

fn promised(t: &'static Texts, data: &FilingView, state: &FilingState) -> Chapter {
    let names = Named { t, machines: &data.machines };
    let counted = counts(t, state)
        .into_iter()
        .map(|c| Entry::new([c.name, c.of[0].to_string(), c.of[1].to_string(), c.of[2].to_string()]));
    let head =
        heads(t, &[("filing-what", 40), ("filing-promised", 20), ("filing-connected", 20), ("filing-producing", 20)]);
    let mut parts = vec![as_of(t, data), Part::Table(Listing { head, rows: counted.collect() })];
    let warning = |of: Differing| {
        let points = if of.points.is_empty() { String::new() } else { format!(" · {}", of.points.join(" · ")) };
        Part::Warning(format!("{}{points}{}{}", of.title, t.s("package-colon"), of.says))
    };
    parts.extend(differences(t, names.machines, state).into_iter().map(warning));
    let yes = |is: bool| t.s(if is { "package-yes" } else { "package-no" });
    let rows = state.rows.iter().map(|r| {
        let row = names.row(r);
        let name = if row.is_point { format!("· {}", row.name) } else { row.name };
        Entry::new([name, yes(row.promised), row.connected, row.last, yes(row.producing)])
    });
    let head = heads(
        t,
        &[
            ("filing-what", 40),
            ("filing-promised", 12),
            ("filing-since", 18),
            ("filing-last", 18),
            ("filing-producing", 14),
        ],
    );
    parts.push(Part::Table(Listing { head, rows: rows.collect() }));
    Chapter { id: "promised".to_owned(), title: t.s("filing-counts"), parts }
}
