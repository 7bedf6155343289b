//! `gongzheng-agent probe`: one block of registers, read once and shown in every type and order side by side, so that the installer
//! can point at the one that stands on the meter's face.
//!
//! Constraints: one request (or one read of all nodes), then done; nothing is stored; a value that is not a number is shown as such.

use std::fmt::Write as _;
use std::ops::RangeInclusive;
use std::time::Duration;

use clap::Args;

use super::Told;
use crate::config::Config;
use crate::config::device::{Carrier, Device, Link, ModbusLink, OpcUaLink, Place};
use crate::locale::{Lang, Words, words};
use crate::page::view::engineering;
use crate::source::modbus::client::{Ask, Connection, Payload};
use crate::source::modbus::decode::{Encoding, Kind, Nonsense, Order, decode};
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
                    if let Some(hole) = link.limits.hole(area, request.address, request.count) {
                        return Err(told(in_a_hole(device, hole)));
                    }
                    let payload = ask(&mut connection, device, &link, &request).await.map_err(told)?;
                    Ok(block(&request, &payload, lang))
                }
                None => read_tags(&mut connection, device, &link, lang).await.map_err(told),
            }
        }
    }
}

fn in_a_hole(device: &Device, hole: &RangeInclusive<u16>) -> Words {
    let (name, from, to) = (&device.name, hole.start(), hole.end());
    words!(
        "配置文件写明 `{name}` 的 {from} 到 {to} 从不读取（`holes`）；请换 `--address` 或 `--count`",
        "the configuration says that {from} to {to} of `{name}` are never read (`holes`); choose another `--address` or `--count`"
    )
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
        let limit = open_limit(&link.carrier, timeout);
        result = connection.open(limit, Duration::from_millis(link.connect_pause_ms)).await;
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
                    Err(why) => format!("✕ {}", why.words().get(lang)),
                };
                let _ = writeln!(out, "{id:<28} {:<8} {address}  [{}]  {shown}", area.name(), hex.join(" "));
            }
            Ok(Payload::Bits(bits)) => {
                let bit = bits.first().map_or("—", |b| if *b { "1" } else { "0" });
                let _ = writeln!(out, "{id:<28} {:<8} {address}  {bit}", area.name());
            }
            Err(words) => {
                let _ = writeln!(out, "{id:<28} ✕ {}", words.get(lang));
            }
        }
    }
    Ok(out)
}

/// The readings of one width that every block shows, how wide they are, and those shown only where they are possible: most registers
/// are no decimal digits, so that the few that are stand out.
const WIDTHS: [(&[Kind], usize, &[Kind]); 3] = [
    (&[Kind::U32, Kind::I32, Kind::F32], 11, &[Kind::Bcd32, Kind::M10k32]),
    (&[Kind::U48, Kind::I48], 16, &[Kind::Bcd48, Kind::M10k48]),
    (&[Kind::U64, Kind::I64, Kind::F64], 20, &[Kind::Bcd64, Kind::M10k64]),
];

/// One block: every register with the 16-bit types, and every two, three and four in the orders makers use.
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
    let address = lang.pick(" 地址", " addr");
    let _ = writeln!(out, "{}", lang.pick("哪一个与表面上的数字一致？", "Which of these stands on the meter's face?"));
    let _ = writeln!(
        out,
        "{address}  {:<6} {:>6} {:>7} {:>7} {:>10} {:>5}  ASCII",
        "hex", "u16", "i16", "u8", "f16", "bcd16"
    );
    for (i, word) in registers.iter().enumerate() {
        let [high, low] = word.to_be_bytes();
        let text: String =
            [high, low].iter().map(|b| if b.is_ascii_graphic() { char::from(*b) } else { '·' }).collect();
        let one = |kind| decode(&[*word], Encoding::plain(kind, Order::Big, Order::Big));
        let (half, bcd) = (shown(one(Kind::F16)), one(Kind::Bcd16).map_or_else(|_| String::new(), |v| v.to_string()));
        let _ = writeln!(
            out,
            "{:>5}  {word:04X}   {word:>6} {:>7} {:>7} {half:>10} {bcd:>5}  {text}",
            usize::from(request.address) + i,
            word.cast_signed(),
            format!("{high}/{low}"),
        );
    }
    for (always, width, if_possible) in WIDTHS {
        let count = always.first().and_then(|kind| kind.registers()).unwrap_or(1);
        if registers.len() >= usize::from(count) {
            let _ = writeln!(out, "\n{address}  byte_order / word_order");
        }
        for (i, span) in registers.windows(count.into()).enumerate() {
            let mut at = format!("{:>5}", usize::from(request.address) + i);
            for (byte_order, word_order) in [
                (Order::Big, Order::Big),
                (Order::Big, Order::Little),
                (Order::Little, Order::Big),
                (Order::Little, Order::Little),
            ] {
                let name = |order| if order == Order::Big { "big" } else { "little" };
                let _ = write!(out, "{at:>5}  {:<6} / {:<6}", name(byte_order), name(word_order));
                let read = |kind| decode(span, Encoding::plain(kind, byte_order, word_order));
                for kind in always {
                    let _ = write!(out, "  {} {:<width$}", kind.name(), shown(read(*kind)));
                }
                for (kind, value) in if_possible.iter().filter_map(|kind| Some((kind, read(*kind).ok()?))) {
                    let _ = write!(out, "  {} {value}", kind.name());
                }
                out.truncate(out.trim_end().len());
                out.push('\n');
                at.clear();
            }
        }
    }
    out
}

fn shown(value: Result<protocol::Value, Nonsense>) -> String {
    value.map_or_else(|_| "—".to_owned(), |value| short(&value))
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
        assert!(text.contains("   11  4048    16456   16456   64/72   2.140625  4048  @H"), "{text}");
        assert!(text.contains("   10  F5C3    62915   -2621 245/195     -23600        ··"), "{text}");
    }

    #[tokio::test]
    async fn a_block_that_touches_a_hole_is_not_asked_for() {
        let text = "[gateway]\nstate_dir = \"/tmp/gz-none\"\n[[device]]\nname = \"plc\"\nprotocol = \"modbus_tcp\"\naddress = \"127.0.0.1:1\"\nholes = [[100, 119]]\n";
        let (config, _) = Config::parse(text, std::path::Path::new("agent.toml")).unwrap_or_else(|p| panic!("{p}"));
        let options =
            |address| Options { device: "plc".to_owned(), area: Some(Area::Input), address, count: 8, unit: None };
        let told = |error: anyhow::Error| error.downcast::<Told>().expect("told").0;
        let words = told(report(&config, &options(93), Lang::En).await.expect_err("refused"));
        assert!(words.zh.contains("`plc` 的 100 到 119 从不读取（`holes`）"), "{}", words.zh);
        assert!(words.en.contains("100 to 119 of `plc` are never read (`holes`)"), "{}", words.en);
        let words = told(report(&config, &options(92), Lang::En).await.expect_err("nobody listens there"));
        assert!(words.en.contains("cannot reach `plc`"), "{}", words.en);
    }

    #[test]
    fn decimal_readings_are_shown_where_they_are_possible() {
        let request = Request { area: Area::Input, address: 0, count: 4, placed: Vec::new() };
        let text = block(&request, &Payload::Words(vec![0x0012, 0x3456, 0x7890, 0xFFFF]), Lang::Zh);
        assert_eq!(text.matches("bcd32 123456").count(), 1, "{text}");
        assert_eq!(text.matches("bcd48 1234567890").count(), 1, "{text}");
        assert!(text.contains("u48 78187493520"), "{text}");
        // With FFFF in it nothing is decimal, and 0x3456 is above 9,999.
        assert!(!text.contains("bcd64") && !text.contains("m10k48"), "{text}");
        let text = block(&request, &Payload::Words(vec![12, 3_456, 7_890, 1]), Lang::En);
        assert!(text.contains("m10k64 12345678900001") && text.contains("m10k32 78900001"), "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= 140), "{text}");
    }
}
