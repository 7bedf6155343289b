//! The network in front of an OPC UA server: a relay that can be cut, stalled or slowed.
//!
//! Clients only know the relay's port. `drop` and `restart` cut everything; `timeout` swallows what clients send and cuts
//! the connection the moment it ends (a byte stream with a hole cannot be continued, and a client must not wait longer for an
//! answer than the fault lasts); `late` and `slow` delay what the server answers.

use crate::faults::Kind;
use crate::floor::Floor;
use crate::tags::Device;
use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Relay connections to the server whose port `inner` names, when it lives.
pub(super) async fn run(
    floor: Arc<Floor>,
    device: &'static Device,
    listener: TcpListener,
    inner: watch::Receiver<Option<u16>>,
) {
    let Ok(address) = listener.local_addr() else { return };
    let mut cut = floor.cut_signal(device.id);
    let mut listener = Some(listener);
    loop {
        let down = floor.faults.on(device.id).is_some_and(|fault| fault.kind == Kind::Restart);
        if down || (listener.is_none() && inner.borrow().is_none()) {
            listener = None;
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        }
        let Some(socket) = &listener else {
            match TcpListener::bind(address).await {
                Ok(bound) => listener = Some(bound),
                Err(error) => {
                    tracing::warn!(device = device.id, %address, %error, "port not free yet after restart");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
            continue;
        };
        tokio::select! {
            accepted = socket.accept() => {
                let port = *inner.borrow();
                let cut_off = floor.faults.on(device.id).is_some_and(|fault| fault.kind == Kind::Drop);
                if let (Ok((client, _)), Some(port), false) = (accepted, port, cut_off) {
                    let floor = Arc::clone(&floor);
                    tokio::spawn(async move {
                        if let Err(error) = relay(&floor, device, client, port).await {
                            tracing::debug!(device = device.id, %error, "OPC UA connection ended");
                        }
                    });
                }
            }
            changed = cut.changed() => if changed.is_err() { return },
        }
    }
}

async fn relay(floor: &Arc<Floor>, device: &'static Device, client: TcpStream, port: u16) -> io::Result<()> {
    let server = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let mut cut = floor.cut_signal(device.id);
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    tokio::select! {
        // First of all the cut: nothing may slip through a link that is down.
        biased;
        _ = cut.changed() => Ok(()),
        ended = requests(floor, device, from_client, to_server) => ended,
        ended = answers(floor, device, from_server, to_client) => ended,
    }
}

async fn requests(floor: &Floor, device: &Device, mut from: OwnedReadHalf, mut to: OwnedWriteHalf) -> io::Result<()> {
    let mut buffer = vec![0_u8; 65_536];
    let swallows = || floor.faults.on(device.id).is_some_and(|fault| fault.kind == Kind::Timeout);
    loop {
        let count = from.read(&mut buffer).await?;
        if count == 0 {
            return Ok(());
        }
        if swallows() {
            while swallows() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            return Ok(());
        }
        to.write_all(&buffer[..count]).await?;
    }
}

async fn answers(floor: &Floor, device: &Device, mut from: OwnedReadHalf, mut to: OwnedWriteHalf) -> io::Result<()> {
    let mut buffer = vec![0_u8; 65_536];
    loop {
        let count = from.read(&mut buffer).await?;
        if count == 0 {
            return Ok(());
        }
        if let Some(fault) = floor.faults.on(device.id)
            && matches!(fault.kind, Kind::Late | Kind::Slow)
        {
            tokio::time::sleep(fault.delay).await;
        }
        to.write_all(&buffer[..count]).await?;
    }
}
