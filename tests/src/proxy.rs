//! A network cable that can be pulled: a TCP forwarder on loopback between the agent and the server.
//!
//! Cut means: open connections are reset, new ones are accepted and closed at once, as a dead link with a live switch does;
//! or, as `Silent`, nothing passes in either direction while the connections stay up, as on a mobile link without reception:
//! TCP keeps what was sent and delivers it when the link is back, unless one side gave up first.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::Result;

use crate::wait;

/// What the cable does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Cable {
    /// Bytes pass.
    Whole = 0,
    /// Connections are closed and refused.
    Cut = 1,
    /// Connections stay, nothing passes.
    Silent = 2,
}

/// The forwarder; it ends with the process.
#[derive(Debug, Clone)]
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    target: Mutex<SocketAddr>,
    cable: AtomicU8,
    open: Mutex<Vec<TcpStream>>,
    forwarded: AtomicU64,
}

impl Proxy {
    /// Listens on a free port and forwards to `target`.
    ///
    /// # Errors
    /// When no port can be bound.
    pub fn start(target: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            target: Mutex::new(target),
            cable: AtomicU8::new(0),
            open: Mutex::new(Vec::new()),
            forwarded: AtomicU64::new(0),
        });
        let ours = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&ours);
                std::thread::spawn(move || shared.serve(stream));
            }
        });
        Ok(Self { address, shared })
    }

    /// Where to connect to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Bytes that passed so far.
    pub fn forwarded(&self) -> u64 {
        self.shared.forwarded.load(Ordering::Relaxed)
    }

    /// Pulls or mends the cable.
    pub fn set(&self, cable: Cable) {
        self.shared.cable.store(cable as u8, Ordering::SeqCst);
        if cable == Cable::Cut {
            self.drop_connections();
        }
    }

    /// Ends every open connection; new ones may be made.
    pub fn drop_connections(&self) {
        if let Ok(mut open) = self.shared.open.lock() {
            for stream in open.drain(..) {
                let _ = stream.shutdown(Shutdown::Both);
            }
        }
    }
}

impl Shared {
    fn serve(&self, client: TcpStream) {
        if self.cable.load(Ordering::SeqCst) == Cable::Cut as u8 {
            return;
        }
        let Ok(target) = self.target.lock().map(|t| *t) else { return };
        let Ok(server) = TcpStream::connect_timeout(&target, Duration::from_secs(2)) else { return };
        let _ = client.set_nodelay(true);
        let _ = server.set_nodelay(true);
        let (Ok(c2), Ok(s2)) = (client.try_clone(), server.try_clone()) else { return };
        let (Ok(c3), Ok(s3)) = (client.try_clone(), server.try_clone()) else { return };
        if let Ok(mut open) = self.open.lock() {
            open.retain(|stream| stream.peer_addr().is_ok());
            open.extend([c3, s3]);
        }
        std::thread::scope(|scope| {
            scope.spawn(|| self.pump(client, server));
            self.pump(s2, c2);
        });
    }

    fn pump(&self, mut from: TcpStream, mut to: TcpStream) {
        let mut buffer = vec![0u8; 16 * 1024];
        while let Ok(count) = from.read(&mut buffer) {
            if count == 0 {
                break;
            }
            while self.cable.load(Ordering::SeqCst) == Cable::Silent as u8 {
                wait::pause(Duration::from_millis(20));
            }
            if to.write_all(&buffer[..count]).is_err() {
                break;
            }
            self.forwarded.fetch_add(count as u64, Ordering::Relaxed);
        }
        let _ = from.shutdown(Shutdown::Both);
        let _ = to.shutdown(Shutdown::Both);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_cable_ends_connections_and_a_mended_one_carries_again() -> Result<()> {
        let echo = TcpListener::bind("127.0.0.1:0")?;
        let target = echo.local_addr()?;
        std::thread::spawn(move || {
            for mut stream in echo.incoming().flatten() {
                std::thread::spawn(move || {
                    let mut byte = [0u8; 1];
                    while stream.read_exact(&mut byte).is_ok() && stream.write_all(&byte).is_ok() {}
                });
            }
        });
        let proxy = Proxy::start(target)?;
        let ask = |stream: &mut TcpStream| -> std::io::Result<u8> {
            stream.write_all(b"x")?;
            let mut byte = [0u8; 1];
            stream.read_exact(&mut byte)?;
            Ok(byte[0])
        };
        let mut first = TcpStream::connect(proxy.address())?;
        assert_eq!(ask(&mut first)?, b'x');
        proxy.set(Cable::Cut);
        assert!(ask(&mut first).is_err(), "an open connection must end when the cable is cut");
        let mut refused = TcpStream::connect(proxy.address())?;
        assert!(ask(&mut refused).is_err(), "no new connection may pass a cut cable");
        proxy.set(Cable::Whole);
        let mut again = TcpStream::connect(proxy.address())?;
        assert_eq!(ask(&mut again)?, b'x');
        proxy.set(Cable::Silent);
        again.set_read_timeout(Some(Duration::from_millis(200)))?;
        assert!(ask(&mut again).is_err(), "a silent cable carries nothing");
        proxy.set(Cable::Whole);
        again.set_read_timeout(Some(Duration::from_secs(10)))?;
        let mut byte = [0u8; 1];
        again.read_exact(&mut byte)?;
        assert_eq!(byte[0], b'x', "what was sent into the silence arrives after it");
        Ok(())
    }
}
