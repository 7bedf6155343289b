//! A value read from a device, or the stretch where there was none.
//!
//! Values are **raw**: the decoded register type before scale, ratio or unit. Engineering values are derived from the
//! configuration in force, so a wrong ratio is visible and correctable, never baked in. Times are milliseconds on the
//! gateway's boot clock (Linux `CLOCK_BOOTTIME`); UTC is derived from record headers, purely, and may be unknown.

use std::fmt;

use crate::{BootId, Error, Result};

/// Longest text value, bytes of UTF-8.
pub const TEXT_MAX: usize = 256;

/// The type of a raw value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ValueType {
    /// One bit.
    Bool,
    /// Signed integers of any width up to 64 bits.
    I64,
    /// Unsigned integers of any width up to 64 bits.
    U64,
    /// IEEE 754 binary32.
    F32,
    /// IEEE 754 binary64.
    F64,
    /// UTF-8 text of at most [`TEXT_MAX`] bytes.
    Text,
}

impl ValueType {
    pub(crate) fn code(self) -> u32 {
        match self {
            Self::Bool => 1,
            Self::I64 => 2,
            Self::U64 => 3,
            Self::F32 => 4,
            Self::F64 => 5,
            Self::Text => 6,
        }
    }

    pub(crate) fn from_code(code: u32) -> Result<Self> {
        Ok(match code {
            1 => Self::Bool,
            2 => Self::I64,
            3 => Self::U64,
            4 => Self::F32,
            5 => Self::F64,
            6 => Self::Text,
            other => return Err(Error::malformed("value type", format!("code {other} is not defined"))),
        })
    }
}

/// A raw value.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// One bit.
    Bool(bool),
    /// Signed integer.
    I64(i64),
    /// Unsigned integer.
    U64(u64),
    /// Binary32; every bit pattern is kept.
    F32(f32),
    /// Binary64; every bit pattern is kept.
    F64(f64),
    /// Text.
    Text(Box<str>),
}

impl Value {
    /// The type.
    pub fn value_type(&self) -> ValueType {
        match self {
            Self::Bool(_) => ValueType::Bool,
            Self::I64(_) => ValueType::I64,
            Self::U64(_) => ValueType::U64,
            Self::F32(_) => ValueType::F32,
            Self::F64(_) => ValueType::F64,
            Self::Text(_) => ValueType::Text,
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(v) => write!(f, "{}", u8::from(*v)),
            Self::I64(v) => write!(f, "{v}"),
            Self::U64(v) => write!(f, "{v}"),
            Self::F32(v) => write!(f, "{v}"),
            Self::F64(v) => write!(f, "{v}"),
            Self::Text(v) => f.write_str(v),
        }
    }
}

/// How far a value may be trusted, as its device said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Quality {
    /// Read in full, and the device raised no doubt.
    Good,
    /// The device itself calls it uncertain (OPC UA severity 01).
    Uncertain,
    /// The device delivered a value and calls it bad (OPC UA severity 10). Never computed with.
    Bad,
}

impl Quality {
    pub(crate) fn code(self) -> u32 {
        match self {
            Self::Good => 0,
            Self::Uncertain => 1,
            Self::Bad => 2,
        }
    }

    pub(crate) fn from_code(code: u32) -> Result<Self> {
        Ok(match code {
            0 => Self::Good,
            1 => Self::Uncertain,
            2 => Self::Bad,
            other => return Err(Error::malformed("quality", format!("code {other} is not defined"))),
        })
    }
}

/// One value of one tag at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// Index into the tag table of the configuration in force.
    pub tag: u32,
    /// When the gateway had the whole answer, ms on the boot clock.
    pub boot_ms: i64,
    /// The raw value.
    pub value: Value,
    /// What the device says of it.
    pub quality: Quality,
    /// The device's own time stamp (OPC UA source timestamp), UTC ms, kept beside and never computed with.
    pub source_ms: Option<i64>,
}

/// Why there is no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum GapCause {
    /// No answer in time, or no connection.
    DeviceSilent,
    /// The device answered with an exception or a bad status.
    DeviceRefused,
    /// An answer of the wrong shape, or a value its type cannot hold.
    NonsenseValue,
    /// The shared line was occupied by others.
    BusBusy,
    /// The gateway's buffer was full of records not yet receipted.
    BufferFull,
    /// The agent stopped without sealing while the kernel ran on (same boot id).
    ProcessKilled,
    /// The gateway lost power or its kernel stopped (new boot id).
    UncleanBoot,
    /// The bytes on the gateway's disk no longer matched their checksum.
    Damaged,
    /// The clock could not be placed.
    ClockUnknown,
    /// The agent was stopped on purpose.
    Planned,
}

impl GapCause {
    /// Every cause, in code order.
    pub const ALL: [Self; 10] = [
        Self::DeviceSilent,
        Self::DeviceRefused,
        Self::NonsenseValue,
        Self::BusBusy,
        Self::BufferFull,
        Self::ProcessKilled,
        Self::UncleanBoot,
        Self::Damaged,
        Self::ClockUnknown,
        Self::Planned,
    ];

    /// The fixed word used in JSON, logs and metrics labels.
    pub fn name(self) -> &'static str {
        match self {
            Self::DeviceSilent => "device_silent",
            Self::DeviceRefused => "device_refused",
            Self::NonsenseValue => "nonsense_value",
            Self::BusBusy => "bus_busy",
            Self::BufferFull => "buffer_full",
            Self::ProcessKilled => "process_killed",
            Self::UncleanBoot => "unclean_boot",
            Self::Damaged => "damaged",
            Self::ClockUnknown => "clock_unknown",
            Self::Planned => "planned",
        }
    }

    pub(crate) fn code(self) -> u32 {
        Self::ALL.iter().position(|c| *c == self).map_or(0, |i| i as u32 + 1)
    }

    pub(crate) fn from_code(code: u32) -> Result<Self> {
        (code as usize)
            .checked_sub(1)
            .and_then(|i| Self::ALL.get(i).copied())
            .ok_or_else(|| Error::malformed("gap cause", format!("code {code} is not defined")))
    }
}

/// Where a gap starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GapStart {
    /// The boot whose clock `boot_ms` counts on; `None` is the boot of the record that carries the gap.
    pub boot: Option<BootId>,
    /// Milliseconds on that boot clock: the last reading before the gap.
    pub boot_ms: i64,
}

/// A stretch without readings, and its cause. Half-open: the reading at the start exists, the one at the end may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    /// Index into the tag table; `None` is every tag.
    pub tag: Option<u32>,
    /// From here …
    pub from: GapStart,
    /// … to here, ms on the boot clock of the record that carries the gap.
    pub to_boot_ms: i64,
    /// Why.
    pub cause: GapCause,
}

/// Something that happened at the gateway and belongs in the evidence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// When, ms on the boot clock.
    pub boot_ms: i64,
    /// What, one of the words in `docs/formats.md` §4.5 (`started`, `stopping`, `clock_step`, `device_down` …).
    pub kind: Box<str>,
    /// Which device or tag, or empty.
    pub subject: Box<str>,
    /// A number whose meaning `kind` gives (a step in ms, a count), or 0.
    pub value: i64,
    /// Words for people.
    pub detail: Box<str>,
}
