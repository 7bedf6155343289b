//! `rebuild`: throws derived data away and computes it again from the logs.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;
use protocol::SiteId;
use server::run::Evidence;
use server::state::Clock;

use super::{block_on, known, load, say};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Only these sites; all by default.
    sites: Vec<SiteId>,
}

pub(crate) fn run(config: &Path, arguments: &Arguments) -> Result<ExitCode> {
    let config = load(config)?;
    block_on(async {
        let clock = Clock::system();
        let evidence = Evidence::open(&config, &clock).await?;
        if let Err(error) = rebuildable(&evidence, &arguments.sites) {
            evidence.close().await;
            return Err(error);
        }
        let sites = if arguments.sites.is_empty() { evidence.logs.sites() } else { arguments.sites.clone() };
        for site in sites {
            server::projection::rebuild(&evidence.store, &evidence.logs, &clock, &config.data_dir, Some(&site)).await?;
            println!("{site}: {}", say("派生数据已由站点日志重新计算", "derived data computed again from the log"));
        }
        evidence.close().await;
        Ok(ExitCode::SUCCESS)
    })
}

/// Before anything is thrown away: every site named is there, and its log can be read.
fn rebuildable(evidence: &Evidence, wanted: &[SiteId]) -> Result<()> {
    let closed = evidence.logs.closed();
    let held: Vec<SiteId> = evidence.logs.sites().into_iter().chain(closed.keys().cloned()).collect();
    known(&held, wanted)?;
    match wanted.iter().find_map(|site| evidence.logs.why_closed(site)) {
        Some(why) => Err(why.into()),
        None => Ok(()),
    }
}
