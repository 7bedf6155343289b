//! Data bytes of a meter to raw values. Pure.
//!
//! Constraints: the value is what the digits say and nothing more — no decimal places, no ratio — so that a wrong ratio can be corrected
//! later from the evidence. What is not a value (a digit above 9, all bytes FFH, another length) is an error, never a zero.
//!
//! Numbers are packed BCD, lowest byte first (DL/T 645-2007, 5.2.6 and appendix A). Where the tables say so, the highest bit of the
//! highest byte is the sign.

use protocol::{Value, ValueType};

use crate::locale::{Words, words};
use crate::source::modbus::decode::checked_text;

/// Type of a raw value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A number without sign.
    Bcd,
    /// A number with sign (power, current, power factor).
    BcdSigned,
    /// The digits themselves with leading zeros: meter number, address.
    BcdText,
    /// Characters: asset number, model.
    Text,
}

impl Kind {
    /// All kinds with their names in the configuration file.
    pub const NAMES: [(&'static str, Self); 4] =
        [("bcd", Self::Bcd), ("bcd_signed", Self::BcdSigned), ("bcd_text", Self::BcdText), ("text", Self::Text)];

    /// The name in the configuration file.
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, kind)| *kind == self).map_or("text", |(name, _)| name)
    }

    /// The type of the raw value in a record.
    pub fn value_type(self) -> ValueType {
        match self {
            Self::Bcd => ValueType::U64,
            Self::BcdSigned => ValueType::I64,
            Self::BcdText | Self::Text => ValueType::Text,
        }
    }

    /// Most bytes of a value. Sixteen digits are exact in every reader; no text of the standard is longer than 32 characters.
    pub fn bytes_max(self) -> u8 {
        match self {
            Self::Bcd | Self::BcdSigned => 8,
            Self::BcdText | Self::Text => 32,
        }
    }

    /// Where a counter of `bytes` bytes starts over; `None` when it does not count.
    pub fn modulus(self, bytes: u8) -> Option<u64> {
        (self == Self::Bcd).then(|| 100u64.checked_pow(bytes.into())).flatten()
    }
}

/// Why data bytes do not hold a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Nonsense {
    /// Another number of bytes than the configuration says.
    #[error("{got} data bytes instead of {wanted}")]
    WrongCount {
        /// In the answer.
        got: usize,
        /// In the configuration.
        wanted: u8,
    },
    /// All bytes FFH: what meters send for "no value".
    #[error("no value (all bytes FF)")]
    NoValue,
    /// A half byte above 9.
    #[error("not decimal digits")]
    NotDecimal,
    /// Characters that are not text.
    #[error("not text")]
    NotText,
}

impl Nonsense {
    /// The same for the person who has to repair it.
    pub fn words(self) -> Words {
        match self {
            Self::WrongCount { got, wanted } => {
                words!("应答有 {got} 个数据字节，应为 {wanted} 个", "{got} data bytes instead of {wanted}")
            }
            Self::NoValue => words!("电表没有这个量（全为 FF）", "no value (all bytes FF)"),
            Self::NotDecimal => words!("不是十进制数字", "not decimal digits"),
            Self::NotText => words!("不是文字", "not text"),
        }
    }
}

/// Decodes the data bytes of an answer, lowest first.
///
/// # Errors
/// [`Nonsense`] when they do not hold a value of this kind and length.
pub fn decode(data: &[u8], kind: Kind, bytes: u8) -> Result<Value, Nonsense> {
    if data.len() != usize::from(bytes) || data.is_empty() {
        return Err(Nonsense::WrongCount { got: data.len(), wanted: bytes });
    }
    if data.iter().all(|byte| *byte == 0xFF) {
        return Err(Nonsense::NoValue);
    }
    let mut high_first: Vec<u8> = data.iter().rev().copied().collect();
    match kind {
        Kind::Bcd => number(&high_first).map(Value::U64),
        Kind::BcdSigned => {
            let negative = high_first.first().is_some_and(|top| top & 0x80 != 0);
            if let Some(top) = high_first.first_mut() {
                *top &= 0x7F;
            }
            let magnitude = i64::try_from(number(&high_first)?).map_err(|_| Nonsense::NotDecimal)?;
            Ok(Value::I64(if negative { -magnitude } else { magnitude }))
        }
        Kind::BcdText => {
            let digits: Option<String> = nibbles(&high_first).map(|n| char::from_digit(n.into(), 10)).collect();
            Ok(Value::Text(digits.ok_or(Nonsense::NotDecimal)?.into()))
        }
        Kind::Text => {
            // Unused places hold zeros or FFH.
            high_first.retain(|byte| !matches!(byte, 0 | 0xFF));
            if !high_first.is_ascii() {
                return Err(Nonsense::NotText);
            }
            let text: String = high_first.into_iter().map(char::from).collect();
            checked_text(text.trim()).map_err(|_| Nonsense::NotText)
        }
    }
}

fn nibbles(bytes: &[u8]) -> impl Iterator<Item = u8> {
    bytes.iter().flat_map(|byte| [byte >> 4, byte & 0x0F])
}

fn number(high_first: &[u8]) -> Result<u64, Nonsense> {
    nibbles(high_first).try_fold(0u64, |value, digit| {
        let digit = (digit <= 9).then_some(u64::from(digit)).ok_or(Nonsense::NotDecimal)?;
        value.checked_mul(10).and_then(|v| v.checked_add(digit)).ok_or(Nonsense::NotDecimal)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_are_their_digits_lowest_byte_first() {
        // 123456.78 kWh, two decimal places by the table.
        assert_eq!(decode(&[0x78, 0x56, 0x34, 0x12], Kind::Bcd, 4), Ok(Value::U64(12_345_678)));
        assert_eq!(decode(&[0x99; 8], Kind::Bcd, 8), Ok(Value::U64(9_999_999_999_999_999)));
        // 0.0102 kW drawn, and fed back.
        assert_eq!(decode(&[0x02, 0x01, 0x00], Kind::BcdSigned, 3), Ok(Value::I64(102)));
        assert_eq!(decode(&[0x02, 0x01, 0x80], Kind::BcdSigned, 3), Ok(Value::I64(-102)));
        assert_eq!(decode(&[0x00, 0x80], Kind::BcdSigned, 2), Ok(Value::I64(0)));
        assert_eq!((Kind::Bcd.modulus(4), Kind::BcdSigned.modulus(3)), (Some(100_000_000), None));
    }

    #[test]
    fn identities_keep_their_zeros_and_lose_their_padding() {
        let number = [0x78, 0x56, 0x34, 0x12, 0x00, 0x00];
        assert_eq!(decode(&number, Kind::BcdText, 6), Ok(Value::Text("000012345678".into())));
        assert_eq!(decode(b"\0\0  57-SDD ", Kind::Text, 11), Ok(Value::Text("DDS-75".into())));
    }

    #[test]
    fn nonsense_is_an_error_and_never_a_zero() {
        assert_eq!(decode(&[0x0A, 0], Kind::Bcd, 2), Err(Nonsense::NotDecimal));
        assert_eq!(decode(&[0, 0x80], Kind::Bcd, 2), Ok(Value::U64(8_000)), "without a sign it is a digit");
        assert_eq!(decode(&[0, 0xA0], Kind::BcdSigned, 2), Ok(Value::I64(-2_000)));
        assert_eq!(decode(&[0, 0xFA], Kind::BcdSigned, 2), Err(Nonsense::NotDecimal));
        for kind in [Kind::Bcd, Kind::BcdSigned, Kind::BcdText, Kind::Text] {
            assert_eq!(decode(&[0xFF; 4], kind, 4), Err(Nonsense::NoValue));
            assert_eq!(decode(&[1, 2, 3], kind, 4), Err(Nonsense::WrongCount { got: 3, wanted: 4 }));
            assert_eq!(decode(&[], kind, 0), Err(Nonsense::WrongCount { got: 0, wanted: 0 }));
        }
        assert_eq!(decode(&[0x1B, 0x41], Kind::Text, 2), Err(Nonsense::NotText));
        assert_eq!(decode(&[0xC4, 0xE3], Kind::Text, 2), Err(Nonsense::NotText));
        assert_eq!(decode(&[0x0A], Kind::BcdText, 1), Err(Nonsense::NotDecimal));
    }

    proptest! {
        #[test]
        fn every_number_comes_back(number in 0u64..10_000_000_000_000_000, negative: bool) {
            let hex = format!("{number:016}");
            let mut data = data_encoding::HEXLOWER.decode(hex.as_bytes()).unwrap();
            data.reverse();
            prop_assert_eq!(decode(&data, Kind::Bcd, 8), Ok(Value::U64(number)));
            prop_assert_eq!(decode(&data, Kind::BcdText, 8), Ok(Value::Text(hex.into())));
            if negative && data[7] < 0x80 {
                data[7] |= 0x80;
                let number = i64::try_from(number).unwrap();
                prop_assert_eq!(decode(&data, Kind::BcdSigned, 8), Ok(Value::I64(-number)));
            }
        }

        #[test]
        fn nothing_panics(data in prop::collection::vec(any::<u8>(), 0..40), bytes: u8) {
            for (_, kind) in Kind::NAMES {
                let _ = decode(&data, kind, bytes);
            }
        }
    }
}
