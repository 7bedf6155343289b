//! Proofs without a bundle: that a leaf is in the log, and that a checkpoint continues an earlier one.

use protocol::proof::{ConsistencyProof, InclusionProof};
use protocol::{Digest, Leaf, sha256, tree};

use crate::tampering::corpus::{Corpus, SERVER, witness_name};
use crate::tampering::forge::Copy;

/// A proof tampered with: its text, and the step that refuses it.
pub struct Proof {
    pub name: &'static str,
    pub text: String,
    pub refused: &'static str,
}

/// The size of the checkpoint that a consistency proof begins with.
pub const OLD: usize = 50;
const LEAF: usize = 40;

fn hashes(copy: &Copy) -> Vec<Digest> {
    copy.leaves.iter().map(|leaf| tree::leaf_hash(leaf)).collect()
}

pub fn inclusion(copy: &Copy) -> InclusionProof {
    let hashes = tree::inclusion_proof(&hashes(copy), LEAF);
    InclusionProof { leaf: Some(copy.leaves[LEAF].clone()), index: LEAF as u64, hashes, note: copy.note.clone() }
}

pub fn consistency(copy: &Copy) -> ConsistencyProof {
    let hashes = tree::consistency_proof(&hashes(copy), OLD);
    ConsistencyProof { old: OLD as u64, hashes, note: copy.note.clone() }
}

type OfInclusion = fn(&mut InclusionProof, &Corpus);
type OfConsistency = fn(&mut ConsistencyProof, &Corpus);

const INCLUSION: &[(&str, &str, OfInclusion)] = &[
    ("inclusion proof: another leaf", "proof", |p, c| p.leaf = Some(c.copy.leaves[41].clone())),
    ("inclusion proof: its leaf received later", "proof", |p, _| {
        let mut leaf = Leaf::decode(p.leaf.as_ref().unwrap()).unwrap();
        leaf.received_ms += 1;
        p.leaf = Some(leaf.encode().unwrap());
    }),
    ("inclusion proof: without its leaf", "proof", |p, _| p.leaf = None),
    ("inclusion proof: another index", "proof", |p, _| p.index += 1),
    ("inclusion proof: an index beyond the log", "proof", |p, _| p.index += 1000),
    ("inclusion proof: another hash", "proof", |p, _| p.hashes[2] = sha256(b"x")),
    ("inclusion proof: a hash left out", "proof", |p, _| p.hashes.truncate(p.hashes.len() - 1)),
    ("inclusion proof: a hash added", "proof", |p, _| p.hashes.push(sha256(b"x"))),
    ("inclusion proof: two hashes swapped", "proof", |p, _| p.hashes.swap(0, 1)),
    ("inclusion proof: a root that it leads to", "anchor", |p, c| {
        let mut copy = c.copy.clone();
        copy.leaves[LEAF] = copy.leaves[41].clone();
        copy.fit();
        *p = inclusion(&copy);
    }),
    ("inclusion proof: under the attacker's signature", "anchor", |p, c| {
        let mut copy = c.copy.clone();
        copy.note = copy.head(copy.leaves.len()).sign(SERVER, &protocol::SecretKey::from_seed(&[66; 32])).unwrap();
        *p = inclusion(&copy);
    }),
    ("inclusion proof: under a log rewritten and signed by the server", "witness", |p, c| {
        let mut copy = c.copy.clone();
        copy.leaves[LEAF] = copy.leaves[41].clone();
        copy.sign(&c.log_key);
        *p = inclusion(&copy);
    }),
    ("inclusion proof: cosignatures removed", "witness", |p, c| {
        p.note = format!("{}\n{}", c.copy.text(), c.copy.lines()[0]);
    }),
];

const CONSISTENCY: &[(&str, &str, OfConsistency)] = &[
    ("consistency proof: from another size", "proof", |p, _| p.old -= 1),
    ("consistency proof: another hash", "proof", |p, _| p.hashes[1] = sha256(b"x")),
    ("consistency proof: a hash left out", "proof", |p, _| p.hashes.truncate(p.hashes.len() - 1)),
    ("consistency proof: a hash added", "proof", |p, _| p.hashes.push(sha256(b"x"))),
    ("consistency proof: two hashes swapped", "proof", |p, _| p.hashes.swap(0, 1)),
    ("consistency proof: to a log of another site", "proof", |p, _| p.note = p.note.replace("/demo", "/other")),
    ("consistency proof: to a log rewritten before the earlier checkpoint", "proof", |p, c| {
        let mut copy = c.copy.clone();
        copy.leaves[LEAF] = copy.leaves[41].clone();
        copy.sign(&c.log_key);
        *p = consistency(&copy);
    }),
    ("consistency proof: to a checkpoint the attacker signed", "anchor", |p, c| {
        let mut copy = c.copy.clone();
        copy.note = copy.head(copy.leaves.len()).sign(SERVER, &protocol::SecretKey::from_seed(&[66; 32])).unwrap();
        *p = consistency(&copy);
    }),
    ("consistency proof: to a checkpoint a witness signed in the log's place", "anchor", |p, c| {
        let mut copy = c.copy.clone();
        copy.note = copy.head(copy.leaves.len()).sign(&witness_name(0), &c.witness_keys[0]).unwrap();
        *p = consistency(&copy);
    }),
];

const TEXTS: &[(&str, fn(String) -> String)] = &[
    ("inclusion proof: cut short", |t| t[..t.len() / 3].to_owned()),
    ("inclusion proof: lines ended by CR LF", |t| t.replace('\n', "\r\n")),
    ("inclusion proof: of a version to come", |t| t.replace("@v1", "@v2")),
    ("inclusion proof: an index with a leading zero", |t| t.replace("index ", "index 0")),
];

/// Every proof tampered with.
pub fn all(corpus: &Corpus) -> Vec<Proof> {
    let mut all = Vec::new();
    for (name, refused, change) in INCLUSION {
        let mut proof = inclusion(&corpus.copy);
        change(&mut proof, corpus);
        all.push(Proof { name, text: proof.encode(), refused });
    }
    for (name, refused, change) in CONSISTENCY {
        let mut proof = consistency(&corpus.copy);
        change(&mut proof, corpus);
        all.push(Proof { name, text: proof.encode(), refused });
    }
    let text = |(name, change): &(&'static str, fn(String) -> String)| Proof {
        name,
        text: change(inclusion(&corpus.copy).encode()),
        refused: "proof",
    };
    all.extend(TEXTS.iter().map(text));
    all
}
