//! What an honest bundle says, and what every kind of change to it makes verification say.

#[path = "../../metrics/tests/fixture/mod.rs"]
mod fixture;

use std::collections::BTreeMap;
use std::process::Command;

use fixture::{GATEWAY, Log, MONDAY, World};
use metrics::{ReportRequest, evaluate};
use protocol::bundle::{self, Files};
use protocol::{Batch, Content, Leaf, LeafBody, Record, SecretKey, tree};
use verify::{Finding, Outcome, Trust, Verdict, verify};

fn request(log: &Log) -> ReportRequest {
    ReportRequest::for_dates(log.size(), "2026-03-02", "2026-03-03", None)
}

fn report(log: &Log) -> Vec<u8> {
    evaluate(&log.history(), &request(log)).unwrap().to_json().unwrap()
}

fn honest() -> Log {
    let mut log = Log::new(false);
    log.run(&World::new(17, 2, None), true, |tag, m| (m + tag as usize) % 97 != 5);
    log
}

fn trust(log: &Log) -> Trust {
    Trust::parse(log.trust_json().as_bytes()).unwrap()
}

fn refusals(outcome: &Outcome) -> Vec<&Finding> {
    outcome.refusals().collect()
}

/// Verifies under the honest trust file and expects a refusal with this code at a place that contains `place`.
fn refused(bundle: &[u8], honest: &Log, code: &str, place: &str) {
    let outcome = verify(bundle, Some(&trust(honest)));
    assert_eq!(outcome.verdict, Verdict::Refused, "{code} {place}: {:?}", outcome.findings);
    let found = refusals(&outcome)
        .iter()
        .any(|f| f.code == code && f.place.contains(place) && !f.zh.is_empty() && !f.en.is_empty());
    assert!(found, "wanted {code} at {place}: {:?}", refusals(&outcome));
}

/// Takes an archive apart, lets `change` alter its files, and packs it again with a valid manifest.
fn repacked(bundle: &[u8], log: &Log, change: impl FnOnce(&mut Files)) -> Vec<u8> {
    let mut files = bundle::read(bundle).unwrap();
    files.remove("manifest.json");
    change(&mut files);
    // One more leaf than the log: the issue of the report.
    bundle::write(fixture::SITE, &log.origin(), log.size() + 1, &files).unwrap()
}

/// The leaf and index of the `n`-th batch.
fn batch_leaf(log: &Log, n: usize) -> (usize, Leaf) {
    let is_batch =
        |l: &Leaf| matches!(&l.body, LeafBody::Record { header, .. } if header.kind == protocol::Kind::Batch);
    log.leaves.iter().cloned().enumerate().filter(|(_, l)| is_batch(l)).nth(n).unwrap()
}

#[test]
fn an_honest_bundle_is_accepted_and_without_trust_only_consistent() {
    let log = honest();
    let bundle = log.bundle(&report(&log));
    let outcome = verify(&bundle, Some(&trust(&log)));
    assert_eq!(outcome.verdict, Verdict::Verified, "{:?}", outcome.findings);
    assert!(!outcome.simulated);
    assert_eq!(verify(&bundle, None).verdict, Verdict::ConsistentNotAnchored);
    let simulated = {
        let mut log = Log::new(true);
        log.run(&World::new(17, 2, None), false, |_, _| true);
        verify(&log.bundle(&report(&log)), Some(&trust(&log)))
    };
    assert!(simulated.simulated && simulated.verdict == Verdict::Verified);
}

#[test]
fn a_changed_report_is_refused_with_the_line_named() {
    let log = honest();
    let given = String::from_utf8(report(&log)).unwrap();
    let place = given.find("\"definition\":\"oee.iso22400@1\"").unwrap();
    let value = given[place..].find("\"value\":\"0.").unwrap() + place + 11;
    let mut altered = given.clone().into_bytes();
    altered[value] = if altered[value] == b'9' { b'8' } else { b'9' };
    refused(&log.bundle(&altered), &log, "report", "oee.iso22400@1");
    let other = given.replace("\"rounding\":\"six", "\"rounding\":\"two");
    refused(&log.bundle(other.as_bytes()), &log, "report", "rounding");
    refused(&log.bundle(b"{}"), &log, "report", "report.json");
}

#[test]
fn a_changed_reading_is_refused_even_when_every_digest_is_made_to_fit() {
    let log = honest();
    let bytes = log.bundle(&report(&log));
    let (index, leaf) = batch_leaf(&log, 10);
    let path = format!("contents/{}", leaf.content_digest().unwrap());
    let LeafBody::Record { header, signature, .. } = &leaf.body else { unreachable!() };
    let Content::Batch(mut batch) = Content::decode(header.kind, &log.contents[&header.content_digest]).unwrap() else {
        unreachable!()
    };
    if let protocol::content::Values::U64(values) = &mut batch.columns[1].values {
        values[5] += 1;
    }
    let forged = Content::Batch(batch).encode().unwrap();
    // Only the content: it is not the one the leaf names.
    let content_only = repacked(&bytes, &log, |files| {
        files.insert(path.clone(), forged.clone());
    });
    refused(&content_only, &log, "content", &format!("leaf {index}"));
    // Header, leaf, tree and checkpoint made to fit, signed by the real log key, but not by the gateway.
    let mut header = header.clone();
    header.content_digest = protocol::sha256(&forged);
    header.content_length = forged.len() as u32;
    let header_bytes = header.encode().unwrap();
    let mut fitted = honest();
    fitted.contents.insert(header.content_digest, forged);
    fitted.leaves[index].body = LeafBody::Record { header, header_bytes, signature: *signature };
    let forged_report = report(&fitted);
    refused(&fitted.bundle(&forged_report), &log, "signature", &format!("gateway {GATEWAY}"));
}

#[test]
fn a_changed_cycle_time_is_refused() {
    let log = honest();
    let bytes = log.bundle(&report(&log));
    let index = log
        .leaves
        .iter()
        .position(|l| matches!(&l.body, LeafBody::Declaration { kind, .. } if kind == "cycle_time"))
        .unwrap();
    let digest = log.leaves[index].content_digest().unwrap();
    let altered = String::from_utf8(log.contents[&digest].clone()).unwrap().replace("6000000", "7000000");
    let forged = repacked(&bytes, &log, |files| {
        files.insert(format!("contents/{digest}"), altered.into_bytes());
    });
    refused(&forged, &log, "content", &format!("leaf {index}"));
    let withheld = repacked(&bytes, &log, |files| {
        files.remove(&format!("contents/{digest}"));
    });
    refused(&withheld, &log, "content", &format!("leaf {index}"));
}

#[test]
fn leaves_cannot_be_left_out_changed_or_reordered() {
    let log = honest();
    let bytes = log.bundle(&report(&log));
    let entries = bundle::read(&bytes).unwrap().into_keys().find(|p| p.starts_with("tile/entries/")).unwrap();
    let alter = |change: &dyn Fn(&mut Vec<Vec<u8>>)| {
        repacked(&bytes, &log, |files| {
            let mut leaves: Vec<Vec<u8>> =
                tree::decode_entries(&files[&entries]).unwrap().into_iter().map(<[u8]>::to_vec).collect();
            change(&mut leaves);
            files.insert(entries.clone(), tree::encode_entries(leaves.iter().map(Vec::as_slice)).unwrap());
        })
    };
    for change in [
        &(|l: &mut Vec<Vec<u8>>| {
            l.remove(3);
        }) as &dyn Fn(&mut Vec<Vec<u8>>),
        &|l: &mut Vec<Vec<u8>>| l.swap(9, 10),
        &|l: &mut Vec<Vec<u8>>| {
            let n = l[12].len();
            l[12][n - 20] ^= 1;
        },
    ] {
        let outcome = verify(&alter(change), Some(&trust(&log)));
        assert_eq!(outcome.verdict, Verdict::Refused, "{:?}", outcome.findings);
    }
    // A record left out of a log that is otherwise made to fit leaves a hole in the chain.
    let mut holed = honest();
    let (index, _) = batch_leaf(&holed, 7);
    holed.leaves.remove(index);
    refused(&holed.bundle(&report(&holed)), &log, "chain", &format!("leaf {index}"));
}

#[test]
fn a_restore_from_a_backup_excuses_no_hole() {
    let with_epoch = |is_instead: bool| {
        let mut log = honest();
        let (index, leaf) = batch_leaf(&log, 7);
        let (old_size, old_root) = (index as u64 + 2, protocol::sha256(b"old"));
        let body = LeafBody::Epoch { epoch: 1, old_size, old_root, restored_size: index as u64, cause: "x".into() };
        let leaf = Leaf { received_ms: leaf.received_ms, body };
        log.epoch = 1;
        if is_instead {
            log.leaves[index] = leaf
        } else {
            log.leaves.insert(index, leaf)
        }
        (log, index)
    };
    let (holed, index) = with_epoch(true);
    refused(&holed.bundle(&report(&holed)), &holed, "chain", &format!("leaf {}", index + 1));
    let (restored, index) = with_epoch(false);
    let outcome = verify(&restored.bundle(&report(&restored)), Some(&trust(&restored)));
    assert_eq!(outcome.verdict, Verdict::Verified, "{:?}", outcome.findings);
    assert!(outcome.findings.iter().any(|f| f.code == "epoch"));
    // Under the old name, or in another place than it says, it would excuse what was rewritten before it.
    let mut unnamed = restored.clone();
    unnamed.epoch = 0;
    refused(&unnamed.bundle(&report(&unnamed)), &unnamed, "epoch", "checkpoint");
    let mut elsewhere = restored;
    elsewhere.leaves.swap(index, index - 1);
    refused(&elsewhere.bundle(&report(&elsewhere)), &elsewhere, "epoch", &format!("leaf {}", index - 1));
}

#[test]
fn a_report_that_was_never_issued_is_refused() {
    let log = honest();
    let picked = ReportRequest::for_dates(log.size(), "2026-03-02", "2026-03-02", None);
    let picked = evaluate(&log.history(), &picked).unwrap().to_json().unwrap();
    refused(&log.bundle_as_is(&picked), &log, "issued", "report.json");
    // In an honest bundle, beside the issue of another report.
    let forged = repacked(&log.bundle(&report(&log)), &log, |files| {
        files.insert("report.json".into(), picked.clone());
    });
    refused(&forged, &log, "issued", "report.json");
}

#[test]
fn a_lost_range_may_begin_inside_what_is_held_and_never_hides_a_hole() {
    let with_lost = |from_offset: i64, to: u64| {
        let mut log = honest();
        let lost = protocol::Lost {
            from: log.sequence().strict_add_signed(from_offset),
            to,
            cause: protocol::LostCause::Trimmed,
            previous: protocol::Digest::ZERO,
            next: protocol::Digest::ZERO,
            receipt: Vec::new(),
        };
        log.lost(lost);
        log
    };
    let next = honest().sequence();
    for (from_offset, to, is_good) in
        [(0, next, true), (-2, next + 3, true), (-2, next - 2, false), (1, next + 3, false)]
    {
        let log = with_lost(from_offset, to);
        let outcome = verify(&log.bundle(&report(&log)), Some(&trust(&log)));
        assert_eq!(outcome.verdict == Verdict::Verified, is_good, "{from_offset} {to}: {:?}", outcome.findings);
    }
}

#[test]
fn after_a_key_change_a_new_enrolment_counts() {
    let mut log = honest();
    let (old, new) = (log.gateway_key.clone(), SecretKey::from_seed(&[77; 32]));
    let change = Content::KeyChange(protocol::KeyChange::new(&new));
    log.record(log.end_ms(), &change, None);
    log.gateway_key = new;
    log.record(log.end_ms(), &Content::Configuration(Log::configuration()), None);
    // Without the trust of the first key nothing is trusted; with it, the chain of keys is.
    let first = |log: &Log| {
        let mut log = log.clone();
        log.gateway_key = old.clone();
        log
    };
    let verified = |log: &Log| verify(&log.bundle(&report(log)), Some(&trust(&first(log))));
    assert_eq!(verified(&log).verdict, Verdict::Verified, "{:?}", verified(&log).findings);
    // Enrolled again with the first key: from here on that one signs, and the announced one no more.
    log.declare("gateway_enrolled", serde_json::json!({"gateway": GATEWAY, "key": old.public().hex()}));
    let stale = log.clone();
    log.gateway_key = old.clone();
    log.record(log.end_ms(), &Content::Configuration(Log::configuration()), None);
    assert_eq!(verified(&log).verdict, Verdict::Verified, "{:?}", verified(&log).findings);
    let mut stale = stale;
    stale.record(stale.end_ms(), &Content::Configuration(Log::configuration()), None);
    assert!(refusals(&verified(&stale)).iter().any(|f| f.code == "signature"));
}

#[test]
fn a_box_that_was_replaced_is_told_and_a_revoked_one_says_nothing_more() {
    let mut log = honest();
    let (old, new) = (log.gateway_key.clone(), SecretKey::from_seed(&[78; 32]));
    let configuration = Content::Configuration(Log::configuration());
    log.declare("gateway_revoked", serde_json::json!({"gateway": GATEWAY}));
    // Whoever has the old box, or the server, may go on with its key: not in this log.
    let mut stale = log.clone();
    stale.record(stale.end_ms(), &configuration, None);
    let found = verify(&stale.bundle(&report(&stale)), Some(&trust(&stale)));
    assert!(refusals(&found).iter().any(|f| f.code == "gateway" && f.en.contains("was revoked")), "{found:?}");
    log.declare("gateway_enrolled", serde_json::json!({"gateway": GATEWAY, "key": new.public().hex()}));
    log.gateway_key = new;
    log.record(log.end_ms(), &configuration, None);
    // The trust file names both boxes of the one gateway.
    let mut both: serde_json::Value = serde_json::from_str(&log.trust_json()).unwrap();
    let mut first = both["gateways"][0].clone();
    let bytes = log.bundle(&report(&log));
    let only_new = verify(&bytes, Some(&trust(&log)));
    assert!(refusals(&only_new).iter().any(|f| f.code == "gateway"), "the old box is trusted by nobody: {only_new:?}");
    first["key_sha256"] = old.public().fingerprint().hex().into();
    both["gateways"].as_array_mut().unwrap().push(first);
    let both = Trust::parse(both.to_string().as_bytes()).unwrap();
    let found = verify(&bytes, Some(&both));
    assert_eq!(found.verdict, Verdict::Verified, "{:?}", found.findings);
    let said: Vec<&str> = found.findings.iter().filter(|f| f.code == "gateway").map(|f| f.en.as_str()).collect();
    assert!(said[0].contains("was revoked") && said[1].contains("was replaced"), "{said:?}");
}

#[test]
fn other_keys_are_refused() {
    let log = honest();
    let mut resigned = honest();
    resigned.log_key = SecretKey::from_seed(&[99; 32]);
    let outcome = verify(&resigned.bundle(&report(&resigned)), Some(&trust(&log)));
    assert_eq!(outcome.verdict, Verdict::Refused, "another log key");
    assert!(refusals(&outcome).iter().any(|f| f.place.contains("checkpoint")), "{:?}", refusals(&outcome));
    assert_eq!(verify(&resigned.bundle(&report(&resigned)), None).verdict, Verdict::ConsistentNotAnchored);
    // A whole log made anew with a gateway key of one's own, under the real log key.
    let mut trust_other = serde_json::from_str::<serde_json::Value>(&log.trust_json()).unwrap();
    trust_other["gateways"][0]["key_sha256"] = "ab".repeat(32).into();
    let outcome = verify(&log.bundle(&report(&log)), Some(&Trust::parse(trust_other.to_string().as_bytes()).unwrap()));
    assert!(refusals(&outcome).iter().any(|f| f.code == "gateway"), "{:?}", refusals(&outcome));
}

#[test]
fn a_record_of_another_chain_position_or_site_is_refused() {
    let log = honest();
    let (index, leaf) = batch_leaf(&log, 4);
    let LeafBody::Record { header, .. } = &leaf.body else { unreachable!() };
    let content = log.contents[&header.content_digest].clone();
    for (code, change) in [
        ("chain", (|h: &mut protocol::Header| h.previous = protocol::sha256(b"x")) as fn(&mut protocol::Header)),
        ("chain", |h| h.sequence += 5),
        ("chain", |h| h.site = "other".parse().unwrap()),
    ] {
        let mut header = header.clone();
        change(&mut header);
        let record = Record::sign(header, content.clone(), &log.gateway_key).unwrap();
        let mut forged = honest();
        forged.leaves[index] = Leaf::record(leaf.received_ms, &record);
        refused(&forged.bundle(&report(&log)), &log, code, &format!("leaf {index}"));
    }
}

#[test]
fn every_flipped_byte_of_a_small_bundle_is_refused_or_changes_nothing() {
    let mut log = Log::new(false);
    log.record(MONDAY, &Content::Batch(Batch::default()), None);
    let bytes = log.bundle(&report(&log));
    let files = bundle::read(&bytes).unwrap();
    let step = (bytes.len() / 400).max(1);
    for at in (0..bytes.len()).step_by(step) {
        let mut flipped = bytes.clone();
        flipped[at] ^= 0x20;
        let outcome = verify(&flipped, Some(&trust(&log)));
        let same = bundle::read(&flipped).is_ok_and(|f: BTreeMap<_, _>| f == files);
        assert!(outcome.verdict == Verdict::Refused || same, "byte {at} of {}: {:?}", bytes.len(), outcome.findings);
    }
    for cut in [0, 1, bytes.len() / 2, bytes.len() - 1] {
        assert_eq!(verify(&bytes[..cut], None).verdict, Verdict::Refused);
    }
}

/// The second reader: Python, written from the documents alone. It needs the modules `cryptography` and `zstandard`;
/// `cargo xtask test` names a Python that has them in `GZ_PYTHON`. Where there is none the test says so and checks nothing; under
/// CI that is a failure.
#[test]
fn a_second_reader_in_another_language_agrees() {
    let reader = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/second_reader/verify.py");
    let python = std::env::var_os("GZ_PYTHON").unwrap_or_else(|| "python3".into());
    let has = Command::new(&python).args(["-c", "import zstandard, cryptography"]).status();
    if !has.is_ok_and(|s| s.success()) {
        assert!(
            std::env::var_os("CI").is_none(),
            "no Python with cryptography and zstandard; under CI nothing is skipped"
        );
        // Past the harness, which keeps what a passing test prints to itself.
        let told = std::io::Write::write_all(
            &mut std::io::stderr().lock(),
            format!("SKIPPED the second reader: {python:?} has no cryptography and zstandard\n").as_bytes(),
        );
        told.unwrap();
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (bundle_path, trust_path) = (folder.path().join("b.zip"), folder.path().join("trust.json"));
    let run_with = |bundle: &[u8], trust: &str| {
        std::fs::write(&bundle_path, bundle).unwrap();
        std::fs::write(&trust_path, trust).unwrap();
        let line = ["press", "2026-03-03", "day"];
        let out = Command::new(&python).arg(reader).args([&bundle_path, &trust_path]).args(line).output().unwrap();
        (out.status.code(), String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr))
    };
    let run = |bundle: &[u8], log: &Log| run_with(bundle, &log.trust_json());
    for seed in 0..6 {
        let mut log = Log::new(seed % 2 == 1);
        log.run(&World::new(seed, 2, None), seed > 1, |tag, m| {
            seed == 0 || (m * 31 + tag as usize * 7) % 89 > seed as usize * 3
        });
        let given = report(&log);
        let bytes = log.bundle(&given);
        let (code, said) = run(&bytes, &log);
        assert!(code == Some(0) && said.contains("OEE 0."), "seed {seed}: {said}");
        let (index, leaf) = batch_leaf(&log, 3);
        let path = format!("contents/{}", leaf.content_digest().unwrap());
        let forged = repacked(&bytes, &log, |files| files.get_mut(&path).unwrap()[30] ^= 1);
        let (code, said) = run(&forged, &log);
        assert!(code == Some(1) && said.contains(&format!("leaf {index}")), "{said}");
        let text = String::from_utf8(given).unwrap();
        // The press is the last machine by name, and the third the last date.
        let at = text.rfind("\"definition\":\"oee.iso22400@1\"").unwrap();
        let digit = at + text[at..].find("\"numerator\":\"").unwrap() + 13;
        let mut altered = text.into_bytes();
        altered[digit] = if altered[digit] == b'9' { b'8' } else { b'9' };
        assert_eq!(run(&log.bundle(&altered), &log).0, Some(1));
    }

    // What can happen to a chain: the gateway changes its key, loses records and says so; and what must not: a hole.
    let eventful = |change: &dyn Fn(&mut Log, usize)| {
        let mut log = Log::new(false);
        let days = World::new(3, 2, None);
        log.run(&days, true, |_, _| true);
        let ours = log.clone();
        let mut log = Log::new(false);
        for (n, leaf) in ours.leaves.iter().enumerate().skip(log.leaves.len()) {
            change(&mut log, n);
            let LeafBody::Record { header, .. } = &leaf.body else { continue };
            let content = Content::decode(header.kind, &ours.contents[&header.content_digest]).unwrap();
            let span = (log.utc(header.first_ms), log.utc(header.last_ms));
            log.record(header.clock.wall_ms, &content, Some(span));
        }
        log
    };
    let new_key = SecretKey::from_seed(&[8; 32]);
    let key_change = |log: &mut Log| {
        log.record(log.end_ms(), &Content::KeyChange(protocol::KeyChange::new(&new_key)), None);
        log.gateway_key = new_key.clone();
    };
    let lost = |log: &mut Log, next: protocol::Digest| {
        let from = log.sequence();
        log.lost(protocol::Lost {
            from,
            to: from + 4,
            cause: protocol::LostCause::Damaged,
            previous: protocol::Digest::ZERO,
            next,
            receipt: Vec::new(),
        });
    };
    let first = Log::new(false);
    let trusted = |mut log: Log| {
        log.gateway_key = first.gateway_key.clone();
        log
    };
    let honest = eventful(&|log, n| match n {
        20 => key_change(log),
        30 => lost(log, protocol::Digest::ZERO),
        _ => {}
    });
    let bytes = honest.bundle(&report(&honest));
    let ours = verify(&bytes, Some(&trust(&trusted(honest.clone()))));
    assert_eq!(ours.verdict, Verdict::Verified, "{:?}", ours.findings);
    let (code, said) = run(&bytes, &trusted(honest));
    assert!(code == Some(0) && said.contains("OEE 0."), "{said}");

    // Revoked and enrolled again with the same key, it goes on.
    let again = eventful(&|log, n| {
        if n == 20 {
            log.declare("gateway_revoked", serde_json::json!({"gateway": GATEWAY}));
            let key = log.gateway_key.public().hex();
            log.declare("gateway_enrolled", serde_json::json!({"gateway": GATEWAY, "key": key}));
        }
    });
    let bytes = again.bundle(&report(&again));
    assert_eq!(verify(&bytes, Some(&trust(&again))).verdict, Verdict::Verified);
    assert_eq!(run(&bytes, &again).0, Some(0));
    // One key for two witnesses: no trust file.
    let mut twice: serde_json::Value = serde_json::from_str(&again.trust_json()).unwrap();
    let witness = |name: &str| {
        let key = protocol::cosignature::WitnessKey::new(name, new_key.public()).unwrap();
        serde_json::json!({"key": key.to_string(), "operator": {"zh": name}})
    };
    twice["witnesses"] = serde_json::json!([witness("w1"), witness("w2")]);
    assert!(Trust::parse(twice.to_string().as_bytes()).is_err());
    let (code, said) = run_with(&bytes, &twice.to_string());
    assert!(code == Some(1) && said.contains("a witness key is there twice"), "{said}");

    type Change<'a> = (&'a str, &'a dyn Fn(&mut Log, usize));
    let hole = |log: &mut Log, n: usize| {
        if n == 30 {
            log.skip(1);
        }
    };
    // A Lost that names the record after it wrongly, and one that stands for another range than its place.
    let elsewhere = |log: &mut Log, n: usize| {
        if n == 30 {
            lost(log, protocol::Digest([5; 32]));
        }
    };
    let behind_a_lost = |log: &mut Log, n: usize| {
        if n == 30 {
            log.skip(3);
            lost(log, protocol::Digest::ZERO);
        }
    };
    let unannounced = |log: &mut Log, n: usize| {
        if n == 20 {
            log.gateway_key = new_key.clone();
        }
    };
    let revoked = |log: &mut Log, n: usize| {
        if n == 20 {
            log.declare("gateway_revoked", serde_json::json!({"gateway": GATEWAY}));
        }
    };
    let refused: [Change<'_>; 5] = [
        ("gateway revoked", &revoked),
        ("a hole", &hole),
        ("chain broken", &elsewhere),
        ("a hole", &behind_a_lost),
        ("a signature does not hold", &unannounced),
    ];
    for (words, change) in refused {
        let log = eventful(change);
        let given = report(&log);
        let log = trusted(log);
        let bytes = log.bundle(&given);
        assert_eq!(verify(&bytes, Some(&trust(&log))).verdict, Verdict::Refused, "{words}: ours");
        let (code, said) = run(&bytes, &log);
        assert!(code == Some(1) && said.contains("refused: ") && said.contains(words), "{words}: {said}");
    }
}

#[test]
fn an_archive_that_would_exhaust_the_memory_is_refused_in_both_languages() {
    let zeros = vec![0; 9 * 1024 * 1024];
    let names: Vec<String> = (0..9).map(|n| format!("tile/entries/{n:03}")).collect();
    let bomb = bundle::write_files(names.iter().map(|name| (name.as_str(), zeros.as_slice()))).unwrap();
    let outcome = verify(&bomb, None);
    assert_eq!(outcome.verdict, Verdict::Refused);
    let found = refusals(&outcome);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].en.contains("not opened, so that it cannot exhaust the memory"), "{}", found[0].en);
    assert!(found[0].zh.contains("为避免耗尽内存，未予打开"), "{}", found[0].zh);
}

#[test]
fn a_version_to_come_and_an_unknown_key_are_told_in_both_languages() {
    let log = honest();
    let bytes = log.bundle(&report(&log));
    let mut files = bundle::read(&bytes).unwrap();
    let manifest = String::from_utf8(files.remove("manifest.json").unwrap()).unwrap();
    let newer = manifest.replace("\"version\":1}", "\"version\":2}");
    let rest = files.iter().map(|(path, bytes)| (path.as_str(), bytes.as_slice()));
    let newer = bundle::write_files([("manifest.json", newer.as_bytes())].into_iter().chain(rest)).unwrap();
    let mut stranger = log.clone();
    stranger.log_key = SecretKey::from_seed(&[99; 32]);
    let unknown = stranger.bundle(&report(&stranger));
    for (bundle, place, en, zh) in [
        (
            newer,
            "manifest.json",
            "the bundle is of version 2, and this program knows version 1; use a newer verifier",
            "版；请使用新版核验程序",
        ),
        (
            unknown,
            "checkpoint",
            "not signed by any log key of the trust file",
            "检查点的签名不属于信任文件中的任何站点日志密钥",
        ),
    ] {
        let outcome = verify(&bundle, Some(&trust(&log)));
        let told = refusals(&outcome).iter().any(|f| f.place == place && f.en.contains(en) && f.zh.contains(zh));
        assert!(told && outcome.verdict == Verdict::Refused, "{en}: {:?}", outcome.findings);
    }
}
