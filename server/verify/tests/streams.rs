//! The bundle read where it lies: what is found does not depend on the number of threads, and a log that cannot be evaluated in
//! one pass is evaluated all the same.

#[path = "../../metrics/tests/fixture/mod.rs"]
mod fixture;

use std::sync::atomic::{AtomicUsize, Ordering};

use fixture::{HOUR, Log, MONDAY, World};
use metrics::pass::{Pass, PassError};
use metrics::{ReportRequest, evaluate};
use protocol::{Batch, Content, Gap, GapCause, GapStart, KeyChange, LeafBody, SecretKey, bundle};
use serde_json::json;
use verify::{Outcome, Settings, Severity, Source, Trust, Verdict, verify_source};

fn request(log: &Log, days: usize) -> ReportRequest {
    ReportRequest::for_dates(log.size(), "2026-03-02", &format!("2026-03-{:02}", days + 1), None)
}

fn with_threads(bundle: &[u8], trust: &Trust, threads: usize) -> Outcome {
    verify_source(&bundle, &Settings { threads, ..Settings::new(Some(trust), None) })
}

fn trust(log: &Log) -> Trust {
    Trust::parse(log.trust_json().as_bytes()).unwrap()
}

#[test]
fn what_is_found_does_not_depend_on_the_number_of_threads() {
    let mut log = Log::new(true);
    log.run(&World::new(4, 2, None), true, |_, minute| minute % 700 > 30);
    let report = evaluate(&log.history(), &request(&log, 2)).unwrap().to_json().unwrap();
    let good = log.bundle(&report);
    // Records altered here and there: many findings, of several steps.
    let mut altered = log.clone();
    for (number, content) in altered.contents.values_mut().enumerate().filter(|(number, _)| number % 5 == 0) {
        let at = number % content.len();
        content[at] ^= 0x10;
    }
    for leaf in altered.leaves.iter_mut().skip(40).step_by(90) {
        if let LeafBody::Record { signature, .. } = &mut leaf.body {
            signature.0[7] ^= 1;
        }
    }
    let altered = altered.bundle(&report);
    for (bundle, verdict) in [(good, Verdict::Verified), (altered, Verdict::Refused)] {
        let one = with_threads(&bundle, &trust(&log), 1);
        assert_eq!(one.verdict, verdict, "{:#?}", one.findings);
        for threads in [2, 5] {
            assert_eq!(with_threads(&bundle, &trust(&log), threads), one, "{threads} threads");
        }
    }
}

/// The threads check with the key they knew; the new one counts from the record after its announcement.
#[test]
fn a_key_that_changes_on_the_way_counts_at_once() {
    let mut log = Log::new(false);
    log.run(&World::new(4, 2, None), false, |_, _| true);
    let next = SecretKey::from_seed(&[77; 32]);
    log.record(log.end_ms(), &Content::KeyChange(KeyChange::new(&next)), None);
    let trusted = trust(&log);
    let old = std::mem::replace(&mut log.gateway_key, next);
    for hour in 1..400 {
        log.record(log.end_ms() + hour * 1_000, &Content::Batch(Batch::from_readings(vec![], vec![], vec![])), None);
    }
    let report = evaluate(&log.history(), &request(&log, 2)).unwrap().to_json().unwrap();
    for threads in [1, 3] {
        let found = with_threads(&log.bundle(&report), &trusted, threads);
        assert_eq!(found.verdict, Verdict::Verified, "{:#?}", found.findings);
    }
    // One record more with the old key.
    log.gateway_key = old;
    log.record(log.end_ms() + 500_000, &Content::Batch(Batch::from_readings(vec![], vec![], vec![])), None);
    let found = with_threads(&log.bundle(&report), &trusted, 3);
    let refusals: Vec<&str> = found.refusals().map(|f| f.code).collect();
    assert_eq!(refusals, ["signature"], "{:#?}", found.findings);
}

#[test]
fn what_comes_too_late_for_one_pass_is_evaluated_as_a_whole() {
    let days = 6;
    let mut log = Log::new(false);
    log.run(&World::new(9, days, None), false, |_, _| true);
    // A cycle time stated afterwards: known ahead to the verifier.
    log.declare("cycle_time", json!({"machine": "press", "item_us": 5_000_000}));
    // And a gap of four days ago, which nobody could know.
    let boot_ms = log.boot_ms(MONDAY + 30 * HOUR);
    let gap = Gap {
        tag: Some(1),
        from: GapStart { boot: None, boot_ms },
        to_boot_ms: boot_ms + HOUR,
        cause: GapCause::DeviceSilent,
    };
    log.record(log.end_ms() + 60_000, &Content::Batch(Batch::from_readings(vec![], vec![gap], vec![])), None);
    let request = request(&log, days);
    let mut pass = Pass::new(request.clone());
    let disturbed = log.leaves.iter().enumerate().try_for_each(|(i, leaf)| {
        let content = leaf.content_digest().and_then(|d| log.contents.get(&d));
        pass.push(i as u64, leaf, content.map(Vec::as_slice))
    });
    assert!(matches!(disturbed, Err(PassError::Disturbed(_))), "otherwise this tests nothing: {disturbed:?}");
    let report = evaluate(&log.history(), &request).unwrap().to_json().unwrap();
    let found = with_threads(&log.bundle(&report), &trust(&log), 2);
    assert_eq!(found.verdict, Verdict::Verified, "{:#?}", found.findings);
}

#[test]
fn the_figures_are_those_of_the_report_and_what_is_withheld_is_named() {
    let mut log = Log::new(false);
    log.run(&World::new(4, 3, None), false, |_, _| true);
    // The report is about the first date: contents two days later need not be there.
    let request = ReportRequest::for_dates(log.size(), "2026-03-02", "2026-03-02", None);
    let last = log.leaves.last().and_then(protocol::Leaf::content_digest).unwrap();
    let removed = log.contents.remove(&last).unwrap();
    let report = evaluate(&log.history(), &request).unwrap();
    let found = with_threads(&log.bundle(&report.to_json().unwrap()), &trust(&log), 2);
    assert_eq!(found.verdict, Verdict::Verified, "{:#?}", found.findings);
    let [withheld] = found.withheld.as_slice() else { panic!("{:?}", found.withheld) };
    let readings = match Content::decode(protocol::Kind::Batch, &removed) {
        Ok(Content::Batch(batch)) => batch.len() as u64,
        other => panic!("{other:?}"),
    };
    assert_eq!((withheld.gateway.as_str(), withheld.records, withheld.readings), (fixture::GATEWAY, 1, readings));
    // Days are taken whole, whatever the zone and the shifts: two days later is near enough to be named.
    assert_eq!((withheld.needed_records, withheld.needed_readings), (1, readings));
    let figures = found.figures.unwrap();
    let oee = figures.periods.iter().find(|f| f.machine == "press" && f.definition == "oee.iso22400@1").unwrap();
    let section = report.periods.iter().find(|s| s.machine == "press").unwrap();
    let line = section.line("oee.iso22400@1").unwrap();
    assert_eq!((&oee.value, &oee.lower, &oee.upper), (&line.value, &line.lower, &line.upper));
    assert!(oee.value.is_some() && oee.main && oee.from == "2026-03-02", "{oee:?}");
    assert!(found.findings.iter().any(|f| f.severity == Severity::Note && f.code == "content"));
}

/// A bundle on a disk that fails on the way.
struct Failing<'b> {
    bytes: &'b [u8],
    after: AtomicUsize,
}

impl Source for Failing<'_> {
    fn length(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn read(&self, offset: u64, buffer: &mut [u8]) -> std::io::Result<()> {
        use Ordering::Relaxed;
        if self.after.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1)).is_err() {
            return Err(std::io::Error::other("bad sector"));
        }
        self.bytes.read(offset, buffer)
    }
}

#[test]
fn a_bundle_that_cannot_be_read_to_its_end_is_never_accepted() {
    let mut log = Log::new(false);
    log.run(&World::new(4, 1, None), false, |_, _| true);
    let report = evaluate(&log.history(), &request(&log, 1)).unwrap().to_json().unwrap();
    let bundle = log.bundle(&report);
    let trust = trust(&log);
    let reads = |after: usize| {
        let failing = Failing { bytes: &bundle, after: after.into() };
        let found = verify_source(&failing, &Settings { threads: 1, ..Settings::new(Some(&trust), None) });
        let read = after - failing.after.load(Ordering::Relaxed);
        (found, read)
    };
    let (found, all) = reads(1_000_000);
    assert_eq!(found.verdict, Verdict::Verified);
    for after in 0..all {
        let (found, _) = reads(after);
        let refusals: Vec<_> = found.refusals().collect();
        assert_eq!(found.verdict, Verdict::Refused, "failing after {after} of {all} reads");
        // What the disk did is told, and not as something that somebody left out or that is no bundle.
        let is_told = refusals.iter().any(|f| f.en.contains("bad sector") && f.zh.contains("bad sector"));
        let blame = ["missing", "altered", "not a whole bundle", "cannot be used"];
        let is_blamed = refusals.iter().any(|f| blame.iter().any(|word| f.en.contains(word)));
        assert!(is_told && !is_blamed, "failing after {after} of {all} reads: {refusals:#?}");
        if after == 0 {
            let words = (refusals[0].zh.as_str(), refusals[0].en.as_str());
            assert!(
                words.0.contains("）：是磁盘、U 盘或网络盘的问题，对佐证包本身未作判断。请复制到本机磁盘后重试"),
                "{words:?}"
            );
            assert!(
                words.1.contains(
                    "): that is the disk's, and says nothing of the bundle; copy it to another disk and try again"
                ),
                "{words:?}"
            );
        }
    }
}

/// A bundle, and the most bytes of it that were asked for at once.
struct Watched<'b>(&'b [u8], AtomicUsize);

impl Source for Watched<'_> {
    fn length(&self) -> u64 {
        self.0.length()
    }

    fn read(&self, offset: u64, buffer: &mut [u8]) -> std::io::Result<()> {
        self.1.fetch_max(buffer.len(), Ordering::Relaxed);
        self.0.read(offset, buffer)
    }
}

/// A stranger says which content a leaf names; that it is ten thousand times as long as the leaf says costs nobody the memory.
#[test]
fn a_content_longer_than_its_leaf_says_is_refused_and_never_held() {
    let mut log = Log::new(false);
    log.run(&World::new(4, 2, None), false, |_, _| true);
    let report = evaluate(&log.history(), &request(&log, 2)).unwrap().to_json().unwrap();
    let is = |of: fn(&LeafBody) -> bool| log.leaves.iter().position(|leaf| of(&leaf.body)).unwrap();
    let batch =
        |body: &LeafBody| matches!(body, LeafBody::Record { header, .. } if header.kind == protocol::Kind::Batch);
    for index in [is(batch), is(|body| matches!(body, LeafBody::Declaration { .. }))] {
        let mut bent = log.clone();
        let digest = bent.leaves[index].content_digest().unwrap();
        bent.contents.get_mut(&digest).unwrap().resize(5 << 20, 7);
        let bundle = bent.bundle(&report);
        let watched = Watched(&bundle, AtomicUsize::new(0));
        let found = verify_source(&watched, &Settings { threads: 1, ..Settings::new(Some(&trust(&log)), None) });
        let place = format!("leaf {index}: ");
        let is_named = found.refusals().any(|f| f.code == "content" && f.place.starts_with(&place));
        assert!(is_named, "{:#?}", found.findings);
        let most = watched.1.into_inner();
        assert!(most < 1 << 20, "{most} bytes were read at once");
    }
}

#[test]
fn of_a_manifest_with_endless_files_the_first_are_named() {
    let mut log = Log::new(false);
    log.run(&World::new(4, 2, None), false, |_, _| true);
    let report = evaluate(&log.history(), &request(&log, 2)).unwrap().to_json().unwrap();
    let mut files = bundle::read(&log.bundle(&report)).unwrap();
    let mut manifest: serde_json::Value = serde_json::from_slice(&files.remove("manifest.json").unwrap()).unwrap();
    let listed = manifest["files"].as_array_mut().unwrap();
    let honest = listed.len();
    // Behind all others, in order.
    let entry = |n: usize| json!({"length": 1, "path": format!("zz/{n:06}"), "sha256": "ab".repeat(32)});
    listed.extend((0..20_000).map(entry));
    let manifest = protocol::canonical_json(&manifest).unwrap();
    let rest = files.iter().map(|(path, bytes)| (path.as_str(), bytes.as_slice()));
    let bundle = bundle::write_files([("manifest.json", manifest.as_slice())].into_iter().chain(rest)).unwrap();
    let found = with_threads(&bundle, &trust(&log), 2);
    let told: Vec<&verify::Finding> = found.refusals().filter(|f| f.code == "manifest").collect();
    assert!(told.len() < 1_100, "{} are told", told.len());
    let other = honest - files.keys().filter(|path| path.starts_with("contents/")).count();
    let all = format!("lists {} files or more, and the bundle has {}", other + 20_000, honest + 1);
    assert!(told[0].place == "manifest.json" && told[0].en.contains(&all), "{:?}", told[0]);
    assert_eq!((told[1].place.as_str(), told[1_000 - 1].place.as_str()), ("zz/000000", "zz/000998"));
    assert!(told[1_000].en.contains("more of the kind"), "{:?}", told[1_000]);
}
