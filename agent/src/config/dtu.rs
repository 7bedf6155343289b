//! `listen` and the packets of a DTU that dials in, in a `[[device]]`.

use std::net::SocketAddr;

use super::device::{DTU_PACKET_BYTES_MAX, Dtu};
use super::document::{Located, Section};
use crate::locale::words;

/// What only a DTU has, beside `listen`.
const PACKET_KEYS: [&str; 4] = ["registration", "registration_hex", "heartbeat", "heartbeat_hex"];

/// Declares that a DTU does not belong here.
pub(super) fn nowhere(section: &Section<'_, '_>) {
    let why = words!(
        "DTU 拨入只用于 `protocol = \"modbus_rtu_over_tcp\"` 和 `\"dlt645\"`",
        "a DTU that dials in is only for `protocol = \"modbus_rtu_over_tcp\"` and `\"dlt645\"`"
    );
    section.foreign(&["listen"], &why);
    section.foreign(&PACKET_KEYS, &why);
}

/// Declares that the packets of a DTU need `listen` beside them.
pub(super) fn without_listen(section: &Section<'_, '_>) {
    let why = words!(
        "这一项要和 `listen = \"0.0.0.0:9000\"` 一起写（DTU 拨入）",
        "this key belongs beside `listen = \"0.0.0.0:9000\"` (a DTU that dials in)"
    );
    section.foreign(&PACKET_KEYS, &why);
}

/// Reads `listen` and what belongs to it.
pub(super) fn read(section: &Section<'_, '_>) -> Option<Dtu> {
    section.foreign(
        &["address", "port"],
        &words!(
            "`listen`（DTU 拨入）和 `address`、`port` 只写一种",
            "give `listen` (a DTU dials in) or `address` or `port`, not two of them"
        ),
    );
    if !PACKET_KEYS[..2].iter().any(|key| section.has(key)) {
        section.missing("registration", "\"press-dtu-01\"");
    }
    let registration = packet(section, "registration", "registration_hex");
    let heartbeat = packet(section, "heartbeat", "heartbeat_hex");
    let listen = section.string("listen").and_then(|written| {
        let address = written.value.parse::<SocketAddr>().ok().filter(|address| address.port() != 0);
        if address.is_none() {
            let shown: String = written.value.chars().take(80).collect();
            section.collector().error(
                Some(written.line),
                words!("`listen = \"{shown}\"` 不是“IP 地址:端口”", "`listen = \"{shown}\"` is not IP address:port"),
                words!(
                    "写本机的 IP 地址和端口，例如 `10.8.0.2:9000`；`0.0.0.0:9000` 是所有网口",
                    "write an address of this machine and a port, such as `10.8.0.2:9000`; `0.0.0.0:9000` is every interface"
                ),
            );
        }
        if let Some(address) = address.filter(|address| !address.ip().is_loopback()) {
            section.collector().warning(
                Some(written.line),
                words!(
                    "{address} 上的 DTU 连接既不加密也不认证：能连到这个端口的人都可以冒充 DTU",
                    "DTU connections on {address} are neither encrypted nor authenticated: whoever reaches this port can pose as the DTU"
                ),
                words!(
                    "用运营商专网（APN）或 VPN，并用防火墙只放行 DTU",
                    "use a private APN or a VPN, and let the firewall pass only the DTUs"
                ),
            );
        }
        address
    });
    Some(Dtu { listen: listen?, registration: registration??, heartbeat: heartbeat?.unwrap_or_default() })
}

/// A packet as text or as hexadecimal digits. `Some(None)` when neither is there, `None` after a mistake.
fn packet(section: &Section<'_, '_>, text: &'static str, hex: &'static str) -> Option<Option<Vec<u8>>> {
    let (has_text, has_hex) = (section.has(text), section.has(hex));
    if !has_text && !has_hex {
        return Some(None);
    }
    let Located { value, line } = section.string(if has_hex { hex } else { text })?;
    if has_text && has_hex {
        section.collector().error(
            Some(line),
            words!("`{text}` 和 `{hex}` 只写一个", "give `{text}` or `{hex}`, not both"),
            words!("文字用 `{text}`，十六进制用 `{hex}`", "`{text}` for text, `{hex}` for hexadecimal digits"),
        );
        return None;
    }
    let bytes = if has_hex {
        let digits: String = value.chars().filter(|c| *c != ' ').collect();
        data_encoding::HEXLOWER_PERMISSIVE.decode(digits.as_bytes()).ok()
    } else {
        Some(value.into_bytes())
    };
    let bytes = bytes.filter(|bytes| (1..=DTU_PACKET_BYTES_MAX).contains(&bytes.len()));
    if bytes.is_none() {
        let key = if has_hex { hex } else { text };
        section.collector().error(
            Some(line),
            words!(
                "`{key}` 应是 1 到 {DTU_PACKET_BYTES_MAX} 个字节",
                "`{key}` must be 1 to {DTU_PACKET_BYTES_MAX} bytes"
            ),
            words!(
                "照 DTU 配置软件里的写：文字，或 `7E 01 02` 这样的十六进制",
                "write what the DTU's own setup says: text, or hexadecimal digits such as `7E 01 02`"
            ),
        );
        return None;
    }
    Some(bytes)
}
