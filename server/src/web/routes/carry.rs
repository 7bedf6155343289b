//! Files of gateways without a network, brought by whoever manages them: records in, receipts back.
//!
//! Constraints first:
//! - Only who manages the site's gateways sees anything here, and nothing of another site is taken.
//! - The form's token comes before the files, and is looked at before a byte of them is kept.
//! - A file goes to the disk as it comes, never into memory; it has no name there, so a server that dies leaves nothing. One upload at a
//!   time, bounded, and only while the disk keeps the room that gateways with a network need.
//! - What becomes of every file is on the page that answers. Importing twice does no harm, so the answer needs no redirect.

use std::fs::File;
use std::io::{self, Seek as _, Write as _};
use std::path::Path as FilePath;

use axum::extract::multipart::{Field, MultipartRejection};
use axum::extract::{DefaultBodyLimit, Multipart, Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use protocol::carry::{Cargo, Head, RECEIPTS, Writer};
use protocol::{GatewayId, SiteId};
use tokio::sync::Semaphore;

use super::change::context;
use super::{Problem, ProblemKind, Visitor, html};
use crate::admin::{AdminError, carry};
use crate::query;
use crate::reporting::Issuer;
use crate::roles::Permission;
use crate::state::AppState;
use crate::storage::{Disk, ROOM, Storage as _, nameless};
use crate::web::carry::{CarryPage, Told};
use crate::web::text::{Lang, Texts};
use crate::web::view::Nav;

/// Largest upload, bytes: one file of largest records, or weeks of ordinary ones.
const UPLOAD_MAX: usize = 2 * 1024 * 1024 * 1024;
/// Files of one upload.
const FILES_MAX: usize = 256;
/// Uploads at once.
static UPLOADS: Semaphore = Semaphore::const_new(1);

/// Largest upload.
pub(super) fn limit() -> DefaultBodyLimit {
    DefaultBodyLimit::max(UPLOAD_MAX)
}

/// The form, and the receipts to take back.
pub(super) async fn page(
    State(state): State<AppState>,
    visitor: Visitor,
    Path(site): Path<String>,
) -> Result<Response, Problem> {
    show(&state, &visitor, &site, StatusCode::OK, Told::default()).await
}

async fn show(
    state: &AppState,
    visitor: &Visitor,
    id: &str,
    status: StatusCode,
    told: Told,
) -> Result<Response, Problem> {
    managed(state, visitor, id).await?;
    let now_ms = state.clock.now_ms();
    let data = query::site(&state.store, visitor.access(), id, now_ms).await.map_err(|e| visitor.failed(e))?;
    let title = visitor.lang.texts().s("carry-title");
    let (mut frame, face) = visitor.frame(title, Nav::Gateways, Some(&data.site), true, now_ms);
    super::note_closed(state, visitor, id, &mut frame);
    Ok(html(status, &CarryPage::new(frame, &data, &face, told)))
}

/// The site, for who manages its gateways, and as whom; for others there is none.
async fn managed(state: &AppState, visitor: &Visitor, id: &str) -> Result<(SiteId, Issuer), Problem> {
    let missing = |_| visitor.problem(ProblemKind::Missing);
    let access = visitor.access();
    let row = query::visible(&state.store, access, Permission::ManageGateways, id).await.map_err(missing)?;
    let role = access.acting_role(Permission::ManageGateways, &row).unwrap_or_default().to_owned();
    let site = row.id.parse().map_err(|_| visitor.problem(ProblemKind::Missing))?;
    Ok((site, Issuer { author: access.pseudonym.clone(), role }))
}

/// Takes what was brought, in the order of the files' names, which is that of their records.
pub(super) async fn answer(
    State(state): State<AppState>,
    visitor: Visitor,
    Path(id): Path<String>,
    parts: Result<Multipart, MultipartRejection>,
) -> Result<Response, Problem> {
    let (site, by) = managed(&state, &visitor, &id).await?;
    let t = visitor.lang.texts();
    let refused = async |status, problem| {
        let told = Told { problem, ..Told::default() };
        show(&state, &visitor, &id, status, told).await
    };
    let Ok(_place) = UPLOADS.try_acquire() else {
        return refused(StatusCode::SERVICE_UNAVAILABLE, t.s("carry-busy")).await;
    };
    let mut files = match receive(&state.data_dir, &visitor, t, parts).await {
        Ok(files) => files,
        Err(Stopped::Problem(problem)) => return Err(problem),
        Err(Stopped::Said(status, problem)) => return refused(status, problem).await,
    };
    if files.is_empty() {
        return refused(StatusCode::BAD_REQUEST, t.s("carry-none")).await;
    }
    files.sort_by(|a, b| a.0.cmp(&b.0));
    let context = context(&state);
    let mut told = Told::default();
    for (name, file) in files {
        let now_ms = state.clock.now_ms();
        let outcome = carry::import(&context, file, &name, Some(&site), by.clone(), now_ms).await;
        let (whole, zh, en) = match outcome {
            Ok((answered, said)) => (answered.whole, said.zh, said.en),
            Err(AdminError::Invalid { zh, en }) => (false, zh, en),
            Err(other) => (false, other.to_string(), other.to_string()),
        };
        told.files.push((name, whole, if visitor.lang == Lang::Zh { zh } else { en }));
    }
    show(&state, &visitor, &id, StatusCode::OK, told).await
}

/// Why an upload was not taken.
enum Stopped {
    Problem(Problem),
    Said(StatusCode, String),
}

/// Writes the files of a form to the disk.
async fn receive(
    data_dir: &FilePath,
    visitor: &Visitor,
    t: &Texts,
    parts: Result<Multipart, MultipartRejection>,
) -> Result<Vec<(String, File)>, Stopped> {
    let cut = |status: StatusCode| {
        let too_large = status == StatusCode::PAYLOAD_TOO_LARGE;
        let words =
            if too_large { t.f1("carry-too-large", "gib", (UPLOAD_MAX >> 30).to_string()) } else { t.s("carry-cut") };
        Stopped::Said(status, words)
    };
    let disk = |_: io::Error| Stopped::Said(StatusCode::INSUFFICIENT_STORAGE, t.s("carry-no-room"));
    let mut parts = parts.map_err(|rejection| cut(rejection.status()))?;
    let mut is_ours = false;
    let mut files = Vec::new();
    while let Some(part) = parts.next_field().await.map_err(|e| cut(e.status()))? {
        if part.name() == Some("token") {
            let token = part.text().await.map_err(|e| cut(e.status()))?;
            is_ours = visitor.who.accept_form(&token).is_ok();
        } else if !is_ours {
            break;
        } else if part.name() == Some("file") {
            let name: String = part.file_name().unwrap_or_default().chars().take(200).collect();
            if name.is_empty() {
                continue;
            }
            if files.len() == FILES_MAX {
                let words = t.f1("carry-too-many", "n", FILES_MAX as i64);
                return Err(Stopped::Said(StatusCode::PAYLOAD_TOO_LARGE, words));
            }
            let file = keep(data_dir, part).await.map_err(|why| match why {
                Kept::Cut(status) => cut(status),
                Kept::Disk(error) => disk(error),
            })?;
            files.push((name, file));
        }
    }
    if is_ours { Ok(files) } else { Err(Stopped::Problem(visitor.problem(ProblemKind::Origin))) }
}

/// Why a file is not on the disk.
enum Kept {
    Cut(StatusCode),
    Disk(io::Error),
}

/// Writes one file as it comes.
async fn keep(data_dir: &FilePath, mut part: Field<'_>) -> Result<File, Kept> {
    let mut file = nameless(data_dir, "incoming").map_err(Kept::Disk)?;
    let room = Disk::existing(data_dir).map_err(Kept::Disk)?;
    while let Some(bytes) = part.chunk().await.map_err(|e| Kept::Cut(e.status()))? {
        if room.free_bytes().map_err(Kept::Disk)? < ROOM {
            return Err(Kept::Disk(io::ErrorKind::StorageFull.into()));
        }
        file.write_all(&bytes).map_err(Kept::Disk)?;
    }
    file.rewind().map_err(Kept::Disk)?;
    Ok(file)
}

/// The receipts of a gateway, as a file for the stick: what this server holds of it by now.
pub(super) async fn receipts(
    State(state): State<AppState>,
    visitor: Visitor,
    Path((id, gateway)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let (site, _) = managed(&state, &visitor, &id).await?;
    let missing = || visitor.problem(ProblemKind::Missing);
    let gateway: GatewayId = gateway.parse().map_err(|_| missing())?;
    if state.ingest.gateway_keys(&site, &gateway).is_none() {
        return Err(missing());
    }
    let receipt = carry::receipt(&context(&state), &site, &gateway).await;
    let receipt = receipt.map_err(|e| visitor.problem(ProblemKind::Failed(e.to_string())))?;
    let head = Head { site, gateway, cargo: Cargo::Receipts {} };
    let written = Writer::new(Vec::new(), &head).and_then(|mut writer| {
        writer.message(&receipt)?;
        writer.finish()
    });
    let bytes = written.map_err(|e| visitor.problem(ProblemKind::Failed(e.to_string())))?;
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream".to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{}.{RECEIPTS}\"", head.stem())),
    ];
    Ok((headers, bytes).into_response())
}
