//! What sources tell the rest of the agent: the only type that crosses from `source/` to the sealer.
//!
//! Constraints:
//! 1. **A source never waits for the uplink and never writes to disk.** It sends events into one bounded channel
//!    ([`EVENT_QUEUE_MAX`]); when the channel is full the source waits, which delays its next poll and nothing else.
//! 2. **Every scheduled observation ends in exactly one of** a [`Reading`] or a [`SourceEvent::Gap`]. Silence is not a
//!    statement: a tag from which nothing arrives is reported as a gap by the source that was responsible for it. The one
//!    exception is stated in the tag's configuration: a tag recorded on change is silent for less than its heartbeat
//!    while its value stays within its deadband.
//! 3. **Times are on the boot clock** ([`Clock::boot_ms`](crate::clock::Clock::boot_ms)), taken when the reply was
//!    complete. A timestamp the device itself supplied is carried beside it, never instead of it.
//! 4. **Values are raw**: the decoded register type before scale, ratio or unit.
//! 5. Several readings of one reply travel together in one event, because 10,000 tags a second as single messages
//!    would spend the processor budget on waking up.

use protocol::{GapCause, Quality, Value};

/// Events waiting for the sealer before a source has to wait. At 1,000 single readings a second: four seconds.
pub const EVENT_QUEUE_MAX: usize = 4_096;

/// Position of a tag in [`protocol::Configuration`]'s tag list (and so in every batch sealed under it).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TagIndex(pub u32);

/// Position of a device in [`protocol::Configuration`]'s device list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeviceIndex(pub u32);

/// One observed value.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// Which tag.
    pub tag: TagIndex,
    /// Raw value as decoded from the wire.
    pub value: Value,
    /// How far it can be trusted, as the device or the decoder says.
    pub quality: Quality,
    /// Boot clock at which the reply was complete, milliseconds.
    pub boot_ms: i64,
    /// The device's own timestamp (OPC UA source time), milliseconds since the Unix epoch.
    pub source_time_ms: Option<i64>,
}

/// How a device is doing, for the local page and `status`; not evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceState {
    /// Not tried yet.
    Starting,
    /// The last request was answered.
    Up,
    /// The last request was not answered; it is tried again.
    Down,
    /// It will not be tried again without a person (wrong password, untrusted certificate).
    Stopped,
}

/// Everything a source may say.
#[derive(Debug, Clone, PartialEq)]
pub enum SourceEvent {
    /// Values of one reply or notification.
    Readings(Vec<Reading>),
    /// A stretch without readings of one tag: `[from_boot_ms, to_boot_ms)` on the boot clock, with its true cause.
    Gap {
        /// Which tag.
        tag: TagIndex,
        /// First instant not observed.
        from_boot_ms: i64,
        /// End of the stretch (exclusive).
        to_boot_ms: i64,
        /// Why.
        cause: GapCause,
    },
    /// Something that belongs into the evidence beside the values: a device up or down, polls
    /// that were not made, …
    Note {
        /// Which device; `None` for the gateway itself.
        device: Option<DeviceIndex>,
        /// Boot clock, milliseconds.
        boot_ms: i64,
        /// What kind of fact.
        kind: NoteKind,
        /// A number whose meaning `kind` gives, or 0.
        value: i64,
        /// The fact itself, short (at most 256 bytes are kept), in no particular language.
        text: String,
    },
}

/// Kinds of notes sources may make. The sealer maps them to `protocol` event kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoteKind {
    /// A device answered again.
    DeviceUp,
    /// A device stopped answering.
    DeviceDown,
    /// Polls that were due while the line was still busy and were not made up for; the value says how many.
    MissedTicks,
    /// The server of an OPC UA source granted something else than was asked, or notifications were lost.
    SourceNotice,
    /// An identity of a device (serial number, firmware, transformer ratio) was read for the first time.
    DeviceIdentity,
    /// An identity of a device is not what it was.
    DeviceIdentityChanged,
}

impl NoteKind {
    /// The word of an event in a record, `docs/formats.md` §4.5.
    pub const fn word(self) -> &'static str {
        match self {
            Self::DeviceUp => "device_up",
            Self::DeviceDown => "device_down",
            Self::MissedTicks => "missed_ticks",
            Self::SourceNotice => "source_notice",
            Self::DeviceIdentity => "device_identity",
            Self::DeviceIdentityChanged => "device_identity_changed",
        }
    }
}
