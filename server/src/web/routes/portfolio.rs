//! All firms with what they owe, and lists of firms from a spreadsheet.
//!
//! Constraints first:
//! - Who sees no more than one site is led to that one. A list is read by who speaks for a body, against the sites in his scope.
//! - Checking logs nothing. Confirming reads the list again; what would be stated now and was not looked at is shown instead.
//! - Every site has a log of its own: an entry is stated site by site. What is there already is not stated twice, so that a list whose
//!   recording was cut short is finished by confirming it again.

use axum::extract::multipart::MultipartRejection;
use axum::extract::{Multipart, Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use data_encoding::BASE64URL_NOPAD;
use serde::Deserialize;

use super::declare::{Form, REASON_MAX, base, too_large_words};
use super::{FLEET_ROWS, Problem, ProblemKind, Visitor, html};
use crate::api::{self, Statement};
use crate::import::kinds::REGISTER;
use crate::import::{provenance, template};
use crate::planning::FIRM_LISTED;
use crate::query::{self, Given, PortfolioOrder, PortfolioQuery, PortfolioShow};
use crate::roles::Permission;
use crate::state::AppState;
use crate::web::declare::described;
use crate::web::portfolio::{Checked, ListTold, PortfolioPage, RegisterPage};
use crate::web::text::Lang;
use crate::web::view::Nav;

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Asked {
    q: String,
    show: String,
    order: String,
    page: Option<usize>,
}

/// All firms.
pub(super) async fn page(
    State(state): State<AppState>,
    visitor: Visitor,
    Query(asked): Query<Asked>,
) -> Result<Response, Problem> {
    if !visitor.access().sees_many_sites() {
        return Ok(Redirect::to("/sites").into_response());
    }
    let page = i64::try_from(asked.page.unwrap_or(1).max(1)).unwrap_or(1);
    let ask = PortfolioQuery {
        search: asked.q.trim().chars().take(64).collect(),
        show: PortfolioShow::ALL.into_iter().find(|show| show.name() == asked.show).unwrap_or_default(),
        order: if asked.order == "name" { PortfolioOrder::Name } else { PortfolioOrder::Due },
        offset: (page - 1).saturating_mul(FLEET_ROWS),
        limit: FLEET_ROWS,
        ..PortfolioQuery::default()
    };
    let now_ms = state.clock.now_ms();
    let found = query::portfolio(&state.store, visitor.access(), ask.clone(), now_ms).await;
    let data = found.map_err(|e| visitor.failed(e))?;
    let title = visitor.lang.texts().s("portfolio-title");
    let (frame, _) = visitor.frame(title, Nav::Portfolio, None, false, now_ms);
    Ok(html(StatusCode::OK, &PortfolioPage::new(frame, &data, &ask)))
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Done {
    done: Option<u32>,
}

/// Who speaks for a body imports lists.
fn may_import(visitor: &Visitor) -> bool {
    !visitor.access().sites(Permission::GiveOpinion).is_empty()
}

/// The page of lists.
pub(super) async fn list(
    State(state): State<AppState>,
    visitor: Visitor,
    Query(asked): Query<Done>,
) -> Result<Response, Problem> {
    if !visitor.access().sees_many_sites() {
        return Ok(Redirect::to("/sites").into_response());
    }
    let done = asked.done.map(|n| visitor.lang.texts().f1("register-done", "n", i64::from(n))).unwrap_or_default();
    Ok(show(&state, &visitor, StatusCode::OK, ListTold { done, ..ListTold::default() }))
}

fn show(state: &AppState, visitor: &Visitor, status: StatusCode, told: ListTold) -> Response {
    let title = visitor.lang.texts().s("register-title");
    let (frame, _) = visitor.frame(title, Nav::Portfolio, None, false, state.clock.now_ms());
    html(status, &RegisterPage::new(frame, told, may_import(visitor)))
}

/// The template of a list.
pub(super) async fn list_template(visitor: Visitor, Path(file): Path<String>) -> Result<Response, Problem> {
    let (media, bytes) = match file.as_str() {
        "template.csv" => ("text/csv; charset=utf-8", template::csv(&REGISTER).into_bytes()),
        "template.xlsx" => {
            let book = template::xlsx(&REGISTER, described);
            let book = book.map_err(|e| visitor.problem(ProblemKind::Failed(e.to_string())))?;
            ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", book)
        }
        _ => return Err(visitor.problem(ProblemKind::Missing)),
    };
    let name = file.replace("template", "firms");
    let headers = [
        (header::CONTENT_TYPE, media.to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"gongzheng-{name}\"")),
    ];
    Ok((headers, bytes).into_response())
}

/// Checks a list, or states what it says.
pub(super) async fn list_answer(
    State(state): State<AppState>,
    visitor: Visitor,
    parts: Result<Multipart, MultipartRejection>,
) -> Result<Response, Problem> {
    if !may_import(&visitor) {
        return Ok(Redirect::to("/portfolio/list").into_response());
    }
    let t = visitor.lang.texts();
    let form = match Form::read(parts).await {
        Ok(form) => form,
        Err(status) => {
            let too_large = status == StatusCode::PAYLOAD_TOO_LARGE;
            let problem = if too_large { too_large_words(t) } else { t.s("declare-damaged") };
            return Ok(show(&state, &visitor, status, ListTold { problem, ..ListTold::default() }));
        }
    };
    visitor.who.accept_form(form.one("token")).map_err(|_| visitor.problem(ProblemKind::Origin))?;
    let confirms = form.one("what") == "confirm";
    let handed = if confirms {
        BASE64URL_NOPAD.decode(form.one("data").as_bytes()).ok().map(|bytes| (base(form.one("name")), bytes))
    } else {
        form.file.clone().map(|(name, bytes)| (base(&name), bytes))
    };
    let Some((file, bytes)) = handed.filter(|(_, bytes)| !bytes.is_empty()) else {
        let told = ListTold { problem: t.s("declare-no-file"), ..ListTold::default() };
        return Ok(show(&state, &visitor, StatusCode::BAD_REQUEST, told));
    };
    let data = BASE64URL_NOPAD.encode(&bytes);
    let given = Given::File { name: file.clone(), bytes };
    let now_ms = state.clock.now_ms();
    let view = query::register(&state.store, visitor.access(), &given, now_ms).await.map_err(|e| visitor.failed(e))?;
    let digest = given.digest();
    let reason = form.one("reason").to_owned();
    let mut told = ListTold { reason: reason.clone(), ..ListTold::default() };
    let mut status = if view.wrong.is_empty() { StatusCode::OK } else { StatusCode::BAD_REQUEST };
    if confirms && view.wrong.is_empty() {
        if !(1..=REASON_MAX).contains(&reason.chars().count()) {
            (status, told.problem) = (StatusCode::BAD_REQUEST, t.s("declare-reason-missing"));
        } else if view.decisions().hex() != form.one("shown") {
            (status, told.problem) = (StatusCode::CONFLICT, t.s("declare-other-now"));
        } else {
            let mut stated = 0_u32;
            for row in view.rows.iter().filter(|row| row.is_to_state()) {
                let Some(site) = &row.site else { continue };
                let from = digest.map(|digest| provenance(&file, &digest, &[row.line])).unwrap_or_default();
                let statement = Statement {
                    kind: FIRM_LISTED.to_owned(),
                    effective_from_ms: None,
                    reason: format!("{reason}{from}"),
                    body: row.body.clone(),
                };
                if let Err(failure) = api::state_it(&state, visitor.access(), &site.id, statement).await {
                    let why = failure.words(visitor.lang == Lang::Zh).to_owned();
                    let (n, line) = (stated.to_string(), row.line.to_string());
                    told.problem = t.f("register-stopped", &[("n", &n), ("line", &line), ("why", &why)]);
                    status = failure.status();
                    break;
                }
                stated += 1;
            }
            if told.problem.is_empty() {
                return Ok(Redirect::to(&format!("/portfolio/list?done={stated}")).into_response());
            }
            // What stands in the logs now is no longer what was shown: the list is checked again before it goes on.
            return Ok(show(&state, &visitor, status, told));
        }
    }
    let sha256 = digest.map(|d| d.hex()).unwrap_or_default();
    told.checked = Some(Checked { view, file, sha256, data });
    Ok(show(&state, &visitor, status, told))
}
