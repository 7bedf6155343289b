//! `fsck`: recomputes every site's log from its files and names what is damaged. Changes nothing.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Result;
use protocol::SiteId;
use server::keys::Keys;
use server::sitelog::fsck_folder;
use server::storage::Disk;

use super::{load, say};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Only these sites; all by default.
    sites: Vec<SiteId>,
}

pub(crate) fn run(config: &Path, arguments: &Arguments) -> Result<ExitCode> {
    let config = load(config)?;
    let keys = Keys::open(&config.data_dir.join("keys"), &config.public_host)?;
    let disk = Arc::new(Disk::open(&config.data_dir)?);
    let mut damaged = false;
    for (site, fsck) in fsck_folder(&*disk, keys.log(), &arguments.sites)? {
        for damage in &fsck.damage {
            println!("{site}: {damage}");
        }
        damaged |= !fsck.damage.is_empty();
        let verdict = if fsck.damage.is_empty() { say("完好", "sound") } else { say("有损坏", "DAMAGED") };
        println!(
            "{site}: {verdict}; {} {}, {} {}, {} {}, {} {}",
            fsck.leaves,
            say("条记录", "leaves"),
            fsck.contents,
            say("份内容", "contents"),
            fsck.withheld,
            say("份未保留", "withheld"),
            say("根", "root"),
            fsck.root
        );
    }
    Ok(if damaged { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
