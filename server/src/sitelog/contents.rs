//! What lies beside the tree: contents by digest, appended to packs exactly as received, never rewritten.
//!
//! A pack entry is digest (32 bytes), length (u32, little-endian), CRC32C of those 36 bytes, then the content. The index is
//! not stored: it is rebuilt by walking the packs. How far the packs are durable is part of the site's committed state;
//! whatever lies beyond it after a crash is cut, so that a torn content can never be taken for a whole one.

use std::collections::HashMap;
use std::io;

use protocol::{Digest, sha256};

use super::tiles::{at_path, damaged};
use crate::storage::Storage;

/// A position in the packs: pack number (from 1) and bytes used in it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct PackEnd {
    /// The newest pack; 0 before the first.
    pub(crate) pack: u32,
    /// Bytes in it.
    pub(crate) bytes: u64,
}

/// The contents of one site.
#[derive(Debug)]
pub(crate) struct Contents {
    folder: String,
    end: PackEnd,
    index: HashMap<Digest, Place>,
    /// Bytes beyond `end` may lie in the newest pack after a failed append.
    dirty: bool,
}

#[derive(Debug, Clone, Copy)]
struct Place {
    pack: u32,
    offset: u64,
    length: u32,
}

impl Contents {
    /// Opens the packs in `folder` up to `end`, cutting what lies beyond.
    pub(crate) fn open(storage: &dyn Storage, folder: &str, end: PackEnd) -> io::Result<Self> {
        Self::open_with(storage, folder, end, true)
    }

    /// The same without changing anything: what lies beyond `end` is ignored.
    pub(crate) fn open_read_only(storage: &dyn Storage, folder: &str, end: PackEnd) -> io::Result<Self> {
        Self::open_with(storage, folder, end, false)
    }

    fn open_with(storage: &dyn Storage, folder: &str, end: PackEnd, cut: bool) -> io::Result<Self> {
        let mut contents = Self { folder: format!("{folder}/contents"), end, index: HashMap::new(), dirty: false };
        for name in storage.list(&contents.folder)? {
            let Some(pack) = name.strip_suffix(".pack").and_then(|n| n.parse::<u32>().ok()) else { continue };
            let path = contents.path(pack);
            if pack > end.pack {
                if cut {
                    storage.remove(&path)?;
                }
                continue;
            }
            let mut bytes = storage.read(&path)?;
            if pack == end.pack && bytes.len() as u64 > end.bytes {
                if cut {
                    storage.truncate(&path, end.bytes)?;
                }
                bytes.truncate(end.bytes as usize);
            }
            contents.walk(pack, &path, &bytes)?;
        }
        Ok(contents)
    }

    fn walk(&mut self, pack: u32, path: &str, bytes: &[u8]) -> io::Result<()> {
        let mut at = 0;
        while at < bytes.len() {
            let (digest, length) = bytes
                .get(at..at + HEAD)
                .and_then(read_head)
                .ok_or_else(|| damaged(path, &format!("no entry at byte {at}")))?;
            let start = at + HEAD;
            if bytes.len() < start + length as usize {
                return Err(damaged(path, &format!("the entry at byte {at} is cut off")));
            }
            self.index.insert(digest, Place { pack, offset: start as u64, length });
            at = start + length as usize;
        }
        Ok(())
    }

    /// Adds contents that are not there yet and makes them durable. Returns the new end, which the caller commits; until
    /// then nothing here counts, and calling again after an error is safe.
    pub(crate) fn append(&mut self, storage: &dyn Storage, new: &[(Digest, Vec<u8>)]) -> io::Result<PackEnd> {
        if self.dirty {
            if self.end.pack > 0 {
                storage.truncate(&self.path(self.end.pack), self.end.bytes)?;
            }
            storage.remove(&self.path(self.end.pack + 1))?;
            self.dirty = false;
        }
        let mut end = self.end;
        let mut places = Vec::new();
        let mut buffer = Vec::new();
        for (digest, bytes) in new {
            if self.index.contains_key(digest) || places.iter().any(|(placed, _)| placed == digest) {
                continue;
            }
            if end.pack == 0 || end.bytes >= PACK_BYTES {
                self.flush(storage, end.pack, &mut buffer)?;
                end = PackEnd { pack: end.pack + 1, bytes: 0 };
            }
            let length = bytes.len() as u32;
            write_head(digest, length, &mut buffer);
            buffer.extend_from_slice(bytes);
            places.push((*digest, Place { pack: end.pack, offset: end.bytes + HEAD as u64, length }));
            end.bytes += (HEAD + bytes.len()) as u64;
        }
        self.flush(storage, end.pack, &mut buffer)?;
        self.dirty = false;
        self.end = end;
        self.index.extend(places);
        Ok(end)
    }

    fn flush(&mut self, storage: &dyn Storage, pack: u32, buffer: &mut Vec<u8>) -> io::Result<()> {
        if buffer.is_empty() {
            return Ok(());
        }
        self.dirty = true;
        let path = self.path(pack);
        storage.append(&path, buffer)?;
        storage.sync(&path)?;
        buffer.clear();
        Ok(())
    }

    /// A content, checked against its digest. `None` when it is not held (pruned or withheld).
    pub(crate) fn get(&self, storage: &dyn Storage, digest: &Digest) -> io::Result<Option<Vec<u8>>> {
        let Some(place) = self.index.get(digest) else { return Ok(None) };
        let path = self.path(place.pack);
        let bytes =
            storage.read_at(&path, place.offset, place.length as usize).map_err(|error| at_path(&path, error))?;
        if sha256(&bytes) != *digest {
            return Err(damaged(&path, &format!("the content {digest} at byte {} is altered", place.offset)));
        }
        Ok(Some(bytes))
    }

    /// How many contents are held.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.index.len()
    }

    fn path(&self, pack: u32) -> String {
        format!("{}/{pack:06}.pack", self.folder)
    }
}

fn write_head(digest: &Digest, length: u32, out: &mut Vec<u8>) {
    let mut head = digest.0.to_vec();
    head.extend_from_slice(&length.to_le_bytes());
    let crc = crc32c::crc32c(&head);
    out.extend_from_slice(&head);
    out.extend_from_slice(&crc.to_le_bytes());
}

fn read_head(head: &[u8]) -> Option<(Digest, u32)> {
    let crc = u32::from_le_bytes(head.get(36..40)?.try_into().ok()?);
    if crc32c::crc32c(&head[..36]) != crc {
        return None;
    }
    Some((Digest(head[..32].try_into().ok()?), u32::from_le_bytes(head[32..36].try_into().ok()?)))
}

const HEAD: usize = 40;
/// A pack is closed once it is at least this long.
const PACK_BYTES: u64 = 64 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::fake::FakeDisk;

    #[test]
    fn contents_come_back_and_an_uncommitted_tail_is_cut() {
        let disk = FakeDisk::default();
        let mut contents = Contents::open(&disk, "s", PackEnd::default()).unwrap();
        let item = |i: u8| (sha256(&[i; 50]), vec![i; 50]);
        let first = contents.append(&disk, &[item(1), item(2), item(1)]).unwrap();
        assert_eq!(contents.len(), 2);
        contents.append(&disk, &[item(3)]).unwrap();
        let again = Contents::open(&disk, "s", first).unwrap();
        assert_eq!(again.get(&disk, &item(2).0).unwrap(), Some(item(2).1));
        assert_eq!(again.get(&disk, &item(3).0).unwrap(), None);
        assert_eq!(disk.size("s/contents/000001.pack").unwrap(), Some(first.bytes));
    }

    #[test]
    fn a_failed_append_leaves_no_trace_in_later_ones() {
        let disk = FakeDisk::default();
        let mut contents = Contents::open(&disk, "s", PackEnd::default()).unwrap();
        contents.append(&disk, &[(sha256(b"a"), b"a".to_vec())]).unwrap();
        disk.set_full(true);
        assert!(contents.append(&disk, &[(sha256(b"b"), b"b".to_vec())]).is_err());
        disk.set_full(false);
        let end = contents.append(&disk, &[(sha256(b"c"), b"c".to_vec())]).unwrap();
        let again = Contents::open(&disk, "s", end).unwrap();
        assert_eq!(again.len(), 2);
        assert_eq!(again.get(&disk, &sha256(b"c")).unwrap().as_deref(), Some(&b"c"[..]));
    }

    #[test]
    fn an_altered_content_is_named() {
        let disk = FakeDisk::default();
        let mut contents = Contents::open(&disk, "s", PackEnd::default()).unwrap();
        contents.append(&disk, &[(sha256(b"abc"), b"abc".to_vec())]).unwrap();
        disk.flip("s/contents/000001.pack", HEAD + 1);
        let error = contents.get(&disk, &sha256(b"abc")).unwrap_err().to_string();
        assert!(error.contains("s/contents/000001.pack") && error.contains("is altered"), "{error}");
    }
}
