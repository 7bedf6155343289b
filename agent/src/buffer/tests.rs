//! Split by kind of claim: `basics` (what a reader expects), `damage` (rot at every byte, cuts at every offset),
//! `power_cut` (power lost during every file operation), `model` (random histories against a plain model).

mod basics;
mod damage;
mod model;
mod power_cut;

use std::collections::BTreeMap;

use super::fake_disk::FakeDisk;
use super::{AppendError, Buffer, Entry, Recovery, Settings};

/// Small segments, so that short tests roll often.
fn small() -> Settings {
    Settings { bytes_max: 64 * 1_024, free_bytes_min: 0, segment_bytes: 2_048, retention_ms: 1_000 }
}

/// A payload that tells its position and is different every time.
fn payload(position: u64, size: usize, variant: u64) -> Vec<u8> {
    let mut bytes = format!("record {position} variant {variant} ").into_bytes();
    while bytes.len() < size {
        bytes.push((bytes.len() as u64 * 31 + position * 7 + variant) as u8);
    }
    bytes
}

/// A buffer on a fake disk, beside a plain account of what was promised.
struct Harness {
    disk: FakeDisk,
    settings: Settings,
    buffer: Option<Buffer<FakeDisk>>,
    /// Last payload accepted for each position.
    accepted: BTreeMap<u64, Vec<u8>>,
    /// Everything anybody ever tried to append there: what may survive without having been promised.
    tried: BTreeMap<u64, Vec<Vec<u8>>>,
    /// Damage below this was reported and accounted for before.
    forgotten_end: u64,
    /// Every position below this was promised to be durable.
    synced_end: u64,
    receipted_end: u64,
    server_ms: i64,
    variant: u64,
}

impl Harness {
    fn new(disk: FakeDisk, settings: Settings) -> Self {
        let mut harness = Harness {
            disk,
            settings,
            buffer: None,
            accepted: BTreeMap::new(),
            tried: BTreeMap::new(),
            forgotten_end: 0,
            synced_end: 0,
            receipted_end: 0,
            server_ms: 1_000_000,
            variant: 0,
        };
        harness.open();
        harness
    }

    fn open(&mut self) -> Option<Recovery> {
        match Buffer::open(self.disk.clone(), self.settings.clone(), [9; 16]) {
            Ok((buffer, recovery)) => {
                self.buffer = Some(buffer);
                Some(recovery)
            }
            Err(_) => None,
        }
    }

    fn append(&mut self, size: usize) -> Option<AppendError> {
        let buffer = self.buffer.as_mut()?;
        self.variant += 1;
        let position = buffer.next_position();
        let bytes = payload(position, size, self.variant);
        self.tried.entry(position).or_default().push(bytes.clone());
        match buffer.append(&bytes) {
            Ok(given) => {
                assert_eq!(given, position);
                self.accepted.insert(position, bytes);
                None
            }
            Err(error) => Some(error),
        }
    }

    fn sync(&mut self) -> Option<AppendError> {
        match self.buffer.as_mut()?.sync() {
            Ok(end) => {
                assert!(end >= self.synced_end);
                self.synced_end = end;
                None
            }
            Err(error) => Some(error),
        }
    }

    fn receipt(&mut self, end: u64, logged: bool) {
        let end = end.min(self.synced_end);
        self.server_ms += 700;
        if let Some(buffer) = self.buffer.as_mut() {
            buffer.receipted(end, self.server_ms);
            if logged {
                buffer.logged(end);
            }
        }
        self.receipted_end = self.receipted_end.max(end);
    }

    /// Everything promised is there, or trimmed after a receipt; nothing else was ever invented.
    fn check(&mut self) {
        let Some(buffer) = self.buffer.as_mut() else { return };
        for position in self.forgotten_end..self.synced_end {
            match buffer.read(position).expect("the fake disk reads") {
                Entry::Present(bytes) => {
                    assert_eq!(Some(&bytes), self.accepted.get(&position), "position {position} holds other bytes")
                }
                Entry::Trimmed => assert!(position < self.receipted_end, "position {position} trimmed without receipt"),
                other => panic!("durable position {position} is {other:?}"),
            }
        }
    }

    /// Power off, power on, and the account adjusted to what recovery says (which may only be more than promised).
    fn power_cycle(&mut self, seed: u64) {
        self.disk = self.disk.power_cycle(seed);
        self.restart();
    }

    /// The process ends without notice and starts again: the page cache survives, also pages the disk refused.
    fn restart(&mut self) {
        self.buffer = None;
        // A disk that fails may keep the agent from starting, as long as it fails.
        let recovery = (0..200).find_map(|_| self.open()).expect("a disk that works again opens");
        assert!(recovery.next_position >= self.synced_end, "durable positions were given up: {recovery:?}");
        let buffer = self.buffer.as_mut().expect("opened");
        for position in self.synced_end..recovery.next_position {
            match buffer.read(position).expect("reads") {
                Entry::Present(bytes) => {
                    let tried = self.tried.get(&position).is_some_and(|tried| tried.contains(&bytes));
                    assert!(tried, "invented at {position}");
                    self.accepted.insert(position, bytes);
                }
                // A torn, never promised entry before a sound one: reported, so the chain is not continued blindly.
                Entry::Damaged(range) => {
                    assert!(recovery.damaged.iter().any(|known| known.start <= range.start && range.end <= known.end));
                    self.accepted.remove(&position);
                }
                other => panic!("position {position} below next_position is {other:?}"),
            }
        }
        let all = recovery.damaged.into_iter().flatten();
        let damaged: Vec<u64> = all.filter(|position| *position >= self.forgotten_end).collect();
        assert!(damaged.iter().all(|position| *position >= self.synced_end), "durable positions damaged: {damaged:?}");
        self.accepted.retain(|position, _| *position < recovery.next_position);
        self.check();
        self.synced_end = self.synced_end.max(damaged.first().copied().unwrap_or(recovery.next_position));
        if !damaged.is_empty() {
            // The account of promises has no holes: start a new one behind the damage.
            self.forget_below(recovery.next_position);
        }
    }

    fn forget_below(&mut self, end: u64) {
        self.server_ms += 1;
        self.forgotten_end = end;
        if let Some(buffer) = self.buffer.as_mut() {
            self.synced_end = end;
            self.receipted_end = end;
            buffer.receipted(end, self.server_ms);
            buffer.logged(end);
            // Not trimmed: only the account forgets.
            self.accepted.retain(|position, _| *position >= end);
        }
    }
}
