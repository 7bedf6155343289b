//! A folder that keeps files for people and never grows without end.
//!
//! Constraints: bounded by number and bytes; the oldest goes first, by name; the newest is never removed; whoever keeps something is
//! told what went, and must say so.

use std::io;
use std::path::{Path, PathBuf};

use crate::identity::replace_file;

/// How much a folder may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// Files.
    pub files: usize,
    /// Bytes together.
    pub bytes: u64,
}

impl Default for Limit {
    /// A week of refusals of the largest records, on the smallest card.
    fn default() -> Self {
        Limit { files: 4_096, bytes: 64 * 1_024 * 1_024 }
    }
}

/// How many of `sizes`, oldest first, must go for the rest to fit; never the newest. Pure.
#[must_use]
pub fn surplus(sizes: &[u64], limit: Limit) -> usize {
    let mut bytes: u64 = sizes.iter().sum();
    let mut gone = 0;
    while gone + 1 < sizes.len() && (sizes.len() - gone > limit.files || bytes > limit.bytes) {
        bytes -= sizes[gone];
        gone += 1;
    }
    gone
}

/// Names and sizes of the files in `folder`, by name. A folder that does not exist is empty.
///
/// # Errors
/// Any other I/O error.
pub fn files(folder: &Path) -> io::Result<Vec<(PathBuf, u64)>> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut files = Vec::new();
    for entry in entries {
        let entry = entry?;
        files.push((entry.path(), entry.metadata()?.len()));
    }
    files.sort();
    Ok(files)
}

/// Keeps `bytes` durably under `name`, and removes the oldest files beyond `limit`. Returns how many went.
///
/// # Errors
/// Any I/O error; what was kept before stays.
pub fn keep(folder: &Path, name: &str, bytes: &[u8], limit: Limit) -> io::Result<usize> {
    replace_file(&folder.join(name), bytes)?;
    let files = files(folder)?;
    let sizes: Vec<u64> = files.iter().map(|(_, size)| *size).collect();
    let gone = surplus(&sizes, limit);
    for (path, _) in files.iter().take(gone) {
        std::fs::remove_file(path)?;
    }
    Ok(gone)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_go_first_and_the_newest_stays() {
        let limit = Limit { files: 3, bytes: 100 };
        assert_eq!(surplus(&[], limit), 0);
        assert_eq!(surplus(&[30, 30, 40], limit), 0);
        assert_eq!(surplus(&[1, 1, 1, 1, 1], limit), 2);
        assert_eq!(surplus(&[60, 30, 40], limit), 1);
        assert_eq!(surplus(&[1, 500], limit), 1, "larger than all that is allowed, and still the newest");
    }

    #[test]
    fn a_folder_is_bounded_and_says_how_many_went() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let limit = Limit { files: 2, bytes: 1_000 };
        let gone: Vec<usize> =
            (0..4).map(|n| keep(folder.path(), &format!("{n:016x}.record"), &[n; 10], limit).expect("kept")).collect();
        assert_eq!(gone, [0, 0, 1, 1]);
        let left = files(folder.path()).expect("lists");
        let names: Vec<_> = left.iter().filter_map(|(path, _)| path.file_name()?.to_str()).collect();
        assert_eq!(names, ["0000000000000002.record", "0000000000000003.record"]);
    }
}
