//! The server from a record's bytes to its receipt: signature, order, journal with one sync per group, receipt signed — and
//! then, behind it, contents, tiles and checkpoint. A real disk, real syncs, one gateway.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use protocol::{ChainStart, ChainStartCause, Content, Declaration, Digest, GatewayId, Kind, Record, SiteId};
use server::ingest::{Answer, Ingest, Options};
use server::sitelog::{LogKey, SiteLogs};
use server::state::Clock;
use server::storage::{Disk, Storage};

use crate::codec::{batch, header, key};
use crate::measure::{Table, rate};

/// A chain of records as a gateway sends them.
pub(crate) fn chain(batches: usize, tags: u32, seconds: i64) -> Result<Vec<Record>> {
    let start = Content::ChainStart(ChainStart { cause: ChainStartCause::First, old: None }).encode()?;
    let mut records = vec![Record::sign(header(Kind::ChainStart, 0, Digest::ZERO, 0, 0)?, start, &key())?];
    for i in 0..batches {
        let first_ms = i64::try_from(i)? * 10_000;
        let batch = batch(tags, seconds, first_ms);
        let count = batch.len();
        let previous = records.last().map_or(Digest::ZERO, Record::digest);
        let header = header(Kind::Batch, records.len() as u64, previous, count, first_ms)?;
        records.push(Record::sign(header, Content::Batch(batch).encode()?, &key())?);
    }
    Ok(records)
}

pub(crate) fn run(table: &mut Table) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    for (batches, tags, seconds) in [(3_000_usize, 20, 10), (1_000, 200, 10)] {
        let folder = tempfile::tempdir_in(tests::repo::program_dir())?;
        let disk: Arc<dyn Storage> = Arc::new(Disk::open(folder.path())?);
        let logs = SiteLogs::open(Arc::clone(&disk), LogKey::new("bench", key())?, None)?;
        let options = Options { publish_every: Duration::from_secs(5), ..Options::default() };
        let now = Clock::new(|| 1_790_000_100_000);
        let (ingest, _) = Ingest::start(disk, logs.clone(), now, options)?;
        let (site, gateway): (SiteId, GatewayId) = ("bench".parse()?, "gw-1".parse()?);
        logs.create_site(&site)?;
        let enrolment = Declaration {
            kind: "gateway_enrolled".into(),
            effective_from: 0,
            author: "server".into(),
            role: "server".into(),
            reason: String::new(),
            body: serde_json::json!({ "gateway": gateway, "key": key().public().hex() }),
        };
        runtime.block_on(logs.append_declaration(&site, &enrolment))?;

        let records: Vec<Vec<u8>> = chain(batches, tags, seconds)?.iter().map(Record::encode).collect();
        let readings = batches as f64 * f64::from(tags) * seconds as f64;
        let (start, before) = (Instant::now(), processor()?);
        // As many under way as a gateway's window allows.
        let mut waiting = std::collections::VecDeque::new();
        for record in records {
            waiting.push_back(ingest.submit(site.clone(), gateway.clone(), record));
            if waiting.len() >= 64 {
                let first = waiting.pop_front().context("a full window has a first")?;
                ensure!(runtime.block_on(first)? == Answer::Answered, "a record was not answered");
            }
        }
        for answer in waiting {
            ensure!(runtime.block_on(answer)? == Answer::Answered, "a record was not answered");
        }
        let receipted = start.elapsed();
        ingest.stop();
        let logged = start.elapsed();
        let busy = processor()?.saturating_sub(before);
        ensure!(logs.size(&site)? == batches as u64 + 2, "the log holds {} leaves", logs.size(&site)?);
        let per_batch = readings / batches as f64;
        table.row(
            format!("verified, journalled, receipted: {per_batch:.0} readings a batch"),
            format!("{} readings", rate(readings, receipted)),
            "≥ 1 M/s per core at 200",
            format!("{} records, both threads together", rate(batches as f64, receipted)),
        );
        table.row(
            format!("… and logged under a checkpoint: {per_batch:.0} readings a batch"),
            format!("{} readings", rate(readings, logged)),
            "—",
            "contents, tiles and checkpoint synced",
        );
        table.row(
            format!("… per core, by processor time: {per_batch:.0} readings a batch"),
            format!("{} readings", rate(readings, busy)),
            "≥ 1 M/s per core at 200",
            "everything up to the checkpoint, the sender of this bench included",
        );
    }
    Ok(())
}

/// Processor time this process has used so far.
fn processor() -> Result<Duration> {
    Ok(crate::gateway::usage(std::process::id())?.0)
}
