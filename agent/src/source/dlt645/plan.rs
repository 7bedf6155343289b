//! Which questions fetch a device's tags, and what they cost on a serial line. Pure.
//!
//! Constraints: one identifier is one question — blocks (FFH) depend on the meter and are refused in the file; an identifier that several
//! tags of one interval want is asked once. The physical floor of a line is arithmetic: characters × bits ÷ baud, plus the 20 ms that a
//! meter waits at least before it answers (DL/T 645-2007, 5.4: 20 to 500 ms).

use std::collections::BTreeMap;

use super::frame::{Di, PREAMBLE, QUESTION_BYTES};
use crate::config::device::{Place, SerialPort, Tag};
use crate::source::modbus::timing::character_us;

/// Least time between the end of a question and the start of its answer, microseconds.
const ANSWER_DELAY_LEAST_US: u64 = 20_000;

/// One question and the tags it fetches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// What is asked for.
    pub di: Di,
    /// Data bytes of its answer.
    pub bytes: u8,
    /// Positions of its tags.
    pub items: Vec<usize>,
}

/// The questions of one meter, by interval in milliseconds.
pub fn groups(tags: &[Tag]) -> Vec<(u64, Vec<Request>)> {
    let mut by_interval: BTreeMap<u64, Vec<Request>> = BTreeMap::new();
    for (item, tag) in tags.iter().enumerate() {
        let Place::Dlt645 { di, bytes, .. } = &tag.place else { continue };
        let requests = by_interval.entry(tag.interval_ms).or_default();
        match requests.iter_mut().find(|request| (request.di, request.bytes) == (*di, *bytes)) {
            Some(request) => request.items.push(item),
            None => requests.push(Request { di: *di, bytes: *bytes, items: vec![item] }),
        }
    }
    by_interval.into_iter().collect()
}

/// Time one question and its answer take on the wire at least, microseconds.
fn request_us(port: &SerialPort, request: &Request) -> u64 {
    let answer = PREAMBLE.len() + 16 + usize::from(request.bytes);
    let characters = u64::try_from(QUESTION_BYTES + answer).unwrap_or(u64::MAX);
    characters * character_us(port) + ANSWER_DELAY_LEAST_US
}

/// Occupation of a line by one meter in parts per thousand: 1,000 is a line that is never silent.
pub fn load_permille(port: &SerialPort, tags: &[Tag], pause_ms: u64) -> u64 {
    groups(tags)
        .iter()
        .map(|(interval_ms, requests)| {
            let poll_us: u64 = requests.iter().map(|r| request_us(port, r) + pause_ms * 1_000).sum();
            // microseconds per millisecond is parts per thousand
            poll_us.div_ceil((*interval_ms).max(1))
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::device::Parity;

    #[test]
    fn one_energy_reading_at_2400_baud_takes_a_fifth_of_a_second() {
        let port =
            SerialPort { path: "/dev/null".into(), baud: 2_400, parity: Parity::Even, data_bits: 8, stop_bits: 1 };
        let energy = Request { di: Di([0, 1, 0, 0]), bytes: 4, items: vec![0] };
        // 20 characters there, 24 back, 11 bits each: 201.7 ms, and 20 ms of rest.
        assert_eq!(request_us(&port, &energy) / 1_000, 221);
    }
}
