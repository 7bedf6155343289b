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
    // Opening cuts a torn tail, which only the server may do: this only looks.
    let found = Disk::open(&config.data_dir).and_then(|disk| Journal::inspect(&disk));
    let found = match found {
        Ok(found) => found,
        Err(error) => return report.bad(&error.to_string(), &say("检查数据目录", "check the data directory")),
    };
    let (segments, entries) = (found.segments, found.entries);
    if found.damaged.is_empty() && found.set_aside.is_empty() {
        let (in_segments, in_entries) = (say("日志分段", "journal segments"), say("条记录", "entries"));
        return report.good(&format!("{in_segments}: {segments}; {entries} {in_entries}"));
    }
    for (file, from, whole) in &found.damaged {
        let from = format!("{} {from}", say("损坏始于字节", "damaged from byte"));
        report.bad(
            &format!("{file}: {from}; {whole} {}", say("条记录在其后完好", "entries whole behind it")),
            &say(
                "检查这块磁盘；文件会原样保留，其后完好且顺序相符的记录会入账，其余由网关重发",
                "check this disk; the file is kept as it is, what lies whole and in order behind the damage is taken, \
                 gateways send the rest again",
            ),
        );
    }
    if !found.set_aside.is_empty() {
        report.bad(
            &format!("{}: {}", say("损坏的日志分段已另存", "damaged journal segments set aside"), found.set_aside.join(", ")),
            &say(
                "检查这块磁盘；确认各网关已重发缺失部分后，把这些文件移走留存",
                "check this disk; once the gateways have sent again what was missing, move these files away and keep them",
            ),
        );
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
