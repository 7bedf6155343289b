//! The page of all sites: one row per site, written by the projector, read with one statement whatever the number of
//! sites. The scope of the reader is part of the statement ([`SiteFilter`]); there is no way to read rows without it.

use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::sites::site_row;
use super::{SiteRow, Store, StoreError};
use crate::roles::SiteFilter;

/// What the projector knows about a whole site.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FleetRecord {
    /// Gateways that ever delivered.
    pub gateways: i64,
    /// When the newest record arrived, Unix ms.
    pub received_ms: Option<i64>,
    /// Observed time of the recent window over all machines, ms.
    pub covered_ms: i64,
    /// Planned time of the same, ms.
    pub expected_ms: i64,
    /// Alarms in the log.
    pub alarms: i64,
    /// Records declared lost.
    pub lost_records: i64,
    /// Whether every chain continues without an unexplained start.
    pub chain_ok: bool,
    /// Worst grade of the recent window.
    pub grade: Option<String>,
    /// OEE of the recent window.
    pub oee: Option<(i64, i64)>,
    /// OEE of the plan's baseline period.
    pub oee_base: Option<(i64, i64)>,
    /// Energy per good standard hour in the recent window: Wh over ms.
    pub energy: Option<(i64, i64)>,
    /// The same in the plan's baseline period.
    pub energy_base: Option<(i64, i64)>,
    /// OEE per production day of the recent window, JSON list of `[date, numerator, denominator]`.
    pub trend: String,
    /// Order of attention: the higher the more somebody is needed.
    pub risk: i64,
    /// When this row was written, Unix ms.
    pub updated_ms: i64,
}

/// In which order the rows come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FleetOrder {
    /// Who needs me today.
    #[default]
    Risk,
    /// By name.
    Name,
    /// Longest silent first.
    Silent,
}

/// A page of the fleet.
#[derive(Clone, Debug, Default)]
pub struct FleetQuery {
    /// Text that must occur in the name or the identifier.
    pub search: String,
    /// Only this district when not empty.
    pub district: String,
    /// Only this sub-sector when not empty.
    pub sub_sector: String,
    /// Order.
    pub order: FleetOrder,
    /// Rows to leave out.
    pub offset: i64,
    /// Rows to give, at most [`FLEET_PAGE_MAX`].
    pub limit: i64,
}

/// Totals over everything the reader may see, whatever page is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FleetTotals {
    /// Sites.
    pub sites: i64,
    /// Sites whose newest record is younger than the online limit.
    pub online: i64,
    /// Sites with alarms.
    pub alarmed: i64,
    /// Sites that never delivered.
    pub silent: i64,
    /// Sites that match the query's text and filters.
    pub matching: i64,
}

impl Store {
    /// Writes a site's row.
    pub async fn put_fleet(&self, site: &str, row: &FleetRecord) -> Result<(), StoreError> {
        sqlx::query("INSERT OR REPLACE INTO fleet VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
            .bind(site)
            .bind(row.gateways)
            .bind(row.received_ms)
            .bind(row.covered_ms)
            .bind(row.expected_ms)
            .bind(row.alarms)
            .bind(row.lost_records)
            .bind(row.chain_ok)
            .bind(&row.grade)
            .bind(row.oee.map(|pair| pair.0))
            .bind(row.oee.map(|pair| pair.1))
            .bind(row.oee_base.map(|pair| pair.0))
            .bind(row.oee_base.map(|pair| pair.1))
            .bind(row.energy.map(|pair| pair.0))
            .bind(row.energy.map(|pair| pair.1))
            .bind(row.energy_base.map(|pair| pair.0))
            .bind(row.energy_base.map(|pair| pair.1))
            .bind(&row.trend)
            .bind(row.risk)
            .bind(row.updated_ms)
            .execute(&self.write)
            .await?;
        Ok(())
    }

    /// One page of sites the filter admits.
    pub async fn fleet(
        &self,
        filter: &SiteFilter,
        query: &FleetQuery,
    ) -> Result<Vec<(SiteRow, Option<FleetRecord>)>, StoreError> {
        let statement = match query.order {
            FleetOrder::Risk => FLEET_BY_RISK,
            FleetOrder::Name => FLEET_BY_NAME,
            FleetOrder::Silent => FLEET_BY_SILENCE,
        };
        let rows = bind_filter(sqlx::query(statement), filter)
            .bind(&query.search)
            .bind(&query.district)
            .bind(&query.sub_sector)
            .bind(query.limit.clamp(1, FLEET_PAGE_MAX))
            .bind(query.offset.max(0))
            .fetch_all(&self.read)
            .await?;
        rows.iter().map(|row| Ok((site_row(row)?, fleet_record(row)?))).collect()
    }

    /// Totals for the head of the page. `online_since_ms` is the oldest receipt that still counts as online.
    pub async fn fleet_totals(
        &self,
        filter: &SiteFilter,
        query: &FleetQuery,
        online_since_ms: i64,
    ) -> Result<FleetTotals, StoreError> {
        let row = bind_filter(sqlx::query(FLEET_TOTALS), filter)
            .bind(&query.search)
            .bind(&query.district)
            .bind(&query.sub_sector)
            .bind(online_since_ms)
            .fetch_one(&self.read)
            .await?;
        Ok(FleetTotals {
            sites: row.try_get(0)?,
            online: row.try_get(1)?,
            alarmed: row.try_get(2)?,
            silent: row.try_get(3)?,
            matching: row.try_get(4)?,
        })
    }

    /// The row of one site; the caller has checked the access.
    pub async fn fleet_record(&self, site: &str) -> Result<Option<FleetRecord>, StoreError> {
        let row = sqlx::query("SELECT * FROM fleet WHERE site = ?").bind(site).fetch_optional(&self.read).await?;
        row.as_ref().map(fleet_record).transpose().map(Option::flatten)
    }
}

/// Binds the four lists of the filter as JSON, in the order every fleet statement expects (?1 to ?5).
fn bind_filter<'q>(
    query: sqlx::query::Query<'q, sqlx::Sqlite, sqlx::sqlite::SqliteArguments>,
    filter: &SiteFilter,
) -> sqlx::query::Query<'q, sqlx::Sqlite, sqlx::sqlite::SqliteArguments> {
    let list = |names: &[String]| serde_json::Value::from(names.to_vec()).to_string();
    query
        .bind(filter.everything)
        .bind(list(&filter.cities))
        .bind(list(&filter.districts))
        .bind(list(&filter.sub_sectors))
        .bind(list(&filter.sites))
}

fn fleet_record(row: &SqliteRow) -> Result<Option<FleetRecord>, StoreError> {
    if row.try_get::<Option<i64>, _>("updated_ms")?.is_none() {
        return Ok(None);
    }
    let pair = |numerator: &str, denominator: &str| -> Result<Option<(i64, i64)>, StoreError> {
        let parts: (Option<i64>, Option<i64>) = (row.try_get(numerator)?, row.try_get(denominator)?);
        Ok(parts.0.zip(parts.1))
    };
    Ok(Some(FleetRecord {
        gateways: row.try_get("gateways")?,
        received_ms: row.try_get("received_ms")?,
        covered_ms: row.try_get("covered_ms")?,
        expected_ms: row.try_get("expected_ms")?,
        alarms: row.try_get("alarms")?,
        lost_records: row.try_get("lost_records")?,
        chain_ok: row.try_get("chain_ok")?,
        grade: row.try_get("grade")?,
        oee: pair("oee_numerator", "oee_denominator")?,
        oee_base: pair("oee_base_numerator", "oee_base_denominator")?,
        energy: pair("energy_numerator", "energy_denominator")?,
        energy_base: pair("energy_base_numerator", "energy_base_denominator")?,
        trend: row.try_get("trend")?,
        risk: row.try_get("risk")?,
        updated_ms: row.try_get("updated_ms")?,
    }))
}

/// The scope of the reader. The same rule as `Access::allows`; a test compares the two on random sites and grants.
macro_rules! visible {
    () => {
        "(?1 OR s.city IN (SELECT value FROM json_each(?2)) OR s.district IN (SELECT value FROM json_each(?3))
          OR s.sub_sector IN (SELECT value FROM json_each(?4)) OR s.id IN (SELECT value FROM json_each(?5)))"
    };
}
/// The reader's own filters.
macro_rules! wanted {
    () => {
        "(?6 = '' OR instr(s.name_zh, ?6) > 0 OR instr(s.name_en, ?6) > 0 OR instr(s.id, ?6) > 0) AND (?7 = '' OR s.district = ?7)
         AND (?8 = '' OR s.sub_sector = ?8)"
    };
}
macro_rules! fleet_page {
    ($order:literal) => {
        concat!(
            "SELECT * FROM site s LEFT JOIN fleet f ON f.site = s.id WHERE ",
            visible!(),
            " AND ",
            wanted!(),
            " ORDER BY ",
            $order,
            " LIMIT ?9 OFFSET ?10"
        )
    };
}
const FLEET_BY_RISK: &str = fleet_page!("COALESCE(f.risk, 0) DESC, s.id");
const FLEET_BY_NAME: &str = fleet_page!("s.name_zh, s.id");
const FLEET_BY_SILENCE: &str = fleet_page!("COALESCE(f.received_ms, -1), s.id");
const FLEET_TOTALS: &str = concat!(
    "SELECT COUNT(*), COALESCE(SUM(f.received_ms >= ?9), 0), COALESCE(SUM(f.alarms > 0), 0),
     COALESCE(SUM(f.received_ms IS NULL), 0), COALESCE(SUM(",
    wanted!(),
    "), 0) FROM site s LEFT JOIN fleet f ON f.site = s.id WHERE ",
    visible!()
);
/// Most rows on one page.
pub const FLEET_PAGE_MAX: i64 = 200;

// Below the scope's text, which it shares.
mod portfolio;

pub(super) use portfolio::put_portfolio;
pub use portfolio::{PortfolioOrder, PortfolioQuery, PortfolioRow, PortfolioShow, PortfolioTotals, SiteEntry};
