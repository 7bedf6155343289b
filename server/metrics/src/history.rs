//! A site's log, taken in leaf by leaf: what metrics are computed from, and nothing else.
//!
//! Constraints
//! 1. Leaves come in the order of the log; a history is a function of that prefix and of the contents given beside it.
//! 2. A content may be absent (`None`): pruned, withheld, or outside the windows of interest. Its time then counts as a
//!    gap, visibly. Evaluation never looks further than [`REACH_MS`] beyond a window, so contents further away change
//!    nothing, and [`History::needed`] names those that do.
//! 3. Quarantined records and statements that do not parse are findings; they move no number.
//! 4. Only tags that some machine names are kept, if the caller says which ([`History::for_tags`]).
//! 5. A history of readings that no gateway signed ([`History::unsigned`]) is evaluated like any other, and every value says so.
//!
//! Signatures, digests and chains are the verifier's and the server's business before a leaf comes here.

use std::collections::{BTreeMap, BTreeSet};

use protocol::{
    Clock, Configuration, Content, Declaration, Digest, GapCause, GatewayId, Kind, Leaf, LeafBody, SiteId, TagId,
};

use crate::column::{Column, RecordPlace, Series, StatedGap};
use crate::grade::Flag;
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
    clocks: Clocks,
    configurations: BTreeMap<Digest, Configuration>,
    columns: BTreeMap<TagId, Column>,
    gaps: Vec<(Option<TagId>, GapCause, StatedGap)>,
    lost: Vec<u32>,
    unconfigured: Vec<u64>,
}

impl Gateway {
    fn place(&self, record: u32) -> Option<Placement> {
        self.clocks.place(&self.records.get(record as usize)?.clock)
    }

    fn record_place(&self, record: u32, is_late: bool) -> RecordPlace {
        let leaf = self.records.get(record as usize).map_or(0, |r| r.leaf);
        match self.place(record) {
            Some(p) => RecordPlace { leaf, offset_ms: Some(p.offset_ms), error_ms: p.error_ms, is_late },
            None => RecordPlace { leaf, offset_ms: None, error_ms: i64::MAX, is_late },
        }
    }

    /// Which records came late although later readings of the gateway had already been received.
    fn late(&self) -> Vec<bool> {
        let mut newest_ms = i64::MIN;
        let judge = |(i, info): (usize, &RecordInfo)| {
            let Some(span) = self.span(i as u32) else { return false };
            let is_late = info.received_ms.saturating_sub(span.to_ms) > LATE_MS
                && newest_ms > span.to_ms.saturating_add(LATE_SLACK_MS);
            newest_ms = newest_ms.max(span.to_ms);
            is_late
        };
        self.records.iter().enumerate().map(judge).collect()
    }

    fn span(&self, record: u32) -> Option<Interval> {
        let info = self.records.get(record as usize)?;
        let offset = self.place(record)?.offset_ms;
        Some(Interval::new(info.first_ms.saturating_add(offset), info.last_ms.saturating_add(offset)))
    }

    fn gaps(&self, gateway: &GatewayId) -> Vec<PlacedGap> {
        let gateway = gateway.to_string();
        let mut out = Vec::new();
        for (tag, cause, stated) in &self.gaps {
            let Some(place) = self.place(stated.record) else { continue };
            out.push(PlacedGap {
                gateway: gateway.clone(),
                tag: tag.as_ref().map(TagId::to_string),
                interval: stated.placed(place.offset_ms, &self.clocks),
                cause: cause.name(),
                leaf: self.records.get(stated.record as usize).map_or(0, |r| r.leaf),
            });
        }
        for (i, info) in self.records.iter().enumerate().filter(|(_, r)| r.missing && r.kind == Kind::Batch) {
            if let Some(interval) = self.span(i as u32) {
                out.push(PlacedGap {
                    gateway: gateway.clone(),
                    tag: None,
                    interval,
                    cause: CONTENT_MISSING,
                    leaf: info.leaf,
                });
            }
        }
        for lost in &self.lost {
            // What is lost lay between the records around it.
            let before = (0..*lost).rev().find_map(|i| self.span(i)).map(|s| s.to_ms);
            let after = (lost + 1..self.records.len() as u32).find_map(|i| self.span(i)).map(|s| s.from_ms);
            let own = self.span(*lost).map(|s| s.to_ms);
            if let (Some(from), Some(to)) = (before, after.or(own)) {
                let leaf = self.records.get(*lost as usize).map_or(0, |r| r.leaf);
                out.push(PlacedGap {
                    gateway: gateway.clone(),
                    tag: None,
                    interval: Interval::new(from, to),
                    cause: LOST,
                    leaf,
                });
            }
        }
        out.sort_by(|a, b| (a.interval, &a.tag, a.leaf).cmp(&(b.interval, &b.tag, b.leaf)));
        out
    }
}

/// Everything a prefix of a site's log says, ready to be evaluated.
#[derive(Debug, Clone, Default)]
pub struct History {
    size: u64,
    site: Option<SiteId>,
    statements: Statements,
    gateways: BTreeMap<GatewayId, Gateway>,
    tags: Option<BTreeSet<(String, String)>>,
    quarantined: Vec<u64>,
    simulated_records: u64,
    readings: u64,
    is_unsigned: bool,
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
        match &leaf.body {
            LeafBody::Record { header, .. } => {
                let content = content.and_then(|bytes| Content::decode(header.kind, bytes).ok());
                self.site.get_or_insert_with(|| header.site.clone());
                self.simulated_records += u64::from(header.clock.simulated);
                let gateway = self.gateways.entry(header.gateway.clone()).or_default();
                gateway.clocks.observe(&header.clock);
                let record = gateway.records.len() as u32;
                gateway.records.push(RecordInfo {
                    leaf: index,
                    kind: header.kind,
                    received_ms: leaf.received_ms,
                    clock: header.clock,
                    first_ms: header.first_ms,
                    last_ms: header.last_ms,
                    readings: header.readings,
                    missing: content.is_none(),
                });
                match content {
                    Some(Content::Configuration(c)) => {
                        gateway.configurations.insert(header.content_digest, c);
                    }
                    Some(Content::Lost(_)) => gateway.lost.push(record),
                    Some(Content::Batch(batch)) => {
                        let tags = self.tags.as_ref();
                        self.readings += gateway.take_batch(record, header, &batch, tags);
                    }
                    Some(Content::ChainStart(_) | Content::KeyChange(_)) | None => {}
                }
            }
            LeafBody::Declaration { .. } => {
                if let Some(declaration) = content.and_then(|bytes| Declaration::decode(bytes).ok()) {
                    self.statements.push(index, leaf.received_ms, declaration);
                }
            }
            LeafBody::Quarantine { .. } => self.quarantined.push(index),
            LeafBody::Epoch { .. } => {}
        }
        self.size += 1;
        Ok(())
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
        let Some((id, gateway)) = self.gateways.iter().find(|(id, _)| id.as_str() == gateway) else {
            return Series::default();
        };
        let mut series = match gateway.columns.iter().find(|(id, _)| id.as_str() == tag) {
            Some((_, column)) => {
                let late = gateway.late();
                column.placed(window, |record| {
                    gateway.record_place(record, late.get(record as usize).is_some_and(|is| *is))
                })
            }
            None => Series::default(),
        };
        for gap in gateway.gaps(id).into_iter().filter(|g| g.tag.as_deref().is_none_or(|t| t == tag)) {
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

    /// Every recorded gap that overlaps a window, by gateway and time.
    pub fn gaps(&self, window: Interval) -> Vec<PlacedGap> {
        let all = self.gateways.iter().flat_map(|(id, g)| g.gaps(id));
        all.filter(|g| !g.interval.intersect(&window).is_empty()).collect()
    }

    /// When the server first knew a gateway, UTC milliseconds: its enrolment, or its first record.
    pub fn known_since_ms(&self, gateway: &str) -> Option<i64> {
        let first = self.gateways.iter().find(|(id, _)| id.as_str() == gateway).and_then(|(_, g)| g.records.first());
        self.statements.enrolled_ms(gateway).or(first.map(|r| r.received_ms))
    }

    /// Newest placed reading or gap end of any gateway, UTC milliseconds.
    pub fn newest_ms(&self) -> Option<i64> {
        self.gateways
            .values()
            .filter_map(|g| (0..g.records.len() as u32).rev().find_map(|i| g.span(i)).map(|s| s.to_ms))
            .max()
    }

    /// First and last placed reading of a gateway, its records and readings: for pages.
    pub fn gateway_extent(&self, gateway: &str) -> Option<(Interval, u64, u64)> {
        let (_, g) = self.gateways.iter().find(|(id, _)| id.as_str() == gateway)?;
        let n = g.records.len() as u32;
        let first = (0..n).find_map(|i| g.span(i))?.from_ms;
        let last = (0..n).rev().find_map(|i| g.span(i))?.to_ms;
        Some((Interval::new(first, last), u64::from(n), g.records.iter().map(|r| u64::from(r.readings)).sum()))
    }

    /// Leaves whose contents an evaluation of these windows depends on, in order: everything but batches that lie
    /// wholly out of reach or whose time is unknown.
    pub fn needed(&self, windows: &[Interval]) -> Vec<u64> {
        let mut out: BTreeSet<u64> = self.statements.ledger().iter().map(|s| s.leaf).collect();
        for gateway in self.gateways.values() {
            for (i, info) in gateway.records.iter().enumerate() {
                let reached = |span: Interval| {
                    windows.iter().any(|w| {
                        span.from_ms <= w.to_ms.saturating_add(REACH_MS)
                            && span.to_ms >= w.from_ms.saturating_sub(REACH_MS)
                    })
                };
                if info.kind != Kind::Batch || gateway.span(i as u32).is_some_and(reached) {
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
        header: &protocol::Header,
        batch: &protocol::Batch,
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
        let gateway = header.gateway.as_str();
        let wanted = |tag: &TagId| tags.is_none_or(|t| t.contains(&(gateway.to_owned(), tag.to_string())));
        let mut kept = 0;
        for column in &batch.columns {
            let Some(tag) = configuration.tags.get(column.tag as usize) else { continue };
            if wanted(&tag.id) {
                self.columns.entry(tag.id.clone()).or_default().push(record, tag, column);
                kept += column.times.len() as u64;
            }
        }
        for gap in &batch.gaps {
            let tag = match gap.tag {
                None => None,
                Some(index) => match configuration.tags.get(index as usize) {
                    Some(tag) if wanted(&tag.id) => Some(tag.id.clone()),
                    _ => continue,
                },
            };
            let stated =
                StatedGap { record, from_boot: gap.from.boot, from_ms: gap.from.boot_ms, to_ms: gap.to_boot_ms };
            self.gaps.push((tag, gap.cause, stated));
        }
        kept
    }
}
