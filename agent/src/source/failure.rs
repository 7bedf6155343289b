//! Why a read on a line failed, whatever the protocol; what to tell the installer is said where the protocol is known.
//!
//! Constraints: refusal by the device, silence and nonsense are three different facts and end in three different gap causes.

use protocol::GapCause;

use crate::locale::{Words, words};

/// One failed read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// No connection could be made; the system's reason.
    Unreachable(String),
    /// A DTU did not dial in; what else did: the first bytes of the last stranger in hexadecimal, and how many were refused.
    NotDialledIn {
        /// First bytes of the last connection that was refused.
        stranger: Option<String>,
        /// How many were refused so far.
        refused: u64,
    },
    /// No complete answer within the time-out.
    Silent,
    /// The connection broke in the middle.
    Broken(String),
    /// The device refused with this exception code (Modbus).
    Refused(u8),
    /// The meter refused with this error word (DL/T 645).
    ErrorWord(u8),
    /// An answer that does not belong to the question.
    Nonsense(String),
}

impl Failure {
    /// The cause for the evidence.
    pub fn cause(&self) -> GapCause {
        match self {
            Self::Unreachable(_) | Self::NotDialledIn { .. } | Self::Silent | Self::Broken(_) => GapCause::DeviceSilent,
            // A gateway between us and the device reports that the device behind it did not answer.
            Self::Refused(0x0A | 0x0B) => GapCause::DeviceSilent,
            Self::Refused(_) | Self::ErrorWord(_) => GapCause::DeviceRefused,
            Self::Nonsense(_) => GapCause::NonsenseValue,
        }
    }

    /// Whether the connection can still be used.
    pub fn keeps_connection(&self) -> bool {
        matches!(self, Self::Refused(_) | Self::ErrorWord(_))
    }

    /// What happened to the connection itself, to `device` at `place`; `None` when something was said on it, or nothing.
    pub fn connection_words(&self, device: &str, place: &str) -> Option<Words> {
        Some(match self {
            Self::Unreachable(reason) if place.starts_with('/') && reason.contains("busy") => words!(
                "`{device}` 的串口 {place} 正被别的程序使用：{reason}。关掉它；若是正在运行的网关程序，先 `sudo systemctl stop gongzheng-agent`",
                "another program has the serial port {place} of `{device}`: {reason}. End it; if it is the running agent, `sudo systemctl stop gongzheng-agent` first"
            ),
            Self::Unreachable(reason) if place.starts_with('/') => words!(
                "打不开 `{device}` 的串口 {place}：{reason}。检查转换器是否插好、`port` 是否正确，当前用户是否在 dialout 组",
                "cannot open the serial port {place} of `{device}`: {reason}. Check that the adapter is plugged in, that `port` is right and that this user is in the group dialout"
            ),
            Self::Unreachable(reason) if place.starts_with("DTU ") => words!(
                "不能等待 `{device}` 的 DTU 拨入（{place}）：{reason}。检查 `listen`；端口可能被别的程序（包括正在运行的网关程序）占用",
                "cannot wait for the DTU of `{device}` ({place}): {reason}. Check `listen`; another program, perhaps a running agent, may have the port"
            ),
            Self::NotDialledIn { stranger: Some(first), refused } => words!(
                "`{device}` 的 DTU 没有拨入（{place}）；有别的注册包来过 {refused} 次，已拒绝，最近一次开头是十六进制 {first}。若这就是它，把 `registration_hex` 改成它实际发送的",
                "the DTU of `{device}` has not dialled in ({place}); another registration came and was refused {refused} times, the last began with {first} (hexadecimal). If that is it, set `registration_hex` to what it really sends"
            ),
            Self::NotDialledIn { stranger: None, .. } => words!(
                "`{device}` 的 DTU 没有拨入（{place}）。检查 DTU 的电源、信号和流量卡，以及它设置的服务器地址和端口",
                "the DTU of `{device}` has not dialled in ({place}). Check its power, signal and SIM card, and the server address and port set in it"
            ),
            Self::Unreachable(reason) => words!(
                "连不上 `{device}`（{place}）：{reason}。检查设备电源、网线、IP 地址和端口",
                "cannot reach `{device}` at {place}: {reason}. Check power, cable, IP address and port"
            ),
            Self::Broken(reason) => words!(
                "与 `{device}`（{place}）的连接中断：{reason}。正在重连；若反复出现，检查网线和设备的连接数上限",
                "the connection to `{device}` at {place} broke: {reason}. Reconnecting; if it repeats, check the cable and how many connections the device allows"
            ),
            Self::Silent | Self::Refused(_) | Self::ErrorWord(_) | Self::Nonsense(_) => return None,
        })
    }
}
