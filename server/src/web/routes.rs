//! Addresses and handlers of the pages. A handler finds out who asks, fetches a read model, builds the page, answers.
//!
//! Constraints first:
//! - Scope is not decided here: read models and `roles` decide, and what a reader may not see is "not found".
//! - Every answer carries the policy header; pages are never stored by caches, assets for a year.
//! - A form that changes something carries the session's token; the answer to a change is a redirect, except where a
//!   secret is shown once (an enrolment code).

use axum::Router;
use axum::extract::{ConnectInfo, DefaultBodyLimit, FromRef, FromRequestParts, Path, Query, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use jiff::tz::TimeZone;
use serde::Deserialize;

use crate::accounts::extract::{self, Refused, SignedIn, cookie};
use crate::query::{self, QueryError, ShiftView, SiteHead};
use crate::roles::{Access, Permission};
use crate::state::AppState;
use crate::store::{FleetOrder, FleetQuery};

use super::door::ProblemPage;
use super::fleet::{Ask, FleetPage};
use super::format::Clockface;
use super::machine::MachinePage;
use super::site::{Extras, SitePage};
use super::text::Lang;
use super::view::{Crumb, Frame, Nav, Reader, SiteRef, url_part};
use super::{assets, words};

mod asked;
mod carry;
mod change;
mod declare;
mod deviation;
mod door;
mod filing;
mod findings;
mod firm;
mod form;
mod onsite;
mod package;
mod papers;
mod plan;
mod portfolio;
mod subsidy;

/// All pages and their assets. Mount it at the root.
pub fn routes() -> Router<AppState> {
    Router::new()
        .route("/", get(home))
        .route("/login", get(door::login_form).post(door::login))
        .route("/logout", post(door::logout))
        .route("/setup", get(door::setup_form).post(door::setup))
        .route("/lang", get(choose_language))
        .route("/assets/{file}", get(asset))
        .route("/sites", get(fleet))
        .route("/sites/{site}", get(site))
        .route("/sites/{site}/machines/{machine}", get(machine))
        .route("/sites/{site}/machines/{machine}/why", get(asked::why))
        .route("/sites/{site}/machines/{machine}/figures", get(asked::machine_figures))
        .route("/sites/{site}/figures", get(asked::site_figures))
        .route("/sites/{site}/meters", get(asked::meters))
        .route("/sites/{site}/machines/{machine}/ocmf.xml", get(asked::ocmf))
        .route("/sites/{site}/questionnaire", get(asked::questionnaire))
        .route("/sites/{site}/savings", get(asked::savings))
        .route("/sites/{site}/plan", get(plan::page).post(plan::answer).layer(plan::limit()))
        .route("/sites/{site}/filing", get(filing::page).post(filing::answer).layer(filing::limit()))
        .route("/sites/{site}/firm", get(firm::page))
        .route("/sites/{site}/deviation", get(deviation::page).post(deviation::answer).layer(filing::limit()))
        .route("/sites/{site}/subsidy", get(subsidy::page).post(subsidy::answer).layer(filing::limit()))
        .route("/sites/{site}/papers", get(papers::page).post(papers::answer))
        .route("/portfolio", get(portfolio::page))
        .route("/portfolio/list", get(portfolio::list).post(portfolio::list_answer).layer(declare::limit()))
        .route("/portfolio/list/{file}", get(portfolio::list_template))
        .route("/sites/{site}/package", get(package::page))
        .route("/sites/{site}/package.zip", get(package::archive))
        .route("/sites/{site}/package/file", get(package::file))
        .route("/sites/{site}/onsite", get(onsite::page).post(onsite::answer).layer(onsite::limit()))
        .route("/sites/{site}/declare", get(declare::page).post(declare::answer).layer(declare::limit()))
        .route("/sites/{site}/declare/{file}", get(declare::template))
        .route("/sites/{site}/findings", get(findings::page).post(findings::answer).layer(findings::limit()))
        .route("/metrics", get(asked::catalogue))
        .route("/sites/{site}/reports", get(change::reports).post(change::issue))
        .route("/sites/{site}/reports/{leaf}/bundle.zip", get(crate::api::bundle))
        .route("/sites/{site}/reports/{leaf}/report.json", get(change::report_json))
        .route("/sites/{site}/reports/{leaf}/documents/{name}", get(change::document))
        .route("/sites/{site}/trust.json", get(change::trust))
        .route("/sites/{site}/gateways", get(change::gateways).post(change::new_code))
        .route("/sites/{site}/carry", get(carry::page).post(carry::answer).layer(carry::limit()))
        .route("/sites/{site}/carry/{gateway}", get(carry::receipts))
        .fallback(missing)
        .layer(DefaultBodyLimit::max(FORM_MAX))
        .layer(from_fn(policy))
}

/// Largest form, bytes.
const FORM_MAX: usize = 16 * 1024;
/// Rows of a page of the fleet.
const FLEET_ROWS: i64 = 50;
/// How many earlier production days a machine's page lists.
const RECENT_DAYS: usize = 3;
/// Name of the language cookie.
const LANG_COOKIE: &str = "gz_lang";
/// What a page may load and do: itself only.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Headers of every answer.
async fn policy(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(HeaderValue::from_static(POLICY));
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "same-origin"),
        (header::X_FRAME_OPTIONS, "DENY"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// Who asks, in which language, for which address.
struct Visit {
    lang: Lang,
    path: String,
    peer: String,
    signed_in: Option<SignedIn>,
    /// The browser still holds a session that is over.
    expired: bool,
}

/// A visit by somebody who is signed in.
struct Visitor {
    lang: Lang,
    path: String,
    who: SignedIn,
    /// Since when the server's disk takes nothing, Unix ms.
    full_since_ms: Option<i64>,
}

/// An answer that is not the page asked for.
struct Problem {
    lang: Lang,
    path: String,
    kind: ProblemKind,
}

enum ProblemKind {
    SignIn,
    Expired,
    Origin,
    Busy,
    Missing,
    Invalid(String),
    Failed(String),
}

impl FromRequestParts<AppState> for Visit {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Problem> {
        let lang = language(&parts.headers);
        let path = parts.uri.path_and_query().map_or_else(|| "/".to_owned(), ToString::to_string);
        let peer = parts
            .extensions
            .get::<ConnectInfo<std::net::SocketAddr>>()
            .map_or_else(|| "unknown".to_owned(), |info| info.0.ip().to_string());
        match SignedIn::from_request_parts(parts, state).await {
            Ok(signed_in) => Ok(Self { lang, path, peer, signed_in: Some(signed_in), expired: false }),
            Err(Refused::Unavailable) => Err(Problem { lang, path, kind: ProblemKind::Busy }),
            Err(_) => {
                let expired = cookie(&parts.headers, extract::COOKIE).is_some_and(|token| !token.is_empty());
                Ok(Self { lang, path, peer, signed_in: None, expired })
            }
        }
    }
}

impl FromRequestParts<AppState> for Visitor {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Problem> {
        let visit = Visit::from_request_parts(parts, &AppState::from_ref(state)).await?;
        match visit.signed_in {
            Some(who) => {
                let full_since_ms = AppState::from_ref(state).ingest.health().full_since_ms();
                Ok(Self { lang: visit.lang, path: visit.path, who, full_since_ms })
            }
            None => {
                let kind = if visit.expired { ProblemKind::Expired } else { ProblemKind::SignIn };
                Err(Problem { lang: visit.lang, path: visit.path, kind })
            }
        }
    }
}

impl Visitor {
    fn access(&self) -> &Access {
        &self.who.session.access
    }

    fn problem(&self, kind: ProblemKind) -> Problem {
        Problem { lang: self.lang, path: self.path.clone(), kind }
    }

    fn failed(&self, error: QueryError) -> Problem {
        self.problem(match error {
            QueryError::NotFound => ProblemKind::Missing,
            QueryError::Invalid(what) => ProblemKind::Invalid(what),
            QueryError::Failed(error) => ProblemKind::Failed(error),
            QueryError::Store(error) => ProblemKind::Failed(error.to_string()),
        })
    }

    /// The frame of a page, with the site it is about.
    fn frame(
        &self,
        title: String,
        nav: Nav,
        site: Option<&SiteHead>,
        manages: bool,
        now_ms: i64,
    ) -> (Frame, Clockface) {
        let t = self.lang.texts();
        let access = self.access();
        let fleet = access.sees_many_sites();
        let role = access.role_names().first().map(|r| words::word(t, "role", r)).unwrap_or_default();
        let reader = Reader {
            name: access.name.clone(),
            role,
            fleet,
            form_token: self.who.session.csrf.clone().unwrap_or_default(),
        };
        let zone = site.and_then(|s| TimeZone::get(&s.time_zone).ok()).unwrap_or(TimeZone::UTC);
        let face = Clockface::new(zone, self.lang);
        let mut crumbs = Vec::new();
        if let Some(site) = site {
            if fleet {
                crumbs.push(Crumb { label: t.s("nav-fleet"), href: "/sites".into() });
            }
            if self.path.split('?').next().is_none_or(|p| p != format!("/sites/{}", site.id)) {
                let name = words::name(&site.names, self.lang, &site.id);
                crumbs.push(Crumb { label: name, href: format!("/sites/{}", url_part(&site.id)) });
            }
        }
        let frame = Frame {
            lang: self.lang,
            title,
            path: self.path.clone(),
            nav,
            reader: Some(reader),
            site: site.map(|s| SiteRef {
                id: s.id.clone(),
                name: words::name(&s.names, self.lang, &s.id),
                simulated: s.simulated,
                manages_gateways: manages,
            }),
            crumbs,
            zone: String::new(),
            made_at: String::new(),
            simulated: site.is_some_and(|s| s.simulated),
            notice: self.full_since_ms.map(|at| t.f1("disk-full", "time", face.full(at))).unwrap_or_default(),
        };
        (frame.at(&face, now_ms), face)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (status, said, reference) = match self.kind {
            ProblemKind::SignIn | ProblemKind::Expired => {
                let mut ask: Vec<String> = Vec::new();
                if self.path != "/" {
                    ask.push(format!("next={}", url_part(&self.path)));
                }
                if matches!(self.kind, ProblemKind::Expired) {
                    ask.push("expired=1".into());
                }
                let ask = if ask.is_empty() { String::new() } else { format!("?{}", ask.join("&")) };
                return Redirect::to(&format!("/login{ask}")).into_response();
            }
            ProblemKind::Origin => (StatusCode::FORBIDDEN, None, String::new()),
            ProblemKind::Busy => (StatusCode::SERVICE_UNAVAILABLE, None, String::new()),
            ProblemKind::Missing => (StatusCode::NOT_FOUND, None, String::new()),
            ProblemKind::Invalid(what) => (StatusCode::BAD_REQUEST, Some(what), String::new()),
            ProblemKind::Failed(error) => {
                let reference = reference();
                tracing::error!(%error, path = self.path, reference, "a page could not be made");
                (StatusCode::INTERNAL_SERVER_ERROR, None, reference)
            }
        };
        let mut page = ProblemPage::new(self.lang, status.as_u16(), &self.path, &reference);
        if let Some(said) = said {
            page = page.saying(&said);
        }
        html(status, &page)
    }
}

/// A short number to find a log line by.
fn reference() -> String {
    let mut bytes = [0; 4];
    if getrandom::fill(&mut bytes).is_err() {
        return "r-00000000".into();
    }
    format!("r-{}", data_encoding::HEXLOWER.encode(&bytes))
}

fn html(status: StatusCode, page: &impl askama::Template) -> Response {
    match page.render() {
        Ok(text) => (status, [(header::CONTENT_TYPE, "text/html; charset=utf-8")], text).into_response(),
        Err(error) => {
            tracing::error!(%error, "a template could not be rendered");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

fn language(headers: &HeaderMap) -> Lang {
    let accept = headers.get(header::ACCEPT_LANGUAGE).and_then(|v| v.to_str().ok());
    Lang::negotiate(cookie(headers, LANG_COOKIE).as_deref(), accept)
}

/// A path of ours, or the start. An address of somebody else's server is never followed.
fn ours(next: &str) -> &str {
    let inside = next.starts_with('/') && !next.starts_with("//") && !next.contains('\\');
    if inside && next.chars().all(|c| !c.is_control()) && next.len() <= 2_048 { next } else { "/" }
}

async fn asset(uri: Uri) -> Response {
    assets::serve(uri.path())
}

async fn missing(visit: Visit) -> Problem {
    Problem { lang: visit.lang, path: visit.path, kind: ProblemKind::Missing }
}

#[derive(Deserialize)]
struct LangChoice {
    to: String,
    #[serde(default)]
    next: String,
}

async fn choose_language(Query(choice): Query<LangChoice>) -> Response {
    let lang = Lang::parse(&choice.to).unwrap_or(Lang::Zh);
    let value = format!("{LANG_COOKIE}={}; Path=/; SameSite=Lax; Max-Age=31536000", lang.tag());
    ([(header::SET_COOKIE, value)], Redirect::to(ours(&choice.next))).into_response()
}

/// The first page of each role: all factories for who sees several, the one factory otherwise.
async fn home(State(state): State<AppState>, visit: Visit) -> Result<Response, Problem> {
    let Some(who) = visit.signed_in else {
        let fresh = state.accounts.is_fresh().await.unwrap_or(false);
        return Ok(Redirect::to(if fresh { "/setup" } else { "/login" }).into_response());
    };
    let full_since_ms = state.ingest.health().full_since_ms();
    let visitor = Visitor { lang: visit.lang, path: visit.path, who, full_since_ms };
    if visitor.access().sees_many_sites() {
        return Ok(Redirect::to("/sites").into_response());
    }
    let sites = query::sites(&state.store, visitor.access(), 0).await.map_err(|e| visitor.failed(e))?;
    Ok(match sites.as_slice() {
        [one] => Redirect::to(&format!("/sites/{}", url_part(&one.id))).into_response(),
        _ => Redirect::to("/sites").into_response(),
    })
}

#[derive(Deserialize, Default)]
struct FleetAsk {
    #[serde(default)]
    q: String,
    #[serde(default)]
    order: String,
    #[serde(default)]
    page: Option<usize>,
}

async fn fleet(
    State(state): State<AppState>,
    visitor: Visitor,
    Query(ask): Query<FleetAsk>,
) -> Result<Response, Problem> {
    let now_ms = state.clock.now_ms();
    let page = ask.page.unwrap_or(1).clamp(1, 1_000_000);
    let q: String = ask.q.chars().take(64).collect();
    let wanted = FleetQuery {
        search: q.clone(),
        order: match ask.order.as_str() {
            "name" => FleetOrder::Name,
            "silent" => FleetOrder::Silent,
            _ => FleetOrder::Risk,
        },
        offset: i64::try_from(page - 1).unwrap_or(0) * FLEET_ROWS,
        limit: FLEET_ROWS,
        ..FleetQuery::default()
    };
    let data = query::fleet(&state.store, visitor.access(), &wanted, now_ms).await.map_err(|e| visitor.failed(e))?;
    let (mut frame, _) = visitor.frame(visitor.lang.texts().s("nav-fleet"), Nav::Fleet, None, false, now_ms);
    frame.simulated = data.rows.iter().any(|r| r.site.simulated);
    Ok(html(StatusCode::OK, &FleetPage::new(frame, &data, &Ask { q, order: ask.order, page })))
}

async fn site(State(state): State<AppState>, visitor: Visitor, Path(id): Path<String>) -> Result<Response, Problem> {
    let now_ms = state.clock.now_ms();
    let data = query::site(&state.store, visitor.access(), &id, now_ms).await.map_err(|e| visitor.failed(e))?;
    let title = words::name(&data.site.names, visitor.lang, &data.site.id);
    let manages = data.may.iter().any(|p| p == Permission::ManageGateways.name());
    let (mut frame, face) = visitor.frame(title, Nav::Site, Some(&data.site), manages, now_ms);
    note_closed(&state, &visitor, &id, &mut frame);
    let report = change::verdicts(&state, visitor.lang, &data, 1).await.pop();
    let mut extras = Extras { report, ..Extras::default() };
    if let Some(meter) = data.machines.iter().find(|m| m.role == "meter") {
        extras.energy = energy_days(&state, &visitor, &id, &meter.id, &face.day(now_ms)).await?;
        extras.energy_of = format!("/sites/{}/machines/{}", url_part(&id), url_part(&meter.id));
    }
    Ok(html(StatusCode::OK, &SitePage::new(frame, &data, extras, &face)))
}

/// Says on a site's page that its log is closed and takes nothing.
fn note_closed(state: &AppState, visitor: &Visitor, site: &str, frame: &mut Frame) {
    if site.parse().is_ok_and(|site| state.logs.why_closed(&site).is_some()) {
        frame.notice = visitor.lang.texts().f1("site-closed", "site", site);
    }
}

/// Energy per production day of the 26 days up to a date.
async fn energy_days(
    state: &AppState,
    visitor: &Visitor,
    site: &str,
    machine: &str,
    to: &str,
) -> Result<Vec<query::TrendPoint>, Problem> {
    let Ok(last) = to.parse::<jiff::civil::Date>() else { return Ok(Vec::new()) };
    let from = last.saturating_sub(jiff::Span::new().days(25)).to_string();
    query::history(&state.store, visitor.access(), site, machine, "energy.active@1", &from, to)
        .await
        .map_err(|e| visitor.failed(e))
}

#[derive(Deserialize, Default)]
struct ShiftAsk {
    #[serde(default)]
    date: Option<String>,
    #[serde(default)]
    shift: Option<String>,
}

async fn machine(
    State(state): State<AppState>,
    visitor: Visitor,
    Path((site, id)): Path<(String, String)>,
    Query(ask): Query<ShiftAsk>,
) -> Result<Response, Problem> {
    let now_ms = state.clock.now_ms();
    let date = ask.date.as_deref().filter(|d| !d.is_empty());
    let find = |date: Option<String>| {
        let (state, visitor, site, id) = (&state, &visitor, &site, &id);
        async move {
            let found = query::machine(&state.store, visitor.access(), site, id, date.as_deref(), now_ms).await;
            found.map_err(|e| visitor.failed(e))
        }
    };
    let data = find(date.map(str::to_owned)).await?;
    let mut recent: Vec<ShiftView> = Vec::new();
    let mut earlier = data.previous.clone();
    for _ in 0..RECENT_DAYS {
        let Some(date) = earlier else { break };
        let day = find(Some(date)).await?;
        recent.extend(day.shifts.into_iter().rev());
        earlier = day.previous;
    }
    let energy = energy_days(&state, &visitor, &site, &id, &data.date).await?;
    let title = words::name(&data.names, visitor.lang, &data.id);
    let (frame, face) =
        visitor.frame(title, Nav::Site, Some(&data.site), manages(&state, &visitor, &site).await, now_ms);
    Ok(html(StatusCode::OK, &MachinePage::new(frame, &data, ask.shift.as_deref(), &recent, &energy, &face)))
}

/// Whether the rail offers the gateways of a site.
async fn manages(state: &AppState, visitor: &Visitor, site: &str) -> bool {
    let row = state.store.site(site).await.ok().flatten();
    row.is_some_and(|row| visitor.access().allows(Permission::ManageGateways, &row))
}

#[cfg(test)]
mod tests;
