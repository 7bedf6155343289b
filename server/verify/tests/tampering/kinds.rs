//! What can be tampered with, one line for each kind: an object, and what is done to it.
//!
//! A kind says how the attacker changes the parts; [`attempts`](Kind::attempts) puts them together in every way that is open to him
//! and says what each reader must answer. So a kind counts once, however many ways of packing it there are.

pub mod archive;
pub mod checkpoint;
pub mod headers;
pub mod light;
pub mod order;
pub mod proofs;
pub mod readings;
pub mod report;
pub mod statements;
pub mod stolen;

use metrics::ReportRequest;
use protocol::bundle::Files;
use protocol::{Content, Declaration, Header};
use serde_json::Value as Json;

use super::corpus::Corpus;
use super::forge::{Copy, pack};

/// What is tampered with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    Readings,
    Headers,
    Order,
    Statements,
    Report,
    Checkpoint,
    Archive,
    Light,
    Proofs,
    Stolen,
}

impl Class {
    /// As `docs/concepts/tampering.md` has it.
    pub fn words(self) -> &'static str {
        match self {
            Self::Readings => "Readings, gaps, events, tag tables, lost records, key changes",
            Self::Headers => "Headers and signatures of records",
            Self::Order => {
                "The log: leaves deleted, doubled, moved, cut off, spliced from elsewhere, put in quarantine, excused by a restore"
            }
            Self::Statements => {
                "Statements of people and of the server: altered, left out, withheld, moved, dated back"
            }
            Self::Report => "The report: every field, every list, what it is about",
            Self::Checkpoint => "The checkpoint and its cosignatures",
            Self::Archive => "The archive, its manifest, files beside the report",
            Self::Light => "A bundle without readings: its log, statements, report and files",
            Self::Proofs => "Proofs without a bundle",
            Self::Stolen => {
                "Records signed anew with a gateway's key beside the server's; a server with one witness of two"
            }
        }
    }
}

/// A step that must refuse, and what the place it names must contain.
pub type Refusal = (&'static str, String);

/// What a reader must answer.
pub struct Answer {
    /// Refusals that must be there; none at all: the bundle is accepted.
    pub must: Vec<Refusal>,
    /// Steps that may refuse as well, because what they rest on is gone.
    pub may: Vec<&'static str>,
}

/// A tampered bundle, and what each reader must answer to it.
pub struct Attempt {
    /// How it was packed.
    pub by: &'static str,
    pub bundle: Vec<u8>,
    /// A reader who knows the keys of log and gateways alone; `None` where nobody is asked.
    pub keys: Option<Answer>,
    /// One who requires two witnesses and kept checkpoints from earlier.
    pub witnessed: Answer,
}

type Bytes<'a> = Box<dyn Fn(&[u8], &Corpus) -> Vec<u8> + Sync + Send + 'a>;

pub enum Change {
    /// The content beside the record of a leaf, as bytes.
    Content(usize, Bytes<'static>),
    /// The header of the record of a leaf, under the signature that was there; and what the keys say to it.
    Header(usize, Box<dyn Fn(&mut Header) + Sync + Send>, Refusal),
    /// A statement of people; and what the keys say to it, which is nothing for most.
    Statement(usize, Box<dyn Fn(&mut Declaration) + Sync + Send>, Vec<Refusal>),
    /// Leaves and contents; and what the keys say to it.
    Log(Box<dyn Fn(&mut Copy, &Corpus) -> Vec<Refusal> + Sync + Send>),
    /// The report as it was issued; and the place that is named.
    Report(Box<dyn Fn(&mut Json) -> String + Sync + Send>),
    /// What the report is about: everything is computed for it.
    Request(Box<dyn Fn(&mut ReportRequest) + Sync + Send>),
    /// The checkpoint as it is packed.
    Note(Box<dyn Fn(&mut Copy, &Corpus) + Sync + Send>, Vec<Refusal>),
    /// Leaves and a checkpoint that the server signed for them.
    Resigned(Box<dyn Fn(&mut Copy, &Corpus) + Sync + Send>, Vec<Refusal>),
    /// Files, before the manifest is made.
    Files(Box<dyn Fn(&mut Files) + Sync + Send>, Refusal),
    /// The archive's bytes.
    Archive(Box<dyn Fn(&[u8], &Corpus) -> Vec<u8> + Sync + Send>, Refusal),
    /// Leaves and contents, signed with keys of gateways.
    Signed(Box<dyn Fn(&mut Copy, &Corpus) + Sync + Send>),
}

pub struct Kind {
    pub class: Class,
    pub name: String,
    pub change: Change,
}

impl Kind {
    pub fn new(class: Class, name: impl Into<String>, change: Change) -> Self {
        Self { class, name: name.into(), change }
    }

    /// Every way to pack it.
    pub fn attempts(&self, corpus: &Corpus) -> Vec<Attempt> {
        let mut copy = corpus.copy.clone();
        match &self.change {
            Change::Content(leaf, change) => {
                let digest = copy.leaf(*leaf).content_digest().unwrap();
                let bytes = change(&copy.contents[&digest], corpus);
                copy.contents.insert(digest, bytes.clone());
                let place = format!("leaf {leaf}: record");
                let chain = vec!["signature", "chain"];
                let mut all = vec![as_it_lies(&copy, vec![("content", place)], chain)];
                let mut copy = corpus.copy.clone();
                copy.refill(*leaf, &bytes);
                let refusals = vec![("signature", format!("leaf {leaf}: record"))];
                all.extend(sealed(copy, corpus, refusals).into_iter().skip(1));
                all
            }
            Change::Header(leaf, change, refusal) => {
                let (mut header, _, _) = copy.record(*leaf);
                change(&mut header);
                copy.rehead(*leaf, header);
                sealed(copy, corpus, vec![refusal.clone()])
            }
            Change::Statement(leaf, change, refusals) => {
                let mut stated = copy.declaration(*leaf);
                change(&mut stated);
                let digest = copy.leaf(*leaf).content_digest().unwrap();
                copy.contents.insert(digest, stated.encode().unwrap());
                let place = format!("leaf {leaf}: declaration {}", corpus.copy.declaration(*leaf).kind);
                let mut all = vec![as_it_lies(&copy, vec![("content", place)], vec!["gateway", "signature", "chain"])];
                let mut copy = corpus.copy.clone();
                copy.restate(*leaf, &stated);
                copy.recompute(&stated.kind);
                all.extend(sealed(copy, corpus, refusals.clone()).into_iter().skip(1));
                all
            }
            Change::Log(change) => {
                let refusals = change(&mut copy, corpus);
                copy.recompute("");
                sealed(copy, corpus, refusals)
            }
            Change::Report(change) => {
                let mut report: Json = serde_json::from_slice(&copy.report).unwrap();
                let place = change(&mut report);
                copy.report = protocol::declaration::canonical_json(&report).unwrap();
                let is_promise = place.starts_with("measurement_plan");
                // What is no report at all is none without readings either; of another only the log's word is left.
                let refusal = match copy.is_light && place != "report.json" {
                    true => ("issued", "report.json".to_owned()),
                    false => ("report", place),
                };
                let mut all = vec![as_it_lies(&copy, vec![refusal], vec![])];
                // Which field it is makes no difference to a server that issues it anew: the promises stand for all.
                if is_promise {
                    copy.reissue();
                    copy.tidy();
                    copy.sign(&corpus.log_key);
                    let witnessed = Answer { must: seal(&copy, corpus), may: vec![] };
                    all.push(Attempt { by: "server", bundle: copy.pack(), keys: None, witnessed });
                }
                all
            }
            Change::Request(change) => {
                let issue = copy.leaves.len() as u64 - 1;
                let report = copy.evaluated(&super::corpus::request(issue)).unwrap();
                let report: Json = serde_json::from_slice(&report).unwrap();
                let mut request: ReportRequest = serde_json::from_value(report["request"].clone()).unwrap();
                change(&mut request);
                copy.report = copy.evaluated(&request).expect("a report can be made of it");
                let mut all = vec![as_it_lies(&copy, vec![("issued", "report.json".into())], vec![])];
                copy.reissue();
                all.extend(sealed(copy, corpus, vec![]).into_iter().skip(1));
                all
            }
            Change::Note(change, refusals) => {
                change(&mut copy, corpus);
                vec![as_it_lies(&copy, refusals.clone(), vec!["witness", "kept", "anchor", "manifest", "epoch"])]
            }
            Change::Resigned(change, refusals) => {
                change(&mut copy, corpus);
                let witnessed = Answer { must: refusals.clone(), may: vec![] };
                vec![Attempt { by: "server", bundle: copy.pack(), keys: None, witnessed }]
            }
            Change::Files(change, refusal) => {
                let mut files = copy.files();
                change(&mut files);
                let witnessed = Answer { must: vec![refusal.clone()], may: vec!["signature"] };
                vec![Attempt { by: "disk", bundle: pack(&files), keys: None, witnessed }]
            }
            Change::Archive(change, refusal) => {
                let bundle = change(&copy.pack(), corpus);
                let witnessed = Answer { must: vec![refusal.clone()], may: vec!["manifest", "kept", "chain"] };
                vec![Attempt { by: "disk", bundle, keys: None, witnessed }]
            }
            Change::Signed(change) => {
                change(&mut copy, corpus);
                copy.recompute("");
                sealed(copy, corpus, vec![])
            }
        }
    }
}

/// Packed with the checkpoint as it is.
fn as_it_lies(copy: &Copy, must: Vec<Refusal>, may: Vec<&'static str>) -> Attempt {
    Attempt { by: "disk", bundle: copy.pack(), keys: None, witnessed: Answer { must, may } }
}

/// A log that was changed: under the checkpoint as it was signed; with size and root made to fit by somebody without the log's
/// key; and signed anew by the server. `by_keys`: what whoever knows the keys alone refuses.
fn sealed(mut copy: Copy, corpus: &Corpus, by_keys: Vec<Refusal>) -> Vec<Attempt> {
    const RECORDS: [&str; 5] = ["signature", "chain", "gateway", "content", "declaration"];
    // Leaves that cannot be read end it: nothing after them is looked at.
    let is_end = by_keys.first().is_some_and(|(code, _)| *code == "tree");
    let is_restore = by_keys.iter().any(|(code, _)| *code == "epoch");
    if !is_end {
        copy.tidy();
    }
    let mut all = Vec::new();
    let tree = if is_end { by_keys.clone() } else { vec![("tree", String::new())] };
    let may = [&RECORDS[..], &["kept", "report", "issued", "epoch"]].concat();
    all.push(Attempt { by: "disk", bundle: copy.pack(), keys: None, witnessed: Answer { must: tree, may } });

    // What only a report could show is not looked at once the seal is broken.
    let by_records = by_keys.iter().filter(|(code, _)| !matches!(*code, "report" | "issued" | "onsite")).cloned();
    let broken = |copy: &Copy, key: bool| {
        let anchor = (!key).then(|| ("anchor", "checkpoint".to_owned()));
        let must = anchor
            .into_iter()
            .chain(seal(copy, corpus).into_iter().filter(|(code, _)| !(is_restore && *code == "kept")))
            .chain(by_records.clone())
            .collect();
        let may = [&RECORDS[..], if is_restore { &["kept"] } else { &[] }].concat();
        Answer { must: if is_end { by_keys.clone() } else { must }, may }
    };
    copy.fit();
    all.push(Attempt {
        by: "disk, root made to fit",
        bundle: copy.pack(),
        keys: None,
        witnessed: broken(&copy, false),
    });
    copy.sign(&corpus.log_key);
    let keys = Answer { must: by_keys.clone(), may: if by_keys.is_empty() { vec![] } else { RECORDS.to_vec() } };
    all.push(Attempt { by: "server", bundle: copy.pack(), keys: Some(keys), witnessed: broken(&copy, true) });
    all
}

/// What a reader with witnesses and kept checkpoints says to a log that is not the one he knows: the cosignatures do not hold, and
/// the first kept checkpoint behind the change names the stretch it lies in.
fn seal(copy: &Copy, corpus: &Corpus) -> Vec<Refusal> {
    let pairs = copy.leaves.iter().zip(&corpus.copy.leaves);
    let same = pairs.take_while(|(a, b)| a == b).count();
    let kept = corpus.kept_sizes.iter().find(|size| **size > same && **size <= copy.leaves.len());
    let kept = kept.map(|size| format!("the first {size} leaves"));
    [("witness", "checkpoint".to_owned())].into_iter().chain(kept.map(|place| ("kept", place))).collect()
}

/// Decodes a content, changes it, and encodes it again.
pub fn decoded(kind: protocol::Kind, change: impl Fn(&mut Content, &Corpus) + Sync + Send + 'static) -> Bytes<'static> {
    Box::new(move |bytes, corpus| {
        let mut content = Content::decode(kind, bytes).unwrap();
        change(&mut content, corpus);
        content.encode().unwrap()
    })
}

/// The whole list.
pub fn all(corpus: &Corpus) -> Vec<Kind> {
    [
        readings::kinds(corpus),
        headers::kinds(corpus),
        order::kinds(corpus),
        statements::kinds(corpus),
        report::kinds(corpus),
        checkpoint::kinds(),
        archive::kinds(corpus),
        stolen::kinds(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
