//! Sockets, TLS and time around [`Conn`]: one task per connection, no shared state but the registry and the budget.

use std::collections::{HashMap, VecDeque};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::counters::add;
use crate::registry::Registration;
use crate::{Action, CloseReason, Conn, Handle, Identity, Limits, Peer, Publish, Push, Ticket};

/// The application behind the endpoint.
pub trait Handler: Send + Sync + 'static {
    /// Whether this gateway, holding this key, may connect. Called once per connection, after TLS.
    fn admit(&self, peer: &Peer) -> bool;

    /// A publish on the gateway's own topic. Called in PUBLISH order from the connection's task, so whatever has to
    /// keep the order must happen before the future is returned; the futures themselves run side by side. `Ok` sends
    /// PUBACK; `Err` closes the connection without it. A future is dropped when its connection ends first: work that
    /// must finish belongs to a task of the application.
    fn on_publish(
        &self,
        peer: &Peer,
        publish: Publish,
        payload: Vec<u8>,
    ) -> impl Future<Output = Result<(), Reject>> + Send + 'static;

    /// The gateway sent a packet of this many bytes, over the `limit`: it was not read, and the connection ends. Nothing
    /// can be answered, so this is the only word anybody gets of it.
    fn on_oversized(&self, peer: &Peer, bytes: usize, limit: u32);

    /// The gateway has subscribed to its receipts: what it must hear first (its high-water receipts).
    fn on_connect(&self, peer: &Peer) -> impl Future<Output = Vec<Vec<u8>>> + Send + 'static;
}

/// The application cannot answer a publish now (full disk, shutting down): the gateway shall come again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the server cannot take records now")]
pub struct Reject;

/// The listener could not start.
#[derive(Debug, thiserror::Error)]
pub enum EndpointError {
    /// Certificate, key or client CA unusable.
    #[error("TLS configuration of the MQTT endpoint")]
    Tls(#[from] rustls::Error),
    /// The client CA cannot serve as trust anchor.
    #[error("client CA of the MQTT endpoint")]
    ClientCa(#[from] rustls::server::VerifierBuilderError),
}

/// TLS for the endpoint: the server's chain and key, and the one CA whose client certificates are taken.
///
/// # Errors
/// When a certificate or the key is unusable.
pub fn tls_config(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    client_ca: CertificateDer<'static>,
) -> Result<Arc<ServerConfig>, EndpointError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(client_ca)?;
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build()?;
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain, key)?;
    // A resumed session is not checked again: an expired certificate would live on in it.
    config.session_storage = Arc::new(rustls::server::NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(Arc::new(config))
}

/// Serves a bound listener until [`Handle::stop`]. The returned task ends when every connection has ended; its handle
/// is for waiting, the [`Handle`] for everything else.
pub fn serve<H: Handler>(
    listener: TcpListener,
    tls: Arc<ServerConfig>,
    handler: Arc<H>,
    limits: Limits,
) -> (Handle, tokio::task::JoinHandle<()>) {
    let handle = Handle::new();
    let shared = Arc::new(Shared {
        acceptor: TlsAcceptor::from(tls),
        handler,
        budget: Arc::new(Semaphore::new(limits.budget_bytes)),
        handshakes: Arc::new(Semaphore::new(limits.handshakes_max)),
        limits,
        handle: handle.clone(),
    });
    let task = tokio::spawn(accept_loop(listener, shared));
    (handle, task)
}

struct Shared<H> {
    acceptor: TlsAcceptor,
    handler: Arc<H>,
    budget: Arc<Semaphore>,
    handshakes: Arc<Semaphore>,
    limits: Limits,
    handle: Handle,
}

async fn accept_loop<H: Handler>(listener: TcpListener, shared: Arc<Shared<H>>) {
    let mut stopping = shared.handle.stopping();
    let mut connections = JoinSet::new();
    loop {
        // A permit first: while 64 handshakes are in progress, further clients wait in the kernel.
        let permit = tokio::select! {
            permit = Arc::clone(&shared.handshakes).acquire_owned() => permit,
            () = stopped(&mut stopping) => break,
        };
        let Ok(permit) = permit else { break };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stopped(&mut stopping) => break,
        };
        while connections.try_join_next().is_some() {}
        match accepted {
            Ok((stream, address)) => {
                add(&shared.handle.counters().connections_opened);
                if connections.len() >= shared.limits.connections_max {
                    add(&shared.handle.counters().connections_over_limit);
                    add(&shared.handle.counters().connections_closed);
                    continue;
                }
                let shared = Arc::clone(&shared);
                connections.spawn(async move {
                    let mut gateway = None;
                    if let Err(error) = connection(stream, permit, &shared, &mut gateway).await {
                        let gateway = gateway.as_ref().map(tracing::field::display);
                        tracing::info!(%address, gateway, reason = %error, "MQTT connection ended.");
                    }
                    add(&shared.handle.counters().connections_closed);
                });
            }
            Err(error) => {
                // Out of file descriptors or memory: trying again at once would spin.
                tracing::warn!(%error, "MQTT accept failed.");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

/// Why a connection task ended, for the log.
#[derive(Debug, thiserror::Error)]
enum Ended {
    #[error("TLS handshake: {0}")]
    Handshake(String),
    #[error("client certificate: {0}")]
    Identity(#[from] crate::IdentityError),
    #[error("{0}")]
    Closed(#[from] CloseReason),
    #[error("no {0} in time")]
    Timeout(&'static str),
    #[error("no room in the byte budget")]
    Budget,
    #[error("replaced by a newer connection of the same gateway, or disconnected by the server")]
    Replaced,
    #[error("server stopping")]
    Stopping,
    #[error("connection lost: {0}")]
    Io(#[from] std::io::Error),
}

async fn connection<H: Handler>(
    stream: TcpStream,
    handshake: OwnedSemaphorePermit,
    shared: &Shared<H>,
    gateway: &mut Option<Identity>,
) -> Result<(), Ended> {
    let counters = shared.handle.counters();
    stream.set_nodelay(true)?;
    let stream = match timeout(shared.limits.handshake_timeout, shared.acceptor.accept(stream)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => {
            add(&counters.handshakes_failed);
            return Err(Ended::Handshake(error.to_string()));
        }
        Err(_) => {
            add(&counters.handshakes_failed);
            return Err(Ended::Timeout("TLS handshake"));
        }
    };
    drop(handshake);
    let certificate = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
    let peer = certificate.ok_or(crate::IdentityError::NoUri).and_then(|der| Peer::from_certificate(der));
    let peer = peer.inspect_err(|_| add(&counters.identities_refused))?;
    *gateway = Some(peer.identity.clone());
    let admitted = shared.handler.admit(&peer);
    if !admitted {
        add(&counters.admissions_refused);
    }
    let task = Task {
        conn: Conn::new(peer.identity.clone(), admitted, shared.limits.clone()),
        stream,
        registration: None,
        deadline: Instant::now() + shared.limits.connect_timeout,
        keep_alive: None,
        packet_deadline: None,
        reservation: None,
        publishes: JoinSet::new(),
        reservations: HashMap::new(),
        out: Vec::new(),
        greeting: JoinSet::new(),
        peer,
        shared,
    };
    task.run().await
}

/// One connection after its handshake.
struct Task<'s, H> {
    conn: Conn,
    stream: TlsStream<TcpStream>,
    registration: Option<Registration>,
    /// CONNECT or keep-alive, whichever applies.
    deadline: Instant,
    keep_alive: Option<Duration>,
    packet_deadline: Option<Instant>,
    reservation: Option<OwnedSemaphorePermit>,
    reservations: HashMap<Ticket, OwnedSemaphorePermit>,
    publishes: JoinSet<(Ticket, Result<(), Reject>)>,
    greeting: JoinSet<Vec<Vec<u8>>>,
    out: Vec<u8>,
    peer: Peer,
    shared: &'s Shared<H>,
}

impl<H: Handler> Task<'_, H> {
    async fn run(mut self) -> Result<(), Ended> {
        let ended = self.serve().await;
        match &ended {
            Err(Ended::Timeout(_)) => add(&self.shared.handle.counters().timeouts),
            Err(Ended::Budget) => add(&self.shared.handle.counters().budget_refusals),
            Err(Ended::Stopping) => self.drain().await,
            _ => {}
        }
        // Whoever reads the refusal (CONNACK 5) needs the TLS close before the TCP one.
        let _ = timeout(Duration::from_secs(1), self.stream.shutdown()).await;
        if let Some(registration) = self.registration {
            let mut kept = self.conn.into_unacknowledged();
            let mut queue = registration.pushes;
            while let Ok(message) = queue.try_recv() {
                kept.push_back(message);
            }
            while kept.len() > self.shared.limits.push_queue_max {
                kept.pop_front();
            }
            self.shared.handle.unregister(&self.peer.identity, registration.generation, kept);
        }
        ended
    }

    async fn serve(&mut self) -> Result<(), Ended> {
        let mut stopping = self.shared.handle.stopping();
        let mut buffer = vec![0_u8; READ_BYTES];
        let (mut from, mut to) = (0, 0);
        loop {
            // Everything already read comes first; what back-pressure leaves stays in the buffer.
            if from < to {
                let mut input = &buffer[from..to];
                let actions = self.conn.receive(&mut input);
                from = to - input.len();
                self.perform(actions).await?;
                if self.conn.mid_packet() {
                    self.packet_deadline.get_or_insert(Instant::now() + self.shared.limits.packet_timeout);
                } else {
                    self.packet_deadline = None;
                }
            }
            self.flush().await?;
            let paused = self.conn.paused();
            if from < to && !paused {
                continue;
            }
            // While we do not read, the client cannot be heard: its silence is ours.
            let mut deadline = if paused { None } else { Some((self.deadline, self.waiting_for())) };
            if let (Some(packet), false) = (self.packet_deadline, paused)
                && packet < self.deadline
            {
                deadline = Some((packet, "rest of a packet"));
            }
            let replaced = self.registration.as_ref().map(|registration| Arc::clone(&registration.replaced));
            let pushes = self.registration.as_mut().map(|registration| &mut registration.pushes);
            tokio::select! {
                read = self.stream.read(&mut buffer), if from == to => match read? {
                    0 => return Err(Ended::Io(std::io::ErrorKind::UnexpectedEof.into())),
                    n => (from, to) = (0, n),
                },
                Some(done) = self.publishes.join_next() => {
                    let actions = self.on_completed(done);
                    self.perform(actions).await?;
                    if paused && !self.conn.paused() {
                        self.restart_keep_alive();
                    }
                }
                Some(first) = self.greeting.join_next() => {
                    for payload in first.unwrap_or_default() {
                        let actions = self.conn.push(Push::Receipt, payload);
                        self.perform(actions).await?;
                    }
                }
                Some((push, payload)) = next_push(pushes) => {
                    let actions = self.conn.push(push, payload);
                    self.perform(actions).await?;
                }
                () = notified(replaced) => return Err(Ended::Replaced),
                () = stopped(&mut stopping) => return Err(Ended::Stopping),
                what = passed(deadline) => return Err(Ended::Timeout(what)),
            }
        }
    }

    /// Carries out actions in order; the last may end the connection.
    async fn perform(&mut self, actions: Vec<Action>) -> Result<(), Ended> {
        let mut queue = VecDeque::from(actions);
        while let Some(action) = queue.pop_front() {
            let counters = self.shared.handle.counters();
            match action {
                Action::Write(bytes) => self.out.extend(bytes),
                Action::Reserve(bytes) => {
                    // What waits for us must not wait behind our waiting.
                    self.flush().await?;
                    let permits = u32::try_from(bytes).unwrap_or(u32::MAX);
                    let reserve = Arc::clone(&self.shared.budget).acquire_many_owned(permits);
                    match timeout(self.shared.limits.budget_wait, reserve).await {
                        Ok(Ok(permit)) => self.reservation = Some(permit),
                        _ => return Err(Ended::Budget),
                    }
                    queue.extend(self.conn.granted());
                }
                Action::Opened(keep_alive) => {
                    self.keep_alive = Some(keep_alive);
                    self.restart_keep_alive();
                    let queue_max = self.shared.limits.push_queue_max;
                    let mut registration = self.shared.handle.register(&self.peer.identity, queue_max);
                    for (push, payload) in std::mem::take(&mut registration.unacknowledged) {
                        queue.extend(self.conn.push(push, payload));
                    }
                    self.registration = Some(registration);
                }
                Action::Heard => {
                    // A reservation not taken over by a delivered publish ends with its packet; `Heard` precedes
                    // `Deliver`, so look ahead.
                    if !matches!(queue.front(), Some(Action::Deliver(..))) {
                        self.reservation = None;
                    }
                    self.restart_keep_alive();
                }
                Action::Deliver(ticket, publish, payload) => {
                    add(&counters.publishes_received);
                    if let Some(permit) = self.reservation.take() {
                        self.reservations.insert(ticket, permit);
                    }
                    let done = self.shared.handler.on_publish(&self.peer, publish, payload);
                    self.publishes.spawn(async move { (ticket, done.await) });
                }
                Action::Subscribed(Push::Receipt) => {
                    self.greeting.spawn(self.shared.handler.on_connect(&self.peer));
                }
                Action::Subscribed(Push::Config) => {}
                Action::Acknowledged => add(&counters.pushes_acknowledged),
                Action::Dropped => add(&counters.pushes_dropped),
                Action::SubscriptionRefused => add(&counters.subscriptions_refused),
                Action::Close(reason) => {
                    self.flush().await?;
                    match reason {
                        CloseReason::Disconnected => {}
                        CloseReason::Forbidden => add(&counters.topics_forbidden),
                        CloseReason::TooLarge { bytes, limit } => {
                            add(&counters.packets_too_large);
                            self.shared.handler.on_oversized(&self.peer, bytes, limit);
                        }
                        CloseReason::Unanswered => add(&counters.publishes_unanswered),
                        _ => add(&counters.protocol_errors),
                    }
                    return Err(reason.into());
                }
            }
        }
        Ok(())
    }

    fn on_completed(&mut self, done: Result<(Ticket, Result<(), Reject>), tokio::task::JoinError>) -> Vec<Action> {
        match done {
            Ok((ticket, Ok(()))) => {
                self.reservations.remove(&ticket);
                add(&self.shared.handle.counters().publishes_completed);
                self.conn.complete(ticket)
            }
            // Rejected, or the application panicked: either way nothing may be acknowledged.
            Ok((_, Err(_))) | Err(_) => self.conn.fail(),
        }
    }

    /// Graceful stop: acknowledge what the application still completes, within the drain time.
    async fn drain(&mut self) {
        let until = Instant::now() + self.shared.limits.drain_timeout;
        while let Ok(Some(done)) = timeout_at(until, self.publishes.join_next()).await {
            let actions = self.on_completed(done);
            if self.perform(actions).await.is_err() {
                return;
            }
        }
        let _ = self.flush().await;
    }

    async fn flush(&mut self) -> Result<(), Ended> {
        if self.out.is_empty() {
            return Ok(());
        }
        let out = std::mem::take(&mut self.out);
        let write = async {
            self.stream.write_all(&out).await?;
            self.stream.flush().await
        };
        match timeout(self.shared.limits.write_timeout, write).await {
            Ok(written) => Ok(written?),
            Err(_) => Err(Ended::Timeout("room for our answer")),
        }
    }

    fn restart_keep_alive(&mut self) {
        if let Some(keep_alive) = self.keep_alive {
            self.deadline = Instant::now() + keep_alive * 3 / 2;
        }
    }

    fn waiting_for(&self) -> &'static str {
        if self.keep_alive.is_some() { "sign of life within 1.5 × keep-alive" } else { "CONNECT" }
    }
}

async fn next_push(pushes: Option<&mut tokio::sync::mpsc::Receiver<(Push, Vec<u8>)>>) -> Option<(Push, Vec<u8>)> {
    match pushes {
        Some(pushes) => pushes.recv().await,
        None => std::future::pending().await,
    }
}

/// Waits for [`Handle::stop`]. Its own function so that the watch's guard is not held across an await.
async fn stopped(stopping: &mut tokio::sync::watch::Receiver<bool>) {
    // An error means the handle is gone, which stops as well.
    let _ = stopping.wait_for(|stop| *stop).await;
}

async fn notified(replaced: Option<Arc<tokio::sync::Notify>>) {
    match replaced {
        Some(replaced) => replaced.notified().await,
        None => std::future::pending().await,
    }
}

async fn passed(deadline: Option<(Instant, &'static str)>) -> &'static str {
    match deadline {
        Some((at, what)) => {
            sleep_until(at).await;
            what
        }
        None => std::future::pending().await,
    }
}

/// One read; what does not fit the connection's back-pressure stays here, unparsed.
const READ_BYTES: usize = 8 * 1024;
