//! Step 1: the archive is whole, and every leaf is there and hashes to the root that the checkpoint states.
//!
//! Constraints
//! 1. The bundle is read where it lies: no step holds more than an index of its files and a few entry bundles. What a step
//!    needs again it reads again, and a file that changed in between is noticed.
//! 2. Everything in it is read and hashed once here, so that no later step meets a file that cannot be unpacked.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use protocol::{
    Digest,
    bundle::{self, Archive, Manifest, ManifestFile, Source},
    note::Checkpoint,
};

use crate::finding::FINDINGS_MAX;
use crate::kept::epoch_of;
use crate::leaves::Leaves;
use crate::{Finding, Progress, Settings, leaves, parallel};

/// Contents hashed in one piece of work.
const PIECE: usize = 256;

/// A bundle opened, with an index of its leaves.
pub(crate) struct Bundle<'s> {
    pub(crate) archive: Archive<'s>,
    pub(crate) manifest: Manifest,
    pub(crate) checkpoint_note: String,
    pub(crate) leaves: Leaves,
}

pub(crate) fn open<'s>(
    source: &'s dyn Source,
    settings: &Settings<'_>,
    findings: &mut Vec<Finding>,
) -> Option<Bundle<'s>> {
    let opened = Archive::open(source).and_then(|archive| {
        let (hash, state) = (|| Hashed::of(&archive, settings), || Stated::read(&archive));
        let (hashed, stated) = parallel::both(settings.threads, hash, state);
        Ok((hashed?, stated, archive))
    });
    let (hashed, stated, archive) = match opened {
        Ok(opened) => opened,
        Err(e) => {
            findings.push(not_opened(&e));
            return None;
        }
    };
    let (manifest, wrong) = match stated {
        Ok(stated) => {
            findings.extend(stated.too_many(&archive));
            stated.compare(&archive, &hashed)
        }
        Err(e) => {
            let (zh, en) = match &e {
                protocol::Error::Unreadable { .. } => {
                    findings.push(not_opened(&e));
                    return None;
                }
                protocol::Error::UnknownVersion { got, known, .. } => (
                    format!("佐证包格式为第 {got} 版，本程序只认识第 {known} 版；请使用新版核验程序"),
                    format!(
                        "the bundle is of version {got}, and this program knows version {known}; use a newer verifier"
                    ),
                ),
                e => (format!("文件清单不可用（{e}）"), format!("the manifest cannot be used ({e})")),
            };
            findings.push(Finding::refused("manifest", "manifest.json", zh, en));
            return None;
        }
    };
    for path in &wrong {
        let zh = "该文件与清单不符：缺失、多余或已被改动";
        let en = "this file is missing, extra or other than the manifest says";
        findings.push(Finding::refused("manifest", path, zh, en));
    }
    let note = match archive.file("checkpoint") {
        Ok(note) => note.and_then(|bytes| String::from_utf8(bytes).ok()),
        Err(e) => {
            let (zh, en) = (format!("检查点无法读取（{e}）"), format!("the checkpoint cannot be read ({e})"));
            findings.push(Finding::refused("archive", "checkpoint", zh, en));
            return None;
        }
    };
    let Some(checkpoint_note) = note else {
        findings.push(Finding::refused("archive", "checkpoint", "缺少检查点", "the checkpoint is missing"));
        return None;
    };
    let checkpoint = match Checkpoint::read_unverified(&checkpoint_note) {
        Ok(checkpoint) => checkpoint,
        Err(e) => {
            let (zh, en) = (format!("检查点无法读取（{e}）"), format!("the checkpoint cannot be read ({e})"));
            findings.push(Finding::refused("archive", "checkpoint", zh, en));
            return None;
        }
    };
    let leaves = leaves::read(&archive, &checkpoint, settings, findings)?;
    if checkpoint.origin != manifest.origin || checkpoint.size != manifest.size {
        let en = "the manifest names another log or size than the checkpoint";
        findings.push(Finding::refused("manifest", "manifest.json", "清单与检查点所指站点日志不一致", en));
    }
    if epoch_of(&checkpoint.origin, &manifest.site).is_none() {
        let en = "the manifest names another site than the log is of";
        findings.push(Finding::refused("manifest", "manifest.json", "清单所写企业与站点日志不符", en));
    }
    let tiles: BTreeSet<&str> = leaves.tile_paths().collect();
    for path in archive.paths().filter(|path| !is_of_a_bundle(path) && !tiles.contains(path)) {
        let zh = "佐证包中不应有此文件：没有签名或摘要为它作证";
        let en = "no bundle has such a file: neither a signature nor a digest speaks for it";
        findings.push(Finding::refused("archive", path, zh, en));
    }
    Some(Bundle { archive, manifest, checkpoint_note, leaves })
}

/// Files beside leaves and contents. Documents of the report (`report.<language>.pdf`) are not recomputed: a step of their own asks
/// whether the log names them.
fn is_of_a_bundle(path: &str) -> bool {
    matches!(path, "manifest.json" | "checkpoint" | "README.md" | "README.zh-CN.md")
        || path.starts_with("report.") && !path.contains('/')
}

fn not_opened(error: &protocol::Error) -> Finding {
    let (zh, en) = match error {
        protocol::Error::TooLarge { what: bundle::UNPACKED, got, max } => (
            format!("解包后至少 {got} 字节，超过此文件允许的 {max} 字节；为避免耗尽内存，未予打开"),
            format!(
                "it unpacks to {got} bytes or more, and {max} are allowed for a file of its length; not opened, so that it cannot exhaust the memory"
            ),
        ),
        protocol::Error::Unreadable { what, why } => (
            format!(
                "读取文件时出错（{what}：{why}）：是磁盘、U 盘或网络盘的问题，对佐证包本身未作判断。请复制到本机磁盘后重试"
            ),
            format!(
                "reading failed ({what}: {why}): that is the disk's, and says nothing of the bundle; copy it to another disk and try again"
            ),
        ),
        e => (
            format!("不是完整的佐证包，无法打开（{e}）。请重新获取文件"),
            format!("not a whole bundle ({e}); fetch the file again"),
        ),
    };
    Finding::refused("archive", "", zh, en)
}

/// The digests of all files. A content that is what its name says costs one bit.
struct Hashed {
    as_named: Vec<bool>,
    others: BTreeMap<String, Digest>,
}

impl Hashed {
    /// Reads and hashes everything. The error is that of the first file that cannot be read, contents first.
    fn of(archive: &Archive<'_>, settings: &Settings<'_>) -> protocol::Result<Self> {
        let contents = archive.content_names().len();
        let pieces = contents.div_ceil(PIECE);
        let others: Vec<&str> = archive.paths().collect();
        let work = |piece: usize| match piece.checked_sub(pieces) {
            None => {
                let names = archive.content_names().enumerate().skip(piece * PIECE).take(PIECE);
                let hash = |(at, name): (usize, &Digest)| -> protocol::Result<_> {
                    Ok((*name, archive.content_digest_of(at)?))
                };
                names.map(hash).collect()
            }
            Some(other) => {
                let path = others.get(other).copied().unwrap_or_default();
                archive.digest_of(path).map(|digest| vec![(Digest::ZERO, digest)])
            }
        };
        let mut hashed = Self { as_named: Vec::with_capacity(contents), others: BTreeMap::new() };
        let (mut failed, mut piece) = (None, 0_usize);
        let count = pieces + others.len();
        parallel::in_order(settings.threads, count, work, |result: protocol::Result<Vec<_>>| {
            match result {
                Ok(digests) => hashed.take(piece.checked_sub(pieces).and_then(|o| others.get(o)).copied(), digests),
                Err(e) => failed = Some(e),
            }
            piece += 1;
            settings.tell(Progress::Files, piece, count);
            if failed.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        failed.map_or(Ok(hashed), Err)
    }

    /// The digest of a content by its place.
    fn content(&self, archive: &Archive<'_>, at: usize) -> Option<Digest> {
        let name = archive.content_name(at)?;
        let is_as_named = self.as_named.get(at) == Some(&true);
        if is_as_named { Some(*name) } else { self.others.get(&format!("contents/{name}")).copied() }
    }

    fn take(&mut self, path: Option<&str>, digests: Vec<(Digest, Option<Digest>)>) {
        for (name, digest) in digests {
            match (path, digest) {
                (None, digest) => {
                    self.as_named.push(digest == Some(name));
                    if let Some(digest) = digest.filter(|digest| *digest != name) {
                        self.others.insert(format!("contents/{name}"), digest);
                    }
                }
                (Some(path), Some(digest)) => {
                    self.others.insert(path.to_owned(), digest);
                }
                (Some(_), None) => {}
            }
        }
    }
}

/// What the manifest says of the files; read while they are hashed.
struct Stated {
    manifest: Manifest,
    /// Of the archive's contents those that it lists with their own length, and the digest their name says.
    as_named: Vec<bool>,
    /// All else, in its order.
    others: Vec<ManifestFile>,
    /// Entries beyond what the archive can have: they are counted and not held.
    beyond: usize,
}

impl Stated {
    fn read(archive: &Archive<'_>) -> protocol::Result<Self> {
        let (mut as_named, mut others, mut beyond) = (vec![false; archive.content_names().len()], Vec::new(), 0);
        // A path is there once, so that of so many entries enough are wrong.
        let most = archive.files() + FINDINGS_MAX;
        let manifest = bundle::read_manifest(archive.stream("manifest.json")?, |entry: ManifestFile| {
            let is_as_named = |at: &usize| archive.content_length(*at) == Some(entry.length);
            let at = archive.content_at(&entry.sha256).filter(is_as_named);
            let at = at.filter(|_| entry.path.strip_prefix("contents/") == Some(&entry.sha256.to_string()));
            match at.and_then(|at| as_named.get_mut(at)) {
                Some(is_as_named) => *is_as_named = true,
                None if others.len() < most => others.push(entry),
                None => beyond += 1,
            }
        })?;
        Ok(Self { manifest, as_named, others, beyond })
    }

    /// Says that it lists far more files than there are.
    fn too_many(&self, archive: &Archive<'_>) -> Option<Finding> {
        let (listed, there) = (self.others.len() + self.beyond, archive.files());
        let zh = format!("清单列出至少 {listed} 个文件，佐证包中只有 {there} 个；以下仅列出部分");
        let en =
            format!("it lists {listed} files or more, and the bundle has {there}; not all of them are named below");
        (self.beyond > 0).then(|| Finding::refused("manifest", "manifest.json", zh, en))
    }

    /// Names every file that is missing, extra or other than the manifest says.
    fn compare(self, archive: &Archive<'_>, hashed: &Hashed) -> (Manifest, Vec<String>) {
        let is_same = |entry: &ManifestFile| {
            let digest = match archive.content_index(&entry.path) {
                Some(at) => hashed.content(archive, at),
                None => hashed.others.get(&entry.path).copied(),
            };
            (digest, archive.length_of(&entry.path)) == (Some(entry.sha256), Some(entry.length))
        };
        let wrong = self.others.iter().filter(|entry| !is_same(entry)).map(|entry| entry.path.clone());
        let (mut wrong, mut extra): (Vec<String>, Vec<String>) = (wrong.collect(), Vec::new());
        let listed: BTreeSet<&str> = self.others.iter().map(|entry| entry.path.as_str()).collect();
        for ((digest, stated), is) in archive.content_names().zip(&self.as_named).zip(&hashed.as_named) {
            if !(*stated && *is) {
                let path = format!("contents/{digest}");
                match (stated, listed.contains(path.as_str())) {
                    (true, _) => wrong.push(path),
                    (false, false) => extra.push(path),
                    // Compared above.
                    (false, true) => {}
                }
            }
        }
        let others = archive.paths().filter(|path| *path != "manifest.json" && !listed.contains(path));
        extra.extend(others.map(str::to_owned));
        wrong.sort_unstable();
        extra.sort_unstable();
        wrong.extend(extra);
        (self.manifest, wrong)
    }
}
