//! Archives made to hurt: whoever opens a bundle opens a stranger's file.

use protocol::Error;
use protocol::bundle::{self, UNPACKED, UNPACKED_FREE, UNPACKED_RATIO};

#[test]
fn an_archive_that_unpacks_to_far_more_than_its_length_is_refused() {
    let zeros = vec![0; 8 * 1024 * 1024];
    let names: Vec<String> = (0..12).map(|n| format!("tile/entries/{n:03}")).collect();
    let bomb = bundle::write_files(names.iter().map(|name| (name.as_str(), zeros.as_slice()))).unwrap();
    assert!(bomb.len() < 400_000, "a small file: {} bytes", bomb.len());
    let allowed = usize::try_from(UNPACKED_FREE + UNPACKED_RATIO * bomb.len() as u64).unwrap();
    match bundle::read(&bomb) {
        Err(Error::TooLarge { what: UNPACKED, got, max }) => {
            assert_eq!(max, allowed);
            // Refused at the first file that no longer fits, before it is unpacked.
            assert!(got > max && got - max <= zeros.len(), "{got} of {max}");
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
