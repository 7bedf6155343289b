//! What somebody with a valid key, or with none, can try beyond sending wrong records: exhaust, confuse, or make the server
//! say things about itself.

use super::*;

#[test]
fn an_old_receipt_cannot_make_the_server_say_it_was_restored() {
    let world = World::new(&FakeDisk::default());
    let mut gateway = world.enrol("site-1", "gw-1");
    for _ in 0..3 {
        let record = gateway.next();
        world.submit(&gateway, &record);
    }
    let receipt = world.newest_bytes();
    assert_eq!(world.newest_receipt().through.unwrap().1, 2);
    for to in [3, 4, 5] {
        let lost = Content::Lost(Lost {
            from: 2,
            to,
            cause: LostCause::Trimmed,
            previous: Digest::ZERO,
            next: Digest::ZERO,
            receipt: receipt.clone(),
        });
        assert_eq!(world.submit(&gateway, &gateway.record(&lost, 2, Digest::ZERO)), Answer::Answered);
        let receipt = world.newest_receipt();
        assert_eq!((receipt.log_epoch, receipt.through.unwrap().1), (0, to));
    }
    world.ingest.stop();
    let leaves = world.logs.leaves(&gateway.site, 0..20).unwrap();
    assert!(!leaves.iter().any(|leaf| matches!(leaf.body, LeafBody::Epoch { .. })), "{leaves:?}");
}

/// Several records wait while the disk is stalled, so that they are judged as groups; then it turns out to be full.
#[test]
fn of_a_group_that_cannot_be_stored_everything_is_answered_and_nothing_is_refused_for_good_by_mistake() {
    let world = World::new(&FakeDisk::default());
    let mut gateway = world.enrol("site-1", "gw-1");
    let other = world.enrol("site-2", "gw-2");
    let first = gateway.next();
    world.submit(&gateway, &first);
    world.wait(|| world.logs.size(&gateway.site).unwrap() == 2 && world.logs.size(&other.site).unwrap() == 1);
    let mut forger = other.clone();
    forger.key = protocol::SecretKey::from_seed(&[66; 32]);
    let forged = forger.next();
    let sent_before = world.messages().len();
    world.disk.set_full(true);
    let stalled = world.disk.stall();
    let submit =
        |from: &TestGateway, record: &Record| world.ingest.submit(from.site.clone(), from.id.clone(), record.encode());
    let mut answers = Vec::new();
    for value in 0..10 {
        answers.push(submit(&gateway, &gateway.clone().next_with(&gateway.batch(1))));
        answers.push(submit(&other, &forged));
        answers.push(submit(&gateway, &gateway.clone().next_with(&gateway.batch(100 + value))));
    }
    drop(stalled);
    let answers: Vec<Answer> = answers.into_iter().map(|answer| block_on(answer).unwrap()).collect();
    for (at, answer) in answers.iter().enumerate() {
        // Forged records touch nothing: refused as ever. The rest was judged against a state that did not come to be.
        let wanted = if at % 3 == 1 { Answer::Answered } else { Answer::Unavailable };
        assert_eq!(*answer, wanted, "{at}: {answers:?}");
    }
    let (mut forged_refusals, mut full_refusals) = (0, 0);
    for message in &world.messages()[sent_before..] {
        match message {
            ServerMessage::Refusal(refusal) if refusal.reason == RefusalReason::BadSignature => {
                assert_eq!(refusal.site, other.site);
                forged_refusals += 1;
            }
            ServerMessage::Refusal(refusal) => {
                assert_eq!((refusal.reason, refusal.retry), (RefusalReason::StorageFull, true));
                full_refusals += 1;
            }
            ServerMessage::Receipt(receipt) => {
                let durable = (receipt.gateway == gateway.id).then(|| (gateway.chain, 0, first.digest()));
                assert_eq!(receipt.through, durable, "only what is durable");
            }
        }
    }
    assert_eq!(forged_refusals, 10, "a publish that is complete has its signed answer");
    assert!(full_refusals > 0);
    assert_eq!(world.ingest.health().records(), 1, "what was not stored is not counted as taken");
    world.disk.set_full(false);
    let mut honest = TestGateway::new("site-1", "gw-1");
    honest.next();
    let second = honest.next();
    world.wait(|| world.submit(&gateway, &second) == Answer::Answered);
    let receipt = world.receipts().into_iter().rfind(|receipt| receipt.gateway == gateway.id).unwrap();
    assert_eq!(receipt.through, Some((gateway.chain, 1, second.digest())));
    world.ingest.stop();
    assert_eq!(world.logs.size(&gateway.site).unwrap(), 3);
}

#[test]
fn names_of_gateways_that_are_not_enrolled_take_no_memory() {
    let world = World::new(&FakeDisk::default());
    let mut gateway = world.enrol("site-1", "gw-1");
    let record = gateway.next();
    let state = StateMessage { wall_ms: NOW_MS, ..StateMessage::default() };
    for number in 0..200 {
        let mut stranger = TestGateway::new(&format!("site-{}", number % 3), &format!("stranger-{number}"));
        world.submit(&stranger.clone(), &stranger.next());
        world.ingest.take_state(stranger.site.clone(), stranger.id.clone(), &state.encode());
        assert_eq!(world.ingest.live(&stranger.site, &stranger.id), None);
        assert_eq!(world.ingest.health().rejections(&stranger.site, &stranger.id), Rejections::new());
    }
    assert_eq!(world.ingest.health().unknown_rejections()["unknown_gateway"], 200);
    world.ingest.take_state(gateway.site.clone(), gateway.id.clone(), &state.encode());
    assert_eq!(world.ingest.live(&gateway.site, &gateway.id), Some((NOW_MS, state)));
    assert_eq!(world.submit(&gateway, &record), Answer::Answered);
    world.ingest.stop();
    // 1, 2, 4 … 128: the names of some are in the file for support, however many there are.
    let file = String::from_utf8(world.disk.read("rejections.jsonl").unwrap()).unwrap();
    assert_eq!(file.lines().count(), 8);
}

/// A record that comes again is compared with the one in the log, wherever that lies among others' leaves.
#[test]
fn an_old_record_is_found_in_a_long_log_of_several_gateways() {
    let world = World::new(&FakeDisk::default());
    let mut quiet = world.enrol("site-1", "gw-1");
    let mut busy = TestGateway::new("site-1", "gw-2");
    block_on(world.logs.append_declaration(&busy.site, &busy.enrolment())).unwrap();
    let (mut of_quiet, mut of_busy) = (Vec::new(), Vec::new());
    for round in 0..2_400 {
        // One speaks all the time, the other at the beginning and the end.
        if !(200..2_200).contains(&round) {
            of_quiet.push(quiet.next());
            world.submit(&quiet, of_quiet.last().unwrap());
        }
        of_busy.push(busy.next());
        world.submit(&busy, of_busy.last().unwrap());
    }
    world.ingest.stop();
    let again = World::new(&world.disk.copy());
    for (gateway, records) in [(&quiet, &of_quiet), (&busy, &of_busy)] {
        for at in [0, 1, 199, 200, 255, 256, 257, 399] {
            let at = at % records.len();
            assert_eq!(again.submit(gateway, &records[at]), Answer::Answered);
            let held = again.logs.held(&gateway.site, &gateway.id, &gateway.chain, 0, at as u64);
            assert_eq!(held, Some(records[at].digest()), "{} {at}", gateway.id);
        }
        let other = gateway.record(&gateway.batch(999_999), 150, Digest::ZERO);
        assert_eq!(again.submit(gateway, &other), Answer::Answered);
        assert_eq!(again.newest_refusal().reason, RefusalReason::Conflict, "{}", gateway.id);
    }
    assert_eq!(again.ingest.health().repeats(), 16);
    again.ingest.stop();
}
