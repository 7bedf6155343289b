//! Declarations on a page: a row typed, or a table imported; looked at, and recorded when somebody confirms with a reason.
//!
//! Constraints first:
//! - Only who may declare here sees the page at all.
//! - Checking logs nothing. Confirming reads everything again: what was true a minute ago may not be now, and then the new preview is
//!   shown instead of recording what nobody looked at.
//! - Forms come as parts, because a file does; parts are bounded in number and size before anything is read from them.

use axum::extract::multipart::MultipartRejection;
use axum::extract::{DefaultBodyLimit, Multipart, Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use data_encoding::BASE64URL_NOPAD;
use serde::Deserialize;

use super::{Problem, ProblemKind, Visitor, html, manages};
use crate::api::{self, Imported};
use crate::import::kinds::{self, Kind};
use crate::import::{Cell, FILE_MAX, Import, Line, Table, cell_of, template};
use crate::query::{self, Given};
use crate::state::AppState;
use crate::web::declare::{Checked, DeclarePage, Told, described};
use crate::web::format;
use crate::web::text::{Lang, Texts};
use crate::web::view::{Nav, url_part};

/// Largest form: a file as base64, and room for the rest.
pub(super) fn limit() -> DefaultBodyLimit {
    DefaultBodyLimit::max(FILE_MAX / 3 * 4 + 128 * 1024)
}

/// Longest reason, characters; the form says so too.
pub(super) const REASON_MAX: usize = 300;
/// Most parts of a form: every column of a table, and the rest.
const PARTS_MAX: usize = 96;

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Asked {
    kind: String,
    done: Option<u64>,
    same: Option<u64>,
    leaf: Option<u64>,
}

/// The page, for one kind of table.
pub(super) async fn page(
    State(state): State<AppState>,
    visitor: Visitor,
    Path(site): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Response, Problem> {
    let t = visitor.lang.texts();
    let kind = kinds::find(&asked.kind).or(kinds::ALL.first().copied());
    let kind = kind.ok_or_else(|| visitor.problem(ProblemKind::Missing))?;
    let n = |n: Option<u64>| format::integer(n.unwrap_or(0));
    let done = match (asked.done, asked.leaf) {
        (Some(done), Some(leaf)) if done > 0 => {
            t.f("declare-done", &[("n", &n(asked.done)), ("same", &n(asked.same)), ("leaf", &format::integer(leaf))])
        }
        (Some(_), _) => t.s("declare-done-nothing"),
        _ => String::new(),
    };
    show(&state, &visitor, &site, kind, StatusCode::OK, Told { done, ..Told::default() }).await
}

async fn show(
    state: &AppState,
    visitor: &Visitor,
    site: &str,
    kind: &'static Kind,
    status: StatusCode,
    told: Told,
) -> Result<Response, Problem> {
    let data = query::declare(&state.store, visitor.access(), site).await.map_err(|e| visitor.failed(e))?;
    let title = visitor.lang.texts().s("declare-title");
    let manages = manages(state, visitor, site).await;
    let (mut frame, _) = visitor.frame(title, Nav::Site, Some(&data.site), manages, state.clock.now_ms());
    super::note_closed(state, visitor, site, &mut frame);
    Ok(html(status, &DeclarePage::new(frame, &data, kind, told)))
}

/// The template of a table. It says nothing of any site, but is no page for strangers.
pub(super) async fn template(
    State(state): State<AppState>,
    visitor: Visitor,
    Path((site, file)): Path<(String, String)>,
) -> Result<Response, Problem> {
    query::declare(&state.store, visitor.access(), &site).await.map_err(|e| visitor.failed(e))?;
    let asked = file.rsplit_once('.').and_then(|(id, ending)| Some((kinds::find(id)?, ending)));
    let (media, bytes) = match asked {
        Some((kind, "csv")) => ("text/csv; charset=utf-8", template::csv(kind).into_bytes()),
        Some((kind, "xlsx")) => {
            let book =
                template::xlsx(kind, described).map_err(|e| visitor.problem(ProblemKind::Failed(e.to_string())))?;
            ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", book)
        }
        _ => return Err(visitor.problem(ProblemKind::Missing)),
    };
    let headers = [
        (header::CONTENT_TYPE, media.to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"gongzheng-{file}\"")),
    ];
    Ok((headers, bytes).into_response())
}

/// The parts of a form.
#[derive(Default)]
pub(super) struct Form {
    pub(super) fields: Vec<(String, String)>,
    pub(super) file: Option<(String, Vec<u8>)>,
}

impl Form {
    /// Reads the parts; what is no form, too large or cut off is answered by this status.
    pub(super) async fn read(parts: Result<Multipart, MultipartRejection>) -> Result<Self, StatusCode> {
        let mut parts = parts.map_err(|rejection| rejection.status())?;
        let mut form = Self::default();
        while let Some(part) = parts.next_field().await.map_err(|e| e.status())? {
            let name = part.name().unwrap_or_default().to_owned();
            if name == "file" {
                let file = part.file_name().unwrap_or_default().to_owned();
                form.file = Some((file, part.bytes().await.map_err(|e| e.status())?.to_vec()));
            } else if form.fields.len() < PARTS_MAX {
                let value = part.bytes().await.map_err(|e| e.status())?;
                form.fields.push((name, String::from_utf8_lossy(&value).into_owned()));
            }
        }
        Ok(form)
    }

    pub(super) fn one(&self, name: &str) -> &str {
        self.fields.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.trim())
    }

    /// The cells of a typed row, by column.
    fn typed(&self) -> Vec<(String, String)> {
        let cell =
            |(key, value): &(String, String)| Some((key.strip_prefix("c.")?.to_owned(), value.trim().to_owned()));
        self.fields.iter().filter_map(cell).filter(|(_, value)| !value.is_empty()).collect()
    }

    /// What was handed in; `None` for a file that is not there or was damaged on its way.
    fn given(&self, kind: &Kind, lang: Lang) -> Option<Given> {
        match self.one("what") {
            "check" => {
                let (name, bytes) = self.file.clone().filter(|(name, bytes)| !name.is_empty() || !bytes.is_empty())?;
                Some(Given::File { name: base(&name), bytes })
            }
            "confirm" if !self.one("name").is_empty() => {
                let bytes = BASE64URL_NOPAD.decode(self.one("data").as_bytes()).ok()?;
                Some(Given::File { name: base(self.one("name")), bytes })
            }
            _ => Some(Given::Row(table(kind, &self.typed(), lang))),
        }
    }
}

/// The last part of a path: some browsers send all of it. A file always has a name, so that a form can tell it from a row.
pub(super) fn base(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default().trim();
    if last.is_empty() { "file".to_owned() } else { last.chars().take(200).collect() }
}

/// A typed row as a table, headed in the reader's language so that what is wrong is said in the words of the form.
fn table(kind: &Kind, typed: &[(String, String)], lang: Lang) -> Table {
    let mut lines = [Line { number: 1, cells: Vec::new() }, Line { number: 2, cells: Vec::new() }];
    for column in kind.columns {
        let value = typed.iter().find(|(id, _)| id == column.id).map_or("", |(_, value)| value);
        let [head, row] = &mut lines;
        head.cells.push(Cell::Text(column.names[usize::from(lang != Lang::Zh)].to_owned()));
        row.cells.push(cell_of(value));
    }
    Table { lines: lines.into(), ..Table::default() }
}

/// Checks what was handed in, or records it.
pub(super) async fn answer(
    State(state): State<AppState>,
    visitor: Visitor,
    Path(site): Path<String>,
    parts: Result<Multipart, MultipartRejection>,
) -> Result<Response, Problem> {
    let t = visitor.lang.texts();
    let form = match Form::read(parts).await {
        Ok(form) => form,
        Err(status) => {
            let too_large = status == StatusCode::PAYLOAD_TOO_LARGE;
            let problem = if too_large { too_large_words(t) } else { t.s("declare-damaged") };
            let kind = kinds::ALL.first().copied().ok_or_else(|| visitor.problem(ProblemKind::Missing))?;
            return show(&state, &visitor, &site, kind, status, Told { problem, ..Told::default() }).await;
        }
    };
    visitor.who.accept_form(form.one("token")).map_err(|_| visitor.problem(ProblemKind::Origin))?;
    let kind = kinds::find(form.one("kind")).ok_or_else(|| visitor.problem(ProblemKind::Missing))?;
    let typed = form.typed();
    let Some(given) = form.given(kind, visitor.lang) else {
        // Without the right to declare this is "not found", whatever was sent.
        let told = Told { problem: t.s("declare-no-file"), ..Told::default() };
        return show(&state, &visitor, &site, kind, StatusCode::BAD_REQUEST, told).await;
    };
    let reason = form.one("reason").to_owned();
    let mut told = Told { typed, reason: reason.clone(), ..Told::default() };
    let is_reason = (1..=REASON_MAX).contains(&reason.chars().count());
    if form.one("what") != "confirm" || !is_reason {
        if form.one("what") == "confirm" {
            told.problem = t.s("declare-reason-missing");
        }
        let now_ms = state.clock.now_ms();
        let found =
            query::import(&state.store, &state.logs, visitor.access(), &site, kind, given.clone(), now_ms).await;
        let import = found.map_err(|e| visitor.failed(e))?;
        let fine = import.wrong.is_empty() && told.problem.is_empty();
        told.checked = Some(checked(&given, import));
        let status = if fine { StatusCode::OK } else { StatusCode::BAD_REQUEST };
        return show(&state, &visitor, &site, kind, status, told).await;
    }
    let imported =
        api::import_it(&state, visitor.access(), &site, kind, given.clone(), form.one("shown"), &reason).await;
    match imported {
        Ok(Imported::Recorded { leaves, same }) => {
            let last = leaves.last().map_or_else(String::new, |leaf| format!("&leaf={leaf}"));
            let (path, done) = (url_part(&site), leaves.len());
            let to = format!("/sites/{path}/declare?kind={}&done={done}&same={same}{last}", kind.id);
            Ok(Redirect::to(&to).into_response())
        }
        Ok(Imported::Refused(import)) => {
            told.problem = t.s("declare-changed");
            told.checked = Some(checked(&given, import));
            show(&state, &visitor, &site, kind, StatusCode::CONFLICT, told).await
        }
        Ok(Imported::Changed(import)) => {
            told.problem = t.s("declare-other-now");
            told.checked = Some(checked(&given, import));
            show(&state, &visitor, &site, kind, StatusCode::CONFLICT, told).await
        }
        Err(failure) => {
            told.problem = failure.words(visitor.lang == Lang::Zh).to_owned();
            show(&state, &visitor, &site, kind, failure.status(), told).await
        }
    }
}

pub(super) fn too_large_words(t: &Texts) -> String {
    t.f1("declare-too-large", "mib", (FILE_MAX >> 20).to_string())
}

fn checked(given: &Given, import: Import) -> Checked {
    match given {
        Given::File { name, bytes } => Checked {
            import,
            file: name.clone(),
            sha256: given.digest().map(|d| d.hex()).unwrap_or_default(),
            data: BASE64URL_NOPAD.encode(bytes),
        },
        Given::Row(_) => Checked { import, file: String::new(), sha256: String::new(), data: String::new() },
    }
}
