//! The agent's own log: English, structured, to stderr; `GZ_LOG` chooses what (`info`, `agent=debug`, …).

use tracing_subscriber::EnvFilter;

/// What is logged when `GZ_LOG` says nothing. The OPC UA library reports as errors what we handle and report ourselves.
const DEFAULT: &str = "info,opcua_client=off,opcua_core=off,opcua_crypto=off,opcua_types=off";

/// Starts logging. A second call (in tests) does nothing.
pub fn init() {
    let filter = std::env::var("GZ_LOG").ok().and_then(|text| EnvFilter::try_new(text).ok());
    let filter = filter.unwrap_or_else(|| EnvFilter::new(DEFAULT));
    let _ = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(false).try_init();
}
