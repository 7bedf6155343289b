//! `gongzheng-agent carry`: what the network would carry, on a stick. The running agent gives and takes ([`crate::carry`]); this command
//! holds the stick.
//!
//! Constraints
//! 1. A file gets its name only when it is whole and synced; what a pulled stick leaves is a `.part`, of which the server takes the whole records.
//! 2. Nothing is deleted, here or there. Exporting again begins again with what is not receipted, under the same names.
//! 3. Every way a stick fails is told with what is safe: nothing at the gateway is lost, the files that have their names are whole.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use clap::Subcommand;
use protocol::carry::{Cargo, End, PART, Piece, RECEIPTS, RECORDS, Reader, Writer};

use super::Told;
use crate::carry::{Door, Outcome, Sheet};
use crate::config::Config;
use crate::identity::Enrolment;
use crate::locale::{Lang, Words, words};

/// Most messages read from one file; the server writes one receipt and a refusal for each file of records.
const MESSAGES_MAX: usize = 10_000;

/// Subcommands of `carry`.
#[derive(Debug, Subcommand)]
pub enum Options {
    /// 把尚未回执的记录写到这个目录（U 盘）；网关照常运行，本机不删除任何数据 / write every record not yet receipted to this folder (a stick);
    /// the agent goes on running and deletes nothing
    Export {
        /// 目录 / folder
        folder: PathBuf,
    },
    /// 读入服务器写好的回执；核对签名后，本机才会清除服务器已存的记录 / read the receipts the server wrote; only after their
    /// signatures are checked may this gateway let go of what the server holds
    Receipts {
        /// 目录或文件 / folder or file
        path: PathBuf,
    },
}

/// Runs the subcommand.
///
/// # Errors
/// Words for the person with the stick.
pub async fn run(config: &Config, options: &Options, lang: Lang) -> anyhow::Result<()> {
    match options {
        Options::Export { folder } => export(&config.gateway.state_dir, folder, lang).await?,
        Options::Receipts { path } => receipts(&config.gateway.state_dir, path, lang).await?,
    }
    Ok(())
}

async fn export(state_dir: &Path, folder: &Path, lang: Lang) -> Result<(), Told> {
    if !folder.is_dir() {
        let shown = folder.display();
        return Err(Told(words!(
            "没有目录 {shown}：请检查 U 盘是否插好并已挂载（lsblk 可以看到挂载点）",
            "there is no folder {shown}: check that the stick is in and mounted (lsblk shows where)"
        )));
    }
    let (mut from, mut files, mut records) = (0, 0_u64, 0_u64);
    loop {
        let mut door = open(state_dir).await?;
        let sheet = door.export(from).await.map_err(stopped)?;
        let waiting = sheet.waiting;
        if sheet.head.is_none() {
            break;
        }
        let written = write(&mut door, &sheet, folder).await.map_err(|failed| match failed {
            Failed::Agent(error) => stopped(error),
            Failed::Stick(error) => Told(stick(&error, folder, files, records, waiting)),
        })?;
        println!("{}", written.display());
        (from, files, records) = (sheet.to, files + 1, records + (sheet.to - sheet.position));
        // What is sealed meanwhile is the next stick's.
        if sheet.to - sheet.position == waiting {
            break;
        }
    }
    let told = if files == 0 {
        words!(
            "没有待导出的记录：服务器已回执全部记录，或网关刚启动还没有封存",
            "nothing to export: the server has receipted every record, or the agent has just started and sealed none yet"
        )
    } else {
        words!(
            "已导出 {records} 条记录，共 {files} 个文件，可以安全拔出。在服务器上运行 gongzheng-server admin carry import，再把回执带回来。本机没有删除任何数据",
            "{records} records are exported in {files} file(s); the stick may be removed. Run `gongzheng-server admin carry import` at the server and bring the receipts back. Nothing was deleted here"
        )
    };
    eprintln!("{}", told.get(lang));
    Ok(())
}

/// Whose fault it was.
enum Failed {
    Agent(io::Error),
    Stick(io::Error),
}

async fn write(door: &mut Door, sheet: &Sheet, folder: &Path) -> Result<PathBuf, Failed> {
    let Some(head) = &sheet.head else { return Err(Failed::Agent(io::ErrorKind::InvalidData.into())) };
    let path = folder.join(format!("{}.{:016}.{RECORDS}", head.stem(), sheet.position));
    let part = path.with_added_extension(PART);
    // Never through what lies there: a stick may hold a link to a file of this machine, and this runs with sudo.
    let _ = std::fs::remove_file(&part);
    let file = File::create_new(&part).map_err(Failed::Stick)?;
    let mut writer = Writer::new(BufWriter::new(file), head).map_err(Failed::Stick)?;
    while let Some(record) = door.record().await.map_err(Failed::Agent)? {
        writer.message(&record).map_err(Failed::Stick)?;
    }
    let name = || {
        let mut inner = writer.finish()?;
        inner.flush()?;
        inner.get_ref().sync_all()?;
        std::fs::rename(&part, &path)?;
        File::open(folder)?.sync_all()
    };
    name().map_err(Failed::Stick)?;
    Ok(path)
}

async fn receipts(state_dir: &Path, path: &Path, lang: Lang) -> Result<(), Told> {
    let enrolled = Enrolment::load(state_dir).ok().flatten();
    let shown = path.display();
    let Found { ours, others, messages, words } = collect(path, enrolled.as_ref()).map_err(|error| {
        Told(words!(
            "读不了 {shown}：{error}。请检查 U 盘是否插好，再执行一次；本机什么也没有清除",
            "cannot read {shown}: {error}. Check that the stick is in and run this again; nothing was let go here"
        ))
    })?;
    words.iter().for_each(|told| eprintln!("{}", told.get(lang)));
    if ours == 0 {
        return Err(Told(words!(
            "{shown} 里没有本网关的 *.{RECEIPTS} 文件（别的网关的有 {others} 个）。先在服务器上运行 gongzheng-server admin carry import",
            "there is no *.{RECEIPTS} file of this gateway in {shown} ({others} of others). Run `gongzheng-server admin carry import` at the server first"
        )));
    }
    let outcome = open(state_dir).await?.receipts(&messages).await.map_err(stopped)?;
    println!("{}", told(&outcome).get(lang));
    Ok(())
}

/// What a stick holds of receipts.
#[derive(Debug, Default)]
struct Found {
    /// Files of this gateway.
    ours: u64,
    /// Of others.
    others: u64,
    messages: Vec<Vec<u8>>,
    /// What is not as it should be.
    words: Vec<Words>,
}

/// Reads every message before one is used: of a stick that cannot be read nothing is.
fn collect(path: &Path, own: Option<&Enrolment>) -> io::Result<Found> {
    let mut found = Found::default();
    for file in files(path)? {
        let opened = Reader::open(BufReader::new(File::open(&file)?))?;
        let shown = file.display();
        let Ok(Some(mut reader)) = opened else {
            found.words.push(words!(
                "{shown} 不是回执文件，或在开头就中断了，已跳过。请在服务器上重新导入，它会再写一次",
                "{shown} is no file of receipts, or is cut off at its beginning; it was skipped. Import at the server again, it writes another"
            ));
            continue;
        };
        let head = reader.head();
        let is_ours = own.is_none_or(|own| own.site == head.site && own.gateway == head.gateway);
        if head.cargo != (Cargo::Receipts {}) || !is_ours {
            found.others += 1;
            continue;
        }
        found.ours += 1;
        let end = loop {
            match reader.next_piece()? {
                Piece::Message(message) if found.messages.len() < MESSAGES_MAX => found.messages.push(message),
                Piece::Message(_) => break End::Whole,
                Piece::End(end) => break end,
            }
        };
        if end != End::Whole {
            found.words.push(words!(
                "{shown} 不完整或已损坏：其中完整的回执照样核对使用。若仍有记录在等，请在服务器上重新导入",
                "{shown} is cut off or damaged: whole receipts in it are checked and used all the same. If records still wait, import at the server again"
            ));
        }
    }
    Ok(found)
}

fn told(outcome: &Outcome) -> Words {
    let Outcome { receipted, waiting, words } = outcome;
    let mut told = words!(
        "{receipted} 条记录已由回执确认，还有 {waiting} 条在等回执",
        "{receipted} records are confirmed by receipts; {waiting} wait for theirs"
    );
    for [zh, en] in words {
        told.zh = format!("{}\n{zh}", told.zh);
        told.en = format!("{}\n{en}", told.en);
    }
    told
}

/// The file itself, or a folder's files of receipts.
fn files(path: &Path) -> io::Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return path.metadata().map(|_| vec![path.to_owned()]);
    }
    let files = path.read_dir()?.map(|entry| entry.map(|entry| entry.path())).collect::<io::Result<Vec<_>>>()?;
    let mut files: Vec<_> = files.into_iter().filter(|f| f.extension().is_some_and(|e| e == RECEIPTS)).collect();
    files.sort();
    Ok(files)
}

async fn open(state_dir: &Path) -> Result<Door, Told> {
    Door::open(state_dir).await.map_err(|error| {
        Told(match error.kind() {
            io::ErrorKind::PermissionDenied => words!(
                "没有权限：请用 sudo 运行本命令",
                "no permission: run this command with sudo"
            ),
            _ => words!(
                "网关程序没有在运行（{error}）。用 `sudo systemctl start gongzheng-agent` 启动后再试：导出时网关照常采集，不需要停",
                "the agent is not running ({error}). Start it with `sudo systemctl start gongzheng-agent` and try again: it goes on reading meanwhile, there is no need to stop it"
            ),
        })
    })
}

fn stopped(error: io::Error) -> Told {
    Told(words!(
        "网关程序中途停止，或它的磁盘出错（{error}）。没有丢失任何数据：待它运行后重新执行；`gongzheng-agent doctor` 会检查磁盘",
        "the agent stopped meanwhile, or its disk failed ({error}). Nothing is lost: run this again once it runs; `gongzheng-agent doctor` looks at the disk"
    ))
}

/// What became of the stick, what is safe, and what to do.
fn stick(error: &io::Error, folder: &Path, files: u64, records: u64, waiting: u64) -> Words {
    let shown = folder.display();
    let what = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            words!("U 盘已满：请换一个，或腾出空间", "the stick is full: take another one, or make room")
        }
        io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => words!(
            "U 盘不可写：请检查写保护开关，或用 sudo 运行",
            "the stick cannot be written to: look for its write-protect switch, or run this with sudo"
        ),
        _ => words!(
            "写 U 盘失败，可能中途被拔出：请重新插好，或换一个",
            "writing to the stick failed, perhaps it was pulled out: put it back, or take another one"
        ),
    };
    let (zh, en) = (what.zh, what.en);
    words!(
        "{shown}：{zh}（{error}）。网关上什么也没有丢失；已写完的 {files} 个文件（{records} 条记录）完整可用，其余 {waiting} 条仍在本机。再次运行即重新导出",
        "{shown}: {en} ({error}). Nothing is lost at the gateway; the {files} file(s) written so far ({records} records) are whole, the other {waiting} are still here. Run it again to export again"
    )
}

#[cfg(test)]
mod tests;
