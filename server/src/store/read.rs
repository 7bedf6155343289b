//! Reading what the projector wrote. Pages and the API come here through `query`, which has checked the access.
//!
//! Each statement is served by one index, whatever the number of sites; what makes rows large — timelines, lineage — is
//! read only where one row of it is wanted.

use std::collections::BTreeMap;

use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::derived::{
    AlarmRow, CountsRow, DeclarationRow, GatewayStatus, MachineRow, MetricRow, ReportRow, ShiftRow, UnobservedRow,
};
use super::{Store, StoreError};

impl Store {
    /// Gateways as their records show them.
    pub async fn gateway_statuses(&self, site: &str) -> Result<Vec<GatewayStatus>, StoreError> {
        let rows = sqlx::query("SELECT * FROM gateway_status WHERE site = ? ORDER BY gateway")
            .bind(site)
            .fetch_all(&self.read)
            .await?;
        rows.iter().map(gateway_status).collect()
    }

    /// First and last good reading of every tag, Unix ms, by gateway and tag.
    pub async fn seen(&self, site: &str) -> Result<BTreeMap<(String, String), (i64, i64)>, StoreError> {
        let rows = sqlx::query("SELECT gateway, tag, first_ms, last_ms FROM tag_seen WHERE site = ?")
            .bind(site)
            .fetch_all(&self.read)
            .await?;
        let entry = |row: &SqliteRow| Ok(((row.try_get(0)?, row.try_get(1)?), (row.try_get(2)?, row.try_get(3)?)));
        rows.iter().map(entry).collect()
    }

    /// Newest alarms first.
    pub async fn alarms(&self, site: &str, limit: i64) -> Result<Vec<AlarmRow>, StoreError> {
        let rows = sqlx::query("SELECT * FROM alarm WHERE site = ? ORDER BY leaf DESC LIMIT ?")
            .bind(site)
            .bind(limit)
            .fetch_all(&self.read)
            .await?;
        rows.iter()
            .map(|row| {
                Ok(AlarmRow {
                    leaf: row.try_get("leaf")?,
                    gateway: row.try_get("gateway")?,
                    kind: row.try_get("kind")?,
                    at_ms: row.try_get("at_ms")?,
                    detail: row.try_get("detail")?,
                })
            })
            .collect()
    }

    /// Number of alarms.
    pub async fn alarm_count(&self, site: &str) -> Result<i64, StoreError> {
        Ok(sqlx::query_scalar("SELECT COUNT(*) FROM alarm WHERE site = ?").bind(site).fetch_one(&self.read).await?)
    }

    /// Machines in force, in the order they were declared.
    pub async fn machines(&self, site: &str) -> Result<Vec<MachineRow>, StoreError> {
        let rows = sqlx::query("SELECT id, name_zh, name_en, body FROM machine WHERE site = ? ORDER BY position")
            .bind(site)
            .fetch_all(&self.read)
            .await?;
        rows.iter()
            .map(|row| {
                Ok(MachineRow {
                    id: row.try_get(0)?,
                    name_zh: row.try_get(1)?,
                    name_en: row.try_get(2)?,
                    body: row.try_get(3)?,
                })
            })
            .collect()
    }

    /// Shifts that overlap `[from_ms, until_ms)`, oldest first; of one machine, or of all when `machine` is none.
    pub async fn shifts(
        &self,
        site: &str,
        machine: Option<&str>,
        from_ms: i64,
        until_ms: i64,
    ) -> Result<Vec<ShiftRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT * FROM shift WHERE site = ?1 AND (?2 IS NULL OR machine = ?2)
             AND from_ms > ?3 - 172800000 AND until_ms > ?3 AND from_ms < ?4 ORDER BY from_ms, machine LIMIT 5000",
        )
        .bind(site)
        .bind(machine)
        .bind(from_ms)
        .bind(until_ms)
        .fetch_all(&self.read)
        .await?;
        rows.iter().map(shift_row).collect()
    }

    /// What was not observed of planned time on some dates, interval by interval.
    pub async fn unobserved(
        &self,
        site: &str,
        machines: &[String],
        dates: &[String],
    ) -> Result<Vec<UnobservedRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT shift.machine, shift.date, json_extract(i.value, '$.cause'), json_extract(i.value, '$.from_ms'),
             json_extract(i.value, '$.until_ms') FROM shift, json_each(shift.body, '$.intervals') i WHERE shift.site = ?1
             AND shift.machine IN (SELECT value FROM json_each(?2)) AND shift.date IN (SELECT value FROM json_each(?3))
             AND json_extract(i.value, '$.state') = 'unknown' AND json_extract(i.value, '$.bucket') = 'UNK'",
        )
        .bind(site)
        .bind(serde_json::Value::from(machines.to_vec()).to_string())
        .bind(serde_json::Value::from(dates.to_vec()).to_string())
        .fetch_all(&self.read)
        .await?;
        let read = |row: &SqliteRow| {
            Ok(UnobservedRow {
                machine: row.try_get(0)?,
                date: row.try_get(1)?,
                cause: row.try_get::<Option<String>, _>(2)?.unwrap_or_default(),
                from_ms: row.try_get(3)?,
                until_ms: row.try_get(4)?,
            })
        };
        rows.iter().map(read).collect()
    }

    /// Every shift row of a site without its timeline (`body` is empty): what the projector starts from.
    pub async fn shift_keys(&self, site: &str) -> Result<Vec<ShiftRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT machine, date, name, from_ms, until_ms, closed, prefix, '' AS body FROM shift WHERE site = ?",
        )
        .bind(site)
        .fetch_all(&self.read)
        .await?;
        rows.iter().map(shift_row).collect()
    }

    /// Shifts of a machine that start in `[from_ms, until_ms)`, oldest first, without their timelines (`body` is empty).
    pub async fn shift_heads(
        &self,
        site: &str,
        machine: &str,
        from_ms: i64,
        until_ms: i64,
    ) -> Result<Vec<ShiftRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT machine, date, name, from_ms, until_ms, closed, prefix, '' AS body FROM shift
             WHERE site = ?1 AND machine = ?2 AND from_ms >= ?3 AND from_ms < ?4 ORDER BY from_ms LIMIT 5000",
        )
        .bind(site)
        .bind(machine)
        .bind(from_ms)
        .bind(until_ms)
        .fetch_all(&self.read)
        .await?;
        rows.iter().map(shift_row).collect()
    }

    /// One shift by its names.
    pub async fn shift(
        &self,
        site: &str,
        machine: &str,
        date: &str,
        name: &str,
    ) -> Result<Option<ShiftRow>, StoreError> {
        let row = sqlx::query("SELECT * FROM shift WHERE site = ? AND machine = ? AND date = ? AND name = ?")
            .bind(site)
            .bind(machine)
            .bind(date)
            .bind(name)
            .fetch_optional(&self.read)
            .await?;
        row.as_ref().map(shift_row).transpose()
    }

    /// The newest shift of a machine (or of any) that had begun by `now_ms`.
    pub async fn newest_shift(
        &self,
        site: &str,
        machine: Option<&str>,
        now_ms: i64,
    ) -> Result<Option<ShiftRow>, StoreError> {
        let row = sqlx::query(
            "SELECT * FROM shift WHERE site = ?1 AND (?2 IS NULL OR machine = ?2) AND from_ms <= ?3
             ORDER BY from_ms DESC LIMIT 1",
        )
        .bind(site)
        .bind(machine)
        .bind(now_ms)
        .fetch_optional(&self.read)
        .await?;
        row.as_ref().map(shift_row).transpose()
    }

    /// Metric values whose window starts in `[from_ms, until_ms)`, in order of time, machine and metric. `machine` and
    /// `metric` narrow the result when given. Lineage is left out (empty): it is what makes rows large, and only
    /// [`Store::shift_values`] needs it.
    pub async fn values(
        &self,
        site: &str,
        machine: Option<&str>,
        metric: Option<&str>,
        from_ms: i64,
        until_ms: i64,
    ) -> Result<Vec<MetricRow>, StoreError> {
        let statement = if metric.is_some() { VALUES_OF_METRIC } else { VALUES_OF_ALL };
        let rows = sqlx::query(statement)
            .bind(site)
            .bind(machine)
            .bind(metric)
            .bind(from_ms)
            .bind(until_ms)
            .fetch_all(&self.read)
            .await?;
        rows.iter().map(metric_row).collect()
    }

    /// All metric values of one machine in one shift.
    pub async fn shift_values(
        &self,
        site: &str,
        machine: &str,
        date: &str,
        shift: &str,
    ) -> Result<Vec<MetricRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT * FROM metric_value WHERE site = ? AND machine = ? AND date = ? AND shift = ? ORDER BY metric",
        )
        .bind(site)
        .bind(machine)
        .bind(date)
        .bind(shift)
        .fetch_all(&self.read)
        .await?;
        rows.iter().map(metric_row).collect()
    }

    /// Good and produced items of every shift whose rejects are counted, of some machines between two production dates.
    pub async fn counts_between(
        &self,
        site: &str,
        machines: &[String],
        from: &str,
        to: &str,
    ) -> Result<Vec<CountsRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT q.date, q.grade, g.numerator, g.denominator, p.numerator, p.denominator
             FROM metric_value q
             JOIN metric_value g ON (g.site, g.machine, g.date, g.shift) = (q.site, q.machine, q.date, q.shift)
             JOIN metric_value p ON (p.site, p.machine, p.date, p.shift) = (q.site, q.machine, q.date, q.shift)
             WHERE q.site = ?1 AND q.machine IN (SELECT value FROM json_each(?2)) AND q.date BETWEEN ?3 AND ?4
               AND q.metric = 'quality.iso22400@1' AND q.undefined IS NULL
               AND g.metric = 'count.good@1' AND g.undefined IS NULL
               AND p.metric = 'count.produced@1' AND p.undefined IS NULL
             ORDER BY q.date",
        )
        .bind(site)
        .bind(serde_json::Value::from(machines.to_vec()).to_string())
        .bind(from)
        .bind(to)
        .fetch_all(&self.read)
        .await?;
        rows.iter()
            .map(|row| {
                Ok(CountsRow {
                    date: row.try_get(0)?,
                    grade: row.try_get(1)?,
                    good: (row.try_get(2)?, row.try_get(3)?),
                    produced: (row.try_get(4)?, row.try_get(5)?),
                })
            })
            .collect()
    }

    /// Declarations, newest first; of one kind, or all.
    pub async fn declarations(
        &self,
        site: &str,
        kind: Option<&str>,
        limit: i64,
    ) -> Result<Vec<DeclarationRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT * FROM declaration WHERE site = ?1 AND (?2 IS NULL OR kind = ?2) ORDER BY leaf DESC LIMIT ?3",
        )
        .bind(site)
        .bind(kind)
        .bind(limit)
        .fetch_all(&self.read)
        .await?;
        rows.iter().map(declaration_row).collect()
    }

    /// Declarations of some kinds at some sites, by site and leaf; the caller has checked the access.
    pub async fn declarations_of(
        &self,
        sites: &[String],
        kinds: &[&str],
    ) -> Result<Vec<(String, DeclarationRow)>, StoreError> {
        let rows = sqlx::query(
            "SELECT * FROM declaration WHERE site IN (SELECT value FROM json_each(?1))
             AND kind IN (SELECT value FROM json_each(?2)) ORDER BY site, leaf",
        )
        .bind(serde_json::Value::from(sites.to_vec()).to_string())
        .bind(serde_json::Value::from(kinds.to_vec()).to_string())
        .fetch_all(&self.read)
        .await?;
        rows.iter().map(|row| Ok((row.try_get("site")?, declaration_row(row)?))).collect()
    }

    /// One issued report by its leaf.
    pub async fn report(&self, site: &str, leaf: i64) -> Result<Option<ReportRow>, StoreError> {
        let row = sqlx::query("SELECT * FROM report WHERE site = ? AND leaf = ?")
            .bind(site)
            .bind(leaf)
            .fetch_optional(&self.read)
            .await?;
        row.as_ref().map(report_row).transpose()
    }

    /// Reports issued, newest first.
    pub async fn reports(&self, site: &str, limit: i64) -> Result<Vec<ReportRow>, StoreError> {
        let rows = sqlx::query("SELECT * FROM report WHERE site = ? ORDER BY leaf DESC LIMIT ?")
            .bind(site)
            .bind(limit)
            .fetch_all(&self.read)
            .await?;
        rows.iter().map(report_row).collect()
    }
}

fn gateway_status(row: &SqliteRow) -> Result<GatewayStatus, StoreError> {
    Ok(GatewayStatus {
        gateway: row.try_get("gateway")?,
        records: row.try_get("records")?,
        readings: row.try_get("readings")?,
        sequence: row.try_get("sequence")?,
        received_ms: row.try_get("received_ms")?,
        observed_ms: row.try_get("observed_ms")?,
        clock_state: row.try_get("clock_state")?,
        agent_version: row.try_get("agent_version")?,
        lost_records: row.try_get("lost_records")?,
        chains: row.try_get("chains")?,
    })
}

fn report_row(row: &SqliteRow) -> Result<ReportRow, StoreError> {
    Ok(ReportRow {
        leaf: row.try_get("leaf")?,
        issued_ms: row.try_get("issued_ms")?,
        prefix: row.try_get("prefix")?,
        plan: row.try_get("plan")?,
        digest: row.try_get("digest")?,
        author: row.try_get("author")?,
        bundle: row.try_get("bundle")?,
    })
}

fn shift_row(row: &SqliteRow) -> Result<ShiftRow, StoreError> {
    Ok(ShiftRow {
        machine: row.try_get("machine")?,
        date: row.try_get("date")?,
        name: row.try_get("name")?,
        from_ms: row.try_get("from_ms")?,
        until_ms: row.try_get("until_ms")?,
        closed: row.try_get("closed")?,
        prefix: row.try_get("prefix")?,
        body: row.try_get("body")?,
    })
}

fn metric_row(row: &SqliteRow) -> Result<MetricRow, StoreError> {
    let pair = |numerator: &str, denominator: &str| -> Result<Option<(i64, i64)>, StoreError> {
        let parts: (Option<i64>, Option<i64>) = (row.try_get(numerator)?, row.try_get(denominator)?);
        Ok(parts.0.zip(parts.1))
    };
    Ok(MetricRow {
        machine: row.try_get("machine")?,
        date: row.try_get("date")?,
        shift: row.try_get("shift")?,
        metric: row.try_get("metric")?,
        from_ms: row.try_get("from_ms")?,
        until_ms: row.try_get("until_ms")?,
        value: pair("numerator", "denominator")?,
        low: pair("low_numerator", "low_denominator")?,
        high: pair("high_numerator", "high_denominator")?,
        undefined: row.try_get("undefined")?,
        covered_ms: row.try_get("covered_ms")?,
        expected_ms: row.try_get("expected_ms")?,
        grade: row.try_get("grade")?,
        flags: row.try_get("flags")?,
        lineage: row.try_get("lineage")?,
    })
}

/// Everything of a metric value but its lineage, which makes rows large.
macro_rules! values {
    ($metric:literal) => {
        concat!(
            "SELECT site, machine, date, shift, metric, from_ms, until_ms, numerator, denominator, low_numerator,
             low_denominator, high_numerator, high_denominator, undefined, covered_ms, expected_ms, grade, flags,
             '' AS lineage
             FROM metric_value WHERE site = ?1 AND (?2 IS NULL OR machine = ?2) AND ",
            $metric,
            " AND from_ms >= ?4 AND from_ms < ?5 ORDER BY from_ms, machine, shift, metric LIMIT 50000"
        )
    };
}
/// Served by the index of site, metric and time.
const VALUES_OF_METRIC: &str = values!("metric = ?3");
const VALUES_OF_ALL: &str = values!("?3 IS NULL");

fn declaration_row(row: &SqliteRow) -> Result<DeclarationRow, StoreError> {
    Ok(DeclarationRow {
        leaf: row.try_get("leaf")?,
        kind: row.try_get("kind")?,
        received_ms: row.try_get("received_ms")?,
        effective_ms: row.try_get("effective_ms")?,
        author: row.try_get("author")?,
        role: row.try_get("role")?,
        reason: row.try_get("reason")?,
        body: row.try_get("body")?,
    })
}
