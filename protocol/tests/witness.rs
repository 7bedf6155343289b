//! Cosignatures and proofs: every flipped byte and every cut refused, or of the same meaning. Golden text is in `vectors.rs`.

use protocol::cosignature::{WitnessKey, attach, cosign, cosigned_at};
use protocol::note::{self, Checkpoint, VerifierKey};
use protocol::proof::{ConsistencyProof, InclusionProof};
use protocol::{Digest, SecretKey, tree};

const SECONDS: u64 = 1_800_000_000;

fn leaves() -> Vec<Digest> {
    (0..11_u8).map(|i| tree::leaf_hash(&[i])).collect()
}

fn log() -> VerifierKey {
    VerifierKey::new("gz.example", SecretKey::from_seed(&[1; 32]).public()).expect("name")
}

fn witness(number: u8) -> (SecretKey, WitnessKey) {
    let key = SecretKey::from_seed(&[number; 32]);
    let verifier = WitnessKey::new(&format!("w{number}.example"), key.public()).expect("name");
    (key, verifier)
}

fn signed() -> String {
    let checkpoint = Checkpoint { origin: "gz.example/works".into(), size: 11, root: tree::root(&leaves()) };
    checkpoint.sign("gz.example", &SecretKey::from_seed(&[1; 32])).expect("signs")
}

fn text(note: &str) -> &str {
    &note[..=note.find("\n\n").expect("a blank line")]
}

fn cosigned(by: &[u8]) -> String {
    let mut whole = signed();
    for number in by {
        let (key, verifier) = witness(*number);
        let line = cosign(text(&whole), &verifier.name, &key, SECONDS).expect("cosigns");
        whole = attach(&whole, &line, &verifier).expect("holds").0;
    }
    whole
}

#[test]
fn lines_gather_below_one_note_and_each_is_found() {
    let whole = cosigned(&[2, 3]);
    for number in [2, 3] {
        assert_eq!(cosigned_at(&whole, &witness(number).1).expect("holds"), Some(SECONDS));
    }
    assert_eq!(cosigned_at(&whole, &witness(4).1).expect("reads"), None);
    assert_eq!(Checkpoint::verify(&whole, &log()).expect("the log's own line holds").size, 11);
    assert_eq!(note::only(&whole, &log()).expect("holds"), signed());
    // Asked again later, the older line gives way.
    let (key, verifier) = witness(2);
    let line = cosign(text(&whole), &verifier.name, &key, SECONDS + 60).expect("cosigns");
    let (again, seconds) = attach(&whole, &line, &verifier).expect("holds");
    assert_eq!((seconds, again.lines().count()), (SECONDS + 60, whole.lines().count()));
    // A line for another note, by another key, or with another key's name is not taken.
    let other = cosign("gz.example/works\n12\nAAAA\n", &verifier.name, &key, SECONDS).expect("cosigns");
    assert!(attach(&whole, &other, &verifier).is_err());
    assert!(attach(&whole, &line, &witness(3).1).is_err());
    assert!(attach(&whole, "not a line\n", &verifier).is_err());
}

#[test]
fn keys_of_logs_and_witnesses_are_told_apart() {
    let (_, verifier) = witness(2);
    assert_eq!(WitnessKey::parse(&verifier.to_string()).expect("text form"), verifier);
    let error = VerifierKey::parse(&verifier.to_string()).expect_err("of a witness").to_string();
    assert!(error.contains("the key of a witness"), "{error}");
    let error = WitnessKey::parse(&log().to_string()).expect_err("of a log").to_string();
    assert!(error.contains("the key of a log"), "{error}");
    assert!(cosign("no newline", "w", &SecretKey::from_seed(&[2; 32]), SECONDS).is_err());
    assert!(cosign("x\n", "w", &SecretKey::from_seed(&[2; 32]), u64::MAX).is_err());
}

#[test]
fn a_flipped_or_cut_cosignature_never_counts() {
    let (whole, verifier) = (cosigned(&[2]), witness(2).1);
    let of_log = whole.find("\n\u{2014} w2").expect("its line") + 1;
    for place in 0..whole.len() {
        let mut bytes = whole.clone().into_bytes();
        bytes[place] ^= 1;
        // The log's own line is not what a witness signs; everything else is.
        let in_log_line = (text(&whole).len() + 1..of_log).contains(&place);
        if let Ok(flipped) = String::from_utf8(bytes) {
            let counts = matches!(cosigned_at(&flipped, &verifier), Ok(Some(_)));
            assert!(!counts || in_log_line, "byte {place}");
        }
        if whole.is_char_boundary(place) {
            assert!(!matches!(cosigned_at(&whole[..place], &verifier), Ok(Some(_))), "cut at {place}");
        }
    }
}

#[test]
fn proofs_are_read_as_written_and_no_other_way() {
    let leaves = leaves();
    let hashes = tree::inclusion_proof(&leaves, 4);
    let inclusion = InclusionProof { leaf: Some(vec![4]), index: 4, hashes, note: cosigned(&[2]) };
    let hashes = tree::consistency_proof(&leaves, 7);
    let consistency = ConsistencyProof { old: 7, hashes, note: cosigned(&[2, 3]) };
    let (one, other) = (inclusion.encode(), consistency.encode());
    assert!(one.starts_with("c2sp.org/tlog-proof@v1\nextra BA==\nindex 4\n"), "{one}");
    assert!(other.starts_with("old 7\n"), "{other}");
    assert_eq!(InclusionProof::parse(&one).expect("ours"), inclusion);
    assert_eq!(ConsistencyProof::parse(&other).expect("ours"), consistency);
    let bare = InclusionProof { leaf: None, ..inclusion.clone() };
    assert_eq!(InclusionProof::parse(&bare.encode()).expect("without extra data"), bare);
    assert!(inclusion.holds(leaves[4]) && !inclusion.holds(leaves[5]));
    for place in 0..one.len() {
        let mut bytes = one.clone().into_bytes();
        bytes[place] ^= 1;
        let Ok(flipped) = String::from_utf8(bytes) else { continue };
        let Ok(read) = InclusionProof::parse(&flipped) else { continue };
        let whole = Checkpoint::verify(&read.note, &log()).is_ok()
            && read.leaf.as_ref().is_some_and(|leaf| read.holds(tree::leaf_hash(leaf)));
        let same = InclusionProof { note: inclusion.note.clone(), ..read.clone() } == inclusion;
        assert!(!whole || same, "byte {place}");
    }
    for (from, to) in [("extra BA==\n", "extra BA==BA==\n"), ("extra BA==\n", "extra BB==\n")] {
        let other = one.replacen(from, to, 1);
        assert!(other != one && InclusionProof::parse(&other).is_err(), "another spelling of base64: {to}");
    }
    for bad in [
        "",
        "old 07\n\n",
        "old 7\nAAAA\n\nx\n",
        "old 7\r\n\n\nx\n",
        "old -1\n\nx\n",
        "c2sp.org/tlog-proof@v1\nindex 04\n\nx\n",
    ] {
        assert!(ConsistencyProof::parse(bad).is_err() && InclusionProof::parse(bad).is_err(), "{bad:?}");
    }
    let line = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n";
    assert!(ConsistencyProof::parse(&format!("old 1\n{}\nx\n", line.repeat(63))).is_ok());
    assert!(ConsistencyProof::parse(&format!("old 1\n{}\nx\n", line.repeat(64))).is_err(), "more than 63 hashes");
    assert!(ConsistencyProof::parse(&format!("old 1\n\n{}", "x".repeat(100_000))).is_err(), "longer than allowed");
}

#[test]
fn a_note_takes_sixteen_witnesses() {
    let by: Vec<u8> = (2..18).collect();
    let whole = cosigned(&by);
    assert!(by.iter().all(|number| cosigned_at(&whole, &witness(*number).1).expect("holds").is_some()));
}
