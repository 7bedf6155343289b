//! What the journal forgets, and when: never before a checkpoint covers it, whatever the power does meanwhile.

use super::*;

/// Room for a handful of records.
const SEGMENT_BYTES: u64 = 2_000;
const FIRST: &str = "journal/000000000001.wal";

fn small() -> Options {
    Options { segment_bytes: SEGMENT_BYTES, ..quick() }
}

fn started(disk: FakeDisk, options: Options) -> World {
    let world = World::with(Arc::new(disk), None, options);
    world.ingest.add_pusher(world.messages.clone());
    world
}

/// Number of the oldest entry the journal still has. One site: entry n is leaf n − 1.
fn oldest(disk: &FakeDisk) -> u64 {
    let (_, recovered) = Journal::open(Arc::new(disk.copy()), 0).unwrap();
    recovered.entries.first().expect("the newest entries are always there").lsn
}

#[test]
fn the_journal_forgets_only_what_checkpoints_cover() {
    // No checkpoint for an hour: nothing may go, however much of it is in the log.
    let hour = Options { publish_every: Duration::from_secs(3_600), ..small() };
    let world = started(FakeDisk::default(), hour);
    let mut gateway = world.enrol("site-1", "gw-1");
    // What is there when the server starts is published at once; that may include these, and no later one.
    for _ in 0..5 {
        assert_eq!(world.submit(&gateway.clone(), &gateway.next()), Answer::Answered);
    }
    world.wait(|| world.logs.size(&gateway.site).unwrap() == 6);
    for _ in 0..35 {
        assert_eq!(world.submit(&gateway.clone(), &gateway.next()), Answer::Answered);
    }
    world.wait(|| world.logs.size(&gateway.site).unwrap() == 41);
    let covered = world.checkpoint(&gateway.site).map_or(0, |(size, _)| size);
    assert!(covered <= 6, "a checkpoint over {covered} leaves within the hour");
    let segments = world.disk.paths("journal/");
    assert!(segments.len() > 4, "{segments:?}");
    let kept_from = oldest(&world.disk);
    assert!(kept_from <= covered + 1, "entries up to {kept_from} are gone, the checkpoint covers {covered}");
    let crashed = world.disk.copy();
    world.ingest.stop();

    // After a crash at that moment everything is there; with the first checkpoint whole segments go, and no entry beyond it.
    let again = started(crashed, small());
    assert_eq!(again.logs.size(&gateway.site).unwrap(), 41);
    for _ in 0..20 {
        assert_eq!(again.submit(&gateway.clone(), &gateway.next()), Answer::Answered);
        let kept_from = oldest(&again.disk);
        let covered = again.checkpoint(&gateway.site).map_or(0, |(size, _)| size);
        assert!(kept_from <= covered + 1, "entries up to {kept_from} are gone, the checkpoint covers {covered}");
    }
    again.wait(|| !again.disk.paths("journal/").contains(&FIRST.to_owned()));
    again.wait(|| again.checkpoint(&gateway.site).is_some_and(|(size, _)| size == 61));
    let left = again.disk.paths("journal/");
    assert!(left.len() < segments.len(), "{left:?} of {segments:?}");
    again.ingest.stop();
    assert_eq!(again.logs.fsck(&gateway.site).unwrap().damage, []);
}

#[test]
fn at_every_power_cut_around_a_trim_nothing_receipted_is_forgotten() {
    let world = started(FakeDisk::default(), small());
    let mut gateway = world.enrol("site-1", "gw-1");
    for _ in 0..8 {
        world.submit(&gateway.clone(), &gateway.next());
    }
    world.ingest.stop();
    let start = world.disk.copy();
    for seed in 0..2 {
        for cut in 0.. {
            let world = started(start.copy(), small());
            world.disk.cut_power_at(cut, seed);
            let is_dark = || world.disk.operations() > cut;
            let mut agent = gateway.clone();
            for _ in 0..10 {
                world.submit(&gateway, &agent.next());
                // The trim follows the checkpoint: give it the chance to happen before the next record.
                let wanted = agent.sequence + 1;
                world.wait(|| is_dark() || world.checkpoint(&gateway.site).is_some_and(|(size, _)| size >= wanted));
            }
            if !is_dark() {
                world.wait(|| is_dark() || !world.disk.paths("journal/").contains(&FIRST.to_owned()));
            }
            let through = |world: &World| world.receipts().into_iter().filter_map(|r| r.through).map(|t| t.1).max();
            let receipted = through(&world).unwrap_or(7);
            world.ingest.stop();
            let survived = !is_dark();
            let after = started(world.disk.after_power_cut(), small());
            after.greet(&gateway);
            let held = after.newest_receipt().through.unwrap().1;
            assert!(held >= receipted, "seed {seed} cut {cut}: receipted {receipted}, holds {held}");
            let mut agent = gateway.clone();
            for _ in 0..12 {
                let record = agent.next();
                if record.header().sequence > held {
                    assert_eq!(after.submit(&gateway, &record), Answer::Answered, "seed {seed} cut {cut}");
                }
            }
            after.ingest.stop();
            assert_eq!(after.logs.size(&gateway.site).unwrap(), 21, "seed {seed} cut {cut}");
            assert_eq!(after.logs.fsck(&gateway.site).unwrap().damage, [], "seed {seed} cut {cut}");
            if survived {
                assert!(cut > 30, "the run must be longer than {cut} operations to mean anything");
                break;
            }
        }
    }
}
