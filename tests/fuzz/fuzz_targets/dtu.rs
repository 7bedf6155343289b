//! What a DTU delivers: who it says it is, and its answers with heartbeats around them, in any pieces.
#![no_main]

use agent::source::dtu::{likeliest, recognise};
use agent::source::modbus::plan::Area;
use agent::source::modbus::rtu::{Question, judge};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    // The first byte chooses how long the heartbeat is.
    let Some((size, rest)) = bytes.split_first() else { return };
    let (heartbeat, received) = rest.split_at(usize::from(size % 8).min(rest.len()));
    recognise(received, [b"press-dtu-01".as_slice(), heartbeat]);
    let question = Question { unit: 1, area: Area::Holding, address: 0, count: 2 };
    let (skipped, _) = likeliest(received.get(..512).unwrap_or(received), heartbeat, |bytes| {
        let answer = judge(bytes, &question);
        (answer.fate(), answer)
    });
    assert!(skipped <= received.len());
});
