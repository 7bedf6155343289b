//! One test per way a record can be right or wrong. Each names the words the gateway's user sees.

use super::*;
use crate::ingest::testing::{NOW_MS, TestGateway};
use protocol::{ChainStart, ChainStartCause, SecretKey};

#[test]
fn a_chain_is_taken_in_order_and_repeats_are_repeated() {
    let (mut state, mut gateway) = enrolled();
    let records: Vec<Record> = (0..600).map(|_| gateway.next()).collect();
    for record in &records {
        assert_eq!(judged(&state, &gateway, record), Verdict::Take { late_ms: 0 });
        state.apply_record(record);
        assert_eq!(judged(&state, &gateway, record), Verdict::Repeat);
    }
    let through = state.through(&gateway.id).unwrap();
    assert_eq!(through, (gateway.chain, 599, records[599].digest()));
    // Whether what is held is the same record is asked.
    let at = |digest| judged_holding(&state, &gateway, &records[3], digest);
    assert_eq!(at(Some(records[3].digest())), Verdict::Repeat);
    assert_eq!(at(Some(records[4].digest())), Verdict::Quarantine);
}

/// The state is copied with every group and written with every integration.
#[test]
fn the_state_does_not_grow_with_the_records_of_a_chain() {
    let (mut state, mut gateway) = enrolled();
    let length = |state: &SiteState| serde_json::to_vec(state).unwrap().len();
    state.apply_record(&gateway.next());
    let young = length(&state);
    // Each stands for 300 records, so that the chain gets as long as in a year.
    for _ in 0..10_000 {
        let to = gateway.sequence + 299;
        let record = gateway.next_with(&TestGateway::lost(gateway.sequence, to, Digest::ZERO));
        state.apply_record(&record);
    }
    assert_eq!(state.through(&gateway.id).unwrap().1, 3_000_000);
    let old = length(&state);
    assert!(old <= young + 20, "{young} bytes at the beginning, {old} after three million records");
}

#[test]
fn a_forged_signature_is_refused_for_good() {
    let (state, mut gateway) = enrolled();
    let mut forger = gateway.clone();
    forger.key = SecretKey::from_seed(&[99; 32]);
    let refused = refusal(judged(&state, &gateway, &forger.next()));
    assert_eq!((refused.reason, refused.retry), (RefusalReason::BadSignature, false));
    assert_eq!(refused.detail, "the signature of record does not hold under this key");
    assert!(matches!(judged(&state, &gateway, &gateway.clone().next()), Verdict::Take { .. }));
    // Content swapped under a valid header.
    let record = gateway.next();
    let other = gateway.batch(9).encode().unwrap();
    let mut padded = other.clone();
    padded.resize(record.content_bytes().len(), 0);
    let swapped = Record::from_parts(record.header_bytes().to_vec(), &record.signature().0, padded).unwrap();
    assert_eq!(refusal(judged(&state, &gateway, &swapped)).reason, RefusalReason::Malformed);
}

#[test]
fn same_sequence_with_other_content_is_quarantined_boundedly() {
    let (mut state, mut gateway) = enrolled();
    state.apply_record(&gateway.next());
    let clone = gateway.clone();
    let second = gateway.next();
    state.apply_record(&second);
    let held = Some(second.digest());
    for value in 0..u64::from(QUARANTINE_MAX) {
        let record = clone.record(&clone.batch(1_000 + value), clone.sequence, clone.previous);
        assert_eq!(judged_holding(&state, &gateway, &record, held), Verdict::Quarantine);
        state.apply_quarantine(&record);
    }
    let record = clone.record(&clone.batch(5_000), clone.sequence, clone.previous);
    let refused = refusal(judged_holding(&state, &gateway, &record, held));
    assert_eq!((refused.reason, refused.retry), (RefusalReason::Conflict, false));
    assert!(refused.detail.contains("two boxes use this gateway's key, or an old disk image was started"));
    // The honest chain goes on.
    assert!(matches!(judged(&state, &gateway, &gateway.clone().next()), Verdict::Take { .. }));
}

#[test]
fn another_history_before_the_next_record_is_quarantined() {
    let (mut state, mut gateway) = enrolled();
    state.apply_record(&gateway.next());
    let mut clone = gateway.clone();
    clone.previous = protocol::sha256(b"another past");
    assert_eq!(judged(&state, &gateway, &clone.next()), Verdict::Quarantine);
}

#[test]
fn a_hole_is_held_back_and_names_what_is_next() {
    let (mut state, mut gateway) = enrolled();
    state.apply_record(&gateway.next());
    gateway.next();
    let third = gateway.next();
    let refused = refusal(judged(&state, &gateway, &third));
    assert_eq!((refused.reason, refused.retry, refused.number), (RefusalReason::OutOfOrder, true, 1));
    assert_eq!(refused.detail, "sequence 2 came, 1 is next; send from there");
    let mut stranger = gateway.clone();
    stranger.chain = ChainId([8; 16]);
    assert_eq!(refusal(judged(&state, &gateway, &stranger.next())).reason, RefusalReason::OutOfOrder);
}

#[test]
fn lost_fills_holes_only() {
    let (mut state, mut gateway) = enrolled();
    state.apply_record(&gateway.next());
    let second = gateway.next();
    state.apply_record(&second);
    // 2..=4 are gone; record 5 names a digest that only the gateway knows.
    let mut ahead = gateway.clone();
    ahead.next();
    ahead.next();
    let fourth = ahead.next();
    let lost = gateway.next_with(&TestGateway::lost(2, 4, fourth.digest()));
    assert_eq!(judged(&state, &gateway, &lost), Verdict::Take { late_ms: 0 });
    state.apply_record(&lost);
    let fifth = gateway.next();
    assert_eq!(fifth.header().sequence, 5);
    assert_eq!(judged(&state, &gateway, &fifth), Verdict::Take { late_ms: 0 });
    state.apply_record(&fifth);
    // A range the server holds is ignored, and so is a record inside a range declared lost.
    let held = gateway.record(&TestGateway::lost(1, 3, Digest::ZERO), 1, Digest::ZERO);
    assert_eq!(judged(&state, &gateway, &held), Verdict::Repeat);
    assert_eq!(judged(&state, &gateway, &fourth), Verdict::Repeat);
    // Partly held: the end is news. Beyond a hole: held back. Wrong start: malformed.
    let overlapping = gateway.record(&TestGateway::lost(4, 7, Digest::ZERO), 4, Digest::ZERO);
    assert_eq!(judged(&state, &gateway, &overlapping), Verdict::Take { late_ms: 0 });
    let beyond = gateway.record(&TestGateway::lost(9, 9, Digest::ZERO), 9, Digest::ZERO);
    assert_eq!(refusal(judged(&state, &gateway, &beyond)).reason, RefusalReason::OutOfOrder);
    let wrong = gateway.record(&TestGateway::lost(6, 7, Digest::ZERO), 5, Digest::ZERO);
    assert_eq!(refusal(judged(&state, &gateway, &wrong)).reason, RefusalReason::Malformed);
    let forked = gateway.record(&TestGateway::lost(6, 7, Digest::ZERO), 6, protocol::sha256(b"elsewhere"));
    assert_eq!(judged(&state, &gateway, &forked), Verdict::Quarantine);
}

#[test]
fn numbers_that_no_chain_reaches_are_refused_and_overflow_nothing() {
    use protocol::record::SEQUENCE_MAX;
    let (mut state, mut gateway) = enrolled();
    state.apply_record(&gateway.next());
    let malformed = |content: &Content, sequence: u64| {
        let refused = refusal(judged(&state, &gateway, &gateway.record(content, sequence, Digest::ZERO)));
        assert_eq!((refused.reason, refused.retry), (RefusalReason::Malformed, false));
        refused.detail
    };
    for to in [u64::MAX, u64::MAX - 1, SEQUENCE_MAX + 1] {
        let detail = malformed(&TestGateway::lost(1, to, Digest::ZERO), 1);
        assert_eq!(detail, format!("lost: sequence {to} is beyond 9007199254740991"));
    }
    // The largest range is taken, and what could follow it is only waited for.
    let mut at_the_end = state.clone();
    let all = gateway.record(&TestGateway::lost(1, SEQUENCE_MAX, Digest::ZERO), 1, Digest::ZERO);
    assert_eq!(judged(&at_the_end, &gateway, &all), Verdict::Take { late_ms: 0 });
    at_the_end.apply_record(&all);
    assert_eq!(at_the_end.through(&gateway.id).unwrap().1, SEQUENCE_MAX);
    let second = gateway.next();
    assert_eq!(judged(&at_the_end, &gateway, &second), Verdict::Repeat);
}

#[test]
fn a_new_chain_opens_by_its_start_and_becomes_the_one_receipts_speak_of() {
    let (mut state, mut gateway) = enrolled();
    state.apply_record(&gateway.next());
    let old = state.through(&gateway.id).unwrap();
    gateway.chain = ChainId([9; 16]);
    (gateway.sequence, gateway.previous) = (0, Digest::ZERO);
    let start = ChainStart { cause: ChainStartCause::OldImage, old: Some(old) };
    let record = gateway.next_with(&Content::ChainStart(start));
    assert_eq!(judged(&state, &gateway, &record), Verdict::Take { late_ms: 0 });
    state.apply_record(&record);
    assert_eq!(state.through(&gateway.id).unwrap(), (gateway.chain, 0, record.digest()));
    let late_start = gateway.next_with(&Content::ChainStart(start));
    assert_eq!(refusal(judged(&state, &gateway, &late_start)).reason, RefusalReason::Malformed);
}

#[test]
fn unknown_revoked_and_foreign_gateways_are_refused_for_good() {
    let (mut state, mut gateway) = enrolled();
    let record = gateway.next();
    let nobody = SiteState::default();
    let refused = refusal(judged(&nobody, &gateway, &record));
    assert_eq!((refused.reason, refused.retry), (RefusalReason::UnknownGateway, false));
    assert_eq!(refused.detail, "no gateway gw-1 is enrolled at site-1");
    let candidate = read(&record.encode()).unwrap();
    let other = "gw-2".parse().unwrap();
    let foreign = judge(&state, &gateway.site, &other, &candidate, NOW_MS, |_, _, _| None);
    assert_eq!(refusal(foreign).detail, "the record names site-1/gw-1, the connection is site-1/gw-2");
    let mut revocation = gateway.enrolment();
    revocation.kind = REVOKED.into();
    state.apply_declaration(&revocation);
    let refused = refusal(judged(&state, &gateway, &record));
    assert_eq!((refused.reason, refused.retry), (RefusalReason::Revoked, false));
    assert_eq!(refused.detail, "the enrolment of gw-1 was revoked; enrol it again");
    state.apply_declaration(&gateway.enrolment());
    assert!(matches!(judged(&state, &gateway, &record), Verdict::Take { .. }));
}

#[test]
fn a_new_key_holds_from_the_record_after_its_announcement() {
    let (mut state, mut gateway) = enrolled();
    state.apply_record(&gateway.next());
    let new = SecretKey::from_seed(&[42; 32]);
    state.apply_record(&gateway.next_with(&TestGateway::key_change(&new)));
    assert_eq!(refusal(judged(&state, &gateway, &gateway.clone().next())).reason, RefusalReason::BadSignature);
    gateway.key = new;
    assert!(matches!(judged(&state, &gateway, &gateway.clone().next()), Verdict::Take { .. }));
}

#[test]
fn oversized_and_malformed_bytes_are_named_as_far_as_they_can_be_read() {
    let (_, mut gateway) = enrolled();
    let record = gateway.next();
    let mut long = record.encode();
    long.resize(record::RECORD_MAX + 1, 0);
    let (named, refused) = read(&long).unwrap_err();
    assert_eq!((refused.reason, refused.retry, refused.number), (RefusalReason::TooLarge, false, 263_041));
    assert_eq!(refused.detail, "record is 263041 bytes long; at most 263040 are allowed");
    assert_eq!((named.chain, named.sequence, named.digest), (gateway.chain, 0, record.digest()));
    let (named, refused) = read(b"not a record").unwrap_err();
    assert_eq!(refused.reason, RefusalReason::Malformed);
    assert_eq!(named.digest, protocol::sha256(b"not a record"));
    for cut in 0..record.encode().len() {
        let _ = read(&record.encode()[..cut]);
    }
}

#[test]
fn simulated_time_only_at_a_simulated_site() {
    let (mut state, mut gateway) = enrolled();
    gateway.simulated = true;
    gateway.wall_ms = NOW_MS - 100 * LATE_MS;
    let record = gateway.next();
    let refused = refusal(judged(&state, &gateway, &record));
    assert_eq!((refused.reason, refused.retry), (RefusalReason::Simulated, false));
    assert_eq!(refused.detail, "site site-1 was not created as simulated");
    state.simulated = true;
    assert_eq!(judged(&state, &gateway, &record), Verdict::Take { late_ms: 0 });
}

#[test]
fn a_site_cannot_become_simulated_later() {
    let mut state = SiteState::default();
    let mut declaration = TestGateway::new("site-1", "gw-1").enrolment();
    declaration.kind = "site".into();
    declaration.body = serde_json::json!({ "simulated": false });
    state.apply_declaration(&declaration);
    declaration.body = serde_json::json!({ "simulated": true });
    state.apply_declaration(&declaration);
    assert!(!state.simulated);
}

#[test]
fn records_far_from_their_arrival_are_taken_and_flagged() {
    let (state, mut gateway) = enrolled();
    gateway.wall_ms = NOW_MS - LATE_MS - 5;
    assert_eq!(judged(&state, &gateway, &gateway.clone().next()), Verdict::Take { late_ms: LATE_MS + 5 });
    gateway.wall_ms = NOW_MS + LATE_MS + 5;
    assert_eq!(judged(&state, &gateway, &gateway.clone().next()), Verdict::Take { late_ms: -LATE_MS - 5 });
    gateway.wall_ms = NOW_MS - LATE_MS;
    assert_eq!(judged(&state, &gateway, &gateway.clone().next()), Verdict::Take { late_ms: 0 });
}

/// A clock nobody vouches for is neither early nor late: the record is taken, and places itself once the clock is set.
#[test]
fn a_record_from_1970_is_taken_and_not_called_late() {
    let (state, mut gateway) = enrolled();
    let content = Content::ChainStart(ChainStart { cause: ChainStartCause::First, old: None });
    gateway.wall_ms = 5_000;
    for (sync, late_ms) in [
        (SyncState::Unsynchronised, 0),
        (SyncState::Unknown, 0),
        // Who says that it is synchronised, and is half a century off, is flagged.
        (SyncState::Synchronised, NOW_MS - 5_000),
    ] {
        let mut header = gateway.record(&content, 0, Digest::ZERO).header().clone();
        header.clock.sync = sync;
        let record = Record::sign(header, content.encode().unwrap(), &gateway.key).unwrap();
        assert_eq!(judged(&state, &gateway, &record), Verdict::Take { late_ms }, "{sync:?}");
    }
    // Set back an hour in the middle: the sequence decides what is next, not the clock.
    gateway.wall_ms = NOW_MS;
    let (mut state, first) = (state, gateway.next());
    state.apply_record(&first);
    gateway.wall_ms = NOW_MS - 3_600_000;
    assert_eq!(judged(&state, &gateway, &gateway.clone().next()), Verdict::Take { late_ms: 0 });
}

fn enrolled() -> (SiteState, TestGateway) {
    let gateway = TestGateway::new("site-1", "gw-1");
    let mut state = SiteState::default();
    state.apply_declaration(&gateway.enrolment());
    (state, gateway)
}

fn judged(state: &SiteState, gateway: &TestGateway, record: &Record) -> Verdict {
    judged_holding(state, gateway, record, None)
}

/// Judged by a server that holds a record with this digest wherever it is asked.
fn judged_holding(state: &SiteState, gateway: &TestGateway, record: &Record, held: Option<Digest>) -> Verdict {
    let candidate = read(&record.encode()).unwrap();
    judge(state, &gateway.site, &gateway.id, &candidate, NOW_MS, |_, _, _| held)
}

fn refusal(verdict: Verdict) -> Refused {
    match verdict {
        Verdict::Refuse(refused) => refused,
        other => panic!("not refused: {other:?}"),
    }
}
