//! What each firm owes and who is asked next: one row per site, written by the projector, read with one statement.

use sqlx::{Row, Sqlite, Transaction};

use super::bind_filter;
use crate::roles::SiteFilter;
use crate::store::sites::site_row;
use crate::store::{FLEET_PAGE_MAX, SiteRow, Store, StoreError};

/// What the projector knows of a firm's papers, applications and entry in a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PortfolioRow {
    /// 统一社会信用代码 as listed; empty without an entry.
    pub code: String,
    /// Name as listed; empty without an entry.
    pub listed: String,
    /// Earliest date on which a plan was filed.
    pub filed: Option<String>,
    /// Papers the firm owes.
    pub owed: i64,
    /// The earliest date by which it owes one.
    pub due: Option<String>,
    /// Papers and applications that were returned (退回补正) and not handed in again.
    pub returned: i64,
    /// Bodies that are asked next: roles.
    pub waiting: Vec<String>,
}

/// Which firms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PortfolioShow {
    /// All of them.
    #[default]
    All,
    /// Those that owe a paper.
    Owing,
    /// Those that owe one whose date is over.
    Overdue,
    /// Those with something returned.
    Returned,
    /// Those that wait for one of the reader's bodies.
    Waiting,
    /// Those without a filed plan.
    Unfiled,
}

impl PortfolioShow {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::All, Self::Owing, Self::Overdue, Self::Returned, Self::Waiting, Self::Unfiled];

    /// Its name in addresses.
    pub fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Owing => "owing",
            Self::Overdue => "overdue",
            Self::Returned => "returned",
            Self::Waiting => "waiting",
            Self::Unfiled => "unfiled",
        }
    }
}

/// In which order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PortfolioOrder {
    /// Who owes something soonest.
    #[default]
    Due,
    /// By name.
    Name,
}

/// A page of firms.
#[derive(Clone, Debug, Default)]
pub struct PortfolioQuery {
    /// Text that must occur in a name, the id or the code.
    pub search: String,
    /// Which firms.
    pub show: PortfolioShow,
    /// Order.
    pub order: PortfolioOrder,
    /// Today, `YYYY-MM-DD`.
    pub today: String,
    /// Bodies the reader speaks for: roles.
    pub bodies: Vec<String>,
    /// Rows to leave out.
    pub offset: i64,
    /// Rows to give, at most [`FLEET_PAGE_MAX`].
    pub limit: i64,
}

/// How many firms there are of each sort, whatever page is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PortfolioTotals {
    /// By [`PortfolioShow::ALL`].
    pub of: [i64; 6],
    /// That match the query.
    pub matching: i64,
}

/// A site as lists are matched with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SiteEntry {
    /// The site.
    pub site: SiteRow,
    /// Its code as listed; empty without an entry.
    pub code: String,
    /// Its name as listed; empty without an entry.
    pub listed: String,
}

/// Writes a site's row.
pub(in crate::store) async fn put_portfolio(
    transaction: &mut Transaction<'_, Sqlite>,
    site: &str,
    row: &PortfolioRow,
) -> Result<(), StoreError> {
    sqlx::query("INSERT OR REPLACE INTO portfolio VALUES (?, ?, ?, ?, ?, ?, ?, ?)")
        .bind(site)
        .bind(&row.code)
        .bind(&row.listed)
        .bind(&row.filed)
        .bind(row.owed)
        .bind(&row.due)
        .bind(row.returned)
        .bind(serde_json::Value::from(row.waiting.clone()).to_string())
        .execute(&mut **transaction)
        .await?;
    Ok(())
}

/// Conditions of [`PortfolioShow`], with today as `?7` and the reader's bodies as `?8`.
macro_rules! is {
    (owing) => {
        "COALESCE(p.owed, 0) > 0"
    };
    (overdue) => {
        "COALESCE(p.due < ?7, 0)"
    };
    (returned) => {
        "COALESCE(p.returned, 0) > 0"
    };
    (waiting) => {
        "EXISTS (SELECT 1 FROM json_each(COALESCE(p.waiting, '[]')) w WHERE w.value IN (SELECT value FROM json_each(?8)))"
    };
    (unfiled) => {
        "p.filed IS NULL"
    };
}
macro_rules! searched {
    () => {
        "(?6 = '' OR instr(s.name_zh, ?6) > 0 OR instr(s.name_en, ?6) > 0 OR instr(s.id, ?6) > 0
          OR instr(COALESCE(p.listed, ''), ?6) > 0 OR instr(COALESCE(p.code, ''), ?6) > 0)"
    };
}
macro_rules! shown {
    () => {
        concat!(
            "CASE ?9 WHEN 'owing' THEN ",
            is!(owing),
            " WHEN 'overdue' THEN ",
            is!(overdue),
            " WHEN 'returned' THEN ",
            is!(returned),
            " WHEN 'waiting' THEN ",
            is!(waiting),
            " WHEN 'unfiled' THEN ",
            is!(unfiled),
            " ELSE 1 END"
        )
    };
}
macro_rules! page {
    ($order:literal) => {
        concat!(
            "SELECT * FROM site s LEFT JOIN portfolio p ON p.site = s.id WHERE ",
            visible!(),
            " AND ",
            searched!(),
            " AND ",
            shown!(),
            " ORDER BY ",
            $order,
            " LIMIT ?10 OFFSET ?11"
        )
    };
}
const BY_DUE: &str = page!("p.due IS NULL, p.due, s.id");
const BY_NAME: &str = page!("s.name_zh, s.id");
const TOTALS: &str = concat!(
    "SELECT COUNT(*), COALESCE(SUM(",
    is!(owing),
    "), 0), COALESCE(SUM(",
    is!(overdue),
    "), 0), COALESCE(SUM(",
    is!(returned),
    "), 0), COALESCE(SUM(",
    is!(waiting),
    "), 0), COALESCE(SUM(",
    is!(unfiled),
    "), 0), COALESCE(SUM(",
    searched!(),
    " AND ",
    shown!(),
    "), 0) FROM site s LEFT JOIN portfolio p ON p.site = s.id WHERE ",
    visible!()
);
const ENTRIES: &str =
    concat!("SELECT * FROM site s LEFT JOIN portfolio p ON p.site = s.id WHERE ", visible!(), " ORDER BY s.id");

impl Store {
    /// One page of firms the filter admits, each with its row once the projector wrote it.
    pub async fn portfolio(
        &self,
        filter: &SiteFilter,
        query: &PortfolioQuery,
    ) -> Result<Vec<(SiteRow, Option<PortfolioRow>)>, StoreError> {
        let statement = match query.order {
            PortfolioOrder::Due => BY_DUE,
            PortfolioOrder::Name => BY_NAME,
        };
        let rows = bind_filter(sqlx::query(statement), filter)
            .bind(&query.search)
            .bind(&query.today)
            .bind(serde_json::Value::from(query.bodies.clone()).to_string())
            .bind(query.show.name())
            .bind(query.limit.clamp(1, FLEET_PAGE_MAX))
            .bind(query.offset.max(0))
            .fetch_all(&self.read)
            .await?;
        let read = |row: &sqlx::sqlite::SqliteRow| {
            let Some(code) = row.try_get::<Option<String>, _>("code")? else { return Ok((site_row(row)?, None)) };
            let waiting: String = row.try_get("waiting")?;
            let portfolio = PortfolioRow {
                code,
                listed: row.try_get("listed")?,
                filed: row.try_get("filed")?,
                owed: row.try_get("owed")?,
                due: row.try_get("due")?,
                returned: row.try_get("returned")?,
                waiting: serde_json::from_str(&waiting).unwrap_or_default(),
            };
            Ok((site_row(row)?, Some(portfolio)))
        };
        rows.iter().map(read).collect()
    }

    /// How many firms there are of each sort.
    pub async fn portfolio_totals(
        &self,
        filter: &SiteFilter,
        query: &PortfolioQuery,
    ) -> Result<PortfolioTotals, StoreError> {
        let row = bind_filter(sqlx::query(TOTALS), filter)
            .bind(&query.search)
            .bind(&query.today)
            .bind(serde_json::Value::from(query.bodies.clone()).to_string())
            .bind(query.show.name())
            .fetch_one(&self.read)
            .await?;
        let mut of = [0; 6];
        for (at, count) in of.iter_mut().enumerate() {
            *count = row.try_get(at)?;
        }
        Ok(PortfolioTotals { of, matching: row.try_get(6)? })
    }

    /// Every site the filter admits, as lists are matched with.
    pub async fn site_entries(&self, filter: &SiteFilter) -> Result<Vec<SiteEntry>, StoreError> {
        let rows = bind_filter(sqlx::query(ENTRIES), filter).fetch_all(&self.read).await?;
        let read = |row: &sqlx::sqlite::SqliteRow| {
            let text = |column: &str| row.try_get::<Option<String>, _>(column).map(Option::unwrap_or_default);
            Ok(SiteEntry { site: site_row(row)?, code: text("code")?, listed: text("listed")? })
        };
        rows.iter().map(read).collect()
    }
}
