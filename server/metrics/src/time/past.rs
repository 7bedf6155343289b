//! Anchors that are forgotten, and placements that were relied upon.
//!
//! Constraints
//! 1. A header that came after readings were evaluated may still place them elsewhere. For each placement relied upon the
//!    stretch of boot clock is remembered in which a new anchor would move it ([`Clocks::freeze`]); one that falls there is
//!    noticed ([`Clocks::moves_frozen`]), never applied in silence.
//! 2. Only hulls of those stretches are kept: a header may be suspected wrongly, never overlooked.
//! 3. Anchors that place nothing that is held are forgotten, but never a boot's newest; what would have to be placed among those
//!    is noticed too ([`Clocks::is_forgotten`]).

use std::collections::BTreeMap;

use protocol::{BootId, Clock};

use super::{Anchor, Boot, Clocks, DRIFT_PPM, ERROR_MAX_MS, own};
use crate::interval::Interval;

/// Beyond this an anchor places nothing: its error has grown past [`ERROR_MAX_MS`].
const FAR_MS: i64 = ERROR_MAX_MS * (1_000_000 / DRIFT_PPM) + 1;

/// What was relied upon in a boot, and what is gone of it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Past {
    /// Where a new synchronised header would move a placement.
    synchronised: Option<Interval>,
    /// Where a new server time would.
    server: Option<Interval>,
    /// Anchors before this are gone.
    forgotten_ms: Option<i64>,
}

fn widen(hull: &mut Option<Interval>, by: Interval) {
    if !by.is_empty() {
        *hull = Some(hull.map_or(by, |h| Interval::new(h.from_ms.min(by.from_ms), h.to_ms.max(by.to_ms))));
    }
}

/// Where a new anchor would move what these place at an instant; the flag says whether they place it.
fn sensitive(anchors: &BTreeMap<i64, Anchor>, boot_ms: i64) -> (Interval, bool) {
    let placed = |a: &Anchor| a.placement(boot_ms).is_some();
    let after = anchors.range(boot_ms..).next().map(|(_, a)| a).filter(|a| placed(a));
    let far = Interval::new(boot_ms.saturating_sub(FAR_MS), boot_ms.saturating_add(FAR_MS));
    match after {
        Some(after) => (Interval::new(boot_ms, after.boot_ms), true),
        None => (far, anchors.range(..boot_ms).next_back().is_some_and(|(_, a)| placed(a))),
    }
}

impl Clocks {
    /// Whether no header in order can move what this header places: its own clock was synchronised, or a later one of
    /// its boot was.
    pub(crate) fn is_settled(&self, clock: &Clock) -> bool {
        let after = |boot: &Boot| {
            let next = boot.synchronised.range(clock.boot_ms..).next();
            next.is_some_and(|(_, a)| a.placement(clock.boot_ms).is_some())
        };
        own(clock).is_some() || self.boots.get(&clock.boot_id).is_some_and(after)
    }

    /// Whether a header's place is its own clock's word.
    pub(crate) fn is_own(clock: &Clock) -> bool {
        own(clock).is_some()
    }

    /// Remembers that an instant of a boot was placed, or found to have no place, and that this was relied upon.
    pub(crate) fn freeze(&mut self, boot_id: BootId, boot_ms: i64) {
        let boot = self.boots.entry(boot_id).or_default();
        let (range, is_placed) = sensitive(&boot.synchronised, boot_ms);
        widen(&mut boot.past.synchronised, range);
        if !is_placed {
            widen(&mut boot.past.server, sensitive(&boot.server, boot_ms).0);
        }
    }

    /// Whether taking note of this clock would move a placement that was relied upon.
    pub(crate) fn moves_frozen(&self, clock: &Clock) -> bool {
        let Some(boot) = self.boots.get(&clock.boot_id) else { return false };
        let moves = |anchors: &BTreeMap<i64, Anchor>, hull: Option<Interval>, boot_ms: i64| {
            hull.is_some_and(|h| h.contains(boot_ms)) && !anchors.contains_key(&boot_ms)
        };
        own(clock).is_some_and(|a| moves(&boot.synchronised, boot.past.synchronised, a.boot_ms))
            || clock.server.is_some_and(|s| moves(&boot.server, boot.past.server, s.boot_ms))
    }

    /// Whether anchors that would place this instant may have been forgotten.
    pub(crate) fn is_forgotten(&self, boot_id: &BootId, boot_ms: i64) -> bool {
        self.boots.get(boot_id).is_some_and(|b| b.past.forgotten_ms.is_some_and(|before| boot_ms <= before))
    }

    /// Forgets the anchors before what is held of each boot: `held` gives the earliest instant of those boots.
    pub(crate) fn forget(&mut self, held: &BTreeMap<BootId, i64>) {
        for (id, boot) in &mut self.boots {
            for anchors in [&mut boot.synchronised, &mut boot.server] {
                let Some((newest, _)) = anchors.last_key_value() else { continue };
                let oldest = held.get(id).map_or(*newest, |ms| *ms.min(newest));
                // The last before it may be what places it.
                let from = anchors.range(..=oldest).next_back().map_or(oldest, |(ms, _)| *ms);
                let kept = anchors.split_off(&from);
                if !anchors.is_empty() {
                    boot.past.forgotten_ms = boot.past.forgotten_ms.max(Some(from));
                }
                *anchors = kept;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::{ServerAnchor, SyncState};

    fn clock(boot_ms: i64, sync: SyncState, server: Option<i64>) -> Clock {
        let server = server.map(|boot_ms| ServerAnchor { server_ms: 1_000_000 + boot_ms, boot_ms, error_ms: 100 });
        Clock {
            boot_id: BootId([7; 16]),
            boot_ms,
            wall_ms: 1_000_000 + boot_ms,
            sync,
            error_ms: 10,
            server,
            simulated: false,
        }
    }

    const BOOT: BootId = BootId([7; 16]);

    /// Observing any clock that is not suspected leaves every frozen placement where it was.
    #[test]
    fn what_moves_a_frozen_placement_is_never_overlooked() {
        let mut state = 1_u64;
        let mut random = |below: i64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            ((state >> 33) as i64) % below
        };
        let (mut quiet, mut suspected) = (0, 0);
        for _ in 0..3_000 {
            let mut clocks = Clocks::default();
            let any = |random: &mut dyn FnMut(i64) -> i64| {
                let at = random(40) * 30_000_000;
                let sync = if random(3) == 0 { SyncState::Synchronised } else { SyncState::Unsynchronised };
                let server = (random(2) == 0).then(|| random(40) * 30_000_000);
                let mut clock = clock(at, sync, server);
                // Clocks differ, so that a placement by another anchor is another placement.
                clock.wall_ms += random(1_000);
                clock
            };
            for _ in 0..random(5) {
                clocks.observe(&any(&mut random));
            }
            let frozen: Vec<i64> = (0..3).map(|_| random(40) * 30_000_000).collect();
            for at in &frozen {
                clocks.freeze(BOOT, *at);
            }
            let next = any(&mut random);
            let before: Vec<_> = frozen.iter().map(|at| clocks.place_at(&BOOT, *at)).collect();
            let moves = clocks.moves_frozen(&next);
            clocks.observe(&next);
            let after: Vec<_> = frozen.iter().map(|at| clocks.place_at(&BOOT, *at)).collect();
            assert!(moves || before == after, "{frozen:?} {before:?} {after:?} {next:?}");
            *if moves { &mut suspected } else { &mut quiet } += 1;
        }
        assert!(quiet > 500 && suspected > 500, "{quiet} {suspected}");
    }

    #[test]
    fn headers_in_order_move_nothing_that_is_settled() {
        let mut clocks = Clocks::default();
        for i in 0..10 {
            let sync = if i % 3 == 2 { SyncState::Synchronised } else { SyncState::Unsynchronised };
            let now = clock(i * 10_000, sync, None);
            assert!(!clocks.moves_frozen(&now), "{i}");
            clocks.observe(&now);
            for at in (0..=i).map(|k| k * 10_000) {
                let past = clock(at, SyncState::Unsynchronised, None);
                if clocks.is_settled(&past) {
                    clocks.freeze(BOOT, at);
                }
            }
        }
        assert!(!clocks.is_settled(&clock(90_000, SyncState::Unsynchronised, None)));
    }

    #[test]
    fn old_anchors_go_and_what_lay_among_them_is_known() {
        let mut clocks = Clocks::default();
        let hour = 3_600_000;
        for i in 0..100 {
            clocks.observe(&clock(i * hour, SyncState::Synchronised, None));
        }
        let placed = clocks.place_at(&BOOT, 70 * hour + 1);
        clocks.forget(&BTreeMap::from([(BOOT, 51 * hour + 5)]));
        assert_eq!(clocks.boots[&BOOT].synchronised.len(), 49);
        assert_eq!(clocks.place_at(&BOOT, 70 * hour + 1), placed);
        assert!(clocks.is_forgotten(&BOOT, 50 * hour) && !clocks.is_forgotten(&BOOT, 51 * hour + 1));
        assert!(!clocks.is_forgotten(&BootId([8; 16]), 0));
        clocks.forget(&BTreeMap::new());
        assert_eq!(clocks.boots[&BOOT].synchronised.len(), 1, "the end of a boot is where gaps begin");
    }
}
