//! Damages well-formed inputs of every decoder in every way we could think of, thirty seconds in all, on a stable compiler.
//! What longer runs with coverage guidance found worth keeping (`tests/fuzz/corpus`) goes in too; how to make such a run is in
//! `docs/reference/fuzzing.md`.
//!
//! `GZ_MUTATE_SECONDS` and `GZ_MUTATE_SEED` change length and seed; a failure prints both and the bytes.

use std::collections::BTreeSet;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tests::corpus::{Decoder, OF_MACHINES, decoders};
use tests::repo;
use tests::seed::Random;

const INTERESTING: [u8; 8] = [0x00, 0x01, 0x7F, 0x80, 0xFE, 0xFF, b'"', b'\n'];

fn damage(random: &mut Random, corpus: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = random.pick(corpus).clone();
    for _ in 0..random.between(1, 6) {
        let at = |random: &mut Random, len: usize| usize::try_from(random.between(0, len.max(1) as u64)).unwrap_or(0);
        let place = at(random, bytes.len());
        match random.between(0, 8) {
            _ if bytes.is_empty() => bytes.push(random.next_u64().to_le_bytes()[0]),
            0 => bytes[place] ^= 1 << random.between(0, 8),
            1 => bytes[place] = *random.pick(&INTERESTING),
            2 => bytes.truncate(place),
            3 => bytes.insert(place, random.next_u64().to_le_bytes()[0]),
            4 => drop(bytes.remove(place)),
            5 => {
                // A length or a count: eight bytes that mean a very large number as a varint.
                let large = [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F];
                let end = (place + large.len()).min(bytes.len());
                bytes[place..end].copy_from_slice(&large[..end - place]);
            }
            6 => {
                let from = at(random, bytes.len());
                let piece = bytes[from..(from + 32).min(bytes.len())].to_vec();
                bytes.splice(place..place, piece);
            }
            _ => {
                let other = random.pick(corpus);
                let cut = at(random, other.len());
                bytes.truncate(place);
                bytes.extend_from_slice(other.get(cut..).unwrap_or_default());
            }
        }
    }
    bytes
}

/// Where the fuzzer keeps its inputs, a folder a decoder.
fn folder() -> PathBuf {
    repo::root().join("tests/fuzz/corpus")
}

/// The committed inputs of a decoder, in the order of their names.
fn kept(decoder: &Decoder) -> Vec<(PathBuf, Vec<u8>)> {
    let Ok(entries) = std::fs::read_dir(folder().join(decoder.name)) else { return Vec::new() };
    let files: BTreeSet<PathBuf> = entries.map(|entry| entry.expect("a folder can be listed").path()).collect();
    files.into_iter().map(|file| (file.clone(), std::fs::read(file).expect("a file can be read"))).collect()
}

fn run(decoder: &Decoder, index: usize, seed: u64, time: Duration) -> u64 {
    let mut corpus = (decoder.corpus)();
    assert!(!corpus.is_empty(), "{}: no corpus", decoder.name);
    for whole in &corpus {
        (decoder.run)(whole);
        // At every byte, or of long texts at some hundreds of places.
        for cut in (0..whole.len().min(4096)).step_by(1 + whole.len() / 1024) {
            (decoder.run)(&whole[..cut]);
        }
    }
    for (file, whole) in kept(decoder) {
        let fine = std::panic::catch_unwind(AssertUnwindSafe(|| (decoder.run)(&whole))).is_ok();
        assert!(fine, "{} panicked on {}", decoder.name, file.display());
        corpus.push(whole);
    }
    let start = Instant::now();
    let mut count = 0;
    while start.elapsed() < time {
        // Each input has a stream of its own, so that one number replays it.
        let mut random = Random::new(seed ^ ((index as u64) << 48) ^ count);
        let bytes = damage(&mut random, &corpus);
        if std::panic::catch_unwind(AssertUnwindSafe(|| (decoder.run)(&bytes))).is_err() {
            let hex: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
            panic!("{} panicked: seed {seed}, input {count}, {} bytes: {hex}", decoder.name, bytes.len());
        }
        count += 1;
    }
    count
}

#[test]
fn no_decoder_panics_on_damaged_bytes() {
    let seed = Random::seed_from("GZ_MUTATE_SEED", 20_260_101);
    let seconds = Random::seed_from("GZ_MUTATE_SECONDS", 30);
    let each = Duration::from_secs(seconds) / u32::try_from(decoders().count()).unwrap_or(1);
    println!("seed {seed}, {seconds} s");
    for (index, decoder) in decoders().enumerate() {
        let count = run(decoder, index, seed, each);
        println!("{:<16} {count:>9} damaged inputs", decoder.name);
        assert!(count > 20, "{}: too slow to mean anything", decoder.name);
    }
}

#[test]
fn every_decoder_has_a_fuzz_target() {
    for decoder in decoders() {
        let target = PathBuf::from(format!("tests/fuzz/fuzz_targets/{}.rs", decoder.name));
        let text = repo::text(&target).unwrap_or_default();
        assert!(
            text.contains(&format!("\"{}\"", decoder.name)),
            "{} is missing or runs another decoder",
            target.display()
        );
        let manifest = repo::text(Path::new("tests/fuzz/Cargo.toml")).unwrap_or_default();
        assert!(
            manifest.contains(&format!("name = \"{}\"", decoder.name)),
            "tests/fuzz/Cargo.toml has no {}",
            decoder.name
        );
    }
}

#[test]
fn every_decoder_of_machines_has_a_corpus_and_every_corpus_a_decoder() {
    for decoder in OF_MACHINES {
        assert!(!kept(decoder).is_empty(), "tests/fuzz/corpus/{} is missing or empty", decoder.name);
    }
    let known: BTreeSet<&str> = decoders().map(|d| d.name).collect();
    let (mut strange, mut bytes) = (Vec::new(), 0);
    for entry in std::fs::read_dir(folder()).expect("the corpus is there") {
        let name = entry.expect("a folder can be listed").file_name().to_string_lossy().into_owned();
        match decoders().find(|d| d.name == name) {
            Some(decoder) => bytes += kept(decoder).iter().map(|(_, whole)| whole.len()).sum::<usize>(),
            None => strange.push(name),
        }
    }
    assert!(strange.is_empty(), "no decoder is called {strange:?}; there are {known:?}");
    assert!(bytes < 1_000_000, "{bytes} bytes: minimise the corpus before committing it (`cargo fuzz cmin`)");
}
