//! The shell around `site`: follows the logs, runs steps off the async threads, writes their rows.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use protocol::note::Checkpoint;
use protocol::{Digest, Leaf, SiteId};
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;

use super::site::{KnownShift, SiteProjector, Standing};
use super::{LeafSource, ProjectionError, fleet, parquet};
use crate::sitelog::{LogError, SiteLogs};
use crate::state::Clock;
use crate::store::Store;

/// A site's log as a source.
#[derive(Debug)]
pub struct LogSource {
    /// The logs.
    pub logs: SiteLogs,
    /// Which.
    pub site: SiteId,
}

impl LeafSource for LogSource {
    fn size(&self) -> Result<u64, ProjectionError> {
        self.logs.size(&self.site).map_err(log)
    }

    fn leaves(&self, range: Range<u64>) -> Result<Vec<Leaf>, ProjectionError> {
        self.logs.leaves(&self.site, range).map_err(log)
    }

    fn content(&self, digest: &Digest) -> Result<Option<Vec<u8>>, ProjectionError> {
        self.logs.content(&self.site, digest).map_err(log)
    }
}

/// Follows the logs until `stop`.
pub async fn run(store: Store, logs: SiteLogs, clock: Clock, data_dir: PathBuf, stop: CancellationToken) {
    let mut events = logs.subscribe();
    let mut projector = Projector { store, logs, clock, data_dir, sites: BTreeMap::new() };
    let mut pending: BTreeSet<SiteId> = projector.logs.sites().into_iter().collect();
    let mut failed: BTreeSet<SiteId> = BTreeSet::new();
    let mut closed: BTreeSet<SiteId> = BTreeSet::new();
    for site in &pending {
        projector.note_checkpoint(site).await;
    }
    loop {
        projector.note_closed(&mut closed).await;
        // Round by round, so that every site gets its turn; a round ends when nobody has more to do at once.
        while !pending.is_empty() && !stop.is_cancelled() {
            for site in std::mem::take(&mut pending) {
                if stop.is_cancelled() {
                    return;
                }
                match projector.step(&site).await {
                    Ok(true) => {
                        pending.insert(site);
                    }
                    Ok(false) => {}
                    Err(error) => {
                        tracing::error!(%site, %error, "site not projected; tried again shortly");
                        projector.sites.remove(&site);
                        failed.insert(site);
                    }
                }
            }
            while let Ok(event) = events.try_recv() {
                if event.from == event.to {
                    projector.note_checkpoint(&event.site).await;
                }
                pending.insert(event.site);
            }
        }
        tokio::select! {
            () = stop.cancelled() => return,
            event = events.recv() => match event {
                Ok(event) => {
                    if event.from == event.to {
                        projector.note_checkpoint(&event.site).await;
                    }
                    pending.insert(event.site);
                    // A burst of records is one step.
                    tokio::time::sleep(GATHER).await;
                }
                Err(RecvError::Lagged(_)) => pending.extend(projector.logs.sites()),
                Err(RecvError::Closed) => return,
            },
            () = tokio::time::sleep(TICK) => {
                pending.extend(projector.sites.keys().cloned());
                pending.append(&mut failed);
            }
        }
    }
}

/// Drops and recomputes everything derived of one site, or of all.
pub async fn rebuild(
    store: &Store,
    logs: &SiteLogs,
    clock: &Clock,
    data_dir: &Path,
    only: Option<&SiteId>,
) -> Result<(), ProjectionError> {
    let mut projector = Projector {
        store: store.clone(),
        logs: logs.clone(),
        clock: clock.clone(),
        data_dir: data_dir.to_owned(),
        sites: BTreeMap::new(),
    };
    for site in logs.sites().into_iter().filter(|site| only.is_none_or(|only| only == site)) {
        store.clear_derived(site.as_str()).await?;
        let folder = parquet::folder(data_dir, site.as_str());
        if folder.exists() {
            std::fs::remove_dir_all(&folder)?;
        }
        while projector.step(&site).await? {}
        projector.note_checkpoint(&site).await;
        projector.sites.remove(&site);
    }
    Ok(())
}

struct Projector {
    store: Store,
    logs: SiteLogs,
    clock: Clock,
    data_dir: PathBuf,
    sites: BTreeMap<SiteId, SiteProjector>,
}

impl Projector {
    /// One step of one site; true when there is more to do at once.
    async fn step(&mut self, site: &SiteId) -> Result<bool, ProjectionError> {
        let now_ms = self.clock.now_ms();
        let projector = match self.sites.remove(site) {
            Some(projector) => projector,
            None => self.open(site).await?,
        };
        let (mut projector, step) = off_thread(move || {
            let mut projector = projector;
            let step = projector.step(now_ms);
            (projector, step)
        })
        .await?;
        let step = step?;
        if step.changed || step.rows.size != projector.written.size {
            self.store.apply_projection(site.as_str(), &step.rows).await?;
            projector.written.size = step.rows.size;
        }
        let mut more = step.more;
        projector.written.fleet_due |= step.changed;
        let until = projector.plan().and_then(|plan| Some(plan.body.baseline.as_ref()?.to.clone()));
        if until.is_some_and(|until| step.rows.shifts.iter().any(|shift| shift.date <= until)) {
            projector.written.baseline = None;
        }
        let due = projector.written.fleet_due && now_ms.saturating_sub(projector.written.fleet_ms) >= FLEET_MS;
        if due && !step.more {
            let record =
                fleet::record(&self.store, site.as_str(), &mut projector, self.logs.why_closed(site).is_some(), now_ms)
                    .await?;
            self.store.put_fleet(site.as_str(), &record).await?;
            projector.written.fleet_due = false;
            projector.written.fleet_ms = now_ms;
        }
        if !step.more
            && let Some(day) = projector.days.due(now_ms)
        {
            let folder = parquet::folder(&self.data_dir, site.as_str());
            let (back, written) = off_thread(move || {
                let place = |header: &protocol::Header| projector.offset_ms(header);
                let written = parquet::write_day(&*projector.source(), &folder, &day, &place);
                match &written {
                    Ok(_) => projector.days.written(&day),
                    Err(_) => projector.days.failed(now_ms),
                }
                (projector, written)
            })
            .await?;
            projector = back;
            // A convenience copy that cannot be written is an error for the operator, not for the metrics.
            if let Err(error) = written {
                tracing::error!(%site, %error, "readings of a day not written as Parquet; tried again in a minute");
            }
            more = projector.days.due(now_ms).is_some();
        }
        self.sites.insert(site.clone(), projector);
        Ok(more)
    }

    async fn open(&self, site: &SiteId) -> Result<SiteProjector, ProjectionError> {
        let persisted = u64::try_from(self.store.projected_size(site.as_str()).await?).unwrap_or(0);
        let seen = u64::try_from(self.store.seen_size(site.as_str()).await?).unwrap_or(0);
        let rows = self.store.shift_keys(site.as_str()).await?;
        let known = rows
            .into_iter()
            .map(|row| {
                let key = KnownShift { machine: row.machine, from_ms: row.from_ms, date: row.date, name: row.name };
                (key, Standing { until_ms: row.until_ms, closed: row.closed })
            })
            .collect();
        let bills = self.store.bills_of(&[site.to_string()]).await?;
        let source = Arc::new(LogSource { logs: self.logs.clone(), site: site.clone() });
        let folder = parquet::folder(&self.data_dir, site.as_str());
        off_thread(move || {
            let mut projector = SiteProjector::open(source, persisted, seen, known)?;
            projector.know_bills(bills.into_iter().map(|(_, row)| (row.machine, row.leaf)));
            projector.days.compare(&folder);
            Ok(projector)
        })
        .await?
    }

    /// Marks the evidence of sites whose log is damaged, once each.
    async fn note_closed(&self, noted: &mut BTreeSet<SiteId>) {
        for site in self.logs.closed().into_keys().filter(|site| !noted.contains(site)).collect::<Vec<_>>() {
            match fleet::closed(&self.store, site.as_str(), self.clock.now_ms()).await {
                Ok(()) => {
                    noted.insert(site);
                }
                Err(error) => tracing::error!(%site, %error, "a damaged site is not marked on the pages yet"),
            }
        }
    }

    /// Copies the newest checkpoint's head for the pages.
    async fn note_checkpoint(&self, site: &SiteId) {
        let Ok(Some(note)) = self.logs.checkpoint(site) else { return };
        let Ok(checkpoint) = Checkpoint::read_unverified(&note) else { return };
        let size = i64::try_from(checkpoint.size).unwrap_or(i64::MAX);
        let root = checkpoint.root.to_string();
        if let Err(error) = self.store.put_checkpoint(site.as_str(), size, &root, self.clock.now_ms()).await {
            tracing::error!(%site, %error, "checkpoint not noted for the pages");
        }
    }
}

fn log(error: LogError) -> ProjectionError {
    ProjectionError::Log(error.to_string())
}

/// Runs blocking work on its own thread.
async fn off_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, ProjectionError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| ProjectionError::Stopped(error.to_string()))
}

/// Records that arrive together are taken in together.
const GATHER: Duration = Duration::from_millis(200);
/// A site's line in the fleet is written at most this often, ms.
const FLEET_MS: i64 = 5_000;
/// Live shifts grow without records too.
const TICK: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests;
