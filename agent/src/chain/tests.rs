use protocol::content::{DeviceConfig, Ratio, TagConfig};
use protocol::{Quality, SecretKey, Value, ValueType};

use super::*;
use crate::clock::{ClockReading, SyncState};
use crate::event::{Reading, SourceEvent, TagIndex};
use crate::sealer::{Sealer, Settings, Signer};

fn configuration(names: &[&str]) -> Configuration {
    let tag = |name: &&str| TagConfig {
        id: format!("press/{name}").parse().expect("a name"),
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
    Configuration { format: 1, devices: vec![device], tags: names.iter().map(tag).collect() }
}

fn at(boot: u8, boot_ms: i64) -> ClockReading {
    ClockReading { boot_id: [boot; 16], boot_ms, wall_ms: boot_ms, sync: SyncState::Unknown }
}

/// A run of the sealer on boot 1; the buffer is a plain list.
fn first_run(names: &[&str], closed: bool) -> Vec<Vec<u8>> {
    let signer = Signer {
        site: "site-1".parse().expect("a name"),
        gateway: "gw-1".parse().expect("a name"),
        key: SecretKey::from_seed(&[5; 32]),
    };
    let settings = Settings { seal_ms: 10_000, alarm: Vec::new() };
    let start = Start::New { cause: ChainStartCause::First, old: None };
    let mut sealer =
        Sealer::new(signer, settings, configuration(names).into(), &start, None, ChainId([1; 16]), at(1, 0))
            .expect("encodes");
    let mut records = sealer.seal(at(1, 0)).expect("seals").records;
    sealer.committed(0);
    // Tag 1 is read only in the first batch, tag 0 in both.
    for (tag, boot_ms) in [(0, 1_000), (1, 1_500), (0, 12_000)] {
        let (value, quality) = (Value::U64(1), Quality::Good);
        let reading = Reading { tag: TagIndex(tag), value, quality, boot_ms, source_time_ms: None };
        sealer.take(SourceEvent::Readings(vec![reading]));
        if boot_ms > 1_000 {
            records.extend(sealer.seal(at(1, boot_ms + 10)).expect("seals").records);
            sealer.committed(boot_ms + 10);
        }
    }
    if closed {
        records.extend(sealer.close(at(1, 13_000)).expect("seals").records);
    }
    records
}

fn resume_from(records: &[Vec<u8>], recovery: &Recovery, boot: u8, names: &[&str]) -> Resume {
    resume(recovery, true, BootId([boot; 16]), &configuration(names), |position| {
        records
            .get(position as usize)
            .map_or(Entry::Damaged(position..position + 1), |bytes| Entry::Present(bytes.clone()))
    })
}

fn sound(records: &[Vec<u8>]) -> Recovery {
    Recovery { next_position: records.len() as u64, ..Recovery::default() }
}

fn starts(resume: &Resume) -> Vec<(String, Option<BootId>, i64)> {
    let stop = resume.stop.as_ref().expect("not the first start");
    let mut starts: Vec<_> =
        stop.from.iter().map(|(tag, start)| (tag.to_string(), start.boot, start.boot_ms)).collect();
    starts.sort_by(|a, b| a.0.cmp(&b.0));
    starts
}

#[test]
fn empty_buffer_is_a_first_chain_only_if_there_never_was_one() {
    let none = |_| Entry::NotYet;
    let first = resume(&Recovery::default(), false, BootId([1; 16]), &configuration(&[]), none);
    assert_eq!(first.start, Start::New { cause: ChainStartCause::First, old: None });
    let lost = resume(&Recovery::default(), true, BootId([1; 16]), &configuration(&[]), none);
    assert_eq!(lost.start, Start::New { cause: ChainStartCause::BufferLost, old: None });
    assert_eq!(lost.stop, None);
}

#[test]
fn killed_process_goes_on_with_the_chain_and_knows_each_tags_last_sealed_reading() {
    let records = first_run(&["a", "b"], false);
    let resumed = resume_from(&records, &sound(&records), 1, &["a", "b"]);
    let last = Record::decode(&records[records.len() - 1]).expect("a record");
    let Start::Continue(state) = &resumed.start else { panic!("{:?}", resumed.start) };
    assert_eq!((state.sequence, state.previous), (records.len() as u64, last.digest()));
    assert_eq!(state.configuration, last.header().configuration);
    assert_eq!(resumed.stop.as_ref().map(|stop| stop.cause), Some(GapCause::ProcessKilled));
    assert_eq!(starts(&resumed), [("press/a".to_owned(), None, 12_000), ("press/b".to_owned(), None, 1_500)]);
    assert_eq!(resumed.spans, [Span { chain: ChainId([1; 16]), first_position: 0, end_position: None }]);
}

#[test]
fn another_boot_id_means_power_or_kernel_and_a_closing_record_means_planned() {
    let records = first_run(&["a", "b"], false);
    let resumed = resume_from(&records, &sound(&records), 2, &["a", "b"]);
    assert_eq!(resumed.stop.as_ref().map(|stop| stop.cause), Some(GapCause::UncleanBoot));
    assert_eq!(starts(&resumed)[0], ("press/a".to_owned(), Some(BootId([1; 16])), 12_000));
    let records = first_run(&["a", "b"], true);
    let resumed = resume_from(&records, &sound(&records), 2, &["a", "b"]);
    assert_eq!(resumed.stop.map(|stop| stop.cause), Some(GapCause::Planned));
}

#[test]
fn changed_configuration_maps_tags_by_name() {
    let records = first_run(&["a", "b"], false);
    let resumed = resume_from(&records, &sound(&records), 1, &["new", "b", "a"]);
    assert_eq!(starts(&resumed), [("press/a".to_owned(), None, 12_000), ("press/b".to_owned(), None, 1_500)]);
}

#[test]
fn cut_tail_begins_a_new_chain_that_names_the_last_known_record() {
    let records = first_run(&["a", "b"], false);
    let recovery = Recovery { tail_cut: true, ..sound(&records) };
    let resumed = resume_from(&records, &recovery, 1, &["a", "b"]);
    let last = Record::decode(&records[records.len() - 1]).expect("a record");
    let old = Some((ChainId([1; 16]), records.len() as u64 - 1, last.digest()));
    assert_eq!(resumed.start, Start::New { cause: ChainStartCause::TailDamaged, old });
}

#[test]
fn damaged_newest_record_is_a_cut_tail_too() {
    let records = first_run(&["a", "b"], false);
    let recovery = sound(&records);
    let resumed = resume_from(&records[..records.len() - 1], &recovery, 1, &["a", "b"]);
    assert!(matches!(resumed.start, Start::New { cause: ChainStartCause::TailDamaged, old: Some(_) }));
}
