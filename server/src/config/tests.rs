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
fn a_server_is_reached_at_its_host_and_port() {
    let reached = |host: &str| parse(&format!("data_dir = \"d\"\npublic_host = \"{host}\"")).unwrap().reached_at(8443);
    assert_eq!(reached("gz.example"), "gz.example:8443");
    assert_eq!(reached("192.168.1.2"), "192.168.1.2:8443");
    assert_eq!(reached("fd00::1"), "[fd00::1]:8443");
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

#[test]
fn a_witness_is_another_body_and_what_is_required_can_be_met() {
    let key = |number: u8, name: &str| {
        let public = protocol::SecretKey::from_seed(&[number; 32]).public();
        protocol::cosignature::WitnessKey::new(name, public).unwrap().to_string()
    };
    let witness = |number: u8, zh: &str| {
        let key = key(number, "w");
        format!("[[witness]]\nurl = \"https://w:1\"\nkey = \"{key}\"\noperator = {{ zh = \"{zh}\" }}\n")
    };
    let whole = |log: &str, witnesses: &str| {
        parse(&format!("data_dir = \"d\"\n[operator]\nzh = \"某云平台公司\"\n[log]\n{log}\n{witnesses}"))
    };
    let config = whole("", &(witness(1, "计量院") + &witness(2, "某云平台 公司"))).unwrap();
    assert_eq!((config.witnesses.len(), config.witnesses_required), (2, 1));
    assert_eq!(whole("", &witness(2, "某云平台 公司")).unwrap().witnesses_required, 0, "nobody counts");
    let many = whole("witnesses_required = 2", &(witness(1, "计量院") + &witness(2, "计量院"))).unwrap_err();
    assert!(many.en.contains("2 witnesses are required and 1 other bodies"), "{many}");
    assert_eq!(many.place, "server.toml, line 5");
    let nameless = parse(&format!("data_dir = \"d\"\n{}", witness(1, "计量院"))).unwrap_err();
    assert!(nameless.en.contains("who is not named") && nameless.zh.contains("没有写明运营单位"), "{nameless}");
    let twice = whole("", &(witness(1, "计量院") + &witness(1, "促进中心"))).unwrap_err();
    assert!(twice.en.contains("is there twice"), "{twice}");
    let plain = whole("", &witness(1, "计量院").replace("https", "http")).unwrap_err();
    assert!(plain.en.contains("is not understood") && plain.place.ends_with("line 7"), "{plain}");
    let log_key = witness(1, "计量院").replace(&key(1, "w"), "w+00000000+AQ==");
    assert!(whole("", &log_key).unwrap_err().en.contains("cannot be used"));
}

#[test]
fn what_the_example_leaves_commented_out_is_right_too() {
    let example = include_str!("../../../configs/server.example.toml");
    let wanted = [
        "# witnesses_required",
        "# [operator]",
        "# [[witness]]",
        "# zh",
        "# en",
        "# id",
        "# url = \"https",
        "# key = \"witness",
        "# operator",
        "# ca = \"witness",
    ];
    let text: Vec<&str> = example
        .lines()
        .map(|line| if wanted.iter().any(|w| line.starts_with(w)) { &line[2..] } else { line })
        .collect();
    let config = parse(&text.join("\n")).unwrap();
    assert_eq!((config.witnesses.len(), config.witnesses_required), (1, 1));
    assert!(config.operator.is_some() && config.witnesses[0].ca.is_some());
}
