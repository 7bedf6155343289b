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
//! 3. A torn tail (crash during an append) is cut at recovery: nobody was told of it. Damage *before* the tail cannot be
//!    told from a torn tail by position, so the cut is always reported with its size; if receipts were issued for what is
//!    gone, the gateways' kept segments fill it again and the sites open a new log epoch.
//! 4. Segments are removed when every entry in them is under a published checkpoint.
//!
//! Entry: length of the body (u32), CRC32C over number and body (u32), number (u64), body; little-endian. The format is
//! private to this server and its recovery; evidence formats are in `protocol`.

use std::io;
use std::sync::Arc;

use protocol::SiteId;

use crate::storage::Storage;

#[cfg(test)]
mod tests;

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
    /// Bytes cut from the end of the newest segment.
    pub cut_bytes: u64,
    /// Segments set aside because they followed a cut one.
    pub set_aside: Vec<String>,
}

/// The open journal.
pub struct Journal {
    storage: Arc<dyn Storage>,
    segment: u64,
    length: u64,
    next: Lsn,
    /// Closed segments with the number of their last entry.
    closed: Vec<(u64, Lsn)>,
    /// The file may hold bytes beyond `length`: cut before anything else.
    dirty: bool,
    reserve_bytes: u64,
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
            let (entries, whole) = decode_entries(&bytes, last);
            if at > 0 {
                closed.push((segment, last));
            }
            last = entries.last().map_or(last, |entry| entry.lsn);
            recovered.entries.extend(entries);
            (segment, length) = (*number, whole as u64);
            if whole < bytes.len() {
                recovered.cut_bytes = (bytes.len() - whole) as u64;
                storage.truncate(&path(*number), whole as u64)?;
                for later in &segments[at + 1..] {
                    // Never replayed, never deleted: somebody may want to look.
                    let aside = format!("{FOLDER}/{later:012}.damaged");
                    storage.replace(&aside, &storage.read(&path(*later))?)?;
                    storage.remove(&path(*later))?;
                    recovered.set_aside.push(aside);
                }
                break;
            }
        }
        let next = last + 1;
        Ok((Self { storage, segment, length, next, closed, dirty: false, reserve_bytes }, recovered))
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
        if self.length > 0 && self.length + bytes.len() as u64 > SEGMENT_BYTES {
            self.closed.push((self.segment, self.next - 1));
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

    /// Removes whole segments whose entries are all at or below `lsn`.
    pub fn trim(&mut self, lsn: Lsn) -> io::Result<()> {
        while let Some((segment, last)) = self.closed.first().copied() {
            if last > lsn {
                break;
            }
            self.storage.remove(&path(segment))?;
            self.closed.remove(0);
        }
        Ok(())
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

fn encode_entry(lsn: Lsn, site: &SiteId, received_ms: i64, body: &Body, out: &mut Vec<u8>) {
    let (kind, bytes) = match body {
        Body::Record(bytes) => (1, bytes),
        Body::Quarantine(bytes) => (2, bytes),
        Body::Declaration(bytes) => (3, bytes),
        Body::Epoch(bytes) => (4, bytes),
    };
    let site = site.as_str().as_bytes();
    let mut entry = Vec::with_capacity(HEAD + 10 + site.len() + bytes.len());
    entry.extend_from_slice(&lsn.to_le_bytes());
    entry.push(kind);
    entry.extend_from_slice(&received_ms.to_le_bytes());
    // A site id has at most 32 bytes.
    entry.push(site.len() as u8);
    entry.extend_from_slice(site);
    entry.extend_from_slice(bytes);
    out.extend_from_slice(&((entry.len() - 8) as u32).to_le_bytes());
    out.extend_from_slice(&crc32c::crc32c(&entry).to_le_bytes());
    out.extend_from_slice(&entry);
}

/// Whole entries from the front of a segment, and how many bytes they take. `last` is the number before the first; an
/// entry with any other number than the next is damage.
fn decode_entries(bytes: &[u8], mut last: Lsn) -> (Vec<Entry>, usize) {
    let mut entries = Vec::new();
    let mut at = 0;
    while let Some((entry, length)) = decode_entry(&bytes[at..]) {
        if last != 0 && entry.lsn <= last {
            break;
        }
        last = entry.lsn;
        entries.push(entry);
        at += length;
    }
    (entries, at)
}

fn decode_entry(bytes: &[u8]) -> Option<(Entry, usize)> {
    let (head, rest) = bytes.split_at_checked(HEAD)?;
    let length = u32::from_le_bytes(head[..4].try_into().ok()?) as usize;
    let crc = u32::from_le_bytes(head[4..8].try_into().ok()?);
    if length > ENTRY_MAX {
        return None;
    }
    let body = rest.get(..length)?;
    if crc32c::crc32c_append(crc32c::crc32c(&head[8..16]), body) != crc {
        return None;
    }
    let lsn = Lsn::from_le_bytes(head[8..16].try_into().ok()?);
    let (kind, body) = body.split_first()?;
    let (received, body) = body.split_at_checked(8)?;
    let (site_length, body) = body.split_first()?;
    let (site, bytes) = body.split_at_checked(usize::from(*site_length))?;
    let bytes = bytes.to_vec();
    let body = match kind {
        1 => Body::Record(bytes),
        2 => Body::Quarantine(bytes),
        3 => Body::Declaration(bytes),
        4 => Body::Epoch(bytes),
        _ => return None,
    };
    let site = std::str::from_utf8(site).ok()?.parse().ok()?;
    let entry = Entry { lsn, site, received_ms: i64::from_le_bytes(received.try_into().ok()?), body };
    Some((entry, HEAD + length))
}

fn path(segment: u64) -> String {
    format!("{FOLDER}/{segment:012}.wal")
}

/// Entries written with one sync.
pub(super) const GROUP_MAX: usize = 256;
const FOLDER: &str = "journal";
/// Length, checksum and number before an entry's body.
const HEAD: usize = 16;
/// Largest entry body: a record, its kind, time and site.
const ENTRY_MAX: usize = protocol::record::RECORD_MAX + 64;
/// A segment is closed when the next group would make it longer than this.
const SEGMENT_BYTES: u64 = 16 * 1024 * 1024;
