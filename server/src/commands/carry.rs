//! `admin carry import`: a stick from gateways without a network. The server reads the files; this writes the receipts beside them.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use data_encoding::BASE64;
use protocol::carry::{Head, PART, RECEIPTS, RECORDS, Writer};
use server::admin::carry::Answered;
use server::admin::{Request, perform};

use super::{block_on, chinese, load, say};

pub(super) fn import(config: &Path, path: &Path) -> Result<ExitCode> {
    let config = load(config)?;
    // The running server reads them, and it stands in another folder.
    let path = std::path::absolute(path)?;
    let files = files(&path).with_context(|| {
        say(
            &format!("读不了 {}：请检查存储盘是否插好、路径是否正确", path.display()),
            &format!("cannot read {}: check that the stick is in and the path is right", path.display()),
        )
    })?;
    if files.is_empty() {
        bail!(say(
            &format!("{} 里没有 *.{RECORDS} 文件：请先在网关上运行 gongzheng-agent carry export", path.display()),
            &format!(
                "there is no *.{RECORDS} file in {}: run `gongzheng-agent carry export` at the gateway first",
                path.display()
            )
        ));
    }
    let mut whole = true;
    let mut answers: BTreeMap<String, Answered> = BTreeMap::new();
    for file in files {
        eprintln!("{}", file.display());
        let answered = block_on(async { perform(&config, Request::Carried { file }).await });
        let reply = match answered {
            Ok(reply) => reply,
            Err(error) => {
                eprintln!("  {} {error:#}", say("错误：", "error:"));
                whole = false;
                continue;
            }
        };
        let words = if chinese() { reply.zh } else { reply.en };
        eprintln!("  {}", words.replace('\n', "\n  "));
        let mut answered: Answered = serde_json::from_str(&reply.data)?;
        whole &= answered.whole;
        if let Some(mut before) = answers.remove(&answered.head.stem()) {
            // The newest receipt says what those before it said.
            before.messages.pop();
            answered.messages.splice(0..0, before.messages);
        }
        answers.insert(answered.head.stem(), answered);
    }
    let folder = if path.is_dir() { path.as_path() } else { path.parent().unwrap_or(&path) };
    for answered in answers.values() {
        let name = folder.join(format!("{}.{RECEIPTS}", answered.head.stem()));
        write(&name, &answered.head, &answered.messages).with_context(|| {
            let [zh, en] = unwritten(&name);
            say(&zh, &en)
        })?;
        println!("{}", name.display());
    }
    if !answers.is_empty() {
        eprintln!(
            "{}",
            say(
                "回执已写好。带回网关，运行 gongzheng-agent carry receipts，网关核对签名后才会清除已入账的记录",
                "The receipts are written. Take them to the gateway and run `gongzheng-agent carry receipts`: it checks them before it lets anything go"
            )
        );
    }
    Ok(if whole { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The file itself, or a folder's files of records in order; one that was cut off when a stick was pulled out counts too.
fn files(path: &Path) -> io::Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return path.metadata().map(|_| vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in path.read_dir()? {
        let file = entry?.path();
        let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let name = name.strip_suffix(&format!(".{PART}")).unwrap_or(name);
        if name.ends_with(&format!(".{RECORDS}")) {
            files.push(file);
        }
    }
    files.sort();
    Ok(files)
}

fn unwritten(name: &Path) -> [String; 2] {
    let name = name.display();
    [
        format!("已接收的记录都在，但回执写不进 {name}：请检查存储盘，再导入一次（重复导入没有影响）"),
        format!(
            "what was taken stays, but the receipts cannot be written to {name}: check the stick and import once more, which does no harm"
        ),
    ]
}

/// Under its name only when it is whole and synced.
fn write(path: &Path, head: &Head, messages: &[String]) -> Result<()> {
    let part = path.with_added_extension(PART);
    let mut writer = Writer::new(Vec::new(), head)?;
    for message in messages {
        writer.message(&BASE64.decode(message.as_bytes())?)?;
    }
    // Never through what lies there: a stick may hold a link to a file of this machine.
    let _ = std::fs::remove_file(&part);
    let mut file = File::create_new(&part)?;
    file.write_all(&writer.finish()?)?;
    file.sync_all()?;
    std::fs::rename(&part, path)?;
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use protocol::carry::{Cargo, End, Piece, Reader};

    use super::*;

    #[test]
    fn a_stick_pulled_out_under_the_receipts_is_told_and_what_lay_there_is_whole() {
        let place = tempfile::tempdir().expect("folder");
        let usb = place.path().join("usb");
        std::fs::create_dir(&usb).expect("a stick");
        let (site, gateway) = ("site-1".parse().expect("id"), "gw-1".parse().expect("id"));
        let head = Head { site, gateway, cargo: Cargo::Receipts {} };
        let file = usb.join("gongzheng.site-1.gw-1.receipts");
        let read = || {
            let mut reader =
                Reader::open(File::open(&file).expect("there")).expect("read").expect("ours").expect("whole");
            [reader.next_piece().expect("read"), reader.next_piece().expect("read")]
        };
        write(&file, &head, &[BASE64.encode(b"first")]).expect("written");
        std::fs::rename(&usb, place.path().join("drawer")).expect("pulled out");
        write(&file, &head, &[BASE64.encode(b"second")]).expect_err("no stick");
        let [zh, en] = unwritten(&file);
        assert!(zh.contains("已接收的记录都在，但回执写不进") && zh.contains("再导入一次（重复导入没有影响）"), "{zh}");
        assert!(en.contains("what was taken stays, but the receipts cannot be written to"), "{en}");
        std::fs::rename(place.path().join("drawer"), &usb).expect("put back");
        assert_eq!(read(), [Piece::Message(b"first".to_vec()), Piece::End(End::Whole)]);
        // Half of the next one lies there, or a stranger's link.
        std::os::unix::fs::symlink(place.path().join("precious"), file.with_added_extension(PART)).expect("a link");
        write(&file, &head, &[BASE64.encode(b"second")]).expect("written");
        assert_eq!(read(), [Piece::Message(b"second".to_vec()), Piece::End(End::Whole)]);
        assert!(!place.path().join("precious").exists());
    }
}
