//! What a decoder says about bytes it refuses.

/// Why bytes were refused. The text names the format and the field, never the bytes themselves.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Longer than the format allows; nothing was allocated for it.
    #[error("{what} is {got} bytes long; at most {max} are allowed")]
    TooLarge {
        /// The format or field.
        what: &'static str,
        /// Bytes found.
        got: u64,
        /// Bytes allowed.
        max: u64,
    },
    /// The disk, or whatever holds the bytes, failed; of the bytes themselves this says nothing.
    #[error("{what} cannot be read: {why}")]
    Unreadable {
        /// What was being read.
        what: String,
        /// What the system said.
        why: String,
    },
    /// Not the shape that `docs/formats.md` gives.
    #[error("{what}: {why}")]
    Malformed {
        /// The format or field.
        what: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// A version or algorithm this program does not know.
    #[error("{what} has version {got}; this program knows {known}")]
    UnknownVersion {
        /// The format.
        what: &'static str,
        /// Found.
        got: u32,
        /// The newest known here.
        known: u32,
    },
    /// An Ed25519 signature that does not hold under the key given.
    #[error("the signature of {what} does not hold under this key")]
    BadSignature {
        /// What was signed.
        what: &'static str,
    },
    /// Content whose SHA-256 is not the one the signed header names.
    #[error("the content of {what} is not the one its header names")]
    DigestMismatch {
        /// Whose content.
        what: &'static str,
    },
}

impl Error {
    pub(crate) fn malformed(what: &'static str, why: impl Into<String>) -> Self {
        Self::Malformed { what, why: why.into() }
    }

    /// Of a length in memory.
    pub(crate) fn too_large(what: &'static str, got: usize, max: usize) -> Self {
        Self::TooLarge { what, got: got as u64, max: max as u64 }
    }
}

/// The result of every decoder here.
pub type Result<T> = std::result::Result<T, Error>;
