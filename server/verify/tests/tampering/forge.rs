//! What an attacker does with a bundle: he takes it apart, changes what he likes, and puts it together again so that every
//! checksum, length and root fits. Only keys are in his way.

use std::collections::{BTreeMap, BTreeSet};

use metrics::deviation::{Measured, measure};
use metrics::onsite::{self, Found};
use metrics::{History, ReportRequest, evaluate};
use protocol::bundle::{self, Files};
use protocol::cosignature::cosign;
use protocol::note::Checkpoint;
use protocol::{Content, Declaration, Digest, Header, Kind, Leaf, LeafBody, SecretKey, Signature, sha256, tree};
use serde_json::{Value as Json, json};

use super::corpus::{PLAN, SERVER, request};
use super::said::CHECK;
use super::site::locked;
use crate::fixture::SITE;

/// A bundle, taken apart.
#[derive(Clone, Default)]
pub struct Copy {
    /// Every leaf, as the tree hashes it.
    pub leaves: Vec<Vec<u8>>,
    /// Contents under the names they have in the archive.
    pub contents: BTreeMap<Digest, Vec<u8>>,
    /// The checkpoint with its signatures.
    pub note: String,
    pub report: Vec<u8>,
    /// Documents beside the report, by path: what a person reads.
    pub documents: Files,
    /// Packed without readings.
    pub is_light: bool,
}

impl Copy {
    pub fn leaf(&self, i: usize) -> Leaf {
        Leaf::decode(&self.leaves[i]).unwrap()
    }

    pub fn set(&mut self, i: usize, leaf: &Leaf) {
        self.leaves[i] = leaf.encode().unwrap();
    }

    /// The header, its exact bytes and the signature of a record.
    pub fn record(&self, i: usize) -> (Header, Vec<u8>, Signature) {
        match self.leaf(i).body {
            LeafBody::Record { header, header_bytes, signature }
            | LeafBody::Quarantine { header, header_bytes, signature } => (header, header_bytes, signature),
            other => panic!("leaf {i} is no record: {other:?}"),
        }
    }

    /// Leaves of records of a kind, in order.
    pub fn records(&self, gateway: &str, kind: Kind) -> Vec<usize> {
        let is_one = |i: &usize| matches!(self.leaf(*i).body, LeafBody::Record { header, .. } if header.gateway.as_str() == gateway && header.kind == kind);
        (0..self.leaves.len()).filter(is_one).collect()
    }

    /// Leaves of declarations of a kind, in order.
    pub fn stated(&self, kind: &str) -> Vec<usize> {
        let is_one =
            |i: &usize| matches!(self.leaf(*i).body, LeafBody::Declaration { kind: found, .. } if found == kind);
        (0..self.leaves.len()).filter(is_one).collect()
    }

    pub fn declaration(&self, i: usize) -> Declaration {
        Declaration::decode(&self.contents[&self.leaf(i).content_digest().unwrap()]).unwrap()
    }

    /// Puts another statement in the place of one, its leaf made to fit.
    pub fn restate(&mut self, i: usize, declaration: &Declaration) {
        let (received_ms, bytes) = (self.leaf(i).received_ms, declaration.encode().unwrap());
        self.set(i, &Leaf::declaration(received_ms, &declaration.kind, &bytes));
        self.contents.insert(sha256(&bytes), bytes);
    }

    /// Puts another content in the place of a record's: its header and leaf are made to fit, its signature cannot be.
    pub fn refill(&mut self, i: usize, bytes: &[u8]) {
        let (mut header, _, _) = self.record(i);
        (header.content_digest, header.content_length) = (sha256(bytes), bytes.len() as u32);
        if let Ok(Content::Batch(batch)) = Content::decode(header.kind, bytes) {
            header.readings = batch.len() as u32;
        }
        self.contents.insert(header.content_digest, bytes.to_vec());
        self.rehead(i, header);
    }

    /// Puts another header in the place of a record's, under the signature that was there.
    pub fn rehead(&mut self, i: usize, header: Header) {
        let (received_ms, (_, _, signature)) = (self.leaf(i).received_ms, self.record(i));
        let header_bytes = header.encode().unwrap();
        self.set(i, &Leaf { received_ms, body: LeafBody::Record { header, header_bytes, signature } });
    }

    /// Size and root over the first leaves.
    pub fn head(&self, leaves: usize) -> Checkpoint {
        let hashes: Vec<Digest> = self.leaves[..leaves].iter().map(|leaf| tree::leaf_hash(leaf)).collect();
        Checkpoint { origin: format!("{SERVER}/{SITE}"), size: leaves as u64, root: tree::root(&hashes) }
    }

    /// The signed checkpoint over the first leaves, as the server made it then.
    pub fn checkpoint(&self, leaves: usize, key: &SecretKey) -> String {
        self.head(leaves).sign(SERVER, key).unwrap()
    }

    pub fn cosign(&mut self, witness: &str, key: &SecretKey, seconds: u64) {
        let line = cosign(self.text(), witness, key, seconds).unwrap();
        self.note += &line;
    }

    /// The checkpoint without its signatures.
    pub fn text(&self) -> &str {
        &self.note[..=self.note.find("\n\n").unwrap()]
    }

    /// The signature lines of the checkpoint: the log's, then those of witnesses.
    pub fn lines(&self) -> Vec<String> {
        self.note[self.note.find("\n\n").unwrap() + 2..].lines().map(|line| format!("{line}\n")).collect()
    }

    /// What the first leaves say; `None` when they cannot be read.
    pub fn history(&self, leaves: usize) -> Option<History> {
        let mut history = History::new();
        for (i, bytes) in self.leaves.get(..leaves)?.iter().enumerate() {
            let leaf = Leaf::decode(bytes).ok()?;
            let content = leaf.content_digest().and_then(|digest| self.contents.get(&digest));
            history.push(i as u64, &leaf, content.map(Vec::as_slice)).ok()?;
        }
        Some(history)
    }

    /// The report over a request, computed from these leaves and contents.
    pub fn evaluated(&self, request: &ReportRequest) -> Option<Vec<u8>> {
        let history = self.history(usize::try_from(request.size).ok()?)?;
        evaluate(&history, request).ok()?.to_json().ok()
    }

    /// Appends that this report was issued.
    pub fn issue(&mut self, at_ms: i64) {
        let documents: BTreeMap<&str, String> =
            self.documents.iter().map(|(path, bytes)| (path.as_str(), sha256(bytes).to_string())).collect();
        let body = json!({"documents": documents, "size": self.leaves.len(), "plan": PLAN, "report": sha256(&self.report).to_string(), "definitions": [], "bundle": "b.zip"});
        let (kind, author, role) = ("report_issued", "server".into(), "server".into());
        let issue = Declaration { kind: kind.into(), effective_from: at_ms, author, role, reason: "".into(), body };
        let bytes = issue.encode().unwrap();
        self.leaves.push(Leaf::declaration(at_ms, kind, &bytes).encode().unwrap());
        self.contents.insert(sha256(&bytes), bytes);
    }

    /// The log says that the report as it is now was issued.
    pub fn reissue(&mut self) {
        if let Some(leaf) = self.stated("report_issued").pop() {
            let mut issue = self.declaration(leaf);
            issue.body["report"] = json!(sha256(&self.report).to_string());
            self.restate(leaf, &issue);
        }
    }

    /// Makes lock, report and issue say what the changed log gives, as far as it gives anything. `own` is the kind of statement that
    /// the attacker words himself.
    pub fn recompute(&mut self, own: &str) {
        if (0..self.leaves.len()).any(|i| Leaf::decode(&self.leaves[i]).is_err()) {
            return;
        }
        if let Some(leaf) = self.stated("baseline_lock").pop().filter(|_| own != "baseline_lock") {
            let received_ms = self.leaf(leaf).received_ms;
            let lock = self.history(leaf).and_then(|history| locked(&history, received_ms));
            if let (Some(lock), mut declaration) = (lock, self.declaration(leaf)) {
                declaration.body = lock;
                self.restate(leaf, &declaration);
            }
        }
        self.recheck(own);
        self.remeasure(own);
        let Some(issue) = self.stated("report_issued").pop().filter(|_| own != "report_issued") else { return };
        if let Some(report) = self.evaluated(&request(issue as u64)) {
            self.report = report;
            self.reissue();
        }
    }

    /// Makes the results of the on-site check say what the log gives, each of the act of its kind, and confirmations seal it.
    pub fn recheck(&mut self, own: &str) {
        let acts = ["onsite_check", "onsite_press", "onsite_face", "onsite_plate"].map(|kind| self.stated(kind));
        let mut acts: Vec<usize> = acts.into_iter().filter_map(|of| of.first().copied()).collect();
        acts.sort_unstable();
        for leaf in self.stated("onsite_result").into_iter().filter(|_| own != "onsite_result") {
            let mut result = self.declaration(leaf);
            let Some(history) = self.history(leaf) else { return };
            let was = result.body["found"].as_object().and_then(|found| found.keys().next().cloned());
            let kind = match was.as_deref() {
                Some("draw") => Some("onsite_check"),
                Some("state") => Some("onsite_press"),
                Some("meter") => Some("onsite_face"),
                Some("plate") => Some("onsite_plate"),
                _ => None,
            };
            let named = result.body["of"].as_u64().map(|of| of as usize).filter(|_| kind.is_none());
            let of = named.or_else(|| self.stated(kind?).first().copied()).filter(|of| *of < leaf && acts.contains(of));
            let found = of.and_then(|of| {
                let root = self.head(of + 1).root;
                let drawn =
                    onsite::draw(history.statements(), CHECK, of as u64, &root).map(|draw| (of + 1, Found::Draw(draw)));
                drawn.or_else(|| Some((leaf, onsite::evaluate(&history, CHECK, of as u64).ok()?)))
            });
            if let Some(of) = of {
                result.body["of"] = json!(of);
            }
            match found {
                Some((size, found)) => (result.body["size"], result.body["found"]) = (json!(size), json!(found)),
                None => {
                    ["size", "found"].iter().for_each(|key| drop(result.body.as_object_mut().unwrap().remove(*key)))
                }
            }
            self.restate(leaf, &result);
        }
        for leaf in self.stated("onsite_confirmed").into_iter().filter(|_| own != "onsite_confirmed") {
            let (mut confirmed, history) = (self.declaration(leaf), self.history(leaf));
            let Some(history) = history else { return };
            let (through, digest) = onsite::seal(history.statements().onsite(CHECK), u64::MAX);
            (confirmed.body["through"], confirmed.body["digest"]) = (json!(through), json!(digest.hex()));
            self.restate(leaf, &confirmed);
        }
    }

    /// Makes the figures of the deviation say what the log gives, where everything they rest on is handed over.
    fn remeasure(&mut self, own: &str) {
        let is_here = |i: usize| self.leaf(i).content_digest().is_none_or(|digest| self.contents.contains_key(&digest));
        if !(0..self.leaves.len()).all(is_here) {
            return;
        }
        for kind in ["deviation_notice", "deviation_remeasured"].into_iter().filter(|kind| *kind != own) {
            for leaf in self.stated(kind) {
                let mut stated = self.declaration(leaf);
                let was: Measured = serde_json::from_value(stated.body["measured"].clone()).unwrap();
                let Some(history) = self.history(was.size as usize) else { return };
                let Some(target) = history.statements().promised("f1", "oee", leaf as u64).pop() else { continue };
                let until_ms = history.until_ms(stated.effective_from);
                let measured = measure(&history, &target, &was.machines, was.window, until_ms).unwrap();
                stated.body["measured"] = json!(measured);
                self.restate(leaf, &stated);
            }
        }
    }

    /// Leaves no content behind that no leaf names.
    pub fn tidy(&mut self) {
        let named: BTreeSet<Digest> =
            self.leaves.iter().filter_map(|leaf| Leaf::decode(leaf).ok()?.content_digest()).collect();
        self.contents.retain(|digest, _| named.contains(digest));
    }

    /// The checkpoint gets size and root of the leaves there are, under the signatures it had.
    pub fn fit(&mut self) {
        self.note = format!("{}\n{}", self.head(self.leaves.len()).text(), self.lines().concat());
    }

    /// The same with the log's key; the witnesses' lines are those of before.
    pub fn sign(&mut self, key: &SecretKey) {
        let cosignatures: String = self.lines().into_iter().skip(1).collect();
        self.note = self.checkpoint(self.leaves.len(), key) + &cosignatures;
    }

    /// Contents of batches, quarantined ones too.
    fn readings(&self) -> BTreeSet<Digest> {
        let digest = |bytes: &Vec<u8>| match Leaf::decode(bytes).ok()?.body {
            LeafBody::Record { header, .. } | LeafBody::Quarantine { header, .. } if header.kind == Kind::Batch => {
                Some(header.content_digest)
            }
            _ => None,
        };
        self.leaves.iter().filter_map(digest).collect()
    }

    /// Every file but the manifest.
    pub fn files(&self) -> Files {
        let mut files = self.documents.clone();
        files.insert("checkpoint".into(), self.note.clone().into_bytes());
        files.insert("report.json".into(), self.report.clone());
        files.insert("README.md".into(), b"# A bundle\n".to_vec());
        let left_out = if self.is_light { self.readings() } else { BTreeSet::new() };
        for (digest, content) in self.contents.iter().filter(|(digest, _)| !left_out.contains(*digest)) {
            files.insert(format!("contents/{digest}"), content.clone());
        }
        let tiles = tree::entries_paths(self.leaves.len() as u64);
        for ((path, _), leaves) in tiles.into_iter().zip(self.leaves.chunks(tree::TILE_WIDTH as usize)) {
            files.insert(path, tree::encode_entries(leaves.iter().map(Vec::as_slice)).unwrap());
        }
        files
    }

    /// The bundle, with a manifest that fits.
    pub fn pack(&self) -> Vec<u8> {
        pack(&self.files())
    }
}

/// Packs files with a manifest that fits them, in the name of the log that the checkpoint names.
pub fn pack(files: &Files) -> Vec<u8> {
    let note = files.get("checkpoint").map(|note| String::from_utf8_lossy(note).into_owned()).unwrap_or_default();
    let head = Checkpoint::read_unverified(&note);
    let (origin, size) = head.map_or_else(|_| (format!("{SERVER}/{SITE}"), 0), |head| (head.origin, head.size));
    bundle::write(SITE, &origin, size, files).unwrap()
}

/// A value of the same type that is not the value.
pub fn other(value: &Json) -> Json {
    match value {
        Json::Null => json!("0.000000"),
        Json::Bool(is) => json!(!is),
        Json::Number(n) => json!(n.as_i64().unwrap() + 1),
        Json::String(text) => match text.char_indices().rev().find(|(_, c)| c.is_ascii_digit()) {
            Some((at, '9')) => json!(format!("{}8{}", &text[..at], &text[at + 1..])),
            Some((at, c)) => {
                json!(format!("{}{}{}", &text[..at], char::from(c as u8 + 1), &text[at + 1..]))
            }
            None => json!(format!("{text}x")),
        },
        Json::Array(_) | Json::Object(_) => json!(null),
    }
}
