//! The canonical machine states (metrics reference §6.2) and what each is called.
//!
//! Constraints: eight states, numbered for ever; `Unknown` is what nobody observed and is never replaced by the last
//! known state. Names are the ones assessors use.

/// A canonical machine state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MachineState {
    /// No trustworthy observation.
    Unknown,
    /// Positively observed off.
    Off,
    /// Powered and ready, not executing.
    Idle,
    /// Blocked or starved by neighbour, material or operator.
    Wait,
    /// Executing a production cycle.
    Run,
    /// Changeover, adjustment, trial.
    Setup,
    /// Error or emergency stop, needs intervention.
    Fault,
    /// Maintenance mode.
    Maint,
}

impl MachineState {
    /// All states in code order.
    pub const ALL: [Self; 8] =
        [Self::Unknown, Self::Off, Self::Idle, Self::Wait, Self::Run, Self::Setup, Self::Fault, Self::Maint];

    /// The state's code, 0–7 (metrics reference §6.2).
    pub const fn code(self) -> usize {
        self as usize
    }

    /// The name used in declarations and reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Off => "off",
            Self::Idle => "idle",
            Self::Wait => "wait",
            Self::Run => "run",
            Self::Setup => "setup",
            Self::Fault => "fault",
            Self::Maint => "maint",
        }
    }

    /// The Chinese word (metrics reference §6.2).
    pub const fn zh(self) -> &'static str {
        match self {
            Self::Unknown => "未知",
            Self::Off => "关机",
            Self::Idle => "待机",
            Self::Wait => "待料/堵料",
            Self::Run => "运行",
            Self::Setup => "换线/调试",
            Self::Fault => "故障",
            Self::Maint => "保养/维修",
        }
    }
}

/// A machine's state over a half-open stretch of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StateInterval {
    /// First instant, UTC milliseconds.
    pub from_ms: i64,
    /// First instant after, UTC milliseconds.
    pub to_ms: i64,
    /// What the machine was doing.
    pub state: MachineState,
    /// The state is the last sample's, carried past its polling period but not yet stale: it counts as observed, and
    /// the bounds treat it as possibly something else.
    pub held: bool,
}

impl StateInterval {
    /// Length in milliseconds.
    pub fn length_ms(&self) -> i64 {
        (self.to_ms - self.from_ms).max(0)
    }
}
