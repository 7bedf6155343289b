//! UTC of readings, derived from the clock fields of signed headers, purely.
//!
//! Constraints
//! 1. Readings carry the boot clock; nothing is rewritten when the wall clock becomes known, stepped or was wrong.
//! 2. One offset per record: its own header if the clock was synchronised then; else the next synchronised header of
//!    the same boot; else the one before, with 50 ppm of drift; else a signed server time of that boot; else unknown.
//! 3. What cannot be placed within 30 s (reference §3.7) is not placed at all and counts as a gap.

mod past;

use std::collections::BTreeMap;

use protocol::{BootId, Clock, SyncState};

/// Drift allowed for a free-running boot clock, parts per million.
pub const DRIFT_PPM: i64 = 50;
/// Worst estimated error with which a reading is still placed, milliseconds.
pub const ERROR_MAX_MS: i64 = 30_000;
/// Estimated error above which a value says so, milliseconds.
pub const ERROR_FLAG_MS: i64 = 2_000;

/// Where the boot clock of a record lies on UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placement {
    /// UTC = boot clock + this, milliseconds.
    pub offset_ms: i64,
    /// Estimated error, milliseconds.
    pub error_ms: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Anchor {
    boot_ms: i64,
    utc_ms: i64,
    error_ms: i64,
}

impl Anchor {
    fn placement(&self, at_boot_ms: i64) -> Option<Placement> {
        let away = at_boot_ms.checked_sub(self.boot_ms)?.checked_abs()?;
        let drift = (i128::from(away) * i128::from(DRIFT_PPM) / 1_000_000) as i64;
        let error_ms = self.error_ms.saturating_add(drift);
        let offset_ms = self.utc_ms.checked_sub(self.boot_ms)?;
        (error_ms <= ERROR_MAX_MS).then_some(Placement { offset_ms, error_ms })
    }
}

/// The clock anchors of one gateway, by boot.
#[derive(Debug, Clone, Default)]
pub struct Clocks {
    boots: BTreeMap<BootId, Boot>,
}

#[derive(Debug, Clone, Default)]
struct Boot {
    synchronised: BTreeMap<i64, Anchor>,
    server: BTreeMap<i64, Anchor>,
    past: past::Past,
}

impl Clocks {
    /// Takes note of a header's clock.
    pub fn observe(&mut self, clock: &Clock) {
        let boot = self.boots.entry(clock.boot_id).or_default();
        if let Some(anchor) = own(clock) {
            boot.synchronised.entry(anchor.boot_ms).or_insert(anchor);
        }
        if let Some(s) = clock.server {
            let anchor = Anchor { boot_ms: s.boot_ms, utc_ms: s.server_ms, error_ms: i64::from(s.error_ms) };
            boot.server.entry(anchor.boot_ms).or_insert(anchor);
        }
    }

    /// Places a record by its header's clock; `None` when its time is unknown.
    pub fn place(&self, clock: &Clock) -> Option<Placement> {
        if let Some(anchor) = own(clock) {
            return anchor.placement(clock.boot_ms);
        }
        self.place_at(&clock.boot_id, clock.boot_ms)
    }

    /// Places an instant of a boot that has no header of its own (the beginning of a gap in an earlier boot).
    pub fn place_at(&self, boot_id: &BootId, boot_ms: i64) -> Option<Placement> {
        let boot = self.boots.get(boot_id)?;
        let nearest = |anchors: &BTreeMap<i64, Anchor>| {
            let after = anchors.range(boot_ms..).next().map(|(_, a)| *a);
            let before = anchors.range(..boot_ms).next_back().map(|(_, a)| *a);
            let placed = |a: Option<Anchor>| a.and_then(|a| a.placement(boot_ms));
            placed(after).or_else(|| placed(before))
        };
        nearest(&boot.synchronised).or_else(|| nearest(&boot.server))
    }
}

fn own(clock: &Clock) -> Option<Anchor> {
    (clock.sync == SyncState::Synchronised).then_some(Anchor {
        boot_ms: clock.boot_ms,
        utc_ms: clock.wall_ms,
        error_ms: i64::from(clock.error_ms),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::ServerAnchor;

    fn clock(boot_ms: i64, wall_ms: i64, sync: SyncState, server: Option<ServerAnchor>) -> Clock {
        Clock { boot_id: BootId([7; 16]), boot_ms, wall_ms, sync, error_ms: 10, server, simulated: false }
    }

    #[test]
    fn a_later_synchronisation_places_earlier_readings_and_1970_is_never_believed() {
        let woke = clock(5_000, 6_000, SyncState::Unsynchronised, None);
        let mut clocks = Clocks::default();
        clocks.observe(&woke);
        assert_eq!(clocks.place(&woke), None, "the wall clock said 1970, and nobody vouched for it");
        let anchor = ServerAnchor { server_ms: 1_700_000_020_000, boot_ms: 20_000, error_ms: 300 };
        clocks.observe(&clock(30_000, 31_000, SyncState::Unknown, Some(anchor)));
        assert_eq!(clocks.place(&woke), Some(Placement { offset_ms: 1_700_000_000_000, error_ms: 300 }));
        clocks.observe(&clock(4_005_000, 1_700_004_005_100, SyncState::Synchronised, None));
        // 4,000 s of 50 ppm are 200 ms; a synchronised header is preferred to the server's word.
        assert_eq!(clocks.place(&woke), Some(Placement { offset_ms: 1_700_000_000_100, error_ms: 210 }));
        let later = clock(4_105_000, 0, SyncState::Unknown, None);
        assert_eq!(clocks.place(&later).map(|p| p.error_ms), Some(15));
        // A week away from every anchor the error passes thirty seconds.
        assert_eq!(clocks.place(&clock(4_005_000 + 700_000_000, 0, SyncState::Unknown, None)), None);
        let other_boot = Clock { boot_id: BootId([8; 16]), ..woke };
        assert_eq!(clocks.place(&other_boot), None);
    }
}
