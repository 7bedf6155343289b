//! The cursor file: what the server has receipted, as of the last time we wrote it down.
//!
//! Constraints:
//! 1. It is **allowed to be stale or missing**: an old cursor only makes the agent send again what the server already holds,
//!    and the server recognises it. It is written at most every few seconds, and always before a segment is unlinked, so
//!    that recovery can tell "trimmed after a receipt" from "missing".
//! 2. **Saving it takes no room.** On a disk that somebody else has filled, only dropping receipted segments makes room, and
//!    that needs the cursor. So the file is made and filled once, when the buffer is opened, and overwritten in place.
//! 3. Two slots, written in turn: a torn write costs the older one. A slot is given up only after the other one is synced.
//!
//! ```text
//! two slots of 4096 bytes; the valid one with the higher generation counts
//! offset bytes
//!      0     8  "GZCUR" 00 00 02
//!      8     8  generation       one more with every save
//!     16     8  receipted_end    every position below this is receipted
//!     24     8  logged_end       every position below this is under a signed checkpoint
//!     32     8  first_kept       first position not trimmed
//!     40     8  server_ms        newest signed server time, milliseconds since the Unix epoch
//!     48     4  count            at most 252
//!     52  16·n  segment number (8), server_ms when it was wholly receipted (8), oldest first
//!             …  zeros
//!   4092     4  CRC32C of everything before
//! ```
//!
//! Ages are measured with the *server's* signed time, because a gateway that believes it is 1970 must not decide that
//! 72 hours have passed. Where more segments wait for that than a slot holds, the newest are left out: their 72 hours
//! begin again at the next start.

use std::io;

use super::storage::Storage;

/// Name of the file.
pub const NAME: &str = "cursor";

/// Bytes of a slot: one page, so that a save writes one block.
pub const SLOT_BYTES: usize = 4_096;

const FILE_BYTES: u64 = 2 * SLOT_BYTES as u64;
const MAGIC: [u8; 8] = *b"GZCUR\0\0\x02";
const FIXED_BYTES: usize = 52;
const CHECKSUM_AT: usize = SLOT_BYTES - 4;
const SEGMENTS_MAX: usize = (CHECKSUM_AT - FIXED_BYTES) / 16;

/// What the server has said about our positions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cursor {
    /// Every position below this is receipted.
    pub receipted_end: u64,
    /// Every position below this is under a signed checkpoint of the site log.
    pub logged_end: u64,
    /// First position that was not trimmed.
    pub first_kept: u64,
    /// Newest signed server time seen, milliseconds since the Unix epoch.
    pub server_ms: i64,
    /// Wholly receipted segments with the server time at which they became so.
    pub receipted_segments: Vec<(u64, i64)>,
}

impl Cursor {
    /// A slot's bytes.
    #[must_use]
    pub fn encode(&self, generation: u64) -> Vec<u8> {
        let kept = &self.receipted_segments[..self.receipted_segments.len().min(SEGMENTS_MAX)];
        let mut out = Vec::with_capacity(SLOT_BYTES);
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&generation.to_be_bytes());
        out.extend_from_slice(&self.receipted_end.to_be_bytes());
        out.extend_from_slice(&self.logged_end.to_be_bytes());
        out.extend_from_slice(&self.first_kept.to_be_bytes());
        out.extend_from_slice(&self.server_ms.to_be_bytes());
        out.extend_from_slice(&(kept.len() as u32).to_be_bytes());
        for (number, server_ms) in kept {
            out.extend_from_slice(&number.to_be_bytes());
            out.extend_from_slice(&server_ms.to_be_bytes());
        }
        out.resize(CHECKSUM_AT, 0);
        let checksum = crc32c::crc32c(&out);
        out.extend_from_slice(&checksum.to_be_bytes());
        out
    }

    /// Generation and cursor of a slot; `None` unless intact.
    #[must_use]
    pub fn decode(slot: &[u8]) -> Option<(u64, Self)> {
        let (body, checksum) = slot.split_last_chunk::<4>()?;
        let intact = crc32c::crc32c(body) == u32::from_be_bytes(*checksum);
        if slot.len() != SLOT_BYTES || body[..8] != MAGIC || !intact {
            return None;
        }
        let word = |at: usize| Some(u64::from_be_bytes(body.get(at..at + 8)?.try_into().ok()?));
        let count = u32::from_be_bytes(body[48..52].try_into().ok()?) as usize;
        if count > SEGMENTS_MAX {
            return None;
        }
        let segment = |index| Some((word(FIXED_BYTES + 16 * index)?, word(FIXED_BYTES + 16 * index + 8)? as i64));
        let cursor = Cursor {
            receipted_end: word(16)?,
            logged_end: word(24)?,
            first_kept: word(32)?,
            server_ms: word(40)? as i64,
            receipted_segments: (0..count).map(segment).collect::<Option<_>>()?,
        };
        Some((word(8)?, cursor))
    }
}

/// The open file.
#[derive(Debug)]
pub(super) struct CursorFile<F> {
    file: F,
    /// Of the newest slot that is durable.
    generation: u64,
    /// Where the next one goes: not where the newest durable one is.
    slot: u64,
}

impl<F> CursorFile<F> {
    /// Opens the file, and makes it when there is none. A file that cannot be used is made anew; when that cannot be
    /// done (a full disk), there is none, which is tried again at the next save.
    ///
    /// # Errors
    /// When the newest slot can be read and not be made durable.
    pub(super) fn open<S: Storage<File = F>>(storage: &S) -> io::Result<(Option<Self>, Option<Cursor>)> {
        let Ok(file) = storage.open(NAME) else { return Ok((Self::create(storage).ok(), None)) };
        if storage.length(&file).ok() != Some(FILE_BYTES) {
            return Ok((Self::create(storage).ok(), None));
        }
        let mut newest: Option<(u64, u64, Cursor, Vec<u8>)> = None;
        for slot in [0, 1] {
            let mut bytes = vec![0; SLOT_BYTES];
            let read = storage.read_at(&file, slot * SLOT_BYTES as u64, &mut bytes);
            if read.is_ok_and(|count| count == SLOT_BYTES)
                && let Some((generation, cursor)) = Cursor::decode(&bytes)
                && newest.as_ref().is_none_or(|(other, ..)| *other < generation)
            {
                newest = Some((generation, slot, cursor, bytes));
            }
        }
        let Some((generation, slot, cursor, bytes)) = newest else {
            return Ok((Some(Self { file, generation: 0, slot: 0 }), None));
        };
        // What a failed sync left in the page cache looks durable and is not: the same bytes again, as for segments.
        storage.write_at(&file, slot * SLOT_BYTES as u64, &bytes)?;
        storage.sync_data(&file)?;
        Ok((Some(Self { file, generation, slot: 1 - slot }), Some(cursor)))
    }

    /// Makes the file, its blocks written once so that overwriting them needs none.
    ///
    /// # Errors
    /// Any I/O error, `StorageFull` among them.
    pub(super) fn create<S: Storage<File = F>>(storage: &S) -> io::Result<Self> {
        let _ = storage.unlink(NAME);
        let file = storage.create(NAME, FILE_BYTES)?;
        storage.write_at(&file, 0, &[0; FILE_BYTES as usize])?;
        storage.sync_data(&file)?;
        storage.sync_directory()?;
        Ok(Self { file, generation: 0, slot: 0 })
    }

    /// Writes a cursor and makes it durable.
    ///
    /// # Errors
    /// Any I/O error; the cursor saved before is then still in the other slot.
    pub(super) fn save<S: Storage<File = F>>(&mut self, storage: &S, cursor: &Cursor) -> io::Result<()> {
        let generation = self.generation + 1;
        storage.write_at(&self.file, self.slot * SLOT_BYTES as u64, &cursor.encode(generation))?;
        storage.sync_data(&self.file)?;
        (self.generation, self.slot) = (generation, 1 - self.slot);
        Ok(())
    }
}
