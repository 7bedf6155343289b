//! Damages well-formed inputs of every decoder in every way we could think of, thirty seconds in all, on a stable compiler.
//! For hours of it with coverage guidance: `cargo fuzz run <decoder>` in `tests/fuzz`.
//!
//! `GZ_MUTATE_SECONDS` and `GZ_MUTATE_SEED` change length and seed; a failure prints both and the bytes.

use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use tests::corpus::{DECODERS, Decoder};
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

fn run(decoder: &Decoder, index: usize, seed: u64, time: Duration) -> u64 {
    let corpus = (decoder.corpus)();
    assert!(!corpus.is_empty(), "{}: no corpus", decoder.name);
    for whole in &corpus {
        (decoder.run)(whole);
        for cut in 0..whole.len().min(4096) {
            (decoder.run)(&whole[..cut]);
        }
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
    let each = Duration::from_secs(seconds) / u32::try_from(DECODERS.len()).unwrap_or(1);
    println!("seed {seed}, {seconds} s");
    for (index, decoder) in DECODERS.iter().enumerate() {
        let count = run(decoder, index, seed, each);
        println!("{:<16} {count:>9} damaged inputs", decoder.name);
        assert!(count > 20, "{}: too slow to mean anything", decoder.name);
    }
}

#[test]
fn every_decoder_has_a_fuzz_target() {
    for decoder in DECODERS {
        let target = std::path::PathBuf::from(format!("tests/fuzz/fuzz_targets/{}.rs", decoder.name));
        let text = tests::repo::text(&target).unwrap_or_default();
        assert!(
            text.contains(&format!("\"{}\"", decoder.name)),
            "{} is missing or runs another decoder",
            target.display()
        );
        let manifest = tests::repo::text(std::path::Path::new("tests/fuzz/Cargo.toml")).unwrap_or_default();
        assert!(
            manifest.contains(&format!("name = \"{}\"", decoder.name)),
            "tests/fuzz/Cargo.toml has no {}",
            decoder.name
        );
    }
}
