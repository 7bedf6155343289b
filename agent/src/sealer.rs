//! Turns what sources say into signed records of one chain. Pure: time and key come from outside, records go back to the caller.
//!
//! Constraints:
//! 1. **One writer, one chain.** A record is numbered when it is sealed, and the number is only used up once the buffer made it
//!    durable ([`Sealer::committed`]). Until then the same bytes are offered again, never others under the same number.
//! 2. **A reading is at risk from its observation until the buffer synced it**: at most one seal interval (10 s).
//! 3. Sealed by time, by size, by a change of an alarm tag, at shutdown. A batch that would exceed 256 KiB is split.
//! 4. **When the buffer takes no more, nothing more is accepted**: from then on every tag has a gap (`BufferFull`, or `Damaged` when
//!    the storage failed) from its last accepted reading to its first one afterwards. What was accepted before is kept and offered again.
//! 5. Gaps that run across a seal are told in pieces, so a kill never leaves an unexplained stretch.
//! 6. The first record of a chain is its ChainStart; a Configuration follows whenever the one in force differs.

use std::sync::Arc;

use protocol::content::{Column, Columns, READINGS_MAX};
use protocol::record::CONTENT_MAX;
use protocol::{
    Batch, BootId, ChainId, ChainStart, ChainStartCause, Clock, Configuration, Content, Digest, Event, Gap, GapCause,
    GapStart, GatewayId, Header, Reading, Record, SecretKey, ServerAnchor, SiteId, SyncState, Value,
};

use crate::chain::{ChainState, STOPPING, Start, StopGap};
use crate::clock::{self, ClockChange, ClockReading};
use crate::event::SourceEvent;

mod repeat;

pub use repeat::Repeat;

/// Readings in one batch before it is sealed early; bounds memory at 10,000 tags a second.
const READINGS_SEAL_MAX: usize = 100_000;

/// Estimated content bytes at which a batch is sealed early.
const CONTENT_SEAL_BYTES: usize = CONTENT_MAX * 3 / 4;

/// Bytes a reading is assumed to take before any batch was sealed.
const READING_BYTES_FIRST: usize = 9;

/// Events kept while nothing can be sealed.
const EVENTS_MAX: usize = 4_096;

/// Bytes of an event's detail that are kept.
const DETAIL_BYTES_MAX: usize = 256;

/// Who signs.
#[derive(Debug, Clone)]
pub struct Signer {
    /// The site.
    pub site: SiteId,
    /// The gateway.
    pub gateway: GatewayId,
    /// Its key.
    pub key: SecretKey,
}

/// `[buffer] seal_ms` and the tags that must not wait for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// A batch is sealed at the latest this long after its first content, milliseconds.
    pub seal_ms: i64,
    /// By tag index: a change of the value seals at once.
    pub alarm: Vec<bool>,
}

/// Sealed records on their way to the disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// The records' bytes, in order.
    pub records: Vec<Vec<u8>>,
    after: ChainState,
    /// Holds what [`Sealer::refile`] was given.
    repeats: bool,
    /// By tag: the newest time these records account for.
    accounted: Vec<(u32, i64)>,
}

#[derive(Debug, Default)]
struct Open {
    readings: Columns,
    gaps: Vec<Gap>,
    events: Vec<Event>,
    text_bytes: usize,
    since_ms: Option<i64>,
    urgent: bool,
}

#[derive(Debug, Clone, Copy)]
struct Pending {
    from: GapStart,
    cause: GapCause,
}

/// The state machine.
#[derive(Debug)]
pub struct Sealer {
    signer: Signer,
    settings: Settings,
    configuration: Arc<Configuration>,
    configuration_content: Vec<u8>,
    configuration_digest: Digest,
    chain: ChainState,
    chain_start: Option<ChainStart>,
    open: Open,
    /// Sealed and not yet durable.
    sealed: Option<Sealed>,
    /// Why the buffer takes nothing, while it does.
    blocked: Option<GapCause>,
    /// By tag: up to here its time is accounted for by something accepted.
    accepted_ms: Vec<i64>,
    /// By tag: the same, durably.
    durable_ms: Vec<i64>,
    pending: Vec<Option<Pending>>,
    last_alarm_value: Vec<Option<Value>>,
    /// Content bytes per reading of the last batch, times 16.
    reading_bytes_16: usize,
    anchor: Option<ServerAnchor>,
    start_ms: i64,
    refiled: Vec<Repeat>,
}

impl Sealer {
    /// Begins a run. `fresh_chain` (random) is used only if a new chain starts.
    ///
    /// # Errors
    /// When the configuration cannot be encoded (too large, or not valid).
    pub fn new(
        signer: Signer,
        settings: Settings,
        configuration: Arc<Configuration>,
        start: &Start,
        stop: Option<&StopGap>,
        fresh_chain: ChainId,
        now: ClockReading,
    ) -> protocol::Result<Self> {
        let configuration_content = Content::Configuration(configuration.as_ref().clone()).encode()?;
        let tags = configuration.tags.len();
        let (chain, chain_start) = match start {
            Start::Continue(chain) => (chain.clone(), None),
            Start::New { cause, old } => new_chain(fresh_chain, *cause, *old),
        };
        let pending = configuration
            .tags
            .iter()
            .map(|tag| stop.and_then(|stop| Some(Pending { from: *stop.from.get(&tag.id)?, cause: stop.cause })))
            .collect();
        let mut sealer = Sealer {
            signer,
            settings,
            configuration,
            configuration_digest: protocol::sha256(&configuration_content),
            configuration_content,
            chain,
            chain_start,
            open: Open::default(),
            sealed: None,
            blocked: None,
            accepted_ms: vec![now.boot_ms; tags],
            durable_ms: vec![now.boot_ms; tags],
            pending,
            last_alarm_value: vec![None; tags],
            reading_bytes_16: READING_BYTES_FIRST * 16,
            anchor: None,
            start_ms: now.boot_ms,
            refiled: Vec::new(),
        };
        let detail = stop.map_or_else(String::new, |stop| format!("after {}", stop.cause.name()));
        sealer.event(now.boot_ms, "started", "", 0, &detail);
        Ok(sealer)
    }

    /// The chain as far as it is durable.
    pub fn chain(&self) -> &ChainState {
        &self.chain
    }

    /// True while the buffer takes nothing.
    pub fn is_blocked(&self) -> bool {
        self.blocked.is_some()
    }

    /// Notes a signed server time of this boot; it goes into every header from now on.
    pub fn anchor(&mut self, anchor: ServerAnchor) {
        // A newer, slightly worse one is better than an old one: clocks drift by up to 100 ppm.
        let drift = |old: &ServerAnchor| (anchor.boot_ms - old.boot_ms).max(0) / 10_000;
        let better = self.anchor.is_none_or(|old| i64::from(anchor.error_ms) <= i64::from(old.error_ms) + drift(&old));
        if better {
            self.anchor = Some(anchor);
        }
    }

    /// Takes what a source says.
    pub fn take(&mut self, event: SourceEvent) {
        match event {
            SourceEvent::Readings(readings) => {
                for reading in readings {
                    self.take_reading(Reading {
                        tag: reading.tag.0,
                        boot_ms: reading.boot_ms,
                        value: reading.value,
                        quality: reading.quality,
                        source_ms: reading.source_time_ms,
                    });
                }
            }
            SourceEvent::Gap { tag, from_boot_ms, to_boot_ms, cause } => {
                self.take_gap(tag.0, from_boot_ms, to_boot_ms, cause);
            }
            SourceEvent::Note { device, boot_ms, kind, value, text } => {
                let device = device.and_then(|device| self.configuration.devices.get(device.0 as usize));
                let subject = device.map_or_else(String::new, |device| device.id.to_string());
                self.event(boot_ms, kind.word(), &subject, value, &text);
            }
        }
    }

    fn take_reading(&mut self, reading: Reading) {
        let tag = reading.tag as usize;
        let Some(accepted_ms) = self.accepted_ms.get(tag).copied() else { return };
        if self.blocked.is_some() || self.open.readings.len() >= READINGS_MAX {
            self.refuse(tag, accepted_ms);
            return;
        }
        self.resolve(tag, reading.boot_ms);
        self.accepted_ms[tag] = accepted_ms.max(reading.boot_ms);
        if self.settings.alarm.get(tag).copied().unwrap_or(false) {
            let changed = self.last_alarm_value[tag].as_ref().is_some_and(|last| *last != reading.value);
            self.open.urgent |= changed;
            self.last_alarm_value[tag] = Some(reading.value.clone());
        }
        if let Value::Text(text) = &reading.value {
            self.open.text_bytes += text.len();
        }
        self.open.since_ms.get_or_insert(reading.boot_ms);
        self.open.readings.push(reading);
    }

    fn take_gap(&mut self, tag: u32, from_ms: i64, to_ms: i64, cause: GapCause) {
        let index = tag as usize;
        let Some(accepted_ms) = self.accepted_ms.get(index).copied() else { return };
        if self.blocked.is_some() {
            self.refuse(index, accepted_ms);
            return;
        }
        self.resolve(index, from_ms);
        if to_ms <= from_ms {
            return;
        }
        self.accepted_ms[index] = accepted_ms.max(to_ms);
        self.open.since_ms.get_or_insert(to_ms);
        let from = GapStart { boot: None, boot_ms: from_ms };
        self.open.gaps.push(Gap { tag: Some(tag), from, to_boot_ms: to_ms, cause });
    }

    /// Something arrived that cannot be kept: from the last accepted instant on there is a gap.
    fn refuse(&mut self, tag: usize, accepted_ms: i64) {
        let from = GapStart { boot: None, boot_ms: accepted_ms };
        let cause = self.blocked.unwrap_or(GapCause::BufferFull);
        self.pending[tag].get_or_insert(Pending { from, cause });
    }

    /// A tag shows again at `at_ms`: its pending gap ends there.
    fn resolve(&mut self, tag: usize, at_ms: i64) {
        if let Some(pending) = self.pending[tag].take() {
            self.push_gap(tag as u32, pending, at_ms);
        }
    }

    fn push_gap(&mut self, tag: u32, pending: Pending, to_ms: i64) {
        if pending.from.boot.is_none() && pending.from.boot_ms >= to_ms {
            return;
        }
        self.open.since_ms.get_or_insert(to_ms);
        self.open.gaps.push(Gap { tag: Some(tag), from: pending.from, to_boot_ms: to_ms, cause: pending.cause });
    }

    /// Adds an event to the batch that is open.
    pub fn event(&mut self, boot_ms: i64, kind: &str, subject: &str, value: i64, detail: &str) {
        if self.open.events.len() >= EVENTS_MAX {
            return;
        }
        let mut detail = detail.to_owned();
        if detail.len() > DETAIL_BYTES_MAX {
            let end = (0..=DETAIL_BYTES_MAX).rev().find(|end| detail.is_char_boundary(*end)).unwrap_or(0);
            detail.truncate(end);
        }
        self.open.since_ms.get_or_insert(boot_ms);
        let (kind, subject, detail) = (kind.into(), subject.into(), detail.into());
        self.open.events.push(Event { boot_ms, kind, subject, value, detail });
    }

    /// Records what happened to the wall clock.
    pub fn clock_changed(&mut self, boot_ms: i64, changes: &[ClockChange]) {
        for change in changes {
            match change {
                ClockChange::Stepped { by_ms } => self.event(boot_ms, "clock_step", "", *by_ms, ""),
                ClockChange::NeverSet => {
                    self.event(boot_ms, "clock_unsynchronised", "", 0, "the wall clock shows a time before 2020");
                }
                ClockChange::Synchronised(true) => self.event(boot_ms, "clock_synchronised", "", 0, ""),
                ClockChange::Synchronised(false) => self.event(boot_ms, "clock_unsynchronised", "", 0, ""),
            }
        }
    }

    /// When the open batch has to be sealed, boot clock; `None` while it is empty or another one is on its way to the disk.
    pub fn due_ms(&self) -> Option<i64> {
        if self.sealed.is_some() {
            return None;
        }
        let since_ms = self.open.since_ms?;
        let estimate = self.open.readings.len() * self.reading_bytes_16 / 16 + self.open.text_bytes;
        let large = estimate >= CONTENT_SEAL_BYTES || self.open.readings.len() >= READINGS_SEAL_MAX;
        if self.open.urgent || large { Some(i64::MIN) } else { Some(since_ms.saturating_add(self.settings.seal_ms)) }
    }

    /// True when a ChainStart or Configuration must be written before anything else.
    pub fn must_open(&self) -> bool {
        self.chain_start.is_some() || self.chain.configuration != self.configuration_digest
    }

    /// Seals what is open. The result must be made durable and then reported with [`committed`](Self::committed) or
    /// [`refused`](Self::refused).
    ///
    /// # Errors
    /// When a record cannot be encoded: a bug, reported and never hidden.
    pub fn seal(&mut self, now: ClockReading) -> protocol::Result<Sealed> {
        if let Some(sealed) = &self.sealed {
            return Ok(sealed.clone());
        }
        for tag in 0..self.pending.len() {
            // The stretch goes on: tell the piece up to now.
            if let Some(pending) = self.pending[tag] {
                let boot = pending.from.boot;
                if boot.is_some() || pending.from.boot_ms < now.boot_ms {
                    self.push_gap(tag as u32, pending, now.boot_ms);
                    let from = GapStart { boot: None, boot_ms: now.boot_ms };
                    self.pending[tag] = Some(Pending { from, ..pending });
                }
            }
        }
        let open = std::mem::take(&mut self.open);
        let mut chain = self.chain.clone();
        let mut records = Vec::new();
        if let Some(start) = self.chain_start {
            let content = Content::ChainStart(start).encode()?;
            records.push(self.sign(&mut chain, protocol::Kind::ChainStart, content, 0, None, now)?);
        }
        let current = self.configuration_digest;
        let own =
            |repeat: &Repeat| matches!(repeat, Repeat::Record(record) if record.header().configuration == current);
        if !self.refiled.first().is_some_and(own) {
            self.seal_refiled(&mut chain, now, &mut records)?;
        }
        if chain.configuration != current {
            let content = self.configuration_content.clone();
            let digest = protocol::sha256(&content);
            records.push(self.sign(&mut chain, protocol::Kind::Configuration, content, 0, None, now)?);
            chain.configuration = digest;
        }
        if self.refiled.first().is_some_and(own) {
            self.seal_refiled(&mut chain, now, &mut records)?;
        }
        let batch = open.readings.into_batch(open.gaps, open.events);
        let newest = |column: &Column| Some((column.tag, column.times.iter().copied().max()?));
        let mut accounted: Vec<(u32, i64)> = batch.columns.iter().filter_map(newest).collect();
        accounted.extend(batch.gaps.iter().filter_map(|gap| Some((gap.tag?, gap.to_boot_ms))));
        if !batch.is_empty() {
            self.seal_batch(batch, &mut chain, now, &mut records)?;
        }
        let sealed = Sealed { records, after: chain, repeats: !self.refiled.is_empty(), accounted };
        self.sealed = Some(sealed.clone());
        Ok(sealed)
    }

    fn seal_batch(
        &mut self,
        batch: Batch,
        chain: &mut ChainState,
        now: ClockReading,
        records: &mut Vec<Vec<u8>>,
    ) -> protocol::Result<()> {
        let count = batch.len();
        let span = batch.span();
        let parts = count + batch.gaps.len() + batch.events.len();
        // Encoded without copying: at 10,000 tags a second a batch is the largest thing in memory.
        let content = Content::Batch(batch);
        let encoded = if count > READINGS_MAX { None } else { Some(content.encode()) };
        let content = match (encoded, content) {
            (Some(Ok(bytes)), _) if bytes.len() <= CONTENT_MAX => bytes,
            (_, Content::Batch(batch)) if parts > 1 => {
                let (first, second) = halves(batch);
                self.seal_batch(first, chain, now, records)?;
                return self.seal_batch(second, chain, now, records);
            }
            (Some(Err(error)), _) => return Err(error),
            _ => {
                return Err(protocol::Error::TooLarge {
                    what: "batch of one",
                    got: CONTENT_MAX as u64 + 1,
                    max: CONTENT_MAX as u64,
                });
            }
        };
        if count >= 100 {
            // Half as much again, because the next batch may compress less well.
            self.reading_bytes_16 = (content.len() * 24 / count).clamp(16, READING_BYTES_FIRST * 16);
        }
        records.push(self.sign(chain, protocol::Kind::Batch, content, count as u32, span, now)?);
        Ok(())
    }

    fn sign(
        &self,
        chain: &mut ChainState,
        kind: protocol::Kind,
        content: Vec<u8>,
        readings: u32,
        span: Option<(i64, i64)>,
        now: ClockReading,
    ) -> protocol::Result<Vec<u8>> {
        let (first_ms, last_ms) = span.unwrap_or((now.boot_ms, now.boot_ms));
        let header = Header {
            kind,
            site: self.signer.site.clone(),
            gateway: self.signer.gateway.clone(),
            chain: chain.chain,
            sequence: chain.sequence,
            previous: chain.previous,
            content_digest: Digest::ZERO,
            content_length: 0,
            readings,
            configuration: chain.configuration,
            agent_version: env!("CARGO_PKG_VERSION").into(),
            clock: header_clock(now, self.anchor),
            first_ms,
            last_ms,
        };
        let record = Record::sign(header, content, &self.signer.key)?;
        chain.sequence += 1;
        chain.previous = record.digest();
        Ok(record.encode())
    }

    /// The sealed records are durable. True when they held what [`refile`](Self::refile) was given.
    pub fn committed(&mut self, now_boot_ms: i64) -> bool {
        let Some(sealed) = self.sealed.take() else { return false };
        self.chain = sealed.after;
        self.chain_start = None;
        self.refiled.clear();
        for (tag, boot_ms) in sealed.accounted {
            if let Some(durable) = self.durable_ms.get_mut(tag as usize) {
                *durable = boot_ms.max(*durable);
            }
        }
        if self.blocked.take().is_some() {
            self.event(now_boot_ms, "buffer_room", "", 0, "");
        }
        sealed.repeats
    }

    /// The buffer takes nothing now: nothing more is accepted until [`committed`](Self::committed). `cause` is what the gaps say:
    /// [`GapCause::BufferFull`], or [`GapCause::Damaged`] when the storage failed.
    pub fn refused(&mut self, now_boot_ms: i64, cause: GapCause, why: &str) {
        if self.blocked.replace(cause) != Some(cause) {
            let word = if cause == GapCause::BufferFull { "buffer_full" } else { "buffer_failed" };
            self.event(now_boot_ms, word, "", 0, why);
        }
    }

    /// Seals the record that closes the run. When the buffer is blocked, what waits in memory is given up and stated as a gap,
    /// so that the closing record is small enough for the buffer's reserve.
    ///
    /// # Errors
    /// As [`seal`](Self::seal).
    pub fn close(&mut self, now: ClockReading) -> protocol::Result<Sealed> {
        if let Some(cause) = self.blocked {
            self.sealed = None;
            self.open = Open { events: std::mem::take(&mut self.open.events), ..Open::default() };
            self.open.events.truncate(16);
            self.refiled.clear();
            let oldest = self.durable_ms.iter().copied().min().unwrap_or(self.start_ms);
            let from = GapStart { boot: None, boot_ms: oldest.min(now.boot_ms) };
            self.pending.iter_mut().for_each(|pending| *pending = None);
            self.open.gaps.push(Gap { tag: None, from, to_boot_ms: now.boot_ms, cause });
        }
        self.event(now.boot_ms, STOPPING, "", 0, "");
        self.seal(now)
    }

    /// Opens a new chain because the server holds records of this one that we do not know. The next seal begins with its start.
    pub fn fork(&mut self, fresh_chain: ChainId, cause: ChainStartCause, old: Option<(ChainId, u64, Digest)>) {
        let (chain, start) = new_chain(fresh_chain, cause, old);
        self.chain = chain;
        self.chain_start = start;
    }

    /// True between [`seal`](Self::seal) and [`committed`](Self::committed).
    pub fn is_sealing(&self) -> bool {
        self.sealed.is_some()
    }
}

fn new_chain(
    chain: ChainId,
    cause: ChainStartCause,
    old: Option<(ChainId, u64, Digest)>,
) -> (ChainState, Option<ChainStart>) {
    let state = ChainState { chain, sequence: 0, previous: Digest::ZERO, configuration: Digest::ZERO };
    (state, Some(ChainStart { cause, old }))
}

/// The clock fields of a header.
#[must_use]
pub fn header_clock(now: ClockReading, anchor: Option<ServerAnchor>) -> Clock {
    let (sync, error_ms) = match now.sync {
        clock::SyncState::Unknown => (SyncState::Unknown, 0),
        clock::SyncState::Unsynchronised => (SyncState::Unsynchronised, 0),
        clock::SyncState::Synchronised { error_ms } => (SyncState::Synchronised, error_ms),
    };
    Clock {
        boot_id: BootId(now.boot_id),
        boot_ms: now.boot_ms,
        wall_ms: now.wall_ms,
        sync,
        error_ms,
        server: anchor,
        simulated: false,
    }
}

fn halves(batch: Batch) -> (Batch, Batch) {
    let readings: Vec<Reading> = batch.readings().collect();
    let mut gaps = batch.gaps;
    let mut events = batch.events;
    // Readings come column by column; order within a tag is what counts and is kept.
    let mut first = readings;
    let second = first.split_off(first.len() / 2);
    let more_gaps = gaps.split_off(gaps.len().div_ceil(2));
    let more_events = events.split_off(events.len().div_ceil(2));
    (Batch::from_readings(first, gaps, events), Batch::from_readings(second, more_gaps, more_events))
}

#[cfg(test)]
mod tests;
