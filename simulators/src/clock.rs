//! The simulators' only door to time.
//!
//! Device time may start elsewhere and run faster than the wall; both are journalled. Device time comes from a
//! monotonic counter, so that a step of the wall clock never makes the world jump.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Maps real time to device time.
#[derive(Debug, Clone, Copy)]
pub struct SimClock {
    origin: Instant,
    start_ms: i64,
    speed: u32,
}

impl SimClock {
    /// Device time starts now at `start_ms` (UTC ms; the wall clock when `None`) and runs `speed` times as fast.
    pub fn start(start_ms: Option<i64>, speed: u32) -> Self {
        Self { origin: Instant::now(), start_ms: start_ms.unwrap_or_else(wall_ms), speed: speed.max(1) }
    }

    /// Device time, UTC ms.
    pub fn now(&self) -> i64 {
        let elapsed = i64::try_from(self.origin.elapsed().as_micros()).unwrap_or(i64::MAX / 2);
        self.start_ms.saturating_add(elapsed.saturating_mul(i64::from(self.speed)) / 1_000)
    }

    /// Device time at which this clock started, UTC ms.
    pub fn start_ms(&self) -> i64 {
        self.start_ms
    }
}

/// Wall clock, UTC ms.
pub fn wall_ms() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |elapsed| i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX))
}
