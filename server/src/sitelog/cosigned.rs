//! Checkpoints that witnesses cosigned, kept beside the log; and the proofs that witnesses and readers ask for.
//!
//! `cosigned/<epoch>-<day>-<bodies>` holds, of each day (days since 1970, the server's UTC), the last checkpoint that so many
//! other bodies cosigned: a newer one that fewer signed takes the place of none that more did. These files never go: `fsck`
//! compares the log with every one of them, and a log that does not continue one is damaged or was rewritten. What a file is
//! worth follows from the note in it, never from its name.

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

/// A checkpoint with the note that witnesses cosigned.
pub(super) type Kept = (Checkpoint, String);

/// What witnesses cosigned of one log, as far as it is asked for.
#[derive(Debug, Default)]
pub(super) struct Cosigned {
    /// Cosigned by as many other bodies as are required or, where none is, by most; the newest of these.
    best: Option<Kept>,
    /// The newest of all: cosignatures of further witnesses gather below it.
    last: Option<Kept>,
}

impl Cosigned {
    /// Takes a note that is worth `rank`, the number of bodies that count; says whether it is of use.
    fn take(&mut self, kept: &Kept, rank: &dyn Fn(&str) -> usize) -> bool {
        let worth = |(checkpoint, note): &Kept| (rank(note), checkpoint.size);
        let other_log = |known: &Kept| known.0.origin != kept.0.origin;
        let is_best = self.best.as_ref().is_none_or(|best| other_log(best) || worth(best) <= worth(kept));
        let is_last = self.last.as_ref().is_none_or(|last| other_log(last) || last.0.size <= kept.0.size);
        if is_best {
            self.best = Some(kept.clone());
        }
        if is_last {
            self.last = Some(kept.clone());
        }
        is_best || is_last
    }

    /// The note over exactly these leaves.
    fn over(&self, checkpoint: &Checkpoint) -> Option<&Kept> {
        self.last.iter().chain(&self.best).find(|(known, _)| known == checkpoint)
    }
}

impl SiteLogs {
    /// The newest checkpoint that enough witnesses cosigned, else the one that most did: a signed note with the cosignatures it
    /// has so far.
    pub(crate) fn cosigned_note(&self, site: &SiteId) -> Result<Option<Kept>, LogError> {
        let log = self.log(site)?;
        let log = lock(&log);
        let origin = self.0.key.origin(site, log.committed.epoch);
        Ok(log.cosigned.best.clone().filter(|(checkpoint, _)| checkpoint.origin == origin))
    }

    /// The note over exactly the leaves of a checkpoint, with the cosignatures it has so far.
    pub(crate) fn cosigned_over(&self, site: &SiteId, checkpoint: &Checkpoint) -> Result<Option<String>, LogError> {
        Ok(lock(&*self.log(site)?).cosigned.over(checkpoint).map(|(_, note)| note.clone()))
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
        let base = log.cosigned.over(&checkpoint).map_or(note, |(_, kept)| kept);
        let (cosigned, seconds) = cosignature::attach(base, answer, key)?;
        if epoch == log.committed.epoch {
            let (bodies, kept) = (self.rank(&cosigned), (checkpoint, cosigned));
            if log.cosigned.take(&kept, &|note| self.rank(note)) {
                let path = format!("{FOLDER}/{epoch:04}-{:06}-{bodies}", now_ms.max(0) / DAY_MS);
                self.0.storage.replace(&log.path(&path), kept.1.as_bytes())?;
            }
        }
        Ok(seconds)
    }

    /// Bodies that cosigned a note, no more than are required: beyond that a newer one is better.
    fn rank(&self, note: &str) -> usize {
        self.witnesses().map_or(0, |witnesses| witnesses.count(note).len().min(witnesses.required().max(1)))
    }

    /// Reads every site's kept notes again, now that it is known whose cosignatures count.
    pub(super) fn weigh_cosigned(&self) {
        for log in self.sites().iter().filter_map(|site| self.log(site).ok()) {
            let mut log = lock(&log);
            log.cosigned = read(&*self.0.storage, &self.0.key, &log, &|note| self.rank(note));
        }
    }

    /// Proof that the log at `new` leaves continues the log at `old`. Blocks on the disk.
    pub fn consistency_proof(&self, site: &SiteId, old: u64, new: u64) -> Result<Vec<Digest>, LogError> {
        self.roots(site, tree::consistency_ranges(old, new))
    }

    /// One leaf with the proof that it is under a checkpoint: the newest that a witness cosigned if it covers the leaf, else the
    /// newest. `None` when no checkpoint covers it. Blocks on the disk.
    pub fn inclusion_proof(&self, site: &SiteId, index: u64) -> Result<Option<InclusionProof>, LogError> {
        let covers = |note: &String| Checkpoint::read_unverified(note).is_ok_and(|c| index < c.size);
        // What was signed before the log was opened again under another name says nothing of the leaves since.
        let origin = self.origin(site)?;
        let last = lock(&*self.log(site)?).cosigned.last.clone().filter(|(c, _)| c.origin == origin);
        let cosigned = self.cosigned_note(site)?.into_iter().chain(last).map(|(_, note)| note);
        let Some(note) = cosigned.chain(self.checkpoint(site)?).find(covers) else { return Ok(None) };
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

/// What is kept of the log's own epoch and not beyond its end.
pub(super) fn read(storage: &dyn Storage, key: &LogKey, log: &SiteLog, rank: &dyn Fn(&str) -> usize) -> Cosigned {
    let mut cosigned = Cosigned::default();
    for (checkpoint, epoch, note) in notes(storage, key, log) {
        if epoch == log.committed.epoch && checkpoint.size <= log.committed.size {
            cosigned.take(&(checkpoint, note), rank);
        }
    }
    cosigned
}

/// The kept note over most leaves, of the last epoch: it may be of more leaves or of a later epoch than the log.
pub(super) fn newest(storage: &dyn Storage, key: &LogKey, log: &SiteLog) -> Option<String> {
    let newest = notes(storage, key, log).max_by_key(|(checkpoint, epoch, _)| (*epoch, checkpoint.size));
    newest.map(|(_, _, note)| note)
}

/// Every kept note that is ours, with its epoch. What cannot be read is left out here: `fsck` names it.
fn notes<'l>(
    storage: &'l dyn Storage,
    key: &'l LogKey,
    log: &'l SiteLog,
) -> impl Iterator<Item = (Checkpoint, u32, String)> + 'l {
    let paths = files(storage, &log.folder).unwrap_or_default();
    paths.into_iter().filter_map(move |path| {
        let note = String::from_utf8(storage.read(&path).ok()?).ok()?;
        let (checkpoint, epoch) = key.read_own(&log.site, &note)?;
        Some((checkpoint, epoch, note))
    })
}

/// The kept files, for `fsck`.
pub(super) fn files(storage: &dyn Storage, folder: &str) -> io::Result<Vec<String>> {
    let names = storage.list(&format!("{folder}/{FOLDER}"))?;
    Ok(names.into_iter().map(|name| format!("{folder}/{FOLDER}/{name}")).collect())
}

const FOLDER: &str = "cosigned";
const DAY_MS: i64 = 86_400_000;

#[cfg(test)]
mod tests;
