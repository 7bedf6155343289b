//! Everything that can be read.

#![allow(unused_qualifications, reason = "the macros of utoipa name our parameter types twice")]

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{Failure, asked, change, onsite, openapi_json, package};
use crate::accounts::extract::SignedIn;
use crate::query::{
    self, DeclarationView, DefinitionView, FiguresView, FindingsView, FleetOrder, FleetPage, FleetQuery, GatewayView,
    MachineView, QueryError, ReportView, ShiftView, SiteView, TrendPoint, Why,
};
use crate::reporting;
use crate::roles::Permission;
use crate::state::AppState;

/// Paths and what answers them.
pub(super) fn routes() -> Vec<(&'static str, MethodRouter<AppState>)> {
    vec![
        ("/api/v1/openapi.json", get(openapi)),
        ("/api/v1/me", get(me)),
        ("/api/v1/sites", get(fleet)),
        ("/api/v1/sites/{site}", get(site)),
        ("/api/v1/sites/{site}/machines/{machine}", get(machine)),
        ("/api/v1/sites/{site}/machines/{machine}/history", get(history)),
        ("/api/v1/sites/{site}/machines/{machine}/figures", get(figures)),
        ("/api/v1/sites/{site}/figures", get(site_figures)),
        ("/api/v1/sites/{site}/meters", get(asked::meters)),
        ("/api/v1/sites/{site}/machines/{machine}/ocmf", get(asked::ocmf)),
        ("/api/v1/sites/{site}/questionnaire", get(asked::questionnaire)),
        ("/api/v1/sites/{site}/savings", get(asked::savings)),
        ("/api/v1/sites/{site}/findings", get(findings)),
        ("/api/v1/metrics", get(definitions)),
        ("/api/v1/sites/{site}/machines/{machine}/shifts/{date}/{shift}", get(shift)),
        ("/api/v1/sites/{site}/machines/{machine}/shifts/{date}/{shift}/why", get(why)),
        ("/api/v1/sites/{site}/gateways", get(gateways)),
        ("/api/v1/sites/{site}/declarations", get(declarations).post(change::declare)),
        ("/api/v1/sites/{site}/plan", get(asked::plan)),
        ("/api/v1/sites/{site}/filing", get(asked::filing)),
        ("/api/v1/sites/{site}/deviations", get(asked::deviations)),
        ("/api/v1/sites/{site}/deviations/{deviation}", get(asked::deviation)),
        ("/api/v1/sites/{site}/days", get(asked::days)),
        ("/api/v1/sites/{site}/papers", get(asked::papers)),
        ("/api/v1/portfolio", get(asked::portfolio)),
        ("/api/v1/sites/{site}/package", get(package::package)),
        ("/api/v1/sites/{site}/package.zip", get(package::archive)),
        ("/api/v1/sites/{site}/onsite", get(onsite::view)),
        ("/api/v1/sites/{site}/onsite/photos", post(onsite::send).layer(onsite::limit())),
        ("/api/v1/sites/{site}/onsite/photos/{digest}", get(onsite::photo)),
        ("/api/v1/sites/{site}/plans/{plan}/locks", post(change::lock)),
        ("/api/v1/sites/{site}/reports", get(reports).post(change::issue)),
        ("/api/v1/sites/{site}/reports/{leaf}/bundle", get(bundle)),
        ("/api/v1/sites/{site}/checkpoint", get(checkpoint)),
    ]
}

/// This document.
#[utoipa::path(get, path = "/api/v1/openapi.json", responses((status = 200, description = "This document")), security(()))]
pub(super) async fn openapi() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], openapi_json()).into_response()
}

/// Who the caller is.
#[derive(Serialize, ToSchema)]
pub(super) struct Me {
    /// Name used to sign in.
    name: String,
    /// Name written into logs.
    pseudonym: String,
}

/// Who the caller is.
#[utoipa::path(get, path = "/api/v1/me", responses((status = 200, body = Me)))]
pub(super) async fn me(who: SignedIn) -> Json<Me> {
    let access = who.session.access;
    Json(Me { name: access.name, pseudonym: access.pseudonym })
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
#[derive(Default)]
pub(super) struct FleetParams {
    /// Text in the name or identifier.
    search: String,
    /// Only this district.
    district: String,
    /// Only this sub-sector.
    sub_sector: String,
    /// `risk` (default), `name` or `silent`.
    order: String,
    /// Rows to leave out.
    offset: i64,
    /// Rows to give, 1 to 200; 50 by default.
    limit: Option<i64>,
}

/// Sites the caller may see, most urgent first.
#[utoipa::path(get, path = "/api/v1/sites", params(FleetParams), responses((status = 200, body = FleetPage)))]
pub(super) async fn fleet(
    State(state): State<AppState>,
    who: SignedIn,
    Query(params): Query<FleetParams>,
) -> Result<Json<FleetPage>, Failure> {
    let order = match params.order.as_str() {
        "" | "risk" => FleetOrder::Risk,
        "name" => FleetOrder::Name,
        "silent" => FleetOrder::Silent,
        other => {
            return Err(Failure::invalid(
                format!("order `{other}`: risk, name or silent"),
                format!("排序 `{other}` 应为 risk、name 或 silent"),
            ));
        }
    };
    let query = FleetQuery {
        search: params.search,
        district: params.district,
        sub_sector: params.sub_sector,
        order,
        offset: params.offset,
        limit: params.limit.unwrap_or(50),
    };
    Ok(Json(query::fleet(&state.store, &who.session.access, &query, state.clock.now_ms()).await?))
}

/// One site.
#[utoipa::path(get, path = "/api/v1/sites/{site}", params(("site" = String, Path)), responses((status = 200, body = SiteView)))]
pub(super) async fn site(
    State(state): State<AppState>,
    who: SignedIn,
    Path(site): Path<String>,
) -> Result<Json<SiteView>, Failure> {
    let mut view = query::site(&state.store, &who.session.access, &site, state.clock.now_ms()).await?;
    query::add_seen(&mut view.gateways, &site, state.ingest.health());
    Ok(Json(view))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct DateParam {
    /// Production date; the newest by default.
    date: Option<String>,
}

/// One machine on a production date.
#[utoipa::path(
    get,
    path = "/api/v1/sites/{site}/machines/{machine}",
    params(("site" = String, Path), ("machine" = String, Path), DateParam),
    responses((status = 200, body = MachineView))
)]
pub(super) async fn machine(
    State(state): State<AppState>,
    who: SignedIn,
    Path((site, machine)): Path<(String, String)>,
    Query(date): Query<DateParam>,
) -> Result<Json<MachineView>, Failure> {
    let access = &who.session.access;
    let date = date.date.as_deref();
    Ok(Json(query::machine(&state.store, access, &site, &machine, date, state.clock.now_ms()).await?))
}

/// One machine in one shift: timeline, counts, metric values.
#[utoipa::path(
    get,
    path = "/api/v1/sites/{site}/machines/{machine}/shifts/{date}/{shift}",
    params(("site" = String, Path), ("machine" = String, Path), ("date" = String, Path), ("shift" = String, Path)),
    responses((status = 200, body = ShiftView))
)]
pub(super) async fn shift(
    State(state): State<AppState>,
    who: SignedIn,
    Path((site, machine, date, shift)): Path<(String, String, String, String)>,
) -> Result<Json<ShiftView>, Failure> {
    let access = &who.session.access;
    Ok(Json(query::machine_shift(&state.store, access, &site, &machine, &date, &shift).await?))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct MetricParam {
    /// Definition and version, such as `oee.iso22400@1`.
    metric: String,
}

/// Why a metric value is what it is.
#[utoipa::path(
    get,
    path = "/api/v1/sites/{site}/machines/{machine}/shifts/{date}/{shift}/why",
    params(
        ("site" = String, Path),
        ("machine" = String, Path),
        ("date" = String, Path),
        ("shift" = String, Path),
        MetricParam
    ),
    responses((status = 200, body = Why))
)]
pub(super) async fn why(
    State(state): State<AppState>,
    who: SignedIn,
    Path((site, machine, date, shift)): Path<(String, String, String, String)>,
    Query(metric): Query<MetricParam>,
) -> Result<Json<Why>, Failure> {
    let access = &who.session.access;
    Ok(Json(query::why(&state.store, access, &site, &machine, &date, &shift, &metric.metric).await?))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct HistoryParams {
    /// Definition and version.
    metric: String,
    /// First production date.
    from: String,
    /// Last production date; at most two years later.
    to: String,
}

/// One metric of a machine per production date.
#[utoipa::path(
    get,
    path = "/api/v1/sites/{site}/machines/{machine}/history",
    params(("site" = String, Path), ("machine" = String, Path), HistoryParams),
    responses((status = 200, body = [TrendPoint]))
)]
pub(super) async fn history(
    State(state): State<AppState>,
    who: SignedIn,
    Path((site, machine)): Path<(String, String)>,
    Query(params): Query<HistoryParams>,
) -> Result<Json<Vec<TrendPoint>>, Failure> {
    let HistoryParams { metric, from, to } = params;
    let access = &who.session.access;
    Ok(Json(query::history(&state.store, access, &site, &machine, &metric, &from, &to).await?))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct DatesParams {
    /// First production date.
    from: String,
    /// Last production date; at most 31 dates.
    to: String,
}

impl DatesParams {
    /// First and last.
    pub(super) fn pair(&self) -> (&str, &str) {
        (&self.from, &self.to)
    }
}

/// Every figure of a machine over production dates, each with formula, quantities, parameters, bounds and grade; the statements,
/// records and gaps behind them.
#[utoipa::path(
    get,
    path = "/api/v1/sites/{site}/machines/{machine}/figures",
    params(("site" = String, Path), ("machine" = String, Path), DatesParams),
    responses((status = 200, body = FiguresView))
)]
pub(super) async fn figures(
    State(state): State<AppState>,
    who: SignedIn,
    Path((site, machine)): Path<(String, String)>,
    Query(dates): Query<DatesParams>,
) -> Result<Json<FiguresView>, Failure> {
    evaluated(&state, &who, &site, Some(&machine), &dates).await
}

/// The same for the whole site: sums over its production machines, its lines, connection and collection.
#[utoipa::path(
    get,
    path = "/api/v1/sites/{site}/figures",
    params(("site" = String, Path), DatesParams),
    responses((status = 200, body = FiguresView))
)]
pub(super) async fn site_figures(
    State(state): State<AppState>,
    who: SignedIn,
    Path(site): Path<String>,
    Query(dates): Query<DatesParams>,
) -> Result<Json<FiguresView>, Failure> {
    evaluated(&state, &who, &site, None, &dates).await
}

async fn evaluated(
    state: &AppState,
    who: &SignedIn,
    site: &str,
    machine: Option<&str>,
    dates: &DatesParams,
) -> Result<Json<FiguresView>, Failure> {
    let (access, now_ms) = (&who.session.access, state.clock.now_ms());
    Ok(Json(query::figures(&state.store, &state.logs, access, site, machine, dates.pair(), now_ms).await?))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct WeekParam {
    /// A date of the week, Monday to Sunday in the site's time zone; the last week that is over by default.
    week: Option<String>,
}

/// Matters to verify (待核实事项) of a site in a week. The factory sees them first: for a caller in its role, asking is logged as
/// having been shown them; others see those the factory has acknowledged or explained or was shown 14 days ago, and of the rest
/// how many there are.
#[utoipa::path(
    get,
    path = "/api/v1/sites/{site}/findings",
    params(("site" = String, Path), WeekParam),
    responses((status = 200, body = FindingsView))
)]
pub(super) async fn findings(
    State(state): State<AppState>,
    who: SignedIn,
    Path(site): Path<String>,
    Query(params): Query<WeekParam>,
) -> Result<Json<FindingsView>, Failure> {
    let (access, now_ms) = (&who.session.access, state.clock.now_ms());
    let week = params.week.as_deref();
    Ok(Json(query::findings(&state.store, &state.logs, access, &site, week, now_ms).await?))
}

/// The catalogue: every definition with its formula, standard and edge rules.
#[utoipa::path(get, path = "/api/v1/metrics", responses((status = 200, body = [DefinitionView])))]
pub(super) async fn definitions(_who: SignedIn) -> Json<Vec<DefinitionView>> {
    Json(query::definitions())
}

/// Gateways of a site.
#[utoipa::path(
    get,
    path = "/api/v1/sites/{site}/gateways",
    params(("site" = String, Path)),
    responses((status = 200, body = [GatewayView]))
)]
pub(super) async fn gateways(
    State(state): State<AppState>,
    who: SignedIn,
    Path(site): Path<String>,
) -> Result<Json<Vec<GatewayView>>, Failure> {
    let mut views = query::gateways(&state.store, &who.session.access, &site, state.clock.now_ms()).await?;
    query::add_seen(&mut views, &site, state.ingest.health());
    Ok(Json(views))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct KindParam {
    /// Only this kind.
    kind: Option<String>,
}

/// Statements about a site, newest first.
#[utoipa::path(
    get,
    path = "/api/v1/sites/{site}/declarations",
    params(("site" = String, Path), KindParam),
    responses((status = 200, body = [DeclarationView]))
)]
pub(super) async fn declarations(
    State(state): State<AppState>,
    who: SignedIn,
    Path(site): Path<String>,
    Query(kind): Query<KindParam>,
) -> Result<Json<Vec<DeclarationView>>, Failure> {
    Ok(Json(query::declarations(&state.store, &who.session.access, &site, kind.kind.as_deref()).await?))
}

/// Reports issued for a site, newest first.
#[utoipa::path(
    get,
    path = "/api/v1/sites/{site}/reports",
    params(("site" = String, Path)),
    responses((status = 200, body = [ReportView]))
)]
pub(super) async fn reports(
    State(state): State<AppState>,
    who: SignedIn,
    Path(site): Path<String>,
) -> Result<Json<Vec<ReportView>>, Failure> {
    Ok(Json(query::reports(&state.store, &who.session.access, &site).await?))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ReadingsParam {
    /// `false` for the bundle without readings, of which no number can be computed again.
    readings: Option<bool>,
}

/// The bundle of an issued report, for `gongzheng-verify`. It carries raw readings, or what they were made of: it needs the
/// permission to see them.
#[utoipa::path(
    get,
    path = "/api/v1/sites/{site}/reports/{leaf}/bundle",
    params(("site" = String, Path), ("leaf" = i64, Path), ReadingsParam),
    responses((status = 200, description = "The bundle", content_type = "application/zip"))
)]
pub(crate) async fn bundle(
    State(state): State<AppState>,
    who: SignedIn,
    Path((site, leaf)): Path<(String, i64)>,
    Query(asked): Query<ReadingsParam>,
) -> Result<Response, Failure> {
    query::visible(&state.store, &who.session.access, Permission::SeeRaw, &site).await?;
    let row = state.store.report(&site, leaf).await.map_err(QueryError::from)?.ok_or(QueryError::NotFound)?;
    let name = row.bundle.ok_or(QueryError::NotFound)?;
    let name = if asked.readings == Some(false) { reporting::without_readings(&name) } else { name };
    let path = reporting::bundle_path(&state.data_dir, &site, &name).ok_or(QueryError::NotFound)?;
    let bytes = tokio::fs::read(&path).await.map_err(Failure::unavailable)?;
    let disposition = format!("attachment; filename=\"{name}\"");
    let headers = [(header::CONTENT_TYPE, "application/zip".to_owned()), (header::CONTENT_DISPOSITION, disposition)];
    Ok((StatusCode::OK, headers, bytes).into_response())
}

/// The newest checkpoint of a site's log: a signed note.
#[utoipa::path(
    get,
    path = "/api/v1/sites/{site}/checkpoint",
    params(("site" = String, Path)),
    responses((status = 200, description = "Signed note", content_type = "text/plain"))
)]
pub(super) async fn checkpoint(
    State(state): State<AppState>,
    who: SignedIn,
    Path(site): Path<String>,
) -> Result<Response, Failure> {
    query::visible(&state.store, &who.session.access, Permission::SeeFigures, &site).await?;
    let id = site.parse().map_err(|_| QueryError::NotFound)?;
    let note = state.logs.checkpoint(&id)?.ok_or(QueryError::NotFound)?;
    Ok(([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], note).into_response())
}
