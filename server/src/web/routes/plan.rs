//! The measurement plan of a site: looked at, stated, and locked metric by metric.
//!
//! Looking changes nothing and is open to whoever sees the site; stating and locking are statements under the visitor's pseudonym.

use std::collections::BTreeMap;

use axum::Form;
use axum::extract::{DefaultBodyLimit, Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use metrics::report::ALL_MACHINES;
use serde::Deserialize;

use super::form::Fields;
use super::{Problem, ProblemKind, Visitor, html, manages};
use crate::api::{self, Statement};
use crate::planning::{LockWanted, PLAN};
use crate::query::{self, ComparisonDraft, MetricDraft, PlanDraft, PlanWanted, Words};
use crate::roles::Permission;
use crate::state::AppState;
use crate::web::plan::{CHOICE, PlanPage, Said};
use crate::web::text::Lang;
use crate::web::view::{Nav, url_part};

/// Largest form: two thousand machines with ids of full length.
pub(super) fn limit() -> DefaultBodyLimit {
    DefaultBodyLimit::max(256 * 1024)
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Asked {
    plan: String,
    done: String,
}

/// The plan, or a draft of one.
pub(super) async fn page(
    State(state): State<AppState>,
    visitor: Visitor,
    Path(site): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Response, Problem> {
    let t = visitor.lang.texts();
    let done = match asked.done.as_str() {
        "state" => t.s("plan-done-state"),
        "lock" => t.s("plan-done-lock"),
        _ => String::new(),
    };
    let said = Said { done, ..Said::default() };
    show(&state, &visitor, &site, PlanWanted::Stated(Some(asked.plan)), StatusCode::OK, said).await
}

async fn show(
    state: &AppState,
    visitor: &Visitor,
    site: &str,
    wanted: PlanWanted,
    status: StatusCode,
    said: Said,
) -> Result<Response, Problem> {
    let now_ms = state.clock.now_ms();
    let found = query::plan(&state.store, &state.logs, visitor.access(), site, wanted, now_ms).await;
    let data = found.map_err(|e| visitor.failed(e))?;
    let title = visitor.lang.texts().s("plan-title");
    let manages = manages(state, visitor, site).await;
    let (frame, face) = visitor.frame(title, Nav::Site, Some(&data.site), manages, now_ms);
    Ok(html(status, &PlanPage::new(frame, &data, &face, said)))
}

impl Fields {
    /// The dates typed of machines that can be chosen.
    fn retrofits(&self) -> BTreeMap<String, String> {
        let of_machine = self.0.iter().filter_map(|(key, date)| Some((key.strip_prefix("retrofit.")?, date.trim())));
        of_machine.filter(|(_, date)| !date.is_empty()).map(|(id, date)| (id.to_owned(), date.to_owned())).collect()
    }

    fn draft(&self) -> PlanDraft {
        // A metric of one machine is named with it.
        let metric = |key: String| {
            let (definition, machine) = key.split_once('/').unwrap_or((&key, ALL_MACHINES));
            let typed = |field: &str| self.one(&format!("{field}.{key}")).to_owned();
            MetricDraft {
                definition: definition.to_owned(),
                machine: machine.to_owned(),
                value: typed("value"),
                unit: typed("unit"),
                direction: typed("direction"),
                min_days: typed("days"),
                coverage_percent: typed("coverage"),
                option: typed("option"),
            }
        };
        let one = |field: &str| self.one(field).to_owned();
        PlanDraft {
            plan: one("plan"),
            names: Words { zh: one("zh"), en: one("en") },
            boundary: Words { zh: one("boundary_zh"), en: one("boundary_en") },
            option: one("option"),
            baseline: [one("baseline_from"), one("baseline_to")],
            reporting: [one("reporting_from"), one("reporting_to")],
            machines: self.all("machine").map(str::to_owned).collect(),
            // More than one is refused by name, never left out.
            incoming: self.all("incoming").collect::<Vec<_>>().join(" "),
            comparison: self
                .all("comparison")
                .map(|machine| ComparisonDraft {
                    retrofit: one(&format!("retrofit.{machine}")),
                    machine: machine.to_owned(),
                })
                .collect(),
            metrics: self.all("metric").map(|key| metric(key.to_owned())).collect(),
            interval: ["seed", "replicates", "block_days"].map(one),
        }
    }
}

/// Looks at a draft, states it, or locks a metric.
pub(super) async fn answer(
    State(state): State<AppState>,
    visitor: Visitor,
    Path(site): Path<String>,
    Form(form): Form<Vec<(String, String)>>,
) -> Result<Response, Problem> {
    let form = Fields(form);
    visitor.who.accept_form(form.one("token")).map_err(|_| visitor.problem(ProblemKind::Origin))?;
    let what = form.one("what");
    if what == "look" {
        let wanted = PlanWanted::Draft(Box::new(form.draft()));
        let said = Said { retrofits: form.retrofits(), ..Said::default() };
        return show(&state, &visitor, &site, wanted, StatusCode::OK, said).await;
    }
    query::visible(&state.store, visitor.access(), Permission::Declare, &site)
        .await
        .map_err(|_| visitor.problem(ProblemKind::Missing))?;
    let [reason, plan, metric, machine] =
        ["reason", "plan", "metric", "machine"].map(|field| form.one(field).to_owned());
    let refused = if what == "lock" {
        let wanted = LockWanted {
            definition: metric.clone(),
            machine: machine.clone(),
            reason: reason.clone(),
            insufficient: !form.one("insufficient").is_empty(),
        };
        api::lock_it(&state, visitor.access(), &site, &plan, wanted).await.map(drop)
    } else {
        let said = if reason.is_empty() { "measurement plan".to_owned() } else { reason.clone() };
        let statement =
            Statement { kind: PLAN.to_owned(), effective_from_ms: None, reason: said, body: form.draft().body() };
        api::state_it(&state, visitor.access(), &site, statement).await.map(drop)
    };
    let Err(failure) = refused else {
        let (site, plan, done) = (url_part(&site), url_part(&plan), if what == "lock" { "lock" } else { "state" });
        return Ok(Redirect::to(&format!("/sites/{site}/plan?plan={plan}&done={done}")).into_response());
    };
    let problem = failure.words(visitor.lang == Lang::Zh).to_owned();
    let (wanted, metric) = if what == "lock" {
        // The choice of comparison machines is locked without naming a metric.
        let of = if metric.is_empty() { CHOICE.to_owned() } else { format!("{metric}/{machine}") };
        (PlanWanted::Stated(Some(plan)), of)
    } else {
        (PlanWanted::Draft(Box::new(form.draft())), String::new())
    };
    let said = Said { problem, metric, reason, retrofits: form.retrofits(), ..Said::default() };
    show(&state, &visitor, &site, wanted, failure.status(), said).await
}
