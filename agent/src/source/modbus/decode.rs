//! Registers to raw values. Pure.
//!
//! Constraints: the value is the decoded register type and nothing more — no scale, no ratio, no unit — so that a wrong ratio can be
//! corrected later from the evidence. What is not a value (NaN, infinity, text that is not text) is an error, never a zero.
//!
//! Byte order is the order of the two bytes inside a register (the standard says big); word order is the order of registers inside
//! a value (`big`: the first register is the high one). They are separate because makers mix them freely: the four orders of a
//! 32-bit value A B C D are big/big `ABCD`, big bytes/little words `CDAB`, little bytes/big words `BADC`, little/little `DCBA`.

use protocol::{Value, ValueType};

/// Order of bytes in a register, or of registers in a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Hash)]
pub enum Order {
    /// High part first.
    #[default]
    Big,
    /// Low part first.
    Little,
}

/// Type of a raw value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// One bit: a coil, a discrete input, or a bit of a register.
    Bit,
    /// Unsigned 16 bits.
    U16,
    /// Signed 16 bits.
    I16,
    /// Unsigned 32 bits.
    U32,
    /// Signed 32 bits.
    I32,
    /// Unsigned 64 bits.
    U64,
    /// Signed 64 bits.
    I64,
    /// IEEE 754 single.
    F32,
    /// IEEE 754 double.
    F64,
    /// Characters.
    Text,
}

impl Kind {
    /// All kinds with their names in the configuration file.
    pub const NAMES: [(&'static str, Self); 10] = [
        ("bit", Self::Bit),
        ("u16", Self::U16),
        ("i16", Self::I16),
        ("u32", Self::U32),
        ("i32", Self::I32),
        ("u64", Self::U64),
        ("i64", Self::I64),
        ("f32", Self::F32),
        ("f64", Self::F64),
        ("text", Self::Text),
    ];

    /// The name in the configuration file.
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, kind)| *kind == self).map_or("text", |(name, _)| name)
    }

    /// The type of the raw value in a record.
    pub fn value_type(self) -> ValueType {
        match self {
            Self::Bit => ValueType::Bool,
            Self::U16 | Self::U32 | Self::U64 => ValueType::U64,
            Self::I16 | Self::I32 | Self::I64 => ValueType::I64,
            Self::F32 => ValueType::F32,
            Self::F64 => ValueType::F64,
            Self::Text => ValueType::Text,
        }
    }

    /// Registers a number of this kind takes; `None` for text, whose length the configuration states.
    pub fn registers(self) -> Option<u16> {
        match self {
            Self::Bit | Self::U16 | Self::I16 => Some(1),
            Self::U32 | Self::I32 | Self::F32 => Some(2),
            Self::U64 | Self::I64 | Self::F64 => Some(4),
            Self::Text => None,
        }
    }
}

/// How to read one value out of registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Encoding {
    /// Type of the value.
    pub kind: Kind,
    /// Order of bytes in a register.
    pub byte_order: Order,
    /// Order of registers in the value.
    pub word_order: Order,
    /// For [`Kind::Bit`] in a register: which bit, 0 is the lowest.
    pub bit: u8,
}

/// Why registers do not hold a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Nonsense {
    /// Fewer or more registers than the type has.
    #[error("wrong number of registers for the type")]
    WrongCount,
    /// NaN or infinity: what many devices send for "no value".
    #[error("not a finite number")]
    NotFinite,
    /// Bytes that are not UTF-8 text, or more of them than a text value may have.
    #[error("not text")]
    NotText,
}

/// Decodes one value from the registers of its span, in the order they were read.
///
/// # Errors
/// [`Nonsense`] when the registers do not hold a value of this type.
pub fn decode(words: &[u16], encoding: Encoding) -> Result<Value, Nonsense> {
    let ordered = |words: &[u16]| -> Vec<u16> {
        let bytes_right = words.iter().map(|w| match encoding.byte_order {
            Order::Big => *w,
            Order::Little => w.swap_bytes(),
        });
        match encoding.word_order {
            Order::Big => bytes_right.collect(),
            Order::Little => bytes_right.rev().collect(),
        }
    };
    if encoding.kind == Kind::Text {
        // Characters follow each other in address order; only the byte lane of a register may be swapped.
        return text(words, encoding.byte_order);
    }
    if encoding.kind.registers() != u16::try_from(words.len()).ok() {
        return Err(Nonsense::WrongCount);
    }
    let bits = ordered(words).iter().fold(0u64, |high, word| (high << 16) | u64::from(*word));
    // The casts below cut or reinterpret exactly the bits the type has; no value can be lost.
    Ok(match encoding.kind {
        Kind::Bit => Value::Bool(bits >> u32::from(encoding.bit.min(15)) & 1 == 1),
        Kind::U16 | Kind::U32 | Kind::U64 => Value::U64(bits),
        Kind::I16 => Value::I64(i64::from(bits as u16 as i16)),
        Kind::I32 => Value::I64(i64::from(bits as u32 as i32)),
        Kind::I64 => Value::I64(bits as i64),
        Kind::F32 => {
            let value = f32::from_bits(bits as u32);
            if !value.is_finite() {
                return Err(Nonsense::NotFinite);
            }
            Value::F32(value)
        }
        Kind::F64 => {
            let value = f64::from_bits(bits);
            if !value.is_finite() {
                return Err(Nonsense::NotFinite);
            }
            Value::F64(value)
        }
        Kind::Text => return Err(Nonsense::WrongCount),
    })
}

fn text(words: &[u16], byte_order: Order) -> Result<Value, Nonsense> {
    let bytes: Vec<u8> = words
        .iter()
        .flat_map(|w| match byte_order {
            Order::Big => w.to_be_bytes(),
            Order::Little => w.to_le_bytes(),
        })
        .collect();
    let end = bytes.iter().position(|b| *b == 0).unwrap_or(bytes.len());
    let text = std::str::from_utf8(&bytes[..end]).map_err(|_| Nonsense::NotText)?;
    checked_text(text)
}

/// A text value, if it is one: no control characters, no longer than a record allows; padding at the end is dropped.
///
/// # Errors
/// [`Nonsense::NotText`].
pub fn checked_text(text: &str) -> Result<Value, Nonsense> {
    let text = text.trim_end();
    if text.len() > protocol::reading::TEXT_MAX || text.chars().any(char::is_control) {
        return Err(Nonsense::NotText);
    }
    Ok(Value::Text(text.into()))
}

/// Bit `index` of an answer to function 1 or 2: bytes in order, lowest bit first.
pub fn packed_bit(bytes: &[u8], index: u16) -> Option<bool> {
    bytes.get(usize::from(index / 8)).map(|byte| byte >> (index % 8) & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn enc(kind: Kind, byte_order: Order, word_order: Order) -> Encoding {
        Encoding { kind, byte_order, word_order, bit: 0 }
    }

    #[test]
    fn the_four_orders_of_a_32_bit_value() {
        use Order::{Big, Little};
        // 0x4048F5C3 is 3.14 as IEEE 754 single.
        let cases = [
            ([0x4048, 0xF5C3], Big, Big),
            ([0xF5C3, 0x4048], Big, Little),
            ([0x4840, 0xC3F5], Little, Big),
            ([0xC3F5, 0x4840], Little, Little),
        ];
        for (words, byte_order, word_order) in cases {
            assert_eq!(
                decode(&words, enc(Kind::F32, byte_order, word_order)),
                Ok(Value::F32(f32::from_bits(0x4048_F5C3)))
            );
            assert_eq!(decode(&words, enc(Kind::U32, byte_order, word_order)), Ok(Value::U64(0x4048_F5C3)));
        }
    }

    #[test]
    fn every_width_and_sign() {
        let big = |kind| enc(kind, Order::Big, Order::Big);
        assert_eq!(decode(&[0xFFFE], big(Kind::I16)), Ok(Value::I64(-2)));
        assert_eq!(decode(&[0xFFFE], big(Kind::U16)), Ok(Value::U64(65_534)));
        assert_eq!(decode(&[0xFFFF, 0xFFFE], big(Kind::I32)), Ok(Value::I64(-2)));
        assert_eq!(decode(&[0x0000, 0x0001, 0x0000, 0x0002], big(Kind::U64)), Ok(Value::U64(0x1_0000_0002)));
        assert_eq!(decode(&[0xFFFF; 4], big(Kind::I64)), Ok(Value::I64(-1)));
        assert_eq!(
            decode(&[0x4009, 0x1EB8, 0x51EB, 0x851F], big(Kind::F64)),
            Ok(Value::F64(f64::from_bits(0x4009_1EB8_51EB_851F)))
        );
        let bit = |n| Encoding { bit: n, ..big(Kind::Bit) };
        assert_eq!(decode(&[0b1000], bit(3)), Ok(Value::Bool(true)));
        assert_eq!(decode(&[0b1000], bit(2)), Ok(Value::Bool(false)));
    }

    #[test]
    fn nonsense_is_an_error_and_never_a_zero() {
        let big = |kind| enc(kind, Order::Big, Order::Big);
        assert_eq!(decode(&[0x7FC0, 0], big(Kind::F32)), Err(Nonsense::NotFinite));
        assert_eq!(decode(&[0x7F80, 0], big(Kind::F32)), Err(Nonsense::NotFinite));
        assert_eq!(decode(&[0xFFF0, 0, 0, 0], big(Kind::F64)), Err(Nonsense::NotFinite));
        assert_eq!(decode(&[1], big(Kind::U32)), Err(Nonsense::WrongCount));
        assert_eq!(decode(&[1, 2, 3], big(Kind::U32)), Err(Nonsense::WrongCount));
        assert_eq!(decode(&[0xFF41], big(Kind::Text)), Err(Nonsense::NotText));
    }

    #[test]
    fn text_ends_at_zero_and_loses_padding() {
        let words = [0x4142, 0x4320, 0x2000, 0x5858];
        assert_eq!(decode(&words, enc(Kind::Text, Order::Big, Order::Big)), Ok(Value::Text("ABC".into())));
        let swapped = [0x4241, 0x0043];
        assert_eq!(decode(&swapped, enc(Kind::Text, Order::Little, Order::Big)), Ok(Value::Text("ABC".into())));
    }

    #[test]
    fn packed_bits_come_lowest_first() {
        assert_eq!(packed_bit(&[0b0000_0101, 0b1], 0), Some(true));
        assert_eq!(packed_bit(&[0b0000_0101, 0b1], 1), Some(false));
        assert_eq!(packed_bit(&[0b0000_0101, 0b1], 8), Some(true));
        assert_eq!(packed_bit(&[0b0000_0101], 8), None);
    }
}
