//! DL/T 645 meters in `probe` and `doctor`: every tag is asked once and shown with its bytes.

use std::fmt::Write as _;
use std::time::Duration;

use super::doctor::{Finding, Verdict};
use super::probe::open_limit;
use crate::config::device::{Carrier, Device, Dlt645Link, Place, Tag};
use crate::locale::{Lang, Words, words};
use crate::page::view::engineering;
use crate::source::dlt645::client::{Ask, Connection};
use crate::source::dlt645::frame::Di;
use crate::source::dlt645::trouble::trouble;
use crate::source::dlt645::value::{Kind, decode};

/// The tags of a meter that can be asked: identifier, kind, bytes.
fn wanted(device: &Device) -> impl Iterator<Item = (&Tag, Di, Kind, u8)> {
    device.tags.iter().filter_map(|tag| match &tag.place {
        Place::Dlt645 { di, bytes, kind } => Some((tag, *di, *kind, *bytes)),
        _ => None,
    })
}

async fn ask(connection: &mut Connection, device: &Device, link: &Dlt645Link, di: Di) -> Result<Vec<u8>, Words> {
    let timeout = Duration::from_millis(device.timeout_ms);
    let (late, pause) = (Duration::from_millis(link.late_ms), Duration::from_millis(link.pause_ms));
    let ask = Ask { meter: link.meter, timeout, late, pause, others: &[] };
    let opened =
        if connection.is_closed() { connection.open(open_limit(&link.carrier, timeout)).await } else { Ok(()) };
    let result = match opened {
        Ok(()) => connection.read(ask, di).await,
        Err(failure) => Err(failure),
    };
    let place = link.carrier.to_string();
    result.map_err(|f| trouble(&f, &device.name, &place, link.meter, device.timeout_ms, di))
}

/// What `probe` prints: per tag the identifier, the bytes as the meter's display orders them, and the value.
pub(super) async fn probe(device: &Device, link: &Dlt645Link, lang: Lang) -> String {
    let mut connection = Connection::new(link.carrier.clone());
    let mut out = String::new();
    for (tag, di, kind, bytes) in wanted(device) {
        let (id, unit) = (&tag.id, &tag.unit);
        let _ = match ask(&mut connection, device, link, di).await {
            Ok(data) => {
                let hex: Vec<String> = data.iter().rev().map(|byte| format!("{byte:02X}")).collect();
                let shown = match decode(&data, kind, bytes) {
                    Ok(value) => format!("{value} → {} {unit}", engineering(tag, &value)),
                    Err(why) => format!("✕ {why}"),
                };
                writeln!(out, "{id:<28} {di}  [{}]  {shown}", hex.join(" "))
            }
            Err(words) => writeln!(out, "{id:<28} {di}  ✕ {}", words.get(lang)),
        };
    }
    out
}

/// What `doctor` finds: one finding per tag.
pub(super) async fn findings(device: &Device, link: &Dlt645Link) -> Vec<Finding> {
    let mut connection = Connection::new(link.carrier.clone());
    let mut findings = Vec::new();
    for (tag, di, kind, bytes) in wanted(device) {
        let (name, carrier, meter, id) = (&device.name, &link.carrier, link.meter, &tag.id);
        let tried = words!(
            "设备 `{name}`（{carrier} 表号 {meter}）：读 {di}",
            "device `{name}` ({carrier} meter {meter}): reading {di}"
        );
        findings.push(match ask(&mut connection, device, link, di).await.map(|data| decode(&data, kind, bytes)) {
            Ok(Ok(_)) => Finding::new(Verdict::Good, tried, words!("应答正常", "answered")),
            Ok(Err(why)) => Finding::new(
                Verdict::Bad,
                tried,
                words!(
                    "`{id}` 读到的不是有效数值（{why}）。对照说明书检查 `di`、`bytes` 和 `type`",
                    "`{id}` does not hold a value ({why}). Check `di`, `bytes` and `type` against the manual"
                ),
            ),
            Err(mut words) => {
                if matches!(link.carrier, Carrier::RtuOverTcp(_)) {
                    words.zh += "。有的串口服务器只允许一个连接：若网关程序正在运行，先停下再试";
                    words.en += ". Some serial servers allow one connection only: stop a running agent and try again";
                }
                Finding::new(Verdict::Bad, tried, words)
            }
        });
    }
    findings
}
