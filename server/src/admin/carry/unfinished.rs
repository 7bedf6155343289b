//! Imports that a server did not live to finish: every record that came on a stick gets its statement all the same.
//!
//! The statement can only stand behind the records it speaks of, and a server can die in between. So a note is written into the data directory
//! before the first record is handed in, and removed when the statement is durable; the next start, before any gateway may speak, states what
//! the notes it finds came to. A death between statement and removal states the same range twice, which is true twice: readers count
//! records, not statements. Once the file is read, the note says what came of it, so that a statement which cannot be written now — the
//! disk is full — says the same later, whatever the network brought meanwhile.

use std::io;
use std::path::{Path, PathBuf};

use protocol::{ChainId, Declaration, Digest, GatewayId, ServerMessage, SiteId};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::REASON;
use crate::ingest::Ingest;
use crate::ingest::accept::CARRIED;
use crate::reporting::Issuer;
use crate::sitelog::{LogError, SiteLogs};
use crate::storage::{private_folder, replace_file};

/// An import before its first record is handed in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Begun {
    pub(super) site: SiteId,
    pub(super) gateway: GatewayId,
    pub(super) chain: ChainId,
    /// Sequences the file is to hold.
    pub(super) first: u64,
    pub(super) last: u64,
    /// How far the server held this gateway's records.
    pub(super) held: Option<(ChainId, u64)>,
    /// Who brought it.
    pub(super) by: Issuer,
    /// What came of the file, once it was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) came: Option<Came>,
}

/// What a file brought.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Came {
    /// First and last sequences that were new.
    pub(super) taken: Vec<(u64, u64)>,
    pub(super) file: Digest,
}

/// The note of one import.
pub(super) struct Note(PathBuf);

impl Begun {
    /// Writes it down, durably. Two imports at once have two notes.
    pub(super) fn note(&self, data_dir: &Path) -> io::Result<Note> {
        let folder = folder(data_dir);
        private_folder(&folder)?;
        let name = format!("{}.{}.{}.{}-{}", self.site, self.gateway, self.chain, self.first, self.last);
        let mut path = folder.join(&name);
        for number in 2_u64.. {
            if !path.exists() {
                break;
            }
            path = folder.join(format!("{name}.{number}"));
        }
        replace_file(&path, &serde_json::to_vec(self)?)?;
        Ok(Note(path))
    }

    /// What the log says of records that were taken; without the file's digest when nobody read it to its end.
    pub(super) fn statement(&self, (first, last): (u64, u64), file: Option<Digest>, now_ms: i64) -> Declaration {
        let mut body = json!({"gateway": self.gateway, "chain": self.chain, "first": first, "last": last});
        if let (Some(file), Some(body)) = (file, body.as_object_mut()) {
            body.insert("file".to_owned(), json!(file));
        }
        Declaration {
            kind: CARRIED.to_owned(),
            effective_from: now_ms,
            author: self.by.author.clone(),
            role: self.by.role.clone(),
            reason: REASON.to_owned(),
            body,
        }
    }

    /// Which of its records the log has, when it now holds this gateway's up to `through`.
    fn taken(&self, through: Option<(ChainId, u64)>) -> Option<(u64, u64)> {
        let (chain, sequence) = through.filter(|_| through != self.held)?;
        let first = match self.held {
            Some((held, sequence)) if held == self.chain => self.first.max(sequence.saturating_add(1)),
            _ => self.first,
        };
        // A newer chain goes on only behind a whole one.
        let last = if chain == self.chain { self.last.min(sequence) } else { self.last };
        (first <= last).then_some((first, last))
    }
}

impl Note {
    /// Adds what came of the file, durably.
    pub(super) fn came(&self, begun: &Begun, came: Came) -> io::Result<()> {
        replace_file(&self.0, &serde_json::to_vec(&Begun { came: Some(came), ..begun.clone() })?)
    }

    /// The statement is durable.
    pub(super) fn done(self) {
        // What stays is stated once more at the next start.
        if let Err(error) = std::fs::remove_file(&self.0) {
            tracing::warn!(%error, "The note of a carried file was not removed.");
        }
    }
}

/// States what interrupted imports brought. What cannot be stated now is tried at the next start.
pub(crate) async fn complete(logs: &SiteLogs, ingest: &Ingest, data_dir: &Path, now_ms: i64) {
    let Ok(entries) = folder(data_dir).read_dir() else { return };
    let mut notes: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    notes.sort();
    for path in notes {
        let read = std::fs::read(&path).and_then(|bytes| Ok(serde_json::from_slice::<Begun>(&bytes)?));
        let stated = match read {
            Ok(begun) => state(logs, ingest, &begun, now_ms).await.map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        match stated {
            Ok(()) => Note(path).done(),
            Err(error) => {
                tracing::warn!(note = %path.display(), %error, "What an interrupted import brought is not stated yet.");
            }
        }
    }
}

async fn state(logs: &SiteLogs, ingest: &Ingest, begun: &Begun, now_ms: i64) -> Result<(), LogError> {
    let (taken, file) = match &begun.came {
        Some(came) => (came.taken.clone(), Some(came.file)),
        None => {
            let through = held(logs, ingest, &begun.site, &begun.gateway).await?;
            (begun.taken(through).into_iter().collect(), None)
        }
    };
    for range in taken {
        logs.append_declaration(&begun.site, &begun.statement(range, file, now_ms)).await?;
    }
    Ok(())
}

/// How far this server holds a gateway's records.
pub(super) async fn held(
    logs: &SiteLogs,
    ingest: &Ingest,
    site: &SiteId,
    gateway: &GatewayId,
) -> Result<Option<(ChainId, u64)>, LogError> {
    let receipt = ingest.greet(site.clone(), gateway.clone()).await.map_err(|_| LogError::Unavailable)?;
    match ServerMessage::verify(&receipt, &logs.key().secret().public()) {
        Ok(ServerMessage::Receipt(receipt)) => Ok(receipt.through.map(|(chain, sequence, _)| (chain, sequence))),
        _ => Err(LogError::Unavailable),
    }
}

fn folder(data_dir: &Path) -> PathBuf {
    data_dir.join("carrying")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_import_brought_is_between_what_was_held_before_and_is_now() {
        let (old, chain, newer) = (ChainId([1; 16]), ChainId([2; 16]), ChainId([3; 16]));
        let (site, gateway) = ("site-1".parse().expect("id"), "gw-1".parse().expect("id"));
        let by = Issuer { author: "operator".into(), role: "administrator".into() };
        let begun = |held| Begun { site, gateway, chain, first: 4, last: 9, held, by, came: None };
        let empty = begun(None);
        assert_eq!(empty.taken(None), None);
        assert_eq!(empty.taken(Some((chain, 6))), Some((4, 6)));
        let further = Begun { held: Some((chain, 5)), ..empty.clone() };
        assert_eq!(further.taken(Some((chain, 5))), None, "nothing came");
        assert_eq!(further.taken(Some((chain, 8))), Some((6, 8)));
        assert_eq!(further.taken(Some((chain, 12))), Some((6, 9)), "no more than the file was to hold");
        assert_eq!(further.taken(Some((newer, 0))), Some((6, 9)));
        let changed = Begun { held: Some((old, 70)), ..empty };
        assert_eq!(changed.taken(Some((old, 70))), None);
        assert_eq!(changed.taken(Some((chain, 4))), Some((4, 4)));
    }
}
