//! Decisions about subscriptions and values. Pure.
//!
//! Constraints:
//! 1. A subscription that looks healthy may be dead: *measured*, after a server restart the client library re-creates its items, answers
//!    keep-alives and never asks for notifications again. So silence itself is the alarm ([`Watchdog`]): no notification, not even an
//!    empty one, for max(3 × publishing interval, 5 s) means tear down and rebuild.
//! 2. What the server granted is compared with what was asked ([`Granted`]); servers revise intervals and queues without a word.
//!    No deadband is asked for: *measured*, one stack compares with the wrong value, one ignores percent, two refuse it. Every change comes
//!    and the agent decides what is recorded.
//! 3. A missing status means Good (Part 4, 7.11: it is omitted when Good). The overflow bit means that values were lost.
//! 4. A value of another type than configured is nonsense, except where the number is exactly the same in the configured type.

use opcua_types::{DataValue, StatusCode, Variant};
use protocol::{GapCause, Quality, Value};

use crate::source::modbus::decode::{Kind, checked_text};

/// Watches whether notifications still come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Watchdog {
    limit_ms: i64,
}

impl Watchdog {
    /// The shortest silence that counts, milliseconds.
    pub const LEAST_MS: i64 = 5_000;

    /// For a subscription that publishes every `publishing_ms`.
    pub fn new(publishing_ms: i64) -> Self {
        Self { limit_ms: publishing_ms.saturating_mul(3).max(Self::LEAST_MS) }
    }

    /// Whether the subscription must be taken for dead at `now_ms`, when it last spoke at `spoke_ms`.
    pub fn is_dead(&self, spoke_ms: i64, now_ms: i64) -> bool {
        now_ms.saturating_sub(spoke_ms) > self.limit_ms
    }
}

/// What a server granted for one monitored item.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Granted {
    /// Sampling interval, milliseconds.
    pub sampling_ms: f64,
    /// Values it keeps between two notifications.
    pub queue: u32,
}

impl Granted {
    /// What differs from the wish to our disadvantage, for the notice in the evidence; `None` when the wish was met.
    pub fn shortfall(&self, wished: &Self) -> Option<String> {
        let slower = self.sampling_ms > wished.sampling_ms;
        let shorter = self.queue < wished.queue;
        (slower || shorter).then(|| {
            format!(
                "asked for sampling {} ms and queue {}, granted {} ms and {}",
                wished.sampling_ms, wished.queue, self.sampling_ms, self.queue
            )
        })
    }
}

/// What one data value of a server means for us.
#[derive(Clone, Debug, PartialEq)]
pub enum Judged {
    /// A value.
    Reading {
        /// Raw value.
        value: Value,
        /// What the server says of it.
        quality: Quality,
        /// The source's timestamp, Unix milliseconds.
        source_ms: Option<i64>,
        /// Values before it were lost in the server's queue.
        overflow: bool,
    },
    /// No value.
    Unread {
        /// Why, for the evidence.
        cause: GapCause,
        /// Why, in the server's or our words.
        detail: String,
        /// The node does not exist or may not be read: a mistake in the configuration, not a passing state.
        misconfigured: bool,
    },
}

/// Judges a data value for a tag of type `kind`.
pub fn judge(data: &DataValue, kind: Kind) -> Judged {
    let status = data.status.unwrap_or(StatusCode::Good);
    let quality = if status.is_bad() {
        Quality::Bad
    } else if status.is_uncertain() {
        Quality::Uncertain
    } else {
        Quality::Good
    };
    let value = match &data.value {
        Some(Variant::Empty) | None => None,
        Some(value) => Some(value),
    };
    let Some(variant) = value else {
        let name = status.sub_code().name().to_owned();
        return if quality == Quality::Bad {
            Judged::Unread { cause: bad_cause(status), misconfigured: is_misconfigured(status), detail: name }
        } else {
            Judged::Unread { cause: GapCause::NonsenseValue, misconfigured: false, detail: "no value".to_owned() }
        };
    };
    match convert(variant, kind) {
        Some(value) => Judged::Reading {
            value,
            quality,
            source_ms: data.source_timestamp.filter(|t| !t.is_null()).map(|t| t.as_chrono().timestamp_millis()),
            overflow: status.overflow(),
        },
        // A bad value of a strange type is first of all bad.
        None if quality == Quality::Bad => Judged::Unread {
            cause: bad_cause(status),
            misconfigured: is_misconfigured(status),
            detail: status.sub_code().name().to_owned(),
        },
        None => Judged::Unread {
            cause: GapCause::NonsenseValue,
            misconfigured: false,
            detail: format!("the server gives {}, the configuration says {}", type_name(variant), kind.name()),
        },
    }
}

/// Statuses that say the machine behind the server is silent; all others are refusals, as with Modbus: there a device that
/// reports its own failure answers with exception 04, here with `BadDeviceFailure`.
pub fn bad_cause(status: StatusCode) -> GapCause {
    let code = StatusCode::from(status.bits() & 0xFFFF_0000);
    match code {
        c if c == StatusCode::BadNoCommunication
            || c == StatusCode::BadCommunicationError
            || c == StatusCode::BadNotConnected
            || c == StatusCode::BadConnectionClosed
            || c == StatusCode::BadConnectionRejected
            || c == StatusCode::BadTimeout =>
        {
            GapCause::DeviceSilent
        }
        _ => GapCause::DeviceRefused,
    }
}

/// Statuses that only a change of the configuration (or of the server's) cures.
pub fn is_misconfigured(status: StatusCode) -> bool {
    let code = StatusCode::from(status.bits() & 0xFFFF_0000);
    [
        StatusCode::BadNodeIdUnknown,
        StatusCode::BadNodeIdInvalid,
        StatusCode::BadAttributeIdInvalid,
        StatusCode::BadNotReadable,
        StatusCode::BadUserAccessDenied,
    ]
    .contains(&code)
}

/// Statuses of a failed login that must never be retried: accounts get locked.
pub fn is_login_refused(status: StatusCode) -> bool {
    let code = StatusCode::from(status.bits() & 0xFFFF_0000);
    [
        StatusCode::BadUserAccessDenied,
        StatusCode::BadIdentityTokenRejected,
        StatusCode::BadIdentityTokenInvalid,
        StatusCode::BadUserSignatureInvalid,
    ]
    .contains(&code)
}

/// Statuses of a server that does not accept the client's certificate (Part 4, 6.1.3): it must be trusted there first. Servers are told
/// to say no more than the first of them.
pub fn is_mistrusted(status: StatusCode) -> bool {
    let code = StatusCode::from(status.bits() & 0xFFFF_0000);
    [
        StatusCode::BadSecurityChecksFailed,
        StatusCode::BadCertificateUntrusted,
        StatusCode::BadCertificateInvalid,
        StatusCode::BadCertificateChainIncomplete,
        StatusCode::BadCertificateTimeInvalid,
        StatusCode::BadCertificateUriInvalid,
        StatusCode::BadCertificateUseNotAllowed,
    ]
    .contains(&code)
}

fn convert(variant: &Variant, kind: Kind) -> Option<Value> {
    let integer: Option<i128> = match variant {
        Variant::SByte(v) => Some((*v).into()),
        Variant::Byte(v) => Some((*v).into()),
        Variant::Int16(v) => Some((*v).into()),
        Variant::UInt16(v) => Some((*v).into()),
        Variant::Int32(v) => Some((*v).into()),
        Variant::UInt32(v) => Some((*v).into()),
        Variant::Int64(v) => Some((*v).into()),
        Variant::UInt64(v) => Some((*v).into()),
        _ => None,
    };
    match kind {
        Kind::Bit => match variant {
            Variant::Boolean(v) => Some(Value::Bool(*v)),
            _ => None,
        },
        Kind::U8 => u8::try_from(integer?).ok().map(|v| Value::U64(v.into())),
        Kind::I8 => i8::try_from(integer?).ok().map(|v| Value::I64(v.into())),
        Kind::U16 => u16::try_from(integer?).ok().map(|v| Value::U64(v.into())),
        Kind::U32 => u32::try_from(integer?).ok().map(|v| Value::U64(v.into())),
        Kind::U64 => u64::try_from(integer?).ok().map(Value::U64),
        Kind::I16 => i16::try_from(integer?).ok().map(|v| Value::I64(v.into())),
        Kind::I32 => i32::try_from(integer?).ok().map(|v| Value::I64(v.into())),
        Kind::I64 => i64::try_from(integer?).ok().map(Value::I64),
        Kind::F32 => match variant {
            Variant::Float(v) if v.is_finite() => Some(Value::F32(*v)),
            _ => None,
        },
        Kind::F64 => match variant {
            Variant::Double(v) if v.is_finite() => Some(Value::F64(*v)),
            // Every single is exactly a double.
            Variant::Float(v) if v.is_finite() => Some(Value::F64(f64::from(*v))),
            _ => None,
        },
        Kind::Text => match variant {
            Variant::String(text) => checked_text(text.as_ref()).ok(),
            Variant::LocalizedText(text) => checked_text(text.text.as_ref()).ok(),
            _ => None,
        },
        // Forms of registers, which the configuration refuses here (`Kind::is_register_form`).
        Kind::U48 | Kind::I48 | Kind::F16 => None,
        Kind::Bcd16 | Kind::Bcd32 | Kind::Bcd48 | Kind::Bcd64 => None,
        Kind::M10k32 | Kind::M10k48 | Kind::M10k64 => None,
    }
}

fn type_name(variant: &Variant) -> &'static str {
    match variant {
        Variant::Boolean(_) => "Boolean (bit)",
        Variant::SByte(_) => "SByte (i16)",
        Variant::Byte(_) => "Byte (u16)",
        Variant::Int16(_) => "Int16 (i16)",
        Variant::UInt16(_) => "UInt16 (u16)",
        Variant::Int32(_) => "Int32 (i32)",
        Variant::UInt32(_) => "UInt32 (u32)",
        Variant::Int64(_) => "Int64 (i64)",
        Variant::UInt64(_) => "UInt64 (u64)",
        Variant::Float(_) => "Float (f32)",
        Variant::Double(_) => "Double (f64)",
        Variant::String(_) => "String (text)",
        Variant::LocalizedText(_) => "LocalizedText (text)",
        Variant::Array(_) => "an array",
        _ => "another type",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data(value: impl Into<Variant>, status: Option<StatusCode>) -> DataValue {
        DataValue { value: Some(value.into()), status, ..DataValue::default() }
    }

    #[test]
    fn silence_beyond_three_intervals_or_five_seconds_is_death() {
        let fast = Watchdog::new(1_000);
        assert!(!fast.is_dead(0, 5_000) && fast.is_dead(0, 5_001));
        let slow = Watchdog::new(4_000);
        assert!(!slow.is_dead(0, 12_000) && slow.is_dead(0, 12_001));
    }

    #[test]
    fn what_the_server_revised_is_told_only_when_it_hurts() {
        let wished = Granted { sampling_ms: 100.0, queue: 20 };
        assert_eq!(Granted { sampling_ms: 100.0, queue: 50 }.shortfall(&wished), None);
        let told = Granted { sampling_ms: 1_000.0, queue: 10 }.shortfall(&wished).expect("worse");
        assert_eq!(told, "asked for sampling 100 ms and queue 20, granted 1000 ms and 10");
    }

    #[test]
    fn a_missing_status_is_good_and_overflow_is_loss() {
        let reading = |value, quality, overflow| Judged::Reading { value, quality, source_ms: None, overflow };
        assert_eq!(judge(&data(7i32, None), Kind::I32), reading(Value::I64(7), Quality::Good, false));
        let overflow = StatusCode::Good.set_overflow(true);
        assert_eq!(judge(&data(7i32, Some(overflow)), Kind::I32), reading(Value::I64(7), Quality::Good, true));
        assert_eq!(
            judge(&data(7i32, Some(StatusCode::UncertainLastUsableValue)), Kind::I32),
            reading(Value::I64(7), Quality::Uncertain, false)
        );
    }

    #[test]
    fn types_must_agree_unless_the_number_is_exactly_the_same() {
        let value = |v: DataValue, kind| match judge(&v, kind) {
            Judged::Reading { value, .. } => Some(value),
            Judged::Unread { .. } => None,
        };
        assert_eq!(value(data(7u16, None), Kind::U32), Some(Value::U64(7)));
        assert_eq!(value(data(-1i32, None), Kind::U32), None);
        assert_eq!(value(data(70_000u32, None), Kind::U16), None);
        assert_eq!(value(data(200u8, None), Kind::U8), Some(Value::U64(200)));
        assert_eq!(value(data(200u8, None), Kind::I8), None);
        assert_eq!(value(data(-2i8, None), Kind::I8), Some(Value::I64(-2)));
        assert_eq!(value(data(7u16, None), Kind::Bcd16), None);
        assert_eq!(value(data(1.5f32, None), Kind::F64), Some(Value::F64(1.5)));
        assert_eq!(value(data(1.5f64, None), Kind::F32), None);
        assert_eq!(value(data(f64::NAN, None), Kind::F64), None);
        assert_eq!(value(data(1i32, None), Kind::F64), None);
        assert_eq!(value(data("O1234".to_owned(), None), Kind::Text), Some(Value::Text("O1234".into())));
        assert_eq!(value(data(true, None), Kind::Bit), Some(Value::Bool(true)));
    }

    #[test]
    fn a_node_that_does_not_exist_is_a_mistake_and_a_silent_machine_is_not() {
        let bad = |status| judge(&DataValue { status: Some(status), ..DataValue::default() }, Kind::I32);
        assert!(matches!(
            bad(StatusCode::BadNodeIdUnknown),
            Judged::Unread { cause: GapCause::DeviceRefused, misconfigured: true, .. }
        ));
        assert!(matches!(
            bad(StatusCode::BadNoCommunication),
            Judged::Unread { cause: GapCause::DeviceSilent, misconfigured: false, .. }
        ));
        assert!(matches!(
            bad(StatusCode::BadDeviceFailure),
            Judged::Unread { cause: GapCause::DeviceRefused, misconfigured: false, .. }
        ));
        assert!(is_login_refused(StatusCode::BadUserAccessDenied) && !is_login_refused(StatusCode::BadTimeout));
    }
}
