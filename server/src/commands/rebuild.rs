//! `rebuild`: throws derived data away; the server computes it again from the logs at its next start.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;
use protocol::SiteId;
use server::run::Evidence;
use server::state::Clock;

use super::{block_on, load, say};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Only these sites; all by default.
    sites: Vec<SiteId>,
}

pub(crate) fn run(config: &Path, arguments: &Arguments) -> Result<ExitCode> {
    let config = load(config)?;
    block_on(async {
        let evidence = Evidence::open(&config, &Clock::system()).await?;
        let sites = if arguments.sites.is_empty() { evidence.logs.sites() } else { arguments.sites.clone() };
        for site in sites {
            evidence.store.clear_derived(site.as_str()).await?;
            println!("{site}: {}", say("派生数据已清除，启动服务后自动重算", "derived data cleared; the server computes it again when it starts"));
        }
        evidence.close().await;
        Ok(ExitCode::SUCCESS)
    })
}
