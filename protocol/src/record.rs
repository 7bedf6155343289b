//! The record: everything a gateway signs, in one sequence and one hash chain.
//!
//! A record is a *header*, a signature over the exact header bytes, and a *content* that the header names by digest and
//! length. Header bytes are never re-encoded: they are signed, hashed, stored and logged as they came. The digest of a record
//! is SHA-256 over header ‖ signature; each header carries that of the record before it.

use crate::{
    BootId, ChainId, Content, Digest, DigestWriter, Error, GatewayId, PublicKey, Result, SecretKey, Signature, SiteId,
    sha256,
    wire::{self, ClockWire, HeaderWire, RecordWire, ServerAnchorWire},
};
use prost::Message as _;

/// The newest header version.
pub const HEADER_VERSION: u32 = 1;
/// Longest header, bytes.
pub const HEADER_MAX: usize = 768;
/// Longest content as sent (compressed), bytes.
pub const CONTENT_MAX: usize = 256 * 1024;
/// Longest record on the wire, bytes.
pub const RECORD_MAX: usize = CONTENT_MAX + HEADER_MAX + 128;
/// Largest sequence: the largest integer of canonical JSON. Sums of sequences cannot overflow.
pub const SEQUENCE_MAX: u64 = (1 << 53) - 1;
/// Times lie within ± this, ms, on whatever clock (2^53 - 1: more than 285,000 years). Sums of times cannot overflow.
pub const TIME_MAX_MS: i64 = (1 << 53) - 1;
/// The domain of record signatures.
pub const RECORD_DOMAIN: &str = "gongzheng/v1/record\0";
/// Ed25519, SHA-256, zstd.
pub const ALGORITHM_ED25519: u32 = 1;

/// What a record holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// Readings, gaps and events.
    Batch,
    /// The gateway's configuration: tag table and devices.
    Configuration,
    /// Stands for records that can no longer be produced.
    Lost,
    /// The first record of a chain.
    ChainStart,
    /// The gateway's next key.
    KeyChange,
}

impl Kind {
    fn code(self) -> u32 {
        match self {
            Self::Batch => 1,
            Self::Configuration => 2,
            Self::Lost => 3,
            Self::ChainStart => 4,
            Self::KeyChange => 5,
        }
    }

    fn from_code(code: u32) -> Result<Self> {
        Ok(match code {
            1 => Self::Batch,
            2 => Self::Configuration,
            3 => Self::Lost,
            4 => Self::ChainStart,
            5 => Self::KeyChange,
            other => return Err(Error::malformed("record kind", format!("code {other} is not defined"))),
        })
    }
}

/// Whether the kernel's clock was disciplined when a header was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SyncState {
    /// The system could not tell.
    Unknown,
    /// Known not to be.
    Unsynchronised,
    /// By NTP, PTP or the like.
    Synchronised,
}

/// A server time the gateway was told, under the server's signature, in this boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServerAnchor {
    /// The server's UTC, ms.
    pub server_ms: i64,
    /// Boot clock at which it arrived, ms.
    pub boot_ms: i64,
    /// Largest error: the time the question was under way, ms.
    pub error_ms: u32,
}

/// The clock of the gateway when the header was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clock {
    /// The boot whose clock the readings use.
    pub boot_id: BootId,
    /// Boot clock, ms.
    pub boot_ms: i64,
    /// The system's UTC at the same moment, ms since 1970; only as good as `sync` says.
    pub wall_ms: i64,
    /// Whether `wall_ms` may be believed.
    pub sync: SyncState,
    /// Estimated error of `wall_ms`, ms.
    pub error_ms: u32,
    /// The newest signed server time of this boot.
    pub server: Option<ServerAnchor>,
    /// The time is simulated; only a site created as simulated accepts it.
    pub simulated: bool,
}

/// The signed part of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// What the content is.
    pub kind: Kind,
    /// Whose site.
    pub site: SiteId,
    /// Who signs.
    pub gateway: GatewayId,
    /// Which chain.
    pub chain: ChainId,
    /// Place in the chain, from 0, without holes. A `Lost` record carries the first sequence it stands for.
    pub sequence: u64,
    /// Digest of the record before it in the chain; zero for the first.
    pub previous: Digest,
    /// SHA-256 of the content as sent.
    pub content_digest: Digest,
    /// Bytes of the content as sent.
    pub content_length: u32,
    /// Number of readings in the content.
    pub readings: u32,
    /// Content digest of the configuration in force; zero before the first.
    pub configuration: Digest,
    /// Version of the program that made it, at most 32 bytes.
    pub agent_version: Box<str>,
    /// The clock when it was sealed.
    pub clock: Clock,
    /// Boot clock of the earliest reading or gap end, ms (equal to `last_ms` and the clock's when there is none).
    pub first_ms: i64,
    /// Boot clock of the latest, ms.
    pub last_ms: i64,
}

impl Header {
    /// The bytes that are signed. Refuses a header longer than [`HEADER_MAX`], and numbers no reader would take.
    pub fn encode(&self) -> Result<Vec<u8>> {
        self.check_numbers()?;
        let clock = &self.clock;
        let bytes = HeaderWire {
            version: HEADER_VERSION,
            kind: self.kind.code(),
            site: self.site.to_string(),
            gateway: self.gateway.to_string(),
            chain: self.chain.0.to_vec(),
            sequence: self.sequence,
            previous: self.previous.0.to_vec(),
            content_digest: self.content_digest.0.to_vec(),
            content_length: self.content_length,
            readings: self.readings,
            configuration: self.configuration.0.to_vec(),
            agent_version: self.agent_version.to_string(),
            clock: Some(ClockWire {
                boot_id: clock.boot_id.0.to_vec(),
                boot_ms: clock.boot_ms,
                wall_ms: clock.wall_ms,
                sync: match clock.sync {
                    SyncState::Unknown => 0,
                    SyncState::Unsynchronised => 1,
                    SyncState::Synchronised => 2,
                },
                error_ms: clock.error_ms,
                server: clock.server.map(|s| ServerAnchorWire {
                    server_ms: s.server_ms,
                    boot_ms: s.boot_ms,
                    error_ms: s.error_ms,
                }),
                simulated: clock.simulated,
            }),
            first_ms: self.first_ms,
            last_ms: self.last_ms,
            algorithm: ALGORITHM_ED25519,
        }
        .encode_to_vec();
        if bytes.len() > HEADER_MAX {
            return Err(Error::too_large("header", bytes.len(), HEADER_MAX));
        }
        Ok(bytes)
    }

    /// Reads header bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        let w: HeaderWire = wire::decode("header", HEADER_MAX, bytes)?;
        if w.version != HEADER_VERSION {
            return Err(Error::UnknownVersion { what: "header", got: w.version, known: HEADER_VERSION });
        }
        if w.algorithm != ALGORITHM_ED25519 {
            return Err(Error::UnknownVersion { what: "algorithm", got: w.algorithm, known: ALGORITHM_ED25519 });
        }
        if w.agent_version.len() > 32 {
            return Err(Error::too_large("agent version", w.agent_version.len(), 32));
        }
        if w.content_length as usize > CONTENT_MAX {
            return Err(Error::too_large("content", w.content_length as usize, CONTENT_MAX));
        }
        if w.first_ms > w.last_ms {
            return Err(Error::malformed("header", "its first reading is later than its last"));
        }
        let c = w.clock.ok_or_else(|| Error::malformed("header", "the clock is missing"))?;
        let header = Self {
            kind: Kind::from_code(w.kind)?,
            site: w.site.parse()?,
            gateway: w.gateway.parse()?,
            chain: ChainId::from_slice(&w.chain)?,
            sequence: w.sequence,
            previous: Digest::from_slice("previous digest", &w.previous)?,
            content_digest: Digest::from_slice("content digest", &w.content_digest)?,
            content_length: w.content_length,
            readings: w.readings,
            configuration: Digest::from_slice("configuration digest", &w.configuration)?,
            agent_version: w.agent_version.into(),
            clock: Clock {
                boot_id: BootId::from_slice(&c.boot_id)?,
                boot_ms: c.boot_ms,
                wall_ms: c.wall_ms,
                sync: match c.sync {
                    0 => SyncState::Unknown,
                    1 => SyncState::Unsynchronised,
                    2 => SyncState::Synchronised,
                    other => return Err(Error::malformed("clock", format!("sync state {other} is not defined"))),
                },
                error_ms: c.error_ms,
                server: c.server.map(|s| ServerAnchor {
                    server_ms: s.server_ms,
                    boot_ms: s.boot_ms,
                    error_ms: s.error_ms,
                }),
                simulated: c.simulated,
            },
            first_ms: w.first_ms,
            last_ms: w.last_ms,
        };
        header.check_numbers()?;
        Ok(header)
    }

    fn check_numbers(&self) -> Result<()> {
        check_sequence("header", self.sequence)?;
        let clock = &self.clock;
        let anchor = clock.server.map(|anchor| [anchor.server_ms, anchor.boot_ms]);
        let own = [clock.boot_ms, clock.wall_ms, self.first_ms, self.last_ms];
        check_times("header", own.into_iter().chain(anchor.into_iter().flatten()))
    }
}

/// Refuses a sequence beyond [`SEQUENCE_MAX`].
pub(crate) fn check_sequence(what: &'static str, sequence: u64) -> Result<()> {
    if sequence > SEQUENCE_MAX {
        return Err(Error::malformed(what, format!("sequence {sequence} is beyond {SEQUENCE_MAX}")));
    }
    Ok(())
}

/// Refuses times beyond ± [`TIME_MAX_MS`].
pub(crate) fn check_times(what: &'static str, times: impl IntoIterator<Item = i64>) -> Result<()> {
    match times.into_iter().find(|ms| ms.unsigned_abs() > TIME_MAX_MS.unsigned_abs()) {
        Some(ms) => Err(Error::malformed(what, format!("time {ms} ms is beyond ±{TIME_MAX_MS}"))),
        None => Ok(()),
    }
}

/// Digest of a record: SHA-256 over header ‖ signature.
pub fn record_digest(header_bytes: &[u8], signature: &Signature) -> Digest {
    let mut hash = DigestWriter::default();
    hash.update(header_bytes).update(&signature.0);
    hash.finish()
}

/// A record with its exact bytes.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    header: Header,
    header_bytes: Vec<u8>,
    signature: Signature,
    content: Vec<u8>,
}

impl Record {
    /// Signs `header` over `content` (as sent: compressed). Fills in the header's content digest and length.
    pub fn sign(mut header: Header, content: Vec<u8>, key: &SecretKey) -> Result<Self> {
        if content.len() > CONTENT_MAX {
            return Err(Error::too_large("content", content.len(), CONTENT_MAX));
        }
        header.content_digest = sha256(&content);
        header.content_length = content.len() as u32;
        let header_bytes = header.encode()?;
        let signature = key.sign(RECORD_DOMAIN, &header_bytes);
        Ok(Self { header, header_bytes, signature, content })
    }

    /// Reads a record from the wire. Only the shape is checked: call [`Record::verify`] before believing it.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        let w: RecordWire = wire::decode("record", RECORD_MAX, bytes)?;
        Self::from_parts(w.header, &w.signature, w.content)
    }

    /// Puts a record together from stored parts. Only the shape is checked.
    pub fn from_parts(header_bytes: Vec<u8>, signature: &[u8], content: Vec<u8>) -> Result<Self> {
        let header = Header::decode(&header_bytes)?;
        if content.len() != header.content_length as usize {
            return Err(Error::malformed(
                "record",
                format!("{} bytes of content where the header says {}", content.len(), header.content_length),
            ));
        }
        Ok(Self { header, header_bytes, signature: Signature::from_slice(signature)?, content })
    }

    /// The bytes for the wire.
    pub fn encode(&self) -> Vec<u8> {
        RecordWire {
            header: self.header_bytes.clone(),
            signature: self.signature.0.to_vec(),
            content: self.content.clone(),
        }
        .encode_to_vec()
    }

    /// Checks the signature under `key`, then that the content is the one the header names.
    pub fn verify(&self, key: &PublicKey) -> Result<()> {
        key.verify("record", RECORD_DOMAIN, &self.header_bytes, &self.signature)?;
        if sha256(&self.content) != self.header.content_digest {
            return Err(Error::DigestMismatch { what: "record" });
        }
        Ok(())
    }

    /// The header.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The header's exact bytes.
    pub fn header_bytes(&self) -> &[u8] {
        &self.header_bytes
    }

    /// The signature over the header bytes.
    pub fn signature(&self) -> &Signature {
        &self.signature
    }

    /// The content as sent (compressed).
    pub fn content_bytes(&self) -> &[u8] {
        &self.content
    }

    /// SHA-256 over header ‖ signature.
    pub fn digest(&self) -> Digest {
        record_digest(&self.header_bytes, &self.signature)
    }

    /// Decodes the content.
    pub fn content(&self) -> Result<Content> {
        Content::decode(self.header.kind, &self.content)
    }
}
