//! The one property that matters, over random histories of forks, rollbacks, replays and crashes: a witness never cosigns two
//! histories of one log.

use proptest::prelude::*;
use protocol::cosignature::cosigned_at;
use protocol::{Digest, tree};

use super::super::store::Store;
use super::*;
use crate::conflict::Worth;

const NOW: u64 = 1_800_000_000;
const ORIGIN: &str = "gz.example/works";
/// Leaves of every history.
const LEAVES: usize = 24;

fn log_key() -> SecretKey {
    SecretKey::from_seed(&[1; 32])
}

fn rule() -> Rule {
    let key = VerifierKey::new("gz.example", log_key().public()).unwrap();
    Rule { key, sites: Vec::new(), epochs: Vec::new() }
}

fn own() -> (SecretKey, WitnessKey) {
    let key = SecretKey::from_seed(&[9; 32]);
    let verifier = WitnessKey::new("w.example", key.public()).unwrap();
    (key, verifier)
}

/// A history that leaves the first one at `fork`.
fn history(number: u8, fork: usize) -> Vec<Digest> {
    (0..LEAVES).map(|i| tree::leaf_hash(&[if i < fork { 0 } else { number }, i as u8])).collect()
}

fn signed(leaves: &[Digest], size: usize) -> String {
    let checkpoint = Checkpoint { origin: ORIGIN.into(), size: size as u64, root: tree::root(&leaves[..size]) };
    checkpoint.sign("gz.example", &log_key()).unwrap()
}

fn request(leaves: &[Digest], old: usize, size: usize) -> ConsistencyProof {
    let hashes = if old <= size { tree::consistency_proof(&leaves[..size], old) } else { Vec::new() };
    ConsistencyProof { old: old as u64, hashes, note: signed(leaves, size) }
}

fn decided(known: &Known, request: &ConsistencyProof) -> Decision {
    let (key, verifier) = own();
    decide(&rule(), known, request, &Signer { key: &key, verifier: &verifier, now_seconds: NOW })
}

#[derive(Debug, Clone)]
struct Step {
    history: usize,
    size: usize,
    /// Size the request starts from: what the witness knows, or anything.
    old: Option<usize>,
    /// Flip a byte of the proof.
    spoil: bool,
    /// The process dies: before the record is durable, or after it and before the answer.
    dies: Option<bool>,
    /// The record is damaged on the disk: cut to this length.
    tears: Option<usize>,
    /// Somebody repairs the record from what the witness had signed.
    repairs: bool,
}

fn step() -> impl Strategy<Value = Step> {
    let flags = (any::<bool>(), prop::option::weighted(0.2, any::<bool>()), prop::option::weighted(0.05, 0_usize..300));
    (0_usize..4, 0_usize..=LEAVES, prop::option::weighted(0.3, 0_usize..=LEAVES), flags, any::<bool>()).prop_map(
        |(history, size, old, (spoil, dies, tears), repairs)| Step {
            history,
            size,
            old,
            spoil: spoil && old.is_some(),
            dies,
            tears,
            repairs,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn never_two_histories(forks in prop::array::uniform4(0_usize..LEAVES), steps in prop::collection::vec(step(), 1..40)) {
        let histories: Vec<_> = forks.iter().enumerate().map(|(n, fork)| history(n as u8, if n == 0 { LEAVES } else { *fork })).collect();
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let file = folder.path().join("logs").join(protocol::sha256(ORIGIN.as_bytes()).hex());
        let (_, verifier) = own();
        let mut left: Vec<(Vec<Digest>, usize)> = Vec::new();
        let mut whole = Vec::new();
        for step in steps {
            if let Some(length) = step.tears && file.exists() {
                let bytes = std::fs::read(&file).unwrap();
                if length == 0 { std::fs::remove_file(&file).unwrap() } else { std::fs::write(&file, &bytes[..length.min(bytes.len() - 1)]).unwrap() }
            } else if step.repairs && !whole.is_empty() {
                std::fs::write(&file, &whole).unwrap();
            }
            let known = store.known(ORIGIN, &rule().key, &verifier).unwrap();
            let size = match &known { Known::Head(head) => head.checkpoint.size as usize, _ => 0 };
            let mut asked = request(&histories[step.history], step.old.unwrap_or(size), step.size);
            if step.spoil && let Some(hash) = asked.hashes.last_mut() { hash.0[0] ^= 1; }
            let decision = decided(&known, &asked);
            prop_assert_eq!(decision.status == 200, decision.head.is_some());
            if matches!(known, Known::Damaged(_)) { prop_assert_eq!(decision.status, 500); }
            if let Some(conflict) = &decision.conflict {
                let (worth, ..) = conflict.check(&[rule().key], None);
                prop_assert_eq!(worth, if conflict.kind == ConflictKind::TwoRoots { Worth::Proven } else { Worth::Open });
            }
            let Some(head) = decision.head else { continue };
            if step.dies == Some(false) { continue; }
            store.put(&head).unwrap();
            whole = std::fs::read(&file).unwrap();
            if step.dies == Some(true) { continue; }
            let shown = format!("{}{}", signed(&histories[step.history], step.size), decision.body);
            let holds = cosigned_at(&shown, &verifier).unwrap().is_some();
            prop_assert!(holds);
            left.push((histories[step.history].clone(), step.size));
        }
        // Whatever left: the larger continues the smaller.
        for (a, small) in &left {
            for (b, large) in left.iter().filter(|(_, large)| large >= small) {
                prop_assert!(a[..*small] == b[..*small], "two histories: {small} and {large}");
            }
        }
    }
}

#[test]
fn every_answer_is_the_one_of_the_protocol() {
    let (honest, other) = (history(0, LEAVES), history(1, 3));
    let first = decided(&Known::Never, &request(&honest, 0, 5));
    assert_eq!(first.status, 200, "{}", first.body);
    let known = Known::Head(first.head.unwrap());
    let status = |request: &ConsistencyProof| {
        let decision = decided(&known, request);
        (decision.status, decision.body, decision.conflict.map(|conflict| conflict.kind))
    };
    assert_eq!(status(&request(&honest, 0, 9)), (409, "5\n".into(), None));
    assert_eq!(status(&request(&honest, 5, 9)).0, 200);
    assert_eq!(status(&request(&honest, 5, 5)).0, 200, "asked again, signed again");
    assert_eq!(status(&request(&honest, 3, 4)), (409, "5\n".into(), None), "a rollback");
    assert_eq!(status(&request(&honest, 9, 5)).0, 400);
    assert_eq!(status(&request(&other, 5, 5)), (409, "5\n".into(), Some(ConflictKind::TwoRoots)));
    let (code, _, kind) = status(&request(&other, 5, 9));
    assert_eq!((code, kind), (422, Some(ConflictKind::NotContinued)));
    let mut forged = request(&honest, 5, 9);
    forged.note = forged.note.replace("\n9\n", "\n8\n");
    assert_eq!(status(&forged).0, 403);
    let mut unasked = request(&honest, 0, 5);
    unasked.hashes.push(Digest([1; 32]));
    assert_eq!(decided(&Known::Never, &unasked).status, 422, "from nothing there is nothing to prove");
    let (key, verifier) = own();
    let early = Signer { key: &key, verifier: &verifier, now_seconds: 5 };
    assert_eq!(decide(&rule(), &known, &request(&honest, 5, 9), &early).status, 503);
}

#[test]
fn an_open_finding_is_cleared_by_the_proof_and_by_nothing_else() {
    let honest = history(0, LEAVES);
    let head = decided(&Known::Never, &request(&honest, 0, 5)).head.unwrap();
    let mut spoiled = request(&honest, 5, 9);
    spoiled.hashes[0].0[0] ^= 1;
    let conflict = decided(&Known::Head(head), &spoiled).conflict.unwrap();
    let conflict = Conflict::parse(conflict.to_json().as_bytes()).unwrap();
    let keys = [rule().key];
    let worth = |proof: Option<&ConsistencyProof>| conflict.check(&keys, proof).0;
    assert_eq!(worth(None), Worth::Open);
    assert_eq!(worth(Some(&request(&honest, 5, 9))), Worth::Cleared);
    assert_eq!(worth(Some(&request(&history(1, 2), 5, 9))), Worth::Open);
    assert_eq!(conflict.check(&[], None).0, Worth::Void);
    let mut same = conflict.clone();
    same.signed[1] = same.signed[0].clone();
    assert_eq!(same.check(&keys, None).0, Worth::Void);
}

/// Whoever hands a finding on may write into it what he likes, but for the two signed notes.
#[test]
fn a_finding_is_what_its_two_checkpoints_make_it() {
    let (honest, other) = (history(0, LEAVES), history(1, 3));
    let of = |origin: &str, size: usize| {
        let checkpoint = Checkpoint { origin: origin.into(), size: size as u64, root: tree::root(&honest[..size]) };
        checkpoint.sign("gz.example", &log_key()).unwrap()
    };
    let keys = [rule().key];
    for kind in [ConflictKind::TwoRoots, ConflictKind::NotContinued, ConflictKind::NewEpoch] {
        let found = |first: &str, second: &str| {
            let (worth, zh, en) = Conflict::new(kind, first, second, "w.example", NOW).check(&keys, None);
            assert_eq!(zh.contains("签署了两个不同的根"), en.contains("two different roots"));
            (worth, en)
        };
        let (five, nine) = (signed(&honest, 5), signed(&honest, 9));
        for (worth, en) in [found(&five, &nine), found(&nine, &five)] {
            assert_eq!(worth, Worth::Open, "{kind:?}");
            assert!(en.starts_with("9 leaves") && en.contains("continue the 5 leaves"), "{kind:?}: {en}");
        }
        let (worth, en) = found(&nine, &signed(&other, 9));
        assert!(worth == Worth::Proven && en.contains("two different roots over 9 leaves"), "{kind:?}: {en}");
        let restored = of("gz.example/works/1", 7);
        for (worth, en) in [found(&nine, &restored), found(&restored, &nine)] {
            assert_eq!(worth, Worth::Open, "{kind:?}");
            assert!(en.contains("works/1 begins a new epoch after 9 leaves"), "{kind:?}: {en}");
        }
        let (worth, en) = found(&nine, &of("gz.example/works2", 9));
        assert!(worth == Worth::Void && en.contains("two logs"), "{kind:?}: {en}");
        assert_eq!(found(&nine, &nine).0, Worth::Void);
    }
}

#[test]
fn a_log_is_known_by_key_and_site_and_a_new_epoch_needs_a_person() {
    let mut rule = rule();
    rule.sites = vec!["works".into()];
    assert_eq!(rule.reads("gz.example/works"), Standing::Known);
    assert_eq!(rule.reads("gz.example/works/1"), Standing::NewEpoch("gz.example/works".into()));
    for origin in [
        "gz.example/other",
        "gz.example/",
        "gz.example",
        "gz.examples/works",
        "gz.example/works/01",
        "gz.example/works/0",
    ] {
        assert_eq!(rule.reads(origin), Standing::Unknown, "{origin}");
    }
    rule.epochs = vec!["gz.example/works/1".into()];
    assert_eq!(rule.reads("gz.example/works/1"), Standing::Known);
    assert_eq!(rule.reads("gz.example/works/2"), Standing::NewEpoch("gz.example/works".into()));
    assert_eq!(rule.reads("gz.example/works"), Standing::Unknown, "a log does not go on twice");
    rule.epochs.insert(0, "gz.example/works/3".into());
    assert_eq!(rule.reads("gz.example/works/3"), Standing::Known);
    assert_eq!(rule.reads("gz.example/works/1"), Standing::Unknown);

    let honest = history(0, LEAVES);
    let (key, verifier) = own();
    let signer = Signer { key: &key, verifier: &verifier, now_seconds: NOW };
    let before = Known::Head(decided(&Known::Never, &request(&honest, 0, 5)).head.unwrap());
    let checkpoint = Checkpoint { origin: "gz.example/works/1".into(), size: 2, root: tree::root(&honest[..2]) };
    let note = checkpoint.sign("gz.example", &log_key()).unwrap();
    let decision = new_epoch(&rule, &before, &ConsistencyProof { old: 0, hashes: Vec::new(), note }, &signer);
    assert_eq!((decision.status, decision.head), (404, None));
    assert_eq!(decision.conflict.unwrap().kind, ConflictKind::NewEpoch);
}
