//! What a site's leaves say about its gateways, and which stretches of time a leaf can have changed.
//!
//! Pure: leaves in, facts out. The stretches ([`Touched`]) are generous rather than exact — evaluating a shift once too
//! often costs a millisecond, once too seldom a wrong number that only a rebuild would find. A record changes what lies
//! between its readings and those before them of the same tag, and the gaps it states, however far back they began
//! ([`GatewayTrack::reaches_back`]).

use std::collections::BTreeMap;
use std::ops::Range;

use metrics::Interval;
use metrics::decimal::float_scaled;
use metrics::history::REACH_MS;
use metrics::time::Clocks;
use protocol::content::{Batch, ChainStartCause, Column, Content, Values};
use protocol::{BootId, Clock, Digest, Header, Kind, Quality, SyncState};

use crate::store::{AlarmRow, GatewayStatus};

/// One gateway, from its records.
#[derive(Debug, Default)]
pub(super) struct GatewayTrack {
    clocks: Clocks,
    boots: BTreeMap<BootId, Boot>,
    /// First and last placed reading, Unix ms.
    pub(super) extent: Option<Interval>,
    records: i64,
    readings: i64,
    sequence: i64,
    received_ms: i64,
    observed_ms: Option<i64>,
    clock_state: &'static str,
    agent_version: String,
    pub(super) lost: i64,
    chains: i64,
    pub(super) broken: bool,
    was_late: bool,
    /// When each tag of this configuration was last read well, Unix ms.
    tails: (Digest, BTreeMap<u32, i64>),
    /// The tags of every configuration, in its order.
    tags: BTreeMap<Digest, Vec<String>>,
}

/// Boot-clock span of records sealed without a synchronised clock, and the newest anchors: where a later anchor moves
/// earlier readings.
#[derive(Debug, Default)]
struct Boot {
    unplaced: Option<(i64, i64)>,
    synchronised: Option<i64>,
    server: Option<i64>,
}

/// What a record can have changed.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Touched {
    /// Stretches of UTC whose evaluation may differ now.
    pub(super) windows: Vec<Interval>,
    /// Where its own readings lie.
    pub(super) own: Option<Interval>,
}

impl GatewayTrack {
    /// Takes in a record. `content` is its decoded content where that is small (not for batches).
    pub(super) fn record(&mut self, header: &Header, received_ms: i64, content: Option<&Content>) -> Touched {
        let mut touched = Touched::default();
        self.observe(header, &mut touched);
        self.records += 1;
        self.readings += i64::from(header.readings);
        self.sequence = i64::try_from(header.sequence).unwrap_or(i64::MAX);
        self.received_ms = self.received_ms.max(received_ms);
        self.agent_version = header.agent_version.to_string();
        self.clock_state = clock_state(&header.clock);
        match content {
            Some(Content::ChainStart(start)) => {
                self.chains += 1;
                self.broken |= start.cause != ChainStartCause::First && start.old.is_none();
            }
            Some(Content::Lost(lost)) => {
                let count = (lost.to - lost.from).saturating_add(1);
                self.lost = self.lost.saturating_add(i64::try_from(count).unwrap_or(i64::MAX));
            }
            Some(Content::Configuration(configuration)) => {
                let tags = configuration.tags.iter().map(|tag| tag.id.to_string()).collect();
                self.tags.insert(header.content_digest, tags);
            }
            _ => {}
        }
        if let Some(place) = self.clocks.place(&header.clock) {
            let at = |boot_ms: i64| boot_ms.saturating_add(place.offset_ms);
            let own = Interval::new(at(header.first_ms), at(header.last_ms).saturating_add(1));
            let before = self.extent.map(|extent| extent.to_ms);
            // What lies after it within reach looks back to it: shifts of silence that have rows already.
            let after_ms = own.to_ms.saturating_add(REACH_MS);
            touched.windows.push(match before {
                // In order: from the last reading before it, which a gap or an interpolation may bridge.
                Some(before) if own.from_ms >= before => Interval::new(before.saturating_sub(MARGIN_MS), after_ms),
                // Late: everything that can look at it.
                Some(_) => Interval::new(own.from_ms.saturating_sub(REACH_MS), after_ms),
                None => Interval::new(own.from_ms, after_ms),
            });
            self.extent = Some(match self.extent {
                Some(extent) => Interval::new(extent.from_ms.min(own.from_ms), extent.to_ms.max(own.to_ms)),
                None => own,
            });
            self.observed_ms = Some(own.to_ms - 1);
            if header.kind == Kind::Batch {
                touched.own = Some(own);
            }
        }
        touched
    }

    /// How far before its own readings a batch can change something: to the tags' readings before it, since counters and
    /// states are interpolated between neighbours, and to where the gaps it states began.
    pub(super) fn reaches_back(&mut self, header: &Header, batch: &Batch) -> Option<Interval> {
        let offset_ms = self.clocks.place(&header.clock)?.offset_ms;
        let own_ms = header.first_ms.saturating_add(offset_ms);
        let mut from_ms = own_ms;
        if self.tails.0 != header.configuration {
            self.tails = (header.configuration, BTreeMap::new());
        }
        for column in &batch.columns {
            // Not seen since the start or under this configuration: as far as evaluation can look.
            let unknown_ms = own_ms.saturating_sub(REACH_MS);
            from_ms = from_ms.min(self.tails.1.get(&column.tag).copied().unwrap_or(unknown_ms).max(unknown_ms));
            if let Some((_, boot_ms)) = good_span(column) {
                let tail = self.tails.1.entry(column.tag).or_insert(i64::MIN);
                *tail = boot_ms.saturating_add(offset_ms).max(*tail);
            }
        }
        for gap in &batch.gaps {
            let began = match &gap.from.boot {
                None => Some(offset_ms),
                Some(boot) => self.clocks.place_at(boot, gap.from.boot_ms).map(|place| place.offset_ms),
            };
            from_ms = from_ms.min(began.map_or(own_ms, |offset_ms| gap.from.boot_ms.saturating_add(offset_ms)));
        }
        (from_ms < own_ms).then(|| Interval::new(from_ms.saturating_sub(1), own_ms))
    }

    /// Widens, for every tag of a batch that was read well, the stretch in which it was. Times that cannot be placed say nothing, nor do
    /// those of a clock that is ahead: nothing was read after it was received.
    pub(super) fn seen(
        &self,
        header: &Header,
        batch: &Batch,
        received_ms: i64,
        seen: &mut BTreeMap<(String, String), (i64, i64)>,
    ) {
        let (Some(place), Some(tags)) = (self.clocks.place(&header.clock), self.tags.get(&header.configuration)) else {
            return;
        };
        for column in &batch.columns {
            let (Some(tag), Some(span)) = (tags.get(column.tag as usize), good_span(column)) else { continue };
            let (first, last) = (span.0.saturating_add(place.offset_ms), span.1.saturating_add(place.offset_ms));
            if last > received_ms.saturating_add(WRONG_MS) && !header.clock.simulated {
                continue;
            }
            let of = seen.entry((header.gateway.to_string(), tag.clone())).or_insert((first, last));
            *of = (of.0.min(first), of.1.max(last));
        }
    }

    /// Notes the clock fields, and which earlier readings a new anchor moves.
    fn observe(&mut self, header: &Header, touched: &mut Touched) {
        let clock = &header.clock;
        let boot = self.boots.entry(clock.boot_id).or_default();
        let synchronised = clock.sync == SyncState::Synchronised;
        let from = |last: Option<i64>| last.unwrap_or(i64::MIN);
        let mut moved: Option<i64> = None;
        if synchronised {
            moved = Some(from(boot.synchronised));
            boot.synchronised = Some(clock.boot_ms);
        } else if let Some(anchor) = clock.server.filter(|anchor| boot.server != Some(anchor.boot_ms)) {
            moved = Some(from(boot.server));
            boot.server = Some(anchor.boot_ms);
        }
        let unplaced = boot.unplaced;
        let before = moved.zip(unplaced).and_then(|(since, (first, last))| {
            let (first, last) = (first.max(since), last);
            (first <= last).then(|| (first, last, self.place_span(&clock.boot_id, first, last)))
        });
        self.clocks.observe(clock);
        if let Some((first, last, was)) = before {
            let now = self.place_span(&clock.boot_id, first, last);
            let widen = |span: Interval| {
                Interval::new(span.from_ms.saturating_sub(REACH_MS), span.to_ms.saturating_add(REACH_MS))
            };
            touched.windows.extend([was, now].into_iter().flatten().map(widen));
            touched.own = now;
        }
        let Some(boot) = self.boots.get_mut(&clock.boot_id) else { return };
        if synchronised {
            // The next unsynchronised stretch begins after this anchor.
            boot.unplaced = None;
        } else {
            let (first, last) = boot.unplaced.unwrap_or((header.first_ms, header.last_ms));
            boot.unplaced = Some((first.min(header.first_ms), last.max(header.last_ms)));
        }
    }

    fn place_span(&self, boot: &BootId, first_ms: i64, last_ms: i64) -> Option<Interval> {
        let first = self.clocks.place_at(boot, first_ms)?;
        let last = self.clocks.place_at(boot, last_ms)?;
        let (from, to) = (first_ms.saturating_add(first.offset_ms), last_ms.saturating_add(last.offset_ms));
        Some(Interval::new(from.min(to), from.max(to).saturating_add(1)))
    }

    /// Places a batch's boot clock.
    pub(super) fn offset_ms(&self, header: &Header) -> Option<i64> {
        self.clocks.place(&header.clock).map(|place| place.offset_ms)
    }

    /// Alarms a record gives rise to. Data that arrives more than a day after it was observed is one while the gateway
    /// kept delivering in between; after an outage, or on a stick, it comes in order, and that is what the buffer is for.
    /// `newest_ms` is the newest reading that was there before.
    pub(super) fn alarms(
        &mut self,
        leaf: i64,
        header: &Header,
        received_ms: i64,
        newest_ms: Option<i64>,
        content: Option<&Content>,
    ) -> Vec<AlarmRow> {
        let alarm = |kind: &str, detail: String| AlarmRow {
            leaf,
            gateway: header.gateway.to_string(),
            kind: kind.to_owned(),
            at_ms: received_ms,
            detail,
        };
        let mut alarms = Vec::new();
        match content {
            Some(Content::ChainStart(start)) if start.cause != ChainStartCause::First => {
                alarms.push(alarm("new_chain", format!("{} {}", header.chain.hex(), start.cause.name())));
            }
            Some(Content::Lost(lost)) => alarms.push(alarm("lost", format!("{}–{}", lost.from, lost.to))),
            _ => {}
        }
        let observed = self.clocks.place(&header.clock).map(|place| header.last_ms.saturating_add(place.offset_ms));
        let late = !header.clock.simulated
            && header.kind == Kind::Batch
            && observed.zip(newest_ms).is_some_and(|(at, newest_ms)| {
                received_ms.saturating_sub(at) > LATE_MS && newest_ms > at.saturating_add(LATE_SLACK_MS)
            });
        if late && !self.was_late {
            let hours = received_ms.saturating_sub(observed.unwrap_or(received_ms)) / 3_600_000;
            alarms.push(alarm("late", format!("{hours} h")));
        }
        self.was_late = late;
        alarms
    }

    /// When its newest record arrived, Unix ms.
    pub(super) fn received_ms(&self) -> i64 {
        self.received_ms
    }

    /// Its newest reading, Unix ms.
    pub(super) fn observed_ms(&self) -> Option<i64> {
        self.observed_ms
    }

    /// The row for the database.
    pub(super) fn status(&self, gateway: &str) -> GatewayStatus {
        GatewayStatus {
            gateway: gateway.to_owned(),
            records: self.records,
            readings: self.readings,
            sequence: self.sequence,
            received_ms: self.received_ms,
            observed_ms: self.observed_ms,
            clock_state: self.clock_state.to_owned(),
            agent_version: self.agent_version.clone(),
            lost_records: self.lost,
            chains: self.chains,
        }
    }
}

/// What a record says of its gateway's clock: words of the locales, `clock-<word>`. Only for people: no number rests on it.
fn clock_state(clock: &Clock) -> &'static str {
    if !clock.simulated {
        if clock.wall_ms < NEVER_SET_BEFORE_MS {
            return "never_set";
        }
        // What it showed when a receipt told the server's time, whenever that was in this boot.
        let ahead_ms = clock.server.map_or(0, |anchor| {
            let since_ms = clock.boot_ms.saturating_sub(anchor.boot_ms);
            clock.wall_ms.saturating_sub(since_ms).saturating_sub(anchor.server_ms)
        });
        let doubt_ms = i64::from(clock.server.map_or(0, |anchor| anchor.error_ms));
        if ahead_ms.saturating_abs() > WRONG_MS.saturating_add(doubt_ms) {
            return if ahead_ms < 0 { "behind" } else { "ahead" };
        }
    }
    match clock.sync {
        SyncState::Synchronised => "synchronised",
        SyncState::Unsynchronised => "unsynchronised",
        SyncState::Unknown => "unknown",
    }
}

/// Boot clocks of the first and the last reading that evaluation can use.
fn good_span(column: &Column) -> Option<(i64, i64)> {
    let mut end = 0;
    let run = |(quality, count): &(Quality, u32)| {
        let start = end;
        end += *count as usize;
        (*quality == Quality::Good).then_some(start..end)
    };
    let runs: Vec<Range<usize>> = column.qualities.iter().filter_map(run).collect();
    let mut places = runs.into_iter().flatten().filter(|place| usable(&column.values, *place));
    let first = places.next()?;
    let last = places.next_back().unwrap_or(first);
    Some((*column.times.get(first)?, *column.times.get(last)?))
}

/// Whether a value is one that metrics keep: numbers that fit.
fn usable(values: &Values, place: usize) -> bool {
    let float = |value: f64| float_scaled(value, 1_000_000, 1).is_some_and(|scaled| i64::try_from(scaled).is_ok());
    match values {
        Values::U64(list) => list.get(place).is_some_and(|value| i64::try_from(*value).is_ok()),
        Values::F32(list) => list.get(place).is_some_and(|bits| float(f64::from(f32::from_bits(*bits)))),
        Values::F64(list) => list.get(place).is_some_and(|bits| float(f64::from_bits(*bits))),
        Values::Bool(_) | Values::I64(_) | Values::Text(_) => true,
    }
}

/// A record in order can change what was evaluated this long before its predecessor, whatever its tags.
const MARGIN_MS: i64 = 3_600_000;
/// 2020-01-01: no gateway of ours ran before, so a clock that shows less was never set.
const NEVER_SET_BEFORE_MS: i64 = 1_577_836_800_000;
/// A gateway's clock that differs from the server's by more than this (beyond the stated doubt) is called wrong.
const WRONG_MS: i64 = 60_000;
/// Data this much older than its receipt lowers the grade (design §4).
const LATE_MS: i64 = 86_400_000;
/// As far as one gateway's clocks may move while records still count as being in order; the evaluation says the same.
const LATE_SLACK_MS: i64 = 3_600_000;

#[cfg(test)]
mod tests {
    use protocol::{ChainId, ServerAnchor};

    use super::*;

    fn header(sequence: u64, first_ms: i64, sync: SyncState, wall_ms: i64, server: Option<ServerAnchor>) -> Header {
        Header {
            kind: Kind::Batch,
            site: "a".parse().expect("id"),
            gateway: "gw-1".parse().expect("id"),
            chain: ChainId([1; 16]),
            sequence,
            previous: Digest([0; 32]),
            content_digest: Digest([0; 32]),
            content_length: 0,
            readings: 10,
            configuration: Digest([0; 32]),
            agent_version: "0.1.0".into(),
            clock: Clock {
                boot_id: BootId([7; 16]),
                boot_ms: first_ms + 10_000,
                wall_ms,
                sync,
                error_ms: 1,
                server,
                simulated: false,
            },
            first_ms,
            last_ms: first_ms + 9_000,
        }
    }

    #[test]
    fn what_a_clock_that_is_ahead_says_was_read_was_not_seen() {
        let base = 1_700_000_000_000;
        let mut track = GatewayTrack::default();
        track.tags.insert(Digest([0; 32]), vec!["press/energy".to_owned()]);
        let times: Vec<i64> = (0..10).map(|i| i * 1_000).collect();
        let column = Column {
            tag: 0,
            qualities: vec![(Quality::Good, 10)],
            values: Values::Bool(vec![true; 10]),
            times,
            sources: None,
        };
        let batch = Batch { columns: vec![column], ..Batch::default() };
        let mut seen = BTreeMap::new();
        let mut take = |wall_ms: i64, received_ms: i64| {
            let header = header(0, 0, SyncState::Synchronised, wall_ms, None);
            track.record(&header, received_ms, None);
            track.seen(&header, &batch, received_ms, &mut seen);
            seen.values().next().copied()
        };
        // Synchronised, it says, to a year that has not come.
        assert_eq!(take(base + 200_000_000_000, base), None);
        assert_eq!(take(base + 10_000, base), Some((base, base + 9_000)), "a few seconds ahead are no wrong clock");
    }

    #[test]
    fn a_record_in_order_touches_what_lies_since_the_one_before_and_a_late_one_a_day_around() {
        let mut track = GatewayTrack::default();
        let base = 1_700_000_000_000;
        let at = |n: u64, ms: i64| header(n, ms, SyncState::Synchronised, base + ms + 10_000, None);
        let first = track.record(&at(0, 0), 1, None);
        assert_eq!(first.windows, vec![Interval::new(base, base + 9_001 + REACH_MS)]);
        let second = track.record(&at(1, 10_000), 2, None);
        assert_eq!(second.windows, vec![Interval::new(base + 9_001 - MARGIN_MS, base + 19_001 + REACH_MS)]);
        let late = track.record(&at(2, 5_000), 3, None);
        assert_eq!(late.windows, vec![Interval::new(base + 5_000 - REACH_MS, base + 14_001 + REACH_MS)]);
        assert_eq!(track.extent, Some(Interval::new(base, base + 19_001)));
        let status = track.status("gw-1");
        assert_eq!((status.records, status.readings, status.sequence, status.received_ms), (3, 30, 2, 3));
    }

    #[test]
    fn a_clock_set_later_touches_where_earlier_readings_come_to_lie() {
        let mut track = GatewayTrack::default();
        let base = 1_700_000_000_000;
        let woke = track.record(&header(0, 0, SyncState::Unsynchronised, 5_000, None), 1, None);
        assert_eq!(woke, Touched::default(), "1970 is no place");
        let set = track.record(&header(1, 20_000, SyncState::Synchronised, base + 30_000, None), 2, None);
        let wide = Interval::new(base - REACH_MS, base + 9_001 + REACH_MS);
        assert!(set.windows.contains(&wide), "{:?}", set.windows);
        let next = track.record(&header(2, 40_000, SyncState::Synchronised, base + 50_000, None), 3, None);
        assert_eq!(next.windows.len(), 1, "moved once, not with every record");
    }

    /// The words for the gateway's page: `clock-never-set`, `clock-behind`.
    #[test]
    fn a_clock_at_1970_or_set_back_an_hour_is_named_until_it_is_right_again() {
        let base = 1_700_000_000_000;
        let anchor = Some(ServerAnchor { server_ms: base, boot_ms: 0, error_ms: 200 });
        let mut track = GatewayTrack::default();
        let mut shown = |wall_ms, sync| {
            // Sealed 10 s after boot, where the server's clock shows base + 10 s.
            track.record(&header(0, 0, sync, wall_ms, anchor), 1, None);
            track.status("gw-1").clock_state
        };
        assert_eq!(shown(5_000, SyncState::Unsynchronised), "never_set");
        assert_eq!(shown(base + 10_000 - 3_600_000, SyncState::Unsynchronised), "behind");
        assert_eq!(shown(base + 10_000 - 3_600_000, SyncState::Synchronised), "behind", "whoever vouches for it");
        assert_eq!(shown(base + 10_000 + 3_600_000, SyncState::Synchronised), "ahead");
        assert_eq!(shown(base + 10_000 - 60_200, SyncState::Synchronised), "synchronised", "within the doubt");
        assert_eq!(shown(base + 10_000, SyncState::Unsynchronised), "unsynchronised");
    }

    #[test]
    fn data_a_day_old_is_an_alarm_once_unless_the_gateway_was_cut_off() {
        let mut track = GatewayTrack::default();
        let base = 1_700_000_000_000;
        let old = header(0, 0, SyncState::Synchronised, base + 10_000, None);
        let received = base + 2 * LATE_MS;
        track.record(&old, received, None);
        assert_eq!(
            track.alarms(0, &old, received, Some(base - 1000), None).len(),
            0,
            "nothing newer was there: an outage"
        );
        assert_eq!(
            track.alarms(0, &old, received, Some(base + 10_000), None).len(),
            0,
            "its predecessor came a moment ago: the second record after an outage is in order too"
        );
        assert_eq!(track.alarms(0, &old, received, Some(base + LATE_MS), None).len(), 1);
        assert_eq!(
            track.alarms(1, &old, received, Some(base + LATE_MS), None).len(),
            0,
            "one alarm for a run of late records"
        );
    }
}
