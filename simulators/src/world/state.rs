//! The words the world and its ground truth share: states, causes, intervals, totals.

use super::discrete::PRODUCTS_MAX;
use serde::Serialize;

/// True state of a machine; the number is its canonical code (0 is "unknown" and never true of a simulated machine).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum State {
    /// Switched off.
    Off = 1,
    /// Powered, ready, not producing.
    Idle = 2,
    /// Waiting for material or a neighbour.
    Wait = 3,
    /// Producing.
    Run = 4,
    /// Product change, adjustment, cleaning between batches.
    Setup = 5,
    /// Broken down.
    Fault = 6,
    /// Maintenance.
    Maint = 7,
}

impl State {
    /// The PackML-like code our PLCs show in their state register; see `simulators/README.md`.
    pub fn packml(self) -> u16 {
        match self {
            Self::Off => 0,
            Self::Idle => 2,
            Self::Run => 4,
            Self::Fault => 8,
            Self::Wait => 12,
            Self::Setup => 20,
            Self::Maint => 21,
        }
    }

    /// `MachineryItemState` of OPC 40001-1.
    pub fn machinery_item(self) -> i32 {
        match self {
            Self::Off => 0,
            Self::Fault | Self::Maint => 1,
            Self::Idle | Self::Wait | Self::Setup => 2,
            Self::Run => 3,
        }
    }

    /// `MachineryOperationMode` of OPC 40001-1.
    pub fn machinery_mode(self) -> i32 {
        match self {
            Self::Off => 0,
            Self::Maint => 1,
            Self::Setup => 2,
            Self::Idle | Self::Wait | Self::Run | Self::Fault => 3,
        }
    }
}

/// Why a machine is in its state: the answer an operator would give.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// Producing.
    Production,
    /// Loading the next piece by hand.
    Loading,
    /// Start of the shift.
    Startup,
    /// Planned break.
    Break,
    /// End of the shift.
    Handover,
    /// A stop below two minutes.
    MicroStop,
    /// A failure under repair.
    Breakdown,
    /// Product change.
    Changeover,
    /// No material.
    NoMaterial,
    /// Cleaning between batches.
    Cleaning,
    /// Waiting for a laboratory result.
    LabHold,
    /// The site's rest day.
    RestDay,
    /// Stopped, or kept running, by its operator on demand.
    Operator,
}

/// A stretch of one state, half-open, UTC ms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interval {
    /// First instant.
    pub from: i64,
    /// First instant after.
    pub until: i64,
    /// The state.
    pub state: State,
    /// Why.
    pub cause: Cause,
    /// Index of the product loaded.
    pub product: usize,
}

/// Totals since the world's epoch; differences of two tallies describe the time between them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Time in each state by canonical code, ms.
    pub state_ms: [i64; 8],
    /// Good pieces by product.
    pub good: [u64; PRODUCTS_MAX],
    /// Scrapped pieces by product.
    pub reject: [u64; PRODUCTS_MAX],
    /// Electrical energy, µJ (= mW·ms).
    pub energy_uj: i128,
}

impl Tally {
    /// What happened since `earlier`.
    pub fn since(&self, earlier: &Self) -> Self {
        let mut out = *self;
        for (value, old) in out.state_ms.iter_mut().zip(earlier.state_ms) {
            *value -= old;
        }
        for (value, old) in out.good.iter_mut().zip(earlier.good) {
            *value -= old;
        }
        for (value, old) in out.reject.iter_mut().zip(earlier.reject) {
            *value -= old;
        }
        out.energy_uj -= earlier.energy_uj;
        out
    }

    /// All good pieces.
    pub fn good_total(&self) -> u64 {
        self.good.iter().sum()
    }

    /// All scrapped pieces.
    pub fn reject_total(&self) -> u64 {
        self.reject.iter().sum()
    }
}
