//! Archives made to hurt: whoever opens a bundle opens a stranger's file.

use protocol::Error;
use protocol::bundle::{self, UNPACKED, UNPACKED_FREE, UNPACKED_RATIO};

#[test]
fn an_archive_that_unpacks_to_far_more_than_its_length_is_refused() {
    let zeros = vec![0; 8 * 1024 * 1024];
    let names: Vec<String> = (0..12).map(|n| format!("tile/entries/{n:03}")).collect();
    let bomb = bundle::write_files(names.iter().map(|name| (name.as_str(), zeros.as_slice()))).unwrap();
    assert!(bomb.len() < 400_000, "a small file: {} bytes", bomb.len());
    let allowed = UNPACKED_FREE + UNPACKED_RATIO * bomb.len() as u64;
    match bundle::read(&bomb) {
        Err(Error::TooLarge { what: UNPACKED, got, max }) => {
            assert_eq!(max, allowed);
            // Refused at the first file that no longer fits, before it is unpacked.
            assert!(got > max && got - max <= zeros.len() as u64, "{got} of {max}");
        }
        other => panic!("not refused: {:?}", other.map(|files| files.len())),
    }
    // As many as fit are read.
    let fits = bundle::write_files(names[..8].iter().map(|name| (name.as_str(), zeros.as_slice()))).unwrap();
    assert_eq!(bundle::read(&fits).unwrap().len(), 8);
}

#[test]
fn a_file_longer_or_shorter_than_the_archive_states_is_refused() {
    let honest = bundle::write_files([("report.json", [7_u8; 100_000].as_slice())]).unwrap();
    assert!(bundle::read(&honest).is_ok());
    let length = 100_000_u32.to_le_bytes();
    let stated: Vec<usize> = (0..honest.len() - 4).filter(|at| honest[*at..at + 4] == length).collect();
    assert_eq!(stated.len(), 2, "stated before the file and in the directory");
    for lie in [10_u32, 99_999, 100_001, 200_000_000] {
        let mut lying = honest.clone();
        for at in &stated {
            lying[*at..at + 4].copy_from_slice(&lie.to_le_bytes());
        }
        assert!(bundle::read(&lying).is_err(), "{lie}");
        // As a stream it is as long as stated, and one byte more says that it is longer.
        let source = lying.as_slice();
        let Ok(archive) = bundle::Archive::open(&source) else {
            assert_eq!(lie, 200_000_000, "more than all of it may unpack to");
            continue;
        };
        let mut unpacked = Vec::new();
        std::io::Read::read_to_end(&mut archive.stream("report.json").unwrap(), &mut unpacked).unwrap();
        assert_eq!(unpacked.len() as u64, 100_000.min(u64::from(lie) + 1), "{lie}");
        assert!(archive.digest_of("report.json").is_err(), "{lie}");
    }
}

/// The manifest of an archive of these files, byte by byte: a change here is a new format version.
#[test]
fn the_manifest_keeps_its_bytes() {
    let files = [("checkpoint", "log.example/site-1\n"), ("report.json", "{}"), ("tile/entries/000.p/3", "abc")];
    let files = files.map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec())).into_iter().collect();
    let archive = bundle::write("site-1", "log.example/site-1", 3, &files).unwrap();
    let manifest = bundle::read(&archive).unwrap().remove("manifest.json").unwrap();
    let golden = include_bytes!("../vectors/manifest.json");
    assert_eq!(String::from_utf8(manifest).unwrap(), String::from_utf8(golden.to_vec()).unwrap());
}

fn refusal(bytes: &[u8]) -> String {
    bundle::read(bytes).err().map(|e| e.to_string()).unwrap_or_default()
}

fn replaced(bytes: &[u8], from: &[u8], to: &[u8], which: usize) -> Vec<u8> {
    let places: Vec<usize> = (0..=bytes.len() - from.len()).filter(|at| bytes[*at..].starts_with(from)).collect();
    let mut out = bytes.to_vec();
    out[places[which]..places[which] + to.len()].copy_from_slice(to);
    out
}

#[test]
fn an_archive_with_two_readings_is_refused() {
    let honest = bundle::write_files([("aaaa", b"first".as_slice()), ("bbbb", b"second"), ("cccc", b"third")]).unwrap();
    assert_eq!(bundle::read(&honest).unwrap().len(), 3);
    // Each name stands before its file and in the directory.
    let twice = replaced(&replaced(&honest, b"bbbb", b"aaaa", 0), b"bbbb", b"aaaa", 0);
    assert!(refusal(&twice).contains("twice"), "{}", refusal(&twice));
    let renamed = replaced(&honest, b"bbbb", b"xxxx", 1);
    assert!(refusal(&renamed).contains("not where the directory says"), "{}", refusal(&renamed));
    let mut longer = honest.clone();
    longer.push(0);
    assert!(refusal(&longer).contains("directory is missing"), "{}", refusal(&longer));
    let before = [b"#!/bin/sh\n".as_slice(), &honest].concat();
    assert!(refusal(&before).contains("not where it says"), "{}", refusal(&before));
    let altered = bundle::write_files([("contents/x", b"first".as_slice())]).unwrap();
    let altered = replaced(&altered, b"first", b"other", 0);
    assert!(refusal(&altered).contains("checksum"), "{}", refusal(&altered));
    // A comment could hold an end record of its own.
    let mut commented = [honest.as_slice(), &honest[honest.len() - 22..]].concat();
    commented[honest.len() - 2] = 22;
    assert!(refusal(&commented[..commented.len() - 1]).contains("directory is missing"));
    commented.truncate(honest.len() + 5);
    commented[honest.len() - 2] = 5;
    assert!(refusal(&commented).contains("directory is missing"), "{}", refusal(&commented));
    // What stands before the first file: flags at 6, checksum at 14, lengths at 18 and 22.
    for at in [6, 14, 18, 22] {
        let mut other = honest.clone();
        other[at] ^= 1;
        assert!(refusal(&other).contains("not where the directory says"), "{at}: {}", refusal(&other));
    }
    let mut follows = honest.clone();
    follows[6] |= 8;
    follows[14..26].fill(0);
    assert_eq!(bundle::read(&follows).unwrap(), bundle::read(&honest).unwrap(), "checksum and lengths behind the file");
    for cut in 0..honest.len() {
        assert!(bundle::read(&honest[..cut]).is_err(), "cut at {cut}");
    }
}

/// From 65,536 files on the end of an archive is written in another form (ZIP64).
#[test]
fn an_archive_of_very_many_files_is_read() {
    let names: Vec<String> = (0..66_000).map(|n| format!("contents/{n}")).collect();
    let archive = bundle::write_files(names.iter().map(|name| (name.as_str(), name.as_bytes()))).unwrap();
    let files = bundle::read(&archive).unwrap();
    assert_eq!(files.len(), names.len());
    assert!(files.iter().all(|(path, bytes)| path.as_bytes() == bytes));
    // The short end record says the same, or that it cannot.
    for at in [12, 16] {
        let mut other = archive.clone();
        let place = other.len() - 22 + at;
        other[place] ^= 1;
        assert!(refusal(&other).contains("end records differ"), "{at}: {}", refusal(&other));
        other[place..place + 4].fill(0xff);
        assert_eq!(refusal(&other), "", "{at}");
    }
}

/// What is read of an archive at a time: never all of it.
struct Watched<'b> {
    bytes: &'b [u8],
    most: std::sync::atomic::AtomicUsize,
}

impl bundle::Source for Watched<'_> {
    fn length(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn read(&self, offset: u64, buffer: &mut [u8]) -> std::io::Result<()> {
        self.most.fetch_max(buffer.len(), std::sync::atomic::Ordering::Relaxed);
        bundle::Source::read(&self.bytes, offset, buffer)
    }
}

#[test]
fn a_large_file_is_hashed_piece_by_piece() {
    let mut random = 1_u32;
    let large: Vec<u8> = std::iter::repeat_with(|| {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (random >> 24) as u8
    })
    .take(6_000_000)
    .collect();
    let archive = bundle::write_files([("manifest.json", large.as_slice()), ("contents/a", b"a")]).unwrap();
    let watched = Watched { bytes: &archive, most: 0.into() };
    let opened = bundle::Archive::open(&watched).unwrap();
    assert_eq!(opened.digest_of("manifest.json").unwrap(), Some(protocol::sha256(&large)));
    let most = watched.most.load(std::sync::atomic::Ordering::Relaxed);
    assert!(most <= 70_000, "{most} bytes at once");
    let mut damaged = archive.clone();
    damaged[3_000_000] ^= 1;
    let watched = Watched { bytes: &damaged, most: 0.into() };
    assert!(bundle::Archive::open(&watched).unwrap().digest_of("manifest.json").is_err());
}

/// An archive with a hole in front of its directory.
struct Holed {
    head: Vec<u8>,
    hole: u64,
    tail: Vec<u8>,
}

impl bundle::Source for Holed {
    fn length(&self) -> u64 {
        (self.head.len() + self.tail.len()) as u64 + self.hole
    }

    fn read(&self, offset: u64, buffer: &mut [u8]) -> std::io::Result<()> {
        let (head, tail) = (self.head.len() as u64, self.head.len() as u64 + self.hole);
        for (at, byte) in (offset..).zip(buffer) {
            *byte = if at < head {
                self.head[at as usize]
            } else {
                at.checked_sub(tail).map_or(0, |at| self.tail[at as usize])
            };
        }
        Ok(())
    }
}

/// The packed bytes of a file are held too, and may be many more than it has.
#[test]
fn a_file_packed_into_more_than_a_file_may_have_is_refused() {
    let head = bundle::write_files([("aaaa", b"some text, some text, some text".as_slice())]).unwrap();
    let directory = (0..head.len()).find(|at| head[*at..].starts_with(b"PK\x01\x02")).unwrap();
    for (packed, fits) in [(bundle::FILE_MAX as u32, true), (bundle::FILE_MAX as u32 + 1, false)] {
        let mut tail = head[directory..].to_vec();
        tail[20..24].copy_from_slice(&packed.to_le_bytes());
        let (end, offset) = (tail.len() - 22, directory as u32 + packed);
        tail[end + 16..end + 20].copy_from_slice(&offset.to_le_bytes());
        let holed = Holed { head: head[..directory].to_vec(), hole: packed.into(), tail };
        match bundle::Archive::open(&holed) {
            Err(Error::TooLarge { what, .. }) => assert!(!fits && what == "file of a bundle", "{what}"),
            Err(other) => panic!("{packed}: {other}"),
            Ok(_) => assert!(fits, "{packed}"),
        }
    }
}
