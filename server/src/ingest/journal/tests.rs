//! The journal on a disk whose power fails, fills up, and loses bytes.

use super::entry::{HEAD, encode_entry};
use super::*;
use crate::storage::fake::FakeDisk;

#[test]
fn what_was_appended_comes_back_and_a_torn_tail_is_cut_at_every_byte() {
    let disk = Arc::new(FakeDisk::default());
    let (mut journal, recovered) = Journal::open(disk.clone(), 0).unwrap();
    assert_eq!(recovered, Recovered::default());
    assert_eq!(journal.append(&[group("a", b"one"), group("b", b"two")]).unwrap(), 1);
    assert_eq!(journal.append(&[group("a", b"three")]).unwrap(), 3);
    let whole = disk.read(&path(1)).unwrap();
    let third = whole.len() - (HEAD + 10 + 1 + 5);
    for cut in 0..=whole.len() {
        let disk = Arc::new(FakeDisk::default());
        disk.append(&path(1), &whole[..cut]).unwrap();
        let (mut journal, recovered) = Journal::open(disk.clone(), 0).unwrap();
        let expected = if cut == whole.len() {
            3
        } else if cut >= third {
            2
        } else {
            usize::from(cut >= third / 2)
        };
        assert_eq!(recovered.entries.len(), expected, "cut at {cut}");
        let kept = if expected == 3 { whole.len() } else { expected * (third / 2) };
        assert_eq!(recovered.cut_bytes, (cut - kept) as u64);
        // Appending after a cut works and reads back.
        journal.append(&[group("c", b"next")]).unwrap();
        let (_, again) = Journal::open(disk, 0).unwrap();
        assert_eq!(again.entries.len(), expected + 1);
        assert_eq!(again.cut_bytes, 0);
    }
}

#[test]
fn no_flipped_bit_yields_another_entry() {
    let disk = FakeDisk::default();
    let (mut journal, _) = Journal::open(Arc::new(disk.copy()), 0).unwrap();
    drop(journal);
    let disk = Arc::new(disk);
    (journal, _) = Journal::open(disk.clone(), 0).unwrap();
    journal.append(&[group("site", b"first"), group("site", b"second")]).unwrap();
    let (_, good) = Journal::open(disk.clone(), 0).unwrap();
    let length = disk.read(&path(1)).unwrap().len();
    for at in 0..length {
        let damaged = Arc::new(disk.copy());
        damaged.flip(&path(1), at);
        let (_, recovered) = Journal::open(damaged, 0).unwrap();
        assert!(recovered.entries.len() < 2, "byte {at}");
        assert!(recovered.entries.iter().all(|entry| good.entries.contains(entry)), "byte {at}");
    }
}

#[test]
fn a_full_disk_refuses_the_group_and_takes_the_next_when_space_is_back() {
    let disk = Arc::new(FakeDisk::default());
    let (mut journal, _) = Journal::open(disk.clone(), 0).unwrap();
    journal.append(&[group("a", b"one")]).unwrap();
    disk.set_full(true);
    for _ in 0..3 {
        let error = journal.append(&[group("a", b"lost otherwise")]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    }
    disk.set_full(false);
    assert_eq!(journal.append(&[group("a", b"two")]).unwrap(), 2);
    let (_, recovered) = Journal::open(disk, 0).unwrap();
    let bodies: Vec<_> = recovered.entries.iter().map(|entry| entry.body.clone()).collect();
    assert_eq!(bodies, [Body::Record(b"one".to_vec()), Body::Record(b"two".to_vec())]);
}

#[test]
fn at_every_power_cut_an_acknowledged_group_survives() {
    for seed in 0..4 {
        for cut in 0..40 {
            let disk = Arc::new(FakeDisk::default());
            let (mut journal, _) = Journal::open(disk.clone(), 0).unwrap();
            disk.cut_power_at(cut, seed);
            let mut acknowledged = 0;
            for i in 0..20_u8 {
                if journal.append(&[group("a", &[i; 100])]).is_ok() {
                    acknowledged = u64::from(i) + 1;
                }
            }
            let (_, recovered) = Journal::open(Arc::new(disk.after_power_cut()), 0).unwrap();
            let found = recovered.entries.len() as u64;
            assert!(
                found >= acknowledged && found <= acknowledged + 1,
                "seed {seed} cut {cut}: {found} of {acknowledged}"
            );
            for (entry, i) in recovered.entries.iter().zip(0..) {
                assert_eq!(entry.body, Body::Record(vec![i; 100]));
            }
        }
    }
}

#[test]
fn segments_rotate_and_are_trimmed_only_when_wholly_covered() {
    let disk = Arc::new(FakeDisk::default());
    let (mut journal, _) = Journal::open(disk.clone(), 0).unwrap();
    let big = vec![1; 250 * 1024];
    while journal.segment < 3 {
        journal.append(&[group("a", &big)]).unwrap();
    }
    let last_of_first = journal.closed[0].1;
    journal.trim(last_of_first - 1).unwrap();
    assert_eq!(disk.paths("journal/").len(), 3);
    journal.trim(last_of_first).unwrap();
    assert_eq!(disk.paths("journal/").len(), 2);
    let (reopened, recovered) = Journal::open(disk, 0).unwrap();
    assert_eq!(recovered.entries[0].lsn, last_of_first + 1);
    assert_eq!(reopened.last(), journal.last());
}

#[test]
fn what_lies_whole_behind_damage_comes_back_and_the_damaged_file_is_kept() {
    let disk = Arc::new(FakeDisk::default());
    let (mut journal, _) = Journal::open(disk.clone(), 0).unwrap();
    let big = vec![1; 250 * 1024];
    while journal.segment < 2 {
        journal.append(&[group("a", &big)]).unwrap();
    }
    let (all, last) = (journal.last(), journal.closed[0].1);
    // Inside the second entry; its length is sound.
    disk.flip(&path(1), 300 * 1024);
    let before = disk.read(&path(1)).unwrap();
    let (mut journal, recovered) = Journal::open(disk.clone(), 0).unwrap();
    let numbers: Vec<Lsn> = recovered.entries.iter().map(|entry| entry.lsn).collect();
    assert_eq!(numbers, (1..=all).filter(|lsn| *lsn != 2).collect::<Vec<_>>());
    assert_eq!((recovered.doubtful_from, recovered.cut_bytes), (Some(1), 0));
    assert_eq!(recovered.damaged, ["journal/000000000001.wal"]);
    assert_eq!(disk.read(&path(1)).unwrap(), before, "nothing is cut");
    let from = 250 * 1024 + HEAD + 10 + 1;
    let whole = usize::try_from(last).unwrap() - 2;
    assert_eq!(Journal::inspect(&*disk).unwrap().damaged, [("journal/000000000001.wal".to_owned(), from, whole)]);
    // It goes when nobody needs it, but not away.
    assert_eq!(journal.append(&[group("a", b"next")]).unwrap(), all + 1);
    journal.trim(last).unwrap();
    assert_eq!(disk.paths("journal/"), ["journal/000000000001.damaged", "journal/000000000002.wal"]);
    assert_eq!(disk.read("journal/000000000001.damaged").unwrap(), before);
    assert_eq!(Journal::inspect(&*disk).unwrap().set_aside, ["journal/000000000001.damaged"]);
    let (_, again) = Journal::open(disk, 0).unwrap();
    assert_eq!((again.damaged.len(), again.entries.last().unwrap().lsn), (0, all + 1));
}

#[test]
fn a_damaged_newest_segment_is_not_cut_and_takes_nothing_more() {
    for at in [0, 3, 5, 9, 20] {
        let disk = Arc::new(FakeDisk::default());
        let (mut journal, _) = Journal::open(disk.clone(), 0).unwrap();
        journal.append(&[group("a", b"one"), group("a", b"two"), group("a", b"three")]).unwrap();
        let length = HEAD + 10 + 1 + 3;
        disk.flip(&path(1), length + at);
        let before = disk.read(&path(1)).unwrap();
        let (mut journal, recovered) = Journal::open(disk.clone(), 0).unwrap();
        assert_eq!((recovered.damaged.len(), recovered.cut_bytes), (1, 0), "byte {at}");
        // A damaged length proves nothing behind it: the entry there is kept in its file and not handed out.
        let behind = if at < 4 { vec![1] } else { vec![1, 3] };
        assert_eq!(recovered.entries.iter().map(|entry| entry.lsn).collect::<Vec<_>>(), behind, "byte {at}");
        journal.append(&[group("a", b"four")]).unwrap();
        assert_eq!(disk.read(&path(1)).unwrap(), before, "byte {at}");
        let (_, again) = Journal::open(disk, 0).unwrap();
        assert_eq!(again.entries.last().unwrap().body, Body::Record(b"four".to_vec()), "byte {at}");
    }
}

#[test]
fn an_entry_made_up_inside_a_record_does_not_come_to_life() {
    let mut made_up = Vec::new();
    encode_entry(2, &"a".parse().unwrap(), 0, &Body::Declaration(b"{}".to_vec()), &mut made_up);
    let disk = Arc::new(FakeDisk::default());
    let (mut journal, _) = Journal::open(disk.clone(), 0).unwrap();
    journal.append(&[group("a", &made_up), group("a", b"two")]).unwrap();
    for at in 0..HEAD + 10 {
        let disk = Arc::new(disk.copy());
        disk.flip(&path(1), at);
        let (_, recovered) = Journal::open(disk, 0).unwrap();
        let forged = recovered.entries.iter().any(|entry| matches!(entry.body, Body::Declaration(_)));
        assert!(!forged, "byte {at}: {:?}", recovered.entries);
    }
}

fn group(site: &str, bytes: &[u8]) -> (SiteId, i64, Body) {
    (site.parse().unwrap(), 1_700_000_000_000, Body::Record(bytes.to_vec()))
}
