//! Cells that say when: dates, instants, times of day, weekdays.
//!
//! Constraints
//! 1. Local times are of the site's zone; one that a clock change skips or repeats needs its offset.
//! 2. A fact of the past does not lie in the future; a statement begins to hold at most a year ahead.
//! 3. A date is a date: a serial number that the workbook does not show as one is not.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::AmbiguousOffset;

use super::{Bad, DAY_MS, bad, numeral, parts, shown, text};
use crate::evaluate::said::quoted;
use crate::import::{Against, Cell};

/// Year, month, day divided by `-`, `/`, `.` or `年月日`.
fn written_date(text: &str) -> Option<Date> {
    let text = text.strip_suffix('日').unwrap_or(text);
    let mut parts = text.split(['-', '/', '.', '年', '月']);
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    let digits = |s: &str, most: usize| (1..=most).contains(&s.len()) && s.bytes().all(|b| b.is_ascii_digit());
    if parts.next().is_some() || year.len() != 4 || !digits(year, 4) || !digits(month, 2) || !digits(day, 2) {
        return None;
    }
    Date::new(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?).ok()
}

pub(super) fn date(cell: &Cell, ahead: bool, against: &Against<'_>) -> Result<Date, Bad> {
    let found = match cell {
        Cell::Moment(at) if at.time() == Time::midnight() => Some(at.date()),
        Cell::Moment(_) | Cell::Time(_) => {
            return Err(bad(
                "这里只填日期，不带时间",
                "a date belongs here, without a time of day",
                "如 2026-03-14",
                "such as 2026-03-14",
            ));
        }
        Cell::Text(text) => {
            // Spreadsheets add midnight when they save a date as text.
            let midnight =
                [" 00:00:00", " 0:00:00", " 00:00", " 0:00"].into_iter().find_map(|tail| text.strip_suffix(tail));
            written_date(midnight.unwrap_or(text))
        }
        _ => None,
    };
    let date = found.filter(|d| (1950..=9998).contains(&d.year())).ok_or_else(|| no_date(cell))?;
    let today = jiff::Timestamp::from_millisecond(against.now_ms).map(|now| against.zone.to_datetime(now).date());
    if !ahead && today.is_ok_and(|today| date > today) {
        return Err(future(&date.to_string()));
    }
    Ok(date)
}

fn no_date(cell: &Cell) -> Bad {
    let text = shown(cell);
    bad(
        format!("「{}」不是日期", quoted(&text)),
        format!("`{}` is not a date", quoted(&text)),
        "写成 2026-03-14 或 2026/3/14，或把单元格设为日期格式",
        "write 2026-03-14 or 2026/3/14, or format the cell as a date",
    )
}

fn future(text: &str) -> Bad {
    bad(
        format!("{text} 在将来"),
        format!("{text} lies in the future"),
        "核对年份和月份；已发生的事才能填报",
        "check year and month; only what has happened can be stated here",
    )
}

/// Local milliseconds; `None` of the inner for a time of day that is missing.
fn instant(cell: &Cell, against: &Against<'_>) -> Result<(i64, bool), Bad> {
    let (local, has_time) = match cell {
        Cell::Moment(at) => (*at, at.time() != Time::midnight()),
        Cell::Text(text) => {
            if let Ok(at) = text.parse::<jiff::Timestamp>() {
                return Ok((at.as_millisecond(), true));
            }
            match text.split_once([' ', 'T']) {
                Some((date, time)) => {
                    let date = written_date(date.trim()).ok_or_else(|| no_moment(cell))?;
                    let time = written_time(time.trim()).ok_or_else(|| no_moment(cell))?;
                    (date.to_datetime(time), true)
                }
                None => (written_date(text).ok_or_else(|| no_moment(cell))?.to_datetime(Time::midnight()), false),
            }
        }
        _ => return Err(no_moment(cell)),
    };
    if !(1950..=9998).contains(&local.year()) {
        return Err(no_moment(cell));
    }
    Ok((utc(local, against)?, has_time))
}

fn utc(local: DateTime, against: &Against<'_>) -> Result<i64, Bad> {
    let at = against.zone.to_ambiguous_timestamp(local);
    let is_one = matches!(at.offset(), AmbiguousOffset::Unambiguous { .. });
    at.unambiguous().ok().filter(|_| is_one).map(|at| at.as_millisecond()).ok_or_else(|| {
        bad(
            format!("当地时间 {local} 因夏令时调整不存在或有两个"),
            format!("clocks were changed: the local time {local} does not exist, or exists twice"),
            "写明与 UTC 的差，如 2026-03-29T02:30:00+01:00",
            "write the offset from UTC, such as 2026-03-29T02:30:00+01:00",
        )
    })
}

fn no_moment(cell: &Cell) -> Bad {
    let text = shown(cell);
    bad(
        format!("「{}」不是日期和时间", quoted(&text)),
        format!("`{}` is not a date with a time of day", quoted(&text)),
        "写成 2026-03-14 08:30",
        "write 2026-03-14 08:30",
    )
}

pub(super) fn moment(cell: &Cell, ahead: bool, against: &Against<'_>) -> Result<i64, Bad> {
    let (ms, has_time) = instant(cell, against)?;
    // A workbook's midnight is a time; a text without one is not.
    if !has_time && matches!(cell, Cell::Text(_)) {
        return Err(no_moment(cell));
    }
    if !ahead && ms > against.now_ms {
        return Err(future(&shown(cell)));
    }
    Ok(ms)
}

pub(super) fn effective(cell: &Cell, against: &Against<'_>) -> Result<i64, Bad> {
    let (ms, _) = instant(cell, against)?;
    if ms > against.now_ms.saturating_add(366 * DAY_MS) {
        return Err(bad(
            format!("{} 在一年以后", shown(cell)),
            format!("{} is more than a year ahead", shown(cell)),
            "核对年份；留空表示自填报时起",
            "check the year; empty means from now on",
        ));
    }
    Ok(ms)
}

/// `H:MM` or `H:MM:SS`.
fn written_time(text: &str) -> Option<Time> {
    let mut parts = text.split([':', '：']);
    let mut next = || {
        let part = parts.next()?;
        let fits = (1..=2).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
        fits.then(|| part.parse::<i8>().ok())?
    };
    let (hour, minute, second) = (next()?, next()?, next());
    let is_over = text.split([':', '：']).count() > 2 + usize::from(second.is_some());
    if is_over { None } else { Time::new(hour, minute, second.unwrap_or(0), 0).ok() }
}

pub(super) fn clock(cell: &Cell) -> Result<String, Bad> {
    let time = match cell {
        Cell::Time(time) => Some(*time),
        Cell::Text(text) if ["24:00", "24:00:00"].contains(&text.as_str()) => return Ok("24:00".to_owned()),
        Cell::Text(text) => written_time(text),
        _ => None,
    };
    let time = time.filter(|t| t.second() == 0);
    time.map(|t| format!("{:02}:{:02}", t.hour(), t.minute())).ok_or_else(|| {
        let text = shown(cell);
        bad(
            format!("「{}」不是时刻", quoted(&text)),
            format!("`{}` is not a time of day", quoted(&text)),
            "写成 08:30",
            "write 08:30",
        )
    })
}

pub(super) fn weekdays(cell: &Cell) -> Result<String, Bad> {
    let refused = |text: &str| {
        bad(
            format!("「{}」看不出是星期几", quoted(text)),
            format!("`{}` does not say which weekdays", quoted(text)),
            "写成 一至五、1,2,3,4,5 或 每天；若表格软件把 1-5 变成了日期，把该列设为文本格式",
            "write Mon-Fri, 1,2,3,4,5 or daily; if the spreadsheet turned 1-5 into a date, format the column as text",
        )
    };
    if matches!(cell, Cell::Moment(_) | Cell::Time(_)) {
        return Err(refused(&shown(cell)));
    }
    let text = text(cell)?;
    let mut plain = text.to_lowercase();
    if ["每天", "天天", "daily"].contains(&plain.as_str()) {
        return Ok("1234567".to_owned());
    }
    let names = [
        ["mon", "一", "1"],
        ["tue", "二", "2"],
        ["wed", "三", "3"],
        ["thu", "四", "4"],
        ["fri", "五", "5"],
        ["sat", "六", "6"],
        ["sun", "日", "7"],
    ];
    for noise in ["星期", "礼拜", "周"] {
        plain = plain.replace(noise, "");
    }
    plain = plain.replace('天', "日");
    for [en, zh, digit] in names {
        plain = plain.replace(en, digit).replace(zh, digit);
    }
    let mut days = [false; 8];
    for part in plain.split([',', '，', '、', ';', '；', ' ']).filter(|p| !p.is_empty()) {
        let ends: Vec<&str> = part.split(['-', '至', '到', '~', '–', '—']).map(str::trim).collect();
        let day = |s: &str| s.parse::<usize>().ok().filter(|d| s.len() == 1 && (1..=7).contains(d));
        let range = match ends.as_slice() {
            [one] if one.len() > 1 && one.chars().all(|c| day(&c.to_string()).is_some()) => {
                // 12345, as people write it without commas.
                for c in one.chars() {
                    if let Some(slot) = day(&c.to_string()).and_then(|d| days.get_mut(d)) {
                        *slot = true;
                    }
                }
                continue;
            }
            [one] => day(one).map(|d| d..=d),
            [from, to] => day(from).zip(day(to)).filter(|(from, to)| from <= to).map(|(from, to)| from..=to),
            _ => None,
        };
        for d in range.ok_or_else(|| refused(&text))? {
            if let Some(slot) = days.get_mut(d) {
                *slot = true;
            }
        }
    }
    let found: String = (1..=7).filter(|d| days.get(*d) == Some(&true)).map(|d| d.to_string()).collect();
    if found.is_empty() { Err(refused(&text)) } else { Ok(found) }
}

pub(super) fn spans(text: &str) -> Result<Vec<(String, String)>, Bad> {
    let span = |part: &str| {
        let (from, to) = part.split_once(['-', '–', '—', '~', '至'])?;
        let read = |s: &str| clock(&Cell::Text(s.trim().to_owned())).ok();
        read(from).zip(read(to))
    };
    parts(text)
        .flat_map(|p| p.split([',', '，']))
        .map(str::trim)
        .filter(|p| !p.is_empty())
        .map(|part| {
            span(part).ok_or_else(|| {
                bad(
                    format!("「{}」不是时段", quoted(part)),
                    format!("`{}` is not a time from–to", quoted(part)),
                    "写成 12:00-12:30，几段之间用分号",
                    "write 12:00-12:30, several divided by semicolons",
                )
            })
        })
        .collect()
}

pub(super) fn days(text: &str) -> Result<Vec<(String, String)>, Bad> {
    let pair = |part: &str| {
        let (date, number) = part.split_once(['=', ':', '：'])?;
        let number = numeral(&Cell::Text(number.trim().to_owned())).ok()?;
        Some((written_date(date.trim())?.to_string(), number))
    };
    parts(text)
        .map(|part| {
            pair(part).ok_or_else(|| {
                bad(
                    format!("「{}」不是 日期=电量", quoted(part)),
                    format!("`{}` is not date=kWh", quoted(part)),
                    "写成 2026-03-03=12.5，几天之间用分号",
                    "write 2026-03-03=12.5, several divided by semicolons",
                )
            })
        })
        .collect()
}
