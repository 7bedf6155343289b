//! `run`: the server until somebody stops it.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;
use server::state::Clock;
use tokio::signal::unix::{SignalKind, signal};

use super::{block_on, load, say, start_logging};

pub(crate) fn run(config: &Path) -> Result<ExitCode> {
    let config = load(config)?;
    start_logging();
    block_on(async move {
        let clock = Clock::system();
        let running = server::run::start(config, clock.clone()).await?;
        tracing::info!(web = %running.web, enrol = %running.enrol, mqtt = ?running.mqtt, "Listening.");
        if let Some(code) = running.state.accounts.first_code(clock.now_ms()).await? {
            // Shown once, here only: whoever can read this console may become the first administrator.
            let facts = &running.state.facts;
            let scheme = if facts.tls { "https" } else { "http" };
            // Nobody can open 0.0.0.0, and a certificate is made out for a name.
            let host = if facts.tls || running.web.ip().is_unspecified() {
                format!("{}:{}", facts.public_host, running.web.port())
            } else {
                running.web.to_string()
            };
            eprintln!(
                "{} {scheme}://{host}/setup  {code}",
                say("首次运行，请打开页面并输入代码：", "first run: open this page and enter this code:"),
            );
        }
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        // A second signal does not wait for the disk.
        tokio::select! {
            () = running.stop() => Ok(ExitCode::SUCCESS),
            _ = terminate.recv() => Ok(ExitCode::FAILURE),
            _ = interrupt.recv() => Ok(ExitCode::FAILURE),
        }
    })
}
