//! What `ingest` counted and what a person must know: rejections per gateway and reason, and whether the disk is full.
//!
//! Rejections prove nothing about a gateway (anyone may send bytes that do not verify), so they are not in the site's
//! log; they are counted here, logged, and the newest noted ones are kept in a file of bounded size, whose older half gives
//! way. What an unknown sender calls itself is not remembered: anyone may make up names, so all unknown gateways share one count.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use protocol::{GatewayId, RefusalReason, SiteId};

use super::accept::{Named, Refused};
use crate::storage::Storage;

/// Rejections of one gateway by reason, with the fixed words of the protocol.
pub type Rejections = BTreeMap<&'static str, u64>;

/// What was seen of one gateway since the start beside the records that were taken; for pages and API.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// Refusals by reason.
    pub refusals: BTreeMap<RefusalReason, Newest>,
    /// Records that came again although they were held.
    pub repeats: u64,
    /// Packets larger than any record.
    pub oversized: Option<Oversized>,
}

/// Refusals for one reason: how many, and the newest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Newest {
    /// Since the start.
    pub count: u64,
    /// Of the newest, UTC ms.
    pub at_ms: i64,
    /// Which record it was about.
    pub sequence: u64,
    /// What the reason speaks of ([`protocol::Refusal::number`]).
    pub number: u64,
    /// No record was taken since: one that is held back or waits for room is settled by the next that is taken.
    pub open: bool,
}

/// Packets beyond any record: how many, and the newest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Oversized {
    /// Since the start.
    pub count: u64,
    /// Of the newest, UTC ms.
    pub at_ms: i64,
    /// Its length as announced.
    pub bytes: usize,
    /// The most that is allowed.
    pub limit: u32,
}

type Who = Option<(SiteId, GatewayId)>;

/// Counters and alarms of `ingest`.
pub struct Health {
    storage: Arc<dyn Storage>,
    full_since_ms: AtomicI64,
    records: AtomicU64,
    repeats: AtomicU64,
    late: AtomicU64,
    /// By enrolled gateway; `None` stands for all that are not.
    seen: Mutex<BTreeMap<Who, Seen>>,
}

impl Health {
    pub(super) fn new(storage: Arc<dyn Storage>) -> Self {
        Self {
            storage,
            full_since_ms: AtomicI64::new(NOT_FULL),
            records: AtomicU64::default(),
            repeats: AtomicU64::default(),
            late: AtomicU64::default(),
            seen: Mutex::default(),
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
        counts(&self.seen(site, gateway))
    }

    /// Every gateway with rejections since the start.
    pub fn rejected_gateways(&self) -> Vec<((SiteId, GatewayId), Rejections)> {
        let all = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let refused = all.iter().filter(|(_, seen)| !seen.refusals.is_empty());
        refused.filter_map(|(who, seen)| Some((who.clone()?, counts(seen)))).collect()
    }

    /// The newest rejections that were noted, of earlier runs too, oldest first: lines of JSON. Reads the file.
    pub fn newest_rejections(&self, most: usize) -> Vec<String> {
        let text = self.storage.read(FILE).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(most)..].iter().map(|line| (*line).to_owned()).collect()
    }

    /// Rejections of whatever is not enrolled, all together, since the start.
    pub fn unknown_rejections(&self) -> Rejections {
        let all = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(&None).map(counts).unwrap_or_default()
    }

    /// What was seen of a gateway since the start.
    pub fn seen(&self, site: &SiteId, gateway: &GatewayId) -> Seen {
        let all = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(&Some((site.clone(), gateway.clone()))).cloned().unwrap_or_default()
    }

    fn change<T>(&self, who: Who, change: impl FnOnce(&mut Seen) -> T) -> T {
        change(self.seen.lock().unwrap_or_else(PoisonError::into_inner).entry(who).or_default())
    }

    pub(super) fn taken(&self, late_ms: i64, site: &SiteId, gateway: &GatewayId) {
        self.records.fetch_add(1, Relaxed);
        self.change(Some((site.clone(), gateway.clone())), |seen| {
            seen.refusals.values_mut().for_each(|newest| newest.open = false);
        });
        if late_ms != 0 && self.late.fetch_add(1, Relaxed) == 0 {
            tracing::warn!(%site, %gateway, hours = late_ms / 3_600_000, "Records more than 24 h from their arrival: without a matching outage they lower the grade.");
        }
    }

    pub(super) fn repeated(&self, site: &SiteId, gateway: &GatewayId) {
        self.repeats.fetch_add(1, Relaxed);
        self.change(Some((site.clone(), gateway.clone())), |seen| seen.repeats += 1);
    }

    pub(super) fn oversized(&self, now_ms: i64, site: &SiteId, gateway: &GatewayId, bytes: usize, limit: u32) {
        let count = self.change(Some((site.clone(), gateway.clone())), |seen| {
            let count = seen.oversized.map_or(0, |oversized| oversized.count) + 1;
            seen.oversized = Some(Oversized { count, at_ms: now_ms, bytes, limit });
            count
        });
        if count.is_power_of_two() {
            tracing::warn!(%site, %gateway, bytes, limit, count, "A packet larger than any record: it was not read and the connection was closed. No gateway program of ours sends such a thing: check the version on that gateway and who holds its certificate; if it leaked, revoke the gateway and enrol it again. / 数据包超过任何记录的上限：未读取，连接已断开。请核对该网关的程序版本和证书保管；若证书外泄，请停用并重新入网。");
        }
    }

    pub(crate) fn full(&self, now_ms: i64, error: &std::io::Error) {
        // The first failure is the start of the alarm; later ones change nothing.
        if self.full_since_ms.compare_exchange(NOT_FULL, now_ms.max(NOT_FULL + 1), Relaxed, Relaxed).is_ok() {
            tracing::error!(%error, "The disk takes nothing more: records are not acknowledged until there is space again; gateways keep them. Free space or move the data directory. / 磁盘已满：腾出空间前不接收记录，网关会自行保留。请清理磁盘或移动数据目录。");
        }
    }

    pub(crate) fn has_space(&self) {
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
            let (sequence, number) = (named.sequence, refused.number);
            self.change(enrolled.then(|| (site.clone(), gateway.clone())), |seen| {
                let count = seen.refusals.get(&refused.reason).map_or(0, |newest| newest.count) + 1;
                seen.refusals.insert(refused.reason, Newest { count, at_ms: now_ms, sequence, number, open: true });
                count
            })
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

    /// Adds a line; when the file is full its older half goes first.
    fn keep(&self, line: &str) {
        let length = self.storage.size(FILE).ok().flatten().unwrap_or(0);
        let kept = if length + line.len() as u64 <= FILE_BYTES {
            self.storage.append(FILE, line.as_bytes())
        } else {
            self.storage.read(FILE).and_then(|old| {
                let half = &old[old.len() / 2..];
                let from = half.iter().position(|byte| *byte == b'\n').map_or(half.len(), |end| end + 1);
                self.storage.replace(FILE, &[&half[from..], line.as_bytes()].concat())
            })
        };
        if let Err(error) = kept {
            tracing::warn!(%error, "Rejection not written to {FILE}.");
        }
    }
}

fn counts(seen: &Seen) -> Rejections {
    seen.refusals.iter().map(|(reason, newest)| (reason.name(), newest.count)).collect()
}

const NOT_FULL: i64 = i64::MIN;
/// Rejections kept for support.
const FILE: &str = "rejections.jsonl";
/// Longest that file gets.
const FILE_BYTES: u64 = 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::fake::FakeDisk;

    #[test]
    fn the_alarm_of_a_full_disk_keeps_its_start_until_there_is_space() {
        let health = Health::new(Arc::new(FakeDisk::default()));
        let error = std::io::Error::from(std::io::ErrorKind::StorageFull);
        assert_eq!(health.full_since_ms(), None);
        for now_ms in [1_000, 2_000, 3_000] {
            health.full(now_ms, &error);
            assert_eq!(health.full_since_ms(), Some(1_000), "at {now_ms}");
        }
        health.has_space();
        assert_eq!(health.full_since_ms(), None);
        health.full(9_000, &error);
        assert_eq!(health.full_since_ms(), Some(9_000));
    }

    #[test]
    fn a_full_file_of_rejections_gives_up_its_oldest_lines() {
        let disk = Arc::new(FakeDisk::default());
        let health = Health::new(disk.clone());
        let line = |number: usize| format!("{{\"number\":{number},\"detail\":\"{}\"}}\n", "x".repeat(100_000));
        for number in 0..25 {
            health.keep(&line(number));
        }
        let newest = health.newest_rejections(3);
        for (kept, number) in newest.iter().zip(22..25) {
            assert_eq!(*kept, line(number).trim_end());
        }
        assert_eq!(newest.len(), 3);
        assert!(disk.size(FILE).unwrap().unwrap() <= FILE_BYTES);
        assert!(health.newest_rejections(100)[0].starts_with("{\"number\":1"), "whole lines, the oldest gone");
    }
}
