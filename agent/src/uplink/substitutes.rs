//! `Lost` records: what stands in the chain for what cannot be sent.
//!
//! Constraints:
//! 1. A Lost is signed once, synced to its own small file, and only then sent: signing it again later would give another digest
//!    under the same sequence, which the server must take for a clone.
//! 2. It says what is known and no more: the digests on both sides are zero when unknown.
//!
//! 3. At most [`KEPT_MAX`] are kept once the server has receipted them: then the oldest go, because nobody will ask again. What is
//!    not receipted is never removed.
//!
//! File `lost/<position, 16 hex digits>`: position after the range (8 bytes, big-endian), then the record.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use protocol::{Content, Digest, Header, Kind, Lost, LostCause, Record};

use crate::buffer::Entry;
use crate::buffer::owner::BufferHandle;
use crate::chain::Span;
use crate::clock::ClockReading;
use crate::identity::replace_file;
use crate::sealer::{Signer, header_clock};

/// Substitutes kept in all, as long as the server has receipted the others.
pub const KEPT_MAX: usize = 1_024;

/// Name of the folder inside the state directory.
const FOLDER: &str = "lost";

/// All substitutes of this gateway, by the first position each stands for.
#[derive(Debug)]
pub struct Substitutes {
    folder: PathBuf,
    by_position: BTreeMap<u64, (u64, Vec<u8>)>,
}

impl Substitutes {
    /// Reads what earlier runs made.
    ///
    /// # Errors
    /// Any I/O error but a missing folder.
    pub fn load(state_dir: &Path) -> io::Result<Self> {
        let folder = state_dir.join(FOLDER);
        let mut by_position = BTreeMap::new();
        let entries = match std::fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Substitutes { folder, by_position }),
            Err(error) => return Err(error),
        };
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name();
            let Some(position) = name.to_str().and_then(|name| u64::from_str_radix(name, 16).ok()) else { continue };
            let bytes = std::fs::read(entry.path())?;
            if let Some((end, record)) = bytes.split_first_chunk::<8>() {
                by_position.insert(position, (u64::from_be_bytes(*end), record.to_vec()));
            }
        }
        Ok(Substitutes { folder, by_position })
    }

    /// What stands at `position`: end of its range, and the record.
    pub fn get(&self, position: u64) -> Option<(u64, Vec<u8>)> {
        self.by_position.get(&position).cloned()
    }

    /// Keeps a substitute durably.
    ///
    /// # Errors
    /// Any I/O error; then it must not be sent.
    pub fn keep(&mut self, position: u64, end: u64, record: Vec<u8>) -> io::Result<()> {
        let mut bytes = end.to_be_bytes().to_vec();
        bytes.extend_from_slice(&record);
        replace_file(&self.folder.join(format!("{position:016x}")), &bytes)?;
        self.by_position.insert(position, (end, record));
        Ok(())
    }
}

impl Substitutes {
    /// Removes the oldest that end at or below `receipted_end`, until at most `kept_max` are left. Returns how many went.
    ///
    /// # Errors
    /// Any I/O error; what was not removed is tried next time.
    pub fn forget(&mut self, receipted_end: u64, kept_max: usize) -> io::Result<usize> {
        let surplus = self.by_position.len().saturating_sub(kept_max);
        let receipted = |entry: &(&u64, &(u64, Vec<u8>))| entry.1.0 <= receipted_end;
        let oldest: Vec<u64> =
            self.by_position.iter().take_while(receipted).map(|(position, _)| *position).take(surplus).collect();
        for position in &oldest {
            std::fs::remove_file(self.folder.join(format!("{position:016x}")))?;
            self.by_position.remove(position);
        }
        Ok(oldest.len())
    }
}

/// What [`make`] stands for.
#[derive(Debug, Clone)]
pub struct Hole<'a> {
    /// The chain it lies in.
    pub span: Span,
    /// First position.
    pub from: u64,
    /// Position after the last.
    pub to: u64,
    /// Why.
    pub cause: LostCause,
    /// Digest of the record before it, if known.
    pub previous: Option<Digest>,
    /// The receipt under which it was trimmed, or empty.
    pub receipt: &'a [u8],
}

/// Signs a Lost for a hole.
///
/// # Errors
/// When neighbours cannot be read for I/O reasons, or the record cannot be encoded.
pub async fn make(
    hole: Hole<'_>,
    buffer: &BufferHandle,
    signer: &Signer,
    now: ClockReading,
) -> anyhow::Result<Vec<u8>> {
    let from = hole.from - hole.span.first_position;
    let to = hole.to - 1 - hole.span.first_position;
    let first = record_at(buffer, hole.from).await?;
    let last = record_at(buffer, hole.to - 1).await?;
    let after = record_at(buffer, hole.to).await?;
    let before = match hole.from.checked_sub(1) {
        Some(position) if from > 0 => record_at(buffer, position).await?,
        _ => None,
    };
    let previous = hole
        .previous
        .or_else(|| before.as_ref().map(Record::digest))
        .or_else(|| first.as_ref().map(|record| record.header().previous))
        .unwrap_or(Digest::ZERO);
    // The record after the hole names what was lost; the start of the next chain may do so too.
    let next = match &after {
        Some(record) if record.header().chain == hole.span.chain => record.header().previous,
        Some(record) => match record.content() {
            Ok(Content::ChainStart(start)) => match start.old {
                Some((chain, sequence, digest)) if chain == hole.span.chain && sequence == to => digest,
                _ => Digest::ZERO,
            },
            _ => Digest::ZERO,
        },
        // Nothing follows yet: what will follow names the last record, if that is still here (a refused one is).
        None => last.as_ref().map_or(Digest::ZERO, Record::digest),
    };
    let neighbour = first.as_ref().or(after.as_ref()).or(before.as_ref()).map(Record::header);
    let configuration = neighbour.map_or(Digest::ZERO, |header| header.configuration);
    let lost = Lost { from, to, cause: hole.cause, previous, next, receipt: hole.receipt.to_vec() };
    let header = Header {
        kind: Kind::Lost,
        site: signer.site.clone(),
        gateway: signer.gateway.clone(),
        chain: hole.span.chain,
        sequence: from,
        previous,
        content_digest: Digest::ZERO,
        content_length: 0,
        readings: 0,
        configuration,
        agent_version: env!("CARGO_PKG_VERSION").into(),
        clock: header_clock(now, None),
        first_ms: now.boot_ms,
        last_ms: now.boot_ms,
    };
    Ok(Record::sign(header, Content::Lost(lost).encode()?, &signer.key)?.encode())
}

async fn record_at(buffer: &BufferHandle, position: u64) -> io::Result<Option<Record>> {
    match buffer.read(position).await? {
        Entry::Present(bytes) => Ok(Record::decode(&bytes).ok()),
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_receipted_is_forgotten_beyond_the_limit_and_nothing_else() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut substitutes = Substitutes::load(folder.path()).expect("empty");
        for position in [10, 20, 30, 40] {
            substitutes.keep(position, position + 2, vec![position as u8]).expect("kept");
        }
        assert_eq!(substitutes.forget(32, 4).expect("nothing to do"), 0);
        assert_eq!(substitutes.forget(22, 1).expect("two may go"), 2);
        let again = Substitutes::load(folder.path()).expect("reads");
        assert_eq!((again.get(10), again.get(20)), (None, None));
        assert_eq!((again.get(30), again.get(40)), (Some((32, vec![30])), Some((42, vec![40]))));
        assert_eq!(substitutes.forget(22, 0).expect("the rest is not receipted"), 0);
    }
}
