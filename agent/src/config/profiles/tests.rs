//! A device described by a profile: what the user writes wins, and every refusal says where.

use std::path::Path;

use crate::config::Config;
use crate::config::device::{Carrier, Device, Link, Parity, Place};
use crate::config::problem::{Problem, Problems};
use crate::config::scale::Scale;
use crate::locale::Lang;

const HEAD: &str = "[gateway]\nstate_dir = \"/tmp/gz\"\n[[device]]\nname = \"meter\"\n";

/// A meter with secondary values behind transformers.
const OWN: &str = r#"id = "own-meter"
version = 2
title_zh = "自己的表"
title_en = "own meter"
protocol = "modbus"
[[source]]
title = "manual"
date = "2026-11-28"
verified = true
[defaults]
baud = 19200
parity = "even"
word_order = "little"
interval_ms = 5000
[ratio]
primary = false
note_zh = "读数是二次值。"
note_en = "The values are secondary."
[[tag]]
name = "current"
area = "holding"
address = 0
type = "u16"
unit = "A"
scale = 0.01
ratio = "ct"
[[tag]]
name = "energy"
area = "holding"
address = 2
type = "u32"
unit = "kWh"
scale = 0.01
role = "energy"
max_per_hour = 1000
ratio = "ct_pt"
[[tag]]
name = "thd"
area = "holding"
address = 9
type = "u16"
optional = true
group = "power_quality"
"#;

fn parse(text: &str, folder: &Path) -> Result<(Config, Vec<Problem>), Problems> {
    Config::parse(text, &folder.join("agent.toml"))
}

fn device(lines: &str) -> Device {
    let (config, warnings) = parse(&format!("{HEAD}{lines}"), Path::new("")).unwrap_or_else(|p| panic!("{p}"));
    assert_eq!(warnings, []);
    config.devices[0].as_ref().clone()
}

/// A folder with `own-meter.toml`.
fn folder(profile: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("own-meter.toml"), profile).unwrap();
    folder
}

/// A device with `own-meter.toml` beside the configuration.
fn own(profile: &str, lines: &str) -> Result<(Device, Vec<Problem>), Problems> {
    let folder = folder(profile);
    let text = format!("{HEAD}profile_file = \"own-meter.toml\"\n{lines}");
    parse(&text, folder.path()).map(|(config, warnings)| (config.devices[0].as_ref().clone(), warnings))
}

fn check(problems: &Problems, zh: &[&str], en: &[&str]) {
    let (zh_text, en_text) = (problems.render(Lang::Zh), problems.render(Lang::En));
    for part in zh {
        assert!(zh_text.contains(part), "missing {part:?} in:\n{zh_text}");
    }
    for part in en {
        assert!(en_text.contains(part), "missing {part:?} in:\n{en_text}");
    }
}

fn refused(lines: &str, zh: &[&str], en: &[&str]) {
    check(&parse(&format!("{HEAD}{lines}"), Path::new("")).expect_err("must be refused"), zh, en);
}

#[test]
fn most_users_type_only_an_address() {
    let tcp = device("profile = \"eastron-sdm630\"\naddress = \"10.0.0.5:502\"\n");
    let Link::Modbus(link) = &tcp.link else { panic!("Modbus") };
    assert_eq!(link.carrier, Carrier::Tcp("10.0.0.5:502".to_owned()));
    assert!(tcp.tags.iter().any(|tag| tag.id == "meter/energy_import" && tag.role.0 == "energy"));
    let serial = device("profile = \"eastron-sdm630\"\nport = \"/dev/ttyUSB0\"\nunit = 7\n");
    let Link::Modbus(link) = &serial.link else { panic!("Modbus") };
    assert!(matches!(&link.carrier, Carrier::Serial(port) if port.baud == 9_600) && link.unit == 7);
    assert_eq!((serial.tags.len(), link.limits.registers_max), (tcp.tags.len(), 60));
}

#[test]
fn the_record_of_the_configuration_names_profile_version_and_digest() {
    let text = format!("{HEAD}profile = \"eastron-sdm630\"\naddress = \"10.0.0.5:502\"\n");
    let (config, _) = parse(&text, Path::new("")).unwrap();
    let record = config.configuration().unwrap();
    let label = record.devices[0].profile.clone().unwrap();
    assert!(label.starts_with("eastron-sdm630@") && label.contains(" sha256:"), "{label}");
    let plain = text.replace("profile = \"eastron-sdm630\"", "protocol = \"modbus_tcp\"");
    let (config, _) = parse(&plain, Path::new("")).unwrap();
    assert_eq!(config.configuration().unwrap().devices[0].profile, None);
}

#[test]
fn what_the_user_writes_wins_key_by_key() {
    let lines = "port = \"/dev/ttyUSB0\"\nunit = 1\nparity = \"odd\"\nct_ratio = \"200/5\"\npt_ratio = 10\n\
        [[device.tag]]\nname = \"energy\"\ninterval_ms = 60000\n\
        [[device.tag]]\nname = \"door\"\narea = \"coil\"\naddress = 3\ntype = \"bit\"\n";
    let (device, warnings) = own(OWN, lines).unwrap();
    assert_eq!(warnings, []);
    let Link::Modbus(link) = &device.link else { panic!("Modbus") };
    let Carrier::Serial(port) = &link.carrier else { panic!("serial") };
    assert_eq!((port.baud, port.parity), (19_200, Parity::Odd), "the profile's baud, the user's parity");
    let names: Vec<&str> = device.tags.iter().map(|tag| tag.name()).collect();
    assert_eq!(names, ["current", "energy", "door"], "the profile's tags in its order, then the user's own");
    assert_eq!(device.tags.iter().map(|t| t.interval_ms).collect::<Vec<_>>(), [5_000, 60_000, 5_000]);
    assert_eq!(device.tags[0].scale, Scale::parse("0.4").unwrap(), "0.01 × 40");
    assert_eq!(device.tags[1].scale, Scale::parse("4").unwrap(), "0.01 × 40 × 10");
    let Place::Modbus { address: 2, encoding, .. } = &device.tags[1].place else { panic!("{:?}", device.tags[1]) };
    assert_eq!(encoding.word_order, crate::source::modbus::decode::Order::Little, "the profile's default");
}

#[test]
fn a_scale_the_user_writes_is_not_multiplied_by_the_ratios() {
    let lines = "address = \"h:502\"\nct_ratio = 40\n[[device.tag]]\nname = \"energy\"\nscale = 0.5\n";
    let (device, _) = own(OWN, lines).unwrap();
    assert_eq!(device.tags[1].scale, Scale::parse("0.5").unwrap());
    assert_eq!(device.tags[0].scale, Scale::parse("0.4").unwrap());
}

#[test]
fn a_dead_band_is_in_the_tags_own_unit_behind_the_transformers() {
    let band = |ratio: &str| {
        let lines = format!(
            "address = \"h:502\"\nct_ratio = {ratio}\n[[device.tag]]\nname = \"current\"\non_change = true\ndeadband = 2\n"
        );
        own(OWN, &lines).unwrap().0.tags[0].on_change.unwrap().deadband
    };
    assert_eq!((band("1"), band("40")), (200.0, 5.0), "2 A are 200 steps of 0.01 A, or 5 of 0.4 A");
}

#[test]
fn optional_tags_are_read_only_when_chosen_or_mentioned() {
    let names = |lines: &str| -> Vec<String> {
        let (device, _) = own(OWN, &format!("address = \"h:502\"\nct_ratio = 1\n{lines}")).unwrap();
        device.tags.iter().map(|tag| tag.name().to_owned()).collect()
    };
    assert_eq!(names(""), ["current", "energy"]);
    assert_eq!(names("tags = [\"thd\", \"energy\"]\n"), ["energy", "thd"]);
    assert_eq!(names("[[device.tag]]\nname = \"thd\"\n"), ["current", "energy", "thd"]);
}

#[test]
fn secondary_values_without_a_ratio_are_warned_about() {
    let (_, warnings) = own(OWN, "address = \"h:502\"\n").unwrap();
    let [warning] = &warnings[..] else { panic!("{warnings:?}") };
    assert!(warning.what.zh.contains("没有写互感器变比") && warning.hint.zh.contains("读数是二次值。"));
    assert!(warning.what.en.contains("states no transformer ratio") && warning.hint.en.contains("are secondary."));
}

#[test]
fn wrong_ratios_are_refused() {
    let wrong = |lines: &str| own(OWN, &format!("address = \"h:502\"\n{lines}")).expect_err("must be refused");
    check(&wrong("ct_ratio = 0\n"), &["`ct_ratio = 0` 不是变比"], &["`ct_ratio = 0` is not a ratio"]);
    check(&wrong("ct_ratio = -5\n"), &["不是变比"], &["is not a ratio", "agent.toml, line 7"]);
    let huge = wrong("ct_ratio = 9007199254740990\npt_ratio = 9007199254740990\n");
    check(&huge, &["乘变比后的系数太大"], &["the factor of `meter/energy` is too large"]);
    let primary = "profile = \"eastron-sdm630\"\naddress = \"h:502\"\nct_ratio = 40\n";
    refused(primary, &["不需要乘 `ct_ratio`"], &["are not to be multiplied by `ct_ratio`"]);
}

#[test]
fn an_unknown_profile_is_refused_with_the_nearest_name() {
    refused(
        "profile = \"eastron-smd630\"\naddress = \"h:502\"\n",
        &["没有设备档案 `eastron-smd630`", "第 5 行", "是不是 `eastron-sdm630`？", "gongzheng-agent profiles"],
        &["there is no device profile `eastron-smd630`", "line 5", "did you mean `eastron-sdm630`?"],
    );
    refused("profile = \"sdm630\"\naddress = \"h:502\"\n", &["是不是 `eastron-sdm630`？"], &["`eastron-sdm630`"]);
    refused("profile = \"zzzz\"\naddress = \"h:502\"\n", &["列出全部"], &["lists them all", "`profile_file`"]);
    refused("profile = 7\naddress = \"h:502\"\n", &["`profile` 的值类型不对"], &["wrong type"]);
}

#[test]
fn keys_that_do_not_fit_together_are_refused() {
    refused(
        "profile = \"eastron-sdm630\"\nprofile_file = \"x.toml\"\naddress = \"h:502\"\n",
        &["只能写一个"],
        &["`profile` and `profile_file` exclude each other"],
    );
    refused(
        "profile = \"eastron-sdm630\"\nprotocol = \"opcua\"\nendpoint = \"opc.tcp://h\"\n",
        &["档案 `eastron-sdm630` 的协议是 modbus"],
        &["the profile `eastron-sdm630` is for modbus"],
    );
    refused(
        "protocol = \"modbus_tcp\"\naddress = \"h:502\"\ntags = [\"power\"]\n",
        &["`tags` 不能写在", "只用于写了 `profile` 的设备"],
        &["`tags` does not belong in", "only for devices with a `profile`"],
    );
    refused(
        "profile = \"eastron-sdm630\"\naddress = \"h:502\"\ntags = [\"energy_imprt\"]\n",
        &["没有数据点 `energy_imprt`", "是不是 `energy_import`？"],
        &["has no tag `energy_imprt`", "did you mean `energy_import`?"],
    );
    refused(
        "profile = \"eastron-sdm630\"\naddress = \"h:502\"\noptional = true\n",
        &["未知的配置项 `optional`"],
        &["unknown key `optional`"],
    );
    refused("profile = \"eastron-sdm630\"\nport = \"/dev/ttyUSB0\"\n", &["缺少 `unit`"], &["needs `unit`"]);
}

#[test]
fn a_mistake_inside_a_profile_names_its_file_and_line_once() {
    let folder = folder(&OWN.replace("type = \"u32\"", "type = \"u33\""));
    let two = format!(
        "{HEAD}profile_file = \"own-meter.toml\"\naddress = \"h:502\"\n[[device]]\nname = \"second\"\nprofile_file = \"own-meter.toml\"\naddress = \"g:502\"\n"
    );
    let problems = parse(&two, folder.path()).expect_err("must be refused");
    assert_eq!(problems.list.len(), 1, "{problems}");
    check(
        &problems,
        &["`type = \"u33\"` 不是可用的选项", "own-meter.toml 第 31 行"],
        &["`type = \"u33\"` is not one of the choices", "own-meter.toml, line 31"],
    );
    let broken = own("id = ", "address = \"h:502\"\n").expect_err("must be refused");
    check(&broken, &["这里不是合法的 TOML"], &["this is not TOML", "own-meter.toml, line 1"]);
}

#[test]
fn a_mistake_in_what_the_user_adds_names_the_users_file() {
    let lines = "address = \"h:502\"\nct_ratio = 1\n[[device.tag]]\nname = \"energy\"\ntype = \"u33\"\n";
    let problems = own(OWN, lines).expect_err("must be refused");
    check(&problems, &["u33", "agent.toml 第 10 行"], &["agent.toml, line 10"]);
    let wide = own(OWN, "address = \"h:502\"\nct_ratio = 1\nregisters_max = 1\n").expect_err("must be refused");
    check(&wide, &["数据点 `meter/energy` 要 2 个寄存器"], &["agent.toml, line 3"]);
}

#[test]
fn a_profile_file_is_a_plain_file_of_bounded_size() {
    let folder = folder(&format!("# {}", "x".repeat(256 * 1024)));
    std::fs::create_dir(folder.path().join("folder")).unwrap();
    for (name, reason) in
        [("own-meter.toml", "> 262144 bytes"), ("folder", "not a file"), ("absent.toml", "os error 2")]
    {
        let text = format!("{HEAD}profile_file = \"{name}\"\naddress = \"h:502\"\n");
        let problems = parse(&text, folder.path()).expect_err("must be refused");
        check(&problems, &["读不了设备档案", reason, "第 5 行"], &["cannot read the device profile", reason]);
    }
}
