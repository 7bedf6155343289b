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

mod archive;
mod manifest;
#[cfg(feature = "bundle-write")]
mod pack;

use std::collections::BTreeMap;
use std::io;

use serde::{Deserialize, Serialize};

use crate::{Digest, Error, Result};

pub use self::archive::{Archive, Source};
pub use self::manifest::read as read_manifest;
#[cfg(feature = "bundle-write")]
pub use self::pack::{Parts, assemble, write, write_files, write_to};

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

/// What reading `part` met. Bytes that end too early or do not unpack are to blame themselves; for anything else, what holds them is.
fn unread(what: &'static str, part: &str, kind: io::ErrorKind, why: &impl ToString) -> Error {
    use io::ErrorKind::{InvalidData, InvalidInput, UnexpectedEof};
    let why = why.to_string();
    match kind {
        UnexpectedEof | InvalidData | InvalidInput => Error::malformed(what, format!("{part}: {why}")),
        _ => Error::Unreadable { what: part.to_owned(), why },
    }
}

/// Takes an archive apart, all of it at once: for small ones. Digests are not checked here.
///
/// # Errors
/// As [`Archive::open`] and [`Archive::file`].
pub fn read(bytes: &[u8]) -> Result<Files> {
    let archive = Archive::open(&bytes)?;
    let contents = archive.content_names().map(|digest| format!("contents/{digest}"));
    let paths: Vec<String> = contents.chain(archive.paths().map(str::to_owned)).collect();
    let mut files = Files::new();
    for path in paths {
        if let Some(content) = archive.file(&path)? {
            files.insert(path, content);
        }
    }
    Ok(files)
}
