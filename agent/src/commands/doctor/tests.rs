//! What `doctor` and `status` print about clock, certificate, server and notices, in both languages.

use std::path::Path;

use protocol::RefusalReason;

use super::*;
use crate::commands::status;
use crate::config::Config;
use crate::live::Board;
use crate::locale::Lang;
use crate::page::{Moment, json};
use crate::status::Status;
use crate::uplink::delivery::Notice;
use crate::uplink::words::explain;

const NOON_MS: i64 = 1_795_348_800_000;

fn reading(wall_ms: i64, sync: SyncState) -> ClockReading {
    ClockReading { boot_id: [1; 16], boot_ms: 600_000, wall_ms, sync }
}

fn clock_says(wall_ms: i64, sync: SyncState) -> (Verdict, String, String) {
    let finding = clock_finding(words!("系统时钟", "system clock"), &reading(wall_ms, sync));
    (finding.verdict, finding.render(Lang::Zh), finding.render(Lang::En))
}

#[test]
fn a_clock_at_1970_is_found_with_what_to_do() {
    for sync in [SyncState::Unsynchronised, SyncState::Unknown, SyncState::Synchronised { error_ms: 1 }] {
        let (verdict, zh, en) = clock_says(5_000, sync);
        assert_eq!(verdict, Verdict::Bad, "{en}");
        assert!(
            zh.contains("✕ 系统时钟\n    从未校准（1970-01-01 00:00:05 UTC）：") && zh.contains("更换主板上的时钟电池"),
            "{zh}"
        );
        assert!(
            en.contains("never set (1970-01-01 00:00:05 UTC): ") && en.contains("replace the clock's battery"),
            "{en}"
        );
    }
    let (verdict, zh, en) = clock_says(NOON_MS, SyncState::Unsynchronised);
    assert_eq!(verdict, Verdict::Bad);
    assert!(
        zh.contains("未同步（2026-11-22 12:00:00 UTC）：数据照常采集") && en.contains("not synchronised (2026-11-22"),
        "{zh}{en}"
    );
    assert_eq!(clock_says(NOON_MS, SyncState::Unknown).0, Verdict::Warning);
    assert_eq!(clock_says(NOON_MS, SyncState::Synchronised { error_ms: 1 }).0, Verdict::Good);
}

/// What the local page serves as `/status.json` while these were noticed.
fn served(
    notices: impl IntoIterator<Item = Words>,
    wall_ms: i64,
    change: impl FnOnce(&mut crate::status::Snapshot),
) -> serde_json::Value {
    let text = include_str!("../../../../configs/agent.example.toml");
    let (config, _) = Config::parse(text, Path::new("agent.toml")).expect("the example");
    let status = Status::new(0);
    for words in notices {
        status.notice(540_000, words);
    }
    status.update(change);
    let board = Board::new(&config.devices).snapshot();
    let clock = reading(wall_ms, SyncState::Unsynchronised);
    json::status(&Moment { config: &config, enrolment: None, board, status: status.snapshot(), clock })
}

fn refused() -> Words {
    let (number, detail) = (0, "the server's disk is full".to_owned());
    explain(&Notice::Refused { sequence: 9, reason: RefusalReason::StorageFull, retry: true, number, detail })
}

#[test]
fn a_refusal_and_a_stepped_clock_reach_doctor_and_status_in_the_readers_language() {
    let back = crate::clock::ClockChange::Stepped { by_ms: -3_600_000 };
    let back = crate::clock::words::change(back, &reading(NOON_MS, SyncState::Unsynchronised)).expect("told");
    let json = served([refused(), back], 5_000, |snapshot| snapshot.uplink.connected = true);
    let print = |lang| running::judge(&json).iter().map(|finding| finding.render(lang)).collect::<String>();
    for (zh, en) in
        [(print(Lang::Zh), print(Lang::En)), (status::render(&json, Lang::Zh), status::render(&json, Lang::En))]
    {
        for part in ["服务器暂不接收第 9 号记录：服务器的磁盘已满", "系统时钟被往回拨了 1 小时 0 分", "60 秒前"]
        {
            assert!(zh.contains(part), "missing {part:?} in:\n{zh}");
        }
        for part in [
            "the server does not take record 9 for now: the server's disk is full",
            "set back by 1 h 0 min",
            "60 s ago",
        ] {
            assert!(en.contains(part), "missing {part:?} in:\n{en}");
        }
        assert!(!zh.contains("the server") && !en.contains("服务器"), "one language at a time:\n{zh}\n{en}");
    }
    let (zh, en) = (status::render(&json, Lang::Zh), status::render(&json, Lang::En));
    assert!(zh.contains("时钟: 从未校准\n    系统时钟显示 1970-01-01 00:00:05 UTC"), "{zh}");
    assert!(en.contains("clock: never set\n    the system clock shows 1970-01-01 00:00:05 UTC"), "{en}");
}

#[test]
fn a_lost_connection_and_a_full_buffer_of_the_running_agent_are_found() {
    let json = served([], NOON_MS, |snapshot| {
        snapshot.uplink.problem = Some(Words::new("网线断了", "the cable is out"));
        snapshot.buffer_blocked = true;
    });
    let findings = running::judge(&json);
    assert!(findings.iter().all(|finding| finding.verdict == Verdict::Bad) && findings.len() == 2);
    let (zh, en) = (findings[0].render(Lang::Zh), findings[0].render(Lang::En));
    assert!(zh.contains("未连接服务器，0 条记录存在本机。网线断了"), "{zh}");
    assert!(en.contains("not connected to the server, 0 records are kept here. the cable is out"), "{en}");
    assert!(findings[1].render(Lang::Zh).contains("停止采集并记录缺口"));
}

#[test]
fn a_line_that_the_running_agent_holds_is_asked_through_it() {
    let text = "[gateway]\nstate_dir = \"/tmp/gz-none\"\n\
        [[device]]\nname = \"meter\"\nprofile = \"eastron-sdm630\"\nprotocol = \"modbus_rtu\"\nport = \"/dev/ttyUSB0\"\nbaud = 9600\nunit = 1\n\
        [[device]]\nname = \"press\"\nprofile = \"eastron-sdm630\"\nprotocol = \"modbus_tcp\"\naddress = \"10.0.0.5:502\"\n";
    let (config, _) = Config::parse(text, Path::new("agent.toml")).unwrap_or_else(|p| panic!("{p}"));
    let (meter, press) = (&config.devices[0], &config.devices[1]);
    let said = |state: &str| {
        let trouble = serde_json::json!({"zh": "线断了", "en": "the wire is cut"});
        serde_json::json!({"devices": [{"name": "meter", "state": state, "trouble": trouble}, {"name": "press", "state": "up"}]})
    };
    let verdict = |state| running::device(&said(state), meter).map(|finding| finding.verdict);
    assert_eq!(verdict("up"), Some(Verdict::Good));
    assert_eq!(verdict("starting"), Some(Verdict::Warning));
    let down = running::device(&said("down"), meter).expect("asked");
    assert!(down.verdict == Verdict::Bad && down.render(Lang::Zh).contains("线断了"), "{down:?}");
    assert!(running::device(&said("up"), press).is_none(), "a network device is read directly");
    assert!(running::device(&serde_json::json!({"devices": []}), meter).is_none(), "it does not read this one");
}

#[test]
fn an_agent_that_does_not_answer_is_a_warning_that_says_how_to_start_it() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("runtime");
    let words = runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("port");
        let address = listener.local_addr().expect("address").to_string();
        drop(listener);
        status::ask(&address).await.expect_err("nobody there")
    });
    assert!(
        words.zh.contains("上没有正在运行的网关程序")
            && words.zh.contains("用 `sudo systemctl start gongzheng-agent` 启动"),
        "{}",
        words.zh
    );
    assert!(
        words.en.contains("no running agent answers on")
            && words.en.contains("Start it with `sudo systemctl start gongzheng-agent`")
    );
}

#[test]
fn an_expired_certificate_is_found_with_what_happens_next() {
    let key = rcgen::KeyPair::generate().expect("a key");
    let mut params = rcgen::CertificateParams::new(vec!["gw-1".to_owned()]).expect("a name");
    params.not_before = rcgen::date_time_ymd(2020, 1, 1);
    params.not_after = rcgen::date_time_ymd(2026, 1, 1);
    let enrolment = Enrolment {
        site: "site-1".parse().expect("a name"),
        gateway: "gw-1".parse().expect("a name"),
        client_certificate_pem: params.self_signed(&key).expect("signed").pem(),
        ca_certificate_pem: String::new(),
        log_key: String::new(),
        mqtt_host_port: String::new(),
        simulated: false,
        server_spki_sha256: String::new(),
        enrol_url: String::new(),
    };
    let finding = certificate(&enrolment, NOON_MS);
    assert_eq!(finding.verdict, Verdict::Warning);
    let (zh, en) = (finding.render(Lang::Zh), finding.render(Lang::En));
    assert!(zh.contains("已于 2026-01-01 00:00:00 UTC 过期；连接服务器时会自动续期"), "{zh}");
    assert!(en.contains("expired on 2026-01-01 00:00:00 UTC; it is renewed when the server is reached"), "{en}");
    assert_eq!(certificate(&enrolment, 1_700_000_000_000).verdict, Verdict::Good);
}

#[tokio::test]
async fn a_device_that_is_not_there_is_told_once() {
    let tags: String = (0..4)
        .map(|n| {
            format!("[[device.tag]]\nname = \"t{n}\"\narea = \"holding\"\naddress = {}\ntype = \"u16\"\n", n * 1_000)
        })
        .collect();
    let text = format!(
        "[gateway]\nstate_dir = \"/tmp/gz-none\"\n[[device]]\nname = \"press\"\nprotocol = \"modbus_rtu\"\nport = \"/dev/gz-none\"\nunit = 1\n{tags}"
    );
    let (config, _) = Config::parse(&text, Path::new("agent.toml")).unwrap_or_else(|p| panic!("{p}"));
    let findings = device_findings(&config, &config.devices[0]).await;
    assert_eq!(findings.len(), 1, "{findings:?}");
    assert!(findings[0].verdict == Verdict::Bad && findings[0].meaning.en.contains("cannot open the serial port"));
}
