//! Signed notes and checkpoints: C2SP `signed-note` and `tlog-checkpoint`.
//!
//! A checkpoint is the text `<origin>\n<size>\n<base64 root>\n`, a blank line, then one line per signature:
//! `— <key name> <base64(key id ‖ signature)>`. The key id is the first four bytes of SHA-256(name ‖ "\n" ‖ 0x01 ‖ key).

use std::fmt;

use data_encoding::{BASE64, HEXLOWER};

use crate::{Digest, Error, PublicKey, Result, SecretKey, Signature, sha256};

/// Longest signed note, bytes: a checkpoint with well over the 16 signatures that C2SP wants every reader to take.
pub const NOTE_MAX: usize = 16 * 1024;

const ED25519: u8 = 0x01;
pub(crate) const DASH: &str = "\u{2014} ";

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
        check_name(name)?;
        Ok(Self { name: name.to_owned(), key })
    }

    /// The four-byte hint of the signature line.
    pub fn id(&self) -> [u8; 4] {
        key_id(&self.name, ED25519, &self.key)
    }

    /// Reads the text form.
    pub fn parse(text: &str) -> Result<Self> {
        let (name, key) = parse_key(text, ED25519)?;
        Ok(Self { name, key })
    }
}

fn check_name(name: &str) -> Result<()> {
    if name.is_empty() || name.len() > 128 || name.chars().any(|c| c.is_whitespace() || c == '+' || c.is_control()) {
        return Err(Error::malformed("key name", "empty, too long, or with a space or '+'"));
    }
    Ok(())
}

/// First four bytes of SHA-256(name ‖ "\n" ‖ type ‖ key).
pub(crate) fn key_id(name: &str, kind: u8, key: &PublicKey) -> [u8; 4] {
    let mut bytes = name.as_bytes().to_vec();
    bytes.extend_from_slice(&[b'\n', kind]);
    bytes.extend_from_slice(&key.to_bytes());
    let digest = sha256(&bytes).0;
    [digest[0], digest[1], digest[2], digest[3]]
}

/// Reads `<name>+<key id>+<base64(type ‖ key)>` of one signature type.
pub(crate) fn parse_key(text: &str, kind: u8) -> Result<(String, PublicKey)> {
    let bad = |why: &str| Error::malformed("verifier key", why);
    // The base64 part may hold '+', so split only twice.
    let mut parts = text.splitn(3, '+');
    let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(bad("not <name>+<id>+<key>"));
    };
    let bytes = base64(key).ok_or_else(|| bad("the key is not base64"))?;
    let key = match bytes.split_first() {
        Some((found, key)) if *found == kind => key,
        Some((&ED25519, _)) => return Err(bad("the key of a log, where that of a witness belongs")),
        Some((&crate::cosignature::COSIGNATURE_V1, _)) => {
            return Err(bad("the key of a witness, where that of a log belongs"));
        }
        _ => return Err(bad("not an Ed25519 key")),
    };
    check_name(name)?;
    let key = PublicKey::from_slice(key)?;
    if HEXLOWER.encode(&key_id(name, kind, &key)) != id {
        return Err(bad("the id does not belong to the name and key"));
    }
    Ok((name.to_owned(), key))
}

/// The text form that [`parse_key`] reads.
pub(crate) fn show_key(f: &mut fmt::Formatter<'_>, name: &str, kind: u8, key: &PublicKey) -> fmt::Result {
    let mut bytes = vec![kind];
    bytes.extend_from_slice(&key.to_bytes());
    write!(f, "{name}+{}+{}", HEXLOWER.encode(&key_id(name, kind, key)), BASE64.encode(&bytes))
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        show_key(f, &self.name, ED25519, &self.key)
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

/// Returns the text of `note` when one of its signature lines is by `key` and holds. Lines of other keys are ignored.
pub fn verify<'n>(note: &'n str, key: &VerifierKey) -> Result<&'n str> {
    let (text, lines) = split(note)?;
    let mut ours = lines.iter().filter(|line| line.is_by(&key.name, key.id())).peekable();
    if ours.peek().is_none() {
        return Err(Error::malformed("signed note", format!("not signed by {}", key.name)));
    }
    for line in ours {
        key.key.verify_bytes("checkpoint", text.as_bytes(), &Signature::from_slice(&line.signature)?)?;
    }
    Ok(text)
}

/// The note with no other signatures than those of `key`, which must hold.
pub fn only(note: &str, key: &VerifierKey) -> Result<String> {
    let text = verify(note, key)?;
    let (_, lines) = split(note)?;
    let own = lines.iter().filter(|line| line.is_by(&key.name, key.id())).map(|line| format!("{}\n", line.line));
    Ok(format!("{text}\n{}", own.collect::<String>()))
}

/// One signature line of a note.
pub(crate) struct SignatureLine<'n> {
    name: &'n str,
    id: [u8; 4],
    /// What follows the key id.
    pub(crate) signature: Vec<u8>,
    /// The whole line, without its newline.
    pub(crate) line: &'n str,
}

impl SignatureLine<'_> {
    pub(crate) fn is_by(&self, name: &str, id: [u8; 4]) -> bool {
        self.name == name && self.id == id
    }
}

/// Takes a note apart into its text and its signature lines, without believing any.
pub(crate) fn split(note: &str) -> Result<(&str, Vec<SignatureLine<'_>>)> {
    let (text, signatures) = parts(note)?;
    Ok((text, signature_lines(signatures)?))
}

/// The text of a note, and what stands below its last blank line. C2SP has no control character in a note but the newline.
fn parts(note: &str) -> Result<(&str, &str)> {
    if note.len() > NOTE_MAX {
        return Err(Error::too_large("signed note", note.len(), NOTE_MAX));
    }
    if note.chars().any(|c| c < ' ' && c != '\n') {
        return Err(Error::malformed("signed note", "a control character; its lines end in LF alone"));
    }
    let end =
        note.rfind("\n\n").ok_or_else(|| Error::malformed("signed note", "no blank line before the signatures"))?;
    Ok((&note[..=end], &note[end + 2..]))
}

/// Lines that are all ended, by LF and nothing else.
fn lines(text: &str) -> Option<std::str::Split<'_, char>> {
    text.strip_suffix('\n').map(|text| text.split('\n'))
}

/// Reads signature lines alone: the end of a note, or what a witness answers.
pub(crate) fn signature_lines(text: &str) -> Result<Vec<SignatureLine<'_>>> {
    let read =
        |line| signature_line(line).ok_or_else(|| Error::malformed("signed note", "a line that is no signature"));
    let lines =
        lines(text).ok_or_else(|| Error::malformed("signed note", "no signature line, or the last is not ended"))?;
    lines.map(read).collect()
}

/// Reads base64 in its one spelling: the decoder also takes padding inside, as if two texts followed each other.
pub(crate) fn base64(text: &str) -> Option<Vec<u8>> {
    BASE64.decode(text.as_bytes()).ok().filter(|bytes| BASE64.encode(bytes) == text)
}

fn signature_line(line: &str) -> Option<SignatureLine<'_>> {
    let (name, bytes) = line.strip_prefix(DASH)?.split_once(' ')?;
    let bytes = base64(bytes)?;
    let (id, signature) = bytes.split_at_checked(4)?;
    Some(SignatureLine { name, id: id.try_into().ok()?, signature: signature.to_vec(), line })
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
        let mut lines = lines(text).ok_or_else(|| bad("its last line is not ended"))?;
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
        let root = base64(root).ok_or_else(|| bad("the root is not base64"))?;
        Ok(Self { origin: origin.to_owned(), size: number, root: Digest::from_slice("checkpoint root", &root)? })
    }

    /// Checks the note under `key` and reads it.
    pub fn verify(note: &str, key: &VerifierKey) -> Result<Self> {
        Self::parse(verify(note, key)?)
    }

    /// Reads a signed note without believing it.
    pub fn read_unverified(note: &str) -> Result<Self> {
        Self::parse(parts(note)?.0)
    }
}
