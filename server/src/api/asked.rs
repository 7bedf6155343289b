//! What is evaluated from the log when somebody asks: meters and bills, energy saved, and what a site's data evidences of the 评测指标.
#![allow(unused_qualifications, reason = "the macros of utoipa name our parameter types twice")]

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::IntoParams;

use super::Failure;
use super::read::DatesParams;
use crate::accounts::extract::SignedIn;
use crate::query::{
    self, DeviationView, DeviationsView, FilingView, MetersView, PapersView, PlanView, PortfolioOrder, PortfolioQuery,
    PortfolioShow, PortfolioView, QueryError, QuestionnaireView, RunOfFiling, SavingsView,
};
use crate::state::AppState;

/// Energy with the error of its instruments, matters to verify about them, and the bills that overlap the dates against the register
/// of their incoming meter. Dates are local; at most 92.
#[utoipa::path(
    get,
    path = "/api/v1/sites/{site}/meters",
    params(("site" = String, Path), DatesParams),
    responses((status = 200, body = MetersView))
)]
pub(super) async fn meters(
    State(state): State<AppState>,
    who: SignedIn,
    Path(site): Path<String>,
    Query(dates): Query<DatesParams>,
) -> Result<Json<MetersView>, Failure> {
    let (access, now_ms) = (&who.session.access, state.clock.now_ms());
    Ok(Json(query::meters(&state.store, &state.logs, access, &site, dates.pair(), now_ms).await?))
}

/// The energy register of a machine over local dates as signed records of the Open Charge Metering Format 1.4 (fiscal context, one for
/// every quarter hour, beginning and end included), for checkers of others. It carries raw readings, so it needs the permission to
/// see them. Dates are local; at most 92.
#[utoipa::path(
    get,
    path = "/api/v1/sites/{site}/machines/{machine}/ocmf",
    params(("site" = String, Path), ("machine" = String, Path), DatesParams),
    responses((status = 200, description = "Signed records", content_type = "application/xml"))
)]
pub(super) async fn ocmf(
    State(state): State<AppState>,
    who: SignedIn,
    Path((site, machine)): Path<(String, String)>,
    Query(dates): Query<DatesParams>,
) -> Result<Response, Failure> {
    let (access, now_ms) = (&who.session.access, state.clock.now_ms());
    let from = (&state.store, &state.logs, &*state.keys);
    let file = query::ocmf(from, access, &site, &machine, dates.pair(), now_ms).await?;
    Ok(([(header::CONTENT_TYPE, "application/xml")], file).into_response())
}

/// What the data of production dates evidences of the 评测指标 2024, of the checklist and of the 小灯塔 criteria, and the levels that
/// bodies stated. It says nothing of a level reached.
#[utoipa::path(
    get,
    path = "/api/v1/sites/{site}/questionnaire",
    params(("site" = String, Path), DatesParams),
    responses((status = 200, body = QuestionnaireView))
)]
pub(super) async fn questionnaire(
    State(state): State<AppState>,
    who: SignedIn,
    Path(site): Path<String>,
    Query(dates): Query<DatesParams>,
) -> Result<Json<QuestionnaireView>, Failure> {
    let (access, now_ms) = (&who.session.access, state.clock.now_ms());
    Ok(Json(query::questionnaire(&state.store, &state.logs, access, &site, dates.pair(), now_ms).await?))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct PlanParam {
    /// A declared plan; the newest by default.
    plan: Option<String>,
}

/// Energy saved under a declared plan: for the incoming meter and every machine with a meter of its own the regression statement, its
/// interval, the model's quality, and unit consumption with what volume explains of it. Nothing is annualised.
#[utoipa::path(
    get,
    path = "/api/v1/sites/{site}/savings",
    params(("site" = String, Path), PlanParam),
    responses((status = 200, body = SavingsView))
)]
pub(super) async fn savings(
    State(state): State<AppState>,
    who: SignedIn,
    Path(site): Path<String>,
    Query(asked): Query<PlanParam>,
) -> Result<Json<SavingsView>, Failure> {
    let (access, now_ms) = (&who.session.access, state.clock.now_ms());
    Ok(Json(query::savings(&state.store, &state.logs, access, &site, asked.plan.as_deref(), now_ms).await?))
}

/// A declared plan with how far its baseline has come, metric by metric, and what is locked; without one, a draft from the ledger.
#[utoipa::path(
    get,
    path = "/api/v1/sites/{site}/plan",
    params(("site" = String, Path), PlanParam),
    responses((status = 200, body = PlanView))
)]
pub(super) async fn plan(
    State(state): State<AppState>,
    who: SignedIn,
    Path(site): Path<String>,
    Query(asked): Query<PlanParam>,
) -> Result<Json<PlanView>, Failure> {
    let (access, now_ms) = (&who.session.access, state.clock.now_ms());
    let wanted = query::PlanWanted::Stated(asked.plan);
    Ok(Json(query::plan(&state.store, &state.logs, access, &site, wanted, now_ms).await?))
}

/// Which filing.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct FilingParam {
    /// Id of the filing; the first by default.
    filing: Option<String>,
}

/// A filed plan as of today: promised, connected and producing data; applications with their opinions; term, investment, targets and
/// instalments.
#[utoipa::path(
    get,
    path = "/api/v1/sites/{site}/filing",
    params(("site" = String, Path), FilingParam),
    responses((status = 200, body = FilingView))
)]
pub(super) async fn filing(
    State(state): State<AppState>,
    who: SignedIn,
    Path(site): Path<String>,
    Query(asked): Query<FilingParam>,
) -> Result<Json<FilingView>, Failure> {
    let (access, now_ms) = (&who.session.access, state.clock.now_ms());
    let wanted = asked.filing.as_deref();
    Ok(Json(query::filing(&state.store, &state.logs, access, &site, wanted, now_ms).await?))
}

/// Every target of a filing as promised and as measured now, its deviations with their steps, and the run of days with evidence.
#[utoipa::path(
    get,
    path = "/api/v1/sites/{site}/deviations",
    params(("site" = String, Path), FilingParam),
    responses((status = 200, body = DeviationsView))
)]
pub(super) async fn deviations(
    State(state): State<AppState>,
    who: SignedIn,
    Path(site): Path<String>,
    Query(asked): Query<FilingParam>,
) -> Result<Json<DeviationsView>, Failure> {
    let (access, now_ms) = (&who.session.access, state.clock.now_ms());
    let wanted = asked.filing.as_deref();
    Ok(Json(query::deviations(&state.store, &state.logs, access, &site, wanted, now_ms).await?))
}

/// One deviation with its steps.
#[utoipa::path(
    get,
    path = "/api/v1/sites/{site}/deviations/{deviation}",
    params(("site" = String, Path), ("deviation" = String, Path), FilingParam),
    responses((status = 200, body = DeviationView))
)]
pub(super) async fn deviation(
    State(state): State<AppState>,
    who: SignedIn,
    Path((site, deviation)): Path<(String, String)>,
    Query(asked): Query<FilingParam>,
) -> Result<Json<DeviationView>, Failure> {
    let (access, now_ms) = (&who.session.access, state.clock.now_ms());
    let wanted = (site.as_str(), asked.filing.as_deref(), deviation.as_str());
    Ok(Json(query::deviation(&state.store, &state.logs, access, wanted, now_ms).await?))
}

/// The run of days with evidence (连续运行天数), and what the other days were. It never says that a project has stopped.
#[utoipa::path(
    get,
    path = "/api/v1/sites/{site}/days",
    params(("site" = String, Path), FilingParam),
    responses((status = 200, body = RunOfFiling))
)]
pub(super) async fn days(
    State(state): State<AppState>,
    who: SignedIn,
    Path(site): Path<String>,
    Query(asked): Query<FilingParam>,
) -> Result<Json<RunOfFiling>, Failure> {
    let (access, now_ms) = (&who.session.access, state.clock.now_ms());
    let wanted = asked.filing.as_deref();
    Ok(Json(query::days(&state.store, &state.logs, access, &site, wanted, now_ms).await?))
}

/// Papers asked of the firm, with where each stands, and what a list says of it.
#[utoipa::path(
    get,
    path = "/api/v1/sites/{site}/papers",
    params(("site" = String, Path)),
    responses((status = 200, body = PapersView))
)]
pub(super) async fn papers(
    State(state): State<AppState>,
    who: SignedIn,
    Path(site): Path<String>,
) -> Result<Json<PapersView>, Failure> {
    let (access, now_ms) = (&who.session.access, state.clock.now_ms());
    Ok(Json(query::papers(&state.store, &state.logs, access, &site, now_ms).await?))
}

/// Which firms.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct PortfolioParam {
    /// Text that must occur in a name, the id or the code.
    q: Option<String>,
    /// `all`, `owing`, `overdue`, `returned`, `waiting`, `unfiled`; all by default.
    show: Option<String>,
    /// `due` or `name`; `due` by default.
    order: Option<String>,
    /// Firms to leave out.
    offset: Option<i64>,
    /// Firms to give, at most 200; 50 by default.
    limit: Option<i64>,
}

/// Every firm the reader may see, with what it owes by when, its filed plans, what waits for whom, and instalments that are expected.
#[utoipa::path(
    get,
    path = "/api/v1/portfolio",
    params(PortfolioParam),
    responses((status = 200, body = PortfolioView))
)]
pub(super) async fn portfolio(
    State(state): State<AppState>,
    who: SignedIn,
    Query(asked): Query<PortfolioParam>,
) -> Result<Json<PortfolioView>, Failure> {
    let shown = asked.show.as_deref().unwrap_or("all");
    let show = PortfolioShow::ALL.into_iter().find(|show| show.name() == shown);
    let order = match asked.order.as_deref() {
        None | Some("due") => Some(PortfolioOrder::Due),
        Some("name") => Some(PortfolioOrder::Name),
        Some(_) => None,
    };
    let invalid =
        || QueryError::Invalid("show or order is none of those allowed / show 或 order 不在允许之列".to_owned());
    let (show, order) = show.zip(order).ok_or_else(invalid)?;
    let ask = PortfolioQuery {
        search: asked.q.unwrap_or_default(),
        show,
        order,
        offset: asked.offset.unwrap_or(0),
        limit: asked.limit.unwrap_or(50),
        ..PortfolioQuery::default()
    };
    Ok(Json(query::portfolio(&state.store, &who.session.access, ask, state.clock.now_ms()).await?))
}
