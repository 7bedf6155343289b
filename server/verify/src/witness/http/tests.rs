//! What leaves a witness and what it keeps, with its record on a disk.

use std::path::Path;

use protocol::{note::VerifierKey, tree};

use super::*;
use crate::Operator;

const NOW: u64 = 1_800_000_000;

fn log_key() -> (SecretKey, VerifierKey) {
    let key = SecretKey::from_seed(&[1; 32]);
    let verifier = VerifierKey::new("gz.example", key.public()).unwrap();
    (key, verifier)
}

fn witness(folder: &Path) -> Witness {
    let key = SecretKey::from_seed(&[9; 32]);
    let verifier = WitnessKey::new("w.example", key.public()).unwrap();
    let rule = Rule { key: log_key().1, sites: Vec::new(), epochs: vec!["gz.example/works2/1".into()] };
    let config = Config {
        state_dir: folder.to_owned(),
        name: verifier.name.clone(),
        listen: ([127, 0, 0, 1], 0).into(),
        hosts: Vec::new(),
        tls: None,
        operator: Operator { zh: "计量院".into(), en: String::new(), id: None },
        rules: vec![rule],
    };
    Witness::new(config, Store::open(folder).unwrap(), key, verifier)
}

/// A log of `size` leaves that all say `word`.
fn leaves(word: &str, size: usize) -> Vec<Digest> {
    vec![tree::leaf_hash(word.as_bytes()); size]
}

fn request(origin: &str, leaves: &[Digest], old: usize) -> String {
    let checkpoint = Checkpoint { origin: origin.into(), size: leaves.len() as u64, root: tree::root(leaves) };
    let note = checkpoint.sign("gz.example", &log_key().0).unwrap();
    ConsistencyProof { old: old as u64, hashes: tree::consistency_proof(leaves, old), note }.encode()
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder.join("findings")).unwrap().flatten();
    entries.map(|entry| entry.file_name().into_string().unwrap()).collect()
}

#[test]
fn no_cosignature_leaves_before_its_record_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let origin = "gz.example/works";
    let record = folder.path().join("logs").join(sha256(origin.as_bytes()).hex());
    // Where the record is to be written stands something else, as on a disk that is full or broken.
    let obstacle = record.with_extension("new");
    let witness = witness(folder.path());
    std::fs::create_dir(&obstacle).unwrap();
    let asked = request(origin, &leaves("a", 5), 0);
    let refused = witness.add_checkpoint(asked.as_bytes(), NOW);
    assert_eq!((refused.status, refused.head, record.exists()), (500, None, false));
    assert!(!refused.body.contains("w.example"), "{}", refused.body);
    std::fs::remove_dir(&obstacle).unwrap();
    let signed = witness.add_checkpoint(asked.as_bytes(), NOW);
    assert_eq!(signed.status, 200);
    assert!(std::fs::read_to_string(&record).unwrap().ends_with(&signed.body), "what left is what is kept");
}

#[test]
fn a_proven_finding_is_not_crowded_out_by_open_ones() {
    let folder = tempfile::tempdir().unwrap();
    let witness = witness(folder.path());
    let ask = |leaves: &[Digest], old| {
        witness.add_checkpoint(request("gz.example/works", leaves, old).as_bytes(), NOW).status
    };
    assert_eq!(ask(&leaves("a", 5), 0), 200);
    assert_eq!(ask(&leaves("b", 6), 5), 422);
    let open = names(folder.path());
    let prefix = format!("not_continued-{}-", data_encoding::HEXLOWER.encode(&log_key().1.id()));
    assert!(open.len() == 1 && open[0].starts_with(&prefix), "{open:?}");
    for number in 1..1_000 {
        std::fs::write(folder.path().join(format!("findings/{prefix}{number}.json")), "").unwrap();
    }
    assert_eq!((ask(&leaves("b", 7), 5), names(folder.path()).len()), (422, 1_000), "open ones have an end");
    assert_eq!((ask(&leaves("b", 5), 5), names(folder.path()).len()), (409, 1_001), "two roots are kept all the same");
}

#[test]
fn a_new_epoch_is_held_against_its_own_log() {
    let folder = tempfile::tempdir().unwrap();
    let witness = witness(folder.path());
    let ask = |origin: &str, size, old| {
        witness.add_checkpoint(request(origin, &leaves("a", size), old).as_bytes(), NOW).status
    };
    assert_eq!(ask("gz.example/works2/1", 5, 0), 200, "named in the configuration");
    assert_eq!((ask("gz.example/works/1", 2, 0), names(folder.path()).len()), (404, 0), "works2 is another log");
    assert_eq!(ask("gz.example/works", 5, 0), 200);
    assert_eq!((ask("gz.example/works/1", 2, 0), names(folder.path()).len()), (404, 1));
}

#[test]
fn an_epoch_that_was_left_is_shown_and_not_cosigned() {
    let folder = tempfile::tempdir().unwrap();
    let origin = "gz.example/works2";
    let ask = |witness: &Witness, size, old| {
        witness.add_checkpoint(request(origin, &leaves("a", size), old).as_bytes(), NOW).status
    };
    let mut witness = witness(folder.path());
    let confirmed = std::mem::take(&mut witness.config.rules[0].epochs);
    assert_eq!(ask(&witness, 5, 0), 200);
    witness.config.rules[0].epochs = confirmed;
    assert_eq!(ask(&witness, 6, 5), 404, "its epoch 1 is confirmed");
    let kept = witness.cosigned(&sha256(origin.as_bytes()).hex()).unwrap();
    assert_eq!(kept.map(|note| Checkpoint::read_unverified(&note).unwrap().size), Some(5));
}
