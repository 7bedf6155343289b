//! What a source says about one device: readings, gaps, notes and health, in the right order.
//!
//! Constraints: every tag has a [`Tracker`], so no poll can end without either a reading or a (possibly growing) gap; the gap that an
//! answer ends is sent before the answer's readings; up and down are told once per change.

use protocol::{GapCause, Quality, Value};
use tokio::sync::{mpsc, watch};

use super::change::Filter;
use super::gaps::{Piece, Tracker};
use super::identity::{self, Known, Seen};
use super::lending::Lending;
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
    /// What the devices last said of who they are.
    pub known: watch::Sender<Known>,
    /// The serial ports, which the local page may borrow.
    pub lending: Lending,
}

impl World {
    /// The tag `id` says that the device is `value`: what the evidence must be told, if anything.
    fn identity(&self, id: &str, value: &str) -> Option<(NoteKind, String)> {
        let mut fact = None;
        self.known.send_if_modified(|known| {
            fact = match identity::seen(known, id, value) {
                Seen::Same => None,
                Seen::First => Some((NoteKind::DeviceIdentity, format!("{id}: {value}"))),
                Seen::Changed(before) => Some((NoteKind::DeviceIdentityChanged, format!("{id}: {before} → {value}"))),
            };
            fact.is_some()
        });
        fact
    }
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
    /// Tags recorded on change.
    filters: Vec<Option<Filter>>,
    /// Ids of the tags that say who the device is.
    identities: Vec<Option<String>>,
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
            filters: device.tags.iter().map(|t| t.on_change.map(Filter::new)).collect(),
            identities: device.tags.iter().map(|t| (t.role.0 == "identity").then(|| t.id.clone())).collect(),
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
        let mut identities = Vec::new();
        {
            let mut board = self.world.board.lock();
            for seen in values {
                let Some(tracker) = self.trackers.get_mut(seen.item) else { continue };
                let tag = tag_index(self.first_tag, seen.item);
                let mut filter = self.filters.get_mut(seen.item).and_then(Option::as_mut);
                if let Some(filter) = filter.as_mut().filter(|_| tracker.outage().is_some()) {
                    filter.forget();
                }
                ended.extend(tracker.good(now).map(|piece| gap(tag, piece)));
                if let Some(slot) = board.tags.get_mut(tag.0 as usize) {
                    slot.outage = None;
                    slot.latest = Some(Latest { value: seen.value.clone(), quality: seen.quality, boot_ms: now });
                }
                if seen.quality == Quality::Good
                    && let Some(id) = self.identities.get(seen.item).and_then(Option::as_ref)
                {
                    identities.extend(self.world.identity(id, &seen.value.to_string()));
                }
                if filter.is_some_and(|filter| !filter.takes(now, &seen.value, seen.quality)) {
                    continue;
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
        for (kind, text) in identities {
            self.note(now, kind, text).await;
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

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use super::*;
    use crate::clock::{Settings, SystemClock};
    use crate::config::Config;

    const FILE: &str = r#"
        [gateway]
        state_dir = "/tmp/gz-none"
        [[device]]
        name = "main"
        protocol = "modbus_tcp"
        address = "10.0.0.5:502"
        [[device.tag]]
        name = "oil"
        area = "input"
        address = 0
        type = "u16"
        role = "temperature"
        scale = 0.1
        on_change = true
        deadband = 0.5
        [[device.tag]]
        name = "serial"
        area = "input"
        address = 10
        type = "u32"
        role = "identity"
    "#;

    fn world() -> (World, Arc<Device>, mpsc::Receiver<SourceEvent>) {
        let (config, _) = Config::parse(FILE, Path::new("agent.toml")).expect("a valid file");
        let (events, receiver) = mpsc::channel(64);
        let clock = Arc::new(SystemClock::new(Settings::default()).expect("clock"));
        let board = Board::new(&config.devices);
        let known = watch::Sender::default();
        (World { clock, events, board, known, lending: Lending::default() }, config.devices[0].clone(), receiver)
    }

    fn seen(item: usize, value: u64) -> Vec<Observed> {
        vec![Observed { item, value: Value::U64(value), quality: Quality::Good, source_ms: None }]
    }

    fn told(events: &mut mpsc::Receiver<SourceEvent>) -> Vec<SourceEvent> {
        std::iter::from_fn(|| events.try_recv().ok()).collect()
    }

    #[tokio::test]
    async fn a_tag_recorded_on_change_is_shown_live_and_recorded_when_it_moves_or_after_an_outage() {
        let (world, device, mut events) = world();
        let mut reporter = Reporter::new(world.clone(), 0, 0, &device);
        let start = reporter.now();
        let mut recorded = Vec::new();
        for (after, raw) in [(100, 400), (200, 405), (300, 406), (400, 405)] {
            reporter.readings(start + after, seen(0, raw)).await;
            recorded.extend(told(&mut events));
        }
        let values: Vec<_> = recorded
            .iter()
            .filter_map(|e| match e {
                SourceEvent::Readings(r) => Some((r[0].boot_ms - start, r[0].value.clone())),
                _ => None,
            })
            .collect();
        assert_eq!(values, [(100, Value::U64(400)), (300, Value::U64(406))], "0.5 °C is five steps of 0.1");
        let live = world.board.snapshot().tags[0].latest.clone().expect("a value");
        assert_eq!((live.value, live.boot_ms), (Value::U64(405), start + 400), "the page shows what was read");

        reporter.unread(start + 500, [0], GapCause::DeviceSilent).await;
        reporter.readings(start + 600, seen(0, 406)).await;
        let told = told(&mut events);
        assert!(
            matches!(&told[..], [SourceEvent::Gap { .. }, SourceEvent::Gap { .. }, SourceEvent::Readings(_)]),
            "the reading that ends an outage is recorded though it did not move: {told:?}"
        );
    }

    #[tokio::test]
    async fn an_identity_is_told_once_and_again_when_it_is_another() {
        let (world, device, mut events) = world();
        let mut reporter = Reporter::new(world, 0, 0, &device);
        let start = reporter.now();
        for (after, serial) in [(1, 1_001), (2, 1_001), (3, 2_002)] {
            reporter.readings(start + after, seen(1, serial)).await;
        }
        let notes: Vec<_> = told(&mut events)
            .into_iter()
            .filter_map(|event| match event {
                SourceEvent::Note { kind, text, boot_ms, .. } => Some((kind, text, boot_ms - start)),
                _ => None,
            })
            .collect();
        assert_eq!(
            notes,
            [
                (NoteKind::DeviceIdentity, "main/serial: 1001".to_owned(), 1),
                (NoteKind::DeviceIdentityChanged, "main/serial: 1001 → 2002".to_owned(), 3),
            ]
        );
    }
}
