use super::super::storage::{DiskStorage, Storage};
use super::super::{RETENTION_MS, SEGMENT_BYTES};
use super::*;

fn open(disk: &FakeDisk, settings: Settings) -> (Buffer<FakeDisk>, Recovery) {
    Buffer::open(disk.clone(), settings, [9; 16]).expect("opens")
}

#[test]
fn entry_is_handed_out_only_after_sync() {
    let (mut buffer, recovery) = open(&FakeDisk::new(1 << 20), small());
    assert_eq!(recovery, Recovery::default());
    assert_eq!(buffer.append(b"one").expect("fits"), 0);
    assert_eq!(buffer.read(0).expect("reads"), Entry::NotYet);
    assert_eq!(buffer.sync().expect("syncs"), 1);
    assert_eq!(buffer.read(0).expect("reads"), Entry::Present(b"one".to_vec()));
    assert_eq!(buffer.read(1).expect("reads"), Entry::NotYet);
}

#[test]
fn bytes_that_wait_follow_the_receipts() {
    let (mut buffer, _) = open(&FakeDisk::new(1 << 20), small());
    assert_eq!(buffer.stats().undelivered_bytes, 0);
    let mut before = 0;
    for _ in 0..20 {
        buffer.append(&[1; 300]).expect("fits");
        buffer.sync().expect("syncs");
        let waiting = buffer.stats().undelivered_bytes;
        assert!(waiting >= before + 300 && waiting <= before + 1_024, "{before} → {waiting}");
        before = waiting;
    }
    assert!(buffer.stats().bytes_on_disk > 3 * 2_048, "several segments");
    for end in 1..=20 {
        buffer.receipted(end, end as i64);
        let waiting = buffer.stats().undelivered_bytes;
        assert!(waiting < before, "receipted to {end}: {before} → {waiting}");
        before = waiting;
    }
    assert_eq!(before, 0);
}

#[test]
fn oversized_record_is_an_error_and_not_a_success_with_nothing_written() {
    let (mut buffer, _) = open(&FakeDisk::new(1 << 20), small());
    let too_much = vec![1; small().payload_bytes_max() as usize + 1];
    let error = buffer.append(&too_much).expect_err("too large");
    assert!(error.to_string().contains("larger than the buffer takes"), "{error}");
    assert_eq!(buffer.append(b"fits").expect("goes on"), 0);
    assert_eq!(Settings::default().payload_bytes_max(), 512 * 1_024);
}

#[test]
fn full_buffer_stops_accepting_and_overwrites_nothing() {
    let mut harness = Harness::new(FakeDisk::new(1 << 20), Settings { bytes_max: 3 * 2_048, ..small() });
    let error = loop {
        if let Some(error) = harness.append(300).or_else(|| harness.sync()) {
            break error;
        }
    };
    assert!(matches!(error, AppendError::Full));
    assert_eq!(error.to_string(), "the buffer is full: nothing was overwritten, readings are no longer accepted");
    harness.check();
    assert!(harness.synced_end >= 15, "three segments hold at least five records each");
    // The closing record still fits into the reserve, then a receipt makes room.
    let buffer = harness.buffer.as_mut().expect("open");
    assert_eq!(buffer.append_closing(b"stopped: buffer full").expect("reserve"), harness.synced_end);
    buffer.sync().expect("syncs");
    let end = buffer.next_position();
    buffer.receipted(end - 4, 5);
    buffer.append(&[1; 300]).expect("receipted segments make room");
    assert_eq!(buffer.read(0).expect("reads"), Entry::Trimmed);
}

#[test]
fn full_disk_is_reported_as_full_and_cured_by_space() {
    let mut harness = Harness::new(FakeDisk::new(2 * 2_048 + 100), small());
    while harness.append(200).or_else(|| harness.sync()).is_none() {}
    assert!(matches!(harness.append(200), Some(AppendError::Full)));
    harness.check();
    harness.disk.set_capacity(1 << 20);
    assert!(harness.append(200).is_none() && harness.sync().is_none());
    harness.check();
}

#[test]
fn receipted_segments_stay_until_logged_and_72_hours_of_server_time_passed() {
    let settings = Settings { retention_ms: RETENTION_MS, ..small() };
    let (mut buffer, _) = open(&FakeDisk::new(1 << 20), settings);
    for _ in 0..20 {
        buffer.append(&[7; 300]).expect("fits");
    }
    let end = buffer.sync().expect("syncs");
    buffer.receipted(end, 1_000);
    buffer.receipted(end, 1_000 + RETENTION_MS);
    assert_eq!(buffer.trim().expect("trims"), 0, "receipted and old, but not logged");
    buffer.logged(end);
    assert!(buffer.trim().expect("trims") > 0);
    assert_eq!(buffer.read(0).expect("reads"), Entry::Trimmed);
    assert!(matches!(buffer.read(end - 1).expect("reads"), Entry::Present(_)), "the newest segment is never dropped");

    let (mut buffer, _) = open(&FakeDisk::new(1 << 20), Settings { retention_ms: RETENTION_MS, ..small() });
    for _ in 0..20 {
        buffer.append(&[7; 300]).expect("fits");
    }
    let end = buffer.sync().expect("syncs");
    buffer.receipted(end, 1_000);
    buffer.logged(end);
    buffer.receipted(end, 999 + RETENTION_MS);
    assert_eq!(buffer.trim().expect("trims"), 0, "one millisecond too early");
}

#[test]
fn cursor_survives_reopening_and_a_lost_cursor_only_forgets_receipts() {
    let disk = FakeDisk::new(1 << 20);
    let (mut buffer, _) = open(&disk, small());
    for _ in 0..10 {
        buffer.append(&[7; 300]).expect("fits");
    }
    let end = buffer.sync().expect("syncs");
    buffer.receipted(end - 2, 77);
    buffer.save_cursor().expect("saves");
    drop(buffer);
    let (buffer, recovery) = open(&disk, small());
    assert_eq!((buffer.cursor().receipted_end, recovery.next_position, recovery.tail_cut), (end - 2, end, false));
    drop(buffer);
    disk.unlink(super::super::cursor::NAME).expect("removes");
    let (mut buffer, recovery) = open(&disk, small());
    assert_eq!((buffer.cursor().receipted_end, recovery.next_position, recovery.tail_cut), (0, end, false));
    assert!(matches!(buffer.read(0).expect("reads"), Entry::Present(_)));
}

/// Somebody else writes until not a byte is left. Receipts still count, also after a restart, and what is receipted still makes
/// room for what is not.
#[test]
fn on_a_disk_that_others_have_filled_receipts_are_kept_and_make_room() {
    let disk = FakeDisk::new(1 << 20);
    let (mut buffer, _) = open(&disk, small());
    for _ in 0..20 {
        buffer.append(&[7; 300]).expect("fits");
    }
    let end = buffer.sync().expect("syncs");
    disk.set_capacity((1 << 20) - disk.free_bytes().expect("knows"));
    assert_eq!(disk.free_bytes().expect("knows"), 0);
    buffer.receipted(end, 77);
    buffer.save_cursor().expect("needs no room");
    drop(buffer);
    let (mut buffer, recovery) = open(&disk.power_cycle(1), small());
    assert_eq!((buffer.cursor().receipted_end, recovery.next_position, recovery.tail_cut), (end, end, false));
    for position in end..end + 40 {
        assert_eq!(buffer.append(&[8; 300]).expect("receipted segments make room"), position);
        buffer.sync().expect("syncs");
        buffer.receipted(position + 1, 78);
    }
    assert_eq!(buffer.read(0).expect("reads"), Entry::Trimmed);
}

/// The file could not even be made: then it is missing, which costs repeated sending.
#[test]
fn without_room_for_a_cursor_the_buffer_works_and_makes_one_when_there_is_room() {
    let disk = FakeDisk::new(1 << 20);
    let (mut buffer, _) = open(&disk, small());
    for _ in 0..20 {
        buffer.append(&[7; 300]).expect("fits");
    }
    let end = buffer.sync().expect("syncs");
    drop(buffer);
    disk.unlink(super::super::cursor::NAME).expect("removes");
    disk.set_capacity((1 << 20) - disk.free_bytes().expect("knows"));
    let (mut buffer, recovery) = open(&disk, small());
    assert_eq!((recovery.next_position, recovery.tail_cut), (end, false));
    buffer.receipted(end, 77);
    assert_eq!(buffer.save_cursor().expect_err("no room").kind(), std::io::ErrorKind::StorageFull);
    for position in end..end + 40 {
        assert_eq!(buffer.append(&[8; 300]).expect("receipted segments make room"), position);
        buffer.sync().expect("syncs");
        buffer.receipted(position + 1, 78);
    }
    disk.set_capacity(1 << 20);
    buffer.save_cursor().expect("has room now");
    drop(buffer);
    let (buffer, recovery) = open(&disk, small());
    assert_eq!((buffer.cursor().receipted_end, recovery.damaged.len(), recovery.tail_cut), (end + 40, 0, false));
}

#[test]
fn cursor_that_knows_of_positions_which_are_gone_forbids_continuing_the_chain() {
    let disk = FakeDisk::new(1 << 20);
    let (mut buffer, _) = open(&disk, small());
    for _ in 0..9 {
        buffer.append(&[7; 300]).expect("fits");
    }
    let end = buffer.sync().expect("syncs");
    buffer.receipted(end, 77);
    buffer.save_cursor().expect("saves");
    drop(buffer);
    let newest = disk.file_names().into_iter().rfind(|name| name.starts_with("segment-")).expect("has segments");
    disk.unlink(&newest).expect("removes");
    let (mut buffer, recovery) = open(&disk, small());
    assert!(recovery.tail_cut);
    assert_eq!(recovery.next_position, end);
    assert_eq!(buffer.append(b"goes on").expect("fits"), end);
}

#[test]
fn failed_sync_makes_the_segment_suspect_and_writes_everything_again_elsewhere() {
    let mut harness = Harness::new(FakeDisk::new(1 << 20), small());
    assert!(harness.append(100).is_none() && harness.sync().is_none());
    assert!(harness.append(100).is_none());
    harness.disk.fail_next_sync();
    assert!(matches!(harness.sync(), Some(AppendError::Disk(_))));
    assert_eq!(harness.synced_end, 1);
    assert!(harness.sync().is_none(), "the next sync rolls to a new segment");
    assert_eq!(harness.synced_end, 2);
    harness.check();
    for seed in 0..50 {
        harness.power_cycle(seed);
    }
}

#[test]
fn two_agents_cannot_open_one_buffer() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let first = DiskStorage::open(folder.path()).expect("opens");
    let error = DiskStorage::open(folder.path()).expect_err("locked");
    assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock);
    drop(first);
    DiskStorage::open(folder.path()).expect("opens again");
}

#[test]
fn real_disk_keeps_records_over_reopening_and_gives_space_back() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let settings = Settings { segment_bytes: 64 * 1_024, retention_ms: 0, free_bytes_min: 0, ..Settings::default() };
    {
        let storage = DiskStorage::open(folder.path()).expect("opens");
        let (mut buffer, _) = Buffer::open(storage, settings.clone(), [3; 16]).expect("opens");
        for number in 0..100_u64 {
            buffer.append(&payload(number, 2_000, 0)).expect("fits");
        }
        assert_eq!(buffer.sync().expect("syncs"), 100);
    }
    let storage = DiskStorage::open(folder.path()).expect("opens");
    let (mut buffer, recovery) = Buffer::open(storage, settings, [4; 16]).expect("opens");
    assert_eq!((recovery.next_position, recovery.tail_cut), (100, false));
    for number in 0..100_u64 {
        assert_eq!(buffer.read(number).expect("reads"), Entry::Present(payload(number, 2_000, 0)));
    }
    buffer.receipted(100, 1);
    buffer.logged(100);
    assert_eq!(buffer.trim().expect("trims"), 3);
    assert!(std::fs::read_dir(folder.path()).expect("lists").count() <= 3, "segment, cursor, lock");
}

#[test]
fn production_segments_are_eight_mebibytes() {
    assert_eq!(Settings::default().segment_bytes, SEGMENT_BYTES);
    assert_eq!(SEGMENT_BYTES, 8 << 20);
}
