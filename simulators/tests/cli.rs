//! What the simulator says when it cannot go on, in both languages.

use std::process::Command;

/// Exit status must be a failure; returns what stood on standard error.
fn fails(lang: &str, arguments: &[&str]) -> String {
    let output =
        Command::new(env!("CARGO_BIN_EXE_gongzheng-sim")).args(arguments).env("GZ_LANG", lang).output().unwrap();
    assert!(!output.status.success(), "{arguments:?}");
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn every_refusal_is_told_in_the_readers_language() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().display().to_string();
    std::fs::write(dir.path().join("endpoints.json"), "{}").unwrap();
    let none = dir.path().join("none").display().to_string();
    let history = ["history", "--server-enrol", "127.0.0.1:1", "--state-dir", &folder];
    let with_code = [&history[..], &["--code", "GZ-NOT-ONE"]].concat();
    let cases: [(&[&str], &str, &str); 7] = [
        (&["span", "--weeks", "2"], "必须在 1 与 --weeks − 1 之间", "must lie between 1 and --weeks − 1"),
        (&["span", "--rest-day", "friday", "--weeks", "1"], "--retrofit-week", "--retrofit-week"),
        (&["fault", &none, "press", "drop"], "请先运行 `gongzheng-sim workshop", "start `gongzheng-sim workshop"),
        (&["fault", &folder, "press", "melt"], "没有 \"melt\" 这种故障", "unknown fault \"melt\"; known: timeout"),
        (&["fault", &folder, "press", "drop"], "endpoints.json 里没有 control", "endpoints.json has no control"),
        (&history, "尚未入网：请用 --code 给出入网码", "is not enrolled: give --code"),
        (&with_code, "入网码不对", "this is not an enrolment code"),
    ];
    for (arguments, zh, en) in cases {
        let (said_zh, said_en) = (fails("zh", arguments), fails("en", arguments));
        assert!(said_zh.contains(zh), "{arguments:?}: {said_zh}");
        assert!(said_en.contains(en), "{arguments:?}: {said_en}");
        let flag = [&["--lang", "zh"], arguments].concat();
        assert_eq!(fails("en", &flag), said_zh, "the flag wins");
    }
}
