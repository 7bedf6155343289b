//! `gongzheng-agent status`: asks the running agent's local page and prints it for a terminal.

use std::fmt::Write as _;
use std::time::Duration;

use clap::Args;
use serde_json::Value as Json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::Told;
use crate::config::Config;
use crate::locale::{Lang, Words, words};
use crate::page::view::age;

/// Options of `status`.
#[derive(Debug, Args)]
pub struct Options {
    /// 输出 JSON / print JSON
    #[arg(long)]
    pub json: bool,
}

/// Longest answer of the page: 20,000 tags of 256 bytes and some.
const ANSWER_BYTES_MAX: u64 = 16 * 1024 * 1024;
const LIMIT: Duration = Duration::from_secs(5);
/// The newest notices; the local page has all of them.
pub(super) const NOTICES_SHOWN: usize = 10;

/// Asks and renders.
///
/// # Errors
/// When no agent answers there.
pub async fn report(config: &Config, options: &Options, lang: Lang) -> anyhow::Result<String> {
    let json = ask(listen(config).map_err(Told)?).await.map_err(Told)?;
    if options.json {
        return Ok(format!("{}\n", serde_json::to_string_pretty(&json)?));
    }
    Ok(render(&json, lang))
}

/// Where the local page is.
///
/// # Errors
/// Words for the person who asked, when it is switched off.
pub(super) fn listen(config: &Config) -> Result<&str, Words> {
    config.page.listen.as_deref().ok_or_else(|| {
        words!(
            "本地页面已关闭，无法查询。在 `[page]` 里去掉 `enabled = false`",
            "the local page is off, so nothing can be asked. Remove `enabled = false` from `[page]`"
        )
    })
}

/// What the running agent says on its local page.
///
/// # Errors
/// Words for the person who asked, when no agent answers there.
pub(super) async fn ask(listen: &str) -> Result<Json, Words> {
    let fetched = tokio::time::timeout(LIMIT, fetch(listen)).await;
    let body = fetched.unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into()));
    let json = body.and_then(|body| serde_json::from_str(&body).map_err(std::io::Error::from));
    json.map_err(|error| {
        words!(
            "{listen} 上没有正在运行的网关程序：{error}。用 `sudo systemctl start gongzheng-agent` 启动，或检查 `[page] listen`",
            "no running agent answers on {listen}: {error}. Start it with `sudo systemctl start gongzheng-agent`, or check `[page] listen`"
        )
    })
}

async fn fetch(listen: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(listen).await?;
    stream.write_all(b"GET /status.json HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await?;
    let mut answer = Vec::new();
    stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer).await?;
    let text = String::from_utf8(answer).map_err(|_| std::io::Error::from(std::io::ErrorKind::InvalidData))?;
    match text.split_once("\r\n\r\n") {
        Some((head, body)) if head.starts_with("HTTP/1.1 200") => Ok(body.to_owned()),
        _ => Err(std::io::ErrorKind::InvalidData.into()),
    }
}

pub(super) fn render(json: &Json, lang: Lang) -> String {
    let t = |zh, en| lang.pick(zh, en);
    let text = |value: &Json| value.as_str().unwrap_or("—").to_owned();
    let when = |value: &Json| value.as_i64().map_or("—".to_owned(), |ms| age(ms, lang));
    let words = |value: &Json| value[lang.name()].as_str().unwrap_or_default().to_owned();
    let mut out = String::new();
    let _ = writeln!(out, "{} / {}  {}", text(&json["site"]), text(&json["gateway"]), text(&json["version"]));
    let connected = json["uplink"]["connected"] == true;
    let _ = writeln!(
        out,
        "{}: {} {}",
        t("服务器", "server"),
        if connected { t("已连接", "connected") } else { t("未连接", "not connected") },
        words(&json["uplink"]["problem"]),
    );
    let _ = writeln!(out, "{}: {}", t("最近回执", "last receipt"), when(&json["uplink"]["last_receipt"]["age_ms"]));
    let _ = writeln!(
        out,
        "{}: {} {}{}",
        t("缓存", "buffer"),
        json["buffer"]["undelivered_records"],
        t("条待回执", "records waiting"),
        if json["buffer"]["blocked"] == true { t("，已满", ", FULL") } else { "" },
    );
    let _ = writeln!(out, "{}: {}", t("时钟", "clock"), words(&json["clock"]["state"]));
    if !json["clock"]["remedy"].is_null() {
        let _ = writeln!(out, "    {}", words(&json["clock"]["remedy"]));
    }
    for device in json["devices"].as_array().into_iter().flatten() {
        let _ =
            writeln!(out, "{:<16} {:<9} {}", text(&device["name"]), text(&device["state"]), words(&device["trouble"]));
        for tag in device["tags"].as_array().into_iter().flatten() {
            let gap = tag["gap"].as_str().unwrap_or_default();
            let raw = if tag["raw"].is_null() { "—".to_owned() } else { tag["raw"].to_string() };
            let _ = writeln!(out, "  {:<32} {:>16}  {} {}", text(&tag["id"]), raw, when(&tag["age_ms"]), gap);
        }
    }
    let notices = json["notices"].as_array().map(Vec::as_slice).unwrap_or_default();
    if !notices.is_empty() {
        let _ = writeln!(out, "{}:", t("通知", "notices"));
    }
    for notice in notices.iter().rev().take(NOTICES_SHOWN) {
        let _ = writeln!(out, "  {}  {}", when(&notice["age_ms"]), words(notice));
    }
    out
}
