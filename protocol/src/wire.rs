//! The protobuf messages, as prost structs written by hand: `docs/formats.md` gives the same messages as text.
//!
//! Written rather than generated so that a build needs neither `protoc` nor a code generator, on any target. Field numbers
//! are never reused.

use prost::Message;

use crate::{Error, Result};

/// Decodes after checking the length, with our error.
pub(crate) fn decode<M: Message + Default>(what: &'static str, max: usize, bytes: &[u8]) -> Result<M> {
    if bytes.len() > max {
        return Err(Error::too_large(what, bytes.len(), max));
    }
    M::decode(bytes).map_err(|e| Error::malformed(what, e.to_string()))
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct RecordWire {
    #[prost(bytes = "vec", tag = "1")]
    pub(crate) header: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    pub(crate) signature: Vec<u8>,
    #[prost(bytes = "vec", tag = "3")]
    pub(crate) content: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct HeaderWire {
    #[prost(uint32, tag = "1")]
    pub(crate) version: u32,
    #[prost(uint32, tag = "2")]
    pub(crate) kind: u32,
    #[prost(string, tag = "3")]
    pub(crate) site: String,
    #[prost(string, tag = "4")]
    pub(crate) gateway: String,
    #[prost(bytes = "vec", tag = "5")]
    pub(crate) chain: Vec<u8>,
    #[prost(uint64, tag = "6")]
    pub(crate) sequence: u64,
    #[prost(bytes = "vec", tag = "7")]
    pub(crate) previous: Vec<u8>,
    #[prost(bytes = "vec", tag = "8")]
    pub(crate) content_digest: Vec<u8>,
    #[prost(uint32, tag = "9")]
    pub(crate) content_length: u32,
    #[prost(uint32, tag = "10")]
    pub(crate) readings: u32,
    #[prost(bytes = "vec", tag = "11")]
    pub(crate) configuration: Vec<u8>,
    #[prost(string, tag = "12")]
    pub(crate) agent_version: String,
    #[prost(message, optional, tag = "13")]
    pub(crate) clock: Option<ClockWire>,
    #[prost(sint64, tag = "14")]
    pub(crate) first_ms: i64,
    #[prost(sint64, tag = "15")]
    pub(crate) last_ms: i64,
    #[prost(uint32, tag = "16")]
    pub(crate) algorithm: u32,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ClockWire {
    #[prost(bytes = "vec", tag = "1")]
    pub(crate) boot_id: Vec<u8>,
    #[prost(sint64, tag = "2")]
    pub(crate) boot_ms: i64,
    #[prost(sint64, tag = "3")]
    pub(crate) wall_ms: i64,
    #[prost(uint32, tag = "4")]
    pub(crate) sync: u32,
    #[prost(uint32, tag = "5")]
    pub(crate) error_ms: u32,
    #[prost(message, optional, tag = "6")]
    pub(crate) server: Option<ServerAnchorWire>,
    #[prost(bool, tag = "7")]
    pub(crate) simulated: bool,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ServerAnchorWire {
    #[prost(sint64, tag = "1")]
    pub(crate) server_ms: i64,
    #[prost(sint64, tag = "2")]
    pub(crate) boot_ms: i64,
    #[prost(uint32, tag = "3")]
    pub(crate) error_ms: u32,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct BatchWire {
    #[prost(message, repeated, tag = "1")]
    pub(crate) axes: Vec<AxisWire>,
    #[prost(message, repeated, tag = "2")]
    pub(crate) columns: Vec<ColumnWire>,
    #[prost(message, repeated, tag = "3")]
    pub(crate) gaps: Vec<GapWire>,
    #[prost(message, repeated, tag = "4")]
    pub(crate) events: Vec<EventWire>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct AxisWire {
    /// First boot time, then differences.
    #[prost(sint64, repeated, tag = "1")]
    pub(crate) deltas: Vec<i64>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ColumnWire {
    #[prost(uint32, tag = "1")]
    pub(crate) tag: u32,
    #[prost(uint32, tag = "2")]
    pub(crate) value_type: u32,
    #[prost(uint32, tag = "3")]
    pub(crate) axis: u32,
    /// Bool, I64, U64: first value, then wrapping differences.
    #[prost(sint64, repeated, tag = "4")]
    pub(crate) deltas: Vec<i64>,
    /// F32, F64: the bits, big-endian, one byte plane after the other.
    #[prost(bytes = "vec", tag = "5")]
    pub(crate) planes: Vec<u8>,
    /// Text: the values, each as often as `text_runs` says.
    #[prost(string, repeated, tag = "6")]
    pub(crate) texts: Vec<String>,
    #[prost(uint32, repeated, tag = "7")]
    pub(crate) text_runs: Vec<u32>,
    /// Pairs (quality code, count); empty when all are Good.
    #[prost(uint32, repeated, tag = "8")]
    pub(crate) quality_runs: Vec<u32>,
    /// First source time, then differences; empty when the column has none.
    #[prost(sint64, repeated, tag = "9")]
    pub(crate) source_deltas: Vec<i64>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct GapWire {
    /// Tag index + 1; 0 is every tag.
    #[prost(uint32, tag = "1")]
    pub(crate) tag_plus_one: u32,
    #[prost(bytes = "vec", tag = "2")]
    pub(crate) from_boot: Vec<u8>,
    #[prost(sint64, tag = "3")]
    pub(crate) from_ms: i64,
    #[prost(sint64, tag = "4")]
    pub(crate) to_ms: i64,
    #[prost(uint32, tag = "5")]
    pub(crate) cause: u32,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct EventWire {
    #[prost(sint64, tag = "1")]
    pub(crate) boot_ms: i64,
    #[prost(string, tag = "2")]
    pub(crate) kind: String,
    #[prost(string, tag = "3")]
    pub(crate) subject: String,
    #[prost(sint64, tag = "4")]
    pub(crate) value: i64,
    #[prost(string, tag = "5")]
    pub(crate) detail: String,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct LostWire {
    #[prost(uint64, tag = "1")]
    pub(crate) from: u64,
    #[prost(uint64, tag = "2")]
    pub(crate) to: u64,
    #[prost(uint32, tag = "3")]
    pub(crate) cause: u32,
    #[prost(bytes = "vec", tag = "4")]
    pub(crate) previous: Vec<u8>,
    #[prost(bytes = "vec", tag = "5")]
    pub(crate) next: Vec<u8>,
    #[prost(bytes = "vec", tag = "6")]
    pub(crate) receipt: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ChainStartWire {
    #[prost(uint32, tag = "1")]
    pub(crate) cause: u32,
    #[prost(bytes = "vec", tag = "2")]
    pub(crate) old_chain: Vec<u8>,
    #[prost(uint64, tag = "3")]
    pub(crate) old_sequence: u64,
    #[prost(bytes = "vec", tag = "4")]
    pub(crate) old_digest: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct KeyChangeWire {
    #[prost(bytes = "vec", tag = "1")]
    pub(crate) new_key: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    pub(crate) proof: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct SignedWire {
    #[prost(uint32, tag = "1")]
    pub(crate) kind: u32,
    #[prost(bytes = "vec", tag = "2")]
    pub(crate) body: Vec<u8>,
    #[prost(bytes = "vec", tag = "3")]
    pub(crate) signature: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ReceiptWire {
    #[prost(string, tag = "1")]
    pub(crate) site: String,
    #[prost(string, tag = "2")]
    pub(crate) gateway: String,
    /// Empty: the server holds nothing of this gateway.
    #[prost(bytes = "vec", tag = "3")]
    pub(crate) chain: Vec<u8>,
    #[prost(uint64, tag = "4")]
    pub(crate) through: u64,
    #[prost(bytes = "vec", tag = "5")]
    pub(crate) digest: Vec<u8>,
    #[prost(uint32, tag = "6")]
    pub(crate) log_epoch: u32,
    #[prost(sint64, tag = "7")]
    pub(crate) server_ms: i64,
    #[prost(string, tag = "8")]
    pub(crate) checkpoint: String,
    /// Sequence + 1 of the last record under `checkpoint`; 0 is none.
    #[prost(uint64, tag = "9")]
    pub(crate) logged_plus_one: u64,
    #[prost(bytes = "vec", tag = "10")]
    pub(crate) key_id: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct RefusalWire {
    #[prost(string, tag = "1")]
    pub(crate) site: String,
    #[prost(string, tag = "2")]
    pub(crate) gateway: String,
    #[prost(bytes = "vec", tag = "3")]
    pub(crate) chain: Vec<u8>,
    #[prost(uint64, tag = "4")]
    pub(crate) sequence: u64,
    #[prost(bytes = "vec", tag = "5")]
    pub(crate) digest: Vec<u8>,
    #[prost(uint32, tag = "6")]
    pub(crate) reason: u32,
    #[prost(bool, tag = "7")]
    pub(crate) retry: bool,
    #[prost(sint64, tag = "8")]
    pub(crate) server_ms: i64,
    #[prost(string, tag = "9")]
    pub(crate) detail: String,
    #[prost(bytes = "vec", tag = "10")]
    pub(crate) key_id: Vec<u8>,
    #[prost(uint64, tag = "11")]
    pub(crate) number: u64,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct StateWire {
    #[prost(sint64, tag = "1")]
    pub(crate) boot_ms: i64,
    #[prost(sint64, tag = "2")]
    pub(crate) wall_ms: i64,
    #[prost(uint64, tag = "3")]
    pub(crate) backlog_records: u64,
    #[prost(uint64, tag = "4")]
    pub(crate) backlog_bytes: u64,
    #[prost(message, repeated, tag = "5")]
    pub(crate) values: Vec<StateValueWire>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct StateValueWire {
    #[prost(string, tag = "1")]
    pub(crate) tag: String,
    #[prost(string, tag = "2")]
    pub(crate) value: String,
    #[prost(uint64, tag = "3")]
    pub(crate) age_ms: u64,
    #[prost(uint32, tag = "4")]
    pub(crate) quality: u32,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct LeafWire {
    #[prost(uint32, tag = "1")]
    pub(crate) version: u32,
    #[prost(sint64, tag = "2")]
    pub(crate) received_ms: i64,
    #[prost(uint32, tag = "3")]
    pub(crate) kind: u32,
    /// Record, Quarantine: the signed header.
    #[prost(bytes = "vec", tag = "4")]
    pub(crate) header: Vec<u8>,
    #[prost(bytes = "vec", tag = "5")]
    pub(crate) signature: Vec<u8>,
    /// Declaration: what and where.
    #[prost(string, tag = "6")]
    pub(crate) declaration: String,
    #[prost(bytes = "vec", tag = "7")]
    pub(crate) content_digest: Vec<u8>,
    #[prost(uint32, tag = "8")]
    pub(crate) content_length: u32,
    /// Epoch: the log continues after a restore.
    #[prost(message, optional, tag = "9")]
    pub(crate) epoch: Option<EpochWire>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct EpochWire {
    #[prost(uint32, tag = "1")]
    pub(crate) epoch: u32,
    #[prost(uint64, tag = "2")]
    pub(crate) old_size: u64,
    #[prost(bytes = "vec", tag = "3")]
    pub(crate) old_root: Vec<u8>,
    #[prost(uint64, tag = "4")]
    pub(crate) restored_size: u64,
    #[prost(string, tag = "5")]
    pub(crate) cause: String,
}
