//! When something was first and last there, within days of interest: two instants, however long the log is.

use crate::column::{Column, Span};
use crate::interval::Interval;

/// First and last instant within some days.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Extent(Option<(i64, i64)>);

impl Extent {
    /// Takes an instant in, if it lies in one of the days.
    pub(crate) fn add(&mut self, ms: i64, days: &[Interval]) {
        if days.iter().any(|day| day.contains(ms)) {
            self.join(Self(Some((ms, ms))));
        }
    }

    /// Takes in what another has.
    pub(crate) fn join(&mut self, other: Self) {
        self.0 = match (self.0, other.0) {
            (Some(a), Some(b)) => Some((a.0.min(b.0), a.1.max(b.1))),
            (a, b) => a.or(b),
        };
    }

    /// Both instants, if there is any.
    pub(crate) const fn ends(self) -> Option<(i64, i64)> {
        self.0
    }
}

impl Column {
    /// Remembers when a span was read that is about to be forgotten.
    pub(super) fn remember(&mut self, span: usize, offset_ms: i64, days: &[Interval]) {
        if let Some(span) = self.spans.get(span) {
            let seen = self.extent_of(span, offset_ms, days);
            self.seen.join(seen);
        }
    }

    /// When the tag was read in some days, the same as those that were given when anything of it was forgotten.
    pub(crate) fn seen(&self, days: &[Interval], offset_ms: impl Fn(u32) -> Option<i64>) -> Extent {
        let mut out = self.seen;
        for span in &self.spans {
            if let Some(offset_ms) = offset_ms(span.record) {
                out.join(self.extent_of(span, offset_ms, days));
            }
        }
        out
    }

    /// An empty column that remembers when this one was read.
    pub(crate) fn only_seen(&self, days: &[Interval], offset_ms: impl Fn(u32) -> Option<i64>) -> Self {
        Self { seen: self.seen(days, offset_ms), ..Self::default() }
    }

    fn extent_of(&self, span: &Span, offset_ms: i64, days: &[Interval]) -> Extent {
        let from_ms = span.base_ms.saturating_add(offset_ms);
        let last_ms = from_ms.saturating_add(i64::from(span.last));
        let mut out = Extent::default();
        // Nearly every span lies within a day as a whole: then its readings need not be looked at.
        if days.iter().any(|day| day.contains(from_ms) && day.contains(last_ms)) {
            out.add(from_ms, days);
            out.add(last_ms, days);
        } else if days.iter().any(|day| from_ms < day.to_ms && last_ms >= day.from_ms) {
            for relative in self.times.get(span.start..span.end).unwrap_or(&[]) {
                out.add(from_ms.saturating_add(i64::from(*relative)), days);
            }
        }
        out
    }
}
