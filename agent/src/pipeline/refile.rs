//! What a chain that was given up could not deliver is repeated in the next one, piece by piece, over restarts.
//!
//! Constraints:
//! 1. The originals stay in the buffer until their copies are durable; then the buffer may forget them.
//! 2. Nothing is repeated twice. How far it came is in a small file ([`FILE`]), written before the new chain begins and after every
//!    piece; a crash between a piece and its note is recognised by the newest records of the buffer.
//! 3. A piece is small ([`PIECE_BYTES`]): the backlog of a week does not fit into memory.

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};

use protocol::{BootId, ChainId, Digest, Record};

use crate::buffer::Entry;
use crate::buffer::owner::BufferHandle;
use crate::chain::Span;
use crate::identity::replace_file;
use crate::sealer::Repeat;

/// Inside the state directory: `{"chain","from","end"}`.
const FILE: &str = "repeat.json";

/// Bytes and records of one piece.
const PIECE_BYTES: usize = 1_024 * 1_024;
const PIECE_RECORDS: usize = 64;

/// Newest records looked at after a restart: more than a piece and what is sealed with it.
const LOOK_BACK: u64 = 256;

/// Content digest, boot and boot clock: what a copy has in common with its original.
type Mark = (Digest, BootId, i64);

/// What is still to be repeated.
#[derive(Debug)]
pub(super) struct Refile {
    path: PathBuf,
    /// The chain that was begun for it.
    chain: ChainId,
    /// Position of the first original that has no copy yet.
    from: u64,
    end: u64,
    /// Position after the piece under way.
    piece_end: u64,
    /// Copies that may be newer than the note.
    copied: HashSet<Mark>,
}

fn mark(record: &Record) -> Mark {
    let header = record.header();
    (header.content_digest, header.clock.boot_id, header.clock.boot_ms)
}

impl Refile {
    /// Notes durably that `chain` is about to begin and repeats positions `from..end`.
    pub(super) fn begin(state_dir: &Path, chain: ChainId, from: u64, end: u64) -> io::Result<Self> {
        let path = state_dir.join(FILE);
        let refile = Refile { path, chain, from, end, piece_end: from, copied: HashSet::new() };
        refile.note()?;
        Ok(refile)
    }

    /// What an earlier run left to do, with the first position of the chain it began: everything before that is dealt with.
    /// `spans`: the chains in the buffer, which ends at `next_position`.
    pub(super) fn resume(
        state_dir: &Path,
        spans: &[Span],
        next_position: u64,
        mut read: impl FnMut(u64) -> Entry,
    ) -> Option<(Self, u64)> {
        let path = state_dir.join(FILE);
        let value: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).ok()?).ok()?;
        let (from, end) = (value["from"].as_u64()?, value["end"].as_u64()?);
        let chain = value["chain"].as_str()?;
        // Not in the buffer: its beginning never became durable, and the server will speak of the old chain again.
        let span = spans.iter().find(|span| span.chain.hex() == chain)?;
        let mut copied = HashSet::new();
        if from < end {
            for position in next_position.saturating_sub(LOOK_BACK).max(span.first_position)..next_position {
                if let Entry::Present(bytes) = read(position)
                    && let Ok(record) = Record::decode(&bytes)
                {
                    copied.insert(mark(&record));
                }
            }
        }
        Some((Refile { path, chain: span.chain, from, end, piece_end: from, copied }, span.first_position))
    }

    /// The next piece; empty when there is nothing left.
    pub(super) async fn piece(&mut self, buffer: &BufferHandle) -> Vec<Repeat> {
        let (mut repeats, mut bytes_taken) = (Vec::new(), 0);
        let mut position = self.from;
        while position < self.end && repeats.len() < PIECE_RECORDS && bytes_taken < PIECE_BYTES {
            let entry = match buffer.read(position).await {
                Ok(entry) => entry,
                Err(error) => {
                    // Not a verdict about the record: the rest is tried again with the next seal.
                    tracing::warn!(%error, position, "A record of the chain before cannot be read now.");
                    break;
                }
            };
            position += 1;
            match entry {
                Entry::Present(bytes) => match Record::decode(&bytes) {
                    Ok(record) if self.copied.contains(&mark(&record)) => {}
                    Ok(record) => {
                        bytes_taken += bytes.len();
                        repeats.push(Repeat::Record(Box::new(record)));
                    }
                    Err(_) if repeats.last() == Some(&Repeat::Damaged) => {}
                    Err(_) => repeats.push(Repeat::Damaged),
                },
                Entry::Damaged(range) => {
                    position = range.end.clamp(position, self.end);
                    if repeats.last() != Some(&Repeat::Damaged) {
                        repeats.push(Repeat::Damaged);
                    }
                }
                // Copied, or receipted, before.
                Entry::Trimmed | Entry::NotYet => {}
            }
        }
        self.piece_end = position;
        if repeats.is_empty() && position > self.from {
            // Everything here was copied before the crash; the next look back would not find it any more.
            self.stored();
        }
        repeats
    }

    /// The piece is durable.
    pub(super) fn stored(&mut self) {
        self.from = self.piece_end;
        if let Err(error) = self.note() {
            tracing::warn!(%error, "How far the repetition came cannot be noted; after a crash it is found out again.");
        }
    }

    /// Up to here the server has the originals, or the new chain holds their copies.
    pub(super) fn dealt_with(&self) -> u64 {
        self.from
    }

    /// Nothing is left.
    pub(super) fn is_done(&self) -> bool {
        self.from >= self.end
    }

    fn note(&self) -> io::Result<()> {
        let text = serde_json::json!({ "chain": self.chain.hex(), "from": self.from, "end": self.end });
        replace_file(&self.path, text.to_string().as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use protocol::{Batch, Clock, Content, Event, Header, Kind, SecretKey, SyncState};

    use super::*;
    use crate::buffer::storage::DiskStorage;
    use crate::buffer::{Buffer, Settings, owner};

    /// Record `number` of a story, as `chain` tells it at `sequence`.
    fn record(chain: ChainId, sequence: u64, number: i64) -> Record {
        let event = Event { boot_ms: number, kind: "x".into(), subject: "".into(), value: number, detail: "".into() };
        let header = Header {
            kind: Kind::Batch,
            site: "site-1".parse().expect("a name"),
            gateway: "gw-1".parse().expect("a name"),
            chain,
            sequence,
            previous: Digest::ZERO,
            content_digest: Digest::ZERO,
            content_length: 0,
            readings: 0,
            configuration: Digest::ZERO,
            agent_version: "1".into(),
            clock: Clock {
                boot_id: BootId([1; 16]),
                boot_ms: number,
                wall_ms: 0,
                sync: SyncState::Unknown,
                error_ms: 0,
                server: None,
                simulated: false,
            },
            first_ms: number,
            last_ms: number,
        };
        let content = Content::Batch(Batch::from_readings(Vec::new(), Vec::new(), vec![event]));
        Record::sign(header, content.encode().expect("encodes"), &SecretKey::from_seed(&[5; 32])).expect("signs")
    }

    #[tokio::test]
    async fn copies_that_became_durable_before_the_crash_are_not_made_again() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (old, new) = (ChainId([1; 16]), ChainId([2; 16]));
        let storage = DiskStorage::open(&folder.path().join("buffer")).expect("opens");
        let (mut buffer, _) =
            Buffer::open(storage, Settings { free_bytes_min: 0, ..Settings::default() }, [7; 16]).expect("opens");
        // Six of the old chain; the new one is noted, begins, takes over 2 and 3, and the power goes before the next note.
        let story = (0..6).map(|number| record(old, number, number as i64));
        let taken_over = [record(new, 0, 100), record(new, 1, 2), record(new, 2, 3)];
        Refile::begin(folder.path(), new, 2, 6).expect("noted");
        for record in story.chain(taken_over) {
            buffer.append(&record.encode()).expect("room");
        }
        buffer.sync().expect("synced");
        let span = |chain, first_position, end_position| Span { chain, first_position, end_position };
        let spans = [span(old, 0, Some(6)), span(new, 6, None)];
        let read = |position| buffer.read(position).expect("reads");
        let (mut refile, given_up_end) = Refile::resume(folder.path(), &spans, 9, read).expect("noted");
        assert_eq!(given_up_end, 6, "nothing of the old chain is sent any more");
        assert!(Refile::resume(folder.path(), &spans[..1], 6, |_| Entry::NotYet).is_none(), "its chain never began");
        let (handle, owner) = owner::spawn(buffer).expect("a thread");
        let values = |repeats: Vec<Repeat>| -> Vec<i64> {
            let value = |repeat| match repeat {
                Repeat::Record(record) => record.header().clock.boot_ms,
                Repeat::Damaged => -1,
            };
            repeats.into_iter().map(value).collect()
        };
        assert_eq!(values(refile.piece(&handle).await), [4, 5]);
        refile.stored();
        assert!(refile.is_done());
        assert!(values(refile.piece(&handle).await).is_empty());
        drop(handle);
        owner.join();
    }
}
