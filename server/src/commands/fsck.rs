//! `fsck`: recomputes every site's log from its files, reads the journal, and names what is damaged. Changes nothing.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use protocol::SiteId;
use server::ingest::journal::Journal;
use server::keys::Keys;
use server::sitelog::{folders, fsck_folder};
use server::storage::Disk;

use super::{load, say};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Only these sites; all by default.
    sites: Vec<SiteId>,
}

pub(crate) fn run(config: &Path, arguments: &Arguments) -> Result<ExitCode> {
    let config = load(config)?;
    let name = config.data_dir.display();
    let disk = Disk::existing(&config.data_dir).with_context(|| {
        say(
            &format!("数据目录 {name} 打不开，请检查配置中的 data_dir"),
            &format!("data directory {name}: check `data_dir` in the configuration"),
        )
    })?;
    let Some(key) = Keys::read_log(&config.data_dir.join("keys"))? else {
        bail!(say(
            &format!("{name}/keys/log.key 不存在：这里没有服务器的数据。请检查 data_dir，或从备份恢复密钥目录"),
            &format!(
                "{name}/keys/log.key is not there: no server keeps its data here. Check `data_dir`, or restore the keys folder from your backup"
            )
        ));
    };
    let held = folders(&disk)?;
    super::known(&held, &arguments.sites)?;
    if held.is_empty() {
        println!("{}", say("还没有站点", "there is no site yet"));
    }
    let journal = Journal::inspect(&disk)?;
    for (file, from, whole) in &journal.damaged {
        println!(
            "{file}: {} {from}; {whole} {}",
            say("有损坏，始于字节", "DAMAGED from byte"),
            say("条记录在其后完好", "entries whole behind it")
        );
    }
    for file in &journal.set_aside {
        println!("{file}: {}", say("损坏的接收日志分段，已另存", "a damaged journal segment, set aside"));
    }
    let mut damaged = !journal.damaged.is_empty();
    for (site, fsck) in fsck_folder(&disk, &key, &arguments.sites)? {
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
