//! One site's log: the tree, the contents and what they say, committed together.
//!
//! The order in which things become durable when entries are integrated — if the process dies between two steps, the
//! journal brings the same entries again and the same bytes are written once more:
//!
//! 1. contents (packs, synced);
//! 2. full entry bundles and hash tiles, and the bundle that is not full yet;
//! 3. `state.json`: size, root, journal number, ends of the packs — the commit point;
//! 4. later, when a checkpoint is due: the hash tiles that are not full, then `checkpoint`.
//!
//! A size is signed only after step 3, and entries come only from the synced journal: no size ever gets two roots.

use std::collections::BTreeMap;
use std::io;
use std::ops::Range;

use protocol::{ChainId, Declaration, Digest, GatewayId, Leaf, Record, SiteId, note::Checkpoint, sha256};
use serde::{Deserialize, Serialize};

use super::checkpoint::LogKey;
use super::contents::{Contents, PackEnd};
use super::cosigned::{self, Cosigned};
use super::tiles::{Tiles, at_path, damaged};
use crate::ingest::accept::SiteState;
use crate::ingest::journal::{Body, Entry, Lsn};
use crate::storage::Storage;

/// The log of one site.
#[derive(Debug)]
pub(crate) struct SiteLog {
    pub(super) site: SiteId,
    pub(super) folder: String,
    pub(super) tiles: Tiles,
    pub(super) contents: Contents,
    pub(super) committed: Committed,
    pub(super) published: Option<Published>,
    /// What witnesses cosigned.
    pub(super) cosigned: Cosigned,
}

/// `state.json`: everything that must change together.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Committed {
    version: u32,
    /// Number of leaves.
    pub(super) size: u64,
    /// Root over them.
    pub(super) root: Digest,
    /// Journal entries up to here are in the tree.
    pub(super) lsn: Lsn,
    /// Log epoch.
    pub(super) epoch: u32,
    /// How far the packs count.
    pub(super) packs: PackEnd,
    /// What the leaves say about gateways.
    pub(super) state: SiteState,
}

/// The newest checkpoint.
#[derive(Debug, Clone)]
pub(super) struct Published {
    pub(super) note: String,
    pub(super) checkpoint: Checkpoint,
    /// Last sequence of each gateway's newest chain under it.
    pub(super) through: BTreeMap<GatewayId, (ChainId, u64)>,
}

impl SiteLog {
    /// Opens a site's folder, which may be empty.
    pub(super) fn open(storage: &dyn Storage, key: &LogKey, site: SiteId) -> io::Result<Self> {
        Self::open_with(storage, key, site, Contents::open)
    }

    /// The same without cutting what was not committed.
    pub(super) fn open_read_only(storage: &dyn Storage, key: &LogKey, site: SiteId) -> io::Result<Self> {
        Self::open_with(storage, key, site, Contents::open_read_only)
    }

    fn open_with(
        storage: &dyn Storage,
        key: &LogKey,
        site: SiteId,
        open_contents: impl Fn(&dyn Storage, &str, PackEnd) -> io::Result<Contents>,
    ) -> io::Result<Self> {
        let folder = folder(&site);
        let path = format!("{folder}/{STATE}");
        let committed: Committed = match storage.read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| damaged(&path, &error.to_string()))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Committed { version: STATE_VERSION, root: Tiles::default().root(), ..Committed::default() }
            }
            Err(error) => return Err(at_path(&path, error)),
        };
        if committed.version != STATE_VERSION {
            return Err(damaged(&path, "written by another version of this program"));
        }
        let tiles = Tiles::open(storage, &folder, committed.size)?;
        if tiles.root() != committed.root {
            return Err(damaged(&folder, "the tiles do not have the committed root; run `gongzheng-server fsck`"));
        }
        let contents = open_contents(storage, &folder, committed.packs)?;
        let mut log = Self { site, folder, tiles, contents, committed, published: None, cosigned: Cosigned::default() };
        if let Ok(bytes) = storage.read(&log.path(CHECKPOINT))
            && let Ok(note) = String::from_utf8(bytes)
            && let Some((checkpoint, epoch)) = key.read_own(&log.site, &note)
            && epoch == log.committed.epoch
            && checkpoint.size <= log.committed.size
        {
            // Which sequences an old checkpoint covers is not stored: only an up-to-date one tells.
            let through = if checkpoint.size == log.committed.size { log.heads() } else { BTreeMap::new() };
            log.published = Some(Published { note, checkpoint, through });
        }
        // Whose cosignatures count is not known yet: `SiteLogs::weigh_cosigned`.
        log.cosigned = cosigned::read(storage, key, &log, &|_| 0);
        Ok(log)
    }

    /// Integrates entries of this site in journal order; those already integrated are skipped. Returns the range of new
    /// leaves. After an error nothing has changed and the same call may be repeated.
    pub(super) fn integrate(&mut self, storage: &dyn Storage, entries: &[Entry]) -> io::Result<Range<u64>> {
        let mut tiles = self.tiles.clone();
        let mut next = self.committed.clone();
        let mut files = Vec::new();
        let mut contents = Vec::new();
        for entry in entries.iter().filter(|entry| entry.lsn > self.committed.lsn) {
            let leaf = apply(&mut next, entry, &mut contents).map_err(|error| io::Error::other(error.to_string()))?;
            tiles.push(leaf, &mut files).map_err(|error| io::Error::other(error.to_string()))?;
            next.lsn = entry.lsn;
        }
        let range = self.committed.size..tiles.size();
        if range.is_empty() {
            return Ok(range);
        }
        next.packs = self.contents.append(storage, &contents)?;
        files.extend(tiles.partial_bundle().map_err(|error| io::Error::other(error.to_string()))?);
        for (path, bytes) in files {
            storage.replace(&self.path(&path), &bytes)?;
        }
        next.size = tiles.size();
        next.root = tiles.root();
        let json = serde_json::to_vec(&next).map_err(io::Error::other)?;
        storage.replace(&self.path(STATE), &json)?;
        (self.committed, self.tiles) = (next, tiles);
        Ok(range)
    }

    /// Signs and stores a checkpoint if there are leaves without one. Returns whether a new one was made.
    pub(super) fn publish(&mut self, storage: &dyn Storage, key: &LogKey) -> io::Result<bool> {
        let size = self.committed.size;
        if size == 0 || self.published.as_ref().is_some_and(|published| published.checkpoint.size == size) {
            return Ok(false);
        }
        for (path, bytes) in self.tiles.partial_tiles() {
            storage.replace(&self.path(&path), &bytes)?;
        }
        let origin = key.origin(&self.site, self.committed.epoch);
        let checkpoint = Checkpoint { origin, size, root: self.committed.root };
        let note = key.sign(&checkpoint).map_err(|error| io::Error::other(error.to_string()))?;
        storage.replace(&self.path(CHECKPOINT), note.as_bytes())?;
        let through = self.heads();
        let old = self.published.replace(Published { note, checkpoint, through });
        self.remove_superseded(storage, old.map_or(0, |old| old.checkpoint.size));
        Ok(true)
    }

    /// Removes partial files that neither the new checkpoint nor the current size needs. Failing to is no harm.
    fn remove_superseded(&self, storage: &dyn Storage, old_size: u64) {
        let size = self.committed.size;
        for n in old_size / WIDTH..=size / WIDTH {
            let partial = |path: String| path.strip_suffix("/1").map(str::to_owned);
            let folders = [partial(protocol::tree::entries_path(n, 1)), partial(protocol::tree::tile_path(0, n, 1))];
            for folder in folders.into_iter().flatten() {
                for width in storage.list(&self.path(&folder)).unwrap_or_default() {
                    let needed = n == size / WIDTH && width == (size % WIDTH).to_string();
                    if !needed {
                        let _ = storage.remove(&self.path(&format!("{folder}/{width}")));
                    }
                }
            }
        }
    }

    pub(super) fn leaves(&self, storage: &dyn Storage, range: Range<u64>) -> io::Result<Vec<Vec<u8>>> {
        self.tiles.leaves(storage, &self.folder, range)
    }

    pub(super) fn root_at(&self, storage: &dyn Storage, size: u64) -> io::Result<Digest> {
        self.tiles.root_at(storage, &self.folder, size)
    }

    pub(super) fn path(&self, name: &str) -> String {
        format!("{}/{name}", self.folder)
    }

    fn heads(&self) -> BTreeMap<GatewayId, (ChainId, u64)> {
        let state = &self.committed.state;
        let head = |id: &GatewayId| state.through(id).map(|(chain, sequence, _)| (id.clone(), (chain, sequence)));
        state.gateways.keys().filter_map(head).collect()
    }
}

/// The leaf of an entry, its content, and the state after it.
fn apply(next: &mut Committed, entry: &Entry, contents: &mut Vec<(Digest, Vec<u8>)>) -> protocol::Result<Vec<u8>> {
    let (state, received_ms) = (&mut next.state, entry.received_ms);
    let leaf = match &entry.body {
        Body::Record(bytes) => {
            let record = Record::decode(bytes)?;
            contents.push((record.header().content_digest, record.content_bytes().to_vec()));
            state.apply_record(&record);
            Leaf::record(received_ms, &record)
        }
        Body::Quarantine(bytes) => {
            let record = Record::decode(bytes)?;
            contents.push((record.header().content_digest, record.content_bytes().to_vec()));
            state.apply_quarantine(&record);
            Leaf::quarantine(received_ms, &record)
        }
        Body::Declaration(bytes) => {
            let declaration = Declaration::decode(bytes)?;
            contents.push((sha256(bytes), bytes.clone()));
            state.apply_declaration(&declaration);
            Leaf::declaration(received_ms, &declaration.kind, bytes)
        }
        Body::Epoch(bytes) => {
            let leaf = Leaf::decode(bytes)?;
            if let protocol::LeafBody::Epoch { epoch, .. } = &leaf.body {
                next.epoch = *epoch;
            }
            state.apply_other();
            leaf
        }
    };
    leaf.encode()
}

/// A site's folder below the data directory: self-contained, can be copied and checked on its own.
pub(super) fn folder(site: &SiteId) -> String {
    format!("{SITES}/{site}/log")
}

/// Folder of all sites.
pub(super) const SITES: &str = "sites";
/// The newest checkpoint, as C2SP `tlog-tiles` names it.
pub(super) const CHECKPOINT: &str = "checkpoint";
const STATE: &str = "state.json";
const STATE_VERSION: u32 = 1;
const WIDTH: u64 = protocol::tree::TILE_WIDTH;
