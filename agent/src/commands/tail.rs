//! `gongzheng-agent tail`: follows the live values of the running agent, a line per new reading.
//!
//! Constraints: it asks the local page, so it adds no request to any machine; it prints what the page says and nothing else; what cannot be
//! read is a line with its reason, once until that changes.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::time::Duration;

use clap::Args;
use serde_json::Value as Json;

use super::Told;
use super::status::{ask, listen};
use crate::config::Config;
use crate::locale::Lang;
use crate::page::view::utc;

/// Options of `tail`.
#[derive(Debug, Args)]
pub struct Options {
    /// 只看名字以此开头的数据点，例如 press 或 press/power / only tags whose id begins so
    pub tags: Vec<String>,
    /// 打印这么多行后结束 / end after this many lines
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    pub lines: Option<u64>,
}

/// How often the page is asked.
const EVERY: Duration = Duration::from_millis(500);

/// Follows until the lines are printed, the reader of a pipe hangs up, or the process is ended.
///
/// # Errors
/// When no agent answers on the local page.
pub async fn follow(config: &Config, options: &Options, lang: Lang) -> anyhow::Result<()> {
    let listen = listen(config).map_err(Told)?;
    let mut told = BTreeMap::new();
    let mut left = options.lines.unwrap_or(u64::MAX);
    loop {
        let page = ask(listen).await.map_err(Told)?;
        for line in news(&page, &options.tags, &mut told, lang) {
            if writeln!(std::io::stdout(), "{line}").is_err() {
                return Ok(());
            }
            left -= 1;
            if left == 0 {
                return Ok(());
            }
        }
        tokio::time::sleep(EVERY).await;
    }
}

/// The lines for what `page` says that was not `told` before: by tag, the reading's time and the gap's cause.
fn news(
    page: &Json,
    prefixes: &[String],
    told: &mut BTreeMap<String, (Option<i64>, Option<String>)>,
    lang: Lang,
) -> Vec<String> {
    let wall_ms = page["clock"]["wall_ms"].as_i64().unwrap_or_default();
    let tags =
        page["devices"].as_array().into_iter().flatten().flat_map(|d| d["tags"].as_array().into_iter().flatten());
    let mut lines = Vec::new();
    for tag in tags {
        let Some(id) = tag["id"].as_str() else { continue };
        if !prefixes.is_empty() && !prefixes.iter().any(|prefix| id.starts_with(prefix)) {
            continue;
        }
        let state = (tag["read_boot_ms"].as_i64(), tag["gap"].as_str().map(str::to_owned));
        if state == (None, None) || told.get(id) == Some(&state) {
            continue;
        }
        let (when_ms, shown) = if state.1.is_some() {
            (wall_ms, format!("✕ {}", tag["why"][lang.name()].as_str().unwrap_or_default()))
        } else {
            let doubt = match tag["quality"].as_str() {
                Some("uncertain") => lang.pick("? 设备称不确定", "? uncertain"),
                Some("bad") => lang.pick("✕ 设备称无效", "✕ bad"),
                _ => "",
            };
            let (value, unit) = (tag["shown"].as_str().unwrap_or("—"), tag["unit"].as_str().unwrap_or_default());
            (wall_ms - tag["age_ms"].as_i64().unwrap_or_default(), format!("{value} {unit} {doubt}"))
        };
        lines.push(format!("{}Z  {id:<28}  {}", utc(when_ms), shown.trim_end()));
        told.insert(id.to_owned(), state);
    }
    lines
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn page(read_boot_ms: Option<i64>, gap: Option<&str>) -> Json {
        let tag = |id: &str| {
            json!({"id": id, "shown": "12.50", "unit": "kW", "quality": "good", "age_ms": 1_000, "read_boot_ms": read_boot_ms,
                "gap": gap, "why": {"zh": "设备无应答", "en": "device silent"}})
        };
        json!({"clock": {"wall_ms": 86_400_000}, "devices": [{"tags": [tag("press/power"), tag("lathe/power")]}]})
    }

    #[test]
    fn a_reading_is_told_once_and_an_outage_once_until_it_ends() {
        let mut told = BTreeMap::new();
        let mut news = |read, gap| news(&page(read, gap), &["press".to_owned()], &mut told, Lang::En);
        assert!(news(None, None).is_empty(), "nothing was read yet");
        assert_eq!(news(Some(10), None), ["1970-01-01 23:59:59Z  press/power                   12.50 kW"]);
        assert!(news(Some(10), None).is_empty());
        assert_eq!(
            news(Some(10), Some("device_silent")),
            ["1970-01-02 00:00:00Z  press/power                   ✕ device silent"]
        );
        assert!(news(Some(10), Some("device_silent")).is_empty());
        assert_eq!(news(Some(20), None).len(), 1);
    }
}
