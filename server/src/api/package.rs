//! A city's package: the list for whoever sees the site, the archive for whoever may have the bundle.

#![allow(unused_qualifications, reason = "the macros of utoipa name our parameter types twice")]

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use document::package::Paper;
use jiff::tz::TimeZone;
use look::format::Clockface;
use look::text::Lang;
use serde::Deserialize;
use tokio_util::io::ReaderStream;
use utoipa::IntoParams;

use super::Failure;
use crate::accounts::extract::SignedIn;
use crate::packaging::Packed;
use crate::query::{self, PackageFrom, PackageView, PackageWanted, QueryError};
use crate::roles::{Access, Permission};
use crate::state::AppState;
use crate::web::filing::papers;

/// Which package, and in which language.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct PackageParam {
    /// Leaf of the report; the newest with a bundle by default.
    pub(crate) report: Option<i64>,
    /// Name of the city's folders; by default those of the rule that the plan was filed under, or the first.
    pub(crate) overlay: Option<String>,
    /// Id of the filing; the first by default.
    pub(crate) filing: Option<String>,
    /// `zh-CN` or `en`: the language of the papers; Chinese by default. Names of folders and files are the city's.
    pub(crate) lang: Option<String>,
}

impl PackageParam {
    fn language(&self) -> Lang {
        self.lang.as_deref().and_then(Lang::parse).unwrap_or(Lang::Zh)
    }
}

/// A package in a language, with a subsidy sheet where one was computed.
pub(crate) async fn package_of(
    state: &AppState,
    access: &Access,
    site: &str,
    (wanted, lang): (&PackageParam, Lang),
    sheet: Option<Paper>,
) -> Result<(PackageView, Option<Arc<Packed>>), QueryError> {
    let from = PackageFrom { store: &state.store, logs: &state.logs, data_dir: &state.data_dir };
    let asked = PackageWanted { report: wanted.report, overlay: wanted.overlay.clone(), filing: wanted.filing.clone() };
    let print = |filed: &query::FilingView| {
        let zone = TimeZone::get(&filed.site.time_zone).unwrap_or(TimeZone::UTC);
        let (mut all, targets) = papers(lang.texts(), filed, &Clockface::new(zone, lang));
        all.extend(sheet);
        (all, targets)
    };
    query::package(from, access, site, (&asked, lang), state.clock.now_ms(), print).await
}

/// The archive of a package, for whoever may have the bundle that is in it.
pub(crate) async fn archive_of(
    state: &AppState,
    access: &Access,
    site: &str,
    (wanted, lang): (&PackageParam, Lang),
    sheet: Option<Paper>,
) -> Result<Option<Response>, QueryError> {
    query::visible(&state.store, access, Permission::SeeRaw, site).await?;
    let (view, packed) = package_of(state, access, site, (wanted, lang), sheet).await?;
    let Some(packed) = packed else { return Ok(None) };
    let archive = query::package_archive(packed, &state.data_dir).await?;
    let length = archive.metadata().map_err(|e| QueryError::Failed(e.to_string()))?.len();
    let body = Body::from_stream(ReaderStream::new(tokio::fs::File::from_std(archive)));
    let leaf = view.report.unwrap_or_default();
    let disposition = format!("attachment; filename=\"{}-{site}-{leaf}.zip\"", view.overlay);
    let headers = [
        (header::CONTENT_TYPE, "application/zip".to_owned()),
        (header::CONTENT_DISPOSITION, disposition),
        (header::CONTENT_LENGTH, length.to_string()),
    ];
    Ok(Some((headers, body).into_response()))
}

/// The package of a city: folders and items with where the evidence is (file, page, check code), what the firm adds, what lacks and from
/// whom. Without an issued report only what is asked for. It judges nothing.
#[utoipa::path(
    get,
    path = "/api/v1/sites/{site}/package",
    params(("site" = String, Path), PackageParam),
    responses((status = 200, body = PackageView))
)]
pub(super) async fn package(
    State(state): State<AppState>,
    who: SignedIn,
    Path(site): Path<String>,
    Query(asked): Query<PackageParam>,
) -> Result<Json<PackageView>, Failure> {
    let found = package_of(&state, &who.session.access, &site, (&asked, asked.language()), None).await?;
    Ok(Json(found.0))
}

/// The package as one archive. It holds the report's bundle: it needs the permission to see raw readings.
#[utoipa::path(
    get,
    path = "/api/v1/sites/{site}/package.zip",
    params(("site" = String, Path), PackageParam),
    responses((status = 200, description = "The archive", content_type = "application/zip"))
)]
pub(super) async fn archive(
    State(state): State<AppState>,
    who: SignedIn,
    Path(site): Path<String>,
    Query(asked): Query<PackageParam>,
) -> Result<Response, Failure> {
    let found = archive_of(&state, &who.session.access, &site, (&asked, asked.language()), None).await?;
    Ok(found.ok_or(QueryError::NotFound)?)
}
