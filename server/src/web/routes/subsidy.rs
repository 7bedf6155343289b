//! 补助测算 by a rule file: computed for whoever sees the site, from the filed plan and what the reader types. Nothing is logged.

use std::collections::BTreeMap;

use axum::Form;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use practice::claim::{Announced, Answer, Claim, Line, StatedAmount, StatedAward, StatedDay, StatedLevel};
use practice::rule::{self, Day, Rule};
use practice::sheet;
use serde::Deserialize;

use super::form::{Fields, amount, hundredths};
use super::{Problem, ProblemKind, Visitor, html, manages};
use crate::api::{PackageParam, archive_of};
use crate::packaging::cities;
use crate::query;
use crate::roles::Permission;
use crate::state::AppState;
use crate::web::subsidy::{SubsidyPage, Told, day, place};
use crate::web::text::{Lang, Texts};
use crate::web::view::Nav;

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Asked {
    filing: String,
    rule: String,
}

/// The form for a rule: the one asked for, the one the plan was filed under, or the first.
pub(super) async fn page(
    State(state): State<AppState>,
    visitor: Visitor,
    Path(site): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Response, Problem> {
    show(&state, &visitor, &site, [&asked.filing, &asked.rule], |_, _| Told::default()).await
}

/// Computes, and shows what was typed with the sheet above it.
pub(super) async fn answer(
    State(state): State<AppState>,
    visitor: Visitor,
    Path(site): Path<String>,
    Form(form): Form<Vec<(String, String)>>,
) -> Result<Response, Problem> {
    let form = Fields(form);
    visitor.who.accept_form(form.one("token")).map_err(|_| visitor.problem(ProblemKind::Origin))?;
    let [filing, rule] = ["filing", "rule"].map(|field| form.one(field).to_owned());
    let packed = form.one("what") == "package";
    show(&state, &visitor, &site, [&filing, &rule], |t, rule| {
        let sheet = claim(t, rule, &form).and_then(|claim| {
            sheet::evaluate(rule, &claim).map_err(|e| {
                let said = if t.lang() == Lang::Zh { &e.said.zh } else { &e.said.en };
                t.f("subsidy-refused", &[("place", &place(t, rule, &e.place)), ("why", said)])
            })
        });
        match sheet {
            Ok(sheet) => Told { typed: form.0, sheet: Some(sheet), packed, ..Told::default() },
            Err(problem) => Told { typed: form.0, problem, ..Told::default() },
        }
    })
    .await
}

async fn show(
    state: &AppState,
    visitor: &Visitor,
    site: &str,
    [filing, wanted]: [&str; 2],
    told: impl FnOnce(&'static Texts, &Rule) -> Told,
) -> Result<Response, Problem> {
    let now_ms = state.clock.now_ms();
    let found = query::filing(&state.store, &state.logs, visitor.access(), site, Some(filing), now_ms).await;
    let data = found.map_err(|e| visitor.failed(e))?;
    let filed = data.filing.as_ref().and_then(|f| f.rule.as_ref()).map_or("", |rule| rule.id.as_str());
    let rule = rule::find(wanted).or_else(|| rule::find(filed)).or(rule::delivered().first());
    let rule = rule.ok_or_else(|| visitor.problem(ProblemKind::Missing))?;
    let t = visitor.lang.texts();
    let mut told = told(t, rule);
    if let Some(sheet) = told.sheet.as_ref().filter(|_| told.packed) {
        let paper = crate::web::subsidy::paper(t, rule, sheet, &told.typed);
        let folder = state.data_dir.to_path_buf();
        let cities = tokio::task::spawn_blocking(move || cities(&folder).0).await.unwrap_or_default();
        let city = cities.into_iter().find(|city| city.overlay.rule.as_deref() == Some(rule.id()));
        let wanted = PackageParam { overlay: city.map(|city| city.name), ..PackageParam::default() };
        let made = archive_of(state, visitor.access(), site, (&wanted, visitor.lang), Some(paper)).await;
        match made.map_err(|e| visitor.failed(e))? {
            Some(archive) => return Ok(archive),
            None => told.problem = t.s("package-no-report"),
        }
    }
    let row = state.store.site(site).await.map_err(|e| visitor.failed(e.into()))?;
    told.may_package = row.is_some_and(|row| visitor.access().allows(Permission::SeeRaw, &row));
    let status = if told.problem.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let title = visitor.lang.texts().s("subsidy-title");
    let manages = manages(state, visitor, site).await;
    let (frame, _) = visitor.frame(title, Nav::Site, Some(&data.site), manages, now_ms);
    Ok(html(status, &SubsidyPage::new(frame, &data, rule::delivered(), rule, told)))
}

/// A date that was typed, if one was.
fn dated(t: &Texts, text: &str) -> Result<Option<Day>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    let wrong = || t.f1("subsidy-date-wrong", "typed", text.chars().take(20).collect::<String>());
    day(text).map(Some).ok_or_else(wrong)
}

fn answered(text: &str) -> Option<bool> {
    match text {
        "yes" => Some(true),
        "no" => Some(false),
        _ => None,
    }
}

/// Hundredths of a percent of a share in percent with at most two decimals.
fn share(t: &Texts, percent: &str) -> Result<Option<u32>, String> {
    if percent.is_empty() {
        return Ok(None);
    }
    let wrong = || t.f1("subsidy-share-wrong", "typed", percent.chars().take(20).collect::<String>());
    hundredths(percent.trim_end_matches('%').trim_end()).and_then(|h| u32::try_from(h).ok()).map(Some).ok_or_else(wrong)
}

fn stated(form: &Fields, field: &str, id: &str) -> String {
    form.one(&format!("{field}.{id}")).to_owned()
}

/// By entry of the rule that has something typed.
fn entries<'r, V>(
    ids: impl Iterator<Item = &'r str>,
    mut entry: impl FnMut(&str) -> Result<Option<V>, String>,
) -> Result<BTreeMap<String, V>, String> {
    let mut out = BTreeMap::new();
    for id in ids {
        if let Some(value) = entry(id)? {
            out.insert(id.to_owned(), value);
        }
    }
    Ok(out)
}

/// The claim that a form makes under a rule.
fn claim(t: &Texts, rule: &Rule, form: &Fields) -> Result<Claim, String> {
    let sum = |field: &str, id: &str| -> Result<Option<i64>, String> {
        let typed = stated(form, field, id);
        if typed.is_empty() { Ok(None) } else { amount(t, &typed).map(Some) }
    };
    let mut lines = Vec::new();
    for (i, [_, category, typed, hardware, invoiced]) in
        form.rows(["what", "category", "amount", "hardware", "invoiced"])
    {
        let of = |field: &str| form.one(&format!("{field}.{i}"));
        let line = format!("r-{i}");
        let wrong =
            |why| t.f("subsidy-refused", &[("place", &place(t, rule, &format!("lines.{line}"))), ("why", &why)]);
        lines.push(Line {
            category: category.to_owned(),
            amount_fen: amount(t, typed).map_err(wrong)?,
            hardware_fen: if hardware.is_empty() { 0 } else { amount(t, hardware).map_err(wrong)? },
            invoiced: dated(t, invoiced).map_err(wrong)?,
            line,
            in_plan: answered(of("in_plan")),
            in_contract: answered(of("in_contract")),
            subsidised: answered(of("subsidised")),
        });
    }
    let caps = || rule.cap.iter().map(|c| c.id());
    let stages = || rule.stage.iter().map(|s| s.id());
    let text = |field: &str| Some(form.one(field).to_owned()).filter(|text| !text.is_empty());
    let of_amount = |field: &str, by: &str, id: &str| -> Result<Option<StatedAmount>, String> {
        Ok(sum(field, id)?.map(|amount_fen| StatedAmount { amount_fen, by: stated(form, by, id) }))
    };
    let announced = |id: &str| -> Result<Option<Announced>, String> {
        let (share_hundredths, most_fen) = (share(t, &stated(form, "share", id))?, sum("most", id)?);
        let is_stated = share_hundredths.is_some() || most_fen.is_some();
        Ok(is_stated.then(|| Announced { share_hundredths, most_fen, by: stated(form, "announced_by", id) }))
    };
    let met = |id: &str| -> Result<Option<StatedDay>, String> {
        Ok(dated(t, &stated(form, "met", id))?.map(|date| StatedDay { date, by: stated(form, "met_by", id) }))
    };
    Ok(Claim {
        at: dated(t, form.one("at"))?.ok_or_else(|| t.f1("subsidy-date-wrong", "typed", ""))?,
        level: form.one("level").parse().ok().map(|level| StatedLevel { level, by: form.one("level_by").to_owned() }),
        sector: text("sector"),
        batch: text("batch"),
        started: dated(t, form.one("started"))?,
        finished: dated(t, form.one("finished"))?,
        rule_from: dated(t, form.one("rule_from"))?
            .map(|date| StatedDay { date, by: form.one("rule_from_by").to_owned() }),
        lines,
        facts: entries(rule.exclusion.iter().map(|e| e.id()), |id| {
            let answer = answered(&stated(form, "fact", id));
            Ok(answer.map(|answer| Answer { answer, by: stated(form, "fact_by", id) }))
        })?,
        confirmed: entries(caps(), |id| of_amount("confirmed", "confirmed_by", id))?,
        announced: entries(caps(), announced)?,
        awards: entries(rule.award.iter().map(|a| a.id()), |id| {
            let by = stated(form, "award_by", id);
            let amount_fen = sum("award", id)?;
            Ok((amount_fen.is_some() || !by.is_empty()).then_some(StatedAward { amount_fen, by }))
        })?,
        received: match form.one("received") {
            "" => Vec::new(),
            typed => vec![StatedAmount { amount_fen: amount(t, typed)?, by: form.one("received_by").to_owned() }],
        },
        paid: entries(stages(), |id| of_amount("paid", "paid_by", id))?,
        met: entries(stages(), met)?,
    })
}
