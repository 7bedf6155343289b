//! Every checkpoint the server shows is kept and compared: a server that rewrote its log would have to show two histories.
//!
//! Constraints:
//! 1. A gateway cannot check consistency proofs (it holds only its own records), but it can notice a log that shrinks, or two roots for
//!    one size. Both are told and kept as proof; nothing is freed or refused because of it.
//! 2. Only checkpoints that verify under the enrolled log key count. A new epoch has another origin and begins anew.
//! 3. Bounded: the last checkpoint of each of at most [`ORIGINS_MAX`] origins in memory, a file of [`FILE_BYTES_MAX`] that keeps the
//!    newest half when it is full.

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::path::PathBuf;

use protocol::note::{Checkpoint, VerifierKey};

/// Name of the file in the state directory: signed notes, oldest first, each ended by a line of dashes.
pub const FILE: &str = "checkpoints.txt";

const SEPARATOR: &str = "-----\n";
const FILE_BYTES_MAX: u64 = 1_024 * 1_024;
const ORIGINS_MAX: usize = 64;

/// What a checkpoint says compared with those before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Seen before.
    Known,
    /// Newer than all before.
    New,
    /// Smaller than one before: a log that shrank, or one that shows an older page of itself.
    Older {
        /// Its size.
        size: u64,
        /// The largest size seen before.
        newest: u64,
    },
    /// Another root for a size that was shown before: two histories.
    Forked {
        /// The size with two roots.
        size: u64,
    },
    /// Not a checkpoint under the log key.
    Invalid,
}

/// Compares checkpoints. Pure.
#[derive(Debug, Default)]
pub struct CheckpointWatch {
    newest: BTreeMap<String, Checkpoint>,
}

impl CheckpointWatch {
    /// Compares `note` with what was seen before, and remembers it.
    pub fn observe(&mut self, note: &str, key: &VerifierKey) -> Verdict {
        let Ok(checkpoint) = Checkpoint::verify(note, key) else { return Verdict::Invalid };
        let Some(newest) = self.newest.get(&checkpoint.origin) else {
            if self.newest.len() >= ORIGINS_MAX {
                self.newest.pop_first();
            }
            self.newest.insert(checkpoint.origin.clone(), checkpoint);
            return Verdict::New;
        };
        if checkpoint.size == newest.size {
            let size = checkpoint.size;
            return if checkpoint.root == newest.root { Verdict::Known } else { Verdict::Forked { size } };
        }
        if checkpoint.size < newest.size {
            return Verdict::Older { size: checkpoint.size, newest: newest.size };
        }
        self.newest.insert(checkpoint.origin.clone(), checkpoint);
        Verdict::New
    }
}

/// The watch with its file.
#[derive(Debug)]
pub struct Checkpoints {
    path: PathBuf,
    key: VerifierKey,
    watch: CheckpointWatch,
    last_note: String,
}

impl Checkpoints {
    /// Reads what earlier runs kept; an unreadable file only forgets.
    pub fn load(path: PathBuf, key: VerifierKey) -> Self {
        let mut watch = CheckpointWatch::default();
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        for note in text.split(SEPARATOR) {
            watch.observe(note, &key);
        }
        Checkpoints { path, key, watch, last_note: String::new() }
    }

    /// Compares and keeps a checkpoint from a receipt. Repeated ones cost nothing.
    ///
    /// What it says stands whether or not it could be kept; one that was not kept is compared and kept again when it comes
    /// again.
    pub fn observe(&mut self, note: &str) -> (Verdict, io::Result<()>) {
        if note.is_empty() || note == self.last_note {
            return (Verdict::Known, Ok(()));
        }
        let verdict = self.watch.observe(note, &self.key);
        let kept = match verdict {
            Verdict::New | Verdict::Older { .. } | Verdict::Forked { .. } => self.keep(note),
            Verdict::Known | Verdict::Invalid => Ok(()),
        };
        if kept.is_ok() {
            self.last_note = note.to_owned();
        }
        (verdict, kept)
    }

    fn keep(&self, note: &str) -> io::Result<()> {
        if std::fs::metadata(&self.path).is_ok_and(|metadata| metadata.len() > FILE_BYTES_MAX) {
            let text = std::fs::read_to_string(&self.path)?;
            let notes: Vec<&str> = text.split_inclusive(SEPARATOR).collect();
            crate::identity::replace_file(&self.path, notes[notes.len() / 2..].concat().as_bytes())?;
        }
        let mut file = std::fs::OpenOptions::new().append(true).create(true).open(&self.path)?;
        file.write_all(note.as_bytes())?;
        file.write_all(SEPARATOR.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use protocol::{SecretKey, sha256};

    use super::*;

    fn note(size: u64, root: &[u8], key: &SecretKey) -> String {
        let checkpoint = Checkpoint { origin: "test.log/site-1".to_owned(), size, root: sha256(root) };
        checkpoint.sign("test.log", key).expect("signs")
    }

    #[test]
    fn two_roots_for_one_size_are_two_histories_also_after_a_restart() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let key = SecretKey::from_seed(&[7; 32]);
        let verifier = VerifierKey::new("test.log", key.public()).expect("a name");
        let path = folder.path().join(FILE);
        let mut seen = Checkpoints::load(path.clone(), verifier.clone());
        let mut verdict = |size, root: &[u8]| {
            let (verdict, kept) = seen.observe(&note(size, root, &key));
            kept.expect("kept");
            verdict
        };
        assert_eq!(verdict(5, b"a"), Verdict::New);
        assert_eq!(verdict(9, b"b"), Verdict::New);
        assert_eq!(verdict(9, b"b"), Verdict::Known);
        assert_eq!(verdict(7, b"c"), Verdict::Older { size: 7, newest: 9 });
        let kept = std::fs::read_to_string(&path).expect("the file");
        assert!(kept.contains(&note(7, b"c", &key)), "a log that shrank is kept as proof");
        let mut again = Checkpoints::load(path, verifier);
        assert_eq!(again.observe(&note(9, b"x", &key)).0, Verdict::Forked { size: 9 });
        let stranger = SecretKey::from_seed(&[8; 32]);
        assert_eq!(again.observe(&note(11, b"d", &stranger)).0, Verdict::Invalid);
        assert_eq!(again.observe("").0, Verdict::Known);
    }

    #[test]
    fn two_histories_are_told_even_when_the_proof_cannot_be_written_and_kept_when_it_can() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let key = SecretKey::from_seed(&[7; 32]);
        let path = folder.path().join(FILE);
        let mut seen = Checkpoints::load(path.clone(), VerifierKey::new("test.log", key.public()).expect("a name"));
        seen.observe(&note(9, b"b", &key)).1.expect("kept");
        std::fs::remove_file(&path).expect("removed");
        std::fs::create_dir(&path).expect("a folder where the file was");
        let other = note(9, b"x", &key);
        let (verdict, kept) = seen.observe(&other);
        assert_eq!(verdict, Verdict::Forked { size: 9 });
        assert!(kept.is_err());
        std::fs::remove_dir(&path).expect("removed");
        let (verdict, kept) = seen.observe(&other);
        assert_eq!(verdict, Verdict::Forked { size: 9 }, "the proof is not dropped as known");
        kept.expect("kept");
        assert!(std::fs::read_to_string(&path).expect("the file").contains(&other));
    }
}
