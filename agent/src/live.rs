//! The latest values and the health of devices, for the local page and `status`. Never evidence.
//!
//! Constraints: a board holds one value per tag, so its memory is fixed by the configuration; writers hold the lock only to copy one
//! reply; a value is always shown with its age, and what could not be read shows why.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use protocol::{GapCause, Quality, Value};

use crate::config::device::Device;
use crate::event::DeviceState;
use crate::locale::Words;

/// The last value of one tag.
#[derive(Clone, Debug, PartialEq)]
pub struct Latest {
    /// Raw value.
    pub value: Value,
    /// What the device says of it.
    pub quality: Quality,
    /// When it was read, boot clock milliseconds.
    pub boot_ms: i64,
}

/// One tag on the board.
#[derive(Clone, Debug, Default)]
pub struct TagState {
    /// The last value, if there was one since the start.
    pub latest: Option<Latest>,
    /// Why there is none now.
    pub outage: Option<GapCause>,
}

/// One device on the board.
#[derive(Clone, Debug)]
pub struct DeviceStatus {
    /// How it is doing.
    pub state: DeviceState,
    /// When this was last seen, boot clock milliseconds.
    pub boot_ms: i64,
    /// Requests answered since the start.
    pub answered_total: u64,
    /// Requests that failed since the start.
    pub failed_total: u64,
    /// Polls that were due while the line was still busy.
    pub missed_total: u64,
    /// Round trip of the last answer, milliseconds.
    pub round_trip_ms: Option<u32>,
    /// The last failure: what, where, what to do.
    pub trouble: Option<Words>,
}

/// Everything shown.
#[derive(Clone, Debug)]
pub struct BoardState {
    /// In the order of the configuration.
    pub devices: Vec<DeviceStatus>,
    /// In the order of the tag table.
    pub tags: Vec<TagState>,
}

/// A board shared by sources and page.
#[derive(Clone, Debug)]
pub struct Board(Arc<Mutex<BoardState>>);

impl Board {
    /// An empty board for these devices.
    pub fn new(devices: &[Arc<Device>]) -> Self {
        let starting = DeviceStatus {
            state: DeviceState::Starting,
            boot_ms: 0,
            answered_total: 0,
            failed_total: 0,
            missed_total: 0,
            round_trip_ms: None,
            trouble: None,
        };
        let tags = devices.iter().map(|d| d.tags.len()).sum();
        Self(Arc::new(Mutex::new(BoardState {
            devices: vec![starting; devices.len()],
            tags: vec![TagState::default(); tags],
        })))
    }

    /// The board for reading or changing. A writer that panicked leaves whole values behind, so its lock is taken over.
    pub fn lock(&self) -> MutexGuard<'_, BoardState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A copy of everything.
    pub fn snapshot(&self) -> BoardState {
        self.lock().clone()
    }
}
