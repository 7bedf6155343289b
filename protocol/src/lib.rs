//! Every byte that crosses a boundary of Gongzheng, and nothing else: no network, no disk, no clock, no randomness.
//!
//! `docs/formats.md` is the normative text; this crate is its implementation, and `protocol/vectors` holds golden bytes for
//! both. A decoder here takes bytes from a stranger: it is bounded before it allocates, refuses what it does not know and
//! never panics.
//!
//! The tour, in the order a value travels:
//!
//! 1. [`reading`]: a tag's raw [`Value`], its [`Quality`], and when it was read on the gateway's boot clock — or a
//!    [`Gap`] with a [`GapCause`] where there is no value.
//! 2. [`content`]: readings packed by column, a gateway's configuration, and the other things a record can hold.
//! 3. [`record`]: header + signature + content; one sequence and one hash chain per gateway.
//! 4. [`receipt`]: the server's signed answer; only a receipt lets a gateway forget.
//!    Where there is no network both ways go by [`carry`], on a stick.
//! 5. [`declaration`]: what a person stated, as canonical JSON.
//! 6. [`leaf`], [`tree`], [`note`]: the site's log — RFC 6962 tree, C2SP tiles and checkpoints; [`cosignature`] of witnesses
//!    and [`proof`] files.
//! 7. [`bundle`] (feature `bundle`): everything needed to verify a report offline, in one archive.

#[cfg(feature = "bundle")]
pub mod bundle;
pub mod carry;
pub mod content;
pub mod cosignature;
pub mod declaration;
mod digest;
mod error;
mod ids;
mod key;
pub mod leaf;
pub mod note;
pub mod proof;
pub mod reading;
pub mod receipt;
pub mod record;
pub mod topic;
pub mod tree;
mod wire;

pub use crate::{
    content::{Batch, ChainStart, ChainStartCause, Configuration, Content, KeyChange, Lost, LostCause},
    declaration::{Declaration, canonical_json},
    digest::{Digest, DigestWriter, sha256},
    error::{Error, Result},
    ids::{BootId, ChainId, DeviceId, GatewayId, MachineId, SiteId, TagId},
    key::{PreparedKey, PublicKey, SecretKey, Signature},
    leaf::{Leaf, LeafBody},
    reading::{Event, Gap, GapCause, GapStart, Quality, Reading, Value, ValueType},
    receipt::{Receipt, Refusal, RefusalReason, ServerMessage, StateMessage, StateValue},
    record::{Clock, Header, Kind, Record, ServerAnchor, SyncState},
};
