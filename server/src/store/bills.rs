//! Bills of electricity against the register of their incoming meter: written by the projector, read by the pages of firms.

use sqlx::sqlite::SqliteRow;
use sqlx::{Row, Sqlite, Transaction};

use super::{Store, StoreError};

/// A bill that was compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BillRow {
    /// Incoming meter.
    pub machine: String,
    /// Leaf of the bill.
    pub leaf: i64,
    /// Account.
    pub account: String,
    /// First and last local date.
    pub dates: [String; 2],
    /// Amount and unit as printed.
    pub printed: String,
    /// What was metered by the bill, kWh.
    pub billed: Option<String>,
    /// By the register here, kWh.
    pub measured: Option<String>,
    /// The difference as a share of the bill.
    pub relative: Option<String>,
    /// Stable code of the verdict.
    pub verdict: String,
}

/// Writes the rows of a step.
pub(super) async fn put_bills(
    transaction: &mut Transaction<'_, Sqlite>,
    site: &str,
    rows: &[BillRow],
    removed: &[(String, i64)],
) -> Result<(), StoreError> {
    for (machine, leaf) in removed {
        sqlx::query("DELETE FROM bill_compared WHERE site = ? AND machine = ? AND leaf = ?")
            .bind(site)
            .bind(machine)
            .bind(leaf)
            .execute(&mut **transaction)
            .await?;
    }
    for row in rows {
        sqlx::query("INSERT OR REPLACE INTO bill_compared VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
            .bind(site)
            .bind(&row.machine)
            .bind(row.leaf)
            .bind(&row.account)
            .bind(&row.dates[0])
            .bind(&row.dates[1])
            .bind(&row.printed)
            .bind(&row.billed)
            .bind(&row.measured)
            .bind(&row.relative)
            .bind(&row.verdict)
            .execute(&mut **transaction)
            .await?;
    }
    Ok(())
}

impl Store {
    /// Compared bills of some sites, by site and last date; the caller has checked the access.
    pub async fn bills_of(&self, sites: &[String]) -> Result<Vec<(String, BillRow)>, StoreError> {
        let rows = sqlx::query(
            "SELECT * FROM bill_compared WHERE site IN (SELECT value FROM json_each(?)) ORDER BY site, last, first, machine",
        )
        .bind(serde_json::Value::from(sites.to_vec()).to_string())
        .fetch_all(&self.read)
        .await?;
        let read = |row: &SqliteRow| {
            let bill = BillRow {
                machine: row.try_get("machine")?,
                leaf: row.try_get("leaf")?,
                account: row.try_get("account")?,
                dates: [row.try_get("first")?, row.try_get("last")?],
                printed: row.try_get("printed")?,
                billed: row.try_get("billed")?,
                measured: row.try_get("measured")?,
                relative: row.try_get("relative")?,
                verdict: row.try_get("verdict")?,
            };
            Ok((row.try_get("site")?, bill))
        };
        rows.iter().map(read).collect()
    }
}
