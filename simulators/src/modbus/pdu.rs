//! Request in, answer out: Modbus application protocol V1.1b3, read functions only. Pure.
//!
//! Limits of the standard: 125 registers, 2,000 bits. A range that leaves the device's table is exception 2, a bad
//! quantity exception 3, anything but functions 1–4 exception 1.

use crate::floor::Sample;
use crate::tags::Device;

/// The registers and bits of one device at one instant.
#[derive(Debug)]
pub struct Image {
    words: Vec<u16>,
    bits: Vec<bool>,
}

/// An answer and what it reveals.
#[derive(Debug, PartialEq, Eq)]
pub struct Answer {
    /// The PDU to send.
    pub bytes: Vec<u8>,
    /// The range of registers it carries (first, count), if any.
    pub registers: Option<(u32, u32)>,
    /// The request tried to write.
    pub violation: bool,
}

impl Image {
    /// Lay out a sample by the device's table. Machines with a state also have two bits: running, broken down.
    pub fn new(device: &Device, sample: &Sample) -> Self {
        let mut words = vec![0; usize::from(device.register_end())];
        for (tag, raw) in device.tags.iter().zip(&sample.values) {
            for (slot, word) in words.iter_mut().skip(usize::from(tag.address)).zip(raw.words()) {
                *slot = word;
            }
        }
        let has_state = device.tag(crate::tags::Role::Good).is_some();
        Self { words, bits: if has_state { sample.bits.to_vec() } else { Vec::new() } }
    }
}

impl Answer {
    /// An exception answer to `request`.
    pub fn exception(request: &[u8], code: u8) -> Self {
        let function = request.first().copied().unwrap_or(0);
        Self { bytes: vec![function | 0x80, code], registers: None, violation: false }
    }

    /// Make the answer carry another number of registers than asked, in a consistent frame: half of them, or two
    /// where one was asked.
    pub fn change_count(&mut self) {
        if self.registers.is_none() || self.bytes.len() < 4 {
            return;
        }
        let registers = (self.bytes.len() - 2) / 2;
        if registers == 1 {
            let copy = [self.bytes[2], self.bytes[3]];
            self.bytes.extend(copy);
        } else {
            self.bytes.truncate(2 + registers / 2 * 2);
        }
        self.bytes[1] = (self.bytes.len() - 2) as u8;
    }
}

/// Answer one request.
pub fn answer(request: &[u8], image: &Image) -> Answer {
    let Some(&function) = request.first() else {
        return Answer::exception(request, 1);
    };
    match (function, request) {
        (1..=4, [_, a, b, c, d]) => {
            let start = usize::from(u16::from_be_bytes([*a, *b]));
            let count = usize::from(u16::from_be_bytes([*c, *d]));
            let bits = function <= 2;
            if count == 0 || count > if bits { 2_000 } else { 125 } {
                return Answer::exception(request, 3);
            }
            if bits { read_bits(request, image, start, count) } else { read_words(request, image, start, count) }
        }
        (1..=4, _) => Answer::exception(request, 3),
        (5 | 6 | 15 | 16 | 21 | 22 | 23, _) => Answer { violation: true, ..Answer::exception(request, 1) },
        _ => Answer::exception(request, 1),
    }
}

fn read_words(request: &[u8], image: &Image, start: usize, count: usize) -> Answer {
    let Some(words) = image.words.get(start..start + count) else {
        return Answer::exception(request, 2);
    };
    let mut bytes = vec![request[0], (count * 2) as u8];
    bytes.extend(words.iter().flat_map(|word| word.to_be_bytes()));
    Answer { bytes, registers: Some((start as u32, count as u32)), violation: false }
}

fn read_bits(request: &[u8], image: &Image, start: usize, count: usize) -> Answer {
    let Some(bits) = image.bits.get(start..start + count) else {
        return Answer::exception(request, 2);
    };
    let mut packed = vec![0_u8; count.div_ceil(8)];
    for (index, _) in bits.iter().enumerate().filter(|(_, bit)| **bit) {
        packed[index / 8] |= 1 << (index % 8);
    }
    let mut bytes = vec![request[0], packed.len() as u8];
    bytes.extend(packed);
    Answer { bytes, registers: None, violation: false }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image() -> Image {
        Image { words: vec![0x0102, 0xA0B0, 7, 8], bits: vec![true, false] }
    }

    #[test]
    fn reads_are_answered_and_bounded() {
        let ok = answer(&[3, 0, 1, 0, 2], &image());
        assert_eq!(ok.bytes, [3, 4, 0xA0, 0xB0, 0, 7]);
        assert_eq!(ok.registers, Some((1, 2)));
        assert_eq!(answer(&[4, 0, 0, 0, 1], &image()).bytes, [4, 2, 1, 2]);
        assert_eq!(answer(&[3, 0, 3, 0, 2], &image()).bytes, [0x83, 2]);
        assert_eq!(answer(&[3, 0, 0, 0, 126], &image()).bytes, [0x83, 3]);
        assert_eq!(answer(&[3, 0, 0, 0, 0], &image()).bytes, [0x83, 3]);
        assert_eq!(answer(&[3, 0, 0], &image()).bytes, [0x83, 3]);
        assert_eq!(answer(&[1, 0, 0, 0, 2], &image()).bytes, [1, 1, 1]);
        assert_eq!(answer(&[2, 0, 2, 0, 1], &image()).bytes, [0x82, 2]);
        assert_eq!(answer(&[], &image()).bytes, [0x80, 1]);
        assert_eq!(answer(&[43, 14], &image()).bytes, [0xAB, 1]);
    }

    #[test]
    fn every_write_is_refused_and_called_a_violation() {
        for function in [5, 6, 15, 16, 21, 22, 23] {
            let refused = answer(&[function, 0, 0, 0, 1], &image());
            assert_eq!(refused.bytes, [function | 0x80, 1]);
            assert!(refused.violation);
        }
    }

    #[test]
    fn a_wrong_count_is_still_a_consistent_frame() {
        let mut half = answer(&[3, 0, 0, 0, 4], &image());
        half.change_count();
        assert_eq!(half.bytes, [3, 4, 1, 2, 0xA0, 0xB0]);
        let mut one = answer(&[3, 0, 0, 0, 1], &image());
        one.change_count();
        assert_eq!(one.bytes, [3, 4, 1, 2, 1, 2]);
    }

    proptest::proptest! {
        #[test]
        fn no_request_panics_or_outgrows_a_frame(request in proptest::collection::vec(proptest::num::u8::ANY, 0..300)) {
            let mut given = answer(&request, &image());
            proptest::prop_assert!((2..=253).contains(&given.bytes.len()));
            given.change_count();
            proptest::prop_assert!((2..=253).contains(&given.bytes.len()));
        }
    }
}
