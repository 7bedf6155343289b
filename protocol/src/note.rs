//! Signed notes and checkpoints: C2SP `signed-note` and `tlog-checkpoint`.
//!
//! A checkpoint is the text `<origin>\n<size>\n<base64 root>\n`, a blank line, then one line per signature:
//! `— <key name> <base64(key id ‖ signature)>`. The key id is the first four bytes of SHA-256(name ‖ "\n" ‖ 0x01 ‖ key).

use std::fmt;

use data_encoding::{BASE64, HEXLOWER};

use crate::{Digest, Error, PublicKey, Result, SecretKey, Signature, sha256};

/// Longest signed note, bytes.
pub const NOTE_MAX: usize = 4096;

const ED25519: u8 = 0x01;
const DASH: &str = "\u{2014} ";

/// The public half of a key that signs notes, with its name: `<name>+<key id>+<base64(0x01 ‖ key)>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifierKey {
    /// The name that its signature lines carry; no spaces, no `+`.
    pub name: String,
    /// The key.
    pub key: PublicKey,
}

impl VerifierKey {
    /// A named key. The name must be usable in a signature line.
    pub fn new(name: &str, key: PublicKey) -> Result<Self> {
        if name.is_empty() || name.len() > 128 || name.chars().any(|c| c.is_whitespace() || c == '+' || c.is_control())
        {
            return Err(Error::malformed("key name", "empty, too long, or with a space or '+'"));
        }
        Ok(Self { name: name.to_owned(), key })
    }

    /// The four-byte hint of the signature line.
    pub fn id(&self) -> [u8; 4] {
        let mut bytes = self.name.as_bytes().to_vec();
        bytes.extend_from_slice(b"\n");
        bytes.push(ED25519);
        bytes.extend_from_slice(&self.key.to_bytes());
        let digest = sha256(&bytes).0;
        [digest[0], digest[1], digest[2], digest[3]]
    }

    /// Reads the text form.
    pub fn parse(text: &str) -> Result<Self> {
        let bad = |why: &str| Error::malformed("verifier key", why);
        // The base64 part may hold '+', so split only twice.
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(bad("not <name>+<id>+<key>"));
        };
        let bytes = BASE64.decode(key.as_bytes()).map_err(|_| bad("the key is not base64"))?;
        let Some((&ED25519, key)) = bytes.split_first() else { return Err(bad("not an Ed25519 key")) };
        let key = Self::new(name, PublicKey::from_slice(key)?)?;
        if HEXLOWER.encode(&key.id()) != id {
            return Err(bad("the id does not belong to the name and key"));
        }
        Ok(key)
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = vec![ED25519];
        bytes.extend_from_slice(&self.key.to_bytes());
        write!(f, "{}+{}+{}", self.name, HEXLOWER.encode(&self.id()), BASE64.encode(&bytes))
    }
}

/// Signs `text`, which must end in a newline, and returns the whole note.
pub fn sign(text: &str, name: &str, key: &SecretKey) -> Result<String> {
    if !text.ends_with('\n') {
        return Err(Error::malformed("note", "the text does not end in a newline"));
    }
    let verifier = VerifierKey::new(name, key.public())?;
    let mut bytes = verifier.id().to_vec();
    bytes.extend_from_slice(&key.sign("", text.as_bytes()).0);
    Ok(format!("{text}\n{DASH}{name} {}\n", BASE64.encode(&bytes)))
}

/// Returns the text of `note` when one of its signature lines is by `key` and holds.
pub fn verify<'n>(note: &'n str, key: &VerifierKey) -> Result<&'n str> {
    if note.len() > NOTE_MAX {
        return Err(Error::TooLarge { what: "signed note", got: note.len(), max: NOTE_MAX });
    }
    let end =
        note.rfind("\n\n").ok_or_else(|| Error::malformed("signed note", "no blank line before the signatures"))?;
    let (text, signatures) = (&note[..=end], &note[end + 2..]);
    if signatures.is_empty() || !signatures.ends_with('\n') {
        return Err(Error::malformed("signed note", "no signature line, or the last is not ended"));
    }
    let mut ours = None;
    for line in signatures.lines() {
        let rest =
            line.strip_prefix(DASH).ok_or_else(|| Error::malformed("signed note", "a line that is no signature"))?;
        let (name, bytes) =
            rest.split_once(' ').ok_or_else(|| Error::malformed("signed note", "a signature without name"))?;
        let bytes =
            BASE64.decode(bytes.as_bytes()).map_err(|_| Error::malformed("signed note", "a signature not base64"))?;
        if name == key.name && bytes.get(..4) == Some(&key.id()) {
            ours = Some(Signature::from_slice(&bytes[4..])?);
        }
    }
    let signature = ours.ok_or_else(|| Error::malformed("signed note", format!("not signed by {}", key.name)))?;
    key.key.verify_bytes("checkpoint", text.as_bytes(), &signature)?;
    Ok(text)
}

/// Size and root of a site's log, under a signature. Only this is called a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which log: `<server name>/<site>`, with `/<epoch>` after a restore.
    pub origin: String,
    /// Number of leaves.
    pub size: u64,
    /// RFC 6962 root over them.
    pub root: Digest,
}

impl Checkpoint {
    /// The note's text.
    pub fn text(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, BASE64.encode(&self.root.0))
    }

    /// Signs it; `name` is the log key's name.
    pub fn sign(&self, name: &str, key: &SecretKey) -> Result<String> {
        sign(&self.text(), name, key)
    }

    /// Reads a note's text. Extension lines are ignored, as C2SP asks.
    pub fn parse(text: &str) -> Result<Self> {
        let bad = |why: &str| Error::malformed("checkpoint", why);
        let mut lines = text.lines();
        let (Some(origin), Some(size), Some(root)) = (lines.next(), lines.next(), lines.next()) else {
            return Err(bad("fewer than three lines"));
        };
        if origin.is_empty() {
            return Err(bad("no origin"));
        }
        let number: u64 = size.parse().map_err(|_| bad("the size is not a number"))?;
        if number.to_string() != size {
            return Err(bad("the size has leading zeros or a sign"));
        }
        let root = BASE64.decode(root.as_bytes()).map_err(|_| bad("the root is not base64"))?;
        Ok(Self { origin: origin.to_owned(), size: number, root: Digest::from_slice("checkpoint root", &root)? })
    }

    /// Checks the note under `key` and reads it.
    pub fn verify(note: &str, key: &VerifierKey) -> Result<Self> {
        Self::parse(verify(note, key)?)
    }

    /// Reads a signed note without believing it.
    pub fn read_unverified(note: &str) -> Result<Self> {
        let end = note.rfind("\n\n").ok_or_else(|| Error::malformed("signed note", "no blank line"))?;
        Self::parse(&note[..=end])
    }
}
