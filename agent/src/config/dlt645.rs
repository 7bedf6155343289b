//! A `[[device]]` with `protocol = "dlt645"` and its tags.

use super::device::{Carrier, Dlt645Link, Parity, Place};
use super::devices::{MODBUS_KEYS, OPCUA_KEYS, SERIAL_KEYS, check_address, dtu_serial, read_port};
use super::document::Section;
use super::dtu;
use crate::locale::{Words, words};
use crate::source::dlt645::frame::{Di, Meter};
use crate::source::dlt645::value::Kind;

/// What to say of a key of this protocol elsewhere.
pub(super) fn only() -> Words {
    words!("这一项只用于 `protocol = \"dlt645\"`", "this key is only for `protocol = \"dlt645\"`")
}

pub(super) fn read_link(section: &Section<'_, '_>, timeout_ms: u64) -> Option<Dlt645Link> {
    section.foreign(&MODBUS_KEYS, &words!("这一项只用于 Modbus 设备", "this key is only for Modbus devices"));
    section.foreign(
        &OPCUA_KEYS,
        &words!("这一项只用于 `protocol = \"opcua\"`", "this key is only for `protocol = \"opcua\"`"),
    );
    let pause_ms = section.integer_or("pause_ms", 0..=10_000, 0);
    let late_ms = section.integer_or("late_ms", 0..=600_000, (timeout_ms * 5).max(5_000));
    let carrier = read_carrier(section);
    let meter = section.required_string("meter", "\"000012345678\"").and_then(|written| {
        let meter = Meter::parse(&written.value);
        if meter.is_none() {
            let shown: String = written.value.chars().take(40).collect();
            section.collector().error(
                Some(written.line),
                words!("`meter = \"{shown}\"` 不是表号", "`meter = \"{shown}\"` is not a meter number"),
                words!(
                    "照铭牌写 12 位数字，不足的在左边补 0；全 9 是广播地址，不能用",
                    "write the 12 digits of the nameplate, with zeros on the left; all nines address every meter and are refused"
                ),
            );
        }
        meter
    });
    Some(Dlt645Link { carrier: carrier?, meter: meter?, pause_ms, late_ms })
}

fn read_carrier(section: &Section<'_, '_>) -> Option<Carrier> {
    if section.has("listen") {
        section.foreign(&SERIAL_KEYS[1..], &dtu_serial());
        return dtu::read(section).map(Carrier::Dtu);
    }
    dtu::without_listen(section);
    if section.has("port") {
        section.foreign(
            &["address"],
            &words!(
                "`port` 和 `address` 只写一个：串口写 `port`，串口服务器写 `address`",
                "give `port` (a serial line) or `address` (a serial device server), not both"
            ),
        );
        // What meters are delivered with.
        return read_port(section, 2_400, Parity::Even).map(Carrier::Serial);
    }
    section
        .foreign(&SERIAL_KEYS, &words!("串口参数要和 `port` 一起写", "settings of a serial line belong beside `port`"));
    if !section.has("address") {
        section.missing("port", "\"/dev/ttyUSB0\"");
        return None;
    }
    let address = section.string("address")?;
    check_address(section, &address.value, address.line, "192.168.1.30:4001")
        .then_some(Carrier::RtuOverTcp(address.value))
}

/// The kind and the place of a tag.
pub(super) fn read_place(section: &Section<'_, '_>, kind: Option<Kind>) -> Option<Place> {
    section.foreign(
        &["area", "address", "bit", "registers", "byte_order", "word_order"],
        &words!("这一项只用于 Modbus 设备", "this key is only for Modbus devices"),
    );
    section.foreign(
        &["node", "subscribe"],
        &words!(
            "这一项只用于 `protocol = \"opcua\"` 的设备",
            "this key is only for devices with `protocol = \"opcua\"`"
        ),
    );
    let di = section.required_string("di", "\"00 01 00 00\"").and_then(|written| {
        let di = Di::parse(&written.value).filter(|di| !di.is_block());
        if di.is_none() {
            let shown: String = written.value.chars().take(40).collect();
            section.collector().error(
                Some(written.line),
                words!("`di = \"{shown}\"` 不是数据标识", "`di = \"{shown}\"` is not a data identifier"),
                words!(
                    "照标准写 DI3 到 DI0 四个字节，例如 `00 01 00 00`；含 FF 的数据块请逐项写",
                    "write the four bytes DI3 to DI0 as the standard does, such as `00 01 00 00`; of a block (FF) write each item"
                ),
            );
        }
        di
    });
    let bytes_max = kind.map_or(32, Kind::bytes_max);
    if !section.has("bytes") {
        section.missing("bytes", "4");
    }
    let bytes = section.integer("bytes", 1..=u64::from(bytes_max))?;
    Some(Place::Dlt645 { di: di?, bytes: u8::try_from(bytes.value).unwrap_or(bytes_max), kind: kind? })
}
