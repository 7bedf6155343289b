//! Cosignatures of witnesses: C2SP `tlog-cosignature`, the Ed25519 kind ("cosignature/v1").
//!
//! A cosignature is one more signature line below a checkpoint: a body that is not the log's operator says that, at the time
//! it states, this was the largest tree of this log it had seen, and that it continues every one it signed before. The line
//! holds key id ‖ time (u64 big-endian, Unix seconds) ‖ signature over `cosignature/v1\ntime <seconds>\n<text of the note>`;
//! the key id is the first four bytes of SHA-256(name ‖ "\n" ‖ 0x04 ‖ key).

use std::fmt;

use data_encoding::BASE64;

use crate::{
    Error, PublicKey, Result, SecretKey, Signature,
    note::{DASH, NOTE_MAX, VerifierKey, key_id, parse_key, show_key, signature_lines, split},
};

/// Signature type of the key id and of the key's text form.
pub(crate) const COSIGNATURE_V1: u8 = 0x04;
/// Time and signature.
const LENGTH: usize = 8 + 64;

/// The public half of a witness's key, with its name: `<name>+<key id>+<base64(0x04 ‖ key)>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WitnessKey {
    /// The name that its cosignatures carry; no spaces, no `+`.
    pub name: String,
    /// The key.
    pub key: PublicKey,
}

impl WitnessKey {
    /// A named key. The name must be usable in a signature line.
    pub fn new(name: &str, key: PublicKey) -> Result<Self> {
        let VerifierKey { name, key } = VerifierKey::new(name, key)?;
        Ok(Self { name, key })
    }

    /// The four-byte hint of the signature line.
    pub fn id(&self) -> [u8; 4] {
        key_id(&self.name, COSIGNATURE_V1, &self.key)
    }

    /// Reads the text form.
    pub fn parse(text: &str) -> Result<Self> {
        let (name, key) = parse_key(text, COSIGNATURE_V1)?;
        Ok(Self { name, key })
    }
}

impl fmt::Display for WitnessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        show_key(f, &self.name, COSIGNATURE_V1, &self.key)
    }
}

/// Cosigns the text of a checkpoint at `seconds` (Unix); returns the signature line, ended.
pub fn cosign(text: &str, name: &str, key: &SecretKey, seconds: u64) -> Result<String> {
    if !text.ends_with('\n') || i64::try_from(seconds).is_err() {
        return Err(Error::malformed("cosignature", "the text does not end in a newline, or the time is out of range"));
    }
    let witness = WitnessKey::new(name, key.public())?;
    let mut bytes = witness.id().to_vec();
    bytes.extend_from_slice(&seconds.to_be_bytes());
    bytes.extend_from_slice(&key.sign("", &message(text, seconds)).0);
    Ok(format!("{DASH}{name} {}\n", BASE64.encode(&bytes)))
}

/// When `key` cosigned this note, Unix seconds; `None` when no line is by it. Of several the newest counts.
///
/// # Errors
/// When the note cannot be read, or a line that carries the key's name and id does not hold.
pub fn cosigned_at(note: &str, key: &WitnessKey) -> Result<Option<u64>> {
    let (text, lines) = split(note)?;
    let mut newest = None;
    for line in lines.iter().filter(|line| line.is_by(&key.name, key.id())) {
        newest = newest.max(Some(holds(text, key, &line.signature)?));
    }
    Ok(newest)
}

/// Adds what a witness answered to the note it was asked about, and says when it signed. Only the line of `key` is taken;
/// an older line of the same key gives way.
///
/// # Errors
/// When the answer has no line of this witness, or its signature does not hold.
pub fn attach(note: &str, answer: &str, key: &WitnessKey) -> Result<(String, u64)> {
    if answer.len() > NOTE_MAX {
        return Err(Error::too_large("cosignature", answer.len(), NOTE_MAX));
    }
    let (text, lines) = split(note)?;
    let answered = signature_lines(answer)?;
    let Some(own) = answered.iter().find(|line| line.is_by(&key.name, key.id())) else {
        return Err(Error::malformed("cosignature", format!("no line is by {}", key.name)));
    };
    let seconds = holds(text, key, &own.signature)?;
    let mut cosigned = format!("{text}\n");
    for line in lines.iter().filter(|line| !line.is_by(&key.name, key.id())).chain([own]) {
        cosigned.push_str(line.line);
        cosigned.push('\n');
    }
    if cosigned.len() > NOTE_MAX {
        return Err(Error::too_large("signed note", cosigned.len(), NOTE_MAX));
    }
    Ok((cosigned, seconds))
}

fn holds(text: &str, key: &WitnessKey, bytes: &[u8]) -> Result<u64> {
    let (Some(time), LENGTH) = (bytes.first_chunk::<8>(), bytes.len()) else {
        return Err(Error::malformed("cosignature", format!("{} bytes where {LENGTH} belong", bytes.len())));
    };
    let seconds = u64::from_be_bytes(*time);
    if i64::try_from(seconds).is_err() {
        return Err(Error::malformed("cosignature", "its time is out of range"));
    }
    let signature = Signature::from_slice(&bytes[8..])?;
    key.key.verify_bytes("cosignature", &message(text, seconds), &signature)?;
    Ok(seconds)
}

fn message(text: &str, seconds: u64) -> Vec<u8> {
    format!("cosignature/v1\ntime {seconds}\n{text}").into_bytes()
}
