//! The logs' thread: makes journalled entries into leaves, publishes checkpoints, lets the journal forget.
//!
//! A failure here (a full disk) loses nothing: the entries are in the journal and in hand, and are tried again until they
//! are in the logs; meanwhile the journal's thread stops taking records before the backlog outgrows its memory.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use protocol::SiteId;

use super::journal::{Entry, Lsn};
use super::recent::{PENDING_BYTES_MAX, PENDING_MAX};
use super::{Group, Options, Shared, Submission};
use crate::sitelog::LogError;

pub(super) struct Integrator {
    shared: Arc<Shared>,
    groups: mpsc::Receiver<Group>,
    options: Options,
    /// Sites with leaves that no checkpoint covers.
    unpublished: BTreeSet<SiteId>,
    publish_at: Option<Instant>,
    integrated: Lsn,
    /// The first entry of a closed site that waits in the journal: nothing from there on is forgotten.
    held: Option<Lsn>,
}

impl Integrator {
    pub(super) fn new(shared: Arc<Shared>, groups: mpsc::Receiver<Group>, options: Options, held: Option<Lsn>) -> Self {
        // After a restart everything may lack its checkpoint; publishing what has one already does nothing.
        let unpublished: BTreeSet<SiteId> = shared.logs.sites().into_iter().collect();
        let publish_at = (!unpublished.is_empty()).then(Instant::now);
        Self { shared, groups, options, unpublished, publish_at, integrated: 0, held }
    }

    pub(super) fn run(mut self) {
        loop {
            let wait =
                self.publish_at.map_or(Duration::from_secs(3600), |at| at.saturating_duration_since(Instant::now()));
            match self.groups.recv_timeout(wait) {
                Ok(group) => self.integrate(group),
                Err(mpsc::RecvTimeoutError::Timeout) => {}
                Err(mpsc::RecvTimeoutError::Disconnected) => break,
            }
            if self.publish_at.is_some_and(|at| Instant::now() >= at) {
                self.publish();
            }
        }
        // Graceful stop: whoever asks the day after sees a log without a loose end.
        self.publish();
    }

    fn integrate(&mut self, first: Group) {
        let (mut entries, mut declared) = (first.entries, first.declared);
        // Somebody who waits for a declaration is not kept waiting; records gather a little, but never so long that the
        // journal has to wait for the logs.
        let until = Instant::now() + self.options.integrate_every;
        while entries.len() < GATHER_MAX && self.shared.pending_bytes.load(Relaxed) < GATHER_BYTES {
            let wait =
                if declared.is_empty() { until.saturating_duration_since(Instant::now()) } else { Duration::ZERO };
            let Ok(group) = self.groups.recv_timeout(wait) else { break };
            entries.extend(group.entries);
            declared.extend(group.declared);
        }
        while let Err(error) = self.shared.logs.integrate(&entries) {
            self.shared.stuck.store(true, Release);
            let error = match error {
                LogError::Storage(error) => error,
                other => std::io::Error::other(other.to_string()),
            };
            self.shared.health.full(self.shared.now.now_ms(), &error);
            if self.shared.stopping.load(Acquire) {
                // The journal has them; the next start brings them into the logs.
                return;
            }
            std::thread::sleep(self.options.retry_every);
        }
        self.shared.stuck.store(false, Release);
        self.shared.pending.fetch_sub(entries.len(), Relaxed);
        self.shared.pending_bytes.fetch_sub(entries.iter().map(Entry::bytes).sum(), Relaxed);
        self.integrated = entries.last().map_or(self.integrated, |entry: &Entry| entry.lsn);
        for entry in entries {
            if self.shared.logs.why_closed(&entry.site).is_some() {
                self.held.get_or_insert(entry.lsn);
            } else {
                self.unpublished.insert(entry.site);
            }
        }
        for (site, index, reply) in declared {
            let _ = reply.send(self.shared.logs.why_closed(&site).map_or(Ok(index), Err));
        }
        self.publish_at.get_or_insert(Instant::now() + self.options.publish_every);
    }

    fn publish(&mut self) {
        self.publish_at = None;
        for site in std::mem::take(&mut self.unpublished) {
            if self.shared.logs.why_closed(&site).is_some() {
                continue;
            }
            match self.shared.logs.publish_now(&site) {
                Ok(_) => {
                    let _ = self.shared.submissions.send(Submission::Announce(site));
                }
                // A log without leaves has nothing to publish.
                Err(_) if self.shared.logs.size(&site).is_ok_and(|size| size == 0) => {}
                Err(error) => {
                    tracing::error!(%site, %error, "Checkpoint not published; it is tried again.");
                    self.unpublished.insert(site);
                    self.publish_at = Some(Instant::now() + self.options.retry_every);
                }
            }
        }
        if self.unpublished.is_empty() {
            let _ = self.shared.submissions.send(Submission::Trim(
                self.held.map_or(self.integrated, |held| held.saturating_sub(1).min(self.integrated)),
            ));
        }
    }
}

/// Entries integrated at once, about: half of what may be pending, so that the next half arrives meanwhile.
const GATHER_MAX: usize = PENDING_MAX / 2;
/// The same in bytes.
const GATHER_BYTES: usize = PENDING_BYTES_MAX / 2;
