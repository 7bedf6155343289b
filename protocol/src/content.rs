//! What a record holds, before and after compression.
//!
//! Content on the wire is one zstd frame that states its size. What is inside depends on the kind: protobuf for batches and
//! the small kinds, canonical JSON for a configuration (people read it). A batch is columnar — one *axis* of times shared
//! by all tags read together, then per tag the values as wrapping differences (integers) or byte planes (floats) — which
//! is what lets a reading cost less than two bytes.

mod batch;
mod columns;
mod configuration;
mod excerpt;
#[cfg(any(test, target_family = "wasm"))]
mod pure;

pub use self::{
    batch::{Batch, Column, Values},
    columns::Columns,
    configuration::{Configuration, CounterConfig, DeviceConfig, Ratio, TagConfig},
    excerpt::{Excerpt, FlatBatch, FlatColumn, FlatValues},
};

#[cfg(not(target_family = "wasm"))]
use std::cell::RefCell;

use prost::Message as _;

use crate::{
    ChainId, Digest, Error, Kind, PublicKey, Result, SecretKey, Signature,
    record::check_sequence,
    wire::{self, ChainStartWire, KeyChangeWire, LostWire},
};

/// Longest content after decompression, bytes.
pub const PLAIN_MAX: usize = 8 * 1024 * 1024;
/// Most readings in one batch.
pub const READINGS_MAX: usize = 262_144;
/// The domain of a new key's proof of possession.
pub const KEY_CHANGE_DOMAIN: &str = "gongzheng/v1/key-change\0";

#[cfg(not(target_family = "wasm"))]
const LEVEL: i32 = 3;
/// What a zstd frame begins with.
const FRAME: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// Compresses `plain` into the content bytes of a record.
pub fn compress(plain: &[u8]) -> Result<Vec<u8>> {
    if plain.len() > PLAIN_MAX {
        return Err(Error::too_large("content before compression", plain.len(), PLAIN_MAX));
    }
    #[cfg(not(target_family = "wasm"))]
    return zstd::bulk::compress(plain, LEVEL).map_err(|e| Error::malformed("content", e.to_string()));
    // A browser verifies; it makes no records.
    #[cfg(target_family = "wasm")]
    Err(Error::malformed("content", "this build does not compress"))
}

/// Undoes [`compress`], allocating no more than the frame states and never more than [`PLAIN_MAX`].
pub fn decompress(content: &[u8]) -> Result<Vec<u8>> {
    #[cfg(not(target_family = "wasm"))]
    let stated = zstd::zstd_safe::get_frame_content_size(content);
    #[cfg(target_family = "wasm")]
    let stated = pure::frame_size(content);
    let size = match stated {
        Ok(Some(size)) if content.starts_with(&FRAME) => size,
        Ok(None) => return Err(Error::malformed("content", "the zstd frame does not state its size")),
        _ => return Err(Error::malformed("content", "not a zstd frame")),
    };
    if size > PLAIN_MAX as u64 {
        return Err(Error::too_large("content after decompression", size as usize, PLAIN_MAX));
    }
    #[cfg(not(target_family = "wasm"))]
    let plain = native(content, size as usize);
    #[cfg(target_family = "wasm")]
    let plain = pure::decompress(content, size as usize);
    // In the same words whichever library it was: the page and the program say the same of every bundle.
    let whole = plain.filter(|plain| plain.len() as u64 == size);
    whole.ok_or_else(|| Error::malformed("content", "not one whole zstd frame of the size it states"))
}

/// The content of exactly one frame that states `size`.
#[cfg(not(target_family = "wasm"))]
fn native(content: &[u8], size: usize) -> Option<Vec<u8>> {
    if zstd::zstd_safe::find_frame_compressed_size(content) != Ok(content.len()) {
        return None;
    }
    // A context takes longer to make than a small content to decompress.
    thread_local! {
        static CONTEXT: RefCell<Option<zstd::bulk::Decompressor<'static>>> = const { RefCell::new(None) };
    }
    CONTEXT.with_borrow_mut(|context| {
        if context.is_none() {
            *context = Some(zstd::bulk::Decompressor::new().ok()?);
        }
        context.as_mut()?.decompress(content, size).ok()
    })
}

/// The content of a record, decoded.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// Readings, gaps and events.
    Batch(Batch),
    /// Tag table and devices.
    Configuration(Configuration),
    /// Stands for records that are gone.
    Lost(Lost),
    /// Opens a chain.
    ChainStart(ChainStart),
    /// Announces the next key.
    KeyChange(KeyChange),
}

impl Content {
    /// The kind that the header must name.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Batch(_) => Kind::Batch,
            Self::Configuration(_) => Kind::Configuration,
            Self::Lost(_) => Kind::Lost,
            Self::ChainStart(_) => Kind::ChainStart,
            Self::KeyChange(_) => Kind::KeyChange,
        }
    }

    /// The content bytes as sent.
    pub fn encode(&self) -> Result<Vec<u8>> {
        compress(&match self {
            Self::Batch(batch) => batch.encode_plain()?,
            Self::Configuration(configuration) => configuration.encode_plain()?,
            Self::Lost(lost) => lost.encode_plain(),
            Self::ChainStart(start) => start.encode_plain(),
            Self::KeyChange(change) => change.encode_plain(),
        })
    }

    /// Reads content bytes as sent.
    pub fn decode(kind: Kind, content: &[u8]) -> Result<Self> {
        let plain = decompress(content)?;
        Ok(match kind {
            Kind::Batch => Self::Batch(Batch::decode_plain(&plain)?),
            Kind::Configuration => Self::Configuration(Configuration::decode_plain(&plain)?),
            Kind::Lost => Self::Lost(Lost::decode_plain(&plain)?),
            Kind::ChainStart => Self::ChainStart(ChainStart::decode_plain(&plain)?),
            Kind::KeyChange => Self::KeyChange(KeyChange::decode_plain(&plain)?),
        })
    }
}

/// Why records are gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LostCause {
    /// Their bytes on the gateway's disk no longer match their checksum.
    Damaged,
    /// The server refused the record for good; the gateway keeps it.
    Refused,
    /// They were trimmed under a receipt, and the server asks again.
    Trimmed,
}

impl LostCause {
    fn code(self) -> u32 {
        match self {
            Self::Damaged => 1,
            Self::Refused => 2,
            Self::Trimmed => 3,
        }
    }
}

/// Stands in the chain for records `from..=to`. Its own header's sequence is `from`.
///
/// The chain goes on over it: its header's `previous` is the digest of record `from - 1`, and the record after it has
/// sequence `to + 1` and names `next` as its previous digest — or, where `next` is zero, this record itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lost {
    /// First sequence that is gone.
    pub from: u64,
    /// Last sequence that is gone.
    pub to: u64,
    /// Why.
    pub cause: LostCause,
    /// Digest of record `from - 1`; zero when unknown or `from` is 0.
    pub previous: Digest,
    /// Digest of record `to` as the record after it names it; zero when there was none.
    pub next: Digest,
    /// The receipt (a server message) under which they were trimmed, or empty.
    pub receipt: Vec<u8>,
}

impl Lost {
    fn encode_plain(&self) -> Vec<u8> {
        LostWire {
            from: self.from,
            to: self.to,
            cause: self.cause.code(),
            previous: self.previous.0.to_vec(),
            next: self.next.0.to_vec(),
            receipt: self.receipt.clone(),
        }
        .encode_to_vec()
    }

    fn decode_plain(plain: &[u8]) -> Result<Self> {
        let w: LostWire = wire::decode("lost", 8192, plain)?;
        if w.from > w.to {
            return Err(Error::malformed("lost", "its range ends before it begins"));
        }
        check_sequence("lost", w.to)?;
        Ok(Self {
            from: w.from,
            to: w.to,
            cause: match w.cause {
                1 => LostCause::Damaged,
                2 => LostCause::Refused,
                3 => LostCause::Trimmed,
                other => return Err(Error::malformed("lost cause", format!("code {other} is not defined"))),
            },
            previous: Digest::from_slice("lost: previous", &w.previous)?,
            next: Digest::from_slice("lost: next", &w.next)?,
            receipt: w.receipt,
        })
    }
}

/// Why a chain begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ChainStartCause {
    /// The gateway's first.
    First,
    /// Recovery cut bytes off the buffer's tail that were not zero.
    TailDamaged,
    /// The server holds records of this gateway that the gateway does not know: an old image of its disk.
    OldImage,
    /// The buffer was gone or unreadable as a whole.
    BufferLost,
}

impl ChainStartCause {
    fn code(self) -> u32 {
        match self {
            Self::First => 1,
            Self::TailDamaged => 2,
            Self::OldImage => 3,
            Self::BufferLost => 4,
        }
    }

    /// The fixed word used in JSON and logs.
    pub fn name(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::TailDamaged => "tail_damaged",
            Self::OldImage => "old_image",
            Self::BufferLost => "buffer_lost",
        }
    }
}

/// The first record of a chain: why it begins, and the last that is known of the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChainStart {
    /// Why.
    pub cause: ChainStartCause,
    /// The chain before, its last known sequence and that record's digest.
    pub old: Option<(ChainId, u64, Digest)>,
}

impl ChainStart {
    fn encode_plain(&self) -> Vec<u8> {
        let (old_chain, old_sequence, old_digest) = match &self.old {
            Some((chain, sequence, digest)) => (chain.0.to_vec(), *sequence, digest.0.to_vec()),
            None => (Vec::new(), 0, Vec::new()),
        };
        ChainStartWire { cause: self.cause.code(), old_chain, old_sequence, old_digest }.encode_to_vec()
    }

    fn decode_plain(plain: &[u8]) -> Result<Self> {
        let w: ChainStartWire = wire::decode("chain start", 256, plain)?;
        check_sequence("chain start", w.old_sequence)?;
        Ok(Self {
            cause: match w.cause {
                1 => ChainStartCause::First,
                2 => ChainStartCause::TailDamaged,
                3 => ChainStartCause::OldImage,
                4 => ChainStartCause::BufferLost,
                other => return Err(Error::malformed("chain start cause", format!("code {other} is not defined"))),
            },
            old: if w.old_chain.is_empty() {
                None
            } else {
                Some((
                    ChainId::from_slice(&w.old_chain)?,
                    w.old_sequence,
                    Digest::from_slice("chain start: old digest", &w.old_digest)?,
                ))
            },
        })
    }
}

/// The gateway's next key; records after this one are signed with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyChange {
    /// The key to come.
    pub new_key: PublicKey,
    /// The new key's signature over its own 32 bytes: whoever announces it holds it.
    pub proof: Signature,
}

impl KeyChange {
    /// Announces `new_key`.
    pub fn new(new_key: &SecretKey) -> Self {
        let public = new_key.public();
        Self { new_key: public, proof: new_key.sign(KEY_CHANGE_DOMAIN, &public.to_bytes()) }
    }

    fn encode_plain(&self) -> Vec<u8> {
        KeyChangeWire { new_key: self.new_key.to_bytes().to_vec(), proof: self.proof.0.to_vec() }.encode_to_vec()
    }

    fn decode_plain(plain: &[u8]) -> Result<Self> {
        let w: KeyChangeWire = wire::decode("key change", 256, plain)?;
        let new_key = PublicKey::from_slice(&w.new_key)?;
        let proof = Signature::from_slice(&w.proof)?;
        new_key.verify("key change", KEY_CHANGE_DOMAIN, &new_key.to_bytes(), &proof)?;
        Ok(Self { new_key, proof })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Quality, Reading, Value};

    /// What the decompressor of a browser says of bytes.
    fn purely(content: &[u8]) -> Option<Vec<u8>> {
        let size = pure::frame_size(content).ok().flatten().filter(|size| *size <= PLAIN_MAX as u64)?;
        pure::decompress(content, size as usize).filter(|plain| plain.len() as u64 == size)
    }

    proptest! {
        #[test]
        fn both_decompressors_give_the_same(
            piece in proptest::collection::vec(any::<u8>(), 0..600),
            repeated in 1_usize..400,
            flip in any::<(usize, u8)>(),
            cut in any::<usize>(),
        ) {
            let plain = piece.repeat(repeated);
            let content = compress(&plain).unwrap();
            prop_assert_eq!(purely(&content), Some(plain));
            let mut altered = content.clone();
            altered[flip.0 % content.len()] ^= flip.1;
            prop_assert_eq!(purely(&altered), decompress(&altered).ok());
            let cut = &content[..cut % content.len()];
            prop_assert_eq!(purely(cut), decompress(cut).ok());
            let twice = [content.as_slice(), &compress(&[]).unwrap()].concat();
            prop_assert_eq!((purely(&twice), decompress(&twice).ok()), (None, None));
        }
    }

    /// All columns of some content, and only every other one.
    fn read_some(content: &[u8]) {
        let keeps: [&dyn Fn(u32) -> bool; 3] = [&|_| true, &|tag| tag % 2 == 1, &|_| false];
        let whole = Content::decode(Kind::Batch, content);
        for keep in keeps {
            let some = Excerpt::read(Kind::Batch, content, &keep);
            match &whole {
                Ok(Content::Batch(batch)) => {
                    let Ok(Excerpt::Batch(some)) = some else { panic!("{some:?}") };
                    let flat = FlatBatch::of(batch, &keep);
                    let parts = |of: &FlatBatch| format!("{:?}", of.columns().collect::<Vec<_>>());
                    assert_eq!(parts(&some), parts(&flat));
                    assert_eq!((&some.gaps, &some.events), (&batch.gaps, &batch.events));
                    assert_eq!(some.readings(), batch.len());
                    let kept = batch.columns.iter().filter(|column| keep(column.tag));
                    assert!(some.columns().map(|c| (c.tag, c.times)).eq(kept.map(|c| (c.tag, c.times.as_slice()))));
                }
                whole => assert_eq!(whole.as_ref().err(), some.as_ref().err()),
            }
        }
    }

    proptest! {
        #[test]
        fn a_batch_read_for_some_columns_is_the_batch(
            readings in proptest::collection::vec((0_u32..6, 0_i64..4, any::<i64>(), 0_u8..9), 0..60),
            flips in proptest::collection::vec((any::<usize>(), any::<u8>()), 0..24),
        ) {
            let reading = |(tag, boot_ms, value, odd): (u32, i64, i64, u8)| Reading {
                tag,
                boot_ms: 1_000_000 + boot_ms,
                value: match (tag, odd) {
                    (0, _) => Value::U64(value.cast_unsigned()),
                    (1, _) => Value::I64(value),
                    (2, _) => Value::Bool(value & 1 == 0),
                    (3, _) => Value::F64(value as f64 / 7.0),
                    (4, _) => Value::F32(value as f32),
                    _ => Value::Text(format!("text {}", value % 3).into()),
                },
                quality: if odd == 1 { Quality::Bad } else { Quality::Good },
                source_ms: (odd == 2).then_some(1_700_000_000_000 + boot_ms),
            };
            let batch = Batch::from_readings(readings.into_iter().map(reading), Vec::new(), Vec::new());
            let plain = batch.encode_plain().unwrap();
            read_some(&compress(&plain).unwrap());
            for (at, with) in flips {
                let mut altered = plain.clone();
                if let Some(byte) = altered.get_mut(at % plain.len().max(1)) {
                    *byte ^= with;
                }
                read_some(&compress(&altered).unwrap());
                read_some(&compress(&plain[..at % (plain.len() + 1)]).unwrap());
            }
        }
    }
}
