//! Checkpoints that witnesses cosigned, kept beside the log; and the proofs that witnesses and readers ask for.
//!
//! `cosigned/<epoch>-<day>` holds the last cosigned checkpoint of each day (days since 1970, the server's UTC). They never
//! go: `fsck` compares the log with every one of them, and a log that does not continue one is damaged or was rewritten.

use std::io;
use std::ops::Range;

use protocol::note::Checkpoint;
use protocol::{
    Digest, SiteId, cosignature, cosignature::WitnessKey, proof::ConsistencyProof, proof::InclusionProof, tree,
};

use super::checkpoint::LogKey;
use super::site::SiteLog;
use super::{LogError, SiteLogs, lock};
use crate::storage::Storage;

impl SiteLogs {
    /// The newest checkpoint that a witness cosigned, as a signed note with the cosignatures it has so far.
    pub(crate) fn cosigned_note(&self, site: &SiteId) -> Result<Option<(Checkpoint, String)>, LogError> {
        Ok(lock(&*self.log(site)?).cosigned.clone())
    }

    /// Keeps what a witness answered when it was asked about `note`, a checkpoint of ours; returns when it signed, Unix seconds. Blocks
    /// on the disk.
    pub(crate) fn keep_cosigned(
        &self,
        site: &SiteId,
        note: &str,
        answer: &str,
        key: &WitnessKey,
        now_ms: i64,
    ) -> Result<u64, LogError> {
        let log = self.log(site)?;
        let mut log = lock(&log);
        let Some((checkpoint, epoch)) = self.0.key.read_own(site, note) else {
            return Err(io::Error::other("a witness was asked about a checkpoint that is not ours").into());
        };
        // Several witnesses sign one checkpoint: their lines gather in one note.
        let base = log.cosigned.as_ref().filter(|(kept, _)| *kept == checkpoint).map_or(note, |(_, kept)| kept);
        let (cosigned, seconds) = cosignature::attach(base, answer, key)?;
        let is_newest = log
            .cosigned
            .as_ref()
            .is_none_or(|(kept, _)| kept.origin != checkpoint.origin || kept.size <= checkpoint.size);
        if is_newest && epoch == log.committed.epoch {
            let path = format!("{FOLDER}/{epoch:04}-{:06}", now_ms.max(0) / DAY_MS);
            self.0.storage.replace(&log.path(&path), cosigned.as_bytes())?;
            log.cosigned = Some((checkpoint, cosigned));
        }
        Ok(seconds)
    }

    /// Proof that the log at `new` leaves continues the log at `old`. Blocks on the disk.
    pub fn consistency_proof(&self, site: &SiteId, old: u64, new: u64) -> Result<Vec<Digest>, LogError> {
        self.roots(site, tree::consistency_ranges(old, new))
    }

    /// One leaf with the proof that it is under a checkpoint: the newest that a witness cosigned if it covers the leaf, else the
    /// newest. `None` when no checkpoint covers it. Blocks on the disk.
    pub fn inclusion_proof(&self, site: &SiteId, index: u64) -> Result<Option<InclusionProof>, LogError> {
        let covers = |note: &String| Checkpoint::read_unverified(note).is_ok_and(|c| index < c.size);
        let cosigned = self.cosigned_note(site)?.map(|(_, note)| note).filter(covers);
        let Some(note) = cosigned.or(self.checkpoint(site)?.filter(covers)) else { return Ok(None) };
        let size = Checkpoint::read_unverified(&note)?.size;
        let hashes = self.roots(site, tree::inclusion_ranges(index, size))?;
        let leaf = self.leaf_bytes(site, index..index + 1)?.pop();
        Ok(Some(InclusionProof { leaf, index, hashes, note }))
    }

    /// The same as a text of its own, with a checkpoint over `new` leaves, signed for it. Blocks on the disk.
    pub fn consistency_between(&self, site: &SiteId, old: u64, new: u64) -> Result<ConsistencyProof, LogError> {
        let hashes = self.consistency_proof(site, old, new)?;
        let checkpoint = Checkpoint { origin: self.origin(site)?, size: new, root: self.root_at(site, new)? };
        Ok(ConsistencyProof { old, hashes, note: self.0.key.sign(&checkpoint)? })
    }

    fn roots(&self, site: &SiteId, ranges: Vec<Range<u64>>) -> Result<Vec<Digest>, LogError> {
        let log = self.log(site)?;
        let log = lock(&log);
        let root = |range| log.tiles.range_root(&*self.0.storage, &log.folder, range);
        Ok(ranges.into_iter().map(root).collect::<io::Result<_>>()?)
    }
}

/// The newest kept checkpoint that is of the log's own epoch and not beyond its end.
pub(super) fn newest(storage: &dyn Storage, key: &LogKey, log: &SiteLog) -> Option<(Checkpoint, String)> {
    let (_, note) = all(storage, &log.folder).pop()?;
    let (checkpoint, epoch) = key.read_own(&log.site, &note)?;
    (epoch == log.committed.epoch && checkpoint.size <= log.committed.size).then_some((checkpoint, note))
}

/// Every kept checkpoint with its file, oldest first. What cannot be read is left out here: `fsck` names it.
pub(super) fn all(storage: &dyn Storage, folder: &str) -> Vec<(String, String)> {
    let names = storage.list(&format!("{folder}/{FOLDER}")).unwrap_or_default();
    let paths = names.iter().map(|name| format!("{folder}/{FOLDER}/{name}"));
    paths
        .filter_map(|path| Some((String::from_utf8(storage.read(&path).ok()?).ok()?, path)))
        .map(|(n, p)| (p, n))
        .collect()
}

/// Names of the kept files, for `fsck`.
pub(super) fn files(storage: &dyn Storage, folder: &str) -> io::Result<Vec<String>> {
    Ok(storage
        .list(&format!("{folder}/{FOLDER}"))?
        .into_iter()
        .map(|name| format!("{folder}/{FOLDER}/{name}"))
        .collect())
}

const FOLDER: &str = "cosigned";
const DAY_MS: i64 = 86_400_000;
