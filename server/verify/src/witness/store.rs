//! What the witness has signed, durable: one file a log, written to a temporary name, synced, renamed, the folder synced.
//!
//! `logs/<SHA-256 of the origin>` holds the last checkpoint cosigned, with our cosignature: the file proves itself. `origins`
//! lists every log ever signed, so that a file that is gone is missed and not taken for a log that is new.

use std::collections::BTreeSet;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use data_encoding::HEXLOWER;
use protocol::cosignature::{WitnessKey, cosigned_at};
use protocol::note::{Checkpoint, VerifierKey};
use protocol::sha256;

use super::decide::Head;
use crate::{Conflict, ConflictKind};

/// The folder, held by one process.
pub(super) struct Store {
    folder: PathBuf,
    _lock: File,
}

/// What is known of one log.
#[derive(Debug)]
pub(super) enum Known {
    /// Never signed.
    Never,
    /// Signed up to here.
    Head(Head),
    /// It was signed, and the record is damaged or gone: what, in words.
    Damaged(String),
}

impl Store {
    /// Opens or makes the folder.
    pub(super) fn open(folder: &Path) -> anyhow::Result<Self> {
        let make = |path: &Path| DirBuilder::new().recursive(true).mode(0o700).create(path);
        for path in [folder.to_owned(), folder.join(LOGS), folder.join(FINDINGS)] {
            make(&path).with_context(|| path.display().to_string())?;
        }
        let path = folder.join("lock");
        let lock = File::create(&path).with_context(|| path.display().to_string())?;
        if rustix::fs::flock(&lock, rustix::fs::FlockOperation::NonBlockingLockExclusive).is_err() {
            bail!(
                "{}: another witness uses this folder; stop it first / 该目录正被另一个见证程序使用，请先停止它",
                folder.display()
            );
        }
        Ok(Self { folder: folder.to_owned(), _lock: lock })
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Nothing was ever signed here.
    pub(super) fn is_new(&self) -> bool {
        self.origins().is_ok_and(|origins| origins.is_empty())
            && std::fs::read_dir(self.folder.join(LOGS)).is_ok_and(|mut entries| entries.next().is_none())
    }

    pub(super) fn sync_folder(&self) -> io::Result<()> {
        File::open(&self.folder)?.sync_all()
    }

    /// Every log ever signed.
    pub(super) fn origins(&self) -> io::Result<BTreeSet<String>> {
        match std::fs::read_to_string(self.folder.join(ORIGINS)) {
            Ok(text) => Ok(text.lines().map(str::to_owned).collect()),
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(BTreeSet::new()),
            Err(e) => Err(e),
        }
    }

    /// What was signed of a log last. The file must be a checkpoint of this origin by `log` with a cosignature of `own`.
    pub(super) fn known(&self, origin: &str, log: &VerifierKey, own: &WitnessKey) -> io::Result<Known> {
        let path = self.path(origin);
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == ErrorKind::NotFound => {
                let missing = self.origins()?.contains(origin);
                let what = format!("{}: the record of what was signed is gone / 签名记录丢失", path.display());
                return Ok(if missing { Known::Damaged(what) } else { Known::Never });
            }
            Err(e) => return Err(e),
        };
        let damaged = |why: String| Known::Damaged(format!("{}: {why} / 签名记录已损坏", path.display()));
        let Ok(note) = String::from_utf8(bytes) else { return Ok(damaged("not text".to_owned())) };
        Ok(match (Checkpoint::verify(&note, log), cosigned_at(&note, own)) {
            (Ok(checkpoint), Ok(Some(_))) if checkpoint.origin == origin => Known::Head(Head { checkpoint, note }),
            (Ok(_), Ok(_)) => damaged("of another log, or not signed by this witness".to_owned()),
            (Err(e), _) | (_, Err(e)) => damaged(e.to_string()),
        })
    }

    /// Makes a new head durable. Only after this may its cosignature leave.
    pub(super) fn put(&self, head: &Head) -> io::Result<()> {
        let origin = &head.checkpoint.origin;
        replace(&self.path(origin), head.note.as_bytes())?;
        let mut origins = self.origins()?;
        if origins.insert(origin.clone()) {
            let text: String = origins.iter().map(|origin| format!("{origin}\n")).collect();
            replace(&self.folder.join(ORIGINS), text.as_bytes())?;
        }
        Ok(())
    }

    /// Keeps a finding about a log of this key as `findings/<kind>-<key id>-<digest>.json`; one that is there already, or one
    /// too many of its kind and key, is not written again. Returns the new file.
    pub(super) fn find(&self, conflict: &Conflict, log: &VerifierKey) -> io::Result<Option<PathBuf>> {
        let kind = match conflict.kind {
            ConflictKind::TwoRoots => "two_roots",
            ConflictKind::NotContinued => "not_continued",
            ConflictKind::NewEpoch => "new_epoch",
        };
        let prefix = format!("{kind}-{}-", HEXLOWER.encode(&log.id()));
        // The same two texts have one name, however often they are shown and by whomever signed.
        let texts = conflict.signed.each_ref().map(|note| note.rfind("\n\n").map_or("", |end| &note[..end]));
        let digest = sha256(texts.join("\n\n").as_bytes()).hex();
        let path = self.folder.join(FINDINGS).join(format!("{prefix}{}.json", &digest[..24]));
        if path.exists() || self.findings(&prefix)? >= FINDINGS_MAX {
            return Ok(None);
        }
        replace(&path, conflict.to_json().as_bytes())?;
        Ok(Some(path))
    }

    /// How many findings there are whose names begin like this.
    pub(super) fn findings(&self, prefix: &str) -> io::Result<usize> {
        let is_one = |name: &str| name.starts_with(prefix) && name.ends_with(".json");
        let entries = std::fs::read_dir(self.folder.join(FINDINGS))?;
        Ok(entries.flatten().filter(|entry| entry.file_name().to_str().is_some_and(is_one)).count())
    }

    fn path(&self, origin: &str) -> PathBuf {
        self.folder.join(LOGS).join(sha256(origin.as_bytes()).hex())
    }
}

/// Atomically and durably, for this user alone: whoever reads sees the old bytes or the new ones.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = path.with_extension("new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&temporary, path)?;
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

const LOGS: &str = "logs";
const FINDINGS: &str = "findings";
const ORIGINS: &str = "origins";
/// Findings of one kind about the logs of one key. Anybody may show a witness two honest checkpoints and a false proof: neither
/// a full disk must come of it, nor a proven finding be crowded out by such.
const FINDINGS_MAX: usize = 1_000;
