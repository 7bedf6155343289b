//! The only door to time.
//!
//! Constraints:
//! 1. Nothing else in this crate asks the operating system what time it is; a tidy test greps for it. Decisions take
//!    `now` as an argument, so tests decide what time it is.
//! 2. **Readings live on the boot clock** (`CLOCK_BOOTTIME`, which counts through suspend and is never set). The wall
//!    clock may be wrong: a gateway without a battery wakes in 1970. It is *recorded* in every record's header and
//!    never used to order or date a reading on the gateway.
//! 3. Synchronisation is a fact to be read, not assumed. The kernel publishes it only through `adjtimex(2)`, for which
//!    no safe interface exists in our dependencies (unsafe code is forbidden here), so it is read from the marker file
//!    that the time service keeps ([`SYSTEMD_MARKER`]; any other path by configuration). A container whose host keeps
//!    time may state `assume_synchronised = true`, and that statement is visible in the configuration record.
//! 4. Steps are events: [`ClockWatch`] compares the wall clock with the boot clock and reports jumps, a year before
//!    2020, and gained or lost synchronisation. Time stamps are never rewritten afterwards.

pub mod words;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::time::{ClockId, clock_gettime};

/// File whose existence says that systemd-timesyncd has set the clock since boot.
pub const SYSTEMD_MARKER: &str = "/run/systemd/timesync/synchronized";

/// Where Linux tells one boot from another.
const BOOT_ID_PATH: &str = "/proc/sys/kernel/random/boot_id";

/// A wall clock that moved against the boot clock by more than this since the last look has been stepped. Slewing at
/// the kernel's maximum (500 ppm) moves 30 ms in the minute between two looks.
pub const STEP_MS_MIN: i64 = 500;

/// 2020-01-01T00:00:00Z: no gateway of ours ran before it, so an earlier wall clock was never set.
pub const NEVER_SET_BEFORE_MS: i64 = 1_577_836_800_000;

/// Error stated for a synchronised clock when the time service does not tell us a better bound, milliseconds.
pub const SYNCHRONISED_ERROR_MS: u32 = 1_000;

/// What is known about the wall clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SyncState {
    /// The system gives no information.
    Unknown,
    /// The time service says: not synchronised.
    Unsynchronised,
    /// The time service says: synchronised, within `error_ms`.
    Synchronised {
        /// Estimated error, milliseconds.
        error_ms: u32,
    },
}

/// All clock facts at one instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockReading {
    /// Random identity of this boot.
    pub boot_id: [u8; 16],
    /// Milliseconds since boot, suspend included.
    pub boot_ms: i64,
    /// Milliseconds since the Unix epoch, as the system believes.
    pub wall_ms: i64,
    /// Whether that belief is worth anything.
    pub sync: SyncState,
}

/// Source of time. Production has one implementation, [`SystemClock`].
pub trait Clock: std::fmt::Debug + Send + Sync {
    /// Milliseconds on the boot clock: monotonic, counts through suspend, starts near 0 at boot.
    fn boot_ms(&self) -> i64;
    /// Everything at once, for record headers.
    fn read(&self) -> ClockReading;
}

/// A clock shared by all tasks.
pub type SharedClock = Arc<dyn Clock>;

/// The operating system's clocks.
#[derive(Debug)]
pub struct SystemClock {
    boot_id: [u8; 16],
    settings: Settings,
}

/// `[clock]` in `agent.toml`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// File whose existence says that the clock is synchronised.
    pub synchronised_file: PathBuf,
    /// The operator states that the host keeps time (containers); recorded in the configuration record.
    pub assume_synchronised: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Settings { synchronised_file: PathBuf::from(SYSTEMD_MARKER), assume_synchronised: false }
    }
}

impl SystemClock {
    /// Reads the boot id.
    ///
    /// # Errors
    /// When `/proc` is not mounted or its boot id is not a UUID.
    pub fn new(settings: Settings) -> std::io::Result<Self> {
        let text = std::fs::read_to_string(BOOT_ID_PATH)?;
        let boot_id = parse_boot_id(&text).ok_or_else(|| {
            std::io::Error::new(std::io::ErrorKind::InvalidData, format!("{BOOT_ID_PATH} does not hold a UUID"))
        })?;
        Ok(SystemClock { boot_id, settings })
    }
}

impl Clock for SystemClock {
    fn boot_ms(&self) -> i64 {
        boot_ms()
    }

    fn read(&self) -> ClockReading {
        let wall_ms = wall_ms();
        let marker_present = self.settings.assume_synchronised || self.settings.synchronised_file.exists();
        let sync = if marker_present && wall_ms >= NEVER_SET_BEFORE_MS {
            SyncState::Synchronised { error_ms: SYNCHRONISED_ERROR_MS }
        } else if self.settings.synchronised_file.parent().is_some_and(std::path::Path::exists) {
            // The time service runs (its directory is there) and has not set the clock.
            SyncState::Unsynchronised
        } else {
            SyncState::Unknown
        };
        ClockReading { boot_id: self.boot_id, boot_ms: boot_ms(), wall_ms, sync }
    }
}

/// A change of the wall clock worth recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClockChange {
    /// The wall clock moved against the boot clock by `by_ms` (negative: set back).
    Stepped {
        /// Size and direction, milliseconds.
        by_ms: i64,
    },
    /// The wall clock shows a time before 2020: it was never set.
    NeverSet,
    /// Synchronisation gained (`true`) or lost.
    Synchronised(bool),
}

/// Compares successive clock readings. Pure.
#[derive(Debug, Default)]
pub struct ClockWatch {
    last: Option<ClockReading>,
}

impl ClockWatch {
    /// What changed since the previous call. The first call reports only a clock that was never set.
    pub fn observe(&mut self, now: ClockReading) -> Vec<ClockChange> {
        let mut changes = Vec::new();
        match self.last {
            None => {
                if now.wall_ms < NEVER_SET_BEFORE_MS {
                    changes.push(ClockChange::NeverSet);
                }
            }
            Some(last) => {
                let drift_ms =
                    (now.wall_ms.saturating_sub(last.wall_ms)).saturating_sub(now.boot_ms.saturating_sub(last.boot_ms));
                if drift_ms.saturating_abs() >= STEP_MS_MIN {
                    changes.push(ClockChange::Stepped { by_ms: drift_ms });
                }
                if now.wall_ms < NEVER_SET_BEFORE_MS && last.wall_ms >= NEVER_SET_BEFORE_MS {
                    changes.push(ClockChange::NeverSet);
                }
                let (was, is) = (is_synchronised(last.sync), is_synchronised(now.sync));
                if was != is {
                    changes.push(ClockChange::Synchronised(is));
                }
            }
        }
        self.last = Some(now);
        changes
    }
}

/// True when the time service vouches for the wall clock.
#[must_use]
pub fn is_synchronised(sync: SyncState) -> bool {
    matches!(sync, SyncState::Synchronised { .. })
}

/// The wall clock, for commands that only compare it with a date: milliseconds since the Unix epoch, as the system believes.
#[must_use]
pub fn wall_ms() -> i64 {
    let ms = |since: std::time::Duration| i64::try_from(since.as_millis()).unwrap_or(i64::MAX);
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => ms(since),
        Err(before) => -ms(before.duration()),
    }
}

fn boot_ms() -> i64 {
    let now = clock_gettime(ClockId::Boottime);
    // tv_sec is i64 on every target (rustix uses the 64-bit interface on armv7 too).
    now.tv_sec.saturating_mul(1_000).saturating_add(i64::from(now.tv_nsec as u32) / 1_000_000)
}

fn parse_boot_id(text: &str) -> Option<[u8; 16]> {
    let hex: String = text.trim().chars().filter(|c| *c != '-').collect();
    let bytes = data_encoding::HEXLOWER_PERMISSIVE.decode(hex.as_bytes()).ok()?;
    bytes.try_into().ok()
}

#[cfg(test)]
mod tests;
