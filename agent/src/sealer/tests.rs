use protocol::content::{DeviceConfig, Ratio, TagConfig};
use protocol::{Quality, Value, ValueType};

use super::*;
use crate::clock::SyncState;
use crate::event::{self, TagIndex};

fn configuration(tags: usize) -> Configuration {
    let tag = |index: usize| TagConfig {
        id: format!("press/tag_{index}").parse().expect("a name"),
        value_type: ValueType::U64,
        unit: String::new(),
        scale: Ratio::ONE,
        role: String::new(),
        interval_ms: 1_000,
        address: String::new(),
        counter: None,
    };
    let id = "press".parse().expect("a name");
    let device = DeviceConfig { id, protocol: "modbus_tcp".to_owned(), address: String::new(), profile: None };
    Configuration { format: 1, devices: vec![device], tags: (0..tags).map(tag).collect() }
}

fn at(boot_ms: i64) -> ClockReading {
    ClockReading { boot_id: [7; 16], boot_ms, wall_ms: 1_790_000_000_000 + boot_ms, sync: SyncState::Unknown }
}

fn key() -> SecretKey {
    SecretKey::from_seed(&[5; 32])
}

fn sealer(tags: usize, stop: Option<&StopGap>) -> Sealer {
    let (site, gateway) = ("site-1".parse().expect("a name"), "gw-1".parse().expect("a name"));
    let signer = Signer { site, gateway, key: key() };
    let settings = Settings { seal_ms: 10_000, alarm: (0..tags).map(|tag| tag == 1).collect() };
    let start = Start::New { cause: ChainStartCause::First, old: None };
    Sealer::new(signer, settings, configuration(tags).into(), &start, stop, ChainId([1; 16]), at(1_000))
        .expect("encodes")
}

fn reading(tag: u32, boot_ms: i64, value: u64) -> SourceEvent {
    let value = Value::U64(value);
    let reading = event::Reading { tag: TagIndex(tag), value, quality: Quality::Good, boot_ms, source_time_ms: None };
    SourceEvent::Readings(vec![reading])
}

fn decode(sealed: &Sealed) -> Vec<Record> {
    let decode = |bytes: &Vec<u8>| {
        let record = Record::decode(bytes).expect("a record");
        record.verify(&key().public()).expect("signed");
        record
    };
    sealed.records.iter().map(decode).collect()
}

fn batch(record: &Record) -> Batch {
    let Content::Batch(batch) = record.content().expect("decodes") else { panic!("not a batch") };
    batch
}

#[test]
fn chain_begins_with_its_start_and_the_configuration_and_every_record_names_the_one_before() {
    let mut sealer = sealer(2, None);
    assert!(sealer.must_open());
    sealer.take(reading(0, 2_000, 5));
    let mut records = decode(&sealer.seal(at(11_000)).expect("seals"));
    sealer.committed(11_010);
    assert!(!sealer.must_open());
    sealer.take(reading(0, 12_000, 6));
    records.extend(decode(&sealer.seal(at(22_000)).expect("seals")));
    let kinds: Vec<_> = records.iter().map(|record| record.header().kind).collect();
    use protocol::Kind::{Batch, ChainStart, Configuration};
    assert_eq!(kinds, [ChainStart, Configuration, Batch, Batch]);
    let mut previous = Digest::ZERO;
    for (sequence, record) in records.iter().enumerate() {
        assert_eq!((record.header().sequence, record.header().previous), (sequence as u64, previous));
        previous = record.digest();
    }
    assert!(records[1].header().configuration.is_zero());
    assert_eq!(records[2].header().configuration, records[1].header().content_digest);
}

#[test]
fn sealed_by_time_by_size_and_by_a_change_of_an_alarm_tag() {
    let mut sealer = sealer(2, None);
    sealer.seal(at(1_000)).expect("seals");
    sealer.committed(1_000);
    assert_eq!(sealer.due_ms(), None, "nothing open, nothing due");
    sealer.take(reading(0, 2_000, 5));
    assert_eq!(sealer.due_ms(), Some(12_000));
    sealer.take(reading(1, 2_100, 1));
    sealer.take(reading(1, 2_200, 1));
    assert_eq!(sealer.due_ms(), Some(12_000), "an alarm tag that does not change waits");
    sealer.take(reading(1, 2_300, 0));
    assert_eq!(sealer.due_ms(), Some(i64::MIN));
    sealer.seal(at(2_301)).expect("seals");
    sealer.committed(2_302);
    for value in 0..30_000 {
        sealer.take(reading(0, 3_000, value * 7_919));
    }
    assert_eq!(sealer.due_ms(), Some(i64::MIN), "too large to wait");
}

#[test]
fn batch_beyond_the_limit_is_split_and_loses_nothing() {
    let mut sealer = sealer(1, None);
    let mut random = crate::buffer::fake_disk::Random(1);
    let values: Vec<u64> = (0..60_000).map(|_| random.next()).collect();
    for (index, value) in values.iter().enumerate() {
        sealer.take(reading(0, 2_000 + index as i64, *value));
    }
    let records = decode(&sealer.seal(at(70_000)).expect("seals"));
    assert!(records.len() > 3, "incompressible values need several records");
    assert!(records.iter().all(|record| record.content_bytes().len() <= CONTENT_MAX));
    let all = records[2..].iter().flat_map(|record| batch(record).readings().collect::<Vec<_>>());
    let stored: Vec<Value> = all.map(|reading| reading.value).collect();
    assert_eq!(stored, values.into_iter().map(Value::U64).collect::<Vec<_>>());
}

#[test]
fn unclean_stop_is_told_per_tag_from_the_last_sealed_to_the_first_new_reading() {
    let old_boot = BootId([3; 16]);
    let from = |boot_ms| GapStart { boot: Some(old_boot), boot_ms };
    let names = configuration(2).tags.into_iter().map(|tag| tag.id);
    let stop = StopGap { cause: GapCause::UncleanBoot, from: names.zip([from(500), from(600)]).collect() };
    let mut sealer = sealer(2, Some(&stop));
    sealer.take(reading(0, 2_000, 5));
    let records = decode(&sealer.seal(at(11_000)).expect("seals"));
    sealer.committed(11_000);
    let gaps = batch(&records[2]).gaps;
    assert_eq!(gaps[0], Gap { tag: Some(0), from: from(500), to_boot_ms: 2_000, cause: GapCause::UncleanBoot });
    // Tag 1 has not shown yet: its first piece ends at the seal, the next begins there.
    assert_eq!(gaps[1], Gap { tag: Some(1), from: from(600), to_boot_ms: 11_000, cause: GapCause::UncleanBoot });
    sealer.take(reading(1, 14_000, 5));
    let records = decode(&sealer.seal(at(21_000)).expect("seals"));
    let here = GapStart { boot: None, boot_ms: 11_000 };
    assert_eq!(
        batch(&records[0]).gaps,
        [Gap { tag: Some(1), from: here, to_boot_ms: 14_000, cause: GapCause::UncleanBoot }]
    );
}

#[test]
fn full_buffer_keeps_what_was_accepted_and_turns_the_rest_into_a_gap() {
    let mut sealer = sealer(1, None);
    sealer.take(reading(0, 2_000, 5));
    let first = sealer.seal(at(11_000)).expect("seals");
    sealer.refused(11_010, GapCause::BufferFull, "the buffer is full");
    sealer.refused(13_010, GapCause::BufferFull, "the buffer is full");
    sealer.take(reading(0, 12_000, 6));
    sealer.take(reading(0, 13_000, 7));
    assert_eq!(sealer.seal(at(14_000)).expect("the same again"), first, "never other bytes under the same number");
    sealer.committed(15_000);
    sealer.take(reading(0, 16_000, 8));
    let records = decode(&sealer.seal(at(25_000)).expect("seals"));
    let batch = batch(&records[0]);
    assert_eq!(batch.readings().map(|reading| reading.boot_ms).collect::<Vec<_>>(), [16_000]);
    let from = GapStart { boot: None, boot_ms: 2_000 };
    assert_eq!(batch.gaps, [Gap { tag: Some(0), from, to_boot_ms: 16_000, cause: GapCause::BufferFull }]);
    let words: Vec<&str> = batch.events.iter().map(|event| &*event.kind).collect();
    assert_eq!(words, ["buffer_full", "buffer_room"]);
}

#[test]
fn closing_while_full_states_the_gap_in_a_record_small_enough_for_the_reserve() {
    let mut sealer = sealer(1, None);
    sealer.seal(at(1_000)).expect("seals");
    sealer.committed(1_000);
    for index in 0..5_000 {
        sealer.take(reading(0, 2_000 + index, (index * index) as u64));
    }
    sealer.seal(at(8_000)).expect("seals");
    sealer.refused(8_001, GapCause::BufferFull, "full");
    let records = decode(&sealer.close(at(9_000)).expect("seals"));
    assert_eq!(records.len(), 1);
    assert!(sealer.sealed.as_ref().is_some_and(|sealed| sealed.records[0].len() < 2_000));
    let batch = batch(&records[0]);
    let from = GapStart { boot: None, boot_ms: 1_000 };
    assert_eq!(batch.gaps, [Gap { tag: None, from, to_boot_ms: 9_000, cause: GapCause::BufferFull }]);
    assert!(batch.events.iter().any(|event| &*event.kind == STOPPING));
}

#[test]
fn refiled_records_keep_content_and_clock_under_new_headers() {
    let mut sealer = sealer(1, None);
    sealer.take(reading(0, 2_000, 5));
    let old = decode(&sealer.seal(at(11_000)).expect("seals"));
    sealer.committed(11_000);
    let known = (ChainId([1; 16]), 40, protocol::sha256(b"known to the server"));
    sealer.fork(ChainId([2; 16]), ChainStartCause::OldImage, Some(known));
    sealer.refile(vec![Repeat::Record(Box::new(old[2].clone()))]);
    let new = decode(&sealer.seal(at(12_000)).expect("seals"));
    let Content::ChainStart(start) = new[0].content().expect("decodes") else { panic!("not a ChainStart") };
    assert_eq!(start, ChainStart { cause: ChainStartCause::OldImage, old: Some(known) });
    let (kind, header) = (new[1].header().kind, new[2].header());
    assert_eq!(kind, protocol::Kind::Configuration);
    assert_eq!((header.chain, header.sequence), (ChainId([2; 16]), 2));
    assert_eq!((header.clock, header.content_digest), (old[2].header().clock, old[2].header().content_digest));
    assert_eq!(header.previous, new[1].digest());
    sealer.committed(12_010);
    sealer.take(reading(0, 13_000, 5));
    let after = decode(&sealer.seal(at(23_000)).expect("seals"));
    assert_eq!((after.len(), after[0].header().sequence), (1, 3), "nothing is repeated twice");
}

#[test]
fn unknown_tag_from_a_source_is_ignored_and_not_a_panic() {
    let mut sealer = sealer(1, None);
    sealer.take(reading(9, 2_000, 5));
    sealer.take(SourceEvent::Gap { tag: TagIndex(9), from_boot_ms: 1, to_boot_ms: 2, cause: GapCause::BusBusy });
    let records = decode(&sealer.seal(at(3_000)).expect("seals"));
    assert_eq!(batch(&records[2]).len(), 0);
}
