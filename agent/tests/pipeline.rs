//! The whole agent in one process against a server that can misbehave: what was observed arrives exactly once, or lies in a gap
//! whose cause is true.

mod support;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use agent::buffer;
use agent::clock::{Clock as _, ClockReading, SharedClock, SyncState, SystemClock};
use agent::event::{Reading, SourceEvent, TagIndex};
use agent::identity::{Enrolment, load_or_create_key};
use agent::pipeline::{self, Setup, SourceContext, UplinkSettings};
use agent::status::Status;
use agent::uplink::{delivery, kept};
use protocol::content::{DeviceConfig, Ratio, TagConfig};
use protocol::{Configuration, Content, GapCause, Kind, Quality, RefusalReason, SecretKey, Value, ValueType};
use support::FakeServer;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

const TAGS: usize = 3;
const POLL_MS: u64 = 5;
/// What the person at a gateway with an old disk reads.
const OLD_IMAGE: (&str, &str) = (
    "服务器持有本网关更新的记录：存储卡可能是旧镜像，或有另一台克隆的网关",
    "the server holds newer records of this gateway: this disk is an old image, or a clone exists",
);

fn configuration() -> Configuration {
    let tag = |index: usize| TagConfig {
        id: format!("press/tag_{index}").parse().expect("a name"),
        value_type: ValueType::U64,
        unit: String::new(),
        scale: Ratio::ONE,
        role: String::new(),
        interval_ms: POLL_MS as i64,
        address: format!("holding {index} u32 big"),
        counter: None,
    };
    Configuration {
        format: 1,
        devices: vec![DeviceConfig {
            id: "press".parse().expect("a name"),
            protocol: "modbus_tcp".to_owned(),
            address: "127.0.0.1:502".to_owned(),
            profile: None,
        }],
        tags: (0..TAGS).map(tag).collect(),
    }
}

/// A clock whose wall time a test sets.
#[derive(Debug)]
struct TestClock {
    system: SystemClock,
    wall_offset_ms: std::sync::atomic::AtomicI64,
    synchronised: bool,
}

impl agent::clock::Clock for TestClock {
    fn boot_ms(&self) -> i64 {
        self.system.boot_ms()
    }

    fn read(&self) -> ClockReading {
        let mut now = self.system.read();
        now.wall_ms += self.wall_offset_ms.load(std::sync::atomic::Ordering::Relaxed);
        now.sync =
            if self.synchronised { SyncState::Synchronised { error_ms: 100 } } else { SyncState::Unsynchronised };
        now
    }
}

fn clock() -> SharedClock {
    Arc::new(SystemClock::new(agent::clock::Settings::default()).expect("a boot id"))
}

fn setup(state_dir: &Path, server: &FakeServer, clock: SharedClock) -> Setup {
    let started = clock.boot_ms();
    Setup {
        state_dir: state_dir.to_owned(),
        configuration: configuration().into(),
        alarm: vec![false; TAGS],
        seal_ms: 60,
        buffer: buffer::Settings { free_bytes_min: 0, segment_bytes: 256 * 1_024, ..buffer::Settings::default() },
        uplink: UplinkSettings {
            address: Some(server.address.to_string()),
            tls: false,
            broker_ca_pem: None,
            credentials: None,
            delivery: delivery::Settings { window: 8, bytes_per_second_max: 0 },
            refused: kept::Limit { files: 1, bytes: 1_000_000 },
        },
        clock,
        status: Status::new(started),
        key: gateway_key(state_dir),
        enrolment: Enrolment {
            site: "site-1".parse().expect("a name"),
            gateway: "gw-1".parse().expect("a name"),
            client_certificate_pem: String::new(),
            ca_certificate_pem: String::new(),
            log_key: server.verifier().to_string(),
            mqtt_host_port: String::new(),
            simulated: false,
            server_spki_sha256: protocol::Digest::ZERO.hex(),
            enrol_url: String::new(),
        },
    }
}

fn gateway_key(state_dir: &Path) -> SecretKey {
    load_or_create_key(state_dir, [5; 32]).expect("a key")
}

type Served = Arc<std::sync::Mutex<BTreeSet<(u32, i64, u64)>>>;

/// A source that polls and remembers everything it served.
fn source(context: SourceContext, served: Served) -> JoinSet<()> {
    let mut set = JoinSet::new();
    set.spawn(async move {
        let mut value = 0_u64;
        while !context.shutdown.is_cancelled() {
            tokio::time::sleep(Duration::from_millis(POLL_MS)).await;
            let boot_ms = context.clock.boot_ms();
            value += 1;
            let reading = |tag: usize| Reading {
                tag: TagIndex(tag as u32),
                value: Value::U64(value),
                quality: Quality::Good,
                boot_ms,
                source_time_ms: None,
            };
            let readings: Vec<Reading> = (0..TAGS).map(reading).collect();
            served.lock().expect("not poisoned").extend((0..TAGS).map(|tag| (tag as u32, boot_ms, value)));
            if context.events.send(SourceEvent::Readings(readings)).await.is_err() {
                return;
            }
        }
    });
    set
}

struct Run {
    shutdown: CancellationToken,
    task: tokio::task::JoinHandle<anyhow::Result<()>>,
    status: Status,
}

fn start(setup: Setup, served: &Served) -> Run {
    let shutdown = CancellationToken::new();
    let (status, served) = (setup.status.clone(), served.clone());
    let task = tokio::spawn(pipeline::run(setup, move |context| source(context, served), shutdown.clone()));
    Run { shutdown, task, status }
}

impl Run {
    async fn stop(self) {
        self.shutdown.cancel();
        self.task.await.expect("no panic").expect("an orderly end");
    }

    /// The next best thing to SIGKILL inside one process: every task is dropped where it stands.
    async fn kill(self) {
        self.task.abort();
        let _ = self.task.await;
    }

    /// Whether the person at the gateway reads this, in whichever language.
    fn told(&self, zh: &str, en: &str) -> bool {
        let told = |notice: &agent::status::NoticeLine| notice.words.zh.contains(zh) && notice.words.en.contains(en);
        self.status.snapshot().notices.iter().any(told)
    }
}

async fn until(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !condition() {
        assert!(Instant::now() < deadline, "never happened: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Every served value is stored exactly once or lies in a gap with one of `causes`; nothing else is stored.
fn check(server: &FakeServer, served: &Served, causes: &[GapCause]) {
    let held = server.held();
    assert!(held.conflicts == 0 || held.order.len() > 1, "two records for one place, and no new chain");
    drop(held);
    let mut stored = BTreeSet::new();
    let mut gaps = Vec::new();
    for (_, batch) in server.batches() {
        for reading in batch.readings() {
            let Value::U64(value) = reading.value else { panic!("another type") };
            assert!(stored.insert((reading.tag, reading.boot_ms, value)), "stored twice: {reading:?}");
        }
        gaps.extend(batch.gaps);
    }
    let served = served.lock().expect("not poisoned");
    assert_eq!(stored.difference(&served).next(), None, "nobody served this");
    for missing in served.difference(&stored) {
        let (tag, boot_ms, _) = *missing;
        let covered = gaps.iter().find(|gap| {
            gap.tag.is_none_or(|own| own == tag) && gap.from.boot_ms <= boot_ms && boot_ms <= gap.to_boot_ms
        });
        let gap = covered.unwrap_or_else(|| panic!("{missing:?} is neither stored nor in a gap; gaps: {gaps:?}"));
        assert!(causes.contains(&gap.cause), "{missing:?} lies in {gap:?}");
    }
}

#[tokio::test]
async fn every_reading_arrives_exactly_once_over_orderly_restarts() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let server = FakeServer::start(gateway_key(folder.path()).public()).await;
    let served = Served::default();
    for round in 1..=2_usize {
        let run = start(setup(folder.path(), &server, clock()), &served);
        until("batches arrive", || server.batches().len() >= 5 * round).await;
        run.stop().await;
    }
    check(&server, &served, &[GapCause::Planned]);
    let held = server.held();
    assert_eq!(held.order.len(), 1, "one chain over an orderly restart");
    let records: Vec<_> = held.chains[&held.order[0]].records.values().collect();
    assert_eq!(records[0].header().kind, Kind::ChainStart);
    assert_eq!(records[1].header().kind, Kind::Configuration);
    let configurations = records.iter().filter(|record| record.header().kind == Kind::Configuration).count();
    assert_eq!(configurations, 1, "an unchanged configuration is not repeated");
    drop(held);
    let planned = server.batches().iter().flat_map(|(_, batch)| batch.gaps.clone()).collect::<Vec<_>>();
    assert!(planned.iter().all(|gap| gap.cause == GapCause::Planned) && planned.len() >= TAGS);
    assert!(server.held().states > 0, "latest values went out");
}

#[tokio::test]
async fn killed_agent_states_the_gap_with_the_true_cause_and_goes_on_with_its_chain() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let server = FakeServer::start(gateway_key(folder.path()).public()).await;
    let served = Served::default();
    for round in 1..=3_usize {
        let run = start(setup(folder.path(), &server, clock()), &served);
        until("batches arrive", || server.batches().len() >= 4 * round).await;
        run.kill().await;
        // The buffer's thread ends when its last handle is gone, and gives the lock back.
        until("the lock is free", || buffer::storage::DiskStorage::open(&folder.path().join("buffer")).is_ok()).await;
    }
    let run = start(setup(folder.path(), &server, clock()), &served);
    until("batches arrive", || server.batches().len() >= 16).await;
    run.stop().await;
    check(&server, &served, &[GapCause::ProcessKilled]);
    assert_eq!(server.held().order.len(), 1);
}

#[tokio::test]
async fn lossy_broker_that_acknowledges_everything_loses_nothing() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let server = FakeServer::start(gateway_key(folder.path()).public()).await;
    server.held().behaviour.lossy = true;
    let served = Served::default();
    let run = start(setup(folder.path(), &server, clock()), &served);
    until("publishes", || server.held().publishes >= 4).await;
    server.held().behaviour.lossy = false;
    until("the backlog is delivered", || server.batches().len() >= 10).await;
    run.stop().await;
    check(&server, &served, &[]);
}

#[tokio::test]
async fn forged_receipt_frees_nothing_and_is_told() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let server = FakeServer::start(gateway_key(folder.path()).public()).await;
    server.held().behaviour.forge_with = Some(SecretKey::from_seed(&[66; 32]));
    let served = Served::default();
    let run = start(setup(folder.path(), &server, clock()), &served);
    until("the notice", || run.told("收到一条签名不符的回执", "a receipt with a wrong signature")).await;
    until("records wait", || run.status.snapshot().records_total > 3).await;
    assert_eq!(run.status.snapshot().uplink.last_receipt, None);
    assert_eq!(run.status.snapshot().buffer.receipted_end, 0);
    server.held().behaviour.forge_with = None;
    run.stop().await;
    let run = start(setup(folder.path(), &server, clock()), &served);
    until("everything arrives after all", || server.batches().len() >= 8).await;
    run.stop().await;
    check(&server, &served, &[GapCause::Planned]);
}

#[tokio::test]
async fn finally_refused_record_is_kept_here_and_replaced_by_lost() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let server = FakeServer::start(gateway_key(folder.path()).public()).await;
    server.held().behaviour.refuse = Some((4, RefusalReason::Malformed, false));
    let served = Served::default();
    let run = start(setup(folder.path(), &server, clock()), &served);
    until("delivery goes on", || server.batches().len() >= 6).await;
    assert!(run.told(
        "服务器最终拒绝第 4 号记录：服务器读不懂它的内容（told to refuse）。原件保留在状态目录的 refused/ 中",
        "the server finally refused record 4: the server cannot read it (told to refuse); it is kept in the folder refused/"
    ));
    run.stop().await;
    let held = server.held();
    let chain = &held.chains[&held.order[0]];
    let lost = chain.records.get(&4).expect("stands in its place");
    let Content::Lost(lost) = lost.content().expect("decodes") else { panic!("not a Lost") };
    assert_eq!((lost.from, lost.to, lost.cause), (4, 4, protocol::LostCause::Refused));
    assert_eq!(std::fs::read_dir(folder.path().join("refused")).expect("kept").count(), 1);
}

#[tokio::test]
async fn refused_records_kept_here_are_bounded_and_what_goes_is_told() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let server = FakeServer::start(gateway_key(folder.path()).public()).await;
    let served = Served::default();
    server.held().behaviour.refuse = Some((4, RefusalReason::Malformed, false));
    let run = start(setup(folder.path(), &server, clock()), &served);
    until("delivery goes on", || server.batches().len() >= 5).await;
    let next = server.held().chains.values().next().expect("a chain").next + 3;
    server.held().behaviour.refuse = Some((next, RefusalReason::Malformed, false));
    until("the removal is told", || run.told("已删除最早的 1 条", "the oldest 1 kept here were removed")).await;
    until("the removal is in the evidence", || {
        let events = server.batches().into_iter().flat_map(|(_, batch)| batch.events);
        events.into_iter().any(|event| &*event.kind == "refused_removed" && event.value == 1)
    })
    .await;
    run.stop().await;
    assert_eq!(std::fs::read_dir(folder.path().join("refused")).expect("kept").count(), 1);
}

/// The card comes loose: no new file can be made until it is back.
#[tokio::test]
async fn failing_disk_is_a_gap_by_its_true_cause_and_not_a_full_buffer() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let server = FakeServer::start(gateway_key(folder.path()).public()).await;
    let served = Served::default();
    let mut small = setup(folder.path(), &server, clock());
    small.buffer.segment_bytes = 8 * 1_024;
    let run = start(small, &served);
    until("batches arrive", || server.batches().len() >= 3).await;
    let (here, away) = (folder.path().join("buffer"), folder.path().join("away"));
    std::fs::rename(&here, &away).expect("renamed");
    until("the notice", || run.told("磁盘写入失败", "the disk fails (No such file or directory")).await;
    assert!(!run.told("缓存已满", "the buffer is full"));
    std::fs::rename(&away, &here).expect("renamed");
    until("the gap arrives", || {
        server.batches().iter().any(|(_, batch)| batch.gaps.iter().any(|gap| gap.cause == GapCause::Damaged))
    })
    .await;
    run.stop().await;
    check(&server, &served, &[GapCause::Damaged]);
    let batches = server.batches();
    let events = || batches.iter().flat_map(|(_, batch)| batch.events.iter());
    assert!(events().any(|event| &*event.kind == "buffer_failed" && event.detail.contains("the disk fails")));
    assert!(!events().any(|event| &*event.kind == "buffer_full"));
}

#[tokio::test]
async fn refusal_that_may_be_retried_is_retried() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let server = FakeServer::start(gateway_key(folder.path()).public()).await;
    server.held().behaviour.refuse = Some((3, RefusalReason::StorageFull, true));
    let served = Served::default();
    let run = start(setup(folder.path(), &server, clock()), &served);
    until("delivery goes on", || server.batches().len() >= 6).await;
    assert!(run.told(
        "服务器暂不接收第 3 号记录：服务器的磁盘已满",
        "record 3 for now: the server's disk is full; it stays here"
    ));
    run.stop().await;
    check(&server, &served, &[]);
}

#[tokio::test]
async fn full_buffer_stops_accepting_states_the_gap_and_recovers() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let server = FakeServer::start(gateway_key(folder.path()).public()).await;
    server.held().behaviour.silent = true;
    let served = Served::default();
    let mut first = setup(folder.path(), &server, clock());
    first.buffer = buffer::Settings { bytes_max: 24 * 1_024, segment_bytes: 8 * 1_024, ..first.buffer };
    let run = start(first, &served);
    until("the buffer is full", || {
        run.told("缓存已满：停止采集并记录缺口", "the buffer is full: no more readings are accepted")
    })
    .await;
    server.held().behaviour.silent = false;
    run.stop().await;
    let mut second = setup(folder.path(), &server, clock());
    second.buffer = buffer::Settings { bytes_max: 24 * 1_024, segment_bytes: 8 * 1_024, ..second.buffer };
    let run = start(second, &served);
    let after = server.batches().len();
    until("the backlog and new batches arrive", || {
        server.batches().len() >= after + 3 && {
            server.batches().iter().any(|(_, batch)| batch.gaps.iter().any(|gap| gap.cause == GapCause::BufferFull))
        }
    })
    .await;
    run.stop().await;
    check(&server, &served, &[GapCause::BufferFull, GapCause::Planned]);
}

#[tokio::test]
async fn old_image_of_the_disk_opens_a_new_chain_and_repeats_what_was_not_delivered() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let server = FakeServer::start(gateway_key(folder.path()).public()).await;
    let served = Served::default();
    let run = start(setup(folder.path(), &server, clock()), &served);
    until("batches arrive", || server.batches().len() >= 3).await;
    run.stop().await;
    let image = tempfile::tempdir().expect("a temporary folder");
    copy(folder.path(), image.path());
    let run = start(setup(folder.path(), &server, clock()), &served);
    until("more batches arrive", || server.batches().len() >= 8).await;
    run.stop().await;

    let run = start(setup(image.path(), &server, clock()), &served);
    until("the notice", || run.told(OLD_IMAGE.0, OLD_IMAGE.1)).await;
    until("a new chain", || server.held().order.len() == 2).await;
    let before = server.batches().len();
    until("batches in it", || server.batches().len() >= before + 3).await;
    run.stop().await;
    let held = server.held();
    let start = held.chains[&held.order[1]].records[&0].content().expect("decodes");
    let Content::ChainStart(start) = start else { panic!("not a ChainStart") };
    assert_eq!(start.cause, protocol::ChainStartCause::OldImage);
    let old = &held.chains[&held.order[0]];
    assert_eq!(start.old, Some((held.order[0], old.next - 1, old.digest)));
    drop(held);
    check(&server, &served, &[GapCause::Planned]);
}

/// A disk image is restored, runs twice without the server (the second time it ends abruptly), and then meets it.
#[tokio::test]
async fn unsent_records_of_earlier_runs_on_an_old_image_reach_the_server_exactly_once() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let server = FakeServer::start(gateway_key(folder.path()).public()).await;
    let served = Served::default();
    // The image: its newest records were never receipted there, although the server gets them later.
    server.held().behaviour.silent = true;
    let run = start(setup(folder.path(), &server, clock()), &served);
    until("records wait", || run.status.snapshot().records_total >= 6).await;
    run.stop().await;
    let image = tempfile::tempdir().expect("a temporary folder");
    copy(folder.path(), image.path());
    server.held().behaviour.silent = false;
    let run = start(setup(folder.path(), &server, clock()), &served);
    until("the original delivers and goes on", || server.batches().len() >= 10).await;
    run.stop().await;
    let known = { server.held().chains.values().next().expect("a chain").clone() };

    server.held().behaviour.absent = true;
    for round in 0..2 {
        let run = start(setup(image.path(), &server, clock()), &served);
        until("records only here", || run.status.snapshot().records_total >= 4).await;
        if round == 0 {
            run.stop().await
        } else {
            run.kill().await
        }
        until("the lock is free", || buffer::storage::DiskStorage::open(&image.path().join("buffer")).is_ok()).await;
    }
    server.held().behaviour.absent = false;
    let run = start(setup(image.path(), &server, clock()), &served);
    until("a new chain", || server.held().order.len() == 2).await;
    let before = server.batches().len();
    until("batches in it", || server.batches().len() >= before + 3).await;
    assert!(run.told(OLD_IMAGE.0, OLD_IMAGE.1));
    run.stop().await;
    check(&server, &served, &[GapCause::Planned, GapCause::ProcessKilled]);
    let held = server.held();
    let old = &held.chains[&held.order[0]];
    assert_eq!((old.next, old.digest), (known.next, known.digest), "the old chain is as it was");
    assert!(held.conflicts >= 1, "the server saw the evidence");
    assert!(std::fs::read_dir(image.path().join("refused")).expect("kept").count() >= 1, "refused originals are kept");
}

/// The same, and the process dies at every moment of the repetition that a poll can meet.
#[tokio::test]
async fn repetition_that_is_killed_again_and_again_repeats_nothing_twice() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let server = FakeServer::start(gateway_key(folder.path()).public()).await;
    let served = Served::default();
    let run = start(setup(folder.path(), &server, clock()), &served);
    until("batches arrive", || server.batches().len() >= 3).await;
    run.stop().await;
    let image = tempfile::tempdir().expect("a temporary folder");
    copy(folder.path(), image.path());
    let run = start(setup(folder.path(), &server, clock()), &served);
    until("the original goes on", || server.batches().len() >= 6).await;
    run.stop().await;
    server.held().behaviour.absent = true;
    let mut offline = setup(image.path(), &server, clock());
    offline.seal_ms = 1;
    let run = start(offline, &served);
    until("more than one piece", || run.status.snapshot().records_total >= 150).await;
    run.stop().await;
    server.held().behaviour.absent = false;
    for round in 0..5_u64 {
        let run = start(setup(image.path(), &server, clock()), &served);
        tokio::time::sleep(Duration::from_millis(3 + 15 * round)).await;
        run.kill().await;
        until("the lock is free", || buffer::storage::DiskStorage::open(&image.path().join("buffer")).is_ok()).await;
    }
    let run = start(setup(image.path(), &server, clock()), &served);
    let total = served.lock().expect("not poisoned").len();
    until("the repetition and newer batches arrive", || {
        server.held().order.len() == 2 && server.batches().iter().map(|(_, batch)| batch.len()).sum::<usize>() > total
    })
    .await;
    run.stop().await;
    check(&server, &served, &[GapCause::Planned, GapCause::ProcessKilled]);
}

#[tokio::test]
async fn rotten_record_is_replaced_by_lost_and_everything_else_arrives() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let server = FakeServer::start(gateway_key(folder.path()).public()).await;
    server.held().behaviour.silent = true;
    let served = Served::default();
    let run = start(setup(folder.path(), &server, clock()), &served);
    until("records wait", || run.status.snapshot().records_total >= 9).await;
    run.stop().await;
    // Rot in the payload of record 4: behind the fourth marker after the first.
    let path = folder.path().join("buffer/segment-0000000000000000");
    let mut bytes = std::fs::read(&path).expect("reads");
    let markers: Vec<usize> =
        (64..bytes.len() - 4).step_by(8).filter(|at| bytes[*at..].starts_with(b"\x9eGZE")).collect();
    bytes[markers[4] + 100] ^= 1;
    std::fs::write(&path, bytes).expect("writes");

    *server.held() = Default::default();
    let run = start(setup(folder.path(), &server, clock()), &served);
    until("the rest arrives", || server.batches().len() >= 9).await;
    assert!(run.told(
        "缓存中第 4–4 号记录已损坏，已向服务器如实说明",
        "records 4–4 in the buffer are damaged; the server was told so"
    ));
    run.stop().await;
    let held = server.held();
    assert_eq!(held.order.len(), 1, "damage in the middle does not break the chain");
    let Content::Lost(lost) = held.chains[&held.order[0]].records[&4].content().expect("decodes") else {
        panic!("not a Lost")
    };
    assert_eq!((lost.from, lost.to, lost.cause), (4, 4, protocol::LostCause::Damaged));
    assert!(!lost.previous.is_zero() && !lost.next.is_zero());
}

#[tokio::test]
async fn clock_at_1970_and_set_back_an_hour_are_recorded_and_stop_nothing() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let server = FakeServer::start(gateway_key(folder.path()).public()).await;
    let served = Served::default();
    let system = SystemClock::new(agent::clock::Settings::default()).expect("a boot id");
    let offset = -system.read().wall_ms + 3_600_000;
    let test =
        Arc::new(TestClock { system, wall_offset_ms: std::sync::atomic::AtomicI64::new(offset), synchronised: false });
    let run = start(setup(folder.path(), &server, test.clone()), &served);
    let events = |kind: &str| {
        let batches = server.batches();
        let all = batches.iter().flat_map(|(_, batch)| batch.events.clone());
        all.filter(|event| &*event.kind == kind).collect::<Vec<_>>()
    };
    until("the clock that was never set is recorded", || {
        events("clock_unsynchronised").iter().any(|event| event.detail.contains("a time before 2020"))
    })
    .await;
    assert!(run.told("系统时钟显示 1970-01-01 0", "the system clock shows 1970-01-01 0"));
    test.wall_offset_ms.store(offset - 3_600_000, std::sync::atomic::Ordering::Relaxed);
    until("the step is recorded", || events("clock_step").iter().any(|event| (event.value + 3_600_000).abs() < 1_000))
        .await;
    assert!(run.told("系统时钟被往回拨了 1 小时 0 分", "the system clock was set back by 1 h 0 min"));
    until("a server time is known", || {
        server.batches().iter().any(|(record, _)| record.header().clock.server.is_some())
    })
    .await;
    run.stop().await;
    check(&server, &served, &[]);
}

fn copy(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).expect("lists") {
        let entry = entry.expect("lists");
        let target = to.join(entry.file_name());
        if entry.file_type().expect("known").is_dir() {
            std::fs::create_dir_all(&target).expect("made");
            copy(&entry.path(), &target);
        } else if entry.file_type().expect("known").is_file() {
            // The socket for a stick is a door, no file: an image of a disk has none.
            std::fs::copy(entry.path(), &target).expect("copied");
        }
    }
}
