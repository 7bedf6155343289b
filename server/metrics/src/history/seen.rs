//! When tags and gateways were there, within days of interest.
//!
//! Constraints
//! 1. A tag was there at its good readings that can be stored; a gateway at the first and the last reading of its batches, as their
//!    signed headers say, whether or not their contents are at hand.
//! 2. What cannot be placed on UTC places nothing.
//! 3. In one pass two instants per tag and gateway are remembered of what is forgotten, in the days that were given before
//!    ([`History::watch`]); asking for other days then is a mistake that [`History::watches`] tells.

use std::collections::BTreeMap;

use protocol::Kind;

use super::{Gateway, History};
use crate::column::Extent;
use crate::filed::TagsSeen;
use crate::interval::Interval;

/// When tags and gateways were first and last there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SeenWithin {
    /// By gateway and tag.
    pub tags: TagsSeen,
    /// By gateway.
    pub gateways: BTreeMap<String, (i64, i64)>,
}

impl Gateway {
    /// When a batch had readings, by its header.
    pub(super) fn record_seen(&self, record: u32, days: &[Interval]) -> Extent {
        let mut out = Extent::default();
        let is_batch = self.record(record).is_some_and(|info| info.kind == Kind::Batch && info.readings > 0);
        if let Some(span) = self.span(record).filter(|_| is_batch && !days.is_empty()) {
            out.add(span.from_ms, days);
            out.add(span.to_ms, days);
        }
        out
    }

    /// The offset of every record held, by its number.
    fn offsets(&self) -> Vec<Option<i64>> {
        self.numbers().map(|record| self.place(record).map(|place| place.offset_ms)).collect()
    }

    pub(super) fn drop_readings(&mut self, days: &[Interval]) {
        let (first, offsets) = (self.past.records, self.offsets());
        let offset = |record: u32| *offsets.get(record.checked_sub(first)? as usize)?;
        for (_, column) in self.columns.iter_mut() {
            *column = column.only_seen(days, offset);
        }
    }
}

impl History {
    /// From here on remembers, of what is forgotten, when it was there in these days.
    pub(crate) fn watch(&mut self, days: Vec<Interval>) {
        self.watched = days;
    }

    /// Whether what was forgotten is remembered for these days.
    pub(crate) fn watches(&self, days: &[Interval]) -> bool {
        self.watched == days || self.forgotten_ms.is_none()
    }

    /// When tags and gateways were there in some days.
    pub fn seen(&self, days: &[Interval]) -> SeenWithin {
        let mut out = SeenWithin::default();
        for (id, gateway) in self.gateways.iter() {
            let (first, offsets) = (gateway.past.records, gateway.offsets());
            let offset = |record: u32| *offsets.get(record.checked_sub(first)? as usize)?;
            for (tag, column) in gateway.columns.iter() {
                let seen = column.seen(days, offset).ends();
                out.tags.extend(seen.map(|seen| ((id.to_string(), tag.to_owned()), seen)));
            }
            let mut seen = gateway.past.seen;
            for record in gateway.numbers() {
                seen.join(gateway.record_seen(record, days));
            }
            out.gateways.extend(seen.ends().map(|seen| (id.to_string(), seen)));
        }
        out
    }
}
