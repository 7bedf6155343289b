//! What the running agent has to tell: `doctor` asks its local page, so that a refusal of the server or a stepped clock is found by
//! whoever looks for a fault, and not only by whoever happens to open the page.

use serde_json::Value as Json;

use super::{Finding, Verdict};
use crate::commands::status::{self, NOTICES_SHOWN};
use crate::config::Config;
use crate::config::device::{Carrier, Device};
use crate::locale::{Words, words};

/// Asks, if there is a page to ask.
pub(super) async fn ask(config: &Config) -> Option<Result<Json, Words>> {
    match &config.page.listen {
        Some(listen) => Some(status::ask(listen).await),
        None => None,
    }
}

/// What follows from its answer.
pub(super) fn findings(answer: Result<Json, Words>) -> Vec<Finding> {
    match answer {
        Ok(json) => judge(&json),
        Err(words) => vec![Finding::new(Verdict::Warning, tried(), words)],
    }
}

/// What it says of a device on a line that it holds alone, a serial port or the port of a DTU: opening it again would only say "busy".
pub(super) fn device(json: &Json, device: &Device) -> Option<Finding> {
    let carrier = device.link.carrier()?;
    if !matches!(carrier, Carrier::Serial(_) | Carrier::Dtu(_)) {
        return None;
    }
    let name = &device.name;
    let said = json["devices"].as_array()?.iter().find(|said| said["name"] == name.as_str())?;
    let tried = words!(
        "设备 `{name}`（{carrier}）：线路由运行中的网关程序使用，问它",
        "device `{name}` ({carrier}): the running agent has the line and was asked"
    );
    Some(match said["state"].as_str()? {
        "up" => Finding::new(Verdict::Good, tried, words!("应答正常", "answered")),
        "starting" => Finding::new(Verdict::Warning, tried, words!("刚刚启动，还没有结果", "has only just started")),
        _ => Finding::new(Verdict::Bad, tried, both(&said["trouble"])),
    })
}

fn tried() -> Words {
    words!("正在运行的网关程序", "the running agent")
}

fn both(json: &Json) -> Words {
    let text = |lang: &str| json[lang].as_str().unwrap_or_default().to_owned();
    Words::new(text("zh"), text("en"))
}

/// Findings from `/status.json`, pure: the connection, the buffer, and the newest notices.
pub(super) fn judge(json: &Json) -> Vec<Finding> {
    let waiting = &json["buffer"]["undelivered_records"];
    let mut findings = vec![match json["uplink"]["connected"].as_bool() {
        Some(true) => Finding::new(
            Verdict::Good,
            tried(),
            words!(
                "已连接服务器，{waiting} 条记录待回执",
                "connected to the server, {waiting} records wait for a receipt"
            ),
        ),
        _ => {
            let Words { zh, en } = both(&json["uplink"]["problem"]);
            Finding::new(
                Verdict::Bad,
                tried(),
                words!(
                    "未连接服务器，{waiting} 条记录存在本机。{zh}",
                    "not connected to the server, {waiting} records are kept here. {en}"
                ),
            )
        }
    }];
    if json["buffer"]["blocked"] == true {
        findings.push(Finding::new(
            Verdict::Bad,
            tried(),
            words!(
                "缓存不再接收：停止采集并记录缺口，原因见下面的通知",
                "the buffer takes nothing: reading has stopped and the gap is recorded; a notice below says why"
            ),
        ));
    }
    let notices = json["notices"].as_array().map(Vec::as_slice).unwrap_or_default();
    for notice in notices.iter().rev().take(NOTICES_SHOWN) {
        let (zh, en) = notice["age_ms"].as_i64().map_or_else(Default::default, |ms| {
            (crate::page::view::age(ms, crate::locale::Lang::Zh), crate::page::view::age(ms, crate::locale::Lang::En))
        });
        let tried = words!("网关程序的通知（{zh}）", "notice of the agent ({en})");
        findings.push(Finding::new(Verdict::Warning, tried, both(notice)));
    }
    findings
}
