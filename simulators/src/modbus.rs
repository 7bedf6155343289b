//! Modbus servers: an own small codec, so that every fault can be told to the byte.
//!
//! [`pdu`] answers requests purely; [`tcp`] and [`rtu`] frame, delay, damage and journal the answers. Function codes
//! 1–4 are answered; any write is refused with exception 1 and journalled as a violation.

pub mod pdu;
pub mod rtu;
pub mod tcp;

use crate::faults::Active;
use crate::floor::Floor;
use crate::journal::Delivery;
use crate::tags::Device;

/// What to send for one request.
#[derive(Debug)]
pub(crate) struct Reply {
    /// The protocol data unit.
    pub(crate) pdu: Vec<u8>,
    /// The fault that shapes the reply.
    pub(crate) fault: Option<Active>,
}

/// Sample the device, answer `request`, apply faults that live inside the PDU, journal what will be sent.
///
/// `None`: the fault in force swallows the request.
pub(crate) fn reply(floor: &Floor, device: &'static Device, request: &[u8], via: &str) -> Option<Reply> {
    use crate::faults::Kind;
    let fault = floor.faults.on(device.id);
    let kind = fault.as_ref().map(|fault| fault.kind);
    if matches!(kind, Some(Kind::Timeout | Kind::Drop | Kind::Restart)) {
        return None;
    }
    let sample = floor.sample(device);
    let image = pdu::Image::new(device, &sample);
    let number = floor.journal.next_request();
    let mut answer = match (kind, &fault) {
        (Some(Kind::Exception), Some(fault)) => pdu::Answer::exception(request, fault.code),
        _ => pdu::answer(request, &image),
    };
    if answer.violation {
        floor.journal.violation(device.id, request.first().copied().unwrap_or(0), number);
    }
    if kind == Some(Kind::WrongCount) {
        answer.change_count();
    }
    if let Some((start, count)) = answer.registers {
        let delivery = Delivery {
            request: number,
            via,
            device_ms: sample.device_ms,
            valid: kind.is_none_or(Kind::leaves_replies_valid),
            fault: kind.map(Kind::name),
        };
        let inside = device.tags.iter().zip(&sample.values).filter(|(tag, _)| {
            tag.kind.words() > 0
                && u32::from(tag.address) >= start
                && u32::from(tag.address) + u32::from(tag.kind.words()) <= start + count
        });
        floor.journal.served(delivery, inside);
    }
    Some(Reply { pdu: answer.bytes, fault })
}
