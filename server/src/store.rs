//! The only module that knows SQL.
//!
//! Constraints:
//! 1. **Nothing here is evidence.** The site logs are the truth. The upper half of the schema (people, sessions,
//!    enrolments, sites) is what the operator would have to type again; the lower half is derived and
//!    [`Store::clear_derived`] followed by a projection gives the same rows.
//! 2. Every statement is a constant with bound parameters. No text from outside is ever part of a statement.
//! 3. One writer connection, several readers: SQLite serialises writers anyway, and a page must never wait for the
//!    projector. WAL mode with `synchronous = NORMAL`: a power cut may lose the last derived rows, which the projector
//!    writes again, or the last session, which costs a login. Enrolments and users ask for a checkpoint of their own
//!    ([`Store::make_durable`]).
//! 4. Which rows a person may see is decided in `roles`; queries for people take the resulting
//!    [`crate::roles::SiteFilter`] and join it. There is no query without one.

use std::path::Path;
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Executor, Row};

mod bills;
mod derived;
mod fleet;
mod people;
mod read;
mod sites;

pub use bills::BillRow;
pub use derived::{
    AlarmRow, DeclarationRow, GatewayStatus, MachineRow, MetricRow, ReportRow, ShiftRow, SiteProjection, UnobservedRow,
};
pub use fleet::{
    FLEET_PAGE_MAX, FleetOrder, FleetQuery, FleetRecord, FleetTotals, PortfolioOrder, PortfolioQuery, PortfolioRow,
    PortfolioShow, PortfolioTotals, SiteEntry,
};
pub use people::{GrantRow, SessionRow, TokenRow, UserRow};
pub use sites::{CodeState, GatewayRow, SiteRow};

/// Why the database did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file could not be opened or created.
    #[error(
        "cannot open the database {path}: {source}. Check that the directory exists and belongs to this user / \
             无法打开数据库，请检查目录是否存在、权限是否正确"
    )]
    Open {
        /// The file.
        path: String,
        /// What SQLite said.
        source: sqlx::Error,
    },
    /// The database was written by a newer server.
    #[error(
        "the database has schema version {found}, this server knows {known}: install the newer server again / \
             数据库由更新版本的服务器写入，请使用该版本"
    )]
    Newer {
        /// Version in the file.
        found: i64,
        /// Newest version of this program.
        known: i64,
    },
    /// A row with this name is already there.
    #[error("{0} already exists / 已存在：{0}")]
    Exists(String),
    /// A row holds something this program never wrote.
    #[error(
        "the database holds an unreadable value in {0}; derived tables can be rebuilt with `rebuild` / \
             数据库中 {0} 的内容无法读取，派生数据可用 rebuild 重建"
    )]
    Unreadable(&'static str),
    /// SQLite refused.
    #[error("database: {0}")]
    Sql(#[from] sqlx::Error),
}

/// The database: cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    read: SqlitePool,
    write: SqlitePool,
}

impl Store {
    /// Opens (and creates or upgrades) the database file. It holds hashes of passwords and sessions: only this user may
    /// read it, and SQLite gives the files beside it the same mode.
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        for suffix in ["", "-wal", "-shm"] {
            let mut file = path.as_os_str().to_owned();
            file.push(suffix);
            let file = Path::new(&file);
            if suffix.is_empty() || file.exists() {
                let private = crate::storage::private_file(file);
                private.map_err(|error| StoreError::Open { path: file.display().to_string(), source: error.into() })?;
            }
        }
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Normal)
            .foreign_keys(true)
            // A name that is deleted is overwritten, not left in a free page.
            .pragma("secure_delete", "ON")
            .busy_timeout(BUSY);
        let failed = |source| StoreError::Open { path: path.display().to_string(), source };
        let write = SqlitePoolOptions::new().max_connections(1).connect_with(options.clone()).await.map_err(failed)?;
        migrate(&write).await?;
        let read = SqlitePoolOptions::new()
            .max_connections(READERS)
            .connect_with(options.create_if_missing(false))
            .await
            .map_err(failed)?;
        Ok(Self { read, write })
    }

    /// Closes all connections and waits for them.
    pub async fn close(&self) {
        self.read.close().await;
        self.write.close().await;
    }

    /// Forces everything committed so far onto the disk: called after a person or a gateway was told "done".
    pub async fn make_durable(&self) -> Result<(), StoreError> {
        self.write.execute("PRAGMA wal_checkpoint(FULL)").await?;
        Ok(())
    }

    /// One named setting.
    pub async fn setting(&self, name: &str) -> Result<Option<String>, StoreError> {
        let row = sqlx::query("SELECT value FROM setting WHERE name = ?").bind(name).fetch_optional(&self.read).await?;
        row.map(|row| row.try_get(0)).transpose().map_err(Into::into)
    }

    /// Writes or removes a named setting.
    pub async fn set_setting(&self, name: &str, value: Option<&str>) -> Result<(), StoreError> {
        match value {
            Some(value) => {
                sqlx::query(
                    "INSERT INTO setting (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = ?2",
                )
                .bind(name)
                .bind(value)
                .execute(&self.write)
                .await?
            }
            None => sqlx::query("DELETE FROM setting WHERE name = ?").bind(name).execute(&self.write).await?,
        };
        Ok(())
    }
}

/// Applies the schema versions the file does not have yet, each in one transaction with its version number.
async fn migrate(pool: &SqlitePool) -> Result<(), StoreError> {
    pool.execute("CREATE TABLE IF NOT EXISTS schema_version (version INTEGER NOT NULL) STRICT").await?;
    let found: i64 = sqlx::query_scalar("SELECT COALESCE(MAX(version), 0) FROM schema_version").fetch_one(pool).await?;
    let known = SCHEMA.len() as i64;
    if found > known {
        return Err(StoreError::Newer { found, known });
    }
    for (index, text) in SCHEMA.iter().enumerate().skip(usize::try_from(found).unwrap_or(0)) {
        let mut transaction = pool.begin().await?;
        sqlx::raw_sql(*text).execute(&mut *transaction).await?;
        sqlx::query("INSERT INTO schema_version (version) VALUES (?)")
            .bind(index as i64 + 1)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
    }
    Ok(())
}

/// Turns "unique constraint failed" into [`StoreError::Exists`] with words for the reader.
fn exists(what: &str) -> impl FnOnce(sqlx::Error) -> StoreError + '_ {
    move |error| match error.as_database_error() {
        Some(database) if database.is_unique_violation() => StoreError::Exists(what.to_owned()),
        _ => StoreError::Sql(error),
    }
}

/// The schema, one text per version, oldest first. Never edit one that was released: append.
const SCHEMA: [&str; 4] = [
    include_str!("store/schema_1.sql"),
    include_str!("store/schema_2.sql"),
    include_str!("store/schema_3.sql"),
    include_str!("store/schema_4.sql"),
];
/// How long a statement waits for another process (an offline `admin`) to finish its transaction.
const BUSY: Duration = Duration::from_secs(10);
/// Reading connections; pages are short and SQLite readers never block each other.
const READERS: u32 = 4;

#[cfg(test)]
mod tests;
