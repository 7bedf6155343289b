//! Server messages from a stick.

use super::*;

fn carried(receipt: Receipt) -> Input {
    Input::Carried(ServerMessage::Receipt(receipt).sign(&log_key()))
}

fn ends(actions: &[Action]) -> Vec<u64> {
    actions.iter().filter_map(|a| if let Action::Settle { end, .. } = a { Some(*end) } else { None }).collect()
}

#[test]
fn a_carried_receipt_frees_without_a_connection_what_it_proves() {
    let mut bench = Bench::new(10, 0, SETTINGS);
    let receipt = receipt(&bench.records, Some(6), T0);
    let actions = bench.on(carried(receipt.clone()), 5);
    assert_eq!(ends(&actions), [7], "{actions:?}");
    assert_eq!(bench.delivery.receipted_end(), 7);
    assert!(!actions.iter().any(|a| matches!(a, Action::Publish(_) | Action::Anchor(_))), "{actions:?}");
    // Read once more: nothing new.
    let again = bench.on(carried(receipt), 6);
    assert!(again.iter().all(|a| matches!(a, Action::Settle { end: 7, .. })), "{again:?}");
}

#[test]
fn a_carried_receipt_never_takes_anything_back() {
    // Fresh after a restart, when nothing is known of the server's time.
    let mut bench = Bench::new(10, 8, SETTINGS);
    let old = receipt(&bench.records, Some(2), T0);
    assert_eq!(bench.on(carried(old), 5), []);
    let nothing = receipt(&bench.records, None, T0 + 1);
    assert_eq!(bench.on(carried(nothing), 6), []);
    assert_eq!(bench.delivery.receipted_end(), 8);
}

#[test]
fn a_carried_receipt_that_is_forged_or_anothers_or_of_another_chain_frees_nothing() {
    let mut bench = Bench::new(10, 0, SETTINGS);
    let good = receipt(&bench.records, Some(6), T0);
    let forged = ServerMessage::Receipt(good.clone()).sign(&SecretKey::from_seed(&[78; 32]));
    let actions = bench.on(Input::Carried(forged), 1);
    assert!(matches!(&actions[..], [Action::Tell(Notice::Forged(_))]), "{actions:?}");
    let others = Receipt { gateway: "gw-2".parse().expect("a name"), ..good.clone() };
    let actions = bench.on(carried(others), 2);
    assert!(matches!(&actions[..], [Action::Tell(Notice::Forged(_))]), "{actions:?}");
    let foreign = Receipt { through: Some((ChainId([9; 16]), 6, Digest::ZERO)), ..good.clone() };
    let actions = bench.on(carried(foreign), 3);
    assert_eq!(actions, [Action::Tell(Notice::Foreign)]);
    let beyond = Receipt { through: Some((CHAIN, 10, Digest::ZERO)), ..good.clone() };
    assert_eq!(bench.on(carried(beyond), 4), [Action::Tell(Notice::Foreign)]);
    let other_digest = Receipt { through: Some((CHAIN, 6, Digest([3; 32]))), ..good };
    let actions = bench.on(carried(other_digest), 5);
    assert!(ends(&actions).is_empty() && actions.contains(&Action::Tell(Notice::Foreign)), "{actions:?}");
    assert_eq!(bench.delivery.receipted_end(), 0);
}

#[test]
fn a_carried_receipt_for_a_record_under_way_says_nothing_of_the_time() {
    let mut bench = Bench::new(0, 0, SETTINGS);
    bench.on(Input::Connected, 0);
    bench.on(signed(receipt(&bench.records, None, T0)), 1);
    bench.records = chain(CHAIN, 3);
    let sent = bench.on(Input::Durable(3), 2);
    assert_eq!(sent.iter().filter(|a| matches!(a, Action::Publish(_))).count(), 3, "{sent:?}");
    let actions = bench.on(carried(receipt(&bench.records, Some(2), T0 - 3_600_000)), 3);
    assert_eq!(ends(&actions), [3]);
    assert!(!actions.iter().any(|a| matches!(a, Action::Anchor(_))), "{actions:?}");
}

#[test]
fn a_carried_refusal_is_told_and_changes_nothing() {
    let mut bench = Bench::new(10, 0, SETTINGS);
    let Input::Message(bytes) = refusal(&bench.records[0], RefusalReason::Malformed, false) else { unreachable!() };
    let actions = bench.on(Input::Carried(bytes), 1);
    assert!(matches!(&actions[..], [Action::Tell(Notice::Refused { sequence: 0, retry: true, .. })]), "{actions:?}");
    assert_eq!(bench.delivery.receipted_end(), 0);
}
