//! The sites' logs: what every page, metric, report and verification starts from.
//!
//! [`SiteLogs`] is the one handle: append a declaration, read leaves and contents, publish a checkpoint, be told of new
//! leaves. Records and declarations alike pass the journal first (`crate::ingest`); here they become leaves. Each site's
//! folder `sites/<site>/log/` is self-contained: C2SP tiles, entry bundles, `checkpoint`, contents by digest, and the
//! committed state.
//!
//! If the process dies … after the journal's sync: the entry is integrated at the next start, as the same leaf. … after
//! the contents' sync: they are cut and written again. … after `state.json`: the leaves count, the checkpoint follows.
//! … after the checkpoint: nothing is open.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock};

use protocol::{ChainId, Declaration, Digest, GatewayId, Kind, Leaf, LeafBody, SiteId};
use tokio::sync::broadcast;

use crate::ingest::accept::SiteState;
use crate::ingest::journal::{Entry, Lsn};
use crate::storage::{Storage, replace_file};
use crate::witness::Witnesses;

pub mod checkpoint;
mod contents;
mod cosigned;
mod epoch;
mod fsck;
mod photos;
mod site;
mod tiles;

pub use checkpoint::LogKey;
pub use epoch::Restored;
pub use fsck::{Damage, Fsck};
use site::SiteLog;

/// New leaves (`from..to`), or a new checkpoint (`from == to`). Sent after they are durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEvent {
    /// Whose log.
    pub site: SiteId,
    /// First new leaf.
    pub from: u64,
    /// One past the last.
    pub to: u64,
}

/// Why the log could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// No such site.
    #[error("there is no site {0}; create it with `gongzheng-server admin site add` / 没有站点 {0}，请先创建")]
    UnknownSite(SiteId),
    /// The site's folder is damaged: it is closed, everything else goes on.
    #[error(
        "site {site} is closed, its log is damaged: {what}. Run `gongzheng-server fsck {site}`, restore sites/{site} from \
         your backup and start the server again; the site's gateways keep their records until then / 站点 {site} \
         已关闭，其站点日志已损坏：{what}。请运行 gongzheng-server fsck {site}，从备份恢复 sites/{site} 后重新启动服务；\
         在此之前该站点的网关会保留记录"
    )]
    Closed {
        /// Which site.
        site: SiteId,
        /// File and what is wrong with it.
        what: String,
    },
    /// The disk, or a damaged file named in the text.
    #[error("the site log: {0}")]
    Storage(#[from] io::Error),
    /// A leaf or declaration that cannot be encoded or read.
    #[error("the site log: {0}")]
    Format(#[from] protocol::Error),
    /// The server is stopping, or its disk is full.
    #[error(
        "the journal takes nothing now: the disk is full or the server is stopping / 接收日志暂不可写：磁盘已满或服务正在停止"
    )]
    Unavailable,
}

/// Takes declarations into the journal; set by `ingest` when it starts.
pub(crate) trait Declarer: Send + Sync {
    /// Journals, integrates and answers with the leaf's index.
    fn declare(&self, site: SiteId, bytes: Vec<u8>) -> tokio::sync::oneshot::Receiver<Result<u64, LogError>>;
}

/// All sites' logs. Cheap to clone.
#[derive(Clone)]
pub struct SiteLogs(Arc<Inner>);

struct Inner {
    storage: Arc<dyn Storage>,
    key: LogKey,
    copy: Option<PathBuf>,
    sites: RwLock<BTreeMap<SiteId, Arc<Mutex<SiteLog>>>>,
    /// Damaged sites and what is wrong with them: no entry of theirs is integrated, none leaves the journal.
    closed: RwLock<BTreeMap<SiteId, String>>,
    events: broadcast::Sender<LogEvent>,
    declarer: OnceLock<Arc<dyn Declarer>>,
    witnesses: OnceLock<Witnesses>,
    /// Checkpoints of ours that witnesses hold, heard at start.
    heard: Mutex<Vec<(SiteId, String)>>,
}

impl SiteLogs {
    /// Opens every site below the data directory; one that is damaged is [closed](Self::closed), the others go on. `copy` is a folder outside of it where checkpoints are kept as well, so
    /// that a restored backup is noticed.
    pub fn open(storage: Arc<dyn Storage>, key: LogKey, copy: Option<PathBuf>) -> Result<Self, LogError> {
        let (mut sites, mut damaged) = (BTreeMap::new(), Vec::new());
        for name in storage.list(site::SITES)? {
            if let Ok(id) = name.parse::<SiteId>() {
                match SiteLog::open(&*storage, &key, id.clone()) {
                    Ok(log) => {
                        sites.insert(id, Arc::new(Mutex::new(log)));
                    }
                    Err(error) => damaged.push((id, error)),
                }
            }
        }
        let (events, _) = broadcast::channel(EVENTS_KEPT);
        let (closed, declarer, witnesses) = (RwLock::default(), OnceLock::new(), OnceLock::new());
        let (sites, heard) = (RwLock::new(sites), Mutex::default());
        let logs = Self(Arc::new(Inner { storage, key, copy, sites, closed, events, declarer, witnesses, heard }));
        for (site, error) in damaged {
            logs.close(&site, &error.to_string());
        }
        Ok(logs)
    }

    /// Damaged sites with what is wrong: their gateways' records are not taken until the folder is repaired and the server
    /// started again.
    pub fn closed(&self) -> BTreeMap<SiteId, String> {
        self.0.closed.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Why a site is closed, as [`LogError::Closed`]; `None` while it is open.
    pub fn why_closed(&self, site: &SiteId) -> Option<LogError> {
        let closed = self.0.closed.read().unwrap_or_else(PoisonError::into_inner);
        closed.get(site).map(|what| LogError::Closed { site: site.clone(), what: what.clone() })
    }

    fn close(&self, site: &SiteId, what: &str) {
        self.0.closed.write().unwrap_or_else(PoisonError::into_inner).insert(site.clone(), what.to_owned());
        if let Some(error) = self.why_closed(site) {
            tracing::error!(%site, "{error}");
        }
    }

    /// Makes room for a new site's log; nothing happens if it exists. The site begins with its first declaration.
    pub fn create_site(&self, site: &SiteId) -> Result<(), LogError> {
        let mut sites = self.0.sites.write().unwrap_or_else(PoisonError::into_inner);
        if !sites.contains_key(site) {
            let log = SiteLog::open(&*self.0.storage, &self.0.key, site.clone())?;
            sites.insert(site.clone(), Arc::new(Mutex::new(log)));
        }
        Ok(())
    }

    /// Appends a statement for an authenticated user; returns the leaf's index once the leaf is durable and readable.
    /// Whether the body makes sense and the author may say it is the caller's business.
    pub async fn append_declaration(&self, site: &SiteId, declaration: &Declaration) -> Result<u64, LogError> {
        self.log(site)?;
        let bytes = declaration.encode()?;
        let declarer = self.0.declarer.get().ok_or(LogError::Unavailable)?;
        declarer.declare(site.clone(), bytes).await.map_err(|_| LogError::Unavailable)?
    }

    /// Appends several, in order. All are on their way before the first is awaited, so that a caller who goes away in between leaves
    /// none of them behind.
    pub async fn append_declarations(&self, site: &SiteId, all: &[Declaration]) -> Result<Vec<u64>, LogError> {
        self.log(site)?;
        let bytes = all.iter().map(Declaration::encode).collect::<protocol::Result<Vec<_>>>()?;
        let declarer = self.0.declarer.get().ok_or(LogError::Unavailable)?;
        let answers: Vec<_> = bytes.into_iter().map(|bytes| declarer.declare(site.clone(), bytes)).collect();
        let mut leaves = Vec::with_capacity(answers.len());
        for answer in answers {
            leaves.push(answer.await.map_err(|_| LogError::Unavailable)??);
        }
        Ok(leaves)
    }

    /// All sites with a log.
    pub fn sites(&self) -> Vec<SiteId> {
        self.0.sites.read().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect()
    }

    /// Number of durable leaves.
    pub fn size(&self, site: &SiteId) -> Result<u64, LogError> {
        Ok(lock(&*self.log(site)?).committed.size)
    }

    /// Decoded leaves of a range; what lies beyond the log's end is left out. Blocks on the disk.
    pub fn leaves(&self, site: &SiteId, range: Range<u64>) -> Result<Vec<Leaf>, LogError> {
        let bytes = self.leaf_bytes(site, range)?;
        Ok(bytes.iter().map(|leaf| Leaf::decode(leaf)).collect::<protocol::Result<_>>()?)
    }

    /// The exact bytes of leaves: what the tree hashes. Blocks on the disk.
    pub fn leaf_bytes(&self, site: &SiteId, range: Range<u64>) -> Result<Vec<Vec<u8>>, LogError> {
        let log = self.log(site)?;
        let log = lock(&log);
        Ok(log.leaves(&*self.0.storage, range)?)
    }

    /// A content by digest, checked; `None` when it is not held. Blocks on the disk.
    pub fn content(&self, site: &SiteId, digest: &Digest) -> Result<Option<Vec<u8>>, LogError> {
        let log = self.log(site)?;
        let log = lock(&log);
        Ok(log.contents.get(&*self.0.storage, digest)?)
    }

    /// The newest checkpoint as a signed note; `None` before the first.
    pub fn checkpoint(&self, site: &SiteId) -> Result<Option<String>, LogError> {
        Ok(lock(&*self.log(site)?).published.as_ref().map(|published| published.note.clone()))
    }

    /// The root the tree had at `size` leaves. Blocks on the disk.
    pub fn root_at(&self, site: &SiteId, size: u64) -> Result<Digest, LogError> {
        Ok(lock(&*self.log(site)?).root_at(&*self.0.storage, size)?)
    }

    /// Publishes a checkpoint now if there are leaves without one, and returns the newest. Blocks on the disk.
    pub fn publish_now(&self, site: &SiteId) -> Result<String, LogError> {
        let log = self.log(site)?;
        let mut log = lock(&log);
        let new = log.publish(&*self.0.storage, &self.0.key)?;
        let Some(published) = &log.published else {
            return Err(io::Error::other("a log without leaves has no checkpoint").into());
        };
        let (note, size) = (published.note.clone(), published.checkpoint.size);
        drop(log);
        if new {
            self.keep_copy(site, &note);
            // Nobody listening is fine.
            let _ = self.0.events.send(LogEvent { site: site.clone(), from: size, to: size });
        }
        Ok(note)
    }

    /// New leaves and checkpoints from now on. A receiver that lags must read from the size it knows.
    pub fn subscribe(&self) -> broadcast::Receiver<LogEvent> {
        self.0.events.subscribe()
    }

    /// The key that signs checkpoints, receipts and refusals.
    pub fn key(&self) -> &LogKey {
        &self.0.key
    }

    /// The log's origin: server name, site and, after a restore, the epoch.
    pub fn origin(&self, site: &SiteId) -> Result<String, LogError> {
        let epoch = lock(&*self.log(site)?).committed.epoch;
        Ok(self.0.key.origin(site, epoch))
    }

    /// Whether the site was created as simulated, as its log says.
    pub fn is_simulated(&self, site: &SiteId) -> Result<bool, LogError> {
        Ok(lock(&*self.log(site)?).committed.state.simulated)
    }

    /// Checks everything in a site's folder from the files alone.
    pub fn fsck(&self, site: &SiteId) -> Result<Fsck, LogError> {
        self.log(site)?;
        Ok(fsck::check(&*self.0.storage, &self.0.key, site))
    }

    /// Sets who is asked to cosign; once, at start.
    pub(crate) fn set_witnesses(&self, witnesses: Witnesses) {
        // A second set would be a mistake of this program; the first stays.
        if self.0.witnesses.set(witnesses).is_ok() {
            self.weigh_cosigned();
        }
    }

    /// Who is asked to cosign; `None` where nobody has been set.
    pub fn witnesses(&self) -> Option<&Witnesses> {
        self.0.witnesses.get()
    }

    // For `ingest`, which alone changes logs.

    pub(crate) fn set_declarer(&self, declarer: Arc<dyn Declarer>) {
        // A second ingest over the same logs would be a mistake of this program; the first stays.
        let _ = self.0.declarer.set(declarer);
    }

    /// State and epoch as integrated, and the journal number they stand for.
    pub(crate) fn integrated(&self, site: &SiteId) -> Result<(SiteState, u32, Lsn), LogError> {
        let log = self.log(site)?;
        let log = lock(&log);
        Ok((log.committed.state.clone(), log.committed.epoch, log.committed.lsn))
    }

    /// Told before the journal is replayed: a checkpoint of ours that a witness holds.
    pub(crate) fn heard(&self, site: &SiteId, note: String) {
        self.0.heard.lock().unwrap_or_else(PoisonError::into_inner).push((site.clone(), note));
    }

    /// Integrates entries of any sites, in journal order. A site that turns out to be damaged is closed and its entries
    /// are left to the journal; an error of the disk as a whole is returned after the other sites had their turn, and the
    /// same call may be repeated.
    pub(crate) fn integrate(&self, entries: &[Entry]) -> Result<(), LogError> {
        let names: BTreeSet<&SiteId> = entries.iter().map(|entry| &entry.site).collect();
        let mut failed = None;
        for site in names {
            if self.why_closed(site).is_some() {
                continue;
            }
            match self.integrate_site(site, entries) {
                Ok(()) => {}
                Err(LogError::Storage(error)) if is_damage(&error) => self.close(site, &error.to_string()),
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        failed.map_or(Ok(()), Err)
    }

    fn integrate_site(&self, site: &SiteId, entries: &[Entry]) -> Result<(), LogError> {
        self.create_site(site)?;
        let own: Vec<Entry> = entries.iter().filter(|entry| entry.site == *site).cloned().collect();
        let log = self.log(site)?;
        let range = lock(&log).integrate(&*self.0.storage, &own)?;
        if !range.is_empty() {
            let _ = self.0.events.send(LogEvent { site: site.clone(), from: range.start, to: range.end });
        }
        Ok(())
    }

    /// Newest checkpoint and the last sequence of a gateway's chain under it.
    pub(crate) fn logged(&self, site: &SiteId, gateway: &GatewayId, chain: &ChainId) -> (String, Option<u64>) {
        let Ok(log) = self.log(site) else { return (String::new(), None) };
        let log = lock(&log);
        match &log.published {
            None => (String::new(), None),
            Some(published) => {
                let through = published.through.get(gateway).filter(|(known, _)| known == chain);
                (published.note.clone(), through.map(|(_, sequence)| *sequence))
            }
        }
    }

    /// Digest of the record a chain holds at a sequence; `first` is the index of the chain's first leaf. A `Lost` holds no
    /// record. Blocks on the disk.
    pub(crate) fn held(
        &self,
        site: &SiteId,
        gateway: &GatewayId,
        chain: &ChainId,
        first: u64,
        sequence: u64,
    ) -> Option<Digest> {
        let own = |leaf: &Leaf| match &leaf.body {
            LeafBody::Record { header, .. }
                if header.gateway == *gateway && header.chain == *chain && header.kind != Kind::Lost =>
            {
                Some(header.sequence)
            }
            _ => None,
        };
        // A chain's records lie in the log in the order of their sequences, with those of others between them: halve the
        // range while the chain shows in its middle, then read on.
        let (mut from, mut until) = (first, self.size(site).ok()?);
        while until.saturating_sub(from) > HELD_STEP {
            let middle = from + (until - from) / 2;
            let leaves = self.leaves(site, middle..middle + HELD_STEP / 2).ok()?;
            match leaves.iter().find_map(own) {
                Some(found) if found <= sequence => from = middle,
                Some(_) => until = middle,
                None => break,
            }
        }
        while from < until {
            let leaves = self.leaves(site, from..until.min(from + HELD_STEP)).ok()?;
            from += leaves.len() as u64;
            match leaves.iter().find(|leaf| own(leaf).is_some_and(|found| found >= sequence)) {
                Some(leaf) => return leaf.record_digest().filter(|_| own(leaf) == Some(sequence)),
                None if leaves.is_empty() => return None,
                None => {}
            }
        }
        None
    }

    /// Compares every site with the checkpoints known: its own file and the copy outside the data directory.
    pub(crate) fn find_restored(&self) -> Result<Vec<(SiteId, Restored)>, LogError> {
        let mut found = Vec::new();
        for site in self.sites() {
            match self.restored(&site) {
                Ok(restored) => found.extend(restored.map(|restored| (site, restored))),
                Err(LogError::Storage(error)) if is_damage(&error) => self.close(&site, &error.to_string()),
                Err(error) => return Err(error),
            }
        }
        Ok(found)
    }

    fn restored(&self, site: &SiteId) -> Result<Option<Restored>, LogError> {
        let log = self.log(site)?;
        let log = lock(&log);
        let mut known = Vec::new();
        if let Ok(bytes) = self.0.storage.read(&log.path(site::CHECKPOINT)) {
            known.push(("checkpoint in the data directory", String::from_utf8_lossy(&bytes).into_owned()));
        }
        if let Some(path) = self.copy_path(site)
            && let Ok(text) = std::fs::read_to_string(path)
        {
            known.push(("checkpoint copy outside the data directory", text));
        }
        if let Some(text) = cosigned::newest(&*self.0.storage, &self.0.key, &log) {
            known.push(("checkpoint that a witness cosigned, kept beside the log", text));
        }
        let heard = self.0.heard.lock().unwrap_or_else(PoisonError::into_inner);
        for (_, text) in heard.iter().filter(|(of, _)| of == site) {
            known.push(("checkpoint that a witness holds", text.clone()));
        }
        drop(heard);
        for (place, text) in known {
            let Some(head) = self.0.key.read_own(site, &text) else { continue };
            // A head of an epoch before ours is what the epoch leaf already speaks of.
            if head.1 >= log.committed.epoch {
                let own = (log.committed.size, log.committed.epoch);
                let root_at = |size| log.root_at(&*self.0.storage, size);
                if let Some(restored) = epoch::compare(place, &head, own, root_at)? {
                    return Ok(Some(restored));
                }
            }
        }
        Ok(None)
    }

    fn keep_copy(&self, site: &SiteId, note: &str) {
        let Some(path) = self.copy_path(site) else { return };
        let write = || {
            if let Some(folder) = path.parent() {
                std::fs::create_dir_all(folder)?;
            }
            replace_file(&path, note.as_bytes())
        };
        if let Err(error) = write() {
            tracing::error!(path = %path.display(), %error, "Checkpoint copy not written: a restored backup would not be noticed.");
        }
    }

    fn copy_path(&self, site: &SiteId) -> Option<PathBuf> {
        self.0.copy.as_ref().map(|folder| folder.join(format!("{site}.checkpoint")))
    }

    fn log(&self, site: &SiteId) -> Result<Arc<Mutex<SiteLog>>, LogError> {
        let sites = self.0.sites.read().unwrap_or_else(PoisonError::into_inner);
        let known = sites.get(site).cloned();
        known.ok_or_else(|| self.why_closed(site).unwrap_or_else(|| LogError::UnknownSite(site.clone())))
    }
}

/// Whether an error speaks of one folder rather than of the disk: bytes that make no sense, files that are missing or
/// forbidden. Trying again does not help then.
fn is_damage(error: &io::Error) -> bool {
    use io::ErrorKind as Kind;
    matches!(
        error.kind(),
        Kind::InvalidData
            | Kind::NotFound
            | Kind::PermissionDenied
            | Kind::UnexpectedEof
            | Kind::IsADirectory
            | Kind::NotADirectory
    )
}

/// Whether a site's folder can be opened, without changing anything: what `doctor` asks.
///
/// # Errors
/// The file and what is wrong with it.
pub fn probe(storage: &dyn Storage, key: &LogKey, site: &SiteId) -> Result<(), LogError> {
    SiteLog::open_read_only(storage, key, site.clone())
        .map(|_| ())
        .map_err(|error| LogError::Closed { site: site.clone(), what: error.to_string() })
}

/// The sites that have a folder, open or not.
///
/// # Errors
/// When the folder of sites cannot be listed.
pub fn folders(storage: &dyn Storage) -> io::Result<Vec<SiteId>> {
    Ok(storage.list(site::SITES)?.iter().filter_map(|name| name.parse().ok()).collect())
}

/// Checks sites' folders from the files alone, without opening (and so without changing) anything; all when `only` is
/// empty.
///
/// # Errors
/// When the folder of sites cannot be listed.
pub fn fsck_folder(storage: &dyn Storage, key: &LogKey, only: &[SiteId]) -> Result<Vec<(SiteId, Fsck)>, LogError> {
    let wanted = folders(storage)?.into_iter().filter(|site| only.is_empty() || only.contains(site));
    Ok(wanted.map(|site| (site.clone(), fsck::check(storage, key, &site))).collect())
}

/// A panic while a log was locked left it as it was before the call: integration swaps at its end.
fn lock(log: &Mutex<SiteLog>) -> MutexGuard<'_, SiteLog> {
    log.lock().unwrap_or_else(PoisonError::into_inner)
}

impl std::fmt::Debug for SiteLogs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SiteLogs").field("sites", &self.sites()).finish_non_exhaustive()
    }
}

/// Events a slow listener may fall behind before it has to catch up from the log.
const EVENTS_KEPT: usize = 1024;
/// Leaves read at once when an old record is looked up.
const HELD_STEP: u64 = 512;
