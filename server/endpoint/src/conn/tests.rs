//! The promises of `conn`, each driven with hand-made packets.

use super::*;

const TOPIC_RECORD: &str = "gz/v1/s/g/record";

#[test]
fn puback_waits_for_the_application_and_keeps_publish_order() {
    let mut conn = open();
    let tickets: Vec<_> = (1..=3).map(|id| delivered(&mut conn, &publish(TOPIC_RECORD, id, b"x"))).collect();
    assert_eq!(written(&conn.complete(tickets[2])), b"");
    assert_eq!(written(&conn.complete(tickets[0])), [0x40, 2, 0, 1]);
    assert_eq!(written(&conn.complete(tickets[1])), [0x40, 2, 0, 2, 0x40, 2, 0, 3]);
    assert_eq!(conn.in_flight(), 0);
}

#[test]
fn reading_stops_at_sixteen_packets_and_goes_on_after_a_completion() {
    let mut conn = open();
    let stream: Vec<u8> = (1..=20).flat_map(|id| publish(TOPIC_RECORD, id, b"x")).collect();
    let mut input = &stream[..];
    let actions = conn.receive(&mut input);
    let tickets = tickets(&actions);
    assert_eq!(tickets.len(), 16);
    assert!(conn.paused());
    assert!(!input.is_empty());
    conn.complete(tickets[0]);
    assert!(!conn.paused());
    assert_eq!(tickets_of(conn.receive(&mut input)).len(), 1);
}

#[test]
fn reading_stops_at_256_kib() {
    let mut conn = open();
    let mut count = 0;
    let big = publish(TOPIC_RECORD, 1, &vec![7; 100 * 1024]);
    let mut ids = 1_u16..;
    while !conn.paused() {
        let mut packet = big.clone();
        let id_at = packet.len() - 100 * 1024 - 2;
        packet[id_at..id_at + 2].copy_from_slice(&ids.next().unwrap().to_be_bytes());
        let mut input = &packet[..];
        assert!(matches!(conn.receive(&mut input)[..], [Action::Reserve(n)] if n == packet.len()));
        assert!(conn.receive(&mut input).is_empty(), "nothing is read before the reservation");
        conn.granted();
        count += tickets_of(conn.receive(&mut input)).len();
    }
    assert_eq!(count, 3);
}

#[test]
fn a_packet_arriving_byte_by_byte_is_the_same_packet() {
    let mut conn = open();
    let mut found = Vec::new();
    for byte in publish(TOPIC_RECORD, 9, b"payload") {
        for action in conn.receive(&mut &[byte][..]) {
            if let Action::Deliver(_, kind, payload) = action {
                found.push((kind, payload));
            }
        }
    }
    assert_eq!(found, [(Publish::Record, b"payload".to_vec())]);
}

#[test]
fn only_own_topics_may_be_published() {
    for topic in ["gz/v1/s/other/record", "gz/v1/t/g/record", "gz/v1/s/g/receipt", "gz/v1/s/g/config", "x"] {
        let mut conn = open();
        let actions = conn.receive(&mut &publish(topic, 1, b"x")[..]);
        assert!(actions.contains(&Action::Close(CloseReason::Forbidden)), "{topic}: {actions:?}");
        assert!(tickets(&actions).is_empty());
    }
}

#[test]
fn records_need_qos_1_and_qos_2_is_not_offered() {
    let mut qos0 = publish(TOPIC_RECORD, 1, b"x");
    let id_at = 4 + TOPIC_RECORD.len();
    qos0.drain(id_at..id_at + 2);
    qos0[0] = 0x30;
    qos0[1] -= 2;
    let mut qos2 = publish(TOPIC_RECORD, 1, b"x");
    qos2[0] = 0x34;
    for packet in [qos0, qos2] {
        assert!(open().receive(&mut &packet[..]).contains(&Action::Close(CloseReason::Protocol)));
    }
}

#[test]
fn a_packet_id_in_use_closes() {
    let mut conn = open();
    delivered(&mut conn, &publish(TOPIC_RECORD, 5, b"x"));
    assert!(conn.receive(&mut &publish(TOPIC_RECORD, 5, b"y")[..]).contains(&Action::Close(CloseReason::Protocol)));
}

#[test]
fn subscriptions_to_foreign_topics_and_wildcards_fail() {
    let mut conn = open();
    let actions = conn.receive(
        &mut &subscribe(
            3,
            &[
                "gz/v1/s/g/receipt",
                "gz/v1/s/other/receipt",
                "#",
                "gz/v1/s/+/receipt",
                "gz/v1/s/g/record",
                "gz/v1/s/g/config",
            ],
        )[..],
    );
    assert_eq!(written(&actions), [0x90, 8, 0, 3, 1, 0x80, 0x80, 0x80, 0x80, 1]);
    assert_eq!(actions.iter().filter(|a| matches!(a, Action::Subscribed(_))).count(), 2);
}

#[test]
fn pushes_wait_for_the_subscription_and_unacknowledged_ones_are_kept() {
    let mut conn = open();
    assert_eq!(written(&conn.push(Push::Receipt, b"one".to_vec())), b"");
    let sent = written(&conn.receive(&mut &subscribe(1, &["gz/v1/s/g/receipt"])[..]));
    assert!(sent.ends_with(b"one"), "{sent:?}");
    conn.push(Push::Receipt, b"two".to_vec());
    assert_eq!(conn.receive(&mut &[0x40, 2, 0, 1][..]), [Action::Acknowledged, Action::Heard]);
    assert_eq!(conn.into_unacknowledged(), [(Push::Receipt, b"two".to_vec())]);
}

#[test]
fn the_oldest_waiting_push_is_dropped_and_counted() {
    let mut conn = open();
    let dropped: usize =
        (0..70_u8).map(|i| conn.push(Push::Receipt, vec![i]).iter().filter(|a| **a == Action::Dropped).count()).sum();
    assert_eq!(dropped, 6);
    assert_eq!(conn.into_unacknowledged().front(), Some(&(Push::Receipt, vec![6])));
}

#[test]
fn connect_is_refused_with_a_code_the_client_can_read() {
    let refused = |admitted: bool, connect: &[u8]| {
        let mut conn = Conn::new(Identity::new("s", "g").unwrap(), admitted, Limits::default());
        let actions = conn.receive(&mut &connect[..]);
        let Some(Action::Close(reason)) = actions.last() else { panic!("{actions:?}") };
        (written(&actions), *reason)
    };
    assert_eq!(refused(false, &connect(60)), (vec![0x20, 2, 0, 5], CloseReason::NotAdmitted));
    assert_eq!(refused(true, &connect(0)), (vec![0x20, 2, 0, 3], CloseReason::KeepAlive));
    assert_eq!(refused(true, &connect(301)), (vec![0x20, 2, 0, 3], CloseReason::KeepAlive));
    assert_eq!(refused(false, &connect_5(60)), (vec![0x20, 3, 0, 0x87, 0], CloseReason::NotAdmitted));
    let mut version_9 = connect(60);
    version_9[8] = 9;
    assert_eq!(refused(true, &version_9), (vec![0x20, 2, 0, 1], CloseReason::Version));
    let will = |topic: &str| {
        let mut packet = connect(60);
        packet[9] |= 0x04;
        packet.extend(string(topic));
        packet.extend([0, 1, b'w']);
        packet[1] = u8::try_from(packet.len() - 2).unwrap();
        packet
    };
    assert_eq!(refused(true, &will("gz/v1/s/other/state")), (vec![0x20, 2, 0, 5], CloseReason::Forbidden));
    let mut own_will = Conn::new(Identity::new("s", "g").unwrap(), true, Limits::default());
    assert_eq!(written(&own_will.receive(&mut &will("gz/v1/s/g/state")[..])), [0x20, 2, 0, 0]);
}

#[test]
fn anything_before_connect_and_a_second_connect_close() {
    let mut early = Conn::new(Identity::new("s", "g").unwrap(), true, Limits::default());
    assert_eq!(early.receive(&mut &publish(TOPIC_RECORD, 1, b"x")[..]), [Action::Close(CloseReason::Protocol)]);
    assert!(open().receive(&mut &connect(60)[..]).contains(&Action::Close(CloseReason::Protocol)));
}

#[test]
fn oversized_packets_close_before_their_body_is_read() {
    let limits = Limits::default();
    for (header, bytes, limit) in [
        (&[0x32, 0xff, 0xff, 0x7f][..], 2_097_155, limits.packet_bytes_max),
        (&[0x82, 0x81, 0x20], 4_100, limits.control_packet_bytes_max),
    ] {
        let actions = open().receive(&mut &header[..]);
        assert_eq!(actions, [Action::Close(CloseReason::TooLarge { bytes, limit })]);
    }
    assert_eq!(open().receive(&mut &[0x32, 0xff, 0xff, 0xff, 0xff][..]), [Action::Close(CloseReason::Protocol)]);
}

#[test]
fn ping_is_answered_and_disconnect_ends() {
    let mut conn = open();
    assert_eq!(written(&conn.receive(&mut &[0xc0, 0][..])), [0xd0, 0]);
    assert!(conn.receive(&mut &[0xe0, 0][..]).contains(&Action::Close(CloseReason::Disconnected)));
    assert!(conn.receive(&mut &[0xc0, 0][..]).is_empty(), "nothing follows a close");
}

#[test]
fn a_failed_publish_closes_without_puback() {
    let mut conn = open();
    let ticket = delivered(&mut conn, &publish(TOPIC_RECORD, 1, b"x"));
    assert_eq!(conn.fail(), [Action::Close(CloseReason::Unanswered)]);
    assert_eq!(written(&conn.complete(ticket)), b"");
}

#[test]
fn version_5_is_told_our_limits_and_hears_why_it_is_closed() {
    let mut conn = Conn::new(Identity::new("s", "g").unwrap(), true, Limits::default());
    let actions = conn.receive(&mut &connect_5(0)[..]);
    assert!(actions.contains(&Action::Opened(Duration::from_secs(300))), "{actions:?}");
    let connack = written(&actions);
    assert_eq!((connack[0], connack[3]), (0x20, 0));
    assert!(connack.windows(3).any(|w| w == [0x21, 0, 16]), "receive maximum 16 in {connack:?}");
    assert!(connack.windows(3).any(|w| w == [0x13, 1, 44]), "server keep-alive 300 in {connack:?}");
    let sub = subscribe_5(1, &["gz/v1/s/g/receipt", "gz/v1/s/x/receipt"]);
    assert_eq!(written(&conn.receive(&mut &sub[..])), [0x90, 5, 0, 1, 0, 1, 0x87]);
    let pushed = written(&conn.push(Push::Receipt, b"hello".to_vec()));
    assert!(pushed.ends_with(b"hello"), "{pushed:?}");
    let first = delivered(&mut conn, &publish_5(TOPIC_RECORD, 1, b"x"));
    let second = delivered(&mut conn, &publish_5(TOPIC_RECORD, 2, b"y"));
    assert_eq!(written(&conn.complete(second)), b"");
    assert_eq!(written(&conn.complete(first)), [0x40, 2, 0, 1, 0x40, 2, 0, 2]);
    let actions = conn.receive(&mut &publish_5("gz/v1/s/other/record", 3, b"x")[..]);
    assert_eq!(written(&actions)[..3], [0xe0, 1, 0x87]);
    assert_eq!(actions.last(), Some(&Action::Close(CloseReason::Forbidden)));
    let mut failing = Conn::new(Identity::new("s", "g").unwrap(), true, Limits::default());
    failing.receive(&mut &connect_5(60)[..]);
    assert_eq!(written(&failing.fail()), [0xe0, 1, 0x89]);
}

pub(super) fn open() -> Conn {
    let mut conn = Conn::new(Identity::new("s", "g").unwrap(), true, Limits::default());
    let actions = conn.receive(&mut &connect(60)[..]);
    assert_eq!(actions, [Action::Heard, Action::Opened(Duration::from_secs(60)), Action::Write(vec![0x20, 2, 0, 0])]);
    conn
}

pub(super) fn connect(keep_alive: u16) -> Vec<u8> {
    let mut body = string("MQTT");
    body.extend([4, 2]);
    body.extend(keep_alive.to_be_bytes());
    body.extend(string("any client id"));
    packet(0x10, body)
}

pub(super) fn connect_5(keep_alive: u16) -> Vec<u8> {
    let mut packet = connect(keep_alive);
    packet[8] = 5;
    packet.insert(12, 0); // no properties
    packet[1] += 1;
    packet
}

pub(super) fn publish_5(topic: &str, id: u16, payload: &[u8]) -> Vec<u8> {
    publish(topic, id, &[&[0][..], payload].concat())
}

pub(super) fn subscribe_5(id: u16, topics: &[&str]) -> Vec<u8> {
    let mut packet = subscribe(id, topics);
    packet.insert(4, 0);
    packet[1] += 1;
    packet
}

pub(super) fn publish(topic: &str, id: u16, payload: &[u8]) -> Vec<u8> {
    let mut body = string(topic);
    body.extend(id.to_be_bytes());
    body.extend(payload);
    packet(0x32, body)
}

pub(super) fn subscribe(id: u16, topics: &[&str]) -> Vec<u8> {
    let mut body = id.to_be_bytes().to_vec();
    for topic in topics {
        body.extend(string(topic));
        body.push(1);
    }
    packet(0x82, body)
}

fn packet(first: u8, body: Vec<u8>) -> Vec<u8> {
    let mut bytes = vec![first];
    let mut length = body.len();
    loop {
        let low = u8::try_from(length & 0x7f).unwrap();
        length >>= 7;
        bytes.push(if length > 0 { low | 0x80 } else { low });
        if length == 0 {
            break;
        }
    }
    bytes.extend(body);
    bytes
}

fn string(text: &str) -> Vec<u8> {
    let mut bytes = u16::try_from(text.len()).unwrap().to_be_bytes().to_vec();
    bytes.extend(text.as_bytes());
    bytes
}

fn written(actions: &[Action]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for action in actions {
        if let Action::Write(more) = action {
            bytes.extend(more);
        }
    }
    bytes
}

fn tickets(actions: &[Action]) -> Vec<Ticket> {
    actions.iter().filter_map(|a| if let Action::Deliver(ticket, ..) = a { Some(*ticket) } else { None }).collect()
}

fn tickets_of(actions: Vec<Action>) -> Vec<Ticket> {
    tickets(&actions)
}

fn delivered(conn: &mut Conn, packet: &[u8]) -> Ticket {
    let actions = conn.receive(&mut &packet[..]);
    let [ticket] = tickets(&actions)[..] else { panic!("{actions:?}") };
    ticket
}
