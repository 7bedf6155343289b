use super::*;

fn parse(text: &str) -> Result<Config, ConfigError> {
    Config::parse(text, "server.toml", Path::new("/etc/gz"))
}

#[test]
fn the_smallest_file_has_sensible_defaults() {
    let config = parse("data_dir = \"data\"").unwrap();
    assert_eq!(config.data_dir, Path::new("/etc/gz/data"));
    assert_eq!(config.web.listen.to_string(), "127.0.0.1:8480");
    assert_eq!(config.intake, Intake::Endpoint { listen: "0.0.0.0:8883".parse().unwrap() });
    assert_eq!(config.publish_seconds, 60);
}

#[test]
fn the_documented_example_says_the_defaults() {
    let example = include_str!("../../../configs/server.example.toml");
    assert_eq!(parse(example).unwrap(), parse("data_dir = \"data\"").unwrap());
}

#[test]
fn an_unknown_key_is_refused_with_line_and_hint_in_both_languages() {
    let error = parse("data_dir = \"data\"\n\n[web]\nlisten_ = \"127.0.0.1:1\"\n").unwrap_err();
    assert_eq!(error.place, "server.toml, line 4");
    assert!(error.en.contains("unknown field `listen_`"), "{error}");
    assert_eq!(error.hint, "did you mean `listen`?");
    assert_eq!(error.zh, "未知配置项 listen_");
}

#[test]
fn a_name_that_leads_gateways_to_themselves_is_known() {
    let misleads = |host: &str, enrol: &str| {
        let text = format!("data_dir = \"d\"\npublic_host = \"{host}\"\n[enrol]\nlisten = \"{enrol}:8443\"");
        parse(&text).unwrap().misleads_gateways()
    };
    assert!(misleads("localhost", "0.0.0.0") && misleads("127.0.0.1", "192.168.1.2") && misleads("::1", "0.0.0.0"));
    assert!(!misleads("localhost", "127.0.0.1"), "a trial on one machine");
    assert!(!misleads("server.example", "0.0.0.0") && !misleads("192.168.1.2", "0.0.0.0"));
}

#[test]
fn contradictions_are_refused() {
    let open = parse("data_dir = \"d\"\n[web]\nlisten = \"0.0.0.0:80\"").unwrap_err();
    assert!(open.en.contains("loopback only"), "{open}");
    assert_eq!(open.place, "server.toml, line 2");
    let both = parse("data_dir = \"d\"\n[mqtt]\nlisten = \"0.0.0.0:1\"\n[broker]\nurl = \"mqtt://b:1\"").unwrap_err();
    assert!(both.en.contains("exclude each other"), "{both}");
    let half = parse("data_dir = \"d\"\n[web]\nkey = \"k\"").unwrap_err();
    assert!(half.en.contains("belong together"), "{half}");
    assert!(parse("data_dir = \"d\"\npublic_host = \"a b\"").unwrap_err().en.contains("host name"));
    assert!(parse("data_dir = \"d\"\n[broker]\nurl = \"broker:1883\"").unwrap_err().hint.contains("mqtts://"));
}

#[test]
fn a_broker_is_never_reached_in_the_clear_or_without_what_was_written() {
    for (lines, line, en, hint, zh) in [
        ("url = \"mqtts://b:8883\"", 3, "mqtts:// needs `ca`", "issued the broker's own", "须填写 ca"),
        ("url = \"mqtt://b:1883\"\nca = \"ca.pem\"", 4, "not encrypted", "mqtts://", "不加密"),
        ("url = \"mqtt://b:1883\"\nkey = \"k\"", 4, "not encrypted", "mqtts://", "不加密"),
        ("url = \"mqtts://b:1\"\nca = \"c\"\n key = \"k\"", 5, "belong together", "both or none", "同时填写"),
        ("url = \"mqtts://b:1\"\nca = \"c\"\ncertificate = \"k\"", 5, "belong together", "both or none", "同时填写"),
        ("url = \"mqtt://b:1\"\nuser = \"u\"", 4, "`user` and `password_file`", "both or none", "同时填写"),
        ("url = \"mqtt://b:1\"\npassword_file = \"p\"", 4, "`user` and `password_file`", "both or none", "同时填写"),
    ] {
        let error = parse(&format!("data_dir = \"d\"\n[broker]\n{lines}\n[enrol]\nlisten = \"127.0.0.1:0\"\n"));
        let error = error.expect_err(lines);
        assert_eq!(error.place, format!("server.toml, line {line}"), "{lines}");
        assert!(error.en.contains(en) && error.hint.contains(hint) && error.zh.contains(zh), "{lines}: {error}");
    }
}

#[test]
fn a_broker_is_read() {
    let text = "data_dir = \"d\"\n[broker]\nurl = \"mqtts://b.example:8883\"\nca = \"ca.pem\"\nuser = \"u\"\npassword_file = \"p\"";
    let Intake::Broker { host, port, ca, credentials, .. } = parse(text).unwrap().intake else { panic!() };
    assert_eq!((host.as_str(), port), ("b.example", 8883));
    assert_eq!(ca.unwrap(), Path::new("/etc/gz/ca.pem"));
    assert_eq!(credentials.unwrap(), ("u".into(), "/etc/gz/p".into()));
}
