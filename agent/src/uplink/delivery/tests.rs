use protocol::{BootId, ChainStart, ChainStartCause, Clock, Header, SecretKey, SyncState, sha256};

use super::*;

const CHAIN: ChainId = ChainId([1; 16]);
const T0: i64 = 1_790_000_000_000;

fn log_key() -> SecretKey {
    SecretKey::from_seed(&[77; 32])
}

fn peer() -> Peer {
    Peer {
        site: "site-1".parse().expect("a name"),
        gateway: "gw-1".parse().expect("a name"),
        log_key: VerifierKey::new("test.log", log_key().public()).expect("a name"),
    }
}

/// A chain of small records.
fn chain(chain: ChainId, count: u64) -> Vec<Record> {
    grow(Vec::new(), chain, count, "1")
}

/// `records` and what follows on them; another `version` makes another history.
fn grow(mut records: Vec<Record>, chain: ChainId, count: u64, version: &str) -> Vec<Record> {
    let key = SecretKey::from_seed(&[5; 32]);
    let mut previous = records.last().map_or(Digest::ZERO, Record::digest);
    for sequence in records.len() as u64..count {
        let content = Content::ChainStart(ChainStart { cause: ChainStartCause::First, old: None });
        let header = Header {
            kind: Kind::ChainStart,
            site: "site-1".parse().expect("a name"),
            gateway: "gw-1".parse().expect("a name"),
            chain,
            sequence,
            previous,
            content_digest: Digest::ZERO,
            content_length: 0,
            readings: 0,
            configuration: Digest::ZERO,
            agent_version: version.into(),
            clock: Clock {
                boot_id: BootId([0; 16]),
                boot_ms: 0,
                wall_ms: 0,
                sync: SyncState::Unknown,
                error_ms: 0,
                server: None,
                simulated: false,
            },
            first_ms: 0,
            last_ms: 0,
        };
        let record = Record::sign(header, content.encode().expect("encodes"), &key).expect("signs");
        previous = record.digest();
        records.push(record);
    }
    records
}

fn receipt(records: &[Record], through: Option<u64>, server_ms: i64) -> Receipt {
    Receipt {
        site: "site-1".parse().expect("a name"),
        gateway: "gw-1".parse().expect("a name"),
        through: through.map(|sequence| (CHAIN, sequence, records[sequence as usize].digest())),
        log_epoch: 0,
        server_ms,
        checkpoint: String::new(),
        logged: through,
    }
}

fn signed(receipt: Receipt) -> Input {
    Input::Message(ServerMessage::Receipt(receipt).sign(&log_key()))
}

fn refusal(record: &Record, reason: RefusalReason, retry: bool) -> Input {
    let header = record.header();
    let refusal = Refusal {
        site: header.site.clone(),
        gateway: header.gateway.clone(),
        chain: header.chain,
        sequence: header.sequence,
        digest: record.digest(),
        reason,
        retry,
        server_ms: T0,
        number: 0,
        detail: "because".to_owned(),
    };
    Input::Message(ServerMessage::Refusal(refusal).sign(&log_key()))
}

/// The engine with a buffer that holds `records`; loads are answered at once, everything else is returned.
struct Bench {
    delivery: Delivery,
    records: Vec<Record>,
    trimmed_end: u64,
    is_unreadable: bool,
}

impl Bench {
    fn new(count: u64, receipted_end: u64, settings: Settings) -> Self {
        let span = Span { chain: CHAIN, first_position: 0, end_position: None };
        let delivery = Delivery::new(settings, peer(), vec![span], None, receipted_end, count, 9);
        Bench { delivery, records: chain(CHAIN, count), trimmed_end: 0, is_unreadable: false }
    }

    fn on(&mut self, input: Input, now_ms: i64) -> Vec<Action> {
        let mut inputs = VecDeque::from([input]);
        let mut others = Vec::new();
        while let Some(input) = inputs.pop_front() {
            for action in self.delivery.on(input, now_ms) {
                match action {
                    Action::Load(_) if self.is_unreadable => inputs.push_back(Input::Unread),
                    Action::Load(position) if position < self.trimmed_end => {
                        let (end, cause) = (self.trimmed_end, LostCause::Trimmed);
                        inputs.push_back(Input::Missing { position, end, cause });
                    }
                    Action::Load(position) => {
                        let bytes = self.records[position as usize].encode();
                        inputs.push_back(Input::Loaded { position, end: position + 1, bytes });
                    }
                    other => others.push(other),
                }
            }
        }
        others
    }

    /// Connected, with the high-water mark that the cursor expects.
    fn online(&mut self, now_ms: i64) -> Vec<Action> {
        let through = self.delivery.receipted_end().checked_sub(1);
        let mut actions = self.on(Input::Connected, now_ms);
        actions.extend(self.on(signed(receipt(&self.records, through, T0)), now_ms));
        actions
    }
}

fn published(actions: &[Action]) -> Vec<u64> {
    let sequence = |action: &Action| match action {
        Action::Publish(bytes) => Some(Record::decode(bytes).expect("a record").header().sequence),
        _ => None,
    };
    actions.iter().filter_map(sequence).collect()
}

fn settled(actions: &[Action]) -> Vec<u64> {
    let end = |action: &Action| if let Action::Settle { end, .. } = action { Some(*end) } else { None };
    actions.iter().filter_map(end).collect()
}

const SETTINGS: Settings = Settings { window: 4, bytes_per_second_max: 0 };

#[test]
fn window_is_filled_in_order_and_moves_with_receipts() {
    let mut bench = Bench::new(10, 0, SETTINGS);
    assert_eq!(published(&bench.online(1_000)), vec![0, 1, 2, 3]);
    let actions = bench.on(signed(receipt(&bench.records, Some(1), T0 + 1)), 1_010);
    assert_eq!((settled(&actions), published(&actions)), (vec![2], vec![4, 5]));
}

#[test]
fn nothing_is_sent_before_the_high_water_mark_or_two_seconds() {
    let mut bench = Bench::new(3, 0, SETTINGS);
    assert_eq!(bench.on(Input::Connected, 1_000), vec![]);
    assert_eq!(bench.on(Input::Tick, 2_999), vec![]);
    assert_eq!(published(&bench.on(Input::Tick, 3_000)), vec![0, 1, 2]);
}

#[test]
fn high_water_mark_ahead_of_a_stale_cursor_is_compared_with_our_record_and_not_sent_again() {
    let mut bench = Bench::new(10, 2, SETTINGS);
    bench.on(Input::Connected, 0);
    let actions = bench.on(signed(receipt(&bench.records, Some(6), T0)), 5);
    assert_eq!((settled(&actions), published(&actions)), (vec![7], vec![7, 8, 9]));
}

#[test]
fn a_read_that_fails_is_asked_again_and_nothing_waits_for_ever() {
    // While sending.
    let mut bench = Bench::new(3, 0, SETTINGS);
    bench.is_unreadable = true;
    assert_eq!(published(&bench.online(0)), Vec::<u64>::new());
    assert!(bench.delivery.wake_ms(10) <= 1_000);
    bench.is_unreadable = false;
    assert_eq!(bench.on(Input::Tick, 999), vec![], "not in a tight loop");
    assert_eq!(published(&bench.on(Input::Tick, 1_000)), vec![0, 1, 2]);
    // While a receipt is compared with the record on disk.
    let mut bench = Bench::new(10, 2, SETTINGS);
    bench.is_unreadable = true;
    bench.on(Input::Connected, 0);
    bench.on(signed(receipt(&bench.records, Some(6), T0)), 5);
    bench.is_unreadable = false;
    let actions = bench.on(Input::Tick, 1_005);
    assert_eq!((settled(&actions), published(&actions)), (vec![7], vec![7, 8, 9]));
}

#[test]
fn receipt_with_another_digest_frees_nothing_and_forks() {
    let mut bench = Bench::new(5, 0, SETTINGS);
    bench.online(0);
    let mut wrong = receipt(&bench.records, Some(2), T0 + 1);
    wrong.through = Some((CHAIN, 2, sha256(b"another record")));
    let actions = bench.on(signed(wrong), 10);
    assert_eq!(settled(&actions), Vec::<u64>::new());
    assert!(actions.contains(&Action::Tell(Notice::Foreign)));
    assert_eq!(published(&actions), [0], "the server is asked, record by record");
    let actions = bench.on(refusal(&bench.records[0], RefusalReason::Conflict, false), 20);
    assert!(actions.contains(&Action::Fork { old: (CHAIN, 2, sha256(b"another record")), from: 0 }));
    assert_eq!(bench.on(Input::Tick, 100_000), vec![], "nothing more of the old chain goes out");
}

#[test]
fn receipt_signed_by_another_key_or_for_another_gateway_is_forged() {
    let mut bench = Bench::new(5, 0, SETTINGS);
    bench.online(0);
    let good = receipt(&bench.records, Some(2), T0 + 1);
    let bytes = ServerMessage::Receipt(good.clone()).sign(&SecretKey::from_seed(&[6; 32]));
    let actions = bench.on(Input::Message(bytes), 10);
    assert!(matches!(&actions[..], [Action::Tell(Notice::Forged(_))]), "{actions:?}");
    let other = Receipt { gateway: "gw-2".parse().expect("a name"), ..good.clone() };
    assert!(matches!(&bench.on(signed(other), 10)[..], [Action::Tell(Notice::Forged(_))]));
    for cut in 0..50 {
        let bytes = ServerMessage::Receipt(good.clone()).sign(&log_key());
        let actions = bench.on(Input::Message(bytes[..bytes.len() - 1 - cut].to_vec()), 10);
        assert!(matches!(&actions[..], [Action::Tell(Notice::Forged(_))]));
    }
    assert_eq!(bench.delivery.receipted_end(), 0);
}

#[test]
fn old_receipt_that_arrives_late_takes_nothing_back() {
    let mut bench = Bench::new(6, 0, SETTINGS);
    bench.online(0);
    bench.on(signed(receipt(&bench.records, Some(3), T0 + 10)), 10);
    assert_eq!(bench.on(signed(receipt(&bench.records, Some(1), T0 + 5)), 11), vec![]);
    assert_eq!(bench.delivery.receipted_end(), 4);
}

#[test]
fn server_restored_from_an_older_copy_gets_the_difference_again() {
    let mut bench = Bench::new(6, 0, SETTINGS);
    bench.online(0);
    bench.on(signed(receipt(&bench.records, Some(5), T0 + 10)), 10);
    let actions = bench.on(signed(receipt(&bench.records, Some(1), T0 + 5_000)), 20);
    assert!(actions.contains(&Action::Withdraw(2)));
    assert!(actions.contains(&Action::Tell(Notice::ServerRestored(4))));
    assert_eq!(published(&actions), vec![2, 3, 4, 5]);
}

#[test]
fn what_was_trimmed_under_a_receipt_is_replaced_by_lost_with_the_known_digest() {
    let mut bench = Bench::new(8, 6, SETTINGS);
    bench.trimmed_end = 4;
    bench.on(Input::Connected, 0);
    let actions = bench.on(signed(receipt(&bench.records, Some(1), T0 + 5_000)), 20);
    let previous = Some(bench.records[1].digest());
    let wanted = Action::Substitute { from: 2, to: 4, cause: LostCause::Trimmed, previous };
    assert!(actions.contains(&wanted), "{actions:?}");
}

#[test]
fn unknown_chain_of_a_server_that_never_saw_ours_is_no_fork() {
    let mut bench = Bench::new(3, 0, SETTINGS);
    bench.on(Input::Connected, 0);
    let mut foreign = receipt(&bench.records, Some(2), T0 + 1);
    foreign.through = Some((ChainId([9; 16]), 500, sha256(b"lost with the old buffer")));
    let actions = bench.on(signed(foreign), 10);
    assert_eq!(published(&actions), vec![0, 1, 2]);
}

#[test]
fn unknown_chain_of_a_server_that_knew_ours_is_an_old_image() {
    let mut bench = Bench::new(3, 2, SETTINGS);
    bench.on(Input::Connected, 0);
    let mut foreign = receipt(&bench.records, Some(2), T0 + 1);
    let old = (ChainId([9; 16]), 500, sha256(b"written by the other image"));
    foreign.through = Some(old);
    let actions = bench.on(signed(foreign.clone()), 10);
    assert_eq!(published(&actions), [2]);
    foreign.server_ms += 1;
    let actions = bench.on(signed(foreign), 20);
    assert!(actions.contains(&Action::Fork { old, from: 3 }), "the server had everything: {actions:?}");
    let span = Span { chain: ChainId([2; 16]), first_position: 3, end_position: None };
    assert_eq!(bench.on(Input::NewChain(span), 20), vec![]);
    bench.records.extend(chain(ChainId([2; 16]), 2));
    assert_eq!(published(&bench.on(Input::Durable(5), 30)), vec![0, 1], "the new chain from its start");
}

/// The server has not seen the new chain yet and names the old one, in the same run and in the next.
#[test]
fn a_chain_that_was_given_up_is_not_taken_up_again() {
    let (old, new) = (Span { chain: CHAIN, first_position: 0, end_position: Some(5) }, ChainId([2; 16]));
    let mut bench = Bench::new(5, 0, SETTINGS);
    bench.records.extend(chain(new, 3));
    let span = Span { chain: new, first_position: 5, end_position: None };
    let delivery = Delivery::new(SETTINGS, peer(), vec![old, span], None, 5, 8, 9);
    let mut other = receipt(&bench.records, Some(2), T0 + 1);
    other.through = Some((CHAIN, 2, sha256(b"of the original")));
    // The next run: begun, noted as given up, and nothing delivered.
    bench.delivery = delivery.giving_up(5);
    bench.on(Input::Connected, 0);
    let actions = bench.on(signed(other.clone()), 10);
    assert_eq!(published(&actions), [0, 1, 2], "the new chain from its start: {actions:?}");
    let is_harmless = |a: &Action| !matches!(a, Action::Withdraw(_) | Action::Fork { .. } | Action::Tell(_));
    assert!(actions.iter().all(is_harmless), "{actions:?}");
    // Once the server had some of it and was restored, no more than the new chain is sent again.
    let mut had = receipt(&bench.records, None, T0 + 2);
    had.through = Some((new, 1, bench.records[6].digest()));
    bench.on(signed(had), 20);
    other.server_ms = T0 + 3;
    let actions = bench.on(signed(other.clone()), 30);
    assert!(actions.contains(&Action::Withdraw(5)) && published(&actions) == [0, 1, 2], "{actions:?}");
    // The same run: parted, begun anew, and connected again before anything arrived.
    let mut bench = Bench::new(5, 0, SETTINGS);
    bench.online(0);
    bench.on(signed(other.clone()), 10);
    let actions = bench.on(refusal(&bench.records[0], RefusalReason::Conflict, false), 20);
    assert!(actions.iter().any(|a| matches!(a, Action::Fork { from: 0, .. })), "{actions:?}");
    bench.on(Input::NewChain(span), 20);
    bench.records.extend(chain(new, 3));
    bench.on(Input::Disconnected, 25);
    bench.on(Input::Durable(8), 25);
    bench.on(Input::Connected, 30);
    other.server_ms = T0 + 4;
    let actions = bench.on(signed(other), 40);
    assert!(published(&actions) == [0, 1, 2] && actions.iter().all(is_harmless), "{actions:?}");
}

#[test]
fn more_than_we_ever_wrote_is_an_old_image() {
    let mut bench = Bench::new(3, 2, SETTINGS);
    bench.on(Input::Connected, 0);
    let mut ahead = receipt(&bench.records, Some(2), T0 + 1);
    ahead.through = Some((CHAIN, 7, sha256(b"later")));
    assert!(bench.on(signed(ahead), 10).contains(&Action::Tell(Notice::OldImage)));
}

#[test]
fn lost_tail_of_an_ended_chain_is_no_fork() {
    let first = Span { chain: CHAIN, first_position: 0, end_position: Some(3) };
    let second = Span { chain: ChainId([2; 16]), first_position: 3, end_position: None };
    let delivery = Delivery::new(SETTINGS, peer(), vec![first, second], None, 1, 5, 9);
    let mut records = chain(CHAIN, 3);
    records.extend(chain(ChainId([2; 16]), 2));
    let mut bench = Bench { delivery, records, trimmed_end: 0, is_unreadable: false };
    bench.on(Input::Connected, 0);
    let mut ahead = receipt(&bench.records, Some(2), T0 + 1);
    ahead.through = Some((CHAIN, 4, sha256(b"sent before its bytes were damaged here")));
    let actions = bench.on(signed(ahead), 10);
    assert_eq!((settled(&actions), published(&actions)), (vec![3], vec![0, 1]));
}

#[test]
fn final_refusal_is_replaced_by_lost_and_the_rest_follows() {
    let mut bench = Bench::new(4, 0, SETTINGS);
    bench.online(0);
    let refused = refusal(&bench.records[1], RefusalReason::Malformed, false);
    let actions = bench.on(refused, 10);
    let previous = Some(bench.records[0].digest());
    assert!(actions.contains(&Action::Substitute { from: 1, to: 2, cause: LostCause::Refused, previous }));
    assert_eq!(published(&actions), Vec::<u64>::new(), "nothing overtakes its substitute");
    let bytes = bench.records[1].encode();
    assert_eq!(published(&bench.on(Input::Loaded { position: 1, end: 2, bytes }, 20)), vec![1, 2, 3]);
}

#[test]
fn refusal_of_the_gateway_as_a_whole_stops_sending_and_keeps_everything() {
    let mut bench = Bench::new(4, 0, SETTINGS);
    bench.online(0);
    let refused = refusal(&bench.records[0], RefusalReason::Revoked, false);
    let actions = bench.on(refused, 10);
    assert!(matches!(&actions[..], [Action::Tell(Notice::Refused { retry: true, .. })]), "{actions:?}");
    assert_eq!(bench.on(Input::Tick, HELD_MS), vec![]);
    assert_eq!(published(&bench.on(Input::Tick, 10 + HELD_MS)), vec![0, 1, 2, 3]);
}

#[test]
fn retry_waits_longer_each_time_with_jitter() {
    let mut bench = Bench::new(1, 0, SETTINGS);
    bench.online(0);
    let mut now_ms = 0;
    let mut waits = Vec::new();
    for _ in 0..12 {
        let refused = refusal(&bench.records[0], RefusalReason::StorageFull, true);
        bench.on(refused, now_ms);
        let asked_ms = now_ms;
        while published(&bench.on(Input::Tick, now_ms)).is_empty() {
            now_ms += 100;
        }
        waits.push(now_ms - asked_ms);
    }
    assert!(waits[0] >= 500 && waits[0] <= 1_600, "{waits:?}");
    assert!(waits[11] >= 150_000 && waits[11] <= 450_100, "{waits:?}");
}

#[test]
fn silence_means_send_again_and_then_a_new_client() {
    let mut bench = Bench::new(2, 0, SETTINGS);
    bench.online(0);
    assert_eq!(bench.on(Input::Tick, RESEND_MS - 1), vec![]);
    assert_eq!(published(&bench.on(Input::Tick, RESEND_MS)), vec![0, 1]);
    let mut rebuilt = None;
    for now_ms in (RESEND_MS..200_000).step_by(500) {
        if bench.on(Input::Tick, now_ms).contains(&Action::Rebuild) {
            rebuilt = Some(now_ms);
            break;
        }
    }
    let rebuilt_ms = rebuilt.expect("a new client in the end");
    assert!(rebuilt_ms >= STALL_MS, "{rebuilt_ms}");
}

#[test]
fn rate_limit_holds_over_any_minute() {
    let settings = Settings { window: 1_000, bytes_per_second_max: 2_000 };
    let mut bench = Bench::new(500, 0, settings);
    bench.online(0);
    let mut bytes = 0;
    for now_ms in (0..60_000).step_by(50) {
        for action in bench.on(Input::Tick, now_ms) {
            if let Action::Publish(record) = action {
                bytes += record.len();
            }
        }
    }
    assert!((2_000 * 55..=2_000 * 62).contains(&bytes), "{bytes}");
}

#[test]
fn old_receipt_never_becomes_a_server_time() {
    let mut bench = Bench::new(3, 0, SETTINGS);
    bench.online(0);
    let actions = bench.on(signed(receipt(&bench.records, Some(2), T0 + 1)), 10);
    assert!(!actions.iter().any(|a| matches!(a, Action::Anchor(_))), "these were durable before this run");
    bench.records = chain(CHAIN, 4);
    bench.on(Input::Durable(4), 100);
    let actions = bench.on(signed(receipt(&bench.records, Some(3), T0 + 500)), 140);
    let anchor = ServerAnchor { server_ms: T0 + 500, boot_ms: 140, error_ms: 40 };
    assert!(actions.contains(&Action::Anchor(anchor)), "{actions:?}");
}

/// An old image meets a server that has another history from some record on, over a network that loses, delays and cuts: what is
/// repeated in the new chain begins exactly where the histories part.
#[test]
fn histories_are_parted_where_they_differ() {
    for seed in 1..200_u64 {
        let mut random = crate::buffer::fake_disk::Random(seed);
        let receipted_end = 1 + random.below(5);
        let parted = receipted_end + random.below(20);
        let count = parted + 1 + random.below(10);
        let theirs_count = parted + 1 + random.below(20);
        let mut bench = Bench::new(count, receipted_end, SETTINGS);
        let theirs = grow(bench.records[..parted as usize].to_vec(), CHAIN, theirs_count, "2");
        let held = |now_ms| signed(receipt(&theirs, Some(theirs_count - 1), T0 + now_ms));
        let (mut now_ms, mut connected, mut fork) = (0_i64, false, None);
        let mut replies: VecDeque<(i64, Input)> = VecDeque::new();
        while fork.is_none() {
            now_ms += 50;
            assert!(now_ms < 3_600_000, "seed {seed}: no decision");
            let mut inputs = vec![Input::Tick];
            if !connected {
                (connected, replies) = (true, VecDeque::from([(now_ms + 100, held(now_ms))]));
                inputs.push(Input::Connected);
            } else if random.below(100) == 0 {
                connected = false;
                inputs.push(Input::Disconnected);
            }
            while connected && replies.front().is_some_and(|(at_ms, _)| *at_ms <= now_ms) {
                inputs.extend(replies.pop_front().map(|(_, reply)| reply));
            }
            for action in inputs.into_iter().flat_map(|input| bench.on(input, now_ms)).collect::<Vec<_>>() {
                match action {
                    Action::Publish(bytes) if random.below(10) > 0 => {
                        let record = Record::decode(&bytes).expect("a record");
                        let ours = theirs.get(record.header().sequence as usize);
                        let same = ours.is_some_and(|ours| ours.digest() == record.digest());
                        let conflict = || refusal(&record, RefusalReason::Conflict, false);
                        let at_ms = now_ms + 50 + random.below(3_000) as i64;
                        replies.push_back((at_ms, if same { held(now_ms) } else { conflict() }));
                    }
                    Action::Fork { from, .. } => fork = Some(from),
                    Action::Settle { end, .. } => assert!(end <= parted, "seed {seed}: settled what nobody holds"),
                    _ => {}
                }
            }
        }
        assert_eq!(fork, Some(parted), "seed {seed}");
    }
}

/// A network that loses, repeats and cuts; a server that accepts in order. Whatever happens, everything arrives in the end and
/// nothing is settled that the server does not hold.
#[test]
fn everything_arrives_over_a_bad_network() {
    for seed in 1..60_u64 {
        let mut random = crate::buffer::fake_disk::Random(seed);
        let count = 40;
        let mut bench = Bench::new(count, 0, SETTINGS);
        bench.delivery = {
            let span = Span { chain: CHAIN, first_position: 0, end_position: None };
            Delivery::new(SETTINGS, peer(), vec![span], None, 0, 0, seed)
        };
        let (mut held, mut now_ms, mut durable, mut connected) = (0_u64, 0_i64, 0_u64, false);
        let mut outbox: Vec<Vec<u8>> = Vec::new();
        let mut replies: Vec<Input> = Vec::new();
        while bench.delivery.receipted_end() < count {
            now_ms += 50;
            assert!(now_ms < 3_600_000, "seed {seed}: stuck at {}", bench.delivery.receipted_end());
            let mut inputs = vec![Input::Tick];
            if durable < count && random.below(4) == 0 {
                durable += 1;
                inputs.push(Input::Durable(durable));
            }
            match random.below(60) {
                0 => {
                    connected = false;
                    outbox.clear();
                    inputs.push(Input::Disconnected);
                }
                1..=9 if !connected => {
                    connected = true;
                    inputs.push(Input::Connected);
                }
                _ => {}
            }
            if !replies.is_empty() && random.below(3) == 0 {
                let index = random.below(replies.len() as u64) as usize;
                // Sometimes twice, in any order.
                let reply = if random.below(4) == 0 { replies[index].clone() } else { replies.remove(index) };
                inputs.push(reply);
            }
            for input in inputs {
                for action in bench.on(input, now_ms) {
                    match action {
                        Action::Publish(bytes) => outbox.push(bytes),
                        Action::Settle { end, .. } => assert!(end <= held, "seed {seed}: settled what nobody holds"),
                        Action::Rebuild => connected = false,
                        Action::Tell(_) | Action::Anchor(_) => {}
                        other => panic!("seed {seed}: {other:?}"),
                    }
                }
            }
            for bytes in std::mem::take(&mut outbox) {
                if !connected || random.below(5) == 0 {
                    continue;
                }
                let record = Record::decode(&bytes).expect("a record");
                if record.header().sequence == held {
                    held += 1;
                }
                let through = held.checked_sub(1);
                replies.push(signed(receipt(&bench.records, through, T0 + now_ms)));
            }
        }
        assert_eq!(held, count, "seed {seed}");
    }
}

mod carried;
