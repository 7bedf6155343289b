//! What every handler shares, and the only door to the wall clock.

use std::sync::{Arc, OnceLock};
use std::time::{SystemTime, UNIX_EPOCH};

use axum::extract::FromRef;

use crate::accounts::Accounts;
use crate::ingest::Ingest;
use crate::keys::Keys;
use crate::sitelog::SiteLogs;
use crate::store::Store;

/// Time as an argument: the system's in production, a test's otherwise.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> i64 + Send + Sync>);

impl Clock {
    /// The system's wall clock.
    pub fn system() -> Self {
        Self::new(|| {
            let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
        })
    }

    /// A clock that answers with `now_ms`, Unix milliseconds.
    pub fn new(now_ms: impl Fn() -> i64 + Send + Sync + 'static) -> Self {
        Self(Arc::new(now_ms))
    }

    /// Unix milliseconds, UTC.
    pub fn now_ms(&self) -> i64 {
        (self.0)()
    }
}

/// Facts of this server that pages show.
#[derive(Clone, Debug, Default)]
pub struct WebFacts {
    /// Host name people reach this server under.
    pub public_host: String,
    /// `host:port` under which gateways enrol.
    pub enrol_host_port: String,
    /// Pages are served over TLS, so cookies are marked `Secure`.
    pub tls: bool,
    /// Version of the program.
    pub version: &'static str,
}

/// The endpoint's handle: empty until it listens, and where gateways come through an external broker.
pub type Door = Arc<OnceLock<endpoint::Handle>>;

/// What every handler shares. Cheap to clone.
#[derive(Clone)]
pub struct AppState {
    /// The database.
    pub store: Store,
    /// People.
    pub accounts: Accounts,
    /// Time.
    pub clock: Clock,
    /// Facts for pages.
    pub facts: Arc<WebFacts>,
    /// The sites' logs.
    pub logs: SiteLogs,
    /// The way in: live values, whether the disk is full.
    pub ingest: Ingest,
    /// Who is connected.
    pub door: Door,
    /// What signs and issues.
    pub keys: Arc<Keys>,
    /// Where everything lives.
    pub data_dir: Arc<std::path::Path>,
}

impl FromRef<AppState> for Accounts {
    fn from_ref(state: &AppState) -> Self {
        state.accounts.clone()
    }
}

impl FromRef<AppState> for Clock {
    fn from_ref(state: &AppState) -> Self {
        state.clock.clone()
    }
}
