//! Where the chain goes on after a start: what the newest durable records say. Pure but for the reads it is given.
//!
//! Constraints:
//! 1. A chain is only continued when nothing behind its newest record was lost; otherwise two different records could carry one
//!    sequence number, and the second would look like a clone. See [`crate::buffer::Recovery::tail_cut`].
//! 2. What the stop of the run before cost is stated in the new run, per tag, from its last sealed reading, with the true cause:
//!    the same boot id means that only the process ended, another one that power or kernel did; a closing record means that
//!    somebody stopped it.
//! 3. No state of its own on disk: the records are the truth. (`boot.json` only tells "never had a chain" from "lost it".)

use std::collections::HashMap;

use protocol::{
    BootId, ChainId, ChainStartCause, Configuration, Content, Digest, GapCause, GapStart, Kind, Record, TagId,
};

use crate::buffer::{Entry, Recovery};

/// Records looked back for the last reading of every tag: an hour at the default seal interval.
const LOOK_BACK_MAX: usize = 360;

/// Records looked back for the tag table, when the configuration changed.
const TABLE_LOOK_BACK_MAX: usize = 5_000;

/// The event word in the batch that closes a run.
pub const STOPPING: &str = "stopping";

/// What the next record needs to know of those before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainState {
    /// Which chain.
    pub chain: ChainId,
    /// Sequence of the next record.
    pub sequence: u64,
    /// Digest of the record before it.
    pub previous: Digest,
    /// Content digest of the configuration in force.
    pub configuration: Digest,
}

/// A chain and the positions of the buffer it occupies: record `s` lies at `first_position + s`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Which chain.
    pub chain: ChainId,
    /// Position of its record 0 (which may be trimmed).
    pub first_position: u64,
    /// Position after its last record; `None` for the one that still grows.
    pub end_position: Option<u64>,
}

/// How the next record begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Start {
    /// The next record of the newest chain.
    Continue(ChainState),
    /// A ChainStart in a new chain.
    New {
        /// Why.
        cause: ChainStartCause,
        /// The chain before: last known sequence and digest.
        old: Option<(ChainId, u64, Digest)>,
    },
}

/// The gap that the stop of the run before left, per tag name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StopGap {
    /// Why the run before ended.
    pub cause: GapCause,
    /// Where each tag's gap begins.
    pub from: HashMap<TagId, GapStart>,
}

/// Everything a new run learns from the buffer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resume {
    /// How to begin.
    pub start: Start,
    /// Chains that have records in the buffer, oldest first.
    pub spans: Vec<Span>,
    /// The last record of the chain before the oldest span, as that chain's start names it.
    pub before: Option<(ChainId, u64, Digest)>,
    /// What the stop cost; `None` at the very first start.
    pub stop: Option<StopGap>,
}

/// Reads back what is needed to go on.
///
/// `had_chain`: this gateway is known to have had a chain. `current`: the configuration of the new run.
pub fn resume(
    recovery: &Recovery,
    had_chain: bool,
    boot_id: BootId,
    current: &Configuration,
    mut read: impl FnMut(u64) -> Entry,
) -> Resume {
    let Some((newest_position, newest)) = newest_record(recovery.next_position, &mut read) else {
        let cause = if had_chain || recovery.next_position > 0 || recovery.tail_cut {
            ChainStartCause::BufferLost
        } else {
            ChainStartCause::First
        };
        return Resume { start: Start::New { cause, old: None }, spans: Vec::new(), before: None, stop: None };
    };
    let header = newest.header();
    let (spans, before) = spans(newest_position, &newest, &mut read);
    let start = if recovery.tail_cut || newest_position + 1 != recovery.next_position {
        let old = Some((header.chain, header.sequence, newest.digest()));
        Start::New { cause: ChainStartCause::TailDamaged, old }
    } else {
        Start::Continue(ChainState {
            chain: header.chain,
            sequence: header.sequence + 1,
            previous: newest.digest(),
            configuration: configuration_in_force(&newest),
        })
    };
    let stop = stop_gap(newest_position, &newest, boot_id, current, &mut read);
    Resume { start, spans, before, stop: Some(stop) }
}

/// The configuration that holds after `record`.
#[must_use]
pub fn configuration_in_force(record: &Record) -> Digest {
    let header = record.header();
    if header.kind == Kind::Configuration { header.content_digest } else { header.configuration }
}

fn newest_record(end: u64, read: &mut impl FnMut(u64) -> Entry) -> Option<(u64, Record)> {
    let mut position = end.checked_sub(1)?;
    loop {
        match read(position) {
            Entry::Present(bytes) => {
                if let Ok(record) = Record::decode(&bytes) {
                    return Some((position, record));
                }
                position = position.checked_sub(1)?;
            }
            Entry::Damaged(_) => position = position.checked_sub(1)?,
            Entry::Trimmed | Entry::NotYet => return None,
        }
    }
}

fn spans(
    newest_position: u64,
    newest: &Record,
    read: &mut impl FnMut(u64) -> Entry,
) -> (Vec<Span>, Option<(ChainId, u64, Digest)>) {
    let mut spans = Vec::new();
    let mut end_position = None;
    let mut at = Some((newest_position, newest.clone()));
    let mut before = None;
    while let Some((position, record)) = at.take() {
        let header = record.header();
        let Some(first_position) = position.checked_sub(header.sequence) else { break };
        spans.push(Span { chain: header.chain, first_position, end_position });
        before = chain_start_old(read(first_position));
        end_position = Some(first_position);
        if first_position > 0 {
            at = newest_record(first_position, read);
        }
    }
    spans.reverse();
    (spans, before)
}

fn chain_start_old(entry: Entry) -> Option<(ChainId, u64, Digest)> {
    let Entry::Present(bytes) = entry else { return None };
    match Record::decode(&bytes).ok()?.content().ok()? {
        Content::ChainStart(start) => start.old,
        _ => None,
    }
}

fn stop_gap(
    newest_position: u64,
    newest: &Record,
    boot_id: BootId,
    current: &Configuration,
    read: &mut impl FnMut(u64) -> Entry,
) -> StopGap {
    let old_boot = newest.header().clock.boot_id;
    let closed = matches!(newest.content(), Ok(Content::Batch(batch))
        if batch.events.iter().any(|event| &*event.kind == STOPPING));
    let cause = if closed {
        GapCause::Planned
    } else if old_boot == boot_id {
        GapCause::ProcessKilled
    } else {
        GapCause::UncleanBoot
    };
    let boot = (old_boot != boot_id).then_some(old_boot);
    let mut from = HashMap::new();
    let Some(names) = tag_table(newest_position, newest, current, read) else {
        // Without the old tag table nobody knows which index was which: every tag, from the newest reading.
        let start = GapStart { boot, boot_ms: newest.header().last_ms };
        from.extend(current.tags.iter().map(|tag| (tag.id.clone(), start)));
        return StopGap { cause, from };
    };
    let table = configuration_in_force(newest);
    let mut last: Vec<Option<i64>> = vec![None; names.len()];
    let mut missing = names.len();
    let mut earliest = newest.header().last_ms;
    let mut position = Some(newest_position);
    for _ in 0..LOOK_BACK_MAX {
        let Some(at) = position else { break };
        position = at.checked_sub(1);
        let Entry::Present(bytes) = read(at) else { continue };
        let Ok(record) = Record::decode(&bytes) else { continue };
        let header = record.header();
        if header.clock.boot_id != old_boot || (header.kind == Kind::Batch && header.configuration != table) {
            break;
        }
        let Ok(Content::Batch(batch)) = record.content() else { continue };
        earliest = header.first_ms;
        let readings = batch.columns.iter().filter_map(|column| Some((column.tag, *column.times.last()?)));
        let gaps = batch.gaps.iter().filter_map(|gap| Some((gap.tag?, gap.to_boot_ms)));
        let mut here: HashMap<u32, i64> = HashMap::new();
        for (tag, boot_ms) in readings.chain(gaps) {
            here.entry(tag).and_modify(|newest| *newest = boot_ms.max(*newest)).or_insert(boot_ms);
        }
        for (tag, boot_ms) in here {
            if let Some(slot @ None) = last.get_mut(tag as usize) {
                *slot = Some(boot_ms);
                missing -= 1;
            }
        }
        if missing == 0 {
            break;
        }
    }
    for (name, boot_ms) in names.into_iter().zip(last) {
        from.insert(name, GapStart { boot, boot_ms: boot_ms.unwrap_or(earliest) });
    }
    StopGap { cause, from }
}

/// The tag names that the newest batch's indexes mean.
fn tag_table(
    newest_position: u64,
    newest: &Record,
    current: &Configuration,
    read: &mut impl FnMut(u64) -> Entry,
) -> Option<Vec<TagId>> {
    let wanted = configuration_in_force(newest);
    let names = |configuration: &Configuration| configuration.tags.iter().map(|tag| tag.id.clone()).collect();
    let encoded = Content::Configuration(current.clone()).encode().ok()?;
    if protocol::sha256(&encoded) == wanted {
        return Some(names(current));
    }
    let mut position = Some(newest_position);
    for _ in 0..TABLE_LOOK_BACK_MAX {
        let at = position?;
        position = at.checked_sub(1);
        match read(at) {
            Entry::Present(bytes) => {
                let Ok(record) = Record::decode(&bytes) else { continue };
                if record.header().kind == Kind::Configuration && record.header().content_digest == wanted {
                    let Ok(Content::Configuration(old)) = record.content() else { return None };
                    return Some(names(&old));
                }
            }
            Entry::Damaged(_) => {}
            Entry::Trimmed | Entry::NotYet => return None,
        }
    }
    None
}

#[cfg(test)]
mod tests;
