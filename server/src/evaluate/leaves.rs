//! Statements and readings as leaves of a log that nobody signed, given to the very code that evaluates a signed one.
//!
//! Constraints
//! 1. Records have the form of a gateway's: a configuration, then batches in order of time, under a clock that is UTC itself. Their
//!    signatures are empty, and the history is one of unsigned readings: every value says so.
//! 2. Where batches are cut changes no number; they are cut so that each holds some thousands of readings.
//! 3. A record is taken as received when its last reading was made: a file cannot show when it came.

use metrics::{History, HistoryError};
use protocol::content::{Column, Values};
use protocol::{
    Batch, BootId, ChainId, Clock, Configuration, Content, Digest, GatewayId, Header, Leaf, LeafBody, Quality,
    Signature, SyncState, ValueType, sha256,
};

use super::plan::PlanFile;
use super::rows::{Readings, Sample, TagRows, text_of};

/// Why leaves could not be made.
#[derive(Debug, thiserror::Error)]
pub enum LeafError {
    /// The formats refuse it.
    #[error(transparent)]
    Format(#[from] protocol::Error),
    /// The history refuses it.
    #[error(transparent)]
    History(#[from] HistoryError),
    /// Some readings did not come through.
    #[error("{got} of {want} readings came through")]
    Missing {
        /// Readings of the file.
        want: u64,
        /// Readings of the history.
        got: u64,
    },
}

/// The history of a plan and its readings.
pub(super) fn history(plan: &PlanFile, readings: &Readings) -> Result<History, LeafError> {
    let mut log = Log { history: History::unsigned(), plan };
    for statement in &plan.statements {
        let bytes = statement.declaration.encode()?;
        log.push(&Leaf::declaration(statement.stated_ms, &statement.declaration.kind, &bytes), &bytes)?;
    }
    let mut gateways: Vec<&GatewayId> = plan.table.tags().iter().map(|t| &t.gateway).collect();
    gateways.sort();
    gateways.dedup();
    for gateway in gateways {
        log.gateway(gateway, readings)?;
    }
    let (want, got) = (readings.used(), log.history.readings());
    if want == got { Ok(log.history) } else { Err(LeafError::Missing { want, got }) }
}

struct Log<'p> {
    history: History,
    plan: &'p PlanFile,
}

/// A record in the making.
struct Place<'g> {
    gateway: &'g GatewayId,
    sequence: u64,
    configuration: Digest,
}

impl Log<'_> {
    fn push(&mut self, leaf: &Leaf, content: &[u8]) -> Result<(), LeafError> {
        Ok(self.history.push(self.history.size(), leaf, Some(content))?)
    }

    fn gateway(&mut self, gateway: &GatewayId, readings: &Readings) -> Result<(), LeafError> {
        let own = self.plan.table.tags().iter().zip(&readings.tags).filter(|(tag, _)| tag.gateway == *gateway);
        let (tags, rows): (Vec<_>, Vec<&TagRows>) = own.map(|(tag, rows)| (tag.config.clone(), rows)).unzip();
        let types: Vec<ValueType> = tags.iter().map(|t| t.value_type).collect();
        let mut place = Place { gateway, sequence: 0, configuration: Digest::ZERO };
        let configuration = Content::Configuration(Configuration { format: 1, devices: Vec::new(), tags });
        place.configuration = self.record(&mut place, &configuration, (0, 0))?;
        let mut cut = Cut::new(rows.iter().map(|r| r.samples.as_slice()).collect());
        while let Some(parts) = cut.next() {
            let columns = (0..).zip(parts).zip(rows.iter().zip(&types)).filter(|((_, part), _)| !part.is_empty());
            let columns = columns.map(|((tag, part), (rows, of))| column(tag, part, rows, *of)).collect();
            let batch = Batch { columns, gaps: Vec::new(), events: Vec::new() };
            let span = batch.span().unwrap_or_default();
            self.record(&mut place, &Content::Batch(batch), span)?;
        }
        Ok(())
    }

    /// Appends a record; returns the digest of its content.
    fn record(&mut self, place: &mut Place<'_>, content: &Content, span: (i64, i64)) -> Result<Digest, LeafError> {
        let bytes = content.encode()?;
        let readings = if let Content::Batch(batch) = content { batch.len() } else { 0 };
        let header = Header {
            kind: content.kind(),
            site: self.plan.site.clone(),
            gateway: place.gateway.clone(),
            chain: ChainId([0; 16]),
            sequence: place.sequence,
            previous: Digest::ZERO,
            content_digest: sha256(&bytes),
            content_length: u32::try_from(bytes.len()).unwrap_or(u32::MAX),
            readings: u32::try_from(readings).unwrap_or(u32::MAX),
            configuration: place.configuration,
            agent_version: "".into(),
            clock: Clock {
                boot_id: BootId([0; 16]),
                boot_ms: span.1,
                wall_ms: span.1,
                sync: SyncState::Synchronised,
                error_ms: 0,
                server: None,
                simulated: false,
            },
            first_ms: span.0,
            last_ms: span.1,
        };
        let (digest, header_bytes) = (header.content_digest, header.encode()?);
        let body = LeafBody::Record { header, header_bytes, signature: Signature([0; 64]) };
        self.push(&Leaf { received_ms: span.1, body }, &bytes)?;
        place.sequence += 1;
        Ok(digest)
    }
}

/// A tag's part of a batch.
fn column(tag: u32, part: &[Sample], rows: &TagRows, value_type: ValueType) -> Column {
    let bits = part.iter().map(|s| s.bits);
    let values = match value_type {
        ValueType::Bool => Values::Bool(bits.map(|b| b != 0).collect()),
        ValueType::I64 => Values::I64(bits.map(u64::cast_signed).collect()),
        ValueType::U64 => Values::U64(bits.collect()),
        ValueType::F32 => Values::F32(bits.map(|b| b as u32).collect()),
        ValueType::F64 => Values::F64(bits.collect()),
        ValueType::Text => Values::Text(bits.map(|b| text_of(rows, b)).collect()),
    };
    let mut qualities: Vec<(Quality, u32)> = Vec::new();
    for sample in part {
        match qualities.last_mut() {
            Some((quality, count)) if *quality == sample.quality => *count += 1,
            _ => qualities.push((sample.quality, 1)),
        }
    }
    Column { tag, times: part.iter().map(|s| s.time_ms).collect(), values, qualities, sources: None }
}

/// Cuts the samples of a gateway into batches by time.
struct Cut<'r> {
    rest: Vec<&'r [Sample]>,
    window_ms: i64,
}

/// A batch with fewer readings makes the next stretch twice as long.
const READINGS_FEW: usize = 2_000;
/// A batch holds no more.
const READINGS_MAX: usize = 20_000;

impl<'r> Cut<'r> {
    fn new(rest: Vec<&'r [Sample]>) -> Self {
        Self { rest, window_ms: 3_600_000 }
    }

    /// The next batch: of every tag what lies in the next stretch of time.
    fn next(&mut self) -> Option<Vec<&'r [Sample]>> {
        let from = self.rest.iter().filter_map(|r| r.first()).map(|s| s.time_ms).min()?;
        loop {
            let to = from.saturating_add(self.window_ms);
            let counts: Vec<usize> = self.rest.iter().map(|r| r.partition_point(|s| s.time_ms < to)).collect();
            let all: usize = counts.iter().sum();
            if all > READINGS_MAX && self.window_ms > 1 {
                self.window_ms /= 2;
                continue;
            }
            if all < READINGS_FEW {
                self.window_ms = self.window_ms.saturating_mul(2);
            }
            let mut parts = Vec::with_capacity(counts.len());
            for (rest, count) in self.rest.iter_mut().zip(counts) {
                let (part, after) = rest.split_at_checked(count).unwrap_or((rest, &[]));
                *rest = after;
                parts.push(part);
            }
            return Some(parts);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_hold_every_reading_once_in_order_and_are_of_ordinary_size() {
        let sample = |time_ms| Sample { time_ms, bits: 0, row: 0, quality: Quality::Good };
        let dense: Vec<Sample> = (0..50_000).map(|i| sample(i * 10)).collect();
        let sparse: Vec<Sample> = (0..500).map(|i| sample(i * 86_400_000)).collect();
        let mut cut = Cut::new(vec![&dense, &[], &sparse]);
        let (mut taken, mut batches, mut last) = ([0, 0, 0], 0, i64::MIN);
        while let Some(parts) = cut.next() {
            let all = || parts.iter().copied().flatten().map(|s| s.time_ms);
            assert!(all().min().unwrap() > last, "no batch reaches back");
            last = all().max().unwrap();
            assert!((1..=READINGS_MAX).contains(&all().count()));
            taken.iter_mut().zip(&parts).for_each(|(n, part)| *n += part.len());
            batches += 1;
        }
        assert_eq!(taken, [50_000, 0, 500]);
        assert!(batches < 40, "{batches}");
    }
}
