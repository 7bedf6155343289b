//! What was not observed, per tag. Pure.
//!
//! Constraints:
//! 1. Every instant of a tag's time after the source started is either at a reading or, when polls failed, inside a gap with a cause.
//! 2. A gap is told **in pieces** as it grows: at the first failed poll (back to the last good reading), then at least every
//!    [`PIECE_MS`], and at the next good reading. Each piece is sealed like a reading, so a SIGKILL in the middle of a long outage
//!    leaves at most one unsealed piece, which the restart covers like unsealed readings — never an unexplained stretch.
//! 3. Pieces of one tag never overlap and never go back in time. Half-open on the boot clock: `[from, to)`; the first piece starts at
//!    the last reading, the last ends at the next one, and no reading lies strictly inside.
//! 4. When the cause changes in the middle of an outage, the old piece ends there: each stretch carries its true cause.

use protocol::GapCause;

/// A growing gap is told at least this often, half the longest seal interval (10 s).
pub const PIECE_MS: i64 = 5_000;

/// A stretch of one tag without readings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    /// The last reading, or the end of the piece before; boot clock milliseconds.
    pub from_ms: i64,
    /// End (exclusive).
    pub to_ms: i64,
    /// Why.
    pub cause: GapCause,
}

/// The observation of one tag.
#[derive(Clone, Debug)]
pub struct Tracker {
    /// Up to here this tag is accounted for.
    open_ms: i64,
    /// Cause of the outage that is going on.
    cause: Option<GapCause>,
}

impl Tracker {
    /// Starts watching at `start_ms`: what is not read from then on is a gap.
    pub fn new(start_ms: i64) -> Self {
        Self { open_ms: start_ms, cause: None }
    }

    /// A good reading at `now_ms`. Returns the last piece of the outage it ends.
    pub fn good(&mut self, now_ms: i64) -> Option<Piece> {
        let piece = self.cause.take().and_then(|cause| self.close(now_ms, cause));
        self.open_ms = self.open_ms.max(now_ms);
        piece
    }

    /// A failed poll at `now_ms`. Returns a piece when the outage begins, changes its cause, or has grown enough.
    pub fn bad(&mut self, now_ms: i64, cause: GapCause) -> Option<Piece> {
        match self.cause {
            None => {
                self.cause = Some(cause);
                self.close(now_ms, cause)
            }
            Some(before) if before != cause => {
                self.cause = Some(cause);
                self.close(now_ms, before)
            }
            Some(_) if now_ms.saturating_sub(self.open_ms) >= PIECE_MS => self.close(now_ms, cause),
            Some(_) => None,
        }
    }

    /// States a loss inside otherwise good observation: since the last reading, up to `now_ms`.
    pub fn lost(&mut self, now_ms: i64, cause: GapCause) -> Option<Piece> {
        self.close(now_ms, cause)
    }

    /// The end of the source (shutdown): the rest of an outage that is going on.
    pub fn finish(&mut self, now_ms: i64) -> Option<Piece> {
        self.cause.and_then(|cause| self.close(now_ms, cause))
    }

    /// The cause of the outage that is going on.
    pub fn outage(&self) -> Option<GapCause> {
        self.cause
    }

    fn close(&mut self, now_ms: i64, cause: GapCause) -> Option<Piece> {
        if now_ms <= self.open_ms {
            return None;
        }
        let piece = Piece { from_ms: self.open_ms, to_ms: now_ms, cause };
        self.open_ms = now_ms;
        Some(piece)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use GapCause::{DeviceRefused, DeviceSilent};
    use proptest::prelude::*;

    fn piece(from_ms: i64, to_ms: i64, cause: GapCause) -> Option<Piece> {
        Some(Piece { from_ms, to_ms, cause })
    }

    #[test]
    fn an_outage_reaches_from_the_last_good_reading_to_the_next() {
        let mut t = Tracker::new(0);
        assert_eq!(t.good(1_000), None);
        assert_eq!(t.bad(2_500, DeviceSilent), piece(1_000, 2_500, DeviceSilent));
        assert_eq!(t.bad(3_500, DeviceSilent), None, "small growth waits");
        assert_eq!(t.bad(7_500, DeviceSilent), piece(2_500, 7_500, DeviceSilent));
        assert_eq!(t.good(9_000), piece(7_500, 9_000, DeviceSilent));
        assert_eq!(t.good(10_000), None);
    }

    #[test]
    fn a_change_of_cause_ends_the_piece_with_the_old_cause() {
        let mut t = Tracker::new(0);
        t.good(10);
        t.bad(100, DeviceSilent);
        assert_eq!(t.bad(200, DeviceRefused), piece(100, 200, DeviceSilent));
        assert_eq!(t.good(300), piece(200, 300, DeviceRefused));
    }

    #[test]
    fn a_device_that_never_answered_is_a_gap_from_the_start() {
        let mut t = Tracker::new(500);
        assert_eq!(t.bad(1_500, DeviceSilent), piece(500, 1_500, DeviceSilent));
        assert_eq!(t.finish(2_000), piece(1_500, 2_000, DeviceSilent));
    }

    proptest! {
        #[test]
        fn pieces_tile_every_outage(steps in prop::collection::vec((1i64..8_000, 0u8..3), 1..60)) {
            let mut t = Tracker::new(0);
            let (mut now, mut pieces, mut readings) = (0, Vec::new(), Vec::new());
            for (step, what) in steps {
                now += step;
                pieces.extend(match what {
                    0 => { readings.push(now); t.good(now) }
                    1 => t.bad(now, DeviceSilent),
                    _ => t.bad(now, DeviceRefused),
                });
                let unsaid = now - pieces.last().map_or(0, |p: &Piece| p.to_ms).max(*readings.last().unwrap_or(&0));
                if t.outage().is_some() {
                    prop_assert!(unsaid <= PIECE_MS, "{unsaid} ms untold");
                }
            }
            for pair in pieces.windows(2) {
                prop_assert!(pair[0].to_ms <= pair[1].from_ms);
            }
            for p in &pieces {
                prop_assert!(p.from_ms < p.to_ms);
                prop_assert!(!readings.iter().any(|r| p.from_ms < *r && *r < p.to_ms), "reading inside a gap");
            }
        }
    }
}
