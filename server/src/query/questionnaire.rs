//! What the data of a site evidences of the 评测指标, evaluated from the log when somebody asks; months before and after from the
//! projector's rows, because a plan's periods are longer than any one evaluation.

use std::collections::{BTreeMap, BTreeSet};

use metrics::assessment::evidence::{Graded, QualityPair, Settings};
use metrics::figures;
use metrics::figures::questionnaire::{self, AskedLine, LevelLine, QuestionLine};
use metrics::grade::Grade;
use metrics::interval::union;
use metrics::model::{Line, Plan};
use metrics::report::{ReportError, Words};
use metrics::{History, Interval, ReportRequest};
use serde::Serialize;
use utoipa::ToSchema;

use super::figures::{DAYS_MAX, period};
use super::{ONE_AT_A_TIME, QueryError, SiteHead, off_thread, visible};
use crate::reporting::{self, ReportingError};
use crate::roles::{Access, Permission};
use crate::sitelog::SiteLogs;
use crate::store::Store;

/// Statements about lines looked at, newest first.
const LINES_MAX: i64 = 200;

/// What a site's data evidences over production dates.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct QuestionnaireView {
    /// The site.
    pub site: SiteHead,
    /// First production date.
    pub from: String,
    /// Last production date.
    pub to: String,
    /// Leaves of the log it was computed from.
    pub prefix: i64,
    /// Plan whose months answer the question about quality; none without a plan.
    pub plan: Option<String>,
    /// Id of the questionnaire.
    pub scheme: String,
    /// The questionnaire and its official document.
    pub document: Words,
    /// 「设备数据可佐证 x/29.5 分」: points of single questions, never a level.
    pub headline: Words,
    /// Points evidenced; none while nothing is declared.
    pub points: Option<String>,
    /// Most that data could evidence.
    pub of: String,
    /// Worst grade of the questions that count.
    pub grade: Option<String>,
    /// The questions.
    pub questions: Vec<QuestionLine>,
    /// The data that scenes ask for.
    pub scenes: Vec<AskedLine>,
    /// The checklist of what equipment data can evidence.
    pub checklist: Vec<AskedLine>,
    /// The 小灯塔 criteria, item by item.
    pub lighthouse: Vec<AskedLine>,
    /// The document they stand in.
    pub lighthouse_source: String,
    /// Levels stated by bodies, in order of their dates.
    pub levels: Vec<LevelLine>,
}

/// Evaluates it over production dates (both included).
pub async fn questionnaire(
    store: &Store,
    logs: &SiteLogs,
    access: &Access,
    site: &str,
    dates: (&str, &str),
    now_ms: i64,
) -> Result<QuestionnaireView, QueryError> {
    let head = SiteHead::from(visible(store, access, Permission::SeeFigures, site).await?);
    let period = period(dates, DAYS_MAX)?;
    let plan = newest_plan(store, site).await?;
    let quality = match &plan {
        Some(plan) => months(store, site, plan).await?,
        None => None,
    };
    let id = site.parse().map_err(|_| QueryError::NotFound)?;
    let logs = logs.clone();
    let (from, to) = (period.from.clone(), period.to.clone());
    let _one = ONE_AT_A_TIME.lock().await;
    let found = off_thread(move || {
        let wide = questionnaire::dates(&period);
        let request = ReportRequest::for_dates(0, &wide.from, &wide.to, None);
        let reach = |light: &History, windows: Vec<Interval>| {
            let machines = light.statements().machines();
            union(machines.flat_map(|m| figures::reach(light, m, &windows)).collect())
        };
        let (history, until_ms) = match reporting::history_of(&logs, &id, request, now_ms, reach) {
            // A site of which nothing is declared yet evidences nothing; that is no error.
            Err(ReportingError::Report(ReportError::NoMachines)) => return Ok((None, 0)),
            other => other?,
        };
        let found = questionnaire::questionnaire(&history, &period, Some(until_ms), quality, &Settings::default());
        Ok((found, History::size(&history)))
    });
    let (found, size) = found.await?;
    let mut out = QuestionnaireView {
        site: head,
        from,
        to,
        prefix: i64::try_from(size).unwrap_or(i64::MAX),
        plan: plan.map(|p| p.plan),
        scheme: questionnaire::SCHEME.to_owned(),
        document: Words::default(),
        headline: Words::default(),
        points: None,
        of: String::new(),
        grade: None,
        questions: Vec::new(),
        scenes: Vec::new(),
        checklist: Vec::new(),
        lighthouse: Vec::new(),
        lighthouse_source: String::new(),
        levels: Vec::new(),
    };
    if let Some(found) = found {
        out.document = found.document;
        out.headline = found.headline;
        out.points = Some(found.points);
        out.of = found.of;
        out.grade = found.grade.map(str::to_owned);
        out.questions = found.questions;
        out.scenes = found.scenes;
        out.checklist = found.checklist;
        out.lighthouse = found.lighthouse;
        out.lighthouse_source = found.lighthouse_source;
        out.levels = found.levels;
    }
    Ok(out)
}

/// The plan stated last. A body that does not read was refused when it came.
async fn newest_plan(store: &Store, site: &str) -> Result<Option<Plan>, QueryError> {
    let rows = store.declarations(site, Some("plan"), 1).await?;
    Ok(rows.first().and_then(|row| serde_json::from_str(&row.body).ok()))
}

/// Months before and after by a plan's periods: good and produced items of its machines that count rejects. Of a declared line the last
/// station counts alone, or a part would count once at every station it passes.
async fn months(store: &Store, site: &str, plan: &Plan) -> Result<Option<QualityPair>, QueryError> {
    let lines = store.declarations(site, Some("line"), LINES_MAX).await?;
    let mut last = BTreeMap::new();
    for line in lines.iter().rev().filter_map(|row| serde_json::from_str::<Line>(&row.body).ok()) {
        last.insert(line.line, line.route);
    }
    let inside: BTreeSet<&String> =
        last.values().flat_map(|route| route.iter().rev().skip(1)).filter(|m| plan.machines.contains(m)).collect();
    let machines: Vec<String> = plan.machines.iter().filter(|m| !inside.contains(m)).cloned().collect();
    let side = async |from: &str, to: &str| {
        let rows = store.counts_between(site, &machines, from, to).await?;
        let mut months: BTreeMap<String, (i128, i128)> = BTreeMap::new();
        let mut worst = None;
        for row in rows {
            let month = months.entry(row.date.chars().take(7).collect()).or_default();
            let items = |(num, den): (i64, i64)| i128::from(num) * 1_000_000 / i128::from(den).max(1);
            month.0 += items(row.good);
            month.1 += items(row.produced);
            worst = worst.max(Grade::from_letter(&row.grade));
        }
        let whole = |millionths: i128| u64::try_from(millionths / 1_000_000).unwrap_or(0);
        let value = months.into_values().map(|(good, produced)| (whole(good), whole(produced))).collect();
        Ok::<_, QueryError>(worst.map(|grade| Graded { value, grade }))
    };
    let Some(baseline) = &plan.baseline else { return Ok(None) };
    let before = side(&baseline.from, &baseline.to).await?;
    let after = side(&plan.reporting.from, &plan.reporting.to).await?;
    Ok(before.zip(after).map(|(before, after)| QualityPair { before, after }))
}
