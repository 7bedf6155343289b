//! Batches that a machine names itself: stretches of one batch number on a signal.
//!
//! Constraints
//! 1. A batch lasts from the first reading of its number to the first reading of another number or of none (0, false, empty).
//!    It may have begun as early as the reading before, and ended as early as its own last one: those instants are kept.
//! 2. A number that returns after another one is another stretch of the same batch, and is said so by standing there twice.
//! 3. Silence does not end a batch when the number after it is the same; a silence longer than the signal's stale time says that
//!    nobody watched throughout.

use crate::interval::Interval;

/// A stretch of one batch number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// The number, as the signal showed it.
    pub batch: String,
    /// First reading of the number to the first reading without it.
    pub span: Interval,
    /// The last reading before it; `None` when its beginning was not seen.
    pub begun_after_ms: Option<i64>,
    /// The last reading of the number.
    pub last_seen_ms: i64,
    /// The end was seen.
    pub is_ended: bool,
    /// No silence inside was longer than the stale time.
    pub is_watched: bool,
}

/// Finds batches in readings in order of time; `None` is a reading that names no batch.
pub fn recognise<'a>(readings: impl Iterator<Item = (i64, Option<&'a str>)>, stale_ms: i64) -> Vec<Seen> {
    let mut out: Vec<Seen> = Vec::new();
    let mut open = false;
    let mut before_ms = None;
    for (ms, batch) in readings {
        if let Some(last) = out.last_mut().filter(|_| open) {
            last.is_watched &= ms.saturating_sub(last.last_seen_ms) <= stale_ms;
            last.span.to_ms = ms;
            if batch == Some(last.batch.as_str()) {
                last.last_seen_ms = ms;
            } else {
                (last.is_ended, open) = (true, false);
            }
        }
        if let (Some(batch), false) = (batch, open) {
            open = true;
            out.push(Seen {
                batch: batch.to_owned(),
                span: Interval::new(ms, ms),
                begun_after_ms: before_ms,
                last_seen_ms: ms,
                is_ended: false,
                is_watched: true,
            });
        }
        before_ms = Some(ms);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_lasts_until_another_number_and_silence_is_told() {
        let readings = [
            (0, Some("A")),
            (10, Some("A")),
            (20, None),
            (30, Some("B")),
            (100, Some("B")),
            (110, Some("C")),
            (120, Some("B")),
        ];
        let seen = recognise(readings.into_iter(), 20);
        let short: Vec<_> = seen.iter().map(|s| (s.batch.as_str(), s.span.from_ms, s.span.to_ms)).collect();
        assert_eq!(short, [("A", 0, 20), ("B", 30, 110), ("C", 110, 120), ("B", 120, 120)]);
        let marks: Vec<_> = seen.iter().map(|s| (s.begun_after_ms, s.last_seen_ms, s.is_ended, s.is_watched)).collect();
        assert_eq!(
            marks,
            [
                (None, 10, true, true),
                (Some(20), 100, true, false),
                (Some(100), 110, true, true),
                (Some(110), 120, false, true)
            ]
        );
        assert!(recognise(std::iter::empty(), 20).is_empty());
    }
}
