//! `doctor`: tests the deployment and says for each point what was tried, what came of it, and what to do. It only looks:
//! beside one probe file, removed again, nothing is made, neither folder nor key. Works whether the server runs or not.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;
use server::config::{Config, Intake};
use server::ingest::broker;
use server::ingest::journal::Journal;
use server::keys::Keys;
use server::run::{answers_as, broker_options, local, web_tls};
use server::state::Clock;
use server::storage::{Disk, Storage};
use server::{admin, sitelog};

use super::{block_on, load, say};

pub(crate) fn run(config: &Path) -> Result<ExitCode> {
    let config = load(config)?;
    let mut report = Report { failed: false };
    let started = disk(&config, &mut report);
    let keys = keys(&config, &mut report);
    if started {
        journal(&config, &mut report);
        sites(&config, keys.as_ref(), &mut report);
    }
    if config.misleads_gateways() {
        let (what, todo) = super::misleading_host(&config);
        report.warn(&what, &todo);
    }
    clock(Clock::system().now_ms(), &mut report);
    checkpoint_copy(&config, &mut report);
    block_on(async {
        let running = admin::is_running(&config).await;
        if running {
            report.good(&say("服务正在运行", "the server is running"));
        }
        web(&config, running, &mut report).await;
        // Both listen with the server's own key; gateways know it by that.
        let mut own = vec![("[enrol]", config.enrol)];
        if let Intake::Endpoint { listen } = config.intake {
            own.push(("[mqtt]", listen));
        }
        for (name, listen) in own {
            match keys.as_ref().filter(|_| running) {
                Some(keys) => answers(name, listen, answers_as(keys, listen).await, &mut report),
                None => free(name, listen, &mut report),
            }
        }
        broker(&config, &mut report).await;
        super::witness::doctor(&config, running, &mut report).await;
        Ok(())
    })?;
    Ok(if report.failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

pub(super) struct Report {
    failed: bool,
}

impl Report {
    pub(super) fn good(&self, what: &str) {
        println!("ok    {what}");
    }

    pub(super) fn warn(&self, what: &str, todo: &str) {
        println!("warn  {what}\n      {} {todo}", say("建议：", "hint:"));
    }

    pub(super) fn bad(&mut self, what: &str, todo: &str) {
        self.failed = true;
        println!("FAIL  {what}\n      {} {todo}", say("建议：", "hint:"));
    }
}

/// Whether there is a data directory that can be looked into.
fn disk(config: &Config, report: &mut Report) -> bool {
    let name = config.data_dir.display();
    if !config.data_dir.exists() {
        report.good(&format!("{name}: {}", say("将在首次启动时创建", "will be made at first start")));
        return false;
    }
    let tried = Disk::existing(&config.data_dir).and_then(|disk| {
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
    true
}

fn keys(config: &Config, report: &mut Report) -> Option<Keys> {
    match Keys::read(&config.data_dir.join("keys")) {
        Ok(None) => {
            report.good(&say("密钥将在首次启动时生成", "keys will be made at first start"));
            None
        }
        Ok(Some(keys)) => {
            report.good(&format!("{}: {}", say("站点日志密钥", "log key"), keys.log().verifier()));
            if keys.log().name() != config.public_host {
                println!(
                    "note  {} `{}`",
                    say("站点日志来源名保持首次启动时的名称", "logs keep the name of the first start as their origin:"),
                    keys.log().name()
                );
            }
            Some(keys)
        }
        Err(error) => {
            report.bad(&error.to_string(), &say("从备份恢复密钥目录", "restore the keys folder from your backup"));
            None
        }
    }
}

/// Without a copy elsewhere a restored backup looks, to the server, like all there ever was.
fn checkpoint_copy(config: &Config, report: &mut Report) {
    let Some(folder) = &config.checkpoint_copy else {
        return report.warn(
            &say(
                "未设置 [log] checkpoint_copy：从旧备份恢复时，服务器自己不会发现",
                "no [log] checkpoint_copy: restored from an older backup, the server would not notice by itself",
            ),
            &say("设为另一块磁盘或另一台机器上的目录", "name a folder on another disk or machine"),
        );
    };
    let probe = folder.join(".doctor");
    let tried = std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::write(&probe, b"doctor"))
        .and_then(|()| std::fs::remove_file(&probe));
    match tried {
        Ok(()) => report.good(&format!("[log] checkpoint_copy {}: {}", folder.display(), say("可写", "writable"))),
        Err(error) => report.bad(
            &format!("[log] checkpoint_copy {}: {error}", folder.display()),
            &say("检查目录、挂载及其属主", "check the folder, whether it is mounted, and that it belongs to this user"),
        ),
    }
}

async fn web(config: &Config, running: bool, report: &mut Report) {
    if let Err(error) = web_tls(config) {
        report.bad(&format!("{error:#}"), &say("检查证书与私钥文件", "check the files of certificate and key"));
    }
    if running {
        let tried = tokio::net::TcpStream::connect(local(config.web.listen)).await;
        answers("[web]", config.web.listen, tried.map(drop).map_err(Into::into), report);
    } else {
        free("[web]", config.web.listen, report);
    }
}

/// While the server runs its addresses are taken, and must be taken by it.
fn answers(name: &str, listen: SocketAddr, tried: Result<()>, report: &mut Report) {
    match tried {
        Ok(()) => report.good(&format!("{name} {listen} {}", say("应答正常", "answers"))),
        Err(error) => report.bad(
            &format!("{name} {listen}: {error:#}"),
            &say(
                "服务正在运行，但该地址上应答的不是它：修改配置后是否尚未重启？端口是否被其他程序占用？",
                "the server runs, but it is not what answers here: was the configuration changed without a restart, or does another program hold the port?",
            ),
        ),
    }
}

async fn broker(config: &Config, report: &mut Report) {
    let Intake::Broker { host, port, ca, .. } = &config.intake else { return };
    let scheme = if ca.is_some() { "mqtts" } else { "mqtt" };
    let name = format!("[broker] {scheme}://{host}:{port}");
    let options = match broker_options(config) {
        Ok(Some(options)) => options,
        Ok(None) => return,
        Err(error) => return report.bad(&format!("{error:#}"), &say("检查该文件", "check that file")),
    };
    match broker::probe(&options).await {
        Ok(()) => report.good(&format!("{name} {}", say("可连接", "accepts this server"))),
        Err(error) => report.bad(
            &format!("{name}: {error}"),
            &say(
                "检查地址、端口、CA 证书、客户端证书或用户名与密码，以及代理是否在运行",
                "check address, port, `ca`, client certificate or user and password, and whether the broker runs",
            ),
        ),
    }
}

fn journal(config: &Config, report: &mut Report) {
    // Opening cuts a torn tail, which only the server may do: this only looks.
    let found = Disk::existing(&config.data_dir).and_then(|disk| Journal::inspect(&disk));
    let found = match found {
        Ok(found) => found,
        Err(error) => return report.bad(&error.to_string(), &say("检查数据目录", "check the data directory")),
    };
    let (segments, entries) = (found.segments, found.entries);
    if found.damaged.is_empty() && found.set_aside.is_empty() {
        let (in_segments, in_entries) = (say("接收日志分段", "journal segments"), say("条记录", "entries"));
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
            &format!("{}: {}", say("损坏的接收日志分段已另存", "damaged journal segments set aside"), found.set_aside.join(", ")),
            &say(
                "检查这块磁盘；确认各网关已重发缺失部分后，把这些文件移走留存",
                "check this disk; once the gateways have sent again what was missing, move these files away and keep them",
            ),
        );
    }
}

/// Whether every site's folder can be opened; `fsck` looks at every byte.
fn sites(config: &Config, keys: Option<&Keys>, report: &mut Report) {
    let Some(keys) = keys else { return };
    let found = Disk::existing(&config.data_dir).and_then(|disk| Ok((sitelog::folders(&disk)?, disk)));
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

fn free(name: &str, address: SocketAddr, report: &mut Report) {
    match TcpListener::bind(address) {
        Ok(_) => report.good(&format!("{name} {address} {}", say("可监听", "can be used"))),
        Err(error) => report.bad(
            &format!("{name} {address}: {error}"),
            &say(
                "端口被其他程序占用：停止它，或更换端口",
                "another program holds the port: stop it, or choose another",
            ),
        ),
    }
}

/// This program did not exist before.
const YEAR_2024_MS: i64 = 1_704_067_200_000;
