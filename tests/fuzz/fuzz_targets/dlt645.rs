//! What a meter's line delivers: any bytes, against one question; and any data bytes, in every type.
#![no_main]

use agent::source::dlt645::frame::{Answer, Di, Meter, Question, judge};
use agent::source::dlt645::value::{Kind, decode};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let question = Question { meter: Meter::parse("000012345678").expect("a number"), di: Di([0, 1, 0, 0]) };
    let (answer, judged) = judge(bytes, &question);
    assert!(judged <= bytes.len());
    if let Answer::Data(data) = answer {
        for (_, kind) in Kind::NAMES {
            let _ = decode(&data, kind, u8::try_from(data.len()).unwrap_or(u8::MAX));
        }
    }
});
