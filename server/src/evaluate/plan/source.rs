//! A TOML text whose every key and value knows its line: how the plan file is walked, and how its values become JSON.

use jiff::tz::TimeZone;
use serde_json::Value as Json;
use toml::Spanned;
use toml::de::{DeTable, DeValue};
use toml::value::Datetime;

use crate::evaluate::instant;
use crate::evaluate::said::{Refusal, Said, quoted};

/// The file, for messages.
#[derive(Clone, Copy)]
pub(super) struct Source<'t> {
    pub(super) name: &'t str,
    pub(super) text: &'t str,
}

impl<'t> Source<'t> {
    pub(super) fn line(&self, at: usize) -> u64 {
        practice::line_of(self.text, at) as u64
    }

    pub(super) fn refuse(&self, at: usize, what: Said, todo: Said) -> Refusal {
        Refusal::at_line(self.name, self.line(at), what, todo)
    }

    /// A value that is not what belongs there.
    pub(super) fn unfit(&self, at: usize, key: &str, allowed: Said) -> Refusal {
        let what = Said::new(format!("{key} 的值不可用"), format!("the value of `{key}` cannot be used"));
        let todo = Said::new(format!("须为{}", allowed.zh), format!("it must be {}", allowed.en));
        self.refuse(at, what, todo)
    }

    pub(super) fn parse(&self) -> Result<Spanned<DeTable<'t>>, Refusal> {
        DeTable::parse(self.text).map_err(|e| {
            let at = e.span().map_or(0, |s| s.start);
            let what =
                Said::new(format!("不是有效的 TOML（{}）", e.message()), format!("not valid TOML: {}", e.message()));
            self.refuse(at, what, example())
        })
    }
}

/// Where a whole example is.
pub(super) fn example() -> Said {
    Said::new("示例见 configs/examples/plan.toml", "an example is configs/examples/plan.toml")
}

/// A table of the file.
#[derive(Clone, Copy)]
pub(super) struct Table<'s, 't> {
    pub(super) source: Source<'t>,
    pub(super) entries: &'s DeTable<'t>,
    /// Where it begins.
    pub(super) at: usize,
    /// What it is called in messages, with brackets.
    pub(super) head: &'s str,
}

impl<'s, 't> Table<'s, 't> {
    /// Refuses keys that are not among these.
    pub(super) fn only(&self, known: &[&str]) -> Result<(), Refusal> {
        for key in self.entries.keys() {
            let name: &str = key.get_ref();
            if known.contains(&name) {
                continue;
            }
            let shown = quoted(name);
            let what = Said::new(
                format!("{} 中有未知项 {shown}", self.head),
                format!("unknown key `{shown}` in {}", self.head),
            );
            let near = crate::spelling::nearest(name, known.iter().copied(), 3);
            let todo = match near.first() {
                Some(near) => Said::new(format!("是否想写 {near}？"), format!("did you mean `{near}`?")),
                None => Said::new(
                    format!("删除该项；可用的有 {}", known.join("、")),
                    format!("remove it; known are {}", known.join(", ")),
                ),
            };
            return Err(self.source.refuse(key.span().start, what, todo));
        }
        Ok(())
    }

    pub(super) fn get(&self, key: &str) -> Option<&'s Spanned<DeValue<'t>>> {
        self.entries.get(key)
    }

    pub(super) fn missing(&self, key: &str, todo: Said) -> Refusal {
        let what = Said::new(format!("{} 缺少 {key}", self.head), format!("{} lacks `{key}`", self.head));
        self.source.refuse(self.at, what, todo)
    }

    pub(super) fn text(&self, key: &str) -> Result<Option<(&'s str, usize)>, Refusal> {
        let Some(value) = self.get(key) else { return Ok(None) };
        match value.get_ref() {
            DeValue::String(text) => Ok(Some((text, value.span().start))),
            _ => Err(self.source.unfit(value.span().start, key, Said::new("带引号的文本", "text in quotes"))),
        }
    }

    pub(super) fn whole(&self, key: &str, least: i64) -> Result<Option<i64>, Refusal> {
        let Some(value) = self.get(key) else { return Ok(None) };
        let most = protocol::declaration::INTEGER_MAX;
        let number = integer(value.get_ref()).filter(|n| (least..=most).contains(n));
        let allowed =
            || Said::new(format!("{least} 至 {most} 的整数"), format!("a whole number from {least} to {most}"));
        number.map(Some).ok_or_else(|| self.source.unfit(value.span().start, key, allowed()))
    }

    pub(super) fn texts(&self, key: &str) -> Result<Vec<(&'s str, usize)>, Refusal> {
        let Some(value) = self.get(key) else { return Ok(Vec::new()) };
        let wrong = || {
            self.source.unfit(
                value.span().start,
                key,
                Said::new("文本列表，如 [\"a\", \"b\"]", "a list of texts, such as [\"a\", \"b\"]"),
            )
        };
        let list = value.get_ref().as_array().ok_or_else(wrong)?;
        list.iter().map(|v| Ok((v.get_ref().as_str().ok_or_else(wrong)?, v.span().start))).collect()
    }

    pub(super) fn table(&self, key: &str, head: &'s str) -> Result<Option<Self>, Refusal> {
        let Some(value) = self.get(key) else { return Ok(None) };
        let at = value.span().start;
        match value.get_ref().as_table() {
            Some(entries) => Ok(Some(Self { source: self.source, entries, at, head })),
            None => Err(self.source.unfit(at, key, Said::new(format!("表 {head}"), format!("a table {head}")))),
        }
    }

    /// The tables of `[[key]]`; one `[key]` is a list of one.
    pub(super) fn tables(&self, key: &str, head: &'s str) -> Result<Vec<Self>, Refusal> {
        let Some(value) = self.get(key) else { return Ok(Vec::new()) };
        let table = |v: &'s Spanned<DeValue<'t>>| {
            let at = v.span().start;
            let wrong = || self.source.unfit(at, key, Said::new(format!("表 {head}"), format!("tables {head}")));
            let entries = v.get_ref().as_table().ok_or_else(wrong)?;
            Ok(Self { source: self.source, entries, at, head })
        };
        match value.get_ref().as_array() {
            Some(list) => list.iter().map(table).collect(),
            None => Ok(vec![table(value)?]),
        }
    }

    /// The table as the JSON of a declaration, without some keys.
    pub(super) fn json(&self, without: &[&str], zone: Option<&TimeZone>) -> Result<Json, Refusal> {
        let mut out = serde_json::Map::new();
        for (key, value) in self.entries {
            let name: &str = key.get_ref();
            if !without.contains(&name) {
                out.insert(name.to_owned(), json(self.source, name, key.span().start, value, zone)?);
            }
        }
        Ok(Json::Object(out))
    }

    /// Where something stands that a message names by its path, such as `signals.state.tag`; else where the table begins.
    pub(super) fn locate(&self, path: &str) -> usize {
        let mut at = self.at;
        let mut table = Some(self.entries);
        let mut list: Option<&DeValue<'_>> = None;
        for step in path.split(['.', '[', ']']).filter(|s| !s.is_empty()) {
            let found = match (step.parse::<usize>(), list) {
                (Ok(i), Some(value)) => value.get(i).map(|v| (v.span().start, v)),
                _ => table.and_then(|t| t.get_key_value(step)).map(|(k, v)| (k.span().start, v)),
            };
            let Some((place, value)) = found else { break };
            at = place;
            table = value.get_ref().as_table();
            list = Some(value.get_ref());
        }
        at
    }

    /// Where a key of this name first stands, at whatever depth.
    pub(super) fn find(&self, name: &str) -> Option<usize> {
        fn within(value: &DeValue<'_>, name: &str) -> Option<usize> {
            match value {
                DeValue::Table(table) => in_table(table, name),
                DeValue::Array(list) => list.iter().find_map(|v| within(v.get_ref(), name)),
                _ => None,
            }
        }
        fn in_table(table: &DeTable<'_>, name: &str) -> Option<usize> {
            let own = table.keys().find(|k| *k.get_ref() == name).map(|k| k.span().start);
            own.or_else(|| table.values().find_map(|v| within(v.get_ref(), name)))
        }
        in_table(self.entries, name)
    }
}

fn integer(value: &DeValue<'_>) -> Option<i64> {
    let number = value.as_integer()?;
    i64::from_str_radix(number.as_str(), number.radix()).ok()
}

/// A value of the file as JSON; what is wrong with it is told at its key, `at`: dates and times of day are text as bodies have them, a moment is UTC milliseconds.
fn json(
    source: Source<'_>,
    key: &str,
    at: usize,
    value: &Spanned<DeValue<'_>>,
    zone: Option<&TimeZone>,
) -> Result<Json, Refusal> {
    Ok(match value.get_ref() {
        DeValue::String(text) => Json::from(text.as_ref()),
        DeValue::Boolean(bit) => Json::from(*bit),
        whole @ DeValue::Integer(_) => Json::from(
            integer(whole).ok_or_else(|| source.unfit(at, key, Said::new("64 位整数", "a whole number of 64 bits")))?,
        ),
        DeValue::Float(_) => {
            let allowed = Said::new("整数；小数请换成更小的单位", "a whole number; use a smaller unit for fractions");
            return Err(source.unfit(at, key, allowed));
        }
        DeValue::Datetime(moment) => match (moment.date, moment.time) {
            (Some(_), Some(_)) => Json::from(instant_ms(source, at, moment, zone)?),
            (Some(date), None) => Json::from(date.to_string()),
            (None, Some(time)) if time.second.unwrap_or(0) == 0 && time.nanosecond.unwrap_or(0) == 0 => {
                Json::from(format!("{:02}:{:02}", time.hour, time.minute))
            }
            _ => {
                return Err(source.unfit(
                    at,
                    key,
                    Said::new("整分的时刻，如 08:00", "a time of day in whole minutes, such as 08:00"),
                ));
            }
        },
        DeValue::Array(list) => {
            Json::Array(list.iter().map(|v| json(source, key, at, v, zone)).collect::<Result<_, _>>()?)
        }
        DeValue::Table(table) => {
            let mut out = serde_json::Map::new();
            for (key, value) in table {
                let name: &str = key.get_ref();
                out.insert(name.to_owned(), json(source, name, key.span().start, value, zone)?);
            }
            Json::Object(out)
        }
    })
}

/// UTC milliseconds of a date with a time, under the rules for readings.
fn instant_ms(source: Source<'_>, at: usize, moment: &Datetime, zone: Option<&TimeZone>) -> Result<i64, Refusal> {
    let (Some(date), Some(time)) = (moment.date, moment.time) else { return Ok(0) };
    let mut text = format!("{date}T{:02}:{:02}:{:02}", time.hour, time.minute, time.second.unwrap_or(0));
    if let Some(nanos) = time.nanosecond {
        text.push_str(&format!(".{nanos:09}"));
    }
    if let Some(offset) = moment.offset {
        text.push_str(&offset.to_string());
    }
    instant::parse(&text, zone).map_err(|wrong| source.refuse(at, wrong.what, wrong.allowed))
}

/// UTC milliseconds of a key that is a moment, or the first instant of a date in the site's zone.
pub(super) fn moment(
    table: &Table<'_, '_>,
    key: &str,
    local: Option<&TimeZone>,
    site: Option<&TimeZone>,
) -> Result<Option<i64>, Refusal> {
    let Some(value) = table.get(key) else { return Ok(None) };
    let at = table.locate(key);
    let allowed = || {
        Said::new(
            "日期，或带时差的时刻，如 2026-03-02T08:00:00+08:00",
            "a date, or a moment with its offset, such as 2026-03-02T08:00:00+08:00",
        )
    };
    let wrong = || table.source.unfit(at, key, allowed());
    match value.get_ref() {
        DeValue::Datetime(moment) if moment.time.is_some() && moment.date.is_some() => {
            instant_ms(table.source, at, moment, local).map(Some)
        }
        DeValue::Datetime(moment) if let (Some(date), None, Some(zone)) = (moment.date, moment.time, site) => {
            let date = metrics::calendar::parse_date(&date.to_string()).ok_or_else(wrong)?;
            let first = date.to_zoned(zone.clone()).map_err(|_| wrong())?;
            Ok(Some(first.timestamp().as_millisecond()))
        }
        whole @ DeValue::Integer(_) => {
            let most = protocol::declaration::INTEGER_MAX;
            integer(whole).filter(|ms| (-most..=most).contains(ms)).map(Some).ok_or_else(wrong)
        }
        _ => Err(wrong()),
    }
}
