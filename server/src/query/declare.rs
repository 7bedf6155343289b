//! What a table would declare, before anything is: read against the log as it is now, off the async threads.

use metrics::statements::Statements;
use protocol::{Digest, SiteId, sha256};

use super::{NamedMachine, ONE_AT_A_TIME, QueryError, SiteHead, machine as machines, off_thread, visible};
use crate::import::{self, Against, Import, Table, kinds::Kind};
use crate::reporting;
use crate::roles::{Access, Permission};
use crate::sitelog::SiteLogs;
use crate::store::Store;

/// What somebody hands in.
#[derive(Clone, Debug)]
pub enum Given {
    /// A file with its name.
    File {
        /// Name as the browser gave it.
        name: String,
        /// Its bytes.
        bytes: Vec<u8>,
    },
    /// A row typed into the page.
    Row(Table),
}

impl Given {
    /// The SHA-256 of a file.
    #[must_use]
    pub fn digest(&self) -> Option<Digest> {
        match self {
            Self::File { bytes, .. } => Some(sha256(bytes)),
            Self::Row(_) => None,
        }
    }
}

/// What the page of declarations begins with.
#[derive(Clone, Debug)]
pub struct DeclareView {
    /// The site.
    pub site: SiteHead,
    /// Its machines.
    pub machines: Vec<NamedMachine>,
}

/// Whether somebody may declare something at a site, and what is there.
pub async fn declare(store: &Store, access: &Access, site: &str) -> Result<DeclareView, QueryError> {
    let head = SiteHead::from(visible(store, access, Permission::Declare, site).await?);
    Ok(DeclareView { site: head, machines: machines::named(store, site).await? })
}

/// Reads what was handed in against everything stated so far; logs nothing.
pub async fn import(
    store: &Store,
    logs: &SiteLogs,
    access: &Access,
    site: &str,
    kind: &'static Kind,
    given: Given,
    now_ms: i64,
) -> Result<Import, QueryError> {
    let head = SiteHead::from(visible(store, access, Permission::Declare, site).await?);
    let id: SiteId = site.parse().map_err(|_| QueryError::NotFound)?;
    let logs = logs.clone();
    let _one = ONE_AT_A_TIME.lock().await;
    off_thread(move || {
        let statements = reporting::statements(&logs, &id)?;
        Ok(read_given(kind, &given, &statements, &head.time_zone, now_ms))
    })
    .await
}

/// The same for statements at hand.
pub(crate) fn read_given(kind: &Kind, given: &Given, statements: &Statements, zone: &str, now_ms: i64) -> Import {
    let zone = crate::evaluate::csv::zone(reporting::zone(statements, zone)).unwrap_or(jiff::tz::TimeZone::UTC);
    let against = Against { statements, zone, now_ms };
    match given {
        Given::File { bytes, .. } => import::prepare(kind, bytes, &against),
        Given::Row(table) => import::prepare_table(kind, table, &against),
    }
}
