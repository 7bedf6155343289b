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
        Some(Placing { gateway, late: gateway.late(), gaps, limit: self.limit })
    }
}

/// The records of a gateway on UTC.
pub(crate) struct Placing<'a> {
    gateway: &'a Gateway,
    late: Vec<bool>,
    gaps: Vec<GapAt<'a>>,
    limit: Option<u64>,
}

impl Placing<'_> {
    /// The readings of a tag in a stretch, with the gaps that concern it.
    pub(crate) fn series(&self, tag: &str, stretch: Stretch) -> Series {
        let first = self.gateway.past.records;
        let is_late = |record: u32| {
            let at = record.checked_sub(first).and_then(|i| self.late.get(i as usize));
            at.is_some_and(|is| *is)
        };
        let mut series = match self.gateway.columns.iter().find(|(id, _)| id.as_str() == tag) {
            Some((_, column)) => column.placed(stretch, |record| {
                let place = self.gateway.record_place(record, is_late(record));
                let offset_ms = place.offset_ms.filter(|_| self.limit.is_none_or(|limit| place.leaf < limit));
                RecordPlace { offset_ms, ..place }
            }),
            None => Series::default(),
        };
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
