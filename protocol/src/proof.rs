//! Proofs in the text forms of C2SP: `tlog-proof` (one leaf is in the log) and the request of `tlog-witness` (a newer
//! checkpoint continues an older one).
//!
//! ```text
//! c2sp.org/tlog-proof@v1            old <size>
//! extra <base64 of the leaf>        <base64 hash>      (the consistency proof)
//! index <number>                    …
//! <base64 hash>                     ⏎
//! …                                 <signed checkpoint>
//! ⏎
//! <signed checkpoint>
//! ```
//!
//! Both carry a checkpoint verbatim, with every cosignature, and say nothing by themselves about whose it is.

use data_encoding::BASE64;

use crate::{
    Digest, Error, Result,
    leaf::LEAF_MAX,
    note::{Checkpoint, NOTE_MAX, base64},
    tree,
};

/// Most hashes of a proof: the depth of a tree of 2⁶³ leaves.
pub const HASHES_MAX: usize = 63;
/// Longest proof of either kind, bytes.
pub const PROOF_MAX: usize = NOTE_MAX + HASHES_MAX * 45 + LEAF_MAX * 2;

const HEADER: &str = "c2sp.org/tlog-proof@v1\n";

/// One leaf is in the log: a `.tlog-proof` file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InclusionProof {
    /// The leaf itself, as "extra data"; a proof made by others may leave it out.
    pub leaf: Option<Vec<u8>>,
    /// Its place in the log.
    pub index: u64,
    /// Siblings from the leaf up.
    pub hashes: Vec<Digest>,
    /// The signed checkpoint, with cosignatures.
    pub note: String,
}

impl InclusionProof {
    /// The file's text.
    pub fn encode(&self) -> String {
        let extra = self.leaf.as_ref().map(|leaf| format!("extra {}\n", BASE64.encode(leaf))).unwrap_or_default();
        format!("{HEADER}{extra}index {}\n{}\n{}", self.index, hash_lines(&self.hashes), self.note)
    }

    /// Reads the file's text. Nothing in it is believed yet.
    pub fn parse(text: &str) -> Result<Self> {
        let bad = |why: &str| Error::malformed("tlog-proof", why);
        let (head, note) = take_note(text, "tlog-proof")?;
        let head = head.strip_prefix(HEADER).ok_or_else(|| bad("the first line is not c2sp.org/tlog-proof@v1"))?;
        let mut lines = head.lines().peekable();
        let leaf = match lines.peek().and_then(|line| line.strip_prefix("extra ")) {
            None => None,
            Some(extra) => {
                let bytes = base64(extra).ok_or_else(|| bad("the extra data are not base64"))?;
                lines.next();
                Some(bytes)
            }
        };
        let index = lines.next().and_then(|line| line.strip_prefix("index ")).and_then(number);
        let index = index.ok_or_else(|| bad("no line with the index, or not a plain number in it"))?;
        Ok(Self { leaf, index, hashes: hashes(lines, "tlog-proof")?, note })
    }

    /// Whether a leaf of this hash is at [`index`](Self::index) of the tree that the checkpoint states. Who signed the
    /// checkpoint is another question.
    pub fn holds(&self, leaf_hash: Digest) -> bool {
        Checkpoint::read_unverified(&self.note).is_ok_and(|checkpoint| {
            tree::verify_inclusion(leaf_hash, self.index, checkpoint.size, &self.hashes, &checkpoint.root)
        })
    }
}

/// A checkpoint and the proof that it continues an older one: what a witness is asked (`add-checkpoint`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsistencyProof {
    /// Size of the older checkpoint; 0 when there is none.
    pub old: u64,
    /// The proof, RFC 6962 §2.1.2.
    pub hashes: Vec<Digest>,
    /// The newer checkpoint, signed.
    pub note: String,
}

impl ConsistencyProof {
    /// The request's body.
    pub fn encode(&self) -> String {
        format!("old {}\n{}\n{}", self.old, hash_lines(&self.hashes), self.note)
    }

    /// Reads a request's body. Nothing in it is believed yet.
    pub fn parse(text: &str) -> Result<Self> {
        let bad = |why: &str| Error::malformed("consistency proof", why);
        let (head, note) = take_note(text, "consistency proof")?;
        let mut lines = head.lines();
        let old = lines.next().and_then(|line| line.strip_prefix("old ")).and_then(number);
        let old = old.ok_or_else(|| bad("the first line is not `old` and a plain number"))?;
        Ok(Self { old, hashes: hashes(lines, "consistency proof")?, note })
    }
}

/// Splits at the first blank line; what follows is the note, which may hold blank lines of its own.
fn take_note<'t>(text: &'t str, what: &'static str) -> Result<(&'t str, String)> {
    if text.len() > PROOF_MAX {
        return Err(Error::too_large(what, text.len(), PROOF_MAX));
    }
    let end = text.find("\n\n").ok_or_else(|| Error::malformed(what, "no blank line before the checkpoint"))?;
    let (head, note) = (&text[..=end], &text[end + 2..]);
    if head.contains('\r') {
        return Err(Error::malformed(what, "its lines end in CR LF; LF alone belongs there"));
    }
    Ok((head, note.to_owned()))
}

fn hash_lines(hashes: &[Digest]) -> String {
    hashes.iter().map(|hash| format!("{}\n", BASE64.encode(&hash.0))).collect()
}

fn hashes<'t>(lines: impl Iterator<Item = &'t str>, what: &'static str) -> Result<Vec<Digest>> {
    let mut hashes = Vec::new();
    for line in lines {
        if hashes.len() == HASHES_MAX {
            return Err(Error::malformed(what, format!("more than {HASHES_MAX} hashes")));
        }
        let bytes = base64(line).ok_or_else(|| Error::malformed(what, "a hash is not base64"))?;
        hashes.push(Digest::from_slice(what, &bytes)?);
    }
    Ok(hashes)
}

/// A decimal without sign or leading zeros.
fn number(text: &str) -> Option<u64> {
    text.parse::<u64>().ok().filter(|number| number.to_string() == text)
}
