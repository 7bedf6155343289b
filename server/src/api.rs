//! The REST API under `/api/v1`: the read models of `query` as JSON, and the few things that can be changed.
//!
//! Constraints:
//! 1. Handlers translate; they decide nothing. Scope is enforced by `query` and `roles`.
//! 2. Errors have one shape, [`ApiError`], with a fixed word for programs and a sentence in both languages for people.
//! 3. The OpenAPI document is generated from the handlers and served at `/api/v1/openapi.json`; a test compares the routes
//!    of the document with the routes of the router.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

/// The body of every error.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ApiError {
    /// The error.
    pub error: ApiErrorBody,
}

/// A fixed word for programs, a sentence for people.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ApiErrorBody {
    /// Fixed word: `not_found`, `invalid`, `sign_in`, `origin`, `forbidden`, `unavailable`.
    pub code: String,
    /// What, where, what to do, in English.
    pub en: String,
    /// The same in Chinese.
    pub zh: String,
}

/// An error answer.
pub(crate) fn error_response(status: StatusCode, code: &str, en: &str, zh: &str) -> Response {
    let error = ApiErrorBody { code: code.to_owned(), en: en.to_owned(), zh: zh.to_owned() };
    (status, Json(ApiError { error })).into_response()
}
