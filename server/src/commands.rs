//! One file per command.

pub(crate) mod admin;
mod carry;
pub(crate) mod check;
pub(crate) mod doctor;
pub(crate) mod fsck;
pub(crate) mod metrics;
pub(crate) mod rebuild;
pub(crate) mod report;
pub(crate) mod run;
mod witness;

use std::future::Future;
use std::path::Path;

use anyhow::{Result, bail};
use protocol::SiteId;
use server::config::Config;

/// Whether people here read Chinese: `GZ_LANG` decides, then `LANG`.
pub(crate) fn chinese() -> bool {
    let language = std::env::var("GZ_LANG").or_else(|_| std::env::var("LANG")).unwrap_or_default();
    language.starts_with("zh")
}

/// The sentence in the reader's language.
pub(crate) fn say(zh: &str, en: &str) -> String {
    if chinese() { zh.to_owned() } else { en.to_owned() }
}

/// That `public_host` leads gateways to themselves, and what to do; where [`Config::misleads_gateways`].
pub(crate) fn misleading_host(config: &Config) -> (String, String) {
    let host = &config.public_host;
    (
        say(
            &format!("public_host 是 {host}：别的机器上的网关会连到它们自己"),
            &format!("public_host is {host}: gateways on other machines would connect to themselves"),
        ),
        say(
            "填写网关访问本服务器所用的名称或地址，最好在首次启动之前",
            "set it to the name or address gateways reach this server by, best before the first start",
        ),
    )
}

pub(crate) fn load(path: &Path) -> Result<Config> {
    Ok(Config::load(path)?)
}

/// Refuses a site nobody has: a mistyped name must not look like a site that is well.
pub(crate) fn known(held: &[SiteId], wanted: &[SiteId]) -> Result<()> {
    let Some(unknown) = wanted.iter().find(|site| !held.contains(site)) else { return Ok(()) };
    let list: Vec<&str> = held.iter().map(SiteId::as_str).collect();
    let list = list.join(", ");
    bail!(say(
        &format!("没有站点 {unknown}；现有站点：{list}"),
        &format!("there is no site {unknown}; sites here: {list}")
    ))
}

/// Runs a command's async part.
pub(crate) fn block_on<T>(future: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(future)
}

/// Logs to stderr; `GZ_LOG` refines.
pub(crate) fn start_logging() {
    use tracing_subscriber::EnvFilter;
    let filter = EnvFilter::try_from_env("GZ_LOG")
        .unwrap_or_else(|_| EnvFilter::new("info,mqtt_protocol_core=warn,rumqttc=warn,sqlx=warn"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
}
