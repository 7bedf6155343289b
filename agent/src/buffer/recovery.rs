//! What is left after a stop of any kind. See the section *Recovery* of [`buffer`](super).

use std::collections::VecDeque;
use std::io;

use super::cursor::CursorFile;
use super::index::{self, FileReader, OpenSegment};
use super::segment::{self, HEADER_BYTES, Header};
use super::storage::Storage;
use super::{Buffer, Closed, Recovery, Settings};

/// Prefix of files put aside: kept for a person, dropped only when space is needed.
const ASIDE_PREFIX: &str = "damaged-";

struct Candidate<F> {
    header: Header,
    file: F,
    cut_short: bool,
}

pub(super) fn open<S: Storage>(
    storage: S,
    settings: Settings,
    fresh_salt: [u8; 16],
) -> io::Result<(Buffer<S>, Recovery)> {
    let names = storage.list()?;
    let mut numbers: Vec<u64> = names.iter().filter_map(|name| index::number_of(name)).collect();
    numbers.sort_unstable();
    let mut aside: Vec<String> = names.iter().filter(|name| name.starts_with(ASIDE_PREFIX)).cloned().collect();
    aside.sort();
    let aside_numbers = aside.iter().filter_map(|name| u64::from_str_radix(&name[ASIDE_PREFIX.len()..], 16).ok());
    let next_number = numbers.iter().copied().chain(aside_numbers).max().map_or(0, |newest| newest + 1);

    let mut recovery = Recovery::default();
    let mut sound: VecDeque<Candidate<S::File>> = VecDeque::new();
    for number in numbers {
        match examine(&storage, number, sound.back().map(|last| &last.header)) {
            Some(candidate) => {
                sound.push_back(candidate);
                recovery.tail_cut = false;
            }
            None => {
                let name = format!("{ASIDE_PREFIX}{number:016x}");
                storage.rename(&index::name(number), &name)?;
                aside.push(name.clone());
                recovery.put_aside.push(name);
                // Only true if no sound segment follows.
                recovery.tail_cut = true;
            }
        }
    }

    let salt = sound.front().map_or(fresh_salt, |first| first.header.salt);
    let (cursor_file, saved) = CursorFile::open(&storage)?;
    let cursor_known = saved.is_some();
    let mut cursor = saved.unwrap_or_default();

    let mut next_position = 0;
    let mut suspect = false;
    let mut active = None;
    if let Some(newest) = sound.pop_back() {
        let reader = FileReader { storage: &storage, file: &newest.file };
        let found = segment::scan(&reader, &newest.header, None);
        next_position = newest.header.first_position + found.offsets.len() as u64;
        suspect = found.dirty_tail || newest.cut_short;
        recovery.tail_cut |= suspect;
        recovery.damaged.extend(index::damaged_ranges(newest.header.first_position, &found.offsets));
        write_again(&storage, &settings, &newest, found.end_offset)?;
        let (offsets, end_offset) = (found.offsets, found.end_offset);
        active = Some(OpenSegment { header: newest.header, file: newest.file, offsets, end_offset });
    }
    storage.sync_directory()?;

    if cursor.receipted_end.max(cursor.first_kept) > next_position {
        // The server holds positions that we do not: never give them to something else.
        recovery.tail_cut = true;
        suspect = true;
        next_position = cursor.receipted_end.max(cursor.first_kept);
    }
    let oldest_first = sound.front().map(|oldest| oldest.header.first_position);
    let first_held = oldest_first.or(active.as_ref().map(|active| active.header.first_position));
    match first_held {
        Some(first) if cursor_known && first > cursor.first_kept => {
            recovery.damaged.insert(0, cursor.first_kept..first)
        }
        Some(first) if !cursor_known => cursor.first_kept = first,
        _ => {}
    }
    recovery.next_position = next_position;

    let buffer = Buffer {
        storage,
        settings,
        salt,
        closed: sound.into_iter().map(|candidate| Closed { header: candidate.header }).collect(),
        active,
        suspect,
        index: None,
        next_number,
        next_position,
        synced_end: next_position,
        unsynced: VecDeque::new(),
        unsynced_bytes: 0,
        bytes_appended: 0,
        aside,
        cursor,
        cursor_file,
        cursor_changed: false,
    };
    Ok((buffer, recovery))
}

/// Makes the newest segment durable whatever happened before.
///
/// After a kill its last entries may be in the page cache only. Worse: after a *failed* sync the kernel shows them, calls
/// them clean and will never write them, so syncing again would promise what is not on the disk. Writing the same bytes to
/// the same place makes the pages dirty again; a power cut in between finds old and new sectors equal. What can be unsynced
/// is bounded by `append`, so this is the tail of one segment and not the whole buffer.
fn write_again<S: Storage>(
    storage: &S,
    settings: &Settings,
    newest: &Candidate<S::File>,
    end_offset: u32,
) -> io::Result<()> {
    let unsynced_max = newest.header.segment_bytes / 8 + segment::entry_bytes(settings.payload_bytes_max()) * 2;
    let header = newest.header.encode();
    storage.write_at(&newest.file, 0, &header)?;
    let mut offset = end_offset.saturating_sub(unsynced_max).max(HEADER_BYTES);
    let mut chunk = vec![0; 64 * 1_024];
    while offset < end_offset {
        let wanted = chunk.len().min((end_offset - offset) as usize);
        let count = storage.read_at(&newest.file, u64::from(offset), &mut chunk[..wanted])?;
        if count == 0 {
            break;
        }
        storage.write_at(&newest.file, u64::from(offset), &chunk[..count])?;
        offset += count as u32;
    }
    if !newest.cut_short {
        storage.write_at(&newest.file, u64::from(newest.header.entries_end()), &header)?;
    }
    storage.sync_data(&newest.file)
}

/// A segment of this buffer with at least one sound header, or `None`.
fn examine<S: Storage>(storage: &S, number: u64, previous: Option<&Header>) -> Option<Candidate<S::File>> {
    let file = storage.open(&index::name(number)).ok()?;
    let length = storage.length(&file).ok()?;
    let header = read_header(storage, &file, 0)
        .or_else(|| read_header(storage, &file, length.checked_sub(u64::from(HEADER_BYTES))?))?;
    let follows = previous
        .is_none_or(|previous| previous.salt == header.salt && previous.first_position <= header.first_position);
    let cut_short = length != u64::from(header.segment_bytes);
    (header.number == number && follows).then_some(Candidate { header, file, cut_short })
}

fn read_header<S: Storage>(storage: &S, file: &S::File, offset: u64) -> Option<Header> {
    let mut bytes = [0; HEADER_BYTES as usize];
    let count = storage.read_at(file, offset, &mut bytes).ok()?;
    Header::decode(&bytes[..count])
}
