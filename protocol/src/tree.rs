//! The site log's Merkle tree (RFC 6962 §2.1) and its tiles (C2SP `tlog-tiles`).
//!
//! A leaf hashes as SHA-256(0x00 ‖ leaf), a node as SHA-256(0x01 ‖ left ‖ right); a tree of n leaves splits at the largest power
//! of two below n. Tiles hold 256 hashes of one level; entry bundles hold 256 leaves, each after its length as a
//! big-endian `u16`.

use std::ops::Range;

use crate::{Digest, DigestWriter, Error, Result, leaf::LEAF_MAX};

/// Hashes in a full tile, and leaves in a full entry bundle.
pub const TILE_WIDTH: u64 = 256;

/// Hash of a leaf's bytes.
pub fn leaf_hash(leaf: &[u8]) -> Digest {
    let mut hash = DigestWriter::default();
    hash.update(&[0]).update(leaf);
    hash.finish()
}

/// Hash of two subtrees.
pub fn node_hash(left: &Digest, right: &Digest) -> Digest {
    let mut hash = DigestWriter::default();
    hash.update(&[1]).update(&left.0).update(&right.0);
    hash.finish()
}

/// A growing tree, kept as the roots of its perfect subtrees, largest first: O(log n) memory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tree {
    size: u64,
    peaks: Vec<Digest>,
}

impl Tree {
    /// An empty tree.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a leaf by its hash.
    pub fn push(&mut self, leaf: Digest) {
        let mut hash = leaf;
        let mut size = self.size;
        while size & 1 == 1 {
            if let Some(left) = self.peaks.pop() {
                hash = node_hash(&left, &hash);
            }
            size >>= 1;
        }
        self.peaks.push(hash);
        self.size += 1;
    }

    /// Number of leaves.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The root; SHA-256 of nothing for the empty tree.
    pub fn root(&self) -> Digest {
        let mut peaks = self.peaks.iter().rev();
        match peaks.next() {
            None => crate::sha256(&[]),
            Some(last) => peaks.fold(*last, |right, left| node_hash(left, &right)),
        }
    }
}

/// Root of the tree over these leaf hashes.
pub fn root(leaves: &[Digest]) -> Digest {
    let mut tree = Tree::new();
    for leaf in leaves {
        tree.push(*leaf);
    }
    tree.root()
}

/// The leaves below each hash of the proof that leaf `index` is in a tree of `size` leaves, from the leaf up. A proof is the
/// roots over these ranges, wherever they come from: leaves in memory, or tiles on disk.
pub fn inclusion_ranges(index: u64, size: u64) -> Vec<Range<u64>> {
    let (mut ranges, mut whole) = (Vec::new(), 0..size);
    while index < size && whole.end - whole.start > 1 {
        let middle = whole.start + split(whole.end - whole.start);
        let (within, sibling) = if index < middle {
            (whole.start..middle, middle..whole.end)
        } else {
            (middle..whole.end, whole.start..middle)
        };
        ranges.push(sibling);
        whole = within;
    }
    ranges.reverse();
    ranges
}

/// The same for the proof that a tree of `new` leaves extends the one over its first `old`.
pub fn consistency_ranges(old: u64, new: u64) -> Vec<Range<u64>> {
    let (mut ranges, mut whole, mut known) = (Vec::new(), 0..new, true);
    if old == 0 || old >= new {
        return ranges;
    }
    while old < whole.end {
        let middle = whole.start + split(whole.end - whole.start);
        if old <= middle {
            ranges.push(middle..whole.end);
            whole.end = middle;
        } else {
            ranges.push(whole.start..middle);
            whole.start = middle;
            known = false;
        }
    }
    // The verifier knows the old root already when the old tree is a subtree of its own.
    if !known {
        ranges.push(whole);
    }
    ranges.reverse();
    ranges
}

/// The root over a range of leaves that is a subtree of RFC 6962, from the roots of perfect, aligned subtrees:
/// `perfect(level, n)` covers the leaves from n·2^level to (n+1)·2^level.
pub fn range_root<E>(
    range: Range<u64>,
    perfect: &mut impl FnMut(u8, u64) -> std::result::Result<Digest, E>,
) -> std::result::Result<Digest, E> {
    let length = range.end - range.start;
    if length == 0 {
        return Ok(crate::sha256(&[]));
    }
    if length.is_power_of_two() && range.start.is_multiple_of(length) {
        // The trailing zeros of a u64 fit.
        return perfect(length.trailing_zeros() as u8, range.start / length);
    }
    let middle = range.start + split(length);
    let left = range_root(range.start..middle, perfect)?;
    Ok(node_hash(&left, &range_root(middle..range.end, perfect)?))
}

/// Largest power of two below `n` (n ≥ 2).
fn split(n: u64) -> u64 {
    1 << (u64::BITS - 1 - (n - 1).leading_zeros())
}

fn roots(leaves: &[Digest], ranges: Vec<Range<u64>>) -> Vec<Digest> {
    ranges.into_iter().map(|range| root(&leaves[range.start as usize..range.end as usize])).collect()
}

/// Proof that leaf `index` is in the tree over `leaves`: sibling hashes from the leaf up.
pub fn inclusion_proof(leaves: &[Digest], index: usize) -> Vec<Digest> {
    roots(leaves, inclusion_ranges(index as u64, leaves.len() as u64))
}

/// Checks an inclusion proof (RFC 9162 §2.1.3.2).
pub fn verify_inclusion(leaf: Digest, index: u64, size: u64, proof: &[Digest], root: &Digest) -> bool {
    if index >= size {
        return false;
    }
    let (mut node, mut last, mut hash) = (index, size - 1, leaf);
    for sibling in proof {
        if last == 0 {
            return false;
        }
        if node & 1 == 1 || node == last {
            hash = node_hash(sibling, &hash);
            if node & 1 == 0 {
                while node & 1 == 0 && node != 0 {
                    node >>= 1;
                    last >>= 1;
                }
            }
        } else {
            hash = node_hash(&hash, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    last == 0 && hash == *root
}

/// Proof that the tree over `leaves` extends the one over its first `old` leaves.
pub fn consistency_proof(leaves: &[Digest], old: usize) -> Vec<Digest> {
    roots(leaves, consistency_ranges(old as u64, leaves.len() as u64))
}

/// Checks a consistency proof (RFC 9162 §2.1.4.2).
pub fn verify_consistency(old: u64, old_root: &Digest, new: u64, new_root: &Digest, proof: &[Digest]) -> bool {
    if old == 0 || old > new {
        return old == 0 && proof.is_empty();
    }
    if old == new {
        return proof.is_empty() && old_root == new_root;
    }
    let mut path = proof.iter().copied();
    let first = if old.is_power_of_two() { Some(*old_root) } else { path.next() };
    let Some(first) = first else { return false };
    let (mut node, mut last) = (old - 1, new - 1);
    while node & 1 == 1 {
        node >>= 1;
        last >>= 1;
    }
    let (mut from_old, mut from_new) = (first, first);
    for sibling in path {
        if last == 0 {
            return false;
        }
        if node & 1 == 1 || node == last {
            from_old = node_hash(&sibling, &from_old);
            from_new = node_hash(&sibling, &from_new);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            from_new = node_hash(&from_new, &sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    last == 0 && from_old == *old_root && from_new == *new_root
}

/// `N` of a tile path: groups of three digits, all but the last with an `x`.
fn number_path(n: u64) -> String {
    let mut path = format!("{:03}", n % 1000);
    let mut rest = n / 1000;
    while rest > 0 {
        path = format!("x{:03}/{path}", rest % 1000);
        rest /= 1000;
    }
    path
}

/// Path of tile `n` of `level` holding `width` hashes: `tile/<level>/<n>[.p/<width>]`.
pub fn tile_path(level: u8, n: u64, width: u64) -> String {
    let part = if width == TILE_WIDTH { String::new() } else { format!(".p/{width}") };
    format!("tile/{level}/{}{part}", number_path(n))
}

/// Path of entry bundle `n` holding `width` leaves: `tile/entries/<n>[.p/<width>]`.
pub fn entries_path(n: u64, width: u64) -> String {
    let part = if width == TILE_WIDTH { String::new() } else { format!(".p/{width}") };
    format!("tile/entries/{}{part}", number_path(n))
}

/// Paths of the entry bundles of a log of `size` leaves, with the number of leaves in each.
pub fn entries_paths(size: u64) -> Vec<(String, u64)> {
    (0..size.div_ceil(TILE_WIDTH))
        .map(|n| {
            let width = (size - n * TILE_WIDTH).min(TILE_WIDTH);
            (entries_path(n, width), width)
        })
        .collect()
}

/// Packs leaves into an entry bundle.
pub fn encode_entries<'l>(leaves: impl IntoIterator<Item = &'l [u8]>) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    for leaf in leaves {
        if leaf.len() > LEAF_MAX {
            return Err(Error::too_large("leaf", leaf.len(), LEAF_MAX));
        }
        out.extend_from_slice(&(leaf.len() as u16).to_be_bytes());
        out.extend_from_slice(leaf);
    }
    Ok(out)
}

/// Takes an entry bundle apart; refuses more than [`TILE_WIDTH`] leaves and a cut end.
pub fn decode_entries(mut bytes: &[u8]) -> Result<Vec<&[u8]>> {
    let mut leaves = Vec::new();
    while !bytes.is_empty() {
        if leaves.len() as u64 == TILE_WIDTH {
            return Err(Error::malformed("entry bundle", "more than 256 leaves"));
        }
        let (length, rest) =
            bytes.split_at_checked(2).ok_or_else(|| Error::malformed("entry bundle", "cut inside a length"))?;
        let length = usize::from(u16::from_be_bytes([length[0], length[1]]));
        if length > LEAF_MAX {
            return Err(Error::too_large("leaf", length, LEAF_MAX));
        }
        let (leaf, rest) =
            rest.split_at_checked(length).ok_or_else(|| Error::malformed("entry bundle", "cut inside a leaf"))?;
        leaves.push(leaf);
        bytes = rest;
    }
    Ok(leaves)
}
