//! 承诺—实际—持续 of one firm on one page: its filed plan, targets and days, papers, and electricity bills, as the pages have them on which each
//! is explained. Nothing is computed here.

use jiff::civil::Date;
use metrics::calendar::parse_date;

use super::bills::{BillMonth, months, since};
use super::{
    DeviationsView, FilingView, NamedMachine, PapersView, QueryError, deviations, dossier, filing, machine, papers,
};
use crate::roles::Access;
use crate::sitelog::SiteLogs;
use crate::store::Store;

/// Statements that the months of bills rest on.
const KINDS: [&str; 2] = ["site", "bill"];

/// Everything the page shows.
#[derive(Clone, Debug)]
pub struct FirmView {
    /// The filed plan.
    pub filing: FilingView,
    /// Targets, deviations and days.
    pub deviations: DeviationsView,
    /// Papers.
    pub papers: PapersView,
    /// Electricity bills by month, newest first.
    pub months: Vec<BillMonth>,
    /// The machines with their names.
    pub machines: Vec<NamedMachine>,
}

/// A firm with one of its filings.
pub async fn firm(
    store: &Store,
    logs: &SiteLogs,
    access: &Access,
    site: &str,
    wanted: Option<&str>,
    now_ms: i64,
) -> Result<FirmView, QueryError> {
    let (filing, deviations, papers) = tokio::try_join!(
        filing(store, logs, access, site, wanted, now_ms),
        deviations(store, logs, access, site, wanted, now_ms),
        papers(store, logs, access, site, now_ms),
    )?;
    let ids = [site.to_owned()];
    let rows: Vec<_> = store.bills_of(&ids).await?.into_iter().map(|(_, row)| row).collect();
    let stated = store.declarations_of(&ids, &KINDS).await?.into_iter().map(|(_, row)| row);
    let machines = machine::named(store, site).await?;
    let has_meter = store.machines(site).await?.iter().any(|row| super::site::role(row) == "meter");
    let today = parse_date(&filing.today).unwrap_or(Date::MIN);
    let term = filing.filing.as_ref().and_then(|state| state.term.as_ref()).map(|term| term.dates[0].as_str());
    let months = months(&dossier::stated(stated), &rows, has_meter, (since(term, today), today));
    Ok(FirmView { filing, deviations, papers, months, machines })
}
