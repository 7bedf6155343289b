//! Decompression in pure Rust, where the C library does not build: in a browser.
//!
//! Constraints: what it accepts and what it gives is what the C library accepts and gives, which a test compares; it allocates
//! what the frame states, which [`super::decompress`] has bounded, and a window of at most [`super::PLAIN_MAX`].

use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};
use std::io::Read as _;

use super::{FRAME, PLAIN_MAX};

/// The size that a frame states (RFC 8878 §3.1.1): `None` when it states none, an error when it is no frame.
pub(super) fn frame_size(content: &[u8]) -> Result<Option<u64>, ()> {
    let rest = content.strip_prefix(&FRAME).ok_or(())?;
    let descriptor = *rest.first().ok_or(())?;
    let is_single = descriptor & 0x20 != 0;
    let dictionary = [0, 1, 2, 4][usize::from(descriptor & 3)];
    let from = 1 + usize::from(!is_single) + dictionary;
    let length = match descriptor >> 6 {
        0 if is_single => 1,
        0 => return Ok(None),
        flag => 1 << flag,
    };
    let field = rest.get(from..from + length).ok_or(())?;
    let value = field.iter().rev().fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
    Ok(Some(if length == 2 { value + 256 } else { value }))
}

/// The content of exactly one frame that states `size`.
pub(super) fn decompress(content: &[u8], size: usize) -> Option<Vec<u8>> {
    let mut rest = content;
    let mut decoder = FrameDecoder::new();
    decoder.set_max_window_size(PLAIN_MAX as u64);
    decoder.init(&mut rest).ok()?;
    let mut plain = vec![0; size];
    let mut length = 0;
    while !decoder.is_finished() {
        decoder.decode_blocks(&mut rest, BlockDecodingStrategy::UptoBytes(1 << 17)).ok()?;
        let room = plain.get_mut(length..).unwrap_or_default();
        length += decoder.read(room).ok()?;
        if decoder.can_collect() > 0 {
            // Longer than it states.
            return None;
        }
    }
    let stated = decoder.get_checksum_from_data();
    let holds = stated.is_none() || stated == decoder.get_calculated_checksum();
    plain.truncate(length);
    // Bytes behind the frame belong to nothing.
    (holds && rest.is_empty()).then_some(plain)
}
