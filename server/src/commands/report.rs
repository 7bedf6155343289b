//! `report`: issue a report and print where its bundle is; on request also write its documents into a folder.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use protocol::SiteId;
use server::admin::Request;
use server::reporting::Wanted;
use server::web::verdict;

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
    /// Also write the report as documents (PDF and XLSX, two languages) into this folder.
    #[arg(long)]
    documents: Option<PathBuf>,
}

pub(crate) fn run(config: &Path, arguments: Arguments) -> Result<ExitCode> {
    let Arguments { site, plan, from, to, documents } = arguments;
    let bundle = super::admin::answered(config, Request::Report { site, wanted: Wanted { plan, from, to } })?;
    if let Some(folder) = documents {
        std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
        for name in document::NAMES {
            // The bundle was written a moment ago by the server of this machine.
            let bytes = verdict::file_of(Path::new(&bundle), name).with_context(|| format!("{bundle}: {name}"))?;
            let path = folder.join(name);
            std::fs::write(&path, bytes).with_context(|| path.display().to_string())?;
            println!("{}", path.display());
        }
    }
    Ok(ExitCode::SUCCESS)
}
