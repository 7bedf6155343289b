//! A site's log, taken in leaf by leaf: what metrics are computed from, and nothing else.
//!
//! Constraints
//! 1. Leaves come in the order of the log; a history is a function of that prefix and of the contents given beside it.
//! 2. A content may be absent (`None`): pruned, withheld, or outside the windows of interest. Its time then counts as a
//!    gap, visibly. Evaluation never looks further than [`REACH_MS`] beyond a window, so contents further away change
//!    nothing, and [`History::needed`] names those that do.
//! 3. A record says what it says once: the log takes a gateway's records in the order of its chain, and one that comes again
//!    (the same chain, a sequence already passed) moves no number. The order in which several gateways' records and people's
//!    statements reach the log moves none either, save that of two statements of one thing the later holds.
//! 4. Quarantined records and statements that do not parse are findings; they move no number.
//! 5. Only tags that some machine names are kept, if the caller says which ([`History::for_tags`]).
//! 6. [`crate::pass`] forgets what no later window can reach (`history/past.rs`); nobody else does.
//! 7. A history of readings that no gateway signed ([`History::unsigned`]) is evaluated like any other, and every value says so.
//!
//! Signatures, digests and chains are the verifier's and the server's business before a leaf comes here.

mod columns;
mod past;
mod placing;
mod seen;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use protocol::{
    ChainId, Clock, Configuration, Content, Declaration, Digest, GapCause, GatewayId, Header, Kind, Leaf, LeafBody,
    SiteId, TagId,
    content::{Excerpt, FlatBatch},
};

pub use self::past::{By, Disturbance};
pub use self::seen::SeenWithin;

use self::columns::Columns;
use self::past::Past;
use crate::column::{RecordPlace, Series, StatedGap, Stretch};
use crate::interval::Interval;
use crate::statements::Statements;
use crate::time::{Clocks, Placement};

/// How far beyond a window's edges evaluation looks for the neighbouring reading, milliseconds.
pub const REACH_MS: i64 = 86_400_000;

/// Readings older than this at receipt are late, milliseconds. They lower the grade unless an outage explains them: a gateway
/// delivers in order, so what an outage held back arrives before anything later does (design §4).
pub const LATE_MS: i64 = 86_400_000;
/// Clocks are corrected by less than this, milliseconds.
const LATE_SLACK_MS: i64 = 3_600_000;
/// A site whose newest reading is younger than this is delivering, milliseconds.
const RECENT_MS: i64 = 60_000;

const LOST: &str = "lost";
const CONTENT_MISSING: &str = "content_missing";

/// Why a leaf was refused.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// Leaves must come in order without holes.
    #[error("leaf {got} was given where leaf {want} belongs")]
    Order {
        /// The index given.
        got: u64,
        /// The index expected.
        want: u64,
    },
}

#[derive(Debug, Clone)]
struct RecordInfo {
    leaf: u64,
    kind: Kind,
    received_ms: i64,
    clock: Clock,
    first_ms: i64,
    last_ms: i64,
    readings: u32,
    missing: bool,
    /// The boot clock of the earliest reading kept.
    oldest_ms: Option<i64>,
}

/// A gap with its cause, placed on UTC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlacedGap {
    /// Which gateway.
    pub gateway: String,
    /// Which tag; `None` is every tag of the gateway.
    pub tag: Option<String>,
    /// When.
    pub interval: Interval,
    /// Why: a [`GapCause`] name, `lost` or `content_missing`.
    pub cause: &'static str,
    /// Leaf that says so.
    pub leaf: u64,
}

#[derive(Debug, Clone, Default)]
struct Gateway {
    records: Vec<RecordInfo>,
    /// Last sequence taken of every chain.
    taken: BTreeMap<ChainId, u64>,
    clocks: Clocks,
    configurations: BTreeMap<Digest, Configuration>,
    /// Of the configuration used last: where the columns of those of its tags are that are kept.
    wanted: Option<(Digest, Vec<Option<usize>>)>,
    /// How often the configuration in use was another than the one before.
    tables: u32,
    columns: Columns,
    gaps: Vec<(Option<TagId>, GapCause, StatedGap)>,
    lost: Vec<u32>,
    unconfigured: Vec<u64>,
    past: Past,
}

/// A gap of a gateway, placed.
struct GapAt<'a> {
    interval: Interval,
    tag: Option<&'a str>,
    leaf: u64,
    cause: &'static str,
}

impl Gateway {
    /// The numbers of the records held; those before are forgotten.
    fn numbers(&self) -> std::ops::Range<u32> {
        let first = self.past.records;
        first..first.saturating_add(self.records.len() as u32)
    }

    fn record(&self, record: u32) -> Option<&RecordInfo> {
        self.records.get(record.checked_sub(self.past.records)? as usize)
    }

    fn place(&self, record: u32) -> Option<Placement> {
        self.clocks.place(&self.record(record)?.clock)
    }

    fn leaf(&self, record: u32) -> u64 {
        self.record(record).map_or(0, |r| r.leaf)
    }

    fn record_place(&self, record: u32, is_late: bool) -> RecordPlace {
        let leaf = self.leaf(record);
        match self.place(record) {
            Some(p) => RecordPlace { leaf, offset_ms: Some(p.offset_ms), error_ms: p.error_ms, is_late },
            None => RecordPlace { leaf, offset_ms: None, error_ms: i64::MAX, is_late },
        }
    }

    /// Which of the records held came late although later readings of the gateway had already been received.
    fn late(&self) -> Vec<bool> {
        let mut newest_ms = self.past.newest_ms.unwrap_or(i64::MIN);
        let judge = |(i, info): (u32, &RecordInfo)| {
            let Some(span) = self.span(i) else { return false };
            let is_late = info.received_ms.saturating_sub(span.to_ms) > LATE_MS
                && newest_ms > span.to_ms.saturating_add(LATE_SLACK_MS);
            newest_ms = newest_ms.max(span.to_ms);
            is_late
        };
        self.numbers().zip(&self.records).map(judge).collect()
    }

    fn span(&self, record: u32) -> Option<Interval> {
        let info = self.record(record)?;
        let offset = self.place(record)?.offset_ms;
        Some(Interval::new(info.first_ms.saturating_add(offset), info.last_ms.saturating_add(offset)))
    }

    /// What is lost lay between the placed records around it.
    fn lost_gap(&self, lost: u32) -> Option<Interval> {
        let numbers = self.numbers();
        let before = (numbers.start..lost).rev().find_map(|i| self.span(i)).map(|s| s.to_ms).or(self.past.last_ms);
        let after = (lost.saturating_add(1)..numbers.end).find_map(|i| self.span(i)).map(|s| s.from_ms);
        let own = self.span(lost).map(|s| s.to_ms);
        Some(Interval::new(before?, after.or(own)?))
    }

    /// Every gap, by time; those of records forgotten that ended before `from_ms` are left out.
    fn gaps(&self, from_ms: i64) -> Vec<GapAt<'_>> {
        let mut out = self.held_gaps();
        out.extend(self.past.gaps(from_ms));
        out.sort_by(|a, b| (a.interval, a.tag, a.leaf).cmp(&(b.interval, b.tag, b.leaf)));
        out
    }

    /// The gaps of the records held.
    fn held_gaps(&self) -> Vec<GapAt<'_>> {
        let mut out = Vec::new();
        for (tag, cause, stated) in &self.gaps {
            let Some(place) = self.place(stated.record) else { continue };
            out.push(GapAt {
                interval: stated.placed(place.offset_ms, &self.clocks),
                tag: tag.as_ref().map(TagId::as_str),
                leaf: self.leaf(stated.record),
                cause: cause.name(),
            });
        }
        for (i, info) in self.numbers().zip(&self.records).filter(|(_, r)| r.missing && r.kind == Kind::Batch) {
            if let Some(interval) = self.span(i) {
                out.push(GapAt { interval, tag: None, leaf: info.leaf, cause: CONTENT_MISSING });
            }
        }
        for lost in &self.lost {
            if let Some(interval) = self.lost_gap(*lost) {
                out.push(GapAt { interval, tag: None, leaf: self.leaf(*lost), cause: LOST });
            }
        }
        out
    }
}

/// Everything a prefix of a site's log says, ready to be evaluated.
#[derive(Debug, Clone, Default)]
pub struct History {
    size: u64,
    site: Option<SiteId>,
    statements: Statements,
    /// Shared with the views of [`History::with_statements`].
    gateways: Arc<BTreeMap<GatewayId, Gateway>>,
    tags: Option<BTreeSet<(String, String)>>,
    quarantined: Vec<u64>,
    simulated_records: u64,
    readings: u64,
    /// Nothing needed is older, UTC milliseconds; see `history/past.rs`.
    forgotten_ms: Option<i64>,
    disturbed: Option<Disturbance>,
    is_unsigned: bool,
    /// Readings and gaps of this record leaf and later are not looked at: a view of what was there.
    limit: Option<u64>,
    is_stated_ahead: bool,
    /// Days of which is remembered when what is forgotten was there; see `history/seen.rs`.
    watched: Vec<Interval>,
}

impl History {
    /// An empty history that keeps every tag.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty history that keeps only these (gateway, tag); see [`Statements::tags_used`].
    pub fn for_tags(tags: BTreeSet<(String, String)>) -> Self {
        Self { tags: Some(tags), ..Self::default() }
    }

    /// An empty history for readings that no gateway signed (an assessor's own file): the same answers, every value of grade D
    /// with [`Flag::UnsignedData`].
    pub fn unsigned() -> Self {
        Self { is_unsigned: true, ..Self::default() }
    }

    /// Takes in the next leaf with its content as stored beside the log: compressed record content, or the canonical
    /// bytes of a declaration.
    ///
    /// A content that does not decode counts as missing: one bad record of a gateway must not silence a site.
    ///
    /// # Errors
    /// A leaf out of order; the history is unchanged then.
    pub fn push(&mut self, index: u64, leaf: &Leaf, content: Option<&[u8]>) -> Result<(), HistoryError> {
        if index != self.size {
            return Err(HistoryError::Order { got: index, want: self.size });
        }
        if let (LeafBody::Declaration { .. }, false) = (&leaf.body, self.is_stated_ahead)
            && let Some(declaration) = content.and_then(|bytes| Declaration::decode(bytes).ok())
        {
            self.statements.push(index, leaf.received_ms, declaration);
        }
        let content = match &leaf.body {
            LeafBody::Record { header, .. } => {
                let keep = |tag| self.is_kept(header, tag);
                content.and_then(|bytes| Excerpt::read(header.kind, bytes, &keep).ok())
            }
            _ => None,
        };
        self.push_decoded(index, leaf, content.as_ref())
    }

    /// From here on keeps only these (gateway, tag).
    pub(crate) fn keep_only(&mut self, tags: BTreeSet<(String, String)>) {
        self.tags = Some(tags);
    }

    /// Takes in a statement before its leaf comes. Then all are given before the first leaf, in order, and those that come with
    /// their leaves say nothing new.
    pub fn state_ahead(&mut self, index: u64, received_ms: i64, declaration: Declaration) {
        self.is_stated_ahead = true;
        self.statements.push(index, received_ms, declaration);
    }

    /// Whether the column of a tag in a batch will be kept; where that is not known yet, it may be.
    fn is_kept(&self, header: &Header, tag: u32) -> bool {
        let wanted = self.gateways.get(&header.gateway).and_then(|gateway| gateway.wanted.as_ref());
        let wanted = wanted.filter(|(of, _)| *of == header.configuration);
        wanted.is_none_or(|(_, places)| matches!(places.get(tag as usize), Some(Some(_))))
    }

    /// Takes in the next leaf as [`History::push`] does, with the content of a record decoded already. A declaration is one of
    /// [`History::state_ahead`], or says nothing.
    ///
    /// # Errors
    /// A leaf out of order; the history is unchanged then.
    pub fn push_decoded(&mut self, index: u64, leaf: &Leaf, content: Option<&Excerpt>) -> Result<(), HistoryError> {
        if index != self.size {
            return Err(HistoryError::Order { got: index, want: self.size });
        }
        match &leaf.body {
            LeafBody::Record { header, .. } if self.is_repeated(header) => {}
            LeafBody::Record { header, .. } => {
                self.site.get_or_insert_with(|| header.site.clone());
                self.simulated_records += u64::from(header.clock.simulated);
                let gateway = Arc::make_mut(&mut self.gateways).entry(header.gateway.clone()).or_default();
                gateway.taken.insert(header.chain, header.sequence);
                let moves = gateway.clocks.moves_frozen(&header.clock);
                gateway.clocks.observe(&header.clock);
                let record = gateway.numbers().end;
                gateway.records.push(RecordInfo {
                    leaf: index,
                    kind: header.kind,
                    received_ms: leaf.received_ms,
                    clock: header.clock,
                    first_ms: header.first_ms,
                    last_ms: header.last_ms,
                    readings: header.readings,
                    missing: content.is_none(),
                    oldest_ms: None,
                });
                match content {
                    Some(Excerpt::Whole(Content::Configuration(c))) => {
                        gateway.configurations.insert(header.content_digest, c.clone());
                    }
                    Some(Excerpt::Whole(Content::Lost(_))) => gateway.lost.push(record),
                    Some(Excerpt::Batch(batch)) => {
                        let tags = self.tags.as_ref();
                        self.readings += gateway.take_batch(record, header, batch, tags);
                    }
                    Some(Excerpt::Whole(Content::Batch(_) | Content::ChainStart(_) | Content::KeyChange(_))) | None => {
                    }
                }
                let found = moves.then_some(By::Clock).or_else(|| gateway.arrived(record));
                if let (Some(by), None) = (found, &self.disturbed) {
                    self.disturbed = Some(Disturbance { leaf: index, by });
                }
            }
            LeafBody::Quarantine { .. } => self.quarantined.push(index),
            LeafBody::Declaration { .. } | LeafBody::Epoch { .. } => {}
        }
        self.size += 1;
        Ok(())
    }

    fn is_repeated(&self, header: &Header) -> bool {
        let taken = self.gateways.get(&header.gateway).and_then(|g| g.taken.get(&header.chain));
        taken.is_some_and(|last| header.sequence <= *last)
    }

    /// Leaves taken in.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Readings held.
    pub fn readings(&self) -> u64 {
        self.readings
    }

    /// Whose log this is, as its records say.
    pub fn site(&self) -> Option<&SiteId> {
        self.site.as_ref()
    }

    /// What people stated.
    pub fn statements(&self) -> &Statements {
        &self.statements
    }

    /// The same readings under other statements, those of later leaves than `limit` left out; nothing is copied but the statements.
    pub(crate) fn with_statements(&self, statements: Statements, limit: Option<u64>) -> Self {
        Self {
            size: self.size,
            site: self.site.clone(),
            statements,
            gateways: Arc::clone(&self.gateways),
            tags: None,
            quarantined: Vec::new(),
            disturbed: None,
            limit,
            watched: Vec::new(),
            ..*self
        }
    }

    /// Leaves of records from a leaf on that say something of time before an instant.
    pub(crate) fn records_reaching(&self, from_leaf: u64, before_ms: i64) -> Vec<u64> {
        let mut out = Vec::new();
        for gateway in self.gateways.values() {
            for (i, info) in gateway.numbers().zip(&gateway.records).filter(|(_, r)| r.leaf >= from_leaf) {
                let says = matches!(info.kind, Kind::Batch | Kind::Lost);
                out.extend(gateway.span(i).filter(|s| says && s.from_ms < before_ms).map(|_| info.leaf));
            }
        }
        out.sort_unstable();
        out
    }

    /// When the newest record of a gateway begins.
    pub(crate) fn last_began_ms(&self, gateway: &GatewayId) -> Option<i64> {
        let gateway = self.gateways.get(gateway)?;
        Some(gateway.span(gateway.numbers().next_back()?)?.from_ms)
    }

    /// Readings of a window's records, and those of them that came late (see [`LATE_MS`]).
    pub(crate) fn late_share(&self, window: Interval) -> [u64; 2] {
        let mut out = [0, 0];
        for gateway in self.gateways.values() {
            for ((i, info), is_late) in gateway.numbers().zip(&gateway.records).zip(gateway.late()) {
                let inside = gateway.span(i).is_some_and(|s| s.from_ms < window.to_ms && window.from_ms < s.to_ms);
                if inside && info.kind == Kind::Batch {
                    out = [out[0] + u64::from(is_late) * u64::from(info.readings), out[1] + u64::from(info.readings)];
                }
            }
        }
        out
    }

    fn gateways_mut(&mut self) -> &mut BTreeMap<GatewayId, Gateway> {
        Arc::make_mut(&mut self.gateways)
    }

    /// Leaves that hold evidence of a cloned gateway.
    pub fn quarantined(&self) -> &[u64] {
        &self.quarantined
    }

    /// Whether anything here is simulated: the site says so, or a gateway's clock did.
    pub fn is_simulated(&self) -> bool {
        self.simulated_records > 0 || self.statements.site().is_some_and(|s| s.simulated)
    }

    /// Whether no gateway signed what is here.
    pub fn is_unsigned(&self) -> bool {
        self.is_unsigned
    }

    /// The readings of a tag within a window, placed on UTC, with the gaps that concern it.
    pub fn series(&self, gateway: &str, tag: &str, window: Interval) -> Series {
        let stretch = Stretch::within(window);
        self.placing(gateway, stretch).map_or_else(Series::default, |p| p.series(tag, stretch))
    }

    /// Every recorded gap that overlaps a window, by gateway and time.
    pub fn gaps(&self, window: Interval) -> Vec<PlacedGap> {
        let placed = |(id, gap): (&GatewayId, GapAt<'_>)| PlacedGap {
            gateway: id.to_string(),
            tag: gap.tag.map(str::to_owned),
            interval: gap.interval,
            cause: gap.cause,
            leaf: gap.leaf,
        };
        let all = self.gateways.iter().flat_map(|(id, g)| g.gaps(i64::MIN).into_iter().map(move |gap| (id, gap)));
        all.filter(|(_, g)| !g.interval.intersect(&window).is_empty()).map(placed).collect()
    }

    /// The shortest interval at which any configuration of a gateway reads a tag, milliseconds; `None` when none names it.
    pub fn interval_ms(&self, gateway: &str, tag: &str) -> Option<i64> {
        let (_, gateway) = self.gateways.iter().find(|(id, _)| id.as_str() == gateway)?;
        let tags = gateway.configurations.values().flat_map(|c| &c.tags).filter(|t| t.id.as_str() == tag);
        tags.map(|t| t.interval_ms.max(1)).min()
    }

    /// How long after its oldest reading each batch of a window was received, milliseconds: the worst delay of any reading in it.
    /// Batches whose time is unknown have none.
    pub fn delays(&self, window: Interval) -> Vec<i64> {
        let mut out = Vec::new();
        for g in self.gateways.values() {
            for (i, info) in g.numbers().zip(&g.records).filter(|(_, r)| r.kind == Kind::Batch && r.readings > 0) {
                let span = g.span(i).filter(|s| window.contains(s.from_ms));
                out.extend(span.map(|s| info.received_ms.saturating_sub(s.from_ms)));
            }
        }
        out
    }

    /// When the server first knew a gateway, UTC milliseconds: its enrolment, or its first record.
    pub fn known_since_ms(&self, gateway: &str) -> Option<i64> {
        let (_, known) = self.gateways.iter().find(|(id, _)| id.as_str() == gateway).unzip();
        let first = known.and_then(|g| g.past.first_received_ms.or_else(|| Some(g.records.first()?.received_ms)));
        self.statements.enrolled_ms(gateway).or(first)
    }

    /// Newest placed reading or gap end of any gateway, UTC milliseconds.
    pub fn newest_ms(&self) -> Option<i64> {
        self.gateways.values().filter_map(|g| g.numbers().rev().find_map(|i| g.span(i)).map(|s| s.to_ms)).max()
    }

    /// Where windows end for somebody who looks at a moment: what lies after the newest reading has not happened yet; a silent site's shifts end
    /// at the clock.
    pub fn until_ms(&self, now_ms: i64) -> i64 {
        let newest = self.newest_ms().unwrap_or(now_ms).min(now_ms);
        if now_ms.saturating_sub(newest) < RECENT_MS { newest } else { now_ms }
    }

    /// First and last placed reading of a gateway, its records and readings: for pages.
    pub fn gateway_extent(&self, gateway: &str) -> Option<(Interval, u64, u64)> {
        let (_, g) = self.gateways.iter().find(|(id, _)| id.as_str() == gateway)?;
        let first = g.numbers().find_map(|i| g.span(i))?.from_ms;
        let last = g.numbers().rev().find_map(|i| g.span(i))?.to_ms;
        Some((
            Interval::new(first, last),
            g.records.len() as u64,
            g.records.iter().map(|r| u64::from(r.readings)).sum(),
        ))
    }

    /// Leaves whose contents an evaluation of these windows depends on, in order: everything but batches that lie
    /// wholly out of reach or whose time is unknown.
    pub fn needed(&self, windows: &[Interval]) -> Vec<u64> {
        let mut out: BTreeSet<u64> = self.statements.ledger().iter().map(|s| s.leaf).collect();
        for gateway in self.gateways.values() {
            for (i, info) in gateway.numbers().zip(&gateway.records) {
                let reached = |span: Interval| {
                    windows.iter().any(|w| {
                        span.from_ms <= w.to_ms.saturating_add(REACH_MS)
                            && span.to_ms >= w.from_ms.saturating_sub(REACH_MS)
                    })
                };
                if info.kind != Kind::Batch || gateway.span(i).is_some_and(reached) {
                    out.insert(info.leaf);
                }
            }
        }
        out.into_iter().collect()
    }

    /// Batches that came before their configuration and could not be read, by leaf.
    pub fn unconfigured(&self) -> Vec<u64> {
        self.gateways.values().flat_map(|g| g.unconfigured.iter().copied()).collect()
    }
}

impl Gateway {
    /// Sorts a batch into columns; returns how many readings were kept.
    fn take_batch(
        &mut self,
        record: u32,
        header: &Header,
        batch: &FlatBatch,
        tags: Option<&BTreeSet<(String, String)>>,
    ) -> u64 {
        let Some(configuration) = self.configurations.get(&header.configuration) else {
            let leaf = self.records.last().map_or(0, |r| r.leaf);
            self.unconfigured.push(leaf);
            if let Some(info) = self.records.last_mut() {
                info.missing = true;
            }
            return 0;
        };
        // Asking for every tag of every batch costs more than taking the batch.
        if self.wanted.as_ref().is_none_or(|(of, _)| *of != header.configuration) {
            let gateway = header.gateway.as_str();
            let is_wanted = |tag: &TagId| tags.is_none_or(|t| t.contains(&(gateway.to_owned(), tag.to_string())));
            let mut place = |tag: &TagId| is_wanted(tag).then(|| self.columns.place(tag));
            let places = configuration.tags.iter().map(|tag| place(&tag.id)).collect();
            self.wanted = Some((header.configuration, places));
            self.tables += 1;
        }
        let places = self.wanted.as_ref().map_or(&[][..], |(_, places)| places);
        let place = |tag: u32| places.get(tag as usize).copied().flatten();
        let (mut kept, mut oldest_ms) = (0, None);
        for column in batch.columns() {
            let Some(tag) = configuration.tags.get(column.tag as usize) else { continue };
            if let Some(of) = place(column.tag).and_then(|place| self.columns.at(place)) {
                of.push(record, (self.tables, tag), &column);
                kept += column.times.len() as u64;
                oldest_ms = oldest_ms.into_iter().chain(column.times.iter().copied()).min();
            }
        }
        for gap in &batch.gaps {
            let tag = match gap.tag {
                None => None,
                Some(index) => match configuration.tags.get(index as usize) {
                    Some(tag) if place(index).is_some() => Some(tag.id.clone()),
                    _ => continue,
                },
            };
            let stated =
                StatedGap { record, from_boot: gap.from.boot, from_ms: gap.from.boot_ms, to_ms: gap.to_boot_ms };
            self.gaps.push((tag, gap.cause, stated));
        }
        if let Some(info) = self.records.last_mut() {
            info.oldest_ms = oldest_ms;
        }
        kept
    }
}
