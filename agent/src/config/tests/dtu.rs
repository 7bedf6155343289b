//! What a person sees when the description of a DTU is wrong.

use std::path::Path;

use super::{HEAD, PRESS, check};
use crate::config::Config;
use crate::config::device::{Carrier, Link};
use crate::locale::Lang;

const DTU: &str = "[[device]]\nname = \"pump\"\nprotocol = \"modbus_rtu_over_tcp\"\nlisten = \"127.0.0.1:9000\"\nregistration = \"pump-01\"\nunit = 1\n";

fn accepted(text: &str) -> (Config, Vec<crate::config::problem::Problem>) {
    Config::parse(text, Path::new("agent.toml")).unwrap_or_else(|p| panic!("{}", p.render(Lang::En)))
}

#[test]
fn text_and_hexadecimal_packets_are_read_for_both_protocols() {
    let meter = DTU
        .replace("modbus_rtu_over_tcp", "dlt645")
        .replace("unit = 1", "meter = \"000012345678\"\nheartbeat = \"beat\"")
        .replace("registration = \"pump-01\"", "registration_hex = \"7E 01 ff\"")
        .replace("\"pump\"", "\"meter\"");
    let (config, _) = accepted(&format!("{HEAD}{DTU}heartbeat_hex = \"FE\"\n{meter}"));
    let (Link::Modbus(pump), Link::Dlt645(meter)) = (&config.devices[0].link, &config.devices[1].link) else {
        panic!("links")
    };
    let (Carrier::Dtu(pump), Carrier::Dtu(meter)) = (&pump.carrier, &meter.carrier) else { panic!("DTUs") };
    assert_eq!((pump.registration.as_slice(), pump.heartbeat.as_slice()), (&b"pump-01"[..], &[0xFE][..]));
    assert_eq!((meter.registration.as_slice(), meter.heartbeat.as_slice()), (&[0x7E, 1, 0xFF][..], &b"beat"[..]));
    let record = config.configuration().expect("valid");
    assert_eq!(record.devices[0].protocol, "modbus_rtu_over_tcp");
    assert_eq!(record.devices[0].address, "DTU pump-01 at 127.0.0.1:9000 unit 1");
    assert_eq!(record.devices[1].address, "DTU 7e01ff at 127.0.0.1:9000 meter 000012345678");
}

#[test]
fn an_open_port_is_warned_about_and_a_local_one_is_not() {
    let told =
        |text: &str| accepted(text).1.iter().map(|p| p.what.en.clone() + &p.hint.en + &p.hint.zh).collect::<String>();
    let open = told(&format!("{HEAD}{}", DTU.replace("127.0.0.1", "0.0.0.0")));
    assert!(
        open.contains("neither encrypted nor authenticated") && open.contains("VPN") && open.contains("APN"),
        "{open}"
    );
    assert!(!told(&format!("{HEAD}{DTU}")).contains("authenticated"));
}

#[test]
fn wrong_addresses_and_packets_are_refused() {
    for wrong in ["9000", "gateway:9000", "127.0.0.1:0"] {
        check(
            &format!("{HEAD}{}", DTU.replace("127.0.0.1:9000", wrong)),
            &[&format!("`listen = \"{wrong}\"` 不是“IP 地址:端口”"), "第 6 行"],
            &[&format!("`listen = \"{wrong}\"` is not IP address:port"), "line 6"],
        );
    }
    let registration = |line: &str| format!("{HEAD}{}", DTU.replace("registration = \"pump-01\"", line));
    check(&registration(""), &["缺少 `registration`"], &["needs `registration`"]);
    for wrong in ["registration = \"\"", "registration_hex = \"7E0\"", "registration_hex = \"pump\""] {
        check(&registration(wrong), &["应是 1 到 64 个字节"], &["must be 1 to 64 bytes"]);
    }
    let long = format!("heartbeat = \"{}\"\n", "x".repeat(65));
    check(&format!("{HEAD}{DTU}{long}"), &["`heartbeat` 应是 1 到 64 个字节"], &["`heartbeat` must be 1 to 64 bytes"]);
    check(
        &registration("registration = \"a\"\nregistration_hex = \"61\""),
        &["`registration` 和 `registration_hex` 只写一个"],
        &["give `registration` or `registration_hex`, not both"],
    );
}

#[test]
fn keys_that_do_not_belong_to_a_dtu_or_only_to_one_are_refused() {
    check(
        &format!("{HEAD}{DTU}address = \"10.0.0.5:4001\"\nbaud = 9600\n"),
        &["`address` 不能写在", "只写一种", "`baud` 不能写在", "在 DTU 里设置"],
        &["`address` does not belong in", "not two of them", "`baud` does not belong in", "in the DTU itself"],
    );
    check(
        &format!("{HEAD}{PRESS}listen = \"127.0.0.1:9000\"\n"),
        &["`listen` 不能写在", "DTU 拨入只用于"],
        &["`listen` does not belong in", "a DTU that dials in is only for"],
    );
    check(
        &format!("{HEAD}{}heartbeat = \"x\"\n", PRESS.replace("modbus_tcp", "modbus_rtu_over_tcp") + "unit = 1\n"),
        &["`heartbeat` 不能写在", "要和 `listen"],
        &["`heartbeat` does not belong in", "belongs beside `listen"],
    );
}

#[test]
fn dtus_of_one_port_must_be_told_apart() {
    let other = |registration: &str| DTU.replace("\"pump\"", "\"fan\"").replace("pump-01", registration);
    check(
        &format!("{HEAD}{DTU}{}", other("pump-012")),
        &["`pump` 和 `fan` 在 127.0.0.1:9000 上的注册包", "分不清"],
        &["the registrations of `pump` and `fan` on 127.0.0.1:9000", "cannot be told apart"],
    );
    check(
        &format!("{HEAD}{DTU}{}heartbeat = \"x\"\n", other("pump-01")),
        &["在同一个 DTU 后面，但心跳包写得不同"],
        &["are behind the same DTU with different heartbeats"],
    );
    assert_eq!(accepted(&format!("{HEAD}{DTU}{}", other("fan-001"))).0.devices.len(), 2);
    let meter =
        other("pump-01").replace("modbus_rtu_over_tcp", "dlt645").replace("unit = 1", "meter = \"000012345678\"");
    check(
        &format!("{HEAD}{DTU}{meter}"),
        &["在同一条线 DTU pump-01 at 127.0.0.1:9000 上"],
        &["share the line DTU pump-01 at 127.0.0.1:9000"],
    );
}
