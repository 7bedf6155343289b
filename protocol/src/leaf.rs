//! A leaf of a site's log: who said what, when the server received it, and the digest of the content beside it.

use prost::Message as _;

use crate::{
    Digest, Error, Header, Record, Result, Signature, record,
    wire::{self, EpochWire, LeafWire},
};

/// The newest leaf version.
pub const LEAF_VERSION: u32 = 1;
/// Longest leaf, bytes.
pub const LEAF_MAX: usize = 1024;

/// What a leaf states.
#[derive(Debug, Clone, PartialEq)]
pub enum LeafBody {
    /// A gateway's record was accepted.
    Record {
        /// Its header.
        header: Header,
        /// The header's exact bytes.
        header_bytes: Vec<u8>,
        /// The gateway's signature over them.
        signature: Signature,
    },
    /// A person (or the server on its own behalf) stated something.
    Declaration {
        /// The declaration's kind.
        kind: String,
        /// SHA-256 of its canonical bytes.
        digest: Digest,
        /// Their length.
        length: u32,
    },
    /// The log goes on after the server was restored from a backup.
    Epoch {
        /// The new epoch.
        epoch: u32,
        /// Size and root of the newest head known before the restore.
        old_size: u64,
        /// See `old_size`.
        old_root: Digest,
        /// Leaves that the backup still held.
        restored_size: u64,
        /// What happened, in words.
        cause: String,
    },
    /// A validly signed record that contradicts one already held: evidence of a clone.
    Quarantine {
        /// Its header.
        header: Header,
        /// The header's exact bytes.
        header_bytes: Vec<u8>,
        /// The gateway's signature over them.
        signature: Signature,
    },
}

/// One leaf.
#[derive(Debug, Clone, PartialEq)]
pub struct Leaf {
    /// When the server received it, UTC ms.
    pub received_ms: i64,
    /// What it states.
    pub body: LeafBody,
}

impl Leaf {
    /// The leaf of an accepted record.
    pub fn record(received_ms: i64, record: &Record) -> Self {
        Self {
            received_ms,
            body: LeafBody::Record {
                header: record.header().clone(),
                header_bytes: record.header_bytes().to_vec(),
                signature: *record.signature(),
            },
        }
    }

    /// The leaf of a record that contradicts another.
    pub fn quarantine(received_ms: i64, record: &Record) -> Self {
        Self {
            received_ms,
            body: LeafBody::Quarantine {
                header: record.header().clone(),
                header_bytes: record.header_bytes().to_vec(),
                signature: *record.signature(),
            },
        }
    }

    /// The leaf of a declaration given its kind and canonical bytes.
    pub fn declaration(received_ms: i64, kind: &str, canonical: &[u8]) -> Self {
        Self {
            received_ms,
            body: LeafBody::Declaration {
                kind: kind.to_owned(),
                digest: crate::sha256(canonical),
                length: canonical.len() as u32,
            },
        }
    }

    /// Digest of the content that lies beside the log, if the leaf has one.
    pub fn content_digest(&self) -> Option<Digest> {
        match &self.body {
            LeafBody::Record { header, .. } | LeafBody::Quarantine { header, .. } => Some(header.content_digest),
            LeafBody::Declaration { digest, .. } => Some(*digest),
            LeafBody::Epoch { .. } => None,
        }
    }

    /// Digest of the record in this leaf.
    pub fn record_digest(&self) -> Option<Digest> {
        match &self.body {
            LeafBody::Record { header_bytes, signature, .. } | LeafBody::Quarantine { header_bytes, signature, .. } => {
                Some(record::record_digest(header_bytes, signature))
            }
            _ => None,
        }
    }

    /// The bytes that the tree hashes.
    pub fn encode(&self) -> Result<Vec<u8>> {
        let mut w = LeafWire { version: LEAF_VERSION, received_ms: self.received_ms, ..LeafWire::default() };
        match &self.body {
            LeafBody::Record { header_bytes, signature, .. } => {
                w.kind = 1;
                w.header = header_bytes.clone();
                w.signature = signature.0.to_vec();
            }
            LeafBody::Declaration { kind, digest, length } => {
                w.kind = 2;
                w.declaration = kind.clone();
                w.content_digest = digest.0.to_vec();
                w.content_length = *length;
            }
            LeafBody::Epoch { epoch, old_size, old_root, restored_size, cause } => {
                w.kind = 3;
                w.epoch = Some(EpochWire {
                    epoch: *epoch,
                    old_size: *old_size,
                    old_root: old_root.0.to_vec(),
                    restored_size: *restored_size,
                    cause: cause.clone(),
                });
            }
            LeafBody::Quarantine { header_bytes, signature, .. } => {
                w.kind = 4;
                w.header = header_bytes.clone();
                w.signature = signature.0.to_vec();
            }
        }
        let bytes = w.encode_to_vec();
        if bytes.len() > LEAF_MAX {
            return Err(Error::too_large("leaf", bytes.len(), LEAF_MAX));
        }
        Ok(bytes)
    }

    /// Reads a leaf.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        let w: LeafWire = wire::decode("leaf", LEAF_MAX, bytes)?;
        if w.version != LEAF_VERSION {
            return Err(Error::UnknownVersion { what: "leaf", got: w.version, known: LEAF_VERSION });
        }
        record::check_times("leaf", [w.received_ms])?;
        let body = match w.kind {
            1 => LeafBody::Record {
                header: Header::decode(&w.header)?,
                header_bytes: w.header,
                signature: Signature::from_slice(&w.signature)?,
            },
            2 => LeafBody::Declaration {
                kind: w.declaration,
                digest: Digest::from_slice("leaf: content digest", &w.content_digest)?,
                length: w.content_length,
            },
            3 => {
                let e = w.epoch.ok_or_else(|| Error::malformed("leaf", "an epoch leaf without its epoch"))?;
                LeafBody::Epoch {
                    epoch: e.epoch,
                    old_size: e.old_size,
                    old_root: Digest::from_slice("leaf: old root", &e.old_root)?,
                    restored_size: e.restored_size,
                    cause: e.cause,
                }
            }
            4 => LeafBody::Quarantine {
                header: Header::decode(&w.header)?,
                header_bytes: w.header,
                signature: Signature::from_slice(&w.signature)?,
            },
            other => return Err(Error::malformed("leaf", format!("kind {other} is not defined"))),
        };
        let leaf = Self { received_ms: w.received_ms, body };
        // A leaf is what the tree hashes: bytes that say the same in another way are another leaf, so refuse them.
        if leaf.encode()? != bytes {
            return Err(Error::malformed("leaf", "not in its one encoding"));
        }
        Ok(leaf)
    }
}
