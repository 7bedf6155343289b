//! The decoders of what passes between a log, its witnesses and whoever checks them: proofs of both kinds, cosigned notes, findings.

use protocol::cosignature::{WitnessKey, attach, cosign, cosigned_at};
use protocol::note::{self, Checkpoint, VerifierKey};
use protocol::proof::{ConsistencyProof, InclusionProof, PROOF_MAX};
use protocol::{Digest, SecretKey, tree};
use verify::{Conflict, Worth, check_proof};

fn log() -> (SecretKey, VerifierKey) {
    let key = SecretKey::from_seed(&[7; 32]);
    let verifier = VerifierKey::new("server", key.public()).expect("a name");
    (key, verifier)
}

fn witness() -> (SecretKey, WitnessKey) {
    let key = SecretKey::from_seed(&[8; 32]);
    let verifier = WitnessKey::new("witness/logs", key.public()).expect("a name");
    (key, verifier)
}

fn hashes(size: u8) -> Vec<Digest> {
    (0..size).map(|number| tree::leaf_hash(&[number])).collect()
}

fn checkpoint(size: u8) -> String {
    Checkpoint { origin: "server/site-1".into(), size: u64::from(size), root: tree::root(&hashes(size)) }
        .sign("server", &log().0)
        .expect("a checkpoint is signed")
}

/// Of a checkpoint: its cosignature line, and the note with it.
fn cosigned(size: u8) -> (String, String) {
    let note = checkpoint(size);
    let (key, verifier) = witness();
    let text = &note[..=note.find("\n\n").expect("a note has a blank line")];
    let line = cosign(text, &verifier.name, &key, 1_800_000_000).expect("a witness signs");
    let whole = attach(&note, &line, &verifier).expect("the line holds").0;
    (line, whole)
}

/// A proof says nothing but what it was made for, and what is read is written as it was.
pub(super) fn run_proof(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Ok(proof) = InclusionProof::parse(&text) {
        assert_eq!(proof.encode(), text, "written as read");
        if let Some(leaf) = &proof.leaf
            && Checkpoint::verify(&proof.note, &log().1).is_ok()
            && proof.holds(tree::leaf_hash(leaf))
        {
            assert_eq!(leaf[..], [u8::try_from(proof.index).expect("a leaf of this log")], "a leaf of this log");
        }
    }
    if let Ok(proof) = ConsistencyProof::parse(&text) {
        assert_eq!(proof.encode(), text, "written as read");
    }
    for older in [None, Some(checkpoint(7))] {
        let _ = check_proof(&text, None, older.as_deref());
    }
}

pub(super) fn proofs() -> Vec<Vec<u8>> {
    let (leaves, note) = (hashes(11), cosigned(11).1);
    let inclusion = |index: u8, leaf| InclusionProof {
        leaf,
        index: u64::from(index),
        hashes: tree::inclusion_proof(&leaves, usize::from(index)),
        note: note.clone(),
    };
    let hashes = tree::consistency_proof(&leaves, 7);
    let texts = [
        inclusion(4, Some(vec![4])).encode(),
        inclusion(10, None).encode(),
        ConsistencyProof { old: 7, hashes, note: note.clone() }.encode(),
        ConsistencyProof { old: 0, hashes: Vec::new(), note: checkpoint(1) }.encode(),
    ];
    assert!(texts.iter().all(|text| text.len() <= PROOF_MAX));
    texts.into_iter().map(String::into_bytes).collect()
}

/// Nobody but the witness has signed what counts as cosigned.
pub(super) fn run_cosigned(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (_, witness) = witness();
    if matches!(cosigned_at(&text, &witness), Ok(Some(_))) {
        let body = |note: &str| note.rfind("\n\n").map(|end| note[..end].to_owned());
        assert!([7, 11].iter().any(|size| body(&text) == body(&checkpoint(*size))), "a note it signed");
    }
    if let Ok((note, _)) = attach(&checkpoint(11), &text, &witness) {
        assert!(matches!(cosigned_at(&note, &witness), Ok(Some(_))), "what was attached holds");
    }
    let _ = note::only(&text, &log().1);
    let _ = WitnessKey::parse(&text);
}

pub(super) fn cosigned_notes() -> Vec<Vec<u8>> {
    let ((line, whole), (_, smaller)) = (cosigned(11), cosigned(7));
    let key = witness().1.to_string();
    [line, whole, smaller, key].into_iter().map(String::into_bytes).collect()
}

/// No file proves that an honest log has two histories.
pub(super) fn run_finding(bytes: &[u8]) {
    if let Ok(conflict) = Conflict::parse(bytes) {
        let (worth, ..) = conflict.check(&[log().1], None);
        assert_ne!(worth, Worth::Proven, "this log has one history");
        let again = Conflict::parse(conflict.to_json().as_bytes()).expect("read as written");
        assert_eq!(again, conflict);
    }
}

pub(super) fn findings() -> Vec<Vec<u8>> {
    let finding = |kind: &str, first: u8, second: u8| {
        let signed = [cosigned(first).1, checkpoint(second)];
        serde_json::json!({
            "format": "gongzheng-witness-finding", "version": 1, "kind": kind, "signed": signed,
            "witness": "witness/logs", "seen_seconds": 1_800_000_000, "zh": "", "en": "",
        })
    };
    let files = [finding("not_continued", 7, 11), finding("two_roots", 7, 7), finding("new_epoch", 11, 7)];
    files.iter().map(|file| file.to_string().into_bytes()).collect()
}
