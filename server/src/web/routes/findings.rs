//! The matters to verify of a site: the list, and the factory's answers to it.
//!
//! Constraints first:
//! - Opening the list as somebody who may speak for the factory is logged by the read model, before it answers.
//! - An answer is a statement like any other, under the speaker's pseudonym and role. One that is refused comes back with what
//!   was typed and what is wrong; one that is taken is answered by a redirect.

use axum::Form;
use axum::extract::{DefaultBodyLimit, Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use metrics::credibility::course::FindingRef;
use metrics::credibility::explanation::{self, Explanation};
use serde::Deserialize;

use super::{Problem, ProblemKind, Visitor, html, manages};
use crate::api::{self, Statement};
use crate::query;
use crate::roles::Permission;
use crate::state::AppState;
use crate::web::findings::{FindingsPage, Typed, anchor};
use crate::web::text::{Lang, Texts};
use crate::web::view::{Nav, url_part};

/// Largest form: a text of the longest explanation, every byte escaped, and room for the rest.
pub(super) fn limit() -> DefaultBodyLimit {
    DefaultBodyLimit::max(3 * explanation::TEXT_MAX * 2)
}

#[derive(Deserialize, Default)]
pub(super) struct Asked {
    #[serde(default)]
    week: String,
    #[serde(default)]
    done: String,
}

/// The list.
pub(super) async fn page(
    State(state): State<AppState>,
    visitor: Visitor,
    Path(site): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Response, Problem> {
    let t = visitor.lang.texts();
    let done = match asked.done.as_str() {
        "acknowledge" => t.s("findings-done-acknowledge"),
        "explain" => t.s("findings-done-explain"),
        _ => String::new(),
    };
    list(&state, &visitor, &site, &asked.week, StatusCode::OK, done, Typed::default()).await
}

async fn list(
    state: &AppState,
    visitor: &Visitor,
    site: &str,
    week: &str,
    status: StatusCode,
    done: String,
    typed: Typed,
) -> Result<Response, Problem> {
    let now_ms = state.clock.now_ms();
    let found = query::findings(&state.store, &state.logs, visitor.access(), site, Some(week), now_ms).await;
    let data = found.map_err(|e| visitor.failed(e))?;
    let title = visitor.lang.texts().s("findings-title");
    let manages = manages(state, visitor, site).await;
    let (frame, face) = visitor.frame(title, Nav::Site, Some(&data.site), manages, now_ms);
    Ok(html(status, &FindingsPage::new(frame, &data, &face, done, typed)))
}

/// Every field may be missing: what is wrong is said on the page.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Answer {
    token: String,
    week: String,
    what: String,
    finding: String,
    detector: String,
    machine: String,
    from_ms: String,
    text: String,
    document: String,
}

/// An acknowledgement or an explanation.
pub(super) async fn answer(
    State(state): State<AppState>,
    visitor: Visitor,
    Path(site): Path<String>,
    Form(form): Form<Answer>,
) -> Result<Response, Problem> {
    visitor.who.accept_form(&form.token).map_err(|_| visitor.problem(ProblemKind::Origin))?;
    query::visible(&state.store, visitor.access(), Permission::Declare, &site)
        .await
        .map_err(|_| visitor.problem(ProblemKind::Missing))?;
    let t = visitor.lang.texts();
    let stated = match statement(t, &form) {
        Ok(statement) => api::state_it(&state, visitor.access(), &site, statement)
            .await
            .map_err(|failure| (failure.status(), failure.words(visitor.lang == Lang::Zh).to_owned())),
        Err(problem) => Err((StatusCode::BAD_REQUEST, problem)),
    };
    match stated {
        Ok(_) => {
            let what = if form.what == "explain" { "explain" } else { "acknowledge" };
            let (site, week, place) = (url_part(&site), url_part(&form.week), anchor(&form.finding));
            let to = format!("/sites/{site}/findings?week={week}&done={what}#{place}");
            Ok(Redirect::to(&to).into_response())
        }
        Err((status, problem)) => {
            let typed = Typed { key: form.finding, text: form.text, document: form.document, problem };
            list(&state, &visitor, &site, &form.week, status, String::new(), typed).await
        }
    }
}

/// The statement a form makes, or what is wrong with it in the reader's language.
fn statement(t: &Texts, form: &Answer) -> Result<Statement, String> {
    let named = FindingRef {
        finding: form.finding.clone(),
        detector: form.detector.clone(),
        machine: form.machine.clone(),
        from_ms: form.from_ms.parse().map_err(|_| t.s("findings-key-wrong"))?,
    };
    named.check().map_err(|_| t.s("findings-key-wrong"))?;
    let (kind, reason, body) = match form.what.as_str() {
        "acknowledge" => ("finding_acknowledged", "acknowledged", serde_json::to_value(named)),
        "explain" => {
            let document = form.document.trim().to_ascii_lowercase();
            let body = Explanation {
                finding: named.finding,
                detector: named.detector,
                machine: named.machine,
                from_ms: named.from_ms,
                // Browsers end the lines of a form with CR LF.
                text: form.text.replace("\r\n", "\n").trim().to_owned(),
                document: (!document.is_empty()).then_some(document),
            };
            explanation::check(&body).map_err(|(field, _)| match field {
                "text" if body.text.is_empty() => t.s("findings-text-missing"),
                "text" if body.text.len() > explanation::TEXT_MAX => t.s("findings-text-long"),
                "text" => t.s("findings-text-wrong"),
                "document" => t.s("findings-document-wrong"),
                _ => t.s("findings-key-wrong"),
            })?;
            ("explanation", "explained", serde_json::to_value(body))
        }
        _ => return Err(t.s("findings-key-wrong")),
    };
    let body = body.map_err(|e| e.to_string())?;
    Ok(Statement { kind: kind.to_owned(), effective_from_ms: None, reason: reason.to_owned(), body })
}
