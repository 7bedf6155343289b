//! What we write is what others read: notes, cosignatures and proofs checked by a public implementation ([`public`]), and proofs of
//! its making checked by us. Those of whole bundles are in `readers.rs`.

#[path = "readers/public.rs"]
mod public;

use data_encoding::BASE64;
use protocol::cosignature::{WitnessKey, attach, cosign};
use protocol::note::{Checkpoint, VerifierKey};
use protocol::proof::{ConsistencyProof, InclusionProof};
use protocol::{Digest, SecretKey, tree};
use public::{Stored, cosigned, ours, theirs, verified};
use tlog_tiles::{Hash, check_record, check_tree, prove_record, prove_tree, record_hash, tree_hash};

const SIZE: u64 = 300;

fn leaf(number: u64) -> Vec<u8> {
    format!("leaf {number}").into_bytes()
}

fn hashes(size: u64) -> Vec<Digest> {
    (0..size).map(|n| tree::leaf_hash(&leaf(n))).collect()
}

fn root(size: u64) -> Digest {
    tree::root(&hashes(size))
}

fn note(size: u64) -> String {
    let checkpoint = Checkpoint { origin: "gz.example/works".into(), size, root: root(size) };
    checkpoint.sign("gz.example", &SecretKey::from_seed(&[1; 32])).expect("signs")
}

#[test]
fn checkpoints_with_cosignatures_are_read_and_verified() {
    let key = VerifierKey::new("gz.example", SecretKey::from_seed(&[1; 32]).public()).expect("name");
    let mut whole = note(SIZE);
    for number in 2..18 {
        let name = format!("w{number}.example/logs");
        let secret = SecretKey::from_seed(&[number; 32]);
        let witness = WitnessKey::new(&name, secret.public()).expect("name");
        let text = whole[..=whole.find("\n\n").expect("a blank line")].to_owned();
        let line = cosign(&text, &name, &secret, 1_800_000_000).expect("cosigns");
        whole = attach(&whole, &line, &witness).expect("room for sixteen").0;
    }
    assert_eq!(verified(&whole, &key.to_string()), 1);
    assert_eq!(verified(&whole.replacen("\n300\n", "\n301\n", 1), &key.to_string()), 0);
    let text = &whole[..=whole.find("\n\n").expect("a blank line")];
    let checkpoint = tlog_tiles::Checkpoint::from_bytes(text.as_bytes()).expect("their reading");
    assert_eq!((checkpoint.origin(), checkpoint.size()), ("gz.example/works", SIZE));
    assert_eq!(checkpoint.hash().0, root(SIZE).0);
}

#[test]
fn a_cosignature_is_what_the_specification_says() {
    let (name, secret) = ("w.example/logs", SecretKey::from_seed(&[7; 32]));
    let note = note(SIZE);
    let text = &note[..=note.find("\n\n").expect("a blank line")];
    let line = cosign(text, name, &secret, 1_800_000_000).expect("cosigns");
    let (_, encoded) = line.trim_end().rsplit_once(' ').expect("a signature line");
    let bytes = BASE64.decode(encoded.as_bytes()).expect("base64");
    assert_eq!(bytes.len(), 4 + 8 + 64);
    assert_eq!(u64::from_be_bytes(bytes[4..12].try_into().expect("eight")), 1_800_000_000);
    let witness = WitnessKey::new(name, secret.public()).expect("name");
    let public = [&[4_u8][..], &secret.public().to_bytes()].concat();
    assert_eq!(signed_note::key_id(name, &public).to_be_bytes(), bytes[..4], "their key id, of type 4");
    assert_eq!(witness.id(), bytes[..4]);
    assert!(cosigned(text, &line, &witness));
    assert!(!cosigned(&text.replace("300", "301"), &line, &witness));
    let mut dated = bytes;
    dated[11] ^= 1;
    assert!(!cosigned(text, &format!("\u{2014} {name} {}\n", BASE64.encode(&dated)), &witness), "dated otherwise");
}

#[test]
fn proofs_of_either_side_hold_on_the_other() {
    let all: Vec<Vec<u8>> = (0..SIZE).map(leaf).collect();
    let reader = Stored::of(all.iter().map(Vec::as_slice));
    for size in [1, 2, 7, 8, 9, 255, 256, 257, SIZE] {
        let leaves = hashes(size);
        let root = Hash(root(size).0);
        assert_eq!(tree_hash(size, &reader).expect("their root").0, root.0, "{size}");
        for index in [0, 1, size / 2, size - 1].into_iter().filter(|index| *index < size) {
            let hashes = tree::inclusion_proof(&leaves, index as usize);
            let proof = InclusionProof { leaf: Some(leaf(index)), index, hashes, note: note(size) };
            let proof = InclusionProof::parse(&proof.encode()).expect("our reading of ours");
            assert!(proof.holds(tree::leaf_hash(&leaf(index))) && !proof.holds(tree::leaf_hash(b"another")));
            check_record(&theirs(&proof.hashes), size, root, index, record_hash(&leaf(index))).expect("ours holds");
            let hashes = ours(&prove_record(size, index, &reader).expect("theirs"));
            assert!(InclusionProof { hashes, ..proof }.holds(tree::leaf_hash(&leaf(index))), "{index} in {size}");
        }
        for old in [1, 2, size / 2, size - 1, size].into_iter().filter(|old| (1..=size).contains(old)) {
            let before = self::root(old);
            let hashes = tree::consistency_proof(&leaves, old as usize);
            let proof = ConsistencyProof { old, hashes, note: note(size) };
            let proof = ConsistencyProof::parse(&proof.encode()).expect("our reading of ours");
            check_tree(&theirs(&proof.hashes), size, root, old, Hash(before.0)).expect("ours holds");
            let hashes = ours(&prove_tree(size, old, &reader).expect("theirs"));
            assert!(tree::verify_consistency(old, &before, size, &Digest(root.0), &hashes), "{old} in {size}");
        }
    }
}
