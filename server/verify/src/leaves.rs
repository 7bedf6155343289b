//! Step 1b: the leaves of the log. All are read and hashed; those that are no record are kept, because they are few and the
//! steps need them first. Records are read again when it is their turn.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use protocol::{Digest, Leaf, LeafBody, bundle::Archive, note::Checkpoint, sha256, tree};

use crate::{Finding, Progress, Settings, parallel};

/// Kind of the statement that asks for a draw of machines.
const DRAW: &str = "onsite_check";

/// What is kept of a log.
pub(crate) struct Leaves {
    /// How many there are.
    pub(crate) size: u64,
    /// When the server received the last one, UTC milliseconds.
    pub(crate) newest_ms: Option<i64>,
    /// Declarations and epochs, with their index.
    pub(crate) stated: Vec<(u64, Leaf)>,
    /// Roots over the first so many leaves, for the sizes that somebody asked for and the log reaches, and for those that a draw is by.
    pub(crate) roots: BTreeMap<u64, Digest>,
    /// Entry bundles: path and SHA-256.
    tiles: Vec<(String, Digest)>,
}

/// One entry bundle, read.
struct Tile {
    digest: Digest,
    hashes: Vec<Digest>,
    stated: Vec<(usize, Leaf)>,
    newest_ms: Option<i64>,
    /// The first leaf that cannot be read.
    bad: Option<(usize, protocol::Error)>,
}

/// Why an entry bundle could not be read, in both languages.
type Trouble = (String, String);

fn tile(archive: &Archive<'_>, path: &str, width: u64) -> Result<Tile, Trouble> {
    let unreadable = |e: protocol::Error| (format!("无法读取（{e}）"), format!("cannot be read ({e})"));
    let bytes = archive.file(path).map_err(unreadable)?;
    let missing = || ("站点日志条目文件缺失".to_owned(), "these leaves of the log are missing".to_owned());
    let bytes = bytes.ok_or_else(missing)?;
    let entries = tree::decode_entries(&bytes).map_err(unreadable)?;
    let got = entries.len();
    if got as u64 != width {
        return Err((format!("应有 {width} 条，实有 {got} 条"), format!("{got} leaves where {width} belong")));
    }
    let mut tile = Tile {
        digest: sha256(&bytes),
        hashes: Vec::with_capacity(got),
        stated: Vec::new(),
        newest_ms: None,
        bad: None,
    };
    for (at, entry) in entries.into_iter().enumerate() {
        tile.hashes.push(tree::leaf_hash(entry));
        let leaf = match Leaf::decode(entry) {
            Ok(leaf) => leaf,
            Err(e) => {
                tile.bad = Some((at, e));
                break;
            }
        };
        tile.newest_ms = Some(leaf.received_ms);
        if !matches!(leaf.body, LeafBody::Record { .. } | LeafBody::Quarantine { .. }) {
            tile.stated.push((at, leaf));
        }
    }
    Ok(tile)
}

/// Reads all leaves; stops (`None`) at the first that is missing or unreadable.
pub(crate) fn read(
    archive: &Archive<'_>,
    checkpoint: &Checkpoint,
    settings: &Settings<'_>,
    findings: &mut Vec<Finding>,
) -> Option<Leaves> {
    // The size is a stranger's claim; the number of files that exist bounds the work.
    if checkpoint.size.div_ceil(tree::TILE_WIDTH) > archive.files() as u64 {
        let zh = format!("检查点记有 {} 条记录，包内不全", checkpoint.size);
        let en = format!("the checkpoint states {} leaves, and the bundle does not hold that many", checkpoint.size);
        findings.push(Finding::refused("tree", "tile/entries", zh, en));
        return None;
    }
    let wanted = settings.kept.map(|kept| kept.sizes()).unwrap_or_default();
    let mut leaves = Leaves { size: 0, newest_ms: None, stated: Vec::new(), roots: BTreeMap::new(), tiles: Vec::new() };
    let mut root = tree::Tree::new();
    if wanted.contains(&0) {
        leaves.roots.insert(0, root.root());
    }
    let paths = tree::entries_paths(checkpoint.size);
    let mut trouble = None;
    let work = |i: usize| paths.get(i).map(|(path, width)| (path, tile(archive, path, *width)));
    parallel::in_order(settings.threads, paths.len(), work, |done| {
        match done {
            Some((path, Ok(tile))) => {
                // A draw is by the tree that ends with the leaf that asked for it.
                let asks = |leaf: &Leaf| matches!(&leaf.body, LeafBody::Declaration { kind, .. } if kind == DRAW);
                let drawn: BTreeSet<u64> = tile
                    .stated
                    .iter()
                    .filter(|(_, leaf)| asks(leaf))
                    .map(|(at, _)| leaves.size + *at as u64 + 1)
                    .collect();
                for hash in &tile.hashes {
                    root.push(*hash);
                    if wanted.contains(&root.size()) || drawn.contains(&root.size()) {
                        leaves.roots.insert(root.size(), root.root());
                    }
                }
                if let Some((at, e)) = tile.bad {
                    let place = format!("leaf {}", leaves.size + at as u64);
                    let (zh, en) = (format!("条目无法读取（{e}）"), format!("cannot be read ({e})"));
                    trouble = Some(Finding::refused("tree", place, zh, en));
                }
                leaves.stated.extend(tile.stated.into_iter().map(|(at, leaf)| (leaves.size + at as u64, leaf)));
                leaves.tiles.push((path.clone(), tile.digest));
                leaves.size = root.size();
                leaves.newest_ms = tile.newest_ms.or(leaves.newest_ms);
            }
            Some((path, Err((zh, en)))) => trouble = Some(Finding::refused("tree", path, zh, en)),
            None => {}
        }
        settings.tell(Progress::Leaves, leaves.tiles.len(), paths.len());
        if trouble.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    if let Some(trouble) = trouble {
        findings.push(trouble);
        return None;
    }
    if root.root() != checkpoint.root {
        let zh = "站点日志条目与检查点的根摘要不符：至少一条被增加、删除或改动";
        let en = "the leaves do not hash to the checkpoint's root: at least one was added, removed or altered";
        findings.push(Finding::refused("tree", "checkpoint", zh, en));
    } else {
        let n = leaves.size;
        let (zh, en) = (format!("站点日志共 {n} 条，完整"), format!("all {n} leaves of the log are present and whole"));
        findings.push(Finding::ok("tree", zh, en));
    }
    Some(leaves)
}

impl Leaves {
    /// How many entry bundles there are.
    pub(crate) fn tiles(&self) -> usize {
        self.tiles.len()
    }

    /// Paths of the entry bundles.
    pub(crate) fn tile_paths(&self) -> impl Iterator<Item = &str> {
        self.tiles.iter().map(|(path, _)| path.as_str())
    }

    /// The leaves of an entry bundle, read again, with the index of the first.
    ///
    /// # Errors
    /// The file is no longer what it was.
    pub(crate) fn tile(&self, archive: &Archive<'_>, i: usize) -> Result<(u64, Vec<Leaf>), String> {
        let changed = || "the file changed while it was read / 文件在读取过程中发生变化".to_owned();
        let (path, digest) = self.tiles.get(i).ok_or_else(changed)?;
        let bytes = archive.file(path).map_err(|e| e.to_string())?.filter(|b| sha256(b) == *digest);
        let bytes = bytes.ok_or_else(changed)?;
        let entries = tree::decode_entries(&bytes).map_err(|e| e.to_string())?;
        let leaves = entries.into_iter().map(|entry| Leaf::decode(entry).map_err(|e| e.to_string()));
        Ok((i as u64 * tree::TILE_WIDTH, leaves.collect::<Result<_, _>>()?))
    }
}
