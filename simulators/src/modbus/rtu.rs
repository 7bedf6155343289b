//! Modbus RTU on a pseudo-terminal, and the same frames over TCP.
//!
//! The terminal's far end is what the agent opens like a serial port; we keep a descriptor of it open ourselves so that
//! the line survives the agent closing it. A frame ends when its length is complete; 20 ms of silence throw away an
//! incomplete one. Frames for other units and frames with a wrong checksum are ignored, as on a real bus.

use super::reply;
use crate::faults::Kind;
use crate::floor::Floor;
use crate::tags::Device;
use rustix::fd::OwnedFd;
use rustix::fs::{Mode, OFlags};
use rustix::pty::OpenptFlags;
use rustix::termios::OptionalActions;
use std::io;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

/// Longest RTU frame.
const FRAME_MAX: usize = 256;
/// Silence that ends an incomplete frame.
const SILENCE: Duration = Duration::from_millis(20);

/// CRC-16/MODBUS of `bytes`; it travels low byte first.
pub fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0xFFFF, |crc, byte| {
        (0..8).fold(crc ^ u16::from(*byte), |crc, _| if crc & 1 == 1 { (crc >> 1) ^ 0xA001 } else { crc >> 1 })
    })
}

/// The line a server listens on. Reads must be cancel-safe: the server gives up waiting at the end of a silence.
#[derive(Debug)]
enum Line {
    /// A thread of its own reads the near end; terminals have no safe readiness interface.
    Terminal {
        near: Arc<OwnedFd>,
        bytes: mpsc::Receiver<Vec<u8>>,
        _far: OwnedFd,
    },
    Tcp(TcpStream),
}

impl Line {
    /// The next bytes; empty when the peer is gone.
    async fn read(&mut self) -> io::Result<Vec<u8>> {
        match self {
            Self::Terminal { bytes, .. } => Ok(bytes.recv().await.unwrap_or_default()),
            Self::Tcp(stream) => {
                let mut buffer = vec![0_u8; FRAME_MAX];
                let count = stream.read(&mut buffer).await?;
                buffer.truncate(count);
                Ok(buffer)
            }
        }
    }

    async fn write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.write_all(bytes).await,
            Self::Terminal { near, .. } => {
                // At most 256 bytes into a kernel buffer of 4 KiB: this does not block.
                while !bytes.is_empty() {
                    let written = rustix::io::write(&**near, bytes)?;
                    bytes = bytes.get(written..).unwrap_or_default();
                }
                Ok(())
            }
        }
    }
}

/// Open a pseudo-terminal and serve `device` on it. Returns the path the agent opens.
pub fn serve_terminal(floor: Arc<Floor>, device: &'static Device) -> io::Result<PathBuf> {
    let near = rustix::pty::openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
    rustix::pty::grantpt(&near)?;
    rustix::pty::unlockpt(&near)?;
    let name = rustix::pty::ptsname(&near, Vec::new())?;
    let path = PathBuf::from(name.to_string_lossy().into_owned());
    let far = rustix::fs::open(&path, OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty())?;
    let mut terminal = rustix::termios::tcgetattr(&far)?;
    terminal.make_raw();
    rustix::termios::tcsetattr(&far, OptionalActions::Now, &terminal)?;
    let near = Arc::new(near);
    let (sender, bytes) = mpsc::channel(64);
    let reader = Arc::clone(&near);
    std::thread::Builder::new().name(format!("{}-line", device.id)).spawn(move || {
        let mut buffer = [0_u8; FRAME_MAX];
        while let Ok(count) = rustix::io::read(&*reader, &mut buffer) {
            if count == 0 || sender.blocking_send(buffer[..count].to_vec()).is_err() {
                return;
            }
        }
    })?;
    let line = Line::Terminal { near, bytes, _far: far };
    tokio::spawn(async move {
        if let Err(error) = serve_line(&floor, device, line, "modbus-rtu").await {
            tracing::warn!(device = device.id, %error, "the serial line failed");
        }
    });
    Ok(path)
}

/// Serve `device` in RTU frames over TCP on `port` (0: any). Returns the port.
pub async fn serve_tcp(floor: Arc<Floor>, device: &'static Device, port: u16) -> io::Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    let port = listener.local_addr()?.port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let floor = Arc::clone(&floor);
            let mut cut = floor.cut_signal(device.id);
            tokio::spawn(async move {
                tokio::select! {
                    _ = cut.changed() => {}
                    _ = serve_line(&floor, device, Line::Tcp(stream), "rtu-over-tcp") => {}
                }
            });
        }
    });
    Ok(port)
}

async fn serve_line(floor: &Arc<Floor>, device: &'static Device, mut line: Line, via: &str) -> io::Result<()> {
    let mut pending: Vec<u8> = Vec::new();
    loop {
        let wait = if pending.is_empty() { Duration::from_secs(3_600) } else { SILENCE };
        match tokio::time::timeout(wait, line.read()).await {
            Ok(Ok(bytes)) if bytes.is_empty() => return Ok(()),
            Ok(Ok(bytes)) => pending.extend_from_slice(&bytes),
            Ok(Err(error)) => return Err(error),
            Err(_silence) => {
                // An unknown function has no length we know; silence is what ends it.
                if let Some(body) = checked(&pending) {
                    answer(floor, device, &mut line, via, &body).await?;
                }
                pending.clear();
                continue;
            }
        }
        if pending.len() > FRAME_MAX {
            pending.clear();
        }
        while let Some(length) = frame_length(&pending) {
            if pending.len() < length {
                break;
            }
            let frame: Vec<u8> = pending.drain(..length).collect();
            match checked(&frame) {
                Some(body) => answer(floor, device, &mut line, via, &body).await?,
                None => pending.clear(),
            }
        }
    }
}

/// Length of the request frame that starts here, once its function (and byte count) are known.
fn frame_length(bytes: &[u8]) -> Option<usize> {
    match bytes.get(1)? {
        1..=6 => Some(8),
        15 | 16 => Some(usize::from(*bytes.get(6)?) + 9),
        _ => None,
    }
}

/// The frame without its checksum, if that is right.
fn checked(frame: &[u8]) -> Option<Vec<u8>> {
    let (body, crc) = frame.split_at_checked(frame.len().checked_sub(2)?)?;
    (body.len() >= 2 && crc == crc16(body).to_le_bytes()).then(|| body.to_vec())
}

async fn answer(
    floor: &Arc<Floor>,
    device: &'static Device,
    line: &mut Line,
    via: &str,
    body: &[u8],
) -> io::Result<()> {
    let (mut unit, request) = (body[0], &body[1..]);
    if unit != device.unit {
        return Ok(());
    }
    let Some(reply) = reply(floor, device, request, via) else {
        return Ok(());
    };
    let mut damage = 0;
    if let Some(fault) = reply.fault {
        match fault.kind {
            Kind::Late | Kind::Slow => tokio::time::sleep(fault.delay).await,
            Kind::WrongTransaction => unit = unit.wrapping_add(1),
            Kind::BadChecksum => damage = 0x0101,
            _ => {}
        }
    }
    let mut frame = vec![unit];
    frame.extend(reply.pdu);
    let crc = crc16(&frame) ^ damage;
    frame.extend(crc.to_le_bytes());
    line.write(&frame).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crc_matches_the_standard_example() {
        // Modbus over serial line V1.02, appendix B: unit 2, function 7 → CRC bytes 0x41 0x12.
        assert_eq!(crc16(&[2, 7]).to_le_bytes(), [0x41, 0x12]);
        assert_eq!(crc16(b"123456789"), 0x4B37);
    }

    #[test]
    fn frames_are_cut_by_their_own_length() {
        assert_eq!(frame_length(&[3]), None);
        assert_eq!(frame_length(&[3, 4, 0]), Some(8));
        assert_eq!(frame_length(&[3, 16, 0, 0, 0, 1, 2]), Some(11));
        assert_eq!(frame_length(&[3, 43]), None);
        let mut frame = vec![3, 4, 0, 0, 0, 2];
        frame.extend(crc16(&frame).to_le_bytes());
        assert_eq!(checked(&frame), Some(vec![3, 4, 0, 0, 0, 2]));
        frame[7] ^= 1;
        assert_eq!(checked(&frame), None);
        assert_eq!(checked(&[1]), None);
    }
}
