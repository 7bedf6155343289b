//! The whole way from bytes to receipted leaf, on a disk that fails on demand.

use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Instant;

use protocol::{Content, Digest, LeafBody, Lost, LostCause, Receipt, Record, Refusal, RefusalReason, ServerMessage};

use super::testing::{NOW_MS, TestGateway};
use super::*;
use crate::sitelog::LogKey;
use crate::storage::fake::FakeDisk;

mod damage;
mod hostile;
mod pace;
mod trim;

#[test]
fn a_record_becomes_a_receipt_then_a_leaf_then_a_checkpoint() {
    let world = World::new(&FakeDisk::default());
    let mut gateway = world.enrol("site-1", "gw-1");
    let records: Vec<Record> = (0..20).map(|_| gateway.next()).collect();
    for record in &records {
        assert_eq!(world.submit(&gateway, record), Answer::Answered);
    }
    let receipt = world.newest_receipt();
    assert_eq!(receipt.through, Some((gateway.chain, 19, records[19].digest())));
    world.wait(|| world.logs.size(&gateway.site).unwrap() == 21);
    let note = world.logs.publish_now(&gateway.site).unwrap();
    let (checkpoint, _) = world.logs.key().read_own(&gateway.site, &note).unwrap();
    assert_eq!((checkpoint.origin.as_str(), checkpoint.size), ("gz.test/site-1", 21));
    let leaves = world.logs.leaves(&gateway.site, 0..100).unwrap();
    for (leaf, record) in leaves[1..].iter().zip(&records) {
        assert_eq!(leaf.record_digest(), Some(record.digest()));
        assert_eq!(leaf.received_ms, NOW_MS);
        let content = world.logs.content(&gateway.site, &leaf.content_digest().unwrap()).unwrap().unwrap();
        assert_eq!(content, record.content_bytes());
    }
    let fsck = world.logs.fsck(&gateway.site).unwrap();
    assert_eq!((fsck.damage, fsck.root, fsck.contents), (vec![], checkpoint.root, 21));
    // What is logged is told with the next receipt.
    world.greet(&gateway);
    assert_eq!(world.newest_receipt().logged, Some(19));
    world.ingest.stop();
}

#[test]
fn a_replayed_record_changes_nothing_and_repeats_the_receipt() {
    let world = World::new(&FakeDisk::default());
    let mut gateway = world.enrol("site-1", "gw-1");
    let record = gateway.next();
    for _ in 0..3 {
        assert_eq!(world.submit(&gateway, &record), Answer::Answered);
        assert_eq!(world.newest_receipt().through, Some((gateway.chain, 0, record.digest())));
    }
    world.ingest.stop();
    assert_eq!(world.logs.size(&gateway.site).unwrap(), 2);
    assert_eq!(world.ingest.health().repeats(), 2);
    assert_eq!(world.ingest.health().seen(&gateway.site, &gateway.id).repeats, 2, "for the gateway's page");
}

#[test]
fn a_hole_is_held_back_with_a_refusal_and_the_receipt_that_names_what_is_awaited() {
    let world = World::new(&FakeDisk::default());
    let mut gateway = world.enrol("site-1", "gw-1");
    let first = gateway.next();
    world.submit(&gateway, &first);
    let missing = gateway.next();
    let third = gateway.next();
    world.submit(&gateway, &third);
    let refusal = world.newest_refusal();
    assert_eq!((refusal.reason, refusal.retry, refusal.sequence), (RefusalReason::OutOfOrder, true, 2));
    assert_eq!(refusal.number, 1, "the one awaited, for the gateway's words");
    let open = || world.ingest.health().seen(&gateway.site, &gateway.id).refusals[&RefusalReason::OutOfOrder].open;
    world.wait(open);
    assert_eq!(world.newest_receipt().through, Some((gateway.chain, 0, first.digest())));
    world.submit(&gateway, &missing);
    world.submit(&gateway, &third);
    assert_eq!(world.newest_receipt().through, Some((gateway.chain, 2, third.digest())));
    world.ingest.stop();
    assert!(!open(), "settled by the next record that was taken");
    assert_eq!(world.logs.size(&gateway.site).unwrap(), 4);
}

#[test]
fn a_clone_is_quarantined_in_the_log_and_refused_for_good() {
    let world = World::new(&FakeDisk::default());
    let mut gateway = world.enrol("site-1", "gw-1");
    world.submit(&gateway, &gateway.clone().next());
    gateway.next();
    let mut clone = gateway.clone();
    let second = gateway.next();
    world.submit(&gateway, &second);
    let other = clone.next_with(&clone.batch(777));
    assert_eq!(world.submit(&gateway, &other), Answer::Answered);
    let refusal = world.newest_refusal();
    assert_eq!((refusal.reason, refusal.retry, refusal.digest), (RefusalReason::Conflict, false, other.digest()));
    let words = "two boxes use this gateway's key, or an old disk image was started";
    assert!(refusal.detail.contains(words), "{}", refusal.detail);
    world.ingest.stop();
    let leaves = world.logs.leaves(&gateway.site, 0..10).unwrap();
    assert!(matches!(&leaves[3].body, LeafBody::Quarantine { .. }));
    assert!(world.logs.content(&gateway.site, &other.header().content_digest).unwrap().is_some());
    assert_eq!(world.logs.fsck(&gateway.site).unwrap().damage, []);
}

#[test]
fn rejections_are_signed_counted_and_kept_in_a_bounded_file() {
    let disk = FakeDisk::default();
    let world = World::new(&disk);
    let gateway = world.enrol("site-1", "gw-1");
    let mut forger = gateway.clone();
    forger.key = protocol::SecretKey::from_seed(&[66; 32]);
    let forged = forger.next();
    for _ in 0..5 {
        assert_eq!(world.submit(&gateway, &forged), Answer::Answered);
    }
    let refusal = world.newest_refusal();
    assert_eq!((refusal.reason, refusal.retry), (RefusalReason::BadSignature, false));
    assert_eq!(refusal.digest, forged.digest());
    assert_eq!(refusal.detail, "the signature of record does not hold under this key");
    let counted = world.ingest.health().rejections(&gateway.site, &gateway.id);
    assert_eq!(counted["bad_signature"], 5);
    let mut unknown = TestGateway::new("nowhere", "gw-9");
    world.submit(&unknown.clone(), &unknown.next());
    assert_eq!(world.newest_refusal().reason, RefusalReason::UnknownGateway);
    world.ingest.stop();
    // Powers of two reach the file: 1, 2 and 4 of the forged ones, and the unknown one.
    let file = String::from_utf8(world.disk.read("rejections.jsonl").unwrap()).unwrap();
    assert_eq!(file.lines().count(), 4);
    assert_eq!(world.logs.size(&gateway.site).unwrap(), 1, "nothing unproven reaches the log");
}

#[test]
fn a_full_disk_stops_acknowledging_and_nothing_is_lost_when_space_is_back() {
    let world = World::new(&FakeDisk::default());
    let mut gateway = world.enrol("site-1", "gw-1");
    world.submit(&gateway, &gateway.clone().next());
    gateway.next();
    let second = gateway.next();
    world.disk.set_full(true);
    assert_eq!(world.submit(&gateway, &second), Answer::Unavailable);
    let refusal = world.newest_refusal();
    assert_eq!((refusal.reason, refusal.retry), (RefusalReason::StorageFull, true));
    assert_eq!(refusal.detail, "the server's disk is full; it will take records again when there is space");
    assert_eq!(world.ingest.health().full_since_ms(), Some(NOW_MS));
    world.now.fetch_add(5_000, Ordering::Relaxed);
    assert_eq!(world.submit(&gateway, &second), Answer::Unavailable);
    assert_eq!(world.ingest.health().full_since_ms(), Some(NOW_MS), "the alarm keeps its start");
    world.greet(&gateway);
    assert_eq!(world.newest_receipt().through.unwrap().1, 0, "nothing undurable is promised");
    world.disk.set_full(false);
    world.wait(|| world.submit(&gateway, &second) == Answer::Answered);
    assert_eq!(world.newest_receipt().through, Some((gateway.chain, 1, second.digest())));
    assert_eq!(world.ingest.health().full_since_ms(), None);
    world.ingest.stop();
    assert_eq!(world.logs.size(&gateway.site).unwrap(), 3);
    assert_eq!(world.logs.fsck(&gateway.site).unwrap().damage, []);
}

/// Every edge of the way: the power is cut at each writing operation in turn. After recovery, whatever was receipted is in
/// the log exactly once and in order, no size ever has two roots, and the gateway can go on.
#[test]
fn at_every_power_cut_what_was_receipted_is_logged_once_and_no_size_has_two_roots() {
    let prepared = FakeDisk::default();
    let world = World::new(&prepared);
    let mut gateway = world.enrol("site-1", "gw-1");
    for _ in 0..253 {
        let record = gateway.next();
        world.submit(&gateway, &record);
    }
    world.ingest.stop();
    let start = world.disk.copy();
    for seed in 0..2 {
        for cut in 0.. {
            let world = World::new(&start);
            world.disk.cut_power_at(cut, seed);
            let mut agent = gateway.clone();
            let mut roots = Vec::new();
            for _ in 0..6 {
                let record = agent.next();
                world.submit(&gateway, &record);
                roots.extend(world.checkpoint(&gateway.site));
            }
            let receipted =
                world.receipts().into_iter().filter_map(|receipt| receipt.through).map(|(_, sequence, _)| sequence);
            let receipted = receipted.max().unwrap_or(252);
            world.ingest.stop();
            roots.extend(world.checkpoint(&gateway.site));
            let survived = world.disk.operations() <= cut;
            let after = World::new(&world.disk.after_power_cut());
            after.greet(&gateway);
            let through = after.newest_receipt().through.unwrap().1;
            assert!(through >= receipted, "seed {seed} cut {cut}: receipted {receipted}, holds {through}");
            // The gateway goes on from what the server says it holds.
            let mut agent = gateway.clone();
            for _ in 0..8 {
                let record = agent.next();
                if record.header().sequence > through {
                    assert_eq!(after.submit(&gateway, &record), Answer::Answered, "seed {seed} cut {cut}");
                }
            }
            after.ingest.stop();
            let leaves = after.logs.leaves(&gateway.site, 0..1_000).unwrap();
            let sequences: Vec<u64> = leaves
                .iter()
                .filter_map(|leaf| match &leaf.body {
                    LeafBody::Record { header, .. } => Some(header.sequence),
                    _ => None,
                })
                .collect();
            assert_eq!(sequences, (0..261).collect::<Vec<u64>>(), "seed {seed} cut {cut}");
            for (size, root) in roots {
                assert_eq!(after.logs.root_at(&gateway.site, size).unwrap(), root, "seed {seed} cut {cut} size {size}");
            }
            assert_eq!(after.logs.fsck(&gateway.site).unwrap().damage, [], "seed {seed} cut {cut}");
            if survived {
                assert!(cut > 15, "the run must be longer than {cut} operations to mean anything");
                break;
            }
        }
    }
}

#[test]
fn a_truncated_journal_is_reported_and_the_gateway_fills_it_again() {
    let world = World::new(&FakeDisk::default());
    let mut gateway = world.enrol("site-1", "gw-1");
    world.wait(|| world.logs.size(&gateway.site).unwrap() == 1);
    // Nothing is integrated from here on: the journal alone has what is receipted.
    let before = world.disk.copy();
    let records: Vec<Record> = (0..3).map(|_| gateway.next()).collect();
    for record in &records {
        world.submit(&gateway, record);
    }
    let journal = world.disk.read("journal/000000000001.wal").unwrap();
    world.ingest.stop();
    before.replace("journal/000000000001.wal", &journal[..journal.len() - 10]).unwrap();
    let after = World::new(&before);
    let (zh, en) = after.recovery.journal_words().expect("told");
    let bytes = after.recovery.cut_bytes;
    assert!(bytes > 0 && zh.contains(&format!("接收日志末尾不完整（多为断电），已截去 {bytes} 字节")), "{zh}");
    assert!(en.contains(&format!("{bytes} bytes were cut: gateways send again what is missing")), "{en}");
    assert_eq!(world.recovery.journal_words(), None);
    after.greet(&gateway);
    assert_eq!(after.newest_receipt().through, Some((gateway.chain, 1, records[1].digest())));
    assert_eq!(after.submit(&gateway, &records[2]), Answer::Answered);
    after.ingest.stop();
    assert_eq!(after.logs.fsck(&gateway.site).unwrap().damage, []);
}

#[test]
fn a_server_restored_from_yesterdays_copy_opens_a_new_epoch_and_says_so() {
    let copy = tempfile::tempdir().unwrap();
    let disk = FakeDisk::default();
    let world = World::with_copy(&disk, Some(copy.path().to_owned()));
    let mut gateway = world.enrol("site-1", "gw-1");
    world.submit(&gateway, &gateway.clone().next());
    let first = gateway.next();
    world.wait(|| world.logs.size(&gateway.site).unwrap() == 2);
    world.logs.publish_now(&gateway.site).unwrap();
    let yesterday = world.disk.copy();
    let today: Vec<Record> = (0..3).map(|_| gateway.next()).collect();
    for record in &today {
        world.submit(&gateway, record);
    }
    world.ingest.stop();
    let lost_head = world.checkpoint(&gateway.site).unwrap();

    let restored = World::with_copy(&yesterday, Some(copy.path().to_owned()));
    let [(site, cause)] = &restored.recovery.restored[..] else { panic!("{:?}", restored.recovery) };
    assert_eq!(*site, gateway.site);
    assert_eq!(
        cause,
        "the checkpoint copy outside the data directory has 5 leaves, this server holds 2: \
         the last 3 were not in the copy it was restored from"
    );
    let leaf = &restored.logs.leaves(&gateway.site, 2..3).unwrap()[0];
    let LeafBody::Epoch { epoch, old_size, old_root, restored_size, .. } = &leaf.body else { panic!("{leaf:?}") };
    assert_eq!((*epoch, *old_size, *old_root, *restored_size), (1, lost_head.0, lost_head.1, 2));
    assert_eq!(restored.logs.origin(&gateway.site).unwrap(), "gz.test/site-1/1");
    // The gateway hears what the server holds now, in which epoch, and sends the rest again.
    restored.greet(&gateway);
    let receipt = restored.newest_receipt();
    assert_eq!((receipt.log_epoch, receipt.through), (1, Some((gateway.chain, 0, first.digest()))));
    for record in &today {
        assert_eq!(restored.submit(&gateway, record), Answer::Answered);
    }
    restored.ingest.stop();
    assert_eq!(restored.logs.fsck(&gateway.site).unwrap().damage, []);
    // Starting once more finds nothing new.
    let again = World::with_copy(&restored.disk.copy(), Some(copy.path().to_owned()));
    assert!(again.recovery.restored.is_empty());
    again.ingest.stop();
}

#[test]
fn a_lost_record_under_our_own_receipt_proves_a_restore() {
    let world = World::new(&FakeDisk::default());
    let mut gateway = world.enrol("site-1", "gw-1");
    world.submit(&gateway, &gateway.clone().next());
    gateway.next();
    world.wait(|| world.logs.size(&gateway.site).unwrap() == 2);
    let yesterday = world.disk.copy();
    let second = gateway.next();
    world.submit(&gateway, &second);
    let receipt = world.newest_bytes();
    world.ingest.stop();
    let restored = World::new(&yesterday);
    assert!(restored.recovery.restored.is_empty(), "nobody outside kept a checkpoint");
    let lost = Content::Lost(Lost {
        from: 1,
        to: 1,
        cause: LostCause::Trimmed,
        previous: Digest::ZERO,
        next: second.digest(),
        receipt,
    });
    let record = gateway.record(&lost, 1, Digest::ZERO);
    assert_eq!(restored.submit(&gateway, &record), Answer::Answered);
    restored.ingest.stop();
    let leaves = restored.logs.leaves(&gateway.site, 0..10).unwrap();
    assert!(
        matches!(&leaves[2].body, LeafBody::Epoch { epoch: 1, cause, .. } if cause.contains("trimmed records 1 to 1 under a receipt of this server")),
        "{leaves:?}"
    );
    assert!(matches!(&leaves[3].body, LeafBody::Record { .. }));
    assert_eq!(restored.newest_receipt().log_epoch, 1);
}

#[test]
fn a_declaration_that_fits_no_leaf_is_refused_and_blocks_nobody() {
    let world = World::new(&FakeDisk::default());
    let mut gateway = world.enrol("site-1", "gw-1");
    let mut declaration = gateway.enrolment();
    declaration.kind = "k".repeat(2_000);
    let error = block_on(world.logs.append_declaration(&gateway.site, &declaration)).unwrap_err().to_string();
    assert!(error.contains("leaf is") && error.contains("at most 1024"), "{error}");
    assert_eq!(world.submit(&gateway.clone(), &gateway.next()), Answer::Answered);
    world.ingest.stop();
    assert_eq!(world.logs.size(&gateway.site).unwrap(), 2);
}

#[test]
fn fsck_names_what_is_damaged() {
    let world = World::new(&FakeDisk::default());
    let mut gateway = world.enrol("site-1", "gw-1");
    for _ in 0..300 {
        let record = gateway.next();
        world.submit(&gateway, &record);
    }
    world.ingest.stop();
    let folder = "sites/site-1/log";
    let check = |disk: &FakeDisk| {
        let (_, fsck) = crate::sitelog::fsck_folder(disk, world.logs.key(), &[]).unwrap().remove(0);
        fsck.damage.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(check(&world.disk), Vec::<String>::new());
    for (file, at, words) in [
        ("tile/entries/000", 100, "leaf 1: "),
        ("tile/entries/001.p/45", 200, "leaf 256: "),
        ("tile/0/000", 40, "tile/0/000: its hashes are not those of the leaves below"),
        ("contents/000001.pack", 45, "is altered"),
        ("checkpoint", 20, "checkpoint: not signed by this server's log key"),
    ] {
        let disk = world.disk.copy();
        disk.flip(&format!("{folder}/{file}"), at);
        let damage = check(&disk);
        assert!(damage.iter().any(|line| line.contains(words)), "{file}: {damage:?}");
    }
    let disk = world.disk.copy();
    disk.remove(&format!("{folder}/tile/entries/000")).unwrap();
    assert!(check(&disk).iter().any(|line| line.contains("leaves found where the state says 301")));
}

/// Nothing waits for anything.
fn quick() -> Options {
    Options {
        publish_every: Duration::from_millis(5),
        integrate_every: Duration::ZERO,
        retry_every: Duration::from_millis(1),
        reserve_bytes: 0,
        ..Options::default()
    }
}

/// A server without sockets over a fake disk.
pub(super) struct World {
    pub(super) disk: Arc<FakeDisk>,
    pub(super) logs: SiteLogs,
    pub(super) ingest: Ingest,
    /// The clock, for tests that move it.
    now: Arc<AtomicI64>,
    recovery: Recovery,
    messages: Arc<Messages>,
}

#[derive(Default)]
struct Messages(Mutex<Vec<Vec<u8>>>);

impl Pusher for Messages {
    fn push(&self, _: &SiteId, _: &GatewayId, message: Vec<u8>) -> bool {
        self.0.lock().unwrap().push(message);
        true
    }
}

impl World {
    pub(super) fn new(disk: &FakeDisk) -> Self {
        Self::with_copy(disk, None)
    }

    fn with_copy(disk: &FakeDisk, copy: Option<std::path::PathBuf>) -> Self {
        Self::on(Arc::new(disk.copy()), copy)
    }

    fn on(disk: Arc<FakeDisk>, copy: Option<std::path::PathBuf>) -> Self {
        let world = Self::bare(disk, copy);
        world.ingest.add_pusher(world.messages.clone());
        world
    }

    /// Without anybody who hears what is said to gateways.
    pub(super) fn bare(disk: Arc<FakeDisk>, copy: Option<std::path::PathBuf>) -> Self {
        Self::gathering(disk, copy, Duration::ZERO)
    }

    /// The same with leaves gathered for a while before they are integrated.
    fn gathering(disk: Arc<FakeDisk>, copy: Option<std::path::PathBuf>, integrate_every: Duration) -> Self {
        Self::with(disk, copy, Options { integrate_every, ..quick() })
    }

    fn with(disk: Arc<FakeDisk>, copy: Option<std::path::PathBuf>, options: Options) -> Self {
        let key = LogKey::new("gz.test", protocol::SecretKey::from_seed(&[5; 32])).unwrap();
        let logs = SiteLogs::open(disk.clone(), key, copy).unwrap();
        let now = Arc::new(AtomicI64::new(NOW_MS));
        let clock = Arc::clone(&now);
        let clock = Clock::new(move || clock.load(Ordering::Relaxed));
        let (ingest, recovery) = Ingest::start(disk.clone(), logs.clone(), clock, options).unwrap();
        Self { disk, logs, ingest, now, recovery, messages: Arc::new(Messages::default()) }
    }

    pub(super) fn enrol(&self, site: &str, id: &str) -> TestGateway {
        let gateway = TestGateway::new(site, id);
        self.logs.create_site(&gateway.site).unwrap();
        let index = block_on(self.logs.append_declaration(&gateway.site, &gateway.enrolment())).unwrap();
        assert_eq!(index, 0);
        gateway
    }

    fn submit(&self, gateway: &TestGateway, record: &Record) -> Answer {
        let answer = self.ingest.submit(gateway.site.clone(), gateway.id.clone(), record.encode());
        block_on(answer).unwrap_or(Answer::Unavailable)
    }

    fn greet(&self, gateway: &TestGateway) {
        let receipt = block_on(self.ingest.greet(gateway.site.clone(), gateway.id.clone())).unwrap();
        self.messages.0.lock().unwrap().push(receipt);
    }

    fn messages(&self) -> Vec<ServerMessage> {
        let key = self.logs.key().secret().public();
        let all = self.messages.0.lock().unwrap();
        all.iter().map(|bytes| ServerMessage::verify(bytes, &key).unwrap()).collect()
    }

    fn receipts(&self) -> Vec<Receipt> {
        let receipt = |message| if let ServerMessage::Receipt(receipt) = message { Some(receipt) } else { None };
        self.messages().into_iter().filter_map(receipt).collect()
    }

    fn newest_receipt(&self) -> Receipt {
        self.receipts().pop().expect("a receipt")
    }

    fn newest_refusal(&self) -> Refusal {
        let newest = |message| if let ServerMessage::Refusal(refusal) = message { Some(refusal) } else { None };
        self.messages().into_iter().rev().find_map(newest).expect("a refusal")
    }

    fn newest_bytes(&self) -> Vec<u8> {
        self.messages.0.lock().unwrap().last().cloned().expect("a message")
    }

    fn checkpoint(&self, site: &SiteId) -> Option<(u64, Digest)> {
        let note = self.logs.checkpoint(site).unwrap()?;
        let (checkpoint, _) = self.logs.key().read_own(site, &note).unwrap();
        Some((checkpoint.size, checkpoint.root))
    }

    pub(super) fn wait(&self, mut condition: impl FnMut() -> bool) {
        let deadline = Instant::now() + Duration::from_secs(10);
        while !condition() {
            assert!(Instant::now() < deadline, "the condition did not come true in time");
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}
