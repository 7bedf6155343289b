//! The listening side of DTUs: one port for many of them, told apart by their registration. I/O only.
//!
//! Constraints:
//! 1. The port is bound exactly as the file says. Who connects is unauthenticated and unencrypted; a stranger is refused, counted and told
//!    once, and can never do more than give wrong answers to questions (and those must pass every check of the protocol).
//! 2. A DTU that connects again replaces its older connection: it reconnects without closing.
//! 3. At most [`CALLERS_MAX`] connections wait to be recognised, each at most [`REGISTRATION_LIMIT`].

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use super::{Caller, recognise};
use crate::config::Config;
use crate::config::device::{Carrier, DTU_PACKET_BYTES_MAX, Dtu, Link};
use crate::event::{NoteKind, SourceEvent};
use crate::source::failure::Failure;
use crate::source::report::World;
use crate::source::stream::{Dial, Opening, Stream, System};

/// Connections that may wait to be recognised, per port.
const CALLERS_MAX: usize = 32;
/// How long a connection may take to register.
const REGISTRATION_LIMIT: Duration = Duration::from_secs(10);
/// How long to wait before a port that could not be had is tried again.
const BIND_AGAIN: Duration = Duration::from_secs(5);
/// Different strangers of one port that are told of.
const STRANGERS_TOLD_MAX: usize = 16;

/// All ports DTUs dial in to.
pub struct Hubs(BTreeMap<SocketAddr, Arc<Hub>>);

impl Hubs {
    /// Listens for the DTUs of `config` until `stop`.
    pub fn start(config: &Config, world: &World, tasks: &mut JoinSet<()>, stop: &CancellationToken) -> Self {
        let mut ports: BTreeMap<SocketAddr, Vec<Dtu>> = BTreeMap::new();
        for device in &config.devices {
            let carrier = match &device.link {
                Link::Modbus(link) => &link.carrier,
                Link::Dlt645(link) => &link.carrier,
                Link::OpcUa(_) => continue,
            };
            if let Carrier::Dtu(dtu) = carrier {
                ports.entry(dtu.listen).or_default().push(dtu.clone());
            }
        }
        let mut hubs = BTreeMap::new();
        for (listen, dtus) in ports {
            let hub = Arc::new(Hub::new(listen, dtus));
            let (serving, world, stop) = (hub.clone(), world.clone(), stop.clone());
            tasks.spawn(async move {
                tokio::select! {
                    () = serving.serve(Some(&world)) => {}
                    () = stop.cancelled() => {}
                }
            });
            hubs.insert(listen, hub);
        }
        Self(hubs)
    }
}

impl Dial for Hubs {
    fn dial<'a>(&'a self, carrier: &'a Carrier) -> Opening<'a> {
        match carrier {
            Carrier::Dtu(dtu) => Box::pin(async move {
                let hub = self.0.get(&dtu.listen).ok_or(io::ErrorKind::NotFound)?;
                hub.wait_for(&dtu.registration).await
            }),
            other => System.dial(other),
        }
    }

    fn excuse(&self, carrier: &Carrier) -> Option<Failure> {
        let Carrier::Dtu(dtu) = carrier else { return None };
        self.0.get(&dtu.listen).map(|hub| hub.excuse())
    }
}

/// One port and the DTUs expected there.
pub struct Hub {
    listen: SocketAddr,
    slots: Vec<Slot>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Why the port cannot be had.
    problem: Option<String>,
    refused: u64,
    /// First bytes of strangers that were told of, and of the last one.
    told: BTreeSet<String>,
    last_stranger: Option<String>,
}

/// One expected DTU.
struct Slot {
    registration: Vec<u8>,
    arrival: Mutex<Arrival>,
    arrived: Notify,
}

#[derive(Default)]
struct Arrival {
    /// Connected, and nobody talks to it yet.
    waiting: Option<Caught>,
    /// Ends the connection that was handed out last.
    replaced: CancellationToken,
}

impl Hub {
    fn new(listen: SocketAddr, dtus: Vec<Dtu>) -> Self {
        let registrations: BTreeSet<Vec<u8>> = dtus.into_iter().map(|dtu| dtu.registration).collect();
        let slot = |registration| Slot { registration, arrival: Mutex::default(), arrived: Notify::new() };
        Self { listen, slots: registrations.into_iter().map(slot).collect(), state: Mutex::default() }
    }

    /// Waits for one DTU without an agent running, for a command that asks once.
    ///
    /// # Errors
    /// When the port cannot be had, mostly because the agent has it.
    pub async fn listen_once(dtu: &Dtu) -> io::Result<Box<dyn Stream>> {
        let hub = Arc::new(Self::new(dtu.listen, vec![dtu.clone()]));
        tokio::select! {
            () = hub.serve(None) => Err(io::ErrorKind::ConnectionAborted.into()),
            stream = hub.wait_for(&dtu.registration) => stream,
        }
    }

    async fn wait_for(&self, registration: &[u8]) -> io::Result<Box<dyn Stream>> {
        let slot = self.slots.iter().find(|slot| slot.registration == registration).ok_or(io::ErrorKind::NotFound)?;
        loop {
            if let Some(caught) = lock(&slot.arrival).waiting.take() {
                return Ok(Box::new(caught));
            }
            if let Some(problem) = lock(&self.state).problem.clone() {
                return Err(io::Error::other(problem));
            }
            slot.arrived.notified().await;
        }
    }

    /// What is known while a DTU does not come.
    fn excuse(&self) -> Failure {
        let state = lock(&self.state);
        Failure::NotDialledIn { stranger: state.last_stranger.clone(), refused: state.refused }
    }

    async fn serve(self: &Arc<Self>, world: Option<&World>) {
        loop {
            match TcpListener::bind(self.listen).await {
                Ok(listener) => {
                    lock(&self.state).problem = None;
                    self.accept(&listener, world).await;
                }
                Err(error) => {
                    lock(&self.state).problem = Some(error.to_string());
                    self.slots.iter().for_each(|slot| slot.arrived.notify_one());
                }
            }
            tokio::time::sleep(BIND_AGAIN).await;
        }
    }

    /// Until the listener fails.
    async fn accept(self: &Arc<Self>, listener: &TcpListener, world: Option<&World>) {
        let mut callers = JoinSet::new();
        loop {
            tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok((stream, _)) if callers.len() < CALLERS_MAX => {
                        let hub = self.clone();
                        callers.spawn(async move {
                            tokio::time::timeout(REGISTRATION_LIMIT, hub.admit(stream)).await.ok().flatten()
                        });
                    }
                    Ok(_) => lock(&self.state).refused += 1,
                    // Out of descriptors, or the interface is gone: the rest after it keeps this from spinning.
                    Err(_) => return,
                },
                Some(stranger) = callers.join_next() => {
                    if let (Ok(Some(first)), Some(world)) = (stranger, world) {
                        self.tell(&first, world).await;
                    }
                }
            }
        }
    }

    /// Reads until the caller is known. Returns the first bytes of a stranger in hexadecimal.
    async fn admit(&self, mut stream: TcpStream) -> Option<String> {
        let mut received = Vec::with_capacity(DTU_PACKET_BYTES_MAX);
        loop {
            match recognise(&received, self.slots.iter().map(|slot| slot.registration.as_slice())) {
                Caller::Known(position) => {
                    // What follows is heartbeats: nothing was asked yet.
                    let slot = self.slots.get(position)?;
                    stream.set_nodelay(true).ok()?;
                    let mut arrival = lock(&slot.arrival);
                    arrival.replaced.cancel();
                    arrival.replaced = CancellationToken::new();
                    let replaced = Box::pin(arrival.replaced.clone().cancelled_owned());
                    arrival.waiting = Some(Caught { stream, replaced });
                    slot.arrived.notify_one();
                    return None;
                }
                Caller::Stranger => {
                    return Some(data_encoding::HEXLOWER.encode(received.get(..16).unwrap_or(&received)));
                }
                Caller::Unknown => {}
            }
            let mut chunk = [0u8; DTU_PACKET_BYTES_MAX];
            match stream.read(&mut chunk).await {
                // A scanner that says nothing is nothing to tell.
                Ok(0) | Err(_) => return None,
                Ok(n) => received.extend_from_slice(chunk.get(..n)?),
            }
        }
    }

    /// A stranger was refused: told once for each beginning, and counted.
    async fn tell(&self, first: &str, world: &World) {
        let listen = self.listen;
        {
            let mut state = lock(&self.state);
            state.refused += 1;
            state.last_stranger = Some(first.to_owned());
            if state.told.len() >= STRANGERS_TOLD_MAX || !state.told.insert(first.to_owned()) {
                return;
            }
        }
        tracing::warn!(%listen, first, "A connection with an unknown registration was refused.");
        let text = format!("{listen}: unknown registration {first} refused");
        let (boot_ms, kind) = (world.clock.boot_ms(), NoteKind::SourceNotice);
        // The receiver goes away only when the agent stops.
        let _ = world.events.send(SourceEvent::Note { device: None, boot_ms, kind, value: 0, text }).await;
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The connection of a DTU, which ends when the DTU connects again.
#[derive(Debug)]
struct Caught {
    stream: TcpStream,
    replaced: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl Caught {
    fn check(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        match self.replaced.as_mut().poll(cx) {
            Poll::Ready(()) => Err(io::Error::new(io::ErrorKind::ConnectionReset, "the DTU connected again")),
            Poll::Pending => Ok(()),
        }
    }
}

impl AsyncRead for Caught {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.check(cx)?;
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Caught {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.check(cx)?;
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
