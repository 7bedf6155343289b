//! What happens between opening the journal and judging the first record: the journal's entries become leaves, and logs
//! restored from a backup open a new epoch.
//!
//! On a full disk this cannot be finished. Then the server stays up and says so: every record is refused for now without an
//! acknowledgement, nothing is promised (not even the greeting's receipt: what is held is not known yet), and recovery is
//! tried again until there is room. Every step may be repeated; an entry already integrated is skipped by its number.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use protocol::{Declaration, Digest, Leaf, LeafBody, SiteId};
use tokio::sync::mpsc;

use super::accept::{self, Named, Refused, SiteState, Verdict};
use super::commit::Site;
use super::journal::{Body, Entry, GROUP_MAX, Journal, Lsn};
use super::{Outcome, Recovery, Shared, Submission};
use crate::sitelog::{LogError, SiteLogs};
use crate::state::Clock;

pub(super) struct Recoverer {
    journal: Journal,
    logs: SiteLogs,
    now: Clock,
    entries: Vec<Entry>,
    /// Entries integrated so far.
    done: usize,
    /// From here on entries lie behind damage and were not looked at yet.
    doubtful_from: Option<usize>,
}

type States = BTreeMap<SiteId, Site>;

impl Recoverer {
    pub(super) fn new(
        journal: Journal,
        logs: SiteLogs,
        now: Clock,
        entries: Vec<Entry>,
        doubtful_from: Option<usize>,
    ) -> Self {
        Self { journal, logs, now, entries, done: 0, doubtful_from }
    }

    /// Brings everything into the logs and returns the sites as they stand then. After an error it may be called again.
    pub(super) fn run(&mut self, recovery: &mut Recovery) -> Result<States, LogError> {
        loop {
            if let Some(from) = self.doubtful_from {
                self.integrate_until(from)?;
                recovery.left_out = self.sift(from)?;
                self.doubtful_from = None;
            }
            self.integrate_until(self.entries.len())?;
            for site in self.logs.sites() {
                self.journal.start_at(self.logs.integrated(&site)?.2 + 1);
            }
            if !self.open_epoch(recovery)? {
                break;
            }
        }
        let mut states = BTreeMap::new();
        for site in self.logs.sites() {
            let (state, epoch, _) = self.logs.integrated(&site)?;
            states.insert(site, Site { state, epoch });
        }
        Ok(states)
    }

    fn integrate_until(&mut self, until: usize) -> Result<(), LogError> {
        while self.done < until {
            let end = until.min(self.done + GROUP_MAX);
            self.logs.integrate(&self.entries[self.done..end])?;
            self.done = end;
        }
        Ok(())
    }

    /// Of the entries behind damage only those become leaves that stand in the log without what is gone: a record that is
    /// the next of its chain, a statement of its own. The others were receipted, so their gateways keep them and send them
    /// again in order. Returns how many those are.
    fn sift(&mut self, from: usize) -> Result<usize, LogError> {
        let mut sites: BTreeMap<SiteId, (Site, Lsn)> = BTreeMap::new();
        let mut stands = Vec::with_capacity(self.entries.len() - from);
        for entry in &self.entries[from..] {
            if !sites.contains_key(&entry.site) {
                let known = match self.logs.integrated(&entry.site) {
                    Ok((state, epoch, lsn)) => (Site { state, epoch }, lsn),
                    Err(LogError::UnknownSite(_)) => (Site::default(), 0),
                    // Kept for the day the site is repaired.
                    Err(LogError::Closed { .. }) => {
                        stands.push(true);
                        continue;
                    }
                    Err(error) => return Err(error),
                };
                sites.insert(entry.site.clone(), known);
            }
            let integrated = sites.get_mut(&entry.site);
            stands.push(integrated.is_some_and(|(site, lsn)| entry.lsn <= *lsn || site.takes(entry)));
        }
        let mut stands = stands.into_iter();
        let mut at = 0;
        let before = self.entries.len();
        self.entries.retain(|_| {
            at += 1;
            at <= from || stands.next().unwrap_or(true)
        });
        Ok(before - self.entries.len())
    }

    /// Journals the first leaf of a new epoch for a site that was restored from a backup; whether there was one.
    fn open_epoch(&mut self, recovery: &mut Recovery) -> Result<bool, LogError> {
        let Some((site, restored)) = self.logs.find_restored()?.into_iter().next() else { return Ok(false) };
        tracing::error!(%site, epoch = restored.epoch, cause = %restored.cause, "The server was restored from a backup: a new log epoch begins.");
        let received_ms = self.now.now_ms();
        let body = Body::Epoch(restored.leaf(received_ms).encode()?);
        let lsn = self.journal.append(&[(site.clone(), received_ms, body.clone())])?;
        self.entries.push(Entry { lsn, site: site.clone(), received_ms, body });
        recovery.restored.push((site, restored.cause));
        Ok(true)
    }

    /// Tries again every so often and refuses everything meanwhile. `None` when the server stops first.
    pub(super) fn wait(
        &mut self,
        shared: &Shared,
        submissions: &mut mpsc::UnboundedReceiver<Submission>,
        every: Duration,
    ) -> Option<States> {
        let mut recovery = Recovery::default();
        loop {
            let until = Instant::now() + every;
            while Instant::now() < until {
                match submissions.try_recv() {
                    Ok(Submission::Stop) | Err(mpsc::error::TryRecvError::Disconnected) => return None,
                    Ok(submission) => refuse(shared, submission),
                    Err(mpsc::error::TryRecvError::Empty) => std::thread::sleep(every.min(LISTEN)),
                }
            }
            match self.run(&mut recovery) {
                Ok(states) => {
                    for (site, known) in &states {
                        shared.note_gateways(site, &known.state);
                    }
                    shared.health.has_space();
                    return Some(states);
                }
                Err(error) => tracing::debug!(%error, "The journal is not in the logs yet."),
            }
        }
    }

    /// The first entry that belongs to a closed site: the journal keeps it and everything after it.
    pub(super) fn held(&self) -> Option<Lsn> {
        self.entries.iter().find(|entry| self.logs.why_closed(&entry.site).is_some()).map(|entry| entry.lsn)
    }

    pub(super) fn into_journal(self) -> Journal {
        self.journal
    }
}

impl Site {
    /// Moves on over an entry that lay behind damage, if it would be taken as what it is where the site stands now.
    fn takes(&mut self, entry: &Entry) -> bool {
        // What somebody's record contradicted is not looked for: that it contradicted something the journal says itself.
        let judged = |bytes: &[u8], state: &SiteState| {
            let candidate = accept::read(bytes).ok()?;
            let gateway = &candidate.record.header().gateway;
            let other = |_: &_, _: &_, _| Some(Digest::ZERO);
            let verdict = accept::judge(state, &entry.site, gateway, &candidate, entry.received_ms, other);
            Some((verdict, candidate.record))
        };
        let state = &mut self.state;
        match &entry.body {
            Body::Record(bytes) => match judged(bytes, state) {
                Some((Verdict::Take { .. }, record)) => state.apply_record(&record),
                _ => return false,
            },
            Body::Quarantine(bytes) => match judged(bytes, state) {
                Some((Verdict::Quarantine, record)) => state.apply_quarantine(&record),
                _ => return false,
            },
            Body::Declaration(bytes) => match Declaration::decode(bytes) {
                Ok(declaration) => state.apply_declaration(&declaration),
                Err(_) => return false,
            },
            // It names the size it was restored to; at another size it would be untrue, and a new one is made.
            Body::Epoch(bytes) => match Leaf::decode(bytes).map(|leaf| leaf.body) {
                Ok(LeafBody::Epoch { epoch, restored_size, .. })
                    if epoch > self.epoch && restored_size == state.size =>
                {
                    self.epoch = epoch;
                    state.apply_other();
                }
                _ => return false,
            },
        }
        true
    }
}

/// Answers with "not now": the gateway keeps its record and comes again.
fn refuse(shared: &Shared, submission: Submission) {
    match submission {
        Submission::Record { site, gateway, bytes, reply } => {
            let named = match accept::read(&bytes) {
                Ok(candidate) => Named::from(&candidate),
                Err((named, _)) => named,
            };
            shared.send_refusal(&site, &gateway, named, Refused::disk_full());
            reply.tell(Outcome::Unavailable);
        }
        Submission::Declaration { reply, .. } => {
            let _ = reply.send(Err(LogError::Unavailable));
        }
        Submission::Greet { .. } | Submission::Announce(_) | Submission::Trim(_) | Submission::Stop => {}
    }
}

/// How long a submission may wait for its refusal.
const LISTEN: Duration = Duration::from_millis(20);
