//! The segment-log buffer: what a power cut must not take away.
//!
//! # Constraints
//!
//! 1. **Buffered means synced.** [`Buffer::append`] only accepts; [`Buffer::sync`] makes durable, and only durable
//!    entries are ever handed out by [`Buffer::read`]. So nothing is published that a power cut could still undo.
//! 2. **Undelivered data is never overwritten or deleted.** When neither bytes nor disk are left,
//!    [`AppendError::Full`] says so; the caller stops accepting and records the gap.
//! 3. **One truth: the segment files.** The only other file is a cursor that is allowed to be stale or missing. Saving it
//!    needs no room, so a buffer on a disk that others have filled can still drop what is receipted.
//! 4. **Positions have no holes.** Entry *n+1* follows entry *n* in the same or the next segment; an entry never spans
//!    two segments. A position that cannot be read is reported as damaged, with its range, never skipped silently.
//! 5. **Everything is checked**: headers and entries carry CRC-32C; a checksum covers the entry's position, length,
//!    segment and the buffer's random salt, so neither a misplaced block nor bytes hidden in a payload pass.
//! 6. **One damaged byte costs at most one entry.** Entries start with a marker on an 8-byte boundary; a reader finds
//!    the next one. The segment header is stored twice, at both ends of the file.
//! 7. **A failed sync is final.** The kernel may have dropped the pages; the segment gets no further entry, and what
//!    was not yet durable is written again into a new one.
//! 8. Bounded: by bytes ([`Settings::bytes_max`]), by free disk ([`Settings::free_bytes_min`]), by entry size
//!    ([`AppendError::Oversized`] is an error, not a success that stores nothing).
//! 9. Little flash wear: segments are preallocated (an `fdatasync` of a growing file costs a journal commit), one sync
//!    per sealed batch, and a whole file is unlinked instead of anything being erased.
//!
//! Arithmetic: 1,000 tags once a second make about 20 KB per 10 s batch, 173 MB a day; 1 GiB holds six days offline.
//!
//! # Format (every integer big-endian; nothing depends on the machine's word size)
//!
//! ```text
//! segment-<number, 16 hex digits>                 preallocated, segment_bytes long, unused bytes zero
//!   0        64   header
//!   64       …    entries, each at a multiple of 8
//!   end-64   64   the same header again
//!
//! header   0  8  "GZSEG" 00 00 01
//!          8  8  number
//!         16  8  first_position: position of the first entry this segment owns
//!         24 16  salt
//!         40  4  segment_bytes
//!         44 16  zero
//!         60  4  CRC32C of bytes 0..60
//!
//! entry    0  4  9E 47 5A 45
//!          4  4  length of the payload, at most 512 KiB
//!          8  8  position
//!         16  4  CRC32C of salt ‖ number ‖ length ‖ position ‖ payload
//!         20  …  payload, then zeros up to a multiple of 8
//! ```
//!
//! A segment **owns** the positions from its `first_position` up to the next segment's. What it may hold beyond that is
//! what a failed sync left behind and is ignored.
//!
//! # Operation
//!
//! *Append*: write at the end of the newest segment; roll to a new one when the entry does not fit. Rolling syncs the
//! old segment, creates and preallocates the new one, writes both headers, syncs file and directory — only then does
//! the first entry go in. The last [`CLOSING_RESERVE_BYTES`] of a segment are kept for the record that closes a run, so
//! that even a full buffer can state why it stopped.
//!
//! *Read*: offsets of the newest segment are known; of older segments one index at a time is built by scanning.
//!
//! *Receipt*: moves the cursor in memory; the cursor file follows within seconds. *Trim*: a segment is unlinked when
//! it is wholly receipted **and** wholly logged **and** 72 hours of server time passed since, or — oldest first, only
//! if wholly receipted — when space is needed. The cursor is made durable before any unlink.
//!
//! # Recovery
//!
//! [`Buffer::open`] trusts headers by checksum, scans the newest segment, and syncs it before anything in it counts as
//! durable (after a kill, entries may be in the page cache only). Bytes behind the last sound entry that are not zero,
//! a newest file that is short or has no header, and a cursor that knows of positions which are gone, are all reported
//! as [`Recovery::tail_cut`]: something may have been published that we no longer hold, so the caller must not
//! continue its chain. Nothing is erased: the next entry goes into a new segment, unusable files are kept aside.
//!
//! If the process dies …
//! * … after `append`, before `sync`: the entry may or may not be there; nobody was told it is.
//! * … while creating a segment: the file without a header is put aside; no entry was ever in it.
//! * … between cursor and unlink: the segment is trimmed again. While the cursor is written: the one before counts.

pub mod cursor;
#[cfg(test)]
pub(crate) mod fake_disk;
mod index;

pub mod owner;
mod recovery;
pub mod segment;
pub mod storage;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::io;
use std::ops::Range;

use cursor::{Cursor, CursorFile};
use index::{Index, OpenSegment};
use segment::{HEADER_BYTES, Header, PAYLOAD_BYTES_MAX};
use storage::Storage;

/// Bytes at the end of a segment that only a closing record may use.
pub const CLOSING_RESERVE_BYTES: u32 = 64 * 1_024;

/// Default length of a segment.
pub const SEGMENT_BYTES: u32 = 8 * 1_024 * 1_024;

/// Receipted segments are kept at least this long, measured by the server's signed time, so that a server restored
/// from yesterday's backup gets the difference again.
pub const RETENTION_MS: i64 = 72 * 3_600 * 1_000;

/// `[buffer]` in `agent.toml`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Most bytes the segments may take together.
    pub bytes_max: u64,
    /// Free bytes to leave on the file system for everything else.
    pub free_bytes_min: u64,
    /// Length of a segment; only tests choose another one.
    pub segment_bytes: u32,
    /// How long receipted segments are kept, milliseconds of server time.
    pub retention_ms: i64,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            bytes_max: 1_024 * 1_024 * 1_024,
            free_bytes_min: 64 * 1_024 * 1_024,
            segment_bytes: SEGMENT_BYTES,
            retention_ms: RETENTION_MS,
        }
    }
}

impl Settings {
    fn closing_reserve(&self) -> u32 {
        CLOSING_RESERVE_BYTES.min(self.segment_bytes / 16)
    }

    /// Largest payload that can be appended under these settings.
    #[must_use]
    pub fn payload_bytes_max(&self) -> u32 {
        let room = self.segment_bytes.saturating_sub(2 * HEADER_BYTES + self.closing_reserve());
        (room / 2).saturating_sub(segment::ENTRY_HEADER_BYTES + segment::ALIGNMENT).min(PAYLOAD_BYTES_MAX)
    }
}

/// Why an entry was not accepted, or not made durable.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// Neither the configured bytes nor the disk have room, and nothing receipted is left to drop.
    #[error("the buffer is full: nothing was overwritten, readings are no longer accepted")]
    Full,
    /// The entry is larger than any segment takes.
    #[error("a record of {bytes} bytes is larger than the buffer takes ({bytes_max} bytes)")]
    Oversized {
        /// Its size.
        bytes: usize,
        /// The limit.
        bytes_max: u32,
    },
    /// The disk failed; what was not yet durable is kept in memory and written elsewhere on the next attempt.
    #[error("the buffer's disk failed")]
    Disk(#[from] io::Error),
}

/// What a position holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// The payload, verified.
    Present(Vec<u8>),
    /// These positions were written and can no longer be read.
    Damaged(Range<u64>),
    /// Dropped after a receipt.
    Trimmed,
    /// Not appended, or not durable yet.
    NotYet,
}

/// What [`Buffer::open`] found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recovery {
    /// Position the next entry will get.
    pub next_position: u64,
    /// Something behind the last sound entry was lost or unreadable: do not continue the chain.
    pub tail_cut: bool,
    /// Positions in the newest segment, or before the oldest one, that cannot be read. Older segments are checked
    /// when they are read.
    pub damaged: Vec<Range<u64>>,
    /// Files that are no segments of this buffer and were put aside.
    pub put_aside: Vec<String>,
}

/// Numbers for the status page.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// Durable entries not yet receipted.
    pub undelivered_records: u64,
    /// Their bytes on disk: exact in the newest segment, by their share of an older one that is partly receipted.
    pub undelivered_bytes: u64,
    /// Bytes of the files on disk.
    pub bytes_on_disk: u64,
    /// Bytes that can still be appended before the buffer is full, dropping what is receipted.
    pub bytes_left: u64,
    /// Payload bytes appended since start.
    pub bytes_appended: u64,
    /// Position of the next entry.
    pub next_position: u64,
    /// Every position below this is receipted.
    pub receipted_end: u64,
}

/// An older segment, read only.
#[derive(Debug, Clone, Copy)]
struct Closed {
    header: Header,
}

/// The buffer. Owned by one thread ([`owner`]); every method may block on the disk.
#[derive(Debug)]
pub struct Buffer<S: Storage> {
    storage: S,
    settings: Settings,
    salt: [u8; 16],
    closed: VecDeque<Closed>,
    active: Option<OpenSegment<S::File>>,
    /// The active segment takes no further entry (failed write or sync, damaged tail).
    suspect: bool,
    index: Option<Index<S::File>>,
    next_number: u64,
    next_position: u64,
    /// Every position below this is durable.
    synced_end: u64,
    /// Payloads of `synced_end..next_position`, kept until durable.
    unsynced: VecDeque<Vec<u8>>,
    unsynced_bytes: u64,
    bytes_appended: u64,
    aside: Vec<String>,
    cursor: Cursor,
    /// `None` until there is room for it.
    cursor_file: Option<CursorFile<S::File>>,
    cursor_changed: bool,
}

impl<S: Storage> Buffer<S> {
    /// Opens or creates the buffer in `storage`. `fresh_salt` (random) is used only when it is created.
    ///
    /// # Errors
    /// When the directory cannot be listed or the newest segment cannot be made durable.
    pub fn open(storage: S, settings: Settings, fresh_salt: [u8; 16]) -> io::Result<(Self, Recovery)> {
        recovery::open(storage, settings, fresh_salt)
    }

    /// Accepts an entry; it is **not durable** before [`sync`](Self::sync) returned. Returns its position.
    ///
    /// # Errors
    /// See [`AppendError`]; on error the entry was not accepted and the next one gets the same position.
    pub fn append(&mut self, payload: &[u8]) -> Result<u64, AppendError> {
        self.append_within(payload, self.settings.closing_reserve())
    }

    /// As [`append`](Self::append), for the record that closes a run: it may use the reserve.
    ///
    /// # Errors
    /// As [`append`](Self::append).
    pub fn append_closing(&mut self, payload: &[u8]) -> Result<u64, AppendError> {
        self.append_within(payload, 0)
    }

    fn append_within(&mut self, payload: &[u8], reserve: u32) -> Result<u64, AppendError> {
        let bytes_max = self.settings.payload_bytes_max();
        if payload.len() > bytes_max as usize {
            return Err(AppendError::Oversized { bytes: payload.len(), bytes_max });
        }
        // What is unsynced must always fit into one new segment, should the old one fail.
        if self.unsynced_bytes > u64::from(self.settings.segment_bytes) / 8 {
            self.sync()?;
        }
        let position = self.next_position;
        let fits = |active: &OpenSegment<S::File>| active.has_room(payload.len() as u32, reserve);
        if self.suspect || !self.active.as_ref().is_some_and(fits) {
            self.roll()?;
        }
        let Some(active) = self.active.as_mut() else { return Err(AppendError::Full) };
        if let Err(error) = active.write(&self.storage, position, payload) {
            self.suspect = true;
            return Err(error.into());
        }
        self.next_position += 1;
        self.unsynced_bytes += payload.len() as u64;
        self.bytes_appended += payload.len() as u64;
        self.unsynced.push_back(payload.to_vec());
        Ok(position)
    }

    /// Makes every accepted entry durable and returns the end of the durable positions.
    ///
    /// # Errors
    /// After an error nothing is lost: the entries are written into a new segment by the next call.
    pub fn sync(&mut self) -> Result<u64, AppendError> {
        if self.unsynced.is_empty() {
            return Ok(self.synced_end);
        }
        if self.suspect {
            self.roll()?;
        }
        self.sync_active()?;
        Ok(self.synced_end)
    }

    fn sync_active(&mut self) -> Result<(), AppendError> {
        if let Some(active) = &self.active
            && let Err(error) = self.storage.sync_data(&active.file)
        {
            self.suspect = true;
            return Err(error.into());
        }
        self.synced_end = self.next_position;
        self.unsynced.clear();
        self.unsynced_bytes = 0;
        Ok(())
    }

    /// Closes the active segment and starts a new one that owns everything from the first position not yet durable.
    fn roll(&mut self) -> Result<(), AppendError> {
        if !self.suspect && !self.unsynced.is_empty() {
            self.sync_active()?;
        }
        let fresh = self.create_segment()?;
        if let Some(old) = self.active.replace(fresh) {
            self.closed.push_back(Closed { header: old.header });
            // The old one may have become wholly receipted while it was active.
            self.note_receipted_segments();
        }
        self.suspect = false;
        let Some(active) = self.active.as_mut() else { return Ok(()) };
        for (index, payload) in self.unsynced.iter().enumerate() {
            if let Err(error) = active.write(&self.storage, self.synced_end + index as u64, payload) {
                self.suspect = true;
                return Err(error.into());
            }
        }
        Ok(())
    }

    fn create_segment(&mut self) -> Result<OpenSegment<S::File>, AppendError> {
        self.make_room()?;
        let header = Header {
            salt: self.salt,
            number: self.next_number,
            first_position: self.synced_end,
            segment_bytes: self.settings.segment_bytes,
        };
        // Never reuse a number: a file of that name may survive a failed attempt.
        self.next_number += 1;
        match OpenSegment::create(&self.storage, header) {
            Ok(segment) => Ok(segment),
            Err(error) => {
                let _ = self.storage.unlink(&index::name(header.number));
                if is_full(&error) {
                    // The file system has less room than it told us: drop what is receipted and let the caller retry.
                    if self.drop_one()? { self.create_segment() } else { Err(AppendError::Full) }
                } else {
                    Err(error.into())
                }
            }
        }
    }

    /// Drops receipted segments, oldest first, until one more segment fits.
    fn make_room(&mut self) -> Result<(), AppendError> {
        let wanted = u64::from(self.settings.segment_bytes);
        loop {
            let within_limit = self.bytes_on_disk() + wanted <= self.settings.bytes_max;
            if within_limit && self.storage.free_bytes()? >= self.settings.free_bytes_min + wanted {
                return Ok(());
            }
            if !self.drop_one()? {
                return Err(AppendError::Full);
            }
        }
    }

    /// Frees one file that nobody needs; `false` when there is none.
    fn drop_one(&mut self) -> io::Result<bool> {
        if self.oldest_end().is_some_and(|end| end <= self.cursor.receipted_end) {
            self.drop_oldest()?;
            return Ok(true);
        }
        if let Some(name) = self.aside.first() {
            self.storage.unlink(name)?;
            self.aside.remove(0);
            return Ok(true);
        }
        Ok(false)
    }

    fn drop_oldest(&mut self) -> io::Result<()> {
        let (Some(end), Some(oldest)) = (self.oldest_end(), self.closed.front().copied()) else { return Ok(()) };
        self.cursor.first_kept = self.cursor.first_kept.max(end);
        self.cursor.receipted_segments.retain(|(number, _)| *number != oldest.header.number);
        // First the cursor, then the unlink: recovery must be able to tell trimmed from missing — whichever slot it finds.
        for _slot in 0..2 {
            self.cursor_changed = true;
            match self.save_cursor() {
                // Without a cursor recovery takes what is there for all there ever was, and this makes room for one.
                Err(error) if self.cursor_file.is_none() && is_full(&error) => {}
                saved => saved?,
            }
        }
        if self.index.as_ref().is_some_and(|index| index.number() == oldest.header.number) {
            self.index = None;
        }
        self.storage.unlink(&index::name(oldest.header.number))?;
        self.closed.pop_front();
        self.storage.sync_directory()
    }

    /// End of the positions owned by the oldest closed segment.
    fn oldest_end(&self) -> Option<u64> {
        self.closed.front()?;
        Some(self.owned_end(0))
    }

    /// End (exclusive) of the positions owned by closed segment `index`.
    fn owned_end(&self, index: usize) -> u64 {
        let next = self.closed.get(index + 1).map(|next| next.header.first_position);
        next.or(self.active.as_ref().map(|active| active.header.first_position)).unwrap_or(self.next_position)
    }

    /// What `position` holds. Damage is found here at the latest.
    ///
    /// # Errors
    /// When a segment cannot be opened; unreadable entries are [`Entry::Damaged`], not errors.
    pub fn read(&mut self, position: u64) -> io::Result<Entry> {
        if position >= self.synced_end {
            return Ok(Entry::NotYet);
        }
        if position < self.cursor.first_kept {
            return Ok(Entry::Trimmed);
        }
        if let Some(active) = &self.active
            && position >= active.header.first_position
        {
            return Ok(active.read(&self.storage, position));
        }
        let at = self.closed.partition_point(|closed| closed.header.first_position <= position);
        let Some(at) = at.checked_sub(1) else {
            let first = self.closed.front().map_or(self.synced_end, |closed| closed.header.first_position);
            return Ok(Entry::Damaged(position..first));
        };
        let (header, end) = (self.closed[at].header, self.owned_end(at));
        if self.index.as_ref().is_none_or(|index| index.number() != header.number) {
            self.index = Some(Index::build(&self.storage, header, end)?);
        }
        let Some(index) = &self.index else { return Ok(Entry::NotYet) };
        Ok(index.read(&self.storage, position, end))
    }

    /// Notes that the server receipted every position below `end`, at `server_ms` of its signed clock.
    pub fn receipted(&mut self, end: u64, server_ms: i64) {
        self.cursor.server_ms = self.cursor.server_ms.max(server_ms);
        let end = end.min(self.synced_end);
        if end > self.cursor.receipted_end {
            self.cursor.receipted_end = end;
            self.cursor_changed = true;
        }
        self.note_receipted_segments();
    }

    fn note_receipted_segments(&mut self) {
        for index in 0..self.closed.len() {
            if self.owned_end(index) > self.cursor.receipted_end {
                break;
            }
            let number = self.closed[index].header.number;
            if !self.cursor.receipted_segments.iter().any(|(noted, _)| *noted == number) {
                self.cursor.receipted_segments.push((number, self.cursor.server_ms));
                self.cursor_changed = true;
            }
        }
    }

    /// Notes that every position below `end` is under a signed checkpoint of the site log.
    pub fn logged(&mut self, end: u64) {
        let end = end.min(self.cursor.receipted_end);
        if end > self.cursor.logged_end {
            self.cursor.logged_end = end;
            self.cursor_changed = true;
        }
    }

    /// Takes back a receipt: a server restored from an older copy says that it holds positions below `end` only.
    pub fn receipt_withdrawn(&mut self, end: u64) {
        if end < self.cursor.receipted_end {
            self.cursor.receipted_end = end;
            self.cursor.logged_end = self.cursor.logged_end.min(end);
            self.cursor.receipted_segments.clear();
            self.note_receipted_segments();
            self.cursor_changed = true;
        }
    }

    /// Unlinks segments that are receipted, logged and old enough. Returns how many.
    ///
    /// # Errors
    /// Any I/O error; the segment is then still listed and tried again next time.
    pub fn trim(&mut self) -> io::Result<usize> {
        let mut dropped = 0;
        while let (Some(oldest), Some(end)) = (self.closed.front(), self.oldest_end()) {
            let number = oldest.header.number;
            let since = self.cursor.receipted_segments.iter().find(|(noted, _)| *noted == number);
            let old_enough = since.is_some_and(|(_, since_ms)| {
                self.cursor.server_ms.saturating_sub(*since_ms) >= self.settings.retention_ms
            });
            if end > self.cursor.receipted_end || end > self.cursor.logged_end || !old_enough {
                break;
            }
            self.drop_oldest()?;
            dropped += 1;
        }
        Ok(dropped)
    }

    /// Writes the cursor file when it changed.
    ///
    /// # Errors
    /// Any I/O error; the old cursor then stays in force, which costs repeated sending and nothing else.
    pub fn save_cursor(&mut self) -> io::Result<()> {
        if !self.cursor_changed {
            return Ok(());
        }
        let file = match self.cursor_file.take() {
            Some(file) => file,
            None => CursorFile::create(&self.storage)?,
        };
        self.cursor_file.insert(file).save(&self.storage, &self.cursor)?;
        self.cursor_changed = false;
        Ok(())
    }

    /// The cursor in memory.
    pub fn cursor(&self) -> &Cursor {
        &self.cursor
    }

    /// Position the next entry will get.
    pub fn next_position(&self) -> u64 {
        self.next_position
    }

    /// Numbers for the status page.
    pub fn stats(&self) -> Stats {
        let droppable = (0..self.closed.len()).take_while(|i| self.owned_end(*i) <= self.cursor.receipted_end).count();
        let segment_bytes = u64::from(self.settings.segment_bytes);
        let used = self.bytes_on_disk();
        let droppable_bytes = droppable as u64 * segment_bytes;
        let by_limit = self.settings.bytes_max.saturating_sub(used);
        let by_disk = self.storage.free_bytes().unwrap_or(0).saturating_sub(self.settings.free_bytes_min);
        let whole = (by_limit.min(by_disk) + droppable_bytes) / segment_bytes * segment_bytes;
        let active_left = self.active.as_ref().map_or(0, |active| active.bytes_left(self.settings.closing_reserve()));
        Stats {
            undelivered_records: self.synced_end.saturating_sub(self.cursor.receipted_end),
            undelivered_bytes: self.undelivered_bytes(),
            bytes_on_disk: used,
            bytes_left: whole + u64::from(active_left),
            bytes_appended: self.bytes_appended,
            next_position: self.next_position,
            receipted_end: self.cursor.receipted_end,
        }
    }

    fn undelivered_bytes(&self) -> u64 {
        let from = self.cursor.receipted_end;
        let closed = self.closed.iter().enumerate().map(|(index, closed)| {
            let (first, end) = (closed.header.first_position, self.owned_end(index));
            let waiting = end.saturating_sub(from.max(first));
            u64::from(closed.header.segment_bytes).saturating_mul(waiting) / end.saturating_sub(first).max(1)
        });
        let active = self.active.as_ref().map_or(0, |active| active.bytes_from(from));
        closed.sum::<u64>() + u64::from(active)
    }

    fn bytes_on_disk(&self) -> u64 {
        let active = self.active.as_ref().map_or(0, |active| u64::from(active.header.segment_bytes));
        let closed: u64 = self.closed.iter().map(|closed| u64::from(closed.header.segment_bytes)).sum();
        active + closed + self.aside.len() as u64 * u64::from(self.settings.segment_bytes)
    }
}

fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}
