//! What the gateway knows of itself right now, for the local page and the `status` command. Never evidence.
//!
//! Constraints: one snapshot behind a lock that is held for assignments only; everything in it is bounded by the configuration;
//! ages are left to the reader, who gets boot-clock times.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::buffer::Stats;
use crate::clock::ClockReading;
use crate::locale::Words;

/// Notices kept for the page.
const NOTICES_MAX: usize = 50;

/// The newest receipt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LastReceipt {
    /// The server's signed time, milliseconds since the Unix epoch.
    pub server_ms: i64,
    /// Boot clock at which it arrived.
    pub boot_ms: i64,
    /// Position of the buffer below which everything is receipted.
    pub end: u64,
}

/// The connection to the server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UplinkStatus {
    /// Connected and subscribed.
    pub connected: bool,
    /// Boot clock of the last change.
    pub since_boot_ms: i64,
    /// Why not connected.
    pub problem: Option<Words>,
    /// Records sent and not yet receipted.
    pub in_flight: usize,
    /// The newest receipt.
    pub last_receipt: Option<LastReceipt>,
}

/// Something a person should know, newest last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoticeLine {
    /// Boot clock, milliseconds.
    pub boot_ms: i64,
    /// What happened and what to do.
    pub words: Words,
}

/// Everything at one moment.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Snapshot {
    /// Boot clock at which the agent started.
    pub started_boot_ms: i64,
    /// The clock, at the last look.
    pub clock: Option<ClockReading>,
    /// Readings taken since start.
    pub readings_total: u64,
    /// Buffer figures.
    pub buffer: Stats,
    /// The buffer takes nothing at the moment.
    pub buffer_blocked: bool,
    /// Hours until the buffer is full if nothing is receipted; `None` until the rate is known.
    pub hours_left: Option<u64>,
    /// Records sealed since start.
    pub records_total: u64,
    /// Sequence of the next record in its chain.
    pub next_sequence: u64,
    /// The chain, hexadecimal.
    pub chain: String,
    /// The uplink.
    pub uplink: UplinkStatus,
    /// Notices, oldest first.
    pub notices: VecDeque<NoticeLine>,
}

/// The snapshot, shared.
#[derive(Debug, Clone, Default)]
pub struct Status(Arc<Mutex<Snapshot>>);

impl Status {
    /// Of an agent that started at this moment of the boot clock.
    #[must_use]
    pub fn new(started_boot_ms: i64) -> Self {
        Status(Arc::new(Mutex::new(Snapshot { started_boot_ms, ..Snapshot::default() })))
    }

    /// A copy for a reader.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        self.lock().clone()
    }

    /// Reads what the closure reads, without a copy.
    pub fn read<T>(&self, look: impl FnOnce(&Snapshot) -> T) -> T {
        look(&self.lock())
    }

    /// Changes the snapshot.
    pub fn update(&self, change: impl FnOnce(&mut Snapshot)) {
        change(&mut self.lock());
    }

    /// Adds a notice and logs it.
    pub fn notice(&self, boot_ms: i64, words: Words) {
        tracing::warn!(notice = %words, "Notice.");
        let mut snapshot = self.lock();
        if snapshot.notices.back().is_some_and(|last| last.words == words) {
            snapshot.notices.pop_back();
        }
        if snapshot.notices.len() >= NOTICES_MAX {
            snapshot.notices.pop_front();
        }
        snapshot.notices.push_back(NoticeLine { boot_ms, words });
    }

    fn lock(&self) -> MutexGuard<'_, Snapshot> {
        // A panic while assigning leaves a snapshot that is at worst half updated; it is no evidence.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whole hours until `bytes_left` are used at the rate of `bytes_appended` in `over_ms`; `None` while nothing is known.
#[must_use]
pub fn hours_left(bytes_left: u64, bytes_appended: u64, over_ms: i64) -> Option<u64> {
    // Below a minute the first configuration record would dominate.
    if bytes_appended == 0 || over_ms < 60_000 {
        return None;
    }
    let ms = u128::from(bytes_left) * over_ms as u128 / u128::from(bytes_appended);
    u64::try_from(ms / 3_600_000).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_left_follow_the_rate() {
        assert_eq!(hours_left(3_600_000, 60_000, 60_000), Some(1));
        assert_eq!(hours_left(1_000, 0, 60_000), None);
        assert_eq!(hours_left(1_000, 10, 59_999), None);
        assert_eq!(hours_left(u64::MAX, 1, i64::MAX), None);
    }

    #[test]
    fn repeated_notice_is_kept_once_with_its_newest_time() {
        let status = Status::new(0);
        for boot_ms in 0..200 {
            status.notice(boot_ms, Words::new("一", "one"));
        }
        assert_eq!(status.snapshot().notices.len(), 1);
        for boot_ms in 0..200 {
            status.notice(boot_ms, Words::new("", format!("notice {boot_ms}")));
        }
        assert_eq!(status.snapshot().notices.len(), NOTICES_MAX);
    }
}
