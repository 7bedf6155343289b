//! Times as files write them: RFC 3339, or local in the zone the plan states. Nothing else, and nothing guessed.
//!
//! Constraints
//! 1. Whole milliseconds: a finer time is refused, not rounded.
//! 2. A local time that a clock change repeats or skips names no instant, or two: refused. Without a stated zone every local
//!    time is.
//! 3. From 1970 to 9999. The zones are those bundled into the program, as everywhere in metrics.

use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone, TimeZoneDatabase};

use super::said::{Said, Wrong, quoted};

/// The zone of this IANA name, from those bundled into the program.
pub fn zone(name: &str) -> Option<TimeZone> {
    (name.len() <= 64).then(|| TimeZoneDatabase::bundled().get(name).ok())?
}

/// UTC milliseconds of a cell.
pub(super) fn parse(text: &str, zone: Option<&TimeZone>) -> Result<i64, Wrong> {
    let Some((local, millis, offset)) = split(text) else {
        return Err(Wrong::new(
            Said::new(format!("「{}」不是时间", quoted(text)), format!("`{}` is not a time", quoted(text))),
            allowed(),
        ));
    };
    let Some(local) = local else {
        return Err(Wrong::new(
            Said::new(
                format!("「{}」这一时刻不存在", quoted(text)),
                format!("`{}`: there is no such date or time of day", quoted(text)),
            ),
            allowed(),
        ));
    };
    let Some(millis) = millis else {
        return Err(Wrong::new(
            Said::new(
                format!("「{}」精度高于毫秒", quoted(text)),
                format!("`{}` is finer than a millisecond", quoted(text)),
            ),
            Said::new("秒的小数最多三位，其余须为零", "at most three decimals of a second; further ones must be zero"),
        ));
    };
    let ms = match offset {
        Some(seconds) => utc_ms(local).map(|ms| ms - seconds * 1000),
        None => Some(in_zone(text, local, zone)?),
    };
    let ms = ms.map(|ms| ms + millis).filter(|ms| *ms >= 0);
    ms.ok_or_else(|| {
        Wrong::new(
            Said::new(format!("「{}」早于 1970 年", quoted(text)), format!("`{}` is before 1970", quoted(text))),
            Said::new("1970 年至 9999 年", "years 1970 to 9999"),
        )
    })
}

/// UTC milliseconds of a local date and time.
fn in_zone(text: &str, local: DateTime, zone: Option<&TimeZone>) -> Result<i64, Wrong> {
    let Some(zone) = zone else {
        return Err(Wrong::new(
            Said::new(
                format!("「{}」没有时区", quoted(text)),
                format!("`{}` does not say its time zone", quoted(text)),
            ),
            Said::new(
                "写成 2026-03-02T08:00:00+08:00，或在方案文件 [readings] 中写明 zone",
                "write 2026-03-02T08:00:00+08:00, or state `zone` under [readings] in the plan file",
            ),
        ));
    };
    let name = zone.iana_name().unwrap_or("?");
    let at = zone.to_ambiguous_timestamp(local);
    let why = match at.offset() {
        AmbiguousOffset::Unambiguous { .. } => None,
        AmbiguousOffset::Gap { .. } => Some(("不存在（时钟拨快）", "does not exist: clocks were put forward")),
        AmbiguousOffset::Fold { .. } => Some(("有两个（时钟拨慢）", "exists twice: clocks were put back")),
    };
    match (why, at.unambiguous()) {
        (None, Ok(at)) => Ok(at.as_millisecond()),
        (why, _) => {
            let (zh, en) = why.unwrap_or(("不存在", "does not exist"));
            Err(Wrong::new(
                Said::new(
                    format!("「{}」在时区 {name} {zh}", quoted(text)),
                    format!("`{}` in zone {name} {en}", quoted(text)),
                ),
                Said::new("写明与 UTC 的差，如 +01:00", "write the offset from UTC, such as +01:00"),
            ))
        }
    }
}

/// Date and time of day, milliseconds, and offset in seconds if one is written. The outer `None`: not of this shape.
type Parts = (Option<DateTime>, Option<i64>, Option<i64>);

fn split(text: &str) -> Option<Parts> {
    if text.len() > 64 || !text.is_ascii() {
        return None;
    }
    let number = |from: usize, to: usize| {
        let digits = text.get(from..to)?;
        digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse::<i16>().ok())?
    };
    let is = |at: usize, allowed: &[u8]| text.as_bytes().get(at).is_some_and(|b| allowed.contains(b));
    if !(is(4, b"-") && is(7, b"-") && is(10, b"Tt ") && is(13, b":") && is(16, b":")) {
        return None;
    }
    let [year, month, day] = [number(0, 4)?, number(5, 7)?, number(8, 10)?];
    let [hour, minute, second] = [number(11, 13)?, number(14, 16)?, number(17, 19)?];
    let rest = text.get(19..)?;
    let (fraction, rest) = match rest.strip_prefix('.') {
        Some(rest) => {
            let end = rest.bytes().position(|b| !b.is_ascii_digit()).unwrap_or(rest.len());
            (rest.get(..end).filter(|f| !f.is_empty())?, rest.get(end..)?)
        }
        None => ("", rest),
    };
    let offset = match rest {
        "" => None,
        "Z" | "z" => Some(0),
        _ => Some(offset_seconds(rest)?),
    };
    let (millis, finer) = fraction.split_at(fraction.len().min(3));
    let millis = finer.bytes().all(|b| b == b'0').then(|| format!("{millis:0<3}").parse::<i64>().ok()).flatten();
    let [month, day, hour, minute, second] = [month, day, hour, minute, second].map(|n| n as i8);
    Some((DateTime::new(year, month, day, hour, minute, second, 0).ok(), millis, offset))
}

/// `+08:00` in seconds.
fn offset_seconds(text: &str) -> Option<i64> {
    let sign = match text.get(..1)? {
        "+" => 1,
        "-" => -1,
        _ => return None,
    };
    let (hours, minutes) = text.get(1..)?.split_once(':')?;
    let two = |t: &str, below: i64| {
        let digits = t.len() == 2 && t.bytes().all(|b| b.is_ascii_digit());
        digits.then(|| t.parse::<i64>().ok()).flatten().filter(|n| *n < below)
    };
    Some(sign * (two(hours, 24)? * 3600 + two(minutes, 60)? * 60))
}

/// Milliseconds of a date and time of day read as UTC.
pub(super) fn utc_ms(local: DateTime) -> Option<i64> {
    TimeZone::UTC.to_timestamp(local).ok().map(|at| at.as_millisecond())
}

fn allowed() -> Said {
    Said::new(
        "2026-03-02T08:00:00+08:00（RFC 3339），或写明时区后的 2026-03-02 08:00:00",
        "2026-03-02T08:00:00+08:00 (RFC 3339), or 2026-03-02 08:00:00 when the plan states the zone",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_exact_with_an_offset_or_in_the_stated_zone() {
        let shanghai = zone("Asia/Shanghai").unwrap();
        let ms = 1_772_409_600_000;
        for text in [
            "2026-03-02T08:00:00+08:00",
            "2026-03-02 00:00:00Z",
            "2026-03-02t00:00:00.000000z",
            "2026-03-01T23:30:00-00:30",
        ] {
            assert_eq!(parse(text, None), Ok(ms), "{text}");
        }
        assert_eq!(parse("2026-03-02 08:00:00.25", Some(&shanghai)), Ok(ms + 250));
        assert_eq!(parse("2026-03-02T08:00:00", Some(&shanghai)), Ok(ms));
        assert_eq!(parse("1970-01-01T00:00:00Z", None), Ok(0));
    }

    #[test]
    fn what_names_no_instant_is_refused_in_both_languages() {
        let berlin = zone("Europe/Berlin").unwrap();
        for (text, zone, zh, en) in [
            ("2026-03-02 08:00:00", None, "没有时区", "does not say its time zone"),
            ("2026-03-29 02:30:00", Some(&berlin), "不存在（时钟拨快）", "does not exist: clocks were put forward"),
            ("2026-10-25 02:30:00", Some(&berlin), "有两个（时钟拨慢）", "exists twice: clocks were put back"),
            ("2026-02-30T08:00:00Z", None, "时刻不存在", "no such date"),
            ("2026-03-02T08:00:60Z", None, "时刻不存在", "no such date"),
            ("2026-03-02T08:00:00.0005Z", None, "精度高于毫秒", "finer than a millisecond"),
            ("1969-12-31T23:59:59Z", None, "早于 1970 年", "before 1970"),
            ("2026/3/2 8:00", None, "不是时间", "is not a time"),
            ("2026-03-02T08:00Z", None, "不是时间", "is not a time"),
            ("2026-03-02T08:00:00.Z", None, "不是时间", "is not a time"),
            ("2026-03-02T08:00:00+8:00", None, "不是时间", "is not a time"),
            ("2026-03-02T08:00:00+24:00", None, "不是时间", "is not a time"),
            ("", None, "不是时间", "is not a time"),
            ("２026-03-02T08:00:00Z", None, "不是时间", "is not a time"),
            ("\u{1b}[31m", None, "不是时间", "is not a time"),
        ] {
            let wrong = parse(text, zone).expect_err(text);
            assert!(wrong.what.zh.contains(zh) && wrong.what.en.contains(en), "{text}: {wrong:?}");
            assert!(!wrong.allowed.zh.is_empty() && !wrong.what.en.contains('\u{1b}'), "{text}");
        }
        assert!(zone("Asia/Nowhere").is_none());
    }
}
