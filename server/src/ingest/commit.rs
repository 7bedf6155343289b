//! The journal's thread: judges, journals a group with one sync, answers.
//!
//! The state here runs ahead of the logs: it stands for everything judged, journalled or about to be. If a group cannot be
//! journalled, the sites it touched go back to where they were, so that a refused record is the next one again. Whatever
//! was judged against a state that is undone is undone with it: neither refused for good nor acknowledged.
//!
//! What is kept to go back is a copy of the touched sites: as large as their gateways and chains, never as their history.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::atomic::Ordering::{Acquire, Relaxed};
use std::sync::{Arc, mpsc as std_mpsc};
use std::time::{Duration, Instant};

use protocol::{Content, GatewayId, Receipt, RefusalReason, ServerMessage, SiteId, note::Checkpoint, receipt};
use tokio::sync::{mpsc, oneshot};

use super::accept::{self, Candidate, Named, Refused, SiteState, Verdict};
use super::journal::{Body, Entry, GROUP_MAX, Journal};
use super::recent::{PENDING_BYTES_MAX, PENDING_MAX, Recent};
use super::{Group, Outcome, Shared, Submission, Waiting};
use crate::sitelog::{LogError, Restored};

/// A site as judged so far.
#[derive(Debug, Clone, Default)]
pub(super) struct Site {
    pub(super) state: SiteState,
    pub(super) epoch: u32,
}

pub(super) struct Committer {
    shared: Arc<Shared>,
    journal: Journal,
    sites: BTreeMap<SiteId, Site>,
    recent: Recent,
    groups: std_mpsc::Sender<Group>,
    retry_every: Duration,
    /// After a failed append: do not even try before this moment.
    retry_at: Option<Instant>,
}

/// One group while it is being judged.
#[derive(Default)]
struct Work {
    entries: Vec<(SiteId, i64, Body)>,
    /// Sites as they were before this group.
    before: BTreeMap<SiteId, Site>,
    /// How many of its records `recent` remembers.
    remembered: usize,
    /// Gateways that get a receipt.
    receipts: BTreeSet<(SiteId, GatewayId)>,
    judged: Vec<Judged>,
    declared: Vec<(SiteId, u64, oneshot::Sender<Result<u64, LogError>>)>,
}

/// A record and what its gateway will be told.
struct Judged {
    site: SiteId,
    gateway: GatewayId,
    named: Named,
    outcome: Outcome,
    reply: Waiting,
}

impl Committer {
    pub(super) fn new(
        shared: Arc<Shared>,
        journal: Journal,
        sites: BTreeMap<SiteId, Site>,
        groups: std_mpsc::Sender<Group>,
        retry_every: Duration,
    ) -> Self {
        Self { shared, journal, sites, recent: Recent::default(), groups, retry_every, retry_at: None }
    }

    pub(super) fn run(mut self, mut submissions: mpsc::UnboundedReceiver<Submission>) {
        while let Some(first) = submissions.blocking_recv() {
            let mut next = Some(first);
            let mut work = Work::default();
            let mut stop = false;
            while let Some(submission) = next.take() {
                match submission {
                    Submission::Record { site, gateway, bytes, reply } => {
                        self.on_record(&mut work, site, gateway, bytes, reply);
                    }
                    Submission::Declaration { site, bytes, reply } => {
                        self.on_declaration(&mut work, site, bytes, reply);
                    }
                    // A receipt of a closed site would speak of what this server cannot see: silence, and the agent waits.
                    Submission::Greet { site, .. } if self.shared.logs.why_closed(&site).is_some() => {}
                    Submission::Greet { site, gateway, reply } => {
                        // What this group is about to promise must not be told before it is durable.
                        self.commit(std::mem::take(&mut work));
                        let _ = reply.send(self.receipt(&site, &gateway));
                    }
                    Submission::Announce(site) => {
                        let gateways = self.sites.get(&site).map(|site| site.state.gateways.keys().cloned());
                        work.receipts.extend(gateways.into_iter().flatten().map(|gateway| (site.clone(), gateway)));
                    }
                    Submission::Trim(lsn) => {
                        if let Err(error) = self.journal.trim(lsn) {
                            tracing::warn!(%error, "Journal segment not removed; it is tried again.");
                        }
                    }
                    Submission::Stop => stop = true,
                }
                if !stop && work.entries.len() < GROUP_MAX {
                    next = submissions.try_recv().ok();
                }
            }
            self.commit(work);
            if stop {
                return;
            }
        }
    }

    fn on_record(&mut self, work: &mut Work, site: SiteId, gateway: GatewayId, bytes: Vec<u8>, reply: Waiting) {
        let now_ms = self.shared.now.now_ms();
        let candidate = match accept::read(&bytes) {
            Ok(candidate) => candidate,
            Err((named, refused)) => {
                return work.judged.push(Judged { site, gateway, named, outcome: Outcome::Refused(refused), reply });
            }
        };
        let named = Named::from(&candidate);
        if self.shared.logs.why_closed(&site).is_some() {
            self.shared.send_refusal(&site, &gateway, named, Refused::closed());
            reply.tell(Outcome::Unavailable);
            return;
        }
        let unknown = Site::default();
        let known = self.sites.get(&site).unwrap_or(&unknown);
        let verdict = accept::judge(&known.state, &site, &gateway, &candidate, now_ms, |chain, state, sequence| {
            let pending = self.recent.get(&site, &gateway, *chain, sequence);
            pending.or_else(|| self.shared.logs.held(&site, &gateway, chain, state.first, sequence))
        });
        let outcome = match verdict {
            Verdict::Take { late_ms } => {
                self.save(work, &site);
                if let Some(restored) = self.restored_by(&site, &candidate)
                    && let Ok(leaf) = restored.leaf(now_ms).encode()
                {
                    tracing::error!(%site, %gateway, cause = %restored.cause, "The server was restored from a backup: a new log epoch begins.");
                    work.entries.push((site.clone(), now_ms, Body::Epoch(leaf)));
                    let known = self.sites.entry(site.clone()).or_default();
                    known.epoch = restored.epoch;
                    known.state.apply_other();
                }
                self.sites.entry(site.clone()).or_default().state.apply_record(&candidate.record);
                work.remembered += self.recent.push(&candidate.record);
                work.entries.push((site.clone(), now_ms, Body::Record(bytes)));
                work.receipts.insert((site.clone(), gateway.clone()));
                Outcome::Taken { late_ms }
            }
            Verdict::Quarantine => {
                self.save(work, &site);
                self.sites.entry(site.clone()).or_default().state.apply_quarantine(&candidate.record);
                tracing::error!(%site, %gateway, chain = %named.chain, sequence = named.sequence, "Two validly signed records for one place: a copy of this gateway's key is in use. Quarantined.");
                work.entries.push((site.clone(), now_ms, Body::Quarantine(bytes)));
                Outcome::Refused(Refused::conflict())
            }
            Verdict::Repeat => {
                work.receipts.insert((site.clone(), gateway.clone()));
                Outcome::Repeated
            }
            Verdict::Refuse(refused) => {
                if refused.reason == RefusalReason::OutOfOrder {
                    // The receipt names the sequence that is awaited.
                    work.receipts.insert((site.clone(), gateway.clone()));
                }
                Outcome::Refused(refused)
            }
        };
        work.judged.push(Judged { site, gateway, named, outcome, reply });
    }

    fn on_declaration(
        &mut self,
        work: &mut Work,
        site: SiteId,
        bytes: Vec<u8>,
        reply: oneshot::Sender<Result<u64, LogError>>,
    ) {
        let declaration = self.shared.logs.why_closed(&site).map_or_else(|| super::declaration(&bytes), Err);
        match declaration {
            Err(error) => {
                let _ = reply.send(Err(error));
            }
            Ok(declaration) => {
                self.save(work, &site);
                let known = self.sites.entry(site.clone()).or_default();
                let index = known.state.size;
                known.state.apply_declaration(&declaration);
                work.entries.push((site.clone(), self.shared.now.now_ms(), Body::Declaration(bytes)));
                work.declared.push((site, index, reply));
            }
        }
    }

    /// Journals the group, then answers everybody.
    fn commit(&mut self, work: Work) {
        let undone: BTreeSet<SiteId> = match self.append(&work.entries) {
            Ok(first) => {
                for site in work.before.keys() {
                    if let Some(known) = self.sites.get(site) {
                        self.shared.note_gateways(site, &known.state);
                    }
                }
                if !work.entries.is_empty() {
                    self.retry_at = None;
                    self.shared.health.has_space();
                    let entries: Vec<Entry> = (first..)
                        .zip(work.entries)
                        .map(|(lsn, (site, received_ms, body))| Entry { lsn, site, received_ms, body })
                        .collect();
                    self.shared.pending.fetch_add(entries.len(), Relaxed);
                    self.shared.pending_bytes.fetch_add(entries.iter().map(Entry::bytes).sum(), Relaxed);
                    // The receiver lives as long as this thread runs.
                    let _ = self.groups.send(Group { entries, declared: work.declared });
                }
                BTreeSet::new()
            }
            Err(error) => {
                self.shared.health.full(self.shared.now.now_ms(), &error);
                self.retry_at = Some(Instant::now() + self.retry_every);
                self.recent.forget(work.remembered);
                for (.., reply) in work.declared {
                    let _ = reply.send(Err(LogError::Unavailable));
                }
                let undone = work.before.keys().cloned().collect();
                self.sites.extend(work.before);
                undone
            }
        };
        // After a failure these speak of the state before the group, which is what is durable.
        for (site, gateway) in &work.receipts {
            let message = self.receipt(site, gateway);
            self.shared.push(site, gateway, &message);
        }
        let mut told = BTreeSet::new();
        for judged in work.judged {
            if undone.contains(&judged.site) {
                if told.insert((judged.site.clone(), judged.gateway.clone())) {
                    self.shared.send_refusal(&judged.site, &judged.gateway, judged.named, Refused::disk_full());
                }
                judged.reply.tell(Outcome::Unavailable);
            } else {
                self.answer(judged);
            }
        }
    }

    /// Counts and tells what became of a record.
    fn answer(&self, judged: Judged) {
        let Judged { site, gateway, named, outcome, reply } = judged;
        let health = &self.shared.health;
        match &outcome {
            Outcome::Taken { late_ms } => health.taken(*late_ms, &site, &gateway),
            Outcome::Repeated => health.repeated(&site, &gateway),
            Outcome::Refused(refused) => {
                let enrolled = self.sites.get(&site).is_some_and(|known| known.state.gateways.contains_key(&gateway));
                health.rejected(self.shared.now.now_ms(), &site, &gateway, enrolled, &named, refused);
                self.shared.send_refusal(&site, &gateway, named, refused.clone());
            }
            Outcome::Unavailable => {}
        }
        reply.tell(outcome);
    }

    fn append(&mut self, entries: &[(SiteId, i64, Body)]) -> io::Result<u64> {
        if entries.is_empty() {
            return Ok(0);
        }
        if self.retry_at.is_some_and(|at| Instant::now() < at) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        // The logs may fall behind only so far: what is remembered of recent records must cover what is not yet in them.
        let until = Instant::now() + LOGS_BEHIND;
        while self.shared.pending.load(Relaxed) + entries.len() > PENDING_MAX
            || self.shared.pending_bytes.load(Relaxed) > PENDING_BYTES_MAX
        {
            if self.shared.stuck.load(Acquire) || Instant::now() > until {
                return Err(io::Error::new(io::ErrorKind::StorageFull, "the site logs cannot be written"));
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        self.journal.append(entries)
    }

    /// Remembers a site as it was before this group.
    fn save(&mut self, work: &mut Work, site: &SiteId) {
        if !work.before.contains_key(site) {
            let known = self.sites.entry(site.clone()).or_default();
            work.before.insert(site.clone(), known.clone());
        }
    }

    /// A `Lost` record may embed the receipt under which the gateway trimmed: if we signed it in this epoch and it goes
    /// beyond what we hold of the chain, this server was restored from a backup. A receipt for what we do hold proves
    /// nothing, whatever range the record names.
    fn restored_by(&self, site: &SiteId, candidate: &Candidate) -> Option<Restored> {
        if candidate.record.header().kind != protocol::Kind::Lost {
            return None;
        }
        let Ok(Content::Lost(lost)) = candidate.record.content() else { return None };
        if lost.receipt.is_empty() || lost.receipt.len() > receipt::SERVER_MESSAGE_MAX {
            return None;
        }
        let key = self.shared.logs.key().secret().public();
        let Ok(ServerMessage::Receipt(ours)) = ServerMessage::verify(&lost.receipt, &key) else { return None };
        let known = self.sites.get(site)?;
        let header = candidate.record.header();
        let gateway = known.state.gateways.get(&header.gateway)?;
        let held = gateway.chains.get(&header.chain).map(|chain| chain.through);
        let claims = ours.through.is_some_and(|(chain, through, _)| {
            chain == header.chain && through >= lost.from && held.is_none_or(|held| through > held)
        });
        if ours.site != *site || ours.gateway != header.gateway || !claims || ours.log_epoch < known.epoch {
            return None;
        }
        let head = Checkpoint::read_unverified(&ours.checkpoint).ok();
        let size = known.state.size;
        Some(Restored {
            epoch: known.epoch.max(ours.log_epoch) + 1,
            old_size: head.as_ref().map_or(size, |head| head.size),
            old_root: head.map_or(protocol::Digest::ZERO, |head| head.root),
            restored_size: size,
            cause: format!(
                "gateway {} trimmed records {} to {} under a receipt of this server, which does not hold them",
                header.gateway, lost.from, lost.to
            ),
        })
    }

    fn receipt(&self, site: &SiteId, gateway: &GatewayId) -> Vec<u8> {
        let known = self.sites.get(site);
        let through = known.and_then(|known| known.state.through(gateway));
        let (checkpoint, logged) = match &through {
            Some((chain, ..)) => self.shared.logs.logged(site, gateway, chain),
            None => (String::new(), None),
        };
        let receipt = Receipt {
            site: site.clone(),
            gateway: gateway.clone(),
            through,
            log_epoch: known.map_or(0, |known| known.epoch),
            server_ms: self.shared.now.now_ms(),
            checkpoint,
            logged,
        };
        ServerMessage::Receipt(receipt).sign(self.shared.logs.key().secret())
    }
}

/// How long a group waits for the site logs to catch up before the disk counts as full.
const LOGS_BEHIND: Duration = Duration::from_secs(5);
