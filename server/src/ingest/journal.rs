//! The write-ahead file: what was taken, for all sites, in the order in which it becomes leaves.
//!
//! Constraints:
//!
//! 1. An entry counts once [`Journal::append`] has returned: written and synced, one sync for the whole group. Only then
//!    may anybody be told. An append that fails leaves the file as it was, or the journal refuses everything until it
//!    could restore that: a half-written group must never lie before a whole one.
//! 2. Entries are numbered without holes ([`Lsn`]). A site remembers the number it has integrated durably; after a crash
//!    the entries beyond it are integrated again, in the same order with the same received-at, so the leaves come out as
//!    the same bytes.
//! 3. A torn tail (crash during an append) is cut at recovery and reported with its size: nobody was told of it.
//! 4. Damage is not a torn tail: something whole lies behind it. A damaged segment is never cut and gets no further entry.
//!    What lies whole behind the damage is handed out as doubtful ([`Recovered::doubtful_from`]); the caller decides what
//!    still stands without what is gone. What is gone the gateways send again from their kept segments.
//! 5. Segments are removed when every entry in them is under a published checkpoint; a damaged one is then set aside.
//!
//! The format ([`entry`]) is private to this server and its recovery; evidence formats are in `protocol`.

use std::io;
use std::sync::Arc;

use protocol::SiteId;

use crate::storage::Storage;

mod entry;
#[cfg(test)]
mod tests;

use entry::{Walked, encode_entry, walk};

/// Number of a journal entry, from 1.
pub type Lsn = u64;

/// What an entry says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its number.
    pub lsn: Lsn,
    /// Which site's log it belongs to.
    pub site: SiteId,
    /// Server time of receipt, UTC ms; part of the leaf.
    pub received_ms: i64,
    /// The thing itself.
    pub body: Body,
}

impl Entry {
    /// Bytes of its body.
    pub(super) fn bytes(&self) -> usize {
        match &self.body {
            Body::Record(bytes) | Body::Quarantine(bytes) | Body::Declaration(bytes) | Body::Epoch(bytes) => {
                bytes.len()
            }
        }
    }
}

/// The thing that becomes a leaf.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// A record, as received.
    Record(Vec<u8>),
    /// A contradicting record, as received.
    Quarantine(Vec<u8>),
    /// A declaration's canonical bytes.
    Declaration(Vec<u8>),
    /// An epoch leaf's bytes (it has no content beside it).
    Epoch(Vec<u8>),
}

/// What recovery found.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Whole entries, in order.
    pub entries: Vec<Entry>,
    /// Place in `entries` of the first one that lies behind damage.
    pub doubtful_from: Option<usize>,
    /// Bytes cut from the end of the newest segment.
    pub cut_bytes: u64,
    /// Damaged segments, which stay as they are.
    pub damaged: Vec<String>,
}

/// What the journal's files look like, for `doctor` and `fsck`.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Inspection {
    /// Segments in use.
    pub segments: usize,
    /// Whole entries in them.
    pub entries: usize,
    /// Damaged segments in use, where the damage begins (bytes), and how many entries lie whole behind it.
    pub damaged: Vec<(String, usize, usize)>,
    /// Damaged segments that were set aside when nobody needed them any more.
    pub set_aside: Vec<String>,
}

/// The open journal.
pub struct Journal {
    storage: Arc<dyn Storage>,
    segment: u64,
    length: u64,
    next: Lsn,
    /// Closed segments with the number of their last entry, and whether they are damaged.
    closed: Vec<(u64, Lsn, bool)>,
    /// The file may hold bytes beyond `length`: cut before anything else.
    dirty: bool,
    reserve_bytes: u64,
    /// A segment is closed when the next group would make it longer than this.
    segment_bytes: u64,
}

impl Journal {
    /// Folder of the segments below the data directory.
    pub const FOLDER: &str = FOLDER;

    /// Opens the journal and reads back everything in it. `reserve_bytes` of free disk are left to the log, the
    /// database and the operating system: below it the journal counts as full.
    pub fn open(storage: Arc<dyn Storage>, reserve_bytes: u64) -> io::Result<(Self, Recovered)> {
        let mut segments: Vec<u64> =
            storage.list(FOLDER)?.iter().filter_map(|name| name.strip_suffix(".wal")?.parse().ok()).collect();
        segments.sort_unstable();
        let mut recovered = Recovered::default();
        let mut closed = Vec::new();
        let (mut segment, mut length, mut last) = (1, 0, 0);
        for (at, number) in segments.iter().enumerate() {
            let bytes = storage.read(&path(*number))?;
            let walked = walk(&bytes, last);
            let newest = at + 1 == segments.len();
            let damaged = walked.is_damaged(newest);
            if damaged {
                let behind = recovered.entries.len() + walked.sound;
                recovered.doubtful_from.get_or_insert(behind);
                recovered.damaged.push(path(*number));
            }
            last = walked.entries.last().map_or(last, |entry| entry.lsn);
            recovered.entries.extend(walked.entries);
            (segment, length) = (*number, bytes.len() as u64);
            if damaged || !newest {
                closed.push((segment, last, damaged));
                (segment, length) = (segment + 1, 0);
            } else if let Some(whole) = walked.broken_at {
                length = whole as u64;
                recovered.cut_bytes = bytes.len() as u64 - length;
                storage.truncate(&path(*number), length)?;
            }
        }
        let next = last + 1;
        Ok((
            Self { storage, segment, length, next, closed, dirty: false, reserve_bytes, segment_bytes: SEGMENT_BYTES },
            recovered,
        ))
    }

    /// With segments of another length: what is forgotten is forgotten by whole segments.
    #[must_use]
    pub fn with_segment_bytes(mut self, segment_bytes: u64) -> Self {
        self.segment_bytes = segment_bytes;
        self
    }

    /// The number the next entry gets. `at_least` keeps numbers unique when the sites have integrated more than a
    /// damaged journal still holds.
    pub fn start_at(&mut self, at_least: Lsn) {
        self.next = self.next.max(at_least);
    }

    /// Number of the last entry.
    pub fn last(&self) -> Lsn {
        self.next - 1
    }

    /// Writes and syncs a group; the numbers are consecutive and the first one is returned. On an error nothing of the
    /// group counts.
    pub fn append(&mut self, group: &[(SiteId, i64, Body)]) -> io::Result<Lsn> {
        self.repair()?;
        let mut bytes = Vec::new();
        for (lsn, (site, received_ms, body)) in (self.next..).zip(group) {
            encode_entry(lsn, site, *received_ms, body, &mut bytes);
        }
        if self.storage.free_bytes()? < self.reserve_bytes + bytes.len() as u64 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        if self.length > 0 && self.length + bytes.len() as u64 > self.segment_bytes {
            self.closed.push((self.segment, self.next - 1, false));
            self.segment += 1;
            self.length = 0;
        }
        let path = path(self.segment);
        self.dirty = true;
        self.storage.append(&path, &bytes)?;
        self.storage.sync(&path)?;
        self.dirty = false;
        self.length += bytes.len() as u64;
        let first = self.next;
        self.next += group.len() as u64;
        Ok(first)
    }

    /// Removes whole segments whose entries are all at or below `lsn`; damaged ones are set aside, never deleted.
    pub fn trim(&mut self, lsn: Lsn) -> io::Result<()> {
        while let Some((segment, last, damaged)) = self.closed.first().copied() {
            if last > lsn {
                break;
            }
            if damaged {
                self.storage.replace(&aside(segment), &self.storage.read(&path(segment))?)?;
            }
            self.storage.remove(&path(segment))?;
            self.closed.remove(0);
        }
        Ok(())
    }

    /// Looks at the journal's files without changing anything.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn inspect(storage: &dyn Storage) -> io::Result<Inspection> {
        let mut inspection = Inspection::default();
        let mut last = 0;
        let names = storage.list(FOLDER)?;
        let segments: Vec<&String> = names.iter().filter(|name| name.ends_with(".wal")).collect();
        for (at, name) in segments.iter().enumerate() {
            let file = format!("{FOLDER}/{name}");
            let bytes = storage.read(&file)?;
            let walked = walk(&bytes, last);
            last = walked.entries.last().map_or(last, |entry| entry.lsn);
            inspection.segments += 1;
            inspection.entries += walked.entries.len();
            if walked.is_damaged(at + 1 == segments.len()) {
                let from = walked.broken_at.unwrap_or(bytes.len());
                inspection.damaged.push((file, from, walked.entries.len() - walked.sound));
            }
        }
        inspection.set_aside =
            names.iter().filter(|name| name.ends_with(DAMAGED)).map(|name| format!("{FOLDER}/{name}")).collect();
        Ok(inspection)
    }

    /// After a failed append: back to the last good length, or no further.
    fn repair(&mut self) -> io::Result<()> {
        if self.dirty {
            let path = path(self.segment);
            if self.storage.size(&path)?.is_some() {
                self.storage.truncate(&path, self.length)?;
            }
            self.dirty = false;
        }
        Ok(())
    }
}

fn path(segment: u64) -> String {
    format!("{FOLDER}/{segment:012}.wal")
}

fn aside(segment: u64) -> String {
    format!("{FOLDER}/{segment:012}{DAMAGED}")
}

impl Walked {
    /// Whether what is not whole is more than the torn tail of the newest segment.
    fn is_damaged(&self, newest: bool) -> bool {
        self.broken_at.is_some() && !(newest && self.torn)
    }
}

/// Entries written with one sync.
pub(super) const GROUP_MAX: usize = 256;
const FOLDER: &str = "journal";
/// Suffix of a segment set aside.
const DAMAGED: &str = ".damaged";
/// Length of a segment, bytes, unless somebody wants another.
pub(super) const SEGMENT_BYTES: u64 = 16 * 1024 * 1024;
