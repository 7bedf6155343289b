//! `gongzheng-agent init`: makes the key, enrols at the server, writes an example configuration if there is none.
//!
//! Constraints: nothing that exists is overwritten (a key is an identity, an enrolment is a place in a log); the server is recognised
//! by the fingerprint inside the code before the code is sent to it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;

use super::{Told, doctor};
use crate::clock::{Settings, SharedClock, SystemClock};
use crate::commands::run::clock_settings;
use crate::config::Config;
use crate::enrol::{self, Code};
use crate::identity::{self, Enrolment};
use crate::locale::{Lang, Words, words};
use crate::pipeline::outward::split_address;

/// Options of `init`.
#[derive(Debug, Args)]
pub struct Options {
    /// 入网码，由服务器给出 / enrolment code printed by the server
    #[arg(long)]
    pub code: Option<String>,
    /// 服务器入网地址 / the server's enrolment address, host:port
    #[arg(long)]
    pub server: Option<String>,
    /// 新建配置文件时使用的状态目录 / state directory written into a new configuration file
    #[arg(long)]
    pub state_dir: Option<PathBuf>,
    /// 已入网也重新入网（换站点或更换服务器密钥）/ enrol again although enrolled (other site, new server key)
    #[arg(long)]
    pub again: bool,
}

/// What a new configuration file contains: the documented example, with devices left out.
const EXAMPLE: &str = include_str!("../../../configs/agent.example.toml");
/// Where state lies when nothing else is said.
const STATE_DIR_DEFAULT: &str = "/var/lib/gongzheng";
/// Where the devices of the example begin.
const DEVICES_MARK: &str = "# ── 设备";

/// Enrols.
///
/// # Errors
/// When files cannot be written, the code is not one, or the server refuses or is not the one of the code.
pub async fn run(path: &Path, flag: Option<Lang>, options: &Options) -> anyhow::Result<()> {
    let language = super::language(flag, None);
    // A folder that may not be looked into must not look empty.
    let is_there = path.try_exists().map_err(|error| cannot_write(path, &error))?;
    let (state_dir, lang, settings) = if is_there {
        // Its warnings are for later: that no device is described yet is no news here.
        let (config, _) = Config::load(path)?;
        let lang = super::language(flag, config.gateway.lang);
        (config.gateway.state_dir.clone(), lang, clock_settings(&config))
    } else {
        let state_dir = options.state_dir.clone().unwrap_or_else(|| PathBuf::from(STATE_DIR_DEFAULT));
        write_example(path, &state_dir, language)?;
        let shown = path.display();
        eprintln!(
            "{}",
            match language {
                Lang::Zh => format!("已写好配置文件 {shown}。"),
                Lang::En => format!("Wrote {shown}."),
            }
        );
        (state_dir, language, Settings::default())
    };
    std::fs::create_dir_all(&state_dir).map_err(|error| cannot_write(&state_dir, &error))?;
    let mut seed = [0u8; 32];
    getrandom::fill(&mut seed).map_err(|e| anyhow::anyhow!("no random numbers: {e}"))?;
    let key = identity::load_or_create_key(&state_dir, seed)?;
    show_fingerprint(&key.public().fingerprint().to_string(), lang);
    if let Some(enrolment) = Enrolment::load(&state_dir)?
        && !options.again
    {
        let (site, gateway) = (&enrolment.site, &enrolment.gateway);
        if options.code.is_some() {
            return Err(Told(words!(
                "本网关已经入网：{site} / {gateway}。确实要换站点或服务器时，加上 `--again`",
                "this gateway is already enrolled as {site} / {gateway}. To move it to another site or server, add `--again`"
            ))
            .into());
        }
        println!("{site} / {gateway}");
        return Ok(());
    }
    let (Some(code), Some(server)) = (&options.code, &options.server) else {
        eprintln!(
            "{}",
            lang.pick(
                "还没有入网：请加上 --code 入网码 --server 服务器:8443。",
                "Not enrolled yet: add --code CODE --server HOST:8443."
            )
        );
        return Ok(());
    };
    let code = Code::parse(code).map_err(|e| Told(e.0))?;
    let clock: SharedClock = Arc::new(SystemClock::new(settings)?);
    let enrolment = enrol::enrol(server, &code, &key, clock).await.map_err(|e| Told(e.0))?;
    enrolment.save(&state_dir)?;
    let (site, gateway) = (&enrolment.site, &enrolment.gateway);
    if enrolment.simulated {
        eprintln!(
            "{}",
            lang.pick(
                "注意：这是模拟站点，所有数据标为“模拟数据”。",
                "Note: this is a simulated site; all its data says SIMULATED."
            )
        );
    }
    println!("{site} / {gateway}");
    let file = path.display();
    // Enrolled through one port, delivering through another: who stands here hears at once whether that one is open too.
    let (config, _) = Config::load(path)?;
    let delivery = doctor::server(&config, &enrolment).await;
    eprint!("{}", delivery.render(lang));
    if config.uplink.address.is_none() && points_here(&enrolment.mqtt_host_port) && !points_here(server) {
        eprintln!("{}", misdirected(&enrolment.mqtt_host_port).get(lang));
    }
    let next = words!(
        "下一步：`sudo systemctl enable --now gongzheng-agent` 启动网关（没有服务文件时运行 `gongzheng-agent --config {file} run`），再打开本地页面的 /setup（默认 http://127.0.0.1:8470/setup）添加设备",
        "next: start the gateway with `sudo systemctl enable --now gongzheng-agent` (without a service file: `gongzheng-agent --config {file} run`) and open /setup of the local page (http://127.0.0.1:8470/setup unless changed) to add devices"
    );
    eprintln!("{}", next.get(lang));
    Ok(())
}

/// Whether an address means the machine it is read on.
fn points_here(address: &str) -> bool {
    let host = split_address(address).map_or_else(|| address.to_owned(), |(host, _)| host);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

fn misdirected(address: &str) -> Words {
    words!(
        "服务器要网关连 {address}，那是网关自己。请管理员在 server.toml 的 `public_host` 填写网关能访问的名称或地址并重启服务器，再要一个入网码，加上 `--again` 重新入网",
        "the server tells gateways to connect to {address}, which is the gateway itself. Ask its operator to set `public_host` in server.toml to the name or address gateways reach it by, restart it and give a new code; then enrol again with `--again`"
    )
}

fn cannot_write(path: &Path, error: &std::io::Error) -> Told {
    let path = path.display();
    if error.kind() == std::io::ErrorKind::PermissionDenied {
        return Told(words!(
            "写不了 {path}：{error}。在命令前面加 `sudo -u gongzheng`，并确认目录属于用户 gongzheng",
            "cannot write {path}: {error}. Put `sudo -u gongzheng` before the command, and see that the folder belongs to the user gongzheng"
        ));
    }
    Told(words!(
        "写不了 {path}：{error}。检查目录和权限",
        "cannot write {path}: {error}. Check directory and permissions"
    ))
}

/// The example up to its devices, with this state directory and the language the person reads.
fn write_example(path: &Path, state_dir: &Path, lang: Lang) -> Result<(), Told> {
    let general = EXAMPLE.split(DEVICES_MARK).next().unwrap_or(EXAMPLE);
    let quoted = serde_json::Value::from(state_dir.to_string_lossy()).to_string();
    let text: String = general
        .lines()
        .map(|line| match line {
            line if line.starts_with("state_dir =") => format!("state_dir = {quoted}\n"),
            line if line.starts_with("lang =") => format!("lang = \"{}\"\n", lang.name()),
            line => format!("{line}\n"),
        })
        .collect();
    let write = || -> std::io::Result<()> {
        if let Some(directory) = path.parent().filter(|d| !d.as_os_str().is_empty()) {
            std::fs::create_dir_all(directory)?;
        }
        // `create_new`: an existing file is never overwritten, not even one that appeared just now.
        let mut file = std::fs::OpenOptions::new().write(true).create_new(true).open(path)?;
        std::io::Write::write_all(&mut file, text.as_bytes())?;
        file.sync_all()
    };
    write().map_err(|error| cannot_write(path, &error))
}

fn show_fingerprint(fingerprint: &str, lang: Lang) {
    eprintln!(
        "{}",
        lang.pick(
            "本网关密钥指纹（与服务器上显示的核对）：",
            "Fingerprint of this gateway's key (compare with the server's):"
        )
    );
    eprintln!("  {fingerprint}");
    if let Ok(code) = qrcode::QrCode::new(fingerprint.as_bytes()) {
        let picture = code.render::<qrcode::render::unicode::Dense1x2>().quiet_zone(true).build();
        eprintln!("{picture}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_written_file_is_valid_and_nothing_is_overwritten() {
        let dir = tempfile::tempdir().expect("dir");
        let path = dir.path().join("sub/agent.toml");
        write_example(&path, Path::new("/tmp/with \"quotes\""), Lang::En).expect("written");
        let (config, _) = Config::load(&path).expect("valid");
        assert_eq!(config.gateway.lang, Some(Lang::En), "the language of whoever enrolled");
        assert_eq!(config.gateway.state_dir, Path::new("/tmp/with \"quotes\""));
        assert_eq!(config.devices, []);
        let before = std::fs::read(&path).expect("read");
        assert!(write_example(&path, Path::new("/elsewhere"), Lang::Zh).is_err());
        assert_eq!(std::fs::read(&path).expect("read"), before);
    }

    #[test]
    fn the_unit_may_write_what_the_program_writes_and_runs_what_the_guide_installs() {
        let unit = include_str!("../../../configs/systemd/gongzheng-agent.service");
        let folder = Path::new(super::super::CONFIG_DEFAULT).parent().expect("a folder").display().to_string();
        assert!(unit.contains(&format!("\nReadWritePaths={STATE_DIR_DEFAULT} {folder}\n")), "{unit}");
        assert!(unit.contains("\nExecStart=/usr/local/bin/gongzheng-agent run\n"), "{unit}");
        for guide in [
            include_str!("../../../docs/guides/install-a-gateway.md"),
            include_str!("../../../docs/guides/install-a-gateway.zh-CN.md"),
        ] {
            assert!(guide.contains("sudo install -m 0755 gongzheng-agent /usr/local/bin/\n"));
            assert!(guide.contains(&format!("-m 0750 {STATE_DIR_DEFAULT} {folder}\n")));
        }
    }

    #[test]
    fn an_address_that_leads_back_to_the_gateway_is_known() {
        for here in ["localhost:8883", "127.0.0.1:8883", "[::1]:8883", "localhost"] {
            assert!(points_here(here), "{here}");
        }
        for elsewhere in ["server.example:8883", "10.0.0.5:8883", "10.0.0.5", "localhost.example:8883"] {
            assert!(!points_here(elsewhere), "{elsewhere}");
        }
    }

    #[tokio::test]
    async fn a_wrong_code_is_refused_before_anything_is_sent() {
        let dir = tempfile::tempdir().expect("dir");
        let path = dir.path().join("agent.toml");
        let options = Options {
            code: Some("GZ-TOO-SHORT".to_owned()),
            server: Some("127.0.0.1:1".to_owned()),
            state_dir: Some(dir.path().join("state")),
            again: false,
        };
        let error = run(&path, Some(Lang::Zh), &options).await.expect_err("refused");
        let (zh, en) = (super::super::explain(&error, Lang::Zh), super::super::explain(&error, Lang::En));
        assert!(zh.contains("入网码不对"), "{zh}");
        assert!(en.contains("this is not an enrolment code"), "{en}");
        assert!(dir.path().join("state/identity.key").exists(), "the key is made at first start");
    }
}
