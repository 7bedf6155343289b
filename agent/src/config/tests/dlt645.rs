//! What a person sees when the description of a DL/T 645 meter is wrong, and what a right one becomes.

use std::path::Path;

use super::{HEAD, PRESS, check};
use crate::config::Config;
use crate::locale::Lang;

const METER: &str =
    "[[device]]\nname = \"meter\"\nprotocol = \"dlt645\"\nport = \"/dev/ttyUSB1\"\nmeter = \"000012345678\"\n";
const ENERGY: &str = "[[device.tag]]\nname = \"energy\"\ndi = \"00 01 00 00\"\nbytes = 4\ntype = \"bcd\"\n";

fn accepted(text: &str) -> Config {
    Config::parse(text, Path::new("agent.toml")).unwrap_or_else(|p| panic!("{}", p.render(Lang::En))).0
}

#[test]
fn a_meter_becomes_evidence_and_its_counter_starts_over_at_its_digits() {
    let config = accepted(&format!("{HEAD}{METER}{ENERGY}role = \"energy\"\nscale = 0.01\nmax_per_hour = 10000\n"));
    let record = config.configuration().expect("valid");
    assert_eq!(
        (record.devices[0].protocol.as_str(), record.devices[0].address.as_str()),
        ("dlt645", "/dev/ttyUSB1 meter 000012345678")
    );
    let tag = &record.tags[0];
    assert_eq!((tag.address.as_str(), tag.value_type), ("di 00010000 bcd 4", protocol::ValueType::U64));
    assert_eq!(tag.counter.and_then(|c| c.modulus), Some(100_000_000));
    let explained = crate::commands::check::report(&config, Lang::En);
    assert!(
        explained.contains("meter (/dev/ttyUSB1 meter 000012345678): 1 requests every 1000 ms: 00010000"),
        "{explained}"
    );
    assert!(explained.contains("2400 baud"), "{explained}");
}

#[test]
fn a_number_that_is_none_or_everybodys_is_refused() {
    for wrong in ["12345678", "AAAAAAAAAAAA", "999999999999"] {
        check(
            &format!("{HEAD}{}", METER.replace("000012345678", wrong)),
            &[&format!("`meter = \"{wrong}\"` 不是表号"), "第 7 行", "12 位数字"],
            &[&format!("`meter = \"{wrong}\"` is not a meter number"), "line 7", "12 digits"],
        );
    }
    check(&format!("{HEAD}{}", METER.replace("meter = \"000012345678\"\n", "")), &["缺少 `meter`"], &["needs `meter`"]);
}

#[test]
fn a_block_or_broken_identifier_and_a_wrong_length_are_refused() {
    for wrong in ["02 01 FF 00", "00 01 00", "energy"] {
        check(
            &format!("{HEAD}{METER}{}", ENERGY.replace("00 01 00 00", wrong)),
            &[&format!("`di = \"{wrong}\"` 不是数据标识"), "逐项写"],
            &[&format!("`di = \"{wrong}\"` is not a data identifier"), "write each item"],
        );
    }
    check(
        &format!("{HEAD}{METER}{}", ENERGY.replace("bytes = 4", "bytes = 9")),
        &["`bytes = 9` 超出范围"],
        &["`bytes = 9` is out of range"],
    );
    check(&format!("{HEAD}{METER}{}", ENERGY.replace("bytes = 4\n", "")), &["缺少 `bytes`"], &["needs `bytes`"]);
    check(
        &format!("{HEAD}{METER}{}", ENERGY.replace("bcd", "u32")),
        &["`type = \"u32\"` 不是可用的选项", "`bcd_signed`"],
        &["`type = \"u32\"` is not one of the choices", "`bcd_signed`"],
    );
}

#[test]
fn keys_of_other_protocols_are_refused_both_ways() {
    check(
        &format!("{HEAD}{METER}unit = 1\n{ENERGY}address = 0\n"),
        &[
            "`unit` 不能写在 [[device]] `meter` 这里",
            "`address` 不能写在 [[device.tag]] `meter/energy` 这里",
            "只用于 Modbus",
        ],
        &["`unit` does not belong in [[device]] `meter`", "`address` does not belong in [[device.tag]] `meter/energy`"],
    );
    check(
        &format!(
            "{HEAD}{PRESS}meter = \"000012345678\"\n[[device.tag]]\nname = \"a\"\ndi = \"00 01 00 00\"\narea = \"holding\"\naddress = 0\ntype = \"u16\"\n"
        ),
        &["`meter` 不能写在", "`di` 不能写在", "只用于 `protocol = \"dlt645\"`"],
        &["`meter` does not belong in", "`di` does not belong in", "only for `protocol = \"dlt645\"`"],
    );
    check(
        &format!("{HEAD}{METER}address = \"10.0.0.5:4001\"\n"),
        &["`address` 不能写在", "只写一个"],
        &["`address` does not belong in", "not both"],
    );
    check(
        &format!("{HEAD}{}baud = 2400\n", METER.replace("port = \"/dev/ttyUSB1\"", "address = \"10.0.0.5:4001\"")),
        &["`baud` 不能写在", "要和 `port` 一起写"],
        &["`baud` does not belong in", "belong beside `port`"],
    );
    check(&format!("{HEAD}{}", METER.replace("port = \"/dev/ttyUSB1\"\n", "")), &["缺少 `port`"], &["needs `port`"]);
}

#[test]
fn two_protocols_on_one_line_are_refused() {
    let modbus = "[[device]]\nname = \"lathe\"\nprotocol = \"modbus_rtu\"\nport = \"/dev/ttyUSB1\"\nunit = 3\nbaud = 2400\nparity = \"even\"\n";
    check(
        &format!("{HEAD}{METER}{modbus}"),
        &["`meter` 和 `lathe` 在同一条线 /dev/ttyUSB1 上", "一条线只走一种协议"],
        &["`meter` and `lathe` share the line /dev/ttyUSB1, one with Modbus and one with DL/T 645", "one protocol"],
    );
    let network = |text: &str| text.replace("port = \"/dev/ttyUSB1\"", "address = \"10.0.0.5:4001\"");
    let modbus =
        network(modbus).replace("modbus_rtu", "modbus_rtu_over_tcp").replace("baud = 2400\nparity = \"even\"\n", "");
    check(
        &format!("{HEAD}{}{modbus}", network(METER)),
        &["在同一条线 10.0.0.5:4001 上"],
        &["share the line 10.0.0.5:4001"],
    );
    let second = METER.replace("\"meter\"", "\"meter-2\"").replace("45678", "45679");
    assert_eq!(accepted(&format!("{HEAD}{METER}{second}")).devices.len(), 2, "meters share a line");
}

#[test]
fn a_line_of_2400_baud_that_cannot_be_that_fast_is_refused() {
    let tags: String = (0..6)
        .map(|n| ENERGY.replace("energy", &format!("e{n}")).replace("00 01 00 00", &format!("00 01 0{n} 00")))
        .collect();
    check(
        &format!("{HEAD}{METER}{tags}"),
        &["串口 /dev/ttyUSB1 在 2400 波特下做不到：需要线路能力的 133%"],
        &["the line /dev/ttyUSB1 cannot do this at 2400 baud: it would need 133 % of its capacity"],
    );
    accepted(&format!("{HEAD}{METER}interval_ms = 10000\n{tags}"));
}
