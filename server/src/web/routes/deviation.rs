//! 双监控: looked at by whoever sees the site; each step stated by whose turn it is.
//!
//! A notice and a re-measurement are computed by the server; the other steps go through the door of the log like every statement. What is
//! refused comes back as typed.

use axum::Form;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::form::Fields;
use super::{Problem, ProblemKind, Visitor, html, manages};
use crate::api::{self, Statement};
use crate::planning::ACCEPTANCE;
use crate::planning::deviation::{Asked as Measured, CLOSED};
use crate::query;
use crate::roles::Permission;
use crate::state::AppState;
use crate::web::deviation::DeviationPage;
use crate::web::filing::Told;
use crate::web::text::Lang;
use crate::web::view::{Nav, url_part};

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Asked {
    filing: String,
    done: String,
}

/// The page.
pub(super) async fn page(
    State(state): State<AppState>,
    visitor: Visitor,
    Path(site): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Response, Problem> {
    let t = visitor.lang.texts();
    let done = if asked.done.is_empty() { String::new() } else { t.s("deviation-done") };
    show(&state, &visitor, &site, &asked.filing, StatusCode::OK, Told { done, ..Told::default() }).await
}

async fn show(
    state: &AppState,
    visitor: &Visitor,
    site: &str,
    wanted: &str,
    status: StatusCode,
    told: Told,
) -> Result<Response, Problem> {
    let now_ms = state.clock.now_ms();
    let found = query::deviations(&state.store, &state.logs, visitor.access(), site, Some(wanted), now_ms).await;
    let data = found.map_err(|e| visitor.failed(e))?;
    let title = visitor.lang.texts().s("deviation-title");
    let manages = manages(state, visitor, site).await;
    let (frame, face) = visitor.frame(title, Nav::Site, Some(&data.site), manages, now_ms);
    Ok(html(status, &DeviationPage::new(frame, &data, &face, told)))
}

/// What a form states, beside filing and deviation.
fn said(form: &Fields) -> Option<(&'static str, &'static str, Json)> {
    Some(match form.one("what") {
        "explain" => ("deviation_explanation", "explain", json!({"explanation": form.one("explanation")})),
        "measures" => {
            let row = |(_, [what, who, due]): (usize, [&str; 3])| json!({"what": what, "who": who, "due": due});
            let rows: Vec<Json> = form.rows(["measure", "who", "due"]).into_iter().map(row).collect();
            ("deviation_measures", "measures", json!({"measures": rows}))
        }
        "close" => (CLOSED, "close", json!({"reason": form.one("reason")})),
        _ => return None,
    })
}

/// States a step.
pub(super) async fn answer(
    State(state): State<AppState>,
    visitor: Visitor,
    Path(site): Path<String>,
    Form(form): Form<Vec<(String, String)>>,
) -> Result<Response, Problem> {
    let form = Fields(form);
    visitor.who.accept_form(form.one("token")).map_err(|_| visitor.problem(ProblemKind::Origin))?;
    query::visible(&state.store, visitor.access(), Permission::SeeFigures, &site)
        .await
        .map_err(|_| visitor.problem(ProblemKind::Missing))?;
    let (filing, id) = (form.one("filing").to_owned(), form.one("deviation").to_owned());
    let (name, outcome) = match form.one("what") {
        "notice" => {
            let target = form.one("target").to_owned();
            let asked = Measured::Notice { target: target.clone(), asks: form.one("asks").to_owned() };
            let outcome = api::measure_it(&state, visitor.access(), &site, (&filing, &id), asked).await;
            (format!("notice/{target}"), outcome)
        }
        "again" => {
            let outcome = api::measure_it(&state, visitor.access(), &site, (&filing, &id), Measured::Again).await;
            (format!("again/{id}"), outcome)
        }
        "accept" => {
            let of = |field: &str| form.one(field).to_owned();
            let mut body =
                json!({"filing": filing, "acceptance": of("acceptance"), "held": of("held"), "body": of("body")});
            if !form.one("withdrawn").is_empty() {
                body["withdrawn"] = true.into();
            }
            let reason = ACCEPTANCE.replace('_', " ");
            let statement = Statement { kind: ACCEPTANCE.to_owned(), effective_from_ms: None, reason, body };
            ("accept".to_owned(), api::state_it(&state, visitor.access(), &site, statement).await)
        }
        other => {
            let Some((kind, what, mut body)) = said(&form) else {
                return Err(visitor.problem(ProblemKind::Invalid(other.chars().take(20).collect())));
            };
            body["filing"] = json!(filing);
            body["deviation"] = json!(id);
            let statement =
                Statement { kind: kind.to_owned(), effective_from_ms: None, reason: kind.replace('_', " "), body };
            (format!("{what}/{id}"), api::state_it(&state, visitor.access(), &site, statement).await)
        }
    };
    match outcome {
        Ok(_) => {
            let (site, filing) = (url_part(&site), url_part(&filing));
            Ok(Redirect::to(&format!("/sites/{site}/deviation?filing={filing}&done=1")).into_response())
        }
        Err(failure) => {
            let problem = failure.words(visitor.lang == Lang::Zh).to_owned();
            let told = Told { problem, form: name, typed: form.0, ..Told::default() };
            show(&state, &visitor, &site, &filing, failure.status(), told).await
        }
    }
}
