//! What the server says to a gateway, signed with the log key; and what a gateway says of its present, unsigned.
//!
//! Only a receipt lets a gateway forget. It is cumulative, idempotent and repeated on request; one whose digest is not in the
//! gateway's chain frees nothing.

use prost::Message as _;

use crate::{
    ChainId, Digest, Error, GatewayId, PublicKey, Quality, Result, SecretKey, Signature, SiteId, TagId,
    record::{check_sequence, check_times},
    wire::{self, ReceiptWire, RefusalWire, SignedWire, StateValueWire, StateWire},
};

/// The domain of receipt signatures.
pub const RECEIPT_DOMAIN: &str = "gongzheng/v1/receipt\0";
/// The domain of refusal signatures.
pub const REFUSAL_DOMAIN: &str = "gongzheng/v1/refusal\0";
/// Longest server message, bytes.
pub const SERVER_MESSAGE_MAX: usize = 8 * 1024;
/// Longest state message, bytes.
pub const STATE_MAX: usize = 128 * 1024;

/// What the server holds of a gateway, durably.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// Whose site.
    pub site: SiteId,
    /// Whose records.
    pub gateway: GatewayId,
    /// Newest chain, last sequence in order, digest of the record at that sequence; `None` when the server holds nothing.
    pub through: Option<(ChainId, u64, Digest)>,
    /// Counts restores of the server from a backup.
    pub log_epoch: u32,
    /// The server's UTC, ms.
    pub server_ms: i64,
    /// Newest checkpoint of the site's log (a signed note), or empty before the first.
    pub checkpoint: String,
    /// Last sequence of the chain in `through` that is a leaf under `checkpoint`.
    pub logged: Option<u64>,
}

/// Why a record was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RefusalReason {
    /// The signature does not hold under the enrolled key.
    BadSignature,
    /// No such gateway is enrolled at this site.
    UnknownGateway,
    /// The gateway's enrolment was revoked.
    Revoked,
    /// Larger than the format allows; the number is its length in bytes.
    TooLarge,
    /// Not the shape of the format, or content that does not decode.
    Malformed,
    /// Not the next of its chain; the number is the sequence the server waits for.
    OutOfOrder,
    /// Another record with this chain and sequence is already held: evidence of a clone.
    Conflict,
    /// The server cannot store now; the number is [`SITE_CLOSED`] when its disk is not the cause.
    StorageFull,
    /// Simulated time at a site that was not created as simulated.
    Simulated,
}

impl RefusalReason {
    /// Every reason, in code order.
    pub const ALL: [Self; 9] = [
        Self::BadSignature,
        Self::UnknownGateway,
        Self::Revoked,
        Self::TooLarge,
        Self::Malformed,
        Self::OutOfOrder,
        Self::Conflict,
        Self::StorageFull,
        Self::Simulated,
    ];

    /// The fixed word used in logs.
    pub fn name(self) -> &'static str {
        match self {
            Self::BadSignature => "bad_signature",
            Self::UnknownGateway => "unknown_gateway",
            Self::Revoked => "revoked",
            Self::TooLarge => "too_large",
            Self::Malformed => "malformed",
            Self::OutOfOrder => "out_of_order",
            Self::Conflict => "conflict",
            Self::StorageFull => "storage_full",
            Self::Simulated => "simulated",
        }
    }

    fn code(self) -> u32 {
        Self::ALL.iter().position(|r| *r == self).map_or(0, |i| i as u32 + 1)
    }

    fn from_code(code: u32) -> Result<Self> {
        (code as usize)
            .checked_sub(1)
            .and_then(|i| Self::ALL.get(i).copied())
            .ok_or_else(|| Error::malformed("refusal reason", format!("code {code} is not defined")))
    }
}

/// The server does not take a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Whose site.
    pub site: SiteId,
    /// Whose record.
    pub gateway: GatewayId,
    /// Which chain.
    pub chain: ChainId,
    /// Which record.
    pub sequence: u64,
    /// Its digest as received.
    pub digest: Digest,
    /// Why.
    pub reason: RefusalReason,
    /// Whether sending it again can help; otherwise the refusal is final.
    pub retry: bool,
    /// The server's UTC, ms.
    pub server_ms: i64,
    /// The number the reason speaks of, so that a reader can say it in any language; see [`RefusalReason`]. 0: none.
    pub number: u64,
    /// The same in technical English, for logs: at most 512 bytes.
    pub detail: String,
}

/// Longest `detail` of a refusal, bytes.
pub const REFUSAL_DETAIL_MAX: usize = 512;
/// [`Refusal::number`] of `storage_full` when not the disk is full, but the site's log at the server is damaged and closed.
pub const SITE_CLOSED: u64 = 1;

/// A message on the `receipt` topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServerMessage {
    /// Taken up to here.
    Receipt(Receipt),
    /// Not taken.
    Refusal(Refusal),
}

/// First eight bytes of the log key's fingerprint.
fn key_id(key: &PublicKey) -> Vec<u8> {
    key.fingerprint().0[..8].to_vec()
}

/// What fits into a refusal, cut between two characters.
fn shortened(detail: &str) -> &str {
    &detail[..detail.floor_char_boundary(REFUSAL_DETAIL_MAX)]
}

impl ServerMessage {
    /// Signs with the log key.
    pub fn sign(&self, key: &SecretKey) -> Vec<u8> {
        let key_id = key_id(&key.public());
        let (kind, domain, body) = match self {
            Self::Receipt(r) => {
                let (chain, through, digest) = match &r.through {
                    Some((chain, sequence, digest)) => (chain.0.to_vec(), *sequence, digest.0.to_vec()),
                    None => (Vec::new(), 0, Vec::new()),
                };
                let wire = ReceiptWire {
                    site: r.site.to_string(),
                    gateway: r.gateway.to_string(),
                    chain,
                    through,
                    digest,
                    log_epoch: r.log_epoch,
                    server_ms: r.server_ms,
                    checkpoint: r.checkpoint.clone(),
                    logged_plus_one: r.logged.map_or(0, |s| s + 1),
                    key_id,
                };
                (1, RECEIPT_DOMAIN, wire.encode_to_vec())
            }
            Self::Refusal(r) => {
                let wire = RefusalWire {
                    site: r.site.to_string(),
                    gateway: r.gateway.to_string(),
                    chain: r.chain.0.to_vec(),
                    sequence: r.sequence,
                    digest: r.digest.0.to_vec(),
                    reason: r.reason.code(),
                    retry: r.retry,
                    server_ms: r.server_ms,
                    detail: shortened(&r.detail).to_owned(),
                    key_id,
                    number: r.number,
                };
                (2, REFUSAL_DOMAIN, wire.encode_to_vec())
            }
        };
        let signature = key.sign(domain, &body).0.to_vec();
        SignedWire { kind, body, signature }.encode_to_vec()
    }

    /// Reads a message and checks it under the log key.
    pub fn verify(bytes: &[u8], key: &PublicKey) -> Result<Self> {
        let w: SignedWire = wire::decode("server message", SERVER_MESSAGE_MAX, bytes)?;
        let signature = Signature::from_slice(&w.signature)?;
        match w.kind {
            1 => {
                key.verify("receipt", RECEIPT_DOMAIN, &w.body, &signature)?;
                let r: ReceiptWire = wire::decode("receipt", SERVER_MESSAGE_MAX, &w.body)?;
                check_sequence("receipt", r.through)?;
                check_sequence("receipt", r.logged_plus_one.saturating_sub(1))?;
                check_times("receipt", [r.server_ms])?;
                let through = if r.chain.is_empty() {
                    None
                } else {
                    Some((ChainId::from_slice(&r.chain)?, r.through, Digest::from_slice("receipt digest", &r.digest)?))
                };
                Ok(Self::Receipt(Receipt {
                    site: r.site.parse()?,
                    gateway: r.gateway.parse()?,
                    through,
                    log_epoch: r.log_epoch,
                    server_ms: r.server_ms,
                    checkpoint: r.checkpoint,
                    logged: r.logged_plus_one.checked_sub(1),
                }))
            }
            2 => {
                key.verify("refusal", REFUSAL_DOMAIN, &w.body, &signature)?;
                let r: RefusalWire = wire::decode("refusal", SERVER_MESSAGE_MAX, &w.body)?;
                check_sequence("refusal", r.sequence)?;
                check_times("refusal", [r.server_ms])?;
                Ok(Self::Refusal(Refusal {
                    site: r.site.parse()?,
                    gateway: r.gateway.parse()?,
                    chain: ChainId::from_slice(&r.chain)?,
                    sequence: r.sequence,
                    digest: Digest::from_slice("refusal digest", &r.digest)?,
                    reason: RefusalReason::from_code(r.reason)?,
                    retry: r.retry,
                    server_ms: r.server_ms,
                    number: r.number,
                    detail: shortened(&r.detail).to_owned(),
                }))
            }
            other => Err(Error::malformed("server message", format!("kind {other} is not defined"))),
        }
    }
}

/// One latest value, for live display only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateValue {
    /// Which tag.
    pub tag: TagId,
    /// Raw value as text.
    pub value: String,
    /// Age when the message was made, ms.
    pub age_ms: u64,
    /// Quality.
    pub quality: Quality,
}

/// "Live, not yet evidence": latest values and the backlog. Never stored, never computed with.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StateMessage {
    /// Boot clock, ms.
    pub boot_ms: i64,
    /// System UTC, ms.
    pub wall_ms: i64,
    /// Records not yet receipted.
    pub backlog_records: u64,
    /// Their bytes.
    pub backlog_bytes: u64,
    /// Latest values.
    pub values: Vec<StateValue>,
}

impl StateMessage {
    /// The bytes for the `state` topic.
    pub fn encode(&self) -> Vec<u8> {
        StateWire {
            boot_ms: self.boot_ms,
            wall_ms: self.wall_ms,
            backlog_records: self.backlog_records,
            backlog_bytes: self.backlog_bytes,
            values: self
                .values
                .iter()
                .map(|v| StateValueWire {
                    tag: v.tag.to_string(),
                    value: v.value.clone(),
                    age_ms: v.age_ms,
                    quality: v.quality.code(),
                })
                .collect(),
        }
        .encode_to_vec()
    }

    /// Reads the bytes of the `state` topic.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        let w: StateWire = wire::decode("state", STATE_MAX, bytes)?;
        check_times("state", [w.boot_ms, w.wall_ms])?;
        Ok(Self {
            boot_ms: w.boot_ms,
            wall_ms: w.wall_ms,
            backlog_records: w.backlog_records,
            backlog_bytes: w.backlog_bytes,
            values: w
                .values
                .into_iter()
                .map(|v| {
                    Ok(StateValue {
                        tag: v.tag.parse()?,
                        value: v.value.chars().take(256).collect(),
                        age_ms: v.age_ms,
                        quality: Quality::from_code(v.quality)?,
                    })
                })
                .collect::<Result<_>>()?,
        })
    }
}
