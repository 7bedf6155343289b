//! The configuration file: one TOML file, read into values that cannot be invalid.
//!
//! Constraints:
//! 1. Unknown keys are refused with their line and the nearest known name: a misspelt `intervall_ms` that is silently ignored would be
//!    a wrong measurement that nobody notices.
//! 2. All problems are reported in one go, each with file, line and what to do, in Chinese and English.
//! 3. What the file describes is *tags*; which requests fetch them is found by the planner, and what cannot work (a tag wider than the
//!    device allows, a serial line that would have to be faster than physics) is refused here, before the agent runs.
//! 4. Secrets are paths of files, never values.
//! 5. The same file always gives the same [`protocol::Configuration`]: tags in the order of the file; that is what goes into the evidence.
//!
//! Operation: [`Config::parse`] walks the parse tree section by section (`document`), devices in `devices`, tags in `tags`; a device
//! with a `profile` is read over the profile's document (`profiles`), so that both pass the same checks. It returns the
//! configuration together with warnings, or all problems.

pub mod device;
mod devices;
mod dlt645;
pub(crate) mod document;
mod dtu;
mod lines;
pub mod problem;
pub(crate) mod profiles;
pub mod scale;
pub(crate) mod tags;
#[cfg(test)]
mod tests;

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use protocol::content::{CounterConfig, DeviceConfig, Ratio, TagConfig};
use protocol::record::CONTENT_MAX;
use toml::de::DeTable;

use self::device::{Carrier, Device, Link, Place, Tag};
pub(crate) use self::devices::groups as request_groups;
use self::document::{Collector, Section};
pub(crate) use self::lines::load_permille as line_load_permille;
use self::problem::{Problem, Problems, Severity};
use crate::locale::{Lang, words};
use crate::source::modbus::decode::{Encoding, Kind, Order};
use crate::source::modbus::plan::Area;

/// Largest configuration file, bytes.
pub const FILE_BYTES_MAX: u64 = 8 * 1024 * 1024;

/// The whole configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// The file it came from, as named by the user.
    pub file: PathBuf,
    /// `[gateway]`
    pub gateway: Gateway,
    /// `[uplink]`
    pub uplink: Uplink,
    /// `[buffer]`
    pub buffer: Buffer,
    /// `[clock]`
    pub clock: Clock,
    /// `[page]`
    pub page: Page,
    /// `[[device]]`, in the order of the file.
    /// Shared: every source keeps its device, and a device with its tags is most of a configuration.
    pub devices: Vec<Arc<Device>>,
}

/// `[gateway]`: this box.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gateway {
    /// Where the agent keeps key, enrolment, buffer and certificates.
    pub state_dir: PathBuf,
    /// Language of messages, if the file states one.
    pub lang: Option<Lang>,
}

/// `[uplink]`: how records reach the server. Empty is right for most: everything needed comes from enrolment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Uplink {
    /// `host:port` to use instead of the server's own address from enrolment: a broker between, or a forwarded port.
    pub address: Option<String>,
    /// TLS; off only for a broker on this machine or inside a tunnel.
    pub tls: bool,
    /// CA of an external broker (PEM). Without it the server's enrolled key is pinned.
    pub broker_ca_file: Option<PathBuf>,
    /// User name for an external broker.
    pub user: Option<String>,
    /// File with that user's password.
    pub password_file: Option<PathBuf>,
    /// Most bytes a second to send; 0 is no limit. For metered mobile links.
    pub bytes_per_second_max: u64,
    /// Records sent ahead of their receipts.
    pub window: u64,
}

/// `[buffer]`: the store on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Buffer {
    /// Most bytes of records kept on disk.
    pub max_bytes: u64,
    /// Free bytes on the disk the agent never touches.
    pub min_free_bytes: u64,
    /// A record is sealed and synced at least this often, milliseconds: what a power cut can cost.
    pub seal_ms: u64,
}

/// `[clock]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clock {
    /// A file whose presence means "synchronised", beside the kernel's own state.
    pub synchronised_file: PathBuf,
    /// Believe the clock without asking the kernel (containers that cannot see its state). Stated in every record.
    pub assume_synchronised: bool,
}

/// `[page]`: the local page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// `host:port`; `None` switches the page off.
    pub listen: Option<String>,
    /// Whether devices may be added on it, by who sits at this box.
    pub setup: bool,
}

impl Config {
    /// Reads and checks a file.
    ///
    /// # Errors
    /// All problems of the file; an unreadable file is one of them.
    pub fn load(path: &Path) -> Result<(Self, Vec<Problem>), Problems> {
        let file = path.display().to_string();
        let alone = |what, hint| Problems {
            file: file.clone(),
            list: vec![Problem { severity: Severity::Error, file: None, line: None, what, hint }],
        };
        let because = |reason: String, hint| {
            alone(words!("读不了配置文件：{reason}", "cannot read the configuration file: {reason}"), hint)
        };
        let unreadable = |error: std::io::Error| {
            let hint = match error.kind() {
                ErrorKind::PermissionDenied => words!(
                    "在命令前面加 `sudo -u gongzheng`：配置文件只有网关的用户能读",
                    "put `sudo -u gongzheng` before the command: only the gateway's user may read the file"
                ),
                _ => words!(
                    "检查路径，或用 `gongzheng-agent init` 生成一份",
                    "check the path, or make one with `gongzheng-agent init`"
                ),
            };
            because(error.to_string(), hint)
        };
        let size = std::fs::metadata(path).map_err(unreadable)?.len();
        if size > FILE_BYTES_MAX {
            let hint = words!("检查路径", "check the path");
            return Err(because(format!("{size} > {FILE_BYTES_MAX} bytes"), hint));
        }
        let text = std::fs::read_to_string(path).map_err(unreadable)?;
        Self::parse(&text, path)
    }

    /// Checks the text of a file. Returns the configuration and its warnings.
    ///
    /// # Errors
    /// All problems, at least one of them an error.
    pub fn parse(text: &str, path: &Path) -> Result<(Self, Vec<Problem>), Problems> {
        let file = path.display().to_string();
        let collector = Collector::new(text);
        let Some(tree) = document::parse(text, &collector) else {
            return Err(Problems { file, list: collector.into_problems() });
        };
        let root = Section::root(&collector, tree.get_ref());
        let config = read(&root, path);
        root.finish();
        // What follows builds as much again.
        drop(tree);
        if let Some(bytes) = config.as_ref().and_then(Self::record_bytes)
            && bytes > CONTENT_MAX as u64
        {
            let tags: usize = config.iter().flat_map(|config| &config.devices).map(|device| device.tags.len()).sum();
            collector.error(
                None,
                words!(
                    "{tags} 个数据点的配置写成记录后有 {bytes} 字节，超过一条记录的上限 {CONTENT_MAX} 字节",
                    "the configuration of these {tags} tags makes a record of {bytes} bytes; a record holds {CONTENT_MAX}"
                ),
                words!(
                    "缩短设备名和数据点名，或把设备分给两个网关",
                    "shorten the names of devices and tags, or share the devices between two gateways"
                ),
            );
        }
        let list = collector.into_problems();
        match config {
            Some(config) if list.iter().all(|p| p.severity == Severity::Warning) => Ok((config, list)),
            _ => Err(Problems { file, list }),
        }
    }

    /// How large the configuration becomes as the content of a record; `None` when it cannot be one for another reason.
    fn record_bytes(&self) -> Option<u64> {
        match protocol::Content::Configuration(self.configuration().ok()?).encode() {
            Ok(content) => Some(content.len() as u64),
            Err(protocol::Error::TooLarge { got, .. }) => Some(got),
            Err(_) => None,
        }
    }

    /// The record that tells readers what each tag index means.
    ///
    /// # Errors
    /// Only when a name that was checked here is not accepted by `protocol`: a mistake of ours.
    pub fn configuration(&self) -> protocol::Result<protocol::Configuration> {
        let devices = self.devices.iter().map(device_record).collect::<protocol::Result<_>>()?;
        let tags = self.devices.iter().flat_map(|d| &d.tags).map(tag_record).collect::<protocol::Result<_>>()?;
        let configuration = protocol::Configuration { format: 1, devices, tags };
        configuration.validate()?;
        Ok(configuration)
    }
}

fn device_record(device: &Arc<Device>) -> protocol::Result<DeviceConfig> {
    let (protocol, address) = match &device.link {
        Link::Modbus(link) => {
            let name = match link.carrier {
                Carrier::Tcp(_) => "modbus_tcp",
                Carrier::RtuOverTcp(_) | Carrier::Dtu(_) => "modbus_rtu_over_tcp",
                Carrier::Serial(_) => "modbus_rtu",
            };
            (name, format!("{} unit {}", link.carrier, link.unit))
        }
        Link::OpcUa(link) => ("opcua", link.endpoint.clone()),
        Link::Dlt645(link) => ("dlt645", format!("{} meter {}", link.carrier, link.meter)),
    };
    Ok(DeviceConfig {
        id: device.name.parse()?,
        protocol: protocol.to_owned(),
        address,
        profile: device.profile.clone(),
    })
}

fn tag_record(tag: &Tag) -> protocol::Result<TagConfig> {
    let (value_type, address) = match &tag.place {
        Place::Modbus { area, address, encoding, count } => {
            (encoding.kind.value_type(), modbus_address(*area, *address, *count, *encoding))
        }
        Place::OpcUa { node, kind, .. } => (kind.value_type(), node.clone()),
        Place::Dlt645 { di, bytes, kind } => (kind.value_type(), format!("di {di} {} {bytes}", kind.name())),
    };
    Ok(TagConfig {
        id: tag.id.parse()?,
        value_type,
        unit: tag.unit.clone(),
        scale: Ratio { num: tag.scale.numerator, den: tag.scale.denominator },
        role: tag.role.0.to_owned(),
        // What is recorded on change is promised at every heartbeat, not at every poll.
        interval_ms: tag
            .on_change
            .map_or_else(|| i64::try_from(tag.interval_ms).unwrap_or(i64::MAX), |c| c.heartbeat_ms),
        address: tag.on_change.map_or_else(|| address.clone(), |c| format!("{address} on change {}", c.deadband)),
        counter: tag.counter.map(|c| CounterConfig {
            modulus: c.modulus.and_then(|m| i64::try_from(m).ok()),
            max_per_hour: i64::try_from(c.max_per_hour).unwrap_or(i64::MAX),
        }),
    })
}

/// Where and how a value is read, complete, so that the evidence can be decoded by hand: `holding 8 u32 ABCD`, `input 3 bit bit 5`,
/// `holding 7 u8 high`, `holding 20 text 8 registers gbk AB`, `holding 71 i16 scale_register 75 decimals 2`.
///
/// The letters are the bytes of the value, A the highest (of a text, the first of each pair), in the order in which they are sent; a
/// single register has them only when they are swapped (`BA`).
fn modbus_address(area: Area, address: u16, count: u16, encoding: Encoding) -> String {
    let Encoding { kind, byte_order, word_order, .. } = encoding;
    let at = |offset: u16| u32::from(address) + u32::from(offset);
    let mut text = format!("{} {} {}", area.name(), at(encoding.scale.map_or(0, |s| s.value_at)), kind.name());
    if area.is_bits() {
        return text;
    }
    match kind {
        Kind::Bit => text += &format!(" bit {}", encoding.bit),
        Kind::U8 | Kind::I8 => text += if encoding.byte == Order::Big { " high" } else { " low" },
        Kind::Text => text += &format!(" {count} registers {}", encoding.charset.name()),
        _ => {}
    }
    let registers = kind.registers().unwrap_or(1);
    if registers > 1 || kind == Kind::Text || byte_order == Order::Little {
        text.push(' ');
        text += &letters(registers, byte_order, word_order);
    }
    if let Some(scale) = encoding.scale {
        text += &format!(" scale_register {} decimals {}", at(scale.at), scale.decimals);
    }
    text
}

/// `ABCD`, `CDAB`, `BADC` or `DCBA` for two registers, and so on.
fn letters(registers: u16, byte_order: Order, word_order: Order) -> String {
    let pairs = ["AB", "CD", "EF", "GH"].into_iter().take(registers.into());
    let pairs: Vec<&str> = if word_order == Order::Big { pairs.collect() } else { pairs.rev().collect() };
    let swapped = |pair: &&str| pair.chars().rev().collect();
    pairs.iter().map(|pair| if byte_order == Order::Big { (*pair).to_owned() } else { swapped(pair) }).collect()
}

fn read(root: &Section<'_, '_>, path: &Path) -> Option<Config> {
    let gateway = root.table("gateway");
    let gateway = match gateway {
        Some(section) => {
            let read = read_gateway(&section);
            section.finish();
            read
        }
        None => {
            root.collector().error(
                None,
                words!("缺少 [gateway] 一节", "the section [gateway] is missing"),
                words!(
                    "请加上 `[gateway]`，下一行写 `state_dir = \"/var/lib/gongzheng\"`",
                    "add `[gateway]` and below it `state_dir = \"/var/lib/gongzheng\"`"
                ),
            );
            None
        }
    };
    let uplink = optional(root, "uplink", read_uplink);
    let buffer = optional(root, "buffer", read_buffer);
    let clock = optional(root, "clock", read_clock);
    let page = optional(root, "page", read_page);
    let devices = devices::read(root, path.parent().unwrap_or(Path::new("")));
    Some(Config {
        file: path.to_owned(),
        gateway: gateway?,
        uplink: uplink?,
        buffer: buffer?,
        clock: clock?,
        page: page?,
        devices: devices?.into_iter().map(Arc::new).collect(),
    })
}

/// Reads `[key]`, or its defaults when the file does not have it.
fn optional<T>(
    root: &Section<'_, '_>,
    key: &'static str,
    read: impl for<'c, 't> Fn(&Section<'c, 't>) -> Option<T>,
) -> Option<T> {
    match root.table(key) {
        Some(section) => {
            let value = read(&section);
            section.finish();
            value
        }
        None => {
            let nothing = DeTable::new();
            read(&Section::root(root.collector(), &nothing))
        }
    }
}

fn read_gateway(section: &Section<'_, '_>) -> Option<Gateway> {
    let lang = section.choice("lang", &[("zh", Lang::Zh), ("en", Lang::En)]);
    let state_dir = section.required_string("state_dir", "\"/var/lib/gongzheng\"")?;
    Some(Gateway { state_dir: state_dir.value.into(), lang: lang.map(|l| l.value) })
}

fn read_uplink(section: &Section<'_, '_>) -> Option<Uplink> {
    let address = section.string("address");
    if let Some(address) = &address {
        devices::check_address(section, &address.value, address.line, "broker.local:8883");
    }
    let user = section.string("user").map(|u| u.value);
    let password_file = section.string("password_file").map(|f| PathBuf::from(f.value));
    section.foreign(
        &["password"],
        &words!(
            "把密码写进一个只有本程序能读的文件，再写 `password_file = \"路径\"`",
            "put the password into a file only the agent can read and name it with `password_file`"
        ),
    );
    if user.is_some() != password_file.is_some() {
        section.collector().error(
            section.line(),
            words!("`user` 和 `password_file` 要成对填写", "`user` and `password_file` belong together"),
            words!("请两项都写，或两项都删", "give both or neither"),
        );
    }
    Some(Uplink {
        address: address.map(|a| a.value),
        tls: section.boolean("tls", true),
        broker_ca_file: section.string("broker_ca_file").map(|f| f.value.into()),
        user,
        password_file,
        bytes_per_second_max: section.integer_or("bytes_per_second_max", 0..=1_000_000_000, 0),
        window: section.integer_or("window", 1..=1_024, 32),
    })
}

fn read_buffer(section: &Section<'_, '_>) -> Option<Buffer> {
    const MIB: u64 = 1024 * 1024;
    Some(Buffer {
        // Three segments of 8 MiB are the least with which one can be written, one sent and one trimmed.
        max_bytes: section.integer_or("max_bytes", 24 * MIB..=(1 << 40), 1024 * MIB),
        min_free_bytes: section.integer_or("min_free_bytes", 0..=(1 << 40), 256 * MIB),
        seal_ms: section.integer_or("seal_ms", 100..=10_000, 10_000),
    })
}

fn read_clock(section: &Section<'_, '_>) -> Option<Clock> {
    Some(Clock {
        synchronised_file: section
            .string("synchronised_file")
            .map_or_else(|| crate::clock::SYSTEMD_MARKER.into(), |f| f.value.into()),
        assume_synchronised: section.boolean("assume_synchronised", false),
    })
}

fn read_page(section: &Section<'_, '_>) -> Option<Page> {
    let listen = section.string("listen");
    let enabled = section.boolean("enabled", true);
    let address = match &listen {
        Some(listen) => {
            devices::check_address(section, &listen.value, listen.line, "127.0.0.1:8470");
            let host = listen.value.rsplit_once(':').map_or("", |(host, _)| host);
            if !matches!(host, "127.0.0.1" | "localhost" | "[::1]") {
                section.collector().warning(
                    Some(listen.line),
                    words!(
                        "本地页面会让同一网络里的任何人看到",
                        "the local page can be seen by anyone on this network"
                    ),
                    words!(
                        "它没有登录，别处的人只能看、不能添加设备；只在需要时这样写，否则用 127.0.0.1",
                        "it has no login; others can look, not add devices; use 127.0.0.1 unless you need this"
                    ),
                );
            }
            listen.value.clone()
        }
        None => "127.0.0.1:8470".to_owned(),
    };
    Some(Page { listen: enabled.then_some(address), setup: section.boolean("setup", true) })
}
