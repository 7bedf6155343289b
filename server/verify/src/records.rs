//! Steps 3 to 5 over the records, entry bundle by entry bundle: read and checked on all threads, taken in order on one.
//!
//! Constraints
//! 1. Which key counts for a record depends on the records before it. The threads check against the key that was known when
//!    they began; where another one counts in the end, the signature is checked again.
//! 2. Held at a time are a few entry bundles with their contents decoded, of each at most as much as [`DECODED_MAX`] readings
//!    take — events, gaps and tables count too; what is more is decoded again when it is its turn.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::{Arc, PoisonError, RwLock};

use protocol::content::Excerpt;
use protocol::{Content, Digest, Kind, Leaf, LeafBody, PreparedKey, PublicKey, Signature, record::RECORD_DOMAIN};

use crate::archive::Bundle;
use crate::chain::{Announced, Chains, key_of};
use crate::contents::{Beside, Contents, Declared};
use crate::recompute::Recomputation;
use crate::{Finding, Progress, Settings, parallel};

/// What waits decoded of one entry bundle, in readings ([`Beside::weight`]).
const DECODED_MAX: u64 = 1 << 18;
/// Gateways whose keys are prepared: what a bundle states must not decide how much is held.
const PREPARED_MAX: usize = 64;

/// A leaf with what one thread found out about it alone.
struct Checked {
    leaf: Leaf,
    beside: Option<Beside>,
    /// The key its signature was checked with, and whether it holds.
    signed: Option<(PublicKey, bool)>,
}

struct Tile {
    first: u64,
    leaves: Vec<Checked>,
}

/// Keys prepared for the many records that each signed, at most [`PREPARED_MAX`] of them.
#[derive(Default)]
pub(crate) struct Keys(RwLock<BTreeMap<[u8; 32], Arc<PreparedKey>>>);

impl Keys {
    fn prepared(&self, key: &PublicKey) -> Option<Arc<PreparedKey>> {
        let name = key.to_bytes();
        let keys = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if keys.len() >= PREPARED_MAX || keys.contains_key(&name) {
            return keys.get(&name).cloned();
        }
        drop(keys);
        let mut keys = self.0.write().unwrap_or_else(PoisonError::into_inner);
        Some(keys.entry(name).or_insert_with(|| Arc::new(PreparedKey::new(key))).clone())
    }

    /// Whether the signature of a record holds under a key.
    pub(crate) fn is_signed(&self, leaf: &Leaf, key: &PublicKey) -> bool {
        self.are_signed(&[leaf], key) == [true]
    }

    /// Of each of some records whether its signature holds under a key.
    fn are_signed(&self, leaves: &[&Leaf], key: &PublicKey) -> Vec<bool> {
        let Some(prepared) = self.prepared(key) else {
            let holds =
                |(message, signature): (&[u8], &Signature)| key.verify("record", RECORD_DOMAIN, message, signature);
            return leaves.iter().map(|leaf| signed_part(leaf).is_some_and(|part| holds(part).is_ok())).collect();
        };
        let parts: Vec<_> = leaves.iter().filter_map(|leaf| signed_part(leaf)).collect();
        let mut holds = prepared.verify_all(RECORD_DOMAIN, &parts).into_iter();
        leaves.iter().map(|leaf| signed_part(leaf).is_some() && holds.next() == Some(true)).collect()
    }
}

/// What was signed of a leaf, and how.
fn signed_part(leaf: &Leaf) -> Option<(&[u8], &Signature)> {
    match &leaf.body {
        LeafBody::Record { header_bytes, signature, .. } | LeafBody::Quarantine { header_bytes, signature, .. } => {
            Some((header_bytes, signature))
        }
        _ => None,
    }
}

/// What the threads may know of the records before theirs.
#[derive(Default, Clone, PartialEq)]
struct Known {
    announced: Announced,
    /// By gateway and digest of a configuration: which tags of its table some machine reads.
    tables: BTreeMap<(String, Digest), Arc<Vec<bool>>>,
}

fn read(bundle: &Bundle<'_>, declared: &Declared, keys: &Keys, known: &Known, i: usize) -> Result<Tile, String> {
    let (first, leaves) = bundle.leaves.tile(&bundle.archive, i)?;
    let mut held = 0;
    let check = |leaf: Leaf| -> Result<Checked, String> {
        let (LeafBody::Record { header, .. } | LeafBody::Quarantine { header, .. }) = &leaf.body else {
            return Ok(Checked { leaf, beside: None, signed: None });
        };
        // Of a table that is not known yet, everything is read.
        let table = known.tables.get(&(header.gateway.to_string(), header.configuration));
        let keep = |tag: u32| table.is_none_or(|table| table.get(tag as usize) == Some(&true));
        let mut beside = Beside::read(&bundle.archive, header, &keep).map_err(|e| e.to_string())?;
        if let Some(beside) = &mut beside {
            let weight = beside.weight();
            held += weight;
            if held > DECODED_MAX && weight > 0 {
                held -= weight;
                beside.drop_content();
            }
        }
        Ok(Checked { leaf, beside, signed: None })
    };
    let leaves = leaves.into_iter().map(check).collect::<Result<_, _>>()?;
    let mut tile = Tile { first, leaves };
    tile.check_signatures(declared, keys, &known.announced);
    Ok(tile)
}

impl Tile {
    /// Checks each signature with the key its gateway is known to have, those of one key together.
    fn check_signatures(&mut self, declared: &Declared, keys: &Keys, announced: &Announced) {
        let key = |(index, checked): (u64, &Checked)| {
            let (LeafBody::Record { header, .. } | LeafBody::Quarantine { header, .. }) = &checked.leaf.body else {
                return None;
            };
            Some(key_of(declared, announced, index, header.gateway.as_str())?.0)
        };
        let mut of_key: Vec<(PublicKey, Vec<usize>)> = Vec::new();
        for (at, key) in (self.first..).zip(&self.leaves).map(key).enumerate() {
            let Some(key) = key else { continue };
            match of_key.iter_mut().find(|(with, _)| *with == key) {
                Some((_, places)) => places.push(at),
                None => of_key.push((key, vec![at])),
            }
        }
        for (key, places) in of_key {
            let leaves: Vec<&Leaf> = places.iter().filter_map(|at| Some(&self.leaves.get(*at)?.leaf)).collect();
            for (at, holds) in places.iter().zip(keys.are_signed(&leaves, &key)) {
                if let Some(checked) = self.leaves.get_mut(*at) {
                    checked.signed = Some((key, holds));
                }
            }
        }
    }
}

/// Walks along the log. The error is a finding when the bundle could not be read to its end.
pub(crate) fn check(
    bundle: &Bundle<'_>,
    declared: &Declared,
    settings: &Settings<'_>,
    contents: &mut Contents,
    chains: &mut Chains<'_>,
    recomputation: &mut Recomputation,
) -> Result<(), Finding> {
    let known: RwLock<Arc<Known>> = RwLock::default();
    let keys = chains.keys;
    let used = recomputation.tags_used(declared);
    let (mut trouble, mut done) = (None, 0);
    let work = |i: usize| {
        let known = known.read().unwrap_or_else(PoisonError::into_inner).clone();
        read(bundle, declared, keys, &known, i)
    };
    let take = |result: Result<Tile, String>| {
        let tile = match result {
            Ok(tile) => tile,
            Err(why) => {
                trouble = Some(cut_short(&why));
                return ControlFlow::Break(());
            }
        };
        for (index, checked) in (tile.first..).zip(&tile.leaves) {
            let Checked { leaf, beside, signed } = checked;
            let mut content = beside.as_ref().and_then(|b| b.content.as_ref());
            if let LeafBody::Record { header, .. } | LeafBody::Quarantine { header, .. } = &leaf.body {
                contents.record(index, leaf, header, beside.as_ref());
            }
            // What was let go of is read again: a chain goes by everything but readings.
            let again: Option<Excerpt>;
            let is_needed = recomputation.goes_on()
                || matches!(&leaf.body, LeafBody::Record { header, .. } if header.kind != Kind::Batch);
            if is_needed && content.is_none() && beside.as_ref().is_some_and(|b| b.is_dropped) {
                again = match read_again(bundle, leaf) {
                    Ok(again) => again,
                    Err(why) => {
                        trouble = Some(cut_short(&why));
                        return ControlFlow::Break(());
                    }
                };
                content = again.as_ref();
            }
            chains.leaf(index, leaf, content, *signed);
            if contents.is_refused() || chains.is_refused() {
                recomputation.stop();
            }
            recomputation.leaf(index, leaf, content);
        }
        learn(&known, &tile, &chains.announced, &used);
        done += 1;
        settings.tell(Progress::Records, done, bundle.leaves.tiles());
        ControlFlow::Continue(())
    };
    parallel::in_order(settings.threads, bundle.leaves.tiles(), work, take);
    trouble.map_or(Ok(()), Err)
}

/// Tells the threads what an entry bundle said of keys and configurations.
fn learn(known: &RwLock<Arc<Known>>, tile: &Tile, announced: &Announced, used: &BTreeSet<(String, String)>) {
    let mut now = known.read().unwrap_or_else(PoisonError::into_inner).clone();
    if now.announced != *announced {
        Arc::make_mut(&mut now).announced.clone_from(announced);
    }
    for checked in &tile.leaves {
        let content = checked.beside.as_ref().and_then(|beside| beside.content.as_ref());
        if let (LeafBody::Record { header, .. }, Some(Excerpt::Whole(Content::Configuration(configuration)))) =
            (&checked.leaf.body, content)
        {
            let gateway = header.gateway.to_string();
            let table = configuration.tags.iter().map(|tag| used.contains(&(gateway.clone(), tag.id.to_string())));
            let table = Arc::new(table.collect());
            Arc::make_mut(&mut now).tables.insert((gateway, header.content_digest), table);
        }
    }
    *known.write().unwrap_or_else(PoisonError::into_inner) = now;
}

/// The content of a record that was not held; `None` when there is none that is the record's. The error is the disk's, or a file's that
/// changed in between.
pub(crate) fn read_again(bundle: &Bundle<'_>, leaf: &Leaf) -> Result<Option<Excerpt>, String> {
    let LeafBody::Record { header, .. } = &leaf.body else { return Ok(None) };
    let bytes = bundle.archive.content(&header.content_digest).map_err(|e| e.to_string())?;
    let bytes = bytes.filter(|bytes| protocol::sha256(bytes) == header.content_digest);
    Ok(bytes.and_then(|bytes| Excerpt::read(header.kind, &bytes, &|_| true).ok()))
}

fn cut_short(why: &str) -> Finding {
    let (zh, en) = (format!("读取中断（{why}）"), format!("it could not be read to its end ({why})"));
    Finding::refused("archive", "", zh, en)
}

#[cfg(test)]
mod tests;
