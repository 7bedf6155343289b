//! Whether a serial line can do what is asked of it. Pure.
//!
//! Constraints: the physical floor is arithmetic, not opinion — characters × bits ÷ baud, plus the silent time the standard demands
//! (3.5 characters, fixed 1.75 ms above 19,200 baud: Modbus over Serial Line V1.02, 2.5.1.1). A wish below the floor is refused when the
//! file is checked, not discovered as missing data a month later. The slave's own thinking time is not knowable beforehand; with the
//! usual 20 ms a line that is nearly full gets a warning.

use super::plan::Request;
use crate::config::device::SerialPort;

/// Usual time between the end of a request and the start of its answer.
pub const TURNAROUND_USUAL_US: u64 = 20_000;

/// Characters of an RTU request frame.
const REQUEST_CHARACTERS: u64 = 8;
/// Characters of an answer frame around its data: unit, function, byte count, CRC.
const ANSWER_CHARACTERS: u64 = 5;

/// Time of one character on the wire, microseconds, rounded up.
pub fn character_us(port: &SerialPort) -> u64 {
    (u64::from(port.bits_per_character()) * 1_000_000).div_ceil(u64::from(port.baud.max(1)))
}

/// The silence that ends a frame, microseconds.
pub fn silence_us(port: &SerialPort) -> u64 {
    if port.baud > 19_200 { 1_750 } else { (character_us(port) * 7).div_ceil(2) }
}

/// Time one request takes on the wire with a slave that thinks for `turnaround_us`, microseconds.
pub fn request_us(port: &SerialPort, request: &Request, turnaround_us: u64) -> u64 {
    let characters = REQUEST_CHARACTERS + ANSWER_CHARACTERS + u64::from(request.byte_count());
    characters * character_us(port) + 2 * silence_us(port) + turnaround_us
}

/// Occupation of a line in parts per thousand: 1,000 is a line that is never silent.
/// `polls` are (requests of one group, its interval in milliseconds, pause between requests in milliseconds).
pub fn load_permille<'a>(
    port: &SerialPort,
    polls: impl IntoIterator<Item = (&'a [Request], u64, u64)>,
    turnaround_us: u64,
) -> u64 {
    polls
        .into_iter()
        .map(|(requests, interval_ms, pause_ms)| {
            let poll_us: u64 = requests.iter().map(|r| request_us(port, r, turnaround_us) + pause_ms * 1_000).sum();
            // microseconds per millisecond is parts per thousand
            poll_us.div_ceil(interval_ms.max(1))
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::device::Parity;
    use crate::source::modbus::plan::Area;

    fn line(baud: u32) -> SerialPort {
        SerialPort { path: "/dev/null".into(), baud, parity: Parity::None, data_bits: 8, stop_bits: 1 }
    }

    fn read(count: u16) -> Request {
        Request { area: Area::Holding, address: 0, count, placed: Vec::new() }
    }

    #[test]
    fn one_hundred_and_twenty_five_registers_take_what_was_measured() {
        // Measured: 281 ms at 9,600 baud, 26.3 ms at 115,200 without turnaround.
        assert_eq!(request_us(&line(9_600), &read(125), 0) / 1_000, 281);
        let fast = request_us(&line(115_200), &read(125), 0);
        assert!((26_000..26_700).contains(&fast), "{fast}");
        assert!((159_000..161_000).contains(&(request_us(&line(19_200), &read(125), TURNAROUND_USUAL_US))));
    }

    #[test]
    fn a_thousand_registers_a_second_do_not_fit_9600_baud() {
        let requests = vec![read(125); 8];
        let load = load_permille(&line(9_600), [(requests.as_slice(), 1_000, 0)], 0);
        assert!(load > 2_000, "{load}");
        assert!(load_permille(&line(9_600), [(requests.as_slice(), 10_000, 0)], 0) < 300);
    }
}
