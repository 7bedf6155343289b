//! `doctor`: tests the deployment and says for each point what was tried, what came of it, and what to do.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;
use server::config::{Config, Intake};
use server::ingest::journal::Journal;
use server::keys::Keys;
use server::sitelog;
use server::state::Clock;
use server::storage::{Disk, Storage};

use super::{load, say};

pub(crate) fn run(config: &Path) -> Result<ExitCode> {
    let config = load(config)?;
    let mut report = Report { failed: false };
    disk(&config, &mut report);
    keys(&config, &mut report);
    journal(&config, &mut report);
    sites(&config, &mut report);
    clock(Clock::system().now_ms(), &mut report);
    port(config.web.listen, "[web]", &mut report);
    port(config.enrol, "[enrol]", &mut report);
    if let Intake::Endpoint { listen } = config.intake {
        port(listen, "[mqtt]", &mut report);
    }
    Ok(if report.failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

struct Report {
    failed: bool,
}

impl Report {
    fn good(&self, what: &str) {
        println!("ok    {what}");
    }

    fn bad(&mut self, what: &str, todo: &str) {
        self.failed = true;
        println!("FAIL  {what}\n      {} {todo}", say("建议：", "hint:"));
    }
}

fn disk(config: &Config, report: &mut Report) {
    let name = config.data_dir.display();
    let tried = Disk::open(&config.data_dir).and_then(|disk| {
        disk.replace("doctor.probe", b"probe")?;
        disk.remove("doctor.probe")?;
        disk.free_bytes()
    });
    match tried {
        Ok(free) if free < config.reserve_mib * 1024 * 1024 => report.bad(
            &format!("{name}: {} MiB {}", free >> 20, say("可用，低于保留空间", "free, below the reserve")),
            &say(
                "清理磁盘，或移动数据目录；在此之前不会接收记录",
                "free space or move the data directory; no records are taken until then",
            ),
        ),
        Ok(free) => {
            report.good(&format!("{name}: {}, {} MiB {}", say("可写", "writable"), free >> 20, say("可用", "free")))
        }
        Err(error) => report.bad(
            &format!("{name}: {error}"),
            &say("检查目录及其属主", "check that the folder exists and belongs to this user"),
        ),
    }
}

fn keys(config: &Config, report: &mut Report) {
    let folder = config.data_dir.join("keys");
    if !folder.join("log.key").exists() {
        return report.good(&say("密钥将在首次启动时生成", "keys will be made at first start"));
    }
    match Keys::open(&folder, &config.public_host) {
        Ok(keys) => {
            report.good(&format!("{}: {}", say("日志密钥", "log key"), keys.log().verifier()));
            if keys.log().name() != config.public_host {
                println!(
                    "note  {} `{}`",
                    say("日志来源名保持首次启动时的名称", "logs keep the name of the first start as their origin:"),
                    keys.log().name()
                );
            }
        }
        Err(error) => {
            report.bad(&error.to_string(), &say("从备份恢复密钥目录", "restore the keys folder from your backup"))
        }
    }
}

fn journal(config: &Config, report: &mut Report) {
    // Opening cuts a torn tail, which only the server may do: look at a copy in memory of nothing but the sizes.
    let segments = Disk::open(&config.data_dir).and_then(|disk| disk.list(Journal::FOLDER));
    match segments {
        Ok(names) if names.iter().any(|name| name.ends_with(".damaged")) => report.bad(
            &format!("{}: {}", say("日志有损坏的分段", "the journal has damaged segments set aside"), names.join(", ")),
            &say(
                "保留这些文件并联系支持；网关会重发缺失部分",
                "keep these files and ask support; gateways send again what is missing",
            ),
        ),
        Ok(names) => report.good(&format!("{}: {}", say("日志分段", "journal segments"), names.len())),
        Err(error) => report.bad(&error.to_string(), &say("检查数据目录", "check the data directory")),
    }
}

/// Whether every site's folder can be opened; `fsck` looks at every byte.
fn sites(config: &Config, report: &mut Report) {
    let folder = config.data_dir.join("keys");
    if !folder.join("log.key").exists() {
        return;
    }
    let Ok(keys) = Keys::open(&folder, &config.public_host) else { return };
    let found = Disk::open(&config.data_dir).and_then(|disk| Ok((sitelog::folders(&disk)?, disk)));
    match found {
        Ok((sites, disk)) => {
            for site in sites {
                match sitelog::probe(&disk, keys.log(), &site) {
                    Ok(()) => report.good(&format!("{} {site}", say("站点日志可打开：", "site log can be opened:"))),
                    Err(error) => {
                        report.bad(&error.to_string(), &say("其他站点不受影响", "the other sites are not affected"))
                    }
                }
            }
        }
        Err(error) => report.bad(&error.to_string(), &say("检查数据目录", "check the data directory")),
    }
}

fn clock(now_ms: i64, report: &mut Report) {
    if now_ms > YEAR_2024_MS {
        return report.good(&say("系统时钟合理", "the system clock is plausible"));
    }
    report.bad(
        &say("系统时钟错误", "the system clock is wrong"),
        &say(
            "启用时间同步（chrony 或 systemd-timesyncd）",
            "enable time synchronisation (chrony or systemd-timesyncd)",
        ),
    )
}

fn port(address: SocketAddr, key: &str, report: &mut Report) {
    match TcpListener::bind(address) {
        Ok(_) => report.good(&format!("{key} {address} {}", say("可监听", "can be used"))),
        Err(error) => report.bad(
            &format!("{key} {address}: {error}"),
            &say("若服务正在运行则正常；否则更换端口", "fine if the server is running; otherwise choose another port"),
        ),
    }
}

/// This program did not exist before.
const YEAR_2024_MS: i64 = 1_704_067_200_000;
