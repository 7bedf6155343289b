//! `gongzheng-agent probe`: one block of registers, read once and shown in every type and order side by side, so that the installer
//! can point at the one that stands on the meter's face.
//!
//! Constraints: one request (or one read of all nodes), then done; nothing is stored; a value that is not a number is shown as such.

use std::fmt::Write as _;
use std::time::Duration;

use clap::Args;

use super::Told;
use crate::config::Config;
use crate::config::device::{Carrier, Device, Link, ModbusLink, OpcUaLink, Place};
use crate::locale::{Lang, Words, words};
use crate::page::view::engineering;
use crate::source::modbus::client::{Ask, Connection, Payload};
use crate::source::modbus::decode::{Encoding, Kind, Order, decode};
use crate::source::modbus::plan::{Area, Request};
use crate::source::modbus::trouble::trouble;
use crate::source::opcua::node::Node;
use crate::source::opcua::session::Live;
use crate::source::opcua::subscription::{Judged, judge};

/// Options of `probe`.
#[derive(Debug, Args)]
pub struct Options {
    /// 配置文件里的设备名 / a device of the configuration file
    pub device: String,
    /// holding, input, coil, discrete；不写则读该设备的全部数据点 / without it, all tags of the device
    #[arg(long, value_parser = parse_area)]
    pub area: Option<Area>,
    /// 起始地址，从 0 数 / first address, from 0
    #[arg(long, default_value_t = 0)]
    pub address: u16,
    /// 数量 / how many
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=125))]
    pub count: u16,
    /// 临时改用的站号 / try another unit
    #[arg(long)]
    pub unit: Option<u8>,
}

fn parse_area(text: &str) -> Result<Area, String> {
    [Area::Holding, Area::Input, Area::Coil, Area::Discrete]
        .into_iter()
        .find(|area| area.name() == text)
        .ok_or_else(|| "holding | input | coil | discrete".to_owned())
}

/// Reads and renders.
///
/// # Errors
/// When the device is not in the file or gives no answer.
pub async fn report(config: &Config, options: &Options, lang: Lang) -> anyhow::Result<String> {
    let Some(device) = config.devices.iter().find(|d| d.name == options.device) else {
        let wanted = &options.device;
        let names: Vec<&str> = config.devices.iter().map(|d| d.name.as_str()).collect();
        let names = names.join(", ");
        return Err(Told(words!(
            "配置文件里没有设备 `{wanted}`。有：{names}",
            "there is no device `{wanted}` in the configuration file. There are: {names}"
        ))
        .into());
    };
    let told = |words: Words| anyhow::Error::new(Told(words));
    match &device.link {
        Link::OpcUa(link) => {
            let pki = config.gateway.state_dir.join("pki").join(&device.name);
            read_nodes(device, link, &pki, lang).await.map_err(told)
        }
        Link::Dlt645(link) => Ok(super::meter::probe(device, link, lang).await),
        Link::Modbus(link) => {
            let link = ModbusLink { unit: options.unit.unwrap_or(link.unit), ..link.clone() };
            let mut connection = Connection::new(link.carrier.clone());
            match options.area {
                Some(area) => {
                    let request = Request { area, address: options.address, count: options.count, placed: Vec::new() };
                    let payload = ask(&mut connection, device, &link, &request).await.map_err(told)?;
                    Ok(block(&request, &payload, lang))
                }
                None => read_tags(&mut connection, device, &link, lang).await.map_err(told),
            }
        }
    }
}

/// How long opening may take: a DTU dials in when it likes.
pub(super) fn open_limit(carrier: &Carrier, timeout: Duration) -> Duration {
    if matches!(carrier, Carrier::Dtu(_)) { timeout.max(DTU_LIMIT) } else { timeout }
}

const DTU_LIMIT: Duration = Duration::from_secs(30);

/// Asks a Modbus device once.
///
/// # Errors
/// What went wrong, in words.
pub async fn ask(
    connection: &mut Connection,
    device: &Device,
    link: &ModbusLink,
    request: &Request,
) -> Result<Payload, Words> {
    let timeout = Duration::from_millis(device.timeout_ms);
    let ask = Ask::new(device, link, request);
    let mut result = Ok(());
    if connection.is_closed() {
        result = connection.open(open_limit(&link.carrier, timeout)).await;
    }
    let result = match result {
        Ok(()) => connection.read(ask, request).await,
        Err(failure) => Err(failure),
    };
    let place = link.carrier.to_string();
    result.map_err(|f| trouble(&f, &device.name, &place, link.unit, device.timeout_ms, request))
}

async fn read_tags(
    connection: &mut Connection,
    device: &Device,
    link: &ModbusLink,
    lang: Lang,
) -> Result<String, Words> {
    let mut out = String::new();
    for tag in &device.tags {
        let Place::Modbus { area, address, count, encoding } = &tag.place else { continue };
        let request = Request { area: *area, address: *address, count: *count, placed: Vec::new() };
        let (id, unit) = (&tag.id, &tag.unit);
        match ask(connection, device, link, &request).await {
            Ok(Payload::Words(registers)) => {
                let hex: Vec<String> = registers.iter().map(|w| format!("{w:04X}")).collect();
                let shown = match decode(&registers, *encoding) {
                    Ok(value) => format!("{value} → {} {unit}", engineering(tag, &value)),
                    Err(why) => format!("✕ {why}"),
                };
                let _ = writeln!(out, "{id:<28} {:<8} {address:>5}  [{}]  {shown}", area.name(), hex.join(" "));
            }
            Ok(Payload::Bits(bits)) => {
                let bit = bits.first().map_or("—", |b| if *b { "1" } else { "0" });
                let _ = writeln!(out, "{id:<28} {:<8} {address:>5}  {bit}", area.name());
            }
            Err(words) => {
                let _ = writeln!(out, "{id:<28} ✕ {}", words.get(lang));
            }
        }
    }
    Ok(out)
}

/// One block: every register with the 16-bit types, and every pair and four in the orders makers use.
fn block(request: &Request, payload: &Payload, lang: Lang) -> String {
    let mut out = String::new();
    let registers = match payload {
        Payload::Bits(bits) => {
            for (i, bit) in bits.iter().enumerate() {
                let _ = writeln!(out, "{:>5}  {}", usize::from(request.address) + i, u8::from(*bit));
            }
            return out;
        }
        Payload::Words(registers) => registers,
    };
    let _ = writeln!(out, "{}", lang.pick("哪一个与表面上的数字一致？", "Which of these stands on the meter's face?"));
    let _ = writeln!(out, "{:>5}  {:<6} {:>6} {:>7}  ASCII", lang.pick("地址", "addr"), "hex", "u16", "i16");
    for (i, word) in registers.iter().enumerate() {
        let text: String =
            word.to_be_bytes().iter().map(|b| if b.is_ascii_graphic() { char::from(*b) } else { '·' }).collect();
        let _ = writeln!(
            out,
            "{:>5}  {word:04X}   {word:>6} {:>7}  {text}",
            usize::from(request.address) + i,
            word.cast_signed()
        );
    }
    for (kinds, width) in [([Kind::U32, Kind::I32, Kind::F32], 2), ([Kind::U64, Kind::I64, Kind::F64], 4)] {
        for (i, span) in registers.windows(width).enumerate() {
            let _ = writeln!(
                out,
                "\n{:>5}  {}",
                usize::from(request.address) + i,
                lang.pick("byte_order / word_order", "byte_order / word_order")
            );
            for (byte_order, word_order) in [
                (Order::Big, Order::Big),
                (Order::Big, Order::Little),
                (Order::Little, Order::Big),
                (Order::Little, Order::Little),
            ] {
                let name = |order| if order == Order::Big { "big" } else { "little" };
                let _ = write!(out, "       {:<6} / {:<6}", name(byte_order), name(word_order));
                for kind in kinds {
                    let value = decode(span, Encoding { kind, byte_order, word_order, bit: 0 });
                    let value = value.map_or("—".to_owned(), |v| short(&v));
                    let _ = write!(out, "  {} {value:<24}", kind.name());
                }
                out.push('\n');
            }
        }
    }
    out
}

/// A number a person can compare: very large and very small ones, which are never on a meter's face, in powers of ten.
fn short(value: &protocol::Value) -> String {
    let number = match value {
        protocol::Value::F32(v) => f64::from(*v),
        protocol::Value::F64(v) => *v,
        other => return other.to_string(),
    };
    if number != 0.0 && !(1e-4..1e9).contains(&number.abs()) { format!("{number:.3e}") } else { value.to_string() }
}

async fn read_nodes(device: &Device, link: &OpcUaLink, pki: &std::path::Path, lang: Lang) -> Result<String, Words> {
    let live = Live::open(link, pki, Duration::from_millis(device.timeout_ms)).await.map_err(|t| t.words)?;
    let mut out = String::new();
    for tag in &device.tags {
        let Place::OpcUa { node, kind, .. } = &tag.place else { continue };
        let Some(parsed) = Node::parse(node) else { continue };
        let (id, unit) = (&tag.id, &tag.unit);
        let shown = match live.resolve(&parsed) {
            None => lang.pick("✕ 服务器没有这个命名空间", "✕ the server has no such namespace").to_owned(),
            Some(resolved) => match live.read(&[resolved]).await {
                Err(status) => format!("✕ {status}"),
                Ok(answers) => match answers.first().map(|a| judge(a, *kind)) {
                    Some(Judged::Reading { value, .. }) => format!("{value} → {} {unit}", engineering(tag, &value)),
                    Some(Judged::Unread { detail, .. }) => format!("✕ {detail}"),
                    None => "—".to_owned(),
                },
            },
        };
        let _ = writeln!(out, "{id:<28} {node:<40} {shown}");
    }
    live.close().await;
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_shows_every_order_side_by_side() {
        let request = Request { area: Area::Holding, address: 10, count: 2, placed: Vec::new() };
        let text = block(&request, &Payload::Words(vec![0xF5C3, 0x4048]), Lang::En);
        assert!(text.contains("u32 4123213896") && text.contains("f32 3.14"), "{text}");
        let line = text.lines().find(|l| l.contains("f32 3.14")).expect("the right order");
        assert!(line.contains("big    / little"), "{line}");
        assert!(text.contains("   11  4048    16456   16456  @H"), "{text}");
    }
}
