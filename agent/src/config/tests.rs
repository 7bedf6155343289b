//! What a person sees when the file is wrong, in both languages.

use std::path::Path;

use super::device::{Carrier, Link, Place};
use super::{Config, Problems};
use crate::locale::Lang;

const HEAD: &str = "[gateway]\nstate_dir = \"/tmp/gz\"\n";
const PRESS: &str = "[[device]]\nname = \"press\"\nprotocol = \"modbus_tcp\"\naddress = \"10.0.0.5:502\"\n";

fn refused(text: &str) -> Problems {
    Config::parse(text, Path::new("agent.toml")).expect_err("must be refused")
}

/// The file is refused, and both renderings contain their sentences.
fn check(text: &str, zh: &[&str], en: &[&str]) {
    let problems = refused(text);
    let (zh_text, en_text) = (problems.render(Lang::Zh), problems.render(Lang::En));
    for part in zh {
        assert!(zh_text.contains(part), "missing {part:?} in:\n{zh_text}");
    }
    for part in en {
        assert!(en_text.contains(part), "missing {part:?} in:\n{en_text}");
    }
}

fn tag(lines: &str) -> String {
    format!("{HEAD}{PRESS}[[device.tag]]\nname = \"state\"\n{lines}\n")
}

#[test]
fn an_unknown_key_is_refused_with_its_line_and_the_nearest_name() {
    check(
        &tag("area = \"holding\"\nadress = 0\naddress = 0\ntype = \"u16\""),
        &["错误：未知的配置项 `adress`", "agent.toml 第 10 行", "建议：是不是 `address`？"],
        &["error: unknown key `adress`", "in agent.toml, line 10", "hint: did you mean `address`?"],
    );
    check(
        &format!("{HEAD}[bufer]\nmax_bytes = 1\n"),
        &["未知的配置项 `bufer`", "第 3 行", "`buffer`"],
        &["unknown key `bufer`", "line 3", "`buffer`"],
    );
}

#[test]
fn a_wrong_register_type_is_refused_with_the_choices() {
    check(
        &tag("area = \"holding\"\naddress = 0\ntype = \"uint32\""),
        &["`type = \"uint32\"` 不是可用的选项", "第 11 行", "`u32`"],
        &["`type = \"uint32\"` is not one of the choices", "line 11", "`u32`"],
    );
    check(
        &tag("area = \"coil\"\naddress = 0\ntype = \"u32\""),
        &["`area = \"coil\"` 里只有单个的位，放不下 `type = \"u32\"`"],
        &["`area = \"coil\"` holds single bits, not `type = \"u32\"`"],
    );
}

#[test]
fn all_problems_are_reported_at_once_in_the_order_of_the_file() {
    let text = format!("{HEAD}lang = \"de\"\n{PRESS}timeout_ms = 5\n[[device.tag]]\nname = \"A b\"\ntype = \"u16\"\n");
    let problems = refused(&text);
    let lines: Vec<_> = problems.list.iter().map(|p| p.line).collect();
    assert_eq!(lines, [Some(3), Some(8), Some(9), Some(9), Some(10)], "{}", problems.render(Lang::En));
}

#[test]
fn a_tag_wider_than_the_device_allows_is_refused() {
    let text = format!(
        "{HEAD}{PRESS}registers_max = 1\n[[device.tag]]\nname = \"count\"\narea = \"holding\"\naddress = 125\ntype = \"u32\"\n"
    );
    check(
        &text,
        &["数据点 `press/count` 要 2 个寄存器，这台设备一次只给 1 个", "第 8 行", "`registers_max`"],
        &["tag `press/count` needs 2 registers; this device gives 1 per request", "line 8", "`registers_max`"],
    );
}

#[test]
fn a_key_of_another_protocol_is_refused_with_the_reason() {
    check(
        &format!("{HEAD}{PRESS}baud = 9600\n"),
        &["`baud` 不能写在 [[device]] `press` 这里", "只用于 `protocol = \"modbus_rtu\"`"],
        &["`baud` does not belong in [[device]] `press`", "only for `protocol = \"modbus_rtu\"`"],
    );
    check(
        &format!("{HEAD}[uplink]\npassword = \"geheim\"\n"),
        &["`password` 不能写在 [uplink] 这里", "password_file"],
        &["`password` does not belong in [uplink]", "password_file"],
    );
}

#[test]
fn names_used_twice_are_refused() {
    check(
        &format!("{HEAD}{PRESS}{PRESS}"),
        &["设备名 `press` 重复了", "第一次在第 3 行"],
        &["the device name `press` is used twice", "first used in line 3"],
    );
    check(
        &format!(
            "{}[[device.tag]]\nname = \"state\"\narea = \"input\"\naddress = 1\ntype = \"u16\"\n",
            tag("area = \"holding\"\naddress = 0\ntype = \"u16\"")
        ),
        &["数据点 `press/state` 重复了"],
        &["the tag `press/state` is described twice"],
    );
}

#[test]
fn broken_toml_names_the_line() {
    check(
        &format!("{HEAD}[buffer\nmax_bytes = 1\n"),
        &["这里不是合法的 TOML", "第 3 行"],
        &["this is not TOML", "line 3"],
    );
}

#[test]
fn a_serial_line_that_cannot_be_that_fast_is_refused() {
    let mut text = format!(
        "{HEAD}[[device]]\nname = \"meter\"\nprotocol = \"modbus_rtu\"\nport = \"/dev/ttyUSB0\"\nunit = 3\nbaud = 9600\ngap_max = 0\n"
    );
    for i in 0..500 {
        let address = i * 10;
        text += &format!("[[device.tag]]\nname = \"t{i}\"\narea = \"holding\"\naddress = {address}\ntype = \"u16\"\n");
    }
    check(
        &text,
        &["串口 /dev/ttyUSB0 在 9600 波特下做不到：需要线路能力的", "加大 `interval_ms`"],
        &["the line /dev/ttyUSB0 cannot do this at 9600 baud: it would need", "raise `interval_ms`"],
    );
    let slow = text.replace("gap_max = 0\n", "gap_max = 0\ninterval_ms = 60000\n");
    assert!(Config::parse(&slow, Path::new("a.toml")).is_ok(), "the same tags once a minute are possible");
}

#[test]
fn devices_on_one_bus_must_agree_on_its_settings() {
    let device = |name: &str, unit: u8, baud: u32| {
        format!(
            "[[device]]\nname = \"{name}\"\nprotocol = \"modbus_rtu\"\nport = \"/dev/ttyS1\"\nunit = {unit}\nbaud = {baud}\n"
        )
    };
    check(
        &format!("{HEAD}{}{}", device("a", 1, 9_600), device("b", 2, 19_200)),
        &["`a` 和 `b` 在同一串口 /dev/ttyS1 上，但串口参数不同"],
        &["`a` and `b` share /dev/ttyS1 with different settings"],
    );
    check(
        &format!("{HEAD}{}", device("a", 1, 9_600).replace("unit = 1", "unit = 248")),
        &["`unit = 248` 不是串行线路上的站号"],
        &["`unit = 248` is not a unit on a serial line"],
    );
}

#[test]
fn a_bad_node_id_and_a_half_login_are_refused() {
    let opcua = "[[device]]\nname = \"cnc\"\nprotocol = \"opcua\"\nendpoint = \"opc.tcp://10.0.0.6:4840\"\n";
    check(
        &format!("{HEAD}{opcua}[[device.tag]]\nname = \"state\"\nnode = \"cnc/state\"\ntype = \"i32\"\n"),
        &["`cnc/state` 不是 OPC UA 节点号"],
        &["`cnc/state` is not an OPC UA node id"],
    );
    check(&format!("{HEAD}{opcua}user = \"x\"\n"), &["登录方式写得不完整"], &["the way to log in is incomplete"]);
    check(
        &format!("{HEAD}{opcua}security_policy = \"Basic128Rsa15\"\n"),
        &["`security_policy = \"Basic128Rsa15\"` 不是可用的选项"],
        &["`security_policy = \"Basic128Rsa15\"` is not one of the choices"],
    );
}

#[test]
fn a_missing_file_and_a_missing_section_say_what_to_do() {
    let missing = Config::load(Path::new("/nonexistent/agent.toml")).expect_err("missing");
    assert!(missing.render(Lang::Zh).contains("读不了配置文件"));
    assert!(missing.render(Lang::En).contains("gongzheng-agent init"));
    check("", &["缺少 [gateway] 一节", "state_dir"], &["the section [gateway] is missing", "state_dir"]);
}

#[test]
fn the_example_is_valid_and_gives_the_same_evidence_every_time() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs/agent.example.toml");
    let (config, warnings) = Config::load(&path).unwrap_or_else(|p| panic!("{}", p.render(Lang::En)));
    assert_eq!(warnings, []);
    assert_eq!(config.devices.len(), 5);
    assert!(
        matches!(&config.devices[1].link, Link::Modbus(l) if matches!(&l.carrier, Carrier::Serial(p) if p.baud == 9_600))
    );
    assert!(matches!(&config.devices[3].tags[0].place, Place::OpcUa { subscribe: true, .. }));
    let record = config.configuration().expect("valid");
    let ids: Vec<&str> = record.tags.iter().map(|t| t.id.as_str()).collect();
    assert_eq!(
        ids,
        [
            "press/state",
            "press/good",
            "press/reject",
            "press/power",
            "press/energy",
            "press/oil_temperature",
            "press/serial",
            "lathe/power",
            "lathe/energy",
            "main/energy",
            "cnc/state",
            "cnc/program",
            "compressor-meter/power",
            "compressor-meter/energy_import"
        ]
    );
    let energy = &record.tags[4];
    assert_eq!((energy.scale.num, energy.scale.den), (1, 100));
    assert_eq!(energy.address, "holding 8 u32 ABCD");
    assert_eq!(energy.counter.map(|c| (c.modulus, c.max_per_hour)), Some((Some(1 << 32), 20_000)));
    assert_eq!(record, Config::load(&path).expect("again").0.configuration().expect("valid"));
}

#[test]
fn hostile_files_are_refused_without_a_panic() {
    use proptest::prelude::*;
    let example = include_str!("../../../configs/agent.example.toml");
    proptest!(|(cut in 0..example.len(), junk in "\\PC{0,20}")| {
        if example.is_char_boundary(cut) {
            let text = format!("{}{junk}{}", &example[..cut], &example[cut..]);
            // Whether it is still valid does not matter; both outcomes must be reached without a panic and render.
            if let Err(problems) = Config::parse(&text, Path::new("x")) {
                prop_assert!(problems.is_fatal());
                prop_assert!(!problems.render(Lang::Zh).is_empty());
            }
        }
    });
}

#[test]
fn a_configuration_too_large_for_a_record_is_refused_before_anything_is_read() {
    let mut text = format!("{HEAD}{PRESS}");
    // Names that do not compress: a small generator, the same in every run.
    let mut state = 1_u64;
    for address in 0..16_000 {
        let name: String = (0..26)
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                char::from(b'a' + ((state >> 33) % 26) as u8)
            })
            .collect();
        text.push_str(&format!(
            "[[device.tag]]\nname = \"{name}\"\narea = \"holding\"\naddress = {address}\ntype = \"u16\"\n"
        ));
    }
    check(
        &text,
        &["16000 个数据点的配置写成记录后有", "超过一条记录的上限 262144 字节", "把设备分给两个网关"],
        &["the configuration of these 16000 tags makes a record of", "a record holds 262144", "between two gateways"],
    );
}

#[test]
fn recording_on_change_is_refused_where_figures_come_from_the_value() {
    let energy =
        "area = \"holding\"\naddress = 0\ntype = \"u32\"\nmax_per_hour = 9\nrole = \"energy\"\non_change = true";
    check(
        &tag(energy),
        &["`press/state` 是 `energy`，指标由它计算，不能只在变化时记录", "删掉 `on_change`"],
        &["`press/state` is `energy`: figures are computed from it", "remove `on_change`"],
    );
    let oil = "area = \"holding\"\naddress = 0\ntype = \"u16\"\nrole = \"temperature\"\n";
    check(
        &tag(&format!("{oil}deadband = 0.5")),
        &["`deadband` 只和 `on_change = true` 一起用"],
        &["`deadband` belongs to `on_change = true`"],
    );
    check(
        &tag(&format!("{oil}on_change = true\ndeadband = -1")),
        &["`deadband = -1` 不是可用的死区"],
        &["`deadband = -1` is not a usable deadband"],
    );
    let text = tag(&format!("{oil}scale = 0.1\non_change = true\ndeadband = 0.5"));
    let (config, _) = Config::parse(&text, Path::new("agent.toml")).expect("valid");
    let record = config.configuration().expect("a record").tags.remove(0);
    assert_eq!(record.interval_ms, 60_000, "the evidence promises the heartbeat");
    assert_eq!(record.address, "holding 0 u16 on change 5");
}
