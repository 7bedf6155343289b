//! On-site checks: their sheets, and the photos that statements name. What is stated of a check goes through the declarations.
#![allow(unused_qualifications, reason = "the macros of utoipa name our parameter types twice")]

use axum::Json;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use protocol::{Digest, SiteId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::Failure;
use crate::accounts::extract::{Changing, SignedIn};
use crate::photo::BYTES_MAX;
use crate::planning::split;
use crate::query::{self, OnsiteView, QueryError};
use crate::reporting::{self, ReportingError};
use crate::roles::{Access, Permission};
use crate::sitelog::LogError;
use crate::state::AppState;

/// Largest body: a photo, and a little more so that one that is too large is refused in words.
pub(super) fn limit() -> DefaultBodyLimit {
    DefaultBodyLimit::max(BYTES_MAX + 1024 * 1024)
}

/// Which check.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct CheckParam {
    /// Id of the check; the one begun last by default.
    check: Option<String>,
}

/// A photo that is held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct PhotoTaken {
    /// SHA-256 of its bytes, hex: goes into an `onsite_face`.
    pub(crate) digest: String,
    /// When its camera says it was taken, Unix ms: goes into an `onsite_face`.
    pub(crate) taken_ms: i64,
}

/// The on-site checks of a site and the sheet of one: machines drawn, what was done and seen, what the log shows of it, and who confirmed
/// how far. State a check with `onsite_check`, `onsite_press`, `onsite_face`, `onsite_plate`, `onsite_result` (only `check` and `of`: the server
/// computes the rest) and `onsite_confirmed`.
#[utoipa::path(
    get,
    path = "/api/v1/sites/{site}/onsite",
    params(("site" = String, Path), CheckParam),
    responses((status = 200, body = OnsiteView))
)]
pub(super) async fn view(
    State(state): State<AppState>,
    who: SignedIn,
    Path(site): Path<String>,
    Query(asked): Query<CheckParam>,
) -> Result<Json<OnsiteView>, Failure> {
    let (access, now_ms) = (&who.session.access, state.clock.now_ms());
    let wanted = asked.check.as_deref();
    Ok(Json(query::onsite(&state.store, &state.logs, access, &site, wanted, now_ms).await?))
}

/// Keeps a photo of somebody who checks, and reads when it was taken; with whether it was not there before.
pub(crate) async fn photo_it(
    state: &AppState,
    access: &Access,
    site: &str,
    bytes: Vec<u8>,
) -> Result<(PhotoTaken, bool), Failure> {
    let row = query::visible(&state.store, access, Permission::SeeFigures, site).await?;
    access.check(Permission::CheckOnSite, &row)?;
    let id: SiteId = row.id.parse().map_err(|_| QueryError::NotFound)?;
    // The door reads the time again: where the site is, is asked in one way.
    let (logs, of, row_zone) = (state.logs.clone(), id.clone(), row.time_zone.clone());
    let read = tokio::task::spawn_blocking(move || {
        let statements = reporting::statements(&logs, &of)?;
        let taken_ms = crate::photo::taken_ms(&bytes, reporting::zone(&statements, &row_zone));
        Ok::<_, ReportingError>((taken_ms, bytes))
    });
    let (taken_ms, bytes) = read.await.map_err(Failure::unavailable)??;
    let taken_ms = taken_ms.map_err(|error| {
        let words = split(&error.to_string());
        Failure::invalid(words.en, words.zh)
    })?;
    let logs = state.logs.clone();
    let kept = tokio::task::spawn_blocking(move || logs.keep_photo(&id, &bytes)).await.map_err(Failure::unavailable)?;
    let (digest, is_new) = kept.map_err(|error| match error {
        LogError::Storage(error) if error.kind() == std::io::ErrorKind::StorageFull => Failure::full(),
        other => other.into(),
    })?;
    Ok((PhotoTaken { digest: digest.hex(), taken_ms }, is_new))
}

/// Send a photo of a meter's face: JPEG or PNG of at most 6 MB with the time at which it was taken. It is kept beside the site's log, by its
/// digest, never in it.
#[utoipa::path(
    post,
    path = "/api/v1/sites/{site}/onsite/photos",
    params(("site" = String, Path)),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 201, body = PhotoTaken))
)]
pub(super) async fn send(
    State(state): State<AppState>,
    Changing(who): Changing,
    Path(site): Path<String>,
    bytes: Bytes,
) -> Result<(StatusCode, Json<PhotoTaken>), Failure> {
    let (kept, _) = photo_it(&state, &who.session.access, &site, bytes.to_vec()).await?;
    Ok((StatusCode::CREATED, Json(kept)))
}

/// A photo by its digest, for those who may see raw readings and those who check.
#[utoipa::path(
    get,
    path = "/api/v1/sites/{site}/onsite/photos/{digest}",
    params(("site" = String, Path), ("digest" = String, Path)),
    responses((status = 200, description = "The photo", content_type = "image/jpeg"))
)]
pub(super) async fn photo(
    State(state): State<AppState>,
    who: SignedIn,
    Path((site, digest)): Path<(String, String)>,
) -> Result<Response, Failure> {
    let access = &who.session.access;
    let row = query::visible(&state.store, access, Permission::SeeFigures, &site).await?;
    if !access.allows(Permission::CheckOnSite, &row) {
        access.check(Permission::SeeRaw, &row).map_err(|_| QueryError::NotFound)?;
    }
    let id: SiteId = row.id.parse().map_err(|_| QueryError::NotFound)?;
    let digest: Digest = digest.parse().map_err(|_| QueryError::NotFound)?;
    let logs = state.logs.clone();
    let held = tokio::task::spawn_blocking(move || logs.photo(&id, &digest)).await.map_err(Failure::unavailable)?;
    let bytes = held?.ok_or(QueryError::NotFound)?;
    let media = crate::photo::media(&bytes).map_err(|_| QueryError::NotFound)?;
    let headers = [(header::CONTENT_TYPE, media), (header::CACHE_CONTROL, "private, max-age=600")];
    Ok((headers, bytes).into_response())
}
