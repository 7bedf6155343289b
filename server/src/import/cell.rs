//! What one cell says: read strictly, refused with what is allowed.
//!
//! Constraints
//! 1. A cell that could be read in two ways is not read: thousands separators, `3/14/2026`, a serial number where a date belongs.
//! 2. A spreadsheet's own harm is named: a formula's error, a long number whose last digits are gone, `1-5` that became a date.
//! 3. Dates and times are in `when`.

use jiff::civil::{Date, Time};
use metrics::exact::Rational;

use super::kinds::{Choice, Field};
use super::{Against, Cell};
use crate::evaluate::said::{Said, quoted};
use crate::spelling::nearest;

mod when;

/// What a cell says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    /// Text: an id, a choice, a digest, a decimal as written, a time of day.
    Text(String),
    /// A whole number.
    Int(i64),
    /// A local date.
    Date(Date),
    /// An instant, UTC milliseconds.
    Ms(i64),
    /// Yes or no.
    Yes(bool),
    /// Several texts.
    List(Vec<String>),
    /// Several pairs: times of day from–to, dates with decimals.
    Pairs(Vec<(String, String)>),
}

/// What is wrong with a cell, before its place is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bad {
    pub(super) what: Said,
    pub(super) todo: Said,
}

pub(super) fn bad(
    zh: impl Into<String>,
    en: impl Into<String>,
    todo_zh: impl Into<String>,
    todo_en: impl Into<String>,
) -> Bad {
    Bad { what: Said::new(zh, en), todo: Said::new(todo_zh, todo_en) }
}

/// A day, milliseconds.
pub(super) const DAY_MS: i64 = 86_400_000;

/// Reads a cell that is not empty.
pub(super) fn value(field: Field, cell: &Cell, against: &Against<'_>) -> Result<Value, Bad> {
    if let Cell::Broken(error) = cell {
        return Err(bad(
            format!("单元格是错误值 {}", quoted(error)),
            format!("the cell is the error {}", quoted(error)),
            "改正公式，或直接填写数值",
            "mend the formula, or write the value itself",
        ));
    }
    match field {
        Field::Machine => machine(&text(cell)?, against).map(Value::Text),
        Field::MachineOrAll => match text(cell)?.as_str() {
            "*" | "全部" | "all" => Ok(Value::Text("*".to_owned())),
            name => machine(name, against).map(Value::Text),
        },
        Field::Machines => {
            let text = text(cell)?;
            let each = parts(&text).map(|name| machine(name, against));
            each.collect::<Result<_, _>>().map(Value::List)
        }
        Field::Id => id(text(cell)?).map(Value::Text),
        Field::Plan => plan(text(cell)?, against).map(Value::Text),
        Field::Text(most) => {
            let text = text(cell)?;
            if text.len() > most || text.chars().any(|c| c.is_control() && c != '\n') {
                return Err(bad(
                    format!("文本过长（最多 {most} 字节），或含控制字符"),
                    format!("the text is longer than {most} bytes, or has control characters in it"),
                    "写短一些；一个汉字占 3 字节",
                    "write it shorter; a Chinese character takes 3 bytes",
                ));
            }
            Ok(Value::Text(text))
        }
        Field::Choice(list) => choice(&text(cell)?, list).map(|id| Value::Text(id.to_owned())),
        Field::YesNo => yes(cell).map(Value::Yes),
        Field::Date { ahead } => when::date(cell, ahead, against).map(Value::Date),
        Field::Moment { ahead } => when::moment(cell, ahead, against).map(Value::Ms),
        Field::Effective => when::effective(cell, against).map(Value::Ms),
        Field::Clock => when::clock(cell).map(Value::Text),
        Field::Weekdays => when::weekdays(cell).map(Value::Text),
        Field::Spans => when::spans(&text(cell)?).map(Value::Pairs),
        Field::Count(least, most) => count(cell, least, most).map(Value::Int),
        Field::Decimal { places, min, max } => decimal(&numeral(cell)?, places, min, max).map(Value::Text),
        Field::Days => when::days(&text(cell)?).map(Value::Pairs),
        Field::Digest => digest(&text(cell)?).map(Value::Text),
    }
}

/// Parts of a list: semicolons of either width, the enumeration comma, line breaks.
fn parts(text: &str) -> impl Iterator<Item = &str> {
    text.split([';', '；', '、', '\n']).map(str::trim).filter(|part| !part.is_empty())
}

/// The text of a cell. A number keeps its digits, if it still has them.
fn text(cell: &Cell) -> Result<String, Bad> {
    match cell {
        Cell::Text(text) => Ok(text.clone()),
        Cell::Number(number) => {
            let digits = number.bytes().filter(u8::is_ascii_digit).count();
            if digits > 15 {
                return Err(bad(
                    format!("数字 {} 超过 15 位，表格软件已丢失末位", quoted(number)),
                    format!(
                        "the number {} has more than 15 digits: the spreadsheet has lost its last ones",
                        quoted(number)
                    ),
                    "把该列设为文本格式后重新填写",
                    "format the column as text and write it again",
                ));
            }
            Ok(number.clone())
        }
        Cell::Bool(yes) => Ok(if *yes { "TRUE" } else { "FALSE" }.to_owned()),
        Cell::Moment(_) | Cell::Time(_) => Err(bad(
            "表格软件把它当成了日期或时间",
            "the spreadsheet turned it into a date or a time",
            "把该列设为文本格式后重新填写",
            "format the column as text and write it again",
        )),
        Cell::Empty | Cell::Broken(_) => Ok(String::new()),
    }
}

fn machine(name: &str, against: &Against<'_>) -> Result<String, Bad> {
    let statements = against.statements;
    if statements.machine_definitions(name).last().is_some() {
        return Ok(name.to_owned());
    }
    let newest = |id: &str| statements.machine_definitions(id).last().map(|m| m.body.names.clone());
    let named: Vec<&str> = statements
        .machines()
        .filter(|id| newest(id).is_some_and(|names| names.zh == name || names.en == name))
        .collect();
    match named.as_slice() {
        [one] => Ok((*one).to_owned()),
        [] => {
            let near = nearest(name, statements.machines(), 2);
            let (zh, en) = match near.first() {
                Some(near) => (format!("是否为「{near}」？"), format!("perhaps `{near}`? ")),
                None => (String::new(), String::new()),
            };
            Err(bad(
                format!("没有设备「{}」", quoted(name)),
                format!("there is no machine `{}`", quoted(name)),
                format!("{zh}填设备标识或名称；新设备请先导入设备台账"),
                format!("{en}write a machine's id or name; import a new machine with the equipment ledger first"),
            ))
        }
        several => Err(bad(
            format!("名称「{}」有 {} 台设备", quoted(name), several.len()),
            format!("`{}` is the name of {} machines", quoted(name), several.len()),
            format!("填设备标识：{}", several.join("、")),
            format!("write the machine's id: {}", several.join(", ")),
        )),
    }
}

fn id(text: String) -> Result<String, Bad> {
    let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    if text.len() <= 32 && !text.starts_with('-') && text.bytes().all(fits) {
        return Ok(text);
    }
    Err(bad(
        format!("「{}」不能作标识", quoted(&text)),
        format!("`{}` is not an id", quoted(&text)),
        "1 至 32 个小写字母 a-z、数字或 -，不以 - 开头；中文名称填在名称列",
        "1 to 32 of a-z, 0-9 and `-`, not beginning with `-`; a Chinese name belongs in the column of names",
    ))
}

fn plan(text: String, against: &Against<'_>) -> Result<String, Bad> {
    if against.statements.plan(&text).is_some() {
        return Ok(text);
    }
    let known: Vec<&str> = against.statements.plans().collect();
    Err(bad(
        format!("没有方案「{}」", quoted(&text)),
        format!("there is no plan `{}`", quoted(&text)),
        format!("已有方案：{}", if known.is_empty() { "无".to_owned() } else { known.join("、") }),
        format!("plans that are declared: {}", if known.is_empty() { "none".to_owned() } else { known.join(", ") }),
    ))
}

fn choice(text: &str, list: &'static [Choice]) -> Result<&'static str, Bad> {
    let is = |c: &&Choice| c.id == text || c.names[0] == text || c.names[1].eq_ignore_ascii_case(text);
    let all = |n: usize, between: &str| list.iter().map(|c| c.names[n]).collect::<Vec<_>>().join(between);
    list.iter().find(is).map(|c| c.id).ok_or_else(|| {
        bad(
            format!("「{}」不在可选范围内", quoted(text)),
            format!("`{}` is not one of the choices", quoted(text)),
            format!("填其中之一：{}", all(0, "、")),
            format!("write one of: {}", all(1, ", ")),
        )
    })
}

fn yes(cell: &Cell) -> Result<bool, Bad> {
    if let Cell::Bool(yes) = cell {
        return Ok(*yes);
    }
    let text = text(cell)?;
    match text.to_lowercase().as_str() {
        "是" | "有" | "yes" | "y" | "true" | "1" | "√" => Ok(true),
        "否" | "无" | "no" | "n" | "false" | "0" | "×" => Ok(false),
        _ => Err(bad(
            format!("「{}」不是「是」或「否」", quoted(&text)),
            format!("`{}` is neither yes nor no", quoted(&text)),
            "填 是 或 否",
            "write yes or no",
        )),
    }
}

fn count(cell: &Cell, least: i64, most: i64) -> Result<i64, Bad> {
    let text = numeral(cell)?;
    // A workbook has no whole numbers: 12 may come as 12.0.
    let whole =
        text.split_once('.').filter(|(_, zeros)| zeros.bytes().all(|b| b == b'0')).map_or(text.as_str(), |(n, _)| n);
    whole.parse::<i64>().ok().filter(|n| (least..=most).contains(n)).ok_or_else(|| {
        bad(
            format!("「{}」不是 {least} 至 {most} 的整数", quoted(&text)),
            format!("`{}` is not a whole number from {least} to {most}", quoted(&text)),
            "填整数，不带单位和千位分隔符",
            "write a whole number without unit or thousands separators",
        )
    })
}

/// A number as text: digits, one sign, one point.
fn numeral(cell: &Cell) -> Result<String, Bad> {
    let text = text(cell)?;
    if text.contains([',', '，']) {
        let plain: String = text.chars().filter(|c| ![',', '，', ' '].contains(c)).collect();
        return Err(bad(
            format!("「{}」含千位分隔符或逗号", quoted(&text)),
            format!("`{}` has thousands separators or a comma in it", quoted(&text)),
            format!("写成 {}；小数点用英文句点", quoted(&plain)),
            format!("write {}, with a point for decimals", quoted(&plain)),
        ));
    }
    let body = text.strip_prefix(['-', '+']).unwrap_or(&text);
    let (whole, fraction) = body.split_once('.').unwrap_or((body, "0"));
    let digits = |s: &str| !s.is_empty() && s.len() <= 24 && s.bytes().all(|b| b.is_ascii_digit());
    if digits(whole) && digits(fraction) {
        return Ok(text.strip_prefix('+').map_or_else(|| text.clone(), str::to_owned));
    }
    Err(bad(
        format!("「{}」不是数字", quoted(&text)),
        format!("`{}` is not a number", quoted(&text)),
        "只填半角数字，如 1234.5；单位不写在单元格中",
        "digits only, such as 1234.5; no unit in the cell",
    ))
}

fn decimal(text: &str, places: usize, min: i64, max: i64) -> Result<String, Bad> {
    let fraction = text.split_once('.').map_or(0, |(_, f)| f.trim_end_matches('0').len());
    if fraction > places {
        return Err(bad(
            format!("「{}」的小数超过 {places} 位", quoted(text)),
            format!("`{}` has more than {places} decimals", quoted(text)),
            format!("按单据填写，最多 {places} 位小数；公式请用 ROUND"),
            format!("write it as the paper has it, with at most {places} decimals; use ROUND in a formula"),
        ));
    }
    let range = Rational::integer(min.into())..=Rational::integer(max.into());
    // As printed, but for zeros that no reader of decimals could keep.
    let kept = if text.split_once('.').is_some_and(|(_, f)| f.len() > places) {
        text.trim_end_matches('0').trim_end_matches('.')
    } else {
        text
    };
    if Rational::parse(kept).is_some_and(|v| range.contains(&v)) {
        return Ok(kept.to_owned());
    }
    Err(bad(
        format!("「{}」超出 {min} 至 {max}", quoted(text)),
        format!("`{}` is not from {min} to {max}", quoted(text)),
        "核对数值和单位",
        "check the number and its unit",
    ))
}

fn digest(text: &str) -> Result<String, Bad> {
    let lower = text.to_ascii_lowercase();
    if lower.len() == 64 && lower.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Ok(lower);
    }
    Err(bad(
        format!("「{}」不是 SHA-256", quoted(text)),
        format!("`{}` is not a SHA-256", quoted(text)),
        "64 位十六进制；Windows 中用 certutil -hashfile 文件名 SHA256 计算",
        "64 hexadecimal digits; on Windows `certutil -hashfile FILE SHA256` computes it",
    ))
}

/// A cell as it may be shown.
pub(super) fn shown(cell: &Cell) -> String {
    match cell {
        Cell::Empty => String::new(),
        Cell::Text(text) | Cell::Number(text) | Cell::Broken(text) => text.clone(),
        Cell::Bool(yes) => if *yes { "TRUE" } else { "FALSE" }.to_owned(),
        Cell::Time(time) => time.strftime("%H:%M").to_string(),
        Cell::Moment(at) if at.time() == Time::midnight() => at.date().to_string(),
        Cell::Moment(at) => at.strftime("%Y-%m-%d %H:%M").to_string(),
    }
}
