//! How fast it goes, and who waits for whom.

use super::*;
use crate::ingest::recent::PENDING_MAX;

fn many(gateway: &mut TestGateway, count: usize) -> Vec<Vec<u8>> {
    (0..count).map(|_| gateway.next().encode()).collect()
}

/// Leaves are gathered so that one integration serves many records. However long that is: a gateway that drains a
/// backlog must not be held up by it.
#[test]
fn gathering_leaves_never_holds_up_the_journal() {
    let hour = Duration::from_secs(3_600);
    let world = World::gathering(Arc::new(FakeDisk::default()), None, hour);
    let mut gateway = world.enrol("site-1", "gw-1");
    let count = 3 * PENDING_MAX;
    let start = Instant::now();
    let records = many(&mut gateway, count);
    let answers: Vec<_> =
        records.into_iter().map(|bytes| world.ingest.submit(gateway.site.clone(), gateway.id.clone(), bytes)).collect();
    for answer in answers {
        assert_eq!(block_on(answer), Ok(Answer::Answered), "after {:?}", start.elapsed());
    }
    world.ingest.stop();
    assert_eq!(world.logs.size(&gateway.site).unwrap(), count as u64 + 1);
}

/// One sync serves everything that arrived while the disk was busy; if it fails, everybody in the group hears so.
#[test]
fn a_group_shares_one_sync_and_its_failure() {
    let world = World::new(&FakeDisk::default());
    let mut gateway = world.enrol("site-1", "gw-1");
    world.wait(|| world.checkpoint(&gateway.site).is_some());
    let submit_stalled = |records: Vec<Vec<u8>>| -> Vec<Answer> {
        let stalled = world.disk.stall();
        let submit = |bytes| world.ingest.submit(gateway.site.clone(), gateway.id.clone(), bytes);
        let answers: Vec<_> = records.into_iter().map(submit).collect();
        drop(stalled);
        answers.into_iter().map(|answer| block_on(answer).unwrap()).collect()
    };
    let mut sender = gateway.clone();
    let first = many(&mut sender, 100);
    let before = world.disk.operations();
    assert_eq!(submit_stalled(first), [Answer::Answered; 100]);
    world.wait(|| world.logs.size(&gateway.site).unwrap() == 101);
    let operations = world.disk.operations() - before;
    assert!(operations < 60, "{operations} writes and syncs for 100 records: they are not shared");

    let second = many(&mut sender.clone(), 50);
    world.disk.set_full(true);
    // Everybody is answered; who was judged in a later group is behind a record that is not held, and hears that.
    let answers = submit_stalled(second.clone());
    assert_eq!((answers.len(), answers[0]), (50, Answer::Unavailable));
    let refused = world.messages().iter().any(
        |message| matches!(message, ServerMessage::Refusal(refusal) if refusal.reason == RefusalReason::StorageFull),
    );
    assert!(refused);
    world.greet(&gateway);
    assert_eq!(world.newest_receipt().through.unwrap().1, 99, "nothing of a failed group is promised");
    world.disk.set_full(false);
    for bytes in second {
        world.wait(|| {
            let answer = world.ingest.submit(gateway.site.clone(), gateway.id.clone(), bytes.clone());
            block_on(answer) == Ok(Answer::Answered)
        });
    }
    world.ingest.stop();
    gateway.sequence = 150;
    assert_eq!(world.newest_receipt().through.unwrap().1, gateway.sequence - 1);
    assert_eq!(world.logs.fsck(&gateway.site).unwrap().damage, []);
}
