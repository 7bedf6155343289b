//! Every command of the real programs once where all is well and once where it is not: the words people read and the exit
//! code scripts go by.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::Result;
use tests::programs::{self, Running};
use tests::stack::{Options, Stack, free_ports};
use tests::{need, repo, wait};

/// What a program did.
struct Said {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Said {
    #[track_caller]
    fn well(&self, words: &[&str]) {
        self.check(Some(0), words);
    }

    #[track_caller]
    fn ill(&self, words: &[&str]) {
        self.check(Some(1), words);
    }

    #[track_caller]
    fn check(&self, code: Option<i32>, words: &[&str]) {
        let all = format!("{}{}", self.out, self.err);
        assert_eq!(self.code, code, "{all}");
        for word in words {
            assert!(all.contains(word), "{word:?} in\n{all}");
        }
    }

    #[track_caller]
    fn never(&self, word: &str) {
        assert!(!self.out.contains(word) && !self.err.contains(word), "{word:?} in\n{}{}", self.out, self.err);
    }
}

/// A server of one's own: a folder, a configuration, ports.
struct Server {
    folder: PathBuf,
    config: PathBuf,
    web: u16,
    mqtt: u16,
    enrol: u16,
}

impl Server {
    fn new(folder: &Path) -> Result<Self> {
        std::fs::create_dir_all(folder)?;
        let [web, mqtt, enrol] = free_ports()?;
        let server = Self { folder: folder.to_owned(), config: folder.join("server.toml"), web, mqtt, enrol };
        server.configure(&format!("[mqtt]\nlisten = \"127.0.0.1:{mqtt}\"\n"), "")?;
        Ok(server)
    }

    /// Writes the configuration: how gateways come, and more lines for `[web]`.
    fn configure(&self, way: &str, web_more: &str) -> Result<()> {
        let text = format!(
            "data_dir = \"data\"\npublic_host = \"127.0.0.1\"\n\n[web]\nlisten = \"127.0.0.1:{}\"\n{web_more}\n{way}\n[enrol]\nlisten = \"127.0.0.1:{}\"\n",
            self.web, self.enrol
        );
        Ok(std::fs::write(&self.config, text)?)
    }

    fn command(&self, arguments: &[&str], language: &str) -> Command {
        let mut command = Command::new(programs::path("gongzheng-server"));
        command.arg("--config").arg(&self.config).args(arguments).env("GZ_LANG", language);
        command
    }

    fn says_in(&self, language: &str, arguments: &[&str]) -> Result<Said> {
        let (code, out, err) = programs::finish(&mut self.command(arguments, language), Duration::from_secs(60))?;
        Ok(Said { code, out, err })
    }

    fn says(&self, arguments: &[&str]) -> Result<Said> {
        self.says_in("en", arguments)
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    fn start(&self) -> Result<Running> {
        let mut running = Running::start("server", &self.command(&["run"], "en"), &self.folder)?;
        let address = SocketAddr::from(([127, 0, 0, 1], self.web));
        wait::until("the server to listen", Duration::from_secs(60), || {
            running.check()?;
            Ok(TcpStream::connect_timeout(&address, Duration::from_secs(1)).ok())
        })?;
        // The endpoint is the last to listen.
        let address = SocketAddr::from(([127, 0, 0, 1], self.mqtt));
        wait::until("the endpoint to listen", Duration::from_secs(60), || {
            running.check()?;
            Ok(TcpStream::connect_timeout(&address, Duration::from_secs(1)).ok())
        })?;
        Ok(running)
    }
}

fn stop(running: Running) -> Result<()> {
    running.stop(Duration::from_secs(30))
}

#[test]
fn the_servers_commands_say_what_is_well_and_what_is_not() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let server = Server::new(&folder.path().join("one"))?;
    let (mqtt, web) = (format!("127.0.0.1:{}", server.mqtt), format!("127.0.0.1:{}", server.web));

    // check
    server.says(&["check"])?.well(&[
        "the configuration is valid",
        &format!("mqtts://{mqtt}"),
        &format!("http://{web}"),
    ]);
    server.says_in("zh", &["check"])?.well(&["配置有效", "入网", "内置端点"]);
    server.configure("[broker]\nurl = \"mqtts://127.0.0.1:1\"\n", "")?;
    server.says(&["check"])?.ill(&["server.toml, line 8", "mqtts:// needs `ca`", "须填写 ca"]);
    let own = format!("[mqtt]\nlisten = \"{mqtt}\"\n");
    server.configure(&own, "")?;

    // Before the first start: nothing is there, nothing is made by looking.
    server.says(&["doctor"])?.well(&["will be made at first start", "warn  no [log] checkpoint_copy"]);
    server.says(&["fsck"])?.ill(&["check `data_dir`"]);
    server.says_in("zh", &["fsck"])?.ill(&["请检查配置中的 data_dir"]);
    assert!(!server.data().exists(), "looking makes nothing");

    let site = ["admin", "site", "add", "works", "--name-zh", "示范厂", "--city", "昆明市"];
    server.says(&site)?.well(&["works"]);
    server.says(&["fsck"])?.well(&["works: sound; 1 leaves"]);
    server.says(&["fsck", "nosuch"])?.ill(&["there is no site nosuch", "works"]);
    let rebuilt = server.says(&["rebuild", "works"])?;
    rebuilt.well(&["works: derived data computed again from the log"]);
    let unknown = server.says(&["rebuild", "nosuch"])?;
    unknown.ill(&["there is no site nosuch"]);
    unknown.never("computed again");
    server.says_in("zh", &["rebuild", "nosuch"])?.ill(&["没有站点 nosuch"]);

    // Checking a copy that lacks a key makes none.
    let key = server.data().join("keys/tls.key");
    let away = server.folder.join("tls.key");
    std::fs::rename(&key, &away)?;
    server.says(&["fsck"])?.well(&["works: sound"]);
    server.says(&["doctor"])?.ill(&["FAIL", "tls.key", "restore the keys folder from your backup"]);
    assert!(!key.exists(), "looking makes no key");
    std::fs::rename(&away, &key)?;

    // While it runs.
    let running = server.start()?;
    wait::until("the first-run line", Duration::from_secs(20), || {
        Ok(running.log().contains(&format!("http://{web}/setup")).then_some(()))
    })?;
    server.says(&["doctor"])?.well(&[
        "the server is running",
        &format!("[web] {web} answers"),
        &format!("[mqtt] {mqtt} answers"),
        "[enrol]",
    ]);
    server.says(&["rebuild"])?.ill(&["another gongzheng-server uses this data directory"]);
    let status: serde_json::Value = serde_json::from_str(&server.says(&["admin", "status"])?.out)?;
    assert_eq!(status["sites"][0]["id"], "works");
    assert!(status["endpoint"]["connections_opened"].as_u64().is_some_and(|opened| opened > 0), "{status}");
    assert_eq!(status["intake"]["disk_full_since_ms"], serde_json::Value::Null);
    // The configuration names a port that somebody else holds.
    let other = TcpListener::bind("127.0.0.1:0")?;
    server.configure(&format!("[mqtt]\nlisten = \"{}\"\n", other.local_addr()?), "")?;
    std::thread::spawn(move || other.accept().map(drop));
    server.says(&["doctor"])?.ill(&["FAIL  [mqtt]", "it is not what answers here"]);
    stop(running)?;
    // A data directory that was written by TLS pages' owner: the line to open says https.
    let tls = "certificate = \"data/keys/ca.pem\"\nkey = \"data/keys/ca.key\"\n";
    server.configure(&own, tls)?;
    let running = server.start()?;
    wait::until("the first-run line with TLS", Duration::from_secs(20), || {
        Ok(running.log().contains(&format!("https://{web}/setup")).then_some(()))
    })?;
    stop(running)?;

    // Not running, a port held by another program; then a broker that is not there, and one that is.
    let other = TcpListener::bind("127.0.0.1:0")?;
    server.configure(&format!("[mqtt]\nlisten = \"{}\"\n", other.local_addr()?), "")?;
    server.says(&["doctor"])?.ill(&["FAIL  [mqtt]", "another program holds the port"]);
    let [broker] = free_ports()?;
    server.configure(&format!("[broker]\nurl = \"mqtt://127.0.0.1:{broker}\"\n"), "")?;
    server.says(&["doctor"])?.ill(&[&format!("FAIL  [broker] mqtt://127.0.0.1:{broker}"), "whether the broker runs"]);
    if let Some(mosquitto) = need::program("mosquitto", "mosquitto", "doctor with a broker") {
        let mut command = Command::new(mosquitto);
        command.args(["-p", &broker.to_string()]);
        let mut running = Running::start("mosquitto", &command, &server.folder)?;
        let address = SocketAddr::from(([127, 0, 0, 1], broker));
        wait::until("mosquitto to listen", Duration::from_secs(30), || {
            running.check()?;
            Ok(TcpStream::connect_timeout(&address, Duration::from_secs(1)).ok())
        })?;
        server.says(&["doctor"])?.well(&[&format!("ok    [broker] mqtt://127.0.0.1:{broker}")]);
        running.kill()?;
    }

    // A byte of the log altered.
    let log = server.data().join("sites/works/log");
    let entries = newest_file(&log.join("tile/entries"))?;
    let mut bytes = std::fs::read(&entries)?;
    bytes[20] ^= 1;
    std::fs::write(&entries, bytes)?;
    server.says(&["fsck"])?.ill(&["works: DAMAGED"]);
    server.says_in("zh", &["fsck", "works"])?.ill(&["works: 有损坏"]);
    Ok(())
}

/// `gongzheng-server metrics …` from the repository's root, without a server or a configuration.
fn metrics(language: &str, arguments: &[&str]) -> Result<Said> {
    let mut command = Command::new(programs::path("gongzheng-server"));
    command.current_dir(repo::root()).arg("metrics").args(arguments).env("GZ_LANG", language);
    let (code, out, err) = programs::finish(&mut command, Duration::from_secs(60))?;
    Ok(Said { code, out, err })
}

const PLAN: &str = "configs/examples/plan.toml";
const READINGS: &str = "configs/examples/readings.csv";

#[test]
fn the_metrics_commands_say_what_is_well_and_what_is_not() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = |name: &str, text: &str| -> Result<String> {
        let path = folder.path().join(name);
        std::fs::write(&path, text)?;
        Ok(path.to_string_lossy().into_owned())
    };

    // list and explain
    let list = metrics("en", &["list"])?;
    list.well(&["Printed by reports", "oee.iso22400@1", "ISO 22400-2:2014 cl. 6", "definitions; `gongzheng-server"]);
    metrics("zh", &["list"])?.well(&["报告所列", "设备综合利用率", "能耗与碳排放", "个口径"]);
    let all: serde_json::Value = serde_json::from_str(&metrics("en", &["list", "--json"])?.out)?;
    let all = all.as_array().expect("a list");
    assert_eq!(all.len(), metrics::catalogue::entries().count());
    assert!(all.iter().all(|e| list.out.contains(e["id"].as_str().unwrap_or("?"))), "the table has every definition");
    metrics("en", &["explain", "availability.iso22400@1"])?.well(&[
        "A = APT / PBT",
        "Availability",
        "Unobserved time",
        "1 (ratio)",
    ]);
    metrics("zh", &["explain", "availability.iso22400@1"])?.well(&[
        "时间开动率",
        "公式",
        "边界规则",
        "未观测时间",
        "计算函数",
    ]);
    let one: serde_json::Value = serde_json::from_str(&metrics("en", &["explain", "mtbf.iso22400@1", "--json"])?.out)?;
    assert_eq!(one["evaluated_by"], "kpi::reliability::Reliability::mtbf");
    metrics("en", &["explain", "oee.iso22400@9"])?
        .ill(&["there is no definition oee.iso22400@9; near: oee.iso22400@1"]);
    metrics("zh", &["explain", "sunspots"])?.ill(&["没有口径 sunspots", "metrics list"]);

    // evaluate: the example, in both languages and as JSON
    let example = ["evaluate", "--plan", PLAN, "--readings", READINGS];
    metrics("en", &example)?.well(&[
        "Press 1 press",
        "grade D",
        "UNSIGNED_DATA",
        "too few days for a statement",
        "Left out",
    ]);
    metrics("zh", &example)?.well(&["一号冲床 press", "D级", "样本不足，不作结论", "未计入", "未经网关签名"]);
    let json = metrics("en", &[&example[..], &["--json"]].concat())?;
    json.well(&[]);
    let document: serde_json::Value = serde_json::from_str(&json.out)?;
    let digest = protocol::sha256(&std::fs::read(repo::root().join(READINGS))?).to_string();
    assert_eq!(document["readings"]["sha256"], digest.as_str());
    assert_eq!(document["report"]["format"], "gongzheng-report");
    assert_eq!(document["bad_rows"]["count"], 0);

    // Bad rows: nothing without consent, and then with a word about it.
    let text = std::fs::read_to_string(repo::root().join(READINGS))?;
    let spoilt = file("bad.csv", &text.replacen("press/good,184210", "press/good,18421O", 1))?;
    let bad = ["evaluate", "--plan", PLAN, "--readings", &spoilt];
    let said = metrics("en", &bad)?;
    said.check(
        Some(3),
        &[
            "Rows that cannot be used: 1",
            "row 3, value: `18421O` is not a number",
            "nothing was evaluated",
            "--accept-bad-rows",
        ],
    );
    said.never("oee.iso22400@1");
    metrics("zh", &bad)?.check(Some(3), &["第 3 行 value：「18421O」不是数字", "未作计算"]);
    let withheld = metrics("en", &[&bad[..], &["--json"]].concat())?;
    withheld.check(Some(3), &[]);
    let withheld: serde_json::Value = serde_json::from_str(&withheld.out)?;
    assert!(withheld["report"].is_null() && withheld["bad_rows"]["rows"][0]["row"] == 3, "{withheld}");
    let accepted = [&bad[..], &["--accept-bad-rows"]].concat();
    metrics("en", &accepted)?.well(&["Rows that cannot be used: 1, left out as asked", "oee.iso22400@1"]);
    metrics("zh", &accepted)?.well(&["不能使用的行：1，已按要求不计"]);

    // Files that are refused as a whole, and a command line that is wrong.
    let plan = std::fs::read_to_string(repo::root().join(PLAN))?;
    let typo = file("plan.toml", &plan.replacen("item_us", "item_ms", 1))?;
    metrics("en", &["evaluate", "--plan", &typo, "--readings", READINGS])?.ill(&[
        "plan.toml, line",
        "unknown field `item_ms`",
        "hint:",
    ]);
    metrics("zh", &["evaluate", "--plan", &typo, "--readings", READINGS])?
        .ill(&["[[cycle_time]] 中有未知项 item_ms", "建议："]);
    metrics("en", &["evaluate", "--plan", PLAN, "--readings", "nosuch.parquet"])?
        .ill(&["nosuch.parquet: cannot be read"]);
    metrics("en", &["evaluate", "--plan", PLAN])?.check(Some(2), &["--readings"]);

    // thresholds: with a plan, without one, and where nothing can be said
    let suggested = ["thresholds", "--readings", READINGS, "--tag", "saw/power"];
    let with_plan = [&suggested[..], &["--plan", PLAN]].concat();
    metrics("en", &with_plan)?.well(&[
        "Suggested power bands",
        "run_from_w",
        "Why",
        "fewest between two modes",
        "Check first",
        "█",
    ]);
    metrics("zh", &with_plan)?.well(&["建议的功率门限", "理由", "先核对", "功率分布"]);
    let stated =
        [&suggested[..], &["--unit", "kW", "--interval-ms", "120000", "--zone", "Asia/Shanghai", "--json"]].concat();
    let stated: serde_json::Value = serde_json::from_str(&metrics("en", &stated)?.out)?;
    let planned: serde_json::Value =
        serde_json::from_str(&metrics("en", &[&with_plan[..], &["--json"]].concat())?.out)?;
    assert_eq!(stated, planned, "a plan and a command line that say the same");
    assert!(stated["rule"]["run_from_w"].as_i64().is_some_and(|w| (500..5000).contains(&w)), "{stated}");
    let short: String = text.lines().take(200).map(|l| format!("{l}\n")).collect();
    let short = file("short.csv", &short)?;
    metrics("en", &["thresholds", "--readings", &short, "--tag", "saw/power", "--plan", PLAN])?
        .ill(&["at least 500 are needed"]);
    metrics("zh", &["thresholds", "--readings", &short, "--tag", "saw/power", "--plan", PLAN])?
        .ill(&["至少需要 500 条"]);
    metrics("en", &["thresholds", "--readings", READINGS, "--tag", "press/good", "--plan", PLAN])?
        .ill(&["it must be W or kW"]);
    metrics("zh", &["thresholds", "--readings", READINGS, "--tag", "saw/nosuch", "--plan", PLAN])?
        .ill(&["方案中没有数据点 saw/nosuch"]);
    metrics("en", &[&suggested[..], &["--unit", "kW", "--interval-ms", "120000"]].concat())?
        .check(Some(3), &["the first is row", "does not say its time zone"]);
    metrics("en", &suggested)?.ill(&["give --plan, or --unit and --interval-ms"]);
    metrics("zh", &suggested)?.ill(&["给出 --plan，或 --unit 和 --interval-ms"]);
    Ok(())
}

/// The guide shows what the program prints today.
#[test]
fn the_guide_to_files_shows_real_output() -> Result<()> {
    let guide = Path::new("docs/guides/evaluate-a-file.md");
    let text = repo::text(guide).expect("the guide is there");
    let shown: Vec<&str> =
        text.split("```text\n").skip(1).filter_map(|part| part.split_once("```").map(|(block, _)| block)).collect();
    let [english, chinese] = shown[..] else { panic!("one block for each language: {}", shown.len()) };
    let says = |language: &str| -> Result<String> {
        let said = metrics(language, &["evaluate", "--plan", PLAN, "--readings", READINGS])?;
        said.well(&[]);
        Ok(said.out)
    };
    // Of the Chinese the beginning, up to the end of the first machine.
    let all = says("zh")?;
    let beginning: Vec<&str> = all.split("\n\n").take(2).collect();
    let found =
        text.replacen(english, &says("en")?, 1).replacen(chinese, &format!("{}\n…\n", beginning.join("\n\n")), 1);
    if found != text {
        let path = std::env::temp_dir().join("evaluate-a-file.md");
        std::fs::write(&path, &found)?;
        panic!("{} is stale; what it should be is in {}", guide.display(), path.display());
    }
    Ok(())
}

/// The only file below a folder of tiles.
fn newest_file(folder: &Path) -> Result<PathBuf> {
    let mut at = folder.to_owned();
    while at.is_dir() {
        let mut names: Vec<PathBuf> = std::fs::read_dir(&at)?.map(|e| Ok(e?.path())).collect::<std::io::Result<_>>()?;
        names.sort();
        at = names.pop().ok_or_else(|| anyhow::anyhow!("{} is empty", at.display()))?;
    }
    Ok(at)
}

#[test]
fn the_agents_commands_say_what_is_well_and_what_is_not() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let options = Options {
        workshop: &["--seed", "7", "--rest-day", "none"],
        seal_ms: 1_000,
        reserve_mib: 4,
        devices: &["press"],
        ..Options::default()
    };
    let mut stack = Stack::start(folder.path(), &options)?;
    let says = |stack: &Stack, verb: &str, arguments: &[&str]| -> Result<Said> {
        let (code, out, err) = stack.agent(verb, arguments)?;
        Ok(Said { code, out, err })
    };
    let config = folder.path().join("agent.toml");
    let text = std::fs::read_to_string(&config)?;

    says(&stack, "check", &[])?.well(&["valid. 1 devices", "configuration digest"]);
    says(&stack, "check", &["--lang", "zh"])?.well(&["可用。1 台设备"]);
    std::fs::write(&config, text.replacen("[uplink]", "[uplink]\nadress = \"x\"", 1))?;
    says(&stack, "check", &[])?.ill(&["adress", "agent.toml, line", "address"]);
    std::fs::write(&config, &text)?;

    says(&stack, "probe", &["press"])?.well(&["press/good", "press/state"]);
    says(&stack, "probe", &["nosuch"])?.ill(&["there is no device `nosuch`", "press"]);
    says(&stack, "status", &[])?.ill(&["no running agent answers", "systemctl start gongzheng-agent"]);
    says(&stack, "doctor", &[])?.ill(&["✕ enrolment", "not enrolled"]);

    stack.enrol_and_start_agent()?;
    wait::until("the agent to be connected", Duration::from_secs(60), || {
        stack.check()?;
        let said = says(&stack, "status", &[])?;
        Ok((said.code == Some(0) && said.out.contains("server: connected")).then_some(()))
    })?;
    says(&stack, "status", &["--lang", "zh"])?.well(&["服务器: 已连接", "press"]);
    says(&stack, "doctor", &[])?.well(&[
        "✓ reaching the server",
        "the key this gateway trusts",
        "✓ client certificate",
    ]);

    // Another server under the same address: it answers, and it is not ours.
    let other = Server::new(&folder.path().join("other"))?;
    other.says(&["admin", "site", "add", "works", "--name-zh", "别的厂"])?.well(&[]);
    let running = other.start()?;
    let ours = stack.proxy.address().to_string();
    assert!(text.contains(&ours), "{text}");
    std::fs::write(&config, text.replace(&ours, &format!("127.0.0.1:{}", other.mqtt)))?;
    let strange = says(&stack, "doctor", &[])?;
    strange.ill(&["✕ reaching the server", "the key shown is not that of the server this gateway enrolled with"]);
    says(&stack, "doctor", &["--lang", "zh"])?.ill(&["不是入网时的服务器"]);
    stop(running)?;
    says(&stack, "doctor", &[])?.ill(&["✕ reaching the server", "cannot be reached"]);
    stack.stop()
}
