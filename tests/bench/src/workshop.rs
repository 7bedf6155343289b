//! What a reading of the simulated workshop costs on the wire and in the log, everything included: header, signature,
//! configuration digest, the leaf and its share of the tree.

use anyhow::Result;
use protocol::{Batch, Content, Digest, Kind, Leaf, Quality, Reading, Record, Value};
use simulators::instrument::{Instrument, Raw};
use simulators::tags::devices;
use simulators::world::{Config, World};

use crate::codec::{header, key};
use crate::measure::Table;

fn value(raw: Raw) -> Value {
    match raw {
        Raw::U16(v) => Value::U64(v.into()),
        Raw::U32(v) => Value::U64(v.into()),
        Raw::I32(v) => Value::I64(v.into()),
        Raw::F32(v) => Value::F32(v),
        Raw::F64(v) => Value::F64(v),
        Raw::Text(v) => Value::Text(v.into()),
    }
}

/// A Tuesday morning, so that machines run.
pub(crate) const EPOCH_MS: i64 = 1_794_880_800_000;

/// Workshops as one gateway sees them.
pub(crate) struct Floor {
    worlds: Vec<(World, Vec<Instrument>)>,
    start: i64,
}

impl Floor {
    /// One hour after the worlds' beginning.
    pub(crate) fn new(worlds: Vec<World>) -> Self {
        let start = worlds.iter().map(World::now).max().unwrap_or_default() + 3_600_000;
        let instruments = || devices(true).map(|d| Instrument::new(d, 1)).collect();
        Self { worlds: worlds.into_iter().map(|world| (world, instruments())).collect(), start }
    }

    /// Every tag every `interval_ms`, from `from_ms` on for `length_ms`.
    pub(crate) fn readings(&mut self, from_ms: i64, length_ms: i64, interval_ms: i64) -> Result<Vec<Reading>> {
        let mut list = Vec::new();
        for step in 0..length_ms / interval_ms {
            let offset = from_ms + step * interval_ms;
            let mut tag = 0;
            let mut device = 0;
            for (world, instruments) in &mut self.worlds {
                world.advance_to(self.start + offset);
                for instrument in instruments {
                    // Each device answers at a moment of its own.
                    let boot_ms = offset + 5 + 3 * device;
                    for raw in instrument.read_all(world) {
                        list.push(Reading { tag, boot_ms, value: value(raw), quality: Quality::Good, source_ms: None });
                        tag += 1;
                    }
                    device += 1;
                }
            }
        }
        Ok(list)
    }
}

pub(crate) fn run(table: &mut Table) -> Result<()> {
    // Sealed every 10 s, as gateways do: the more of it there is, the less of it is header and signature.
    const SEAL_MS: i64 = 10_000;
    for (workshops, interval_ms) in [(1, 1_000), (6, 1_000), (1, 100)] {
        let world = |seed| {
            let (epoch_ms, retrofit_ms) = (EPOCH_MS, None);
            World::new(Config { seed, epoch_ms, hall: true, retrofit_ms, rest_weekday: Some(6), record: false })
        };
        let mut floor = Floor::new((1..=workshops).map(world).collect());
        let (mut bytes, mut readings, mut previous) = (0_usize, 0_usize, Digest::ZERO);
        let batches = 3_600_000 / SEAL_MS;
        for sequence in 0..batches {
            let list = floor.readings(sequence * SEAL_MS, SEAL_MS, interval_ms)?;
            let count = list.len();
            let content = Content::Batch(Batch::from_readings(list, Vec::new(), Vec::new())).encode()?;
            let place = u64::try_from(sequence)?;
            let record =
                Record::sign(header(Kind::Batch, place, previous, count, sequence * SEAL_MS)?, content, &key())?;
            previous = record.digest();
            // The leaf holds header and signature; the content lies beside it; the tree adds little over one hash a leaf.
            let leaf = Leaf::record(0, &record).encode()?.len() + 2 + record.content_bytes().len() + 33;
            bytes += record.encode().len().max(leaf);
            readings += count;
        }
        let per_batch = i64::try_from(readings)? / batches;
        table.row(
            format!("{workshops} workshops, every {interval_ms} ms: {per_batch} readings a batch"),
            format!("{:.2} bytes/reading", bytes as f64 / readings as f64),
            if per_batch >= 2000 { "≤ 2.0" } else { "printed" },
            format!("{} tags, {} MB a day", per_batch * interval_ms / SEAL_MS, bytes * 24 / 1_000_000),
        );
    }
    Ok(())
}
