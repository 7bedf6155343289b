//! Asking in the background: after every checkpoint, and again where a witness could not be reached.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use protocol::SiteId;
use tokio::sync::broadcast::error::RecvError;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{Standing, WitnessConfig, Witnesses};
use crate::sitelog::SiteLogs;

/// Has checkpoints witnessed until cancelled. Sites are asked about one request at a time each, a few sites at once.
pub(crate) async fn run(witnesses: Witnesses, logs: SiteLogs, stop: CancellationToken) {
    if witnesses.is_empty() {
        return;
    }
    let mut events = logs.subscribe();
    let mut due: BTreeMap<SiteId, Instant> = logs.sites().into_iter().map(|site| (site, Instant::now())).collect();
    let mut asking: JoinSet<(SiteId, Option<Duration>)> = JoinSet::new();
    let mut busy = BTreeSet::new();
    loop {
        let now = Instant::now();
        let ready: Vec<SiteId> = due
            .iter()
            .filter(|(site, at)| **at <= now && !busy.contains(*site))
            .map(|(site, _)| site.clone())
            .collect();
        for site in ready.into_iter().take(AT_ONCE.saturating_sub(asking.len())) {
            due.remove(&site);
            busy.insert(site.clone());
            let (witnesses, logs) = (witnesses.clone(), logs.clone());
            asking.spawn(async move {
                // A log without leaves has no checkpoint; a closed site is told of elsewhere.
                let _ = witnesses.round(&logs, &site, false).await;
                let again = again(witnesses.peers(&site).iter().map(|peer| &peer.standing));
                (site, again)
            });
        }
        let next = due.iter().filter(|(site, _)| !busy.contains(*site)).map(|(_, at)| *at).min();
        let full = asking.len() >= AT_ONCE;
        tokio::select! {
            () = stop.cancelled() => return,
            event = events.recv() => match event {
                Ok(event) if event.from == event.to => {
                    // A site that waits for a retry does not wait that long once it has something new.
                    let at = due.entry(event.site).or_insert(now + GATHER);
                    *at = (*at).min(now + SPACING);
                }
                Ok(_) => {}
                Err(RecvError::Lagged(_)) => for site in logs.sites() { due.entry(site).or_insert(now); },
                Err(RecvError::Closed) => return,
            },
            Some(done) = asking.join_next() => match done {
                Ok((site, again)) => {
                    busy.remove(&site);
                    // No witness is asked about one site more often than this, however often it publishes.
                    let earliest = Instant::now() + SPACING;
                    match (due.get_mut(&site), again) {
                        (Some(at), _) => *at = (*at).max(earliest),
                        (None, Some(pause)) => { due.insert(site, Instant::now() + pause); }
                        (None, None) => {}
                    }
                }
                // A round that panicked does not say whose it was; a site's turn keeps rounds apart anyway.
                Err(_) => busy.clear(),
            },
            () = tokio::time::sleep_until(next.unwrap_or(now + RETRY)), if !full && next.is_some() => {}
        }
    }
}

/// When to look again without a new checkpoint: soon where a witness could not be reached, later where it has to be told of
/// this log. A refusal does not get better by asking.
fn again<'s>(standings: impl Iterator<Item = &'s Standing>) -> Option<Duration> {
    let pause = |standing: &Standing| match standing {
        Standing::Failed { .. } => Some(RETRY),
        Standing::Unknown { .. } => Some(RETRY_UNKNOWN),
        _ => None,
    };
    standings.filter_map(pause).min()
}

/// Says once what changed, where it matters.
pub(super) fn tell(site: &SiteId, witness: &WitnessConfig, before: &Standing, after: &Standing) {
    if std::mem::discriminant(before) == std::mem::discriminant(after) {
        return;
    }
    let (zh, en) = after.words();
    let name = &witness.key.name;
    match after {
        Standing::Ahead { .. } | Standing::Refused { .. } => tracing::error!(%site, witness = %name, "{en} / {zh}"),
        Standing::Failed { .. } | Standing::Unknown { .. } => tracing::warn!(%site, witness = %name, "{en} / {zh}"),
        _ => tracing::info!(%site, witness = %name, "{en} / {zh}"),
    }
}

/// Sites asked about at once.
const AT_ONCE: usize = 4;
/// From a checkpoint to the question about it: several sites publish together.
const GATHER: Duration = Duration::from_secs(1);
/// Least time between two rounds of one site.
const SPACING: Duration = Duration::from_secs(5);
/// Between two looks at a site whose witnesses did not all answer; each witness has its own, longer pauses.
const RETRY: Duration = Duration::from_secs(15);
const RETRY_UNKNOWN: Duration = Duration::from_secs(300);
