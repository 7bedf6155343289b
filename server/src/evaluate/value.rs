//! Values as files write them, made raw exactly: a number that the tag's raw type cannot hold as it stands is refused.
//!
//! Constraints
//! 1. An engineering value is raw × scale, so raw = value ÷ scale must be a whole number of the type's range for whole types.
//! 2. For floats the raw value has at most six decimals — what metrics compute with — and so few digits that the binary number
//!    nearest to it means the same six decimals. Nothing is rounded on the way.
//! 3. Whole types end at 2⁶³ − 1, also unsigned ones: metrics compute with no greater value, and would take it for a gap.

use metrics::decimal::float_scaled;
use protocol::content::Ratio;
use protocol::reading::TEXT_MAX;
use protocol::{Value, ValueType};

use super::said::{Said, Wrong, quoted};

/// A decimal: mantissa × 10^exponent, the mantissa without trailing zeros.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Decimal {
    mantissa: i128,
    exponent: i32,
}

/// Most significant digits of a number.
const DIGITS_MAX: usize = 36;
/// Longest number, bytes.
const NUMBER_BYTES_MAX: usize = 64;

fn decimal(text: &str) -> Option<Decimal> {
    if text.len() > NUMBER_BYTES_MAX {
        return None;
    }
    let (negative, rest) = match text.as_bytes().first()? {
        b'-' => (true, text.get(1..)?),
        b'+' => (false, text.get(1..)?),
        _ => (false, text),
    };
    let (number, exponent) = match rest.split_once(['e', 'E']) {
        Some((number, exponent)) => {
            let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
            let plain = matches!(digits.len(), 1..=3) && digits.bytes().all(|b| b.is_ascii_digit());
            (number, plain.then(|| exponent.parse::<i32>().ok()).flatten()?)
        }
        None => (rest, 0),
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let is_number = |t: &str| t.bytes().all(|b| b.is_ascii_digit());
    if !is_number(whole) || !is_number(fraction) || whole.len() + fraction.len() == 0 {
        return None;
    }
    let all = format!("{whole}{fraction}");
    let trimmed = all.trim_start_matches('0').trim_end_matches('0');
    if trimmed.is_empty() {
        return Some(Decimal { mantissa: 0, exponent: 0 });
    }
    if trimmed.len() > DIGITS_MAX {
        return None;
    }
    let dropped = all.len() - all.trim_end_matches('0').len();
    let exponent = exponent - i32::try_from(fraction.len()).ok()? + i32::try_from(dropped).ok()?;
    let mantissa = trimmed.parse::<i128>().ok()?;
    Some(Decimal { mantissa: if negative { -mantissa } else { mantissa }, exponent })
}

impl Decimal {
    /// This × `num` / `den`, if it is a whole number.
    fn times(self, num: i128, den: i128) -> Option<i128> {
        let mut top = self.mantissa.checked_mul(num)?;
        let (mut bottom, mut exponent) = (den, self.exponent);
        while exponent < 0 && top % 10 == 0 && top != 0 {
            top /= 10;
            exponent += 1;
        }
        // A power of ten that does not fit leaves no whole number, or none that any type holds.
        let power = 10_i128.checked_pow(exponent.unsigned_abs())?;
        if exponent < 0 {
            bottom = bottom.checked_mul(power)?;
        } else {
            top = top.checked_mul(power)?;
        }
        (bottom != 0 && top % bottom == 0).then(|| top / bottom)
    }
}

/// The raw value of a cell.
pub(super) fn parse(text: &str, value_type: ValueType, scale: Ratio) -> Result<Value, Wrong> {
    let shown = quoted(text);
    match value_type {
        ValueType::Text => {
            if text.len() > TEXT_MAX {
                let what = format!("{} B", text.len());
                return Err(Wrong::new(
                    Said::new(format!("文本有 {what}"), format!("the text has {what}")),
                    Said::new(format!("最多 {TEXT_MAX} B"), format!("at most {TEXT_MAX} B")),
                ));
            }
            return Ok(Value::Text(text.into()));
        }
        ValueType::Bool => {
            return match text {
                "1" | "true" | "True" | "TRUE" => Ok(Value::Bool(true)),
                "0" | "false" | "False" | "FALSE" => Ok(Value::Bool(false)),
                _ => Err(Wrong::new(
                    Said::new(format!("「{shown}」不是开关量"), format!("`{shown}` is not a bit")),
                    Said::new("0、1、true、false", "0, 1, true, false"),
                )),
            };
        }
        ValueType::I64 | ValueType::U64 | ValueType::F32 | ValueType::F64 => {}
    }
    let Some(number) = decimal(text) else {
        return Err(Wrong::new(
            Said::new(format!("「{shown}」不是数字"), format!("`{shown}` is not a number")),
            Said::new(
                "如 1234、-0.5、1.2e3：小数点用点，不加千分位、单位和空格，最多 36 位有效数字",
                "such as 1234, -0.5, 1.2e3: a point, no thousands separators, units or spaces, at most 36 significant digits",
            ),
        ));
    };
    // raw = value × den / num
    let (num, den) = (i128::from(scale.den), i128::from(scale.num));
    match value_type {
        ValueType::F32 | ValueType::F64 => {
            float(number, num, den, value_type).ok_or_else(|| Wrong::new(not_held(&shown, scale), float_range(scale)))
        }
        _ => {
            let least = if value_type == ValueType::U64 { 0 } else { i64::MIN };
            let Some(raw) = number.times(num, den) else {
                return Err(Wrong::new(not_held(&shown, scale), whole_steps(scale)));
            };
            match i64::try_from(raw).ok().filter(|raw| *raw >= least) {
                Some(raw) if value_type == ValueType::U64 => Ok(Value::U64(raw.cast_unsigned())),
                Some(raw) => Ok(Value::I64(raw)),
                None => Err(Wrong::new(
                    Said::new(
                        format!("「{shown}」超出数据点的范围"),
                        format!("`{shown}` is beyond what the tag can hold"),
                    ),
                    Said::new(format!("原始值 {least} 至 {}", i64::MAX), format!("raw values {least} to {}", i64::MAX)),
                )),
            }
        }
    }
}

fn float(number: Decimal, num: i128, den: i128, value_type: ValueType) -> Option<Value> {
    const MICRO: i128 = 1_000_000;
    let micro = number.times(num.checked_mul(MICRO)?, den)?;
    i64::try_from(micro).ok()?;
    let sign = if micro < 0 { "-" } else { "" };
    let magnitude = micro.unsigned_abs();
    let digits = format!("{sign}{}.{:06}", magnitude / MICRO as u128, magnitude % MICRO as u128);
    let (value, held) = if value_type == ValueType::F32 {
        let value: f32 = digits.parse().ok()?;
        (Value::F32(value), f64::from(value))
    } else {
        let value: f64 = digits.parse().ok()?;
        (Value::F64(value), value)
    };
    (float_scaled(held, MICRO, 1) == Some(micro)).then_some(value)
}

fn not_held(shown: &str, scale: Ratio) -> Said {
    let ratio = format!("{}/{}", scale.num, scale.den);
    Said::new(
        format!("「{shown}」按比例 {ratio} 不能准确还原为原始值"),
        format!("`{shown}` is not exactly a raw value at scale {ratio}"),
    )
}

fn whole_steps(scale: Ratio) -> Said {
    let ratio = format!("{}/{}", scale.num, scale.den);
    Said::new(format!("{ratio} 的整数倍；不四舍五入"), format!("whole multiples of {ratio}; nothing is rounded"))
}

fn float_range(scale: Ratio) -> Said {
    let ratio = format!("{}/{}", scale.num, scale.den);
    Said::new(
        format!("{ratio} 乘以小数最多六位、该浮点类型能保持的数；不四舍五入"),
        format!("{ratio} times a number of at most six decimals that the float type keeps; nothing is rounded"),
    )
}

#[cfg(test)]
mod tests;
