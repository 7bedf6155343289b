//! The log as a sequence: leaves deleted, doubled, moved, truncated, spliced from elsewhere, turned into something else.

use protocol::{Kind as Of, Leaf, LeafBody, sha256};

use super::{Change, Class, Kind, Refusal};
use crate::fixture::SITE;
use crate::tampering::corpus::{Corpus, GATEWAYS, SERVER};
use crate::tampering::forge::Copy;

type OfLog = fn(&mut Copy) -> Vec<Refusal>;

/// The `n`-th record of a kind of the first gateway.
fn press(copy: &Copy, kind: Of, n: usize) -> usize {
    copy.records(GATEWAYS[0], kind)[n]
}

fn lathe(copy: &Copy, kind: Of, n: usize) -> usize {
    copy.records(GATEWAYS[1], kind)[n]
}

fn chain(leaf: usize) -> Vec<Refusal> {
    vec![("chain", format!("leaf {leaf}: record"))]
}

/// Deletes a record; the next one of its gateway then has a hole before it.
fn delete(copy: &mut Copy, leaf: usize) -> Vec<Refusal> {
    let gateway = copy.record(leaf).0.gateway;
    copy.leaves.remove(leaf);
    let is_next =
        |i: &usize| matches!(copy.leaf(*i).body, LeafBody::Record { header, .. } if header.gateway == gateway);
    chain((leaf..copy.leaves.len()).find(is_next).expect("it was not the last"))
}

fn receive(copy: &mut Copy, leaf: usize, by_ms: i64) {
    let mut at = copy.leaf(leaf);
    at.received_ms += by_ms;
    copy.set(leaf, &at);
}

/// Turns a record into one in quarantine, or back.
fn turn(copy: &mut Copy, leaf: usize) {
    let Leaf { received_ms, body } = copy.leaf(leaf);
    let body = match body {
        LeafBody::Record { header, header_bytes, signature } => {
            LeafBody::Quarantine { header, header_bytes, signature }
        }
        LeafBody::Quarantine { header, header_bytes, signature } => {
            LeafBody::Record { header, header_bytes, signature }
        }
        other => panic!("{other:?}"),
    };
    copy.set(leaf, &Leaf { received_ms, body });
}

fn quarantined(copy: &Copy) -> usize {
    (0..copy.leaves.len()).find(|i| matches!(copy.leaf(*i).body, LeafBody::Quarantine { .. })).unwrap()
}

/// A restore from a backup that never was, said in the place of a leaf.
fn epoch(copy: &Copy, leaf: usize, epoch: u32, restored_size: u64) -> Vec<u8> {
    let (old_size, old_root) = (restored_size + 9, sha256(b"x"));
    let body = LeafBody::Epoch { epoch, old_size, old_root, restored_size, cause: "restored".into() };
    Leaf { received_ms: copy.leaf(leaf).received_ms, body }.encode().unwrap()
}

/// Puts the record of another firm's gateway of the same name in a place.
fn splice(copy: &mut Copy, leaf: usize, is_instead: bool) -> Vec<Refusal> {
    let other = Corpus::elsewhere();
    let from = press(&other, Of::Configuration, 0);
    let digest = other.leaf(from).content_digest().unwrap();
    copy.contents.insert(digest, other.contents[&digest].clone());
    if is_instead {
        copy.leaves[leaf] = other.leaves[from].clone();
    } else {
        copy.leaves.insert(leaf, other.leaves[from].clone());
    }
    chain(leaf)
}

/// Puts a statement of another firm in a place.
fn splice_stated(copy: &mut Copy, kind: &str) -> Vec<Refusal> {
    let other = Corpus::elsewhere();
    let (from, to) = (other.stated(kind)[0], copy.stated(kind)[0]);
    let mut stated = other.declaration(from);
    stated.reason = "其他企业".into();
    if let Some(machine) = stated.body.get_mut("item_us") {
        *machine = 9_000_000.into();
    }
    copy.restate(to, &stated);
    Vec::new()
}

const LOG: &[(&str, OfLog)] = &[
    ("record: deleted", |c| delete(c, press(c, Of::Batch, 4))),
    ("record: several days deleted", |c| {
        let days = c.records(GATEWAYS[0], Of::Batch);
        days[5..8].iter().rev().for_each(|day| drop(c.leaves.remove(*day)));
        delete(c, days[4])
    }),
    ("record: the first of a chain deleted", |c| delete(c, press(c, Of::ChainStart, 0))),
    ("record: a tag table deleted", |c| delete(c, press(c, Of::Configuration, 0))),
    ("record: a key change deleted", |c| {
        let at = lathe(c, Of::KeyChange, 0);
        c.leaves.remove(at);
        let next = (at..c.leaves.len()).find(
            |i| matches!(c.leaf(*i).body, LeafBody::Record { header, .. } if header.gateway.as_str() == GATEWAYS[1]),
        );
        vec![("signature", format!("leaf {}: record", next.unwrap()))]
    }),
    ("record: what was lost no longer said", |c| delete(c, lathe(c, Of::Lost, 0))),
    ("record: the clone's deleted", |c| {
        c.leaves.remove(quarantined(c));
        vec![]
    }),
    ("record: doubled beside itself", |c| {
        let at = press(c, Of::Batch, 4);
        c.leaves.insert(at + 1, c.leaves[at].clone());
        chain(at + 1)
    }),
    ("record: said again at the end", |c| {
        let end = c.leaves.len() - 1;
        c.leaves.insert(end, c.leaves[press(c, Of::Batch, 4)].clone());
        chain(end)
    }),
    ("record: two of a chain swapped", |c| {
        let (a, b) = (press(c, Of::Batch, 4), press(c, Of::Batch, 5));
        c.leaves.swap(a, b);
        chain(a)
    }),
    ("record: two of different gateways swapped", |c| {
        let (a, b) = (press(c, Of::Batch, 4), lathe(c, Of::Batch, 3));
        assert_eq!(a + 1, b, "neighbours");
        c.leaves.swap(a, b);
        vec![]
    }),
    ("record: moved to the beginning", |c| {
        let leaf = c.leaves.remove(press(c, Of::Batch, 4));
        c.leaves.insert(0, leaf);
        vec![("gateway", "leaf 0: record".to_owned())]
    }),
    ("record: the chain reversed", |c| {
        let all: Vec<usize> = c.records(GATEWAYS[0], Of::Batch);
        let reversed: Vec<Vec<u8>> = all.iter().rev().map(|i| c.leaves[*i].clone()).collect();
        all.iter().zip(reversed).for_each(|(i, leaf)| c.leaves[*i] = leaf);
        chain(all[0])
    }),
    ("record: said to have come earlier", |c| {
        receive(c, press(c, Of::Batch, 4), -3_600_000);
        vec![]
    }),
    ("record: said to have come later", |c| {
        receive(c, press(c, Of::Batch, 4), 48 * 3_600_000);
        vec![]
    }),
    ("record: put in quarantine", |c| {
        let at = press(c, Of::Batch, 4);
        turn(c, at);
        let next = press(c, Of::Batch, 4);
        chain(next)
    }),
    ("record: the newest put in quarantine", |c| {
        let at = *c.records(GATEWAYS[0], Of::Batch).last().unwrap();
        turn(c, at);
        chain(at)
    }),
    ("record: taken out of quarantine", |c| {
        let at = quarantined(c);
        turn(c, at);
        chain(at)
    }),
    ("record: another firm's beside it", |c| splice(c, press(c, Of::Batch, 4), false)),
    ("record: another firm's in its place", |c| splice(c, press(c, Of::Batch, 4), true)),
    ("record: gateways swapped, each with the other's content", |c| {
        let (a, b) = (press(c, Of::Batch, 4), lathe(c, Of::Batch, 3));
        let (mut one, mut two) = (c.record(a).0, c.record(b).0);
        std::mem::swap(&mut one.content_digest, &mut two.content_digest);
        std::mem::swap(&mut one.content_length, &mut two.content_length);
        std::mem::swap(&mut one.readings, &mut two.readings);
        c.rehead(a, one);
        c.rehead(b, two);
        vec![("signature", format!("leaf {a}: record"))]
    }),
    ("record: gateways swapped, each under the other's name", |c| {
        let (a, b) = (press(c, Of::Batch, 4), lathe(c, Of::Batch, 3));
        let (mut one, mut two) = (c.record(a).0, c.record(b).0);
        std::mem::swap(&mut one.gateway, &mut two.gateway);
        c.rehead(a, one);
        c.rehead(b, two);
        vec![("signature", format!("leaf {a}: record"))]
    }),
    ("record: replaced by a restore that never was", |c| {
        let at = press(c, Of::Batch, 4);
        c.leaves[at] = epoch(c, at, 1, at as u64);
        vec![("epoch", "checkpoint".to_owned()), chain(press(c, Of::Batch, 4)).remove(0)]
    }),
    ("log: a restore invented, the log under its old name", |c| {
        let at = press(c, Of::Batch, 8);
        c.leaves.insert(at, epoch(c, at, 1, at as u64));
        vec![("epoch", "checkpoint".to_owned())]
    }),
    ("log: a restore invented that excuses what was before it", |c| {
        let at = press(c, Of::Batch, 8);
        c.leaves.insert(at, epoch(c, at, 1, 10));
        vec![("epoch", format!("leaf {at}"))]
    }),
    ("log: a restore invented whose number is none", |c| {
        let at = press(c, Of::Batch, 8);
        c.leaves.insert(at, epoch(c, at, 0, at as u64));
        vec![("epoch", format!("leaf {at}"))]
    }),
    ("log: its last days cut off", |c| {
        c.leaves.drain(50..c.leaves.len() - 1);
        vec![]
    }),
    ("log: the issue of the report cut off", |c| {
        c.leaves.pop();
        vec![("issued", "report.json".to_owned())]
    }),
    ("log: another firm's appended", |c| {
        let other = Corpus::elsewhere();
        let at = c.leaves.len() - 1;
        let records: Vec<Vec<u8>> = other.leaves[other.records(GATEWAYS[0], Of::ChainStart)[0]..].to_vec();
        c.contents.extend(other.contents);
        c.leaves.splice(at..at, records);
        chain(at)
    }),
    ("log: another firm's calendar in it", |c| splice_stated(c, "calendar")),
    ("log: another firm's cycle time in it", |c| splice_stated(c, "cycle_time")),
    ("log: another firm's enrolment in it", |c| {
        let other = Corpus::elsewhere();
        let (from, to) = (other.stated("gateway_enrolled")[0], c.stated("gateway_enrolled")[0]);
        c.restate(to, &other.declaration(from));
        vec![("gateway", format!("leaf {}: record", press(c, Of::ChainStart, 0)))]
    }),
    ("leaf: a statement under another kind", |c| leaf_says(c, |kind, _, _| *kind = "bill".into())),
    ("leaf: another digest of its content", |c| {
        leaf_says(c, |_, digest, _| *digest = sha256(b"x"));
        vec![("content", format!("leaf {}", c.stated("cycle_time")[0]))]
    }),
    ("leaf: another length of its content", |c| {
        leaf_says(c, |_, _, length| *length += 1);
        vec![("content", format!("leaf {}", c.stated("cycle_time")[0]))]
    }),
    ("leaf: of a version to come", |c| bytes(c, |leaf| leaf[1] = 9)),
    ("leaf: of a kind that does not exist", |c| {
        bytes(c, |leaf| {
            let at = leaf.windows(2).position(|w| w == [0x18, 1]).unwrap();
            leaf[at + 1] = 9;
        })
    }),
    ("leaf: with something behind it", |c| bytes(c, |leaf| leaf.extend([0x78, 1]))),
    ("leaf: empty", |c| bytes(c, Vec::clear)),
    ("header: of a version to come", |c| bytes(c, |leaf| header_byte(leaf, &[0x08, 1], 9))),
    ("header: signed by another algorithm", |c| bytes(c, |leaf| header_byte(leaf, &[0x80, 0x01, 1], 9))),
];

/// Changes the leaf of the first cycle time.
fn leaf_says(copy: &mut Copy, change: fn(&mut String, &mut protocol::Digest, &mut u32)) -> Vec<Refusal> {
    let at = copy.stated("cycle_time")[0];
    let Leaf { received_ms, mut body } = copy.leaf(at);
    let LeafBody::Declaration { kind, digest, length } = &mut body else { unreachable!("a statement") };
    change(kind, digest, length);
    copy.set(at, &Leaf { received_ms, body });
    vec![("declaration", format!("leaf {at}"))]
}

/// Changes the bytes of a record's leaf so that it can no longer be read.
fn bytes(copy: &mut Copy, change: impl Fn(&mut Vec<u8>)) -> Vec<Refusal> {
    let at = press(copy, Of::Batch, 4);
    change(&mut copy.leaves[at]);
    vec![("tree", format!("leaf {at}"))]
}

/// Changes the last byte of a header's field: of one before the site's name the nearest, of one after it the last.
fn header_byte(leaf: &mut [u8], field: &[u8], to: u8) {
    let site = leaf.windows(SITE.len()).position(|w| w == SITE.as_bytes()).unwrap();
    let is_before = field[0] == 0x08;
    let at = leaf.windows(field.len()).enumerate().rfind(|(at, w)| *w == field && (*at < site) == is_before);
    let (at, _) = at.unwrap();
    leaf[at + field.len() - 1] = to;
}

pub fn kinds(_: &Corpus) -> Vec<Kind> {
    let kind = |(name, change): &(&str, OfLog)| {
        let change = *change;
        Kind::new(Class::Order, *name, Change::Log(Box::new(move |copy, _| change(copy))))
    };
    let mut all: Vec<Kind> = LOG.iter().map(kind).collect();
    // Whoever knows keys alone is told of the restore, and whoever kept checkpoints too; a witness signs no new name unasked.
    let renamed = |copy: &mut Copy, corpus: &Corpus| {
        let at = press(copy, Of::Batch, 8);
        copy.leaves.insert(at, epoch(copy, at, 1, at as u64));
        copy.recompute("");
        let mut head = copy.head(copy.leaves.len());
        head.origin += "/1";
        let cosignatures: String = copy.lines().into_iter().skip(1).collect();
        copy.note = head.sign(SERVER, &corpus.log_key).unwrap() + &cosignatures;
        copy.tidy();
    };
    let renamed = Change::Resigned(Box::new(renamed), vec![("witness", "checkpoint".to_owned())]);
    all.push(Kind::new(Class::Order, "log: a restore invented, the log under a new name", renamed));
    all
}
