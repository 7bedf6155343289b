//! The history is one valid chain of believable records, the same every time, with every reading there or in a gap.

use protocol::{Content, GapCause, Kind, PublicKey, Record, SecretKey, Value};
use simulators::calendar::{DAY, week_start};
use simulators::history::{Identity, Plan, Producer, Trouble};
use simulators::instrument::Instrument;
use simulators::tags::{Role, device, devices};
use simulators::world::{Config, World};
use std::collections::BTreeMap;

const DAYS: i64 = 40;
const INTERVAL: i64 = 60_000;

fn plan() -> Plan {
    let epoch_ms = week_start(1_780_000_000_000);
    Plan {
        config: Config {
            seed: 9,
            epoch_ms,
            hall: true,
            retrofit_ms: Some(epoch_ms + DAYS / 2 * DAY),
            rest_weekday: Some(6),
            record: false,
        },
        begin_ms: epoch_ms,
        until_ms: epoch_ms + DAYS * DAY,
        interval_ms: INTERVAL,
        readings_max: 3_000,
    }
}

fn identity() -> Identity {
    Identity {
        site: "demo".parse().unwrap(),
        gateway: "gw-history".parse().unwrap(),
        key: SecretKey::from_seed(&[7; 32]),
    }
}

fn all(mut producer: Producer) -> Vec<Record> {
    let mut out = Vec::new();
    while let Some(record) = producer.next_record().unwrap() {
        out.push(record);
    }
    assert_eq!(producer.totals().records, out.len() as u64);
    out
}

#[test]
fn the_chain_holds_and_the_same_plan_gives_the_same_bytes() {
    let records = all(Producer::new(plan(), identity()));
    let key: PublicKey = identity().key.public();
    let mut previous = protocol::Digest([0; 32]);
    for (index, record) in records.iter().enumerate() {
        record.verify(&key).unwrap();
        let header = record.header();
        assert_eq!(header.sequence, index as u64);
        assert_eq!(header.previous, previous);
        assert!(header.clock.simulated, "history must say that it is simulated");
        assert!(header.first_ms <= header.last_ms && header.last_ms <= header.clock.boot_ms);
        previous = record.digest();
        let again = Record::decode(&record.encode()).unwrap();
        assert_eq!(again.content().unwrap().kind(), header.kind);
    }
    assert_eq!(records[0].header().kind, Kind::ChainStart);
    assert_eq!(records[1].header().kind, Kind::Configuration);
    let again = all(Producer::new(plan(), identity()));
    assert_eq!(records.last().unwrap().digest(), again.last().unwrap().digest());

    let readings: u64 = records.iter().map(|record| u64::from(record.header().readings)).sum();
    let bytes: usize = records.iter().map(|record| record.encode().len()).sum();
    println!("{} records, {readings} readings, {} mB/reading", records.len(), bytes as u64 * 1_000 / readings);
    assert!(bytes as u64 * 10 <= readings * 20, "more than 2.0 bytes per reading: {bytes} for {readings}");
}

#[test]
fn every_value_is_the_worlds_and_every_hole_is_a_gap_with_its_true_cause() {
    every_value_is_the_worlds(plan());
}

#[test]
fn a_gateway_that_comes_later_reads_the_same_world() {
    let begin_ms = plan().config.epoch_ms + 11 * DAY + 3 * INTERVAL;
    let first = Producer::new(Plan { begin_ms, ..plan() }, identity()).next_record().unwrap().unwrap();
    assert_eq!(first.header().clock.wall_ms, begin_ms);
    every_value_is_the_worlds(Plan { begin_ms, ..plan() });
}

fn every_value_is_the_worlds(plan: Plan) {
    let producer = Producer::new(plan, identity());
    let outages = producer.outages().to_vec();
    let records = all(producer);
    let names: Vec<_> = devices(true).flat_map(|device| device.tags).collect();
    let mut seen: Vec<Vec<(i64, Value)>> = vec![Vec::new(); names.len()];
    let mut gaps: Vec<(Option<u32>, i64, i64, GapCause)> = Vec::new();
    let mut boots = BTreeMap::new();
    for record in &records {
        let clock = record.header().clock;
        let offset = clock.wall_ms - clock.boot_ms;
        boots.insert(clock.boot_id.0, offset);
        let Content::Batch(batch) = record.content().unwrap() else { continue };
        for reading in batch.readings() {
            seen[reading.tag as usize].push((offset + reading.boot_ms, reading.value));
        }
        for gap in &batch.gaps {
            let from = gap.from.boot.map_or(offset, |boot| boots[&boot.0]) + gap.from.boot_ms;
            gaps.push((gap.tag, from, offset + gap.to_boot_ms, gap.cause));
        }
    }
    assert_eq!(boots.len(), 2, "one power cut");

    // Every tick of every tag is a reading or lies inside a gap of that tag.
    for (index, readings) in seen.iter().enumerate() {
        let mut at = World::new(plan.config).now().max(plan.begin_ms);
        for (time, _) in readings {
            while at < *time {
                let covered = gaps
                    .iter()
                    .any(|(tag, from, to, _)| tag.is_none_or(|t| t as usize == index) && *from < at && at < *to);
                assert!(covered, "{} at {at} is neither read nor in a gap", names[index].id);
                at += INTERVAL;
            }
            assert_eq!(at, *time, "{} read twice or off the grid", names[index].id);
            at += INTERVAL;
        }
        assert_eq!(at, plan.until_ms + INTERVAL, "{} ends early", names[index].id);
    }
    // Every gap is explained by one outage of the right kind, and every outage longer than a tick left its gap.
    for (tag, from, to, cause) in &gaps {
        let found = outages.iter().any(|outage| {
            let kind = match outage.trouble {
                Trouble::DeviceSilent(id) => {
                    *cause == GapCause::DeviceSilent && names[tag.unwrap() as usize].device() == id
                }
                Trouble::DeviceRefused(id) => {
                    *cause == GapCause::DeviceRefused && names[tag.unwrap() as usize].device() == id
                }
                Trouble::Planned => *cause == GapCause::Planned && tag.is_none(),
                Trouble::ProcessKilled => *cause == GapCause::ProcessKilled && tag.is_none(),
                Trouble::PowerCut => *cause == GapCause::UncleanBoot && tag.is_none(),
            };
            kind && *from <= outage.from
                && outage.from - from <= INTERVAL
                && outage.until <= *to
                && to - outage.until <= INTERVAL
        });
        assert!(found, "gap {tag:?} {from}–{to} {} has no outage", cause.name());
    }
    for outage in outages.iter().filter(|outage| outage.until - outage.from > INTERVAL) {
        assert!(
            gaps.iter().any(|(_, from, to, _)| *from <= outage.from && outage.until <= *to),
            "{outage:?} left no gap"
        );
    }

    // Values are those of a world that was asked directly.
    let main = device("main").unwrap();
    let energy = names.iter().position(|tag| tag.id == main.tag(Role::Energy).unwrap().id).unwrap();
    let mut world = World::new(plan.config);
    let instrument = Instrument::new(main, plan.config.seed);
    for (time, value) in seen[energy].iter().step_by(97) {
        world.advance_to(*time);
        assert_eq!(*value, Value::U64(instrument.energy_centi_kwh(&world) as u64));
    }
}

#[test]
fn another_readers_configuration_names_the_same_tags() {
    let records = all(Producer::new(Plan { until_ms: plan().config.epoch_ms + DAY, ..plan() }, identity()));
    let Content::Configuration(configuration) = records[1].content().unwrap() else { panic!("no configuration") };
    let ids: Vec<String> = configuration.tags.iter().map(|tag| tag.id.to_string()).collect();
    let table: Vec<String> = devices(true).flat_map(|d| d.tags).map(|tag| tag.id.to_owned()).collect();
    assert_eq!(ids, table);
    assert_eq!(records[2].header().configuration, records[1].header().content_digest);
}
