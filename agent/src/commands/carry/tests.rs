//! What the person with the stick reads, and what is left on it.

use protocol::ChainId;
use protocol::carry::Head;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::carry;
use crate::uplink::carried::{Asked, Plan};

fn head(first: u64, last: u64) -> Head {
    let cargo = Cargo::Records { chain: ChainId([7; 16]), first, last };
    Head { site: "site-1".parse().expect("a name"), gateway: "gw-1".parse().expect("a name"), cargo }
}

/// An agent with 10 records, of which the disk gives the first `readable`; a file holds 4.
fn agent(state_dir: &Path, readable: u64) -> CancellationToken {
    watched(state_dir, readable, |_| ())
}

/// The same; `load` is told of every record before it is given.
fn watched(state_dir: &Path, readable: u64, load: impl Fn(u64) + Send + 'static) -> CancellationToken {
    let (sender, mut asked) = mpsc::channel(1);
    let stop = CancellationToken::new();
    tokio::spawn(carry::serve(carry::listen(state_dir).expect("a socket"), sender, stop.clone()));
    tokio::spawn(async move {
        while let Some(asked) = asked.recv().await {
            match asked {
                Asked::Plan { from, reply } => {
                    let to = (from + 4).min(10);
                    let head = (from < 10).then(|| head(from, to - 1));
                    drop(reply.send(Plan { position: from, to, head, waiting: 10 - from }));
                }
                Asked::Load { position, reply, .. } => {
                    load(position);
                    drop(reply.send((position < readable).then(|| (position + 1, vec![position as u8 + 1; 3]))));
                }
                Asked::Message { reply, .. } => drop(reply.send(Default::default())),
            }
        }
    });
    stop
}

fn names(folder: &Path) -> Vec<String> {
    let names =
        folder.read_dir().expect("a folder").map(|e| e.expect("entry").file_name().into_string().expect("text"));
    let mut names: Vec<_> = names.collect();
    names.sort();
    names
}

#[tokio::test]
async fn everything_that_waits_goes_into_numbered_files_that_are_whole() {
    let (state, usb) = (tempfile::tempdir().expect("folder"), tempfile::tempdir().expect("folder"));
    let _stop = agent(state.path(), 10);
    for _again in 0..2 {
        export(state.path(), usb.path(), Lang::En).await.expect("exported");
        let wanted: Vec<_> = [0, 4, 8].map(|n| format!("gongzheng.site-1.gw-1.{n:016}.records")).into();
        assert_eq!(names(usb.path()), wanted);
    }
    let mut records = Vec::new();
    for (name, (first, last)) in names(usb.path()).iter().zip([(0, 3), (4, 7), (8, 9)]) {
        let file = File::open(usb.path().join(name)).expect("file");
        let mut reader = Reader::open(file).expect("read").expect("ours").expect("whole");
        assert_eq!(*reader.head(), head(first, last));
        loop {
            match reader.next_piece().expect("read") {
                Piece::Message(record) => records.push(record),
                Piece::End(end) => break assert_eq!(end, End::Whole),
            }
        }
    }
    let wanted: Vec<Vec<u8>> = (0..10).map(|n| vec![n + 1; 3]).collect();
    assert_eq!(records, wanted);
}

#[tokio::test]
async fn a_link_on_the_stick_leads_to_no_file_of_this_machine() {
    let (state, usb) = (tempfile::tempdir().expect("folder"), tempfile::tempdir().expect("folder"));
    let _stop = agent(state.path(), 10);
    let precious = state.path().join("precious");
    std::fs::write(&precious, "kept").expect("written");
    let name = "gongzheng.site-1.gw-1.0000000000000000.records";
    for name in [name.to_owned(), format!("{name}.part")] {
        std::os::unix::fs::symlink(&precious, usb.path().join(name)).expect("a link");
    }
    export(state.path(), usb.path(), Lang::En).await.expect("exported");
    assert_eq!(std::fs::read_to_string(&precious).expect("there"), "kept");
    assert!(usb.path().join(name).symlink_metadata().expect("there").is_file());
}

#[tokio::test]
async fn an_agent_whose_disk_fails_leaves_no_file_that_looks_whole() {
    let (state, usb) = (tempfile::tempdir().expect("folder"), tempfile::tempdir().expect("folder"));
    let _stop = agent(state.path(), 6);
    let Told(words) = export(state.path(), usb.path(), Lang::En).await.expect_err("its disk fails");
    assert!(words.zh.contains("网关程序中途停止，或它的磁盘出错"), "{words:?}");
    assert!(words.en.contains("the agent stopped meanwhile, or its disk failed"), "{words:?}");
    let whole: Vec<_> = names(usb.path()).into_iter().filter(|name| name.ends_with(".records")).collect();
    assert_eq!(whole, ["gongzheng.site-1.gw-1.0000000000000000.records"]);
}

#[tokio::test]
async fn no_agent_and_no_stick_are_told_with_what_to_do() {
    let (state, usb) = (tempfile::tempdir().expect("folder"), tempfile::tempdir().expect("folder"));
    let Told(words) = export(state.path(), usb.path(), Lang::En).await.expect_err("nobody runs");
    assert!(words.zh.contains("网关程序没有在运行"), "{words:?}");
    assert!(words.en.contains("the agent is not running"), "{words:?}");
    let gone = usb.path().join("gone");
    let Told(words) = export(state.path(), &gone, Lang::En).await.expect_err("no folder");
    assert!(words.zh.contains("请检查 U 盘是否插好并已挂载"), "{words:?}");
    assert!(words.en.contains("check that the stick is in and mounted"), "{words:?}");
    let Told(words) = receipts(state.path(), usb.path(), Lang::En).await.expect_err("nothing there");
    assert!(words.zh.contains("里没有本网关的 *.receipts 文件"), "{words:?}");
    assert!(words.en.contains("file of this gateway in"), "{words:?}");
}

#[tokio::test]
async fn a_stick_pulled_out_half_way_costs_nothing_but_another_export() {
    let (state, place) = (tempfile::tempdir().expect("folder"), tempfile::tempdir().expect("folder"));
    let usb = place.path().join("usb");
    std::fs::create_dir(&usb).expect("a stick");
    let (pulled, drawer, once) = (usb.clone(), place.path().join("drawer"), std::sync::Once::new());
    let pull = move |position| {
        if position == 6 {
            once.call_once(|| std::fs::rename(&pulled, &drawer).expect("pulled out"));
        }
    };
    let _stop = watched(state.path(), 10, pull);
    let Told(words) = export(state.path(), &usb, Lang::En).await.expect_err("pulled out");
    assert!(words.zh.contains("写 U 盘失败，可能中途被拔出"), "{words:?}");
    assert!(words.en.contains("writing to the stick failed, perhaps it was pulled out"), "{words:?}");
    assert!(words.en.contains("the 1 file(s) written so far (4 records) are whole, the other 6 are still here"));
    let left = names(&place.path().join("drawer"));
    let whole: Vec<_> = left.iter().filter(|name| name.ends_with(".records")).collect();
    assert_eq!(
        whole,
        ["gongzheng.site-1.gw-1.0000000000000000.records"],
        "no file that looks whole and is not: {left:?}"
    );

    std::fs::rename(place.path().join("drawer"), &usb).expect("put back");
    export(state.path(), &usb, Lang::En).await.expect("exported");
    let wanted: Vec<_> = [0, 4, 8].map(|n| format!("gongzheng.site-1.gw-1.{n:016}.records")).into();
    assert_eq!(names(&usb), wanted);
}

#[test]
fn receipts_that_were_cut_off_or_cannot_be_read_let_nothing_go_that_is_not_proven() {
    let usb = tempfile::tempdir().expect("folder");
    let head = Head { cargo: Cargo::Receipts {}, ..head(0, 0) };
    let mut writer = Writer::new(Vec::new(), &head).expect("memory");
    for message in [[1; 40], [2; 40]] {
        writer.message(&message).expect("memory");
    }
    let whole = writer.finish().expect("memory");
    let file = usb.path().join("gongzheng.site-1.gw-1.receipts");
    let found = |bytes: &[u8]| {
        std::fs::write(&file, bytes).expect("written");
        collect(usb.path(), None).expect("read")
    };
    let all = found(&whole);
    assert_eq!((all.ours, all.messages.len(), all.words.len()), (1, 2, 0), "{all:?}");
    let cut = found(&whole[..whole.len() - 50]);
    assert_eq!((cut.ours, &cut.messages), (1, &vec![vec![1; 40]]), "{cut:?}");
    assert!(cut.words[0].zh.contains("不完整或已损坏：其中完整的回执照样核对使用"), "{cut:?}");
    assert!(cut.words[0].en.contains("is cut off or damaged: whole receipts in it are checked"), "{cut:?}");
    let begun = found(&whole[..5]);
    assert_eq!((begun.ours, begun.messages.len()), (0, 0), "{begun:?}");
    assert!(begun.words[0].zh.contains("不是回执文件，或在开头就中断了，已跳过"), "{begun:?}");
    assert!(begun.words[0].en.contains("or is cut off at its beginning; it was skipped"), "{begun:?}");
}

#[tokio::test]
async fn a_stick_of_receipts_that_is_not_there_is_told_with_what_is_safe() {
    let (state, usb) = (tempfile::tempdir().expect("folder"), tempfile::tempdir().expect("folder"));
    let gone = usb.path().join("gone");
    let Told(words) = receipts(state.path(), &gone, Lang::En).await.expect_err("pulled out");
    assert!(words.zh.contains("请检查 U 盘是否插好，再执行一次；本机什么也没有清除"), "{words:?}");
    assert!(words.en.contains("Check that the stick is in and run this again; nothing was let go here"), "{words:?}");
}

#[test]
fn a_stick_that_is_full_read_only_or_pulled_out_is_told_with_what_is_safe() {
    for (kind, zh, en) in [
        (
            io::ErrorKind::StorageFull,
            "U 盘已满：请换一个，或腾出空间",
            "the stick is full: take another one, or make room",
        ),
        (io::ErrorKind::FileTooLarge, "U 盘已满", "the stick is full"),
        (
            io::ErrorKind::ReadOnlyFilesystem,
            "U 盘不可写：请检查写保护开关",
            "the stick cannot be written to: look for its write-protect switch",
        ),
        (io::ErrorKind::Other, "写 U 盘失败，可能中途被拔出", "writing to the stick failed, perhaps it was pulled out"),
    ] {
        let words = stick(&kind.into(), Path::new("/mnt/usb"), 2, 8192, 100);
        assert!(words.zh.contains(zh) && words.en.contains(en), "{words:?}");
        assert!(words.zh.contains("网关上什么也没有丢失；已写完的 2 个文件（8192 条记录）完整可用"), "{words:?}");
        assert!(
            words.en.contains("Nothing is lost at the gateway; the 2 file(s) written so far (8192 records) are whole"),
            "{words:?}"
        );
    }
}
