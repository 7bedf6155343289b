//! `fsck`: recomputes every site's log from its files, reads the journal, and names what is damaged. Changes nothing.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Result;
use protocol::SiteId;
use server::ingest::journal::Journal;
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
    let journal = Journal::inspect(&*disk)?;
    for (file, from, whole) in &journal.damaged {
        println!(
            "{file}: {} {from}; {whole} {}",
            say("有损坏，始于字节", "DAMAGED from byte"),
            say("条记录在其后完好", "entries whole behind it")
        );
    }
    for file in &journal.set_aside {
        println!("{file}: {}", say("损坏的日志分段，已另存", "a damaged journal segment, set aside"));
    }
    let mut damaged = !journal.damaged.is_empty();
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
