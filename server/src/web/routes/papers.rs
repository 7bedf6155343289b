//! The papers of a site: looked at, asked for, handed in, received or returned.

use axum::Form;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::form::{Fields, put};
use super::{Problem, ProblemKind, Visitor, html, manages};
use crate::api::{self, Statement};
use crate::planning::{PAPER_ASKED, PAPER_JUDGED};
use crate::query;
use crate::roles::Permission;
use crate::state::AppState;
use crate::web::filing::Told;
use crate::web::papers::PapersPage;
use crate::web::text::Lang;
use crate::web::view::{Nav, url_part};

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Asked {
    done: String,
}

/// The papers.
pub(super) async fn page(
    State(state): State<AppState>,
    visitor: Visitor,
    Path(site): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Response, Problem> {
    let t = visitor.lang.texts();
    let done = match asked.done.as_str() {
        "ask" => t.s("papers-done-ask"),
        "hand" => t.s("papers-done-hand"),
        "judge" => t.s("papers-done-judge"),
        _ => String::new(),
    };
    show(&state, &visitor, &site, StatusCode::OK, Told { done, ..Told::default() }).await
}

async fn show(
    state: &AppState,
    visitor: &Visitor,
    site: &str,
    status: StatusCode,
    told: Told,
) -> Result<Response, Problem> {
    let now_ms = state.clock.now_ms();
    let found = query::papers(&state.store, &state.logs, visitor.access(), site, now_ms).await;
    let data = found.map_err(|e| visitor.failed(e))?;
    let title = visitor.lang.texts().s("papers-title");
    let manages = manages(state, visitor, site).await;
    let (frame, _) = visitor.frame(title, Nav::Site, Some(&data.site), manages, now_ms);
    Ok(html(status, &PapersPage::new(frame, &data, told)))
}

fn statement(form: &Fields) -> Option<(&'static str, Json)> {
    let with = |mut body: Json, fields: &[&str]| {
        for field in fields {
            put(&mut body, field, form.one(field));
        }
        body
    };
    let of = |fields: &[&str]| {
        let pairs = fields.iter().map(|field| ((*field).to_owned(), json!(form.one(field))));
        Json::Object(pairs.collect())
    };
    Some(match form.one("what") {
        "ask" => (PAPER_ASKED, with(of(&["paper", "name", "by", "due"]), &["note"])),
        "hand" => ("paper_handed", with(of(&["paper", "date"]), &["file", "document"])),
        "judge" => (PAPER_JUDGED, with(of(&["paper", "by", "judged", "date"]), &["reason"])),
        _ => return None,
    })
}

/// Asks for a paper, hands it in, receives or returns it.
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
    let what = form.one("what").to_owned();
    let Some((kind, body)) = statement(&form) else {
        return Err(visitor.problem(ProblemKind::Invalid(what.chars().take(20).collect())));
    };
    let reason = Some(form.one("reason")).filter(|reason| !reason.is_empty()).unwrap_or(kind).to_owned();
    let stated = Statement { kind: kind.to_owned(), effective_from_ms: None, reason, body };
    match api::state_it(&state, visitor.access(), &site, stated).await {
        Ok(_) => {
            let to = format!("/sites/{}/papers?done={what}", url_part(&site));
            Ok(Redirect::to(&to).into_response())
        }
        Err(failure) => {
            let problem = failure.words(visitor.lang == Lang::Zh).to_owned();
            let name = if what == "ask" { what } else { format!("{what}/{}", form.one("paper")) };
            let told = Told { problem, form: name, typed: form.0, ..Told::default() };
            show(&state, &visitor, &site, failure.status(), told).await
        }
    }
}
