//! Why a number is what it is, figures over dates of the reader's choice, and the catalogue of definitions.

use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::{Problem, Visitor, html, manages};
use crate::query;
use crate::roles::Permission;
use crate::state::AppState;
use crate::web::catalogue::CataloguePage;
use crate::web::figures::FiguresPage;
use crate::web::meters::MetersPage;
use crate::web::questionnaire::QuestionnairePage;
use crate::web::savings::SavingsPage;
use crate::web::view::{Nav, url_part};
use crate::web::why::WhyPage;
use crate::web::words;

/// Dates asked for when none are.
const DAYS: i64 = 7;

#[derive(Deserialize, Default)]
pub(super) struct Dates {
    #[serde(default)]
    from: String,
    #[serde(default)]
    to: String,
}

pub(super) async fn machine_figures(
    State(state): State<AppState>,
    visitor: Visitor,
    Path((site, machine)): Path<(String, String)>,
    Query(dates): Query<Dates>,
) -> Result<Response, Problem> {
    figures(&state, &visitor, &site, Some(&machine), dates).await
}

pub(super) async fn site_figures(
    State(state): State<AppState>,
    visitor: Visitor,
    Path(site): Path<String>,
    Query(dates): Query<Dates>,
) -> Result<Response, Problem> {
    figures(&state, &visitor, &site, None, dates).await
}

/// The dates asked for, or so many up to the last one known.
async fn chosen(
    state: &AppState,
    visitor: &Visitor,
    site: &str,
    dates: Dates,
    days: i64,
    now_ms: i64,
) -> Result<Dates, Problem> {
    if !dates.to.is_empty() && !dates.from.is_empty() {
        return Ok(dates);
    }
    let last = query::last_date(&state.store, visitor.access(), site, now_ms).await;
    let last = last.map_err(|e| visitor.failed(e))?;
    let first = metrics::calendar::parse_date(&last).map(|d| d.saturating_sub(jiff::Span::new().days(days - 1)));
    Ok(Dates { from: first.map_or_else(|| last.clone(), |d| d.to_string()), to: last })
}

async fn figures(
    state: &AppState,
    visitor: &Visitor,
    site: &str,
    machine: Option<&str>,
    dates: Dates,
) -> Result<Response, Problem> {
    let now_ms = state.clock.now_ms();
    let dates = chosen(state, visitor, site, dates, DAYS, now_ms).await?;
    let asked = (dates.from.as_str(), dates.to.as_str());
    let found = query::figures(&state.store, &state.logs, visitor.access(), site, machine, asked, now_ms).await;
    let data = found.map_err(|e| visitor.failed(e))?;
    let title = visitor.lang.texts().s("figures-title");
    let manages = manages(state, visitor, site).await;
    let (frame, face) = visitor.frame(title, Nav::Site, Some(&data.site), manages, now_ms);
    Ok(html(StatusCode::OK, &FiguresPage::new(frame, &data, &face)))
}

/// Dates of meters and of the questionnaire when none are asked for: a month.
const MONTH: i64 = 30;

pub(super) async fn meters(
    State(state): State<AppState>,
    visitor: Visitor,
    Path(site): Path<String>,
    Query(dates): Query<Dates>,
) -> Result<Response, Problem> {
    let now_ms = state.clock.now_ms();
    let dates = chosen(&state, &visitor, &site, dates, MONTH, now_ms).await?;
    let asked = (dates.from.as_str(), dates.to.as_str());
    let found = query::meters(&state.store, &state.logs, visitor.access(), &site, asked, now_ms).await;
    let data = found.map_err(|e| visitor.failed(e))?;
    let title = visitor.lang.texts().s("meters-title");
    let manages = manages(&state, &visitor, &site).await;
    let (frame, face) = visitor.frame(title, Nav::Site, Some(&data.site), manages, now_ms);
    let sees_raw = query::visible(&state.store, visitor.access(), Permission::SeeRaw, &site).await.is_ok();
    Ok(html(StatusCode::OK, &MetersPage::new(frame, &data, &face, sees_raw)))
}

pub(super) async fn ocmf(
    State(state): State<AppState>,
    visitor: Visitor,
    Path((site, machine)): Path<(String, String)>,
    Query(Dates { from, to }): Query<Dates>,
) -> Result<Response, Problem> {
    let (now_ms, asked) = (state.clock.now_ms(), (from.as_str(), to.as_str()));
    let source = (&state.store, &state.logs, &*state.keys);
    let found = query::ocmf(source, visitor.access(), &site, &machine, asked, now_ms).await;
    let file = found.map_err(|e| visitor.failed(e))?;
    // Site and dates are what they should be by now.
    let machine = url_part(&machine);
    let disposition = format!("attachment; filename=\"{site}-{machine}-{from}-{to}.ocmf.xml\"");
    let headers = [(header::CONTENT_TYPE, "application/xml".to_owned()), (header::CONTENT_DISPOSITION, disposition)];
    Ok((headers, file).into_response())
}

pub(super) async fn questionnaire(
    State(state): State<AppState>,
    visitor: Visitor,
    Path(site): Path<String>,
    Query(dates): Query<Dates>,
) -> Result<Response, Problem> {
    let now_ms = state.clock.now_ms();
    let dates = chosen(&state, &visitor, &site, dates, MONTH, now_ms).await?;
    let asked = (dates.from.as_str(), dates.to.as_str());
    let found = query::questionnaire(&state.store, &state.logs, visitor.access(), &site, asked, now_ms).await;
    let data = found.map_err(|e| visitor.failed(e))?;
    let title = visitor.lang.texts().s("questionnaire-title");
    let manages = manages(&state, &visitor, &site).await;
    let (frame, _) = visitor.frame(title, Nav::Site, Some(&data.site), manages, now_ms);
    Ok(html(StatusCode::OK, &QuestionnairePage::new(frame, &data)))
}

#[derive(Deserialize)]
pub(super) struct PlanAsk {
    #[serde(default)]
    plan: String,
}

pub(super) async fn savings(
    State(state): State<AppState>,
    visitor: Visitor,
    Path(site): Path<String>,
    Query(ask): Query<PlanAsk>,
) -> Result<Response, Problem> {
    let now_ms = state.clock.now_ms();
    let found = query::savings(&state.store, &state.logs, visitor.access(), &site, Some(&ask.plan), now_ms).await;
    let data = found.map_err(|e| visitor.failed(e))?;
    let title = visitor.lang.texts().s("savings-title");
    let manages = manages(&state, &visitor, &site).await;
    let (frame, _) = visitor.frame(title, Nav::Site, Some(&data.site), manages, now_ms);
    Ok(html(StatusCode::OK, &SavingsPage::new(frame, &data)))
}

#[derive(Deserialize)]
pub(super) struct WhyAsk {
    #[serde(default)]
    date: String,
    #[serde(default)]
    shift: String,
    #[serde(default)]
    metric: String,
}

pub(super) async fn why(
    State(state): State<AppState>,
    visitor: Visitor,
    Path((site, machine)): Path<(String, String)>,
    Query(ask): Query<WhyAsk>,
) -> Result<Response, Problem> {
    let now_ms = state.clock.now_ms();
    let found = query::why(&state.store, visitor.access(), &site, &machine, &ask.date, &ask.shift, &ask.metric).await;
    let data = found.map_err(|e| visitor.failed(e))?;
    let title = words::metric(visitor.lang.texts(), &data.figure.metric);
    let (frame, face) =
        visitor.frame(title, Nav::Site, Some(&data.site), manages(&state, &visitor, &site).await, now_ms);
    Ok(html(StatusCode::OK, &WhyPage::new(frame, &data, &face)))
}

pub(super) async fn catalogue(State(state): State<AppState>, visitor: Visitor) -> Response {
    let title = visitor.lang.texts().s("catalogue-title");
    let (frame, _) = visitor.frame(title, Nav::Fleet, None, false, state.clock.now_ms());
    html(StatusCode::OK, &CataloguePage::new(frame, words::grouped(query::definitions())))
}
