//! The growing tree of one site on disk: C2SP `tlog-tiles` paths under the site's folder.
//!
//! In memory: the hashes of every level that do not fill a tile yet, and the leaves that do not fill an entry bundle.
//! Everything else is in immutable files. Pushing leaves only collects the files to write; the caller decides when they
//! become durable, before it commits the size.

use std::io;
use std::ops::Range;

use protocol::{Digest, tree};

use crate::storage::Storage;

/// A file to be written whole: path within the site's folder, and bytes.
pub(super) type NewFile = (String, Vec<u8>);

/// The tree's edge. Cheap to clone (at most 256 leaves and 256 hashes a level).
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Tiles {
    size: u64,
    levels: Vec<Vec<Digest>>,
    tail: Vec<Vec<u8>>,
}

impl Tiles {
    /// Reads the edge of a tree of `size` leaves back from its files.
    pub(super) fn open(storage: &dyn Storage, folder: &str, size: u64) -> io::Result<Self> {
        let width = size % WIDTH;
        let tail: Vec<Vec<u8>> =
            if width == 0 { Vec::new() } else { read_bundle(storage, folder, size / WIDTH, width)? };
        let mut levels = vec![tail.iter().map(|leaf| tree::leaf_hash(leaf)).collect::<Vec<_>>()];
        for level in 1_u8.. {
            let count = hashes_at(size, level);
            if count == 0 {
                break;
            }
            let mut hashes = Vec::new();
            for n in count - count % WIDTH..count {
                hashes.push(tree::root(&read_hashes(storage, folder, level - 1, n, WIDTH)?));
            }
            levels.push(hashes);
        }
        Ok(Self { size, levels, tail })
    }

    /// Number of leaves.
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// The RFC 6962 root.
    pub(super) fn root(&self) -> Digest {
        root_of(self.levels.iter().map(Vec::as_slice))
    }

    /// Adds a leaf; completed bundles and tiles are appended to `files`.
    pub(super) fn push(&mut self, leaf: Vec<u8>, files: &mut Vec<NewFile>) -> protocol::Result<()> {
        let hash = tree::leaf_hash(&leaf);
        self.tail.push(leaf);
        if self.tail.len() as u64 == WIDTH {
            let bytes = tree::encode_entries(self.tail.iter().map(Vec::as_slice))?;
            files.push((tree::entries_path(self.size / WIDTH, WIDTH), bytes));
            self.tail.clear();
        }
        self.size += 1;
        self.add(0, hash, files);
        Ok(())
    }

    fn add(&mut self, level: u8, hash: Digest, files: &mut Vec<NewFile>) {
        let at = usize::from(level);
        if self.levels.len() == at {
            self.levels.push(Vec::new());
        }
        self.levels[at].push(hash);
        if self.levels[at].len() as u64 == WIDTH {
            let full = std::mem::take(&mut self.levels[at]);
            let n = hashes_at(self.size, level + 1) - 1;
            files.push((tree::tile_path(level, n, WIDTH), join(&full)));
            self.add(level + 1, tree::root(&full), files);
        }
    }

    /// The entry bundle of the leaves that fill none, if any.
    pub(super) fn partial_bundle(&self) -> protocol::Result<Option<NewFile>> {
        if self.tail.is_empty() {
            return Ok(None);
        }
        let bytes = tree::encode_entries(self.tail.iter().map(Vec::as_slice))?;
        Ok(Some((tree::entries_path(self.size / WIDTH, self.size % WIDTH), bytes)))
    }

    /// The hash tiles that are not full: a checkpoint's readers need them.
    pub(super) fn partial_tiles(&self) -> Vec<NewFile> {
        (0_u8..)
            .zip(&self.levels)
            .filter(|(_, hashes)| !hashes.is_empty())
            .map(|(level, hashes)| {
                let n = hashes_at(self.size, level) / WIDTH;
                (tree::tile_path(level, n, hashes.len() as u64), join(hashes))
            })
            .collect()
    }

    /// Bytes of the leaves in `range`, which must lie within the tree.
    pub(super) fn leaves(&self, storage: &dyn Storage, folder: &str, range: Range<u64>) -> io::Result<Vec<Vec<u8>>> {
        let range = range.start..range.end.min(self.size);
        let full = self.size - self.size % WIDTH;
        let mut leaves = Vec::new();
        let mut at = range.start;
        while at < range.end {
            let n = at / WIDTH;
            let end = range.end.min((n + 1) * WIDTH);
            let within = (at % WIDTH) as usize..(end - n * WIDTH) as usize;
            if at < full {
                let bundle = read_bundle(storage, folder, n, WIDTH)?;
                leaves.extend_from_slice(&bundle[within]);
            } else {
                leaves.extend_from_slice(&self.tail[within]);
            }
            at = end;
        }
        Ok(leaves)
    }

    /// The root the tree had at an earlier size.
    pub(super) fn root_at(&self, storage: &dyn Storage, folder: &str, size: u64) -> io::Result<Digest> {
        let mut levels = Vec::new();
        for level in 0_u8.. {
            let count = hashes_at(size, level);
            if count == 0 {
                break;
            }
            let n = count / WIDTH;
            let width = (count % WIDTH) as usize;
            let mut hashes = if width == 0 {
                Vec::new()
            } else if n == hashes_at(self.size, level) / WIDTH {
                self.levels.get(usize::from(level)).cloned().unwrap_or_default()
            } else {
                read_hashes(storage, folder, level, n, WIDTH)?
            };
            hashes.truncate(width);
            levels.push(hashes);
        }
        Ok(root_of(levels.iter().map(Vec::as_slice)))
    }

    /// The root over a range of leaves within the tree that is a subtree of RFC 6962: what proofs are made of.
    pub(super) fn range_root(&self, storage: &dyn Storage, folder: &str, range: Range<u64>) -> io::Result<Digest> {
        tree::range_root(range, &mut |level, n| {
            let (tile_level, below) = (level / 8, level % 8);
            let (from, count) = (n << below, 1_usize << below);
            let within = (from % WIDTH) as usize;
            let edge = self.levels.get(usize::from(tile_level));
            let hashes = if from / WIDTH == hashes_at(self.size, tile_level) / WIDTH {
                edge.cloned().unwrap_or_default()
            } else {
                read_hashes(storage, folder, tile_level, from / WIDTH, WIDTH)?
            };
            let hashes =
                hashes.get(within..within + count).ok_or_else(|| damaged(folder, "beyond the end of the log"))?;
            Ok(tree::root(hashes))
        })
    }
}

/// Complete hashes of a level in a tree of `size` leaves.
fn hashes_at(size: u64, level: u8) -> u64 {
    size.checked_shr(8 * u32::from(level)).unwrap_or(0)
}

/// The root from the incomplete tiles of every level, lowest first: each level's hashes are perfect subtrees to the left of
/// what the lower levels left over, and RFC 6962 splits such a list exactly as it splits the leaves below it.
fn root_of<'l>(levels: impl Iterator<Item = &'l [Digest]>) -> Digest {
    let mut right: Option<Digest> = None;
    for hashes in levels {
        let items: Vec<Digest> = hashes.iter().copied().chain(right).collect();
        if !items.is_empty() {
            right = Some(tree::root(&items));
        }
    }
    right.unwrap_or_else(|| tree::root(&[]))
}

fn join(hashes: &[Digest]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| hash.0).collect()
}

fn read_hashes(storage: &dyn Storage, folder: &str, level: u8, n: u64, width: u64) -> io::Result<Vec<Digest>> {
    let path = format!("{folder}/{}", tree::tile_path(level, n, width));
    let bytes = storage.read(&path).map_err(|error| at_path(&path, error))?;
    if bytes.len() as u64 != width * 32 {
        return Err(damaged(&path, "not a whole number of hashes of the tile's width"));
    }
    Ok(bytes.as_chunks::<32>().0.iter().map(|hash| Digest(*hash)).collect())
}

fn read_bundle(storage: &dyn Storage, folder: &str, n: u64, width: u64) -> io::Result<Vec<Vec<u8>>> {
    let path = format!("{folder}/{}", tree::entries_path(n, width));
    let bytes = storage.read(&path).map_err(|error| at_path(&path, error))?;
    let leaves = tree::decode_entries(&bytes).map_err(|error| damaged(&path, &error.to_string()))?;
    if leaves.len() as u64 != width {
        return Err(damaged(&path, "another number of leaves than its name says"));
    }
    Ok(leaves.into_iter().map(<[u8]>::to_vec).collect())
}

/// Names the file in an error: "not found" without a name helps nobody.
pub(super) fn at_path(path: &str, error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{path}: {error}"))
}

pub(super) fn damaged(path: &str, why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("{path}: {why}"))
}

const WIDTH: u64 = tree::TILE_WIDTH;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::fake::FakeDisk;

    #[test]
    fn every_size_has_the_reference_root_and_reads_back() {
        let disk = FakeDisk::default();
        let mut tiles = Tiles::default();
        let mut reference = tree::Tree::new();
        let mut roots = vec![tiles.root()];
        // Past 65,536 a second level of tiles exists; the fake disk keeps it fast.
        for i in 0..66_000_u64 {
            let leaf = i.to_be_bytes().to_vec();
            reference.push(tree::leaf_hash(&leaf));
            let mut files = Vec::new();
            tiles.push(leaf, &mut files).unwrap();
            for (path, bytes) in files {
                disk.replace(&format!("f/{path}"), &bytes).unwrap();
            }
            roots.push(reference.root());
            let interesting = i < 600 || i % 1009 == 0 || (65_500..65_600).contains(&i);
            if interesting {
                assert_eq!(tiles.root(), reference.root(), "size {}", i + 1);
                if let Some((path, bytes)) = tiles.partial_bundle().unwrap() {
                    disk.replace(&format!("f/{path}"), &bytes).unwrap();
                }
                assert_eq!(Tiles::open(&disk, "f", i + 1).unwrap(), tiles, "size {}", i + 1);
            }
        }
        for old in [0, 1, 2, 255, 256, 257, 512, 1000, 65_535, 65_536, 65_537, 65_999, 66_000] {
            assert_eq!(tiles.root_at(&disk, "f", old).unwrap(), roots[old as usize], "old size {old}");
        }
        let root = tiles.root();
        for old in [1, 2, 255, 256, 257, 511, 1000, 65_535, 65_536, 65_537, 65_999] {
            let ranges = tree::consistency_ranges(old, 66_000).into_iter();
            let proof: Vec<_> = ranges.map(|range| tiles.range_root(&disk, "f", range).unwrap()).collect();
            assert!(tree::verify_consistency(old, &roots[old as usize], 66_000, &root, &proof), "from {old}");
            let size = old + 1;
            let ranges = tree::inclusion_ranges(old, size).into_iter();
            let proof: Vec<_> = ranges.map(|range| tiles.range_root(&disk, "f", range).unwrap()).collect();
            let leaf = tree::leaf_hash(&old.to_be_bytes());
            assert!(tree::verify_inclusion(leaf, old, size, &proof, &roots[size as usize]), "leaf {old}");
        }
        assert!(tiles.range_root(&disk, "f", 65_536..131_072).is_err(), "beyond the end");
        let leaves = tiles.leaves(&disk, "f", 250..66_000).unwrap();
        assert_eq!(leaves.len(), 65_750);
        assert!(leaves.iter().zip(250_u64..).all(|(leaf, i)| *leaf == i.to_be_bytes()));
    }
}
