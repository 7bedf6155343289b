//! The handful of file operations the buffer needs, and nothing else of the operating system.
//!
//! Constraints:
//! 1. A file's *data* is durable only after [`Storage::sync_data`] returned `Ok`; its *name* only after
//!    [`Storage::sync_directory`] did. Neither implies the other.
//! 2. No operation is retried here. A failed sync means that the kernel may already have thrown the pages away
//!    (fsync-gate): the caller must treat the file as suspect and write elsewhere.
//! 3. One directory, no sub-directories, one owner: [`DiskStorage::open`] takes an exclusive lock, because two agents
//!    on one buffer would sign two different records with one sequence number.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FallocateFlags, FlockOperation};

/// One directory of files. Production: [`DiskStorage`]; tests: a fake disk that loses power.
pub trait Storage: Send {
    /// An open file.
    type File: Send;

    /// Names of all files in the directory, in any order.
    ///
    /// # Errors
    /// Any I/O error.
    fn list(&self) -> io::Result<Vec<String>>;

    /// Creates a file that must not exist, `bytes` long, reading as zeros, its blocks reserved.
    ///
    /// # Errors
    /// `StorageFull` when the blocks cannot be reserved (the file is then removed again); `AlreadyExists`; any other.
    fn create(&self, name: &str, bytes: u64) -> io::Result<Self::File>;

    /// Opens an existing file for reading and writing.
    ///
    /// # Errors
    /// `NotFound`, or any other I/O error.
    fn open(&self, name: &str) -> io::Result<Self::File>;

    /// Length in bytes.
    ///
    /// # Errors
    /// Any I/O error.
    fn length(&self, file: &Self::File) -> io::Result<u64>;

    /// Reads at `offset` until `into` is full or the file ends; returns the bytes read.
    ///
    /// # Errors
    /// Any I/O error; some media report damage this way.
    fn read_at(&self, file: &Self::File, offset: u64, into: &mut [u8]) -> io::Result<usize>;

    /// Writes all of `bytes` at `offset`. Not durable yet.
    ///
    /// # Errors
    /// Any I/O error; part of the bytes may have been written.
    fn write_at(&self, file: &Self::File, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// Makes everything written to `file` so far durable (`fdatasync`).
    ///
    /// # Errors
    /// Any I/O error: what was written since the last sync is then of unknown fate, for ever.
    fn sync_data(&self, file: &Self::File) -> io::Result<()>;

    /// Makes creations, renames and removals durable (`fsync` of the directory).
    ///
    /// # Errors
    /// Any I/O error.
    fn sync_directory(&self) -> io::Result<()>;

    /// Atomically gives `from` the name `to`, replacing what was there.
    ///
    /// # Errors
    /// Any I/O error.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    /// Any I/O error.
    fn unlink(&self, name: &str) -> io::Result<()>;

    /// Bytes this process may still allocate on the file system.
    ///
    /// # Errors
    /// Any I/O error.
    fn free_bytes(&self) -> io::Result<u64>;
}

/// A directory of the real file system.
#[derive(Debug)]
pub struct DiskStorage {
    directory: PathBuf,
    handle: File,
}

/// Name of the lock file inside the buffer's directory.
pub const LOCK_NAME: &str = "lock";

impl DiskStorage {
    /// Opens (and creates, mode 0700) the directory and locks it for this process.
    ///
    /// # Errors
    /// `WouldBlock` when another process holds the lock; any other I/O error.
    pub fn open(directory: &Path) -> io::Result<Self> {
        use std::os::unix::fs::DirBuilderExt;
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
        let handle = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(directory.join(LOCK_NAME))?;
        rustix::fs::flock(&handle, FlockOperation::NonBlockingLockExclusive)?;
        Ok(DiskStorage { directory: directory.to_owned(), handle })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }
}

impl Storage for DiskStorage {
    type File = File;

    fn list(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&self.directory)? {
            // A name that is not UTF-8 is not one of ours.
            if let Ok(name) = entry?.file_name().into_string() {
                names.push(name);
            }
        }
        Ok(names)
    }

    fn create(&self, name: &str, bytes: u64) -> io::Result<File> {
        let path = self.path(name);
        let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&path)?;
        match rustix::fs::fallocate(&file, FallocateFlags::empty(), 0, bytes) {
            Ok(()) => Ok(file),
            // Some file systems (NFS, old FUSE) cannot reserve; the length alone still makes appends cheap.
            Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => {
                file.set_len(bytes)?;
                Ok(file)
            }
            Err(error) => {
                drop(file);
                let _ = std::fs::remove_file(&path);
                Err(error.into())
            }
        }
    }

    fn open(&self, name: &str) -> io::Result<File> {
        OpenOptions::new().read(true).write(true).open(self.path(name))
    }

    fn length(&self, file: &File) -> io::Result<u64> {
        Ok(file.metadata()?.len())
    }

    fn read_at(&self, file: &File, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        let mut done = 0;
        while done < into.len() {
            match file.read_at(&mut into[done..], offset + done as u64) {
                Ok(0) => break,
                Ok(count) => done += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(done)
    }

    fn write_at(&self, file: &File, offset: u64, bytes: &[u8]) -> io::Result<()> {
        file.write_all_at(bytes, offset)
    }

    fn sync_data(&self, file: &File) -> io::Result<()> {
        file.sync_data()
    }

    fn sync_directory(&self) -> io::Result<()> {
        File::open(&self.directory)?.sync_all()
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        std::fs::rename(self.path(from), self.path(to))
    }

    fn unlink(&self, name: &str) -> io::Result<()> {
        std::fs::remove_file(self.path(name))
    }

    fn free_bytes(&self) -> io::Result<u64> {
        let stat = rustix::fs::fstatvfs(&self.handle)?;
        Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
    }
}
