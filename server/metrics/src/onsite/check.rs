//! Bounds of what is stated on site. Every refusal says what is allowed, in both languages.

use super::{OnsiteCheck, OnsiteConfirmed, OnsiteFace, OnsitePlate, OnsitePress, OnsiteResult};
use crate::exact::Rational;
use crate::model::{ModelError, check_id, refuse};

/// Most machines of one draw.
const DRAWN_MAX: i64 = 100;
/// Longest name, characters.
const NAME_MAX: usize = 200;
/// Longest number on a plate, characters.
const NUMBER_MAX: usize = 64;
/// Longest note, characters.
const NOTE_MAX: usize = 2_000;

type Checked = Result<(), ModelError>;

fn words(kind: &'static str, field: &str, text: &str, least: usize, most: usize) -> Checked {
    let is_control = |c: char| c.is_control() && !(most == NOTE_MAX && matches!(c, '\n' | '\r'));
    let length = text.trim().chars().count();
    if length < least || text.chars().count() > most || text.chars().any(is_control) {
        let reason =
            format!("must have {least} to {most} characters, no control characters / 须为 {least} 至 {most} 个字符");
        return Err(refuse(kind, field, reason));
    }
    Ok(())
}

fn digest(kind: &'static str, field: &str, text: &str) -> Checked {
    let is_hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    if text.len() == 64 && text.bytes().all(is_hex) {
        return Ok(());
    }
    let reason = "must be 64 hexadecimal digits of a SHA-256 / 须为 SHA-256 的 64 位十六进制数";
    Err(refuse(kind, field, reason))
}

pub(crate) fn check_check(check: OnsiteCheck) -> Result<OnsiteCheck, ModelError> {
    const KIND: &str = "onsite_check";
    check_id(KIND, "check", &check.check)?;
    words(KIND, "body", &check.body, 1, NAME_MAX)?;
    if !(1..=DRAWN_MAX).contains(&check.wanted) {
        return Err(refuse(KIND, "wanted", "1 to 100 machines are drawn / 抽取台数须为 1 至 100"));
    }
    Ok(check)
}

pub(crate) fn check_press(press: OnsitePress) -> Result<OnsitePress, ModelError> {
    check_id("onsite_press", "check", &press.check)?;
    check_id("onsite_press", "machine", &press.machine)?;
    Ok(press)
}

pub(crate) fn check_face(face: OnsiteFace) -> Result<OnsiteFace, ModelError> {
    const KIND: &str = "onsite_face";
    check_id(KIND, "check", &face.check)?;
    check_id(KIND, "machine", &face.machine)?;
    let decimals = face.value.split_once('.').map_or(0, |(_, fraction)| fraction.len());
    let value = Rational::parse(&face.value).filter(|v| !face.value.starts_with('-') && decimals <= 6 && v.num() >= 0);
    if value.is_none_or(|v| v > Rational::integer(1_000_000_000_000)) {
        let reason = "the digits of the face as they stand there, like 12345.6, without separators or unit / 请照表面数字填写，如 12345.6，不加分隔符和单位";
        return Err(refuse(KIND, "value", reason));
    }
    if !["kWh", "MWh"].contains(&face.unit.as_str()) {
        let reason = "an energy register is read in kWh or MWh; power (kW) and reactive energy (kvarh) are other faces of the meter / 须为有功电能，单位 kWh（千瓦时、度）或 MWh；功率（kW）与无功（kvarh）是电能表的其他显示项";
        return Err(refuse(KIND, "unit", reason));
    }
    digest(KIND, "photo.digest", &face.photo.digest)?;
    Ok(face)
}

pub(crate) fn check_plate(plate: OnsitePlate) -> Result<OnsitePlate, ModelError> {
    const KIND: &str = "onsite_plate";
    check_id(KIND, "check", &plate.check)?;
    check_id(KIND, "machine", &plate.machine)?;
    for (field, text) in
        [("serial", &plate.serial), ("meter_serial", &plate.meter_serial), ("seal_number", &plate.seal_number)]
    {
        words(KIND, field, text, 0, NUMBER_MAX)?;
    }
    words(KIND, "note", &plate.note, 0, NOTE_MAX)?;
    let is_sane = |primary: i64, secondary: i64| {
        (1..=100_000).contains(&primary) && (1..=10).contains(&secondary) && primary >= secondary
    };
    if plate.ct.is_some_and(|ct| !is_sane(ct.primary, ct.secondary)) {
        let reason = "amperes as on the plate, like 200 and 5: primary up to 100000, secondary 1 to 10 / 请照铭牌填写安培数，如 200 与 5：一次侧不超过 100000，二次侧 1 至 10";
        return Err(refuse(KIND, "ct", reason));
    }
    Ok(plate)
}

pub(crate) fn check_result(result: OnsiteResult) -> Result<OnsiteResult, ModelError> {
    check_id("onsite_result", "check", &result.check)?;
    if result.size.is_some() != result.found.is_some() || result.size.is_some_and(|size| size <= result.of) {
        let reason =
            "goes with what was found, and is larger than the act's leaf / 须与结果一并给出，且大于所核查条目的序号";
        return Err(refuse("onsite_result", "size", reason));
    }
    Ok(result)
}

pub(crate) fn check_confirmed(confirmed: OnsiteConfirmed) -> Result<OnsiteConfirmed, ModelError> {
    check_id("onsite_confirmed", "check", &confirmed.check)?;
    digest("onsite_confirmed", "digest", &confirmed.digest)?;
    Ok(confirmed)
}
