//! From a gateway's bytes to a durable, receipted leaf. Read `accept` for the rules, `journal` for what survives.
//!
//! Two threads, because both block on the disk and neither may wait for the other's:
//!
//! ```text
//! endpoint, broker, declarations ─▶ commit: accept ▸ journal (one sync per group) ▸ receipts, PUBACK
//!                                        └─▶ integrate: contents, tiles, state (synced) ▸ checkpoint ▸ journal trimmed
//! ```
//!
//! Groups form by themselves: whatever arrives while one group is being synced is the next group, at most 256 entries.
//! Nobody waits for a timer, and under load one sync serves hundreds of records.
//!
//! The order of arrival is the order of the journal, and that of leaves. [`Ingest::submit`] is therefore synchronous: who
//! calls it in PUBLISH order has kept the order.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Release};
use std::sync::{Arc, Mutex, PoisonError, RwLock, mpsc as std_mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use protocol::{Declaration, GatewayId, Leaf, Refusal, ServerMessage, SiteId, StateMessage};
use tokio::sync::{mpsc, oneshot};

use crate::sitelog::{LogError, SiteLogs};
use crate::state::Clock;
use crate::storage::Storage;

pub mod accept;
pub mod broker;
mod commit;
pub mod endpoint;
mod health;
mod integrate;
pub mod journal;
mod live;
mod recent;
mod recover;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

use accept::SiteState;
pub use health::{Health, Newest, Oversized, Rejections, Seen};
use journal::{Entry, Journal};

/// Sends signed messages to gateways: the endpoint's handle, or a client of an external broker.
pub trait Pusher: Send + Sync {
    /// Queues a message; `false` when the gateway is not connected here.
    fn push(&self, site: &SiteId, gateway: &GatewayId, message: Vec<u8>) -> bool;
}

/// How `ingest` behaves.
#[derive(Debug, Clone)]
pub struct Options {
    /// A checkpoint follows new leaves within this time.
    pub publish_every: Duration,
    /// Leaves are integrated at most this long after their receipt.
    pub integrate_every: Duration,
    /// Between two attempts on a disk that refuses.
    pub retry_every: Duration,
    /// Free disk below which nothing is taken any more, bytes: room for what was already promised.
    pub reserve_bytes: u64,
    /// The journal forgets by whole segments of this length, bytes.
    pub segment_bytes: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            publish_every: Duration::from_secs(60),
            integrate_every: Duration::from_millis(200),
            retry_every: Duration::from_secs(1),
            reserve_bytes: 64 * 1024 * 1024,
            segment_bytes: journal::SEGMENT_BYTES,
        }
    }
}

/// How a submitted record was answered. Either way the signed messages are already on their way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Receipted, or refused with a signed message: the publish is complete.
    Answered,
    /// Nothing could be stored: do not acknowledge, the gateway shall come again.
    Unavailable,
}

/// What became of a record, for whoever brought it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// New, and durable.
    Taken {
        /// As [`accept::Verdict::Take`] says.
        late_ms: i64,
    },
    /// Held already.
    Repeated,
    /// Not taken.
    Refused(accept::Refused),
    /// Nothing could be stored.
    Unavailable,
}

/// Who waits for an outcome.
pub(crate) enum Waiting {
    /// A connection, which may acknowledge or not.
    Connection(oneshot::Sender<Answer>),
    /// Somebody who brought a file.
    Carrier(oneshot::Sender<Outcome>),
}

impl Waiting {
    fn tell(self, outcome: Outcome) {
        // Whoever went away does not need to know.
        match self {
            Self::Carrier(reply) => drop(reply.send(outcome)),
            Self::Connection(reply) => drop(reply.send(match outcome {
                Outcome::Unavailable => Answer::Unavailable,
                Outcome::Taken { .. } | Outcome::Repeated | Outcome::Refused(_) => Answer::Answered,
            })),
        }
    }
}

/// What recovery found at start, for the log and `doctor`.
#[derive(Debug, Default)]
pub struct Recovery {
    /// Journal entries brought into the logs again.
    pub replayed: usize,
    /// Bytes cut from the journal's end.
    pub cut_bytes: u64,
    /// Damaged journal segments, which are kept.
    pub damaged: Vec<String>,
    /// Entries that lay whole behind damage and do not stand without what is gone.
    pub left_out: usize,
    /// Sites that were found restored from a backup, with the epoch leaf's words.
    pub restored: Vec<(SiteId, String)>,
}

impl Recovery {
    /// What the operator must know of the journal, in Chinese and English; `None` when it was whole.
    pub fn journal_words(&self) -> Option<(String, String)> {
        let (mut zh, mut en) = (Vec::new(), Vec::new());
        let bytes = self.cut_bytes;
        if bytes > 0 {
            zh.push(format!("接收日志末尾不完整（多为断电），已截去 {bytes} 字节：网关会自动补发缺少的记录，无需处理"));
            en.push(format!(
                "the journal's end was torn or damaged (usually a power cut) and {bytes} bytes were cut: gateways send again what is missing, nothing to do"
            ));
        }
        if !self.damaged.is_empty() {
            let (files, left_out) = (self.damaged.join(", "), self.left_out);
            zh.push(format!(
                "日志有损坏，请检查这块磁盘：{files}。文件会原样保留；损坏处之后完好且顺序相符的记录已入账，另有 {left_out} 条由网关重发"
            ));
            en.push(format!(
                "the journal is damaged, check this disk: {files}. The files are kept as they are; what lies whole and in order behind the damage was taken, {left_out} more and what is damaged the gateways send again"
            ));
        }
        if zh.is_empty() {
            return None;
        }
        Some((zh.join("。"), en.join(". ")))
    }
}

/// The handle: submit, declare, greet, stop. Cheap to clone.
#[derive(Clone)]
pub struct Ingest {
    shared: Arc<Shared>,
}

struct Shared {
    submissions: mpsc::UnboundedSender<Submission>,
    logs: SiteLogs,
    pushers: RwLock<Vec<Arc<dyn Pusher>>>,
    gateways: RwLock<GatewayKeys>,
    health: Health,
    live: Mutex<Live>,
    now: Clock,
    /// Entries journalled and not yet integrated.
    pending: AtomicUsize,
    /// Their bytes.
    pending_bytes: AtomicUsize,
    /// Integration fails (disk full): take nothing more.
    stuck: AtomicBool,
    stopping: AtomicBool,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

type GatewayKeys = std::collections::BTreeMap<(SiteId, GatewayId), KeyStatus>;
type Live = std::collections::BTreeMap<(SiteId, GatewayId), (i64, StateMessage)>;

/// Which keys a gateway may show in its certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyStatus {
    /// In force for records.
    pub key: String,
    /// Enrolled with.
    pub enrolled_key: String,
    /// Revoked by declaration.
    pub revoked: bool,
}

pub(crate) enum Submission {
    Record {
        site: SiteId,
        gateway: GatewayId,
        bytes: Vec<u8>,
        reply: Waiting,
    },
    Declaration {
        site: SiteId,
        bytes: Vec<u8>,
        reply: oneshot::Sender<Result<u64, LogError>>,
    },
    Greet {
        site: SiteId,
        gateway: GatewayId,
        reply: oneshot::Sender<Vec<u8>>,
    },
    /// A checkpoint was published: connected gateways hear what is logged now.
    Announce(SiteId),
    /// Entries up to here are under published checkpoints.
    Trim(journal::Lsn),
    Stop,
}

/// A committed group on its way to the logs.
pub(crate) struct Group {
    entries: Vec<Entry>,
    declared: Vec<(SiteId, u64, oneshot::Sender<Result<u64, LogError>>)>,
}

impl Ingest {
    /// Opens the journal, brings what it holds into the logs, looks for restored sites, and starts both threads. Blocks.
    ///
    /// When the disk is full, that is tried again until there is room; meanwhile everything is refused for now
    /// ([`Health::full_since_ms`] says since when).
    ///
    /// # Errors
    /// When journal or logs cannot be read, or not written for another reason than want of room.
    pub fn start(
        storage: Arc<dyn Storage>,
        logs: SiteLogs,
        now: Clock,
        options: Options,
    ) -> Result<(Self, Recovery), LogError> {
        let (journal, recovered) = Journal::open(Arc::clone(&storage), options.reserve_bytes)?;
        let journal = journal.with_segment_bytes(options.segment_bytes);
        let mut recovery = Recovery {
            replayed: recovered.entries.len(),
            cut_bytes: recovered.cut_bytes,
            damaged: recovered.damaged,
            left_out: 0,
            restored: Vec::new(),
        };
        let mut recoverer =
            recover::Recoverer::new(journal, logs.clone(), now.clone(), recovered.entries, recovered.doubtful_from);
        let states = recoverer.run(&mut recovery);
        let waits = match &states {
            Ok(_) => None,
            Err(LogError::Storage(error)) if is_full(error) => {
                Some(std::io::Error::new(error.kind(), error.to_string()))
            }
            Err(_) => None,
        };
        let states = match (states, &waits) {
            (Ok(states), _) => Some(states),
            (Err(_), Some(_)) => None,
            (Err(error), None) => return Err(error),
        };
        let (submissions, receiver) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared {
            submissions,
            logs,
            pushers: RwLock::default(),
            gateways: RwLock::default(),
            health: Health::new(storage),
            live: Mutex::default(),
            now,
            pending: AtomicUsize::new(0),
            pending_bytes: AtomicUsize::new(0),
            stuck: AtomicBool::new(false),
            stopping: AtomicBool::new(false),
            threads: Mutex::default(),
        });
        for site in shared.logs.sites() {
            shared.note_gateways(&site, &shared.logs.integrated(&site)?.0);
        }
        if let Some(error) = &waits {
            shared.health.full(shared.now.now_ms(), error);
        }
        let (groups, integrated) = std_mpsc::channel();
        let (ready, recovered) = std_mpsc::channel();
        let (journalling, logging, every) = (Arc::clone(&shared), Arc::clone(&shared), options.retry_every);
        let journal_thread = move || {
            let mut receiver = receiver;
            let Some(states) = states.or_else(|| recoverer.wait(&journalling, &mut receiver, every)) else { return };
            // Checkpoints only after recovery: before, the log of a restored server would be signed as it lies there.
            let _ = ready.send(recoverer.held());
            commit::Committer::new(journalling, recoverer.into_journal(), states, groups, every).run(receiver);
        };
        let log_thread = move || {
            if let Ok(held) = recovered.recv() {
                integrate::Integrator::new(logging, integrated, options, held).run();
            }
        };
        let threads = vec![
            std::thread::Builder::new().name("journal".into()).spawn(journal_thread)?,
            std::thread::Builder::new().name("site-logs".into()).spawn(log_thread)?,
        ];
        *shared.threads.lock().unwrap_or_else(PoisonError::into_inner) = threads;
        let ingest = Self { shared };
        ingest.shared.logs.set_declarer(Arc::new(ingest.clone()));
        Ok((ingest, recovery))
    }

    /// Hands in a record's bytes from a gateway whose identity is proven. The order of calls is the order of judgement.
    pub fn submit(&self, site: SiteId, gateway: GatewayId, bytes: Vec<u8>) -> oneshot::Receiver<Answer> {
        let (reply, answer) = oneshot::channel();
        // A closed channel drops `reply`: the caller sees an error and does not acknowledge.
        let reply = Waiting::Connection(reply);
        let _ = self.shared.submissions.send(Submission::Record { site, gateway, bytes, reply });
        answer
    }

    /// Hands in a record's bytes from a file: nothing but its signature proves whose it is. Judged as [`submit`](Self::submit)'s are.
    pub fn submit_carried(&self, site: SiteId, gateway: GatewayId, bytes: Vec<u8>) -> oneshot::Receiver<Outcome> {
        let (reply, outcome) = oneshot::channel();
        let reply = Waiting::Carrier(reply);
        let _ = self.shared.submissions.send(Submission::Record { site, gateway, bytes, reply });
        outcome
    }

    /// The gateway's high-water receipt, signed.
    pub fn greet(&self, site: SiteId, gateway: GatewayId) -> oneshot::Receiver<Vec<u8>> {
        let (reply, answer) = oneshot::channel();
        let _ = self.shared.submissions.send(Submission::Greet { site, gateway, reply });
        answer
    }

    /// Adds a way to reach gateways.
    pub fn add_pusher(&self, pusher: Arc<dyn Pusher>) {
        self.shared.pushers.write().unwrap_or_else(PoisonError::into_inner).push(pusher);
    }

    /// What a gateway may show in its certificate; `None` when it is not enrolled.
    pub fn gateway_keys(&self, site: &SiteId, gateway: &GatewayId) -> Option<KeyStatus> {
        let keys = self.shared.gateways.read().unwrap_or_else(PoisonError::into_inner);
        keys.get(&(site.clone(), gateway.clone())).cloned()
    }

    /// The gateway at which a key is in force, if any: one key must not stand for two boxes.
    pub fn key_holder(&self, key_hex: &str) -> Option<(SiteId, GatewayId)> {
        let keys = self.shared.gateways.read().unwrap_or_else(PoisonError::into_inner);
        keys.iter().find(|(_, status)| !status.revoked && status.key == key_hex).map(|(id, _)| id.clone())
    }

    /// Takes an enrolled gateway's latest values: shown as "live, not yet evidence", never stored. Of anybody else
    /// nothing is kept: behind an external broker a topic can name whatever it likes.
    pub fn take_state(&self, site: SiteId, gateway: GatewayId, bytes: &[u8]) {
        if self.gateway_keys(&site, &gateway).is_none() {
            return;
        }
        match StateMessage::decode(bytes) {
            Ok(state) => {
                let now_ms = self.shared.now.now_ms();
                let mut live = self.shared.live.lock().unwrap_or_else(PoisonError::into_inner);
                let before = live.remove(&(site.clone(), gateway.clone()));
                live.insert((site, gateway), (now_ms, live::merged(before, now_ms, state)));
            }
            Err(error) => tracing::info!(%site, %gateway, %error, "State message refused."),
        }
    }

    /// The latest values of a gateway by tag, with their ages as of the newest message, and when that arrived, UTC ms.
    pub fn live(&self, site: &SiteId, gateway: &GatewayId) -> Option<(i64, StateMessage)> {
        let live = self.shared.live.lock().unwrap_or_else(PoisonError::into_inner);
        live.get(&(site.clone(), gateway.clone())).cloned()
    }

    /// Takes note of a packet that was larger than any record and was not read.
    pub fn note_oversized(&self, site: &SiteId, gateway: &GatewayId, bytes: usize, limit: u32) {
        self.shared.health.oversized(self.shared.now.now_ms(), site, gateway, bytes, limit);
    }

    /// Counters and alarms.
    pub fn health(&self) -> &Health {
        &self.shared.health
    }

    /// Ends both threads after everything submitted before is journalled, integrated and under a checkpoint. Blocks.
    pub fn stop(&self) {
        self.shared.stopping.store(true, Release);
        let _ = self.shared.submissions.send(Submission::Stop);
        let threads = std::mem::take(&mut *self.shared.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in threads {
            if thread.join().is_err() {
                tracing::error!("A thread of the journal panicked; what was receipted is in the journal.");
            }
        }
    }
}

impl crate::sitelog::Declarer for Ingest {
    fn declare(&self, site: SiteId, bytes: Vec<u8>) -> oneshot::Receiver<Result<u64, LogError>> {
        let (reply, answer) = oneshot::channel();
        let _ = self.shared.submissions.send(Submission::Declaration { site, bytes, reply });
        answer
    }
}

impl Shared {
    fn push(&self, site: &SiteId, gateway: &GatewayId, message: &[u8]) {
        for pusher in self.pushers.read().unwrap_or_else(PoisonError::into_inner).iter() {
            if pusher.push(site, gateway, message.to_vec()) {
                return;
            }
        }
    }

    fn send_refusal(&self, site: &SiteId, gateway: &GatewayId, named: accept::Named, refused: accept::Refused) {
        let refusal = Refusal {
            site: site.clone(),
            gateway: gateway.clone(),
            chain: named.chain,
            sequence: named.sequence,
            digest: named.digest,
            reason: refused.reason,
            retry: refused.retry,
            server_ms: self.now.now_ms(),
            number: refused.number,
            detail: refused.detail,
        };
        let message = ServerMessage::Refusal(refusal).sign(self.logs.key().secret());
        self.push(site, gateway, &message);
    }

    fn note_gateways(&self, site: &SiteId, state: &SiteState) {
        let mut keys = self.gateways.write().unwrap_or_else(PoisonError::into_inner);
        for (id, gateway) in &state.gateways {
            let status = KeyStatus {
                key: gateway.key.clone(),
                enrolled_key: gateway.enrolled_key.clone(),
                revoked: gateway.revoked,
            };
            keys.insert((site.clone(), id.clone()), status);
        }
    }
}

/// Whether an error says that there is no room: it goes away by itself when somebody makes some.
fn is_full(error: &std::io::Error) -> bool {
    use std::io::ErrorKind as Kind;
    matches!(error.kind(), Kind::StorageFull | Kind::QuotaExceeded | Kind::FileTooLarge)
}

/// Reads a declaration's canonical bytes, and makes sure that it fits a leaf: what is journalled must become one.
fn declaration(bytes: &[u8]) -> Result<Declaration, LogError> {
    let declaration = Declaration::decode(bytes)?;
    Leaf::declaration(0, &declaration.kind, bytes).encode()?;
    Ok(declaration)
}
