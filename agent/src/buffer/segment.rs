//! One segment file: its bytes, and the scan that finds every sound entry in it. Pure but for the reads.
//!
//! The format is specified in [`buffer`](crate::buffer). The scan never trusts a length it has not verified by checksum
//! for anything but a *guess* where to look next: after an entry that does not verify it looks for the next marker on
//! an 8-byte boundary, so one damaged entry costs one entry.

use std::io;

/// First bytes of a segment and of its trailing copy of the header: name and format version.
const SEGMENT_MAGIC: [u8; 8] = *b"GZSEG\0\0\x01";

/// First bytes of an entry. 0x9E is no ASCII and starts no UTF-8 sequence, so text never contains it by accident.
const ENTRY_MARKER: [u8; 4] = [0x9e, b'G', b'Z', b'E'];

/// Bytes of a segment header, of which there are two per file.
pub const HEADER_BYTES: u32 = 64;

/// Bytes before an entry's payload.
pub const ENTRY_HEADER_BYTES: u32 = 20;

/// Entries start at multiples of this.
pub const ALIGNMENT: u32 = 8;

/// Largest payload. A record is at most 1 KiB of header, 64 bytes of signature and 256 KiB of content; the rest is
/// room for later formats.
pub const PAYLOAD_BYTES_MAX: u32 = 512 * 1_024;

/// Bytes read at once while looking for the next marker.
const RESYNC_BYTES: usize = 64 * 1_024;

/// After a read error the scan continues at the next multiple of this: media fail by blocks.
const BLOCK_BYTES: u32 = 4_096;

/// What both header copies of a segment say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Random bytes of this buffer, the same in all its segments; mixed into every checksum, so that bytes of another
    /// buffer, or bytes inside a payload made to look like an entry, never verify.
    pub salt: [u8; 16],
    /// Number of the segment; grows by one.
    pub number: u64,
    /// Position of the first entry that this segment owns.
    pub first_position: u64,
    /// Length of the file, both headers included.
    pub segment_bytes: u32,
}

impl Header {
    /// The 64 bytes written at the start and at the end of the file.
    #[must_use]
    pub fn encode(&self) -> [u8; HEADER_BYTES as usize] {
        let mut out = [0; HEADER_BYTES as usize];
        out[0..8].copy_from_slice(&SEGMENT_MAGIC);
        out[8..16].copy_from_slice(&self.number.to_be_bytes());
        out[16..24].copy_from_slice(&self.first_position.to_be_bytes());
        out[24..40].copy_from_slice(&self.salt);
        out[40..44].copy_from_slice(&self.segment_bytes.to_be_bytes());
        let checksum = crc32c::crc32c(&out[..60]);
        out[60..64].copy_from_slice(&checksum.to_be_bytes());
        out
    }

    /// `None` unless every byte is as [`encode`](Self::encode) would write it.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; HEADER_BYTES as usize] = bytes.try_into().ok()?;
        let header = Header {
            number: u64::from_be_bytes(bytes[8..16].try_into().ok()?),
            first_position: u64::from_be_bytes(bytes[16..24].try_into().ok()?),
            salt: bytes[24..40].try_into().ok()?,
            segment_bytes: u32::from_be_bytes(bytes[40..44].try_into().ok()?),
        };
        (header.encode() == *bytes).then_some(header)
    }

    /// End of the room for entries (exclusive).
    #[must_use]
    pub fn entries_end(&self) -> u32 {
        self.segment_bytes.saturating_sub(HEADER_BYTES)
    }

    /// The bytes of one entry, padded.
    #[must_use]
    pub fn encode_entry(&self, position: u64, payload: &[u8]) -> Vec<u8> {
        let length = payload.len() as u32;
        let mut out = Vec::with_capacity(entry_bytes(length) as usize);
        out.extend_from_slice(&ENTRY_MARKER);
        out.extend_from_slice(&length.to_be_bytes());
        out.extend_from_slice(&position.to_be_bytes());
        out.extend_from_slice(&self.checksum(position, payload).to_be_bytes());
        out.extend_from_slice(payload);
        out.resize(entry_bytes(length) as usize, 0);
        out
    }

    fn checksum(&self, position: u64, payload: &[u8]) -> u32 {
        let mut domain = [0; 36];
        domain[0..16].copy_from_slice(&self.salt);
        domain[16..24].copy_from_slice(&self.number.to_be_bytes());
        domain[24..28].copy_from_slice(&(payload.len() as u32).to_be_bytes());
        domain[28..36].copy_from_slice(&position.to_be_bytes());
        crc32c::crc32c_append(crc32c::crc32c(&domain), payload)
    }
}

/// Bytes an entry with this payload length takes in the file, padding included.
#[must_use]
pub fn entry_bytes(payload_length: u32) -> u32 {
    (ENTRY_HEADER_BYTES + payload_length).next_multiple_of(ALIGNMENT)
}

/// Where a sound entry lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EntryPlace {
    /// Offset of its marker in the file.
    pub offset: u32,
    /// Its position.
    pub position: u64,
    /// Length of its payload.
    pub length: u32,
}

/// What a scan found in one segment.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Scan {
    /// Offset of the marker by `position - first_position`; `u32::MAX` where that entry is damaged.
    pub offsets: Vec<u32>,
    /// Offset just past the last sound entry (where the next one would be written).
    pub end_offset: u32,
    /// Bytes that are neither part of a sound entry nor zero follow the last sound entry.
    pub dirty_tail: bool,
}

/// Marks a damaged entry in [`Scan::offsets`].
pub const DAMAGED: u32 = u32::MAX;

/// Something to read a segment from; a slice in tests of the format, a file otherwise.
pub trait ReadAt {
    /// As [`Storage::read_at`](super::storage::Storage::read_at).
    ///
    /// # Errors
    /// Any I/O error.
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize>;
}

/// Finds every sound entry whose position lies below `position_end`.
///
/// Read errors count as damage, never as a reason to stop: what can still be read is worth having.
pub fn scan(file: &impl ReadAt, header: &Header, position_end: Option<u64>) -> Scan {
    let mut found = Scan { end_offset: HEADER_BYTES, ..Scan::default() };
    let mut payload = Vec::new();
    let mut offset = HEADER_BYTES;
    let end = header.entries_end();
    loop {
        let expected = header.first_position + found.offsets.len() as u64;
        // An entry takes at least 24 bytes, so a jump further than the bytes allow is no jump but nonsense.
        let jump_max = u64::from(end.saturating_sub(found.end_offset)) / 24 + 1;
        let limit = position_end.unwrap_or(u64::MAX).min(expected.saturating_add(jump_max));
        match read_entry(file, header, offset, &mut payload) {
            Some(place) if (expected..limit).contains(&place.position) => {
                let skipped = (place.position - expected) as usize;
                found.offsets.extend(std::iter::repeat_n(DAMAGED, skipped));
                found.offsets.push(place.offset);
                offset = place.offset + entry_bytes(place.length);
                found.end_offset = offset;
            }
            _ => match next_marker(file, offset + ALIGNMENT, end) {
                Some(candidate) => offset = candidate,
                None => break,
            },
        }
    }
    found.dirty_tail = !is_zero(file, found.end_offset, end);
    found
}

/// Reads and verifies the entry at `offset`; its payload is left in `payload`.
pub fn read_entry(file: &impl ReadAt, header: &Header, offset: u32, payload: &mut Vec<u8>) -> Option<EntryPlace> {
    let end = header.entries_end();
    if offset.checked_add(ENTRY_HEADER_BYTES)? > end {
        return None;
    }
    let mut head = [0; ENTRY_HEADER_BYTES as usize];
    if file.read_at(u64::from(offset), &mut head).ok()? != head.len() || head[..4] != ENTRY_MARKER {
        return None;
    }
    let length = u32::from_be_bytes(head[4..8].try_into().ok()?);
    let position = u64::from_be_bytes(head[8..16].try_into().ok()?);
    let checksum = u32::from_be_bytes(head[16..20].try_into().ok()?);
    if length > PAYLOAD_BYTES_MAX || offset + ENTRY_HEADER_BYTES + length > end {
        return None;
    }
    payload.clear();
    payload.resize(length as usize, 0);
    if file.read_at(u64::from(offset + ENTRY_HEADER_BYTES), payload).ok()? != payload.len() {
        return None;
    }
    (header.checksum(position, payload) == checksum).then_some(EntryPlace { offset, position, length })
}

/// Offset of the next entry marker on an 8-byte boundary in `[from, end)`.
fn next_marker(file: &impl ReadAt, from: u32, end: u32) -> Option<u32> {
    let mut chunk = vec![0; RESYNC_BYTES];
    let mut offset = from;
    while offset < end {
        let wanted = RESYNC_BYTES.min((end - offset) as usize);
        match file.read_at(u64::from(offset), &mut chunk[..wanted]) {
            Ok(0) => return None,
            Ok(count) => {
                let hit = chunk[..count].chunks(ALIGNMENT as usize).position(|word| word.starts_with(&ENTRY_MARKER));
                if let Some(index) = hit {
                    return Some(offset + index as u32 * ALIGNMENT);
                }
                offset += (count as u32).next_multiple_of(ALIGNMENT);
            }
            Err(_) => offset = (offset + 1).next_multiple_of(BLOCK_BYTES),
        }
    }
    None
}

/// True when every byte of `[from, end)` can be read and is zero; a file that ends early is not zero, it is cut.
fn is_zero(file: &impl ReadAt, from: u32, end: u32) -> bool {
    let mut chunk = vec![0; RESYNC_BYTES];
    let mut offset = from;
    while offset < end {
        let wanted = RESYNC_BYTES.min((end - offset) as usize);
        match file.read_at(u64::from(offset), &mut chunk[..wanted]) {
            Ok(count) if count == wanted && chunk[..count].iter().all(|byte| *byte == 0) => offset += count as u32,
            _ => return false,
        }
    }
    true
}
