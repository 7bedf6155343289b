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

/// The workshop as a gateway sees it.
pub(crate) struct Floor {
    world: World,
    instruments: Vec<Instrument>,
    start: i64,
}

impl Floor {
    /// One hour after the world's beginning.
    pub(crate) fn new(world: World) -> Self {
        let start = world.now() + 3_600_000;
        Self { world, instruments: devices(true).map(|d| Instrument::new(d, 1)).collect(), start }
    }

    /// Every tag every `interval_s`, from `from_s` on for `seconds`.
    pub(crate) fn readings(&mut self, from_s: i64, seconds: i64, interval_s: i64) -> Result<Vec<Reading>> {
        let mut list = Vec::new();
        for step in 0..seconds / interval_s {
            let offset = (from_s + step * interval_s) * 1000;
            self.world.advance_to(self.start + offset);
            let mut tag = 0;
            for (device, instrument) in self.instruments.iter().enumerate() {
                for raw in instrument.read_all(&self.world) {
                    // Each device answers at a moment of its own.
                    let boot_ms = offset + 5 + 3 * i64::try_from(device)?;
                    list.push(Reading { tag, boot_ms, value: value(raw), quality: Quality::Good, source_ms: None });
                    tag += 1;
                }
            }
        }
        Ok(list)
    }
}

pub(crate) fn run(table: &mut Table) -> Result<()> {
    for (interval_s, seal_s) in [(1, 10), (1, 60), (10, 600)] {
        let config =
            Config { seed: 1, epoch_ms: EPOCH_MS, hall: true, retrofit_ms: None, rest_weekday: Some(6), record: false };
        let mut floor = Floor::new(World::new(config));
        let (mut bytes, mut readings, mut previous) = (0_usize, 0_usize, Digest::ZERO);
        let batches = 3600 / seal_s;
        for sequence in 0..batches {
            let list = floor.readings(sequence * seal_s, seal_s, interval_s)?;
            let count = list.len();
            let content = Content::Batch(Batch::from_readings(list, Vec::new(), Vec::new())).encode()?;
            let place = u64::try_from(sequence)?;
            let record =
                Record::sign(header(Kind::Batch, place, previous, count, sequence * seal_s * 1000)?, content, &key())?;
            previous = record.digest();
            // The leaf holds header and signature; the content lies beside it; the tree adds little over one hash a leaf.
            let leaf = Leaf::record(0, &record).encode()?.len() + 2 + record.content_bytes().len() + 33;
            bytes += record.encode().len().max(leaf);
            readings += count;
        }
        let per_batch = i64::try_from(readings)? / batches;
        table.row(
            format!("every {interval_s} s, sealed every {seal_s} s: {per_batch} readings a batch"),
            format!("{:.2} bytes/reading", bytes as f64 / readings as f64),
            if per_batch >= 2000 { "≤ 2.0" } else { "printed" },
            format!("{} tags, {} MB a day", i64::try_from(readings)? / (3600 / interval_s), bytes * 24 / 1_000_000),
        );
    }
    Ok(())
}
