//! Witnesses: bodies other than this server's operator that cosign the sites' checkpoints (C2SP `tlog-witness`).
//!
//! Constraints
//! 1. Asking never holds up logging: a checkpoint is published first, and what a witness answers is added to it. Who needs a
//!    witnessed checkpoint ([`SiteLogs::witnessed`]) waits a bounded time and is told the truth when it is not.
//! 2. A cosignature counts when it holds under a key of `server.toml` and that witness is run by another body than this
//!    server; of one body at most one counts. What readers demand is in *their* trust file; this only tells people here.
//! 3. What was cosigned is durable beside the log (`sitelog/cosigned.rs`). A witness that holds a newer head than ours, or
//!    says that ours does not continue what it signed, is never argued with: it is shown until somebody has looked.
//! 4. One site is asked about at a time, so that no answer meets an older question. How an answer is understood is
//!    [`standing`], pure.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use protocol::note::Checkpoint;
use protocol::{SiteId, cosignature, cosignature::WitnessKey, proof::ConsistencyProof, sha256};
use tokio::task::JoinSet;
use verify::Operator;

use crate::sitelog::{LogError, SiteLogs};
use crate::state::Clock;

mod client;
mod rounds;
pub mod standing;

pub use client::Address;
use client::Client;
pub(crate) use rounds::run;
pub use standing::Standing;
use standing::{Answer, Next};

/// A witness as configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WitnessConfig {
    /// Where its service is.
    pub address: Address,
    /// As it was written down, for people.
    pub url: String,
    /// Its key.
    pub key: WitnessKey,
    /// The body that runs it.
    pub operator: Operator,
    /// Certificate (PEM) that its TLS certificate is, or was issued by; the system's by default.
    pub ca: Option<std::path::PathBuf>,
}

/// All witnesses of this server. Cheap to clone; may be none.
#[derive(Clone)]
pub struct Witnesses(Arc<Inner>);

struct Inner {
    own: Option<Operator>,
    peers: Vec<(WitnessConfig, Client)>,
    required: usize,
    clock: Clock,
    held: Mutex<BTreeMap<SiteId, Vec<Held>>>,
    turns: Mutex<BTreeMap<SiteId, Arc<tokio::sync::Mutex<()>>>>,
}

/// What is known of a witness about a site.
#[derive(Debug, Clone, Default)]
struct Held {
    /// What holds: an alarm outlives a witness that cannot be reached.
    standing: Standing,
    /// What came of asking last: who cannot be reached is asked ever less often, alarm or not.
    last: Standing,
}

/// A checkpoint of a site and what witnesses said of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Witnessed {
    /// The signed note, with every cosignature there is.
    pub note: String,
    /// What it says.
    pub checkpoint: Checkpoint,
    /// Cosignatures that count: one for each other body, with its name and when it signed.
    pub by: Vec<CosignedBy>,
    /// How many the configuration wants.
    pub required: usize,
}

/// One cosignature that counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CosignedBy {
    /// Name of the key.
    pub witness: String,
    /// The body.
    pub operator: Operator,
    /// When it signed, Unix seconds by the witness's clock.
    pub seconds: u64,
}

impl Witnessed {
    /// Whether enough other bodies have cosigned exactly this checkpoint.
    pub fn is_witnessed(&self) -> bool {
        !self.by.is_empty() && self.by.len() >= self.required
    }
}

/// A witness and how it stands to one site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// Name of its key.
    pub name: String,
    /// Where it is.
    pub url: String,
    /// The body that runs it.
    pub operator: Operator,
    /// It is another body than this server's operator.
    pub counts: bool,
    /// What came of asking.
    pub standing: Standing,
}

impl SiteLogs {
    /// The newest checkpoint of a site that enough witnesses cosigned, else the one that most did; `None` when there was none
    /// yet.
    pub fn cosigned(&self, site: &SiteId) -> Result<Option<Witnessed>, LogError> {
        Ok(self.cosigned_note(site)?.map(|(checkpoint, note)| self.counted(checkpoint, note)))
    }

    /// Publishes a checkpoint over everything there is, has it witnessed, and waits for that at most `wait`. Returns a checkpoint
    /// that covers every leaf there was at the call, witnessed ([`Witnessed::is_witnessed`]) or not.
    pub async fn witnessed(&self, site: &SiteId, wait: Duration) -> Result<Witnessed, LogError> {
        if let Some(witnesses) = self.witnesses().filter(|witnesses| !witnesses.is_empty()) {
            let (logs, witnesses, asked) = (self.clone(), witnesses.clone(), site.clone());
            // Its own task: what arrives after the wait is kept all the same.
            let round = tokio::spawn(async move { witnesses.round(&logs, &asked, true).await });
            if let Ok(Ok(Ok(note))) = tokio::time::timeout(wait, round).await {
                return Ok(self.counted(Checkpoint::read_unverified(&note)?, note));
            }
        }
        let (logs, asked) = (self.clone(), site.clone());
        let note = off_thread(move || logs.publish_now(&asked)).await?;
        let note = self.with_cosignatures(site, note)?;
        Ok(self.counted(Checkpoint::read_unverified(&note)?, note))
    }

    /// A published note, or the kept one over the same leaves, which has cosignatures.
    fn with_cosignatures(&self, site: &SiteId, note: String) -> Result<String, LogError> {
        let checkpoint = Checkpoint::read_unverified(&note)?;
        Ok(self.cosigned_over(site, &checkpoint)?.unwrap_or(note))
    }

    fn counted(&self, checkpoint: Checkpoint, note: String) -> Witnessed {
        let (by, required) = self.witnesses().map_or((Vec::new(), 0), |w| (w.count(&note), w.0.required));
        Witnessed { note, checkpoint, by, required }
    }
}

impl Witnesses {
    /// Makes the ways to the witnesses; asks nobody yet.
    ///
    /// # Errors
    /// When a certificate file cannot be used.
    pub fn new(own: Option<Operator>, list: Vec<WitnessConfig>, required: usize, clock: Clock) -> anyhow::Result<Self> {
        let peer = |config: WitnessConfig| {
            let client = Client::new(config.address.clone(), config.ca.as_deref())?;
            Ok((config, client))
        };
        let peers = list.into_iter().map(peer).collect::<anyhow::Result<_>>()?;
        let (held, turns) = (Mutex::default(), Mutex::default());
        Ok(Self(Arc::new(Inner { own, peers, required, clock, held, turns })))
    }

    /// Nobody is configured.
    pub fn is_empty(&self) -> bool {
        self.0.peers.is_empty()
    }

    /// How many bodies are to have cosigned.
    pub fn required(&self) -> usize {
        self.0.required
    }

    /// The body that operates this server, where the configuration says so.
    pub fn own(&self) -> Option<&Operator> {
        self.0.own.as_ref()
    }

    /// The witnesses as configured.
    pub fn configured(&self) -> impl Iterator<Item = &WitnessConfig> {
        self.0.peers.iter().map(|(config, _)| config)
    }

    /// Every witness with how it stands to a site.
    pub fn peers(&self, site: &SiteId) -> Vec<Peer> {
        let held = lock(&self.0.held).get(site).cloned().unwrap_or_default();
        let peers = self.0.peers.iter().enumerate().map(|(place, (config, _))| Peer {
            name: config.key.name.clone(),
            url: config.url.clone(),
            operator: config.operator.clone(),
            counts: counts(self.0.own.as_ref(), config),
            standing: held.get(place).map(|held| held.standing.clone()).unwrap_or_default(),
        });
        peers.collect()
    }

    /// Cosignatures below a note that count.
    pub(crate) fn count(&self, note: &str) -> Vec<CosignedBy> {
        let others = self.0.peers.iter().filter(|(config, _)| counts(self.0.own.as_ref(), config));
        let signed = others.filter_map(|(config, _)| {
            let seconds = cosignature::cosigned_at(note, &config.key).ok()??;
            Some(CosignedBy { witness: config.key.name.clone(), operator: config.operator.clone(), seconds })
        });
        Operator::one_each(signed, |by| &by.operator)
    }

    /// Asks the witnesses about the newest checkpoint; returns its note with the cosignatures it has now. With `all` one is
    /// published first, and those that failed a moment ago are asked as well; otherwise publishing keeps its own pace.
    async fn round(&self, logs: &SiteLogs, site: &SiteId, all: bool) -> Result<String, LogError> {
        let turn = Arc::clone(lock(&self.0.turns).entry(site.clone()).or_default());
        let _turn = turn.lock().await;
        let (reading, asked) = (logs.clone(), site.clone());
        let published = move || match reading.checkpoint(&asked)? {
            _ if all => reading.publish_now(&asked),
            newest => newest.ok_or_else(|| io::Error::other("no checkpoint yet").into()),
        };
        let note = off_thread(published).await?;
        let kept = logs.with_cosignatures(site, note.clone())?;
        let mut asking = JoinSet::new();
        for (place, (config, client)) in self.0.peers.iter().enumerate() {
            let before = self.held(site, place);
            let has_signed = matches!(cosignature::cosigned_at(&kept, &config.key), Ok(Some(_)));
            if has_signed || (!all && before.last.waits(self.0.clock.now_ms())) {
                continue;
            }
            let (logs, site, note) = (logs.clone(), site.clone(), note.clone());
            let (key, client, clock) = (config.key.clone(), client.clone(), self.0.clock.clone());
            asking.spawn(async move {
                let last = ask(&logs, &site, &note, &key, &client, &before.last, &clock).await;
                (place, before.standing, last)
            });
        }
        while let Some(done) = asking.join_next().await {
            let Ok((place, before, last)) = done else { continue };
            let standing = before.clone().then(last.clone());
            rounds::tell(site, &self.0.peers[place].0, &before, &standing);
            let mut held = lock(&self.0.held);
            let of_site = held.entry(site.clone()).or_default();
            of_site.resize(self.0.peers.len(), Held::default());
            of_site[place] = Held { standing, last };
        }
        logs.with_cosignatures(site, note)
    }

    fn held(&self, site: &SiteId, place: usize) -> Held {
        lock(&self.0.held).get(site).and_then(|of_site| of_site.get(place).cloned()).unwrap_or_default()
    }

    /// What the witnesses hold of these sites, asked before anything is served: a server restored from a backup learns of the
    /// leaves it lost. Only our own signature makes a checkpoint count, so nobody can talk a log into a new epoch.
    pub(crate) async fn ask_what_they_hold(&self, logs: &SiteLogs) {
        let mut asking = JoinSet::new();
        for (_, client) in &self.0.peers {
            let (client, logs) = (client.clone(), logs.clone());
            asking.spawn(async move {
                for site in logs.sites() {
                    let Ok(origin) = logs.origin(&site) else { continue };
                    match client.get(&format!("checkpoint/{}", sha256(origin.as_bytes()))).await {
                        Ok((200, note)) if logs.key().read_own(&site, &note).is_some() => logs.heard(&site, note),
                        // Not there, or a witness that only cosigns: asking for a cosignature will tell.
                        Ok(_) => {}
                        Err(_) => return,
                    }
                }
            });
        }
        let all = async { while asking.join_next().await.is_some() {} };
        if tokio::time::timeout(HEARING, all).await.is_err() {
            tracing::warn!(
                "Not every witness said in time what it holds; a restored backup shows when it is next asked to cosign."
            );
        }
    }
}

/// One witness about one checkpoint, with the repeats that the protocol foresees.
async fn ask(
    logs: &SiteLogs,
    site: &SiteId,
    note: &str,
    key: &WitnessKey,
    client: &Client,
    before: &Standing,
    clock: &Clock,
) -> Standing {
    let failed = |why: String| before.failed(why, clock.now_ms());
    let size = match Checkpoint::read_unverified(note) {
        Ok(checkpoint) => checkpoint.size,
        Err(error) => return failed(error.to_string()),
    };
    let mut old = before.known_size().filter(|known| *known <= size).unwrap_or(0);
    for _ in 0..ATTEMPTS {
        let (proving, proved) = (logs.clone(), site.clone());
        let hashes = match off_thread(move || proving.consistency_proof(&proved, old, size)).await {
            Ok(hashes) => hashes,
            Err(error) => return failed(error.to_string()),
        };
        let body = ConsistencyProof { old, hashes, note: note.to_owned() }.encode();
        let answer = match client.post("add-checkpoint", &body).await {
            Ok((status, body)) => Answer { status, body },
            Err(error) => return failed(format!("{error:#}")),
        };
        match standing::understand(&answer, old, size) {
            Next::Keep => {
                let (logs, site, note, key) = (logs.clone(), site.clone(), note.to_owned(), key.clone());
                let now_ms = clock.now_ms();
                let keeping = move || logs.keep_cosigned(&site, &note, &answer.body, &key, now_ms);
                return match off_thread(keeping).await {
                    Ok(seconds) => Standing::Cosigned { size, seconds },
                    Err(error) => failed(error.to_string()),
                };
            }
            Next::AskFrom(theirs) => old = theirs,
            Next::Stand(standing) => return standing,
            Next::Failed(why) => return failed(why),
        }
    }
    failed("its head changes while it is asked".to_owned())
}

/// Whether a witness is run by another body than this server.
pub(crate) fn counts(own: Option<&Operator>, witness: &WitnessConfig) -> bool {
    own.is_some_and(|own| !own.is_same_body(&witness.operator))
}

async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, LogError> + Send + 'static,
) -> Result<T, LogError> {
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(LogError::Unavailable))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Requests to one witness about one checkpoint: the first may learn its head, the second uses it.
const ATTEMPTS: usize = 3;
/// How long a start waits for what witnesses hold.
const HEARING: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests;
