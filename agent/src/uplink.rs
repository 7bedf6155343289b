//! From the buffer to the server and back: carries out what [`delivery`] decides.
//!
//! Constraints:
//! 1. No decision is made here; every `if` about windows, receipts and repetition lives in `delivery`, which is pure.
//! 2. Nothing is published that is not durable, and nothing is freed but by [`delivery::Action::Settle`].
//! 3. The newest receipt is on disk before anything is trimmed under it: should the server ever ask again for what was trimmed,
//!    the `Lost` carries it as proof.

pub mod carried;
pub mod certificate;
pub mod checkpoints;
pub mod delivery;
pub mod kept;
pub mod mqtt;
pub mod substitutes;
pub mod tls;
pub mod words;

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use protocol::{ChainId, Digest, LostCause, ServerAnchor};
use tokio::sync::{Notify, mpsc, watch};
use tokio_util::sync::CancellationToken;

use self::carried::Asked;
use self::checkpoints::{Checkpoints, Verdict};
use self::delivery::{Action, Delivery, Input, Notice, Peer};
use self::mqtt::{Link, LinkCommand, LinkEvent};
use self::substitutes::{Hole, Substitutes};
use crate::buffer::Entry;
use crate::buffer::owner::BufferHandle;
use crate::chain::Span;
use crate::clock::SharedClock;
use crate::identity::replace_file;
use crate::locale::words;
use crate::sealer::Signer;
use crate::status::{LastReceipt, Status};

/// File with the newest receipt, inside the state directory.
const RECEIPT_FILE: &str = "receipt.bin";

/// The newest receipt is written to disk at most this often; segments are trimmed three days after their receipt.
const RECEIPT_SAVE_MS: i64 = 10_000;

/// At shutdown, how long the last records may take to be receipted.
const FAREWELL_MS: i64 = 3_000;

/// What is durable and which chains it belongs to; the pipeline tells it to the uplink.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shore {
    /// Chains, oldest first.
    pub spans: Vec<Span>,
    /// Every position below this is durable.
    pub end: u64,
}

/// What the uplink tells the pipeline.
#[derive(Debug, Clone, PartialEq)]
pub enum Report {
    /// A signed server time of this boot.
    Anchor(ServerAnchor),
    /// The server knows more of our chain than we do: begin a new one.
    Fork {
        /// What the server knows.
        old: (ChainId, u64, Digest),
        /// Positions from here on were never receipted.
        from: u64,
    },
    /// Of the refused records that are kept here the oldest were removed.
    Removed {
        /// How many.
        count: usize,
    },
    /// A refusal, for the evidence.
    Refused {
        /// Which record.
        sequence: u64,
        /// The reason, and the server's technical English.
        detail: String,
    },
}

/// Everything the uplink needs.
pub struct Context {
    /// The buffer.
    pub buffer: BufferHandle,
    /// Time.
    pub clock: SharedClock,
    /// For people.
    pub status: Status,
    /// Signs `Lost`.
    pub signer: Signer,
    /// Whose receipts count.
    pub peer: Peer,
    /// Where to connect.
    pub link: Link,
    /// Window and rate.
    pub settings: delivery::Settings,
    /// How many refused records are kept aside.
    pub refused: kept::Limit,
    /// Chains and durable end at start, and as they grow.
    pub shore: watch::Receiver<Shore>,
    /// The chain before the oldest span.
    pub before: Option<(ChainId, u64, Digest)>,
    /// From the cursor.
    pub receipted_end: u64,
    /// Every position below belongs to a chain that was given up.
    pub given_up_end: u64,
    /// Latest values, encoded; each change is sent once.
    pub latest: watch::Receiver<Vec<u8>>,
    /// To the pipeline.
    pub reports: mpsc::Sender<Report>,
    /// Where receipt and substitutes are kept.
    pub state_dir: PathBuf,
    /// Random numbers for jitter.
    pub seed: u64,
    /// Told when a certificate was found expired.
    pub expired: Arc<Notify>,
}

struct Uplink {
    context: Context,
    delivery: Delivery,
    substitutes: Substitutes,
    checkpoints: Checkpoints,
    commands: mpsc::Sender<LinkCommand>,
    newest_receipt: Vec<u8>,
    receipt_changed: bool,
    receipt_saved_ms: i64,
    spans_told: usize,
    connected: bool,
    /// What a message from a file had to say, while it is taken in.
    told: Option<Vec<Notice>>,
}

/// Runs until `shutdown`, and then until everything is receipted or [`FAREWELL_MS`] passed.
///
/// # Errors
/// When the folder of substitutes cannot be read.
pub async fn run(
    context: Context,
    mut asked: mpsc::Receiver<Asked>,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let shore = context.shore.borrow().clone();
    let delivery = Delivery::new(
        context.settings,
        context.peer.clone(),
        shore.spans.clone(),
        context.before,
        context.receipted_end,
        shore.end,
        context.seed,
    )
    .giving_up(context.given_up_end);
    let substitutes = Substitutes::load(&context.state_dir)?;
    let checkpoints = Checkpoints::load(context.state_dir.join(checkpoints::FILE), context.peer.log_key.clone());
    let newest_receipt = std::fs::read(context.state_dir.join(RECEIPT_FILE)).unwrap_or_default();
    // Room for a whole window: delivery never has more under way.
    let (commands, link_commands) = mpsc::channel(context.settings.window + 4);
    let (link_sender, mut link_events) = mpsc::channel(64);
    let link_shutdown = CancellationToken::new();
    let mut random = context.seed;
    let jitter = move || {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        random >> 33
    };
    let link = tokio::spawn(mqtt::run(context.link.clone(), link_commands, link_sender, link_shutdown.clone(), jitter));
    let (mut shore_changes, mut latest_changes) = (context.shore.clone(), context.latest.clone());
    let spans_told = shore.spans.len();
    let mut uplink = Uplink {
        context,
        delivery,
        substitutes,
        checkpoints,
        commands,
        newest_receipt,
        receipt_changed: false,
        receipt_saved_ms: 0,
        spans_told,
        connected: false,
        told: None,
    };
    let mut farewell_ms = None;
    loop {
        let now_ms = uplink.context.clock.boot_ms();
        if let Some(farewell_ms) = farewell_ms {
            let done = uplink.delivery.receipted_end() >= uplink.context.shore.borrow().end;
            if done || now_ms >= farewell_ms || !uplink.connected {
                break;
            }
        }
        let wait_ms =
            (uplink.delivery.wake_ms(now_ms) - now_ms).clamp(1, if farewell_ms.is_some() { 50 } else { 15_000 });
        let input = tokio::select! {
            () = shutdown.cancelled(), if farewell_ms.is_none() => {
                farewell_ms = Some(now_ms + FAREWELL_MS);
                Input::Tick
            }
            event = link_events.recv() => match event {
                Some(event) => uplink.link_event(event),
                None => break,
            },
            changed = shore_changes.changed() => {
                if changed.is_err() && farewell_ms.is_none() { farewell_ms = Some(now_ms + FAREWELL_MS); }
                let shore = shore_changes.borrow_and_update().clone();
                uplink.tell_chains(&shore).await;
                Input::Durable(shore.end)
            }
            Ok(()) = latest_changes.changed() => {
                let bytes = latest_changes.borrow_and_update().clone();
                let _ = uplink.commands.try_send(LinkCommand::State(bytes));
                Input::Tick
            }
            Some(asked) = asked.recv() => {
                uplink.answer(asked).await;
                Input::Tick
            }
            () = tokio::time::sleep(Duration::from_millis(wait_ms as u64)) => Input::Tick,
        };
        uplink.carry_out(input).await;
    }
    link_shutdown.cancel();
    drop(uplink.commands);
    let _ = tokio::time::timeout(Duration::from_secs(1), link).await;
    Ok(())
}

impl Uplink {
    fn link_event(&mut self, event: LinkEvent) -> Input {
        let boot_ms = self.context.clock.boot_ms();
        match event {
            LinkEvent::Connected => {
                self.connected = true;
                tracing::info!(host = %self.context.link.host, port = self.context.link.port, "Connected to the server.");
                self.context.status.update(|snapshot| {
                    snapshot.uplink.connected = true;
                    snapshot.uplink.since_boot_ms = boot_ms;
                    snapshot.uplink.problem = None;
                });
                Input::Connected
            }
            LinkEvent::Disconnected { reason, expired } => {
                if expired {
                    self.context.expired.notify_one();
                }
                self.connected = false;
                tracing::warn!(reason = %reason, "Not connected to the server; records are kept.");
                self.context.status.update(|snapshot| {
                    if snapshot.uplink.connected {
                        snapshot.uplink.since_boot_ms = boot_ms;
                    }
                    snapshot.uplink.connected = false;
                    snapshot.uplink.problem = Some(reason);
                });
                Input::Disconnected
            }
            LinkEvent::Message(bytes) => Input::Message(bytes),
        }
    }

    async fn tell_chains(&mut self, shore: &Shore) {
        for span in shore.spans.iter().skip(self.spans_told).copied().collect::<Vec<_>>() {
            self.spans_told += 1;
            self.carry_out(Input::NewChain(span)).await;
        }
    }

    /// Feeds one input and everything that follows from it.
    async fn carry_out(&mut self, input: Input) {
        let mut inputs = VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            let now_ms = self.context.clock.boot_ms();
            for action in self.delivery.on(input, now_ms) {
                match action {
                    Action::Load(position) => inputs.push_back(self.load(position).await),
                    Action::Substitute { from, to, cause, previous } => {
                        let made = self.substitute(from, to, cause, previous).await;
                        inputs.push_back(made.unwrap_or(Input::Unread));
                    }
                    other => self.perform(other, now_ms).await,
                }
            }
        }
        let in_flight = self.delivery.in_flight();
        self.context.status.update(|snapshot| snapshot.uplink.in_flight = in_flight);
    }

    async fn load(&mut self, position: u64) -> Input {
        if let Some((end, bytes)) = self.substitutes.get(position) {
            return Input::Loaded { position, end, bytes };
        }
        match self.context.buffer.read(position).await {
            Ok(Entry::Present(bytes)) => Input::Loaded { position, end: position + 1, bytes },
            Ok(Entry::Damaged(range)) => Input::Missing { position, end: range.end, cause: LostCause::Damaged },
            Ok(Entry::Trimmed) => {
                let end = self.first_kept(position).await;
                Input::Missing { position, end, cause: LostCause::Trimmed }
            }
            Ok(Entry::NotYet) => Input::Unread,
            Err(error) => {
                tracing::error!(%error, position, "A buffered record cannot be read; it is tried again.");
                Input::Unread
            }
        }
    }

    /// First position at or after `position` that was not trimmed, by doubling and halving.
    async fn first_kept(&self, position: u64) -> u64 {
        let (mut trimmed, mut kept) = (position, self.context.shore.borrow().end);
        while kept - trimmed > 1 {
            let middle = trimmed + (kept - trimmed) / 2;
            match self.context.buffer.read(middle).await {
                Ok(Entry::Trimmed) => trimmed = middle,
                _ => kept = middle,
            }
        }
        kept
    }

    async fn substitute(&mut self, from: u64, to: u64, cause: LostCause, previous: Option<Digest>) -> Option<Input> {
        let span = self.context.shore.borrow().spans.iter().rev().find(|span| span.first_position <= from).copied()?;
        let receipt = if cause == LostCause::Trimmed { self.newest_receipt.clone() } else { Vec::new() };
        let hole = Hole { span, from, to, cause, previous, receipt: &receipt };
        let now = self.context.clock.read();
        let (first, last) = (from - span.first_position, to - 1 - span.first_position);
        let made = substitutes::make(hole, &self.context.buffer, &self.context.signer, now).await;
        match made.and_then(|record| {
            self.substitutes.keep(from, to, record.clone())?;
            let forgotten = self.substitutes.forget(self.delivery.receipted_end(), substitutes::KEPT_MAX)?;
            if forgotten > 0 {
                tracing::info!(
                    forgotten,
                    "Statements about lost records that the server has receipted were removed here."
                );
            }
            Ok(record)
        }) {
            Ok(bytes) => {
                self.context.status.notice(
                    now.boot_ms,
                    match cause {
                        LostCause::Damaged => words!(
                            "缓存中第 {first}–{last} 号记录已损坏，已向服务器如实说明",
                            "records {first}–{last} in the buffer are damaged; the server was told so"
                        ),
                        LostCause::Refused => words!(
                            "服务器最终拒绝了第 {first}–{last} 号记录；本机保留原件，并已说明",
                            "the server finally refused records {first}–{last}; they are kept here and the server was told so"
                        ),
                        LostCause::Trimmed => words!(
                            "服务器要求重发第 {first}–{last} 号记录，但它们已凭其回执清除；已附上该回执",
                            "the server asks again for records {first}–{last}, which were trimmed under its receipt; the receipt was attached"
                        ),
                    },
                );
                if cause == LostCause::Refused {
                    self.keep_refused(from).await;
                }
                Some(Input::Loaded { position: from, end: to, bytes })
            }
            Err(error) => {
                tracing::error!(
                    error = format!("{error:#}"),
                    "A statement about lost records cannot be made; it is tried again."
                );
                None
            }
        }
    }

    /// A record the server refused for good stays here, outside the buffer, which forgets it in time.
    async fn keep_refused(&self, position: u64) {
        if let Ok(Entry::Present(bytes)) = self.context.buffer.read(position).await {
            let (folder, name) = (self.context.state_dir.join("refused"), format!("{position:016x}.record"));
            match kept::keep(&folder, &name, &bytes, self.context.refused) {
                Ok(0) => {}
                Ok(count) => {
                    let boot_ms = self.context.clock.boot_ms();
                    self.context.status.notice(
                        boot_ms,
                        words!(
                            "被服务器拒绝的记录太多：已删除最早的 {count} 条。请查明拒绝原因，并备份 refused 目录",
                            "too many records were refused by the server: the oldest {count} kept here were removed. Find out why they are refused, and copy the folder `refused`"
                        ),
                    );
                    let _ = self.context.reports.send(Report::Removed { count }).await;
                }
                Err(error) => tracing::error!(%error, name, "A refused record cannot be kept."),
            }
        }
    }

    async fn perform(&mut self, action: Action, now_ms: i64) {
        match action {
            Action::Publish(bytes) => {
                if self.commands.try_send(LinkCommand::Record(bytes)).is_err() {
                    tracing::warn!("The connection does not take a record; it is sent again.");
                }
            }
            Action::Settle { end, logged_end, server_ms, message, checkpoint } => {
                self.see_checkpoint(&checkpoint, now_ms);
                if self.newest_receipt != message {
                    self.newest_receipt = message;
                    self.receipt_changed = true;
                }
                self.save_receipt(now_ms);
                self.context.buffer.receipted(end, server_ms, logged_end).await;
                let last_receipt = Some(LastReceipt { server_ms, boot_ms: now_ms, end });
                self.context.status.update(|snapshot| snapshot.uplink.last_receipt = last_receipt);
            }
            Action::Withdraw(end) => self.context.buffer.withdraw(end).await,
            Action::Fork { old, from } => {
                let _ = self.context.reports.send(Report::Fork { old, from }).await;
            }
            Action::Anchor(anchor) => {
                // The next receipt brings another one.
                let _ = self.context.reports.try_send(Report::Anchor(anchor));
            }
            Action::Keep(position) => self.keep_refused(position).await,
            Action::Rebuild => {
                let _ = self.commands.try_send(LinkCommand::Rebuild);
            }
            Action::Tell(notice) => {
                if let Notice::Refused { sequence, detail, reason, .. } = &notice {
                    let detail = format!("{}: {detail}", reason.name());
                    let _ = self.context.reports.try_send(Report::Refused { sequence: *sequence, detail });
                }
                self.context.status.notice(now_ms, words::explain(&notice));
                if let Some(told) = &mut self.told {
                    told.push(notice);
                }
            }
            Action::Load(_) | Action::Substitute { .. } => {}
        }
    }

    fn see_checkpoint(&mut self, note: &str, now_ms: i64) {
        let (verdict, kept) = self.checkpoints.observe(note);
        if let Err(error) = kept {
            tracing::warn!(%error, "A checkpoint cannot be kept.");
        }
        match verdict {
            Verdict::Forked { size } => self.context.status.notice(
                now_ms,
                words!(
                    "服务器对同一站点日志规模（{size} 条）给出了两个不同的校验根：站点日志可能被改写。两份签名均已保存在 checkpoints.txt，请联系见证方",
                    "the server showed two different roots for one size of its log ({size} entries): history may have been rewritten. Both signed statements are kept in checkpoints.txt; tell the witness"
                ),
            ),
            Verdict::Older { size, newest } => self.context.status.notice(
                now_ms,
                words!(
                    "服务器的站点日志变短了：曾给出 {newest} 条，现在只给出 {size} 条。若服务器没有从备份恢复，请联系见证方；两份签名均已保存在 checkpoints.txt",
                    "the server's log shrank: it showed {newest} entries before, and {size} now. If the server was not restored from a backup, tell the witness; both signed statements are kept in checkpoints.txt"
                ),
            ),
            Verdict::Invalid => self.context.status.notice(
                now_ms,
                words!("回执中的检查点签名不符，未采用", "the checkpoint in a receipt is not signed by the log; it was ignored"),
            ),
            Verdict::New | Verdict::Known => {}
        }
    }

    /// Off this thread, because a card may hold a sync for seconds.
    fn save_receipt(&mut self, now_ms: i64) {
        if self.receipt_changed && now_ms - self.receipt_saved_ms >= RECEIPT_SAVE_MS {
            self.receipt_changed = false;
            self.receipt_saved_ms = now_ms;
            let (path, bytes) = (self.context.state_dir.join(RECEIPT_FILE), self.newest_receipt.clone());
            tokio::task::spawn_blocking(move || {
                if let Err(error) = replace_file(&path, &bytes) {
                    tracing::warn!(%error, "The newest receipt cannot be kept.");
                }
            });
        }
    }
}
