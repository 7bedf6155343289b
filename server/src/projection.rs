//! Everything computed from the site logs: timelines, metric values, gateway status, alarms, the fleet, Parquet files.
//!
//! Constraints
//! 1. All of it can be deleted and rebuilt ([`rebuild`]); nothing here is a source of anything.
//! 2. A projection of a site is a function of its log and of "now" (which only decides how far a live shift reaches). Two
//!    runs over the same prefix give the same values; `site` explains how late data is handled.
//! 3. Live shifts follow a receipt within five seconds: records are taken in as they are logged, newest shifts first.
//! 4. One site is projected at a time, in steps of bounded size, off the async threads: a site with half a year of backlog
//!    delays the others by a step, not by its backlog.
//! 5. A site whose log cannot be read is reported and tried again; the others go on.

use std::ops::Range;

use protocol::{Digest, Leaf};

use crate::store::StoreError;

mod dossier;
mod fleet;
mod follow;
mod metrics;
mod parquet;
mod site;
mod timeline;
mod track;

pub use follow::{LogSource, rebuild, run};
pub(crate) use metrics::stated;
pub use parquet::write_utc_day;

/// Where leaves and contents come from: a site's log, or a list in a test. Calls may block on the disk.
pub trait LeafSource: Send + Sync + 'static {
    /// Durable leaves.
    fn size(&self) -> Result<u64, ProjectionError>;
    /// Leaves of a range; what lies beyond the end is left out.
    fn leaves(&self, range: Range<u64>) -> Result<Vec<Leaf>, ProjectionError>;
    /// A content by digest; none when it is not held.
    fn content(&self, digest: &Digest) -> Result<Option<Vec<u8>>, ProjectionError>;
}

/// Why a site could not be projected.
#[derive(Debug, thiserror::Error)]
pub enum ProjectionError {
    /// The log could not be read.
    #[error("{0}")]
    Log(String),
    /// A leaf or content the log should never have taken in.
    #[error(transparent)]
    History(#[from] ::metrics::HistoryError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file could not be written.
    #[error("the readings folder: {0}")]
    Files(#[from] std::io::Error),
    /// The Parquet writer refused.
    #[error("parquet: {0}")]
    Parquet(#[from] ::parquet::errors::ParquetError),
    /// A row could not be written as JSON.
    #[error("json: {0}")]
    Json(#[from] serde_json::Error),
    /// The task died.
    #[error("projection stopped: {0}")]
    Stopped(String),
}

#[cfg(test)]
pub(crate) mod tests;
