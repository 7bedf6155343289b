//! The filed plan of a site: looked at, filed, applied to change, and said yes or no to.
//!
//! Looking is open to whoever sees the site. What is stated goes through the door of the log, under the visitor's pseudonym and in the
//! role that the statement asks for; what is refused comes back as typed.

use axum::Form;
use axum::extract::{DefaultBodyLimit, Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::form::{Fields, amount, put};
use super::{Problem, ProblemKind, Visitor, html, manages};
use crate::api::{self, Statement};
use crate::planning::OPINION;
use crate::query;
use crate::roles::Permission;
use crate::state::AppState;
use crate::web::filing::{FilingPage, Told};
use crate::web::text::{Lang, Texts};
use crate::web::view::{Nav, url_part};

/// Largest form: two thousand machines with ids of full length.
pub(super) fn limit() -> DefaultBodyLimit {
    DefaultBodyLimit::max(256 * 1024)
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Asked {
    filing: String,
    done: String,
}

/// The filing, or the form for one.
pub(super) async fn page(
    State(state): State<AppState>,
    visitor: Visitor,
    Path(site): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Response, Problem> {
    let t = visitor.lang.texts();
    let done = match asked.done.as_str() {
        "file" => t.s("filing-done-file"),
        "apply" => t.s("filing-done-apply"),
        "opine" => t.s("filing-done-opine"),
        "finish" => t.s("filing-done-finish"),
        _ => String::new(),
    };
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
    let found = query::filing(&state.store, &state.logs, visitor.access(), site, Some(wanted), now_ms).await;
    let data = found.map_err(|e| visitor.failed(e))?;
    let title = visitor.lang.texts().s("filing-title");
    let manages = manages(state, visitor, site).await;
    let (frame, face) = visitor.frame(title, Nav::Site, Some(&data.site), manages, now_ms);
    Ok(html(status, &FilingPage::new(frame, &data, &face, told)))
}

/// The plan that a form states.
fn plan(t: &Texts, form: &Fields) -> Result<Json, String> {
    let mut lines = Vec::new();
    for (i, [what, category, yuan]) in form.rows(["what", "category", "amount"]) {
        let fen = amount(t, yuan)?;
        lines.push(json!({"line": format!("l-{i}"), "category": category, "what": what, "amount_fen": fen}));
    }
    let target = |(i, [name, value, unit, from, to, method]): (usize, [&str; 6])| {
        let direction = form.one(&format!("direction.{i}"));
        let mut target = json!({
            "target": format!("t-{i}"), "names": {"zh": name, "en": name},
            "promised": {"value": value, "unit": unit, "direction": direction},
            "base": {"from": from, "to": to}, "method": method,
        });
        put(&mut target, "definition", form.one(&format!("definition.{i}")));
        target
    };
    let targets = form.rows(["target", "value", "unit", "base_from", "base_to", "method"]);
    let payment = |(_, [stage, date]): (usize, [&str; 2])| json!({"stage": stage, "date": date});
    let english = Some(form.one("en")).filter(|en| !en.is_empty()).unwrap_or(form.one("zh"));
    let mut body = json!({
        "filing": form.one("filing"), "names": {"zh": form.one("zh"), "en": english}, "filed": form.one("filed"),
        "term": {"from": form.one("term_from"), "to": form.one("term_to")},
        "machines": form.all("machine").map(|id| json!({"machine": id})).collect::<Vec<_>>(),
        "gateways": form.all("gateway").collect::<Vec<_>>(),
        "lines": lines,
        "targets": targets.into_iter().map(target).collect::<Vec<_>>(),
        "payments": form.rows(["stage", "stage_date"]).into_iter().map(payment).collect::<Vec<_>>(),
    });
    put(&mut body, "rule", form.one("rule"));
    put(&mut body, "number", form.one("number"));
    Ok(body)
}

/// The application that a form states.
fn change(t: &Texts, form: &Fields) -> Result<Json, String> {
    let mut items: Vec<Json> = Vec::new();
    items.extend(form.all("machine").map(|id| json!({"machine": {"machine": id}})));
    for (field, kind) in
        [("without_machine", "without_machine"), ("gateway", "gateway"), ("without_gateway", "without_gateway")]
    {
        items.extend(form.all(field).map(|id| json!({kind: id})));
    }
    let (from, to) = (form.one("term_from"), form.one("term_to"));
    if !from.is_empty() || !to.is_empty() {
        items.push(json!({"term": {"from": from, "to": to}}));
    }
    let line = ["line", "category", "line_what", "amount"].map(|field| form.one(field));
    if line.iter().any(|cell| !cell.is_empty()) {
        let [line, category, what, yuan] = line;
        let fen = amount(t, yuan)?;
        items.push(json!({"line": {"line": line, "category": category, "what": what, "amount_fen": fen}}));
    }
    for (field, kind) in [("firm", "firm"), ("other", "other")] {
        items.extend(Some(form.one(field)).filter(|text| !text.is_empty()).map(|text| json!({kind: text})));
    }
    Ok(json!({
        "filing": form.one("filing"), "change": form.one("change"), "date": form.one("date"),
        "items": items, "reason": form.one("reason"),
    }))
}

fn opinion(form: &Fields) -> Json {
    let mut body = json!({
        "filing": form.one("filing"), "change": form.one("change"), "by": form.one("by"),
        "body": form.one("body"), "opinion": form.one("opinion"), "date": form.one("date"),
    });
    put(&mut body, "reason", form.one("reason"));
    // What he had before him: on another submission his opinion counts for nothing.
    if let Ok(leaf) = form.one("submission").parse::<u64>() {
        body["submission"] = json!(leaf);
    }
    body
}

/// Files a plan, applies for a change, or states an opinion.
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
    let t = visitor.lang.texts();
    let (kind, body, name) = match form.one("what") {
        "file" => ("filed_plan", plan(t, &form), "file".to_owned()),
        "apply" => ("plan_change", change(t, &form), "apply".to_owned()),
        "finish" => {
            let body = json!({"filing": form.one("filing"), "date": form.one("date")});
            ("plan_finished", Ok(body), "finish".to_owned())
        }
        "opine" => (OPINION, Ok(opinion(&form)), format!("opine/{}", form.one("change"))),
        other => return Err(visitor.problem(ProblemKind::Invalid(other.chars().take(20).collect()))),
    };
    let refused = match body {
        Err(problem) => (StatusCode::UNPROCESSABLE_ENTITY, problem),
        Ok(body) => {
            let reason = form.one("reason").to_owned();
            let reason = if reason.is_empty() { kind.to_owned() } else { reason };
            let statement = Statement { kind: kind.to_owned(), effective_from_ms: None, reason, body };
            match api::state_it(&state, visitor.access(), &site, statement).await {
                Ok(_) => {
                    let what = name.split('/').next().unwrap_or_default();
                    let (site, filing) = (url_part(&site), url_part(form.one("filing")));
                    let to = format!("/sites/{site}/filing?filing={filing}&done={what}");
                    return Ok(Redirect::to(&to).into_response());
                }
                Err(failure) => (failure.status(), failure.words(visitor.lang == Lang::Zh).to_owned()),
            }
        }
    };
    let (status, problem) = refused;
    let filing = if name == "file" { String::new() } else { form.one("filing").to_owned() };
    let told = Told { problem, form: name, typed: form.0, ..Told::default() };
    show(&state, &visitor, &site, &filing, status, told).await
}
