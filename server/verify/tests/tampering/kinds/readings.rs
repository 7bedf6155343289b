//! What gateways sealed: readings, gaps, events, tables of tags, and what became of records and keys.

use protocol::content::{Configuration, Values};
use protocol::{
    Batch, ChainStartCause, Content, Event, Gap, GapCause, GapStart, KeyChange, Kind as Of, LostCause, Quality,
    Reading, SecretKey,
};

use super::{Change, Class, Kind, decoded};
use crate::tampering::corpus::{Corpus, GATEWAYS};

type OfBatch = fn(&mut Batch);
type OfTable = fn(&mut Configuration);

fn values(batch: &mut Batch, column: usize) -> &mut Vec<u64> {
    match &mut batch.columns[column].values {
        Values::U64(values) => values,
        other => panic!("{other:?}"),
    }
}

/// The batch with other readings.
fn read(batch: &mut Batch, change: impl Fn(&mut Vec<Reading>)) {
    let mut readings: Vec<Reading> = batch.readings().collect();
    change(&mut readings);
    *batch = Batch::from_readings(readings, std::mem::take(&mut batch.gaps), std::mem::take(&mut batch.events));
}

// Columns of a batch: state, good, reject, energy, and of the press the incoming meter.
const BATCH: &[(&str, OfBatch)] = &[
    ("reading: another state", |b| values(b, 0)[20] = if values(b, 0)[20] == 4 { 2 } else { 4 }),
    ("reading: a count of good items raised", |b| values(b, 1)[20] += 1),
    ("reading: a count of rejects lowered", |b| values(b, 2)[20] -= 1),
    ("reading: an energy register lowered", |b| values(b, 3)[20] -= 1),
    ("reading: the incoming meter raised from a time on", |b| values(b, 4)[20..].iter_mut().for_each(|v| *v += 50)),
    ("reading: a register frozen for the day", |b| {
        let first = values(b, 3)[0];
        values(b, 3).fill(first);
    }),
    ("reading: another type", |b| {
        let values = values(b, 1).iter().map(|v| *v as i64).collect();
        b.columns[1].values = Values::I64(values);
    }),
    ("reading: its time moved", |b| b.columns[0].times[20] += 60_000),
    ("reading: all times of the batch moved", |b| {
        b.columns.iter_mut().flat_map(|c| &mut c.times).for_each(|t| *t += 600_000);
    }),
    ("reading: uncertain made good", |b| b.columns[0].qualities = vec![(Quality::Good, 48)]),
    ("reading: good made bad", |b| b.columns[0].qualities = vec![(Quality::Good, 40), (Quality::Bad, 8)]),
    ("reading: deleted", |b| read(b, |r| drop(r.remove(100)))),
    ("reading: inserted", |b| {
        read(b, |r| {
            let mut one = r[100].clone();
            one.boot_ms += 1;
            r.insert(101, one);
        })
    }),
    ("reading: duplicated", |b| read(b, |r| r.insert(101, r[100].clone()))),
    ("reading: two swapped", |b| values(b, 3).swap(20, 21)),
    ("reading: the rest of the day cut off", |b| read(b, |r| r.truncate(120))),
    ("reading: given to another tag", |b| b.columns[0].tag = 3),
    ("reading: a source time invented", |b| b.columns[0].sources = Some(b.columns[0].times.clone())),
    ("column: good and reject swapped", |b| {
        b.columns[1].tag = 2;
        b.columns[2].tag = 1;
    }),
    ("column: left out", |b| drop(b.columns.remove(2))),
    ("column: of a tag that does not exist", |b| b.columns[4].tag = 40),
    ("gap: removed", |b| b.gaps.clear()),
    ("gap: invented", |b| b.gaps.push(Gap { to_boot_ms: b.gaps[0].to_boot_ms + 600_000, ..b.gaps[0] })),
    ("gap: its cause changed", |b| b.gaps[0].cause = GapCause::Planned),
    ("gap: begins earlier", |b| b.gaps[0].from.boot_ms -= 60_000),
    ("gap: ends later", |b| b.gaps[0].to_boot_ms += 60_000),
    ("gap: said of every tag", |b| b.gaps[0].tag = None),
    ("gap: said of another boot", |b| {
        b.gaps[0].from = GapStart { boot: Some(protocol::BootId([8; 16])), ..b.gaps[0].from };
    }),
    ("event: removed", |b| b.events.clear()),
    ("event: invented", |b| b.events.push(Event { kind: "device_down".into(), ..b.events[0].clone() })),
    ("event: another word", |b| b.events[0].kind = "device_down".into()),
    ("event: its time changed", |b| b.events[0].boot_ms += 1),
    ("event: its subject changed", |b| b.events[0].subject = "main".into()),
    ("event: its number changed", |b| b.events[0].value = 7),
    ("event: its words changed", |b| b.events[0].detail = "ok".into()),
    ("batch: emptied", |b| *b = Batch::default()),
];

const TABLE: &[(&str, OfTable)] = &[
    ("tag table: a scale's numerator", |c| c.tags[3].scale.num = 2),
    ("tag table: a scale's denominator", |c| c.tags[3].scale.den = 100),
    ("tag table: a unit", |c| c.tags[3].unit = "Wh".into()),
    ("tag table: a polling interval", |c| c.tags[0].interval_ms = 86_400_000),
    ("tag table: a role", |c| c.tags[0].role = "run".into()),
    ("tag table: an address", |c| c.tags[1].address = "holding 2 u32 big".into()),
    ("tag table: a type", |c| c.tags[0].value_type = protocol::ValueType::I64),
    ("tag table: a counter's pace", |c| c.tags[1].counter.as_mut().unwrap().max_per_hour = 10),
    ("tag table: a counter's modulus", |c| c.tags[1].counter.as_mut().unwrap().modulus = Some(65_536)),
    ("tag table: a counter made a plain value", |c| c.tags[1].counter = None),
    ("tag table: two tags swapped", |c| c.tags.swap(1, 2)),
    ("tag table: a tag renamed", |c| c.tags[4].id = "main/other".parse().unwrap()),
    ("tag table: a tag removed", |c| drop(c.tags.pop())),
    ("tag table: a tag added", |c| {
        let mut tag = c.tags[4].clone();
        tag.id = "main/extra".parse().unwrap();
        c.tags.push(tag);
    }),
    ("tag table: a device's address", |c| c.devices[0].address = "10.0.0.6:502 unit 1".into()),
    ("tag table: a device's protocol", |c| c.devices[0].protocol = "opcua".into()),
    ("tag table: a device's profile", |c| c.devices[0].profile = None),
    ("tag table: a device's name", |c| c.devices[0].id = "press-2".parse().unwrap()),
];

pub fn kinds(corpus: &Corpus) -> Vec<Kind> {
    let first = |gateway: &str, kind| corpus.copy.records(gateway, kind)[0];
    let press = corpus.copy.records(GATEWAYS[0], Of::Batch)[4];
    let lathe = corpus.copy.records(GATEWAYS[1], Of::Batch)[4];
    let kind = |name: &str, leaf, bytes| Kind::new(Class::Readings, name, Change::Content(leaf, bytes));
    let batch = |name: &str, leaf, change: OfBatch| {
        let bytes = decoded(Of::Batch, move |content, _| match content {
            Content::Batch(batch) => change(batch),
            other => panic!("{other:?}"),
        });
        kind(name, leaf, bytes)
    };
    let mut all: Vec<Kind> = BATCH.iter().map(|(name, change)| batch(name, press, *change)).collect();
    all.push(batch("reading: a source time changed", lathe, |b| b.columns[1].sources.as_mut().unwrap()[7] += 1));
    all.push(batch("reading: source times left out", lathe, |b| b.columns[1].sources = None));
    // Whole contents of elsewhere: honest in themselves, at another place.
    let splice = |name: &str, leaf, from: usize| {
        let bytes = corpus.copy.contents[&corpus.copy.leaf(from).content_digest().unwrap()].clone();
        kind(name, leaf, Box::new(move |_: &[u8], _: &Corpus| bytes.clone()))
    };
    all.push(splice("batch: that of another day", press, corpus.copy.records(GATEWAYS[0], Of::Batch)[8]));
    all.push(splice("batch: that of the other gateway", press, lathe));
    let elsewhere = Corpus::elsewhere();
    let foreign = elsewhere.contents
        [&elsewhere.leaf(elsewhere.records(GATEWAYS[1], Of::Configuration)[0]).content_digest().unwrap()]
        .clone();
    let table = first(GATEWAYS[0], Of::Configuration);
    all.push(kind("tag table: that of another gateway", table, Box::new(move |_: &[u8], _: &Corpus| foreign.clone())));
    all.push(kind("batch: cut short", press, Box::new(|bytes: &[u8], _: &Corpus| bytes[..bytes.len() / 2].to_vec())));
    all.push(kind(
        "batch: packed again, the same readings",
        press,
        Box::new(|bytes: &[u8], _: &Corpus| repacked(bytes)),
    ));
    all.extend(TABLE.iter().map(|(name, change)| {
        let bytes = decoded(Of::Configuration, move |content, _| match content {
            Content::Configuration(configuration) => change(configuration),
            other => panic!("{other:?}"),
        });
        kind(name, table, bytes)
    }));
    let lost = |name: &str, change: fn(&mut protocol::Lost)| {
        let bytes = decoded(Of::Lost, move |content, _| match content {
            Content::Lost(lost) => change(lost),
            other => panic!("{other:?}"),
        });
        kind(name, first(GATEWAYS[1], Of::Lost), bytes)
    };
    all.extend([
        lost("lost records: more than were lost", |l| l.to += 1),
        lost("lost records: another cause", |l| l.cause = LostCause::Refused),
        lost("lost records: another record before", |l| l.previous = protocol::sha256(b"x")),
        lost("lost records: another record after", |l| l.next = protocol::sha256(b"x")),
        lost("lost records: under a receipt that never was", |l| l.receipt = b"receipt".to_vec()),
    ]);
    let start = decoded(Of::ChainStart, |content, _| match content {
        Content::ChainStart(start) => start.cause = ChainStartCause::OldImage,
        other => panic!("{other:?}"),
    });
    all.push(kind("chain start: another cause", first(GATEWAYS[0], Of::ChainStart), start));
    let takeover = decoded(Of::KeyChange, |content, _| {
        *content = Content::KeyChange(KeyChange::new(&SecretKey::from_seed(&[66; 32])));
    });
    all.push(kind("key change: to the attacker's key", first(GATEWAYS[1], Of::KeyChange), takeover));
    all
}

/// The same plain content in another frame.
fn repacked(bytes: &[u8]) -> Vec<u8> {
    let plain = protocol::content::decompress(bytes).unwrap();
    // One raw block: magic, a single segment with a size of four bytes, and the block's header.
    let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0b1010_0000];
    frame.extend_from_slice(&(plain.len() as u32).to_le_bytes());
    frame.extend_from_slice(&((plain.len() as u32) << 3 | 1).to_le_bytes()[..3]);
    frame.extend_from_slice(&plain);
    frame
}
