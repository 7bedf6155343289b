use proptest::prelude::*;

use super::*;

fn enc(kind: Kind, byte_order: Order, word_order: Order) -> Encoding {
    Encoding::plain(kind, byte_order, word_order)
}

const ORDERS: [(Order, Order); 4] = [
    (Order::Big, Order::Big),
    (Order::Big, Order::Little),
    (Order::Little, Order::Big),
    (Order::Little, Order::Little),
];

/// The registers of one value in the four [`ORDERS`]: as a device of that make sends them.
fn check_orders<const N: usize>(sent: [[u16; N]; 4], values: &[(Kind, Value)]) {
    for (words, (byte_order, word_order)) in sent.into_iter().zip(ORDERS) {
        for (kind, value) in values {
            let got = decode(&words, enc(*kind, byte_order, word_order));
            assert_eq!(got.as_ref(), Ok(value), "{kind:?} {byte_order:?} {word_order:?}");
        }
    }
}

#[test]
fn the_four_orders_of_32_bits() {
    check_orders(
        [[0x4048, 0xF5C3], [0xF5C3, 0x4048], [0x4840, 0xC3F5], [0xC3F5, 0x4840]],
        &[
            (Kind::F32, Value::F32(f32::from_bits(0x4048_F5C3))), // 3.14
            (Kind::U32, Value::U64(0x4048_F5C3)),
            (Kind::I32, Value::I64(0x4048_F5C3)),
        ],
    );
    check_orders(
        [[0x1234, 0x5678], [0x5678, 0x1234], [0x3412, 0x7856], [0x7856, 0x3412]],
        &[(Kind::Bcd32, Value::U64(12_345_678)), (Kind::U32, Value::U64(0x1234_5678))],
    );
    // 1234 and 5678 as numbers: 0x04D2 and 0x162E.
    check_orders(
        [[0x04D2, 0x162E], [0x162E, 0x04D2], [0xD204, 0x2E16], [0x2E16, 0xD204]],
        &[(Kind::M10k32, Value::U64(12_345_678))],
    );
}

#[test]
fn the_four_orders_of_48_bits() {
    check_orders(
        [[0xFEDC, 0xBA98, 0x7654], [0x7654, 0xBA98, 0xFEDC], [0xDCFE, 0x98BA, 0x5476], [0x5476, 0x98BA, 0xDCFE]],
        &[(Kind::U48, Value::U64(0xFEDC_BA98_7654)), (Kind::I48, Value::I64(0xFEDC_BA98_7654 - (1 << 48)))],
    );
    check_orders(
        [[0x1234, 0x5678, 0x9012], [0x9012, 0x5678, 0x1234], [0x3412, 0x7856, 0x1290], [0x1290, 0x7856, 0x3412]],
        &[(Kind::Bcd48, Value::U64(123_456_789_012))],
    );
    // 1234, 5678, 9012 = 0x2334.
    check_orders(
        [[0x04D2, 0x162E, 0x2334], [0x2334, 0x162E, 0x04D2], [0xD204, 0x2E16, 0x3423], [0x3423, 0x2E16, 0xD204]],
        &[(Kind::M10k48, Value::U64(123_456_789_012))],
    );
}

#[test]
fn the_four_orders_of_64_bits() {
    // 3.14 as IEEE 754 double.
    check_orders(
        [
            [0x4009, 0x1EB8, 0x51EB, 0x851F],
            [0x851F, 0x51EB, 0x1EB8, 0x4009],
            [0x0940, 0xB81E, 0xEB51, 0x1F85],
            [0x1F85, 0xEB51, 0xB81E, 0x0940],
        ],
        &[
            (Kind::F64, Value::F64(f64::from_bits(0x4009_1EB8_51EB_851F))),
            (Kind::U64, Value::U64(0x4009_1EB8_51EB_851F)),
            (Kind::I64, Value::I64(0x4009_1EB8_51EB_851F)),
        ],
    );
    check_orders(
        [
            [0x1234, 0x5678, 0x9012, 0x3456],
            [0x3456, 0x9012, 0x5678, 0x1234],
            [0x3412, 0x7856, 0x1290, 0x5634],
            [0x5634, 0x1290, 0x7856, 0x3412],
        ],
        &[(Kind::Bcd64, Value::U64(1_234_567_890_123_456))],
    );
    // 1234, 5678, 9012, 3456 = 0x0D80.
    check_orders(
        [
            [0x04D2, 0x162E, 0x2334, 0x0D80],
            [0x0D80, 0x2334, 0x162E, 0x04D2],
            [0xD204, 0x2E16, 0x3423, 0x800D],
            [0x800D, 0x3423, 0x2E16, 0xD204],
        ],
        &[(Kind::M10k64, Value::U64(1_234_567_890_123_456))],
    );
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
    let byte = |kind, byte| Encoding { byte, ..big(kind) };
    assert_eq!(decode(&[0x12FE], byte(Kind::U8, Order::Big)), Ok(Value::U64(0x12)));
    assert_eq!(decode(&[0x12FE], byte(Kind::U8, Order::Little)), Ok(Value::U64(0xFE)));
    assert_eq!(decode(&[0x12FE], byte(Kind::I8, Order::Little)), Ok(Value::I64(-2)));
    let swapped = Encoding { byte_order: Order::Little, ..byte(Kind::U8, Order::Big) };
    assert_eq!(decode(&[0x12FE], swapped), Ok(Value::U64(0xFE)), "the register is put right first");
    assert_eq!(decode(&[0x0987], big(Kind::Bcd16)), Ok(Value::U64(987)));
}

#[test]
fn every_half_is_the_same_number_as_a_single() {
    for bits in 0..=u16::MAX {
        // IEEE 754-2019, 3.4: (-1)^s × 2^(e-15) × (1 + f/1024), or 2^-14 × f/1024 for e = 0.
        let (sign, e, f) =
            (if bits >> 15 == 0 { 1.0 } else { -1.0 }, i32::from(bits >> 10 & 31), f64::from(bits & 1023));
        let number = if e == 0 { 2f64.powi(-24) * f } else { 2f64.powi(e - 25) * (1024.0 + f) } * sign;
        match decode(&[bits], enc(Kind::F16, Order::Big, Order::Big)) {
            Ok(Value::F32(v)) => assert_eq!(f64::from(v).to_bits(), number.to_bits(), "{bits:04X}"),
            other => assert_eq!((other, e), (Err(Nonsense::NotFinite), 31), "{bits:04X}"),
        }
    }
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
    for at in 0..4 {
        let digit = 0xA << (4 * at);
        assert_eq!(decode(&[digit], big(Kind::Bcd16)), Err(Nonsense::NotDecimal));
        assert_eq!(decode(&[0, digit, 0, 0], big(Kind::Bcd64)), Err(Nonsense::NotDecimal));
    }
    assert_eq!(decode(&[9_999, 9_999], big(Kind::M10k32)), Ok(Value::U64(99_999_999)));
    assert_eq!(decode(&[9_999, 10_000], big(Kind::M10k32)), Err(Nonsense::NotDecimal));
    assert_eq!(decode(&[10_000, 0, 0, 0], big(Kind::M10k64)), Err(Nonsense::NotDecimal));
}

#[test]
fn text_ends_at_zero_and_loses_padding() {
    let words = [0x4142, 0x4320, 0x2000, 0x5858];
    assert_eq!(decode(&words, enc(Kind::Text, Order::Big, Order::Big)), Ok(Value::Text("ABC".into())));
    let swapped = [0x4241, 0x0043];
    assert_eq!(decode(&swapped, enc(Kind::Text, Order::Little, Order::Big)), Ok(Value::Text("ABC".into())));
}

#[test]
fn text_is_read_in_its_character_set_or_not_at_all() {
    let text = |words: &[u16], charset| decode(words, Encoding { charset, ..enc(Kind::Text, Order::Big, Order::Big) });
    let ok = |text: &str| Ok(Value::Text(text.into()));
    // 冲床A1 and its padding.
    let gbk = [0xB3E5, 0xB4B2, 0x4131, 0x2000];
    assert_eq!(text(&gbk, Charset::Gbk), ok("冲床A1"));
    assert_eq!(text(&gbk, Charset::Utf8), Err(Nonsense::NotText));
    assert_eq!(text(&gbk, Charset::Ascii), Err(Nonsense::NotText));
    // The same in UTF-8: E5 86 B2 E5 BA 8A 41 31.
    let utf8 = [0xE586, 0xB2E5, 0xBA8A, 0x4131];
    assert_eq!(text(&utf8, Charset::Utf8), ok("冲床A1"));
    assert_eq!(text(&utf8, Charset::Ascii), Err(Nonsense::NotText));
    for charset in [Charset::Ascii, Charset::Utf8, Charset::Gbk] {
        assert_eq!(text(&[0x4131, 0x0000, 0xFFFF], charset), ok("A1"), "what follows the zero is not text");
        assert_eq!(text(&[0x4107], charset), Err(Nonsense::NotText), "a control character");
        assert_eq!(text(&[0x4180], charset), if charset == Charset::Gbk { ok("A€") } else { Err(Nonsense::NotText) });
    }
    assert_eq!(text(&[0xB3E5, 0xB400], Charset::Gbk), Err(Nonsense::NotText), "half a character");
    assert_eq!(text(&[0xB3FF], Charset::Gbk), Err(Nonsense::NotText), "no such character");
    assert_eq!(text(&[0xFEFF, 0x4131], Charset::Gbk), Err(Nonsense::NotText), "a mark of another encoding");
    assert_eq!(text(&[0xB3E5; 86], Charset::Gbk), Err(Nonsense::NotText), "258 bytes of UTF-8");
}

/// An integer of `kind` in the first register, n behind it.
fn scale(kind: Kind, decimals: u8) -> Encoding {
    let at = kind.registers().expect("a number");
    Encoding { scale: Some(ScaleRegister { value_at: 0, at, decimals }), ..enc(kind, Order::Big, Order::Big) }
}

#[test]
fn a_scale_register_moves_the_point_exactly_or_there_is_no_value() {
    let n = |n: i16| n.cast_unsigned();
    let u16_with = |value, exponent, decimals| decode(&[value, n(exponent)], scale(Kind::U16, decimals));
    assert_eq!(u16_with(2_305, -1, 1), Ok(Value::U64(2_305)), "230.5 in tenths");
    assert_eq!(u16_with(2_305, -1, 3), Ok(Value::U64(230_500)), "230.500 in thousandths");
    assert_eq!(u16_with(2_305, 2, 0), Ok(Value::U64(230_500)));
    assert_eq!(u16_with(2_300, -2, 0), Ok(Value::U64(23)));
    assert_eq!(u16_with(2_305, -2, 0), Err(Nonsense::NotWhole), "23.05 is not a whole number");
    assert_eq!(u16_with(0, -10, 0), Ok(Value::U64(0)));
    assert_eq!(u16_with(1, 10, 9), Ok(Value::U64(10_000_000_000_000_000_000)));
    assert_eq!(u16_with(2, 10, 9), Err(Nonsense::TooLarge));
    for out_of_range in [11, -11, i16::MIN, i16::MAX] {
        assert_eq!(u16_with(1, out_of_range, 2), Err(Nonsense::NoScale(out_of_range)));
        assert_eq!(u16_with(0, out_of_range, 2), Err(Nonsense::NoScale(out_of_range)), "zero of an unknown unit");
    }
    assert_eq!(decode(&[0xFFFF, n(-1)], scale(Kind::I16, 2)), Ok(Value::I64(-10)), "-0.1 in hundredths");
    assert_eq!(decode(&[0xFFFF, n(-1)], scale(Kind::I16, 0)), Err(Nonsense::NotWhole));
    assert_eq!(decode(&[0x8000, 0, 0, 0, n(1)], scale(Kind::I64, 0)), Err(Nonsense::TooLarge));
    assert_eq!(decode(&[0x1234, 0x5678, n(-2)], scale(Kind::Bcd32, 2)), Ok(Value::U64(12_345_678)));
    assert_eq!(decode(&[0x1A34, 0x5678, n(-2)], scale(Kind::Bcd32, 2)), Err(Nonsense::NotDecimal));
    // n may stand before the value and away from it, and its bytes are in the order of the device.
    let before = ScaleRegister { value_at: 3, at: 0, decimals: 2 };
    let before = Encoding { scale: Some(before), ..enc(Kind::U32, Order::Little, Order::Little) };
    assert_eq!(decode(&[0xFFFF, 7, 7, 0x0201, 0x0000], before), Ok(Value::U64(0x0102 * 10)));
    assert_eq!(decode(&[0xFEFF, 7, 7, 0x0201, 0x0000], before), Ok(Value::U64(0x0102)), "0xFFFE is -2");
    assert_eq!(decode(&[0xFFFF, 7, 7, 0x0201], before), Err(Nonsense::WrongCount));
}

#[test]
fn packed_bits_come_lowest_first() {
    assert_eq!(packed_bit(&[0b0000_0101, 0b1], 0), Some(true));
    assert_eq!(packed_bit(&[0b0000_0101, 0b1], 1), Some(false));
    assert_eq!(packed_bit(&[0b0000_0101, 0b1], 8), Some(true));
    assert_eq!(packed_bit(&[0b0000_0101], 8), None);
}

fn any_encoding() -> impl Strategy<Value = Encoding> {
    let order = || prop_oneof![Just(Order::Big), Just(Order::Little)];
    let kind = prop::sample::select(Kind::NAMES.map(|(_, kind)| kind).to_vec());
    let charset = prop::sample::select(Charset::NAMES.map(|(_, charset)| charset).to_vec());
    let scale = prop::option::of((0u16..6, 0u16..6, any::<u8>()).prop_map(|(value_at, at, decimals)| ScaleRegister {
        value_at,
        at,
        decimals,
    }));
    (kind, order(), order(), any::<u8>(), order(), charset, scale).prop_map(
        |(kind, byte_order, word_order, bit, byte, charset, scale)| Encoding {
            kind,
            byte_order,
            word_order,
            bit,
            byte,
            charset,
            scale,
        },
    )
}

/// A value of this kind out of any bits; `None` for bits that are no number.
fn value_of(kind: Kind, raw: u64) -> Option<Value> {
    let bits = if kind.is_byte() { 8 } else { 16 * u32::from(kind.registers()?) };
    match kind {
        Kind::Bit => Some(Value::Bool(raw & 1 == 1)),
        Kind::F16 => Some(Value::F32([0.0, -0.5, 65_504.0, 2f32.powi(-24)][(raw % 4) as usize])),
        Kind::F32 => Some(f32::from_bits(raw as u32)).filter(|v| v.is_finite()).map(Value::F32),
        Kind::F64 => Some(f64::from_bits(raw)).filter(|v| v.is_finite()).map(Value::F64),
        _ if kind.value_type() == ValueType::I64 => Some(Value::I64(raw.cast_signed() >> (64 - bits))),
        _ => Some(Value::U64(kind.modulus().map_or(raw, |modulus| raw % modulus))),
    }
}

/// The registers of a value, written the long way: its bytes from the highest to the lowest, then the orders.
fn encode(value: &Value, encoding: Encoding) -> Vec<u16> {
    let digits = |v: u64, per_register: fn(u64) -> u64| {
        (0..4).rev().fold(0, |bits, i| bits << 16 | per_register(v / 10_000u64.pow(i) % 10_000))
    };
    let bits = match (encoding.kind, value) {
        (Kind::Bit, Value::Bool(v)) => u64::from(*v) << encoding.bit.min(15),
        (Kind::F16, Value::F32(v)) => match v {
            65_504.0 => 0x7BFF,
            -0.5 => 0xB800,
            0.0 => 0,
            _ => 1,
        },
        (Kind::U8 | Kind::I8, Value::U64(_) | Value::I64(_)) => {
            let low = match value {
                Value::U64(v) => v & 0xFF,
                Value::I64(v) => v.cast_unsigned() & 0xFF,
                _ => unreachable!(),
            };
            // The other byte is full of ones: it must not matter.
            if encoding.byte == Order::Big { low << 8 | 0xFF } else { 0xFF00 | low }
        }
        (Kind::Bcd16 | Kind::Bcd32 | Kind::Bcd48 | Kind::Bcd64, Value::U64(v)) => {
            digits(*v, |d| u64::from_str_radix(&d.to_string(), 16).expect("digits"))
        }
        (Kind::M10k32 | Kind::M10k48 | Kind::M10k64, Value::U64(v)) => digits(*v, |d| d),
        (_, Value::U64(v)) => *v,
        (_, Value::I64(v)) => v.cast_unsigned(),
        (_, Value::F32(v)) => u64::from(v.to_bits()),
        (_, Value::F64(v)) => v.to_bits(),
        other => unreachable!("{other:?}"),
    };
    let registers = usize::from(encoding.kind.registers().expect("a number"));
    let mut pairs: Vec<[u8; 2]> = bits.to_be_bytes().chunks_exact(2).map(|p| [p[0], p[1]]).collect();
    pairs.drain(..4 - registers);
    if encoding.byte_order == Order::Little {
        pairs.iter_mut().for_each(|pair| pair.reverse());
    }
    if encoding.word_order == Order::Little {
        pairs.reverse();
    }
    pairs.into_iter().map(u16::from_be_bytes).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn what_is_encoded_is_decoded(encoding in any_encoding(), raw in any::<u64>()) {
        let encoding = Encoding { scale: None, ..encoding };
        let Some(value) = value_of(encoding.kind, raw) else { return Ok(()) };
        prop_assert_eq!(decode(&encode(&value, encoding), encoding), Ok(value));
    }

    #[test]
    fn any_registers_decode_to_a_value_of_the_type_or_to_nonsense(
        encoding in any_encoding(),
        words in prop::collection::vec(prop_oneof![any::<u16>(), 0u16..12, Just(0x0909), 65_526u16..], 0..9),
    ) {
        if let Ok(value) = decode(&words, encoding) {
            prop_assert_eq!(value.value_type(), encoding.kind.value_type());
            if let (Value::U64(v), Some(modulus), None) = (&value, encoding.kind.modulus(), encoding.scale) {
                prop_assert!(*v < modulus, "a counter never shows its modulus");
            }
            if let Value::F32(v) = value {
                prop_assert!(v.is_finite());
            }
        }
    }

    /// `decimals` chooses the steps, never the number: one more decimal is ten times as many steps.
    #[test]
    fn one_more_decimal_is_the_same_number_in_finer_steps(value in any::<u16>(), n in -10i16..=10, decimals in 0u8..9) {
        let at = |decimals| decode(&[value, n.cast_unsigned()], scale(Kind::U16, decimals));
        if let (Ok(Value::U64(coarse)), Ok(fine)) = (at(decimals), at(decimals + 1)) {
            prop_assert_eq!(fine, Value::U64(coarse * 10));
        }
        // Exactly the decimals that are left decide whether it can be written.
        let left = (u32::from(n.unsigned_abs())).saturating_sub(decimals.into());
        let whole = n >= 0 || u64::from(value) % 10u64.pow(left) == 0;
        prop_assert_eq!(at(decimals) != Err(Nonsense::NotWhole), whole);
    }
}

#[test]
fn a_counter_starts_over_right_after_its_largest_value() {
    for (name, kind) in Kind::NAMES {
        let Some(modulus) = kind.modulus() else { continue };
        let largest = Value::U64(modulus - 1);
        let encoding = Encoding { byte: Order::Little, ..enc(kind, Order::Big, Order::Big) };
        assert_eq!(decode(&encode(&largest, encoding), encoding), Ok(largest), "{name}");
        // All digits, or all bits, are used.
        let bits = if kind.is_byte() { 8 } else { 16 * u32::from(kind.registers().expect("a number")) };
        assert!(Some(modulus) == 1u64.checked_shl(bits) || modulus == 10u64.pow(bits / 4), "{name}");
    }
}
