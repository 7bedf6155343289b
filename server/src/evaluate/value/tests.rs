use super::*;

fn raw(text: &str, value_type: ValueType, num: i64, den: i64) -> Result<Value, Wrong> {
    parse(text, value_type, Ratio { num, den })
}

#[test]
fn engineering_values_become_raw_values_exactly() {
    use ValueType::{Bool, F32, F64, I64, Text, U64};
    for (text, value_type, num, den, want) in [
        ("1234.567", U64, 1, 1000, Value::U64(1_234_567)),
        ("1234.5670", U64, 1, 1000, Value::U64(1_234_567)),
        ("500", U64, 5, 1, Value::U64(100)),
        ("-0.25", I64, 1, 4, Value::I64(-1)),
        ("0.2", I64, 1, 5, Value::I64(1)),
        ("6", I64, -3, 1, Value::I64(-2)),
        ("1.2e3", I64, 1, 1, Value::I64(1200)),
        ("12000E-1", I64, 1, 1, Value::I64(1200)),
        ("+.5", F64, 1, 1, Value::F64(0.5)),
        ("5.", F64, 1, 1, Value::F64(5.0)),
        ("0.1", F64, 1, 1, Value::F64(0.1)),
        ("0.1", F32, 1, 1, Value::F32(0.1)),
        ("-0", F64, 1, 1, Value::F64(0.0)),
        ("12.34", F64, 1, 10, Value::F64(123.4)),
        ("9223372036854775807", U64, 1, 1, Value::U64(i64::MAX.cast_unsigned())),
        ("-9223372036854775808", I64, 1, 1, Value::I64(i64::MIN)),
        ("0e-300", I64, 1, 1, Value::I64(0)),
        ("TRUE", Bool, 1, 1, Value::Bool(true)),
        ("0", Bool, 1, 1, Value::Bool(false)),
        ("", Text, 1, 1, Value::Text("".into())),
        ("甲", Text, 1, 1, Value::Text("甲".into())),
    ] {
        assert_eq!(raw(text, value_type, num, den), Ok(want), "{text}");
    }
}

#[test]
fn what_would_need_rounding_or_guessing_is_refused_in_both_languages() {
    use ValueType::{Bool, F32, F64, I64, U64};
    let long = "1".repeat(65);
    for (text, value_type, zh, en) in [
        ("0.0005", U64, "不能准确还原为原始值", "is not exactly a raw value at scale 1/1000"),
        ("1e-300", I64, "不能准确还原为原始值", "not exactly a raw value"),
        ("0.0000000001", F64, "不能准确还原为原始值", "not exactly a raw value"),
        ("16777.217001", F32, "不能准确还原为原始值", "not exactly a raw value"),
        ("1e30", F64, "不能准确还原为原始值", "not exactly a raw value"),
        ("-1", U64, "超出数据点的范围", "is beyond what the tag can hold"),
        ("9223372036854775.808", U64, "超出数据点的范围", "is beyond what the tag can hold"),
        ("NaN", F64, "不是数字", "is not a number"),
        ("inf", F64, "不是数字", "is not a number"),
        ("1,234", U64, "不是数字", "is not a number"),
        ("1 234", U64, "不是数字", "is not a number"),
        (" 1", U64, "不是数字", "is not a number"),
        ("", U64, "不是数字", "is not a number"),
        (".", U64, "不是数字", "is not a number"),
        ("-", U64, "不是数字", "is not a number"),
        ("1e", U64, "不是数字", "is not a number"),
        ("1e+-2", U64, "不是数字", "is not a number"),
        ("1e9999", U64, "不是数字", "is not a number"),
        ("0x10", U64, "不是数字", "is not a number"),
        ("１２", U64, "不是数字", "is not a number"),
        ("12kWh", U64, "不是数字", "is not a number"),
        (long.as_str(), U64, "不是数字", "is not a number"),
        ("yes", Bool, "不是开关量", "is not a bit"),
        ("2", Bool, "不是开关量", "is not a bit"),
    ] {
        let wrong = raw(text, value_type, 1, 1000).expect_err(text);
        assert!(wrong.what.zh.contains(zh) && wrong.what.en.contains(en), "{text}: {wrong:?}");
        assert!(!wrong.allowed.zh.is_empty() && !wrong.allowed.en.is_empty(), "{text}");
    }
    let long = raw(&"x".repeat(257), ValueType::Text, 1, 1).unwrap_err();
    assert!(long.what.en.contains("257 B") && long.allowed.zh.contains("256 B"));
}
