//! A subsidy sheet as a paper of a package: what the page shows, computed from what the reader typed.

use document::package::{Chapter, Entry, Listing, Paper, Part};
use practice::rule::Rule;
use practice::sheet::Sheet;

use super::{Cited, StageRow, print, said};
use crate::web::text::Texts;

/// The paper of a sheet.
pub(crate) fn paper(t: &'static Texts, rule: &Rule, sheet: &Sheet, form: &[(String, String)]) -> Paper {
    let printed = print(t, sheet, form);
    let head = |columns: &[(&str, u16)]| columns.iter().map(|(key, share)| (t.s(key), *share)).collect::<Vec<_>>();
    let with = |says: String, clause: String| if clause.is_empty() { says } else { format!("{says}\n{clause}") };
    let title = match &rule.number {
        Some(number) => format!("{} · {number}", said(t, &rule.names)),
        None => said(t, &rule.names),
    };
    let mut parts = vec![
        Part::Facts(vec![(t.s("filing-rule"), title), (t.s("subsidy-at"), sheet.at.to_string())]),
        Part::Note(t.s("package-sheet-words")),
    ];
    if rule.draft {
        parts.push(Part::Warning(t.s("subsidy-draft")));
    }
    let warned =
        |w: Cited| Part::Warning(if w.clause.is_empty() { w.says } else { format!("{} {}", w.says, w.clause) });
    parts.extend(printed.warnings.into_iter().map(warned));
    parts.push(Part::Words(format!("{}{}", t.s("subsidy-ceiling"), printed.ceiling)));
    let rows = printed.steps.into_iter().map(|s| {
        let clause = if s.remark.is_empty() { s.clause } else { format!("{}\n{}", s.clause, s.remark) };
        Entry::new([s.name, s.formula, s.amount, s.with_open, clause])
    });
    let columns = [
        ("subsidy-step", 18),
        ("subsidy-formula", 24),
        ("subsidy-after", 16),
        ("subsidy-with-open", 16),
        ("filing-clause", 34),
    ];
    parts.push(Part::Heading(t.s("subsidy-steps")));
    parts.push(Part::Table(Listing { head: head(&columns), rows: rows.collect() }));
    let rows = printed.lines.into_iter().map(|l| {
        Entry::new([l.name, l.amount, l.counted, l.open, with(format!("{} {}", l.verdict, l.reason), l.clause)])
    });
    let columns = [
        ("filing-line-what", 24),
        ("filing-amount", 14),
        ("subsidy-eligible", 14),
        ("subsidy-open", 12),
        ("subsidy-why", 40),
    ];
    parts.push(Part::Heading(t.s("subsidy-lines")));
    parts.push(Part::Table(Listing { head: head(&columns), rows: rows.collect() }));
    let stage = |s: StageRow| Entry::new([s.name, s.amount, s.clause]);
    let rows = printed.stages.into_iter().chain(printed.awards).map(stage);
    let columns = [("filing-stage", 24), ("subsidy-at-most", 30), ("filing-clause", 46)];
    parts.push(Part::Heading(t.s("filing-payments")));
    parts.push(Part::Table(Listing { head: head(&columns), rows: rows.collect() }));
    parts.extend(printed.notes.into_iter().map(|n| Part::Note(format!("{} {}", n.says, n.clause))));
    let chapter = Chapter { id: "subsidy_sheet".to_owned(), title: t.s("subsidy-result"), parts };
    Paper { file: "补助测算表.pdf".to_owned(), title: t.s("subsidy-title"), chapters: vec![chapter], flows: false }
}
