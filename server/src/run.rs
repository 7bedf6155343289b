//! The whole server in one process: opens everything in order, serves, stops in reverse order.
//!
//! Order of start, so that nothing promises what is not there yet: lock the data directory ▸ keys ▸ site logs ▸ journal
//! replayed ▸ database ▸ projections ▸ enrolment and pages ▸ gateways last. Order of stop is the reverse: gateways first, so
//! that what was acknowledged is journalled, integrated and under a checkpoint before the process ends.

use std::future::Future;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use axum::Router;
use endpoint::{Handle, Limits};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::accounts::Accounts;
use crate::config::{Config, Intake};
use crate::enrol::{self, Enrolment};
use crate::ingest::broker::{self, BrokerOptions, BrokerPusher};
use crate::ingest::endpoint::{EndpointPusher, Gateways};
use crate::ingest::{Ingest, Options, Recovery};
use crate::keys::Keys;
use crate::sitelog::SiteLogs;
use crate::state::{AppState, Clock, Door, WebFacts};
use crate::storage::{Disk, Storage, private_folder};
use crate::store::Store;
use crate::witness::Witnesses;
use crate::{admin, projection};

#[cfg(test)]
mod tests;

/// The data directory opened for writing: logs and journal, without any listener. What offline `admin` uses.
pub struct Evidence {
    /// Keys.
    pub keys: Arc<Keys>,
    /// The sites' logs.
    pub logs: SiteLogs,
    /// The way into them.
    pub ingest: Ingest,
    /// What recovery found.
    pub recovery: Recovery,
    /// The database.
    pub store: Store,
    /// Held as long as this process may write.
    _lock: Lock,
}

/// A running server.
pub struct Running {
    /// Pages and API.
    pub web: SocketAddr,
    /// The MQTT endpoint, unless an external broker is used.
    pub mqtt: Option<SocketAddr>,
    /// Enrolment.
    pub enrol: SocketAddr,
    /// What handlers share.
    pub state: AppState,
    /// Keys, logs, journal, database.
    pub evidence: Evidence,
    endpoint: Option<(Handle, JoinHandle<()>)>,
    stop: CancellationToken,
    tasks: Vec<JoinHandle<()>>,
}

impl Evidence {
    /// Locks and opens the data directory.
    ///
    /// # Errors
    /// When another process uses it, or keys, logs, journal or database cannot be opened.
    pub async fn open(config: &Config, clock: &Clock) -> Result<Self> {
        let lock = Lock::take(&config.data_dir)?;
        let keys = Arc::new(Keys::open(&config.data_dir.join("keys"), &config.public_host)?);
        let (folder, copy) = (config.data_dir.clone(), config.checkpoint_copy.clone());
        let options = Options {
            publish_every: Duration::from_secs(config.publish_seconds),
            reserve_bytes: config.reserve_mib * 1024 * 1024,
            ..Options::default()
        };
        let (log_key, clock, now_ms) = (keys.log().clone(), clock.clone(), clock.now_ms());
        let witnesses =
            Witnesses::new(config.operator.clone(), config.witnesses.clone(), config.witnesses_required, clock.clone())
                .context("[[witness]]")?;
        // Walking packs and replaying a journal can take seconds.
        let (disk, logs) = tokio::task::spawn_blocking(move || -> Result<_> {
            let disk: Arc<dyn Storage> =
                Arc::new(Disk::open(&folder).with_context(|| format!("data directory {}", folder.display()))?);
            let logs = SiteLogs::open(Arc::clone(&disk), log_key, copy)?;
            Ok((disk, logs))
        })
        .await??;
        logs.set_witnesses(witnesses.clone());
        witnesses.ask_what_they_hold(&logs).await;
        let (logs, ingest, recovery) = tokio::task::spawn_blocking(move || -> Result<_> {
            let (ingest, recovery) = Ingest::start(disk, logs.clone(), clock, options).context(
                "bringing the journal into the site logs. If the disk is full, free space and start again: nothing is \
                 lost, gateways keep their records / 若磁盘已满，请清理后重新启动；数据不会丢失",
            )?;
            Ok((logs, ingest, recovery))
        })
        .await??;
        if let Some((zh, en)) = recovery.journal_words() {
            tracing::warn!("{en} / {zh}");
        }
        admin::carry::unfinished::complete(&logs, &ingest, &config.data_dir, now_ms).await;
        let store = Store::open(&config.data_dir.join("server.db")).await?;
        Ok(Self { keys, logs, ingest, recovery, store, _lock: lock })
    }

    /// Journals, integrates and publishes what is pending, then closes everything.
    pub async fn close(&self) {
        let ingest = self.ingest.clone();
        let _ = tokio::task::spawn_blocking(move || ingest.stop()).await;
        self.store.close().await;
    }
}

/// Starts the server; everything is listening when this returns.
///
/// # Errors
/// When a port is taken, a file unusable, or the data directory in use.
pub async fn start(config: Config, clock: Clock) -> Result<Running> {
    let evidence = Evidence::open(&config, &clock).await?;
    let stop = CancellationToken::new();
    let facts = WebFacts {
        public_host: config.public_host.clone(),
        enrol_host_port: config.reached_at(config.enrol.port()),
        tls: config.web.tls.is_some(),
        version: env!("CARGO_PKG_VERSION"),
    };
    let door = Door::default();
    let state = AppState {
        store: evidence.store.clone(),
        accounts: Accounts::open(evidence.store.clone()).await?,
        clock: clock.clone(),
        facts: Arc::new(facts),
        logs: evidence.logs.clone(),
        ingest: evidence.ingest.clone(),
        door: Arc::clone(&door),
        keys: Arc::clone(&evidence.keys),
        data_dir: config.data_dir.as_path().into(),
    };
    let mut tasks = Vec::new();

    // Everything computed from the logs, and the operator's door.
    tasks.push(tokio::spawn(projection::run(
        evidence.store.clone(),
        evidence.logs.clone(),
        clock.clone(),
        config.data_dir.clone(),
        stop.clone(),
    )));
    if let Some(witnesses) = evidence.logs.witnesses() {
        tasks.push(tokio::spawn(crate::witness::run(witnesses.clone(), evidence.logs.clone(), stop.clone())));
    }
    match admin::listen(&config.data_dir) {
        Ok(listener) => {
            let context = admin::Context {
                store: evidence.store.clone(),
                accounts: state.accounts.clone(),
                logs: evidence.logs.clone(),
                keys: Arc::clone(&evidence.keys),
                ingest: evidence.ingest.clone(),
                door: Arc::clone(&door),
                clock: clock.clone(),
                data_dir: config.data_dir.clone(),
            };
            tasks.push(tokio::spawn(admin::serve(listener, context, stop.clone())));
        }
        Err(error) => tracing::warn!("`admin` and `report` only work while this server is stopped: {error:#}"),
    }

    // Pages and API.
    let web = bind(config.web.listen, "[web] listen").await?;
    let web_address = web.local_addr()?;
    tasks.push(tokio::spawn(crate::serve::serve(web, web_tls(&config)?, app(state.clone()), stop.clone())));

    // Enrolment needs to know where gateways go afterwards.
    let mqtt = match &config.intake {
        Intake::Endpoint { listen } => Some(bind(*listen, "[mqtt] listen").await?),
        Intake::Broker { .. } => None,
    };
    let mqtt_address = mqtt.as_ref().map(TcpListener::local_addr).transpose()?;
    let mqtt_host_port = match (&config.intake, mqtt_address) {
        (Intake::Broker { host, port, .. }, _) => format!("{host}:{port}"),
        (_, address) => config.reached_at(address.map_or(0, |address| address.port())),
    };
    let hosts = vec![config.public_host.clone(), "localhost".to_owned(), "127.0.0.1".to_owned()];
    let (chain, key) = evidence.keys.server_certificate(&hosts, clock.now_ms())?;
    let enrolment = Enrolment {
        store: evidence.store.clone(),
        logs: evidence.logs.clone(),
        ingest: evidence.ingest.clone(),
        keys: Arc::clone(&evidence.keys),
        clock: clock.clone(),
        mqtt_host_port,
    };
    let enrol = bind(config.enrol, "[enrol] listen").await?;
    let enrol_address = enrol.local_addr()?;
    let enrol_tls = server_tls(chain.clone(), key.clone_key())?;
    tasks.push(tokio::spawn(crate::serve::serve(enrol, Some(enrol_tls), enrol::router(enrolment), stop.clone())));

    // Gateways last.
    let endpoint = match (mqtt, &config.intake) {
        (Some(listener), _) => {
            let tls = endpoint::tls_config(chain, key, evidence.keys.ca_der()?)?;
            let gateways = Gateways::new(evidence.ingest.clone());
            let (handle, task) = endpoint::serve(listener, tls, gateways, Limits::default());
            evidence.ingest.add_pusher(Arc::new(EndpointPusher(handle.clone())));
            let _ = door.set(handle.clone());
            Some((handle, task))
        }
        (None, Intake::Broker { .. }) => {
            let options = broker_options(&config)?.context("[broker]")?;
            let pusher = Arc::new(BrokerPusher::default());
            evidence.ingest.add_pusher(Arc::clone(&pusher) as Arc<dyn crate::ingest::Pusher>);
            tasks.push(tokio::spawn(broker::run(options, evidence.ingest.clone(), pusher, stop.clone())));
            None
        }
        (None, Intake::Endpoint { .. }) => None,
    };
    Ok(Running { web: web_address, mqtt: mqtt_address, enrol: enrol_address, state, evidence, endpoint, stop, tasks })
}

impl Running {
    /// The endpoint's handle: who is connected, counters.
    pub fn endpoint(&self) -> Option<&Handle> {
        self.endpoint.as_ref().map(|(handle, _)| handle)
    }

    /// Stops in order; returns when everything acknowledged is durable and the listeners are closed.
    pub async fn stop(self) {
        if let Some((handle, task)) = self.endpoint {
            handle.stop();
            let _ = task.await;
        }
        self.stop.cancel();
        for task in self.tasks {
            let _ = task.await;
        }
        self.evidence.close().await;
    }
}

/// Starts, waits for `shutdown`, stops.
///
/// # Errors
/// See [`start`].
pub async fn run(config: Config, clock: Clock, shutdown: impl Future<Output = ()>) -> Result<()> {
    let running = start(config, clock).await?;
    shutdown.await;
    tracing::info!("Stopping: gateways first, then what is pending, then the rest.");
    running.stop().await;
    Ok(())
}

/// All routes.
pub fn app(state: AppState) -> Router {
    Router::new().merge(crate::api::router()).merge(crate::web::routes()).with_state(state)
}

async fn bind(address: SocketAddr, key: &str) -> Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| {
        format!("{key} = \"{address}\": the address cannot be used; is another server running? / 地址无法监听，是否已有服务在运行？")
    })
}

/// Whether this very server answers with TLS at an address it listens on: gateways would take it for theirs.
///
/// # Errors
/// What failed: nobody there, no TLS, or another server's key.
pub async fn answers_as(keys: &Keys, listen: SocketAddr) -> Result<()> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(keys.ca_der()?)?;
    let tls = rustls::ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let tcp = tokio::net::TcpStream::connect(local(listen)).await?;
    // Our own certificate is always made out for this name too.
    let name = rustls::pki_types::ServerName::try_from("localhost")?;
    tokio_rustls::TlsConnector::from(Arc::new(tls)).connect(name, tcp).await?;
    Ok(())
}

/// Where a listener is reached from this machine.
pub fn local(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        std::net::IpAddr::V4(ip) if ip.is_unspecified() => std::net::Ipv4Addr::LOCALHOST.into(),
        std::net::IpAddr::V6(ip) if ip.is_unspecified() => std::net::Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

fn server_tls(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> Result<Arc<rustls::ServerConfig>> {
    let config = rustls::ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    Ok(Arc::new(config))
}

/// TLS of the pages; `None` where they are plain. Reads the files named.
///
/// # Errors
/// A file that cannot be used, with its name.
pub fn web_tls(config: &Config) -> Result<Option<Arc<rustls::ServerConfig>>> {
    let Some((certificate, key)) = &config.web.tls else { return Ok(None) };
    let chain = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .with_context(|| format!("[web] certificate {}", certificate.display()))?;
    let private = PrivateKeyDer::from_pem_file(key).with_context(|| format!("[web] key {}", key.display()))?;
    server_tls(chain, private).map(Some).context("[web] certificate and key")
}

/// How to reach the configured broker; `None` without one. Reads the files named.
///
/// # Errors
/// A file that cannot be read, with its name.
pub fn broker_options(config: &Config) -> Result<Option<BrokerOptions>> {
    let Intake::Broker { host, port, ca, client, credentials } = &config.intake else { return Ok(None) };
    let read = |path: &PathBuf| std::fs::read(path).with_context(|| format!("[broker] {}", path.display()));
    let client_pem = match client {
        Some((certificate, key)) => Some((read(certificate)?, read(key)?)),
        None => None,
    };
    let credentials = match credentials {
        Some((user, file)) => Some((user.clone(), String::from_utf8(read(file)?)?.trim().to_owned())),
        None => None,
    };
    // rumqttc takes the process's default provider; somebody having set it already is no error.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Ok(Some(BrokerOptions {
        host: host.clone(),
        port: *port,
        ca_pem: ca.as_ref().map(read).transpose()?,
        client_pem,
        credentials,
        client_id: format!("gongzheng-server-{}", config.public_host),
    }))
}

/// Only one process may write a data directory.
struct Lock {
    _file: std::fs::File,
}

impl Lock {
    fn take(data_dir: &Path) -> Result<Self> {
        let opened = private_folder(data_dir).with_context(|| {
            format!(
                "data directory {}: it must belong to the user who runs this program and be closed to others (mode 0700) / \
                 数据目录须属于运行本程序的用户，且不对其他用户开放（权限 0700）",
                data_dir.display()
            )
        })?;
        if opened {
            tracing::warn!(data_dir = %data_dir.display(), "Other users could look into the data directory, which holds password hashes; its mode is 0700 now. Passwords may have been read: change them if others use this machine.");
        }
        let path = data_dir.join("lock");
        let file = std::fs::File::create(&path).with_context(|| path.display().to_string())?;
        if rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive).is_err() {
            bail!(
                "{}: another gongzheng-server uses this data directory. Stop it first, or use its web interface / \
                 数据目录正被另一个服务进程使用，请先停止它",
                path.display()
            );
        }
        Ok(Self { _file: file })
    }
}
