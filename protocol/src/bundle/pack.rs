//! Writing a bundle: the server's work. Who only reads one does not carry it.

use std::collections::BTreeMap;
use std::io::{self, Cursor};

use super::{Files, Manifest, ManifestFile};
use crate::{Digest, Error, Result, canonical_json, note::Checkpoint, sha256, tree};

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
    files.insert("README.md".into(), include_bytes!("README.md").to_vec());
    files.insert("README.zh-CN.md".into(), include_bytes!("README.zh-CN.md").to_vec());
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
    let files = files.into_iter().map(|(path, bytes)| (path, move |out: &mut dyn io::Write| out.write_all(bytes)));
    Ok(write_to(Cursor::new(Vec::new()), files)?.into_inner())
}

/// The same into whatever can be written, each file by whoever has it: none need be held.
pub fn write_to<'f, W: io::Write + io::Seek, F: FnOnce(&mut dyn io::Write) -> io::Result<()>>(
    out: W,
    files: impl IntoIterator<Item = (&'f str, F)>,
) -> Result<W> {
    let bad = |e: &dyn std::fmt::Display| Error::malformed("bundle", e.to_string());
    let mut archive = zip::ZipWriter::new(out);
    for (path, write) in files {
        // Contents and archives are compressed already; only text gains from being deflated.
        let method = if path.starts_with("contents/") || path.ends_with(".zip") {
            zip::CompressionMethod::Stored
        } else {
            zip::CompressionMethod::Deflated
        };
        let options = zip::write::SimpleFileOptions::default()
            .compression_method(method)
            .last_modified_time(zip::DateTime::default())
            .unix_permissions(0o644);
        archive.start_file(path, options).map_err(|e| bad(&e))?;
        write(&mut archive).map_err(|e| bad(&e))?;
    }
    archive.finish().map_err(|e| bad(&e))
}
