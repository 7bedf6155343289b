//! A bundle in a file, read where it lies by several threads at once.

use std::fs::File;
use std::io;
use std::path::Path;

use protocol::bundle::Source;

/// A file that stays where it is.
#[derive(Debug)]
pub struct BundleFile {
    file: File,
    length: u64,
}

impl BundleFile {
    /// Opens a file.
    ///
    /// # Errors
    /// What the system says.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let length = file.metadata()?.len();
        Ok(Self { file, length })
    }
}

impl Source for BundleFile {
    fn length(&self) -> u64 {
        self.length
    }

    #[cfg(unix)]
    fn read(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        std::os::unix::fs::FileExt::read_exact_at(&self.file, buffer, offset)
    }

    #[cfg(windows)]
    fn read(&self, mut offset: u64, mut buffer: &mut [u8]) -> io::Result<()> {
        while !buffer.is_empty() {
            let read = std::os::windows::fs::FileExt::seek_read(&self.file, buffer, offset)?;
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            offset += read as u64;
            buffer = buffer.get_mut(read..).unwrap_or_default();
        }
        Ok(())
    }

    #[cfg(not(any(unix, windows)))]
    fn read(&self, _offset: u64, _buffer: &mut [u8]) -> io::Result<()> {
        let _ = &self.file;
        Err(io::ErrorKind::Unsupported.into())
    }
}
