//! Records: round trips, bounds, and what happens to damaged bytes.

use proptest::prelude::*;
use protocol::{
    Batch, BootId, ChainId, Clock, Content, Digest, Event, Gap, GapCause, GapStart, Header, Kind, Quality, Reading,
    Receipt, Record, SecretKey, ServerAnchor, ServerMessage, SyncState, Value, content,
    record::{SEQUENCE_MAX, TIME_MAX_MS},
};

fn key() -> SecretKey {
    SecretKey::from_seed(&[3; 32])
}

fn header(kind: Kind, readings: u32) -> Header {
    Header {
        kind,
        site: "site-1".parse().expect("name"),
        gateway: "gw-1".parse().expect("name"),
        chain: ChainId([1; 16]),
        sequence: 5,
        previous: Digest([2; 32]),
        content_digest: Digest::ZERO,
        content_length: 0,
        readings,
        configuration: Digest([4; 32]),
        agent_version: "0.1.0".into(),
        clock: Clock {
            boot_id: BootId([9; 16]),
            boot_ms: 123_456,
            wall_ms: 1_780_000_000_000,
            sync: SyncState::Synchronised,
            error_ms: 12,
            server: Some(ServerAnchor { server_ms: 1_780_000_000_100, boot_ms: 123_400, error_ms: 40 }),
            simulated: false,
        },
        first_ms: 113_456,
        last_ms: 123_456,
    }
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::I64),
        any::<u64>().prop_map(Value::U64),
        any::<u32>()
            .prop_map(f32::from_bits)
            .prop_filter("NaN is not equal to itself", |v| !v.is_nan())
            .prop_map(Value::F32),
        any::<u64>()
            .prop_map(f64::from_bits)
            .prop_filter("NaN is not equal to itself", |v| !v.is_nan())
            .prop_map(Value::F64),
        ".{0,20}".prop_map(|t| Value::Text(t.into())),
    ]
}

fn reading() -> impl Strategy<Value = Reading> {
    let quality = prop_oneof![Just(Quality::Good), Just(Quality::Uncertain), Just(Quality::Bad)];
    let time = || -TIME_MAX_MS..=TIME_MAX_MS;
    (0..5_u32, time(), value(), quality, proptest::option::of(time()))
        .prop_map(|(tag, boot_ms, value, quality, source_ms)| Reading { tag, boot_ms, value, quality, source_ms })
}

proptest! {
    #[test]
    fn a_batch_comes_back_as_it_was(readings in proptest::collection::vec(reading(), 0..200)) {
        let gap = Gap { tag: Some(2), from: GapStart { boot: Some(BootId([5; 16])), boot_ms: -4 }, to_boot_ms: 9, cause: GapCause::UncleanBoot };
        let event = Event { boot_ms: 1, kind: "started".into(), subject: "".into(), value: -7, detail: "ok".into() };
        let batch = Batch::from_readings(readings.clone(), vec![gap], vec![event]);
        let bytes = Content::Batch(batch.clone()).encode().expect("small");
        let Content::Batch(back) = Content::decode(Kind::Batch, &bytes).expect("own bytes") else { panic!("kind") };
        prop_assert_eq!(&back, &batch);
        prop_assert_eq!(back.readings().count(), readings.len());
        for tag in 0..5 {
            let of = |r: &Reading| r.tag == tag;
            let mut was: Vec<_> = readings.iter().filter(|r| of(r)).map(|r| format!("{r:?}")).collect();
            let mut is: Vec<_> = back.readings().filter(of).map(|r| format!("{r:?}")).collect();
            was.sort();
            is.sort();
            prop_assert_eq!(was, is);
        }
    }

    #[test]
    fn no_bytes_make_a_decoder_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = Record::decode(&bytes);
        let _ = Header::decode(&bytes);
        let _ = Batch::decode_plain(&bytes);
        let _ = protocol::Leaf::decode(&bytes);
        let _ = protocol::StateMessage::decode(&bytes);
        let _ = ServerMessage::verify(&bytes, &key().public());
        for kind in [Kind::Batch, Kind::Configuration, Kind::Lost, Kind::ChainStart, Kind::KeyChange] {
            let _ = Content::decode(kind, &bytes);
        }
    }
}

#[test]
fn sequences_and_times_whose_sums_could_overflow_are_refused() {
    let changed = |change: fn(&mut Header)| {
        let mut header = header(Kind::Batch, 1);
        change(&mut header);
        header.encode()
    };
    assert!(changed(|h| h.sequence = SEQUENCE_MAX).is_ok());
    assert!(changed(|h| (h.first_ms, h.last_ms) = (-TIME_MAX_MS, TIME_MAX_MS)).is_ok());
    assert!(changed(|h| h.sequence = SEQUENCE_MAX + 1).is_err());
    assert!(changed(|h| h.clock.wall_ms = i64::MIN).is_err());
    assert!(changed(|h| h.clock.boot_ms = i64::MAX).is_err());
    assert!(changed(|h| h.last_ms = TIME_MAX_MS + 1).is_err());
    let batch = |boot_ms, source_ms| {
        let value = Value::Bool(true);
        let reading = Reading { tag: 0, boot_ms, value, quality: Quality::Good, source_ms };
        let content = Content::Batch(Batch::from_readings([reading], Vec::new(), Vec::new())).encode().expect("small");
        Content::decode(Kind::Batch, &content)
    };
    assert!(batch(TIME_MAX_MS, Some(-TIME_MAX_MS)).is_ok());
    assert!(batch(TIME_MAX_MS + 1, None).is_err());
    assert!(batch(0, Some(i64::MIN)).is_err());
}

#[test]
fn a_record_with_any_byte_changed_or_cut_is_refused() {
    let readings = (0..50).map(|i| Reading {
        tag: i % 3,
        boot_ms: 1000 * i64::from(i),
        value: Value::U64(u64::from(i)),
        quality: Quality::Good,
        source_ms: None,
    });
    let content = Content::Batch(Batch::from_readings(readings, Vec::new(), Vec::new())).encode().expect("small");
    let record = Record::sign(header(Kind::Batch, 50), content, &key()).expect("sign");
    let public = key().public();
    let bytes = record.encode();
    assert!(Record::decode(&bytes).expect("own bytes").verify(&public).is_ok());
    for i in 0..bytes.len() {
        for bit in 0..8 {
            let mut damaged = bytes.clone();
            damaged[i] ^= 1 << bit;
            let accepted = Record::decode(&damaged).and_then(|r| r.verify(&public).map(|()| r));
            assert!(accepted.as_ref().is_err_and(|_| true) || accepted.as_ref() == Ok(&record), "byte {i} bit {bit}");
        }
        assert!(Record::decode(&bytes[..i]).and_then(|r| r.verify(&public)).is_err(), "cut at {i}");
    }
    assert!(record.verify(&SecretKey::from_seed(&[4; 32]).public()).is_err());
}

#[test]
fn a_bomb_is_refused_before_it_is_unpacked() {
    let zeros = zstd::bulk::compress(&vec![0; content::PLAIN_MAX + 1], 19).expect("zstd");
    assert!(zeros.len() < 2000);
    assert!(matches!(content::decompress(&zeros), Err(protocol::Error::TooLarge { .. })));
}

#[test]
fn a_receipt_holds_only_under_the_log_key() {
    let receipt = ServerMessage::Receipt(Receipt {
        site: "site-1".parse().expect("name"),
        gateway: "gw-1".parse().expect("name"),
        through: Some((ChainId([1; 16]), 0, Digest([6; 32]))),
        log_epoch: 0,
        server_ms: 1,
        checkpoint: String::new(),
        logged: Some(0),
    });
    let bytes = receipt.sign(&key());
    assert_eq!(ServerMessage::verify(&bytes, &key().public()).expect("holds"), receipt);
    assert!(ServerMessage::verify(&bytes, &SecretKey::from_seed(&[4; 32]).public()).is_err());
    for i in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[i] ^= 0x40;
        assert!(ServerMessage::verify(&damaged, &key().public()).is_err(), "byte {i}");
    }
}
