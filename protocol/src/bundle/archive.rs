//! The archive, read where it lies: an index of its files is held, never the files.
//!
//! Constraints
//! 1. Whoever opens an archive opens a stranger's file. What it states is checked before anything is allocated for it: the
//!    number of files by the bytes of its directory, each length and their sum by the limits of [`super`].
//! 2. One reading, as far as that can be seen cheaply: the archive ends with its end record and no comment, the directory ends
//!    where that begins, two end records agree, each path is there once, and what stands before a file repeats path, method,
//!    checksum and lengths (the last three unless they follow the file). Nobody looks at bytes between the files nor at extra
//!    fields: a program that reads those may see more than the directory names.
//! 3. Held per content is [`Place`] and its digest, 52 bytes; contents are asked for in the order of the log, and the archive has
//!    them in the order of their names.

use std::collections::BTreeMap;
use std::io::{self, Read};

use flate2::{Crc, Decompress, FlushDecompress, Status, read::DeflateDecoder};

use super::{BUNDLE_MAX, FILE_MAX, FILES_MAX, UNPACKED, UNPACKED_FREE, UNPACKED_MAX, UNPACKED_RATIO};
use crate::{Digest, DigestWriter, Error, Result, sha256};

/// Bytes that can be read anywhere: a file, a slice, a browser's file. Reads come from several threads.
pub trait Source: Sync {
    /// How many there are.
    fn length(&self) -> u64;

    /// Fills `buffer` from `offset` on.
    ///
    /// # Errors
    /// Whatever the reading met; fewer bytes than asked for is an error.
    fn read(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()>;
}

impl Source for &[u8] {
    fn length(&self) -> u64 {
        self.len() as u64
    }

    fn read(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let from = usize::try_from(offset).ok();
        let bytes = from.and_then(|from| self.get(from..)?.get(..buffer.len()));
        buffer.copy_from_slice(bytes.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }
}

const LOCAL: [u8; 4] = *b"PK\x03\x04";
const CENTRAL: [u8; 4] = *b"PK\x01\x02";
const END: [u8; 4] = *b"PK\x05\x06";
const END_64: [u8; 4] = *b"PK\x06\x06";
const LOCATOR_64: [u8; 4] = *b"PK\x06\x07";
const ENCRYPTED: u16 = 1;
/// Checksum and lengths stand behind the file and not before it.
const FOLLOWS: u16 = 1 << 3;
const LOCAL_LENGTH: usize = 30;
const CENTRAL_LENGTH: usize = 46;
const END_LENGTH: usize = 22;
const END_64_LENGTH: usize = 56;
const LOCATOR_64_LENGTH: usize = 20;
/// Longest path of a file; ours have 73 bytes.
const PATH_MAX: usize = 1024;
/// What is read of the directory at once, bytes.
const WINDOW: usize = 1 << 16;
/// A file longer than this is hashed piece by piece, bytes.
const HELD_MAX: u32 = 1 << 20;
const CONTENTS: &str = "contents/";

/// Where a file lies.
#[derive(Debug, Clone, Copy)]
struct Place {
    /// Of its local header.
    offset: u32,
    packed: u32,
    length: u32,
    crc: u32,
    is_deflated: bool,
}

/// An archive whose directory was read.
pub struct Archive<'s> {
    source: &'s dyn Source,
    /// Where the directory begins: no file reaches further.
    end: u64,
    /// `contents/<digest>`, sorted by digest.
    contents: Vec<(Digest, Place)>,
    /// All other files by path.
    others: BTreeMap<String, Place>,
}

fn bad(why: impl Into<String>) -> Error {
    Error::malformed("bundle", why)
}

fn unreadable(what: &str, error: &io::Error) -> Error {
    super::unread("bundle", what, error.kind(), error)
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    bytes.get(at..at + 2).map_or(0, |b| u16::from_le_bytes([b[0], b[1]]))
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).map_or(0, |b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from(u32_at(bytes, at)) | u64::from(u32_at(bytes, at + 4)) << 32
}

/// `contents/<64 lower-case hexadecimal digits>`.
fn content_name(path: &str) -> Option<Digest> {
    let digest: Digest = path.strip_prefix(CONTENTS)?.parse().ok()?;
    (format!("{CONTENTS}{digest}") == path).then_some(digest)
}

/// Where the directory lies and how many files it names.
struct Directory {
    offset: u64,
    length: u64,
    files: u64,
}

impl Directory {
    fn find(source: &dyn Source) -> Result<Self> {
        let length = source.length();
        let tail_length = length.min((END_LENGTH + LOCATOR_64_LENGTH) as u64);
        let mut tail = vec![0; tail_length as usize];
        source.read(length - tail_length, &mut tail).map_err(|e| unreadable("its end", &e))?;
        // In a comment another end record could stand: there is none.
        let is_end = |at: &usize| tail.get(*at..*at + 4) == Some(&END) && u16_at(&tail, at + 20) == 0;
        let at = tail.len().checked_sub(END_LENGTH).filter(is_end);
        let at = at.ok_or_else(|| {
            bad("not a ZIP archive, cut short, or something stands behind its end: its directory is missing")
        })?;
        let end = tail.get(at..).unwrap_or_default();
        if u32_at(end, 4) != 0 || u16_at(end, 8) != u16_at(end, 10) {
            return Err(bad("an archive in several volumes"));
        }
        let end_offset = length - (tail.len() - at) as u64;
        let mut found =
            Self { offset: u32_at(end, 16).into(), length: u32_at(end, 12).into(), files: u16_at(end, 10).into() };
        let locator = at.checked_sub(LOCATOR_64_LENGTH).and_then(|from| tail.get(from..at));
        let mut ends_at = end_offset;
        if let Some(locator) = locator.filter(|l| l.starts_with(&LOCATOR_64)) {
            ends_at = u64_at(locator, 8);
            let mut record = [0; END_64_LENGTH];
            source.read(ends_at, &mut record).map_err(|e| unreadable("its end", &e))?;
            let closes = end_offset.checked_sub((LOCATOR_64_LENGTH + END_64_LENGTH) as u64) == Some(ends_at);
            if !record.starts_with(&END_64) || !closes {
                return Err(bad("its end record is not where it says"));
            }
            let long = Self { offset: u64_at(&record, 48), length: u64_at(&record, 40), files: u64_at(&record, 32) };
            // What does not fit the short record is all ones there.
            let agree = |short: u64, ones: u64, long: u64| short == long || short == ones;
            let is_same = agree(found.offset, u32::MAX.into(), long.offset)
                && agree(found.length, u32::MAX.into(), long.length)
                && agree(found.files, u16::MAX.into(), long.files)
                && u64_at(&record, 24) == long.files;
            if !is_same {
                return Err(bad("its two end records differ"));
            }
            found = long;
        }
        if found.offset.checked_add(found.length) != Some(ends_at) {
            return Err(bad("its directory is not where it says"));
        }
        if found.files > FILES_MAX as u64 {
            return Err(bad(format!("{} files; at most {FILES_MAX} are allowed", found.files)));
        }
        if found.files > found.length / CENTRAL_LENGTH as u64 {
            return Err(bad("its directory is shorter than the files it counts"));
        }
        Ok(found)
    }
}

/// Bytes of a source from some offset on.
struct From<'s> {
    source: &'s dyn Source,
    at: u64,
    end: u64,
    window: Vec<u8>,
    used: usize,
}

impl<'s> From<'s> {
    fn new(source: &'s dyn Source, at: u64, end: u64) -> Self {
        Self { source, at, end, window: Vec::new(), used: 0 }
    }
}

impl Read for From<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.used == self.window.len() {
            let length = (self.end - self.at).min(WINDOW as u64);
            self.window.resize(length as usize, 0);
            self.source.read(self.at, &mut self.window)?;
            self.at += length;
            self.used = 0;
        }
        let rest = self.window.get(self.used..).unwrap_or_default();
        let length = rest.len().min(buffer.len());
        buffer[..length].copy_from_slice(&rest[..length]);
        self.used += length;
        Ok(length)
    }
}

/// One line of the directory.
struct Named {
    path: String,
    place: Place,
}

fn next_file(directory: &mut From<'_>) -> Result<Named> {
    let unread = |e: io::Error| unreadable("its directory", &e);
    let mut fixed = [0; CENTRAL_LENGTH];
    directory.read_exact(&mut fixed).map_err(unread)?;
    if !fixed.starts_with(&CENTRAL) {
        return Err(bad("its directory is damaged"));
    }
    let (path, extra) = (usize::from(u16_at(&fixed, 28)), usize::from(u16_at(&fixed, 30)));
    let comment = usize::from(u16_at(&fixed, 32));
    if path > PATH_MAX {
        return Err(Error::too_large("path in a bundle", path, PATH_MAX));
    }
    let mut rest = vec![0; path + extra + comment];
    directory.read_exact(&mut rest).map_err(unread)?;
    rest.truncate(path);
    let path = String::from_utf8(rest).map_err(|_| bad("a path that is not UTF-8"))?;
    let is_deflated = match (u16_at(&fixed, 10), u16_at(&fixed, 8) & ENCRYPTED) {
        (0, 0) => false,
        (8, 0) => true,
        (_, ENCRYPTED) => return Err(bad(format!("{path} is encrypted"))),
        (other, _) => return Err(bad(format!("{path} is packed by method {other}, neither stored nor deflated"))),
    };
    let place = Place {
        offset: u32_at(&fixed, 42),
        packed: u32_at(&fixed, 20),
        length: u32_at(&fixed, 24),
        crc: u32_at(&fixed, 16),
        is_deflated,
    };
    if !is_deflated && place.packed != place.length {
        return Err(bad(format!("{path} is stored with two lengths")));
    }
    Ok(Named { path, place })
}

impl<'s> Archive<'s> {
    /// Reads the directory.
    ///
    /// The memory that unpacking takes is bounded by the length of the archive: the stated lengths must fit
    /// [`UNPACKED_MAX`], [`UNPACKED_RATIO`] and [`UNPACKED_FREE`], and unpacking stops where one is exceeded.
    ///
    /// # Errors
    /// Not an archive, one that is damaged, or one beyond the limits.
    pub fn open(source: &'s dyn Source) -> Result<Self> {
        let length = source.length();
        if length > BUNDLE_MAX as u64 {
            return Err(Error::TooLarge { what: "bundle", got: length, max: BUNDLE_MAX as u64 });
        }
        let found = Directory::find(source)?;
        let max = UNPACKED_MAX.min(UNPACKED_FREE + UNPACKED_RATIO * length);
        let (mut contents, mut others) = (Vec::with_capacity(found.files as usize), BTreeMap::new());
        let mut unpacked = 0_u64;
        let mut directory = From::new(source, found.offset, found.offset + found.length);
        for _ in 0..found.files {
            let Named { path, place } = next_file(&mut directory)?;
            unpacked = unpacked.saturating_add(place.length.into());
            for (what, got, max) in
                [("file of a bundle", place.length.max(place.packed).into(), FILE_MAX), (UNPACKED, unpacked, max)]
            {
                if got > max {
                    return Err(Error::TooLarge { what, got, max });
                }
            }
            if u64::from(place.offset) + u64::from(place.packed) > found.offset {
                return Err(bad(format!("{path} reaches into the directory")));
            }
            match content_name(&path) {
                Some(digest) => contents.push((digest, place)),
                None => {
                    if others.insert(path.clone(), place).is_some() {
                        return Err(bad(format!("the file {path} appears twice")));
                    }
                }
            }
        }
        if directory.read(&mut [0]).map_err(|e| unreadable("its directory", &e))? > 0 {
            return Err(bad("its directory goes on behind its last file"));
        }
        contents.shrink_to_fit();
        contents.sort_unstable_by_key(|(digest, _)| *digest);
        if let Some([(twice, _), _]) = contents.array_windows().find(|[a, b]| a.0 == b.0) {
            return Err(bad(format!("the file {CONTENTS}{twice} appears twice")));
        }
        Ok(Self { source, end: found.offset, contents, others })
    }

    /// How many files there are.
    pub fn files(&self) -> usize {
        self.contents.len() + self.others.len()
    }

    /// Digests that name contents, in order. Whether a content is the one its name says, [`Archive::content`] does not look.
    pub fn content_names(&self) -> impl ExactSizeIterator<Item = &Digest> {
        self.contents.iter().map(|(digest, _)| digest)
    }

    /// The digest that names the content at a place of [`Archive::content_names`].
    pub fn content_name(&self, at: usize) -> Option<&Digest> {
        self.contents.get(at).map(|(digest, _)| digest)
    }

    /// The place of a path in [`Archive::content_names`]; `None` when it names no content, or one that is not there.
    pub fn content_index(&self, path: &str) -> Option<usize> {
        self.content_at(&content_name(path)?)
    }

    /// The place of a content among [`Archive::content_names`], if it is there.
    pub fn content_at(&self, digest: &Digest) -> Option<usize> {
        self.contents.binary_search_by_key(digest, |(name, _)| *name).ok()
    }

    /// Paths of all files but contents, in order.
    pub fn paths(&self) -> impl ExactSizeIterator<Item = &str> {
        self.others.keys().map(String::as_str)
    }

    /// Length of a file, unpacked.
    pub fn length_of(&self, path: &str) -> Option<u64> {
        self.place(path).map(|place| place.length.into())
    }

    fn place(&self, path: &str) -> Option<&Place> {
        match content_name(path) {
            Some(digest) => self.contents.get(self.content_at(&digest)?).map(|(_, place)| place),
            None => self.others.get(path),
        }
    }

    /// The bytes of a file; `None` when there is none of this path.
    ///
    /// # Errors
    /// The file cannot be read, or is not as long as the archive states, or its checksum does not hold.
    pub fn file(&self, path: &str) -> Result<Option<Vec<u8>>> {
        self.place(path).map(|place| self.unpack(path, place)).transpose()
    }

    /// The bytes of `contents/<digest>`; `None` when it is not in the archive.
    ///
    /// # Errors
    /// As [`Archive::file`].
    pub fn content(&self, digest: &Digest) -> Result<Option<Vec<u8>>> {
        self.content_at(digest).map_or(Ok(None), |at| self.content_of(at))
    }

    /// Length of a content, unpacked, by its place among [`Archive::content_names`].
    pub fn content_length(&self, at: usize) -> Option<u64> {
        self.contents.get(at).map(|(_, place)| place.length.into())
    }

    /// The bytes of a content by its place among [`Archive::content_names`]; `None` beyond the last.
    ///
    /// # Errors
    /// As [`Archive::file`].
    pub fn content_of(&self, at: usize) -> Result<Option<Vec<u8>>> {
        let content = self.contents.get(at);
        content.map(|(digest, place)| self.unpack(&format!("{CONTENTS}{digest}"), place)).transpose()
    }

    /// The same for bytes whose digest is compared by whoever asks: the archive's checksum says less, and is not computed.
    ///
    /// # Errors
    /// As [`Archive::file`], but for the checksum.
    pub fn content_to_digest(&self, at: usize) -> Result<Option<Vec<u8>>> {
        let content = self.contents.get(at);
        content.map(|(digest, place)| self.unpack_unchecked(&format!("{CONTENTS}{digest}"), place)).transpose()
    }

    /// Where the packed bytes of a file begin, and those that were read beside its header.
    fn packed(&self, path: &str, place: &Place, ahead: usize) -> Result<(u64, Vec<u8>)> {
        let offset = u64::from(place.offset);
        let room = (self.end - offset).min((LOCAL_LENGTH + path.len() + ahead) as u64);
        let mut bytes = vec![0; room as usize];
        self.source.read(offset, &mut bytes).map_err(|e| unreadable(path, &e))?;
        let name = usize::from(u16_at(&bytes, 26));
        let skipped = LOCAL_LENGTH + name + usize::from(u16_at(&bytes, 28));
        let method = if place.is_deflated { 8 } else { 0 };
        let (flags, stated) = (u16_at(&bytes, 6), [14, 18, 22].map(|at| u32_at(&bytes, at)));
        let is_same = bytes.starts_with(&LOCAL)
            && bytes.get(LOCAL_LENGTH..LOCAL_LENGTH + name) == Some(path.as_bytes())
            && u16_at(&bytes, 8) == method
            && flags & ENCRYPTED == 0
            && (flags & FOLLOWS != 0 || stated == [place.crc, place.packed, place.length]);
        if !is_same || offset + skipped as u64 + u64::from(place.packed) > self.end {
            return Err(bad(format!("{path} is not where the directory says")));
        }
        bytes.drain(..skipped.min(bytes.len()));
        Ok((offset + skipped as u64, bytes))
    }

    fn unpack(&self, path: &str, place: &Place) -> Result<Vec<u8>> {
        let bytes = self.unpack_unchecked(path, place)?;
        let mut crc = Crc::new();
        crc.update(&bytes);
        if crc.sum() != place.crc {
            return Err(bad(format!("{path}: its checksum does not hold")));
        }
        Ok(bytes)
    }

    fn unpack_unchecked(&self, path: &str, place: &Place) -> Result<Vec<u8>> {
        let (at, mut packed) = self.packed(path, place, place.packed as usize)?;
        // Something stood between name and bytes: what was not read yet.
        let read = packed.len();
        packed.resize(place.packed as usize, 0);
        if let Some(rest) = packed.get_mut(read..).filter(|rest| !rest.is_empty()) {
            self.source.read(at + read as u64, rest).map_err(|e| unreadable(path, &e))?;
        }
        if place.is_deflated { inflate(path, &packed, place.length as usize) } else { Ok(packed) }
    }

    /// A file as a stream, for one that is too long to be held. Whether it is whole is [`Archive::digest_of`]'s to say; one byte more than
    /// stated shows what is longer, and nothing unpacks beyond that.
    ///
    /// # Errors
    /// There is no such file, or it is not where the directory says.
    pub fn stream(&self, path: &str) -> Result<Box<dyn Read + '_>> {
        let place = self.place(path).ok_or_else(|| bad(format!("{path} is missing")))?;
        self.stream_of(path, place)
    }

    fn stream_of(&self, path: &str, place: &Place) -> Result<Box<dyn Read + '_>> {
        let (at, _) = self.packed(path, place, 0)?;
        let packed = From::new(self.source, at, at + u64::from(place.packed));
        let most = u64::from(place.length) + 1;
        Ok(if place.is_deflated {
            Box::new(DeflateDecoder::new(packed).take(most))
        } else {
            Box::new(packed.take(most))
        })
    }

    /// SHA-256 of a file, which need not be held for it; `None` when there is none of this path.
    ///
    /// # Errors
    /// As [`Archive::file`].
    pub fn digest_of(&self, path: &str) -> Result<Option<Digest>> {
        self.place(path).map(|place| self.digest(path, place)).transpose()
    }

    /// SHA-256 of a content by its place among [`Archive::content_names`], which need not be held for it; `None` beyond the last.
    ///
    /// # Errors
    /// As [`Archive::file`].
    pub fn content_digest_of(&self, at: usize) -> Result<Option<Digest>> {
        let content = self.contents.get(at);
        content.map(|(digest, place)| self.digest(&format!("{CONTENTS}{digest}"), place)).transpose()
    }

    fn digest(&self, path: &str, place: &Place) -> Result<Digest> {
        if place.length.max(place.packed) <= HELD_MAX {
            return Ok(sha256(&self.unpack(path, place)?));
        }
        let mut stream = self.stream_of(path, place)?;
        let (mut hash, mut crc) = (DigestWriter::default(), Crc::new());
        let mut piece = vec![0; WINDOW];
        let mut length = 0;
        loop {
            let read = stream.read(&mut piece).map_err(|e| unreadable(path, &e))?;
            let bytes = piece.get(..read).unwrap_or_default();
            if bytes.is_empty() {
                break;
            }
            length += read as u64;
            hash.update(bytes);
            crc.update(bytes);
        }
        if length != u64::from(place.length) {
            return Err(other_length(path, u64::from(place.length)));
        }
        if crc.sum() != place.crc {
            return Err(bad(format!("{path}: its checksum does not hold")));
        }
        Ok(hash.finish())
    }
}

fn other_length(path: &str, stated: u64) -> Error {
    bad(format!("{path} is not the {stated} bytes long that the archive states"))
}

fn inflate(path: &str, packed: &[u8], length: usize) -> Result<Vec<u8>> {
    // One byte more than stated shows what is longer.
    let mut bytes = Vec::with_capacity(length + 1);
    let mut state = Decompress::new(false);
    let status = state.decompress_vec(packed, &mut bytes, FlushDecompress::Finish);
    let is_whole = matches!(status, Ok(Status::StreamEnd)) && bytes.len() == length;
    if !is_whole || state.total_in() != packed.len() as u64 {
        return Err(other_length(path, length as u64));
    }
    Ok(bytes)
}
