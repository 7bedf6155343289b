//! Meters and bills of a site over local dates, evaluated from the log when somebody asks.

use std::collections::BTreeSet;

use metrics::History;
use metrics::figures::meters::{self, BillLine, Instrument, MeterFinding, YearLine};
use serde::Serialize;
use utoipa::ToSchema;

use super::figures::{FigureLine, LeafRun, gap, leaf_run, line, period};
use super::{
    GapView, NamedMachine, ONE_AT_A_TIME, Parameter, QueryError, SiteHead, machine as machines, off_thread, visible,
};
use crate::projection::stated;
use crate::reporting;
use crate::roles::{Access, Permission};
use crate::sitelog::SiteLogs;
use crate::store::Store;

/// Most local dates of one question: a quarter. Only energy registers are read, which a gateway sends seldom.
pub const METER_DAYS_MAX: usize = 92;

/// Meters and bills over local dates.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct MetersView {
    /// The site.
    pub site: SiteHead,
    /// First local date.
    pub from: String,
    /// Last local date.
    pub to: String,
    /// First instant.
    pub from_ms: i64,
    /// First instant after.
    pub until_ms: i64,
    /// Leaves of the log it was computed from.
    pub prefix: i64,
    /// The machines with their names.
    pub machines: Vec<NamedMachine>,
    /// Energy with instrument error, and bills against it; `part` names the machine, or machine and dates of the bill.
    pub figures: Vec<FigureLine>,
    /// The instruments as stated.
    pub instruments: Vec<Instrument>,
    /// Matters to verify about them.
    pub findings: Vec<MeterFinding>,
    /// The bills that overlap the dates.
    pub bills: Vec<BillLine>,
    /// Calendar years by their bills.
    pub years: Vec<YearLine>,
    /// Statements in force.
    pub statements: Vec<Parameter>,
    /// Records behind the figures.
    pub sources: Vec<LeafRun>,
    /// Gaps of the registers in the dates.
    pub gaps: Vec<GapView>,
}

/// Evaluates meters and bills of a site over local dates (both included).
pub async fn meters(
    store: &Store,
    logs: &SiteLogs,
    access: &Access,
    site: &str,
    dates: (&str, &str),
    now_ms: i64,
) -> Result<MetersView, QueryError> {
    let head = SiteHead::from(visible(store, access, Permission::SeeFigures, site).await?);
    let period = period(dates, METER_DAYS_MAX)?;
    let machines = machines::named(store, site).await?;
    let id = site.parse().map_err(|_| QueryError::NotFound)?;
    let logs = logs.clone();
    let (from, to) = (period.from.clone(), period.to.clone());
    let _one = ONE_AT_A_TIME.lock().await;
    let found = off_thread(move || {
        let (history, until_ms) = reporting::history_chosen(&logs, &id, now_ms, |light| {
            Ok((registers(light), meters::reach(light, &period).into_iter().collect()))
        })?;
        Ok((meters::meters(&history, &period, Some(until_ms)), history))
    });
    let (found, history) = found.await?;
    let found = found.ok_or(QueryError::NotFound)?;
    Ok(MetersView {
        site: head,
        from,
        to,
        from_ms: found.from_ms,
        until_ms: found.to_ms,
        prefix: i64::try_from(history.size()).unwrap_or(i64::MAX),
        machines,
        figures: found.figures.iter().map(line).collect(),
        statements: stated(&history, found.statements.iter().copied(), found.from_ms),
        sources: found.lineage.iter().map(leaf_run).collect(),
        gaps: found.gaps.iter().map(gap).collect(),
        instruments: found.instruments,
        findings: found.findings,
        bills: found.bills,
        years: found.years,
    })
}

/// Every energy register that was ever declared.
fn registers(history: &History) -> BTreeSet<(String, String)> {
    let statements = history.statements();
    let definitions = statements.machines().flat_map(|m| statements.machine_definitions(m));
    let registers = definitions.filter_map(|d| d.body.signals.energy.as_ref());
    registers.map(|s| (s.gateway.clone(), s.tag.clone())).collect()
}
