//! The REST API under `/api/v1`: the read models of `query` as JSON, and the few things that can be changed.
//!
//! Constraints:
//! 1. Handlers translate; they decide nothing. Scope is enforced by `query` and `roles`.
//! 2. Errors have one shape, [`ApiError`], with a fixed word for programs and a sentence in both languages for people.
//! 3. The OpenAPI document is generated from the handlers and served at `/api/v1/openapi.json`; a test compares the routes
//!    of the document with the routes of the router.
//! 4. Programs sign in with `Authorization: Bearer <token>` (`gongzheng-server admin token add`); pages with their session. A
//!    request that changes something under a session also sends `x-csrf-token`.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use serde::Serialize;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::{Modify, OpenApi, ToSchema};

use crate::planning::{self, PlanningError};
use crate::query::{self, QueryError};
use crate::reporting::{self, ReportingError};
use crate::roles::Forbidden;
use crate::sitelog::LogError;
use crate::state::AppState;

mod asked;
mod change;
mod import;
mod onsite;
mod package;
mod read;

pub(crate) use change::{Statement, issue_it, lock_it, measure_it, state_it};
pub(crate) use import::{Imported, import_it};
pub(crate) use onsite::photo_it;
pub(crate) use package::{PackageParam, archive_of, package_of};
pub(crate) use read::bundle;

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

/// Why a request was not answered.
#[derive(Debug)]
pub(crate) struct Failure(StatusCode, &'static str, String, String);

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        if self.0.is_server_error() {
            tracing::error!(error = self.2, "API request failed");
        }
        error_response(self.0, self.1, &self.2, &self.3)
    }
}

impl Failure {
    /// The status to answer with.
    pub(crate) fn status(&self) -> StatusCode {
        self.0
    }

    /// What to tell a person.
    pub(crate) fn words(&self, chinese: bool) -> &str {
        if chinese { &self.3 } else { &self.2 }
    }

    /// A parameter or body makes no sense.
    pub(crate) fn invalid(en: impl Into<String>, zh: impl Into<String>) -> Self {
        Self(StatusCode::BAD_REQUEST, "invalid", en.into(), zh.into())
    }

    /// The disk keeps its room for what gateways send.
    fn full() -> Self {
        let en = "the server's disk has no room for photos: make room on it and send the photo again; nothing else is affected";
        let zh = "服务器磁盘空间不足，照片没有保存：请在服务器上腾出空间后重新上传；其他数据不受影响";
        Self(StatusCode::INSUFFICIENT_STORAGE, "unavailable", en.to_owned(), zh.to_owned())
    }

    fn unavailable(error: impl std::fmt::Display) -> Self {
        Self(
            StatusCode::SERVICE_UNAVAILABLE,
            "unavailable",
            error.to_string(),
            "服务暂不可用，请查看服务器运行日志".into(),
        )
    }
}

impl From<QueryError> for Failure {
    fn from(error: QueryError) -> Self {
        match error {
            QueryError::NotFound => Self(
                StatusCode::NOT_FOUND,
                "not_found",
                "not found, or not visible with your role".into(),
                "未找到，或您的角色无权查看".into(),
            ),
            QueryError::Invalid(text) => Self::invalid(text.clone(), text),
            QueryError::Failed(error) => Self::unavailable(error),
            QueryError::Store(error) => Self::unavailable(error),
        }
    }
}

impl From<Forbidden> for Failure {
    fn from(_: Forbidden) -> Self {
        Self(
            StatusCode::FORBIDDEN,
            "forbidden",
            "your role does not allow this here; ask the administrator of this server".into(),
            "您的角色无此权限，请联系系统管理员".into(),
        )
    }
}

impl From<LogError> for Failure {
    fn from(error: LogError) -> Self {
        Self::unavailable(error)
    }
}

impl From<PlanningError> for Failure {
    fn from(error: PlanningError) -> Self {
        match error {
            PlanningError::Refused { zh, en } => Self(StatusCode::CONFLICT, "refused", en, zh),
            PlanningError::Door(_) | PlanningError::Lock(_) | PlanningError::Reason => {
                let text = error.to_string();
                let (en, zh) = text.split_once(" / ").unwrap_or((&text, &text));
                Self(StatusCode::CONFLICT, "refused", en.trim().to_owned(), zh.trim().to_owned())
            }
            PlanningError::Log(error) => error.into(),
            PlanningError::Evaluation(error) => error.into(),
        }
    }
}

impl From<ReportingError> for Failure {
    fn from(error: ReportingError) -> Self {
        match error {
            ReportingError::Wanted | ReportingError::Report(_) => {
                Self::invalid(error.to_string(), format!("无法出具报告：{error}"))
            }
            ReportingError::Document(error) => {
                let text = error.to_string();
                let (en, zh) = text.rsplit_once(" / ").unwrap_or((&text, &text));
                Self(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "document",
                    format!("no report was issued: {en}"),
                    format!("报告未出具：{zh}"),
                )
            }
            other => Self::unavailable(other),
        }
    }
}

/// All routes of the API.
pub fn router() -> Router<AppState> {
    read::routes().into_iter().fold(Router::new(), |router, (path, methods)| router.route(path, methods))
}

/// The OpenAPI document.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Gongzheng REST API",
        description = "Sites, machines, timelines, metric values, gateways, statements and reports. Numbers are numerator \
                       and denominator; times are Unix milliseconds (UTC); dates are production dates. A site outside the \
                       caller's role is answered like one that does not exist.",
        license(name = "Apache-2.0")
    ),
    paths(
        read::openapi,
        read::me,
        read::fleet,
        read::site,
        read::machine,
        read::shift,
        read::why,
        read::history,
        read::figures,
        read::site_figures,
        asked::meters,
        asked::ocmf,
        asked::questionnaire,
        asked::savings,
        asked::plan,
        asked::filing,
        asked::deviations,
        asked::deviation,
        asked::days,
        asked::papers,
        asked::portfolio,
        package::package,
        package::archive,
        onsite::view,
        onsite::send,
        onsite::photo,
        read::findings,
        read::definitions,
        read::gateways,
        read::declarations,
        read::reports,
        read::bundle,
        read::checkpoint,
        change::declare,
        change::issue,
        change::lock,
    ),
    components(schemas(
        ApiError,
        query::FleetPage,
        query::SiteView,
        query::MachineView,
        query::ShiftView,
        query::Why,
        query::TrendPoint,
        query::FiguresView,
        query::MetersView,
        query::QuestionnaireView,
        query::SavingsView,
        query::PlanView,
        query::FilingView,
        query::DeviationsView,
        query::DeviationView,
        query::RunOfFiling,
        query::PapersView,
        query::PortfolioView,
        query::PackageView,
        query::OnsiteView,
        onsite::PhotoTaken,
        query::FindingsView,
        query::DefinitionView,
        query::GatewayView,
        query::DeclarationView,
        query::ReportView,
        reporting::Issued,
        planning::Locked,
    )),
    modifiers(&Tokens),
    security(("token" = []))
)]
struct Document;

/// Declares the bearer token in the document.
struct Tokens;

impl Modify for Tokens {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("token", SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)));
    }
}

/// The OpenAPI document as text: served, and checked in as `docs/reference/openapi.json`.
pub fn openapi_json() -> String {
    // Serialising a document of our own types cannot fail; an empty object would be caught by the freshness check.
    Document::openapi().to_pretty_json().unwrap_or_else(|_| "{}".to_owned())
}

#[cfg(test)]
mod tests;
