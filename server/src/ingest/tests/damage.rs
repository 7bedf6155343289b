//! A server that starts and goes on although one site's folder is damaged or the disk is full.

use super::*;
use crate::sitelog::probe;

/// What a gateway was told last; checkpoints make receipts for the others at any time.
fn receipts_of(world: &World, gateway: &TestGateway) -> Vec<Receipt> {
    let own = |receipt: &Receipt| receipt.site == gateway.site && receipt.gateway == gateway.id;
    world.receipts().into_iter().filter(own).collect()
}

fn held(world: &World, gateway: &TestGateway) -> Option<(protocol::ChainId, u64, Digest)> {
    receipts_of(world, gateway).pop().expect("a receipt").through
}

/// What a gateway of the closed site hears, what the operator reads, and that nobody else notices.
fn assert_closed(world: &World, gateway: &mut TestGateway, other: &mut TestGateway, file: &str) {
    let closed = world.logs.closed();
    assert_eq!(closed.keys().collect::<Vec<_>>(), [&gateway.site], "{file}");
    assert!(closed[&gateway.site].contains(file), "{file}: {closed:?}");
    let receipts = receipts_of(world, gateway).len();
    let record = gateway.clone().next();
    assert_eq!(world.submit(gateway, &record), Answer::Unavailable, "{file}");
    let refusal = world.newest_refusal();
    assert_eq!((refusal.reason, refusal.retry), (RefusalReason::StorageFull, true), "for now: the agent keeps it");
    assert_eq!(refusal.number, protocol::receipt::SITE_CLOSED, "its gateway can say so in its reader's language");
    assert!(refusal.detail.contains("the site's log at the server is damaged"), "{}", refusal.detail);
    let told = world.logs.why_closed(&gateway.site).unwrap().to_string();
    for words in [
        "site site-1 is closed, its log is damaged",
        file,
        "Run `gongzheng-server fsck site-1`, restore sites/site-1 from your backup",
        "站点 site-1 已关闭，其站点日志已损坏",
        "网关会保留记录",
    ] {
        assert!(told.contains(words), "{words}: {told}");
    }
    assert!(
        block_on(world.ingest.greet(gateway.site.clone(), gateway.id.clone())).is_err(),
        "no receipt out of nothing"
    );
    assert_eq!(receipts_of(world, gateway).len(), receipts);
    let declared = block_on(world.logs.append_declaration(&gateway.site, &gateway.enrolment())).unwrap_err();
    assert!(declared.to_string().contains("is closed"), "{declared}");
    let record = other.next();
    assert_eq!(world.submit(other, &record), Answer::Answered, "{file}: the other site goes on");
    assert_eq!(held(world, other), Some((other.chain, record.header().sequence, record.digest())));
}

#[test]
fn a_damaged_site_is_closed_and_the_others_go_on_until_it_is_repaired() {
    let world = World::new(&FakeDisk::default());
    let (mut gateway, mut other) = (world.enrol("site-1", "gw-1"), world.enrol("site-2", "gw-2"));
    for _ in 0..3 {
        for sender in [&mut gateway, &mut other] {
            let record = sender.next();
            assert_eq!(world.submit(sender, &record), Answer::Answered);
        }
    }
    world.ingest.stop();
    let log = "sites/site-1/log";
    type Harm = fn(&FakeDisk, &str);
    let flip: Harm = |disk, path| disk.flip(path, 5);
    let remove: Harm = |disk, path| disk.remove(path).unwrap();
    let garble: Harm = |disk, path| disk.replace(path, b"{").unwrap();
    for (file, harm) in [
        ("state.json", garble),
        ("contents/000001.pack", flip),
        ("tile/entries/000.p/4", remove),
        ("tile/entries/000.p/4", garble),
    ] {
        let path = format!("{log}/{file}");
        let disk = world.disk.copy();
        harm(&disk, &path);
        let named = if file == "state.json" || file.ends_with("pack") { path.as_str() } else { log };
        let key = world.logs.key();
        let site = &gateway.site;
        assert!(probe(&disk, key, site).unwrap_err().to_string().contains(named), "doctor names {file}");
        assert!(probe(&disk, key, &other.site).is_ok());
        let fsck = crate::sitelog::fsck_folder(&disk, key, std::slice::from_ref(site)).unwrap();
        assert!(!fsck[0].1.damage.is_empty(), "fsck finds {file}");

        let damaged = World::new(&disk);
        assert_closed(&damaged, &mut gateway, &mut other.clone(), named);
        damaged.ingest.stop();
        // The folder as the backup has it, and the record that was refused comes again.
        damaged.disk.replace(&path, &world.disk.read(&path).unwrap()).unwrap();
        let repaired = World::new(&damaged.disk);
        assert!(repaired.logs.closed().is_empty(), "{:?}", repaired.logs.closed());
        let record = gateway.clone().next();
        assert_eq!(repaired.submit(&gateway, &record), Answer::Answered);
        repaired.ingest.stop();
        for id in [&gateway.site, &other.site] {
            assert_eq!(repaired.logs.size(id).unwrap(), 5, "{file}: {id}");
            assert_eq!(repaired.logs.fsck(id).unwrap().damage, []);
        }
    }
}

/// What was receipted for the site lies in the journal alone; it stays there while the site is closed, whatever the others
/// do, and is in the log once the folder is repaired.
#[test]
fn the_journal_keeps_what_belongs_to_a_closed_site() {
    let world = World::new(&FakeDisk::default());
    let (mut gateway, mut other) = (world.enrol("site-1", "gw-1"), world.enrol("site-2", "gw-2"));
    world.wait(|| world.logs.size(&gateway.site).unwrap() == 1 && world.logs.size(&other.site).unwrap() == 1);
    let disk = world.disk.copy();
    let records: Vec<Record> = (0..3).map(|_| gateway.next()).collect();
    for record in &records {
        assert_eq!(world.submit(&gateway, record), Answer::Answered);
    }
    let journal = world.disk.read("journal/000000000001.wal").unwrap();
    world.ingest.stop();
    disk.replace("journal/000000000001.wal", &journal).unwrap();
    let state = "sites/site-1/log/state.json";
    let whole = disk.read(state).unwrap();
    disk.replace(state, b"").unwrap();
    let damaged = World::new(&disk);
    assert_closed(&damaged, &mut gateway, &mut other, state);
    // More than a segment of the journal passes by, all of it under checkpoints.
    for seed in 0..80 {
        let mut random = ::metrics::compare::SplitMix64::new(seed);
        let reading = |boot_ms| protocol::Reading {
            tag: 0,
            value: protocol::Value::U64(random.next_u64()),
            quality: protocol::Quality::Good,
            boot_ms,
            source_ms: None,
        };
        let readings: Vec<_> = (0..30_000).map(reading).collect();
        let content = Content::Batch(protocol::Batch::from_readings(readings, Vec::new(), Vec::new()));
        let record = other.next_with(&content);
        assert_eq!(damaged.submit(&other, &record), Answer::Answered);
    }
    damaged.ingest.stop();
    assert!(damaged.disk.paths("journal/").len() > 1, "{:?}", damaged.disk.paths("journal/"));
    damaged.disk.replace(state, &whole).unwrap();
    let repaired = World::new(&damaged.disk);
    repaired.greet(&gateway);
    assert_eq!(held(&repaired, &gateway), Some((gateway.chain, 2, records[2].digest())));
    repaired.ingest.stop();
    for id in [&gateway.site, &other.site] {
        assert_eq!(repaired.logs.fsck(id).unwrap().damage, []);
    }
    assert_eq!(repaired.logs.size(&gateway.site).unwrap(), 4);
}

#[test]
fn a_folder_that_cannot_be_written_any_more_closes_its_site_while_the_server_runs() {
    let world = World::new(&FakeDisk::default());
    let (mut gateway, mut other) = (world.enrol("site-1", "gw-1"), world.enrol("site-2", "gw-2"));
    world.disk.forbid("sites/site-1/");
    let first = gateway.next();
    assert_eq!(world.submit(&gateway, &first), Answer::Answered, "it is in the journal, which is what a receipt says");
    world.wait(|| world.logs.closed().contains_key(&gateway.site));
    assert_closed(&world, &mut gateway, &mut other, "sites/site-1/log/contents/000001.pack: permission denied");
    assert_eq!(world.ingest.health().full_since_ms(), None, "the disk is not full");
    world.ingest.stop();
    let repaired = World::new(&world.disk);
    repaired.greet(&gateway);
    assert_eq!(held(&repaired, &gateway), Some((gateway.chain, 0, first.digest())), "nothing receipted is lost");
    repaired.ingest.stop();
    assert_eq!(repaired.logs.fsck(&gateway.site).unwrap().damage, []);
}

#[test]
fn a_disk_that_is_full_at_start_refuses_everything_and_the_server_goes_on_when_there_is_room() {
    let world = World::new(&FakeDisk::default());
    let mut gateway = world.enrol("site-1", "gw-1");
    world.wait(|| world.logs.size(&gateway.site).unwrap() == 1);
    let disk = world.disk.copy();
    let records: Vec<Record> = (0..3).map(|_| gateway.next()).collect();
    for record in &records {
        assert_eq!(world.submit(&gateway, record), Answer::Answered);
    }
    let journal = world.disk.read("journal/000000000001.wal").unwrap();
    world.ingest.stop();
    disk.replace("journal/000000000001.wal", &journal).unwrap();
    let disk = Arc::new(disk);
    disk.set_full(true);

    // Stopping while it waits is no trouble.
    World::on(Arc::clone(&disk), None).ingest.stop();
    let full = World::on(Arc::clone(&disk), None);
    assert_eq!(full.ingest.health().full_since_ms(), Some(NOW_MS));
    assert!(full.ingest.gateway_keys(&gateway.site, &gateway.id).is_some(), "its door is open");
    let next = gateway.next();
    assert_eq!(full.submit(&gateway, &next), Answer::Unavailable);
    let refusal = full.newest_refusal();
    assert_eq!((refusal.reason, refusal.retry, refusal.sequence), (RefusalReason::StorageFull, true, 3));
    assert_eq!(refusal.detail, "the server's disk is full; it will take records again when there is space");
    assert!(block_on(full.ingest.greet(gateway.site.clone(), gateway.id.clone())).is_err());
    let declared = block_on(full.logs.append_declaration(&gateway.site, &gateway.enrolment())).unwrap_err().to_string();
    assert!(declared.contains("the disk is full") && declared.contains("磁盘已满"), "{declared}");
    assert_eq!(full.receipts(), [], "nothing is promised");

    disk.set_full(false);
    full.wait(|| full.submit(&gateway, &next) == Answer::Answered);
    assert_eq!(held(&full, &gateway), Some((gateway.chain, 3, next.digest())));
    assert_eq!(full.ingest.health().full_since_ms(), None);
    full.ingest.stop();
    assert_eq!(full.logs.size(&gateway.site).unwrap(), 5, "each once");
    assert_eq!(full.checkpoint(&gateway.site).unwrap().0, 5);
    assert_eq!(full.logs.fsck(&gateway.site).unwrap().damage, []);
}

/// What is receipted lies in the journal only; then a byte of it rots.
#[test]
fn behind_damage_in_the_journal_only_what_stands_in_order_becomes_a_leaf_and_the_rest_comes_again() {
    let world = World::new(&FakeDisk::default());
    let (mut hit, mut other) = (world.enrol("site-1", "gw-1"), world.enrol("site-2", "gw-2"));
    world.wait(|| world.logs.size(&hit.site).unwrap() == 1 && world.logs.size(&other.site).unwrap() == 1);
    let before = world.disk.copy();
    let records: Vec<Record> = (0..4).map(|_| hit.next()).collect();
    let others: Vec<Record> = (0..4).map(|_| other.next()).collect();
    for (record, foreign) in records.iter().zip(&others) {
        assert_eq!(world.submit(&hit, record), Answer::Answered);
        assert_eq!(world.submit(&other, foreign), Answer::Answered);
    }
    let journal = world.disk.read("journal/000000000001.wal").unwrap();
    world.ingest.stop();
    before.replace("journal/000000000001.wal", &journal).unwrap();
    let damaged = records[1].encode();
    let at = journal.windows(damaged.len()).position(|bytes| bytes == damaged).unwrap();
    before.flip("journal/000000000001.wal", at + damaged.len() / 2);

    let after = World::new(&before);
    assert_eq!(after.recovery.damaged, ["journal/000000000001.wal"]);
    assert_eq!((after.recovery.cut_bytes, after.recovery.left_out), (0, 2), "the two that follow the damaged one");
    let (zh, en) = after.recovery.journal_words().expect("told");
    assert!(zh.contains("日志有损坏，请检查这块磁盘：journal/000000000001.wal"), "{zh}");
    assert!(en.contains("the journal is damaged, check this disk: journal/000000000001.wal"), "{en}");
    after.greet(&hit);
    assert_eq!(after.newest_receipt().through, Some((hit.chain, 0, records[0].digest())));
    after.greet(&other);
    assert_eq!(after.newest_receipt().through, Some((other.chain, 3, others[3].digest())), "nobody else lost anything");
    for record in &records[1..] {
        assert_eq!(after.submit(&hit, record), Answer::Answered);
    }
    after.ingest.stop();
    for gateway in [&hit, &other] {
        let fsck = after.logs.fsck(&gateway.site).unwrap();
        assert_eq!((fsck.damage, fsck.leaves), (vec![], 5));
    }
    // Starting once more finds the same file and nothing new in it.
    let again = World::new(&after.disk.copy());
    assert_eq!(again.logs.size(&hit.site).unwrap(), 5);
    again.ingest.stop();
    assert_eq!(again.logs.fsck(&hit.site).unwrap().damage, []);
}

/// A server that starts with what the journal alone held, a byte of it rotten in the middle of `target`.
fn started_with_rot(before: &FakeDisk, world: World, target: &[u8]) -> World {
    const JOURNAL: &str = "journal/000000000001.wal";
    let journal = world.disk.read(JOURNAL).unwrap();
    world.ingest.stop();
    before.replace(JOURNAL, &journal).unwrap();
    let at = journal.windows(target.len()).position(|bytes| bytes == target).unwrap();
    before.flip(JOURNAL, at + target.len() / 2);
    World::new(before)
}

/// What the rotten entry said decides what those behind it are: they are judged as anything that comes, not by their order alone.
#[test]
fn behind_a_damaged_enrolment_no_record_under_its_key_becomes_a_leaf() {
    let world = World::new(&FakeDisk::default());
    let mut old = world.enrol("site-1", "gw-1");
    world.wait(|| world.logs.size(&old.site).unwrap() == 1);
    let before = world.disk.copy();
    let first = old.next();
    assert_eq!(world.submit(&old, &first), Answer::Answered);
    let mut new = TestGateway::new("site-1", "gw-1");
    (new.key, new.chain) = (protocol::SecretKey::from_seed(&[99; 32]), protocol::ChainId([8; 16]));
    block_on(world.logs.append_declaration(&new.site, &new.enrolment())).unwrap();
    for _ in 0..2 {
        let record = new.next();
        assert_eq!(world.submit(&new, &record), Answer::Answered);
    }
    let after = started_with_rot(&before, world, &new.enrolment().encode().unwrap());
    assert_eq!(after.recovery.left_out, 2, "signed by a key that the log knows nothing of");
    assert_eq!(after.logs.size(&old.site).unwrap(), 2);
    after.ingest.stop();
}

#[test]
fn behind_damage_a_contradiction_becomes_a_leaf_only_beside_what_it_contradicts() {
    for is_contradicted_lost in [true, false] {
        let world = World::new(&FakeDisk::default());
        let (mut hit, mut other) = (world.enrol("site-1", "gw-1"), world.enrol("site-2", "gw-2"));
        world.wait(|| world.logs.size(&hit.site).unwrap() == 1 && world.logs.size(&other.site).unwrap() == 1);
        let before = world.disk.copy();
        let first = hit.next();
        let mut clone = hit.clone();
        let (own, foreign) = (hit.next(), other.next());
        assert_eq!(world.submit(&hit, &first), Answer::Answered);
        assert_eq!(world.submit(&hit, &own), Answer::Answered);
        assert_eq!(world.submit(&other, &foreign), Answer::Answered);
        let contradiction = clone.next_with(&clone.batch(77));
        assert_eq!(world.submit(&hit, &contradiction), Answer::Answered);
        assert_eq!(world.newest_refusal().reason, RefusalReason::Conflict);
        let target = if is_contradicted_lost { own.encode() } else { foreign.encode() };
        let after = started_with_rot(&before, world, &target);
        let (left_out, leaves) = if is_contradicted_lost { (1, 2) } else { (0, 4) };
        assert_eq!((after.recovery.left_out, after.logs.size(&hit.site).unwrap()), (left_out, leaves));
        after.ingest.stop();
        assert_eq!(after.logs.fsck(&hit.site).unwrap().damage, []);
    }
}
