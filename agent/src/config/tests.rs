//! What a person sees when the file is wrong, in both languages.

mod dlt645;
mod dtu;

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

/// The first tag's entry of the configuration record.
fn recorded(text: &str) -> protocol::content::TagConfig {
    let (config, warnings) = Config::parse(text, Path::new("agent.toml")).unwrap_or_else(|p| panic!("{p}"));
    assert_eq!(warnings, []);
    config.configuration().expect("valid").tags.remove(0)
}

#[test]
fn the_evidence_says_completely_where_and_how_a_value_is_read() {
    let little = "byte_order = \"little\"\nword_order = \"little\"\n";
    let bytes = "byte_order = \"little\"\n";
    let words = "word_order = \"little\"\n";
    for (kind, orders, address) in [
        ("type = \"u16\"", "", "input 7 u16"),
        ("type = \"u16\"", little, "input 7 u16 BA"),
        ("type = \"u8\"\nbyte = \"high\"", "", "input 7 u8 high"),
        ("type = \"i8\"\nbyte = \"low\"", words, "input 7 i8 low"),
        ("type = \"bit\"\nbit = 12", bytes, "input 7 bit bit 12 BA"),
        ("type = \"f16\"", "", "input 7 f16"),
        ("type = \"f32\"", "", "input 7 f32 ABCD"),
        ("type = \"f32\"", words, "input 7 f32 CDAB"),
        ("type = \"f32\"", bytes, "input 7 f32 BADC"),
        ("type = \"f32\"", little, "input 7 f32 DCBA"),
        ("type = \"i48\"", words, "input 7 i48 EFCDAB"),
        ("type = \"bcd48\"", little, "input 7 bcd48 FEDCBA"),
        ("type = \"m10k64\"", words, "input 7 m10k64 GHEFCDAB"),
        ("type = \"u64\"", bytes, "input 7 u64 BADCFEHG"),
        ("type = \"text\"\nregisters = 8", "", "input 7 text 8 registers utf8 AB"),
        ("type = \"text\"\nregisters = 8\ncharset = \"gbk\"", little, "input 7 text 8 registers gbk BA"),
        ("type = \"i16\"\nscale_register = 9\ndecimals = 2", "", "input 7 i16 scale_register 9 decimals 2"),
        ("type = \"u32\"\nscale_register = 3\ndecimals = 0", words, "input 7 u32 CDAB scale_register 3 decimals 0"),
    ] {
        let entry = recorded(&tag(&format!("area = \"input\"\naddress = 7\n{kind}\n{orders}")));
        assert_eq!(entry.address, address);
        let decimals = address.rsplit_once("decimals ").map_or(0, |(_, d)| d.parse().expect("digits"));
        assert_eq!((entry.scale.num, entry.scale.den), (1, 10_i64.pow(decimals)));
    }
    assert_eq!(
        recorded(&tag("area = \"coil\"\naddress = 7\ntype = \"bit\"\nbyte_order = \"little\"")).address,
        "coil 7 bit"
    );
}

#[test]
fn a_counter_rolls_over_where_its_type_ends_unless_the_file_says_otherwise() {
    let modulus = |kind: &str, more: &str| {
        let tag = tag(&format!("area = \"input\"\naddress = 7\nmax_per_hour = 60\ntype = \"{kind}\"\n{more}"));
        recorded(&tag).counter.expect("a counter").modulus
    };
    assert_eq!(modulus("u8", "byte = \"low\""), Some(256));
    assert_eq!(modulus("u48", ""), Some(1 << 48));
    assert_eq!(modulus("bcd16", ""), Some(10_000));
    assert_eq!(modulus("m10k32", ""), Some(100_000_000));
    assert_eq!(modulus("bcd64", "counter_modulus = 1000000"), Some(1_000_000));
    assert_eq!(modulus("i32", ""), None);
    let scaled = "scale_register = 9\ndecimals = 2\n";
    assert_eq!(modulus("u16", scaled), None, "it depends on the scale register");
    assert_eq!(modulus("u16", &format!("{scaled}counter_modulus = 6553600")), Some(6_553_600));
}

#[test]
fn a_key_that_says_nothing_for_a_type_and_a_type_that_misses_a_key_are_refused() {
    let at = |lines: &str| tag(&format!("area = \"holding\"\naddress = 0\n{lines}"));
    for (lines, zh, en) in [
        (
            "type = \"u16\"\nbyte = \"low\"",
            "`byte` 只用于`type = \"u8\"` 和 `\"i8\"`",
            "`byte` is only for `type = \"u8\"` and `\"i8\"`",
        ),
        ("type = \"u8\"", "缺少 `byte`", "needs `byte`"),
        (
            "type = \"u8\"\nbyte = \"upper\"",
            "`byte = \"upper\"` 不是可用的选项",
            "`byte = \"upper\"` is not one of the choices",
        ),
        (
            "type = \"u16\"\ncharset = \"gbk\"",
            "`charset` 只用于`type = \"text\"`",
            "`charset` is only for `type = \"text\"`",
        ),
        (
            "type = \"text\"\nregisters = 4\ncharset = \"gb2312\"",
            "`charset = \"gb2312\"` 不是",
            "`charset = \"gb2312\"` is not",
        ),
        ("type = \"text\"", "缺少 `registers`", "needs `registers`"),
        (
            "type = \"u16\"\nregisters = 4",
            "`registers` 只用于`type = \"text\"`",
            "`registers` is only for `type = \"text\"`",
        ),
        (
            "type = \"u16\"\nbit = 4",
            "`bit` 只用于寄存器里的 `type = \"bit\"`",
            "`bit` is only for `type = \"bit\"` inside a register",
        ),
        ("type = \"u16\"\nscale_register = 4", "缺少 `decimals`", "needs `decimals`"),
        (
            "type = \"u16\"\ndecimals = 4",
            "`decimals` 只用于有 `scale_register` 的数据点",
            "`decimals` is only for tags with `scale_register`",
        ),
        (
            "type = \"f32\"\nscale_register = 4\ndecimals = 1",
            "`scale_register` 只用于整数类型",
            "`scale_register` is only for whole-number types",
        ),
        (
            "type = \"u16\"\nscale_register = 4\ndecimals = 10",
            "请填 0 到 9 之间的整数",
            "use a whole number from 0 to 9",
        ),
        (
            "type = \"u16\"\nscale_register = 4\ndecimals = 1\nscale = 0.1",
            "`scale` 不能和 `scale_register` 一起写",
            "`scale` cannot stand beside `scale_register`",
        ),
        (
            "type = \"u32\"\nscale_register = 1\ndecimals = 1",
            "`scale_register = 1` 是数值自己的寄存器",
            "`scale_register = 1` is a register of the value itself",
        ),
    ] {
        check(&at(lines), &[zh], &[en]);
    }
    let opcua = "[[device]]\nname = \"cnc\"\nprotocol = \"opcua\"\nendpoint = \"opc.tcp://10.0.0.6:4840\"\n";
    let node =
        |kind: &str| format!("{HEAD}{opcua}[[device.tag]]\nname = \"n\"\nnode = \"ns=2;s=n\"\ntype = \"{kind}\"\n");
    check(
        &node("bcd16"),
        &["`type = \"bcd16\"` 只用于 Modbus 设备"],
        &["`type = \"bcd16\"` is only for Modbus devices"],
    );
    check(&(node("u8") + "byte = \"low\"\n"), &["`byte` 不能写在"], &["`byte` does not belong in"]);
    assert!(Config::parse(&node("u8"), Path::new("a.toml")).is_ok(), "OPC UA has bytes of its own");
}

#[test]
fn a_scale_register_too_far_away_for_one_request_is_refused() {
    let far = |limit: u32, value: u32, register: u32| {
        format!(
            "{HEAD}{PRESS}registers_max = {limit}\n[[device.tag]]\nname = \"flow\"\narea = \"holding\"\naddress = {value}\ntype = \"u32\"\nscale_register = {register}\ndecimals = 2\n"
        )
    };
    check(
        &far(60, 100, 160),
        &["数据点 `press/flow` 的数值在 100，`scale_register` 在 160，相距太远", "这台设备一次只给 60 个寄存器"],
        &[
            "tag `press/flow` has its value at 100 and its `scale_register` at 160, too far apart",
            "gives 60 registers per request",
        ],
    );
    check(
        &far(125, 65_534, 0),
        &["的数值在 65534，`scale_register` 在 0"],
        &["its value at 65534 and its `scale_register` at 0"],
    );
    for (limit, value, register) in [(61, 100, 160), (62, 160, 100), (3, 65_533, 65_535)] {
        assert!(Config::parse(&far(limit, value, register), Path::new("a.toml")).is_ok(), "{value} {register}");
    }
}

#[test]
fn a_tag_that_touches_a_hole_and_holes_that_are_none_are_refused() {
    let with = |holes: &str, address: u32| {
        format!(
            "{HEAD}{PRESS}one_by_one = true\nconnect_pause_ms = 500\nholes = {holes}\n[[device.tag]]\nname = \"count\"\narea = \"holding\"\naddress = {address}\ntype = \"u32\"\n"
        )
    };
    check(
        &with("[[100, 119]]", 99),
        &["数据点 `press/count` 要读 99 到 100，碰到 `holes` 里的 100 到 119", "第 10 行"],
        &["tag `press/count` needs 99 to 100, which touches 100 to 119 of `holes`", "line 10"],
    );
    assert!(Config::parse(&with("[[100, 119], [0x200, 0x200]]", 120), Path::new("a.toml")).is_ok());
    let many = format!("[{}]", "[1, 1], ".repeat(65));
    for wrong in ["7", "[7]", "[[1, 2, 3]]", "[[9, 8]]", "[[0, 65536]]", "[[-1, 2]]", "[[\"1\", 2]]", &many] {
        check(
            &with(wrong, 200),
            &["`holes` 不是一组地址段", "第 9 行", "写成 `holes = [[100, 119], [300, 300]]`"],
            &["`holes` is not a list of stretches of addresses", "line 9", "write `holes = [[100, 119], [300, 300]]`"],
        );
    }
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
    assert_eq!(config.devices.len(), 6);
    assert!(
        matches!(&config.devices[1].link, Link::Modbus(l) if matches!(&l.carrier, Carrier::Serial(p) if p.baud == 9_600))
    );
    assert!(matches!(&config.devices[4].tags[0].place, Place::OpcUa { subscribe: true, .. }));
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
            "grid/energy",
            "grid/power",
            "grid/number",
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
