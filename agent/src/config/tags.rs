//! `[[device.tag]]`: reading and checking one tag.

use super::device::{Counter, Place, Role, Tag};
use super::devices::narrow;
use super::document::{Located, Section};
use super::problem::nearest;
use super::scale::Scale;
use crate::locale::words;
use crate::source::change::{ALLOWED, OnChange};
use crate::source::dlt645;
use crate::source::modbus::decode::{Charset, Encoding, Kind, Order, ScaleRegister};
use crate::source::modbus::plan::Area;
use crate::source::opcua::node::Node;

/// Longest interval, and the usual one of an identity.
const DAY_MS: u64 = 86_400_000;
/// Usual heartbeat of a tag recorded on change.
const HEARTBEAT_MS: u64 = 60_000;

/// What a device hands down to its tags.
pub(crate) struct Defaults {
    pub(crate) interval_ms: u64,
    pub(crate) byte_order: Order,
    pub(crate) word_order: Order,
    pub(crate) family: Family,
}

/// Which kind of place the tags of a device have.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    Modbus,
    OpcUa,
    Dlt645,
}

/// What the type of a tag means for counting.
struct Counting {
    /// It can count at all.
    integer: bool,
    /// Where the type itself starts over.
    modulus: Option<u64>,
    /// Decimals of a value with a scale register.
    decimals: Option<u8>,
}

impl Counting {
    fn of(kind: Option<Kind>, place: Option<&Place>) -> Self {
        let decimals = match place {
            Some(Place::Modbus { encoding, .. }) => encoding.scale.map(|s| s.decimals),
            _ => None,
        };
        Self {
            integer: kind.is_some_and(Kind::is_integer),
            // Where a value with a scale register starts over depends on what that register holds then: only the user can say it.
            modulus: kind.and_then(Kind::modulus).filter(|_| decimals.is_none()),
            decimals,
        }
    }

    fn of_meter(place: Option<&Place>) -> Self {
        let (integer, modulus) = match place {
            Some(Place::Dlt645 { bytes, kind, .. }) => {
                (kind.value_type() != protocol::ValueType::Text, kind.modulus(*bytes))
            }
            _ => (false, None),
        };
        Self { integer, modulus, decimals: None }
    }
}

pub(crate) fn read(section: &mut Section<'_, '_>, device: &str, defaults: &Defaults) -> Option<Tag> {
    let line = section.line().unwrap_or(1);
    let name = section.required_string("name", "\"energy\"");
    let mut id = name.as_ref().map(|name| format!("{device}/{}", name.value));
    if let (Some(name), Some(full)) = (&name, id.clone()) {
        section.entitle(format!("[[device.tag]] `{}`", full.chars().take(72).collect::<String>()));
        // By itself: what is wrong with the device's name is told there, once.
        if format!("device/{}", name.value).parse::<protocol::TagId>().is_err() {
            let shown = &name.value;
            section.collector().error(
                Some(name.line),
                words!("`{shown}` 不能作数据点名", "`{shown}` is not a tag name"),
                words!(
                    "用 1 到 32 个小写字母、数字或 `_`，例如 `part_count`",
                    "use 1 to 32 of a-z, 0-9 and `_`, such as `part_count`"
                ),
            );
            id = None;
        }
    }
    if !section.has("type") {
        section.missing("type", "\"u32\"");
    }
    let role = read_role(section);
    // Who a device is does not change by the second.
    let usual_ms = if role == Some(Role("identity")) { DAY_MS } else { defaults.interval_ms };
    let interval_ms = section.integer_or("interval_ms", 100..=DAY_MS, usual_ms);
    let unit = section.string("unit").map(|u| u.value).unwrap_or_default();
    let scale = read_scale(section);
    let alarm = section.boolean("alarm", false);
    let (place, counting) = match defaults.family {
        Family::Dlt645 => {
            let kind = section.choice("type", &dlt645::value::Kind::NAMES).map(|k| k.value);
            let place = super::dlt645::read_place(section, kind);
            let counting = Counting::of_meter(place.as_ref());
            (place, counting)
        }
        family => {
            section.foreign(&["di", "bytes"], &super::dlt645::only());
            let kind = section.choice("type", &Kind::NAMES).map(|k| k.value);
            let is_opcua = family == Family::OpcUa;
            let place = if is_opcua { read_node(section, kind) } else { read_span(section, kind, defaults) };
            let counting = Counting::of(kind, place.as_ref());
            (place, counting)
        }
    };
    let counter = read_counter(section, &counting, role);
    let scale = counting.decimals.map(Scale::of_decimals).or(scale);
    let on_change = read_on_change(section, role, scale, interval_ms);
    Some(Tag {
        id: id?,
        line,
        place: place?,
        interval_ms,
        role: role?,
        unit,
        scale: scale?,
        counter: counter?,
        alarm,
        on_change: on_change?,
    })
}

fn read_role(section: &Section<'_, '_>) -> Option<Role> {
    let Some(role) = section.string("role") else { return Some(Role("other")) };
    if let Some(known) = Role::NAMES.iter().find(|name| **name == role.value) {
        return Some(Role(known));
    }
    let shown = &role.value;
    let (zh, en) = (Role::NAMES.join("、"), Role::NAMES.join(", "));
    let hint = match nearest(shown, Role::NAMES) {
        Some(guess) => words!("是不是 `{guess}`？可以写的有：{zh}", "did you mean `{guess}`? The choices are: {en}"),
        None => words!("可以写的有：{zh}", "the choices are: {en}"),
    };
    section.collector().error(
        Some(role.line),
        words!("`role = \"{shown}\"` 不是可用的选项", "`role = \"{shown}\"` is not one of the choices"),
        hint,
    );
    None
}

fn read_scale(section: &Section<'_, '_>) -> Option<Scale> {
    let Some(written) = section.numeral("scale") else { return Some(Scale::default()) };
    let scale = Scale::parse(&written.value);
    if scale.is_none() {
        let shown = &written.value;
        section.collector().error(
            Some(written.line),
            words!("`scale = {shown}` 不是可用的系数", "`scale = {shown}` is not a usable factor"),
            words!(
                "写成 0.01、60 或 \"1/3\" 这样的数，不能是 0",
                "write a number such as 0.01, 60 or \"1/3\"; it cannot be 0"
            ),
        );
    }
    scale
}

/// `Some(None)` is a tag that is recorded at every reading; `None` is a mistake.
fn read_on_change(
    section: &Section<'_, '_>,
    role: Option<Role>,
    scale: Option<Scale>,
    interval_ms: u64,
) -> Option<Option<OnChange>> {
    let wanted = section.boolean("on_change", false);
    let deadband = section.numeral("deadband");
    let heartbeat = section.integer("heartbeat_ms", interval_ms..=3_600_000);
    if !wanted {
        let alone = deadband.map(|d| ("deadband", d.line)).or(heartbeat.map(|h| ("heartbeat_ms", h.line)));
        if let Some((key, line)) = alone {
            section.collector().error(
                Some(line),
                words!("`{key}` 只和 `on_change = true` 一起用", "`{key}` belongs to `on_change = true`"),
                words!("加上 `on_change = true`，或删掉这一行", "add `on_change = true` or remove this line"),
            );
            return None;
        }
        return Some(None);
    }
    if let Some(role) = role.filter(|role| !ALLOWED.contains(&role.0)) {
        let (title, shown) = (section.title(), role.0);
        section.collector().error(
            section.line(),
            words!(
                "{title} 是 `{shown}`，指标由它计算，不能只在变化时记录",
                "{title} is `{shown}`: figures are computed from it, so it cannot be recorded on change only"
            ),
            words!(
                "删掉 `on_change`；少记的读数会让验收数据缺口变大",
                "remove `on_change`; readings that are left out would be gaps at acceptance"
            ),
        );
        return None;
    }
    let deadband_raw = match &deadband {
        None => 0.0,
        Some(written) => {
            let engineering = written.value.replace('_', "").parse::<f64>().ok().filter(|d| d.is_finite() && *d >= 0.0);
            let Some(engineering) = engineering else {
                let shown = &written.value;
                section.collector().error(
                    Some(written.line),
                    words!("`deadband = {shown}` 不是可用的死区", "`deadband = {shown}` is not a usable deadband"),
                    words!("写成 0 或正数，单位与 `unit` 相同", "write 0 or a positive number in the tag's own unit"),
                );
                return None;
            };
            scale?.to_raw(engineering).abs()
        }
    };
    let heartbeat_ms = heartbeat.map_or(interval_ms.max(HEARTBEAT_MS), |h| h.value);
    Some(Some(OnChange { deadband: deadband_raw, heartbeat_ms: i64::try_from(heartbeat_ms).unwrap_or(i64::MAX) }))
}

/// `Some(None)` is a tag that is no counter; `None` is a mistake.
fn read_counter(section: &Section<'_, '_>, counting: &Counting, role: Option<Role>) -> Option<Option<Counter>> {
    let modulus = section.integer("counter_modulus", 2..=(1 << 62));
    let rate = section.integer("max_per_hour", 1..=(1 << 52));
    let Some(max_per_hour) = rate else {
        if let Some(modulus) = modulus {
            section.collector().error(
                Some(modulus.line),
                words!(
                    "只写了 `counter_modulus`，还要写 `max_per_hour`",
                    "`counter_modulus` needs `max_per_hour` beside it"
                ),
                words!(
                    "写上每小时最多走多少个原始计数，才能分清“走满归零”和“被清零”",
                    "state the most raw steps per hour, so that a roll-over can be told from a reset"
                ),
            );
            return None;
        }
        if counting.integer && role.is_some_and(Role::is_counter) {
            let title = section.title();
            section.collector().warning(
                section.line(),
                words!("{title} 是累计值，但没写 `max_per_hour`", "{title} is a counter without `max_per_hour`"),
                words!(
                    "计数变小时只能当作清零处理；写上每小时最多走多少个原始计数",
                    "a fall of the count can then only be taken as a reset; state the most raw steps per hour"
                ),
            );
        }
        return Some(None);
    };
    Some(Some(Counter { modulus: modulus.map(|m| m.value).or(counting.modulus), max_per_hour: max_per_hour.value }))
}

fn read_span(section: &Section<'_, '_>, kind: Option<Kind>, defaults: &Defaults) -> Option<Place> {
    section.foreign(
        &["node", "subscribe"],
        &words!(
            "这一项只用于 `protocol = \"opcua\"` 的设备",
            "this key is only for devices with `protocol = \"opcua\"`"
        ),
    );
    let area = section.choice(
        "area",
        &[("holding", Area::Holding), ("input", Area::Input), ("coil", Area::Coil), ("discrete", Area::Discrete)],
    );
    if !section.has("area") {
        section.missing("area", "\"holding\"");
    }
    if !section.has("address") {
        section.missing("address", "0");
    }
    let address = section.integer("address", 0..=65_535);
    let orders = [("big", Order::Big), ("little", Order::Little)];
    let byte_order = section.choice("byte_order", &orders).map_or(defaults.byte_order, |o| o.value);
    let word_order = section.choice("word_order", &orders).map_or(defaults.word_order, |o| o.value);
    let bit = section.integer("bit", 0..=15);
    let byte = section.choice("byte", &[("high", Order::Big), ("low", Order::Little)]);
    let registers = section.integer("registers", 1..=125);
    let charset = section.choice("charset", &Charset::NAMES);
    let scale_register = section.integer("scale_register", 0..=65_535);
    let decimals = section.integer("decimals", 0..=9);
    let (area, kind) = (area?, kind?);
    if area.value.is_bits() && kind != Kind::Bit {
        let (name, shown) = (area.value.name(), kind.name());
        section.collector().error(
            Some(area.line),
            words!(
                "`area = \"{name}\"` 里只有单个的位，放不下 `type = \"{shown}\"`",
                "`area = \"{name}\"` holds single bits, not `type = \"{shown}\"`"
            ),
            words!(
                "写 `type = \"bit\"`，或把 `area` 改成 \"holding\" 或 \"input\"",
                "use `type = \"bit\"`, or `area = \"holding\"` or \"input\""
            ),
        );
        return None;
    }
    let bit_of_register = kind == Kind::Bit && !area.value.is_bits();
    let no_extras = [
        only_for(
            section,
            "bit",
            &bit,
            bit_of_register,
            "寄存器里的 `type = \"bit\"`",
            "`type = \"bit\"` inside a register",
        ),
        only_for(section, "byte", &byte, kind.is_byte(), "`type = \"u8\"` 和 `\"i8\"`", "`type = \"u8\"` and `\"i8\"`"),
        only_for(section, "registers", &registers, kind == Kind::Text, "`type = \"text\"`", "`type = \"text\"`"),
        only_for(section, "charset", &charset, kind == Kind::Text, "`type = \"text\"`", "`type = \"text\"`"),
        only_for(section, "scale_register", &scale_register, kind.is_integer(), "整数类型", "whole-number types"),
        only_for(
            section,
            "decimals",
            &decimals,
            section.has("scale_register"),
            "有 `scale_register` 的数据点",
            "tags with `scale_register`",
        ),
    ];
    let needed = [
        needs(section, "bit", bit_of_register, "0"),
        needs(section, "byte", kind.is_byte(), "\"low\""),
        needs(section, "registers", kind == Kind::Text, "8"),
        needs(section, "decimals", kind.is_integer() && section.has("scale_register"), "2"),
    ];
    if no_extras.contains(&false) || needed.contains(&false) {
        return None;
    }
    let address = narrow(address?.value);
    let count = kind.registers().or(registers.map(|r| narrow(r.value)))?;
    let encoding = Encoding {
        bit: bit.map_or(0, |b| narrow(b.value)),
        byte: byte.map_or(Order::Big, |b| b.value),
        charset: charset.map_or(Charset::Utf8, |c| c.value),
        ..Encoding::plain(kind, byte_order, word_order)
    };
    match (scale_register, decimals) {
        (Some(register), Some(decimals)) => {
            with_scale(section, area.value, address, count, encoding, &register, narrow(decimals.value))
        }
        _ => Some(Place::Modbus { area: area.value, address, count, encoding }),
    }
}

/// Whether a key that is there belongs to this type; if not, says so.
fn only_for<T>(
    section: &Section<'_, '_>,
    key: &str,
    found: &Option<Located<T>>,
    allowed: bool,
    zh: &str,
    en: &str,
) -> bool {
    let Some(found) = found.as_ref().filter(|_| !allowed) else { return true };
    section.collector().error(
        Some(found.line),
        words!("`{key}` 只用于{zh}", "`{key}` is only for {en}"),
        words!("请删掉这一行，或改 `type`", "remove this line or change `type`"),
    );
    false
}

/// Whether a key this type needs is there; if not, says so.
fn needs(section: &Section<'_, '_>, key: &'static str, needed: bool, example: &str) -> bool {
    if needed && !section.has(key) {
        section.missing(key, example);
        return false;
    }
    true
}

/// One span from the value to its scale register, so that both are of one moment.
fn with_scale(
    section: &Section<'_, '_>,
    area: Area,
    address: u16,
    count: u16,
    encoding: Encoding,
    register: &Located<u64>,
    decimals: u8,
) -> Option<Place> {
    let at: u16 = narrow(register.value);
    if let Some(scale) = section.numeral("scale") {
        section.collector().error(
            Some(scale.line),
            words!(
                "`scale` 不能和 `scale_register` 一起写：系数已由 `decimals` 决定",
                "`scale` cannot stand beside `scale_register`: `decimals` already states the factor"
            ),
            words!("请删掉 `scale`", "remove `scale`"),
        );
        return None;
    }
    if at >= address && at - address < count {
        section.collector().error(
            Some(register.line),
            words!(
                "`scale_register = {at}` 是数值自己的寄存器",
                "`scale_register = {at}` is a register of the value itself"
            ),
            words!("检查 `address` 和 `scale_register`", "check `address` and `scale_register`"),
        );
        return None;
    }
    let first = address.min(at);
    let end = (u32::from(address) + u32::from(count)).max(u32::from(at) + 1);
    let scale = ScaleRegister { value_at: address - first, at: at - first, decimals };
    Some(Place::Modbus {
        area,
        address: first,
        // A span too wide for this is too wide for any request and refused with the plan.
        count: u16::try_from(end - u32::from(first)).unwrap_or(u16::MAX),
        encoding: Encoding { scale: Some(scale), ..encoding },
    })
}

fn read_node(section: &Section<'_, '_>, kind: Option<Kind>) -> Option<Place> {
    section.foreign(
        &[
            "area",
            "address",
            "bit",
            "byte",
            "registers",
            "charset",
            "scale_register",
            "decimals",
            "byte_order",
            "word_order",
        ],
        &words!("这一项只用于 Modbus 设备", "this key is only for Modbus devices"),
    );
    let subscribe = section.boolean("subscribe", false);
    let node = section.required_string("node", "\"ns=2;s=Press.State\"")?;
    if Node::parse(&node.value).is_none() {
        let shown: String = node.value.chars().take(80).collect();
        section.collector().error(
            Some(node.line),
            words!("`{shown}` 不是 OPC UA 节点号", "`{shown}` is not an OPC UA node id"),
            words!(
                "写成 `ns=2;s=Press.State`、`ns=2;i=1001` 或 `nsu=http://maker/ns;s=Press.State`",
                "write `ns=2;s=Press.State`, `ns=2;i=1001` or `nsu=http://maker/ns;s=Press.State`"
            ),
        );
        return None;
    }
    let kind = kind?;
    if kind.is_register_form() {
        let shown = kind.name();
        section.collector().error(
            section.line(),
            words!("`type = \"{shown}\"` 只用于 Modbus 设备", "`type = \"{shown}\"` is only for Modbus devices"),
            words!(
                "写服务器给出的类型，例如 \"u32\" 或 \"f32\"",
                "use the type the server gives, such as \"u32\" or \"f32\""
            ),
        );
        return None;
    }
    Some(Place::OpcUa { node: node.value, kind, subscribe })
}
