//! On-site checks on a phone: begun, machines stopped and started, faces and plates typed, results recorded, confirmed.
//!
//! Every form is one statement (a check begun and a plate are recorded with their results at once). What is refused comes back with what was
//! typed, and its photo is not kept.

use axum::extract::multipart::MultipartRejection;
use axum::extract::{DefaultBodyLimit, Multipart, Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::declare::Form;
use super::{Problem, ProblemKind, Visitor, html, manages};
use crate::api::{self, Statement};
use crate::photo::{BYTES_MAX, PhotoError};
use crate::planning::{forget_photo, split};
use crate::query;
use crate::roles::Permission;
use crate::state::AppState;
use crate::web::onsite::{OnsitePage, Told};
use crate::web::text::{Lang, Texts};
use crate::web::view::{Nav, url_part};

/// Largest form: a photo, and a little more so that one that is too large is refused in words.
pub(super) fn limit() -> DefaultBodyLimit {
    DefaultBodyLimit::max(BYTES_MAX + 1024 * 1024)
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Asked {
    check: String,
    machine: String,
    done: String,
}

/// The sheet of a check, or the form that begins one.
pub(super) async fn page(
    State(state): State<AppState>,
    visitor: Visitor,
    Path(site): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Response, Problem> {
    let t = visitor.lang.texts();
    let done = match asked.done.as_str() {
        "check" => t.s("onsite-done-check"),
        "press" => t.s("onsite-done-press"),
        "face" => t.s("onsite-done-face"),
        "plate" => t.s("onsite-done-plate"),
        "record" => t.s("onsite-done-record"),
        "confirm" => t.s("onsite-done-confirm"),
        _ => String::new(),
    };
    show(&state, &visitor, &site, &asked.check, StatusCode::OK, Told { done, opened: asked.machine, ..Told::default() })
        .await
}

async fn show(
    state: &AppState,
    visitor: &Visitor,
    site: &str,
    check: &str,
    status: StatusCode,
    told: Told,
) -> Result<Response, Problem> {
    let now_ms = state.clock.now_ms();
    let find = async |wanted| query::onsite(&state.store, &state.logs, visitor.access(), site, wanted, now_ms).await;
    let mut found = find(Some(check)).await;
    if matches!(found, Err(query::QueryError::NotFound)) && status != StatusCode::OK {
        // A check that was refused is not there: what was typed is shown all the same.
        found = find(None).await;
    }
    let data = found.map_err(|e| visitor.failed(e))?;
    let title = visitor.lang.texts().s("onsite-title");
    let manages = manages(state, visitor, site).await;
    let (frame, face) = visitor.frame(title, Nav::Site, Some(&data.site), manages, now_ms);
    Ok(html(status, &OnsitePage::new(frame, &data, &face, told)))
}

/// What a form asks for: statements to make, one after the other.
fn statement(t: &Texts, form: &Form) -> Result<(&'static str, Json), String> {
    let (check, machine) = (form.one("check"), form.one("machine"));
    let whole = |field: &str| form.one(field).parse::<i64>().ok();
    Ok(match form.one("what") {
        "check" => {
            let wanted = whole("wanted").ok_or_else(|| t.s("onsite-wanted-wrong"))?;
            ("onsite_check", json!({"check": check, "body": form.one("body"), "wanted": wanted}))
        }
        "stop" | "start" => ("onsite_press", json!({"check": check, "machine": machine, "action": form.one("what")})),
        "face" => {
            let same = form.one("register") != "other";
            let (value, unit) = (form.one("value"), form.one("unit"));
            (
                "onsite_face",
                json!({"check": check, "machine": machine, "value": value, "unit": unit, "same_register": same}),
            )
        }
        "plate" => {
            let mut body = json!({"check": check, "machine": machine, "seal": form.one("seal")});
            for field in ["serial", "meter_serial", "seal_number", "note"] {
                if !form.one(field).is_empty() {
                    body[field] = json!(form.one(field));
                }
            }
            // The secondary comes filled in: by itself it says nothing.
            if !form.one("primary").is_empty() {
                let ct = whole("primary").zip(whole("secondary")).ok_or_else(|| t.s("onsite-ct-wrong"))?;
                body["ct"] = json!({"primary": ct.0, "secondary": ct.1});
            }
            ("onsite_plate", body)
        }
        "record" => {
            let of = form.one("of").parse::<u64>().map_err(|_| t.s("onsite-gone"))?;
            ("onsite_result", json!({"check": check, "of": of}))
        }
        "confirm" => {
            let through = form.one("through").parse::<u64>().map_err(|_| t.s("onsite-gone"))?;
            let (side, digest) = (form.one("side"), form.one("digest"));
            ("onsite_confirmed", json!({"check": check, "side": side, "through": through, "digest": digest}))
        }
        _ => return Err(t.s("onsite-gone")),
    })
}

/// States what a form says; whatever is refused is said with its status.
async fn state_it(state: &AppState, visitor: &Visitor, site: &str, form: &Form) -> Result<(), (StatusCode, String)> {
    let t = visitor.lang.texts();
    let is_zh = visitor.lang == Lang::Zh;
    let unfit = |problem: String| (StatusCode::UNPROCESSABLE_ENTITY, problem);
    let failed = |failure: api::Failure| (failure.status(), failure.words(is_zh).to_owned());
    let (kind, mut body) = statement(t, form).map_err(unfit)?;
    let mut new_photo = None;
    if kind == "onsite_face" {
        let bytes = form.file.as_ref().map(|(_, bytes)| bytes.clone()).unwrap_or_default();
        if bytes.is_empty() {
            return Err(unfit(t.s("onsite-no-photo")));
        }
        // What was typed is checked first: a photo that nothing names is of no use.
        let sketch = json!({"digest": "0".repeat(64), "taken_ms": 0});
        let mut whole = body.clone();
        whole["photo"] = sketch;
        crate::admin::check_statement(kind, &whole).map_err(|error| {
            let words = split(&error);
            (StatusCode::BAD_REQUEST, if is_zh { words.zh } else { words.en })
        })?;
        let (photo, is_new) = api::photo_it(state, visitor.access(), site, bytes).await.map_err(failed)?;
        new_photo = photo.digest.parse().ok().filter(|_| is_new);
        body["photo"] = json!({"digest": photo.digest, "taken_ms": photo.taken_ms});
    }
    let say = async |kind: &str, body: Json| {
        let statement = Statement { kind: kind.to_owned(), effective_from_ms: None, reason: kind.to_owned(), body };
        api::state_it(state, visitor.access(), site, statement).await.map_err(failed)
    };
    let stated = say(kind, body).await;
    if let (Err(_), Some(digest), Ok(id)) = (&stated, new_photo, site.parse())
        && let Err(error) = forget_photo(&state.logs, &id, digest).await
    {
        tracing::warn!(%error, %digest, "The photo of a refused face was not removed.");
    }
    let leaf = stated?;
    // A draw and a plate need nothing that has not come yet.
    if matches!(kind, "onsite_check" | "onsite_plate") {
        say("onsite_result", json!({"check": form.one("check"), "of": leaf})).await?;
    }
    Ok(())
}

/// States something of a check.
pub(super) async fn answer(
    State(state): State<AppState>,
    visitor: Visitor,
    Path(site): Path<String>,
    parts: Result<Multipart, MultipartRejection>,
) -> Result<Response, Problem> {
    let form = match Form::read(parts).await {
        Ok(form) => form,
        Err(status) => {
            let words = split(&PhotoError::Large.to_string());
            let problem = match (status, visitor.lang) {
                (StatusCode::PAYLOAD_TOO_LARGE, Lang::Zh) => words.zh,
                (StatusCode::PAYLOAD_TOO_LARGE, Lang::En) => words.en,
                _ => visitor.lang.texts().s("declare-damaged"),
            };
            return show(&state, &visitor, &site, "", status, Told { problem, ..Told::default() }).await;
        }
    };
    visitor.who.accept_form(form.one("token")).map_err(|_| visitor.problem(ProblemKind::Origin))?;
    query::visible(&state.store, visitor.access(), Permission::SeeFigures, &site)
        .await
        .map_err(|_| visitor.problem(ProblemKind::Missing))?;
    let (check, machine) = (form.one("check").to_owned(), form.one("machine").to_owned());
    let what = match form.one("what") {
        "stop" | "start" => "press",
        other => other,
    };
    match state_it(&state, &visitor, &site, &form).await {
        Ok(()) => {
            let anchor = if machine.is_empty() { String::new() } else { format!("#m-{}", url_part(&machine)) };
            let to = format!("/sites/{}/onsite?check={}&done={what}{anchor}", url_part(&site), url_part(&check));
            Ok(Redirect::to(&to).into_response())
        }
        Err((status, problem)) => {
            let name = if machine.is_empty() { what.to_owned() } else { format!("{what}/{machine}") };
            let told = Told { problem, form: name, typed: form.fields, opened: machine, ..Told::default() };
            show(&state, &visitor, &site, &check, status, told).await
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_that_cannot_be_read_is_refused_in_both_languages() {
        let refused = |lang: Lang, fields: &[(&str, &str)]| {
            let fields = fields.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
            statement(lang.texts(), &Form { fields, file: None }).unwrap_err()
        };
        let draw = [("what", "check"), ("wanted", "all")];
        assert_eq!(refused(Lang::Zh, &draw), "抽取台数请填 1 至 100 的整数。");
        assert_eq!(refused(Lang::En, &draw), "Write how many machines to draw, a whole number from 1 to 100.");
        for plate in [("200", ""), ("200A", "5")] {
            let plate = [("what", "plate"), ("primary", plate.0), ("secondary", plate.1)];
            assert!(refused(Lang::Zh, &plate).starts_with("互感器变比请填两个整数，"));
            assert!(refused(Lang::En, &plate).starts_with("Write the transformer ratio as two whole numbers, "));
        }
        assert!(Lang::Zh.texts().s("onsite-no-photo").starts_with("请附上电能表表面的照片"));
        assert!(Lang::En.texts().s("onsite-no-photo").starts_with("Add a photo of the meter's face"));
    }
}
