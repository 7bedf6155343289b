//! Checkpoints somebody kept against bundles made later: the same history agrees, a rewritten one is refused though it is
//! whole, signed and consistent in itself.

#[path = "../../metrics/tests/fixture/mod.rs"]
mod fixture;

use fixture::{Log, SITE, World};
use metrics::{ReportRequest, evaluate};
use protocol::note::Checkpoint;
use protocol::{Leaf, LeafBody, SecretKey};
use verify::{KeptCheckpoints, Outcome, Severity, Trust, Verdict, verify, verify_with};

const EARLY: usize = 40;

fn log(seed: u64) -> Log {
    let mut log = Log::new(false);
    log.run(&World::new(seed, 2, None), true, |_, _| true);
    log
}

fn bundle(log: &Log) -> Vec<u8> {
    let request = ReportRequest::for_dates(log.size(), "2026-03-02", "2026-03-03", None);
    log.bundle(&evaluate(&log.history(), &request).unwrap().to_json().unwrap())
}

/// The checkpoint over the first leaves, as it was signed then.
fn checkpoint(log: &Log, leaves: usize) -> String {
    let mut early = log.clone();
    early.leaves.truncate(leaves);
    early.checkpoint()
}

fn compared(log: &Log, kept: &str) -> Outcome {
    let trust = Trust::parse(log.trust_json().as_bytes()).unwrap();
    let kept = KeptCheckpoints::parse(kept.as_bytes()).unwrap();
    verify_with(&bundle(log), Some(&trust), Some(&kept))
}

fn says(outcome: &Outcome, severity: Severity, en: &str, zh: &str) {
    let found = outcome
        .findings
        .iter()
        .any(|f| f.code == "kept" && f.severity == severity && f.en.contains(en) && f.zh.contains(zh));
    assert!(found, "wanted {en:?}: {:?}", outcome.findings);
}

#[test]
fn the_same_history_agrees_with_every_checkpoint_kept_of_it() {
    let log = log(17);
    let one = compared(&log, &checkpoint(&log, EARLY));
    assert_eq!(one.verdict, Verdict::Verified, "{:?}", one.findings);
    says(&one, Severity::Ok, "over its first 40 leaves", "前 40 条");
    // A gateway's file: several notes, each ended by a line of dashes, in any order.
    let file: String = [55, 7, 1, EARLY].map(|leaves| checkpoint(&log, leaves) + "-----\n").concat();
    let many = compared(&log, &file);
    assert_eq!(many.verdict, Verdict::Verified, "{:?}", many.findings);
    says(&many, Severity::Ok, "4 kept checkpoints agree with the log, the newest over its first 55", "4 个检查点");
}

#[test]
fn a_rewritten_history_is_refused_by_who_kept_an_earlier_checkpoint() {
    let (before, rewritten) = (log(17), log(18));
    let trust = Trust::parse(rewritten.trust_json().as_bytes()).unwrap();
    assert_eq!(verify(&bundle(&rewritten), Some(&trust)).verdict, Verdict::Verified, "nobody else could see it");
    let refused = compared(&rewritten, &checkpoint(&before, EARLY));
    assert_eq!(refused.verdict, Verdict::Refused);
    says(&refused, Severity::Refused, "the server rewrote its log after signing it", "改写了历史");
    let place = &refused.refusals().next().unwrap().place;
    assert_eq!(place, "the first 40 leaves");
    // One leaf between two kept checkpoints: the later one shows it.
    let mut one_leaf = before.clone();
    one_leaf.leaves[45].received_ms += 1;
    let file = checkpoint(&before, EARLY) + "-----\n" + &checkpoint(&before, 50) + "-----\n";
    let refused = compared(&one_leaf, &file);
    says(&refused, Severity::Refused, "the first 50 leaves", "前 50 条");
}

#[test]
fn what_proves_nothing_or_cannot_be_compared_is_refused_and_never_taken_for_agreement() {
    let log = log(17);
    let mut forger = log.clone();
    forger.log_key = SecretKey::from_seed(&[99; 32]);
    let forged = compared(&log, &checkpoint(&forger, EARLY));
    assert_eq!(forged.verdict, Verdict::Refused);
    says(&forged, Severity::Refused, "not signed by any log key of the trust file", "不能作为凭据");
    let mut longer = log.clone();
    longer.leaves.extend(log.leaves.iter().take(9).cloned());
    let newer = compared(&log, &longer.checkpoint());
    assert_eq!(newer.verdict, Verdict::Refused);
    says(&newer, Severity::Note, "newer than the bundle", "比佐证包新");
    says(&newer, Severity::Refused, "none of the kept checkpoints can be compared", "没有一个");
    let other = Checkpoint { origin: "test.example/elsewhere".into(), size: 3, root: protocol::sha256(b"x") };
    let other = compared(&log, &other.sign("test.example", &log.log_key).unwrap());
    assert_eq!(other.verdict, Verdict::Refused);
    says(&other, Severity::Note, "another log (test.example/elsewhere)", "另一份站点日志");
    // Without a trust file it agrees, and nobody says whose it is.
    let kept = KeptCheckpoints::parse(checkpoint(&log, EARLY).as_bytes()).unwrap();
    let outcome = verify_with(&bundle(&log), None, Some(&kept));
    assert_eq!(outcome.verdict, Verdict::ConsistentNotAnchored);
    says(&outcome, Severity::Note, "signatures of the kept checkpoints were not checked", "签名未核对");
    for nonsense in ["", "-----\n", "not a note", "\u{0}"] {
        assert!(KeptCheckpoints::parse(nonsense.as_bytes()).is_err(), "{nonsense:?}");
    }
}

#[test]
fn what_was_lost_by_a_restore_is_told_and_what_was_not_must_agree() {
    let before = log(17);
    let (old_size, restored_size) = (EARLY as u64 + 20, EARLY as u64);
    let epoch = LeafBody::Epoch {
        epoch: 1,
        old_size,
        old_root: protocol::sha256(b"old"),
        restored_size,
        cause: "restored".into(),
    };
    let mut restored = before.clone();
    restored.epoch = 1;
    let received_ms = restored.leaves[EARLY].received_ms;
    restored.leaves.insert(EARLY, Leaf { received_ms, body: epoch });
    let lost = compared(&restored, &checkpoint(&before, EARLY + 10));
    assert_eq!(lost.verdict, Verdict::Verified, "{:?}", lost.findings);
    says(&lost, Severity::Note, "those from 40 on were lost", "第 40 条起");
    let agrees = compared(&restored, &checkpoint(&before, EARLY));
    says(&agrees, Severity::Ok, "over its first 40 leaves", "前 40 条");
    let refused = compared(&restored, &checkpoint(&log(18), EARLY - 5));
    assert_eq!(refused.verdict, Verdict::Refused);
    // The new epoch has another origin.
    let after = Checkpoint::read_unverified(&restored.checkpoint()).unwrap();
    assert_eq!(after.origin, format!("test.example/{SITE}/1"));
    let agrees = compared(&restored, &restored.checkpoint());
    assert_eq!(agrees.verdict, Verdict::Verified, "{:?}", agrees.findings);
}
