//! Segments that are open: the newest one, which takes entries, and the one older one that is being read.

use std::io;
use std::ops::Range;

use super::Entry;
use super::segment::{self, DAMAGED, HEADER_BYTES, Header, ReadAt};
use super::storage::Storage;

/// Prefix of a segment's file name.
const PREFIX: &str = "segment-";

/// File name of segment `number`.
pub(super) fn name(number: u64) -> String {
    format!("{PREFIX}{number:016x}")
}

/// Number of the segment with this file name, if it is one.
pub(super) fn number_of(name: &str) -> Option<u64> {
    let digits = name.strip_prefix(PREFIX)?;
    let plain = digits.len() == 16 && digits.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    if plain { u64::from_str_radix(digits, 16).ok() } else { None }
}

/// A file of a storage, for the scan.
pub(super) struct FileReader<'a, S: Storage> {
    pub(super) storage: &'a S,
    pub(super) file: &'a S::File,
}

impl<S: Storage> ReadAt for FileReader<'_, S> {
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        self.storage.read_at(self.file, offset, into)
    }
}

/// The newest segment.
#[derive(Debug)]
pub(super) struct OpenSegment<F> {
    pub(super) header: Header,
    pub(super) file: F,
    pub(super) offsets: Vec<u32>,
    pub(super) end_offset: u32,
}

impl<F> OpenSegment<F> {
    /// Creates the file and makes its name, blocks and headers durable, before any entry is written.
    pub(super) fn create<S: Storage<File = F>>(storage: &S, header: Header) -> io::Result<Self> {
        let file = storage.create(&name(header.number), u64::from(header.segment_bytes))?;
        let bytes = header.encode();
        storage.write_at(&file, 0, &bytes)?;
        storage.write_at(&file, u64::from(header.entries_end()), &bytes)?;
        storage.sync_data(&file)?;
        storage.sync_directory()?;
        Ok(OpenSegment { header, file, offsets: Vec::new(), end_offset: HEADER_BYTES })
    }

    pub(super) fn has_room(&self, payload_length: u32, reserve: u32) -> bool {
        segment::entry_bytes(payload_length) <= self.bytes_left(reserve)
    }

    pub(super) fn bytes_left(&self, reserve: u32) -> u32 {
        self.header.entries_end().saturating_sub(reserve).saturating_sub(self.end_offset)
    }

    /// Bytes of the entries at and after `position`.
    pub(super) fn bytes_from(&self, position: u64) -> u32 {
        let skip = usize::try_from(position.saturating_sub(self.header.first_position)).unwrap_or(usize::MAX);
        let first = self.offsets.iter().skip(skip).find(|offset| **offset != DAMAGED);
        first.map_or(0, |offset| self.end_offset - offset)
    }

    pub(super) fn write<S: Storage<File = F>>(&mut self, storage: &S, position: u64, payload: &[u8]) -> io::Result<()> {
        let bytes = self.header.encode_entry(position, payload);
        storage.write_at(&self.file, u64::from(self.end_offset), &bytes)?;
        self.offsets.push(self.end_offset);
        self.end_offset += bytes.len() as u32;
        Ok(())
    }

    pub(super) fn read<S: Storage<File = F>>(&self, storage: &S, position: u64) -> Entry {
        let end = self.header.first_position + self.offsets.len() as u64;
        read(&FileReader { storage, file: &self.file }, &self.header, &self.offsets, position, end)
    }
}

/// The offsets of one closed segment.
#[derive(Debug)]
pub(super) struct Index<F> {
    header: Header,
    file: F,
    offsets: Vec<u32>,
}

impl<F> Index<F> {
    pub(super) fn build<S: Storage<File = F>>(storage: &S, header: Header, end: u64) -> io::Result<Self> {
        let file = storage.open(&name(header.number))?;
        let found = segment::scan(&FileReader { storage, file: &file }, &header, Some(end));
        Ok(Index { header, file, offsets: found.offsets })
    }

    pub(super) fn number(&self) -> u64 {
        self.header.number
    }

    pub(super) fn read<S: Storage<File = F>>(&self, storage: &S, position: u64, end: u64) -> Entry {
        read(&FileReader { storage, file: &self.file }, &self.header, &self.offsets, position, end)
    }
}

fn read(file: &impl ReadAt, header: &Header, offsets: &[u32], position: u64, end: u64) -> Entry {
    let at = (position - header.first_position) as usize;
    match offsets.get(at).copied() {
        None => Entry::Damaged(position..end),
        Some(DAMAGED) => {
            let more = offsets[at..].iter().take_while(|offset| **offset == DAMAGED).count() as u64;
            Entry::Damaged(position..position + more)
        }
        Some(offset) => {
            let mut payload = Vec::new();
            match segment::read_entry(file, header, offset, &mut payload) {
                Some(place) if place.position == position => Entry::Present(payload),
                _ => Entry::Damaged(position..position + 1),
            }
        }
    }
}

/// The damaged ranges in `offsets`, as positions.
pub(super) fn damaged_ranges(first_position: u64, offsets: &[u32]) -> Vec<Range<u64>> {
    let mut ranges: Vec<Range<u64>> = Vec::new();
    for (index, _) in offsets.iter().enumerate().filter(|(_, offset)| **offset == DAMAGED) {
        let position = first_position + index as u64;
        match ranges.last_mut() {
            Some(last) if last.end == position => last.end += 1,
            _ => ranges.push(position..position + 1),
        }
    }
    ranges
}
