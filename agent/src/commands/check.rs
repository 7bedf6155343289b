//! `gongzheng-agent check`: explains what a valid configuration file means. Invalid ones never get here.

use std::fmt::Write as _;

use crate::config::device::{Carrier, Device, Link, SerialPort};
use crate::config::{Config, line_load_permille, request_groups};
use crate::locale::Lang;
use crate::source::dlt645::plan;
use crate::source::modbus::timing::TURNAROUND_USUAL_US;

/// The explanation, for stdout.
pub fn report(config: &Config, lang: Lang) -> String {
    let mut out = String::new();
    let file = config.file.display();
    let (devices, tags) = (config.devices.len(), config.devices.iter().map(|d| d.tags.len()).sum::<usize>());
    let per_second: f64 = config.devices.iter().flat_map(|d| &d.tags).map(|t| 1_000.0 / t.interval_ms as f64).sum();
    let _ = match lang {
        Lang::Zh => writeln!(out, "{file}：可用。{devices} 台设备，{tags} 个数据点，每秒约 {per_second:.1} 个读数。"),
        Lang::En => {
            writeln!(out, "{file}: valid. {devices} devices, {tags} tags, about {per_second:.1} readings a second.")
        }
    };
    for device in &config.devices {
        describe(&mut out, device, lang);
    }
    if let Ok(configuration) = config.configuration()
        && let Ok(content) = protocol::Content::Configuration(configuration).encode()
    {
        let digest = protocol::sha256(&content);
        let _ = match lang {
            Lang::Zh => writeln!(out, "配置摘要（写进每条记录）：{digest}"),
            Lang::En => writeln!(out, "configuration digest (named in every record): {digest}"),
        };
    }
    out
}

fn describe(out: &mut String, device: &Device, lang: Lang) {
    let (name, tags) = (&device.name, device.tags.len());
    if let Some(profile) = &device.profile {
        let _ = writeln!(out, "  {name}{}{profile}", lang.pick("：设备档案 ", ": device profile "));
    }
    match &device.link {
        Link::Modbus(link) => {
            let groups = request_groups(&device.tags, &link.limits);
            let (carrier, unit) = (&link.carrier, link.unit);
            for (interval_ms, requests) in &groups {
                let n = requests.len();
                let registers: u32 = requests.iter().map(|r| u32::from(r.count)).sum();
                let _ = match lang {
                    Lang::Zh => writeln!(
                        out,
                        "  {name}（{carrier} 站号 {unit}）：每 {interval_ms} 毫秒 {n} 次请求，共 {registers} 个寄存器"
                    ),
                    Lang::En => writeln!(
                        out,
                        "  {name} ({carrier} unit {unit}): {n} requests for {registers} registers every {interval_ms} ms"
                    ),
                };
            }
            if let Carrier::Serial(port) = &link.carrier {
                occupation(out, device, port, lang);
            }
        }
        Link::Dlt645(link) => {
            let (carrier, meter) = (&link.carrier, link.meter);
            for (interval_ms, requests) in plan::groups(&device.tags) {
                let identifiers: Vec<String> = requests.iter().map(|r| r.di.to_string()).collect();
                let (n, identifiers) = (requests.len(), identifiers.join(" "));
                let _ = match lang {
                    Lang::Zh => writeln!(
                        out,
                        "  {name}（{carrier} 表号 {meter}）：每 {interval_ms} 毫秒 {n} 次请求：{identifiers}"
                    ),
                    Lang::En => writeln!(
                        out,
                        "  {name} ({carrier} meter {meter}): {n} requests every {interval_ms} ms: {identifiers}"
                    ),
                };
            }
            if let Carrier::Serial(port) = carrier {
                occupation(out, device, port, lang);
            }
        }
        Link::OpcUa(link) => {
            let endpoint = &link.endpoint;
            let _ = match lang {
                Lang::Zh => writeln!(out, "  {name}（{endpoint}）：{tags} 个节点"),
                Lang::En => writeln!(out, "  {name} ({endpoint}): {tags} nodes"),
            };
        }
    }
}

fn occupation(out: &mut String, device: &Device, port: &SerialPort, lang: Lang) {
    let percent = line_load_permille(device, port, TURNAROUND_USUAL_US) / 10;
    let baud = port.baud;
    let _ = match lang {
        Lang::Zh => writeln!(out, "    {baud} 波特，设备 20 毫秒应答时占用线路约 {percent}%"),
        Lang::En => writeln!(out, "    {baud} baud; with 20 ms to answer it takes about {percent} % of the line"),
    };
}
