//! With keys: the server's together with those of gateways, and with one witness of two. Whoever knows the keys alone cannot tell;
//! the other witness and a kept checkpoint can.

use protocol::{
    Batch, ChainId, ChainStart, ChainStartCause, Content, Digest, GapCause, Header, KeyChange, Kind as Of, Leaf,
    LeafBody, Lost, LostCause, Record, SecretKey,
};

use super::{Change, Class, Kind};
use crate::tampering::corpus::{Corpus, GATEWAYS, witness_name};
use crate::tampering::forge::Copy;

/// The first gateway's records as its key could have made them, in the order of the log: a header and a content each.
struct Diary(Vec<(i64, Header, Content)>);

impl Diary {
    fn read(copy: &Copy) -> Self {
        let own = (0..copy.leaves.len()).filter_map(|i| match copy.leaf(i) {
            Leaf { received_ms, body: LeafBody::Record { header, .. } } if header.gateway.as_str() == GATEWAYS[0] => {
                let content = copy.contents.get(&header.content_digest)?;
                Some((received_ms, header.clone(), Content::decode(header.kind, content).unwrap()))
            }
            _ => None,
        });
        Self(own.collect())
    }

    fn days(&mut self) -> impl Iterator<Item = (&mut Header, &mut Batch)> {
        self.0.iter_mut().filter_map(|(_, header, content)| match content {
            Content::Batch(batch) if !batch.is_empty() => Some((header, batch)),
            _ => None,
        })
    }

    /// Signs everything again, one after the other, and puts it in the places of the gateway's records; what is more goes to the
    /// end, what is less leaves no place behind.
    fn write(self, copy: &mut Copy, key: &SecretKey) {
        let places: Vec<usize> = (0..copy.leaves.len())
            .filter(|i| matches!(copy.leaf(*i).body, LeafBody::Record { header, .. } | LeafBody::Quarantine { header, .. } if header.gateway.as_str() == GATEWAYS[0]))
            .collect();
        let (mut previous, mut chain, mut sequence) = (Digest::ZERO, None, 0);
        let mut key = key.clone();
        let mut leaves = Vec::new();
        for (received_ms, mut header, content) in self.0 {
            if chain.replace(header.chain) != Some(header.chain) {
                (previous, sequence) = (Digest::ZERO, 0);
            }
            (header.kind, header.previous, header.sequence) = (content.kind(), previous, sequence);
            if let Content::Batch(batch) = &content {
                header.readings = batch.len() as u32;
            }
            let record = Record::sign(header, content.encode().unwrap(), &key).unwrap();
            (previous, sequence) = (record.digest(), sequence + 1);
            match &content {
                Content::Lost(lost) => sequence = lost.to + 1,
                Content::KeyChange(_) => key = SecretKey::from_seed(&[66; 32]),
                _ => {}
            }
            copy.contents.insert(record.header().content_digest, record.content_bytes().to_vec());
            leaves.push(Leaf::record(received_ms, &record).encode().unwrap());
        }
        let issue = copy.leaves.pop().unwrap();
        let mut leaves = leaves.into_iter();
        for place in &places {
            copy.leaves[*place] = leaves.next().unwrap_or_default();
        }
        copy.leaves.retain(|leaf| !leaf.is_empty());
        copy.leaves.extend(leaves.chain([issue]));
    }
}

type OfDiary = fn(&mut Diary);

const DIARIES: &[(&str, OfDiary)] = &[
    ("gateway's key: readings raised", |d| {
        let (_, batch) = d.days().nth(4).unwrap();
        let protocol::content::Values::U64(values) = &mut batch.columns[1].values else { unreachable!() };
        values.iter_mut().skip(20).for_each(|v| *v += 100);
    }),
    ("gateway's key: a day left out without a hole", |d| {
        let at = d.0.len() - 5;
        d.0.remove(at);
    }),
    ("gateway's key: a day said to be lost", |d| {
        let at = d.0.len() - 5;
        let (from, previous) = (at as u64, Digest::ZERO);
        let lost =
            Lost { from, to: from, cause: LostCause::Damaged, previous, next: Digest::ZERO, receipt: Vec::new() };
        d.0[at].2 = Content::Lost(lost);
        d.0[at].1.readings = 0;
    }),
    ("gateway's key: a day invented", |d| {
        let at = d.0.len() - 5;
        let day = (d.0[at].0, d.0[at].1.clone(), d.0[at + 1].2.clone());
        d.0.insert(at + 1, day);
    }),
    ("gateway's key: two days swapped", |d| {
        let at = d.0.len() - 5;
        let one = d.0[at].2.clone();
        d.0[at].2 = std::mem::replace(&mut d.0[at + 1].2, one);
    }),
    ("gateway's key: a gap explained away", |d| {
        d.days().nth(4).unwrap().1.gaps[0].cause = GapCause::Planned;
    }),
    ("gateway's key: a clock put back", |d| d.days().nth(4).unwrap().0.clock.wall_ms -= 3_600_000),
    ("gateway's key: another tag table", |d| {
        let table = d.0.iter_mut().find_map(|(_, _, c)| if let Content::Configuration(c) = c { Some(c) } else { None });
        table.unwrap().tags[3].scale.den = 2_000;
    }),
    ("gateway's key: the chain begun anew", |d| {
        let at = d.0.len() - 5;
        d.0[at..].iter_mut().for_each(|(_, header, _)| header.chain = ChainId([5; 16]));
        let start = ChainStart { cause: ChainStartCause::BufferLost, old: None };
        let (received_ms, mut header, _) = d.0[at].clone();
        header.readings = 0;
        d.0.insert(at, (received_ms, header, Content::ChainStart(start)));
    }),
    ("gateway's key: handed over to another", |d| {
        let at = d.0.len() - 5;
        let (received_ms, mut header, _) = d.0[at].clone();
        header.readings = 0;
        let change = Content::KeyChange(KeyChange::new(&SecretKey::from_seed(&[66; 32])));
        d.0.insert(at, (received_ms, header, change));
    }),
    ("gateway's key: everything signed again, nothing else", |d| {
        d.0.iter_mut().for_each(|(_, header, _)| header.agent_version = "0.1.1".into());
    }),
];

pub fn kinds() -> Vec<Kind> {
    let diary = |(name, change): &(&str, OfDiary)| {
        let change = *change;
        let signed = move |copy: &mut Copy, corpus: &Corpus| {
            let mut diary = Diary::read(copy);
            change(&mut diary);
            diary.write(copy, &corpus.gateway_keys[0]);
        };
        Kind::new(Class::Stolen, *name, Change::Signed(Box::new(signed)))
    };
    let colluding = |name: &str, is_left_out: bool| {
        let change = move |copy: &mut Copy, corpus: &Corpus| {
            let leaf = copy.stated("cycle_time")[0];
            let mut stated = copy.declaration(leaf);
            stated.body["item_us"] = 9_000_000.into();
            copy.restate(leaf, &stated);
            copy.recompute("");
            copy.tidy();
            let other = copy.lines()[2].clone();
            copy.note = copy.checkpoint(copy.leaves.len(), &corpus.log_key);
            copy.cosign(&witness_name(0), &corpus.witness_keys[0], corpus.cosigned);
            if !is_left_out {
                copy.note += &other;
            }
        };
        let refusals = vec![("witness", "checkpoint".to_owned()), ("kept", "the first 10 leaves".to_owned())];
        Kind::new(Class::Stolen, name, Change::Resigned(Box::new(change), refusals))
    };
    let mut all: Vec<Kind> = DIARIES.iter().map(diary).collect();
    all.push(colluding("one witness of two: signs a rewritten log, the other's line kept", false));
    all.push(colluding("one witness of two: signs a rewritten log, the other's line left out", true));
    let twice = |copy: &mut Copy, corpus: &Corpus| {
        copy.note = copy.checkpoint(copy.leaves.len(), &corpus.log_key);
        copy.cosign(&witness_name(0), &corpus.witness_keys[0], corpus.cosigned);
        copy.cosign("w9.example", &corpus.witness_keys[0], corpus.cosigned);
    };
    let twice = Change::Resigned(Box::new(twice), vec![("witness", "checkpoint".to_owned())]);
    all.push(Kind::new(Class::Stolen, "one witness of two: signs twice under two names", twice));
    // What a gateway signed as simulated stays it, whatever the server says of the site.
    let simulated = |copy: &mut Copy, corpus: &Corpus| {
        let mut diary = Diary::read(copy);
        diary.0.iter_mut().for_each(|(_, header, _)| header.clock.simulated = true);
        let first = copy.records(GATEWAYS[0], Of::ChainStart)[0];
        diary.write(copy, &corpus.gateway_keys[0]);
        vec![("chain", format!("leaf {first}: record"))]
    };
    all.push(Kind::new(
        Class::Stolen,
        "gateway's key: simulated time passed off as real",
        Change::Log(Box::new(simulated)),
    ));
    all
}
