//! What a history forgets, and how it notices that it should not have been relied upon.
//!
//! Constraints
//! 1. Only [`crate::pass`] forgets. It says what it relied upon ([`History::used`]) and what it will not need again
//!    ([`History::forget_before`]).
//! 2. Whatever arrives later and would have changed what was relied upon is noticed and named by its leaf
//!    ([`History::disturbance`]): a reading, a gap, a clock. It may be suspected wrongly, never overlooked.
//! 3. A record is forgotten when nothing of it is held; gaps it stated stay, for later windows and for the list in the report.

use std::collections::{BTreeMap, BTreeSet};

use protocol::{GatewayId, Kind, TagId};

use super::{GapAt, Gateway, History, REACH_MS};
use crate::column::{Column, Extent, Fate};
use crate::interval::Interval;
use crate::time::Clocks;

/// What arrived too late.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// Readings, or bad readings.
    Readings,
    /// A recorded gap, a loss, or a content that is missing.
    Gap,
    /// A clock by which earlier readings lie elsewhere.
    Clock,
    /// A statement in force for what was evaluated.
    Statement,
    /// A plan by which other dates are reported.
    Plan,
}

/// Something arrived after what it belongs to had been evaluated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disturbance {
    /// The leaf that brought it.
    pub leaf: u64,
    /// What it is.
    pub by: By,
}

/// How far a tag was relied upon.
#[derive(Debug, Clone, Copy)]
struct Used {
    /// From the first instant of the windows evaluated to the last.
    hull: Interval,
    /// The last reading looked at, or the end of what was looked through.
    through_ms: i64,
}

impl Used {
    fn widen(&mut self, other: Self) {
        self.hull.from_ms = self.hull.from_ms.min(other.hull.from_ms);
        self.hull.to_ms = self.hull.to_ms.max(other.hull.to_ms);
        self.through_ms = self.through_ms.max(other.through_ms);
    }

    /// Whether a gap may concern one of the windows: see `Piece::gaps`.
    const fn meets(&self, gap: Interval) -> bool {
        gap.from_ms <= self.hull.to_ms
            && gap.to_ms >= self.hull.from_ms.saturating_sub(REACH_MS)
            && gap.to_ms <= self.hull.to_ms.saturating_add(REACH_MS)
    }
}

#[derive(Debug, Clone)]
struct PastGap {
    interval: Interval,
    tag: Option<TagId>,
    leaf: u64,
    cause: &'static str,
}

/// What is gone of a gateway, and what was relied upon.
#[derive(Debug, Clone, Default)]
pub(super) struct Past {
    /// Records forgotten: the first so many.
    pub(super) records: u32,
    pub(super) first_received_ms: Option<i64>,
    /// The greatest placed end of those records.
    pub(super) newest_ms: Option<i64>,
    /// The placed end of the last of them that has a place.
    pub(super) last_ms: Option<i64>,
    /// When they had readings, in the days of interest.
    pub(super) seen: Extent,
    /// What those records stated.
    gaps: Vec<PastGap>,
    /// Records before this one are settled: nothing in order moves them.
    settled: u32,
    settled_ms: Option<i64>,
    /// Records that another's clock places, not relied upon yet.
    loose: BTreeSet<u32>,
    used: BTreeMap<String, Used>,
    used_any: Option<Used>,
}

impl Past {
    pub(super) fn gaps(&self, from_ms: i64) -> impl Iterator<Item = GapAt<'_>> {
        let gaps = self.gaps.iter().filter(move |g| g.interval.to_ms >= from_ms);
        gaps.map(|g| GapAt {
            interval: g.interval,
            tag: g.tag.as_ref().map(TagId::as_str),
            leaf: g.leaf,
            cause: g.cause,
        })
    }
}

impl Gateway {
    /// Takes note of a record just taken in; says whether it changes what was relied upon.
    pub(super) fn arrived(&mut self, record: u32) -> Option<By> {
        if Clocks::is_own(&self.record(record)?.clock) {
            self.changes(record)
        } else {
            self.past.loose.insert(record);
            None
        }
    }

    /// Whether a record that was not relied upon changes what was.
    fn changes(&self, record: u32) -> Option<By> {
        let any = self.past.used_any?;
        let info = self.record(record)?;
        let clock = &info.clock;
        if !Clocks::is_own(clock) && self.clocks.is_forgotten(&clock.boot_id, clock.boot_ms) {
            return Some(By::Clock);
        }
        let offset_ms = self.place(record)?.offset_ms;
        let is_read = |(tag, used): (&String, &Used)| {
            let oldest = self.columns.get(tag).and_then(|c| c.oldest_of(record));
            oldest.is_some_and(|ms| ms.saturating_add(offset_ms) <= used.through_ms)
        };
        if info.oldest_ms.is_some_and(|ms| ms.saturating_add(offset_ms) <= any.through_ms)
            && self.past.used.iter().any(is_read)
        {
            return Some(By::Readings);
        }
        let of_record = self.gaps.iter().rev().skip_while(|g| g.2.record > record).take_while(|g| g.2.record == record);
        for (tag, _, stated) in of_record {
            if stated.from_boot.is_some_and(|boot| self.clocks.is_forgotten(&boot, stated.from_ms)) {
                return Some(By::Clock);
            }
            let interval = stated.placed(offset_ms, &self.clocks);
            let meets = |tag: &TagId| self.past.used.get(tag.as_str()).is_some_and(|u| u.meets(interval));
            if tag.as_ref().map_or(any.meets(interval), meets) {
                return Some(By::Gap);
            }
        }
        if info.missing && info.kind == Kind::Batch && self.span(record).is_some_and(|span| any.meets(span)) {
            return Some(By::Gap);
        }
        self.changes_loss(record, any).then_some(By::Gap)
    }

    /// Whether a record that is lost, or the first with a place after one that is, changes the gap.
    fn changes_loss(&self, record: u32, any: Used) -> bool {
        if self.lost.is_empty() {
            return false;
        }
        let first = self.numbers().start;
        let silent = (first..record).rev().take_while(|r| self.span(*r).is_none() || self.lost.contains(r));
        for lost in silent.chain([record]).filter(|r| self.lost.contains(r)) {
            let now = self.lost_gap(lost);
            // Before this record came it ended with the statement itself.
            let own = self.span(lost).map(|s| s.to_ms);
            let was = now.zip(own).map(|(gap, own_ms)| Interval::new(gap.from_ms, own_ms));
            if [now, was].into_iter().flatten().any(|gap| any.meets(gap)) {
                return true;
            }
        }
        false
    }

    /// Until when the readings of this gateway have come, by clocks that are settled.
    fn settle(&mut self) -> Option<i64> {
        let newest_boot = self.records.last().map(|r| r.clock.boot_id);
        self.past.settled = self.past.settled.max(self.past.records);
        while let Some(info) = self.record(self.past.settled) {
            let is_over = newest_boot.is_some_and(|boot| boot != info.clock.boot_id);
            if !is_over && !self.clocks.is_settled(&info.clock) {
                break;
            }
            let end_ms = self.span(self.past.settled).map(|s| s.to_ms);
            self.past.settled_ms = self.past.settled_ms.max(end_ms);
            self.past.settled += 1;
        }
        self.past.settled_ms
    }

    /// The first record whose place changed, or was found, after what it belongs to was relied upon.
    fn disturbance(&self) -> Option<Disturbance> {
        let found = |r: &u32| Some(Disturbance { leaf: self.leaf(*r), by: self.changes(*r)? });
        self.past.loose.iter().find_map(found)
    }

    /// Remembers the places of records that another's clock places, if they or what they state begin by `bound_ms`, or if a
    /// later record that does may count as late because of them.
    fn freeze(&mut self, bound_ms: i64) {
        let is_near = |from_ms: i64| from_ms <= bound_ms;
        let begins_near = |r: u32| {
            let Some(offset_ms) = self.place(r).map(|p| p.offset_ms) else { return false };
            let oldest = self.record(r).and_then(|i| i.oldest_ms).map(|ms| ms.saturating_add(offset_ms));
            let mut stated = self.gaps.iter().filter(|g| g.2.record == r);
            self.span(r).is_some_and(|s| is_near(s.from_ms))
                || oldest.is_some_and(is_near)
                || stated.any(|g| is_near(g.2.placed(offset_ms, &self.clocks).from_ms))
        };
        let near = self.numbers().rev().find(|r| self.span(*r).is_some_and(|s| is_near(s.from_ms)));
        let relied = |r: &u32| *r < self.past.settled || near.is_some_and(|near| *r < near) || begins_near(*r);
        let frozen: Vec<u32> = self.past.loose.iter().copied().filter(relied).collect();
        for record in frozen {
            self.freeze_record(record);
        }
        // Where a gap begins in another boot.
        let began = |g: &(Option<TagId>, protocol::GapCause, crate::column::StatedGap)| {
            let boot = g.2.from_boot?;
            let from_ms = g.2.placed(self.place(g.2.record)?.offset_ms, &self.clocks).from_ms;
            is_near(from_ms).then_some((boot, g.2.from_ms))
        };
        let began: Vec<_> = self.gaps.iter().filter_map(began).collect();
        for (boot, boot_ms) in began {
            self.clocks.freeze(boot, boot_ms);
        }
    }

    fn freeze_record(&mut self, record: u32) {
        if let Some(clock) = self.record(record).map(|r| r.clock) {
            self.past.loose.remove(&record);
            if !Clocks::is_own(&clock) {
                self.clocks.freeze(clock.boot_id, clock.boot_ms);
            }
        }
    }

    fn fate(&self, record: u32) -> Fate {
        match self.place(record) {
            Some(place) => Fate::Placed(place.offset_ms),
            None if record < self.past.settled => Fate::Lost,
            None => Fate::Waiting,
        }
    }

    /// Forgets readings before the last one at or before `cut_ms`, and records of which nothing is left.
    fn forget_before(&mut self, cut_ms: i64, is_read_on: bool, days: &[Interval]) {
        self.settle();
        let gaps_ms = cut_ms.saturating_sub(REACH_MS);
        // Every reading of every tag asks for the fate of its record.
        let first = self.past.records;
        let fates: Vec<Fate> = self.numbers().map(|r| self.fate(r)).collect();
        let fate = |r: u32| r.checked_sub(first).and_then(|i| fates.get(i as usize)).copied();
        let mut columns = std::mem::take(&mut self.columns);
        for (tag, column) in columns.iter_mut() {
            let last_ms = column.forget(cut_ms, gaps_ms, days, |r| fate(r).unwrap_or_else(|| self.fate(r)));
            if let Some(through_ms) = last_ms.filter(|_| is_read_on && column.is_cut()) {
                // What is older than the last reading that was kept has nowhere to go any more.
                let nowhere = Interval::new(i64::MAX, i64::MIN);
                let used = self.past.used.entry(tag.to_owned()).or_insert(Used { hull: nowhere, through_ms });
                used.through_ms = used.through_ms.max(through_ms);
                let any = self.past.used_any.get_or_insert(Used { hull: nowhere, through_ms });
                any.through_ms = any.through_ms.max(through_ms);
            }
        }
        let held = columns.iter().filter_map(|(_, column)| column.oldest_record()).min();
        // While nothing was forgotten, everything may still be placed elsewhere.
        let is_cut = columns.iter().any(|(_, column)| column.is_cut());
        self.columns = columns;
        self.freeze(if is_cut { cut_ms } else { i64::MIN });
        // The newest record stays: it says which boot this is.
        let last = self.numbers().end.saturating_sub(1);
        let ends_gap = |r: u32| (r.saturating_add(1)..=last).any(|after| self.span(after).is_some());
        let is_over = |r: &u32| match self.span(*r) {
            Some(span) => span.to_ms < gaps_ms && (!self.lost.contains(r) || ends_gap(*r)),
            None => *r < self.past.settled && (!self.lost.contains(r) || ends_gap(*r)),
        };
        let end = self.numbers().take_while(|r| *r < last && held.is_none_or(|h| *r < h) && is_over(r)).count();
        self.forget_records(end, days);
        let mut held_boots = BTreeMap::new();
        for clock in self.records.iter().map(|r| &r.clock) {
            let oldest = held_boots.entry(clock.boot_id).or_insert(clock.boot_ms);
            *oldest = clock.boot_ms.min(*oldest);
        }
        self.clocks.forget(&held_boots);
    }

    fn forget_records(&mut self, count: usize, days: &[Interval]) {
        let first = self.numbers().start;
        let end = first.saturating_add(count as u32);
        let Some(leaf) = self.record(end).map(|r| r.leaf) else { return };
        let gone = |gap: GapAt<'_>| PastGap {
            interval: gap.interval,
            tag: gap.tag.and_then(|t| t.parse().ok()),
            leaf: gap.leaf,
            cause: gap.cause,
        };
        let mut gaps: Vec<PastGap> = self.held_gaps().into_iter().filter(|g| g.leaf < leaf).map(gone).collect();
        for record in first..end {
            self.freeze_record(record);
            self.past.seen.join(self.record_seen(record, days));
            if let Some(span) = self.span(record) {
                self.past.newest_ms = self.past.newest_ms.max(Some(span.to_ms));
                self.past.last_ms = Some(span.to_ms);
            }
        }
        self.past.gaps.append(&mut gaps);
        self.past.first_received_ms =
            self.past.first_received_ms.or_else(|| self.records.first().map(|r| r.received_ms));
        self.gaps.retain(|g| g.2.record >= end);
        self.lost.retain(|r| *r >= end);
        self.records.drain(..count);
        self.past.records = end;
    }
}

impl History {
    /// Takes note that windows within `hull` were evaluated with the readings of a tag up to `through_ms`.
    pub(crate) fn used(&mut self, gateway: &str, tag: &str, hull: Interval, through_ms: i64) {
        let Ok(id) = gateway.parse::<GatewayId>() else { return };
        let past = &mut self.gateways_mut().entry(id).or_default().past;
        let used = Used { hull, through_ms };
        past.used.entry(tag.to_owned()).or_insert(used).widen(used);
        past.used_any.get_or_insert(used).widen(used);
    }

    /// After all its tags were noted: what places the gateway's readings was relied upon too.
    pub(crate) fn freeze(&mut self, gateway: &str) {
        for (_, gateway) in self.gateways_mut().iter_mut().filter(|(id, _)| id.as_str() == gateway) {
            gateway.settle();
            let bound_ms = gateway.past.used_any.map(|any| any.hull.to_ms.saturating_add(REACH_MS));
            gateway.freeze(bound_ms.unwrap_or(i64::MIN));
        }
    }

    /// The first thing noticed that changes what was relied upon.
    pub(crate) fn disturbance(&self) -> Option<&Disturbance> {
        self.disturbed.as_ref()
    }

    /// Looks at the records that could not be placed for good when they came.
    pub(crate) fn look_again(&mut self) {
        let found = || self.gateways.values().filter_map(Gateway::disturbance).min_by_key(|d| d.leaf);
        self.disturbed = self.disturbed.take().or_else(found);
    }

    /// Until when the readings of a gateway have come, by clocks that nothing in order moves.
    pub(crate) fn settled_ms(&mut self, gateway: &str) -> Option<i64> {
        self.gateways_mut().iter_mut().find(|(id, _)| id.as_str() == gateway).and_then(|(_, g)| g.settle())
    }

    /// The placed end of the newest record of a gateway, for good or not.
    pub(crate) fn newest_of(&self, gateway: &GatewayId) -> Option<i64> {
        let gateway = self.gateways.get(gateway)?;
        gateway.span(gateway.numbers().end.checked_sub(1)?).map(|s| s.to_ms)
    }

    /// Forgets what windows from `cut_ms` on cannot reach: readings, records, anchors. Statements and configurations stay.
    /// With `is_read_on` there will be such windows.
    pub(crate) fn forget_before(&mut self, cut_ms: i64, is_read_on: bool) {
        self.look_again();
        let days = std::mem::take(&mut self.watched);
        for gateway in self.gateways_mut().values_mut() {
            gateway.forget_before(cut_ms, is_read_on, &days);
        }
        self.watched = days;
        self.forgotten_ms = self.forgotten_ms.max(Some(cut_ms));
    }

    /// Lets all readings go, their memory too; gaps stay, and when every tag was there.
    pub(crate) fn drop_readings(&mut self) {
        let days = std::mem::take(&mut self.watched);
        for gateway in self.gateways_mut().values_mut() {
            gateway.drop_readings(&days);
        }
        self.watched = days;
    }

    /// Whether windows from an instant on can still be evaluated with a tag.
    pub(crate) fn reaches(&self, gateway: &str, tag: &str, from_ms: i64) -> bool {
        self.forgotten_ms.is_none_or(|cut| from_ms >= cut) || self.column(gateway, tag).is_none_or(|c| !c.is_cut())
    }

    /// Whether the numbers of a tag have always meant the same.
    pub(crate) fn is_one_meaning(&self, gateway: &str, tag: &str) -> bool {
        self.column(gateway, tag).is_none_or(|c| c.meanings() < 2)
    }

    fn column(&self, gateway: &str, tag: &str) -> Option<&Column> {
        let (_, gateway) = self.gateways.iter().find(|(id, _)| id.as_str() == gateway)?;
        gateway.columns.get(tag)
    }

    /// Readings and records held now.
    pub(crate) fn held(&self) -> (u64, u64) {
        let readings = |g: &Gateway| g.columns.iter().map(|(_, c)| c.len() as u64).sum::<u64>();
        let gateways = self.gateways.values();
        gateways.fold((0, 0), |(r, n), g| (r + readings(g), n + g.records.len() as u64))
    }
}
