//! The gateway's buffer beside what one would use instead: the same records, one durable commit per record, the same disk.

use std::path::Path;
use std::time::{Duration, Instant};

use agent::buffer::storage::DiskStorage;
use agent::buffer::{Buffer, Settings};
use anyhow::Result;
use sqlx::Connection as _;
use sqlx::Executor as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};

use crate::measure::{Table, rate, written};

struct Outcome {
    time: Duration,
    written: u64,
}

fn ours(folder: &Path, records: &[Vec<u8>]) -> Result<Outcome> {
    let (mut buffer, _) = Buffer::open(DiskStorage::open(folder)?, Settings::default(), [9; 16])?;
    let (before, start) = (written()?, Instant::now());
    for record in records {
        buffer.append(record)?;
        buffer.sync()?;
    }
    Ok(Outcome { time: start.elapsed(), written: written()? - before })
}

fn sled(folder: &Path, records: &[Vec<u8>]) -> Result<Outcome> {
    let database = sled::Config::new().path(folder).flush_every_ms(None).open()?;
    let (before, start) = (written()?, Instant::now());
    for (i, record) in records.iter().enumerate() {
        database.insert((i as u64).to_be_bytes(), record.as_slice())?;
        database.flush()?;
    }
    Ok(Outcome { time: start.elapsed(), written: written()? - before })
}

fn sqlite(folder: &Path, records: &[Vec<u8>]) -> Result<Outcome> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let options = SqliteConnectOptions::new()
            .filename(folder.join("buffer.db"))
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full);
        let mut database = SqliteConnection::connect_with(&options).await?;
        database.execute("CREATE TABLE buffer (position INTEGER PRIMARY KEY, record BLOB NOT NULL)").await?;
        let (before, start) = (written()?, Instant::now());
        for (i, record) in records.iter().enumerate() {
            sqlx::query("INSERT INTO buffer VALUES (?, ?)")
                .bind(i64::try_from(i)?)
                .bind(record.as_slice())
                .execute(&mut database)
                .await?;
        }
        let outcome = Outcome { time: start.elapsed(), written: written()? - before };
        database.close().await?;
        Ok(outcome)
    })
}

type Engine = (&'static str, fn(&Path, &[Vec<u8>]) -> Result<Outcome>);

pub(crate) fn run(table: &mut Table) -> Result<()> {
    let engines: [Engine; 3] =
        [("segment log (ours)", ours), ("sled 0.34, flush each", sled), ("SQLite WAL, synchronous FULL", sqlite)];
    let mut random = tests::seed::Random::new(7);
    for (bytes, count) in [(2 * 1024, 400_usize), (20 * 1024, 400), (64 * 1024, 200)] {
        // Compressed, signed records look like noise to a disk.
        let records: Vec<Vec<u8>> =
            (0..count).map(|_| (0..bytes / 8).flat_map(|_| random.next_u64().to_le_bytes()).collect()).collect();
        let payload = (bytes * count) as f64;
        for (name, engine) in engines {
            // Beside the repository, not in /tmp: that may be memory, where a sync costs nothing.
            let folder = tempfile::tempdir_in(tests::repo::program_dir())?;
            let outcome = engine(folder.path(), &records)?;
            table.row(
                format!("{name}: {count} records of {} KiB", bytes / 1024),
                format!("{:.2}× written", outcome.written as f64 / payload),
                if name.contains("ours") && bytes >= 64 * 1024 { "≤ 1.3×" } else { "printed" },
                format!("{} durable records", rate(count as f64, outcome.time)),
            );
        }
    }
    Ok(())
}
