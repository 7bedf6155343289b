//! What handlers ask for: a signed-in person, and proof that a changing request came from our own pages.
//!
//! [`SignedIn`] reads the session cookie or `Authorization: Bearer`. For methods other than GET and HEAD a cookie session
//! must also send its token in `x-csrf-token` (programs in our pages) — or the handler reads it from its form and calls
//! [`SignedIn::accept_form`]. A handler that changes something and forgets is caught by the extractor [`Changing`], which
//! only exists after the check.

use axum::extract::{FromRef, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::{Accounts, Session, csrf_accepts};
use crate::state::Clock;

/// A recognised person.
#[derive(Clone, Debug)]
pub struct SignedIn {
    /// Who, and what they may do now.
    pub session: Session,
    host: Option<String>,
    origin: Option<String>,
    header_token: Option<String>,
}

/// A recognised person whose request may change something: token and origin were right, or an API token was used.
pub struct Changing(pub SignedIn);

/// Nobody is signed in, or the request did not come from our own page. API handlers answer with it directly; pages
/// redirect to the sign-in form instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// No or expired session.
    SignIn,
    /// Wrong origin or token.
    Origin,
    /// The database could not be read.
    Unavailable,
}

impl SignedIn {
    /// Checks the token a form carried.
    pub fn accept_form(&self, sent: &str) -> Result<(), Refused> {
        match &self.session.csrf {
            None => Ok(()),
            Some(wanted) if csrf_accepts(self.host.as_deref(), self.origin.as_deref(), sent, wanted) => Ok(()),
            Some(_) => Err(Refused::Origin),
        }
    }
}

impl<S> FromRequestParts<S> for SignedIn
where
    Accounts: FromRef<S>,
    Clock: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refused> {
        let accounts = Accounts::from_ref(state);
        let now_ms = Clock::from_ref(state).now_ms();
        let bearer = text(&parts.headers, header::AUTHORIZATION.as_str());
        let found = match bearer.as_deref().and_then(|value| value.strip_prefix("Bearer ")) {
            Some(token) => accounts.token(token.trim(), now_ms).await,
            None => match cookie(&parts.headers, COOKIE) {
                Some(token) => accounts.session(&token, now_ms).await,
                None => Ok(None),
            },
        };
        let session = found
            .map_err(|error| {
                tracing::error!(%error, "accounts unavailable");
                Refused::Unavailable
            })?
            .ok_or(Refused::SignIn)?;
        Ok(Self {
            session,
            host: text(&parts.headers, header::HOST.as_str()),
            origin: text(&parts.headers, header::ORIGIN.as_str()),
            header_token: text(&parts.headers, "x-csrf-token"),
        })
    }
}

impl<S> FromRequestParts<S> for Changing
where
    Accounts: FromRef<S>,
    Clock: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refused> {
        let signed_in = SignedIn::from_request_parts(parts, state).await?;
        signed_in.accept_form(signed_in.header_token.as_deref().unwrap_or_default())?;
        Ok(Self(signed_in))
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let (status, code, en, zh) = match self {
            Self::SignIn => (StatusCode::UNAUTHORIZED, "sign_in", "sign in first", "请先登录"),
            Self::Origin => (
                StatusCode::FORBIDDEN,
                "origin",
                "this request did not come from a page of this server: reload the page and try again",
                "该请求并非来自本系统页面，请刷新页面后重试",
            ),
            Self::Unavailable => (
                StatusCode::SERVICE_UNAVAILABLE,
                "unavailable",
                "accounts cannot be read now; see the server's log",
                "暂时无法读取账户，请查看服务器运行日志",
            ),
        };
        crate::api::error_response(status, code, en, zh)
    }
}

/// The `Set-Cookie` value of a new session. `secure` when the page came over TLS.
pub fn set_cookie(token: &str, secure: bool) -> String {
    let secure = if secure { "; Secure" } else { "" };
    format!("{COOKIE}={token}; Path=/; HttpOnly; SameSite=Strict; Max-Age={}{secure}", super::SESSION_MAX_MS / 1000)
}

/// The `Set-Cookie` value that removes it.
pub fn clear_cookie() -> String {
    format!("{COOKIE}=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0")
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
}

/// One cookie of a request.
pub fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value.to_owned())
}

/// Name of the session cookie.
pub(crate) const COOKIE: &str = "gz_session";
