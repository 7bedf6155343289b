//! The cursor file: what the server has receipted, as of the last time we wrote it down.
//!
//! It is **allowed to be stale**: an old cursor only makes the agent send again what the server already holds, and the
//! server recognises it. It is written at most every few seconds, and always before a segment is unlinked, so that
//! recovery can tell "trimmed after a receipt" from "missing".
//!
//! ```text
//! offset bytes
//!      0     8  "GZCUR" 00 00 01
//!      8     8  receipted_end    every position below this is receipted
//!     16     8  logged_end       every position below this is under a signed checkpoint
//!     24     8  first_kept       first position not trimmed
//!     32     8  server_ms        newest signed server time, milliseconds since the Unix epoch
//!     40     4  count
//!     44  16·n  segment number (8), server_ms when it was wholly receipted (8)
//!  44+16n    4  CRC32C of everything before
//! ```
//!
//! Ages are measured with the *server's* signed time, because a gateway that believes it is 1970 must not decide that
//! 72 hours have passed.

/// Name of the file, and of the file that replaces it.
pub const NAME: &str = "cursor";
/// Written first, synced, then renamed to [`NAME`].
pub const NEW_NAME: &str = "cursor.new";

const MAGIC: [u8; 8] = *b"GZCUR\0\0\x01";
const FIXED_BYTES: usize = 44;

/// More segments than this do not exist: 8 MiB each, that is 512 GiB.
const SEGMENTS_MAX: u32 = 65_536;

/// What the server has said about our positions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cursor {
    /// Every position below this is receipted.
    pub receipted_end: u64,
    /// Every position below this is under a signed checkpoint of the site log.
    pub logged_end: u64,
    /// First position that was not trimmed.
    pub first_kept: u64,
    /// Newest signed server time seen, milliseconds since the Unix epoch.
    pub server_ms: i64,
    /// Wholly receipted segments with the server time at which they became so.
    pub receipted_segments: Vec<(u64, i64)>,
}

impl Cursor {
    /// The file's bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(FIXED_BYTES + 16 * self.receipted_segments.len() + 4);
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&self.receipted_end.to_be_bytes());
        out.extend_from_slice(&self.logged_end.to_be_bytes());
        out.extend_from_slice(&self.first_kept.to_be_bytes());
        out.extend_from_slice(&self.server_ms.to_be_bytes());
        out.extend_from_slice(&(self.receipted_segments.len() as u32).to_be_bytes());
        for (number, server_ms) in &self.receipted_segments {
            out.extend_from_slice(&number.to_be_bytes());
            out.extend_from_slice(&server_ms.to_be_bytes());
        }
        let checksum = crc32c::crc32c(&out);
        out.extend_from_slice(&checksum.to_be_bytes());
        out
    }

    /// `None` unless intact.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (body, checksum) = bytes.split_last_chunk::<4>()?;
        if body.len() < FIXED_BYTES || body[..8] != MAGIC || crc32c::crc32c(body) != u32::from_be_bytes(*checksum) {
            return None;
        }
        let count = u32::from_be_bytes(body[40..44].try_into().ok()?);
        if count > SEGMENTS_MAX || body.len() != FIXED_BYTES + 16 * count as usize {
            return None;
        }
        let word = |at: usize| Some(u64::from_be_bytes(body.get(at..at + 8)?.try_into().ok()?));
        let mut receipted_segments = Vec::with_capacity(count as usize);
        for index in 0..count as usize {
            let at = FIXED_BYTES + 16 * index;
            receipted_segments.push((word(at)?, word(at + 8)? as i64));
        }
        Some(Cursor {
            receipted_end: word(8)?,
            logged_end: word(16)?,
            first_kept: word(24)?,
            server_ms: word(32)? as i64,
            receipted_segments,
        })
    }
}
