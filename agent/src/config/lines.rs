//! What devices on one line share: the serial settings, its capacity, its protocol.
//!
//! Constraints: a wish that physics cannot grant is refused when the file is checked, with all devices of a line together; two protocols
//! on one line would take each other's frames for noise and disturb each other's timing, and are refused.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::device::{Carrier, Device, Dtu, Link, SerialPort};
use super::devices::groups;
use super::document::Section;
use crate::locale::words;
use crate::source::dlt645;
use crate::source::modbus::timing::{self, TURNAROUND_USUAL_US};

/// Serial lines against physics, their settings against each other, and one protocol on each line.
pub(super) fn check(root: &Section<'_, '_>, devices: &[Device]) {
    check_protocols(root, devices);
    check_dtus(root, devices);
    let mut lines: BTreeMap<&PathBuf, Vec<(&Device, &SerialPort)>> = BTreeMap::new();
    for device in devices {
        if let Some(Carrier::Serial(port)) = device.link.carrier() {
            lines.entry(&port.path).or_default().push((device, port));
        }
    }
    for (path, members) in lines {
        let path = path.display();
        let (first, port) = members[0];
        if let Some((other, _)) = members.iter().find(|(_, p)| *p != port) {
            let (a, b) = (&first.name, &other.name);
            root.collector().error(
                Some(other.line),
                words!(
                    "`{a}` 和 `{b}` 在同一串口 {path} 上，但串口参数不同",
                    "`{a}` and `{b}` share {path} with different settings"
                ),
                words!("一条总线上的波特率、校验和停止位必须相同", "baud, parity and stop bits must agree on one bus"),
            );
            continue;
        }
        let load = |turnaround| members.iter().map(|(d, p)| load_permille(d, p, turnaround)).sum::<u64>();
        let (floor, usual) = (load(0), load(TURNAROUND_USUAL_US));
        let baud = port.baud;
        if floor > 1_000 {
            let percent = floor / 10;
            root.collector().error(
                Some(first.line),
                words!(
                    "串口 {path} 在 {baud} 波特下做不到：需要线路能力的 {percent}%",
                    "the line {path} cannot do this at {baud} baud: it would need {percent} % of its capacity"
                ),
                words!(
                    "加大 `interval_ms`、提高波特率、减少数据点，或分到两条总线",
                    "raise `interval_ms`, raise the baud rate, read fewer tags, or use a second bus"
                ),
            );
        } else if usual > 900 {
            let percent = usual / 10;
            root.collector().warning(
                Some(first.line),
                words!(
                    "串口 {path} 几乎排满：设备若需 20 毫秒应答，占用 {percent}%",
                    "the line {path} is nearly full: {percent} % if devices take the usual 20 ms to answer"
                ),
                words!("加大 `interval_ms` 或提高波特率", "raise `interval_ms` or the baud rate"),
            );
        }
    }
}

/// Occupation of a serial line by one device in parts per thousand, with a Modbus device that thinks for `turnaround_us`.
pub(crate) fn load_permille(device: &Device, port: &SerialPort, turnaround_us: u64) -> u64 {
    match &device.link {
        Link::Modbus(link) => {
            let polls = groups(&device.tags, &link.limits);
            let polls = polls.iter().map(|(ms, requests)| (requests.as_slice(), *ms, link.pause_ms));
            timing::load_permille(port, polls, turnaround_us)
        }
        Link::Dlt645(link) => dlt645::plan::load_permille(port, &device.tags, link.pause_ms),
        Link::OpcUa(_) => 0,
    }
}

fn check_protocols(root: &Section<'_, '_>, devices: &[Device]) {
    let mut lines: BTreeMap<String, (&Device, bool)> = BTreeMap::new();
    for device in devices {
        let place = match device.link.carrier() {
            Some(carrier @ (Carrier::Serial(_) | Carrier::RtuOverTcp(_) | Carrier::Dtu(_))) => carrier.to_string(),
            Some(Carrier::Tcp(_)) | None => continue,
        };
        let is_meter = matches!(device.link, Link::Dlt645(_));
        let (first, first_is_meter) = *lines.entry(place.clone()).or_insert((device, is_meter));
        if first_is_meter != is_meter {
            let (a, b) = (&first.name, &device.name);
            root.collector().error(
                Some(device.line),
                words!(
                    "`{a}` 和 `{b}` 在同一条线 {place} 上，但一个是 Modbus，一个是 DL/T 645",
                    "`{a}` and `{b}` share the line {place}, one with Modbus and one with DL/T 645"
                ),
                words!(
                    "一条线只走一种协议：把它们分到两个串口",
                    "one line carries one protocol: give them a serial port each"
                ),
            );
        }
    }
}

/// DTUs of one port must be told apart by their first bytes, and one DTU must be described alike everywhere.
fn check_dtus(root: &Section<'_, '_>, devices: &[Device]) {
    let mut known: Vec<(&Device, &Dtu)> = Vec::new();
    for device in devices {
        let Some(Carrier::Dtu(dtu)) = device.link.carrier() else { continue };
        let same_port = known.iter().filter(|(_, other)| other.listen == dtu.listen);
        let begins = |(_, other): &&(&Device, &Dtu)| {
            other.registration.starts_with(&dtu.registration) || dtu.registration.starts_with(&other.registration)
        };
        let Some((first, other)) = same_port.clone().find(begins) else {
            known.push((device, dtu));
            continue;
        };
        let (a, b, listen) = (&first.name, &device.name, dtu.listen);
        if other.registration != dtu.registration {
            root.collector().error(
                Some(device.line),
                words!(
                    "`{a}` 和 `{b}` 在 {listen} 上的注册包，一个是另一个的开头，分不清",
                    "of the registrations of `{a}` and `{b}` on {listen} one begins with the other: they cannot be told apart"
                ),
                words!(
                    "改成一样长，或都加上结尾，例如 `-end`",
                    "make them equally long, or give both an end such as `-end`"
                ),
            );
        } else if other.heartbeat != dtu.heartbeat {
            root.collector().error(
                Some(device.line),
                words!(
                    "`{a}` 和 `{b}` 在同一个 DTU 后面，但心跳包写得不同",
                    "`{a}` and `{b}` are behind the same DTU with different heartbeats"
                ),
                words!("一个 DTU 只有一个心跳包：写成一样", "a DTU has one heartbeat: write the same"),
            );
        }
    }
}
