//! Pages that change something — issuing a report, making an enrolment code — and the files that go with them.

use std::collections::BTreeMap;
use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Form;
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use protocol::{GatewayId, SiteId};
use serde::Deserialize;

use super::{Problem, ProblemKind, Visitor, html};
use crate::admin::{self, Request};
use crate::api;
use crate::enrol::CODE_LIFE_MS;
use crate::query::{self, GatewayView, SiteView};
use crate::reporting::{Wanted, bundle_path, without_readings};
use crate::roles::Permission;
use crate::state::AppState;
use crate::web::gateways::{GatewaysPage, Live, NewCode};
use crate::web::reports::{Details, Offered, ReportsPage};
use crate::web::text::Lang;
use crate::web::verdict::{self, Verdicts};
use crate::web::view::{Nav, url_part};
use crate::web::witnessing::Witnessing;

/// How long the page of reports waits for the list to hold a report that was just issued.
const LISTED_WAIT: Duration = Duration::from_secs(5);
const LISTED_PAUSE: Duration = Duration::from_millis(50);
/// How many of the newest reports a page opens.
const OPENED_MAX: usize = 5;
/// Of how many of the newest reports a page offers the documents: each is a look at the directory of an archive.
const OFFERED_MAX: usize = 50;

/// Verdicts of the newest reports whose bundles are still there, newest last.
pub(super) async fn verdicts(state: &AppState, lang: Lang, data: &SiteView, most: usize) -> Vec<Verdicts> {
    let mut found = Vec::new();
    for report in data.reports.iter().filter(|r| r.bundle).take(most) {
        let row = state.store.report(&data.site.id, report.leaf).await.ok().flatten();
        let path = row.and_then(|r| r.bundle).and_then(|name| bundle_path(&state.data_dir, &data.site.id, &name));
        let Some(path) = path else { continue };
        let (digest, leaf) = (report.digest.clone(), report.leaf);
        // Opening an archive and reading megabytes of JSON is not for the async threads.
        let opened = tokio::task::spawn_blocking(move || verdict::remembered(&digest, &path)).await.ok().flatten();
        found.extend(opened.map(|r: Arc<verdict::Report>| verdict::present(lang.texts(), leaf, &r)));
    }
    found.reverse();
    found
}

/// What the bundles of the newest reports hold, by leaf.
async fn offered(state: &AppState, data: &SiteView) -> BTreeMap<i64, Offered> {
    let mut bundles = Vec::new();
    for report in data.reports.iter().filter(|r| r.bundle).take(OFFERED_MAX) {
        let row = state.store.report(&data.site.id, report.leaf).await.ok().flatten();
        let Some(name) = row.and_then(|r| r.bundle) else { continue };
        let path = |name: &str| bundle_path(&state.data_dir, &data.site.id, name);
        bundles.extend(path(&name).map(|whole| (report.leaf, whole, path(&without_readings(&name)))));
    }
    let size = |path: &FilePath| std::fs::metadata(path).ok().map(|file| file.len());
    let look = move || {
        let offer = |(leaf, whole, without): (i64, PathBuf, Option<PathBuf>)| {
            let documents = verdict::documents_of(&whole);
            (
                leaf,
                Offered { documents, bytes: size(&whole), bytes_without_readings: without.as_deref().and_then(size) },
            )
        };
        bundles.into_iter().map(offer).collect()
    };
    tokio::task::spawn_blocking(look).await.unwrap_or_default()
}

#[derive(Deserialize, Default)]
pub(super) struct Issued {
    #[serde(default)]
    issued: Option<u64>,
}

/// The reports of a site.
pub(super) async fn reports(
    State(state): State<AppState>,
    visitor: Visitor,
    Path(id): Path<String>,
    Query(issued): Query<Issued>,
) -> Result<Response, Problem> {
    let notice = if issued.issued.is_some() { visitor.lang.texts().s("reports-notice") } else { String::new() };
    reports_page(&state, &visitor, &id, StatusCode::OK, String::new(), notice).await
}

async fn reports_page(
    state: &AppState,
    visitor: &Visitor,
    id: &str,
    status: StatusCode,
    problem: String,
    notice: String,
) -> Result<Response, Problem> {
    let now_ms = state.clock.now_ms();
    let data = query::site(&state.store, visitor.access(), id, now_ms).await.map_err(|e| visitor.failed(e))?;
    let manages = data.may.iter().any(|p| p == Permission::ManageGateways.name());
    let opened = verdicts(state, visitor.lang, &data, OPENED_MAX).await;
    let details: Vec<Details> = opened.into_iter().map(|v| v.details).collect();
    let offered = offered(state, &data).await;
    let title = visitor.lang.texts().s("reports-title");
    let (frame, face) = visitor.frame(title, Nav::Reports, Some(&data.site), manages, now_ms);
    Ok(html(status, &ReportsPage::new(frame, &data, (&details, &offered), &face, problem, notice)))
}

#[derive(Deserialize)]
pub(super) struct IssueForm {
    token: String,
    plan: String,
}

/// Issues a report for a plan, then shows the list.
pub(super) async fn issue(
    State(state): State<AppState>,
    visitor: Visitor,
    Path(id): Path<String>,
    Form(form): Form<IssueForm>,
) -> Result<Response, Problem> {
    visitor.who.accept_form(&form.token).map_err(|_| visitor.problem(ProblemKind::Origin))?;
    let wanted = Wanted { plan: Some(form.plan), from: None, to: None };
    match api::issue_it(&state, visitor.access(), &id, &wanted).await {
        Ok(issued) => {
            listed(&state, &id, issued.leaf).await;
            let to = format!("/sites/{}/reports?issued={}", url_part(&id), issued.leaf);
            Ok(Redirect::to(&to).into_response())
        }
        Err(failure) => {
            let words = failure.words(visitor.lang == Lang::Zh).to_owned();
            reports_page(&state, &visitor, &id, failure.status(), words, String::new()).await
        }
    }
}

/// Waits until the list of reports knows the one of a leaf, so that the page does not say that it was issued and list none; a
/// projection that is far behind is not waited for.
async fn listed(state: &AppState, site: &str, leaf: u64) {
    let begin = Instant::now();
    while begin.elapsed() < LISTED_WAIT
        && state.store.projected_size(site).await.is_ok_and(|size| size <= i64::try_from(leaf).unwrap_or(i64::MAX))
    {
        tokio::time::sleep(LISTED_PAUSE).await;
    }
}

/// report.json of an issued report: figures, no raw readings, so whoever sees the site may have it.
pub(super) async fn report_json(
    State(state): State<AppState>,
    visitor: Visitor,
    Path((id, leaf)): Path<(String, i64)>,
) -> Result<Response, Problem> {
    let missing = || visitor.problem(ProblemKind::Missing);
    query::visible(&state.store, visitor.access(), Permission::SeeFigures, &id).await.map_err(|e| visitor.failed(e))?;
    let row = state.store.report(&id, leaf).await.map_err(|e| visitor.failed(e.into()))?.ok_or_else(missing)?;
    let path = row.bundle.and_then(|name| bundle_path(&state.data_dir, &id, &name)).ok_or_else(missing)?;
    let json = tokio::task::spawn_blocking(move || verdict::report_json(&path)).await.ok().flatten();
    let headers = [
        (header::CONTENT_TYPE, "application/json".to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"report-{leaf}.json\"")),
    ];
    Ok((headers, json.ok_or_else(missing)?).into_response())
}

/// A document of an issued report, out of its bundle and for whoever may have the bundle.
pub(super) async fn document(
    State(state): State<AppState>,
    visitor: Visitor,
    Path((id, leaf, name)): Path<(String, i64, String)>,
) -> Result<Response, Problem> {
    let missing = || visitor.problem(ProblemKind::Missing);
    query::visible(&state.store, visitor.access(), Permission::SeeRaw, &id).await.map_err(|e| visitor.failed(e))?;
    let name = document::NAMES.into_iter().find(|known| *known == name).ok_or_else(missing)?;
    let row = state.store.report(&id, leaf).await.map_err(|e| visitor.failed(e.into()))?.ok_or_else(missing)?;
    let path = row.bundle.and_then(|bundle| bundle_path(&state.data_dir, &id, &bundle)).ok_or_else(missing)?;
    let bytes = tokio::task::spawn_blocking(move || verdict::file_of(&path, name)).await.ok().flatten();
    let headers = [
        (header::CONTENT_TYPE, content_type(name).to_owned()),
        (header::CONTENT_DISPOSITION, disposition(name, &id, leaf)),
    ];
    Ok((headers, bytes.ok_or_else(missing)?).into_response())
}

fn content_type(name: &str) -> &'static str {
    if name.ends_with(".pdf") {
        "application/pdf"
    } else {
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    }
}

/// What the file is called where it is saved: in its own language, with a plain name for browsers that know no other.
fn disposition(name: &str, site: &str, leaf: i64) -> String {
    let ending = name.rsplit('.').next().unwrap_or_default();
    let title = if name.contains("zh-CN") { "数字化改造成效数据佐证报告" } else { "Gongzheng-report" };
    let full = url_part(&format!("{title}-{site}-{leaf}.{ending}"));
    format!("attachment; filename=\"{name}\"; filename*=UTF-8''{full}")
}

pub(super) fn context(state: &AppState) -> admin::Context {
    admin::Context {
        store: state.store.clone(),
        accounts: state.accounts.clone(),
        logs: state.logs.clone(),
        keys: Arc::clone(&state.keys),
        ingest: state.ingest.clone(),
        door: Arc::clone(&state.door),
        clock: state.clock.clone(),
        data_dir: state.data_dir.to_path_buf(),
    }
}

/// The trust file of a site, for comparison with the one from the promotion centre.
pub(super) async fn trust(
    State(state): State<AppState>,
    visitor: Visitor,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    query::visible(&state.store, visitor.access(), Permission::SeeFigures, &id).await.map_err(|e| visitor.failed(e))?;
    let site = id.parse::<SiteId>().map_err(|_| visitor.problem(ProblemKind::Missing))?;
    let reply = admin::execute(&context(&state), Request::Trust { site: Some(site) }).await;
    let json = reply.map_err(|e| visitor.problem(ProblemKind::Failed(e.to_string())))?.data;
    let headers = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"trust.json\""),
    ];
    Ok((headers, json).into_response())
}

/// The gateways of a site.
pub(super) async fn gateways(
    State(state): State<AppState>,
    visitor: Visitor,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    gateways_page(&state, &visitor, &id, StatusCode::OK, None, String::new()).await
}

async fn gateways_page(
    state: &AppState,
    visitor: &Visitor,
    id: &str,
    status: StatusCode,
    code: Option<NewCode>,
    problem: String,
) -> Result<Response, Problem> {
    let now_ms = state.clock.now_ms();
    let mut data = query::site(&state.store, visitor.access(), id, now_ms).await.map_err(|e| visitor.failed(e))?;
    query::add_seen(&mut data.gateways, id, state.ingest.health());
    let manages = data.may.iter().any(|p| p == Permission::ManageGateways.name());
    let title = visitor.lang.texts().s("nav-gateways");
    let (mut frame, face) = visitor.frame(title, Nav::Gateways, Some(&data.site), manages, now_ms);
    super::note_closed(state, visitor, id, &mut frame);
    let live = |gateway: &GatewayView| {
        let (site, id) = (data.site.id.parse().ok()?, gateway.id.parse().ok()?);
        let (arrived_ms, state) = state.ingest.live(&site, &id)?;
        let age_ms = now_ms.saturating_sub(arrived_ms);
        (age_ms <= LIVE_MS).then(|| (gateway.id.clone(), Live { age_ms, state }))
    };
    let live = data.gateways.iter().filter(|gateway| gateway.revoked_ms.is_none()).filter_map(live).collect();
    let witnessed = witnessing(state, &data.site.id);
    Ok(html(status, &GatewaysPage::new(frame, &data, code.as_ref(), &live, &witnessed, &face, problem)))
}

/// What witnesses say of a site's log; nothing where the log is closed, which the page says by itself.
fn witnessing(state: &AppState, site: &str) -> Witnessing {
    let Ok(site) = site.parse() else { return Witnessing::default() };
    Witnessing {
        newest: state.logs.cosigned(&site).ok().flatten(),
        leaves: state.logs.size(&site).unwrap_or_default(),
        peers: state.logs.witnesses().map(|witnesses| witnesses.peers(&site)).unwrap_or_default(),
    }
}

/// A message older than this says nothing about now, ms.
const LIVE_MS: i64 = 120_000;

#[derive(Deserialize)]
pub(super) struct CodeForm {
    token: String,
    gateway: String,
}

/// Makes an enrolment code and shows it, once, on the page that answers.
pub(super) async fn new_code(
    State(state): State<AppState>,
    visitor: Visitor,
    Path(id): Path<String>,
    Form(form): Form<CodeForm>,
) -> Result<Response, Problem> {
    visitor.who.accept_form(&form.token).map_err(|_| visitor.problem(ProblemKind::Origin))?;
    query::visible(&state.store, visitor.access(), Permission::ManageGateways, &id)
        .await
        .map_err(|_| visitor.problem(ProblemKind::Missing))?;
    let t = visitor.lang.texts();
    let site = id.parse::<SiteId>().map_err(|_| visitor.problem(ProblemKind::Missing))?;
    let Ok(gateway) = form.gateway.trim().parse::<GatewayId>() else {
        let words = format!("{} {}", t.s("gateways-id-wrong"), t.s("gateways-id-help"));
        return gateways_page(&state, &visitor, &id, StatusCode::BAD_REQUEST, None, words).await;
    };
    let taken = state.store.gateway(&id, gateway.as_str()).await.map_err(|e| visitor.failed(e.into()))?;
    if taken.is_some_and(|g| g.revoked_ms.is_none()) {
        let words = t.s("gateways-problem");
        return gateways_page(&state, &visitor, &id, StatusCode::CONFLICT, None, words).await;
    }
    let until_ms = state.clock.now_ms() + CODE_LIFE_MS;
    let request = Request::GatewayCode { site, gateway: gateway.clone() };
    let reply = admin::execute(&context(&state), request).await;
    let code = NewCode {
        gateway: gateway.to_string(),
        code: reply.map_err(|e| visitor.problem(ProblemKind::Failed(e.to_string())))?.data,
        until_ms,
        server: state.facts.enrol_host_port.clone(),
    };
    gateways_page(&state, &visitor, &id, StatusCode::OK, Some(code), String::new()).await
}
