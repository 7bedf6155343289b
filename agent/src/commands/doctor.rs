//! `gongzheng-agent doctor`: tests the installation and says, per check, what was tried, what it means and what to do next.
//!
//! Constraints: it only looks (reads of devices, connections that are closed at once, one file made and removed in the state
//! directory); it works beside a running agent as far as a device allows a second connection, and says when that may be the reason. A line
//! that only one program can hold is asked through the running agent.

mod opcua;
mod running;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tokio::net::TcpStream;

use super::probe::ask;
use super::run::{clock_settings, not_enrolled, uplink_settings};
use crate::clock::{Clock as _, ClockReading, NEVER_SET_BEFORE_MS, SharedClock, SyncState, SystemClock};
use crate::config::device::{Carrier, Device, Link};
use crate::config::{Config, request_groups};
use crate::identity::{Enrolment, load_key};
use crate::locale::{Lang, Words, words};
use crate::page::view::utc;
use crate::pipeline::outward::{split_address, tls_config};
use crate::source::modbus::client::Connection;

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// As it should be.
    Good,
    /// Works, but someone should know.
    Warning,
    /// Does not work.
    Bad,
}

/// One check.
#[derive(Clone, Debug)]
pub struct Finding {
    /// How it ended.
    pub verdict: Verdict,
    /// What was tried.
    pub tried: Words,
    /// What came out and what to do.
    pub meaning: Words,
}

impl Finding {
    pub(super) fn new(verdict: Verdict, tried: Words, meaning: Words) -> Self {
        Self { verdict, tried, meaning }
    }

    /// As lines for a terminal.
    pub(super) fn render(&self, lang: Lang) -> String {
        let mark = match self.verdict {
            Verdict::Good => "✓",
            Verdict::Warning => "!",
            Verdict::Bad => "✕",
        };
        format!("{mark} {}\n    {}\n", self.tried.get(lang), self.meaning.get(lang))
    }
}

const REACH_LIMIT: Duration = Duration::from_secs(5);
/// A disk with less free space than this fills before anyone looks.
const FREE_BYTES_LOW: u64 = 512 * 1024 * 1024;

/// Runs all checks, printing each as it ends. True when none is bad.
pub async fn run(config: &Config, lang: Lang) -> bool {
    let mut all_good = true;
    let mut tell = |finding: Finding| {
        all_good &= finding.verdict != Verdict::Bad;
        print!("{}", finding.render(lang));
    };
    tell(state_dir(&config.gateway.state_dir));
    tell(disk(config));
    tell(clock(config));
    let enrolment = match Enrolment::load(&config.gateway.state_dir) {
        Ok(Some(enrolment)) => Some(enrolment),
        Ok(None) => {
            let tried = words!("入网信息", "enrolment");
            tell(Finding::new(Verdict::Bad, tried, not_enrolled(&config.file)));
            None
        }
        Err(error) => {
            let tried = words!("入网信息", "enrolment");
            tell(Finding::new(Verdict::Bad, tried, Words::new(error.to_string(), error.to_string())));
            None
        }
    };
    if let Some(enrolment) = &enrolment {
        tell(certificate(enrolment, crate::clock::wall_ms()));
        tell(server(config, enrolment).await);
    }
    let running = running::ask(config).await;
    for device in &config.devices {
        let said = running.as_ref().and_then(|answer| running::device(answer.as_ref().ok()?, device));
        let findings = match said {
            Some(finding) => vec![finding],
            None => device_findings(config, device).await,
        };
        for finding in findings {
            tell(finding);
        }
    }
    for finding in running.map(running::findings).unwrap_or_default() {
        tell(finding);
    }
    all_good
}

fn state_dir(dir: &Path) -> Finding {
    let shown = dir.display();
    let tried = words!("状态目录 {shown}：试写一个文件", "state directory {shown}: writing a file");
    let probe = dir.join(".doctor");
    let result = std::fs::create_dir_all(dir)
        .and_then(|()| std::fs::write(&probe, b"doctor"))
        .and_then(|()| std::fs::remove_file(&probe));
    match result {
        Ok(()) => Finding::new(Verdict::Good, tried, words!("可写", "writable")),
        Err(error) => Finding::new(
            Verdict::Bad,
            tried,
            words!(
                "写不进去：{error}。把目录的所有者改成运行本程序的用户",
                "cannot be written: {error}. Make the user that runs the agent its owner"
            ),
        ),
    }
}

fn disk(config: &Config) -> Finding {
    let tried = words!("磁盘空间", "disk space");
    let dir = &config.gateway.state_dir;
    match rustix::fs::statvfs(dir.as_path()) {
        Ok(stat) => {
            let free = stat.f_bavail.saturating_mul(stat.f_frsize);
            let (free_mib, max_mib) = (free / 1_048_576, config.buffer.max_bytes / 1_048_576);
            let needed = config.buffer.max_bytes.saturating_add(config.buffer.min_free_bytes);
            if free < config.buffer.min_free_bytes.max(FREE_BYTES_LOW.min(config.buffer.max_bytes)) {
                let min_mib = config.buffer.min_free_bytes / 1_048_576;
                Finding::new(
                    Verdict::Bad,
                    tried,
                    words!(
                        "只剩 {free_mib} MiB，低于预留的 {min_mib} MiB，缓存无法写入。清理磁盘",
                        "only {free_mib} MiB left, below the reserved {min_mib} MiB: nothing can be buffered. Free some space"
                    ),
                )
            } else if free < needed {
                Finding::new(
                    Verdict::Warning,
                    tried,
                    words!(
                        "剩余 {free_mib} MiB，装不下 `max_bytes` 的 {max_mib} MiB；断网时缓存会提前写满",
                        "{free_mib} MiB left, less than `max_bytes` ({max_mib} MiB): the buffer would be full early"
                    ),
                )
            } else {
                Finding::new(Verdict::Good, tried, words!("剩余 {free_mib} MiB，够用", "{free_mib} MiB left, enough"))
            }
        }
        Err(error) => Finding::new(Verdict::Bad, tried, words!("查不到：{error}", "cannot be asked: {error}")),
    }
}

fn clock(config: &Config) -> Finding {
    let tried = words!("系统时钟", "system clock");
    let reading = match SystemClock::new(clock_settings(config)) {
        Ok(clock) => clock.read(),
        Err(error) => return Finding::new(Verdict::Bad, tried, words!("读不到：{error}", "cannot be read: {error}")),
    };
    clock_finding(tried, &reading)
}

fn clock_finding(tried: Words, reading: &ClockReading) -> Finding {
    let now = utc(reading.wall_ms);
    match crate::clock::words::state(reading) {
        (_, None) => Finding::new(Verdict::Good, tried, words!("已同步，{now} UTC", "synchronised, {now} UTC")),
        (Words { zh, en }, Some(remedy)) => {
            let is_known = reading.wall_ms < NEVER_SET_BEFORE_MS || reading.sync != SyncState::Unknown;
            let verdict = if is_known { Verdict::Bad } else { Verdict::Warning };
            let (zh_do, en_do) = (remedy.zh, remedy.en);
            Finding::new(verdict, tried, words!("{zh}（{now} UTC）：{zh_do}", "{en} ({now} UTC): {en_do}"))
        }
    }
}

fn certificate(enrolment: &Enrolment, now_ms: i64) -> Finding {
    let (site, gateway) = (&enrolment.site, &enrolment.gateway);
    let tried = words!("客户端证书（{site} / {gateway}）", "client certificate ({site} / {gateway})");
    let not_after = crate::uplink::tls::validity(&enrolment.client_certificate_pem).map(|(_, until_ms)| until_ms);
    match not_after {
        Some(until_ms) => {
            let until = utc(until_ms);
            if until_ms < now_ms {
                Finding::new(
                    Verdict::Warning,
                    tried,
                    words!(
                        "已于 {until} UTC 过期；连接服务器时会自动续期。若时钟不准，先校准时钟",
                        "expired on {until} UTC; it is renewed when the server is reached. If the clock is wrong, set it first"
                    ),
                )
            } else {
                Finding::new(Verdict::Good, tried, words!("有效至 {until} UTC", "valid until {until} UTC"))
            }
        }
        None => Finding::new(
            Verdict::Bad,
            tried,
            words!(
                "证书读不懂。用新的入网码重新入网：`init --again`",
                "unreadable. Enrol again with a new code: `init --again`"
            ),
        ),
    }
}

/// Reaches whatever this gateway delivers to, up to the end of the TLS handshake: a port that answers may be anybody's.
pub(super) async fn server(config: &Config, enrolment: &Enrolment) -> Finding {
    let address = config.uplink.address.as_ref().unwrap_or(&enrolment.mqtt_host_port);
    let tried = words!("连接服务器 {address}", "reaching the server at {address}");
    let bad = |words: Words| Finding::new(Verdict::Bad, tried.clone(), words);
    let setup = || -> anyhow::Result<_> {
        let key = load_key(&config.gateway.state_dir)?.context("identity.key")?;
        let clock: SharedClock = Arc::new(SystemClock::new(clock_settings(config))?);
        tls_config(&uplink_settings(&config.uplink)?, enrolment, &key, &clock)
    };
    let tls = match setup() {
        Ok(tls) => tls,
        Err(error) => {
            return bad(words!(
                "无法建立加密连接：{error:#}。检查状态目录中的密钥与入网信息，或用新的入网码重新入网：`init --again`",
                "TLS cannot be set up: {error:#}. Check key and enrolment in the state directory, or enrol again with a new code: `init --again`"
            ));
        }
    };
    let encrypted = tls.is_some();
    match tokio::time::timeout(REACH_LIMIT, reach(address, tls)).await {
        Ok(Ok(())) if !encrypted => Finding::new(
            Verdict::Good,
            tried,
            words!("端口可达（按配置未加密）", "the port answers (not encrypted, as configured)"),
        ),
        Ok(Ok(())) => Finding::new(
            Verdict::Good,
            tried,
            words!("加密连接正常，对方密钥正确", "TLS works, and it is the key this gateway trusts"),
        ),
        Ok(Err(error)) => bad(unreached(&error)),
        Err(_) => bad(words!(
            "5 秒内没有回应，多半被防火墙丢弃。请网管放行到该地址的 TCP 出站连接",
            "no answer within 5 s, probably dropped by a firewall. Ask for outgoing TCP to this address"
        )),
    }
}

async fn reach(address: &str, tls: Option<Arc<rustls::ClientConfig>>) -> std::io::Result<()> {
    let (host, _) = split_address(address).ok_or(std::io::ErrorKind::InvalidInput)?;
    let tcp = TcpStream::connect(address).await?;
    if let Some(tls) = tls {
        let name = rustls::pki_types::ServerName::try_from(host).map_err(std::io::Error::other)?;
        tokio_rustls::TlsConnector::from(tls).connect(name, tcp).await?;
    }
    Ok(())
}

/// What a failed connection or handshake means.
fn unreached(error: &std::io::Error) -> Words {
    let text = error.to_string();
    if text.contains("ApplicationVerificationFailure") {
        return words!(
            "对方出示的密钥不是入网时的服务器：可能地址填错、服务器已重装，或有人冒充。不会向它发送数据；核对 `[uplink] address`，必要时用新的入网码重新入网",
            "the key shown is not that of the server this gateway enrolled with: a wrong address, a server set up anew, or somebody who impersonates it. Nothing is sent to it; check `[uplink] address`, or enrol again with a new code"
        );
    }
    if text.contains("UnknownIssuer") || text.contains("NotValidForName") {
        return words!(
            "代理的证书不是由 `broker_ca` 签发，或名称不符（{text}）。核对 CA 文件和地址",
            "the broker's certificate is not from `broker_ca`, or for another name ({text}). Check the CA file and the address"
        );
    }
    if text.contains("NotValidYet") || text.contains("Expired") {
        return words!(
            "服务器证书的日期不对（{text}）。先检查本机时钟，再检查服务器证书",
            "the dates of the server's certificate do not fit ({text}). Check this gateway's clock first, then the server's certificate"
        );
    }
    if error.kind() == std::io::ErrorKind::InvalidData {
        return words!(
            "端口可达，但加密握手失败：{text}。核对端口（网关接入默认 8883）",
            "the port answers, but not with TLS as expected: {text}. Check the port (8883 by default)"
        );
    }
    words!(
        "连不上：{text}。检查网络、防火墙（TCP 出站）和域名解析；断网期间数据存在本机",
        "cannot be reached: {text}. Check the network, the firewall (outgoing TCP) and name resolution; meanwhile data is kept here"
    )
}

async fn device_findings(config: &Config, device: &Device) -> Vec<Finding> {
    match &device.link {
        Link::Modbus(link) => {
            let mut connection = Connection::new(link.carrier.clone());
            let mut findings = Vec::new();
            for (_, requests) in request_groups(&device.tags, &link.limits) {
                for request in &requests {
                    let (name, area, from, count) = (&device.name, request.area.name(), request.address, request.count);
                    let tried = words!(
                        "设备 `{name}`（{0} 站号 {1}）：读 {area} {from} 起 {count} 个",
                        "device `{name}` ({0} unit {1}): reading {count} {area} from {from}",
                        link.carrier,
                        link.unit
                    );
                    match ask(&mut connection, device, link, request).await {
                        Ok(_) => findings.push(Finding::new(Verdict::Good, tried, words!("应答正常", "answered"))),
                        Err(mut words) => {
                            if matches!(link.carrier, Carrier::Tcp(_) | Carrier::RtuOverTcp(_)) {
                                words.zh += "。有的设备只允许一个连接：若网关程序正在运行，先停下再试";
                                words.en +=
                                    ". Some devices allow one connection only: stop a running agent and try again";
                            }
                            let last = findings.last().filter(|last: &&Finding| last.verdict == Verdict::Bad);
                            if last.is_some_and(|last| last.meaning == words) {
                                // It fails as a whole: saying so for every block would only hide the rest of the list.
                                return findings;
                            }
                            findings.push(Finding::new(Verdict::Bad, tried, words));
                        }
                    }
                }
            }
            findings
        }
        Link::OpcUa(link) => opcua::findings(config, device, link).await,
        Link::Dlt645(link) => super::meter::findings(device, link).await,
    }
}
