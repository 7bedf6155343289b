//! `report`: issue a report and print where its bundle is.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;
use protocol::SiteId;
use server::admin::Request;
use server::reporting::Wanted;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The site.
    #[arg(long)]
    site: SiteId,
    /// A declared plan: compares its baseline with its reporting period.
    #[arg(long, conflicts_with_all = ["from", "to"], required_unless_present = "from")]
    plan: Option<String>,
    /// First production date, without a plan.
    #[arg(long, requires = "to")]
    from: Option<String>,
    /// Last production date, without a plan.
    #[arg(long, requires = "from")]
    to: Option<String>,
}

pub(crate) fn run(config: &Path, arguments: Arguments) -> Result<ExitCode> {
    let Arguments { site, plan, from, to } = arguments;
    super::admin::send(config, Request::Report { site, wanted: Wanted { plan, from, to } })
}
