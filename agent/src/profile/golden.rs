//! Golden frames: answers as they come on the wire, and the values they hold. Pure.
//!
//! A frame goes through the same judge and the same decoder as a device's answer, so a profile with a wrong address, type or order
//! cannot pass with a right frame. Frames are RTU (with unit and checksum) also for devices on TCP: the part between is the same.

use crate::config::device::{Place, Tag};
use crate::config::document::{Located, Section};
use crate::locale::{Words, words};
use crate::source::modbus::decode::{decode, packed_bit};
use crate::source::modbus::plan::Area;
use crate::source::modbus::rtu::{Answer, FRAME_BYTES_MAX, Question, judge};
use protocol::Value;

/// A question, its answer, and what the answer means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Golden {
    /// What was asked.
    pub question: Question,
    /// The whole answer, checksum included.
    pub answer: Vec<u8>,
    /// Where the frame comes from: the manual's example, or built by hand from its table.
    pub origin: String,
    /// Names of tags with their raw values as written in the profile.
    pub expect: Vec<(String, String)>,
}

impl Golden {
    /// Reads question and answer, both in hexadecimal; what is wrong with them goes to the section's collector.
    pub(super) fn parse(
        section: &Section<'_, '_>,
        request: &Located<String>,
        answer: &Located<String>,
    ) -> Option<Self> {
        let refuse = |line, what: Words| {
            section.collector().error(
                Some(line),
                what,
                words!(
                    "写整帧的十六进制，从站号到校验码，例如 `01 04 00 00 00 02 71 CB`",
                    "write the whole frame in hexadecimal, from unit to checksum, such as `01 04 00 00 00 02 71 CB`"
                ),
            );
        };
        let Some(question) = hex(&request.value).and_then(|bytes| question(&bytes)) else {
            refuse(request.line, words!("`request` 不是一帧 Modbus 读请求", "`request` is not a Modbus read request"));
            return None;
        };
        let Some(bytes) = hex(&answer.value).filter(|bytes| bytes.len() <= FRAME_BYTES_MAX) else {
            refuse(answer.line, words!("`answer` 不是十六进制的一帧", "`answer` is not a frame in hexadecimal"));
            return None;
        };
        match judge(&bytes, &question) {
            Answer::Data(_) => {}
            other => {
                let why = match other {
                    Answer::Wrong(wrong) => wrong.to_string(),
                    Answer::Incomplete(n) => format!("{n} bytes missing"),
                    Answer::Exception(code) => format!("exception {code}"),
                    Answer::Data(_) => String::new(),
                };
                refuse(
                    answer.line,
                    words!("`answer` 不是这一请求的应答：{why}", "`answer` does not answer this request: {why}"),
                );
                return None;
            }
        }
        Some(Self { question, answer: bytes, origin: String::new(), expect: Vec::new() })
    }

    /// The raw value of `tag` in this answer; `None` when the answer does not hold it whole, or holds no value.
    pub fn value_of(&self, tag: &Tag) -> Option<Value> {
        let Answer::Data(data) = judge(&self.answer, &self.question) else { return None };
        let Place::Modbus { area, address, count, encoding } = &tag.place else { return None };
        let offset = address.checked_sub(self.question.address)?;
        if *area != self.question.area || offset.checked_add(*count)? > self.question.count {
            return None;
        }
        if area.is_bits() {
            return packed_bit(&data, offset).map(Value::Bool);
        }
        let words: Vec<u16> = data.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect();
        let span = words.get(usize::from(offset)..usize::from(offset + count))?;
        decode(span, *encoding).ok()
    }
}

/// Whether the answer holds the expected value under this tag.
///
/// # Errors
/// What it holds instead.
pub(super) fn check(golden: &Golden, tag: &Tag, expected: &str) -> Result<(), Words> {
    let name = tag.name();
    let Some(value) = golden.value_of(tag) else {
        return Err(words!("样例帧里解不出 `{name}`", "the golden frame holds no value of `{name}`"));
    };
    if is(&value, expected) {
        return Ok(());
    }
    Err(words!(
        "样例帧里 `{name}` 是 {value}，期望 {expected}",
        "the golden frame holds {value} as `{name}`, expected {expected}"
    ))
}

/// Whether a raw value is the one written in the profile: bit for bit, a decimal text read as the value's own type.
pub(super) fn is(value: &Value, written: &str) -> bool {
    match value {
        Value::Bool(b) => written.parse() == Ok(*b),
        Value::I64(n) => written.parse() == Ok(*n),
        Value::U64(n) => written.parse() == Ok(*n),
        Value::F32(n) => written.parse::<f32>().is_ok_and(|w| w.to_bits() == n.to_bits()),
        Value::F64(n) => written.parse::<f64>().is_ok_and(|w| w.to_bits() == n.to_bits()),
        Value::Text(text) => **text == *written,
    }
}

fn hex(text: &str) -> Option<Vec<u8>> {
    let digits: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    data_encoding::HEXLOWER_PERMISSIVE.decode(digits.as_bytes()).ok()
}

/// A read request from its bytes; only what [`Question::encode`] would have written.
fn question(bytes: &[u8]) -> Option<Question> {
    let &[unit, function, a, b, c, d, _, _] = bytes else { return None };
    let area =
        [Area::Coil, Area::Discrete, Area::Holding, Area::Input].into_iter().find(|a| a.function() == function)?;
    let question = Question { unit, area, address: u16::from_be_bytes([a, b]), count: u16::from_be_bytes([c, d]) };
    (question.encode().as_slice() == bytes).then_some(question)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_compared_bit_for_bit_as_its_own_type() {
        let text = |text: &str| Value::Text(text.into());
        let equal = [
            (Value::Bool(true), "true"),
            (Value::I64(-2), "-2"),
            (Value::U64(70_000), "70000"),
            (Value::F32(230.2), "230.2"),
            (Value::F64(0.1), "0.1"),
            (text("PM5350"), "PM5350"),
        ];
        for (value, written) in equal {
            assert!(is(&value, written), "{value} {written}");
        }
        let different = [
            (Value::Bool(true), "false"),
            (Value::I64(-2), "2"),
            (Value::U64(7), "8"),
            // The neighbour of 230.2 among single-precision numbers.
            (Value::F32(230.200_01), "230.2"),
            (Value::F64(f64::from(0.1f32)), "0.1"),
            (text("PM5350"), "PM"),
            (Value::U64(7), "seven"),
        ];
        for (value, written) in different {
            assert!(!is(&value, written), "{value} {written}");
        }
    }

    #[test]
    fn a_question_is_only_what_this_program_would_ask() {
        let bytes = |text| hex(text).unwrap();
        assert!(question(&bytes("01 04 00 00 00 02 71 CB")).is_some());
        for wrong in ["01 04 00 00 00 02 71 CC", "01 06 00 00 00 02 08 0B", "01 04 00 00 00 02", ""] {
            assert_eq!(question(&bytes(wrong)), None, "{wrong}");
        }
    }
}
