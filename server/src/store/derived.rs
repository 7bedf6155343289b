//! Derived rows: what the projector computed from the site logs. All of it can be dropped and built again.
//!
//! A projection step of one site is applied in one transaction together with the log size it stands for
//! ([`SiteProjection`]), so that a crash never leaves rows of one prefix beside the mark of another.

use std::collections::BTreeMap;

use sqlx::{Executor, Row, Sqlite, Transaction};

use super::bills::put_bills;
use super::fleet::put_portfolio;
use super::{BillRow, PortfolioRow, Store, StoreError};

/// A gateway as its records show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GatewayStatus {
    /// Identifier.
    pub gateway: String,
    /// Records in the log.
    pub records: i64,
    /// Readings in those records.
    pub readings: i64,
    /// Highest sequence number of the current chain.
    pub sequence: i64,
    /// When the newest record arrived, Unix ms.
    pub received_ms: i64,
    /// Derived time of its newest reading, Unix ms; none while the gateway's clock is unknown.
    pub observed_ms: Option<i64>,
    /// `synchronised`, `unsynchronised` or `unknown`.
    pub clock_state: String,
    /// Agent version that sealed the newest record.
    pub agent_version: String,
    /// Records the gateway declared lost.
    pub lost_records: i64,
    /// Chains opened.
    pub chains: i64,
}

/// Something in the log a person must look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlarmRow {
    /// Leaf that says so.
    pub leaf: i64,
    /// Gateway concerned, empty for the site itself.
    pub gateway: String,
    /// Fixed word, a key of the locales.
    pub kind: String,
    /// Server time of receipt, Unix ms.
    pub at_ms: i64,
    /// Numbers and names, language-free.
    pub detail: String,
}

/// Good and produced items of a machine's shift, each as numerator and denominator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CountsRow {
    /// Production date.
    pub date: String,
    /// Grade of the quality rate.
    pub grade: String,
    /// Good items.
    pub good: (i64, i64),
    /// Good and bad together.
    pub produced: (i64, i64),
}

/// A machine in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MachineRow {
    /// Identifier.
    pub id: String,
    /// Chinese name as declared.
    pub name_zh: String,
    /// English name as declared.
    pub name_en: String,
    /// Body of the declaration in force.
    pub body: String,
}

/// One machine in one shift.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShiftRow {
    /// Machine.
    pub machine: String,
    /// Production date `YYYY-MM-DD`: the date on which the shift starts.
    pub date: String,
    /// Name of the shift in the calendar.
    pub name: String,
    /// Start, Unix ms.
    pub from_ms: i64,
    /// End (exclusive), Unix ms.
    pub until_ms: i64,
    /// Over and evaluated to its end; a live shift is not.
    pub closed: bool,
    /// Log size at which it was evaluated.
    pub prefix: i64,
    /// Timeline as JSON (`query::ShiftBody`).
    pub body: String,
}

/// One metric of one machine in one shift.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetricRow {
    /// Machine.
    pub machine: String,
    /// Production date.
    pub date: String,
    /// Shift name.
    pub shift: String,
    /// Definition and version, such as `oee.iso22400@1`.
    pub metric: String,
    /// Window start, Unix ms.
    pub from_ms: i64,
    /// Window end (exclusive), Unix ms.
    pub until_ms: i64,
    /// The value; both parts or none.
    pub value: Option<(i64, i64)>,
    /// Lower bound.
    pub low: Option<(i64, i64)>,
    /// Upper bound.
    pub high: Option<(i64, i64)>,
    /// Why there is no value.
    pub undefined: Option<String>,
    /// Observed time, ms.
    pub covered_ms: i64,
    /// Time that should have been observed, ms.
    pub expected_ms: i64,
    /// A to D.
    pub grade: String,
    /// Flags, JSON list.
    pub flags: String,
    /// Terms, inputs and versions, JSON.
    pub lineage: String,
}

/// Planned time of a machine that nobody observed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnobservedRow {
    /// Machine.
    pub machine: String,
    /// Production date of the shift.
    pub date: String,
    /// Cause word.
    pub cause: String,
    /// Start, Unix ms.
    pub from_ms: i64,
    /// End, exclusive, Unix ms.
    pub until_ms: i64,
}

/// A statement by a person, as logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeclarationRow {
    /// Leaf.
    pub leaf: i64,
    /// Kind word.
    pub kind: String,
    /// When the server appended it, Unix ms.
    pub received_ms: i64,
    /// Effective from, Unix ms.
    pub effective_ms: Option<i64>,
    /// Pseudonym.
    pub author: String,
    /// Role the author acted in.
    pub role: String,
    /// Reason given.
    pub reason: String,
    /// Canonical JSON of the body.
    pub body: String,
}

/// A report that was issued.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportRow {
    /// Leaf of its `ReportIssued`.
    pub leaf: i64,
    /// When, Unix ms.
    pub issued_ms: i64,
    /// Prefix of the log it was computed from.
    pub prefix: i64,
    /// Plan identifier.
    pub plan: String,
    /// SHA-256 of `report.json`, hex.
    pub digest: String,
    /// Pseudonym of who issued it.
    pub author: String,
    /// File name of the bundle under the data directory, if it is still there.
    pub bundle: Option<String>,
}

/// Everything one projection step of one site writes.
#[derive(Clone, Debug, Default)]
pub struct SiteProjection {
    /// Leaves read once this is applied.
    pub size: i64,
    /// Leaves that [`SiteProjection::seen`] stands for once this is applied; it is ahead of shifts that wait for their evaluation.
    pub seen_size: i64,
    /// Gateways, replaced by identifier.
    pub gateways: Vec<GatewayStatus>,
    /// By gateway and tag: first and last reading that was good and can be placed, Unix ms; widens what is there.
    pub seen: BTreeMap<(String, String), (i64, i64)>,
    /// Alarms, added.
    pub alarms: Vec<AlarmRow>,
    /// Declarations, added.
    pub declarations: Vec<DeclarationRow>,
    /// Reports, added.
    pub reports: Vec<ReportRow>,
    /// When present: the machines in force, replacing all.
    pub machines: Option<Vec<MachineRow>>,
    /// Shifts that no longer exist because the calendar changed: (machine, date, name).
    pub removed: Vec<(String, String, String)>,
    /// Shifts evaluated in this step, replaced with all their metric values.
    pub shifts: Vec<ShiftRow>,
    /// Metric values of those shifts.
    pub values: Vec<MetricRow>,
    /// When present: what the firm owes and who is asked next, replacing what is there.
    pub portfolio: Option<PortfolioRow>,
    /// Bills compared in this step, replaced by meter and leaf.
    pub bills: Vec<BillRow>,
    /// Bills that do not stand any more: meter and leaf.
    pub bills_removed: Vec<(String, i64)>,
}

impl Store {
    /// Applies one projection step atomically.
    pub async fn apply_projection(&self, site: &str, step: &SiteProjection) -> Result<(), StoreError> {
        let mut transaction = self.write.begin().await?;
        for row in &step.gateways {
            put_gateway(&mut transaction, site, row).await?;
        }
        for ((gateway, tag), (first_ms, last_ms)) in &step.seen {
            sqlx::query(
                "INSERT INTO tag_seen VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET first_ms = min(first_ms, \
                 excluded.first_ms), last_ms = max(last_ms, excluded.last_ms)",
            )
            .bind(site)
            .bind(gateway)
            .bind(tag)
            .bind(first_ms)
            .bind(last_ms)
            .execute(&mut *transaction)
            .await?;
        }
        for row in &step.alarms {
            sqlx::query(
                "INSERT OR REPLACE INTO alarm (site, leaf, gateway, kind, at_ms, detail) VALUES (?, ?, ?, ?, ?, ?)",
            )
            .bind(site)
            .bind(row.leaf)
            .bind(&row.gateway)
            .bind(&row.kind)
            .bind(row.at_ms)
            .bind(&row.detail)
            .execute(&mut *transaction)
            .await?;
        }
        for row in &step.declarations {
            sqlx::query("INSERT OR REPLACE INTO declaration VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)")
                .bind(site)
                .bind(row.leaf)
                .bind(&row.kind)
                .bind(row.received_ms)
                .bind(row.effective_ms)
                .bind(&row.author)
                .bind(&row.role)
                .bind(&row.reason)
                .bind(&row.body)
                .execute(&mut *transaction)
                .await?;
        }
        for row in &step.reports {
            sqlx::query("INSERT OR REPLACE INTO report VALUES (?, ?, ?, ?, ?, ?, ?, ?)")
                .bind(site)
                .bind(row.leaf)
                .bind(row.issued_ms)
                .bind(row.prefix)
                .bind(&row.plan)
                .bind(&row.digest)
                .bind(&row.author)
                .bind(&row.bundle)
                .execute(&mut *transaction)
                .await?;
        }
        if let Some(machines) = &step.machines {
            sqlx::query("DELETE FROM machine WHERE site = ?").bind(site).execute(&mut *transaction).await?;
            for (position, row) in machines.iter().enumerate() {
                sqlx::query(
                    "INSERT INTO machine (site, id, name_zh, name_en, position, body) VALUES (?, ?, ?, ?, ?, ?)",
                )
                .bind(site)
                .bind(&row.id)
                .bind(&row.name_zh)
                .bind(&row.name_en)
                .bind(position as i64)
                .bind(&row.body)
                .execute(&mut *transaction)
                .await?;
            }
        }
        for (machine, date, name) in &step.removed {
            remove_shift(&mut transaction, site, machine, date, name).await?;
        }
        for row in &step.shifts {
            remove_shift(&mut transaction, site, &row.machine, &row.date, &row.name).await?;
            sqlx::query("INSERT INTO shift VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)")
                .bind(site)
                .bind(&row.machine)
                .bind(&row.date)
                .bind(&row.name)
                .bind(row.from_ms)
                .bind(row.until_ms)
                .bind(row.closed)
                .bind(row.prefix)
                .bind(&row.body)
                .execute(&mut *transaction)
                .await?;
        }
        for row in &step.values {
            put_value(&mut transaction, site, row).await?;
        }
        if let Some(row) = &step.portfolio {
            put_portfolio(&mut transaction, site, row).await?;
        }
        put_bills(&mut transaction, site, &step.bills, &step.bills_removed).await?;
        sqlx::query("INSERT INTO projected (site, size, seen) VALUES (?1, ?2, ?3) ON CONFLICT (site) DO UPDATE SET size = ?2, seen = ?3")
            .bind(site)
            .bind(step.size)
            .bind(step.seen_size)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(())
    }

    /// How many leaves of a site the derived rows stand for.
    pub async fn projected_size(&self, site: &str) -> Result<i64, StoreError> {
        let size = sqlx::query_scalar("SELECT size FROM projected WHERE site = ?")
            .bind(site)
            .fetch_optional(&self.read)
            .await?;
        Ok(size.unwrap_or(0))
    }

    /// How many leaves of a site the first and last readings of its tags stand for.
    pub async fn seen_size(&self, site: &str) -> Result<i64, StoreError> {
        let size = sqlx::query_scalar("SELECT seen FROM projected WHERE site = ?")
            .bind(site)
            .fetch_optional(&self.read)
            .await?;
        Ok(size.unwrap_or(0))
    }

    /// Notes the newest checkpoint of a site's log.
    pub async fn put_checkpoint(&self, site: &str, size: i64, root_hex: &str, at_ms: i64) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO projected (site, size, checkpoint_size, root_hex, checkpoint_ms) VALUES (?1, 0, ?2, ?3, ?4)
             ON CONFLICT (site) DO UPDATE SET checkpoint_size = ?2, root_hex = ?3, checkpoint_ms = ?4",
        )
        .bind(site)
        .bind(size)
        .bind(root_hex)
        .bind(at_ms)
        .execute(&self.write)
        .await?;
        Ok(())
    }

    /// The newest checkpoint of a site's log: size, root in hex, when it was made.
    pub async fn checkpoint(&self, site: &str) -> Result<Option<(i64, String, i64)>, StoreError> {
        let row = sqlx::query(
            "SELECT checkpoint_size, root_hex, checkpoint_ms FROM projected
             WHERE site = ? AND checkpoint_ms IS NOT NULL",
        )
        .bind(site)
        .fetch_optional(&self.read)
        .await?;
        row.map(|row| Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?))).transpose()
    }

    /// Drops every derived row of one site: the first step of a rebuild.
    pub async fn clear_derived(&self, site: &str) -> Result<(), StoreError> {
        let mut transaction = self.write.begin().await?;
        for statement in CLEAR {
            transaction.execute(sqlx::query(statement).bind(site)).await?;
        }
        transaction.commit().await?;
        Ok(())
    }
}

async fn put_gateway(
    transaction: &mut Transaction<'_, Sqlite>,
    site: &str,
    row: &GatewayStatus,
) -> Result<(), StoreError> {
    sqlx::query("INSERT OR REPLACE INTO gateway_status VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
        .bind(site)
        .bind(&row.gateway)
        .bind(row.records)
        .bind(row.readings)
        .bind(row.sequence)
        .bind(row.received_ms)
        .bind(row.observed_ms)
        .bind(&row.clock_state)
        .bind(&row.agent_version)
        .bind(row.lost_records)
        .bind(row.chains)
        .execute(&mut **transaction)
        .await?;
    Ok(())
}

async fn remove_shift(
    transaction: &mut Transaction<'_, Sqlite>,
    site: &str,
    machine: &str,
    date: &str,
    name: &str,
) -> Result<(), StoreError> {
    for statement in [
        "DELETE FROM shift WHERE site = ? AND machine = ? AND date = ? AND name = ?",
        "DELETE FROM metric_value WHERE site = ? AND machine = ? AND date = ? AND shift = ?",
    ] {
        sqlx::query(statement).bind(site).bind(machine).bind(date).bind(name).execute(&mut **transaction).await?;
    }
    Ok(())
}

async fn put_value(transaction: &mut Transaction<'_, Sqlite>, site: &str, row: &MetricRow) -> Result<(), StoreError> {
    sqlx::query("INSERT INTO metric_value VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
        .bind(site)
        .bind(&row.machine)
        .bind(&row.date)
        .bind(&row.shift)
        .bind(&row.metric)
        .bind(row.from_ms)
        .bind(row.until_ms)
        .bind(row.value.map(|pair| pair.0))
        .bind(row.value.map(|pair| pair.1))
        .bind(row.low.map(|pair| pair.0))
        .bind(row.low.map(|pair| pair.1))
        .bind(row.high.map(|pair| pair.0))
        .bind(row.high.map(|pair| pair.1))
        .bind(&row.undefined)
        .bind(row.covered_ms)
        .bind(row.expected_ms)
        .bind(&row.grade)
        .bind(&row.flags)
        .bind(&row.lineage)
        .execute(&mut **transaction)
        .await?;
    Ok(())
}

/// Everything below the line in the schema. `fleet` goes too: the projector writes it with every step.
const CLEAR: [&str; 12] = [
    "DELETE FROM projected WHERE site = ?",
    "DELETE FROM gateway_status WHERE site = ?",
    "DELETE FROM tag_seen WHERE site = ?",
    "DELETE FROM alarm WHERE site = ?",
    "DELETE FROM machine WHERE site = ?",
    "DELETE FROM shift WHERE site = ?",
    "DELETE FROM metric_value WHERE site = ?",
    "DELETE FROM declaration WHERE site = ?",
    "DELETE FROM portfolio WHERE site = ?",
    "DELETE FROM report WHERE site = ?",
    "DELETE FROM fleet WHERE site = ?",
    "DELETE FROM bill_compared WHERE site = ?",
];
