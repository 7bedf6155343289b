//! The only door to the disk for evidence: the journal and the site logs know paths and bytes, this module knows files.
//!
//! What a caller may rely on, and what every other implementation (the fake disk of the tests) must hold:
//!
//! - [`Storage::append`] is **not** durable; [`Storage::sync`] of the same path makes everything appended so far durable.
//!   After a power cut an unsynced tail may be there, partly there, or gone.
//! - [`Storage::replace`] is atomic and durable: afterwards a reader sees the old bytes or the new ones, never a mixture.
//! - [`Storage::truncate`] and [`Storage::remove`] are durable when they return.
//!
//! The data directory holds hashes of passwords and sessions and what gateways have not shown anybody yet: it is this user's
//! alone ([`private_folder`]).
//!
//! All calls block. They are made from the journal's and the log's own threads, or through `spawn_blocking`.

use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

#[cfg(test)]
pub(crate) mod fake;

/// Room that whatever can wait leaves on the disk, bytes: what gateways send needs it.
pub(crate) const ROOM: u64 = 512 * 1024 * 1024;

/// Files under one root, named by relative paths with `/`.
pub trait Storage: Send + Sync + 'static {
    /// The whole file.
    fn read(&self, path: &str) -> io::Result<Vec<u8>>;
    /// `length` bytes from `offset`; an error if the file is shorter.
    fn read_at(&self, path: &str, offset: u64, length: usize) -> io::Result<Vec<u8>>;
    /// Length in bytes, or `None` when there is no such file.
    fn size(&self, path: &str) -> io::Result<Option<u64>>;
    /// Names in a directory, sorted; empty when there is no such directory.
    fn list(&self, directory: &str) -> io::Result<Vec<String>>;
    /// Adds bytes at the end, creating file and directories.
    fn append(&self, path: &str, bytes: &[u8]) -> io::Result<()>;
    /// Makes everything appended to the file durable.
    fn sync(&self, path: &str) -> io::Result<()>;
    /// Writes the whole file, atomically and durably.
    fn replace(&self, path: &str, bytes: &[u8]) -> io::Result<()>;
    /// Cuts the file, durably.
    fn truncate(&self, path: &str, length: u64) -> io::Result<()>;
    /// Removes the file; no error when it is not there.
    fn remove(&self, path: &str) -> io::Result<()>;
    /// Bytes still free for us.
    fn free_bytes(&self) -> io::Result<u64>;
}

/// A file of the data directory that nobody can find and that is gone with its last reader. One of a name at a time.
pub(crate) fn nameless(data_dir: &Path, name: &str) -> io::Result<File> {
    let folder = data_dir.join("uploads");
    private_folder(&folder)?;
    let path = folder.join(name);
    let _ = std::fs::remove_file(&path);
    let file = File::options().read(true).write(true).create_new(true).open(&path)?;
    std::fs::remove_file(&path)?;
    Ok(file)
}

/// A folder on a local disk.
#[derive(Debug, Clone)]
pub struct Disk {
    root: PathBuf,
}

impl Disk {
    /// Files under `root`, which is created when missing and made private when it is not.
    pub fn open(root: &Path) -> io::Result<Self> {
        private_folder(root)?;
        Ok(Self { root: root.to_owned() })
    }

    /// Files under `root` as it is: for who only looks. Nothing is created and no mode is changed.
    ///
    /// # Errors
    /// When there is no such folder.
    pub fn existing(root: &Path) -> io::Result<Self> {
        if std::fs::metadata(root)?.is_dir() {
            return Ok(Self { root: root.to_owned() });
        }
        Err(io::ErrorKind::NotADirectory.into())
    }

    fn path(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    /// Creates the directories above `path`, syncing each parent that gained an entry.
    fn make_parents(&self, path: &Path) -> io::Result<()> {
        let Some(parent) = path.parent() else { return Ok(()) };
        if parent.is_dir() {
            return Ok(());
        }
        self.make_parents(parent)?;
        match std::fs::create_dir(parent) {
            Ok(()) => sync_parent(parent),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            Err(error) => Err(error),
        }
    }
}

impl Storage for Disk {
    fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        std::fs::read(self.path(path))
    }

    fn read_at(&self, path: &str, offset: u64, length: usize) -> io::Result<Vec<u8>> {
        let mut file = File::open(self.path(path))?;
        file.seek(SeekFrom::Start(offset))?;
        let mut bytes = vec![0; length];
        file.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    fn size(&self, path: &str) -> io::Result<Option<u64>> {
        match std::fs::metadata(self.path(path)) {
            Ok(metadata) => Ok(Some(metadata.len())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn list(&self, directory: &str) -> io::Result<Vec<String>> {
        let entries = match std::fs::read_dir(self.path(directory)) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut names = Vec::new();
        for entry in entries {
            // A name that is not text was not made by us.
            if let Ok(name) = entry?.file_name().into_string()
                && !name.ends_with(TEMPORARY)
            {
                names.push(name);
            }
        }
        names.sort();
        Ok(names)
    }

    fn append(&self, path: &str, bytes: &[u8]) -> io::Result<()> {
        let path = self.path(path);
        let mut options = OpenOptions::new();
        options.append(true);
        match options.open(&path) {
            Ok(mut file) => file.write_all(bytes),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.make_parents(&path)?;
                options.create(true).open(&path)?.write_all(bytes)?;
                // The name must survive before anybody can believe the bytes do.
                sync_parent(&path)
            }
            Err(error) => Err(error),
        }
    }

    fn sync(&self, path: &str) -> io::Result<()> {
        File::open(self.path(path))?.sync_data()
    }

    fn replace(&self, path: &str, bytes: &[u8]) -> io::Result<()> {
        let path = self.path(path);
        self.make_parents(&path)?;
        replace_file(&path, bytes)
    }

    fn truncate(&self, path: &str, length: u64) -> io::Result<()> {
        let file = OpenOptions::new().write(true).open(self.path(path))?;
        file.set_len(length)?;
        file.sync_data()
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        let path = self.path(path);
        match std::fs::remove_file(&path) {
            Ok(()) => sync_parent(&path),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn free_bytes(&self) -> io::Result<u64> {
        let stat = rustix::fs::statvfs(&self.root)?;
        Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
    }
}

/// Writes a whole file, atomically and durably: whoever reads it sees the old bytes or the new ones.
///
/// # Errors
/// What the disk says. The old file is then still there.
pub fn replace_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut temporary = path.to_owned().into_os_string();
    temporary.push(TEMPORARY);
    let mut file = File::create(&temporary)?;
    file.write_all(bytes)?;
    file.sync_data()?;
    std::fs::rename(&temporary, path)?;
    sync_parent(path)
}

/// Makes sure that a folder exists and that only this user can look into it; `true` when others could until now.
///
/// # Errors
/// When it cannot be created, or others can read it and that cannot be changed (it belongs to another user).
pub fn private_folder(folder: &Path) -> io::Result<bool> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    make_private(folder)
}

/// Makes sure that a file exists and that only this user can read it; `true` when others could until now.
///
/// # Errors
/// As [`private_folder`].
pub fn private_file(file: &Path) -> io::Result<bool> {
    use std::os::unix::fs::OpenOptionsExt;
    OpenOptions::new().create(true).append(true).mode(0o600).open(file)?;
    make_private(file)
}

/// Takes away what group and others may do.
fn make_private(path: &Path) -> io::Result<bool> {
    let mode = std::fs::metadata(path)?.permissions().mode();
    if mode & 0o077 == 0 {
        return Ok(false);
    }
    std::fs::set_permissions(path, Permissions::from_mode(mode & 0o700))?;
    Ok(true)
}

fn sync_parent(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(parent) => File::open(parent)?.sync_all(),
        None => Ok(()),
    }
}

/// Suffix of a file being written by `replace`; a crash may leave one behind, which nobody reads.
const TEMPORARY: &str = ".new";

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn what_is_private_is_so_from_the_beginning_or_made_so() {
        let folder = tempfile::tempdir().unwrap();
        let (data, file) = (folder.path().join("above/data"), folder.path().join("server.db"));
        assert!(!private_folder(&data).unwrap());
        assert!(!private_file(&file).unwrap());
        assert_eq!((mode(&data), mode(&file)), (0o700, 0o600));
        std::fs::write(&file, b"kept").unwrap();
        std::fs::set_permissions(&data, Permissions::from_mode(0o755)).unwrap();
        std::fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
        assert!(private_folder(&data).unwrap());
        assert!(private_file(&file).unwrap());
        assert_eq!((mode(&data), mode(&file)), (0o700, 0o600));
        assert_eq!(std::fs::read(&file).unwrap(), b"kept");
    }

    #[test]
    fn a_replaced_file_is_another_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        replace_file(&path, b"the old bytes").unwrap();
        let mut old = File::open(&path).unwrap();
        replace_file(&path, b"new").unwrap();
        let mut seen = Vec::new();
        old.read_to_end(&mut seen).unwrap();
        assert_eq!((seen.as_slice(), std::fs::read(&path).unwrap().as_slice()), (&b"the old bytes"[..], &b"new"[..]));
    }

    #[test]
    fn files_behave_as_promised() {
        let folder = tempfile::tempdir().unwrap();
        let disk = Disk::open(folder.path()).unwrap();
        assert_eq!(disk.size("a/b").unwrap(), None);
        disk.append("a/b", b"one").unwrap();
        disk.append("a/b", b"two").unwrap();
        disk.sync("a/b").unwrap();
        assert_eq!(disk.read("a/b").unwrap(), b"onetwo");
        assert_eq!(disk.read_at("a/b", 2, 2).unwrap(), b"et");
        assert!(disk.read_at("a/b", 5, 2).is_err());
        disk.truncate("a/b", 3).unwrap();
        disk.replace("a/c", b"x").unwrap();
        disk.replace("a/c", b"y").unwrap();
        std::fs::write(folder.path().join("a/c.new"), b"left by a crash").unwrap();
        assert_eq!(disk.list("a").unwrap(), ["b", "c"]);
        assert_eq!(disk.read("a/c").unwrap(), b"y");
        disk.remove("a/c").unwrap();
        disk.remove("a/c").unwrap();
        assert!(disk.free_bytes().unwrap() > 0);
    }
}
