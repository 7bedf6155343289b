//! Registers to raw values. Pure.
//!
//! Constraints: the value is the decoded register type and nothing more — no scale, no ratio, no unit — so that a wrong ratio can be
//! corrected later from the evidence. What is not a value (NaN, infinity, a digit above nine, text that is not text) is an error, never
//! a zero, and nothing is ever rounded.
//!
//! Byte order is the order of the two bytes inside a register (the standard says big); word order is the order of registers inside
//! a value (`big`: the first register is the high one). They are separate because makers mix them freely: the four orders of a
//! 32-bit value A B C D are big/big `ABCD`, big bytes/little words `CDAB`, little bytes/big words `BADC`, little/little `DCBA`; wider
//! values likewise. Every register is put right by the byte order first; `bit` and `byte` choose from what stands there then.
//!
//! A value with a [`ScaleRegister`] is an integer whose decimal point another register moves. What is recorded is again an integer, in
//! fixed steps of 10^-decimals, or nothing: an integer that is not whole in these steps is an error.

use protocol::{Value, ValueType};

use crate::locale::{Words, words};

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
    /// Unsigned 8 bits: one byte of a register.
    U8,
    /// Signed 8 bits: one byte of a register.
    I8,
    /// Unsigned 16 bits.
    U16,
    /// Signed 16 bits.
    I16,
    /// Unsigned 32 bits.
    U32,
    /// Signed 32 bits.
    I32,
    /// Unsigned 48 bits.
    U48,
    /// Signed 48 bits.
    I48,
    /// Unsigned 64 bits.
    U64,
    /// Signed 64 bits.
    I64,
    /// IEEE 754 half; recorded as the single that is exactly the same number.
    F16,
    /// IEEE 754 single.
    F32,
    /// IEEE 754 double.
    F64,
    /// Packed binary-coded decimal: a digit in every four bits, 4 digits.
    Bcd16,
    /// Packed binary-coded decimal, 8 digits.
    Bcd32,
    /// Packed binary-coded decimal, 12 digits.
    Bcd48,
    /// Packed binary-coded decimal, 16 digits.
    Bcd64,
    /// Two registers of 0 to 9,999 each, 8 digits; "modulo 10,000" or MOD10 in manuals.
    M10k32,
    /// Three registers of 0 to 9,999 each, 12 digits.
    M10k48,
    /// Four registers of 0 to 9,999 each, 16 digits.
    M10k64,
    /// Characters.
    Text,
}

impl Kind {
    /// All kinds with their names in the configuration file.
    pub const NAMES: [(&'static str, Self); 22] = [
        ("bit", Self::Bit),
        ("u8", Self::U8),
        ("i8", Self::I8),
        ("u16", Self::U16),
        ("i16", Self::I16),
        ("u32", Self::U32),
        ("i32", Self::I32),
        ("u48", Self::U48),
        ("i48", Self::I48),
        ("u64", Self::U64),
        ("i64", Self::I64),
        ("f16", Self::F16),
        ("f32", Self::F32),
        ("f64", Self::F64),
        ("bcd16", Self::Bcd16),
        ("bcd32", Self::Bcd32),
        ("bcd48", Self::Bcd48),
        ("bcd64", Self::Bcd64),
        ("m10k32", Self::M10k32),
        ("m10k48", Self::M10k48),
        ("m10k64", Self::M10k64),
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
            Self::U8 | Self::U16 | Self::U32 | Self::U48 | Self::U64 => ValueType::U64,
            Self::I8 | Self::I16 | Self::I32 | Self::I48 | Self::I64 => ValueType::I64,
            Self::Bcd16 | Self::Bcd32 | Self::Bcd48 | Self::Bcd64 => ValueType::U64,
            Self::M10k32 | Self::M10k48 | Self::M10k64 => ValueType::U64,
            Self::F16 | Self::F32 => ValueType::F32,
            Self::F64 => ValueType::F64,
            Self::Text => ValueType::Text,
        }
    }

    /// Whether the raw value is a whole number: it can count, and a scale register can move its decimal point.
    pub fn is_integer(self) -> bool {
        matches!(self.value_type(), ValueType::U64 | ValueType::I64)
    }

    /// Whether it is one byte of a register.
    pub fn is_byte(self) -> bool {
        matches!(self, Self::U8 | Self::I8)
    }

    /// Whether it is a way to fill registers and no type of its own: OPC UA has no such values.
    pub fn is_register_form(self) -> bool {
        matches!(
            self,
            Self::U48
                | Self::I48
                | Self::F16
                | Self::Bcd16
                | Self::Bcd32
                | Self::Bcd48
                | Self::Bcd64
                | Self::M10k32
                | Self::M10k48
                | Self::M10k64
        )
    }

    /// Registers a number of this kind takes; `None` for text, whose length the configuration states.
    pub fn registers(self) -> Option<u16> {
        match self {
            Self::Bit | Self::U8 | Self::I8 | Self::U16 | Self::I16 | Self::F16 | Self::Bcd16 => Some(1),
            Self::U32 | Self::I32 | Self::F32 | Self::Bcd32 | Self::M10k32 => Some(2),
            Self::U48 | Self::I48 | Self::Bcd48 | Self::M10k48 => Some(3),
            Self::U64 | Self::I64 | Self::F64 | Self::Bcd64 | Self::M10k64 => Some(4),
            Self::Text => None,
        }
    }

    /// The value at which a counter of this kind starts over from zero because no larger one fits. `None` for what does not count
    /// upwards from zero, and for 64 bits, which no counter fills.
    pub fn modulus(self) -> Option<u64> {
        match self {
            Self::U8 => Some(1 << 8),
            Self::U16 => Some(1 << 16),
            Self::U32 => Some(1 << 32),
            Self::U48 => Some(1 << 48),
            Self::Bcd16 => Some(10_000),
            Self::Bcd32 | Self::M10k32 => Some(100_000_000),
            Self::Bcd48 | Self::M10k48 => Some(1_000_000_000_000),
            Self::Bcd64 | Self::M10k64 => Some(10_000_000_000_000_000),
            _ => None,
        }
    }
}

/// How the bytes of a text stand for characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Hash)]
pub enum Charset {
    /// US-ASCII; a byte of 0x80 or more is nonsense.
    Ascii,
    /// UTF-8.
    #[default]
    Utf8,
    /// GBK, as most Chinese devices write (decoded as the WHATWG Encoding Standard says, so GB 18030 is read too).
    Gbk,
}

impl Charset {
    /// All of them with their names in the configuration file.
    pub const NAMES: [(&'static str, Self); 3] = [("ascii", Self::Ascii), ("utf8", Self::Utf8), ("gbk", Self::Gbk)];

    /// The name in the configuration file.
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, charset)| *charset == self).map_or("utf8", |(name, _)| name)
    }
}

/// A register n (signed 16 bits) that goes with an integer: the value is integer × 10ⁿ. Both lie in one span, so that they are read
/// at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ScaleRegister {
    /// Where in the span the integer begins.
    pub value_at: u16,
    /// Where in the span n is.
    pub at: u16,
    /// Decimals of what is recorded: raw = integer × 10^(n + decimals).
    pub decimals: u8,
}

/// How to read one value out of the registers of its span.
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
    /// For [`Kind::U8`] and [`Kind::I8`]: the high byte of the register (`Big`) or the low one.
    pub byte: Order,
    /// For [`Kind::Text`].
    pub charset: Charset,
    /// For integers: the register that moves the decimal point.
    pub scale: Option<ScaleRegister>,
}

impl Encoding {
    /// A value that fills its span, with nothing to choose but the orders.
    pub fn plain(kind: Kind, byte_order: Order, word_order: Order) -> Self {
        Self { kind, byte_order, word_order, bit: 0, byte: Order::Big, charset: Charset::Utf8, scale: None }
    }
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
    /// A decimal digit above 9, or a register above 9,999.
    #[error("not decimal digits")]
    NotDecimal,
    /// Bytes that are not text in this character set, or more of them than a text value may have.
    #[error("not text")]
    NotText,
    /// A scale register beyond ±10; 0x8000 is SunSpec's "not implemented".
    #[error("the scale register holds {0}")]
    NoScale(i16),
    /// With its scale register it has more decimals than are recorded.
    #[error("more decimals than are recorded")]
    NotWhole,
    /// With its scale register it is larger than 64 bits can hold.
    #[error("too large with its scale register")]
    TooLarge,
}

impl Nonsense {
    /// What is wrong and which lines of the configuration decide about it, for people.
    pub fn words(self) -> Words {
        match self {
            Self::WrongCount => words!("寄存器数量与类型不符", "wrong number of registers for the type"),
            Self::NotFinite => words!(
                "不是有限的数。检查 `type`、`byte_order` 和 `word_order`",
                "not a finite number. Check `type`, `byte_order` and `word_order`"
            ),
            Self::NotDecimal => words!(
                "不是十进制数字。检查 `type`、`byte_order` 和 `word_order`",
                "not decimal digits. Check `type`, `byte_order` and `word_order`"
            ),
            Self::NotText => words!(
                "不是文字。检查 `charset`、`byte_order` 和 `registers`",
                "not text. Check `charset`, `byte_order` and `registers`"
            ),
            Self::NoScale(n) => words!(
                "倍率寄存器里是 {n}，应在 -10 到 10 之间。检查 `scale_register`；设备也可能没有这个量",
                "its scale register holds {n}, which must be -10 to 10. Check `scale_register`; or the device does not have this quantity"
            ),
            Self::NotWhole => words!(
                "小数位比 `decimals` 多，不能取舍。把 `decimals` 调大",
                "it has more decimals than `decimals`, and nothing is rounded. Raise `decimals`"
            ),
            Self::TooLarge => words!(
                "乘上倍率后超过 64 位。把 `decimals` 调小，或检查 `scale_register`",
                "with its scale register it exceeds 64 bits. Lower `decimals`, or check `scale_register`"
            ),
        }
    }
}

/// Decodes one value from the registers of its span, in the order they were read.
///
/// # Errors
/// [`Nonsense`] when the registers do not hold a value of this type.
pub fn decode(words: &[u16], encoding: Encoding) -> Result<Value, Nonsense> {
    let Some(scale) = encoding.scale else { return unscaled(words, encoding) };
    let count = encoding.kind.registers().ok_or(Nonsense::WrongCount)?;
    let from = usize::from(scale.value_at);
    let value = words.get(from..from + usize::from(count)).ok_or(Nonsense::WrongCount)?;
    let exponent = *words.get(usize::from(scale.at)).ok_or(Nonsense::WrongCount)?;
    let exponent = put_right(exponent, encoding.byte_order).cast_signed();
    scaled(unscaled(value, encoding)?, exponent, scale.decimals)
}

fn put_right(word: u16, byte_order: Order) -> u16 {
    match byte_order {
        Order::Big => word,
        Order::Little => word.swap_bytes(),
    }
}

fn unscaled(words: &[u16], encoding: Encoding) -> Result<Value, Nonsense> {
    if encoding.kind == Kind::Text {
        // Characters follow each other in address order; only the byte lane of a register may be swapped.
        return text(words, encoding.byte_order, encoding.charset);
    }
    let registers = encoding.kind.registers().ok_or(Nonsense::WrongCount)?;
    if usize::from(registers) != words.len() {
        return Err(Nonsense::WrongCount);
    }
    let right = words.iter().map(|word| put_right(*word, encoding.byte_order));
    let append = |high: u64, word: u16| (high << 16) | u64::from(word);
    let bits = match encoding.word_order {
        Order::Big => right.fold(0, append),
        Order::Little => right.rev().fold(0, append),
    };
    // The casts below cut or reinterpret exactly the bits the type has; no value can be lost.
    Ok(match encoding.kind {
        Kind::Bit => Value::Bool(bits >> u32::from(encoding.bit.min(15)) & 1 == 1),
        Kind::U8 => Value::U64(u64::from(byte(bits, encoding.byte))),
        Kind::I8 => Value::I64(i64::from(byte(bits, encoding.byte).cast_signed())),
        Kind::U16 | Kind::U32 | Kind::U48 | Kind::U64 => Value::U64(bits),
        Kind::I16 | Kind::I32 | Kind::I48 | Kind::I64 => {
            let unused = 64 - 16 * u32::from(registers);
            Value::I64((bits << unused).cast_signed() >> unused)
        }
        Kind::F16 => Value::F32(half(bits as u16)?),
        Kind::F32 => {
            Value::F32(Some(f32::from_bits(bits as u32)).filter(|v| v.is_finite()).ok_or(Nonsense::NotFinite)?)
        }
        Kind::F64 => Value::F64(Some(f64::from_bits(bits)).filter(|v| v.is_finite()).ok_or(Nonsense::NotFinite)?),
        Kind::Bcd16 | Kind::Bcd32 | Kind::Bcd48 | Kind::Bcd64 => decimal(bits, registers, bcd)?,
        Kind::M10k32 | Kind::M10k48 | Kind::M10k64 => {
            decimal(bits, registers, |word| (word <= 9_999).then_some(u64::from(word)))?
        }
        Kind::Text => return Err(Nonsense::WrongCount),
    })
}

fn byte(bits: u64, which: Order) -> u8 {
    match which {
        Order::Big => (bits >> 8) as u8,
        Order::Little => bits as u8,
    }
}

/// An IEEE 754 half as the single that is the same number: every half has one.
fn half(bits: u16) -> Result<f32, Nonsense> {
    let (sign, exponent, fraction) = (bits >> 15, bits >> 10 & 0x1F, bits & 0x3FF);
    let magnitude = match exponent {
        0x1F => return Err(Nonsense::NotFinite),
        // Subnormal: a multiple of 2^-24.
        0 => f32::from(fraction) / 16_777_216.0,
        // The bias is 15 here and 127 there; the fraction has 10 bits here and 23 there.
        _ => f32::from_bits((u32::from(exponent) + 112) << 23 | u32::from(fraction) << 13),
    };
    Ok(if sign == 1 { -magnitude } else { magnitude })
}

/// Registers of four decimal digits each, the highest first.
fn decimal(bits: u64, registers: u16, digits: impl Fn(u16) -> Option<u64>) -> Result<Value, Nonsense> {
    let value = (0..registers).rev().try_fold(0, |high, i| Some(high * 10_000 + digits((bits >> (16 * i)) as u16)?));
    value.map(Value::U64).ok_or(Nonsense::NotDecimal)
}

/// Four digits of four bits each.
fn bcd(word: u16) -> Option<u64> {
    (0..4).rev().try_fold(0, |high, i| {
        let digit = u64::from(word >> (4 * i) & 0xF);
        (digit <= 9).then_some(high * 10 + digit)
    })
}

/// An integer whose decimal point a register moves, in steps of 10^-decimals.
fn scaled(value: Value, exponent: i16, decimals: u8) -> Result<Value, Nonsense> {
    if !(-10..=10).contains(&exponent) {
        return Err(Nonsense::NoScale(exponent));
    }
    let integer = match value {
        Value::U64(v) => i128::from(v),
        Value::I64(v) => i128::from(v),
        // The configuration allows this for integers only.
        _ => return Err(Nonsense::NotWhole),
    };
    let shift = i32::from(exponent) + i32::from(decimals);
    let power = 10_i128.checked_pow(shift.unsigned_abs()).ok_or(Nonsense::TooLarge)?;
    let raw = match shift {
        0.. => integer.checked_mul(power).ok_or(Nonsense::TooLarge)?,
        _ if integer % power == 0 => integer / power,
        _ => return Err(Nonsense::NotWhole),
    };
    match value {
        Value::U64(_) => u64::try_from(raw).map(Value::U64).map_err(|_| Nonsense::TooLarge),
        _ => i64::try_from(raw).map(Value::I64).map_err(|_| Nonsense::TooLarge),
    }
}

fn text(words: &[u16], byte_order: Order, charset: Charset) -> Result<Value, Nonsense> {
    let bytes: Vec<u8> = words.iter().flat_map(|word| put_right(*word, byte_order).to_be_bytes()).collect();
    // No character of the three sets has a zero byte inside.
    let bytes = bytes.split(|b| *b == 0).next().unwrap_or_default();
    match charset {
        Charset::Ascii if !bytes.is_ascii() => Err(Nonsense::NotText),
        Charset::Ascii | Charset::Utf8 => checked_text(std::str::from_utf8(bytes).map_err(|_| Nonsense::NotText)?),
        Charset::Gbk => {
            let decoded = encoding_rs::GBK.decode_without_bom_handling_and_without_replacement(bytes);
            checked_text(&decoded.ok_or(Nonsense::NotText)?)
        }
    }
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
mod tests;
