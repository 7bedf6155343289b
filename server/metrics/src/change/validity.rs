//! Whether a shift counts (reference §3.7).

use serde::{Deserialize, Serialize};

/// How well a shift was observed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Validity {
    /// State coverage at least 95 % of PBT, counters continuous, clock error below 2 s, calendar present.
    Valid,
    /// Coverage 80–95 %, or one of the others missing: counts, with grade C at best.
    Usable,
    /// Coverage below 80 %, clock error above 30 s, or no calendar: listed and left out.
    Excluded,
}

/// What is known about the observation of a shift.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Observation {
    /// Observed planned busy time, milliseconds.
    pub observed_ms: i64,
    /// Planned busy time (PBT), milliseconds.
    pub of_ms: i64,
    /// No unexplained reset or impossible step of a counter.
    pub is_continuous: bool,
    /// 95th percentile of the clock's estimated error, milliseconds.
    pub clock_error_ms: i64,
    /// A calendar was in force.
    pub has_calendar: bool,
}

impl Validity {
    /// Decides, by cross-multiplication (reference §0.6).
    pub fn of(shift: &Observation) -> Self {
        let (observed, of) = (i128::from(shift.observed_ms), i128::from(shift.of_ms));
        if !shift.has_calendar || shift.clock_error_ms > 30_000 || observed * 100 < of * 80 {
            Self::Excluded
        } else if observed * 100 >= of * 95 && shift.is_continuous && shift.clock_error_ms < 2_000 {
            Self::Valid
        } else {
            Self::Usable
        }
    }
}
