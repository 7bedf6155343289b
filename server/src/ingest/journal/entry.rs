//! The bytes of a journal segment: entries one behind the other. Pure.
//!
//! Entry: length of the body (u32), CRC32C over number and body (u32), number (u64), body; little-endian. Body: kind (u8),
//! received-at (i64), length of the site id (u8), site id, bytes.
//!
//! What lies behind damage counts only if it is *proven* to be an entry. A checksum alone is no proof: bodies hold bytes that
//! gateways chose, and a made-up entry inside a record must not come to life when the record around it is damaged. So
//! damage is only ever stepped over by the lengths written in the damaged entries themselves, and what is found there must
//! have the number that follows from how many were stepped over. Where a length itself is damaged, nothing further in that
//! segment counts; it is only looked for, to tell damage from a torn tail.

use protocol::SiteId;

use super::{Body, Entry, Lsn};

/// What a segment holds.
#[derive(Debug, Default)]
pub(super) struct Walked {
    /// Whole entries, in order.
    pub(super) entries: Vec<Entry>,
    /// How many of them lie before anything that is not whole.
    pub(super) sound: usize,
    /// Where the first bytes begin that are no whole entry.
    pub(super) broken_at: Option<usize>,
    /// Nothing whole lies behind that place.
    pub(super) torn: bool,
}

/// Reads a segment. `last` is the number of the entry before it, 0 if none: numbers only ever rise.
pub(super) fn walk(bytes: &[u8], mut last: Lsn) -> Walked {
    let mut walked = Walked::default();
    let (mut at, mut stepped_over) = (0, 0);
    let mut last_sound = last;
    while at < bytes.len() {
        let follows = |entry: &Entry| match stepped_over {
            // Recovery may leave out numbers, but never between two entries of which one is damaged.
            0 => entry.lsn > last,
            _ => last == 0 || entry.lsn == last + stepped_over + 1,
        };
        if let Some((entry, length)) = decode_entry(&bytes[at..]).filter(|(entry, _)| follows(entry)) {
            (last, stepped_over) = (entry.lsn, 0);
            walked.entries.push(entry);
            at += length;
            continue;
        }
        if walked.broken_at.is_none() {
            (walked.broken_at, walked.sound, last_sound) = (Some(at), walked.entries.len(), last);
        }
        let Some(length) = claimed_length(&bytes[at..]) else { break };
        stepped_over += 1;
        at += length;
    }
    match walked.broken_at {
        None => walked.sound = walked.entries.len(),
        Some(broken_at) => {
            walked.torn = walked.entries.len() == walked.sound && !holds_entry(&bytes[broken_at + 1..], last_sound);
        }
    }
    walked
}

/// Whether a whole entry with a number beyond `last` begins anywhere in `bytes`.
fn holds_entry(bytes: &[u8], last: Lsn) -> bool {
    // Nearly every place is ruled out by the number alone, so that the checksum is hardly ever computed.
    let number_max = last.saturating_add(NUMBERS_AHEAD_MAX);
    let number = |at: usize| Some(Lsn::from_le_bytes(bytes.get(at + 8..at + HEAD)?.try_into().ok()?));
    (0..bytes.len())
        .filter(|at| number(*at).is_some_and(|number| number > last && number <= number_max))
        .any(|at| decode_entry(&bytes[at..]).is_some())
}

/// Bytes an entry claims to take, if it can be true.
fn claimed_length(bytes: &[u8]) -> Option<usize> {
    let length = u32::from_le_bytes(bytes.get(..4)?.try_into().ok()?) as usize;
    (length <= ENTRY_MAX && HEAD + length < bytes.len()).then_some(HEAD + length)
}

pub(super) fn encode_entry(lsn: Lsn, site: &SiteId, received_ms: i64, body: &Body, out: &mut Vec<u8>) {
    let (kind, bytes) = match body {
        Body::Record(bytes) => (1, bytes),
        Body::Quarantine(bytes) => (2, bytes),
        Body::Declaration(bytes) => (3, bytes),
        Body::Epoch(bytes) => (4, bytes),
    };
    let site = site.as_str().as_bytes();
    let start = out.len();
    out.extend_from_slice(&[0; 8]);
    out.extend_from_slice(&lsn.to_le_bytes());
    out.push(kind);
    out.extend_from_slice(&received_ms.to_le_bytes());
    // A site id has at most 32 bytes.
    out.push(site.len() as u8);
    out.extend_from_slice(site);
    out.extend_from_slice(bytes);
    let length = ((out.len() - start - HEAD) as u32).to_le_bytes();
    let checksum = crc32c::crc32c(&out[start + 8..]).to_le_bytes();
    out[start..start + 4].copy_from_slice(&length);
    out[start + 4..start + 8].copy_from_slice(&checksum);
}

fn decode_entry(bytes: &[u8]) -> Option<(Entry, usize)> {
    let (head, rest) = bytes.split_at_checked(HEAD)?;
    let length = u32::from_le_bytes(head[..4].try_into().ok()?) as usize;
    let crc = u32::from_le_bytes(head[4..8].try_into().ok()?);
    if length > ENTRY_MAX {
        return None;
    }
    let body = rest.get(..length)?;
    let lsn = Lsn::from_le_bytes(head[8..16].try_into().ok()?);
    let (kind, after) = body.split_first()?;
    let (received, after) = after.split_at_checked(8)?;
    let (site_length, after) = after.split_first()?;
    let (site, bytes) = after.split_at_checked(usize::from(*site_length))?;
    let site = std::str::from_utf8(site).ok()?.parse().ok()?;
    if crc32c::crc32c_append(crc32c::crc32c(&head[8..16]), body) != crc {
        return None;
    }
    let bytes = bytes.to_vec();
    let body = match kind {
        1 => Body::Record(bytes),
        2 => Body::Quarantine(bytes),
        3 => Body::Declaration(bytes),
        4 => Body::Epoch(bytes),
        _ => return None,
    };
    let entry = Entry { lsn, site, received_ms: i64::from_le_bytes(received.try_into().ok()?), body };
    Some((entry, HEAD + length))
}

/// Length, checksum and number before an entry's body.
pub(super) const HEAD: usize = 16;
/// Largest entry body: a record, its kind, time and site.
const ENTRY_MAX: usize = protocol::record::RECORD_MAX + 64;
/// An entry of the same segment cannot be further ahead than this.
const NUMBERS_AHEAD_MAX: u64 = 1 << 32;
