//! Tampering: an attacker who has the server's disk and database packs a bundle again so that every checksum fits, and is refused,
//! with the reason naming the place; also when he has the server's key, and keys of gateways, as long as a witness or a kept checkpoint
//! stands against him. `docs/concepts/tampering.md` counts the kinds, `docs/concepts/not-caught.md` says what is not caught.
//!
//! Constraints
//! 1. Every attempt is judged by the exact set of steps that may refuse it: a checksum that does not fit would be a failure of the
//!    test, because the attacker packs well.
//! 2. What the server's key alone may change is asked of two readers: one who knows keys alone accepts it, or the table lies about what
//!    stands in the attacker's way; one with witnesses and kept checkpoints refuses.

#![allow(unreachable_pub, reason = "modules of one test, as the fixture is")]

#[path = "../../metrics/tests/fixture/mod.rs"]
mod fixture;
mod tampering {
    pub mod corpus;
    pub mod forge;
    pub mod kinds;
    pub mod said;
    pub mod site;
}

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{LazyLock, Mutex};

use protocol::Digest;
use tampering::corpus::{CORPUS, Corpus, LIGHT, MET};
use tampering::kinds::{self, Answer, Attempt, Change, Class, Kind, proofs};
use verify::{KeptCheckpoints, Outcome, Settings, Trust, Verdict, check_proof, verify_source};

/// What the threat model promises.
const KINDS_MIN: usize = 200;

fn read(bundle: &[u8], trust: &Trust, kept: Option<&KeptCheckpoints>) -> Outcome {
    verify_source(&bundle, &Settings { threads: 1, ..Settings::new(Some(trust), kept) })
}

/// Whether the pieces of a place stand in it, in order.
fn names(place: &str, wanted: &str) -> bool {
    let mut rest = place;
    wanted.split(" … ").all(|piece| match rest.split_once(piece) {
        Some((_, behind)) => {
            rest = behind;
            true
        }
        None => false,
    })
}

/// What is wrong with an outcome, measured by the answer wanted; `accepted` is what a reader says who has nothing against it.
fn judge(outcome: &Outcome, answer: &Answer, accepted: Verdict) -> Option<String> {
    let refusals: Vec<_> = outcome.refusals().collect();
    let told: Vec<String> = refusals.iter().map(|f| format!("{} [{}] {}", f.code, f.place, f.en)).collect();
    if answer.must.is_empty() {
        return (outcome.verdict != accepted).then(|| format!("wanted: accepted; {told:#?}"));
    }
    if outcome.verdict != Verdict::Refused {
        return Some(format!("NOT REFUSED; wanted {:?}", answer.must));
    }
    let missing = answer.must.iter().find(|(code, place)| {
        !refusals.iter().any(|f| f.code == *code && names(&f.place, place) && !f.zh.is_empty() && !f.en.is_empty())
    });
    let mut allowed: BTreeSet<&str> =
        answer.must.iter().map(|(code, _)| *code).chain(answer.may.iter().copied()).collect();
    if allowed.contains("report") || allowed.contains("issued") {
        // Documents were issued with the report that the log names, and with no other.
        allowed.insert("document");
    }
    let more = refusals.iter().find(|f| !allowed.contains(f.code));
    match (missing, more) {
        (Some(missing), _) => Some(format!("wanted {missing:?}; {told:#?}")),
        (None, Some(more)) => Some(format!("refused by {} as well; {told:#?}", more.code)),
        (None, None) => None,
    }
}

/// What came of one kind.
struct Judged {
    class: Class,
    name: String,
    /// SHA-256 of every attempt.
    digests: Vec<Digest>,
    /// Steps that refused, as wanted: of somebody without the log's key, and of the server.
    steps: [BTreeSet<&'static str>; 2],
    wrong: Vec<String>,
}

impl Judged {
    fn of(corpus: &Corpus, kind: &Kind) -> Self {
        let kept = corpus.kept();
        let (mut digests, mut steps, mut wrong) = (Vec::new(), [BTreeSet::new(), BTreeSet::new()], Vec::new());
        for attempt in kind.attempts(corpus) {
            let Attempt { by, bundle, keys, witnessed } = &attempt;
            digests.push(protocol::sha256(bundle));
            let full = (witnessed, &corpus.witnessed, Some(&kept));
            for (answer, trust, kept) in keys.iter().map(|keys| (keys, &corpus.keys, None)).chain([full]) {
                steps[usize::from(*by == "server")].extend(answer.must.iter().map(|(step, _)| *step));
                let reader = if kept.is_some() { "with witnesses" } else { "keys alone" };
                let why = judge(&read(bundle, trust, kept), answer, corpus.accepted());
                wrong.extend(why.map(|why| format!("{} (by {by}, read {reader}): {why}", kind.name)));
            }
        }
        Self { class: kind.class, name: kind.name.clone(), digests, steps, wrong }
    }
}

/// Every kind, tried on all cores.
static JUDGED: LazyLock<Vec<Judged>> = LazyLock::new(|| {
    let of = |corpus: &'static Corpus, kinds: Vec<Kind>| kinds.into_iter().map(move |kind| (corpus, kind));
    let kinds: Vec<_> = of(&CORPUS, kinds::all(&CORPUS)).chain(of(&LIGHT, kinds::light::kinds(&LIGHT))).collect();
    let (next, done) = (AtomicUsize::new(0), Mutex::new(BTreeMap::new()));
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, std::num::NonZero::get) {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some((corpus, kind)) = kinds.get(at) else { break };
                    let judged = Judged::of(corpus, kind);
                    done.lock().unwrap().insert(at, judged);
                }
            });
        }
    });
    done.into_inner().unwrap().into_values().collect()
});

#[test]
fn the_untouched_bundle_is_accepted_by_every_reader() {
    for corpus in [&*CORPUS, &*MET, &*LIGHT] {
        let bundle = corpus.copy.pack();
        for (trust, kept) in
            [(&corpus.keys, None), (&corpus.witnessed, None), (&corpus.witnessed, Some(&corpus.kept()))]
        {
            let outcome = read(&bundle, trust, kept);
            assert_eq!(outcome.verdict, corpus.accepted(), "{:#?}", outcome.findings);
            let needed = outcome.withheld.iter().filter(|withheld| withheld.needed_records > 0).count();
            let (withheld, lacking) = if corpus.copy.is_light { (2, 2) } else { (1, 0) };
            assert_eq!((outcome.withheld.len(), needed), (withheld, lacking), "a day nobody needs is withheld");
        }
        let mut again = corpus.copy.clone();
        again.recompute("");
        assert!(again.report == corpus.copy.report && again.leaves == corpus.copy.leaves, "his tools add nothing");
    }
}

#[test]
fn every_kind_of_tampering_is_refused_at_its_place() {
    let wrong: Vec<&String> = JUDGED.iter().flat_map(|judged| &judged.wrong).collect();
    assert!(wrong.is_empty(), "{}\n{wrong:#?}", wrong.len());
}

#[test]
fn the_kinds_are_two_hundred_and_no_two_are_one() {
    let names: BTreeSet<&str> = JUDGED.iter().map(|judged| judged.name.as_str()).collect();
    assert!(names.len() == JUDGED.len() && names.len() >= KINDS_MIN, "{} kinds, {} names", JUDGED.len(), names.len());
    let untouched = [&*CORPUS, &*LIGHT].map(|corpus| (protocol::sha256(&corpus.copy.pack()), "untouched"));
    let mut seen = BTreeMap::from(untouched);
    for judged in JUDGED.iter() {
        for digest in &judged.digests {
            assert_eq!(seen.insert(*digest, &judged.name), None, "{} gives bytes that were there", judged.name);
        }
    }
}

/// Where a target is met, nobody makes it more, or less.
#[test]
fn a_verdict_that_is_given_cannot_be_altered() {
    let report = String::from_utf8(MET.copy.report.clone()).unwrap();
    assert!(report.contains("\"verdict\":\"MET\"") && report.contains("\"confirmed\":true"));
    for kind in kinds::report::promises(&MET) {
        assert!(matches!(kind.change, Change::Report(_)));
        let attempt = kind.attempts(&MET).swap_remove(0);
        let said = read(&attempt.bundle, &MET.witnessed, Some(&MET.kept()));
        let why = judge(&said, &attempt.witnessed, MET.accepted());
        assert_eq!(why, None, "{}", kind.name);
    }
}

#[test]
fn every_tampered_proof_is_refused() {
    let corpus = &*CORPUS;
    let older = corpus.copy.checkpoint(proofs::OLD, &corpus.log_key);
    let check = |text: &str| check_proof(text, Some(&corpus.witnessed), Some(&older));
    let honest = [proofs::inclusion(&corpus.copy).encode(), proofs::consistency(&corpus.copy).encode()];
    for text in &honest {
        let outcome = check(text);
        assert_eq!(outcome.verdict, Verdict::Verified, "{:#?}", outcome.findings);
    }
    let mut seen = BTreeSet::from(honest);
    for proof in proofs::all(corpus) {
        let outcome = check(&proof.text);
        let is_named = outcome.refusals().any(|f| f.code == proof.refused && !f.zh.is_empty());
        assert!(outcome.verdict == Verdict::Refused && is_named, "{}: {:#?}", proof.name, outcome.findings);
        assert!(seen.insert(proof.text), "{} gives bytes that were there", proof.name);
    }
}

#[test]
fn the_page_counts_the_kinds_and_names_the_steps() {
    let mut rows: BTreeMap<Class, (usize, [BTreeSet<&str>; 2])> = BTreeMap::new();
    for judged in JUDGED.iter() {
        let (kinds, steps) = rows.entry(judged.class).or_default();
        *kinds += 1;
        steps.iter_mut().zip(&judged.steps).for_each(|(all, own)| all.extend(own));
    }
    let proofs = proofs::all(&CORPUS);
    let steps = proofs.iter().map(|proof| proof.refused).collect();
    rows.insert(Class::Proofs, (proofs.len(), [steps, BTreeSet::new()]));
    let told = |steps: &BTreeSet<&str>| match steps.iter().map(|step| format!("`{step}`")).collect::<Vec<_>>().join(" ")
    {
        none if none.is_empty() => "–".to_owned(),
        steps => steps,
    };
    let total: usize = rows.values().map(|(kinds, _)| kinds).sum();
    let row = |(class, (kinds, [disk, server])): (&Class, &(usize, [BTreeSet<&str>; 2]))| {
        format!("| {} | {kinds} | {} | {} |\n", class.words(), told(disk), told(server))
    };
    let table: String = rows.iter().map(row).collect::<String>() + &format!("| **together** | **{total}** | | |\n");
    let page =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/concepts/tampering.md")).unwrap();
    assert!(page.contains(&table), "docs/concepts/tampering.md should say:\n{table}");
}
