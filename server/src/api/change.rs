//! Everything that changes something: statements and issued reports. Both are leaves of the site's log.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use protocol::{Declaration, SiteId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Failure;
use crate::accounts::extract::Changing;
use crate::admin::check_statement;
use crate::planning::{self, LockWanted, Locked};
use crate::query::{self, QueryError};
use crate::reporting::{self, Issued, Issuer, Wanted};
use crate::roles::{Access, Forbidden, Permission};
use crate::state::AppState;
use crate::store::SiteRow;

/// A statement about a site.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Statement {
    /// `calendar`, `machine`, `cycle_time`, `planned_stop`, `meter_replaced`, `quality_count`, `plan`, `recipe`, `batch`,
    /// `finding_acknowledged`, `explanation` or another that formats and report computation list.
    pub(crate) kind: String,
    /// From when it holds, Unix ms; now by default. Earlier than now is allowed, visible, and can lower grades.
    pub(crate) effective_from_ms: Option<i64>,
    /// Why, in the author's words.
    pub(crate) reason: String,
    /// The statement, by kind.
    pub(crate) body: serde_json::Value,
}

/// Where a statement went.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Stated {
    /// Leaf of the site's log.
    pub(crate) leaf: u64,
}

/// Who may act at a site, and in which role; a site outside the scope stays unseen.
async fn acting(
    state: &AppState,
    access: &Access,
    permission: Permission,
    site: &str,
) -> Result<(SiteRow, SiteId, Issuer), Failure> {
    let row = query::visible(&state.store, access, Permission::SeeFigures, site).await?;
    access.check(permission, &row)?;
    let role = access.acting_role(permission, &row).ok_or(Forbidden)?.to_owned();
    let id = row.id.parse().map_err(|_| QueryError::NotFound)?;
    Ok((row, id, Issuer { author: access.pseudonym.clone(), role }))
}

/// The role in which somebody makes a statement. An opinion is given in the capacity it names by who holds that, an on-site check by who
/// checks, and the firm confirms as itself; whoever else may state something gets as far as the door, which says whose account it takes.
fn speaking<'a>(access: &'a Access, site: &SiteRow, statement: &'a Statement) -> Result<&'a str, Forbidden> {
    let opinion = || {
        let by = statement.body.get("by").and_then(serde_json::Value::as_str);
        by.filter(|by| access.acts_as(by, Permission::GiveOpinion, site))
            .or_else(|| authority(access, site))
            .or_else(|| access.acting_role(Permission::GiveOpinion, site))
    };
    let on_site = || {
        let is_firm = statement.body.get("side").and_then(serde_json::Value::as_str) == Some("firm");
        let firm = is_firm.then(|| access.acting_role(Permission::Declare, site)).flatten();
        firm.or_else(|| access.acting_role(Permission::CheckOnSite, site))
    };
    let own = match statement.kind.as_str() {
        kind if planning::BY_BODIES.contains(&kind) => opinion(),
        kind if metrics::onsite::KINDS.contains(&kind) => on_site(),
        _ => None,
    };
    let role = own.or_else(|| access.acting_role(Permission::Declare, site));
    role.ok_or(Forbidden)
}

/// In which capacity somebody gives notice of a deviation or closes it.
fn authority(access: &Access, site: &SiteRow) -> Option<&'static str> {
    let mut roles = practice::deviation::AUTHORITIES.iter().map(|by| by.role());
    roles.find(|role| access.acts_as(role, Permission::GiveOpinion, site))
}

/// What is wrong with a statement, each language by itself where the message has both (`english / 中文`).
fn wrong(error: &str) -> Failure {
    let both = error.rsplit_once(" / ").filter(|(en, zh)| en.is_ascii() && !zh.is_ascii());
    let (en, zh) = both.unwrap_or((error, error));
    Failure::invalid(en.to_owned(), format!("填报内容有误：{zh}"))
}

/// States something; it is logged under the caller's pseudonym and role.
pub(crate) async fn state_it(
    state: &AppState,
    access: &Access,
    site: &str,
    statement: Statement,
) -> Result<u64, Failure> {
    let leaves = state_all(state, access, site, vec![statement]).await?;
    leaves.first().copied().ok_or_else(|| Failure::unavailable("nothing was logged"))
}

/// States several things, in order: all of them are checked before the first is logged.
pub(crate) async fn state_all(
    state: &AppState,
    access: &Access,
    site: &str,
    statements: Vec<Statement>,
) -> Result<Vec<u64>, Failure> {
    let row = query::visible(&state.store, access, Permission::SeeFigures, site).await?;
    let id: SiteId = row.id.parse().map_err(|_| QueryError::NotFound)?;
    let now_ms = state.clock.now_ms();
    let mut declarations = Vec::with_capacity(statements.len());
    for statement in statements {
        let role = speaking(access, &row, &statement)?.to_owned();
        check_statement(&statement.kind, &statement.body).map_err(|error| wrong(&error))?;
        let declaration = Declaration {
            kind: statement.kind,
            effective_from: statement.effective_from_ms.unwrap_or(now_ms),
            author: access.pseudonym.clone(),
            role,
            reason: statement.reason,
            body: statement.body,
        };
        declaration.encode().map_err(|error| wrong(&error.to_string()))?;
        declarations.push(declaration);
    }
    let checked = planning::check(&state.logs, &id, &row.time_zone, &mut declarations, now_ms).await?;
    let leaves = state.logs.append_declarations(&id, &declarations).await?;
    planning::publish(&state.logs, &id, checked).await?;
    Ok(leaves)
}

/// Has a target of a filed plan measured, and states the notice or the re-measurement that rests on it, under the caller's pseudonym and role:
/// that of the authority spoken for, else the firm's.
pub(crate) async fn measure_it(
    state: &AppState,
    access: &Access,
    site: &str,
    (filing, id): (&str, &str),
    asked: planning::deviation::Asked,
) -> Result<u64, Failure> {
    let row = query::visible(&state.store, access, Permission::SeeFigures, site).await?;
    let role = authority(access, &row).or_else(|| access.acting_role(Permission::Declare, &row));
    let issuer = Issuer { author: access.pseudonym.clone(), role: role.ok_or(Forbidden)?.to_owned() };
    let site = row.id.parse().map_err(|_| QueryError::NotFound)?;
    let now_ms = state.clock.now_ms();
    Ok(planning::deviation::state_measured(&state.logs, &site, &row.time_zone, (filing, id), asked, issuer, now_ms)
        .await?)
}

/// Issues a report under the caller's pseudonym and role.
pub(crate) async fn issue_it(
    state: &AppState,
    access: &Access,
    site: &str,
    wanted: &Wanted,
) -> Result<Issued, Failure> {
    let (_, id, issuer) = acting(state, access, Permission::IssueReport, site).await?;
    let now_ms = state.clock.now_ms();
    Ok(reporting::issue(&state.logs, &state.data_dir, &id, wanted, &issuer, now_ms).await?)
}

/// Locks the baseline of a metric under the caller's pseudonym and role.
pub(crate) async fn lock_it(
    state: &AppState,
    access: &Access,
    site: &str,
    plan: &str,
    wanted: LockWanted,
) -> Result<Locked, Failure> {
    let (_, id, issuer) = acting(state, access, Permission::Declare, site).await?;
    Ok(planning::lock(&state.logs, &id, plan, wanted, issuer, state.clock.now_ms()).await?)
}

/// Lock the baseline of a metric of a plan. The server computes its numbers over everything logged so far; afterwards the metric is
/// evaluated as locked and as declared now, side by side. A baseline that is not over, does not suffice, or is locked already is refused.
/// A plan with comparison machines is locked whole, before its dates begin: leave `definition` out.
#[utoipa::path(
    post,
    path = "/api/v1/sites/{site}/plans/{plan}/locks",
    params(("site" = String, Path), ("plan" = String, Path)),
    request_body = LockWanted,
    responses((status = 201, body = Locked))
)]
pub(super) async fn lock(
    State(state): State<AppState>,
    Changing(who): Changing,
    Path((site, plan)): Path<(String, String)>,
    Json(wanted): Json<LockWanted>,
) -> Result<(StatusCode, Json<Locked>), Failure> {
    Ok((StatusCode::CREATED, Json(lock_it(&state, &who.session.access, &site, &plan, wanted).await?)))
}

/// State something about a site.
#[utoipa::path(
    post,
    path = "/api/v1/sites/{site}/declarations",
    params(("site" = String, Path)),
    request_body = Statement,
    responses((status = 201, body = Stated))
)]
pub(super) async fn declare(
    State(state): State<AppState>,
    Changing(who): Changing,
    Path(site): Path<String>,
    Json(statement): Json<Statement>,
) -> Result<(StatusCode, Json<Stated>), Failure> {
    let leaf = state_it(&state, &who.session.access, &site, statement).await?;
    Ok((StatusCode::CREATED, Json(Stated { leaf })))
}

/// Issue a report: evaluated, stated in the log, bundled.
#[utoipa::path(
    post,
    path = "/api/v1/sites/{site}/reports",
    params(("site" = String, Path)),
    request_body = Wanted,
    responses((status = 201, body = Issued))
)]
pub(super) async fn issue(
    State(state): State<AppState>,
    Changing(who): Changing,
    Path(site): Path<String>,
    Json(wanted): Json<Wanted>,
) -> Result<(StatusCode, Json<Issued>), Failure> {
    Ok((StatusCode::CREATED, Json(issue_it(&state, &who.session.access, &site, &wanted).await?)))
}
