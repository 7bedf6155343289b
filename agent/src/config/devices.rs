//! `[[device]]` and `[[device.tag]]`: reading and checking them.
//!
//! Constraints: a key that belongs to another protocol is refused with a sentence that says so; limits are checked with the same
//! planner that later makes the requests; what devices share is checked in `lines`.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};

use super::device::{Carrier, Device, Link, ModbusLink, Mode, OpcUaLink, Parity, Place, Policy, SerialPort, Tag, User};
use super::document::{self, Collector, Section};
use super::profiles::{self, Expansion, PROFILE_KEYS};
use super::tags::{Defaults, Family};
use super::{dlt645, dtu, lines};
use crate::locale::{Words, words};
use crate::profile::{self, Profile};
use crate::source::modbus::decode::Order;
use crate::source::modbus::plan::{BITS_MAX, Limits, PlanError, REGISTERS_MAX, Request, Span, plan};

/// Most tags in one file: what one configuration record may hold (`protocol` refuses more).
const TAGS_MAX: usize = 20_000;
/// Most devices in one file.
pub(super) const DEVICES_MAX: usize = 2_000;

pub(super) const SERIAL_KEYS: [&str; 5] = ["port", "baud", "parity", "data_bits", "stop_bits"];
/// What only Modbus devices have, beside what they share with meters.
pub(super) const MODBUS_KEYS: [&str; 9] = [
    "unit",
    "registers_max",
    "bits_max",
    "gap_max",
    "one_by_one",
    "holes",
    "connect_pause_ms",
    "byte_order",
    "word_order",
];
pub(super) const LINE_KEYS: [&str; 3] = ["address", "pause_ms", "late_ms"];
pub(super) const OPCUA_KEYS: [&str; 9] = [
    "endpoint",
    "security_policy",
    "security_mode",
    "user",
    "password_file",
    "user_certificate_file",
    "user_key_file",
    "server_certificate_sha256",
    "publishing_ms",
];

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    ModbusTcp,
    ModbusRtu,
    ModbusRtuOverTcp,
    OpcUa,
    Dlt645,
}

impl Protocol {
    fn family(self) -> Family {
        match self {
            Self::ModbusTcp | Self::ModbusRtu | Self::ModbusRtuOverTcp => Family::Modbus,
            Self::OpcUa => Family::OpcUa,
            Self::Dlt645 => Family::Dlt645,
        }
    }
}

pub(super) fn read(root: &Section<'_, '_>, folder: &Path) -> Option<Vec<Device>> {
    let sections = root.tables("device", "[[device]]");
    if sections.is_empty() {
        root.collector().warning(
            None,
            words!("没有写任何设备，不会采集数据", "no device is described: nothing will be read"),
            words!(
                "在本地页面 /setup 添加，或写 `[[device]]`，写法见 configs/agent.example.toml",
                "add one on the local page, /setup, or write `[[device]]`, see configs/agent.example.toml"
            ),
        );
    }
    if sections.len() > DEVICES_MAX {
        let n = sections.len();
        root.collector().error(
            None,
            words!("设备太多：{n} 台，上限 {DEVICES_MAX} 台", "too many devices: {n}, the limit is {DEVICES_MAX}"),
            words!("请分给几台网关", "use more than one gateway"),
        );
        return None;
    }
    let mut devices = Vec::new();
    let mut whole = true;
    let mut names: HashMap<String, usize> = HashMap::new();
    for section in sections {
        let Some(device) = read_device(section, folder) else {
            whole = false;
            continue;
        };
        if let Some(first) = names.insert(device.name.clone(), device.line) {
            let name = &device.name;
            root.collector().error(
                Some(device.line),
                words!("设备名 `{name}` 重复了", "the device name `{name}` is used twice"),
                words!("第一次在第 {first} 行；请改成别的名字", "first used in line {first}; choose another name"),
            );
        }
        devices.push(device);
    }
    let tags: usize = devices.iter().map(|d| d.tags.len()).sum();
    let limit = TAGS_MAX;
    if tags > limit {
        root.collector().error(
            None,
            words!("数据点太多：{tags} 个，上限 {limit} 个", "too many tags: {tags}, the limit is {limit}"),
            words!("请分给几台网关", "use more than one gateway"),
        );
    }
    lines::check(root, &devices);
    whole.then_some(devices)
}

/// One device, over its profile if it names one.
fn read_device(mut section: Section<'_, '_>, folder: &Path) -> Option<Device> {
    let written = match profiles::written(&section, folder) {
        // Nothing true can be said about the rest before its profile is there.
        Err(profiles::Refused) => return None,
        Ok(None) => {
            section.foreign(
                &PROFILE_KEYS,
                &words!("这一项只用于写了 `profile` 的设备", "this key is only for devices with a `profile`"),
            );
            let device = read_over(&mut section, None);
            section.finish();
            return device;
        }
        Ok(Some(written)) => written,
    };
    let found = section.collector();
    let collector = Collector::of_file(&written.text, &written.file);
    let tree = document::parse(&written.text, &collector);
    let device = tree.as_ref().and_then(|tree| {
        let profile = Profile::read(&written.text, &written.file, &collector, tree.get_ref())?;
        let root = Section::root(&collector, tree.get_ref());
        let sections = root.tables("tag", "[[tag]]");
        let mut section = match root.table("defaults") {
            Some(defaults) => section.over(&defaults),
            None => section,
        };
        let device = read_over(&mut section, Some(Expansion { profile, sections }));
        section.finish();
        device
    });
    drop(tree);
    found.adopt(collector);
    device
}

fn read_over<'c, 't>(section: &mut Section<'c, 't>, expansion: Option<Expansion<'c, 't>>) -> Option<Device> {
    let line = section.line().unwrap_or(1);
    let name = section.required_string("name", "\"press\"");
    let mut named = name.is_some();
    if let Some(name) = &name {
        section.entitle(format!("[[device]] `{}`", name.value.chars().take(40).collect::<String>()));
        if name.value.parse::<protocol::DeviceId>().is_err() {
            let shown = &name.value;
            section.collector().error(
                Some(name.line),
                words!("设备名 `{shown}` 不合规定", "`{shown}` is not a device name"),
                words!(
                    "用 1 到 32 个小写字母、数字或 `-`，不以 `-` 开头，例如 `press-3`；中文名称在服务器上填写",
                    "use 1 to 32 of a-z, 0-9 and `-`, not starting with `-`, such as `press-3`; shown names are set on the server"
                ),
            );
            named = false;
        }
    }
    let protocol = read_protocol(section, expansion.as_ref().map(|e| &e.profile));
    let timeout_ms = section.integer_or("timeout_ms", 10..=60_000, 1_000);
    let interval_ms = section.integer_or("interval_ms", 100..=86_400_000, 1_000);
    let tag_sections = section.tables("tag", "[[device.tag]]");
    let (name, protocol) = (name?.value, protocol?);
    // Everything below is read even when the link is wrong, so that all problems show at once.
    let mut defaults = Defaults { interval_ms, byte_order: Order::Big, word_order: Order::Big, family: Family::Modbus };
    let (link, limits) = match protocol {
        Protocol::OpcUa => {
            defaults.family = Family::OpcUa;
            (read_opcua(section).map(Link::OpcUa), Limits::default())
        }
        Protocol::Dlt645 => {
            defaults.family = Family::Dlt645;
            (dlt645::read_link(section, timeout_ms).map(Link::Dlt645), Limits::default())
        }
        _ => {
            (defaults.byte_order, defaults.word_order) = read_orders(section);
            let link = read_modbus(section, protocol, timeout_ms);
            let limits = link.as_ref().map_or_else(Limits::default, |l| l.limits.clone());
            (link.map(Link::Modbus), limits)
        }
    };
    let profile = expansion.as_ref().map(|e| e.profile.label.clone());
    let tags = profiles::tags(section, tag_sections, expansion, &name, &defaults);
    if tags.as_ref().is_some_and(Vec::is_empty) {
        let title = section.title();
        section.collector().warning(
            Some(line),
            words!("{title} 没有数据点", "{title} has no tags"),
            words!("请加上 `[[device.tag]]`", "add `[[device.tag]]`"),
        );
    }
    let mut names: HashSet<&str> = HashSet::new();
    for tag in tags.iter().flatten() {
        if !names.insert(&tag.id) {
            let id = &tag.id;
            section.collector().error(
                Some(tag.line),
                words!("数据点 `{id}` 重复了", "the tag `{id}` is described twice"),
                words!("请改成别的名字或删掉一个", "rename or remove one of them"),
            );
        }
    }
    check_plan(section, tags.as_deref().unwrap_or_default(), &limits);
    let (link, tags) = (link?, tags?);
    named.then_some(Device { name, line, link, timeout_ms, profile, tags })
}

fn read_protocol(section: &Section<'_, '_>, profile: Option<&Profile>) -> Option<Protocol> {
    let written = section.choice(
        "protocol",
        &[
            ("modbus_tcp", Protocol::ModbusTcp),
            ("modbus_rtu", Protocol::ModbusRtu),
            ("modbus_rtu_over_tcp", Protocol::ModbusRtuOverTcp),
            ("opcua", Protocol::OpcUa),
            ("dlt645", Protocol::Dlt645),
        ],
    );
    let Some(profile) = profile else {
        if !section.has("protocol") {
            section.missing("protocol", "\"modbus_tcp\"");
        }
        return written.map(|p| p.value);
    };
    match written {
        Some(written) if written.value.family() != profile.protocol.family() => {
            let (id, name) = (&profile.id, profile.protocol.name());
            section.collector().error(
                Some(written.line),
                words!("档案 `{id}` 的协议是 {name}", "the profile `{id}` is for {name}"),
                words!("删掉 `protocol` 这一行，或换一个档案", "remove the line `protocol`, or use another profile"),
            );
            None
        }
        Some(written) => Some(written.value),
        None if section.has("protocol") => None,
        None => Some(match profile.protocol {
            profile::Protocol::OpcUa => Protocol::OpcUa,
            profile::Protocol::Dlt645 => Protocol::Dlt645,
            // A port is a serial line, a DTU that dials in has one behind it; an address is Modbus TCP unless the file says that
            // RTU frames go through it.
            profile::Protocol::Modbus if section.has("port") => Protocol::ModbusRtu,
            profile::Protocol::Modbus if section.has("listen") => Protocol::ModbusRtuOverTcp,
            profile::Protocol::Modbus => Protocol::ModbusTcp,
        }),
    }
}

pub(super) fn read_orders(section: &Section<'_, '_>) -> (Order, Order) {
    let orders = [("big", Order::Big), ("little", Order::Little)];
    let order = |key| section.choice(key, &orders).map_or(Order::Big, |o| o.value);
    (order("byte_order"), order("word_order"))
}

pub(super) fn read_modbus(section: &Section<'_, '_>, protocol: Protocol, timeout_ms: u64) -> Option<ModbusLink> {
    section.foreign(
        &OPCUA_KEYS,
        &words!("这一项只用于 `protocol = \"opcua\"`", "this key is only for `protocol = \"opcua\"`"),
    );
    section.foreign(&["meter"], &dlt645::only());
    let unit = section.integer("unit", 0..=255);
    let unit_given = section.has("unit");
    let limits = Limits {
        registers_max: narrow(section.integer_or("registers_max", 1..=u64::from(REGISTERS_MAX), REGISTERS_MAX.into())),
        bits_max: narrow(section.integer_or("bits_max", 1..=u64::from(BITS_MAX), BITS_MAX.into())),
        gap_max: narrow(section.integer_or("gap_max", 0..=124, 8)),
        one_by_one: section.boolean("one_by_one", false),
        holes: section.stretches("holes").into(),
    };
    let pause_ms = section.integer_or("pause_ms", 0..=10_000, 0);
    let connect_pause_ms = section.integer_or("connect_pause_ms", 0..=10_000, 0);
    let late_ms = section.integer_or("late_ms", 0..=600_000, (timeout_ms * 5).max(5_000));
    let carrier = if protocol == Protocol::ModbusRtu {
        section.foreign(
            &["address"],
            &words!("串口写 `port = \"/dev/ttyUSB0\"`", "a serial line has `port = \"/dev/ttyUSB0\"`"),
        );
        dtu::nowhere(section);
        read_port(section, 9_600, Parity::None).map(Carrier::Serial)
    } else if protocol == Protocol::ModbusRtuOverTcp && section.has("listen") {
        section.foreign(&SERIAL_KEYS[1..], &dtu_serial());
        dtu::read(section).map(Carrier::Dtu)
    } else {
        if protocol == Protocol::ModbusRtuOverTcp {
            dtu::without_listen(section);
        } else {
            dtu::nowhere(section);
        }
        section.foreign(
            &SERIAL_KEYS,
            &words!("这一项只用于 `protocol = \"modbus_rtu\"`", "this key is only for `protocol = \"modbus_rtu\"`"),
        );
        let address = section.required_string("address", "\"192.168.1.10:502\"");
        address.and_then(|address| {
            let ok = check_address(section, &address.value, address.line, "192.168.1.10:502");
            ok.then_some(match protocol {
                Protocol::ModbusTcp => Carrier::Tcp(address.value),
                _ => Carrier::RtuOverTcp(address.value),
            })
        })
    };
    let unit = match (unit, protocol) {
        (Some(unit), Protocol::ModbusTcp) => narrow(unit.value),
        (Some(unit), _) if (1..=247).contains(&unit.value) => narrow(unit.value),
        (Some(unit), _) => {
            let n = unit.value;
            section.collector().error(
                Some(unit.line),
                words!("`unit = {n}` 不是串行线路上的站号", "`unit = {n}` is not a unit on a serial line"),
                words!("站号是 1 到 247，见设备铭牌或菜单", "units are 1 to 247; see the device's label or menu"),
            );
            return None;
        }
        (None, Protocol::ModbusTcp) if !unit_given => 1,
        (None, _) => {
            if !unit_given {
                section.missing("unit", "1");
            }
            return None;
        }
    };
    Some(ModbusLink { carrier: carrier?, unit, limits, pause_ms, connect_pause_ms, late_ms })
}

/// Why serial settings have no place beside a DTU.
pub(super) fn dtu_serial() -> Words {
    words!("串口参数在 DTU 里设置", "serial settings are made in the DTU itself")
}

pub(super) fn read_port(section: &Section<'_, '_>, baud: u32, parity: Parity) -> Option<SerialPort> {
    let path = section.required_string("port", "\"/dev/ttyUSB0\"");
    let baud = narrow(section.integer_or("baud", 300..=4_000_000, baud.into()));
    let parity = section
        .choice("parity", &[("none", Parity::None), ("even", Parity::Even), ("odd", Parity::Odd)])
        .map_or(parity, |p| p.value);
    // RTU and DL/T 645 need eight data bits; seven would be Modbus ASCII.
    let data_bits = section.integer_or("data_bits", 8..=8, 8);
    let stop_bits = section.integer_or("stop_bits", 1..=2, 1);
    Some(SerialPort {
        path: PathBuf::from(path?.value),
        baud,
        parity,
        data_bits: narrow(data_bits),
        stop_bits: narrow(stop_bits),
    })
}

pub(super) fn read_opcua(section: &Section<'_, '_>) -> Option<OpcUaLink> {
    let only = words!("这一项只用于 Modbus 设备", "this key is only for Modbus devices");
    dtu::nowhere(section);
    section.foreign(&MODBUS_KEYS, &only);
    section.foreign(&LINE_KEYS, &only);
    section.foreign(&SERIAL_KEYS, &only);
    section.foreign(&["meter"], &dlt645::only());
    section.foreign(
        &["password"],
        &words!(
            "把密码写进文件，再写 `password_file = \"路径\"`",
            "put the password into a file and name it with `password_file`"
        ),
    );
    let endpoint = section.required_string("endpoint", "\"opc.tcp://192.168.1.20:4840\"");
    let mut whole = true;
    if let Some(endpoint) = &endpoint
        && endpoint.value.strip_prefix("opc.tcp://").is_none_or(|rest| rest.is_empty())
    {
        let shown = &endpoint.value;
        section.collector().error(
            Some(endpoint.line),
            words!("`{shown}` 不是 OPC UA 地址", "`{shown}` is not an OPC UA address"),
            words!("写成 `opc.tcp://主机:4840`", "write `opc.tcp://host:4840`"),
        );
        whole = false;
    }
    let policy_line = section.string("security_policy").map(|p| p.line);
    let policy = section.choice("security_policy", &Policy::NAMES);
    whole &= policy.is_some() || policy_line.is_none();
    let policy = policy.map_or(Policy::None, |p| p.value);
    let mode = section
        .choice("security_mode", &[("sign", Mode::Sign), ("sign_and_encrypt", Mode::SignAndEncrypt)])
        .map_or(Mode::SignAndEncrypt, |m| m.value);
    let text = |key| section.string(key).map(|t| t.value);
    let (user, password, certificate, key) =
        (text("user"), text("password_file"), text("user_certificate_file"), text("user_key_file"));
    let user = match (user, password, certificate, key) {
        (None, None, None, None) => User::Anonymous,
        (Some(name), Some(file), None, None) => User::Password { name, file: file.into() },
        (None, None, Some(certificate), Some(key)) => {
            User::Certificate { certificate: certificate.into(), key: key.into() }
        }
        _ => {
            section.collector().error(
                section.line(),
                words!("登录方式写得不完整", "the way to log in is incomplete"),
                words!(
                    "或者 `user` 加 `password_file`，或者 `user_certificate_file` 加 `user_key_file`，或者都不写（匿名）",
                    "give `user` and `password_file`, or `user_certificate_file` and `user_key_file`, or nothing (anonymous)"
                ),
            );
            whole = false;
            User::Anonymous
        }
    };
    let pin_text = section.string("server_certificate_sha256");
    let pin = pin_text.as_ref().and_then(|p| parse_pin(&p.value));
    if let (Some(written), None) = (&pin_text, pin) {
        section.collector().error(
            Some(written.line),
            words!(
                "`server_certificate_sha256` 应是 64 位十六进制数",
                "`server_certificate_sha256` must be 64 hexadecimal digits"
            ),
            words!(
                "运行 `gongzheng-agent doctor` 查看服务器证书的指纹",
                "run `gongzheng-agent doctor` to see the server's fingerprint"
            ),
        );
        whole = false;
    }
    if policy != Policy::None && pin_text.is_none() {
        section.collector().warning(
            policy_line,
            words!("没有固定服务器证书，连接会被拒绝", "the server's certificate is not pinned: connecting will be refused"),
            words!(
                "运行 `gongzheng-agent doctor` 查看指纹，与设备上显示的核对后写入 `server_certificate_sha256`",
                "run `gongzheng-agent doctor` to see the fingerprint, compare it with the one on the device, and write it as `server_certificate_sha256`"
            ),
        );
    }
    let publishing_ms = section.integer_or("publishing_ms", 100..=60_000, 1_000);
    let endpoint = endpoint?.value;
    whole.then_some(OpcUaLink { endpoint, policy, mode, user, pin, publishing_ms })
}

fn parse_pin(text: &str) -> Option<[u8; 32]> {
    let plain: String = text.chars().filter(|c| *c != ':' && *c != ' ').collect();
    data_encoding::HEXLOWER_PERMISSIVE.decode(plain.as_bytes()).ok()?.try_into().ok()
}

/// `host:port`, with a port from 1 to 65535.
pub(super) fn check_address(section: &Section<'_, '_>, address: &str, line: usize, example: &str) -> bool {
    let parts = address.rsplit_once(':');
    let valid = parts.is_some_and(|(host, port)| {
        !host.is_empty() && !host.contains(['/', ' ']) && port.parse::<u16>().is_ok_and(|port| port != 0)
    });
    if !valid {
        let shown: String = address.chars().take(80).collect();
        section.collector().error(
            Some(line),
            words!("`{shown}` 不是“主机:端口”", "`{shown}` is not host:port"),
            words!("例如 `{example}`", "for example `{example}`"),
        );
    }
    valid
}

/// Every tag must fit into one request of this device.
fn check_plan(section: &Section<'_, '_>, tags: &[Tag], limits: &Limits) {
    for tag in tags {
        let Place::Modbus { area, address, count, encoding } = &tag.place else { continue };
        let span = Span { area: *area, address: *address, count: *count, item: 0 };
        let id = &tag.id;
        match plan(&[span], limits) {
            Ok(_) => {}
            Err(PlanError::TooWide { limit, .. }) if let Some(scale) = encoding.scale => {
                let (value, scale) =
                    (u32::from(*address) + u32::from(scale.value_at), u32::from(*address) + u32::from(scale.at));
                section.collector().error(
                    Some(tag.line),
                    words!(
                        "数据点 `{id}` 的数值在 {value}，`scale_register` 在 {scale}，相距太远：两者要在一次请求里读出，这台设备一次只给 {limit} 个寄存器",
                        "tag `{id}` has its value at {value} and its `scale_register` at {scale}, too far apart: both must come out of one request, and this device gives {limit} registers per request"
                    ),
                    words!(
                        "核对两个地址，或按说明书把 `registers_max` 调大",
                        "check both addresses, or raise `registers_max` if the manual says so"
                    ),
                );
            }
            Err(PlanError::Hole { from, to, .. }) => {
                let last = u32::from(*address) + u32::from(*count) - 1;
                section.collector().error(
                    Some(tag.line),
                    words!(
                        "数据点 `{id}` 要读 {address} 到 {last}，碰到 `holes` 里的 {from} 到 {to}",
                        "tag `{id}` needs {address} to {last}, which touches {from} to {to} of `holes`"
                    ),
                    words!(
                        "`holes` 里的寄存器从不读取；改 `address`，或把这个数据点需要的地址从 `holes` 里去掉",
                        "registers in `holes` are never read; change `address`, or take what this tag needs out of `holes`"
                    ),
                );
            }
            Err(PlanError::TooWide { count, limit, .. }) => section.collector().error(
                Some(tag.line),
                words!(
                    "数据点 `{id}` 要 {count} 个寄存器，这台设备一次只给 {limit} 个",
                    "tag `{id}` needs {count} registers; this device gives {limit} per request"
                ),
                words!(
                    "换一个更短的 `type`，或按说明书把 `registers_max` 调大",
                    "use a shorter `type`, or raise `registers_max` if the manual says so"
                ),
            ),
            Err(PlanError::OutsideAddresses { .. }) => section.collector().error(
                Some(tag.line),
                words!(
                    "数据点 `{id}` 超出寄存器地址范围：从 {address} 起要 {count} 个",
                    "tag `{id}` runs past the last register: {count} from address {address}"
                ),
                words!(
                    "地址从 0 到 65535；检查 `address` 和 `type`",
                    "addresses are 0 to 65535; check `address` and `type`"
                ),
            ),
        }
    }
}

/// The requests of one device, by interval.
pub(crate) fn groups(tags: &[Tag], limits: &Limits) -> Vec<(u64, Vec<Request>)> {
    let mut by_interval: BTreeMap<u64, Vec<Span>> = BTreeMap::new();
    for (item, tag) in tags.iter().enumerate() {
        if let Place::Modbus { area, address, count, .. } = &tag.place {
            let span = Span { area: *area, address: *address, count: *count, item };
            by_interval.entry(tag.interval_ms).or_default().push(span);
        }
    }
    by_interval.into_iter().map(|(interval, spans)| (interval, plan(&spans, limits).unwrap_or_default())).collect()
}

/// A number already checked to fit.
pub(super) fn narrow<T: TryFrom<u64> + Default>(n: u64) -> T {
    T::try_from(n).unwrap_or_default()
}
