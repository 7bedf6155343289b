//! The bytes under a serial protocol: a port, or a TCP connection to a serial device server. I/O only.
//!
//! Constraints:
//! 1. On a shared line bytes of an older answer may come at any time: after every error the line is drained until it is silent, and
//!    before every question what came unasked is thrown away. That alone does not protect (a later answer passes it); each protocol
//!    adds its own check of which answer belongs to which question.
//! 2. Nothing waits without a limit, nothing grows without a limit.

use std::pin::Pin;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};

use super::dtu::hub::Hub;
use super::dtu::is_heartbeats;
use super::failure::Failure;
use super::modbus::timing::silence_us;
use crate::config::device::{Carrier, Parity, SerialPort};

/// Anything bytes go through.
pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send + std::fmt::Debug {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send + std::fmt::Debug> Stream for T {}

/// A line counts as silent after this much quiet when it runs through a network.
const NETWORK_QUIET: Duration = Duration::from_millis(30);
/// What a serial server sends twice it sends in one burst.
const NETWORK_REST: Duration = Duration::from_millis(2);
/// The kernel and USB adapters deliver serial bytes in bunches of up to 16 ms.
const SERIAL_QUIET_LEAST: Duration = Duration::from_millis(20);
/// A line that never falls silent is given up after this.
pub(crate) const DRAIN_LIMIT: Duration = Duration::from_secs(2);

/// Most bytes taken from the line at once; longer than any frame of any protocol here.
const CHUNK_BYTES: usize = 512;

/// What [`Dial::dial`] will have opened.
pub type Opening<'a> = Pin<Box<dyn Future<Output = std::io::Result<Box<dyn Stream>>> + Send + 'a>>;

/// Opens the wire of a carrier.
pub trait Dial: Send + Sync {
    /// Opens `carrier`. The caller limits the time.
    fn dial<'a>(&'a self, carrier: &'a Carrier) -> Opening<'a>;

    /// What is known about `carrier` when opening it took too long.
    fn excuse(&self, _carrier: &Carrier) -> Option<Failure> {
        None
    }
}

/// The operating system's sockets and serial ports.
pub struct System;

impl Dial for System {
    fn dial<'a>(&'a self, carrier: &'a Carrier) -> Opening<'a> {
        Box::pin(async move {
            Ok(match carrier {
                Carrier::Tcp(address) | Carrier::RtuOverTcp(address) => {
                    let stream = TcpStream::connect(address).await?;
                    stream.set_nodelay(true)?;
                    Box::new(stream) as Box<dyn Stream>
                }
                Carrier::Serial(port) => Box::new(open_port(port)?),
                // Nobody listens yet: one connection, for a command that asks once.
                Carrier::Dtu(dtu) => Hub::listen_once(dtu).await?,
            })
        })
    }

    fn excuse(&self, carrier: &Carrier) -> Option<Failure> {
        matches!(carrier, Carrier::Dtu(_)).then_some(Failure::NotDialledIn { stranger: None, refused: 0 })
    }
}

fn open_port(port: &SerialPort) -> std::io::Result<tokio_serial::SerialStream> {
    let builder = tokio_serial::new(port.path.to_string_lossy(), port.baud)
        .parity(match port.parity {
            Parity::None => tokio_serial::Parity::None,
            Parity::Even => tokio_serial::Parity::Even,
            Parity::Odd => tokio_serial::Parity::Odd,
        })
        .data_bits(tokio_serial::DataBits::Eight)
        .stop_bits(if port.stop_bits == 2 { tokio_serial::StopBits::Two } else { tokio_serial::StopBits::One });
    Ok(tokio_serial::SerialStream::open(&builder)?)
}

/// Opens `carrier` within `limit`.
///
/// # Errors
/// [`Failure::Unreachable`].
pub async fn open(dial: &dyn Dial, carrier: &Carrier, limit: Duration) -> Result<Box<dyn Stream>, Failure> {
    match timeout(limit, dial.dial(carrier)).await {
        Ok(Ok(stream)) => Ok(stream),
        Ok(Err(error)) => Err(Failure::Unreachable(error.to_string())),
        Err(_) => {
            let late = || Failure::Unreachable(format!("no answer within {} ms", limit.as_millis()));
            Err(dial.excuse(carrier).unwrap_or_else(late))
        }
    }
}

/// A line on which one question is under way at a time.
pub struct SharedLine {
    stream: Box<dyn Stream>,
    /// Silence after which a line that was disturbed is trusted again.
    quiet: Duration,
    /// Silence between an answer and the next question (Modbus over Serial Line V1.02, 2.5.1.1): what comes in it, a frame sent twice
    /// for instance, would be taken for the answer to that question.
    rest: Duration,
    rest_until: Instant,
    /// Nothing is known about the line yet, or something went wrong: drain before asking.
    suspect: bool,
}

impl SharedLine {
    /// The line `stream` that `carrier` leads to.
    pub fn new(stream: Box<dyn Stream>, carrier: &Carrier) -> Self {
        let (quiet, rest) = match carrier {
            Carrier::Serial(port) => {
                let rest = Duration::from_micros(silence_us(port));
                (rest.max(SERIAL_QUIET_LEAST), rest)
            }
            // Through a network the silence between frames means nothing; half a round trip of slack is enough.
            Carrier::Tcp(_) | Carrier::RtuOverTcp(_) | Carrier::Dtu(_) => (NETWORK_QUIET, NETWORK_REST),
        };
        Self { stream, quiet, rest, rest_until: Instant::now(), suspect: true }
    }

    /// Something went wrong: the line is drained before the next question.
    pub fn distrust(&mut self) {
        self.suspect = true;
    }

    /// Throws away what came unasked.
    ///
    /// # Errors
    /// [`Failure::Broken`]; [`Failure::Nonsense`] when the line never falls silent.
    pub async fn settle(&mut self) -> Result<(), Failure> {
        if self.suspect || self.has_stray_bytes().await? {
            self.drain().await?;
        }
        Ok(())
    }

    /// Sends a question.
    ///
    /// # Errors
    /// [`Failure::Silent`] when the line does not take it in time, [`Failure::Broken`].
    pub async fn send(&mut self, question: &[u8], deadline: Instant) -> Result<(), Failure> {
        let send = async {
            self.stream.write_all(question).await?;
            self.stream.flush().await
        };
        timeout_at(deadline, send).await.map_err(|_| Failure::Silent)?.map_err(|e| Failure::Broken(e.to_string()))
    }

    /// Waits for more bytes of an answer. `heartbeat` is what a DTU sends by itself.
    ///
    /// # Errors
    /// [`Failure::Silent`] when nothing of an answer came until `deadline`, [`Failure::Nonsense`] when it stopped in the middle,
    /// [`Failure::Broken`].
    pub async fn receive(
        &mut self,
        received: &mut Vec<u8>,
        heartbeat: &[u8],
        deadline: Instant,
    ) -> Result<(), Failure> {
        let mut chunk = [0u8; CHUNK_BYTES];
        match timeout_at(deadline, self.stream.read(&mut chunk)).await {
            Err(_) if received.is_empty() || is_heartbeats(received, heartbeat) => Err(Failure::Silent),
            Err(_) => Err(Failure::Nonsense("cut off in the middle of an answer".to_owned())),
            Ok(Err(e)) => Err(Failure::Broken(e.to_string())),
            Ok(Ok(0)) => Err(Failure::Broken("closed by the other side".to_owned())),
            Ok(Ok(n)) => {
                received.extend_from_slice(&chunk[..n]);
                self.rest_until = Instant::now() + self.rest;
                Ok(())
            }
        }
    }

    /// Bytes nobody asked for, in the silence that has to pass between an answer and the next question.
    async fn has_stray_bytes(&mut self) -> Result<bool, Failure> {
        let mut byte = [0u8; 1];
        match timeout_at(self.rest_until, self.stream.read(&mut byte)).await {
            Err(_) => Ok(false),
            Ok(Ok(0)) => Err(Failure::Broken("closed by the other side".to_owned())),
            Ok(Ok(_)) => Ok(true),
            Ok(Err(e)) => Err(Failure::Broken(e.to_string())),
        }
    }

    /// Reads and throws away until the line has been quiet.
    ///
    /// # Errors
    /// [`Failure::Broken`]; [`Failure::Nonsense`] when the line never falls silent.
    pub async fn drain(&mut self) -> Result<(), Failure> {
        let limit = Instant::now() + DRAIN_LIMIT;
        let mut chunk = [0u8; CHUNK_BYTES];
        while Instant::now() < limit {
            match timeout(self.quiet, self.stream.read(&mut chunk)).await {
                Err(_) => {
                    self.suspect = false;
                    return Ok(());
                }
                Ok(Ok(0)) => return Err(Failure::Broken("closed by the other side".to_owned())),
                Ok(Ok(_)) => {}
                Ok(Err(e)) => return Err(Failure::Broken(e.to_string())),
            }
        }
        Err(Failure::Nonsense("the line never falls silent".to_owned()))
    }
}
