//! Sites, the gateways enrolled at them, and the one-time codes that enrol a gateway.

use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::{Store, StoreError, exists};

/// A factory as the server knows it: the facts by which roles are scoped. The calendar and the machines are
/// declarations in the site's log, not columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SiteRow {
    /// Identifier, also the folder of its log.
    pub id: String,
    /// Chinese name as the firm writes it.
    pub name_zh: String,
    /// English name; the Chinese one when the firm has none.
    pub name_en: String,
    /// City, as the overlay spells it.
    pub city: String,
    /// District or county.
    pub district: String,
    /// Pilot sub-sector (细分行业).
    pub sub_sector: String,
    /// IANA time zone used for display before a calendar is declared.
    pub time_zone: String,
    /// Created as simulated: every page and report says so, and only then accelerated history is accepted.
    pub simulated: bool,
    /// When the site was created, Unix ms.
    pub created_ms: i64,
}

/// A gateway that was enrolled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GatewayRow {
    /// Site it belongs to.
    pub site: String,
    /// Identifier within the site.
    pub id: String,
    /// Ed25519 public key, lower-case hex.
    pub key_hex: String,
    /// Agent version that enrolled.
    pub agent_version: String,
    /// When, Unix ms.
    pub enrolled_ms: i64,
    /// Revoked since, Unix ms.
    pub revoked_ms: Option<i64>,
}

/// What became of an enrolment code somebody presented.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CodeState {
    /// Good, and now used up: the gateway may be enrolled under these names.
    Taken {
        /// Site the code was made for.
        site: String,
        /// Gateway the code was made for.
        gateway: String,
    },
    /// Never issued.
    Unknown,
    /// Used before.
    Used,
    /// Older than its 24 hours.
    Expired,
}

impl Store {
    /// Adds a site.
    pub async fn add_site(&self, site: &SiteRow) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO site (id, name_zh, name_en, city, district, sub_sector, time_zone, simulated, created_ms)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(&site.id)
        .bind(&site.name_zh)
        .bind(&site.name_en)
        .bind(&site.city)
        .bind(&site.district)
        .bind(&site.sub_sector)
        .bind(&site.time_zone)
        .bind(site.simulated)
        .bind(site.created_ms)
        .execute(&self.write)
        .await
        .map_err(exists(&site.id))?;
        self.make_durable().await
    }

    /// One site, for the server itself; pages go through `query`, which checks the access.
    pub async fn site(&self, id: &str) -> Result<Option<SiteRow>, StoreError> {
        let row = sqlx::query("SELECT * FROM site WHERE id = ?").bind(id).fetch_optional(&self.read).await?;
        row.as_ref().map(site_row).transpose()
    }

    /// All sites in order of identifier, for the server itself.
    pub async fn all_sites(&self) -> Result<Vec<SiteRow>, StoreError> {
        let rows = sqlx::query("SELECT * FROM site ORDER BY id").fetch_all(&self.read).await?;
        rows.iter().map(site_row).collect()
    }

    /// Records a new enrolment code by its hash.
    pub async fn add_enrolment_code(
        &self,
        code_hash: &str,
        site: &str,
        gateway: &str,
        now_ms: i64,
        expires_ms: i64,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO enrolment_code (code_hash, site, gateway, created_ms, expires_ms) VALUES (?, ?, ?, ?, ?)",
        )
        .bind(code_hash)
        .bind(site)
        .bind(gateway)
        .bind(now_ms)
        .bind(expires_ms)
        .execute(&self.write)
        .await
        .map_err(exists("enrolment code"))?;
        self.make_durable().await
    }

    /// Uses up a code: exactly one caller ever gets [`CodeState::Taken`] for it.
    pub async fn take_enrolment_code(&self, code_hash: &str, now_ms: i64) -> Result<CodeState, StoreError> {
        let taken = sqlx::query(
            "UPDATE enrolment_code SET used_ms = ?2 WHERE code_hash = ?1 AND used_ms IS NULL AND expires_ms > ?2
             RETURNING site, gateway",
        )
        .bind(code_hash)
        .bind(now_ms)
        .fetch_optional(&self.write)
        .await?;
        if let Some(row) = taken {
            self.make_durable().await?;
            return Ok(CodeState::Taken { site: row.try_get(0)?, gateway: row.try_get(1)? });
        }
        let row = sqlx::query("SELECT used_ms FROM enrolment_code WHERE code_hash = ?")
            .bind(code_hash)
            .fetch_optional(&self.read)
            .await?;
        Ok(match row {
            None => CodeState::Unknown,
            Some(row) if row.try_get::<Option<i64>, _>(0)?.is_some() => CodeState::Used,
            Some(_) => CodeState::Expired,
        })
    }

    /// Makes a code usable again whose enrolment could not be declared.
    pub async fn give_back_enrolment_code(&self, code_hash: &str) -> Result<(), StoreError> {
        sqlx::query("UPDATE enrolment_code SET used_ms = NULL WHERE code_hash = ?")
            .bind(code_hash)
            .execute(&self.write)
            .await?;
        self.make_durable().await
    }

    /// Site and gateway a code was made for, used or not.
    pub async fn enrolment_code(&self, code_hash: &str) -> Result<Option<(String, String)>, StoreError> {
        let row = sqlx::query("SELECT site, gateway FROM enrolment_code WHERE code_hash = ?")
            .bind(code_hash)
            .fetch_optional(&self.read)
            .await?;
        row.map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).transpose()
    }

    /// Enrols a gateway, or replaces its key when the gateway is enrolled again with a new code. The old key stays in
    /// the site's log; this table only says which key may connect now.
    pub async fn put_gateway(&self, gateway: &GatewayRow) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO gateway (site, id, key_hex, agent_version, enrolled_ms, revoked_ms)
             VALUES (?1, ?2, ?3, ?4, ?5, NULL)
             ON CONFLICT (site, id) DO UPDATE
             SET key_hex = ?3, agent_version = ?4, enrolled_ms = ?5, revoked_ms = NULL",
        )
        .bind(&gateway.site)
        .bind(&gateway.id)
        .bind(&gateway.key_hex)
        .bind(&gateway.agent_version)
        .bind(gateway.enrolled_ms)
        .execute(&self.write)
        .await
        .map_err(exists("a gateway with this key"))?;
        self.make_durable().await
    }

    /// Revokes a gateway; false when there was none to revoke.
    pub async fn revoke_gateway(&self, site: &str, id: &str, now_ms: i64) -> Result<bool, StoreError> {
        let done = sqlx::query("UPDATE gateway SET revoked_ms = ? WHERE site = ? AND id = ? AND revoked_ms IS NULL")
            .bind(now_ms)
            .bind(site)
            .bind(id)
            .execute(&self.write)
            .await?;
        self.make_durable().await?;
        Ok(done.rows_affected() == 1)
    }

    /// One gateway.
    pub async fn gateway(&self, site: &str, id: &str) -> Result<Option<GatewayRow>, StoreError> {
        let row = sqlx::query("SELECT * FROM gateway WHERE site = ? AND id = ?")
            .bind(site)
            .bind(id)
            .fetch_optional(&self.read)
            .await?;
        row.as_ref().map(gateway_row).transpose()
    }

    /// All gateways of a site.
    pub async fn gateways(&self, site: &str) -> Result<Vec<GatewayRow>, StoreError> {
        let rows =
            sqlx::query("SELECT * FROM gateway WHERE site = ? ORDER BY id").bind(site).fetch_all(&self.read).await?;
        rows.iter().map(gateway_row).collect()
    }

    /// Every gateway of every site: what the endpoint loads when it starts.
    pub async fn all_gateways(&self) -> Result<Vec<GatewayRow>, StoreError> {
        let rows = sqlx::query("SELECT * FROM gateway ORDER BY site, id").fetch_all(&self.read).await?;
        rows.iter().map(gateway_row).collect()
    }
}

pub(super) fn site_row(row: &SqliteRow) -> Result<SiteRow, StoreError> {
    Ok(SiteRow {
        id: row.try_get("id")?,
        name_zh: row.try_get("name_zh")?,
        name_en: row.try_get("name_en")?,
        city: row.try_get("city")?,
        district: row.try_get("district")?,
        sub_sector: row.try_get("sub_sector")?,
        time_zone: row.try_get("time_zone")?,
        simulated: row.try_get("simulated")?,
        created_ms: row.try_get("created_ms")?,
    })
}

fn gateway_row(row: &SqliteRow) -> Result<GatewayRow, StoreError> {
    Ok(GatewayRow {
        site: row.try_get("site")?,
        id: row.try_get("id")?,
        key_hex: row.try_get("key_hex")?,
        agent_version: row.try_get("agent_version")?,
        enrolled_ms: row.try_get("enrolled_ms")?,
        revoked_ms: row.try_get("revoked_ms")?,
    })
}
