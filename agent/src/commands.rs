//! The command line: one module per command.
//!
//! Constraints: data goes to stdout, talk to stderr; every refusal says what, where and what to do in the reader's language; nothing
//! here decides anything about evidence.

pub mod browse;
pub mod carry;
pub mod check;
pub mod doctor;
pub mod init;
mod meter;
pub mod probe;
pub mod profiles;
pub mod run;
pub mod scan;
pub mod status;
pub mod tail;

use std::path::{Path, PathBuf};

use clap::{Parser, Subcommand};

use crate::config::Config;
use crate::locale::{Lang, Words};

/// Where the configuration lies when nothing else is said.
pub const CONFIG_DEFAULT: &str = "/etc/gongzheng/agent.toml";

/// 工证网关：读取设备，封存签名，断网缓存，回执后才删除。
/// Gongzheng gateway agent: reads machines, seals and signs, keeps until the server has receipted.
#[derive(Debug, Parser)]
#[command(name = "gongzheng-agent", version)]
pub struct Arguments {
    /// 配置文件 / configuration file
    #[arg(long, short, global = true, default_value = CONFIG_DEFAULT)]
    pub config: PathBuf,
    /// 语言 / language: zh, en
    #[arg(long, global = true, value_parser = parse_lang)]
    pub lang: Option<Lang>,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// 运行网关 / run the gateway
    Run,
    /// 检查配置文件 / check the configuration file
    Check,
    /// 检查安装：时钟、磁盘、串口、服务器、证书、逐台设备 / check the installation, device by device
    Doctor,
    /// 读一台设备，把寄存器按各种类型和字节序并排显示 / read one device, show registers in every type and order
    Probe(probe::Options),
    /// 列出设备档案，或显示其中一个 / list the device profiles, or show one
    Profiles(profiles::Options),
    /// 在指定网段或串口上找 Modbus 设备（只读，不广播）/ look for Modbus devices where you say (reads only, no broadcast)
    Scan(scan::Options),
    /// 浏览一台 OPC UA 服务器，给出或推荐数据点 / browse an OPC UA server, print or propose tags
    Browse(browse::Options),
    /// 查看正在运行的网关 / show the running gateway
    Status(status::Options),
    /// 跟踪正在运行的网关的实时数值 / follow the live values of the running gateway
    Tail(tail::Options),
    /// 没有网络时：把记录导出到 U 盘，再读回服务器的回执 / without a network: export records to a stick, read receipts back
    #[command(subcommand)]
    Carry(carry::Options),
    /// 入网：用服务器给的一次性入网码登记本网关 / enrol with the server's one-time code
    Init(init::Options),
}

fn parse_lang(text: &str) -> Result<Lang, String> {
    Lang::parse(text).ok_or_else(|| "zh | en".to_owned())
}

/// A refusal or failure in both languages.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Told(pub Words);

/// The language before any file is read.
pub fn language(flag: Option<Lang>, configured: Option<Lang>) -> Lang {
    let variable = |name| std::env::var(name).ok();
    Lang::choose(flag, variable("GZ_LANG").as_deref(), configured, variable("LANG").as_deref())
}

/// Reads the configuration, printing its warnings to stderr.
///
/// # Errors
/// Its problems, as an [`anyhow::Error`] that carries [`crate::config::problem::Problems`].
pub fn load(path: &Path, flag: Option<Lang>) -> anyhow::Result<(Config, Lang)> {
    let (config, warnings) = Config::load(path)?;
    let lang = language(flag, config.gateway.lang);
    for warning in warnings {
        eprintln!("{}\n", warning.render(&path.display().to_string(), lang));
    }
    Ok((config, lang))
}

/// An error for the terminal, in `lang` where it has words of its own, else as its chain of causes.
pub fn explain(error: &anyhow::Error, lang: Lang) -> String {
    if let Some(problems) = error.downcast_ref::<crate::config::problem::Problems>() {
        return problems.render(lang);
    }
    let prefix = lang.pick("错误：", "error: ");
    match error.downcast_ref::<Told>() {
        Some(Told(words)) => format!("{prefix}{}", words.get(lang)),
        None => format!("{prefix}{error:#}"),
    }
}
