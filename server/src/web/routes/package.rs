//! The package of a city: the list, its files one by one, and the archive.

use axum::extract::{Path, Query, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::{Problem, ProblemKind, Visitor, html, manages};
use crate::api::{PackageParam, archive_of, package_of};
use crate::query;
use crate::roles::Permission;
use crate::state::AppState;
use crate::web::package::PackagePage;
use crate::web::view::{Nav, url_part};

/// What a file may load and do that a browser shows with a reader of its own.
const POLICY_FILE: &str =
    "default-src 'self' 'unsafe-inline'; object-src 'self'; base-uri 'none'; frame-ancestors 'none'";

/// The fields of an address as a browser's form sends them: what was left open is empty.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Asked {
    report: String,
    overlay: String,
    filing: String,
    path: String,
}

impl Asked {
    fn wanted(&self, visitor: &Visitor) -> Result<PackageParam, Problem> {
        let given = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
        let leaf = given(&self.report).map(|text| text.parse::<i64>());
        Ok(PackageParam {
            report: leaf.transpose().map_err(|_| visitor.problem(ProblemKind::Missing))?,
            overlay: given(&self.overlay),
            filing: given(&self.filing),
            lang: None,
        })
    }
}

/// The list.
pub(super) async fn page(
    State(state): State<AppState>,
    visitor: Visitor,
    Path(site): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Response, Problem> {
    let wanted = asked.wanted(&visitor)?;
    let found = package_of(&state, visitor.access(), &site, (&wanted, visitor.lang), None).await;
    let (data, _) = found.map_err(|e| visitor.failed(e))?;
    let title = visitor.lang.texts().s("package-title");
    let manages = manages(&state, &visitor, &site).await;
    let (frame, face) = visitor.frame(title, Nav::Site, Some(&data.site), manages, state.clock.now_ms());
    Ok(html(StatusCode::OK, &PackagePage::new(frame, &data, &face)))
}

/// The archive.
pub(super) async fn archive(
    State(state): State<AppState>,
    visitor: Visitor,
    Path(site): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Response, Problem> {
    let wanted = asked.wanted(&visitor)?;
    let found = archive_of(&state, visitor.access(), &site, (&wanted, visitor.lang), None).await;
    found.map_err(|e| visitor.failed(e))?.ok_or_else(|| visitor.problem(ProblemKind::Missing))
}

/// A file of the package: papers open where they are read, at the page that the address names.
pub(super) async fn file(
    State(state): State<AppState>,
    visitor: Visitor,
    Path(site): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Response, Problem> {
    let missing = || visitor.problem(ProblemKind::Missing);
    let raw = query::visible(&state.store, visitor.access(), Permission::SeeRaw, &site).await;
    raw.map_err(|e| visitor.failed(e))?;
    let wanted = asked.wanted(&visitor)?;
    let found = package_of(&state, visitor.access(), &site, (&wanted, visitor.lang), None).await;
    let packed = found.map_err(|e| visitor.failed(e))?.1.ok_or_else(missing)?;
    let path = asked.path.clone();
    let bytes = tokio::task::spawn_blocking(move || packed.file(&path)).await.ok().flatten().ok_or_else(missing)?;
    let name = asked.path.rsplit('/').next().unwrap_or_default();
    let (kind, how) = match name.rsplit('.').next() {
        Some("pdf") => ("application/pdf", "inline"),
        Some("xlsx") => ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "attachment"),
        Some("zip") => ("application/zip", "attachment"),
        _ => ("text/plain; charset=utf-8", "inline"),
    };
    let disposition = format!("{how}; filename*=UTF-8''{}", url_part(name));
    let headers = [(header::CONTENT_TYPE, kind.to_owned()), (header::CONTENT_DISPOSITION, disposition)];
    let mut response = (headers, bytes).into_response();
    if kind == "application/pdf" {
        // A browser's reader of PDF is a page of its own that the policy of ours would forbid.
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY_FILE));
    }
    Ok(response)
}
