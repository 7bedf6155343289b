//! 承诺—实际—持续 of one firm: looked at by whoever sees the site.

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;

use super::{Problem, Visitor, html, manages};
use crate::query;
use crate::state::AppState;
use crate::web::firm::FirmPage;
use crate::web::view::Nav;

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Asked {
    filing: String,
}

/// The page.
pub(super) async fn page(
    State(state): State<AppState>,
    visitor: Visitor,
    Path(site): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Response, Problem> {
    let now_ms = state.clock.now_ms();
    let wanted = Some(asked.filing.as_str());
    let found = query::firm(&state.store, &state.logs, visitor.access(), &site, wanted, now_ms).await;
    let data = found.map_err(|e| visitor.failed(e))?;
    let title = visitor.lang.texts().s("firm-title");
    let manages = manages(&state, &visitor, &site).await;
    let (frame, _) = visitor.frame(title, Nav::Site, Some(&data.filing.site), manages, now_ms);
    Ok(html(StatusCode::OK, &FirmPage::new(frame, &data)))
}
