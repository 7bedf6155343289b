//! What a source says about one device: readings, gaps, notes and health, in the right order.
//!
//! Constraints: every tag has a [`Tracker`], so no poll can end without either a reading or a (possibly growing) gap; the gap that an
//! answer ends is sent before the answer's readings; up and down are told once per change.

use protocol::{GapCause, Quality, Value};
use tokio::sync::mpsc;

use super::gaps::{Piece, Tracker};
use crate::clock::SharedClock;
use crate::config::device::Device;
use crate::event::{DeviceIndex, DeviceState, NoteKind, Reading, SourceEvent, TagIndex};
use crate::live::{Board, Latest};
use crate::locale::Words;

/// A value of one tag as decoded.
#[derive(Clone, Debug, PartialEq)]
pub struct Observed {
    /// Position of the tag among the device's tags.
    pub item: usize,
    /// Raw value.
    pub value: Value,
    /// What the device says of it.
    pub quality: Quality,
    /// The device's own timestamp, Unix milliseconds.
    pub source_ms: Option<i64>,
}

/// Everything a source needs from the rest of the agent.
#[derive(Clone)]
pub struct World {
    /// The only door to time.
    pub clock: SharedClock,
    /// Where events go.
    pub events: mpsc::Sender<SourceEvent>,
    /// Latest values for the local page.
    pub board: Board,
}

/// Polls that were not made enter the evidence at most this often, milliseconds, as a sum.
const MISSED_MS: i64 = 60_000;

/// Changing troubles of one device are logged at most this often, milliseconds: a dead device must not fill the disk.
const WARN_MS: i64 = 60_000;

/// The voice of one device.
pub struct Reporter {
    world: World,
    device: DeviceIndex,
    first_tag: u32,
    trackers: Vec<Tracker>,
    state: DeviceState,
    answered_total: u64,
    failed_total: u64,
    missed_total: u64,
    round_trip_ms: Option<u32>,
    trouble: Option<Words>,
    /// Of the missed ticks, those no record tells of yet.
    missed_untold: u64,
    missed_told_ms: i64,
    warned_ms: i64,
    gone: bool,
}

impl Reporter {
    /// Speaks for `device`, whose first tag has index `first_tag` in the tag table.
    pub fn new(world: World, index: usize, first_tag: usize, device: &Device) -> Self {
        let now = world.clock.boot_ms();
        Self {
            device: DeviceIndex(u32::try_from(index).unwrap_or(u32::MAX)),
            first_tag: u32::try_from(first_tag).unwrap_or(u32::MAX),
            trackers: device.tags.iter().map(|_| Tracker::new(now)).collect(),
            state: DeviceState::Starting,
            answered_total: 0,
            failed_total: 0,
            missed_total: 0,
            round_trip_ms: None,
            trouble: None,
            missed_untold: 0,
            missed_told_ms: i64::MIN,
            warned_ms: i64::MIN,
            gone: false,
            world,
        }
    }

    /// The clock.
    pub fn now(&self) -> i64 {
        self.world.clock.boot_ms()
    }

    /// Position of the device in the configuration.
    pub fn index(&self) -> i64 {
        i64::from(self.device.0)
    }

    /// Whether a failure of this tag now would be its first since a good reading.
    pub fn begins_outage(&self, item: usize) -> bool {
        self.trackers.get(item).is_some_and(|t| t.outage().is_none())
    }

    /// The clock itself, for those who must look at it elsewhere.
    pub fn clock(&self) -> SharedClock {
        self.world.clock.clone()
    }

    /// Whether nobody listens any more.
    pub fn is_gone(&self) -> bool {
        self.gone
    }

    /// How the device is doing.
    pub fn state(&self) -> DeviceState {
        self.state
    }

    /// An answer with values, complete at `now`; `asked_ms` is when the request left.
    pub async fn answered(&mut self, now: i64, asked_ms: i64, values: Vec<Observed>) {
        self.answered_total += 1;
        self.round_trip_ms = u32::try_from(now - asked_ms).ok();
        self.readings(now, values).await;
        self.turn(DeviceState::Up, None, now).await;
    }

    /// Values that came by themselves (notifications) or with an answer.
    pub async fn readings(&mut self, now: i64, values: Vec<Observed>) {
        let mut readings = Vec::with_capacity(values.len());
        let mut ended = Vec::new();
        {
            let mut board = self.world.board.lock();
            for seen in values {
                let Some(tracker) = self.trackers.get_mut(seen.item) else { continue };
                let tag = tag_index(self.first_tag, seen.item);
                ended.extend(tracker.good(now).map(|piece| gap(tag, piece)));
                if let Some(slot) = board.tags.get_mut(tag.0 as usize) {
                    slot.outage = None;
                    slot.latest = Some(Latest { value: seen.value.clone(), quality: seen.quality, boot_ms: now });
                }
                readings.push(Reading {
                    tag,
                    value: seen.value,
                    quality: seen.quality,
                    boot_ms: now,
                    source_time_ms: seen.source_ms,
                });
            }
        }
        for event in ended {
            self.send(event).await;
        }
        if !readings.is_empty() {
            self.send(SourceEvent::Readings(readings)).await;
        }
    }

    /// Values that could not be had at `now`. Says nothing about the device as a whole.
    pub async fn unread(&mut self, now: i64, items: impl IntoIterator<Item = usize>, cause: GapCause) {
        let mut pieces = Vec::new();
        {
            let mut board = self.world.board.lock();
            for item in items {
                let Some(tracker) = self.trackers.get_mut(item) else { continue };
                let tag = tag_index(self.first_tag, item);
                pieces.extend(tracker.bad(now, cause).map(|piece| gap(tag, piece)));
                if let Some(slot) = board.tags.get_mut(tag.0 as usize) {
                    slot.outage = Some(cause);
                }
            }
        }
        for event in pieces {
            self.send(event).await;
        }
    }

    /// Values between the last reading and `now` were lost although the device answers.
    pub async fn lost(&mut self, now: i64, item: usize, cause: GapCause) {
        let tag = tag_index(self.first_tag, item);
        if let Some(piece) = self.trackers.get_mut(item).and_then(|t| t.lost(now, cause)) {
            self.send(gap(tag, piece)).await;
        }
    }

    /// A request failed: counts it and says what to do.
    pub async fn failed(&mut self, now: i64, state: DeviceState, trouble: Words) {
        self.failed_total += 1;
        self.turn(state, Some(trouble), now).await;
    }

    /// A tag that cannot be read although the device is well (wrong address, unknown node).
    pub async fn trouble(&mut self, now: i64, trouble: Words) {
        self.failed_total += 1;
        self.turn(self.state, Some(trouble), now).await;
    }

    /// Polls that were due while the line was busy, and were not made.
    pub async fn missed(&mut self, now: i64, ticks: u64) {
        self.missed_total += ticks;
        self.missed_untold += ticks;
        if now.saturating_sub(self.missed_told_ms) >= MISSED_MS {
            self.tell_missed(now).await;
        }
    }

    async fn tell_missed(&mut self, now: i64) {
        let value = i64::try_from(std::mem::take(&mut self.missed_untold)).unwrap_or(i64::MAX);
        if value > 0 {
            self.missed_told_ms = now;
            let device = Some(self.device);
            let kind = NoteKind::MissedTicks;
            self.send(SourceEvent::Note { device, boot_ms: now, kind, value, text: String::new() }).await;
        }
    }

    /// A fact for the evidence beside the values.
    pub async fn note(&mut self, now: i64, kind: NoteKind, text: impl Into<String>) {
        let device = Some(self.device);
        self.send(SourceEvent::Note { device, boot_ms: now, kind, value: 0, text: text.into() }).await;
    }

    /// The last words at shutdown: outages that are going on, up to now.
    pub async fn finish(&mut self) {
        let now = self.now();
        self.tell_missed(now).await;
        let first = self.first_tag;
        let last: Vec<SourceEvent> = self
            .trackers
            .iter_mut()
            .enumerate()
            .filter_map(|(item, t)| t.finish(now).map(|piece| gap(tag_index(first, item), piece)))
            .collect();
        for event in last {
            self.send(event).await;
        }
    }

    async fn turn(&mut self, state: DeviceState, trouble: Option<Words>, now: i64) {
        let before = std::mem::replace(&mut self.state, state);
        let changed = before != state || self.trouble != trouble;
        let quiet = before == state && now.saturating_sub(self.warned_ms) < WARN_MS;
        if changed
            && !quiet
            && let Some(trouble) = &trouble
        {
            self.warned_ms = now;
            tracing::warn!(device = self.device.0, trouble = %trouble, "Device has trouble.");
        }
        self.trouble = trouble;
        {
            let mut board = self.world.board.lock();
            if let Some(slot) = board.devices.get_mut(self.device.0 as usize) {
                slot.state = state;
                slot.boot_ms = now;
                slot.answered_total = self.answered_total;
                slot.failed_total = self.failed_total;
                slot.missed_total = self.missed_total;
                slot.round_trip_ms = self.round_trip_ms;
                slot.trouble = self.trouble.clone();
            }
        }
        let was_up = before == DeviceState::Up;
        let is_up = state == DeviceState::Up;
        if is_up && before != state {
            self.note(now, NoteKind::DeviceUp, "").await;
        } else if !is_up && (was_up || (before == DeviceState::Starting && state != before)) {
            let detail = self.trouble.as_ref().map(|t| t.en.clone()).unwrap_or_default();
            self.note(now, NoteKind::DeviceDown, detail).await;
        }
    }

    async fn send(&mut self, event: SourceEvent) {
        // The receiver goes away only when the agent stops; then there is nothing left to say.
        self.gone |= self.world.events.send(event).await.is_err();
    }
}

fn tag_index(first: u32, item: usize) -> TagIndex {
    TagIndex(first.saturating_add(u32::try_from(item).unwrap_or(u32::MAX)))
}

fn gap(tag: TagIndex, piece: Piece) -> SourceEvent {
    SourceEvent::Gap { tag, from_boot_ms: piece.from_ms, to_boot_ms: piece.to_ms, cause: piece.cause }
}
