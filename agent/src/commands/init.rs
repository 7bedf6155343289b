//! `gongzheng-agent init`: makes the key, enrols at the server, writes an example configuration if there is none.
//!
//! Constraints: nothing that exists is overwritten (a key is an identity, an enrolment is a place in a log); the server is recognised
//! by the fingerprint inside the code before the code is sent to it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;

use super::{Told, load};
use crate::clock::{Settings, SharedClock, SystemClock};
use crate::commands::run::clock_settings;
use crate::enrol::{self, Code};
use crate::identity::{self, Enrolment};
use crate::locale::{Lang, words};

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
/// Where the devices of the example begin.
const DEVICES_MARK: &str = "# ── 设备";

/// Enrols.
///
/// # Errors
/// When files cannot be written, the code is not one, or the server refuses or is not the one of the code.
pub async fn run(path: &Path, flag: Option<Lang>, options: &Options) -> anyhow::Result<()> {
    let language = super::language(flag, None);
    let (state_dir, lang, settings) = if path.exists() {
        let (config, lang) = load(path, flag)?;
        (config.gateway.state_dir.clone(), lang, clock_settings(&config))
    } else {
        let state_dir = options.state_dir.clone().unwrap_or_else(|| PathBuf::from("/var/lib/gongzheng"));
        write_example(path, &state_dir)?;
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
    let next = words!(
        "下一步：运行 `gongzheng-agent --config {file} run`，然后在本机浏览器打开本地页面的 /setup（默认 http://127.0.0.1:8470/setup）添加设备",
        "next: run `gongzheng-agent --config {file} run` and open /setup of the local page (http://127.0.0.1:8470/setup unless changed) to add devices"
    );
    eprintln!("{}", next.get(lang));
    Ok(())
}

fn cannot_write(path: &Path, error: &std::io::Error) -> Told {
    let path = path.display();
    Told(words!(
        "写不了 {path}：{error}。检查目录和权限",
        "cannot write {path}: {error}. Check directory and permissions"
    ))
}

/// The example up to its devices, with this state directory.
fn write_example(path: &Path, state_dir: &Path) -> Result<(), Told> {
    let general = EXAMPLE.split(DEVICES_MARK).next().unwrap_or(EXAMPLE);
    let quoted = serde_json::Value::from(state_dir.to_string_lossy()).to_string();
    let text: String = general
        .lines()
        .map(
            |line| {
                if line.starts_with("state_dir =") { format!("state_dir = {quoted}\n") } else { format!("{line}\n") }
            },
        )
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
    use crate::config::Config;

    #[test]
    fn the_written_file_is_valid_and_nothing_is_overwritten() {
        let dir = tempfile::tempdir().expect("dir");
        let path = dir.path().join("sub/agent.toml");
        write_example(&path, Path::new("/tmp/with \"quotes\"")).expect("written");
        let (config, _) = Config::load(&path).expect("valid");
        assert_eq!(config.gateway.state_dir, Path::new("/tmp/with \"quotes\""));
        assert_eq!(config.devices, []);
        let before = std::fs::read(&path).expect("read");
        assert!(write_example(&path, Path::new("/elsewhere")).is_err());
        assert_eq!(std::fs::read(&path).expect("read"), before);
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
