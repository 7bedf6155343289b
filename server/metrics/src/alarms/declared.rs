//! What people declare about alarms: what a code means, and what was done about an episode.

use serde::{Deserialize, Serialize};

use crate::model::{ModelError, Names, check_id, refuse};

/// Longest alarm code, bytes.
const CODE_MAX: usize = 64;
/// Longest words about what was done, bytes.
const ACTION_MAX: usize = 2_000;

/// What an alarm warns of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlarmClass {
    /// Danger to people, fire, gas: 安全报警.
    Safety,
    /// The machine itself.
    Device,
    /// A process value out of its limits.
    Process,
    /// The product.
    Quality,
    /// A hint that asks for nothing.
    Notice,
}

impl AlarmClass {
    /// Every class, the gravest first.
    pub const ALL: [Self; 5] = [Self::Safety, Self::Device, Self::Process, Self::Quality, Self::Notice];

    /// The code in statements and lists.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Safety => "safety",
            Self::Device => "device",
            Self::Process => "process",
            Self::Quality => "quality",
            Self::Notice => "notice",
        }
    }

    /// Chinese and English.
    pub const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Safety => ("安全报警", "safety"),
            Self::Device => ("设备报警", "device"),
            Self::Process => ("工艺报警", "process"),
            Self::Quality => ("质量报警", "quality"),
            Self::Notice => ("提示", "notice"),
        }
    }
}

/// `alarm_code`: what a code of a machine's alarm signal means.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AlarmCode {
    /// Machine id.
    pub machine: String,
    /// The code as the signal shows it: decimal digits or text; `1` for a bit.
    pub code: String,
    /// What it means.
    pub names: Names,
    /// What it warns of.
    pub class: AlarmClass,
}

/// `alarm_handled`: somebody took note of an alarm, or dealt with it. The author of the declaration is who did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AlarmHandled {
    /// Machine id.
    pub machine: String,
    /// The code as the signal shows it.
    pub code: String,
    /// An instant at which the episode was raised, UTC milliseconds.
    pub raised_ms: i64,
    /// When somebody took note, UTC milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledged_ms: Option<i64>,
    /// When it was dealt with, UTC milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handled_ms: Option<i64>,
    /// What was done, in words.
    #[serde(default)]
    pub action: String,
    /// It was a test of the alarm.
    #[serde(default)]
    pub is_test: bool,
}

fn check_text(kind: &'static str, code: &str) -> Result<(), ModelError> {
    if code.is_empty() || code.len() > CODE_MAX {
        return Err(refuse(kind, "code", "must have 1 to 64 bytes"));
    }
    Ok(())
}

/// Checks an `alarm_code` body.
///
/// # Errors
/// [`ModelError`] names the field and what is allowed there.
pub fn check_code(body: AlarmCode) -> Result<AlarmCode, ModelError> {
    check_id("alarm_code", "machine", &body.machine)?;
    check_text("alarm_code", &body.code)?;
    Ok(body)
}

/// Checks an `alarm_handled` body.
///
/// # Errors
/// [`ModelError`] names the field and what is allowed there.
pub fn check_handled(body: AlarmHandled) -> Result<AlarmHandled, ModelError> {
    const KIND: &str = "alarm_handled";
    check_id(KIND, "machine", &body.machine)?;
    check_text(KIND, &body.code)?;
    if body.action.len() > ACTION_MAX {
        return Err(refuse(KIND, "action", "must have at most 2 000 bytes"));
    }
    let noted = body.acknowledged_ms.unwrap_or(body.raised_ms);
    if noted < body.raised_ms || body.handled_ms.is_some_and(|ms| ms < noted) {
        return Err(refuse(KIND, "handled_ms", "needs raised_ms ≤ acknowledged_ms ≤ handled_ms"));
    }
    if body.acknowledged_ms.is_none() && body.handled_ms.is_none() && !body.is_test {
        return Err(refuse(KIND, "acknowledged_ms", "says nothing: state acknowledged_ms, handled_ms or is_test"));
    }
    Ok(body)
}
