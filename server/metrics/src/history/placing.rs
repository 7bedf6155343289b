//! The records of a gateway on UTC, and the series of its tags from them.

use super::{CONTENT_MISSING, GapAt, Gateway, History, LOST};
use crate::column::{RecordPlace, Series, Stretch};
use crate::grade::Flag;

impl History {
    /// What the series of a gateway have in common.
    pub(crate) fn placing(&self, gateway: &str, stretch: Stretch) -> Option<Placing<'_>> {
        let (_, gateway) = self.gateways.iter().find(|(id, _)| id.as_str() == gateway)?;
        let mut gaps = gateway.gaps(stretch.gaps_from_ms);
        gaps.retain(|g| self.limit.is_none_or(|limit| g.leaf < limit));
        // Every reading of every tag asks where its record lies.
        let is_within = |place: &RecordPlace| self.limit.is_none_or(|limit| place.leaf < limit);
        let place = |(record, is_late)| {
            let place = gateway.record_place(record, is_late);
            RecordPlace { offset_ms: place.offset_ms.filter(|_| is_within(&place)), ..place }
        };
        let places = gateway.numbers().zip(gateway.late()).map(place).collect();
        Some(Placing { gateway, places, gaps })
    }
}

/// The records of a gateway on UTC.
pub(crate) struct Placing<'a> {
    gateway: &'a Gateway,
    /// Of the records held.
    places: Vec<RecordPlace>,
    gaps: Vec<GapAt<'a>>,
}

impl Placing<'_> {
    /// The readings of a tag in a stretch, with the gaps that concern it.
    pub(crate) fn series(&self, tag: &str, stretch: Stretch) -> Series {
        let first = self.gateway.past.records;
        let nowhere = RecordPlace { leaf: 0, offset_ms: None, error_ms: i64::MAX, is_late: false };
        let place = |record: u32| {
            let at = record.checked_sub(first).and_then(|i| self.places.get(i as usize));
            at.copied().unwrap_or(nowhere)
        };
        let column = self.gateway.columns.get(tag);
        let mut series = column.map_or_else(Series::default, |column| column.placed(stretch, place));
        for gap in self.gaps.iter().filter(|g| g.tag.is_none_or(|t| t == tag)) {
            series.gaps.push(gap.interval);
            match gap.cause {
                LOST => series.marked.push((Flag::LostRecords, gap.interval)),
                CONTENT_MISSING => series.marked.push((Flag::ContentMissing, gap.interval)),
                _ => {}
            }
        }
        series.gaps.sort_unstable();
        series
    }
}
