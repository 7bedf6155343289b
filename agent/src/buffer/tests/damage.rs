//! Rot at every byte and cuts at every offset: what is read is identical to what was written, or reported.

use super::*;

const SIZES: [usize; 7] = [30, 61, 120, 33, 200, 47, 90];

/// Three segments and a cursor, all durable; returns what was written.
fn filled() -> (FakeDisk, Settings, Vec<Vec<u8>>) {
    let disk = FakeDisk::new(1 << 20);
    let settings = Settings { segment_bytes: 1_024, ..small() };
    let (mut buffer, _) = Buffer::open(disk.clone(), settings.clone(), [9; 16]).expect("opens");
    let mut written = Vec::new();
    let mut rolls = 0;
    while rolls < 3 {
        let position = written.len() as u64;
        let bytes = payload(position, SIZES[written.len() % SIZES.len()], 1);
        buffer.append(&bytes).expect("fits");
        written.push(bytes);
        buffer.sync().expect("syncs");
        rolls = disk.file_names().iter().filter(|name| name.starts_with("segment-")).count();
    }
    buffer.receipted(2, 5);
    buffer.save_cursor().expect("saves");
    (disk.copy(), settings, written)
}

/// Opens a damaged disk, compares every position and returns the positions that are reported as lost.
fn lost(disk: &FakeDisk, settings: &Settings, written: &[Vec<u8>], what: &str) -> (Vec<u64>, Recovery) {
    let (mut buffer, recovery) =
        Buffer::open(disk.clone(), settings.clone(), [8; 16]).unwrap_or_else(|error| panic!("{what}: {error}"));
    let mut lost = Vec::new();
    for (index, bytes) in written.iter().enumerate() {
        let position = index as u64;
        match buffer.read(position).unwrap_or_else(|error| panic!("{what}: {error}")) {
            Entry::Present(found) => assert_eq!(&found, bytes, "{what}: position {position} was altered unseen"),
            Entry::Damaged(range) => {
                assert!(range.contains(&position), "{what}: position {position} reported as {range:?}");
                lost.push(position);
            }
            Entry::NotYet => {
                assert!(recovery.tail_cut, "{what}: position {position} vanished without a word");
                lost.push(position);
            }
            Entry::Trimmed => panic!("{what}: position {position} was never trimmed"),
        }
    }
    // Life goes on, behind everything that was ever written or known.
    let next = buffer.append(b"after the damage").unwrap_or_else(|error| panic!("{what}: {error}"));
    buffer.sync().unwrap_or_else(|error| panic!("{what}: {error}"));
    assert_eq!(buffer.read(next).expect("reads"), Entry::Present(b"after the damage".to_vec()), "{what}");
    (lost, recovery)
}

#[test]
fn every_flipped_byte_costs_at_most_one_record_and_is_reported() {
    let (disk, settings, written) = filled();
    let mut hits = 0;
    for name in disk.file_names() {
        for offset in 0..disk.file_length(&name) {
            for mask in [0x01, 0x80, 0xff] {
                let damaged = disk.copy();
                damaged.flip(&name, offset, mask);
                let what = format!("{name} byte {offset} flipped by {mask:#x}");
                let (lost, _) = lost(&damaged, &settings, &written, &what);
                assert!(lost.len() <= 1, "{what}: lost {lost:?}");
                hits += lost.len();
            }
        }
    }
    let payload_bytes: usize = written.iter().map(Vec::len).sum();
    assert!(hits >= 3 * payload_bytes, "only {hits} of {payload_bytes} payload bytes were guarded");
}

#[test]
fn file_cut_at_every_offset_keeps_every_record_before_the_cut() {
    let (disk, settings, written) = filled();
    let names: Vec<String> = disk.file_names();
    let newest = names.iter().rfind(|name| name.starts_with("segment-")).cloned().expect("has segments");
    for name in &names {
        let mut lost_before = usize::MAX;
        for length in 0..disk.file_length(name) {
            let damaged = disk.copy();
            damaged.truncate(name, length);
            let what = format!("{name} cut at {length}");
            let (lost, recovery) = lost(&damaged, &settings, &written, &what);
            assert!(lost.len() <= lost_before, "{what}: a longer file lost more: {lost:?}");
            lost_before = lost.len();
            assert!(lost.windows(2).all(|pair| pair[0] + 1 == pair[1]), "{what}: more than one range: {lost:?}");
            assert_eq!(recovery.tail_cut, *name == newest, "{what}");
        }
    }
}

#[test]
fn bytes_inside_a_payload_that_look_like_an_entry_are_not_one() {
    let disk = FakeDisk::new(1 << 20);
    let (mut buffer, _) = Buffer::open(disk.clone(), small(), [9; 16]).expect("opens");
    // Written by someone who knows the format but not the salt.
    let forged = super::super::segment::Header { salt: [0; 16], number: 0, first_position: 0, segment_bytes: 2_048 }
        .encode_entry(1, b"forged");
    let mut carrier = vec![0; 4];
    carrier.extend_from_slice(&forged);
    buffer.append(&carrier).expect("fits");
    buffer.append(b"true").expect("fits");
    buffer.sync().expect("syncs");
    let disk = disk.copy();
    disk.flip("segment-0000000000000000", 64, 0xff);
    let (mut buffer, recovery) = Buffer::open(disk, small(), [9; 16]).expect("opens");
    assert_eq!(recovery.damaged, vec![0..1]);
    assert_eq!(buffer.read(1).expect("reads"), Entry::Present(b"true".to_vec()));
}

#[test]
fn missing_segment_is_reported_with_its_range() {
    let (disk, settings, written) = filled();
    use super::super::storage::Storage;
    disk.unlink("segment-0000000000000001").expect("removes");
    let (lost, recovery) = lost(&disk, &settings, &written, "second segment missing");
    assert!(lost.len() > 2 && lost.windows(2).all(|pair| pair[0] + 1 == pair[1]));
    assert!(!recovery.tail_cut);
    disk.unlink("segment-0000000000000000").expect("removes");
    let (mut buffer, recovery) = Buffer::open(disk, settings, [8; 16]).expect("opens");
    let first = recovery.damaged[0].end;
    assert_eq!(recovery.damaged[0].start, 0);
    assert!(matches!(buffer.read(first).expect("reads"), Entry::Present(_)));
}
