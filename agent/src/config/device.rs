//! What to read: devices and their tags, as values that cannot be invalid.
//!
//! Constraints: everything a source needs is here and checked (addresses in range, spans within limits, names unique), so sources
//! have no second opinion about the configuration. Passwords are file paths, never values.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::scale::Scale;
use crate::source::change::OnChange;
use crate::source::dlt645;
use crate::source::dlt645::frame::{Di, Meter};
use crate::source::modbus::decode::Encoding;
use crate::source::modbus::plan::{Area, Limits};

/// One device: what we talk to.
#[derive(Clone, Debug, PartialEq)]
pub struct Device {
    /// Its id, `[a-z0-9][a-z0-9-]{0,31}`.
    pub name: String,
    /// Where in the file it begins, for messages.
    pub line: usize,
    /// How to reach it.
    pub link: Link,
    /// How long to wait for an answer, milliseconds.
    pub timeout_ms: u64,
    /// The device profile it was described by, with version and digest: `eastron-sdm630@1 sha256:0123456789abcdef`.
    pub profile: Option<String>,
    /// Its tags, in the order of the file.
    pub tags: Vec<Tag>,
}

/// How to reach a device.
#[derive(Clone, Debug, PartialEq)]
pub enum Link {
    /// Modbus on any carrier.
    Modbus(ModbusLink),
    /// OPC UA.
    OpcUa(OpcUaLink),
    /// A DL/T 645 meter.
    Dlt645(Dlt645Link),
}

impl Link {
    /// The wire; an OPC UA server has none of its own.
    pub fn carrier(&self) -> Option<&Carrier> {
        match self {
            Self::Modbus(link) => Some(&link.carrier),
            Self::Dlt645(link) => Some(&link.carrier),
            Self::OpcUa(_) => None,
        }
    }
}

/// A Modbus device.
#[derive(Clone, Debug, PartialEq)]
pub struct ModbusLink {
    /// The wire, possibly shared with other devices.
    pub carrier: Carrier,
    /// Unit (slave) number.
    pub unit: u8,
    /// What it accepts.
    pub limits: Limits,
    /// Rest between two requests to it, milliseconds.
    pub pause_ms: u64,
    /// Rest between connecting and the first request, milliseconds: some devices drop what comes at once.
    pub connect_pause_ms: u64,
    /// Serial lines: how long after a time-out a late answer is still expected, milliseconds.
    pub late_ms: u64,
}

/// A DL/T 645-2007 energy meter.
#[derive(Clone, Debug, PartialEq)]
pub struct Dlt645Link {
    /// The wire, possibly shared with other meters: a serial port, or frames through a TCP connection.
    pub carrier: Carrier,
    /// Its number.
    pub meter: Meter,
    /// Rest between two requests to it, milliseconds.
    pub pause_ms: u64,
    /// How long after a time-out a late answer is still expected, milliseconds.
    pub late_ms: u64,
}

/// The wire under Modbus or DL/T 645. Devices with an equal carrier share one connection; one carrier carries one protocol.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Carrier {
    /// Modbus TCP: `host:port`.
    Tcp(String),
    /// RTU (or DL/T 645) frames through a TCP connection (serial device server): `host:port`.
    RtuOverTcp(String),
    /// A serial port.
    Serial(SerialPort),
    /// A DTU that dials in.
    Dtu(Dtu),
}

impl Carrier {
    /// What a DTU repeats between frames; empty when nothing does.
    pub fn heartbeat(&self) -> &[u8] {
        match self {
            Self::Dtu(dtu) => &dtu.heartbeat,
            Self::Tcp(_) | Self::RtuOverTcp(_) | Self::Serial(_) => &[],
        }
    }
}

/// A DTU (mobile modem with a serial line) that connects to us and says who it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Dtu {
    /// Where we listen, `address:port`.
    pub listen: SocketAddr,
    /// What it sends first, 1 to [`DTU_PACKET_BYTES_MAX`] bytes.
    pub registration: Vec<u8>,
    /// What it repeats; empty when it repeats nothing.
    pub heartbeat: Vec<u8>,
}

/// Longest registration or heartbeat packet, bytes.
pub const DTU_PACKET_BYTES_MAX: usize = 64;

impl std::fmt::Display for Dtu {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { listen, registration, .. } = self;
        match std::str::from_utf8(registration) {
            Ok(text) if text.bytes().all(|byte| byte.is_ascii_graphic()) => write!(f, "DTU {text} at {listen}"),
            _ => write!(f, "DTU {} at {listen}", data_encoding::HEXLOWER.encode(registration)),
        }
    }
}

impl std::fmt::Display for Carrier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tcp(address) | Self::RtuOverTcp(address) => f.write_str(address),
            Self::Serial(port) => write!(f, "{}", port.path.display()),
            Self::Dtu(dtu) => dtu.fmt(f),
        }
    }
}

/// A serial port and its settings.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SerialPort {
    /// Device file.
    pub path: PathBuf,
    /// Bits per second.
    pub baud: u32,
    /// Parity.
    pub parity: Parity,
    /// 7 or 8.
    pub data_bits: u8,
    /// 1 or 2.
    pub stop_bits: u8,
}

impl SerialPort {
    /// Bits of one character on the wire, start bit included.
    pub fn bits_per_character(&self) -> u32 {
        1 + u32::from(self.data_bits) + u32::from(self.parity != Parity::None) + u32::from(self.stop_bits)
    }
}

/// Parity of a serial line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Parity {
    /// No parity bit.
    None,
    /// Even.
    Even,
    /// Odd.
    Odd,
}

/// An OPC UA server.
#[derive(Clone, PartialEq)]
pub struct OpcUaLink {
    /// `opc.tcp://host:port/path`.
    pub endpoint: String,
    /// Security policy.
    pub policy: Policy,
    /// Sign only, or sign and encrypt; without meaning for [`Policy::None`].
    pub mode: Mode,
    /// Who we are.
    pub user: User,
    /// SHA-256 of the server's certificate, required for every policy but None.
    pub pin: Option<[u8; 32]>,
    /// Publishing interval for tags with `subscribe`, milliseconds.
    pub publishing_ms: u64,
}

impl std::fmt::Debug for OpcUaLink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OpcUaLink")
            .field("endpoint", &self.endpoint)
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}

/// OPC UA security policies we speak. The retired ones (Basic128Rsa15, Basic256) are left out on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// No security.
    None,
    /// Basic256Sha256.
    Basic256Sha256,
    /// Aes128_Sha256_RsaOaep.
    Aes128Sha256RsaOaep,
    /// Aes256_Sha256_RsaPss.
    Aes256Sha256RsaPss,
}

impl Policy {
    /// All policies with their names in the configuration file.
    pub const NAMES: [(&'static str, Self); 4] = [
        ("none", Self::None),
        ("Basic256Sha256", Self::Basic256Sha256),
        ("Aes128_Sha256_RsaOaep", Self::Aes128Sha256RsaOaep),
        ("Aes256_Sha256_RsaPss", Self::Aes256Sha256RsaPss),
    ];
}

/// OPC UA message security.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Messages are signed.
    Sign,
    /// Messages are signed and encrypted.
    SignAndEncrypt,
}

/// How we log in at an OPC UA server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum User {
    /// Not at all.
    Anonymous,
    /// With a name and the password in a file.
    Password {
        /// User name.
        name: String,
        /// File holding the password; a final line break is ignored.
        file: PathBuf,
    },
    /// With a certificate.
    Certificate {
        /// Certificate, `.der` or `.pem`.
        certificate: PathBuf,
        /// Private key, `.pem`.
        key: PathBuf,
    },
}

/// One named value on a device.
#[derive(Clone, Debug, PartialEq)]
pub struct Tag {
    /// Its full id: `<device>/<name>`.
    pub id: String,
    /// Where in the file it begins.
    pub line: usize,
    /// Where on the device it is.
    pub place: Place,
    /// How often to read it, milliseconds.
    pub interval_ms: u64,
    /// What it means for a machine.
    pub role: Role,
    /// Engineering unit, `W`, `kWh`, `bar`; empty for codes and texts.
    pub unit: String,
    /// Raw value × scale = engineering value.
    pub scale: Scale,
    /// For counters: where they roll over and how fast they can run.
    pub counter: Option<Counter>,
    /// A change of its value seals the batch at once.
    pub alarm: bool,
    /// Recorded only when it changes, and at every heartbeat.
    pub on_change: Option<OnChange>,
}

impl Tag {
    /// The name without the device.
    pub fn name(&self) -> &str {
        self.id.split_once('/').map_or(self.id.as_str(), |(_, name)| name)
    }
}

/// Where a tag's value is found.
#[derive(Clone, Debug, PartialEq)]
pub enum Place {
    /// Registers or bits of a Modbus device.
    Modbus {
        /// Which area.
        area: Area,
        /// First address of its span, from 0.
        address: u16,
        /// Registers (or bits) of its span: those of the value and, if it has one, all up to its scale register.
        count: u16,
        /// How to decode the span.
        encoding: Encoding,
    },
    /// A variable of an OPC UA server.
    OpcUa {
        /// Node id as in the file: `ns=2;s=Press.State` or `nsu=http://maker/ns;s=Press.State`.
        node: String,
        /// Type the value must have.
        kind: crate::source::modbus::decode::Kind,
        /// Also subscribe, to see changes between two polls.
        subscribe: bool,
    },
    /// Data of a DL/T 645 meter.
    Dlt645 {
        /// Data identifier.
        di: Di,
        /// Data bytes it has.
        bytes: u8,
        /// How to decode them.
        kind: dlt645::value::Kind,
    },
}

/// What a tag means. The words of the configuration file; the machine declaration on the server decides what is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Role(pub &'static str);

impl Role {
    /// All roles.
    pub const NAMES: [&'static str; 20] = [
        "state",
        "run",
        "good_count",
        "reject_count",
        "total_count",
        "power",
        "energy",
        "temperature",
        "pressure",
        "flow",
        "level",
        "speed",
        "output",
        "program",
        "batch",
        "phase",
        "alarm",
        "hours",
        "identity",
        "other",
    ];

    /// Whether values of this role only ever grow: roll-over and rate belong to them.
    pub fn is_counter(self) -> bool {
        matches!(self.0, "good_count" | "reject_count" | "total_count" | "energy" | "hours" | "output")
    }
}

/// How a cumulative register counts, in raw steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counter {
    /// Value at which it starts over from zero; `None` when it never does.
    pub modulus: Option<u64>,
    /// Most raw steps it can advance in one hour: tells a roll-over from a reset.
    pub max_per_hour: u64,
}
