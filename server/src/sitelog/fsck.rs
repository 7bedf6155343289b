//! Checks a site's folder from its files alone: nothing the running server believes is used.
//!
//! Every entry bundle is read, every leaf decoded and hashed; hash tiles, committed state and checkpoint are compared with
//! what the leaves give, and so is what is kept of witnesses, the last cosigned checkpoint of each day; every content is fetched and hashed; every record's signature is checked under the keys that
//! the log itself enrols, and every chain for order. Each finding names the file or the leaf.

use std::io;

use protocol::{Declaration, Digest, Leaf, LeafBody, PublicKey, Record, SiteId, note::Checkpoint, tree};

use super::checkpoint::LogKey;
use super::contents::{Contents, PackEnd};
use super::site::{CHECKPOINT, folder};
use crate::ingest::accept::{SiteState, verify_in_order};
use crate::storage::Storage;

/// What a check found.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Fsck {
    /// Leaves read.
    pub leaves: u64,
    /// Contents read and hashed.
    pub contents: u64,
    /// Leaves whose content is not held (pruned or withheld): visible, not damage.
    pub withheld: u64,
    /// Root over the leaves read.
    pub root: Digest,
    /// Everything wrong.
    pub damage: Vec<Damage>,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// A file, or `leaf N`.
    pub place: String,
    /// What is wrong with it.
    pub what: String,
}

impl std::fmt::Display for Damage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.place, self.what)
    }
}

pub(super) fn check(storage: &dyn Storage, key: &LogKey, site: &SiteId) -> Fsck {
    let mut fsck = Fsck::default();
    let folder = folder(site);
    let size = match committed(storage, &folder) {
        Ok(Some((size, root, packs))) => {
            let leaves = read_leaves(storage, &folder, size, &mut fsck);
            check_tiles(storage, &folder, &leaves, &mut fsck);
            if fsck.root != root {
                fsck.find(format!("{folder}/state.json"), "the leaves do not have the committed root");
            }
            check_leaves(storage, &folder, packs, &leaves, &mut fsck);
            check_checkpoint(storage, key, site, &folder, &leaves, &mut fsck);
            check_cosigned(storage, key, site, &folder, &leaves, &mut fsck);
            size
        }
        Ok(None) => 0,
        Err(error) => {
            fsck.find(format!("{folder}/state.json"), error.to_string());
            0
        }
    };
    if fsck.leaves != size {
        fsck.find(folder, format!("{} leaves found where the state says {size}", fsck.leaves));
    }
    fsck
}

impl Fsck {
    fn find(&mut self, place: impl Into<String>, what: impl Into<String>) {
        self.damage.push(Damage { place: place.into(), what: what.into() });
    }
}

#[derive(serde::Deserialize)]
struct CommittedSize {
    size: u64,
    root: Digest,
    packs: PackEnd,
}

fn committed(storage: &dyn Storage, folder: &str) -> io::Result<Option<(u64, Digest, PackEnd)>> {
    match storage.read(&format!("{folder}/state.json")) {
        Ok(bytes) => {
            let read: CommittedSize = serde_json::from_slice(&bytes).map_err(io::Error::other)?;
            Ok(Some((read.size, read.root, read.packs)))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn read_leaves(storage: &dyn Storage, folder: &str, size: u64, fsck: &mut Fsck) -> Vec<Vec<u8>> {
    let mut leaves = Vec::new();
    for (path, width) in tree::entries_paths(size) {
        let path = format!("{folder}/{path}");
        match storage.read(&path) {
            Err(error) => {
                fsck.find(path, error.to_string());
                break;
            }
            Ok(bytes) => match tree::decode_entries(&bytes) {
                Ok(bundle) if bundle.len() as u64 == width => leaves.extend(bundle.into_iter().map(<[u8]>::to_vec)),
                Ok(bundle) => {
                    fsck.find(path, format!("{} leaves where its name says {width}", bundle.len()));
                    break;
                }
                Err(error) => {
                    fsck.find(path, error.to_string());
                    break;
                }
            },
        }
    }
    fsck.leaves = leaves.len() as u64;
    leaves
}

/// Recomputes every full hash tile from the leaves.
fn check_tiles(storage: &dyn Storage, folder: &str, leaves: &[Vec<u8>], fsck: &mut Fsck) {
    let mut hashes: Vec<Digest> = leaves.iter().map(|leaf| tree::leaf_hash(leaf)).collect();
    fsck.root = tree::root(&hashes);
    let width = tree::TILE_WIDTH as usize;
    for level in 0_u8.. {
        let full = hashes.chunks_exact(width);
        if full.len() == 0 {
            return;
        }
        for (n, tile) in full.clone().enumerate() {
            let path = format!("{folder}/{}", tree::tile_path(level, n as u64, tree::TILE_WIDTH));
            let expected: Vec<u8> = tile.iter().flat_map(|hash| hash.0).collect();
            match storage.read(&path) {
                Ok(bytes) if bytes == expected => {}
                Ok(_) => fsck.find(path, "its hashes are not those of the leaves below"),
                Err(error) => fsck.find(path, error.to_string()),
            }
        }
        hashes = full.map(tree::root).collect();
    }
}

fn check_leaves(storage: &dyn Storage, folder: &str, packs: PackEnd, leaves: &[Vec<u8>], fsck: &mut Fsck) {
    let contents = match Contents::open_read_only(storage, folder, packs) {
        Ok(contents) => contents,
        Err(error) => return fsck.find(format!("{folder}/contents"), error.to_string()),
    };
    let mut state = SiteState::default();
    for (index, bytes) in leaves.iter().enumerate() {
        let place = format!("leaf {index}");
        let leaf = match Leaf::decode(bytes) {
            Ok(leaf) => leaf,
            Err(error) => {
                fsck.find(place, error.to_string());
                state.apply_other();
                continue;
            }
        };
        let content = match leaf.content_digest().map(|digest| contents.get(storage, &digest)) {
            None => None,
            Some(Ok(Some(content))) => {
                fsck.contents += 1;
                Some(content)
            }
            Some(Ok(None)) => {
                fsck.withheld += 1;
                None
            }
            Some(Err(error)) => {
                fsck.find(format!("{place} ({})", kind(&leaf)), error.to_string());
                None
            }
        };
        check_leaf(&mut state, &leaf, content, &place, fsck);
    }
}

fn check_leaf(state: &mut SiteState, leaf: &Leaf, content: Option<Vec<u8>>, place: &str, fsck: &mut Fsck) {
    match &leaf.body {
        LeafBody::Record { header, header_bytes, signature }
        | LeafBody::Quarantine { header, header_bytes, signature } => {
            let quarantined = matches!(leaf.body, LeafBody::Quarantine { .. });
            let Some(gateway) = state.gateways.get(&header.gateway) else {
                fsck.find(place, format!("gateway {} was not enrolled when it was taken", header.gateway));
                return state.apply_other();
            };
            if gateway.revoked {
                fsck.find(place, format!("gateway {} was revoked before it was taken", header.gateway));
            }
            let signed = PublicKey::from_hex(&gateway.key)
                .and_then(|key| key.verify("record", protocol::record::RECORD_DOMAIN, header_bytes, signature));
            if let Err(error) = signed {
                fsck.find(place, error.to_string());
            }
            let Some(content) = content else {
                // Without the content the chain is followed by the header alone.
                return state.apply_header(header, leaf.record_digest().unwrap_or_default());
            };
            match Record::from_parts(header_bytes.clone(), &signature.0, content) {
                Err(error) => {
                    fsck.find(place, error.to_string());
                    state.apply_other();
                }
                Ok(record) if quarantined => state.apply_quarantine(&record),
                Ok(record) => {
                    if let Err(what) = verify_in_order(state, &record) {
                        fsck.find(place, what);
                    }
                    state.apply_record(&record);
                }
            }
        }
        LeafBody::Declaration { kind, digest, length } => match content.as_deref().map(Declaration::decode) {
            Some(Ok(declaration)) if declaration.kind == *kind => state.apply_declaration(&declaration),
            Some(Ok(_)) => {
                fsck.find(place, format!("the declaration {digest} has another kind than its leaf"));
                state.apply_other();
            }
            Some(Err(error)) => {
                fsck.find(place, error.to_string());
                state.apply_other();
            }
            None => {
                // A declaration is small and carries the keys: it is never pruned.
                fsck.find(place, format!("the declaration {digest} ({length} bytes) is not held"));
                state.apply_other();
            }
        },
        LeafBody::Epoch { .. } => state.apply_other(),
    }
}

fn check_checkpoint(
    storage: &dyn Storage,
    key: &LogKey,
    site: &SiteId,
    folder: &str,
    leaves: &[Vec<u8>],
    fsck: &mut Fsck,
) {
    let path = format!("{folder}/{CHECKPOINT}");
    let text = match storage.read(&path) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        // Before the first one there is nothing to compare.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return,
        Err(error) => return fsck.find(path, error.to_string()),
    };
    match key.read_own(site, &text) {
        None => fsck.find(path, "not signed by this server's log key for this site"),
        Some((checkpoint, _)) if checkpoint.size > leaves.len() as u64 => {
            fsck.find(path, format!("covers {} leaves, {} are here", checkpoint.size, leaves.len()));
        }
        Some((checkpoint, _)) => {
            let hashes: Vec<Digest> =
                leaves[..checkpoint.size as usize].iter().map(|leaf| tree::leaf_hash(leaf)).collect();
            if tree::root(&hashes) != checkpoint.root {
                fsck.find(path, "the leaves do not have the root it states");
            }
        }
    }
}

/// Every cosigned checkpoint that is kept, the last of each day, must be continued by the leaves, but for what the log itself says was lost when the
/// server was restored from a backup.
fn check_cosigned(
    storage: &dyn Storage,
    key: &LogKey,
    site: &SiteId,
    folder: &str,
    leaves: &[Vec<u8>],
    fsck: &mut Fsck,
) {
    let files = match super::cosigned::files(storage, folder) {
        Ok(files) => files,
        Err(error) => return fsck.find(format!("{folder}/cosigned"), error.to_string()),
    };
    let restores: Vec<(u32, u64)> = leaves
        .iter()
        .filter_map(|leaf| match Leaf::decode(leaf).ok()?.body {
            LeafBody::Epoch { epoch, restored_size, .. } => Some((epoch, restored_size)),
            _ => None,
        })
        .collect();
    let mut kept: Vec<(String, Checkpoint)> = Vec::new();
    for path in files {
        let read = storage.read(&path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        match read.map(|text| key.read_own(site, &text)) {
            Err(error) => fsck.find(path, error.to_string()),
            Ok(None) => fsck.find(path, "not signed by this server's log key for this site"),
            Ok(Some((checkpoint, epoch))) => {
                let is_told = restores.iter().any(|(later, size)| *later > epoch && *size < checkpoint.size);
                if !is_told {
                    kept.push((path, checkpoint));
                }
            }
        }
    }
    kept.sort_by_key(|(_, checkpoint)| checkpoint.size);
    let mut tree = tree::Tree::new();
    for (path, checkpoint) in kept {
        let Some(more) = usize::try_from(checkpoint.size).ok().and_then(|size| leaves.get(tree.size() as usize..size))
        else {
            let what = format!(
                "a witness cosigned {} leaves, {} are here: the log was cut back, or restored from a backup without saying so",
                checkpoint.size,
                leaves.len()
            );
            fsck.find(path, what);
            continue;
        };
        for leaf in more {
            tree.push(tree::leaf_hash(leaf));
        }
        if tree.root() != checkpoint.root {
            let what =
                format!("the first {} leaves are not those a witness cosigned: the log was rewritten", checkpoint.size);
            fsck.find(path, what);
        }
    }
}

fn kind(leaf: &Leaf) -> String {
    match &leaf.body {
        LeafBody::Record { header, .. } => format!("record {} of {}", header.sequence, header.gateway),
        LeafBody::Quarantine { header, .. } => format!("quarantined record {} of {}", header.sequence, header.gateway),
        LeafBody::Declaration { kind, .. } => format!("declaration {kind}"),
        LeafBody::Epoch { epoch, .. } => format!("epoch {epoch}"),
    }
}
