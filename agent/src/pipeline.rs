//! The wiring: sources → sealer → buffer → uplink. Read this first.
//!
//! ```text
//! source tasks ──(events, bounded)──▶ this loop ── sealer (pure)
//!                                        │ records            ▲ committed / refused
//!                                        ▼                    │
//!                                     buffer thread ──────────┘
//!                                        │ (watch: what is durable)
//!                                        ▼
//!                                     uplink task ══MQTT══▶ server ──receipts──▶ buffer thread
//! ```
//!
//! Constraints:
//! 1. Sources and uplink meet only in the buffer. A dead server never delays a poll; a dead device never delays delivery.
//! 2. Back-pressure flows left: events wait in one bounded channel, and when the buffer is full the sealer accepts nothing and
//!    states the gap.
//! 3. One commit is on its way at a time; meanwhile readings are taken into the next batch.
//! 4. Shutdown in order: stop sources and take what they still say, seal the closing record, sync it, let the uplink say
//!    goodbye, save the cursor. A second signal, or [`SHUTDOWN_MS_MAX`], ends it; what was synced is safe anyway.

pub(crate) mod outward;
mod refile;
mod words;

use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use protocol::{BootId, ChainId, ChainStartCause, Configuration, GapCause, SecretKey, StateMessage, StateValue};
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::buffer::owner::{self, BufferHandle, CommitError};
use crate::buffer::storage::DiskStorage;
use crate::buffer::{self, AppendError, Buffer, Entry};
use crate::carry;
use crate::chain::{self, Span, Start};
use crate::clock::{self, ClockWatch, SharedClock};
use crate::event::{EVENT_QUEUE_MAX, SourceEvent};
use crate::identity::{Enrolment, replace_file};
use crate::live::Latest;
use crate::locale::words;
use crate::renewal::{self, Renewal};
use crate::sealer::{self, Sealer, Signer};
use crate::status::{self, Status};
use crate::uplink::mqtt::Link;
use crate::uplink::tls::{ClientIdentity, Pin, PinnedServer};
use crate::uplink::{self, Report, Shore, delivery, kept, tls};
use outward::{StateSender, link, tls_config};
use refile::Refile;
use words::{announce, explain};

/// Sources, closing record and goodbye together may take this long.
pub const SHUTDOWN_MS_MAX: u64 = 10_000;

/// Trim, save the cursor, look at the clock.
const HOUSEKEEPING_MS: i64 = 5_000;

/// A commit that failed is tried again after this long.
const RETRY_MS: i64 = 2_000;

/// Latest values go out this often, if any changed.
const STATE_MS: i64 = 5_000;

/// The same on a link with a rate limit.
const STATE_METERED_MS: i64 = 60_000;

/// Values in one state message; the rest follows in the next.
const STATE_VALUES_MAX: usize = 1_000;

/// File that tells "never had a chain" from "lost it".
const BOOT_FILE: &str = "boot.json";

/// How to reach the server; `[uplink]` in `agent.toml`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UplinkSettings {
    /// `host:port` instead of the one from enrolment.
    pub address: Option<String>,
    /// TLS at all.
    pub tls: bool,
    /// CA of an external broker (PEM text); without it the enrolled server's key is pinned.
    pub broker_ca_pem: Option<String>,
    /// User and password of an external broker.
    pub credentials: Option<(String, String)>,
    /// Window and rate.
    pub delivery: delivery::Settings,
    /// How many refused records are kept aside.
    pub refused: kept::Limit,
}

/// Everything a run needs; built by the command line from configuration and state directory.
pub struct Setup {
    /// Where key, enrolment and buffer live.
    pub state_dir: PathBuf,
    /// Tag table and devices, as they go into the evidence.
    pub configuration: Arc<Configuration>,
    /// By tag index: a change seals at once.
    pub alarm: Vec<bool>,
    /// Longest time between two seals, milliseconds.
    pub seal_ms: i64,
    /// `[buffer]`.
    pub buffer: buffer::Settings,
    /// `[uplink]`.
    pub uplink: UplinkSettings,
    /// Time.
    pub clock: SharedClock,
    /// Shared with the local page.
    pub status: Status,
    /// The gateway's key.
    pub key: SecretKey,
    /// What enrolment returned.
    pub enrolment: Enrolment,
}

/// What sources are started with.
#[derive(Clone)]
pub struct SourceContext {
    /// Where events go.
    pub events: mpsc::Sender<SourceEvent>,
    /// Time.
    pub clock: SharedClock,
    /// Ends the sources.
    pub shutdown: CancellationToken,
}

type Commit = std::pin::Pin<Box<dyn Future<Output = Result<u64, CommitError>> + Send>>;

struct Pipeline {
    clock: SharedClock,
    status: Status,
    sealer: Sealer,
    watch: ClockWatch,
    buffer: BufferHandle,
    shore: watch::Sender<Shore>,
    commit: Option<Commit>,
    /// Records of the commit under way, for another attempt.
    offered: Vec<Vec<u8>>,
    /// Records of it that the buffer accepted already.
    retry_ms: Option<i64>,
    closing: bool,
    /// The records under way begin this chain.
    begins: Option<ChainId>,
    offered_total: usize,
    fork: Option<(ChainStartCause, (ChainId, u64, protocol::Digest), u64)>,
    /// What the chain before could not deliver.
    refile: Option<Refile>,
    state_dir: PathBuf,
    started_ms: i64,
    housekeeping_ms: i64,
}

/// Runs the agent until `shutdown`. `spawn_sources` starts every source as a task of the returned set.
///
/// # Errors
/// When the buffer cannot be opened, the uplink cannot be set up, or a record cannot be encoded.
pub async fn run(
    setup: Setup,
    spawn_sources: impl FnOnce(SourceContext) -> JoinSet<()>,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let now = setup.clock.read();
    let buffer_dir = setup.state_dir.join("buffer");
    let storage = DiskStorage::open(&buffer_dir).map_err(|error| {
        let hint = if error.kind() == std::io::ErrorKind::WouldBlock {
            "another agent is using this buffer; stop it first"
        } else {
            "check owner, permissions and free space"
        };
        anyhow::Error::new(error).context(format!("{}: cannot be opened; {hint}", buffer_dir.display()))
    })?;
    let (mut buffer, recovery) =
        Buffer::open(storage, setup.buffer.clone(), random()?).context("The buffer cannot be opened")?;
    for range in &recovery.damaged {
        let (from, to) = (range.start, range.end.saturating_sub(1));
        setup.status.notice(
            now.boot_ms,
            words!(
                "缓存第 {from}–{to} 位损坏，已如实记录",
                "buffer positions {from}–{to} are damaged; this is recorded"
            ),
        );
    }
    let boot_path = setup.state_dir.join(BOOT_FILE);
    let had_chain = boot_path.exists();
    let boot_id = BootId(now.boot_id);
    let read = |position| buffer.read(position).unwrap_or(Entry::Damaged(position..position + 1));
    let resume = chain::resume(&recovery, had_chain, boot_id, &setup.configuration, read);
    let read = |position| buffer.read(position).unwrap_or(Entry::Damaged(position..position + 1));
    let refile = Refile::resume(&setup.state_dir, &resume.spans, recovery.next_position, read);
    // What a chain that was given up still holds is repeated, not sent.
    let given_up_end = refile.as_ref().map_or(0, |(_, first_position)| *first_position);
    let receipted_end = buffer.cursor().receipted_end.max(given_up_end);
    tracing::info!(
        next_position = recovery.next_position,
        receipted_end,
        tail_cut = recovery.tail_cut,
        "The buffer is open."
    );
    if let Start::New { cause, .. } = resume.start {
        announce(&setup.status, now.boot_ms, cause);
    }
    let (buffer, owner) = owner::spawn(buffer)?;

    let site = setup.enrolment.site.clone();
    let gateway = setup.enrolment.gateway.clone();
    let signer = Signer { site: site.clone(), gateway: gateway.clone(), key: setup.key.clone() };
    let fresh_chain = ChainId(random()?);
    let sealer_settings = sealer::Settings { seal_ms: setup.seal_ms, alarm: setup.alarm };
    let configuration = setup.configuration;
    let (start, stop) = (&resume.start, resume.stop.as_ref());
    let sealer = Sealer::new(signer.clone(), sealer_settings, configuration.clone(), start, stop, fresh_chain, now)?;
    let begins = matches!(resume.start, Start::New { .. }).then_some(fresh_chain);
    let boot_text = serde_json::json!({ "boot_id": boot_id.hex(), "chain": sealer.chain().chain.hex() }).to_string();
    replace_file(&boot_path, boot_text.as_bytes()).with_context(|| boot_path.display().to_string())?;

    let (shore, shore_reader) = watch::channel(Shore { spans: resume.spans, end: recovery.next_position });
    let (latest, latest_reader) = watch::channel(Vec::new());
    let (reports, mut report_reader) = mpsc::channel(64);
    let uplink_shutdown = CancellationToken::new();
    let metered = setup.uplink.delivery.bytes_per_second_max > 0;
    let (enrolment, mut enrolment_changes) = watch::channel(setup.enrolment.clone());
    let (tls, tls_reader) = watch::channel(tls_config(&setup.uplink, &setup.enrolment, &setup.key, &setup.clock)?);
    let link = link(&setup.uplink, &setup.enrolment, tls_reader)?;
    let expired = Arc::new(Notify::new());
    let renewal = Renewal {
        state_dir: setup.state_dir.clone(),
        key: setup.key.clone(),
        clock: setup.clock.clone(),
        status: setup.status.clone(),
        expired: expired.clone(),
        enrolment,
    };
    let renewal = tokio::spawn(renewal::run(renewal, shutdown.clone()));
    let (carriage, asked) = mpsc::channel(1);
    match carry::listen(&setup.state_dir) {
        Ok(listener) => drop(tokio::spawn(carry::serve(listener, carriage, shutdown.clone()))),
        // Everything else goes on.
        Err(error) => tracing::warn!(%error, "No socket for `gongzheng-agent carry`."),
    }
    let uplink = tokio::spawn(uplink::run(
        uplink::Context {
            buffer: buffer.clone(),
            clock: setup.clock.clone(),
            status: setup.status.clone(),
            signer,
            peer: delivery::Peer { site, gateway, log_key: setup.enrolment.verifier_key()? },
            link,
            settings: setup.uplink.delivery,
            refused: setup.uplink.refused,
            shore: shore_reader,
            before: resume.before,
            receipted_end,
            given_up_end,
            latest: latest_reader,
            reports,
            state_dir: setup.state_dir.clone(),
            seed: u64::from_be_bytes(random()?),
            expired,
        },
        asked,
        uplink_shutdown.clone(),
    ));

    let (events, mut event_reader) = mpsc::channel(EVENT_QUEUE_MAX);
    let source_shutdown = CancellationToken::new();
    let mut sources =
        spawn_sources(SourceContext { events, clock: setup.clock.clone(), shutdown: source_shutdown.clone() });

    let mut pipeline = Pipeline {
        clock: setup.clock,
        status: setup.status,
        sealer,
        watch: ClockWatch::default(),
        buffer,
        shore,
        commit: None,
        offered: Vec::new(),
        retry_ms: None,
        closing: false,
        begins,
        offered_total: 0,
        fork: None,
        refile: refile.map(|(refile, _)| refile).filter(|refile| !refile.is_done()),
        state_dir: setup.state_dir,
        started_ms: now.boot_ms,
        housekeeping_ms: i64::MIN,
    };
    let mut state = StateSender::new(configuration, if metered { STATE_METERED_MS } else { STATE_MS });
    let mut taken = Vec::with_capacity(256);
    let mut stopping_ms = None;
    let mut sources_open = true;
    loop {
        let now_ms = pipeline.clock.boot_ms();
        pipeline.advance(now_ms).await?;
        state.send(&pipeline.status, &pipeline.clock, &latest);
        if let Some(stopping_ms) = stopping_ms {
            let late = now_ms >= stopping_ms + SHUTDOWN_MS_MAX as i64 / 2;
            if !sources_open || late {
                break;
            }
        }
        let wait = Duration::from_millis(pipeline.wait_ms(now_ms));
        tokio::select! {
            () = shutdown.cancelled(), if stopping_ms.is_none() => {
                tracing::info!("Stopping: sources first.");
                source_shutdown.cancel();
                stopping_ms = Some(now_ms);
            }
            count = event_reader.recv_many(&mut taken, 256), if sources_open => {
                sources_open = count > 0;
                let mut readings = 0;
                for event in taken.drain(..) {
                    readings += state.take(&event);
                    pipeline.sealer.take(event);
                }
                pipeline.status.update(|s| s.readings_total += readings);
            }
            // Ended by themselves; something else may still hold a sender, so the channel need not close.
            None = sources.join_next(), if stopping_ms.is_some() && sources_open => {
                sources_open = false;
                while let Ok(event) = event_reader.try_recv() {
                    pipeline.sealer.take(event);
                }
            }
            outcome = wait_for(&mut pipeline.commit) => pipeline.committed(outcome),
            Ok(()) = enrolment_changes.changed() => {
                let renewed = enrolment_changes.borrow_and_update().clone();
                match tls_config(&setup.uplink, &renewed, &setup.key, &pipeline.clock) {
                    Ok(config) => drop(tls.send_replace(config)),
                    Err(error) => tracing::error!(error = format!("{error:#}"), "The renewed certificate cannot be used."),
                }
            }
            Some(report) = report_reader.recv() => pipeline.report(report),
            () = tokio::time::sleep(wait) => {}
        }
    }
    pipeline.close().await?;
    sources.abort_all();
    while sources.join_next().await.is_some() {}
    renewal.abort();
    tracing::info!("The closing record is durable; the uplink says goodbye.");
    uplink_shutdown.cancel();
    drop(report_reader);
    let farewell = tokio::time::timeout(Duration::from_millis(SHUTDOWN_MS_MAX), uplink).await;
    if let Ok(Ok(Err(error))) = farewell {
        tracing::error!(error = format!("{error:#}"), "The uplink failed.");
    }
    // The last handle goes with the pipeline; then the owner saves the cursor and ends.
    drop(pipeline);
    owner.join();
    Ok(())
}

/// The commit under way, or never.
async fn wait_for(commit: &mut Option<Commit>) -> Result<u64, CommitError> {
    match commit {
        Some(commit) => commit.await,
        None => std::future::pending().await,
    }
}

impl Pipeline {
    /// Starts whatever is due.
    async fn advance(&mut self, now_ms: i64) -> anyhow::Result<()> {
        if now_ms >= self.housekeeping_ms {
            self.housekeeping_ms = now_ms + HOUSEKEEPING_MS;
            self.housekeep().await;
        }
        if self.commit.is_some() {
            return Ok(());
        }
        if let Some(retry_ms) = self.retry_ms {
            if now_ms >= retry_ms {
                self.retry_ms = None;
                self.offer();
            }
            return Ok(());
        }
        if self.sealer.is_sealing() {
            return Ok(());
        }
        if let Some((cause, old, from)) = self.fork.take() {
            self.begin_again(cause, old, from)?;
        }
        let mut repeats = Vec::new();
        if let Some(refile) = &mut self.refile {
            self.buffer.receipted(refile.dealt_with(), 0, 0).await;
            repeats = refile.piece(&self.buffer).await;
            if refile.is_done() {
                self.refile = None;
            }
        }
        let due = !repeats.is_empty()
            || self.sealer.must_open()
            || self.sealer.due_ms().is_some_and(|due_ms| due_ms <= now_ms);
        if due {
            self.sealer.refile(repeats);
            let sealed = self.sealer.seal(self.clock.read())?;
            self.offered = sealed.records;
            self.offered_total = self.offered.len();
            self.offer();
        }
        Ok(())
    }

    fn offer(&mut self) {
        let (buffer, records, closing) = (self.buffer.clone(), self.offered.clone(), self.closing);
        self.commit = Some(Box::pin(async move { buffer.commit(records, closing).await }));
    }

    fn committed(&mut self, outcome: Result<u64, CommitError>) {
        self.commit = None;
        let now_ms = self.clock.boot_ms();
        match outcome {
            Ok(end) => {
                self.offered.clear();
                if self.sealer.committed(now_ms)
                    && let Some(refile) = &mut self.refile
                {
                    refile.stored();
                    self.refile.take_if(|refile| refile.is_done());
                }
                let begins = self.begins.take();
                let count = self.offered_total as u64;
                self.shore.send_modify(|shore| {
                    if let Some(chain) = begins {
                        if let Some(last) = shore.spans.last_mut() {
                            last.end_position = Some(end - count);
                        }
                        shore.spans.push(Span { chain, first_position: end - count, end_position: None });
                    }
                    shore.end = end;
                });
                let chain = self.sealer.chain().clone();
                self.status.update(|snapshot| {
                    snapshot.records_total += count;
                    snapshot.next_sequence = chain.sequence;
                    snapshot.chain = chain.chain.hex();
                    snapshot.buffer_blocked = false;
                });
            }
            Err(CommitError { accepted, error }) => {
                self.offered.drain(..accepted.min(self.offered.len()));
                self.retry_ms = Some(now_ms + RETRY_MS);
                let words = explain(&error);
                if !self.sealer.is_blocked() {
                    tracing::error!(%error, "The buffer takes nothing; readings are no longer accepted.");
                    self.status.update(|snapshot| snapshot.buffer_blocked = true);
                }
                let cause =
                    if matches!(error, AppendError::Disk(_)) { GapCause::Damaged } else { GapCause::BufferFull };
                self.sealer.refused(now_ms, cause, &words.en);
                // The same words are kept once, with their newest time.
                self.status.notice(now_ms, words);
            }
        }
    }

    fn report(&mut self, report: Report) {
        let now_ms = self.clock.boot_ms();
        match report {
            Report::Anchor(anchor) => self.sealer.anchor(anchor),
            Report::Fork { old, from } => self.fork = Some((ChainStartCause::OldImage, old, from)),
            Report::Refused { sequence, detail } => {
                self.sealer.event(now_ms, "refused", "", i64::try_from(sequence).unwrap_or(i64::MAX), &detail);
            }
            Report::Removed { count } => {
                self.sealer.event(now_ms, "refused_removed", "", i64::try_from(count).unwrap_or(i64::MAX), "");
            }
        }
    }

    /// A new chain; in it, piece by piece, what the old one could not deliver: everything from position `from` on.
    fn begin_again(
        &mut self,
        cause: ChainStartCause,
        old: (ChainId, u64, protocol::Digest),
        from: u64,
    ) -> anyhow::Result<()> {
        let chain = ChainId(random()?);
        let end = self.shore.borrow().end;
        let refile = Refile::begin(&self.state_dir, chain, from, end).context("The new chain cannot be noted")?;
        self.refile = Some(refile);
        self.sealer.fork(chain, cause, Some(old));
        self.begins = Some(chain);
        announce(&self.status, self.clock.boot_ms(), cause);
        Ok(())
    }

    async fn housekeep(&mut self) {
        let now = self.clock.read();
        let changes = self.watch.observe(now);
        self.sealer.clock_changed(now.boot_ms, &changes);
        for words in changes.into_iter().filter_map(|change| clock::words::change(change, &now)) {
            self.status.notice(now.boot_ms, words);
        }
        match self.buffer.housekeep().await {
            Ok(stats) => {
                let over_ms = now.boot_ms - self.started_ms;
                let hours = status::hours_left(stats.bytes_left, stats.bytes_appended, over_ms);
                self.status.update(|snapshot| {
                    snapshot.buffer = stats;
                    snapshot.hours_left = hours;
                    snapshot.clock = Some(now);
                });
            }
            Err(error) => tracing::warn!(%error, "Trimming or saving the cursor failed; it is tried again."),
        }
    }

    fn wait_ms(&self, now_ms: i64) -> u64 {
        let mut until = self.housekeeping_ms;
        if let Some(retry_ms) = self.retry_ms {
            until = until.min(retry_ms);
        } else if let Some(due_ms) = self.sealer.due_ms() {
            until = until.min(due_ms);
        }
        until.saturating_sub(now_ms).clamp(1, 1_000) as u64
    }

    /// Finishes the commit under way, then seals and syncs the closing record.
    async fn close(&mut self) -> anyhow::Result<()> {
        let deadline_ms = self.clock.boot_ms() + SHUTDOWN_MS_MAX as i64 / 2;
        if self.commit.is_some() {
            let outcome = wait_for(&mut self.commit).await;
            self.committed(outcome);
        }
        let partly_accepted = self.retry_ms.is_some() && self.offered.len() < self.offered_total;
        while self.retry_ms.is_some() && (partly_accepted || !self.sealer.is_blocked()) {
            // Part of the offer has its positions already: it must be finished before anything else is numbered.
            if self.clock.boot_ms() >= deadline_ms {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
            self.retry_ms = None;
            self.offer();
            let outcome = wait_for(&mut self.commit).await;
            self.committed(outcome);
        }
        self.closing = true;
        let sealed = self.sealer.close(self.clock.read())?;
        self.offered = sealed.records;
        self.offered_total = self.offered.len();
        self.offer();
        let outcome = wait_for(&mut self.commit).await;
        if let Err(CommitError { error, .. }) = &outcome {
            tracing::error!(%error, "The closing record could not be stored; the next run states the gap.");
        }
        self.committed(outcome);
        Ok(())
    }
}

fn random<const N: usize>() -> anyhow::Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| anyhow::anyhow!("the system has no random numbers: {error}"))?;
    Ok(bytes)
}
