//! Golden frames: answers as they come on the wire, and the values they hold. Pure.
//!
//! A frame goes through the same judge and the same decoder as a device's answer, so a profile with a wrong address, type or order
//! cannot pass with a right frame. Modbus frames are RTU (with unit and checksum) also for devices on TCP: the part between is the same.

use super::Protocol;
use crate::config::device::{Place, Tag};
use crate::config::document::{Located, Section};
use crate::locale::{Words, words};
use crate::source::dlt645::frame::{self, Di, Meter};
use crate::source::dlt645::value;
use crate::source::modbus::decode::{decode, packed_bit};
use crate::source::modbus::plan::Area;
use crate::source::modbus::rtu::{Answer, Question, judge};
use protocol::Value;

/// What was asked, in one of the protocols.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// Registers or bits.
    Modbus(Question),
    /// An item of a meter.
    Dlt645(frame::Question),
}

/// A question, its answer, and what the answer means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Golden {
    /// What was asked.
    pub asked: Asked,
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
        protocol: Protocol,
        request: &Located<String>,
        answer: &Located<String>,
    ) -> Option<Self> {
        let refuse = |line, what: Words| {
            section.collector().error(
                Some(line),
                what,
                words!(
                    "写整帧的十六进制，从头到校验码，例如 `01 04 00 00 00 02 71 CB`",
                    "write the whole frame in hexadecimal with its checksum, such as `01 04 00 00 00 02 71 CB`"
                ),
            );
        };
        let bytes = hex(&request.value).unwrap_or_default();
        let asked = match protocol {
            Protocol::Modbus => question(&bytes).map(Asked::Modbus),
            Protocol::Dlt645 => meter_question(&bytes).map(Asked::Dlt645),
            Protocol::OpcUa => None,
        };
        let Some(asked) = asked else {
            let name = protocol.name();
            refuse(request.line, words!("`request` 不是一帧 {name} 读请求", "`request` is not a {name} read request"));
            return None;
        };
        let Some(bytes) = hex(&answer.value).filter(|bytes| bytes.len() <= frame::FRAME_BYTES_MAX) else {
            refuse(answer.line, words!("`answer` 不是十六进制的一帧", "`answer` is not a frame in hexadecimal"));
            return None;
        };
        let golden = Self { asked, answer: bytes, origin: String::new(), expect: Vec::new() };
        if let Err(why) = golden.data() {
            refuse(
                answer.line,
                words!("`answer` 不是这一请求的应答：{why}", "`answer` does not answer this request: {why}"),
            );
            return None;
        }
        Some(golden)
    }

    /// The data bytes of the answer.
    fn data(&self) -> Result<Vec<u8>, String> {
        match &self.asked {
            Asked::Modbus(question) => match judge(&self.answer, question) {
                Answer::Data(data) => Ok(data),
                Answer::Wrong(wrong) => Err(wrong.to_string()),
                Answer::Incomplete(n) => Err(format!("{n} bytes missing")),
                Answer::Exception(code) => Err(format!("exception {code}")),
            },
            Asked::Dlt645(question) => match frame::judge(&self.answer, question) {
                (frame::Answer::Data(data), judged) if judged == self.answer.len() => Ok(data),
                (frame::Answer::Wrong(wrong), _) => Err(wrong.to_string()),
                (other, _) => Err(format!("{other:?}")),
            },
        }
    }

    /// The raw value of `tag` in this answer; `None` when the answer does not hold it whole, or holds no value.
    pub fn value_of(&self, tag: &Tag) -> Option<Value> {
        let data = self.data().ok()?;
        match (&self.asked, &tag.place) {
            (Asked::Modbus(question), Place::Modbus { area, address, count, encoding }) => {
                let offset = address.checked_sub(question.address)?;
                if *area != question.area || offset.checked_add(*count)? > question.count {
                    return None;
                }
                if area.is_bits() {
                    return packed_bit(&data, offset).map(Value::Bool);
                }
                let words: Vec<u16> = data.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect();
                let span = words.get(usize::from(offset)..usize::from(offset + count))?;
                decode(span, *encoding).ok()
            }
            (Asked::Dlt645(question), Place::Dlt645 { di, bytes, kind }) if *di == question.di => {
                value::decode(&data, *kind, *bytes).ok()
            }
            _ => None,
        }
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

/// The same of a meter, with or without the bytes that wake it.
fn meter_question(bytes: &[u8]) -> Option<frame::Question> {
    let from = bytes.iter().position(|byte| *byte != 0xFE)?;
    let &[_, a0, a1, a2, a3, a4, a5, _, _, _, d0, d1, d2, d3, _, _] = bytes.get(from..)? else { return None };
    let digits: String = [a5, a4, a3, a2, a1, a0].iter().map(|byte| format!("{byte:02X}")).collect();
    let plain = |byte: u8| byte.wrapping_sub(0x33);
    let question = frame::Question { meter: Meter::parse(&digits)?, di: Di([d3, d2, d1, d0].map(plain)) };
    question.encode().ends_with(bytes.get(from..)?).then_some(question)
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
