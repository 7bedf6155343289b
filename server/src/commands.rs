//! One file per command.

pub(crate) mod admin;
pub(crate) mod check;
pub(crate) mod doctor;
pub(crate) mod fsck;
pub(crate) mod rebuild;
pub(crate) mod report;
pub(crate) mod run;

use std::future::Future;
use std::path::Path;

use anyhow::Result;
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

pub(crate) fn load(path: &Path) -> Result<Config> {
    Ok(Config::load(path)?)
}

/// Runs a command's async part.
pub(crate) fn block_on<T>(future: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(future)
}

/// Logs to stderr; `RUST_LOG` refines.
pub(crate) fn start_logging() {
    use tracing_subscriber::EnvFilter;
    let filter = EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| EnvFilter::new("info,mqtt_protocol_core=warn,rumqttc=warn,sqlx=warn"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
}
