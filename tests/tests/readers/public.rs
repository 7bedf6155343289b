//! The public implementation of C2SP's formats, of Cloudflare's azul project: how it is asked.
//!
//! It knows no cosignatures; their message is two lines before the note's text, so one is put to its Ed25519 verifier as a note of
//! exactly that text.

use data_encoding::BASE64;
use protocol::Digest;
use protocol::cosignature::WitnessKey;
use protocol::note::VerifierKey;
use signed_note::{Note, StandardVerifier, VerifierList};
use tlog_tiles::{Hash, stored_hashes};

/// How many signatures of a note hold under a key; none when one under its name does not, or when it is no note.
pub(crate) fn verified(note: &str, key: &str) -> usize {
    let verifier = StandardVerifier::new(key).expect("their reading of our key");
    let known = VerifierList::new(vec![Box::new(verifier)]);
    let note = Note::from_bytes(note.as_bytes()).ok();
    note.and_then(|note| note.verify(&known).ok()).map_or(0, |(verified, _)| verified.len())
}

/// Whether a line below a note's text is a cosignature of it that holds.
pub(crate) fn cosigned(text: &str, line: &str, witness: &WitnessKey) -> bool {
    let signature = line.trim_end().rsplit_once(' ').and_then(|(_, encoded)| BASE64.decode(encoded.as_bytes()).ok());
    let Some((head, signature)) = signature.as_deref().and_then(<[u8]>::split_first_chunk::<12>) else { return false };
    let (id, seconds) = head.split_at(4);
    if id != witness.id() {
        return false;
    }
    let seconds = u64::from_be_bytes(seconds.try_into().expect("eight of twelve"));
    let plain = VerifierKey::new(&witness.name, witness.key).expect("a witness's name");
    let signature = BASE64.encode(&[&plain.id()[..], signature].concat());
    let name = &witness.name;
    let note = format!("cosignature/v1\ntime {seconds}\n{text}\n\u{2014} {name} {signature}\n");
    verified(&note, &plain.to_string()) == 1
}

/// Their stored hashes, in memory.
pub(crate) struct Stored(Vec<Hash>);

impl Stored {
    pub(crate) fn of<'l>(leaves: impl IntoIterator<Item = &'l [u8]>) -> Self {
        let mut all = Self(Vec::new());
        for (number, leaf) in (0..).zip(leaves) {
            let more = stored_hashes(number, leaf, &all).expect("stored");
            all.0.extend(more);
        }
        all
    }
}

impl tlog_tiles::HashReader for Stored {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<Hash>, tlog_tiles::Error> {
        Ok(indexes.iter().map(|index| self.0[*index as usize]).collect())
    }
}

pub(crate) fn theirs(hashes: &[Digest]) -> Vec<Hash> {
    hashes.iter().map(|hash| Hash(hash.0)).collect()
}

pub(crate) fn ours(hashes: &[Hash]) -> Vec<Digest> {
    hashes.iter().map(|hash| Digest(hash.0)).collect()
}
