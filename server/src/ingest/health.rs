//! What `ingest` counted and what a person must know: rejections per gateway and reason, and whether the disk is full.
//!
//! Rejections prove nothing about a gateway (anyone may send bytes that do not verify), so they are not in the site's
//! log; they are counted here, logged, and the newest are kept in a file of bounded size. What an unknown sender calls
//! itself is not remembered: anyone may make up names, so all unknown gateways share one count.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use protocol::{GatewayId, RefusalReason, SiteId};

use super::accept::{Named, Refused};
use crate::storage::Storage;

/// Rejections of one gateway by reason, with the fixed words of the protocol.
pub type Rejections = BTreeMap<&'static str, u64>;

/// Counters and alarms of `ingest`.
pub struct Health {
    storage: Arc<dyn Storage>,
    full_since_ms: AtomicI64,
    records: AtomicU64,
    repeats: AtomicU64,
    late: AtomicU64,
    /// By enrolled gateway; `None` stands for all that are not.
    rejections: Mutex<BTreeMap<Option<(SiteId, GatewayId)>, Rejections>>,
}

impl Health {
    pub(super) fn new(storage: Arc<dyn Storage>) -> Self {
        Self {
            storage,
            full_since_ms: AtomicI64::new(NOT_FULL),
            records: AtomicU64::default(),
            repeats: AtomicU64::default(),
            late: AtomicU64::default(),
            rejections: Mutex::default(),
        }
    }

    /// Since when nothing can be stored, UTC ms; `None` while all is well.
    pub fn full_since_ms(&self) -> Option<i64> {
        let since = self.full_since_ms.load(Relaxed);
        (since != NOT_FULL).then_some(since)
    }

    /// Records taken since the start.
    pub fn records(&self) -> u64 {
        self.records.load(Relaxed)
    }

    /// Records that were already held.
    pub fn repeats(&self) -> u64 {
        self.repeats.load(Relaxed)
    }

    /// Records whose time lay more than 24 h from their arrival.
    pub fn late(&self) -> u64 {
        self.late.load(Relaxed)
    }

    /// Rejections of a gateway since the start.
    pub fn rejections(&self, site: &SiteId, gateway: &GatewayId) -> Rejections {
        let all = self.rejections.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(&Some((site.clone(), gateway.clone()))).cloned().unwrap_or_default()
    }

    /// Rejections of whatever is not enrolled, all together, since the start.
    pub fn unknown_rejections(&self) -> Rejections {
        let all = self.rejections.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(&None).cloned().unwrap_or_default()
    }

    pub(super) fn taken(&self, late_ms: i64, site: &SiteId, gateway: &GatewayId) {
        self.records.fetch_add(1, Relaxed);
        if late_ms != 0 && self.late.fetch_add(1, Relaxed) == 0 {
            tracing::warn!(%site, %gateway, hours = late_ms / 3_600_000, "Records more than 24 h from their arrival: without a matching outage they lower the grade.");
        }
    }

    pub(super) fn repeated(&self) {
        self.repeats.fetch_add(1, Relaxed);
    }

    pub(super) fn full(&self, now_ms: i64, error: &std::io::Error) {
        if self.full_since_ms.swap(now_ms.max(NOT_FULL + 1), Relaxed) == NOT_FULL {
            tracing::error!(%error, "The disk takes nothing more: records are not acknowledged until there is space again. Free space or move the data directory.");
        }
    }

    pub(super) fn has_space(&self) {
        if self.full_since_ms.swap(NOT_FULL, Relaxed) != NOT_FULL {
            tracing::info!("The disk takes records again.");
        }
    }

    pub(super) fn rejected(
        &self,
        now_ms: i64,
        site: &SiteId,
        gateway: &GatewayId,
        enrolled: bool,
        named: &Named,
        refused: &Refused,
    ) {
        let count = {
            let key = enrolled.then(|| (site.clone(), gateway.clone()));
            let mut all = self.rejections.lock().unwrap_or_else(PoisonError::into_inner);
            let count = all.entry(key).or_default().entry(refused.reason.name()).or_default();
            *count += 1;
            *count
        };
        // Holding back is ordinary flow control; a full disk has its own alarm.
        if matches!(refused.reason, RefusalReason::OutOfOrder | RefusalReason::StorageFull) {
            return;
        }
        // Every one is counted; the log and the file get powers of two, so that a flood cannot fill them.
        if count.is_power_of_two() {
            tracing::warn!(%site, %gateway, reason = refused.reason.name(), count, detail = %refused.detail, "Record refused.");
            let line = serde_json::json!({
                "at_ms": now_ms, "site": site, "gateway": gateway, "reason": refused.reason.name(), "count": count,
                "chain": named.chain, "sequence": named.sequence, "digest": named.digest, "detail": refused.detail,
            });
            self.keep(&format!("{line}\n"));
        }
    }

    fn keep(&self, line: &str) {
        let length = self.storage.size(FILE).ok().flatten().unwrap_or(0);
        if length + line.len() as u64 <= FILE_BYTES
            && let Err(error) = self.storage.append(FILE, line.as_bytes())
        {
            tracing::warn!(%error, "Rejection not written to {FILE}.");
        }
    }
}

const NOT_FULL: i64 = i64::MIN;
/// Rejections kept for support.
const FILE: &str = "rejections.jsonl";
/// Beyond this nothing more is written; delete the file to start anew.
const FILE_BYTES: u64 = 1024 * 1024;
