//! The bundle (电子佐证包): one ZIP archive that holds everything needed to verify a report offline.
//!
//! ```text
//! manifest.json            what is in it: canonical JSON, every other file with length and SHA-256
//! checkpoint               signed note over the whole log
//! tile/entries/…           every leaf, so that nothing unfavourable can be left out unseen
//! contents/<sha-256>       each content used: record contents as sent, declarations as canonical JSON
//! report.json              the report, canonical JSON: what verification recomputes
//! report.zh-CN.pdf …       the report as documents to print, sign and file; the log names their digests
//! README.zh-CN.md README.md
//! ```
//!
//! Nothing inside is trusted because it is inside: keys come from the trust file, digests are recomputed, and the manifest
//! only helps to say which file is damaged.

use std::{
    collections::BTreeMap,
    io::{Cursor, Read as _, Write as _},
};

use serde::{Deserialize, Serialize};

use crate::{Digest, Error, Result, canonical_json, note::Checkpoint, sha256, tree};

/// Largest archive, bytes.
pub const BUNDLE_MAX: usize = 2 * 1024 * 1024 * 1024 - 1;
/// Largest file in it, bytes.
pub const FILE_MAX: u64 = 256 * 1024 * 1024;
/// Most bytes of all its files together, unpacked.
pub const UNPACKED_MAX: u64 = 2 * 1024 * 1024 * 1024;
/// An archive may unpack to this many times its own length…
pub const UNPACKED_RATIO: u64 = 32;
/// …and this much more, bytes: a small report compresses well.
pub const UNPACKED_FREE: u64 = 64 * 1024 * 1024;
/// What [`Error::TooLarge`] names when an archive would unpack to more than it may.
pub const UNPACKED: &str = "unpacked bundle";
/// Most files in it.
pub const FILES_MAX: usize = 4_000_000;

/// One file of the manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ManifestFile {
    /// Path in the archive.
    pub path: String,
    /// Bytes.
    pub length: u64,
    /// SHA-256.
    pub sha256: Digest,
}

/// What a bundle says it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// `gongzheng-bundle`.
    pub format: String,
    /// 1.
    pub version: u32,
    /// Which site.
    pub site: String,
    /// Origin of the log.
    pub origin: String,
    /// Leaves under the checkpoint.
    pub size: u64,
    /// Every other file, by path.
    pub files: Vec<ManifestFile>,
}

/// Files of a bundle by path, manifest included.
pub type Files = BTreeMap<String, Vec<u8>>;

/// What a bundle is made of.
#[derive(Debug, Clone, Copy)]
pub struct Parts<'p> {
    /// Which site.
    pub site: &'p str,
    /// The signed checkpoint over exactly these leaves.
    pub checkpoint: &'p str,
    /// Every leaf of the log under the checkpoint, encoded, in order.
    pub leaves: &'p [Vec<u8>],
    /// Contents by digest.
    pub contents: &'p BTreeMap<Digest, Vec<u8>>,
    /// The report, canonical JSON.
    pub report: &'p [u8],
    /// The report as documents: path and bytes.
    pub documents: &'p [(String, Vec<u8>)],
}

/// Assembles a bundle. Refuses leaves that are not those of the checkpoint.
pub fn assemble(parts: Parts<'_>) -> Result<Vec<u8>> {
    let checkpoint = Checkpoint::read_unverified(parts.checkpoint)?;
    let mut root = tree::Tree::new();
    for leaf in parts.leaves {
        root.push(tree::leaf_hash(leaf));
    }
    if root.size() != checkpoint.size || root.root() != checkpoint.root {
        return Err(Error::malformed("bundle", "these leaves are not those of the checkpoint"));
    }
    let mut files = Files::new();
    files.insert("checkpoint".into(), parts.checkpoint.as_bytes().to_vec());
    for ((path, _), leaves) in
        tree::entries_paths(checkpoint.size).into_iter().zip(parts.leaves.chunks(tree::TILE_WIDTH as usize))
    {
        files.insert(path, tree::encode_entries(leaves.iter().map(Vec::as_slice))?);
    }
    for (digest, content) in parts.contents {
        files.insert(format!("contents/{digest}"), content.clone());
    }
    files.insert("report.json".into(), parts.report.to_vec());
    files.extend(parts.documents.iter().cloned());
    files.insert("README.md".into(), include_bytes!("bundle/README.md").to_vec());
    files.insert("README.zh-CN.md".into(), include_bytes!("bundle/README.zh-CN.md").to_vec());
    write(parts.site, &checkpoint.origin, checkpoint.size, &files)
}

/// Builds the archive from `files` (without manifest). The same input gives the same bytes.
pub fn write(site: &str, origin: &str, size: u64, files: &Files) -> Result<Vec<u8>> {
    let manifest = Manifest {
        format: "gongzheng-bundle".into(),
        version: 1,
        site: site.into(),
        origin: origin.into(),
        size,
        files: files
            .iter()
            .map(|(path, bytes)| ManifestFile { path: path.clone(), length: bytes.len() as u64, sha256: sha256(bytes) })
            .collect(),
    };
    let json = serde_json::to_value(&manifest).map_err(|e| Error::malformed("manifest", e.to_string()))?;
    let manifest = canonical_json(&json)?;
    write_files(
        std::iter::once(("manifest.json", manifest.as_slice()))
            .chain(files.iter().map(|(p, b)| (p.as_str(), b.as_slice()))),
    )
}

/// Writes an archive of exactly these files in this order.
pub fn write_files<'f>(files: impl IntoIterator<Item = (&'f str, &'f [u8])>) -> Result<Vec<u8>> {
    let bad = |e: &dyn std::fmt::Display| Error::malformed("bundle", e.to_string());
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (path, bytes) in files {
        // Contents are compressed already; only text gains from being deflated.
        let method = if path.starts_with("contents/") {
            zip::CompressionMethod::Stored
        } else {
            zip::CompressionMethod::Deflated
        };
        let options = zip::write::SimpleFileOptions::default()
            .compression_method(method)
            .last_modified_time(zip::DateTime::default())
            .unix_permissions(0o644);
        archive.start_file(path, options).map_err(|e| bad(&e))?;
        archive.write_all(bytes).map_err(|e| bad(&e))?;
    }
    Ok(archive.finish().map_err(|e| bad(&e))?.into_inner())
}

/// Takes an archive apart. Digests are not checked here: [`check_manifest`] does.
///
/// The memory it takes is bounded by the length of the archive: before a file is unpacked its stated length must fit what
/// is left ([`UNPACKED_MAX`], [`UNPACKED_RATIO`], [`UNPACKED_FREE`]), and unpacking stops where that length is exceeded.
pub fn read(bytes: &[u8]) -> Result<Files> {
    let bad = |e: &dyn std::fmt::Display| Error::malformed("bundle", e.to_string());
    if bytes.len() > BUNDLE_MAX {
        return Err(Error::TooLarge { what: "bundle", got: bytes.len(), max: BUNDLE_MAX });
    }
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).map_err(|e| bad(&e))?;
    if archive.len() > FILES_MAX {
        return Err(bad(&format!("{} files; at most {FILES_MAX} are allowed", archive.len())));
    }
    let max = UNPACKED_MAX.min(UNPACKED_FREE + UNPACKED_RATIO * bytes.len() as u64);
    let mut files = Files::new();
    let mut total = 0_u64;
    for i in 0..archive.len() {
        let file = archive.by_index(i).map_err(|e| bad(&e))?;
        let path = file.name().map_err(|e| bad(&e))?.into_owned();
        let stated = file.size();
        total = total.saturating_add(stated);
        for (what, got, max) in [("file of a bundle", stated, FILE_MAX), (UNPACKED, total, max)] {
            if got > max {
                let size = |bytes| usize::try_from(bytes).unwrap_or(usize::MAX);
                return Err(Error::TooLarge { what, got: size(got), max: size(max) });
            }
        }
        let mut content = Vec::new();
        // What an archive states is a stranger's claim: read one byte past it and look.
        let length = file.take(stated + 1).read_to_end(&mut content).map_err(|e| bad(&format!("{path}: {e}")))? as u64;
        if length != stated {
            return Err(bad(&format!("{path} is not the {stated} bytes long that the archive states")));
        }
        if files.insert(path.clone(), content).is_some() {
            return Err(bad(&format!("the file {path} appears twice")));
        }
    }
    Ok(files)
}

/// Reads the manifest and names every file that is missing, extra or other than it says.
pub fn check_manifest(files: &Files) -> Result<(Manifest, Vec<String>)> {
    let bytes = files.get("manifest.json").ok_or_else(|| Error::malformed("bundle", "manifest.json is missing"))?;
    let manifest: Manifest = serde_json::from_slice(bytes).map_err(|e| Error::malformed("manifest", e.to_string()))?;
    if manifest.format != "gongzheng-bundle" {
        return Err(Error::malformed("manifest", "not a Gongzheng bundle"));
    }
    if manifest.version != 1 {
        return Err(Error::UnknownVersion { what: "bundle", got: manifest.version, known: 1 });
    }
    let mut wrong = Vec::new();
    let mut named = std::collections::BTreeSet::new();
    for entry in &manifest.files {
        named.insert(entry.path.as_str());
        match files.get(&entry.path) {
            Some(content) if content.len() as u64 == entry.length && sha256(content) == entry.sha256 => {}
            _ => wrong.push(entry.path.clone()),
        }
    }
    wrong.extend(files.keys().filter(|p| *p != "manifest.json" && !named.contains(p.as_str())).cloned());
    Ok((manifest, wrong))
}
