//! Signing in and out, and the first administrator.

use axum::Form;
use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::{Problem, ProblemKind, Visit, Visitor, html, ours, reference};
use crate::accounts::AccountError;
use crate::accounts::extract::{clear_cookie, set_cookie};
use crate::state::AppState;
use crate::web::door::{LoginPage, SetupPage};
use crate::web::text::Texts;

#[derive(Deserialize)]
pub(super) struct NextPath {
    #[serde(default)]
    next: String,
    #[serde(default)]
    expired: String,
}

pub(super) async fn login_form(State(state): State<AppState>, visit: Visit, Query(next): Query<NextPath>) -> Response {
    if visit.signed_in.is_some() {
        return Redirect::to(ours(&next.next)).into_response();
    }
    if state.accounts.is_fresh().await.unwrap_or(false) {
        return Redirect::to("/setup").into_response();
    }
    let mut page = LoginPage::new(visit.lang, String::new(), ours(&next.next), "");
    if !next.expired.is_empty() {
        page = page.noting(visit.lang.texts().s("login-expired"));
    }
    html(StatusCode::OK, &page)
}

#[derive(Deserialize)]
pub(super) struct Credentials {
    name: String,
    password: String,
    #[serde(default)]
    next: String,
}

pub(super) async fn login(State(state): State<AppState>, visit: Visit, Form(form): Form<Credentials>) -> Response {
    let t = visit.lang.texts();
    match state.accounts.sign_in(&form.name, &form.password, &visit.peer, state.clock.now_ms()).await {
        Ok(session) => {
            let cookie = set_cookie(&session.token, state.facts.tls);
            ([(header::SET_COOKIE, cookie)], Redirect::to(ours(&form.next))).into_response()
        }
        Err(error) => {
            let (status, words) = account_words(t, &error);
            html(status, &LoginPage::new(visit.lang, words, ours(&form.next), &form.name))
        }
    }
}

/// An account error as a sentence on a page, and the status to answer with.
fn account_words(t: &Texts, error: &AccountError) -> (StatusCode, String) {
    match error {
        AccountError::WrongPassword => (StatusCode::UNAUTHORIZED, t.s("login-wrong")),
        AccountError::TooMany { .. } => (StatusCode::TOO_MANY_REQUESTS, t.s("login-limited")),
        AccountError::FirstCode => (StatusCode::FORBIDDEN, t.s("setup-wrong")),
        AccountError::Password { .. } | AccountError::Name => (StatusCode::BAD_REQUEST, t.s("setup-invalid")),
        AccountError::Role(..)
        | AccountError::NoUser(_)
        | AccountError::StillIn(_)
        | AccountError::NoGrant { .. }
        | AccountError::NoToken { .. }
        | AccountError::Period
        | AccountError::Store(_)
        | AccountError::Hash(_) => {
            let reference = reference();
            tracing::error!(%error, reference, "accounts");
            (StatusCode::INTERNAL_SERVER_ERROR, format!("{} {reference}", t.s("problem-failed")))
        }
    }
}

#[derive(Deserialize)]
pub(super) struct Token {
    token: String,
}

pub(super) async fn logout(
    State(state): State<AppState>,
    visitor: Visitor,
    Form(form): Form<Token>,
) -> Result<Response, Problem> {
    visitor.who.accept_form(&form.token).map_err(|_| visitor.problem(ProblemKind::Origin))?;
    if let Err(error) = state.accounts.sign_out(&visitor.who.session, state.clock.now_ms()).await {
        return Err(visitor.problem(ProblemKind::Failed(error.to_string())));
    }
    Ok(([(header::SET_COOKIE, clear_cookie())], Redirect::to("/login")).into_response())
}

pub(super) async fn setup_form(State(state): State<AppState>, visit: Visit) -> Response {
    if !state.accounts.is_fresh().await.unwrap_or(false) {
        return Redirect::to("/login").into_response();
    }
    html(StatusCode::OK, &SetupPage::new(visit.lang, String::new(), ""))
}

#[derive(Deserialize)]
pub(super) struct FirstAdministrator {
    code: String,
    name: String,
    password: String,
    repeat: String,
}

pub(super) async fn setup(
    State(state): State<AppState>,
    visit: Visit,
    Form(form): Form<FirstAdministrator>,
) -> Response {
    let t = visit.lang.texts();
    if form.password != form.repeat {
        return html(StatusCode::BAD_REQUEST, &SetupPage::new(visit.lang, t.s("setup-mismatch"), &form.name));
    }
    let now_ms = state.clock.now_ms();
    let made = state.accounts.redeem_first_code(&form.code, &form.name, &form.password, &visit.peer, now_ms).await;
    let made = match made {
        Ok(()) => state.accounts.sign_in(&form.name, &form.password, &visit.peer, now_ms).await,
        Err(error) => Err(error),
    };
    match made {
        Ok(session) => {
            let cookie = set_cookie(&session.token, state.facts.tls);
            ([(header::SET_COOKIE, cookie)], Redirect::to("/sites")).into_response()
        }
        Err(error) => {
            let (status, words) = account_words(t, &error);
            html(status, &SetupPage::new(visit.lang, words, &form.name))
        }
    }
}
