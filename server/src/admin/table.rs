//! A table of declarations from the operator's hand: the page's reading, the same door, whole or not at all.

use data_encoding::BASE64;
use protocol::{Declaration, SiteId};
use serde::{Deserialize, Serialize};

use super::{AdminError, Context, OPERATOR, Reply, invalid, reply};
use crate::evaluate::said::Said;
use crate::import::{Import, ONE_AT_A_TIME, Wrong, kinds, provenance};
use crate::planning;
use crate::query::{Given, read_given};
use crate::reporting::{self, ReportingError};

/// A table to import.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TableWanted {
    /// Which table, as the page's addresses name it: `ledger`, `quality_count` …
    pub table: String,
    /// Name of the file.
    pub name: String,
    /// Its bytes, base64.
    pub data: String,
    /// Why, in the author's words.
    pub reason: String,
    /// Only say what would be declared.
    pub check: bool,
}

/// Wrong cells that are printed; more are counted.
const WRONG_SHOWN: usize = 40;

/// Reads a table and declares it.
pub(super) async fn execute(
    context: &Context,
    site: &SiteId,
    wanted: TableWanted,
    now_ms: i64,
) -> Result<Reply, AdminError> {
    let Some(kind) = kinds::find(&wanted.table) else {
        let known: Vec<&str> = kinds::ALL.into_iter().map(|k| k.id).collect();
        let (name, known) = (&wanted.table, known.join(", "));
        return Err(invalid(
            format!("没有表格 {name}，可用：{known}"),
            format!("there is no table `{name}`; known: {known}"),
        ));
    };
    let damaged = |_| invalid("文件在传送中损坏", "the file was damaged on its way");
    let bytes = BASE64.decode(wanted.data.as_bytes()).map_err(damaged)?;
    let _one = ONE_AT_A_TIME.lock().await;
    let given = Given::File { name: wanted.name, bytes };
    let (logs, id) = (context.logs.clone(), site.clone());
    let reading = tokio::task::spawn_blocking(move || {
        let statements = reporting::statements(&logs, &id)?;
        Ok::<_, ReportingError>((read_given(kind, &given, &statements, "UTC", now_ms), given))
    });
    let (import, given) = reading.await.map_err(|e| ReportingError::Stopped(e.to_string()))??;
    if !import.wrong.is_empty() {
        return Err(told(&import));
    }
    let same = import.items.iter().filter(|i| !i.is_to_declare()).count();
    let digest = given.digest();
    let from = |lines: &[u32]| match (&given, &digest) {
        (Given::File { name, .. }, Some(digest)) => provenance(name, digest, lines),
        _ => String::new(),
    };
    // What was left out of the file, then what an author must know of its rows; each once.
    let mut notes: Vec<&Said> =
        import.notes.iter().chain(import.items.iter().flat_map(|i| i.notices.iter().map(|(_, said)| said))).collect();
    notes.sort_by_key(|note| (&note.zh, &note.en));
    notes.dedup();
    let zh: String = notes.iter().map(|note| format!("\n{}", note.zh)).collect();
    let en: String = notes.iter().map(|note| format!("\n{}", note.en)).collect();
    let mut declarations: Vec<Declaration> = import
        .items
        .iter()
        .filter(|i| i.is_to_declare())
        .map(|item| Declaration {
            kind: item.draft.kind.to_owned(),
            effective_from: item.draft.effective.unwrap_or(now_ms),
            author: OPERATOR.to_owned(),
            role: "administrator".to_owned(),
            reason: format!("{}{}", wanted.reason, from(&item.draft.lines)),
            body: item.draft.body.clone(),
        })
        .collect();
    let count = declarations.len();
    if wanted.check {
        return reply(
            "",
            format!("检查通过：将填报 {count} 项，已有相同填报 {same} 项；尚未记录{zh}"),
            format!("checked: {count} would be declared, {same} are there already; nothing is recorded{en}"),
        );
    }
    let checked = planning::check(&context.logs, site, "UTC", &mut declarations, now_ms).await?;
    let leaves = context.logs.append_declarations(site, &declarations).await?;
    let leaves: Vec<String> = leaves.iter().map(u64::to_string).collect();
    planning::publish(&context.logs, site, checked).await?;
    reply(
        leaves.join("\n"),
        format!("已填报 {count} 项，另有 {same} 项此前已有相同填报{zh}"),
        format!("{count} declared, {same} were there already{en}"),
    )
}

/// Everything that is wrong, in both languages.
fn told(import: &Import) -> AdminError {
    let place = |w: &Wrong, line: &str, between: &str| match (w.line, w.column.is_empty()) {
        (0 | u32::MAX, _) => String::new(),
        (n, true) => format!("{line}{n}{between}"),
        (n, false) => format!("{line}{n}, {}{between}", w.column),
    };
    let shown = import.wrong.iter().take(WRONG_SHOWN);
    let zh: Vec<String> =
        shown.clone().map(|w| format!("{}{}；{}", place(w, "行 ", "："), w.what.zh, w.todo.zh)).collect();
    let en: Vec<String> = shown.map(|w| format!("{}{}; {}", place(w, "line ", ": "), w.what.en, w.todo.en)).collect();
    let all = import.wrong.len();
    invalid(
        format!("有 {all} 处有误，没有记录任何内容\n{}", zh.join("\n")),
        format!("{all} places are wrong, nothing is recorded\n{}", en.join("\n")),
    )
}
