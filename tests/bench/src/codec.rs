//! One batch as a gateway of twenty machines makes it: 200 tags, ten seconds, 2,000 readings.

use anyhow::Result;
use protocol::{
    Batch, BootId, ChainId, Clock, Content, Digest, Header, Kind, Quality, Reading, Record, SecretKey, SyncState, Value,
};

use crate::measure::{Table, rate, repeat};

/// The gateway's key in every benchmark.
pub(crate) fn key() -> SecretKey {
    SecretKey::from_seed(&[42; 32])
}

/// A header with the given place in the chain.
pub(crate) fn header(kind: Kind, sequence: u64, previous: Digest, readings: usize, first_ms: i64) -> Result<Header> {
    Ok(Header {
        kind,
        site: "bench".parse()?,
        gateway: "gw-1".parse()?,
        chain: ChainId([1; 16]),
        sequence,
        previous,
        content_digest: Digest::ZERO,
        content_length: 0,
        readings: u32::try_from(readings)?,
        configuration: protocol::sha256(b"configuration"),
        agent_version: env!("CARGO_PKG_VERSION").into(),
        clock: Clock {
            boot_id: BootId([2; 16]),
            boot_ms: first_ms + 10_000,
            wall_ms: 1_790_000_000_000 + first_ms,
            sync: SyncState::Synchronised,
            error_ms: 5,
            server: None,
            simulated: false,
        },
        first_ms,
        last_ms: first_ms + 10_000,
    })
}

/// `tags` tags read every second for `seconds`: a third counters, a third power with noise, the rest states and floats.
pub(crate) fn batch(tags: u32, seconds: i64, first_ms: i64) -> Batch {
    let mut random = tests::seed::Random::new(first_ms.unsigned_abs());
    let mut readings = Vec::new();
    for second in 0..seconds {
        for tag in 0..tags {
            let noise = random.between(0, 40);
            let elapsed = (first_ms / 1000 + second).unsigned_abs();
            let value = match tag % 6 {
                0 | 1 => Value::U64(100_000 + u64::from(tag) * 1000 + elapsed / u64::from(3 + tag % 7)),
                2 | 3 => Value::U64(12_000 + noise),
                4 => Value::U64(6),
                _ => Value::F64(70.0 + noise as f64 / 100.0),
            };
            readings.push(Reading {
                tag,
                boot_ms: first_ms + second * 1000 + 3,
                value,
                quality: Quality::Good,
                source_ms: None,
            });
        }
    }
    Batch::from_readings(readings, Vec::new(), Vec::new())
}

pub(crate) fn run(table: &mut Table) -> Result<()> {
    for (tags, seconds) in [(20, 10), (200, 10)] {
        let batch = batch(tags, seconds, 0);
        let readings = batch.len();
        let content = Content::Batch(batch.clone()).encode()?;
        let record = Record::sign(header(Kind::Batch, 1, Digest::ZERO, readings, 0)?, content, &key())?;
        let bytes = record.encode();
        let name = format!("{readings} readings");

        let (count, time) = repeat(|| {
            let content = Content::Batch(batch.clone()).encode()?;
            let record = Record::sign(header(Kind::Batch, 1, Digest::ZERO, readings, 0)?, content, &key())?;
            std::hint::black_box(record.encode());
            Ok(())
        })?;
        table.row(
            format!("encode, compress, sign: {name}"),
            rate(f64::from(count) * readings as f64, time),
            "—",
            format!("{:.0} µs a batch", time.as_secs_f64() * 1e6 / f64::from(count)),
        );

        let public = key().public();
        let (count, time) = repeat(|| {
            let record = Record::decode(&bytes)?;
            record.verify(&public)?;
            std::hint::black_box(record.content()?);
            Ok(())
        })?;
        table.row(
            format!("verify, decompress, decode: {name}"),
            rate(f64::from(count) * readings as f64, time),
            "—",
            format!("{:.0} µs a batch", time.as_secs_f64() * 1e6 / f64::from(count)),
        );
        table.row(
            format!("size of the record: {name}"),
            format!("{:.2} bytes/reading", bytes.len() as f64 / readings as f64),
            if readings >= 2000 { "≤ 2.0" } else { "—" },
            format!("{} bytes with header and signature", bytes.len()),
        );
    }
    Ok(())
}
