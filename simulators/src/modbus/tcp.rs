//! Modbus TCP: one listener per device.
//!
//! A connection is served strictly in order. `restart` closes the listener and binds the same port again afterwards;
//! `drop` keeps listening but closes whatever connects. Frames longer than the standard allows close the connection.

use super::reply;
use crate::faults::Kind;
use crate::floor::Floor;
use crate::tags::Device;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Bytes of the MBAP header before the unit id.
const HEADER: usize = 6;
/// Longest length field: unit id and a PDU of 253 bytes.
const LENGTH_MAX: usize = 254;

/// Bind `port` (0: any) on loopback and serve `device` until the task is dropped. Returns the port.
pub async fn serve(floor: Arc<Floor>, device: &'static Device, port: u16) -> io::Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    let address = listener.local_addr()?;
    tokio::spawn(run(floor, device, listener, address));
    Ok(address.port())
}

async fn run(floor: Arc<Floor>, device: &'static Device, listener: TcpListener, address: SocketAddr) {
    let mut cut = floor.cut_signal(device.id);
    let mut listener = Some(listener);
    loop {
        let fault = floor.faults.on(device.id).map(|fault| fault.kind);
        if fault == Some(Kind::Restart) {
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
            accepted = socket.accept() => match accepted {
                Ok((stream, _)) => {
                    if floor.faults.on(device.id).is_some_and(|fault| fault.kind == Kind::Drop) {
                        drop(stream);
                        continue;
                    }
                    let floor = Arc::clone(&floor);
                    tokio::spawn(async move {
                        if let Err(error) = connection(&floor, device, stream).await {
                            tracing::debug!(device = device.id, %error, "Modbus TCP connection ended");
                        }
                    });
                }
                Err(error) => tracing::warn!(device = device.id, %error, "accept failed"),
            },
            changed = cut.changed() => if changed.is_err() { return },
        }
    }
}

async fn connection(floor: &Arc<Floor>, device: &'static Device, mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut cut = floor.cut_signal(device.id);
    loop {
        tokio::select! {
            _ = cut.changed() => return Ok(()),
            served = one_request(floor, device, &mut stream) => served?,
        }
    }
}

async fn one_request(floor: &Arc<Floor>, device: &'static Device, stream: &mut TcpStream) -> io::Result<()> {
    let mut header = [0_u8; HEADER];
    stream.read_exact(&mut header).await?;
    let length = usize::from(u16::from_be_bytes([header[4], header[5]]));
    if header[2..4] != [0, 0] || !(2..=LENGTH_MAX).contains(&length) {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "not a Modbus TCP frame"));
    }
    let mut body = vec![0_u8; length];
    stream.read_exact(&mut body).await?;
    let (unit, request) = (body[0], &body[1..]);
    let mut transaction = u16::from_be_bytes([header[0], header[1]]);
    let pdu = if unit == device.unit {
        let Some(reply) = reply(floor, device, request, "modbus-tcp") else {
            return Ok(());
        };
        if let Some(fault) = reply.fault {
            match fault.kind {
                Kind::Late | Kind::Slow => tokio::time::sleep(fault.delay).await,
                Kind::WrongTransaction => transaction = transaction.wrapping_add(1),
                _ => {}
            }
        }
        reply.pdu
    } else {
        // Nobody with this unit id behind us: gateway target device failed to respond.
        vec![request[0] | 0x80, 0x0B]
    };
    let mut frame = Vec::with_capacity(HEADER + 1 + pdu.len());
    frame.extend(transaction.to_be_bytes());
    frame.extend([0, 0]);
    frame.extend(((pdu.len() + 1) as u16).to_be_bytes());
    frame.push(unit);
    frame.extend(pdu);
    stream.write_all(&frame).await
}
