//! Trouble on command: which device misbehaves, how, until when.
//!
//! A device has at most one fault at a time; a new one replaces it. The board only answers "what applies now?": the
//! servers act on it. Accidents (counter reset, meter replacement) happen at once and have no duration.

use crate::instrument::Raw;
use crate::tags::Protocol;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What can go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Requests are swallowed; the connection stays open.
    Timeout,
    /// Replies come, but `delay_ms` after the request (default 1,500).
    Late,
    /// Modbus TCP: wrong transaction id; RTU: another unit answers.
    WrongTransaction,
    /// Modbus exception `code` (default 4); OPC UA: bad status on every value.
    Exception,
    /// Connections are cut, new ones are closed at once.
    Drop,
    /// The device goes on answering with the values it had when the fault began.
    Frozen,
    /// Piece counters start again from 0.
    CounterReset,
    /// Another meter with another reading and serial number.
    MeterReplacement,
    /// The device is off the network for the duration, then back.
    Restart,
    /// Replies are right and `delay_ms` slow (default 300).
    Slow,
    /// The reply is well-formed and holds another number of registers than asked.
    WrongCount,
    /// RTU: the reply's checksum is wrong.
    BadChecksum,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 12] = [
        Self::Timeout,
        Self::Late,
        Self::WrongTransaction,
        Self::Exception,
        Self::Drop,
        Self::Frozen,
        Self::CounterReset,
        Self::MeterReplacement,
        Self::Restart,
        Self::Slow,
        Self::WrongCount,
        Self::BadChecksum,
    ];

    /// Its name on the command line and in the journal.
    pub fn name(self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::Late => "late",
            Self::WrongTransaction => "wrong-transaction",
            Self::Exception => "exception",
            Self::Drop => "drop",
            Self::Frozen => "frozen",
            Self::CounterReset => "counter-reset",
            Self::MeterReplacement => "meter-replacement",
            Self::Restart => "restart",
            Self::Slow => "slow",
            Self::WrongCount => "wrong-count",
            Self::BadChecksum => "bad-checksum",
        }
    }

    /// A kind by name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Happens at one instant and is never undone.
    pub fn is_accident(self) -> bool {
        matches!(self, Self::CounterReset | Self::MeterReplacement)
    }

    /// Whether a device that speaks `protocol` can fail like this. OPC UA has neither registers to miscount nor replies that
    /// could be taken for another's; only serial frames carry a checksum of their own.
    pub fn is_possible_on(self, protocol: Protocol) -> bool {
        match self {
            Self::WrongTransaction | Self::WrongCount => protocol != Protocol::OpcUa,
            Self::BadChecksum => protocol == Protocol::ModbusRtu,
            _ => true,
        }
    }

    /// A client that keeps to the protocol may believe a Modbus reply given under this fault. OPC UA is another matter: every
    /// reply there names its request, and what the network does to it changes no value.
    pub fn leaves_replies_valid(self) -> bool {
        matches!(self, Self::Frozen | Self::Slow | Self::CounterReset | Self::MeterReplacement)
    }
}

/// A fault in force.
#[derive(Debug, Clone)]
pub struct Active {
    /// Its number.
    pub id: u64,
    /// What.
    pub kind: Kind,
    /// Delay of replies, for `late` and `slow`.
    pub delay: Duration,
    /// Exception code.
    pub code: u8,
    /// The values shown while frozen, in table order.
    pub frozen: Option<Vec<Raw>>,
    until: Instant,
}

/// The faults of every device.
#[derive(Debug, Default)]
pub struct Board {
    active: Mutex<HashMap<&'static str, Active>>,
    count: Mutex<u64>,
}

impl Board {
    /// A fresh fault number.
    pub fn next_id(&self) -> u64 {
        let mut count = self.count.lock().unwrap_or_else(PoisonError::into_inner);
        *count += 1;
        *count
    }

    /// Put a fault in force for `duration`.
    pub fn start(&self, device: &'static str, mut fault: Active, duration: Duration) {
        fault.until = Instant::now() + duration;
        self.active.lock().unwrap_or_else(PoisonError::into_inner).insert(device, fault);
    }

    /// A fault that has not started.
    pub fn draft(&self, kind: Kind, delay: Option<Duration>, code: Option<u8>) -> Active {
        let normal = Duration::from_millis(if kind == Kind::Late { 1_500 } else { 300 });
        Active {
            id: self.next_id(),
            kind,
            delay: delay.unwrap_or(normal),
            code: code.unwrap_or(4),
            frozen: None,
            until: Instant::now(),
        }
    }

    /// The fault in force on `device` now.
    pub fn on(&self, device: &str) -> Option<Active> {
        let mut active = self.active.lock().unwrap_or_else(PoisonError::into_inner);
        match active.get(device) {
            Some(fault) if fault.until > Instant::now() => Some(fault.clone()),
            Some(_) => {
                active.remove(device);
                None
            }
            None => None,
        }
    }

    /// End fault `id` on `device`, if it is still the one in force.
    pub fn end(&self, device: &str, id: u64) {
        let mut active = self.active.lock().unwrap_or_else(PoisonError::into_inner);
        if active.get(device).is_some_and(|fault| fault.id == id) {
            active.remove(device);
        }
    }
}
