//! Step 1: the archive is whole, and every leaf is there and hashes to the root that the checkpoint states.

use protocol::{
    Digest, Leaf,
    bundle::{self, Files, Manifest},
    note::Checkpoint,
    tree,
};

use crate::Finding;

/// A bundle taken apart, with its leaves.
pub(crate) struct Archive {
    pub(crate) files: Files,
    pub(crate) manifest: Manifest,
    pub(crate) checkpoint_note: String,
    pub(crate) leaves: Vec<Leaf>,
    /// Their hashes in the tree.
    pub(crate) hashes: Vec<Digest>,
}

pub(crate) fn open(bytes: &[u8], findings: &mut Vec<Finding>) -> Option<Archive> {
    let files = match bundle::read(bytes) {
        Ok(files) => files,
        Err(protocol::Error::TooLarge { what: bundle::UNPACKED, got, max }) => {
            let zh = format!("解包后至少 {got} 字节，超过此文件允许的 {max} 字节；为避免耗尽内存，未予打开");
            let en = format!(
                "it unpacks to {got} bytes or more, and {max} are allowed for a file of its length; not opened, so that it cannot exhaust the memory"
            );
            findings.push(Finding::refused("archive", "", zh, en));
            return None;
        }
        Err(e) => {
            let zh = format!("不是完整的佐证包，无法打开（{e}）。请重新获取文件");
            findings.push(Finding::refused(
                "archive",
                "",
                zh,
                format!("not a whole bundle ({e}); fetch the file again"),
            ));
            return None;
        }
    };
    let (manifest, wrong) = match bundle::check_manifest(&files) {
        Ok(checked) => checked,
        Err(e) => {
            let zh = format!("文件清单不可用（{e}）");
            findings.push(Finding::refused(
                "manifest",
                "manifest.json",
                zh,
                format!("the manifest cannot be used ({e})"),
            ));
            return None;
        }
    };
    for path in &wrong {
        let zh = "该文件与清单不符：缺失、多余或已被改动";
        findings.push(Finding::refused(
            "manifest",
            path,
            zh,
            "this file is missing, extra or other than the manifest says",
        ));
    }
    let Some(checkpoint_note) = files.get("checkpoint").and_then(|b| String::from_utf8(b.clone()).ok()) else {
        findings.push(Finding::refused("archive", "checkpoint", "缺少检查点", "the checkpoint is missing"));
        return None;
    };
    let checkpoint = match Checkpoint::read_unverified(&checkpoint_note) {
        Ok(checkpoint) => checkpoint,
        Err(e) => {
            findings.push(Finding::refused(
                "archive",
                "checkpoint",
                format!("检查点无法读取（{e}）"),
                format!("the checkpoint cannot be read ({e})"),
            ));
            return None;
        }
    };
    let (leaves, hashes) = read_leaves(&files, &checkpoint, findings)?;
    if checkpoint.origin != manifest.origin || checkpoint.size != manifest.size {
        let en = "the manifest names another log or size than the checkpoint";
        findings.push(Finding::refused("manifest", "manifest.json", "清单与检查点所指站点日志不一致", en));
    }
    Some(Archive { files, manifest, checkpoint_note, leaves, hashes })
}

fn read_leaves(
    files: &Files,
    checkpoint: &Checkpoint,
    findings: &mut Vec<Finding>,
) -> Option<(Vec<Leaf>, Vec<Digest>)> {
    let (mut leaves, mut hashes) = (Vec::new(), Vec::new());
    let mut root = tree::Tree::new();
    // The size is a stranger's claim; the number of files that exist bounds the work.
    if checkpoint.size.div_ceil(tree::TILE_WIDTH) > files.len() as u64 {
        let zh = format!("检查点记有 {} 条记录，包内不全", checkpoint.size);
        let en = format!("the checkpoint states {} leaves, and the bundle does not hold that many", checkpoint.size);
        findings.push(Finding::refused("tree", "tile/entries", zh, en));
        return None;
    }
    for (path, width) in tree::entries_paths(checkpoint.size) {
        let refuse = |zh: &str, en: &str| Finding::refused("tree", &path, zh, en);
        let Some(bytes) = files.get(&path) else {
            findings.push(refuse("站点日志条目文件缺失", "these leaves of the log are missing"));
            return None;
        };
        let entries = match tree::decode_entries(bytes) {
            Ok(entries) if entries.len() as u64 == width => entries,
            Ok(entries) => {
                let en = format!("{} leaves where {width} belong", entries.len());
                findings.push(refuse(&format!("应有 {width} 条，实有 {} 条", entries.len()), &en));
                return None;
            }
            Err(e) => {
                findings.push(refuse(&format!("无法读取（{e}）"), &format!("cannot be read ({e})")));
                return None;
            }
        };
        for entry in entries {
            let hash = tree::leaf_hash(entry);
            root.push(hash);
            hashes.push(hash);
            match Leaf::decode(entry) {
                Ok(leaf) => leaves.push(leaf),
                Err(e) => {
                    let place = format!("leaf {}", leaves.len());
                    findings.push(Finding::refused(
                        "tree",
                        place,
                        format!("条目无法读取（{e}）"),
                        format!("cannot be read ({e})"),
                    ));
                    return None;
                }
            }
        }
    }
    if root.root() != checkpoint.root {
        let zh = "站点日志条目与检查点的根摘要不符：至少一条被增加、删除或改动";
        let en = "the leaves do not hash to the checkpoint's root: at least one was added, removed or altered";
        findings.push(Finding::refused("tree", "checkpoint", zh, en));
    } else {
        let n = leaves.len();
        findings.push(Finding::ok(
            "tree",
            format!("站点日志共 {n} 条，完整"),
            format!("all {n} leaves of the log are present and whole"),
        ));
    }
    Some((leaves, hashes))
}
