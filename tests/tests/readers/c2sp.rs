//! What is C2SP's in the bundles of the corpus, put to the public implementation: is the checkpoint signed by the log, which of the
//! witnesses cosigned it, do the leaves hash to its root, do proofs hold. It must say what the verifier says.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, ensure};
use protocol::cosignature::WitnessKey;
use protocol::note::{Checkpoint, VerifierKey};
use protocol::proof::{ConsistencyProof, InclusionProof};
use protocol::{Digest, bundle, tree};
use serde_json::Value as Json;
use tlog_tiles::{Hash, check_record, check_tree, prove_record, prove_tree, record_hash, tree_hash};
use verify::{Verdict, check_proof};

use crate::public::{Stored, cosigned, ours, theirs, verified};
use crate::tampering::corpus::{CORPUS, SERVER, witness_name};
use crate::tampering::kinds::proofs;
use crate::{SHELF, text};

/// Whether it is a signed note at all, whoever signed.
fn is_note(note: &str) -> bool {
    signed_note::Note::from_bytes(note.as_bytes()).is_ok()
}

/// What of a bundle is C2SP's.
struct Log {
    note: String,
    leaves: Option<Vec<Vec<u8>>>,
}

impl Log {
    /// `None` where there is no archive to be opened, or no text in the place of the checkpoint.
    fn of(bundle: &[u8]) -> Option<Self> {
        let files = bundle::read(bundle).ok()?;
        let note = String::from_utf8(files.get("checkpoint")?.clone()).ok()?;
        let size = tlog_tiles::Checkpoint::from_bytes(signed_text(&note)?.as_bytes()).ok().map(|read| read.size());
        let tiles = size.filter(|size| *size < 100_000).map(tree::entries_paths).unwrap_or_default();
        let leaves = tiles.iter().map(|(path, width)| {
            let leaves = tree::decode_entries(files.get(path)?).ok()?;
            (leaves.len() as u64 == *width).then(|| leaves.into_iter().map(<[u8]>::to_vec).collect::<Vec<_>>())
        });
        let leaves = leaves.collect::<Option<Vec<_>>>().filter(|tiles| !tiles.is_empty());
        Some(Self { note, leaves: leaves.map(|tiles| tiles.concat()) })
    }

    /// A checkpoint that the log's key signed.
    fn is_signed(&self) -> bool {
        let key = VerifierKey::new(SERVER, CORPUS.log_key.public()).expect("a name").to_string();
        let is_checkpoint = |text: &str| {
            tlog_tiles::Checkpoint::from_bytes(text.as_bytes()).is_ok_and(|read| !read.origin().is_empty())
        };
        signed_text(&self.note).is_some_and(is_checkpoint) && verified(&self.note, &key) > 0
    }

    /// How many of the two witnesses cosigned it.
    fn cosigned(&self) -> usize {
        let Some(text) = signed_text(&self.note).filter(|_| is_note(&self.note)) else { return 0 };
        let holds = |witness: &WitnessKey| {
            let start = format!("\u{2014} {} ", witness.name);
            self.note.lines().any(|line| line.starts_with(&start) && cosigned(text, line, witness))
        };
        witnesses().iter().filter(|witness| holds(witness)).count()
    }

    /// The leaves hash to the root.
    fn is_whole(&self) -> bool {
        let read = signed_text(&self.note).and_then(|t| tlog_tiles::Checkpoint::from_bytes(t.as_bytes()).ok());
        let (Some(leaves), Some(read)) = (&self.leaves, read) else { return false };
        let stored = Stored::of(leaves.iter().map(Vec::as_slice));
        tree_hash(read.size(), &stored).is_ok_and(|root| root.0 == read.hash().0)
    }
}

/// A note without its signatures.
fn signed_text(note: &str) -> Option<&str> {
    note.find("\n\n").map(|at| &note[..=at])
}

fn witnesses() -> Vec<WitnessKey> {
    let named = CORPUS.witness_keys.iter().enumerate();
    named.map(|(n, key)| WitnessKey::new(&witness_name(n), key.public()).expect("a name")).collect()
}

/// What the verifier says of a step: how many findings it has, by severity; nothing where it did not come to it.
fn step<'j>(said: &'j Json, code: &str) -> BTreeMap<&'j str, usize> {
    let mut counted = BTreeMap::new();
    for finding in said["findings"].as_array().into_iter().flatten().filter(|f| f["code"] == code) {
        *counted.entry(text(finding, "severity")).or_default() += 1;
    }
    counted
}

/// The public implementation takes the first line of a key and looks at no other; we refuse a note with a line that does not hold.
const STRICTER: &str = "checkpoint: a false line of the log beside the true one (by disk)";

#[test]
fn checkpoints_and_trees_of_every_bundle_are_what_a_public_implementation_says() -> Result<()> {
    let (mut forged, mut grown, mut wrong) = (0, 0, Vec::new());
    for reading in SHELF.readings.iter().filter(|reading| reading.kept.is_some()) {
        for (bundle, said) in reading.bundles.iter().zip(&reading.said) {
            let Some(log) = Log::of(&std::fs::read(&bundle.file)?) else { continue };
            let (signed, cosigned, whole) = (log.is_signed(), log.cosigned(), log.is_whole());
            let refusals = crate::refusals(said);
            let (anchor, witness) = (step(said, "anchor"), step(said, "witness"));
            // One that holds and is dated before the newest leaf is a note.
            let held: usize = ["ok", "note"].iter().filter_map(|severity| witness.get(severity)).sum();
            let agree = if refusals.contains(&("archive", "checkpoint")) {
                // It is none, to either.
                !signed && cosigned == 0 && !(whole && is_note(&log.note))
            } else if let Some((_, place)) = refusals.iter().find(|(code, _)| *code == "tree") {
                // What stands inside a leaf is nothing of C2SP's.
                !whole || place.starts_with("leaf ")
            } else if anchor.is_empty() {
                // The manifest ended it before anybody looked at the checkpoint.
                refusals.iter().any(|(code, _)| *code == "manifest")
            } else {
                whole && (signed == anchor.contains_key("ok") || bundle.name == STRICTER) && cosigned == held
            };
            if !agree {
                wrong.push(format!("{}: {signed}, {cosigned}, {whole}; the program: {said:#}", bundle.name));
            }
            (forged, grown) = (forged + usize::from(!signed), grown + usize::from(!whole));
        }
    }
    ensure!(wrong.is_empty(), "{}: {wrong:#?}", wrong.len());
    ensure!(forged > 100 && grown > 100, "{forged} checkpoints nobody signed, {grown} trees that are another");
    Ok(())
}

#[test]
fn proofs_of_every_honest_bundle_hold_on_either_side() -> Result<()> {
    for bundle in SHELF.readings.iter().flat_map(|reading| &reading.bundles).filter(|bundle| bundle.is_honest) {
        let log = Log::of(&std::fs::read(&bundle.file)?).context("a log")?;
        let leaves = log.leaves.as_ref().context("leaves")?;
        let hashes: Vec<Digest> = leaves.iter().map(|leaf| tree::leaf_hash(leaf)).collect();
        let stored = Stored::of(leaves.iter().map(Vec::as_slice));
        let head = Checkpoint::read_unverified(&log.note)?;
        let (size, root) = (head.size, Hash(head.root.0));
        for (index, leaf) in (0..).zip(leaves) {
            let mine = tree::inclusion_proof(&hashes, index as usize);
            let proof = InclusionProof { leaf: Some(leaf.clone()), index, hashes: mine, note: log.note.clone() };
            let read = InclusionProof::parse(&proof.encode())?;
            check_record(&theirs(&read.hashes), size, root, index, record_hash(leaf)).context("ours, by them")?;
            let proof =
                InclusionProof { hashes: ours(&prove_record(size, index, &stored).context("theirs")?), ..proof };
            let outcome = check_proof(&proof.encode(), Some(&CORPUS.witnessed), None);
            ensure!(outcome.verdict == Verdict::Verified, "{index}: {:#?}", outcome.findings);
        }
        for old in 1..=size {
            let before = tree::root(&hashes[..old as usize]);
            let mine = tree::consistency_proof(&hashes, old as usize);
            let read =
                ConsistencyProof::parse(&ConsistencyProof { old, hashes: mine, note: log.note.clone() }.encode())?;
            check_tree(&theirs(&read.hashes), size, root, old, Hash(before.0)).context("ours, by them")?;
            let hashes = ours(&prove_tree(size, old, &stored).context("theirs")?);
            ensure!(tree::verify_consistency(old, &before, size, &head.root, &hashes), "{old} in {size}");
        }
    }
    Ok(())
}

#[test]
fn tampered_proofs_are_refused_by_a_public_implementation_too() -> Result<()> {
    let older = CORPUS.copy.head(proofs::OLD);
    let note = CORPUS.copy.checkpoint(proofs::OLD, &CORPUS.log_key);
    let key = VerifierKey::new(SERVER, CORPUS.log_key.public())?.to_string();
    let mut asked = 0;
    for proof in proofs::all(&CORPUS) {
        let outcome = check_proof(&proof.text, Some(&CORPUS.witnessed), Some(&note));
        let holds = |note: &str, holds: &dyn Fn(u64, Hash) -> bool| {
            let head = Checkpoint::read_unverified(note).expect("a checkpoint");
            verified(note, &key) > 0 && head.origin == older.origin && holds(head.size, Hash(head.root.0))
        };
        let holds = if let Ok(read) = InclusionProof::parse(&proof.text) {
            let Some(leaf) = &read.leaf else { continue };
            let is_in =
                |size, root| check_record(&theirs(&read.hashes), size, root, read.index, record_hash(leaf)).is_ok();
            holds(&read.note, &is_in)
        } else if let Ok(read) = ConsistencyProof::parse(&proof.text) {
            let goes_on = |size, root| {
                check_tree(&theirs(&read.hashes), size, root, read.old, Hash(older.root.0)).is_ok()
                    && read.old == older.size
            };
            holds(&read.note, &goes_on)
        } else {
            continue;
        };
        asked += 1;
        // What only a witness can know is nothing a log's signature or a proof shows.
        let by_witness_alone = outcome.refusals().all(|finding| finding.code == "witness");
        ensure!(holds == by_witness_alone, "{}: {holds}, {:#?}", proof.name, outcome.findings);
    }
    ensure!(asked >= 20, "{asked}");
    Ok(())
}
